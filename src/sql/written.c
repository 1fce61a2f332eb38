/*
 * written.c - the tables that INSERT, REPLACE, UPDATE, DELETE, LOAD DATA and TRUNCATE write by their own text.
 *
 * For those who must know whether every table takes part in a transaction. A join is read twice: once for its tables
 * and aliases, once for what is assigned or deleted. Facts: MySQL 8.4, 15.2.2, 15.2.7, 15.2.9, 15.2.12, 15.2.13.2 and
 * 15.2.17; MariaDB, the same statements.
 */
#include "sql/written.h"

enum { REFS_MAX = 32 }; /* tables of one join; MySQL takes 61, and beyond ours nothing is sure */

typedef struct ref {
    wb_sql_table table;
    wb_str alias;
    bool is_derived;
} ref;

typedef struct written {
    wb_reader *r;
    wb_table_fn fn;
    void *user;
    bool *is_sure;
    ref refs[REFS_MAX];
    size_t count;
    wb_str ctes[REFS_MAX];
    size_t cte_count;
} written;

static bool is(const written *w, const char *word) { return wb_token_is(w->r->tok, word); }

static bool is_char(const written *w, char c) { return wb_token_is_symbol(w->r->tok, c); }

static void pass_group(wb_reader *r)
{
    int depth = 0;
    do {
        depth += wb_token_is_symbol(r->tok, '(') - wb_token_is_symbol(r->tok, ')');
        wb_advance(r);
    } while (depth > 0 && !wb_at_end(r));
}

static int tell(written *w, wb_sql_table t) { return t.name.len > 0 ? w->fn(w->user, &t) : 0; }

/* Quotes of a name make no difference, and case is left to the server: here it makes none. */
static wb_str bare(wb_str s)
{
    if (s.len >= 2 && (*s.p == '`' || *s.p == '"'))
        return (wb_str){ s.p + 1, s.len - 2 };
    return s;
}

static bool same_name(wb_str a, wb_str b)
{
    a = bare(a);
    b = bare(b);
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        char x = a.p[i], y = b.p[i];
        x = x >= 'A' && x <= 'Z' ? (char)(x + ('a' - 'A')) : x;
        y = y >= 'A' && y <= 'Z' ? (char)(y + ('a' - 'A')) : y;
        if (x != y)
            return false;
    }
    return true;
}

/* ---- the tables of a join ---- */

static bool is_join_word(wb_token t)
{
    static const char *const words[] = { "on",     "using", "join",          "left",      "right", "inner",
                                         "cross",  "outer", "straight_join", "set",       "where", "use",
                                         "ignore", "force", "natural",       "partition", "order", "limit",
                                         "for",    "from",  "returning",     "lateral",   "full" };
    return wb_is_one_of(t, words, WB_COUNT(words));
}

static void read_alias(written *w, ref *t)
{
    wb_str schema;
    bool has_as = wb_accept(w->r, "as");
    if (wb_is_name(w->r->tok) && (has_as || !is_join_word(w->r->tok)))
        wb_read_name(w->r, &schema, &t->alias);
}

static bool is_cte(const written *w, const wb_sql_table *t)
{
    for (size_t i = 0; i < w->cte_count; i++) {
        if (t->schema.len == 0 && same_name(w->ctes[i], t->name))
            return true;
    }
    return false;
}

static void read_ref(written *w)
{
    ref t = { 0 };
    if (is_char(w, '(')) { /* a query */
        pass_group(w->r);
        t.is_derived = true;
    } else if (!wb_read_name(w->r, &t.table.schema, &t.table.name)) {
        return;
    }
    if (wb_accept(w->r, "partition") && is_char(w, '('))
        pass_group(w->r);
    read_alias(w, &t);
    t.is_derived |= is_cte(w, &t.table);
    if (w->count < REFS_MAX)
        w->refs[w->count++] = t;
    else
        *w->is_sure = false;
}

static bool begins_query(const written *w)
{
    static const char *const words[] = { "select", "with", "values", "table" };
    return is_char(w, '(') && wb_is_one_of(wb_lex_peek(&w->r->lex), words, WB_COUNT(words));
}

/* Up to SET, WHERE and the like. A table comes first, and behind a comma or JOIN; conditions are passed over. */
static void read_refs(written *w)
{
    static const char *const ends[] = { "set", "where", "order", "limit", "returning" };
    bool expects = true;
    while (!wb_at_end(w->r) && !wb_is_one_of(w->r->tok, ends, WB_COUNT(ends))) {
        if (expects && is_char(w, '(') && !begins_query(w)) {
            wb_advance(w->r); /* a join in parentheses */
        } else if (expects) {
            wb_accept(w->r, "lateral");
            const char *at = w->r->tok.p;
            read_ref(w);
            expects = false;
            if (w->r->tok.p == at)
                wb_advance(w->r);
        } else if (is_char(w, '(')) {
            pass_group(w->r);
        } else {
            expects = is_char(w, ',') || is(w, "join") || is(w, "straight_join");
            wb_advance(w->r);
        }
    }
}

static int tell_all(written *w)
{
    int rc = 0;
    for (size_t i = 0; i < w->count && rc == 0; i++) {
        if (!w->refs[i].is_derived)
            rc = tell(w, w->refs[i].table);
    }
    return rc;
}

/* The table that a qualifier means: its alias, or its name. NULL: none of the join. */
static const ref *find_ref(const written *w, wb_str schema, wb_str name)
{
    for (size_t i = 0; i < w->count; i++) {
        const ref *t = &w->refs[i];
        if (t->alias.len > 0 ? schema.len == 0 && same_name(t->alias, name) : same_name(t->table.name, name))
            return t;
    }
    return NULL;
}

/* ---- each statement ---- */

/* a = 1, t.b = 2, s.t.c = 3: what stands before the last dot is a table. */
static bool read_qualifier(written *w, wb_str *schema, wb_str *name)
{
    wb_str parts[3];
    size_t count = 0;
    while (wb_is_name(w->r->tok) && count < 3) {
        parts[count++] = (wb_str){ w->r->tok.p, w->r->tok.len };
        wb_advance(w->r);
        if (!is_char(w, '.'))
            break;
        wb_advance(w->r);
    }
    *schema = count == 3 ? parts[0] : (wb_str){ NULL, 0 };
    *name = count >= 2 ? parts[count - 2] : (wb_str){ NULL, 0 };
    return count >= 2;
}

static int tell_assigned(written *w)
{
    for (;;) {
        wb_str schema, name;
        const ref *t = read_qualifier(w, &schema, &name) ? find_ref(w, schema, name) : NULL;
        if (!t || t->is_derived) {
            *w->is_sure = false;
            return tell_all(w);
        }
        int rc = tell(w, t->table);
        if (rc != 0)
            return rc;
        while (!wb_at_end(w->r) && !is_char(w, ',') && !is(w, "where")) {
            if (is_char(w, '('))
                pass_group(w->r);
            else
                wb_advance(w->r);
        }
        if (!is_char(w, ','))
            return 0;
        wb_advance(w->r);
    }
}

static int read_update(written *w)
{
    wb_accept(w->r, "low_priority");
    wb_accept(w->r, "ignore");
    read_refs(w);
    if (w->count <= 1 || !wb_accept(w->r, "set"))
        return tell_all(w);
    return tell_assigned(w);
}

/* t1, t2.* in front of FROM or behind it: names or aliases of the join that follows. */
static int tell_deleted(written *w, wb_reader names)
{
    while (!wb_at_end(&names)) {
        wb_sql_table t = { 0 };
        if (!wb_read_name(&names, &t.schema, &t.name))
            break;
        if (names.tok.kind == WB_TOK_SYMBOL && *names.tok.p == '*') /* t.* was read up to its dot */
            wb_advance(&names);
        const ref *found = find_ref(w, t.schema, t.name);
        if (found && found->is_derived)
            *w->is_sure = false;
        int rc = found && !found->is_derived ? tell(w, found->table) : tell(w, t);
        if (rc != 0)
            return rc;
        if (!wb_token_is_symbol(names.tok, ','))
            break;
        wb_advance(&names);
    }
    return 0;
}

static int read_delete(written *w)
{
    while (wb_accept(w->r, "low_priority") || wb_accept(w->r, "quick") || wb_accept(w->r, "ignore"))
        continue;
    wb_reader names = *w->r;
    if (wb_accept(w->r, "from")) {
        names = *w->r;
        wb_reader ahead = *w->r;
        bool is_join = false; /* DELETE FROM a, b USING ... */
        while (!wb_at_end(&ahead) && !is_join && !wb_token_is(ahead.tok, "where")) {
            is_join = wb_token_is(ahead.tok, "using");
            wb_advance(&ahead);
        }
        if (!is_join) {
            wb_sql_table t = { 0 };
            wb_read_name(w->r, &t.schema, &t.name);
            return tell(w, t);
        }
        *w->r = ahead;
    } else if (!wb_skip_to(w->r, "from")) {
        return 0;
    }
    read_refs(w);
    return tell_deleted(w, names);
}

static int read_insert(written *w)
{
    while (wb_accept(w->r, "low_priority") || wb_accept(w->r, "delayed") || wb_accept(w->r, "high_priority") ||
           wb_accept(w->r, "ignore") || wb_accept(w->r, "into"))
        continue;
    wb_sql_table t = { 0 };
    wb_read_name(w->r, &t.schema, &t.name);
    return tell(w, t);
}

static int read_load(written *w)
{
    wb_sql_table t = { 0 };
    if (wb_skip_to(w->r, "into table"))
        wb_read_name(w->r, &t.schema, &t.name);
    return tell(w, t);
}

static int read_truncate(written *w)
{
    wb_sql_table t = { 0 };
    wb_accept(w->r, "table");
    wb_read_name(w->r, &t.schema, &t.name);
    return tell(w, t);
}

/* WITH a AS (...), b (c, d) AS (...) UPDATE: its names are no tables. */
static void pass_with(written *w)
{
    wb_accept(w->r, "recursive");
    while (wb_is_name(w->r->tok)) {
        wb_str schema, name;
        wb_read_name(w->r, &schema, &name);
        if (w->cte_count < REFS_MAX)
            w->ctes[w->cte_count++] = name;
        while (!wb_at_end(w->r) && !is_char(w, ',') && (is_char(w, '(') || wb_token_is(w->r->tok, "as"))) {
            if (is_char(w, '('))
                pass_group(w->r);
            else
                wb_advance(w->r);
        }
        if (!is_char(w, ','))
            return;
        wb_advance(w->r);
    }
}

int wb_written_read(wb_reader *r, wb_table_fn fn, void *user, bool *is_sure)
{
    static const struct {
        const char *verb;
        int (*read)(written *);
    } rows[] = {
        { "insert", read_insert }, { "replace", read_insert }, { "update", read_update },     { "delete", read_delete },
        { "load index", NULL },    { "load", read_load },      { "truncate", read_truncate },
    };
    written w = { .r = r, .fn = fn, .user = user, .is_sure = is_sure };
    wb_reader ahead = *r;
    if (wb_accept(&ahead, "set statement") && wb_skip_to(&ahead, "for"))
        *r = ahead;
    if (wb_accept(r, "with"))
        pass_with(&w);
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        if (wb_accept(r, rows[i].verb))
            return rows[i].read ? rows[i].read(&w) : 0;
    }
    wb_statement st = { 0 };
    wb_reader rest = *r;
    wb_classify_rest(&rest, &st);
    *is_sure = st.cls != WB_STMT_ROUTINE && st.cls != WB_STMT_OTHER;
    return 0;
}
