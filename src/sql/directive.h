/*
 * directive.h - what split.c and directives.c share about `-- whimbrel:` comments. Inside the sql room only.
 */
#ifndef WB_DIRECTIVE_H
#define WB_DIRECTIVE_H

#include "sql/lex.h"

/* Cut a directive (the text behind "whimbrel:") into its word and what follows, both trimmed. */
void wb_directive_cut(wb_str directive, wb_str *word, wb_str *rest);

/* "size=5000 pause=50ms max=3". On failure the error has no place yet. */
int wb_batch_read(wb_ctx *, wb_str text, wb_batch *out);

/* The next :batch outside of quotes and comments; the lexer then stands behind it. */
bool wb_batch_mark_next(wb_lexer *, wb_str *mark);

/* Where the splitter met a directive. */
typedef struct wb_directive_place {
    wb_str text;                /* behind "whimbrel:" */
    uint32_t line, column;      /* of that text */
    uint32_t statements_before; /* complete ones */
    bool is_inside;             /* of a statement */
    bool is_client_line;        /* no directive: a line for a client that we take ourselves; text is empty */
} wb_directive_place;
typedef int (*wb_directive_fn)(void *user, const wb_directive_place *);

/* wb_split() that also shows every directive; a result other than 0 of either function stops it. */
int wb_split_watched(wb_ctx *, const wb_sql_options *, const char *text, size_t len, bool classify, wb_split_fn,
                     wb_directive_fn, void *user);

#endif
