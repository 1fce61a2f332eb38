/*
 * engines.c - would a transaction of ours cover what a script changes? Tables of MyISAM, Aria and the like have none.
 *
 * Reading the names of tables out of arbitrary SQL is a parser's work. The other way round is simple and errs on the
 * safe side: take the few tables of the server that have no transactions, and the views, triggers and routines that
 * lead to them, and see whether the script says one of their names. On most servers there are none.
 * What a script itself makes with such an engine counts from there on, also in the scripts behind it.
 * A run asks about each of its scripts, so what the server says is kept until something is run: one question for a run,
 * and one more for each other schema that a script names.
 * Owns the list in the session. Facts: MySQL 8.4 manual, 28.3.13 (information_schema.engines), 15.3.1.
 */
#include "driver/mysql/my.h"

#include <string.h>
#include <strings.h>

#define SCRIPT_SHORT ((size_t)64 << 10) /* in a longer one names of schemas are not looked for: all are taken */

typedef struct bare_table { /* without transactions */
    const char *schema, *name, *engine;
} bare_table;

typedef struct other_schema {
    const char *name;
    bool is_read;
} other_schema;

typedef struct route { /* whoever uses `name` runs `body` */
    const char *name, *body;
} route;

typedef struct my_engines {
    wb_arena *mem;
    bare_table *tables; /* those of the current schema have no schema */
    size_t table_count, table_cap;
    other_schema *schemas;
    size_t schema_count, schema_cap;
    const char **engines; /* those that have no transactions */
    size_t engine_count, engine_cap;
    const char *usual;    /* the one of a table whose CREATE names none, when it is among them */
    route *routes;
    size_t route_count, route_cap;
    bool has_routes;
} my_engines;

typedef struct names { /* that a script must not say */
    wb_arena *mem;
    bare_table *items;
    size_t count, cap;
} names;

#define SYSTEM "('mysql', 'information_schema', 'performance_schema', 'sys')"
#define TABLES                                                                                                         \
    "t.table_name, t.engine FROM information_schema.tables t JOIN information_schema.engines e "                       \
    "ON e.engine = t.engine WHERE COALESCE(e.transactions, 'NO') <> 'YES' AND t.table_type = 'BASE TABLE' AND "

/* Asking for one schema does not open the tables of the others. */
static const char own_sql[] = "SELECT NULL, " TABLES "t.table_schema = DATABASE();\n"
                              "SELECT schema_name FROM information_schema.schemata "
                              "WHERE schema_name NOT IN " SYSTEM " AND NOT schema_name <=> DATABASE();\n"
                              "SELECT engine, engine = @@default_storage_engine FROM information_schema.engines "
                              "WHERE COALESCE(transactions, 'NO') <> 'YES'";
static const char others_sql[] = "SELECT t.table_schema, " TABLES "t.table_schema NOT IN " SYSTEM
                                 " AND NOT t.table_schema <=> DATABASE()";
static const char other_sql[] = "SELECT t.table_schema, " TABLES "t.table_schema = ";

static const char routes_sql[] =
    "SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = DATABASE() "
    "UNION ALL SELECT event_object_table, action_statement FROM information_schema.triggers "
    "WHERE trigger_schema = DATABASE() "
    "UNION ALL SELECT routine_name, routine_definition FROM information_schema.routines "
    "WHERE routine_schema = DATABASE()";

/* ---- what the server says ---- */

static const char *text_of(my_engines *e, wb_str cell) { return wb_arena_str(e->mem, cell.p ? cell.p : "", cell.len); }

static int keep_table(my_engines *e, const wb_str *cells)
{
    bare_table *slot = WB_PUSH(e->mem, e->tables, e->table_count, e->table_cap);
    if (!slot)
        return WBL_E_NOMEM;
    *slot = (bare_table){ cells[0].p ? text_of(e, cells[0]) : NULL, text_of(e, cells[1]), text_of(e, cells[2]) };
    return (slot->schema || !cells[0].p) && slot->name && slot->engine ? 0 : WBL_E_NOMEM;
}

static int keep_engine(my_engines *e, const wb_str *cells)
{
    const char **slot = WB_PUSH(e->mem, e->engines, e->engine_count, e->engine_cap);
    if (!slot)
        return WBL_E_NOMEM;
    *slot = text_of(e, cells[0]);
    if (wb_str_eq(cells[1], "1"))
        e->usual = *slot;
    return *slot ? 0 : WBL_E_NOMEM;
}

static int keep_answer(void *user, size_t index, const wb_str *cells, size_t count)
{
    my_engines *e = user;
    (void)index;
    if (count > 1)
        return count == 3 ? keep_table(e, cells) : keep_engine(e, cells);
    other_schema *slot = WB_PUSH(e->mem, e->schemas, e->schema_count, e->schema_cap);
    if (!slot)
        return WBL_E_NOMEM;
    *slot = (other_schema){ .name = text_of(e, cells[0]) };
    return slot->name ? 0 : WBL_E_NOMEM;
}

static int keep_route(void *user, size_t index, const wb_str *cells, size_t count)
{
    my_engines *e = user;
    (void)index, (void)count;
    route *slot = WB_PUSH(e->mem, e->routes, e->route_count, e->route_cap);
    if (!slot)
        return WBL_E_NOMEM;
    *slot = (route){ text_of(e, cells[0]), text_of(e, cells[1]) };
    return slot->name && slot->body ? 0 : WBL_E_NOMEM;
}

void my_engines_forget(my_session *s)
{
    wb_arena_done(&s->engines_mem);
    s->engines = NULL;
}

static int load(wb_ctx *cx, my_session *s)
{
    if (s->engines)
        return 0;
    my_engines *e = wb_arena_get(&s->engines_mem, sizeof *e);
    if (!e)
        return wb_nomem(cx);
    *e = (my_engines){ .mem = &s->engines_mem };
    int rc = my_exec(cx, s, own_sql, keep_answer, e);
    if (rc == 0)
        s->engines = e;
    else
        my_engines_forget(s);
    return rc;
}

/* ---- the schemas that a script names ---- */

/* In doubt it does: only bytes of ASCII are compared without their case. */
static bool may_name(const char *script, size_t len, const char *schema)
{
    size_t n = strlen(schema);
    for (const char *p = schema; *p; p++)
        if ((unsigned char)*p >= 0x80)
            return true;
    for (size_t i = 0; i + n <= len; i++)
        if (strncasecmp(script + i, schema, n) == 0)
            return true;
    return false;
}

static bool is_long(size_t len) { return len >= SCRIPT_SHORT; }

/* Asks for those that were not read yet. */
static int load_others(wb_ctx *cx, my_session *s, const char *script, size_t len)
{
    my_engines *e = s->engines;
    bool is_new = false;
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_FILE_SIZE_MAX);
    for (size_t i = 0; i < e->schema_count; i++) {
        if (e->schemas[i].is_read || (!is_long(len) && !may_name(script, len, e->schemas[i].name)))
            continue;
        e->schemas[i].is_read = is_new = true;
        if (is_long(len))
            continue;
        wb_buf_str(&sql, sql.len ? ";\n" : "");
        wb_buf_str(&sql, other_sql);
        my_literal(&sql, s, e->schemas[i].name);
    }
    const char *query = is_long(len) ? others_sql : wb_buf_cstr(&sql);
    int rc = !is_new ? 0 : query ? my_exec(cx, s, query, keep_answer, e) : wb_nomem(cx);
    if (rc != 0)
        my_engines_forget(s);
    return rc;
}

static int load_routes(wb_ctx *cx, my_session *s)
{
    my_engines *e = s->engines;
    if (e->has_routes || e->table_count == 0)
        return 0;
    int rc = my_exec(cx, s, routes_sql, keep_route, e);
    e->has_routes = rc == 0;
    if (rc != 0)
        my_engines_forget(s);
    return rc;
}

static int pick(const my_engines *e, const char *script, size_t len, names *n)
{
    for (size_t i = 0; i < e->table_count; i++) {
        const bare_table *t = &e->tables[i];
        if (t->schema && !is_long(len) && !may_name(script, len, t->schema))
            continue;
        bare_table *slot = WB_PUSH(n->mem, n->items, n->count, n->cap);
        if (!slot)
            return WBL_E_NOMEM;
        *slot = *t;
    }
    return 0;
}

/* ---- what the script says ---- */

/* ENGINE = MyISAM, ENGINE 'Aria': the name as the server has it; NULL when it has transactions. */
static const char *read_engine(const my_engines *e, my_lexer *l, my_token *t)
{
    *t = my_next(l);
    if (my_is_sign(*t, '='))
        *t = my_next(l);
    size_t quotes = t->kind == MY_TOK_NAME || t->kind == MY_TOK_STRING;
    for (size_t i = 0; i < e->engine_count; i++)
        if (t->text.len == strlen(e->engines[i]) + 2 * quotes &&
            strncasecmp(t->text.p + quotes, e->engines[i], t->text.len - 2 * quotes) == 0)
            return e->engines[i];
    return NULL;
}

/* The name behind TABLE, without its schema. */
static my_token read_table_name(my_lexer *l, my_token *t)
{
    my_token name;
    *t = my_next(l);
    while (my_is_word(*t, "if") || my_is_word(*t, "not") || my_is_word(*t, "exists"))
        *t = my_next(l);
    for (name = *t, *t = my_next(l); my_is_sign(*t, '.'); *t = my_next(l))
        name = my_next(l);
    return name;
}

static int add_made(my_engines *e, my_token name, const char *engine)
{
    const char *plain = wb_sql_name(e->mem, WB_SQL_MYSQL, name.text);
    bare_table *slot = plain ? WB_PUSH(e->mem, e->tables, e->table_count, e->table_cap) : NULL;
    if (!slot)
        return WBL_E_NOMEM;
    *slot = (bare_table){ NULL, plain, engine };
    return 0;
}

static const char *engine_of(const my_engines *e, my_token name)
{
    size_t quotes = name.kind == MY_TOK_NAME;
    for (size_t i = 0; i < e->table_count; i++)
        if (name.text.len == strlen(e->tables[i].name) + 2 * quotes &&
            strncasecmp(name.text.p + quotes, e->tables[i].name, name.text.len - 2 * quotes) == 0)
            return e->tables[i].engine;
    return NULL;
}

/* Tables that the script makes, or converts, and that have no transactions then. */
static int note_made(my_session *s, wb_str text)
{
    my_engines *e = s->engines;
    my_lexer l = my_lexer_of(s, text);
    my_token name = { 0 };
    const char *engine = NULL;
    bool is_create = false;
    int rc = 0;
    for (my_token t = my_next(&l);; t = my_next(&l)) {
        is_create = is_create || my_is_word(t, "create");
        if (my_is_word(t, "table") && !name.text.len) {
            name = read_table_name(&l, &t);
            engine = is_create ? e->usual : NULL;
        }
        if (my_is_word(t, "engine"))
            engine = read_engine(e, &l, &t);
        else if (is_create && my_is_word(t, "like"))
            engine = engine_of(e, read_table_name(&l, &t));
        if (t.kind != MY_TOK_END && !my_is_sign(t, ';'))
            continue;
        if (engine && name.text.len && (rc = add_made(e, name, engine)) != 0)
            return rc;
        if (t.kind == MY_TOK_END)
            return 0;
        is_create = false;
        engine = NULL;
        name = (my_token){ 0 };
    }
}

static bool is_known(const names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcasecmp(n->items[i].name, name) == 0)
            return true;
    return false;
}

/* What leads to one of them is one of them. Each round adds a name or is the last one. */
static int close_over(const my_session *s, names *n)
{
    const my_engines *e = s->engines;
    for (bool has_grown = true; has_grown;) {
        has_grown = false;
        for (size_t i = 0; i < e->route_count; i++)
            for (size_t j = 0; j < n->count && !is_known(n, e->routes[i].name); j++) {
                if (!my_says(s, WB_STR(e->routes[i].body), n->items[j].name))
                    continue;
                const char *engine = n->items[j].engine;
                bare_table *slot = WB_PUSH(n->mem, n->items, n->count, n->cap);
                if (!slot)
                    return WBL_E_NOMEM;
                *slot = (bare_table){ NULL, e->routes[i].name, engine };
                has_grown = true;
            }
    }
    return 0;
}

int my_uncovered(wb_ctx *cx, wb_session *base, const char *script, size_t len, wb_arena *mem, const char **out)
{
    my_session *s = my_of(base);
    WB_AUTOARENA wb_arena scratch = { 0 };
    names n = { .mem = &scratch };
    const wb_str text = { script, len };
    int rc = my_ready(cx, s);
    if (rc == 0)
        rc = load(cx, s);
    if (rc == 0)
        rc = load_others(cx, s, script, len);
    if (rc == 0)
        rc = note_made(s, text);
    if (rc == 0)
        rc = load_routes(cx, s);
    if (rc == 0)
        rc = pick(s->engines, script, len, &n);
    if (rc == 0 && n.count)
        rc = close_over(s, &n);
    if (rc != 0)
        return rc == WBL_E_NOMEM ? wb_nomem(cx) : rc;
    *out = NULL;
    for (size_t i = 0; i < n.count; i++) {
        if (!my_says(s, text, n.items[i].name))
            continue;
        *out =
            wb_arena_fmt(mem, "%s: its changes can't be rolled back (engine %s)", n.items[i].name, n.items[i].engine);
        return *out ? 0 : wb_nomem(cx);
    }
    return 0;
}
