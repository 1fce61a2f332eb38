/*
 * host.c - see host.h. The whole process runs on an allocator of the host's that counts: at the end nothing may be left.
 */
#include "host.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TESTS_MAX 64

host_kind host_kinds[2] = { HOST_SQLITE, HOST_POSTGRES };

/* ---- an allocator of the program's ---- */

static atomic_long allocated, taken;

static void *counting_alloc(size_t n)
{
    void *p = malloc(n);
    if (p) {
        atomic_fetch_add(&allocated, 1);
        atomic_fetch_add(&taken, 1);
    }
    return p;
}

static void counting_release(void *p)
{
    atomic_fetch_sub(&allocated, 1);
    free(p);
}

/* ---- PostgreSQL: one database for the process, emptied for each test ---- */

static char server_url[300], database_url[400], database_name[64];

static void make_database_url(const char *given)
{
    const char *scheme = strstr(given, "://"), *slash = scheme ? strchr(scheme + 3, '/') : NULL;
    const char *params = strchr(given, '?');
    int base = (int)(slash ? slash - given : params ? params - given : (ptrdiff_t)strlen(given));
    snprintf(database_url, sizeof database_url, "%.*s/%s%s", base, given, database_name, params ? params : "");
}

static bool on_server(const char *fmt)
{
    char sql[200];
    PGconn *c = PQconnectdb(server_url);
    snprintf(sql, sizeof sql, fmt, database_name);
    PGresult *r = PQexec(c, sql);
    bool is_good = PQresultStatus(r) == PGRES_COMMAND_OK;
    if (!is_good)
        fprintf(stderr, "# %s: %s", sql, PQerrorMessage(c));
    PQclear(r);
    PQfinish(c);
    return is_good;
}

static bool create_database(void)
{
    const char *url = getenv("WHIMBREL_TEST_PG_URL");
    if (!url || !*url)
        return true;
    snprintf(server_url, sizeof server_url, "%s", url);
    snprintf(database_name, sizeof database_name, "wbl_host_%ld", (long)getpid());
    make_database_url(url);
    return on_server("CREATE DATABASE %s");
}

/* ---- the process ---- */

static void find_drivers(void)
{
    const char *build = getenv("WHIMBREL_BUILD_DIR");
    char dir[500];
    if (!build || getenv("WHIMBREL_DRIVERS"))
        return;
    snprintf(dir, sizeof dir, "%s/src/driver", build);
    setenv("WHIMBREL_DRIVERS", dir, 1);
}

static void pass(void **state) { (void)state; }

/* cmocka 1.1 calls a test that skips itself "not ok", so what cannot run is replaced before the run and says so. */
static void skip_what_cannot_run(struct CMUnitTest *tests, size_t count)
{
    static char names[TESTS_MAX][200];
    for (size_t i = 0; i < count; i++) {
        if (tests[i].initial_state != &host_kinds[HOST_POSTGRES] || *database_url)
            continue;
        snprintf(names[i], sizeof names[i], "%s # SKIP WHIMBREL_TEST_PG_URL is not set", tests[i].name);
        tests[i] = (struct CMUnitTest){ .name = names[i], .test_func = pass };
    }
}

int host_run(const struct CMUnitTest *given, size_t count, const char *name)
{
    struct CMUnitTest tests[TESTS_MAX];
    if (count > TESTS_MAX)
        return 1;
    memcpy(tests, given, count * sizeof *tests);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    find_drivers();
    wbl_allocator_set(counting_alloc, counting_release);
    if (!create_database())
        return 1;
    skip_what_cannot_run(tests, count);
    int failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    if (*database_name)
        on_server("DROP DATABASE %s");
    if (atomic_load(&taken) == 0 || atomic_load(&allocated) != 0) {
        fprintf(stderr, "# %s: %ld allocations of the library were not released, of %ld\n", name,
                atomic_load(&allocated), atomic_load(&taken));
        failed++;
    }
    return failed ? 1 : 0;
}

/* ---- the program's own connection ---- */

void host_exec(host *t, const char *sql)
{
    if (t->kind == HOST_SQLITE) {
        char *why = NULL;
        if (sqlite3_exec(t->db, sql, NULL, NULL, &why) != SQLITE_OK)
            fail_msg("%s: %s", sql, why);
        return;
    }
    PGresult *r = PQexec(t->pg, sql);
    ExecStatusType status = PQresultStatus(r);
    PQclear(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(t->pg));
}

void host_text(host *t, const char *sql, char *out, size_t size)
{
    snprintf(out, size, "(nothing)");
    if (t->kind == HOST_SQLITE) {
        sqlite3_stmt *s = NULL;
        if (sqlite3_prepare_v2(t->db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW &&
            sqlite3_column_text(s, 0))
            snprintf(out, size, "%s", (const char *)sqlite3_column_text(s, 0));
        sqlite3_finalize(s);
        return;
    }
    PGresult *r = PQexec(t->pg, sql);
    if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) > 0)
        snprintf(out, size, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
}

int64_t host_ask(host *t, const char *sql)
{
    char text[64];
    host_text(t, sql, text, sizeof text);
    return text[0] >= '0' && text[0] <= '9' ? strtoll(text, NULL, 10) : -1;
}

bool host_has_table(host *t, const char *name)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             t->kind == HOST_SQLITE ? "SELECT count(*) FROM sqlite_master WHERE name = '%s'"
                                    : "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = '%s'",
             name);
    return host_ask(t, sql) > 0;
}

static void open_sqlite(host *t)
{
    char path[100];
    snprintf(path, sizeof path, "%s/app.db", t->dir);
    snprintf(t->url, sizeof t->url, "sqlite:%s", path);
    assert_int_equal(sqlite3_open(path, &t->db), SQLITE_OK);
    sqlite3_busy_timeout(t->db, 10000);
}

static void pass_over(void *user, const char *message) { (void)user, (void)message; }

static void open_postgres(host *t)
{
    snprintf(t->url, sizeof t->url, "%s", database_url);
    t->pg = PQconnectdb(t->url);
    PQsetNoticeProcessor(t->pg, pass_over, NULL);
    if (PQstatus(t->pg) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(t->pg));
    host_exec(t, "DROP SCHEMA IF EXISTS public CASCADE; DROP SCHEMA IF EXISTS other CASCADE; CREATE SCHEMA public");
}

int host_setup(void **state)
{
    host *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->kind = *(host_kind *)*state;
    snprintf(t->dir, sizeof t->dir, "/tmp/wbl_host.XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    *state = t;
    if (t->kind == HOST_POSTGRES)
        open_postgres(t);
    else
        open_sqlite(t);
    return 0;
}

int host_teardown(void **state)
{
    host *t = *state;
    char command[100];
    wbl_close(t->h);
    sqlite3_close(t->db);
    PQfinish(t->pg);
    snprintf(command, sizeof command, "rm -rf '%s'", t->dir);
    int rc = system(command);
    free(t);
    return rc;
}

/* ---- the library ---- */

static void on_event(void *user, const wbl_event *e)
{
    host *t = user;
    assert_true(e->size >= sizeof *e);
    assert_in_range(e->kind, WBL_EVENT_RUN_STARTED, WBL_EVENT_RUN_DONE);
    t->events[e->kind]++;
    if (e->kind == WBL_EVENT_FAILED)
        snprintf(t->failed, sizeof t->failed, "%s", e->error->message);
    if (t->on_event)
        t->on_event(t, e);
}

void host_options(host *t, wbl_options *o)
{
    static const char *const none[] = { NULL };
    wbl_options_init(o);
    o->no_environment = 1;
    o->config = "";
    o->dirs = none;
    o->on_event = on_event;
    o->user = t;
}

void host_ok(const host *t, int rc)
{
    if (rc != WBL_OK)
        fail_msg("%d, effect %d: %s (%s)", rc, t->err.effect, t->err.message, t->err.hint);
}

void host_attach(host *t)
{
    wbl_options o;
    host_options(t, &o);
    o.connection = t->kind == HOST_SQLITE ? (void *)t->db : (void *)t->pg;
    o.connection_kind = t->kind == HOST_SQLITE ? "sqlite" : "postgres";
    host_ok(t, wbl_open(&o, &t->h, &t->err));
}

void host_connect(host *t)
{
    wbl_options o;
    host_options(t, &o);
    o.url = t->url;
    host_ok(t, wbl_open(&o, &t->h, &t->err));
}

void host_add(host *t, const char *ns, const char *version, const char *name, const char *up, const char *down)
{
    wbl_source s;
    wbl_source_init(&s);
    s.ns = ns;
    s.version = version;
    s.name = name;
    s.up = up;
    s.down = down;
    host_ok(t, wbl_migration_add(t->h, &s, &t->err));
}

void host_write(const host *t, const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", t->dir, name);
    for (char *slash = strchr(path + strlen(t->dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(path, 0700); /* it may be there */
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

int host_up(host *t) { return wbl_up(t->h, NULL, &t->err); }
