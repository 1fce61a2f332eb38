/*
 * verify.c - remember the catalog after a run, and compare the live database with what is remembered.
 *
 * Which namespace an object belongs to is found by reading the catalog before and after the namespace's migrations: what
 * appeared meanwhile is its own. With one namespace nothing needs to be read before. An object that changes in another
 * namespace's migration stays with its owner, whose record is brought up to date.
 */
#include "engine/engine.h"

#include <stdlib.h>

static int cmp_object(const void *a, const void *b)
{
    const wb_object *x = a, *y = b;
    int c = strcmp(x->kind, y->kind);
    if (c == 0)
        c = wb_strcmp_null(x->parent, y->parent);
    return c ? c : strcmp(x->name, y->name);
}

static bool same_object(const wb_object *a, const wb_object *b)
{
    return strcmp(a->definition, b->definition) == 0 && a->is_valid == b->is_valid;
}

static int read_catalog(wb_run *run, wb_arena *mem, wb_object **out, size_t *count)
{
    wb_table_ref *skip = wb_arena_get(mem, (run->snapshots.count + 3) * sizeof *skip);
    if (!skip)
        return wb_nomem(&run->cx);
    size_t n = 0;
    skip[n++] = run->ledger.table.ref;
    skip[n++] = run->history.table.ref;
    skip[n++] = run->snapshots.table.ref;
    for (size_t i = 0; i < run->snapshots.count; i++)
        if (run->snapshots.items[i].is_foreign)
            skip[n++] = (wb_table_ref){ run->ledger.table.ref.schema, run->snapshots.items[i].ledger };
    const wb_catalog_options o = { .skip = skip, .skip_count = n };
    int rc = run->h->driver->catalog(&run->cx, run->h->session, &o, mem, out, count);
    if (rc == 0 && *count)
        qsort(*out, *count, sizeof **out, cmp_object);
    return rc;
}

/* ---- remembering ---- */

/* How often the history says that this namespace went up or down. */
static int64_t changes_of(const wb_run *run, const char *ns)
{
    int64_t n = 0;
    for (size_t i = 0; i < run->history.count; i++) {
        const wb_record *r = &run->history.records[i];
        bool counts = (strcmp(r->action, "up") == 0 && strcmp(r->state, "applied") == 0) ||
                      (strcmp(r->action, "down") == 0 && strcmp(r->state, "reverted") == 0);
        n += counts && strcmp(r->ns, ns) == 0;
    }
    return n;
}

/* The same when its catalog was recorded; -1: never. */
static int64_t known_changes(const wb_run *run, const char *ns)
{
    for (size_t i = 0; i < run->snapshots.count; i++)
        if (!run->snapshots.items[i].is_foreign && strcmp(run->snapshots.items[i].ns, ns) == 0)
            return run->snapshots.items[i].changes;
    return -1;
}

static bool can_remember(const wb_run *run)
{
    return run->has_catalog && run->h->session->caps & WB_CAP_CATALOG;
}

/* Everything in the schema belongs to the one namespace. */
static bool is_sole_owner(const wb_run *run)
{
    for (size_t i = 0; i < run->snapshots.count; i++)
        if (run->snapshots.items[i].is_foreign)
            return false;
    return run->graph.count < 2;
}

/* wb_run_load() leaves the objects out. */
static int load_objects(wb_run *run)
{
    wb_select all;
    run->snapshots.heads_only = false;
    wb_snapshots_select(&run->snapshots, &all);
    return run->h->driver->rows(&run->cx, run->h->session, &all, 1);
}

int wb_remember_start(wb_run *run)
{
    if (!can_remember(run) || is_sole_owner(run))
        return 0;
    int rc = load_objects(run);
    return rc == 0 ? read_catalog(run, &run->catalogs[run->catalog_at], &run->before, &run->before_count) : rc;
}

static wb_snapshot *snapshot_of(wb_run *run, const char *ns)
{
    for (size_t i = 0; i < run->snapshots.count; i++)
        if (!run->snapshots.items[i].is_foreign && strcmp(run->snapshots.items[i].ns, ns) == 0)
            return &run->snapshots.items[i];
    wb_snapshot *s = WB_PUSH(run->snapshots.mem, run->snapshots.items, run->snapshots.count, run->snapshots.cap);
    if (s)
        *s = (wb_snapshot){ .ledger = run->snapshots.ledger, .ns = ns };
    return s;
}

/* Out of a catalog that is gone soon. */
static bool keep_object(wb_arena *mem, const wb_object *from, wb_object *to)
{
    *to = *from;
    to->name = wb_arena_dup(mem, from->name);
    to->parent = wb_arena_dup(mem, from->parent);
    to->definition = wb_arena_dup(mem, from->definition);
    to->kind = wb_arena_dup(mem, from->kind);
    return to->name && to->kind && (to->parent || !from->parent) && (to->definition || !from->definition);
}

static const wb_object *find_object(const wb_object *o, const wb_object *all, size_t count)
{
    return count ? bsearch(o, all, count, sizeof *all, cmp_object) : NULL;
}

/* The snapshots of other namespaces after a change: their objects as they are now. *changed says whether any differs. */
static int refresh(wb_run *run, wb_snapshot *s, const wb_object *now, size_t count, bool *changed)
{
    *changed = false;
    for (size_t i = 0; i < s->count && !*changed; i++) {
        const wb_object *live = find_object(&s->objects[i], now, count);
        *changed = !live || !same_object(live, &s->objects[i]);
    }
    if (!*changed)
        return 0;
    wb_object *kept = wb_arena_get(run->mem, (s->count + 1) * sizeof *kept);
    size_t n = 0;
    for (size_t i = 0; kept && i < s->count; i++) {
        const wb_object *live = find_object(&s->objects[i], now, count);
        if (live && same_object(live, &s->objects[i]))
            kept[n++] = s->objects[i];
        else if (live && !keep_object(run->mem, live, &kept[n++]))
            kept = NULL;
    }
    if (!kept)
        return wb_nomem(&run->cx);
    s->objects = kept;
    s->count = n;
    return 0;
}

static int write_snapshots(wb_run *run, wb_snapshot **list, size_t count)
{
    int rc = wb_rows_begin(run, &run->cx);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = wb_snapshot_put(&run->cx, run->h->session, &run->snapshots, list[i]);
    return wb_rows_end(run, &run->cx, rc);
}

/* Without a look at the catalog before the run: what belongs to anybody was there before. */
static int owned_before(wb_run *run)
{
    size_t n = 0;
    for (size_t i = 0; i < run->snapshots.count; i++)
        n += run->snapshots.items[i].count;
    run->before = wb_arena_get(run->mem, (n + 1) * sizeof *run->before);
    if (!run->before)
        return wb_nomem(&run->cx);
    run->before_count = 0;
    for (size_t i = 0; i < run->snapshots.count; i++) {
        const wb_snapshot *s = &run->snapshots.items[i];
        if (s->count)
            memcpy(run->before + run->before_count, s->objects, s->count * sizeof *s->objects);
        run->before_count += s->count;
    }
    if (n)
        qsort(run->before, n, sizeof *run->before, cmp_object);
    return 0;
}

/* What appeared since the last look is the namespace's own. */
static int take_new(wb_run *run, wb_snapshot *own, const wb_object *now, size_t count)
{
    size_t fresh = 0;
    for (size_t i = 0; i < count; i++)
        fresh += !find_object(&now[i], run->before, run->before_count);
    wb_object *mine = wb_arena_get(run->mem, (own->count + fresh + 1) * sizeof *mine);
    if (!mine)
        return wb_nomem(&run->cx);
    if (own->count)
        memcpy(mine, own->objects, own->count * sizeof *mine);
    for (size_t i = 0; i < count; i++)
        if (!find_object(&now[i], run->before, run->before_count) && !keep_object(run->mem, &now[i], &mine[own->count++]))
            return wb_nomem(&run->cx);
    own->objects = mine;
    return 0;
}

static int remember(wb_run *run, const char *ns)
{
    wb_object *now = NULL;
    size_t count = 0, n = 0;
    bool is_single = is_sole_owner(run);
    int next = 1 - run->catalog_at;
    wb_arena_done(&run->catalogs[next]);
    int rc = read_catalog(run, is_single ? run->mem : &run->catalogs[next], &now, &count);
    wb_snapshot *own = rc == 0 ? snapshot_of(run, ns) : NULL;
    wb_snapshot **dirty = wb_arena_get(run->mem, (run->snapshots.count + 1) * sizeof(wb_snapshot *));
    if (rc != 0)
        return rc;
    if (!own || !dirty)
        return wb_nomem(&run->cx);
    if (is_single) {
        own->objects = now;
        own->count = count;
    } else {
        for (size_t i = 0; rc == 0 && i < run->snapshots.count; i++) {
            bool changed = false;
            rc = refresh(run, &run->snapshots.items[i], now, count, &changed);
            if (rc == 0 && changed && &run->snapshots.items[i] != own)
                dirty[n++] = &run->snapshots.items[i];
        }
        if (rc == 0)
            rc = take_new(run, own, now, count);
        if (rc != 0)
            return rc;
        run->before = now;
        run->before_count = count;
        run->catalog_at = next;
    }
    dirty[n++] = own;
    for (size_t i = 0; i < n; i++)
        dirty[i]->run_id = run->run_id;
    /* what this run did is not in the loaded history yet */
    own->changes = changes_of(run, ns);
    for (size_t i = 0; i < run->plan.count; i++) {
        const wb_step *st = &run->plan.steps[i];
        own->changes += st->is_done && strcmp(st->item->ns, ns) == 0;
    }
    return write_snapshots(run, dirty, n);
}

static int tell_not_remembered(wb_run *run, const char *ns)
{
    wbl_finding *f = wb_finding_add(&run->cx, &run->h->findings, WBL_WARNING, "not-remembered",
                                    "the catalog of %s could not be recorded for `verify`: %s", ns,
                                    run->cx.err->message);
    if (!f)
        return WBL_E_NOMEM;
    f->ns = ns;
    f->hint = "The migrations are applied. The next run of `up` records it.";
    wbl_event e = { .kind = WBL_EVENT_FINDING, .finding = f };
    wb_run_event(run, &e);
    return 0;
}

/* The migrations are applied whatever happens here, so a failure is a warning. */
int wb_remember(wb_run *run, const char *ns)
{
    if (!can_remember(run) || !run->h->holds_lock) /* a lost connection may have taken the lock along */
        return 0;
    wbl_error scratch;
    wb_ctx was = run->cx;
    run->cx = wb_run_quiet(run, &scratch);
    int rc = remember(run, ns);
    if (rc != 0 && rc != WBL_E_NOMEM)
        rc = tell_not_remembered(run, ns);
    run->cx = was;
    return rc == WBL_E_NOMEM ? wb_nomem(&run->cx) : 0;
}

int wb_remember_stale(wb_run *run)
{
    if (!can_remember(run) || !run->writes)
        return 0;
    int rc = 0;
    bool is_started = false;
    for (size_t i = 0; rc == 0 && i < run->graph.count; i++) {
        const char *ns = run->graph.namespaces[i].name;
        int64_t changes = changes_of(run, ns), known = known_changes(run, ns);
        if (changes == 0 || known == changes)
            continue;
        if (!is_started && (rc = wb_remember_start(run)) != 0)
            break;
        is_started = true;
        rc = owned_before(run); /* what belongs to nobody yet is taken to be this namespace's */
        if (rc == 0)
            rc = wb_remember(run, ns);
    }
    return rc;
}

/* ---- comparing ---- */

struct comparison {
    wb_run *run;
    const wb_object *now;
    size_t now_count;
    bool *is_owned;                        /* for each live object */
};

static wbl_finding *drift(struct comparison *c, const char *ns, const wb_object *o, int severity, const char *code, const char *what)
{
    bool names_table = o->parent && wb_starts(o->name, o->parent); /* orders.total */
    const char *of = o->parent && !names_table ? " of " : "";
    wbl_finding *f = wb_finding_add(&c->run->cx, &c->run->h->findings, severity, code, "%s %s%s%s %s", o->kind, o->name, of,
                                    *of ? o->parent : "", what);
    if (!f)
        return NULL;
    f->ns = ns;
    f->object = wb_arena_fmt(c->run->mem, "%s %s", o->kind, o->name);
    return f;
}

static bool has_table(const struct comparison *c, const char *name)
{
    const wb_object table = { .kind = "table", .name = name };
    return find_object(&table, c->now, c->now_count) != NULL;
}

static int compare_snapshot(struct comparison *c, const wb_snapshot *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const wb_object *was = &s->objects[i];
        const wb_object *live = find_object(was, c->now, c->now_count);
        wbl_finding *f = NULL;
        bool is_fault = false;
        if (live)
            c->is_owned[live - c->now] = true;
        if (s->is_foreign)
            continue;
        if (!live && was->parent && !has_table(c, was->parent))
            continue; /* the table itself is told */
        if (!live) {
            is_fault = true;
            f = drift(c, s->ns, was, WBL_ERROR, "drift-missing", "is missing");
            if (f && *was->definition)
                f->detail = wb_arena_fmt(c->run->mem, "- %s", was->definition);
        } else if (!live->is_valid && (was->is_valid || strcmp(live->kind, "index") == 0)) { /* NOT VALID may be meant */
            is_fault = true;
            f = drift(c, s->ns, live, WBL_ERROR, "drift-invalid", "is invalid");
        } else if (!same_object(was, live)) {
            is_fault = true;
            f = drift(c, s->ns, was, WBL_ERROR, "drift-changed", "is changed");
            if (f)
                f->detail = wb_arena_fmt(c->run->mem, "- %s\n+ %s", was->definition, live->definition);
        }
        if (is_fault && !f)
            return WBL_E_NOMEM;
    }
    return 0;
}

static const wb_snapshot *owner_of(const struct comparison *c, const char *table)
{
    for (size_t i = 0; table && i < c->run->snapshots.count; i++) {
        const wb_snapshot *s = &c->run->snapshots.items[i];
        for (size_t k = 0; k < s->count; k++)
            if (strcmp(s->objects[k].kind, "table") == 0 && strcmp(s->objects[k].name, table) == 0)
                return s;
    }
    return NULL;
}

static int find_extra(struct comparison *c)
{
    for (size_t i = 0; i < c->now_count; i++) {
        if (c->is_owned[i])
            continue;
        const wb_snapshot *owner = owner_of(c, c->now[i].parent);
        if (owner ? owner->is_foreign : c->now[i].parent != NULL)
            continue; /* somebody else's, or a part of a table that is extra itself */
        const char *ns = owner ? owner->ns : NULL;
        if (!drift(c, ns, &c->now[i], ns ? WBL_ERROR : WBL_NOTE, "drift-extra",
                   ns ? "is extra" : "is not from a migration"))
            return WBL_E_NOMEM;
    }
    return 0;
}

static int check_fresh(wb_run *run)
{
    for (size_t i = 0; i < run->graph.count; i++) {
        const char *ns = run->graph.namespaces[i].name;
        int64_t changes = changes_of(run, ns), known = known_changes(run, ns);
        if (changes == 0 || known == changes)
            continue;
        wbl_finding *f = wb_finding_add(&run->cx, &run->h->findings, WBL_WARNING, "not-remembered",
                                        "the catalog of %s was not recorded after its last migration", ns);
        if (!f)
            return WBL_E_NOMEM;
        f->ns = ns;
        f->hint = "`whimbrel up` records it.";
    }
    return 0;
}

int wb_verify(wb_run *run)
{
    if (!(run->h->session->caps & WB_CAP_CATALOG))
        return wb_fail(&run->cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE, "verify is not supported for %s", run->h->driver->name);
    if (!run->has_catalog) {
        int rc = wb_fail(&run->cx, WBL_CHECK_FAILED, WBL_EFFECT_NONE, "nothing is recorded to compare with");
        wb_hint(&run->cx, "`whimbrel up` records the catalog after each run.");
        return rc;
    }
    struct comparison c = { .run = run };
    wb_object *now = NULL;
    int rc = load_objects(run);
    if (rc == 0)
        rc = check_fresh(run);
    if (rc == 0)
        rc = read_catalog(run, run->mem, &now, &c.now_count);
    c.now = now;
    if (rc == 0 && !(c.is_owned = wb_arena_get(run->mem, c.now_count + 1)))
        rc = WBL_E_NOMEM;
    for (size_t i = 0; rc == 0 && i < run->snapshots.count; i++)
        rc = compare_snapshot(&c, &run->snapshots.items[i]);
    if (rc == 0)
        rc = find_extra(&c);
    return rc == WBL_E_NOMEM ? wb_nomem(&run->cx) : rc;
}
