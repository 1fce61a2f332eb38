/*
 * wire.c - send a message, await its answers, and stop it from outside.
 *
 * A message is one statement or several. The client library blocks while it reads, so the wait for the first answer is
 * a poll of the socket in short steps, in which the cancel flag and the time limits are looked at. That is where a long
 * statement spends its time. The further answers of a message are read by the library, and a small thread looks
 * meanwhile: with TLS nobody but the library can know whether bytes are waiting.
 *
 * A statement is stopped by KILL QUERY from a second connection, which hits whatever runs when it arrives. So it is sent
 * only while a message is under way, under a mutex, and after it the connection takes some empty statements, until one
 * is not killed: else the stray kill would end the next real one.
 * Owns nothing beyond the session. Facts: MySQL 8.4 manual, 15.7.8.4 (KILL), 12.4.4 (TLS); MariaDB Connector/C,
 * mysql_send_query.
 */
#include "driver/mysql/my.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TICK_MS 50
#define WATCH_IDLE_TICKS 20 /* after them the thread ends */
#define SIDE_TIMEOUT_MS 5000
#define GIVE_UP_MS 10000 /* after a deadline, for a server that does not answer the kill either */
#define PROGRESS_MS 3000
#define BLOCKER_LEAD_MS 400 /* before the lock timeout strikes */
#define DRAIN_TRIES 5
#define WARNINGS_SHOWN 10

/* ---- small parts ---- */

void my_failure_clear(my_session *s) { s->base.failure = (wb_failure){ .offset = SIZE_MAX }; }

bool my_in_transaction(const my_session *s)
{
    return s->conn && !s->is_lost && (s->conn->server_status & SERVER_STATUS_IN_TRANS);
}

int my_ready(wb_ctx *cx, my_session *s)
{
    my_failure_clear(s);
    return s->conn && !s->is_lost ? 0 : my_fail_lost(cx, s, "it is closed", false);
}

int64_t my_number(wb_str cell)
{
    char text[32];
    wb_copy_text(text, sizeof text, cell.p ? cell.p : "", cell.len);
    return strtoll(text, NULL, 10);
}

/* ---- stopping it ---- */

static bool kill_query(const my_session *s)
{
    unsigned number;
    char text[64], why[200];
    MYSQL *side = my_connect(&s->target, SIDE_TIMEOUT_MS, &number, why, sizeof why);
    if (!side)
        return false;
    snprintf(text, sizeof text, "KILL QUERY %lu", s->busy_id);
    bool is_good = mysql_query(side, text) == 0;
    mysql_close(side);
    return is_good;
}

/* With the guard held, so that the message can't end, and another begin, while the kill is on its way. */
static void kill_busy(my_session *s)
{
    pthread_mutex_lock(&s->guard);
    if (s->is_busy && !s->is_kill_sent)
        s->is_kill_sent = kill_query(s);
    s->kill_sent_ms = wb_now_ms();
    pthread_mutex_unlock(&s->guard);
}

void my_cancel(wb_session *base)
{
    my_session *s = my_of(base);
    pthread_mutex_lock(&s->guard);
    s->is_cancel_asked = true;
    if (s->is_busy && !s->is_kill_sent)
        s->is_kill_sent = kill_query(s);
    pthread_mutex_unlock(&s->guard);
}

/* What has to be looked at while nothing comes; from the waiting thread, or from the one beside it. */
static void look_at_limits(my_session *s)
{
    const wb_ctx *cx = s->cx;
    int64_t now = wb_now_ms();
    if (s->statement_limit_ms > 0 && now - s->answer_since_ms >= s->statement_limit_ms)
        s->is_limit_over = true;
    if (cx->deadline_ms && now >= cx->deadline_ms)
        s->is_deadline_over = true;
    if (wb_cancelled(cx))
        s->is_cancel_asked = true; /* also when the flag is cleared before the answer comes */
    if (!s->is_cancel_asked && !s->is_limit_over && !s->is_deadline_over)
        return;
    if (!s->is_kill_sent && now - s->kill_sent_ms >= 1000)
        kill_busy(s);
    if (s->is_deadline_over && now >= cx->deadline_ms + GIVE_UP_MS)
        (void)shutdown((int)mysql_get_socket(s->conn), SHUT_RDWR);
}

/* Only MariaDB tells how far it is, in its list of processes. */
static void show_progress(my_session *s)
{
    wb_ctx *cx = s->cx;
    int64_t now = wb_now_ms();
    if (!cx->progress || !my_is_mariadb(s) || now < s->progress_next_ms)
        return;
    s->progress_next_ms = now + PROGRESS_MS;
    unsigned number;
    char text[160], why[200];
    MYSQL *side = my_connect(&s->target, SIDE_TIMEOUT_MS, &number, why, sizeof why);
    if (!side)
        return;
    snprintf(text, sizeof text,
             "SELECT state, stage, max_stage, progress FROM information_schema.processlist WHERE id = %lu", s->busy_id);
    MYSQL_RES *res = mysql_query(side, text) == 0 ? mysql_store_result(side) : NULL;
    MYSQL_ROW row = res ? mysql_fetch_row(res) : NULL;
    double stage = row && row[1] ? strtod(row[1], NULL) : 0, stages = row && row[2] ? strtod(row[2], NULL) : 0;
    double percent = row && row[3] ? strtod(row[3], NULL) : 0;
    if (stages > 0 && stage > 0)
        cx->progress(cx->user, row[0] ? row[0] : "", (uint64_t)((stage - 1) * 1000 + percent * 10),
                     (uint64_t)(stages * 1000));
    mysql_free_result(res);
    mysql_close(side);
}

static void look_for_blocker(my_session *s)
{
    if (s->has_looked_for_blocker || s->lock_limit_s == 0)
        return;
    int64_t waited = wb_now_ms() - s->answer_since_ms;
    if (waited < (int64_t)s->lock_limit_s * 1000 - BLOCKER_LEAD_MS)
        return;
    s->has_looked_for_blocker = true;
    my_blocker_look(s);
}

/* ---- awaiting ---- */

static void await_first(my_session *s)
{
    for (;;) {
        struct pollfd p = { (int)mysql_get_socket(s->conn), POLLIN, 0 };
        int n = poll(&p, 1, TICK_MS);
        if (n > 0 || (n < 0 && errno != EINTR))
            return; /* the library finds out what it is */
        look_at_limits(s);
        look_for_blocker(s);
        show_progress(s);
    }
}

/* Beside the reading of a message's further answers. Holding the lock, so that nobody looks after watch_off(). */
static void *watch(void *user)
{
    my_session *s = user;
    my_watch *w = &s->watch;
    pthread_mutex_lock(&w->lock);
    for (int idle = 0; !w->is_over && idle < WATCH_IDLE_TICKS; idle = w->is_on ? 0 : idle + 1) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TICK_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000L;
        }
        pthread_cond_timedwait(&w->wake, &w->lock, &until);
        if (w->is_over || !w->is_on)
            continue;
        look_at_limits(s);
        look_for_blocker(s);
    }
    w->has_ended = true;
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void watch_start(my_session *s)
{
    my_watch *w = &s->watch;
    sigset_t all, before;
    sigfillset(&all); /* signals are the host's, and are for its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    w->has_ended = false;
    w->has_thread = pthread_create(&w->thread, NULL, watch, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The thread outlives the message, since most messages are shorter than making one; it ends when there are none for a
   while. Without it, when there is no thread to be had, only cancel() can end the rest of the message. */
static void watch_on(my_session *s)
{
    my_watch *w = &s->watch;
    pthread_mutex_lock(&w->lock);
    if (w->has_thread && w->has_ended) {
        pthread_join(w->thread, NULL); /* it has nothing left to do that needs the lock */
        w->has_thread = false;
    }
    if (!w->has_thread)
        watch_start(s);
    w->is_on = true;
    pthread_mutex_unlock(&w->lock);
}

static void watch_off(my_session *s)
{
    pthread_mutex_lock(&s->watch.lock);
    s->watch.is_on = false;
    pthread_mutex_unlock(&s->watch.lock);
}

void my_watch_init(my_watch *w)
{
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
}

void my_watch_done(my_watch *w)
{
    if (w->has_thread) {
        pthread_mutex_lock(&w->lock);
        w->is_over = true;
        pthread_cond_signal(&w->wake);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
}

/* ---- reading ---- */

/* "Rows matched: 3  Changed: 0  Warnings: 0": the answer's own number counts only the changed ones. */
static int64_t rows_touched(MYSQL *conn)
{
    static const char lead[] = "Rows matched: ";
    const char *info = mysql_info(conn);
    if (info && wb_starts(info, lead))
        return strtoll(info + sizeof lead - 1, NULL, 10);
    int64_t n = (int64_t)mysql_affected_rows(conn);
    return n < 0 ? 0 : n;
}

#define CELLS_MAX 64

static int read_rows(my_session *s, const my_reader *r, size_t index, int stopped)
{
    MYSQL_RES *res = mysql_use_result(s->conn);
    if (!res)
        return stopped;
    unsigned count = mysql_num_fields(res);
    wb_str cells[CELLS_MAX];
    if (count > CELLS_MAX)
        count = CELLS_MAX;
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));) {
        const unsigned long *lengths = mysql_fetch_lengths(res);
        for (unsigned i = 0; i < count; i++)
            cells[i] = (wb_str){ row[i], row[i] ? lengths[i] : 0 };
        if (stopped == 0 && r && r->row)
            stopped = r->row(r->user, index, cells, count);
    }
    mysql_free_result(res);
    return stopped;
}

/* Reads one answer; the server's error number, 0 when there is none. */
static unsigned read_answer(my_session *s, const my_reader *r, my_outcome *o, int *stopped)
{
    my_answer a = { .index = o->answers };
    bool has_rows = mysql_field_count(s->conn) > 0;
    if (has_rows)
        *stopped = read_rows(s, r, a.index, *stopped);
    unsigned number = has_rows ? mysql_errno(s->conn) : 0;
    if (number)
        return number;
    a.affected = has_rows ? 0 : rows_touched(s->conn);
    a.warnings = mysql_warning_count(s->conn);
    o->answers++;
    o->last = a;
    if (*stopped == 0 && r && r->done)
        *stopped = r->done(r->user, &a);
    s->answer_since_ms = wb_now_ms();
    return 0;
}

static unsigned read_all(my_session *s, const my_reader *r, my_outcome *o, int *stopped)
{
    bool is_watched = false;
    unsigned number = mysql_read_query_result(s->conn) ? mysql_errno(s->conn) : 0;
    while (number == 0) {
        number = read_answer(s, r, o, stopped);
        if (number || !mysql_more_results(s->conn))
            break;
        if (!is_watched) {
            watch_on(s);
            is_watched = true;
        }
        number = mysql_next_result(s->conn) > 0 ? mysql_errno(s->conn) : 0;
    }
    if (is_watched)
        watch_off(s);
    return number;
}

/* ---- a whole message ---- */

static void set_busy(my_session *s, bool is_busy)
{
    pthread_mutex_lock(&s->guard);
    s->is_busy = is_busy;
    if (is_busy) {
        s->busy_id = mysql_thread_id(s->conn);
        s->is_kill_sent = s->is_cancel_asked = false;
    }
    pthread_mutex_unlock(&s->guard);
}

/* Some kills arrive when their statement is over already, and wait for the next one. */
static void drain_kill(my_session *s)
{
    for (int i = 0; i < DRAIN_TRIES; i++) {
        if (mysql_query(s->conn, "DO 0") == 0)
            return;
        const my_error_row *row = my_error_find(mysql_errno(s->conn));
        if (row->is_lost) {
            s->is_lost = s->base.failure.is_connection_lost = true;
            return;
        }
    }
}

static int fail_size(wb_ctx *cx, const my_session *s, size_t len)
{
    wb_fail(cx, WBL_E_STATEMENT, WBL_EFFECT_NONE,
            "the statement has %zu bytes, and the server takes %zu in one message (max_allowed_packet)", len,
            s->packet_max);
    wb_hint(cx, "Cut it into smaller ones, or give the server a larger max_allowed_packet.");
    return WBL_E_STATEMENT;
}

static bool is_lost_number(unsigned number)
{
    static const unsigned numbers[] = { 2006, 2013, 2027, 2055 };
    for (size_t i = 0; i < WB_COUNT(numbers); i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static int fail_answer(wb_ctx *cx, my_session *s, unsigned number, my_risk risk)
{
    char state[8], text[600];
    snprintf(state, sizeof state, "%s", mysql_sqlstate(s->conn));
    snprintf(text, sizeof text, "%s", mysql_error(s->conn));
    bool was_killed = s->is_kill_sent;
    if (is_lost_number(number))
        return my_fail_lost(cx, s, text, risk == MY_RISK_OUTCOME);
    /* KILL CONNECTION ends the statement with this number, too, and then the connection. */
    if (was_killed || number == MY_ER_INTERRUPTED)
        drain_kill(s);
    /* The server ended the connection before, or instead of, what was sent; 1053 may come in the midst of it. */
    bool is_unclear = risk == MY_RISK_OUTCOME && my_error_find(number)->is_lost && number != 4031;
    int rc = my_fail_server(cx, s, number, state, text, is_unclear ? WBL_EFFECT_UNKNOWN : WBL_EFFECT_NONE);
    if (is_unclear && rc == WBL_E_CONNECT && cx->err) {
        cx->err->code = rc = WBL_E_OUTCOME;
        cx->err->is_retryable = false;
    }
    return rc;
}

int my_talk(wb_ctx *cx, my_session *s, const char *text, size_t len, my_risk risk, const my_reader *r, my_outcome *out)
{
    my_outcome scratch;
    my_outcome *o = out ? out : &scratch;
    *o = (my_outcome){ 0 };
    if (!s->conn || s->is_lost)
        return my_fail_lost(cx, s, "it is closed", false);
    if (len + 1 > s->packet_max)
        return fail_size(cx, s, len);
    s->cx = cx;
    s->is_limit_over = s->is_deadline_over = s->has_looked_for_blocker = false;
    s->kill_sent_ms = 0;
    s->answer_since_ms = wb_now_ms();
    s->progress_next_ms = s->answer_since_ms + PROGRESS_MS;
    set_busy(s, true);
    int stopped = 0;
    unsigned number = mysql_send_query(s->conn, text, len) != 0 ? mysql_errno(s->conn) : 0;
    bool is_unsent = number != 0;
    if (number == 0) {
        await_first(s);
        number = read_all(s, r, o, &stopped);
    }
    set_busy(s, false);
    o->number = number;
    if (is_unsent) /* an incomplete packet is not executed */
        return my_fail_lost(cx, s, mysql_error(s->conn), false);
    if (number != 0)
        return fail_answer(cx, s, number, risk);
    if (s->is_kill_sent)
        drain_kill(s);
    return stopped;
}

/* ---- shorter forms ---- */

static int talk_plainly(wb_ctx *cx, my_session *s, const char *text, my_risk risk, my_row_fn fn, void *user)
{
    const my_reader r = { .row = fn, .user = user };
    const int64_t limit = s->statement_limit_ms;
    const uint32_t lock_limit = s->lock_limit_s;
    s->statement_limit_ms = 0; /* those are for statements of a script */
    s->lock_limit_s = 0;
    int rc = my_talk(cx, s, text, strlen(text), risk, &r, NULL);
    s->statement_limit_ms = limit;
    s->lock_limit_s = lock_limit;
    return rc;
}

int my_exec(wb_ctx *cx, my_session *s, const char *text, my_row_fn fn, void *user)
{
    int rc = my_flush(cx, s);
    return rc != 0 ? rc : talk_plainly(cx, s, text, MY_RISK_NONE, fn, user);
}

int my_change(wb_ctx *cx, my_session *s, const char *text)
{
    int rc = my_flush(cx, s);
    return rc != 0 ? rc : talk_plainly(cx, s, text, MY_RISK_OUTCOME, NULL, NULL);
}

void my_exec_quietly(my_session *s, const char *text)
{
    if (!text || !s->conn || s->is_lost)
        return;
    wb_failure before = s->base.failure;
    wb_ctx quiet = { 0 };
    (void)talk_plainly(&quiet, s, text, MY_RISK_NONE, NULL, NULL); /* what failed before matters more */
    before.is_connection_lost = before.is_connection_lost || s->is_lost;
    s->base.failure = before;
}

/* ---- warnings ---- */

static int show_warning(void *user, size_t index, const wb_str *cells, size_t count)
{
    wb_ctx *cx = user;
    char text[512];
    (void)index;
    if (count < 3 || !cells[0].p || wb_str_eq(cells[0], "Error"))
        return 0;
    wb_copy_text(text, sizeof text, cells[2].p ? cells[2].p : "", cells[2].len);
    cx->notice(cx->user, wb_str_eq(cells[0], "Note") ? "NOTICE" : "WARNING", text);
    return 0;
}

/* The server keeps the warnings of the last statement only. */
void my_warnings_show(wb_ctx *cx, my_session *s, const my_outcome *o)
{
    if (!cx->notice || o->last.warnings == 0 || s->is_lost)
        return;
    char sql[48];
    snprintf(sql, sizeof sql, "SHOW WARNINGS LIMIT %d", WARNINGS_SHOWN);
    wb_ctx inner = { .notice = cx->notice, .user = cx->user };
    wb_failure before = s->base.failure;
    (void)talk_plainly(&inner, s, sql, MY_RISK_NONE, show_warning, &inner);
    s->base.failure = before;
    if (o->last.warnings > WARNINGS_SHOWN) {
        char text[80];
        snprintf(text, sizeof text, "and %u more warnings", o->last.warnings - WARNINGS_SHOWN);
        cx->notice(cx->user, "WARNING", text);
    }
}
