/*
 * world.h - a small world for the tests of the plan: files, a configuration, ledger rows and history records, each
 * written as one line of words, and results told as one line of words. So a test is a row of a table.
 *
 *   files    "core/1 core/2! id/3? id/4* id/5>core@2,core"   ! no down, ? no up, * out-of-order, > requires
 *   config   "core id>core@2 cart- (late"                    in order; > requires, - disabled, ( not listed
 *   rows     "core/1 core/2!"                                ! dirty
 *   records  "up core/1 applied; down core/2 failed 1/2"     done/begun; "started atomic"; + has a down script
 *   state    "core/1=A core/2=Fx"   P A F U S M D; d dirty, x external, a assumed, r reverting, :done/begun
 *   steps    "+core/1 -core/2s"     + up, - down; ! out of order, ~ implied, s stored down
 */
#ifndef WB_TEST_WORLD_H
#define WB_TEST_WORLD_H

#include "../unit.h"

#include "plan/parts.h"

typedef struct world {
    wb_arena mem, input;               /* input: what a test has written; mem: what the code under test makes */
    wbl_error err;
    wb_ctx cx;
    wb_findings found;
    wb_source_set set;
    wb_config config;
    wb_ledger_view view;
    wb_record *records;
    size_t record_count;
    const char **recorded;
    size_t recorded_count;
    wb_graph graph;
    wb_state st;
    wb_plan plan;
    wb_plan_request request;
} world;

enum { SHAPE_NATIVE, SHAPE_AXCOM, SHAPE_GOLANG };

void world_start(world *, const char *files, const char *config);
void world_rows(world *, int shape, const char *rows);
void world_records(world *, const char *records);
void world_done(world *);
void world_again(world *);             /* forgets results, keeps the input */
int world_graph(world *);
int world_state(world *);              /* graph and state */
int world_plan(world *, int goal);     /* graph, state and plan with w->request */
const char *world_order(world *);      /* names of the namespaces */
const char *world_items(world *);
const char *world_steps(world *);
const char *world_codes(world *);      /* "late! gap" with ! for errors, in the order found */
const wbl_finding *world_finding(world *, const char *code); /* the first with this code; fails the test */
wb_migration *world_file(world *, const char *ns, const char *key);

#endif
