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
 * Two properties of the server shape the rest. The whole message is parsed before anything runs: a syntax error in the
 * fifth unit keeps the first from running, so those before it are sent again. And an error skips all that follows, our
 * ROLLBACK too, so that is sent apart. tests/driver/postgres/test_queue.c has a row for each shape of failure.
 * Owns the text and the items. Facts: PostgreSQL 17, 53.2.2 (simple query).
 */
#include "driver/postgres/pg.h"

#include <stdio.h>
#include <string.h>

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

/* ---- reading the answers of a stretch of the queue ---- */

typedef struct reading {
    size_t item, end; /* index of the item that is awaited; behind the last one */
    uint32_t results; /* answers to it so far */
    uint32_t total;   /* answers to all */
    PGresult *error;  /* the first error; owned */
    bool is_sent, is_lost;
    bool is_rolled_back; /* a COMMIT was answered with ROLLBACK */
    bool is_stray;       /* an answer too many: we and the server disagree about the message */
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
}

static void read_all(wb_ctx *cx, pg_session *s, reading *rd)
{
    PGresult *r;
    s->is_reading_items = true;
    while ((r = pg_next(cx, s))) {
        switch (PQresultStatus(r)) {
        case PGRES_COPY_IN: pg_copy_in(cx, s, &s->items[rd->item < rd->end ? rd->item : rd->end - 1]); break;
        case PGRES_COPY_OUT: pg_copy_out(cx, s); break;
        case PGRES_SINGLE_TUPLE:
        case PGRES_EMPTY_QUERY: break;
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK: take_result(s, rd, r); break;
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
    rd->is_lost = pg_is_lost(s);
}

/* Sends items [from, end) as one message and reads what the server says to them. */
static reading exchange(wb_ctx *cx, pg_session *s, size_t from, size_t end)
{
    reading rd = { .item = from, .end = end };
    char *text = s->message.p + s->items[from].from, *stop = s->message.p + s->items[end - 1].to, kept = *stop;
    bool was_blocking = !PQisnonblocking(s->conn);
    PQsetnonblocking(s->conn, 1);
    *stop = 0;
    rd.is_sent = pg_send(cx, s, text, true);
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

/* Did the server refuse the message as a whole, before it ran anything? Then no answer came, and the error is not of
   the first statement. Text that it cannot even decode has no position, and the code must tell. */
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

/* Is the number of answers also the number of statements that ran? Not when the parser refused the message; the codes
   below are those that it has. */
static bool is_counted(const reading *rd, size_t index)
{
    const char *state = rd->error ? PQresultErrorField(rd->error, PG_DIAG_SQLSTATE) : NULL;
    if (rd->item != index || rd->total > 0)
        return rd->item == index;
    return state && strcmp(state, "42601") != 0 && strcmp(state, "0A000") != 0 && strncmp(state, "22", 2) != 0;
}

static void fill_failure(pg_session *s, const reading *rd, size_t index, size_t byte)
{
    static const wb_stage stages[] = {
        [PG_BEGIN] = WB_STAGE_BEGIN, [PG_PUT] = WB_STAGE_PUT,       [PG_RUN] = WB_STAGE_RUN,
        [PG_MARK] = WB_STAGE_RUN,    [PG_COMMIT] = WB_STAGE_COMMIT, [PG_RESET] = WB_STAGE_NONE
    };
    const pg_item *item = &s->items[index];
    wb_failure *f = &s->base.failure;
    const wb_failure before = *f;
    *f = (wb_failure){ .stage = stages[item->kind], .offset = SIZE_MAX };
    f->unit = item->unit == PG_NO_UNIT ? 0 : item->unit;
    f->put_tag = item->tag;
    if (item->kind == PG_MARK && index > 0) /* a cancel may strike there */
        item--;
    if (item->kind == PG_RUN) {
        f->statement = item->statement_first && is_counted(rd, index) ? item->statement_first + rd->results : 0;
        if (byte != SIZE_MAX && byte >= item->from && byte < item->to)
            f->offset = item->offset + (byte - item->from);
    }
    if (rd->error && pg_is_state(rd->error, "55P03")) {
        memcpy(f->blocker, before.blocker, sizeof f->blocker);
        memcpy(f->blocker_ending, before.blocker_ending, sizeof f->blocker_ending);
    }
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
        return wb_fail(cx, WBL_E_CONFLICT, WBL_EFFECT_NONE,
                       "the row of %s that was to be changed is not there, or not as it was", item->table);
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
        pg_is_state(rd->error, "42704") && strstr(PQresultErrorMessage(rd->error), "\"whimbrel.fuse_blown\""))
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

static bool queue_has_units(const pg_session *s)
{
    for (size_t i = 0; i < s->item_count; i++)
        if (s->items[i].unit != PG_NO_UNIT)
            return true;
    return false;
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
    bool has_units = queue_has_units(s);
    forget_queue(s);
    if (rc == 0) {
        s->is_unit_sent = s->is_unit_open;
        return 0;
    }
    if (has_units) {
        pg_undo(s);
        s->is_unit_open = s->is_unit_sent = false;
        s->has_failed = true;
        if (cx->err)
            s->error = *cx->err;
        else
            s->error = (wbl_error){ .code = rc };
    }
    return rc;
}
