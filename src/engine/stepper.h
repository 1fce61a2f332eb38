/*
 * stepper.h - a script that runs statement by statement: stepwise.c goes through it, statement.c runs each of them, and
 * stepper.c has what both are made of.
 */
#ifndef WB_STEPPER_H
#define WB_STEPPER_H

#include "engine/apply.h"

typedef struct wb_stepper {
    wb_run *run;
    wb_step *step;
    wb_script *script;
    wb_record *r;
    wb_sql_options sql;
    int64_t began_ms;
    bool in_script_txn;                    /* between the script's own BEGIN and its end */
    uint32_t txn_from;                     /* r->done when that BEGIN ran */
    size_t end, end_before;                /* of the statement at hand, and of the one before it */
    wb_arena marks_mem;                    /* of the next two: checksums up to the end of each statement */
    wb_token_mark *marks;
    size_t mark_count, mark_cap;
    bool has_no_marks;                     /* there was no memory for them */
    int tries;                             /* of the statement at hand, and when the last one began */
    int64_t try_ms;
    bool is_unknown;
    bool is_code_failed;                   /* a function came back with an error: what it did, it alone knows */
    bool is_started;                       /* the ledger says that it runs, and the attempt has its row in the history */
    bool has_row;                          /* the attempt's own row is in the history */
    bool is_overtaken;                     /* another run goes on with this migration */
    bool is_adrift;                        /* the connection was lost, and how far we are could not be read again */
} wb_stepper;

typedef struct wb_own_row {                /* the attempt's own row, as the database has it; texts in the run's arena */
    wb_arena *mem;
    bool is_there;
    uint32_t begun, done;
    char state[20];
    const char *look, *sealed;
} wb_own_row;

static inline const wb_driver *wb_stepper_driver(const wb_stepper *x) { return x->run->h->driver; }
static inline wb_session *wb_stepper_session(const wb_stepper *x) { return x->run->h->session; }

/* stepper.c. Those that return int fail with cx.err of the run. */
bool wb_stepper_has_lock(const wb_stepper *);
wb_piece wb_stepper_piece(const wb_stepper *, const wb_statement *);
int wb_stepper_seal(wb_stepper *, size_t end);             /* the row's checksum of what is done may not change */
int wb_stepper_set_done(wb_stepper *, const wb_statement *); /* in memory */
int wb_stepper_save(wb_stepper *);                         /* the progress; in a unit it joins it */
int wb_stepper_begin_unit(wb_stepper *);
int wb_stepper_begin_mine(wb_stepper *);                   /* and nobody else is at this migration */
int wb_stepper_commit_unit(wb_stepper *);
bool wb_stepper_drop_unit(wb_stepper *);                   /* false: the database says that a part of it stays */
int wb_stepper_check_mine(wb_stepper *);
int wb_stepper_start(wb_stepper *);                        /* once for each attempt, before anything of it is sent */
int wb_stepper_note_started(wb_stepper *);                 /* what that did, in memory */
int wb_stepper_own_row(wb_stepper *, wb_own_row *out);
void wb_stepper_take_row(wb_stepper *, const wb_own_row *);/* its progress is ours from now on */

/* statement.c: for wb_split(), with the stepper as `user`. */
int wb_stepper_statement(void *user, const wb_statement *);
int wb_stepper_unknown(wb_stepper *, const wb_statement *); /* fails: it was running when the last run ended */

#endif
