/*
 * mysql.c - the dialect table of MySQL and MariaDB: one table for both, since files are shared between them.
 *
 * Facts: MySQL 8.4 manual; MariaDB documentation, SQL Statements. Which statements commit implicitly was tried on
 * MySQL 9.7 and MariaDB 10.11, each between an INSERT and a ROLLBACK. Where only one of them commits, we say that it
 * does: a commit that was expected and does not come leaves nothing in doubt, the reverse would.
 */
#include "sql/classify.h"

static const uint8_t classes[256] =
    WB_CLASSES(WB_CH_OPERATOR | WB_CH_STOP, WB_CH_INSIDE | WB_CH_STOP, 0, WB_CH_STOP, WB_CH_STOP);

/* ---- how a statement ends ---- */

static const wb_form_row forms[] = {
    { "procedure", WB_FORM_STORED_ROUTINE }, { "function", WB_FORM_STORED_ROUTINE },
    { "trigger", WB_FORM_STORED_TRIGGER },   { "event", WB_FORM_STORED_EVENT },
    { "package", WB_FORM_PACKAGE },          { NULL, WB_FORM_PLAIN },
};

/* MySQL 8.4, 6.5.1.2. With a backslash they may stand anywhere in a line; the words only where a statement begins. */
static const wb_client_row clients[] = {
    { "G", "End the statement with a semicolon." },
    { "g", "End the statement with a semicolon." },
    { "c", "Remove the statement that it cancels." },
    { "d", "Write DELIMITER at the beginning of a line." },
    { ".", "Put the text of that file here, or make it a migration of its own." },
    { "source", "Put the text of that file here, or make it a migration of its own." },
    { "u", "Write USE and a semicolon; or use a target or a URL for another database." },
    { "go", "End the statement with a semicolon." },
    { "ego", "End the statement with a semicolon." },
    { NULL, "Remove the line: only the mysql client understands it." },
};

static const char *const client_words[] = {
    "source",  "go",      "ego",      "clear",     "connect",         "edit",   "exit",   "quit",
    "nopager", "notee",   "pager",    "print",     "prompt",          "rehash", "status", "system",
    "tee",     "charset", "warnings", "nowarning", "resetconnection", NULL,
};

/* ---- sql_mode ---- */

typedef struct mode_words {
    bool has_ansi_quotes, has_no_backslash;
} mode_words;

/* The modes that change how text is read, and the names that stand for several (MySQL 8.4, 7.1.11; MariaDB, SQL_MODE). */
static mode_words modes_in(const char *p, size_t len)
{
    static const char *const ansi[] = { "ansi_quotes", "ansi", "db2", "maxdb", "mssql", "oracle", "postgresql", NULL };
    mode_words found = { false, false };
    for (const char *end = p + len; p < end;) {
        size_t n = 0;
        while (p + n < end &&
               (p[n] == '_' || (p[n] >= '0' && p[n] <= '9') || ((p[n] | 0x20) >= 'a' && (p[n] | 0x20) <= 'z')))
            n++;
        for (const char *const *word = ansi; *word; word++)
            found.has_ansi_quotes |= wb_word_eq(p, n, *word);
        found.has_no_backslash |= wb_word_eq(p, n, "no_backslash_escapes");
        p += n ? n : 1;
    }
    return found;
}

static bool ends_value(const wb_reader *r, int depth)
{
    return wb_at_end(r) || (depth == 0 && wb_token_is_symbol(r->tok, ','));
}

/* CONCAT(@@sql_mode, ',ANSI_QUOTES') and REPLACE(@@sql_mode, 'ANSI_QUOTES', ''): what is named is added or taken away. */
static void follow_call(wb_reader *r, wb_sql_options *now)
{
    bool takes_away =
        wb_token_is(r->tok, "replace") || wb_token_is(r->tok, "regexp_replace") || wb_token_is(r->tok, "list_drop");
    for (int depth = 0; !ends_value(r, depth); wb_advance(r)) {
        depth += wb_token_is_symbol(r->tok, '(') - wb_token_is_symbol(r->tok, ')');
        if (r->tok.kind != WB_TOK_STRING)
            continue;
        mode_words m = modes_in(r->tok.p, r->tok.len);
        if (m.has_ansi_quotes)
            now->ansi_quotes = !takes_away;
        if (m.has_no_backslash)
            now->backslash_quotes = takes_away;
    }
}

static void restore(const wb_sql_options *first, wb_sql_options *now)
{
    now->ansi_quotes = first->ansi_quotes;
    now->backslash_quotes = first->backslash_quotes;
}

static void follow_value(wb_reader *r, const wb_sql_options *first, wb_sql_options *now)
{
    wb_token value = r->tok;
    wb_reader ahead = *r;
    wb_advance(&ahead);
    if (value.kind == WB_TOK_SYMBOL && *value.p == '@') { /* a saved one, as dumps do */
        restore(first, now);
    } else if (!ends_value(&ahead, 0)) {
        follow_call(r, now);
    } else if (wb_token_is(value, "default")) {
        restore(first, now);
    } else if (value.kind == WB_TOK_STRING || value.kind == WB_TOK_NAME || value.kind == WB_TOK_WORD) {
        mode_words m = modes_in(value.p, value.len);
        now->ansi_quotes = m.has_ansi_quotes;
        now->backslash_quotes = !m.has_no_backslash;
    }
}

/* SET sql_mode = 'ANSI_QUOTES'. What is set for the server or one statement changes nothing in this text. */
static void follow_set(const wb_sql_options *first, const char *statement, size_t len, wb_sql_options *now)
{
    static const char *const elsewhere[] = { "global", "persist", "persist_only", "statement" };
    wb_reader r;
    wb_reader_start(&r, now, statement, len);
    int depth = 0;
    bool is_elsewhere = false;
    wb_token before = { 0 };
    for (; !wb_at_end(&r); wb_advance(&r)) {
        depth += wb_token_is_symbol(r.tok, '(') - wb_token_is_symbol(r.tok, ')');
        if (depth == 0 && wb_token_is_symbol(r.tok, ','))
            is_elsewhere = false;
        is_elsewhere |= wb_is_one_of(r.tok, elsewhere, WB_COUNT(elsewhere));
        bool is_user_variable = before.kind == WB_TOK_SYMBOL && before.len == 1 && *before.p == '@';
        before = r.tok;
        if (is_elsewhere || is_user_variable || !wb_accept(&r, "sql_mode"))
            continue;
        if (r.tok.kind == WB_TOK_SYMBOL && r.tok.p[r.tok.len - 1] == '=') {
            wb_advance(&r);
            follow_value(&r, first, now);
        } else if (r.tok.kind == WB_TOK_SYMBOL && r.tok.len > 1 && r.tok.p[0] == '=') { /* =@old */
            restore(first, now);
        }
    }
}

/* ---- what a statement is ---- */

enum { COMMITS = WB_VERB_COMMITS, MAY = WB_VERB_MAY_COMMIT, LEAKS = WB_VERB_LEAKS, REPEATABLE = WB_VERB_REPEATABLE };

static const wb_verb verbs[] = {
    { "insert", WB_STMT_DML, 0, NULL, NULL },
    { "update", WB_STMT_DML, 0, NULL, NULL },
    { "delete", WB_STMT_DML, 0, NULL, NULL },
    { "replace", WB_STMT_DML, 0, NULL, NULL },
    /* LOAD DATA commits for tables of NDB only (MySQL 8.4, 15.3.3): no migration is atomic there anyway. */
    { "load index", WB_STMT_MAINTENANCE, COMMITS | REPEATABLE, NULL, NULL },
    { "load", WB_STMT_DML, 0, NULL, wb_read_my_load },

    /* Definition of objects: MySQL 8.4, 15.3.3, first group; MariaDB, SQL statements that cause an implicit commit. Only
       TEMPORARY tables do not commit, and of these only CREATE TABLE and DROP TABLE: the readers know. */
    { "create", WB_STMT_DDL, COMMITS, NULL, wb_read_my_create },
    { "alter instance", WB_STMT_DDL, COMMITS | REPEATABLE, NULL, NULL },
    { "alter", WB_STMT_DDL, COMMITS, NULL, wb_read_my_alter },
    { "drop prepare", WB_STMT_SESSION, LEAKS, NULL, NULL },
    { "drop", WB_STMT_DDL, COMMITS, NULL, wb_read_my_drop },
    { "rename", WB_STMT_DDL, COMMITS, NULL, wb_read_my_rename },
    { "truncate", WB_STMT_DDL, COMMITS, NULL, wb_read_my_truncate },
    { "import table", WB_STMT_DDL, COMMITS, NULL, NULL },
    { "install", WB_STMT_DDL, COMMITS, NULL, NULL },
    { "uninstall", WB_STMT_DDL, COMMITS, NULL, NULL },
    /* What changes tables of the database mysql: second group. SET ROLE does not, SET DEFAULT ROLE does. */
    { "grant", WB_STMT_DDL, COMMITS | REPEATABLE, NULL, NULL },
    { "revoke", WB_STMT_DDL, COMMITS, NULL, NULL },
    { "set password", WB_STMT_DDL, COMMITS | REPEATABLE, NULL, NULL },
    { "set default role", WB_STMT_DDL, COMMITS | REPEATABLE, NULL, NULL },

    { "select", WB_STMT_QUERY, 0, NULL, wb_read_my_query },
    { "with", WB_STMT_QUERY, 0, NULL, wb_read_my_query },
    { "values", WB_STMT_QUERY, 0, NULL, wb_read_my_query },
    { "table", WB_STMT_QUERY, 0, NULL, wb_read_my_query },
    { "show", WB_STMT_QUERY, REPEATABLE, NULL, NULL },
    { "help", WB_STMT_QUERY, REPEATABLE, NULL, NULL },
    { "explain", WB_STMT_QUERY, REPEATABLE, NULL, wb_read_my_explain },
    { "describe", WB_STMT_QUERY, REPEATABLE, NULL, wb_read_my_explain },
    { "desc", WB_STMT_QUERY, REPEATABLE, NULL, wb_read_my_explain },
    { "checksum", WB_STMT_QUERY, REPEATABLE, NULL, NULL },
    { "xa recover", WB_STMT_QUERY, REPEATABLE, NULL, NULL },

    /* Transaction control and locks: third group, and 15.3.1, 15.3.4, 15.3.8. A BEGIN commits what is open. */
    { "begin not atomic", WB_STMT_ROUTINE, MAY | LEAKS, NULL, NULL },
    { "begin", WB_STMT_TXN, COMMITS, NULL, wb_read_begin },
    { "start transaction", WB_STMT_TXN, COMMITS, NULL, wb_read_begin },
    { "commit", WB_STMT_TXN, 0, NULL, wb_read_my_commit },
    { "rollback", WB_STMT_TXN, 0, NULL, wb_read_my_rollback },
    { "savepoint", WB_STMT_TXN, 0, NULL, wb_read_savepoint },
    { "release savepoint", WB_STMT_TXN, 0, NULL, wb_read_release },
    { "xa", WB_STMT_TXN, 0, NULL, wb_read_my_other_txn },
    { "lock instance", WB_STMT_SESSION, LEAKS, NULL, NULL },
    { "unlock instance", WB_STMT_SESSION, LEAKS, NULL, NULL },
    { "lock", WB_STMT_SESSION, COMMITS | LEAKS, NULL, NULL },
    { "unlock", WB_STMT_SESSION, COMMITS | LEAKS, NULL, NULL }, /* only when LOCK TABLES holds some */
    { "backup", WB_STMT_SESSION, COMMITS | LEAKS, NULL, NULL }, /* MariaDB */

    { "set", WB_STMT_SESSION, LEAKS | REPEATABLE, NULL, wb_read_my_set },
    { "use", WB_STMT_SESSION, LEAKS | REPEATABLE, NULL, NULL },
    { "handler", WB_STMT_SESSION, LEAKS, NULL, NULL },
    { "prepare", WB_STMT_SESSION, LEAKS, NULL, NULL },
    { "deallocate", WB_STMT_SESSION, LEAKS, NULL, NULL },
    { "get", WB_STMT_SESSION, LEAKS, NULL, NULL },
    { "signal", WB_STMT_SESSION, 0, NULL, NULL },
    { "resignal", WB_STMT_SESSION, 0, NULL, NULL },

    /* A stored function can't commit (MySQL 8.4, 27.8), so DO can't; a procedure can, and so can what EXECUTE runs. */
    { "do", WB_STMT_ROUTINE, LEAKS, NULL, NULL },
    { "call", WB_STMT_ROUTINE, MAY | LEAKS, NULL, NULL },
    { "execute", WB_STMT_ROUTINE, MAY | LEAKS, NULL, NULL },
    { "if", WB_STMT_ROUTINE, MAY | LEAKS, NULL, NULL },
    { "case", WB_STMT_ROUTINE, MAY | LEAKS, NULL, NULL },
    { "loop", WB_STMT_ROUTINE, MAY | LEAKS, NULL, NULL },
    { "while", WB_STMT_ROUTINE, MAY | LEAKS, NULL, NULL },
    { "repeat", WB_STMT_ROUTINE, MAY | LEAKS, NULL, NULL },
    { "for", WB_STMT_ROUTINE, MAY | LEAKS, NULL, NULL },

    /* Administrative statements: fifth group. ANALYZE before a statement runs that statement (MariaDB). */
    { "analyze table", WB_STMT_MAINTENANCE, COMMITS | REPEATABLE, NULL, NULL },
    { "analyze tables", WB_STMT_MAINTENANCE, COMMITS | REPEATABLE, NULL, NULL },
    { "analyze local", WB_STMT_MAINTENANCE, COMMITS | REPEATABLE, NULL, NULL },
    { "analyze no_write_to_binlog", WB_STMT_MAINTENANCE, COMMITS | REPEATABLE, NULL, NULL },
    { "analyze", WB_STMT_QUERY, 0, NULL, wb_read_my_explain },
    { "optimize", WB_STMT_MAINTENANCE, COMMITS | REPEATABLE, NULL, NULL },
    { "check", WB_STMT_MAINTENANCE, COMMITS | REPEATABLE, NULL, NULL },
    { "repair", WB_STMT_MAINTENANCE, COMMITS | REPEATABLE, NULL, NULL },
    { "cache index", WB_STMT_MAINTENANCE, COMMITS | REPEATABLE, NULL, NULL },
    { "flush", WB_STMT_MAINTENANCE, COMMITS | REPEATABLE, NULL, wb_read_my_flush },
    { "reset", WB_STMT_MAINTENANCE, COMMITS | REPEATABLE, NULL, NULL },
    { "purge", WB_STMT_MAINTENANCE, REPEATABLE, NULL, NULL },

    /* Replication control, sixth group; and what ends a session or the server. */
    { "start", WB_STMT_OTHER, COMMITS, NULL, NULL },
    { "stop", WB_STMT_OTHER, COMMITS, NULL, NULL },
    { "change", WB_STMT_OTHER, COMMITS, NULL, NULL },
    { "clone", WB_STMT_OTHER, COMMITS, NULL, NULL },
    { "shutdown", WB_STMT_OTHER, COMMITS, NULL, NULL },
    { "restart", WB_STMT_OTHER, COMMITS, NULL, NULL },
    { "kill", WB_STMT_OTHER, 0, NULL, NULL },
    { "binlog", WB_STMT_OTHER, MAY, NULL, NULL },
    { NULL, WB_STMT_OTHER, 0, NULL, NULL },
};

const wb_dialect_table wb_sql_mysql = {
    .classes = classes,
    .string_prefixes = "bxn",
    .name_quote = '`',
    .has_client_commands = true,
    .has_hash_comments = true,
    .has_version_comments = true,
    .needs_blank_after_dashes = true,
    .has_null_escape = true,
    .has_digit_names = true,
    .has_late_dollar_quotes = true,
    .has_tick_names = true,
    .has_double_quoted_strings = true,
    .has_delimiter_lines = true,
    .has_blocks = true,
    .reads_ddl = true,
    .client = "mysql",
    .clients = clients,
    .client_words = client_words,
    .follow_set = follow_set,
    .commits_ddl = true,
    .keeps_modes = true,
    .forms = forms,
    .verbs = verbs,
};
