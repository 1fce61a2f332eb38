/*
 * test_look.c - looking at the catalog after a statement whose end nobody saw.
 *
 * Each row: what is there, the statement, what happens between look() and probe(), and the verdict. The statements are
 * classified by the real splitter, because the driver depends on what it says.
 */
#define SCHEMA "wb_test_look"
#include "pgtest.h"

#include "sql/sql.h"

#include <pthread.h>
#include <unistd.h>

static int keep_statement(void *user, const wb_statement *st)
{
    *(wb_statement *)user = *st;
    return 0;
}

static wb_statement statement_of(fixture *f, const char *sql)
{
    wb_sql_options o = { .dialect = WB_SQL_POSTGRES, .server_version = f->session->server.version };
    wb_statement st = { 0 };
    assert_good(f, wb_split(&f->cx, &o, sql, strlen(sql), true, keep_statement, &st));
    return st;
}

static wb_probe probe_of(fixture *f, const char *sql, const char *looked)
{
    wb_statement st = statement_of(f, sql);
    wb_probe out = WB_PROBE_CANNOT_TELL;
    assert_good(f, pg_probe(&f->cx, f->session, &st, looked, &out));
    return out;
}

#define IT "\1" /* happens: the statement itself */

static const struct look_row {
    const char *before, *sql, *happens;
    wb_probe probe;
    int version; /* at least */
} rows[] = {
    { "", "CREATE TABLE t (i int)", "", WB_PROBE_ABSENT, 0 },
    { "", "CREATE TABLE t (i int)", IT, WB_PROBE_PRESENT, 0 },
    { "CREATE TABLE t (i int)", "CREATE TABLE t (j int)", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE t (i int)", "CREATE TABLE IF NOT EXISTS t (j int)", "", WB_PROBE_PRESENT, 0 },
    { "", "CREATE TABLE \"T x\" (i int)", IT, WB_PROBE_PRESENT, 0 },
    { "", "CREATE TABLE WB_Test_Look.T (i int)", IT, WB_PROBE_PRESENT, 0 },
    { "CREATE TABLE t (i int)", "DROP TABLE t", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE t (i int)", "DROP TABLE t", IT, WB_PROBE_PRESENT, 0 },
    { "", "DROP TABLE t", "", WB_PROBE_ABSENT, 0 },
    { "", "DROP TABLE IF EXISTS t", "", WB_PROBE_PRESENT, 0 },
    { "CREATE TABLE t (i int)", "ALTER TABLE t ADD COLUMN j int", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE t (i int)", "ALTER TABLE t ADD COLUMN j int", IT, WB_PROBE_CANNOT_TELL, 0 },
    { "CREATE TABLE t (i int)", "ALTER TABLE t ALTER i SET DEFAULT 1", IT, WB_PROBE_CANNOT_TELL, 0 },
    { "CREATE TABLE t (i int)", "ALTER TABLE t RENAME TO u", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE t (i int)", "ALTER TABLE t RENAME TO u", IT, WB_PROBE_PRESENT, 0 },
    { "CREATE TABLE t (i int)", "ALTER TABLE t RENAME i TO j", IT, WB_PROBE_CANNOT_TELL, 0 },
    { "CREATE TABLE t (i int)", "TRUNCATE t", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE t (i int)", "TRUNCATE t", IT, WB_PROBE_CANNOT_TELL, 0 },
    { "", "CREATE VIEW v AS SELECT 1 AS x", IT, WB_PROBE_PRESENT, 0 },
    { "", "CREATE MATERIALIZED VIEW v AS SELECT 1 AS x", IT, WB_PROBE_PRESENT, 0 },
    { "", "CREATE SEQUENCE s", IT, WB_PROBE_PRESENT, 0 },
    { "", "CREATE FUNCTION g(int) RETURNS int LANGUAGE sql AS 'SELECT 1'", IT, WB_PROBE_PRESENT, 0 },
    { "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "CREATE FUNCTION g(int) RETURNS int LANGUAGE sql AS 'SELECT 1'", IT, WB_PROBE_PRESENT, 0 },
    { "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "CREATE OR REPLACE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 2'", IT, WB_PROBE_ABSENT, 0 },
    { "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION g()", IT, WB_PROBE_PRESENT, 0 },
    { "", "CREATE TYPE mood AS ENUM ('a', 'b')", IT, WB_PROBE_PRESENT, 0 },
    { "CREATE TYPE mood AS ENUM ('a', 'b')", "ALTER TYPE mood ADD VALUE 'it''s; c'", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TYPE mood AS ENUM ('a', 'b')", "ALTER TYPE mood ADD VALUE 'it''s; c'", IT, WB_PROBE_PRESENT, 0 },
    { "CREATE TYPE mood AS ENUM ('a', 'b')", "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'b'", "", WB_PROBE_ABSENT,
      0 }, /* may run again */
    { "CREATE TABLE t (i int); CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
      "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()", IT, WB_PROBE_PRESENT, 0 },
    { "", "CREATE SCHEMA wb_test_look_other", IT, WB_PROBE_PRESENT, 0 },
    { "CREATE TABLE t (i int)", "INSERT INTO t VALUES (1)", IT, WB_PROBE_CANNOT_TELL, 0 },
    { "CREATE TABLE t (i int)", "VACUUM t", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE t (i int)", "ANALYZE", "", WB_PROBE_ABSENT, 0 },
    { "", "DO $$ BEGIN END $$", IT, WB_PROBE_CANNOT_TELL, 0 },
    { "", "CREATE DATABASE wb_never_made", "", WB_PROBE_ABSENT, 0 },

    { "CREATE TABLE t (i int)", "CREATE INDEX CONCURRENTLY ti ON t (i)", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE t (i int)", "CREATE INDEX CONCURRENTLY ti ON t (i)", IT, WB_PROBE_PRESENT, 0 },
    { "CREATE TABLE t (i int)", "CREATE INDEX CONCURRENTLY ON t (i)", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE t (i int)", "CREATE INDEX CONCURRENTLY ON t (i)", IT, WB_PROBE_PRESENT, 0 },
    { "CREATE TABLE t (i int); CREATE INDEX ON t (i)", "CREATE INDEX CONCURRENTLY ON t (i)", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE t (i int); CREATE INDEX ti ON t (i)", "CREATE INDEX CONCURRENTLY ti ON t (i)", "", WB_PROBE_ABSENT,
      0 },
    { "CREATE TABLE t (i int); CREATE INDEX ti ON t (i)", "CREATE INDEX CONCURRENTLY IF NOT EXISTS ti ON t (i)", "",
      WB_PROBE_PRESENT, 0 },
    { "CREATE TABLE t (i int); CREATE TABLE u (i int); CREATE INDEX ti ON u (i)", "CREATE INDEX ti ON t (i)", "",
      WB_PROBE_ABSENT, 0 },
    { "", "CREATE INDEX CONCURRENTLY ti ON nowhere (i)", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE t (i int); INSERT INTO t VALUES (1), (1)", "CREATE UNIQUE INDEX CONCURRENTLY ti ON t (i)", IT,
      WB_PROBE_INVALID, 0 },
    { "CREATE TABLE t (i int); INSERT INTO t VALUES (1), (1)", "CREATE UNIQUE INDEX CONCURRENTLY ON t (i)", IT,
      WB_PROBE_INVALID, 0 },
    { "CREATE TABLE t (i int); CREATE INDEX ti ON t (i)", "DROP INDEX CONCURRENTLY ti", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE t (i int); CREATE INDEX ti ON t (i)", "DROP INDEX CONCURRENTLY ti", IT, WB_PROBE_PRESENT, 0 },
    { "CREATE TABLE t (i int); CREATE INDEX ti ON t (i)", "REINDEX TABLE CONCURRENTLY t", "", WB_PROBE_ABSENT, 120000 },
    { "CREATE TABLE p (i int) PARTITION BY LIST (i); CREATE TABLE c PARTITION OF p FOR VALUES IN (1)",
      "ALTER TABLE p /* x */ DETACH PARTITION \"c\" CONCURRENTLY", "", WB_PROBE_ABSENT, 140000 },
    { "CREATE TABLE p (i int) PARTITION BY LIST (i); CREATE TABLE c PARTITION OF p FOR VALUES IN (1)",
      "ALTER TABLE p DETACH PARTITION wb_test_look.c CONCURRENTLY", IT, WB_PROBE_PRESENT, 140000 },
    { "CREATE TABLE p (i int) PARTITION BY LIST (i); CREATE TABLE c (i int)",
      "ALTER TABLE p ATTACH PARTITION c FOR VALUES IN (1)", "", WB_PROBE_ABSENT, 0 },
    { "CREATE TABLE p (i int) PARTITION BY LIST (i); CREATE TABLE c (i int)",
      "ALTER TABLE p ATTACH PARTITION c FOR VALUES IN (1)", IT, WB_PROBE_PRESENT, 0 },
};

static void probe_tells_what_happened(void **state)
{
    NEEDS_SERVER(f);
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        if ((int)f->session->server.version < rows[i].version)
            continue;
        assert_good(f, pg_drop_all(&f->cx, f->session));
        ask(f->looker, "DROP SCHEMA IF EXISTS wb_test_look_other CASCADE");
        if (rows[i].before[0])
            ask(f->looker, rows[i].before);
        const char *sql = rows[i].sql, *looked = NULL;
        wb_statement st = statement_of(f, sql);
        assert_good(f, pg_look(&f->cx, f->session, &st, &f->mem, &looked));
        assert_non_null(looked);
        wb_piece p = piece_of(rows[i].happens[0] == IT[0] ? sql : rows[i].happens);
        p.is_alone = true;
        if (p.len) {
            int rc = pg_run(&f->cx, f->session, &p);
            if (rc != 0 && rows[i].probe != WB_PROBE_INVALID)
                fail_msg("%s: %s", sql, f->err.message);
        }
        wb_probe probe = probe_of(f, sql, looked);
        if (probe != rows[i].probe)
            fail_msg("row %zu, %s: %d, not %d (looked \"%s\")", i, sql, probe, rows[i].probe, looked);
    }
}

static void run_alone(fixture *f, const char *sql, int want)
{
    wb_piece p = piece_of(sql);
    p.is_alone = true;
    int rc = pg_run(&f->cx, f->session, &p);
    if (rc != want)
        print_message("# %s: %s\n", sql, f->err.message);
    assert_int_equal(rc, want);
}

static void broken_unique_index_is_seen_and_cleaned(void **state)
{
    NEEDS_SERVER(f);
    static const char *const statements[] = { "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"Ti\" ON t (i)",
                                              "CREATE UNIQUE INDEX CONCURRENTLY ON t (i)" };
    for (size_t i = 0; i < WB_COUNT(statements); i++) {
        ask(f->looker, "DROP TABLE IF EXISTS t; CREATE TABLE t (i int); INSERT INTO t VALUES (1), (1)");
        wb_statement st = statement_of(f, statements[i]);
        const char *looked = NULL;
        assert_good(f, pg_look(&f->cx, f->session, &st, &f->mem, &looked));
        run_alone(f, statements[i], WBL_E_STATEMENT);
        assert_int_equal(f->err.effect, WBL_EFFECT_UNKNOWN);
        if (i == 0) /* it "succeeds" over the broken one, and must not count as there */
            run_alone(f, statements[i], 0);
        assert_int_equal(probe_of(f, statements[i], looked), WB_PROBE_INVALID);
        assert_good(f, pg_clean(&f->cx, f->session, &st));
        assert_string_equal(ask(f->looker, "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"), "0");
        assert_int_equal(probe_of(f, statements[i], looked), WB_PROBE_ABSENT);
        ask(f->looker, "DELETE FROM t");
        run_alone(f, statements[i], 0);
        assert_int_equal(probe_of(f, statements[i], looked), WB_PROBE_PRESENT);
    }
}

typedef struct waiter {
    fixture *f;
    const char *sql;
    wb_session *session;
} waiter;

static void *run_beside(void *user)
{
    waiter *w = user;
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    wb_piece p = piece_of(w->sql);
    p.is_alone = true;
    return (void *)(intptr_t)pg_run(&cx, w->session, &p);
}

/* A ghost that still builds: the open transaction of the looker keeps it from ending. */
static void running_build_is_seen(void **state)
{
    NEEDS_SERVER(f);
    static const char *const statements[] = { "CREATE INDEX CONCURRENTLY ti ON t (i)",
                                              "CREATE INDEX CONCURRENTLY ON t (i)" };
    for (size_t i = 0; i < WB_COUNT(statements); i++) {
        ask(f->looker, "DROP TABLE IF EXISTS t; CREATE TABLE t (i int)");
        wb_statement st = statement_of(f, statements[i]);
        const char *looked = NULL;
        assert_good(f, pg_look(&f->cx, f->session, &st, &f->mem, &looked));
        waiter w = { f, statements[i], NULL };
        wb_open_options o = options_of(f);
        assert_good(f, pg_open(&f->cx, &o, &w.session));
        ask(f->looker, "BEGIN; INSERT INTO t VALUES (1)");
        pthread_t thread;
        pthread_create(&thread, NULL, run_beside, &w);
        usleep(500000);
        assert_int_equal(probe_of(f, statements[i], looked), WB_PROBE_BUILDING);
        ask(f->looker, "COMMIT");
        void *rc;
        pthread_join(thread, &rc);
        assert_null(rc);
        assert_int_equal(probe_of(f, statements[i], looked), WB_PROBE_PRESENT);
        pg_close(w.session);
    }
}

static void interrupted_reindex_is_cleaned(void **state)
{
    NEEDS_SERVER(f);
    ask(f->looker, "CREATE TABLE t (i int); CREATE INDEX ti ON t (i)");
    ask(f->looker, "BEGIN; INSERT INTO t VALUES (1)");
    f->cx.deadline_ms = wb_now_ms() + 500;
    run_alone(f, "REINDEX TABLE CONCURRENTLY t", WBL_E_TIMEOUT);
    f->cx.deadline_ms = 0;
    ask(f->looker, "COMMIT");
    assert_string_equal(ask(f->looker, "SELECT relname FROM pg_class WHERE relname LIKE 'ti_ccnew'"), "ti_ccnew");
    wb_statement st = statement_of(f, "REINDEX TABLE CONCURRENTLY t");
    assert_int_equal(probe_of(f, "REINDEX TABLE CONCURRENTLY t", ""), WB_PROBE_INVALID);
    assert_good(f, pg_clean(&f->cx, f->session, &st));
    assert_int_equal(probe_of(f, "REINDEX TABLE CONCURRENTLY t", ""), WB_PROBE_ABSENT);
    assert_string_equal(ask(f->looker, "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"), "1");
}

static void pending_detach_is_finished(void **state)
{
    NEEDS_SERVER(f);
    static const char sql[] = "ALTER TABLE p DETACH PARTITION c CONCURRENTLY";
    ask(f->looker, "CREATE TABLE p (i int) PARTITION BY LIST (i); CREATE TABLE c PARTITION OF p FOR VALUES IN (1)");
    ask(f->looker, "BEGIN; INSERT INTO p VALUES (1)");
    f->cx.deadline_ms = wb_now_ms() + 500;
    run_alone(f, sql, WBL_E_TIMEOUT);
    f->cx.deadline_ms = 0;
    ask(f->looker, "COMMIT");
    assert_string_equal(ask(f->looker, "SELECT inhdetachpending FROM pg_inherits WHERE inhparent = 'p'::regclass"),
                        "t");
    assert_int_equal(probe_of(f, sql, "p 1"), WB_PROBE_PRESENT);
    assert_string_equal(ask(f->looker, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'p'::regclass"), "0");
}

int main(void)
{
    struct CMUnitTest tests[] = {
        TEST(probe_tells_what_happened),
        TEST(broken_unique_index_is_seen_and_cleaned),
        TEST(running_build_is_seen),
        TEST_SINCE(120000, interrupted_reindex_is_cleaned),
        TEST_SINCE(140000, pending_detach_is_finished),
    };
    return run_group("postgres look", tests, WB_COUNT(tests));
}
