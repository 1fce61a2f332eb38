/*
 * plan.h - files + recorded state -> what is applied, what is pending, and an ordered list of steps. Pure: no I/O.
 *
 * Three passes: wb_graph_make() orders the namespaces, wb_state_make() joins files, ledger and history into items,
 * wb_plan_make() picks and orders the steps. Texts that a person reads about the outcome are findings.
 */
#ifndef WB_PLAN_H
#define WB_PLAN_H

#include "model.h"
#include "source/source.h"

/* ---- namespaces in order ---------------------------------------------------------------------------------------- */

typedef struct wb_graph_ns {
    const char *name;
    const wb_source_ns *source;        /* NULL: no directory, only mentioned or recorded */
    bool is_enabled;
    bool is_listed;                    /* named by the configuration's order */
    bool is_reported_only;             /* discover: report, and not listed: never run */
    const wb_require *requires;
    size_t require_count;
} wb_graph_ns;

typedef struct wb_graph {
    wb_graph_ns *namespaces;           /* in the order in which they run */
    size_t count;
    const char **names;                /* sorted */
    size_t *by_name;                   /* where each of the names stands in namespaces */
    wb_order order;                    /* of the versions */
} wb_graph;

/* Listed order first, then by dependencies, the rest by bytes. A listed order is an edge chain between namespaces only
   where no declared dependency contradicts it. A cycle is WBL_E_INVALID and names itself ("a -> b -> a"); a requirement
   of something that does not exist names who asked (file or configuration). recorded: namespaces of the ledger and of
   the history, in any order, repeated ones too. What single migrations require is looked at by wb_plan_make() and
   wb_plan_validate(), after their scripts were read. With discover: report the unlisted are is_reported_only, with
   discover: error they are an error, both only where the configuration lists at least one. */
int wb_graph_make(wb_ctx *, wb_arena *, const wb_source_set *, const wb_config *, const char *const *recorded,
                  size_t recorded_count, wb_findings *, wb_graph *out);
wb_graph_ns *wb_graph_find(const wb_graph *, const char *name, size_t *index);

/* ---- what is ---------------------------------------------------------------------------------------------------- */

typedef struct wb_item {               /* one version of one namespace: what files, ledger and history say together */
    const char *ns, *key, *version, *name;
    size_t ns_index;                   /* in the graph */
    wb_migration *migration;           /* NULL: its file is gone */
    const wb_ledger_row *row;          /* NULL: not in the ledger */
    const wb_record *last;             /* its newest record of an action that changes state; NULL */
    const wb_record *origin;           /* the newest record that says applied, with the checksums; NULL */
    const wb_record *stored_down;      /* its newest up, when that holds its down script; NULL */
    int64_t applied_seq;               /* of the record under which it became applied; 0 unknown, adopted or baseline */
    int state;                         /* wbl_state */
    bool is_external;                  /* the ledger says otherwise than the history: a person edited it */
    const char *external_note;         /* "row deleted by hand", for the history; NULL */
    bool is_dirty;
    bool is_edited, is_comment_edit;   /* applied, and the file is another one now; filled by the engine */
    const char *edit_detail;           /* the difference, wb_text_diff(); filled by the engine, NULL */
    bool is_reverting;                 /* FAILED and UNKNOWN: the unfinished attempt is a down */
    bool is_assumed;                   /* applied because a single-row ledger's version is above it */
    uint32_t resume_done, resume_begun;/* of an unfinished stepwise attempt */
    const char *resume_look;
    const char *reason;                /* why skipped */
} wb_item;

/* "identity 000003", and only "000003" in a flat directory: wb_fail(..., WB_LABEL " is late", WB_LABEL_OF(item)). As an
   argument of a command it names the migration, too: without a namespace the default one is meant. */
#define WB_LABEL "%s%s%s"
#define WB_LABEL_OF(item) wb_label_ns((item)->ns), wb_label_gap((item)->ns), (item)->version
static inline bool wb_is_default_ns(const char *ns) { return strcmp(ns, WB_DEFAULT_NS) == 0; }
static inline const char *wb_label_ns(const char *ns) { return wb_is_default_ns(ns) ? "" : ns; }
static inline const char *wb_label_gap(const char *ns) { return wb_is_default_ns(ns) ? "" : " "; }

/* Its effect is in the database as far as anyone knows. The state of an applied one without a file stays APPLIED here,
   so that nobody takes it for less; only a report calls it MISSING. */
static inline bool wb_item_is_applied(const wb_item *item) { return item->state == WBL_STATE_APPLIED; }
static inline bool wb_item_is_missing(const wb_item *item) { return wb_item_is_applied(item) && !item->migration; }

typedef struct wb_ledger_view {        /* the ledger as its profile reads it */
    const wb_ledger_row *rows;
    size_t row_count;
    bool is_single_row;                /* one row: its version and everything below is applied (golang-migrate) */
    bool has_dirty;                    /* the shape has a dirty flag */
    bool dirty_is_failed;              /* a dirty row may be a known failure (native); else it means unknown */
    bool exists;
} wb_ledger_view;

typedef struct wb_state {
    wb_item *items;                    /* by namespace order, then version */
    size_t count;
    size_t *ns_first, *ns_count;       /* for each namespace of the graph */
    size_t applied_total;
} wb_state;

/*
 * The rules (DESIGN of the ledger: an edit by hand is an instruction):
 * row clean, no history -> applied (adopted); row clean, last record failed/unknown -> applied, external;
 * no row, origin says applied -> pending, external ("row deleted by hand"), from its first statement;
 * row dirty, last record failed with nothing left -> failed; with statements done -> failed, resume;
 * row dirty and last record started (stepwise) or unknown -> unknown until the engine has settled it;
 * row dirty without history, or with one that says applied or reverted -> unknown;
 * no row, last record started (stepwise) or unknown -> unknown until settled, resume;
 * no row, last failed -> failed; but pending and external where the failure had left a dirty row, which is gone now.
 * A down that failed with nothing left: still applied. With statements done: failed, is_reverting; unfinished: unknown.
 * A clean row settles both where the shape has a dirty flag (applied, external), and nothing where it has none.
 * Then: pending in a namespace that is off -> disabled; pending without an up script,
 * in a namespace that is only reported, or (external) without a file -> skipped, with the reason.
 *
 * A single-row ledger (V, d): what is at most V is applied; is_assumed where the history does not say so. Not applied
 * although below V: a file without any record between two versions that we recorded (it came late), and one whose last
 * record is a failure or a down older than the record of a version above it. Dirty: V is unknown, unless the history
 * knows that it failed; but when the down of a version above V is unfinished, that one is meant (the row holds what
 * remains). -1 means nothing. The engine must record every is_assumed item in the run that first sees it (adopt).
 *
 * Records of a namespace that the graph does not know are passed over; a ledger row of one is WBL_E_INTERNAL.
 * Items that nothing is left of (reverted, no file) are left out.
 */
int wb_state_make(wb_ctx *, wb_arena *, const wb_graph *, const wb_source_set *, const wb_ledger_view *,
                  const wb_record *records, size_t record_count, wb_state *out);
wb_item *wb_state_find(const wb_state *, const wb_graph *, const char *ns, const char *key);
wb_item *wb_state_current(const wb_state *, size_t ns_index); /* highest applied; NULL */
wb_item *wb_state_latest(const wb_state *, size_t ns_index);  /* highest with a file; NULL */

/* ---- what shall be ---------------------------------------------------------------------------------------------- */

typedef struct wb_step {
    wb_item *item;
    int direction;                     /* wbl_direction */
    int protocol;                      /* wbl_protocol, filled by wb_plan_protocols() */
    const char *reason;                /* why stepwise; NULL */
    wb_script *script;                 /* NULL: is_stored_down; the engine puts the text here or into a migration */
    bool is_stored_down;               /* reverts with the down script of the history */
    bool is_out_of_order;
    bool is_done;                      /* set by the engine when it is durable */
    bool is_implied;                   /* added because another namespace requires it */
} wb_step;

typedef struct wb_plan {
    wb_step *steps;
    size_t count;
    char hash[65];                     /* over order, direction, identity and checksums: the same plan, the same hash */
} wb_plan;

enum wb_goal { WB_GOAL_UP, WB_GOAL_DOWN, WB_GOAL_GOTO, WB_GOAL_REDO };

typedef struct wb_plan_request {
    enum wb_goal goal;
    const char *const *namespaces;     /* none: all enabled */
    size_t namespace_count;
    int64_t steps;                     /* 0: all (up), one (down, redo) */
    const char *to;                    /* as a person types it: "3", "000003"; "0" and "-1" without such a version mean
                                          "nothing applied" for down and goto; NULL: none */
    bool all, only, force;
    int out_of_order;                  /* wb_policy, never UNSET */
    int newer;                         /* wb_newer, never UNSET */
    bool blocks_on_failed;             /* dirty_blocks: failed, and no retry asked */
    bool single_row_ledger;            /* out of order can't be expressed: those are skipped */
    bool is_preview;                   /* `plan`: also the warnings that `up` keeps quiet about (missing-down) */
    const char *command_name;          /* in hints; NULL: "whimbrel" */
} wb_plan_request;

/*
 * Picks and orders. Before the call every pending script is loaded and read, since its directives take part (requires,
 * out-of-order). Order: topological over namespaces and `requires` of migrations at a version, ties
 * by (namespace order, version). Errors as findings plus one error: cycle (named), missing requirement (who asks), below
 * the highest applied one with policy error, target that does not exist, no down script for a version that would be
 * reverted, an applied migration elsewhere that depends on one to be reverted (unless force), unknown or blocking failed
 * items (WBL_E_STATE), edited applied files (WBL_E_DRIFT, all of them with a difference when the text is stored), database
 * newer than the files. down order: reverse of application where the history knows it, else reverse of up's order.
 */
int wb_plan_make(wb_ctx *, wb_arena *, const wb_graph *, const wb_state *, const wb_plan_request *, wb_findings *,
                 wb_plan *out);

/* Chooses each step's protocol from the driver's abilities (WB_CAP bits), directives and facts, with the reason; mixes
   that cannot run are WBL_E_INVALID, all of them as findings: a statement that refuses a transaction among others
   without the directive, unbalanced BEGIN/COMMIT, stepwise behind a transaction pooler. */
typedef struct wb_protocol_rules {
    uint32_t caps;
    bool is_pooled;
    wb_dialect dialect;
} wb_protocol_rules;
int wb_plan_protocols(wb_ctx *, wb_arena *, const wb_protocol_rules *, wb_findings *, wb_plan *);

/* Files alone (state NULL) and against the ledger: duplicates are the source's; here gaps, missing downs, edited files,
   applied without a file, late (below current), near misses, cycles, missing dependencies, vague order. What is wrong is
   told by the findings; the result is 0 or WBL_E_NOMEM. */
int wb_plan_validate(wb_ctx *, wb_arena *, const wb_graph *, const wb_source_set *, const wb_state *, wb_findings *);

/* What changed between two texts, as lines that begin with "- " and "+ " (at most 40, then a count of the rest); ""
   when they are equal line by line. Line ends do not matter. NULL when memory is gone. */
const char *wb_text_diff(wb_arena *, wb_str before, wb_str after);

#endif
