/*
 * message.c - the queue: many statements, one message, and which answer belongs to what.
 *
 * Between begin() and sync() text is only collected. It goes out as one simple query, because a round trip costs more
 * than most statements do. The server answers statement by statement and stops at the first error, so the answers tell
 * which units are durable. To read them, the message is described by items. Our own statements have a known number of
 * answers; a script has as many as the server finds in it, so a SELECT with a column name that no script can know
 * follows each stretch of script and marks its end. Counting alone would be wrong as soon as our lexer and the server
 * disagree, and then a failed script could pass for a failed record.
 *
 * Two properties of the server shape the rest (tests: queue_*). The whole message is parsed before anything runs: a
 * syntax error in the fifth unit keeps the first from running, so those before it are sent again. And an error skips
 * all that follows, our ROLLBACK too, so that is sent apart.
 * Owns the text, the items and the loop that waits. Facts: PostgreSQL 17, 53.2.2 and 32.4.
 */
#include "driver/postgres/pg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define COPY_SLICE_SIZE ((size_t)64 << 10)
#define WAKE_MS 100                    /* how often a waiting call looks at cancel flag and deadline */
#define PROGRESS_MS 500
#define BUFFER_KEEP_SIZE ((size_t)4 << 20)

/* ---- collecting ---- */

void pg_failure_clear(pg_session *s) { s->base.failure = (wb_failure){ .offset = SIZE_MAX }; }

void pg_queue_cut(pg_session *s, size_t item_index)
{
    if (item_index >= s->item_count)
        return;
    s->message.len = s->items[item_index].from;
    s->message.bad = false;
    s->item_count = item_index;
    s->is_mark_due = item_index > 0 && s->items[item_index - 1].kind == PG_RUN;
}

static bool grow_items(pg_session *s)
{
    if (s->item_count < s->item_cap)
        return true;
    size_t cap = s->item_cap ? s->item_cap * 2 : 64;
    pg_item *grown = wb_realloc(s->items, s->item_cap * sizeof *grown, cap * sizeof *grown);
    if (!grown)
        return false;
    s->items = grown;
    s->item_cap = cap;
    return true;
}

pg_item *pg_item_add(wb_ctx *cx, pg_session *s, pg_kind kind, uint32_t results)
{
    if (!grow_items(s)) {
        wb_nomem(cx);
        return NULL;
    }
    pg_item *item = &s->items[s->item_count++];
    *item = (pg_item){ .kind = kind, .results = results, .from = s->message.len, .to = s->message.len };
    item->unit = s->is_unit_open ? s->unit : PG_NO_UNIT;
    s->is_mark_due = kind == PG_RUN;
    return item;
}

int pg_item_end(wb_ctx *cx, pg_session *s)
{
    pg_item *item = &s->items[s->item_count - 1];
    if (s->message.bad) { /* what was there before is still whole */
        bool is_long = s->message.len > s->message.max / 2;
        pg_queue_cut(s, s->item_count - 1);
        return is_long ? wb_fail(cx, WBL_E_STATEMENT, WBL_EFFECT_NONE, "the script is longer than a message can be")
                       : wb_nomem(cx);
    }
    item->to = s->message.len;
    return 0;
}

void pg_mark_text(pg_session *s, pg_item *item, const char *expression)
{
    item->mark = ++s->mark_last;
    wb_buf_addf(&s->message, "SELECT %s AS \"wb:%s:%u\";\n", expression, s->nonce, item->mark);
}

int pg_mark_due(wb_ctx *cx, pg_session *s)
{
    if (!s->is_mark_due)
        return 0;
    uint32_t unit = s->items[s->item_count - 1].unit;
    pg_item *item = pg_item_add(cx, s, PG_MARK, 1);
    if (!item)
        return WBL_E_NOMEM;
    item->unit = unit;
    pg_mark_text(s, item, "1");
    return pg_item_end(cx, s);
}

/* ---- waiting ---- */

void pg_on_notice(void *session, const PGresult *r)
{
    pg_session *s = session;
    const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    /* What our own statements cause, such as "already exists, skipping", is nobody's business. */
    bool is_scripts = s->is_reading_items && s->reading < s->item_count && s->items[s->reading].kind == PG_RUN;
    if (is_scripts && s->cx && s->cx->notice && text)
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
            pthread_mutex_lock(&s->guard);
            s->is_cancel_asked = false; /* it is a timeout, not a wish */
            pthread_mutex_unlock(&s->guard);
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
    s->watch_next_ms = now + (s->lock_timeout_ms > 0 && (step < PROGRESS_MS || !s->is_index_build) ? step : PROGRESS_MS);
    s->is_cancel_sent = s->is_deadline_over = false;
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
static PGresult *next_result(wb_ctx *cx, pg_session *s)
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
static bool send_text(wb_ctx *cx, pg_session *s, const char *text, bool row_by_row)
{
    s->cx = cx;
    watch_start(s);
    if (!PQsendQuery(s->conn, text))
        return false;
    if (row_by_row)
        PQsetSingleRowMode(s->conn); /* a script may select a million rows; nobody wants them */
    return push_out(cx, s) == 0;
}

static bool is_lost(const pg_session *s) { return !s->conn || PQstatus(s->conn) != CONNECTION_OK; }

/* ---- COPY ---- */

static void copy_in(wb_ctx *cx, pg_session *s, const pg_item *item)
{
    const char *refusal = item->copy_data ? NULL : "COPY ... FROM STDIN has no data in this script";
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
static void copy_out(wb_ctx *cx, pg_session *s)
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

/* ---- reading the answers of a stretch of the queue ---- */

typedef struct reading {
    size_t item, end;                  /* index of the item that is awaited; behind the last one */
    uint32_t results;                  /* answers to it so far */
    uint32_t total;                    /* answers to all */
    PGresult *error;                   /* the first error; owned */
    bool is_sent, is_lost;
    bool is_rolled_back;               /* a COMMIT was answered with ROLLBACK */
    bool is_stray;                     /* an answer too many: we and the server disagree about the message */
} reading;

static bool has_mark(const pg_session *s, const pg_item *item, const PGresult *r)
{
    char name[64];
    if (item->mark == 0 || PQnfields(r) != 1)
        return false;
    snprintf(name, sizeof name, "wb:%s:%u", s->nonce, item->mark);
    return strcmp(PQfname(r, 0), name) == 0;
}

static void finish_item(pg_session *s, reading *rd, const PGresult *r)
{
    const pg_item *item = &s->items[rd->item];
    if (item->kind == PG_COMMIT) {
        /* A transaction that had failed is rolled back by COMMIT, which counts as a success for the server. */
        if (strcmp(PQcmdStatus((PGresult *)r), "COMMIT") == 0) {
            s->committed++;
            s->is_flush_due = item->is_relaxed;
        } else {
            rd->is_rolled_back = true;
            return;
        }
    } else if (item->kind == PG_PUT && item->unit == PG_NO_UNIT) {
        s->is_flush_due = false;
    }
    rd->item++;
    rd->results = 0;
}

static int64_t affected_by(const PGresult *r)
{
    int64_t n = 0;
    for (const char *c = PQcmdTuples((PGresult *)r); *c >= '0' && *c <= '9'; c++)
        n = n * 10 + (*c - '0');
    return n;
}

static void take_result(pg_session *s, reading *rd, const PGresult *r)
{
    if (rd->item >= rd->end || rd->is_rolled_back) {
        rd->is_stray = rd->is_stray || rd->item >= rd->end;
        return;
    }
    const pg_item *item = &s->items[rd->item];
    rd->total++;
    if (item->kind == PG_RUN) {
        bool is_next = rd->item + 1 < rd->end && has_mark(s, item + 1, r);
        if (!is_next) {
            rd->results++;
            if (item->affected)
                *item->affected = affected_by(r);
            return;
        }
        rd->item++;
        rd->results = 0;
        item++;
    }
    if (++rd->results >= item->results)
        finish_item(s, rd, r);
    s->reading = rd->item;
}

static void read_all(wb_ctx *cx, pg_session *s, reading *rd)
{
    PGresult *r;
    s->reading = rd->item;
    s->is_reading_items = true;
    while ((r = next_result(cx, s))) {
        switch (PQresultStatus(r)) {
        case PGRES_COPY_IN:
            copy_in(cx, s, &s->items[rd->item < rd->end ? rd->item : rd->end - 1]);
            break;
        case PGRES_COPY_OUT:
            copy_out(cx, s);
            break;
        case PGRES_SINGLE_TUPLE:
        case PGRES_EMPTY_QUERY:
            break;
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
            take_result(s, rd, r);
            break;
        case PGRES_BAD_RESPONSE:
        case PGRES_NONFATAL_ERROR:
        case PGRES_FATAL_ERROR:
        case PGRES_COPY_BOTH:
        case PGRES_PIPELINE_SYNC:
        case PGRES_PIPELINE_ABORTED:
            if (!rd->error) {
                rd->error = r;
                r = NULL;
            }
            break;
        }
        PQclear(r);
    }
    s->is_reading_items = false;
    rd->is_lost = is_lost(s);
}

/* Sends items [from, end) as one message and reads what the server says to them. */
static reading exchange(wb_ctx *cx, pg_session *s, size_t from, size_t end)
{
    reading rd = { .item = from, .end = end };
    char *text = s->message.p + s->items[from].from, *stop = s->message.p + s->items[end - 1].to, kept = *stop;
    bool was_blocking = !PQisnonblocking(s->conn);
    PQsetnonblocking(s->conn, 1);
    *stop = 0;
    rd.is_sent = send_text(cx, s, text, true);
    *stop = kept;
    read_all(cx, s, &rd);
    if (was_blocking && !rd.is_lost)
        PQsetnonblocking(s->conn, 0);
    return rd;
}

/* ---- where it failed ---- */

static bool is_good(const pg_session *s, const reading *rd)
{
    /* A statement alone has no mark behind it: the end of the message is its end. */
    bool is_whole = rd->item >= rd->end || (rd->item + 1 == rd->end && s->items[rd->item].kind == PG_RUN);
    return rd->is_sent && !rd->is_lost && !rd->error && !rd->is_rolled_back && !rd->is_stray && is_whole;
}

/* The position counts characters of the message from 1; gives the byte in the whole queue, SIZE_MAX for none. */
static size_t error_byte(const pg_session *s, size_t from, const PGresult *error)
{
    const char *text = error ? PQresultErrorField(error, PG_DIAG_STATEMENT_POSITION) : NULL;
    size_t left = 0, at = s->items[from].from;
    for (; text && *text >= '0' && *text <= '9'; text++)
        left = left * 10 + (size_t)(*text - '0');
    if (left == 0)
        return SIZE_MAX;
    while (--left && at < s->message.len)
        do
            at++;
        while (at < s->message.len && ((unsigned char)s->message.p[at] & 0xC0) == 0x80);
    return at;
}

static size_t item_at(const pg_session *s, size_t byte, size_t from, size_t end)
{
    for (size_t i = from; i < end; i++)
        if (byte < s->items[i].to)
            return i;
    return end - 1;
}

/* First item of the unit, or of the stretch between units, that item i belongs to. */
static size_t group_start(const pg_session *s, size_t i)
{
    while (i > 0 && s->items[i - 1].unit == s->items[i].unit)
        i--;
    return i;
}

static size_t group_end(const pg_session *s, size_t i)
{
    size_t end = i + 1;
    while (end < s->item_count && s->items[end].unit == s->items[i].unit)
        end++;
    return end;
}

/* Did the server refuse the message as a whole, before it ran anything? Then no answer came, and the error is not of the
   first statement. Text that it cannot even decode has no position, and the code must tell. */
static bool is_parse_failure(const pg_session *s, const reading *rd, size_t from, size_t byte)
{
    if (!rd->error || rd->is_lost || rd->total > 0)
        return false;
    if (byte != SIZE_MAX)
        return item_at(s, byte, from, rd->end) > from;
    const char *state = PQresultErrorField(rd->error, PG_DIAG_SQLSTATE);
    return state && (strncmp(state, "22", 2) == 0 || strncmp(state, "42", 2) == 0 || strncmp(state, "54", 2) == 0);
}

/* The piece that cannot be decoded, else the largest piece of script, else the first item. */
static size_t guess_item(const pg_session *s, size_t from, size_t end, size_t *byte)
{
    size_t best = from, bad;
    for (size_t i = from; i < end; i++) {
        const pg_item *item = &s->items[i];
        if (item->kind != PG_RUN)
            continue;
        if (!wb_utf8_valid(s->message.p + item->from, item->to - item->from, &bad)) {
            *byte = item->from + bad;
            return i;
        }
        if (s->items[best].kind != PG_RUN || item->to - item->from > s->items[best].to - s->items[best].from)
            best = i;
    }
    return best;
}

static void fill_failure(pg_session *s, const reading *rd, size_t index, size_t byte)
{
    static const wb_stage stages[] = { [PG_BEGIN] = WB_STAGE_BEGIN, [PG_PUT] = WB_STAGE_PUT,       [PG_RUN] = WB_STAGE_RUN,
                                       [PG_MARK] = WB_STAGE_RUN,    [PG_COMMIT] = WB_STAGE_COMMIT, [PG_RESET] = WB_STAGE_NONE };
    const pg_item *item = &s->items[index];
    wb_failure *f = &s->base.failure;
    char blocker[sizeof f->blocker];
    memcpy(blocker, f->blocker, sizeof blocker);
    *f = (wb_failure){ .stage = stages[item->kind], .offset = SIZE_MAX };
    f->unit = item->unit == PG_NO_UNIT ? 0 : item->unit;
    f->put_tag = item->tag;
    if (item->kind == PG_MARK && index > 0) /* a cancel may strike there */
        item--;
    if (item->kind == PG_RUN) {
        bool is_counted = rd->total > 0 && rd->item == index;
        f->statement = is_counted && item->statement_first ? item->statement_first + rd->results : 0;
        if (byte != SIZE_MAX && byte >= item->from && byte < item->to)
            f->offset = item->offset + (byte - item->from);
    }
    if (rd->error && pg_is_state(rd->error, "55P03"))
        memcpy(f->blocker, blocker, sizeof blocker);
}

/* ---- what it means ---- */

/* Can anything of the items from here on have become durable without our knowing? */
static bool may_be_durable(const pg_session *s, const reading *rd)
{
    for (size_t i = rd->item; i < rd->end; i++)
        if (s->items[i].kind == PG_COMMIT || (s->items[i].unit == PG_NO_UNIT && s->items[i].kind <= PG_RUN))
            return true;
    return false;
}

/* The connection is gone. A farewell of the server (FATAL) comes behind all answers that it had ready, so it says that
   the awaited statement did not end well, unless this statement was the very one that makes things durable. */
static int fail_gone(wb_ctx *cx, pg_session *s, const reading *rd)
{
    const pg_item *item = &s->items[rd->item < rd->end ? rd->item : rd->end - 1];
    bool has_farewell = rd->error && PQresultErrorField(rd->error, PG_DIAG_SQLSTATE);
    bool is_unknown = rd->is_sent && may_be_durable(s, rd);
    if (has_farewell && is_unknown)
        is_unknown = item->kind == PG_COMMIT || item->unit == PG_NO_UNIT;
    if (!has_farewell || is_unknown)
        return pg_fail_lost(cx, s, is_unknown);
    int rc = pg_fail_result(cx, s, rd->error, WBL_EFFECT_NONE);
    s->base.failure.is_connection_lost = true;
    return rc;
}

static int fail_put(wb_ctx *cx, pg_session *s, const reading *rd, const pg_item *item)
{
    const char *text = PQresultErrorField(rd->error, PG_DIAG_MESSAGE_PRIMARY);
    if (pg_is_state(rd->error, "42704") && text && strstr(text, "whimbrel.fuse_blown")) {
        wb_fail(cx, WBL_E_STATE, WBL_EFFECT_UNKNOWN, "the script ended the transaction that holds it");
        wb_hint(cx, "Take COMMIT and ROLLBACK out of the script, or mark it with \"-- whimbrel: no-transaction\".");
        return WBL_E_STATE;
    }
    if (pg_is_state(rd->error, "22012") && item->must_hit)
        return wb_fail(cx, WBL_E_CONFLICT, WBL_EFFECT_NONE, "the row of %s that was to be changed is not there, or not as it was",
                       item->table);
    if (pg_is_state(rd->error, "22012") && item->only_if_empty)
        return wb_fail(cx, WBL_E_CONFLICT, WBL_EFFECT_NONE, "%s is not empty", item->table);
    int rc = pg_fail_result(cx, s, rd->error, WBL_EFFECT_NONE);
    if (item->is_fence && pg_is_state(rd->error, "23505")) {
        rc = WBL_E_CONFLICT;
        if (cx->err)
            cx->err->code = rc;
    }
    return rc;
}

/* Finds item, place and meaning of a failure, and fills failure and error. */
static int explain(wb_ctx *cx, pg_session *s, const reading *rd, size_t from)
{
    size_t byte = error_byte(s, from, rd->error), index = rd->item < rd->end ? rd->item : rd->end - 1;
    if (byte != SIZE_MAX && item_at(s, byte, from, rd->end) > index)
        index = item_at(s, byte, from, rd->end);
    else if (byte == SIZE_MAX && is_parse_failure(s, rd, from, byte))
        index = guess_item(s, from, rd->end, &byte);
    /* The fuse is checked by the statement that also ends the script. */
    if (rd->error && index + 1 < rd->end && s->items[index].kind == PG_RUN && s->items[index + 1].kind == PG_PUT &&
        pg_is_state(rd->error, "42704") &&
        strstr(PQresultErrorMessage(rd->error), "\"whimbrel.fuse_blown\""))
        index++;
    fill_failure(s, rd, index, byte);
    if (rd->is_lost || !rd->is_sent)
        return fail_gone(cx, s, rd);
    if (rd->is_rolled_back) {
        wb_fail(cx, WBL_E_STATEMENT, WBL_EFFECT_NONE, "the transaction was rolled back instead of committed");
        wb_hint(cx, "A statement in it had failed before, and its error was passed over.");
        return WBL_E_STATEMENT;
    }
    if (!rd->error)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_UNKNOWN, "the server's answers do not match the statements sent");
    if (s->items[index].kind == PG_PUT)
        return fail_put(cx, s, rd, &s->items[index]);
    return pg_fail_result(cx, s, rd->error, s->items[index].unit == PG_NO_UNIT ? WBL_EFFECT_UNKNOWN : WBL_EFFECT_NONE);
}

/* ---- sending the queue ---- */

/* The message was refused as a whole because of a later unit: send those before it alone. When they end well, the first
   failure stands. */
static int send_prefix(wb_ctx *cx, pg_session *s, reading *rd, size_t failed)
{
    size_t end = group_start(s, failed);
    if (end == 0)
        return explain(cx, s, rd, 0);
    reading prefix = exchange(cx, s, 0, end);
    int rc = is_good(s, &prefix) ? explain(cx, s, rd, 0) : explain(cx, s, &prefix, 0);
    PQclear(prefix.error);
    return rc;
}

/* The same without knowing which unit it was: one after the other. */
static int send_singly(wb_ctx *cx, pg_session *s)
{
    int rc = 0;
    for (size_t from = 0, end; rc == 0 && from < s->item_count; from = end) {
        end = group_end(s, from);
        reading rd = exchange(cx, s, from, end);
        if (!is_good(s, &rd))
            rc = explain(cx, s, &rd, from);
        PQclear(rd.error);
    }
    return rc;
}

static int send_queue(wb_ctx *cx, pg_session *s)
{
    reading rd = exchange(cx, s, 0, s->item_count);
    int rc = 0;
    if (!is_good(s, &rd)) {
        size_t byte = error_byte(s, 0, rd.error);
        bool is_parse = is_parse_failure(s, &rd, 0, byte);
        bool has_many = group_end(s, 0) < s->item_count;
        if (is_parse && byte != SIZE_MAX)
            rc = send_prefix(cx, s, &rd, item_at(s, byte, 0, s->item_count));
        else if (is_parse && has_many)
            rc = send_singly(cx, s);
        else
            rc = explain(cx, s, &rd, 0);
        if (rc == 0) /* the second time it went well; it is not for us to ask why */
            pg_failure_clear(s);
    }
    PQclear(rd.error);
    return rc;
}

static bool queue_has(const pg_session *s, pg_kind kind, bool is_in_unit)
{
    for (size_t i = 0; i < s->item_count; i++)
        if ((kind == PG_BEGIN || s->items[i].kind == kind) && (s->items[i].unit != PG_NO_UNIT) == is_in_unit)
            return true;
    return false;
}

void pg_flush_undo(wb_ctx *cx, pg_session *s)
{
    (void)cx;
    PGTransactionStatusType state = s->conn ? PQtransactionStatus(s->conn) : PQTRANS_UNKNOWN;
    if (state != PQTRANS_INERROR && state != PQTRANS_INTRANS)
        return;
    /* The error that led here must stay, and a cancel flag must not reach a ROLLBACK. */
    wb_ctx quiet = { 0 };
    wb_failure kept = s->base.failure;
    pg_exec(&quiet, s, "ROLLBACK", NULL, NULL);
    if (s->base.failure.is_connection_lost)
        kept.is_connection_lost = true;
    s->base.failure = kept;
}

static void forget_queue(pg_session *s)
{
    pg_queue_cut(s, 0);
    if (s->message.cap > BUFFER_KEEP_SIZE)
        wb_buf_done(&s->message);
}

int pg_flush(wb_ctx *cx, pg_session *s)
{
    int rc = pg_mark_due(cx, s);
    if (rc != 0 || s->item_count == 0)
        return rc;
    if (!wb_buf_cstr(&s->message))
        return wb_nomem(cx);
    rc = send_queue(cx, s);
    bool has_units = queue_has(s, PG_BEGIN, true), has_reset = queue_has(s, PG_RESET, false);
    forget_queue(s);
    if (rc == 0) {
        s->is_unit_sent = s->is_unit_open;
        return 0;
    }
    if (has_units) {
        pg_flush_undo(cx, s);
        s->is_unit_open = s->is_unit_sent = false;
        s->has_failed = true;
        if (cx->err)
            s->error = *cx->err;
        else
            s->error = (wbl_error){ .code = rc };
    }
    /* Between two units RESET joins the transaction of the second one, and its rollback brings back what it had reset. */
    if (has_reset && !is_lost(s) && PQtransactionStatus(s->conn) == PQTRANS_IDLE) {
        wb_ctx quiet = { 0 };
        wb_failure kept = s->base.failure;
        WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
        pg_reset_text(s, &text);
        if (wb_buf_cstr(&text))
            pg_exec(&quiet, s, text.p, NULL, NULL);
        s->base.failure = kept;
    }
    return rc;
}

/* ---- one question, its answers ---- */

int pg_exec(wb_ctx *cx, pg_session *s, const char *text, pg_result_fn fn, void *user)
{
    int rc = pg_flush(cx, s);
    if (rc != 0)
        return rc;
    if (is_lost(s))
        return pg_fail_lost(cx, s, false);
    bool was_blocking = !PQisnonblocking(s->conn);
    PQsetnonblocking(s->conn, 1);
    bool is_sent = send_text(cx, s, text, false), is_told = false;
    PGresult *r;
    int called = 0;
    size_t index = 0;
    while ((r = next_result(cx, s))) {
        ExecStatusType status = PQresultStatus(r);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && rc == 0) {
            is_told = PQresultErrorField(r, PG_DIAG_SQLSTATE) != NULL;
            rc = pg_fail_result(cx, s, r, WBL_EFFECT_NONE);
        } else if (rc == 0 && called == 0 && fn) {
            called = fn(user, index++, r);
        }
        PQclear(r);
    }
    if (is_lost(s)) {
        s->base.failure.is_connection_lost = true;
        return is_told ? rc : pg_fail_lost(cx, s, false);
    }
    if (was_blocking)
        PQsetnonblocking(s->conn, 0);
    if (rc == 0 && !is_sent)
        rc = pg_fail_lost(cx, s, false);
    return rc != 0 ? rc : called;
}
