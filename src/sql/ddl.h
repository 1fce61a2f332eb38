/*
 * ddl.h - reading DDL of MySQL and MariaDB object by object and clause by clause. Inside the sql room only.
 */
#ifndef WB_DDL_H
#define WB_DDL_H

#include "sql/classify.h"

/* A result other than 0 stops the reading and is returned. */
typedef int (*wb_object_fn)(void *user, const wb_sql_object *);
typedef int (*wb_clause_fn)(void *user, const wb_sql_clause *);

/* The reader stands behind the verb. */
int wb_ddl_create(wb_reader *, wb_object_fn, void *user);
int wb_ddl_alter(wb_reader *, wb_object_fn, void *user);
int wb_ddl_drop(wb_reader *, wb_object_fn, void *user);
int wb_ddl_rename(wb_reader *, wb_object_fn, void *user);
int wb_ddl_truncate(wb_reader *, wb_object_fn, void *user);
int wb_ddl_grant(wb_reader *, wb_object_fn, void *user); /* and REVOKE */

/* SET STATEMENT ... FOR: stands at the statement that follows; other statements are left as they are. */
void wb_ddl_pass_set(wb_reader *);

/* The reader stands at the first clause of ALTER TABLE. */
int wb_ddl_clauses(wb_reader *, wb_clause_fn, void *user);

/* The reader stands at the first word of the statement. */
int wb_ddl_statement_clauses(wb_reader *, wb_clause_fn, void *user);

#endif
