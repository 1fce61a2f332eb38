/*
 * run.c - the phases of a call before anything is executed: files, recorded state, scripts, plan. The connection and the
 * lock are in connect.c.
 *
 * The plan is made after the lock is ours, never before. Calls that only read take no lock and create nothing.
 */
#include "engine/engine.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

/* Of the step at hand, if any. */
static void step_event(wb_run *run, wbl_event *e)
{
    wbl_migration m;
    if (run->step_index < run->plan.count) {
        wb_report_step(run, &run->plan.steps[run->step_index], &m);
        e->migration = &m;
    }
    wb_run_event(run, e);
}

static void on_progress(void *user, const char *phase, uint64_t done, uint64_t total)
{
    wbl_event e = { .kind = WBL_EVENT_PROGRESS, .text = phase, .done = done, .total = total };
    step_event(user, &e);
}

static void on_waiting(void *user, const char *text)
{
    wbl_event e = { .kind = WBL_EVENT_WAITING, .text = text };
    step_event(user, &e);
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
    if (!err)
        err = &h->unasked;
    wb_error_clear(err);
    *run = (wb_run){ .h = h, .mem = &h->call, .started_ms = wb_now_ms() };
    run->cx = (wb_ctx){ .err = err, .cancel = &h->cancel, .notice = on_notice, .progress = on_progress,
                        .waiting = on_waiting, .user = run };
    wb_arena_done(&h->call);
    h->findings = (wb_findings){ .mem = &h->call };
    h->report = (wbl_report){ .size = sizeof h->report };
    h->report.url = h->has_url ? h->url.shown : NULL;
    if (wb_uuid7(run->run_id) != 0)
        return wb_fail(&run->cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "the system gives no random numbers");
    run->who = who_am_i(run->mem);
    return run->who ? 0 : wb_nomem(&run->cx);
}

/* What the server refused was a statement of ours, and no file is to blame. */
static void advise(wb_run *run)
{
    static const struct {
        const char *sqlstate;
        int32_t native;                /* 0: whatever it is */
        const char *hint;
    } rows[] = {
        { "42501", 0, "Grant the role what is missing: to read and write ledger and history, and CREATE on their schema for the first run." },
        { "42000", 1142, "Grant the user what is missing: to read and write ledger and history, and CREATE for the first run." },
        { "25006", 0, "The database, the role or the server is set to read only: connect to one that can be written." },
        { "3F000", 0, "Create the schema, or name one that exists: search_path in the URL, or --ledger SCHEMA.NAME." },
    };
    const wbl_error *err = run->cx.err;
    for (size_t i = 0; !err->file[0] && !err->hint[0] && i < WB_COUNT(rows); i++)
        if (strcmp(err->sqlstate, rows[i].sqlstate) == 0 && (!rows[i].native || rows[i].native == err->native))
            wb_hint(&run->cx, "%s", rows[i].hint);
}

int wb_run_end(wb_run *run, int rc)
{
    wbl_handle *h = run->h;
    if (rc == WBL_E_STATEMENT)
        advise(run);
    bool is_borrowed = h->options.connection != NULL;
    if (h->holds_lock && (!h->options.keep_lock || is_borrowed) && h->session) {
        wbl_error scratch;
        wb_ctx cx = wb_run_quiet(run, &scratch);
        (void)h->driver->unlock(&cx, h->session, h->locks, h->lock_count); /* a lost connection has lost the lock as well */
        h->holds_lock = false;
    }
    if (is_borrowed && h->session) { /* between two calls it is the caller's: settings, transactions, its end */
        h->driver->close(h->session);
        h->session = NULL;
    }
    if (run->has_set)
        wb_source_done(&run->set);
    wb_arena_done(&run->catalogs[0]);
    wb_arena_done(&run->catalogs[1]);
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

/* ---- recorded state ---- */

static int cmp_records(const void *a, const void *b)
{
    const wb_record *x = *(const wb_record *const *)a, *y = *(const wb_record *const *)b;
    int c = strcmp(x->ns, y->ns);
    c = c ? c : strcmp(x->key, y->key);
    return c ? c : x->seq < y->seq ? 1 : -1; /* the newest first */
}

static int cmp_ns(const void *name, const void *ns) { return strcmp(name, ((const wb_source_ns *)ns)->name); }

/* The history's namespaces without files, of which something is left: an attempt in the middle of its statements, or what
   the ledger does not know any more. One that was reverted in full is forgotten. */
static int namespaces_of_history(wb_run *run, const char ***out, size_t *count, size_t *cap)
{
    const wb_record **odd = NULL;
    size_t n = 0, odd_cap = 0;
    const char *last = NULL;
    bool is_odd = false;
    for (size_t i = 0; i < run->history.count; i++) {
        const wb_record *r = &run->history.records[i];
        if (!last || strcmp(last, r->ns) != 0)
            is_odd = !run->set.ns_count || !bsearch(r->ns, run->set.namespaces, run->set.ns_count, sizeof *run->set.namespaces, cmp_ns);
        last = r->ns;
        const wb_record **slot = is_odd ? WB_PUSH(run->mem, odd, n, odd_cap) : NULL;
        if (is_odd && !slot)
            return wb_nomem(&run->cx);
        if (is_odd)
            *slot = r;
    }
    if (n)
        qsort(odd, n, sizeof *odd, cmp_records);
    for (size_t i = 0; i < n; i++) {
        const wb_record *r = odd[i];
        bool is_newest = i == 0 || strcmp(odd[i - 1]->ns, r->ns) != 0 || strcmp(odd[i - 1]->key, r->key) != 0;
        bool is_open = strcmp(r->state, "started") == 0 || strcmp(r->state, "unknown") == 0 || strcmp(r->state, "applied") == 0 ||
                       (strcmp(r->state, "failed") == 0 && (r->done || r->begun));
        if (!is_newest || !is_open)
            continue;
        const char **slot = WB_PUSH(run->mem, *out, *count, *cap);
        if (!slot)
            return wb_nomem(&run->cx);
        *slot = r->ns;
    }
    return 0;
}

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
    return run->ledger.shape->has_namespaces ? namespaces_of_history(run, out, count, &cap) : 0;
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

int wb_run_load(wb_run *run)
{
    wb_select wanted[3];
    size_t n = 0;
    run->history.with_text = run->with_text;
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

int wb_run_start(wb_run *run, bool files_may_be_missing, bool writes)
{
    int rc = wb_run_files(run, files_may_be_missing);
    if (rc == 0)
        rc = wb_run_open(run, writes);
    return rc == 0 ? wb_run_load(run) : rc;
}

int wb_no_namespace(wb_run *run, const char *name)
{
    const char *near = wb_nearest(name, run->graph.names, run->graph.count);
    int rc = wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "there is no namespace %s", name);
    if (near)
        wb_hint(&run->cx, "Did you mean %s?", near);
    else
        wb_hint(&run->cx, "`%s status` lists them.", wb_command_of(run->h));
    return rc;
}

int wb_which_namespace(wb_run *run)
{
    int rc = wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "it needs a namespace: there are %zu", run->graph.count);
    wb_hint(&run->cx, "Name it with --namespace; `%s status` lists them.", wb_command_of(run->h));
    return rc;
}

/* ---- scripts ---- */

static int put_variables(wb_run *run, wb_script *s)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_FILE_SIZE_MAX);
    wb_sql_options sql = run->sql;
    sql.first_line = s->first_line;
    int rc = wb_variables_apply(&run->cx, &sql, &s->info->directives, s->text, s->len, wb_config_variable, &run->h->config, &text);
    size_t len = text.len;
    char *p = rc == 0 ? wb_buf_take(&text) : NULL;
    if (rc == 0 && !p)
        rc = wb_nomem(&run->cx);
    if (rc != 0) {
        if (!run->cx.err->file[0] && s->shown)
            wb_at(&run->cx, s->shown, run->cx.err->line, run->cx.err->column);
        return rc;
    }
    wb_free(s->owned);
    s->owned = p;
    s->text = p;
    s->len = len;
    return wb_script_scan(&run->cx, &sql, s->text, s->len, &s->info->facts);
}

int wb_run_script(wb_run *run, wb_migration *m, wb_script *s)
{
    if (m->is_code)
        return 0;
    if (!s->exists) { /* a version that has a down file alone */
        if (!s->info && (s->info = wb_arena_get(run->mem, sizeof *s->info)) != NULL)
            *s->info = (wb_script_info){ .directives = { .lock_timeout_ms = -1, .statement_timeout_ms = -1 } };
        return s->info ? 0 : wb_nomem(&run->cx);
    }
    int rc = s->is_loaded ? 0 : wb_script_load(&run->cx, m, s);
    if (rc == 0 && !s->info) {
        rc = wb_script_read(&run->cx, run->mem, &run->sql, m, s);
        if (rc == 0 && s->info->directives.variable_count > 0)
            rc = put_variables(run, s);
    }
    return rc;
}

/* What an applied script requires forbids reverting what it stands on. One that can no longer be read forbids nothing. */
int wb_run_applied_requirements(wb_run *run)
{
    for (size_t i = 0; i < run->state.count; i++) {
        wb_item *it = &run->state.items[i];
        if (it->state != WBL_STATE_APPLIED || !it->migration || it->migration->is_code || !it->migration->up.exists ||
            it->migration->up.info)
            continue;
        wbl_error scratch;
        wb_ctx was = run->cx;
        run->cx = wb_run_quiet(run, &scratch);
        int rc = wb_run_script(run, it->migration, &it->migration->up);
        run->cx = was;
        if (rc == WBL_E_NOMEM)
            return wb_nomem(&run->cx);
    }
    return 0;
}

int wb_run_bad_file(wb_run *run, const wb_migration *m, int rc)
{
    const wbl_error *err = run->cx.err;
    wbl_finding *f = rc == WBL_E_NOMEM ? NULL : wb_finding_add(&run->cx, &run->h->findings, WBL_ERROR, "bad-file", "%s", err->message);
    if (!f)
        return WBL_E_NOMEM;
    f->ns = m->ns;
    f->version = m->version;
    f->name = m->name;
    f->file = wb_arena_dup(run->mem, err->file);
    f->line = err->line;
    f->column = err->column;
    f->hint = err->hint[0] ? wb_arena_dup(run->mem, err->hint) : NULL;
    return 0;
}

int wb_run_pending_scripts(wb_run *run)
{
    int failed = 0;
    wbl_error first;
    for (size_t i = 0; i < run->state.count; i++) {
        wb_item *it = &run->state.items[i];
        if (!it->migration || it->state == WBL_STATE_APPLIED || it->state == WBL_STATE_DISABLED ||
            !run->graph.namespaces[it->ns_index].is_enabled || run->graph.namespaces[it->ns_index].is_reported_only)
            continue;
        int rc = wb_run_script(run, it->migration, &it->migration->up);
        if (rc != 0 && wb_run_bad_file(run, it->migration, rc) != 0)
            return WBL_E_NOMEM;
        if (rc != 0 && failed == 0) {
            failed = rc;
            first = *run->cx.err;
        }
    }
    if (failed != 0)
        *run->cx.err = first;
    return failed;
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
int wb_run_stored_down(wb_run *run, wb_item *it)
{
    const char *text = NULL;
    int rc = wb_history_down_script(&run->cx, run->h->session, &run->history, run->mem, it->stored_down->id, &text);
    if (rc != 0)
        return rc;
    if (!text) {
        rc = wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no down migration found for version %s%s%s", it->key,
                     wb_is_default_ns(it->ns) ? "" : " of ", wb_label_ns(it->ns));
        wb_hint(&run->cx, "%s, or revert it by hand and say `%s repair " WB_LABEL " --mark-reverted`.",
                it->migration ? "Write one beside its up script" : "Its file is gone, and none was stored. Restore the file",
                wb_command_of(run->h), WB_LABEL_OF(it));
        if (it->migration && it->migration->up.shown)
            wb_at(&run->cx, it->migration->up.shown, 0, 0);
        return rc;
    }
    wb_migration *m = wb_arena_get(run->mem, sizeof *m);
    char *shown = wb_arena_fmt(run->mem, "(stored down script of %s %s)", it->ns, it->version);
    if (!m || !shown)
        return wb_nomem(&run->cx);
    *m = (wb_migration){ .ns = it->ns, .version = it->version, .key = it->key, .name = it->name, .dir_fd = -1 };
    m->down = (wb_script){ .exists = true, .shown = shown, .text = text, .len = strlen(text), .first_line = 1 };
    it->migration = m;
    return wb_run_script(run, m, &m->down);
}

static int refuse_version(wb_run *run, const wb_step *st)
{
    const char *ledger = run->h->report.ledger;
    int rc = wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "version %s does not fit the column version of %s", st->item->version, ledger);
    if (run->sql.dialect == WB_SQL_SQLITE) /* it can't change the type of a column */
        wb_hint(&run->cx, "Choose another ledger with --ledger.");
    else
        wb_hint(&run->cx, "Widen it once: ALTER TABLE %s %s; or choose another ledger with --ledger.", ledger,
                run->sql.dialect == WB_SQL_POSTGRES ? "ALTER COLUMN version TYPE NUMERIC(38)" : "MODIFY version DECIMAL(38) NOT NULL");
    if (st->item->migration->up.shown)
        wb_at(&run->cx, st->item->migration->up.shown, 0, 0);
    return rc;
}

/* Where a transaction does not cover schema changes it may not cover all data either: some tables can't take part. */
static int look_at_cover(wb_run *run, wb_script *s)
{
    const wb_driver *d = run->h->driver;
    uint32_t caps = run->h->session->caps;
    if (!d->uncovered || !s->info || !s->text || (caps & WB_CAP_TXN_DDL) || !(caps & WB_CAP_TXN_DML))
        return 0;
    return d->uncovered(&run->cx, run->h->session, s->text, s->len, run->mem, &s->info->uncovered);
}

struct foresight {
    wb_run *run;
    const wb_step *step;
    const wb_script *script;
};

static int foresee_statement(void *user, const wb_statement *st)
{
    struct foresight *f = user;
    wb_run *run = f->run;
    const char *text = NULL;
    int rc = run->h->driver->foresee(&run->cx, run->h->session, st, run->mem, &text);
    if (rc != 0 || !text)
        return rc;
    const wb_item *it = f->step->item;
    wbl_finding *note = wb_finding_add(&run->cx, &run->h->findings, WBL_NOTE, "foreseen", WB_LABEL ": %s", WB_LABEL_OF(it), text);
    if (!note)
        return WBL_E_NOMEM;
    note->ns = it->ns;
    note->version = it->version;
    note->name = it->name;
    note->file = f->script->shown;
    note->line = st->line;
    note->column = st->column;
    return 0;
}

/* How the server would carry the schema changes out. What a script makes itself is not there yet, and nothing is said. */
static int foresee_all(wb_run *run)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && run->h->driver->foresee && i < run->plan.count; i++) {
        const wb_step *st = &run->plan.steps[i];
        const wb_migration *m = st->item->migration;
        const wb_script *s = m ? wb_step_script(st) : NULL;
        if (!s || !s->text || m->is_code)
            continue;
        struct foresight f = { run, st, s };
        wb_sql_options sql = run->sql;
        sql.first_line = s->first_line;
        rc = wb_split(&run->cx, &sql, s->text, s->len, true, foresee_statement, &f);
    }
    return rc;
}

/* The error for what was found since `since`: its first one, since all are shown. */
static int fail_as_found(wb_run *run, size_t since, int code)
{
    const wb_findings *found = &run->h->findings;
    if (found->count == since)
        return 0;
    const wbl_finding *first = &found->items[since];
    int rc = wb_fail(&run->cx, code, WBL_EFFECT_NONE, "%s", first->message);
    wb_hint(&run->cx, "%s", first->hint);
    wb_at(&run->cx, first->file ? first->file : "", first->line, first->column);
    return rc;
}

/* Steps that go on with an earlier attempt: is what is done still what the script says? All of them are told. */
static int check_resumed(wb_run *run)
{
    size_t since = run->h->findings.count;
    for (size_t i = 0; i < run->plan.count; i++) {
        wb_step *st = &run->plan.steps[i];
        wb_migration *m = st->item->migration;
        if (!m || m->is_code || !st->item->resume_done || st->item->is_reverting != (st->direction == WBL_DOWN))
            continue;
        int rc = wb_run_resumed(run, st->item, st->direction == WBL_UP ? &m->up : &m->down);
        if (rc != 0)
            return rc;
    }
    return fail_as_found(run, since, WBL_E_DRIFT);
}

/* Before anything is sent, since what runs statement by statement can't be rolled back. */
static int check_record_safe(wb_run *run)
{
    size_t since = run->h->findings.count;
    int rc = wb_run_protect(run);
    return rc != 0 ? rc : fail_as_found(run, since, WBL_E_INVALID);
}

int wb_run_plan(wb_run *run, const wbl_request *q, enum wb_goal goal, bool is_preview)
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
        .is_preview = is_preview,
        .command_name = c->command_name,
    };
    wb_findings *found = &run->h->findings;
    int rc = wb_plan_make(&run->cx, run->mem, &run->graph, &run->state, &p, found, &run->plan);
    for (size_t i = 0; rc == 0 && i < run->plan.count; i++) { /* down scripts are known only now */
        wb_step *st = &run->plan.steps[i];
        if (st->is_stored_down)
            rc = wb_run_stored_down(run, st->item);
        else if (st->item->migration)
            rc = wb_run_script(run, st->item->migration, wb_step_script(st));
        if (rc == 0 && st->item->migration)
            rc = look_at_cover(run, wb_step_script(st));
        if (rc == 0 && st->direction == WBL_UP && !wb_ledger_fits(&run->ledger, st->item->key))
            rc = refuse_version(run, st);
    }
    const wb_protocol_rules rules = { .caps = run->h->session->caps, .is_pooled = run->h->session->server.is_pooled,
                                      .dialect = run->sql.dialect };
    if (rc == 0)
        rc = check_resumed(run);
    if (rc == 0)
        rc = wb_plan_protocols(&run->cx, run->mem, &rules, found, &run->plan);
    if (rc == 0)
        rc = check_record_safe(run);
    return rc == 0 && is_preview ? foresee_all(run) : rc;
}
