/*
 * choose_up.c - which pending migrations run: those that were asked for, and what they require.
 *
 * A worklist: whatever is wanted may require more, in its own namespace or in another one. Each namespace remembers how
 * far it is wanted, so every migration is looked at once. What came late (older than what is applied) is judged by the
 * policy here, since only a wanted one matters. Owns nothing.
 */
#include "plan/parts.h"

static const char late_reason[] = "it is older than what is applied";

typedef struct puller {
    wb_pick *p;
    bool *wanted; /* for each item */
    bool *is_late;
    size_t *reached;             /* for each namespace: items before this index were looked at */
    size_t *highest;             /* for each namespace: index behind its highest applied item */
    size_t *open_count;          /* for each namespace: items with a script that are not applied */
    bool *is_queued;             /* for each namespace: its own requirements are on the list, or done */
    size_t *items, item_count;   /* worklist: wanted items whose requirements were not looked at */
    size_t *spaces, space_count; /* the same for namespaces */
    size_t late_errors, refusals;
} puller;

static bool is_applied_after(const wb_pick *p, const wb_item *it)
{
    return wb_item_is_applied(it) && !p->is_going[it - p->state->items];
}

static bool is_runnable(const wb_item *it)
{
    bool was_skipped =
        it->state == WBL_STATE_SKIPPED && it->reason == late_reason; /* by an earlier plan of this call */
    return it->migration && !it->is_reverting &&
           (it->state == WBL_STATE_PENDING || it->state == WBL_STATE_FAILED || was_skipped);
}

static bool may_run(const wb_pick *p, const wb_item *it)
{
    return is_runnable(it) && (it->migration->up.exists || p->request->single_row_ledger);
}

/* ---- late ones ---- */

static int tell_late(puller *u, wb_item *it, int severity)
{
    const wb_pick *p = u->p;
    const wb_item *highest = &p->state->items[u->highest[it->ns_index] - 1];
    const char *file = it->migration->up.shown;
    wbl_finding *f = wb_finding_add(p->cx, p->found, severity, "late",
                                    WB_LABEL " is older than what is applied (%s) and was not applied", WB_LABEL_OF(it),
                                    highest->version);
    if (wb_tell_item(f, it, file) != 0)
        return WBL_E_NOMEM;
    if (p->request->single_row_ledger)
        return wb_tell_hint(p->cx, p->found, f,
                            "It may have been merged late, and this ledger can only say one version. "
                            "Renumber it: `%s new --renumber %s`.",
                            p->command, file ? file : "FILE");
    return wb_tell_hint(p->cx, p->found, f,
                        "It may have been merged late. Mark it `-- whimbrel: out-of-order` if it may run "
                        "now, or renumber it: `%s new --renumber %s`.",
                        p->command, file ? file : "FILE");
}

/* Whether a late one runs all the same. A row that was deleted by hand is an instruction to run it again, and one that
   is half done must go on. */
static bool may_run_late(const wb_pick *p, const wb_item *it)
{
    const wb_script *up = &it->migration->up;
    if (p->request->single_row_ledger)
        return false;
    return p->request->out_of_order == WB_POLICY_APPLY || it->is_external || it->resume_done > 0 ||
           (up->info && up->info->directives.out_of_order);
}

static int judge_late(puller *u, size_t index)
{
    wb_item *it = &u->p->state->items[index];
    if (may_run_late(u->p, it)) {
        u->is_late[index] = true;
        return 0;
    }
    u->wanted[index] = false;
    if (u->p->request->out_of_order == WB_POLICY_ERROR && !u->p->request->single_row_ledger) {
        u->late_errors++;
        return tell_late(u, it, WBL_ERROR);
    }
    it->state = WBL_STATE_SKIPPED;
    it->reason = late_reason;
    return tell_late(u, it, WBL_WARNING);
}

/* ---- the closure ---- */

static void want_space(puller *u, size_t ns)
{
    u->p->is_in_scope[ns] = true;
    if (u->is_queued[ns])
        return;
    u->is_queued[ns] = true;
    u->spaces[u->space_count++] = ns;
}

static int want(puller *u, size_t ns, size_t until)
{
    want_space(u, ns);
    for (; u->reached[ns] < until; u->reached[ns]++) {
        size_t i = u->reached[ns];
        wb_item *it = &u->p->state->items[i];
        if (!may_run(u->p, it))
            continue;
        if (it->state == WBL_STATE_SKIPPED)
            it->state = WBL_STATE_PENDING;
        it->reason = NULL;
        u->wanted[i] = true;
        int rc = i < u->highest[ns] ? judge_late(u, i) : 0;
        if (rc != 0)
            return rc;
        if (u->wanted[i])
            u->items[u->item_count++] = i;
    }
    return 0;
}

static bool is_satisfied(const puller *u, const wb_demand_target *t)
{
    return t->item == WB_NOWHERE ? u->open_count[t->ns_index] == 0
                                 : is_applied_after(u->p, &u->p->state->items[t->item]);
}

static int tell_demand(puller *u, const wb_demand *d, const char *code, const char *why, const char *hint)
{
    const wb_pick *p = u->p;
    const char *who = wb_demand_text(p->mem, p->graph, d);
    if (!who || !why)
        return wb_nomem(p->cx);
    wbl_finding *f = wb_finding_add(p->cx, p->found, WBL_ERROR, code, "%s, %s", who, why);
    if (wb_demand_tell(f, p->graph, d) != 0)
        return WBL_E_NOMEM;
    f->hint = hint;
    return 0;
}

static int follow(void *user, const wb_demand *d)
{
    puller *u = user;
    wb_pick *p = u->p;
    wb_demand_target t;
    if (!wb_demand_find(p->graph, p->state, d, &t))
        return wb_demand_tell_missing(p->cx, p->found, p->graph, p->state, d);
    bool is_own = t.ns_index == d->ns_index;
    const wb_graph_ns *ns = &p->graph->namespaces[t.ns_index];
    if (is_satisfied(u, &t)) {
        /* What a namespace stands on is wanted too, even when the namespace itself has nothing to do. */
        if (t.item == WB_NOWHERE && !is_own && ns->is_enabled && !ns->is_reported_only)
            want_space(u, t.ns_index);
        return 0;
    }
    if (is_own && t.item == WB_NOWHERE)
        return 0;
    if (!ns->is_enabled)
        return tell_demand(u, d, "disabled-requirement", wb_arena_fmt(p->mem, "and %s is disabled", ns->name),
                           "Enable it in the configuration, or take the requirement out.");
    if (ns->is_reported_only)
        return tell_demand(u, d, "disabled-requirement",
                           wb_arena_fmt(p->mem, "and %s is not in the order of the configuration", ns->name),
                           "List it under namespaces: order:.");
    if (p->request->only && !p->is_selected[t.ns_index]) {
        u->refusals++;
        return tell_demand(u, d, "only", "which is not applied", "Leave out --only, or apply that first.");
    }
    size_t until = t.item != WB_NOWHERE ? t.item + 1 : p->state->ns_first[t.ns_index] + p->state->ns_count[t.ns_index];
    int rc = want(u, t.ns_index, until);
    if (rc != 0 || t.item == WB_NOWHERE || u->wanted[t.item])
        return rc;
    const wb_item *it = &p->state->items[t.item];
    if (it->state == WBL_STATE_UNKNOWN || (it->state == WBL_STATE_FAILED && it->is_reverting) || u->late_errors)
        return 0; /* that is told by itself */
    return tell_demand(u, d, "missing-requirement",
                       wb_arena_fmt(p->mem, "which can't be applied%s%s", it->reason ? ": " : ": its file is gone",
                                    it->reason ? it->reason : ""),
                       NULL);
}

static int close_over(puller *u)
{
    int rc = 0;
    while (rc == 0 && (u->space_count || u->item_count)) {
        if (u->space_count)
            rc = wb_demands_of_ns(u->p->graph, u->spaces[--u->space_count], follow, u);
        else
            rc = wb_demands_of_item(&u->p->state->items[u->items[--u->item_count]], follow, u);
    }
    return rc;
}

static void survey(puller *u)
{
    const wb_state *st = u->p->state;
    for (size_t ns = 0; ns < u->p->graph->count; ns++) {
        u->reached[ns] = st->ns_first[ns];
        size_t i = st->ns_first[ns] + st->ns_count[ns];
        for (size_t k = st->ns_first[ns]; k < i; k++) {
            const wb_migration *m = st->items[k].migration;
            u->open_count[ns] += m && m->up.exists && !is_applied_after(u->p, &st->items[k]);
        }
        while (i > st->ns_first[ns] && !is_applied_after(u->p, &st->items[i - 1]))
            i--;
        u->highest[ns] = i;
    }
}

static int prepare(puller *u)
{
    wb_arena *mem = u->p->mem;
    size_t n = u->p->state->count + 1, m = u->p->graph->count + 1;
    u->wanted = wb_arena_get(mem, n);
    u->is_late = wb_arena_get(mem, n);
    u->items = wb_arena_get(mem, n * sizeof *u->items);
    u->reached = wb_arena_get(mem, m * sizeof *u->reached);
    u->highest = wb_arena_get(mem, m * sizeof *u->highest);
    u->open_count = wb_arena_get(mem, m * sizeof *u->open_count);
    u->is_queued = wb_arena_get(mem, m);
    u->spaces = wb_arena_get(mem, m * sizeof *u->spaces);
    if (!u->wanted || !u->is_late || !u->items || !u->reached || !u->highest || !u->open_count || !u->is_queued ||
        !u->spaces)
        return wb_nomem(u->p->cx);
    survey(u);
    return 0;
}

/* ---- the steps ---- */

static int tell_implied(wb_pick *p, size_t first)
{
    bool *is_told = wb_arena_get(p->mem, p->graph->count + 1);
    if (!is_told)
        return wb_nomem(p->cx);
    for (size_t i = first; i < p->count; i++) {
        size_t ns = p->steps[i].item->ns_index;
        if (!p->steps[i].is_implied || is_told[ns])
            continue;
        is_told[ns] = true;
        size_t n = 0;
        for (size_t k = i; k < p->count; k++)
            n += p->steps[k].item->ns_index == ns;
        wbl_finding *f =
            wb_finding_add(p->cx, p->found, WBL_NOTE, "implied", "%s is required: %zu of its migrations %s applied too",
                           p->graph->namespaces[ns].name, n, n == 1 ? "is" : "are");
        if (!f)
            return WBL_E_NOMEM;
        f->ns = p->graph->namespaces[ns].name;
    }
    return 0;
}

/* What an earlier attempt means for this one. */
static int tell_again(wb_pick *p, const wb_item *it)
{
    const char *file = it->migration->up.shown;
    wbl_finding *f = NULL;
    if (it->state == WBL_STATE_FAILED && it->resume_done)
        f = wb_finding_add(p->cx, p->found, WBL_NOTE, "retry", WB_LABEL " failed before; it goes on with statement %u",
                           WB_LABEL_OF(it), it->resume_done + 1);
    else if (it->state == WBL_STATE_FAILED)
        f = wb_finding_add(p->cx, p->found, WBL_NOTE, "retry", WB_LABEL " failed before and is tried again",
                           WB_LABEL_OF(it));
    else if (it->is_external && it->last && it->last->done && strcmp(it->last->state, "failed") == 0)
        f = wb_finding_add(p->cx, p->found, WBL_WARNING, "starts-over",
                           WB_LABEL
                           " starts over, since its row was deleted by hand, but %s%u of it %s recorded as done",
                           WB_LABEL_OF(it), it->last->done > 1 ? "statements 1-" : "statement ", it->last->done,
                           it->last->done > 1 ? "are" : "is");
    else
        return 0;
    return wb_tell_item(f, it, file);
}

/* Only for `plan`: `up` is quiet about it. */
static int tell_preview(wb_pick *p, const wb_item *it)
{
    if (!p->request->is_preview || it->migration->down.exists)
        return 0;
    wbl_finding *f = wb_finding_add(p->cx, p->found, WBL_WARNING, "missing-down",
                                    WB_LABEL " has no down script: it can't be reverted", WB_LABEL_OF(it));
    return wb_tell_item(f, it, it->migration->up.shown);
}

static int add_steps(puller *u, const size_t *order, size_t count)
{
    wb_pick *p = u->p;
    size_t first = p->count;
    for (size_t i = 0; i < count; i++) {
        wb_item *it = &p->state->items[order[i]];
        wb_step *s = wb_pick_step(p, it, WBL_UP);
        if (!s)
            return WBL_E_NOMEM;
        s->is_implied = !p->is_selected[it->ns_index];
        s->is_out_of_order = u->is_late[order[i]];
        int rc = tell_again(p, it);
        if (rc == 0)
            rc = tell_preview(p, it);
        if (rc != 0)
            return rc;
    }
    return tell_implied(p, first);
}

int wb_pick_up(wb_pick *p, size_t until)
{
    puller u = { .p = p };
    size_t since = p->found->count;
    int rc = prepare(&u);
    for (size_t ns = 0; rc == 0 && ns < p->graph->count; ns++) {
        size_t end = p->state->ns_first[ns] + p->state->ns_count[ns];
        if (p->is_selected[ns])
            rc = want(&u, ns, until < end && ns == p->only_ns ? until : end);
    }
    if (rc == 0)
        rc = close_over(&u);
    if (rc != 0)
        return rc;
    size_t errors = wb_tell_errors(p->found, since);
    if (errors && errors == u.late_errors)
        return wb_tell_fail(p->cx, p->found, since, WBL_E_INVALID, "migrations are older than what is applied");
    if (errors)
        return wb_tell_fail(p->cx, p->found, since, errors == u.refusals ? WBL_E_REFUSED : WBL_E_INVALID,
                            "requirements are not met");
    size_t count = 0, *order = wb_arena_get(p->mem, (p->state->count + 1) * sizeof *order);
    if (!order)
        return wb_nomem(p->cx);
    rc = wb_order_items(p->cx, p->mem, p->graph, p->state, u.wanted, p->found, order, &count);
    if (rc != 0)
        return rc;
    /* A beginning of the order is closed under requirements, so a limit cuts nothing that is needed. */
    bool is_limited = p->request->goal == WB_GOAL_UP && p->request->steps > 0;
    if (is_limited && (uint64_t)p->request->steps < count)
        count = (size_t)p->request->steps;
    return add_steps(&u, order, count);
}

/* ---- redo ---- */

int wb_pick_again(wb_pick *p)
{
    puller u = { .p = p };
    size_t since = p->found->count, count = 0;
    int rc = prepare(&u);
    for (size_t i = 0; rc == 0 && i < p->state->count; i++) {
        wb_item *it = &p->state->items[i];
        if (!p->is_going[i])
            continue;
        u.wanted[i] = true;
        u.is_late[i] = i < u.highest[it->ns_index];
        if (it->migration && it->migration->up.exists)
            continue;
        wbl_finding *f = wb_finding_add(p->cx, p->found, WBL_ERROR, "missing-file",
                                        WB_LABEL " can't be applied again: its up script is gone", WB_LABEL_OF(it));
        rc = wb_tell_item(f, it, NULL);
    }
    if (rc != 0)
        return rc;
    if (wb_tell_errors(p->found, since))
        return wb_tell_fail(p->cx, p->found, since, WBL_E_INVALID, "migrations can't be applied again");
    size_t *order = wb_arena_get(p->mem, (p->state->count + 1) * sizeof *order);
    if (!order)
        return wb_nomem(p->cx);
    rc = wb_order_items(p->cx, p->mem, p->graph, p->state, u.wanted, p->found, order, &count);
    return rc != 0 ? rc : add_steps(&u, order, count);
}
