/*
 * join.c - bring together what belongs to one migration: same namespace, same version.
 *
 * One sort over all entries, then groups. Of several files for one direction the one for this database is taken, else
 * the one for all; two for the same database are a fault that names both.
 */
#include "source/scan.h"

#include <stdlib.h>

static int str_cmp(wb_str a, wb_str b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return memcmp(a.p, b.p, a.len);
}

static int entry_cmp(const void *left, const void *right)
{
    const wb_entry *a = left, *b = right;
    if (a->ns != b->ns)
        return a->ns < b->ns ? -1 : 1;
    int order = str_cmp(a->key, b->key);
    if (order == 0)
        order = (int)a->direction - (int)b->direction;
    if (order == 0)
        order = wb_strcmp_null(a->database, b->database);
    return order != 0 ? order : strcmp(a->shown, b->shown);
}

static bool is_same_version(const wb_entry *a, const wb_entry *b)
{
    return a->ns == b->ns && str_cmp(a->key, b->key) == 0;
}

static int ns_cmp(const void *left, const void *right)
{
    const wb_source_ns *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : (a->first > b->first) - (a->first < b->first);
}

/* Several roots, or several databases, may hold the same namespace: sort by name, make one of equal ones, and let the
   entries follow. */
static int join_namespaces(wb_scan *s)
{
    wb_source_set *set = s->set;
    if (set->ns_count == 0)
        return 0;
    WB_AUTOFREE size_t *new_index = wb_alloc(set->ns_count * sizeof *new_index);
    if (!new_index)
        return wb_nomem(s->cx);
    for (size_t i = 0; i < set->ns_count; i++)
        set->namespaces[i].first = i; /* carries the old index through the sort */
    qsort(set->namespaces, set->ns_count, sizeof *set->namespaces, ns_cmp);
    size_t kept = 0;
    for (size_t i = 0; i < set->ns_count; i++) {
        size_t old = set->namespaces[i].first;
        if (kept == 0 || strcmp(set->namespaces[kept - 1].name, set->namespaces[i].name) != 0)
            set->namespaces[kept++] = set->namespaces[i];
        new_index[old] = kept - 1;
    }
    set->ns_count = kept;
    for (size_t i = 0; i < s->count; i++)
        s->entries[i].ns = new_index[s->entries[i].ns];
    return 0;
}

static int fault_duplicate(wb_scan *s, const wb_entry *a, const wb_entry *b)
{
    const char *ns = s->set->namespaces[a->ns].name;
    bool is_default = strcmp(ns, WB_DEFAULT_NS) == 0;
    bool is_same_name = strcmp(wb_base_name(a->shown), wb_base_name(b->shown)) == 0;
    char *hint = wb_arena_fmt(s->set->mem, "Rename the later one: `whimbrel new --renumber %s`", b->shown);
    char *version = wb_arena_str(s->set->mem, b->version.p, b->version.len);
    if (!hint || !version)
        return wb_nomem(s->cx);
    int rc =
        wb_scan_fault(s, "duplicate-version", b->shown, hint, "two files are version %s%s%s: %s and %s", version,
                      is_default ? "" : " of ", is_default ? "" : ns, is_same_name ? a->shown : wb_base_name(a->shown),
                      is_same_name ? b->shown : wb_base_name(b->shown));
    if (rc == 0) {
        wbl_finding *f = &s->findings->items[s->findings->count - 1];
        f->ns = ns;
        f->version = version;
    }
    return rc;
}

static void fill_script(wb_script *to, const wb_entry *e)
{
    *to = (wb_script){ .exists = true,
                       .path = e->path,
                       .shown = e->shown,
                       .part_offset = e->part_offset,
                       .part_len = e->part_len,
                       .is_part = e->is_part };
}

/* The entries of one version and direction: the one for this database, else the one for all. */
static int choose(wb_scan *s, const wb_entry *first, size_t count, const wb_entry **out)
{
    const char *database = s->opt->database;
    *out = first; /* the one for all stands first */
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && wb_strcmp_null(first[i - 1].database, first[i].database) == 0) {
            int rc = fault_duplicate(s, &first[i - 1], &first[i]);
            if (rc != 0)
                return rc;
        } else if (database && first[i].database && strcmp(first[i].database, database) == 0) {
            *out = &first[i];
        }
    }
    return 0;
}

static int make_migration(wb_scan *s, const wb_entry *first, size_t count, wb_migration *m)
{
    size_t ups = 0;
    while (ups < count && first[ups].direction == WBL_UP)
        ups++;
    const wb_entry *up = NULL, *down = NULL;
    int rc = ups ? choose(s, first, ups, &up) : 0;
    if (rc == 0 && ups < count)
        rc = choose(s, first + ups, count - ups, &down);
    if (rc != 0)
        return rc;
    const wb_entry *lead = up ? up : down;
    char *version = wb_arena_str(s->set->mem, lead->version.p, lead->version.len);
    char *name = wb_arena_str(s->set->mem, lead->title.p, lead->title.len);
    if (!version || !name)
        return wb_nomem(s->cx);
    m->ns = s->set->namespaces[lead->ns].name;
    m->version = version;
    m->key = version + (lead->version.len - lead->key.len);
    m->name = name;
    m->dir_fd = lead->dir_fd;
    m->no_transaction = lead->is_autocommit;
    if (up)
        fill_script(&m->up, up);
    if (down)
        fill_script(&m->down, down);
    return 0;
}

static int make_migrations(wb_scan *s)
{
    wb_source_set *set = s->set;
    if (s->count == 0)
        return 0;
    qsort(s->entries, s->count, sizeof *s->entries, entry_cmp);
    size_t groups = 1;
    for (size_t i = 1; i < s->count; i++)
        groups += !is_same_version(&s->entries[i - 1], &s->entries[i]);
    /* In one exact block: a migration is large, and growing by doubling would hold each twice. */
    set->migrations = wb_arena_get(set->mem, groups * sizeof *set->migrations);
    if (!set->migrations)
        return wb_nomem(s->cx);
    set->migration_cap = groups;
    int rc = 0;
    for (size_t i = 0, end; i < s->count && rc == 0; i = end) {
        for (end = i + 1; end < s->count && is_same_version(&s->entries[i], &s->entries[end]);)
            end++;
        rc = make_migration(s, &s->entries[i], end - i, &set->migrations[set->migration_count++]);
    }
    return rc;
}

int wb_scan_join(wb_scan *s)
{
    int rc = join_namespaces(s);
    return rc == 0 ? make_migrations(s) : rc;
}
