/*
 * check.c - the quick questions: which version, is it new enough, is the database there yet. They take no lock and
 * create nothing, and the check at a service's start does not need the migration files.
 */
#include "engine/engine.h"

#include <stdlib.h>

#define WAIT_POLL_MS 500

/* ---- version ---- */

static int current_of(wb_run *run, const char *ns, const char **version, const char **key)
{
    size_t index = 0;
    *version = *key = NULL;
    if (!ns && run->graph.count > 1 && !wb_graph_find(&run->graph, WB_DEFAULT_NS, &index))
        return wb_which_namespace(run);
    if (run->graph.count == 0 || (ns && !wb_graph_find(&run->graph, ns, &index)))
        return 0; /* nothing of it is known: nothing is applied */
    const wb_item *it = wb_state_current(&run->state, index);
    if (it) {
        *version = it->version;
        *key = it->key;
    }
    return 0;
}

static int version_of(wbl_handle *h, const char *ns, char *out, size_t size, bool wants_key, wbl_error *err)
{
    wb_run run;
    const char *version = NULL, *key = NULL;
    int rc = wb_run_begin(&run, h, err);
    if (rc == 0)
        rc = wb_run_start(&run, true, false);
    if (rc == 0)
        rc = current_of(&run, ns, &version, &key);
    if (rc == 0)
        rc = wb_report_fill(&run, false);
    const char *text = wants_key ? key : version;
    if (rc == 0)
        wb_copy_text(out, size, text ? text : "", text ? strlen(text) : 0);
    return wb_run_end(&run, rc);
}

int wbl_version(wbl_handle *h, const char *ns, char *out, size_t size, wbl_error *err)
{
    if (!h || !out || !size)
        return wb_bad_call(err, h ? "no room for the version" : "no handle");
    return version_of(h, ns, out, size, false, err);
}

int wbl_version_number(wbl_handle *h, const char *ns, int64_t *out, wbl_error *err)
{
    char text[64];
    if (!h || !out)
        return wb_bad_call(err, h ? "no room for the version" : "no handle");
    int rc = version_of(h, ns, text, sizeof text, true, err);
    if (rc != 0)
        return rc;
    size_t n = strlen(text);
    if (n > 19 || text[strspn(text, "0123456789")] || (n == 19 && strcmp(text, "9223372036854775807") > 0)) {
        wb_ctx cx = { .err = err };
        return wb_fail(&cx, WBL_E_INVALID, WBL_EFFECT_NONE, "version %s is no 64-bit number", text);
    }
    *out = n ? strtoll(text, NULL, 10) : 0;
    return 0;
}

/* ---- check ---- */

static int not_applied(wb_run *run, const char *ns)
{
    int rc = wb_fail(&run->cx, WBL_CHECK_FAILED, WBL_EFFECT_NONE, "%s schema not applied \xe2\x80\x94 run '%s up'", ns, wb_command_of(run->h));
    if (!wb_graph_find(&run->graph, ns, NULL)) { /* a service may ask without the files; or the name is misspelt */
        const char *near = wb_nearest(ns, run->graph.names, run->graph.count);
        if (near)
            wb_hint(&run->cx, "There is no namespace %s; did you mean %s?", ns, near);
    }
    return rc;
}

static int check_minimum(wb_run *run, const char *minimum)
{
    const char *eq = strrchr(minimum, '=');
    const char *ns = eq ? wb_arena_str(run->mem, minimum, (size_t)(eq - minimum)) : NULL;
    const char *wanted = eq ? eq + 1 : NULL;
    if (!eq || !*eq || eq == minimum || !wb_version_valid(run->set.order, wanted))
        return wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "\"%s\" is no minimum; write namespace=version", minimum);
    const char *key = ns ? wb_version_key(run->mem, run->set.order, wanted, strlen(wanted)) : NULL;
    if (!key)
        return wb_nomem(&run->cx);
    const char *version = NULL, *have = NULL;
    int rc = current_of(run, ns, &version, &have);
    if (rc != 0 || (have && wb_version_cmp(run->set.order, have, key) >= 0))
        return rc;
    if (!have)
        return not_applied(run, ns);
    return wb_fail(&run->cx, WBL_CHECK_FAILED, WBL_EFFECT_NONE, "%s is at version %s, and %s is needed \xe2\x80\x94 run '%s up'", ns, version, wanted,
                   wb_command_of(run->h));
}

static int check_defaults(wb_run *run)
{
    bool has_core = wb_graph_find(&run->graph, "core", NULL) != NULL;
    if (has_core || run->ledger.shape->has_namespaces == false || run->graph.count != 1)
        return run->ledger.shape->is_single_row || (!has_core && run->graph.count == 1)
                   ? (run->state.applied_total ? 0 : not_applied(run, "default"))
               : has_core ? check_minimum(run, "core=1") : run->state.applied_total ? 0 : not_applied(run, "core");
    return run->state.applied_total ? 0 : not_applied(run, run->graph.namespaces[0].name);
}

static int check_pending(wb_run *run)
{
    for (size_t i = 0; i < run->state.count; i++) {
        const wb_item *it = &run->state.items[i];
        if (it->migration && run->graph.namespaces[it->ns_index].is_enabled &&
            (it->state == WBL_STATE_PENDING || it->state == WBL_STATE_FAILED || it->state == WBL_STATE_UNKNOWN))
            return wb_fail(&run->cx, WBL_CHECK_FAILED, WBL_EFFECT_NONE, WB_LABEL " is not applied \xe2\x80\x94 run '%s up'", WB_LABEL_OF(it),
                           wb_command_of(run->h));
    }
    return 0;
}

static int check_once(wb_run *run, const wbl_check_options *o)
{
    int rc = wb_run_start(run, !o->current, false);
    if (rc != 0)
        return rc;
    if (!run->has_ledger)
        return wb_fail(&run->cx, WBL_CHECK_FAILED, WBL_EFFECT_NONE, "%s table not found \xe2\x80\x94 run '%s up'",
                       run->h->config.ledger_table, wb_command_of(run->h));
    for (uint32_t i = 0; rc == 0 && i < o->minimum_count; i++)
        rc = check_minimum(run, o->minimums[i]);
    if (rc == 0 && o->minimum_count == 0)
        rc = check_defaults(run);
    if (rc == 0 && o->current)
        rc = check_pending(run);
    if (rc == 0)
        rc = wb_report_fill(run, false);
    return rc;
}

static int take_options(wb_ctx *cx, const wbl_check_options *given, wbl_check_options *o)
{
    int rc = wb_take_check_options(cx, given, o);
    if (rc == 0 && o->minimum_count && !o->minimums)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "minimums is NULL, and minimum_count is not 0");
    for (uint32_t i = 0; rc == 0 && i < o->minimum_count; i++)
        if (!o->minimums[i])
            return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "minimums[%u] is NULL", i);
    return rc;
}

int wbl_check(wbl_handle *h, const wbl_check_options *options, wbl_error *err)
{
    wbl_check_options o;
    wb_run run;
    if (!h)
        return wb_bad_call(err, "no handle");
    int rc = wb_run_begin(&run, h, err);
    if (rc == 0)
        rc = take_options(&run.cx, options, &o);
    if (rc == 0)
        rc = check_once(&run, &o);
    return wb_run_end(&run, rc);
}

/* ---- wait ---- */

static int wait_once(wbl_handle *h, const wbl_check_options *o, wbl_error *err)
{
    wb_run run;
    int rc = wb_run_begin(&run, h, err);
    if (rc == 0)
        rc = o->minimum_count || o->current ? check_once(&run, o) : wb_run_open(&run, false);
    rc = wb_run_end(&run, rc);
    if (h->session) { /* the next look needs a fresh connection: this one may be to a server that goes down */
        h->driver->close(h->session);
        h->session = NULL;
    }
    return rc;
}

int wbl_wait(wbl_handle *h, const wbl_check_options *options, wbl_error *err)
{
    wbl_check_options o;
    if (!h)
        return wb_bad_call(err, "no handle");
    if (!err)
        err = &h->unasked;
    wb_error_clear(err);
    wb_ctx cx = { .err = err, .cancel = &h->cancel };
    int rc = take_options(&cx, options, &o);
    if (rc != 0)
        return rc;
    int64_t began = wb_now_ms();
    for (;;) {
        rc = wait_once(h, &o, err);
        bool may_come = rc == WBL_CHECK_FAILED || (rc == WBL_E_CONNECT && err->is_retryable) || rc == WBL_E_OUTCOME;
        if (!may_come)
            return rc;
        if (wb_cancelled(&cx))
            return wb_fail(&cx, WBL_E_CANCELLED, WBL_EFFECT_NONE, "cancelled while waiting");
        if (o.wait_ms >= 0 && wb_now_ms() - began >= o.wait_ms) {
            char span[32];
            wb_span_text(o.wait_ms, span);
            return wb_fail(&cx, WBL_E_TIMEOUT, WBL_EFFECT_NONE, "waited %s: %s", span, err->message);
        }
        wb_sleep_ms(WAIT_POLL_MS);
    }
}
