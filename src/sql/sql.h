/*
 * sql.h - the lexer and statement splitter of each dialect, what a statement is, and what a script does. Pure: no I/O.
 *
 * One state machine serves all dialects; a dialect is a table of switches. It must work on text that no parser knows
 * (newer servers), so it recognises words and quotes, never grammar.
 */
#ifndef WB_SQL_H
#define WB_SQL_H

#include "model.h"

typedef struct wb_sql_options {
    wb_dialect dialect;
    uint32_t server_version;           /* 150018, 3040001, 101106, 80403; 0: unknown, the newest rules */
    bool is_mariadb;
    bool backslash_quotes;             /* PostgreSQL standard_conforming_strings=off; MySQL: off means NO_BACKSLASH_ESCAPES */
    bool ansi_quotes;                  /* MySQL: "x" is a name, as sql_mode ANSI_QUOTES has it */
    uint32_t first_line;               /* line of text[0] in its file; 0 counts as 1 */
} wb_sql_options;

/* Called for each statement in order. A result other than 0 stops the split and is returned. The statement is the
   callee's only during the call; its wb_str members point into the text. */
typedef int (*wb_split_fn)(void *user, const wb_statement *statement);

/*
 * Split a script. Lexical faults (an unterminated quote, a psql backslash command, COPY data without its end, a
 * DELIMITER that is wrong) are WBL_E_INVALID with line and column in the error; file is for the caller to add.
 * Empty statements are passed over. classify: fill cls and all that follows it; without it only place and length.
 * About 300 MB a second without classify, and no allocation in either case.
 */
int wb_split(wb_ctx *, const wb_sql_options *, const char *text, size_t len, bool classify, wb_split_fn, void *user);

/* One pass: count, transaction shape, what refuses a transaction. The facts point into the text. */
int wb_script_scan(wb_ctx *, const wb_sql_options *, const char *text, size_t len, wb_script_facts *out);

/* The place of statement number `index`, found by splitting again; WBL_E_INVALID when there is none. */
int wb_statement_find(wb_ctx *, const wb_sql_options *, const char *text, size_t len, uint32_t index, wb_statement *out);

/* SHA-256 over the tokens, without comments and white space, so that a comment-only edit keeps it. Also for text that
   does not lex (the rest then counts as one token). out: 64 hex digits. */
void wb_sql_token_hash(const wb_sql_options *, const char *text, size_t len, char out[65]);

/* For each statement the checksum of the text up to its end (of its data, where it has any): all of them in one pass. */
typedef struct wb_token_mark {
    size_t end;
    uint8_t digest[32];
} wb_token_mark;
typedef void (*wb_token_mark_fn)(void *user, const wb_token_mark *);
void wb_sql_token_marks(const wb_sql_options *, const char *text, size_t len, wb_token_mark_fn, void *user);

/* The one of the statement that ends there. */
void wb_sql_token_hash_to(const wb_sql_options *, const char *text, size_t len, size_t end, char out[65]);

/* Directives in the leading comments of a script (`-- whimbrel: ...`), and everywhere for those that stand above a
   statement (batch), which are only checked here. An unknown or malformed one is WBL_E_INVALID with line and column,
   and the nearest known name as a hint. Text without any is not lexed: wb_script_scan() tells its faults. */
int wb_directives_read(wb_ctx *, wb_arena *, const wb_sql_options *, const char *text, size_t len, wb_directives *out);

/*
 * MySQL and MariaDB. A version comment (an exclamation mark behind its opener) is code when this server reads it, else a
 * comment. MySQL reads those up to its own version; MariaDB too, without 50700 to 99999, and those with an M in front.
 * When server_version is 0: MySQL reads up to 99998, MariaDB up to 999998; 999999 is never read. The checksum of tokens
 * takes each of them as written, so that it is the same on every server.
 * SET sql_mode in a script is followed: a list of modes as it is, CONCAT and REPLACE by what they name, a variable as a
 * return to the modes of these options. A call that changes sql_mode is not seen.
 * Semicolons inside of a stored program end nothing, with and without DELIMITER lines. Of Oracle mode programs that
 * begin with AS or IS are read; packages need DELIMITER lines.
 */

/* ---- what a statement is about ---------------------------------------------------------------------------------- */

/* Names are as written, quotes included, and borrowed from the text; wb_sql_name() takes the quotes off. A schema of
   length 0 is the current one. The functions below take one statement, as the splitter found it; what they do not
   recognise they leave out. They fail with WBL_E_NOMEM only. Complete for MySQL and MariaDB; for other dialects they
   tell the first object, and no clauses. */

/* One object of a DDL statement. DROP TABLE a, b gives two; RENAME TABLE a TO b, b TO c gives two, in their order. */
typedef struct wb_sql_object {
    wb_action action;
    const char *kind;                  /* as wb_statement.object: "table", "index", "view", "database", "event", ... */
    wb_str schema, name;               /* len 0: the current database of ALTER DATABASE */
    wb_str new_schema, new_name;       /* RENAME only: what it is called afterwards */
    wb_str table_schema, table;        /* of an index or trigger: the table */
    wb_str source_schema, source;      /* CREATE TABLE ... LIKE this */
    bool is_temporary;                 /* the statement says TEMPORARY */
    bool if_exists;                    /* IF [NOT] EXISTS */
    bool replaces;                     /* OR REPLACE */
    bool has_rows;                     /* CREATE TABLE ... SELECT: the table and its rows come together */
} wb_sql_object;

/*
 * The objects of CREATE, ALTER, DROP, RENAME and TRUNCATE, and the accounts of GRANT and REVOKE as WB_ACT_ALTER of kind
 * "grants"; none for other statements. ALTER TABLE t RENAME TO u gives one row of WB_ACT_RENAME; when it has other
 * clauses as well, a row of WB_ACT_ALTER for t stands before it. What ALTER TABLE does to columns and indexes is told by
 * wb_sql_clauses(). *out is in the arena; NULL when there is none.
 */
int wb_sql_objects(wb_ctx *, wb_arena *, const wb_sql_options *, const char *text, size_t len, wb_sql_object **out,
                   size_t *count);

/*
 * One clause of ALTER TABLE. verb and kind are static text.
 * verb: "add" "drop" "modify" "change" "alter" "rename" "convert" "order" "enable" "disable" "discard" "import" "force",
 *   "set" for an option such as ENGINE=InnoDB; of partitions also "truncate" "coalesce" "reorganize" "exchange"
 *   "analyze" "check" "optimize" "rebuild" "repair" "remove"; NULL: not recognised.
 * kind: "column" "index" "primary key" "foreign key" "check" "constraint" "partition" "partitioning" "table" "period"
 *   "system versioning" "charset" "keys" "tablespace" "rows" (of ORDER BY); of "set" the option: "engine" "comment"
 *   "auto_increment" "collate" "row_format" "algorithm" "lock" "validation" ...; NULL: not recognised.
 */
typedef struct wb_sql_clause {
    const char *verb, *kind;
    wb_str name;                       /* of the column, index, constraint or partition; len 0: none is written */
    wb_str new_schema, new_name;       /* CHANGE and RENAME; new_schema only of the table itself */
    wb_str rest;                       /* behind the name: the definition, the value of an option */
    wb_str text;                       /* the whole clause */
    bool if_exists;                    /* MariaDB: IF [NOT] EXISTS */
    bool is_unique;                    /* ADD UNIQUE ... */
    const char *index_type;            /* static: "fulltext", "spatial", "vector"; NULL */
} wb_sql_clause;

/* The clauses of ALTER TABLE, in order; ADD (a INT, b INT) gives two. None for other statements. CREATE INDEX and DROP
   INDEX count as one clause, and so do their ALGORITHM and LOCK. */
int wb_sql_clauses(wb_ctx *, wb_arena *, const wb_sql_options *, const char *text, size_t len, wb_sql_clause **out,
                   size_t *count);

/* ---- text that we change or build --------------------------------------------------------------------------------- */

/* Replace ${name:ident} and ${name:literal}, quoted for the dialect, for the names that `variables` declares. A
   declared name without a value is WBL_E_INVALID. Text without a use is copied as it is. */
typedef const char *(*wb_variable_fn)(void *user, const char *name); /* NULL: no such value */
int wb_variables_apply(wb_ctx *, const wb_sql_options *, const wb_directives *, const char *text, size_t len,
                       wb_variable_fn, void *user, wb_buf *out);

/* Copy a statement with the number in place of :batch, outside of quotes and comments. */
void wb_batch_fill(const wb_sql_options *, const char *statement, size_t len, uint64_t size, wb_buf *out);

/* Quoting, for the text that we build ourselves. */
void wb_sql_ident(wb_buf *, wb_dialect, const char *name);
void wb_sql_literal(wb_buf *, wb_dialect, const char *text, size_t len);

/* The name behind quotes, as the server compares it: PostgreSQL folds unquoted names to lower case. MySQL keeps names as
   they are written; whether it then compares names of tables and databases by case is lower_case_table_names of the server.
   Of 'user'@'host' give each part by itself. */
const char *wb_sql_name(wb_arena *, wb_dialect, wb_str written);

/* Byte offset -> line and column (from 1), counted from first_line. */
void wb_text_place(const char *text, size_t len, size_t offset, uint32_t first_line, uint32_t *line, uint32_t *column);

/* The dialect of a driver's name: "postgres", "sqlite", "mysql"; WB_SQL_NONE for others. */
wb_dialect wb_dialect_of(const char *driver_name);

#endif
