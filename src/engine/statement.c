/*
 * statement.c - one statement of a script that runs statement by statement, each kind in its own way.
 *
 * What can be in a transaction is committed together with its progress, so it is exact. Before what cannot, "begun n" is
 * written with what a look at its object gave; when the answer never comes, or the process dies, the next run looks
 * again and knows. Inside a transaction that the script opened itself, progress is written just before the script's
 * COMMIT and so shares its fate.
 *
 * Whether a routine ends the transaction that it is called in can't be seen from outside. So it is called in one, behind a
 * "begun n" that only an end of that transaction makes durable: where the note is missing, nothing has happened.
 */
#include "engine/stepper.h"

#include <stdio.h>

#define PROBE_WAIT_MS 500
#define PROBE_WAIT_MAX 7200                /* an hour of building in a session that is still alive */

/* ---- small parts ---- */

static void place(wb_stepper *x, const wb_statement *st)
{
    wb_failure *f = &wb_stepper_session(x)->failure;
    f->stage = WB_STAGE_RUN;
    f->statement = st->index;
    f->offset = st->offset;
}

#define REPAIR_LINES "  %s repair " WB_LABEL " --statement %u --did-run\n" \
                     "  %s repair " WB_LABEL " --statement %u --did-not-run"
#define REPAIR_ARGUMENTS(x, st) wb_command_of((x)->run->h), WB_LABEL_OF((x)->step->item), (st)->index, \
                                wb_command_of((x)->run->h), WB_LABEL_OF((x)->step->item), (st)->index

/* What nobody can tell is for a person to say. */
static int ask_person(wb_stepper *x, const wb_statement *st, int rc)
{
    x->is_unknown = true;
    x->run->cx.err->effect = WBL_EFFECT_UNKNOWN;
    wb_hint(&x->run->cx, "look at the data, then say which:\n" REPAIR_LINES, REPAIR_ARGUMENTS(x, st));
    place(x, st);
    return rc;
}

/* ---- the note of a statement that has begun: was it refused, which one is it, and what a look gave before it ---- */

#define NOTE_SENT "sent"
#define NOTE_REFUSED "refused"

typedef struct wb_note {
    bool was_refused, is_changed;
    const char *looked;
} wb_note;

static void digest(const wb_stepper *x, const wb_statement *st, char out[17])
{
    char hex[65];
    wb_sql_token_hash(&x->sql, x->script->text + st->offset, st->len, hex);
    wb_copy_text(out, 17, hex, 16);
}

static int note_begun(wb_stepper *x, const wb_statement *st, const char *how, const char *looked)
{
    char which[17];
    digest(x, st, which);
    x->r->begun = st->index;
    x->r->look = wb_arena_fmt(x->run->mem, "%s %s %s", how, which, looked);
    return x->r->look ? 0 : wb_nomem(&x->run->cx);
}

static wb_note read_note(const wb_stepper *x, const wb_statement *st)
{
    char how[8] = "", which[17] = "", now[17];
    int used = 0;
    const char *text = x->r->look ? x->r->look : "";
    if (sscanf(text, "%7s %16s%n", how, which, &used) != 2)
        return (wb_note){ .looked = "" };
    digest(x, st, now);
    return (wb_note){ .was_refused = strcmp(how, NOTE_REFUSED) == 0, .is_changed = strcmp(which, now) != 0,
                      .looked = text + used + (text[used] == ' ') };
}

static int run_alone(wb_stepper *x, const wb_statement *st)
{
    wb_piece p = wb_stepper_piece(x, st);
    p.is_alone = true;
    return wb_stepper_driver(x)->run(&x->run->cx, wb_stepper_session(x), &p);
}

/* ---- in a transaction with its progress ---- */

static bool is_exact(const wb_stepper *x, const wb_statement *st)
{
    if (st->refuses || st->commits_implicitly || st->may_commit || st->cls == WB_STMT_SESSION ||
        st->cls == WB_STMT_TXN || st->cls == WB_STMT_ROUTINE)
        return false;
    return !x->script->info->uncovered || (st->cls != WB_STMT_DML && st->cls != WB_STMT_QUERY);
}

/* In a transaction with its progress, unless a table without transactions would make that a lie. */
static bool is_routine(const wb_stepper *x, const wb_statement *st)
{
    return st->cls == WB_STMT_ROUTINE && !st->refuses && !x->script->info->uncovered &&
           wb_stepper_session(x)->caps & (WB_CAP_TXN_DDL | WB_CAP_TXN_DML);
}

/* PostgreSQL refuses to end the transaction that a routine was called in; others just do it. */
static bool may_end_unit(const wb_stepper *x, const wb_statement *st)
{
    return st->cls == WB_STMT_ROUTINE && !(wb_stepper_session(x)->caps & WB_CAP_TXN_DDL);
}

static int exact_unit(wb_stepper *x, const wb_statement *st, bool *did_run)
{
    wb_piece p = wb_stepper_piece(x, st);
    *did_run = false;
    int rc = wb_stepper_begin_mine(x);
    if (rc == 0 && may_end_unit(x, st) && (rc = note_begun(x, st, NOTE_SENT, "")) == 0)
        rc = wb_stepper_save(x);
    if (rc == 0)
        rc = wb_stepper_driver(x)->run(&x->run->cx, wb_stepper_session(x), &p);
    *did_run = rc == 0;
    if (rc == 0)
        rc = wb_stepper_set_done(x, st);
    if (rc == 0)
        rc = wb_stepper_save(x);
    return rc == 0 ? wb_stepper_commit_unit(x) : rc;
}

typedef enum wb_ending { ENDING_NOTHING, ENDING_DONE, ENDING_UNKNOWN } wb_ending;

static int read_own_quietly(wb_stepper *x, wb_own_row *own)
{
    wbl_error scratch;
    const wb_ctx was = x->run->cx;
    const wb_failure failure = wb_stepper_session(x)->failure;
    x->run->cx = wb_run_quiet(x->run, &scratch);
    int rc = wb_stepper_own_row(x, own);
    x->run->cx = was;
    if (rc == 0)
        wb_stepper_session(x)->failure = failure; /* the first error is the one to tell */
    else
        *was.err = scratch;
    return rc;
}

/* It failed, and its transaction is rolled back. Is the note there all the same, then the routine has ended that
   transaction, and what it did until then stays: all of it when only our own row was refused (did_run). EXECUTE is a
   single statement, which took itself back. */
static int look_at_note(wb_stepper *x, const wb_statement *st, bool did_run, wb_ending *out)
{
    wb_own_row own;
    bool is_single = st->text.len > 7 && wb_str_ieq((wb_str){ st->text.p, 7 }, "execute");
    *out = ENDING_NOTHING;
    if (!may_end_unit(x, st) || (is_single && !did_run))
        return 0;
    int rc = read_own_quietly(x, &own);
    if (rc != 0 || own.begun != st->index)
        return rc;
    wb_stepper_take_row(x, &own);
    *out = own.done >= st->index || did_run ? ENDING_DONE : ENDING_UNKNOWN;
    if (own.done >= st->index || !did_run)
        return 0;
    rc = wb_stepper_set_done(x, st);
    return rc == 0 ? wb_stepper_save(x) : rc;
}

static int run_exact(wb_stepper *x, const wb_statement *st)
{
    wb_record was = *x->r;
    for (int tries = 1;; tries++) {
        bool did_run;
        wb_ending ending = ENDING_UNKNOWN;
        x->tries = tries;
        x->try_ms = wb_now_ms();
        int rc = exact_unit(x, st, &did_run);
        if (rc == 0)
            return 0;
        *x->r = was;
        if (wb_is_lost(wb_stepper_session(x), rc))
            return rc;
        bool is_whole = wb_stepper_drop_unit(x);
        int rc2 = is_whole ? look_at_note(x, st, did_run, &ending) : note_begun(x, st, NOTE_SENT, "");
        if (rc2 != 0 || ending == ENDING_DONE)
            return rc2;
        if (ending == ENDING_UNKNOWN)
            return ask_person(x, st, rc);
        if (!wb_is_retryable(x->run, rc) || tries >= x->run->h->config.ddl_lock_tries || wb_cancelled(&x->run->cx))
            return rc;
        wb_retry_pause(x->run, x->step, tries);
    }
}

/* ---- by itself, between "begun" and "done" ---- */

/* Waits while the server still works on it in a session that is not ours any more. */
static int probe(wb_stepper *x, const wb_statement *st, const char *looked, wb_probe *out)
{
    *out = WB_PROBE_CANNOT_TELL;
    wb_stepper_session(x)->failure.seen[0] = 0;
    if (!(wb_stepper_session(x)->caps & WB_CAP_PROBE))
        return 0;
    for (int i = 0; i < PROBE_WAIT_MAX; i++) {
        int rc = wb_stepper_driver(x)->probe(&x->run->cx, wb_stepper_session(x), st, looked, out);
        if (rc != 0 || *out != WB_PROBE_BUILDING)
            return rc;
        if (wb_cancelled(&x->run->cx))
            return wb_fail(&x->run->cx, WBL_E_CANCELLED, WBL_EFFECT_SOME, "cancelled while the server still builds");
        wb_sleep_ms(PROBE_WAIT_MS);
    }
    *out = WB_PROBE_CANNOT_TELL;
    return 0;
}

static int invalid_index(wb_stepper *x, const wb_statement *st)
{
    int rc = wb_fail(&x->run->cx, WBL_E_STATEMENT, WBL_EFFECT_SOME, "%.*s is invalid: it was not built completely",
                     st->name.len ? (int)st->name.len : 9, st->name.len ? st->name.p : "the index");
    wb_hint(&x->run->cx, "Mend what stops it (duplicate rows of a unique index, most often) and run again: the invalid index is dropped first.");
    place(x, st);
    return rc;
}

/* Refused, and what of it is there? Most statements take themselves back. CONCURRENTLY, a DROP of several and a routine
   may not, and then a look tells; what can't be looked into leaves nothing, or nobody could help. */
static wb_probe look_after_refusal(wb_stepper *x, const wb_statement *st, const char *looked)
{
    bool is_doubtful = st->is_concurrent || (x->run->cx.err->effect == WBL_EFFECT_UNKNOWN && !st->is_repeatable);
    bool can_look = wb_stepper_session(x)->caps & WB_CAP_PROBE;
    if (!is_doubtful || (!can_look && st->is_concurrent))
        return WB_PROBE_ABSENT;
    const wb_failure failure = wb_stepper_session(x)->failure;
    wbl_error scratch;
    wb_ctx quiet = wb_run_quiet(x->run, &scratch);
    wb_probe p = WB_PROBE_CANNOT_TELL;
    if (can_look && wb_stepper_driver(x)->probe(&quiet, wb_stepper_session(x), st, looked, &p) != 0)
        p = WB_PROBE_INVALID; /* the next run looks */
    if (!wb_stepper_session(x)->failure.is_connection_lost)
        wb_stepper_session(x)->failure = failure; /* the first error is the one to tell */
    return p;
}

static int settle_refused(wb_stepper *x, const wb_statement *st, const char *looked, int rc)
{
    wb_probe p = look_after_refusal(x, st, looked);
    if (p == WB_PROBE_ABSENT)
        x->r->begun = x->r->done; /* refused: it had no effect */
    else if (p == WB_PROBE_CANNOT_TELL && !st->is_concurrent)
        return ask_person(x, st, rc);
    else if (note_begun(x, st, NOTE_REFUSED, looked) != 0)
        return WBL_E_NOMEM;
    return rc;
}

static int run_begun(wb_stepper *x, const wb_statement *st)
{
    wb_ctx *cx = &x->run->cx;
    const char *looked = "";
    int rc = 0;
    if (wb_stepper_session(x)->caps & WB_CAP_PROBE)
        rc = wb_stepper_driver(x)->look(cx, wb_stepper_session(x), st, x->run->mem, &looked);
    if (rc == 0)
        rc = note_begun(x, st, NOTE_SENT, looked);
    if (rc == 0 && !x->is_started)
        rc = wb_stepper_start(x); /* the first row says at once that this one is begun */
    else if (rc == 0 && !st->is_repeatable)
        rc = wb_stepper_save(x);
    if (rc != 0) {
        x->r->begun = x->r->done; /* it was not sent; after a lost answer the row tells */
        return rc;
    }
    cx->is_finishing = !st->is_concurrent; /* one that cannot be rolled back ends first; an index build may be stopped */
    rc = run_alone(x, st);
    cx->is_finishing = false;
    wb_probe p = WB_PROBE_PRESENT;
    if (rc == 0 && st->is_concurrent && st->action == WB_ACT_CREATE) {
        rc = probe(x, st, looked, &p);
        if (rc == 0 && p == WB_PROBE_INVALID)
            return invalid_index(x, st); /* begun stays: the next run cleans it */
    }
    if (rc == 0)
        return wb_stepper_set_done(x, st);
    return wb_is_lost(wb_stepper_session(x), rc) ? rc : settle_refused(x, st, looked, rc);
}

/* A procedure of PostgreSQL that ends transactions must be called outside of one. */
static int run_routine(wb_stepper *x, const wb_statement *st)
{
    int rc = run_exact(x, st);
    const wbl_error *err = x->run->cx.err;
    bool wants_none = rc == WBL_E_STATEMENT && !x->is_unknown &&
                      (strcmp(err->sqlstate, "2D000") == 0 || strcmp(err->sqlstate, "25001") == 0);
    return wants_none ? run_begun(x, st) : rc;
}

static int run_one(wb_stepper *x, const wb_statement *st)
{
    return is_exact(x, st) ? run_exact(x, st) : is_routine(x, st) ? run_routine(x, st) : run_begun(x, st);
}

/* ---- an earlier attempt sent it, and never learned the result ---- */

static int fail_changed(wb_stepper *x, const wb_statement *st)
{
    int rc = wb_fail(&x->run->cx, WBL_E_DRIFT, WBL_EFFECT_UNKNOWN,
                     "statement %u of %u was running when the last run ended, and it was changed since", st->index,
                     x->script->info->facts.statement_count);
    place(x, st);
    wb_hint(&x->run->cx, "Put it back and run again: then a look tells. Or say which:\n" REPAIR_LINES,
            REPAIR_ARGUMENTS(x, st));
    return rc;
}

int wb_stepper_unknown(wb_stepper *x, const wb_statement *st)
{
    const char *seen = wb_stepper_session(x)->failure.seen;
    int rc = wb_fail(&x->run->cx, WBL_E_STATE, WBL_EFFECT_UNKNOWN,
                     "the connection was lost while statement %u of %u was running, and %s", st->index,
                     x->script->info->facts.statement_count, *seen ? seen : "it leaves no trace to look for");
    return ask_person(x, st, rc);
}

static int settle_begun(wb_stepper *x, const wb_statement *st)
{
    wb_probe p = WB_PROBE_ABSENT;
    wb_note note = read_note(x, st);
    if (note.is_changed && !note.was_refused)
        return fail_changed(x, st);
    int rc = st->is_repeatable ? 0 : probe(x, st, note.looked, &p);
    if (rc != 0)
        return rc;
    if (note.is_changed && p != WB_PROBE_INVALID) /* what was refused has been mended */
        p = WB_PROBE_ABSENT;
    switch (p) {
    case WB_PROBE_PRESENT:
        return wb_stepper_set_done(x, st);
    case WB_PROBE_INVALID: /* to clean may be to finish it: of a DROP of several, the rest */
        rc = wb_stepper_driver(x)->clean(&x->run->cx, wb_stepper_session(x), st);
        if (rc == 0)
            rc = probe(x, st, note.looked, &p);
        return rc != 0 ? rc : p == WB_PROBE_PRESENT ? wb_stepper_set_done(x, st) : run_begun(x, st);
    case WB_PROBE_ABSENT:
        return run_one(x, st);
    case WB_PROBE_BUILDING:
    case WB_PROBE_CANNOT_TELL:
        break;
    }
    return wb_stepper_unknown(x, st);
}

/* ---- the script's own transactions ---- */

static int run_txn_verb(wb_stepper *x, const wb_statement *st)
{
    int rc;
    switch (st->txn) {
    case WB_TXN_BEGIN:
        rc = run_alone(x, st);
        if (rc == 0) {
            x->in_script_txn = true;
            x->txn_from = x->r->done;
        }
        return rc;
    case WB_TXN_COMMIT:
    case WB_TXN_COMMIT_CHAIN: { /* the progress row is committed by the script's own COMMIT */
        wb_record was = *x->r;
        rc = wb_stepper_has_lock(x) ? 0 : wb_stepper_check_mine(x);
        if (rc == 0)
            rc = wb_stepper_set_done(x, st);
        if (rc == 0)
            rc = wb_stepper_save(x);
        if (rc == 0)
            rc = run_alone(x, st);
        if (rc != 0)
            *x->r = was;
        if (rc == 0 && st->txn == WB_TXN_COMMIT)
            x->in_script_txn = false;
        x->txn_from = x->r->done;
        return rc;
    }
    case WB_TXN_ROLLBACK:
        rc = run_alone(x, st);
        x->in_script_txn = false;
        return rc != 0 ? rc : wb_stepper_set_done(x, st);
    case WB_TXN_PREPARE:
    case WB_TXN_OTHER:
        x->in_script_txn = false;
        return run_begun(x, st);
    case WB_TXN_NONE:
    case WB_TXN_SAVEPOINT:
    case WB_TXN_RELEASE:
    case WB_TXN_ROLLBACK_TO:
        break;
    }
    return run_alone(x, st);
}

/* What stands before this statement is done: said in the script's transaction, it comes true with that. */
static int save_before(wb_stepper *x, const wb_statement *st)
{
    x->r->done = x->r->begun = st->index - 1;
    int rc = wb_stepper_seal(x, x->end_before);
    return rc == 0 ? wb_stepper_save(x) : rc;
}

/* MySQL's schema changes commit what the script's own transaction holds. We commit just before, so that the progress goes
   along and a refused schema change leaves no doubt about it. */
static int end_txn_implicitly(wb_stepper *x, const wb_statement *st)
{
    const wb_statement commit = { .index = st->index, .cls = WB_STMT_TXN, .txn = WB_TXN_COMMIT };
    const wb_piece p = { .text = "COMMIT", .len = 6, .offset = st->offset, .statement_first = st->index,
                         .statement_count = 1, .is_alone = true, .statement = &commit };
    const wb_record was = *x->r;
    int rc = save_before(x, st);
    if (rc == 0)
        rc = wb_stepper_driver(x)->run(&x->run->cx, wb_stepper_session(x), &p);
    if (rc != 0) {
        *x->r = was;
        return rc;
    }
    x->in_script_txn = false;
    return run_begun(x, st);
}

/* It may end the script's transaction: see the top of this file. */
static int run_routine_inside(wb_stepper *x, const wb_statement *st)
{
    const wb_record was = *x->r;
    bool did_run = false;
    wb_ending ending;
    wb_sync now = { .is_in_transaction = true };
    int rc = save_before(x, st);
    if (rc == 0 && (rc = note_begun(x, st, NOTE_SENT, "")) == 0)
        rc = wb_stepper_save(x);
    if (rc == 0)
        rc = run_alone(x, st);
    did_run = rc == 0;
    if (rc == 0)
        rc = wb_stepper_driver(x)->sync(&x->run->cx, wb_stepper_session(x), &now);
    if (rc == 0 && !now.is_in_transaction) {
        x->in_script_txn = false;
        rc = wb_stepper_set_done(x, st);
        return rc == 0 ? wb_stepper_save(x) : rc;
    }
    *x->r = was;
    if (rc == 0 || wb_is_lost(wb_stepper_session(x), rc))
        return rc;
    wb_stepper_drop_unit(x);
    int rc2 = look_at_note(x, st, did_run, &ending);
    if (rc2 != 0 || ending == ENDING_NOTHING)
        return rc2 != 0 ? rc2 : rc;
    x->in_script_txn = false;
    return ending == ENDING_DONE ? 0 : ask_person(x, st, rc);
}

static int run_inside(wb_stepper *x, const wb_statement *st)
{
    return st->commits_implicitly ? end_txn_implicitly(x, st) : may_end_unit(x, st) ? run_routine_inside(x, st) : run_alone(x, st);
}

/* ---- batches ---- */

struct batch_state {
    unsigned long long rounds, rows;
};

static struct batch_state batch_resumed(const char *look)
{
    struct batch_state b = { 0, 0 };
    if (look && sscanf(look, "batch rounds=%llu rows=%llu", &b.rounds, &b.rows) != 2)
        b = (struct batch_state){ 0, 0 };
    return b;
}

static int batch_round(wb_stepper *x, const wb_statement *st, const wb_buf *text, struct batch_state *b, int64_t *touched)
{
    const wb_record was = *x->r;
    wb_piece p = wb_stepper_piece(x, st);
    p.text = text->p;
    p.len = text->len;
    p.affected = touched;
    int rc = wb_stepper_begin_mine(x);
    if (rc == 0)
        rc = wb_stepper_driver(x)->run(&x->run->cx, wb_stepper_session(x), &p);
    bool is_last = *touched <= 0 || (st->batch.max && b->rounds + 1 >= st->batch.max);
    if (rc == 0) {
        char note[80];
        snprintf(note, sizeof note, "batch rounds=%llu rows=%llu", b->rounds + 1, b->rows + (unsigned long long)(*touched > 0 ? *touched : 0));
        x->r->look = wb_arena_dup(x->run->mem, note);
        if (!x->r->look)
            rc = wb_nomem(&x->run->cx);
    }
    if (rc == 0 && is_last)
        rc = wb_stepper_set_done(x, st);
    if (rc == 0)
        rc = wb_stepper_save(x);
    if (rc == 0)
        rc = wb_stepper_commit_unit(x);
    if (rc != 0) {
        *x->r = was;
        if (!wb_is_lost(wb_stepper_session(x), rc) && !wb_stepper_drop_unit(x))
            rc = note_begun(x, st, NOTE_SENT, "") == 0 ? ask_person(x, st, rc) : WBL_E_NOMEM;
    }
    return rc;
}

/* Rounds until one touches no row; each is a transaction of its own with its progress, so a kill loses nothing. */
static int run_batch(wb_stepper *x, const wb_statement *st)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_FILE_SIZE_MAX);
    wb_batch_fill(&x->sql, x->script->text + st->offset, st->len, st->batch.size, &text);
    int rc = wb_buf_cstr(&text) ? 0 : wb_nomem(&x->run->cx);
    struct batch_state b = batch_resumed(x->r->look);
    int64_t began = wb_now_ms();
    unsigned long long rows_before = b.rows;
    for (int tries = 1; rc == 0 && x->r->done < st->index;) {
        int64_t touched = 0;
        x->tries = tries;
        x->try_ms = wb_now_ms();
        rc = batch_round(x, st, &text, &b, &touched);
        if (rc != 0 && !x->is_unknown && wb_is_retryable(x->run, rc) && tries < x->run->h->config.ddl_lock_tries && !wb_cancelled(&x->run->cx)) {
            wb_retry_pause(x->run, x->step, tries++);
            rc = 0;
            continue;
        }
        if (rc != 0)
            break;
        tries = 1;
        b.rounds++;
        b.rows += (unsigned long long)(touched > 0 ? touched : 0);
        int64_t ms = wb_now_ms() - began;
        wbl_migration m;
        wb_report_step(x->run, x->step, &m);
        wbl_event e = { .kind = WBL_EVENT_PROGRESS, .migration = &m, .text = "batch", .done = b.rows,
                        .rate = ms > 0 ? (double)(b.rows - rows_before) * 1000.0 / (double)ms : 0 };
        wb_run_event(x->run, &e);
        if (x->r->done >= st->index)
            break;
        if (wb_cancelled(&x->run->cx))
            rc = wb_fail(&x->run->cx, WBL_E_CANCELLED, WBL_EFFECT_SOME, "cancelled after %llu rows; the next run goes on from there", b.rows);
        else if (st->batch.pause_ms > 0)
            wb_sleep_ms(st->batch.pause_ms);
    }
    return rc;
}

/* ---- the script ---- */

/* run_begun() is its way, and writes the attempt's first row itself. */
static bool will_be_begun(const wb_stepper *x, const wb_statement *st)
{
    return st->cls != WB_STMT_TXN && st->cls != WB_STMT_SESSION && !st->batch.size && !is_exact(x, st) && !is_routine(x, st);
}

int wb_stepper_statement(void *user, const wb_statement *st)
{
    wb_stepper *x = user;
    wb_run *run = x->run;
    x->end_before = x->end;
    x->end = wb_statement_end(st);
    if (st->index <= x->r->done) /* done before; a SET must be said again in this session */
        return st->cls == WB_STMT_SESSION && st->action == WB_ACT_NONE && st->may_leak ? run_alone(x, st) : 0;
    if (!x->in_script_txn && wb_cancelled(&run->cx))
        return wb_fail(&run->cx, WBL_E_CANCELLED, x->r->done ? WBL_EFFECT_SOME : WBL_EFFECT_NONE,
                       "cancelled before statement %u of %u", st->index, x->script->info->facts.statement_count);
    x->tries = 1;
    x->try_ms = wb_now_ms();
    wbl_migration m;
    wb_report_step(run, x->step, &m);
    wbl_event e = { .kind = WBL_EVENT_STATEMENT, .migration = &m, .index = st->index, .count = x->script->info->facts.statement_count };
    wb_run_event(run, &e);
    bool is_begun = x->r->begun == st->index && x->r->begun > x->r->done;
    int rc = is_begun || !will_be_begun(x, st) ? wb_stepper_start(x) : 0;
    if (rc != 0)
        return rc;
    if (is_begun)
        return settle_begun(x, st);
    if (st->cls == WB_STMT_TXN)
        return run_txn_verb(x, st);
    if (x->in_script_txn)
        return run_inside(x, st);
    if (st->batch.size)
        return run_batch(x, st);
    if (st->cls == WB_STMT_SESSION && !st->refuses) {
        rc = run_alone(x, st);
        return rc != 0 ? rc : wb_stepper_set_done(x, st);
    }
    return run_one(x, st);
}

