/*
 * whimbrel.h - the public library: bring a database from one version of its schema to another, and say what state it
 * is in. Everything that an embedding program sees is here; the manual is docs/library.md.
 *
 * Rules of this header: every call returns a wbl_code and fills a caller-owned wbl_error; option structs begin with
 * `size` and have an init function; handles are opaque; text is UTF-8, NUL-terminated, and NULL where there is none.
 * Nothing here prints, exits, changes signals or the locale. One handle is used by one thread at a time; different
 * handles may be used at once. wbl_cancel() may be called from any thread and from a signal handler.
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

typedef struct wbl_migration {
    const char *ns;            /* namespace */
    const char *version;       /* as the file spells it */
    const char *name;
    const char *path;          /* of the script this row is about; NULL for memory and code */
    int32_t state;             /* wbl_state */
    int32_t direction;         /* wbl_direction: what a step does */
    int32_t protocol;          /* wbl_protocol that is, or was, used */
    uint32_t statements;       /* of the script; 0 when it was not read */
    uint32_t statements_done;  /* recorded as done by an unfinished attempt */
    int32_t has_down;
    int32_t is_dirty;          /* the ledger's own flag */
    int32_t is_out_of_order;
    const char *reason;        /* why this protocol, or why skipped; NULL */
    const char *applied_at;    /* as the ledger tells it; NULL */
    const char *error;         /* of the last attempt; NULL */
    const char *error_at;      /* when that was; NULL */
    int64_t duration_ms;       /* -1 unknown */
    const char *script;        /* the text, in plans made with with_sql; NULL */
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
    const wbl_migration *steps;      /* in the order of execution: plan, up, down, goto */
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

/* Everything an event points to is valid until the callback returns. Do not call into the same handle from it,
   wbl_cancel() excepted. */
typedef void (*wbl_event_fn)(void *user, const wbl_event *event);

/* ---- a handle ------------------------------------------------------------------------------------------------ */

typedef struct wbl_handle wbl_handle;

typedef struct wbl_options {
    uint32_t size;                   /* set by wbl_options_init() */
    const char *url;                 /* NULL: from environment and configuration file */
    const char *const *dirs;         /* directories of migration files; NULL: configuration, else "migrations" */
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
    int32_t keep_lock;               /* 1: the run's lock is released by wbl_close(), which saves a round trip */
    int64_t lock_timeout_ms;         /* wait for our own lock; -1 configuration or 5 minutes, 0 does not wait */
    int64_t connect_timeout_ms;      /* -1: 10 s */
    int64_t ddl_lock_timeout_ms;     /* a statement's wait for a table lock; -1: 5 s; 0: the server's own setting */
    int32_t ddl_lock_tries;          /* -1: 3; only for scripts that are rolled back */
    int64_t statement_timeout_ms;    /* -1: the server's own setting */
    int32_t group_max;               /* migrations in one message or transaction; -1: as fits, 1: no groups */
    void *connection;                /* a PGconn* or sqlite3* of the caller; it must be idle, and stays the caller's */
    const char *connection_kind;     /* "postgres" or "sqlite" when connection is set */
    wbl_event_fn on_event;           /* may be NULL */
    void *user;                      /* for on_event */
} wbl_options;

/** Fill with defaults. @threads any @since 0.1 */
WBL_API void wbl_options_init(wbl_options *options);

/** "0.1.0" of the library that is running. @threads any @since 0.1 */
WBL_API const char *wbl_version_text(void);

/**
 * Use another allocator for everything that the library allocates itself (not what a client library allocates).
 *
 * @param alloc    returns memory aligned for any type, or NULL
 * @param release  frees what alloc gave; never gets NULL
 * @threads before the first other call of the process only @since 0.1
 */
WBL_API void wbl_allocator_set(void *(*alloc)(size_t), void (*release)(void *));

/**
 * Read the configuration and prepare a handle. Nothing is connected yet; the first call that needs the database does.
 *
 * @param options  copied; the strings too
 * @param out      on success a handle, wbl_close()
 * @return WBL_OK; WBL_E_INVALID (configuration, with file, line and column); WBL_E_NOMEM
 * @threads any @since 0.1
 */
WBL_API int wbl_open(const wbl_options *options, wbl_handle **out, wbl_error *err);

/** Release everything; a connection of the caller stays open. NULL is fine. @since 0.1 */
WBL_API void wbl_close(wbl_handle *handle);

/**
 * Ask the running call of this handle to stop: an atomic script is cancelled and rolled back, the running statement of
 * a stepwise script ends first. The call returns WBL_E_CANCELLED. Sticky until the next wbl_cancel_clear().
 * @threads any; async-signal-safe @since 0.1
 */
WBL_API void wbl_cancel(wbl_handle *handle);
WBL_API void wbl_cancel_clear(wbl_handle *handle);

/** The report of the last call of this handle, also of one that failed. Borrowed: valid until the next call or
    wbl_close(). Never NULL. @since 0.1 */
WBL_API const wbl_report *wbl_report_get(const wbl_handle *handle);

/** A report as JSON (docs/json.md). The caller frees the text with wbl_free(). @param what name of the command,
    such as "status": it chooses the members @since 0.1 */
WBL_API int wbl_report_json(const wbl_report *report, const char *what, const wbl_error *failure, char **out);
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
WBL_API void wbl_source_init(wbl_source *source);

/** Add one migration from memory; everything is copied. Also the files of a directory count, unless dirs names none
    (dir_count 0 and dirs not NULL). @return WBL_OK; WBL_E_INVALID; WBL_E_NOMEM @since 0.1 */
WBL_API int wbl_migration_add(wbl_handle *handle, const wbl_source *source, wbl_error *err);

/* What a migration written in C gets to work with. */
typedef struct wbl_session {
    uint32_t size;
    const char *kind;                /* "postgres", "sqlite" */
    void *connection;                /* PGconn* or sqlite3*, inside the migration's transaction: do not end it */
    wbl_handle *handle;              /* for wbl_run_sql() */
    void *opaque;
} wbl_session;

/** A direction of a migration in C. Return 0, or any negative wbl_code after filling err. It runs inside the
    transaction that holds its record, so a failure leaves nothing. */
typedef int (*wbl_migration_fn)(void *user, const wbl_session *session, wbl_error *err);

typedef struct wbl_code_migration {
    uint32_t size;
    const char *ns, *version, *name; /* as wbl_source */
    const char *description;         /* kept in the history; NULL */
    wbl_migration_fn up, down;       /* down may be NULL */
    void *user;
    const char *const *requires;
    uint32_t requires_count;
} wbl_code_migration;
WBL_API void wbl_code_migration_init(wbl_code_migration *migration);

/** Register a migration written in C. @return as wbl_migration_add() @since 0.1 */
WBL_API int wbl_migration_register(wbl_handle *handle, const wbl_code_migration *migration, wbl_error *err);

/** Run SQL from inside a wbl_migration_fn, several statements allowed. @since 0.1 */
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
WBL_API void wbl_request_init(wbl_request *request);

/**
 * Apply pending migrations in order, and stop at the first failure.
 * @param request  NULL: everything pending in all enabled namespaces
 * @return WBL_OK, WBL_NO_CHANGE; WBL_E_LOCKED (effect none); WBL_E_STATEMENT (none, or some where the script does not
 *         run in a transaction); WBL_E_DRIFT (applied files were edited: findings); WBL_E_STATE (see wbl_repair);
 *         WBL_E_OUTCOME (unknown: run again, the next run looks); WBL_E_CANCELLED; any other: look at err->effect
 * @threads one for each handle @since 0.1 @source docs/architecture.md; PostgreSQL manual 9.27.10 for the lock
 */
WBL_API int wbl_up(wbl_handle *h, const wbl_request *request, wbl_error *err);

/** Revert: the last one, `steps`, down to `to` (which stays applied), or all. Uses the down script that is stored in
    the history when the file is gone. @return as wbl_up(); WBL_E_REFUSED without `confirmed` where one is needed, or
    when an applied migration depends on one of them @since 0.1 */
WBL_API int wbl_down(wbl_handle *h, const wbl_request *request, wbl_error *err);

/** Up or down, so that request->to is the current version of one namespace. @since 0.1 */
WBL_API int wbl_goto(wbl_handle *h, const wbl_request *request, wbl_error *err);

/** Down and up of the last migration (or the last `steps`). @since 0.1 */
WBL_API int wbl_redo(wbl_handle *h, const wbl_request *request, wbl_error *err);

/** What wbl_up() would do; report->steps, findings, plan_hash. @return WBL_OK, WBL_NO_CHANGE, or an error @since 0.1 */
WBL_API int wbl_plan(wbl_handle *h, const wbl_request *request, wbl_error *err);

/** Every namespace and migration; takes no lock and creates nothing. @since 0.1 */
WBL_API int wbl_status(wbl_handle *h, const wbl_request *request, wbl_error *err);

/** All attempts, newest first; steps limits how many. @since 0.1 */
WBL_API int wbl_history(wbl_handle *h, const wbl_request *request, wbl_error *err);

/** The current version of one namespace. @param out "" when nothing is applied; cut at size @return WBL_OK @since 0.1 */
WBL_API int wbl_version(wbl_handle *h, const char *ns, char *out, size_t size, wbl_error *err);

/** The same as a number, 0 when nothing is applied. @return WBL_E_INVALID when the version is no 64-bit number @since 0.1 */
WBL_API int wbl_version_number(wbl_handle *h, const char *ns, int64_t *out, wbl_error *err);

/** Files alone and against the ledger. @return WBL_OK, or WBL_CHECK_FAILED with findings of severity error @since 0.1 */
WBL_API int wbl_validate(wbl_handle *h, const wbl_request *request, wbl_error *err);

/** The live database against the catalog recorded after the last run. @return WBL_OK, WBL_CHECK_FAILED @since 0.1 */
WBL_API int wbl_verify(wbl_handle *h, const wbl_request *request, wbl_error *err);

typedef struct wbl_check_options {
    uint32_t size;
    const char *const *minimums;     /* "core=1", "identity=000002"; NULL: core at least 1, when there is a core */
    uint32_t minimum_count;
    int32_t current;                 /* nothing may be pending either */
    int64_t wait_ms;                 /* wbl_wait: how long; -1: for ever */
} wbl_check_options;
WBL_API void wbl_check_options_init(wbl_check_options *options);

/** The quick check at a service's start. @return WBL_OK; WBL_CHECK_FAILED with err->message and hint filled @since 0.1 */
WBL_API int wbl_check(wbl_handle *h, const wbl_check_options *options, wbl_error *err);

/** Wait until the database answers, and until the minimums hold when some are given. Read only.
    @return WBL_OK; WBL_E_TIMEOUT @since 0.1 */
WBL_API int wbl_wait(wbl_handle *h, const wbl_check_options *options, wbl_error *err);

/** Record versions up to `version` of a namespace as applied, without running them. @since 0.1 */
WBL_API int wbl_baseline(wbl_handle *h, const char *ns, const char *version, wbl_error *err);

/** Make `version` the current one of a namespace: everything up to it is recorded as applied, everything above as not,
    nothing runs. "-1" or "0" with no such file: nothing applied. @since 0.1 */
WBL_API int wbl_force(wbl_handle *h, const char *ns, const char *version, wbl_error *err);

typedef enum wbl_repair_action {
    WBL_REPAIR_SHOW = 0,             /* only say what is known: findings */
    WBL_REPAIR_MARK_APPLIED,
    WBL_REPAIR_MARK_REVERTED,
    WBL_REPAIR_ACCEPT_FILE,          /* the file as it is now is what was applied */
    WBL_REPAIR_STATEMENT_DID_RUN,    /* of an unknown statement: go on behind it */
    WBL_REPAIR_STATEMENT_DID_NOT_RUN /* of an unknown statement: run it again */
} wbl_repair_action;

/** The documented ways out of an unknown or failed state. @param ns, version NULL with SHOW @param statement for the
    last two actions, else 0 @since 0.1 */
WBL_API int wbl_repair(wbl_handle *h, const char *ns, const char *version, int action, uint32_t statement,
                       wbl_error *err);

/** Drop every object of the database that the connection sees as its own schema. @param confirm must be the name of
    the database (for SQLite the file's base name) @since 0.1 */
WBL_API int wbl_drop(wbl_handle *h, const char *confirm, wbl_error *err);

/** The effective configuration, report->settings. @since 0.1 */
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
WBL_API void wbl_new_options_init(wbl_new_options *options);

/** Write the next migration's files in the style of the directory; report->paths. @since 0.1 */
WBL_API int wbl_new(wbl_handle *h, const wbl_new_options *options, wbl_error *err);

/** Write a commented whimbrel.yaml and, where there is none, a first migration. Needs no handle.
    @param working_dir NULL: the process's own @param paths filled with one path a line, caller frees with wbl_free() */
WBL_API int wbl_init(const char *working_dir, const char *url, char **paths, wbl_error *err);

#ifdef __cplusplus
}
#endif
#endif
