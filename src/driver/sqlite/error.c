/*
 * error.c - turn SQLite's result codes into ours.
 *
 * One table says what a code means for the caller: which of our codes, whether the same call may work later, and a text
 * where SQLite's own says too little. SQLite's message is always part of ours. What a code means is in rescode.html;
 * a code that is not in the table is a refused statement.
 * Owns nothing.
 */
#include "driver/sqlite/lite.h"

#include <stdio.h>
#include <string.h>

static const struct lite_code {
    int native;
    int code;
    bool is_retryable;
    const char *text; /* NULL: SQLite's message is clear enough */
} codes[] = {
    { SQLITE_BUSY, WBL_E_LOCKED, true, "another process is writing to the database" },
    { SQLITE_BUSY_RECOVERY, WBL_E_LOCKED, true, "another process is recovering the database" },
    { SQLITE_PROTOCOL, WBL_E_LOCKED, true, "other processes keep the write-ahead log busy" },
    { SQLITE_LOCKED, WBL_E_LOCK_WAIT, false, "an unfinished statement of the same connection is in the way" },
    { SQLITE_LOCKED_SHAREDCACHE, WBL_E_LOCK_WAIT, true, "another connection of this process is in the way" },
    { SQLITE_NOMEM, WBL_E_NOMEM, false, "out of memory" },
    { SQLITE_FULL, WBL_E_IO, true, "the disk is full" },
    { SQLITE_IOERR, WBL_E_IO, false, "the disk reports an error" },
    { SQLITE_IOERR_NOMEM, WBL_E_NOMEM, false, "out of memory" },
    { SQLITE_READONLY, WBL_E_IO, false, "the database cannot be written" },
    { SQLITE_READONLY_ROLLBACK, WBL_E_IO, false,
      "an interrupted transaction must be rolled back first, and the file is "
      "read-only" },
    { SQLITE_READONLY_RECOVERY, WBL_E_IO, false,
      "the write-ahead log must be recovered first, and the file is read-only" },
    { SQLITE_READONLY_DBMOVED, WBL_E_IO, false, "the database file was moved or deleted while it was open" },
    { SQLITE_CANTOPEN, WBL_E_CONNECT, false, "the database cannot be opened" },
    { SQLITE_PERM, WBL_E_CONNECT, false, "the database may not be opened" },
    { SQLITE_NOTADB, WBL_E_CONNECT, false, "the file is not a SQLite database, or it is encrypted" },
    { SQLITE_CORRUPT, WBL_E_IO, false, "the database file is damaged" },
    { SQLITE_FORMAT, WBL_E_CONNECT, false, "the database file has an unknown format" },
    { SQLITE_NOLFS, WBL_E_IO, false, "the file system cannot hold a file of this size" },
    { SQLITE_INTERRUPT, WBL_E_CANCELLED, false, "cancelled" },
    { SQLITE_AUTH, WBL_E_REFUSED, false, "the program's own authorizer refuses the statement" },
    { SQLITE_SCHEMA, WBL_E_STATEMENT, true, "other connections keep changing the schema" },
    { SQLITE_MISUSE, WBL_E_INTERNAL, false, "SQLite was called wrongly" },
    { SQLITE_RANGE, WBL_E_INTERNAL, false, "SQLite was called wrongly" },
    { SQLITE_INTERNAL, WBL_E_INTERNAL, false, "defect of SQLite" },
};

/* The extended code when the table has it, else the primary one; NULL: a refused statement. */
static const struct lite_code *find_code(int native)
{
    const struct lite_code *primary = NULL;
    for (size_t i = 0; i < WB_COUNT(codes); i++) {
        if (codes[i].native == native)
            return &codes[i];
        if (codes[i].native == (native & 0xFF))
            primary = &codes[i];
    }
    return primary;
}

int lite_code_of(int native)
{
    const struct lite_code *c = find_code(native);
    return c ? c->code : WBL_E_STATEMENT;
}

bool lite_is_retryable(int native)
{
    const struct lite_code *c = find_code(native);
    return c && c->is_retryable;
}

/* SQLITE_INTERRUPT has three causes; the caller must know which. */
static int fail_interrupted(wb_ctx *cx, const lite *s, int effect)
{
    bool is_over = s->statement_until_ms && wb_now_ms() >= s->statement_until_ms;
    bool is_past_deadline = cx->deadline_ms && wb_now_ms() >= cx->deadline_ms;
    bool is_cancelled = wb_cancelled(cx) || s->is_interrupted;
    if (!is_cancelled && is_over)
        return wb_fail(cx, WBL_E_TIMEOUT, effect, "the statement took longer than the statement timeout");
    if (!is_cancelled && is_past_deadline)
        return wb_fail(cx, WBL_E_TIMEOUT, effect, "the time for this call is over");
    return wb_fail(cx, WBL_E_CANCELLED, effect, "cancelled");
}

static void say_who_holds(lite *s)
{
    wb_holder who;
    if (!lite_find_holder(s, &who))
        return;
    char age[32];
    wb_span_text(who.age_ms, age);
    snprintf(s->base.failure.blocker, sizeof s->base.failure.blocker, "process %lld (%s)%s%s%s", (long long)who.pid,
             who.application, who.age_ms ? ", started " : "", who.age_ms ? age : "", who.age_ms ? " ago" : "");
    snprintf(s->base.failure.blocker_ending, sizeof s->base.failure.blocker_ending, "%s", who.ending);
}

static int fail_busy(wb_ctx *cx, lite *s, int effect, const char *text, const char *said)
{
    if (wb_cancelled(cx))
        return wb_fail(cx, WBL_E_CANCELLED, effect, "cancelled while waiting: %s", text);
    char waited[32];
    wb_span_text(s->set.busy_timeout_ms - (s->busy_until_ms - wb_now_ms()), waited);
    say_who_holds(s);
    const char *blocker = s->base.failure.blocker, *ending = s->base.failure.blocker_ending;
    wb_fail(cx, WBL_E_LOCKED, effect, "%s: %s (%s, waited %s)%s%s", s->base.server.database, text, said, waited,
            *blocker ? ": " : "", blocker);
    wb_hint(cx, "Wait for it, or give more time with --lock-timeout 20m%s%s%s.", *ending ? ". `" : "", ending,
            *ending ? "` ends that process" : "");
    return WBL_E_LOCKED;
}

int lite_fail(wb_ctx *cx, lite *s, int rc, int effect)
{
    const struct lite_code *c = find_code(rc);
    bool has_message = s->db && (sqlite3_errcode(s->db) & 0xFF) == (rc & 0xFF);
    const char *said = has_message ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc);
    int code = c ? c->code : WBL_E_STATEMENT;
    if (code == WBL_E_CANCELLED)
        code = fail_interrupted(cx, s, effect);
    else if (code == WBL_E_LOCKED)
        code = fail_busy(cx, s, effect, c->text, said);
    else if (!c)
        wb_fail(cx, code, effect, "%s", said);
    else
        wb_fail(cx, code, effect, "%s: %s (%s)", s->base.server.database, c->text, said);
    if (cx->err) {
        cx->err->native = rc;
        cx->err->is_retryable = c && c->is_retryable;
    }
    return code;
}

/* Nothing of an open unit is durable before the COMMIT, so the effect is none whatever happened in it. */
int lite_fail_unit(wb_ctx *cx, lite *s, int rc, wb_stage stage)
{
    s->base.failure.stage = stage;
    s->base.failure.unit = s->is_unit_open ? s->durable_count + s->unit_count : 0;
    if (s->is_unit_open)
        s->is_unit_failed = true;
    return lite_fail(cx, s, rc, WBL_EFFECT_NONE);
}
