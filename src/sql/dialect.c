/*
 * dialect.c - find the table of a dialect.
 */
#include "sql/dialect.h"

#include <string.h>

const wb_dialect_table *wb_dialect_table_get(wb_dialect dialect)
{
    switch (dialect) {
    case WB_SQL_POSTGRES:
    case WB_SQL_NONE: return &wb_sql_postgres;
    case WB_SQL_SQLITE: return &wb_sql_sqlite;
    case WB_SQL_MYSQL: return &wb_sql_mysql;
    }
    return &wb_sql_postgres;
}

wb_dialect wb_dialect_of(const char *driver_name)
{
    static const struct {
        const char *name;
        wb_dialect dialect;
    } rows[] = {
        { "postgres", WB_SQL_POSTGRES },
        { "sqlite", WB_SQL_SQLITE },
        { "mysql", WB_SQL_MYSQL },
    };
    for (size_t i = 0; driver_name && i < WB_COUNT(rows); i++) {
        if (strcmp(rows[i].name, driver_name) == 0)
            return rows[i].dialect;
    }
    return WB_SQL_NONE;
}
