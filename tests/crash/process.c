/*
 * process.c - one process that uses the library on the model: open, up or down, and what a person does when asked.
 *
 * The library's clock is the model's: sleeping costs nothing, and a wait of minutes is over at once.
 */
#include "crash.h"

#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- time: the linker puts these in the place of the library's (--wrap) ---- */

static int64_t clock_ms = 1000;
int64_t __wrap_wb_now_ms(void);
void __wrap_wb_sleep_ms(int64_t ms);
int64_t __wrap_wb_now_ms(void) { return clock_ms; }
void __wrap_wb_sleep_ms(int64_t ms) { clock_ms += ms > 0 ? ms : 0; }

/* ---- what it hears ---- */

static int step_of(const crash_process *p, const wbl_migration *m)
{
    for (size_t i = 0; m && i < p->c->project->count; i++) {
        const crash_step *st = &p->c->project->steps[i];
        if (strcmp(m->ns, st->ns ? st->ns : "default") == 0 && strcmp(m->version, st->version) == 0)
            return (int)i;
    }
    return -1;
}

static void on_event(void *user, const wbl_event *e)
{
    crash_process *p = user;
    if (p->w->is_traced && e->kind != WBL_EVENT_STATEMENT && e->kind != WBL_EVENT_PROGRESS)
        printf("#     event %d %s %s\n", e->kind, e->migration ? e->migration->version : "",
               e->error ? e->error->message : "");
    if (e->kind == WBL_EVENT_STARTED && p->current < 0) /* of a group, the first that is not done */
        p->current = step_of(p, e->migration);
    if (e->kind == WBL_EVENT_FAILED) {
        p->current = step_of(p, e->migration);
        p->has_failed = true;
    }
    if (e->kind != WBL_EVENT_DONE)
        return;
    if (!p->fault && rule_step_recorded(p->c, p->w, step_of(p, e->migration), p->is_down))
        p->fault = "I6 told as done, and it is not durable";
    p->done_count++;
    p->current = -1;
}

/* ---- its life ---- */

static int add_step(wbl_handle *h, const crash_step *st, wbl_error *err)
{
    if (st->code_up) {
        wbl_code_migration m;
        wbl_code_migration_init(&m);
        m.ns = st->ns;
        m.version = st->version;
        m.name = "code";
        m.up = st->code_up;
        m.down = st->code_down;
        return wbl_migration_register(h, &m, err);
    }
    wbl_source s;
    wbl_source_init(&s);
    s.ns = st->ns;
    s.version = st->version;
    s.name = "sql";
    s.up = st->up;
    s.down = st->down;
    return wbl_migration_add(h, &s, err);
}

int crash_process_open(crash_process *p, const crash_case *c, model_world *w)
{
    static const char *const no_dirs[] = { NULL };
    *p = (crash_process){ .c = c, .w = w, .current = -1 };
    wbl_options o;
    wbl_options_init(&o);
    o.no_environment = 1;
    o.config = "";
    o.dirs = no_dirs;
    o.profile = c->profile->ledger;
    o.on_event = on_event;
    o.user = p;
    int rc = wbl_open(&o, &p->h, &p->err);
    for (size_t i = 0; rc == 0 && i < c->project->count; i++)
        rc = add_step(p->h, &c->project->steps[i], &p->err);
    if (rc != 0)
        return rc;
    p->h->driver = c->profile->driver;
    p->h->has_url = true;
    p->h->url.shown = "model:";
    return 0;
}

void crash_process_close(crash_process *p)
{
    wbl_close(p->h);
    p->h = NULL;
}

int crash_process_run(crash_process *p, bool is_down)
{
    wbl_request q;
    wbl_request_init(&q);
    q.all = p->is_down = is_down;
    q.confirmed = 1;
    p->current = -1;
    p->done_count = 0;
    p->has_failed = false;
    memset(&p->err, 0, sizeof p->err);
    p->rc = is_down ? wbl_down(p->h, &q, &p->err) : wbl_up(p->h, &q, &p->err);
    if (p->w->is_traced)
        printf("#   result %d, effect %d: %s\n", p->rc, p->err.effect, p->rc < 0 ? p->err.message : "");
    return p->rc;
}

/* ---- a person ---- */

static int tell_truth(crash_process *p, const crash_step *st, uint32_t statement)
{
    bool ignored, is_down = rule_last_was_down(p->w, st);
    const char *text = crash_statement(st, is_down, statement, &p->w->mem);
    int k = text ? model_effect_of(text, &ignored) : 0;
    bool did_run = k && model_is_there(&p->w->data, k) != is_down;
    if (p->w->is_traced)
        printf("#   repair %s: statement %u did%s run\n", st->version, statement, did_run ? "" : " not");
    return wbl_repair(p->h, st->ns, st->version,
                      did_run ? WBL_REPAIR_STATEMENT_DID_RUN : WBL_REPAIR_STATEMENT_DID_NOT_RUN, statement, &p->err);
}

int crash_process_repair(crash_process *p)
{
    int rc = wbl_status(p->h, NULL, &p->err);
    const wbl_report *r = wbl_report_get(p->h);
    for (uint32_t i = 0; rc == 0 && i < r->migration_count; i++) {
        if (r->migrations[i].state != WBL_STATE_UNKNOWN)
            continue;
        int step = step_of(p, &r->migrations[i]);
        return step < 0 ? WBL_E_INTERNAL
                        : tell_truth(p, &p->c->project->steps[step], r->migrations[i].statements_done + 1);
    }
    return rc != 0 ? rc : WBL_E_STATE; /* nothing is unknown: there was no reason to ask */
}
