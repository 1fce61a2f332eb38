/*
 * variables.c - fill in what the text leaves open: ${name:ident}, ${name:literal}, and :batch.
 *
 * A value never leaves its quotes: inside the quotes of the script a variable is refused, inside a comment it is left
 * alone, and inside a dollar quote only plain values are let in. Data of COPY is not looked at.
 */
#include "sql/directive.h"
#include "sql/lex.h"

#include <string.h>

/* ---- :batch ---- */

bool wb_batch_mark_next(wb_lexer *l, wb_str *mark)
{
    for (;;) {
        wb_token t = wb_lex_next(l);
        if (t.kind == WB_TOK_END || t.kind == WB_TOK_FAULT || t.kind == WB_TOK_CLIENT)
            return false;
        const char *colon = t.p + t.len - 1;
        if (t.kind != WB_TOK_SYMBOL || *colon != ':' || (t.len > 1 && colon[-1] == ':'))
            continue; /* x::batch is a cast */
        wb_lexer ahead = *l;
        t = wb_lex_next(&ahead);
        if (t.p != colon + 1 || !wb_token_is(t, "batch"))
            continue;
        *mark = (wb_str){ colon, t.len + 1 };
        *l = ahead;
        return true;
    }
}

void wb_batch_fill(const wb_sql_options *options, const char *statement, size_t len, uint64_t size, wb_buf *out)
{
    wb_lexer l;
    wb_str mark;
    const char *p = statement;
    wb_lex_start(&l, options, statement, len);
    for (; wb_batch_mark_next(&l, &mark); p = mark.p + mark.len) {
        wb_buf_add(out, p, (size_t)(mark.p - p));
        wb_buf_addf(out, "%llu", (unsigned long long)size);
    }
    wb_buf_add(out, p, (size_t)(statement + len - p));
}

/* ---- variables ---- */

typedef struct filling {
    wb_ctx *cx;
    const wb_sql_options *options;
    const wb_directives *directives;
    const char *text;
    size_t len;
    wb_variable_fn value_of;
    void *user;
    wb_buf *out;
} filling;

typedef struct use { /* ${name:kind} */
    const char *start, *end;
    const char *name; /* as declared */
    wb_str kind;
} use;

static int fail_at(filling *f, const char *at, int rc)
{
    uint32_t line, column;
    wb_text_place(f->text, f->len, (size_t)(at - f->text), f->options->first_line, &line, &column);
    wb_at(f->cx, NULL, line, column);
    return rc;
}

static const char *declared_name(const wb_directives *d, wb_str name)
{
    for (size_t i = 0; i < d->variable_count; i++) {
        if (wb_str_eq(name, d->variables[i]))
            return d->variables[i];
    }
    return NULL;
}

enum { USE_MAX = 256 }; /* bytes of one ${name:kind} */

/* The next use of a declared variable in [p, end). Others are no business of ours. */
static bool find_use(const filling *f, const char *p, const char *end, use *out)
{
    for (; (p = p < end ? memchr(p, '$', (size_t)(end - p)) : NULL); p++) {
        if (end - p < 4 || p[1] != '{')
            continue;
        size_t left = (size_t)(end - p);
        const char *close = memchr(p, '}', left < USE_MAX ? left : USE_MAX);
        if (!close)
            continue;
        wb_str inside = { p + 2, (size_t)(close - p) - 2 };
        const char *colon = memchr(inside.p, ':', inside.len);
        wb_str name = { inside.p, colon ? (size_t)(colon - inside.p) : inside.len };
        const char *declared = declared_name(f->directives, name);
        if (!declared)
            continue;
        *out = (use){ .start = p, .end = close + 1, .name = declared };
        if (colon)
            out->kind = (wb_str){ colon + 1, (size_t)(close - colon) - 1 };
        return true;
    }
    return false;
}

/* Text that means the same in a dollar quote, whatever quotes and comments that text has inside. */
static bool is_plain_value(const char *value)
{
    for (const char *p = value; *p; p++) {
        bool is_fine = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                       strchr("_ .@:/+", *p) || (*p == '-' && p[1] != '-') || (uint8_t)*p >= 0x80;
        if (!is_fine || (*p == '/' && p[1] == '*'))
            return false;
    }
    return true;
}

static int put_value(filling *f, const use *u, bool in_dollar_quote)
{
    wb_dialect dialect = f->options->dialect;
    const char *value = f->value_of(f->user, u->name);
    if (!value)
        return fail_at(f, u->start,
                       wb_fail(f->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "variable %s has no value", u->name));
    if (in_dollar_quote && !is_plain_value(value)) {
        int rc = wb_fail(f->cx, WBL_E_INVALID, WBL_EFFECT_NONE,
                         "the value of variable %s has characters that are not safe inside a dollar quote", u->name);
        wb_hint(f->cx, "Letters, digits, blanks and _ - . @ : / + are.");
        return fail_at(f, u->start, rc);
    }
    if (wb_str_eq(u->kind, "ident")) {
        wb_sql_ident(f->out, dialect, value);
    } else if (wb_str_eq(u->kind, "literal")) {
        wb_sql_literal(f->out, dialect, value, strlen(value));
    } else {
        int rc =
            wb_fail(f->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "variable %s is used without :ident or :literal", u->name);
        wb_hint(f->cx, "Write ${%s:ident} for a name and ${%s:literal} for a text.", u->name, u->name);
        return fail_at(f, u->start, rc);
    }
    return 0;
}

static int put_filled(filling *f, const char *p, const char *end, bool in_dollar_quote)
{
    use u;
    while (find_use(f, p, end, &u)) {
        wb_buf_add(f->out, p, (size_t)(u.start - p));
        int rc = put_value(f, &u, in_dollar_quote);
        if (rc != 0)
            return rc;
        p = u.end;
    }
    wb_buf_add(f->out, p, (size_t)(end - p));
    return 0;
}

static int put_quoted(filling *f, wb_token t)
{
    use u;
    if (find_use(f, t.p, t.p + t.len, &u)) {
        int rc = wb_fail(f->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "variable %s is used inside quotes", u.name);
        wb_hint(f->cx, "Remove the quotes around it: ${%s:literal} and ${%s:ident} bring their own.", u.name, u.name);
        return fail_at(f, u.start, rc);
    }
    wb_buf_add(f->out, t.p, t.len);
    return 0;
}

static bool is_quoted(wb_token t) { return t.kind == WB_TOK_STRING || t.kind == WB_TOK_NAME; }

/* [p, end) without data of COPY. */
static int put_sql(filling *f, const char *p, const char *end)
{
    wb_lexer l;
    wb_lex_start(&l, f->options, p, (size_t)(end - p));
    for (;;) {
        wb_token t = wb_lex_any(&l);
        if (t.kind == WB_TOK_CLIENT) { /* the splitter will refuse it, or pass over its line */
            l.p++;
            continue;
        }
        bool is_last = t.kind == WB_TOK_END || t.kind == WB_TOK_FAULT;
        if (!is_last && t.kind != WB_TOK_COMMENT && t.kind != WB_TOK_DOLLAR && !is_quoted(t))
            continue;
        int rc = put_filled(f, p, t.p, false);
        if (rc != 0)
            return rc;
        if (is_last) {
            wb_buf_add(f->out, t.p, (size_t)(end - t.p));
            return 0;
        }
        if (is_quoted(t))
            rc = put_quoted(f, t);
        else if (t.kind == WB_TOK_DOLLAR)
            rc = put_filled(f, t.p, t.p + t.len, true);
        else
            wb_buf_add(f->out, t.p, t.len);
        if (rc != 0)
            return rc;
        p = t.p + t.len;
    }
}

typedef struct copy_cut {
    filling *f;
    const char *done;
} copy_cut;

/* Where DELIMITER lines stand between statements, each statement is read by itself: a delimiter such as $$ is no quote. */
static int put_statement(copy_cut *c, const wb_statement *st)
{
    const char *p = c->f->text + st->offset;
    wb_buf_add(c->f->out, c->done, (size_t)(p - c->done));
    c->done = p + st->len;
    return put_sql(c->f, p, c->done);
}

static int put_up_to_data(void *user, const wb_statement *st)
{
    copy_cut *c = user;
    if (wb_dialect_table_get(c->f->options->dialect)->has_delimiter_lines)
        return put_statement(c, st);
    if (!st->has_copy_data)
        return 0;
    const char *data = c->f->text + st->copy_offset;
    int rc = put_sql(c->f, c->done, data);
    wb_buf_add(c->f->out, data, st->copy_len);
    c->done = data + st->copy_len;
    return rc;
}

static int check_values(filling *f)
{
    for (size_t i = 0; i < f->directives->variable_count; i++) {
        const char *name = f->directives->variables[i];
        if (!f->value_of(f->user, name)) {
            int rc = wb_fail(f->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "variable %s has no value", name);
            wb_hint(f->cx, "Set it in the configuration, or remove it from the variables directive.");
            return rc;
        }
    }
    return 0;
}

int wb_variables_apply(wb_ctx *cx, const wb_sql_options *options, const wb_directives *directives, const char *text,
                       size_t len, wb_variable_fn value_of, void *user, wb_buf *out)
{
    filling f = { cx, options, directives, text, len, value_of, user, out };
    use u;
    int rc = check_values(&f);
    if (rc != 0)
        return rc;
    if (!find_use(&f, text, text + len, &u)) {
        wb_buf_add(out, text, len);
    } else {
        copy_cut c = { &f, text };
        rc = wb_split(cx, options, text, len, false, put_up_to_data, &c);
        if (rc == 0 && wb_dialect_table_get(options->dialect)->has_delimiter_lines)
            wb_buf_add(out, c.done, (size_t)(text + len - c.done));
        else if (rc == 0)
            rc = put_sql(&f, c.done, text + len);
        if (rc != 0)
            return rc;
    }
    return out->bad ? wb_nomem(cx) : 0;
}
