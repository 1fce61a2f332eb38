/*
 * graph.c - the namespaces in the order in which they run.
 *
 * A depth-first walk from the listed order: what a namespace requires is pulled in front of it, everything else keeps
 * its listed place. Namespaces that nobody lists follow by bytes. The walk keeps its own stack, since a configuration
 * may chain thousands of namespaces and the host's stack is not ours. Owns nothing: all data goes to the arena of the
 * plan.
 */
#include "plan/parts.h"

#include <stdlib.h>

typedef struct builder {
    wb_ctx *cx;
    wb_arena *mem;
    const wb_config *config;
    wb_findings *found;
    const char **names;         /* sorted, each once */
    wb_graph_ns *entries;       /* one for each name */
    const wb_config_ns **asked; /* its configuration; NULL */
    bool *is_recorded;
    size_t count;
    bool has_list;
} builder;

static int name_cmp(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static size_t find_name(const char *const *names, size_t count, const char *name)
{
    const char *const *hit = count ? bsearch(&name, names, count, sizeof *names, name_cmp) : NULL;
    return hit ? (size_t)(hit - names) : WB_NOWHERE;
}

static size_t name_find(const builder *b, const char *name) { return find_name(b->names, b->count, name); }

static int collect_names(builder *b, const wb_source_set *set, const char *const *recorded, size_t recorded_count)
{
    size_t n = 0, room = set->ns_count + b->config->ns_count + recorded_count;
    b->names = wb_arena_get(b->mem, (room + 1) * sizeof *b->names);
    if (!b->names)
        return wb_nomem(b->cx);
    for (size_t i = 0; i < set->ns_count; i++)
        b->names[n++] = set->namespaces[i].name;
    for (size_t i = 0; i < b->config->ns_count; i++)
        b->names[n++] = b->config->namespaces[i].name;
    for (size_t i = 0; i < recorded_count; i++)
        b->names[n++] = recorded[i];
    qsort(b->names, n, sizeof *b->names, name_cmp);
    for (size_t i = 0; i < n; i++)
        if (b->count == 0 || strcmp(b->names[b->count - 1], b->names[i]) != 0)
            b->names[b->count++] = b->names[i];
    return 0;
}

static bool is_always(const wb_config *c, const char *name)
{
    for (size_t i = 0; i < c->always_count; i++)
        if (strcmp(c->always[i], name) == 0)
            return true;
    return false;
}

static int fill_entries(builder *b, const wb_source_set *set, const char *const *recorded, size_t recorded_count)
{
    b->entries = wb_arena_get(b->mem, (b->count + 1) * sizeof *b->entries);
    b->asked = wb_arena_get(b->mem, (b->count + 1) * sizeof *b->asked);
    b->is_recorded = wb_arena_get(b->mem, (b->count + 1) * sizeof *b->is_recorded);
    if (!b->entries || !b->asked || !b->is_recorded)
        return wb_nomem(b->cx);
    for (size_t i = 0; i < set->ns_count; i++)
        b->entries[name_find(b, set->namespaces[i].name)].source = &set->namespaces[i];
    for (size_t i = 0; i < b->config->ns_count; i++)
        b->asked[name_find(b, b->config->namespaces[i].name)] = &b->config->namespaces[i];
    for (size_t i = 0; i < recorded_count; i++)
        b->is_recorded[name_find(b, recorded[i])] = true;
    for (size_t i = 0; i < b->count; i++) {
        wb_graph_ns *e = &b->entries[i];
        const wb_config_ns *asked = b->asked[i];
        e->name = b->names[i];
        e->is_enabled = !asked || asked->is_enabled || is_always(b->config, e->name);
        e->is_listed = asked && asked->is_listed;
        e->requires = asked ? asked->requires : NULL;
        e->require_count = asked ? asked->require_count : 0;
        b->has_list |= e->is_listed;
    }
    return 0;
}

/* ---- what the configuration and the directories disagree about ---- */

static int look_at_discovered(builder *b, const wb_source_set *set)
{
    if (!b->has_list || !set->is_namespaced || b->config->discover == WB_DISCOVER_RUN)
        return 0;
    for (size_t i = 0; i < b->count; i++) {
        wb_graph_ns *e = &b->entries[i];
        if (e->is_listed || !e->source)
            continue;
        if (b->config->discover == WB_DISCOVER_REPORT) {
            e->is_reported_only = true;
            continue;
        }
        wbl_finding *f = wb_finding_add(b->cx, b->found, WBL_ERROR, "not-in-plan",
                                        "%s has a directory and is not in the order of the configuration", e->name);
        if (wb_tell_hint(b->cx, b->found, f, "List it under namespaces: order:, or allow it with discover: run.") != 0)
            return WBL_E_NOMEM;
        f->ns = e->name;
        f->file = e->source->shown;
    }
    return 0;
}

static int look_for_directories(builder *b, const wb_source_set *set)
{
    for (size_t i = 0; set->is_namespaced && i < b->count; i++) {
        const wb_graph_ns *e = &b->entries[i];
        if (!b->asked[i] || !e->is_enabled || e->source)
            continue;
        wbl_finding *f = wb_finding_add(b->cx, b->found, WBL_WARNING, "no-directory",
                                        "%s is in the configuration and has no directory", e->name);
        if (!f)
            return WBL_E_NOMEM;
        f->ns = e->name;
        f->file = b->config->file;
        f->line = b->asked[i]->line;
    }
    return 0;
}

/* A listed namespace exists, even when its directory is still empty and so was not kept by version control. */
static int look_at_requires(builder *b)
{
    for (size_t i = 0; i < b->count; i++)
        for (size_t k = 0; k < b->entries[i].require_count; k++) {
            const char *name = b->entries[i].requires[k].ns;
            size_t at = name_find(b, name);
            if (at != WB_NOWHERE && (b->entries[at].source || b->entries[at].is_listed || b->is_recorded[at]))
                continue;
            wbl_finding *f = wb_finding_add(b->cx, b->found, WBL_ERROR, "missing-requirement",
                                            "%s requires %s, and there is no such namespace", b->names[i], name);
            const char *near = f ? wb_nearest(name, b->names, b->count) : NULL;
            if (!f ||
                (near && strcmp(near, name) != 0 && wb_tell_hint(b->cx, b->found, f, "Did you mean %s?", near) != 0))
                return WBL_E_NOMEM;
            f->ns = b->names[i];
            f->file = b->config->file;
            f->line = b->asked[i]->line;
        }
    return 0;
}

/* ---- the walk ---- */

typedef struct frame {
    size_t at, next; /* a namespace, and which of its requirements comes next */
} frame;

enum { WHITE, GREY, BLACK };

static int tell_cycle(builder *b, const frame *stack, size_t depth, size_t again)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
    size_t first = depth;
    while (stack[first - 1].at != again)
        first--;
    for (size_t i = first - 1; i < depth; i++)
        wb_buf_addf(&text, "%s -> ", b->names[stack[i].at]);
    wb_buf_str(&text, b->names[again]);
    const char *shown = wb_buf_cstr(&text);
    if (!shown)
        return wb_nomem(b->cx);
    wbl_finding *f =
        wb_finding_add(b->cx, b->found, WBL_ERROR, "cycle", "the namespaces require each other: %s", shown);
    if (wb_tell_hint(b->cx, b->found, f, "Take one of these requirements out of the configuration.") != 0)
        return WBL_E_NOMEM;
    f->ns = b->names[again];
    f->file = b->config->file;
    f->line = b->asked[again]->line;
    return WBL_E_INVALID;
}

/* Puts a namespace and what it requires behind those that are placed already. */
static int place(builder *b, size_t root, unsigned char *color, frame *stack, wb_graph *out)
{
    size_t depth = 0;
    if (color[root] != WHITE)
        return 0;
    color[root] = GREY;
    stack[depth++] = (frame){ root, 0 };
    while (depth) {
        frame *top = &stack[depth - 1];
        const wb_graph_ns *e = &b->entries[top->at];
        if (top->next == e->require_count) {
            color[top->at] = BLACK;
            out->namespaces[out->count++] = *e;
            depth--;
            continue;
        }
        size_t next = name_find(b, e->requires[top->next++].ns);
        if (color[next] == GREY)
            return tell_cycle(b, stack, depth, next);
        if (color[next] == WHITE) {
            color[next] = GREY;
            stack[depth++] = (frame){ next, 0 };
        }
    }
    return 0;
}

static int place_all(builder *b, wb_graph *out)
{
    unsigned char *color = wb_arena_get(b->mem, b->count + 1);
    frame *stack = wb_arena_get(b->mem, (b->count + 1) * sizeof *stack);
    out->namespaces = wb_arena_get(b->mem, (b->count + 1) * sizeof *out->namespaces);
    if (!color || !stack || !out->namespaces)
        return wb_nomem(b->cx);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->config->ns_count; i++)
        if (b->config->namespaces[i].is_listed)
            rc = place(b, name_find(b, b->config->namespaces[i].name), color, stack, out);
    for (size_t i = 0; rc == 0 && i < b->count; i++)
        rc = place(b, i, color, stack, out);
    return rc;
}

static int index_names(builder *b, wb_graph *g)
{
    g->by_name = wb_arena_get(b->mem, (g->count + 1) * sizeof *g->by_name);
    if (!g->by_name)
        return wb_nomem(b->cx);
    for (size_t i = 0; i < g->count; i++)
        g->by_name[name_find(b, g->namespaces[i].name)] = i;
    g->names = b->names;
    return 0;
}

int wb_graph_make(wb_ctx *cx, wb_arena *mem, const wb_source_set *set, const wb_config *config,
                  const char *const *recorded, size_t recorded_count, wb_findings *found, wb_graph *out)
{
    builder b = { .cx = cx, .mem = mem, .config = config, .found = found };
    wb_graph g = { .order = set->order };
    size_t since = found->count;
    int rc = collect_names(&b, set, recorded, recorded_count);
    if (rc == 0)
        rc = fill_entries(&b, set, recorded, recorded_count);
    if (rc == 0)
        rc = look_at_discovered(&b, set);
    if (rc == 0)
        rc = look_for_directories(&b, set);
    if (rc == 0)
        rc = look_at_requires(&b);
    if (rc == 0 && wb_tell_errors(found, since))
        return wb_tell_fail(cx, found, since, WBL_E_INVALID, "faults of the configuration");
    if (rc == 0)
        rc = place_all(&b, &g);
    if (rc == WBL_E_INVALID)
        return wb_tell_fail(cx, found, since, WBL_E_INVALID, "faults of the configuration");
    if (rc == 0)
        rc = index_names(&b, &g);
    if (rc == 0)
        *out = g;
    return rc;
}

wb_graph_ns *wb_graph_find(const wb_graph *g, const char *name, size_t *index)
{
    size_t at = find_name(g->names, g->count, name);
    if (at == WB_NOWHERE)
        return NULL;
    if (index)
        *index = g->by_name[at];
    return &g->namespaces[g->by_name[at]];
}
