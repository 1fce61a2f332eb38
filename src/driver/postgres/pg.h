/*
 * pg.h - what the files of the PostgreSQL driver share: the session, the queue of a message, and who does what.
 *
 * The engine sees only `base`. Everything that is sent goes through message.c; the other files build text and read
 * answers. Nothing outside this folder includes this file, and nothing inside it knows of migrations.
 */
#ifndef WB_PG_H
#define WB_PG_H

#include "driver/driver.h"
#include "driver/sqltext.h"

#include <libpq-fe.h>
#include <pthread.h>

#define PG_NO_UNIT UINT32_MAX
#define PG_MESSAGE_SIZE ((size_t)1 << 20)   /* more than this is sent before the unit is complete */
#define PG_MESSAGE_MAX ((size_t)1 << 30)    /* what the server takes in one message (PostgreSQL 17, 53.2) */
#define PG_LOCKS_MAX 8
#define PG_REMAINS_MAX 16

typedef enum pg_kind { PG_BEGIN, PG_PUT, PG_RUN, PG_MARK, PG_COMMIT, PG_RESET } pg_kind;

/* A stretch of the message whose answers belong together. */
typedef struct pg_item {
    pg_kind kind;
    uint32_t unit;                     /* PG_NO_UNIT: outside */
    uint32_t results;                  /* how many answers it gets. PG_RUN: not known, the next item's mark ends it */
    uint32_t mark;                     /* its first answer has the column "wb:<nonce>:<mark>"; 0: none */
    size_t from, to;                   /* bytes of the message */
    /* PG_PUT */
    uint32_t tag;
    bool is_fence, must_hit, only_if_empty;
    char table[64];                    /* for messages */
    /* PG_RUN; the pointers are valid until run() returns, which flushes when they are set */
    size_t offset;
    uint32_t statement_first;
    const char *copy_data;
    size_t copy_len;
    int64_t *affected;
    /* PG_COMMIT */
    bool is_relaxed;
} pg_item;

typedef struct pg_session {
    wb_session base;                   /* first: the engine holds a pointer to it */
    PGconn *conn;                      /* NULL when a reopen() failed */
    bool is_borrowed;                  /* attach(): the connection is the caller's */
    PQnoticeReceiver receiver_before;  /* of a borrowed connection */
    bool has_receiver;                 /* ours is in place */

    /* how to connect once more; all in mem */
    wb_arena mem;
    const char **keys, **values;       /* end with NULL */
    size_t param_count, key_cap, value_cap;
    const char *shown, *run_id;
    int64_t connect_timeout_ms, answer_timeout_ms;
    const char *restore;               /* attach(): statement that sets what the caller had set; NULL */

    pthread_mutex_t guard;             /* of the next two: cancel() comes from another thread */
    PGcancel *cancel;
    _Atomic bool is_cancel_asked;

    /* the queue: text that was not sent yet, and what it consists of */
    wb_buf message;
    pg_item *items;
    size_t item_count, item_cap;
    char nonce[20];                    /* makes our marks different from whatever a script selects */
    uint32_t mark_last;
    bool is_mark_due;                  /* the last item is a PG_RUN */

    /* units */
    uint32_t unit;                     /* number of the open unit, or of the next one */
    bool is_unit_open, is_unit_sent;
    bool is_unit_relaxed;
    char fuse[64];                     /* of the open unit; "": none */
    int64_t lock_timeout_ms;           /* of the open unit or statement; 0: not known */
    uint32_t committed;                /* since the last sync() that ended outside a unit */
    bool is_flush_due;                 /* the last commit was relaxed */
    bool has_failed;                   /* a failure was found before sync() asked for it: error keeps it */
    wbl_error error;

    /* while answers are read */
    wb_ctx *cx;
    bool is_reading_items;
    bool is_cancel_sent, is_deadline_over, is_copy_refused;
    int64_t cancel_sent_ms, watch_next_ms, wait_start_ms;
    bool is_index_build;               /* progress can be asked */

    struct pg_session *side;           /* second connection, to look while the first one waits; NULL */
    bool is_side_refused;              /* it could not be opened: do not try again */

    int64_t locks[PG_LOCKS_MAX];       /* session locks that we hold */
    size_t lock_count;
    uint32_t remains[PG_REMAINS_MAX];  /* oids of invalid indexes that the last probe() found, for clean() */
    size_t remain_count;
} pg_session;

#ifdef WB_DRIVERS_BUILTIN
#define pg_driver wb_driver_postgres
#else
#define pg_driver wb_driver_module
#endif
extern const wb_driver pg_driver;

static inline pg_session *pg_of(wb_session *base) { return (pg_session *)base; }

/* connect.c */
int pg_open(wb_ctx *, const wb_open_options *, wb_session **out);
int pg_attach(wb_ctx *, void *native, const wb_open_options *, wb_session **out);
void pg_close(wb_session *);
int pg_reopen(wb_ctx *, wb_session *);
void pg_cancel(wb_session *);
void *pg_native(wb_session *);
PGconn *pg_side(pg_session *);                            /* NULL when there is none to be had */
bool pg_connect_cause(const char *text, char sqlstate[6], char *out, size_t size); /* short cause out of libpq's text */

/* errors.c */
typedef struct pg_error_row {
    const char *sqlstate;              /* five characters, or two for a class */
    int code;
    bool is_retryable;
    const char *what;
} pg_error_row;
const pg_error_row *pg_error_table(size_t *count);
const pg_error_row *pg_error_find(const char *sqlstate);  /* the code, its class, or the row for all others */
int pg_fail_result(wb_ctx *, pg_session *, const PGresult *, int effect);
int pg_fail_lost(wb_ctx *, pg_session *, bool is_unknown); /* the connection is gone; fills failure, too */
bool pg_is_state(const PGresult *, const char *sqlstate);

/* message.c */
pg_item *pg_item_add(wb_ctx *, pg_session *, pg_kind, uint32_t results); /* then write to s->message, then */
int pg_item_end(wb_ctx *, pg_session *);
void pg_mark_text(pg_session *, pg_item *, const char *expression); /* the item's first answer: SELECT expression */
int pg_mark_due(wb_ctx *, pg_session *);                  /* ends a PG_RUN, if one is open */
void pg_queue_cut(pg_session *, size_t item_index);       /* forget what was not sent, from here on */
int pg_flush(wb_ctx *, pg_session *);                     /* send the queue, await all answers */
void pg_failure_clear(pg_session *);

/* wire.c */
typedef int (*pg_result_fn)(void *user, size_t index, const PGresult *);
int pg_exec(wb_ctx *, pg_session *, const char *text, pg_result_fn, void *user); /* flushes first; fn may be NULL */
void pg_exec_quietly(pg_session *, const char *text);     /* keeps error and failure as they are; text may be NULL */
void pg_undo(pg_session *);                               /* ROLLBACK when the session is in a transaction */
bool pg_send(wb_ctx *, pg_session *, const char *text, bool row_by_row); /* false: the server can't have run it */
PGresult *pg_next(wb_ctx *, pg_session *);                /* the next answer; NULL at the end of the message */
void pg_copy_in(wb_ctx *, pg_session *, const pg_item *);
void pg_copy_out(wb_ctx *, pg_session *);
bool pg_is_lost(const pg_session *);
void pg_on_notice(void *session, const PGresult *);

/* execute.c */
int pg_begin(wb_ctx *, wb_session *, const wb_txn *);
int pg_run(wb_ctx *, wb_session *, const wb_piece *);
int pg_commit(wb_ctx *, wb_session *);
int pg_rollback(wb_ctx *, wb_session *);
int pg_sync(wb_ctx *, wb_session *, wb_sync *out);
int pg_reset(wb_ctx *, wb_session *);
int pg_put(wb_ctx *, wb_session *, const wb_row_op *);
int pg_ready(wb_ctx *, pg_session *);                     /* the connection is there, and no failure waits for sync() */

/* tables.c */
extern const wb_sqltext pg_sqltext;
int pg_survey(wb_ctx *, wb_session *, wb_arena *, wb_survey *);
int pg_create(wb_ctx *, wb_session *, const wb_table *, size_t count);
int pg_rows(wb_ctx *, wb_session *, const wb_select *, size_t count);
wb_str pg_cell(const PGresult *, int row, int column);
int64_t pg_number(const PGresult *, int row, int column); /* 0 for NULL */
bool pg_true(const PGresult *, int row, int column);

/* lock.c */
int64_t pg_lock_number(const wb_lock_key *);
void pg_lock_text(wb_buf *, const wb_lock_key *, size_t count);  /* expression: all taken, or none */
int pg_unlock(wb_ctx *, wb_session *, const wb_lock_key *, size_t count);
int pg_holder(wb_ctx *, wb_session *, const wb_lock_key *, size_t count, wb_holder *out);
int pg_end_ghost(wb_ctx *, wb_session *, const wb_holder *);
void pg_blocker_look(pg_session *);                       /* through the side connection, into failure.blocker */
void pg_progress_look(wb_ctx *, pg_session *);

/* look.c */
int pg_look(wb_ctx *, wb_session *, const wb_statement *, wb_arena *, const char **out);
int pg_probe(wb_ctx *, wb_session *, const wb_statement *, const char *looked, wb_probe *out);
int pg_clean(wb_ctx *, wb_session *, const wb_statement *);

/* catalog.c */
int pg_catalog(wb_ctx *, wb_session *, const wb_catalog_options *, wb_arena *, wb_object **out, size_t *count);
int pg_drop_all(wb_ctx *, wb_session *);

#endif
