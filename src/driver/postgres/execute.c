/*
 * execute.c - units: begin, script, rows, commit, roll back, sync, reset.
 *
 * Everything inside a unit is only queued, and goes out with sync(), or before it when the queue holds a megabyte, when
 * a COPY brings its data, or when the caller wants a number at once. A unit that was begun in an earlier message ends
 * its own message with its COMMIT: would a later unit follow in the same one, a syntax error there would take it along.
 *
 * The fuse. A script that ends our transaction would leave our rows alone in one of their own, and "applied" could lie.
 * A setting that lasts until the end of the transaction is checked before the rows are written. RESET ALL clears it too
 * although nothing has ended, so a second witness lives as long as the transaction and cannot be reset: a shared
 * advisory lock. Looking it up is slow, and is done only when the setting is gone. A subquery would be planned each time
 * all the same, a third of what our rows cost the server; ts_rewrite() runs a query that it gets as text, when it is
 * called and not before.
 * Owns nothing beyond the session. Facts: PostgreSQL 17, 13.3.5 (advisory locks), 12.4.2.1 (ts_rewrite), SET.
 */
#include "driver/postgres/pg.h"

#include <stdio.h>
#include <string.h>

#define FUSE_LOCK "2003332450" /* "whmb" */

static const char fuse_check[] =
    "OR pg_catalog.ts_rewrite('a', 'SELECT ''a''::pg_catalog.tsquery, ''b''::pg_catalog.tsquery "
    "FROM pg_catalog.pg_lock_status() WHERE locktype = ''advisory'' AND pid = pg_catalog.pg_backend_pid() "
    "AND classid = " FUSE_LOCK " AND objid = 1 AND objsubid = 2')::pg_catalog.text = '''b''' THEN '1' "
    "ELSE pg_catalog.current_setting('whimbrel.fuse_blown') END"; /* no such setting: an error, and this is its name */

int pg_ready(wb_ctx *cx, pg_session *s)
{
    if (s->has_failed) { /* what sync() will say, too */
        if (cx->err)
            *cx->err = s->error;
        return s->error.code;
    }
    pg_failure_clear(s);
    return !pg_is_lost(s) ? 0 : pg_fail_lost(cx, s, false);
}

/* ---- begin ---- */

/* Returns how many statements it wrote. A SET LOCAL costs the server a tenth of what a SELECT does. */
static uint32_t begin_text(pg_session *s, const wb_txn *t)
{
    wb_buf *b = &s->message;
    uint32_t count = 2;
    wb_buf_str(b, "BEGIN ");
    wb_buf_add(b, t->modes.p, t->modes.len);
    wb_buf_str(b, "\n;");
    if (t->lock_timeout_ms > 0) {
        wb_buf_addf(b, "SET LOCAL lock_timeout = %lld;", (long long)t->lock_timeout_ms);
        count++;
    }
    if (t->statement_timeout_ms > 0) {
        wb_buf_addf(b, "SET LOCAL statement_timeout = %lld;", (long long)t->statement_timeout_ms);
        count++;
    }
    if (t->is_relaxed) {
        wb_buf_str(b, "SET LOCAL synchronous_commit = off;");
        count++;
    }
    if (s->fuse[0]) {
        wb_buf_str(b, "SET LOCAL whimbrel.fuse = ");
        wb_sqltext_literal(b, &pg_sqltext, s->fuse, strlen(s->fuse));
        wb_buf_char(b, ';');
        count++;
    }
    /* The time, since now() is that of the whole message. */
    wb_buf_str(b, "SELECT pg_catalog.set_config('whimbrel.began', "
                  "extract(epoch FROM pg_catalog.clock_timestamp())::pg_catalog.text, true)");
    wb_buf_str(b, s->fuse[0] ? ", pg_catalog.pg_try_advisory_xact_lock_shared(" FUSE_LOCK ", 1);\n" : ";\n");
    return count;
}

int pg_begin(wb_ctx *cx, wb_session *base, const wb_txn *t)
{
    pg_session *s = pg_of(base);
    int rc = pg_ready(cx, s);
    if (rc != 0)
        return rc;
    if (s->is_unit_open)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "a unit is open already");
    if (s->item_count == 0 && PQtransactionStatus(s->conn) != PQTRANS_IDLE)
        return wb_fail(cx, WBL_E_STATE, WBL_EFFECT_NONE, "a transaction is open already");
    s->is_unit_open = true;
    s->is_unit_sent = false;
    s->is_unit_relaxed = t->is_relaxed;
    s->lock_timeout_ms = t->lock_timeout_ms;
    s->is_index_build = false;
    wb_copy_text(s->fuse, sizeof s->fuse, t->fuse ? t->fuse : "", t->fuse ? strlen(t->fuse) : 0);
    pg_item *item = pg_item_add(cx, s, PG_BEGIN, 0);
    if (!item) {
        s->is_unit_open = false;
        return WBL_E_NOMEM;
    }
    item->results = begin_text(s, t);
    rc = pg_item_end(cx, s);
    if (rc != 0)
        s->is_unit_open = false;
    return rc;
}

/* ---- script ---- */

static int fail_piece(wb_ctx *cx, pg_session *s, const wb_piece *p, size_t at)
{
    wb_failure *f = &s->base.failure;
    f->stage = WB_STAGE_RUN;
    f->unit = s->is_unit_open ? s->unit : 0;
    f->offset = p->offset + at;
    return wb_fail(cx, WBL_E_STATEMENT, WBL_EFFECT_NONE, "the script holds a NUL byte, which no statement can");
}

static int queue_piece(wb_ctx *cx, pg_session *s, const wb_piece *p, bool is_closed)
{
    pg_item *item = pg_item_add(cx, s, PG_RUN, 0);
    if (!item)
        return WBL_E_NOMEM;
    item->offset = p->offset;
    item->statement_first = p->statement_first;
    item->copy_data = p->copy_data;
    item->copy_len = p->copy_len;
    item->affected = p->affected;
    wb_buf_add(&s->message, p->text, p->len);
    if (is_closed)
        wb_buf_str(&s->message, "\n;\n"); /* the piece may end in a comment, and without a semicolon */
    int rc = pg_item_end(cx, s);
    if (rc == 0)
        s->items[s->item_count - 1].to = s->items[s->item_count - 1].from + p->len + (is_closed ? 3 : 0);
    return rc;
}

static int run_in_unit(wb_ctx *cx, pg_session *s, const wb_piece *p)
{
    bool is_big = s->item_count && s->message.len + p->len > PG_MESSAGE_SIZE;
    int rc = is_big ? pg_flush(cx, s) : pg_mark_due(cx, s);
    if (rc == 0)
        rc = queue_piece(cx, s, p, true);
    bool is_urgent = p->copy_data || p->affected || s->message.len > PG_MESSAGE_SIZE;
    return rc == 0 && is_urgent ? pg_flush(cx, s) : rc;
}

/* ---- one statement that commits by itself ---- */

typedef struct limits { /* what the session had */
    char lock[32], statement[32];
} limits;

static int keep_limits(void *user, size_t index, const PGresult *r)
{
    limits *l = user;
    if (index == 0 && PQntuples(r) == 1) {
        snprintf(l->lock, sizeof l->lock, "%s", PQgetvalue(r, 0, 0));
        snprintf(l->statement, sizeof l->statement, "%s", PQgetvalue(r, 0, 1));
    }
    return 0;
}

static void limit_text(wb_buf *b, const char *name, const char *value)
{
    wb_buf_addf(b, ", pg_catalog.set_config('%s', ", name);
    wb_sqltext_literal(b, &pg_sqltext, value, strlen(value));
    wb_buf_str(b, ", false)");
}

/* Apart from the statement: several statements in one message are a transaction, which it may refuse. */
static int set_limits(wb_ctx *cx, pg_session *s, const wb_piece *p, limits *before)
{
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_buf_str(&sql,
               "SELECT pg_catalog.current_setting('lock_timeout'), pg_catalog.current_setting('statement_timeout')");
    if (p->lock_timeout_ms > 0)
        wb_buf_addf(&sql, ", pg_catalog.set_config('lock_timeout', '%lld', false)", (long long)p->lock_timeout_ms);
    if (p->statement_timeout_ms > 0)
        wb_buf_addf(&sql, ", pg_catalog.set_config('statement_timeout', '%lld', false)",
                    (long long)p->statement_timeout_ms);
    const char *text = wb_buf_cstr(&sql);
    return text ? pg_exec(cx, s, text, keep_limits, before) : wb_nomem(cx);
}

static void restore_limits(pg_session *s, const limits *l)
{
    PGTransactionStatusType state = PQtransactionStatus(s->conn);
    if (state != PQTRANS_IDLE && state != PQTRANS_INTRANS)
        return; /* a transaction that rolls back takes the settings along */
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_buf_str(&sql, "SELECT 1");
    limit_text(&sql, "lock_timeout", l->lock);
    limit_text(&sql, "statement_timeout", l->statement);
    pg_exec_quietly(s, wb_buf_cstr(&sql));
}

/* SET and BEGIN get no limits around them: putting back what was before would undo a SET of the script. */
static bool wants_limits(const wb_piece *p)
{
    bool is_setting = p->statement && (p->statement->cls == WB_STMT_SESSION || p->statement->cls == WB_STMT_TXN);
    return !is_setting && (p->lock_timeout_ms > 0 || p->statement_timeout_ms > 0);
}

/* A statement that is a transaction of its own leaves nothing when it fails. Those that refuse a transaction, and
   procedures, may. */
static bool leaves_nothing(const wb_piece *p)
{
    const wb_statement *st = p->statement;
    return st && !st->refuses && !st->is_concurrent && st->cls != WB_STMT_ROUTINE && st->cls != WB_STMT_OTHER;
}

static int run_alone(wb_ctx *cx, pg_session *s, const wb_piece *p)
{
    limits before;
    bool is_limited = wants_limits(p);
    int rc = pg_flush(cx, s);
    if (rc == 0 && is_limited)
        rc = set_limits(cx, s, p, &before);
    if (rc != 0)
        return rc;
    const wb_statement *st = p->statement;
    rc = queue_piece(cx, s, p, false);
    s->is_mark_due = false; /* its message holds nothing else */
    s->lock_timeout_ms = p->lock_timeout_ms;
    s->is_index_build = st && st->object && strcmp(st->object, "index") == 0 && st->action == WB_ACT_CREATE;
    s->is_index_build |= st && st->action == WB_ACT_REINDEX;
    if (rc == 0)
        rc = pg_flush(cx, s);
    s->is_index_build = false;
    if (is_limited && !pg_is_lost(s))
        restore_limits(s, &before);
    if (rc < 0 && cx->err && cx->err->sqlstate[0] && !s->base.failure.is_connection_lost && leaves_nothing(p))
        cx->err->effect = WBL_EFFECT_NONE;
    return rc;
}

int pg_run(wb_ctx *cx, wb_session *base, const wb_piece *p)
{
    pg_session *s = pg_of(base);
    int rc = pg_ready(cx, s);
    if (rc != 0)
        return rc;
    const char *nul = p->len ? memchr(p->text, 0, p->len) : NULL;
    if (nul)
        return fail_piece(cx, s, p, (size_t)(nul - p->text));
    return s->is_unit_open ? run_in_unit(cx, s, p) : run_alone(cx, s, p);
}

/* ---- rows ---- */

/* A row too few or too many has to be an error of the server, so that what follows in the message is skipped. */
static void row_text(pg_session *s, const wb_row_op *op)
{
    bool is_counted = op->only_if_empty || (op->must_hit && op->op != WB_OP_INSERT);
    WB_AUTOBUF wb_buf needs = WB_BUF(WB_TEXT_MAX);
    if (op->needs)
        wb_sqltext_needs(&needs, &pg_sqltext, op->needs);
    const char *extra = op->needs ? wb_buf_cstr(&needs) : NULL;
    s->message.bad = s->message.bad || (op->needs && !extra);
    wb_buf_str(&s->message, is_counted ? "WITH w AS (" : "");
    wb_sqltext_row_op(&s->message, &pg_sqltext, op, extra);
    if (is_counted)
        wb_buf_str(&s->message, " RETURNING 1) SELECT 1 / CASE pg_catalog.count(*) WHEN 1 THEN 1 ELSE 0 END FROM w");
    wb_buf_str(&s->message, ";\n");
}

static void lock_text(pg_session *s, const wb_row_op *op)
{
    wb_buf_str(&s->message, "LOCK TABLE ");
    wb_sqltext_table(&s->message, &pg_sqltext, op->table);
    wb_buf_str(&s->message, " IN SHARE ROW EXCLUSIVE MODE;\n");
}

static void fuse_text(pg_session *s, pg_item *item)
{
    WB_AUTOBUF wb_buf check = WB_BUF(WB_TEXT_MAX);
    wb_buf_str(&check, "CASE WHEN pg_catalog.current_setting('whimbrel.fuse', true) = ");
    wb_sqltext_literal(&check, &pg_sqltext, s->fuse, strlen(s->fuse));
    wb_buf_char(&check, ' ');
    wb_buf_str(&check, fuse_check);
    const char *text = wb_buf_cstr(&check);
    if (text)
        pg_mark_text(s, item, text);
    else
        s->message.bad = true;
}

static int queue_put(wb_ctx *cx, pg_session *s, const wb_row_op *op, bool is_wrapped)
{
    bool has_check = op->check_fuse && s->is_unit_open && s->fuse[0];
    int rc = has_check ? 0 : pg_mark_due(cx, s); /* the check is a mark, too */
    pg_item *item = rc == 0 ? pg_item_add(cx, s, PG_PUT, 1u + has_check + op->locks_table + 2u * is_wrapped) : NULL;
    if (!item)
        return WBL_E_NOMEM;
    item->tag = op->tag;
    item->is_fence = op->is_fence;
    item->must_hit = op->must_hit;
    item->only_if_empty = op->only_if_empty;
    snprintf(item->table, sizeof item->table, "%s", op->table.name);
    if (is_wrapped)
        wb_buf_str(&s->message, "BEGIN;");
    if (has_check)
        fuse_text(s, item);
    if (op->locks_table)
        lock_text(s, op);
    row_text(s, op);
    if (is_wrapped)
        wb_buf_str(&s->message, "COMMIT;\n");
    return pg_item_end(cx, s);
}

int pg_put(wb_ctx *cx, wb_session *base, const wb_row_op *op)
{
    pg_session *s = pg_of(base);
    int rc = pg_ready(cx, s);
    if (rc != 0)
        return rc;
    if ((rc = wb_sqltext_check(cx, op)) != 0)
        return rc;
    if (s->is_unit_open)
        return queue_put(cx, s, op, false);
    bool is_idle = PQtransactionStatus(s->conn) == PQTRANS_IDLE;
    /* The server takes LOCK TABLE in a transaction only that somebody began. */
    rc = queue_put(cx, s, op, op->locks_table && is_idle);
    s->lock_timeout_ms = 0;
    if (rc == 0)
        rc = pg_flush(cx, s);
    if (rc != 0 && is_idle)
        pg_undo(s);
    return rc;
}

/* ---- the end of a unit ---- */

int pg_commit(wb_ctx *cx, wb_session *base)
{
    pg_session *s = pg_of(base);
    int rc = pg_ready(cx, s);
    if (rc == 0 && !s->is_unit_open)
        rc = wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "no unit is open");
    if (rc == 0)
        rc = pg_mark_due(cx, s);
    if (rc != 0)
        return rc;
    pg_item *item = pg_item_add(cx, s, PG_COMMIT, 1);
    if (!item)
        return WBL_E_NOMEM;
    item->is_relaxed = s->is_unit_relaxed;
    wb_buf_str(&s->message, "COMMIT;\n");
    rc = pg_item_end(cx, s);
    if (rc != 0)
        return rc;
    bool is_urgent = s->is_unit_sent || s->message.len > PG_MESSAGE_SIZE;
    s->is_unit_open = s->is_unit_sent = false;
    s->unit++;
    return is_urgent ? pg_flush(cx, s) : 0;
}

int pg_rollback(wb_ctx *cx, wb_session *base)
{
    pg_session *s = pg_of(base);
    if (!s->has_failed)
        pg_failure_clear(s);
    s->has_failed = false; /* the caller knows */
    if (s->is_unit_open) {
        size_t first = s->item_count;
        while (first > 0 && s->items[first - 1].unit == s->unit)
            first--;
        pg_queue_cut(s, first);
    }
    bool was_sent = !s->is_unit_open || s->is_unit_sent;
    s->is_unit_open = s->is_unit_sent = false;
    if (pg_is_lost(s))
        return pg_fail_lost(cx, s, false); /* the server has rolled back, or does so when it notices */
    PGTransactionStatusType state = PQtransactionStatus(s->conn);
    if (!was_sent || (state != PQTRANS_INTRANS && state != PQTRANS_INERROR))
        return 0;
    wb_ctx patient = *cx;
    patient.cancel = NULL; /* a run that was cancelled rolls back all the same */
    patient.deadline_ms = 0;
    return pg_exec(&patient, s, "ROLLBACK", NULL, NULL);
}

/* After a relaxed commit that nothing strict followed: a record that is flushed takes all before it along. */
static int flush_log(wb_ctx *cx, pg_session *s, int rc)
{
    static const char sql[] = "SELECT pg_catalog.pg_logical_emit_message(true, 'whimbrel', '')";
    s->is_flush_due = false;
    if (rc == 0)
        return pg_exec(cx, s, sql, NULL, NULL);
    pg_exec_quietly(s, sql); /* what failed before matters more */
    return rc;
}

int pg_sync(wb_ctx *cx, wb_session *base, wb_sync *out)
{
    pg_session *s = pg_of(base);
    int rc = pg_ready(cx, s);
    if (rc == 0)
        rc = pg_flush(cx, s);
    s->has_failed = false;
    bool is_lost = pg_is_lost(s);
    if (s->is_flush_due && !is_lost && PQtransactionStatus(s->conn) == PQTRANS_IDLE)
        rc = flush_log(cx, s, rc);
    PGTransactionStatusType state = s->conn ? PQtransactionStatus(s->conn) : PQTRANS_UNKNOWN;
    *out = (wb_sync){ .committed = s->committed,
                      .is_in_transaction = !is_lost && (state == PQTRANS_INTRANS || state == PQTRANS_INERROR) };
    if (!s->is_unit_open)
        s->unit = s->committed = 0;
    return rc;
}

/* ---- session state ---- */

/* In a transaction of its own: between two units it would join that of the second one, and be undone with it. */
/* On the caller's connection RESET ALL would also take away settings of the caller's own ("app.user"): they are in no
   list, so nobody could bring them back. */
static const char reset_known[] =
    "SELECT pg_catalog.set_config(name, reset_val, false) FROM pg_catalog.pg_settings WHERE source = 'session' AND "
    "context IN ('user', 'superuser') AND name NOT LIKE 'transaction\\_%' AND name <> 'seed'";

int pg_reset(wb_ctx *cx, wb_session *base)
{
    pg_session *s = pg_of(base);
    int rc = pg_ready(cx, s);
    if (rc != 0)
        return rc;
    if (s->is_unit_open)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "reset inside a unit");
    if (s->item_count == 0 && PQtransactionStatus(s->conn) != PQTRANS_IDLE)
        return wb_fail(cx, WBL_E_STATE, WBL_EFFECT_NONE, "a transaction is open already");
    if (!pg_item_add(cx, s, PG_RESET, s->restore ? 6 : 5))
        return WBL_E_NOMEM;
    wb_buf_addf(&s->message, "BEGIN;RESET SESSION AUTHORIZATION;RESET ROLE;%s;", s->is_borrowed ? reset_known : "RESET ALL");
    if (s->restore) {
        wb_buf_str(&s->message, s->restore);
        wb_buf_char(&s->message, ';');
    }
    wb_buf_str(&s->message, "COMMIT;\n");
    return pg_item_end(cx, s);
}
