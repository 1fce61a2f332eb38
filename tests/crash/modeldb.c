/*
 * modeldb.c - the driver of the model: the client's end of a session, and the places where it breaks.
 *
 * Three products share it. The deferred one (PostgreSQL) queues a unit and has it executed item by item in sync(); the
 * immediate one over a network (MySQL) sends each call; the embedded one (SQLite) holds several units in one transaction
 * that only sync() makes durable. Every exchange with the server, and every item of a queue, is a point at which a fault
 * can strike; strike() counts them. What a fault does to client and server is decided here, what the server does by
 * itself in server.c.
 */
#include "modeldb.h"

#include <stdio.h>
#include <stdlib.h>

const char *const model_kind_names[FAULT_KINDS] = { "none",   "before", "after", "die0",   "die1",   "hang",  "stuck",
                                                    "orphan", "refuse", "wait",  "cancel", "rival0", "rival1" };

enum { P_EFFECT = 1, P_REFUSE = 2, P_WAIT = 4, P_LOCAL = 8 }; /* what can happen at a point */
#define STUCK_SURVEYS 2

typedef struct session {
    wb_session base;
    model_world *w;
    model_backend *server; /* NULL: the line is lost */
    char run_id[40];
    bool is_dead; /* the process is: nothing works any more */
    bool is_unit_open, is_unit_sent, is_unit_failed, has_failed;
    wbl_error error; /* with has_failed: what sync() will say */
    uint32_t unit, committed;
    uint32_t waiting_count, lost_count; /* embedded: units that wait for the COMMIT; that went with the transaction */
    size_t queued;
    model_request queue[MODEL_QUEUE];
} session;

static model_world *here; /* open() has no other way to find it */
void model_use(model_world *w) { here = w; }

static session *of(wb_session *s) { return (session *)(void *)s; }
static const model_profile *profile_of(const session *s) { return s->w->profile; }

/* ---- points ---- */

static bool applies(const session *s, model_kind kind, int flags)
{
    bool is_embedded = profile_of(s)->is_embedded;
    switch (kind) {
    case FAULT_BEFORE:
    case FAULT_DIE0:
    case FAULT_CANCEL: return true;
    case FAULT_AFTER:
    case FAULT_DIE1: return flags & P_EFFECT;
    case FAULT_HANG:
    case FAULT_RIVAL1: return !is_embedded && flags & P_EFFECT;
    case FAULT_STUCK:
    case FAULT_ORPHAN: return !is_embedded && !(flags & P_LOCAL);
    case FAULT_RIVAL0: /* BEGIN IMMEDIATE keeps other processes out of a file */
        return !is_embedded || !s->server || !s->server->in_txn;
    case FAULT_REFUSE: return flags & P_REFUSE;
    case FAULT_WAIT: return flags & P_WAIT;
    case FAULT_NONE:
    case FAULT_KINDS: break;
    }
    return false;
}

static model_kind strike(session *s, const char *name, int flags)
{
    model_world *w = s->w;
    if (++w->calls > MODEL_CALLS_MAX)
        w->is_endless = s->is_dead = true;
    if (w->is_calm || s->is_dead)
        return FAULT_NONE;
    w->points++;
    if (w->is_traced)
        printf("#     %3ld %s\n", w->points, name);
    for (int i = 0; i < 2; i++) {
        if (w->faults[i].at != w->points || !applies(s, w->faults[i].kind, flags))
            continue;
        w->fired++;
        w->fault_names[i] = name;
        if (w->is_traced)
            printf("#         %s\n", model_kind_names[w->faults[i].kind]);
        if (w->faults[i].kind != FAULT_CANCEL)
            return w->faults[i].kind;
        w->cancel(w->user);
    }
    return FAULT_NONE;
}

/* ---- failures ---- */

static void fresh_failure(session *s) { s->base.failure = (wb_failure){ .offset = SIZE_MAX }; }

static int fail_lost(wb_ctx *cx, session *s, bool is_unknown)
{
    s->base.failure.is_connection_lost = true;
    int rc = is_unknown
                 ? wb_fail(cx, WBL_E_OUTCOME, WBL_EFFECT_UNKNOWN, "the connection was lost before the server answered")
                 : wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "the connection was lost");
    if (cx->err)
        cx->err->is_retryable = !is_unknown;
    return rc;
}

static int fail_at(wb_ctx *cx, session *s, const model_request *q, int code, const char *why)
{
    static const wb_stage stages[] = {
        [REQ_BEGIN] = WB_STAGE_BEGIN,   [REQ_PUT] = WB_STAGE_PUT,       [REQ_RUN] = WB_STAGE_RUN,
        [REQ_COMMIT] = WB_STAGE_COMMIT, [REQ_ROLLBACK] = WB_STAGE_NONE, [REQ_RESET] = WB_STAGE_NONE
    };
    wb_failure *f = &s->base.failure;
    f->stage = stages[q->kind];
    f->unit = q->is_in_unit ? q->unit : 0;
    f->put_tag = q->kind == REQ_PUT ? q->op.tag : 0;
    f->statement = q->statement;
    f->offset = q->kind == REQ_RUN ? q->offset : SIZE_MAX;
    int rc = wb_fail(cx, code, code == WBL_E_STATE ? WBL_EFFECT_UNKNOWN : WBL_EFFECT_NONE, "%s", why);
    if (cx->err) {
        cx->err->is_retryable = code == WBL_E_LOCK_WAIT;
        snprintf(cx->err->sqlstate, sizeof cx->err->sqlstate, "%s", strcmp(why, MODEL_TERMINATES) == 0 ? "2D000" : "");
        if (q->kind == REQ_RUN && !q->is_in_unit && model_is_word(q->text, "CALL"))
            cx->err->effect = WBL_EFFECT_UNKNOWN; /* who knows what it has committed */
    }
    return rc;
}

/* A server that does not finish building an index leaves it behind, broken. (One that can't be looked into leaves
   nothing: else nobody could help.) */
static void leave_remains(session *s, const model_request *q)
{
    bool is_down;
    int k = q->kind == REQ_RUN ? model_effect_of(q->text, &is_down) : 0;
    if (k && !is_down && strstr(q->text, "CONCURRENTLY") && profile_of(s)->caps & WB_CAP_PROBE)
        s->w->data.invalid[k] = true;
}

static int fail_refused(wb_ctx *cx, session *s, const model_request *q, int code)
{
    leave_remains(s, q);
    if (s->server->in_txn && profile_of(s)->is_deferred)
        s->server->is_failed = true;
    return fail_at(cx, s, q, code,
                   code == WBL_E_CANCELLED   ? "cancelled"
                   : code == WBL_E_LOCK_WAIT ? "lock timeout"
                                             : "refused");
}

/* The line is lost. pending: what the server was sent and has not executed. */
static int break_line(wb_ctx *cx, session *s, model_kind kind, const model_request *pending, size_t count,
                      bool is_unknown)
{
    model_backend *server = s->server;
    s->server = NULL;
    if (kind == FAULT_HANG || kind == FAULT_STUCK || kind == FAULT_ORPHAN)
        model_leave(s->w, server, pending, count, kind == FAULT_HANG ? 0 : STUCK_SURVEYS);
    else
        model_drop(s->w, server);
    if (kind == FAULT_DIE0 || kind == FAULT_DIE1 || kind == FAULT_ORPHAN)
        s->is_dead = s->w->has_died = true;
    if (kind == FAULT_RIVAL0 || kind == FAULT_RIVAL1)
        s->w->rival(s->w->user);
    return fail_lost(cx, s, is_unknown);
}

static int ready(wb_ctx *cx, session *s)
{
    if (s->has_failed) {
        if (cx->err)
            *cx->err = s->error;
        return s->error.code;
    }
    fresh_failure(s);
    return s->is_dead || !s->server ? fail_lost(cx, s, false) : 0;
}

/* ---- one exchange over the network ---- */

/* q[0] is asked now; what stands behind it was sent along. */
static int ask_many(wb_ctx *cx, session *s, const char *name, int flags, const model_request *q, size_t count,
                    bool may_be_unknown)
{
    const char *why = "";
    if (s->is_dead || !s->server)
        return fail_lost(cx, s, false);
    model_kind kind = strike(s, name, flags);
    if (kind == FAULT_REFUSE || kind == FAULT_WAIT)
        return fail_refused(cx, s, q, kind == FAULT_WAIT ? WBL_E_LOCK_WAIT : WBL_E_STATEMENT);
    if (kind == FAULT_AFTER || kind == FAULT_DIE1 || kind == FAULT_RIVAL1)
        (void)model_execute(s->w, s->server, q, &why); /* nobody hears the answer */
    if (kind != FAULT_NONE)
        return break_line(cx, s, kind, q, count, may_be_unknown);
    if (q->kind == REQ_RUN && wb_cancelled(cx))
        return fail_refused(cx, s, q, WBL_E_CANCELLED);
    int rc = model_execute(s->w, s->server, q, &why);
    return rc != 0 ? fail_at(cx, s, q, rc, why) : 0;
}

static int ask(wb_ctx *cx, session *s, const char *name, int flags, const model_request *q, bool may_be_unknown)
{
    return ask_many(cx, s, name, flags, q, 1, may_be_unknown);
}

static int ask_simple(wb_ctx *cx, session *s, const char *name, int flags, model_request_kind kind)
{
    const model_request q = { .kind = kind };
    return ask(cx, s, name, flags, &q, false);
}

/* ---- requests that outlive the call ---- */

static wb_field *keep_fields(model_world *w, const wb_field *from, size_t count)
{
    wb_field *to = wb_arena_get(&w->mem, (count + 1) * sizeof *to);
    if (!to)
        abort();
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
        if (from[i].value.kind == WB_VALUE_TEXT)
            to[i].value.text.p = model_text(w, from[i].value.text.p, from[i].value.text.len);
    }
    return to;
}

static model_request put_request(session *s, const wb_row_op *op)
{
    model_request q = { .kind = REQ_PUT, .is_in_unit = s->is_unit_open, .unit = s->unit, .op = *op };
    q.op.table.name = model_text(s->w, op->table.name, strlen(op->table.name));
    q.op.set = keep_fields(s->w, op->set, op->set_count);
    q.op.where = keep_fields(s->w, op->where, op->where_count);
    return q;
}

/* The statements of a piece; the scripts of these tests hold no semicolon that does not end one. */
static size_t split(session *s, const wb_piece *p, model_request *out, size_t max)
{
    size_t n = 0;
    const char *at = p->text, *end = p->text + p->len;
    while (at < end && n < max) {
        const char *stop = memchr(at, ';', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at), lead = strspn(at, " \r\n\t");
        if (lead < len)
            out[n] = (model_request){ .kind = REQ_RUN,
                                      .is_in_unit = s->is_unit_open,
                                      .unit = s->unit,
                                      .statement = p->statement_first + (uint32_t)n,
                                      .offset = p->offset + (size_t)(at - p->text) + lead,
                                      .text = model_text(s->w, at + lead, len - lead),
                                      .affected = p->affected };
        n += lead < len;
        at += len + 1;
    }
    return n;
}

/* ---- the queue of the deferred product ---- */

static const char *item_name(const model_request *q)
{
    static const char *const names[] = { [REQ_BEGIN] = "sync: begin",
                                         [REQ_PUT] = "sync: put",
                                         [REQ_RUN] = "sync: statement",
                                         [REQ_COMMIT] = "sync: commit",
                                         [REQ_RESET] = "sync: reset" };
    return q->kind == REQ_PUT && strcmp(q->op.table.name, "whimbrel_history") == 0 ? "sync: put history"
                                                                                   : names[q->kind];
}

static int item_flags(const model_request *q)
{
    return q->kind == REQ_RUN ? P_EFFECT | P_REFUSE | P_WAIT : q->kind == REQ_BEGIN ? P_EFFECT : P_EFFECT | P_REFUSE;
}

static bool may_be_durable(const session *s, size_t from)
{
    for (size_t i = from; i < s->queued; i++)
        if (s->queue[i].kind == REQ_COMMIT)
            return true;
    return false;
}

static int flush(wb_ctx *cx, session *s)
{
    int rc = 0;
    const model_request undo = { .kind = REQ_ROLLBACK };
    const char *why;
    size_t i = 0;
    for (; rc == 0 && i < s->queued; i++) {
        const model_request *q = &s->queue[i];
        rc = ask_many(cx, s, item_name(q), item_flags(q), q, s->queued - i, may_be_durable(s, i));
        s->committed += rc == 0 && q->kind == REQ_COMMIT;
    }
    s->queued = 0;
    if (rc == 0) {
        s->is_unit_sent = s->is_unit_open;
        return 0;
    }
    if (s->server && s->server->in_txn)
        (void)model_execute(s->w, s->server, &undo, &why);
    s->is_unit_open = s->is_unit_sent = false;
    s->has_failed = true;
    s->error = cx->err ? *cx->err : (wbl_error){ .code = rc };
    return rc;
}

static int queue_up(wb_ctx *cx, session *s, const char *name, const model_request *q)
{
    model_kind kind = strike(s, name, P_LOCAL); /* the client library may notice only now that the line is gone */
    if (kind != FAULT_NONE)
        return break_line(cx, s, kind, NULL, 0, false);
    if (s->queued == MODEL_QUEUE)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "the model's queue is full");
    s->queue[s->queued++] = *q;
    return 0;
}

/* Whoever wants an answer sends what is queued first. */
static int answered(wb_ctx *cx, session *s)
{
    int rc = ready(cx, s);
    return rc == 0 && s->queued ? flush(cx, s) : rc;
}

/* ---- the one transaction of the embedded product ---- */

static void lose_group(session *s)
{
    const model_request undo = { .kind = REQ_ROLLBACK };
    const char *why;
    (void)model_execute(s->w, s->server, &undo, &why);
    s->lost_count += s->waiting_count;
    s->waiting_count = 0;
}

/* A fault without a network: the disk is full, or the process dies. */
static int strike_embedded(wb_ctx *cx, session *s, const char *name, int flags, const model_request *q)
{
    const char *why = "";
    model_kind kind = strike(s, name, flags);
    switch (kind) {
    case FAULT_BEFORE: /* SQLite takes the whole transaction back by itself */
        if (s->server->in_txn)
            lose_group(s);
        s->is_unit_failed = s->is_unit_open;
        return fail_at(cx, s, q, WBL_E_IO, "disk full");
    case FAULT_REFUSE:
    case FAULT_WAIT:
        s->is_unit_failed = s->is_unit_open;
        return fail_at(cx, s, q, kind == FAULT_WAIT ? WBL_E_LOCK_WAIT : WBL_E_STATEMENT, "refused");
    case FAULT_AFTER:
    case FAULT_DIE1: (void)model_execute(s->w, s->server, q, &why); return break_line(cx, s, kind, NULL, 0, true);
    case FAULT_DIE0: return break_line(cx, s, kind, NULL, 0, true);
    case FAULT_RIVAL0: s->w->rival(s->w->user); return 0;
    case FAULT_NONE:
    case FAULT_HANG:
    case FAULT_STUCK:
    case FAULT_ORPHAN:
    case FAULT_CANCEL:
    case FAULT_RIVAL1:
    case FAULT_KINDS: break;
    }
    return 0;
}

static int ask_embedded(wb_ctx *cx, session *s, const char *name, int flags, const model_request *q)
{
    const char *why = "";
    int rc = strike_embedded(cx, s, name, flags, q);
    if (rc == 0 && q->kind == REQ_RUN && wb_cancelled(cx))
        rc = fail_at(cx, s, q, WBL_E_CANCELLED, "cancelled");
    if (rc == 0 && (rc = model_execute(s->w, s->server, q, &why)) != 0)
        fail_at(cx, s, q, rc, why);
    s->is_unit_failed = rc != 0 && s->is_unit_open;
    return rc;
}

static int flush_embedded(wb_ctx *cx, session *s)
{
    if (!s->server->in_txn || s->is_unit_open || s->waiting_count == 0)
        return 0;
    const model_request q = { .kind = REQ_COMMIT };
    int rc = ask_embedded(cx, s, "sync: commit", P_EFFECT | P_REFUSE, &q);
    if (rc == 0)
        s->committed += s->waiting_count;
    else if (s->server)
        lose_group(s);
    s->lost_count = s->waiting_count = 0; /* a failure says it already */
    return rc;
}

/* ---- connection ---- */

static void forget(session *s)
{
    s->is_unit_open = s->is_unit_sent = s->is_unit_failed = s->has_failed = false;
    s->unit = s->committed = s->waiting_count = s->lost_count = 0;
    s->queued = 0;
}

static int connect_to(wb_ctx *cx, session *s, const char *name)
{
    fresh_failure(s);
    model_drop(s->w, s->server);
    s->server = NULL;
    forget(s);
    model_kind kind = s->is_dead ? FAULT_BEFORE : strike(s, name, 0);
    if (kind != FAULT_NONE && !s->is_dead) {
        s->server = model_connect(s->w, s->run_id);
        return break_line(cx, s, kind, NULL, 0, false);
    }
    if (kind != FAULT_NONE || s->is_dead)
        return fail_lost(cx, s, false);
    s->server = model_connect(s->w, s->run_id);
    return s->server ? 0 : wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "too many sessions");
}

static void close_session(wb_session *base)
{
    session *s = base ? of(base) : NULL;
    if (s && s->server)
        model_drop(s->w, s->server);
    wb_free(s);
}

static int reopen(wb_ctx *cx, wb_session *base) { return connect_to(cx, of(base), "reopen"); }

static int open_session(wb_ctx *cx, const wb_open_options *o, wb_session **out)
{
    session *s = wb_alloc(sizeof *s);
    if (!s)
        return wb_nomem(cx);
    s->w = here;
    s->base.driver = here->profile->driver;
    s->base.caps = here->profile->caps;
    const char *product = here->profile->is_embedded ? "SQLite" : here->profile->is_deferred ? "PostgreSQL" : "MySQL";
    snprintf(s->base.server.product, sizeof s->base.server.product, "%s", product);
    snprintf(s->base.server.database, sizeof s->base.server.database, "model");
    s->base.server.version = 170000;
    wb_copy_text(s->run_id, sizeof s->run_id, o->run_id, strlen(o->run_id));
    int rc = connect_to(cx, s, "open");
    if (rc != 0) {
        close_session(&s->base);
        return rc;
    }
    *out = &s->base;
    return 0;
}

static void *native(wb_session *base) { return base; }
static void cancel(wb_session *base) { (void)base; }

/* ---- exclusion ---- */

static int describe(wb_ctx *cx, session *s, wb_arena *mem, wb_survey *survey)
{
    wb_table *shapes = wb_arena_get(mem, (survey->table_count + 1) * sizeof *shapes);
    if (!shapes)
        return wb_nomem(cx);
    for (size_t i = 0; i < survey->table_count; i++) {
        const model_table *t = model_find(model_view(s->w, s->server), survey->tables[i].name);
        shapes[i] = (wb_table){ .ref = survey->tables[i], .exists = t != NULL };
        if (!t)
            continue;
        wb_column *columns = wb_arena_get(mem, (t->column_count + 1) * sizeof *columns);
        if (!columns)
            return wb_nomem(cx);
        memcpy(columns, t->columns, t->column_count * sizeof *columns);
        shapes[i].columns = columns;
        shapes[i].column_count = t->column_count;
    }
    survey->shapes = shapes;
    return 0;
}

static wb_lock_key *keep_keys(model_world *w, const wb_lock_key *keys, size_t count)
{
    wb_lock_key *kept = wb_arena_get(&w->mem, (count + 1) * sizeof *kept);
    if (!kept)
        abort();
    for (size_t i = 0; i < count; i++)
        kept[i] = (wb_lock_key){ .text = model_text(w, keys[i].text, strlen(keys[i].text)) };
    return kept;
}

static bool owns(const model_world *w, const model_backend *b, const wb_lock_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < MODEL_LOCKS; k++)
            if (strcmp(w->locks[k].text, keys[i].text) == 0 && w->locks[k].owner != (int)(b - w->backends) + 1)
                return false;
    return true;
}

static int survey(wb_ctx *cx, wb_session *base, wb_arena *mem, wb_survey *v)
{
    session *s = of(base);
    int rc = answered(cx, s);
    if (rc != 0)
        return rc;
    model_survey_tick(s->w, s->server);
    bool has_locks = (profile_of(s)->caps & WB_CAP_LOCK_SESSION) != 0;
    const model_request q = { .kind = has_locks && v->lock_count ? REQ_LOCK : REQ_READ,
                              .locks = keep_keys(s->w, v->locks, v->lock_count),
                              .lock_count = v->lock_count };
    rc = profile_of(s)->is_embedded ? ask_embedded(cx, s, "survey", 0, &q)
                                    : ask(cx, s, "survey", q.kind == REQ_LOCK ? P_EFFECT : 0, &q, false);
    if (rc == 0)
        rc = describe(cx, s, mem, v);
    if (rc == 0)
        v->is_locked = !has_locks || owns(s->w, s->server, v->locks, v->lock_count);
    return rc;
}

static int unlock(wb_ctx *cx, wb_session *base, const wb_lock_key *keys, size_t count)
{
    session *s = of(base);
    if (!(profile_of(s)->caps & WB_CAP_LOCK_SESSION))
        return 0;
    int rc = answered(cx, s);
    const model_request q = { .kind = REQ_UNLOCK, .locks = keep_keys(s->w, keys, count), .lock_count = count };
    return rc == 0 ? ask(cx, s, "unlock", P_EFFECT, &q, false) : rc;
}

static int holder(wb_ctx *cx, wb_session *base, const wb_lock_key *keys, size_t count, wb_holder *out)
{
    session *s = of(base);
    int rc = answered(cx, s);
    if (rc == 0)
        rc = ask_simple(cx, s, "holder", 0, REQ_READ);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < MODEL_LOCKS; k++) {
            const model_lock *l = &s->w->locks[k];
            const model_backend *b = l->owner ? &s->w->backends[l->owner - 1] : NULL;
            if (!b || b == s->server || strcmp(l->text, keys[i].text) != 0)
                continue;
            *out = (wb_holder){ .pid = l->owner, .is_own_ghost = strcmp(b->run_id, s->run_id) == 0 };
            snprintf(out->application, sizeof out->application, "whimbrel %s", b->run_id);
            return 0;
        }
    return WBL_NO_CHANGE;
}

static int end_ghost(wb_ctx *cx, wb_session *base, const wb_holder *who)
{
    session *s = of(base);
    int rc = ask_simple(cx, s, "end_ghost", 0, REQ_READ);
    model_backend *b = &s->w->backends[who->pid - 1];
    if (rc != 0 || !b->is_used || !b->is_ghost || strcmp(b->run_id, s->run_id) != 0)
        return rc;
    if (b->pending_count)
        leave_remains(s, &b->pending[0]);
    model_drop(s->w, b);
    return 0;
}

/* ---- recorded state ---- */

static int create(wb_ctx *cx, wb_session *base, const wb_table *tables, size_t count)
{
    session *s = of(base);
    int rc = answered(cx, s);
    if (rc == 0 && profile_of(s)->is_embedded)
        rc = flush_embedded(cx, s);
    if (rc != 0)
        return rc;
    wb_table *kept = wb_arena_get(&s->w->mem, count * sizeof *kept);
    if (!kept)
        abort();
    for (size_t i = 0; i < count; i++) {
        kept[i] = tables[i];
        kept[i].ref.name = model_text(s->w, tables[i].ref.name, strlen(tables[i].ref.name));
        wb_column *columns = wb_arena_get(&s->w->mem, tables[i].column_count * sizeof *columns);
        if (!columns)
            abort();
        memcpy(columns, tables[i].columns, tables[i].column_count * sizeof *columns);
        kept[i].columns = columns; /* their names are static in every ledger */
    }
    const model_request q = { .kind = REQ_CREATE, .tables = kept, .table_count = count };
    return profile_of(s)->is_embedded ? ask_embedded(cx, s, "create", P_EFFECT | P_REFUSE, &q)
                                      : ask(cx, s, "create", P_EFFECT | P_REFUSE, &q, false);
}

static int cmp_rows(const model_row *a, const model_row *b, int column, wb_type type)
{
    const char *x = a->cells[column], *y = b->cells[column];
    bool is_number = type == WB_TYPE_SERIAL || type == WB_TYPE_BIGINT || type == WB_TYPE_INT;
    return is_number && x && y ? (int)(strtoll(x, NULL, 10) - strtoll(y, NULL, 10)) : wb_strcmp_null(x, y);
}

static int select_rows(session *s, const wb_select *sel)
{
    const model_table *t = model_find(model_view(s->w, s->server), sel->table.name);
    const model_row *order[MODEL_ROWS];
    size_t n = 0;
    if (!t)
        return WBL_E_STATEMENT;
    for (size_t i = 0; i < t->row_count; i++) {
        if (!model_matches(t, &t->rows[i], sel->where, sel->where_count))
            continue;
        size_t at = n++;
        int by = sel->order_by ? model_column(t, sel->order_by) : -1;
        while (by >= 0 && at > 0 &&
               (cmp_rows(order[at - 1], &t->rows[i], by, t->columns[by].type) > 0) != sel->newest_first) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = &t->rows[i];
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n && (sel->limit == 0 || i < sel->limit); i++) {
        wb_str cells[MODEL_COLUMNS];
        for (size_t c = 0; c < sel->column_count; c++) {
            bool is_presence = wb_starts(sel->columns[c], WB_PRESENT);
            int at = model_column(t, sel->columns[c] + (is_presence ? strlen(WB_PRESENT) : 0));
            const char *cell = at < 0 ? NULL : order[i]->cells[at];
            cell = !is_presence ? cell : cell ? "1" : "0";
            cells[c] = (wb_str){ cell, cell ? strlen(cell) : 0 };
        }
        rc = sel->fn(sel->user, cells, sel->column_count);
    }
    return rc;
}

static int read_something(wb_ctx *cx, session *s, const char *name)
{
    const model_request q = { .kind = REQ_READ };
    int rc = answered(cx, s);
    if (rc != 0)
        return rc;
    return profile_of(s)->is_embedded ? ask_embedded(cx, s, name, 0, &q) : ask(cx, s, name, 0, &q, false);
}

static int rows(wb_ctx *cx, wb_session *base, const wb_select *selects, size_t count)
{
    session *s = of(base);
    int rc = read_something(cx, s, "rows");
    for (size_t i = 0; rc == 0 && i < count; i++)
        if ((rc = select_rows(s, &selects[i])) == WBL_E_STATEMENT)
            wb_fail(cx, rc, WBL_EFFECT_NONE, "no table %s", selects[i].table.name);
    return rc;
}

static int put(wb_ctx *cx, wb_session *base, const wb_row_op *op)
{
    session *s = of(base);
    int rc = s->is_unit_open && profile_of(s)->is_deferred ? ready(cx, s) : answered(cx, s);
    if (rc == 0 && profile_of(s)->is_embedded)
        rc = flush_embedded(cx, s);
    if (rc != 0)
        return rc;
    const model_request q = put_request(s, op);
    bool is_quiet = s->is_unit_open || s->server->in_txn; /* it is not durable yet */
    if (profile_of(s)->is_embedded)
        return ask_embedded(cx, s, "put", is_quiet ? P_REFUSE : P_EFFECT | P_REFUSE, &q);
    if (profile_of(s)->is_deferred && s->is_unit_open)
        return queue_up(cx, s, "put", &q);
    return ask(cx, s, "put", P_EFFECT | P_REFUSE, &q, !is_quiet);
}

/* ---- execution ---- */

static int begin(wb_ctx *cx, wb_session *base, const wb_txn *txn)
{
    session *s = of(base);
    int rc = ready(cx, s);
    if (rc != 0)
        return rc;
    if (s->is_unit_open || s->lost_count) {
        s->w->broken = "begin() came in a unit, or before sync() could tell of a loss";
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "begin out of order");
    }
    const char *fuse = txn->fuse ? txn->fuse : "";
    const model_request q = {
        .kind = REQ_BEGIN, .is_in_unit = true, .unit = s->unit, .fuse = model_text(s->w, fuse, strlen(fuse))
    };
    if (profile_of(s)->is_embedded) {
        rc = strike_embedded(cx, s, "begin", 0, &q);
        if (rc != 0)
            return rc;
        const char *why;
        bool is_first = !s->server->in_txn;
        if (is_first && (rc = model_execute(s->w, s->server, &q, &why)) != 0)
            return fail_at(cx, s, &q, rc, why);
        s->server->is_fuse_whole = s->server->wants_fence = *fuse != 0;
        s->server->has_fence = false;
        if (!s->server->saved && !(s->server->saved = wb_alloc(sizeof *s->server->saved)))
            return wb_nomem(cx);
        model_copy(s->server->saved, &s->server->txn);
    } else {
        rc = profile_of(s)->is_deferred ? queue_up(cx, s, "begin", &q) : ask(cx, s, "begin", P_EFFECT, &q, false);
    }
    if (rc == 0) {
        s->is_unit_open = true;
        s->is_unit_sent = s->is_unit_failed = false;
    }
    return rc;
}

static int run(wb_ctx *cx, wb_session *base, const wb_piece *p)
{
    session *s = of(base);
    model_request statements[32];
    bool is_queued = s->is_unit_open && profile_of(s)->is_deferred;
    int rc = is_queued ? ready(cx, s) : answered(cx, s);
    if (rc == 0 && profile_of(s)->is_embedded)
        rc = flush_embedded(cx, s);
    size_t n = rc == 0 ? split(s, p, statements, WB_COUNT(statements)) : 0;
    bool is_quiet = rc == 0 && (s->is_unit_open || s->server->in_txn);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (is_queued) {
            rc = queue_up(cx, s, "run", &statements[i]);
            continue;
        }
        bool is_durable = !is_quiet || model_is_word(statements[i].text, "COMMIT");
        int flags = (is_durable || !profile_of(s)->is_embedded ? P_EFFECT : 0) | P_REFUSE | P_WAIT;
        if (profile_of(s)->is_embedded)
            rc = ask_embedded(cx, s, "statement", flags, &statements[i]);
        else
            rc = ask(cx, s, "statement", flags, &statements[i], is_durable);
    }
    return rc == 0 && is_queued && p->affected ? flush(cx, s) : rc;
}

static int commit(wb_ctx *cx, wb_session *base)
{
    session *s = of(base);
    int rc = ready(cx, s);
    if (rc != 0)
        return rc;
    if (!s->is_unit_open || s->is_unit_failed) {
        s->w->broken = "commit() came without a good unit";
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "commit out of order");
    }
    const model_request q = { .kind = REQ_COMMIT, .is_in_unit = true, .unit = s->unit };
    if (profile_of(s)->is_embedded) {
        rc = strike_embedded(cx, s, "commit", P_REFUSE, &q);
        if (rc == 0 && !s->server->is_fuse_whole && s->server->wants_fence)
            rc = fail_at(cx, s, &q, WBL_E_STATE, "the script ended the transaction that holds it");
        s->waiting_count += rc == 0;
    } else if (profile_of(s)->is_deferred) {
        rc = queue_up(cx, s, "commit", &q);
    } else {
        rc = ask(cx, s, "commit", P_EFFECT | P_REFUSE, &q, true);
        s->committed += rc == 0;
    }
    if (rc != 0)
        return rc;
    bool is_urgent = s->is_unit_sent && profile_of(s)->is_deferred;
    s->is_unit_open = s->is_unit_sent = false;
    s->unit++;
    return is_urgent ? flush(cx, s) : 0;
}

static int rollback_embedded(session *s)
{
    model_backend *b = s->server;
    bool was_open = s->is_unit_open;
    s->is_unit_open = s->is_unit_failed = false;
    if (!b->in_txn)
        return 0;
    if (was_open && s->waiting_count)
        model_copy(&b->txn, b->saved);
    else if (was_open || s->waiting_count == 0)
        lose_group(s);
    return 0;
}

static int rollback(wb_ctx *cx, wb_session *base)
{
    session *s = of(base);
    if (!s->has_failed)
        fresh_failure(s);
    if (s->is_dead || !s->server)
        return fail_lost(cx, s, false);
    if (profile_of(s)->is_embedded) {
        const model_request q = { .kind = REQ_ROLLBACK };
        int rc = strike(s, "rollback", 0) == FAULT_DIE0 ? break_line(cx, s, FAULT_DIE0, &q, 0, false) : 0;
        return rc != 0 ? rc : rollback_embedded(s);
    }
    while (s->is_unit_open && s->queued && s->queue[s->queued - 1].is_in_unit &&
           s->queue[s->queued - 1].unit == s->unit)
        s->queued--;
    s->is_unit_open = s->is_unit_sent = false;
    return s->server->in_txn ? ask_simple(cx, s, "rollback", P_EFFECT, REQ_ROLLBACK) : 0;
}

static int sync(wb_ctx *cx, wb_session *base, wb_sync *out)
{
    session *s = of(base);
    *out = (wb_sync){ 0 };
    int rc = ready(cx, s);
    if (profile_of(s)->is_embedded) {
        if (rc == 0 && s->is_unit_open) {
            out->is_in_transaction = true;
            return s->is_unit_failed ? wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "sync in a failed unit") : 0;
        }
        if (rc == 0)
            rc = flush_embedded(cx, s);
        if (rc == 0 && s->lost_count)
            rc = wb_fail(cx, WBL_E_IO, WBL_EFFECT_NONE, "the whole transaction was rolled back");
        s->lost_count = 0;
    } else if (rc == 0 && s->queued) {
        rc = flush(cx, s);
    }
    s->has_failed = false;
    *out = (wb_sync){ .committed = s->committed, .is_in_transaction = s->server && s->server->in_txn };
    if (!s->is_unit_open)
        s->unit = s->committed = 0;
    return rc;
}

static int reset(wb_ctx *cx, wb_session *base)
{
    session *s = of(base);
    int rc = ready(cx, s);
    const model_request q = { .kind = REQ_RESET };
    if (rc != 0 || profile_of(s)->is_embedded)
        return rc != 0 ? rc : strike_embedded(cx, s, "reset", P_REFUSE, &q);
    return profile_of(s)->is_deferred ? queue_up(cx, s, "reset", &q) : ask(cx, s, "reset", P_REFUSE, &q, false);
}

/* ---- looking ---- */

/* What is there, and how often it was changed. */
static int look(wb_ctx *cx, wb_session *base, const wb_statement *st, wb_arena *mem, const char **out)
{
    session *s = of(base);
    (void)st;
    int rc = read_something(cx, s, "look");
    if (rc != 0)
        return rc;
    const char *text = wb_arena_dup(mem, "seen");
    if (!text)
        return wb_nomem(cx);
    *out = text;
    return 0;
}

static bool is_being_built(const model_world *w, int effect)
{
    bool is_down;
    for (int i = 0; i < MODEL_BACKENDS; i++) {
        const model_backend *b = &w->backends[i];
        if (b->is_used && b->is_ghost && b->pending_count && b->pending[0].kind == REQ_RUN &&
            model_effect_of(b->pending[0].text, &is_down) == effect)
            return true;
    }
    return false;
}

static int probe(wb_ctx *cx, wb_session *base, const wb_statement *st, const char *looked, wb_probe *out)
{
    session *s = of(base);
    int rc = read_something(cx, s, "probe");
    if (rc != 0)
        return rc;
    char text[40];
    wb_copy_text(text, sizeof text, st->name.p, st->name.len);
    int k = text[0] == 's' ? (int)strtol(text + 1, NULL, 10) : 0;
    const model_data *d = &s->w->data;
    *out = WB_PROBE_CANNOT_TELL;
    if (st->is_repeatable)
        *out = WB_PROBE_ABSENT;
    else if (st->cls != WB_STMT_DDL || k <= 0 || k >= MODEL_EFFECTS || !looked || !*looked)
        return 0;
    else if (is_being_built(s->w, k))
        *out = WB_PROBE_BUILDING;
    else if (st->action == WB_ACT_CREATE)
        *out = model_is_there(d, k) ? WB_PROBE_PRESENT : d->invalid[k] ? WB_PROBE_INVALID : WB_PROBE_ABSENT;
    else if (st->action == WB_ACT_DROP)
        *out = model_is_there(d, k) ? WB_PROBE_ABSENT : WB_PROBE_PRESENT;
    return 0;
}

static int clean(wb_ctx *cx, wb_session *base, const wb_statement *st)
{
    session *s = of(base);
    char text[40] = "INDEX ";
    wb_copy_text(text + 6, sizeof text - 6, st->name.p, st->name.len);
    int rc = answered(cx, s);
    const model_request q = { .kind = REQ_CLEAN, .text = model_text(s->w, text, strlen(text)) };
    return rc == 0 ? ask(cx, s, "clean", P_EFFECT, &q, false) : rc;
}

static int catalog(wb_ctx *cx, wb_session *base, const wb_catalog_options *o, wb_arena *mem, wb_object **out,
                   size_t *count)
{
    session *s = of(base);
    (void)o;
    int rc = read_something(cx, s, "catalog");
    wb_object *list = rc == 0 ? wb_arena_get(mem, MODEL_EFFECTS * sizeof *list) : NULL;
    if (rc != 0 || !list)
        return rc != 0 ? rc : wb_nomem(cx);
    size_t n = 0;
    for (int k = 1; k < MODEL_EFFECTS; k++) {
        if (!model_is_there(&s->w->data, k))
            continue;
        list[n] =
            (wb_object){ .kind = "table", .name = wb_arena_fmt(mem, "s%02d", k), .definition = "", .is_valid = true };
        if (!list[n++].name)
            return wb_nomem(cx);
    }
    *out = list;
    *count = n;
    return 0;
}

static int drop_all(wb_ctx *cx, wb_session *base)
{
    (void)base;
    return wb_fail(cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE, "not in the model");
}

static const char *const no_schemes[] = { NULL };

#define MODEL_DRIVER(product)                                                                                          \
    {                                                                                                                  \
        .abi = WB_DRIVER_ABI, .size = sizeof(wb_driver), .name = product, .schemes = no_schemes,                       \
        .suffixes = no_schemes, .open = open_session, .close = close_session, .reopen = reopen, .cancel = cancel,      \
        .native = native, .survey = survey, .unlock = unlock, .holder = holder, .end_ghost = end_ghost,                \
        .create = create, .rows = rows, .put = put, .begin = begin, .run = run, .commit = commit,                      \
        .rollback = rollback, .sync = sync, .reset = reset, .look = look, .probe = probe, .clean = clean,              \
        .catalog = catalog, .drop_all = drop_all                                                                       \
    }

/* The name chooses the dialect. */
const wb_driver model_postgres = MODEL_DRIVER("postgres");
const wb_driver model_sqlite = MODEL_DRIVER("sqlite");
const wb_driver model_mysql = MODEL_DRIVER("mysql");
