/*
 * text.c - the driver's own small lexer: words, names, strings and signs of a statement.
 *
 * What a statement is about is told by sql.h. Here smaller questions are answered: where does the next statement of a
 * piece begin (pieces of several statements hold data changes only, so a semicolon outside quotes ends one), does a text
 * say a name, what type has a column in a clause, and which byte does "near '...' at line 3" mean.
 * Owns nothing. Facts: MySQL 8.4 manual, 11.1.1 (strings), 11.2 (names), 11.7 (comments).
 */
#include "driver/mysql/my.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' || (c & 0x80);
}

my_lexer my_lexer_of(const my_session *s, wb_str text)
{
    bool has_backslash = !s->conn || !(s->conn->server_status & SERVER_STATUS_NO_BACKSLASH_ESCAPES);
    return (my_lexer){ .p = text.p, .end = text.p + text.len, .has_backslash_quotes = has_backslash };
}

static bool at(const my_lexer *l, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(l->end - l->p) >= n && memcmp(l->p, word, n) == 0;
}

static void skip_line(my_lexer *l)
{
    while (l->p < l->end && *l->p != '\n')
        l->p++;
}

static void skip_block(my_lexer *l)
{
    l->p += 2;
    while (l->p < l->end && !at(l, "*/"))
        l->p++;
    l->p = l->end - l->p > 2 ? l->p + 2 : l->end;
}

static bool is_line_comment(const my_lexer *l)
{
    return *l->p == '#' || (at(l, "--") && (l->p + 2 == l->end || is_space(l->p[2])));
}

/* The content of a comment with ! in it is for the server, so its marks alone are passed over. */
static bool skip_version_mark(my_lexer *l)
{
    size_t n = at(l, "/*!") ? 3 : at(l, "/*M!") ? 4 : 0;
    if (n) {
        l->is_in_version_comment = true;
        for (l->p += n; l->p < l->end && is_digit(*l->p);)
            l->p++;
        return true;
    }
    if (l->is_in_version_comment && at(l, "*/")) {
        l->is_in_version_comment = false;
        l->p += 2;
        return true;
    }
    return false;
}

/* Blanks, and comments that the server does not look into. */
static void skip_plain(my_lexer *l)
{
    while (l->p < l->end) {
        if (is_space(*l->p))
            l->p++;
        else if (is_line_comment(l))
            skip_line(l);
        else if (at(l, "/*") && !at(l, "/*!") && !at(l, "/*M!"))
            skip_block(l);
        else
            return;
    }
}

static void skip_blanks(my_lexer *l)
{
    do
        skip_plain(l);
    while (l->p < l->end && skip_version_mark(l));
}

static wb_str take_quoted(my_lexer *l)
{
    const char *from = l->p, quote = *l->p++;
    bool has_backslash = l->has_backslash_quotes && quote != '`';
    for (; l->p < l->end; l->p++) {
        if (has_backslash && *l->p == '\\' && l->p + 1 < l->end)
            l->p++;
        else if (*l->p == quote && l->p + 1 < l->end && l->p[1] == quote)
            l->p++;
        else if (*l->p == quote)
            break;
    }
    if (l->p < l->end)
        l->p++;
    return (wb_str){ from, (size_t)(l->p - from) };
}

my_token my_next(my_lexer *l)
{
    skip_blanks(l);
    if (l->p >= l->end)
        return (my_token){ MY_TOK_END, { l->end, 0 } };
    char c = *l->p;
    if (c == '\'' || c == '"')
        return (my_token){ MY_TOK_STRING, take_quoted(l) };
    if (c == '`')
        return (my_token){ MY_TOK_NAME, take_quoted(l) };
    const char *from = l->p;
    while (l->p < l->end && is_word_byte(*l->p))
        l->p++;
    if (l->p > from)
        return (my_token){ MY_TOK_WORD, { from, (size_t)(l->p - from) } };
    l->p++;
    return (my_token){ MY_TOK_SIGN, { from, 1 } };
}

bool my_is_word(my_token t, const char *word) { return t.kind == MY_TOK_WORD && wb_str_ieq(t.text, word); }
bool my_is_sign(my_token t, char sign) { return t.kind == MY_TOK_SIGN && t.text.p[0] == sign; }

/* As a name or a word, outside of strings and comments. */
static size_t find_name(const my_session *s, wb_str text, wb_str name)
{
    my_lexer l = my_lexer_of(s, text);
    for (my_token t = my_next(&l); t.kind != MY_TOK_END; t = my_next(&l)) {
        bool is_quoted = t.kind == MY_TOK_NAME || (t.kind == MY_TOK_STRING && t.text.p[0] == '"');
        wb_str inner = is_quoted && t.text.len >= 2 ? (wb_str){ t.text.p + 1, t.text.len - 2 } : t.text;
        if ((is_quoted || t.kind == MY_TOK_WORD) && inner.len == name.len &&
            strncasecmp(inner.p, name.p, name.len) == 0)
            return (size_t)(t.text.p - text.p);
    }
    return SIZE_MAX;
}

bool my_says(const my_session *s, wb_str text, const char *name)
{
    return find_name(s, text, WB_STR(name)) != SIZE_MAX;
}

/* ---- statements of a piece ---- */

/* A comment with ! in it may be a whole statement, and belongs to it. */
wb_str my_statement_next(my_lexer *l)
{
    skip_plain(l);
    while (l->p < l->end && *l->p == ';') {
        l->p++;
        skip_plain(l);
    }
    const char *from = l->p;
    if (from >= l->end)
        return (wb_str){ NULL, 0 };
    my_token t = my_next(l);
    while (t.kind != MY_TOK_END && !my_is_sign(t, ';'))
        t = my_next(l);
    return (wb_str){ from, (size_t)(t.text.p - from) };
}

wb_str my_statement_nth(const my_session *s, wb_str text, uint32_t n)
{
    my_lexer l = my_lexer_of(s, text);
    wb_str found = { NULL, 0 };
    for (uint32_t i = 0; i < n; i++) {
        found = my_statement_next(&l);
        if (!found.p)
            break;
    }
    return found;
}

/* ---- the place of a syntax error ---- */

static unsigned line_of(const char *text, const char *p)
{
    unsigned line = 1;
    for (; text < p; text++)
        line += *text == '\n';
    return line;
}

/* "Unknown column 't.a' in 'field list'", "Can't DROP COLUMN `a`": the first name that the message quotes, without what
   stands in front of it. */
static wb_str quoted_name(const char *message)
{
    const char *from = strpbrk(message, "'`");
    while (from && from > message && is_word_byte(from[-1])) /* Can't */
        from = strpbrk(from + 1, "'`");
    const char *to = from ? strpbrk(from + 1, "'`") : NULL;
    if (!to)
        return (wb_str){ NULL, 0 };
    from++;
    size_t len = strcspn(from, ",");
    to = (size_t)(to - from) > len ? from + len : to;
    for (const char *p = from; p < to; p++)
        if (*p == '.')
            from = p + 1;
    return (wb_str){ from, (size_t)(to - from) };
}

size_t my_place_of_name(const my_session *s, wb_str st, unsigned number, const char *message)
{
    static const unsigned numbers[] = { 1050, 1051, 1054, 1060, 1061, 1072, 1091, 1146, 1305, 4161 };
    wb_str name = { NULL, 0 };
    for (size_t i = 0; i < WB_COUNT(numbers); i++)
        if (numbers[i] == number)
            name = quoted_name(message);
    return name.len ? find_name(s, st, name) : SIZE_MAX;
}

/* "... right syntax to use near 'FORM t' at line 2": the text goes on to the end of the statement, or is cut. The same
   words may stand in several places, and the line tells them apart. */
size_t my_place(const my_session *s, wb_str st, const char *message)
{
    static const char lead[] = " near '", tail[] = "' at line ";
    const char *from = strstr(message, lead), *to = NULL, *first = NULL;
    (void)s;
    for (const char *p = from; p && (p = strstr(p, tail)); p++)
        to = p;
    if (!from || !to || to == (from += sizeof lead - 1))
        return SIZE_MAX;
    unsigned line = (unsigned)strtoul(to + sizeof tail - 1, NULL, 10);
    size_t len = (size_t)(to - from);
    for (const char *p = st.p; (size_t)(st.p + st.len - p) >= len && p + len <= st.p + st.len; p++) {
        if (memcmp(p, from, len) != 0)
            continue;
        if (line_of(st.p, p) == line)
            return (size_t)(p - st.p);
        first = first ? first : p;
    }
    return first ? (size_t)(first - st.p) : SIZE_MAX;
}
