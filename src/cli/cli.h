/*
 * cli.h - what the files of the native command line share.
 *
 * The program knows the library by whimbrel.h only, so that it proves that the library is enough for everyone else.
 */
#ifndef CLI_H
#define CLI_H

#include "cli/args.h"

#include <stdio.h>

/* ---- a place to write to (output.c) ------------------------------------------------------------------------- */

typedef enum cli_colour { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_RED, CLI_GREEN, CLI_YELLOW } cli_colour;

typedef struct cli_screen {
    FILE *file;
    bool is_tty, has_colour, has_unicode;
    uint32_t width;                    /* cells of a line */
    const char *again;                 /* flags that every command in an advice needs as well: "-u sqlite:app.db"; NULL */
} cli_screen;

void cli_screen_open(cli_screen *, FILE *file, bool may_colour);

/* Text of files, servers and users may hold control characters; all of these show them as one harmless sign. */
void cli_put(cli_screen *, cli_colour, const char *text);
void cli_putf(cli_screen *, cli_colour, const char *fmt, ...) WB_PRINTF(3, 4); /* cut at 2,000 bytes */
void cli_put_cell(cli_screen *, cli_colour, const char *text, uint32_t cells, bool is_right);
void cli_put_cut(cli_screen *, cli_colour, const char *text, uint32_t cells, bool is_right); /* the same, and never longer */
void cli_put_spaces(cli_screen *, uint32_t count);
void cli_put_lines(cli_screen *, cli_colour, const char *text, uint32_t indent); /* each line indented and ended */
/* Advice names commands that shall be copied: `whimbrel up` becomes `whimbrel -u sqlite:app.db up` where that is how this
   program was called. */
void cli_put_advice(cli_screen *, cli_colour, const char *text);
void cli_put_advice_lines(cli_screen *, cli_colour, const char *text, uint32_t indent);
int cli_advice(wb_buf *, const char *text, const char *again);  /* 0, or -1 when there is nothing to add or no memory */

typedef struct cli_cell {
    const char *text;                  /* NULL is shown as "-" */
    cli_colour colour;
} cli_cell;

/* Rows of cells, printed when all widths are known. The last column is not padded, and wraps on a terminal. */
typedef struct cli_table {
    wb_arena *mem;
    uint32_t columns;                  /* at most 16 */
    uint32_t right, hidden;            /* bit i: column i is aligned right, is left out */
    uint32_t soft, spare, below;       /* bit i: on a narrow terminal column i is cut, is left out, goes below its row */
    uint32_t moved;                    /* those of below that did */
    cli_cell *cells;
    size_t count, cap;
    bool bad;                          /* memory was gone: nothing is printed */
} cli_table;
#define CLI_TABLE(arena, n) ((cli_table){ .mem = (arena), .columns = (n) })
void cli_table_add(cli_table *, cli_colour, const char *text);
int cli_table_print(wb_ctx *, cli_table *, cli_screen *, uint32_t indent);

const char *cli_duration(char out[24], int64_t ms);    /* 3 ms, 1.2 s, 1m12s, 2h05m */
const char *cli_ago(char out[48], const char *time);   /* "2 min ago"; the text itself when it is no time */
const char *cli_second(wb_arena *, const char *time);  /* "2026-11-02 09:30:00" in UTC; other texts as they are */
const char *cli_plural(uint32_t n);                    /* "" for one, "s" */

/* ---- progress (progress.c, events.c) ------------------------------------------------------------------------- */

typedef enum cli_mode { CLI_SILENT, CLI_AS_TEXT, CLI_AS_EVENTS } cli_mode;

typedef struct cli_progress {
    cli_mode mode;
    bool is_muted;                     /* plans and dry runs: the report is printed at the end */
    cli_screen *out, *errs;
    uint32_t verbose;
    bool has_ns, has_down, has_header;
    uint32_t ns_cells, version_cells, name_cells;
    bool has_bar;                      /* an unfinished line stands on errs */
    int64_t drawn_ms, said_ms, started_ms;
    uint32_t applied, reverted;        /* steps that are done */
    uint32_t finding_count;            /* findings that came as events */
    bool has_failed;
    wbl_migration failed;              /* numbers of the step that failed; its texts are gone with the event */
    char waiting[sizeof(wbl_error)];    /* what was said last of a wait */
    char noticed[8][200];              /* what the server said of the migration at hand; each is shown once */
    uint32_t noticed_count, repeated;
} cli_progress;

void cli_progress_event(cli_progress *, const wbl_event *);
void cli_progress_end(cli_progress *);                 /* takes an unfinished line away */
void cli_events_put(cli_screen *, const wbl_event *);
void cli_events_result(cli_screen *, const char *command, int exit_code, const char *document);

/* ---- one run of the program (run.c) --------------------------------------------------------------------------- */

typedef struct cli {
    cli_args args;
    wb_arena mem;
    wbl_error err;
    wb_ctx cx;                         /* for our own failures: fills err */
    wbl_handle *handle;
    wbl_report local;                  /* of commands without a handle */
    cli_screen out, errs;
    cli_progress progress;
    int word_count;                    /* of the command line, with the program's name */
    char **words, **shown;             /* the words, and the same with secrets covered */
    bool is_text;                      /* neither --json nor --events nor --quiet */
    bool is_json, is_events, is_quiet;
    uint32_t verbose;
} cli;

int cli_main(int argc, char **argv);
const wbl_report *cli_report(const cli *);
static inline bool cli_given(const cli *c, cli_id id) { return c->args.count[id] != 0; }

/* A request with the options that commands share: --namespace, --to, --only, --dry-run, --yes ... */
void cli_request(cli *, wbl_request *);
/* The same, and the positional [N] as its steps; *count -1: it was not given. */
int cli_request_steps(cli *, wbl_request *, int64_t *count);
/* Calls, and once more when the library wants a confirmation and a person at a terminal gives it. */
int cli_call(cli *, int (*call)(wbl_handle *, const wbl_request *, wbl_error *), wbl_request *);
/* The positionals [NS] VERSION: the namespace may also come from --namespace. *ns NULL: none was named. */
int cli_ns_version(cli *, const char **ns, const char **version);
int cli_usage_error(cli *, const char *hint, const char *fmt, ...) WB_PRINTF(3, 4);

/* ---- parts of answers ------------------------------------------------------------------------------------------ */

void cli_error_print(cli *);                                        /* failure.c */
typedef struct cli_tally {             /* steps beside the one that failed */
    uint32_t applied, reverted, pending;
} cli_tally;
void cli_left_behind(wb_buf *, const wbl_error *, const wbl_migration *step, cli_tally);
void cli_finding_print(cli_screen *, const wbl_finding *);
typedef struct cli_crowd {             /* findings of one kind in a row */
    const char *code;
    uint32_t count, left_out;
} cli_crowd;
bool cli_crowd_add(cli_crowd *, const wbl_finding *, bool shows_all);   /* shall this one be shown? */
void cli_crowd_end(cli_crowd *, cli_screen *, const wbl_finding *next, uint32_t indent); /* before the next; NULL: none */
void cli_findings_print(cli *, cli_screen *, int severity_min, uint32_t from);
int cli_plan_print(cli *, int rc, const char *command);             /* plan.c: of a plan or a dry run */
const char *cli_protocol_name(int32_t protocol);                    /* "": none */
void cli_run_summary(cli *, const char *tail);                      /* summary.c: "5 applied in 21 ms" and the tail */
void cli_late_findings(cli *);                                      /* warnings that no event has shown */
uint32_t cli_pending(const wbl_report *);
bool cli_migrations_have_ns(const wbl_migration *, uint32_t count); /* any but "default"? */
bool cli_namespaces_have_ns(const wbl_report *);
const char *cli_join(cli *, const char *a, const char *b);          /* "a b" in the arena; "" without memory */
int cli_exit_code(int rc, const wbl_error *, int signal_number);    /* exit.c */
bool cli_wants_confirmation(const wbl_error *);                     /* one that --yes or --confirm gives */
typedef struct cli_exit_row {
    const char *code, *meaning;
} cli_exit_row;
extern const cli_exit_row cli_exit_rows[];
extern const uint32_t cli_exit_row_count;

void cli_hide_secrets(char *word);                                  /* hide.c: *** in place */
/* The next run of bytes that was covered in `shown`, a copy of `word` before that; NULL: there is none. Both move on. */
const char *cli_next_secret(const char **word, const char **shown, size_t *len);
void cli_scrub(char *text, const char *secret, size_t len);         /* covers each place where text repeats it */

void cli_signals_start(void);                                       /* signals.c */
void cli_signals_handle(wbl_handle *);                              /* whose run is stopped; NULL: exit at once */
int cli_signal_caught(void);                                        /* 0: none */
const char *cli_signal_name(int number);                            /* NULL: none of ours */

/* ---- the table and what is made of it -------------------------------------------------------------------------- */

extern const cli_syntax cli_native;                                 /* commands.c */
extern const char *const cli_group_titles[CLI_GROUP_COUNT];
void cli_help_overview(cli_screen *);                               /* help.c */
void cli_help_command(cli_screen *, const cli_command *);
int cli_completion(wb_buf *, const char *shell);                    /* completion.c; -1: no such shell */

int cli_run_baseline(cli *);
int cli_run_check(cli *);
int cli_run_completion(cli *);
int cli_run_config(cli *);
int cli_run_down(cli *);
int cli_run_drop(cli *);
int cli_run_force(cli *);
int cli_run_goto(cli *);
int cli_run_help(cli *);
int cli_run_history(cli *);
int cli_run_init(cli *);
int cli_run_new(cli *);
int cli_run_plan(cli *);
int cli_run_redo(cli *);
int cli_run_repair(cli *);
int cli_run_status(cli *);
int cli_run_up(cli *);
int cli_run_validate(cli *);
int cli_run_verify(cli *);
int cli_run_version(cli *);
int cli_run_wait(cli *);

#endif
