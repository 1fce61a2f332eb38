/*
 * report.c - fill the public report from a run, and print a report as JSON (docs/json.md).
 *
 * The text output of the program and the JSON are made from the same structs, so they cannot disagree.
 */
#include "engine/engine.h"

#include <stdio.h>

#define JSON_MAX ((size_t)256 << 20)
#define SCHEMA_VERSION 1

/* ---- filling ---- */

static void report_migration(const wb_run *run, const wb_item *it, wbl_migration *out)
{
    const wb_migration *m = it->migration;
    const wb_graph_ns *ns = &run->graph.namespaces[it->ns_index];
    *out = (wbl_migration){
        .ns = it->ns, .version = it->version, .name = it->name, .state = it->state, .is_dirty = it->is_dirty,
        .direction = it->is_reverting ? WBL_DOWN : WBL_UP, .path = m ? m->up.shown : NULL, .has_down = m && m->down.exists,
        .reason = it->reason, .statements_done = it->resume_done, .statements_begun = it->resume_begun, .duration_ms = -1,
    };
    if (m && m->up.info)
        out->statements = m->up.info->facts.statement_count;
    if (!ns->is_enabled && it->state == WBL_STATE_PENDING)
        out->state = WBL_STATE_DISABLED;
    if (it->row)
        out->applied_at = it->row->applied_at;
    if (it->last) {
        out->protocol = it->last->protocol;
        if (it->state == WBL_STATE_FAILED || it->state == WBL_STATE_UNKNOWN) {
            out->error = it->last->error;
            out->error_at = it->last->started_at;
        }
    }
    if (it->origin)
        out->duration_ms = it->origin->duration_ms;
}

void wb_report_step(const wb_run *run, const wb_step *st, wbl_migration *out)
{
    report_migration(run, st->item, out);
    out->direction = st->direction;
    out->protocol = st->protocol;
    out->reason = st->reason;
    out->is_out_of_order = st->is_out_of_order;
    out->duration_ms = -1;
    if (!st->item->migration)
        return;
    const wb_script *s = wb_step_script(st);
    out->path = s->shown;
    out->statements = s->info ? s->info->facts.statement_count : 0;
}

int wb_report_fill(wb_run *run, bool with_migrations)
{
    wbl_report *r = &run->h->report;
    wbl_namespace *ns = wb_arena_get(run->mem, (run->graph.count + 1) * sizeof *ns);
    wbl_migration *m = with_migrations ? wb_arena_get(run->mem, (run->state.count + 1) * sizeof *m) : NULL;
    if (!ns || (with_migrations && !m))
        return wb_nomem(&run->cx);
    r->applied_total = 0;
    for (size_t i = 0; i < run->graph.count; i++) {
        wb_item *current = wb_state_current(&run->state, i), *latest = wb_state_latest(&run->state, i);
        ns[i] = (wbl_namespace){ .name = run->graph.namespaces[i].name,
                                 .current = current ? current->version : NULL,
                                 .latest = latest ? latest->version : NULL,
                                 .is_enabled = run->graph.namespaces[i].is_enabled,
                                 .migration_first = (uint32_t)run->state.ns_first[i],
                                 .migration_count = (uint32_t)run->state.ns_count[i] };
        for (size_t k = 0; k < run->state.ns_count[i]; k++) {
            const wb_item *it = &run->state.items[run->state.ns_first[i] + k];
            ns[i].is_dirty |= it->is_dirty;
            ns[i].missing += it->state == WBL_STATE_MISSING || (it->state == WBL_STATE_APPLIED && !it->migration);
            ns[i].applied += it->state == WBL_STATE_APPLIED || it->state == WBL_STATE_MISSING;
            ns[i].pending += it->state == WBL_STATE_PENDING && it->migration;
            ns[i].failed += it->state == WBL_STATE_FAILED;
            ns[i].unknown += it->state == WBL_STATE_UNKNOWN;
            ns[i].skipped += it->state == WBL_STATE_SKIPPED;
        }
        r->applied_total += ns[i].applied;
    }
    r->namespaces = ns;
    r->namespace_count = (uint32_t)run->graph.count;
    for (size_t i = 0; with_migrations && i < run->state.count; i++)
        report_migration(run, &run->state.items[i], &m[i]);
    r->migrations = with_migrations ? m : NULL;
    r->migration_count = with_migrations ? (uint32_t)run->state.count : 0;
    return 0;
}

int wb_report_steps(wb_run *run, bool with_sql)
{
    wbl_report *r = &run->h->report;
    wbl_migration *m = wb_arena_get(run->mem, (r->step_count + run->plan.count + 1) * sizeof *m);
    size_t n = 0;
    if (!m)
        return wb_nomem(&run->cx);
    for (size_t i = 0; i < r->step_count; i++) /* a plan that another runner overtook */
        if (run->told[i].outcome == WBL_OUTCOME_DONE)
            m[n++] = run->told[i];
    run->told_first = n;
    for (size_t i = 0; i < run->plan.count; i++, n++) {
        const wb_step *st = &run->plan.steps[i];
        wb_report_step(run, st, &m[n]);
        if (with_sql && st->item->migration) {
            const wb_script *s = wb_step_script(st);
            m[n].script = s->text ? wb_arena_str(run->mem, s->text, s->len) : NULL;
        }
    }
    run->told = m;
    run->told_plan = run->plan.steps;
    r->steps = m;
    r->step_count = (uint32_t)n;
    if (run->plan.count && !r->plan_hash && !(r->plan_hash = wb_arena_dup(run->mem, run->plan.hash)))
        return wb_nomem(&run->cx);
    return 0;
}

void wb_report_outcome(wb_run *run, const wb_step *st, int outcome, int64_t duration_ms)
{
    if (!run->told || run->told_plan != run->plan.steps)
        return;
    wbl_migration *m = &run->told[run->told_first + (size_t)(st - run->plan.steps)];
    const char *script = m->script;
    wb_report_step(run, st, m);
    m->script = script;
    m->outcome = outcome;
    m->duration_ms = duration_ms;
    if (outcome == WBL_OUTCOME_FAILED || outcome == WBL_OUTCOME_UNKNOWN) /* without memory the report's error says it */
        m->error = wb_arena_dup(run->mem, run->cx.err->message);
}

/* A redo reverts what it then applies: what did not run stands as the steps before it have left it. */
void wb_report_rest(wb_run *run)
{
    for (size_t i = 0; run->told && run->told_plan == run->plan.steps && i < run->plan.count; i++) {
        wbl_migration now, *m = &run->told[run->told_first + i];
        wb_report_step(run, &run->plan.steps[i], &now);
        if (m->outcome == WBL_OUTCOME_PENDING)
            m->state = now.state;
    }
}

static const char *protocol_text(int protocol)
{
    static const char *const names[] = { NULL, "atomic", "stepwise", "converge" };
    return protocol >= 0 && (size_t)protocol < WB_COUNT(names) ? names[protocol] : NULL;
}

int wb_report_attempts(wb_run *run, uint64_t limit)
{
    size_t n = run->history.count;
    if (limit && limit < n)
        n = (size_t)limit;
    wbl_attempt *a = wb_arena_get(run->mem, (n + 1) * sizeof *a);
    if (!a)
        return wb_nomem(&run->cx);
    for (size_t i = 0; i < n; i++) {
        const wb_record *r = &run->history.records[run->history.count - 1 - i];
        a[i] = (wbl_attempt){ .id = r->id, .run_id = r->run_id, .ns = r->ns, .version = r->version, .name = r->name,
                              .action = r->action, .state = r->state, .started_at = r->started_at, .error = r->error,
                              .who = r->who, .tool = r->tool, .note = r->note, .statements = r->statements,
                              .statements_begun = r->begun, .statements_done = r->done, .duration_ms = r->duration_ms,
                              .protocol = protocol_text(r->protocol) };
    }
    run->h->report.attempts = a;
    run->h->report.attempt_count = (uint32_t)n;
    return 0;
}

/* ---- JSON ---- */

struct writer {
    wb_buf *b;
    bool needs_comma;
};

static void comma(struct writer *w)
{
    if (w->needs_comma)
        wb_buf_char(w->b, ',');
    w->needs_comma = true;
}

static void key(struct writer *w, const char *name)
{
    comma(w);
    wb_buf_json(w->b, name, strlen(name));
    wb_buf_char(w->b, ':');
}

static void text(struct writer *w, const char *name, const char *value)
{
    key(w, name);
    if (value)
        wb_buf_json(w->b, value, strlen(value));
    else
        wb_buf_str(w->b, "null");
}

static void optional(struct writer *w, const char *name, const char *value)
{
    if (value)
        text(w, name, value);
}

static void number(struct writer *w, const char *name, int64_t value)
{
    key(w, name);
    wb_buf_addf(w->b, "%lld", (long long)value);
}

static void truth(struct writer *w, const char *name, bool value)
{
    key(w, name);
    wb_buf_str(w->b, value ? "true" : "false");
}

static void open_(struct writer *w, const char *name, char c)
{
    if (name)
        key(w, name);
    else
        comma(w);
    wb_buf_char(w->b, c);
    w->needs_comma = false;
}

static void close_(struct writer *w, char c)
{
    wb_buf_char(w->b, c);
    w->needs_comma = true;
}

static const char *state_text(int state)
{
    static const char *const names[] = { "pending", "applied", "failed", "unknown", "skipped", "missing", "disabled" };
    return state >= 0 && (size_t)state < WB_COUNT(names) ? names[state] : "unknown";
}

static const char *outcome_text(int outcome)
{
    static const char *const names[] = { "pending", "done", "failed", "unknown" };
    return outcome >= 0 && (size_t)outcome < WB_COUNT(names) ? names[outcome] : "unknown";
}

static void write_migration(struct writer *w, const wbl_migration *m, bool is_step)
{
    open_(w, NULL, '{');
    text(w, "namespace", m->ns);
    text(w, "version", m->version);
    text(w, "name", m->name);
    if (is_step)
        text(w, "direction", m->direction == WBL_DOWN ? "down" : "up");
    text(w, "state", state_text(m->state));
    if (is_step)
        text(w, "outcome", outcome_text(m->outcome));
    optional(w, "path", m->path);
    optional(w, "protocol", protocol_text(m->protocol));
    optional(w, "reason", m->reason);
    if (m->statements)
        number(w, "statements", m->statements);
    if (m->statements_done)
        number(w, "statements_done", m->statements_done);
    if (m->statements_begun > m->statements_done)
        number(w, "statements_begun", m->statements_begun);
    truth(w, "has_down", m->has_down);
    truth(w, "dirty", m->is_dirty);
    if (m->is_out_of_order)
        truth(w, "out_of_order", true);
    optional(w, "applied_at", m->applied_at);
    optional(w, "error", m->error);
    optional(w, "error_at", m->error_at);
    if (m->duration_ms >= 0)
        number(w, "duration_ms", m->duration_ms);
    optional(w, "script", m->script);
    close_(w, '}');
}

static void write_namespaces(struct writer *w, const wbl_report *r)
{
    open_(w, "namespaces", '[');
    for (uint32_t i = 0; i < r->namespace_count; i++) {
        const wbl_namespace *n = &r->namespaces[i];
        open_(w, NULL, '{');
        text(w, "namespace", n->name);
        text(w, "current", n->current);
        text(w, "latest", n->latest);
        number(w, "applied", n->applied);
        number(w, "pending", n->pending);
        number(w, "failed", n->failed);
        number(w, "unknown", n->unknown);
        number(w, "skipped", n->skipped);
        number(w, "missing", n->missing);
        truth(w, "dirty", n->is_dirty);
        truth(w, "enabled", n->is_enabled);
        if (r->migrations) {
            open_(w, "migrations", '[');
            for (uint32_t k = 0; k < n->migration_count; k++)
                write_migration(w, &r->migrations[n->migration_first + k], false);
            close_(w, ']');
        }
        close_(w, '}');
    }
    close_(w, ']');
}

static void write_findings(struct writer *w, const wbl_report *r)
{
    static const char *const severities[] = { "note", "warning", "error" };
    open_(w, "findings", '[');
    for (uint32_t i = 0; i < r->finding_count; i++) {
        const wbl_finding *f = &r->findings[i];
        open_(w, NULL, '{');
        text(w, "severity", severities[f->severity]);
        text(w, "code", f->code);
        optional(w, "namespace", f->ns);
        optional(w, "version", f->version);
        optional(w, "name", f->name);
        optional(w, "object", f->object);
        optional(w, "file", f->file);
        if (f->line) {
            number(w, "line", f->line);
            number(w, "column", f->column);
        }
        text(w, "message", f->message);
        optional(w, "detail", f->detail);
        optional(w, "hint", f->hint);
        close_(w, '}');
    }
    close_(w, ']');
}

static void write_attempts(struct writer *w, const wbl_report *r)
{
    open_(w, "attempts", '[');
    for (uint32_t i = 0; i < r->attempt_count; i++) {
        const wbl_attempt *a = &r->attempts[i];
        open_(w, NULL, '{');
        text(w, "id", a->id);
        text(w, "run_id", a->run_id);
        text(w, "namespace", a->ns);
        text(w, "version", a->version);
        text(w, "name", a->name);
        text(w, "action", a->action);
        text(w, "state", a->state);
        optional(w, "protocol", a->protocol);
        text(w, "started_at", a->started_at);
        if (a->duration_ms >= 0)
            number(w, "duration_ms", a->duration_ms);
        if (a->statements) {
            number(w, "statements", a->statements);
            number(w, "statements_begun", a->statements_begun);
            number(w, "statements_done", a->statements_done);
        }
        optional(w, "executed_by", a->who);
        optional(w, "tool", a->tool);
        optional(w, "error", a->error);
        optional(w, "note", a->note);
        close_(w, '}');
    }
    close_(w, ']');
}

static void write_steps(struct writer *w, const wbl_report *r)
{
    text(w, "plan_hash", r->plan_hash);
    open_(w, "steps", '[');
    for (uint32_t i = 0; i < r->step_count; i++)
        write_migration(w, &r->steps[i], true);
    close_(w, ']');
    number(w, "done", r->done_count);
}

static void write_settings(struct writer *w, const wbl_report *r)
{
    open_(w, "settings", '[');
    for (uint32_t i = 0; i < r->setting_count; i++) {
        open_(w, NULL, '{');
        text(w, "key", r->settings[i].key);
        text(w, "value", r->settings[i].value);
        text(w, "origin", r->settings[i].origin);
        close_(w, '}');
    }
    close_(w, ']');
}

static void write_paths(struct writer *w, const wbl_report *r)
{
    open_(w, "paths", '[');
    for (uint32_t i = 0; i < r->path_count; i++) {
        comma(w);
        wb_buf_json(w->b, r->paths[i], strlen(r->paths[i]));
    }
    close_(w, ']');
}

static const char *code_text(int code)
{
    static const struct { int code; const char *text; } names[] = {
        { WBL_CHECK_FAILED, "check-failed" }, { WBL_E_NOMEM, "out-of-memory" }, { WBL_E_INVALID, "invalid" },
        { WBL_E_CONNECT, "connect" }, { WBL_E_STATEMENT, "statement" }, { WBL_E_LOCKED, "locked" },
        { WBL_E_OUTCOME, "outcome-unknown" }, { WBL_E_STATE, "state" }, { WBL_E_DRIFT, "drift" },
        { WBL_E_CONFLICT, "conflict" }, { WBL_E_TIMEOUT, "timeout" }, { WBL_E_CANCELLED, "cancelled" },
        { WBL_E_LOCK_WAIT, "lock-wait" }, { WBL_E_REFUSED, "refused" }, { WBL_E_UNSUPPORTED, "unsupported" },
        { WBL_E_IO, "io" }, { WBL_E_INTERNAL, "internal" },
    };
    for (size_t i = 0; i < WB_COUNT(names); i++)
        if (names[i].code == code)
            return names[i].text;
    return "error";
}

static void write_failure(struct writer *w, const wbl_error *e)
{
    static const char *const effects[] = { "none", "some", "unknown" };
    open_(w, "error", '{');
    text(w, "code", code_text(e->code));
    text(w, "message", e->message);
    optional(w, "hint", e->hint[0] ? e->hint : NULL);
    optional(w, "sqlstate", e->sqlstate[0] ? e->sqlstate : NULL);
    if (e->native)
        number(w, "native", e->native);
    text(w, "effect", effects[e->effect <= 2 ? e->effect : 2]);
    truth(w, "retryable", e->is_retryable);
    optional(w, "file", e->file[0] ? e->file : NULL);
    if (e->line) {
        number(w, "line", e->line);
        number(w, "column", e->column);
    }
    if (e->statement)
        number(w, "statement", e->statement);
    close_(w, '}');
}

static bool is_about(const char *what, const char *names)
{
    const char *p = what ? strstr(names, what) : NULL;
    size_t n = what ? strlen(what) : 0;
    return p && n && (p == names || p[-1] == ' ') && (p[n] == ' ' || !p[n]);
}

static void write_target(struct writer *w, const wbl_report *r)
{
    optional(w, "url", r->url);
    optional(w, "profile", r->profile);
    optional(w, "ledger", r->ledger);
    optional(w, "server", r->server);
    write_namespaces(w, r);
}

int wbl_report_json(const wbl_report *r, const char *what, const wbl_error *failure, char **out)
{
    if (!r || !out)
        return WBL_E_INVALID;
    WB_AUTOBUF wb_buf b = WB_BUF(JSON_MAX);
    struct writer w = { &b, false };
    open_(&w, NULL, '{');
    number(&w, "schema_version", SCHEMA_VERSION);
    text(&w, "command", what ? what : "");
    truth(&w, "ok", !failure);
    if (failure)
        write_failure(&w, failure);
    if (is_about(what, "status validate verify check up down goto redo version baseline force repair wait")) {
        write_target(&w, r);
        if (is_about(what, "status")) { /* the form with several targets, of which this version fills one */
            open_(&w, "targets", '[');
            open_(&w, NULL, '{');
            write_target(&w, r);
            close_(&w, '}');
            close_(&w, ']');
        }
    } else {
        optional(&w, "url", r->url);
        optional(&w, "profile", r->profile);
    }
    if (is_about(what, "plan up down goto redo"))
        write_steps(&w, r);
    if (is_about(what, "history"))
        write_attempts(&w, r);
    if (r->setting_count)
        write_settings(&w, r);
    if (r->path_count)
        write_paths(&w, r);
    write_findings(&w, r);
    number(&w, "applied", r->applied_total);
    number(&w, "duration_ms", r->duration_ms);
    wb_buf_str(&b, "}\n");
    char *p = wb_buf_take(&b);
    if (!p)
        return WBL_E_NOMEM;
    *out = p;
    return WBL_OK;
}
