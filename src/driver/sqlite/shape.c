/*
 * shape.c - take the text of CREATE statements apart, into objects that can be compared.
 *
 * SQLite keeps the text of each CREATE statement in sqlite_schema, and nothing else: every pragma reads it from there,
 * and none tells all of it (checks, generated columns, deferrable keys). So the text itself is read: one query for the
 * whole catalog, whatever its size. The text was accepted by SQLite, so this reader checks nothing; a token that it
 * does not expect becomes part of the definition, so that no difference is lost.
 *
 * Canonical text: tokens with one blank between them, no comments, words in lower case, "name" without quotes where it
 * needs none (ALTER TABLE ... RENAME puts quotes into the stored text).
 * Owns nothing: text goes to the arena of the caller. Facts: SQLite, lang_createtable.html, tokenreq.html.
 */
#include "driver/sqlite/lite.h"

#include <string.h>

/* ---- tokens ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c) || c == '$' || (c & 0x80);
}
static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static const char *skip_blank(const char *p, const char *end)
{
    while (p < end) {
        if (is_blank(*p)) {
            p++;
        } else if (end - p >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) {
            p += 3; /* a byte-order mark is a blank wherever it stands */
        } else if (end - p >= 2 && p[0] == '-' && p[1] == '-') {
            const char *line = memchr(p, '\n', (size_t)(end - p));
            p = line ? line + 1 : end;
        } else if (end - p >= 2 && p[0] == '/' && p[1] == '*') {
            for (p += 2; p < end && !(p[0] == '*' && p + 1 < end && p[1] == '/');)
                p++;
            p = end - p >= 2 ? p + 2 : end;
        } else {
            break;
        }
    }
    return p;
}

static const char *skip_quoted(const char *p, const char *end)
{
    char close = *p == '[' ? ']' : *p;
    for (p++; p < end; p++) {
        if (*p != close)
            continue;
        if (close == ']' || p + 1 == end || p[1] != close)
            return p + 1;
        p++;
    }
    return end;
}

lite_token lite_token_next(const char **at, const char *end)
{
    static const char pairs[][3] = { "<>", "<=", ">=", "!=", "==", "||", "<<", ">>", "->" };
    const char *p = skip_blank(*at, end);
    if (p >= end) {
        *at = end;
        return (lite_token){ 0 };
    }
    lite_token t = { .p = p, .kind = 'p' };
    if (*p == '\'' || *p == '"' || *p == '`' || *p == '[') {
        t.kind = *p == '\'' ? '\'' : '"';
        p = skip_quoted(p, end);
    } else if ((*p == 'x' || *p == 'X') && end - p > 1 && p[1] == '\'') {
        t.kind = '\'';
        p = skip_quoted(p + 1, end);
    } else if (is_digit(*p) || (*p == '.' && end - p > 1 && is_digit(p[1]))) {
        t.kind = '0';
        while (p < end && (is_word(*p) || *p == '.'))
            p++;
    } else if (is_word(*p)) {
        t.kind = 'w';
        while (p < end && is_word(*p))
            p++;
    } else {
        p++;
        for (size_t i = 0; p < end && i < WB_COUNT(pairs); i++)
            if (t.p[0] == pairs[i][0] && *p == pairs[i][1]) {
                p++;
                break;
            }
    }
    t.len = (size_t)(p - t.p);
    *at = p;
    return t;
}

bool lite_token_is(lite_token t, const char *word)
{
    return t.p && t.kind == 'w' && wb_str_ieq((wb_str){ t.p, t.len }, word);
}

static bool is_sign(lite_token t, char c) { return t.p && t.kind == 'p' && t.len == 1 && *t.p == c; }

/* ---- canonical text ---- */

static bool is_plain(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_word(p[i]) || p[i] == '$' || (i == 0 && is_digit(p[i])))
            return false;
    return len > 0;
}

/* The bytes of a quoted name without its quotes. */
static void add_unquoted(wb_buf *b, lite_token t)
{
    char close = *t.p == '[' ? ']' : *t.p;
    for (size_t i = 1; i + 1 < t.len; i++) {
        wb_buf_char(b, t.p[i]);
        if (t.p[i] == close && t.p[i + 1] == close && i + 2 < t.len)
            i++;
    }
}

static void add_lower(wb_buf *b, const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        wb_buf_char(b, lower(p[i]));
}

static void add_token(wb_buf *b, lite_token t)
{
    if (t.kind == '"' && t.len >= 2 && is_plain(t.p + 1, t.len - 2)) {
        add_lower(b, t.p + 1, t.len - 2);
    } else if (t.kind == '"') {
        wb_buf_char(b, '"');
        add_unquoted(b, t);
        wb_buf_char(b, '"');
    } else if (t.kind == 'w' || t.kind == '0') {
        add_lower(b, t.p, t.len);
    } else {
        wb_buf_add(b, t.p, t.len);
    }
}

/* A bracket belongs to the word before it (a type, a function, a table) unless that is one of these. */
static bool takes_blank(lite_token before)
{
    static const char *const words[] = { "and",   "or",      "not",  "in",    "when",   "then",   "else",
                                         "as",    "is",      "on",   "where", "select", "values", "like",
                                         "check", "default", "case", "from",  "by",     "exists", "between" };
    for (size_t i = 0; i < WB_COUNT(words); i++)
        if (lite_token_is(before, words[i]))
            return true;
    return before.kind != 'w' && before.kind != '"';
}

static bool is_glued(lite_token before, lite_token t)
{
    if (!before.p || is_sign(before, '(') || is_sign(before, '.'))
        return true;
    if (is_sign(t, '('))
        return !takes_blank(before);
    return is_sign(t, ')') || is_sign(t, ',') || is_sign(t, '.') || is_sign(t, ';');
}

static void add_next(wb_buf *b, lite_token *before, lite_token t)
{
    if (!is_glued(*before, t))
        wb_buf_char(b, ' ');
    add_token(b, t);
    *before = t;
}

/* ---- objects ---- */

wb_object *lite_shape_add(lite_shapes *out, const char *kind, const char *name, const char *parent,
                          const char *definition)
{
    wb_object *o = name && definition ? WB_PUSH(out->mem, out->objects, out->count, out->cap) : NULL;
    if (o)
        *o = (wb_object){ .kind = kind, .name = name, .parent = parent, .definition = definition, .is_valid = true };
    return o;
}

static char *keep(wb_arena *mem, wb_buf *b)
{
    const char *text = wb_buf_cstr(b);
    return text ? wb_arena_str(mem, text, b->len) : NULL;
}

typedef struct reader {
    lite_shapes *out;
    const char *table; /* in the arena */
    const char *at, *end;
    lite_token t;           /* the token that is looked at */
    const char *constraint; /* CONSTRAINT name in front; NULL */
    wb_buf column, text;    /* of the column that is being read; of one constraint */
    bool has_failed;
} reader;

static void next(reader *r) { r->t = lite_token_next(&r->at, r->end); }

static bool take(reader *r, const char *word)
{
    bool is_it = lite_token_is(r->t, word);
    if (is_it)
        next(r);
    return is_it;
}

static char *token_name(wb_arena *mem, lite_token t)
{
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    if (t.kind == '"' || t.kind == '\'')
        add_unquoted(&b, t);
    else
        wb_buf_add(&b, t.p, t.len);
    return keep(mem, &b);
}

/* From "(" to its ")", both included. */
static void take_bracket(reader *r, wb_buf *b)
{
    lite_token before = { 0 };
    for (int depth = 0; r->t.p;) {
        depth += is_sign(r->t, '(') - is_sign(r->t, ')');
        add_next(b, &before, r->t);
        next(r);
        if (depth == 0)
            return;
    }
}

/* ON CONFLICT name */
static void take_conflict(reader *r, wb_buf *b)
{
    if (!take(r, "on"))
        return;
    wb_buf_str(b, " on conflict ");
    next(r);
    if (r->t.p)
        add_token(b, r->t);
    next(r);
}

/* "what" alone names a constraint that has no name of its own. */
static void add_constraint(reader *r, const char *what)
{
    wb_arena *mem = r->out->mem;
    char *name = wb_arena_fmt(mem, "%s.%s", r->table, r->constraint ? r->constraint : what);
    if (!lite_shape_add(r->out, "constraint", name, r->table, keep(mem, &r->text)))
        r->has_failed = true;
    r->constraint = NULL;
}

/* ---- constraints: column is NULL in those of the table, which bring their own columns ---- */

static void take_columns(reader *r, const char *column)
{
    if (!column) {
        take_bracket(r, &r->text);
        return;
    }
    size_t len = strlen(column);
    wb_buf_char(&r->text, '(');
    if (is_plain(column, len))
        add_lower(&r->text, column, len);
    else
        wb_buf_addf(&r->text, "\"%s\"", column);
    wb_buf_char(&r->text, ')');
}

static void read_primary_key(reader *r, const char *column)
{
    next(r);
    take(r, "key");
    wb_buf_str(&r->text, "primary key ");
    take_columns(r, column);
    take(r, "asc");
    if (take(r, "desc"))
        wb_buf_str(&r->text, " desc");
    take_conflict(r, &r->text);
    if (take(r, "autoincrement"))
        wb_buf_str(&r->text, " autoincrement");
    add_constraint(r, "primary key");
}

/* What the constraint says so far is its name, when it has none of its own. */
static const char *name_so_far(reader *r)
{
    char *name = keep(r->out->mem, &r->text);
    r->has_failed = r->has_failed || !name;
    return name ? name : "";
}

static void read_unique(reader *r, const char *column)
{
    next(r);
    wb_buf_str(&r->text, "unique ");
    take_columns(r, column);
    const char *name = name_so_far(r);
    take_conflict(r, &r->text);
    add_constraint(r, name);
}

static void read_check(reader *r)
{
    next(r);
    wb_buf_str(&r->text, "check ");
    take_bracket(r, &r->text);
    const char *name = name_so_far(r);
    take_conflict(r, &r->text);
    add_constraint(r, name);
}

/* ON DELETE CASCADE, and so on. What is the default anyway is left out. */
static void take_action(reader *r)
{
    bool is_delete = lite_token_is(r->t, "delete");
    next(r);
    WB_AUTOBUF wb_buf action = WB_BUF(WB_TEXT_MAX);
    bool is_two_words = lite_token_is(r->t, "set") || lite_token_is(r->t, "no");
    for (int i = 0; i < 1 + is_two_words && r->t.p; i++) {
        wb_buf_str(&action, i ? " " : "");
        add_token(&action, r->t);
        next(r);
    }
    const char *text = wb_buf_cstr(&action);
    r->has_failed = r->has_failed || !text;
    if (text && strcmp(text, "no action") != 0)
        wb_buf_addf(&r->text, " on %s %s", is_delete ? "delete" : "update", text);
}

/* [NOT] DEFERRABLE [INITIALLY DEFERRED | IMMEDIATE]: only one form differs from the default (foreignkeys.html, 4.2). */
static void take_deferrable(reader *r, bool is_negated)
{
    next(r);
    bool is_deferred = false;
    if (take(r, "initially")) {
        is_deferred = lite_token_is(r->t, "deferred");
        next(r);
    }
    if (is_deferred && !is_negated)
        wb_buf_str(&r->text, " deferrable initially deferred");
}

static void take_references(reader *r)
{
    next(r);
    wb_buf_str(&r->text, " references ");
    if (r->t.p)
        add_token(&r->text, r->t);
    next(r);
    if (is_sign(r->t, '('))
        take_bracket(r, &r->text);
    for (;;) {
        const char *back = r->at;
        lite_token word = r->t;
        if (take(r, "on")) {
            take_action(r);
        } else if (take(r, "match")) {
            next(r); /* parsed and not used by SQLite */
        } else if (lite_token_is(r->t, "deferrable")) {
            take_deferrable(r, false);
        } else if (take(r, "not")) {
            if (!lite_token_is(r->t, "deferrable")) { /* NOT NULL: the next constraint of the column */
                r->at = back;
                r->t = word;
                return;
            }
            take_deferrable(r, true);
        } else {
            return;
        }
    }
}

static void read_foreign_key(reader *r, const char *column)
{
    if (!column) {
        next(r);
        take(r, "key");
    }
    wb_buf_str(&r->text, "foreign key ");
    take_columns(r, column);
    const char *name = name_so_far(r);
    if (lite_token_is(r->t, "references"))
        take_references(r);
    add_constraint(r, name);
}

/* True when the token begins a constraint, which is then read to its end. */
static bool read_constraint(reader *r, const char *column)
{
    wb_buf_clear(&r->text);
    if (take(r, "constraint")) {
        r->constraint = r->t.p ? token_name(r->out->mem, r->t) : NULL;
        r->has_failed = r->has_failed || !r->constraint;
        next(r);
    } else if (lite_token_is(r->t, "primary")) {
        read_primary_key(r, column);
    } else if (lite_token_is(r->t, "unique")) {
        read_unique(r, column);
    } else if (lite_token_is(r->t, "check")) {
        read_check(r);
    } else if (lite_token_is(r->t, column ? "references" : "foreign")) {
        read_foreign_key(r, column);
    } else {
        return false;
    }
    return true;
}

/* ---- columns ---- */

typedef struct column_parts {
    bool is_not_null;
    wb_buf fallback, collation, generated; /* default_text, collate, generated as */
} column_parts;

static void parts_done(column_parts *c)
{
    wb_buf_done(&c->fallback);
    wb_buf_done(&c->collation);
    wb_buf_done(&c->generated);
}

static bool begins_constraint(lite_token t)
{
    static const char *const words[] = { "constraint", "primary", "not",        "null",      "unique", "check",
                                         "default",    "collate", "references", "generated", "as" };
    for (size_t i = 0; i < WB_COUNT(words); i++)
        if (lite_token_is(t, words[i]))
            return true;
    return false;
}

static void take_default(reader *r, wb_buf *b)
{
    next(r);
    wb_buf_str(b, " default ");
    if (is_sign(r->t, '(')) {
        take_bracket(r, b);
        return;
    }
    bool is_signed = is_sign(r->t, '-') || is_sign(r->t, '+');
    for (int i = 0; i < 1 + is_signed && r->t.p; i++) {
        add_token(b, r->t);
        next(r);
    }
}

static void take_generated(reader *r, wb_buf *b)
{
    if (take(r, "generated"))
        take(r, "always");
    take(r, "as");
    wb_buf_str(b, " generated always as ");
    if (is_sign(r->t, '('))
        take_bracket(r, b);
    if (take(r, "stored"))
        wb_buf_str(b, " stored");
    else
        take(r, "virtual"); /* the default */
}

static void read_column_part(reader *r, column_parts *c, lite_token *before)
{
    if (take(r, "not")) {
        c->is_not_null = c->is_not_null || lite_token_is(r->t, "null");
        next(r);
        take_conflict(r, &r->column);
    } else if (take(r, "null")) {
        take_conflict(r, &r->column);
    } else if (lite_token_is(r->t, "default")) {
        take_default(r, &c->fallback);
    } else if (take(r, "collate")) {
        wb_buf_str(&c->collation, " collate ");
        if (r->t.p)
            add_token(&c->collation, r->t);
        next(r);
    } else if (lite_token_is(r->t, "generated") || lite_token_is(r->t, "as")) {
        take_generated(r, &c->generated);
    } else {
        add_next(&r->column, before, r->t); /* part of the type, or new in SQLite */
        next(r);
    }
}

static void add_part(reader *r, wb_buf *part)
{
    if (part->len)
        wb_buf_add(&r->column, part->p, part->len);
    r->has_failed = r->has_failed || part->bad;
}

static void read_column(reader *r)
{
    wb_arena *mem = r->out->mem;
    WB_CLEANUP(parts_done)
    column_parts c = { .fallback = WB_BUF(WB_FILE_SIZE_MAX),
                       .collation = WB_BUF(WB_FILE_SIZE_MAX),
                       .generated = WB_BUF(WB_FILE_SIZE_MAX) };
    lite_token before = { 0 };
    char *column = token_name(mem, r->t);
    if (!column) {
        r->has_failed = true;
        return;
    }
    next(r);
    wb_buf_clear(&r->column);
    while (r->t.p && !begins_constraint(r->t) && !is_sign(r->t, ',') && !is_sign(r->t, ')')) {
        if (is_sign(r->t, '('))
            take_bracket(r, &r->column);
        else
            read_column_part(r, &c, &before);
    }
    while (r->t.p && !is_sign(r->t, ',') && !is_sign(r->t, ')') && !r->has_failed)
        if (!read_constraint(r, column))
            read_column_part(r, &c, &before);
    if (c.is_not_null)
        wb_buf_str(&r->column, r->column.len ? " not null" : "not null");
    add_part(r, &c.fallback);
    add_part(r, &c.collation);
    add_part(r, &c.generated);
    char *name = wb_arena_fmt(mem, "%s.%s", r->table, column);
    if (!lite_shape_add(r->out, "column", name, r->table, keep(mem, &r->column)))
        r->has_failed = true;
}

static bool begins_table_constraint(lite_token t)
{
    return lite_token_is(t, "constraint") || lite_token_is(t, "primary") || lite_token_is(t, "unique") ||
           lite_token_is(t, "check") || lite_token_is(t, "foreign");
}

/* What stands between the outer brackets. */
static void read_items(reader *r)
{
    while (r->t.p && !is_sign(r->t, ')') && !r->has_failed) {
        if (begins_table_constraint(r->t))
            read_constraint(r, NULL); /* SQLite does not ask for a comma behind it */
        else if (is_sign(r->t, ','))
            next(r);
        else
            read_column(r);
    }
    next(r);
}

/* The rest, from the token that is looked at. */
static char *take_rest(reader *r)
{
    lite_token before = { 0 };
    wb_buf_clear(&r->text);
    while (r->t.p) {
        add_next(&r->text, &before, r->t);
        next(r);
    }
    return keep(r->out->mem, &r->text);
}

static reader reader_of(lite_shapes *out, const char *table, const char *sql)
{
    reader r = { .out = out, .table = table, .at = sql, .end = sql + strlen(sql) };
    r.column = r.text = WB_BUF(WB_FILE_SIZE_MAX);
    next(&r);
    return r;
}

static void reader_done(reader *r)
{
    wb_buf_done(&r->column);
    wb_buf_done(&r->text);
}

int lite_shape_table(wb_ctx *cx, lite_shapes *out, const char *table, const char *sql)
{
    WB_CLEANUP(reader_done) reader r = reader_of(out, table, sql);
    take(&r, "create");
    bool is_virtual = lite_token_is(r.t, "virtual");
    if (is_virtual) {
        while (r.t.p && !lite_token_is(r.t, "using"))
            next(&r);
    } else {
        while (r.t.p && !is_sign(r.t, '('))
            next(&r);
        next(&r);
        read_items(&r);
    }
    char *options = take_rest(&r); /* WITHOUT ROWID, STRICT; USING fts5(...) */
    char *definition = options && is_virtual ? wb_arena_fmt(out->mem, "virtual %s", options) : options;
    if (r.has_failed || !lite_shape_add(out, "table", table, NULL, definition))
        return wb_nomem(cx);
    return 0;
}

int lite_shape_other(wb_ctx *cx, lite_shapes *out, const char *kind, const char *name, const char *table,
                     const char *sql)
{
    WB_CLEANUP(reader_done) reader r = reader_of(out, table, sql);
    bool is_unique = false;
    while (r.t.p && !lite_token_is(r.t, kind)) { /* CREATE, UNIQUE, TEMP */
        is_unique = is_unique || lite_token_is(r.t, "unique");
        next(&r);
    }
    next(&r);
    if (take(&r, "if")) {
        take(&r, "not");
        take(&r, "exists");
    }
    for (next(&r); is_sign(r.t, '.'); next(&r))
        next(&r);
    bool is_index = strcmp(kind, "index") == 0, is_view = strcmp(kind, "view") == 0;
    while (is_index && r.t.p && !is_sign(r.t, '('))
        next(&r); /* ON table: it is the parent */
    if (is_view)
        take(&r, "as");
    char *definition = take_rest(&r);
    if (definition && is_unique)
        definition = wb_arena_fmt(out->mem, "unique %s", definition);
    if (!lite_shape_add(out, kind, name, is_view ? NULL : table, definition))
        return wb_nomem(cx);
    return 0;
}
