/*
 * args.h - the words of a command line, read by tables.
 *
 * A table row says everything about a flag or a command; help, completion, the man page and the manual are made from
 * the same rows, so they cannot disagree with what the parser takes.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "util/util.h"

typedef enum cli_kind {
    CLI_SWITCH,                        /* --json */
    CLI_TEXT,                          /* --config FILE; the last one counts */
    CLI_NUMBER,                        /* --steps N: 0 and more */
    CLI_DURATION,                      /* --lock-timeout 5m */
    CLI_CHOICE,                        /* --format table|blocks: `value` lists the words */
    CLI_LIST                           /* --dir DIR; may be given again */
} cli_kind;

typedef enum cli_id {
    CLI_URL, CLI_DIR, CLI_CONFIG, CLI_NAMESPACE, CLI_TARGET, CLI_PROFILE, CLI_FILES_FORMAT, CLI_LEDGER,
    CLI_PASSWORD_FILE, CLI_CHDIR, CLI_JSON, CLI_EVENTS, CLI_QUIET, CLI_VERBOSE, CLI_NO_COLOR, CLI_YES, CLI_GROUP,
    CLI_LOCK_TIMEOUT, CLI_CONNECT_TIMEOUT, CLI_STATEMENT_TIMEOUT, CLI_DDL_LOCK_TIMEOUT, CLI_DDL_LOCK_TRIES, CLI_HELP,
    CLI_VERSION,
    CLI_ACCEPT_FILE, CLI_ALL, CLI_AT, CLI_CONFIRM, CLI_CURRENT, CLI_DID_NOT_RUN, CLI_DID_RUN, CLI_DRY_RUN,
    CLI_EXIT_CODE, CLI_FILES_ONLY, CLI_FOR, CLI_FORCE, CLI_FORMAT, CLI_MARK_APPLIED, CLI_MARK_REVERTED, CLI_MIN,
    CLI_NEWER, CLI_ONLY, CLI_OUT, CLI_OUT_OF_ORDER, CLI_PLAN, CLI_RENUMBER, CLI_RETRY_FAILED, CLI_SEQ, CLI_SQL,
    CLI_STATEMENT, CLI_STEPS, CLI_TIMEOUT, CLI_TIMESTAMP, CLI_TO,
    CLI_ID_COUNT
} cli_id;

typedef struct cli_flag {
    cli_id id;
    cli_kind kind;
    char letter;                       /* 0: none */
    const char *name;                  /* without its dashes */
    const char *aliases;               /* more names, with blanks between; "" none */
    const char *value;                 /* "URL"; of a choice "table|blocks"; NULL for a switch */
    const char *help;                  /* one line, lower case, no full stop */
} cli_flag;

typedef enum cli_group { CLI_EVERY_DAY, CLI_LOOK, CLI_WAY_OUT, CLI_PROJECT, CLI_GROUP_COUNT } cli_group;

typedef enum cli_needs {
    CLI_NEEDS_NOTHING,                 /* no handle: completion */
    CLI_NEEDS_HANDLE,                  /* reads: status */
    CLI_NEEDS_RUN                      /* executes migrations: lines, a bar and warnings as they happen */
} cli_needs;

struct cli;
typedef struct cli_command {
    const char *name;
    const char *aliases;               /* as in cli_flag */
    cli_group group;
    cli_needs needs;
    uint32_t positional_min, positional_max;
    const char *usage;                 /* the positionals: "[N]"; "" none */
    const char *line;                  /* for the overview */
    const char *text;                  /* paragraphs, an empty line between them */
    const cli_flag *flags;
    uint32_t flag_count;
    const char *example;               /* one command a line; # begins a remark */
    const char *see;                   /* names of other commands, blanks between */
    int (*run)(struct cli *);          /* a wbl_code; a negative one has filled the error */
} cli_command;

typedef struct cli_syntax {
    const cli_flag *globals;
    uint32_t global_count;
    const cli_command *commands;
    uint32_t command_count;
} cli_syntax;

typedef struct cli_args {              /* all text is borrowed from the words that were parsed */
    const cli_command *command;        /* NULL: none was named */
    uint32_t count[CLI_ID_COUNT];      /* how often a flag was given */
    const char *text[CLI_ID_COUNT];    /* TEXT, CHOICE, and the raw text of NUMBER and DURATION */
    int64_t number[CLI_ID_COUNT];      /* NUMBER; DURATION in milliseconds; CHOICE: index of the word, from 0 */
    const char **list[CLI_ID_COUNT];   /* LIST: count[] of them */
    const char **positionals;
    uint32_t positional_count;
} cli_args;

/*
 * Read the words behind the program's name. `shown` are the same words with passwords hidden; messages use only these.
 * With --help among them mistakes in the other words are no error: somebody asks how to do it right.
 * On failure *out holds what was understood so far, so that the caller knows of --json; the error is filled.
 */
int cli_args_parse(wb_ctx *cx, wb_arena *mem, const cli_syntax *syntax, int count, char *const *words,
                   char *const *shown, cli_args *out);

int cli_fail_command(wb_ctx *, wb_arena *, const cli_syntax *, const char *shown); /* there is none of this name */
const cli_command *cli_command_find(const cli_syntax *syntax, const char *name);
bool cli_has_word(const char *words, const char *name, size_t len); /* is the name in a list with blanks between? */
int cli_parse_count(const char *text, int64_t *out);                /* digits only; 0 or -1 */

#endif
