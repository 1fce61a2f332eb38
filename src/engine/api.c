/*
 * api.c - the handle: options, configuration, migrations from memory and code. The calls themselves are in calls.c,
 * repair.c and check.c.
 */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME_BYTES_MAX 255                 /* as a file's name */

const char *wbl_version_text(void) { return WBL_VERSION; }
void wbl_free(void *p) { wb_free(p); }
void wbl_allocator_set(void *(*alloc)(size_t), void (*release)(void *)) { wb_alloc_set(alloc, release); }

/* ---- structs of the caller ----
 *
 * A program that was compiled with an older header has shorter structs, one with a newer header longer ones. The init
 * function gets the caller's size, and so never writes beyond it; what the caller does not have keeps its default here;
 * what we do not know must be unset. So members are only ever added at the end, and FIRST_SIZE never changes.
 */
#define FIRST_SIZE(type, last_member) (offsetof(type, last_member) + sizeof((type){ 0 }.last_member)) /* of 0.1 */

static void init_struct(void *to, size_t size, void *defaults, size_t known)
{
    uint32_t told = (uint32_t)size;
    memcpy(defaults, &told, sizeof told); /* `size` is the first member of each */
    memset(to, 0, size);
    memcpy(to, defaults, size < known ? size : known);
}

/* `to` holds the defaults. */
static int take_struct(wb_ctx *cx, void *to, size_t known, const void *from, size_t first, const char *name)
{
    uint32_t size, told = (uint32_t)known;
    memcpy(&size, from, sizeof size);
    if (size < first)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "a wbl_%s was not set up with wbl_%s_init()", name, name);
    for (size_t i = known; i < size; i++)
        if (((const char *)from)[i])
            return wb_fail(cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE,
                           "a wbl_%s sets what this version of the library (" WBL_VERSION ") does not know", name);
    memcpy(to, from, size < known ? size : known);
    memcpy(to, &told, sizeof told);
    return 0;
}

#define STRUCT_ROOM(name, last_member, ...)                                                                            \
    void wbl_##name##_init_sized(wbl_##name *to, uint32_t size)                                                        \
    {                                                                                                                  \
        wbl_##name defaults = { __VA_ARGS__ };                                                                         \
        init_struct(to, size, &defaults, sizeof defaults);                                                             \
    }                                                                                                                  \
    int wb_take_##name(wb_ctx *cx, const wbl_##name *from, wbl_##name *to)                                             \
    {                                                                                                                  \
        wbl_##name##_init(to);                                                                                         \
        return from ? take_struct(cx, to, sizeof *to, from, FIRST_SIZE(wbl_##name, last_member), #name) : 0;           \
    }

STRUCT_ROOM(options, user, .lock_timeout_ms = -1, .connect_timeout_ms = -1, .ddl_lock_timeout_ms = -1,
            .ddl_lock_tries = -1, .statement_timeout_ms = -1, .group_max = -1)
STRUCT_ROOM(source, requires_count, .size = 0)
STRUCT_ROOM(code_migration, requires_count, .size = 0)
STRUCT_ROOM(request, verbose, .size = 0)
STRUCT_ROOM(check_options, wait_ms, .wait_ms = -1)
STRUCT_ROOM(new_options, renumber, .size = 0)

int wb_bad_call(wbl_error *err, const char *what)
{
    wb_ctx cx = { .err = err };
    return wb_fail(&cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s", what);
}

/* ---- open ---- */

static int copy_text(wb_ctx *cx, wb_arena *mem, const char **field)
{
    if (!*field)
        return 0;
    *field = wb_arena_dup(mem, *field);
    return *field ? 0 : wb_nomem(cx);
}

static int copy_options(wb_ctx *cx, wbl_handle *h, const wbl_options *o)
{
    h->options = *o;
    const char **texts[] = { &h->options.url, &h->options.config, &h->options.working_dir, &h->options.profile,
                             &h->options.format, &h->options.target, &h->options.ledger_schema, &h->options.ledger_table,
                             &h->options.password_file, &h->options.application, &h->options.command_name,
                             &h->options.connection_kind };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < WB_COUNT(texts); i++)
        rc = copy_text(cx, &h->mem, texts[i]);
    if (rc != 0 || !o->dirs)
        return rc;
    const char **dirs = wb_arena_get(&h->mem, (o->dir_count + 1) * sizeof *dirs);
    if (!dirs)
        return wb_nomem(cx);
    for (uint32_t i = 0; rc == 0 && i < o->dir_count; i++) {
        dirs[i] = o->dirs[i] + (wb_starts(o->dirs[i], "file://") ? strlen("file://") : 0); /* golang-migrate's source URL */
        rc = copy_text(cx, &h->mem, &dirs[i]);
    }
    h->options.dirs = dirs;
    return rc;
}

static const char *environment(void *user, const char *name)
{
    (void)user;
    return getenv(name);
}

/* x- parameters are golang-migrate's: they are for us, not for the client library. */
static int apply_url_parameters(wb_ctx *cx, wbl_handle *h)
{
    const char *table = wb_url_param(&h->url, "x-migrations-table");
    const char *quoted = wb_url_param(&h->url, "x-migrations-table-quoted");
    const char *timeout = wb_url_param(&h->url, "x-statement-timeout");
    if (timeout && h->options.statement_timeout_ms < 0)
        h->config.statement_timeout_ms = strtoll(timeout, NULL, 10);
    if (!table || h->options.ledger_table)
        return 0;
    bool is_quoted = quoted && (strcmp(quoted, "1") == 0 || strcmp(quoted, "true") == 0);
    h->config.ledger_table = table;
    if (!is_quoted)
        return 0;
    size_t n = strlen(table);
    if (n < 3 || table[0] != '"' || table[n - 1] != '"')
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE,
                       "x-migrations-table must be quoted (for instance '\"migrate\".\"schema_migrations\"') when "
                       "x-migrations-table-quoted is enabled, current value is: %s", table);
    const char *dot = strstr(table, "\".\"");
    if (dot)
        h->config.ledger_schema = wb_arena_str(&h->mem, table + 1, (size_t)(dot - table - 1));
    const char *name = dot ? dot + 3 : table + 1;
    h->config.ledger_table = wb_arena_str(&h->mem, name, (size_t)(table + n - 1 - name));
    return h->config.ledger_table && (!dot || h->config.ledger_schema) ? 0 : wb_nomem(cx);
}

static int choose_driver(wb_ctx *cx, wbl_handle *h)
{
    if (h->options.connection) {
        const char *kind = h->options.connection_kind;
        if (!kind)
            return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "connection_kind says nothing; it is needed with connection");
        h->url = (wb_url){ .scheme = kind, .shown = wb_arena_fmt(&h->mem, "%s: (the program's own connection)", kind) };
        h->has_url = true;
        return h->url.shown ? wb_driver_by_name(cx, kind, &h->driver) : wb_nomem(cx);
    }
    if (!h->config.url || !*h->config.url)
        return 0;
    int rc = wb_url_parse(cx, &h->mem, h->config.url, &h->url);
    if (rc != 0)
        return rc;
    h->has_url = true;
    rc = wb_driver_for_scheme(cx, h->url.scheme ? h->url.scheme : "postgres", &h->driver);
    if (rc == 0 && h->options.working_dir && h->url.path && h->url.path[0] != '/' &&
        h->url.scheme && strncmp(h->url.scheme, "sqlite", 6) == 0 && strcmp(h->url.path, ":memory:") != 0) {
        h->url.path = wb_arena_fmt(&h->mem, "%s/%s", h->options.working_dir, h->url.path);
        if (!h->url.path)
            return wb_nomem(cx);
    }
    return rc == 0 ? apply_url_parameters(cx, h) : rc;
}

static int check_options(wb_ctx *cx, const wbl_options *given, wbl_options *o)
{
    int rc = wb_take_options(cx, given, o);
    if (rc != 0)
        return rc;
    if (o->default_out_of_order < 0 || o->default_out_of_order > 3)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "default_out_of_order is 0 to 3, not %d", o->default_out_of_order);
    if (o->dir_count && !o->dirs)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "dir_count is %u, and dirs is NULL", o->dir_count);
    for (uint32_t i = 0; i < o->dir_count; i++)
        if (!o->dirs[i])
            return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "dirs[%u] is NULL", i);
    return 0;
}

int wbl_open(const wbl_options *options, wbl_handle **out, wbl_error *err)
{
    wb_ctx cx = { .err = err };
    if (err)
        wb_error_clear(err);
    if (!out)
        return wb_bad_call(err, "wbl_open() needs a place for the handle");
    wbl_options o;
    int rc = check_options(&cx, options, &o);
    if (rc != 0)
        return rc;
    wbl_handle *h = wb_alloc(sizeof *h);
    if (!h)
        return wb_nomem(&cx);
    h->base_fd = AT_FDCWD;
    h->report.size = sizeof h->report;
    h->findings.mem = &h->call;
    rc = copy_options(&cx, h, &o);
    if (rc == 0 && h->options.working_dir) {
        h->base_fd = open(h->options.working_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (h->base_fd < 0)
            rc = wb_fail(&cx, WBL_E_IO, WBL_EFFECT_NONE, "can't open %s: %s", h->options.working_dir, strerror(errno));
    }
    const wb_config_request q = { .options = &h->options, .getenv = h->options.no_environment ? NULL : environment,
                                  .base_fd = h->base_fd };
    if (rc == 0)
        rc = wb_config_load(&cx, &h->mem, &q, &h->config);
    if (!h->config.ledger_table)
        h->config.ledger_table = WB_LEDGER_TABLE;
    if (!h->config.application)
        h->config.application = "whimbrel";
    if (rc == 0)
        rc = choose_driver(&cx, h);
    if (rc == 0 && wb_uuid7(h->session_id) != 0)
        rc = wb_fail(&cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "the system gives no random numbers");
    if (rc != 0) {
        wbl_close(h);
        return rc;
    }
    h->report.url = h->has_url ? h->url.shown : NULL;
    *out = h;
    return WBL_OK;
}

void wbl_close(wbl_handle *h)
{
    if (!h)
        return;
    if (h->session)
        h->driver->close(h->session);
    if (h->base_fd >= 0)
        close(h->base_fd);
    wb_arena_done(&h->call);
    wb_arena_done(&h->mem);
    wb_free(h);
}

/* A signal handler may call these: a lock-free store and nothing else. */
_Static_assert(__atomic_always_lock_free(sizeof(int), 0), "wbl_cancel() must be async-signal-safe");

void wbl_cancel(wbl_handle *h)
{
    if (h)
        __atomic_store_n(&h->cancel, 1, __ATOMIC_RELAXED);
}

void wbl_cancel_clear(wbl_handle *h)
{
    if (h)
        __atomic_store_n(&h->cancel, 0, __ATOMIC_RELAXED);
}

const wbl_report *wbl_report_get(const wbl_handle *h)
{
    static const wbl_report none = { .size = sizeof none };
    return h ? &h->report : &none;
}

/* ---- migrations from memory and code ---- */

static int copy_requires(wb_ctx *cx, wb_arena *mem, const char *const *in, uint32_t count, const wb_require **out)
{
    wb_require *list = wb_arena_get(mem, (count + 1) * sizeof *list);
    if (!list)
        return wb_nomem(cx);
    for (uint32_t i = 0; i < count; i++) {
        if (!in || !in[i])
            return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "requirement %u of %u is NULL", i + 1, count);
        const char *at = strchr(in[i], '@');
        list[i].ns = wb_arena_str(mem, in[i], at ? (size_t)(at - in[i]) : strlen(in[i]));
        list[i].version = at ? wb_arena_dup(mem, at + 1) : NULL;
        if (!list[i].ns || (at && !list[i].version))
            return wb_nomem(cx);
        if (!*list[i].ns || (at && !*list[i].version))
            return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "\"%s\" is no requirement; write namespace or namespace@version", in[i]);
    }
    *out = list;
    return 0;
}

/* As strict as with the names of directories and files. */
static int check_name(wb_ctx *cx, const char *what, const char *name, size_t max)
{
    size_t n = name ? strlen(name) : 0;
    if (name && !wb_is_clean(name))
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the %s \"%s\" holds a control character or is not UTF-8", what, name);
    if (n > max)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the %s %s has %zu bytes, and the ledger holds %zu", what, name, n, max);
    return 0;
}

static int new_extra(wb_ctx *cx, wbl_handle *h, const char *ns, const char *version, const char *name, const char *const *requires,
                     uint32_t count, wb_migration **out)
{
    if (!version || !wb_version_valid(WB_ORDER_NUMERIC, version))
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "version \"%s\" is no number", version ? version : "");
    int rc = check_name(cx, "namespace", ns, WB_NS_MAX);
    if (rc == 0)
        rc = check_name(cx, "name", name, NAME_BYTES_MAX);
    if (rc != 0)
        return rc;
    wb_extra *e = WB_PUSH(&h->mem, h->extra, h->extra_count, h->extra_cap);
    if (!e)
        return wb_nomem(cx);
    wb_migration *m = &e->migration;
    *m = (wb_migration){ .ns = wb_arena_dup(&h->mem, ns && *ns ? ns : WB_DEFAULT_NS), .version = wb_arena_dup(&h->mem, version),
                         .name = wb_arena_dup(&h->mem, name ? name : ""), .dir_fd = -1, .require_count = count };
    rc = m->ns && m->version && m->name ? 0 : wb_nomem(cx);
    if (rc == 0 && !(m->key = wb_version_key(&h->mem, WB_ORDER_NUMERIC, m->version, strlen(m->version))))
        rc = wb_nomem(cx);
    if (rc == 0)
        rc = copy_requires(cx, &h->mem, requires, count, &m->requires);
    if (rc != 0)
        h->extra_count--;
    else
        *out = m;
    return rc;
}

static int memory_script(wb_ctx *cx, wbl_handle *h, const wb_migration *m, const char *text, size_t size, const char *suffix,
                         wb_script *out)
{
    if (!text)
        return 0;
    size_t n = size ? size : strlen(text);
    *out = (wb_script){ .exists = true, .len = n, .first_line = 1 }; /* checked and hashed by the first call */
    out->text = wb_arena_str(&h->mem, text, n);
    out->shown = wb_arena_fmt(&h->mem, "(memory) %s/%s_%s.%s.sql", m->ns, m->version, m->name, suffix);
    return out->text && out->shown ? 0 : wb_nomem(cx);
}

int wbl_migration_add(wbl_handle *h, const wbl_source *source, wbl_error *err)
{
    wb_ctx cx = { .err = err };
    wbl_source s;
    wb_error_clear(err);
    if (!h || !source)
        return wb_bad_call(err, h ? "wbl_migration_add() needs a source" : "no handle");
    int rc = wb_take_source(&cx, source, &s);
    if (rc == 0 && !s.up)
        rc = wb_bad_call(err, "a migration needs an up script");
    wb_migration *m;
    if (rc != 0 || (rc = new_extra(&cx, h, s.ns, s.version, s.name, s.requires, s.requires_count, &m)) != 0)
        return rc;
    rc = memory_script(&cx, h, m, s.up, s.up_size, "up", &m->up);
    if (rc == 0)
        rc = memory_script(&cx, h, m, s.down, s.down_size, "down", &m->down);
    if (rc != 0)
        h->extra_count--;
    return rc;
}

int wbl_migration_register(wbl_handle *h, const wbl_code_migration *migration, wbl_error *err)
{
    wb_ctx cx = { .err = err };
    wbl_code_migration c;
    wb_error_clear(err);
    if (!h || !migration)
        return wb_bad_call(err, h ? "wbl_migration_register() needs a migration" : "no handle");
    int rc = wb_take_code_migration(&cx, migration, &c);
    if (rc == 0 && !c.up)
        rc = wb_bad_call(err, "a migration needs an up function");
    char *description = rc == 0 && c.description ? wb_arena_dup(&h->mem, c.description) : NULL;
    if (rc == 0 && c.description && !description)
        rc = wb_nomem(&cx);
    wb_migration *m;
    if (rc != 0 || (rc = new_extra(&cx, h, c.ns, c.version, c.name, c.requires, c.requires_count, &m)) != 0)
        return rc;
    m->is_code = true;
    m->no_transaction = c.no_transaction != 0;
    m->description = description;
    m->up = (wb_script){ .exists = true, .call = c.up, .call_user = c.user };
    m->down = (wb_script){ .exists = c.down != NULL, .call = c.down, .call_user = c.user };
    return 0;
}

/* ---- SQL of a migration in C ---- */

/* Where a schema change ends the transaction (MySQL) it is refused before it is sent: afterwards nobody could tell what is
   left. */
static int refuse_enders(void *user, const wb_statement *st)
{
    wb_ctx *cx = user;
    bool is_end = st->cls == WB_STMT_TXN && (st->txn == WB_TXN_BEGIN || st->txn == WB_TXN_COMMIT ||
                                             st->txn == WB_TXN_COMMIT_CHAIN || st->txn == WB_TXN_ROLLBACK);
    if (!is_end && !st->commits_implicitly)
        return 0;
    char title[60];
    wb_copy_text(title, sizeof title, st->text.p, strcspn(st->text.p, "\n") < st->text.len ? strcspn(st->text.p, "\n") : st->text.len);
    (void)wb_fail(cx, WBL_E_STATE, WBL_EFFECT_NONE, "it would end the transaction that holds the migration: %s", title);
    wb_hint(cx, "Set no_transaction of the migration: its functions then run outside a transaction.");
    return WBL_E_STATE;
}

struct sender {
    wb_run *run;
    wb_ctx *cx;
};

static int send_alone(void *user, const wb_statement *st)
{
    const struct sender *s = user;
    const wb_config *c = &s->run->h->config;
    const wb_piece piece = { .text = st->text.p, .len = st->len, .statement_first = st->index, .statement_count = 1,
                             .is_alone = true, .statement = st, .lock_timeout_ms = st->is_concurrent ? 0 : c->ddl_lock_timeout_ms,
                             .statement_timeout_ms = c->statement_timeout_ms < 0 ? 0 : c->statement_timeout_ms };
    return s->run->h->driver->run(s->cx, s->run->h->session, &piece);
}

int wbl_run_sql(const wbl_session *session, const char *sql, wbl_error *err)
{
    if (!session || !sql)
        return wb_bad_call(err, "wbl_run_sql() needs a session and SQL");
    wb_run *run = session->opaque;
    const wb_driver *d = run->h->driver;
    wb_session *s = run->h->session;
    wb_ctx cx = run->cx;
    cx.err = err;
    if (err)
        wb_error_clear(err);
    const wb_piece piece = { .text = sql, .len = strlen(sql), .statement_first = 1 };
    struct sender sender = { run, &cx };
    wb_sync done;
    int rc = 0;
    if (run->plan.steps[run->step_index].protocol == WBL_PROTOCOL_STEPWISE) {
        rc = wb_split(&cx, &run->sql, sql, piece.len, true, send_alone, &sender);
    } else {
        if (!(s->caps & WB_CAP_TXN_DDL))
            rc = wb_split(&cx, &run->sql, sql, piece.len, true, refuse_enders, &cx);
        if (rc == 0)
            rc = d->run(&cx, s, &piece);
    }
    return rc != 0 ? rc : d->sync(&cx, s, &done);
}
