/*
 * mysql.c - the dialect table of MySQL and MariaDB. The lexer is complete; what a statement is, is told roughly.
 * Facts: MySQL 8.4, 11.1, 11.7 and 15.3.3.
 */
#include "sql/classify.h"

static const uint8_t classes[256] = WB_CLASSES(WB_CH_OPERATOR | WB_CH_STOP, WB_CH_INSIDE, 0, 0, WB_CH_STOP);

static const wb_form_row forms[] = {
    { "procedure", WB_FORM_COMPOUND }, { "function", WB_FORM_COMPOUND }, { "trigger", WB_FORM_COMPOUND },
    { "event", WB_FORM_COMPOUND },     { NULL, WB_FORM_PLAIN },
};

static const wb_verb verbs[] = {
    { "insert", WB_STMT_DML, 0, NULL, NULL },
    { "update", WB_STMT_DML, 0, NULL, NULL },
    { "delete", WB_STMT_DML, 0, NULL, NULL },
    { "replace", WB_STMT_DML, 0, NULL, NULL },
    { "load", WB_STMT_DML, 0, NULL, NULL },

    { "create", WB_STMT_DDL, 0, NULL, wb_read_create },
    { "alter", WB_STMT_DDL, 0, NULL, wb_read_alter },
    { "drop", WB_STMT_DDL, 0, NULL, wb_read_drop },
    { "rename", WB_STMT_DDL, 0, NULL, wb_read_rename },
    { "truncate", WB_STMT_DDL, 0, NULL, wb_read_truncate },
    { "grant", WB_STMT_DDL, WB_VERB_REPEATABLE, NULL, NULL },
    { "revoke", WB_STMT_DDL, WB_VERB_REPEATABLE, NULL, NULL },

    { "select", WB_STMT_QUERY, 0, NULL, wb_read_query },
    { "with", WB_STMT_QUERY, 0, NULL, wb_read_with },
    { "values", WB_STMT_QUERY, 0, NULL, wb_read_query },
    { "table", WB_STMT_QUERY, WB_VERB_REPEATABLE, NULL, NULL },
    { "show", WB_STMT_QUERY, WB_VERB_REPEATABLE, NULL, NULL },
    { "explain", WB_STMT_QUERY, WB_VERB_REPEATABLE, NULL, wb_read_explain },
    { "describe", WB_STMT_QUERY, WB_VERB_REPEATABLE, NULL, NULL },

    { "begin", WB_STMT_TXN, 0, NULL, wb_read_begin },
    { "start transaction", WB_STMT_TXN, 0, NULL, wb_read_begin },
    { "commit", WB_STMT_TXN, 0, NULL, wb_read_commit },
    { "rollback", WB_STMT_TXN, 0, NULL, wb_read_rollback },
    { "savepoint", WB_STMT_TXN, 0, NULL, wb_read_savepoint },
    { "release savepoint", WB_STMT_TXN, 0, NULL, wb_read_release },

    { "set", WB_STMT_SESSION, WB_VERB_LEAKS | WB_VERB_REPEATABLE, NULL, NULL },
    { "use", WB_STMT_SESSION, WB_VERB_LEAKS | WB_VERB_REPEATABLE, NULL, NULL },
    { "lock", WB_STMT_SESSION, WB_VERB_LEAKS, NULL, NULL },
    { "unlock", WB_STMT_SESSION, WB_VERB_LEAKS, NULL, NULL },
    { "prepare", WB_STMT_SESSION, WB_VERB_LEAKS, NULL, NULL },
    { "deallocate", WB_STMT_SESSION, WB_VERB_LEAKS, NULL, NULL },

    { "do", WB_STMT_ROUTINE, WB_VERB_LEAKS, NULL, NULL },
    { "call", WB_STMT_ROUTINE, WB_VERB_LEAKS, NULL, NULL },
    { "execute", WB_STMT_ROUTINE, WB_VERB_LEAKS, NULL, NULL },

    { "analyze", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, NULL },
    { "optimize", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, NULL },
    { "check", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, NULL },
    { "repair", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, NULL },
    { NULL, WB_STMT_OTHER, 0, NULL, NULL },
};

static const wb_refusal refusals[] = {
    { WB_ACT_NONE, NULL, false, NULL },
};

const wb_dialect_table wb_sql_mysql = {
    .classes = classes,
    .string_prefixes = "bxn",
    .name_quote = '`',
    .has_hash_comments = true,
    .has_version_comments = true,
    .needs_blank_after_dashes = true,
    .has_tick_names = true,
    .has_double_quoted_strings = true,
    .has_delimiter_lines = true,
    .commits_ddl = true,
    .forms = forms,
    .verbs = verbs,
    .refusals = refusals,
};
