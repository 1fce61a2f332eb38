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

static int read_catalog(wb_run *run, wb_object **out, size_t *count)
{
    const wb_table_ref skip[] = { run->ledger.table.ref, run->history.table.ref, run->snapshots.table.ref };
    const wb_catalog_options o = { .skip = skip, .skip_count = WB_COUNT(skip) };
    int rc = run->h->driver->catalog(&run->cx, run->h->session, &o, run->mem, out, count);
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

static bool can_remember(const wb_run *run)
{
    return run->has_catalog && run->h->session->caps & WB_CAP_CATALOG;
}

int wb_remember_start(wb_run *run)
{
    if (!can_remember(run) || run->graph.count < 2)
        return 0;
    run->snapshots.heads_only = false;
    wb_select all;
    wb_snapshots_select(&run->snapshots, &all);
    int rc = run->h->driver->rows(&run->cx, run->h->session, &all, 1);
    run->snapshots.heads_only = true;
    return rc == 0 ? read_catalog(run, &run->before, &run->before_count) : rc;
}

static wb_snapshot *snapshot_of(wb_run *run, const char *ns)
{
    for (size_t i = 0; i < run->snapshots.count; i++)
        if (strcmp(run->snapshots.items[i].ns, ns) == 0)
            return &run->snapshots.items[i];
    wb_snapshot *s = WB_PUSH(run->snapshots.mem, run->snapshots.items, run->snapshots.count, run->snapshots.cap);
    if (s)
        *s = (wb_snapshot){ .ns = ns };
    return s;
}

/* The snapshots of other namespaces after a change: their objects as they are now. *changed says whether any differs. */
static int refresh(wb_run *run, wb_snapshot *s, const wb_object *now, size_t count, bool *changed)
{
    wb_object *kept = wb_arena_get(run->mem, (s->count + 1) * sizeof *kept);
    if (!kept)
        return wb_nomem(&run->cx);
    size_t n = 0;
    *changed = false;
    for (size_t i = 0; i < s->count; i++) {
        const wb_object *live = bsearch(&s->objects[i], now, count, sizeof *now, cmp_object);
        *changed = *changed || !live || !same_object(live, &s->objects[i]);
        if (live)
            kept[n++] = *live;
    }
    s->objects = kept;
    s->count = n;
    return 0;
}

static int write_snapshots(wb_run *run, wb_snapshot **list, size_t count)
{
    const wb_driver *d = run->h->driver;
    wb_session *session = run->h->session;
    const wb_txn txn = { .fuse = "" };
    wb_sync done;
    int rc = d->begin(&run->cx, session, &txn);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = wb_snapshot_put(&run->cx, session, &run->snapshots, list[i]);
    if (rc == 0)
        rc = d->commit(&run->cx, session);
    if (rc == 0)
        rc = d->sync(&run->cx, session, &done);
    if (rc != 0) {
        wbl_error scratch;
        wb_ctx quiet = wb_run_quiet(run, &scratch);
        (void)d->rollback(&quiet, session);
        (void)d->sync(&quiet, session, &done);
    }
    return rc;
}

static int remember(wb_run *run, const char *ns)
{
    wb_object *now = NULL;
    size_t count = 0, n = 0;
    int rc = read_catalog(run, &now, &count);
    wb_snapshot *own = rc == 0 ? snapshot_of(run, ns) : NULL;
    wb_snapshot **dirty = wb_arena_get(run->mem, (run->snapshots.count + 1) * sizeof(wb_snapshot *));
    if (rc != 0)
        return rc;
    if (!own || !dirty)
        return wb_nomem(&run->cx);
    if (run->graph.count < 2) {
        own->objects = now;
        own->count = count;
    } else {
        for (size_t i = 0; rc == 0 && i < run->snapshots.count; i++) {
            bool changed = false;
            rc = refresh(run, &run->snapshots.items[i], now, count, &changed);
            if (rc == 0 && changed && &run->snapshots.items[i] != own)
                dirty[n++] = &run->snapshots.items[i];
        }
        wb_object *mine = rc == 0 ? wb_arena_get(run->mem, (own->count + count + 1) * sizeof *mine) : NULL;
        if (rc != 0 || !mine)
            return rc != 0 ? rc : wb_nomem(&run->cx);
        if (own->count)
            memcpy(mine, own->objects, own->count * sizeof *mine);
        for (size_t i = 0; i < count; i++)
            if (!run->before_count || !bsearch(&now[i], run->before, run->before_count, sizeof *now, cmp_object))
                mine[own->count++] = now[i];
        own->objects = mine;
        run->before = now;
        run->before_count = count;
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
                                    run->cx.err ? run->cx.err->message : "?");
    if (!f)
        return WBL_E_NOMEM;
    f->ns = ns;
    f->hint = "The migrations are applied. The next `up` records it.";
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
        int64_t changes = changes_of(run, ns), known = -1;
        for (size_t k = 0; k < run->snapshots.count; k++)
            if (strcmp(run->snapshots.items[k].ns, ns) == 0)
                known = run->snapshots.items[k].changes;
        if (changes == 0 || known == changes)
            continue;
        if (!is_started && (rc = wb_remember_start(run)) != 0)
            break;
        is_started = true;
        run->before_count = 0; /* what belongs to nobody yet is taken to be this namespace's */
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
    const char *kind_of = o->kind;
    wbl_finding *f = wb_finding_add(&c->run->cx, &c->run->h->findings, severity, code, "%s %s%s%s %s", kind_of, o->name,
                                    o->parent && strcmp(kind_of, "column") != 0 ? " of " : "",
                                    o->parent && strcmp(kind_of, "column") != 0 ? o->parent : "", what);
    if (!f)
        return NULL;
    f->ns = ns;
    f->object = wb_arena_fmt(c->run->mem, "%s %s", o->kind, o->name);
    return f;
}

static int compare_snapshot(struct comparison *c, const wb_snapshot *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const wb_object *was = &s->objects[i];
        const wb_object *live = c->now_count ? bsearch(was, c->now, c->now_count, sizeof *c->now, cmp_object) : NULL;
        wbl_finding *f = NULL;
        bool is_fault = false;
        if (live)
            c->is_owned[live - c->now] = true;
        if (!live) {
            is_fault = true;
            f = drift(c, s->ns, was, WBL_ERROR, "drift-missing", "is missing");
            if (f && *was->definition)
                f->detail = wb_arena_fmt(c->run->mem, "- %s", was->definition);
        } else if (!live->is_valid) {
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

static const char *owner_of(const struct comparison *c, const char *table)
{
    for (size_t i = 0; table && i < c->run->snapshots.count; i++) {
        const wb_snapshot *s = &c->run->snapshots.items[i];
        for (size_t k = 0; k < s->count; k++)
            if (strcmp(s->objects[k].kind, "table") == 0 && strcmp(s->objects[k].name, table) == 0)
                return s->ns;
    }
    return NULL;
}

static int find_extra(struct comparison *c)
{
    for (size_t i = 0; i < c->now_count; i++) {
        if (c->is_owned[i])
            continue;
        const char *ns = owner_of(c, c->now[i].parent);
        if (!ns && c->now[i].parent)
            continue; /* a part of a table that is extra itself */
        if (!drift(c, ns, &c->now[i], ns ? WBL_ERROR : WBL_NOTE, "drift-extra",
                   ns ? "is extra" : "is not from a migration"))
            return WBL_E_NOMEM;
    }
    return 0;
}

static bool is_wanted(const wbl_request *q, const char *ns)
{
    if (!q || q->namespace_count == 0)
        return true;
    for (uint32_t i = 0; ns && i < q->namespace_count; i++)
        if (strcmp(q->namespaces[i], ns) == 0)
            return true;
    return false;
}

static int check_fresh(wb_run *run)
{
    for (size_t i = 0; i < run->graph.count; i++) {
        const char *ns = run->graph.namespaces[i].name;
        int64_t changes = changes_of(run, ns), known = -1;
        for (size_t k = 0; k < run->snapshots.count; k++)
            if (strcmp(run->snapshots.items[k].ns, ns) == 0)
                known = run->snapshots.items[k].changes;
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

int wb_verify(wb_run *run, const wbl_request *q)
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
    run->snapshots.heads_only = false;
    wb_select all;
    wb_snapshots_select(&run->snapshots, &all);
    int rc = run->h->driver->rows(&run->cx, run->h->session, &all, 1);
    if (rc == 0)
        rc = check_fresh(run);
    if (rc == 0)
        rc = read_catalog(run, &now, &c.now_count);
    c.now = now;
    if (rc == 0 && !(c.is_owned = wb_arena_get(run->mem, c.now_count + 1)))
        rc = WBL_E_NOMEM;
    for (size_t i = 0; rc == 0 && i < run->snapshots.count; i++)
        rc = compare_snapshot(&c, &run->snapshots.items[i]);
    if (rc == 0)
        rc = find_extra(&c);
    if (rc != 0)
        return rc == WBL_E_NOMEM ? wb_nomem(&run->cx) : rc;
    wb_findings *all_found = &run->h->findings; /* of the namespaces that were asked for */
    size_t kept = 0, errors = 0;
    for (size_t i = 0; i < all_found->count; i++) {
        if (!is_wanted(q, all_found->items[i].ns))
            continue;
        errors += all_found->items[i].severity == WBL_ERROR;
        all_found->items[kept++] = all_found->items[i];
    }
    all_found->count = kept;
    all_found->errors = errors;
    if (!errors)
        return 0;
    rc = wb_fail(&run->cx, WBL_CHECK_FAILED, WBL_EFFECT_NONE, "the database differs from what was recorded in %zu %s", errors,
                 errors == 1 ? "place" : "places");
    wb_hint(&run->cx, "Put the database back, or write a migration that makes the difference part of the schema.");
    return rc;
}
