/*
 * host.c - see host.h. The whole process runs on an allocator of the host's that counts: at the end nothing may be left.
 */
#include "host.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TESTS_MAX 128

host_kind host_kinds[4] = { HOST_SQLITE, HOST_POSTGRES, HOST_MARIADB, HOST_MYSQL };

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

/* ---- servers: one database for the process on each, emptied for each test ---- */

static struct server {
    const char *variable;
    char url[300]; /* as given; "": there is none */
    char database_url[400];
} servers[4] = { [HOST_POSTGRES] = { .variable = "WHIMBREL_TEST_PG_URL" },
                 [HOST_MARIADB] = { .variable = "WHIMBREL_TEST_MARIADB_URL" },
                 [HOST_MYSQL] = { .variable = "WHIMBREL_TEST_MYSQL_URL" } };
static char database_name[64];

static void make_database_url(struct server *v)
{
    const char *scheme = strstr(v->url, "://"), *slash = scheme ? strchr(scheme + 3, '/') : NULL;
    const char *params = strchr(v->url, '?');
    int base = (int)(slash ? slash - v->url : params ? params - v->url : (ptrdiff_t)strlen(v->url));
    snprintf(v->database_url, sizeof v->database_url, "%.*s/%s%s", base, v->url, database_name, params ? params : "");
}

static bool on_postgres(const char *sql)
{
    PGconn *c = PQconnectdb(servers[HOST_POSTGRES].url);
    PGresult *r = PQexec(c, sql);
    bool is_good = PQresultStatus(r) == PGRES_COMMAND_OK;
    if (!is_good)
        fprintf(stderr, "# %s: %s", sql, PQerrorMessage(c));
    PQclear(r);
    PQfinish(c);
    return is_good;
}

/* "mysql://user@host:port/...", as the scripts that start the servers print it. */
static MYSQL *connect_mysql(const struct server *v, const char *database)
{
    char user[64] = "", address[128] = "";
    unsigned port = 0;
    (void)sscanf(v->url, "%*[a-z]://%63[^@]@%127[^:/]:%u", user, address, &port);
    MYSQL *c = mysql_init(NULL);
    mysql_options(c, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql_real_connect(c, address, user, NULL, database, port, NULL, CLIENT_MULTI_STATEMENTS))
        return c;
    fprintf(stderr, "# %s: %s\n", v->url, mysql_error(c));
    mysql_close(c);
    return NULL;
}

static bool on_mysql(const struct server *v, const char *sql)
{
    MYSQL *c = connect_mysql(v, NULL);
    bool is_good = c && mysql_query(c, sql) == 0;
    if (c && !is_good)
        fprintf(stderr, "# %s: %s\n", sql, mysql_error(c));
    mysql_close(c);
    return is_good;
}

static bool on_server(host_kind kind, const char *fmt)
{
    char sql[200];
    snprintf(sql, sizeof sql, fmt, database_name);
    return kind == HOST_POSTGRES ? on_postgres(sql) : on_mysql(&servers[kind], sql);
}

static bool create_databases(void)
{
    snprintf(database_name, sizeof database_name, "wbl_host_%ld", (long)getpid());
    for (host_kind k = HOST_POSTGRES; k <= HOST_MYSQL; k++) {
        const char *url = getenv(servers[k].variable);
        if (!url || !*url)
            continue;
        snprintf(servers[k].url, sizeof servers[k].url, "%s", url);
        make_database_url(&servers[k]);
        if (!on_server(k, "CREATE DATABASE %s"))
            return false;
    }
    return true;
}

static void drop_databases(void)
{
    for (host_kind k = HOST_POSTGRES; k <= HOST_MYSQL; k++)
        if (*servers[k].url)
            on_server(k, "DROP DATABASE %s");
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
        const host_kind *kind = tests[i].initial_state;
        if (!kind || *kind == HOST_SQLITE || *servers[*kind].url)
            continue;
        snprintf(names[i], sizeof names[i], "%s # SKIP %s is not set", tests[i].name, servers[*kind].variable);
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
    if (!create_databases())
        return 1;
    skip_what_cannot_run(tests, count);
    int failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    drop_databases();
    if (atomic_load(&taken) == 0 || atomic_load(&allocated) != 0) {
        fprintf(stderr, "# %s: %ld allocations of the library were not released, of %ld\n", name,
                atomic_load(&allocated), atomic_load(&taken));
        failed++;
    }
    return failed ? 1 : 0;
}

/* ---- the program's own connection ---- */

const char *host_driver(const host *t)
{
    return t->kind == HOST_SQLITE ? "sqlite" : t->kind == HOST_POSTGRES ? "postgres" : "mysql";
}

void *host_native(const host *t)
{
    return t->kind == HOST_SQLITE ? (void *)t->db : t->kind == HOST_POSTGRES ? (void *)t->pg : (void *)t->my;
}

/* All answers; the first value of the last one that has rows goes to out, where there is a place for it. */
static bool ask_mysql(MYSQL *c, const char *sql, char *out, size_t size)
{
    int rc = mysql_query(c, sql);
    while (rc == 0) {
        MYSQL_RES *res = mysql_store_result(c);
        MYSQL_ROW row = res ? mysql_fetch_row(res) : NULL;
        if (out && row && row[0])
            snprintf(out, size, "%s", row[0]);
        mysql_free_result(res);
        rc = mysql_next_result(c);
    }
    return rc < 0;
}

void host_exec(host *t, const char *sql)
{
    if (t->kind == HOST_SQLITE) {
        char *why = NULL;
        if (sqlite3_exec(t->db, sql, NULL, NULL, &why) != SQLITE_OK)
            fail_msg("%s: %s", sql, why);
        return;
    }
    if (host_is_mysql(t)) {
        if (!ask_mysql(t->my, sql, NULL, 0))
            fail_msg("%s: %s", sql, mysql_error(t->my));
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
    if (host_is_mysql(t)) {
        (void)ask_mysql(t->my, sql, out, size);
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
    static const char *const looks[] = {
        [HOST_SQLITE] = "SELECT count(*) FROM sqlite_master WHERE name = '%s'",
        [HOST_POSTGRES] = "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = '%s'",
        [HOST_MARIADB] =
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '%s'",
        [HOST_MYSQL] =
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '%s'",
    };
    snprintf(sql, sizeof sql, looks[t->kind], name);
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
    snprintf(t->url, sizeof t->url, "%s", servers[HOST_POSTGRES].database_url);
    t->pg = PQconnectdb(t->url);
    PQsetNoticeProcessor(t->pg, pass_over, NULL);
    if (PQstatus(t->pg) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(t->pg));
    host_exec(t, "DROP SCHEMA IF EXISTS public CASCADE; DROP SCHEMA IF EXISTS other CASCADE; CREATE SCHEMA public");
}

static void open_mysql(host *t)
{
    char sql[300];
    snprintf(t->url, sizeof t->url, "%s", servers[t->kind].database_url);
    t->my = connect_mysql(&servers[t->kind], database_name);
    assert_non_null(t->my);
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s; CREATE DATABASE %s CHARACTER SET utf8mb4; USE %s",
             database_name, database_name, database_name);
    host_exec(t, sql);
}

int host_setup(void **state)
{
    host *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->kind = *(host_kind *)*state;
    snprintf(t->dir, sizeof t->dir, "/tmp/wbl_host.XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    *state = t;
    if (host_is_mysql(t))
        open_mysql(t);
    else if (t->kind == HOST_POSTGRES)
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
    if (t->my)
        mysql_close(t->my);
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
    o.connection = host_native(t);
    o.connection_kind = host_driver(t);
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
