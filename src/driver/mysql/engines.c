/*
 * engines.c - would a transaction of ours cover what a script changes? Tables of MyISAM, Aria and the like have none.
 *
 * Reading the names of tables out of arbitrary SQL is a parser's work. The other way round is simple and errs on the
 * safe side: take the few tables of the server that have no transactions, and the views, triggers and routines that
 * lead to them, and see whether the script says one of their names. On most servers there are none.
 * Owns nothing. Facts: MySQL 8.4 manual, 28.3.13 (information_schema.engines), 15.3.1.
 */
#include "driver/mysql/my.h"

#include <string.h>
#include <strings.h>

typedef struct name_row {
    const char *name, *engine;
} name_row;

typedef struct route { /* whoever uses `name` runs `body` */
    const char *name, *body;
} route;

typedef struct names {
    wb_arena *mem;
    name_row *items;
    size_t count, cap;
    route *routes;
    size_t route_count, route_cap;
} names;

static const char tables_sql[] =
    "SELECT t.table_name, t.engine FROM information_schema.tables t JOIN information_schema.engines e "
    "ON e.engine = t.engine WHERE COALESCE(e.transactions, 'NO') <> 'YES' AND t.table_type = 'BASE TABLE' AND "
    "t.table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') AND "
    "(t.table_schema = DATABASE() OR LOCATE(t.table_schema, ";

static const char routes_sql[] =
    "SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = DATABASE() "
    "UNION ALL SELECT event_object_table, action_statement FROM information_schema.triggers "
    "WHERE trigger_schema = DATABASE() "
    "UNION ALL SELECT routine_name, routine_definition FROM information_schema.routines "
    "WHERE routine_schema = DATABASE()";

static int keep_name(void *user, size_t index, const wb_str *cells, size_t count)
{
    names *n = user;
    (void)index, (void)count;
    name_row *slot = WB_PUSH(n->mem, n->items, n->count, n->cap);
    if (!slot)
        return WBL_E_NOMEM;
    slot->name = wb_arena_str(n->mem, cells[0].p, cells[0].len);
    slot->engine = wb_arena_str(n->mem, cells[1].p, cells[1].len);
    return slot->name && slot->engine ? 0 : WBL_E_NOMEM;
}

static int keep_route(void *user, size_t index, const wb_str *cells, size_t count)
{
    names *n = user;
    (void)index, (void)count;
    route *slot = WB_PUSH(n->mem, n->routes, n->route_count, n->route_cap);
    if (!slot)
        return WBL_E_NOMEM;
    slot->name = wb_arena_str(n->mem, cells[0].p, cells[0].len);
    slot->body = wb_arena_str(n->mem, cells[1].p ? cells[1].p : "", cells[1].len);
    return slot->name && slot->body ? 0 : WBL_E_NOMEM;
}

/* As a name or a word, outside of strings and comments. */
static bool says(const my_session *s, wb_str text, const char *name)
{
    size_t len = strlen(name);
    my_lexer l = my_lexer_of(s, text);
    for (my_token t = my_next(&l); t.kind != MY_TOK_END; t = my_next(&l)) {
        bool is_quoted = t.kind == MY_TOK_NAME || (t.kind == MY_TOK_STRING && t.text.p[0] == '"');
        wb_str inner = is_quoted && t.text.len >= 2 ? (wb_str){ t.text.p + 1, t.text.len - 2 } : t.text;
        if ((is_quoted || t.kind == MY_TOK_WORD) && inner.len == len && strncasecmp(inner.p, name, len) == 0)
            return true;
    }
    return false;
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
    for (bool has_grown = true; has_grown;) {
        has_grown = false;
        for (size_t i = 0; i < n->route_count; i++)
            for (size_t j = 0; j < n->count && !is_known(n, n->routes[i].name); j++) {
                if (!says(s, WB_STR(n->routes[i].body), n->items[j].name))
                    continue;
                const char *engine = n->items[j].engine;
                name_row *slot = WB_PUSH(n->mem, n->items, n->count, n->cap);
                if (!slot)
                    return WBL_E_NOMEM;
                *slot = (name_row){ n->routes[i].name, engine };
                has_grown = true;
            }
    }
    return 0;
}

int my_uncovered(wb_ctx *cx, wb_session *base, const char *script, size_t len, wb_arena *mem, const char **out)
{
    my_session *s = my_of(base);
    names n = { .mem = mem };
    const wb_str text = { script, len };
    int rc = my_ready(cx, s);
    if (rc != 0)
        return rc;
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_FILE_SIZE_MAX);
    wb_buf_str(&sql, tables_sql);
    /* Other schemas count when the script names them; a large one is not sent for that. */
    wb_buf *b = &sql;
    bool is_short = len < ((size_t)64 << 10) && !(len && memchr(script, 0, len));
    wb_sqltext_literal(b, my_sqltext(s), is_short ? script : "", is_short ? len : 0);
    wb_buf_str(b, is_short ? "))" : ") >= 0)");
    const char *query = wb_buf_cstr(&sql);
    rc = query ? my_exec(cx, s, query, keep_name, &n) : wb_nomem(cx);
    if (rc == 0 && n.count)
        rc = my_exec(cx, s, routes_sql, keep_route, &n);
    if (rc == 0 && n.count)
        rc = close_over(s, &n);
    if (rc != 0)
        return rc == WBL_E_NOMEM ? wb_nomem(cx) : rc;
    *out = NULL;
    for (size_t i = 0; i < n.count; i++) {
        if (!says(s, text, n.items[i].name))
            continue;
        *out =
            wb_arena_fmt(mem, "%s: its changes can't be rolled back (engine %s)", n.items[i].name, n.items[i].engine);
        return *out ? 0 : wb_nomem(cx);
    }
    return 0;
}
