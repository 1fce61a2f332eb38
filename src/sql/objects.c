/*
 * objects.c - what a statement is about, for a driver that looks at the database before and after it: the objects of
 * DDL, the clauses of ALTER TABLE. The reading itself is in ddl.c and clauses.c.
 */
#include "sql/ddl.h"

#include <string.h>

typedef struct found {
    wb_arena *mem;
    wb_sql_object *objects;
    wb_sql_clause *clauses;
    size_t count, cap;
} found;

static int add_object(void *user, const wb_sql_object *o)
{
    found *f = user;
    wb_sql_object *slot = WB_PUSH(f->mem, f->objects, f->count, f->cap);
    if (!slot)
        return WBL_E_NOMEM;
    *slot = *o;
    return 0;
}

static int add_clause(void *user, const wb_sql_clause *c)
{
    found *f = user;
    wb_sql_clause *slot = WB_PUSH(f->mem, f->clauses, f->count, f->cap);
    if (!slot)
        return WBL_E_NOMEM;
    *slot = *c;
    return 0;
}

/* Other dialects: what classify.c finds. */
static int add_classified(const wb_sql_options *options, const char *text, size_t len, found *f)
{
    wb_statement st = { .len = len };
    wb_classify(options, text, &st);
    if (st.action == WB_ACT_NONE || !st.object)
        return 0;
    return add_object(f, &(wb_sql_object){ .action = st.action,
                                           .kind = st.object,
                                           .schema = st.schema,
                                           .name = st.name,
                                           .table_schema = st.table_schema,
                                           .table = st.table,
                                           .if_exists = st.if_exists });
}

static int read_objects(wb_reader *r, found *f)
{
    static const struct {
        const char *verb;
        int (*read)(wb_reader *, wb_object_fn, void *user);
    } rows[] = {
        { "create", wb_ddl_create }, { "alter", wb_ddl_alter },       { "drop", wb_ddl_drop },
        { "rename", wb_ddl_rename }, { "truncate", wb_ddl_truncate }, { "grant", wb_ddl_grant },
        { "revoke", wb_ddl_grant },
    };
    wb_ddl_pass_set(r);
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        if (wb_accept(r, rows[i].verb))
            return rows[i].read(r, add_object, f);
    }
    return 0;
}

int wb_sql_objects(wb_ctx *cx, wb_arena *mem, const wb_sql_options *options, const char *text, size_t len,
                   wb_sql_object **out, size_t *count)
{
    found f = { .mem = mem };
    wb_reader r;
    wb_reader_start(&r, options, text, len);
    int rc = r.lex.table->reads_ddl ? read_objects(&r, &f) : add_classified(options, text, len, &f);
    if (rc != 0)
        return wb_nomem(cx);
    *out = f.objects;
    *count = f.count;
    return 0;
}

int wb_sql_clauses(wb_ctx *cx, wb_arena *mem, const wb_sql_options *options, const char *text, size_t len,
                   wb_sql_clause **out, size_t *count)
{
    found f = { .mem = mem };
    wb_reader r;
    wb_reader_start(&r, options, text, len);
    if (r.lex.table->reads_ddl && wb_ddl_statement_clauses(&r, add_clause, &f) != 0)
        return wb_nomem(cx);
    *out = f.clauses;
    *count = f.count;
    return 0;
}
