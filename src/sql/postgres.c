/*
 * postgres.c - the dialect table of PostgreSQL.
 *
 * Facts: PostgreSQL 17, scan.l for the lexer. What refuses a transaction was tried on 11 to 18, alone, in a block, in a
 * message of several statements and in a pipeline.
 */
#include "sql/classify.h"

static const uint8_t classes[256] =
    WB_CLASSES(WB_CH_OPERATOR, WB_CH_INSIDE | WB_CH_STOP, 0, WB_CH_STOP, WB_CH_OPERATOR);

static const wb_form_row forms[] = {
    { "function", WB_FORM_ROUTINE },
    { "procedure", WB_FORM_ROUTINE },
    { "rule", WB_FORM_RULE },
    { NULL, WB_FORM_PLAIN },
};

/* pg_dump writes the first two around its output, to keep psql from running commands; they mean nothing to us. */
static const wb_client_row clients[] = {
    { "restrict", NULL },
    { "unrestrict", NULL },
    { "connect", "A migration runs on one database; use a target or a URL for another one." },
    { "c", "A migration runs on one database; use a target or a URL for another one." },
    { "i", "Put the text of that file here, or make it a migration of its own." },
    { "include", "Put the text of that file here, or make it a migration of its own." },
    { "ir", "Put the text of that file here, or make it a migration of its own." },
    { "include_relative", "Put the text of that file here, or make it a migration of its own." },
    { "copy", "Write COPY ... FROM STDIN; with the data below it and a line \\. at its end." },
    { ".", "This line ends the data of COPY ... FROM STDIN; there is none before it." },
    { "set", "Declare it: -- whimbrel: variables name; then write ${name:literal} or ${name:ident}." },
    { "gexec", "Use a DO block with EXECUTE." },
    { "g", "End the statement with a semicolon." },
    { NULL, "Remove the line: only psql understands it." },
};

static const wb_verb verbs[] = {
    { "insert", WB_STMT_DML, 0, NULL, NULL },
    { "update", WB_STMT_DML, 0, NULL, NULL },
    { "delete", WB_STMT_DML, 0, NULL, NULL },
    { "merge", WB_STMT_DML, 0, NULL, NULL },
    { "copy", WB_STMT_DML, 0, NULL, NULL },

    { "create", WB_STMT_DDL, 0, NULL, wb_read_create },
    { "alter system", WB_STMT_DDL, WB_VERB_REPEATABLE, "ALTER SYSTEM can't run in a transaction", NULL },
    { "alter", WB_STMT_DDL, 0, NULL, wb_read_alter },
    { "drop", WB_STMT_DDL, 0, NULL, wb_read_drop },
    { "truncate", WB_STMT_DDL, 0, NULL, wb_read_truncate },
    { "comment", WB_STMT_DDL, WB_VERB_REPEATABLE, NULL, NULL },
    { "grant", WB_STMT_DDL, WB_VERB_REPEATABLE, NULL, NULL },
    { "revoke", WB_STMT_DDL, WB_VERB_REPEATABLE, NULL, NULL },
    { "security label", WB_STMT_DDL, WB_VERB_REPEATABLE, NULL, NULL },
    { "reassign", WB_STMT_DDL, WB_VERB_REPEATABLE, NULL, NULL },
    { "import foreign schema", WB_STMT_DDL, 0, NULL, NULL },

    { "select", WB_STMT_QUERY, 0, NULL, wb_read_query },
    { "with", WB_STMT_QUERY, 0, NULL, wb_read_with },
    { "values", WB_STMT_QUERY, 0, NULL, wb_read_query },
    { "table", WB_STMT_QUERY, WB_VERB_REPEATABLE, NULL, NULL },
    { "show", WB_STMT_QUERY, WB_VERB_REPEATABLE, NULL, NULL },
    { "explain", WB_STMT_QUERY, WB_VERB_REPEATABLE, NULL, wb_read_explain },
    { "fetch", WB_STMT_QUERY, 0, NULL, NULL },
    { "move", WB_STMT_QUERY, 0, NULL, NULL },
    { "declare", WB_STMT_QUERY, 0, NULL, wb_read_declare },
    { "close", WB_STMT_QUERY, 0, NULL, NULL },

    { "begin", WB_STMT_TXN, 0, NULL, wb_read_begin },
    { "start transaction", WB_STMT_TXN, 0, NULL, wb_read_begin },
    { "commit prepared", WB_STMT_TXN, 0, "COMMIT PREPARED can't run in a transaction", wb_read_prepared },
    { "rollback prepared", WB_STMT_TXN, 0, "ROLLBACK PREPARED can't run in a transaction", wb_read_prepared },
    { "prepare transaction", WB_STMT_TXN, 0, NULL, wb_read_prepared },
    { "commit", WB_STMT_TXN, 0, NULL, wb_read_commit },
    { "end", WB_STMT_TXN, 0, NULL, wb_read_commit },
    { "rollback", WB_STMT_TXN, 0, NULL, wb_read_rollback },
    { "abort", WB_STMT_TXN, 0, NULL, wb_read_rollback },
    { "savepoint", WB_STMT_TXN, 0, NULL, wb_read_savepoint },
    { "release", WB_STMT_TXN, 0, NULL, wb_read_release },

    { "set", WB_STMT_SESSION, WB_VERB_LEAKS | WB_VERB_REPEATABLE, NULL, wb_read_set },
    { "reset", WB_STMT_SESSION, WB_VERB_LEAKS | WB_VERB_REPEATABLE, NULL, NULL },
    { "discard all", WB_STMT_SESSION, WB_VERB_LEAKS | WB_VERB_REPEATABLE, "DISCARD ALL can't run in a transaction",
      NULL },
    { "discard", WB_STMT_SESSION, WB_VERB_LEAKS | WB_VERB_REPEATABLE, NULL, NULL },
    { "listen", WB_STMT_SESSION, WB_VERB_LEAKS | WB_VERB_REPEATABLE, NULL, NULL },
    { "unlisten", WB_STMT_SESSION, WB_VERB_LEAKS | WB_VERB_REPEATABLE, NULL, NULL },
    { "notify", WB_STMT_SESSION, 0, NULL, NULL },
    { "load", WB_STMT_SESSION, WB_VERB_LEAKS | WB_VERB_REPEATABLE, NULL, NULL },
    { "prepare", WB_STMT_SESSION, WB_VERB_LEAKS, NULL, NULL },
    { "deallocate", WB_STMT_SESSION, WB_VERB_LEAKS, NULL, NULL },
    { "lock", WB_STMT_SESSION, 0, NULL, NULL },

    { "do", WB_STMT_ROUTINE, WB_VERB_LEAKS, NULL, NULL },
    { "call", WB_STMT_ROUTINE, WB_VERB_LEAKS, NULL, NULL },
    { "execute", WB_STMT_ROUTINE, WB_VERB_LEAKS, NULL, NULL },

    { "vacuum", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, "VACUUM can't run in a transaction", NULL },
    { "analyze", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, NULL },
    { "analyse", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, NULL },
    { "reindex", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, wb_read_reindex },
    { "cluster", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, wb_read_cluster },
    { "repack", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, wb_read_cluster },
    { "checkpoint", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, NULL },
    { "refresh", WB_STMT_MAINTENANCE, WB_VERB_REPEATABLE, NULL, wb_read_refresh },
    { NULL, WB_STMT_OTHER, 0, NULL, NULL },
};

/* DROP SUBSCRIPTION runs in a transaction once its slot_name is NONE; the statement alone does not tell. */
static const wb_refusal refusals[] = {
    { WB_ACT_CREATE, "index", true, "CREATE INDEX CONCURRENTLY can't run in a transaction" },
    { WB_ACT_DROP, "index", true, "DROP INDEX CONCURRENTLY can't run in a transaction" },
    { WB_ACT_CREATE, "database", false, "CREATE DATABASE can't run in a transaction" },
    { WB_ACT_DROP, "database", false, "DROP DATABASE can't run in a transaction" },
    { WB_ACT_CREATE, "tablespace", false, "CREATE TABLESPACE can't run in a transaction" },
    { WB_ACT_DROP, "tablespace", false, "DROP TABLESPACE can't run in a transaction" },
    { WB_ACT_DROP, "subscription", false, "DROP SUBSCRIPTION with a replication slot can't run in a transaction" },
    { WB_ACT_REINDEX, "schema", false, "REINDEX SCHEMA can't run in a transaction" },
    { WB_ACT_REINDEX, "database", false, "REINDEX DATABASE can't run in a transaction" },
    { WB_ACT_REINDEX, "system", false, "REINDEX SYSTEM can't run in a transaction" },
    { WB_ACT_REINDEX, NULL, true, "REINDEX CONCURRENTLY can't run in a transaction" },
    { WB_ACT_NONE, NULL, false, NULL },
};

const wb_dialect_table wb_sql_postgres = {
    .classes = classes,
    .string_prefixes = "ebxn",
    .name_quote = '"',
    .has_nested_comments = true,
    .has_dollar_quotes = true,
    .has_escape_strings = true,
    .has_client_commands = true,
    .client = "psql",
    .clients = clients,
    .has_copy = true,
    .has_concurrently = true,
    .folds_names = true,
    .keeps_modes = true,
    .name_max = 63,
    .forms = forms,
    .verbs = verbs,
    .refusals = refusals,
};
