/*
 * test_crash.c - the crash matrix: every driver call fails in every way, the process dies at each of them, and again in
 * the recovery. What must hold:
 *   I1 a run that says it went well left every statement in place exactly once, and ledger and history say so
 *   I2 no effect ever happens twice
 *   I3 after plain runs without faults everything is there, or a statement is unknown, says so, and no look could tell
 *   I4 a refused statement never blocks the next run
 *   I5 the effect of an error is "none" only when nothing of the migration is there
 *   I6 a migration is told as done only when it is durable
 *   I7 no lock is held at the end
 *   I8 a failure is told as an event, and the report knows how each step ended
 * and towards the server: nothing is written without the lock, no script runs before its fence.
 * It is tried with up, with down, and with a down that fails somewhere and then an up ("turn").
 *
 *   test_crash                     single faults, and a sample of double ones
 *   test_crash --stress            all double faults
 *   test_crash --sample N          about N double faults for each line of the table (2500)
 *   test_crash --only WHAT [AT KIND [AT KIND]]   WHAT is profile/project/goal or a part of it; with a fault: traced
 *   test_crash --stop              at the first violation
 */
#include "crash.h"

#include <stdio.h>
#include <stdlib.h>

#define RUNS_MAX 12
#define SHOWN_MAX 3

static struct {
    long cases, clean, blocked, violations;
    const char *kinds[16];
    long counts[16];
} tally;
static bool is_traced;

/* ---- one case ---- */

static const char *say_case(const crash_case *c, char *out, size_t size)
{
    int n = snprintf(out, size, "--only %s/%s/%s", c->profile->name, c->project->name, crash_goal_names[c->goal]);
    for (int i = 0; i < 2 && c->faults[i].at; i++)
        n += snprintf(out + n, size - (size_t)n, " %ld %s", c->faults[i].at, model_kind_names[c->faults[i].kind]);
    return out;
}

static void violation(const crash_case *c, const model_world *w, const char *rule, const char *detail)
{
    char text[200];
    size_t i = 0;
    tally.violations++;
    while (i < WB_COUNT(tally.kinds) - 1 && tally.kinds[i] && strcmp(tally.kinds[i], rule) != 0)
        i++;
    tally.kinds[i] = rule;
    if (++tally.counts[i] > SHOWN_MAX && !is_traced)
        return;
    printf("# VIOLATION %s%s%s: test_crash %s (%s%s%s)\n", rule, *detail ? ": " : "", detail,
           say_case(c, text, sizeof text), w->fault_names[0] ? w->fault_names[0] : "",
           w->fault_names[1] ? ", then " : "", w->fault_names[1] ? w->fault_names[1] : "");
}

struct scene {
    const crash_case *c;
    model_world *w;
    crash_process *p;       /* the process under test */
    bool is_bad, has_rival; /* has_rival: in this run */
};

static void bad(struct scene *s, const char *rule, const char *detail)
{
    if (!s->is_bad) /* what follows the first one is seldom news */
        violation(s->c, s->w, rule, detail);
    s->is_bad = true;
}

static void on_cancel(void *user)
{
    struct scene *s = user;
    wbl_cancel(s->p->h);
}

/* Another process does all the work, as a deployment that is started twice does. */
static void on_rival(void *user)
{
    struct scene *s = user;
    crash_process rival;
    s->has_rival = true;
    s->w->is_calm = true;
    if (is_traced)
        printf("#   rival begins\n");
    if (crash_process_open(&rival, s->c, s->w) == 0) {
        (void)crash_process_run(&rival, s->p->is_down);
        if (rival.fault)
            bad(s, rival.fault, "in the other process");
    }
    crash_process_close(&rival);
    if (is_traced)
        printf("#   rival ends\n");
    s->w->is_calm = false;
}

/* What a run that is still alive has said of its steps. Another process may have done some of them. */
static const char *check_told(const crash_process *p)
{
    const wbl_report *r = wbl_report_get(p->h);
    uint32_t count[4] = { 0 };
    for (uint32_t i = 0; i < r->step_count; i++)
        count[r->steps[i].outcome]++;
    if (count[WBL_OUTCOME_DONE] != p->done_count || r->done_count != p->done_count)
        return "I8 the report has other steps as done than the events";
    if (p->rc >= 0)
        return r->step_count == p->done_count ? NULL : "I8 the run is fine, and the report has steps that are not done";
    if (p->current >= 0 && !p->has_failed)
        return "I8 no event tells that it failed";
    return p->current >= 0 && p->rc != WBL_E_CANCELLED && !count[WBL_OUTCOME_FAILED] && !count[WBL_OUTCOME_UNKNOWN]
               ? "I8 the report has no step that failed" : NULL;
}

static void check_run(struct scene *s, const model_data *before, const model_data *foreseen)
{
    const crash_process *p = s->p;
    const char *why = rule_counts(s->c, s->w);
    if (!why && s->w->is_endless)
        why = "it does not end";
    if (!why)
        why = p->fault;
    if (why)
        bad(s, why, "");
    bool is_last = s->c->goal != GOAL_TURN || !p->is_down;
    if (p->rc >= 0 && is_last && (why = rule_complete(s->c, s->w)))
        bad(s, "I1 a run that says it went well did not", why);
    if (!s->w->has_died && !s->has_rival && (why = check_told(p)))
        bad(s, why, p->err.message);
    if (!s->w->has_died && !s->has_rival && (why = rule_effect_none(p, s->w, before, foreseen)))
        bad(s, why, p->err.message);
}

/* A statement that no look can tell about is the only good reason to ask a person. One that was refused needs no look,
   unless that could not be written down either. */
static bool may_block(const crash_case *c)
{
    model_kind kind = c->faults[0].kind;
    bool is_told = kind == FAULT_REFUSE || kind == FAULT_WAIT || kind == FAULT_CANCEL;
    if (c->project->is_blind && c->profile->caps & WB_CAP_TXN_DDL)
        return true; /* outside of a transaction, as it must be there, it may have committed a part before */
    return (c->project->is_blind || !(c->profile->caps & WB_CAP_PROBE)) && (!is_told || c->faults[1].at);
}

/* Then the way up is barred until the way down is finished. */
static bool is_half_reverted(const crash_process *p)
{
    return strstr(p->err.message, "finish that first") || strstr(p->err.message, "is half reverted");
}

/* Plain runs until nothing is left to do. *blocked: a person had to say what happened. */
static void recover(struct scene *s, crash_process *p, bool *blocked)
{
    static model_data before, foreseen;
    bool is_down = s->c->goal != GOAL_UP;
    s->p = p;
    for (int i = 0; i < RUNS_MAX && !s->is_bad; i++) {
        int fired = s->w->fired;
        s->w->has_died = s->has_rival = false;
        model_copy(&before, &s->w->data);
        rule_foresee(s->w, &foreseen);
        if (!p->h && crash_process_open(p, s->c, s->w) != 0) {
            bad(s, "a handle can't be opened", p->err.message);
            break;
        }
        int rc = crash_process_run(p, is_down);
        bool was_down = is_down, is_halfway = rc == WBL_E_STATE && is_half_reverted(p);
        check_run(s, &before, &foreseen);
        if (s->c->goal == GOAL_TURN)
            is_down = is_halfway;
        if (s->w->has_died)
            crash_process_close(p);
        else
            wbl_cancel_clear(p->h);
        if (rc >= 0 && is_down == was_down)
            break;
        if (is_halfway || rc >= 0)
            continue;
        if (fired != s->w->fired)
            continue; /* a fault in this very run explains it */
        if (rc != WBL_E_STATE || i + 1 == RUNS_MAX) {
            bad(s, may_block(s->c) ? "I3 a plain run fails" : "I4 a plain run fails", p->err.message);
            break;
        }
        if (!may_block(s->c))
            bad(s, "I3 a person is asked without need", p->err.message);
        *blocked = true;
        s->w->is_calm = true;
        if (crash_process_repair(p) < 0)
            bad(s, "I3 repair does not help", p->err.message);
        s->w->is_calm = false;
    }
    if (p->rc < 0)
        bad(s, "I3 it is not done after many runs", p->err.message);
}

static void check_end(struct scene *s)
{
    crash_process look;
    s->w->is_calm = true;
    model_finish_ghosts(s->w);
    const char *why = rule_counts(s->c, s->w);
    if (!why && !(why = rule_complete(s->c, s->w)))
        why = rule_at_rest(s->w);
    if (why)
        bad(s, why, "at the end");
    if (s->is_bad)
        return;
    int rc = crash_process_open(&look, s->c, s->w);
    if (rc == 0)
        rc = wbl_status(look.h, NULL, &look.err);
    const wbl_report *r = look.h ? wbl_report_get(look.h) : NULL;
    for (uint32_t i = 0; rc == 0 && i < r->migration_count; i++)
        if (r->migrations[i].state != (s->c->goal == GOAL_DOWN ? WBL_STATE_PENDING : WBL_STATE_APPLIED))
            bad(s, "status says otherwise", r->migrations[i].version);
    if (rc != 0)
        bad(s, "status fails", look.err.message);
    crash_process_close(&look);
}

static void forget_world(model_world *w)
{
    for (int i = 0; i < MODEL_BACKENDS; i++)
        wb_free(w->backends[i].saved);
    wb_arena_done(&w->mem);
}

/* Returns how many faults struck. */
static int run_case(const crash_case *c, long *points)
{
    static model_world w;
    memset(&w, 0, sizeof w);
    w.profile = c->profile;
    model_use(&w);
    crash_process p = { .c = c, .w = &w };
    struct scene s = { .c = c, .w = &w, .p = &p };
    w.cancel = on_cancel;
    w.rival = on_rival;
    w.user = &s;
    bool blocked = false;
    if (c->goal != GOAL_UP) {
        crash_case up = *c;
        up.goal = GOAL_UP;
        crash_process first;
        w.is_calm = true;
        if (crash_process_open(&first, &up, &w) != 0 || crash_process_run(&first, false) != 0)
            bad(&s, "the way up fails without a fault", first.err.message);
        crash_process_close(&first);
        w.is_calm = false;
    }
    w.faults[0] = c->faults[0];
    w.faults[1] = c->faults[1];
    w.is_traced = is_traced;
    if (!s.is_bad)
        recover(&s, &p, &blocked);
    crash_process_close(&p);
    check_end(&s);
    int fired = w.fired, wanted = (c->faults[0].at != 0) + (c->faults[1].at != 0);
    if (points)
        *points = w.points;
    if (fired == wanted) {
        tally.cases++;
        tally.blocked += blocked && !s.is_bad;
        tally.clean += !blocked && !s.is_bad;
    }
    forget_world(&w);
    return fired;
}

/* ---- the grid ---- */

static struct {
    long sample;
    bool is_stress, stops;
    const char *only;
} options = { .sample = 2500 };

#define POINTS_MAX 400
static bool strikes[POINTS_MAX][FAULT_KINDS]; /* not every kind can happen everywhere */

static void single_faults(crash_case *c, long points)
{
    for (long at = 1; at <= points; at++)
        for (model_kind kind = FAULT_BEFORE; kind < FAULT_KINDS; kind++) {
            c->faults[0] = (model_fault){ at, kind };
            strikes[at][kind] = run_case(c, NULL) > 0;
            if (options.stops && tally.violations)
                return;
        }
}

/* A sample that is the same each time. */
static bool is_chosen(unsigned long n, unsigned long ratio)
{
    n = (n ^ (n >> 13)) * 0x9E3779B97F4A7C15ul;
    return (n >> 20) % ratio == 0;
}

static void double_faults(crash_case *c, long points)
{
    const long kinds = FAULT_KINDS - 1, reach = points + points / 2;
    unsigned long all = (unsigned long)(points * kinds * reach * kinds), n = 0;
    if (!options.is_stress && options.sample <= 0)
        return;
    unsigned long ratio = options.is_stress ? 1 : all / (unsigned long)options.sample + 1;
    for (long at = 1; at <= points; at++)
        for (model_kind kind = FAULT_BEFORE; kind < FAULT_KINDS; kind++)
            for (long then = 1; then <= reach; then++)
                for (model_kind second = FAULT_BEFORE; second < FAULT_KINDS; second++) {
                    if (!is_chosen(n++, ratio) || !strikes[at][kind])
                        continue;
                    c->faults[0] = (model_fault){ at, kind };
                    c->faults[1] = (model_fault){ at + then, second };
                    run_case(c, NULL);
                    if (options.stops && tally.violations)
                        return;
                }
}

static bool is_wanted(const crash_case *c)
{
    char name[100];
    snprintf(name, sizeof name, "%s/%s/%s", c->profile->name, c->project->name, crash_goal_names[c->goal]);
    if (!options.only)
        return true;
    size_t n = strlen(options.only);
    return strncmp(name, options.only, n) == 0 && (name[n] == 0 || name[n] == '/');
}

static bool one_line(crash_case *c, int number)
{
    long points = 0;
    memset(&tally, 0, sizeof tally);
    c->faults[0] = c->faults[1] = (model_fault){ 0 };
    run_case(c, &points);
    bool is_good = tally.violations == 0 && points < POINTS_MAX;
    memset(&tally, 0, sizeof tally);
    if (is_good)
        single_faults(c, points);
    long single[3] = { tally.cases, tally.clean, tally.blocked };
    if (is_good && !(options.stops && tally.violations))
        double_faults(c, points);
    char name[100];
    snprintf(name, sizeof name, "%s/%s/%s", c->profile->name, c->project->name, crash_goal_names[c->goal]);
    printf("# %-34s %4ld calls %6ld cases %6ld done %5ld asked | twice: %7ld cases %7ld done %6ld asked | %ld wrong\n",
           name, points, single[0], single[1], single[2], tally.cases - single[0], tally.clean - single[1],
           tally.blocked - single[2], tally.violations);
    for (size_t i = 0; i < WB_COUNT(tally.kinds) && tally.kinds[i]; i++)
        printf("#     %6ld %s\n", tally.counts[i], tally.kinds[i]);
    is_good = is_good && tally.violations == 0;
    printf("%s %d - %s\n", is_good ? "ok" : "not ok", number, name);
    fflush(stdout);
    return is_good;
}

/* A script that ends its own transaction in secret leaves what nobody knows: it is never called applied, nor "nothing
   happened", and it does not run again before a person has looked. */
static bool one_fuse(crash_case *c, int number)
{
    static model_world w;
    memset(&w, 0, sizeof w);
    w.profile = c->profile;
    w.is_calm = true;
    model_use(&w);
    crash_process p;
    int rc = crash_process_open(&p, c, &w), again = 0;
    if (rc == 0)
        rc = crash_process_run(&p, false);
    bool is_good = rc < 0 && p.err.effect == WBL_EFFECT_UNKNOWN && rule_step_recorded(c, &w, 0, false) && !p.fault;
    if (rc < 0)
        again = crash_process_run(&p, false);
    is_good = is_good && again == WBL_E_STATE && w.data.up[1] == 1 && w.data.up[2] == 1;
    is_good = is_good && wbl_repair(p.h, NULL, "1", WBL_REPAIR_MARK_APPLIED, 0, &p.err) == 0;
    is_good = is_good && crash_process_run(&p, false) == WBL_NO_CHANGE && w.data.up[1] == 1;
    crash_process_close(&p);
    printf("%s %d - %s/fuse\n", is_good ? "ok" : "not ok", number, c->profile->name);
    forget_world(&w);
    tally.violations += !is_good;
    return is_good;
}

/* A procedure that commits a part and fails then. */
static bool one_late(crash_case *c, int number)
{
    static model_world w;
    memset(&w, 0, sizeof w);
    w.profile = c->profile;
    w.is_calm = true;
    model_use(&w);
    crash_process p;
    int rc = crash_process_open(&p, c, &w), again = 0;
    if (rc == 0)
        rc = crash_process_run(&p, false);
    bool is_good = rc == WBL_E_STATEMENT && p.err.effect == WBL_EFFECT_UNKNOWN && !p.fault;
    if (rc < 0)
        again = crash_process_run(&p, false);
    is_good = is_good && again == WBL_E_STATE && w.data.up[1] == 1 && w.data.up[2] == 1 && w.data.up[3] == 0;
    is_good = is_good && wbl_repair(p.h, NULL, "1", WBL_REPAIR_STATEMENT_DID_RUN, 2, &p.err) == 0;
    is_good = is_good && crash_process_run(&p, false) == 0 && w.data.up[2] == 1 && w.data.up[3] == 1;
    crash_process_close(&p);
    printf("%s %d - %s/late\n", is_good ? "ok" : "not ok", number, c->profile->name);
    forget_world(&w);
    tally.violations += !is_good;
    return is_good;
}

static int for_each(bool (*fn)(crash_case *, int number))
{
    int number = 0, failed = 0;
    for (size_t i = 0; i < crash_profile_count; i++)
        for (size_t k = 0; k < crash_project_count; k++)
            for (crash_goal goal = GOAL_UP; goal < GOAL_COUNT; goal++) {
                crash_case c = { .profile = &crash_profiles[i], .goal = goal };
                c.project = crash_project_for(c.profile, &crash_projects[k]);
                if (c.project && is_wanted(&c))
                    failed += !fn(&c, ++number);
            }
    for (size_t i = 0; fn == one_line && i < crash_profile_count; i++) {
        crash_case c = { .profile = &crash_profiles[i], .project = &crash_fuse };
        if (c.profile->caps & WB_CAP_TXN_DDL && is_wanted(&c))
            failed += !one_fuse(&c, ++number);
    }
    for (size_t i = 0; fn == one_line && i < crash_profile_count; i++) {
        crash_case c = { .profile = &crash_profiles[i], .project = &crash_late };
        if (c.profile->driver != &model_sqlite && is_wanted(&c))
            failed += !one_late(&c, ++number);
    }
    printf("1..%d\n", number);
    return failed;
}

static model_fault traced[2];

static bool one_traced(crash_case *c, int number)
{
    c->faults[0] = traced[0];
    c->faults[1] = traced[1];
    is_traced = true;
    run_case(c, NULL);
    printf("%s %d - %s: %ld violations\n", tally.violations ? "not ok" : "ok", number, c->project->name,
           tally.violations);
    return tally.violations == 0;
}

static model_kind kind_named(const char *name)
{
    for (model_kind k = FAULT_NONE; k < FAULT_KINDS; k++)
        if (strcmp(model_kind_names[k], name) == 0)
            return k;
    fprintf(stderr, "test_crash: no fault is called %s\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    int faults = 0;
    setenv("USER", "crash", 1); /* else each run reads the password file */
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--stress") == 0)
            options.is_stress = true;
        else if (strcmp(argv[i], "--stop") == 0)
            options.stops = true;
        else if (strcmp(argv[i], "--sample") == 0 && i + 1 < argc)
            options.sample = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            options.only = argv[++i];
        else if (options.only && faults < 2 && i + 1 < argc) {
            traced[faults].at = strtol(argv[i++], NULL, 10);
            traced[faults++].kind = kind_named(argv[i]);
        } else {
            fprintf(stderr, "test_crash: what is %s?\n", argv[i]);
            return 2;
        }
    }
    return for_each(faults ? one_traced : one_line) != 0;
}
