/* test_scan.c - the shape of a script: whose transaction it runs in, and what its statements do. */
#include "rows.h"

static const struct shape_row {
    const char *name;
    wb_dialect dialect;
    const char *sql;
    wb_txn_shape shape;
    const char *body; /* OUTER: the inside */
    uint32_t odd;     /* index of the statement that makes it so; 0: none */
    const char *modes;
} shape_rows[] = {
    { "empty", PG, "-- nothing", WB_SHAPE_PLAIN, NULL, 0, "" },
    { "plain", PG, "select 1; select 2", WB_SHAPE_PLAIN, NULL, 0, "" },
    { "plain_with_savepoints", PG, "savepoint s; select 1; rollback to s; release s", WB_SHAPE_PLAIN, NULL, 0, "" },
    { "begin_in_a_body_is_none", PG, "do $$ begin commit; end $$; select 'begin;'", WB_SHAPE_PLAIN, NULL, 0, "" },
    { "atomic_body_is_none", PG, "create function f() returns int begin atomic select 1; end; select 1", WB_SHAPE_PLAIN,
      NULL, 0, "" },
    { "outer", PG, "begin; select 1; commit;", WB_SHAPE_OUTER, " select 1; ", 0, "" },
    { "outer_without_last_semicolon", PG, "BEGIN;\nselect 1;\nCOMMIT\n", WB_SHAPE_OUTER, "\nselect 1;\n", 0, "" },
    { "outer_with_comments_around", PG, "-- a\nbegin /* b */ ; -- c\nselect 1; -- d\nend -- e\n; -- f", WB_SHAPE_OUTER,
      " -- c\nselect 1; -- d\n", 0, "" },
    { "outer_with_modes", PG, "start transaction isolation level serializable; select 1; end transaction",
      WB_SHAPE_OUTER, " select 1; ", 0, "isolation level serializable" },
    { "outer_with_savepoint", PG, "begin; savepoint s; select 1; rollback to s; commit", WB_SHAPE_OUTER,
      " savepoint s; select 1; rollback to s; ", 0, "" },
    { "outer_and_nothing_in_it", PG, "begin;commit;", WB_SHAPE_OUTER, "", 0, "" },
    { "outer_behind_empty_statements", PG, ";; begin;; select 1;; commit;;", WB_SHAPE_OUTER, "; select 1;; ", 0, "" },
    { "outer_with_data", PG, "begin; copy t from stdin;\ncommit;\n\\.\ncommit;", WB_SHAPE_OUTER,
      " copy t from stdin;\ncommit;\n\\.\n", 0, "" },
    { "outer_lite", LITE, "BEGIN IMMEDIATE; select 1; END;", WB_SHAPE_OUTER, " select 1; ", 0, "" },
    { "outer_lite_with_trigger", LITE, "begin; create trigger a after insert on t begin select 1; end; commit;",
      WB_SHAPE_OUTER, " create trigger a after insert on t begin select 1; end; ", 0, "" },
    { "statement_before_begin", PG, "select 1; begin; select 2; commit", WB_SHAPE_SELF_MANAGED, NULL, 2, "" },
    { "statement_behind_commit", PG, "begin; select 1; commit; select 2", WB_SHAPE_SELF_MANAGED, NULL, 4, "" },
    { "two_pairs", PG, "begin; select 1; commit; begin; select 2; commit", WB_SHAPE_SELF_MANAGED, NULL, 4, "" },
    { "pair_that_rolls_back", PG, "begin; select 1; rollback", WB_SHAPE_SELF_MANAGED, NULL, 3, "" },
    { "commit_and_chain", PG, "begin; select 1; commit and chain; select 2; commit", WB_SHAPE_SELF_MANAGED, NULL, 3,
      "" },
    { "rollback_and_chain", PG, "begin; select 1; rollback and chain; select 2; commit", WB_SHAPE_SELF_MANAGED, NULL, 3,
      "" },
    { "prepare_transaction", PG, "begin; select 1; prepare transaction 'x'", WB_SHAPE_SELF_MANAGED, NULL, 3, "" },
    { "commit_prepared_alone", PG, "commit prepared 'x'", WB_SHAPE_PLAIN, NULL, 0, "" },
    { "begin_without_end", PG, "begin; select 1", WB_SHAPE_UNBALANCED, NULL, 1, "" },
    { "begin_alone", PG, "begin", WB_SHAPE_UNBALANCED, NULL, 1, "" },
    { "commit_without_begin", PG, "select 1; commit; select 2", WB_SHAPE_UNBALANCED, NULL, 2, "" },
    { "rollback_without_begin", PG, "select 1; rollback", WB_SHAPE_UNBALANCED, NULL, 2, "" },
    { "begin_twice", PG, "begin; begin; select 1; commit", WB_SHAPE_UNBALANCED, NULL, 2, "" },
    { "commit_twice", PG, "begin; select 1; commit; commit", WB_SHAPE_UNBALANCED, NULL, 4, "" },
    { "second_begin_without_end", PG, "begin; commit; begin; select 1", WB_SHAPE_UNBALANCED, NULL, 3, "" },
    { "chain_without_end", PG, "begin; select 1; commit and chain; select 2", WB_SHAPE_UNBALANCED, NULL, 1, "" },
    { "prepare_transaction_without_begin", PG, "select 1; prepare transaction 'x'", WB_SHAPE_UNBALANCED, NULL, 2, "" },
    { "lite_rollback_without_begin", LITE, "rollback", WB_SHAPE_UNBALANCED, NULL, 1, "" },
};

static void shapes_are_told(void **state)
{
    const struct shape_row *row = *state;
    size_t len = strlen(row->sql);
    char *text = exact_copy(row->sql, len);
    wb_sql_options options = { .dialect = row->dialect };
    wb_script_facts f;
    assert_int_equal(wb_script_scan(&(wb_ctx){ 0 }, &options, text, len, &f), 0);
    assert_int_equal(f.shape, row->shape);
    assert_int_equal(f.odd.index, row->odd);
    ASSERT_STR(f.modes, row->modes);
    ASSERT_STR(((wb_str){ text + f.body_offset, f.body_len }), row->body ? row->body : row->sql);
    assert_int_equal(f.body_first, row->shape == WB_SHAPE_OUTER ? 2 : 1);
    assert_int_equal(f.body_count, f.statement_count - (row->shape == WB_SHAPE_OUTER ? 2 : 0));
    free(text);
}

static const struct fact_row {
    const char *name;
    wb_dialect dialect;
    const char *sql;
    uint32_t count, refusing_count, refusing;
    const char *flags; /* d ddl, m dml, c copy, b batch, l leak, x client lines */
} fact_rows[] = {
    { "facts_of_nothing", PG, "", 0, 0, 0, "" },
    { "facts_ddl", PG, "create table t (a int)", 1, 0, 0, "d" },
    { "facts_dml", PG, "insert into t values (1); update t set a = 2", 2, 0, 0, "" },
    { "facts_copy", PG, "copy t from stdin;\n1\n\\.\n", 1, 0, 0, "c" },
    { "facts_copy_to", PG, "copy t to stdout", 1, 0, 0, "" },
    { "facts_batch", PG, "-- whimbrel: batch size=5\nupdate t set a = 1 where id in (select id from t limit :batch)", 1,
      0, 0, "b" },
    { "facts_leak", PG, "set search_path = x; create table t (a int)", 2, 0, 0, "dl" },
    { "facts_refusing", PG, "create table t (a int); vacuum t; create index concurrently i on t (a)", 3, 2, 2, "d" },
    { "facts_refusing_alone", PG, "create index concurrently i on t (a)", 1, 1, 1, "d" },
    { "facts_restrict", PG, "\\restrict x\nselect 1;", 1, 0, 0, "x" },
    { "facts_delimiter", MY, "delimiter //\nselect 1//", 1, 0, 0, "x" },
    { "facts_lite_pragma", LITE, "pragma foreign_keys = off; create table t (a)", 2, 1, 1, "dl" },
};

static void facts_are_gathered(void **state)
{
    const struct fact_row *row = *state;
    wb_sql_options options = { .dialect = row->dialect };
    wb_script_facts f;
    assert_int_equal(wb_script_scan(&(wb_ctx){ 0 }, &options, row->sql, strlen(row->sql), &f), 0);
    assert_int_equal(f.statement_count, row->count);
    assert_int_equal(f.refusing_count, row->refusing_count);
    assert_int_equal(f.refusing.index, row->refusing);
    assert_int_equal(f.has_ddl, strchr(row->flags, 'd') != NULL);
    assert_int_equal(f.has_copy, strchr(row->flags, 'c') != NULL);
    assert_int_equal(f.has_batch, strchr(row->flags, 'b') != NULL);
    assert_int_equal(f.may_leak, strchr(row->flags, 'l') != NULL);
    assert_int_equal(f.has_client_lines, strchr(row->flags, 'x') != NULL);
}

static void a_faulty_script_leaves_the_facts_alone(void **state)
{
    (void)state;
    wb_sql_options options = { .dialect = PG };
    wb_script_facts f = { .statement_count = 77 };
    wbl_error err = { 0 };
    assert_int_equal(wb_script_scan(&(wb_ctx){ .err = &err }, &options, "select 1; select '", 18, &f), WBL_E_INVALID);
    assert_int_equal(f.statement_count, 77);
    assert_int_equal(err.line, 1);
    assert_int_equal(err.column, 18);
}

int main(void)
{
    static struct CMUnitTest tests[WB_COUNT(shape_rows) + WB_COUNT(fact_rows) + 1];
    size_t n = 0;
    ROW_TESTS(shape_rows, shapes_are_told)
    ROW_TESTS(fact_rows, facts_are_gathered)
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_faulty_script_leaves_the_facts_alone);
    return _cmocka_run_group_tests("sql/scan", tests, n, NULL, NULL);
}
