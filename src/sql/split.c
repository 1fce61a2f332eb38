/*
 * split.c - find the statements of a script.
 *
 * One forward pass without an allocation. The first words of a statement tell how it ends: most end at the next
 * terminator, which the lexer finds fast; bodies that hold statements of their own are read token by token.
 * Owns nothing. Facts: PostgreSQL 17, CREATE FUNCTION, CREATE RULE, COPY and psql; SQLite, lang_createtrigger and
 * complete.c; MySQL 8.4, 15.6 and the DELIMITER command of its client.
 */
#include "sql/classify.h"
#include "sql/compound.h"
#include "sql/directive.h"
#include "sql/lex.h"

#include <string.h>

typedef struct splitter {
    wb_ctx *cx;
    const wb_sql_options *options;
    wb_sql_options modes; /* the same, as the script's own SET has changed them */
    const char *text;
    wb_lexer lex;
    bool has_to_classify;
    wb_split_fn on_statement;
    wb_directive_fn on_directive; /* may be NULL */
    void *user;

    wb_statement st; /* the one being read */
    uint32_t count;
    bool is_inside;
    wb_batch batch; /* waits for its statement */

    const char *counted_to; /* line ends before this are counted */
    const char *line_start;
    uint32_t line;
} splitter;

/* ---- places ---- */

static void place_of(splitter *s, const char *at, uint32_t *line, uint32_t *column)
{
    while (s->counted_to < at) {
        const char *nl = memchr(s->counted_to, '\n', (size_t)(at - s->counted_to));
        if (!nl)
            break;
        s->line++;
        s->line_start = s->counted_to = nl + 1;
    }
    if (s->counted_to < at)
        s->counted_to = at;
    *line = s->line;
    *column = (uint32_t)(at - s->line_start) + 1;
}

/* Places are asked for from front to back, but for a fault: its opener may lie before what was counted. */
static int fail_at(splitter *s, const char *at, int rc)
{
    uint32_t line, column;
    wb_text_place(s->text, (size_t)(s->lex.end - s->text), (size_t)(at - s->text), s->options->first_line, &line,
                  &column);
    wb_at(s->cx, NULL, line, column);
    return rc;
}

static int refuse(splitter *s, const char *at, const char *message)
{
    int rc = wb_fail(s->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s", message);
    return fail_at(s, at, rc);
}

/* ---- what only a client understands ---- */

static wb_str client_name(const wb_lexer *l, const char *backslash)
{
    const char *p = backslash + 1;
    while (p < l->end && !(l->table->classes[(uint8_t)*p] & WB_CH_SPACE) && *p != '\\' && *p != ';')
        p++;
    return (wb_str){ backslash + 1, (size_t)(p - backslash - 1) };
}

static const wb_client_row *client_row(const splitter *s, wb_str name)
{
    const wb_client_row *row = s->lex.table->clients;
    while (row->name && !wb_str_eq(name, row->name))
        row++;
    return row;
}

static bool is_first_on_line(const splitter *s, const char *p)
{
    while (p > s->text && (p[-1] == ' ' || p[-1] == '\t'))
        p--;
    return p == s->text || p[-1] == '\n';
}

static int refuse_client(splitter *s, const char *backslash)
{
    wb_str name = client_name(&s->lex, backslash);
    int shown = (int)wb_utf8_cut(name.p, name.len, 40);
    int rc = wb_fail(s->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s command \\%.*s is not SQL", s->lex.table->client, shown,
                     name.p);
    wb_hint(s->cx, "%s", client_row(s, name)->hint);
    return fail_at(s, backslash, rc);
}

/* source, exit, ... of the mysql client: commands where a statement begins at the beginning of a line. */
static bool is_client_word(const splitter *s, wb_token t)
{
    const char *const *words = s->lex.table->client_words;
    if (!words || t.kind != WB_TOK_WORD || !is_first_on_line(s, t.p))
        return false;
    return wb_token_is_any(t, words) && !wb_token_is_symbol(wb_lex_peek(&s->lex), ':'); /* a label may be called so */
}

static int refuse_client_word(splitter *s, wb_token t)
{
    int rc = wb_fail(s->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s command %.*s is not SQL", s->lex.table->client,
                     (int)t.len, t.p);
    wb_hint(s->cx, "%s", client_row(s, (wb_str){ t.p, t.len })->hint);
    return fail_at(s, t.p, rc);
}

/* A line that we take and the server must not get: the text can't be sent as a whole. */
static int note_client_line(splitter *s)
{
    wb_directive_place d = { .is_client_line = true, .statements_before = s->count };
    return s->on_directive ? s->on_directive(s->user, &d) : 0;
}

static bool pass_client_line(splitter *s, const char *backslash)
{
    if (client_row(s, client_name(&s->lex, backslash))->hint)
        return false;
    const char *nl = memchr(backslash, '\n', (size_t)(s->lex.end - backslash));
    s->lex.p = s->lex.solid = s->lex.floor = nl ? nl : s->lex.end;
    return true;
}

/* The value ends at a blank, as in the client; a comment may follow, which the client passes over without a word. */
static bool cut_delimiter(wb_str line, wb_str *value)
{
    char quote = *line.p == '\'' || *line.p == '"' || *line.p == '`' ? *line.p : 0;
    size_t start = quote ? 1 : 0, len = start;
    while (len < line.len && (quote ? line.p[len] != quote : line.p[len] != ' ' && line.p[len] != '\t'))
        len++;
    *value = (wb_str){ line.p + start, len - start };
    if (quote && len++ == line.len)
        return false;
    wb_str rest = wb_str_trim((wb_str){ line.p + len, line.len - len });
    return rest.len == 0 || *rest.p == '#' ||
           (rest.len > 1 && (memcmp(rest.p, "--", 2) == 0 || memcmp(rest.p, "/*", 2) == 0));
}

static int take_delimiter(splitter *s, const char *word_end)
{
    enum { DELIMITER_MAX = 15 }; /* mysql.cc cuts a longer one */
    wb_lexer *l = &s->lex;
    const char *nl = memchr(word_end, '\n', (size_t)(l->end - word_end));
    const char *line_end = nl ? nl : l->end;
    wb_str rest = wb_str_trim((wb_str){ word_end, (size_t)(line_end - word_end) }), value = { 0 };
    if (rest.len == 0)
        return refuse(s, word_end, "DELIMITER has no value");
    if (!cut_delimiter(rest, &value))
        return refuse(s, value.p + value.len, "text behind the value of DELIMITER");
    if (value.len == 0)
        return refuse(s, rest.p, "DELIMITER has no value");
    if (memchr(value.p, '\\', value.len))
        return refuse(s, value.p, "DELIMITER has a backslash in its value");
    if (value.len > DELIMITER_MAX)
        return refuse(s, value.p, "DELIMITER is longer than 15 bytes");
    l->delimiter = value;
    l->p = l->solid = l->floor = line_end;
    return note_client_line(s);
}

/* DELIMITER on a line inside of a statement: its delimiter was forgotten, and all that follows would become part of it. */
static bool is_lost_delimiter(const splitter *s, wb_token t)
{
    static const char odd[] = ";$/|\\#@!%^&*~:";
    if (!s->lex.table->has_delimiter_lines || !wb_token_is(t, "delimiter") || !is_first_on_line(s, t.p))
        return false;
    const char *p = t.p + t.len;
    while (p < s->lex.end && (*p == ' ' || *p == '\t'))
        p++;
    return p > t.p + t.len && p < s->lex.end && *p && strchr(odd, *p);
}

static int stop(splitter *s, wb_token t)
{
    if (t.kind == WB_TOK_CLIENT)
        return refuse_client(s, t.p);
    if (s->lex.stopped != 0)
        return s->lex.stopped;
    return refuse(s, s->lex.fault_at, s->lex.fault);
}

static bool ends_reading(wb_token t) { return t.kind <= WB_TOK_TERMINATOR || t.kind == WB_TOK_CLIENT; }

/* ---- directives ---- */

static int meet_directive(void *user, wb_str comment)
{
    splitter *s = user;
    wb_str word, rest;
    wb_directive_place d = {
        .text = wb_lex_directive(comment),
        .statements_before = s->count,
        .is_inside = s->is_inside,
    };
    place_of(s, d.text.p, &d.line, &d.column);
    wb_directive_cut(d.text, &word, &rest);
    if (wb_str_ieq(word, "batch") && !s->is_inside) {
        int rc = wb_batch_read(s->cx, rest, &s->batch);
        if (rc != 0)
            return fail_at(s, word.p, rc);
    }
    return s->on_directive ? s->on_directive(s->user, &d) : 0;
}

/* ---- how a statement ends: each reads on from token t and returns the one that ended it ---- */

static wb_token read_plain(splitter *s, wb_token t)
{
    if (ends_reading(t))
        return t;
    if (wb_lex_has_plain_delimiter(&s->lex))
        return wb_lex_to_terminator(&s->lex);
    do {
        t = wb_lex_next(&s->lex);
        if (is_lost_delimiter(s, t)) {
            s->lex.fault = "DELIMITER stands inside of a statement: the delimiter before it is missing";
            s->lex.fault_at = t.p;
            t.kind = WB_TOK_FAULT;
        }
    } while (!ends_reading(t));
    return t;
}

/*
 * CREATE FUNCTION ... BEGIN ATOMIC a; b; END. No statement of a body begins with END, so an END right behind a
 * semicolon (or behind ATOMIC) closes the body, whatever CASE expressions and column labels stand in between.
 */
static wb_token read_routine(splitter *s, wb_token t)
{
    bool is_open = false, after_begin = false, at_start = false;
    int depth = 0;
    const char *body = NULL;
    for (; t.kind != WB_TOK_TERMINATOR || is_open; t = wb_lex_next(&s->lex)) {
        if (t.kind != WB_TOK_TERMINATOR && ends_reading(t))
            break;
        if (is_open) {
            if (at_start && wb_token_is(t, "end"))
                is_open = false;
            at_start = t.kind == WB_TOK_TERMINATOR;
            continue;
        }
        if (after_begin && wb_token_is(t, "atomic")) {
            is_open = at_start = true;
            body = t.p;
        }
        depth += wb_token_is_symbol(t, '(') - wb_token_is_symbol(t, ')');
        after_begin = depth == 0 && wb_token_is(t, "begin");
    }
    if (t.kind == WB_TOK_END && is_open) {
        s->lex.fault = "BEGIN ATOMIC has no END";
        s->lex.fault_at = body;
        t.kind = WB_TOK_FAULT;
    }
    return t;
}

/* CREATE RULE ... DO (a; b) */
static wb_token read_rule(splitter *s, wb_token t)
{
    int depth = 0;
    for (; t.kind != WB_TOK_TERMINATOR || depth > 0; t = wb_lex_next(&s->lex)) {
        if (t.kind != WB_TOK_TERMINATOR && ends_reading(t))
            return t;
        depth += wb_token_is_symbol(t, '(') - wb_token_is_symbol(t, ')');
    }
    return t;
}

/* CREATE TRIGGER ... BEGIN a; b; END: the rule of sqlite3_complete(), END between two semicolons. */
static wb_token read_trigger(splitter *s, wb_token t)
{
    const char *body = NULL;
    bool is_open = false, at_start = false;
    for (; t.kind != WB_TOK_TERMINATOR || is_open; t = wb_lex_next(&s->lex)) {
        if (t.kind != WB_TOK_TERMINATOR && ends_reading(t))
            break;
        if (!body && wb_token_is(t, "begin")) {
            body = t.p;
            is_open = true;
        } else if (at_start && wb_token_is(t, "end")) {
            is_open = false;
        }
        at_start = t.kind == WB_TOK_TERMINATOR;
    }
    if (t.kind == WB_TOK_END && is_open) {
        s->lex.fault = "BEGIN of the trigger has no END";
        s->lex.fault_at = body;
        t.kind = WB_TOK_FAULT;
    }
    return t;
}

/* A stored program of MySQL. Between DELIMITER lines its semicolons end nothing. */
static wb_token read_stored(splitter *s, wb_form form, wb_token t)
{
    if (!wb_lex_has_plain_delimiter(&s->lex))
        return read_plain(s, t);
    switch (form) {
    case WB_FORM_STORED_ROUTINE: return wb_compound_routine(&s->lex, t);
    case WB_FORM_STORED_TRIGGER: return wb_compound_trigger(&s->lex, t);
    case WB_FORM_STORED_EVENT: return wb_compound_event(&s->lex, t);
    default: return wb_compound_block(&s->lex, t);
    }
}

static wb_token read_package(splitter *s, wb_token t)
{
    if (!wb_lex_has_plain_delimiter(&s->lex))
        return read_plain(s, t);
    s->lex.fault = "CREATE PACKAGE needs a DELIMITER line above it, so that its end can be told";
    s->lex.fault_at = s->text + s->st.offset;
    t.kind = WB_TOK_FAULT;
    return t;
}

/* COPY t FROM STDIN. FROM STDOUT is the same to the server (gram.y, copy_file_name). */
static wb_token read_copy(splitter *s, wb_token t)
{
    int depth = 0;
    bool from_client = false, is_binary = false;
    wb_token before = t;
    for (; !ends_reading(t); t = wb_lex_next(&s->lex)) {
        depth += wb_token_is_symbol(t, '(') - wb_token_is_symbol(t, ')');
        if (depth == 0 && wb_token_is(before, "from"))
            from_client |= wb_token_is(t, "stdin") || wb_token_is(t, "stdout");
        if (wb_token_is(t, "binary"))
            is_binary |= depth == 0 || wb_token_is(before, "format");
        else if (wb_token_is(before, "format") && t.kind >= WB_TOK_NAME && t.len == sizeof "'binary'" - 1)
            is_binary |= wb_word_eq(t.p + 1, t.len - 2, "binary");
        before = t;
    }
    s->st.has_copy_data = from_client && !is_binary;
    return t;
}

/* Words that may stand between CREATE and the word that matters. */
static bool is_passed_over(wb_token t)
{
    static const char *const words[] = { "or", "replace", "temp", "temporary", "aggregate", NULL };
    return wb_token_is_any(t, words);
}

/* The next token that the server reads as one. */
static wb_token next_word(splitter *s)
{
    wb_token t;
    do {
        t = wb_lex_next(&s->lex);
    } while (t.kind == WB_TOK_MARK);
    return t;
}

static wb_form form_of_create(splitter *s, wb_token *t)
{
    enum { DEFINER_TOKENS_MAX = 16 }; /* DEFINER = 'user'@'host' SQL SECURITY INVOKER */
    int left = 0;
    for (;;) {
        *t = next_word(s);
        if (ends_reading(*t))
            return WB_FORM_PLAIN;
        for (const wb_form_row *row = s->lex.table->forms; row->word; row++) {
            if (wb_token_is(*t, row->word))
                return row->form;
        }
        if (wb_token_is(*t, "definer"))
            left = DEFINER_TOKENS_MAX;
        else if (left > 0 ? --left == 0 || wb_token_is(*t, "view") : !is_passed_over(*t))
            return WB_FORM_PLAIN;
    }
}

/* Cheap to see, since nearly no statement begins with one: a colon or a comment comes next. */
static bool may_be_label(const splitter *s, wb_token t)
{
    const char *p = t.p + t.len;
    while (p < s->lex.end && (s->lex.table->classes[(uint8_t)*p] & WB_CH_SPACE))
        p++;
    return p < s->lex.end && (*p == ':' || *p == '/' || *p == '#' || *p == '-');
}

/* ALTER EVENT may hold a block, and MariaDB runs a block by itself. A label may stand before it. */
static wb_form form_of_block(splitter *s, wb_token *t)
{
    static const char *const openers[] = { "if", "case", "loop", "while", "repeat", "for", NULL };
    if (t->kind != WB_TOK_WORD && t->kind != WB_TOK_NAME)
        return WB_FORM_PLAIN;
    if (wb_token_is_any(*t, openers))
        return WB_FORM_BLOCK;
    if (wb_token_is(*t, "alter")) {
        wb_form form = form_of_create(s, t);
        return form == WB_FORM_STORED_EVENT ? form : WB_FORM_PLAIN;
    }
    if (!may_be_label(s, *t) && !wb_token_is(*t, "begin"))
        return WB_FORM_PLAIN;
    wb_token next = wb_lex_peek(&s->lex);
    bool is_block = wb_token_is_symbol(next, ':') || (wb_token_is(*t, "begin") && wb_token_is(next, "not"));
    return is_block ? WB_FORM_BLOCK : WB_FORM_PLAIN;
}

static wb_form form_of(splitter *s, wb_token *t)
{
    const wb_dialect_table *d = s->lex.table;
    if (d->has_copy && wb_token_is(*t, "copy"))
        return WB_FORM_COPY;
    if (wb_token_is(*t, "explain") && d->forms->form == WB_FORM_TRIGGER) {
        do { /* SQLite explains CREATE TRIGGER too */
            *t = wb_lex_next(&s->lex);
        } while (wb_token_is(*t, "query") || wb_token_is(*t, "plan"));
    }
    if (wb_token_is(*t, "create"))
        return form_of_create(s, t);
    return d->has_blocks ? form_of_block(s, t) : WB_FORM_PLAIN;
}

static wb_token read_statement(splitter *s, wb_token t)
{
    wb_form form = form_of(s, &t);
    switch (form) {
    case WB_FORM_PLAIN: return read_plain(s, t);
    case WB_FORM_ROUTINE: return read_routine(s, t);
    case WB_FORM_RULE: return read_rule(s, t);
    case WB_FORM_TRIGGER: return read_trigger(s, t);
    case WB_FORM_COPY: return read_copy(s, t);
    case WB_FORM_STORED_ROUTINE:
    case WB_FORM_STORED_TRIGGER:
    case WB_FORM_STORED_EVENT:
    case WB_FORM_BLOCK: return read_stored(s, form, t);
    case WB_FORM_PACKAGE: return read_package(s, t);
    }
    return t;
}

/* ---- the data of COPY ---- */

static bool is_data_end(const char *line, const char *line_end)
{
    size_t len = (size_t)(line_end - line);
    if (len == 3 && line[2] == '\r')
        len = 2;
    return len == 2 && line[0] == '\\' && line[1] == '.';
}

/* The data begins on the line after the statement and ends before a line that is \. alone. */
static int take_copy_data(splitter *s, wb_token terminator)
{
    wb_lexer *l = &s->lex;
    const char *at = s->text + s->st.offset;
    if (terminator.kind == WB_TOK_END)
        return refuse(s, at, "COPY ... FROM STDIN has no data");
    const char *nl = memchr(l->p, '\n', (size_t)(l->end - l->p));
    if (!nl)
        return refuse(s, at, "COPY ... FROM STDIN has no data");
    wb_str rest = wb_str_trim((wb_str){ l->p, (size_t)(nl - l->p) });
    if (rest.len > 0 && !(rest.len > 1 && memcmp(rest.p, "--", 2) == 0))
        return refuse(s, rest.p, "text behind COPY ... FROM STDIN; on the same line");

    const char *data = nl + 1;
    for (const char *p = data; p < l->end; p = nl + 1) {
        nl = memchr(p, '\n', (size_t)(l->end - p));
        if (!nl)
            nl = l->end;
        if (is_data_end(p, nl)) {
            s->st.copy_offset = (size_t)(data - s->text);
            s->st.copy_len = (size_t)(p - data);
            l->p = l->solid = l->floor = nl;
            return 0;
        }
        if (nl == l->end)
            break;
    }
    int rc = refuse(s, at, "data of COPY ... FROM STDIN has no end");
    wb_hint(s->cx, "Put a line with \\. alone behind the data.");
    return rc;
}

/* ---- the pass ---- */

static void follow_set(splitter *s)
{
    s->lex.table->follow_set(s->options, s->text + s->st.offset, s->st.len, &s->modes);
    s->lex.has_backslash_strings = s->modes.backslash_quotes;
    s->lex.has_double_quoted_strings = s->lex.table->has_double_quoted_strings && !s->modes.ansi_quotes;
}

/* The first token behind the opener of a version comment; such a comment may be empty. */
static wb_token behind_marks(splitter *s, wb_token t) { return t.kind == WB_TOK_MARK ? next_word(s) : t; }

static int take_statement(splitter *s, wb_token first)
{
    s->st = (wb_statement){ .index = s->count + 1, .offset = (size_t)(first.p - s->text), .batch = s->batch };
    s->batch = (wb_batch){ 0 };
    place_of(s, first.p, &s->st.line, &s->st.column);
    wb_lex_mark(&s->lex, first.p);

    s->is_inside = true;
    wb_token begin = behind_marks(s, first), last = read_statement(s, begin);
    s->is_inside = false;
    if (last.kind != WB_TOK_TERMINATOR && last.kind != WB_TOK_END)
        return stop(s, last);
    if (s->lex.in_code)
        return refuse(s, s->lex.in_code, "a statement ends inside of this version comment");
    if (ends_reading(begin)) {
        s->batch = s->st.batch;
        return 0;
    }
    s->st.len = (size_t)(wb_lex_close(&s->lex, last.p) - first.p);
    s->st.text = (wb_str){ first.p, s->st.len };
    if (s->st.has_copy_data) {
        int rc = take_copy_data(s, last);
        if (rc != 0)
            return rc;
    }
    s->count++;
    if (s->has_to_classify)
        wb_classify(&s->modes, s->text, &s->st);
    int rc = s->on_statement(s->user, &s->st);
    if (rc == 0 && s->lex.table->follow_set && wb_token_is(begin, "set"))
        follow_set(s);
    return rc;
}

static bool begins_with_mark(const char *p, size_t len) { return len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0; }

/* Between statements: passes over empty ones and over lines that are for a client. */
static int find_first_token(splitter *s, wb_token *out)
{
    for (;;) {
        wb_token t = wb_lex_next(&s->lex);
        if (t.kind == WB_TOK_CLIENT && pass_client_line(s, t.p)) {
            int rc = note_client_line(s);
            if (rc != 0)
                return rc;
            continue;
        }
        if (t.kind == WB_TOK_FAULT || t.kind == WB_TOK_CLIENT)
            return stop(s, t);
        if (t.kind == WB_TOK_TERMINATOR)
            continue;
        if (s->lex.table->has_marks_between && begins_with_mark(t.p, t.len)) {
            s->lex.p = s->lex.solid = t.p + 3; /* files with marks were put together */
            continue;
        }
        if (is_client_word(s, t))
            return refuse_client_word(s, t);
        if (s->lex.table->has_delimiter_lines && wb_token_is(t, "delimiter")) {
            int rc = take_delimiter(s, t.p + t.len);
            if (rc != 0)
                return rc;
            continue;
        }
        *out = t;
        return 0;
    }
}

static int split_all(splitter *s)
{
    for (;;) {
        wb_token first = { 0 };
        int rc = find_first_token(s, &first);
        if (rc != 0 || first.kind == WB_TOK_END)
            return rc;
        rc = take_statement(s, first);
        if (rc != 0)
            return rc;
    }
}

int wb_split_watched(wb_ctx *cx, const wb_sql_options *options, const char *text, size_t len, bool classify,
                     wb_split_fn on_statement, wb_directive_fn on_directive, void *user)
{
    splitter s = {
        .cx = cx,
        .options = options,
        .modes = *options,
        .text = text,
        .has_to_classify = classify,
        .on_statement = on_statement,
        .on_directive = on_directive,
        .user = user,
        .counted_to = text,
        .line_start = text,
        .line = options->first_line ? options->first_line : 1,
    };
    if (options->dialect == WB_SQL_NONE)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "text of a database without SQL was split");
    wb_lex_start(&s.lex, options, text, len);
    s.lex.on_directive = meet_directive;
    s.lex.user = &s;
    const char *zero = len > 0 ? memchr(text, 0, len) : NULL;
    if (zero)
        return refuse(&s, zero, "text holds a NUL byte");
    if (begins_with_mark(text, len))
        s.lex.p = s.lex.solid = s.lex.floor = text + 3;
    return split_all(&s);
}

int wb_split(wb_ctx *cx, const wb_sql_options *options, const char *text, size_t len, bool classify,
             wb_split_fn on_statement, void *user)
{
    return wb_split_watched(cx, options, text, len, classify, on_statement, NULL, user);
}

/* ---- one statement ---- */

typedef struct finder {
    uint32_t index;
    wb_statement found;
} finder;

static int stop_at_index(void *user, const wb_statement *st)
{
    finder *f = user;
    if (st->index != f->index)
        return 0;
    f->found = *st;
    return 1;
}

int wb_statement_find(wb_ctx *cx, const wb_sql_options *options, const char *text, size_t len, uint32_t index,
                      wb_statement *out)
{
    finder f = { .index = index };
    int rc = wb_split(cx, options, text, len, true, stop_at_index, &f);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the script has no statement %u", index);
    *out = f.found;
    return 0;
}

void wb_text_place(const char *text, size_t len, size_t offset, uint32_t first_line, uint32_t *line, uint32_t *column)
{
    const char *p = text, *end = text + (offset < len ? offset : len);
    uint32_t lines = first_line ? first_line : 1;
    for (const char *nl; p < end && (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1)
        lines++;
    *line = lines;
    *column = (uint32_t)(end - p) + 1;
}
