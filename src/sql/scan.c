/*
 * scan.c - what a whole script does, in one pass: its transactions, what it touches, what refuses a transaction.
 *
 * The shape decides whether a script can run in our transaction. BEGIN inside a body or a quote is no transaction
 * control: the splitter never shows it.
 */
#include "sql/directive.h"
#include "sql/lex.h"

typedef struct scan {
    wb_script_facts *facts;
    wb_statement begin; /* the open one */
    wb_statement last;
    bool is_open;          /* between BEGIN and its end */
    bool is_closed;        /* a pair from the first statement on has just ended */
    bool is_odd;           /* autocommit is off, or XA: COMMIT may stand without BEGIN */
    bool has_lines_before; /* for a client, above the first statement: another delimiter may be in force */
} scan;

static void set_shape(scan *s, wb_txn_shape shape, const wb_statement *odd)
{
    if (s->facts->shape >= shape)
        return; /* the first fault of the worst kind is told */
    s->facts->shape = shape;
    s->facts->odd = *odd;
}

static void note_facts(wb_script_facts *f, const wb_statement *st)
{
    f->statement_count++;
    f->has_ddl |= st->cls == WB_STMT_DDL;
    f->has_copy |= st->has_copy_data;
    f->has_batch |= st->batch.size > 0;
    f->may_leak |= st->may_leak;
    f->may_commit |= st->may_commit && st->cls != WB_STMT_TXN;
    if (st->refuses && f->refusing_count++ == 0)
        f->refusing = *st;
}

static void open_pair(scan *s, const wb_statement *st)
{
    if (s->is_open) {
        set_shape(s, WB_SHAPE_UNBALANCED, st); /* the second BEGIN does nothing but warn, its COMMIT ends the first */
        return;
    }
    if (st->index > 1)
        set_shape(s, WB_SHAPE_SELF_MANAGED, st);
    s->begin = *st;
    s->is_open = true;
}

static void close_pair(scan *s, const wb_statement *st, bool opens_next)
{
    if (!s->is_open) {
        set_shape(s, s->is_odd ? WB_SHAPE_SELF_MANAGED : WB_SHAPE_UNBALANCED, st);
        return;
    }
    if (st->txn != WB_TXN_COMMIT)
        set_shape(s, WB_SHAPE_SELF_MANAGED, st);
    s->is_open = opens_next;
    s->is_closed = !opens_next;
}

static void note_transaction(scan *s, const wb_statement *st)
{
    switch (st->txn) {
    case WB_TXN_NONE:
    case WB_TXN_SAVEPOINT:
    case WB_TXN_RELEASE:
    case WB_TXN_ROLLBACK_TO: break;
    case WB_TXN_BEGIN: open_pair(s, st); break;
    case WB_TXN_COMMIT: close_pair(s, st, false); break;
    case WB_TXN_COMMIT_CHAIN: close_pair(s, st, true); break;
    case WB_TXN_ROLLBACK: close_pair(s, st, st->modes.len > 0); break;
    case WB_TXN_PREPARE:
        if (!st->refuses) /* PREPARE TRANSACTION */
            close_pair(s, st, false);
        else if (s->is_open) /* COMMIT PREPARED and ROLLBACK PREPARED stand alone */
            set_shape(s, WB_SHAPE_SELF_MANAGED, st);
        break;
    case WB_TXN_OTHER:
        set_shape(s, WB_SHAPE_SELF_MANAGED, st);
        s->is_odd = true;
        break;
    }
}

static int see_statement(void *user, const wb_statement *st)
{
    scan *s = user;
    if (s->is_closed)
        set_shape(s, WB_SHAPE_SELF_MANAGED, st); /* something follows the COMMIT */
    s->is_closed = false;
    note_facts(s->facts, st);
    note_transaction(s, st);
    s->last = *st;
    return 0;
}

static int see_directive(void *user, const wb_directive_place *place)
{
    scan *s = user;
    s->facts->has_client_lines |= place->is_client_line;
    s->has_lines_before |= place->is_client_line && place->statements_before == 0;
    return 0;
}

/* The text between BEGIN; and COMMIT. */
static void absorb_pair(scan *s, const wb_sql_options *options, const char *text, size_t len)
{
    wb_script_facts *f = s->facts;
    size_t behind = s->begin.offset + s->begin.len;
    wb_lexer l;
    wb_lex_start(&l, options, text + behind, len - behind);
    wb_token terminator = wb_lex_next(&l);
    if (l.table->has_delimiter_lines && (s->has_lines_before || terminator.kind != WB_TOK_TERMINATOR)) {
        set_shape(s, WB_SHAPE_SELF_MANAGED, &s->begin); /* the inside could not be cut without that line */
        return;
    }
    f->shape = WB_SHAPE_OUTER;
    f->body_offset = (size_t)(terminator.p + terminator.len - text);
    f->body_len = s->last.offset - f->body_offset;
    f->body_first = 2;
    f->body_count = f->statement_count - 2;
    if (l.table->keeps_modes)
        f->modes = s->begin.modes;
}

int wb_script_scan(wb_ctx *cx, const wb_sql_options *options, const char *text, size_t len, wb_script_facts *out)
{
    wb_script_facts facts = { .shape = WB_SHAPE_PLAIN };
    scan s = { .facts = &facts };
    int rc = wb_split_watched(cx, options, text, len, true, see_statement, see_directive, &s);
    if (rc != 0)
        return rc;
    if (s.is_open)
        set_shape(&s, WB_SHAPE_UNBALANCED, &s.begin);

    facts.body_len = len;
    facts.body_first = 1;
    facts.body_count = facts.statement_count;
    if (facts.shape == WB_SHAPE_PLAIN && s.is_closed)
        absorb_pair(&s, options, text, len);
    *out = facts;
    return 0;
}
