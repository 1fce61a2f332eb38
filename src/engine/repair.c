/*
 * repair.c - the documented ways out, where nothing of a migration runs: force, baseline, repair, drop.
 *
 * Each writes ledger rows and the history rows that say so in one transaction, under the lock.
 */
#include "engine/engine.h"

#include <stdlib.h>

/* What a target is protected from is a hasty word, so these need a second one. */
static int refuse_protected(wb_run *run, const char *what)
{
    if (!run->h->config.is_protected || run->h->options.confirmed)
        return 0;
    int rc = wb_fail(&run->cx, WBL_E_REFUSED, WBL_EFFECT_NONE, "this %s a protected target", what);
    wb_hint(&run->cx, "Say yes with --yes.");
    return rc;
}

/* ---- one transaction of ledger and history rows ---- */

struct editor {
    wb_run *run;
    bool is_open;
};

static int start(struct editor *e)
{
    if (e->is_open)
        return 0;
    int rc = wb_run_tables(e->run);
    if (rc == 0)
        rc = wb_rows_begin(e->run, &e->run->cx);
    e->is_open = rc == 0;
    return rc;
}

static int finish(struct editor *e, int rc) { return e->is_open ? wb_rows_end(e->run, &e->run->cx, rc) : rc; }

static int edit(struct editor *e, const wb_item *it, wb_change_kind kind, const char *after)
{
    wb_run *run = e->run;
    const wb_change c = { .kind = kind, .ns = it->ns, .key = it->key, .row = it->row, .before = run->cursor,
                          .before_dirty = run->cursor_dirty, .after = after, .direction = kind == WB_CHANGE_REVERT };
    int rc = start(e);
    return rc == 0 ? wb_ledger_change(&run->cx, run->h->session, &run->ledger, &c, WB_TAG_LEDGER) : rc;
}

static int note(struct editor *e, wb_item *it, const char *action, const char *state, const char *text)
{
    wb_run *run = e->run;
    wb_record r = wb_run_record(run, it, action, state);
    if (!r.id)
        return wb_nomem(&run->cx);
    r.note = text;
    int rc = strcmp(state, "applied") == 0 ? wb_run_first_sight(run, it, &r) : 0;
    if (rc == 0)
        rc = start(e);
    return rc == 0 ? wb_history_add(&run->cx, run->h->session, &run->history, &r, false, WB_TAG_HISTORY) : rc;
}

/* ---- force and baseline ---- */

static int prepare(wb_run *run, wbl_handle *h, bool files_may_be_missing, bool changes, wbl_error *err)
{
    int rc = wb_run_begin(run, h, err);
    if (rc == 0 && changes)
        rc = refuse_protected(run, "changes what is recorded of");
    return rc == 0 ? wb_run_start(run, files_may_be_missing, changes) : rc;
}

static int choose_ns(wb_run *run, const char *ns, size_t *index)
{
    if (ns) {
        if (wb_graph_find(&run->graph, ns, index))
            return 0;
        return wb_no_namespace(run, ns);
    }
    *index = 0;
    return run->graph.count == 1 || wb_graph_find(&run->graph, WB_DEFAULT_NS, index) ? 0 : wb_which_namespace(run);
}

static int parse_version(wb_run *run, const char *version, const char **key)
{
    *key = NULL;
    if (strcmp(version, "-1") == 0)
        return 0;
    if (!wb_version_valid(run->set.order, version))
        return wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "\"%s\" is not a version", version);
    *key = wb_version_key(run->mem, run->set.order, version, strlen(version));
    if (!*key)
        return wb_nomem(&run->cx);
    if (!wb_ledger_fits(&run->ledger, *key))
        return wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "version %s does not fit the column version of %s", version,
                       run->h->report.ledger);
    return 0;
}

/* An item for a version that has neither file nor row yet, so that it can get a row. */
static wb_item *new_item(wb_run *run, size_t ns_index, const char *version, const char *key)
{
    wb_item *it = wb_arena_get(run->mem, sizeof *it);
    char *text = wb_arena_dup(run->mem, version);
    if (!it || !text)
        return NULL;
    *it = (wb_item){ .ns = run->graph.namespaces[ns_index].name, .ns_index = ns_index, .key = key, .version = text,
                     .state = WBL_STATE_PENDING };
    return it;
}

/* The history holds an attempt that the ledger's row alone does not settle. */
static bool is_unsettled(const wb_item *it) { return it->state == WBL_STATE_FAILED || it->state == WBL_STATE_UNKNOWN; }

static int force_rows(struct editor *e, size_t ns, const char *key, wb_item *target, const char *action, bool reverts)
{
    wb_run *run = e->run;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < run->state.ns_count[ns]; i++) {
        wb_item *it = &run->state.items[run->state.ns_first[ns] + i];
        bool below = key && wb_version_cmp(run->set.order, it->key, key) <= 0;
        bool is_applied = it->row && !it->row->is_dirty;
        if (below && (!is_applied || is_unsettled(it))) {
            if (!is_applied)
                rc = edit(e, it, it->row ? WB_CHANGE_CLEAN : WB_CHANGE_APPLY, NULL);
            if (rc == 0)
                rc = note(e, it, action, "applied", NULL);
        } else if (!below && reverts && (it->row || is_unsettled(it))) {
            if (it->row)
                rc = edit(e, it, WB_CHANGE_REVERT, NULL);
            if (rc == 0)
                rc = note(e, it, action, "reverted", NULL);
        }
    }
    if (rc == 0 && target && !target->row && target->state == WBL_STATE_PENDING && !target->migration) {
        rc = edit(e, target, WB_CHANGE_APPLY, NULL);
        if (rc == 0)
            rc = note(e, target, action, "applied", "no file of this version");
    }
    return rc;
}

/* One row holds the version: it moves, and the history says it for each version that it passes. */
static int force_single(struct editor *e, size_t ns, const char *key, wb_item *target, const char *action)
{
    wb_run *run = e->run;
    int rc = 0;
    if (key)
        rc = edit(e, target, WB_CHANGE_APPLY, NULL);
    else if (run->cursor)
        rc = edit(e, &(wb_item){ .ns = WB_DEFAULT_NS, .key = run->cursor }, WB_CHANGE_REVERT, NULL);
    for (size_t i = 0; rc == 0 && i < run->state.ns_count[ns]; i++) {
        wb_item *it = &run->state.items[run->state.ns_first[ns] + i];
        bool below = key && wb_version_cmp(run->set.order, it->key, key) <= 0;
        if (below != (it->state == WBL_STATE_APPLIED) || is_unsettled(it))
            rc = note(e, it, action, below ? "applied" : "reverted", NULL);
    }
    return rc;
}

static int set_version(wbl_handle *h, const char *ns, const char *version, const char *action, wbl_error *err)
{
    wb_run run;
    if (!h || !version)
        return wb_bad_call(err, h ? "which version?" : "no handle");
    bool is_force = strcmp(action, "force") == 0;
    int rc = prepare(&run, h, true, true, err);
    size_t index = 0;
    const char *key = NULL;
    if (rc == 0)
        rc = choose_ns(&run, ns, &index);
    if (rc == 0)
        rc = parse_version(&run, version, &key);
    for (size_t i = 0; rc == 0 && !is_force && i < run.state.ns_count[index]; i++)
        if (run.state.items[run.state.ns_first[index] + i].row) {
            rc = wb_fail(&run.cx, WBL_E_REFUSED, WBL_EFFECT_NONE, "namespace %s has a history already", run.graph.namespaces[index].name);
            wb_hint(&run.cx, "A baseline is for a database without one. `%s status` shows it, `%s force` sets it.", wb_command_of(h),
                    wb_command_of(h));
        }
    wb_item *target = rc == 0 && key ? wb_state_find(&run.state, &run.graph, run.graph.namespaces[index].name, key) : NULL;
    if (rc == 0 && key && !target && !(target = new_item(&run, index, version, key)))
        rc = wb_nomem(&run.cx);
    if (rc == 0 && target && !target->migration) {
        wbl_finding *f = wb_finding_add(&run.cx, &h->findings, WBL_WARNING, "no-file", "no file has version %s", version);
        rc = f ? 0 : WBL_E_NOMEM;
    }
    struct editor e = { .run = &run };
    if (rc == 0)
        rc = run.ledger.shape->is_single_row ? force_single(&e, index, key, target, action)
                                             : force_rows(&e, index, key, target, action, is_force);
    rc = finish(&e, rc);
    if (rc == 0)
        rc = wb_run_reload(&run);
    if (rc == 0)
        rc = wb_report_fill(&run, false);
    return wb_run_end(&run, rc == 0 && !e.is_open ? WBL_NO_CHANGE : rc);
}

int wbl_force(wbl_handle *h, const char *ns, const char *version, wbl_error *err)
{
    return set_version(h, ns, version, "force", err);
}

int wbl_baseline(wbl_handle *h, const char *ns, const char *version, wbl_error *err)
{
    return set_version(h, ns, version, "baseline", err);
}

/* ---- repair ---- */

static int show_item(wb_run *run, const wb_item *it)
{
    bool is_unknown = it->state == WBL_STATE_UNKNOWN;
    if (it->state != WBL_STATE_FAILED && !is_unknown)
        return 0;
    wbl_finding *f = wb_finding_add(&run->cx, &run->h->findings, is_unknown ? WBL_ERROR : WBL_WARNING, is_unknown ? "unknown" : "failed",
                                    WB_LABEL ": %s", WB_LABEL_OF(it), it->last && it->last->error ? it->last->error : "dirty in the ledger");
    if (!f)
        return wb_nomem(&run->cx);
    f->ns = it->ns;
    f->version = it->version;
    f->name = it->name;
    const char *command = wb_command_of(run->h);
    bool is_stepwise = it->last && it->last->protocol == WBL_PROTOCOL_STEPWISE;
    f->detail = is_stepwise ? wb_arena_fmt(run->mem, "statements done: %u of %u", it->last->done, it->last->statements) : NULL;
    if (is_unknown && it->resume_begun)
        f->hint = wb_arena_fmt(run->mem, "look at the data, then say which:\n"
                               "  %s repair " WB_LABEL " --statement %u --did-run\n"
                               "  %s repair " WB_LABEL " --statement %u --did-not-run",
                               command, WB_LABEL_OF(it), it->resume_begun, command, WB_LABEL_OF(it), it->resume_begun);
    else if (is_unknown)
        f->hint = wb_arena_fmt(run->mem, "look at the database, then say which:\n"
                               "  %s repair " WB_LABEL " --mark-applied\n  %s repair " WB_LABEL " --mark-reverted",
                               command, WB_LABEL_OF(it), command, WB_LABEL_OF(it));
    else if (it->is_reverting)
        f->hint = wb_arena_fmt(run->mem, "`%s down%s%s` goes on from there.", command,
                               wb_is_default_ns(it->ns) ? "" : " --namespace ", wb_label_ns(it->ns));
    else
        f->hint = wb_arena_fmt(run->mem, "Mend the file and run `%s up`; or say what holds now:\n"
                               "  %s repair " WB_LABEL " --mark-applied\n  %s repair " WB_LABEL " --mark-reverted",
                               command, command, WB_LABEL_OF(it), command, WB_LABEL_OF(it));
    return f->hint && (!is_stepwise || f->detail) ? 0 : wb_nomem(&run->cx);
}

/* Checksum of the script up to the end of a statement. */
static int seal(wb_run *run, const wb_script *s, uint32_t statement, char hex[65])
{
    wb_statement found;
    wb_sql_options sql = run->sql;
    sql.first_line = s->first_line;
    int rc = wb_statement_find(&run->cx, &sql, s->text, s->len, statement, &found);
    if (rc == 0)
        wb_sql_token_hash_to(&sql, s->text, s->len, wb_statement_end(&found), hex);
    else
        wb_at(&run->cx, s->shown ? s->shown : "", 0, 0);
    return rc;
}

/* What ran may not change before the rest runs, so a statement that a person vouches for is sealed as the runner would have
   done it. Without its script there is nothing to compare. */
static int seal_done(wb_run *run, wb_item *it, uint32_t statement, const char **out)
{
    char hex[65];
    int rc = 0;
    if (it->migration && it->migration->is_code)
        return 0;
    bool has_file = it->migration && (it->is_reverting ? it->migration->down.exists : it->migration->up.exists);
    if (!has_file && it->is_reverting && it->stored_down)
        rc = wb_run_stored_down(run, it);
    else if (!has_file)
        return 0;
    wb_script *s = rc != 0 ? NULL : it->is_reverting ? &it->migration->down : &it->migration->up;
    if (rc == 0)
        rc = wb_run_script(run, it->migration, s);
    if (rc == 0 && it->last->done && it->last->done_sha256) {
        rc = seal(run, s, it->last->done, hex);
        if (rc == 0 && strcmp(hex, it->last->done_sha256) != 0) {
            rc = wb_fail(&run->cx, WBL_E_DRIFT, WBL_EFFECT_NONE,
                         "statements 1-%u of this script have run already, and they were changed since", it->last->done);
            wb_hint(&run->cx, "Put them back first.");
            wb_at(&run->cx, s->shown ? s->shown : "", 0, 0);
        }
    }
    if (rc == 0)
        rc = seal(run, s, statement, hex);
    if (rc == 0 && !(*out = wb_arena_dup(run->mem, hex)))
        rc = wb_nomem(&run->cx);
    return rc;
}

static int settle_statement(struct editor *e, wb_item *it, uint32_t statement, bool did_run)
{
    wb_run *run = e->run;
    if (it->state != WBL_STATE_UNKNOWN && it->state != WBL_STATE_FAILED)
        return wb_fail(&run->cx, WBL_E_REFUSED, WBL_EFFECT_NONE, WB_LABEL " has no statement in doubt", WB_LABEL_OF(it));
    if (statement == 0 || statement != it->resume_begun)
        return wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the statement in question is %u, not %u", it->resume_begun, statement);
    wb_record r = wb_run_record(run, it, "repair", "failed");
    if (!r.id)
        return wb_nomem(&run->cx);
    r.protocol = WBL_PROTOCOL_STEPWISE;
    r.statements = it->last ? it->last->statements : 0;
    r.done = r.begun = did_run ? statement : statement - 1;
    r.note = did_run ? "a person says that the statement ran" : "a person says that the statement did not run";
    r.error = "interrupted";
    if (it->last) {
        r.sha256 = it->last->sha256;
        r.tokens = it->last->tokens;
        r.done_sha256 = it->last->done_sha256;
    }
    int rc = did_run ? seal_done(run, it, statement, &r.done_sha256) : 0;
    if (rc == 0)
        rc = start(e);
    return rc == 0 ? wb_history_add(&run->cx, run->h->session, &run->history, &r, false, WB_TAG_HISTORY) : rc;
}

/* The highest applied version below an item; above: the one above it instead. NULL: none. */
static const wb_item *applied_beside(const wb_run *run, const wb_item *it, bool above)
{
    const wb_item *all = run->state.items + run->state.ns_first[it->ns_index], *found = NULL;
    for (size_t i = 0; i < run->state.ns_count[it->ns_index]; i++)
        if (all[i].state == WBL_STATE_APPLIED && (above ? &all[i] > it : &all[i] < it))
            found = &all[i];
    return found;
}

static int mark_applied(struct editor *e, wb_item *it)
{
    int rc = 0;
    if (e->run->ledger.shape->is_single_row) { /* a row that is further on stays where it is */
        if (!applied_beside(e->run, it, true))
            rc = edit(e, it, WB_CHANGE_APPLY, NULL);
    } else if (!it->row || it->row->is_dirty) {
        rc = edit(e, it, it->row ? WB_CHANGE_CLEAN : WB_CHANGE_APPLY, NULL);
    }
    return rc == 0 ? note(e, it, "repair", "applied", "marked as applied") : rc;
}

static int mark_reverted(struct editor *e, wb_item *it)
{
    wb_run *run = e->run;
    bool is_single = run->ledger.shape->is_single_row;
    const wb_item *below = applied_beside(run, it, false), *above = is_single ? applied_beside(run, it, true) : NULL;
    int rc = 0;
    if (above && it->state == WBL_STATE_APPLIED) {
        rc = wb_fail(&run->cx, WBL_E_REFUSED, WBL_EFFECT_NONE, "%s has one row, and can't say that %s is not applied while %s is",
                     run->h->report.ledger, it->version, above->version);
        wb_hint(&run->cx, "Mark those above it as reverted first.");
        return rc;
    }
    if (it->row || (is_single && run->cursor && !above))
        rc = edit(e, it, WB_CHANGE_REVERT, below ? below->key : NULL);
    return rc == 0 ? note(e, it, "repair", "reverted", "marked as reverted") : rc;
}

static int repair_item(struct editor *e, wb_item *it, int action, uint32_t statement)
{
    wb_run *run = e->run;
    switch (action) {
    case WBL_REPAIR_MARK_APPLIED: return mark_applied(e, it);
    case WBL_REPAIR_MARK_REVERTED: return mark_reverted(e, it);
    case WBL_REPAIR_ACCEPT_FILE:
        if (it->state != WBL_STATE_APPLIED || !it->migration)
            return wb_fail(&run->cx, WBL_E_REFUSED, WBL_EFFECT_NONE, WB_LABEL " is not applied, or has no file", WB_LABEL_OF(it));
        return note(e, it, "repair", "applied", "the file as it is now was accepted");
    case WBL_REPAIR_STATEMENT_DID_RUN:
    case WBL_REPAIR_STATEMENT_DID_NOT_RUN:
        return settle_statement(e, it, statement, action == WBL_REPAIR_STATEMENT_DID_RUN);
    default:
        return wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no repair action %d", action);
    }
}

static int no_version(wb_run *run, size_t ns, const char *version)
{
    const char *name = run->graph.namespaces[ns].name;
    int rc = wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "there is no version %s%s%s", version,
                     wb_is_default_ns(name) ? "" : " of ", wb_label_ns(name));
    wb_hint(&run->cx, "`%s status -v` lists them.", wb_command_of(run->h));
    return rc;
}

int wbl_repair(wbl_handle *h, const char *ns, const char *version, int action, uint32_t statement, wbl_error *err)
{
    wb_run run;
    if (!h)
        return wb_bad_call(err, "no handle");
    int rc = prepare(&run, h, false, action != WBL_REPAIR_SHOW, err);
    struct editor e = { .run = &run };
    if (action == WBL_REPAIR_SHOW) {
        for (size_t i = 0; rc == 0 && i < run.state.count; i++)
            rc = show_item(&run, &run.state.items[i]);
        if (rc == 0)
            rc = wb_report_fill(&run, true);
        return wb_run_end(&run, rc == 0 && h->findings.count == 0 ? WBL_NO_CHANGE : rc);
    }
    size_t index = 0;
    const char *key = NULL;
    if (rc == 0)
        rc = choose_ns(&run, ns, &index);
    if (rc == 0)
        rc = version ? parse_version(&run, version, &key) : wb_fail(&run.cx, WBL_E_INVALID, WBL_EFFECT_NONE, "it needs a version");
    wb_item *it = rc == 0 && key ? wb_state_find(&run.state, &run.graph, run.graph.namespaces[index].name, key) : NULL;
    if (rc == 0 && !it)
        rc = no_version(&run, index, version);
    if (rc == 0)
        rc = repair_item(&e, it, action, statement);
    rc = finish(&e, rc);
    if (rc == 0)
        rc = wb_run_reload(&run);
    if (rc == 0)
        rc = wb_report_fill(&run, false);
    return wb_run_end(&run, rc);
}

/* ---- drop ---- */

int wbl_drop(wbl_handle *h, const char *confirm, wbl_error *err)
{
    wb_run run;
    if (!h)
        return wb_bad_call(err, "no handle");
    int rc = wb_run_begin(&run, h, err);
    if (rc == 0)
        rc = refuse_protected(&run, "drops everything of");
    if (rc == 0)
        rc = wb_run_open(&run, true);
    if (rc == 0 && (!confirm || !*confirm || strcmp(confirm, h->session->server.database) != 0)) {
        const wb_server *v = &h->session->server;
        bool has_schema = v->schema[0] && strcmp(v->schema, v->database) != 0; /* on MySQL they are one */
        rc = wb_fail(&run.cx, WBL_E_REFUSED, WBL_EFFECT_NONE, "this drops every object in %s%s%s", v->database,
                     has_schema ? ", schema " : "", has_schema ? v->schema : "");
        wb_hint(&run.cx, "Confirm with the name of the database: --confirm %s", h->session->server.database);
    }
    if (rc == 0)
        rc = h->driver->drop_all(&run.cx, h->session);
    return wb_run_end(&run, rc);
}
