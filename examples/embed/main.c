/*
 * embed - a service that brings its own database up to date before it starts.
 *
 *   embed app.db                       with its own sqlite3 connection
 *   embed postgres://localhost/shop    with its own PGconn
 *
 * The migrations come from three places, and form one line of versions: files in migrations/ (000001, 000002), a function
 * in this program (000003), and SQL that is compiled into it (000004).
 */
#include <libpq-fe.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <whimbrel.h>

/* ---- a migration in C: a slug for each customer, which plain SQL has no word for ---- */

static void make_slug(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (; *name && n + 1 < size; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            out[n++] = c;
        else if (n > 0 && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    out[n] = 0;
}

static int fail(wbl_error *err, const char *why)
{
    snprintf(err->message, sizeof err->message, "%s", why);
    return WBL_E_STATEMENT;
}

static int fill_sqlite(sqlite3 *db, wbl_error *err)
{
    sqlite3_stmt *read = NULL, *write = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT id, name FROM customers", -1, &read, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, "UPDATE customers SET slug = ?2 WHERE id = ?1", -1, &write, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(read)) == SQLITE_ROW) {
        char slug[100];
        make_slug((const char *)sqlite3_column_text(read, 1), slug, sizeof slug);
        sqlite3_bind_int64(write, 1, sqlite3_column_int64(read, 0));
        sqlite3_bind_text(write, 2, slug, -1, SQLITE_TRANSIENT);
        rc = sqlite3_step(write) == SQLITE_DONE ? sqlite3_reset(write) : sqlite3_errcode(db);
    }
    int result = rc == SQLITE_DONE ? 0 : fail(err, sqlite3_errmsg(db));
    sqlite3_finalize(read); /* the transaction can't be committed while a statement of ours is open */
    sqlite3_finalize(write);
    return result;
}

static int fill_postgres(PGconn *conn, wbl_error *err)
{
    PGresult *rows = PQexec(conn, "SELECT id, name FROM customers");
    int rc = PQresultStatus(rows) == PGRES_TUPLES_OK ? 0 : fail(err, PQerrorMessage(conn));
    for (int i = 0; rc == 0 && i < PQntuples(rows); i++) {
        char slug[100];
        const char *values[2];
        make_slug(PQgetvalue(rows, i, 1), slug, sizeof slug);
        values[0] = PQgetvalue(rows, i, 0);
        values[1] = slug;
        PGresult *done =
            PQexecParams(conn, "UPDATE customers SET slug = $2 WHERE id = $1", 2, NULL, values, NULL, NULL, 0);
        rc = PQresultStatus(done) == PGRES_COMMAND_OK ? 0 : fail(err, PQerrorMessage(conn));
        PQclear(done);
    }
    PQclear(rows);
    return rc;
}

static int slugs_up(void *user, const wbl_session *s, wbl_error *err)
{
    (void)user;
    int rc = wbl_run_sql(s, "ALTER TABLE customers ADD COLUMN slug varchar(100)", err);
    if (rc != 0)
        return rc;
    return strcmp(s->kind, "sqlite") == 0 ? fill_sqlite(s->connection, err) : fill_postgres(s->connection, err);
}

static int slugs_down(void *user, const wbl_session *s, wbl_error *err)
{
    (void)user;
    return wbl_run_sql(s, "ALTER TABLE customers DROP COLUMN slug", err);
}

/* ---- what the program hears ---- */

static void on_event(void *user, const wbl_event *e)
{
    (void)user;
    if (e->kind == WBL_EVENT_RUN_STARTED)
        printf("%u to apply\n", e->count);
    else if (e->kind == WBL_EVENT_DONE)
        printf("  %s %s\n", e->migration->version, e->migration->name);
    else if (e->kind == WBL_EVENT_FAILED)
        printf("  %s %s: %s\n", e->migration->version, e->migration->name, e->error->message);
    else if (e->kind == WBL_EVENT_WAITING)
        printf("waiting for %s\n", e->text);
    else if (e->kind == WBL_EVENT_FINDING)
        printf("%s\n", e->finding->message);
}

static wbl_handle *volatile running;

static void on_signal(int number)
{
    (void)number;
    wbl_cancel(running); /* may be called from a handler: the call below returns WBL_E_CANCELLED */
}

static int tell(const char *what, const wbl_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->message);
    if (err->line)
        fprintf(stderr, "  %s:%u:%u\n", err->file, (unsigned)err->line, (unsigned)err->column);
    if (err->hint[0])
        fprintf(stderr, "  %s\n", err->hint);
    fprintf(stderr, "  left behind: %s\n",
            err->effect == WBL_EFFECT_NONE   ? "nothing"
            : err->effect == WBL_EFFECT_SOME ? "some statements, which are recorded"
                                             : "nobody can tell yet; run again");
    return 1;
}

/* ---- the migrations that are not files ---- */

static int add_migrations(wbl_handle *h, wbl_error *err)
{
    wbl_code_migration code;
    wbl_code_migration_init(&code);
    code.version = "000003";
    code.name = "slugs";
    code.description = "a slug for each customer";
    code.up = slugs_up;
    code.down = slugs_down;
    int rc = wbl_migration_register(h, &code, err);
    if (rc != 0)
        return rc;

    wbl_source source;
    wbl_source_init(&source);
    source.version = "000004";
    source.name = "slug_index";
    source.up = "CREATE UNIQUE INDEX customers_slug ON customers (slug);";
    source.down = "DROP INDEX customers_slug;";
    return wbl_migration_add(h, &source, err);
}

/* ---- the calls ---- */

static void print_status(const wbl_report *r)
{
    static const char *const states[] = { "pending", "applied", "failed", "unknown", "skipped", "missing", "disabled" };
    printf("%s\n", r->server);
    for (uint32_t i = 0; i < r->migration_count; i++)
        printf("  %s %-12s %s\n", r->migrations[i].version, r->migrations[i].name, states[r->migrations[i].state]);
}

static int migrate(wbl_handle *h)
{
    wbl_error err = { 0 };
    wbl_check_options check;
    if (add_migrations(h, &err) != 0)
        return tell("the program's own migrations", &err);
    int rc = wbl_up(h, NULL, &err);
    if (rc < 0)
        return tell("migration failed", &err);
    printf(rc == WBL_NO_CHANGE ? "nothing to do\n" : "up to date\n");

    /* A service that does not migrate by itself makes only this call at its start. */
    wbl_check_options_init(&check);
    check.current = 1;
    rc = wbl_check(h, &check, &err);
    if (rc != WBL_OK)
        return tell("the database is not ready", &err);
    if (wbl_status(h, NULL, &err) != WBL_OK)
        return tell("no status", &err);
    print_status(wbl_report_get(h));
    return 0;
}

static int run(const char *kind, void *connection)
{
    static const char *const dirs[] = { "migrations" };
    wbl_error err = { 0 };
    wbl_options options;
    wbl_handle *h = NULL;
    wbl_options_init(&options);
    options.connection = connection; /* stays ours */
    options.connection_kind = kind;
    options.dirs = dirs;
    options.dir_count = 1;
    options.config = "";        /* the program alone says what holds: no file, */
    options.no_environment = 1; /* no DATABASE_URL */
    options.application = "embed";
    options.on_event = on_event;
    if (wbl_open(&options, &h, &err) != WBL_OK)
        return tell("can't open", &err);
    running = h;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    int status = migrate(h);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    wbl_close(h);
    return status;
}

/* ---- the program: its connection is open before and after ---- */

static int with_sqlite(const char *path)
{
    sqlite3 *db = NULL;
    int status = 1;
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(db));
    } else {
        status = run("sqlite", db);
        sqlite3_stmt *s = NULL;
        if (status == 0 && sqlite3_prepare_v2(db, "SELECT slug FROM customers ORDER BY id", -1, &s, NULL) == SQLITE_OK)
            while (sqlite3_step(s) == SQLITE_ROW)
                printf("customer %s\n", (const char *)sqlite3_column_text(s, 0));
        sqlite3_finalize(s);
    }
    sqlite3_close(db);
    return status;
}

static int with_postgres(const char *url)
{
    PGconn *conn = PQconnectdb(url);
    int status = 1;
    if (PQstatus(conn) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(conn));
    } else {
        status = run("postgres", conn);
        PGresult *rows = status == 0 ? PQexec(conn, "SELECT slug FROM customers ORDER BY id") : NULL;
        for (int i = 0; i < PQntuples(rows); i++)
            printf("customer %s\n", PQgetvalue(rows, i, 0));
        PQclear(rows);
    }
    PQfinish(conn);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: embed FILE.db | embed postgres://HOST/DATABASE\n");
        return 2;
    }
    return strncmp(argv[1], "postgres", 8) == 0 ? with_postgres(argv[1]) : with_sqlite(argv[1]);
}
