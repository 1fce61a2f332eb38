/*
 * sqlite.c - the dialect table of SQLite. Facts: SQLite 3.40, tokenize.c and complete.c; refusals were tried.
 */
#include "sql/classify.h"

static const uint8_t classes[256] = WB_CLASSES(WB_CH_OPERATOR, WB_CH_INSIDE, WB_CH_STOP, 0, WB_CH_STOP);

static const wb_form_row forms[] = {
    { "trigger", WB_FORM_TRIGGER },
    { NULL, WB_FORM_PLAIN },
};

static const wb_verb verbs[] = {
    { "insert", WB_STMT_DML, 0, NULL, NULL },
    { "update", WB_STMT_DML, 0, NULL, NULL },
    { "delete", WB_STMT_DML, 0, NULL, NULL },
    { "replace", WB_STMT_DML, 0, NULL, NULL },

    { "create", WB_STMT_DDL, 0, NULL, wb_read_create },
    { "alter", WB_STMT_DDL, 0, NULL, wb_read_alter },
    { "drop", WB_STMT_DDL, 0, NULL, wb_read_drop },

    { "select", WB_STMT_QUERY, 0, NULL, wb_read_query },
    { "with", WB_STMT_QUERY, 0, NULL, wb_read_with },
    { "values", WB_STMT_QUERY, 0, NULL, wb_read_query },
    { "explain", WB_STMT_QUERY, WB_VERB_REPEATABLE, NULL, NULL },

    { "begin", WB_STMT_TXN, 0, NULL, wb_read_begin },
    { "commit", WB_STMT_TXN, 0, NULL, wb_read_commit },
    { "end", WB_STMT_TXN, 0, NULL, wb_read_commit },
    { "rollback", WB_STMT_TXN, 0, NULL, wb_read_rollback },
    { "savepoint", WB_STMT_TXN, 0, NULL, wb_read_savepoint },
    { "release", WB_STMT_TXN, 0, NULL, wb_read_release },

    { "pragma", WB_STMT_SESSION, WB_VERB_REPEATABLE, NULL, wb_read_pragma },
    { "attach", WB_STMT_SESSION, WB_VERB_LEAKS, NULL, NULL },
    { "detach", WB_STMT_SESSION, WB_VERB_LEAKS, NULL, NULL },

    { "vacuum", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, "VACUUM can't run in a transaction", NULL },
    { "analyze", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, NULL },
    { "reindex", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, wb_read_reindex },
    { NULL, WB_STMT_OTHER, 0, NULL, NULL },
};

const wb_dialect_table wb_sql_sqlite = {
    .classes = classes,
    .string_prefixes = "x",
    .name_quote = '"',
    .may_end_in_comment = true,
    .has_tick_names = true,
    .has_bracket_names = true,
    .has_marks_between = true,
    .forms = forms,
    .verbs = verbs,
};
