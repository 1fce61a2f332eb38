/*
 * foresee.c - how the server would carry out an ALTER TABLE or an index statement: at once, in place, or by copying the
 * table, and whether writes wait meanwhile. For plans; nothing is decided by it.
 *
 * The rules are one table, a row for each kind of clause, with a column for each server. Which row a MODIFY belongs to
 * depends on the column as it is, so that is asked. A test runs every row on both servers with ALGORITHM= and LOCK=,
 * where the server refuses what it can't do. What is not in the table is not guessed: then there is nothing to say.
 * Owns nothing. Facts: MySQL 8.4 manual, 17.12.1 ("Online DDL Operations", with the versions of 8.0), 15.1.9; MariaDB
 * Knowledge Base, "InnoDB Online DDL Operations with the INSTANT / NOCOPY / INPLACE Alter Algorithm".
 */
#include "driver/mysql/my.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the rules ---- */

typedef enum clause {
    C_NOTHING,
    C_ADD_COLUMN,
    C_ADD_VIRTUAL,
    C_ADD_STORED,
    C_ADD_COUNTER,
    C_ADD_EXPRESSION,
    C_DROP_COLUMN,
    C_RENAME_COLUMN,
    C_REORDER,
    C_DEFAULT,
    C_TYPE,
    C_LONGER,
    C_LONGER_SHORT,
    C_MEMBERS,
    C_NULLABLE,
    C_COLLATION,
    C_INDEXED_COLLATION,
    C_ADD_INDEX,
    C_ADD_FULLTEXT,
    C_ADD_SPATIAL,
    C_DROP_INDEX,
    C_RENAME_INDEX,
    C_VISIBILITY,
    C_ADD_PRIMARY,
    C_DROP_PRIMARY,
    C_REPLACE_PRIMARY,
    C_ADD_FOREIGN,
    C_DROP_FOREIGN,
    C_ADD_CHECK,
    C_DROP_CHECK,
    C_RENAME_TABLE,
    C_CONVERT,
    C_OPTION,
    C_REBUILD,
    C_ENGINE,
    C_VERSIONING,
    C_COUNT,
    C_UNKNOWN
} clause;

typedef enum way { W_INSTANT, W_NOCOPY, W_REBUILD, W_COPY } way;
typedef struct cost {
    way way;
    bool writes_wait;
} cost;

#define INSTANT                                                                                                        \
    {                                                                                                                  \
        W_INSTANT, false                                                                                               \
    }
#define NOCOPY                                                                                                         \
    {                                                                                                                  \
        W_NOCOPY, false                                                                                                \
    }
#define NOCOPY_WAITS                                                                                                   \
    {                                                                                                                  \
        W_NOCOPY, true                                                                                                 \
    }
#define REBUILD                                                                                                        \
    {                                                                                                                  \
        W_REBUILD, false                                                                                               \
    }
#define REBUILD_WAITS                                                                                                  \
    {                                                                                                                  \
        W_REBUILD, true                                                                                                \
    }
#define COPY                                                                                                           \
    {                                                                                                                  \
        W_COPY, true                                                                                                   \
    }

/* Page numbers are those of the heads of the two manuals above. */
static const struct rule {
    const char *what;
    cost mysql;
    uint32_t mysql_since; /* before it: mysql_before */
    cost mysql_before, mariadb;
    const char *page; /* table of MySQL 17.12.1; section of the MariaDB pages */
} rules[C_COUNT] = {
    [C_NOTHING] = { "definition only", INSTANT, 80000, INSTANT, INSTANT, "Column Operations; Column" },
    [C_ADD_COLUMN] = { "add a column", INSTANT, 80029, REBUILD, INSTANT, "Column Operations; ADD COLUMN" },
    [C_ADD_VIRTUAL] = { "add a virtual column", INSTANT, 80000, INSTANT, INSTANT, "Generated Column; ADD COLUMN" },
    [C_ADD_STORED] = { "add a stored generated column", COPY, 80000, COPY, COPY, "Generated Column; ADD COLUMN" },
    [C_ADD_COUNTER] = { "add an AUTO_INCREMENT column", REBUILD_WAITS, 80000, REBUILD_WAITS, REBUILD_WAITS,
                        "Column Operations; ADD COLUMN" },
    [C_ADD_EXPRESSION] = { "add a column with an expression as default", COPY, 80000, COPY, COPY,
                           "Column Operations; ADD COLUMN" },
    [C_DROP_COLUMN] = { "drop a column", INSTANT, 80029, REBUILD, INSTANT, "Column Operations; DROP COLUMN" },
    [C_RENAME_COLUMN] = { "rename a column", INSTANT, 80028, NOCOPY, INSTANT, "Column Operations; CHANGE COLUMN" },
    [C_REORDER] = { "move a column", REBUILD, 80000, REBUILD, INSTANT, "Column Operations; Reordering" },
    [C_DEFAULT] = { "change a default", INSTANT, 80000, INSTANT, INSTANT, "Column Operations; ALTER COLUMN" },
    [C_TYPE] = { "change a column's type", COPY, 80000, COPY, COPY, "Column Operations; Changing the Data Type" },
    [C_LONGER] = { "make a VARCHAR longer", NOCOPY, 80000, NOCOPY, INSTANT,
                   "Column Operations; Extending the Length of a VARCHAR" },
    [C_LONGER_SHORT] = { "make a VARCHAR longer than 255 bytes", COPY, 80000, COPY, INSTANT,
                         "Column Operations; Extending the Length of a VARCHAR" },
    [C_MEMBERS] = { "add members to an ENUM or SET", INSTANT, 80000, INSTANT, INSTANT,
                    "Column Operations; Adding a New ENUM Option" },
    [C_NULLABLE] = { "change whether a column may be NULL", REBUILD, 80000, REBUILD, REBUILD,
                     "Column Operations; Changing a Column to NULL" },
    [C_COLLATION] = { "change a collation", NOCOPY, 80000, NOCOPY, INSTANT, "Column Operations; MODIFY COLUMN" },
    [C_INDEXED_COLLATION] = { "change the collation of an indexed column", COPY, 80000, COPY, NOCOPY,
                              "Column Operations; MODIFY COLUMN" },
    [C_ADD_INDEX] = { "add an index", NOCOPY, 80000, NOCOPY, NOCOPY, "Index Operations; ADD INDEX" },
    [C_ADD_FULLTEXT] = { "add a FULLTEXT index", REBUILD_WAITS, 80000, REBUILD_WAITS, REBUILD_WAITS,
                         "Index Operations; ADD FULLTEXT INDEX" },
    [C_ADD_SPATIAL] = { "add a SPATIAL index", NOCOPY_WAITS, 80000, NOCOPY_WAITS, NOCOPY_WAITS,
                        "Index Operations; ADD SPATIAL INDEX" },
    [C_DROP_INDEX] = { "drop an index", NOCOPY, 80000, NOCOPY, NOCOPY, "Index Operations; DROP INDEX" },
    [C_RENAME_INDEX] = { "rename an index", NOCOPY, 80000, NOCOPY, INSTANT, "Index Operations; RENAME INDEX" },
    [C_VISIBILITY] = { "hide or show an index", NOCOPY, 80000, NOCOPY, INSTANT, "Index Operations; ALTER INDEX" },
    [C_ADD_PRIMARY] = { "add a primary key", REBUILD, 80000, REBUILD, REBUILD,
                        "Primary Key Operations; ADD PRIMARY KEY" },
    [C_DROP_PRIMARY] = { "drop the primary key", COPY, 80000, COPY, COPY, "Primary Key Operations; DROP PRIMARY KEY" },
    [C_REPLACE_PRIMARY] = { "replace the primary key", REBUILD, 80000, REBUILD, REBUILD,
                            "Primary Key Operations; ADD PRIMARY KEY" },
    [C_ADD_FOREIGN] = { "add a foreign key", COPY, 80000, COPY, COPY, "Foreign Key Operations; ADD FOREIGN KEY" },
    [C_DROP_FOREIGN] = { "drop a foreign key", NOCOPY, 80000, NOCOPY, INSTANT,
                         "Foreign Key Operations; DROP FOREIGN KEY" },
    [C_ADD_CHECK] = { "add a CHECK", COPY, 80000, COPY, COPY, "15.1.9; ADD CONSTRAINT" },
    [C_DROP_CHECK] = { "drop a CHECK", INSTANT, 80000, INSTANT, INSTANT, "15.1.9; DROP CONSTRAINT" },
    [C_RENAME_TABLE] = { "rename the table", INSTANT, 80000, INSTANT, INSTANT, "Table Operations; RENAME TO" },
    [C_CONVERT] = { "convert the character set", COPY, 80000, COPY, COPY, "Table Operations; CONVERT TO" },
    [C_OPTION] = { "change a table option", NOCOPY, 80000, NOCOPY, INSTANT, "Table Operations; Table options" },
    [C_REBUILD] = { "rebuild the table", REBUILD, 80000, REBUILD, REBUILD, "Table Operations; FORCE" },
    [C_ENGINE] = { "change the engine", COPY, 80000, COPY, COPY, "15.1.9; ENGINE" },
    [C_VERSIONING] = { "add system versioning", COPY, 80000, COPY, COPY, "-; System-Versioned Tables" },
};

/* ---- the table as it is ---- */

typedef struct column {
    char name[260];
    const char *type, *character_set, *collation;
    bool is_nullable, is_generated, is_virtual, is_indexed;
    int64_t bytes_max; /* of one value; 0: no text */
} column;

typedef struct table {
    wb_arena *mem;
    column *columns;
    size_t count, cap;
    bool exists, is_innodb, is_out_of_memory;
    char engine[40], collation[80];
    int64_t rows, size_mb;
} table;

static bool has_word(wb_str cell, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= cell.len; i++)
        if (strncasecmp(cell.p + i, word, n) == 0)
            return true;
    return false;
}

static const char *keep(wb_arena *mem, wb_str cell) { return wb_arena_str(mem, cell.p ? cell.p : "", cell.len); }

static int read_table(void *user, size_t index, const wb_str *cells, size_t count)
{
    table *t = user;
    (void)count;
    if (index == 0) {
        wb_copy_text(t->engine, sizeof t->engine, cells[0].p ? cells[0].p : "", cells[0].len);
        wb_copy_text(t->collation, sizeof t->collation, cells[1].p ? cells[1].p : "", cells[1].len);
        t->rows = my_number(cells[2]);
        t->size_mb = my_number(cells[3]);
        t->exists = true;
        t->is_innodb = strcasecmp(t->engine, "InnoDB") == 0;
        return 0;
    }
    column *c = WB_PUSH(t->mem, t->columns, t->count, t->cap);
    if (!c)
        return WBL_E_NOMEM;
    wb_copy_text(c->name, sizeof c->name, cells[0].p, cells[0].len);
    c->type = keep(t->mem, cells[1]);
    c->is_nullable = wb_str_eq(cells[2], "YES");
    c->character_set = keep(t->mem, cells[3]);
    c->collation = keep(t->mem, cells[4]);
    c->is_generated = has_word(cells[5], "generated") && !has_word(cells[5], "default_generated");
    c->is_virtual = has_word(cells[5], "virtual");
    c->bytes_max = my_number(cells[6]);
    c->is_indexed = cells[7].len > 0;
    return c->type && c->character_set && c->collation ? 0 : WBL_E_NOMEM;
}

static int ask_table(wb_ctx *cx, my_session *s, const my_subject *x, table *out)
{
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX), where = WB_BUF(WB_TEXT_MAX);
    const char *in = x->schema.len ? wb_sql_name(out->mem, WB_SQL_MYSQL, x->schema) : "";
    const char *of = wb_sql_name(out->mem, WB_SQL_MYSQL, x->name);
    if (!in || !of)
        return wb_nomem(cx);
    wb_buf_str(&where, " WHERE table_schema = ");
    if (*in)
        my_literal(&where, s, in);
    else
        wb_buf_str(&where, "DATABASE()");
    wb_buf_str(&where, " AND table_name = ");
    my_literal(&where, s, of);
    const char *condition = wb_buf_cstr(&where);
    if (!condition)
        return wb_nomem(cx);
    wb_buf_addf(&sql,
                "SELECT engine, table_collation, table_rows, (data_length + index_length) DIV 1048576 "
                "FROM information_schema.tables%s;\n",
                condition);
    wb_buf_addf(&sql,
                "SELECT column_name, column_type, is_nullable, character_set_name, collation_name, extra, "
                "character_octet_length, column_key FROM information_schema.columns%s ORDER BY ordinal_position",
                condition);
    const char *text = wb_buf_cstr(&sql);
    int rc = text ? my_exec(cx, s, text, read_table, out) : wb_nomem(cx);
    return rc == WBL_E_NOMEM ? wb_nomem(cx) : rc;
}

/* ---- one clause ---- */

typedef struct reader { /* of what follows the name in a clause */
    const my_session *s;
    my_lexer lex;
    my_token tok;
    table *t;
    int depth;
} reader;

static void advance(reader *r)
{
    r->tok = my_next(&r->lex);
    r->depth += my_is_sign(r->tok, '(') - my_is_sign(r->tok, ')');
}

static reader reader_of(const my_session *s, table *t, wb_str rest)
{
    reader r = { .s = s, .lex = my_lexer_of(s, rest), .t = t };
    advance(&r);
    return r;
}

static bool is(const reader *r, const char *word) { return my_is_word(r->tok, word); }

static bool accept(reader *r, const char *word)
{
    if (!is(r, word))
        return false;
    advance(r);
    return true;
}

static const column *find_column(table *t, wb_str written)
{
    const char *name = wb_sql_name(t->mem, WB_SQL_MYSQL, written);
    t->is_out_of_memory = t->is_out_of_memory || !name;
    for (size_t i = 0; name && i < t->count; i++)
        if (strcasecmp(t->columns[i].name, name) == 0)
            return &t->columns[i];
    return NULL;
}

/* What follows the name of a column: the type as the catalog prints it, and what else matters. */
typedef struct definition {
    char type[400];
    char character_set[64], collation[80];
    bool is_not_null, is_counter, is_generated, is_stored, has_expression, has_place, is_first, is_unique;
} definition;

static void add_type(definition *d, wb_str text)
{
    size_t n = strlen(d->type);
    for (size_t i = 0; i < text.len && n + 1 < sizeof d->type; i++) {
        char c = text.p[i];
        d->type[n++] = text.p[0] != '\'' && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    d->type[n] = 0;
}

static void read_type(reader *r, definition *d)
{
    static const char *const synonyms[][2] = {
        { "integer", "int" }, { "bool", "tinyint(1)" }, { "boolean", "tinyint(1)" }, { "numeric", "decimal" },
        { "dec", "decimal" }, { "real", "double" },     { "character", "char" },
    };
    const char *known = NULL;
    for (size_t i = 0; i < WB_COUNT(synonyms); i++)
        if (is(r, synonyms[i][0]))
            known = synonyms[i][1];
    add_type(d, known ? WB_STR(known) : r->tok.text);
    advance(r);
    if (my_is_sign(r->tok, '(')) {
        for (; r->tok.kind != MY_TOK_END; advance(r)) {
            add_type(d, r->tok.text);
            if (r->depth == 0 || (my_is_sign(r->tok, ')') && r->depth <= 0))
                break;
        }
        advance(r);
    }
    while (is(r, "unsigned") || is(r, "zerofill")) {
        add_type(d, WB_STR(" "));
        add_type(d, r->tok.text);
        advance(r);
    }
}

static void copy_token(reader *r, char *to, size_t size)
{
    if (my_is_sign(r->tok, '='))
        advance(r);
    const char *plain = wb_sql_name(r->t->mem, WB_SQL_MYSQL, r->tok.text);
    r->t->is_out_of_memory = r->t->is_out_of_memory || !plain;
    snprintf(to, size, "%s", plain ? plain : "");
    advance(r);
}

static void read_default(reader *r, definition *d)
{
    bool is_plain = r->tok.kind == MY_TOK_STRING || is(r, "null") || is(r, "current_timestamp") || is(r, "now") ||
                    is(r, "true") || is(r, "false") || my_is_sign(r->tok, '-') || my_is_sign(r->tok, '+') ||
                    (r->tok.kind == MY_TOK_WORD && r->tok.text.p[0] >= '0' && r->tok.text.p[0] <= '9');
    d->has_expression = d->has_expression || !is_plain;
}

static definition read_definition(reader *r)
{
    definition d = { 0 };
    read_type(r, &d);
    while (r->tok.kind != MY_TOK_END) {
        if (accept(r, "not")) {
            d.is_not_null = d.is_not_null || is(r, "null");
            advance(r);
        } else if (accept(r, "default")) {
            read_default(r, &d);
        } else if (accept(r, "collate")) {
            copy_token(r, d.collation, sizeof d.collation);
        } else if (accept(r, "charset")) {
            copy_token(r, d.character_set, sizeof d.character_set);
        } else if (accept(r, "character")) {
            if (accept(r, "set"))
                copy_token(r, d.character_set, sizeof d.character_set);
        } else if (accept(r, "auto_increment")) {
            d.is_counter = true;
        } else if (accept(r, "as")) {
            d.is_generated = true;
        } else if (is(r, "stored") || is(r, "persistent")) {
            d.is_stored = true;
            advance(r);
        } else if (is(r, "first") || is(r, "after")) {
            d.has_place = true;
            d.is_first = is(r, "first");
            advance(r);
        } else if (is(r, "unique") || is(r, "primary")) {
            d.is_unique = true;
            advance(r);
        } else {
            advance(r);
        }
    }
    return d;
}

/* ---- MODIFY and CHANGE ---- */

/* "int(11)" of MariaDB and "int" of MySQL are one type. */
static void plain_type(const char *type, char *to, size_t size)
{
    static const char *const integers[] = { "tinyint(", "smallint(", "mediumint(", "int(", "bigint(" };
    snprintf(to, size, "%s", type);
    for (size_t i = 0; i < WB_COUNT(integers); i++) {
        if (!wb_starts(to, integers[i]) || strcmp(to, "tinyint(1)") == 0)
            continue;
        char *open = strchr(to, '('), *close = strchr(to, ')');
        if (close)
            memmove(open, close + 1, strlen(close + 1) + 1);
    }
    if (strcmp(to, "decimal") == 0)
        snprintf(to, size, "decimal(10,0)");
    if (strcmp(to, "char") == 0)
        snprintf(to, size, "char(1)");
}

static long length_of(const char *type)
{
    const char *open = strchr(type, '(');
    return open ? strtol(open + 1, NULL, 10) : 0;
}

/* InnoDB keeps the length of a value in one byte up to 255 bytes, in two above. MariaDB reserves the second one already
   where the column can hold 256 bytes, and needs none below 128. */
static clause judge_varchar(const my_session *s, const column *c, long length)
{
    long before = length_of(c->type);
    int64_t width = before > 0 ? c->bytes_max / before : 4, now = length * width;
    if (length < before)
        return C_TYPE;
    if (c->bytes_max > 255 || now <= 255)
        return C_LONGER;
    return !my_is_mariadb(s) ? C_LONGER_SHORT : c->bytes_max < 128 ? C_LONGER : C_TYPE;
}

static bool is_prefix_of_members(const char *before, const char *now)
{
    size_t n = strlen(before);
    return n > 1 && strncmp(before, now, n - 1) == 0 && now[n - 1] == ',';
}

/* Without a word about it, a column takes the character set of its table. */
static bool changes_charset(const reader *r, const column *c, const definition *d)
{
    char set[64] = "";
    if (!c->collation[0])
        return false;
    if (d->character_set[0])
        return strcasecmp(d->character_set, c->character_set) != 0;
    const char *collation = d->collation[0] ? d->collation : r->t->collation;
    wb_copy_text(set, sizeof set, collation, strcspn(collation, "_"));
    return strcasecmp(set, c->character_set) != 0;
}

static bool changes_collation(const reader *r, const column *c, const definition *d)
{
    if (!c->collation[0] || (d->character_set[0] && !d->collation[0]))
        return false;
    return strcasecmp(d->collation[0] ? d->collation : r->t->collation, c->collation) != 0;
}

static clause judge_type(const reader *r, const column *c, const definition *d)
{
    char before[400], now[400];
    plain_type(c->type, before, sizeof before);
    plain_type(d->type, now, sizeof now);
    if (changes_charset(r, c, d) || d->is_generated != c->is_generated || d->is_counter)
        return C_TYPE;
    if (strcmp(before, now) != 0) {
        if (wb_starts(before, "varchar(") && wb_starts(now, "varchar("))
            return changes_collation(r, c, d) ? C_TYPE : judge_varchar(r->s, c, length_of(now));
        bool has_members = wb_starts(before, "enum(") || wb_starts(before, "set(");
        return has_members && is_prefix_of_members(before, now) ? C_MEMBERS : C_TYPE;
    }
    if (changes_collation(r, c, d))
        return c->is_indexed ? C_INDEXED_COLLATION : C_COLLATION;
    return C_NOTHING;
}

static clause judge_modified(const my_session *s, table *t, const wb_sql_clause *x)
{
    const column *c = find_column(t, x->name);
    bool is_renamed = c && x->new_name.len && find_column(t, x->new_name) != c;
    reader r = reader_of(s, t, x->rest);
    definition d = read_definition(&r);
    if (!c)
        return C_UNKNOWN;
    clause by_type = judge_type(&r, c, &d);
    if (by_type != C_NOTHING)
        return by_type;
    if (d.is_not_null == c->is_nullable)
        return C_NULLABLE;
    return d.has_place ? C_REORDER : is_renamed ? C_RENAME_COLUMN : C_NOTHING;
}

/* ---- ADD, ALTER and the rest ---- */

static bool has_virtual(const table *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->columns[i].is_virtual)
            return true;
    return false;
}

static clause judge_added(const my_session *s, table *t, const wb_sql_clause *x)
{
    reader r = reader_of(s, t, x->rest);
    definition d = read_definition(&r);
    if (d.is_generated)
        return d.is_stored ? C_ADD_STORED : C_ADD_VIRTUAL;
    if (d.is_counter)
        return C_ADD_COUNTER;
    if (d.is_unique)
        return C_UNKNOWN;
    if (d.has_expression)
        return my_is_mariadb(s) ? C_ADD_EXPRESSION : C_UNKNOWN;
    bool is_stuck = my_is_mariadb(s) && d.has_place && has_virtual(t);
    return is_stuck ? C_TYPE : C_ADD_COLUMN;
}

static clause judge_index(const wb_sql_clause *x)
{
    if (!x->index_type)
        return C_ADD_INDEX;
    return strcmp(x->index_type, "fulltext") == 0  ? C_ADD_FULLTEXT
           : strcmp(x->index_type, "spatial") == 0 ? C_ADD_SPATIAL
                                                   : C_UNKNOWN;
}

static clause judge_engine(const my_session *s, table *t, const wb_sql_clause *x)
{
    char engine[40];
    reader r = reader_of(s, t, x->rest);
    copy_token(&r, engine, sizeof engine);
    return strcasecmp(engine, t->engine) == 0 && t->is_innodb ? C_REBUILD : C_ENGINE;
}

/* Those of one clause for each verb and kind; others are not known. */
static const struct clause_row {
    const char *verb, *kind;
    clause clause;
} clause_rows[] = {
    { "add", "primary key", C_ADD_PRIMARY },
    { "add", "foreign key", C_ADD_FOREIGN },
    { "add", "check", C_ADD_CHECK },
    { "add", "system versioning", C_VERSIONING },
    { "drop", "column", C_DROP_COLUMN },
    { "drop", "index", C_DROP_INDEX },
    { "drop", "primary key", C_DROP_PRIMARY },
    { "drop", "foreign key", C_DROP_FOREIGN },
    { "drop", "check", C_DROP_CHECK },
    { "rename", "column", C_RENAME_COLUMN },
    { "rename", "index", C_RENAME_INDEX },
    { "rename", "table", C_RENAME_TABLE },
    { "convert", "charset", C_CONVERT },
    { "force", "table", C_REBUILD },
    { "set", "comment", C_OPTION },
    { "set", "auto_increment", C_OPTION },
    { "set", "charset", C_OPTION },
    { "set", "collate", C_OPTION },
    { "set", "stats", C_OPTION },
    { "set", "row_format", C_REBUILD },
    { "set", "key_block_size", C_REBUILD },
    { "set", "page_compressed", C_REBUILD },
    { "set", "algorithm", C_NOTHING },
    { "set", "lock", C_NOTHING },
};

static clause clause_of(const my_session *s, table *t, const wb_sql_clause *x)
{
    if (!x->verb || !x->kind)
        return C_UNKNOWN;
    bool is_column = strcmp(x->kind, "column") == 0, is_index = strcmp(x->kind, "index") == 0;
    if (strcmp(x->verb, "add") == 0 && (is_column || is_index))
        return is_column ? judge_added(s, t, x) : judge_index(x);
    if (strcmp(x->verb, "modify") == 0 || strcmp(x->verb, "change") == 0)
        return judge_modified(s, t, x);
    if (strcmp(x->verb, "alter") == 0 && (is_column || is_index)) {
        bool is_seen =
            my_says(s, x->rest, "invisible") || my_says(s, x->rest, "visible") || my_says(s, x->rest, "ignored");
        return is_column ? is_seen ? C_NOTHING : C_DEFAULT : is_seen ? C_VISIBILITY : C_UNKNOWN;
    }
    if (strcmp(x->verb, "set") == 0 && strcmp(x->kind, "engine") == 0)
        return judge_engine(s, t, x);
    for (size_t i = 0; i < WB_COUNT(clause_rows); i++)
        if (strcmp(clause_rows[i].verb, x->verb) == 0 && strcmp(clause_rows[i].kind, x->kind) == 0)
            return clause_rows[i].clause;
    return C_UNKNOWN;
}

/* ---- all clauses together ---- */

static cost cost_of(const my_session *s, clause c)
{
    const struct rule *rule = &rules[c];
    if (my_is_mariadb(s))
        return rule->mariadb;
    return s->base.server.version >= rule->mysql_since ? rule->mysql : rule->mysql_before;
}

typedef struct verdict {
    cost cost;
    clause worst;
    bool is_known, needs_instant;
} verdict;

static void add_clause(verdict *v, const my_session *s, clause c)
{
    if (c == C_UNKNOWN) {
        v->is_known = false;
        return;
    }
    cost x = cost_of(s, c);
    v->needs_instant = v->needs_instant || c == C_ADD_COLUMN || c == C_DROP_COLUMN || c == C_REORDER;
    bool is_worse = x.way > v->cost.way || (x.way == v->cost.way && x.writes_wait && !v->cost.writes_wait);
    if (is_worse || v->worst == C_NOTHING)
        v->worst = c;
    v->cost.way = x.way > v->cost.way ? x.way : v->cost.way;
    v->cost.writes_wait = v->cost.writes_wait || x.writes_wait;
}

static verdict judge_clauses(const my_session *s, table *t, const my_deed *d)
{
    verdict v = { .is_known = d->clause_count > 0 };
    unsigned primaries = 0;
    for (size_t i = 0; i < d->clause_count; i++)
        primaries += d->clauses[i].kind && strcmp(d->clauses[i].kind, "primary key") == 0;
    for (size_t i = 0; i < d->clause_count && v.is_known; i++) {
        clause c = clause_of(s, t, &d->clauses[i]);
        bool is_primary = c == C_DROP_PRIMARY || c == C_ADD_PRIMARY;
        add_clause(&v, s, primaries > 1 && is_primary ? C_REPLACE_PRIMARY : c);
    }
    /* INSTANT is for the whole statement or for nothing; without it these are a rebuild. */
    if (v.cost.way == W_NOCOPY && v.needs_instant)
        v.cost.way = W_REBUILD;
    return v;
}

/* ---- the line ---- */

static const char *line(wb_arena *mem, const verdict *v, const table *t, wb_str name)
{
    static const char *const ways[] = { "at once (INSTANT)", "in place (INPLACE), without a rebuild",
                                        "in place (INPLACE), the table is rebuilt", "the table is copied (COPY)" };
    char size[80] = "";
    bool is_long = v->cost.way != W_INSTANT;
    if (is_long && t->rows > 0)
        snprintf(size, sizeof size, "; about %lld rows, %lld MB", (long long)t->rows, (long long)t->size_mb);
    return wb_arena_fmt(mem, "%.*s: %s, writes %s%s (%s%s)", (int)name.len, name.p, ways[v->cost.way],
                        !is_long              ? "hardly wait"
                        : v->cost.writes_wait ? "wait until it is done"
                                              : "go on",
                        size, rules[v->worst].what, t->is_innodb ? "" : ", and the engine is not InnoDB");
}

int my_foresee(wb_ctx *cx, wb_session *base, const wb_statement *st, wb_arena *mem, const char **out)
{
    my_session *s = my_of(base);
    my_deed d;
    table t = { .mem = mem };
    int rc = my_ready(cx, s);
    if (rc == 0)
        rc = my_deed_read(cx, s, mem, st, &d);
    if (rc != 0)
        return rc;
    *out = NULL;
    if (d.clause_count == 0 || d.count == 0 || d.is_temporary)
        return 0;
    rc = ask_table(cx, s, &d.subjects[0], &t);
    if (rc != 0 || !t.exists)
        return rc; /* it is yet to be made, and empty then */
    verdict v = judge_clauses(s, &t, &d);
    if (t.is_out_of_memory)
        return wb_nomem(cx);
    if (!v.is_known)
        return 0;
    if (!t.is_innodb)
        v.cost = (cost)COPY;
    *out = line(mem, &v, &t, d.subjects[0].written);
    return *out ? 0 : wb_nomem(cx);
}
