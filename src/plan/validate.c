/*
 * validate.c - what is odd about the files alone, and about files and ledger together.
 *
 * Everything is told, nothing is refused: whoever asks counts the findings. Codes and their meaning: docs/findings.md.
 * Files that a directory must not hold at all (duplicates, near misses) are found by the source room. Owns nothing.
 */
#include "plan/parts.h"

/* Versions of so many digits are times; between times there are no gaps. */
enum { TIMESTAMP_DIGITS = 9, GAP_SHOWN_MAX = 3 };

typedef struct checker {
    wb_ctx *cx;
    wb_arena *mem;
    const wb_graph *graph;
    const wb_source_set *set;
    const wb_state *state;
    wb_findings *found;
} checker;

static int tell(checker *c, const wb_migration *m, int severity, const char *code, const char *message)
{
    wbl_finding *f = wb_finding_add(c->cx, c->found, severity, code, WB_LABEL " %s", WB_LABEL_OF(m), message);
    if (!f)
        return WBL_E_NOMEM;
    f->ns = m->ns;
    f->version = m->version;
    f->name = m->name;
    f->file = m->up.shown ? m->up.shown : m->down.shown;
    return 0;
}

/* ---- names ---- */

static bool is_snake_case(const char *s)
{
    for (size_t i = 0; s[i]; i++) {
        bool is_word = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || (unsigned char)s[i] >= 0x80;
        if (!is_word && !(s[i] == '_' && i > 0 && s[i + 1] && s[i + 1] != '_'))
            return false;
    }
    return true;
}

static bool is_vague(const char *s)
{
    static const char *const words[] = { "change",        "changes",        "fix",         "fixes",
                                         "migration",     "misc",           "new",         "patch",
                                         "stuff",         "temp",           "test",        "tmp",
                                         "todo",          "update",         "updates",     "various",
                                         "wip",           "alter",          "alter_table", "update_schema",
                                         "schema_change", "schema_changes", "db_changes",  "changes_to_db",
                                         "new_migration", "untitled" };
    for (size_t i = 0; i < WB_COUNT(words); i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return false;
}

static int check_name(checker *c, const wb_migration *m)
{
    int rc = 0;
    if (!m->name || !m->name[0] || m->is_code)
        return 0;
    if (!is_snake_case(m->name))
        rc = tell(c, m, WBL_NOTE, "name-not-snake-case", "has a name that is not snake_case");
    if (rc == 0 && is_vague(m->name))
        rc = tell(c, m, WBL_NOTE, "vague-name", "has a name that does not tell what it does");
    return rc;
}

/* ---- gaps ---- */

/* The number, or 0 when it is none or a time. */
static uint64_t small_number(const char *key)
{
    uint64_t n = 0;
    size_t len = strlen(key);
    if (len >= TIMESTAMP_DIGITS)
        return 0;
    for (size_t i = 0; i < len; i++) {
        if (key[i] < '0' || key[i] > '9')
            return 0;
        n = 10 * n + (uint64_t)(key[i] - '0');
    }
    return n;
}

static uint64_t gap_between(const wb_migration *a, const wb_migration *b)
{
    uint64_t below = small_number(a->key), above = small_number(b->key);
    return below && above > below + 1 ? above - below - 1 : 0;
}

static int check_gaps(checker *c, const wb_migration *all, size_t count)
{
    size_t gaps = 0;
    if (c->graph->order != WB_ORDER_NUMERIC)
        return 0;
    for (size_t i = 1; i < count; i++)
        gaps += gap_between(&all[i - 1], &all[i]) > 0;
    /* Who counts 10, 20, 30 does so on purpose. */
    if (gaps > GAP_SHOWN_MAX && gaps * 2 > count)
        return 0;
    for (size_t i = 1; i < count; i++) {
        uint64_t n = gap_between(&all[i - 1], &all[i]);
        if (n == 0)
            continue;
        const char *ns = all[i].ns;
        wbl_finding *f = wb_finding_add(c->cx, c->found, WBL_WARNING, "gap", "%s%s%llu %s missing between %s and %s",
                                        wb_label_ns(ns), wb_is_default_ns(ns) ? "" : ": ", (unsigned long long)n,
                                        n == 1 ? "version is" : "versions are", all[i - 1].version, all[i].version);
        if (wb_tell_hint(c->cx, c->found, f, "Was a file lost, or is one not merged yet?") != 0)
            return WBL_E_NOMEM;
        f->ns = ns;
        f->version = all[i].version;
        f->name = all[i].name;
        f->file = all[i].up.shown;
    }
    return 0;
}

/* ---- scripts that are not there ---- */

static int check_scripts(checker *c, const wb_migration *all, size_t count)
{
    size_t without = 0;
    int rc = 0;
    for (size_t i = 0; i < count; i++)
        without += !all[i].down.exists;
    /* A project that never writes one has decided so: one line is enough. */
    if (count > 1 && without == count) {
        wbl_finding *f = wb_finding_add(c->cx, c->found, WBL_NOTE, "missing-down",
                                        "%s%snone of %zu migrations has a down "
                                        "script: they can't be reverted",
                                        wb_label_ns(all[0].ns), wb_is_default_ns(all[0].ns) ? "" : ": ", count);
        if (!f)
            return WBL_E_NOMEM;
        f->ns = all[0].ns;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (!all[i].up.exists)
            rc = tell(c, &all[i], WBL_WARNING, "missing-up", "has a down script and no up script: it is not run");
        else if (!all[i].down.exists && (without < count || count == 1))
            rc = tell(c, &all[i], WBL_WARNING, "missing-down", "has no down script: it can't be reverted");
    }
    return rc;
}

static int check_files(checker *c)
{
    int rc = 0;
    for (size_t ns = 0; rc == 0 && ns < c->graph->count; ns++) {
        const wb_graph_ns *g = &c->graph->namespaces[ns];
        if (!g->source)
            continue;
        const wb_migration *all = c->set->migrations + g->source->first;
        if (g->source->count == 0) {
            wbl_finding *f = wb_finding_add(c->cx, c->found, WBL_NOTE, "no-files", "%s%sno migration files",
                                            wb_label_ns(g->name), wb_is_default_ns(g->name) ? "" : " has ");
            rc = f ? 0 : WBL_E_NOMEM;
            if (f) {
                f->ns = g->name;
                f->file = g->source->shown;
            }
            continue;
        }
        if (g->is_reported_only)
            rc = wb_tell_not_in_plan(c->cx, c->found, g);
        if (rc == 0)
            rc = check_gaps(c, all, g->source->count);
        if (rc == 0)
            rc = check_scripts(c, all, g->source->count);
        for (size_t i = 0; rc == 0 && i < g->source->count; i++)
            rc = check_name(c, &all[i]);
    }
    if (rc == 0 && c->set->migration_count == 0 && c->set->ns_count == 0 &&
        !wb_finding_add(c->cx, c->found, WBL_NOTE, "no-files", "no migration files"))
        rc = WBL_E_NOMEM;
    return rc;
}

/* ---- requirements ---- */

static int check_demand(void *user, const wb_demand *d)
{
    checker *c = user;
    wb_demand_target t;
    if (!wb_demand_find(c->graph, c->state, d, &t))
        return wb_demand_tell_missing(c->cx, c->found, c->graph, c->state, d);
    const wb_graph_ns *asker = &c->graph->namespaces[d->ns_index], *asked = &c->graph->namespaces[t.ns_index];
    bool is_applied = t.item != WB_NOWHERE
                          ? wb_item_is_applied(&c->state->items[t.item])
                          : wb_state_current(c->state, t.ns_index) == wb_state_latest(c->state, t.ns_index);
    if (!asker->is_enabled || asked->is_enabled || is_applied)
        return 0;
    const char *who = wb_demand_text(c->mem, c->graph, d);
    if (!who)
        return wb_nomem(c->cx);
    wbl_finding *f =
        wb_finding_add(c->cx, c->found, WBL_ERROR, "disabled-requirement", "%s, and %s is disabled", who, asked->name);
    if (wb_tell_hint(c->cx, c->found, f, "Enable it in the configuration, or take the requirement out.") != 0)
        return WBL_E_NOMEM;
    return wb_demand_tell(f, c->graph, d);
}

static int check_requirements(checker *c)
{
    const wb_state *st = c->state;
    bool *chosen = wb_arena_get(c->mem, st->count + 1);
    size_t *order = wb_arena_get(c->mem, (st->count + 1) * sizeof *order), count = 0;
    if (!chosen || !order)
        return wb_nomem(c->cx);
    int rc = 0;
    for (size_t ns = 0; rc == 0 && ns < c->graph->count; ns++)
        rc = wb_demands_of_ns(c->graph, ns, check_demand, c);
    for (size_t i = 0; rc == 0 && i < st->count; i++) {
        chosen[i] = st->items[i].migration != NULL;
        rc = wb_demands_of_item(&st->items[i], check_demand, c);
    }
    if (rc == 0)
        rc = wb_order_items(c->cx, c->mem, c->graph, st, chosen, c->found, order, &count);
    return rc == WBL_E_NOMEM ? rc : 0; /* a cycle is among the findings now */
}

/* ---- against the ledger ---- */

static int check_item(checker *c, const wb_item *it, const wb_item *highest)
{
    const wb_migration *m = it->migration;
    if (wb_item_is_applied(it))
        return it->is_edited || it->is_comment_edit ? wb_tell_edited(c->cx, c->found, it, WBL_ERROR, "whimbrel") : 0;
    wbl_finding *f = NULL;
    if (it->state == WBL_STATE_UNKNOWN)
        f = wb_finding_add(c->cx, c->found, WBL_ERROR, "unknown",
                           WB_LABEL " is unknown: nobody can tell how its run ended", WB_LABEL_OF(it));
    else if (it->state == WBL_STATE_FAILED)
        f = wb_finding_add(c->cx, c->found, WBL_WARNING, "failed", WB_LABEL " failed", WB_LABEL_OF(it));
    else if (it->state == WBL_STATE_PENDING && highest && it < highest && m &&
             !(m->up.info && m->up.info->directives.out_of_order))
        f = wb_finding_add(c->cx, c->found, WBL_WARNING, "late", WB_LABEL " is older than what is applied (%s)",
                           WB_LABEL_OF(it), highest->version);
    else
        return 0;
    const char *hint = it->state == WBL_STATE_UNKNOWN ? "See `whimbrel repair`."
                       : it->state == WBL_STATE_FAILED
                           ? "The next `up` tries it again."
                           : "Mark it `-- whimbrel: out-of-order` if it may run now, or renumber it.";
    if (wb_tell_item(f, it, m ? m->up.shown : NULL) != 0)
        return WBL_E_NOMEM;
    f->detail = it->state != WBL_STATE_PENDING && it->last ? it->last->error : NULL;
    f->hint = hint;
    if (it->state == WBL_STATE_FAILED && it->resume_done)
        return wb_tell_hint(c->cx, c->found, f, "The next `%s` goes on with statement %u.", it->is_reverting ? "down" : "up",
                            it->resume_done + 1);
    return 0;
}

static int check_state(checker *c)
{
    const wb_state *st = c->state;
    int rc = 0;
    for (size_t ns = 0; rc == 0 && ns < c->graph->count; ns++) {
        const wb_item *highest = wb_state_current(st, ns);
        for (size_t i = st->ns_first[ns]; rc == 0 && i < st->ns_first[ns] + st->ns_count[ns]; i++)
            rc = check_item(c, &st->items[i], highest);
        if (rc == 0)
            rc = wb_tell_missing(c->cx, c->mem, c->found, st, ns, WBL_WARNING);
    }
    return rc;
}

int wb_plan_validate(wb_ctx *cx, wb_arena *mem, const wb_graph *graph, const wb_source_set *set, const wb_state *state,
                     wb_findings *found)
{
    wb_state files_alone;
    checker c = { .cx = cx, .mem = mem, .graph = graph, .set = set, .state = state, .found = found };
    if (!state) {
        const wb_ledger_view nothing = { 0 };
        int rc = wb_state_make(cx, mem, graph, set, &nothing, NULL, 0, &files_alone);
        if (rc != 0)
            return rc;
        c.state = &files_alone;
    }
    int rc = check_files(&c);
    if (rc == 0)
        rc = check_requirements(&c);
    if (rc == 0 && state)
        rc = check_state(&c);
    if (rc == 0)
        wb_error_clear(cx->err); /* a cycle has filled it, and it is no failure of this call */
    return rc;
}
