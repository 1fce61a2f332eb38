/*
 * axcom.c - the ledger of the module-scoped engine: (module, version, applied_at), a row for each applied version, and no
 * row for anything else. A failure is only in our history.
 */
#include "ledger/ledger.h"

static const wb_column columns[] = {
    { .name = "module", .type = WB_TYPE_TEXT, .not_null = true, .is_key = true },
    { .name = "version", .type = WB_TYPE_INT, .not_null = true, .is_key = true },
    { .name = "applied_at", .type = WB_TYPE_TIMESTAMPTZ },
};
static const char *const needs[] = { "module", "version", "applied_at", NULL };
static const char *const lacks[] = { "dirty", "namespace", NULL };
static const char *const select_columns[] = { "module", "version", "applied_at" };

static int read_row(wb_ledger *l, const wb_str *cells, wb_ledger_row *out)
{
    out->ns = wb_arena_str(l->mem, cells[0].p, cells[0].len);
    out->key = out->text = wb_arena_str(l->mem, cells[1].p, cells[1].len);
    out->applied_at = cells[2].p ? wb_arena_str(l->mem, cells[2].p, cells[2].len) : NULL;
    return out->ns && out->key && (out->applied_at || !cells[2].p) ? 0 : wb_nomem(l->cx);
}

static int change(wb_ctx *cx, wb_session *s, const wb_ledger *l, const wb_change *c, uint32_t tag)
{
    const wb_field set[] = { { "module", WB_TEXT(c->ns) }, { "version", WB_TEXT(c->key) }, { "applied_at", WB_NOW() } };
    wb_row_op op = { .table = l->table.ref, .tag = tag };
    switch (c->kind) {
    case WB_CHANGE_APPLY:
    case WB_CHANGE_FINISH_APPLY:
        op.op = WB_OP_INSERT;
        op.set = set;
        op.set_count = WB_COUNT(set);
        op.is_fence = true;
        return s->driver->put(cx, s, &op);
    case WB_CHANGE_REVERT:
    case WB_CHANGE_FINISH_REVERT:
        op.op = WB_OP_DELETE;
        op.where = set;
        op.where_count = 2;
        op.must_hit = true;
        return s->driver->put(cx, s, &op);
    case WB_CHANGE_DOUBT: /* a row would say "applied"; that nobody knows is in the history */
        if (c->direction == WBL_DOWN)
            return 0;
        op.op = WB_OP_DELETE;
        op.where = set;
        op.where_count = 2;
        return s->driver->put(cx, s, &op);
    case WB_CHANGE_BEGIN:
    case WB_CHANGE_MARK_FAILED:
    case WB_CHANGE_CLEAN:
        return 0;
    }
    return 0;
}

const wb_shape wb_shape_axcom = {
    .profile = "axcom",
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
