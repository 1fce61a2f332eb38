/*
 * rules.c - what must hold, whatever happened.
 *
 * The rules look at the world's durable state only, never at what the engine says about it: that is what they judge.
 */
#include "crash.h"

#include <stdio.h>
#include <stdlib.h>

static const char *cell(const model_table *t, const model_row *r, const char *column)
{
    int c = model_column(t, column);
    const char *p = c < 0 ? NULL : r->cells[c];
    return p ? p : "";
}

static const char *ns_of(const crash_step *st) { return st->ns ? st->ns : "default"; }

/* ---- counts ---- */

static int wanted_ups(const crash_case *c, int effect)
{
    return effect == c->project->batch_effect ? c->project->batch_rounds : 1;
}

const char *rule_counts(const crash_case *c, const model_world *w)
{
    for (size_t i = 0; i < c->project->count; i++)
        for (int k = c->project->steps[i].first; k <= c->project->steps[i].last; k++) {
            int down = w->data.down[k], goes_up_again = c->goal == GOAL_TURN ? down : 0;
            if (w->data.up[k] > wanted_ups(c, k) * (1 + goes_up_again))
                return "I2 a statement took effect twice";
            if (down > (c->goal == GOAL_UP ? 0 : 1))
                return down > 1 ? "I2 a statement of a down script took effect twice" : "I2 a down script ran";
        }
    return w->broken;
}

static const char *step_counts(const crash_case *c, const model_world *w, const crash_step *st, size_t ups,
                               size_t downs)
{
    for (int k = st->first; k <= st->last; k++) {
        if (w->data.up[k] != (size_t)wanted_ups(c, k) * ups || w->data.down[k] != downs)
            return "a statement is missing, or ran too often";
        if (w->data.invalid[k])
            return "a broken index is left";
    }
    return NULL;
}

/* ---- records ---- */

static size_t history_rows(const model_world *w, const crash_step *st, const char *action, const char *state)
{
    const model_table *t = model_find((model_data *)&w->data, "whimbrel_history");
    size_t n = 0;
    for (size_t i = 0; t && i < t->row_count; i++) {
        const model_row *r = &t->rows[i];
        n += (!st ||
              (strcmp(cell(t, r, "namespace"), ns_of(st)) == 0 && strcmp(cell(t, r, "version"), st->version) == 0)) &&
             strcmp(cell(t, r, "action"), action) == 0 && (!state || strcmp(cell(t, r, "state"), state) == 0);
    }
    return n;
}

static bool is_dirty(const char *p) { return *p == 't' || *p == '1'; }

/* 1 applied, 0 no row, -1 dirty */
static int ledger_says(const crash_case *c, const model_world *w, const crash_step *st)
{
    const model_table *t = model_find((model_data *)&w->data, "schema_migrations");
    bool is_single = strcmp(c->profile->ledger, "golang-migrate") == 0;
    bool is_axcom = strcmp(c->profile->ledger, "axcom") == 0;
    for (size_t i = 0; t && i < t->row_count; i++) {
        const model_row *r = &t->rows[i];
        long version = strtol(cell(t, r, "version"), NULL, 10), mine = strtol(st->version, NULL, 10);
        bool is_ours = is_single || strcmp(cell(t, r, is_axcom ? "module" : "namespace"), ns_of(st)) == 0;
        if (is_single ? version < mine : !is_ours || version != mine)
            continue;
        return !is_axcom && is_dirty(cell(t, r, "dirty")) && (!is_single || version == mine) ? -1 : 1;
    }
    return 0;
}

const char *rule_step_recorded(const crash_case *c, const model_world *w, int step, bool is_down)
{
    const crash_step *st = &c->project->steps[step];
    size_t ups = history_rows(w, st, "up", "applied"), downs = history_rows(w, st, "down", "reverted");
    if (ups != downs + (is_down ? 0 : 1))
        return "the history does not have exactly one row that says so";
    if (ledger_says(c, w, st) != (is_down ? 0 : 1))
        return "the ledger says otherwise";
    return step_counts(c, w, st, ups, downs);
}

bool rule_last_was_down(const model_world *w, const crash_step *st)
{
    const model_table *t = model_find((model_data *)&w->data, "whimbrel_history");
    for (size_t i = t ? t->row_count : 0; i-- > 0;) {
        const model_row *r = &t->rows[i];
        const char *action = cell(t, r, "action");
        if (strcmp(cell(t, r, "namespace"), ns_of(st)) == 0 && strcmp(cell(t, r, "version"), st->version) == 0 &&
            (strcmp(action, "up") == 0 || strcmp(action, "down") == 0))
            return strcmp(action, "down") == 0;
    }
    return false;
}

const char *rule_complete(const crash_case *c, const model_world *w)
{
    for (size_t i = 0; i < c->project->count; i++) {
        const char *why = rule_step_recorded(c, w, (int)i, c->goal == GOAL_DOWN);
        if (why)
            return why;
    }
    if (history_rows(w, NULL, "external", NULL) || history_rows(w, NULL, "adopt", NULL))
        return "the history says that somebody edited the ledger, and nobody did";
    return NULL;
}

/* ---- promises ---- */

/* As it will be when the server is done with what it was sent. */
void rule_foresee(model_world *w, model_data *out)
{
    static model_world later;
    bool has_ghost = false;
    for (int i = 0; i < MODEL_BACKENDS; i++)
        has_ghost |= w->backends[i].is_used && w->backends[i].is_ghost;
    if (!has_ghost) {
        model_copy(out, &w->data);
        return;
    }
    later = *w;
    model_finish_ghosts(&later);
    model_copy(out, &later.data);
    w->mem = later.mem; /* the texts of what was foreseen go with the world's own */
}

static bool has_changed(const crash_step *st, const model_data *a, const model_data *b)
{
    for (int k = st->first; k <= st->last; k++)
        if (a->up[k] != b->up[k] || a->down[k] != b->down[k])
            return true;
    return false;
}

/* An earlier run's statement may come true in this one, or be ended by it: then either is as it was before. */
const char *rule_effect_none(const crash_process *p, model_world *w, const model_data *before,
                             const model_data *foreseen)
{
    static model_data now;
    if (p->rc >= 0 || p->err.effect != WBL_EFFECT_NONE || p->current < 0)
        return NULL;
    const crash_step *st = &p->c->project->steps[p->current];
    rule_foresee(w, &now);
    return has_changed(st, &now, before) && has_changed(st, &now, foreseen)
               ? "I5 effect \"none\", and something of the migration is there"
               : NULL;
}

const char *rule_at_rest(const model_world *w)
{
    for (int i = 0; i < MODEL_LOCKS; i++)
        if (w->locks[i].owner)
            return "I7 a lock is held at the end";
    for (int i = 0; i < MODEL_BACKENDS; i++)
        if (w->backends[i].is_used)
            return "I7 a session is open at the end";
    return NULL;
}
