/*
 * lite.h - what the files of the SQLite driver share.
 *
 * open.c opens and closes, settings.c reads URL parameters and puts settings back, error.c turns SQLite's codes into
 * ours, unit.c is transactions, run.c is scripts, rows.c is tables and rows, probe.c looks whether a statement took
 * effect, catalog.c and shape.c describe the schema, holder.c finds who holds the write lock.
 */
#ifndef WB_LITE_H
#define WB_LITE_H

#include "driver/driver.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#define LITE_CACHE_MAX 16 /* prepared statements that are kept: ours repeat for every migration */

typedef struct lite_settings { /* from the URL; text is in lite.mem */
    const char *path, *vfs;
    const char *journal_mode, *synchronous; /* NULL: as the library has it; set before the first write */
    wb_switch foreign_keys;
    int64_t busy_timeout_ms;
    bool is_memory, may_create, may_write;
} lite_settings;

typedef struct lite {
    wb_session base; /* first: the engine knows only this part */
    wb_arena mem;
    lite_settings set;
    sqlite3 *db;
    pthread_mutex_t guard;      /* of db, while another thread may call cancel() */
    atomic_bool is_interrupted; /* cancel() was called during the running call */
    sqlite3_stmt *cache[LITE_CACHE_MAX];
    size_t cache_next;
    wb_buf sql; /* text of row operations; kept for its memory */

    bool is_foreign; /* the caller's own handle: attach() */
    bool is_read_only;
    bool is_stand_in; /* the file does not exist yet: an empty database in memory stands for it */
    bool is_set_up;   /* journal mode and synchronous are set */

    /* the running call */
    wb_ctx *cx;
    int64_t busy_until_ms, statement_until_ms; /* 0: no end */

    /* transactions: see unit.c */
    bool is_group_open, is_unit_open, is_unit_failed;
    bool is_unit_alone;            /* it switched foreign keys: no other unit may share its transaction */
    wb_switch foreign_keys_before; /* to be put back after the unit */
    uint32_t unit_count;           /* units that wait for the COMMIT */
    uint32_t durable_count;        /* units that are durable, since the last sync() that ended outside a unit */
    uint32_t lost_count;           /* units that SQLite rolled back together with a failing one */
    int lost_native;               /* why */
    bool is_ended;                 /* not SQLite but something in the transaction ended it */
    bool is_own_joined;            /* our rows joined a transaction that a script left open */
    int64_t unit_timeout_ms, unit_started_ms;

    /* what scripts may have changed: see settings.c */
    bool is_snapped, has_attached;
    int snapped[16];
} lite;

static inline lite *lite_of(wb_session *session) { return (lite *)(void *)session; }

/* Every call begins with this: it forgets the last failure, and lets the handlers see deadline and cancel flag. */
lite *lite_enter(wb_ctx *, wb_session *);
void lite_leave(lite **);
#define LITE_CALL WB_CLEANUP(lite_leave)

/* error.c. rc is SQLite's; the message is taken from the handle. */
int lite_fail(wb_ctx *, lite *, int rc, int effect);
int lite_fail_unit(wb_ctx *, lite *, int rc, wb_stage);
int lite_code_of(int native);
bool lite_is_retryable(int native);

/* holder.c. False: nobody, or it cannot be seen. */
bool lite_find_holder(const lite *, wb_holder *out);

/* open.c */
int lite_open(wb_ctx *, const wb_open_options *, wb_session **out);
int lite_attach(wb_ctx *, void *native, const wb_open_options *, wb_session **out);
void lite_close(wb_session *);
int lite_reopen(wb_ctx *, wb_session *);
void lite_cancel(wb_session *);
void *lite_native(wb_session *);
int lite_make_writable(wb_ctx *, lite *);                      /* the file is there and set up; outside a transaction */
int lite_prepare(lite *, const char *sql, sqlite3_stmt **out); /* from the cache: reset it, do not finalize it */
int lite_exec(lite *, const char *sql);                        /* one statement of ours; returns SQLite's code */
int lite_exec_waiting(wb_ctx *, lite *, const char *sql);      /* the same; waits while the database is busy */
void lite_install_handlers(lite *);

/* settings.c */
int lite_settings_read(wb_ctx *, wb_arena *, const wb_open_options *, lite_settings *out);
int lite_settings_apply(wb_ctx *, lite *);
void lite_snap(lite *); /* before a script's first PRAGMA */
int lite_reset(wb_ctx *, wb_session *);
bool lite_foreign_keys(const lite *);
void lite_foreign_keys_set(lite *, bool is_on);
int lite_foreign_keys_check(wb_ctx *, lite *); /* WBL_E_STATEMENT names the first row that breaks one */

/* unit.c */
int lite_begin(wb_ctx *, wb_session *, const wb_txn *);
int lite_commit(wb_ctx *, wb_session *);
int lite_rollback(wb_ctx *, wb_session *);
int lite_sync(wb_ctx *, wb_session *, wb_sync *out);
int lite_flush(wb_ctx *, lite *);              /* commits the group that waits; a unit must not be open */
void lite_forget_units(lite *);                /* after a reopen */
int lite_fail_ended(wb_ctx *, lite *);         /* the script ended our transaction: WBL_E_STATE */
int lite_fail_alone(wb_ctx *, lite *, int rc); /* a commit failed: rolled back, or WBL_E_OUTCOME */
int lite_own_begin(wb_ctx *, lite *);          /* around rows that are durable at once */
int lite_own_end(wb_ctx *, lite *, int code);  /* code: of what was done between; 0 commits */

/* run.c */
int lite_run(wb_ctx *, wb_session *, const wb_piece *);

/* rows.c */
int lite_survey(wb_ctx *, wb_session *, wb_arena *, wb_survey *);
int lite_unlock(wb_ctx *, wb_session *, const wb_lock_key *, size_t count);
int lite_holder(wb_ctx *, wb_session *, const wb_lock_key *, size_t count, wb_holder *out);
int lite_create(wb_ctx *, wb_session *, const wb_table *, size_t count);
int lite_rows(wb_ctx *, wb_session *, const wb_select *, size_t count);
int lite_put(wb_ctx *, wb_session *, const wb_row_op *);

/* probe.c */
int lite_look(wb_ctx *, wb_session *, const wb_statement *, wb_arena *, const char **out);
int lite_probe(wb_ctx *, wb_session *, const wb_statement *, const char *looked, wb_probe *out);
int lite_clean(wb_ctx *, wb_session *, const wb_statement *);

/* catalog.c */
int lite_catalog(wb_ctx *, wb_session *, const wb_catalog_options *, wb_arena *, wb_object **out, size_t *count);
int lite_drop_all(wb_ctx *, wb_session *);

/* shape.c: the text of CREATE statements, as sqlite_schema keeps it, in a form that can be compared. */
typedef struct lite_token {
    const char *p; /* NULL at the end */
    size_t len;
    char kind; /* w word, " quoted name, ' string, 0 number, p anything else */
} lite_token;
lite_token lite_token_next(const char **at, const char *end);
bool lite_token_is(lite_token, const char *word);

typedef struct lite_shapes {
    wb_arena *mem;
    wb_object *objects;
    size_t count, cap;
} lite_shapes;
wb_object *lite_shape_add(lite_shapes *, const char *kind, const char *name, const char *parent,
                          const char *definition);
int lite_shape_table(wb_ctx *, lite_shapes *, const char *table, const char *sql); /* table, columns, constraints */
/* index, view, trigger: the definition is what follows the name. */
int lite_shape_other(wb_ctx *, lite_shapes *, const char *kind, const char *name, const char *table, const char *sql);

#endif
