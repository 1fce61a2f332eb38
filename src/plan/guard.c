/*
 * guard.c - what a plan must not run over, and what a person should know before it runs.
 *
 * States that nobody knows, failures that block, applied files that were edited, files that are gone. Each kind is
 * told in full before the call is refused, so that one look is enough. Owns nothing.
 */
#include "plan/parts.h"

/* ---- states ---- */

static int tell_unknown(wb_pick *p, const wb_item *it)
{
    const wb_script *s = !it->migration ? NULL : it->is_reverting ? &it->migration->down : &it->migration->up;
    const char *what = it->is_reverting ? " of its down script" : "";
    uint32_t n = it->resume_begun;
    wbl_finding *f;
    if (n)
        f = wb_finding_add(p->cx, p->found, WBL_ERROR, "unknown",
                           WB_LABEL
                           ": statement %u of %u%s was begun, and nobody can tell whether it took effect",
                           WB_LABEL_OF(it), n, it->last->statements, what);
    else
        f = wb_finding_add(p->cx, p->found, WBL_ERROR, "unknown",
                           WB_LABEL " is marked dirty, and the history does not tell how its run ended",
                           WB_LABEL_OF(it));
    if (wb_tell_item(f, it, s ? s->shown : NULL) != 0)
        return WBL_E_NOMEM;
    f->detail = it->last ? it->last->error : NULL;
    if (!n)
        return wb_tell_hint(p->cx, p->found, f,
                            "look at the database, then say which:\n"
                            "  %s repair " WB_LABEL " --mark-applied\n"
                            "  %s repair " WB_LABEL " --mark-reverted",
                            p->command, WB_LABEL_OF(it), p->command, WB_LABEL_OF(it));
    const char *next = n < it->last->statements ? "goes on with the next one" : "nothing is left to do";
    return wb_tell_hint(p->cx, p->found, f,
                        "look at the data, then say which:\n"
                        "  %s repair " WB_LABEL " --statement %u --did-run      %s\n"
                        "  %s repair " WB_LABEL " --statement %u --did-not-run  runs it again",
                        p->command, WB_LABEL_OF(it), n, next, p->command, WB_LABEL_OF(it), n);
}

static int tell_failed(wb_pick *p, const wb_item *it)
{
    wbl_finding *f;
    if (it->is_reverting) {
        f = wb_finding_add(p->cx, p->found, WBL_ERROR, "half-reverted",
                           WB_LABEL " is half reverted: its down script stopped at statement %u of %u", WB_LABEL_OF(it),
                           it->resume_done + 1, it->last->statements);
        if (wb_tell_hint(p->cx, p->found, f, "Run `%s down%s%s`: it goes on from there.", p->command,
                         wb_is_default_ns(it->ns) ? "" : " --namespace ", wb_label_ns(it->ns)) != 0)
            return WBL_E_NOMEM;
    } else {
        f = wb_finding_add(p->cx, p->found, WBL_ERROR, "failed", WB_LABEL " failed before, and failed migrations block",
                           WB_LABEL_OF(it));
        if (wb_tell_hint(p->cx, p->found, f, "Mend the file and run `%s up --retry-failed`.", p->command) != 0)
            return WBL_E_NOMEM;
    }
    f->detail = it->last ? it->last->error : NULL;
    return wb_tell_item(f, it, it->migration ? it->migration->up.shown : NULL);
}

/* A failed one whose file was taken away can't be tried again, and there is nothing to block for. */
static int tell_lost_failure(wb_pick *p, const wb_item *it)
{
    wbl_finding *f = wb_finding_add(p->cx, p->found, WBL_WARNING, "failed",
                                    WB_LABEL " failed before and its file is gone", WB_LABEL_OF(it));
    if (wb_tell_hint(p->cx, p->found, f, "Say `%s repair " WB_LABEL " --mark-reverted` when nothing of it is left.",
                     p->command, WB_LABEL_OF(it)) != 0)
        return WBL_E_NOMEM;
    return wb_tell_item(f, it, NULL);
}

int wb_guard_states(wb_pick *p, const bool *scope, bool is_up)
{
    size_t since = p->found->count;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->state->count; i++) {
        const wb_item *it = &p->state->items[i];
        if (!scope[it->ns_index])
            continue;
        if (it->state == WBL_STATE_UNKNOWN)
            rc = tell_unknown(p, it);
        else if (it->state == WBL_STATE_FAILED) {
            bool blocks = p->request->blocks_on_failed && it->migration;
            /* A ledger with one row shows the failed version in it, so there is no going down past that either. */
            if (is_up ? it->is_reverting || blocks : blocks && !it->is_reverting && p->request->single_row_ledger)
                rc = tell_failed(p, it);
            else if (is_up && !it->migration)
                rc = tell_lost_failure(p, it);
        }
    }
    if (rc == 0 && wb_tell_errors(p->found, since))
        return wb_tell_fail(p->cx, p->found, since, WBL_E_STATE, "migrations need a decision");
    return rc;
}

/* ---- edited files ---- */

/* A down does not run the edited text, so it is only warned. What redo reverts is applied again as it is now. */
int wb_guard_edits(wb_pick *p, bool is_up)
{
    size_t since = p->found->count;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->state->count; i++) {
        const wb_item *it = &p->state->items[i];
        if (!p->is_in_scope[it->ns_index] || !wb_item_is_applied(it) || !(it->is_edited || it->is_comment_edit))
            continue;
        bool is_redone = p->request->goal == WB_GOAL_REDO && p->is_going[i];
        rc = wb_tell_edited(p->cx, p->found, it, is_up && !is_redone ? WBL_ERROR : WBL_WARNING, p->command);
    }
    if (rc == 0 && wb_tell_errors(p->found, since))
        return wb_tell_fail(p->cx, p->found, since, WBL_E_DRIFT, "applied files were changed afterwards");
    return rc;
}

/* ---- files that are gone, a database that is newer ---- */

static bool has_files_elsewhere(const wb_pick *p, size_t ns)
{
    for (size_t i = 0; i < p->graph->count; i++)
        if (i != ns && p->graph->namespaces[i].source && p->graph->namespaces[i].source->count)
            return true;
    return false;
}

/* A namespace of which there is no file at all may be somebody else's, who shares the database. */
static int look_at_one(wb_pick *p, size_t ns)
{
    if (!wb_state_latest(p->state, ns) && has_files_elsewhere(p, ns) && !p->graph->namespaces[ns].is_listed)
        return 0;
    int newer = p->request->newer == WB_NEWER_OK ? -1 : p->request->newer == WB_NEWER_ERROR ? WBL_ERROR : WBL_WARNING;
    return wb_tell_missing(p->cx, p->mem, p->found, p->state, ns, newer);
}

int wb_guard_files(wb_pick *p)
{
    size_t since = p->found->count;
    for (size_t ns = 0; ns < p->graph->count; ns++) {
        const wb_graph_ns *g = &p->graph->namespaces[ns];
        int rc = p->is_in_scope[ns] ? look_at_one(p, ns) : 0;
        if (rc == 0 && g->is_reported_only && p->request->namespace_count == 0 && g->source && g->source->count)
            rc = wb_tell_not_in_plan(p->cx, p->found, g);
        if (rc != 0)
            return rc;
    }
    if (wb_tell_errors(p->found, since))
        return wb_tell_fail(p->cx, p->found, since, WBL_E_DRIFT, "namespaces are newer than their files");
    return 0;
}
