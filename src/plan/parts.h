/*
 * parts.h - what the files of this room share: how a migration is named in a text, errors made of findings, finding
 * versions, what a migration requires, and the topological order. Inside the plan room only.
 */
#ifndef WB_PLAN_PARTS_H
#define WB_PLAN_PARTS_H

#include "plan/plan.h"

#include <string.h>

#define WB_NOWHERE SIZE_MAX

/* ---- tell.c ---- */

/* Fills who and where of a finding. f NULL (memory is gone): WBL_E_NOMEM, as the callee has said already. */
int wb_tell_item(wbl_finding *f, const wb_item *item, const char *file);
int wb_tell_hint(wb_ctx *, wb_findings *, wbl_finding *f, const char *fmt, ...) WB_PRINTF(4, 5);
/* The error for what was found since `since`: the first one's words and place; when there are more, `many` with their
   number in front of the first one's, as "3 applied files were changed afterwards: core 000002 ...". */
int wb_tell_fail(wb_ctx *, const wb_findings *, size_t since, int code, const char *many);
size_t wb_tell_errors(const wb_findings *, size_t since); /* how many of severity error */

/* What both a plan and a validation find. */
int wb_tell_edited(wb_ctx *, wb_findings *, const wb_item *, int severity, const char *command);
/* Of one namespace: what is applied and has no file, and how bad it is that the database is newer; -1: not told. */
int wb_tell_missing(wb_ctx *, wb_arena *, wb_findings *, const wb_state *, size_t ns, int newer);
int wb_tell_not_in_plan(wb_ctx *, wb_findings *, const wb_graph_ns *);

/* ---- require.c ---- */

typedef struct wb_demand {             /* one requirement, and who has it */
    const wb_require *require;
    const wb_item *item;               /* who; NULL: a whole namespace, by configuration */
    size_t ns_index;                   /* of who */
} wb_demand;

typedef struct wb_demand_target {
    size_t ns_index;
    size_t item;                       /* index in the state; WB_NOWHERE: the whole namespace */
} wb_demand_target;

typedef int (*wb_demand_fn)(void *user, const wb_demand *);
/* Calls fn for all that an item requires by itself (registration and directives of its up script), or a namespace. */
int wb_demands_of_item(const wb_item *, wb_demand_fn, void *user);
int wb_demands_of_ns(const wb_graph *, size_t ns_index, wb_demand_fn, void *user);
/* False: there is no such namespace or version; target->ns_index tells which (WB_NOWHERE: the namespace). */
bool wb_demand_find(const wb_graph *, const wb_state *, const wb_demand *, wb_demand_target *);
/* Fills who and where of a finding, as wb_tell_item(). */
int wb_demand_tell(wbl_finding *f, const wb_graph *, const wb_demand *);
/* The error finding for one that wb_demand_find() did not find. */
int wb_demand_tell_missing(wb_ctx *, wb_findings *, const wb_graph *, const wb_state *, const wb_demand *);
/* "billing 000002 requires identity@2" */
const char *wb_demand_text(wb_arena *, const wb_graph *, const wb_demand *);
/* Index in the state of a version as a person writes it, among one namespace's; WB_NOWHERE. */
size_t wb_version_index(const wb_graph *, const wb_state *, size_t ns_index, const char *version);
/* Where it would stand: the first one that is not below it, or the end of the namespace. */
size_t wb_version_place(const wb_graph *, const wb_state *, size_t ns_index, const char *version);

/* ---- order.c ---- */

/* The chosen items in the order in which they can be applied; out has room for all that are chosen. A cycle is
   WBL_E_INVALID and an error finding (code "cycle"). */
int wb_order_items(wb_ctx *, wb_arena *, const wb_graph *, const wb_state *, const bool *chosen, wb_findings *,
                   size_t *out, size_t *out_count);

/* ---- one call of wb_plan_make ---- */

typedef struct wb_pick {
    wb_ctx *cx;
    wb_arena *mem;
    const wb_graph *graph;
    const wb_state *state;
    const wb_plan_request *request;
    wb_findings *found;
    const char *command;               /* for hints */
    bool *is_selected;                 /* for each namespace: asked for */
    bool *is_in_scope;                 /* selected, or required by one that is */
    size_t only_ns;                    /* the one selected namespace; WB_NOWHERE: several */
    size_t to;                         /* index of the item of request->to; WB_NOWHERE: none, or "nothing applied" */
    bool to_nothing;                   /* goal: nothing stays applied */
    bool *is_going;                    /* for each item: this plan reverts it */
    wb_step *steps;
    size_t count, cap;
} wb_pick;

/* guard.c: findings, and an error when one of them is. scope: by namespace. */
int wb_guard_states(wb_pick *, const bool *scope, bool is_up);
int wb_guard_edits(wb_pick *, bool is_up);
int wb_guard_files(wb_pick *);
/* choose_up.c: appends the up steps. until: index behind the last item that may run in the one namespace; WB_NOWHERE */
int wb_pick_up(wb_pick *, size_t until);
/* The items that are going, once more, in order: redo. */
int wb_pick_again(wb_pick *);
/* choose_down.c: appends the down steps. from: only items of the one namespace at or behind this index, all of them;
   WB_NOWHERE: the last `limit` of all selected namespaces; limit 0: all. Marks is_going. */
int wb_pick_down(wb_pick *, size_t from, size_t limit);
wb_step *wb_pick_step(wb_pick *, wb_item *, int direction); /* NULL and the error when memory is gone */

#endif
