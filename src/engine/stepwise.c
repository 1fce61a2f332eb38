/*
 * stepwise.c - a script that cannot, or must not, be in one transaction: progress is recorded statement by statement.
 *
 * statement.c says how each of them is run so that the record can be believed.
 *
 * A lost connection is handled by starting over: the attempt's own row says which statement is next, exactly as if the
 * process had died.
 */
#include "engine/stepper.h"

#define TAKE_OVER_MS 500                   /* a runner that is alive has written by then, or holds the write lock */

/* ---- a migration in C ---- */

/* Its function is recorded as a script of one statement would be, and leaves no trace to look for. What it changed when it
   comes back with an error stays, and the next run calls it again: that is what its author was told. */
static int do_call(wb_stepper *x)
{
    const wb_statement call = { .index = 1 };
    wb_sync done;
    if (x->r->done)
        return 0;
    if (x->r->begun)
        return wb_stepper_unknown(x, &call);
    if (wb_cancelled(&x->run->cx))
        return wb_fail(&x->run->cx, WBL_E_CANCELLED, WBL_EFFECT_NONE, "cancelled before its function was called");
    x->r->begun = 1;
    int rc = wb_stepper_save(x);
    if (rc == 0)
        rc = wb_stepper_driver(x)->sync(&x->run->cx, wb_stepper_session(x), &done);
    if (rc != 0) {
        x->r->begun = 0;
        return rc;
    }
    x->tries = 1;
    x->try_ms = wb_now_ms();
    rc = wb_step_call(x->run, x->step);
    if (rc == 0)
        rc = wb_stepper_driver(x)->sync(&x->run->cx, wb_stepper_session(x), &done);
    if (rc == 0 && done.is_in_transaction) {
        (void)wb_stepper_drop_unit(x);
        rc = wb_fail(&x->run->cx, WBL_E_STATE, WBL_EFFECT_UNKNOWN, "the migration's function left a transaction open; it was rolled back");
    }
    if (rc == 0)
        x->r->done = 1;
    else if (!wb_is_lost(wb_stepper_session(x), rc)) {
        x->r->begun = 0;
        x->is_code_failed = true;
    }
    return rc;
}

/* A function has no text: what the rest asks of a script is said here. */
static int describe_call(wb_run *run, wb_script *s)
{
    if (!s->info && !(s->info = wb_arena_get(run->mem, sizeof *s->info)))
        return wb_nomem(&run->cx);
    *s->info = (wb_script_info){ .directives = { .lock_timeout_ms = -1, .statement_timeout_ms = -1 },
                                 .facts = { .statement_count = 1, .may_leak = true } };
    return 0;
}

/* ---- begin, resume, end ---- */

struct prefix {
    uint32_t done;
    size_t end;
};

static int find_end(void *user, const wb_statement *st)
{
    struct prefix *p = user;
    if (st->index == p->done)
        p->end = wb_statement_end(st);
    return 0;
}

/* The statements that ran must still be the same ones; those behind them may have been mended. */
static int check_resume(wb_stepper *x, const wb_record *last)
{
    x->r->done = x->step->item->resume_done;
    x->r->begun = x->step->item->resume_begun;
    x->r->look = x->step->item->resume_look;
    if (x->r->begun < x->r->done)
        x->r->begun = x->r->done;
    if (x->r->done == 0 || !last || !last->done_sha256)
        return 0;
    struct prefix p = { x->r->done, 0 };
    int rc = wb_split(&x->run->cx, &x->sql, x->script->text, x->script->len, false, find_end, &p);
    char hex[65];
    wb_sql_token_hash_to(&x->sql, x->script->text, x->script->len, p.end, hex);
    x->r->done_sha256 = last->done_sha256;
    if (rc != 0 || (p.end > 0 && strcmp(hex, last->done_sha256) == 0))
        return rc;
    rc = wb_fail(&x->run->cx, WBL_E_DRIFT, WBL_EFFECT_NONE,
                 "statements 1-%u of this script have run already, and they were changed since", x->r->done);
    wb_hint(&x->run->cx, "Put them back and change only what comes behind them; or say what holds now:\n"
            "  %s repair " WB_LABEL " --mark-applied\n  %s repair " WB_LABEL " --mark-reverted",
            wb_command_of(x->run->h), WB_LABEL_OF(x->step->item), wb_command_of(x->run->h), WB_LABEL_OF(x->step->item));
    wb_at(&x->run->cx, x->script->shown ? x->script->shown : "", 0, 0);
    return rc;
}

static int record_end(wb_stepper *x)
{
    wb_run *run = x->run;
    bool is_up = x->step->direction == WBL_UP;
    wb_change c = wb_step_change(run, x->step, is_up ? WB_CHANGE_FINISH_APPLY : WB_CHANGE_FINISH_REVERT);
    x->r->state = is_up ? "applied" : "reverted";
    x->r->duration_ms = wb_now_ms() - x->began_ms;
    int rc = wb_stepper_begin_mine(x);
    if (rc == 0)
        rc = wb_ledger_change(&run->cx, wb_stepper_session(x), &run->ledger, &c, WB_TAG_LEDGER);
    if (rc == 0)
        rc = wb_stepper_save(x);
    return rc == 0 ? wb_stepper_commit_unit(x) : rc;
}

/* Connection lost: get a fresh one and learn from our own row how far we are. *is_there: the row exists. */
static int go_on(wb_stepper *x, bool *is_there, bool *is_finished)
{
    wb_own_row own;
    int rc = wb_run_relock(x->run);
    if (rc == 0)
        rc = wb_stepper_own_row(x, &own);
    if (rc != 0) {
        wb_hint(&x->run->cx, "Run again when the database answers: it goes on from the statement that is recorded.");
        x->run->cx.err->effect = WBL_EFFECT_UNKNOWN;
        return rc;
    }
    if ((rc = wb_stepper_check_mine(x)) != 0)
        return rc;
    x->in_script_txn = false;
    *is_there = own.is_there;
    *is_finished = strcmp(own.state, "applied") == 0 || strcmp(own.state, "reverted") == 0;
    if (own.is_there) {
        x->r->state = *is_finished ? x->r->state : "started";
        wb_stepper_take_row(x, &own);
    }
    return 0;
}

static int run_script(wb_stepper *x)
{
    bool is_finished = false;
    for (;;) {
        bool is_resumed = x->r->done > 0 || x->r->begun > 0 || x->step->item->migration->is_code;
        int rc = is_resumed ? wb_stepper_start(x) : 0;
        if (rc == 0 && !is_finished)
            rc = x->step->item->migration->is_code
                     ? do_call(x)
                     : wb_split(&x->run->cx, &x->sql, x->script->text, x->script->len, true, wb_stepper_statement, x);
        if (rc == 0)
            rc = wb_stepper_start(x); /* of a script without statements */
        if (rc == 0 && !is_finished)
            rc = record_end(x);
        if (x->is_overtaken) {
            wb_stepper_drop_unit(x);
            return WB_AGAIN;
        }
        if (rc == 0 || !wb_is_lost(wb_stepper_session(x), rc))
            return rc;
        bool is_there = false;
        rc = go_on(x, &is_there, &is_finished);
        if (x->is_overtaken)
            return WB_AGAIN;
        x->is_adrift = rc != 0;
        if (rc != 0)
            return rc;
        if (is_there && !x->is_started)
            rc = wb_stepper_note_started(x);
        if (rc != 0)
            return rc;
        x->is_started = is_there;
        if (is_finished)
            return 0;
    }
}

int wb_stepwise(wb_run *run, wb_step *st)
{
    wb_record r;
    wb_stepper x = { .run = run, .step = st, .script = wb_step_script(st), .r = &r, .sql = run->sql };
    x.sql.first_line = x.script->first_line;
    int rc = wb_step_record(run, st, "started", &r);
    if (rc == 0 && st->item->migration->is_code)
        rc = describe_call(run, x.script);
    if (rc == 0)
        rc = check_resume(&x, st->item->last);
    if (rc != 0)
        return rc;
    bool may_leak = x.script->info->facts.may_leak;
    x.began_ms = wb_now_ms();
    wb_step_started(run, st);
    if (!wb_stepper_has_lock(&x) && st->item->last && strcmp(st->item->last->state, "started") == 0)
        wb_sleep_ms(TAKE_OVER_MS); /* it may be running: then its record has changed when we look again */
    rc = run_script(&x);
    wb_arena_done(&x.marks_mem);
    int64_t took = wb_now_ms() - x.began_ms;
    if (rc == WB_AGAIN) {
        run->was_overtaken = run->was_overtaken || x.has_row;
        return rc;
    }
    if (rc == 0) {
        wb_step_done(run, st, took);
        if (may_leak) {
            wb_sync done;
            rc = wb_stepper_driver(&x)->reset(&run->cx, wb_stepper_session(&x));
            if (rc == 0)
                rc = wb_stepper_driver(&x)->sync(&run->cx, wb_stepper_session(&x), &done);
        }
        return rc;
    }
    wb_step_lock_wait(run, st, x.tries, wb_now_ms() - x.try_ms);
    bool is_record = wb_stepper_session(&x)->failure.stage == WB_STAGE_PUT;
    (void)wb_step_put_refused(run, rc);
    wb_step_place(run, st);
    if (x.in_script_txn) {
        wbl_error scratch;
        wb_ctx quiet = wb_run_quiet(run, &scratch);
        (void)wb_stepper_driver(&x)->rollback(&quiet, wb_stepper_session(&x));
        r.done = r.begun = x.txn_from; /* its progress was rolled back with it */
    }
    bool is_lost = x.is_adrift || wb_is_lost(wb_stepper_session(&x), rc);
    if (is_lost || x.is_code_failed)
        run->cx.err->effect = WBL_EFFECT_UNKNOWN; /* what was sent last may still come true */
    else if (!x.is_unknown)
        run->cx.err->effect = r.begun > r.done ? (rc == WBL_E_STATEMENT ? WBL_EFFECT_SOME : WBL_EFFECT_UNKNOWN)
                                                : r.done ? WBL_EFFECT_SOME : WBL_EFFECT_NONE;
    if (run->cx.err->statement == 0 && !is_record)
        run->cx.err->statement = r.done + 1;
    r.duration_ms = took;
    r.state = x.is_unknown ? "unknown" : "failed";
    st->item->resume_done = r.done;
    st->item->resume_begun = r.begun;
    if (is_lost) {
        wb_step_lost(run, st, took);
        return rc;
    }
    return wb_step_failed(run, st, &r, rc, x.is_unknown || x.is_code_failed || r.done > 0 || r.begun > r.done);
}
