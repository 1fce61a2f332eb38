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

/* Fill cls and all that follows it. The statement's place, batch and copy block are left alone. */
void wb_classify(const wb_sql_options *, const char *text, wb_statement *);

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
void wb_read_rename(wb_reader *, wb_statement *);
void wb_read_begin(wb_reader *, wb_statement *);
void wb_read_commit(wb_reader *, wb_statement *);
void wb_read_rollback(wb_reader *, wb_statement *);
void wb_read_savepoint(wb_reader *, wb_statement *);
void wb_read_release(wb_reader *, wb_statement *);
void wb_read_prepared(wb_reader *, wb_statement *);

#endif
