/*
 * ledger.h - the documented history shapes, and our own two tables.
 *
 * A shape is recognised by its columns, never by its name, and continued unaltered. A ledger turns "this version is now
 * applied" into row operations of driver.h; it decides nothing about order.
 */
#ifndef WB_LEDGER_H
#define WB_LEDGER_H

#include "driver/driver.h"

typedef enum wb_change_kind {
    WB_CHANGE_APPLY,                   /* the row that says "applied"; goes in first and is the fence */
    WB_CHANGE_REVERT,                  /* the row goes; the fence of a down */
    WB_CHANGE_BEGIN,                   /* a stepwise script starts: "dirty" where the shape has it, the fence */
    WB_CHANGE_FINISH_APPLY,            /* a stepwise up is complete */
    WB_CHANGE_FINISH_REVERT,           /* a stepwise down is complete */
    WB_CHANGE_MARK_FAILED,             /* a failure that a person should see in the ledger */
    WB_CHANGE_CLEAN,                   /* the row stays, no longer dirty */
    WB_CHANGE_DOUBT                    /* whatever the row says by now, nobody knows whether it is true */
} wb_change_kind;

typedef struct wb_change {
    wb_change_kind kind;
    const char *ns, *key;
    const wb_ledger_row *row;          /* as the ledger has it now; NULL: none */
    const char *before;                /* single-row shapes: the version that the row holds now; NULL: no row */
    bool before_dirty;
    const char *after;                 /* single-row shapes, down: the version that remains; NULL: none */
    int direction;                     /* wbl_direction */
    bool has_effect;                   /* MARK_FAILED: something was left behind, or may have been */
} wb_change;

typedef struct wb_shape wb_shape;

typedef struct wb_ledger {
    const wb_shape *shape;
    wb_table table;                    /* as found, or as it will be created */
    wb_ledger_row *rows;               /* loaded */
    size_t row_count, row_cap;
    wb_arena *mem;                     /* borrowed */
    wb_ctx *cx;                        /* during loading */
} wb_ledger;

struct wb_shape {
    const char *profile;               /* "native" */
    bool is_single_row, has_dirty, dirty_is_failed, has_namespaces;
    const char *const *needs;          /* columns that make the shape; ends with NULL */
    const char *const *lacks;          /* columns that make it another one; ends with NULL */
    const wb_column *columns;          /* to create it */
    size_t column_count;
    const char *const *select;         /* what load reads */
    size_t select_count;
    int (*row)(wb_ledger *, const wb_str *cells, wb_ledger_row *out);
    /* The operations of one change, in order. Puts them through driver->put, each with its tag. */
    int (*change)(wb_ctx *, wb_session *, const wb_ledger *, const wb_change *, uint32_t tag);
};

/* The table of shapes: one line each. */
extern const wb_shape wb_shape_native, wb_shape_axcom, wb_shape_golang_migrate;

/* Chooses shape and table after a survey. wants_numeric: versions beyond 64 bits exist. */
int wb_ledger_choose(wb_ctx *, wb_arena *, const wb_table *found, const char *profile, bool wants_numeric, wb_ledger *out);
/* A table of our own that is there must be one that we made: history, catalog. */
int wb_ledger_own(wb_ctx *, const wb_table *found, const wb_table *wanted);
bool wb_ledger_fits(const wb_ledger *, const char *key);               /* the column holds this version */
void wb_ledger_select(wb_ledger *, wb_select *out);                    /* reads rows into the ledger */
int wb_ledger_change(wb_ctx *, wb_session *, const wb_ledger *, const wb_change *, uint32_t tag);

/* Our own lock: one for each ledger table name of a database, so that no spelling of a schema gives two keys. */
const char *wb_ledger_lock_text(wb_arena *, const char *table_name);
/* The ids that the adopted tool's own binary takes, ascending; 0 of them when it takes none. -1: memory is gone. */
int wb_ledger_foreign_locks(wb_arena *, const wb_ledger *, const wb_server *, wb_lock_key out[4]);

/* ---- history ------------------------------------------------------------------------------------------------------ */

#define WB_LEDGER_TABLE "schema_migrations" /* unless the configuration names it */
#define WB_HISTORY_TABLE "whimbrel_history"
#define WB_CATALOG_TABLE "whimbrel_catalog"

typedef struct wb_history {
    wb_table table;
    wb_record *records;                /* by seq, oldest first */
    size_t count, cap;
    wb_arena *mem;
    wb_field own;                      /* rows of this ledger: several may share the table */
    bool with_text;                    /* errors, notes and who: for the command `history` */
    wb_select needs;                   /* the ledger: a script may not take it away */
    bool checks_needs;                 /* the script at hand could: it names the table */
} wb_history;

void wb_history_init(wb_history *, wb_arena *, const char *schema, const char *ledger);    /* the table to create */
void wb_history_select(wb_history *, wb_select *out);
int wb_history_add(wb_ctx *, wb_session *, const wb_history *, const wb_record *, bool check_fuse, uint32_t tag);
/* Progress and end of a row that is still open; found by id. */
int wb_history_update(wb_ctx *, wb_session *, const wb_history *, const wb_record *, uint32_t tag);
int wb_history_down_script(wb_ctx *, wb_session *, const wb_history *, wb_arena *, const char *id, const char **out);

/* ---- catalog ------------------------------------------------------------------------------------------------------- */

typedef struct wb_snapshot {
    const char *ledger, *ns;
    bool is_foreign;                   /* of another ledger that shares the schema */
    const char *run_id, *recorded_at;
    int64_t changes;                   /* ups and downs of the namespace in the history when it was taken: more now, and it is stale */
    wb_object *objects;
    size_t count;
} wb_snapshot;

typedef struct wb_snapshots {
    wb_table table;
    wb_snapshot *items;
    size_t count, cap;
    wb_arena *mem;
    const char *ledger;                /* ours */
    bool heads_only;                   /* without the objects */
} wb_snapshots;

void wb_snapshots_init(wb_snapshots *, wb_arena *, const char *schema, const char *ledger);
void wb_snapshots_select(wb_snapshots *, wb_select *out);
/* Replaces the row of one namespace; in a unit. */
int wb_snapshot_put(wb_ctx *, wb_session *, const wb_snapshots *, const wb_snapshot *);

#endif
