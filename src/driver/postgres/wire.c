/*
 * wire.c - send text, wait for answers, and look about while waiting.
 *
 * libpq is used in its asynchronous form everywhere, because a run must notice its cancel flag and its deadline while a
 * statement works for an hour. The loop that waits wakes up ten times a second, asks the server to cancel when it is
 * time, and meanwhile asks through the second connection who blocks us and how far an index build is. What the answers
 * mean is not decided here.
 * Owns nothing. Facts: PostgreSQL 17, 32.4 (asynchronous processing), 32.6 (cancel), 32.10 (COPY).
 */
#include "driver/postgres/pg.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define COPY_SLICE_SIZE ((size_t)64 << 10)
#define WAKE_MS 100 /* how often a waiting call looks at cancel flag and deadline */
#define PROGRESS_MS 500

/* ---- waiting ---- */

void pg_on_notice(void *session, const PGresult *r)
{
    pg_session *s = session;
    const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    /* libpq hands a notice out before the result in front of it, so it cannot be told from which item it is. None of
       our statements in the queue causes one; what create() and drop_all() cause is nobody's business. */
    if (s->is_reading_items && s->cx && s->cx->notice && text)
        s->cx->notice(s->cx->user, severity ? severity : "NOTICE", text);
}

static void ask_cancel(pg_session *s, int64_t now)
{
    s->is_cancel_sent = true;
    s->cancel_sent_ms = now;
    pg_cancel(&s->base);
}

/* Things to do while the server works. */
static void watch(wb_ctx *cx, pg_session *s)
{
    int64_t now = wb_now_ms();
    bool is_over = cx->deadline_ms && now >= cx->deadline_ms;
    if (!s->is_cancel_sent && (is_over || wb_cancelled(cx))) {
        ask_cancel(s, now);
        if (is_over && !wb_cancelled(cx)) {
            s->is_deadline_over = true;
            s->is_cancel_asked = false; /* it is a timeout, not a wish */
        }
    }
    int64_t patience = s->answer_timeout_ms > 0 ? s->answer_timeout_ms : 30000;
    if (s->is_cancel_sent && now - s->cancel_sent_ms > patience) {
        shutdown(PQsocket(s->conn), SHUT_RDWR); /* nobody answers any more: from here on it is a lost connection */
        s->cancel_sent_ms = now;
    }
    if (now < s->watch_next_ms)
        return;
    /* A look each 70 % of the limit falls into every wait that reaches the limit. */
    s->watch_next_ms = now + PROGRESS_MS;
    if (s->is_index_build && cx->progress)
        pg_progress_look(cx, s);
    if (s->lock_timeout_ms > 0) {
        pg_blocker_look(s);
        int64_t step = s->lock_timeout_ms * 7 / 10;
        if (!s->is_index_build || step < PROGRESS_MS)
            s->watch_next_ms = now + step;
    }
}

static void watch_start(pg_session *s)
{
    int64_t now = wb_now_ms(), step = s->lock_timeout_ms * 7 / 10;
    s->wait_start_ms = now;
    s->watch_next_ms =
        now + (s->lock_timeout_ms > 0 && (step < PROGRESS_MS || !s->is_index_build) ? step : PROGRESS_MS);
    s->is_cancel_sent = s->is_deadline_over = s->is_copy_refused = false;
    /* A cancel() that is on its way holds the guard until the server knows of it. */
    pthread_mutex_lock(&s->guard);
    s->is_cancel_asked = false;
    pthread_mutex_unlock(&s->guard);
}

/* Until the socket can be read, or written too. A broken socket counts as ready: libpq will say what it is. */
static void await_socket(wb_ctx *cx, pg_session *s, short events)
{
    for (;;) {
        struct pollfd p = { PQsocket(s->conn), events, 0 };
        if (p.fd < 0)
            return;
        int64_t left = s->watch_next_ms - wb_now_ms();
        int n = poll(&p, 1, left < 1 ? 1 : left < WAKE_MS ? (int)left : WAKE_MS);
        if (n > 0 || (n < 0 && errno != EINTR))
            return;
        watch(cx, s);
    }
}

/* 0 when everything is with the kernel; -1 when the line broke before. */
static int push_out(wb_ctx *cx, pg_session *s)
{
    int rest;
    while ((rest = PQflush(s->conn)) > 0) {
        await_socket(cx, s, POLLIN | POLLOUT);
        if (!PQconsumeInput(s->conn))
            return -1;
    }
    return rest;
}

/* The next answer; NULL at the end of the message. */
PGresult *pg_next(wb_ctx *cx, pg_session *s)
{
    while (PQisBusy(s->conn)) {
        await_socket(cx, s, POLLIN);
        if (!PQconsumeInput(s->conn))
            break; /* what came before the end is still handed out, then libpq makes an error of it */
        watch(cx, s);
    }
    return PQgetResult(s->conn);
}

/* False when the line broke before the server had all of it: then nothing of it can have run. */
bool pg_send(wb_ctx *cx, pg_session *s, const char *text, bool row_by_row)
{
    s->cx = cx;
    watch_start(s);
    if (!PQsendQuery(s->conn, text))
        return false;
    if (row_by_row)
        PQsetSingleRowMode(s->conn); /* a script may select a million rows; nobody wants them */
    return push_out(cx, s) == 0;
}

bool pg_is_lost(const pg_session *s) { return !s->conn || PQstatus(s->conn) != CONNECTION_OK; }

/* ---- COPY ---- */

void pg_copy_in(wb_ctx *cx, pg_session *s, const pg_item *item)
{
    const char *refusal = item->copy_data ? NULL : "COPY ... FROM STDIN has no data in this script";
    s->is_copy_refused = refusal != NULL;
    for (size_t done = 0; !refusal && done < item->copy_len;) {
        size_t n = item->copy_len - done < COPY_SLICE_SIZE ? item->copy_len - done : COPY_SLICE_SIZE;
        int rc = PQputCopyData(s->conn, item->copy_data + done, (int)n);
        if (rc < 0 || push_out(cx, s) != 0)
            return; /* the server has refused it already, or is gone: the next answer says which */
        if (rc > 0)
            done += n;
        if (s->is_cancel_sent)
            refusal = "cancelled";
        watch(cx, s);
    }
    while (PQputCopyEnd(s->conn, refusal) == 0)
        if (push_out(cx, s) != 0)
            return;
    push_out(cx, s);
}

/* Rows of a COPY ... TO STDOUT go where those of a SELECT go: nowhere. */
void pg_copy_out(wb_ctx *cx, pg_session *s)
{
    char *row = NULL;
    for (;;) {
        int n = PQgetCopyData(s->conn, &row, 1);
        if (row)
            PQfreemem(row);
        row = NULL;
        if (n < 0)
            return;
        if (n > 0)
            continue;
        await_socket(cx, s, POLLIN);
        if (!PQconsumeInput(s->conn))
            return;
    }
}

/* ---- one question, its answers ---- */

int pg_exec(wb_ctx *cx, pg_session *s, const char *text, pg_result_fn fn, void *user)
{
    int rc = pg_flush(cx, s);
    if (rc != 0)
        return rc;
    if (pg_is_lost(s))
        return pg_fail_lost(cx, s, false);
    bool was_blocking = !PQisnonblocking(s->conn);
    PQsetnonblocking(s->conn, 1);
    bool is_sent = pg_send(cx, s, text, false), is_told = false;
    PGresult *r;
    int called = 0;
    size_t index = 0;
    while ((r = pg_next(cx, s))) {
        ExecStatusType status = PQresultStatus(r);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && rc == 0) {
            is_told = PQresultErrorField(r, PG_DIAG_SQLSTATE) != NULL;
            rc = pg_fail_result(cx, s, r, WBL_EFFECT_NONE);
        } else if (rc == 0 && called == 0 && fn) {
            called = fn(user, index++, r);
        }
        PQclear(r);
    }
    if (pg_is_lost(s)) {
        s->base.failure.is_connection_lost = true;
        return is_told ? rc : pg_fail_lost(cx, s, false);
    }
    if (was_blocking)
        PQsetnonblocking(s->conn, 0);
    if (rc == 0 && !is_sent)
        rc = pg_fail_lost(cx, s, false);
    return rc != 0 ? rc : called;
}

/* The error and failure that led here stay, and a cancel flag does not reach it. */
void pg_exec_quietly(pg_session *s, const char *text)
{
    wb_ctx quiet = { 0 };
    wb_failure kept = s->base.failure;
    if (text)
        pg_exec(&quiet, s, text, NULL, NULL);
    kept.is_connection_lost |= s->base.failure.is_connection_lost;
    s->base.failure = kept;
}

void pg_undo(pg_session *s)
{
    PGTransactionStatusType state = s->conn ? PQtransactionStatus(s->conn) : PQTRANS_UNKNOWN;
    if (state == PQTRANS_INERROR || state == PQTRANS_INTRANS)
        pg_exec_quietly(s, "ROLLBACK");
}
