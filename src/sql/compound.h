/*
 * compound.h - where a stored program of MySQL or MariaDB ends. Inside the sql room only.
 */
#ifndef WB_COMPOUND_H
#define WB_COMPOUND_H

#include "sql/lex.h"

/* Each reads on behind token t and returns the token that ends the statement: a terminator, the end, a fault. */
wb_token wb_compound_routine(wb_lexer *, wb_token t); /* t: PROCEDURE or FUNCTION */
wb_token wb_compound_trigger(wb_lexer *, wb_token t); /* t: TRIGGER */
wb_token wb_compound_event(wb_lexer *, wb_token t);   /* t: EVENT */
wb_token wb_compound_block(wb_lexer *,
                           wb_token t); /* t: the first token of the statement itself, a label or an opener */

#endif
