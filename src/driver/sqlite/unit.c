/*
 * unit.c - transactions: several units in one, each under its own savepoint.
 *
 * The first begin() opens a transaction that holds the write lock (BEGIN IMMEDIATE), every unit is a savepoint in it,
 * and sync() outside a unit commits it. So a thousand small migrations cost a few log syncs and not a thousand, and a
 * crash loses effects and records together.
 *
 * Three things can go wrong, and the engine believes nothing but wb_sync.committed:
 *   - A unit fails: rollback() takes it back to its savepoint; units before it wait for the COMMIT as before.
 *   - SQLite takes the whole transaction back by itself (disk full, I/O error, an interrupted write, ON CONFLICT
 *     ROLLBACK; lang_transaction.html, 3). Then the units before the failing one are gone too. rollback() succeeds,
 *     since nothing is left of the unit, and the next sync() fails and counts none of them as committed.
 *   - COMMIT fails. Busy: readers are waited for. Other faults: it is rolled back and nothing is committed. After an
 *     I/O error nobody knows whether the journal was already gone: WBL_E_OUTCOME, and the engine looks.
 *
 * put() and create() outside a unit must be durable at once, so they commit a waiting group first; its units are
 * counted in durable_count until the next sync().
 * Owns nothing: what it knows is in the session.
 */
#include "driver/sqlite/lite.h"

#include <stdio.h>
#include <string.h>

void lite_forget_units(lite *s)
{
    s->is_group_open = s->is_unit_open = s->is_unit_failed = s->is_unit_alone = false;
    s->foreign_keys_before = WB_UNSET;
    s->unit_count = s->durable_count = s->lost_count = 0;
    s->lost_native = 0;
    s->unit_timeout_ms = 0;
    s->is_ended = false;
}

static int fail_order(wb_ctx *cx, lite *s, wb_stage stage, const char *what)
{
    s->base.failure.stage = stage;
    s->base.failure.unit = s->durable_count + s->unit_count;
    return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "%s", what);
}

int lite_fail_ended(wb_ctx *cx, lite *s)
{
    s->is_ended = s->is_ended || sqlite3_get_autocommit(s->db);
    s->is_unit_failed = true;
    s->base.failure.unit = s->durable_count + s->unit_count;
    wb_fail(cx, WBL_E_STATE, s->is_ended ? WBL_EFFECT_UNKNOWN : WBL_EFFECT_NONE,
            s->is_ended ? "the script ended the transaction that holds it"
                        : "the script tries to end the transaction that holds it");
    wb_hint(cx,
            "Take BEGIN, COMMIT and ROLLBACK out of the script, or put \"-- whimbrel: no-transaction\" at its top.");
    return WBL_E_STATE;
}

/* The transaction is over, one way or the other. */
static void close_group(lite *s)
{
    s->is_group_open = s->is_unit_open = s->is_unit_failed = s->is_unit_alone = false;
    s->unit_count = 0;
    s->unit_timeout_ms = 0;
    if (s->foreign_keys_before != WB_UNSET)
        lite_foreign_keys_set(s, s->foreign_keys_before == WB_ON);
    s->foreign_keys_before = WB_UNSET;
}

/* SQLite has taken back everything since BEGIN. */
static void note_loss(lite *s, int native)
{
    s->lost_count += s->unit_count;
    s->lost_native = native;
    close_group(s);
}

/* ---- begin ---- */

static bool mode_is_exclusive(wb_str modes)
{
    wb_str t = wb_str_trim(modes);
    return t.len >= 9 && wb_str_ieq((wb_str){ t.p, 9 }, "EXCLUSIVE");
}

static int open_group(wb_ctx *cx, lite *s, const wb_txn *txn)
{
    int code = lite_make_writable(cx, s);
    if (code != 0)
        return code;
    if (!sqlite3_get_autocommit(s->db))
        return wb_fail(cx, WBL_E_STATE, WBL_EFFECT_NONE, "a transaction of the script is still open");
    if (txn->foreign_keys != WB_UNSET) {
        s->foreign_keys_before = lite_foreign_keys(s) ? WB_ON : WB_OFF;
        lite_foreign_keys_set(s, txn->foreign_keys == WB_ON);
    }
    int rc = lite_exec_waiting(cx, s, mode_is_exclusive(txn->modes) ? "BEGIN EXCLUSIVE" : "BEGIN IMMEDIATE");
    if (rc == SQLITE_OK) {
        s->is_group_open = true;
        return 0;
    }
    code = lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    close_group(s);
    return code;
}

int lite_begin(wb_ctx *cx, wb_session *session, const wb_txn *txn)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    if (s->is_unit_open)
        return fail_order(cx, s, WB_STAGE_BEGIN, "begin: a unit is open");
    if (s->lost_count)
        return fail_order(cx, s, WB_STAGE_BEGIN, "begin: units were lost, and sync() has not said so yet");
    if (s->is_group_open && (s->is_unit_alone || txn->foreign_keys != WB_UNSET))
        return fail_order(cx, s, WB_STAGE_BEGIN, "begin: a unit that switches foreign keys cannot be part of a group");
    if (wb_cancelled(cx))
        return wb_fail(cx, WBL_E_CANCELLED, WBL_EFFECT_NONE, "cancelled");
    s->base.failure.unit = s->durable_count + s->unit_count;
    s->base.failure.stage = WB_STAGE_BEGIN;
    int code = s->is_group_open ? 0 : open_group(cx, s, txn);
    if (code != 0)
        return code;
    int rc = lite_exec(s, "SAVEPOINT wb_unit");
    if (rc != SQLITE_OK)
        return lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    s->base.failure.stage = WB_STAGE_NONE;
    s->is_unit_open = true;
    s->is_unit_alone = txn->foreign_keys != WB_UNSET;
    s->unit_timeout_ms = txn->statement_timeout_ms;
    s->unit_started_ms = wb_now_ms();
    return 0;
}

/* ---- commit ---- */

static int fail_deferred(wb_ctx *cx, lite *s)
{
    if (lite_foreign_keys_check(cx, s) == 0) /* it names the row; the counter alone knows only that there is one */
        wb_fail(cx, WBL_E_STATEMENT, WBL_EFFECT_NONE, "FOREIGN KEY constraint failed");
    if (cx->err) {
        cx->err->code = WBL_E_STATEMENT;
        cx->err->native = SQLITE_CONSTRAINT_FOREIGNKEY;
    }
    s->is_unit_failed = true;
    return WBL_E_STATEMENT;
}

int lite_commit(wb_ctx *cx, wb_session *session)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    if (!s->is_unit_open || s->is_unit_failed)
        return fail_order(cx, s, WB_STAGE_COMMIT,
                          s->is_unit_open ? "commit: the unit has failed" : "commit: no unit is open");
    s->base.failure.stage = WB_STAGE_COMMIT;
    s->base.failure.unit = s->durable_count + s->unit_count;
    if (sqlite3_get_autocommit(s->db))
        return lite_fail_ended(cx, s);

    /* Deferred keys are counted for the whole transaction and checked by COMMIT; each unit must answer for its own. */
    int current = 0, unused = 0;
    sqlite3_db_status(s->db, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &unused, 0);
    if (current > 0)
        return fail_deferred(cx, s);
    if (s->is_unit_alone) {
        int code = lite_foreign_keys_check(cx, s);
        if (code != 0) {
            s->is_unit_failed = true;
            return code;
        }
    }
    int rc = lite_exec(s, "RELEASE wb_unit");
    if (rc == SQLITE_ERROR) { /* no such savepoint: our transaction was ended, and another one begun */
        s->is_ended = true;
        return lite_fail_ended(cx, s);
    }
    if (rc != SQLITE_OK)
        return lite_fail_unit(cx, s, rc, WB_STAGE_COMMIT);
    s->base.failure.stage = WB_STAGE_NONE;
    s->is_unit_open = false;
    s->unit_count++;
    return 0;
}

/* ---- roll back ---- */

static int rollback_all(wb_ctx *cx, lite *s)
{
    if (sqlite3_get_autocommit(s->db))
        return 0;
    int rc = lite_exec(s, "ROLLBACK");
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(s->db)) {
        int code = lite_fail(cx, s, rc, WBL_EFFECT_UNKNOWN);
        s->base.failure.is_connection_lost = true; /* closing the handle rolls back */
        return code;
    }
    return 0;
}

int lite_rollback(wb_ctx *cx, wb_session *session)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    bool is_over = sqlite3_get_autocommit(s->db) != 0;
    if (!is_over && s->is_unit_open && s->unit_count > 0) {
        int rc = lite_exec(s, "ROLLBACK TO wb_unit");
        if (rc == SQLITE_OK)
            rc = lite_exec(s, "RELEASE wb_unit");
        if (rc == SQLITE_OK) {
            s->is_unit_open = s->is_unit_failed = s->is_unit_alone = false;
            return 0;
        }
        s->lost_native = rc; /* the units before it go as well: sync() says so */
    }
    if (s->is_group_open && !s->is_unit_open && !is_over)
        return 0;
    int native = s->lost_native ? s->lost_native : SQLITE_ABORT_ROLLBACK;
    int code = rollback_all(cx, s);
    if (code == 0)
        note_loss(s, native);
    return code;
}

/* ---- sync ---- */

/* What was to be committed by itself. */
int lite_fail_alone(wb_ctx *cx, lite *s, int rc)
{
    bool is_unclear = (rc & 0xFF) == SQLITE_IOERR;
    int code = lite_fail(cx, s, rc, is_unclear ? WBL_EFFECT_UNKNOWN : WBL_EFFECT_NONE);
    if (code == WBL_E_LOCKED && cx->err) /* BEGIN IMMEDIATE keeps writers out, so these are readers */
        snprintf(cx->err->message, sizeof cx->err->message,
                 "another process keeps reading the database, so that nothing can be committed");
    s->base.failure.stage = WB_STAGE_COMMIT;
    s->base.failure.unit = s->durable_count;
    if (!sqlite3_get_autocommit(s->db) && lite_exec(s, "ROLLBACK") != SQLITE_OK && !sqlite3_get_autocommit(s->db))
        is_unclear = true; /* it is still open: closing the handle ends it */
    if (!is_unclear)
        return code;
    if (cx->err) {
        cx->err->code = WBL_E_OUTCOME;
        cx->err->effect = WBL_EFFECT_UNKNOWN;
    }
    s->base.failure.is_connection_lost = true;
    return WBL_E_OUTCOME;
}

/* A migration written in C, or a script, has ended the transaction: what was finished in it may be there or not. */
static int fail_somebody_ended(wb_ctx *cx, lite *s)
{
    s->is_ended = false;
    s->base.failure.stage = WB_STAGE_COMMIT;
    s->base.failure.unit = s->durable_count;
    return wb_fail(cx, WBL_E_OUTCOME, WBL_EFFECT_UNKNOWN, "%s: the transaction was ended by something that ran in it",
                   s->base.server.database);
}

int lite_flush(wb_ctx *cx, lite *s)
{
    if (!s->is_group_open)
        return 0;
    if (sqlite3_get_autocommit(s->db)) {
        close_group(s);
        return fail_somebody_ended(cx, s);
    }
    int rc = lite_exec_waiting(cx, s, "COMMIT");
    if (rc != SQLITE_OK) {
        int code = lite_fail_alone(cx, s, rc);
        close_group(s);
        return code;
    }
    s->durable_count += s->unit_count;
    close_group(s);
    return 0;
}

static int fail_lost(wb_ctx *cx, lite *s, uint32_t lost)
{
    int native = s->lost_native;
    int code = lite_code_of(native);
    s->base.failure.stage = WB_STAGE_COMMIT;
    s->base.failure.unit = s->durable_count;
    wb_fail(cx, code, WBL_EFFECT_NONE, "%s: SQLite rolled the whole transaction back, with %u finished %s in it (%s)",
            s->base.server.database, lost, lost == 1 ? "unit" : "units", sqlite3_errstr(native));
    wb_hint(cx, "Nothing of them is left, and the next run does them again.");
    if (cx->err) {
        cx->err->native = native;
        cx->err->is_retryable = lite_is_retryable(native);
    }
    return code;
}

int lite_sync(wb_ctx *cx, wb_session *session, wb_sync *out)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    *out = (wb_sync){ .is_in_transaction = s->is_unit_open };
    if (s->is_unit_open)
        return s->is_unit_failed
                   ? fail_order(cx, s, WB_STAGE_COMMIT, "sync: the unit has failed and must be rolled back")
                   : 0;
    int code = lite_flush(cx, s);
    uint32_t lost = s->lost_count;
    s->lost_count = 0;
    out->committed = s->durable_count;
    out->is_in_transaction = s->db && !sqlite3_get_autocommit(s->db);
    if (code == 0 && lost)
        code = s->is_ended ? fail_somebody_ended(cx, s) : fail_lost(cx, s, lost);
    s->is_ended = false;
    s->durable_count = 0;
    s->lost_native = 0;
    return code;
}

/* ---- transactions of our own rows, outside a unit ---- */

/* A transaction that a script has left open can't be committed for it: there our rows join it, under a savepoint. */
int lite_own_begin(wb_ctx *cx, lite *s)
{
    int code = lite_flush(cx, s);
    if (code == 0)
        code = lite_make_writable(cx, s);
    if (code != 0)
        return code;
    s->is_own_joined = !sqlite3_get_autocommit(s->db);
    int rc = s->is_own_joined ? lite_exec(s, "SAVEPOINT wb_own") : lite_exec_waiting(cx, s, "BEGIN IMMEDIATE");
    return rc == SQLITE_OK ? 0 : lite_fail(cx, s, rc, WBL_EFFECT_NONE);
}

int lite_own_end(wb_ctx *cx, lite *s, int code)
{
    if (code != 0) { /* the error is filled; what fails here is no news beside it */
        if (!s->is_own_joined)
            (void)lite_exec(s, "ROLLBACK");
        else if (lite_exec(s, "ROLLBACK TO wb_own") == SQLITE_OK)
            (void)lite_exec(s, "RELEASE wb_own");
        return code;
    }
    int rc = s->is_own_joined ? lite_exec(s, "RELEASE wb_own") : lite_exec_waiting(cx, s, "COMMIT");
    return rc == SQLITE_OK ? 0 : lite_fail_alone(cx, s, rc);
}
