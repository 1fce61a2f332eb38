/* test_directives.c - what stands behind `-- whimbrel:`, and what is refused there. */
#include "rows.h"

static int read_text(wb_ctx *cx, wb_arena *mem, wb_dialect dialect, const char *sql, wb_directives *out)
{
    size_t len = strlen(sql);
    char *text = exact_copy(sql, len);
    int rc = wb_directives_read(cx, mem, &(wb_sql_options){ .dialect = dialect }, text, len, out);
    free(text);
    return rc;
}

/* ---- good ones ---- */

static const struct good_row {
    const char *name;
    wb_dialect dialect;
    const char *sql;
    bool no_transaction, out_of_order;
    int64_t lock_timeout_ms, statement_timeout_ms;
    wb_switch foreign_keys;
    const char *requires;  /* "identity@2 core" */
    const char *variables; /* "owner x" */
} good_rows[] = {
    { "none", PG, "select 1", false, false, -1, -1, WB_UNSET, "", "" },
    { "no_transaction", PG, "-- whimbrel: no-transaction\nselect 1", true, false, -1, -1, WB_UNSET, "", "" },
    { "without_blanks", PG, "--whimbrel:no-transaction\nselect 1", true, false, -1, -1, WB_UNSET, "", "" },
    { "with_many_blanks", PG, " \t--  whimbrel :  no-transaction  \r\nselect 1", true, false, -1, -1, WB_UNSET, "",
      "" },
    { "in_capitals", PG, "-- WHIMBREL: No-Transaction\nselect 1", true, false, -1, -1, WB_UNSET, "", "" },
    { "behind_other_comments", PG, "/* a */\n-- b\n\n-- whimbrel: no-transaction\nselect 1", true, false, -1, -1,
      WB_UNSET, "", "" },
    { "behind_a_mark", PG, "\xEF\xBB\xBF-- whimbrel: no-transaction\nselect 1", true, false, -1, -1, WB_UNSET, "", "" },
    { "in_a_file_without_statement", PG, "-- whimbrel: no-transaction", true, false, -1, -1, WB_UNSET, "", "" },
    { "with_a_remark", PG, "-- whimbrel: lock-timeout 2s -- it is busy\nselect 1", false, false, 2000, -1, WB_UNSET, "",
      "" },
    { "several", PG,
      "-- whimbrel: out-of-order\n-- whimbrel: lock-timeout 250ms\n-- whimbrel: statement-timeout 5m\nselect 1", false,
      true, 250, 300000, WB_UNSET, "", "" },
    { "lock_timeout_zero", PG, "-- whimbrel: lock-timeout 0\nselect 1", false, false, 0, -1, WB_UNSET, "", "" },
    { "foreign_keys_off", LITE, "-- whimbrel: foreign-keys off\nselect 1", false, false, -1, -1, WB_OFF, "", "" },
    { "foreign_keys_on", LITE, "-- whimbrel: foreign-keys ON\nselect 1", false, false, -1, -1, WB_ON, "", "" },
    { "requires", PG, "-- whimbrel: requires identity@2, core\nselect 1", false, false, -1, -1, WB_UNSET,
      "identity@2 core", "" },
    { "requires_on_two_lines", PG, "-- whimbrel: requires a@007\n-- whimbrel: requires b-c\nselect 1", false, false, -1,
      -1, WB_UNSET, "a@007 b-c", "" },
    { "requires_with_blanks_only", PG, "-- whimbrel: requires a  b,c\nselect 1", false, false, -1, -1, WB_UNSET,
      "a b c", "" },
    { "variables", PG, "-- whimbrel: variables owner, x\nselect 1", false, false, -1, -1, WB_UNSET, "", "owner x" },
    { "hash_of_mysql", MY, "# whimbrel: no-transaction\nselect 1", true, false, -1, -1, WB_UNSET, "", "" },
    { "markers_are_passed_over", PG, "-- whimbrel: up\nselect 1;\n-- whimbrel: down\nselect 2", false, false, -1, -1,
      WB_UNSET, "", "" },
    { "not_in_a_string", PG, "select '\n-- whimbrel: nonsense\n'", false, false, -1, -1, WB_UNSET, "", "" },
    { "not_in_a_dollar_quote", PG, "do $$\n-- whimbrel: nonsense\n$$", false, false, -1, -1, WB_UNSET, "", "" },
    { "not_in_a_block_comment", PG, "/*\n-- whimbrel: nonsense\n*/ select 1", false, false, -1, -1, WB_UNSET, "", "" },
    { "not_in_data", PG, "copy t from stdin;\n-- whimbrel: nonsense\n\\.\n", false, false, -1, -1, WB_UNSET, "", "" },
    { "other_words_are_no_directive", PG, "-- whimbrel is a bird: nonsense\n-- whimbrels: no-transaction\nselect 1",
      false, false, -1, -1, WB_UNSET, "", "" },
    { "batch_above_update", PG,
      "select 1;\n-- whimbrel: batch size=5000 pause=50ms\n-- why\nupdate t set a = 1 where id in (select id from t "
      "limit "
      ":batch)",
      false, false, -1, -1, WB_UNSET, "", "" },
    { "batch_above_with", PG,
      "-- whimbrel: batch size=1\nwith x as (select id from t limit :batch) delete from t using x where t.id = x.id",
      false, false, -1, -1, WB_UNSET, "", "" },
    { "batch_above_insert", LITE, "-- whimbrel: batch size=1 max=3\ninsert into u select * from t limit :batch", false,
      false, -1, -1, WB_UNSET, "", "" },
};

static void directives_are_read(void **state)
{
    const struct good_row *row = *state;
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_directives d;
    char requires[128] = "", variables[128] = "";
    assert_int_equal(read_text(&(wb_ctx){ 0 }, &mem, row->dialect, row->sql, &d), 0);
    assert_int_equal(d.no_transaction, row->no_transaction);
    assert_int_equal(d.out_of_order, row->out_of_order);
    assert_int_equal(d.lock_timeout_ms, row->lock_timeout_ms);
    assert_int_equal(d.statement_timeout_ms, row->statement_timeout_ms);
    assert_int_equal(d.foreign_keys, row->foreign_keys);
    for (size_t i = 0; i < d.require_count; i++) {
        size_t len = strlen(requires);
        snprintf(requires + len, sizeof requires - len, "%s%s%s%s", i ? " " : "", d.requires[i].ns,
                 d.requires[i].version ? "@" : "", d.requires[i].version ? d.requires[i].version : "");
    }
    assert_string_equal(requires, row->requires);
    for (size_t i = 0; i < d.variable_count; i++) {
        size_t len = strlen(variables);
        snprintf(variables + len, sizeof variables - len, "%s%s", i ? " " : "", d.variables[i]);
    }
    assert_string_equal(variables, row->variables);
}

/* ---- refused ---- */

static const struct bad_row {
    const char *name, *sql;
    const char *message;
    uint32_t line, column;
    const char *hint; /* part of it; NULL: any */
} bad_rows[] = {
    { "unknown", "\n-- whimbrel: no-transactoin\nselect 1", "unknown directive \"no-transactoin\"", 2, 14,
      "Did you mean \"no-transaction\"?" },
    { "unknown_far_from_all", "-- whimbrel: zzzzzzzzzzzz\nselect 1", "unknown directive \"zzzzzzzzzzzz\"", 1, 14,
      "Known are" },
    { "without_name", "-- whimbrel:\nselect 1", "directive has no name", 1, 13, NULL },
    { "below_a_statement", "select 1;\n-- whimbrel: no-transaction\n",
      "directive no-transaction stands below a statement", 2, 14, "move it to the top" },
    { "inside_a_statement", "select\n -- whimbrel: no-transaction\n 1",
      "directive no-transaction stands below a statement", 2, 15, "move it to the top" },
    { "inside_a_statement_of_tokens", "create function f()\n-- whimbrel: requires a\nreturns int",
      "directive requires stands below a statement", 2, 14, "move it to the top" },
    { "unknown_below", "select 1;\n-- whimbrel: btach size=1\nselect 2", "unknown directive \"btach\"", 2, 14,
      "Did you mean \"batch\"?" },
    { "flag_with_value", "-- whimbrel: no-transaction please\nselect 1",
      "\"please\" is too much: this directive takes no value", 1, 14, NULL },
    { "twice", "-- whimbrel: lock-timeout 1s\n-- whimbrel: lock-timeout 2s\nselect 1",
      "directive lock-timeout is given twice", 2, 14, NULL },
    { "timeout_without_value", "-- whimbrel: lock-timeout\nselect 1", "a duration like 2s is missing", 1, 14, NULL },
    { "timeout_that_is_none", "-- whimbrel: statement-timeout soon\nselect 1", "\"soon\" is not a duration like 30s", 1,
      14, NULL },
    { "foreign_keys_maybe", "-- whimbrel: foreign-keys maybe\nselect 1", "\"maybe\" is not on or off", 1, 14, NULL },
    { "requires_nothing", "-- whimbrel: requires\nselect 1", "a namespace, such as core or identity@2, is missing", 1,
      14, NULL },
    { "requires_odd", "-- whimbrel: requires a@\nselect 1", "\"a@\" is not namespace or namespace@version", 1, 14,
      NULL },
    { "variables_odd", "-- whimbrel: variables ${x}\nselect 1", "\"${x}\" is not a name of a variable", 1, 14, NULL },
    { "batch_without_size", "-- whimbrel: batch\nupdate t set a = :batch",
      "batch needs size=, the number of rows of one round", 1, 14, NULL },
    { "batch_size_zero", "-- whimbrel: batch size=0\nupdate t set a = :batch",
      "\"0\" is not a number of rows, size=5000", 1, 14, NULL },
    { "batch_size_huge", "-- whimbrel: batch size=99999999999999999999999\nupdate t set a = :batch",
      "\"99999999999999999999999\" is not a number of rows, size=5000", 1, 14, NULL },
    { "batch_option_odd", "-- whimbrel: batch size=1 speed=2\nupdate t set a = :batch",
      "\"speed=2\" is not an option of batch: size=, pause= or max=", 1, 14, NULL },
    { "batch_pause_odd", "-- whimbrel: batch size=1 pause=x\nupdate t set a = :batch",
      "\"x\" is not a duration, pause=50ms", 1, 14, NULL },
    { "batch_above_ddl", "-- whimbrel: batch size=1\ncreate table t (a int)",
      "batch needs an UPDATE, DELETE or INSERT ... SELECT below", 1, 14, NULL },
    { "batch_above_select", "-- whimbrel: batch size=1\nwith x as (select 1) select * from x limit :batch",
      "batch needs an UPDATE, DELETE or INSERT ... SELECT below", 1, 14, NULL },
    { "batch_without_mark", "select 1;\n-- whimbrel: batch size=1\ndelete from t",
      "the statement below batch has no :batch", 2, 14, "LIMIT :batch" },
    { "batch_mark_in_string_only", "-- whimbrel: batch size=1\ndelete from t where a = ':batch' -- :batch\n",
      "the statement below batch has no :batch", 1, 14, NULL },
    { "batch_mark_is_a_cast", "-- whimbrel: batch size=1\ndelete from t where a = b::batch",
      "the statement below batch has no :batch", 1, 14, NULL },
    { "batch_above_nothing", "delete from t;\n-- whimbrel: batch size=1\n", "there is no statement below batch", 2, 14,
      NULL },
    { "batch_twice", "-- whimbrel: batch size=1\n-- whimbrel: batch size=2\nupdate t set a = :batch",
      "two batch directives stand above one statement", 2, 14, NULL },
    { "batch_inside", "delete from t\n-- whimbrel: batch size=1\nwhere a = :batch",
      "batch stands inside a statement; it belongs above it", 2, 14, NULL },
    { "fault_of_the_text", "-- whimbrel: out-of-order\nselect 1;\n'", "string has no closing quote", 3, 1, NULL },
};

static void wrong_directives_are_refused(void **state)
{
    const struct bad_row *row = *state;
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_directives d = { .lock_timeout_ms = 77 };
    wbl_error err = { 0 };
    assert_int_equal(read_text(&(wb_ctx){ .err = &err }, &mem, PG, row->sql, &d), WBL_E_INVALID);
    assert_string_equal(err.message, row->message);
    assert_int_equal(err.line, row->line);
    assert_int_equal(err.column, row->column);
    if (row->hint)
        assert_non_null(strstr(err.hint, row->hint));
    assert_int_equal(d.lock_timeout_ms, 77);
}

/* ---- others ---- */

static int see_batch(void *user, const wb_statement *st)
{
    wb_batch *batches = user;
    batches[st->index - 1] = st->batch;
    return 0;
}

static void a_batch_belongs_to_the_statement_below(void **state)
{
    (void)state;
    const char *sql = "select 1; -- whimbrel: batch size=5000 pause=50ms max=7\n;;/* x */ delete from t; select 2";
    wb_batch batches[3] = { 0 };
    wb_sql_options options = { .dialect = PG };
    assert_int_equal(wb_split(&(wb_ctx){ 0 }, &options, sql, strlen(sql), false, see_batch, batches), 0);
    assert_int_equal(batches[0].size, 0);
    assert_int_equal(batches[1].size, 5000);
    assert_int_equal(batches[1].pause_ms, 50);
    assert_int_equal(batches[1].max, 7);
    assert_int_equal(batches[2].size, 0);
}

static void lines_count_from_the_file(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    wb_directives d;
    wbl_error err = { 0 };
    wb_sql_options options = { .dialect = PG, .first_line = 20 };
    const char *sql = "\n-- whimbrel: nonsense";
    assert_int_equal(wb_directives_read(&(wb_ctx){ .err = &err }, &mem, &options, sql, strlen(sql), &d), WBL_E_INVALID);
    assert_int_equal(err.line, 21);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const char *sql = "-- whimbrel: requires a@1, b, c, d, e\n-- whimbrel: variables x, y, z\nselect 1";
    wb_sql_options options = { .dialect = PG };
    for (long k = 1;; k++) {
        wb_arena mem = { 0 };
        wb_directives d = { .require_count = 77 };
        long live = wb_alloc_live();
        wb_alloc_fail_at(k);
        int rc = wb_directives_read(&(wb_ctx){ 0 }, &mem, &options, sql, strlen(sql), &d);
        bool all_tried = wb_alloc_fail_at(0) < k;
        wb_arena_done(&mem);
        assert_int_equal(wb_alloc_live(), live);
        if (all_tried) {
            assert_int_equal(rc, 0);
            return;
        }
        assert_int_equal(rc, WBL_E_NOMEM);
        assert_int_equal(d.require_count, 77);
    }
}

int main(void)
{
    static struct CMUnitTest tests[WB_COUNT(good_rows) + WB_COUNT(bad_rows) + 3];
    size_t n = 0;
    ROW_TESTS(good_rows, directives_are_read)
    ROW_TESTS(bad_rows, wrong_directives_are_refused)
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_batch_belongs_to_the_statement_below);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(lines_count_from_the_file);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(every_allocation_may_fail);
    return _cmocka_run_group_tests("sql/directives", tests, n, NULL, NULL);
}
