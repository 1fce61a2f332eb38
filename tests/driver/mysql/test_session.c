/*
 * test_session.c - connections that are killed, time limits, locks and who holds them, warnings, large messages, what a
 * script may change in a session, and what a transaction does not cover.
 */
#define DATABASE "wb_test_session"
#include "mytest.h"

#include <pthread.h>

static const wb_txn plain = { .fuse = "fuse-of-the-test" };

static unsigned long id_of(const fixture *f) { return mysql_thread_id(my_of(f->session)->conn); }

static void kill_session(fixture *f, const char *how)
{
    char sql[80];
    snprintf(sql, sizeof sql, "KILL %s %lu", how, id_of(f));
    ask(f->looker, sql);
    usleep(100000);
}

/* ---- lost connections ---- */

static void killed_connection_is_noticed_and_opened_anew(void **state)
{
    fixture *f = *state;
    wb_arena mem = { 0 };
    wb_survey v = { 0 };
    kill_session(f, "CONNECTION");
    int rc = my_survey(&f->cx, f->session, &mem, &v);
    assert_int_equal(rc, WBL_E_CONNECT);
    assert_int_equal(f->err.effect, WBL_EFFECT_NONE);
    assert_true(f->session->failure.is_connection_lost);
    assert_int_equal(my_survey(&f->cx, f->session, &mem, &v), WBL_E_CONNECT); /* no hidden reconnect */
    assert_good(f, my_reopen(&f->cx, f->session));
    assert_good(f, my_survey(&f->cx, f->session, &mem, &v));
    wb_arena_done(&mem);
}

/* Inside a unit nothing is left; at its COMMIT, and for a statement alone, nobody knows. */
static void lost_answer_is_unknown_only_where_it_may_be(void **state)
{
    fixture *f = *state;
    wb_sync sync;
    ask(f->looker, "CREATE TABLE t (a INT)");
    wb_piece p = piece_of("INSERT INTO t VALUES (1)");
    assert_good(f, my_begin(&f->cx, f->session, &plain));
    assert_good(f, my_run(&f->cx, f->session, &p));
    kill_session(f, "CONNECTION");
    assert_int_equal(my_run(&f->cx, f->session, &p), WBL_E_CONNECT);
    assert_int_equal(f->err.effect, WBL_EFFECT_NONE);
    assert_good(f, my_reopen(&f->cx, f->session));
    assert_string_equal(ask(f->looker, "SELECT COUNT(*) FROM t"), "0");

    assert_good(f, my_begin(&f->cx, f->session, &plain));
    assert_good(f, my_run(&f->cx, f->session, &p));
    assert_good(f, my_commit(&f->cx, f->session));
    kill_session(f, "CONNECTION");
    assert_int_equal(my_sync(&f->cx, f->session, &sync), WBL_E_OUTCOME);
    assert_int_equal(f->err.effect, WBL_EFFECT_UNKNOWN);
    assert_int_equal(sync.committed, 0);
    assert_int_equal(f->session->failure.stage, WB_STAGE_COMMIT);
    assert_good(f, my_reopen(&f->cx, f->session));

    kill_session(f, "CONNECTION");
    assert_int_equal(run_alone(f, "CREATE TABLE u (a INT)"), WBL_E_CONNECT); /* the limits before it found out */
    assert_int_equal(f->err.effect, WBL_EFFECT_NONE);
}

static void own_fence_tells_a_dead_session_of_this_run(void **state)
{
    fixture *f = *state;
    wb_arena mem = { 0 };
    wb_lock_key key = { .text = "ghost test" };
    wb_survey v = { .locks = &key, .lock_count = 1 };
    wb_session *second = NULL, *stranger = NULL;
    wb_open_options o = options_of(f), other = options_of(f);
    other.run_id = OTHER_RUN_ID;
    assert_good(f, my_survey(&f->cx, f->session, &mem, &v));
    assert_true(v.is_locked);
    assert_good(f, my_survey(&f->cx, f->session, &mem, &v)); /* it is ours already */
    assert_true(v.is_locked);
    assert_good(f, my_open(&f->cx, &o, &second));
    assert_good(f, my_open(&f->cx, &other, &stranger));
    wb_holder who;
    assert_good(f, my_holder(&f->cx, stranger, &key, 1, &who));
    assert_false(who.is_own_ghost);
    assert_int_equal(who.pid, id_of(f));
    assert_true(*who.user && *who.since && *who.state);
    if (!is_mariadb(f)) /* performance_schema is on there */
        assert_string_equal(who.application, "whimbrel test");
    assert_int_equal(my_end_ghost(&f->cx, stranger, &who), WBL_E_INTERNAL);
    assert_good(f, my_holder(&f->cx, second, &key, 1, &who));
    assert_true(who.is_own_ghost);
    assert_good(f, my_end_ghost(&f->cx, second, &who));
    assert_good(f, my_end_ghost(&f->cx, second, &who)); /* it has gone by itself */
    for (int i = 0; i < 100 && my_survey(&f->cx, second, &mem, &v) == 0 && !v.is_locked; i++)
        usleep(20000);
    assert_true(v.is_locked);
    assert_int_equal(my_holder(&f->cx, second, &key, 1, &who), WBL_NO_CHANGE);
    my_close(second);
    my_close(stranger);
    wb_arena_done(&mem);
}

static void several_locks_are_taken_all_or_none(void **state)
{
    fixture *f = *state;
    wb_arena mem = { 0 };
    wb_lock_key keys[] = { { .text = "985462924", .is_number = true }, { .text = "one" }, { .text = "two" } };
    wb_survey v = { .locks = keys, .lock_count = 3 };
    char sql[200], name[MY_LOCK_NAME];
    assert_string_equal(ask(f->looker, "SELECT GET_LOCK('985462924', 0)"), "1"); /* as golang-migrate does */
    assert_good(f, my_survey(&f->cx, f->session, &mem, &v));
    assert_false(v.is_locked);
    my_lock_name(my_of(f->session), &keys[1], name);
    snprintf(sql, sizeof sql, "SELECT IS_FREE_LOCK('%s')", name);
    assert_string_equal(ask(f->looker, sql), "1");
    ask(f->looker, "SELECT RELEASE_LOCK('985462924')");
    assert_good(f, my_survey(&f->cx, f->session, &mem, &v));
    assert_true(v.is_locked);
    assert_string_equal(ask(f->looker, sql), "0");
    assert_good(f, my_unlock(&f->cx, f->session, keys, 3));
    assert_string_equal(ask(f->looker, sql), "1");
    assert_int_equal(my_of(f->session)->lock_count, 0);
    assert_false(my_of(f->session)->has_run_lock);
    wb_arena_done(&mem);
}

static void lock_that_a_script_gave_up_is_taken_again(void **state)
{
    fixture *f = *state;
    wb_arena mem = { 0 };
    wb_lock_key key = { .text = "given up" };
    wb_survey v = { .locks = &key, .lock_count = 1 };
    char sql[200], name[MY_LOCK_NAME];
    assert_good(f, my_survey(&f->cx, f->session, &mem, &v));
    my_lock_name(my_of(f->session), &key, name);
    assert_good(f, run_alone(f, "DO RELEASE_ALL_LOCKS()"));
    assert_good(f, my_reset(&f->cx, f->session));
    snprintf(sql, sizeof sql, "SELECT IS_USED_LOCK('%s') = %lu", name, id_of(f));
    assert_string_equal(ask(f->looker, sql), "1");
    assert_good(f, run_alone(f, "DO RELEASE_ALL_LOCKS()"));
    snprintf(sql, sizeof sql, "SELECT GET_LOCK('%s', 0)", name);
    assert_string_equal(ask(f->looker, sql), "1");
    assert_int_equal(my_reset(&f->cx, f->session), WBL_E_LOCKED);
    wb_arena_done(&mem);
}

/* ---- waiting ---- */

static void wait_for_a_row_ends_and_names_the_blocker(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE t (a INT PRIMARY KEY, b INT); INSERT INTO t VALUES (1, 1)");
    ask(f->looker, "BEGIN; UPDATE t SET b = 2 WHERE a = 1");
    wb_txn timed = plain;
    timed.lock_timeout_ms = 900; /* whole seconds: 1 */
    wb_piece p = piece_of("UPDATE t SET b = 3 WHERE a = 1");
    int64_t start = wb_now_ms();
    assert_good(f, my_begin(&f->cx, f->session, &timed));
    assert_int_equal(my_run(&f->cx, f->session, &p), WBL_E_LOCK_WAIT);
    assert_true(f->err.is_retryable);
    assert_true(wb_now_ms() - start < 5000);
    char id[40];
    snprintf(id, sizeof id, "connection %lu", mysql_thread_id(f->looker));
    if (!strstr(f->session->failure.blocker, id))
        fail_msg("blocker: %s, not %s", f->session->failure.blocker, id);
    assert_good(f, my_rollback(&f->cx, f->session));
    ask(f->looker, "ROLLBACK");
}

static void wait_for_a_table_ends_and_names_the_blocker(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE t (a INT PRIMARY KEY, b INT); INSERT INTO t VALUES (1, 1)");
    ask(f->looker, "BEGIN; SELECT * FROM t");
    wb_statement st = statement_of("ALTER TABLE t ADD COLUMN c INT");
    wb_piece p = alone(st.text.p);
    p.statement = &st;
    p.lock_timeout_ms = 1000;
    assert_int_equal(my_run(&f->cx, f->session, &p), WBL_E_LOCK_WAIT);
    assert_int_equal(f->err.effect, WBL_EFFECT_NONE);
    char id[40];
    snprintf(id, sizeof id, "connection %lu", mysql_thread_id(f->looker));
    if (!strstr(f->session->failure.blocker, id))
        fail_msg("blocker: %s, not %s", f->session->failure.blocker, id);
    ask(f->looker, "ROLLBACK");
    assert_good(f, my_run(&f->cx, f->session, &p));
}

static void deadlock_may_be_tried_again(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE t (a INT PRIMARY KEY, b INT); INSERT INTO t VALUES (1, 1), (2, 2)");
    ask(f->looker, "BEGIN; UPDATE t SET b = 0; ROLLBACK; BEGIN");
    ask(f->looker, "UPDATE t SET b = 9 WHERE a = 2");
    wb_piece first = piece_of("UPDATE t SET b = 8 WHERE a = 1"), second = piece_of("UPDATE t SET b = 8 WHERE a = 2");
    assert_good(f, my_begin(&f->cx, f->session, &plain));
    assert_good(f, my_run(&f->cx, f->session, &first));
    /* The looker waits for our row, and we for his: the lighter one is rolled back, which may be either. */
    static const char theirs[] = "UPDATE t SET b = 9 WHERE a = 1";
    assert_int_equal(mysql_send_query(f->looker, theirs, strlen(theirs)), 0);
    usleep(300000);
    int rc = my_run(&f->cx, f->session, &second);
    bool was_theirs = mysql_read_query_result(f->looker) != 0;
    assert_true(rc == 0 ? was_theirs : rc == WBL_E_STATEMENT && f->err.is_retryable);
    assert_good(f, my_rollback(&f->cx, f->session));
    ask(f->looker, "ROLLBACK");
}

static void deadline_ends_a_statement(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE t (a INT)");
    f->cx.deadline_ms = wb_now_ms() + 300;
    int64_t start = wb_now_ms();
    int rc = run_alone(f, "INSERT INTO t SELECT 1 FROM (SELECT 1) one WHERE SLEEP(30)");
    f->cx.deadline_ms = 0;
    assert_int_equal(rc, WBL_E_TIMEOUT);
    assert_true(wb_now_ms() - start < 5000);
    assert_good(f, run_alone(f, "INSERT INTO t VALUES (1)")); /* no stray kill is left */
}

/* The second statement of a piece, which the library reads by itself. */
static void limit_holds_for_each_statement_of_a_piece(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE t (a INT)");
    wb_txn timed = plain;
    timed.statement_timeout_ms = 500;
    wb_piece p = piece_of("INSERT INTO t VALUES (1); INSERT INTO t SELECT 1 FROM (SELECT 1) one WHERE SLEEP(30)");
    int64_t start = wb_now_ms();
    assert_good(f, my_begin(&f->cx, f->session, &timed));
    assert_int_equal(my_run(&f->cx, f->session, &p), WBL_E_TIMEOUT);
    assert_int_equal(f->session->failure.statement, 2);
    assert_true(wb_now_ms() - start < 5000);
    assert_good(f, my_rollback(&f->cx, f->session));
    assert_string_equal(ask(f->looker, "SELECT COUNT(*) FROM t"), "0");
}

/* ---- messages ---- */

static void message_that_is_too_large_is_not_sent(void **state)
{
    fixture *f = *state;
    size_t len = my_of(f->session)->packet_max + 10;
    char *text = malloc(len + 1);
    memset(text, ' ', len);
    text[len] = 0;
    memcpy(text, "DO 1", 4);
    wb_piece p = alone(text);
    int rc = my_run(&f->cx, f->session, &p);
    free(text);
    assert_int_equal(rc, WBL_E_STATEMENT);
    assert_int_equal(f->err.effect, WBL_EFFECT_NONE);
    assert_non_null(strstr(f->err.message, "max_allowed_packet"));
    assert_false(f->session->failure.is_connection_lost);
    assert_int_equal(f->session->server.message_max, my_of(f->session)->packet_max);
    assert_good(f, run_alone(f, "DO 1"));
}

static void warnings_are_shown(void **state)
{
    fixture *f = *state;
    assert_good(f, run_alone(f, "DROP TABLE IF EXISTS no_such_table"));
    assert_int_equal(f->notices, 1);
    assert_non_null(strstr(f->notice, "NOTICE: "));
    assert_non_null(strstr(f->notice, "no_such_table"));
    wb_piece p = piece_of("SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'first'; DO 1");
    p.statement_first = 4;
    assert_good(f, my_begin(&f->cx, f->session, &plain));
    assert_good(f, my_run(&f->cx, f->session, &p));
    assert_string_equal(f->notice, "WARNING: statement 4 gave 1 warning");
    assert_good(f, my_rollback(&f->cx, f->session));
}

static void several_answers_of_a_routine_are_read(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END");
    assert_good(f, run_alone(f, "CALL p()"));
    assert_good(f, run_alone(f, "CREATE PROCEDURE q() BEGIN SELECT 1; SELECT ';'; END"));
    assert_good(f, run_alone(f, "CALL q()"));
}

static void names_and_text_are_utf8mb4(void **state)
{
    fixture *f = *state;
    assert_good(f, run_alone(f, "CREATE TABLE `Größe` (`t` VARCHAR(20)) CHARSET utf8mb4"));
    assert_good(f, run_alone(f, "INSERT INTO `Größe` VALUES ('\xF0\x9F\x90\xA6')"));
    assert_string_equal(ask(f->looker, "SELECT HEX(t) FROM `Größe`"), "F09F90A6");
}

/* ---- what a script changes ---- */

static void reset_brings_the_session_back(void **state)
{
    static const char *const leaks[] = { "SET SESSION sql_mode = ''",
                                         "SET autocommit = 0",
                                         "SET foreign_key_checks = 0",
                                         "SET NAMES latin1",
                                         "SET time_zone = '+05:00'",
                                         "USE information_schema",
                                         "SET SESSION group_concat_max_len = 7",
                                         "LOCK TABLES t READ",
                                         "SET SESSION lock_wait_timeout = 17" };
    static const char *const looks = "SELECT CONCAT_WS('|', @@sql_mode, @@autocommit, @@foreign_key_checks, "
                                     "@@character_set_client, @@character_set_results, @@collation_connection, "
                                     "@@time_zone, DATABASE(), @@group_concat_max_len)";
    fixture *f = *state;
    MYSQL *conn = my_of(f->session)->conn;
    ask(f->looker, "CREATE TABLE t (a INT)");
    char before[1000];
    snprintf(before, sizeof before, "%s", ask(conn, looks));
    for (size_t i = 0; i < WB_COUNT(leaks); i++) {
        assert_good(f, run_alone(f, leaks[i]));
        assert_good(f, my_reset(&f->cx, f->session));
        if (strcmp(ask(conn, looks), before) != 0)
            fail_msg("%s: %s, before %s", leaks[i], ask(conn, looks), before);
    }
    assert_good(f, run_alone(f, "INSERT INTO t VALUES (1)"));
}

static void unit_that_changes_the_session_is_reset(void **state)
{
    static const char *const looks = "SELECT CONCAT_WS('|', @@sql_mode, @@foreign_key_checks)";
    fixture *f = *state;
    MYSQL *conn = my_of(f->session)->conn;
    wb_txn txn = plain;
    wb_piece p = piece_of("SET SESSION sql_mode = '', foreign_key_checks = 0");
    wb_sync done;
    char before[1000];
    txn.may_leak = true;
    snprintf(before, sizeof before, "%s", ask(conn, looks));
    assert_good(f, my_begin(&f->cx, f->session, &txn));
    assert_good(f, my_run(&f->cx, f->session, &p));
    assert_good(f, my_commit(&f->cx, f->session));
    assert_good(f, my_reset(&f->cx, f->session));
    assert_good(f, my_sync(&f->cx, f->session, &done));
    assert_string_equal(ask(conn, looks), before);
}

/* A row of ours is durable at once, whatever the script made of autocommit; in its own transaction it shares its fate. */
static void row_outside_a_unit_joins_the_scripts_transaction_only(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE l (v INT PRIMARY KEY, n INT)");
    const wb_field set[] = { { "v", WB_INT(1) }, { "n", WB_INT(1) } }, to[] = { { "n", WB_INT(2) } };
    const wb_row_op insert = { .op = WB_OP_INSERT, .table = { .name = "l" }, .set = set, .set_count = 2 };
    const wb_row_op update = { .op = WB_OP_UPDATE,
                               .table = { .name = "l" },
                               .set = to,
                               .set_count = 1,
                               .where = set,
                               .where_count = 1,
                               .must_hit = true };
    assert_good(f, run_alone(f, "SET autocommit = 0"));
    assert_good(f, my_put(&f->cx, f->session, &insert));
    assert_string_equal(ask(f->looker, "SELECT COUNT(*) FROM l"), "1");
    assert_good(f, run_alone(f, "START TRANSACTION"));
    assert_good(f, my_put(&f->cx, f->session, &update));
    assert_good(f, my_put(&f->cx, f->session, &update)); /* found, and already so */
    assert_string_equal(ask(f->looker, "SELECT n FROM l"), "1");
    assert_good(f, run_alone(f, "ROLLBACK"));
    assert_string_equal(ask(f->looker, "SELECT n FROM l"), "1");
    assert_good(f, my_put(&f->cx, f->session, &update));
    assert_string_equal(ask(f->looker, "SELECT n FROM l"), "2");
}

/* Begin, rows and commit go out in one message; what is behind the row that is missing may not run. */
static void row_that_is_missed_stops_the_message(void **state)
{
    static const char *const modes[] = { "SET SESSION sql_mode = ''", "SET SESSION sql_mode = 'TRADITIONAL,ANSI'" };
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE l (v INT, n INT); INSERT INTO l VALUES (2, 0), (2, 0)");
    for (int i = 0; i < 4; i++) { /* no row fits, or two do */
        const wb_field set[] = { { "v", WB_INT(1) } }, where[] = { { "v", WB_INT(i < 2 ? 9 : 2) } };
        const wb_row_op insert = { .op = WB_OP_INSERT, .table = { .name = "l" }, .set = set, .set_count = 1, .tag = 4 };
        const wb_row_op update = { .op = WB_OP_UPDATE, .table = { .name = "l" }, .set = set, .set_count = 1,
                                   .where = where, .where_count = 1, .must_hit = true, .tag = 5 };
        wb_sync sync;
        assert_good(f, run_alone(f, modes[i % 2]));
        assert_good(f, my_begin(&f->cx, f->session, &plain));
        assert_good(f, my_put(&f->cx, f->session, &insert));
        assert_good(f, my_put(&f->cx, f->session, &update));
        assert_good(f, my_commit(&f->cx, f->session));
        assert_int_equal(my_sync(&f->cx, f->session, &sync), WBL_E_CONFLICT);
        assert_int_equal(sync.committed, 0);
        assert_int_equal(f->session->failure.stage, WB_STAGE_PUT);
        assert_int_equal(f->session->failure.put_tag, 5);
        assert_good(f, my_rollback(&f->cx, f->session));
        assert_int_equal(my_put(&f->cx, f->session, &update), WBL_E_CONFLICT);
        assert_string_equal(ask(f->looker, "SELECT SUM(v) FROM l"), "4");
    }
}

static void backslashes_are_written_as_the_session_reads_them(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE l (v INT, t VARCHAR(20))");
    static const char *const modes[] = { "SET SESSION sql_mode = ''",
                                         "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'" };
    for (int i = 0; i < 2; i++) {
        const wb_field set[] = { { "v", WB_INT(i) }, { "t", WB_TEXT("a\\'b\\n") } };
        const wb_row_op op = { .op = WB_OP_INSERT, .table = { .name = "l" }, .set = set, .set_count = 2 };
        assert_good(f, run_alone(f, modes[i]));
        assert_good(f, my_put(&f->cx, f->session, &op));
    }
    assert_string_equal(ask(f->looker, "SELECT COUNT(*) FROM l WHERE HEX(t) = '615C27625C6E'"), "2");
}

/* ---- what a transaction does not cover ---- */

static void script_that_ends_its_transaction_in_secret_is_caught(void **state)
{
    static const char *const ends[] = { "COMMIT",
                                        "ROLLBACK",
                                        "COMMIT; START TRANSACTION",
                                        "CREATE TABLE u (a INT)",
                                        "COMMIT; START TRANSACTION; SAVEPOINT wb_fuse",
                                        "START TRANSACTION",
                                        "CALL p()" };
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE l (v INT PRIMARY KEY); CREATE PROCEDURE p() COMMIT");
    const wb_field set[] = { { "v", WB_INT(1) } };
    const wb_row_op op = {
        .op = WB_OP_INSERT, .table = { .name = "l" }, .set = set, .set_count = 1, .check_fuse = true, .tag = 5
    };
    for (size_t i = 0; i < WB_COUNT(ends); i++) {
        wb_sync sync;
        wb_piece p = piece_of(ends[i]);
        assert_good(f, my_begin(&f->cx, f->session, &plain));
        assert_good(f, my_run(&f->cx, f->session, &p));
        assert_good(f, my_put(&f->cx, f->session, &op));
        assert_good(f, my_put(&f->cx, f->session, &op));
        assert_int_equal(my_sync(&f->cx, f->session, &sync), WBL_E_STATE);
        assert_int_equal(f->err.effect, WBL_EFFECT_UNKNOWN);
        assert_int_equal(f->session->failure.put_tag, 5);
        assert_good(f, my_rollback(&f->cx, f->session));
        assert_string_equal(ask(f->looker, "SELECT COUNT(*) FROM l"), "0");
    }
}

static const char *uncovered(fixture *f, const char *script)
{
    const char *out = NULL;
    assert_good(f, my_uncovered(&f->cx, f->session, script, strlen(script), &f->mem, &out));
    return out;
}

static void survey_again(fixture *f)
{
    wb_survey v = { 0 };
    assert_good(f, my_survey(&f->cx, f->session, &f->mem, &v));
}

static void tables_without_transactions_are_found(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE inno (a INT); CREATE TABLE log (a INT) ENGINE=MyISAM; CREATE TABLE audited (a INT)");
    assert_null(uncovered(f, "INSERT INTO inno VALUES (1); -- log\nINSERT INTO inno VALUES ('log')"));
    assert_non_null(strstr(uncovered(f, "INSERT INTO `log` VALUES (1)"), "MyISAM"));
    assert_non_null(uncovered(f, "INSERT INTO " DATABASE ".Log VALUES (1)"));
    ask(f->looker, "CREATE TRIGGER tr AFTER INSERT ON audited FOR EACH ROW INSERT INTO log VALUES (NEW.a)");
    ask(f->looker, "CREATE VIEW v AS SELECT a FROM audited");
    survey_again(f);
    assert_non_null(uncovered(f, "INSERT INTO audited VALUES (1)"));
    assert_non_null(uncovered(f, "INSERT INTO v VALUES (1)"));
    assert_null(uncovered(f, "UPDATE inno SET a = 1"));
}

static void tables_that_a_script_makes_without_transactions_count_at_once(void **state)
{
    fixture *f = *state;
    assert_null(uncovered(f, "INSERT INTO made VALUES (1)"));
    assert_null(uncovered(f, "CREATE TABLE fine (a INT) ENGINE=InnoDB; INSERT INTO fine VALUES (1)"));
    assert_non_null(strstr(uncovered(f, "CREATE TABLE IF NOT EXISTS " DATABASE ".`made` (a INT) ENGINE = 'myisam'"), "made"));
    assert_non_null(uncovered(f, "INSERT INTO made VALUES (1)"));
    assert_non_null(uncovered(f, "CREATE TABLE twin LIKE made"));
    assert_non_null(uncovered(f, "INSERT INTO twin VALUES (1)"));
    assert_non_null(uncovered(f, "ALTER TABLE turned ADD b INT, ENGINE MEMORY; INSERT INTO turned VALUES (1)"));
    assert_null(uncovered(f, "INSERT INTO fine VALUES ('engine=MyISAM')"));
    wb_piece p = piece_of("SET SESSION default_storage_engine = 'MyISAM'");
    assert_good(f, my_run(&f->cx, f->session, &p));
    assert_non_null(uncovered(f, "CREATE TABLE plain (a INT); INSERT INTO plain VALUES (1)"));
    assert_null(uncovered(f, "CREATE TABLE fine (a INT) ENGINE=InnoDB; INSERT INTO fine VALUES (1)"));
}

/* What the server said is kept for all scripts of a run, and for no longer. */
static void tables_without_transactions_of_other_schemas_are_found(void **state)
{
    fixture *f = *state;
    wb_piece p = piece_of("DO 1");
    char long_script[70000];
    ask(f->looker, "CREATE DATABASE wb_other; CREATE TABLE wb_other.elsewhere (a INT) ENGINE=MyISAM");
    assert_null(uncovered(f, "INSERT INTO elsewhere VALUES (1)"));
    assert_non_null(strstr(uncovered(f, "INSERT INTO WB_Other.elsewhere VALUES (1)"), "elsewhere"));
    assert_null(uncovered(f, "INSERT INTO elsewhere VALUES (1)"));
    snprintf(long_script, sizeof long_script, "INSERT INTO elsewhere VALUES (1)%*s", 66000, "");
    assert_non_null(uncovered(f, long_script));
    ask(f->looker, "CREATE TABLE later (a INT) ENGINE=MyISAM");
    assert_null(uncovered(f, "INSERT INTO later VALUES (1)"));
    assert_good(f, my_run(&f->cx, f->session, &p));
    assert_non_null(uncovered(f, "INSERT INTO later VALUES (1)"));
    ask(f->looker, "DROP DATABASE wb_other");
    survey_again(f);
    assert_null(uncovered(f, "INSERT INTO wb_other.elsewhere VALUES (1)"));
}

static void rollback_that_is_not_complete_says_so(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE log (a INT) ENGINE=MyISAM");
    wb_piece p = piece_of("INSERT INTO log VALUES (1)");
    assert_good(f, my_begin(&f->cx, f->session, &plain));
    assert_good(f, my_run(&f->cx, f->session, &p));
    assert_int_equal(my_rollback(&f->cx, f->session), WBL_E_STATE);
    assert_int_equal(f->err.effect, WBL_EFFECT_UNKNOWN);
}

/* ---- TLS ---- */

/* The test's MariaDB has no TLS, and its MySQL a certificate that it signed itself. */
static void tls_that_is_asked_for_is_there_or_the_connection_is_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *query;
        bool mysql, mariadb;
    } rows[] = { { "?tls=preferred", true, true }, { "?tls=skip-verify", true, false }, { "?tls=true", false, false } };
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        char tail[80], text[500];
        wb_url url;
        wb_session *s = NULL;
        snprintf(tail, sizeof tail, DATABASE "%s", rows[i].query);
        url_text(text, sizeof text, is_mariadb(f) ? "WHIMBREL_TEST_MARIADB_URL" : "WHIMBREL_TEST_MYSQL_URL", tail);
        assert_good(f, wb_url_parse(&f->cx, &f->mem, text, &url));
        int rc = my_open(&f->cx, &(wb_open_options){ .url = &url, .run_id = RUN_ID, .connect_timeout_ms = 5000 }, &s);
        assert_int_equal(rc, (is_mariadb(f) ? rows[i].mariadb : rows[i].mysql) ? 0 : WBL_E_CONNECT);
        if (rc != 0)
            assert_true(f->err.hint[0] && !f->err.is_retryable);
        else if (!is_mariadb(f))
            assert_non_null(mysql_get_ssl_cipher(my_of(s)->conn));
        my_close(s);
    }
}

/* ---- memory ---- */

/* What a run does; the first failure ends it. */
static int do_everything(fixture *f, wb_arena *mem)
{
    static const wb_column columns[] = {
        { .name = "v", .type = WB_TYPE_BIGINT, .not_null = true, .is_key = true },
        { .name = "t", .type = WB_TYPE_TIMESTAMPTZ, .default_text = "CURRENT_TIMESTAMP" }
    };
    const wb_table table = { .ref = { .name = "l" }, .columns = columns, .column_count = 2 };
    const wb_lock_key key = { .text = "memory" };
    const wb_field set[] = { { "v", WB_INT(1) } };
    const wb_row_op op = { .op = WB_OP_INSERT, .table = table.ref, .set = set, .set_count = 1, .check_fuse = true };
    const wb_row_op gone = { .op = WB_OP_DELETE, .table = table.ref, .where = set, .where_count = 1, .must_hit = true };
    wb_survey v = { .locks = &key, .lock_count = 1, .tables = &table.ref, .table_count = 1 };
    wb_piece p = piece_of("DO 1; DO 2");
    wb_statement st = { .cls = WB_STMT_DDL,
                        .action = WB_ACT_ALTER,
                        .object = "table",
                        .name = WB_STR("l"),
                        .text = WB_STR("ALTER TABLE l ADD COLUMN x INT") };
    wb_session *s = NULL;
    wb_open_options o = options_of(f);
    wb_sync sync;
    const char *text = NULL;
    wb_probe probe;
    wb_holder who;
    wb_object *objects;
    size_t count;
    int rc = my_open(&f->cx, &o, &s);
    if (rc == 0)
        rc = my_create(&f->cx, s, &table, 1);
    if (rc == 0)
        rc = my_survey(&f->cx, s, mem, &v);
    if (rc == 0 && (rc = my_holder(&f->cx, s, &key, 1, &who)) == WBL_NO_CHANGE)
        rc = 0;
    if (rc == 0)
        rc = my_begin(&f->cx, s, &plain);
    if (rc == 0)
        rc = my_run(&f->cx, s, &p);
    if (rc == 0)
        rc = my_put(&f->cx, s, &op);
    if (rc == 0)
        rc = my_commit(&f->cx, s);
    if (rc == 0)
        rc = my_sync(&f->cx, s, &sync);
    if (rc == 0)
        rc = my_put(&f->cx, s, &gone);
    if (rc == 0)
        rc = my_look(&f->cx, s, &st, mem, &text);
    if (rc == 0)
        rc = my_probe(&f->cx, s, &st, text, &probe);
    if (rc == 0)
        rc = my_foresee(&f->cx, s, &st, mem, &text);
    if (rc == 0)
        rc = my_uncovered(&f->cx, s, "DO 1", 4, mem, &text);
    if (rc == 0)
        rc = my_catalog(&f->cx, s, &(wb_catalog_options){ 0 }, mem, &objects, &count);
    if (rc == 0)
        rc = my_unlock(&f->cx, s, &key, 1);
    my_close(s);
    return rc;
}

static void every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    for (long k = 1;; k++) {
        long live = wb_alloc_live();
        wb_arena mem = { 0 };
        ask(f->looker, "DROP TABLE IF EXISTS l");
        wb_alloc_fail_at(k);
        int rc = do_everything(f, &mem);
        bool is_over = wb_alloc_fail_at(0) < k;
        wb_arena_done(&mem);
        assert_int_equal(wb_alloc_live(), live);
        if (is_over) {
            assert_good(f, rc);
            return;
        }
        if (rc != 0 && rc != WBL_E_NOMEM) /* 0: an allocation whose loss only costs a nicety */
            fail_msg("allocation %ld: %d %s", k, rc, f->err.message);
    }
}

/* ---- the caller's connection ---- */

static void attached_connection_is_given_back_as_it_was(void **state)
{
    fixture *f = *state;
    static const char *const looks = "SELECT CONCAT_WS('|', @@character_set_client, @@character_set_results, "
                                     "@@collation_connection, @@autocommit, @@lock_wait_timeout)";
    char before[300];
    ask(f->looker, "CREATE TABLE t (a VARCHAR(20)); SET NAMES latin1; SET autocommit = 0");
    snprintf(before, sizeof before, "%s", ask(f->looker, looks));
    ask(f->looker, "COMMIT");
    wb_session *s = NULL;
    wb_open_options o = { .application = "x", .run_id = OTHER_RUN_ID };
    assert_good(f, my_attach(&f->cx, f->looker, &o, &s));
    wb_txn timed = plain;
    timed.lock_timeout_ms = 2000;
    wb_piece p = piece_of("INSERT INTO t VALUES ('\xC3\xA4')");
    assert_good(f, my_begin(&f->cx, s, &timed));
    assert_good(f, my_run(&f->cx, s, &p));
    assert_int_equal(my_attach(&f->cx, f->looker, &o, &s), WBL_E_INVALID); /* it is in a transaction */
    assert_int_equal(my_reopen(&f->cx, s), WBL_E_CONNECT);
    my_close(s);
    assert_string_equal(ask(f->looker, looks), before);
    ask(f->looker, "SET NAMES utf8mb4; COMMIT; SET autocommit = 1");
    assert_string_equal(ask(f->looker, "SELECT COUNT(*) FROM t"), "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(killed_connection_is_noticed_and_opened_anew),
        TEST(lost_answer_is_unknown_only_where_it_may_be),
        TEST(own_fence_tells_a_dead_session_of_this_run),
        TEST(several_locks_are_taken_all_or_none),
        TEST(lock_that_a_script_gave_up_is_taken_again),
        TEST(wait_for_a_row_ends_and_names_the_blocker),
        TEST(wait_for_a_table_ends_and_names_the_blocker),
        TEST(deadlock_may_be_tried_again),
        TEST(deadline_ends_a_statement),
        TEST(limit_holds_for_each_statement_of_a_piece),
        TEST(message_that_is_too_large_is_not_sent),
        TEST(warnings_are_shown),
        TEST(several_answers_of_a_routine_are_read),
        TEST(names_and_text_are_utf8mb4),
        TEST(reset_brings_the_session_back),
        TEST(unit_that_changes_the_session_is_reset),
        TEST(row_outside_a_unit_joins_the_scripts_transaction_only),
        TEST(row_that_is_missed_stops_the_message),
        TEST(backslashes_are_written_as_the_session_reads_them),
        TEST(script_that_ends_its_transaction_in_secret_is_caught),
        TEST(tables_without_transactions_are_found),
        TEST(tables_without_transactions_of_other_schemas_are_found),
        TEST(tables_that_a_script_makes_without_transactions_count_at_once),
        TEST(rollback_that_is_not_complete_says_so),
        TEST(tls_that_is_asked_for_is_there_or_the_connection_is_refused),
        TEST(every_allocation_may_fail),
        TEST(attached_connection_is_given_back_as_it_was),
    };
    return run_group("mysql/session", tests, WB_COUNT(tests));
}
