/*
 * state.c - files, ledger and history together: what is applied, pending, failed or unknown.
 *
 * The ledger is what people and other tools read and edit, so where it disagrees with our history it wins, except
 * that it can't settle what nobody knows. The rules stand in plan.h; settle() has one line for each. Rows and records
 * come nearly always in order of version, so a cursor finds most of them without a search. Owns nothing.
 */
#include "plan/parts.h"

#include <stdlib.h>

/* How the newest record that changes state ended. */
typedef enum ending {
    END_NONE,
    END_APPLIED,
    END_REVERTED,
    END_FAILED,  /* nothing was left behind */
    END_PARTLY,  /* failed, with statements done */
    END_NOTHING, /* started in one transaction: it happened in full with its rows, or not at all */
    END_OPEN     /* started statement by statement, or unknown */
} ending;

typedef enum row_kind { ROW_ABSENT, ROW_CLEAN, ROW_DIRTY } row_kind;

static const char not_in_plan[] = "its namespace is not in the order of the configuration";
static const char no_up_script[] = "it has no up script";
static const char row_and_file_gone[] = "its row was deleted by hand, and its file is gone";

typedef struct extra { /* a version that only the ledger or the history knows */
    size_t ns_index;
    const char *key, *version, *name;
    wb_order order;
} extra;

typedef struct joiner {
    wb_ctx *cx;
    wb_arena *mem;
    const wb_graph *graph;
    const wb_source_set *set;
    const wb_ledger_view *view;
    const wb_record *records;
    size_t record_count;
    extra *extras;
    size_t extra_count, extra_cap;
    const wb_item *twice;  /* has two rows */
    size_t *cursor;        /* for each namespace: where the last search ended */
    const char *last_name; /* of the last namespace that was looked up */
    size_t last_ns;
    wb_state st;
} joiner;

static bool is_nothing(const char *key) { return strcmp(key, "-1") == 0; }

static size_t ns_of(joiner *j, const char *name)
{
    const char *wanted = name ? name : WB_DEFAULT_NS;
    if (!j->last_name || strcmp(j->last_name, wanted) != 0) {
        j->last_name = wanted;
        if (!wb_graph_find(j->graph, wanted, &j->last_ns))
            j->last_ns = WB_NOWHERE;
    }
    return j->last_ns;
}

/* ---- which versions there are ---- */

/* Among `count` structs of one namespace, sorted by the member that *first is of the first one. What is looked for is often
   the one behind that of the last search. */
static size_t find_key(joiner *j, size_t ns, const char *const *first, size_t stride, size_t count, const char *key)
{
    size_t low = 0, high = count, guess = j->cursor[ns];
    while (low < high) {
        size_t mid = guess >= low && guess < high ? guess : low + (high - low) / 2;
        int order = wb_version_cmp(j->graph->order, key, *(const char *const *)((const char *)first + mid * stride));
        guess = WB_NOWHERE; /* one try */
        if (order == 0) {
            j->cursor[ns] = mid + 1;
            return mid;
        }
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return WB_NOWHERE;
}

static bool has_migration(joiner *j, size_t ns, const char *key)
{
    const wb_source_ns *source = j->graph->namespaces[ns].source;
    if (!source || source->count == 0)
        return false;
    const wb_migration *all = j->set->migrations + source->first;
    return find_key(j, ns, &all->key, sizeof *all, source->count, key) != WB_NOWHERE;
}

static int note_extra(joiner *j, size_t ns, const char *key, const char *version, const char *name)
{
    if (has_migration(j, ns, key))
        return 0;
    extra *e = WB_PUSH(j->mem, j->extras, j->extra_count, j->extra_cap);
    if (!e)
        return wb_nomem(j->cx);
    *e = (extra){ ns, key, version ? version : key, name, j->graph->order };
    return 0;
}

static bool is_among(const char *word, const char *const *words, size_t count)
{
    bool is_found = false;
    for (size_t i = 0; word && !is_found && i < count; i++)
        is_found = strcmp(word, words[i]) == 0;
    return is_found;
}

static bool changes_state(const wb_record *r)
{
    static const char *const actions[] = { "up", "down", "force", "baseline", "adopt", "external", "repair" };
    static const char *const states[] = { "started", "applied", "reverted", "failed", "unknown" };
    return r->key && is_among(r->action, actions, WB_COUNT(actions)) && is_among(r->state, states, WB_COUNT(states));
}

static int extra_cmp(const void *a, const void *b)
{
    const extra *x = a, *y = b;
    if (x->ns_index != y->ns_index)
        return x->ns_index < y->ns_index ? -1 : 1;
    return wb_version_cmp(x->order, x->key, y->key);
}

static int find_extras(joiner *j)
{
    for (size_t i = 0; i < j->view->row_count; i++) {
        const wb_ledger_row *row = &j->view->rows[i];
        size_t ns = ns_of(j, row->ns);
        if (ns == WB_NOWHERE)
            return wb_fail(j->cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "the ledger has namespace %s and the graph has not",
                           j->last_name);
        if (is_nothing(row->key))
            continue;
        int rc = note_extra(j, ns, row->key, row->text, NULL);
        if (rc != 0)
            return rc;
    }
    for (size_t i = 0; i < j->record_count; i++) {
        const wb_record *r = &j->records[i];
        size_t ns = changes_state(r) ? ns_of(j, r->ns) : WB_NOWHERE;
        int rc = ns == WB_NOWHERE ? 0 : note_extra(j, ns, r->key, r->version, r->name);
        if (rc != 0)
            return rc;
    }
    if (j->extra_count)
        qsort(j->extras, j->extra_count, sizeof *j->extras, extra_cmp);
    size_t kept = 0;
    for (size_t i = 0; i < j->extra_count; i++) {
        if (kept == 0 || extra_cmp(&j->extras[kept - 1], &j->extras[i]) != 0) {
            j->extras[kept++] = j->extras[i];
            continue;
        }
        extra *same = &j->extras[kept - 1]; /* a record knows how the file spelled it, a row does not */
        if (j->extras[i].name && !same->name)
            *same = j->extras[i];
    }
    j->extra_count = kept;
    return 0;
}

static wb_item item_of_file(const joiner *j, size_t ns, wb_migration *m)
{
    m->ns_index = (int)ns;
    return (wb_item){ .ns = j->graph->namespaces[ns].name,
                      .key = m->key,
                      .version = m->version,
                      .name = m->name,
                      .ns_index = ns,
                      .migration = m };
}

static wb_item item_of_extra(const joiner *j, const extra *e)
{
    return (wb_item){ .ns = j->graph->namespaces[e->ns_index].name,
                      .key = e->key,
                      .version = e->version,
                      .name = e->name ? e->name : "",
                      .ns_index = e->ns_index };
}

static int make_items(joiner *j)
{
    size_t ns_count = j->graph->count, room = j->set->migration_count + j->extra_count;
    wb_state *st = &j->st;
    st->items = wb_arena_get(j->mem, (room + 1) * sizeof *st->items);
    st->ns_first = wb_arena_get(j->mem, (ns_count + 1) * sizeof *st->ns_first);
    st->ns_count = wb_arena_get(j->mem, (ns_count + 1) * sizeof *st->ns_count);
    if (!st->items || !st->ns_first || !st->ns_count)
        return wb_nomem(j->cx);
    size_t x = 0;
    for (size_t ns = 0; ns < ns_count; ns++) {
        const wb_source_ns *source = j->graph->namespaces[ns].source;
        wb_migration *m = source ? j->set->migrations + source->first : NULL, *end = source ? m + source->count : NULL;
        st->ns_first[ns] = st->count;
        while (m != end || (x < j->extra_count && j->extras[x].ns_index == ns)) {
            bool has_extra = x < j->extra_count && j->extras[x].ns_index == ns;
            if (m == end || (has_extra && wb_version_cmp(j->graph->order, j->extras[x].key, m->key) < 0))
                st->items[st->count++] = item_of_extra(j, &j->extras[x++]);
            else
                st->items[st->count++] = item_of_file(j, ns, m++);
        }
        st->ns_count[ns] = st->count - st->ns_first[ns];
    }
    return 0;
}

/* ---- what is said about each ---- */

static wb_item *item_at(joiner *j, size_t ns, const char *key)
{
    wb_item *all = j->st.items + j->st.ns_first[ns];
    size_t at = find_key(j, ns, &all->key, sizeof *all, j->st.ns_count[ns], key);
    return at == WB_NOWHERE ? NULL : &all[at];
}

static void take_record(wb_item *it, const wb_record *r)
{
    bool says_applied = strcmp(r->state, "applied") == 0, says_reverted = strcmp(r->state, "reverted") == 0;
    bool is_down = strcmp(r->action, "down") == 0, is_repair = strcmp(r->action, "repair") == 0;
    bool was_applied = it->origin != NULL;
    /* "Statement 3 did run" is a repair of whatever was unfinished, so the direction stays. */
    it->is_reverting = !says_applied && !says_reverted && (is_down || (is_repair && it->is_reverting));
    it->last = r;
    if (says_applied) {
        bool is_old = strcmp(r->action, "adopt") == 0 || strcmp(r->action, "baseline") == 0;
        if (!was_applied)
            it->applied_seq = is_old ? 0 : r->seq;
        it->origin = r;
        if (r->has_down_script && strcmp(r->action, "up") == 0) /* only what ran here has its down script stored */
            it->stored_down = r;
    } else if (says_reverted) {
        it->origin = it->stored_down = NULL;
        it->applied_seq = 0;
    }
}

static void read_rows_and_records(joiner *j)
{
    memset(j->cursor, 0, (j->graph->count + 1) * sizeof *j->cursor);
    for (size_t i = 0; i < j->view->row_count; i++) {
        const wb_ledger_row *row = &j->view->rows[i];
        wb_item *it = is_nothing(row->key) ? NULL : item_at(j, ns_of(j, row->ns), row->key);
        if (!it)
            continue;
        if (it->row)
            j->twice = it;
        it->row = row;
        it->is_dirty |= row->is_dirty;
    }
    memset(j->cursor, 0, (j->graph->count + 1) * sizeof *j->cursor);
    for (size_t i = 0; i < j->record_count; i++) {
        const wb_record *r = &j->records[i];
        size_t ns = changes_state(r) ? ns_of(j, r->ns) : WB_NOWHERE;
        wb_item *it = ns == WB_NOWHERE ? NULL : item_at(j, ns, r->key);
        if (it)
            take_record(it, r);
    }
}

static ending ending_of(const wb_item *it)
{
    const wb_record *r = it->last;
    if (!r)
        return END_NONE;
    if (strcmp(r->state, "applied") == 0)
        return END_APPLIED;
    if (strcmp(r->state, "reverted") == 0)
        return END_REVERTED;
    if (strcmp(r->state, "failed") == 0)
        return r->done || r->begun ? END_PARTLY : END_FAILED; /* begun and refused is not begun */
    bool is_started = strcmp(r->state, "started") == 0;
    return is_started && (r->protocol == WBL_PROTOCOL_ATOMIC || r->protocol == WBL_PROTOCOL_CONVERGE) ? END_NOTHING
                                                                                                      : END_OPEN;
}

/* ---- the rules ---- */

static void set(wb_item *it, int state, const char *note)
{
    it->state = state;
    it->is_external = note != NULL;
    it->external_note = note;
    it->is_reverting = it->is_reverting && (state == WBL_STATE_FAILED || state == WBL_STATE_UNKNOWN);
    if (state != WBL_STATE_FAILED && state != WBL_STATE_UNKNOWN)
        return;
    if (it->last && it->last->begun + it->last->done > 0) {
        it->resume_done = it->last->done;
        it->resume_begun = it->last->begun;
        it->resume_look = it->last->look;
    }
}

static void settle_absent(const wb_ledger_view *v, wb_item *it)
{
    /* The dirty row of a failure went by hand: that is how people say "again, from the start". */
    bool was_marked = v->has_dirty && (v->dirty_is_failed || ending_of(it) == END_PARTLY);
    const char *note =
        v->is_single_row ? "the version in the ledger was set back by hand or by another tool" : "row deleted by hand";
    switch (ending_of(it)) {
    case END_NONE:
    case END_REVERTED: set(it, WBL_STATE_PENDING, NULL); return;
    case END_APPLIED: set(it, WBL_STATE_PENDING, note); return;
    case END_FAILED:
    case END_PARTLY:
        if (it->is_reverting || was_marked)
            set(it, WBL_STATE_PENDING, it->is_reverting || v->is_single_row ? note : "dirty row deleted by hand");
        else
            set(it, WBL_STATE_FAILED, NULL);
        return;
    case END_NOTHING: set(it, WBL_STATE_PENDING, it->is_reverting ? note : NULL); return;
    case END_OPEN: set(it, WBL_STATE_UNKNOWN, NULL); return;
    }
}

static void settle_clean(const wb_ledger_view *v, wb_item *it)
{
    const char *cleared = "dirty flag cleared by hand";
    const char *inserted =
        v->is_single_row ? "the version in the ledger was moved on by hand or by another tool" : "row inserted by hand";
    ending end = ending_of(it);
    bool is_down = it->is_reverting;
    switch (end) {
    case END_NONE:
    case END_APPLIED: set(it, WBL_STATE_APPLIED, NULL); return;
    case END_REVERTED: set(it, WBL_STATE_APPLIED, inserted); return;
    case END_FAILED:
    case END_NOTHING:
        set(it, WBL_STATE_APPLIED, is_down ? NULL : v->has_dirty && !v->is_single_row ? cleared : inserted);
        return;
    case END_PARTLY:
    case END_OPEN:
        if (is_down && !v->has_dirty) /* the row stands there untouched until the down is complete: it says nothing */
            set(it, end == END_OPEN ? WBL_STATE_UNKNOWN : WBL_STATE_FAILED, NULL);
        else
            set(it, WBL_STATE_APPLIED, v->has_dirty ? cleared : inserted);
        return;
    }
}

static void settle_dirty(const wb_ledger_view *v, wb_item *it)
{
    switch (ending_of(it)) {
    case END_NONE: set(it, WBL_STATE_UNKNOWN, NULL); return;
    case END_APPLIED:
    case END_REVERTED: set(it, WBL_STATE_UNKNOWN, "row marked dirty by hand or by another tool"); return;
    case END_FAILED: set(it, it->is_reverting ? WBL_STATE_APPLIED : WBL_STATE_FAILED, NULL); return;
    case END_NOTHING:
        if (it->is_reverting)
            set(it, WBL_STATE_APPLIED, NULL);
        else
            set(it, v->dirty_is_failed ? WBL_STATE_FAILED : WBL_STATE_UNKNOWN, NULL);
        return;
    case END_PARTLY: set(it, WBL_STATE_FAILED, NULL); return;
    case END_OPEN: set(it, WBL_STATE_UNKNOWN, NULL); return;
    }
}

static void settle(const wb_ledger_view *v, wb_item *it, row_kind row)
{
    switch (row) {
    case ROW_ABSENT: settle_absent(v, it); return;
    case ROW_CLEAN: settle_clean(v, it); return;
    case ROW_DIRTY: settle_dirty(v, it); return;
    }
}

static void settle_rows(joiner *j)
{
    for (size_t i = 0; i < j->st.count; i++) {
        wb_item *it = &j->st.items[i];
        settle(j->view, it, !it->row ? ROW_ABSENT : it->is_dirty ? ROW_DIRTY : ROW_CLEAN);
    }
}

/* ---- a ledger with one row ---- */

static bool is_open_down(const wb_item *it)
{
    ending end = ending_of(it);
    return it->is_reverting && (end == END_OPEN || end == END_PARTLY);
}

/* The item that a dirty row is about. While a down runs, the row holds what will remain, as with the original tool. */
static size_t dirty_item(const joiner *j, size_t first, size_t above, size_t end)
{
    size_t best = WB_NOWHERE;
    for (size_t i = above; i < end; i++)
        if (is_open_down(&j->st.items[i]) &&
            (best == WB_NOWHERE || j->st.items[i].last->seq > j->st.items[best].last->seq))
            best = i;
    if (best != WB_NOWHERE)
        return best;
    if (above > first)
        return above - 1;
    return first < end ? first : WB_NOWHERE; /* -1 and dirty: somebody's first down, or up, is in doubt */
}

/* Below the current version, and yet not applied: see plan.h. newest_above is the newest record that says applied. */
static bool came_late(const wb_item *it, bool has_known_below, int64_t newest_above)
{
    switch (ending_of(it)) {
    case END_NONE: return it->migration && has_known_below && newest_above > 0;
    case END_REVERTED:
    case END_FAILED:
    case END_NOTHING: return !it->is_reverting && newest_above > it->last->seq;
    case END_APPLIED:
    case END_PARTLY:
    case END_OPEN: return false;
    }
    return false;
}

static void settle_below(joiner *j, size_t first, size_t above, size_t dirty)
{
    size_t lowest_known = above;
    for (size_t i = first; i < above && lowest_known == above; i++)
        if (ending_of(&j->st.items[i]) == END_APPLIED)
            lowest_known = i;
    int64_t newest = 0;
    for (size_t i = above; i-- > first;) {
        wb_item *it = &j->st.items[i];
        bool is_known = ending_of(it) == END_APPLIED;
        if (i == dirty) {
            it->is_dirty = true;
            settle(j->view, it, ROW_DIRTY);
        } else if (i + 1 < above && came_late(it, lowest_known < i, newest)) {
            settle(j->view, it, ROW_ABSENT);
        } else {
            it->is_dirty = false; /* the flag belongs to the item above */
            settle(j->view, it, ROW_CLEAN);
            it->is_assumed = !is_known;
        }
        if (is_known && it->last->seq > newest)
            newest = it->last->seq;
    }
}

static void settle_single_row(joiner *j)
{
    const wb_ledger_row *row = j->view->row_count ? &j->view->rows[0] : NULL;
    size_t row_ns = row ? ns_of(j, row->ns) : WB_NOWHERE;
    for (size_t ns = 0; ns < j->graph->count; ns++) {
        size_t first = j->st.ns_first[ns], end = first + j->st.ns_count[ns], above = first;
        if (ns == row_ns && !is_nothing(row->key))
            above = (size_t)(item_at(j, ns, row->key) - j->st.items) + 1;
        size_t dirty = ns == row_ns && row->is_dirty ? dirty_item(j, first, above, end) : WB_NOWHERE;
        settle_below(j, first, above, dirty);
        for (size_t i = above; i < end; i++) {
            j->st.items[i].is_dirty = i == dirty;
            settle(j->view, &j->st.items[i], i == dirty ? ROW_DIRTY : ROW_ABSENT);
        }
    }
}

/* ---- the end ---- */

/* What only the history knows and nothing is left of: reverted, or failed cleanly and then renamed. */
static bool is_of_no_interest(const wb_item *it)
{
    if (it->migration || it->row)
        return false;
    bool is_at_rest = it->state == WBL_STATE_PENDING || (it->state == WBL_STATE_FAILED && it->resume_done == 0);
    return is_at_rest && !it->is_external;
}

static void refine(const joiner *j, wb_item *it)
{
    const wb_graph_ns *ns = &j->graph->namespaces[it->ns_index];
    if (it->state != WBL_STATE_PENDING)
        return;
    if (!it->migration)
        it->reason = row_and_file_gone;
    else if (!it->migration->up.exists && !j->view->is_single_row)
        it->reason = no_up_script; /* golang-migrate moves the version over such a one, with nothing to run */
    else if (ns->is_reported_only)
        it->reason = not_in_plan;
    if (!ns->is_enabled)
        it->state = WBL_STATE_DISABLED;
    else if (it->reason)
        it->state = WBL_STATE_SKIPPED;
}

static void finish(joiner *j)
{
    wb_state *st = &j->st;
    size_t kept = 0, from = 0;
    for (size_t ns = 0; ns < j->graph->count; ns++) {
        size_t end = from + st->ns_count[ns];
        st->ns_first[ns] = kept;
        for (; from < end; from++) {
            if (is_of_no_interest(&st->items[from]))
                continue;
            refine(j, &st->items[from]);
            st->applied_total += wb_item_is_applied(&st->items[from]);
            st->items[kept++] = st->items[from];
        }
        st->ns_count[ns] = kept - st->ns_first[ns];
    }
    st->count = kept;
}

int wb_state_make(wb_ctx *cx, wb_arena *mem, const wb_graph *graph, const wb_source_set *sources,
                  const wb_ledger_view *view, const wb_record *records, size_t record_count, wb_state *out)
{
    joiner j = { .cx = cx,
                 .mem = mem,
                 .graph = graph,
                 .set = sources,
                 .view = view,
                 .records = records,
                 .record_count = record_count };
    j.cursor = wb_arena_get(mem, (graph->count + 1) * sizeof *j.cursor);
    if (!j.cursor)
        return wb_nomem(cx);
    int rc = find_extras(&j);
    if (rc == 0)
        rc = make_items(&j);
    if (rc != 0)
        return rc;
    read_rows_and_records(&j);
    if (j.twice) {
        rc = wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the ledger has two rows for " WB_LABEL, WB_LABEL_OF(j.twice));
        wb_hint(cx, "Delete one of them by hand, and give the table its primary key back.");
        return rc;
    }
    if (view->is_single_row)
        settle_single_row(&j);
    else
        settle_rows(&j);
    finish(&j);
    *out = j.st;
    return 0;
}

wb_item *wb_state_find(const wb_state *st, const wb_graph *graph, const char *ns, const char *key)
{
    size_t index = 0;
    if (!wb_graph_find(graph, ns ? ns : WB_DEFAULT_NS, &index))
        return NULL;
    size_t at = wb_version_index(graph, st, index, key);
    return at == WB_NOWHERE ? NULL : &st->items[at];
}

wb_item *wb_state_current(const wb_state *st, size_t ns)
{
    for (size_t i = st->ns_first[ns] + st->ns_count[ns]; i-- > st->ns_first[ns];)
        if (wb_item_is_applied(&st->items[i]))
            return &st->items[i];
    return NULL;
}

wb_item *wb_state_latest(const wb_state *st, size_t ns)
{
    for (size_t i = st->ns_first[ns] + st->ns_count[ns]; i-- > st->ns_first[ns];)
        if (st->items[i].migration)
            return &st->items[i];
    return NULL;
}
