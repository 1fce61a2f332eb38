/*
 * snapshot.c - the catalog as it was after the last run: one row for each namespace of a ledger in whimbrel_catalog.
 *
 * The objects of a namespace are one text, a line for each object with tab-separated fields, so that people can read it
 * and two of them can be compared with any diff tool. Backslash, tab and line end inside a field are escaped.
 */
#include "ledger/ledger.h"

#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_MAX ((size_t)256 << 20)

static const wb_column columns[] = {
    { .name = "ledger", .type = WB_TYPE_VARCHAR, .length = 255, .not_null = true, .is_key = true },
    { .name = "namespace", .type = WB_TYPE_VARCHAR, .length = 255, .not_null = true, .is_key = true },
    { .name = "run_id", .type = WB_TYPE_VARCHAR, .length = 36, .not_null = true },
    { .name = "changes", .type = WB_TYPE_BIGINT, .not_null = true },
    { .name = "recorded_at", .type = WB_TYPE_TIMESTAMPTZ, .not_null = true, .default_text = "CURRENT_TIMESTAMP" },
    { .name = "objects", .type = WB_TYPE_TEXT, .not_null = true },
};
static const char *const head_columns[] = { "ledger", "namespace", "run_id", "changes", "recorded_at" };
static const char *const all_columns[] = { "ledger", "namespace", "run_id", "changes", "recorded_at", "objects" };

void wb_snapshots_init(wb_snapshots *l, wb_arena *mem, const char *schema, const char *ledger)
{
    *l = (wb_snapshots){ .mem = mem, .ledger = ledger, .table = { .ref = { schema, WB_CATALOG_TABLE }, .columns = columns,
                                                .column_count = WB_COUNT(columns) } };
}

/* ---- reading ---- */

/* The next field of a line, unescaped in place; *p moves behind its tab. */
static char *next_field(char **p)
{
    char *from = *p, *to = from, *start = from;
    while (*from && *from != '\t') {
        if (*from == '\\' && from[1]) {
            from++;
            *to++ = *from == 't' ? '\t' : *from == 'n' ? '\n' : *from == 'r' ? '\r' : *from;
            from++;
        } else {
            *to++ = *from++;
        }
    }
    *p = *from ? from + 1 : from;
    *to = 0;
    return start;
}

static int read_objects(wb_arena *mem, char *text, wb_snapshot *out)
{
    size_t cap = 0;
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        wb_object *o = WB_PUSH(mem, out->objects, out->count, cap);
        if (!o)
            return WBL_E_NOMEM;
        char *p = line;
        o->kind = next_field(&p);
        o->name = next_field(&p);
        const char *parent = next_field(&p);
        o->parent = *parent ? parent : NULL;
        o->is_valid = *next_field(&p) != '0';
        o->definition = next_field(&p);
        if (!end)
            break;
        line = end + 1;
    }
    return 0;
}

static int add_snapshot(void *user, const wb_str *cells, size_t count)
{
    wb_snapshots *l = user;
    wb_snapshot *s = WB_PUSH(l->mem, l->items, l->count, l->cap);
    if (!s)
        return WBL_E_NOMEM;
    *s = (wb_snapshot){ .ledger = wb_arena_str(l->mem, cells[0].p, cells[0].len),
                        .ns = wb_arena_str(l->mem, cells[1].p, cells[1].len),
                        .run_id = wb_arena_str(l->mem, cells[2].p, cells[2].len),
                        .recorded_at = wb_arena_str(l->mem, cells[4].p, cells[4].len),
                        .is_foreign = !wb_str_eq(cells[0], l->ledger) };
    char *changes = wb_arena_str(l->mem, cells[3].p, cells[3].len);
    if (!s->ledger || !s->ns || !s->run_id || !s->recorded_at || !changes)
        return WBL_E_NOMEM;
    s->changes = strtoll(changes, NULL, 10);
    if (count < WB_COUNT(all_columns))
        return 0;
    char *text = wb_arena_str(l->mem, cells[5].p, cells[5].len);
    return text ? read_objects(l->mem, text, s) : WBL_E_NOMEM;
}

void wb_snapshots_select(wb_snapshots *l, wb_select *out)
{
    l->items = NULL;
    l->count = l->cap = 0;
    *out = (wb_select){ .table = l->table.ref,
                        .columns = l->heads_only ? head_columns : all_columns,
                        .column_count = l->heads_only ? WB_COUNT(head_columns) : WB_COUNT(all_columns),
                        .order_by = "namespace", .fn = add_snapshot, .user = l };
}

/* ---- writing ---- */

static void add_field(wb_buf *b, const char *text, char end)
{
    for (const char *p = text ? text : ""; *p;) {
        size_t n = strcspn(p, "\\\t\n\r");
        wb_buf_add(b, p, n);
        p += n;
        if (!*p)
            break;
        wb_buf_char(b, '\\');
        wb_buf_char(b, *p == '\t' ? 't' : *p == '\n' ? 'n' : *p == '\r' ? 'r' : '\\');
        p++;
    }
    wb_buf_char(b, end);
}

int wb_snapshot_put(wb_ctx *cx, wb_session *s, const wb_snapshots *l, const wb_snapshot *snap)
{
    WB_AUTOBUF wb_buf text = WB_BUF(SNAPSHOT_MAX);
    for (size_t i = 0; i < snap->count; i++) {
        const wb_object *o = &snap->objects[i];
        add_field(&text, o->kind, '\t');
        add_field(&text, o->name, '\t');
        add_field(&text, o->parent, '\t');
        wb_buf_str(&text, o->is_valid ? "1\t" : "0\t");
        add_field(&text, o->definition, '\n');
    }
    const char *objects = wb_buf_cstr(&text);
    if (!objects)
        return wb_nomem(cx);
    const wb_field key[] = { { "ledger", WB_TEXT(snap->ledger) }, { "namespace", WB_TEXT(snap->ns) } };
    const wb_field set[] = { { "ledger", WB_TEXT(snap->ledger) }, { "namespace", WB_TEXT(snap->ns) }, { "run_id", WB_TEXT(snap->run_id) },
                             { "changes", WB_INT(snap->changes) },
                             { "objects", { .kind = WB_VALUE_TEXT, .text = { objects, text.len } } } };
    const wb_row_op gone = { .op = WB_OP_DELETE, .table = l->table.ref, .where = key, .where_count = WB_COUNT(key) };
    const wb_row_op here = { .op = WB_OP_INSERT, .table = l->table.ref, .set = set, .set_count = WB_COUNT(set) };
    int rc = s->driver->put(cx, s, &gone);
    return rc != 0 ? rc : s->driver->put(cx, s, &here);
}
