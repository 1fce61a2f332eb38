/*
 * source.h - directories and memory -> migrations; the configuration; names of new files.
 *
 * Big directories are cheap: one readdir for each directory, names parsed without opening or stat. A script is opened
 * only by wb_script_load().
 */
#ifndef WB_SOURCE_H
#define WB_SOURCE_H

#include "model.h"
#include "sql/sql.h"

/* ---- versions ------------------------------------------------------------------------------------------------- */

int wb_version_cmp(wb_order, const char *a, const char *b);             /* of keys */
/* "000012" -> "12", "000" -> "0" for numbers; a copy for the other orders. NULL when memory is gone. */
const char *wb_version_key(wb_arena *, wb_order, const char *written, size_t len);
bool wb_version_valid(wb_order, const char *written);

/* ---- directories ------------------------------------------------------------------------------------------------- */

typedef struct wb_source_options {
    const char *const *dirs;           /* roots; a missing one is an error unless may_be_missing */
    size_t dir_count;
    int base_fd;                       /* relative roots start here; AT_FDCWD: the working directory */
    const char *database;              /* canonical driver name: "postgres"; NULL: not known (all are looked at) */
    const char *(*canonical)(const char *suffix); /* "sqlite3" -> "sqlite"; NULL for a word that is no database */
    const char *format;                /* "pairs", "single", NULL: by looking */
    const char *const *listed;         /* namespaces that the configuration names: their directories count even where
                                          the root itself holds migrations */
    size_t listed_count;
    bool may_be_missing;
} wb_source_options;

typedef struct wb_source_ns {
    const char *name;
    const char *shown;                 /* its directory, for people; NULL: memory or code only */
    const char *path;                  /* to open it: for new files */
    size_t first, count;               /* its migrations, sorted by key; filled by wb_source_finish() */
    bool has_directory;
} wb_source_ns;

typedef struct wb_source_set {
    wb_arena *mem;                     /* borrowed */
    wb_order order;
    wb_migration *migrations;          /* sorted by namespace (bytes) and key */
    size_t migration_count, migration_cap;
    wb_source_ns *namespaces;          /* sorted by name */
    size_t ns_count, ns_cap;
    const char **passed_over;          /* files that are no migrations: shown with -v */
    size_t passed_count, passed_cap;
    int *fds;                          /* open directories */
    size_t fd_count, fd_cap;
    bool is_namespaced;                /* false: a flat directory, the one namespace "default" */
    bool is_single;                    /* one file holds both directions */
    const char *dir_shown;             /* the first root, for messages */
} wb_source_set;

#define WB_DEFAULT_NS "default"
#define WB_NS_MAX 50                   /* bytes of a namespace, as the documented ledger's column */

/*
 * Read all roots. Every fault of a directory goes to findings (code, files, message): duplicate versions of one
 * direction (both files named), unreadable files and directories, names that nearly match, namespaces that are too
 * long or not UTF-8, symbolic link loops. Returns WBL_E_INVALID when there is at least one error finding; the error
 * then holds the first, and says how many more there are. wb_source_done() in every case.
 */
int wb_source_scan(wb_ctx *, const wb_source_options *, wb_findings *, wb_source_set *);
/* Adds one from memory or code; the struct is copied, its strings are borrowed and must outlive the set. */
int wb_source_add(wb_ctx *, wb_source_set *, const wb_migration *);
/* Sorts, finds duplicates, fills namespaces. After the last add. */
int wb_source_finish(wb_ctx *, wb_findings *, wb_source_set *);
void wb_source_done(wb_source_set *);  /* closes directories, frees scripts that are still loaded */

/* Reads the text, drops a byte-order mark, cuts its part out of a single file, checks UTF-8 (WBL_E_INVALID with line
   and column), and computes sha256. Loading twice is fine. */
int wb_script_load(wb_ctx *, wb_migration *, wb_script *);
/* The same without keeping the text: for comparing checksums of applied files. text of a file is never held twice. */
int wb_script_hash(wb_ctx *, wb_migration *, wb_script *, wb_buf *scratch);
void wb_script_release(wb_script *);   /* frees the text; facts and directives that pointed into it are gone */
/* After load: directives, facts, tokens hash. */
int wb_script_read(wb_ctx *, wb_arena *, const wb_sql_options *, wb_migration *, wb_script *);
/* Checksum of any text as the history keeps it. */
void wb_text_sha256(const char *text, size_t len, char out[65]);

/* ---- configuration ------------------------------------------------------------------------------------------------ */

typedef struct wb_config_ns {
    const char *name;
    bool is_listed;                    /* in order: */
    bool is_enabled;
    const wb_require *requires;        /* namespace-wide: "customer-mgmt", "order-mgmt@2" */
    size_t require_count;
    uint32_t line;
} wb_config_ns;

typedef struct wb_config_target {
    const char *name, *url;
    const char *const *dirs;
    size_t dir_count;
    bool is_protected;
    const char *url_missing;           /* as in wb_config */
} wb_config_target;

enum wb_policy { WB_POLICY_UNSET, WB_POLICY_APPLY, WB_POLICY_ERROR, WB_POLICY_IGNORE };
enum wb_discover { WB_DISCOVER_RUN, WB_DISCOVER_REPORT, WB_DISCOVER_ERROR };
enum wb_newer { WB_NEWER_UNSET, WB_NEWER_OK, WB_NEWER_WARN, WB_NEWER_ERROR };

/* The environment: what the process has, filled up by a .env file. */
typedef struct wb_env {
    const char *(*getenv)(void *user, const char *name); /* NULL: no environment */
    void *getenv_user;
    const wb_param *file;              /* of .env, in its order; the last of equal names counts */
    const uint32_t *file_lines;
    size_t file_count;
    const char *file_shown;            /* ".env" */
} wb_env;

typedef struct wb_config {             /* effective: flags, environment, file, defaults, in this order of strength */
    const char *file;                  /* the file that was read; NULL: none */
    const char *url;                   /* NULL: not set */
    const char *password;              /* from password_file */
    const char *const *dirs;
    size_t dir_count;
    bool dirs_are_default;             /* nobody named them */
    const char *profile, *format, *target, *ledger_schema, *ledger_table, *application, *command_name;
    const wb_config_ns *namespaces;    /* listed ones first, in their order; then others that are mentioned */
    size_t ns_count;
    const char *const *always;         /* namespaces that are always enabled; default: core */
    size_t always_count;
    const wb_config_target *targets;
    size_t target_count;
    const wb_param *variables;
    size_t variable_count;
    int out_of_order;                  /* wb_policy */
    int discover;                      /* wb_discover: directories that order: does not list */
    int newer;                         /* wb_newer */
    bool dirty_blocks;                 /* dirty_blocks: failed */
    bool is_protected;
    bool is_modules_form;              /* config.yaml with modules.*.enabled */
    int64_t lock_timeout_ms, connect_timeout_ms, ddl_lock_timeout_ms, statement_timeout_ms;
    int ddl_lock_tries, group_max;
    const wbl_setting *settings;       /* for `config` */
    size_t setting_count;
    const char *url_missing;           /* url is NULL because a ${NAME} in the file is not set: "DATABASE_URL is not
                                          set, and url in whimbrel.yaml:3 needs it". For who needs the database; NULL */
    wb_env env;                        /* for wb_config_variable() */
} wb_config;

typedef struct wb_config_request {
    const wbl_options *options;        /* strings as given */
    const char *(*getenv)(void *user, const char *name); /* NULL: no environment */
    void *getenv_user;
    int base_fd;                       /* of working_dir */
} wb_config_request;

/* Reads whimbrel.yaml (or config.yaml in the modules form, APP_CONFIG, WHIMBREL_CONFIG), .env, environment, options.
   Faults are WBL_E_INVALID with file, line and column; an unknown key names the nearest known one. */
int wb_config_load(wb_ctx *, wb_arena *, const wb_config_request *, wb_config *out);
const wb_config_ns *wb_config_ns_find(const wb_config *, const char *name);
/* Value of a variable that a script declares: WHIMBREL_VAR_NAME of the environment, then variables: of the file. NULL:
   not set. Fits wb_variable_fn, with the configuration as user. */
const char *wb_config_variable(void *config, const char *name);

/* ---- new files ---------------------------------------------------------------------------------------------------- */

typedef struct wb_newfile_request {
    const wbl_new_options *options;
    const wb_source_set *set;
    const wb_config *config;
    int base_fd;
    const char *now;                   /* YYYYMMDDHHMMSS, UTC */
} wb_newfile_request;
/* Writes the files, never over an existing one; paths: in the arena. */
int wb_newfile_write(wb_ctx *, wb_arena *, const wb_newfile_request *, const char ***paths, size_t *count);
/* whimbrel.yaml and a first migration; finds what is there already. */
int wb_project_write(wb_ctx *, wb_arena *, int base_fd, const char *url, const char ***paths, size_t *count);

#endif
