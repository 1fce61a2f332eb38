/*
 * clauses.c - the clauses of ALTER TABLE of MySQL and MariaDB, one by one and coarsely.
 *
 * A clause ends at a comma outside of parentheses; options of the table may follow each other without one. What stands
 * behind a name is not looked into. Facts: MySQL 8.4, 15.1.9 and 15.1.15; MariaDB, ALTER TABLE.
 */
#include "sql/ddl.h"

#include <string.h>

typedef struct clauses {
    wb_reader *r;
    wb_clause_fn fn;
    void *user;
    wb_sql_clause c;
    const char *last; /* end of the last token that was passed */
} clauses;

/* ---- small steps ---- */

static void step(clauses *s)
{
    s->last = s->r->tok.p + s->r->tok.len;
    wb_advance(s->r);
}

static bool pass(clauses *s, const char *phrase)
{
    wb_token first = s->r->tok;
    if (!wb_accept(s->r, phrase))
        return false;
    s->last = first.p + first.len; /* good enough: more tokens follow, or the clause has no rest */
    return true;
}

static bool is(const clauses *s, const char *word) { return wb_token_is(s->r->tok, word); }

static bool is_open(const clauses *s) { return wb_token_is_symbol(s->r->tok, '('); }

static bool ends_clause(const clauses *s) { return wb_at_end(s->r) || wb_token_is_symbol(s->r->tok, ','); }

static void pass_group(clauses *s)
{
    int depth = 0;
    do {
        depth += wb_token_is_symbol(s->r->tok, '(') - wb_token_is_symbol(s->r->tok, ')');
        step(s);
    } while (depth > 0 && !wb_at_end(s->r));
}

/* A plain name that is not one of the words which would stand here without it. */
static void read_clause_name(clauses *s)
{
    wb_str schema;
    if (!is_open(s) && !ends_clause(s))
        wb_read_name(s->r, &schema, &s->c.name);
}

static void read_existence(clauses *s) { s->c.if_exists = pass(s, "if not exists") || pass(s, "if exists"); }

static void set_kind(clauses *s, const char *verb, const char *kind)
{
    s->c.verb = verb;
    s->c.kind = kind;
}

/* ---- the end of a clause ---- */

static int emit(clauses *s, const char *start, const char *rest, const char *end)
{
    while (end > start && strchr(" \t\r\n\f\v", end[-1]))
        end--;
    s->c.text = (wb_str){ start, (size_t)(end - start) };
    s->c.rest = (wb_str){ rest, rest < end ? (size_t)(end - rest) : 0 };
    return s->fn(s->user, &s->c);
}

/* The rest goes to the comma, or to the end of the statement for those that have lists of their own. */
static int finish(clauses *s, const char *start, bool takes_all)
{
    const char *rest = s->r->tok.p, *end = rest;
    while (!wb_at_end(s->r) && (takes_all || !ends_clause(s))) {
        if (is_open(s))
            pass_group(s);
        else
            step(s);
        end = s->last;
    }
    if (end == rest) { /* nothing behind the name */
        end = s->r->tok.p;
        rest = end;
    }
    return emit(s, start, rest, end);
}

/* ---- ADD ---- */

/* [name] of an index in front of its columns or its type. */
static void read_index_name(clauses *s)
{
    read_existence(s);
    if (!is(s, "using") && !is(s, "type"))
        read_clause_name(s);
}

static bool read_index_kind(clauses *s)
{
    static const char *const types[] = { "fulltext", "spatial", "vector" };
    for (size_t i = 0; i < WB_COUNT(types); i++) {
        wb_token next = wb_lex_peek(&s->r->lex);
        bool is_type = is(s, types[i]) && (i < 2 || wb_token_is(next, "index") || wb_token_is(next, "key"));
        if (is_type && pass(s, types[i])) {
            s->c.index_type = types[i];
            if (!pass(s, "index"))
                pass(s, "key");
            return true;
        }
    }
    return pass(s, "index") || pass(s, "key");
}

static bool read_constraint_kind(clauses *s)
{
    if (pass(s, "primary key")) {
        s->c.kind = "primary key";
    } else if (pass(s, "foreign key")) {
        s->c.kind = "foreign key";
        wb_str symbol = s->c.name;
        read_index_name(s); /* of an index that is made when there is none yet */
        s->c.name = symbol;
    } else if (pass(s, "unique")) {
        s->c.kind = "index";
        s->c.is_unique = true;
        if (!pass(s, "index"))
            pass(s, "key");
        read_index_name(s); /* without one the constraint's name serves */
    } else if (is(s, "check") && wb_token_is_symbol(wb_lex_peek(&s->r->lex), '(')) {
        pass(s, "check");
        s->c.kind = "check";
    } else {
        return false;
    }
    return true;
}

static bool begins_constraint(const clauses *s)
{
    return is(s, "primary") || is(s, "foreign") || is(s, "unique") || is(s, "check");
}

/* ADD (a INT, b INT): one clause for each; an index may be among them (MariaDB). */
static int read_column_list(clauses *s)
{
    wb_sql_clause blank = s->c;
    int rc = 0;
    step(s);
    while (rc == 0 && !wb_at_end(s->r) && !wb_token_is_symbol(s->r->tok, ')')) {
        const char *start = s->r->tok.p, *end = start;
        s->c = blank;
        if (read_index_kind(s)) {
            s->c.kind = "index";
            read_index_name(s);
        } else if (!read_constraint_kind(s)) {
            read_clause_name(s);
        }
        const char *rest = s->r->tok.p;
        end = s->r->tok.p;
        while (!ends_clause(s) && !wb_token_is_symbol(s->r->tok, ')')) {
            if (is_open(s))
                pass_group(s);
            else
                step(s);
            end = s->last;
        }
        rc = emit(s, start, rest, end);
        if (s->r->tok.p == start || !wb_token_is_symbol(s->r->tok, ','))
            break;
        step(s);
    }
    while (!ends_clause(s))
        step(s);
    return rc;
}

static int read_add(clauses *s, const char *start)
{
    set_kind(s, "add", "column");
    if (pass(s, "partition")) {
        set_kind(s, "add", "partition");
        read_existence(s);
        return finish(s, start, true);
    }
    if (pass(s, "system versioning")) {
        set_kind(s, "add", "system versioning");
    } else if (pass(s, "period for")) {
        set_kind(s, "add", "period");
        read_clause_name(s);
    } else if (pass(s, "constraint")) {
        read_existence(s);
        if (!begins_constraint(s))
            read_clause_name(s);
        if (!read_constraint_kind(s))
            s->c.kind = "constraint";
    } else if (!read_constraint_kind(s)) {
        if (read_index_kind(s)) {
            s->c.kind = "index";
            read_index_name(s);
        } else {
            pass(s, "column");
            read_existence(s);
            if (is_open(s))
                return read_column_list(s);
            read_clause_name(s);
        }
    }
    return finish(s, start, false);
}

/* ---- the other verbs ---- */

static int read_drop(clauses *s, const char *start)
{
    static const struct {
        const char *phrase, *kind;
        bool takes_all;
    } rows[] = {
        { "primary key", "primary key", false },
        { "foreign key", "foreign key", false },
        { "partition", "partition", true },
        { "system versioning", "system versioning", false },
        { "period for", "period", false },
        { "constraint", "constraint", false },
        { "check", "check", false },
        { "index", "index", false },
        { "key", "index", false },
    };
    set_kind(s, "drop", "column");
    bool takes_all = false, is_found = false;
    for (size_t i = 0; i < WB_COUNT(rows) && !is_found; i++) {
        if (pass(s, rows[i].phrase)) {
            s->c.kind = rows[i].kind;
            takes_all = rows[i].takes_all;
            is_found = true;
        }
    }
    if (!is_found)
        pass(s, "column");
    read_existence(s);
    read_clause_name(s);
    return finish(s, start, takes_all);
}

static int read_modify(clauses *s, const char *start)
{
    set_kind(s, "modify", "column");
    pass(s, "column");
    read_existence(s);
    read_clause_name(s);
    return finish(s, start, false);
}

static int read_change(clauses *s, const char *start)
{
    set_kind(s, "change", "column");
    pass(s, "column");
    read_existence(s);
    read_clause_name(s);
    wb_read_name(s->r, &s->c.new_schema, &s->c.new_name);
    return finish(s, start, false);
}

static int read_alter(clauses *s, const char *start)
{
    set_kind(s, "alter", "column");
    if (pass(s, "index") || pass(s, "key"))
        s->c.kind = "index";
    else if (pass(s, "check"))
        s->c.kind = "check";
    else if (pass(s, "constraint"))
        s->c.kind = "constraint";
    else
        pass(s, "column");
    read_existence(s);
    read_clause_name(s);
    return finish(s, start, false);
}

/* RENAME COLUMN a TO b, RENAME INDEX a TO b, RENAME [TO | AS | =] t. */
static int read_rename(clauses *s, const char *start)
{
    set_kind(s, "rename", "table");
    bool has_old = true;
    if (pass(s, "column"))
        s->c.kind = "column";
    else if (pass(s, "index") || pass(s, "key"))
        s->c.kind = "index";
    else
        has_old = false;
    if (has_old) {
        read_existence(s);
        read_clause_name(s);
    }
    if (!pass(s, "to") && !pass(s, "as") && wb_token_is_symbol(s->r->tok, '='))
        step(s);
    wb_read_name(s->r, &s->c.new_schema, &s->c.new_name);
    return finish(s, start, false);
}

static int read_convert(clauses *s, const char *start)
{
    set_kind(s, "convert", "charset");
    if (pass(s, "partition") || is(s, "table")) {
        s->c.kind = "partition";
        if (!is(s, "table"))
            read_clause_name(s);
        return finish(s, start, true);
    }
    if (!pass(s, "to character set"))
        pass(s, "to charset");
    return finish(s, start, false);
}

static int read_keys(clauses *s, const char *start, const char *verb)
{
    set_kind(s, verb, pass(s, "keys") ? "keys" : NULL);
    return finish(s, start, false);
}

/* DISCARD TABLESPACE, DISCARD PARTITION p TABLESPACE */
static int read_tablespace(clauses *s, const char *start, const char *verb)
{
    set_kind(s, verb, "tablespace");
    pass(s, "tablespace");
    return finish(s, start, true);
}

static int read_partition(clauses *s, const char *start, const char *verb)
{
    if (!pass(s, "partition"))
        return finish(s, start, false);
    set_kind(s, verb, "partition");
    read_clause_name(s);
    return finish(s, start, true);
}

static int read_simple(clauses *s, const char *start, const char *verb, const char *kind, bool takes_all)
{
    set_kind(s, verb, kind);
    return finish(s, start, takes_all);
}

/* ---- options ---- */

static const struct option_row {
    const char *phrase, *kind;
} option_rows[] = {
    { "default character set", "charset" },
    { "default charset", "charset" },
    { "default collate", "collate" },
    { "character set", "charset" },
    { "charset", "charset" },
    { "collate", "collate" },
    { "engine", "engine" },
    { "type", "engine" },
    { "auto_increment", "auto_increment" },
    { "comment", "comment" },
    { "row_format", "row_format" },
    { "algorithm", "algorithm" },
    { "lock", "lock" },
    { "key_block_size", "key_block_size" },
    { "checksum", "checksum" },
    { "table_checksum", "checksum" },
    { "page_checksum", "checksum" },
    { "avg_row_length", "avg_row_length" },
    { "max_rows", "max_rows" },
    { "min_rows", "min_rows" },
    { "pack_keys", "pack_keys" },
    { "delay_key_write", "delay_key_write" },
    { "stats_persistent", "stats" },
    { "stats_auto_recalc", "stats" },
    { "stats_sample_pages", "stats" },
    { "compression", "compression" },
    { "encryption", "encryption" },
    { "page_compressed", "page_compressed" },
    { "page_compression_level", "compression" },
    { "encrypted", "encryption" },
    { "encryption_key_id", "encryption" },
    { "insert_method", "insert_method" },
    { "union", "union" },
    { "data directory", "directory" },
    { "index directory", "directory" },
    { "connection", "connection" },
    { "password", "password" },
    { "transactional", "transactional" },
    { "sequence", "sequence" },
    { "secondary_engine", "secondary_engine" },
    { "engine_attribute", "engine_attribute" },
    { "secondary_engine_attribute", "secondary_engine_attribute" },
    { "autoextend_size", "autoextend_size" },
    { "tablespace", "tablespace" },
    { "start transaction", "start transaction" },
};

/* The value of an option is one token, or a group in parentheses; the next option may follow at once. */
static int read_value(clauses *s, const char *start)
{
    if (wb_token_is_symbol(s->r->tok, '='))
        step(s);
    const char *value = s->r->tok.p, *end = value;
    if (!ends_clause(s)) {
        if (is_open(s))
            pass_group(s);
        else
            step(s);
        end = s->last;
    }
    return emit(s, start, value, end);
}

static int read_option(clauses *s, const char *start)
{
    for (size_t i = 0; i < WB_COUNT(option_rows); i++) {
        if (pass(s, option_rows[i].phrase)) {
            set_kind(s, "set", option_rows[i].kind);
            return read_value(s, start);
        }
    }
    if (pass(s, "with validation") || pass(s, "without validation"))
        return read_simple(s, start, "set", "validation", false);
    step(s); /* an option that only some engine knows: NAME = value */
    if (!wb_token_is_symbol(s->r->tok, '='))
        return finish(s, start, false);
    s->c.verb = "set";
    return read_value(s, start);
}

/* ---- all of them ---- */

static int read_clause(clauses *s)
{
    static const char *const of_partitions[] = { "truncate", "coalesce", "reorganize", "exchange", "analyze",
                                                 "check",    "optimize", "rebuild",    "repair" };
    const char *start = s->r->tok.p;
    s->c = (wb_sql_clause){ 0 };
    if (pass(s, "add"))
        return read_add(s, start);
    if (pass(s, "drop"))
        return read_drop(s, start);
    if (pass(s, "modify"))
        return read_modify(s, start);
    if (pass(s, "change"))
        return read_change(s, start);
    if (pass(s, "alter"))
        return read_alter(s, start);
    if (pass(s, "rename"))
        return read_rename(s, start);
    if (pass(s, "convert"))
        return read_convert(s, start);
    if (pass(s, "order by"))
        return read_simple(s, start, "order", "rows", true);
    if (pass(s, "enable"))
        return read_keys(s, start, "enable");
    if (pass(s, "disable"))
        return read_keys(s, start, "disable");
    if (pass(s, "discard"))
        return read_tablespace(s, start, "discard");
    if (pass(s, "import"))
        return read_tablespace(s, start, "import");
    if (pass(s, "force"))
        return read_simple(s, start, "force", "table", false);
    if (pass(s, "remove partitioning"))
        return read_simple(s, start, "remove", "partitioning", false);
    if (pass(s, "partition by"))
        return read_simple(s, start, "set", "partitioning", true);
    for (size_t i = 0; i < WB_COUNT(of_partitions); i++) {
        if (pass(s, of_partitions[i]))
            return read_partition(s, start, of_partitions[i]);
    }
    return read_option(s, start);
}

int wb_ddl_clauses(wb_reader *r, wb_clause_fn fn, void *user)
{
    clauses s = { .r = r, .fn = fn, .user = user };
    int rc = 0;
    while (rc == 0 && !wb_at_end(r)) {
        const char *start = r->tok.p;
        rc = read_clause(&s);
        if (wb_token_is_symbol(r->tok, ','))
            wb_advance(r);
        else if (r->tok.p == start) /* no step was made: never again */
            break;
    }
    return rc;
}

/* ---- CREATE INDEX and DROP INDEX ---- */

/* (columns) and options of the index; ALGORITHM and LOCK follow as clauses of their own. */
static int read_index(clauses *s, const char *start)
{
    const char *rest = s->r->tok.p, *end = rest;
    while (!wb_at_end(s->r) && !is(s, "algorithm") && !is(s, "lock")) {
        if (is_open(s))
            pass_group(s);
        else
            step(s);
        end = s->last;
    }
    if (end == rest)
        end = rest = s->r->tok.p;
    int rc = emit(s, start, rest, end);
    while (rc == 0 && !wb_at_end(s->r)) {
        s->c = (wb_sql_clause){ 0 };
        rc = read_option(s, s->r->tok.p);
    }
    return rc;
}

static int read_create_index(clauses *s)
{
    const char *start = s->r->tok.p;
    set_kind(s, "add", "index");
    wb_accept(s->r, "or replace");
    if (!pass(s, "online"))
        pass(s, "offline");
    s->c.is_unique = pass(s, "unique");
    if (!read_index_kind(s))
        return 0;
    read_existence(s);
    read_clause_name(s);
    wb_str schema, table;
    if (wb_skip_to(s->r, "on"))
        wb_read_name(s->r, &schema, &table);
    return read_index(s, start);
}

static int read_drop_index(clauses *s)
{
    const char *start = s->r->tok.p;
    set_kind(s, "drop", "index");
    pass(s, "online");
    if (!pass(s, "index"))
        return 0;
    read_existence(s);
    read_clause_name(s);
    wb_str schema, table;
    if (pass(s, "on"))
        wb_read_name(s->r, &schema, &table);
    return read_index(s, start);
}

static int read_alter_table(clauses *s)
{
    wb_str schema, table;
    pass(s, "online");
    pass(s, "ignore");
    if (!pass(s, "table"))
        return 0;
    pass(s, "if exists");
    if (!wb_read_name(s->r, &schema, &table))
        return 0;
    if (pass(s, "wait"))
        step(s);
    else
        pass(s, "nowait");
    return wb_ddl_clauses(s->r, s->fn, s->user);
}

int wb_ddl_statement_clauses(wb_reader *r, wb_clause_fn fn, void *user)
{
    clauses s = { .r = r, .fn = fn, .user = user };
    wb_ddl_pass_set(r);
    if (wb_accept(r, "alter"))
        return read_alter_table(&s);
    if (wb_accept(r, "create"))
        return read_create_index(&s);
    if (wb_accept(r, "drop"))
        return read_drop_index(&s);
    return 0;
}
