/*
 * lex.h - tokens of SQL text, inside the sql room only.
 *
 * A token is a slice of the text. The lexer knows quotes, comments and words of a dialect and nothing of grammar, so it
 * works on text that no parser knows. It allocates nothing and can be copied to look ahead.
 */
#ifndef WB_LEX_H
#define WB_LEX_H

#include "sql/dialect.h"

typedef enum wb_token_kind {
    WB_TOK_END,
    WB_TOK_FAULT,      /* see fault and fault_at of the lexer */
    WB_TOK_TERMINATOR, /* ; or the delimiter in force */
    WB_TOK_COMMENT,    /* only from wb_lex_any() */
    WB_TOK_MARK,       /* MySQL: opener or closer of a version comment whose inside is code; content, but no word of it */
    WB_TOK_WORD,
    WB_TOK_NAME,   /* a quoted name, quotes included */
    WB_TOK_STRING, /* with quotes and prefix */
    WB_TOK_DOLLAR, /* $tag$ ... $tag$ */
    WB_TOK_NUMBER,
    WB_TOK_SYMBOL, /* a run of operator characters, or one of ( ) [ ] { } , . */
    WB_TOK_CLIENT  /* a backslash, which only psql or mysql understands */
} wb_token_kind;

typedef struct wb_token {
    wb_token_kind kind;
    const char *p;
    size_t len;
} wb_token;

/* Called for each line comment that is a directive. comment: without its dashes. Non-zero stops the lexer. */
typedef int (*wb_lex_directive_fn)(void *user, wb_str comment);

typedef struct wb_lexer {
    const wb_dialect_table *table;
    const char *p, *end;
    wb_str delimiter; /* ";" unless a DELIMITER line changed it */
    bool has_backslash_strings;
    bool has_double_quoted_strings; /* "x" is a string with the same backslashes */
    bool has_dollar_quotes;
    bool is_mariadb;
    uint32_t version;    /* of the server, for version comments; WB_VERSION_NONE: each is one symbol */
    const char *in_code; /* opener of the version comment that we are in; NULL */
    const char *solid;                /* behind the last quote or comment: no word reaches back over it */
    const char *floor;                /* behind the last comment, or the start of the statement */
    const char *content_end;          /* behind the last token that is not a comment; see wb_lex_close() */
    const char *fault, *fault_at;     /* static text; place of the opener */
    wb_lex_directive_fn on_directive; /* may be NULL */
    void *user;
    int stopped; /* what on_directive returned */
} wb_lexer;

/* As server_version: version comments are neither read nor dropped. For what must not depend on a server. */
#define WB_VERSION_NONE UINT32_MAX

void wb_lex_start(wb_lexer *, const wb_sql_options *, const char *text, size_t len);
wb_token wb_lex_any(wb_lexer *);                      /* the next token, comments too */
wb_token wb_lex_next(wb_lexer *);                     /* the next token that is not a comment */
wb_token wb_lex_peek(const wb_lexer *);               /* what comes next: no comment, no mark; nothing is passed over */
wb_token wb_lex_to_terminator(wb_lexer *);            /* fast: pass over everything up to a terminator, fault or end */
void wb_lex_mark(wb_lexer *, const char *start);      /* a statement begins here */
const char *wb_lex_close(wb_lexer *, const char *at); /* end of the last token before `at`, without comments */

bool wb_lex_has_plain_delimiter(const wb_lexer *);

bool wb_token_is(wb_token, const char *lower_word); /* a word, ASCII case folded */
bool wb_token_is_any(wb_token, const char *const *lower_words); /* ends with NULL */
bool wb_token_is_symbol(wb_token, char c);          /* exactly this one character */
bool wb_word_eq(const char *p, size_t len, const char *lower_word);
wb_str
wb_lex_directive(wb_str comment); /* what follows "whimbrel:" in a comment without its dashes; p NULL: no directive */

#endif
