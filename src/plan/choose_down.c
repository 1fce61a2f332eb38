/*
 * choose_down.c - which applied migrations are reverted, in which order, and who depends on them.
 *
 * The order is that of application, backwards, where the history knows it. What was adopted counts as older than all
 * that we applied, but for the lower versions of its namespace, and stands among itself in the order of up. A ledger with one row can only step from version to
 * version, so there the versions alone count. Owns nothing.
 */
#include "plan/parts.h"

#include <stdlib.h>

typedef struct candidate {
    int64_t seq; /* when it was applied; 0: before all that the history knows */
    size_t rank; /* its place in the order of up */
    size_t item;
} candidate;

typedef struct reverter {
    wb_pick *p;
    candidate *all;
    size_t count;
    size_t *left;  /* for each namespace: applied items that stay */
    size_t *going; /* for each namespace: items that go */
    bool is_refused;
} reverter;

/* A down that stopped half way is gone on with. */
static bool can_revert(const wb_item *it)
{
    return wb_item_is_applied(it) || (it->state == WBL_STATE_FAILED && it->is_reverting);
}

static int newest_first(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->seq != y->seq)
        return x->seq > y->seq ? -1 : 1;
    return x->rank > y->rank ? -1 : x->rank < y->rank;
}

/* When it was applied; of one that was adopted, when the newest of those below it was. */
static int64_t age_of(const wb_state *st, const wb_item *it)
{
    int64_t seq = it->applied_seq;
    const wb_item *first = st->items + st->ns_first[it->ns_index];
    for (const wb_item *below = first; it->applied_seq == 0 && below < it; below++)
        if (wb_item_is_applied(below) && below->applied_seq > seq)
            seq = below->applied_seq;
    return seq;
}

static int rank_all(reverter *r, const bool *chosen)
{
    wb_pick *p = r->p;
    size_t n = p->state->count + 1, count = 0;
    size_t *order = wb_arena_get(p->mem, n * sizeof *order);
    r->all = wb_arena_get(p->mem, n * sizeof *r->all);
    if (!order || !r->all)
        return wb_nomem(p->cx);
    /* Applied ones may contradict each other by now; then namespace order and version must do, and nobody is told. */
    wb_findings quiet = { .mem = p->mem };
    wb_ctx silent = { .err = NULL };
    int rc = wb_order_items(&silent, p->mem, p->graph, p->state, chosen, &quiet, order, &count);
    if (rc == WBL_E_NOMEM)
        return wb_nomem(p->cx);
    if (rc != 0 || p->request->single_row_ledger) {
        count = 0;
        for (size_t i = 0; i < p->state->count; i++)
            if (chosen[i])
                order[count++] = i;
    }
    for (size_t i = 0; i < count; i++) {
        const wb_item *it = &p->state->items[order[i]];
        r->all[r->count++] = (candidate){ p->request->single_row_ledger ? 0 : age_of(p->state, it), i, order[i] };
    }
    qsort(r->all, r->count, sizeof *r->all, newest_first);
    return 0;
}

static int collect(reverter *r, size_t from)
{
    wb_pick *p = r->p;
    bool *chosen = wb_arena_get(p->mem, p->state->count + 1);
    if (!chosen)
        return wb_nomem(p->cx);
    for (size_t i = 0; i < p->state->count; i++) {
        const wb_item *it = &p->state->items[i];
        chosen[i] = p->is_selected[it->ns_index] && can_revert(it) && (from == WB_NOWHERE || i >= from);
    }
    return rank_all(r, chosen);
}

/* ---- who depends on them ---- */

static int tell_needed(reverter *r, const wb_demand *d, const char *what)
{
    wb_pick *p = r->p;
    const char *who = wb_demand_text(p->mem, p->graph, d);
    if (!who || !what)
        return wb_nomem(p->cx);
    r->is_refused |= !p->request->force;
    wbl_finding *f = wb_finding_add(p->cx, p->found, p->request->force ? WBL_WARNING : WBL_ERROR, "needed-by",
                                    "%s, which would be reverted under it%s", who, what);
    if (wb_demand_tell(f, p->graph, d) != 0)
        return WBL_E_NOMEM;
    return wb_tell_hint(p->cx, p->found, f, "Revert %s first, or say --force.", f->ns);
}

static int look_at_demand(void *user, const wb_demand *d)
{
    reverter *r = user;
    wb_demand_target t;
    if (!wb_demand_find(r->p->graph, r->p->state, d, &t))
        return 0;
    if (t.item != WB_NOWHERE)
        return r->p->is_going[t.item] ? tell_needed(r, d, "") : 0;
    /* "It requires identity" holds as long as something of identity is applied. */
    bool is_emptied = t.ns_index != d->ns_index && r->going[t.ns_index] && r->left[t.ns_index] == 0;
    return is_emptied ? tell_needed(r, d, ": nothing of it would be left") : 0;
}

static int look_at_dependents(reverter *r)
{
    wb_pick *p = r->p;
    size_t since = p->found->count, n = p->graph->count + 1;
    r->left = wb_arena_get(p->mem, n * sizeof *r->left);
    r->going = wb_arena_get(p->mem, n * sizeof *r->going);
    if (!r->left || !r->going)
        return wb_nomem(p->cx);
    for (size_t i = 0; i < p->state->count; i++) {
        const wb_item *it = &p->state->items[i];
        if (p->is_going[i])
            r->going[it->ns_index]++;
        else
            r->left[it->ns_index] += wb_item_is_applied(it);
    }
    int rc = 0;
    for (size_t ns = 0; rc == 0 && ns < p->graph->count; ns++)
        if (r->left[ns])
            rc = wb_demands_of_ns(p->graph, ns, look_at_demand, r);
    for (size_t i = 0; rc == 0 && i < p->state->count; i++)
        if (wb_item_is_applied(&p->state->items[i]) && !p->is_going[i])
            rc = wb_demands_of_item(&p->state->items[i], look_at_demand, r);
    if (rc == 0 && r->is_refused)
        return wb_tell_fail(p->cx, p->found, since, WBL_E_REFUSED,
                            "applied migrations depend on what would be reverted");
    return rc;
}

/* A half applied one stands on what would go; and where nothing would, it is what `down` is meant for. */
static int look_at_half_done(reverter *r)
{
    wb_pick *p = r->p;
    size_t since = p->found->count;
    bool is_any = false;
    for (size_t ns = 0; ns < p->graph->count; ns++)
        is_any = is_any || r->going[ns];
    bool is_meant = !is_any && p->request->goal == WB_GOAL_DOWN;
    for (size_t i = 0; i < p->state->count && !p->request->force; i++) {
        const wb_item *it = &p->state->items[i];
        if (it->state != WBL_STATE_FAILED || it->resume_done == 0 || it->is_reverting ||
            !(r->going[it->ns_index] || (is_meant && p->is_selected[it->ns_index])))
            continue;
        wbl_finding *f = wb_finding_add(p->cx, p->found, WBL_ERROR, "half-applied",
                                        WB_LABEL " is half applied: it failed at statement %u", WB_LABEL_OF(it),
                                        it->resume_done + 1);
        if (wb_tell_item(f, it, it->migration ? it->migration->up.shown : NULL) != 0 ||
            (is_meant ? wb_tell_hint(p->cx, p->found, f,
                                     "Finish it with `%s up`; or undo by hand what is there, and say `%s repair " WB_LABEL
                                     " --mark-reverted`.", p->command, p->command, WB_LABEL_OF(it))
                      : wb_tell_hint(p->cx, p->found, f, "Finish it with `%s up`, or say --force.", p->command)) != 0)
            return WBL_E_NOMEM;
    }
    return wb_tell_errors(p->found, since)
               ? wb_tell_fail(p->cx, p->found, since, WBL_E_STATE, "migrations are half applied")
               : 0;
}

/* ---- the down scripts ---- */

/* Where the down script would be: 000003_x.up.sql -> 000003_x.down.sql. NULL: not to be told from the name. */
static int expected_file(wb_pick *p, const wb_item *it, const char **out)
{
    const char *up = it->migration ? it->migration->up.shown : NULL, *mark = NULL;
    *out = NULL;
    for (const char *at = up; at && (at = strstr(at, ".up.")) != NULL; at++)
        mark = at;
    if (!mark || it->migration->up.is_part)
        return 0;
    *out = wb_arena_fmt(p->mem, "%.*s.down.%s", (int)(mark - up), up, mark + 4);
    return *out ? 0 : wb_nomem(p->cx);
}

static int tell_no_down(wb_pick *p, const wb_item *it)
{
    const char *file = NULL;
    int rc = expected_file(p, it, &file);
    if (rc != 0)
        return rc;
    bool has_ns = !wb_is_default_ns(it->ns);
    wbl_finding *f =
        wb_finding_add(p->cx, p->found, WBL_ERROR, "missing-down", "no down migration found for version %s%s%s",
                       it->key, has_ns ? " of " : "", has_ns ? it->ns : "");
    if (wb_tell_item(f, it, file ? file : it->migration ? it->migration->up.shown : NULL) != 0)
        return WBL_E_NOMEM;
    if (file)
        return wb_tell_hint(p->cx, p->found, f,
                            "Write %s, or revert it by hand and say `%s repair %s%s%s --mark-reverted`.", file,
                            p->command, WB_LABEL_OF(it));
    return wb_tell_hint(p->cx, p->found, f, "%s, or revert it by hand and say `%s repair %s%s%s --mark-reverted`.",
                        it->migration ? "Write a down script" : "Restore its file", p->command, WB_LABEL_OF(it));
}

static int add_steps(reverter *r, size_t limit)
{
    wb_pick *p = r->p;
    size_t since = p->found->count;
    for (size_t i = 0; i < limit; i++) {
        wb_item *it = &p->state->items[r->all[i].item];
        bool has_down = it->migration && it->migration->down.exists;
        if (!has_down && !it->stored_down) {
            int rc = tell_no_down(p, it);
            if (rc != 0)
                return rc;
            continue;
        }
        wb_step *s = wb_pick_step(p, it, WBL_DOWN);
        if (!s)
            return WBL_E_NOMEM;
        s->is_stored_down = !has_down;
        if (!has_down)
            s->script = NULL;
        if (it->state == WBL_STATE_FAILED) {
            wbl_finding *f =
                wb_finding_add(p->cx, p->found, WBL_NOTE, "retry",
                               WB_LABEL " is half reverted; it goes on with statement %u of its down script",
                               WB_LABEL_OF(it), it->resume_done + 1);
            if (wb_tell_item(f, it, has_down ? it->migration->down.shown : NULL) != 0)
                return WBL_E_NOMEM;
        }
    }
    return wb_tell_errors(p->found, since)
               ? wb_tell_fail(p->cx, p->found, since, WBL_E_INVALID, "migrations have no down script")
               : 0;
}

int wb_pick_down(wb_pick *p, size_t from, size_t limit)
{
    reverter r = { .p = p };
    int rc = collect(&r, from);
    if (rc != 0)
        return rc;
    if (limit == 0 || limit > r.count)
        limit = r.count;
    for (size_t i = 0; i < limit; i++)
        p->is_going[r.all[i].item] = true;
    rc = look_at_dependents(&r);
    if (rc == 0)
        rc = look_at_half_done(&r);
    return rc != 0 ? rc : add_steps(&r, limit);
}
