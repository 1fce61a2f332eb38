/*
 * parts.h - what the files of this room tell each other; nobody outside includes it.
 *
 * Names and single files are taken apart by pure functions, so that they can be fuzzed and tested without a disk.
 */
#ifndef WB_SOURCE_PARTS_H
#define WB_SOURCE_PARTS_H

#include "source/source.h"

#include <string.h>

/* ---- file names: pairs.c ---- */

typedef enum wb_name_kind {
    WB_NAME_OTHER,                     /* no migration, and nothing like one */
    WB_NAME_PAIR,                      /* 000001_x.up.sql */
    WB_NAME_SINGLE,                    /* 000001_x.sql: a single file, if its text says so */
    WB_NAME_NEAR                       /* starts with a digit and ends in .sql, in some letter case */
} wb_name_kind;

typedef struct wb_name {               /* slices of the file name */
    wb_name_kind kind;
    wb_str version;
    wb_str title;                      /* "add_users", without database and autocommit */
    const char *database;              /* canonical; NULL: for all. .json belongs to mongodb */
    wbl_direction direction;
    bool is_autocommit, is_json;
} wb_name;

typedef const char *(*wb_canonical_fn)(const char *suffix);
wb_name wb_name_parse(const char *file_name, wb_canonical_fn); /* the function may be NULL: no suffix is a database */

/* ---- single files: single.c ---- */

typedef struct wb_single {
    bool has_up_marker, has_down;
    size_t up_offset, up_len, down_offset, down_len;
    const char *fault;                 /* what is wrong with the markers, static text; NULL */
    uint32_t fault_line;
    const char *foreign;               /* "goose": it has the markers of another tool; NULL */
} wb_single;
wb_single wb_single_split(const char *text, size_t len);

/* ---- .env and environment: env.c ---- */

int wb_env_file_parse(wb_ctx *, wb_arena *, const char *shown, const char *text, size_t len, wb_env *out);

/* ---- YAML documents: yaml.c ---- */

typedef enum wb_yaml_kind { WB_YAML_SCALAR, WB_YAML_LIST, WB_YAML_MAP } wb_yaml_kind;

typedef struct wb_yaml {
    wb_yaml_kind kind;
    bool is_plain;                     /* a scalar without quotes */
    uint32_t line, column;             /* from 1 */
    const char *text;                  /* of a scalar, NUL-terminated */
    struct wb_yaml **keys;             /* of a map */
    struct wb_yaml **items;            /* of a list; values of a map */
    size_t count;
} wb_yaml;

/* An empty document gives NULL. An alias is the same node twice, so a node may have two parents, or be its own
   descendant: walk to a fixed depth only. */
int wb_yaml_read(wb_ctx *, wb_arena *, const char *shown, const char *text, size_t len, wb_yaml **out);

/* ---- the configuration while it is put together: config.c, document.c, modules.c ---- */

typedef enum wb_key {                  /* keys whose value is one text; config.c has their table */
    WB_KEY_URL, WB_KEY_PROFILE, WB_KEY_FORMAT, WB_KEY_TARGET, WB_KEY_LOCK_TIMEOUT, WB_KEY_CONNECT_TIMEOUT,
    WB_KEY_DDL_LOCK_TIMEOUT, WB_KEY_DDL_LOCK_TRIES, WB_KEY_STATEMENT_TIMEOUT, WB_KEY_GROUP, WB_KEY_OUT_OF_ORDER,
    WB_KEY_NEWER, WB_KEY_DISCOVER, WB_KEY_DIRTY_BLOCKS, WB_KEY_PROTECTED, WB_KEY_LEDGER_SCHEMA, WB_KEY_LEDGER_TABLE,
    WB_KEY_PASSWORD_FILE, WB_KEY_COUNT
} wb_key;

typedef struct wb_value {
    const char *text;                  /* NULL: nobody has set it */
    const char *origin;                /* "flag --url", "whimbrel.yaml:3" */
    const char *file;                  /* place for an error; NULL: none */
    uint32_t line, column;
} wb_value;

typedef struct wb_draft {              /* the strongest source writes first, and a weaker one changes nothing */
    wb_ctx *cx;
    wb_arena *mem;
    const wb_config_request *request;
    wb_config *out;
    wb_value values[WB_KEY_COUNT];
    const char *dirs_origin, *always_origin, *order_origin;
    wbl_setting *settings;             /* of the lists and maps of the file */
    size_t setting_count, setting_cap;
} wb_draft;

/* A copy of the value with its origin; both NULL: not set; only one NULL: no memory. */
const char *wb_env_process(const wb_draft *, const char *name, const char **origin);
const char *wb_env_find(const wb_draft *, const char *name, const char **origin); /* process first, then .env */
/* Replaces ${NAME} and ${NAME:-default}. *missing: the name that is not set, and then *out is NULL. */
int wb_expand(wb_draft *, const wb_yaml *scalar, const char *shown, const char **out, const char **missing);
int wb_fail_node(wb_draft *, const char *shown, const wb_yaml *, const char *fmt, ...) WB_PRINTF(4, 5);
const char *wb_origin(wb_draft *, const char *shown, uint32_t line);     /* "whimbrel.yaml:3"; NULL: no memory */
int wb_setting_add(wb_draft *, const char *key, const char *value, const char *origin);
int wb_url_shown(wb_draft *, const char *url, const char **out);         /* with the password hidden */
int wb_names_join(wb_draft *, const char *const *names, size_t count, const char **out);

typedef enum wb_value_kind { WB_VALUE_TEXT, WB_VALUE_TIME, WB_VALUE_COUNT, WB_VALUE_CHOICE } wb_value_kind;
typedef struct wb_key_row {
    const char *name, *env, *flag;
    wb_value_kind kind;
    const char *const *words;          /* of a choice, ended by NULL */
    const char *standard;              /* what holds when nobody says anything, for people */
} wb_key_row;
extern const wb_key_row wb_key_rows[WB_KEY_COUNT];                       /* effective.c */
int wb_effective_convert(wb_draft *);                                    /* texts -> numbers and choices */
int wb_effective_show(wb_draft *);                                       /* every setting with its origin */

int wb_document_read(wb_draft *, const char *shown, const wb_yaml *root); /* whimbrel.yaml */
bool wb_modules_match(const wb_yaml *root);                              /* config.yaml with modules: or db: */
int wb_modules_read(wb_draft *, const char *shown, const wb_yaml *root);
const wb_yaml *wb_yaml_get(const wb_yaml *map, const char *key);         /* NULL: absent, null, or no map */

/* ---- writing: newfile.c ---- */

/* Creates path below dir_fd with this text; never replaces a file. */
int wb_create_at(wb_ctx *, int dir_fd, const char *path, const char *text);
int wb_make_dirs_at(wb_ctx *, int dir_fd, const char *path);

static inline bool wb_is_digit(char c) { return c >= '0' && c <= '9'; }

#endif
