/*
 * execute.c - units: begin, script, rows, commit, roll back, sync.
 *
 * A unit covers data and our rows. The engine does not put schema changes into one, since they would end it.
 *
 * The fuse. A script that ends our transaction all the same would leave our rows alone in one of their own, and
 * "applied" could lie. So a savepoint with a name that nobody can guess is set first. Every end of a transaction, by
 * COMMIT, ROLLBACK, a deadlock or a schema change, takes its savepoints along; releasing ours succeeds exactly when it
 * is still the same transaction.
 * Owns nothing beyond the session. Facts: MySQL 8.4 manual, 15.3.4 (savepoints), 15.3.3 (implicit commits).
 */
#include "driver/mysql/my.h"

#include <stdio.h>
#include <string.h>

int my_fail_ended(wb_ctx *cx, my_session *s)
{
    (void)s;
    wb_fail(cx, WBL_E_STATE, WBL_EFFECT_UNKNOWN, "the script ended the transaction that holds it");
    wb_hint(cx, "Take COMMIT and ROLLBACK out of the script, or put \"-- whimbrel: no-transaction\" at its top.");
    return WBL_E_STATE;
}

/* ---- begin ---- */

/* The queue was full and could not be sent, or there is no memory. */
static int no_item(const wb_ctx *cx) { return cx->err && cx->err->code ? cx->err->code : WBL_E_NOMEM; }

static int queue_text(wb_ctx *cx, my_session *s, my_kind kind, const char *text)
{
    if (!my_queue_add(cx, s, kind))
        return no_item(cx);
    wb_buf_str(&s->message, text);
    return 0;
}

static int queue_limits(wb_ctx *cx, my_session *s, int64_t lock_ms, int64_t statement_ms)
{
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    my_limits_text(s, &sql, lock_ms, statement_ms);
    const char *text = wb_buf_cstr(&sql);
    int rc = !text ? wb_nomem(cx) : *text ? queue_text(cx, s, MY_OTHER, text) : 0;
    if (rc == 0)
        my_limits_noted(s, lock_ms, statement_ms);
    return rc;
}

static void savepoint_text(my_session *s, const char *verb)
{
    wb_buf_addf(&s->message, "%s ", verb);
    wb_sqltext_ident(&s->message, my_sqltext(s), s->fuse);
}

int my_begin(wb_ctx *cx, wb_session *base, const wb_txn *t)
{
    my_session *s = my_of(base);
    int rc = my_ready(cx, s);
    if (rc != 0)
        return rc;
    s->base.failure.stage = WB_STAGE_BEGIN;
    s->base.failure.unit = s->unit;
    if (s->is_unit_open)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "a unit is open already");
    if (s->item_count == 0 && my_in_transaction(s))
        return wb_fail(cx, WBL_E_STATE, WBL_EFFECT_NONE, "a transaction is open already");
    s->fuse[0] = 0;
    if (t->fuse && *t->fuse)
        snprintf(s->fuse, sizeof s->fuse, "wb_%.59s", t->fuse);
    if (t->may_leak && (rc = my_snapshot(cx, s)) != 0)
        return rc;
    rc = queue_limits(cx, s, t->lock_timeout_ms, t->statement_timeout_ms);
    if (rc == 0)
        rc = queue_text(cx, s, MY_BEGIN, "START TRANSACTION ");
    if (rc == 0)
        wb_buf_add(&s->message, t->modes.p, t->modes.len);
    if (rc == 0 && s->fuse[0] && (rc = queue_text(cx, s, MY_BEGIN, "")) == 0)
        savepoint_text(s, "SAVEPOINT");
    if (rc != 0)
        return rc;
    s->base.failure.stage = WB_STAGE_NONE;
    s->is_unit_open = true;
    s->is_unit_sent = s->is_unit_failed = false;
    s->unit_began_ms = wb_now_ms();
    return 0;
}

/* ---- script ---- */

/* KILL QUERY of ours ends what the server's own limit does not reach: MySQL's is for SELECT only. */
static void set_limits_of_piece(my_session *s, const wb_piece *p)
{
    bool has_lock = s->set_lock_s != 0 && s->set_lock_s != UINT32_MAX;
    s->statement_limit_ms = s->set_statement_ms > 0 ? s->set_statement_ms + (my_is_mariadb(s) ? 1000 : 0) : 0;
    s->lock_limit_s = has_lock ? s->set_lock_s : s->lock_wait_s < 3600 ? s->lock_wait_s : 0;
    s->statement = p->statement;
}

static int send_piece(wb_ctx *cx, my_session *s, const wb_piece *p)
{
    set_limits_of_piece(s, p);
    int rc = my_flush_with(cx, s, p);
    s->statement_limit_ms = 0;
    s->lock_limit_s = 0;
    s->statement = NULL;
    return rc;
}

static int run_in_unit(wb_ctx *cx, my_session *s, const wb_piece *p)
{
    int rc = my_queue_has_check(s) ? my_flush(cx, s) : 0;
    return rc == 0 ? send_piece(cx, s, p) : rc;
}

/* SET and BEGIN get no limits around them: a SET of the script would be undone. */
static bool wants_limits(const wb_piece *p)
{
    return !p->statement || (p->statement->cls != WB_STMT_SESSION && p->statement->cls != WB_STMT_TXN);
}

static bool may_leak(const wb_piece *p)
{
    return !p->statement || p->statement->may_leak || p->statement->cls == WB_STMT_SESSION ||
           p->statement->cls == WB_STMT_ROUTINE;
}

/* A schema change is atomic by itself, but on MariaDB a DROP of several objects is so for each of them only, and a list of
   accounts is one account after the other. A routine is not. */
static bool leaves_nothing(const my_session *s, const wb_piece *p)
{
    const wb_statement *st = p->statement;
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_ctx quiet = { 0 }; /* the error is there already */
    my_deed d;
    if (!st || st->cls == WB_STMT_ROUTINE)
        return false;
    if (st->cls != WB_STMT_DDL || !my_is_mariadb(s))
        return true;
    if (my_deed_read(&quiet, s, &mem, st, &d) != 0)
        return false;
    return d.count < 2 || (d.action != WB_ACT_DROP && strcmp(d.subjects[0].show, "SHOW GRANTS FOR ") != 0);
}

static int run_alone(wb_ctx *cx, my_session *s, const wb_piece *p)
{
    int rc = my_flush(cx, s);
    if (rc == 0 && may_leak(p))
        rc = my_snapshot(cx, s);
    if (rc == 0 && wants_limits(p))
        rc = queue_limits(cx, s, p->lock_timeout_ms, p->statement_timeout_ms);
    if (rc == 0)
        rc = my_flush(cx, s);
    if (rc != 0)
        return rc;
    wb_piece one = *p;
    one.statement_count = 1;
    rc = send_piece(cx, s, &one);
    if (rc < 0 && cx->err && !s->base.failure.is_connection_lost && s->base.failure.stage == WB_STAGE_RUN)
        cx->err->effect = leaves_nothing(s, p) ? WBL_EFFECT_NONE
                          : cx->err->native    ? WBL_EFFECT_UNKNOWN
                                               : WBL_EFFECT_NONE;
    return rc;
}

int my_run(wb_ctx *cx, wb_session *base, const wb_piece *p)
{
    my_session *s = my_of(base);
    int rc = my_ready(cx, s);
    if (rc != 0)
        return rc;
    if (s->is_unit_failed)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "run: the unit has failed");
    my_engines_forget(s);
    return s->is_unit_open ? run_in_unit(cx, s, p) : run_alone(cx, s, p);
}

/* ---- rows ---- */

/* Nothing waits between the unit's beginning and its script, so our own clock tells how long it has run. */
static void fill_elapsed(const my_session *s, wb_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].value.kind == WB_VALUE_ELAPSED)
            fields[i].value = s->is_unit_open ? WB_INT(wb_now_ms() - s->unit_began_ms) : WB_NULL();
}

#define FIELDS_MAX 40

/* Fails, and so ends the message, unless exactly one row fits; that row is locked until the transaction ends. EXP(710) is
   out of range in every sql_mode. */
static int queue_check(wb_ctx *cx, my_session *s, const wb_row_op *op)
{
    my_item *item = my_queue_add(cx, s, MY_PUT);
    if (!item)
        return no_item(cx);
    item->tag = op->tag;
    item->is_check = true;
    wb_copy_text(item->table, sizeof item->table, op->table.name, strlen(op->table.name));
    wb_buf_str(&s->message, "SET @wb_check = (SELECT EXP(IF(COUNT(*) = 1, 0, 710)) FROM ");
    wb_sqltext_table(&s->message, my_sqltext(s), op->table);
    wb_sqltext_where(&s->message, my_sqltext(s), op->where, op->where_count);
    wb_buf_str(&s->message, " FOR UPDATE)");
    return 0;
}

static int queue_row(wb_ctx *cx, my_session *s, const wb_row_op *given)
{
    wb_field set[FIELDS_MAX];
    wb_row_op op = *given;
    if (op.set_count > FIELDS_MAX)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "more than %d columns in a row", FIELDS_MAX);
    if (op.set_count) {
        memcpy(set, op.set, op.set_count * sizeof *set);
        fill_elapsed(s, set, op.set_count);
        op.set = set;
    }
    my_item *item = my_queue_add(cx, s, MY_PUT);
    if (!item)
        return no_item(cx);
    item->tag = op.tag;
    item->is_fence = op.is_fence;
    item->must_hit = op.must_hit && op.op != WB_OP_INSERT;
    item->only_if_empty = op.only_if_empty && op.op == WB_OP_INSERT;
    wb_copy_text(item->table, sizeof item->table, op.table.name, strlen(op.table.name));
    wb_sqltext_row_op(&s->message, my_sqltext(s), &op, NULL);
    return 0;
}

/* Releasing it is the proof; it is set again for the next one who asks. */
static int queue_fuse(wb_ctx *cx, my_session *s, uint32_t tag)
{
    my_item *item = my_queue_add(cx, s, MY_PUT);
    if (!item)
        return no_item(cx);
    item->is_fuse = true;
    item->tag = tag;
    savepoint_text(s, "RELEASE SAVEPOINT");
    int rc = queue_text(cx, s, MY_PUT, "");
    if (rc == 0)
        savepoint_text(s, "SAVEPOINT");
    return rc;
}

/* Every row and every gap is locked (MySQL 8.4, 17.7.3); LOCK TABLES would end the transaction. */
static int queue_table_lock(wb_ctx *cx, my_session *s, const wb_row_op *op)
{
    int rc = queue_text(cx, s, MY_PUT, "SELECT count(*) FROM ");
    if (rc != 0)
        return rc;
    s->items[s->item_count - 1].tag = op->tag;
    wb_sqltext_table(&s->message, my_sqltext(s), op->table);
    wb_buf_str(&s->message, " FOR UPDATE");
    return 0;
}

static int queue_put(wb_ctx *cx, my_session *s, const wb_row_op *op)
{
    int rc = op->check_fuse && s->is_unit_open && s->fuse[0] ? queue_fuse(cx, s, op->tag) : 0;
    if (rc == 0 && op->locks_table)
        rc = queue_table_lock(cx, s, op);
    if (rc == 0 && op->must_hit && op->op != WB_OP_INSERT)
        rc = queue_check(cx, s, op);
    return rc == 0 ? queue_row(cx, s, op) : rc;
}

/* A row that must be hit, and is not, has to be as it was. In a transaction of the script our row joins it. */
static int put_checked(wb_ctx *cx, my_session *s, const wb_row_op *op)
{
    bool is_joined = my_in_transaction(s);
    int rc = queue_text(cx, s, MY_OTHER, is_joined ? "SAVEPOINT wb_own" : "START TRANSACTION");
    if (rc == 0)
        rc = queue_put(cx, s, op);
    if (rc == 0 && my_queue_has_check(s))
        rc = my_flush(cx, s);
    if (rc == 0) /* part of the put: when its answer is lost, nobody knows */
        rc = queue_text(cx, s, MY_PUT, is_joined ? "RELEASE SAVEPOINT wb_own" : "COMMIT");
    if (rc == 0) {
        s->items[s->item_count - 1].tag = op->tag;
        rc = my_flush(cx, s);
    }
    if (rc == 0)
        return 0;
    my_queue_cut(s);
    my_exec_quietly(s, is_joined ? "ROLLBACK TO SAVEPOINT wb_own" : "ROLLBACK");
    return rc;
}

int my_put(wb_ctx *cx, wb_session *base, const wb_row_op *op)
{
    my_session *s = my_of(base);
    int rc = my_ready(cx, s);
    if (rc != 0)
        return rc;
    if (s->is_unit_failed)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "put: the unit has failed");
    if ((rc = wb_sqltext_check(cx, op)) != 0)
        return rc;
    if (s->is_unit_open)
        return queue_put(cx, s, op);
    if ((rc = my_flush(cx, s)) != 0)
        return rc;
    bool is_autocommit = s->conn->server_status & SERVER_STATUS_AUTOCOMMIT;
    if (op->must_hit || op->only_if_empty || op->locks_table || (!is_autocommit && !my_in_transaction(s)))
        return put_checked(cx, s, op);
    rc = queue_put(cx, s, op);
    return rc == 0 ? my_flush(cx, s) : rc;
}

/* ---- the end of a unit ---- */

int my_commit(wb_ctx *cx, wb_session *base)
{
    my_session *s = my_of(base);
    int rc = my_ready(cx, s);
    if (rc == 0 && (!s->is_unit_open || s->is_unit_failed))
        rc = wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "commit: %s",
                     s->is_unit_open ? "the unit has failed" : "no unit is open");
    if (rc == 0 && my_queue_has_check(s))
        rc = my_flush(cx, s);
    if (rc == 0)
        rc = queue_text(cx, s, MY_COMMIT, "COMMIT");
    if (rc != 0)
        return rc;
    s->is_unit_open = s->is_unit_sent = false;
    s->unit++;
    return 0;
}

static int find_not_rolled_back(void *user, size_t index, const wb_str *cells, size_t count)
{
    bool *is_found = user;
    (void)index;
    *is_found = *is_found || (count > 1 && my_number(cells[1]) == MY_ER_NOT_ROLLED_BACK);
    return 0;
}

/* A table of another engine keeps what was written to it, and the server says so in a warning. */
static int check_rolled_back(wb_ctx *cx, my_session *s)
{
    bool is_found = false;
    if (mysql_warning_count(s->conn) == 0 || my_exec(cx, s, "SHOW WARNINGS", find_not_rolled_back, &is_found) != 0)
        return 0;
    if (!is_found)
        return 0;
    wb_fail(cx, WBL_E_STATE, WBL_EFFECT_UNKNOWN,
            "a table without transactions was changed, and that could not be rolled back");
    wb_hint(cx, "Convert the table to InnoDB, or put \"-- whimbrel: no-transaction\" at the top of the script.");
    return WBL_E_STATE;
}

int my_rollback(wb_ctx *cx, wb_session *base)
{
    my_session *s = my_of(base);
    my_failure_clear(s);
    if (s->is_unit_open)
        my_queue_cut_unit(s);
    bool was_sent = !s->is_unit_open || s->is_unit_sent;
    bool has_failed = s->is_unit_failed;
    s->is_unit_open = s->is_unit_sent = s->is_unit_failed = false;
    if (!s->conn || s->is_lost)
        return my_fail_lost(cx, s, "it is closed", false); /* the server has rolled back, or does so when it notices */
    if (!was_sent || (!has_failed && !my_in_transaction(s)))
        return 0;
    wb_ctx patient = *cx;
    patient.cancel = NULL; /* a run that was cancelled rolls back all the same */
    patient.deadline_ms = 0;
    int rc = my_exec(&patient, s, "ROLLBACK", NULL, NULL);
    return rc == 0 ? check_rolled_back(&patient, s) : rc;
}

int my_sync(wb_ctx *cx, wb_session *base, wb_sync *out)
{
    my_session *s = my_of(base);
    *out = (wb_sync){ 0 };
    int rc = my_ready(cx, s);
    if (rc == 0 && s->is_unit_failed)
        rc = wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "sync: the unit has failed and must be rolled back");
    if (rc == 0)
        rc = my_flush(cx, s);
    *out = (wb_sync){ .committed = s->committed, .is_in_transaction = s->is_unit_open || my_in_transaction(s) };
    if (!s->is_unit_open) {
        s->committed = 0;
        s->unit = 0;
    }
    return rc;
}
