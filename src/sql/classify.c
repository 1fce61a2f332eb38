/*
 * classify.c - what a statement is: its kind, the object it is about, and whether a transaction can hold it.
 *
 * The table of the dialect names the verb; a small function reads on from there. Words only, no grammar: what is not
 * recognised stays unknown, and unknown is never an error. Facts: PostgreSQL 11 to 18, each statement tried in a
 * transaction of its own; SQLite 3.40, the same; MySQL 8.4, 15.3.3 for implicit commits.
 */
#include "sql/classify.h"

#include <string.h>

/* ---- objects ---- */

/* Longer phrases first. What stands behind the name and says on which table it is. */
static const struct object_row {
    const char *phrase, *object, *table_word;
} object_rows[] = {
    { "materialized view", "materialized view", NULL },
    { "foreign data wrapper", "foreign data wrapper", NULL },
    { "foreign table", "foreign table", NULL },
    { "virtual table", "table", NULL },
    { "event trigger", "event trigger", NULL },
    { "text search configuration", "text search configuration", NULL },
    { "text search dictionary", "text search dictionary", NULL },
    { "text search parser", "text search parser", NULL },
    { "text search template", "text search template", NULL },
    { "access method", "access method", NULL },
    { "operator class", "operator class", NULL },
    { "operator family", "operator family", NULL },
    { "table", "table", NULL },
    { "index", "index", "on" },
    { "view", "view", NULL },
    { "function", "function", NULL },
    { "procedure", "procedure", NULL },
    { "routine", "function", NULL },
    { "aggregate", "aggregate", NULL },
    { "trigger", "trigger", "on" },
    { "type", "type", NULL },
    { "domain", "domain", NULL },
    { "sequence", "sequence", NULL },
    { "schema", "schema", NULL },
    { "extension", "extension", NULL },
    { "policy", "policy", "on" },
    { "rule", "rule", "to" },
    { "role", "role", NULL },
    { "user", "role", NULL },
    { "group", "role", NULL },
    { "database", "database", NULL },
    { "tablespace", "tablespace", NULL },
    { "publication", "publication", NULL },
    { "subscription", "subscription", NULL },
    { "server", "server", NULL },
    { "collation", "collation", NULL },
    { "conversion", "conversion", NULL },
    { "statistics", "statistics", NULL },
    { "language", "language", NULL },
    { "event", "event", NULL },
    { "system", "system", NULL },
};

/* Kinds that have no name, or one that these structs can't hold. The table above would misread them. */
static const char *const nameless[] = { "user mapping", "default privileges", "owned by" };

static const struct object_row *read_object(wb_reader *r)
{
    for (size_t i = 0; i < WB_COUNT(nameless); i++) {
        if (wb_accept(r, nameless[i]))
            return NULL;
    }
    for (size_t i = 0; i < WB_COUNT(object_rows); i++) {
        if (wb_accept(r, object_rows[i].phrase))
            return &object_rows[i];
    }
    return NULL;
}

static void read_existence(wb_reader *r, wb_statement *st)
{
    if (r->lex.table->has_concurrently && wb_accept(r, "concurrently"))
        st->is_concurrent = true;
    if (wb_accept(r, "if not exists") || wb_accept(r, "if exists"))
        st->if_exists = true;
}

static void read_table_of(wb_reader *r, wb_statement *st, const char *word)
{
    if (!wb_skip_to(r, word))
        return;
    wb_accept(r, "only");
    wb_read_name(r, &st->table_schema, &st->table);
}

static bool is_object(const wb_statement *st, const char *object)
{
    return st->object && strcmp(st->object, object) == 0;
}

static bool is_table(const wb_statement *st) { return is_object(st, "table") || is_object(st, "foreign table"); }

static void copy_table(wb_statement *st)
{
    st->table_schema = st->schema;
    st->table = st->name;
}

/* pg_temp is the schema of temporary objects. */
static bool is_temporary_schema(wb_str schema) { return schema.len >= 7 && wb_word_eq(schema.p, 7, "pg_temp"); }

/* A subscription makes its replication slot over a connection of its own, which no rollback undoes. */
static const char *refusal_of_new_subscription(wb_reader *r)
{
    while (!wb_at_end(r)) {
        if (!wb_accept(r, "connect") && !wb_accept(r, "create_slot")) {
            wb_advance(r);
            continue;
        }
        if (wb_token_is_symbol(r->tok, '='))
            wb_advance(r);
        wb_str value = { r->tok.p, r->tok.len };
        if (wb_str_ieq(value, "false") || wb_str_ieq(value, "off") || wb_str_eq(value, "0") ||
            wb_str_ieq(value, "'false'") || wb_str_ieq(value, "'off'"))
            return NULL;
    }
    return "CREATE SUBSCRIPTION with a replication slot can't run in a transaction";
}

void wb_read_create(wb_reader *r, wb_statement *st)
{
    static const char *const modifiers[] = { "global",    "local",   "unlogged",   "unique",     "fulltext", "spatial",
                                             "recursive", "trusted", "procedural", "constraint", "default" };
    st->action = WB_ACT_CREATE;
    bool is_passed = true;
    while (is_passed) {
        is_passed = false;
        if (wb_accept(r, "or replace"))
            st->is_repeatable = is_passed = true;
        if (wb_accept(r, "temp") || wb_accept(r, "temporary"))
            st->may_leak = is_passed = true;
        for (size_t i = 0; i < WB_COUNT(modifiers); i++)
            is_passed |= wb_accept(r, modifiers[i]);
    }
    const struct object_row *row = read_object(r);
    if (!row)
        return;
    st->object = row->object;
    read_existence(r, st);
    if (!wb_token_is(r->tok, "on") && !wb_token_is(r->tok, "authorization")) /* it may have no name */
        wb_read_name(r, &st->schema, &st->name);
    if (is_table(st))
        copy_table(st);
    if (row->table_word)
        read_table_of(r, st, row->table_word);
    if (is_temporary_schema(st->schema))
        st->may_leak = true;
    if (is_object(st, "subscription"))
        st->refuses = refusal_of_new_subscription(r);
}

/* ---- ALTER ---- */

static const char *refusal_of_altered_subscription(wb_reader *r)
{
    static const char why[] = "ALTER SUBSCRIPTION that refreshes can't run in a transaction";
    if (wb_is_before(r, 140000))
        return NULL;
    if (wb_accept(r, "refresh"))
        return why;
    if (wb_accept(r, "set publication") || wb_accept(r, "add publication") || wb_accept(r, "drop publication")) {
        if (!wb_skip_to(r, "with"))
            return why;
        for (; !wb_at_end(r); wb_advance(r)) {
            if (wb_token_is(r->tok, "false") || wb_token_is(r->tok, "off"))
                return NULL;
        }
        return why;
    }
    if (wb_accept(r, "set") && !wb_is_before(r, 170000) && wb_token_is_symbol(r->tok, '(')) {
        wb_reader again = *r;
        if (wb_accept_options(r, "failover") || (!wb_is_before(r, 180000) && wb_accept_options(&again, "two_phase")))
            return "ALTER SUBSCRIPTION of this option can't run in a transaction";
    }
    return NULL;
}

static void read_altered_table(wb_reader *r, wb_statement *st)
{
    if (wb_skip_to(r, "detach partition") && wb_skip_to(r, "concurrently")) {
        st->is_concurrent = true;
        st->refuses = "ALTER TABLE ... DETACH PARTITION CONCURRENTLY can't run in a transaction";
    }
}

void wb_read_alter(wb_reader *r, wb_statement *st)
{
    st->action = WB_ACT_ALTER;
    wb_accept(r, "ignore");
    const struct object_row *row = read_object(r);
    if (!row)
        return;
    st->object = row->object;
    if (wb_accept(r, "all in tablespace"))
        return;
    read_existence(r, st);
    wb_accept(r, "only");
    wb_read_name(r, &st->schema, &st->name);
    if (wb_token_is_symbol(r->tok, '*'))
        wb_advance(r);
    if (is_table(st))
        copy_table(st);
    if (row->table_word && !is_object(st, "index") && wb_accept(r, "on"))
        wb_read_name(r, &st->table_schema, &st->table);
    if (wb_token_is(r->tok, "rename"))
        st->action = WB_ACT_RENAME;

    if (is_object(st, "table"))
        read_altered_table(r, st);
    else if (is_object(st, "database") && wb_accept(r, "set tablespace"))
        st->refuses = "ALTER DATABASE ... SET TABLESPACE can't run in a transaction";
    else if (is_object(st, "type") && wb_is_before(r, 120000) && wb_accept(r, "add value"))
        st->refuses = "ALTER TYPE ... ADD VALUE can't run in a transaction before PostgreSQL 12";
    else if (is_object(st, "subscription"))
        st->refuses = refusal_of_altered_subscription(r);
}

/* ---- DROP and others ---- */

/* Of several objects the first is told: they go together or not at all. */
void wb_read_drop(wb_reader *r, wb_statement *st)
{
    st->action = WB_ACT_DROP;
    if (wb_accept(r, "temporary"))
        st->may_leak = true;
    const struct object_row *row = read_object(r);
    if (!row)
        return;
    st->object = row->object;
    read_existence(r, st);
    wb_read_name(r, &st->schema, &st->name);
    if (is_table(st))
        copy_table(st);
    if (row->table_word && wb_accept(r, "on"))
        wb_read_name(r, &st->table_schema, &st->table);
}

void wb_read_truncate(wb_reader *r, wb_statement *st)
{
    st->action = WB_ACT_TRUNCATE;
    st->object = "table";
    wb_accept(r, "table");
    wb_accept(r, "only");
    wb_read_name(r, &st->schema, &st->name);
    copy_table(st);
}

/* Of a partitioned table REINDEX refuses too since PostgreSQL 14; the text does not tell which table is one. */
void wb_read_reindex(wb_reader *r, wb_statement *st)
{
    st->action = WB_ACT_REINDEX;
    if (wb_token_is_symbol(r->tok, '('))
        st->is_concurrent = wb_accept_options(r, "concurrently");
    const struct object_row *row = read_object(r);
    st->object = row ? row->object : NULL;
    read_existence(r, st);
    wb_read_name(r, &st->schema, &st->name);
    if (is_table(st))
        copy_table(st);
}

void wb_read_refresh(wb_reader *r, wb_statement *st)
{
    if (!wb_accept(r, "materialized view"))
        return;
    st->object = "materialized view";
    read_existence(r, st);
    wb_read_name(r, &st->schema, &st->name);
}

/* CLUSTER and REPACK without a table go through all of them, each in a transaction of its own. */
void wb_read_cluster(wb_reader *r, wb_statement *st)
{
    if (wb_token_is_symbol(r->tok, '('))
        st->is_concurrent = wb_accept_options(r, "concurrently");
    wb_accept(r, "verbose");
    if (wb_at_end(r))
        st->refuses = "CLUSTER or REPACK of all tables can't run in a transaction";
    else if (st->is_concurrent)
        st->refuses = "REPACK (CONCURRENTLY) can't run in a transaction";
}

/* ---- queries ---- */

/* Words before a parenthesis that are no call, and functions that leave nothing in the session. */
static bool is_harmless_before_paren(wb_token t)
{
    static const char *const words[] = {
        "in",           "values",    "as",         "from",       "exists",      "and",     "or",        "not",
        "on",           "where",     "by",         "over",       "select",      "using",   "any",       "all",
        "some",         "when",      "then",       "else",       "union",       "except",  "intersect", "join",
        "limit",        "offset",    "case",       "filter",     "with",        "having",  "lateral",   "distinct",
        "materialized", "is",        "like",       "between",    "returning",   "numeric", "decimal",   "varchar",
        "char",         "count",     "sum",        "min",        "max",         "avg",     "coalesce",  "nullif",
        "now",          "lower",     "upper",      "length",     "cast",        "exclude", "round",     "abs",
        "setval",       "array_agg", "string_agg", "row_number", "to_regclass", "format",  "concat",    "replace",
        "substr",       "substring", "greatest",   "least",
    };
    return wb_is_one_of(t, words, WB_COUNT(words));
}

typedef struct query_facts {
    bool has_call, has_into, has_writes, is_temporary;
} query_facts;

static bool begins_write(const wb_reader *r, wb_token before)
{
    static const char *const writes[] = { "insert", "update", "delete", "merge", "replace" };
    if (!wb_token_is_symbol(before, '(') && !wb_token_is_symbol(before, ')'))
        return false;
    if (!wb_is_one_of(r->tok, writes, WB_COUNT(writes)))
        return false;
    wb_reader ahead = *r;
    wb_advance(&ahead);
    return !wb_token_is_symbol(ahead.tok, '(') && !wb_token_is_symbol(ahead.tok, '.') &&
           !wb_token_is_symbol(ahead.tok, ',');
}

static query_facts scan_query(wb_reader *r)
{
    query_facts f = { 0 };
    wb_token before = { 0 };
    int depth = 0;
    for (; !wb_at_end(r); wb_advance(r)) {
        if (wb_token_is_symbol(r->tok, '(')) {
            depth++;
            if (before.kind == WB_TOK_NAME || (before.kind == WB_TOK_WORD && !is_harmless_before_paren(before)))
                f.has_call = true;
        } else if (wb_token_is_symbol(r->tok, ')')) {
            depth--;
        } else if (begins_write(r, before)) {
            f.has_writes = true;
        } else if (depth == 0 && wb_token_is(r->tok, "into")) {
            f.has_into = true;
            wb_reader ahead = *r;
            wb_advance(&ahead);
            f.is_temporary = wb_accept(&ahead, "temp") || wb_accept(&ahead, "temporary") || wb_accept(&ahead, "local temp") ||
                             wb_accept(&ahead, "local temporary");
        }
        before = r->tok;
    }
    return f;
}

/* A function may change a setting (set_config) or take a lock; text alone can't tell. SQLite has no such ones. */
static void apply_query(const wb_reader *r, wb_statement *st, query_facts f)
{
    bool can_leak = r->options->dialect != WB_SQL_SQLITE;
    if (f.has_into || f.has_writes)
        st->cls = WB_STMT_DML;
    st->may_leak = f.is_temporary || (can_leak && f.has_call && !f.has_writes);
}

void wb_read_query(wb_reader *r, wb_statement *st)
{
    query_facts f = scan_query(r);
    f.has_writes = false; /* a name of a column may look like it; only WITH can write */
    apply_query(r, st, f);
}

/* WITH x AS (...) SELECT, or a write, in front or behind. */
void wb_read_with(wb_reader *r, wb_statement *st) { apply_query(r, st, scan_query(r)); }

/* EXPLAIN ANALYZE runs what it explains. */
void wb_read_explain(wb_reader *r, wb_statement *st)
{
    bool runs = false;
    if (wb_token_is_symbol(r->tok, '('))
        runs = wb_accept_options(r, "analyze");
    for (; wb_token_is(r->tok, "analyze") || wb_token_is(r->tok, "verbose"); wb_advance(r))
        runs |= wb_token_is(r->tok, "analyze");
    if (!runs)
        return;
    st->is_repeatable = false;
    apply_query(r, st, scan_query(r));
    st->cls = WB_STMT_DML;
}

/* ---- session ---- */

void wb_read_set(wb_reader *r, wb_statement *st)
{
    /* These end with the transaction. */
    if (wb_accept(r, "local") || wb_accept(r, "constraints") || wb_accept(r, "transaction"))
        st->may_leak = false;
}

/* A cursor WITH HOLD outlives its transaction. */
void wb_read_declare(wb_reader *r, wb_statement *st) { st->may_leak = wb_skip_to(r, "with hold"); }

/* What SQLite 3.40 refuses, or ignores without a word, inside a transaction. */
static const struct pragma_row {
    const char *name, *why;
} pragma_rows[] = {
    { "foreign_keys", "PRAGMA foreign_keys has no effect in a transaction" },
    { "journal_mode", "PRAGMA journal_mode can't be changed in a transaction" },
    { "synchronous", "PRAGMA synchronous can't be changed in a transaction" },
    { "wal_checkpoint", "PRAGMA wal_checkpoint can't run in a transaction" },
};

/* Kept in the database file; all other settings belong to the connection. */
static const char *const lasting_pragmas[] = { "user_version", "application_id", "journal_mode",  "auto_vacuum",
                                               "page_size",    "encoding",       "schema_version" };

/* Asks or does, and sets nothing although it takes an argument in parentheses. */
static const char *const asking_pragmas[] = { "table_info",        "table_xinfo",       "table_list",
                                              "index_info",        "index_list",        "index_xinfo",
                                              "foreign_key_list",  "foreign_key_check", "integrity_check",
                                              "quick_check",       "optimize",          "wal_checkpoint",
                                              "incremental_vacuum" };

static bool is_in(wb_str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (wb_str_ieq(name, names[i]))
            return true;
    }
    return false;
}

void wb_read_pragma(wb_reader *r, wb_statement *st)
{
    wb_str schema = { 0 }, name = { 0 };
    wb_read_name(r, &schema, &name);
    bool sets = !wb_at_end(r);
    st->may_leak = sets && !is_in(name, lasting_pragmas, WB_COUNT(lasting_pragmas)) &&
                   !is_in(name, asking_pragmas, WB_COUNT(asking_pragmas));
    for (size_t i = 0; i < WB_COUNT(pragma_rows); i++) {
        if (wb_str_ieq(name, pragma_rows[i].name) && (sets || i == WB_COUNT(pragma_rows) - 1))
            st->refuses = pragma_rows[i].why;
    }
}

/* ---- transactions ---- */

/* From the next token to the last one of the statement. */
static wb_str rest_of(const wb_reader *r)
{
    if (wb_at_end(r))
        return (wb_str){ r->tok.p, 0 };
    return (wb_str){ r->tok.p, (size_t)(r->lex.end - r->tok.p) };
}

void wb_read_begin(wb_reader *r, wb_statement *st)
{
    st->txn = WB_TXN_BEGIN;
    if (!wb_accept(r, "work"))
        wb_accept(r, "transaction");
    st->modes = rest_of(r);
}

static bool accept_chain(wb_reader *r)
{
    if (!wb_accept(r, "work"))
        wb_accept(r, "transaction");
    return wb_accept(r, "and chain");
}

void wb_read_commit(wb_reader *r, wb_statement *st) { st->txn = accept_chain(r) ? WB_TXN_COMMIT_CHAIN : WB_TXN_COMMIT; }

void wb_read_rollback(wb_reader *r, wb_statement *st)
{
    wb_reader start = *r;
    if (!wb_accept(r, "work"))
        wb_accept(r, "transaction");
    if (wb_accept(r, "to")) {
        st->txn = WB_TXN_ROLLBACK_TO;
        return;
    }
    *r = start;
    st->txn = WB_TXN_ROLLBACK;
    if (accept_chain(r))
        st->modes = rest_of(&start); /* scan.c: the next transaction is open already */
}

void wb_read_savepoint(wb_reader *r, wb_statement *st)
{
    (void)r;
    st->txn = WB_TXN_SAVEPOINT;
}

void wb_read_release(wb_reader *r, wb_statement *st)
{
    (void)r;
    st->txn = WB_TXN_RELEASE;
}

void wb_read_prepared(wb_reader *r, wb_statement *st)
{
    (void)r;
    st->txn = WB_TXN_PREPARE;
}

/* ---- the tables ---- */

static const wb_verb *find_verb(wb_reader *r)
{
    char initial = r->tok.kind == WB_TOK_WORD ? (char)(*r->tok.p | 0x20) : 0;
    for (const wb_verb *v = r->lex.table->verbs; v->phrase; v++) {
        if (initial == *v->phrase && wb_accept(r, v->phrase))
            return v;
    }
    return NULL;
}

static const char *find_refusal(const wb_reader *r, const wb_statement *st)
{
    for (const wb_refusal *row = r->lex.table->refusals; row && row->why; row++) {
        if (row->action != st->action || (row->only_concurrent && !st->is_concurrent))
            continue;
        if (!row->object || is_object(st, row->object))
            return row->why;
    }
    return NULL;
}

void wb_classify_rest(wb_reader *r, wb_statement *st)
{
    while (wb_token_is_symbol(r->tok, '(')) /* (SELECT 1) UNION ... */
        wb_advance(r);
    st->cls = WB_STMT_OTHER;
    st->may_commit = r->lex.table->commits_ddl;
    const wb_verb *verb = find_verb(r);
    if (!verb && r->lex.table->has_blocks && wb_token_is_symbol(wb_lex_peek(&r->lex), ':')) { /* a label */
        wb_advance(r);
        wb_advance(r);
        verb = find_verb(r);
    }
    if (!verb)
        return;
    st->cls = verb->cls;
    st->refuses = verb->refuses;
    st->may_leak = verb->flags & WB_VERB_LEAKS;
    st->is_repeatable = verb->flags & WB_VERB_REPEATABLE;
    st->commits_implicitly = verb->flags & WB_VERB_COMMITS;
    st->may_commit = verb->flags & WB_VERB_MAY_COMMIT;
    if (verb->read)
        verb->read(r, st);
    if (!st->refuses && st->action != WB_ACT_NONE)
        st->refuses = find_refusal(r, st);
    st->may_commit |= st->commits_implicitly;
}

void wb_classify(const wb_sql_options *options, const char *text, wb_statement *st)
{
    wb_reader r;
    wb_reader_start(&r, options, text + st->offset, st->len);
    wb_classify_rest(&r, st);
}
