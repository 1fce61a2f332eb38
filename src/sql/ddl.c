/*
 * ddl.c - the objects that DDL of MySQL and MariaDB is about, one by one.
 *
 * One statement may be about several (DROP TABLE a, b), and a look before and after it needs them all. Words only: what
 * is not recognised gives no object. Facts: MySQL 8.4, 15.1 and 15.7.1; MariaDB, CREATE, ALTER, DROP and RENAME pages.
 */
#include "sql/ddl.h"

#include <string.h>

/* ---- kinds ---- */

static const struct kind_row {
    const char *phrase, *kind;
} kind_rows[] = {
    { "table", "table" },
    { "tables", "table" },
    { "index", "index" },
    { "key", "index" },
    { "view", "view" },
    { "procedure", "procedure" },
    { "function", "function" },
    { "trigger", "trigger" },
    { "event", "event" },
    { "database", "database" },
    { "schema", "database" },
    { "user", "user" },
    { "role", "role" },
    { "sequence", "sequence" },
    { "server", "server" },
    { "tablespace", "tablespace" },
    { "undo tablespace", "tablespace" },
    { "logfile group", "logfile group" },
    { "resource group", "resource group" },
    { "spatial reference system", "spatial reference system" },
    { "package body", "package body" },
    { "package", "package" },
    { "library", "library" },
};

static const char *read_kind(wb_reader *r)
{
    for (size_t i = 0; i < WB_COUNT(kind_rows); i++) {
        if (wb_accept(r, kind_rows[i].phrase))
            return kind_rows[i].kind;
    }
    return NULL;
}

static bool is_kind(const wb_sql_object *o, const char *kind) { return o->kind && strcmp(o->kind, kind) == 0; }

static void read_existence(wb_reader *r, wb_sql_object *o)
{
    if (wb_accept(r, "if not exists") || wb_accept(r, "if exists"))
        o->if_exists = true;
}

/* A user or role may have a host: 'app'@'%', app@localhost, app@10.0.0.1 */
static bool is_account(const wb_sql_object *o)
{
    return is_kind(o, "user") || is_kind(o, "role") || is_kind(o, "grants");
}

static void read_host(wb_reader *r, wb_sql_object *o)
{
    const char *end;
    wb_advance(r);
    do {
        end = r->tok.p + r->tok.len;
        wb_advance(r);
    } while (r->tok.p == end &&
             (r->tok.kind == WB_TOK_WORD || r->tok.kind == WB_TOK_NUMBER || wb_token_is_symbol(r->tok, '.')));
    o->name.len = (size_t)(end - o->name.p);
}

/* The number of a reference system is a name here. */
static bool read_object_name(wb_reader *r, wb_sql_object *o)
{
    bool is_number = r->tok.kind == WB_TOK_NUMBER && is_kind(o, "spatial reference system");
    if (is_number) {
        o->name = (wb_str){ r->tok.p, r->tok.len };
        wb_advance(r);
        return true;
    }
    if (!wb_read_name(r, &o->schema, &o->name))
        return false;
    if (is_account(o) && wb_token_is_symbol(r->tok, '@'))
        read_host(r, o);
    return true;
}

/* MariaDB: WAIT n or NOWAIT behind a table. */
static void pass_wait(wb_reader *r)
{
    if (wb_accept(r, "wait"))
        wb_advance(r);
    else
        wb_accept(r, "nowait");
}

/* ALGORITHM = MERGE DEFINER = 'a'@'b' SQL SECURITY INVOKER, in front of the kind. */
static void pass_attributes(wb_reader *r)
{
    static const char *const kinds[] = { "view", "procedure", "function", "trigger", "event", "package", "aggregate" };
    if (!wb_token_is(r->tok, "definer") && !wb_token_is(r->tok, "algorithm") && !wb_token_is(r->tok, "sql"))
        return;
    while (!wb_at_end(r) && !wb_is_one_of(r->tok, kinds, WB_COUNT(kinds))) {
        wb_sql_object definer = { .kind = "user" };
        bool is_definer = wb_token_is(r->tok, "definer") && wb_token_is_symbol(wb_lex_peek(&r->lex), '=');
        wb_advance(r);
        if (is_definer) { /* who may be called view */
            wb_advance(r);
            read_object_name(r, &definer);
        }
    }
}

static void set_table(wb_sql_object *o)
{
    o->table_schema = o->schema;
    o->table = o->name;
}

/* ---- CREATE ---- */

/* WITH SYSTEM VERSIONING is an option of the table (MariaDB). */
static bool begins_query(const wb_reader *r)
{
    static const char *const words[] = { "select", "table", "values" };
    if (wb_token_is(r->tok, "with"))
        return !wb_token_is(wb_lex_peek(&r->lex), "system");
    return wb_is_one_of(r->tok, words, WB_COUNT(words));
}

/* LIKE other, (LIKE other), or a query behind the columns and options. */
static void read_table_source(wb_reader *r, wb_sql_object *o)
{
    wb_reader inner = *r;
    if (wb_token_is_symbol(inner.tok, '('))
        wb_advance(&inner);
    if (wb_accept(&inner, "like")) {
        wb_read_name(&inner, &o->source_schema, &o->source);
        return;
    }
    o->has_rows = begins_query(&inner);
    for (int depth = 0; !wb_at_end(r) && !o->has_rows; wb_advance(r)) {
        depth += wb_token_is_symbol(r->tok, '(') - wb_token_is_symbol(r->tok, ')');
        if (depth == 0)
            o->has_rows = begins_query(r);
        else if (depth == 1 && wb_token_is_symbol(r->tok, '(')) /* ... AS (SELECT */
            o->has_rows = wb_token_is(wb_lex_peek(&r->lex), "select");
    }
}

int wb_ddl_create(wb_reader *r, wb_object_fn fn, void *user)
{
    static const char *const modifiers[] = {
        "online", "offline", "unique", "fulltext", "spatial", "vector", "aggregate"
    };
    wb_sql_object o = { .action = WB_ACT_CREATE };
    o.replaces = wb_accept(r, "or replace");
    o.is_temporary = wb_accept(r, "temporary");
    pass_attributes(r);
    for (size_t i = 0; i < WB_COUNT(modifiers); i++)
        wb_accept(r, modifiers[i]);
    o.kind = read_kind(r);
    if (!o.kind)
        return 0;
    read_existence(r, &o);
    if (!read_object_name(r, &o))
        return 0;
    if (is_kind(&o, "table")) {
        set_table(&o);
        read_table_source(r, &o);
    } else if ((is_kind(&o, "index") || is_kind(&o, "trigger")) && wb_skip_to(r, "on")) {
        wb_read_name(r, &o.table_schema, &o.table);
    }
    int rc = fn(user, &o);
    while (rc == 0 && is_account(&o) && wb_token_is_symbol(r->tok, ',')) {
        wb_advance(r); /* CREATE ROLE a, b */
        rc = read_object_name(r, &o) ? fn(user, &o) : 0;
    }
    return rc;
}

/* ---- ALTER ---- */

typedef struct altered {
    wb_sql_object *o;
    bool has_others;
} altered;

static int see_altered(void *user, const wb_sql_clause *c)
{
    altered *a = user;
    if (c->verb && c->kind && strcmp(c->verb, "rename") == 0 && strcmp(c->kind, "table") == 0) {
        a->o->new_schema = c->new_schema;
        a->o->new_name = c->new_name;
    } else if (!c->kind || (strcmp(c->kind, "algorithm") != 0 && strcmp(c->kind, "lock") != 0)) {
        a->has_others = true;
    }
    return 0;
}

static int alter_table(wb_reader *r, wb_sql_object *o, wb_object_fn fn, void *user)
{
    altered a = { o, false };
    set_table(o);
    pass_wait(r);
    wb_ddl_clauses(r, see_altered, &a);
    int rc = 0;
    if (o->new_name.len == 0 || a.has_others) {
        wb_sql_object same = *o;
        same.new_schema = same.new_name = (wb_str){ NULL, 0 };
        rc = fn(user, &same);
    }
    if (rc == 0 && o->new_name.len > 0) {
        o->action = WB_ACT_RENAME;
        rc = fn(user, o);
    }
    return rc;
}

/* ALTER DATABASE may leave the name out: then an option comes next. */
static bool is_database_option(const wb_reader *r)
{
    static const char *const options[] = {
        "character", "charset", "collate", "default", "comment", "encryption", "read"
    };
    wb_token next = wb_lex_peek(&r->lex);
    bool is_alone = next.kind == WB_TOK_END || next.kind == WB_TOK_TERMINATOR; /* a database may be called so */
    return !is_alone && wb_is_one_of(r->tok, options, WB_COUNT(options));
}

int wb_ddl_alter(wb_reader *r, wb_object_fn fn, void *user)
{
    wb_sql_object o = { .action = WB_ACT_ALTER };
    wb_accept(r, "online");
    wb_accept(r, "ignore");
    pass_attributes(r);
    o.kind = read_kind(r);
    if (!o.kind)
        return 0;
    read_existence(r, &o);
    if (is_kind(&o, "database") && is_database_option(r))
        return fn(user, &o);
    if (!read_object_name(r, &o))
        return 0;
    if (is_kind(&o, "table"))
        return alter_table(r, &o, fn, user);
    if (is_kind(&o, "event") || is_kind(&o, "tablespace") || is_kind(&o, "sequence")) {
        wb_reader ahead = *r;
        for (; !wb_at_end(&ahead) && !wb_token_is(ahead.tok, "do"); wb_advance(&ahead)) {
            if (wb_accept(&ahead, "rename to") && wb_read_name(&ahead, &o.new_schema, &o.new_name)) {
                o.action = WB_ACT_RENAME;
                break;
            }
        }
    }
    return fn(user, &o); /* of several users the first */
}

/* ---- DROP, RENAME, TRUNCATE ---- */

int wb_ddl_drop(wb_reader *r, wb_object_fn fn, void *user)
{
    wb_sql_object o = { .action = WB_ACT_DROP };
    o.is_temporary = wb_accept(r, "temporary");
    wb_accept(r, "online");
    o.kind = read_kind(r);
    if (!o.kind)
        return 0;
    read_existence(r, &o);
    int rc = 0;
    while (rc == 0 && read_object_name(r, &o)) {
        if (is_kind(&o, "table"))
            set_table(&o);
        if (is_kind(&o, "index") && wb_accept(r, "on"))
            wb_read_name(r, &o.table_schema, &o.table);
        rc = fn(user, &o);
        if (!wb_token_is_symbol(r->tok, ','))
            break;
        wb_advance(r);
    }
    return rc;
}

/* RENAME TABLE a TO b, c TO d; RENAME USER a TO b */
int wb_ddl_rename(wb_reader *r, wb_object_fn fn, void *user)
{
    wb_sql_object o = { .action = WB_ACT_RENAME };
    o.kind = read_kind(r);
    if (!o.kind)
        return 0;
    read_existence(r, &o);
    int rc = 0;
    while (rc == 0 && read_object_name(r, &o)) {
        wb_sql_object new = { .kind = o.kind };
        pass_wait(r);
        if (!wb_accept(r, "to") || !read_object_name(r, &new))
            break;
        o.new_schema = new.schema;
        o.new_name = new.name;
        if (is_kind(&o, "table"))
            set_table(&o);
        rc = fn(user, &o);
        if (!wb_token_is_symbol(r->tok, ','))
            break;
        wb_advance(r);
    }
    return rc;
}

int wb_ddl_truncate(wb_reader *r, wb_object_fn fn, void *user)
{
    wb_sql_object o = { .action = WB_ACT_TRUNCATE, .kind = "table" };
    wb_accept(r, "table");
    if (!read_object_name(r, &o))
        return 0;
    set_table(&o);
    return fn(user, &o);
}

/* GRANT ... TO a, b; REVOKE ... FROM a, b: the accounts. */
int wb_ddl_grant(wb_reader *r, wb_object_fn fn, void *user)
{
    wb_sql_object o = { .action = WB_ACT_ALTER, .kind = "grants" };
    int rc = 0;
    while (!wb_at_end(r) && !wb_accept(r, "to") && !wb_accept(r, "from"))
        wb_advance(r);
    while (rc == 0 && read_object_name(r, &o)) {
        rc = fn(user, &o);
        if (!wb_token_is_symbol(r->tok, ','))
            break;
        wb_advance(r);
    }
    return rc;
}

void wb_ddl_pass_set(wb_reader *r)
{
    wb_reader ahead = *r;
    if (wb_accept(&ahead, "set statement") && wb_skip_to(&ahead, "for"))
        *r = ahead;
}
