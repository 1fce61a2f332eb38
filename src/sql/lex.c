/*
 * lex.c - cut SQL text into tokens, and pass over what is not interesting at the speed of memory.
 *
 * Two ways through a text that must agree: token by token (wb_lex_any), and from stop character to stop character
 * (wb_lex_to_terminator), which is what makes large files of INSERTs cheap. Both use the same functions for quotes and
 * comments. Facts: PostgreSQL 17, 4.1 and scan.l; SQLite, tokenize.c; MySQL 8.4, 11.1 and 11.7.
 */
#include "sql/lex.h"

#include <string.h>

/* ---- small helpers ---- */

static uint8_t class_of(const wb_lexer *l, const char *p) { return l->table->classes[(uint8_t)*p]; }

bool wb_word_eq(const char *p, size_t len, const char *lower_word)
{
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if (c != lower_word[i] || c == 0)
            return false;
    }
    return lower_word[len] == 0;
}

bool wb_token_is(wb_token t, const char *lower_word)
{
    return t.kind == WB_TOK_WORD && wb_word_eq(t.p, t.len, lower_word);
}

bool wb_token_is_any(wb_token t, const char *const *lower_words)
{
    while (*lower_words && !wb_token_is(t, *lower_words))
        lower_words++;
    return *lower_words != NULL;
}

bool wb_token_is_symbol(wb_token t, char c) { return t.kind == WB_TOK_SYMBOL && t.len == 1 && *t.p == c; }

/* The quotes came with programs in JavaScript (MySQL 9.0, 27.3). Before, and in MariaDB, $$ is a name. */
static bool has_dollar_quotes(const wb_dialect_table *d, const wb_sql_options *o)
{
    if (d->has_late_dollar_quotes)
        return !o->is_mariadb && (o->server_version == 0 || o->server_version >= 90000);
    return d->has_dollar_quotes;
}

void wb_lex_start(wb_lexer *l, const wb_sql_options *options, const char *text, size_t len)
{
    const wb_dialect_table *d = wb_dialect_table_get(options->dialect);
    *l = (wb_lexer){
        .table = d,
        .p = text,
        .end = text + len,
        .delimiter = { ";", 1 },
        .has_backslash_strings = options->backslash_quotes,
        .has_double_quoted_strings = d->has_double_quoted_strings && !options->ansi_quotes,
        .has_dollar_quotes = has_dollar_quotes(d, options),
        .is_mariadb = options->is_mariadb,
        .version = options->server_version,
        .solid = text,
        .floor = text,
        .content_end = text,
    };
}

void wb_lex_mark(wb_lexer *l, const char *start)
{
    l->floor = start;
    l->content_end = start;
}

const char *wb_lex_close(wb_lexer *l, const char *at)
{
    const char *q = at;
    while (q > l->floor && (class_of(l, q - 1) & WB_CH_SPACE))
        q--;
    if (q > l->floor)
        l->content_end = q;
    return l->content_end;
}

static wb_token token_to(wb_lexer *l, wb_token_kind kind, const char *start, const char *end)
{
    l->p = end;
    return (wb_token){ kind, start, (size_t)(end - start) };
}

static wb_token fault(wb_lexer *l, const char *at, const char *text)
{
    l->fault = text;
    l->fault_at = at;
    return (wb_token){ WB_TOK_FAULT, at, 0 };
}

static bool is_at_delimiter(const wb_lexer *l, const char *p)
{
    size_t len = l->delimiter.len;
    return (size_t)(l->end - p) >= len && memcmp(p, l->delimiter.p, len) == 0;
}

bool wb_lex_has_plain_delimiter(const wb_lexer *l) { return l->delimiter.len == 1 && *l->delimiter.p == ';'; }

/* ---- quotes: p stands behind the opener; the result stands behind the closer, NULL when there is none ---- */

static const char *end_of_doubled(const wb_lexer *l, const char *p, char quote)
{
    for (;;) {
        p = memchr(p, quote, (size_t)(l->end - p));
        if (!p)
            return NULL;
        p++;
        if (p == l->end || *p != quote)
            return p;
        p++;
    }
}

static const char *end_of_escaped(const wb_lexer *l, const char *p, char quote)
{
    while (p < l->end) {
        char c = *p++;
        if (c == '\\' && p < l->end) {
            p++;
        } else if (c == quote) {
            if (p == l->end || *p != quote)
                return p;
            p++;
        }
    }
    return NULL;
}

/*
 * PostgreSQL glues string constants that are parted by white space with a line end in it, and the second part of E'...'
 * has escapes too although no E stands before it. Returns the place behind its opening quote, or NULL.
 */
static const char *continued_string(const wb_lexer *l, const char *p)
{
    bool has_line_end = false;
    for (; p < l->end; p++) {
        if (*p == '\n' || *p == '\r') {
            has_line_end = true;
        } else if (*p == '-' && l->end - p > 1 && p[1] == '-') {
            p = memchr(p, '\n', (size_t)(l->end - p));
            if (!p)
                return NULL;
            has_line_end = true;
        } else if (!(class_of(l, p) & WB_CH_SPACE)) {
            return has_line_end && *p == '\'' ? p + 1 : NULL;
        }
    }
    return NULL;
}

static const char *end_of_escape_string(const wb_lexer *l, const char *p)
{
    for (;;) {
        const char *end = end_of_escaped(l, p, '\'');
        const char *next = end ? continued_string(l, end) : NULL;
        if (!next)
            return end;
        p = next;
    }
}

static wb_token string_token(wb_lexer *l, const char *start, const char *open, bool has_escapes)
{
    const char *end;
    if (has_escapes && l->table->has_escape_strings)
        end = end_of_escape_string(l, open + 1);
    else if (has_escapes)
        end = end_of_escaped(l, open + 1, *open);
    else
        end = end_of_doubled(l, open + 1, *open);
    if (!end)
        return fault(l, start, "string has no closing quote");
    l->solid = end;
    return token_to(l, WB_TOK_STRING, start, end);
}

static wb_token name_token(wb_lexer *l, const char *start, const char *open)
{
    char close = *open == '[' ? ']' : *open;
    const char *end;
    if (close == ']') {
        end = memchr(open, close, (size_t)(l->end - open));
        end = end ? end + 1 : NULL;
    } else {
        end = end_of_doubled(l, open + 1, close);
    }
    if (!end)
        return fault(l, start, "quoted name has no closing quote");
    l->solid = end;
    return token_to(l, WB_TOK_NAME, start, end);
}

/* $tag$ ... $tag$, or a lone $. The tag is a name without a dollar sign, or nothing. */
static wb_token dollar_token(wb_lexer *l)
{
    const char *start = l->p, *q = start + 1;
    if (q < l->end && (class_of(l, q) & WB_CH_DIGIT)) { /* $1 */
        while (q < l->end && (class_of(l, q) & WB_CH_IN_WORD))
            q++;
        return token_to(l, WB_TOK_NUMBER, start, q);
    }
    while (q < l->end && (class_of(l, q) & (WB_CH_WORD | WB_CH_DIGIT)))
        q++;
    if (q == l->end || *q != '$') {
        l->solid = start + 1;
        return token_to(l, WB_TOK_SYMBOL, start, start + 1);
    }

    size_t tag_len = (size_t)(q + 1 - start);
    for (q++; (q = memchr(q, '$', (size_t)(l->end - q))); q++) {
        if ((size_t)(l->end - q) < tag_len)
            break;
        if (memcmp(q, start, tag_len) == 0) {
            l->solid = q + tag_len;
            return token_to(l, WB_TOK_DOLLAR, start, q + tag_len);
        }
    }
    return fault(l, start, "dollar quote is never closed");
}

/* ---- comments ---- */

wb_str wb_lex_directive(wb_str comment)
{
    static const char name[] = "whimbrel";
    const char *p = comment.p, *end = p + comment.len;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    if ((size_t)(end - p) < sizeof name || !wb_word_eq(p, sizeof name - 1, name))
        return (wb_str){ NULL, 0 };
    p += sizeof name - 1;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    if (p == end || *p != ':')
        return (wb_str){ NULL, 0 };
    p++;
    return (wb_str){ p, (size_t)(end - p) };
}

static wb_token line_comment(wb_lexer *l, size_t opener_len)
{
    const char *start = l->p;
    const char *end = memchr(start, '\n', (size_t)(l->end - start));
    if (!end)
        end = l->end;
    l->solid = l->floor = end;
    if (l->on_directive) {
        wb_str text = { start + opener_len, (size_t)(end - start) - opener_len };
        if (wb_lex_directive(text).p && (l->stopped = l->on_directive(l->user, text)) != 0)
            return fault(l, start, "stopped");
    }
    return token_to(l, WB_TOK_COMMENT, start, end);
}

/* p stands behind the opener. Every opener and closer has an asterisk, so that is what to look for. */
static const char *end_of_block(const wb_lexer *l, const char *p)
{
    int depth = 1;
    for (;;) {
        const char *star = memchr(p, '*', (size_t)(l->end - p));
        if (!star)
            return NULL;
        if (l->table->has_nested_comments && star > p && star[-1] == '/') {
            depth++;
            p = star + 1;
        } else if (l->end - star > 1 && star[1] == '/') {
            p = star + 2;
            if (--depth == 0)
                return p;
        } else {
            p = star + 1;
        }
    }
}

static wb_token comment_to(wb_lexer *l, const char *start, const char *end)
{
    if (!end && !l->table->may_end_in_comment)
        return fault(l, start, "comment has no closing */");
    if (!end)
        end = l->end;
    l->solid = l->floor = end;
    return token_to(l, WB_TOK_COMMENT, start, end);
}

/* The end of a version comment that this server does not read: one comment may stand inside (sql_lex.cc). */
static const char *end_of_version(const wb_lexer *l, const char *p)
{
    bool is_inner = false;
    for (const char *q = p; (q = memchr(q, '*', (size_t)(l->end - q)));) {
        if (!is_inner && q > p && q[-1] == '/') {
            is_inner = true;
            p = ++q; /* its asterisk closes nothing */
        } else if (l->end - q > 1 && q[1] == '/') {
            p = q += 2;
            if (!is_inner)
                return q;
            is_inner = false;
        } else {
            q++;
        }
    }
    return NULL;
}

/* MySQL stops at its own version. MariaDB too, but it passes over what was written for MySQL 5.7 and newer; tried. */
static bool reads_version(const wb_lexer *l, uint32_t version, bool is_for_mariadb)
{
    uint32_t newest = l->version ? l->version : l->is_mariadb ? 999998 : 99998;
    if (version > newest)
        return false;
    return !l->is_mariadb || is_for_mariadb || version < 50700 || version > 99999;
}

/* Five or six digits; fewer are no version, but the first word of the code. */
static uint32_t version_at(const wb_lexer *l, const char **p)
{
    uint32_t version = 0;
    const char *q = *p;
    for (; q < l->end && q - *p < 6 && (class_of(l, q) & WB_CH_DIGIT); q++)
        version = version * 10 + (uint32_t)(*q - '0');
    if (q - *p < 5)
        return 0;
    *p = q;
    return version;
}

/* What stands in such a comment is code for some servers. p stands behind the exclamation mark. */
static wb_token version_comment(wb_lexer *l, const char *p, bool is_for_mariadb)
{
    const char *start = l->p, *inside = p;
    if (l->version == WB_VERSION_NONE) {
        const char *end = end_of_version(l, inside);
        if (!end)
            return fault(l, start, "comment has no closing */");
        l->solid = end;
        return token_to(l, WB_TOK_SYMBOL, start, end);
    }
    uint32_t version = version_at(l, &p);
    if (!reads_version(l, version, is_for_mariadb))
        return comment_to(l, start, end_of_version(l, inside));
    l->in_code = start;
    l->solid = p;
    return token_to(l, WB_TOK_MARK, start, p);
}

/* Optimizer hints are content only for a checksum: they name no object and begin no statement. */
static wb_token block_comment(wb_lexer *l)
{
    const char *start = l->p, *p = start + 2;
    if (l->table->has_version_comments && p < l->end) {
        bool is_for_mariadb = *p == 'M' && l->end - p > 1 && p[1] == '!';
        if (*p == '!')
            return version_comment(l, p + 1, false);
        if (is_for_mariadb && (l->is_mariadb || l->version == WB_VERSION_NONE))
            return version_comment(l, p + 2, true);
        const char *end = *p == '+' && l->version == WB_VERSION_NONE ? end_of_block(l, p) : NULL;
        if (end) {
            l->solid = end;
            return token_to(l, WB_TOK_SYMBOL, start, end);
        }
    }
    return comment_to(l, start, end_of_block(l, p));
}

static bool is_code_end(const wb_lexer *l, const char *p)
{
    return l->in_code && *p == '*' && l->end - p > 1 && p[1] == '/';
}

static wb_token code_end(wb_lexer *l)
{
    l->in_code = NULL;
    l->solid = l->p + 2;
    return token_to(l, WB_TOK_MARK, l->p, l->p + 2);
}

static bool is_dash_comment(const wb_lexer *l, const char *p)
{
    if (l->end - p < 2 || p[1] != '-')
        return false;
    return !l->table->needs_blank_after_dashes || l->end - p == 2 || (uint8_t)p[2] <= ' ' || p[2] == 0x7f;
}

static bool is_comment_start(const wb_lexer *l, const char *p)
{
    return (*p == '-' && is_dash_comment(l, p)) || (*p == '/' && l->end - p > 1 && p[1] == '*') ||
           (*p == '#' && l->table->has_hash_comments);
}

static wb_token comment_token(wb_lexer *l)
{
    wb_lex_close(l, l->p);
    if (*l->p == '/')
        return block_comment(l);
    return line_comment(l, *l->p == '#' ? 1 : 2);
}

/* ---- tokens ---- */

static bool is_inside_word(const wb_lexer *l, const char *p)
{
    return (class_of(l, p) & WB_CH_IN_WORD) && (wb_lex_has_plain_delimiter(l) || !is_at_delimiter(l, p));
}

/* A string or name whose first letters stand before the quote: E'x' X'x' U&'x' U&"x". NULL kind: there is none. */
static bool prefixed_token(wb_lexer *l, wb_token *out)
{
    const char *p = l->p;
    size_t left = (size_t)(l->end - p);
    char letter = (char)(*p | 0x20);
    if (left > 1 && p[1] == '\'' && strchr(l->table->string_prefixes, letter)) {
        *out = string_token(l, p, p + 1, letter == 'e' || l->has_backslash_strings); /* B'' and X'' hold none */
        return true;
    }
    if (left > 2 && letter == 'u' && p[1] == '&' && l->table->has_escape_strings) {
        if (p[2] == '\'')
            *out = string_token(l, p, p + 2, l->has_backslash_strings);
        else if (p[2] == '"')
            *out = name_token(l, p, p + 2);
        else
            return false;
        return true;
    }
    return false;
}

static wb_token word_token(wb_lexer *l)
{
    wb_token t;
    if (prefixed_token(l, &t))
        return t;
    const char *q = l->p + 1;
    while (q < l->end && is_inside_word(l, q))
        q++;
    return token_to(l, WB_TOK_WORD, l->p, q);
}

/* Digits alone, a hexadecimal number, or digits with an exponent; anything else may be a name (MySQL 8.4, 11.2). */
static bool is_number(const wb_lexer *l, const char *p, const char *end)
{
    const char *q = p;
    while (q < end && (class_of(l, q) & WB_CH_DIGIT))
        q++;
    if (q == end || (q - p == 1 && *p == '0' && (*q == 'x' || *q == 'b')))
        return true;
    if ((*q | 0x20) != 'e' || ++q == end)
        return q == end && end < l->end && (*end == '+' || *end == '-');
    while (q < end && (class_of(l, q) & WB_CH_DIGIT))
        q++;
    return q == end;
}

static wb_token number_token(wb_lexer *l)
{
    if (l->table->has_digit_names) {
        const char *end = l->p + 1;
        while (end < l->end && is_inside_word(l, end))
            end++;
        if (!is_number(l, l->p, end))
            return token_to(l, WB_TOK_WORD, l->p, end);
    }
    const char *q = l->p + 1;
    while (q < l->end && (is_inside_word(l, q) || (*q == '.' && !is_at_delimiter(l, q))))
        q++;
    return token_to(l, WB_TOK_NUMBER, l->p, q);
}

static wb_token symbol_token(wb_lexer *l)
{
    const char *q = l->p + 1;
    if (class_of(l, l->p) & WB_CH_OPERATOR) {
        while (q < l->end && (class_of(l, q) & WB_CH_OPERATOR) && !is_comment_start(l, q) && !is_code_end(l, q) &&
               (wb_lex_has_plain_delimiter(l) || !is_at_delimiter(l, q)))
            q++;
    }
    return token_to(l, WB_TOK_SYMBOL, l->p, q);
}

/* Whether $tag$ begins here, where $name is a name. Behind a dot it is one. */
static bool begins_dollar_quote(const wb_lexer *l, const char *p)
{
    if (p > l->solid && p[-1] == '.')
        return false;
    for (p++; p < l->end && (class_of(l, p) & (WB_CH_WORD | WB_CH_DIGIT)); p++)
        continue;
    return p < l->end && *p == '$';
}

/* At a character of class STOP that is not the delimiter: a quote, a comment, a backslash, or just itself. */
static wb_token stop_token(wb_lexer *l)
{
    const wb_dialect_table *d = l->table;
    char c = *l->p;
    if (is_comment_start(l, l->p))
        return comment_token(l);
    if (c == '\'' || (c == '"' && l->has_double_quoted_strings))
        return string_token(l, l->p, l->p, l->has_backslash_strings);
    if (c == '"' || (c == '`' && d->has_tick_names) || (c == '[' && d->has_bracket_names))
        return name_token(l, l->p, l->p);
    if (c == '$' && l->has_dollar_quotes && (!d->has_late_dollar_quotes || begins_dollar_quote(l, l->p)))
        return dollar_token(l);
    if (c == '$' && d->has_late_dollar_quotes)
        return word_token(l);
    if (c == '\\' && d->has_null_escape && l->end - l->p > 1 && l->p[1] == 'N') {
        l->solid = l->p + 2; /* a literal: what follows begins anew */
        return token_to(l, WB_TOK_NUMBER, l->p, l->p + 2);
    }
    if (c == '\\' && d->has_client_commands)
        return (wb_token){ WB_TOK_CLIENT, l->p, 1 };
    return symbol_token(l);
}

static wb_token at_end(wb_lexer *l)
{
    if (l->in_code)
        return fault(l, l->in_code, "version comment has no closing */");
    return (wb_token){ WB_TOK_END, l->end, 0 };
}

wb_token wb_lex_any(wb_lexer *l)
{
    while (l->p < l->end && (class_of(l, l->p) & WB_CH_SPACE))
        l->p++;
    if (l->p == l->end)
        return at_end(l);
    if (is_code_end(l, l->p))
        return code_end(l);
    if (is_at_delimiter(l, l->p))
        return token_to(l, WB_TOK_TERMINATOR, l->p, l->p + l->delimiter.len);
    uint8_t cls = class_of(l, l->p);
    if (cls & WB_CH_WORD)
        return word_token(l);
    if (cls & WB_CH_DIGIT)
        return number_token(l);
    if (cls & WB_CH_STOP)
        return stop_token(l);
    if ((cls & WB_CH_INSIDE) && l->end - l->p > 1 && (class_of(l, l->p + 1) & WB_CH_WORD))
        return word_token(l); /* $name, where a dollar sign is nothing special */
    return symbol_token(l);
}

wb_token wb_lex_next(wb_lexer *l)
{
    wb_token t;
    do {
        t = wb_lex_any(l);
    } while (t.kind == WB_TOK_COMMENT);
    return t;
}

wb_token wb_lex_peek(const wb_lexer *l)
{
    wb_lexer ahead = *l;
    wb_token t;
    ahead.on_directive = NULL; /* it will be met again */
    do {
        t = wb_lex_next(&ahead);
    } while (t.kind == WB_TOK_MARK);
    return t;
}

/* ---- the fast way ---- */

/* Whether the quote at p belongs to E'...', seen from behind. Nothing before `solid` counts. */
static bool has_escape_prefix(const wb_lexer *l, const char *p)
{
    if (p <= l->solid || (p[-1] | 0x20) != 'e' || !l->table->has_escape_strings)
        return false;
    return p - 1 == l->solid || !(class_of(l, p - 2) & WB_CH_IN_WORD);
}

/* A dollar sign behind a character of a word or number is part of it and opens no quote. */
static bool is_dollar_in_word(const wb_lexer *l, const char *p)
{
    return *p == '$' && p > l->solid && (class_of(l, p - 1) & WB_CH_IN_WORD);
}

static wb_token pass_stop(wb_lexer *l)
{
    if (*l->p == '\'' && has_escape_prefix(l, l->p))
        return string_token(l, l->p, l->p, true);
    if (*l->p == '/' && l->p > l->solid && is_code_end(l, l->p - 1)) {
        l->p--;
        return code_end(l);
    }
    if (is_dollar_in_word(l, l->p)) {
        const char *q = l->p;
        while (q < l->end && (class_of(l, q) & WB_CH_IN_WORD))
            q++;
        return token_to(l, WB_TOK_WORD, l->p, q);
    }
    return stop_token(l);
}

wb_token wb_lex_to_terminator(wb_lexer *l)
{
    wb_token t;
    if (!wb_lex_has_plain_delimiter(l)) {
        do {
            t = wb_lex_any(l);
        } while (t.kind > WB_TOK_TERMINATOR && t.kind != WB_TOK_CLIENT);
        return t;
    }
    const uint8_t *classes = l->table->classes;
    for (;;) {
        const char *p = l->p;
        while (p < l->end && !(classes[(uint8_t)*p] & WB_CH_STOP))
            p++;
        l->p = p;
        if (p == l->end)
            return at_end(l);
        if (*p == ';')
            return token_to(l, WB_TOK_TERMINATOR, p, p + 1);
        t = pass_stop(l);
        if (t.kind == WB_TOK_FAULT || t.kind == WB_TOK_CLIENT)
            return t;
    }
}
