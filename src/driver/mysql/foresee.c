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
    bool exists, is_innodb;
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

static int ask_table(wb_ctx *cx, my_session *s, wb_str written, table *out)
{
    WB_AUTOBUF wb_buf name = WB_BUF(WB_TEXT_MAX), schema = WB_BUF(WB_TEXT_MAX), sql = WB_BUF(WB_TEXT_MAX);
    WB_AUTOBUF wb_buf where = WB_BUF(WB_TEXT_MAX);
    my_lexer l = my_lexer_of(s, written);
    my_name_plain(&name, my_next(&l));
    if (my_is_sign(my_next(&l), '.')) {
        wb_buf_add(&schema, name.p, name.len);
        wb_buf_clear(&name);
        my_name_plain(&name, my_next(&l));
    }
    const char *in = wb_buf_cstr(&schema), *of = wb_buf_cstr(&name);
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

typedef struct reader {
    const my_session *s;
    my_lexer lex;
    my_token tok;
    const table *t;
    int depth;
} reader;

static void advance(reader *r)
{
    r->tok = my_next(&r->lex);
    r->depth += my_is_sign(r->tok, '(') - my_is_sign(r->tok, ')');
}

static bool is(const reader *r, const char *word) { return my_is_word(r->tok, word); }

static bool accept(reader *r, const char *word)
{
    if (!is(r, word))
        return false;
    advance(r);
    return true;
}

static bool at_end(const reader *r) { return r->tok.kind == MY_TOK_END || (r->depth == 0 && my_is_sign(r->tok, ',')); }

static void skip_existence(reader *r)
{
    if (accept(r, "if")) {
        accept(r, "not");
        accept(r, "exists");
    }
}

static const column *find_column(const table *t, my_token name)
{
    WB_AUTOBUF wb_buf plain = WB_BUF(WB_TEXT_MAX);
    my_name_plain(&plain, name);
    const char *text = wb_buf_cstr(&plain);
    for (size_t i = 0; text && i < t->count; i++)
        if (strcasecmp(t->columns[i].name, text) == 0)
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
    WB_AUTOBUF wb_buf plain = WB_BUF(WB_TEXT_MAX);
    my_name_plain(&plain, r->tok);
    wb_copy_text(to, size, plain.p ? plain.p : "", plain.len);
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
    while (!at_end(r)) {
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

static clause read_modified(reader *r, bool is_change)
{
    accept(r, "column");
    skip_existence(r);
    const column *c = find_column(r->t, r->tok);
    advance(r);
    bool is_renamed = is_change && c && find_column(r->t, r->tok) != c;
    if (is_change)
        advance(r);
    definition d = read_definition(r);
    if (!c)
        return C_UNKNOWN;
    clause by_type = judge_type(r, c, &d);
    if (by_type != C_NOTHING)
        return by_type;
    if (d.is_not_null == c->is_nullable)
        return C_NULLABLE;
    return d.has_place ? C_REORDER : is_renamed ? C_RENAME_COLUMN : C_NOTHING;
}

/* ---- ADD, DROP and the rest ---- */

static void skip_clause(reader *r)
{
    while (!at_end(r))
        advance(r);
}

static bool has_virtual(const table *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->columns[i].is_virtual)
            return true;
    return false;
}

static clause read_added_column(reader *r)
{
    skip_existence(r);
    if (my_is_sign(r->tok, '('))
        return C_UNKNOWN; /* a list of them */
    advance(r);
    definition d = read_definition(r);
    if (d.is_generated)
        return d.is_stored ? C_ADD_STORED : C_ADD_VIRTUAL;
    if (d.is_counter)
        return C_ADD_COUNTER;
    if (d.is_unique)
        return C_UNKNOWN;
    if (d.has_expression)
        return my_is_mariadb(r->s) ? C_ADD_EXPRESSION : C_UNKNOWN;
    bool is_stuck = my_is_mariadb(r->s) && d.has_place && has_virtual(r->t);
    return is_stuck ? C_TYPE : C_ADD_COLUMN;
}

static clause read_constraint(reader *r)
{
    if (accept(r, "constraint") && !is(r, "primary") && !is(r, "unique") && !is(r, "foreign") && !is(r, "check")) {
        skip_existence(r);
        advance(r);
    }
    clause c = is(r, "primary")   ? C_ADD_PRIMARY
               : is(r, "foreign") ? C_ADD_FOREIGN
               : is(r, "check")   ? C_ADD_CHECK
                                  : C_ADD_INDEX;
    skip_clause(r);
    return c;
}

static clause read_add(reader *r)
{
    static const struct {
        const char *word;
        clause clause;
    } words[] = { { "index", C_ADD_INDEX },       { "key", C_ADD_INDEX },       { "unique", C_ADD_INDEX },
                  { "fulltext", C_ADD_FULLTEXT }, { "spatial", C_ADD_SPATIAL }, { "partition", C_UNKNOWN },
                  { "system", C_VERSIONING },     { "period", C_UNKNOWN } };
    for (size_t i = 0; i < WB_COUNT(words); i++)
        if (is(r, words[i].word)) {
            skip_clause(r);
            return words[i].clause;
        }
    if (is(r, "constraint") || is(r, "primary") || is(r, "foreign") || is(r, "check"))
        return read_constraint(r);
    accept(r, "column");
    return read_added_column(r);
}

static clause read_drop(reader *r)
{
    clause c = is(r, "index") || is(r, "key")                                                    ? C_DROP_INDEX
               : is(r, "primary")                                                                ? C_DROP_PRIMARY
               : is(r, "foreign")                                                                ? C_DROP_FOREIGN
               : is(r, "check")                                                                  ? C_DROP_CHECK
               : is(r, "constraint") || is(r, "partition") || is(r, "system") || is(r, "period") ? C_UNKNOWN
                                                                                                 : C_DROP_COLUMN;
    skip_clause(r);
    return c;
}

static clause read_rename(reader *r)
{
    clause c = is(r, "column") ? C_RENAME_COLUMN : is(r, "index") || is(r, "key") ? C_RENAME_INDEX : C_RENAME_TABLE;
    skip_clause(r);
    return c;
}

static clause read_alter(reader *r)
{
    bool is_index = is(r, "index") || is(r, "key");
    clause c = C_DEFAULT;
    for (; !at_end(r); advance(r))
        if (is(r, "invisible") || is(r, "visible") || is(r, "ignored"))
            c = is_index ? C_VISIBILITY : C_NOTHING;
    return is_index && c != C_VISIBILITY ? C_UNKNOWN : c;
}

static clause read_engine(reader *r)
{
    char engine[40];
    copy_token(r, engine, sizeof engine);
    return strcasecmp(engine, r->t->engine) == 0 && r->t->is_innodb ? C_REBUILD : C_ENGINE;
}

/* Options of a table stand one behind the other, without commas. */
static clause read_option(reader *r)
{
    static const struct {
        const char *word;
        clause clause;
    } words[] = { { "comment", C_OPTION },
                  { "auto_increment", C_OPTION },
                  { "default", C_OPTION },
                  { "charset", C_OPTION },
                  { "collate", C_OPTION },
                  { "stats_persistent", C_OPTION },
                  { "stats_auto_recalc", C_OPTION },
                  { "stats_sample_pages", C_OPTION },
                  { "row_format", C_REBUILD },
                  { "key_block_size", C_REBUILD },
                  { "page_compressed", C_REBUILD },
                  { "force", C_REBUILD },
                  { "convert", C_CONVERT },
                  { "algorithm", C_NOTHING },
                  { "lock", C_NOTHING },
                  { "wait", C_NOTHING },
                  { "nowait", C_NOTHING } };
    for (size_t i = 0; i < WB_COUNT(words); i++)
        if (accept(r, words[i].word)) {
            clause c = words[i].clause;
            if (c == C_CONVERT)
                skip_clause(r);
            else if (c != C_REBUILD || !is(r, "engine"))
                while (!at_end(r) && !is(r, "engine") && !is(r, "row_format"))
                    advance(r);
            return c;
        }
    return C_UNKNOWN;
}

static clause read_clause(reader *r)
{
    if (accept(r, "add"))
        return read_add(r);
    if (accept(r, "drop"))
        return read_drop(r);
    if (accept(r, "modify"))
        return read_modified(r, false);
    if (accept(r, "change"))
        return read_modified(r, true);
    if (accept(r, "rename"))
        return read_rename(r);
    if (accept(r, "alter"))
        return read_alter(r);
    if (accept(r, "engine"))
        return read_engine(r);
    return read_option(r);
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
    bool is_known, drops_primary, adds_primary, drops_index, adds_index;
} verdict;

static void add_clause(verdict *v, const my_session *s, clause c)
{
    if (c == C_UNKNOWN) {
        v->is_known = false;
        return;
    }
    cost x = cost_of(s, c);
    v->drops_primary = v->drops_primary || c == C_DROP_PRIMARY;
    v->adds_primary = v->adds_primary || c == C_ADD_PRIMARY;
    bool is_worse = x.way > v->cost.way || (x.way == v->cost.way && x.writes_wait && !v->cost.writes_wait);
    if (is_worse || v->worst == C_NOTHING)
        v->worst = c;
    v->cost.way = x.way > v->cost.way ? x.way : v->cost.way;
    v->cost.writes_wait = v->cost.writes_wait || x.writes_wait;
}

static verdict judge_clauses(const my_session *s, const table *t, wb_str clauses)
{
    reader r = { .s = s, .lex = my_lexer_of(s, clauses), .t = t };
    verdict v = { .is_known = true };
    unsigned primaries = 0;
    clause found[64];
    size_t count = 0;
    advance(&r);
    while (r.tok.kind != MY_TOK_END && v.is_known) {
        my_token before = r.tok;
        clause c = read_clause(&r);
        primaries += c == C_DROP_PRIMARY || c == C_ADD_PRIMARY;
        if (count == WB_COUNT(found) || c == C_UNKNOWN || r.tok.text.p == before.text.p)
            v.is_known = false;
        else
            found[count++] = c;
        if (my_is_sign(r.tok, ','))
            advance(&r);
    }
    for (size_t i = 0; i < count; i++) {
        bool is_primary = found[i] == C_DROP_PRIMARY || found[i] == C_ADD_PRIMARY;
        add_clause(&v, s, primaries > 1 && is_primary ? C_REPLACE_PRIMARY : found[i]);
    }
    /* INSTANT is for the whole statement or for nothing; these need a rebuild without it. */
    for (size_t i = 0; i < count && v.cost.way == W_NOCOPY; i++)
        if (found[i] == C_ADD_COLUMN || found[i] == C_DROP_COLUMN || found[i] == C_REORDER)
            v.cost.way = W_REBUILD;
    v.is_known = v.is_known && count > 0;
    return v;
}

static verdict judge_index(const my_session *s, const wb_statement *st, const my_deed *d)
{
    verdict v = { .is_known = true };
    my_lexer l = my_lexer_of(s, st->text);
    clause c = d->verb == MY_VERB_DROP ? C_DROP_INDEX : C_ADD_INDEX;
    for (my_token t = my_next(&l); t.kind != MY_TOK_END && !my_is_word(t, "index"); t = my_next(&l))
        c = my_is_word(t, "fulltext") ? C_ADD_FULLTEXT : my_is_word(t, "spatial") ? C_ADD_SPATIAL : c;
    add_clause(&v, s, c);
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
    my_deed_read(s, st, &d);
    *out = NULL;
    bool is_alter = d.verb == MY_VERB_ALTER && d.count && d.subjects[0].object == MY_OBJ_TABLE;
    if (rc != 0 || (!is_alter && !d.is_index) || d.count == 0 || d.is_temporary)
        return rc;
    rc = ask_table(cx, s, d.subjects[0].written, &t);
    if (rc != 0 || !t.exists)
        return rc; /* it is yet to be made, and empty then */
    verdict v = d.is_index ? judge_index(s, st, &d) : judge_clauses(s, &t, d.clauses);
    if (!v.is_known)
        return 0;
    if (!t.is_innodb)
        v.cost = (cost)COPY;
    *out = line(mem, &v, &t, d.subjects[0].written);
    return *out ? 0 : wb_nomem(cx);
}
