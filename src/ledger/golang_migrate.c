/*
 * golang_migrate.c - the ledger of golang-migrate: one row (version, dirty), the highest applied version. An empty table
 * means nothing applied; -1 does too.
 *
 * One row cannot be fenced by its key: a runner that lost the lock would insert a version that the other one has long
 * passed. So each change names the version that it expects to find, and must hit exactly that row; the first row of an
 * empty table goes in under a table lock.
 */
#include "ledger/ledger.h"

#include <string.h>

static const wb_column columns[] = {
    { .name = "version", .type = WB_TYPE_BIGINT, .not_null = true, .is_key = true },
    { .name = "dirty", .type = WB_TYPE_BOOL, .not_null = true },
};
static const char *const needs[] = { "version", "dirty", NULL };
static const char *const lacks[] = { "namespace", "module", "applied_at", NULL };
static const char *const select_columns[] = { "version", "dirty" };

static int read_row(wb_ledger *l, const wb_str *cells, wb_ledger_row *out)
{
    out->ns = "default";
    out->key = out->text = wb_arena_str(l->mem, cells[0].p, cells[0].len);
    out->is_dirty = cells[1].len > 0 && (cells[1].p[0] == 't' || cells[1].p[0] == '1');
    return out->key ? 0 : wb_nomem(l->cx);
}

/* The row goes from (before, before_dirty) to (version, dirty). version NULL: no row. */
static int move(wb_ctx *cx, wb_session *s, const wb_ledger *l, const wb_change *c, const char *version, bool dirty,
                uint32_t tag)
{
    const wb_field set[] = { { "version", WB_TEXT(version) }, { "dirty", WB_BOOL(dirty) } };
    const wb_field where[] = { { "version", WB_TEXT(c->before) }, { "dirty", WB_BOOL(c->before_dirty) } };
    wb_row_op op = { .table = l->table.ref, .set = set, .set_count = 2, .where = where, .where_count = 2, .tag = tag };
    if (!c->before && !version)
        return 0;
    if (!c->before) {
        op.op = WB_OP_INSERT;
        op.where_count = 0;
        op.is_fence = op.only_if_empty = op.locks_table = true;
    } else if (!version) {
        op.op = WB_OP_DELETE;
        op.set_count = 0;
        op.must_hit = true;
    } else {
        op.op = WB_OP_UPDATE;
        op.must_hit = true;
    }
    return s->driver->put(cx, s, &op);
}

/* Whatever the row was, it is now this version, dirty. */
static int replace(wb_ctx *cx, wb_session *s, const wb_ledger *l, const char *version, uint32_t tag)
{
    const wb_field set[] = { { "version", WB_TEXT(version) }, { "dirty", WB_BOOL(true) } };
    const wb_row_op gone = { .op = WB_OP_DELETE, .table = l->table.ref, .tag = tag };
    const wb_row_op here = { .op = WB_OP_INSERT, .table = l->table.ref, .set = set, .set_count = WB_COUNT(set), .tag = tag };
    int rc = s->driver->put(cx, s, &gone);
    return rc != 0 ? rc : s->driver->put(cx, s, &here);
}

static int change(wb_ctx *cx, wb_session *s, const wb_ledger *l, const wb_change *c, uint32_t tag)
{
    const char *target = c->direction == WBL_UP ? c->key : c->after ? c->after : "-1";
    switch (c->kind) {
    case WB_CHANGE_APPLY:
    case WB_CHANGE_FINISH_APPLY:
        return move(cx, s, l, c, c->key, false, tag);
    case WB_CHANGE_REVERT:
    case WB_CHANGE_FINISH_REVERT:
        return move(cx, s, l, c, c->after, false, tag);
    case WB_CHANGE_BEGIN: /* as the original: the target version, dirty, while it is under way */
        return move(cx, s, l, c, target, true, tag);
    case WB_CHANGE_MARK_FAILED:
        if (!c->has_effect)
            return 0;
        return move(cx, s, l, c, target, true, tag);
    case WB_CHANGE_DOUBT:
        return replace(cx, s, l, target, tag);
    case WB_CHANGE_CLEAN:
        return move(cx, s, l, c, c->before && strcmp(c->before, "-1") != 0 ? c->before : NULL, false, tag);
    }
    return 0;
}

const wb_shape wb_shape_golang_migrate = {
    .profile = "golang-migrate",
    .is_single_row = true,
    .has_dirty = true,
    .needs = needs,
    .lacks = lacks,
    .columns = columns,
    .column_count = WB_COUNT(columns),
    .select = select_columns,
    .select_count = WB_COUNT(select_columns),
    .row = read_row,
    .change = change,
};
