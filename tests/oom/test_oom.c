/*
 * test_oom.c - every allocation of every call fails once, on real SQLite databases.
 *
 * What must hold: the call says WBL_E_NOMEM, or it went well because it could do without; nothing is left allocated after
 * wbl_close(); and the database is consistent: a plain wbl_up() afterwards ends with everything applied once. Each row of
 * the table is a call; each runs on migrations from memory with the caller's own connection, and on a directory with its
 * whimbrel.yaml and a database file. Arenas are built here with chunks of one piece each, so that none of them hides.
 */
#include "../unit.h"

#include "util/util.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAILURES_MAX 20000 /* more allocations than any call makes */

static char dir[64];   /* of the project with files */
static bool has_files; /* this round is on it */
static sqlite3 *db;    /* the database that is looked at; in the memory round also the library's */
static wbl_handle *handle;
static wbl_error err;

/* ---- the project: three migrations, the second one statement by statement; log shows what ran how often ---- */

static const struct step {
    const char *version, *up, *down;
} steps[] = {
    { "000001", "CREATE TABLE log (m TEXT);\nINSERT INTO log VALUES ('one');\n", "DROP TABLE log;\n" },
    { "000002",
      "-- whimbrel: no-transaction\nINSERT INTO log VALUES ('two');\nCREATE INDEX log_m ON log (m);\nVACUUM;\nINSERT "
      "INTO log VALUES ('two more');\n",
      "-- whimbrel: no-transaction\nDELETE FROM log WHERE m = 'two more';\nDROP INDEX log_m;\nDELETE FROM log WHERE m "
      "= 'two';\n" },
    { "000003",
      "-- whimbrel: requires core@1\nCREATE TABLE b (id INTEGER PRIMARY KEY);\nINSERT INTO log VALUES ('three');\n",
      "DELETE FROM log WHERE m = 'three';\nDROP TABLE b;\n" },
};

static void write_file(const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void write_project(void)
{
    char name[200];
    snprintf(dir, sizeof dir, "%s/wb_oom.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(dir));
    snprintf(name, sizeof name, "%s/migrations", dir);
    assert_int_equal(mkdir(name, 0700), 0);
    snprintf(name, sizeof name, "%s/migrations/core", dir);
    assert_int_equal(mkdir(name, 0700), 0);
    write_file("whimbrel.yaml",
               "url: \"sqlite:app.db\"\nmigrations: migrations\nnamespaces:\n  order: [core]\nlock_timeout: 5s\n");
    for (size_t i = 0; i < WB_COUNT(steps); i++) {
        snprintf(name, sizeof name, "migrations/core/%s_x.up.sql", steps[i].version);
        write_file(name, steps[i].up);
        snprintf(name, sizeof name, "migrations/core/%s_x.down.sql", steps[i].version);
        write_file(name, steps[i].down);
    }
}

static int remove_project(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

/* ---- a database, a handle ---- */

static void fresh_database(void)
{
    static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };
    char path[120];
    if (db)
        sqlite3_close(db);
    db = NULL;
    for (size_t i = 0; has_files && i < WB_COUNT(suffixes); i++) {
        snprintf(path, sizeof path, "%s/app.db%s", dir, suffixes[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/app.db", dir);
    assert_int_equal(sqlite3_open(has_files ? path : ":memory:", &db), SQLITE_OK);
}

static int64_t ask(const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t n = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

static int open_handle(void)
{
    wbl_options o;
    wbl_options_init(&o);
    o.no_environment = 1;
    o.config = has_files ? NULL : "";
    o.working_dir = has_files ? dir : NULL;
    o.connection = has_files ? NULL : db;
    o.connection_kind = has_files ? NULL : "sqlite";
    static const char *const none[] = { NULL };
    o.dirs = has_files ? NULL : none;
    return wbl_open(&o, &handle, &err);
}

static int add_migrations(void)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && !has_files && i < WB_COUNT(steps); i++) {
        wbl_source s;
        wbl_source_init(&s);
        s.ns = "core";
        s.version = steps[i].version;
        s.name = "x";
        s.up = steps[i].up;
        s.down = steps[i].down;
        rc = wbl_migration_add(handle, &s, &err);
    }
    return rc;
}

static void close_handle(void)
{
    wbl_close(handle);
    handle = NULL;
}

static void ready(void)
{
    assert_int_equal(open_handle(), 0);
    assert_int_equal(add_migrations(), 0);
}

/* ---- the calls ---- */

static int call_open(void) { return open_handle(); }

static int call_up(void) { return wbl_up(handle, NULL, &err); }
static int call_status(void) { return wbl_status(handle, NULL, &err); }
static int call_validate(void) { return wbl_validate(handle, NULL, &err); }
static int call_verify(void) { return wbl_verify(handle, NULL, &err); }
static int call_history(void) { return wbl_history(handle, NULL, &err); }
static int call_config(void) { return wbl_config(handle, &err); }
static int call_check(void) { return wbl_check(handle, NULL, &err); }
static int call_baseline(void) { return wbl_baseline(handle, "core", "1", &err); }
static int call_force(void) { return wbl_force(handle, "core", "1", &err); }
static int call_show(void) { return wbl_repair(handle, NULL, NULL, WBL_REPAIR_SHOW, 0, &err); }
static int call_accept(void) { return wbl_repair(handle, "core", "2", WBL_REPAIR_ACCEPT_FILE, 0, &err); }
static int call_mark(void) { return wbl_repair(handle, "core", "1", WBL_REPAIR_MARK_APPLIED, 0, &err); }

static int call_plan(void)
{
    wbl_request q;
    wbl_request_init(&q);
    q.with_sql = 1;
    return wbl_plan(handle, &q, &err);
}

static int call_down(void)
{
    wbl_request q;
    wbl_request_init(&q);
    q.all = q.confirmed = 1;
    return wbl_down(handle, &q, &err);
}

static int call_goto(void)
{
    static const char *const core[] = { "core" };
    wbl_request q;
    wbl_request_init(&q);
    q.to = "1";
    q.namespaces = core;
    q.namespace_count = 1;
    q.confirmed = 1;
    return wbl_goto(handle, &q, &err);
}

static int call_redo(void) { return wbl_redo(handle, NULL, &err); }

static int call_version(void)
{
    char text[40];
    return wbl_version(handle, "core", text, sizeof text, &err);
}

static int call_json(void)
{
    static const char *const kinds[] = { "status", "plan", "validate", "history", "up" };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < WB_COUNT(kinds); i++) {
        char *text = NULL;
        rc = wbl_report_json(wbl_report_get(handle), kinds[i], NULL, &text);
        wbl_free(text);
    }
    err.code = rc;
    return rc;
}

static int nothing(void *user, const wbl_session *s, wbl_error *e)
{
    (void)user, (void)s, (void)e;
    return 0;
}

static int call_add(void)
{
    static const char *const requires[] = { "core@1" };
    wbl_code_migration m;
    wbl_code_migration_init(&m);
    m.ns = "core";
    m.version = "4";
    m.name = "code";
    m.description = "does nothing";
    m.up = m.down = nothing;
    m.requires = requires;
    m.requires_count = 1;
    int rc = add_migrations();
    return rc != 0 ? rc : wbl_migration_register(handle, &m, &err);
}

/* ---- the table ---- */

enum { NOTHING_YET, ALL_APPLIED, ALL_KNOWN }; /* ALL_KNOWN: and a status was asked for */

static const struct row {
    const char *name;
    int (*call)(void);
    int before;
    bool opens, is_bare; /* opens: it makes the handle; is_bare: the handle has no migrations */
    bool breaks_log;     /* it says that things are applied that never ran, so the log can't be judged */
    bool needs_memory;   /* has nothing to do in a directory */
} rows[] = {
    { .name = "open", .call = call_open, .opens = true },
    { .name = "migration_add", .call = call_add, .is_bare = true, .needs_memory = true },
    { .name = "up", .call = call_up },
    { .name = "up_with_nothing_to_do", .call = call_up, .before = ALL_APPLIED },
    { .name = "status", .call = call_status },
    { .name = "status_of_applied", .call = call_status, .before = ALL_APPLIED },
    { .name = "plan", .call = call_plan },
    { .name = "validate", .call = call_validate },
    { .name = "validate_applied", .call = call_validate, .before = ALL_APPLIED },
    { .name = "verify", .call = call_verify, .before = ALL_APPLIED },
    { .name = "history", .call = call_history, .before = ALL_APPLIED },
    { .name = "config", .call = call_config },
    { .name = "check", .call = call_check, .before = ALL_APPLIED },
    { .name = "version", .call = call_version, .before = ALL_APPLIED },
    { .name = "down", .call = call_down, .before = ALL_APPLIED },
    { .name = "goto", .call = call_goto, .before = ALL_APPLIED },
    { .name = "redo", .call = call_redo, .before = ALL_APPLIED },
    { .name = "repair_show", .call = call_show, .before = ALL_APPLIED },
    { .name = "repair_accept", .call = call_accept, .before = ALL_APPLIED },
    { .name = "repair_mark", .call = call_mark, .breaks_log = true },
    { .name = "baseline", .call = call_baseline, .breaks_log = true },
    { .name = "force", .call = call_force, .before = ALL_APPLIED, .breaks_log = true },
    { .name = "report_json", .call = call_json, .before = ALL_KNOWN },
};

static void prepare(const struct row *row)
{
    fresh_database();
    if (row->before) {
        ready();
        assert_int_equal(call_up(), 0);
        close_handle();
    }
    if (row->opens)
        return;
    assert_int_equal(open_handle(), 0);
    if (!row->is_bare)
        assert_int_equal(add_migrations(), 0);
    if (row->before == ALL_KNOWN)
        assert_int_equal(call_status(), 0);
}

/* A run without faults finishes whatever was left; a down in the middle must be finished downwards. */
static void check_recovery(const struct row *row, long k)
{
    ready();
    int rc = call_up();
    if (rc == WBL_E_STATE) {
        assert_true(call_down() >= 0);
        rc = call_up();
    }
    if (rc < 0)
        fail_msg("%s, allocation %ld: then up fails: %s", row->name, k, err.message);
    close_handle();
    assert_int_equal(ask("SELECT count(*) FROM schema_migrations WHERE dirty = 0"), WB_COUNT(steps));
    assert_int_equal(ask("SELECT count(*) FROM schema_migrations"), WB_COUNT(steps));
    assert_int_equal(ask("SELECT count(*) FROM whimbrel_history WHERE action IN ('external', 'adopt')"), 0);
    if (ask("SELECT count(*) FROM log") != 4 || ask("SELECT count(DISTINCT m) FROM log") != 4)
        fail_msg("%s, allocation %ld: then %lld statements had run", row->name, k,
                 (long long)ask("SELECT count(*) FROM log"));
    assert_int_equal(ask("SELECT count(*) FROM sqlite_schema WHERE name IN ('b', 'log_m')"), 2);
}

/* What was marked by hand can't run: the same call again, then a look. */
static void check_marked(const struct row *row, long k)
{
    ready();
    int rc = row->call();
    if (rc < 0 && rc != WBL_E_REFUSED)
        fail_msg("%s, allocation %ld: then the same call fails: %s", row->name, k, err.message);
    if (call_status() < 0)
        fail_msg("%s, allocation %ld: then status fails: %s", row->name, k, err.message);
    close_handle();
}

static void every_allocation_may_fail(void **state)
{
    const struct row *row = *state;
    long spared = 0;
    for (long k = 1; k < FAILURES_MAX; k++) {
        long before = wb_alloc_live();
        prepare(row);
        memset(&err, 0, sizeof err);
        wb_alloc_fail_at(k);
        int rc = row->call();
        long made = wb_alloc_fail_at(0);
        if (rc < 0 && (rc != WBL_E_NOMEM || err.code != WBL_E_NOMEM || (row->opens && handle)))
            fail_msg("%s, allocation %ld of %ld: %d, %s", row->name, k, made, rc, err.message);
        close_handle();
        assert_int_equal(wb_alloc_live(), before);
        spared += made >= k && rc >= 0;
        if (row->breaks_log)
            check_marked(row, k);
        else
            check_recovery(row, k);
        if (made < k) {
            if (rc < 0)
                fail_msg("%s fails without a fault: %s", row->name, err.message);
            print_message("# %s%s: %ld allocations failed, %ld of them did no harm\n", row->name,
                          has_files ? " (files)" : "", k - 1, spared);
            return;
        }
    }
    fail_msg("%s never ends", row->name);
}

static int tear_down(void **state)
{
    (void)state;
    wb_alloc_fail_at(0);
    close_handle();
    if (db)
        sqlite3_close(db);
    db = NULL;
    return 0;
}

static int set_memory(void **state)
{
    (void)state;
    has_files = false;
    return 0;
}

static int set_files(void **state)
{
    (void)state;
    has_files = true;
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[2 * WB_COUNT(rows)];
    static char names[2 * WB_COUNT(rows)][60];
    size_t n = 0;
    for (int files = 0; files < 2; files++)
        for (size_t i = 0; i < WB_COUNT(rows); i++) {
            if (files && rows[i].needs_memory)
                continue;
            snprintf(names[n], sizeof names[n], "%s_survives_lost_memory%s", rows[i].name, files ? "_with_files" : "");
            tests[n] = (struct CMUnitTest){ names[n], every_allocation_may_fail, files ? set_files : set_memory,
                                            tear_down, (void *)&rows[i] };
            n++;
        }
    write_project();
    /* The table is filled up to n only, so the group is run through the function that takes a count. */
    return _cmocka_run_group_tests("oom", tests, n, NULL, remove_project);
}
