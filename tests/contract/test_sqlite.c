/*
 * test_sqlite.c - what only the SQLite driver has to get right: files that do not exist yet, other processes, a
 * transaction that SQLite takes back by itself, foreign keys, the shape of CREATE statements, and memory that is gone.
 *
 * SQLite's own allocations fail in turn too, so its allocator is replaced before the library starts.
 */
#include "../unit.h"

#include "driver/driver.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], file[96];
static const wb_driver *driver;
static wb_arena url_mem;
static wbl_error err;
static wb_session *session;
static const wb_txn plain = { .fuse = "f" };

static wb_ctx cx_value;
static wb_ctx *cx(void)
{
    memset(&err, 0, sizeof err);
    cx_value = (wb_ctx){ .err = &err };
    return &cx_value;
}

#define ok(call)                                                                                                       \
    do {                                                                                                               \
        int rc_of_call = (call);                                                                                       \
        if (rc_of_call != 0)                                                                                           \
            fail_msg("%s: %d, %s", #call, rc_of_call, err.message);                                                    \
    } while (0)

/* "%s" in the text stands for the directory of the test. */
static int open_url(const char *format, bool read_only, wb_session **out)
{
    char text[256];
    wb_url url;
    size_t n = strcspn(format, "%");
    snprintf(text, sizeof text, "%.*s%s%s", (int)n, format, format[n] ? dir : "", format[n] ? format + n + 2 : "");
    int rc = wb_url_parse(cx(), &url_mem, text, &url);
    wb_open_options opt = {
        .url = &url, .application = "test", .run_id = "test", .busy_timeout_ms = 300, .read_only = read_only
    };
    return rc ? rc : driver->open(cx(), &opt, out);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/whimbrel-sqlite-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof file, "%s/app.db", dir);
    ok(wb_driver_by_name(cx(), "sqlite", &driver));
    ok(open_url("sqlite:%s/app.db", false, &session));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver->close(session);
    session = NULL;
    static const char *const names[] = { "app.db", "app.db-journal", "app.db-wal", "app.db-shm", "text.db", "new.db" };
    for (size_t i = 0; i < WB_COUNT(names); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
    wb_arena_done(&url_mem);
    return 0;
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static int run(const char *sql)
{
    return driver->run(cx(), session, &(wb_piece){ .text = sql, .len = strlen(sql), .statement_first = 1 });
}

static void execute(const char *sql)
{
    wb_sync sync;
    ok(run(sql));
    ok(driver->sync(cx(), session, &sync));
}

static int unit_of(const wb_txn *txn, const char *sql)
{
    int rc = driver->begin(cx(), session, txn);
    if (rc == 0)
        rc = run(sql);
    return rc ? rc : driver->commit(cx(), session);
}

static int unit(const char *sql) { return unit_of(&plain, sql); }

static wb_sync sync_ok(void)
{
    wb_sync sync;
    ok(driver->sync(cx(), session, &sync));
    return sync;
}

/* The first cell of the first row, through a connection of its own: only what is durable counts. */
static int64_t ask(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t n = -1;
    if (sqlite3_open(file, &db) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

static int survey_table(wb_session *s, wb_arena *mem, const char *name, wb_table *out)
{
    wb_survey survey = { .tables = &(wb_table_ref){ .name = name }, .table_count = 1 };
    int rc = driver->survey(cx(), s, mem, &survey);
    if (rc == 0)
        *out = survey.shapes[0];
    return rc;
}

/* ---- opening ---- */

static const struct open_row {
    const char *name, *url;
    bool read_only;
    int want;
    const char *says; /* in the message or the hint */
} open_rows[] = {
    { "folder_as_a_file", "sqlite:%s", false, WBL_E_CONNECT, "it is a folder" },
    { "missing_folder", "sqlite:%s/none/app.db", false, WBL_E_CONNECT, "does not exist" },
    { "missing_folder_for_reading", "sqlite:%s/none/app.db", true, WBL_E_CONNECT, "does not exist" },
    { "mode_ro_creates_nothing", "sqlite:%s/new.db?mode=ro", false, WBL_E_CONNECT, "mode=ro" },
    { "mode_rw_creates_nothing", "sqlite:%s/new.db?mode=rw", false, WBL_E_CONNECT, "mode=rw" },
    { "unknown_parameter", "sqlite:%s/new.db?journal_mod=wal", false, WBL_E_INVALID, "journal_mode" },
    { "bad_value", "sqlite:%s/new.db?journal_mode=fast", false, WBL_E_INVALID, "truncate" },
    { "bad_switch", "sqlite:%s/new.db?_foreign_keys=maybe", false, WBL_E_INVALID, "off" },
    { "bad_timeout", "sqlite:%s/new.db?busy_timeout=soon", false, WBL_E_INVALID, "milliseconds" },
    { "unknown_vfs", "sqlite:%s/new.db?vfs=none", false, WBL_E_STATEMENT, "VFS" },
    { "engine_parameter", "sqlite:%s/new.db?x-migrations-table=m", false, 0, NULL },
    { "all_parameters",
      "sqlite:%s/new.db?mode=rwc&_foreign_keys=on&_busy_timeout=5&_journal_mode=WAL&_synchronous=NORMAL&cache=shared",
      false, 0, NULL },
    { "modernc_pragma", "sqlite:%s/new.db?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)", false, 0, NULL },
    { "memory", "sqlite::memory:", false, 0, NULL },
    { "absent_for_reading", "sqlite:%s/new.db", true, 0, NULL },
    { "absent_for_writing", "sqlite:%s/new.db", false, 0, NULL },
};

static void open_tells_what_is_wrong_and_creates_nothing(void **state)
{
    const struct open_row *row = *state;
    char path[96];
    wb_session *s = NULL;
    wb_table t = { 0 };
    WB_AUTOARENA wb_arena mem = { 0 };
    int rc = open_url(row->url, row->read_only, &s);
    if (rc != row->want)
        fail_msg("%d, not %d: %s", rc, row->want, err.message);
    if (rc == 0) {
        ok(survey_table(s, &mem, "t", &t));
        assert_false(t.exists);
    } else {
        assert_null(s);
        assert_true(strstr(err.message, row->says) || strstr(err.hint, row->says));
    }
    driver->close(s);
    snprintf(path, sizeof path, "%s/new.db", dir);
    assert_false(exists(path));
}

static void file_that_is_no_database_is_named(void **state)
{
    (void)state;
    char path[96];
    snprintf(path, sizeof path, "%s/text.db", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 200; i++)
        fputs("this is a text file and no database\n", f);
    fclose(f);
    wb_session *s = NULL;
    wb_table t = { 0 };
    WB_AUTOARENA wb_arena mem = { 0 };
    ok(open_url("sqlite:%s/text.db", false, &s));
    assert_int_equal(survey_table(s, &mem, "t", &t), WBL_E_CONNECT);
    assert_non_null(strstr(err.message, "text.db"));
    assert_non_null(strstr(err.message, "not a SQLite database"));
    assert_int_equal(err.native, SQLITE_NOTADB);
    driver->close(s);
}

static void first_write_creates_the_file(void **state)
{
    (void)state;
    assert_false(exists(file));
    ok(unit("CREATE TABLE t (a)"));
    assert_int_equal(sync_ok().committed, 1);
    assert_true(exists(file));
    assert_int_equal(ask("SELECT count(*) FROM t"), 0);
}

static void session_for_reading_does_not_write(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a)");
    wb_session *s = NULL;
    ok(open_url("sqlite:%s/app.db", true, &s));
    assert_int_equal(driver->begin(cx(), s, &plain), WBL_E_REFUSED);
    driver->close(s);
}

static void journal_mode_waits_for_the_first_write(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a)");
    wb_session *own = session;
    wb_table t = { 0 };
    WB_AUTOARENA wb_arena mem = { 0 };
    ok(open_url("sqlite:%s/app.db?_journal_mode=wal&_synchronous=normal", false, &session));
    ok(survey_table(session, &mem, "t", &t));
    assert_true(t.exists);
    assert_int_equal(ask("SELECT journal_mode = 'delete' FROM pragma_journal_mode"), 1);
    ok(unit("INSERT INTO t VALUES (1)"));
    assert_int_equal(sync_ok().committed, 1);
    assert_int_equal(ask("SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    driver->close(session);
    session = own;
}

static void unfinished_transaction_of_a_dead_process_is_rolled_back_by_a_reader(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a)");
    pid_t child = fork();
    if (child == 0) {
        sqlite3 *db = NULL;
        sqlite3_open(file, &db);
        sqlite3_exec(db,
                     "PRAGMA cache_size=1; PRAGMA cache_spill=1; BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                     "SELECT i+1 FROM n WHERE i < 50000) INSERT INTO t SELECT hex(randomblob(50)) FROM n",
                     NULL, NULL, NULL);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    char journal[128];
    snprintf(journal, sizeof journal, "%s-journal", file);
    assert_true(exists(journal)); /* a hot one */
    wb_session *s = NULL;
    wb_table t = { 0 };
    WB_AUTOARENA wb_arena mem = { 0 };
    ok(open_url("sqlite:%s/app.db", true, &s));
    ok(survey_table(s, &mem, "t", &t));
    assert_true(t.exists);
    driver->close(s);
    assert_int_equal(ask("SELECT count(*) FROM t"), 0);
}

/* ---- other processes ---- */

/* A process that holds the write lock for hold_ms, then commits. */
static pid_t hold_lock(const char *sql, useconds_t hold_ms)
{
    int ready[2];
    char c = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        sqlite3 *db = NULL;
        int rc = sqlite3_open(file, &db);
        rc = rc ? rc : sqlite3_exec(db, sql, NULL, NULL, NULL);
        c = rc ? 'x' : '.';
        if (write(ready[1], &c, 1) == 1)
            usleep(hold_ms * 1000);
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    assert_int_equal(c, '.');
    return child;
}

static void writer_that_stays_is_reported_with_its_process(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a)");
    pid_t child = hold_lock("BEGIN IMMEDIATE", 5000);
    int64_t start = wb_now_ms();
    int rc = driver->begin(cx(), session, &plain);
    int64_t took = wb_now_ms() - start;
    wbl_error got = err;
    char pid[32];
    snprintf(pid, sizeof pid, "rocess %d", (int)child);
    wb_holder who;
    int found = driver->holder(cx(), session, NULL, 0, &who);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(rc, WBL_E_LOCKED);
    assert_true(got.is_retryable);
    assert_int_equal(got.effect, WBL_EFFECT_NONE);
    assert_non_null(strstr(got.message, "another process is writing"));
    assert_true(took >= 250 && took < 2000);
    if (access("/proc/locks", R_OK) == 0 && found == 0) {
        assert_non_null(strstr(got.message, pid));
        assert_non_null(strstr(got.hint, "`kill "));
        assert_int_equal(who.pid, child);
    }
    ok(unit("INSERT INTO t VALUES (1)")); /* the lock went with the process */
    assert_int_equal(sync_ok().committed, 1);
}

static void writer_that_goes_is_waited_for(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a)");
    pid_t child = hold_lock("BEGIN IMMEDIATE; INSERT INTO t VALUES (7)", 100);
    ok(unit("INSERT INTO t VALUES (1)"));
    assert_int_equal(sync_ok().committed, 1);
    waitpid(child, NULL, 0);
    assert_int_equal(ask("SELECT count(*) FROM t"), 2);
}

static void reader_that_stays_fails_the_commit_and_nothing_is_there(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a); INSERT INTO t VALUES (0)");
    pid_t child = hold_lock("BEGIN; SELECT * FROM t", 5000);
    wb_sync sync;
    ok(unit("INSERT INTO t VALUES (1)"));
    ok(unit("INSERT INTO t VALUES (2)"));
    int rc = driver->sync(cx(), session, &sync);
    wbl_error got = err;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(rc, WBL_E_LOCKED);
    assert_int_equal(got.effect, WBL_EFFECT_NONE);
    assert_non_null(strstr(got.message, "reading"));
    assert_int_equal(sync.committed, 0);
    assert_false(sync.is_in_transaction);
    assert_int_equal(ask("SELECT count(*) FROM t"), 1);
    assert_int_equal(sync_ok().committed, 0);
}

static void deadline_and_cancel_end_the_wait(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a)");
    pid_t child = hold_lock("BEGIN IMMEDIATE", 5000);
    volatile int cancelled = 1;
    wb_session *patient = NULL;
    ok(open_url("sqlite:%s/app.db?busy_timeout=60000", false, &patient));
    int64_t start = wb_now_ms();
    wb_ctx timed = { .err = &err, .deadline_ms = wb_now_ms() + 100 };
    int late = driver->begin(&timed, patient, &plain);
    wb_ctx stopped = { .err = &err, .cancel = &cancelled };
    int stop = driver->begin(&stopped, patient, &plain);
    int64_t took = wb_now_ms() - start;
    driver->close(patient);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(late, WBL_E_LOCKED);
    assert_int_equal(stop, WBL_E_CANCELLED);
    assert_true(took < 3000);
}

/* ---- transactions that SQLite takes back by itself ---- */

static void limit_pages(const char *plus)
{
    char sql[80];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld",
             (long long)ask("SELECT page_count FROM pragma_page_count") + atoi(plus));
    execute(sql);
}

#define FILL                                                                                                           \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT "             \
    "hex(randomblob(200)) FROM n"

static void full_disk_loses_the_whole_group_and_says_so(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a)");
    limit_pages("4");
    ok(unit("INSERT INTO t VALUES (1)"));
    int rc = unit(FILL);
    assert_int_equal(rc, WBL_E_IO);
    assert_int_equal(err.native & 0xFF, SQLITE_FULL);
    assert_non_null(strstr(err.message, "disk is full"));
    assert_int_equal(session->failure.unit, 1);
    assert_int_equal(session->failure.stage, WB_STAGE_RUN);
    bool is_gone = ask("SELECT count(*) FROM t") == 0;
    assert_true(is_gone);
    ok(driver->rollback(cx(), session));
    wb_sync sync = { .committed = 99 };
    rc = driver->sync(cx(), session, &sync);
    if (rc == 0) { /* this SQLite undid the statement only: then unit 0 is there */
        assert_int_equal(sync.committed, 1);
        assert_int_equal(ask("SELECT count(*) FROM t"), 1);
        return;
    }
    assert_int_equal(rc, WBL_E_IO);
    assert_int_equal(sync.committed, 0);
    assert_false(sync.is_in_transaction);
    assert_int_equal(err.effect, WBL_EFFECT_NONE);
    assert_false(session->failure.is_connection_lost);
    assert_int_equal(ask("SELECT count(*) FROM t"), 0);
    ok(unit("INSERT INTO t VALUES (1)"));
    assert_int_equal(sync_ok().committed, 1);
}

static void rollback_clause_of_a_script_loses_the_group_and_says_so(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a UNIQUE)");
    ok(unit("INSERT INTO t VALUES (1)"));
    assert_int_equal(unit("INSERT INTO t VALUES (5); INSERT OR ROLLBACK INTO t VALUES (5)"), WBL_E_STATEMENT);
    assert_int_equal(session->failure.statement, 2);
    ok(driver->rollback(cx(), session));
    wb_sync sync;
    assert_int_equal(driver->sync(cx(), session, &sync), WBL_E_STATEMENT);
    assert_int_equal(sync.committed, 0);
    assert_int_equal(ask("SELECT count(*) FROM t"), 0);
    assert_int_equal(sync_ok().committed, 0); /* said once */
}

static void row_put_between_failure_and_sync_is_kept(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a UNIQUE)");
    const wb_field set[] = { { "a", WB_TEXT("failed") } };
    wb_row_op op = { .op = WB_OP_INSERT, .table = { .name = "t" }, .set = set, .set_count = 1 };
    ok(unit("INSERT INTO t VALUES ('first')"));
    assert_int_equal(unit("INSERT INTO t VALUES ('second'); nonsense"), WBL_E_STATEMENT);
    ok(driver->rollback(cx(), session));
    ok(driver->put(cx(), session, &op));
    assert_int_equal(ask("SELECT count(*) FROM t WHERE a IN ('first', 'failed')"), 2);
    assert_int_equal(sync_ok().committed, 1);
    assert_int_equal(ask("SELECT count(*) FROM t"), 2);
}

static void failed_unit_takes_nothing_more(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a)");
    wb_sync sync;
    ok(driver->begin(cx(), session, &plain));
    assert_int_equal(run("INSERT INTO t VALUES (1); nonsense"), WBL_E_STATEMENT);
    assert_int_not_equal(run("INSERT INTO t VALUES (2)"), 0);
    assert_int_not_equal(driver->commit(cx(), session), 0);
    assert_int_not_equal(driver->sync(cx(), session, &sync), 0);
    assert_int_equal(sync.committed, 0);
    ok(driver->rollback(cx(), session));
    assert_int_equal(sync_ok().committed, 0);
    assert_int_equal(ask("SELECT count(*) FROM t"), 0);
}

/* ---- the fuse ---- */

static const char *const ending_scripts[] = {
    "COMMIT",
    "END",
    "BEGIN",
    "ROLLBACK",
    "rollback transaction",
    "/* x */ -- y\n ;\xEF\xBB\xBF commit ;",
    "SAVEPOINT wb_unit",
    "RELEASE SAVEPOINT \"wb_unit\"",
    "ROLLBACK TO [wb_unit]",
    "ROLLBACK TRANSACTION TO SAVEPOINT wb_unit",
    "SELECT 1; INSERT INTO t VALUES (1); COMMIT; BEGIN",
};

static void script_cannot_end_the_transaction_that_holds_it(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a)");
    for (size_t i = 0; i < WB_COUNT(ending_scripts); i++) {
        ok(unit("INSERT INTO t VALUES (0)"));
        if (unit(ending_scripts[i]) != WBL_E_STATE)
            fail_msg("%s: %d %s", ending_scripts[i], err.code, err.message);
        assert_int_equal(err.effect, WBL_EFFECT_NONE);
        ok(driver->rollback(cx(), session));
        assert_int_equal(sync_ok().committed, 1); /* the unit before it is unharmed */
        assert_int_equal(ask("SELECT count(*) FROM t"), (int64_t)i + 1);
    }
}

static void ended_transaction_is_not_called_rolled_back(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a)");
    ok(unit("INSERT INTO t VALUES (0)"));
    ok(driver->begin(cx(), session, &plain));
    sqlite3_exec(driver->native(session), "COMMIT", NULL, NULL, NULL); /* what a migration written in C may do */
    assert_int_equal(driver->commit(cx(), session), WBL_E_STATE);
    ok(driver->rollback(cx(), session));
    wb_sync sync;
    assert_int_equal(driver->sync(cx(), session, &sync), WBL_E_OUTCOME);
    assert_int_equal(err.effect, WBL_EFFECT_UNKNOWN);
    assert_int_equal(sync.committed, 0);
}

static void nul_in_a_script_is_refused(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a)");
    static const char text[] = "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)\0; INSERT INTO t VALUES (3)";
    wb_piece p = { .text = text, .len = sizeof text - 1, .statement_first = 1 };
    ok(driver->begin(cx(), session, &plain));
    assert_int_equal(driver->run(cx(), session, &p), WBL_E_INVALID);
    assert_int_equal(session->failure.offset, strlen(text));
    assert_int_equal(session->failure.statement, 2);
    ok(driver->rollback(cx(), session));
}

/* ---- foreign keys ---- */

static void keep_keys_on(void)
{
    driver->close(session);
    session = NULL;
    ok(open_url("sqlite:%s/app.db?foreign_keys=on", false, &session));
    execute("CREATE TABLE p (id INTEGER PRIMARY KEY)");
    execute("CREATE TABLE c (id INTEGER REFERENCES p (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED)");
    execute("INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)");
}

static void deferred_key_fails_its_own_unit_and_not_the_group(void **state)
{
    (void)state;
    keep_keys_on();
    ok(unit("INSERT INTO c VALUES (5); INSERT INTO p VALUES (5)"));
    assert_int_equal(unit("INSERT INTO c VALUES (77)"), WBL_E_STATEMENT);
    assert_int_equal(session->failure.stage, WB_STAGE_COMMIT);
    assert_int_equal(session->failure.unit, 1);
    assert_non_null(strstr(err.message, "\"c\""));
    assert_non_null(strstr(err.message, "\"p\""));
    ok(driver->rollback(cx(), session));
    assert_int_equal(sync_ok().committed, 1);
    assert_int_equal(ask("SELECT count(*) FROM c"), 2);
}

static void keys_switched_off_for_a_rebuild_are_checked_at_its_end(void **state)
{
    (void)state;
    keep_keys_on();
    wb_txn off = plain;
    off.foreign_keys = WB_OFF;
    ok(unit_of(&off,
               "CREATE TABLE p2 (id INTEGER PRIMARY KEY, n TEXT); INSERT INTO p2 (id) SELECT id FROM p; DROP TABLE p;"
               "ALTER TABLE p2 RENAME TO p"));
    assert_int_equal(sync_ok().committed, 1);
    assert_int_equal(ask("SELECT count(*) FROM c"), 1); /* no cascade */
    assert_int_equal(unit_of(&off, "DELETE FROM p"), WBL_E_STATEMENT);
    assert_non_null(strstr(err.message, "table \"c\", row 1"));
    assert_non_null(strstr(err.message, "\"p\""));
    ok(driver->rollback(cx(), session));
    assert_int_equal(sync_ok().committed, 0);
    assert_int_equal(unit("INSERT INTO c VALUES (99)"), WBL_E_STATEMENT); /* the keys are on again */
    ok(driver->rollback(cx(), session));
    sync_ok();
}

static void pragma_that_would_do_nothing_is_refused(void **state)
{
    (void)state;
    keep_keys_on();
    assert_int_equal(unit("PRAGMA foreign_keys = OFF; DROP TABLE p"), WBL_E_REFUSED);
    assert_non_null(strstr(err.hint, "foreign-keys off"));
    ok(driver->rollback(cx(), session));
    sync_ok();
    ok(unit("PRAGMA foreign_keys = ON; SELECT 1"));
    assert_int_equal(sync_ok().committed, 1);
    assert_int_equal(ask("SELECT count(*) FROM c"), 1);
}

/* ---- settings ---- */

static void reset_puts_pragmas_back_and_detaches(void **state)
{
    (void)state;
    execute("CREATE TABLE t (a CHECK (a > 0))");
    execute("PRAGMA ignore_check_constraints = 1; PRAGMA foreign_keys = 1; PRAGMA busy_timeout = 1;"
            "ATTACH ':memory:' AS more");
    ok(driver->reset(cx(), session));
    assert_int_equal(unit("INSERT INTO t VALUES (-1)"), WBL_E_STATEMENT);
    ok(driver->rollback(cx(), session));
    sync_ok();
    ok(run("ATTACH ':memory:' AS more")); /* the name is free */
    pid_t child = hold_lock("BEGIN IMMEDIATE", 100);
    ok(unit("INSERT INTO t VALUES (1)")); /* we still wait */
    sync_ok();
    waitpid(child, NULL, 0);
}

/* ---- attach ---- */

static int busy_calls;
static int on_busy(void *user, int tries)
{
    (void)user, (void)tries;
    busy_calls++;
    return 0;
}

static void attached_handle_keeps_what_is_the_callers(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    wb_session *own = session;
    wb_open_options opt = { .application = "x", .run_id = "x", .busy_timeout_ms = 1000 };
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    sqlite3_busy_handler(db, on_busy, NULL);
    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    assert_int_equal(driver->attach(cx(), db, &opt, &session), WBL_E_INVALID);
    sqlite3_exec(db, "COMMIT; CREATE TABLE t (a)", NULL, NULL, NULL);
    ok(driver->attach(cx(), db, &opt, &session));
    pid_t child = hold_lock("BEGIN IMMEDIATE", 100);
    wb_txn keys = plain;
    keys.foreign_keys = WB_ON;
    ok(unit_of(&keys, "INSERT INTO t VALUES (1)")); /* the caller's handler gives up at once, we don't */
    waitpid(child, NULL, 0);
    assert_true(busy_calls > 0);
    driver->close(session); /* before sync: the unit goes, the handle stays */
    session = own;
    assert_true(sqlite3_get_autocommit(db));
    int keys_on = -1;
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &keys_on);
    assert_int_equal(keys_on, 0);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO t VALUES (2)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(ask("SELECT count(*) FROM t"), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK); /* no statement of ours is left */
}

/* ---- shapes ---- */

static const struct shape_row {
    const char *sql, *kind, *name, *definition;
} shape_rows[] = {
    { "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)", "constraint", "t.primary key",
      "primary key (a) autoincrement" },
    { "CREATE TABLE t (a, b, PRIMARY KEY (a, b))", "constraint", "t.primary key", "primary key (a, b)" },
    { "CREATE TABLE t (a VARCHAR ( 50 ) NOT NULL DEFAULT 'It''s' COLLATE NOCASE)", "column", "t.a",
      "varchar(50) not null default 'It''s' collate nocase" },
    { "CREATE TABLE t (a DECIMAL(10,2) DEFAULT -1.5 NOT NULL /* c */)", "column", "t.a",
      "decimal(10, 2) not null default -1.5" },
    { "CREATE TABLE t (a TEXT DEFAULT (lower ( 'X' )))", "column", "t.a", "text default (lower('X'))" },
    { "CREATE TABLE t (a, b INT GENERATED ALWAYS AS (a*2) STORED)", "column", "t.b",
      "int generated always as (a * 2) stored" },
    { "CREATE TABLE t (a, b AS (a || 'x'))", "column", "t.b", " generated always as (a || 'x')" },
    { "CREATE TABLE t (a)", "column", "t.a", "" },
    { "CREATE TABLE t (a) STRICT", NULL, NULL, NULL },
    { "CREATE TABLE t (a INT PRIMARY KEY, b) WITHOUT ROWID", "table", "t", "without rowid" },
    { "CREATE TABLE t (a INT UNIQUE ON CONFLICT REPLACE)", "constraint", "t.unique (a)",
      "unique (a) on conflict replace" },
    { "CREATE TABLE t (a INT, CONSTRAINT one UNIQUE (a))", "constraint", "t.one", "unique (a)" },
    { "CREATE TABLE t (a INT CHECK (\"a\" > 0 AND -- c\n a<9))", "constraint", "t.check (a > 0 and a < 9)",
      "check (a > 0 and a < 9)" },
    { "CREATE TABLE t (a INT, b INT CHECK (b>0) CONSTRAINT x CHECK (a>b) UNIQUE (b) FOREIGN KEY (a) REFERENCES p)",
      "constraint", "t.foreign key (a)", "foreign key (a) references p" },
    { "CREATE TABLE t (a INT REFERENCES p(id) ON DELETE SET NULL ON UPDATE NO ACTION NOT NULL)", "constraint",
      "t.foreign key (a)", "foreign key (a) references p(id) on delete set null" },
    { "CREATE TABLE t (a INT REFERENCES p(id) ON DELETE SET NULL NOT NULL)", "column", "t.a", "int not null" },
    { "CREATE TABLE t (a INT REFERENCES p DEFERRABLE INITIALLY DEFERRED)", "constraint", "t.foreign key (a)",
      "foreign key (a) references p deferrable initially deferred" },
    { "CREATE TABLE t (a INT REFERENCES p NOT DEFERRABLE INITIALLY DEFERRED)", "constraint", "t.foreign key (a)",
      "foreign key (a) references p" },
    { "CREATE TABLE t ([odd name] INT PRIMARY KEY, `b``c` INT)", "constraint", "t.primary key",
      "primary key (\"odd name\")" },
    { "CREATE TABLE t ([odd name] INT, `b``c` INT)", "column", "t.b`c", "int" },
    { "CREATE TABLE \"T x\" (a)", "table", "T x", "" },
    { "CREATE TABLE t (a); CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a DESC, lower(a)) WHERE a IS NOT NULL", "index",
      "i", "unique (a desc, lower(a)) where a is not null" },
    { "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t WHERE a = 'X Y'", "view", "v",
      "select a from t where a = 'X Y'" },
    { "CREATE TABLE t (a); CREATE TRIGGER r AFTER INSERT ON t BEGIN  DELETE FROM t; END", "trigger", "r",
      "after insert on t begin delete from t; end" },
    { "CREATE VIRTUAL TABLE f USING fts5(a, b)", "table", "f", "virtual using fts5(a, b)" },
    { "CREATE TABLE t (a, b CHECK (b > 0), CHECK (b > 0))", "constraint", "t.check (b > 0) (2)", "check (b > 0)" },
};

static void shape_is_read_from_the_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < WB_COUNT(shape_rows); i++) {
        const struct shape_row *row = &shape_rows[i];
        WB_AUTOARENA wb_arena mem = { 0 };
        wb_object *objects = NULL;
        size_t count = 0, found = 0;
        ok(driver->drop_all(cx(), session));
        if (run(row->sql) != 0)
            continue; /* an example of what SQLite refuses, or an extension that this SQLite does not have */
        ok(driver->catalog(cx(), session, &(wb_catalog_options){ 0 }, &mem, &objects, &count));
        for (size_t k = 0; row->kind && k < count; k++) {
            if (strcmp(objects[k].kind, row->kind) != 0 || strcmp(objects[k].name, row->name) != 0)
                continue;
            found++;
            assert_string_equal(objects[k].definition, row->definition);
        }
        if (row->kind && found != 1)
            fail_msg("%s: %zu of %s %s", row->sql, found, row->kind, row->name);
        assert_true(strncmp(row->sql, "CREATE VIRTUAL", 14) != 0 || count == 1); /* without its shadow tables */
    }
    ok(driver->drop_all(cx(), session));
}

static void rebuilt_table_has_the_same_shape(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_object *before = NULL, *after = NULL;
    size_t before_count = 0, after_count = 0;
    execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total INT CHECK (total > 0), who TEXT REFERENCES people (name));"
        "CREATE TABLE people (name TEXT UNIQUE, CHECK (length(name) > 1));"
        "CREATE INDEX i ON orders (total) WHERE total > 5");
    ok(driver->catalog(cx(), session, NULL, &mem, &before, &before_count));
    execute("ALTER TABLE orders RENAME TO old; ALTER TABLE old RENAME COLUMN total TO sum;"
            "ALTER TABLE old RENAME COLUMN sum TO total; ALTER TABLE old RENAME TO orders;"
            "ALTER TABLE people RENAME TO p; ALTER TABLE p RENAME TO people");
    ok(driver->catalog(cx(), session, NULL, &mem, &after, &after_count));
    assert_int_equal(before_count, after_count);
    for (size_t i = 0; i < after_count; i++) {
        assert_string_equal(before[i].name, after[i].name);
        assert_string_equal(before[i].definition, after[i].definition);
    }
}

static void ledgers_of_other_tools_are_described(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        wb_type type;
        uint32_t length;
        bool is_key;
    } rows[] = {
        { "CREATE TABLE l (version uint64, dirty bool); CREATE UNIQUE INDEX u ON l (version)", WB_TYPE_BIGINT, 0,
          true },
        { "CREATE TABLE l (version varchar(128) PRIMARY KEY)", WB_TYPE_VARCHAR, 128, true },
        { "CREATE TABLE l (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER)", WB_TYPE_SERIAL, 0, true },
        { "CREATE TABLE l (v TIMESTAMP DEFAULT (datetime('now')))", WB_TYPE_TIMESTAMP, 0, false },
        { "CREATE TABLE l (v BLOB)", WB_TYPE_OTHER, 0, false },
    };
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        WB_AUTOARENA wb_arena mem = { 0 };
        wb_table t = { 0 };
        ok(driver->drop_all(cx(), session));
        execute(rows[i].sql);
        ok(survey_table(session, &mem, "l", &t));
        assert_int_equal(t.columns[0].type, rows[i].type);
        assert_int_equal(t.columns[0].length, rows[i].length);
        assert_int_equal(t.columns[0].is_key, rows[i].is_key);
    }
}

static void altered_table_is_told_by_a_look(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_statement st = { .cls = WB_STMT_DDL, .action = WB_ACT_ALTER, .object = "table", .name = WB_STR("[t]") };
    const char *looked = NULL;
    wb_probe probe;
    execute("CREATE TABLE t (a)");
    ok(driver->look(cx(), session, &st, &mem, &looked));
    ok(driver->probe(cx(), session, &st, looked, &probe));
    assert_int_equal(probe, WB_PROBE_ABSENT);
    execute("ALTER TABLE t ADD COLUMN b");
    ok(driver->probe(cx(), session, &st, looked, &probe));
    assert_int_equal(probe, WB_PROBE_PRESENT);
    ok(driver->probe(cx(), session, &st, NULL, &probe));
    assert_int_equal(probe, WB_PROBE_CANNOT_TELL);
}

/* ---- memory ---- */

static sqlite3_mem_methods system_methods;
static long lite_made, lite_fail_at;

static void *failing_malloc(int n) { return ++lite_made == lite_fail_at ? NULL : system_methods.xMalloc(n); }
static void *failing_realloc(void *p, int n)
{
    return ++lite_made == lite_fail_at ? NULL : system_methods.xRealloc(p, n);
}

static int on_row(void *user, const wb_str *cells, size_t count)
{
    (void)cells, (void)count;
    ++*(int *)user;
    return 0;
}

static const wb_column columns[] = { { .name = "v", .type = WB_TYPE_BIGINT, .not_null = true, .is_key = true },
                                     { .name = "n", .type = WB_TYPE_TEXT } };

/* A whole run in small. *committed is what sync() claims; everything is closed at the end. */
static int small_run(wb_ctx *c, const wb_url *url, uint32_t *committed)
{
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_session *s = NULL;
    wb_sync sync = { 0 };
    int found = 0;
    static const char *const names[] = { "v", "n" };
    wb_table table = { .ref = { .name = "l" }, .columns = columns, .column_count = 2 };
    wb_survey survey = { .tables = &table.ref, .table_count = 1 };
    const wb_field set[] = { { "v", WB_INT(1) }, { "n", WB_TEXT("x") } };
    wb_select sel = { .table = table.ref, .columns = names, .column_count = 2, .fn = on_row, .user = &found };
    wb_row_op op = { .op = WB_OP_INSERT, .table = table.ref, .set = set, .set_count = 2, .is_fence = true };
    static const char script[] = "CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1);!";
    wb_piece piece = { .text = script, .len = sizeof script - 2, .statement_first = 1 };
    wb_object *objects;
    size_t count;

    int rc = driver->open(c, &(wb_open_options){ .url = url, .application = "x", .run_id = "x" }, &s);
    if (rc == 0)
        rc = driver->survey(c, s, &mem, &survey);
    if (rc == 0)
        rc = driver->create(c, s, &table, 1);
    if (rc == 0)
        rc = driver->begin(c, s, &plain);
    if (rc == 0)
        rc = driver->put(c, s, &op);
    if (rc == 0)
        rc = driver->run(c, s, &piece);
    if (rc == 0)
        rc = driver->commit(c, s);
    if (rc == 0)
        rc = driver->sync(c, s, &sync);
    *committed = sync.committed;
    if (rc == 0)
        rc = driver->rows(c, s, &sel, 1);
    if (rc == 0)
        rc = driver->catalog(c, s, NULL, &mem, &objects, &count);
    driver->close(s);
    wb_arena_done(&mem);
    return rc;
}

static void parse_app_url(wb_url *url)
{
    char text[192];
    snprintf(text, sizeof text, "sqlite:%s?journal_mode=memory&synchronous=off", file);
    ok(wb_url_parse(cx(), &url_mem, text, url));
}

static void every_allocation_of_ours_may_fail(void **state)
{
    (void)state;
    wb_url url;
    parse_app_url(&url);
    long live = wb_alloc_live();
    for (long k = 1;; k++) {
        uint32_t committed = 0;
        unlink(file);
        wb_alloc_fail_at(k);
        int rc = small_run(cx(), &url, &committed);
        bool is_last = wb_alloc_fail_at(0) < k;
        assert_int_equal(wb_alloc_live(), live);
        assert_int_equal(rc, is_last ? 0 : WBL_E_NOMEM);
        assert_int_equal(err.code, rc);
        assert_int_equal(ask("SELECT count(*) FROM l") > 0, committed == 1);
        if (is_last) {
            assert_true(k > 5);
            return;
        }
    }
}

static void every_allocation_of_sqlite_may_fail(void **state)
{
    (void)state;
    wb_url url;
    parse_app_url(&url);
    long refused = 0;
    for (long k = 1;; k++) {
        uint32_t committed = 0;
        unlink(file);
        lite_made = 0;
        lite_fail_at = k;
        int rc = small_run(cx(), &url, &committed);
        bool is_last = lite_made < k;
        lite_fail_at = 0;
        if (rc != 0 && rc != WBL_E_NOMEM && rc != WBL_E_OUTCOME)
            fail_msg("allocation %ld: %d %s", k, rc, err.message);
        refused += rc != 0;
        bool is_there = ask("SELECT count(*) FROM l") > 0;
        if (rc != WBL_E_OUTCOME)
            assert_int_equal(is_there, committed == 1); /* the claim, and nothing but the claim */
        if (is_last) {
            assert_int_equal(rc, 0);
            assert_true(refused > 50);
            return;
        }
    }
}

/* ---- a disk that fails ---- */

static struct io_slot {         /* the file system's functions, one slot for each kind of file, and ours in front */
    sqlite3_io_methods failing; /* first: a file points to it */
    const sqlite3_io_methods *real;
} io_slots[4];
static sqlite3_vfs *real_vfs;
static long io_made, io_fail_at;
static bool io_stays_broken;

static bool is_broken(void)
{
    io_made++;
    return io_fail_at && (io_made == io_fail_at || (io_stays_broken && io_made > io_fail_at));
}

static const sqlite3_io_methods *real_of(const sqlite3_file *f) { return ((const struct io_slot *)f->pMethods)->real; }

static int failing_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    return is_broken() ? SQLITE_IOERR_WRITE : real_of(f)->xWrite(f, p, n, at);
}
static int failing_sync(sqlite3_file *f, int flags)
{
    return is_broken() ? SQLITE_IOERR_FSYNC : real_of(f)->xSync(f, flags);
}
static int failing_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return is_broken() ? SQLITE_IOERR_TRUNCATE : real_of(f)->xTruncate(f, n);
}

static int failing_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    (void)vfs;
    int rc = real_vfs->xOpen(real_vfs, name, f, flags, out_flags);
    if (rc != SQLITE_OK)
        return rc;
    size_t i = 0;
    while (io_slots[i].real && io_slots[i].real != f->pMethods)
        assert_true(++i < WB_COUNT(io_slots));
    io_slots[i].real = f->pMethods;
    io_slots[i].failing = *f->pMethods;
    io_slots[i].failing.xWrite = failing_write;
    io_slots[i].failing.xSync = failing_sync;
    io_slots[i].failing.xTruncate = failing_truncate;
    f->pMethods = &io_slots[i].failing;
    return SQLITE_OK;
}

/* Half of the time the file is gone although the call says it failed: that is what makes a COMMIT's outcome unclear. */
static int failing_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    (void)vfs;
    if (!is_broken())
        return real_vfs->xDelete(real_vfs, name, sync_dir);
    if (io_made % 2)
        real_vfs->xDelete(real_vfs, name, sync_dir);
    return SQLITE_IOERR_DELETE;
}

static void every_write_may_fail_and_no_commit_is_invented(void **state)
{
    (void)state;
    static sqlite3_vfs failing_vfs;
    real_vfs = sqlite3_vfs_find(NULL);
    failing_vfs = *real_vfs;
    failing_vfs.zName = "unix-that-fails";
    failing_vfs.xOpen = failing_open;
    failing_vfs.xDelete = failing_delete;
    assert_int_equal(sqlite3_vfs_register(&failing_vfs, 0), SQLITE_OK);
    long unclear = 0, refused = 0;
    for (int kind = 0; kind < 4; kind++) { /* rollback journal, write-ahead log; one fault, all from then on */
        io_stays_broken = kind & 1;
        for (long k = 1;; k++) {
            driver->close(session);
            session = NULL;
            io_fail_at = 0;
            unlink(file);
            ok(open_url(kind & 2 ? "sqlite:%s/app.db?vfs=unix-that-fails&journal_mode=wal"
                                 : "sqlite:%s/app.db?vfs=unix-that-fails",
                        false, &session));
            execute("CREATE TABLE t (a)");
            io_made = 0;
            io_fail_at = k;
            wb_sync sync = { 0 };
            int rc = unit("INSERT INTO t VALUES (1); CREATE TABLE u (a)");
            if (rc == 0)
                rc = unit("INSERT INTO t SELECT hex(randomblob(3000))");
            if (rc == 0)
                rc = driver->sync(cx(), session, &sync);
            bool is_last = io_made < k;
            int effect = err.effect;
            if (rc != 0 && rc != WBL_E_OUTCOME) {
                wb_sync rest = { 0 };
                (void)driver->rollback(cx(), session);
                int again = driver->sync(cx(), session, &rest);
                sync.committed += rest.committed;
                rc = again == WBL_E_OUTCOME ? again : rc;
            }
            io_fail_at = 0;
            driver->close(session);
            session = NULL;
            int64_t count = ask("SELECT count(*) FROM t");
            if (rc == WBL_E_OUTCOME) {
                unclear++;
                assert_true(count == 0 || count == 2);
                assert_int_equal(effect, WBL_EFFECT_UNKNOWN);
            } else {
                refused += rc != 0;
                if (count != sync.committed)
                    fail_msg("kind %d, write %ld: %d %s; %lld rows, %u committed", kind, k, rc, err.message,
                             (long long)count, sync.committed);
            }
            if (is_last) {
                assert_int_equal(rc, 0);
                break;
            }
        }
    }
    assert_true(unclear > 0 && refused > 0);
    sqlite3_vfs_unregister(&failing_vfs);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define OPEN(i)                                                                                                        \
    {                                                                                                                  \
        open_rows[i].name, open_tells_what_is_wrong_and_creates_nothing, set_up, tear_down,                            \
            (void *)(uintptr_t)&open_rows[i]                                                                           \
    }

int main(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_methods);
    sqlite3_mem_methods failing = system_methods;
    failing.xMalloc = failing_malloc;
    failing.xRealloc = failing_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* else small allocations would not fail */

    const struct CMUnitTest tests[] = {
        OPEN(0),
        OPEN(1),
        OPEN(2),
        OPEN(3),
        OPEN(4),
        OPEN(5),
        OPEN(6),
        OPEN(7),
        OPEN(8),
        OPEN(9),
        OPEN(10),
        OPEN(11),
        OPEN(12),
        OPEN(13),
        OPEN(14),
        OPEN(15),
        TEST(file_that_is_no_database_is_named),
        TEST(first_write_creates_the_file),
        TEST(session_for_reading_does_not_write),
        TEST(journal_mode_waits_for_the_first_write),
        TEST(unfinished_transaction_of_a_dead_process_is_rolled_back_by_a_reader),
        TEST(writer_that_stays_is_reported_with_its_process),
        TEST(writer_that_goes_is_waited_for),
        TEST(reader_that_stays_fails_the_commit_and_nothing_is_there),
        TEST(deadline_and_cancel_end_the_wait),
        TEST(full_disk_loses_the_whole_group_and_says_so),
        TEST(rollback_clause_of_a_script_loses_the_group_and_says_so),
        TEST(row_put_between_failure_and_sync_is_kept),
        TEST(failed_unit_takes_nothing_more),
        TEST(script_cannot_end_the_transaction_that_holds_it),
        TEST(ended_transaction_is_not_called_rolled_back),
        TEST(nul_in_a_script_is_refused),
        TEST(deferred_key_fails_its_own_unit_and_not_the_group),
        TEST(keys_switched_off_for_a_rebuild_are_checked_at_its_end),
        TEST(pragma_that_would_do_nothing_is_refused),
        TEST(reset_puts_pragmas_back_and_detaches),
        TEST(attached_handle_keeps_what_is_the_callers),
        TEST(shape_is_read_from_the_text),
        TEST(rebuilt_table_has_the_same_shape),
        TEST(ledgers_of_other_tools_are_described),
        TEST(altered_table_is_told_by_a_look),
        TEST(every_write_may_fail_and_no_commit_is_invented),
        TEST(every_allocation_of_ours_may_fail),
        TEST(every_allocation_of_sqlite_may_fail),
    };
    _Static_assert(WB_COUNT(open_rows) == 16, "a line OPEN(n) for each row");
    return cmocka_run_group_tests_name("contract/sqlite", tests, NULL, NULL);
}
