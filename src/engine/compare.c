/*
 * compare.c - what is recorded against what is there: applied files whose text was changed, and what people did to the
 * ledger by hand, which is noted in the history.
 */
#include "engine/engine.h"

#include <stdlib.h>

/* ---- applied files against their checksums ---- */

static int compare_one(wb_run *run, wb_item *it, wb_buf *scratch)
{
    wb_script *s = &it->migration->up;
    int rc = wb_script_hash(&run->cx, it->migration, s, scratch);
    if (rc != 0 || strcmp(s->sha256, it->origin->sha256) == 0)
        return rc;
    it->is_edited = true;
    if (!it->origin->tokens)
        return 0;
    rc = wb_script_load(&run->cx, it->migration, s);
    if (rc != 0)
        return rc;
    char tokens[65];
    wb_sql_token_hash(&run->sql, s->text, s->len, tokens);
    it->is_comment_edit = strcmp(tokens, it->origin->tokens) == 0;
    return 0;
}

struct origin {
    wb_arena *mem;
    const char *who, *text;
};

static int read_origin(void *user, const wb_str *cells, size_t count)
{
    (void)count;
    struct origin *o = user;
    o->who = cells[0].p ? wb_arena_str(o->mem, cells[0].p, cells[0].len) : NULL;
    o->text = cells[1].p ? wb_arena_str(o->mem, cells[1].p, cells[1].len) : NULL;
    return (cells[0].p && !o->who) || (cells[1].p && !o->text) ? WBL_E_NOMEM : 0;
}

/* Who applied what was edited, and how it was; the history is loaded without it, since hardly anybody asks. */
static int look_at_origin(wb_run *run, wb_item *it)
{
    static const char *const columns[] = { "executed_by", "up_script" };
    struct origin o = { .mem = run->mem };
    const wb_field where[] = { { "id", WB_TEXT(it->origin->id) } };
    const wb_select sel = { .table = run->history.table.ref, .columns = columns, .column_count = WB_COUNT(columns),
                            .where = where, .where_count = 1, .fn = read_origin, .user = &o };
    int rc = run->h->driver->rows(&run->cx, run->h->session, &sel, 1);
    wb_record *r = rc == 0 ? wb_arena_get(run->mem, sizeof *r) : NULL;
    if (rc != 0 || !r)
        return rc == 0 || rc == WBL_E_NOMEM ? wb_nomem(&run->cx) : rc;
    *r = *it->origin;
    r->who = o.who;
    it->origin = r;
    const wb_script *s = &it->migration->up;
    if (o.text && s->text && !(it->edit_detail = wb_text_diff(run->mem, WB_STR(o.text), (wb_str){ s->text, s->len })))
        return wb_nomem(&run->cx);
    return 0;
}

int wb_run_compare(wb_run *run)
{
    WB_AUTOBUF wb_buf scratch = WB_BUF(WB_FILE_SIZE_MAX);
    for (size_t i = 0; i < run->state.count; i++) {
        wb_item *it = &run->state.items[i];
        if (it->state != WBL_STATE_APPLIED || !it->migration || it->migration->is_code || !it->migration->up.exists ||
            !it->origin || !it->origin->sha256)
            continue;
        int rc = compare_one(run, it, &scratch);
        if (rc == 0 && it->is_edited && !it->is_comment_edit && !it->origin->who)
            rc = look_at_origin(run, it);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- what people did by hand ---- */

wb_record wb_run_record(const wb_run *run, const wb_item *it, const char *action, const char *state)
{
    wb_record r = { .run_id = run->run_id, .ns = it->ns, .version = it->version, .key = it->key, .name = it->name,
                    .action = action, .state = state, .who = run->who, .tool = "whimbrel " WBL_VERSION, .duration_ms = -1 };
    char id[37];
    r.id = wb_uuid7(id) == 0 ? wb_arena_dup(run->mem, id) : NULL;
    return r;
}

/* The file as it is now is what was applied: nobody knows better. */
int wb_run_first_sight(wb_run *run, wb_item *it, wb_record *r)
{
    if (!it->migration || it->migration->is_code || !it->migration->up.exists)
        return 0;
    wb_script *s = &it->migration->up;
    int rc = wb_script_load(&run->cx, it->migration, s);
    if (rc != 0)
        return rc;
    char tokens[65];
    wb_sql_token_hash(&run->sql, s->text, s->len, tokens);
    r->sha256 = s->sha256;
    r->tokens = wb_arena_dup(run->mem, tokens);
    r->up_script = s->len <= WB_KEPT_MAX ? wb_arena_str(run->mem, s->text, s->len) : NULL;
    bool is_kept = r->up_script || s->len > WB_KEPT_MAX;
    wb_script_release(s);
    return r->tokens && is_kept ? 0 : wb_nomem(&run->cx);
}

static int note_one(wb_run *run, wb_item *it, bool adopts)
{
    wb_record r = wb_run_record(run, it, adopts ? "adopt" : "external",
                                it->state == WBL_STATE_APPLIED ? "applied" : "reverted");
    if (!r.id)
        return wb_nomem(&run->cx);
    r.note = it->external_note;
    int rc = it->state == WBL_STATE_APPLIED ? wb_run_first_sight(run, it, &r) : 0;
    return rc != 0 ? rc : wb_history_add(&run->cx, run->h->session, &run->history, &r, false, WB_TAG_HISTORY);
}

/* A down that stopped before its first statement, and is not gone on with now: the ledger still carries its mark. */
static bool is_abandoned_down(const wb_run *run, const wb_item *it)
{
    if (!it->last || !it->is_dirty || !wb_item_is_applied(it) || it->resume_done || it->resume_begun)
        return false;
    for (size_t i = 0; i < run->plan.count; i++)
        if (run->plan.steps[i].item == it)
            return false;
    return true;
}

static int withdraw_down(wb_run *run, wb_item *it)
{
    bool is_single = run->ledger.shape->is_single_row;
    const wb_change c = { .kind = is_single ? WB_CHANGE_APPLY : WB_CHANGE_CLEAN, .ns = it->ns, .key = it->key, .row = it->row,
                          .before = run->cursor, .before_dirty = run->cursor_dirty, .direction = WBL_DOWN };
    wb_record r = wb_run_record(run, it, "down", "failed");
    wb_ledger_row *row = wb_arena_get(run->mem, sizeof *row);
    if (!r.id || !row)
        return wb_nomem(&run->cx);
    r.protocol = it->last->protocol;
    r.statements = it->last->statements;
    r.error = "its run ended before the first statement";
    int rc = wb_ledger_change(&run->cx, run->h->session, &run->ledger, &c, WB_TAG_LEDGER);
    if (rc == 0)
        rc = wb_history_add(&run->cx, run->h->session, &run->history, &r, false, WB_TAG_HISTORY);
    if (rc != 0)
        return rc;
    *row = (wb_ledger_row){ .ns = it->ns, .key = it->key, .text = it->key, .applied_at = it->row ? it->row->applied_at : NULL };
    it->row = row;
    it->is_dirty = run->cursor_dirty = false;
    run->cursor = is_single ? it->key : run->cursor;
    return 0;
}

int wb_run_external(wb_run *run)
{
    bool is_open = false;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < run->state.count; i++) {
        wb_item *it = &run->state.items[i];
        bool adopts = it->state == WBL_STATE_APPLIED && !it->origin && !it->is_external && it->row;
        if (it->is_assumed && it->state == WBL_STATE_APPLIED && !it->origin)
            adopts = true;
        bool withdraws = is_abandoned_down(run, it);
        if (!it->is_external && !adopts && !withdraws)
            continue;
        if (!is_open) {
            rc = wb_run_tables(run);
            if (rc == 0)
                rc = wb_rows_begin(run, &run->cx);
            is_open = rc == 0;
        }
        if (rc == 0)
            rc = withdraws ? withdraw_down(run, it) : note_one(run, it, adopts);
    }
    return is_open ? wb_rows_end(run, &run->cx, rc) : rc;
}
