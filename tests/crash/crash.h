/*
 * crash.h - what the crash matrix is made of: the projects that are driven, a process that drives them, the rules.
 */
#ifndef WB_TEST_CRASH_H
#define WB_TEST_CRASH_H

#include "modeldb.h"

#define PROJECT_STEPS 4

typedef struct crash_step {            /* one migration */
    const char *ns, *version, *up, *down;
    wbl_migration_fn code_up, code_down; /* instead of up and down */
    int first, last;                   /* its effects */
} crash_step;

typedef struct crash_project {
    const char *name;
    size_t count;
    crash_step steps[PROJECT_STEPS];
    int batch_effect, batch_rounds;    /* an effect that shall happen several times; 0: none */
    bool is_blind;                     /* a procedure commits by itself: nobody can look into it */
} crash_project;

typedef enum crash_goal {
    GOAL_UP,
    GOAL_DOWN,                         /* all of it, after all of it went up undisturbed */
    GOAL_TURN,                         /* a down that fails somewhere, and then somebody wants to go up again */
    GOAL_COUNT
} crash_goal;
extern const char *const crash_goal_names[GOAL_COUNT];

typedef struct crash_case {            /* what is tried: reproduces itself */
    const model_profile *profile;
    const crash_project *project;
    crash_goal goal;
    model_fault faults[2];
} crash_case;

typedef struct crash_process {         /* one run of a program: a handle, and what it heard */
    const crash_case *c;
    model_world *w;
    wbl_handle *h;
    wbl_error err;
    bool is_down;                      /* what it runs */
    int rc;
    int current;                       /* step that was started last and is not done; -1: none */
    uint32_t done_count;               /* steps that it was told are done */
    bool has_failed;                   /* it was told that one failed */
    const char *fault;                 /* what an event told wrongly; NULL */
} crash_process;

/* project.c */
extern const model_profile crash_profiles[];
extern const size_t crash_profile_count;
extern const crash_project crash_projects[];
extern const size_t crash_project_count;
extern const crash_project crash_fuse, crash_late; /* not part of the matrix: they can't end well */
const crash_project *crash_project_for(const model_profile *, const crash_project *); /* in its dialect; NULL: does not fit */
const char *crash_statement(const crash_step *, bool is_down, uint32_t index, wb_arena *); /* statement number index; NULL */

/* process.c */
int crash_process_open(crash_process *, const crash_case *, model_world *);
void crash_process_close(crash_process *);
int crash_process_run(crash_process *, bool is_down);
int crash_process_repair(crash_process *);  /* what a person does, who looks and tells the truth; 0 when there was a need */

/* rules.c: each gives NULL, or which rule is broken */
const char *rule_complete(const crash_case *, const model_world *);                  /* all of it is there and recorded */
const char *rule_step_recorded(const crash_case *, const model_world *, int step, bool is_down);
bool rule_last_was_down(const model_world *, const crash_step *);                    /* the newest attempt, says the history */
const char *rule_counts(const crash_case *, const model_world *);                    /* nothing happened twice */
void rule_foresee(model_world *, model_data *out);
const char *rule_effect_none(const crash_process *, model_world *, const model_data *before, const model_data *foreseen);
const char *rule_at_rest(const model_world *);                                       /* locks and sessions at the end */

#endif
