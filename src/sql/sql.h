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
    uint32_t server_version;           /* 150018, 3040001; 0: unknown, the newest rules */
    bool is_mariadb;
    bool backslash_quotes;             /* PostgreSQL standard_conforming_strings=off; MySQL: off means NO_BACKSLASH_ESCAPES */
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

/* Directives in the leading comments of a script (`-- whimbrel: ...`), and everywhere for those that stand above a
   statement (batch), which are only checked here. An unknown or malformed one is WBL_E_INVALID with line and column,
   and the nearest known name as a hint. */
int wb_directives_read(wb_ctx *, wb_arena *, const wb_sql_options *, const char *text, size_t len, wb_directives *out);

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

/* The name behind quotes, as the server compares it: PostgreSQL folds unquoted names to lower case. */
const char *wb_sql_name(wb_arena *, wb_dialect, wb_str written);

/* Byte offset -> line and column (from 1), counted from first_line. */
void wb_text_place(const char *text, size_t len, size_t offset, uint32_t first_line, uint32_t *line, uint32_t *column);

/* The dialect of a driver's name: "postgres", "sqlite", "mysql"; WB_SQL_NONE for others. */
wb_dialect wb_dialect_of(const char *driver_name);

#endif
