/*
 * driver.c - the table that makes the MySQL and MariaDB driver one: its name, what it can do, and its functions.
 *
 * A file of its own, so that the only symbol a module exports stands alone. A schema change ends the transaction that it
 * is in, so a unit covers data and our rows only (WB_CAP_TXN_DML without WB_CAP_TXN_DDL).
 */
#include "driver/mysql/my.h"

static const char *const schemes[] = { "mysql", "mariadb", NULL };
static const char *const suffixes[] = { "mysql", "mariadb", NULL };

__attribute__((visibility("default"))) const wb_driver my_driver = {
    .abi = WB_DRIVER_ABI,
    .size = sizeof(wb_driver),
    .name = "mysql",
    .schemes = schemes,
    .suffixes = suffixes,
    .caps = WB_CAP_TXN_DML | WB_CAP_LOCK_SESSION | WB_CAP_PROBE | WB_CAP_CATALOG | WB_CAP_CANCEL | WB_CAP_ATTACH |
            WB_CAP_GROUP,
    .open = my_open,
    .attach = my_attach,
    .close = my_close,
    .reopen = my_reopen,
    .cancel = my_cancel,
    .native = my_native,
    .survey = my_survey,
    .unlock = my_unlock,
    .holder = my_holder,
    .end_ghost = my_end_ghost,
    .create = my_create,
    .rows = my_rows,
    .put = my_put,
    .begin = my_begin,
    .run = my_run,
    .commit = my_commit,
    .rollback = my_rollback,
    .sync = my_sync,
    .reset = my_reset,
    .look = my_look,
    .probe = my_probe,
    .clean = my_clean,
    .foresee = my_foresee,
    .uncovered = my_uncovered,
    .catalog = my_catalog,
    .drop_all = my_drop_all,
};
