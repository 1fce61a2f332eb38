/*
 * stepper.c - what a script that runs statement by statement is made of: units, its own row, whose migration it is.
 */
#include "engine/stepper.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- small parts ---- */

bool wb_stepper_has_lock(const wb_stepper *x)
{
    return wb_stepper_session(x)->caps & (WB_CAP_LOCK_SESSION | WB_CAP_LOCK_LEASE);
}

bool wb_stepper_drop_unit(wb_stepper *x)
{
    wb_failure failure = wb_stepper_session(x)->failure;
    wbl_error scratch = { 0 };
    wb_sync done;
    wb_ctx quiet = wb_run_quiet(x->run, &scratch);
    int rc = wb_stepper_driver(x)->rollback(&quiet, wb_stepper_session(x)); /* the first error is the one to tell */
    (void)wb_stepper_driver(x)->sync(&quiet, wb_stepper_session(x), &done);
    wb_stepper_session(x)->failure = failure;
    return rc == 0 || scratch.effect != WBL_EFFECT_UNKNOWN;
}

static int64_t statement_timeout(const wb_stepper *x)
{
    int64_t ms = x->script->info->directives.statement_timeout_ms;
    if (ms < 0)
        ms = x->run->h->config.statement_timeout_ms;
    return ms < 0 ? 0 : ms;
}

wb_piece wb_stepper_piece(const wb_stepper *x, const wb_statement *st)
{
    return (wb_piece){ .text = x->script->text + st->offset, .len = st->len, .offset = st->offset,
                       .statement_first = st->index, .statement_count = 1,
                       .copy_data = st->has_copy_data ? x->script->text + st->copy_offset : NULL, .copy_len = st->copy_len,
                       .statement = st, .statement_timeout_ms = statement_timeout(x),
                       .lock_timeout_ms = st->is_concurrent ? 0 : wb_step_lock_timeout(x->run, x->script) };
}

static void add_mark(void *user, const wb_token_mark *mark)
{
    wb_stepper *x = user;
    wb_token_mark *slot = x->has_no_marks ? NULL : WB_PUSH(&x->marks_mem, x->marks, x->mark_count, x->mark_cap);
    x->has_no_marks = !slot;
    if (slot)
        *slot = *mark;
}

static int by_end(const void *a, const void *b)
{
    const wb_token_mark *x = a, *y = b;
    return (x->end > y->end) - (x->end < y->end);
}

/* Checksum of everything up to the end of a statement: what is done may not change before a resume. Of a long script, to
   take each beginning anew would be too slow: one pass gives them all. */
int wb_stepper_seal(wb_stepper *x, size_t end)
{
    char hex[65];
    const wb_script *s = x->script;
    const wb_token_mark wanted = { .end = end }, *found = NULL;
    if (x->mark_count == 0 && !x->has_no_marks)
        wb_sql_token_marks(&x->sql, s->text, s->len, add_mark, x);
    if (x->has_no_marks)
        return wb_nomem(&x->run->cx);
    if (x->mark_count)
        found = bsearch(&wanted, x->marks, x->mark_count, sizeof *x->marks, by_end);
    if (found)
        wb_hex(found->digest, sizeof found->digest, hex);
    else
        wb_sql_token_hash_to(&x->sql, s->text, s->len, end, hex);
    x->r->done_sha256 = wb_arena_dup(x->run->mem, hex);
    return x->r->done_sha256 ? 0 : wb_nomem(&x->run->cx);
}

int wb_stepper_set_done(wb_stepper *x, const wb_statement *st)
{
    x->r->done = x->r->begun = st->index;
    x->r->look = NULL;
    return wb_stepper_seal(x, wb_statement_end(st));
}

int wb_stepper_save(wb_stepper *x)
{
    return wb_history_update(&x->run->cx, wb_stepper_session(x), &x->run->history, x->r, WB_TAG_PROGRESS);
}

int wb_stepper_commit_unit(wb_stepper *x)
{
    wb_sync done;
    int rc = wb_stepper_driver(x)->commit(&x->run->cx, wb_stepper_session(x));
    return rc != 0 ? rc : wb_stepper_driver(x)->sync(&x->run->cx, wb_stepper_session(x), &done);
}

int wb_stepper_begin_unit(wb_stepper *x)
{
    const wb_txn txn = { .lock_timeout_ms = wb_step_lock_timeout(x->run, x->script),
                         .statement_timeout_ms = statement_timeout(x), .fuse = "",
                         .may_leak = x->script->info->facts.may_leak };
    return wb_stepper_driver(x)->begin(&x->run->cx, wb_stepper_session(x), &txn);
}

/* ---- whose migration it is ---- */

int wb_stepper_check_mine(wb_stepper *x)
{
    int rc = wb_step_overtaken(x->run, x->step, x->r->id, x->has_row, &x->is_overtaken);
    return rc == 0 && x->is_overtaken
               ? wb_fail(&x->run->cx, WBL_E_CONFLICT, WBL_EFFECT_UNKNOWN, "another run goes on with this migration") : rc;
}

/* A unit of this migration: the lock says that it is ours, or a look inside the unit does. */
int wb_stepper_begin_mine(wb_stepper *x)
{
    int rc = wb_stepper_begin_unit(x);
    return rc == 0 && !wb_stepper_has_lock(x) ? wb_stepper_check_mine(x) : rc;
}

/* ---- the first record of an attempt ---- */

static int record_start(wb_stepper *x)
{
    wb_run *run = x->run;
    wb_change c = wb_step_change(run, x->step, WB_CHANGE_BEGIN);
    int rc = wb_stepper_begin_unit(x);
    if (rc == 0 && (!wb_stepper_has_lock(x) || run->reconnects)) /* others may have been at it since the plan was made */
        rc = wb_stepper_check_mine(x);
    if (rc == 0)
        rc = wb_ledger_change(&run->cx, wb_stepper_session(x), &run->ledger, &c, WB_TAG_LEDGER);
    if (rc == 0)
        rc = wb_history_add(&run->cx, wb_stepper_session(x), &run->history, x->r, false, WB_TAG_HISTORY);
    if (rc == 0)
        rc = wb_stepper_commit_unit(x);
    return rc;
}

/* In memory, what record_start and the progress did to the ledger. */
int wb_stepper_note_started(wb_stepper *x)
{
    wb_run *run = x->run;
    wb_item *it = x->step->item;
    x->r->seq = -1; /* it has its row */
    x->has_row = true;
    if (run->ledger.shape->is_single_row) {
        wb_change c = wb_step_change(run, x->step, WB_CHANGE_BEGIN);
        run->cursor = x->step->direction == WBL_UP ? it->key : c.after ? c.after : "-1";
        run->cursor_dirty = true;
    } else if (run->ledger.shape->has_dirty) {
        wb_ledger_row *row = wb_arena_get(run->mem, sizeof *row);
        if (!row)
            return wb_nomem(&run->cx);
        *row = (wb_ledger_row){ .ns = it->ns, .key = it->key, .text = it->key, .is_dirty = true };
        it->row = row;
    }
    return 0;
}

int wb_stepper_start(wb_stepper *x)
{
    if (x->is_started)
        return 0;
    int rc = record_start(x);
    bool is_fenced = rc == WBL_E_CONFLICT && wb_stepper_session(x)->failure.put_tag == WB_TAG_LEDGER;
    x->is_overtaken = x->is_overtaken || is_fenced;
    if (rc == 0)
        rc = wb_stepper_note_started(x);
    x->is_started = rc == 0;
    return rc;
}

/* ---- its own row ---- */

static int take_own(void *user, const wb_str *cells, size_t count)
{
    (void)count;
    wb_own_row *own = user;
    char number[16];
    own->is_there = true;
    wb_copy_text(own->state, sizeof own->state, cells[0].p, cells[0].len);
    wb_copy_text(number, sizeof number, cells[1].p ? cells[1].p : "", cells[1].len);
    (void)sscanf(number, "%u", &own->begun);
    wb_copy_text(number, sizeof number, cells[2].p ? cells[2].p : "", cells[2].len);
    (void)sscanf(number, "%u", &own->done);
    own->look = cells[3].p ? wb_arena_str(own->mem, cells[3].p, cells[3].len) : NULL;
    own->sealed = cells[4].p ? wb_arena_str(own->mem, cells[4].p, cells[4].len) : NULL;
    return 0;
}

void wb_stepper_take_row(wb_stepper *x, const wb_own_row *own)
{
    x->r->begun = own->begun;
    x->r->done = own->done;
    x->r->look = own->look;
    x->r->done_sha256 = own->sealed;
}

int wb_stepper_own_row(wb_stepper *x, wb_own_row *out)
{
    static const char *const columns[] = { "state", "statements_begun", "statements_done", "looked", "done_checksum" };
    *out = (wb_own_row){ .mem = x->run->mem };
    const wb_field where[] = { { "id", WB_TEXT(x->r->id) } };
    const wb_select sel = { .table = x->run->history.table.ref, .columns = columns, .column_count = WB_COUNT(columns),
                            .where = where, .where_count = 1, .fn = take_own, .user = out };
    return wb_stepper_driver(x)->rows(&x->run->cx, wb_stepper_session(x), &sel, 1);
}
