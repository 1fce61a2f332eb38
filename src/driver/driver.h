/*
 * driver.h - what a database back end provides: the one interface between the engine and every database.
 *
 * A driver does what one database can do, and says what it can do. It decides nothing about order, retries or history
 * rules: that is engine/apply.c. It knows tables and rows, transactions, statements, its own catalog; it knows nothing
 * of plans, migrations or ledgers.
 *
 * Every call returns 0 or a negative wbl_code and, when negative, has filled cx->err. Out parameters come last and are
 * written on success only. A session belongs to one thread; cancel() alone may come from another.
 *
 * Deferral. Between begin() and sync() a driver may queue what it is told (begin, put, run, commit, reset) and answer 0
 * before anything was sent; the truth comes with sync(). PostgreSQL makes one message of it, so that a migration, or
 * several, cost one round trip. SQLite runs everything at once and only puts off the last COMMIT. Whoever needs an answer
 * at once (affected rows, the caller's own connection) calls sync() first, or asks for it in the piece.
 *
 * Units. begin() .. commit() is a unit: one migration's transaction. Several units may stand between two syncs (with
 * WB_CAP_GROUP). They are numbered from 0 since the last sync() that ended outside a unit. They become durable in
 * order; when one fails, those behind it have not run and those before it are kept.
 */
#ifndef WB_DRIVER_H
#define WB_DRIVER_H

#include "model.h"

/* ---- session ------------------------------------------------------------------------------------------------ */

typedef struct wb_server {             /* facts found by open() or attach() */
    char product[32];                  /* "PostgreSQL" */
    char version_text[64];             /* "15.18" */
    uint32_t version;                  /* 150018; 3040001 */
    char database[128];                /* name; SQLite: base name of the file */
    char schema[128];                  /* current schema, "" when none: filled by survey() at the latest */
    bool is_pooled;                    /* a pooler stands between: survey() at the latest */
    bool is_mariadb;
    bool is_standby;                   /* read only: survey() at the latest */
    bool has_backslash_quotes;         /* a backslash escapes in plain string literals; MySQL: not NO_BACKSLASH_ESCAPES */
    bool has_ansi_quotes;              /* MySQL: sql_mode has ANSI_QUOTES */
    uint64_t message_max;              /* bytes that the server takes in one message; 0: no limit that matters */
} wb_server;

typedef struct wb_driver wb_driver;

/* Where the last failure happened, beside what cx->err says. Valid until the next call. */
typedef enum wb_stage { WB_STAGE_NONE, WB_STAGE_BEGIN, WB_STAGE_PUT, WB_STAGE_RUN, WB_STAGE_COMMIT } wb_stage;
typedef struct wb_failure {
    wb_stage stage;
    uint32_t unit;                     /* that failed; 0 when no unit was open */
    uint32_t put_tag;                  /* WB_STAGE_PUT: wb_row_op.tag of the operation */
    uint32_t statement;                /* WB_STAGE_RUN: index in the script (piece.statement_first counted on) */
    size_t offset;                     /* WB_STAGE_RUN: byte in the script's text (piece.offset counted on); SIZE_MAX unknown */
    bool is_connection_lost;           /* reopen() is needed */
    bool keeps_part;                   /* the engine's: rollback() failed with an effect that nobody knows */
    char blocker[400];                 /* lock wait: who blocks us, "process 5210, application \"reports\", ..." or "" */
    char blocker_ending[96];           /* what an administrator may say to end it; "" */
    char seen[200];                    /* WB_PROBE_CANNOT_TELL: what was looked at, and what it showed, as half a sentence; or "" */
} wb_failure;

/* Every driver's own session struct has this as its first member. */
typedef struct wb_session {
    const wb_driver *driver;
    uint32_t caps;                     /* may be fewer than the driver's: old server, pooler */
    wb_server server;
    wb_failure failure;
} wb_session;

typedef struct wb_open_options {
    const wb_url *url;
    const char *application;           /* shown to the server: "whimbrel 0.1.0" */
    const char *run_id;                /* UUIDv7 of this run: part of the application name where the server shows it */
    const char *password;              /* from --password-file; NULL: as the client library finds it */
    int64_t connect_timeout_ms;
    int64_t answer_timeout_ms;         /* TCP user timeout: an answer that never comes ends the wait (30 s) */
    int64_t busy_timeout_ms;           /* SQLite: wait for another writer */
    bool read_only;                    /* nothing will be written: SQLite must not create the file */
} wb_open_options;

/* ---- tables and rows: how the ledgers speak -------------------------------------------------------------------- */

typedef struct wb_table_ref {
    const char *schema;                /* NULL: the session's current schema; after survey() use the name it gives */
    const char *name;
} wb_table_ref;

typedef enum wb_type {
    WB_TYPE_OTHER, WB_TYPE_INT, WB_TYPE_BIGINT, WB_TYPE_NUMERIC38, WB_TYPE_TEXT, WB_TYPE_VARCHAR, WB_TYPE_BOOL,
    WB_TYPE_TIMESTAMP,                 /* without zone */
    WB_TYPE_TIMESTAMPTZ,
    WB_TYPE_SERIAL                     /* counts up by itself; the primary key */
} wb_type;

typedef struct wb_column {
    const char *name;
    wb_type type;
    uint32_t length;                   /* of VARCHAR */
    bool not_null;
    bool is_key;                       /* part of the primary key */
    bool is_unique;                    /* VARCHAR, to create: no two rows have it, and rows are looked for by it */
    bool is_key_end;                   /* to create: its last column, wherever it stands in the table */
    const char *default_text;          /* SQL text that every dialect takes: "FALSE", "CURRENT_TIMESTAMP"; NULL */
} wb_column;

typedef struct wb_table {              /* a table as it is, or as it shall be created */
    wb_table_ref ref;
    bool exists;
    const wb_column *columns;
    size_t column_count;
    bool is_view;                      /* survey(): it exists and is no ordinary table */
} wb_table;

typedef enum wb_value_kind { WB_VALUE_NULL, WB_VALUE_TEXT, WB_VALUE_INT, WB_VALUE_BOOL, WB_VALUE_NOW, WB_VALUE_ELAPSED } wb_value_kind;
typedef struct wb_value {
    wb_value_kind kind;                /* NOW: the server's clock; ELAPSED: whole ms since the open unit began; TEXT also serves numbers of any length */
    wb_str text;
    int64_t number;
} wb_value;
#define WB_NULL() ((wb_value){ .kind = WB_VALUE_NULL })
#define WB_TEXT(s) wb_value_of(s)
#define WB_INT(n) ((wb_value){ .kind = WB_VALUE_INT, .number = (n) })
#define WB_BOOL(b) ((wb_value){ .kind = WB_VALUE_BOOL, .number = (b) })
#define WB_NOW() ((wb_value){ .kind = WB_VALUE_NOW })
#define WB_ELAPSED() ((wb_value){ .kind = WB_VALUE_ELAPSED })

static inline wb_value wb_value_of(const char *s)
{
    return s ? (wb_value){ .kind = WB_VALUE_TEXT, .text = WB_STR(s) } : WB_NULL();
}

typedef struct wb_field {
    const char *column;
    wb_value value;
} wb_field;

typedef enum wb_op { WB_OP_INSERT, WB_OP_UPDATE, WB_OP_DELETE } wb_op;
typedef struct wb_row_op {
    wb_op op;
    wb_table_ref table;
    const wb_field *set;               /* INSERT, UPDATE */
    size_t set_count;
    const wb_field *where;             /* UPDATE, DELETE: all must be equal; none: every row */
    size_t where_count;
    bool must_hit;                     /* UPDATE, DELETE: exactly one row, else WBL_E_CONFLICT (and the unit fails) */
    bool is_fence;                     /* INSERT: a key that exists already is WBL_E_CONFLICT */
    bool only_if_empty;                /* INSERT: into an empty table only, else WBL_E_CONFLICT */
    bool locks_table;                  /* first lock the table against other writers until the unit ends */
    bool check_fuse;                   /* fail with WBL_E_STATE when the script has ended the unit's transaction */
    const struct wb_select *needs;     /* INSERT: fail when this table or one of these columns is gone; NULL */
    uint32_t tag;                      /* comes back in wb_failure.put_tag */
} wb_row_op;

/* Called for each row in order; cells are text as the server prints it (p NULL: SQL NULL; booleans as t/f or 1/0). The
   bytes are the callee's only during the call. A result other than 0 stops the reading and is returned. */
#define WB_PRESENT "?"
typedef int (*wb_row_fn)(void *user, const wb_str *cells, size_t count);
typedef struct wb_select {
    wb_table_ref table;
    const char *const *columns;        /* WB_PRESENT in front of a name: "1" or "0" for whether there is a value */
    size_t column_count;
    const wb_field *where;
    size_t where_count;
    const char *order_by;              /* a column; NULL: any order */
    bool newest_first;
    uint64_t limit;                    /* 0: all */
    wb_row_fn fn;
    void *user;
} wb_select;

/* ---- lock and survey ------------------------------------------------------------------------------------------- */

typedef struct wb_lock_key {
    const char *text;                  /* hashed to what the server takes; or a number in decimal */
    bool is_number;                    /* another tool's own lock id */
} wb_lock_key;

typedef struct wb_survey {
    const wb_lock_key *locks;          /* in: taken in this order, all or none; none: only look */
    size_t lock_count;
    const wb_table_ref *tables;        /* in: described into shapes */
    size_t table_count;
    bool is_locked;                    /* out: all locks are ours; true when there were none to take */
    wb_table *shapes;                  /* out: table_count of them, in the arena; ref.schema filled where there are schemas */
} wb_survey;

typedef struct wb_holder {             /* who holds a lock that we wait for; text fields may be "" */
    int64_t pid;                       /* of the server's backend, or the process */
    char application[128], host[128], user[64], since[40], state[40], query[200];
    int64_t age_ms;                    /* how long it is there; 0 unknown */
    char ending[96];                   /* what an administrator may say to end it, "SELECT pg_terminate_backend(4121)"; "" */
    bool is_own_ghost;                 /* a session of our own run (same run id): end_ghost() may end it */
} wb_holder;

/* ---- execution -------------------------------------------------------------------------------------------------- */

typedef struct wb_txn {
    wb_str modes;                      /* what the script's own BEGIN said; len 0: nothing */
    int64_t lock_timeout_ms;           /* a statement's wait for a table lock; 0: leave the session's */
    int64_t statement_timeout_ms;      /* 0: leave the session's */
    bool is_relaxed;                   /* its commit need not be flushed: a later one of the same sync is */
    bool may_leak;                     /* what runs in it may change the session's settings; reset() follows */
    wb_switch foreign_keys;            /* SQLite: set outside the transaction, checked before its end; never in a group */
    const char *fuse;                  /* token of this unit; "" or NULL: no fuse */
} wb_txn;

typedef struct wb_piece {
    const char *text;                  /* whole statements; the byte behind them can be read */
    size_t len;
    size_t offset;                     /* of text in the script */
    uint32_t statement_first;          /* index of its first statement in the script, from 1 */
    uint32_t statement_count;          /* 0: not known; the driver splits by itself */
    const char *copy_data;             /* data of the one COPY ... FROM STDIN that the piece is; NULL */
    size_t copy_len;
    bool is_alone;                     /* outside a unit: one statement that the server commits by itself */
    int64_t lock_timeout_ms;           /* is_alone: 0 leaves the session's */
    int64_t statement_timeout_ms;      /* is_alone: 0 leaves the session's */
    const wb_statement *statement;     /* is_alone: what it is, for progress */
    int64_t *affected;                 /* not NULL: run at once and store how many rows it touched */
} wb_piece;

typedef struct wb_sync {
    uint32_t committed;                /* units that are durable, counted from the last sync that ended outside a unit */
    bool is_in_transaction;            /* the session is inside a transaction (ours, or one that a script opened) */
} wb_sync;

typedef enum wb_probe {
    WB_PROBE_ABSENT,                   /* it had no effect, or what it left was removed: run it (again) */
    WB_PROBE_PRESENT,                  /* it took full effect */
    WB_PROBE_BUILDING,                 /* the server still works on it: look again */
    WB_PROBE_INVALID,                  /* it left something broken, or half: clean(), then probe() again */
    WB_PROBE_CANNOT_TELL
} wb_probe;

typedef struct wb_catalog_options {
    const wb_table_ref *skip;          /* tables that are ours: they, their indexes and sequences are left out */
    size_t skip_count;
    const char *const *schemas;        /* NULL: the current schema, and those that migrations made (all but the system's) */
    size_t schema_count;
} wb_catalog_options;

#define WB_DRIVER_ABI 1u

struct wb_driver {
    uint32_t abi, size;                /* WB_DRIVER_ABI, sizeof(wb_driver): checked before anything is called */
    const char *name;                  /* "postgres": the name of directories and file suffixes, too */
    const char *const *schemes;        /* of URLs; ends with NULL */
    const char *const *suffixes;       /* in file names: "sqlite", "sqlite3"; ends with NULL */
    uint32_t caps;                     /* the most that this driver can do */

    /* connection */
    int (*open)(wb_ctx *, const wb_open_options *, wb_session **out);
    int (*attach)(wb_ctx *, void *native, const wb_open_options *, wb_session **out); /* WB_CAP_ATTACH; close() leaves native open */
    void (*close)(wb_session *);                                   /* NULL is fine; never fails */
    int (*reopen)(wb_ctx *, wb_session *);                         /* a fresh connection: locks, settings and units are gone */
    void (*cancel)(wb_session *);                                  /* WB_CAP_CANCEL; any thread, not a signal handler */
    void *(*native)(wb_session *);                                 /* PGconn *, sqlite3 *; for migrations written in C */

    /* exclusion and recorded state */
    int (*survey)(wb_ctx *, wb_session *, wb_arena *, wb_survey *);/* one attempt at the locks, and a description of tables; one round trip */
    int (*unlock)(wb_ctx *, wb_session *, const wb_lock_key *, size_t count); /* best effort; no locks: success */
    int (*holder)(wb_ctx *, wb_session *, const wb_lock_key *, size_t count, wb_holder *out); /* WBL_NO_CHANGE: nobody does */
    int (*end_ghost)(wb_ctx *, wb_session *, const wb_holder *);   /* ends that session of our own run; may be NULL */
    int (*renew)(wb_ctx *, wb_session *);                          /* WB_CAP_LOCK_LEASE */
    int (*create)(wb_ctx *, wb_session *, const wb_table *tables, size_t count); /* what exists is left alone; one round trip; races are fine */
    int (*rows)(wb_ctx *, wb_session *, const wb_select *, size_t count);        /* one round trip for all of them */
    int (*put)(wb_ctx *, wb_session *, const wb_row_op *);         /* in a unit: joins it; else durable at once */

    /* execution */
    int (*begin)(wb_ctx *, wb_session *, const wb_txn *);
    int (*run)(wb_ctx *, wb_session *, const wb_piece *);
    int (*commit)(wb_ctx *, wb_session *);                         /* ends the unit; durable after sync() */
    int (*rollback)(wb_ctx *, wb_session *);                       /* drops the open unit, and any transaction a script left; keeps units before it */
    int (*sync)(wb_ctx *, wb_session *, wb_sync *out);             /* send and await everything; *out is written on failure too;
                                                                      WBL_E_OUTCOME: answers are missing, look after reopen() */
    int (*reset)(wb_ctx *, wb_session *);                          /* search_path, role, settings as after open() */

    /* looking: WB_CAP_PROBE */
    int (*look)(wb_ctx *, wb_session *, const wb_statement *, wb_arena *, const char **out); /* before a statement; *out may be "" */
    int (*probe)(wb_ctx *, wb_session *, const wb_statement *, const char *looked, wb_probe *out);
    int (*clean)(wb_ctx *, wb_session *, const wb_statement *);    /* removes, or finishes, what WB_PROBE_INVALID found */

    /* Foreseeing, for plans. Both may be NULL; *out is one line in the arena, or NULL when there is nothing to say.
       foresee: how the server would carry the statement out, and whether writes to the table wait meanwhile.
       uncovered: WB_CAP_TXN_DML: what in a script of data changes a transaction of ours could not take back ("table log:
       its engine MyISAM has no transactions"); such a script must run statement by statement. */
    int (*foresee)(wb_ctx *, wb_session *, const wb_statement *, wb_arena *, const char **out);
    int (*uncovered)(wb_ctx *, wb_session *, const char *text, size_t len, wb_arena *, const char **out);

    /* catalog: WB_CAP_CATALOG */
    int (*catalog)(wb_ctx *, wb_session *, const wb_catalog_options *, wb_arena *, wb_object **out, size_t *count); /* sorted by kind, name */
    int (*drop_all)(wb_ctx *, wb_session *);
};

/* registry.c: the built-in drivers and the modules. The table there is the only place that lists them. */
int wb_driver_for_scheme(wb_ctx *, const char *scheme, const wb_driver **out);
int wb_driver_by_name(wb_ctx *, const char *name, const wb_driver **out);
/* The names that directories and file suffixes use, of every database that whimbrel knows, built in or not:
   "postgres", "mysql", ...; *canonical gives the driver's name for a suffix such as "sqlite3". */
const char *wb_driver_canonical(const char *suffix);

#endif
