/*
 * sqltext.h - the SQL of table and row operations, for every driver that speaks SQL.
 *
 * The drivers differ in quoting, types and a few spellings; the text is otherwise the same, so it is built here once.
 */
#ifndef WB_SQLTEXT_H
#define WB_SQLTEXT_H

#include "driver/driver.h"

typedef struct wb_sqltext {            /* how one database spells it */
    char ident_quote;                  /* '"' or '`' */
    bool backslash_escapes;            /* in string literals: a backslash must be doubled (MySQL) */
    bool escape_prefix;                /* PostgreSQL: E'...' when a backslash occurs, independent of settings */
    bool use_parameters;               /* write ? for every value but NULL and NOW; the driver binds them in order */
    const char *true_text, *false_text, *now_text; /* "TRUE", "1"; "CURRENT_TIMESTAMP" */
    const char *from_nothing;          /* behind SELECT values, before WHERE: " FROM DUAL"; NULL: nothing is needed */
    const char *elapsed_text;          /* whole ms since the transaction began; NULL: the driver replaces such values first */
    const char *(*type_text)(const wb_column *, char *scratch, size_t size); /* SERIAL: may say PRIMARY KEY itself */
} wb_sqltext;

void wb_sqltext_ident(wb_buf *, const wb_sqltext *, const char *name);
void wb_sqltext_table(wb_buf *, const wb_sqltext *, wb_table_ref);
/* No NUL byte may be in p: servers end the text there. The caller refuses such a value first: wb_sqltext_check(). */
void wb_sqltext_literal(wb_buf *, const wb_sqltext *, const char *p, size_t len);
void wb_sqltext_value(wb_buf *, const wb_sqltext *, const wb_value *);
void wb_sqltext_create(wb_buf *, const wb_sqltext *, const wb_table *);  /* CREATE TABLE IF NOT EXISTS ... without ; */
void wb_sqltext_select(wb_buf *, const wb_sqltext *, const wb_select *); /* without ; */
/* " WHERE a = 1 AND b IS NULL"; nothing when count is 0 */
void wb_sqltext_where(wb_buf *, const wb_sqltext *, const wb_field *, size_t count);
/* A condition that always holds, and an error where the table or a column is gone. */
void wb_sqltext_needs(wb_buf *, const wb_sqltext *, const wb_select *needs);
/* WBL_E_INVALID when one of its values can't be written as a literal. */
int wb_sqltext_check(wb_ctx *, const wb_row_op *);
/* INSERT/UPDATE/DELETE without ;. extra: a condition that must hold too (the fuse), NULL for none: an INSERT then
   becomes INSERT ... SELECT ... WHERE extra. */
void wb_sqltext_row_op(wb_buf *, const wb_sqltext *, const wb_row_op *, const char *extra);

#endif
