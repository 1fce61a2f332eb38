/*
 * protect.c - a script may not take the record away: the ledger, the history, the catalog, or a column of ours.
 *
 * In a transaction that is found when the record is written, and rolled back. Where a script runs statement by statement
 * nothing can be rolled back, so its text is looked at before anything is sent. What the text does not show (a procedure,
 * dynamic SQL) is not found here; it is a matter of care, not of access. Owns nothing.
 */
#include "engine/engine.h"

#include <strings.h>

struct guard {
    wb_run *run;
    const wb_step *step;
    const wb_script *script;
};

static const wb_table *record_table(const wb_run *run, size_t i)
{
    return i == 0 ? &run->ledger.table : i == 1 ? &run->history.table : i == 2 ? &run->snapshots.table : NULL;
}

/* Whether MySQL compares names of tables by case is the server's affair; a ledger in capitals beside ours is unlikely. */
static bool is_name(wb_run *run, wb_str written, const char *name)
{
    const char *plain = wb_sql_name(run->mem, run->sql.dialect, written);
    return plain && name && (run->sql.dialect == WB_SQL_POSTGRES ? strcmp(plain, name) : strcasecmp(plain, name)) == 0;
}

static const wb_table *find(wb_run *run, wb_str schema, wb_str name)
{
    const wb_table *t;
    for (size_t i = 0; name.len > 0 && (t = record_table(run, i)) != NULL; i++) {
        const char *here = t->ref.schema ? t->ref.schema : run->h->session->server.schema;
        if (is_name(run, name, t->ref.name) &&
            (schema.len > 0 ? is_name(run, schema, here) : strcmp(here, run->h->session->server.schema) == 0))
            return t;
    }
    return NULL;
}

static int tell(struct guard *g, const wb_statement *st, const char *does, const wb_table *t, const char *column)
{
    const wb_item *it = g->step->item;
    wbl_finding *f = wb_finding_add(&g->run->cx, &g->run->h->findings, WBL_ERROR, "record-in-danger",
                                    WB_LABEL ": the statement %s %s%s%s, where the record is kept, and that could not be rolled back",
                                    WB_LABEL_OF(it), does, t ? t->ref.name : "the schema", column ? "." : "", column ? column : "");
    if (!f)
        return WBL_E_NOMEM;
    f->ns = it->ns;
    f->version = it->version;
    f->name = it->name;
    f->file = g->script->shown;
    f->line = st->line;
    f->column = st->column;
    f->hint = "A migration may not drop or rename the ledger or the history, nor their columns.";
    return 0;
}

static const char *our_column(wb_run *run, const wb_table *t, wb_str written)
{
    const wb_column *columns = t == &run->ledger.table ? run->ledger.shape->columns : t->columns;
    size_t count = t == &run->ledger.table ? run->ledger.shape->column_count : t->column_count;
    for (size_t i = 0; i < count; i++)
        if (is_name(run, written, columns[i].name))
            return columns[i].name;
    return NULL;
}

static int look_at_columns(struct guard *g, const wb_statement *st, const wb_table *t)
{
    wb_run *run = g->run;
    wb_sql_clause *clauses = NULL;
    size_t count = 0;
    int rc = wb_sql_clauses(&run->cx, run->mem, &run->sql, st->text.p, st->text.len, &clauses, &count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const wb_sql_clause *c = &clauses[i];
        if (!c->verb || !c->kind || strcmp(c->kind, "column") != 0)
            continue;
        const char *column = our_column(run, t, c->name);
        bool is_dropped = strcmp(c->verb, "drop") == 0;
        bool is_renamed = (strcmp(c->verb, "change") == 0 || strcmp(c->verb, "rename") == 0) && column &&
                          !is_name(run, c->new_name, column);
        if (column && (is_dropped || is_renamed))
            rc = tell(g, st, is_dropped ? "drops" : "renames", t, column);
    }
    return rc;
}

static int look_at_object(struct guard *g, const wb_statement *st, const wb_sql_object *o)
{
    wb_run *run = g->run;
    bool is_schema = strcmp(o->kind, "database") == 0 || strcmp(o->kind, "schema") == 0;
    const wb_table *t = strcmp(o->kind, "table") == 0 ? find(run, o->schema, o->name) : NULL;
    if (is_schema && o->action == WB_ACT_DROP) {
        const char *here = run->ledger.table.ref.schema ? run->ledger.table.ref.schema : run->h->session->server.schema;
        return is_name(run, o->name, here) ? tell(g, st, "drops", NULL, NULL) : 0;
    }
    if (!t)
        return 0;
    if (o->is_temporary) /* DROP TEMPORARY TABLE never takes ours */
        return o->action == WB_ACT_CREATE ? tell(g, st, "hides", t, NULL) : 0;
    if (o->action == WB_ACT_DROP || (o->action == WB_ACT_CREATE && o->replaces))
        return tell(g, st, "drops", t, NULL);
    if (o->action == WB_ACT_RENAME)
        return tell(g, st, "renames", t, NULL);
    if (o->action == WB_ACT_TRUNCATE)
        return tell(g, st, "empties", t, NULL);
    return o->action == WB_ACT_ALTER ? look_at_columns(g, st, t) : 0;
}

static int look_at(void *user, const wb_statement *st)
{
    struct guard *g = user;
    wb_sql_object *objects = NULL;
    size_t count = 0;
    if (st->action == WB_ACT_NONE)
        return 0;
    int rc = wb_sql_objects(&g->run->cx, g->run->mem, &g->run->sql, st->text.p, st->text.len, &objects, &count);
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (objects[i].kind)
            rc = look_at_object(g, st, &objects[i]);
    return rc;
}

/* Hardly any script does, and reading all of them once more would cost. */
static bool may_concern(const wb_run *run, const char *text)
{
    const wb_table *t;
    for (size_t i = 0; (t = record_table(run, i)) != NULL; i++)
        if (strcasestr(text, t->ref.name))
            return true;
    return strcasestr(text, "database") || strcasestr(text, "schema");
}

int wb_run_protect(wb_run *run)
{
    for (size_t i = 0; i < run->plan.count; i++) {
        const wb_step *st = &run->plan.steps[i];
        const wb_migration *m = st->item->migration;
        const wb_script *s = !m ? NULL : st->direction == WBL_UP ? &m->up : &m->down;
        if (st->protocol != WBL_PROTOCOL_STEPWISE || !s || !s->text || m->is_code || !may_concern(run, s->text))
            continue;
        struct guard g = { run, st, s };
        wb_sql_options sql = run->sql;
        sql.first_line = s->first_line;
        int rc = wb_split(&run->cx, &sql, s->text, s->len, true, look_at, &g);
        if (rc != 0)
            return rc == WBL_E_NOMEM ? wb_nomem(&run->cx) : rc;
    }
    return 0;
}
