/*
 * apply.c - execute the steps of a plan. This file and stepwise.c are the only ones that know the order of the calls.
 *
 * Atomic: begin, ledger row (the fence), script, history row (checks the fuse), commit. Several units share one sync; what
 * is durable is what sync says, so nothing is told as done before. After a lost answer we reconnect, get our lock back
 * (which ends a ghost of our own) and look for our own history rows: each is there exactly when its transaction is.
 */
#include "engine/apply.h"

#include <stdio.h>
#include <stdlib.h>

#define PIECE_MAX ((size_t)1 << 20)        /* bytes of one piece of a script */
#define GROUP_BYTES_MAX ((size_t)512 << 10)
#define GROUP_FIRST 16
#define GROUP_LIMIT 128
#define GROUP_SHORT_MS 100                 /* a group that was quicker may be followed by a larger one */
#define GROUP_LONG_MS 400

/* ---- rows alone ---- */

int wb_rows_begin(wb_run *run, wb_ctx *cx)
{
    const wb_txn txn = { .fuse = "" };
    return run->h->driver->begin(cx, run->h->session, &txn);
}

int wb_rows_end(wb_run *run, wb_ctx *cx, int rc)
{
    const wb_driver *d = run->h->driver;
    wb_session *s = run->h->session;
    wb_sync done;
    if (rc == 0)
        rc = d->commit(cx, s);
    if (rc == 0)
        rc = d->sync(cx, s, &done);
    if (rc != 0) {
        wbl_error scratch;
        wb_ctx quiet = wb_run_quiet(run, &scratch);
        (void)d->rollback(&quiet, s);
        (void)d->sync(&quiet, s, &done);
    }
    return rc;
}

/* ---- what a step writes ---- */

/* Single-row ledgers: the version that a down leaves. */
static const char *version_after(const wb_run *run, const wb_step *st)
{
    const wb_item *best = NULL;
    for (size_t i = 0; i < run->state.ns_count[st->item->ns_index]; i++) {
        const wb_item *it = &run->state.items[run->state.ns_first[st->item->ns_index] + i];
        if (it == st->item)
            break;
        if (it->state == WBL_STATE_APPLIED)
            best = it;
    }
    return best ? best->key : NULL;
}

wb_change wb_step_change(const wb_run *run, const wb_step *st, wb_change_kind kind)
{
    return (wb_change){ .kind = kind, .ns = st->item->ns, .key = st->item->key, .row = st->item->row,
                        .before = run->cursor, .before_dirty = run->cursor_dirty, .direction = st->direction,
                        .after = st->direction == WBL_DOWN ? version_after(run, st) : NULL };
}

int wb_step_record(wb_run *run, const wb_step *st, const char *state, wb_record *out)
{
    wb_migration *m = st->item->migration;
    wb_script *s = wb_step_script(st);
    *out = wb_run_record(run, st->item, st->direction == WBL_UP ? "up" : "down", state);
    if (!out->id)
        return wb_nomem(&run->cx);
    out->protocol = st->protocol;
    if (m->is_code) {
        out->note = m->description;
        out->statements = st->protocol == WBL_PROTOCOL_STEPWISE; /* the call counts as one */
        return 0;
    }
    out->statements = s->info->facts.statement_count;
    out->sha256 = s->sha256;
    out->tokens = s->info->tokens;
    if (st->direction == WBL_UP && s->len <= WB_KEPT_MAX && s->info->directives.variable_count == 0)
        out->up_script = s->text; /* with variables it is not what the file says */
    if (st->direction == WBL_UP && m->down.exists) {
        int rc = wb_script_load(&run->cx, m, &m->down);
        if (rc != 0)
            return rc;
        out->down_script = m->down.text;
    }
    return 0;
}

static void tell_step(wb_run *run, const wb_step *st, wbl_event *e)
{
    e->index = (uint32_t)(st - run->plan.steps) + 1;
    e->count = (uint32_t)run->plan.count;
    wb_run_event(run, e);
}

void wb_step_started(wb_run *run, const wb_step *st)
{
    wbl_migration m;
    wb_report_step(run, st, &m);
    tell_step(run, st, &(wbl_event){ .kind = WBL_EVENT_STARTED, .migration = &m });
}

void wb_step_done(wb_run *run, wb_step *st, int64_t duration_ms)
{
    wb_item *it = st->item;
    wb_change c = wb_step_change(run, st, WB_CHANGE_APPLY);
    bool is_up = st->direction == WBL_UP;
    if (run->ledger.shape->is_single_row) {
        run->cursor = is_up ? it->key : c.after;
        run->cursor_dirty = false;
    }
    it->state = is_up ? WBL_STATE_APPLIED : WBL_STATE_PENDING;
    it->is_dirty = false;
    it->resume_done = it->resume_begun = 0;
    if (is_up) {
        wb_ledger_row *row = wb_arena_get(run->mem, sizeof *row);
        if (row)
            *row = (wb_ledger_row){ .ns = it->ns, .key = it->key, .text = it->key };
        it->row = row;
    } else {
        it->row = NULL;
    }
    st->is_done = true;
    run->h->report.done_count++;
    wbl_migration m;
    wb_report_step(run, st, &m);
    m.duration_ms = duration_ms;
    m.outcome = WBL_OUTCOME_DONE;
    wb_report_outcome(run, st, m.outcome, duration_ms);
    tell_step(run, st, &(wbl_event){ .kind = WBL_EVENT_DONE, .migration = &m, .duration_ms = duration_ms });
    bool comes_again = !is_up && run->plan.steps[run->plan.count - 1].direction == WBL_UP; /* redo */
    if (!it->migration->is_code && !comes_again) {
        wb_script_release(&it->migration->up);
        wb_script_release(&it->migration->down);
    }
}

/* Where in the file: from the statement's number and, when the server gave one, the byte. */
void wb_step_place(wb_run *run, const wb_step *st)
{
    wbl_error *err = run->cx.err;
    const wb_failure *f = &run->h->session->failure;
    const wb_script *s = wb_step_script(st);
    if (st->item->migration->is_code || !s->shown || err->file[0])
        return;
    uint32_t line = 0, column = 0;
    if (f->stage == WB_STAGE_RUN && s->text) {
        err->statement = f->statement;
        wb_sql_options sql = run->sql;
        sql.first_line = s->first_line;
        size_t offset = f->offset;
        wb_statement found;
        wbl_error scratch;
        wb_ctx quiet = wb_run_quiet(run, &scratch);
        if (offset == SIZE_MAX && f->statement &&
            wb_statement_find(&quiet, &sql, s->text, s->len, f->statement, &found) == 0)
            offset = found.offset;
        if (offset != SIZE_MAX && offset <= s->len)
            wb_text_place(s->text, s->len, offset, s->first_line, &line, &column);
    }
    wb_at(&run->cx, s->shown, line, column);
}

static void tell_failed(wb_run *run, const wb_step *st, int outcome, int64_t duration_ms)
{
    wbl_migration m;
    wb_report_outcome(run, st, outcome, duration_ms);
    wb_report_step(run, st, &m);
    m.state = st->item->state;
    m.outcome = outcome;
    m.error = run->cx.err->message;
    tell_step(run, st, &(wbl_event){ .kind = WBL_EVENT_FAILED, .migration = &m, .error = run->cx.err, .duration_ms = duration_ms });
}

/* ---- whose migration it is ---- */

struct newest {                            /* record of a migration */
    char seq[24], id[40], run_id[40], state[20], begun[12], done[12];
};

static int read_newest(void *user, const wb_str *cells, size_t count)
{
    (void)count;
    struct newest *n = user;
    const struct { char *to; size_t size; } cell[] = { { n->seq, sizeof n->seq }, { n->id, sizeof n->id },
        { n->run_id, sizeof n->run_id }, { n->state, sizeof n->state }, { n->begun, sizeof n->begun }, { n->done, sizeof n->done } };
    for (size_t i = 0; i < WB_COUNT(cell); i++)
        wb_copy_text(cell[i].to, cell[i].size, cells[i].p ? cells[i].p : "", cells[i].len);
    return 0;
}

/* The record that the plan was made from, unchanged. */
static bool is_as_planned(const struct newest *n, const wb_record *last)
{
    int64_t seq = strtoll(n->seq, NULL, 10);
    if (!last || seq != last->seq)
        return seq <= (last ? last->seq : 0);
    return strcmp(n->state, last->state) == 0 && strtoul(n->begun, NULL, 10) == last->begun &&
           strtoul(n->done, NULL, 10) == last->done;
}

/* Whoever runs a migration last has its newest record. A run that was without the lock for a while, or on a database that
   has none, may have been overtaken; inside a unit that holds the write lock the answer stays true until its end. Newer than
   the plan, and ours, is what redo has reverted a moment ago. */
int wb_step_overtaken(wb_run *run, const wb_step *st, const char *id, bool has_row, bool *out)
{
    static const char *const columns[] = { "seq", "id", "run_id", "state", "statements_begun", "statements_done" };
    struct newest n = { .seq = "0" };
    const wb_field where[] = { run->history.own, { "namespace", WB_TEXT(st->item->ns) }, { "version", WB_TEXT(st->item->version) } };
    const wb_select sel = { .table = run->history.table.ref, .columns = columns, .column_count = WB_COUNT(columns),
                            .where = where, .where_count = WB_COUNT(where), .order_by = "seq", .newest_first = true,
                            .limit = 1, .fn = read_newest, .user = &n };
    int rc = run->h->driver->rows(&run->cx, run->h->session, &sel, 1);
    if (rc == 0)
        *out = strcmp(n.id, id) != 0 && strcmp(n.run_id, run->run_id) != 0 && (has_row || !is_as_planned(&n, st->item->last));
    return rc;
}

/* ---- a failure is recorded ---- */

/* A stepwise attempt of which nothing is there: the ledger goes back to what it said before. (A row of its own stays
   dirty after an up: that is how such a ledger shows a failure.) */
static int withdraw_mark(wb_run *run, wb_ctx *cx, const wb_step *st)
{
    bool is_up = st->direction == WBL_UP, is_single = run->ledger.shape->is_single_row;
    if (!run->ledger.shape->has_dirty || (is_up && !is_single))
        return 0;
    wb_change c = wb_step_change(run, st, !is_single ? WB_CHANGE_CLEAN : is_up ? WB_CHANGE_REVERT : WB_CHANGE_APPLY);
    c.after = version_after(run, st);
    return wb_ledger_change(cx, run->h->session, &run->ledger, &c, WB_TAG_LEDGER);
}

/* The mark in the ledger stays: something was left behind, or dirty_blocks: failed wants every failure seen there. */
static bool is_shown(const wb_run *run, const wb_step *st, int rc, bool has_effect)
{
    return has_effect || (run->h->config.dirty_blocks && st->direction == WBL_UP && rc != WBL_E_CANCELLED);
}

/* Apart from the script's transaction, which is rolled back. When this fails too, the next run finds out by itself. */
int wb_step_failed(wb_run *run, wb_step *st, wb_record *r, int rc, bool has_effect)
{
    wb_session *s = run->h->session;
    wbl_error scratch;
    wb_ctx quiet = wb_run_quiet(run, &scratch);
    bool is_new = r->seq == 0; /* a stepwise attempt has its row already, and its mark in the ledger */
    bool is_withdrawn = rc == WBL_E_CANCELLED && !has_effect && is_new;
    /* The script ended its transaction in secret, and may have made the ledger's "applied" durable. To believe that, or
       to run it again, would be a guess: a person decides. */
    bool is_doubtful = is_new && run->cx.err->effect == WBL_EFFECT_UNKNOWN;
    st->item->state = is_withdrawn                                             ? WBL_STATE_PENDING
                      : is_doubtful || strcmp(r->state, "unknown") == 0 ? WBL_STATE_UNKNOWN : WBL_STATE_FAILED;
    r->state = is_withdrawn ? "cancelled" : st->item->state == WBL_STATE_UNKNOWN ? "unknown" : "failed";
    r->error = run->cx.err->message;
    wb_change c = wb_step_change(run, st, is_doubtful ? WB_CHANGE_DOUBT : WB_CHANGE_MARK_FAILED);
    c.has_effect = is_shown(run, st, rc, has_effect);
    (void)run->h->driver->rollback(&quiet, s); /* whatever unit is open; without one it does nothing */
    int rc2 = wb_rows_begin(run, &quiet);
    bool is_overtaken = false;
    if (rc2 == 0 && is_new && (run->reconnects || !(s->caps & (WB_CAP_LOCK_SESSION | WB_CAP_LOCK_LEASE)))) {
        wb_ctx was = run->cx;
        run->cx = quiet;
        rc2 = wb_step_overtaken(run, st, r->id, false, &is_overtaken);
        run->cx = was;
    }
    rc2 = is_overtaken ? WBL_E_CONFLICT : rc2; /* then the failure is no news */
    if (rc2 == 0 && is_new && !is_withdrawn)
        rc2 = wb_ledger_change(&quiet, s, &run->ledger, &c, WB_TAG_LEDGER);
    bool is_marked = !is_new || (st->item->is_dirty && !is_withdrawn); /* by this attempt, or by one before it */
    if (rc2 == 0 && st->protocol == WBL_PROTOCOL_STEPWISE && is_marked && !c.has_effect)
        rc2 = withdraw_mark(run, &quiet, st);
    if (rc2 == 0)
        rc2 = is_new ? wb_history_add(&quiet, s, &run->history, r, false, WB_TAG_HISTORY)
                     : wb_history_update(&quiet, s, &run->history, r, WB_TAG_HISTORY);
    (void)wb_rows_end(run, &quiet, rc2); /* best effort: a failure that is not recorded is tried again, which is what it is for */
    tell_failed(run, st, is_withdrawn                              ? WBL_OUTCOME_PENDING
                         : st->item->state == WBL_STATE_UNKNOWN ? WBL_OUTCOME_UNKNOWN : WBL_OUTCOME_FAILED, r->duration_ms);
    return rc;
}

void wb_step_lost(wb_run *run, const wb_step *st, int64_t duration_ms)
{
    tell_failed(run, st, WBL_OUTCOME_UNKNOWN, duration_ms);
}

bool wb_is_lost(const wb_session *s, int rc)
{
    return rc == WBL_E_OUTCOME || rc == WBL_E_CONNECT || s->failure.is_connection_lost;
}

bool wb_is_retryable(const wb_run *run, int rc)
{
    return rc == WBL_E_LOCK_WAIT || (rc == WBL_E_STATEMENT && run->cx.err->is_retryable);
}

/* "ALTER TABLE orders": the statement that failed, up to the name of what it is about; at most a few words of it. */
static const char *statement_title(wb_run *run, const wb_step *st, char *out, size_t size)
{
    enum { WORDS = 3 };
    const wb_failure *f = &run->h->session->failure;
    const wb_script *s = wb_step_script(st);
    wb_sql_options sql = run->sql;
    wb_statement found;
    wbl_error scratch;
    wb_ctx quiet = wb_run_quiet(run, &scratch);
    wb_copy_text(out, size, "the script", 10);
    if (f->stage != WB_STAGE_RUN || !f->statement || !s->text ||
        wb_statement_find(&quiet, &sql, s->text, s->len, f->statement, &found) != 0)
        return out;
    const char *p = s->text + found.offset, *end = found.name.len ? found.name.p + found.name.len : p + found.len;
    size_t n = 0;
    for (int words = 0; p < end && n + 1 < size && (found.name.len || words < WORDS); p++) {
        bool is_blank = (unsigned char)*p <= ' ';
        if (is_blank && n && out[n - 1] == ' ')
            continue;
        words += is_blank;
        out[n++] = is_blank ? ' ' : *p;
    }
    out[wb_utf8_cut(out, n && out[n - 1] == ' ' ? n - 1 : n, n)] = 0;
    return out;
}

/* What comes after a try that failed: told, since it can take a while, and a wait. */
void wb_retry_pause(wb_run *run, const wb_step *st, int tries)
{
    char title[120], text[sizeof run->h->session->failure.blocker + 640];
    const wb_failure *f = &run->h->session->failure;
    bool is_lock = run->cx.err->code == WBL_E_LOCK_WAIT;
    wbl_migration m;
    wb_report_step(run, st, &m);
    snprintf(text, sizeof text, "%s%s%s%s, try %d of %d", is_lock ? "waiting for a lock: " : "trying again: ",
             is_lock ? statement_title(run, st, title, sizeof title) : run->cx.err->message,
             is_lock && f->blocker[0] ? ", held by " : "", is_lock ? f->blocker : "", tries + 1,
             run->h->config.ddl_lock_tries);
    wbl_event e = { .kind = WBL_EVENT_WAITING, .migration = &m, .text = text, .index = (uint32_t)tries + 1,
                    .count = (uint32_t)run->h->config.ddl_lock_tries };
    wb_run_event(run, &e);
    wb_sleep_ms((int64_t)200 << (tries < 4 ? tries : 4));
}

/* Says what waited, for how long, and for whom; the server's words alone name none of these. */
void wb_step_lock_wait(wb_run *run, const wb_step *st, int tries, int64_t waited_ms)
{
    wbl_error *err = run->cx.err;
    const wb_failure *f = &run->h->session->failure;
    if (err->code != WBL_E_LOCK_WAIT)
        return;
    char title[120], span[32], count[32] = "", sqlstate[sizeof err->sqlstate];
    int64_t limit_ms = wb_step_lock_timeout(run, wb_step_script(st));
    uint8_t effect = err->effect;
    int32_t native = err->native;
    memcpy(sqlstate, err->sqlstate, sizeof sqlstate);
    wb_span_text(limit_ms, span);
    if (tries > 1)
        snprintf(count, sizeof count, ", %d tries", tries);
    statement_title(run, st, title, sizeof title);
    const char *lead = f->blocker[0] ? "; held by " : "";
    if (limit_ms > 0 && waited_ms >= limit_ms)
        (void)wb_fail(&run->cx, WBL_E_LOCK_WAIT, effect, "%s waited %s for a table lock%s%s%s", title, span, count, lead, f->blocker);
    else
        (void)wb_fail(&run->cx, WBL_E_LOCK_WAIT, effect, "%s: %s%s%s%s", title, err->message, count, lead, f->blocker);
    memcpy(err->sqlstate, sqlstate, sizeof sqlstate);
    err->native = native;
    err->is_retryable = 1;
    wb_hint(&run->cx, "End that session%s%s%s, or run again when it is quiet (--ddl-lock-timeout, --ddl-lock-tries).",
            f->blocker_ending[0] ? " (" : "", f->blocker_ending, f->blocker_ending[0] ? ")" : "");
}

int64_t wb_step_lock_timeout(const wb_run *run, const wb_script *s)
{
    return s->info && s->info->directives.lock_timeout_ms >= 0 ? s->info->directives.lock_timeout_ms : run->h->config.ddl_lock_timeout_ms;
}

/* ---- atomic ---- */

struct cutter {                            /* cuts a script into pieces and sends them */
    wb_run *run;
    const wb_script *script;
    size_t max;                            /* bytes of one piece */
    size_t from, to;                       /* statements that are not sent yet */
    uint32_t first, count;
};

static int send_piece(struct cutter *c)
{
    if (c->count == 0)
        return 0;
    const wb_piece piece = { .text = c->script->text + c->from, .len = c->to - c->from, .offset = c->from,
                             .statement_first = c->first, .statement_count = c->count };
    c->count = 0;
    return c->run->h->driver->run(&c->run->cx, c->run->h->session, &piece);
}

static int cut(void *user, const wb_statement *st)
{
    struct cutter *c = user;
    const wb_script_facts *f = &c->script->info->facts;
    if (st->index < f->body_first || st->index >= f->body_first + f->body_count)
        return 0;
    bool is_cut = st->has_copy_data || (c->count && (f->has_client_lines || st->offset + st->len - c->from > c->max));
    int rc = is_cut ? send_piece(c) : 0;
    if (rc != 0)
        return rc;
    if (st->has_copy_data) {
        const wb_piece copy = { .text = c->script->text + st->offset, .len = st->len, .offset = st->offset,
                                .statement_first = st->index, .statement_count = 1,
                                .copy_data = c->script->text + st->copy_offset, .copy_len = st->copy_len };
        return c->run->h->driver->run(&c->run->cx, c->run->h->session, &copy);
    }
    if (c->count == 0) {
        c->from = st->offset;
        c->first = st->index;
    }
    c->to = st->offset + st->len;
    c->count++;
    return 0;
}

static int run_body(wb_run *run, const wb_script *s)
{
    const wb_script_facts *f = &s->info->facts;
    if (f->body_count == 0)
        return 0;
    uint64_t taken = run->h->session->server.message_max; /* half of it: our own rows go along */
    size_t max = taken && taken / 2 < PIECE_MAX ? (size_t)taken / 2 : PIECE_MAX;
    if (!f->has_copy && !f->has_client_lines && f->body_len <= max) { /* DELIMITER is for the client, not for the server */
        const wb_piece all = { .text = s->text + f->body_offset, .len = f->body_len, .offset = f->body_offset,
                               .statement_first = f->body_first, .statement_count = f->body_count };
        return run->h->driver->run(&run->cx, run->h->session, &all);
    }
    struct cutter c = { .run = run, .script = s, .max = max };
    wb_sql_options sql = run->sql;
    sql.first_line = s->first_line;
    int rc = wb_split(&run->cx, &sql, s->text, s->len, false, cut, &c);
    return rc == 0 ? send_piece(&c) : rc;
}

/* Whether our connection is lost only the driver knows: a function that says so means something else, and must not make
   us look for a commit. */
static int code_of_function(const wbl_handle *h, int rc)
{
    bool is_ours = (rc == WBL_E_OUTCOME || rc == WBL_E_CONNECT) && h->session->failure.is_connection_lost;
    bool is_foreign = rc == WBL_E_OUTCOME || rc == WBL_E_CONNECT || rc < WBL_E_INTERNAL;
    return is_foreign && !is_ours ? WBL_E_STATEMENT : rc;
}

int wb_step_call(wb_run *run, const wb_step *st)
{
    wbl_handle *h = run->h;
    wb_script *s = wb_step_script(st);
    wb_sync done;
    int rc = h->driver->sync(&run->cx, h->session, &done); /* the caller's own calls come now: nothing may be queued */
    if (rc != 0)
        return rc;
    const wbl_session session = { .size = sizeof session, .kind = h->driver->name, .handle = h,
                                  .connection = h->driver->native(h->session), .opaque = run };
    wbl_error err = { .version = WBL_ERROR_VERSION };
    int said = s->call(s->call_user, &session, &err);
    rc = code_of_function(h, said);
    if (rc < 0) {
        *run->cx.err = err;
        run->cx.err->code = rc;
        if (!err.message[0])
            (void)wb_fail(&run->cx, rc, WBL_EFFECT_NONE, "the migration's function returned %d", said);
    }
    return rc < 0 ? rc : 0;
}

/* One migration's unit, up to its commit. What is queued and what is sent is the driver's affair. */
static int run_unit(wb_run *run, wb_step *st, wb_record *r, bool is_relaxed)
{
    wbl_handle *h = run->h;
    const wb_driver *d = h->driver;
    const wb_script *s = wb_step_script(st);
    bool is_code = st->item->migration->is_code;
    wb_txn txn = { .lock_timeout_ms = h->config.ddl_lock_timeout_ms, .statement_timeout_ms = h->config.statement_timeout_ms,
                   .is_relaxed = is_relaxed, .fuse = r->id };
    if (!is_code) {
        txn.modes = s->info->facts.modes;
        txn.may_leak = s->info->facts.may_leak;
        txn.foreign_keys = s->info->directives.foreign_keys;
        txn.lock_timeout_ms = wb_step_lock_timeout(run, s);
        if (s->info->directives.statement_timeout_ms >= 0)
            txn.statement_timeout_ms = s->info->directives.statement_timeout_ms;
    }
    if (txn.statement_timeout_ms < 0)
        txn.statement_timeout_ms = 0;
    run->history.checks_needs = is_code || (s->text && strcasestr(s->text, run->ledger.table.ref.name) != NULL);
    const wb_change c = wb_step_change(run, st, st->direction == WBL_UP ? WB_CHANGE_APPLY : WB_CHANGE_REVERT);
    int rc = d->begin(&run->cx, h->session, &txn);
    if (rc == 0)
        rc = wb_ledger_change(&run->cx, h->session, &run->ledger, &c, WB_TAG_LEDGER);
    if (rc == 0)
        rc = is_code ? wb_step_call(run, st) : run_body(run, s);
    if (rc == 0) {
        r->duration_ms = WB_DURATION_OF_UNIT;
        r->begun = r->done = r->statements;
        rc = wb_history_add(&run->cx, h->session, &run->history, r, true, WB_TAG_HISTORY);
    }
    if (rc == 0)
        rc = d->commit(&run->cx, h->session);
    if (rc == 0 && !is_code && s->info->facts.may_leak)
        rc = d->reset(&run->cx, h->session);
    return rc;
}

static int count_row(void *user, const wb_str *cells, size_t count)
{
    (void)cells;
    (void)count;
    ++*(uint32_t *)user;
    return 0;
}

/* How many of the group's transactions are there: each one's history row tells. */
static int look_for_rows(wb_run *run, const wb_record *records, size_t count, uint32_t *out)
{
    static const char *const column[] = { "id" };
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t seen = 0;
        const wb_field where[] = { { "id", WB_TEXT(records[i].id) } };
        const wb_select sel = { .table = run->history.table.ref, .columns = column, .column_count = 1, .where = where,
                                .where_count = 1, .fn = count_row, .user = &seen };
        int rc = run->h->driver->rows(&run->cx, run->h->session, &sel, 1);
        if (rc != 0)
            return rc;
        if (!seen)
            return 0;
        ++*out;
    }
    return 0;
}

/* The connection is gone and answers may be missing. On success *committed is the truth, and the session is fresh. */
static int settle_lost(wb_run *run, const wb_record *records, size_t count, uint32_t *committed)
{
    wbl_error first = *run->cx.err;
    int rc = wb_run_relock(run);
    if (rc == 0)
        rc = look_for_rows(run, records, count, committed);
    if (rc == 0)
        return 0;
    (void)wb_fail(&run->cx, WBL_E_OUTCOME, WBL_EFFECT_UNKNOWN,
                  "the connection was lost while a migration was being committed, and could not be restored (%s)",
                  first.message[0] ? first.message : run->cx.err->message);
    wb_hint(&run->cx, "Run it again when the database answers: it looks for the record, which is there exactly when the migration is.");
    return WBL_E_OUTCOME;
}

bool wb_step_put_refused(wb_run *run, int rc)
{
    const wb_failure *f = &run->h->session->failure;
    const wbl_error *err = run->cx.err;
    bool is_forbidden = strcmp(err->sqlstate, "42501") == 0 || err->native == 1142; /* then the message says it all */
    if (f->stage != WB_STAGE_PUT || rc != WBL_E_STATEMENT || is_forbidden)
        return false;
    (void)wb_fail(&run->cx, rc, WBL_EFFECT_NONE, "%s can't be written: %s",
                  f->put_tag == WB_TAG_LEDGER ? run->h->report.ledger : "after the script, the record", err->message);
    wb_hint(&run->cx, "A migration may not drop or rename the ledger or the history, nor their columns, nor add one that must have a value.");
    return true;
}

/* A fence or record refused: say what it means. */
static int explain(wb_run *run, wb_step *st, int rc)
{
    const wb_failure *f = &run->h->session->failure;
    if (f->stage == WB_STAGE_PUT && f->put_tag == WB_TAG_LEDGER && rc == WBL_E_CONFLICT)
        return WB_AGAIN;
    if ((f->stage == WB_STAGE_PUT || f->stage == WB_STAGE_COMMIT) && rc == WBL_E_STATE) {
        (void)wb_fail(&run->cx, WBL_E_STATEMENT, WBL_EFFECT_UNKNOWN,
                      "the script ended the transaction that holds it (a COMMIT or ROLLBACK that only the server can see)");
        wb_hint(&run->cx, "Look at what it left behind. Mark it `-- whimbrel: no-transaction`, so that each statement is recorded by itself.");
        wb_step_place(run, st);
        return WBL_E_STATEMENT;
    }
    if (!wb_step_put_refused(run, rc))
        run->cx.err->effect = WBL_EFFECT_NONE;
    if (strcmp(run->cx.err->sqlstate, "2D000") == 0) { /* PostgreSQL: a procedure or DO block with a COMMIT */
        char where[160];
        wb_copy_text(where, sizeof where, run->cx.err->hint, strcspn(run->cx.err->hint, "\n"));
        wb_hint(&run->cx, "%s%sMark the script `-- whimbrel: no-transaction`: then a statement of it may commit by itself.", where,
                *where ? "\n" : "");
    }
    wb_step_place(run, st);
    return rc;
}

/* A table without transactions was changed, which nobody foresaw (a trigger, or a table that the script itself made). */
static void tell_kept(wb_run *run, const wb_step *st)
{
    const char *command = wb_command_of(run->h);
    run->cx.err->effect = WBL_EFFECT_UNKNOWN;
    wb_hint(&run->cx, "A table without transactions was changed, which could not be rolled back. Look at the data, then say which:\n"
            "  %s repair " WB_LABEL " --mark-applied\n  %s repair " WB_LABEL " --mark-reverted",
            command, WB_LABEL_OF(st->item), command, WB_LABEL_OF(st->item));
}

/* Runs steps [first, first + count) in one sync. *done: how many of them are durable, also on failure. */
static int run_group(wb_run *run, size_t first, size_t count, wb_record *records, uint32_t *done)
{
    wbl_handle *h = run->h;
    const wb_driver *d = h->driver;
    const char *cursor = run->cursor;
    bool cursor_dirty = run->cursor_dirty;
    wb_sync sync = { 0 };
    int rc = 0;
    *done = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        wb_step *st = &run->plan.steps[first + i];
        run->step_index = first + i;
        wb_step_started(run, st);
        rc = run_unit(run, st, &records[i], i + 1 < count);
        if (run->ledger.shape->is_single_row) { /* the next unit finds the row where this one leaves it */
            run->cursor = st->direction == WBL_UP ? st->item->key : version_after(run, st);
            run->cursor_dirty = false;
        }
    }
    run->cursor = cursor;
    run->cursor_dirty = cursor_dirty;
    if (rc == 0) {
        rc = d->sync(&run->cx, h->session, &sync);
        *done = sync.committed;
        return rc;
    }
    wb_failure failure = h->session->failure;
    if (wb_is_lost(h->session, rc))
        return rc;
    wbl_error scratch;
    wb_ctx quiet = wb_run_quiet(run, &scratch);
    failure.keeps_part = d->rollback(&quiet, h->session) != 0 && scratch.effect == WBL_EFFECT_UNKNOWN;
    int rc2 = d->sync(&quiet, h->session, &sync);
    if (rc2 != 0 && wb_is_lost(h->session, rc2)) { /* now nobody knows of the units before it; the failure will come again */
        *run->cx.err = scratch;
        return rc2;
    }
    *done = sync.committed;
    h->session->failure = failure;
    return rc;
}

/* Nobody knows which of them are there, before the next run looks. */
static int group_lost(wb_run *run, size_t first, size_t count, int64_t duration_ms, int rc)
{
    for (size_t i = 1; i < count; i++)
        wb_report_outcome(run, &run->plan.steps[first + i], WBL_OUTCOME_UNKNOWN, -1);
    wb_step_lost(run, &run->plan.steps[first], duration_ms);
    return rc;
}

static int run_atomic(wb_run *run, size_t first, size_t count, size_t *finished)
{
    wb_record *records = wb_arena_get(run->mem, count * sizeof *records);
    if (!records)
        return wb_nomem(&run->cx);
    *finished = 0;
    for (int tries = 1; *finished < count;) {
        size_t from = first + *finished, left = count - *finished;
        for (size_t i = 0; i < left; i++) {
            bool is_up = run->plan.steps[from + i].direction == WBL_UP;
            int rc = wb_step_record(run, &run->plan.steps[from + i], is_up ? "applied" : "reverted", &records[i]);
            if (rc != 0)
                return rc;
        }
        uint32_t done = 0;
        int64_t began = wb_now_ms();
        int rc = run_group(run, from, left, records, &done);
        bool is_lost = rc != 0 && wb_is_lost(run->h->session, rc);
        if (is_lost && (rc = settle_lost(run, records, left, &done)) != 0)
            return group_lost(run, from, left, wb_now_ms() - began, rc);
        int64_t each = done ? (wb_now_ms() - began) / done : 0;
        for (uint32_t i = 0; i < done; i++)
            wb_step_done(run, &run->plan.steps[from + i], each);
        *finished += done;
        tries = done ? 1 : tries;
        if (is_lost || (rc == 0 && done == left))
            continue; /* proven not to have run: run_group again, or finished */
        if (rc == 0)
            return wb_fail(&run->cx, WBL_E_INTERNAL, WBL_EFFECT_UNKNOWN, "%u of %zu transactions are confirmed", done, left);
        if (done == left) { /* what failed came behind the last one: the session could not be reset */
            run->cx.err->effect = WBL_EFFECT_NONE;
            return rc;
        }
        wb_step *bad = &run->plan.steps[first + *finished];
        const bool keeps_part = run->h->session->failure.keeps_part;
        if (!keeps_part && wb_is_retryable(run, rc) && tries < run->h->config.ddl_lock_tries && !wb_cancelled(&run->cx)) {
            wb_retry_pause(run, bad, tries++);
            count = *finished + 1; /* alone, so that the others do not wait with it */
            continue;
        }
        const wb_failure *f = &run->h->session->failure;
        if (!keeps_part && left > 1 && (f->unit > done || f->stage == WB_STAGE_COMMIT)) { /* good ones may have gone with a bad one: one by one */
            count = *finished + 1;
            continue;
        }
        wb_step_lock_wait(run, bad, tries, wb_now_ms() - began);
        rc = explain(run, bad, rc);
        if (rc == WB_AGAIN)
            return rc;
        if (keeps_part)
            tell_kept(run, bad);
        run->step_index = first + *finished;
        records[done].begun = records[done].done = 0;
        records[done].duration_ms = wb_now_ms() - began;
        return wb_step_failed(run, bad, &records[done], rc, run->cx.err->effect != WBL_EFFECT_NONE);
    }
    return 0;
}

/* ---- the steps in order ---- */

static bool may_group(const wb_step *st)
{
    const wb_script *s = wb_step_script(st);
    return st->protocol == WBL_PROTOCOL_ATOMIC && !st->item->migration->is_code && s->len <= GROUP_BYTES_MAX / 4 &&
           s->info->directives.foreign_keys == WB_UNSET && !s->info->facts.has_copy;
}

static size_t group_size(const wb_run *run, size_t first, size_t limit)
{
    size_t n = 0, bytes = 0;
    if (!(run->h->session->caps & WB_CAP_GROUP) || !may_group(&run->plan.steps[first]))
        return 1;
    while (first + n < run->plan.count && n < limit && bytes < GROUP_BYTES_MAX) {
        const wb_step *st = &run->plan.steps[first + n];
        if (!may_group(st) || st->item->ns_index != run->plan.steps[first].item->ns_index)
            break;
        bytes += wb_step_script(st)->len;
        n++;
    }
    return n ? n : 1;
}

static bool ends_namespace(const wb_run *run, size_t next)
{
    return next >= run->plan.count || run->plan.steps[next].item->ns_index != run->plan.steps[next - 1].item->ns_index;
}

int wb_apply(wb_run *run)
{
    int max = run->h->config.group_max;
    size_t limit = max > 0 && max < GROUP_FIRST ? (size_t)max : GROUP_FIRST;
    int rc = wb_remember_start(run);
    for (size_t i = 0; rc == 0 && i < run->plan.count;) {
        if (wb_cancelled(&run->cx)) {
            rc = wb_fail(&run->cx, WBL_E_CANCELLED, WBL_EFFECT_NONE, "cancelled; %zu of %zu are done", i, run->plan.count);
            break;
        }
        wb_step *st = &run->plan.steps[i];
        size_t finished = 0, count = group_size(run, i, limit);
        int64_t began = wb_now_ms();
        run->step_index = i;
        if (st->protocol == WBL_PROTOCOL_STEPWISE) {
            rc = wb_stepwise(run, st);
            finished = rc == 0;
        } else {
            rc = run_atomic(run, i, count, &finished);
        }
        int64_t took = wb_now_ms() - began;
        if (took < GROUP_SHORT_MS && count == limit)
            limit = limit * 2 < GROUP_LIMIT ? limit * 2 : GROUP_LIMIT;
        else if (took > GROUP_LONG_MS)
            limit = limit > 1 ? limit / 2 : 1;
        if (max > 0 && limit > (size_t)max)
            limit = (size_t)max;
        i += finished;
        if (finished && ends_namespace(run, i))
            rc = rc == 0 ? wb_remember(run, run->plan.steps[i - 1].item->ns) : rc;
        else if (rc != 0 && rc != WB_AGAIN && i > 0 && run->h->report.done_count) {
            wbl_error first = *run->cx.err; /* what came before the failure is remembered too, as well as can be */
            (void)wb_remember(run, run->plan.steps[i - 1].item->ns);
            *run->cx.err = first;
        }
    }
    return rc;
}
