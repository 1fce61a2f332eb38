/*
 * native.c - the ledger of our own, which is also the one that promenade documents: one row for each applied version of
 * a namespace, dirty=true for one whose last attempt failed.
 *
 * A hand edit is an instruction: dirty=false means applied, a deleted row means pending. So a failed row must be replaced
 * by the next attempt, and only a failed one: that is why the fence is DELETE ... WHERE dirty, then INSERT.
 */
#include "ledger/ledger.h"

#include <string.h>

static const wb_column columns[] = {
    { .name = "version", .type = WB_TYPE_BIGINT, .not_null = true, .is_key = true, .is_key_end = true },
    { .name = "namespace", .type = WB_TYPE_VARCHAR, .length = 50, .not_null = true, .is_key = true },
    { .name = "dirty", .type = WB_TYPE_BOOL, .not_null = true, .default_text = "FALSE" },
    { .name = "applied_at", .type = WB_TYPE_TIMESTAMP, .default_text = "CURRENT_TIMESTAMP" },
};
static const char *const needs[] = { "version", "namespace", "dirty", "applied_at", NULL };
static const char *const lacks[] = { NULL };
static const char *const select_columns[] = { "namespace", "version", "dirty", "applied_at" };

/* Booleans arrive as t/f (PostgreSQL) or 1/0. */
static bool is_true(wb_str s) { return s.len > 0 && (s.p[0] == 't' || s.p[0] == '1'); }

static int read_row(wb_ledger *l, const wb_str *cells, wb_ledger_row *out)
{
    out->ns = wb_arena_str(l->mem, cells[0].p, cells[0].len);
    out->key = out->text = wb_arena_str(l->mem, cells[1].p, cells[1].len);
    out->is_dirty = is_true(cells[2]);
    out->applied_at = cells[3].p ? wb_arena_str(l->mem, cells[3].p, cells[3].len) : NULL;
    return out->ns && out->key && (out->applied_at || !cells[3].p) ? 0 : wb_nomem(l->cx);
}

static int insert(wb_ctx *cx, wb_session *s, const wb_ledger *l, const wb_change *c, bool dirty, uint32_t tag)
{
    const wb_field set[] = {
        { "version", WB_TEXT(c->key) }, { "namespace", WB_TEXT(c->ns) }, { "dirty", WB_BOOL(dirty) }
    };
    const wb_row_op op = { .op = WB_OP_INSERT, .table = l->table.ref, .set = set, .set_count = WB_COUNT(set),
                           .is_fence = true, .tag = tag };
    return s->driver->put(cx, s, &op);
}

static int delete(wb_ctx *cx, wb_session *s, const wb_ledger *l, const wb_change *c, bool only_dirty, uint32_t tag)
{
    const wb_field where[] = {
        { "namespace", WB_TEXT(c->ns) }, { "version", WB_TEXT(c->key) }, { "dirty", WB_BOOL(true) }
    };
    const wb_row_op op = { .op = WB_OP_DELETE, .table = l->table.ref, .where = where, .where_count = only_dirty ? 3 : 2,
                           .must_hit = !only_dirty, .tag = tag };
    return s->driver->put(cx, s, &op);
}

/* The row goes, if it is there. */
static int forget(wb_ctx *cx, wb_session *s, const wb_ledger *l, const wb_change *c, uint32_t tag)
{
    const wb_field where[] = { { "namespace", WB_TEXT(c->ns) }, { "version", WB_TEXT(c->key) } };
    const wb_row_op op = { .op = WB_OP_DELETE, .table = l->table.ref, .where = where, .where_count = 2, .tag = tag };
    return s->driver->put(cx, s, &op);
}

static int set_dirty(wb_ctx *cx, wb_session *s, const wb_ledger *l, const wb_change *c, bool dirty, bool only_dirty,
                     uint32_t tag)
{
    const wb_field set[] = { { "dirty", WB_BOOL(dirty) }, { "applied_at", WB_NOW() } };
    const wb_field where[] = {
        { "namespace", WB_TEXT(c->ns) }, { "version", WB_TEXT(c->key) }, { "dirty", WB_BOOL(true) }
    };
    const wb_row_op op = { .op = WB_OP_UPDATE, .table = l->table.ref, .set = set, .set_count = dirty ? 1 : 2,
                           .where = where, .where_count = only_dirty ? 3 : 2, .must_hit = true, .tag = tag };
    return s->driver->put(cx, s, &op);
}

static int change(wb_ctx *cx, wb_session *s, const wb_ledger *l, const wb_change *c, uint32_t tag)
{
    int rc = 0;
    switch (c->kind) {
    case WB_CHANGE_APPLY:
        if (c->row && c->row->is_dirty)
            rc = delete(cx, s, l, c, true, tag);
        return rc != 0 ? rc : insert(cx, s, l, c, false, tag);
    case WB_CHANGE_REVERT:
    case WB_CHANGE_FINISH_REVERT:
        return delete(cx, s, l, c, false, tag);
    case WB_CHANGE_BEGIN:
        return c->row ? set_dirty(cx, s, l, c, true, false, tag) : insert(cx, s, l, c, true, tag);
    case WB_CHANGE_FINISH_APPLY:
        return set_dirty(cx, s, l, c, false, true, tag);
    case WB_CHANGE_MARK_FAILED:
        if (c->direction == WBL_DOWN && !c->has_effect)
            return 0;
        return c->row ? set_dirty(cx, s, l, c, true, false, tag) : insert(cx, s, l, c, true, tag);
    case WB_CHANGE_CLEAN:
        return set_dirty(cx, s, l, c, false, false, tag);
    case WB_CHANGE_DOUBT:
        rc = forget(cx, s, l, c, tag);
        return rc != 0 ? rc : insert(cx, s, l, c, true, tag);
    }
    return 0;
}

const wb_shape wb_shape_native = {
    .profile = "native",
    .has_dirty = true,
    .dirty_is_failed = true,
    .has_namespaces = true,
    .needs = needs,
    .lacks = lacks,
    .columns = columns,
    .column_count = WB_COUNT(columns),
    .select = select_columns,
    .select_count = WB_COUNT(select_columns),
    .row = read_row,
    .change = change,
};
