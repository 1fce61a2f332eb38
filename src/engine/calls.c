/*
 * calls.c - the calls that plan and execute: up, down, goto, redo, plan; and those that only look: status, history,
 * validate, verify, config.
 */
#include "engine/engine.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SAME_MAX 100                       /* the same plan again and again: nobody is faster, the ledger itself is odd */
#define AGAIN_MAX 10000                    /* other runners may be faster as often as there are migrations */

static int check_request(wb_run *run, const wbl_request *q)
{
    const char *what = q->out_of_order < 0 || q->out_of_order > 3 ? "out_of_order is 0 to 3"
                       : q->newer < 0 || q->newer > 3             ? "newer is 0 to 3"
                       : q->steps < 0                             ? "steps is not negative"
                       : q->namespace_count && !q->namespaces     ? "namespaces is NULL, and namespace_count is not 0"
                                                                  : NULL;
    for (uint32_t i = 0; !what && i < q->namespace_count; i++)
        what = q->namespaces[i] ? NULL : "a name in namespaces is NULL";
    return what ? wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "wrong request: %s", what) : 0;
}

static int begin(wbl_handle *h, wb_run *run, const wbl_request *given, wbl_request *q, wbl_error *err)
{
    int rc = wb_run_begin(run, h, err);
    if (rc == 0)
        rc = wb_take_request(&run->cx, given, q);
    return rc == 0 ? check_request(run, q) : rc;
}

/* Findings that came up while planning are told as events too, once. */
static void tell_findings(wb_run *run, size_t from)
{
    for (size_t i = from; i < run->h->findings.count; i++) {
        const wbl_finding *f = &run->h->findings.items[i];
        wbl_event e = { .kind = WBL_EVENT_FINDING, .finding = f };
        wb_run_event(run, &e);
    }
}

/* ---- settling what an earlier run left ---- */

/*
 * A stepwise attempt that never ended: its row says how far it came, and the statement that was under way is looked at when
 * it is resumed. So it is a failed one with a known rest; a down that died before its first statement has done nothing.
 */
static void settle(wb_run *run)
{
    for (size_t i = 0; i < run->state.count; i++) {
        wb_item *it = &run->state.items[i];
        if (it->state != WBL_STATE_UNKNOWN || !it->last || strcmp(it->last->state, "started") != 0)
            continue;
        bool is_touched = it->resume_done || it->resume_begun;
        it->state = it->is_reverting && !is_touched ? WBL_STATE_APPLIED : WBL_STATE_FAILED;
    }
}

/* A down that stopped in the middle must be finished before anything goes up. */
static int refuse_half_down(wb_run *run)
{
    for (size_t i = 0; i < run->state.count; i++) {
        const wb_item *it = &run->state.items[i];
        if (!it->is_reverting || it->state != WBL_STATE_FAILED)
            continue;
        int rc = wb_fail(&run->cx, WBL_E_STATE, WBL_EFFECT_NONE,
                         "reverting " WB_LABEL " stopped at statement %u of %u; finish that first", WB_LABEL_OF(it),
                         it->resume_done + 1, it->last->statements);
        wb_hint(&run->cx, "`%s down%s%s` goes on with it.", wb_command_of(run->h), wb_is_default_ns(it->ns) ? "" : " --namespace ",
                wb_label_ns(it->ns));
        return rc;
    }
    return 0;
}

/* ---- plan files ---- */

static int write_plan(wb_run *run, const char *path)
{
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX * 64);
    wb_buf_addf(&b, "{\n  \"whimbrel_plan\": 1,\n  \"hash\": \"%s\",\n  \"steps\": [", run->plan.hash);
    for (size_t i = 0; i < run->plan.count; i++) {
        const wb_step *st = &run->plan.steps[i];
        const wb_script *s = wb_step_script(st);
        wb_buf_addf(&b, "%s\n    {\"direction\": \"%s\", \"namespace\": ", i ? "," : "", st->direction == WBL_UP ? "up" : "down");
        wb_buf_json(&b, st->item->ns, strlen(st->item->ns));
        wb_buf_str(&b, ", \"version\": ");
        wb_buf_json(&b, st->item->version, strlen(st->item->version));
        wb_buf_addf(&b, ", \"sha256\": \"%s\"}", s->sha256);
    }
    wb_buf_str(&b, "\n  ]\n}\n");
    const char *text = wb_buf_cstr(&b);
    if (!text)
        return wb_nomem(&run->cx);
    return wb_file_create(&run->cx, path, text, b.len);
}

static int require_plan(wb_run *run, const char *path)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX * 64);
    int rc = wb_file_read(&run->cx, AT_FDCWD, path, path, &text);
    if (rc == WBL_E_IO) { /* a wrong name, most often */
        wb_hint(&run->cx, "`%s plan --out FILE` writes one.", wb_command_of(run->h));
        return run->cx.err->code = WBL_E_INVALID;
    }
    if (rc != 0)
        return rc;
    json_error_t why;
    json_t *doc = json_loadb(text.p, text.len, 0, &why);
    const char *hash = doc ? json_string_value(json_object_get(doc, "hash")) : NULL;
    bool is_plan = doc && json_integer_value(json_object_get(doc, "whimbrel_plan")) == 1 && hash;
    bool is_same = is_plan && strcmp(hash, run->plan.hash) == 0;
    if (!is_plan) {
        rc = wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s is no plan: %s", path, doc ? "it has no hash" : why.text);
        wb_at(&run->cx, path, doc ? 0 : (uint32_t)why.line, doc ? 0 : (uint32_t)why.column);
    } else if (!is_same) {
        rc = wb_fail(&run->cx, WBL_E_DRIFT, WBL_EFFECT_NONE, "the plan in %s is %.8s, and what would run now is %.8s", path, hash,
                     run->plan.count ? run->plan.hash : "nothing");
        wb_hint(&run->cx, "Files or database changed since. Look at `%s plan`, and write the plan anew.",
                wb_command_of(run->h));
    }
    json_decref(doc);
    return rc;
}

/* ---- the calls that execute ---- */

static int confirm(wb_run *run, const wbl_request *q, enum wb_goal goal)
{
    if (q->confirmed || run->h->options.confirmed || q->dry_run || goal == WB_GOAL_UP || (goal != WB_GOAL_DOWN && !run->h->config.is_protected))
        return 0;
    size_t reverts = 0;
    for (size_t i = 0; i < run->plan.count; i++)
        reverts += run->plan.steps[i].direction == WBL_DOWN;
    if (!reverts || (!q->all && !run->h->config.is_protected))
        return 0;
    int rc = wb_fail(&run->cx, WBL_E_REFUSED, WBL_EFFECT_NONE, "this reverts %zu migration%s%s", reverts, reverts == 1 ? "" : "s",
                     run->h->config.is_protected ? " of a protected target" : "");
    wb_hint(&run->cx, "Say yes with --yes.");
    return rc;
}

/* An empty volume that was mounted in the place of the migrations looks just like this. */
static int tell_no_files(wb_run *run)
{
    const wb_config *c = &run->h->config;
    wbl_finding *f = wb_finding_add(&run->cx, &run->h->findings, WBL_WARNING, "no-files", "no migration files in %s",
                                    c->dir_count ? c->dirs[0] : "memory");
    if (!f)
        return WBL_E_NOMEM;
    f->hint = "Check the path (--dir), if you expected some.";
    return 0;
}

static int plan_once(wb_run *run, const wbl_request *q, enum wb_goal goal, bool is_preview)
{
    settle(run);
    int rc = goal == WB_GOAL_DOWN ? 0 : refuse_half_down(run);
    if (rc == 0 && goal != WB_GOAL_DOWN)
        rc = wb_run_compare(run);
    if (rc == 0 && goal != WB_GOAL_DOWN)
        rc = wb_run_pending_scripts(run);
    if (rc == 0 && goal != WB_GOAL_UP)
        rc = wb_run_applied_requirements(run);
    if (rc == 0)
        rc = wb_run_plan(run, q, goal, is_preview);
    if (rc == 0 && goal == WB_GOAL_UP && run->state.count == 0)
        rc = tell_no_files(run);
    return rc;
}

static int execute(wb_run *run, const wbl_request *q, enum wb_goal goal)
{
    wbl_request now = *q;
    char last[sizeof run->plan.hash] = "";
    for (int i = 0, same = 0; i < AGAIN_MAX && same < SAME_MAX; i++) {
        size_t told = run->h->findings.count;
        int rc = plan_once(run, &now, goal, false);
        same = rc == 0 && strcmp(last, run->plan.hash) == 0 ? same + 1 : 0;
        wb_copy_text(last, sizeof last, run->plan.hash, strlen(run->plan.hash));
        if (i == 0)
            tell_findings(run, 0); /* also what the files gave */
        else
            run->h->findings.count = told;
        if (rc == 0 && q->plan_file && i == 0)
            rc = require_plan(run, q->plan_file);
        if (rc == 0)
            rc = confirm(run, q, goal);
        if (rc < 0 && run->was_overtaken) /* the plan says "nothing was touched", and this run had touched something */
            run->cx.err->effect = WBL_EFFECT_UNKNOWN;
        if (rc != 0)
            return rc;
        if ((rc = wb_report_steps(run, q->with_sql)) != 0)
            return rc;
        if (i == 0) {
            if ((rc = wb_report_fill(run, false)) != 0)
                return rc;
            wbl_event e = { .kind = WBL_EVENT_RUN_STARTED, .report = &run->h->report, .count = (uint32_t)run->plan.count };
            wb_run_event(run, &e);
        }
        if (q->dry_run)
            return run->plan.count ? 0 : WBL_NO_CHANGE;
        rc = wb_run_external(run);
        if (rc != 0)
            return rc;
        if (run->plan.count == 0)
            return (rc = wb_remember_stale(run)) != 0 ? rc : i == 0 ? WBL_NO_CHANGE : 0;
        rc = wb_run_tables(run);
        uint32_t before = run->h->report.done_count;
        if (rc == 0)
            rc = wb_apply(run);
        if (rc != WB_AGAIN)
            return rc;
        now.steps -= now.steps > 0 ? (int64_t)(run->h->report.done_count - before) : 0;
        if (q->steps > 0 && now.steps <= 0)
            return 0;
        if ((rc = wb_run_reload(run)) != 0)
            return rc;
    }
    int rc = wb_fail(&run->cx, WBL_E_CONFLICT, run->h->report.done_count ? WBL_EFFECT_SOME : WBL_EFFECT_NONE,
                     "the rows of %s are not what they were when they were read, each time again", run->h->report.ledger);
    wb_hint(&run->cx, "Look whether it has a row twice, and what other programs and triggers do to it.");
    return rc;
}

static int run_goal(wbl_handle *h, const wbl_request *request, enum wb_goal goal, wbl_error *err)
{
    wbl_request q;
    wb_run run;
    if (!h)
        return wb_bad_call(err, "no handle");
    int rc = begin(h, &run, request, &q, err);
    if (rc == 0)
        rc = wb_run_start(&run, goal == WB_GOAL_DOWN, !q.dry_run);
    if (rc == 0)
        rc = execute(&run, &q, goal);
    wb_report_rest(&run);
    if (run.state.ns_first) {
        int rc2 = wb_report_fill(&run, false); /* as it is now, also after a failure */
        rc = rc >= 0 && rc2 != 0 ? rc2 : rc;
    }
    if (rc >= 0) {
        wb_error_clear(run.cx.err); /* of what was settled on the way */
        wbl_event e = { .kind = WBL_EVENT_RUN_DONE, .report = &h->report };
        h->report.duration_ms = wb_now_ms() - run.started_ms;
        wb_run_event(&run, &e);
    }
    return wb_run_end(&run, rc);
}

int wbl_up(wbl_handle *h, const wbl_request *q, wbl_error *err) { return run_goal(h, q, WB_GOAL_UP, err); }
int wbl_down(wbl_handle *h, const wbl_request *q, wbl_error *err) { return run_goal(h, q, WB_GOAL_DOWN, err); }
int wbl_goto(wbl_handle *h, const wbl_request *q, wbl_error *err) { return run_goal(h, q, WB_GOAL_GOTO, err); }
int wbl_redo(wbl_handle *h, const wbl_request *q, wbl_error *err) { return run_goal(h, q, WB_GOAL_REDO, err); }

/* ---- the calls that look ---- */

static int look(wbl_handle *h, const wbl_request *request, wbl_error *err, int (*look_at)(wb_run *, const wbl_request *))
{
    wbl_request q;
    wb_run run;
    if (!h)
        return wb_bad_call(err, "no handle");
    int rc = begin(h, &run, request, &q, err);
    if (rc == 0)
        rc = look_at(&run, &q);
    return wb_run_end(&run, rc);
}

static int look_at_plan(wb_run *run, const wbl_request *q)
{
    int rc = wb_run_start(run, false, false);
    if (rc == 0)
        rc = plan_once(run, q, WB_GOAL_UP, true);
    if (rc == 0)
        rc = wb_report_steps(run, q->with_sql);
    if (rc == 0)
        rc = wb_report_fill(run, false);
    if (rc == 0 && q->plan_file)
        rc = write_plan(run, q->plan_file);
    return rc == 0 && run->plan.count == 0 ? WBL_NO_CHANGE : rc;
}

static bool asks_for(const wbl_request *q, const char *ns)
{
    bool is_asked = q->namespace_count == 0;
    for (uint32_t i = 0; !is_asked && ns && i < q->namespace_count; i++)
        is_asked = strcmp(q->namespaces[i], ns) == 0;
    return is_asked;
}

static int check_namespaces(wb_run *run, const wbl_request *q)
{
    for (uint32_t i = 0; i < q->namespace_count; i++)
        if (!wb_graph_find(&run->graph, q->namespaces[i], NULL))
            return wb_no_namespace(run, q->namespaces[i]);
    return 0;
}

/* Only the namespaces that were asked for. */
static int narrow(wb_run *run, const wbl_request *q)
{
    wbl_report *r = &run->h->report;
    wbl_namespace *kept = wb_arena_get(run->mem, (r->namespace_count + 1) * sizeof *kept);
    uint32_t n = 0;
    if (!kept)
        return wb_nomem(&run->cx);
    for (uint32_t i = 0; i < r->namespace_count; i++)
        if (asks_for(q, r->namespaces[i].name))
            kept[n++] = r->namespaces[i];
    r->namespaces = kept;
    r->namespace_count = n;
    return 0;
}

static int look_at_status(wb_run *run, const wbl_request *q)
{
    int rc = wb_run_start(run, false, false);
    if (rc != 0)
        return rc;
    settle(run);
    rc = wb_report_fill(run, true);
    if (rc == 0)
        rc = check_namespaces(run, q);
    return rc == 0 ? narrow(run, q) : rc;
}

/* What was reverted and taken away is still in the history, and may be asked for. */
static int known_to_history(wb_run *run, const wbl_request *q)
{
    for (uint32_t k = 0; k < q->namespace_count; k++) {
        bool is_known = wb_graph_find(&run->graph, q->namespaces[k], NULL) != NULL;
        for (size_t i = 0; i < run->history.count && !is_known; i++)
            is_known = strcmp(run->history.records[i].ns, q->namespaces[k]) == 0;
        if (!is_known)
            return wb_no_namespace(run, q->namespaces[k]);
    }
    return 0;
}

static int look_at_history(wb_run *run, const wbl_request *q)
{
    wb_history *history = &run->history;
    run->with_text = true;
    int rc = wb_run_start(run, true, false);
    if (rc == 0)
        rc = known_to_history(run, q);
    if (rc != 0)
        return rc;
    size_t kept = 0;
    for (size_t i = 0; i < history->count; i++)
        if (asks_for(q, history->records[i].ns))
            history->records[kept++] = history->records[i];
    history->count = kept;
    return wb_report_attempts(run, q->steps > 0 ? (uint64_t)q->steps : 0);
}

/* Every file is read, also the down scripts: a fault in one is better found before it is needed. */
static int read_every_script(wb_run *run)
{
    for (size_t i = 0; i < run->set.migration_count; i++) {
        wb_migration *m = &run->set.migrations[i];
        for (int k = 0; k < 2; k++) {
            int rc = wb_run_script(run, m, k ? &m->down : &m->up);
            if (rc != 0 && wb_run_bad_file(run, m, rc) != 0)
                return WBL_E_NOMEM;
        }
        if (!m->is_code) {
            wb_script_info *info = m->up.info; /* the checks that follow ask for directives, and for nothing of the text */
            wb_script_release(&m->up);
            wb_script_release(&m->down);
            m->up.info = info;
        }
    }
    return 0;
}

/* Those of the namespaces that were asked for. */
static void narrow_findings(wb_findings *found, const wbl_request *q, bool with_those_of_none)
{
    size_t kept = 0;
    found->errors = 0;
    for (size_t i = 0; i < found->count; i++) {
        const char *ns = found->items[i].ns;
        if (!asks_for(q, ns) && (ns || !with_those_of_none))
            continue;
        found->errors += found->items[i].severity == WBL_ERROR;
        found->items[kept++] = found->items[i];
    }
    found->count = kept;
}

/* The files by themselves, read as the driver of the URL would, if there is one. */
static int look_at_files(wb_run *run)
{
    const wb_driver *driver = run->h->driver;
    wb_dialect dialect = driver ? wb_dialect_of(driver->name) : WB_SQL_POSTGRES;
    run->sql = (wb_sql_options){ .dialect = dialect, .backslash_quotes = dialect == WB_SQL_MYSQL }; /* its default */
    int rc = wb_run_files(run, false);
    return rc == 0 ? wb_graph_make(&run->cx, run->mem, &run->set, &run->h->config, NULL, 0, &run->h->findings, &run->graph) : rc;
}

static int validate(wb_run *run, const wbl_request *q)
{
    wbl_handle *h = run->h;
    bool connects = h->driver && !q->check_files_only;
    int rc = connects ? wb_run_start(run, false, false) : look_at_files(run);
    if (rc == 0 && connects)
        rc = wb_run_compare(run);
    if (rc == 0 && connects)
        rc = wb_run_resumed_all(run);
    if (rc == 0)
        rc = read_every_script(run);
    if (rc == 0)
        rc = wb_plan_validate(&run->cx, run->mem, &run->graph, &run->set, connects ? &run->state : NULL, &h->findings);
    if (rc == 0)
        rc = check_namespaces(run, q);
    if (rc == 0)
        narrow_findings(&h->findings, q, true);
    if (rc == 0 && connects)
        rc = wb_report_fill(run, true);
    if (q->verbose) {
        h->report.paths = run->set.passed_over;
        h->report.path_count = (uint32_t)run->set.passed_count;
    }
    if (rc == 0 && h->findings.errors)
        rc = wb_fail(&run->cx, WBL_CHECK_FAILED, WBL_EFFECT_NONE, "%zu %s", h->findings.errors, h->findings.errors == 1 ? "error" : "errors");
    return rc;
}

static int verify(wb_run *run, const wbl_request *q)
{
    wb_findings *found = &run->h->findings;
    int rc = wb_run_start(run, true, false);
    if (rc == 0)
        rc = wb_report_fill(run, false);
    if (rc == 0)
        rc = check_namespaces(run, q);
    if (rc == 0)
        rc = wb_verify(run);
    if (rc != 0)
        return rc;
    narrow_findings(found, q, false);
    if (!found->errors)
        return 0;
    rc = wb_fail(&run->cx, WBL_CHECK_FAILED, WBL_EFFECT_NONE, "the database differs from what was recorded in %zu %s",
                 found->errors, found->errors == 1 ? "place" : "places");
    wb_hint(&run->cx, "Put the database back, or write a migration that makes the difference part of the schema.");
    return rc;
}

int wbl_plan(wbl_handle *h, const wbl_request *q, wbl_error *err) { return look(h, q, err, look_at_plan); }
int wbl_status(wbl_handle *h, const wbl_request *q, wbl_error *err) { return look(h, q, err, look_at_status); }
int wbl_history(wbl_handle *h, const wbl_request *q, wbl_error *err) { return look(h, q, err, look_at_history); }
int wbl_validate(wbl_handle *h, const wbl_request *q, wbl_error *err) { return look(h, q, err, validate); }
int wbl_verify(wbl_handle *h, const wbl_request *q, wbl_error *err) { return look(h, q, err, verify); }

int wbl_config(wbl_handle *h, wbl_error *err)
{
    wb_run run;
    if (!h)
        return wb_bad_call(err, "no handle");
    int rc = wb_run_begin(&run, h, err);
    h->report.settings = h->config.settings;
    h->report.setting_count = (uint32_t)h->config.setting_count;
    return wb_run_end(&run, rc);
}

/* ---- new files ---- */

int wbl_new(wbl_handle *h, const wbl_new_options *options, wbl_error *err)
{
    wbl_new_options o;
    wb_run run;
    if (!h)
        return wb_bad_call(err, "no handle");
    int rc = wb_run_begin(&run, h, err);
    wbl_new_options_init(&o);
    if (rc == 0)
        rc = options ? wb_take_new_options(&run.cx, options, &o) : wb_bad_call(run.cx.err, "wbl_new() needs options");
    const wb_driver *driver = h->driver; /* the next number counts the files of every database */
    h->driver = NULL;
    if (rc == 0)
        rc = wb_run_files(&run, true);
    h->driver = driver;
    if (rc == WBL_E_INVALID && o.renumber)
        rc = 0; /* two files of one version are what it is there to mend */
    char now[16];
    struct tm tm;
    time_t t = (time_t)(wb_wall_ms() / 1000);
    const char **paths = NULL;
    size_t count = 0;
    if (rc == 0 && (!gmtime_r(&t, &tm) || strftime(now, sizeof now, "%Y%m%d%H%M%S", &tm) == 0))
        rc = wb_fail(&run.cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "the clock of this machine tells no time");
    const wb_newfile_request q = { .options = &o, .set = &run.set, .config = &h->config, .base_fd = h->base_fd, .now = now };
    if (rc == 0)
        rc = wb_newfile_write(&run.cx, run.mem, &q, &paths, &count);
    if (rc == 0) {
        h->report.paths = paths;
        h->report.path_count = (uint32_t)count;
    }
    return wb_run_end(&run, rc);
}

int wbl_init(const char *working_dir, const char *url, char **out, wbl_error *err)
{
    wb_ctx cx = { .err = err };
    WB_AUTOARENA wb_arena mem = { 0 };
    WB_AUTOBUF wb_buf list = WB_BUF(WB_TEXT_MAX);
    const char **paths = NULL;
    size_t count = 0;
    if (err)
        wb_error_clear(err);
    int fd = working_dir ? open(working_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : AT_FDCWD;
    if (working_dir && fd < 0)
        return wb_fail(&cx, WBL_E_IO, WBL_EFFECT_NONE, "can't open %s", working_dir);
    int rc = wb_project_write(&cx, &mem, fd, url, &paths, &count);
    if (fd >= 0)
        (void)close(fd);
    for (size_t i = 0; rc == 0 && i < count; i++)
        wb_buf_addf(&list, "%s\n", paths[i]);
    if (rc != 0 || !out)
        return rc;
    char *text = wb_buf_take(&list);
    if (!text)
        return wb_nomem(&cx);
    *out = text;
    return 0;
}
