/*
 * test_attach.c - the library on the program's own connection: it is borrowed, and comes back as it was.
 */
#include "host.h"

#include <stdio.h>

#define RELEASED "SELECT RELEASE_ALL_LOCKS()" /* how many there were */
#define ADVISORY "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"

#define MYSQL_LEAKS                                                                                                    \
    "SET SESSION sql_mode = ''; SET NAMES latin1; SET SESSION lock_wait_timeout = 1234; SET SESSION "                  \
    "innodb_lock_wait_timeout = 12; CREATE TABLE b (id INTEGER); SET SESSION time_zone = '+05:00'; SET SESSION "       \
    "TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET SESSION foreign_key_checks = 0;"

static void add_some(host *t)
{
    static const char *const leaks[] = {
        [HOST_SQLITE] = "PRAGMA recursive_triggers = ON; PRAGMA case_sensitive_like = ON; CREATE TABLE b (id INTEGER);",
        [HOST_POSTGRES] =
            "CREATE SCHEMA other; SET search_path TO other; SET statement_timeout = '1h'; SET role TO none; "
            "CREATE TABLE b (id INTEGER); SET DateStyle = 'ISO'; SET enable_seqscan = off;",
        [HOST_MARIADB] = MYSQL_LEAKS "SET SESSION max_statement_time = 99;",
        [HOST_MYSQL] = MYSQL_LEAKS "SET SESSION max_execution_time = 99000;",
    };
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER PRIMARY KEY);", "DROP TABLE a;");
    host_add(t, NULL, "2", "leaks", leaks[t->kind],
             t->kind == HOST_POSTGRES ? "DROP SCHEMA other CASCADE;" : "DROP TABLE b;");
    host_add(t, NULL, "3", "stepwise",
             "-- whimbrel: no-transaction\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);", "DELETE FROM a;");
}

/* Every byte of the report, which must not lie in what was given back with the connection. */
static void called(host *t, int rc, const char *what)
{
    char *json = NULL;
    host_ok(t, rc);
    host_ok(t, wbl_report_json(wbl_report_get(t->h), what, NULL, &json));
    assert_true(strlen(json) > 2);
    wbl_free(json);
}

/* All calls in turn, on the borrowed connection. */
static void live(host *t)
{
    wbl_request q;
    wbl_request_init(&q);
    q.all = q.confirmed = 1;
    host_attach(t);
    add_some(t);
    called(t, wbl_status(t->h, NULL, &t->err), "status");
    called(t, wbl_plan(t->h, NULL, &t->err), "plan");
    called(t, host_up(t), "up");
    assert_int_equal(host_ask(t, "SELECT count(*) FROM a"), 2);
    if (host_is_mysql(t))
        host_exec(t, "COMMIT"); /* without autocommit, to ask is to begin a transaction */
    called(t, wbl_check(t->h, NULL, &t->err), "check");
    called(t, wbl_validate(t->h, NULL, &t->err), "validate");
    called(t, wbl_verify(t->h, NULL, &t->err), "verify");
    called(t, wbl_history(t->h, NULL, &t->err), "history");
    called(t, wbl_down(t->h, &q, &t->err), "down");
    called(t, host_up(t), "up");
    wbl_close(t->h);
    t->h = NULL;
}

static void connection_stays_open_and_is_idle(void **state)
{
    host *t = host_get(state);
    live(t);
    assert_int_equal(host_ask(t, "SELECT 42"), 42);
    if (t->kind == HOST_SQLITE) {
        assert_true(sqlite3_get_autocommit(t->db));
        assert_null(sqlite3_next_stmt(t->db, NULL)); /* no statement of ours is left on it */
        assert_int_equal(sqlite3_close(t->db), SQLITE_OK);
        t->db = NULL;
    } else if (host_is_mysql(t)) {
        assert_int_equal(host_ask(t, "SELECT @@in_transaction + 0"), t->kind == HOST_MARIADB ? 0 : -1);
        assert_false(t->my->server_status & SERVER_STATUS_IN_TRANS);
        assert_false(mysql_more_results(t->my));
        assert_int_equal(host_ask(t, RELEASED), 0);
    } else {
        assert_int_equal(PQtransactionStatus(t->pg), PQTRANS_IDLE);
        assert_int_equal(PQpipelineStatus(t->pg), PQ_PIPELINE_OFF);
        assert_false(PQisnonblocking(t->pg));
        assert_int_equal(host_ask(t, ADVISORY), 0);
    }
}

static void settings_of_postgres_stay(void **state)
{
    static const char *const names[] = { "search_path",
                                         "statement_timeout",
                                         "lock_timeout",
                                         "application_name",
                                         "role",
                                         "my.own",
                                         "TimeZone",
                                         "DateStyle",
                                         "client_min_messages",
                                         "standard_conforming_strings",
                                         "synchronous_commit",
                                         "idle_in_transaction_session_timeout",
                                         "session_authorization",
                                         "enable_seqscan" };
    char before[14][200], after[200], sql[100];
    host *t = host_get(state);
    /* a user of its own, named as the database is: a role belongs to the whole server */
    host_exec(
        t, "DO $$ BEGIN EXECUTE format('CREATE ROLE %1$I; GRANT ALL ON SCHEMA public TO %1$I; GRANT CREATE ON DATABASE "
           "%1$I TO %1$I; SET SESSION AUTHORIZATION %1$I', current_database()); END $$");
    host_exec(t,
              "SET search_path TO \"$user\", public, pg_temp; SET statement_timeout = '77s'; SET lock_timeout = '66s'; "
              "SET application_name = 'shop'; SET my.own = 'as it was'; SET TimeZone = 'Asia/Tokyo'; "
              "SET DateStyle = 'German'; SET idle_in_transaction_session_timeout = '55s'");
    for (size_t i = 0; i < 14; i++) {
        snprintf(sql, sizeof sql, "SHOW %s", names[i]);
        host_text(t, sql, before[i], sizeof before[i]);
    }
    live(t);
    for (size_t i = 0; i < 14; i++) {
        snprintf(sql, sizeof sql, "SHOW %s", names[i]);
        host_text(t, sql, after, sizeof after);
        if (strcmp(before[i], after) != 0)
            fail_msg("%s was %s and is %s", names[i], before[i], after);
    }
    host_exec(t, "RESET SESSION AUTHORIZATION");
    host_exec(t, "DO $$ BEGIN EXECUTE format('DROP OWNED BY %1$I; DROP ROLE %1$I', current_database()); END $$");
}

/* Each variable of the session, and what has no variable of its own. */
static void settings_of_mysql(host *t, char *out, size_t size)
{
    static const char *const passing[] = { "gtid_next",   "in_transaction", "insert_id",   "last_insert_id",
                                           "error_count", "identity",       "timestamp",   "warning_count",
                                           "rand_seed1",  "rand_seed2",     "statement_id" };
    size_t n = 0;
    assert_int_equal(mysql_query(t->my, "SHOW SESSION VARIABLES"), 0);
    MYSQL_RES *res = mysql_store_result(t->my);
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));) {
        bool is_passing = false;
        for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
            is_passing = is_passing || strcmp(row[0], passing[i]) == 0;
        if (!is_passing)
            n += (size_t)snprintf(out + n, size - n, "%s=%s\n", row[0], row[1]);
        assert_true(n < size);
    }
    mysql_free_result(res);
    host_text(t, "SELECT CONCAT_WS(' ', DATABASE(), @mine, (SELECT COUNT(*) FROM own), CONNECTION_ID())", out + n,
              size - n);
}

static void settings_of_mysql_stay(void **state)
{
    static char before[100000], after[100000];
    host *t = host_get(state);
    host_exec(t, "SET NAMES latin1 COLLATE latin1_german1_ci; SET SESSION sql_mode = 'ANSI_QUOTES,NO_ZERO_DATE'; "
                 "SET SESSION lock_wait_timeout = 4321; SET SESSION innodb_lock_wait_timeout = 21; "
                 "SET SESSION time_zone = '+09:00'; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; "
                 "SET SESSION autocommit = 0; SET SESSION unique_checks = 0; SET @mine = 'as it was'; "
                 "CREATE TEMPORARY TABLE own (id INTEGER); INSERT INTO own VALUES (1); COMMIT");
    host_exec(t, t->kind == HOST_MARIADB ? "SET SESSION max_statement_time = 77"
                                         : "SET SESSION max_execution_time = 77000");
    settings_of_mysql(t, before, sizeof before);
    host_exec(t, "COMMIT");
    live(t);
    settings_of_mysql(t, after, sizeof after);
    for (char *a = before, *b = after, *a_end, *b_end; *a && *b; a = a_end + 1, b = b_end + 1) {
        a_end = a + strcspn(a, "\n");
        b_end = b + strcspn(b, "\n");
        if (a_end - a != b_end - b || memcmp(a, b, (size_t)(a_end - a)) != 0)
            fail_msg("%.*s is %.*s", (int)(a_end - a), a, (int)(b_end - b), b);
        if (!*a_end || !*b_end)
            break;
    }
    host_exec(t, "ROLLBACK");
}

static void settings_of_sqlite_stay(void **state)
{
    static const char *const names[] = { "foreign_keys", "busy_timeout",       "journal_mode",
                                         "synchronous",  "recursive_triggers", "cache_size",
                                         "temp_store",   "locking_mode",       "defer_foreign_keys" };
    char before[9][100], after[100], sql[100];
    host *t = host_get(state);
    host_exec(
        t, "PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 4321; PRAGMA synchronous = NORMAL; PRAGMA cache_size = 77");
    for (size_t i = 0; i < 9; i++) {
        snprintf(sql, sizeof sql, "PRAGMA %s", names[i]);
        host_text(t, sql, before[i], sizeof before[i]);
    }
    live(t);
    for (size_t i = 0; i < 9; i++) {
        snprintf(sql, sizeof sql, "PRAGMA %s", names[i]);
        host_text(t, sql, after, sizeof after);
        if (strcmp(before[i], after) != 0)
            fail_msg("%s was %s and is %s", names[i], before[i], after);
    }
}

/* What the program has installed on its connection works during a run and after it. */
static int authorized, hooked, noticed;

static int authorize(void *user, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)user, (void)action, (void)a, (void)b, (void)c, (void)d;
    authorized++;
    return SQLITE_OK;
}

static int on_commit(void *user)
{
    (void)user;
    hooked++;
    return 0;
}

static void hooks_of_sqlite_stay(void **state)
{
    host *t = host_get(state);
    authorized = hooked = 0;
    sqlite3_set_authorizer(t->db, authorize, NULL);
    sqlite3_commit_hook(t->db, on_commit, NULL);
    live(t);
    assert_true(authorized > 0 && hooked > 0);
    authorized = hooked = 0;
    host_exec(t, "INSERT INTO a VALUES (99)");
    assert_true(authorized > 0 && hooked > 0);
}

static void on_notice(void *user, const PGresult *r)
{
    (void)r;
    ++*(int *)user;
}

static void notice_receiver_of_postgres_stays(void **state)
{
    host *t = host_get(state);
    noticed = 0;
    PQsetNoticeReceiver(t->pg, on_notice, &noticed);
    live(t);
    host_exec(t, "DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
    assert_true(noticed >= 1);
}

/* ---- a transaction of the program's ---- */

static void open_transaction_is_refused_and_untouched(void **state)
{
    host *t = host_get(state);
    host_exec(t, "CREATE TABLE mine (id INTEGER)");
    host_attach(t);
    add_some(t);
    host_exec(t, "BEGIN");
    host_exec(t, "INSERT INTO mine VALUES (1)");
    int (*const calls[])(wbl_handle *, const wbl_request *, wbl_error *) = { wbl_up, wbl_status, wbl_plan, wbl_down };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(calls[i](t->h, NULL, &t->err), WBL_E_INVALID);
        assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
        assert_non_null(strstr(t->err.message, "transaction"));
    }
    wbl_close(t->h);
    t->h = NULL;
    host_exec(t, "INSERT INTO mine VALUES (2)");
    host_exec(t, "COMMIT");
    assert_int_equal(host_ask(t, "SELECT count(*) FROM mine"), 2);
    assert_false(host_has_table(t, "a"));
    assert_false(host_has_table(t, "schema_migrations"));
}

/* Opened between two calls of the same handle: the second call must not commit what it does not know. */
static void transaction_between_two_calls_is_refused_and_untouched(void **state)
{
    host *t = host_get(state);
    host_exec(t, "CREATE TABLE mine (id INTEGER)");
    host_attach(t);
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;");
    host_ok(t, host_up(t));
    host_add(t, NULL, "2", "b", "CREATE TABLE b (id INTEGER);", NULL);
    host_exec(t, "BEGIN");
    host_exec(t, "INSERT INTO mine VALUES (1)");
    int (*const calls[])(wbl_handle *, const wbl_request *, wbl_error *) = { wbl_up, wbl_down, wbl_status, wbl_verify };
    for (size_t i = 0; i < 4; i++) {
        int rc = calls[i](t->h, NULL, &t->err);
        if (rc != WBL_E_INVALID || t->err.effect != WBL_EFFECT_NONE)
            fail_msg("call %zu: %d, effect %d: %s", i, rc, t->err.effect, t->err.message);
    }
    assert_int_equal(wbl_force(t->h, NULL, "1", &t->err), WBL_E_INVALID);
    assert_false(host_has_table(t, "b"));
    assert_true(host_has_table(t, "a"));
    host_exec(t, "ROLLBACK");
    assert_int_equal(host_ask(t, "SELECT count(*) FROM mine"), 0);
    host_ok(t, host_up(t));
    assert_true(host_has_table(t, "b"));
}

static void failed_transaction_of_postgres_is_refused(void **state)
{
    host *t = host_get(state);
    host_attach(t);
    add_some(t);
    PQclear(PQexec(t->pg, "BEGIN; SELECT 1/0"));
    assert_int_equal(PQtransactionStatus(t->pg), PQTRANS_INERROR);
    assert_int_equal(host_up(t), WBL_E_INVALID);
    assert_int_equal(PQtransactionStatus(t->pg), PQTRANS_INERROR);
    host_exec(t, "ROLLBACK");
    host_ok(t, host_up(t));
}

static void busy_connection_of_postgres_is_refused(void **state)
{
    host *t = host_get(state);
    host_attach(t);
    add_some(t);
    assert_int_equal(PQsendQuery(t->pg, "SELECT pg_sleep(0.2)"), 1);
    assert_int_equal(host_up(t), WBL_E_INVALID);
    PGresult *r;
    while ((r = PQgetResult(t->pg)) != NULL) {
        assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK); /* the answer is the program's */
        PQclear(r);
    }
    assert_int_equal(PQenterPipelineMode(t->pg), 1);
    assert_int_equal(host_up(t), WBL_E_INVALID);
    assert_int_equal(PQexitPipelineMode(t->pg), 1);
    host_ok(t, host_up(t));
}

/* A statement of the program's that stands in the middle of its rows. */
static void running_statement_of_sqlite_is_kept(void **state)
{
    host *t = host_get(state);
    sqlite3_stmt *s = NULL;
    host_exec(t, "CREATE TABLE mine (id INTEGER); INSERT INTO mine VALUES (1), (2), (3)");
    host_attach(t);
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER);", NULL);
    assert_int_equal(sqlite3_prepare_v2(t->db, "SELECT id FROM mine ORDER BY id", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int rc = host_up(t);
    assert_true(rc == WBL_OK || t->err.effect == WBL_EFFECT_NONE);
    assert_int_equal(rc == WBL_OK, host_has_table(t, "a"));
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(s, 0), 2);
    sqlite3_finalize(s);
    if (rc != WBL_OK)
        host_ok(t, host_up(t));
    assert_true(host_has_table(t, "a"));
}

/* ---- a handle on a connection that is not good ---- */

static void closed_connection_of_postgres_is_refused(void **state)
{
    host *t = host_get(state);
    PGconn *other = PQconnectdb("host=/nonexistent");
    assert_int_equal(PQstatus(other), CONNECTION_BAD);
    wbl_options o;
    host_options(t, &o);
    o.connection = other;
    o.connection_kind = "postgres";
    int rc = wbl_open(&o, &t->h, &t->err);
    if (rc == 0)
        rc = wbl_status(t->h, NULL, &t->err);
    assert_int_equal(rc, WBL_E_CONNECT);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    PQfinish(other);
}

/* The server ends the session in the middle: a connection of the program's can't be opened again, so the call says that,
   and with a new one the next run goes on. */
static void lost_connection_of_postgres_is_told(void **state)
{
    host *t = host_get(state);
    host_attach(t);
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER);", NULL);
    host_add(t, NULL, "2", "b", "-- whimbrel: no-transaction\nSELECT pg_terminate_backend(pg_backend_pid());", NULL);
    int rc = host_up(t);
    assert_true(rc < 0);
    assert_int_not_equal(PQstatus(t->pg), CONNECTION_OK);
    wbl_close(t->h);
    t->h = NULL;
    PQreset(t->pg);
    assert_int_equal(PQstatus(t->pg), CONNECTION_OK);
    host_attach(t);
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER);", NULL);
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    assert_int_equal(wbl_report_get(t->h)->migrations[0].state, WBL_STATE_APPLIED);
}

/* ---- MySQL ---- */

static MYSQL *connect_again(const host *t, unsigned long flags)
{
    MYSQL *c = mysql_init(NULL);
    assert_non_null(mysql_real_connect(c, t->my->host, t->my->user, NULL, t->my->db, t->my->port, NULL, flags));
    return c;
}

/* Several statements in one message are a risk that the program may have ruled out. */
static void statements_one_by_one_stay_so(void **state)
{
    host *t = host_get(state);
    mysql_close(t->my);
    char name[64];
    snprintf(name, sizeof name, "%s", strrchr(t->url, '/') + 1);
    t->my = mysql_init(NULL);
    unsigned port = 0;
    (void)sscanf(strstr(t->url, "@127.0.0.1:"), "@127.0.0.1:%u", &port);
    assert_non_null(mysql_real_connect(t->my, "127.0.0.1", "root", NULL, name, port, NULL, 0));
    live(t);
    assert_int_not_equal(mysql_query(t->my, "DO 1; DO 2"), 0);
    assert_int_equal(host_ask(t, "SELECT 42"), 42);
}

static void busy_connection_of_mysql_is_refused(void **state)
{
    host *t = host_get(state);
    host_attach(t);
    add_some(t);
    assert_int_equal(mysql_query(t->my, "SELECT 1 UNION SELECT 2"), 0);
    MYSQL_RES *res = mysql_use_result(t->my);
    assert_non_null(mysql_fetch_row(res));
    assert_int_equal(host_up(t), WBL_E_INVALID);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    assert_string_equal(mysql_fetch_row(res)[0], "2"); /* the answer is the program's */
    mysql_free_result(res);
    assert_int_equal(mysql_query(t->my, "SELECT 1; SELECT 2"), 0);
    mysql_free_result(mysql_store_result(t->my));
    assert_int_equal(host_up(t), WBL_E_INVALID);
    assert_int_equal(mysql_next_result(t->my), 0);
    mysql_free_result(mysql_store_result(t->my));
    host_ok(t, host_up(t));
}

/* With autocommit off a SELECT is the beginning of a transaction. */
static void transaction_without_a_begin_is_refused(void **state)
{
    host *t = host_get(state);
    host_exec(t, "CREATE TABLE mine (id INTEGER); SET autocommit = 0; INSERT INTO mine VALUES (1)");
    host_attach(t);
    add_some(t);
    assert_int_equal(host_up(t), WBL_E_INVALID);
    assert_non_null(strstr(t->err.message, "transaction"));
    host_exec(t, "ROLLBACK");
    host_ok(t, host_up(t));
    assert_int_equal(host_ask(t, "SELECT @@autocommit"), 0);
    assert_int_equal(host_ask(t, "SELECT count(*) FROM mine"), 0);
    host_exec(t, "ROLLBACK");
}

static void closed_connection_of_mysql_is_refused(void **state)
{
    host *t = host_get(state);
    MYSQL *other = mysql_init(NULL);
    wbl_options o;
    host_options(t, &o);
    o.connection = other;
    o.connection_kind = "mysql";
    int rc = wbl_open(&o, &t->h, &t->err);
    if (rc == 0)
        rc = wbl_status(t->h, NULL, &t->err);
    assert_int_equal(rc, WBL_E_CONNECT);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    mysql_close(other);
}

static void lost_connection_of_mysql_is_told(void **state)
{
    host *t = host_get(state);
    MYSQL *lost = t->my;
    host_attach(t);
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER);", NULL);
    host_add(t, NULL, "2", "b", "CREATE TABLE b (id INTEGER); KILL CONNECTION_ID();", NULL);
    assert_true(host_up(t) < 0);
    assert_int_not_equal(t->err.effect, WBL_EFFECT_NONE);
    t->my = connect_again(t, CLIENT_MULTI_STATEMENTS);
    wbl_close(t->h);
    mysql_close(lost);
    host_attach(t);
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER);", NULL);
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    assert_int_equal(wbl_report_get(t->h)->migrations[0].state, WBL_STATE_APPLIED);
    assert_int_not_equal(wbl_report_get(t->h)->migrations[1].state, WBL_STATE_APPLIED);
}

/* libmariadb can open a lost connection anew by itself. Then the lock would be gone, and nobody would know. */
static void connection_that_reconnects_by_itself_does_not_in_a_call(void **state)
{
    host *t = host_get(state);
    my_bool yes = 1, is_on = 0;
    mysql_optionsv(t->my, MYSQL_OPT_RECONNECT, &yes);
    host_attach(t);
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER); KILL CONNECTION_ID(); CREATE TABLE b (id INTEGER);",
             NULL);
    assert_true(host_up(t) < 0);
    for (int i = 0; i < 5 && mysql_ping(t->my) != 0; i++) /* the call is over, so the connection is opened anew */
        ;
    assert_false(host_has_table(t, "b"));
    wbl_close(t->h);
    t->h = NULL;
    assert_int_equal(mysql_get_optionv(t->my, MYSQL_OPT_RECONNECT, &is_on), 0);
    assert_true(is_on);
    assert_true(host_has_table(t, "a"));
}

/* Ended by the server between two calls, as wait_timeout does it. */
static void connection_lost_between_two_calls_is_told(void **state)
{
    host *t = host_get(state);
    char sql[60];
    host_attach(t);
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER);", NULL);
    host_ok(t, host_up(t));
    MYSQL *lost = t->my, *other = connect_again(t, CLIENT_MULTI_STATEMENTS);
    snprintf(sql, sizeof sql, "KILL %lu", mysql_thread_id(lost));
    assert_int_equal(mysql_query(other, sql), 0);
    host_add(t, NULL, "2", "b", "CREATE TABLE b (id INTEGER);", NULL);
    assert_int_equal(host_up(t), WBL_E_CONNECT);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    wbl_close(t->h);
    t->h = NULL;
    mysql_close(lost);
    t->my = other;
    assert_false(host_has_table(t, "b"));
}

static void lock_is_free_between_calls_and_after_close(void **state)
{
    host *t = host_get(state);
    const char *held = host_is_mysql(t) ? RELEASED : ADVISORY;
    wbl_options o;
    host_options(t, &o);
    o.connection = host_native(t);
    o.connection_kind = host_driver(t);
    o.keep_lock = 1;
    host_ok(t, wbl_open(&o, &t->h, &t->err));
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER);", NULL);
    host_ok(t, host_up(t));
    assert_int_equal(host_ask(t, held), 0); /* between two calls the connection is the program's, whatever was asked */
    wbl_close(t->h);
    t->h = NULL;
    assert_int_equal(host_ask(t, held), 0);
    host_attach(t);
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER);", NULL);
    assert_int_equal(host_up(t), WBL_NO_CHANGE);
    assert_int_equal(host_ask(t, held), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EACH(connection_stays_open_and_is_idle),
        ON_POSTGRES(settings_of_postgres_stay),
        ON_MYSQL(settings_of_mysql_stay),
        ON_SQLITE(settings_of_sqlite_stay),
        ON_SQLITE(hooks_of_sqlite_stay),
        ON_POSTGRES(notice_receiver_of_postgres_stays),
        ON_EACH(open_transaction_is_refused_and_untouched),
        ON_EACH(transaction_between_two_calls_is_refused_and_untouched),
        ON_POSTGRES(failed_transaction_of_postgres_is_refused),
        ON_POSTGRES(busy_connection_of_postgres_is_refused),
        ON_SQLITE(running_statement_of_sqlite_is_kept),
        ON_POSTGRES(closed_connection_of_postgres_is_refused),
        ON_POSTGRES(lost_connection_of_postgres_is_told),
        ON_MYSQL(statements_one_by_one_stay_so),
        ON_MYSQL(busy_connection_of_mysql_is_refused),
        ON_MYSQL(transaction_without_a_begin_is_refused),
        ON_MYSQL(closed_connection_of_mysql_is_refused),
        ON_MYSQL(lost_connection_of_mysql_is_told),
        ON_MYSQL(connection_that_reconnects_by_itself_does_not_in_a_call),
        ON_MYSQL(connection_lost_between_two_calls_is_told),
        ON_SERVERS(lock_is_free_between_calls_and_after_close),
    };
    return HOST_RUN(tests, "attach");
}
