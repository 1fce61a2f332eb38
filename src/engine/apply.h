/*
 * apply.h - what apply.c (atomic) and stepwise.c share.
 */
#ifndef WB_APPLY_H
#define WB_APPLY_H

#include "engine/engine.h"

wb_change wb_step_change(const wb_run *, const wb_step *, wb_change_kind);
int wb_step_record(wb_run *, const wb_step *, const char *state, wb_record *out); /* with checksums and the down script */
void wb_step_done(wb_run *, wb_step *, int64_t duration_ms);       /* state in memory, event */
int wb_step_failed(wb_run *, wb_step *, wb_record *, int rc, bool has_effect); /* records, event; returns rc */
void wb_step_lost(wb_run *, const wb_step *, int64_t duration_ms); /* its answer will never come: event */
void wb_step_place(wb_run *, const wb_step *);                     /* file, line, column, statement of cx->err from session->failure */
bool wb_step_put_refused(wb_run *, int rc);                        /* our own row was: cx.err says so; false: it was something else */
void wb_step_started(wb_run *, const wb_step *);
bool wb_is_lost(const wb_session *, int rc);
bool wb_is_retryable(const wb_run *, int rc);
void wb_retry_pause(wb_run *, const wb_step *, int tries);          /* event, and a wait */
void wb_step_lock_wait(wb_run *, const wb_step *, int tries, int64_t waited_ms); /* the error of a lock that was not to be had */
int64_t wb_step_lock_timeout(const wb_run *, const wb_script *);
/* Is somebody else at this migration? id: of our own record; has_row: it is in the history. */
int wb_step_overtaken(wb_run *, const wb_step *, const char *id, bool has_row, bool *out);
int wb_step_call(wb_run *, const wb_step *);                        /* the function of a migration in C */
int wb_stepwise(wb_run *, wb_step *);

#endif
