/*
 * protocol.c - how each step is executed: in one transaction with its record, or statement by statement.
 *
 * Atomic wherever the database and the script allow it, since it is the only way in which "applied" can't lie. What
 * can't be atomic says why, in words for a person. Scripts that can't run at all are found here, before anything is
 * sent. Facts: docs/architecture.md; PostgreSQL 17 manual, "This command cannot be executed inside a transaction
 * block".
 */
#include "plan/parts.h"

typedef struct chooser {
    wb_ctx *cx;
    wb_arena *mem;
    const wb_protocol_rules *rules;
    wb_findings *found;
} chooser;

static int tell(chooser *c, const wb_step *s, int severity, const char *code, const wb_statement *at,
                const char *message, const char *hint)
{
    wbl_finding *f = wb_finding_add(c->cx, c->found, severity, code, WB_LABEL ": %s", WB_LABEL_OF(s->item), message);
    if (wb_tell_item(f, s->item, s->script ? s->script->shown : NULL) != 0)
        return WBL_E_NOMEM;
    f->line = at ? at->line : 0;
    f->column = at ? at->column : 0;
    f->hint = hint;
    return 0;
}

/* ---- scripts that can't run ---- */

static int tell_unbalanced(chooser *c, const wb_step *s)
{
    const wb_statement *odd = &s->script->info->facts.odd;
    bool is_begin = odd->txn == WB_TXN_BEGIN || odd->txn == WB_TXN_NONE;
    return tell(c, s, WBL_ERROR, "unbalanced-transaction", odd,
                is_begin ? "unbalanced BEGIN: it has no COMMIT" : "unbalanced COMMIT or ROLLBACK: it has no BEGIN",
                "Every script runs in a transaction already: take BEGIN and COMMIT out, or write both.");
}

static int tell_mix(chooser *c, const wb_step *s, const wb_statement *refusing)
{
    WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
    wb_buf_addf(&text, "%s, and it is not alone in its script",
                refusing->refuses ? refusing->refuses : "a statement can't run in a transaction");
    const char *message = wb_buf_cstr(&text);
    if (!message)
        return wb_nomem(c->cx);
    return tell(
        c, s, WBL_ERROR, "transaction-mix", refusing, message,
        "Move it to a migration of its own; or mark the script `-- whimbrel: no-transaction`, and it runs statement "
        "by statement.");
}

static int tell_batch_inside(chooser *c, const wb_step *s)
{
    return tell(c, s, WBL_ERROR, "batch-in-transaction", NULL,
                "a batch commits after each round, so BEGIN and COMMIT can't stand around it",
                "Take BEGIN and COMMIT out.");
}

/* ---- the choice ---- */

static void choose(wb_step *s, int protocol, const char *reason)
{
    s->protocol = protocol;
    s->reason = reason;
}

static int tell_uncovered(chooser *c, wb_step *s)
{
    choose(s, WBL_PROTOCOL_STEPWISE, "no transaction covers what it changes");
    WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
    wb_buf_addf(&text, "%s: it runs statement by statement, and a failure may leave a part of it behind", s->script->info->uncovered);
    const char *message = wb_buf_cstr(&text);
    if (!message)
        return wb_nomem(c->cx);
    return tell(c, s, WBL_WARNING, "no-transactions", NULL, message, "ALTER TABLE ... ENGINE=InnoDB makes it safe.");
}

/* MySQL: a transaction covers data only, and what the lexer can't look into may commit by itself. */
static bool is_data_only(const wb_script_facts *f) { return !f->has_ddl && !f->may_commit && f->refusing_count == 0; }

static int choose_for_script(chooser *c, wb_step *s)
{
    const wb_script_facts *f = &s->script->info->facts;
    bool is_marked = s->script->info->directives.no_transaction || s->item->migration->no_transaction;
    bool has_txn_ddl = (c->rules->caps & WB_CAP_TXN_DDL) != 0, has_txn_dml = (c->rules->caps & WB_CAP_TXN_DML) != 0;
    if (f->shape == WB_SHAPE_UNBALANCED)
        return tell_unbalanced(c, s);
    if (f->has_batch && f->shape == WB_SHAPE_OUTER)
        return tell_batch_inside(c, s);
    if (f->shape == WB_SHAPE_SELF_MANAGED && !is_marked) { /* who marks it knows */
        choose(s, WBL_PROTOCOL_STEPWISE, "it manages its own transactions");
        return tell(c, s, WBL_WARNING, "self-managed", &f->odd,
                    "self-managed transaction: it runs statement by statement, "
                    "and a failure may leave a part of it behind",
                    "One BEGIN at the start and one COMMIT at the end are fine; more of them are better split.");
    }
    if (f->has_batch)
        choose(s, WBL_PROTOCOL_STEPWISE, "it runs in batches");
    else if (f->refusing_count && has_txn_ddl && f->shape == WB_SHAPE_OUTER)
        return tell_mix(c, s, &f->refusing); /* the server would refuse it between the script's own BEGIN and COMMIT */
    else if (is_marked && f->shape == WB_SHAPE_OUTER && has_txn_ddl)
        choose(s, WBL_PROTOCOL_ATOMIC, "its own BEGIN and COMMIT stand around all of it");
    else if (is_marked)
        choose(s, WBL_PROTOCOL_STEPWISE, "marked no-transaction");
    else if (f->refusing_count && has_txn_ddl && f->body_count > 1)
        return tell_mix(c, s, &f->refusing);
    else if (f->refusing_count && has_txn_ddl)
        choose(s, WBL_PROTOCOL_STEPWISE, f->refusing.refuses);
    else if (!has_txn_ddl && has_txn_dml && s->script->info->uncovered)
        return tell_uncovered(c, s);
    else if (has_txn_ddl || (has_txn_dml && is_data_only(f)))
        choose(s, WBL_PROTOCOL_ATOMIC, NULL);
    else
        choose(s, WBL_PROTOCOL_STEPWISE,
               has_txn_dml ? "this database can't roll back schema changes" : "this database has no transactions");
    return 0;
}

static int choose_one(chooser *c, wb_step *s)
{
    const wb_item *it = s->item;
    bool is_code = it->migration && it->migration->is_code;
    bool has_txn = (c->rules->caps & WB_CAP_TXN_DDL) != 0;
    s->protocol = WBL_PROTOCOL_NONE;
    s->reason = NULL;
    if (!s->script && it->migration) /* a stored down script has found its place by now */
        s->script = s->direction == WBL_UP ? &it->migration->up : &it->migration->down;
    int rc = 0;
    if (is_code)
        choose(s, it->migration->no_transaction ? WBL_PROTOCOL_STEPWISE : WBL_PROTOCOL_ATOMIC,
               it->migration->no_transaction ? "marked no-transaction" : NULL);
    else if (s->script && s->script->info)
        rc = choose_for_script(c, s);
    else
        choose(s, has_txn ? WBL_PROTOCOL_ATOMIC : WBL_PROTOCOL_STEPWISE,
               has_txn ? NULL : "this database can't roll back schema changes");
    /* What was begun statement by statement goes on so, whatever the script looks like by now; also when the first one is
       in doubt. */
    bool is_begun = it->resume_done > 0 || it->resume_begun > 0;
    if (is_begun && !is_code && it->is_reverting == (s->direction == WBL_DOWN)) {
        const char *reason = wb_arena_fmt(c->mem, "it goes on with statement %u", it->resume_done + 1);
        if (!reason)
            return wb_nomem(c->cx);
        choose(s, WBL_PROTOCOL_STEPWISE, reason);
    }
    if (rc == 0 && s->protocol == WBL_PROTOCOL_STEPWISE && c->rules->is_pooled)
        rc = tell(c, s, WBL_ERROR, "pooled", NULL,
                  "it must run statement by statement, and the connection goes through a transaction pooler",
                  "Connect to the server itself, not to its pooler.");
    return rc;
}

int wb_plan_protocols(wb_ctx *cx, wb_arena *mem, const wb_protocol_rules *rules, wb_findings *found, wb_plan *plan)
{
    chooser c = { cx, mem, rules, found };
    size_t since = found->count;
    for (size_t i = 0; i < plan->count; i++) {
        int rc = choose_one(&c, &plan->steps[i]);
        if (rc != 0)
            return rc;
    }
    if (wb_tell_errors(found, since))
        return wb_tell_fail(cx, found, since, WBL_E_INVALID, "scripts can't run");
    return 0;
}
