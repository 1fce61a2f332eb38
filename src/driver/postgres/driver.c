/*
 * driver.c - the table that makes the PostgreSQL driver one: its name, what it can do, and its functions.
 *
 * A file of its own, so that the only symbol a module exports stands alone.
 */
#include "driver/postgres/pg.h"

static const char *const schemes[] = { "postgres", "postgresql", "pgx", "pgx4", "pgx5", "pgsql", NULL };
static const char *const suffixes[] = { "postgres", "postgresql", NULL };

__attribute__((visibility("default"))) const wb_driver pg_driver = {
    .abi = WB_DRIVER_ABI,
    .size = sizeof(wb_driver),
    .name = "postgres",
    .schemes = schemes,
    .suffixes = suffixes,
    .caps = WB_CAP_TXN_DDL | WB_CAP_LOCK_SESSION | WB_CAP_PROBE | WB_CAP_CATALOG | WB_CAP_CANCEL | WB_CAP_ATTACH |
            WB_CAP_GROUP,
    .open = pg_open,
    .attach = pg_attach,
    .close = pg_close,
    .reopen = pg_reopen,
    .cancel = pg_cancel,
    .native = pg_native,
    .survey = pg_survey,
    .unlock = pg_unlock,
    .holder = pg_holder,
    .end_ghost = pg_end_ghost,
    .create = pg_create,
    .rows = pg_rows,
    .put = pg_put,
    .begin = pg_begin,
    .run = pg_run,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .sync = pg_sync,
    .reset = pg_reset,
    .look = pg_look,
    .probe = pg_probe,
    .clean = pg_clean,
    .catalog = pg_catalog,
    .drop_all = pg_drop_all,
};
