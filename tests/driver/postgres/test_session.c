/*
 * test_session.c - connections: open, attach, lose, reopen, cancel; locks; units that are sent in parts; waiting.
 */
#define SCHEMA "wb_test_session"
#include "pgtest.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static pg_session *session_of(fixture *f) { return pg_of(f->session); }

static wb_txn plain_txn(void) { return (wb_txn){ .fuse = "fuse" }; }

static void kill_ours(fixture *f)
{
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", PQbackendPID(session_of(f)->conn));
    assert_string_equal(ask(f->looker, sql), "t");
}

static int count_of(fixture *f, const char *table)
{
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    return atoi(ask(f->looker, sql));
}

/* ---- opening ---- */

static int open_url(fixture *f, const char *text, wb_session **out)
{
    wb_url url;
    assert_good(f, wb_url_parse(&f->cx, &f->mem, text, &url));
    wb_open_options o = options_of(f);
    o.url = &url;
    o.connect_timeout_ms = 2000;
    return pg_open(&f->cx, &o, out);
}

static void refused_connection_says_why(void **state)
{
    NEEDS_SERVER(f);
    wb_session *s = NULL;
    assert_int_equal(open_url(f, "postgres://app:geheim@127.0.0.1:1/shop", &s), WBL_E_CONNECT);
    assert_string_equal(f->err.message, "can't connect to postgres://app:***@127.0.0.1:1/shop: connection refused");
    assert_int_equal(f->err.is_retryable, 1);
    assert_int_equal(f->err.effect, WBL_EFFECT_NONE);
    assert_null(s);
}

static void missing_database_is_not_worth_another_try(void **state)
{
    NEEDS_SERVER(f);
    char text[300];
    snprintf(text, sizeof text, "host=%s port=%s user=%s dbname=wb_no_such_database", PQhost(f->looker),
             PQport(f->looker), PQuser(f->looker));
    wb_session *s = NULL;
    assert_int_equal(open_url(f, text, &s), WBL_E_CONNECT);
    assert_string_equal(f->err.sqlstate, "3D000");
    assert_int_equal(f->err.is_retryable, 0);
    assert_non_null(strstr(f->err.message, "wb_no_such_database"));
}

static void silent_host_costs_the_limit_and_no_more(void **state)
{
    NEEDS_SERVER(f);
    wb_session *s = NULL;
    int64_t start = wb_now_ms();
    f->cx.deadline_ms = start + 300;
    int rc = open_url(f, "postgres://192.0.2.1:5432/shop", &s); /* TEST-NET-1: nobody is there, RFC 5737 */
    assert_true(rc == WBL_E_TIMEOUT || rc == WBL_E_CONNECT);
    assert_true(wb_now_ms() - start < 2000);
}

static void wrong_word_is_told(void **state)
{
    NEEDS_SERVER(f);
    wb_session *s = NULL;
    assert_int_equal(open_url(f, "postgres://127.0.0.1:1/x?sslmode=perhaps", &s), WBL_E_INVALID);
    assert_non_null(strstr(f->err.message, "sslmode"));
}

static void unknown_parameters_become_settings(void **state)
{
    NEEDS_SERVER(f);
    char text[500];
    snprintf(text, sizeof text,
             "postgres://%s@%s:%s/"
             "%s?lock_timeout=1234ms&binary_parameters=yes&x-migrations-table=y&options=-c%%20work_mem=1MB&"
             "application_name=shop&search_path=%%22$user%%22,%%20public",
             PQuser(f->looker), PQhost(f->looker), PQport(f->looker), PQdb(f->looker));
    wb_session *s = NULL;
    assert_good(f, open_url(f, text, &s));
    PGconn *c = pg_native(s);
    assert_string_equal(ask(c, "SHOW lock_timeout"), "1234ms");
    assert_string_equal(ask(c, "SHOW work_mem"), "1MB");
    assert_string_equal(ask(c, "SHOW search_path"), "\"$user\", public");
    assert_string_equal(ask(c, "SHOW application_name"), "shop " RUN_ID);
    assert_string_equal(ask(c, "SHOW client_encoding"), "UTF8");
    pg_close(s);
}

static void facts_are_there_without_a_query(void **state)
{
    NEEDS_SERVER(f);
    assert_string_equal(f->session->server.product, "PostgreSQL");
    assert_true(f->session->server.version >= 110000);
    assert_string_equal(f->session->server.database, PQdb(f->looker));
    assert_false(f->session->server.has_backslash_quotes);
}

/* ---- attach ---- */

static void attached_connection_is_given_back_as_it_was(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "SET work_mem = '3MB'");
    ask(f->looker, "CREATE TABLE t (i int)");
    wb_open_options o = options_of(f);
    wb_session *s;
    assert_good(f, pg_attach(&f->cx, f->looker, &o, &s));
    wb_txn txn = plain_txn();
    wb_piece p =
        piece_of("SET work_mem = '7MB'; SET search_path = pg_catalog; INSERT INTO wb_test_session.t VALUES (1)");
    wb_sync sync;
    assert_good(f, pg_begin(&f->cx, s, &txn));
    assert_good(f, pg_run(&f->cx, s, &p));
    assert_good(f, pg_commit(&f->cx, s));
    assert_good(f, pg_reset(&f->cx, s));
    assert_good(f, pg_sync(&f->cx, s, &sync));
    wb_lock_key key = { "attached", false };
    wb_survey survey = { .locks = &key, .lock_count = 1 };
    assert_good(f, pg_survey(&f->cx, s, &f->mem, &survey));
    assert_true(survey.is_locked);
    assert_int_equal(pg_reopen(&f->cx, s), WBL_E_CONNECT);
    pg_close(s);
    assert_string_equal(ask(f->looker, "SHOW work_mem"), "3MB");
    assert_string_equal(ask(f->looker, "SHOW search_path"), SCHEMA);
    assert_string_equal(ask(f->looker,
                            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"),
                        "0");
    assert_int_equal(count_of(f, "t"), 1);
    assert_true(PQsetNoticeReceiver(f->looker, NULL, NULL) == quiet);
    assert_false(PQisnonblocking(f->looker));
}

static void busy_connection_is_not_attached(void **state)
{
    NEEDS_SERVER(f);
    wb_open_options o = options_of(f);
    wb_session *s = NULL;
    ask(f->looker, "BEGIN");
    assert_int_equal(pg_attach(&f->cx, f->looker, &o, &s), WBL_E_INVALID);
    ask(f->looker, "ROLLBACK");
    assert_int_equal(pg_attach(&f->cx, NULL, &o, &s), WBL_E_CONNECT);
}

/* ---- locks ---- */

static const wb_lock_key two_keys[] = { { "wb test one", false }, { "4097083626", true } };

/* Of ours and the looker's. */
static int lock_count(fixture *f)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid IN (%d, pg_backend_pid())",
             PQbackendPID(session_of(f)->conn));
    return atoi(ask(f->looker, sql));
}

static bool take(fixture *f, wb_session *s)
{
    wb_survey survey = { .locks = two_keys, .lock_count = 2 };
    assert_good(f, pg_survey(&f->cx, s, &f->mem, &survey));
    return survey.is_locked;
}

static void locks_are_taken_all_or_none(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "SELECT pg_advisory_lock(4097083626)");
    assert_false(take(f, f->session));
    assert_int_equal(lock_count(f), 1);
    ask(f->looker, "SELECT pg_advisory_unlock(4097083626)");
    assert_true(take(f, f->session));
    assert_int_equal(lock_count(f), 2);
    assert_good(f, pg_unlock(&f->cx, f->session, two_keys, 2));
    assert_int_equal(lock_count(f), 0);
}

static void holder_is_named_and_a_ghost_of_our_run_can_be_ended(void **state)
{
    NEEDS_SERVER(f);
    wb_holder h;
    assert_int_equal(pg_holder(&f->cx, f->session, two_keys, 2, &h), WBL_NO_CHANGE);
    ask(f->looker, "SET application_name = 'reports'; SELECT pg_advisory_lock(4097083626)");
    assert_good(f, pg_holder(&f->cx, f->session, two_keys, 2, &h));
    assert_int_equal(h.pid, PQbackendPID(f->looker));
    assert_string_equal(h.application, "reports");
    assert_string_equal(h.state, "idle");
    assert_false(h.is_own_ghost);
    assert_int_equal(pg_end_ghost(&f->cx, f->session, &h), WBL_E_REFUSED);
    ask(f->looker, "SELECT pg_advisory_unlock(4097083626)");

    wb_open_options o = options_of(f);
    wb_session *ghost;
    assert_good(f, pg_open(&f->cx, &o, &ghost));
    assert_true(take(f, ghost));
    assert_false(take(f, f->session));
    assert_good(f, pg_holder(&f->cx, f->session, two_keys, 2, &h));
    assert_true(h.is_own_ghost);
    assert_good(f, pg_end_ghost(&f->cx, f->session, &h));
    for (int i = 0; i < 50 && !take(f, f->session); i++)
        usleep(20000);
    assert_int_equal(session_of(f)->lock_count, 2);
    pg_close(ghost);
}

static void survey_of_a_missing_schema_names_it(void **state)
{
    NEEDS_SERVER(f);
    wb_table_ref refs[] = { { "nowhere", "t" }, { NULL, "T \"x\"" }, { SCHEMA, "T \"x\"" }, { NULL, "absent" } };
    ask(f->looker, "CREATE TABLE \"T \"\"x\"\"\" (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name varchar(9) "
                   "NOT NULL, n numeric)");
    wb_survey survey = { .tables = refs, .table_count = 4 };
    assert_good(f, pg_survey(&f->cx, f->session, &f->mem, &survey));
    assert_false(survey.shapes[0].exists);
    assert_string_equal(survey.shapes[0].ref.schema, "nowhere");
    assert_true(survey.shapes[1].exists && survey.shapes[2].exists);
    assert_string_equal(survey.shapes[1].ref.schema, SCHEMA);
    assert_int_equal(survey.shapes[1].column_count, 3);
    assert_int_equal(survey.shapes[1].columns[0].type, WB_TYPE_SERIAL);
    assert_int_equal(survey.shapes[1].columns[1].type, WB_TYPE_VARCHAR);
    assert_int_equal(survey.shapes[1].columns[1].length, 9);
    assert_string_equal(survey.shapes[3].ref.schema, SCHEMA);
    assert_string_equal(f->session->server.schema, SCHEMA);
    wb_column column = { .name = "i", .type = WB_TYPE_INT, .not_null = true, .is_key = true };
    wb_table table = { .ref = { "nowhere", "t" }, .columns = &column, .column_count = 1 };
    assert_int_equal(pg_create(&f->cx, f->session, &table, 1), WBL_E_STATEMENT);
    assert_string_equal(f->err.message, "schema \"nowhere\" does not exist");
}

/* Eight at once make the same table; nobody fails. */
static void *create_once(void *user)
{
    fixture *f = user;
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    wb_open_options o = { .url = &f->url, .connect_timeout_ms = 5000 };
    wb_session *s = NULL;
    wb_column column = { .name = "i", .type = WB_TYPE_INT, .not_null = true, .is_key = true };
    wb_table table = { .ref = { SCHEMA, "raced" }, .columns = &column, .column_count = 1 };
    int rc = pg_open(&cx, &o, &s);
    if (rc == 0)
        rc = pg_create(&cx, s, &table, 1);
    pg_close(s);
    return (void *)(intptr_t)rc;
}

static void create_survives_a_race(void **state)
{
    NEEDS_SERVER(f);
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, create_once, f), 0);
    for (int i = 0; i < 8; i++) {
        void *rc;
        pthread_join(threads[i], &rc);
        assert_null(rc);
    }
    assert_int_equal(count_of(f, "raced"), 0);
}

/* ---- units that are sent in parts ---- */

static void sync_inside_a_unit_keeps_it_open(void **state)
{
    NEEDS_SERVER(f);
    wb_txn txn = plain_txn();
    wb_sync sync;
    assert_good(f, pg_begin(&f->cx, f->session, &txn));
    assert_good(f, run_text(f, "CREATE TABLE t (i int)"));
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
    assert_true(sync.is_in_transaction);
    assert_int_equal(sync.committed, 0);
    assert_string_equal(ask(pg_native(f->session), "INSERT INTO t VALUES (1) RETURNING i"), "1");
    assert_string_equal(ask(f->looker, "SELECT to_regclass('t')"), "");
    assert_good(f, pg_commit(&f->cx, f->session));
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
    assert_int_equal(sync.committed, 1);
    assert_int_equal(count_of(f, "t"), 1);
}

static void rollback_keeps_the_units_before(void **state)
{
    NEEDS_SERVER(f);
    wb_txn txn = plain_txn();
    wb_sync sync;
    for (int sent = 0; sent < 2; sent++) {
        assert_good(f, pg_begin(&f->cx, f->session, &txn));
        assert_good(f, run_text(f, sent ? "CREATE TABLE a1 (i int)" : "CREATE TABLE a0 (i int)"));
        assert_good(f, pg_commit(&f->cx, f->session));
        assert_good(f, pg_begin(&f->cx, f->session, &txn));
        assert_good(f, run_text(f, "CREATE TABLE b (i int)"));
        if (sent)
            assert_good(f, pg_sync(&f->cx, f->session, &sync));
        assert_good(f, pg_rollback(&f->cx, f->session));
        assert_good(f, pg_sync(&f->cx, f->session, &sync));
        assert_int_equal(sync.committed, 1);
        assert_false(sync.is_in_transaction);
    }
    assert_string_equal(ask(f->looker, "SELECT to_regclass('a0')::text || to_regclass('a1')"), "a0a1");
    assert_string_equal(ask(f->looker, "SELECT to_regclass('b')"), "");
}

static void failure_before_sync_is_told_again_by_sync(void **state)
{
    NEEDS_SERVER(f);
    wb_txn txn = plain_txn();
    wb_sync sync;
    int64_t affected;
    assert_good(f, pg_begin(&f->cx, f->session, &txn));
    assert_good(f, pg_commit(&f->cx, f->session));
    assert_good(f, pg_begin(&f->cx, f->session, &txn));
    wb_piece p = piece_of("SELECT 1; SELECT 1/0");
    p.affected = &affected;
    assert_int_equal(pg_run(&f->cx, f->session, &p), WBL_E_STATEMENT);
    assert_int_equal(run_text(f, "SELECT 1"), WBL_E_STATEMENT);
    assert_int_equal(pg_commit(&f->cx, f->session), WBL_E_STATEMENT);
    f->err = (wbl_error){ 0 };
    assert_int_equal(pg_sync(&f->cx, f->session, &sync), WBL_E_STATEMENT);
    assert_string_equal(f->err.sqlstate, "22012");
    assert_int_equal(f->session->failure.unit, 1);
    assert_int_equal(f->session->failure.statement, 2);
    assert_int_equal(sync.committed, 1);
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
}

static void large_unit_goes_out_in_parts(void **state)
{
    NEEDS_SERVER(f);
    wb_txn txn = plain_txn();
    wb_sync sync;
    size_t size = 600000;
    char *text = malloc(size + 1);
    memset(text, ' ', size);
    text[size] = 0;
    for (int round = 0; round < 2; round++) {
        assert_good(f, pg_begin(&f->cx, f->session, &txn));
        for (int i = 0; i < 5; i++) {
            char sql[80];
            int n =
                snprintf(sql, sizeof sql, i == 4 && round ? "SELECT nope" : "CREATE TABLE big%d_%d (i int);", round, i);
            memcpy(text + size / 2, sql, (size_t)n);
            wb_piece p = { .text = text, .len = size, .offset = (size_t)i * size, .statement_first = (uint32_t)i + 1 };
            assert_good(f, pg_run(&f->cx, f->session, &p));
            assert_true(session_of(f)->message.len < 2 * size);
            memset(text, ' ', size);
        }
        if (round == 0)
            assert_good(f, pg_commit(&f->cx, f->session));
        else
            assert_int_equal(pg_commit(&f->cx, f->session), WBL_E_STATEMENT);
        assert_int_equal(pg_sync(&f->cx, f->session, &sync), round ? WBL_E_STATEMENT : 0);
        assert_int_equal(sync.committed, round ? 0 : 1);
    }
    assert_int_equal(f->session->failure.statement, 5);
    assert_true(f->session->failure.offset == 4 * size + size / 2 + 7);
    assert_string_equal(ask(f->looker, "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'big%'"), "5");
    free(text);
}

static void copy_brings_its_data(void **state)
{
    NEEDS_SERVER(f);
    wb_txn txn = plain_txn();
    wb_sync sync;
    size_t size = 0, cap = 3000000;
    char *data = malloc(cap);
    int lines = 0;
    while (size < cap - 100) {
        size += (size_t)snprintf(data + size, cap - size, "%d\tline\n", lines);
        lines++;
    }
    assert_good(f, pg_begin(&f->cx, f->session, &txn));
    assert_good(f, run_text(f, "CREATE TABLE c (i int, t text)"));
    wb_piece p = piece_of("COPY c FROM STDIN;");
    p.copy_data = data;
    p.copy_len = size;
    p.statement_first = 2;
    assert_good(f, pg_run(&f->cx, f->session, &p));
    assert_good(f, run_text(f, "INSERT INTO c VALUES (-1, 'end')"));
    assert_good(f, pg_commit(&f->cx, f->session));
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
    assert_int_equal(sync.committed, 1);
    assert_int_equal(count_of(f, "c"), lines + 1);

    memcpy(data, "x\ty\n", 4);
    assert_good(f, pg_begin(&f->cx, f->session, &txn));
    assert_int_equal(pg_run(&f->cx, f->session, &p), WBL_E_STATEMENT);
    assert_string_equal(f->err.sqlstate, "22P02");
    assert_int_equal(f->session->failure.statement, 2);
    assert_non_null(strstr(f->err.hint, "COPY c, line 1"));
    assert_good(f, pg_rollback(&f->cx, f->session));
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
    free(data);
}

static void reset_before_a_unit_that_fails_still_counts(void **state)
{
    NEEDS_SERVER(f);
    wb_txn txn = plain_txn();
    wb_sync sync;
    assert_good(f, pg_begin(&f->cx, f->session, &txn));
    assert_good(f, run_text(f, "SET work_mem = '9MB'; SET ROLE pg_monitor"));
    assert_good(f, pg_commit(&f->cx, f->session));
    assert_good(f, pg_reset(&f->cx, f->session));
    assert_good(f, pg_begin(&f->cx, f->session, &txn));
    assert_good(f, run_text(f, "SELECT 1/0"));
    assert_good(f, pg_commit(&f->cx, f->session));
    assert_int_equal(pg_sync(&f->cx, f->session, &sync), WBL_E_STATEMENT);
    assert_int_equal(sync.committed, 1);
    assert_string_not_equal(ask(pg_native(f->session), "SHOW work_mem"), "9MB");
    assert_string_equal(ask(pg_native(f->session), "SHOW role"), "none");
    assert_string_equal(ask(pg_native(f->session), "SHOW search_path"), SCHEMA);
}

static void elapsed_counts_from_its_own_unit(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE h (n int, ms bigint)");
    wb_txn txn = plain_txn();
    wb_sync sync;
    for (int i = 0; i < 2; i++) {
        assert_good(f, pg_begin(&f->cx, f->session, &txn));
        assert_good(f, run_text(f, i ? "SELECT 1" : "SELECT pg_sleep(0.3)"));
        wb_field set[] = { { "n", WB_INT(i) }, { "ms", WB_ELAPSED() } };
        wb_row_op op = { .op = WB_OP_INSERT, .table = { SCHEMA, "h" }, .set = set, .set_count = 2 };
        assert_good(f, pg_put(&f->cx, f->session, &op));
        assert_good(f, pg_commit(&f->cx, f->session));
    }
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
    assert_true(atoi(ask(f->looker, "SELECT ms FROM h WHERE n = 0")) >= 300);
    assert_true(atoi(ask(f->looker, "SELECT ms FROM h WHERE n = 1")) < 200);
}

static void locked_table_outside_a_unit(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE h (n int)");
    wb_field set[] = { { "n", WB_INT(1) } };
    wb_row_op op = { .op = WB_OP_INSERT,
                     .table = { SCHEMA, "h" },
                     .set = set,
                     .set_count = 1,
                     .locks_table = true,
                     .only_if_empty = true };
    assert_good(f, pg_put(&f->cx, f->session, &op));
    assert_int_equal(pg_put(&f->cx, f->session, &op), WBL_E_CONFLICT);
    assert_string_equal(f->err.message, "h is not empty");
    op.only_if_empty = false;
    assert_good(f, pg_put(&f->cx, f->session, &op));
    assert_int_equal(count_of(f, "h"), 2);
    set[0].value = (wb_value){ .kind = WB_VALUE_TEXT, .text = { "1\0002", 3 } };
    assert_int_equal(pg_put(&f->cx, f->session, &op), WBL_E_INVALID);
}

/* A script's own transaction: rows join it, rollback ends it. */
static void self_managed_script_has_its_own_transaction(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE h (n int)");
    wb_statement begin = { .cls = WB_STMT_TXN }, insert = { .cls = WB_STMT_DML }, set_it = { .cls = WB_STMT_SESSION };
    wb_sync sync;
    wb_piece p = piece_of("SET lock_timeout = '77s'");
    p.is_alone = true;
    p.lock_timeout_ms = 3000;
    p.statement = &set_it;
    assert_good(f, pg_run(&f->cx, f->session, &p));
    p.text = "BEGIN", p.len = 5, p.statement = &begin;
    assert_good(f, pg_run(&f->cx, f->session, &p));
    p.text = "INSERT INTO h VALUES (1)", p.len = strlen(p.text), p.statement = &insert;
    assert_good(f, pg_run(&f->cx, f->session, &p));
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
    assert_true(sync.is_in_transaction);
    wb_txn txn = plain_txn();
    assert_int_equal(pg_begin(&f->cx, f->session, &txn), WBL_E_STATE);
    p.text = "INSERT INTO h VALUES ('x')", p.len = strlen(p.text);
    assert_int_equal(pg_run(&f->cx, f->session, &p), WBL_E_STATEMENT);
    assert_int_equal(f->err.effect, WBL_EFFECT_NONE);
    assert_good(f, pg_rollback(&f->cx, f->session));
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
    assert_false(sync.is_in_transaction);
    assert_int_equal(count_of(f, "h"), 0);
    assert_string_equal(ask(pg_native(f->session), "SHOW lock_timeout"), "77s");
}

/* ---- losing the connection ---- */

static void put_row(fixture *f, int n)
{
    wb_field set[] = { { "n", WB_INT(n) } };
    wb_row_op op = { .op = WB_OP_INSERT, .table = { SCHEMA, "h" }, .set = set, .set_count = 1 };
    assert_good(f, pg_put(&f->cx, f->session, &op));
}

static void unit_of(fixture *f, int n, const char *script)
{
    wb_txn txn = plain_txn();
    assert_good(f, pg_begin(&f->cx, f->session, &txn));
    put_row(f, n);
    assert_good(f, run_text(f, script));
    assert_good(f, pg_commit(&f->cx, f->session));
}

static void connection_lost_before_sending_changed_nothing(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE h (n int)");
    kill_ours(f);
    usleep(100000);
    wb_sync sync = { 9, true };
    unit_of(f, 1, "SELECT 1");
    int rc = pg_sync(&f->cx, f->session, &sync);
    assert_true(rc == WBL_E_CONNECT || rc == WBL_E_OUTCOME); /* the kernel may take the bytes all the same */
    assert_true(f->session->failure.is_connection_lost);
    assert_int_equal(sync.committed, 0);
    assert_false(sync.is_in_transaction);
    assert_int_equal(pg_sync(&f->cx, f->session, &sync), WBL_E_CONNECT);
    assert_good(f, pg_reopen(&f->cx, f->session));
    assert_int_equal(count_of(f, "h"), 0);
    unit_of(f, 2, "SELECT 1");
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
    assert_int_equal(sync.committed, 1);
}

static void *kill_soon(void *user)
{
    fixture *f = user;
    usleep(300000);
    kill_ours(f);
    return NULL;
}

/* The server says farewell in the middle of unit 1: unit 0 is known, unit 1 did not happen. */
static void farewell_in_a_script_is_no_doubt(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE h (n int)");
    unit_of(f, 1, "SELECT 1");
    unit_of(f, 2, "SELECT pg_sleep(20)");
    unit_of(f, 3, "SELECT 1");
    pthread_t thread;
    pthread_create(&thread, NULL, kill_soon, f);
    wb_sync sync;
    assert_int_equal(pg_sync(&f->cx, f->session, &sync), WBL_E_CONNECT);
    pthread_join(thread, NULL);
    assert_string_equal(f->err.sqlstate, "57P01");
    assert_int_equal(f->err.effect, WBL_EFFECT_NONE);
    assert_true(f->session->failure.is_connection_lost);
    assert_int_equal(f->session->failure.unit, 1);
    assert_int_equal(sync.committed, 1);
    assert_int_equal(count_of(f, "h"), 1);
    assert_int_equal(run_text(f, "SELECT 1"), WBL_E_CONNECT);
    assert_good(f, pg_reopen(&f->cx, f->session));
}

static void *shut_soon(void *user)
{
    fixture *f = user;
    usleep(300000);
    shutdown(PQsocket(session_of(f)->conn), 2);
    return NULL;
}

/* The line breaks without a word while COMMITs are on their way. */
static void broken_line_leaves_a_doubt(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE h (n int)");
    unit_of(f, 1, "SELECT pg_sleep(2)");
    pthread_t thread;
    pthread_create(&thread, NULL, shut_soon, f);
    wb_sync sync;
    assert_int_equal(pg_sync(&f->cx, f->session, &sync), WBL_E_OUTCOME);
    pthread_join(thread, NULL);
    assert_int_equal(f->err.effect, WBL_EFFECT_UNKNOWN);
    assert_true(f->session->failure.is_connection_lost);
    assert_int_equal(sync.committed, 0);
}

/* Without a COMMIT in the message there is none. */
static void broken_line_without_a_commit_leaves_none(void **state)
{
    NEEDS_SERVER(f);
    wb_txn txn = plain_txn();
    wb_sync sync;
    assert_good(f, pg_begin(&f->cx, f->session, &txn));
    assert_good(f, run_text(f, "SELECT pg_sleep(2)"));
    pthread_t thread;
    pthread_create(&thread, NULL, shut_soon, f);
    assert_int_equal(pg_sync(&f->cx, f->session, &sync), WBL_E_CONNECT);
    pthread_join(thread, NULL);
    assert_int_equal(f->err.effect, WBL_EFFECT_NONE);
    assert_int_equal(f->err.is_retryable, 1);
}

static void alone_statement_that_is_cut_off_is_unknown(void **state)
{
    NEEDS_SERVER(f);
    wb_piece p = piece_of("SELECT pg_sleep(2)");
    p.is_alone = true;
    pthread_t thread;
    pthread_create(&thread, NULL, shut_soon, f);
    assert_int_equal(pg_run(&f->cx, f->session, &p), WBL_E_OUTCOME);
    pthread_join(thread, NULL);
    assert_int_equal(f->err.effect, WBL_EFFECT_UNKNOWN);
}

/* ---- cancel, deadline ---- */

static void *cancel_soon(void *user)
{
    fixture *f = user;
    usleep(300000);
    pg_cancel(f->session);
    return NULL;
}

static void cancel_comes_from_another_thread(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE h (n int)");
    unit_of(f, 1, "SELECT 1");
    unit_of(f, 2, "SELECT pg_sleep(20)");
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_soon, f);
    wb_sync sync;
    assert_int_equal(pg_sync(&f->cx, f->session, &sync), WBL_E_CANCELLED);
    pthread_join(thread, NULL);
    assert_int_equal(sync.committed, 1);
    assert_int_equal(f->err.effect, WBL_EFFECT_NONE);
    unit_of(f, 3, "SELECT 1");
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
}

static void flag_and_deadline_end_a_wait(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE h (n int)");
    wb_sync sync;
    volatile int flag = 1;
    f->cx.cancel = &flag;
    unit_of(f, 1, "SELECT pg_sleep(20)");
    assert_int_equal(pg_sync(&f->cx, f->session, &sync), WBL_E_CANCELLED);
    f->cx.is_finishing = true;
    unit_of(f, 2, "SELECT pg_sleep(0.3)");
    assert_good(f, pg_sync(&f->cx, f->session, &sync));
    f->cx.cancel = NULL;
    unit_of(f, 3, "SELECT pg_sleep(20)");
    f->cx.deadline_ms = wb_now_ms() + 300;
    assert_int_equal(pg_sync(&f->cx, f->session, &sync), WBL_E_TIMEOUT);
    f->cx.deadline_ms = 0;
    assert_int_equal(count_of(f, "h"), 1);
}

/* ---- waiting for others ---- */

static void blocker_is_named(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE h (n int)");
    ask(f->looker, "SET application_name = 'reports'");
    ask(f->looker, "BEGIN; SELECT  *\n FROM h");
    wb_txn txn = { .lock_timeout_ms = 500, .fuse = "f" };
    wb_sync sync;
    assert_good(f, pg_begin(&f->cx, f->session, &txn));
    assert_good(f, run_text(f, "ALTER TABLE h ADD COLUMN m int"));
    assert_good(f, pg_commit(&f->cx, f->session));
    assert_int_equal(pg_sync(&f->cx, f->session, &sync), WBL_E_LOCK_WAIT);
    assert_int_equal(f->err.is_retryable, 1);
    char want[100];
    snprintf(want, sizeof want,
             "process %d, application \"reports\", idle in transaction for ", PQbackendPID(f->looker));
    if (strncmp(f->session->failure.blocker, want, strlen(want)) != 0)
        fail_msg("%s", f->session->failure.blocker);
    assert_non_null(strstr(f->session->failure.blocker, "SELECT * FROM h"));

    wb_piece p = piece_of("ALTER TABLE h ADD COLUMN m int");
    p.is_alone = true;
    p.lock_timeout_ms = 300;
    assert_int_equal(pg_run(&f->cx, f->session, &p), WBL_E_LOCK_WAIT);
    assert_true(wb_starts(f->session->failure.blocker, "process "));
    ask(f->looker, "ROLLBACK");
    assert_good(f, pg_run(&f->cx, f->session, &p));
    assert_string_equal(f->session->failure.blocker, "");
    assert_string_equal(ask(pg_native(f->session), "SHOW lock_timeout"), "0");
}

static void index_build_shows_progress(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE h (n int); INSERT INTO h SELECT generate_series(1, 10)");
    ask(f->looker, "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.07); "
                   "RETURN $1; END'");
    wb_statement st = { .cls = WB_STMT_DDL, .action = WB_ACT_CREATE, .object = "index", .is_concurrent = true };
    wb_piece p = piece_of("CREATE INDEX CONCURRENTLY hi ON h (wb_test_session.slow(n))");
    p.is_alone = true;
    p.statement = &st;
    assert_good(f, pg_run(&f->cx, f->session, &p));
    assert_true(f->progress >= 1);
}

/* ---- memory ---- */

static int whole_run(fixture *f, wb_ctx *cx)
{
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_open_options o = options_of(f);
    wb_session *s = NULL;
    wb_lock_key key = { "memory", false };
    wb_table_ref ref = { SCHEMA, "h" };
    wb_survey survey = { .locks = &key, .lock_count = 1, .tables = &ref, .table_count = 1 };
    wb_txn txn = plain_txn();
    wb_field set[] = { { "n", WB_INT(1) } };
    wb_row_op op = { .op = WB_OP_INSERT, .table = ref, .set = set, .set_count = 1, .check_fuse = true };
    wb_piece p = piece_of("CREATE TABLE o (i int); DROP TABLE o");
    wb_statement st = { .action = WB_ACT_CREATE, .object = "index", .table = WB_STR("h"), .name = WB_STR("hi") };
    const char *looked;
    wb_probe probe;
    wb_catalog_options all = { 0 };
    wb_object *objects;
    size_t count;
    wb_sync sync;
    int rc = pg_open(cx, &o, &s);
    rc = rc ? rc : pg_survey(cx, s, &mem, &survey);
    rc = rc ? rc : pg_begin(cx, s, &txn);
    rc = rc ? rc : pg_run(cx, s, &p);
    rc = rc ? rc : pg_put(cx, s, &op);
    rc = rc ? rc : pg_commit(cx, s);
    rc = rc ? rc : pg_reset(cx, s);
    rc = rc ? rc : pg_sync(cx, s, &sync);
    rc = rc ? rc : pg_look(cx, s, &st, &mem, &looked);
    rc = rc ? rc : pg_probe(cx, s, &st, looked, &probe);
    rc = rc ? rc : pg_catalog(cx, s, &all, &mem, &objects, &count);
    rc = rc ? rc : pg_unlock(cx, s, &key, 1);
    pg_close(s);
    return rc;
}

static void every_allocation_may_fail(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE h (n int)");
    long live = wb_alloc_live();
    for (long k = 1;; k++) {
        wbl_error err = { 0 };
        wb_ctx cx = { .err = &err };
        wb_alloc_fail_at(k);
        int rc = whole_run(f, &cx);
        bool is_over = wb_alloc_fail_at(0) < k; /* fewer allocations than that: all were tried */
        assert_int_equal(wb_alloc_live(), live);
        if (is_over) {
            assert_int_equal(rc, 0);
            return;
        }
        if (rc != 0 && rc != WBL_E_NOMEM)
            fail_msg("allocation %ld: %d %s", k, rc, err.message);
        assert_int_equal(err.code, rc);
    }
}

int main(void)
{
    struct CMUnitTest tests[] = {
        TEST(refused_connection_says_why),
        TEST(missing_database_is_not_worth_another_try),
        TEST(silent_host_costs_the_limit_and_no_more),
        TEST(wrong_word_is_told),
        TEST(unknown_parameters_become_settings),
        TEST(facts_are_there_without_a_query),
        TEST(attached_connection_is_given_back_as_it_was),
        TEST(busy_connection_is_not_attached),
        TEST(locks_are_taken_all_or_none),
        TEST(holder_is_named_and_a_ghost_of_our_run_can_be_ended),
        TEST(survey_of_a_missing_schema_names_it),
        TEST(create_survives_a_race),
        TEST(sync_inside_a_unit_keeps_it_open),
        TEST(rollback_keeps_the_units_before),
        TEST(failure_before_sync_is_told_again_by_sync),
        TEST(large_unit_goes_out_in_parts),
        TEST(copy_brings_its_data),
        TEST(reset_before_a_unit_that_fails_still_counts),
        TEST(elapsed_counts_from_its_own_unit),
        TEST(locked_table_outside_a_unit),
        TEST(self_managed_script_has_its_own_transaction),
        TEST(connection_lost_before_sending_changed_nothing),
        TEST(farewell_in_a_script_is_no_doubt),
        TEST(broken_line_leaves_a_doubt),
        TEST(broken_line_without_a_commit_leaves_none),
        TEST(alone_statement_that_is_cut_off_is_unknown),
        TEST(cancel_comes_from_another_thread),
        TEST(flag_and_deadline_end_a_wait),
        TEST(every_allocation_may_fail),
        TEST(blocker_is_named),
        TEST_SINCE(120000, index_build_shows_progress),
    };
    return run_group("postgres session", tests, WB_COUNT(tests));
}
