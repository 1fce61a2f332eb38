/*
 * model.h - the plain structs that the rooms share: migration, script, statement, record. No functions.
 *
 * A pointer in these structs is borrowed from the arena of the plan unless its comment says otherwise.
 */
#ifndef WB_MODEL_H
#define WB_MODEL_H

#include "util/util.h"

/* ---- versions ---------------------------------------------------------------------------------------------- */

/* How the versions of a format are ordered. A version is text; no integer holds them all (20 digits exist). */
typedef enum wb_order {
    WB_ORDER_NUMERIC,                  /* digits; leading zeros do not count */
    WB_ORDER_DOTTED,                   /* digits with dots or underscores, part by part */
    WB_ORDER_BYTES
} wb_order;

/* ---- SQL ----------------------------------------------------------------------------------------------------- */

typedef enum wb_dialect { WB_SQL_POSTGRES, WB_SQL_SQLITE, WB_SQL_MYSQL, WB_SQL_NONE } wb_dialect;

typedef enum wb_stmt_class {
    WB_STMT_DDL,                       /* CREATE, ALTER, DROP, COMMENT, GRANT, TRUNCATE, ... */
    WB_STMT_DML,                       /* INSERT, UPDATE, DELETE, MERGE, COPY, SELECT ... INTO */
    WB_STMT_QUERY,                     /* SELECT, VALUES, WITH ... SELECT, SHOW, EXPLAIN */
    WB_STMT_TXN,                       /* transaction control: txn tells which */
    WB_STMT_SESSION,                   /* SET, RESET, DISCARD, LISTEN, PRAGMA, ATTACH, USE, LOCK */
    WB_STMT_ROUTINE,                   /* DO, CALL, EXECUTE: may do anything, also end a transaction */
    WB_STMT_MAINTENANCE,               /* VACUUM, ANALYZE, REINDEX, CLUSTER, CHECKPOINT, REFRESH */
    WB_STMT_OTHER
} wb_stmt_class;

typedef enum wb_txn_verb {
    WB_TXN_NONE,
    WB_TXN_BEGIN,                      /* BEGIN, START TRANSACTION; modes is what follows */
    WB_TXN_COMMIT,                     /* COMMIT, END */
    WB_TXN_COMMIT_CHAIN,
    WB_TXN_ROLLBACK,                   /* ROLLBACK, ABORT, also AND CHAIN */
    WB_TXN_SAVEPOINT,
    WB_TXN_RELEASE,
    WB_TXN_ROLLBACK_TO,
    WB_TXN_PREPARE,                    /* PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED */
    WB_TXN_OTHER                       /* SET autocommit, XA: the script manages transactions in its own way */
} wb_txn_verb;

typedef enum wb_action {               /* of DDL; what a probe looks for */
    WB_ACT_NONE, WB_ACT_CREATE, WB_ACT_ALTER, WB_ACT_DROP, WB_ACT_RENAME, WB_ACT_TRUNCATE, WB_ACT_REINDEX
} wb_action;

typedef struct wb_batch {              /* -- whimbrel: batch size=5000 pause=50ms max=N */
    uint64_t size;                     /* rows of one round; 0: no batch */
    int64_t pause_ms;
    uint64_t max;                      /* rounds; 0: until none is left */
} wb_batch;

typedef struct wb_statement {
    uint32_t index;                    /* in its script, from 1 */
    uint32_t line, column;             /* of its first token, in the whole file, from 1; column in bytes */
    size_t offset, len;                /* in the script's text; first token to the byte before the terminator */
    wb_str text;                       /* the same bytes, borrowed from the script; for what a driver must read itself */
    wb_stmt_class cls;
    wb_txn_verb txn;
    wb_str modes;                      /* of BEGIN: "ISOLATION LEVEL SERIALIZABLE"; borrowed from the text */
    const char *refuses;               /* why it can't run in a transaction, static text; NULL: it can */
    bool commits_implicitly;           /* MySQL: DDL and the like; it commits what is open even when it fails */
    bool may_commit;                   /* MySQL: it does, or may where the text does not tell (CALL, an unknown statement) */
    bool is_repeatable;                /* running it once more does no harm: VACUUM, ANALYZE, REINDEX, PRAGMA */
    bool may_leak;                     /* may leave session state behind: SET, RESET, SELECT f(), DO, CALL */
    bool is_concurrent;                /* CONCURRENTLY */
    bool if_exists;                    /* IF [NOT] EXISTS */
    wb_action action;
    const char *object;                /* static: "table", "index", "view", "function", "database", ...; NULL */
    wb_str schema, name;               /* of the object as written, quotes included; len 0 when it has none */
    wb_str table_schema, table;        /* CREATE INDEX ... ON this; CREATE TRIGGER ... ON this; ALTER TABLE: same as name */
    wb_batch batch;
    size_t copy_offset, copy_len;      /* the data block of COPY ... FROM STDIN, without its \. line */
    bool has_copy_data;
} wb_statement;

/* In its script's text, with its data. */
static inline size_t wb_statement_end(const wb_statement *st)
{
    return st->has_copy_data ? st->copy_offset + st->copy_len : st->offset + st->len;
}

typedef enum wb_txn_shape {
    WB_SHAPE_PLAIN,                    /* no transaction control but savepoints */
    WB_SHAPE_OUTER,                    /* one pair around everything: absorbed into ours */
    WB_SHAPE_SELF_MANAGED,             /* anything more: run statement by statement, without a transaction of ours */
    WB_SHAPE_UNBALANCED                /* BEGIN without COMMIT or the reverse: an error */
} wb_txn_shape;

/* What one pass over a script finds. A script of 50 MB has no array of statements: it is split again when needed. */
typedef struct wb_script_facts {
    uint32_t statement_count;
    wb_txn_shape shape;
    size_t body_offset, body_len;      /* what we run: the whole text, or the inside of the absorbed pair */
    uint32_t body_first;               /* index of its first statement */
    uint32_t body_count;
    wb_str modes;                      /* of the absorbed BEGIN */
    uint32_t refusing_count;           /* statements that can't run in a transaction */
    wb_statement refusing;             /* the first of them */
    wb_statement odd;                  /* UNBALANCED, SELF_MANAGED: the statement that makes it so */
    bool has_ddl, has_copy, has_batch, may_leak;
    bool may_commit;                   /* a statement may */
    bool has_client_lines;             /* \restrict of psql, DELIMITER of mysql: send statements, never the whole text */
} wb_script_facts;

/* ---- directives at the top of a script ------------------------------------------------------------------------ */

typedef struct wb_require {
    const char *ns;
    const char *version;               /* NULL: the whole namespace as it stands */
} wb_require;

typedef enum wb_switch { WB_UNSET, WB_OFF, WB_ON } wb_switch;

typedef struct wb_directives {
    bool no_transaction, out_of_order;
    int64_t lock_timeout_ms, statement_timeout_ms; /* -1: not said */
    wb_switch foreign_keys;            /* SQLite: foreign-keys on/off for this migration */
    const wb_require *requires;
    size_t require_count;
    const char *const *variables;      /* names that ${name:ident} may use */
    size_t variable_count;
} wb_directives;

/* ---- migrations -------------------------------------------------------------------------------------------------- */

typedef struct wb_script_info {        /* what reading a script found; pointers into its text */
    wb_directives directives;
    wb_script_facts facts;
    char tokens[65];                   /* checksum of the token stream, in hex */
    const char *uncovered;             /* MySQL: what it changes that no transaction can take back; NULL: nothing */
} wb_script_info;

typedef struct wb_script {
    bool exists;                       /* the direction is there at all (a file, a part of one, code, memory) */
    const char *path;                  /* to open it, relative to dir_fd's directory; NULL: memory or code */
    const char *shown;                 /* for people: "migrations/core/000001_x.up.sql" */
    size_t part_offset, part_len;      /* of a single file that holds both directions; part_len 0: to the end */
    bool is_part;
    bool is_loaded;
    const char *text;                  /* when loaded: NUL-terminated, without byte-order mark; owned by the script */
    size_t len;
    uint32_t first_line;               /* line of text[0] in its file */
    char *owned;                       /* wb_free() when the script is released; NULL for memory */
    wb_script_info *info;              /* in the arena of the call; NULL: not read */
    char sha256[65];                   /* of the text without byte-order mark and with LF line ends; "" not computed */
    int (*call)(void *user, const wbl_session *, wbl_error *); /* code */
    void *call_user;
} wb_script;

typedef struct wb_migration {
    const char *ns;
    const char *version;               /* as written: "000012" */
    const char *key;                   /* canonical for comparing and the ledger: "12" */
    const char *name;                  /* "add_users" */
    const char *description;           /* code migrations; NULL */
    int dir_fd;                        /* borrowed from the source set; -1: memory or code */
    wb_script up, down;
    const wb_require *requires;        /* from the library's registration; directives come with the script */
    size_t require_count;
    bool is_code;
    bool no_transaction;               /* .autocommit. in the file name */
    int ns_index;                      /* filled by the plan */
} wb_migration;

/* ---- recorded state -------------------------------------------------------------------------------------------- */

/* A row of the documented ledger, whatever its shape. */
typedef struct wb_ledger_row {
    const char *ns;
    const char *key;                   /* canonical version */
    const char *text;                  /* as stored */
    bool is_dirty;
    const char *applied_at;            /* as the server tells it; NULL */
} wb_ledger_row;

/* A row of our own history: one attempt at anything. */
typedef struct wb_record {
    int64_t seq;                       /* the database's own order; 0 before it is stored */
    const char *id, *run_id;           /* UUIDv7 */
    const char *ns, *version, *key, *name;
    const char *action;                /* up down force baseline adopt external repair */
    const char *state;                 /* started applied reverted failed unknown noted */
    int32_t protocol;                  /* wbl_protocol */
    uint32_t statements, begun, done;
    const char *sha256, *tokens;       /* hex; of the script that ran */
    const char *up_script;             /* as applied, where it is short: for the difference when the file changes */
    const char *down_script;           /* the down script as applied. Both are to be written, never loaded with the rest */
    bool has_down_script;              /* loaded: one is stored */
    const char *done_sha256;           /* token checksum of the statements that are done: they may not change before a resume */
    const char *look;                  /* what a look at the object gave before the statement that is begun */
    const char *who, *host, *tool;
    const char *started_at;            /* as the server tells it */
    int64_t duration_ms;               /* -1: unknown; WB_DURATION_OF_UNIT: the driver writes how long the unit has run */
    const char *error, *note;
} wb_record;
#define WB_DURATION_OF_UNIT ((int64_t)-2)

/* A database object as verify and diff see it. */
typedef struct wb_object {
    const char *kind;                  /* table column constraint index sequence view trigger function type extension */
    const char *name;                  /* qualified as the server would print it: orders.total, idx_orders */
    const char *parent;                /* table of a column, constraint, index, trigger; NULL */
    const char *definition;            /* canonical, comparable text: "numeric(10,2) not null default 0" */
    bool is_valid;                     /* indexes, constraints */
} wb_object;

/* ---- what a database can do ----------------------------------------------------------------------------------- */

/* Bits of wb_driver.caps; a session may have fewer. Here, since a plan depends on them and knows no driver. */
enum wb_cap {
    WB_CAP_TXN_DDL = 1u << 0,          /* begin..commit covers schema changes and our rows */
    WB_CAP_TXN_DML = 1u << 1,          /* begin..commit covers data and our rows, not schema changes */
    WB_CAP_LOCK_SESSION = 1u << 2,     /* survey() can hold a lock that the server drops when the connection ends */
    WB_CAP_LOCK_LEASE = 1u << 3,       /* the lock expires: renew() it */
    WB_CAP_PROBE = 1u << 4,            /* look() and probe() can tell whether a statement took effect */
    WB_CAP_CATALOG = 1u << 5,
    WB_CAP_CANCEL = 1u << 6,
    WB_CAP_ATTACH = 1u << 7,
    WB_CAP_GROUP = 1u << 8             /* several units between two syncs */
};

#endif
