/*
 * require.c - what migrations and namespaces require, and finding a version that a person has written.
 *
 * Up, down, order and validation ask the same questions about requirements, each with another purpose; so the walk over
 * them is here, and what follows from one is with the asker. Owns nothing.
 */
#include "plan/parts.h"

static int each(const wb_require *requires, size_t count, const wb_item *item, size_t ns, wb_demand_fn fn, void *user)
{
    for (size_t i = 0; i < count; i++) {
        const wb_demand d = { &requires[i], item, ns };
        int rc = fn(user, &d);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int wb_demands_of_item(const wb_item *item, wb_demand_fn fn, void *user)
{
    const wb_migration *m = item->migration;
    if (!m)
        return 0;
    int rc = each(m->requires, m->require_count, item, item->ns_index, fn, user);
    if (rc == 0 && m->up.info)
        rc = each(m->up.info->directives.requires, m->up.info->directives.require_count, item, item->ns_index, fn, user);
    return rc;
}

int wb_demands_of_ns(const wb_graph *g, size_t ns, wb_demand_fn fn, void *user)
{
    return each(g->namespaces[ns].requires, g->namespaces[ns].require_count, NULL, ns, fn, user);
}

size_t wb_version_place(const wb_graph *g, const wb_state *st, size_t ns, const char *version)
{
    size_t low = st->ns_first[ns], high = low + st->ns_count[ns];
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (wb_version_cmp(g->order, st->items[mid].key, version) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

size_t wb_version_index(const wb_graph *g, const wb_state *st, size_t ns, const char *version)
{
    size_t at = wb_version_place(g, st, ns, version), end = st->ns_first[ns] + st->ns_count[ns];
    return at < end && wb_version_cmp(g->order, st->items[at].key, version) == 0 ? at : WB_NOWHERE;
}

bool wb_demand_find(const wb_graph *g, const wb_state *st, const wb_demand *d, wb_demand_target *out)
{
    *out = (wb_demand_target){ WB_NOWHERE, WB_NOWHERE };
    if (!wb_graph_find(g, d->require->ns, &out->ns_index))
        return false;
    if (!d->require->version)
        return true;
    out->item = wb_version_index(g, st, out->ns_index, d->require->version);
    return out->item != WB_NOWHERE;
}

const char *wb_demand_text(wb_arena *mem, const wb_graph *g, const wb_demand *d)
{
    const char *version = d->require->version, *at = version ? "@" : "";
    if (d->item)
        return wb_arena_fmt(mem, WB_LABEL " requires %s%s%s", WB_LABEL_OF(d->item), d->require->ns, at,
                            version ? version : "");
    return wb_arena_fmt(mem, "%s requires %s%s%s", g->namespaces[d->ns_index].name, d->require->ns, at,
                        version ? version : "");
}

int wb_demand_tell(wbl_finding *f, const wb_graph *g, const wb_demand *d)
{
    if (!f)
        return WBL_E_NOMEM;
    f->ns = g->namespaces[d->ns_index].name;
    f->version = d->item ? d->item->version : NULL;
    f->name = d->item ? d->item->name : NULL;
    f->file = d->item && d->item->migration ? d->item->migration->up.shown : NULL;
    return 0;
}

int wb_demand_tell_missing(wb_ctx *cx, wb_findings *found, const wb_graph *g, const wb_state *st, const wb_demand *d)
{
    wb_demand_target target;
    (void)wb_demand_find(g, st, d, &target); /* it is known to fail; the target tells how far it came */
    const char *who = wb_demand_text(found->mem, g, d);
    if (!who)
        return wb_nomem(cx);
    bool is_ns = target.ns_index == WB_NOWHERE;
    wbl_finding *f = wb_finding_add(cx, found, WBL_ERROR, "missing-requirement", "%s, and there is no such %s", who,
                                    is_ns ? "namespace" : "version");
    if (wb_demand_tell(f, g, d) != 0)
        return WBL_E_NOMEM;
    if (is_ns) {
        const char *near = wb_nearest(d->require->ns, g->names, g->count);
        return near ? wb_tell_hint(cx, found, f, "Did you mean %s?", near) : 0;
    }
    const wb_item *latest = wb_state_latest(st, target.ns_index);
    return latest ? wb_tell_hint(cx, found, f, "The latest version of %s is %s.", latest->ns, latest->version) : 0;
}
