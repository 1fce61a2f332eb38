/*
 * engine.h - what the files of the engine share: the handle, and the state of one call.
 *
 * A call is a wb_run: calls.c takes it through its phases (run.c, connect.c, compare.c: files, open, lock, load, settle,
 * plan), apply.c executes the steps, verify.c remembers the catalog, report.c tells the outcome. Nothing of this is public.
 */
#ifndef WB_ENGINE_H
#define WB_ENGINE_H

#include "driver/driver.h"
#include "ledger/ledger.h"
#include "plan/plan.h"
#include "source/source.h"
#include "sql/sql.h"

typedef struct wb_extra {              /* a migration that came through the library */
    wb_migration migration;
} wb_extra;

struct wbl_handle {
    wb_arena mem;                      /* lives as long as the handle */
    wbl_options options;               /* strings copied */
    wb_config config;
    int base_fd;                       /* of working_dir; AT_FDCWD */
    int cancel;                        /* atomic: wbl_cancel() comes from any thread and from signal handlers */
    wb_extra *extra;
    size_t extra_count, extra_cap;
    char session_id[37];               /* shown to the server, to know our own ghosts */

    bool has_url;
    wb_url url;
    const wb_driver *driver;
    wb_session *session;               /* opened by the first call that needs it */
    bool session_read_only;
    bool holds_lock;                   /* options.keep_lock: until the handle is closed */
    wb_lock_key locks[5];              /* in the handle's arena */
    size_t lock_count;

    wb_arena call;                     /* lives until the next call: report, findings, plan */
    wb_findings findings;
    wbl_report report;
    wbl_error unasked;                 /* of a caller who wants no error */
};

typedef struct wb_run {
    wbl_handle *h;
    wb_ctx cx;
    wb_arena *mem;                     /* &h->call */
    char run_id[37];
    int64_t started_ms;
    const char *who;                   /* user@host */

    bool writes;                       /* takes the lock, may create tables */
    bool with_text;                    /* loads all of the history, also errors and notes */
    bool has_set;
    wb_source_set set;
    wb_graph graph;
    wb_ledger ledger;
    wb_history history;
    wb_snapshots snapshots;
    bool has_ledger, has_history, has_catalog;   /* the table exists */
    wb_state state;
    wb_plan plan;
    wb_sql_options sql;

    const char *cursor;                /* single-row ledgers: the version that the row holds; NULL: no row */
    bool cursor_dirty;
    size_t step_index;                 /* of the step that runs, for events */
    wbl_migration *told;               /* the report's steps, of which those of this plan begin at told_first */
    size_t told_first;
    const wb_step *told_plan;          /* the plan that they were made from */
    uint32_t reconnects;
    bool was_overtaken;                /* another run went on with a migration that this one had begun */
    wb_object *before;                 /* catalog before the namespace that runs now; NULL: not read */
    size_t before_count;
    wb_arena catalogs[2];              /* the catalog at hand and the one before it: with many namespaces there are many */
    int catalog_at;                    /* which of them holds `before` */
} wb_run;

/* In "run '... up'" */
static inline const char *wb_command_of(const wbl_handle *h)
{
    return h->config.command_name ? h->config.command_name : "whimbrel";
}

/* Another runner was faster: load again and plan anew. Never leaves the engine. */
#define WB_AGAIN 1000
/* Tags of our row operations, so that a failure tells which one it was. */
enum { WB_TAG_LEDGER = 1, WB_TAG_HISTORY = 2, WB_TAG_PROGRESS = 3 };

/* api.c: a copy of the caller's struct, however old or new the header is that it was compiled with; NULL: defaults */
int wb_take_options(wb_ctx *, const wbl_options *, wbl_options *out);
int wb_take_source(wb_ctx *, const wbl_source *, wbl_source *out);
int wb_take_code_migration(wb_ctx *, const wbl_code_migration *, wbl_code_migration *out);
int wb_take_request(wb_ctx *, const wbl_request *, wbl_request *out);
int wb_take_check_options(wb_ctx *, const wbl_check_options *, wbl_check_options *out);
int wb_take_new_options(wb_ctx *, const wbl_new_options *, wbl_new_options *out);
int wb_bad_call(wbl_error *, const char *what);                    /* WBL_E_INVALID */

/* run.c, connect.c, compare.c, resume.c, protect.c: the phases */
int wb_run_begin(wb_run *, wbl_handle *, wbl_error *err);           /* err may be NULL; cx.err never is */
int wb_run_end(wb_run *, int rc);                                  /* releases, fills the report's totals; returns rc */
int wb_run_files(wb_run *, bool may_be_missing);
int wb_run_open(wb_run *, bool writes);                            /* connect, survey, lock, choose the ledger */
int wb_run_load(wb_run *);                                         /* ledger and history rows, then the state */
int wb_run_start(wb_run *, bool files_may_be_missing, bool writes); /* files, open and load: what nearly every call begins with */
int wb_run_reload(wb_run *);                                       /* after WB_AGAIN or a reconnect */
int wb_run_tables(wb_run *);                                       /* creates what is missing */
int wb_run_relock(wb_run *);                                       /* after a lost connection: reopen, lock, end our ghost */
int wb_run_script(wb_run *, wb_migration *, wb_script *);          /* load, read, put variables in */
#define WB_KEPT_MAX ((size_t)65536)                                /* a longer up script is not kept in the history */
int wb_run_first_sight(wb_run *, wb_item *, wb_record *);          /* checksums of its file go into the record; the text is released */
int wb_run_stored_down(wb_run *, wb_item *);                       /* its file is gone: a migration with the down script of the history */
int wb_run_compare(wb_run *);                                      /* applied files against their checksums */
int wb_run_resumed(wb_run *, wb_item *, const wb_script *);        /* resume.c: an error finding when what is done was changed */
int wb_run_resumed_all(wb_run *);                                  /* the same for all that stopped half way, for validate */
int wb_run_protect(wb_run *);                                      /* protect.c: error findings for scripts that would take the record away */
int wb_run_pending_scripts(wb_run *);
int wb_run_bad_file(wb_run *, const wb_migration *, int rc);       /* the error of its script as a finding: all are told at once */
int wb_run_applied_requirements(wb_run *);                         /* before a down: what their files require */
int wb_run_plan(wb_run *, const wbl_request *, enum wb_goal, bool is_preview);
int wb_no_namespace(wb_run *, const char *name);                   /* fails, with the nearest one */
int wb_which_namespace(wb_run *);                                  /* fails, since there are several */
int wb_run_external(wb_run *);                                     /* notes what people did by hand; adopts rows without history */
wb_record wb_run_record(const wb_run *, const wb_item *, const char *action, const char *state);
void wb_run_event(wb_run *, wbl_event *);
wb_ctx wb_run_quiet(wb_run *, wbl_error *scratch);                 /* a context for best-effort work that must not hide the first error */

/* apply.c */
int wb_apply(wb_run *);                                            /* WB_AGAIN: plan anew */

/* A transaction of ledger and history rows alone. The end commits when rc is 0, else it rolls back and the error stays. */
int wb_rows_begin(wb_run *, wb_ctx *);
int wb_rows_end(wb_run *, wb_ctx *, int rc);
static inline wb_script *wb_step_script(const wb_step *st) /* of a step whose migration is known */
{
    return st->direction == WBL_UP ? &st->item->migration->up : &st->item->migration->down;
}

/* verify.c */
int wb_remember_start(wb_run *);
int wb_remember(wb_run *, const char *ns);
int wb_remember_stale(wb_run *);                                   /* a run that died before remembering */
int wb_verify(wb_run *);                                           /* the differences as findings */

/* report.c */
int wb_report_fill(wb_run *, bool with_migrations);
int wb_report_steps(wb_run *, bool with_sql);                      /* of the plan; what an earlier one has done stays */
void wb_report_outcome(wb_run *, const wb_step *, int outcome, int64_t duration_ms); /* one step has ended */
void wb_report_rest(wb_run *);                                     /* the state of the steps that did not run */
int wb_report_attempts(wb_run *, uint64_t limit);
void wb_report_step(const wb_run *, const wb_step *, wbl_migration *out);

#endif
