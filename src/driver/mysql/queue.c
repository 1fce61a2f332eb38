/*
 * queue.c - statements of ours that wait for the next message, and what their answers mean.
 *
 * Begin, fence, rows and commit are short, and each has exactly one answer. They wait until something has to be known:
 * a script that runs, a row that is read, sync(). So an atomic migration costs two round trips or less. An answer that
 * must be looked at (was the table empty?) is awaited before anything behind it is sent. That a row has to be there is
 * checked by the server, in a statement that fails when it is not: then nothing behind it runs.
 *
 * A script goes out as the statements that it consists of, joined by semicolons: the server takes an empty statement,
 * or a comment behind the last semicolon, for an error.
 * Owns nothing beyond the session. Facts: MySQL 8.4 manual, C API 7 (multiple statements), 15.3.3.
 */
#include "driver/mysql/my.h"

#include <stdio.h>
#include <string.h>

#define WARNED_MAX 5

my_item *my_queue_add(wb_ctx *cx, my_session *s, my_kind kind)
{
    if (s->item_count == MY_ITEMS_MAX && my_flush(cx, s) != 0)
        return NULL;
    wb_buf_str(&s->message, s->item_count ? ";\n" : "");
    my_item *item = &s->items[s->item_count++];
    *item = (my_item){ .kind = kind, .unit = s->unit, .from = s->message.len };
    return item;
}

static void clear(my_session *s)
{
    wb_buf_clear(&s->message);
    s->message.bad = false;
    s->item_count = 0;
}

/* Whether what was to be set has been set is not known then. */
static void forget_limits(my_session *s)
{
    s->set_lock_s = UINT32_MAX;
    s->set_statement_ms = -1;
}

void my_queue_cut(my_session *s)
{
    if (s->item_count)
        forget_limits(s);
    clear(s);
}

void my_queue_cut_unit(my_session *s)
{
    size_t keep = s->item_count;
    while (keep > 0 && s->items[keep - 1].unit == s->unit && s->items[keep - 1].kind != MY_COMMIT)
        keep--;
    if (keep == s->item_count)
        return;
    if (keep == 0) {
        my_queue_cut(s);
        return;
    }
    forget_limits(s);
    s->message.len = s->items[keep].from - 2; /* with the ";\n" before it */
    s->item_count = keep;
}

bool my_queue_has_check(const my_session *s)
{
    for (size_t i = 0; i < s->item_count; i++)
        if (s->items[i].only_if_empty)
            return true;
    return false;
}

/* ---- answers ---- */

typedef struct answers {
    wb_ctx *cx;
    my_session *s;
    size_t item_count;
    bool has_conflict;
    int64_t affected; /* of the piece */
    struct {
        size_t index;
        unsigned count;
    } warned[WARNED_MAX];
    size_t warned_count;
} answers;

static int fail_conflict(answers *a, const my_item *item, const char *what)
{
    a->has_conflict = true;
    a->s->base.failure.stage = WB_STAGE_PUT;
    a->s->base.failure.put_tag = item->tag;
    a->s->base.failure.unit = item->unit;
    return wb_fail(a->cx, WBL_E_CONFLICT, WBL_EFFECT_NONE, "table \"%s\": %s", item->table, what);
}

static int take_item(answers *a, const my_item *item, const my_answer *answer)
{
    if (item->kind == MY_COMMIT)
        a->s->committed++;
    if (item->only_if_empty && answer->affected == 0)
        return fail_conflict(a, item, "it is not empty");
    if (item->must_hit && answer->affected != 1)
        return fail_conflict(a, item, answer->affected ? "more than one row fits" : "the row is gone, or was changed");
    return 0;
}

static int on_answer(void *user, const my_answer *answer)
{
    answers *a = user;
    if (answer->index < a->item_count)
        return take_item(a, &a->s->items[answer->index], answer);
    a->affected += answer->affected;
    if (answer->warnings && a->warned_count < WARNED_MAX) {
        a->warned[a->warned_count].index = answer->index - a->item_count;
        a->warned[a->warned_count++].count = answer->warnings;
    }
    return 0;
}

/* ---- failures ---- */

static int explain_item(wb_ctx *cx, my_session *s, const my_item *item, unsigned number, int rc)
{
    wb_failure *f = &s->base.failure;
    f->unit = item->unit;
    f->stage = item->kind == MY_COMMIT ? WB_STAGE_COMMIT : item->kind == MY_PUT ? WB_STAGE_PUT : WB_STAGE_BEGIN;
    f->put_tag = item->kind == MY_PUT ? item->tag : 0;
    if (item->is_fuse && number == MY_ER_NO_SUCH_SAVEPOINT)
        return my_fail_ended(cx, s);
    if (item->is_check && number == MY_ER_OUT_OF_RANGE)
        rc = wb_fail(cx, WBL_E_CONFLICT, WBL_EFFECT_NONE, "table \"%s\": the row is gone, or was changed", item->table);
    bool is_clash = number == MY_ER_DUPLICATE_ROW || number == MY_ER_DUPLICATE_KEY;
    if (item->is_fence && is_clash) {
        rc = wb_fail(cx, WBL_E_CONFLICT, WBL_EFFECT_NONE, "table \"%s\": the row exists already", item->table);
        if (cx->err)
            cx->err->native = (int32_t)number;
    }
    return rc;
}

static void explain_piece(wb_ctx *cx, my_session *s, const wb_piece *p, size_t index)
{
    wb_failure *f = &s->base.failure;
    bool is_one = p->statement_count == 1;
    wb_str all = { p->text, p->len }, st = is_one ? all : my_statement_nth(s, all, (uint32_t)index + 1);
    f->stage = WB_STAGE_RUN;
    f->unit = s->is_unit_open ? s->unit : 0;
    f->statement = p->statement_first + (is_one ? 0 : (uint32_t)index);
    f->offset = SIZE_MAX;
    if (!st.p)
        return;
    unsigned number = cx->err ? (unsigned)cx->err->native : 0;
    size_t place = number == MY_ER_SYNTAX ? my_place(s, st, cx->err->message)
                   : number               ? my_place_of_name(s, st, number, cx->err->message)
                                          : SIZE_MAX;
    f->offset = p->offset + (size_t)(st.p - p->text) + (place == SIZE_MAX ? 0 : place);
}

static int explain(answers *a, const my_outcome *o, const wb_piece *p, int rc)
{
    my_session *s = a->s;
    if (a->has_conflict)
        return rc;
    if (o->number == 0 && o->answers == 0) { /* it was not sent */
        s->base.failure.unit = s->is_unit_open ? s->unit : 0;
        if (p)
            explain_piece(a->cx, s, p, 0);
        return rc;
    }
    if (o->answers < a->item_count)
        return explain_item(a->cx, s, &s->items[o->answers], o->number, rc);
    if (p)
        explain_piece(a->cx, s, p, o->answers - a->item_count);
    return rc;
}

/* ---- sending ---- */

/* Whether something is durable, or may be, when the answer is lost. */
static my_risk risk_of(const my_session *s, const wb_piece *p)
{
    if (p && !s->is_unit_open)
        return MY_RISK_OUTCOME;
    for (size_t i = 0; i < s->item_count; i++)
        if (s->items[i].kind == MY_COMMIT || (s->items[i].kind == MY_PUT && !s->is_unit_open))
            return MY_RISK_OUTCOME;
    return MY_RISK_NONE;
}

/* The statements of a piece; false when they are not those that the caller counted, and the text goes as it is. */
static bool add_statements(my_session *s, const wb_piece *p)
{
    my_lexer l = my_lexer_of(s, (wb_str){ p->text, p->len });
    size_t before = s->message.len;
    uint32_t count = 0;
    for (wb_str st; (st = my_statement_next(&l)).p; count++) {
        wb_buf_str(&s->message, count ? "\n;\n" : "");
        wb_buf_add(&s->message, st.p, st.len);
    }
    if (p->statement_count == 0 || p->statement_count == count)
        return true;
    s->message.len = before;
    return false;
}

static void add_piece(my_session *s, const wb_piece *p)
{
    wb_buf_str(&s->message, s->item_count ? ";\n" : "");
    if (p->statement_count == 1 || !add_statements(s, p))
        wb_buf_add(&s->message, p->text, p->len);
}

static void tell_warnings(answers *a, const my_outcome *o, const wb_piece *p)
{
    wb_ctx *cx = a->cx;
    for (size_t i = 0; cx->notice && i < a->warned_count; i++) {
        size_t index = a->warned[i].index;
        if (index + a->item_count + 1 == o->answers)
            continue; /* the last one: its text can be had */
        char text[120];
        snprintf(text, sizeof text, "statement %zu gave %u warning%s", p->statement_first + index, a->warned[i].count,
                 a->warned[i].count == 1 ? "" : "s");
        cx->notice(cx->user, "WARNING", text);
    }
    my_warnings_show(cx, a->s, o);
}

int my_flush_with(wb_ctx *cx, my_session *s, const wb_piece *p)
{
    if (s->item_count == 0 && !p)
        return 0;
    if (p)
        add_piece(s, p);
    const char *text = wb_buf_cstr(&s->message);
    if (!text) {
        my_queue_cut(s);
        return wb_nomem(cx);
    }
    answers a = { .cx = cx, .s = s, .item_count = s->item_count };
    const my_reader r = { .done = on_answer, .user = &a };
    my_outcome o;
    s->is_unit_sent = s->is_unit_sent || s->is_unit_open;
    int rc = my_talk(cx, s, text, s->message.len, risk_of(s, p), &r, &o);
    if (rc != 0) {
        rc = explain(&a, &o, p, rc);
        s->is_unit_failed = s->is_unit_open;
        forget_limits(s);
    }
    clear(s);
    if (rc == 0 && p) {
        if (p->affected)
            *p->affected = a.affected;
        tell_warnings(&a, &o, p);
    }
    return rc;
}

int my_flush(wb_ctx *cx, my_session *s) { return my_flush_with(cx, s, NULL); }
