/* test_quote.c - names and texts in and out of quotes, variables, :batch, and the hash over tokens. */
#include "rows.h"

/* ---- quoting ---- */

static const struct quote_row {
    const char *name;
    wb_dialect dialect;
    const char *text;
    size_t len; /* 0: up to the NUL */
    const char *ident, *literal;
} quote_rows[] = {
    { "plain", PG, "abc", 0, "\"abc\"", "'abc'" },
    { "empty", PG, "", 0, "\"\"", "''" },
    { "quotes_are_doubled", PG, "a\"b'c", 0, "\"a\"\"b'c\"", "'a\"b''c'" },
    { "quotes_at_the_ends", PG, "'a'", 0, "\"'a'\"", "'''a'''" },
    { "pg_backslash", PG, "a\\'b", 0, "\"a\\'b\"", " E'a\\\\''b'" },
    { "lite_backslash", LITE, "a\\'b", 0, "\"a\\'b\"", "'a\\''b'" },
    { "lite_nul", LITE, "a\0b", 3, NULL, "CAST(x'610062' AS TEXT)" },
    { "my_name", MY, "a`b\"c", 0, "`a``b\"c`", "'a`b\"c'" },
    { "my_backslash", MY, "a\\", 0, "`a\\`", "_utf8mb4 x'615c'" },
};

static void quotes_hold_what_they_are_given(void **state)
{
    const struct quote_row *row = *state;
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    if (row->ident) {
        wb_sql_ident(&b, row->dialect, row->text);
        assert_string_equal(wb_buf_cstr(&b), row->ident);
        wb_buf_clear(&b);
    }
    wb_sql_literal(&b, row->dialect, row->text, row->len ? row->len : strlen(row->text));
    assert_string_equal(wb_buf_cstr(&b), row->literal);
}

static void a_nul_byte_is_no_text_of_postgres(void **state)
{
    (void)state;
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    wb_sql_literal(&b, PG, "a\0b", 3);
    assert_null(wb_buf_cstr(&b));
}

static const struct name_row {
    const char *name;
    wb_dialect dialect;
    const char *written, *want;
} name_rows[] = {
    { "pg_folds", PG, "Orders", "orders" },
    { "pg_keeps_quoted", PG, "\"Or\"\"ders\"", "Or\"ders" },
    { "pg_folds_ascii_only", PG, "\xC3\x84X", "\xC3\x84x" },
    { "pg_cuts_at_63_bytes", PG, "a123456789b123456789c123456789d123456789e123456789f123456789g123456789",
      "a123456789b123456789c123456789d123456789e123456789f123456789g12" },
    { "lite_keeps", LITE, "Orders", "Orders" },
    { "lite_brackets", LITE, "[Or]", "Or" },
    { "lite_ticks", LITE, "`O``r`", "O`r" },
    { "lite_string_quotes", LITE, "'Or'", "Or" },
    { "my_ticks", MY, "`Or`", "Or" },
    { "empty_name", PG, "", "" },
    { "one_character", PG, "T", "t" },
};

static void names_are_read_as_the_server_does(void **state)
{
    const struct name_row *row = *state;
    WB_AUTOARENA wb_arena mem = { 0 };
    assert_string_equal(wb_sql_name(&mem, row->dialect, WB_STR(row->written)), row->want);
}

/* ---- variables ---- */

static const char *value_of(void *user, const char *name)
{
    (void)user;
    if (strcmp(name, "owner") == 0)
        return "app \"x\"";
    if (strcmp(name, "plain") == 0)
        return "app_user";
    if (strcmp(name, "text") == 0)
        return "it's";
    return NULL;
}

static const struct variable_row {
    const char *name;
    const char *sql, *want; /* want NULL: refused with this message */
    const char *message;
    uint32_t line, column;
} variable_rows[] = {
    { "nothing_to_fill", "select 1", "select 1", NULL, 0, 0 },
    { "ident", "alter table t owner to ${owner:ident};", "alter table t owner to \"app \"\"x\"\"\";", NULL, 0, 0 },
    { "literal", "select ${text:literal}", "select 'it''s'", NULL, 0, 0 },
    { "twice", "${plain:ident}${plain:literal}", "\"app_user\"'app_user'", NULL, 0, 0 },
    { "undeclared_is_left_alone", "select ${other:ident}, '${other}'", "select ${other:ident}, '${other}'", NULL, 0,
      0 },
    { "comment_is_left_alone", "-- ${text:literal}\nselect ${plain:ident}", "-- ${text:literal}\nselect \"app_user\"",
      NULL, 0, 0 },
    { "block_comment_is_left_alone", "/* ${plain:ident} */ select 1", "/* ${plain:ident} */ select 1", NULL, 0, 0 },
    { "dollar_quote_is_filled", "do $$ grant x to ${plain:ident}; $$", "do $$ grant x to \"app_user\"; $$", NULL, 0,
      0 },
    { "data_is_left_alone",
      "grant x to ${plain:ident}; copy t from stdin;\n${plain:ident} '\n\\.\nselect ${plain:ident}",
      "grant x to \"app_user\"; copy t from stdin;\n${plain:ident} '\n\\.\nselect \"app_user\"", NULL, 0, 0 },
    { "quoted_text_beside", "select 'a', \"b\", ${plain:literal}, 'c'", "select 'a', \"b\", 'app_user', 'c'", NULL, 0,
      0 },
    { "restrict_line_is_kept", "\\restrict abc\nselect ${plain:ident}", "\\restrict abc\nselect \"app_user\"", NULL, 0,
      0 },
    { "not_closed", "select ${plain:ident", "select ${plain:ident", NULL, 0, 0 },
    { "in_a_string", "select\n '${text:literal}'", NULL, "variable text is used inside quotes", 2, 3 },
    { "in_a_name", "select \"${plain:ident}\"", NULL, "variable plain is used inside quotes", 1, 9 },
    { "without_kind", "select ${plain}", NULL, "variable plain is used without :ident or :literal", 1, 8 },
    { "with_another_kind", "select ${plain:raw}", NULL, "variable plain is used without :ident or :literal", 1, 8 },
    { "unsafe_in_a_dollar_quote", "do $$ select ${text:literal} $$", NULL,
      "the value of variable text has characters that are not safe inside a dollar quote", 1, 14 },
    { "lexical_fault", "select ${plain:ident}, 'x", NULL, "string has no closing quote", 1, 24 },
};

static void variables_are_filled_in(void **state)
{
    const struct variable_row *row = *state;
    static const char *const names[] = { "owner", "plain", "text" };
    wb_directives d = { .variables = names, .variable_count = WB_COUNT(names) };
    wb_sql_options options = { .dialect = PG };
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    wbl_error err = { 0 };
    size_t len = strlen(row->sql);
    char *text = exact_copy(row->sql, len);
    int rc = wb_variables_apply(&(wb_ctx){ .err = &err }, &options, &d, text, len, value_of, NULL, &b);
    free(text);
    if (row->want) {
        assert_int_equal(rc, 0);
        assert_string_equal(wb_buf_cstr(&b), row->want);
        return;
    }
    assert_int_equal(rc, WBL_E_INVALID);
    assert_string_equal(err.message, row->message);
    assert_int_equal(err.line, row->line);
    assert_int_equal(err.column, row->column);
}

static void a_declared_variable_needs_a_value(void **state)
{
    (void)state;
    static const char *const names[] = { "gone" };
    wb_directives d = { .variables = names, .variable_count = 1 };
    wb_sql_options options = { .dialect = PG };
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    assert_int_equal(wb_variables_apply(&cx, &options, &d, "select 1", 8, value_of, NULL, &b), WBL_E_INVALID);
    assert_string_equal(err.message, "variable gone has no value");
}

static void memory_may_run_out_while_filling(void **state)
{
    (void)state;
    static const char *const names[] = { "plain" };
    wb_directives d = { .variables = names, .variable_count = 1 };
    wb_sql_options options = { .dialect = PG };
    const char *sql = "select ${plain:ident}, ${plain:literal}";
    for (long k = 1;; k++) {
        wb_buf b = WB_BUF(WB_TEXT_MAX);
        wb_alloc_fail_at(k);
        int rc = wb_variables_apply(&(wb_ctx){ 0 }, &options, &d, sql, strlen(sql), value_of, NULL, &b);
        bool all_tried = wb_alloc_fail_at(0) < k;
        wb_buf_done(&b);
        if (all_tried) {
            assert_int_equal(rc, 0);
            return;
        }
        assert_int_equal(rc, WBL_E_NOMEM);
    }
}

/* ---- :batch ---- */

static const struct fill_row {
    const char *name;
    wb_dialect dialect;
    const char *sql, *want;
} fill_rows[] = {
    { "fill_limit", PG, "delete from t limit :batch", "delete from t limit 500" },
    { "fill_twice", PG, "a=:batch and b<:BATCH+1", "a=500 and b<500+1" },
    { "fill_behind_operator", LITE, "limit+:batch", "limit+500" },
    { "fill_not_in_quotes", PG, "':batch' \":batch\" $$:batch$$ -- :batch\n/* :batch */ :batch",
      "':batch' \":batch\" $$:batch$$ -- :batch\n/* :batch */ 500" },
    { "fill_not_a_cast", PG, "a::batch, :batches, : batch", "a::batch, :batches, : batch" },
    { "fill_nothing", PG, "select 1", "select 1" },
};

static void batch_marks_are_filled(void **state)
{
    const struct fill_row *row = *state;
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    size_t len = strlen(row->sql);
    char *text = exact_copy(row->sql, len);
    wb_batch_fill(&(wb_sql_options){ .dialect = row->dialect }, text, len, 500, &b);
    free(text);
    assert_string_equal(wb_buf_cstr(&b), row->want);
}

/* ---- the hash over tokens ---- */

static const struct hash_row {
    const char *name;
    wb_dialect dialect;
    const char *a, *b;
    bool is_same;
} hash_rows[] = {
    { "hash_of_comment_edit", PG, "select 1; -- a", "/* b */ select /* c */ 1;", true },
    { "hash_of_white_space", PG, "select a,b from t", "select\n\ta , b\r\nfrom t", true },
    { "hash_of_last_semicolon", PG, "select 1", "select 1;;", true },
    { "hash_of_mark", PG, "select 1", "\xEF\xBB\xBFselect 1", true },
    { "hash_of_line_ends_in_a_body", PG, "do $$ a\n\nb\n $$", "do $$ a\r\n\r\nb\r\n $$", true },
    { "hash_of_line_ends_in_data", PG, "copy t from stdin;\n1\n\\.\n", "copy t from stdin;\r\n1\r\n\\.\r\n", true },
    { "hash_of_lone_cr_counts", PG, "select 'a\rb'", "select 'ab'", false },
    { "hash_of_another_word", PG, "select a", "select b", false },
    { "hash_of_case_counts", PG, "select a", "SELECT a", false },
    { "hash_of_blank_in_string_counts", PG, "select 'a b'", "select 'a  b'", false },
    { "hash_of_split_statement_counts", PG, "select 1 select 2", "select 1; select 2", false },
    { "hash_of_glued_words_counts", PG, "select ab", "select a b", false },
    { "hash_of_split_operator_counts", PG, "select a <= b", "select a < = b", false },
    { "hash_of_comment_in_string_counts", PG, "select '-- a'", "select '-- b'", false },
    { "hash_of_comment_in_body_counts", PG, "do $$ -- a\n$$", "do $$ -- b\n$$", false },
    { "hash_of_dashes_in_data_count", PG, "copy t from stdin;\n--a\n\\.\n", "copy t from stdin;\n--b\n\\.\n", false },
    { "hash_of_data_and_comment", PG, "copy t from stdin;\n'\n\\.\nselect 1 -- a",
      "copy t from stdin;\n'\n\\.\nselect 1", true },
    { "hash_of_version_comment_counts", MY, "/*!40101 set a=1 */", "/*!40101 set a=2 */", false },
    { "hash_of_hash_comment", MY, "select 1 # a", "select 1", true },
    { "hash_of_faulty_text_same", PG, "select 1; select '", "select 1; /* x */ select '", false },
    { "hash_of_faulty_text_counts", PG, "select 1; select '", "select 1; select 'a", false },
    { "hash_of_nothing", PG, "", " -- x\n;;", true },
};

static void hashes_know_an_edit_from_a_remark(void **state)
{
    const struct hash_row *row = *state;
    char a[65], b[65];
    wb_sql_options options = { .dialect = row->dialect };
    wb_sql_token_hash(&options, row->a, strlen(row->a), a);
    wb_sql_token_hash(&options, row->b, strlen(row->b), b);
    assert_int_equal(strlen(a), 64);
    assert_int_equal(strcmp(a, b) == 0, row->is_same);
}

/* History rows hold these hashes: a change of the algorithm would call every applied file edited. */
static void the_hash_never_changes(void **state)
{
    (void)state;
    char hash[65];
    wb_sql_options options = { .dialect = PG };
    const char *sql = "create table t (a int); insert into t values ('x');";
    wb_sql_token_hash(&options, sql, strlen(sql), hash);
    assert_string_equal(hash, "982ca7491ef92f7cb1e5ba8dd35327718844c26bdd32beca4f92307ca160bad1");
}

static void long_tokens_are_hashed_whole(void **state)
{
    (void)state;
    enum { LEN = 100000 };
    char *text = malloc(LEN), a[65], b[65];
    assert_non_null(text);
    memset(text, 'x', LEN);
    text[0] = text[LEN - 1] = '\'';
    wb_sql_options options = { .dialect = PG };
    wb_sql_token_hash(&options, text, LEN, a);
    text[LEN - 2] = 'y';
    wb_sql_token_hash(&options, text, LEN, b);
    assert_string_not_equal(a, b);
    free(text);
}

/* ---- checksums up to each statement ---- */

struct seen_marks {
    const wb_sql_options *options;
    const char *text;
    bool has_data; /* of COPY: cut off behind it, the text does not lex any more */
    size_t count;
};

static void compare_mark(void *user, const wb_token_mark *m)
{
    struct seen_marks *s = user;
    char one[65], whole[65], to[65];
    wb_hex(m->digest, sizeof m->digest, one);
    wb_sql_token_hash(s->options, s->text, m->end, whole);
    wb_sql_token_hash_to(s->options, s->text, strlen(s->text), m->end, to);
    assert_string_equal(one, to);
    assert_int_equal(strcmp(one, whole) == 0, !s->has_data || s->count > 0);
    s->count++;
}

static void each_statement_has_the_hash_of_what_stands_before_its_end(void **state)
{
    static const struct {
        wb_dialect dialect;
        const char *text;
        size_t count;
        bool has_data;
    } rows[] = {
        { PG, "", 0, false },
        { PG, "select 1", 1, false },
        { PG, "create table t (a int);\r\n-- note\n;; insert into t values ('x;');\nselect 2 -- end", 3, false },
        { PG, "copy t from stdin;\n1;\n2\n\\.\ndo $$ begin; end $$; select 1", 3, true },
        { PG, "select 1; select 'open", 1, false },
        { MY, "create table t (a int); delimiter //\ncreate trigger x before insert on t for each row begin set @a = 1; "
              "set @b = 2; end//\ndelimiter ;\ninsert into t values (1); insert into t values (2)", 4, false },
    };
    (void)state;
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        wb_sql_options options = { .dialect = rows[i].dialect };
        struct seen_marks s = { &options, rows[i].text, rows[i].has_data, 0 };
        wb_sql_token_marks(&options, rows[i].text, strlen(rows[i].text), compare_mark, &s);
        assert_int_equal(s.count, rows[i].count);
    }
}

int main(void)
{
    static struct CMUnitTest tests[WB_COUNT(quote_rows) + WB_COUNT(name_rows) + WB_COUNT(variable_rows) +
                                   WB_COUNT(fill_rows) + WB_COUNT(hash_rows) + 8];
    size_t n = 0;
    ROW_TESTS(quote_rows, quotes_hold_what_they_are_given)
    ROW_TESTS(name_rows, names_are_read_as_the_server_does)
    ROW_TESTS(variable_rows, variables_are_filled_in)
    ROW_TESTS(fill_rows, batch_marks_are_filled)
    ROW_TESTS(hash_rows, hashes_know_an_edit_from_a_remark)
    const struct CMUnitTest others[] = {
        cmocka_unit_test(a_nul_byte_is_no_text_of_postgres), cmocka_unit_test(a_declared_variable_needs_a_value),
        cmocka_unit_test(memory_may_run_out_while_filling),  cmocka_unit_test(the_hash_never_changes),
        cmocka_unit_test(long_tokens_are_hashed_whole),
        cmocka_unit_test(each_statement_has_the_hash_of_what_stands_before_its_end),
    };
    for (size_t i = 0; i < WB_COUNT(others); i++)
        tests[n++] = others[i];
    return _cmocka_run_group_tests("sql/quote", tests, n, NULL, NULL);
}
