/*
 * stepwise.c - a script that cannot, or must not, be in one transaction: progress is recorded statement by statement.
 *
 * A statement that can be in a transaction is committed together with its progress row, so it is exact. Before one that
 * cannot, "begun n" is written with what a look at its object gave; when the answer never comes, or the process dies, the
 * next run looks again and knows. Inside a transaction that the script opened itself, progress is written just before
 * the script's COMMIT and so shares its fate.
 *
 * A lost connection is handled by starting over: the attempt's own row says which statement is next, exactly as if the
 * process had died.
 */
#include "engine/apply.h"

#include <stdio.h>

#define PROBE_WAIT_MS 500
#define PROBE_WAIT_MAX 7200                /* an hour of building in a session that is still alive */
#define TAKE_OVER_MS 500                   /* a runner that is alive has written by then, or holds the write lock */

struct stepper {
    wb_run *run;
    wb_step *step;
    wb_script *script;
    wb_record *r;
    wb_sql_options sql;
    int64_t began_ms;
    bool in_script_txn;                    /* between the script's own BEGIN and its end */
    uint32_t txn_from;                     /* r->done when that BEGIN ran */
    size_t end, end_before;                /* of the statement at hand, and of the one before it */
    int tries;                             /* of the statement at hand, and when the last one began */
    int64_t try_ms;
    bool is_unknown;
    bool has_row;                          /* the attempt's own row is in the history */
    bool is_overtaken;                     /* another run goes on with this migration */
    bool is_adrift;                        /* the connection was lost, and how far we are could not be read again */
};

/* ---- small parts ---- */

static const wb_driver *driver_of(const struct stepper *x) { return x->run->h->driver; }
static wb_session *session_of(const struct stepper *x) { return x->run->h->session; }

static bool has_lock(const struct stepper *x)
{
    return session_of(x)->caps & (WB_CAP_LOCK_SESSION | WB_CAP_LOCK_LEASE);
}

static void drop_unit(struct stepper *x)
{
    wb_failure failure = session_of(x)->failure;
    wbl_error scratch;
    wb_sync done;
    wb_ctx quiet = wb_run_quiet(x->run, &scratch);
    (void)driver_of(x)->rollback(&quiet, session_of(x)); /* the first error is the one to tell */
    (void)driver_of(x)->sync(&quiet, session_of(x), &done);
    session_of(x)->failure = failure;
}

static int64_t statement_timeout(const struct stepper *x)
{
    int64_t ms = x->script->info->directives.statement_timeout_ms;
    if (ms < 0)
        ms = x->run->h->config.statement_timeout_ms;
    return ms < 0 ? 0 : ms;
}

static wb_piece piece_of(const struct stepper *x, const wb_statement *st)
{
    return (wb_piece){ .text = x->script->text + st->offset, .len = st->len, .offset = st->offset,
                       .statement_first = st->index, .statement_count = 1,
                       .copy_data = st->has_copy_data ? x->script->text + st->copy_offset : NULL, .copy_len = st->copy_len,
                       .statement = st, .statement_timeout_ms = statement_timeout(x),
                       .lock_timeout_ms = st->is_concurrent ? 0 : wb_step_lock_timeout(x->run, x->script) };
}

/* Checksum of everything up to the end of a statement: what is done may not change before a resume. */
static int seal(struct stepper *x, size_t end)
{
    char hex[65];
    wb_sql_token_hash(&x->sql, x->script->text, end, hex);
    x->r->done_sha256 = wb_arena_dup(x->run->mem, hex);
    return x->r->done_sha256 ? 0 : wb_nomem(&x->run->cx);
}

static size_t end_of(const wb_statement *st)
{
    return st->has_copy_data ? st->copy_offset + st->copy_len : st->offset + st->len;
}

static int set_done(struct stepper *x, const wb_statement *st)
{
    x->r->done = x->r->begun = st->index;
    x->r->look = NULL;
    return seal(x, end_of(st));
}

static int save(struct stepper *x)
{
    return wb_history_update(&x->run->cx, session_of(x), &x->run->history, x->r, WB_TAG_PROGRESS);
}

static int run_alone(struct stepper *x, const wb_statement *st)
{
    wb_piece p = piece_of(x, st);
    p.is_alone = true;
    return driver_of(x)->run(&x->run->cx, session_of(x), &p);
}

static int commit_unit(struct stepper *x)
{
    wb_sync done;
    int rc = driver_of(x)->commit(&x->run->cx, session_of(x));
    return rc != 0 ? rc : driver_of(x)->sync(&x->run->cx, session_of(x), &done);
}

static int begin_unit(struct stepper *x)
{
    const wb_txn txn = { .lock_timeout_ms = wb_step_lock_timeout(x->run, x->script),
                         .statement_timeout_ms = statement_timeout(x), .fuse = "" };
    return driver_of(x)->begin(&x->run->cx, session_of(x), &txn);
}

/* ---- whose migration it is ---- */

static int check_mine(struct stepper *x)
{
    int rc = wb_step_overtaken(x->run, x->step, x->r->id, x->has_row, &x->is_overtaken);
    return rc == 0 && x->is_overtaken
               ? wb_fail(&x->run->cx, WBL_E_CONFLICT, WBL_EFFECT_UNKNOWN, "another run goes on with this migration") : rc;
}

/* A unit of this migration: the lock says that it is ours, or a look inside the unit does. */
static int begin_mine(struct stepper *x)
{
    int rc = begin_unit(x);
    return rc == 0 && !has_lock(x) ? check_mine(x) : rc;
}

/* ---- one statement, each way ---- */

static bool holds_word(const struct stepper *x, const wb_statement *st, const char *word)
{
    size_t n = strlen(word);
    const char *p = x->script->text + st->offset;
    for (size_t i = 0; i + n <= st->len; i++)
        if (wb_str_ieq((wb_str){ p + i, n }, word))
            return true;
    return false;
}

/* A statement that can share a transaction with its progress row. A DO block may end transactions, unless it says no
   word that could. */
static bool is_exact(const struct stepper *x, const wb_statement *st)
{
    if (st->refuses || st->commits_implicitly || st->may_commit || st->cls == WB_STMT_SESSION || st->cls == WB_STMT_TXN)
        return false;
    if (x->script->info->uncovered && (st->cls == WB_STMT_DML || st->cls == WB_STMT_QUERY))
        return false; /* of a table without transactions the progress row would come back alone */
    if (st->cls != WB_STMT_ROUTINE)
        return true;
    const char *p = x->script->text + st->offset;
    bool is_do = st->len > 2 && wb_str_ieq((wb_str){ p, 2 }, "do");
    return is_do && !holds_word(x, st, "commit") && !holds_word(x, st, "rollback") && !holds_word(x, st, "call");
}

static int run_exact(struct stepper *x, const wb_statement *st)
{
    wb_record was = *x->r;
    int rc = 0;
    for (int tries = 1;; tries++) {
        wb_piece p = piece_of(x, st);
        x->tries = tries;
        x->try_ms = wb_now_ms();
        rc = begin_mine(x);
        if (rc == 0)
            rc = driver_of(x)->run(&x->run->cx, session_of(x), &p);
        if (rc == 0)
            rc = set_done(x, st);
        if (rc == 0)
            rc = save(x);
        if (rc == 0)
            rc = commit_unit(x);
        if (rc == 0)
            return 0;
        *x->r = was;
        if (wb_is_lost(session_of(x), rc))
            return rc;
        drop_unit(x);
        if (!wb_is_retryable(x->run, rc) || tries >= x->run->h->config.ddl_lock_tries || wb_cancelled(&x->run->cx))
            return rc;
        wb_retry_pause(x->run, x->step, tries);
    }
}

/* Waits while the server still works on it in a session that is not ours any more. */
static int probe(struct stepper *x, const wb_statement *st, const char *looked, wb_probe *out)
{
    *out = WB_PROBE_CANNOT_TELL;
    if (!(session_of(x)->caps & WB_CAP_PROBE))
        return 0;
    for (int i = 0; i < PROBE_WAIT_MAX; i++) {
        int rc = driver_of(x)->probe(&x->run->cx, session_of(x), st, looked, out);
        if (rc != 0 || *out != WB_PROBE_BUILDING)
            return rc;
        if (wb_cancelled(&x->run->cx))
            return wb_fail(&x->run->cx, WBL_E_CANCELLED, WBL_EFFECT_SOME, "cancelled while the server still builds");
        wb_sleep_ms(PROBE_WAIT_MS);
    }
    *out = WB_PROBE_CANNOT_TELL;
    return 0;
}

static int invalid_index(struct stepper *x, const wb_statement *st)
{
    int rc = wb_fail(&x->run->cx, WBL_E_STATEMENT, WBL_EFFECT_SOME, "%.*s is invalid: it was not built completely",
                     st->name.len ? (int)st->name.len : 9, st->name.len ? st->name.p : "the index");
    wb_hint(&x->run->cx, "Mend what stops it (duplicate rows of a unique index, most often) and run again: the invalid index is dropped first.");
    session_of(x)->failure.stage = WB_STAGE_RUN;
    session_of(x)->failure.statement = st->index;
    session_of(x)->failure.offset = st->offset;
    return rc;
}

/* A concurrent statement was refused: did it leave an object that is broken? In doubt yes, and the next run looks. */
static bool leaves_something(struct stepper *x, const wb_statement *st, const char *looked)
{
    const wb_failure failure = session_of(x)->failure;
    wbl_error scratch;
    wb_ctx quiet = wb_run_quiet(x->run, &scratch);
    wb_probe p;
    int rc = driver_of(x)->probe(&quiet, session_of(x), st, looked, &p);
    if (!session_of(x)->failure.is_connection_lost)
        session_of(x)->failure = failure; /* the first error is the one to tell */
    return rc != 0 || p != WB_PROBE_ABSENT;
}

static int run_begun(struct stepper *x, const wb_statement *st)
{
    wb_ctx *cx = &x->run->cx;
    const char *looked = "";
    int rc = 0;
    if (session_of(x)->caps & WB_CAP_PROBE)
        rc = driver_of(x)->look(cx, session_of(x), st, x->run->mem, &looked);
    if (rc != 0)
        return rc;
    x->r->begun = st->index;
    x->r->look = looked;
    if (!st->is_repeatable && (rc = save(x)) != 0) {
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
        return set_done(x, st);
    if (wb_is_lost(session_of(x), rc))
        return rc;
    bool may_look = st->is_concurrent && session_of(x)->caps & WB_CAP_PROBE;
    if (!may_look || !leaves_something(x, st, looked))
        x->r->begun = x->r->done; /* refused: it had no effect */
    return rc;
}

/* An earlier attempt sent this one and never learned the result. */
static int settle_begun(struct stepper *x, const wb_statement *st)
{
    wb_probe p;
    int rc = st->is_repeatable ? 0 : probe(x, st, x->r->look, &p);
    if (st->is_repeatable)
        p = WB_PROBE_ABSENT;
    if (rc != 0)
        return rc;
    switch (p) {
    case WB_PROBE_PRESENT:
        return set_done(x, st);
    case WB_PROBE_INVALID: /* to clean may be to finish it: of a DROP of several, the rest */
        rc = driver_of(x)->clean(&x->run->cx, session_of(x), st);
        if (rc == 0)
            rc = probe(x, st, x->r->look, &p);
        return rc != 0 ? rc : p == WB_PROBE_PRESENT ? set_done(x, st) : run_begun(x, st);
    case WB_PROBE_ABSENT:
        return is_exact(x, st) ? run_exact(x, st) : run_begun(x, st);
    case WB_PROBE_BUILDING:
    case WB_PROBE_CANNOT_TELL:
        break;
    }
    x->is_unknown = true;
    rc = wb_fail(&x->run->cx, WBL_E_STATE, WBL_EFFECT_UNKNOWN,
                 "the connection was lost while statement %u of %u was running, and it leaves no trace to look for", st->index,
                 x->script->info->facts.statement_count);
    wb_hint(&x->run->cx, "look at the data, then say which:\n"
            "  %s repair " WB_LABEL " --statement %u --did-run\n"
            "  %s repair " WB_LABEL " --statement %u --did-not-run",
            wb_command_of(x->run->h), WB_LABEL_OF(x->step->item), st->index, wb_command_of(x->run->h), WB_LABEL_OF(x->step->item),
            st->index);
    session_of(x)->failure.stage = WB_STAGE_RUN;
    session_of(x)->failure.statement = st->index;
    session_of(x)->failure.offset = st->offset;
    return rc;
}

/* ---- the script's own transactions ---- */

static int run_txn_verb(struct stepper *x, const wb_statement *st)
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
        rc = has_lock(x) ? 0 : check_mine(x);
        if (rc == 0)
            rc = set_done(x, st);
        if (rc == 0)
            rc = save(x);
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
        return rc != 0 ? rc : set_done(x, st);
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

/* MySQL's schema changes commit what the script's own transaction holds. We commit just before, so that the progress goes
   along and a refused schema change leaves no doubt about it. */
static int end_txn_implicitly(struct stepper *x, const wb_statement *st)
{
    const wb_statement commit = { .index = st->index, .cls = WB_STMT_TXN, .txn = WB_TXN_COMMIT };
    const wb_piece p = { .text = "COMMIT", .len = 6, .offset = st->offset, .statement_first = st->index,
                         .statement_count = 1, .is_alone = true, .statement = &commit };
    const wb_record was = *x->r;
    x->r->done = x->r->begun = st->index - 1;
    int rc = seal(x, x->end_before);
    if (rc == 0)
        rc = save(x);
    if (rc == 0)
        rc = driver_of(x)->run(&x->run->cx, session_of(x), &p);
    if (rc != 0) {
        *x->r = was;
        return rc;
    }
    x->in_script_txn = false;
    return run_begun(x, st);
}

/* ---- batches ---- */

static int batch_text(struct stepper *x, const wb_statement *st, wb_buf *out)
{
    static const char mark[] = ":batch";
    const char *p = x->script->text + st->offset, *end = p + st->len;
    for (const char *q = p; q < end; q++) {
        size_t left = (size_t)(end - q);
        bool is_mark = left >= 6 && memcmp(q, mark, 6) == 0 && (q == p || q[-1] != ':') &&
                       (left == 6 || !((q[6] >= 'a' && q[6] <= 'z') || (q[6] >= 'A' && q[6] <= 'Z') || q[6] == '_' ||
                                       (q[6] >= '0' && q[6] <= '9')));
        if (!is_mark)
            continue;
        wb_buf_add(out, p, (size_t)(q - p));
        wb_buf_addf(out, "%llu", (unsigned long long)st->batch.size);
        q += 5;
        p = q + 1;
    }
    wb_buf_add(out, p, (size_t)(end - p));
    return wb_buf_cstr(out) ? 0 : wb_nomem(&x->run->cx);
}

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

static int batch_round(struct stepper *x, const wb_statement *st, const wb_buf *text, struct batch_state *b, int64_t *touched)
{
    const wb_record was = *x->r;
    wb_piece p = piece_of(x, st);
    p.text = text->p;
    p.len = text->len;
    p.affected = touched;
    int rc = begin_mine(x);
    if (rc == 0)
        rc = driver_of(x)->run(&x->run->cx, session_of(x), &p);
    bool is_last = *touched <= 0 || (st->batch.max && b->rounds + 1 >= st->batch.max);
    if (rc == 0) {
        char note[80];
        snprintf(note, sizeof note, "batch rounds=%llu rows=%llu", b->rounds + 1, b->rows + (unsigned long long)(*touched > 0 ? *touched : 0));
        x->r->look = wb_arena_dup(x->run->mem, note);
        if (!x->r->look)
            rc = wb_nomem(&x->run->cx);
    }
    if (rc == 0 && is_last)
        rc = set_done(x, st);
    if (rc == 0)
        rc = save(x);
    if (rc == 0)
        rc = commit_unit(x);
    if (rc != 0) {
        *x->r = was;
        if (!wb_is_lost(session_of(x), rc))
            drop_unit(x);
    }
    return rc;
}

/* Rounds until one touches no row; each is a transaction of its own with its progress, so a kill loses nothing. */
static int run_batch(struct stepper *x, const wb_statement *st)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_FILE_SIZE_MAX);
    int rc = batch_text(x, st, &text);
    struct batch_state b = batch_resumed(x->r->look);
    int64_t began = wb_now_ms();
    unsigned long long rows_before = b.rows;
    for (int tries = 1; rc == 0 && x->r->done < st->index;) {
        int64_t touched = 0;
        x->tries = tries;
        x->try_ms = wb_now_ms();
        rc = batch_round(x, st, &text, &b, &touched);
        if (rc != 0 && wb_is_retryable(x->run, rc) && tries < x->run->h->config.ddl_lock_tries && !wb_cancelled(&x->run->cx)) {
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

static int do_statement(void *user, const wb_statement *st)
{
    struct stepper *x = user;
    wb_run *run = x->run;
    x->end_before = x->end;
    x->end = end_of(st);
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
    if (x->r->begun == st->index && x->r->begun > x->r->done)
        return settle_begun(x, st);
    if (st->cls == WB_STMT_TXN)
        return run_txn_verb(x, st);
    if (x->in_script_txn)
        return st->commits_implicitly ? end_txn_implicitly(x, st) : run_alone(x, st);
    if (st->batch.size)
        return run_batch(x, st);
    if (is_exact(x, st))
        return run_exact(x, st);
    if (st->cls == WB_STMT_SESSION && !st->refuses) {
        int rc = run_alone(x, st);
        return rc != 0 ? rc : set_done(x, st);
    }
    return run_begun(x, st);
}

/* ---- begin, resume, end ---- */

struct prefix {
    const struct stepper *x;
    size_t end;
};

static int find_end(void *user, const wb_statement *st)
{
    struct prefix *p = user;
    if (st->index == p->x->r->done)
        p->end = end_of(st);
    return 0;
}

/* The statements that ran must still be the same ones; those behind them may have been mended. */
static int check_resume(struct stepper *x, const wb_record *last)
{
    x->r->done = x->step->item->resume_done;
    x->r->begun = x->step->item->resume_begun;
    x->r->look = x->step->item->resume_look;
    if (x->r->begun < x->r->done)
        x->r->begun = x->r->done;
    if (x->r->done == 0 || !last || !last->done_sha256)
        return 0;
    struct prefix p = { x, 0 };
    int rc = wb_split(&x->run->cx, &x->sql, x->script->text, x->script->len, false, find_end, &p);
    char hex[65];
    wb_sql_token_hash(&x->sql, x->script->text, p.end, hex);
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

static int record_start(struct stepper *x)
{
    wb_run *run = x->run;
    wb_change c = wb_step_change(run, x->step, WB_CHANGE_BEGIN);
    int rc = begin_unit(x);
    if (rc == 0 && (!has_lock(x) || run->reconnects)) /* others may have been at it since the plan was made */
        rc = check_mine(x);
    if (rc == 0)
        rc = wb_ledger_change(&run->cx, session_of(x), &run->ledger, &c, WB_TAG_LEDGER);
    if (rc == 0)
        rc = wb_history_add(&run->cx, session_of(x), &run->history, x->r, false, WB_TAG_HISTORY);
    if (rc == 0)
        rc = commit_unit(x);
    return rc;
}

/* In memory, what record_start and the progress did to the ledger. */
static int note_started(struct stepper *x)
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

static int record_end(struct stepper *x)
{
    wb_run *run = x->run;
    bool is_up = x->step->direction == WBL_UP;
    wb_change c = wb_step_change(run, x->step, is_up ? WB_CHANGE_FINISH_APPLY : WB_CHANGE_FINISH_REVERT);
    x->r->state = is_up ? "applied" : "reverted";
    x->r->duration_ms = wb_now_ms() - x->began_ms;
    int rc = begin_mine(x);
    if (rc == 0)
        rc = wb_ledger_change(&run->cx, session_of(x), &run->ledger, &c, WB_TAG_LEDGER);
    if (rc == 0)
        rc = save(x);
    return rc == 0 ? commit_unit(x) : rc;
}

struct mine {                              /* the attempt's own row, read back after a lost connection */
    wb_run *run;
    uint32_t begun, done, seen;
    char state[20];
    const char *look, *sealed;
};

static int read_mine(void *user, const wb_str *cells, size_t count)
{
    (void)count;
    struct mine *m = user;
    char number[16];
    m->seen = 1;
    wb_copy_text(m->state, sizeof m->state, cells[0].p, cells[0].len);
    wb_copy_text(number, sizeof number, cells[1].p ? cells[1].p : "", cells[1].len);
    (void)sscanf(number, "%u", &m->begun);
    wb_copy_text(number, sizeof number, cells[2].p ? cells[2].p : "", cells[2].len);
    (void)sscanf(number, "%u", &m->done);
    m->look = cells[3].p ? wb_arena_str(m->run->mem, cells[3].p, cells[3].len) : NULL;
    m->sealed = cells[4].p ? wb_arena_str(m->run->mem, cells[4].p, cells[4].len) : NULL;
    return 0;
}

/* Connection lost: get a fresh one and learn from our own row how far we are. *is_there: the row exists. */
static int go_on(struct stepper *x, bool *is_there, bool *is_finished)
{
    static const char *const columns[] = { "state", "statements_begun", "statements_done", "looked", "done_checksum" };
    struct mine m = { .run = x->run };
    const wb_field where[] = { { "id", WB_TEXT(x->r->id) } };
    const wb_select sel = { .table = x->run->history.table.ref, .columns = columns, .column_count = WB_COUNT(columns),
                            .where = where, .where_count = 1, .fn = read_mine, .user = &m };
    int rc = wb_run_relock(x->run);
    if (rc == 0)
        rc = x->run->h->driver->rows(&x->run->cx, session_of(x), &sel, 1);
    if (rc != 0) {
        wb_hint(&x->run->cx, "Run again when the database answers: it goes on from the statement that is recorded.");
        if (x->run->cx.err)
            x->run->cx.err->effect = WBL_EFFECT_UNKNOWN;
        return rc;
    }
    if ((rc = check_mine(x)) != 0)
        return rc;
    x->in_script_txn = false;
    *is_there = m.seen;
    *is_finished = strcmp(m.state, "applied") == 0 || strcmp(m.state, "reverted") == 0;
    if (m.seen) {
        x->r->state = *is_finished ? x->r->state : "started";
        x->r->begun = m.begun;
        x->r->done = m.done;
        x->r->look = m.look;
        x->r->done_sha256 = m.sealed;
    }
    return 0;
}

static int run_script(struct stepper *x)
{
    bool is_started = false, is_finished = false;
    for (;;) {
        int rc = 0;
        if (!is_started) {
            rc = record_start(x);
            bool is_fenced = rc == WBL_E_CONFLICT && session_of(x)->failure.put_tag == WB_TAG_LEDGER;
            x->is_overtaken = x->is_overtaken || is_fenced;
            if (rc == 0)
                rc = note_started(x);
            is_started = rc == 0;
        }
        if (rc == 0 && !is_finished)
            rc = wb_split(&x->run->cx, &x->sql, x->script->text, x->script->len, true, do_statement, x);
        if (rc == 0 && !is_finished)
            rc = record_end(x);
        if (x->is_overtaken) {
            drop_unit(x);
            return WB_AGAIN;
        }
        if (rc == 0 || !wb_is_lost(session_of(x), rc))
            return rc;
        bool is_there = false;
        rc = go_on(x, &is_there, &is_finished);
        if (x->is_overtaken)
            return WB_AGAIN;
        x->is_adrift = rc != 0;
        if (rc != 0)
            return rc;
        if (is_there && !is_started)
            rc = note_started(x);
        if (rc != 0)
            return rc;
        is_started = is_there;
        if (is_finished)
            return 0;
    }
}

int wb_stepwise(wb_run *run, wb_step *st)
{
    wb_record r;
    struct stepper x = { .run = run, .step = st, .script = wb_step_script(st), .r = &r, .sql = run->sql };
    x.sql.first_line = x.script->first_line;
    int rc = wb_step_record(run, st, "started", &r);
    if (rc == 0)
        rc = check_resume(&x, st->item->last);
    if (rc != 0)
        return rc;
    bool may_leak = x.script->info->facts.may_leak;
    x.began_ms = wb_now_ms();
    wb_step_started(run, st);
    if (!has_lock(&x) && st->item->last && strcmp(st->item->last->state, "started") == 0)
        wb_sleep_ms(TAKE_OVER_MS); /* it may be running: then its record has changed when we look again */
    rc = run_script(&x);
    int64_t took = wb_now_ms() - x.began_ms;
    if (rc == WB_AGAIN) {
        run->was_overtaken = run->was_overtaken || x.has_row;
        return rc;
    }
    if (rc == 0) {
        wb_step_done(run, st, took);
        if (may_leak) {
            wb_sync done;
            rc = driver_of(&x)->reset(&run->cx, session_of(&x));
            if (rc == 0)
                rc = driver_of(&x)->sync(&run->cx, session_of(&x), &done);
        }
        return rc;
    }
    wb_step_lock_wait(run, st, x.tries, wb_now_ms() - x.try_ms);
    wb_step_place(run, st);
    if (x.in_script_txn) {
        wbl_error scratch;
        wb_ctx quiet = wb_run_quiet(run, &scratch);
        (void)driver_of(&x)->rollback(&quiet, session_of(&x));
        r.done = r.begun = x.txn_from; /* its progress was rolled back with it */
    }
    bool is_lost = x.is_adrift || wb_is_lost(session_of(&x), rc);
    if (run->cx.err && is_lost)
        run->cx.err->effect = WBL_EFFECT_UNKNOWN; /* what was sent last may still come true */
    else if (run->cx.err && !x.is_unknown)
        run->cx.err->effect = r.begun > r.done ? (rc == WBL_E_STATEMENT ? WBL_EFFECT_SOME : WBL_EFFECT_UNKNOWN)
                                                : r.done ? WBL_EFFECT_SOME : WBL_EFFECT_NONE;
    if (run->cx.err && run->cx.err->statement == 0)
        run->cx.err->statement = r.done + 1;
    r.duration_ms = took;
    r.state = x.is_unknown ? "unknown" : "failed";
    st->item->resume_done = r.done;
    st->item->resume_begun = r.begun;
    if (is_lost) {
        wb_step_lost(run, st, took);
        return rc;
    }
    return wb_step_failed(run, st, &r, rc, x.is_unknown || r.done > 0 || r.begun > r.done);
}
