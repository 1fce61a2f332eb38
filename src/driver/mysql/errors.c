/*
 * errors.c - what an error of MySQL, MariaDB or the client library means to us.
 *
 * The engine asks four questions of a failure: did the server refuse it, was the connection lost before sending, was
 * the answer lost, may the same call work later? The table answers for the numbers that differ from the plain case; a
 * test covers each of its rows. Text of the server is never replaced: it is our message.
 * Owns nothing. Facts: MySQL 8.4 error reference, 2.1 (server) and 3 (client); MariaDB Knowledge Base, "Error Codes";
 * MySQL 8.4 manual, 17.20.5 (what InnoDB rolls back).
 */
#include "driver/mysql/my.h"

#include <stdio.h>
#include <string.h>

static const my_error_row error_rows[] = {
    { 1020, WBL_E_STATEMENT, true, false, "a row has changed since it was read (MariaDB, snapshot isolation)" },
    { 1040, WBL_E_CONNECT, true, false, "too many connections" },
    { 1042, WBL_E_CONNECT, true, false, "the server can't resolve our address" },
    { 1043, WBL_E_CONNECT, true, false, "bad handshake" },
    { 1044, WBL_E_CONNECT, false, false, "no right to use the database" },
    { 1045, WBL_E_CONNECT, false, false, "wrong user or password" },
    { 1047, WBL_E_CONNECT, true, false, "a Galera node that is not ready yet" },
    { 1053, WBL_E_CONNECT, true, true, "the server shuts down" },
    { 1129, WBL_E_CONNECT, false, false, "host is blocked because of many connection errors" },
    { 1130, WBL_E_CONNECT, false, false, "host is not allowed to connect" },
    { 1152, WBL_E_CONNECT, true, true, "aborted connection" },
    { 1153, WBL_E_STATEMENT, false, true, "packet bigger than max_allowed_packet: the server closes the connection" },
    { 1158, WBL_E_CONNECT, true, true, "error reading communication packets" },
    { 1159, WBL_E_CONNECT, true, true, "timeout reading communication packets" },
    { 1160, WBL_E_CONNECT, true, true, "error writing communication packets" },
    { 1161, WBL_E_CONNECT, true, true, "timeout writing communication packets" },
    { 1180, WBL_E_OUTCOME, false, false, "an error during COMMIT" },
    { 1203, WBL_E_CONNECT, true, false, "too many connections of this user" },
    { 1205, WBL_E_LOCK_WAIT, true, false, "lock_wait_timeout or innodb_lock_wait_timeout" },
    { 1213, WBL_E_STATEMENT, true, false, "deadlock; the transaction was rolled back" },
    { 1226, WBL_E_CONNECT, true, false, "a limit of this user's account" },
    { 1317, WBL_E_STATEMENT, false, false, "KILL QUERY; whose, the wire knows" },
    { 1412, WBL_E_STATEMENT, true, false, "the table's definition has changed since the transaction began" },
    { 1614, WBL_E_STATEMENT, true, false, "deadlock in an XA transaction" },
    { 1637, WBL_E_STATEMENT, true, false, "too many active transactions" },
    { 1927, WBL_E_CONNECT, true, true, "an administrator ended the connection (MariaDB)" },
    { 1969, WBL_E_TIMEOUT, false, false, "max_statement_time (MariaDB)" },
    { 2002, WBL_E_CONNECT, true, false, "no server behind the socket" },
    { 2003, WBL_E_CONNECT, true, false, "no server at this address" },
    { 2005, WBL_E_CONNECT, true, false, "unknown host" },
    { 2006, WBL_E_CONNECT, true, true, "the server has gone away" },
    { 2008, WBL_E_NOMEM, false, true, "the client library is out of memory" },
    { 2012, WBL_E_CONNECT, true, false, "error in the handshake" },
    { 2013, WBL_E_CONNECT, true, true, "lost connection" },
    { 2020, WBL_E_STATEMENT, false, true, "an answer bigger than the client's max_allowed_packet" },
    { 2026, WBL_E_CONNECT, false, false, "TLS" },
    { 2027, WBL_E_CONNECT, true, true, "malformed packet" },
    { 2055, WBL_E_CONNECT, true, true, "lost connection" },
    { 2058, WBL_E_CONNECT, false, false, "an authentication plugin does not fit" },
    { 2059, WBL_E_CONNECT, false, false, "an authentication plugin is missing" },
    { 3024, WBL_E_TIMEOUT, false, false, "max_execution_time (MySQL)" },
    { 3058, WBL_E_STATEMENT, true, false, "deadlock of locks taken with GET_LOCK" },
    { 3169, WBL_E_CONNECT, true, true, "the session was killed (MySQL)" },
    { 3572, WBL_E_LOCK_WAIT, true, false, "NOWAIT (MySQL)" },
    { 4031, WBL_E_CONNECT, true, true, "the server ended an idle connection (MySQL)" },
};
static const my_error_row refused = { 0, WBL_E_STATEMENT, false, false, "the server refused the statement" };

const my_error_row *my_error_table(size_t *count)
{
    *count = WB_COUNT(error_rows);
    return error_rows;
}

const my_error_row *my_error_find(unsigned number)
{
    for (size_t i = 0; i < WB_COUNT(error_rows); i++)
        if (error_rows[i].number == number)
            return &error_rows[i];
    return &refused;
}

/* KILL QUERY has one number, whoever sent it and why. */
static int code_of(wb_ctx *cx, const my_session *s, const my_error_row *row, unsigned number)
{
    if (number != MY_ER_INTERRUPTED)
        return row->code;
    if (s->is_limit_over || s->is_deadline_over)
        return WBL_E_TIMEOUT;
    return s->is_cancel_asked || wb_cancelled(cx) ? WBL_E_CANCELLED : row->code;
}

static void add_hint(wb_ctx *cx, unsigned number)
{
    switch (number) {
    case 1046: wb_hint(cx, "Name the database in the URL: mysql://user@host/database."); break;
    case 1153: wb_hint(cx, "Give the server a larger max_allowed_packet, or the client a smaller statement."); break;
    case 1290:
    case 1836: wb_hint(cx, "The server is read only: connect to the primary."); break;
    default: break;
    }
}

int my_fail_server(wb_ctx *cx, my_session *s, unsigned number, const char *state, const char *text, int effect)
{
    const my_error_row *row = my_error_find(number);
    int code = wb_fail(cx, code_of(cx, s, row, number), effect, "%s",
                       text && *text ? text : "the server sent an error without a text");
    if (row->is_lost)
        s->is_lost = s->base.failure.is_connection_lost = true;
    add_hint(cx, number);
    if (cx->err) {
        cx->err->native = (int32_t)number;
        cx->err->is_retryable = row->is_retryable;
        wb_copy_text(cx->err->sqlstate, sizeof cx->err->sqlstate, state ? state : "", state ? strlen(state) : 0);
    }
    return code;
}

int my_fail_lost(wb_ctx *cx, my_session *s, const char *cause, bool is_unknown)
{
    s->is_lost = s->base.failure.is_connection_lost = true;
    if (s->is_deadline_over)
        cause = "no answer came in time";
    if (is_unknown) {
        wb_fail(cx, WBL_E_OUTCOME, WBL_EFFECT_UNKNOWN, "the connection was lost before the server answered: %s", cause);
        return WBL_E_OUTCOME;
    }
    wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "the connection was lost: %s", cause);
    if (cx->err)
        cx->err->is_retryable = true;
    return WBL_E_CONNECT;
}
