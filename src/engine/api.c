/*
 * api.c - the handle: options, configuration, migrations from memory and code. The calls themselves are in calls.c,
 * repair.c and check.c.
 */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

const char *wbl_version_text(void) { return WBL_VERSION; }
void wbl_free(void *p) { wb_free(p); }
void wbl_allocator_set(void *(*alloc)(size_t), void (*release)(void *)) { wb_alloc_set(alloc, release); }

void wbl_options_init(wbl_options *o)
{
    *o = (wbl_options){ .size = sizeof *o, .lock_timeout_ms = -1, .connect_timeout_ms = -1, .ddl_lock_timeout_ms = -1,
                        .ddl_lock_tries = -1, .statement_timeout_ms = -1, .group_max = -1 };
}

void wbl_source_init(wbl_source *s) { *s = (wbl_source){ .size = sizeof *s }; }
void wbl_code_migration_init(wbl_code_migration *m) { *m = (wbl_code_migration){ .size = sizeof *m }; }
void wbl_request_init(wbl_request *r) { *r = (wbl_request){ .size = sizeof *r }; }
void wbl_check_options_init(wbl_check_options *o) { *o = (wbl_check_options){ .size = sizeof *o, .wait_ms = -1 }; }
void wbl_new_options_init(wbl_new_options *o) { *o = (wbl_new_options){ .size = sizeof *o }; }

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
        dirs[i] = o->dirs[i];
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

int wbl_open(const wbl_options *options, wbl_handle **out, wbl_error *err)
{
    wb_ctx cx = { .err = err };
    if (err)
        wb_error_clear(err);
    if (!options || !out || options->size != sizeof *options)
        return wb_fail(&cx, WBL_E_INVALID, WBL_EFFECT_NONE, "options were not set up with wbl_options_init() of this version");
    wbl_handle *h = wb_alloc(sizeof *h);
    if (!h)
        return wb_nomem(&cx);
    h->base_fd = AT_FDCWD;
    h->report.size = sizeof h->report;
    h->findings.mem = &h->call;
    int rc = copy_options(&cx, h, options);
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
        h->config.ledger_table = "schema_migrations";
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
    if (h->session) {
        wbl_error scratch = { 0 };
        wb_ctx cx = { .err = &scratch };
        if (h->holds_lock && h->options.connection) /* the caller's connection lives on: our lock must not */
            (void)h->driver->unlock(&cx, h->session, h->locks, h->lock_count);
        h->driver->close(h->session);
    }
    if (h->base_fd >= 0)
        close(h->base_fd);
    wb_arena_done(&h->call);
    wb_arena_done(&h->mem);
    wb_free(h);
}

void wbl_cancel(wbl_handle *h) { h->cancel = 1; }
void wbl_cancel_clear(wbl_handle *h) { h->cancel = 0; }
const wbl_report *wbl_report_get(const wbl_handle *h) { return &h->report; }

/* ---- migrations from memory and code ---- */

static int copy_requires(wb_ctx *cx, wb_arena *mem, const char *const *in, uint32_t count, const wb_require **out)
{
    wb_require *list = wb_arena_get(mem, (count + 1) * sizeof *list);
    if (!list)
        return wb_nomem(cx);
    for (uint32_t i = 0; i < count; i++) {
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

static int new_extra(wb_ctx *cx, wbl_handle *h, const char *ns, const char *version, const char *name, const char *const *requires,
                     uint32_t count, wb_migration **out)
{
    if (!version || !wb_version_valid(WB_ORDER_NUMERIC, version))
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "version \"%s\" is no number", version ? version : "");
    wb_extra *e = WB_PUSH(&h->mem, h->extra, h->extra_count, h->extra_cap);
    if (!e)
        return wb_nomem(cx);
    wb_migration *m = &e->migration;
    *m = (wb_migration){ .ns = wb_arena_dup(&h->mem, ns ? ns : WB_DEFAULT_NS), .version = wb_arena_dup(&h->mem, version),
                         .name = wb_arena_dup(&h->mem, name ? name : ""), .dir_fd = -1, .require_count = count };
    int rc = m->ns && m->version && m->name ? 0 : wb_nomem(cx);
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
    *out = (wb_script){ .exists = true, .len = n, .first_line = 1, .is_loaded = true };
    out->text = wb_arena_str(&h->mem, text, n);
    out->shown = wb_arena_fmt(&h->mem, "(memory) %s/%s_%s.%s.sql", m->ns, m->version, m->name, suffix);
    return out->text && out->shown ? 0 : wb_nomem(cx);
}

int wbl_migration_add(wbl_handle *h, const wbl_source *s, wbl_error *err)
{
    wb_ctx cx = { .err = err };
    if (!h || !s || s->size != sizeof *s || !s->up)
        return wb_fail(&cx, WBL_E_INVALID, WBL_EFFECT_NONE, "wbl_migration_add() needs a handle, and a source with an up script");
    wb_migration *m;
    int rc = new_extra(&cx, h, s->ns, s->version, s->name, s->requires, s->requires_count, &m);
    if (rc != 0)
        return rc;
    rc = memory_script(&cx, h, m, s->up, s->up_size, "up", &m->up);
    if (rc == 0)
        rc = memory_script(&cx, h, m, s->down, s->down_size, "down", &m->down);
    if (rc != 0)
        h->extra_count--;
    return rc;
}

int wbl_migration_register(wbl_handle *h, const wbl_code_migration *c, wbl_error *err)
{
    wb_ctx cx = { .err = err };
    if (!h || !c || c->size != sizeof *c || !c->up)
        return wb_fail(&cx, WBL_E_INVALID, WBL_EFFECT_NONE, "wbl_migration_register() needs a handle and an up function");
    wb_migration *m;
    int rc = new_extra(&cx, h, c->ns, c->version, c->name, c->requires, c->requires_count, &m);
    if (rc != 0)
        return rc;
    m->is_code = true;
    m->description = c->description ? wb_arena_dup(&h->mem, c->description) : NULL;
    m->up = (wb_script){ .exists = true, .call = c->up, .call_user = c->user };
    m->down = (wb_script){ .exists = c->down != NULL, .call = c->down, .call_user = c->user };
    return c->description && !m->description ? wb_nomem(&cx) : 0;
}

int wbl_run_sql(const wbl_session *session, const char *sql, wbl_error *err)
{
    if (!session || !sql)
        return WBL_E_INVALID;
    wb_run *run = session->opaque;
    wb_ctx cx = run->cx;
    cx.err = err;
    if (err)
        wb_error_clear(err);
    const wb_piece piece = { .text = sql, .len = strlen(sql), .statement_first = 1 };
    wb_sync done;
    int rc = run->h->driver->run(&cx, run->h->session, &piece);
    return rc != 0 ? rc : run->h->driver->sync(&cx, run->h->session, &done);
}
