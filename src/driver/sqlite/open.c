/*
 * open.c - open, attach, reopen and close a SQLite database.
 *
 * Opening must not write: a file that does not exist yet is stood for by an empty database in memory until the first
 * write, so that "status" leaves no empty file behind, and neither does a run that fails before it starts. The file
 * itself is read with the first call that needs it, not here.
 *
 * attach() works on the caller's own sqlite3*. It must be idle and in autocommit. Its busy handler, busy timeout,
 * authorizer and hooks are left alone; a progress handler is replaced while a script runs and is gone afterwards
 * (SQLite has no way to ask for it). Foreign keys and other settings are put back by reset(). Any of the caller's own
 * statements that is unfinished makes schema changes fail with SQLITE_LOCKED, as without us.
 *
 * Owns the session: handle, prepared statements, arena, buffer.
 */
#include "driver/sqlite/lite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SQL_TEXT_MAX ((size_t)1 << 30)
#define PROGRESS_STEPS 4096 /* of SQLite's machine between two looks at the cancel flag: about 0.1 ms */

/* ---- a call ---- */

lite *lite_enter(wb_ctx *cx, wb_session *session)
{
    lite *s = lite_of(session);
    s->base.failure = (wb_failure){ .offset = SIZE_MAX };
    s->cx = cx;
    s->is_interrupted = false;
    s->statement_until_ms = 0;
    s->busy_until_ms = wb_now_ms() + s->set.busy_timeout_ms;
    if (cx->deadline_ms && cx->deadline_ms < s->busy_until_ms)
        s->busy_until_ms = cx->deadline_ms;
    return s;
}

void lite_leave(lite **s)
{
    (*s)->cx = NULL;
    (*s)->statement_until_ms = 0;
}

#define TRIES_A_SECOND 20

static void tell_waiting(lite *s)
{
    wb_holder who;
    char text[400];
    bool is_known = lite_find_holder(s, &who);
    int n = snprintf(text, sizeof text, "waiting for the write lock of %s", s->base.server.database);
    if (is_known && n > 0 && (size_t)n < sizeof text)
        snprintf(text + n, sizeof text - (size_t)n, ", held by process %lld (%s)", (long long)who.pid, who.application);
    s->cx->waiting(s->cx->user, text);
}

/* SQLite asks whether to try again. Without a call of ours (the handle is in use by a migration written in C) only the
   timeout counts. */
static int on_busy(void *user, int tries)
{
    lite *s = user;
    int64_t now = wb_now_ms();
    if (!s->cx && tries == 0)
        s->busy_until_ms = now + s->set.busy_timeout_ms;
    if (now >= s->busy_until_ms || (s->cx && wb_cancelled(s->cx)) || s->is_interrupted)
        return 0;
    if (s->cx && s->cx->waiting && tries % TRIES_A_SECOND == TRIES_A_SECOND - 1)
        tell_waiting(s);
    int64_t pause_ms = tries < 5 ? (int64_t)1 << tries : 50, left_ms = s->busy_until_ms - now;
    wb_sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
    return 1;
}

static int on_progress(void *user)
{
    const lite *s = user;
    if (!s->cx)
        return 0;
    int64_t now = wb_now_ms();
    return wb_cancelled(s->cx) || (s->statement_until_ms && now >= s->statement_until_ms) ||
           (s->cx->deadline_ms && now >= s->cx->deadline_ms);
}

void lite_install_handlers(lite *s)
{
    if (!s->is_foreign)
        sqlite3_busy_handler(s->db, on_busy, s);
    sqlite3_progress_handler(s->db, PROGRESS_STEPS, on_progress, s);
}

/* ---- statements of ours ---- */

static void forget_statements(lite *s)
{
    for (size_t i = 0; i < LITE_CACHE_MAX; i++) {
        sqlite3_finalize(s->cache[i]);
        s->cache[i] = NULL;
    }
}

int lite_prepare(lite *s, const char *sql, sqlite3_stmt **out)
{
    for (size_t i = 0; i < LITE_CACHE_MAX && s->cache[i]; i++)
        if (strcmp(sqlite3_sql(s->cache[i]), sql) == 0) {
            *out = s->cache[i];
            return SQLITE_OK;
        }
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_finalize(s->cache[s->cache_next]);
    s->cache[s->cache_next] = stmt;
    s->cache_next = (s->cache_next + 1) % LITE_CACHE_MAX;
    *out = stmt;
    return SQLITE_OK;
}

int lite_exec(lite *s, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int rc = lite_prepare(s, sql, &stmt);
    if (rc != SQLITE_OK)
        return rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        ;
    int end = sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? end : rc;
}

/* The busy handler has waited already where it is ours; a handle of the caller's may have none. */
int lite_exec_waiting(wb_ctx *cx, lite *s, const char *sql)
{
    for (int64_t pause_ms = 1;; pause_ms = pause_ms < 25 ? pause_ms * 2 : 50) {
        int rc = lite_exec(s, sql);
        if ((rc & 0xFF) != SQLITE_BUSY || wb_now_ms() >= s->busy_until_ms || wb_cancelled(cx))
            return rc;
        wb_sleep_ms(pause_ms);
    }
}

/* ---- opening ---- */

static int open_handle(wb_ctx *cx, lite *s, const char *path, int flags)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, s->set.vfs);
    if (rc != SQLITE_OK) {
        int code = lite_code_of(rc);
        wb_fail(cx, code, WBL_EFFECT_NONE, "cannot open %s: %s", s->set.path,
                db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
        if (rc == SQLITE_ERROR && s->set.vfs)
            wb_hint(cx, "Is there a VFS called \"%s\"?", s->set.vfs);
        if (cx->err)
            cx->err->native = rc;
        sqlite3_close(db);
        return code;
    }
    pthread_mutex_lock(&s->guard);
    s->db = db;
    pthread_mutex_unlock(&s->guard);
    lite_install_handlers(s);
    if (s->set.foreign_keys != WB_UNSET)
        lite_foreign_keys_set(s, s->set.foreign_keys == WB_ON);
    s->is_set_up = false;
    s->is_snapped = false;
    s->has_attached = false;
    return 0;
}

static void close_handle(lite *s)
{
    forget_statements(s);
    pthread_mutex_lock(&s->guard);
    sqlite3 *db = s->db;
    s->db = NULL;
    pthread_mutex_unlock(&s->guard);
    if (!s->is_foreign)
        sqlite3_close_v2(db); /* v2: a migration written in C may have left a statement of its own */
}

/* The file is absent: is there at least its folder? */
static int check_folder(wb_ctx *cx, const lite *s)
{
    const char *slash = strrchr(s->set.path, '/');
    if (!slash || slash == s->set.path)
        return 0;
    WB_AUTOBUF wb_buf folder = WB_BUF(WB_TEXT_MAX);
    wb_buf_add(&folder, s->set.path, (size_t)(slash - s->set.path));
    const char *path = wb_buf_cstr(&folder);
    if (!path)
        return wb_nomem(cx);
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "cannot open %s: the folder %s %s", s->set.path, path,
            errno == ENOENT ? "does not exist" : "cannot be used");
    wb_hint(cx, "SQLite creates the file, not its folder.");
    return WBL_E_CONNECT;
}

static int open_absent(wb_ctx *cx, lite *s)
{
    if (!s->set.may_create)
        return wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE,
                       "cannot open %s: the file does not exist, and mode=%s creates none", s->set.path,
                       s->set.may_write ? "rw" : "ro");
    int rc = check_folder(cx, s);
    if (rc != 0)
        return rc;
    s->is_stand_in = true;
    return open_handle(cx, s, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

/* Reading does not open read-only: what a killed process left half written could then not be rolled back. */
static int open_path(wb_ctx *cx, lite *s, bool may_create)
{
    int flags = s->set.may_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    struct stat st;
    s->is_stand_in = false;
    if (s->set.is_memory)
        return open_handle(cx, s, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (s->set.vfs && !wb_starts(s->set.vfs, "unix")) /* its names need not be files */
        return open_handle(cx, s, s->set.path,
                           flags | (s->set.may_create && !s->is_read_only ? SQLITE_OPEN_CREATE : 0));
    if (stat(s->set.path, &st) == 0) {
        if (!S_ISDIR(st.st_mode))
            return open_handle(cx, s, s->set.path, flags);
        wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "cannot open %s: it is a folder", s->set.path);
        wb_hint(cx, "The URL must name a file, such as sqlite:%s/app.db.", s->set.path);
        return WBL_E_CONNECT;
    }
    if (errno != ENOENT && errno != ENOTDIR)
        return wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "cannot open %s: %s", s->set.path, strerror(errno));
    if (may_create)
        return open_handle(cx, s, s->set.path, flags | SQLITE_OPEN_CREATE);
    return open_absent(cx, s);
}

static void describe_server(lite *s, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL, *base = slash ? slash + 1 : path;
    wb_server *v = &s->base.server;
    wb_copy_text(v->product, sizeof v->product, "SQLite", 6);
    wb_copy_text(v->version_text, sizeof v->version_text, sqlite3_libversion(), strlen(sqlite3_libversion()));
    v->version = (uint32_t)sqlite3_libversion_number();
    if (!base || !*base)
        base = ":memory:";
    wb_copy_text(v->database, sizeof v->database, base, strlen(base));
}

static lite *session_new(wb_ctx *cx, const wb_open_options *opt)
{
    extern const wb_driver wb_driver_sqlite;
    lite *s = wb_alloc(sizeof *s);
    if (!s || pthread_mutex_init(&s->guard, NULL) != 0) {
        wb_free(s);
        wb_nomem(cx);
        return NULL;
    }
    s->base.driver = &wb_driver_sqlite;
    s->base.caps = wb_driver_sqlite.caps;
    s->sql = WB_BUF(SQL_TEXT_MAX);
    s->is_read_only = opt->read_only;
    s->base.failure.offset = SIZE_MAX;
    return s;
}

static void session_freep(lite **s)
{
    if (*s)
        lite_close(&(*s)->base);
}

int lite_open(wb_ctx *cx, const wb_open_options *opt, wb_session **out)
{
    WB_CLEANUP(session_freep) lite *s = session_new(cx, opt);
    if (!s)
        return WBL_E_NOMEM;
    int rc = lite_settings_read(cx, &s->mem, opt, &s->set);
    if (rc != 0)
        return rc;
    describe_server(s, s->set.is_memory ? NULL : s->set.path);
    if ((rc = open_path(cx, s, false)) != 0)
        return rc;
    *out = &WB_STEAL(s)->base;
    return 0;
}

int lite_attach(wb_ctx *cx, void *native, const wb_open_options *opt, wb_session **out)
{
    WB_CLEANUP(session_freep) lite *s = session_new(cx, opt);
    if (!s)
        return WBL_E_NOMEM;
    int rc = lite_settings_read(cx, &s->mem, opt, &s->set);
    if (rc != 0)
        return rc;
    if (!native)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "there is no connection to attach to");
    if (!sqlite3_get_autocommit(native)) {
        wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the connection is inside a transaction");
        wb_hint(cx, "Commit or roll back first: migrations need transactions of their own.");
        return WBL_E_INVALID;
    }
    s->is_foreign = true;
    s->is_set_up = true; /* its settings are the caller's business */
    s->db = native;
    describe_server(s, sqlite3_db_filename(native, "main"));
    *out = &WB_STEAL(s)->base;
    return 0;
}

void lite_close(wb_session *session)
{
    if (!session)
        return;
    lite *s = lite_of(session);
    s->cx = NULL;
    if (s->db && s->is_foreign) {
        if ((s->is_group_open || s->is_unit_open) && !sqlite3_get_autocommit(s->db))
            (void)lite_exec(s, "ROLLBACK"); /* nobody is left to tell; the handle's next use shows a failure */
        if (s->foreign_keys_before != WB_UNSET)
            lite_foreign_keys_set(s, s->foreign_keys_before == WB_ON);
    }
    if (s->db)
        close_handle(s);
    pthread_mutex_destroy(&s->guard);
    wb_buf_done(&s->sql);
    wb_arena_done(&s->mem);
    wb_free(s);
}

/* A handle of the caller's cannot be opened again: its open transaction is rolled back, which is all that a new
   connection would give. */
int lite_reopen(wb_ctx *cx, wb_session *session)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    if (s->is_foreign) {
        int rc = sqlite3_get_autocommit(s->db) ? SQLITE_OK : lite_exec(s, "ROLLBACK");
        if (rc != SQLITE_OK)
            return lite_fail(cx, s, rc, WBL_EFFECT_UNKNOWN);
        lite_forget_units(s);
        return 0;
    }
    if (s->db)
        close_handle(s);
    lite_forget_units(s);
    return open_path(cx, s, false);
}

int lite_make_writable(wb_ctx *cx, lite *s)
{
    if (s->is_read_only)
        return wb_fail(cx, WBL_E_REFUSED, WBL_EFFECT_NONE, "%s: the session was opened for reading",
                       s->base.server.database);
    if (s->is_stand_in) {
        close_handle(s);
        int rc = open_path(cx, s, true);
        if (rc != 0)
            return rc;
    }
    return lite_settings_apply(cx, s);
}

void lite_cancel(wb_session *session)
{
    lite *s = lite_of(session);
    s->is_interrupted = true;
    pthread_mutex_lock(&s->guard);
    if (s->db)
        sqlite3_interrupt(s->db);
    pthread_mutex_unlock(&s->guard);
}

void *lite_native(wb_session *session) { return lite_of(session)->db; }
