/*
 * directives.c - read `-- whimbrel:` comments.
 *
 * Those about the whole file stand above the first statement; batch stands above its statement. A directive that is
 * misspelt or out of place is an error: silence would run a script in a way that its author did not want.
 * Owns nothing: names go to the caller's arena.
 */
#include "sql/directive.h"
#include "sql/lex.h"

#include <string.h>

typedef struct reading {
    wb_ctx *cx;
    const wb_sql_options *options;
    const char *text;
    wb_arena *mem;
    wb_directives found;
    wb_require *requires;
    size_t require_cap;
    const char **variables;
    size_t variable_cap;
    uint32_t seen;  /* bits of directive_rows */
    bool has_batch; /* that waits for its statement */
    uint32_t batch_line, batch_column;
    uint32_t line, column; /* of the directive being read */
} reading;

/* ---- words ---- */

static bool is_separator(char c) { return c == ' ' || c == '\t' || c == ',' || c == '\r'; }

static bool next_word(wb_str *rest, wb_str *word)
{
    while (rest->len > 0 && is_separator(*rest->p)) {
        rest->p++;
        rest->len--;
    }
    size_t len = 0;
    while (len < rest->len && !is_separator(rest->p[len]))
        len++;
    *word = (wb_str){ rest->p, len };
    rest->p += len;
    rest->len -= len;
    return len > 0;
}

void wb_directive_cut(wb_str directive, wb_str *word, wb_str *rest)
{
    *rest = wb_str_trim(directive);
    size_t len = 0;
    while (len < rest->len && !is_separator(rest->p[len]))
        len++;
    *word = (wb_str){ rest->p, len };
    *rest = wb_str_trim((wb_str){ rest->p + len, rest->len - len });
    for (size_t i = 0; i + 1 < rest->len; i++) { /* a remark may follow */
        if (rest->p[i] == '-' && rest->p[i + 1] == '-' && (i == 0 || is_separator(rest->p[i - 1]))) {
            *rest = wb_str_trim((wb_str){ rest->p, i });
            break;
        }
    }
}

/* What is shown of the user's own text in a message. */
static int shown_len(wb_str s) { return (int)wb_utf8_cut(s.p, s.len, 60); }

static int malformed(wb_ctx *cx, wb_str value, const char *wanted)
{
    if (value.len == 0)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s is missing", wanted);
    return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "\"%.*s\" is not %s", shown_len(value), value.p, wanted);
}

static bool read_number(wb_str s, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || n > UINT64_MAX / 100)
            return false;
        n = n * 10 + (uint64_t)(s.p[i] - '0');
    }
    *out = n;
    return s.len > 0;
}

static bool read_duration(wb_str s, int64_t *out_ms)
{
    char text[32];
    if (s.len == 0 || s.len >= sizeof text)
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = 0;
    return wb_parse_duration(text, out_ms) == 0 && *out_ms >= 0;
}

/* ---- batch ---- */

static int read_batch_option(wb_ctx *cx, wb_str word, wb_batch *b)
{
    const char *equals = memchr(word.p, '=', word.len);
    wb_str key = { word.p, equals ? (size_t)(equals - word.p) : word.len };
    wb_str value = { equals ? equals + 1 : word.p + word.len, equals ? word.len - key.len - 1 : 0 };
    if (wb_str_ieq(key, "size"))
        return read_number(value, &b->size) && b->size > 0 ? 0 : malformed(cx, value, "a number of rows, size=5000");
    if (wb_str_ieq(key, "pause"))
        return read_duration(value, &b->pause_ms) ? 0 : malformed(cx, value, "a duration, pause=50ms");
    if (wb_str_ieq(key, "max"))
        return read_number(value, &b->max) && b->max > 0 ? 0 : malformed(cx, value, "a number of rounds, max=100");
    return malformed(cx, word, "an option of batch: size=, pause= or max=");
}

int wb_batch_read(wb_ctx *cx, wb_str text, wb_batch *out)
{
    wb_batch b = { 0 };
    wb_str word;
    while (next_word(&text, &word)) {
        int rc = read_batch_option(cx, word, &b);
        if (rc != 0)
            return rc;
    }
    if (b.size == 0)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "batch needs size=, the number of rows of one round");
    *out = b;
    return 0;
}

/* ---- the directives of a file ---- */

static int read_flag(reading *r, wb_str rest, bool *flag)
{
    if (rest.len > 0)
        return wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "\"%.*s\" is too much: this directive takes no value",
                       shown_len(rest), rest.p);
    *flag = true;
    return 0;
}

static int read_no_transaction(reading *r, wb_str rest) { return read_flag(r, rest, &r->found.no_transaction); }

static int read_out_of_order(reading *r, wb_str rest) { return read_flag(r, rest, &r->found.out_of_order); }

static int read_lock_timeout(reading *r, wb_str rest)
{
    return read_duration(rest, &r->found.lock_timeout_ms) ? 0 : malformed(r->cx, rest, "a duration like 2s");
}

static int read_statement_timeout(reading *r, wb_str rest)
{
    return read_duration(rest, &r->found.statement_timeout_ms) ? 0 : malformed(r->cx, rest, "a duration like 30s");
}

static int read_foreign_keys(reading *r, wb_str rest)
{
    if (wb_str_ieq(rest, "off"))
        r->found.foreign_keys = WB_OFF;
    else if (wb_str_ieq(rest, "on"))
        r->found.foreign_keys = WB_ON;
    else
        return malformed(r->cx, rest, "on or off");
    return 0;
}

static bool is_plain_name(wb_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '-' || c == '.' || (uint8_t)c >= 0x80;
        if (!is_fine)
            return false;
    }
    return s.len > 0;
}

static int read_requires(reading *r, wb_str rest)
{
    wb_str word;
    if (rest.len == 0)
        return malformed(r->cx, rest, "a namespace, such as core or identity@2,");
    while (next_word(&rest, &word)) {
        const char *mark = memchr(word.p, '@', word.len);
        wb_str ns = { word.p, mark ? (size_t)(mark - word.p) : word.len };
        wb_str version = { mark ? mark + 1 : NULL, mark ? word.len - ns.len - 1 : 0 };
        if (!is_plain_name(ns) || (mark && !is_plain_name(version)))
            return malformed(r->cx, word, "namespace or namespace@version");
        wb_require *q = WB_PUSH(r->mem, r->requires, r->found.require_count, r->require_cap);
        if (!q)
            return wb_nomem(r->cx);
        q->ns = wb_arena_str(r->mem, ns.p, ns.len);
        q->version = mark ? wb_arena_str(r->mem, version.p, version.len) : NULL;
        if (!q->ns || (mark && !q->version))
            return wb_nomem(r->cx);
    }
    return 0;
}

static int read_variables(reading *r, wb_str rest)
{
    wb_str word;
    if (rest.len == 0)
        return malformed(r->cx, rest, "a name of a variable");
    while (next_word(&rest, &word)) {
        if (!is_plain_name(word))
            return malformed(r->cx, word, "a name of a variable");
        const char *name = wb_arena_str(r->mem, word.p, word.len);
        const char **slot = name ? WB_PUSH(r->mem, r->variables, r->found.variable_count, r->variable_cap) : NULL;
        if (!slot)
            return wb_nomem(r->cx);
        *slot = name;
    }
    return 0;
}

static const struct directive_row {
    const char *name;
    bool may_repeat;
    int (*read)(reading *, wb_str rest); /* NULL: somebody else reads it */
} directive_rows[] = {
    { "no-transaction", false, read_no_transaction },
    { "out-of-order", false, read_out_of_order },
    { "lock-timeout", false, read_lock_timeout },
    { "statement-timeout", false, read_statement_timeout },
    { "foreign-keys", false, read_foreign_keys },
    { "requires", true, read_requires },
    { "variables", true, read_variables },
    { "batch", true, NULL }, /* wb_split() */
    { "up", true, NULL },    /* a file that holds both directions is cut there before it comes here */
    { "down", true, NULL },
};

static int unknown_directive(reading *r, wb_str word)
{
    const char *names[WB_COUNT(directive_rows)];
    char text[64];
    for (size_t i = 0; i < WB_COUNT(names); i++)
        names[i] = directive_rows[i].name;
    wb_copy_text(text, sizeof text, word.p, word.len);
    const char *near = wb_nearest(text, names, WB_COUNT(names));
    int rc = word.len == 0 ? wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "directive has no name")
                           : wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "unknown directive \"%.*s\"",
                                     shown_len(word), word.p);
    if (near)
        wb_hint(r->cx, "Did you mean \"%s\"?", near);
    else
        wb_hint(r->cx, "Known are no-transaction, out-of-order, lock-timeout, statement-timeout, foreign-keys, "
                       "requires, variables and batch.");
    return rc;
}

static int note_batch(reading *r, const wb_directive_place *d)
{
    if (d->is_inside)
        return wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "batch stands inside a statement; it belongs above it");
    if (r->has_batch)
        return wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "two batch directives stand above one statement");
    r->has_batch = true;
    r->batch_line = r->line;
    r->batch_column = r->column;
    return 0;
}

static int read_directive(reading *r, const wb_directive_place *d, wb_str word, wb_str rest)
{
    if (wb_str_ieq(word, "batch"))
        return note_batch(r, d);
    for (size_t i = 0; i < WB_COUNT(directive_rows); i++) {
        const struct directive_row *row = &directive_rows[i];
        if (!wb_str_ieq(word, row->name))
            continue;
        if (!row->read)
            return 0;
        if (d->statements_before > 0 || d->is_inside) {
            int rc = wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "directive %s stands below a statement", row->name);
            wb_hint(r->cx, "It is about the whole file: move it to the top, above the first statement.");
            return rc;
        }
        if (!row->may_repeat && (r->seen & (1u << i)))
            return wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "directive %s is given twice", row->name);
        r->seen |= 1u << i;
        return row->read(r, rest);
    }
    return unknown_directive(r, word);
}

static int see_directive(void *user, const wb_directive_place *d)
{
    reading *r = user;
    wb_str word, rest;
    if (d->is_client_line)
        return 0;
    wb_directive_cut(d->text, &word, &rest);
    r->line = d->line;
    r->column = d->column + (uint32_t)(word.p - d->text.p);
    int rc = read_directive(r, d, word, rest);
    if (rc != 0)
        wb_at(r->cx, NULL, r->line, r->column);
    return rc;
}

/* ---- the statement below batch ---- */

static bool has_batch_mark(const reading *r, const wb_statement *st)
{
    wb_lexer l;
    wb_str mark;
    wb_lex_start(&l, r->options, r->text + st->offset, st->len);
    return wb_batch_mark_next(&l, &mark);
}

static bool can_be_batched(const reading *r, const wb_statement *st)
{
    static const char *const verbs[] = { "update", "delete", "insert", "with" };
    wb_lexer l;
    wb_lex_start(&l, r->options, r->text + st->offset, st->len);
    wb_token t = wb_lex_next(&l);
    for (size_t i = 0; i < WB_COUNT(verbs); i++) {
        if (wb_token_is(t, verbs[i]))
            return st->cls == WB_STMT_DML;
    }
    return false;
}

static int see_statement(void *user, const wb_statement *st)
{
    reading *r = user;
    int rc = 0;
    if (st->batch.size == 0)
        return 0;
    r->has_batch = false;
    if (!can_be_batched(r, st)) {
        rc = wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "batch needs an UPDATE, DELETE or INSERT ... SELECT below");
    } else if (!has_batch_mark(r, st)) {
        rc = wb_fail(r->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the statement below batch has no :batch");
        wb_hint(r->cx, "Limit it by the number of rows, as in WHERE id IN (SELECT id FROM t WHERE ... LIMIT :batch).");
    }
    if (rc != 0)
        wb_at(r->cx, NULL, r->batch_line, r->batch_column);
    return rc;
}

/* Most scripts have none, and need not be lexed to know it. */
static bool may_have_directive(const char *text, size_t len)
{
    static const char name[] = "whimbrel";
    const size_t n = sizeof name - 1;
    for (const char *p = text, *end = text + len; (p = memchr(p, ':', (size_t)(end - p))) != NULL; p++) {
        const char *q = p;
        while (q > text && (q[-1] == ' ' || q[-1] == '\t'))
            q--;
        if ((size_t)(q - text) >= n && wb_word_eq(q - n, n, name))
            return true;
    }
    return false;
}

int wb_directives_read(wb_ctx *cx, wb_arena *mem, const wb_sql_options *options, const char *text, size_t len,
                       wb_directives *out)
{
    reading r = {
        .cx = cx,
        .options = options,
        .text = text,
        .mem = mem,
        .found = { .lock_timeout_ms = -1, .statement_timeout_ms = -1 },
    };
    int rc = !len || !may_have_directive(text, len) ? 0 : wb_split_watched(cx, options, text, len, true, see_statement, see_directive, &r);
    if (rc != 0)
        return rc;
    if (r.has_batch) {
        rc = wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "there is no statement below batch");
        wb_at(cx, NULL, r.batch_line, r.batch_column);
        return rc;
    }
    r.found.requires = r.requires;
    r.found.variables = r.variables;
    *out = r.found;
    return 0;
}
