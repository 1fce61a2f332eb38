/*
 * reader.c - read one statement from left to right, word by word: what classify.c and objects.c are made of.
 */
#include "sql/classify.h"

void wb_reader_start(wb_reader *r, const wb_sql_options *options, const char *text, size_t len)
{
    *r = (wb_reader){ .options = options };
    wb_lex_start(&r->lex, options, text, len);
    wb_advance(r);
}

void wb_advance(wb_reader *r)
{
    do {
        r->tok = wb_lex_next(&r->lex);
    } while (r->tok.kind == WB_TOK_MARK);
}

/* Whether the token is the first word of the phrase. */
static bool begins_phrase(wb_token t, const char *phrase)
{
    if (t.kind != WB_TOK_WORD)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if (c != phrase[i]) /* also at the end of the phrase: no word holds a NUL */
            return false;
    }
    return phrase[t.len] == ' ' || phrase[t.len] == 0;
}

/* If the words of the phrase come next, pass over them. */
bool wb_accept(wb_reader *r, const char *phrase)
{
    if (!begins_phrase(r->tok, phrase)) /* nearly always; do not copy the reader for it */
        return false;
    wb_reader ahead = *r;
    for (const char *p = phrase; *p;) {
        if (!begins_phrase(ahead.tok, p))
            return false;
        size_t len = ahead.tok.len;
        wb_advance(&ahead);
        p += len + (p[len] == ' ');
    }
    *r = ahead;
    return true;
}

bool wb_at_end(const wb_reader *r) { return r->tok.kind <= WB_TOK_TERMINATOR; }

bool wb_is_name(wb_token t) { return t.kind == WB_TOK_WORD || t.kind == WB_TOK_NAME || t.kind == WB_TOK_STRING; }

bool wb_read_name(wb_reader *r, wb_str *schema, wb_str *name)
{
    if (!wb_is_name(r->tok))
        return false;
    *schema = (wb_str){ NULL, 0 };
    *name = (wb_str){ r->tok.p, r->tok.len };
    wb_advance(r);
    while (wb_token_is_symbol(r->tok, '.')) {
        wb_advance(r);
        if (!wb_is_name(r->tok))
            break;
        *schema = *name;
        *name = (wb_str){ r->tok.p, r->tok.len };
        wb_advance(r);
    }
    return true;
}

/* Pass over tokens at parenthesis depth 0 until a word; stands behind it when found. */
bool wb_skip_to(wb_reader *r, const char *word)
{
    int depth = 0;
    for (; !wb_at_end(r); wb_advance(r)) {
        depth += wb_token_is_symbol(r->tok, '(') - wb_token_is_symbol(r->tok, ')');
        if (depth == 0 && wb_accept(r, word))
            return true;
    }
    return false;
}

/* "( word, word = value )": passes over it; whether it has this word. */
bool wb_accept_options(wb_reader *r, const char *word)
{
    bool is_found = false;
    int depth = 0;
    do {
        depth += wb_token_is_symbol(r->tok, '(') - wb_token_is_symbol(r->tok, ')');
        is_found |= depth > 0 && wb_token_is(r->tok, word);
        wb_advance(r);
    } while (depth > 0 && !wb_at_end(r));
    return is_found;
}

bool wb_is_one_of(wb_token t, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (wb_token_is(t, words[i]))
            return true;
    }
    return false;
}

bool wb_is_before(const wb_reader *r, uint32_t version)
{
    return r->options->server_version != 0 && r->options->server_version < version;
}
