/*
 * errors.c - what an error of PostgreSQL means to us.
 *
 * The engine asks four questions of a failure: did the server refuse it, was the connection lost before sending, was
 * the answer lost, may the same call work later? The table answers for the codes that differ from the plain case; a
 * test covers each of its rows. Text of the server is never replaced: its primary message is our message, its detail
 * and hint become the hint.
 * Owns nothing. Facts: PostgreSQL 17, appendix A.
 */
#include "driver/postgres/pg.h"

#include <stdio.h>
#include <string.h>

static const pg_error_row error_rows[] = {
    { "08", WBL_E_CONNECT, true, "connection exception" },
    { "08P01", WBL_E_CONNECT, false, "protocol violation: a pooler that refuses a parameter says this, too" },
    { "25P03", WBL_E_CONNECT, true, "idle in transaction for too long" },
    { "25P04", WBL_E_TIMEOUT, false, "transaction_timeout" },
    { "28", WBL_E_CONNECT, false, "wrong user or password" },
    { "3D000", WBL_E_CONNECT, false, "no such database" },
    { "40001", WBL_E_STATEMENT, true, "serialization failure" },
    { "40003", WBL_E_OUTCOME, false, "the server does not know how the statement ended" },
    { "40P01", WBL_E_STATEMENT, true, "deadlock" },
    { "53300", WBL_E_CONNECT, true, "too many connections" },
    { "55P03", WBL_E_LOCK_WAIT, true, "lock_timeout, or NOWAIT" },
    { "57014", WBL_E_TIMEOUT, false, "statement_timeout, or a cancel request of somebody else" },
    { "57P01", WBL_E_CONNECT, true, "the server shuts down, or an administrator ended the session" },
    { "57P02", WBL_E_CONNECT, true, "another backend crashed" },
    { "57P03", WBL_E_CONNECT, true, "the server starts up or shuts down" },
    { "57P04", WBL_E_CONNECT, false, "the database was dropped" },
    { "57P05", WBL_E_CONNECT, true, "idle session timeout" },
};
static const pg_error_row refused = { "", WBL_E_STATEMENT, false, "the server refused the statement" };

const pg_error_row *pg_error_table(size_t *count)
{
    *count = WB_COUNT(error_rows);
    return error_rows;
}

const pg_error_row *pg_error_find(const char *sqlstate)
{
    const pg_error_row *found = &refused;
    for (size_t i = 0; sqlstate && i < WB_COUNT(error_rows); i++) {
        if (strcmp(error_rows[i].sqlstate, sqlstate) == 0)
            return &error_rows[i];
        if (strlen(error_rows[i].sqlstate) == 2 && strncmp(error_rows[i].sqlstate, sqlstate, 2) == 0)
            found = &error_rows[i];
    }
    return found;
}

bool pg_is_state(const PGresult *r, const char *sqlstate)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return state && strcmp(state, sqlstate) == 0;
}

/* Detail and hint, each when it fits whole; the place in COPY data or a function when there is neither. */
static void fill_hint(wb_ctx *cx, const PGresult *r)
{
    const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL),
               *hint = PQresultErrorField(r, PG_DIAG_MESSAGE_HINT);
    const char *context = PQresultErrorField(r, PG_DIAG_CONTEXT);
    size_t room = cx->err ? sizeof cx->err->hint - 2 : 0;
    if (detail && strlen(detail) > room)
        detail = NULL;
    if (detail)
        room -= strlen(detail);
    if (hint && strlen(hint) > room)
        hint = NULL;
    if (detail || hint)
        wb_hint(cx, "%s%s%s", detail ? detail : "", detail && hint ? "\n" : "", hint ? hint : "");
    else if (context)
        wb_hint(cx, "%.*s", (int)strcspn(context, "\n"), context);
}

static int code_of(const pg_session *s, const char *state, const char *text)
{
    if (!state || strcmp(state, "57014") != 0)
        return pg_error_find(state)->code;
    if (s->is_copy_refused) /* the server has one code for all ways to end a COPY */
        return WBL_E_STATEMENT;
    if (s->is_cancel_asked)
        return WBL_E_CANCELLED;
    if (s->is_deadline_over)
        return WBL_E_TIMEOUT;
    /* pg_cancel_backend() of an administrator has the same code as a timeout; only the text tells them apart. */
    return strstr(text, "user request") ? WBL_E_STATEMENT : WBL_E_TIMEOUT;
}

int pg_fail_result(wb_ctx *cx, pg_session *s, const PGresult *r, int effect)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    if (!text)
        text = PQresultErrorMessage(r); /* of libpq itself; wb_fail makes one line of it */
    if (!text || !*text)
        text = "the server sent an answer that libpq does not understand";
    int code = wb_fail(cx, code_of(s, state, text), effect, "%s", text);
    fill_hint(cx, r);
    if (cx->err) {
        cx->err->is_retryable = pg_error_find(state)->is_retryable;
        wb_copy_text(cx->err->sqlstate, sizeof cx->err->sqlstate, state ? state : "", state ? strlen(state) : 0);
    }
    return code;
}

int pg_fail_lost(wb_ctx *cx, pg_session *s, bool is_unknown)
{
    s->base.failure.is_connection_lost = true;
    const char *why = s->conn ? PQerrorMessage(s->conn) : "";
    char cause[200], state[6];
    if (s->is_deadline_over || !pg_connect_cause(why, state, cause, sizeof cause))
        snprintf(cause, sizeof cause, "%s", s->is_deadline_over ? "no answer came in time" : "the server closed it");
    if (is_unknown) {
        wb_fail(cx, WBL_E_OUTCOME, WBL_EFFECT_UNKNOWN, "the connection was lost before the server answered: %s", cause);
        return WBL_E_OUTCOME;
    }
    wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "the connection was lost: %s", cause);
    if (cx->err)
        cx->err->is_retryable = true;
    return WBL_E_CONNECT;
}
