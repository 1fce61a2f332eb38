/*
 * whimbrel.h - the public library: bring a database from one version of its schema to another, and say what state it
 * is in. Everything that an embedding program sees is here; the manual is docs/library.md.
 *
 * Rules of this header: every call returns a wbl_code and fills a caller-owned wbl_error, which may be NULL; option
 * structs begin with `size` and have an init function; handles are opaque; text is UTF-8, NUL-terminated, and NULL where
 * there is none; times are in milliseconds. Nothing here prints, exits, changes signals or the locale.
 *
 * In the comments of the functions, "@threads one for each handle" means: one handle is used by one thread at a time,
 * different handles may be used at once. What a comment does not say about errors: without a handle, or with a wrong
 * member of a struct, a call returns WBL_E_INVALID, effect none; any call may return WBL_E_NOMEM; any call on the database
 * WBL_E_CONNECT, WBL_E_OUTCOME (the connection was lost), WBL_E_TIMEOUT, WBL_E_CANCELLED, WBL_E_STATEMENT (the server
 * refused what whimbrel itself asked for). wbl_error.effect says what was left behind.
 */
#ifndef WHIMBREL_H
#define WHIMBREL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WBL_API __attribute__((visibility("default")))
#else
#define WBL_API
#endif

#define WBL_VERSION_MAJOR 0
#define WBL_VERSION_MINOR 1
#define WBL_VERSION_PATCH 0
#define WBL_VERSION "0.1.0"

/* @since of a struct's member or an enum's value is 0.1 where nothing else is said. New members come at the end of a struct
   that begins with `size`, new values at the end of an enum: be ready for values that you do not know. Structs without
   `size` (they come in arrays) grow with a new soname only. */

/* ---- results ---------------------------------------------------------------------------------------------- */

typedef enum wbl_code {
    WBL_OK = 0,
    WBL_NO_CHANGE = 1,      /* success: there was nothing to do */
    WBL_CHECK_FAILED = 2,   /* the call worked, and what it checked does not hold: see the report's findings */
    WBL_E_NOMEM = -1,
    WBL_E_INVALID = -2,     /* a wrong argument, file, URL or configuration; nothing was touched */
    WBL_E_CONNECT = -3,     /* no connection, or it was lost before anything was sent */
    WBL_E_STATEMENT = -4,   /* the database refused a statement */
    WBL_E_LOCKED = -5,      /* another run holds the lock */
    WBL_E_OUTCOME = -6,     /* a request was sent and its answer is lost */
    WBL_E_STATE = -7,       /* a person must say what happened: see wbl_repair() */
    WBL_E_DRIFT = -8,       /* an applied file was edited, or an object has another definition */
    WBL_E_CONFLICT = -9,    /* another run changed the record under us */
    WBL_E_TIMEOUT = -10,
    WBL_E_CANCELLED = -11,  /* wbl_cancel() was called */
    WBL_E_LOCK_WAIT = -12,  /* a statement waited too long for a table lock of somebody else */
    WBL_E_REFUSED = -13,    /* needs a confirmation that was not given, or a policy forbids it */
    WBL_E_UNSUPPORTED = -14,/* this database, server version or build cannot do it */
    WBL_E_IO = -15,         /* a file could not be read or written */
    WBL_E_INTERNAL = -16    /* a defect of whimbrel */
} wbl_code;

/* What a failed call may have left behind. */
typedef enum wbl_effect {
    WBL_EFFECT_NONE = 0,    /* proven: nothing changed */
    WBL_EFFECT_SOME = 1,    /* proven: some statements took effect, and they are recorded */
    WBL_EFFECT_UNKNOWN = 2  /* nobody can tell yet */
} wbl_effect;

#define WBL_ERROR_VERSION 1
typedef struct wbl_error {
    uint32_t version;       /* WBL_ERROR_VERSION of the caller; 0 is read as 1 */
    int32_t code;           /* wbl_code: 0 good, negative bad */
    int32_t native;         /* number of the server or client library, 0 if none */
    uint8_t effect;         /* wbl_effect */
    uint8_t is_retryable;   /* the same call may succeed later */
    char sqlstate[6];
    uint32_t line, column, statement; /* in the migration file, from 1, 0 unknown; column in bytes */
    char message[512];      /* one line, no full stop, cut between characters */
    char hint[256];         /* what to do next; may be empty; may hold several lines */
    char file[192];         /* as given to us; a long path is cut on the left */
    char reserved[32];
} wbl_error;

/* ---- the report of a call ---------------------------------------------------------------------------------- */

typedef enum wbl_state {
    WBL_STATE_PENDING = 0,
    WBL_STATE_APPLIED = 1,
    WBL_STATE_FAILED = 2,   /* the last attempt failed; what it left is known */
    WBL_STATE_UNKNOWN = 3,  /* a statement may or may not have run: wbl_repair() */
    WBL_STATE_SKIPPED = 4,  /* older than what is applied, and the policy does not apply it */
    WBL_STATE_MISSING = 5,  /* applied, and its file is gone */
    WBL_STATE_DISABLED = 6  /* its namespace is switched off */
} wbl_state;

typedef enum wbl_protocol {
    WBL_PROTOCOL_NONE = 0,
    WBL_PROTOCOL_ATOMIC = 1,   /* one transaction holds script and record */
    WBL_PROTOCOL_STEPWISE = 2, /* progress is recorded statement by statement */
    WBL_PROTOCOL_CONVERGE = 3  /* declared objects are compared and created where absent */
} wbl_protocol;

typedef enum wbl_direction { WBL_UP = 0, WBL_DOWN = 1 } wbl_direction;

typedef enum wbl_outcome { /* of a step */
    WBL_OUTCOME_PENDING = 0, /* it did not run */
    WBL_OUTCOME_DONE = 1,    /* it is durable */
    WBL_OUTCOME_FAILED = 2,  /* what it left behind is known, and recorded */
    WBL_OUTCOME_UNKNOWN = 3  /* the answer was lost: the next run looks, or asks */
} wbl_outcome;

typedef struct wbl_migration {
    const char *ns;            /* namespace */
    const char *version;       /* as the file spells it */
    const char *name;
    const char *path;          /* of the script this row is about; NULL for memory and code */
    int32_t state;             /* wbl_state */
    int32_t direction;         /* wbl_direction: what a step does; of a failed or unknown one: what was tried */
    int32_t protocol;          /* wbl_protocol that is, or was, used */
    uint32_t statements;       /* of the script; 0 when it was not read */
    uint32_t statements_done;  /* recorded as done by an unfinished attempt */
    uint32_t statements_begun; /* above statements_done: this one was begun, and may have left something */
    int32_t has_down;
    int32_t is_dirty;          /* the ledger's own flag */
    int32_t is_out_of_order;
    const char *reason;        /* why this protocol, or why skipped; NULL */
    const char *applied_at;    /* as the ledger tells it; NULL */
    const char *error;         /* of the last attempt; NULL */
    const char *error_at;      /* when that was; NULL */
    int64_t duration_ms;       /* -1 unknown */
    const char *script;        /* the text, in plans made with with_sql; NULL */
    int32_t outcome;           /* wbl_outcome: of a step in this call */
} wbl_migration;

typedef struct wbl_namespace {
    const char *name;
    const char *current;       /* highest applied version, NULL when none */
    const char *latest;        /* highest version among the files, NULL when none */
    uint32_t applied, pending, failed, unknown, skipped, missing;
    int32_t is_dirty;
    int32_t is_enabled;
    uint32_t migration_first, migration_count; /* its rows in wbl_report.migrations */
} wbl_namespace;

typedef enum wbl_severity { WBL_NOTE = 0, WBL_WARNING = 1, WBL_ERROR = 2 } wbl_severity;

/* Something that a person should know: a warning, a failed check, one of several errors of the same kind. */
typedef struct wbl_finding {
    int32_t severity;          /* wbl_severity */
    const char *code;          /* stable name, docs/findings.md: "edited", "missing-down", "drift-changed" */
    const char *ns, *version, *name;
    const char *object;        /* of the database: "table orders", NULL */
    const char *file;
    uint32_t line, column;
    const char *message;       /* one line */
    const char *detail;        /* more lines, such as a difference; NULL */
    const char *hint;          /* what to do; NULL */
} wbl_finding;

/* One row of the history. */
typedef struct wbl_attempt {
    const char *id, *run_id, *ns, *version, *name;
    const char *action;        /* up down force baseline adopt external repair */
    const char *state;         /* started applied reverted failed unknown noted */
    const char *protocol;
    const char *started_at, *error, *who, *tool, *note;
    uint32_t statements, statements_begun, statements_done;
    int64_t duration_ms;       /* -1 unknown */
} wbl_attempt;

/* A configuration value and where it came from. */
typedef struct wbl_setting {
    const char *key, *value;   /* passwords are hidden */
    const char *origin;        /* "flag", "environment WHIMBREL_URL", "whimbrel.yaml:3", "default" */
} wbl_setting;

typedef struct wbl_report {
    uint32_t size;
    const char *url;           /* password hidden */
    const char *profile;       /* native, axcom, golang-migrate; NULL before a connection */
    const char *ledger;        /* qualified name of the ledger table */
    const char *server;        /* "PostgreSQL 15.18" */
    const char *plan_hash;     /* 8 hex digits and more, of a plan; NULL */
    const wbl_namespace *namespaces;
    uint32_t namespace_count;
    const wbl_migration *migrations; /* every migration of every namespace: status, validate */
    uint32_t migration_count;
    const wbl_migration *steps;      /* in the order of execution, with their outcomes: plan, up, down, goto, redo */
    uint32_t step_count;
    const wbl_finding *findings;
    uint32_t finding_count;
    const wbl_attempt *attempts;
    uint32_t attempt_count;
    const wbl_setting *settings;
    uint32_t setting_count;
    const char *const *paths;        /* files that were written: new, init; files passed over: validate with verbose */
    uint32_t path_count;
    uint32_t applied_total;    /* migrations applied after the call */
    uint32_t done_count;       /* steps that this call completed */
    int64_t duration_ms;
} wbl_report;

/* ---- events ------------------------------------------------------------------------------------------------- */

typedef enum wbl_event_kind {
    WBL_EVENT_RUN_STARTED = 1, /* url and profile are known, the plan is made: total = number of steps */
    WBL_EVENT_STARTED,         /* a migration begins */
    WBL_EVENT_STATEMENT,       /* statement n of m of a stepwise script begins */
    WBL_EVENT_PROGRESS,        /* a long statement or batch: done of total, text = phase */
    WBL_EVENT_NOTICE,          /* a message of the server: text, severity */
    WBL_EVENT_DONE,            /* a migration is applied or reverted, and durable */
    WBL_EVENT_FAILED,          /* a migration failed: error */
    WBL_EVENT_WAITING,         /* for a lock: text names the holder */
    WBL_EVENT_FINDING,         /* a warning as it arises: finding */
    WBL_EVENT_RUN_DONE
} wbl_event_kind;

typedef struct wbl_event {
    uint32_t size;
    int32_t kind;              /* wbl_event_kind */
    const wbl_migration *migration;
    const wbl_finding *finding;
    const wbl_error *error;
    const wbl_report *report;  /* RUN_STARTED, RUN_DONE */
    const char *severity;      /* NOTICE: "NOTICE", "WARNING" */
    const char *text;
    uint32_t index, count;     /* step index (from 1) of count; or statement n of m */
    uint64_t done, total;      /* PROGRESS; total 0 when unknown */
    double rate;               /* PROGRESS of a batch: rows a second, 0 when unknown */
    int64_t duration_ms;
} wbl_event;

/* Called in the thread that runs the handle's call. Everything an event points to is valid until the callback returns. Do
   not call into the same handle from it, wbl_cancel() excepted, and do not leave it by longjmp() or an exception. */
typedef void (*wbl_event_fn)(void *user, const wbl_event *event);

/* ---- a handle ------------------------------------------------------------------------------------------------ */

typedef struct wbl_handle wbl_handle;

typedef struct wbl_options {
    uint32_t size;                   /* set by wbl_options_init() */
    const char *url;                 /* NULL: from environment and configuration file */
    const char *const *dirs;         /* directories of migration files, also as file://DIR; NULL: configuration, else "migrations" */
    uint32_t dir_count;
    const char *config;              /* configuration file; NULL: look for whimbrel.yaml, config.yaml; "" uses none */
    const char *working_dir;         /* where relative paths and files are looked for; NULL: the process's own */
    const char *profile;             /* NULL: found from database and directory */
    const char *format;              /* of the files: "pairs", "single"; NULL: found by looking */
    const char *target;              /* name under targets: of the configuration; NULL: the main one */
    const char *ledger_schema, *ledger_table;
    const char *password_file;
    const char *application;         /* shown to the server and in messages about locks; NULL: "whimbrel" */
    const char *command_name;        /* in "run '... up'" hints; NULL: "whimbrel" */
    int32_t no_environment;          /* 1: read no environment variable and no .env file */
    int32_t default_out_of_order;    /* 0 configuration or "error"; 1 apply, 2 error, 3 ignore */
    int32_t keep_lock;               /* 1: the run's lock is released by wbl_close(), which saves a round trip; not with connection */
    int64_t lock_timeout_ms;         /* wait for our own lock; -1 configuration or 5 minutes, 0 does not wait */
    int64_t connect_timeout_ms;      /* -1: 10 s */
    int64_t ddl_lock_timeout_ms;     /* a statement's wait for a table lock; -1: 5 s; 0: the server's own setting */
    int32_t ddl_lock_tries;          /* -1: 3; only for scripts that are rolled back */
    int64_t statement_timeout_ms;    /* -1: the server's own setting */
    int32_t group_max;               /* migrations in one message or transaction; -1: as fits, 1: no groups */
    void *connection;                /* a PGconn*, sqlite3* or MYSQL* of the caller, used during calls only; idle then, outside a transaction */
    const char *connection_kind;     /* "postgres", "sqlite" or "mysql" when connection is set */
    wbl_event_fn on_event;           /* may be NULL */
    void *user;                      /* for on_event */
    int32_t confirmed;               /* 1: yes beforehand to what a call would ask, as wbl_request.confirmed: wbl_force(),
                                        wbl_baseline(), wbl_repair() and wbl_drop() on a protected target need it */
} wbl_options;

/**
 * Fill with defaults. Call wbl_options_init(), which says the size that your program was compiled with; this function
 * is for bindings of other languages.
 *
 * @param size  bytes that `options` has room for, at least 4; nothing behind them is written
 * @threads any @since 0.1
 */
WBL_API void wbl_options_init_sized(wbl_options *options, uint32_t size);
static inline void wbl_options_init(wbl_options *options)
{
    wbl_options_init_sized(options, (uint32_t)sizeof *options);
}

/** "0.1.0" of the library that is running; WBL_VERSION is the header's. @return static text @threads any @since 0.1 */
WBL_API const char *wbl_version_text(void);

/**
 * Use another allocator for everything that the library allocates itself (not what a client library allocates).
 *
 * @param alloc    gets a number of bytes, never 0; returns memory aligned for any type, or NULL. Called from every
 *                 thread that uses a handle
 * @param release  frees what alloc gave; never gets NULL
 * @threads before the first other call of the process only @since 0.1
 */
WBL_API void wbl_allocator_set(void *(*alloc)(size_t), void (*release)(void *));

/**
 * Read the configuration and prepare a handle. Nothing is connected yet; the first call that needs the database does.
 *
 * @param options  copied, the strings too; options->connection is borrowed until wbl_close(). NULL: defaults
 * @param out      on success a handle, which the caller owns: wbl_close(). Untouched on failure
 * @return WBL_OK; WBL_E_INVALID (options, URL, configuration with file, line and column); WBL_E_UNSUPPORTED (no driver
 *         for this database, or a newer program sets options that this library does not know); WBL_E_IO; WBL_E_NOMEM.
 *         The effect is always none
 * @threads any @since 0.1
 */
WBL_API int wbl_open(const wbl_options *options, wbl_handle **out, wbl_error *err);

/**
 * Release everything: the report, the lock, the library's own connection. A connection of the caller stays open.
 *
 * @param handle  no thread may use it now, nor call wbl_cancel() on it; NULL is fine
 * @threads one for each handle @since 0.1
 */
WBL_API void wbl_close(wbl_handle *handle);

/**
 * Ask the running call of this handle to stop: an atomic script is cancelled and rolled back, the running statement of
 * a stepwise script ends first. The call returns WBL_E_CANCELLED; so does every later one that executes, and one that
 * only looks may, until wbl_cancel_clear(). Returns at once and never fails; without a running call it is the next one
 * that stops.
 *
 * @param handle  must not be closed meanwhile; NULL is fine
 * @threads any; async-signal-safe (an atomic store and nothing else) @since 0.1
 */
WBL_API void wbl_cancel(wbl_handle *handle);

/** Take the wish back. @threads any; async-signal-safe @since 0.1 */
WBL_API void wbl_cancel_clear(wbl_handle *handle);

/**
 * The report of the last call of this handle, also of one that failed; empty before the first.
 *
 * @return borrowed, with everything that it points to: valid until the next call that gets this handle (wbl_cancel(),
 *         wbl_migration_add() and wbl_migration_register() excepted) or wbl_close(). Never NULL
 * @threads one for each handle @since 0.1
 */
WBL_API const wbl_report *wbl_report_get(const wbl_handle *handle);

/**
 * A report as JSON, one line: what `whimbrel --json` prints.
 *
 * @param report   of wbl_report_get()
 * @param what     name of the command, such as "status": it chooses the members. NULL: those of every command
 * @param failure  the error of the call, or NULL when it went well
 * @param out      on success a text; the caller owns it: wbl_free(). Untouched on failure
 * @return WBL_OK; WBL_E_INVALID; WBL_E_NOMEM
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_report_json(const wbl_report *report, const char *what, const wbl_error *failure, char **out);

/** Free a text that a function of this header gave to the caller. NULL is fine. @threads any @since 0.1 */
WBL_API void wbl_free(void *p);

/* ---- migrations that are not files --------------------------------------------------------------------------- */

typedef struct wbl_source {
    uint32_t size;
    const char *ns;                  /* NULL: "default" */
    const char *version;             /* digits */
    const char *name;                /* NULL: "" */
    const char *up, *down;           /* text; down may be NULL */
    size_t up_size, down_size;       /* bytes; 0: up to the NUL */
    const char *const *requires;     /* "identity@2", "core"; the directives in the text count too */
    uint32_t requires_count;
} wbl_source;
/** Fill with defaults; see wbl_options_init_sized(). @param size bytes @threads any @since 0.1 */
WBL_API void wbl_source_init_sized(wbl_source *source, uint32_t size);
static inline void wbl_source_init(wbl_source *source)
{
    wbl_source_init_sized(source, (uint32_t)sizeof *source);
}

/**
 * Add one migration from memory. It belongs to the handle, for all calls after this one. The files of a directory count
 * beside it, unless options.dirs names none (dirs not NULL, dir_count 0).
 *
 * @param source  copied, the texts too
 * @return WBL_OK; WBL_E_INVALID (no up script; a version that is no number; a namespace of more than 50 bytes; a
 *         requirement that is none); WBL_E_UNSUPPORTED; WBL_E_NOMEM. A refused one leaves the handle as it was. What
 *         only all migrations together show (a version twice, a circle) and faults of the text come with the call that
 *         runs it
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_migration_add(wbl_handle *handle, const wbl_source *source, wbl_error *err);

/* What a migration written in C gets to work with. */
typedef struct wbl_session {
    uint32_t size;
    const char *kind;                /* "postgres", "sqlite", "mysql" */
    void *connection;                /* PGconn*, sqlite3*, MYSQL* of libmariadb; inside the migration's transaction, unless
                                        it has none: do not end that */
    wbl_handle *handle;              /* for wbl_run_sql() */
    void *opaque;
} wbl_session;

/**
 * A direction of a migration in C. It runs inside the transaction that holds its record, so a failure leaves nothing.
 * After WBL_E_LOCK_WAIT, or WBL_E_STATEMENT with err->is_retryable, it is rolled back and called again, at most
 * ddl_lock_tries times. On MySQL and MariaDB such a function may change data only: a schema change would end the
 * transaction, so wbl_run_sql() refuses it; wbl_code_migration.no_transaction is for those. It must not end the transaction (that is noticed, and makes the state unknown), must leave no
 * statement, cursor or pipeline open on the connection, must not call into the handle but by wbl_run_sql() and
 * wbl_cancel(), and must not be left by longjmp() or an exception.
 *
 * @param session  valid until the function returns
 * @param err      to be filled with at least a message when the result is negative; never NULL
 * @return 0 or more: success; a negative wbl_code. WBL_E_CONNECT, WBL_E_OUTCOME and numbers that are no wbl_code become
 *         WBL_E_STATEMENT: whether its connection is lost only the library knows
 * @threads called in the thread that runs the handle's call @since 0.1
 */
typedef int (*wbl_migration_fn)(void *user, const wbl_session *session, wbl_error *err);

typedef struct wbl_code_migration {
    uint32_t size;
    const char *ns, *version, *name; /* as wbl_source */
    const char *description;         /* kept in the history; NULL */
    wbl_migration_fn up, down;       /* down may be NULL */
    void *user;
    const char *const *requires;
    uint32_t requires_count;
    int32_t no_transaction;          /* 1: the functions run outside a transaction. That one was called is recorded before,
                                        that it is done afterwards. What a failed one did stays, and it is called again by
                                        the next run; when the process dies in it, the state is unknown: wbl_repair(), as
                                        for a script of one statement */
} wbl_code_migration;
/** Fill with defaults; see wbl_options_init_sized(). @param size bytes @threads any @since 0.1 */
WBL_API void wbl_code_migration_init_sized(wbl_code_migration *migration, uint32_t size);
static inline void wbl_code_migration_init(wbl_code_migration *migration)
{
    wbl_code_migration_init_sized(migration, (uint32_t)sizeof *migration);
}

/**
 * Register a migration written in C, beside the files and what comes from memory. It belongs to the handle.
 *
 * @param migration  copied, the strings too; `user` is borrowed until wbl_close()
 * @return as wbl_migration_add()
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_migration_register(wbl_handle *handle, const wbl_code_migration *migration, wbl_error *err);

/**
 * Run SQL from inside a wbl_migration_fn: in its transaction, with the run's timeouts and cancellation. Without a
 * transaction (wbl_code_migration.no_transaction) each statement takes effect by itself.
 *
 * @param sql  one or several statements; rows that they give are passed over
 * @return WBL_OK; WBL_E_STATEMENT, WBL_E_LOCK_WAIT, WBL_E_TIMEOUT, WBL_E_CANCELLED, ..., to be returned by the
 *         function; WBL_E_STATE (SQLite, MySQL, MariaDB: the text would end the transaction)
 * @threads only in the thread that called the function @since 0.1
 */
WBL_API int wbl_run_sql(const wbl_session *session, const char *sql, wbl_error *err);

/* ---- what a call is about ------------------------------------------------------------------------------------- */

typedef struct wbl_request {
    uint32_t size;
    const char *const *namespaces;   /* NULL: all that are enabled */
    uint32_t namespace_count;
    int64_t steps;                   /* up, down: at most so many migrations; 0: all (up), one (down) */
    const char *to;                  /* target version, inclusive for up; stays applied for down. NULL: none */
    int32_t all;                     /* down: everything */
    int32_t only;                    /* do not also run what the namespaces require: refuse instead */
    int32_t dry_run;                 /* plan only; nothing is written */
    int32_t out_of_order;            /* 0: configuration, 1 apply, 2 error, 3 ignore */
    int32_t newer;                   /* database newer than the files: 0 configuration or warn, 1 ok, 2 warn, 3 error */
    int32_t force;                   /* down: although an applied migration elsewhere depends on it */
    int32_t confirmed;               /* yes to what would be asked (down --all, a protected target, drop) */
    int32_t retry_failed;            /* with dirty_blocks: failed, try a failed migration again */
    int32_t with_sql;                /* plan: include the scripts */
    const char *plan_file;           /* up: run exactly this plan or refuse. plan: written to it */
    int32_t check_files_only;        /* validate: do not connect */
    int32_t verbose;                 /* report files that were passed over as well */
} wbl_request;
/** Fill with defaults; see wbl_options_init_sized(). @param size bytes @threads any @since 0.1 */
WBL_API void wbl_request_init_sized(wbl_request *request, uint32_t size);
static inline void wbl_request_init(wbl_request *request)
{
    wbl_request_init_sized(request, (uint32_t)sizeof *request);
}

/**
 * Apply pending migrations in order, and stop at the first failure. Takes the lock; creates ledger and history when
 * they are not there.
 *
 * @param request  NULL: everything pending in all enabled namespaces
 * @return WBL_OK, WBL_NO_CHANGE; WBL_E_LOCKED (effect none); WBL_E_STATEMENT (none, or some where the script does not
 *         run in a transaction); WBL_E_LOCK_WAIT; WBL_E_DRIFT (applied files were edited: findings); WBL_E_STATE (see
 *         wbl_repair); WBL_E_OUTCOME (unknown: run again, the next run looks); WBL_E_CANCELLED; WBL_E_INVALID (files,
 *         order, requirements: findings; effect none); WBL_E_UNSUPPORTED; any other: look at err->effect. The effect is
 *         that of the failing migration: those before it stay applied, report->done_count of them
 * @threads one for each handle @since 0.1 @source docs/architecture.md; PostgreSQL manual 9.27.10 for the lock
 */
WBL_API int wbl_up(wbl_handle *h, const wbl_request *request, wbl_error *err);

/**
 * Revert migrations, newest first: the last one, `steps`, down to `to` (which stays applied), or all. Uses the down
 * script that is stored in the history when the file is gone. Takes the lock.
 *
 * @param request  NULL: the last one
 * @return as wbl_up(); WBL_E_REFUSED (effect none) without `confirmed` where one is needed (`all`, a protected target),
 *         or when an applied migration depends on one of them; WBL_E_INVALID when there is no down script
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_down(wbl_handle *h, const wbl_request *request, wbl_error *err);

/**
 * Up or down, so that request->to is the current version of one namespace. Takes the lock.
 *
 * @param request  `to` is needed; with several namespaces, the one that is meant
 * @return as wbl_up() and wbl_down(); WBL_E_INVALID when there is no such version
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_goto(wbl_handle *h, const wbl_request *request, wbl_error *err);

/**
 * Down and up of the last migration, or of the last `steps`. Takes the lock once for both.
 *
 * @param request  NULL: the last one
 * @return as wbl_up() and wbl_down()
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_redo(wbl_handle *h, const wbl_request *request, wbl_error *err);

/**
 * What wbl_up() would do: report->steps in their order, findings, plan_hash. Writes nothing to the database and takes
 * no lock; request->plan_file is written (never over an existing file).
 *
 * @param request  as for wbl_up(); NULL: everything pending
 * @return WBL_OK; WBL_NO_CHANGE (nothing to do); WBL_E_INVALID, WBL_E_DRIFT, WBL_E_STATE as wbl_up() would; WBL_E_IO
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_plan(wbl_handle *h, const wbl_request *request, wbl_error *err);

/**
 * Every namespace and migration: report->namespaces, report->migrations. Takes no lock and creates nothing.
 *
 * @param request  namespaces chooses; NULL: all
 * @return WBL_OK, also on an empty database; WBL_E_INVALID (files; no such namespace); effect none
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_status(wbl_handle *h, const wbl_request *request, wbl_error *err);

/**
 * All attempts at anything, newest first: report->attempts. Takes no lock and creates nothing.
 *
 * @param request  namespaces chooses; steps limits how many, 0: all. NULL: all
 * @return WBL_OK, also without a history; effect none
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_history(wbl_handle *h, const wbl_request *request, wbl_error *err);

/**
 * The current version of one namespace: the highest that is applied, as its file spells it. Takes no lock.
 *
 * @param ns    NULL where there is only one
 * @param out   "" when nothing is applied; cut at size, always terminated. Untouched on failure
 * @param size  bytes of out, at least 1
 * @return WBL_OK, also for a namespace that nobody knows; WBL_E_INVALID (ns is NULL and there are several); effect none
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_version(wbl_handle *h, const char *ns, char *out, size_t size, wbl_error *err);

/**
 * The same as a number.
 *
 * @param out  0 when nothing is applied. Untouched on failure
 * @return as wbl_version(); WBL_E_INVALID when the version is no number of 64 bits: versions of 20 digits exist
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_version_number(wbl_handle *h, const char *ns, int64_t *out, wbl_error *err);

/**
 * The files alone, and against the ledger: doubles, gaps, missing down scripts, edited files, requirements. Every fault
 * is a finding. Takes no lock.
 *
 * @param request  check_files_only: without the database; verbose: report->paths names files passed over. NULL:
 *                 everything
 * @return WBL_OK (warnings are findings); WBL_CHECK_FAILED (findings of severity error); WBL_E_INVALID (the files
 *         cannot be read as migrations: findings); effect none
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_validate(wbl_handle *h, const wbl_request *request, wbl_error *err);

/**
 * The live database against the catalog that was recorded after the last run: tables, columns, indexes that are
 * missing, changed or new are findings. Takes no lock.
 *
 * @param request  namespaces chooses; NULL: all
 * @return WBL_OK; WBL_CHECK_FAILED (something differs); WBL_E_UNSUPPORTED (this database gives no catalog); effect none
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_verify(wbl_handle *h, const wbl_request *request, wbl_error *err);

typedef struct wbl_check_options {
    uint32_t size;
    const char *const *minimums;     /* "core=1", "identity=000002"; NULL: core at least 1, when there is a core */
    uint32_t minimum_count;
    int32_t current;                 /* nothing may be pending either */
    int64_t wait_ms;                 /* wbl_wait: how long; -1: for ever */
} wbl_check_options;
/** Fill with defaults; see wbl_options_init_sized(). @param size bytes @threads any @since 0.1 */
WBL_API void wbl_check_options_init_sized(wbl_check_options *options, uint32_t size);
static inline void wbl_check_options_init(wbl_check_options *options)
{
    wbl_check_options_init_sized(options, (uint32_t)sizeof *options);
}

/**
 * The quick check at a service's start: is the ledger there, are the versions that are needed applied? Reads what is
 * recorded; the migration files are needed only with `current`. Takes no lock and waits for nobody.
 *
 * @param options  NULL: core at least at version 1 where there is a core, else anything applied
 * @return WBL_OK; WBL_CHECK_FAILED with a message for the log, such as "core schema not applied - run 'whimbrel up'"
 *         with a dash (options.command_name replaces "whimbrel"); WBL_E_INVALID (a minimum that is none); effect none
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_check(wbl_handle *h, const wbl_check_options *options, wbl_error *err);

/**
 * Wait until the database answers, and until the minimums hold when some are given: what a service does while one job
 * migrates. Looks twice a second. Read only.
 *
 * @param options  wait_ms: how long, -1: for ever, 0: one look. NULL: for ever, until the database answers
 * @return WBL_OK; WBL_E_TIMEOUT with the last reason; WBL_E_CANCELLED; at once an error that time does not mend (URL,
 *         password); effect none
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_wait(wbl_handle *h, const wbl_check_options *options, wbl_error *err);

/**
 * Record the versions up to `version` of a namespace as applied, without running them: a database that was there before
 * its migrations. Takes the lock.
 *
 * @param ns       NULL where there is only one
 * @param version  as a file spells it, leading zeros do not count
 * @return WBL_OK; WBL_NO_CHANGE; WBL_E_REFUSED (the namespace has a history already); WBL_E_INVALID; WBL_E_LOCKED
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_baseline(wbl_handle *h, const char *ns, const char *version, wbl_error *err);

/**
 * Make `version` the current one of a namespace: everything up to it is recorded as applied, everything above as not,
 * nothing runs. Takes the lock; needs no migration files.
 *
 * @param ns       NULL where there is only one
 * @param version  as a file spells it; "-1": nothing applied
 * @return WBL_OK; WBL_NO_CHANGE; WBL_E_INVALID; WBL_E_LOCKED. A version without a file is a finding
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_force(wbl_handle *h, const char *ns, const char *version, wbl_error *err);

typedef enum wbl_repair_action {
    WBL_REPAIR_SHOW = 0,             /* only say what is known: findings */
    WBL_REPAIR_MARK_APPLIED,
    WBL_REPAIR_MARK_REVERTED,
    WBL_REPAIR_ACCEPT_FILE,          /* the file as it is now is what was applied */
    WBL_REPAIR_STATEMENT_DID_RUN,    /* of an unknown statement: go on behind it */
    WBL_REPAIR_STATEMENT_DID_NOT_RUN /* of an unknown statement: run it again */
} wbl_repair_action;

/**
 * The documented ways out of an unknown or failed state. Nothing of a migration runs. Takes the lock, also for SHOW.
 *
 * @param ns         NULL where there is only one, and with SHOW
 * @param version    of the migration; NULL with SHOW
 * @param action     wbl_repair_action
 * @param statement  number of the statement in question, from 1, for the last two actions; else 0
 * @return WBL_OK; WBL_NO_CHANGE (SHOW: nothing is failed or unknown); WBL_E_REFUSED (the migration is not in that
 *         state); WBL_E_INVALID (no such version, statement or action); WBL_E_LOCKED
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_repair(wbl_handle *h, const char *ns, const char *version, int action, uint32_t statement,
                       wbl_error *err);

/**
 * Drop every object of the database that the connection sees as its own schema, ledger and history with it. Takes the
 * lock.
 *
 * @param confirm  must be the name of the database (for SQLite the file's base name)
 * @return WBL_OK; WBL_E_REFUSED (another name; effect none); WBL_E_LOCKED; WBL_E_STATEMENT
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_drop(wbl_handle *h, const char *confirm, wbl_error *err);

/** The effective configuration: report->settings, each with its origin, passwords hidden. Needs no database.
    @return WBL_OK @threads one for each handle @since 0.1 */
WBL_API int wbl_config(wbl_handle *h, wbl_error *err);

/* ---- new files -------------------------------------------------------------------------------------------------- */

typedef struct wbl_new_options {
    uint32_t size;
    const char *name;                /* "add users"; made snake_case */
    const char *ns;                  /* NULL: the flat directory, or the only namespace */
    int32_t timestamp;               /* 1: YYYYMMDDHHMMSS; 0: as the directory does */
    int32_t sequential;              /* 1: the next number */
    const char *renumber;            /* path of a file whose version is taken: gets the next one */
} wbl_new_options;
/** Fill with defaults; see wbl_options_init_sized(). @param size bytes @threads any @since 0.1 */
WBL_API void wbl_new_options_init_sized(wbl_new_options *options, uint32_t size);
static inline void wbl_new_options_init(wbl_new_options *options)
{
    wbl_new_options_init_sized(options, (uint32_t)sizeof *options);
}

/**
 * Write the next migration's files in the style of the directory: report->paths. Needs no database; replaces no file.
 *
 * @param options  copied for the call; `name` is needed, or `renumber`
 * @return WBL_OK; WBL_E_INVALID (no name, unclear namespace, contradicting options); WBL_E_IO
 * @threads one for each handle @since 0.1
 */
WBL_API int wbl_new(wbl_handle *h, const wbl_new_options *options, wbl_error *err);

/**
 * Write a commented whimbrel.yaml and, where there is none, a first migration. Needs no handle; replaces no file.
 *
 * @param working_dir  NULL: the process's own
 * @param url          put into the configuration; NULL: a place for it
 * @param paths        NULL, or filled on success with one path a line; the caller owns the text: wbl_free()
 * @return WBL_OK; WBL_E_INVALID (there is a configuration already); WBL_E_IO; WBL_E_NOMEM
 * @threads any, for different directories @since 0.1
 */
WBL_API int wbl_init(const char *working_dir, const char *url, char **paths, wbl_error *err);

#ifdef __cplusplus
}
#endif
#endif
