/*
 * driver.c - the SQLite driver as the engine sees it.
 *
 * The client library is small and starts in no time, so this driver is part of the library, unlike the others.
 */
#include "driver/sqlite/lite.h"

static const char *const schemes[] = { "sqlite", "sqlite3", "file", NULL };
static const char *const suffixes[] = { "sqlite", "sqlite3", NULL };

extern const wb_driver wb_driver_sqlite;
const wb_driver wb_driver_sqlite = {
    .abi = WB_DRIVER_ABI,
    .size = sizeof(wb_driver),
    .name = "sqlite",
    .schemes = schemes,
    .suffixes = suffixes,
    .caps = WB_CAP_TXN_DDL | WB_CAP_PROBE | WB_CAP_CATALOG | WB_CAP_CANCEL | WB_CAP_ATTACH | WB_CAP_GROUP,
    .open = lite_open,
    .attach = lite_attach,
    .close = lite_close,
    .reopen = lite_reopen,
    .cancel = lite_cancel,
    .native = lite_native,
    .survey = lite_survey,
    .unlock = lite_unlock,
    .holder = lite_holder,
    .create = lite_create,
    .rows = lite_rows,
    .put = lite_put,
    .begin = lite_begin,
    .run = lite_run,
    .commit = lite_commit,
    .rollback = lite_rollback,
    .sync = lite_sync,
    .reset = lite_reset,
    .look = lite_look,
    .probe = lite_probe,
    .clean = lite_clean,
    .catalog = lite_catalog,
    .drop_all = lite_drop_all,
};
