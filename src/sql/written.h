/*
 * written.h - the tables that a statement writes. Inside the sql room only.
 */
#ifndef WB_WRITTEN_H
#define WB_WRITTEN_H

#include "sql/classify.h"

typedef int (*wb_table_fn)(void *user, const wb_sql_table *);

/* From the first word of a statement on. The same table may be told twice. *is_sure becomes false when the text does
   not tell all. A result of fn other than 0 stops the reading and is returned. */
int wb_written_read(wb_reader *, wb_table_fn, void *user, bool *is_sure);

#endif
