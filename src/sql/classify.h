/*
 * classify.h - how the dialect tables name the functions that read a statement. Inside the sql room only.
 */
#ifndef WB_CLASSIFY_H
#define WB_CLASSIFY_H

#include "sql/lex.h"

/* Reads one statement from left to right; `tok` is the token that comes next. Can be copied to look ahead. */
typedef struct wb_reader {
    wb_lexer lex;
    wb_token tok;
    const wb_sql_options *options;
} wb_reader;

void wb_reader_start(wb_reader *, const wb_sql_options *, const char *text, size_t len);
void wb_advance(wb_reader *);
bool wb_at_end(const wb_reader *);
bool wb_accept(wb_reader *, const char *phrase); /* lower case, one blank between words; passes over it when it is next */
bool wb_skip_to(wb_reader *, const char *phrase); /* outside of parentheses; stands behind it when found */
bool wb_is_name(wb_token);
bool wb_read_name(wb_reader *, wb_str *schema, wb_str *name);
bool wb_accept_options(wb_reader *, const char *word); /* passes over "( word, word = value )"; whether it has this word */
bool wb_is_one_of(wb_token, const char *const *words, size_t count);
bool wb_is_before(const wb_reader *, uint32_t version); /* the server is known and older */

/* Fill cls and all that follows it. The statement's place, batch and copy block are left alone. */
void wb_classify(const wb_sql_options *, const char *text, wb_statement *);
void wb_classify_rest(wb_reader *, wb_statement *); /* from the reader's place on, as if the statement began there */

/* Behind the verb. Each fills what the statement tells; none can fail, since any text may come. */
void wb_read_create(wb_reader *, wb_statement *);
void wb_read_alter(wb_reader *, wb_statement *);
void wb_read_drop(wb_reader *, wb_statement *);
void wb_read_truncate(wb_reader *, wb_statement *);
void wb_read_reindex(wb_reader *, wb_statement *);
void wb_read_refresh(wb_reader *, wb_statement *);
void wb_read_cluster(wb_reader *, wb_statement *);
void wb_read_query(wb_reader *, wb_statement *);
void wb_read_with(wb_reader *, wb_statement *);
void wb_read_explain(wb_reader *, wb_statement *);
void wb_read_set(wb_reader *, wb_statement *);
void wb_read_declare(wb_reader *, wb_statement *);
void wb_read_pragma(wb_reader *, wb_statement *);
void wb_read_my_create(wb_reader *, wb_statement *);
void wb_read_my_alter(wb_reader *, wb_statement *);
void wb_read_my_drop(wb_reader *, wb_statement *);
void wb_read_my_rename(wb_reader *, wb_statement *);
void wb_read_my_truncate(wb_reader *, wb_statement *);
void wb_read_my_query(wb_reader *, wb_statement *);
void wb_read_my_explain(wb_reader *, wb_statement *);
void wb_read_my_set(wb_reader *, wb_statement *);
void wb_read_my_flush(wb_reader *, wb_statement *);
void wb_read_my_load(wb_reader *, wb_statement *);
void wb_read_my_commit(wb_reader *, wb_statement *);
void wb_read_my_rollback(wb_reader *, wb_statement *);
void wb_read_my_other_txn(wb_reader *, wb_statement *);
void wb_read_begin(wb_reader *, wb_statement *);
void wb_read_commit(wb_reader *, wb_statement *);
void wb_read_rollback(wb_reader *, wb_statement *);
void wb_read_savepoint(wb_reader *, wb_statement *);
void wb_read_release(wb_reader *, wb_statement *);
void wb_read_prepared(wb_reader *, wb_statement *);

#endif
