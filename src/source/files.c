/*
 * files.c - the files of one namespace: which of them are migrations, for this database, and in which format.
 *
 * Names tell everything about pairs. A single file is read, for only its text says whether it has a down part; files
 * of other tools are told by their markers, so that a person gets the right advice. Owns nothing: entries go to the
 * scan.
 */
#include "source/scan.h"

static int add_entry(wb_scan *s, const wb_item_name *it, size_t ns, wb_entry **out)
{
    wb_entry *entries = wb_scan_room(s->entries, s->count, &s->cap, sizeof *entries);
    if (!entries)
        return wb_nomem(s->cx);
    s->entries = entries;
    const wb_name *n = &it->parsed;
    wb_entry *e = &s->entries[s->count++];
    *e = (wb_entry){ .ns = ns,
                     .version = n->version,
                     .key = n->version,
                     .title = n->title,
                     .database = n->database,
                     .path = it->path,
                     .shown = it->shown,
                     .dir_fd = s->root_fd,
                     .direction = (uint8_t)n->direction,
                     .is_autocommit = n->is_autocommit };
    while (e->key.len > 1 && e->key.p[0] == '0') {
        e->key.p++;
        e->key.len--;
    }
    *out = e;
    return 0;
}

static bool takes_no_sql(const char *database)
{
    return database && (strcmp(database, "mongodb") == 0 || strcmp(database, "dynamodb") == 0);
}

static bool is_for_this_database(const wb_scan *s, const wb_name *n)
{
    const char *database = s->opt->database;
    if (!n->is_json && (takes_no_sql(n->database) || takes_no_sql(database)))
        return false;
    return !database || !n->database || strcmp(n->database, database) == 0;
}

static int take_single_text(wb_scan *s, const wb_item_name *it, size_t ns, const wb_single *text)
{
    wb_entry *e;
    int rc = add_entry(s, it, ns, &e);
    if (rc != 0)
        return rc;
    e->is_part = true;
    e->part_offset = text->up_offset;
    e->part_len = text->up_len;
    s->single_total++;
    if (!text->has_down)
        return 0;
    rc = add_entry(s, it, ns, &e);
    if (rc == 0) {
        e->is_part = true;
        e->direction = WBL_DOWN;
        e->part_offset = text->down_offset;
        e->part_len = text->down_len;
    }
    return rc;
}

static int read_single(wb_scan *s, const wb_item_name *it, wb_single *out)
{
    int rc = wb_file_read(s->cx, s->root_fd, it->path, it->shown, &s->head);
    if (rc == WBL_E_NOMEM)
        return rc;
    if (rc != 0) {
        rc = wb_scan_fault(s, "unreadable", it->shown, NULL, "%s",
                           s->cx->err ? s->cx->err->message : "cannot read a file");
        wb_error_clear(s->cx->err);
        *out = (wb_single){ .fault = "" };
        return rc;
    }
    *out = wb_single_split(s->head.p, s->head.len);
    return 0;
}

static int take_single(wb_scan *s, const wb_item_name *it, size_t ns)
{
    wb_single text;
    int rc = read_single(s, it, &text);
    if (rc != 0)
        return rc;
    bool is_marked = text.has_up_marker || text.has_down;
    if (text.fault && !*text.fault)
        return 0; /* could not be read: said already */
    if (text.foreign && !is_marked) {
        char *hint = wb_arena_fmt(s->set->mem,
                                  "This version does not read files of %s. Make two files of it: %.*s_%.*s.up.sql and "
                                  ".down.sql; or write `-- whimbrel: up` and `-- whimbrel: down` for its markers.",
                                  text.foreign, (int)it->parsed.version.len, it->parsed.version.p,
                                  (int)it->parsed.title.len, it->parsed.title.p);
        return hint ? wb_scan_fault(s, "foreign-file", it->shown, hint, "%s is a %s file", it->shown, text.foreign)
                    : wb_nomem(s->cx);
    }
    if (wb_scan_wants(s, "pairs") || (!is_marked && !wb_scan_wants(s, "single"))) {
        char *hint = wb_arena_fmt(s->set->mem,
                                  "Name it %.*s_%.*s.up.sql, or mark its down part with a line "
                                  "`-- whimbrel: down`.",
                                  (int)it->parsed.version.len, it->parsed.version.p, (int)it->parsed.title.len,
                                  it->parsed.title.p);
        return hint ? wb_scan_fault(s, "near-miss", it->shown, hint, "%s is not named like a migration", it->shown)
                    : wb_nomem(s->cx);
    }
    if (text.fault) {
        rc = wb_scan_fault(s, "markers", it->shown, NULL, "%s: %s", it->shown, text.fault);
        if (rc == 0)
            s->findings->items[s->findings->count - 1].line = text.fault_line;
        return rc;
    }
    return take_single_text(s, it, ns, &text);
}

static int take_file(wb_scan *s, const wb_item_name *it, size_t ns, const char *database)
{
    const wb_name *n = &it->parsed;
    if (n->kind == WB_NAME_OTHER)
        return wb_scan_pass_over(s, it);
    if (it->is_told)
        return 0;
    if (it->is_dir || it->is_odd)
        return wb_scan_fault(s, "near-miss", it->shown, NULL, "%s is not a regular file", it->shown);
    if (!wb_is_clean(it->name))
        return wb_scan_fault(s, "bad-name", it->shown, "Rename it.",
                             "the name of %s holds a control character or is not UTF-8", it->shown);
    if (n->kind == WB_NAME_NEAR)
        return wb_scan_fault(s, "near-miss", it->shown,
                             "Migrations are named like 000001_add_users.up.sql and 000001_add_users.down.sql.",
                             "%s is not named like a migration", it->shown);
    wb_item_name own = *it;
    if (!own.parsed.database)
        own.parsed.database = database; /* of the directory that it lies in */
    if (!is_for_this_database(s, &own.parsed))
        return wb_scan_pass_over(s, it);
    if (n->kind == WB_NAME_SINGLE)
        return take_single(s, &own, ns);
    if (wb_scan_wants(s, "single"))
        return wb_scan_fault(s, "near-miss", it->shown,
                             "The format is set to `single`: remove `format:`, or join the pair.",
                             "%s is one of a pair, and single files are expected", it->shown);
    wb_entry *e;
    s->pair_total++;
    return add_entry(s, &own, ns, &e);
}

int wb_scan_take_files(wb_scan *s, const wb_listing *list, size_t ns, const char *database)
{
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++)
        if (!list->items[i].is_dir || list->items[i].parsed.kind != WB_NAME_OTHER)
            rc = take_file(s, &list->items[i], ns, database);
    return rc;
}
