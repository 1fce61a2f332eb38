/*
 * plan.c - from files and recorded state to an ordered list of steps.
 *
 * wb_plan_make() finds out what a request is about (namespaces, target), has what must not be run over refused
 * (guard.c), and the steps picked (choose_up.c, choose_down.c). Everything that a person may want to know goes to the
 * findings, all of a kind at once. Owns nothing: all data goes to the arena of the plan.
 */
#include "plan/parts.h"

#include <stdio.h>

wb_step *wb_pick_step(wb_pick *p, wb_item *it, int direction)
{
    wb_step *s = WB_PUSH(p->mem, p->steps, p->count, p->cap);
    if (!s) {
        (void)wb_nomem(p->cx);
        return NULL;
    }
    wb_migration *m = it->migration;
    *s = (wb_step){ .item = it, .direction = direction, .script = !m ? NULL : direction == WBL_UP ? &m->up : &m->down };
    return s;
}

/* ---- what the request is about ---- */

static int fail_namespace(wb_pick *p, const char *name)
{
    const char *near = wb_nearest(name, p->graph->names, p->graph->count);
    int rc = wb_fail(p->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "there is no namespace %s", name);
    if (near)
        wb_hint(p->cx, "Did you mean %s?", near);
    return rc;
}

static int select_one(wb_pick *p, const char *name)
{
    size_t ns = 0;
    const wb_graph_ns *g = wb_graph_find(p->graph, name, &ns);
    if (!g)
        return fail_namespace(p, name);
    if (!g->is_enabled || g->is_reported_only) {
        int rc = wb_fail(p->cx, WBL_E_REFUSED, WBL_EFFECT_NONE, "namespace %s is %s", name,
                         g->is_enabled ? "not in the order of the configuration" : "disabled");
        wb_hint(p->cx, "%s", g->is_enabled ? "List it under namespaces: order:." : "Enable it in the configuration.");
        return rc;
    }
    p->is_selected[ns] = true;
    return 0;
}

static int select_namespaces(wb_pick *p)
{
    size_t n = p->graph->count + 1, selected = 0;
    p->is_selected = wb_arena_get(p->mem, n);
    p->is_in_scope = wb_arena_get(p->mem, n);
    p->is_going = wb_arena_get(p->mem, p->state->count + 1);
    if (!p->is_selected || !p->is_in_scope || !p->is_going)
        return wb_nomem(p->cx);
    for (size_t i = 0; i < p->request->namespace_count; i++) {
        int rc = select_one(p, p->request->namespaces[i]);
        if (rc != 0)
            return rc;
    }
    p->only_ns = WB_NOWHERE;
    for (size_t i = 0; i < p->graph->count; i++) {
        const wb_graph_ns *g = &p->graph->namespaces[i];
        if (p->request->namespace_count == 0)
            p->is_selected[i] = g->is_enabled && !g->is_reported_only;
        p->is_in_scope[i] = p->is_selected[i];
        if (p->is_selected[i])
            p->only_ns = selected++ == 0 ? i : WB_NOWHERE;
    }
    return 0;
}

static int fail_version(wb_pick *p, size_t place)
{
    const wb_state *st = p->state;
    size_t first = st->ns_first[p->only_ns], end = first + st->ns_count[p->only_ns];
    const wb_graph_ns *ns = &p->graph->namespaces[p->only_ns];
    bool has_ns = !wb_is_default_ns(ns->name);
    int rc = wb_fail(p->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "there is no version %s%s%s", p->request->to,
                     has_ns ? " of " : "", has_ns ? ns->name : "");
    const char *below = place > first ? st->items[place - 1].version : NULL;
    const char *above = place < end ? st->items[place].version : NULL;
    if (below && above)
        wb_hint(p->cx, "The nearest ones are %s and %s.", below, above);
    else if (below || above)
        wb_hint(p->cx, "The nearest one is %s.", below ? below : above);
    return rc;
}

static int find_target(wb_pick *p)
{
    const char *to = p->request->to;
    p->to = WB_NOWHERE;
    if (!to)
        return 0;
    if (p->only_ns == WB_NOWHERE) {
        int rc = wb_fail(p->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "version %s of which namespace?", to);
        wb_hint(p->cx, "Each namespace has versions of its own: say --namespace NAME.");
        return rc;
    }
    p->to = wb_version_index(p->graph, p->state, p->only_ns, to);
    if (p->to != WB_NOWHERE)
        return 0;
    size_t zeros = strspn(to, "0");
    p->to_nothing = p->request->goal != WB_GOAL_UP && (strcmp(to, "-1") == 0 || (zeros > 0 && to[zeros] == 0));
    return p->to_nothing ? 0 : fail_version(p, wb_version_place(p->graph, p->state, p->only_ns, to));
}

/* ---- the goals ---- */

static int fail_not_applied(wb_pick *p)
{
    const wb_item *it = &p->state->items[p->to];
    int rc = wb_fail(p->cx, WBL_E_INVALID, WBL_EFFECT_NONE, WB_LABEL " is not applied, so it can't stay applied",
                     WB_LABEL_OF(it));
    const wb_item *current = wb_state_current(p->state, p->only_ns);
    if (current)
        wb_hint(p->cx, "The current version is %s.", current->version);
    return rc;
}

static int go_up(wb_pick *p, size_t until)
{
    int rc = wb_pick_up(p, until);
    if (rc != 0)
        return rc;
    /* The selected ones were looked at before; what they require came in only now. */
    WB_AUTOFREE bool *added = wb_alloc(p->graph->count + 1);
    if (!added)
        return wb_nomem(p->cx);
    for (size_t ns = 0; ns < p->graph->count; ns++)
        added[ns] = p->is_in_scope[ns] && !p->is_selected[ns];
    return wb_guard_states(p, added, true);
}

static int go_down(wb_pick *p)
{
    const wb_plan_request *r = p->request;
    if (p->to != WB_NOWHERE && !wb_item_is_applied(&p->state->items[p->to]))
        return fail_not_applied(p);
    if (p->to != WB_NOWHERE)
        return wb_pick_down(p, p->to + 1, 0);
    if (p->to_nothing || r->all)
        return wb_pick_down(p, WB_NOWHERE, 0);
    return wb_pick_down(p, WB_NOWHERE, r->steps > 0 ? (size_t)r->steps : 1);
}

static int go_to(wb_pick *p)
{
    if (!p->request->to) {
        int rc = wb_fail(p->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "goto needs a version");
        wb_hint(p->cx, "Say which: `%s goto 3`.", p->command);
        return rc;
    }
    if (p->to_nothing)
        return wb_pick_down(p, WB_NOWHERE, 0);
    int rc = wb_pick_down(p, p->to + 1, 0);
    if (rc != 0 || wb_item_is_applied(&p->state->items[p->to]))
        return rc;
    return go_up(p, p->to + 1);
}

static int reach(wb_pick *p)
{
    int rc = 0;
    switch (p->request->goal) {
    case WB_GOAL_UP: return go_up(p, p->to == WB_NOWHERE ? WB_NOWHERE : p->to + 1);
    case WB_GOAL_DOWN: return go_down(p);
    case WB_GOAL_GOTO: return go_to(p);
    case WB_GOAL_REDO: rc = go_down(p); return rc != 0 ? rc : wb_pick_again(p);
    }
    return rc;
}

static void hash_steps(const wb_pick *p, char out[65])
{
    wb_sha256 h;
    uint8_t digest[32];
    wb_sha256_start(&h);
    for (size_t i = 0; i < p->count; i++) {
        const wb_step *s = &p->steps[i];
        const char *sha = s->script ? s->script->sha256 : s->item->stored_down->sha256;
        const char *parts[] = {
            s->direction == WBL_UP ? "up" : "down", " ", s->item->ns, " ", s->item->key, " ", sha ? sha : "", "\n"
        };
        for (size_t k = 0; k < WB_COUNT(parts); k++)
            wb_sha256_add(&h, parts[k], strlen(parts[k]));
    }
    wb_sha256_end(&h, digest);
    wb_hex(digest, sizeof digest, out);
}

int wb_plan_make(wb_ctx *cx, wb_arena *mem, const wb_graph *graph, const wb_state *state,
                 const wb_plan_request *request, wb_findings *found, wb_plan *out)
{
    wb_pick p = { .cx = cx,
                  .mem = mem,
                  .graph = graph,
                  .state = state,
                  .request = request,
                  .found = found,
                  .command = request->command_name ? request->command_name : "whimbrel" };
    bool is_up = request->goal == WB_GOAL_UP || request->goal == WB_GOAL_REDO;
    int rc = select_namespaces(&p);
    if (rc == 0)
        rc = find_target(&p);
    if (rc == 0 && request->goal == WB_GOAL_GOTO && p.to != WB_NOWHERE)
        is_up = !wb_item_is_applied(&state->items[p.to]);
    if (rc == 0)
        rc = wb_guard_states(&p, p.is_selected, is_up);
    if (rc == 0)
        rc = reach(&p);
    if (rc == 0)
        rc = wb_guard_edits(&p, is_up);
    if (rc == 0 && is_up)
        rc = wb_guard_files(&p);
    if (rc != 0)
        return rc;
    wb_plan plan = { .steps = p.steps, .count = p.count };
    hash_steps(&p, plan.hash);
    *out = plan;
    return 0;
}
