/*
 * compound.c - where a stored program of MySQL or MariaDB ends, when no DELIMITER line tells it.
 *
 * A semicolon ends the statement once every block is closed. What opens a block does so only where a statement begins:
 * elsewhere IF, REPEAT and LEFT are functions, CASE is an expression, and BEGIN and END may be names. So the header is
 * passed over first, and from there on we always know whether a statement begins. A block that is never closed is a
 * fault with its place: nothing behind it is taken for a part of it without a word.
 * Facts: MySQL 8.4, 15.6 and 15.1; MariaDB, Programmatic and Compound Statements; each was tried on the server.
 */
#include "sql/compound.h"

typedef struct body {
    wb_lexer *l;
    wb_token t, before;
    int depth;            /* open blocks */
    int case_depth;       /* open CASE expressions of this statement */
    bool at_start;        /* a statement begins at t */
    bool is_loop_head;    /* between WHILE or FOR and its DO */
    bool is_until;        /* between UNTIL and END REPEAT */
    bool is_declare;      /* of a handler, perhaps */
    bool has_returns;     /* of a function; Oracle mode has RETURN there */
    bool has_open_header; /* Oracle mode: declarations stand between AS and BEGIN */
    const char *open_at;  /* the outermost block */
} body;

static void step(body *b)
{
    b->before = b->t;
    do {
        b->t = wb_lex_next(b->l);
    } while (b->t.kind == WB_TOK_MARK);
}

static bool is_over(const body *b) { return b->t.kind <= WB_TOK_TERMINATOR || b->t.kind == WB_TOK_CLIENT; }

static bool is(const body *b, const char *word) { return wb_token_is(b->t, word); }

static bool pass(body *b, const char *word)
{
    if (!is(b, word))
        return false;
    step(b);
    return true;
}

/* Behind the closing parenthesis of the one that is next. */
static void pass_parentheses(body *b)
{
    int depth = 0;
    do {
        depth += wb_token_is_symbol(b->t, '(') - wb_token_is_symbol(b->t, ')');
        step(b);
    } while (depth > 0 && !is_over(b));
}

static void pass_name(body *b)
{
    step(b);
    while (wb_token_is_symbol(b->t, '.')) {
        step(b);
        step(b);
    }
}

/* ---- statements ---- */

/* HANDLER FOR SQLSTATE VALUE '23000', NOT FOUND, 1062, name: a statement follows (MySQL 8.4, 15.6.7.2). */
static void pass_conditions(body *b)
{
    for (;;) {
        if (pass(b, "sqlstate")) {
            pass(b, "value");
            step(b);
        } else if (pass(b, "not")) {
            pass(b, "found");
        } else if (!is_over(b)) {
            step(b);
        }
        if (!wb_token_is_symbol(b->t, ','))
            return;
        step(b);
    }
}

static void close_block(body *b)
{
    static const char *const kinds[] = { "if", "case", "loop", "while", "repeat", "for", NULL };
    if (b->depth > 0)
        b->depth--;
    step(b);
    if (wb_token_is_any(b->t, kinds))
        step(b);
    b->at_start = false;
}

static void open_block(body *b)
{
    bool holds_statements = is(b, "begin") || is(b, "loop") || is(b, "repeat");
    if (b->depth++ == 0)
        b->open_at = b->t.p;
    b->is_loop_head = is(b, "while") || is(b, "for");
    b->has_open_header &= !is(b, "begin");
    bool is_begin = is(b, "begin");
    step(b);
    if (is_begin && pass(b, "not"))
        pass(b, "atomic");
    b->at_start = holds_statements;
}

/* At the first token of a statement. */
static void read_start(body *b)
{
    static const char *const openers[] = { "begin", "if", "case", "loop", "while", "repeat", "for", NULL };
    bool may_be_label = b->t.kind == WB_TOK_WORD || b->t.kind == WB_TOK_NAME;
    if (may_be_label && wb_token_is_symbol(wb_lex_peek(b->l), ':')) {
        step(b);
        step(b); /* and a statement begins */
    } else if (is(b, "end")) {
        close_block(b);
    } else if (wb_token_is_any(b->t, openers)) {
        open_block(b);
    } else if (!pass(b, "else")) {
        b->is_until = is(b, "until");
        b->is_declare = is(b, "declare");
        b->at_start = false;
        step(b);
    }
}

/* Whether an END here can close a CASE expression: it stands behind an operand. */
static bool is_behind_operand(const body *b)
{
    static const char *const words[] = { "case", "when", "then", "else", "and",     "or",     "not",   "xor", "in",
                                         "is",   "like", "div",  "mod",  "between", "regexp", "rlike", NULL };
    wb_token t = b->before;
    return (t.kind != WB_TOK_SYMBOL || wb_token_is_symbol(t, ')')) && !wb_token_is_any(t, words);
}

/* Further on in a statement. */
static void read_inside(body *b)
{
    if (is(b, "case")) {
        b->case_depth++;
    } else if (is(b, "end") && b->case_depth > 0) {
        b->case_depth -= is_behind_operand(b);
    } else if (is(b, "end") && b->is_until && wb_token_is(wb_lex_peek(b->l), "repeat")) {
        close_block(b);
        return;
    } else if (b->case_depth > 0) {
        ; /* THEN and ELSE of an expression */
    } else if (is(b, "then") || is(b, "else")) {
        b->at_start = true;
    } else if (b->is_loop_head && (is(b, "do") || is(b, "loop"))) {
        b->at_start = true;
        b->is_loop_head = false;
    } else if (b->is_declare && is(b, "handler")) {
        step(b);
        pass(b, "for");
        pass_conditions(b);
        b->at_start = true;
        return;
    }
    step(b);
}

/* From the first token of the body to the terminator behind its last block. */
static wb_token read_body(body *b)
{
    b->at_start = true;
    while (!is_over(b) || b->t.kind == WB_TOK_TERMINATOR) {
        if (b->t.kind == WB_TOK_TERMINATOR) {
            if (b->depth == 0 && !b->has_open_header)
                return b->t;
            b->at_start = true;
            b->case_depth = 0;
            b->is_loop_head = b->is_until = b->is_declare = false;
            step(b);
        } else if (b->at_start) {
            read_start(b);
        } else {
            read_inside(b);
        }
    }
    if (b->t.kind == WB_TOK_END && (b->depth > 0 || b->has_open_header)) {
        bool is_begin = b->l->end - b->open_at >= 5 && wb_word_eq(b->open_at, 5, "begin");
        b->l->fault = b->depth == 0 ? "program has no BEGIN" : is_begin ? "BEGIN has no END" : "block has no END";
        b->l->fault_at = b->open_at;
        b->t.kind = WB_TOK_FAULT;
    }
    return b->t;
}

/* ---- headers ---- */

wb_token wb_compound_block(wb_lexer *l, wb_token t)
{
    body b = { .l = l, .t = t };
    return read_body(&b);
}

/* ... FOR EACH ROW [FOLLOWS name | PRECEDES name] statement */
wb_token wb_compound_trigger(wb_lexer *l, wb_token t)
{
    body b = { .l = l, .t = t };
    while (!is_over(&b) && !(is(&b, "row") && wb_token_is(b.before, "each")))
        step(&b);
    if (is_over(&b))
        return b.t;
    step(&b);
    if (pass(&b, "follows") || pass(&b, "precedes"))
        pass_name(&b);
    return read_body(&b);
}

/* ... DO statement; ALTER EVENT may have none */
wb_token wb_compound_event(wb_lexer *l, wb_token t)
{
    body b = { .l = l, .t = t };
    step(&b);
    for (int depth = 0; !is_over(&b) && !(depth == 0 && is(&b, "do")); step(&b))
        depth += wb_token_is_symbol(b.t, '(') - wb_token_is_symbol(b.t, ')');
    if (is_over(&b))
        return b.t;
    step(&b);
    return read_body(&b);
}

/* Words of the header that could be taken for the first word of a body. */
static bool is_header_word(const body *b)
{
    static const char *const before_set[] = { "character", "char", "returns", NULL };
    return (is(b, "set") && wb_token_is_any(b->before, before_set)) || (is(b, "return") && !b->has_returns);
}

/* What a body may begin with. Oracle mode has AS or IS before it. */
static bool begins_body(const body *b)
{
    static const char *const words[] = {
        "begin",      "if",     "case",   "loop",     "while",    "repeat",   "for",       "return",  "select",
        "set",        "insert", "update", "delete",   "replace",  "call",     "with",      "do",      "create",
        "alter",      "drop",   "rename", "truncate", "signal",   "resignal", "get",       "prepare", "execute",
        "deallocate", "grant",  "revoke", "analyze",  "optimize", "check",    "repair",    "flush",   "show",
        "values",     "table",  "load",   "commit",   "rollback", "start",    "savepoint", "release", "lock",
        "unlock",     "use",    "kill",   "handler",  "help",     NULL,
    };
    if (b->t.kind == WB_TOK_NAME || b->t.kind == WB_TOK_WORD) {
        if (wb_token_is_symbol(wb_lex_peek(b->l), ':'))
            return true;
    }
    return wb_token_is_any(b->t, words) && !is_header_word(b);
}

/* name (parameters) [RETURNS type] [characteristics] body; a function of a library has no parentheses and no body. */
wb_token wb_compound_routine(wb_lexer *l, wb_token t)
{
    body b = { .l = l, .t = t };
    step(&b);
    if (is(&b, "if") && wb_token_is(wb_lex_peek(b.l), "not")) { /* IF NOT EXISTS */
        step(&b);
        step(&b);
        step(&b);
    }
    pass_name(&b);
    if (wb_token_is_symbol(b.t, '('))
        pass_parentheses(&b);
    while (!is_over(&b) && !begins_body(&b)) {
        if (wb_token_is_symbol(b.t, '(')) { /* of a type */
            pass_parentheses(&b);
        } else if (is(&b, "as") || is(&b, "is")) {
            step(&b);
            b.has_open_header = b.t.kind == WB_TOK_WORD || b.t.kind == WB_TOK_NAME;
            b.open_at = b.t.p;
            if (b.has_open_header)
                break;
        } else {
            b.has_returns |= is(&b, "returns");
            step(&b);
        }
    }
    return is_over(&b) ? b.t : read_body(&b);
}
