/*
 * run.c - the phases of a call before anything is executed: files, connection, lock, recorded state, plan.
 *
 * The plan is made after the lock is ours, never before. Calls that only read take no lock and create nothing.
 */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOCK_POLL_FIRST_MS 20
#define LOCK_POLL_MAX_MS 500
#define ANSWER_TIMEOUT_MS 30000

/* ---- begin and end ---- */

void wb_run_event(wb_run *run, wbl_event *e)
{
    e->size = sizeof *e;
    if (run->h->options.on_event)
        run->h->options.on_event(run->h->options.user, e);
}

static void on_notice(void *user, const char *severity, const char *text)
{
    wbl_event e = { .kind = WBL_EVENT_NOTICE, .severity = severity, .text = text };
    wb_run_event(user, &e);
}

static void on_progress(void *user, const char *phase, uint64_t done, uint64_t total)
{
    wb_run *run = user;
    wbl_migration m = { 0 };
    wbl_event e = { .kind = WBL_EVENT_PROGRESS, .text = phase, .done = done, .total = total };
    if (run->step_index < run->plan.count) {
        wb_report_step(run, &run->plan.steps[run->step_index], &m);
        e.migration = &m;
    }
    wb_run_event(run, &e);
}

static const char *who_am_i(wb_arena *mem)
{
    char host[128] = "";
    (void)gethostname(host, sizeof host - 1); /* a host without a name is still a host */
    const char *user = getenv("USER");
    char scratch[1024];
    struct passwd pw, *found = NULL;
    if (!user && getpwuid_r(geteuid(), &pw, scratch, sizeof scratch, &found) == 0 && found)
        user = found->pw_name;
    return wb_arena_fmt(mem, "%s@%s", user ? user : "?", host);
}

int wb_run_begin(wb_run *run, wbl_handle *h, wbl_error *err)
{
    if (err)
        wb_error_clear(err);
    *run = (wb_run){ .h = h, .mem = &h->call, .started_ms = wb_now_ms() };
    run->cx = (wb_ctx){ .err = err, .cancel = &h->cancel, .notice = on_notice, .progress = on_progress, .user = run };
    wb_arena_done(&h->call);
    h->findings = (wb_findings){ .mem = &h->call };
    h->report = (wbl_report){ .size = sizeof h->report };
    h->report.url = h->has_url ? h->url.shown : NULL;
    if (wb_uuid7(run->run_id) != 0)
        return wb_fail(&run->cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "the system gives no random numbers");
    run->who = who_am_i(run->mem);
    return run->who ? 0 : wb_nomem(&run->cx);
}

int wb_run_end(wb_run *run, int rc)
{
    wbl_handle *h = run->h;
    if (h->holds_lock && !h->options.keep_lock && h->session) {
        wbl_error scratch;
        wb_ctx cx = wb_run_quiet(run, &scratch);
        (void)h->driver->unlock(&cx, h->session, h->locks, h->lock_count); /* a lost connection has lost the lock as well */
        h->holds_lock = false;
    }
    if (run->has_set)
        wb_source_done(&run->set);
    h->report.findings = h->findings.items;
    h->report.finding_count = (uint32_t)h->findings.count;
    h->report.duration_ms = wb_now_ms() - run->started_ms;
    return rc;
}

wb_ctx wb_run_quiet(wb_run *run, wbl_error *scratch)
{
    wb_error_clear(scratch);
    wb_ctx cx = run->cx;
    cx.err = scratch;
    cx.cancel = NULL;
    cx.deadline_ms = 0;
    return cx;
}

/* ---- files ---- */

static bool needs_numeric(const wb_source_set *set)
{
    for (size_t i = 0; i < set->migration_count; i++) {
        const char *key = set->migrations[i].key;
        size_t n = strlen(key);
        if (n > 19 || (n == 19 && strcmp(key, "9223372036854775807") > 0))
            return true;
    }
    return false;
}

int wb_run_files(wb_run *run, bool may_be_missing)
{
    wbl_handle *h = run->h;
    const wb_config *c = &h->config;
    const char **listed = wb_arena_get(run->mem, (c->ns_count + 1) * sizeof *listed);
    if (!listed)
        return wb_nomem(&run->cx);
    for (size_t i = 0; i < c->ns_count; i++)
        listed[i] = c->namespaces[i].name;
    bool only_memory = h->options.dirs && h->options.dir_count == 0;
    const wb_source_options o = {
        .dirs = c->dirs,
        .dir_count = only_memory ? 0 : c->dir_count,
        .base_fd = h->base_fd,
        .database = h->driver ? h->driver->name : NULL,
        .canonical = wb_driver_canonical,
        .format = c->format,
        .listed = listed,
        .listed_count = c->ns_count,
        .may_be_missing = may_be_missing || (c->dirs_are_default && h->extra_count > 0),
    };
    run->set = (wb_source_set){ .mem = run->mem };
    run->has_set = true;
    int rc = wb_source_scan(&run->cx, &o, &h->findings, &run->set);
    for (size_t i = 0; rc == 0 && i < h->extra_count; i++)
        rc = wb_source_add(&run->cx, &run->set, &h->extra[i].migration);
    return rc != 0 ? rc : wb_source_finish(&run->cx, &h->findings, &run->set);
}

/* ---- connection, lock, tables ---- */

static int connect_session(wb_run *run, bool writes)
{
    wbl_handle *h = run->h;
    if (h->session && h->session_read_only && writes) { /* an embedded file that did not exist was not created */
        h->driver->close(h->session);
        h->session = NULL;
    }
    if (h->session)
        return 0;
    if (!h->driver) {
        int rc = wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no database URL");
        wb_hint(&run->cx, "Give one with --url, in DATABASE_URL, or as `url:` in whimbrel.yaml (`whimbrel init` writes one).");
        return rc;
    }
    char *application = wb_arena_fmt(&h->mem, "%s " WBL_VERSION " %s", h->config.application, h->session_id);
    if (!application)
        return wb_nomem(&run->cx);
    const wb_open_options o = {
        .url = &h->url,
        .application = application,
        .run_id = h->session_id,
        .password = h->config.password,
        .connect_timeout_ms = h->config.connect_timeout_ms,
        .answer_timeout_ms = ANSWER_TIMEOUT_MS,
        .busy_timeout_ms = h->config.lock_timeout_ms < 0 ? INT64_MAX / 4 : h->config.lock_timeout_ms,
        .read_only = !writes,
    };
    int rc = h->options.connection ? h->driver->attach(&run->cx, h->options.connection, &o, &h->session)
                                   : h->driver->open(&run->cx, &o, &h->session);
    h->session_read_only = !writes;
    h->holds_lock = false;
    return rc;
}

static void say_waiting(wb_run *run, const wb_holder *who)
{
    char text[600];
    snprintf(text, sizeof text, "%s%s%s, process %lld%s%s%s%s", who->application[0] ? who->application : "a session",
             who->host[0] ? " on " : "", who->host, (long long)who->pid, who->since[0] ? ", since " : "", who->since,
             who->state[0] ? ", " : "", who->state);
    wbl_event e = { .kind = WBL_EVENT_WAITING, .text = text };
    wb_run_event(run, &e);
}

static int lock_refused(wb_run *run, int64_t waited_ms, const wb_holder *who, bool known)
{
    int rc = wb_fail(&run->cx, WBL_E_LOCKED, WBL_EFFECT_NONE, "another run holds the lock (waited %.1f s)%s%s%s%s",
                     (double)waited_ms / 1000.0, known ? ": " : "", known ? who->application : "",
                     known && who->host[0] ? " on " : "", known ? who->host : "");
    if (known)
        wb_hint(&run->cx, "It is process %lld, since %s. Wait for it, or give more time with --lock-timeout 20m. When that "
                "process ends, the server frees the lock by itself.", (long long)who->pid, who->since);
    else
        wb_hint(&run->cx, "Wait for it, or give more time with --lock-timeout 20m.");
    if (run->cx.err)
        run->cx.err->is_retryable = 1;
    return rc;
}

/* One survey after the other until the locks are ours. Polling, never a blocking lock call: a session that blocks in an
   advisory lock and CREATE INDEX CONCURRENTLY wait for each other (PostgreSQL 17 manual, CREATE INDEX). */
static int survey_locked(wb_run *run, wb_survey *survey, int64_t timeout_ms, bool may_end_ghost)
{
    wbl_handle *h = run->h;
    int64_t began = wb_now_ms(), pause = LOCK_POLL_FIRST_MS;
    bool told = false, known = false;
    wb_holder who = { 0 };
    for (;;) {
        int rc = h->driver->survey(&run->cx, h->session, run->mem, survey);
        if (rc != 0 || survey->is_locked)
            return rc;
        int64_t waited = wb_now_ms() - began;
        if (!told || may_end_ghost || (timeout_ms >= 0 && waited >= timeout_ms)) {
            rc = h->driver->holder(&run->cx, h->session, survey->locks, survey->lock_count, &who);
            if (rc < 0)
                return rc;
            known = rc == 0;
            if (known && may_end_ghost && who.is_own_ghost && h->driver->end_ghost &&
                (rc = h->driver->end_ghost(&run->cx, h->session, &who)) != 0)
                return rc;
            if (known && !told && waited >= LOCK_POLL_FIRST_MS) {
                say_waiting(run, &who);
                told = true;
            }
        }
        if (timeout_ms >= 0 && waited >= timeout_ms)
            return lock_refused(run, waited, &who, known);
        if (wb_cancelled(&run->cx))
            return wb_fail(&run->cx, WBL_E_CANCELLED, WBL_EFFECT_NONE, "cancelled while waiting for the lock");
        int64_t left = timeout_ms < 0 ? pause : timeout_ms - waited;
        wb_sleep_ms(pause < left ? pause : left);
        pause = pause * 2 < LOCK_POLL_MAX_MS ? pause * 2 : LOCK_POLL_MAX_MS;
    }
}

enum { T_LEDGER, T_HISTORY, T_CATALOG, T_COUNT };

static void table_refs(const wb_run *run, wb_table_ref refs[T_COUNT])
{
    const wb_config *c = &run->h->config;
    refs[T_LEDGER] = (wb_table_ref){ c->ledger_schema, c->ledger_table };
    refs[T_HISTORY] = (wb_table_ref){ c->ledger_schema, WB_HISTORY_TABLE };
    refs[T_CATALOG] = (wb_table_ref){ c->ledger_schema, WB_CATALOG_TABLE };
}

static int take_shapes(wb_run *run, const wb_survey *survey)
{
    wbl_handle *h = run->h;
    wb_table *t = survey->shapes;
    run->has_ledger = t[T_LEDGER].exists;
    run->has_history = t[T_HISTORY].exists;
    run->has_catalog = t[T_CATALOG].exists;
    int rc = wb_ledger_choose(&run->cx, run->mem, &t[T_LEDGER], h->config.profile, run->has_set && needs_numeric(&run->set),
                              &run->ledger);
    if (rc != 0)
        return rc;
    const char *schema = t[T_LEDGER].ref.schema;
    wb_history_init(&run->history, run->mem, run->has_history ? t[T_HISTORY].ref.schema : schema);
    wb_snapshots_init(&run->snapshots, run->mem, run->has_catalog ? t[T_CATALOG].ref.schema : schema);
    h->report.profile = run->ledger.shape->profile;
    h->report.ledger = schema && *schema ? wb_arena_fmt(run->mem, "%s.%s", schema, t[T_LEDGER].ref.name)
                                         : wb_arena_dup(run->mem, t[T_LEDGER].ref.name);
    h->report.server = wb_arena_fmt(run->mem, "%s %s", h->session->server.product, h->session->server.version_text);
    return h->report.ledger && h->report.server ? 0 : wb_nomem(&run->cx);
}

/* The adopted tool's own locks are known only now, when its table is. Ours is held: nobody of us comes between. */
static int take_foreign_locks(wb_run *run)
{
    wbl_handle *h = run->h;
    int n = wb_ledger_foreign_locks(&h->mem, &run->ledger, &h->session->server, h->locks + 1);
    if (n < 0)
        return wb_nomem(&run->cx);
    if (n == 0)
        return 0;
    wb_survey more = { .locks = h->locks + 1, .lock_count = (size_t)n };
    int rc = survey_locked(run, &more, h->config.lock_timeout_ms, false);
    if (rc == 0)
        h->lock_count = 1 + (size_t)n;
    return rc;
}

static int survey_all(wb_run *run, bool writes, bool may_end_ghost, int64_t timeout_ms)
{
    wbl_handle *h = run->h;
    wb_table_ref refs[T_COUNT];
    table_refs(run, refs);
    wb_survey survey = { .tables = refs, .table_count = T_COUNT };
    if (writes && !h->holds_lock) {
        const char *text = wb_ledger_lock_text(&h->mem, refs[T_LEDGER].name);
        if (!text)
            return wb_nomem(&run->cx);
        h->locks[0] = (wb_lock_key){ .text = text };
        h->lock_count = 1;
        survey.locks = h->locks;
        survey.lock_count = 1;
    }
    int rc = survey_locked(run, &survey, timeout_ms, may_end_ghost);
    if (rc != 0)
        return rc;
    bool is_new = survey.lock_count > 0;
    h->holds_lock = h->holds_lock || is_new;
    rc = take_shapes(run, &survey);
    return rc == 0 && is_new ? take_foreign_locks(run) : rc;
}

int wb_run_open(wb_run *run, bool writes)
{
    wbl_handle *h = run->h;
    run->writes = writes;
    bool is_old = h->session != NULL;
    int rc = connect_session(run, writes);
    if (rc != 0)
        return rc;
    rc = survey_all(run, writes, false, h->config.lock_timeout_ms);
    if (rc != 0 && is_old && h->session->failure.is_connection_lost) { /* it died between two calls */
        h->holds_lock = false;
        rc = h->driver->reopen(&run->cx, h->session);
        if (rc == 0)
            rc = survey_all(run, writes, true, h->config.lock_timeout_ms);
    }
    if (rc != 0)
        return rc;
    run->sql = (wb_sql_options){ .dialect = wb_dialect_of(h->driver->name),
                                 .server_version = h->session->server.version,
                                 .is_mariadb = h->session->server.is_mariadb };
    return 0;
}

int wb_run_relock(wb_run *run)
{
    wbl_handle *h = run->h;
    if (++run->reconnects > WB_RECONNECT_MAX)
        return wb_fail(&run->cx, WBL_E_OUTCOME, WBL_EFFECT_UNKNOWN, "the connection was lost %d times in this run",
                       WB_RECONNECT_MAX + 1);
    h->holds_lock = false;
    int rc = 0;
    for (int try = 0; try < 6; try++) {
        wb_sleep_ms(try ? 100 << try : 0);
        rc = h->driver->reopen(&run->cx, h->session);
        if (rc == 0 || wb_cancelled(&run->cx))
            break;
    }
    if (rc != 0)
        return rc;
    /* A session of ours that the server has not noticed to be dead may still hold the lock: it may be ended. */
    return survey_all(run, true, true, h->config.lock_timeout_ms);
}

int wb_run_tables(wb_run *run)
{
    wb_table missing[T_COUNT];
    size_t n = 0;
    if (!run->has_ledger)
        missing[n++] = run->ledger.table;
    if (!run->has_history)
        missing[n++] = run->history.table;
    if (!run->has_catalog && run->h->session->caps & WB_CAP_CATALOG)
        missing[n++] = run->snapshots.table;
    int rc = n ? run->h->driver->create(&run->cx, run->h->session, missing, n) : 0;
    if (rc == 0)
        run->has_ledger = run->has_history = run->has_catalog = true;
    return rc;
}

/* ---- recorded state ---- */

static int recorded_namespaces(wb_run *run, const char ***out, size_t *count)
{
    size_t cap = 0;
    for (size_t i = 0; i < run->ledger.row_count; i++) {
        const char *ns = run->ledger.rows[i].ns;
        bool is_known = false;
        for (size_t k = *count; k > 0 && !is_known; k--)
            is_known = strcmp((*out)[k - 1], ns) == 0;
        if (is_known)
            continue;
        const char **slot = WB_PUSH(run->mem, *out, *count, cap);
        if (!slot)
            return wb_nomem(&run->cx);
        *slot = ns;
    }
    return 0;
}

static int make_state(wb_run *run)
{
    const char **recorded = NULL;
    size_t count = 0;
    const wb_shape *shape = run->ledger.shape;
    if (shape->is_single_row && run->has_set && run->set.is_namespaced)
        return wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE,
                       "the ledger %s holds one version line (%s), and the directory has namespaces",
                       run->h->report.ledger, shape->profile);
    int rc = recorded_namespaces(run, &recorded, &count);
    if (rc == 0)
        rc = wb_graph_make(&run->cx, run->mem, &run->set, &run->h->config, recorded, count, &run->h->findings, &run->graph);
    if (rc != 0)
        return rc;
    const wb_ledger_view view = { .rows = run->ledger.rows, .row_count = run->ledger.row_count,
                                  .is_single_row = shape->is_single_row, .has_dirty = shape->has_dirty,
                                  .dirty_is_failed = shape->dirty_is_failed, .exists = run->has_ledger };
    run->cursor = shape->is_single_row && run->ledger.row_count ? run->ledger.rows[0].key : NULL;
    run->cursor_dirty = run->cursor && run->ledger.rows[0].is_dirty;
    return wb_state_make(&run->cx, run->mem, &run->graph, &run->set, &view, run->history.records, run->history.count,
                         &run->state);
}

int wb_run_load(wb_run *run, bool with_text)
{
    wb_select wanted[3];
    size_t n = 0;
    run->history.with_text = with_text;
    run->snapshots.heads_only = true;
    if (run->has_ledger)
        wb_ledger_select(&run->ledger, &wanted[n++]);
    if (run->has_history)
        wb_history_select(&run->history, &wanted[n++]);
    if (run->has_catalog)
        wb_snapshots_select(&run->snapshots, &wanted[n++]);
    run->ledger.cx = &run->cx;
    int rc = n ? run->h->driver->rows(&run->cx, run->h->session, wanted, n) : 0;
    if (rc == WBL_E_STATE) {
        rc = wb_fail(&run->cx, WBL_E_STATE, WBL_EFFECT_NONE, "a row of " WB_HISTORY_TABLE " is incomplete");
        wb_hint(&run->cx, "Its columns id, namespace, version, action and state are needed; look for a NULL in them.");
    }
    return rc == 0 ? make_state(run) : rc;
}

int wb_run_reload(wb_run *run)
{
    int rc = survey_all(run, true, false, run->h->config.lock_timeout_ms);
    return rc == 0 ? wb_run_load(run, run->history.with_text) : rc;
}

/* ---- scripts ---- */

static const char *variable_value(void *user, const char *name)
{
    const wb_config *c = user;
    for (size_t i = 0; i < c->variable_count; i++)
        if (strcmp(c->variables[i].key, name) == 0)
            return c->variables[i].value;
    return NULL;
}

static int put_variables(wb_run *run, wb_script *s)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_FILE_SIZE_MAX);
    wb_sql_options sql = run->sql;
    sql.first_line = s->first_line;
    int rc = wb_variables_apply(&run->cx, &sql, &s->directives, s->text, s->len, variable_value, &run->h->config, &text);
    size_t len = text.len;
    char *p = rc == 0 ? wb_buf_take(&text) : NULL;
    if (rc == 0 && !p)
        rc = wb_nomem(&run->cx);
    if (rc != 0) {
        if (run->cx.err && !run->cx.err->file[0] && s->shown)
            wb_at(&run->cx, s->shown, run->cx.err->line, run->cx.err->column);
        return rc;
    }
    wb_free(s->owned);
    s->owned = p;
    s->text = p;
    s->len = len;
    return wb_script_scan(&run->cx, &sql, s->text, s->len, &s->facts);
}

int wb_run_script(wb_run *run, wb_migration *m, wb_script *s)
{
    if (m->is_code || !s->exists)
        return 0;
    int rc = s->is_loaded ? 0 : wb_script_load(&run->cx, m, s);
    if (rc == 0 && !s->is_directed) {
        rc = wb_script_read(&run->cx, run->mem, &run->sql, m, s);
        if (rc == 0 && s->directives.variable_count > 0)
            rc = put_variables(run, s);
    }
    return rc;
}

int wb_run_pending_scripts(wb_run *run)
{
    int first = 0;
    for (size_t i = 0; i < run->state.count; i++) {
        wb_item *it = &run->state.items[i];
        if (!it->migration || it->state == WBL_STATE_APPLIED || it->state == WBL_STATE_DISABLED ||
            !run->graph.namespaces[it->ns_index].is_enabled || run->graph.namespaces[it->ns_index].is_reported_only)
            continue;
        int rc = wb_run_script(run, it->migration, &it->migration->up);
        if (rc == WBL_E_NOMEM)
            return rc;
        if (rc != 0 && run->cx.err) { /* every faulty file is told at once */
            wbl_finding *f = wb_finding_add(&run->cx, &run->h->findings, WBL_ERROR, "bad-file", "%s", run->cx.err->message);
            if (!f)
                return WBL_E_NOMEM;
            f->ns = it->ns;
            f->version = it->version;
            f->name = it->name;
            f->file = wb_arena_dup(run->mem, run->cx.err->file);
            f->line = run->cx.err->line;
            f->column = run->cx.err->column;
        }
        if (first == 0)
            first = rc;
    }
    return first;
}

/* ---- applied files against their checksums ---- */

static int compare_one(wb_run *run, wb_item *it, wb_buf *scratch)
{
    wb_script *s = &it->migration->up;
    int rc = wb_script_hash(&run->cx, it->migration, s, scratch);
    if (rc != 0 || strcmp(s->sha256, it->origin->sha256) == 0)
        return rc;
    it->is_edited = true;
    if (!it->origin->tokens)
        return 0;
    rc = wb_script_load(&run->cx, it->migration, s);
    if (rc != 0)
        return rc;
    wb_sql_token_hash(&run->sql, s->text, s->len, s->tokens);
    it->is_comment_edit = strcmp(s->tokens, it->origin->tokens) == 0;
    return 0;
}

int wb_run_compare(wb_run *run)
{
    WB_AUTOBUF wb_buf scratch = WB_BUF(WB_FILE_SIZE_MAX);
    for (size_t i = 0; i < run->state.count; i++) {
        wb_item *it = &run->state.items[i];
        if (it->state != WBL_STATE_APPLIED || !it->migration || it->migration->is_code || !it->migration->up.exists ||
            !it->origin || !it->origin->sha256)
            continue;
        int rc = compare_one(run, it, &scratch);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- what people did by hand ---- */

wb_record wb_run_record(const wb_run *run, const wb_item *it, const char *action, const char *state)
{
    wb_record r = { .run_id = run->run_id, .ns = it->ns, .version = it->version, .key = it->key, .name = it->name,
                    .action = action, .state = state, .who = run->who, .tool = "whimbrel " WBL_VERSION, .duration_ms = -1 };
    char id[37];
    r.id = wb_uuid7(id) == 0 ? wb_arena_dup(run->mem, id) : NULL;
    return r;
}

static int note_one(wb_run *run, wb_item *it, bool adopts)
{
    wb_record r = wb_run_record(run, it, adopts ? "adopt" : "external",
                                it->state == WBL_STATE_APPLIED ? "applied" : "reverted");
    if (!r.id)
        return wb_nomem(&run->cx);
    r.note = it->external_note;
    wb_script *s = it->migration ? &it->migration->up : NULL;
    if (it->state == WBL_STATE_APPLIED && s && s->exists && !it->migration->is_code) {
        int rc = wb_script_load(&run->cx, it->migration, s); /* first sight of the file is trusted */
        if (rc != 0)
            return rc;
        wb_sql_token_hash(&run->sql, s->text, s->len, s->tokens);
        wb_script_release(s);
        r.sha256 = wb_arena_dup(run->mem, s->sha256);
        r.tokens = wb_arena_dup(run->mem, s->tokens);
        if (!r.sha256 || !r.tokens)
            return wb_nomem(&run->cx);
    }
    return wb_history_add(&run->cx, run->h->session, &run->history, &r, false, WB_TAG_HISTORY);
}

/* A down that stopped before its first statement, and is not gone on with now: the ledger still carries its mark. */
static bool is_abandoned_down(const wb_run *run, const wb_item *it)
{
    if (!it->last || !it->is_dirty || !wb_item_is_applied(it) || it->resume_done || it->resume_begun)
        return false;
    for (size_t i = 0; i < run->plan.count; i++)
        if (run->plan.steps[i].item == it)
            return false;
    return true;
}

static int withdraw_down(wb_run *run, wb_item *it)
{
    bool is_single = run->ledger.shape->is_single_row;
    const wb_change c = { .kind = is_single ? WB_CHANGE_APPLY : WB_CHANGE_CLEAN, .ns = it->ns, .key = it->key, .row = it->row,
                          .before = run->cursor, .before_dirty = run->cursor_dirty, .direction = WBL_DOWN };
    wb_record r = wb_run_record(run, it, "down", "failed");
    wb_ledger_row *row = wb_arena_get(run->mem, sizeof *row);
    if (!r.id || !row)
        return wb_nomem(&run->cx);
    r.protocol = it->last->protocol;
    r.statements = it->last->statements;
    r.error = "its run ended before the first statement";
    int rc = wb_ledger_change(&run->cx, run->h->session, &run->ledger, &c, WB_TAG_LEDGER);
    if (rc == 0)
        rc = wb_history_add(&run->cx, run->h->session, &run->history, &r, false, WB_TAG_HISTORY);
    if (rc != 0)
        return rc;
    *row = (wb_ledger_row){ .ns = it->ns, .key = it->key, .text = it->key, .applied_at = it->row ? it->row->applied_at : NULL };
    it->row = row;
    it->is_dirty = run->cursor_dirty = false;
    run->cursor = is_single ? it->key : run->cursor;
    return 0;
}

int wb_run_external(wb_run *run)
{
    const wb_driver *d = run->h->driver;
    wb_session *s = run->h->session;
    bool is_open = false;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < run->state.count; i++) {
        wb_item *it = &run->state.items[i];
        bool adopts = it->state == WBL_STATE_APPLIED && !it->origin && !it->is_external && it->row;
        if (it->is_assumed && it->state == WBL_STATE_APPLIED && !it->origin)
            adopts = true;
        bool withdraws = is_abandoned_down(run, it);
        if (!it->is_external && !adopts && !withdraws)
            continue;
        if (!is_open) {
            const wb_txn txn = { .fuse = "" };
            rc = wb_run_tables(run);
            if (rc == 0)
                rc = d->begin(&run->cx, s, &txn);
            is_open = rc == 0;
        }
        if (rc == 0)
            rc = withdraws ? withdraw_down(run, it) : note_one(run, it, adopts);
    }
    if (!is_open)
        return rc;
    wb_sync done;
    if (rc == 0)
        rc = d->commit(&run->cx, s);
    if (rc == 0)
        rc = d->sync(&run->cx, s, &done);
    if (rc != 0) {
        wbl_error scratch;
        wb_ctx quiet = wb_run_quiet(run, &scratch);
        (void)d->rollback(&quiet, s); /* the first error is the one to tell */
    }
    return rc;
}

/* ---- plan ---- */

static int policy_of(const wb_run *run, const wbl_request *q)
{
    if (q->out_of_order)
        return q->out_of_order;
    if (run->h->config.out_of_order != WB_POLICY_UNSET)
        return run->h->config.out_of_order;
    const char *profile = run->ledger.shape->profile;
    return strcmp(profile, "axcom") == 0            ? WB_POLICY_APPLY
           : strcmp(profile, "golang-migrate") == 0 ? WB_POLICY_IGNORE
                                                    : WB_POLICY_ERROR;
}

/* The file is gone (an older or newer checkout): the script as it was stored when the migration was applied. */
static int stored_down(wb_run *run, wb_step *st)
{
    const wb_item *it = st->item;
    const char *text = NULL;
    int rc = wb_history_down_script(&run->cx, run->h->session, &run->history, run->mem, it->origin->id, &text);
    if (rc != 0)
        return rc;
    if (!text) {
        rc = wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no down migration found for version %s", it->version);
        wb_hint(&run->cx, it->migration ? "Write one beside its up script, or mark it as reverted: whimbrel repair %s --mark-reverted."
                                        : "Its file is gone, and none was stored when it was applied. Restore the file, or: whimbrel repair %s --mark-reverted.",
                it->version);
        if (it->migration && it->migration->up.shown)
            wb_at(&run->cx, it->migration->up.shown, 0, 0);
        return rc;
    }
    wb_migration *m = wb_arena_get(run->mem, sizeof *m);
    char *shown = wb_arena_fmt(run->mem, "(stored down script of %s %s)", it->ns, it->version);
    if (!m || !shown)
        return wb_nomem(&run->cx);
    *m = (wb_migration){ .ns = it->ns, .version = it->version, .key = it->key, .name = it->name, .dir_fd = -1 };
    m->down = (wb_script){ .exists = true, .shown = shown, .is_loaded = true, .text = text, .len = strlen(text), .first_line = 1 };
    st->item->migration = m;
    return wb_run_script(run, m, &m->down);
}

int wb_run_plan(wb_run *run, const wbl_request *q, enum wb_goal goal)
{
    const wb_config *c = &run->h->config;
    const wb_plan_request p = {
        .goal = goal,
        .namespaces = q->namespaces,
        .namespace_count = q->namespace_count,
        .steps = q->steps,
        .to = q->to,
        .all = q->all,
        .only = q->only,
        .force = q->force,
        .out_of_order = policy_of(run, q),
        .newer = q->newer ? q->newer : c->newer != WB_NEWER_UNSET ? c->newer : WB_NEWER_WARN,
        .blocks_on_failed = c->dirty_blocks && !q->retry_failed,
        .single_row_ledger = run->ledger.shape->is_single_row,
    };
    wb_findings *found = &run->h->findings;
    int rc = wb_plan_make(&run->cx, run->mem, &run->graph, &run->state, &p, found, &run->plan);
    for (size_t i = 0; rc == 0 && i < run->plan.count; i++) { /* down scripts are known only now */
        wb_step *st = &run->plan.steps[i];
        if (st->is_stored_down)
            rc = stored_down(run, st);
        else if (st->direction == WBL_DOWN && st->item->migration)
            rc = wb_run_script(run, st->item->migration, &st->item->migration->down);
        else if (st->direction == WBL_UP && st->item->migration)
            rc = wb_run_script(run, st->item->migration, &st->item->migration->up);
        if (rc == 0 && st->direction == WBL_UP && !wb_ledger_fits(&run->ledger, st->item->key)) {
            rc = wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "version %s does not fit the column version of %s",
                         st->item->version, run->h->report.ledger);
            wb_hint(&run->cx, "Widen it once: ALTER TABLE %s ALTER COLUMN version TYPE NUMERIC(38); or choose another ledger with --ledger.",
                    run->h->report.ledger);
            if (st->item->migration->up.shown)
                wb_at(&run->cx, st->item->migration->up.shown, 0, 0);
        }
    }
    const wb_protocol_rules rules = { .caps = run->h->session->caps, .is_pooled = run->h->session->server.is_pooled,
                                      .dialect = run->sql.dialect };
    return rc == 0 ? wb_plan_protocols(&run->cx, run->mem, &rules, found, &run->plan) : rc;
}
