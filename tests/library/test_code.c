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
    assert_string_equal(s->kind, p->t->kind == HOST_SQLITE ? "sqlite" : "postgres");
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
    assert_false(host_has_table(t, "made"));
    *p = (struct plan){ .t = t, .sql = "CREATE TABLE made (id INTEGER)" };
    host_ok(t, host_up(t));
    assert_true(host_has_table(t, "made"));
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
    struct plan p = { .sql = "CREATE TABLE made (id INTEGER); INSERT INTO made VALUES (7);",
                      .raw = "INSERT INTO log VALUES (1)" };
    start(t, &p);
    host_add(t, NULL, "3", "sql", "INSERT INTO log SELECT id FROM made;", "DELETE FROM log;");
    host_ok(t, host_up(t));
    assert_int_equal(p.calls, 1);
    assert_int_equal(host_ask(t, "SELECT sum(n) FROM log"), 8);
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
    struct plan p = { .sql = "CREATE TABLE made (id INTEGER)" };
    host_connect(t);
    add_code(t, "1", &p, &p);
    host_ok(t, host_up(t));
    p.sql = "DROP TABLE made";
    host_ok(t, wbl_down(t->h, NULL, &t->err));
    assert_int_equal(p.calls, 2);
    assert_false(host_has_table(t, "made"));
    p.sql = "CREATE TABLE made (id INTEGER)";
    host_ok(t, host_up(t));
    p.sql = NULL;
    p.answer = WBL_E_REFUSED;
    p.message = "not now";
    assert_int_equal(wbl_down(t->h, NULL, &t->err), WBL_E_REFUSED);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    assert_true(host_has_table(t, "made"));
    assert_int_equal(host_ask(t, "SELECT count(*) FROM schema_migrations"), 1);
}

static void without_a_down_function_it_cannot_be_reverted(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = "CREATE TABLE made (id INTEGER)" };
    start(t, &p);
    host_ok(t, host_up(t));
    assert_true(wbl_down(t->h, NULL, &t->err) < 0);
    assert_true(host_has_table(t, "made"));
    assert_int_equal(p.calls, 1);
}

static void error_of_the_function_is_the_error_of_the_call(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = "CREATE TABLE made (id INTEGER)",
                      .answer = WBL_E_INVALID,
                      .message = "the key is missing" };
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
        p = (struct plan){ .t = t, .sql = "CREATE TABLE made (id INTEGER)", .answer = rows[i].answer };
        int rc = host_up(t);
        if (rc != rows[i].code)
            fail_msg("answer %d became %d: %s", rows[i].answer, rc, t->err.message);
        assert_int_equal(t->err.code, rc);
        assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
        assert_true(t->err.message[0] != 0);
        assert_int_equal(p.calls, 1);
        assert_false(host_has_table(t, "made"));
    }
    recovers(t, &p);
}

static void positive_answer_is_success(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = "CREATE TABLE made (id INTEGER)", .answer = WBL_NO_CHANGE };
    start(t, &p);
    host_ok(t, host_up(t));
    assert_true(host_has_table(t, "made"));
}

static void retryable_error_is_tried_again(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = "CREATE TABLE made (id INTEGER)", .answer = WBL_E_LOCK_WAIT, .message = "busy" };
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
    struct plan p = { .sql = "CREATE TABLE made (id INTEGER); INSERT INTO nowhere VALUES (1)" };
    start(t, &p);
    assert_int_equal(host_up(t), WBL_E_STATEMENT);
    assert_non_null(strstr(t->err.message, "nowhere"));
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    assert_false(host_has_table(t, "made"));
    p = (struct plan){ .t = t, .sql = "CREATE TABLE made (id INTEGER)", .raw = "INSERT INTO nowhere VALUES (1)" };
    assert_int_equal(host_up(t), WBL_E_STATEMENT);
    assert_memory_equal(t->err.message, "raw: ", 5);
    recovers(t, &p);
}

/* On PostgreSQL the transaction is broken by it, on SQLite it goes on: in no case is the record wrong. */
static void failed_sql_that_is_ignored(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = "CREATE TABLE made (id INTEGER)",
                      .raw = "INSERT INTO nowhere VALUES (1)",
                      .ignores_errors = true };
    start(t, &p);
    int rc = host_up(t);
    assert_int_equal(rc == 0, host_has_table(t, "made"));
    assert_int_equal(rc == 0,
                     host_ask(t, "SELECT count(*) FROM schema_migrations WHERE version = 2 AND NOT dirty") == 1);
    assert_true(rc == 0 || t->err.effect == WBL_EFFECT_NONE);
    if (rc != 0)
        recovers(t, &p);
}

static void transaction_cannot_be_ended_through_run_sql(void **state)
{
    host *t = host_get(state);
    static const char *const enders[] = { "CREATE TABLE made (id INTEGER); COMMIT",
                                          "CREATE TABLE made (id INTEGER); ROLLBACK" };
    struct plan p = { 0 };
    start(t, &p);
    for (size_t i = 0; i < 2; i++) {
        p = (struct plan){ .t = t, .sql = enders[i] };
        int rc = host_up(t);
        assert_true(rc < 0);
        /* Either it was refused before it ran, or it is said that nobody knows. Never "applied". */
        assert_true(t->err.effect == WBL_EFFECT_UNKNOWN || !host_has_table(t, "made"));
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
    struct plan p = { .sql = "CREATE TABLE made (id INTEGER)", .raw = raw };
    start(t, &p);
    assert_true(host_up(t) < 0);
    assert_int_equal(t->err.effect, WBL_EFFECT_UNKNOWN);
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    assert_int_equal(wbl_report_get(t->h)->migrations[1].state, WBL_STATE_UNKNOWN);
    assert_int_equal(host_up(t), WBL_E_STATE); /* a person decides */
    assert_int_equal(p.calls, 1);
    assert_true(host_has_table(t, "made"));
    host_ok(t, wbl_repair(t->h, NULL, "2", WBL_REPAIR_MARK_APPLIED, 0, &t->err));
    assert_int_equal(host_up(t), WBL_NO_CHANGE);
}

static void transaction_that_was_ended_by_hand_is_noticed(void **state) { end_by_hand(host_get(state), "COMMIT"); }

static void transaction_that_was_exchanged_by_hand_is_noticed(void **state)
{
    end_by_hand(host_get(state), "COMMIT; BEGIN");
}

static void transaction_that_was_rolled_back_by_hand_is_noticed(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = "CREATE TABLE made (id INTEGER)", .raw = "ROLLBACK" };
    start(t, &p);
    assert_true(host_up(t) < 0);
    assert_false(host_has_table(t, "made"));
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    assert_int_not_equal(wbl_report_get(t->h)->migrations[1].state, WBL_STATE_APPLIED);
}

static void cancelled_inside_it_is_rolled_back(void **state)
{
    host *t = host_get(state);
    struct plan p = { .sql = "CREATE TABLE made (id INTEGER)", .answer = WBL_E_CANCELLED, .cancels = true };
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
    struct plan p = { .raw = "CREATE TABLE made (id INTEGER)" };
    host_attach(t);
    host_add(t, NULL, "1", "sql", "CREATE TABLE log (n INTEGER);", NULL);
    add_code(t, "2", &p, NULL);
    host_ok(t, host_up(t));
    assert_true(host_has_table(t, "made"));
    p.calls = 0;
    wbl_close(t->h);
    t->h = NULL;
    assert_true(host_has_table(t, "made"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(runs_beside_sql_and_is_recorded),
        ON_BOTH(goes_down_in_c),
        ON_BOTH(without_a_down_function_it_cannot_be_reverted),
        ON_BOTH(error_of_the_function_is_the_error_of_the_call),
        ON_BOTH(odd_answers_are_failures_that_left_nothing),
        ON_BOTH(positive_answer_is_success),
        ON_BOTH(retryable_error_is_tried_again),
        ON_BOTH(failed_sql_fails_the_migration),
        ON_BOTH(failed_sql_that_is_ignored),
        ON_BOTH(transaction_cannot_be_ended_through_run_sql),
        ON_BOTH(transaction_that_was_ended_by_hand_is_noticed),
        ON_BOTH(transaction_that_was_exchanged_by_hand_is_noticed),
        ON_BOTH(transaction_that_was_rolled_back_by_hand_is_noticed),
        ON_BOTH(cancelled_inside_it_is_rolled_back),
        ON_BOTH(gets_the_connection_of_the_program),
    };
    return HOST_RUN(tests, "code");
}
