/*
 * set.c - the set of migrations after the scan: those that a program adds, order, look-up, the end.
 *
 * The set owns the directories that the scan left open and the texts of scripts that are still loaded; all else lies in
 * its arena or belongs to the program that added it.
 */
#include "source/parts.h"

#include <stdlib.h>
#include <unistd.h>

int wb_source_add(wb_ctx *cx, wb_source_set *set, const wb_migration *given)
{
    if (!given->version || !wb_version_valid(set->order, given->version)) {
        wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "\"%s\" is not a version", given->version ? given->version : "");
        wb_hint(cx, "A version is a number, such as 000001 or 20261102093000.");
        return WBL_E_INVALID;
    }
    wb_migration *m = WB_PUSH(set->mem, set->migrations, set->migration_count, set->migration_cap);
    if (!m)
        return wb_nomem(cx);
    *m = *given;
    m->ns = given->ns && *given->ns ? given->ns : WB_DEFAULT_NS;
    m->name = given->name ? given->name : "";
    m->key = given->key ? given->key : wb_version_key(set->mem, set->order, given->version, strlen(given->version));
    if (!m->key) {
        set->migration_count--;
        return wb_nomem(cx);
    }
    if (strcmp(m->ns, WB_DEFAULT_NS) != 0)
        set->is_namespaced = true;
    return 0;
}

static int cmp_in(wb_order order, const wb_migration *a, const wb_migration *b)
{
    int by_ns = strcmp(a->ns, b->ns);
    return by_ns != 0 ? by_ns : wb_version_cmp(order, a->key, b->key);
}

static int cmp_numeric(const void *a, const void *b) { return cmp_in(WB_ORDER_NUMERIC, a, b); }
static int cmp_dotted(const void *a, const void *b) { return cmp_in(WB_ORDER_DOTTED, a, b); }
static int cmp_bytes(const void *a, const void *b) { return cmp_in(WB_ORDER_BYTES, a, b); }

static void sort_migrations(wb_source_set *set)
{
    bool is_sorted = true; /* what the scan made is sorted already, and a migration is large to move */
    for (size_t i = 1; i < set->migration_count && is_sorted; i++)
        is_sorted = cmp_in(set->order, &set->migrations[i - 1], &set->migrations[i]) <= 0;
    if (is_sorted)
        return;
    int (*cmp)(const void *, const void *) = set->order == WB_ORDER_NUMERIC  ? cmp_numeric
                                             : set->order == WB_ORDER_DOTTED ? cmp_dotted
                                                                             : cmp_bytes;
    qsort(set->migrations, set->migration_count, sizeof *set->migrations, cmp);
}

static const char *origin_of(const wb_migration *m)
{
    return m->up.shown ? m->up.shown : m->down.shown ? m->down.shown : m->is_code ? "code" : "memory";
}

static int find_duplicates(wb_ctx *cx, wb_findings *findings, const wb_source_set *set)
{
    for (size_t i = 1; i < set->migration_count; i++) {
        const wb_migration *a = &set->migrations[i - 1], *b = &set->migrations[i];
        if (cmp_in(set->order, a, b) != 0)
            continue;
        wbl_finding *f = wb_finding_add(cx, findings, WBL_ERROR, "duplicate-version",
                                        "version %s of %s is there twice: %s (%s) and %s (%s)", b->version, b->ns,
                                        a->name, origin_of(a), b->name, origin_of(b));
        if (!f)
            return WBL_E_NOMEM;
        f->ns = b->ns;
        f->version = b->version;
        f->name = b->name;
        wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s", f->message);
    }
    return 0;
}

static int ns_cmp(const void *left, const void *right)
{
    return strcmp(((const wb_source_ns *)left)->name, ((const wb_source_ns *)right)->name);
}

/* Walks both sorted lists at once. Namespaces that have no directory are put at the end and sorted in afterwards. */
static int fill_namespaces(wb_ctx *cx, wb_source_set *set)
{
    size_t known = set->ns_count, at = 0;
    for (size_t i = 0; i < known; i++)
        set->namespaces[i].first = set->namespaces[i].count = 0;
    for (size_t i = 0, end; i < set->migration_count; i = end) {
        const char *name = set->migrations[i].ns;
        for (end = i + 1; end < set->migration_count && strcmp(set->migrations[end].ns, name) == 0;)
            end++;
        while (at < known && strcmp(set->namespaces[at].name, name) < 0)
            at++;
        wb_source_ns *ns = at < known && strcmp(set->namespaces[at].name, name) == 0 ? &set->namespaces[at] : NULL;
        if (!ns) {
            ns = WB_PUSH(set->mem, set->namespaces, set->ns_count, set->ns_cap);
            if (!ns)
                return wb_nomem(cx);
            *ns = (wb_source_ns){ .name = name };
        }
        ns->first = i;
        ns->count = end - i;
    }
    if (set->ns_count > known)
        qsort(set->namespaces, set->ns_count, sizeof *set->namespaces, ns_cmp);
    return 0;
}

int wb_source_finish(wb_ctx *cx, wb_findings *findings, wb_source_set *set)
{
    size_t errors = findings->errors;
    sort_migrations(set);
    int rc = find_duplicates(cx, findings, set);
    if (rc == 0)
        rc = fill_namespaces(cx, set);
    return rc == 0 && findings->errors > errors ? WBL_E_INVALID : rc;
}

void wb_source_done(wb_source_set *set)
{
    for (size_t i = 0; i < set->migration_count; i++) {
        wb_script_release(&set->migrations[i].up);
        wb_script_release(&set->migrations[i].down);
    }
    for (size_t i = 0; i < set->fd_count; i++)
        close(set->fds[i]);
    *set = (wb_source_set){ .mem = set->mem };
}
