/*
 * run.c - run a script, statement by statement, on the text as it is.
 *
 * SQLite takes one statement at a time and says where the next one begins, so nothing is split here and nothing copied:
 * with a NUL behind the text it is compiled in place, in linear time. Only statements that it really sees are counted,
 * as the splitter counts them.
 *
 * The fuse: inside a unit a script must not end the transaction that holds it. SQLite has no dynamic SQL, so the first
 * word of each statement tells, and that is looked at before the statement runs; an authorizer would cost a call for
 * every column that a script mentions. What could still end it (a loaded extension) is found afterwards, by
 * autocommit being on or our savepoint gone.
 * Owns nothing.
 */
#include "driver/sqlite/lite.h"

#include <string.h>

typedef enum verb { VERB_OTHER, VERB_ENDS, VERB_PRAGMA, VERB_ATTACH } verb;

/* SAVEPOINT, RELEASE and ROLLBACK TO are the script's, as long as they keep away from our names. */
static bool names_ours(const char *at, const char *end)
{
    for (int i = 0; i < 5; i++) {
        lite_token t = lite_token_next(&at, end);
        if (!t.p || *t.p == ';')
            return false;
        size_t quote = t.kind == '"' || t.kind == '\'';
        if (t.len >= 3 + 2 * quote && wb_str_ieq((wb_str){ t.p + quote, 3 }, "wb_"))
            return true;
    }
    return false;
}

static bool is_rollback_to(const char *at, const char *end)
{
    for (int i = 0; i < 3; i++) { /* ROLLBACK [TRANSACTION [name]] TO */
        lite_token t = lite_token_next(&at, end);
        if (!t.p || *t.p == ';')
            return false;
        if (lite_token_is(t, "to"))
            return true;
    }
    return false;
}

static verb find_verb(const char *at, const char *end)
{
    static const char *const enders[] = { "begin", "commit", "end" };
    lite_token t = lite_token_next(&at, end);
    if (!t.p || t.kind != 'w')
        return VERB_OTHER;
    for (size_t i = 0; i < WB_COUNT(enders); i++)
        if (lite_token_is(t, enders[i]))
            return VERB_ENDS;
    if (lite_token_is(t, "rollback"))
        return is_rollback_to(at, end) && !names_ours(at, end) ? VERB_OTHER : VERB_ENDS;
    if (lite_token_is(t, "savepoint") || lite_token_is(t, "release"))
        return names_ours(at, end) ? VERB_ENDS : VERB_OTHER;
    if (lite_token_is(t, "pragma"))
        return VERB_PRAGMA;
    return lite_token_is(t, "attach") ? VERB_ATTACH : VERB_OTHER;
}

/* PRAGMA foreign_keys does nothing inside a transaction (pragma.html), and says nothing. A script that rebuilds a table
   relies on it: with the keys still on, DROP TABLE would delete the rows that refer to it. */
static bool turns_keys_off(const char *at, const char *end)
{
    static const char *const off[] = { "off", "no", "false", "0" };
    bool has_name = false;
    lite_token_next(&at, end);
    for (int i = 0; i < 6; i++) {
        lite_token t = lite_token_next(&at, end);
        if (!t.p || *t.p == ';')
            return false;
        has_name = has_name || lite_token_is(t, "foreign_keys");
        for (size_t k = 0; has_name && k < WB_COUNT(off); k++)
            if (wb_str_ieq((wb_str){ t.p, t.len }, off[k]))
                return true;
    }
    return false;
}

static int refuse_pragma(wb_ctx *cx, lite *s)
{
    s->is_unit_failed = true;
    wb_fail(cx, WBL_E_REFUSED, WBL_EFFECT_NONE,
            "PRAGMA foreign_keys does nothing inside a transaction, and this script is in one");
    wb_hint(cx, "Put \"-- whimbrel: foreign-keys off\" at the top of the script instead.");
    return WBL_E_REFUSED;
}

/* Where blanks, comments and empty statements end. */
static const char *first_token(const char *at, const char *end)
{
    lite_token t;
    do
        t = lite_token_next(&at, end);
    while (t.p && t.kind == 'p' && *t.p == ';');
    return t.p ? t.p : end;
}

static int step_all(sqlite3_stmt *stmt)
{
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        ;
    int end = sqlite3_finalize(stmt); /* the same code again after a failure */
    return rc == SQLITE_DONE ? end : rc;
}

static int fail_at(wb_ctx *cx, lite *s, const wb_piece *piece, uint32_t index, size_t offset)
{
    s->base.failure.stage = WB_STAGE_RUN;
    s->base.failure.unit = s->is_unit_open ? s->durable_count + s->unit_count : 0;
    s->base.failure.statement = piece->statement_first + index;
    s->base.failure.offset = piece->offset + offset;
    return cx->err ? cx->err->code : WBL_E_STATEMENT;
}

static int fail_statement(wb_ctx *cx, lite *s, int rc)
{
    if (s->is_unit_open)
        return lite_fail_unit(cx, s, rc, WB_STAGE_RUN);
    bool is_own_commit = (rc & 0xFF) == SQLITE_IOERR && sqlite3_get_autocommit(s->db);
    return is_own_commit ? lite_fail_alone(cx, s, rc) : lite_fail(cx, s, rc, WBL_EFFECT_NONE);
}

/* One statement; *at moves behind it. *is_one: there was one, and not only blanks. */
static int run_one(wb_ctx *cx, lite *s, const char **at, const char *end, size_t *fault, bool *is_one,
                   int64_t *affected)
{
    const char *from = *at, *first = first_token(from, end), *tail = NULL;
    *fault = (size_t)(first - from);
    *is_one = first < end;
    if (!*is_one) {
        *at = end;
        return 0;
    }
    if (wb_cancelled(cx) || s->is_interrupted)
        return fail_statement(cx, s, SQLITE_INTERRUPT);
    verb v = find_verb(first, end);
    if (s->is_unit_open && v == VERB_ENDS)
        return lite_fail_ended(cx, s);
    if (s->is_unit_open && v == VERB_PRAGMA && lite_foreign_keys(s) && turns_keys_off(first, end))
        return refuse_pragma(cx, s);
    if (v == VERB_PRAGMA)
        lite_snap(s);
    s->has_attached = s->has_attached || v == VERB_ATTACH;

    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, first, -1, &stmt, &tail);
    if (rc != SQLITE_OK) {
        int inside = sqlite3_error_offset(s->db);
        *fault += inside > 0 ? (size_t)inside : 0;
        return fail_statement(cx, s, rc);
    }
    if (tail < end && *tail == 0) { /* SQLite would stop here and leave the rest out */
        sqlite3_finalize(stmt);
        *fault = (size_t)(tail - from);
        s->is_unit_failed = s->is_unit_open;
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the script holds a NUL byte");
    }
    *is_one = stmt != NULL; /* NULL: what is no token for us is blank for SQLite */
    int64_t total = sqlite3_total_changes64(s->db);
    rc = stmt ? step_all(stmt) : SQLITE_OK;
    if (rc != SQLITE_OK)
        return fail_statement(cx, s, rc);
    if (sqlite3_total_changes64(s->db) != total)
        *affected += sqlite3_changes64(s->db);
    if (v == VERB_PRAGMA)
        lite_install_handlers(s); /* PRAGMA busy_timeout puts SQLite's own in the place of ours */
    if (s->is_unit_open && sqlite3_get_autocommit(s->db))
        return lite_fail_ended(cx, s);
    *at = tail;
    return 0;
}

static int run_text(wb_ctx *cx, lite *s, const wb_piece *piece, const char *text)
{
    const char *at = text, *end = text + piece->len;
    int64_t affected = 0;
    int64_t timeout_ms = s->is_unit_open ? s->unit_timeout_ms : piece->statement_timeout_ms;
    for (uint32_t index = 0; at < end;) {
        size_t from = (size_t)(at - text), fault = 0;
        bool is_one = false;
        s->statement_until_ms = timeout_ms > 0 ? wb_now_ms() + timeout_ms : 0;
        int code = run_one(cx, s, &at, end, &fault, &is_one, &affected);
        if (code != 0) {
            fail_at(cx, s, piece, index, from + fault);
            return code;
        }
        index += is_one;
    }
    if (piece->affected)
        *piece->affected = affected;
    return 0;
}

static int prepare_run(wb_ctx *cx, lite *s, const wb_piece *piece)
{
    s->base.failure.stage = WB_STAGE_RUN;
    if (piece->copy_data)
        return wb_fail(cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE, "SQLite has no COPY");
    if (s->is_unit_open)
        return s->is_unit_failed ? wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "run: the unit has failed") : 0;
    int code = lite_flush(cx, s);
    return code ? code : lite_make_writable(cx, s);
}

int lite_run(wb_ctx *cx, wb_session *session, const wb_piece *piece)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    int code = prepare_run(cx, s, piece);
    if (code != 0)
        return code;
    WB_AUTOFREE char *copy = NULL;
    const char *text = piece->text;
    if (text[piece->len] != 0) {
        copy = wb_alloc(piece->len + 1);
        if (!copy) {
            s->is_unit_failed = s->is_unit_open;
            return wb_nomem(cx);
        }
        memcpy(copy, text, piece->len);
        text = copy;
    }
    if (s->is_foreign)
        lite_install_handlers(s);
    code = run_text(cx, s, piece, text);
    if (s->is_foreign)
        sqlite3_progress_handler(s->db, 0, NULL, NULL);
    if (code == 0)
        s->base.failure.stage = WB_STAGE_NONE;
    return code;
}
