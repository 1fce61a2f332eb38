/*
 * test_code.c - migrations written in C: they run inside the transaction that holds their record, whatever they do.
 */
#include "host.h"

#include <stdio.h>

/* What a function is told to do. */
struct plan {
    host *t;
    const char *sql; /* through wbl_run_sql() */
    const char *raw; /* through the connection itself */
    int answer;      /* what it returns when the SQL worked */
    const char *message;
    bool ignores_errors, is_retryable, cancels;
    int calls;
};

static int run_raw(const wbl_session *s, const char *sql, wbl_error *err)
{
    if (strcmp(s->kind, "sqlite") == 0) {
        char *why = NULL;
        if (sqlite3_exec(s->connection, sql, NULL, NULL, &why) == SQLITE_OK)
            return 0;
        snprintf(err->message, sizeof err->message, "raw: %s", why);
        sqlite3_free(why);
        return WBL_E_STATEMENT;
    }
    if (strcmp(s->kind, "mysql") == 0) {
        int rc = mysql_query(s->connection, sql);
        for (; rc == 0; rc = mysql_next_result(s->connection))
            mysql_free_result(mysql_store_result(s->connection));
        if (rc < 0)
            return 0;
        snprintf(err->message, sizeof err->message, "raw: %s", mysql_error(s->connection));
        return WBL_E_STATEMENT;
    }
    PGresult *r = PQexec(s->connection, sql);
    ExecStatusType status = PQresultStatus(r);
    PQclear(r);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return 0;
    snprintf(err->message, sizeof err->message, "raw: %s", PQerrorMessage(s->connection));
    return WBL_E_STATEMENT;
}

static int work(void *user, const wbl_session *s, wbl_error *err)
{
    struct plan *p = user;
    p->calls++;
    assert_true(s->size >= sizeof *s);
    assert_ptr_equal(s->handle, p->t->h);
    assert_non_null(s->connection);
    assert_string_equal(s->kind, host_driver(p->t));
    int rc = p->sql ? wbl_run_sql(s, p->sql, err) : 0;
    if (rc == 0 && p->raw)
        rc = run_raw(s, p->raw, err);
    if (rc != 0 && !p->ignores_errors)
        return rc;
    if (p->cancels)
        wbl_cancel(s->handle);
    if (p->message)
        snprintf(err->message, sizeof err->message, "%s", p->message);
    err->is_retryable = p->is_retryable;
    return p->answer;
}

/* What a function does in most tests: a table; on MySQL, where a transaction covers data only, a row. */
#define MAKE_TABLE "CREATE TABLE made (id INTEGER)"
#define MAKE_ROW "INSERT INTO log VALUES (77)"

static const char *make(const host *t) { return host_is_mysql(t) ? MAKE_ROW : MAKE_TABLE; }
static const char *unmake(const host *t)
{
    return host_is_mysql(t) ? "DELETE FROM log WHERE n = 77" : "DROP TABLE made";
}

static bool is_made(host *t)
{
    return host_is_mysql(t) ? host_ask(t, "SELECT count(*) FROM log WHERE n = 77") > 0 : host_has_table(t, "made");
}

static void add_code(host *t, const char *version, struct plan *up, struct plan *down)
{
    static const char *const requires[] = { "default@1" };
    wbl_code_migration m;
    wbl_code_migration_init(&m);
    m.version = version;
    m.name = "code";
    m.description = "written in C";
    m.up = work;
    m.down = down ? work : NULL;
    m.user = up;
    m.requires = requires;
    m.requires_count = strcmp(version, "1") > 0 ? 1 : 0;
    up->t = t;
    host_ok(t, wbl_migration_register(t->h, &m, &t->err));
}

/* Nothing of version 2 is there, and a run with a good function works. */
static void recovers(host *t, struct plan *p)
{
    assert_false(is_made(t));
    *p = (struct plan){ .t = t, .sql = make(t) };
    host_ok(t, host_up(t));
    assert_true(is_made(t));
    assert_int_equal(host_ask(t, "SELECT count(*) FROM schema_migrations WHERE version = 2 AND NOT dirty"), 1);
}

static void start(host *t, struct plan *p)
{
    host_connect(t);
    host_add(t, NULL, "1", "sql", "CREATE TABLE log (n INTEGER);", "DROP TABLE log;");
    add_code(t, "2", p, NULL);
}

static void runs_beside_sql_and_is_recorded(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = host_is_mysql(t) ? "INSERT INTO log VALUES (3); INSERT INTO log VALUES (4);"
                                              : "CREATE TABLE made (id INTEGER); INSERT INTO made VALUES (7);",
                      .raw = "INSERT INTO log VALUES (1)" };
    start(t, &p);
    host_add(t, NULL, "3", "sql",
             host_is_mysql(t) ? "UPDATE log SET n = n * 2;" : "INSERT INTO log SELECT 2 * id + 1 FROM made;",
             "DELETE FROM log;");
    host_ok(t, host_up(t));
    assert_int_equal(p.calls, 1);
    assert_int_equal(host_ask(t, "SELECT sum(n) FROM log"), 16);
    assert_int_equal(host_up(t), WBL_NO_CHANGE);
    assert_int_equal(p.calls, 1);
    host_ok(t, wbl_history(t->h, NULL, &t->err));
    const wbl_report *r = wbl_report_get(t->h);
    assert_int_equal(r->attempt_count, 3);
    assert_string_equal(r->attempts[1].note, "written in C");
    assert_string_equal(r->attempts[1].protocol, "atomic");
    host_ok(t, wbl_validate(t->h, NULL, &t->err));
}

static void goes_down_in_c(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = make(t) };
    host_exec(t, "CREATE TABLE log (n INTEGER)");
    host_connect(t);
    add_code(t, "1", &p, &p);
    host_ok(t, host_up(t));
    p.sql = unmake(t);
    host_ok(t, wbl_down(t->h, NULL, &t->err));
    assert_int_equal(p.calls, 2);
    assert_false(is_made(t));
    p.sql = make(t);
    host_ok(t, host_up(t));
    p.sql = NULL;
    p.answer = WBL_E_REFUSED;
    p.message = "not now";
    assert_int_equal(wbl_down(t->h, NULL, &t->err), WBL_E_REFUSED);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    assert_true(is_made(t));
    assert_int_equal(host_ask(t, "SELECT count(*) FROM schema_migrations"), 1);
}

static void without_a_down_function_it_cannot_be_reverted(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = make(t) };
    start(t, &p);
    host_ok(t, host_up(t));
    assert_true(wbl_down(t->h, NULL, &t->err) < 0);
    assert_true(is_made(t));
    assert_int_equal(p.calls, 1);
}

static void error_of_the_function_is_the_error_of_the_call(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = make(t), .answer = WBL_E_INVALID, .message = "the key is missing" };
    start(t, &p);
    assert_int_equal(host_up(t), WBL_E_INVALID);
    assert_int_equal(t->err.code, WBL_E_INVALID);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    assert_string_equal(t->err.message, "the key is missing");
    assert_string_equal(t->failed, "the key is missing");
    assert_int_equal(wbl_report_get(t->h)->applied_total, 1);
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    assert_int_equal(wbl_report_get(t->h)->migrations[1].state, WBL_STATE_FAILED);
    assert_string_equal(wbl_report_get(t->h)->migrations[1].error, "the key is missing");
    recovers(t, &p);
}

/* Only the library knows what happened to its connection: nothing is reconnected or looked for because a function says
   so. And a number that is no code of ours is no success. */
static void odd_answers_are_failures_that_left_nothing(void **state)
{
    static const struct row {
        int answer, code;
    } rows[] = {
        { WBL_E_CONNECT, WBL_E_STATEMENT },   { WBL_E_OUTCOME, WBL_E_STATEMENT },
        { -1000, WBL_E_STATEMENT },           { WBL_E_NOMEM, WBL_E_NOMEM },
        { WBL_E_STATE, WBL_E_STATE },         { WBL_E_CONFLICT, WBL_E_CONFLICT },
        { WBL_E_LOCKED, WBL_E_LOCKED },       { WBL_E_INTERNAL, WBL_E_INTERNAL },
        { WBL_E_CANCELLED, WBL_E_CANCELLED }, { WBL_E_DRIFT, WBL_E_DRIFT },
        { WBL_E_TIMEOUT, WBL_E_TIMEOUT },     { WBL_E_UNSUPPORTED, WBL_E_UNSUPPORTED },
    };
    host *t = host_get(state);
    struct plan p = { 0 };
    start(t, &p);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        p = (struct plan){ .t = t, .sql = make(t), .answer = rows[i].answer };
        int rc = host_up(t);
        if (rc != rows[i].code)
            fail_msg("answer %d became %d: %s", rows[i].answer, rc, t->err.message);
        assert_int_equal(t->err.code, rc);
        assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
        assert_true(t->err.message[0] != 0);
        assert_int_equal(p.calls, 1);
        assert_false(is_made(t));
    }
    recovers(t, &p);
}

static void positive_answer_is_success(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = make(t), .answer = WBL_NO_CHANGE };
    start(t, &p);
    host_ok(t, host_up(t));
    assert_true(is_made(t));
}

static void retryable_error_is_tried_again(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = make(t), .answer = WBL_E_LOCK_WAIT, .message = "busy" };
    start(t, &p);
    assert_int_equal(host_up(t), WBL_E_LOCK_WAIT);
    assert_int_equal(p.calls, 3);
    p = (struct plan){ .t = t, .answer = WBL_E_STATEMENT, .is_retryable = true, .message = "deadlock" };
    assert_int_equal(host_up(t), WBL_E_STATEMENT);
    assert_int_equal(p.calls, 3);
    recovers(t, &p);
}

static void failed_sql_fails_the_migration(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = host_is_mysql(t) ? MAKE_ROW "; INSERT INTO nowhere VALUES (1)"
                                              : MAKE_TABLE "; INSERT INTO nowhere VALUES (1)" };
    start(t, &p);
    assert_int_equal(host_up(t), WBL_E_STATEMENT);
    assert_non_null(strstr(t->err.message, "nowhere"));
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    assert_false(is_made(t));
    p = (struct plan){ .t = t, .sql = make(t), .raw = "INSERT INTO nowhere VALUES (1)" };
    assert_int_equal(host_up(t), WBL_E_STATEMENT);
    assert_memory_equal(t->err.message, "raw: ", 5);
    recovers(t, &p);
}

/* On PostgreSQL the transaction is broken by it, on SQLite it goes on: in no case is the record wrong. */
static void failed_sql_that_is_ignored(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = make(t), .raw = "INSERT INTO nowhere VALUES (1)", .ignores_errors = true };
    start(t, &p);
    int rc = host_up(t);
    assert_int_equal(rc == 0, is_made(t));
    assert_int_equal(rc == 0,
                     host_ask(t, "SELECT count(*) FROM schema_migrations WHERE version = 2 AND NOT dirty") == 1);
    assert_true(rc == 0 || t->err.effect == WBL_EFFECT_NONE);
    if (rc != 0)
        recovers(t, &p);
}

static void transaction_cannot_be_ended_through_run_sql(void **state)
{
    host *t = host_get(state);
    static const char *const enders[] = { MAKE_TABLE "; COMMIT", MAKE_TABLE "; ROLLBACK" }, *const of_mysql[] = {
        MAKE_ROW "; COMMIT", MAKE_ROW "; " MAKE_TABLE
    };
    struct plan p = { 0 };
    start(t, &p);
    for (size_t i = 0; i < 2; i++) {
        p = (struct plan){ .t = t, .sql = host_is_mysql(t) ? of_mysql[i] : enders[i] };
        int rc = host_up(t);
        assert_true(rc < 0);
        /* Either it was refused before it ran, or it is said that nobody knows. Never "applied". */
        assert_true(t->err.effect == WBL_EFFECT_UNKNOWN || !is_made(t));
        if (host_is_mysql(t)) {
            assert_int_equal(rc, WBL_E_STATE);
            assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
            assert_non_null(strstr(t->err.hint, "no_transaction"));
        }
        host_ok(t, wbl_status(t->h, NULL, &t->err));
        assert_int_not_equal(wbl_report_get(t->h)->migrations[1].state, WBL_STATE_APPLIED);
        if (wbl_report_get(t->h)->migrations[1].state == WBL_STATE_UNKNOWN)
            host_ok(t, wbl_repair(t->h, NULL, "2", WBL_REPAIR_MARK_REVERTED, 0, &t->err));
        host_exec(t, "DROP TABLE IF EXISTS made");
    }
    recovers(t, &p);
}

static void end_by_hand(host *t, const char *raw)
{
    struct plan p = { .sql = make(t), .raw = raw };
    start(t, &p);
    assert_true(host_up(t) < 0);
    assert_int_equal(t->err.effect, WBL_EFFECT_UNKNOWN);
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    assert_int_equal(wbl_report_get(t->h)->migrations[1].state, WBL_STATE_UNKNOWN);
    assert_int_equal(host_up(t), WBL_E_STATE); /* a person decides */
    assert_int_equal(p.calls, 1);
    assert_true(is_made(t) || host_has_table(t, "made"));
    host_ok(t, wbl_repair(t->h, NULL, "2", WBL_REPAIR_MARK_APPLIED, 0, &t->err));
    assert_int_equal(host_up(t), WBL_NO_CHANGE);
}

static void transaction_that_was_ended_by_hand_is_noticed(void **state) { end_by_hand(host_get(state), "COMMIT"); }

static void transaction_that_was_exchanged_by_hand_is_noticed(void **state)
{
    end_by_hand(host_get(state), "COMMIT; BEGIN");
}

/* A schema change on the connection itself: nobody can stop it, and it is seen. */
static void schema_change_by_hand_is_noticed_where_it_ends_the_transaction(void **state)
{
    end_by_hand(host_get(state), MAKE_TABLE);
}

static void transaction_that_was_rolled_back_by_hand_is_noticed(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = make(t), .raw = "ROLLBACK" };
    start(t, &p);
    assert_true(host_up(t) < 0);
    assert_false(is_made(t));
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    assert_int_not_equal(wbl_report_get(t->h)->migrations[1].state, WBL_STATE_APPLIED);
}

static void cancelled_inside_it_is_rolled_back(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = make(t), .answer = WBL_E_CANCELLED, .cancels = true };
    start(t, &p);
    assert_int_equal(host_up(t), WBL_E_CANCELLED);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    wbl_cancel_clear(t->h);
    recovers(t, &p);
}

/* The program's own connection is the one that the function gets. */
static void gets_the_connection_of_the_program(void **state)
{
    host *t = host_get(state);
    struct plan p = { .raw = make(t) };
    host_attach(t);
    host_add(t, NULL, "1", "sql", "CREATE TABLE log (n INTEGER);", NULL);
    add_code(t, "2", &p, NULL);
    host_ok(t, host_up(t));
    assert_true(is_made(t));
    p.calls = 0;
    wbl_close(t->h);
    t->h = NULL;
    assert_true(is_made(t));
}

/* ---- outside a transaction ---- */

#define TWO_STEPS MAKE_TABLE "; INSERT INTO made VALUES (7)"

static void add_free(host *t, struct plan *up)
{
    wbl_code_migration m;
    wbl_code_migration_init(&m);
    m.version = "2";
    m.name = "free";
    m.up = m.down = work;
    m.user = up;
    m.no_transaction = 1;
    up->t = t;
    host_ok(t, wbl_migration_register(t->h, &m, &t->err));
}

static void start_free(host *t, struct plan *p)
{
    host_connect(t);
    host_add(t, NULL, "1", "sql", "CREATE TABLE log (n INTEGER);", "DROP TABLE log;");
    add_free(t, p);
}

static int state_of_2(host *t)
{
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    return wbl_report_get(t->h)->migrations[1].state;
}

static void without_a_transaction_it_may_change_the_schema(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = TWO_STEPS, .raw = "CREATE TABLE raw (id INTEGER)" };
    start_free(t, &p);
    host_ok(t, wbl_plan(t->h, NULL, &t->err));
    assert_int_equal(wbl_report_get(t->h)->steps[1].protocol, WBL_PROTOCOL_STEPWISE);
    host_ok(t, host_up(t));
    assert_int_equal(p.calls, 1);
    assert_int_equal(host_ask(t, "SELECT sum(id) FROM made"), 7);
    assert_true(host_has_table(t, "raw"));
    assert_int_equal(host_up(t), WBL_NO_CHANGE);
    assert_int_equal(p.calls, 1);
    host_ok(t, wbl_history(t->h, NULL, &t->err));
    assert_string_equal(wbl_report_get(t->h)->attempts[0].state, "applied");
    assert_int_equal(wbl_report_get(t->h)->attempts[0].statements_done, 1);
    p = (struct plan){ .t = t, .sql = "DROP TABLE made; DROP TABLE raw" };
    host_ok(t, wbl_down(t->h, NULL, &t->err));
    assert_false(host_has_table(t, "made"));
    assert_int_equal(state_of_2(t), WBL_STATE_PENDING);
}

/* What it did stays, nobody can tell what that is, and it is called again. */
static void failed_function_without_a_transaction_is_called_again(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = TWO_STEPS "; INSERT INTO nowhere VALUES (1)" };
    start_free(t, &p);
    assert_int_equal(host_up(t), WBL_E_STATEMENT);
    assert_non_null(strstr(t->err.message, "nowhere"));
    assert_int_equal(t->err.effect, WBL_EFFECT_UNKNOWN);
    assert_int_equal(host_ask(t, "SELECT sum(id) FROM made"), 7);
    assert_int_equal(state_of_2(t), WBL_STATE_FAILED);
    p = (struct plan){ .t = t, .sql = "INSERT INTO made VALUES (8)" };
    host_ok(t, host_up(t));
    assert_int_equal(host_ask(t, "SELECT sum(id) FROM made"), 15);
    assert_int_equal(state_of_2(t), WBL_STATE_APPLIED);
}

static void transaction_that_a_function_leaves_open_is_a_failure(void **state)
{
    host *t = host_get(state);
    struct plan p = { .raw = "BEGIN; INSERT INTO log VALUES (1)" };
    start_free(t, &p);
    assert_int_equal(host_up(t), WBL_E_STATE);
    assert_int_equal(host_ask(t, "SELECT count(*) FROM log"), 0);
    p = (struct plan){ .t = t, .raw = "BEGIN; INSERT INTO log VALUES (1); COMMIT" };
    host_ok(t, host_up(t));
    assert_int_equal(host_ask(t, "SELECT count(*) FROM log"), 1);
}

/* As if the process had died in the function: its call is recorded, its end is not. */
static void interrupted_function_is_for_a_person_to_judge(void **state)
{
    host *t = host_get(state);
    for (int did_run = 0; did_run < 2; did_run++) {
        struct plan p = { .sql = "INSERT INTO log VALUES (7)", .answer = WBL_E_INVALID };
        start_free(t, &p);
        assert_int_equal(host_up(t), WBL_E_INVALID);
        host_exec(t, "UPDATE whimbrel_history SET state = 'started', statements_begun = 1 WHERE version = '2' AND "
                     "state = 'failed'");
        p.answer = 0;
        assert_int_equal(host_up(t), WBL_E_STATE);
        assert_int_equal(t->err.effect, WBL_EFFECT_UNKNOWN);
        assert_int_equal(p.calls, 1);
        assert_int_equal(state_of_2(t), WBL_STATE_UNKNOWN);
        host_ok(t, wbl_repair(t->h, NULL, "2",
                              did_run ? WBL_REPAIR_STATEMENT_DID_RUN : WBL_REPAIR_STATEMENT_DID_NOT_RUN, 1, &t->err));
        host_ok(t, host_up(t));
        assert_int_equal(p.calls, did_run ? 1 : 2);
        assert_int_equal(host_ask(t, "SELECT count(*) FROM log"), did_run ? 1 : 2);
        assert_int_equal(state_of_2(t), WBL_STATE_APPLIED);
        wbl_request q;
        wbl_request_init(&q);
        q.all = q.confirmed = 1;
        p = (struct plan){ .t = t };
        host_ok(t, wbl_down(t->h, &q, &t->err));
        wbl_close(t->h);
        t->h = NULL;
    }
}

/* The connection ends while the function runs: through the library, or behind its back. */
static void connection_lost_in_a_function_is_unknown(void **state)
{
    host *t = host_get(state);
    const char *end = host_is_mysql(t) ? "KILL CONNECTION_ID()" : "SELECT pg_terminate_backend(pg_backend_pid())";
    for (int is_raw = 0; is_raw < 2; is_raw++) {
        struct plan p = { .sql = is_raw ? NULL : end, .raw = is_raw ? end : NULL };
        start_free(t, &p);
        assert_true(host_up(t) < 0);
        assert_int_equal(t->err.effect, WBL_EFFECT_UNKNOWN);
        p = (struct plan){ .t = t };
        assert_int_equal(host_up(t), WBL_E_STATE);
        assert_int_equal(p.calls, 0);
        assert_int_equal(state_of_2(t), WBL_STATE_UNKNOWN);
        host_ok(t, wbl_repair(t->h, NULL, "2", WBL_REPAIR_STATEMENT_DID_NOT_RUN, 1, &t->err));
        host_ok(t, host_up(t));
        assert_int_equal(p.calls, 1);
        wbl_request q;
        wbl_request_init(&q);
        q.all = q.confirmed = 1;
        host_ok(t, wbl_down(t->h, &q, &t->err));
        wbl_close(t->h);
        t->h = NULL;
    }
}

/* In a transaction the same leaves nothing, and the function is called again on a fresh connection. */
static void connection_lost_in_an_atomic_function_leaves_nothing(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = host_is_mysql(t) ? MAKE_ROW "; KILL CONNECTION_ID()"
                                              : MAKE_TABLE "; SELECT pg_terminate_backend(pg_backend_pid())" };
    start(t, &p);
    assert_true(host_up(t) < 0);
    assert_true(p.calls >= 1);
    recovers(t, &p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(runs_beside_sql_and_is_recorded),
        ON_EACH(goes_down_in_c),
        ON_EACH(without_a_down_function_it_cannot_be_reverted),
        ON_EACH(error_of_the_function_is_the_error_of_the_call),
        ON_EACH(odd_answers_are_failures_that_left_nothing),
        ON_EACH(positive_answer_is_success),
        ON_EACH(retryable_error_is_tried_again),
        ON_EACH(failed_sql_fails_the_migration),
        ON_EACH(failed_sql_that_is_ignored),
        ON_EACH(transaction_cannot_be_ended_through_run_sql),
        ON_EACH(transaction_that_was_ended_by_hand_is_noticed),
        ON_EACH(transaction_that_was_exchanged_by_hand_is_noticed),
        ON_EACH(transaction_that_was_rolled_back_by_hand_is_noticed),
        ON_EACH(cancelled_inside_it_is_rolled_back),
        ON_MYSQL(schema_change_by_hand_is_noticed_where_it_ends_the_transaction),
        ON_EACH(gets_the_connection_of_the_program),
        ON_EACH(without_a_transaction_it_may_change_the_schema),
        ON_EACH(failed_function_without_a_transaction_is_called_again),
        ON_EACH(transaction_that_a_function_leaves_open_is_a_failure),
        ON_EACH(interrupted_function_is_for_a_person_to_judge),
        ON_SERVERS(connection_lost_in_a_function_is_unknown),
        ON_SERVERS(connection_lost_in_an_atomic_function_leaves_nothing),
    };
    return HOST_RUN(tests, "code");
}
