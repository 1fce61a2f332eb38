/*
 * dialect.h - what tells the dialects apart: one constant table for each, in postgres.c, sqlite.c and mysql.c.
 *
 * A new dialect is one more table. The code that reads these tables (lex.c, split.c, classify.c) asks for switches and
 * never for the name of a dialect. Inside the sql room only.
 */
#ifndef WB_DIALECT_H
#define WB_DIALECT_H

#include "sql/sql.h"

/* ---- characters ---------------------------------------------------------------------------------------------- */

enum {
    WB_CH_SPACE = 1,
    WB_CH_WORD = 2, /* begins a word */
    WB_CH_DIGIT = 4,
    WB_CH_INSIDE = 8, /* may stand inside a word, never begins one */
    WB_CH_OPERATOR = 16,
    WB_CH_STOP = 32 /* quote, comment, terminator: the fast scan has to look */
};
#define WB_CH_IN_WORD (WB_CH_WORD | WB_CH_DIGIT | WB_CH_INSIDE)

/* The 256 classes. Only five characters differ between dialects; the others are the same everywhere. */
/* clang-format off */
#define WB_CLS_WORDS_8 \
    WB_CH_WORD, WB_CH_WORD, WB_CH_WORD, WB_CH_WORD, WB_CH_WORD, WB_CH_WORD, WB_CH_WORD, WB_CH_WORD
#define WB_CLS_WORDS_26 WB_CLS_WORDS_8, WB_CLS_WORDS_8, WB_CLS_WORDS_8, WB_CH_WORD, WB_CH_WORD
#define WB_CLS_WORDS_128                                                                           \
    WB_CLS_WORDS_8, WB_CLS_WORDS_8, WB_CLS_WORDS_8, WB_CLS_WORDS_8, WB_CLS_WORDS_8,                \
        WB_CLS_WORDS_8, WB_CLS_WORDS_8, WB_CLS_WORDS_8, WB_CLS_WORDS_8, WB_CLS_WORDS_8,            \
        WB_CLS_WORDS_8, WB_CLS_WORDS_8, WB_CLS_WORDS_8, WB_CLS_WORDS_8, WB_CLS_WORDS_8,            \
        WB_CLS_WORDS_8
#define WB_CLS_DIGITS_10                                                                           \
    WB_CH_DIGIT, WB_CH_DIGIT, WB_CH_DIGIT, WB_CH_DIGIT, WB_CH_DIGIT, WB_CH_DIGIT, WB_CH_DIGIT,     \
        WB_CH_DIGIT, WB_CH_DIGIT, WB_CH_DIGIT
#define WB_CLS_NONE_18 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define WB_CLASSES(hash, dollar, bracket, backslash, tick)                                         \
    {                                                                                              \
        0, 0, 0, 0, 0, 0, 0, 0, 0,                                                                 \
        WB_CH_SPACE, WB_CH_SPACE, WB_CH_SPACE, WB_CH_SPACE, WB_CH_SPACE,      /* \t \n \v \f \r */ \
        WB_CLS_NONE_18,                                                                            \
        WB_CH_SPACE, WB_CH_OPERATOR, WB_CH_STOP, (hash), (dollar),            /*   ! " # $ */      \
        WB_CH_OPERATOR, WB_CH_OPERATOR, WB_CH_STOP, 0, 0,                     /* % & ' ( ) */      \
        WB_CH_OPERATOR, WB_CH_OPERATOR, 0, WB_CH_OPERATOR | WB_CH_STOP, 0,    /* * + , - . */      \
        WB_CH_OPERATOR | WB_CH_STOP,                                          /* / */              \
        WB_CLS_DIGITS_10,                                                                          \
        WB_CH_OPERATOR, WB_CH_STOP, WB_CH_OPERATOR, WB_CH_OPERATOR,           /* : ; < = */        \
        WB_CH_OPERATOR, WB_CH_OPERATOR, WB_CH_OPERATOR,                       /* > ? @ */          \
        WB_CLS_WORDS_26,                                                                           \
        (bracket), (backslash), 0, WB_CH_OPERATOR, WB_CH_WORD, (tick),        /* [ \ ] ^ _ ` */    \
        WB_CLS_WORDS_26,                                                                           \
        0, WB_CH_OPERATOR, 0, WB_CH_OPERATOR, 0,                              /* { | } ~ DEL */    \
        WB_CLS_WORDS_128,                                                                          \
    }
/* clang-format on */

/* ---- how a statement ends -------------------------------------------------------------------------------------- */

typedef enum wb_form {
    WB_FORM_PLAIN,    /* at the next terminator */
    WB_FORM_ROUTINE,  /* PostgreSQL: BEGIN ATOMIC holds statements */
    WB_FORM_RULE,     /* PostgreSQL: parentheses hold statements */
    WB_FORM_TRIGGER,  /* SQLite: BEGIN holds statements */
    WB_FORM_COPY,     /* PostgreSQL: data may follow */
    WB_FORM_STORED_ROUTINE, /* MySQL: PROCEDURE or FUNCTION; nested blocks, as in the next three */
    WB_FORM_STORED_TRIGGER,
    WB_FORM_STORED_EVENT,
    WB_FORM_BLOCK,  /* MariaDB: BEGIN NOT ATOMIC, IF, LOOP and so on by themselves */
    WB_FORM_PACKAGE /* MariaDB: only between DELIMITER lines */
} wb_form;

typedef struct wb_form_row { /* CREATE [words passed over] this word */
    const char *word;
    wb_form form;
} wb_form_row;

/* ---- what only a client understands ------------------------------------------------------------------------------- */

typedef struct wb_client_row {
    const char *name; /* of a command with a backslash; NULL: any other one */
    const char *hint; /* NULL: its line is passed over */
} wb_client_row;

/* ---- what a statement is ---------------------------------------------------------------------------------------- */

struct wb_reader; /* classify.h */

enum {
    WB_VERB_LEAKS = 1, /* may leave session state */
    WB_VERB_REPEATABLE = 2,
    WB_VERB_COMMITS = 4,   /* MySQL: commits implicitly */
    WB_VERB_MAY_COMMIT = 8 /* MySQL: what it runs may commit; the text does not tell */
};

typedef struct wb_verb {
    const char *phrase; /* first words, lower case; a longer phrase stands before a shorter one */
    wb_stmt_class cls;
    unsigned flags;
    const char *refuses;                              /* always refuses a transaction, and says this; NULL */
    void (*read)(struct wb_reader *, wb_statement *); /* reads on behind the phrase; NULL: nothing more to know */
} wb_verb;

/* A statement that refuses a transaction, told from what `read` found. */
typedef struct wb_refusal {
    wb_action action;
    const char *object; /* NULL: any */
    bool only_concurrent;
    const char *why;
} wb_refusal;

typedef struct wb_dialect_table {
    const uint8_t *classes;      /* 256 */
    const char *string_prefixes; /* letters that may stand right before ' and belong to the string */
    char name_quote;             /* of the names that we write */
    bool has_nested_comments;
    bool has_dollar_quotes;
    bool has_escape_strings;  /* E'...' and U&'...' */
    bool has_client_commands; /* a backslash outside of quotes is one of psql or mysql */
    bool has_hash_comments;
    bool has_version_comments; /* the kind with ! is code for some servers */
    bool needs_blank_after_dashes;
    bool has_null_escape;         /* a backslash and N is a NULL, not a client command */
    bool has_digit_names;         /* a name may begin with a digit */
    bool has_late_dollar_quotes;  /* $$ quotes in MySQL from 9.0 on; $name is a name */
    bool may_end_in_comment; /* an open block comment at the end of the text is fine */
    bool has_tick_names, has_bracket_names;
    bool has_double_quoted_strings; /* "x" takes backslashes as 'x' does */
    bool has_delimiter_lines;
    bool has_blocks;              /* MariaDB: a block may stand by itself */
    bool reads_ddl;               /* ddl.c and clauses.c know its DDL */
    const char *client;           /* program that has the client commands */
    const wb_client_row *clients; /* ends with a NULL name */
    const char *const *client_words; /* commands without a backslash, at the beginning of a line; ends with NULL; may be NULL */
    /* Follow a SET of what changes how text is read; `first` is what held at the start of the script. NULL: nothing does. */
    void (*follow_set)(const wb_sql_options *first, const char *statement, size_t len, wb_sql_options *now);
    bool has_copy;
    bool has_concurrently;      /* a word of CREATE INDEX and others, not a name */
    bool has_marks_between;     /* a byte-order mark before any statement is white space */
    bool folds_names;           /* unquoted names are compared in lower case */
    bool commits_ddl;           /* DDL commits implicitly, also when it fails */
    bool keeps_modes;           /* of an absorbed BEGIN */
    size_t name_max;            /* longer names are cut to this many bytes; 0: not cut */
    const wb_form_row *forms;   /* ends with a NULL word */
    const wb_verb *verbs;       /* ends with a NULL phrase */
    const wb_refusal *refusals; /* ends with a NULL why; may be NULL */
} wb_dialect_table;

extern const wb_dialect_table wb_sql_postgres, wb_sql_sqlite, wb_sql_mysql;
const wb_dialect_table *wb_dialect_table_get(wb_dialect);

#endif
