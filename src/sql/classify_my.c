/*
 * classify_my.c - what statements of MySQL and MariaDB do beyond what classify.c reads in every dialect.
 *
 * Facts: MySQL 8.4, 15.3 (transactions and locks), 15.7.6 (SET), 15.2.13 (SELECT ... INTO); what refuses a transaction
 * was tried on MySQL 9.7 and MariaDB 10.11.
 */
#include "sql/ddl.h"

#include <string.h>

/* ---- DDL: the first object is told, the others by wb_sql_objects() ---- */

typedef struct first_object {
    wb_statement *st;
    bool is_known;
} first_object;

static int note_object(void *user, const wb_sql_object *o)
{
    first_object *f = user;
    wb_statement *st = f->st;
    if (f->is_known) {
        if (st->action == WB_ACT_ALTER && o->action == WB_ACT_RENAME)
            st->action = WB_ACT_RENAME; /* ALTER TABLE ... ADD ..., RENAME TO ... */
        return 0;
    }
    f->is_known = true;
    st->action = o->action;
    st->object = o->kind;
    st->schema = o->schema;
    st->name = o->name;
    st->table_schema = o->table_schema;
    st->table = o->table;
    st->if_exists = o->if_exists;
    if (o->is_temporary && strcmp(o->kind, "table") == 0) {
        st->may_leak = true;
        st->commits_implicitly = o->action != WB_ACT_CREATE && o->action != WB_ACT_DROP;
    }
    return 0;
}

static bool is_object(const wb_statement *st, const char *object)
{
    return st->object && strcmp(st->object, object) == 0;
}

/* A program that is replaced by itself is the same one; a table would lose what was put into it meanwhile. */
static bool is_program(const wb_statement *st)
{
    static const char *const kinds[] = {
        "view", "procedure", "function", "trigger", "event", "package", "package body"
    };
    for (size_t i = 0; i < WB_COUNT(kinds); i++) {
        if (is_object(st, kinds[i]))
            return true;
    }
    return false;
}

static void read_first(wb_reader *r, wb_statement *st, wb_action action, int (*read)(wb_reader *, wb_object_fn, void *))
{
    first_object f = { st, false };
    st->action = action; /* of an object that is not recognised */
    read(r, note_object, &f);
}

void wb_read_my_create(wb_reader *r, wb_statement *st)
{
    bool replaces = wb_accept(r, "or replace");
    read_first(r, st, WB_ACT_CREATE, wb_ddl_create);
    st->is_repeatable = replaces && is_program(st);
}

void wb_read_my_alter(wb_reader *r, wb_statement *st) { read_first(r, st, WB_ACT_ALTER, wb_ddl_alter); }
void wb_read_my_drop(wb_reader *r, wb_statement *st) { read_first(r, st, WB_ACT_DROP, wb_ddl_drop); }
void wb_read_my_rename(wb_reader *r, wb_statement *st) { read_first(r, st, WB_ACT_RENAME, wb_ddl_rename); }
void wb_read_my_truncate(wb_reader *r, wb_statement *st) { read_first(r, st, WB_ACT_TRUNCATE, wb_ddl_truncate); }

/* ---- queries ---- */

/* Words before a parenthesis that are no call of a function that could change the session. */
static bool is_harmless_before_paren(wb_token t)
{
    static const char *const words[] = {
        "in",           "values",    "as",       "from",     "exists",     "and",
        "or",           "not",       "on",       "where",    "by",         "over",
        "select",       "using",     "any",      "all",      "some",       "when",
        "then",         "else",      "union",    "except",   "intersect",  "join",
        "limit",        "case",      "with",     "having",   "lateral",    "distinct",
        "is",           "like",      "between",  "row",      "count",      "sum",
        "min",          "max",       "avg",      "coalesce", "nullif",     "ifnull",
        "if",           "now",       "lower",    "upper",    "length",     "cast",
        "convert",      "round",     "abs",      "format",   "concat",     "replace",
        "substr",       "substring", "greatest", "least",    "uuid",       "unix_timestamp",
        "group_concat", "partition", "xor",      "interval", "decimal",    "char",
        "varchar",      "binary",    "database", "version",  "json_table",
    };
    return wb_is_one_of(t, words, WB_COUNT(words));
}

typedef struct query_facts {
    bool has_call, sets_variable, writes_file, has_write;
} query_facts;

static query_facts scan_query(wb_reader *r)
{
    static const char *const writes[] = { "insert", "update", "delete", "replace" };
    query_facts f = { false, false, false, false };
    wb_token before = { 0 };
    int depth = 0;
    for (; !wb_at_end(r); wb_advance(r)) {
        wb_token t = r->tok;
        depth += wb_token_is_symbol(t, '(') - wb_token_is_symbol(t, ')');
        if (wb_token_is_symbol(t, '('))
            f.has_call |=
                before.kind == WB_TOK_NAME || (before.kind == WB_TOK_WORD && !is_harmless_before_paren(before));
        else if (t.kind == WB_TOK_SYMBOL && t.len >= 2 && t.p[0] == ':' && t.p[1] == '=')
            f.sets_variable = true;
        else if (wb_token_is(before, "into") && t.kind == WB_TOK_SYMBOL && *t.p == '@')
            f.sets_variable = true;
        else if (wb_token_is(before, "into") && (wb_token_is(t, "outfile") || wb_token_is(t, "dumpfile")))
            f.writes_file = true;
        else if (depth == 0 && wb_token_is_symbol(before, ')') && wb_is_one_of(t, writes, WB_COUNT(writes)))
            f.has_write = true; /* WITH a AS (...) UPDATE */
        before = t;
    }
    return f;
}

void wb_read_my_query(wb_reader *r, wb_statement *st)
{
    query_facts f = scan_query(r);
    if (f.writes_file || f.has_write)
        st->cls = WB_STMT_DML;
    st->may_leak = f.sets_variable || (f.has_call && !f.has_write);
}

/* EXPLAIN ANALYZE, and ANALYZE of MariaDB, run what they show. The rows of a written table are written. */
void wb_read_my_explain(wb_reader *r, wb_statement *st)
{
    static const char *const writes[] = { "insert", "update", "delete", "replace" };
    bool runs = !st->is_repeatable || wb_accept(r, "analyze");
    if (!runs)
        return;
    st->is_repeatable = false;
    if (wb_accept(r, "format") && r->tok.kind == WB_TOK_SYMBOL) {
        wb_advance(r);
        wb_advance(r);
    }
    if (wb_is_one_of(r->tok, writes, WB_COUNT(writes)))
        st->cls = WB_STMT_DML;
    else
        wb_read_my_query(r, st);
}

/* LOAD DATA LOCAL reads a file beside the program, which is no part of the migration; the server sees no difference. */
void wb_read_my_load(wb_reader *r, wb_statement *st)
{
    if (!wb_token_is(r->tok, "data") && !wb_token_is(r->tok, "xml"))
        st->cls = WB_STMT_OTHER;
}

/* ---- session ---- */

#define REFUSED(name) { name, "SET " name " can't run in a transaction" }
static const struct variable_row {
    const char *name, *why;
} variable_rows[] = {
    REFUSED("sql_log_bin"),    REFUSED("binlog_format"), REFUSED("binlog_direct_non_transactional_updates"),
    REFUSED("gtid_next"),      REFUSED("gtid_domain_id"), REFUSED("gtid_seq_no"),
    REFUSED("server_id"),
};

static bool is_user_variable(wb_token before)
{
    return before.kind == WB_TOK_SYMBOL && before.p[before.len - 1] == '@' &&
           (before.len < 2 || before.p[before.len - 2] != '@');
}

/* At the name of a variable, in front of its value. */
static void note_variable(wb_reader *r, wb_statement *st)
{
    wb_token next = wb_lex_peek(&r->lex);
    if (next.kind != WB_TOK_SYMBOL || (*next.p != '=' && *next.p != ':'))
        return;
    if (wb_token_is(r->tok, "autocommit")) {
        st->cls = WB_STMT_TXN;
        st->txn = WB_TXN_OTHER;
        st->commits_implicitly = true;
    }
    for (size_t i = 0; i < WB_COUNT(variable_rows); i++) {
        if (wb_token_is(r->tok, variable_rows[i].name))
            st->refuses = variable_rows[i].why;
    }
}

void wb_read_my_set(wb_reader *r, wb_statement *st)
{
    static const char *const elsewhere[] = { "global", "persist", "persist_only" };
    if (wb_accept(r, "statement")) { /* MariaDB: SET STATEMENT max_statement_time=1 FOR SELECT ... */
        st->is_repeatable = false;
        if (wb_skip_to(r, "for"))
            wb_classify_rest(r, st);
        return;
    }
    if (wb_accept(r, "transaction")) { /* of the next one only */
        st->refuses = "SET TRANSACTION without SESSION can't run in a transaction";
        return;
    }
    bool is_elsewhere = false;
    wb_token before = { 0 };
    int depth = 0;
    for (; !wb_at_end(r); wb_advance(r)) {
        depth += wb_token_is_symbol(r->tok, '(') - wb_token_is_symbol(r->tok, ')');
        if (depth == 0 && wb_token_is_symbol(r->tok, ','))
            is_elsewhere = false;
        is_elsewhere |= wb_is_one_of(r->tok, elsewhere, WB_COUNT(elsewhere));
        if (depth == 0 && !is_elsewhere && r->tok.kind == WB_TOK_WORD && !is_user_variable(before))
            note_variable(r, st);
        before = r->tok;
    }
}

/* These two hold locks until UNLOCK TABLES. */
void wb_read_my_flush(wb_reader *r, wb_statement *st)
{
    wb_reader again = *r;
    if (wb_skip_to(r, "with read lock") || wb_skip_to(&again, "for export")) {
        st->cls = WB_STMT_SESSION;
        st->may_leak = true;
        st->is_repeatable = false;
    }
}

/* ---- transactions ---- */

/* [WORK] [AND [NO] CHAIN] RELEASE ends the connection. */
static bool ends_connection(const wb_reader *r)
{
    wb_reader ahead = *r;
    wb_token before = { 0 };
    for (; !wb_at_end(&ahead); wb_advance(&ahead)) {
        if (wb_token_is(ahead.tok, "release") && !wb_token_is(before, "no"))
            return true;
        before = ahead.tok;
    }
    return false;
}

void wb_read_my_commit(wb_reader *r, wb_statement *st)
{
    if (ends_connection(r))
        st->txn = WB_TXN_OTHER;
    else
        wb_read_commit(r, st);
}

void wb_read_my_rollback(wb_reader *r, wb_statement *st)
{
    if (ends_connection(r))
        st->txn = WB_TXN_OTHER;
    else
        wb_read_rollback(r, st);
}

void wb_read_my_other_txn(wb_reader *r, wb_statement *st)
{
    (void)r;
    st->txn = WB_TXN_OTHER;
}
