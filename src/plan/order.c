/*
 * order.c - the order in which a set of migrations can be applied.
 *
 * Nodes are the chosen migrations, and a begin and an end for each namespace, so that "all of billing comes after all
 * of identity" is one edge instead of a product, and so that an order that runs through a namespace with nothing to
 * do still holds. A node's number is its place by namespace order and version: the smallest one that is ready goes
 * next, which makes the result the same for the same input, whatever order it came in. Kahn's algorithm; O((nodes +
 * edges) log nodes).
 */
#include "plan/parts.h"

enum { CYCLE_SHOWN = 12 };

typedef struct edge {
    size_t to, next; /* next edge of the same node, WB_NOWHERE at the end */
    bool is_chain;   /* from one version of a namespace to the next, not a declared requirement */
} edge;

typedef struct node {
    size_t ns_index, item; /* item WB_NOWHERE: begin or end of the namespace */
    size_t edges;          /* first edge, WB_NOWHERE */
    size_t waits_for;      /* nodes that must come before and have not */
    size_t before;         /* of a cycle: the smallest of those */
    bool is_before_chain, is_done;
} node;

typedef struct sorter {
    wb_ctx *cx;
    wb_arena *mem;
    const wb_graph *graph;
    const wb_state *state;
    const bool *chosen;
    node *nodes;
    size_t count;
    size_t *node_of, *begin, *end; /* for each item; for each namespace */
    edge *edges;
    size_t edge_count, edge_cap;
    size_t *heap;
    size_t heap_count;
} sorter;

static int connect(sorter *s, size_t from, size_t to, bool is_chain)
{
    edge *e = WB_PUSH(s->mem, s->edges, s->edge_count, s->edge_cap);
    if (!e)
        return wb_nomem(s->cx);
    *e = (edge){ to, s->nodes[from].edges, is_chain };
    s->nodes[from].edges = s->edge_count - 1;
    s->nodes[to].waits_for++;
    return 0;
}

static size_t add_node(sorter *s, size_t ns, size_t item)
{
    s->nodes[s->count] = (node){ .ns_index = ns, .item = item, .edges = WB_NOWHERE, .before = WB_NOWHERE };
    return s->count++;
}

static int add_nodes(sorter *s)
{
    const wb_state *st = s->state;
    size_t ns_count = s->graph->count, room = st->count + 2 * ns_count + 1;
    s->nodes = wb_arena_get(s->mem, room * sizeof *s->nodes);
    s->heap = wb_arena_get(s->mem, room * sizeof *s->heap);
    s->node_of = wb_arena_get(s->mem, (st->count + 1) * sizeof *s->node_of);
    s->begin = wb_arena_get(s->mem, (ns_count + 1) * sizeof *s->begin);
    s->end = wb_arena_get(s->mem, (ns_count + 1) * sizeof *s->end);
    if (!s->nodes || !s->heap || !s->node_of || !s->begin || !s->end)
        return wb_nomem(s->cx);
    for (size_t ns = 0; ns < ns_count; ns++) {
        size_t last = s->begin[ns] = add_node(s, ns, WB_NOWHERE);
        for (size_t i = st->ns_first[ns]; i < st->ns_first[ns] + st->ns_count[ns]; i++) {
            if (!s->chosen[i])
                continue;
            s->node_of[i] = add_node(s, ns, i);
            int rc = connect(s, last, s->node_of[i], true);
            if (rc != 0)
                return rc;
            last = s->node_of[i];
        }
        s->end[ns] = add_node(s, ns, WB_NOWHERE);
        int rc = connect(s, last, s->end[ns], true);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* What is missing or applied already has no node and makes no edge. */
static int add_demand(void *user, const wb_demand *d)
{
    sorter *s = user;
    wb_demand_target target;
    if (!wb_demand_find(s->graph, s->state, d, &target))
        return 0;
    if (target.item == WB_NOWHERE && target.ns_index == d->ns_index)
        return 0;
    if (target.item != WB_NOWHERE && !s->chosen[target.item])
        return 0;
    size_t from = target.item == WB_NOWHERE ? s->end[target.ns_index] : s->node_of[target.item];
    size_t to = d->item ? s->node_of[d->item - s->state->items] : s->begin[d->ns_index];
    return connect(s, from, to, false);
}

static int add_demands(sorter *s)
{
    int rc = 0;
    for (size_t ns = 0; rc == 0 && ns < s->graph->count; ns++)
        rc = wb_demands_of_ns(s->graph, ns, add_demand, s);
    for (size_t i = 0; rc == 0 && i < s->state->count; i++)
        if (s->chosen[i])
            rc = wb_demands_of_item(&s->state->items[i], add_demand, s);
    return rc;
}

/* ---- the smallest node that is ready ---- */

static void push(sorter *s, size_t n)
{
    size_t i = s->heap_count++;
    while (i > 0 && s->heap[(i - 1) / 2] > n) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = n;
}

static size_t pop(sorter *s)
{
    size_t top = s->heap[0], last = s->heap[--s->heap_count], i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->heap_count)
            break;
        if (child + 1 < s->heap_count && s->heap[child + 1] < s->heap[child])
            child++;
        if (s->heap[child] >= last)
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

static size_t take_all(sorter *s, size_t *out, size_t *out_count)
{
    size_t taken = 0;
    for (size_t n = 0; n < s->count; n++)
        if (s->nodes[n].waits_for == 0)
            push(s, n);
    while (s->heap_count) {
        size_t n = pop(s);
        s->nodes[n].is_done = true;
        taken++;
        if (s->nodes[n].item != WB_NOWHERE)
            out[(*out_count)++] = s->nodes[n].item;
        for (size_t e = s->nodes[n].edges; e != WB_NOWHERE; e = s->edges[e].next)
            if (--s->nodes[s->edges[e].to].waits_for == 0)
                push(s, s->edges[e].to);
    }
    return taken;
}

/* ---- a cycle, so that a person finds it ---- */

/* For each node that is left, the smallest one that it waits for; a declared requirement rather than a neighbour. */
static void find_before(sorter *s)
{
    for (size_t n = 0; n < s->count; n++) {
        if (s->nodes[n].is_done)
            continue;
        for (size_t e = s->nodes[n].edges; e != WB_NOWHERE; e = s->edges[e].next) {
            node *to = &s->nodes[s->edges[e].to];
            bool is_chain = s->edges[e].is_chain;
            if (to->is_done || (to->before != WB_NOWHERE && !to->is_before_chain && is_chain))
                continue;
            if (to->before == WB_NOWHERE || (to->is_before_chain && !is_chain) || n < to->before) {
                to->before = n;
                to->is_before_chain = is_chain;
            }
        }
    }
}

/* Neighbours in one namespace are no news: only where a requirement enters or leaves a namespace is worth a word. */
static bool is_worth_a_word(const sorter *s, size_t n, size_t after)
{
    return !s->nodes[n].is_before_chain || !s->nodes[after].is_before_chain;
}

static void name_node(const sorter *s, wb_buf *b, size_t n)
{
    const node *v = &s->nodes[n];
    if (v->item == WB_NOWHERE)
        wb_buf_str(b, s->graph->namespaces[v->ns_index].name);
    else
        wb_buf_addf(b, WB_LABEL, WB_LABEL_OF(&s->state->items[v->item]));
}

static int tell_cycle(sorter *s, wb_findings *found)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
    size_t at = 0, first = 0, shown = 0;
    find_before(s);
    while (s->nodes[at].is_done)
        at++;
    for (size_t i = 0; i < s->count; i++) /* after so many steps back we are in a cycle, wherever we came from */
        at = s->nodes[at].before;
    first = at;
    for (size_t n = s->nodes[at].before; n != at; n = s->nodes[n].before)
        if (n < first)
            first = n;
    size_t after = first;
    while (s->nodes[after].before != first)
        after = s->nodes[after].before;
    const node *named = NULL;
    size_t start = WB_NOWHERE, n = first;
    do {
        if (is_worth_a_word(s, n, after)) {
            if (start == WB_NOWHERE)
                start = n;
            if (!named && s->nodes[n].item != WB_NOWHERE)
                named = &s->nodes[n];
            if (shown++ < CYCLE_SHOWN) {
                name_node(s, &text, n);
                wb_buf_str(&text, " -> ");
            }
        }
        after = n;
        n = s->nodes[n].before;
    } while (n != first);
    if (shown > CYCLE_SHOWN)
        wb_buf_str(&text, "... -> ");
    name_node(s, &text, start == WB_NOWHERE ? first : start);
    const char *shown_text = wb_buf_cstr(&text);
    if (!shown_text)
        return wb_nomem(s->cx);
    size_t since = found->count;
    wbl_finding *f = wb_finding_add(s->cx, found, WBL_ERROR, "cycle", "the requirements form a cycle: %s", shown_text);
    if (wb_tell_hint(s->cx, found, f, "Each one needs the next one first. Take one of these requirements out.") != 0)
        return WBL_E_NOMEM;
    if (named) {
        const wb_item *item = &s->state->items[named->item];
        (void)wb_tell_item(f, item, item->migration ? item->migration->up.shown : NULL); /* f is there */
    }
    return wb_tell_fail(s->cx, found, since, WBL_E_INVALID, "cycles");
}

int wb_order_items(wb_ctx *cx, wb_arena *mem, const wb_graph *graph, const wb_state *state, const bool *chosen,
                   wb_findings *found, size_t *out, size_t *out_count)
{
    sorter s = { .cx = cx, .mem = mem, .graph = graph, .state = state, .chosen = chosen };
    *out_count = 0;
    int rc = add_nodes(&s);
    if (rc == 0)
        rc = add_demands(&s);
    if (rc != 0)
        return rc;
    return take_all(&s, out, out_count) == s.count ? 0 : tell_cycle(&s, found);
}
