/*
 * fuzz_split.c - any bytes as a script, in every dialect: statements come in order, lie inside the text and stay one
 * statement when they are split alone; their places are right; the fast way through a statement ends where its tokens
 * end; nothing crashes.
 * The first byte chooses dialect and switches.
 */
#include "sql/lex.h"

#include <stdlib.h>
#include <string.h>

typedef struct seen {
    const wb_sql_options *options;
    const char *text;
    size_t len, end;
    uint32_t count;
    bool has_delimiters, sets_modes;
} seen;

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static bool is_inside(const seen *s, wb_str part)
{
    return part.len == 0 || (part.p >= s->text && part.p + part.len <= s->text + s->len);
}

static int count_one(void *user, const wb_statement *st)
{
    const size_t *len = user;
    check(st->index == 1 && st->offset == 0 && st->len == *len);
    return 0;
}

static bool has_word(const char *text, size_t len, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= len; i++) {
        if (wb_str_ieq((wb_str){ text + i, n }, word))
            return true;
    }
    return false;
}

/* COPY wants its data, a DELIMITER line is not part of the statement, a mark is passed over at the start only, and two
   dashes are a comment in MySQL when nothing follows. */
static bool can_stand_alone(const seen *s, const wb_statement *st)
{
    const char *p = s->text + st->offset;
    bool has_mark = st->len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0;
    bool has_dashes = s->options->dialect == WB_SQL_MYSQL && st->len >= 2 && memcmp(p + st->len - 2, "--", 2) == 0;
    return !st->has_copy_data && !s->has_delimiters && !has_mark && !has_dashes && !s->sets_modes;
}

/* Tokens from first to last byte, and no terminator among them but in a body. ".e'" is cut in two ways: never valid. */
static void check_tokens(const seen *s, const wb_statement *st)
{
    const char *text = s->text + st->offset, *last = text;
    if (has_word(text, st->len, ".e'") || !can_stand_alone(s, st))
        return;
    wb_lexer l;
    wb_lex_start(&l, s->options, text, st->len);
    wb_token t = wb_lex_next(&l);
    bool may_have_body = s->options->dialect == WB_SQL_MYSQL || wb_token_is(t, "create") || wb_token_is(t, "explain");
    for (; t.kind != WB_TOK_END; t = wb_lex_next(&l)) {
        check(t.kind != WB_TOK_FAULT && t.kind != WB_TOK_CLIENT);
        check(t.kind != WB_TOK_TERMINATOR || may_have_body);
        last = t.p + t.len;
    }
    check(last == text + st->len);
}

/* What a driver asks: every part lies inside the statement. */
static void check_parts(const seen *s, const wb_statement *st)
{
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_ctx cx = { 0 };
    const char *text = s->text + st->offset;
    wb_sql_object *objects;
    wb_sql_clause *clauses;
    size_t count;
    check(wb_sql_objects(&cx, &mem, s->options, text, st->len, &objects, &count) == 0);
    for (size_t i = 0; i < count; i++)
        check(objects[i].kind && is_inside(s, objects[i].name) && is_inside(s, objects[i].new_name) &&
              is_inside(s, objects[i].table) && is_inside(s, objects[i].source));
    check(wb_sql_clauses(&cx, &mem, s->options, text, st->len, &clauses, &count) == 0);
    for (size_t i = 0; i < count; i++)
        check(is_inside(s, clauses[i].name) && is_inside(s, clauses[i].new_name) && is_inside(s, clauses[i].rest) &&
              is_inside(s, clauses[i].text));
}

static int see_statement(void *user, const wb_statement *st)
{
    seen *s = user;
    check(st->index == ++s->count && st->len > 0);
    check(st->offset >= s->end && st->offset + st->len <= s->len);
    s->end = st->offset + st->len;
    if (st->has_copy_data) {
        check(st->copy_offset > s->end && st->copy_offset + st->copy_len <= s->len);
        s->end = st->copy_offset + st->copy_len;
    }
    check(is_inside(s, st->name) && is_inside(s, st->schema) && is_inside(s, st->table) &&
          is_inside(s, st->table_schema) && is_inside(s, st->modes));

    uint32_t line, column;
    wb_text_place(s->text, s->len, st->offset, s->options->first_line, &line, &column);
    check(line == st->line && column == st->column);

    check_tokens(s, st);
    if (can_stand_alone(s, st)) {
        wbl_error err = { 0 };
        wb_ctx cx = { .err = &err };
        size_t len = st->len;
        int rc = wb_split(&cx, s->options, s->text + st->offset, st->len, false, count_one, &len);
        check(rc == 0 || strncmp(err.message, "mysql command ", 14) == 0); /* it stands at the start of a line now */
    }
    check_parts(s, st);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    wb_sql_options options = {
        .dialect = data[0] % 3 == 0   ? WB_SQL_POSTGRES
                   : data[0] % 3 == 1 ? WB_SQL_SQLITE
                                      : WB_SQL_MYSQL,
        .backslash_quotes = data[0] & 64,
        .is_mariadb = data[0] & 32,
        .ansi_quotes = data[0] & 16,
        .server_version = data[0] % 3 != 2 || data[0] & 8 ? 0 : data[0] & 32 ? 101119 : 80403,
        .first_line = data[0] & 128 ? 40 : 0,
    };
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    const char *text = (const char *)data + 1;
    size_t len = size - 1;
    seen s = { .options = &options, .text = text, .len = len };
    s.sets_modes = options.dialect == WB_SQL_MYSQL && has_word(text, len, "sql_mode");
    s.has_delimiters = options.dialect == WB_SQL_MYSQL && has_word(text, len, "delimiter");
    int rc = wb_split(&cx, &options, text, len, true, see_statement, &s);
    check(rc == 0 || (rc == WBL_E_INVALID && err.message[0] && err.line > 0 && err.column > 0));

    wb_script_facts f;
    int scan_rc = wb_script_scan(&cx, &options, text, len, &f);
    check(scan_rc == rc);
    if (rc == 0) {
        check(f.statement_count == s.count && f.body_offset + f.body_len <= len && f.body_count <= f.statement_count);
        check(is_inside(&s, f.modes));
    }
    char hash[65];
    wb_sql_token_hash(&options, text, len, hash);
    check(strlen(hash) == 64);
    return 0;
}
