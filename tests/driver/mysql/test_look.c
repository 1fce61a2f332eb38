/*
 * test_look.c - did an interrupted statement take effect? Each kind of statement: looked at before, not run (killed
 * before it arrived), and run (its answer lost); statements that run while we look; those that were killed half way.
 */
#define DATABASE "wb_test_look"
#include "mytest.h"

#include <pthread.h>
#include <sys/socket.h>

static wb_probe probe_of(fixture *f, const wb_statement *st, const char *looked)
{
    wb_probe p;
    assert_good(f, my_probe(&f->cx, f->session, st, looked, &p));
    return p;
}

static const char *look_at(fixture *f, const wb_statement *st)
{
    const char *looked = NULL;
    assert_good(f, my_look(&f->cx, f->session, st, &f->mem, &looked));
    assert_non_null(looked);
    return looked;
}

typedef struct kind_row {
    const char *before, *sql;
} kind_row;

static const kind_row kind_rows[] = {
    { "", "CREATE TABLE a (id INT)" },
    { "", "CREATE TABLE IF NOT EXISTS " DATABASE ".`a b` (id INT)" },
    { "CREATE TABLE a (id INT)", "CREATE TABLE b LIKE a" },
    { "CREATE TABLE a (id INT PRIMARY KEY)", "CREATE TABLE b AS SELECT * FROM a" },
    { "CREATE TABLE a (id INT)", "DROP TABLE a" },
    { "CREATE TABLE a (id INT); CREATE TABLE b (id INT); CREATE TABLE c (id INT)",
      "DROP TABLE IF EXISTS a, b, `c` CASCADE" },
    { "CREATE TABLE a (id INT)", "RENAME TABLE a TO b" },
    { "CREATE TABLE a (id INT); CREATE TABLE b (id INT)", "RENAME TABLE a TO x, b TO a, x TO b" },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a RENAME TO b" },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a RENAME b" },
    { "CREATE TABLE a (id INT)",
      "ALTER TABLE a ADD COLUMN n INT, ADD COLUMN m VARCHAR(20) NOT NULL DEFAULT 'x', ADD INDEX i (n)" },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a ADD (n INT, m INT)" },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a ADD n INT, RENAME b" },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a ADD INDEX USING BTREE (id), ADD UNIQUE KEY `u``1` (id)" },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a ADD CONSTRAINT pk PRIMARY KEY (id)" },
    { "CREATE TABLE a (id INT, n INT)", "ALTER TABLE a DROP COLUMN n" },
    { "CREATE TABLE a (id INT, n INT)", "ALTER TABLE a DROP n, ADD n BIGINT" },
    { "CREATE TABLE a (id INT, n INT)", "ALTER TABLE a MODIFY n BIGINT NOT NULL" },
    { "CREATE TABLE a (id INT, n INT)", "ALTER TABLE a CHANGE n m INT" },
    { "CREATE TABLE a (id INT, n INT)", "ALTER TABLE a RENAME COLUMN n TO m" },
    { "CREATE TABLE a (id INT, n INT)", "ALTER TABLE a ALTER COLUMN n SET DEFAULT 5" },
    { "CREATE TABLE a (id INT, n INT)", "ALTER TABLE a ADD CONSTRAINT c CHECK (n > 0)" },
    { "CREATE TABLE a (id INT, n INT)", "ALTER TABLE a ADD CONSTRAINT u UNIQUE (n), COMMENT = 'hm, (x)'" },
    { "CREATE TABLE a (id INT, KEY i (id))", "ALTER TABLE a RENAME INDEX i TO j" },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a ADD PRIMARY KEY (id)" },
    { "CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (id INT, a_id INT)",
      "ALTER TABLE b ADD CONSTRAINT fk FOREIGN KEY (a_id) REFERENCES a (id)" },
    { "CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (id INT, a_id INT, KEY k (a_id))",
      "ALTER TABLE b ADD FOREIGN KEY i (a_id) REFERENCES a (id)" },
    { "CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (id INT, a_id INT, CONSTRAINT fk FOREIGN KEY (a_id) "
      "REFERENCES a (id))",
      "ALTER TABLE b DROP FOREIGN KEY fk" },
    { "CREATE TABLE a (id INT) CHARSET latin1", "ALTER TABLE a CONVERT TO CHARACTER SET utf8mb4" },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a ENGINE = InnoDB" },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a FORCE" },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a ENGINE = MyISAM" },
    { "CREATE TABLE a (id INT AUTO_INCREMENT PRIMARY KEY)", "ALTER TABLE a AUTO_INCREMENT = 1000" },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10))" },
    { "CREATE TABLE a (id INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10))",
      "ALTER TABLE a ADD PARTITION (PARTITION p1 VALUES LESS THAN (20))" },
    { "CREATE TABLE a (id INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10)); INSERT INTO a VALUES (1)",
      "ALTER TABLE a TRUNCATE PARTITION p0" },
    { "CREATE TABLE a (id INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10)); CREATE TABLE b (id INT)",
      "ALTER TABLE a EXCHANGE PARTITION p0 WITH TABLE b" },
    { "CREATE TABLE a (id INT)", "CREATE UNIQUE INDEX i ON a (id)" },
    { "CREATE TABLE a (id INT, t TEXT)", "CREATE FULLTEXT INDEX i ON a (t)" },
    { "CREATE TABLE a (id INT, KEY i (id))", "DROP INDEX `i` ON a" },
    { "CREATE TABLE a (id INT); INSERT INTO a VALUES (1)", "TRUNCATE TABLE a" },
    { "CREATE TABLE a (id INT)", "TRUNCATE a" },
    { "CREATE TABLE a (id INT)", "CREATE VIEW v AS SELECT id FROM a" },
    { "CREATE TABLE a (id INT); CREATE VIEW v AS SELECT id FROM a",
      "CREATE OR REPLACE ALGORITHM = MERGE DEFINER = CURRENT_USER SQL SECURITY INVOKER VIEW v AS SELECT id + 1 AS id "
      "FROM a" },
    { "CREATE TABLE a (id INT); CREATE VIEW v AS SELECT id FROM a", "ALTER VIEW v AS SELECT 2 AS two" },
    { "CREATE TABLE a (id INT); CREATE VIEW v AS SELECT id FROM a; CREATE VIEW w AS SELECT 1 AS one",
      "DROP VIEW v, w" },
    { "CREATE TABLE a (id INT)", "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.id = 1" },
    { "CREATE TABLE a (id INT); CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.id = 1", "DROP TRIGGER t" },
    { "", "CREATE PROCEDURE p() SELECT 1" },
    { "CREATE PROCEDURE p() SELECT 1", "ALTER PROCEDURE p COMMENT 'x'" },
    { "CREATE PROCEDURE p() SELECT 1", "DROP PROCEDURE IF EXISTS p" },
    { "", "CREATE DEFINER = `root`@`localhost` FUNCTION fn() RETURNS INT DETERMINISTIC RETURN 1" },
    { "CREATE FUNCTION fn() RETURNS INT DETERMINISTIC RETURN 1", "DROP FUNCTION fn" },
    { "", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1" },
    { "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1", "ALTER EVENT e RENAME TO e2" },
    { "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1", "ALTER EVENT e COMMENT 'x'" },
    { "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1", "DROP EVENT e" },
    { "", "CREATE DATABASE " DATABASE "_b" },
    { "CREATE DATABASE " DATABASE "_b CHARACTER SET latin1", "ALTER DATABASE " DATABASE "_b CHARACTER SET utf8mb4" },
    { "CREATE DATABASE " DATABASE "_b", "DROP SCHEMA " DATABASE "_b" },
    { "", "CREATE USER 'wb_look'@'localhost' IDENTIFIED BY 'x'" },
    { "CREATE USER 'wb_look'@'localhost'", "DROP USER 'wb_look'@'localhost'" },
    { "CREATE USER 'wb_look'@'localhost'", "RENAME USER 'wb_look'@'localhost' TO 'wb_look2'@'localhost'" },
};

static const kind_row mariadb_rows[] = {
    { "", "CREATE SEQUENCE sq START WITH 5" },
    { "CREATE SEQUENCE sq", "ALTER SEQUENCE sq INCREMENT 5" },
    { "CREATE SEQUENCE sq", "DROP SEQUENCE sq" },
    { "CREATE TABLE a (id INT)", "CREATE OR REPLACE TABLE a (id BIGINT)" },
    { "CREATE TABLE a (id INT)", "CREATE OR REPLACE TABLE a (id INT)" },
};

static const char *clean_up =
    "DROP DATABASE " DATABASE "; CREATE DATABASE " DATABASE " CHARACTER SET utf8mb4; USE " DATABASE
    "; DROP DATABASE IF EXISTS " DATABASE "_b; DROP USER IF EXISTS 'wb_look'@'localhost', 'wb_look2'@'localhost'";

/* Before and after the loss of a connection, on a fresh one. */
static void try_kind(fixture *f, const kind_row *k)
{
    assert_string_not_equal(ask(f->looker, clean_up), "ERROR");
    if (*k->before && strcmp(ask(f->looker, k->before), "ERROR") == 0)
        fail_msg("%s", k->before);
    wb_statement st = statement_of(k->sql);
    assert_good(f, my_reopen(&f->cx, f->session));
    const char *looked = look_at(f, &st);
    assert_good(f, my_reopen(&f->cx, f->session));
    wb_probe untouched = probe_of(f, &st, looked);
    assert_string_not_equal(ask(f->looker, k->sql), "ERROR");
    wb_probe done = probe_of(f, &st, looked);
    /* CREATE OR REPLACE VIEW is simply run again. */
    if (untouched != WB_PROBE_ABSENT || done != (st.is_repeatable ? WB_PROBE_ABSENT : WB_PROBE_PRESENT))
        fail_msg("%s: not run %d, run %d, note %s", k->sql, untouched, done, looked);
}

static void each_kind_is_told_whether_it_ran(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < WB_COUNT(kind_rows); i++)
        try_kind(f, &kind_rows[i]);
    for (size_t i = 0; is_mariadb(f) && i < WB_COUNT(mariadb_rows); i++)
        try_kind(f, &mariadb_rows[i]);
    ask(f->looker, clean_up);
}

static const struct harmless_row {
    const char *before, *sql;
    wb_probe want;
} harmless_rows[] = {
    { "CREATE TABLE a (id INT)", "CREATE TABLE IF NOT EXISTS a (id BIGINT)", WB_PROBE_PRESENT },
    { "", "DROP TABLE IF EXISTS a", WB_PROBE_ABSENT },
    { "CREATE TABLE a (id INT)", "CREATE OR REPLACE VIEW v AS SELECT 1 AS one", WB_PROBE_ABSENT },
    { "CREATE TABLE a (id INT, n INT)", "ALTER TABLE a MODIFY n INT", WB_PROBE_ABSENT },
    { "CREATE TABLE a (id INT)", "ALTER TABLE a COMMENT = ''", WB_PROBE_ABSENT },
    { "CREATE TABLE a (id INT)", "INSERT INTO a VALUES (1)", WB_PROBE_CANNOT_TELL },
    { "CREATE PROCEDURE p() SELECT 1", "CALL p()", WB_PROBE_CANNOT_TELL },
    { "CREATE TABLE a (id INT)", "OPTIMIZE TABLE a", WB_PROBE_ABSENT },
    { "CREATE TABLE a (id INT)", "ANALYZE TABLE a", WB_PROBE_ABSENT },
    { "", "CREATE TEMPORARY TABLE a (id INT)", WB_PROBE_ABSENT },
};

static void what_can_run_twice_is_run_again_and_data_cannot_be_told(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < WB_COUNT(harmless_rows); i++) {
        const struct harmless_row *k = &harmless_rows[i];
        assert_string_not_equal(ask(f->looker, clean_up), "ERROR");
        if (*k->before)
            assert_string_not_equal(ask(f->looker, k->before), "ERROR");
        wb_statement st = statement_of(k->sql);
        assert_good(f, my_reopen(&f->cx, f->session));
        const char *looked = look_at(f, &st);
        wb_probe p = probe_of(f, &st, looked);
        if (p != k->want)
            fail_msg("%s: %d, note %s", k->sql, p, looked);
    }
}

/* Somebody else changed the table in between: that is not our statement. */
static void change_of_another_is_not_taken_for_ours(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE a (id INT, n INT)");
    wb_statement add = statement_of("ALTER TABLE a ADD COLUMN m INT");
    const char *looked = look_at(f, &add);
    ask(f->looker, "ALTER TABLE a ADD COLUMN other INT");
    assert_int_equal(probe_of(f, &add, looked), WB_PROBE_CANNOT_TELL);
    wb_statement index = statement_of("CREATE INDEX i ON a (n)");
    looked = look_at(f, &index);
    ask(f->looker, "ALTER TABLE a ADD COLUMN third INT");
    assert_int_equal(probe_of(f, &index, looked), WB_PROBE_CANNOT_TELL);
}

static void without_a_note_presence_proves_nothing(void **state)
{
    fixture *f = *state;
    wb_statement st = statement_of("CREATE TABLE a (id INT)"), alter = statement_of("ALTER TABLE a ADD n INT");
    assert_int_equal(probe_of(f, &st, NULL), WB_PROBE_ABSENT);
    ask(f->looker, st.text.p);
    assert_int_equal(probe_of(f, &st, ""), WB_PROBE_CANNOT_TELL);
    assert_int_equal(probe_of(f, &alter, "another tool's note"), WB_PROBE_CANNOT_TELL);
}

static void note_of_another_version_is_not_trusted(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE a (id INT)");
    wb_statement st = statement_of("ALTER TABLE a ADD n INT");
    const char *looked = look_at(f, &st);
    char other[300];
    snprintf(other, sizeof other, "my1 80000%s", strchr(strchr(looked, ' ') + 1, ' '));
    assert_int_equal(probe_of(f, &st, looked), WB_PROBE_ABSENT);
    assert_int_equal(probe_of(f, &st, other), WB_PROBE_CANNOT_TELL);
}

static void half_a_drop_is_finished(void **state)
{
    fixture *f = *state;
    ask(f->looker, "CREATE TABLE a (id INT); CREATE TABLE b (id INT); CREATE TABLE c (id INT)");
    wb_statement st = statement_of("DROP TABLE a, b, c");
    const char *looked = look_at(f, &st);
    ask(f->looker, "DROP TABLE a");
    assert_int_equal(probe_of(f, &st, looked), WB_PROBE_INVALID);
    assert_good(f, my_clean(&f->cx, f->session, &st));
    assert_int_equal(probe_of(f, &st, looked), WB_PROBE_PRESENT);
}

static void restart_of_a_sequence_shows_nowhere(void **state)
{
    fixture *f = *state;
    if (!is_mariadb(f))
        return;
    ask(f->looker, "CREATE SEQUENCE sq");
    wb_statement st = statement_of("ALTER SEQUENCE sq RESTART 50");
    assert_int_equal(probe_of(f, &st, look_at(f, &st)), WB_PROBE_CANNOT_TELL);
}

/* ---- without memory ---- */

/* What is known with memory, or that there was none: nothing else. */
static bool is_known_without_memory(fixture *f, const wb_statement *st, const char *looked, long n)
{
    WB_AUTOARENA wb_arena mem = { 0 };
    const char *now = NULL, *said = NULL, *expected = NULL;
    wb_probe p = WB_PROBE_BUILDING, wanted = probe_of(f, st, looked);
    assert_good(f, my_foresee(&f->cx, f->session, st, &f->mem, &expected));
    wb_alloc_fail_at(n);
    int rc = my_probe(&f->cx, f->session, st, looked, &p);
    if (rc == 0)
        rc = my_look(&f->cx, f->session, st, &mem, &now);
    if (rc == 0)
        rc = my_foresee(&f->cx, f->session, st, &mem, &said);
    long made = wb_alloc_fail_at(0);
    if (rc != 0) {
        assert_int_equal(rc, WBL_E_NOMEM);
        return true;
    }
    assert_int_equal(p, wanted);
    assert_string_equal(now, look_at(f, st));
    assert_string_equal(said ? said : "", expected ? expected : "");
    return made >= n;
}

static void lack_of_memory_is_no_answer(void **state)
{
    static const kind_row rows[] = {
        { "CREATE TABLE a (id INT, n VARCHAR(20))",
          "ALTER TABLE a DROP n, ADD n VARCHAR(30) COLLATE utf8mb4_bin, ENGINE = InnoDB" },
        { "CREATE TABLE a (id INT, n INT)", "ALTER TABLE a CHANGE n `m` BIGINT, RENAME TO b" },
        { "CREATE TABLE a (id INT)", "CREATE INDEX i ON " DATABASE ".a (id)" },
        { "CREATE TABLE a (id INT); CREATE TABLE b (id INT)", "DROP TABLE a, b" },
        { "CREATE TABLE a (id INT)", "RENAME TABLE a TO b" },
    };
    fixture *f = *state;
    for (size_t i = 0; i < WB_COUNT(rows); i++)
        for (int has_run = 0; has_run < 2; has_run++) {
            assert_string_not_equal(ask(f->looker, clean_up), "ERROR");
            assert_string_not_equal(ask(f->looker, rows[i].before), "ERROR");
            wb_statement st = statement_of(rows[i].sql);
            const char *looked = look_at(f, &st);
            if (has_run)
                assert_string_not_equal(ask(f->looker, rows[i].sql), "ERROR");
            long n = 1;
            while (is_known_without_memory(f, &st, looked, n))
                n++;
            assert_true(n > 10);
        }
}

/* ---- statements that run ---- */

typedef struct runner {
    fixture *f;
    const char *sql;
    int rc;
} runner;

static void *run_beside(void *user)
{
    runner *r = user;
    wb_piece p = alone(r->sql);
    r->rc = my_run(&r->f->cx, r->f->session, &p);
    return NULL;
}

static const char slow_alter[] = "ALTER TABLE a ADD COLUMN n INT, FORCE, ALGORITHM=COPY";

static void fill(fixture *f)
{
    ask(f->looker, "CREATE TABLE a (id INT AUTO_INCREMENT PRIMARY KEY, t VARCHAR(200))");
    ask(f->looker, "INSERT INTO a (t) SELECT REPEAT('x', 200) FROM information_schema.columns x, "
                   "(SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) y LIMIT 6000");
    for (int i = 0; i < 6; i++)
        ask(f->looker, "INSERT INTO a (t) SELECT t FROM a LIMIT 200000");
}

static bool await_state(fixture *f, unsigned long id, const char *state, bool wanted)
{
    char sql[300];
    snprintf(sql, sizeof sql,
             "SELECT COUNT(*) FROM information_schema.processlist WHERE id = %lu AND command <> 'Sleep' AND info LIKE "
             "'%s%%'",
             id, state);
    for (int i = 0; i < 600; i++) {
        if ((strcmp(ask(f->looker, sql), "1") == 0) == wanted)
            return true;
        usleep(5000);
    }
    return false;
}

static wb_session *second_session(fixture *f)
{
    wb_session *s = NULL;
    wb_open_options o = options_of(f);
    o.run_id = OTHER_RUN_ID;
    assert_good(f, my_open(&f->cx, &o, &s));
    return s;
}

/* The client dies; the server goes on for a while, and then it is done or it is not. */
static void statement_without_its_client_is_awaited(void **state)
{
    fixture *f = *state;
    fill(f);
    wb_statement st = statement_of(slow_alter);
    unsigned long id = mysql_thread_id(my_of(f->session)->conn);
    const char *looked = look_at(f, &st);
    wb_session *other = second_session(f);
    MYSQL *conn = my_of(f->session)->conn;
    assert_int_equal(mysql_send_query(conn, slow_alter, strlen(slow_alter)), 0);
    bool was_seen = await_state(f, id, "ALTER TABLE a", true);
    wb_probe p;
    assert_good(f, my_probe(&f->cx, other, &st, looked, &p));
    if (was_seen)
        assert_int_equal(p, WB_PROBE_BUILDING);
    (void)shutdown((int)mysql_get_socket(conn), 2); /* nobody listens any more */
    for (int i = 0; i < 1000 && p == WB_PROBE_BUILDING; i++) {
        usleep(20000);
        assert_good(f, my_probe(&f->cx, other, &st, looked, &p));
    }
    assert_true(p == WB_PROBE_PRESENT || p == WB_PROBE_ABSENT);
    const char *there = ask(f->looker, "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = '" DATABASE
                                       "' AND table_name = 'a' AND column_name = 'n'");
    assert_string_equal(there, p == WB_PROBE_PRESENT ? "1" : "0");
    my_close(other);
}

static void statement_that_is_killed_half_way_leaves_nothing(void **state)
{
    fixture *f = *state;
    fill(f);
    wb_statement st = statement_of(slow_alter);
    const char *looked = look_at(f, &st);
    unsigned long id = mysql_thread_id(my_of(f->session)->conn);
    for (int kind = 0; kind < 2; kind++) {
        runner r = { f, slow_alter, 0 };
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, run_beside, &r), 0);
        bool was_seen = await_state(f, id, "ALTER TABLE a", true);
        char kill[60];
        snprintf(kill, sizeof kill, "KILL %s %lu", kind ? "CONNECTION" : "QUERY", id);
        ask(f->looker, kill);
        pthread_join(thread, NULL);
        assert_true(was_seen);
        assert_int_not_equal(r.rc, 0);
        if (kind) {
            assert_true(f->session->failure.is_connection_lost);
            assert_good(f, my_reopen(&f->cx, f->session));
        } else {
            assert_int_equal(r.rc, WBL_E_STATEMENT);
            assert_false(f->session->failure.is_connection_lost);
        }
        wb_probe p = WB_PROBE_BUILDING;
        for (int i = 0; i < 500 && p == WB_PROBE_BUILDING; i++, usleep(20000))
            p = probe_of(f, &st, looked);
        assert_int_equal(p, WB_PROBE_ABSENT);
        id = mysql_thread_id(my_of(f->session)->conn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_kind_is_told_whether_it_ran),        TEST(what_can_run_twice_is_run_again_and_data_cannot_be_told),
        TEST(change_of_another_is_not_taken_for_ours), TEST(without_a_note_presence_proves_nothing),
        TEST(note_of_another_version_is_not_trusted),  TEST(half_a_drop_is_finished),
        TEST(restart_of_a_sequence_shows_nowhere),     TEST(lack_of_memory_is_no_answer),
        TEST(statement_without_its_client_is_awaited), TEST(statement_that_is_killed_half_way_leaves_nothing),
    };
    return run_group("mysql/look", tests, WB_COUNT(tests));
}
