/* test_protocol.c - atomic or stepwise, why, and which scripts can't run at all. */
#include "world.h"

enum { PG = WB_CAP_TXN_DDL | WB_CAP_TXN_DML, MY = WB_CAP_TXN_DML, NO = 0 };
enum { A = WBL_PROTOCOL_ATOMIC, S = WBL_PROTOCOL_STEPWISE, N = WBL_PROTOCOL_NONE };

#define CIC "CREATE INDEX CONCURRENTLY can't run in a transaction"
#define FACTS(...)                                                                                                     \
    {                                                                                                                  \
        .statement_count = 2, .body_count = 2, __VA_ARGS__                                                             \
    }

static const struct protocol_row {
    const char *name;
    uint32_t caps;
    bool is_marked, is_pooled;
    wb_script_facts facts;
    int rc, protocol;
    const char *reason, *codes;
} protocol_rows[] = {
    { "plain_script", PG, false, false, FACTS(.has_ddl = true), 0, A, NULL, "" },
    { "empty_script", PG, false, false, { 0 }, 0, A, NULL, "" },
    { "own_pair_is_absorbed", PG, false, false, FACTS(.shape = WB_SHAPE_OUTER), 0, A, NULL, "" },
    { "marked", PG, true, false, FACTS(.has_ddl = true), 0, S, "marked no-transaction", "" },
    { "marked_with_its_own_pair", PG, true, false, FACTS(.shape = WB_SHAPE_OUTER), 0, A,
      "its own BEGIN and COMMIT stand around all of it", "" },
    { "one_that_refuses",
      PG,
      false,
      false,
      { .statement_count = 1, .body_count = 1, .refusing_count = 1, .refusing = { .refuses = CIC } },
      0,
      S,
      CIC,
      "" },
    { "one_that_refuses_among_others", PG, false, false,
      FACTS(.refusing_count = 1, .refusing = { .refuses = CIC, .line = 4, .column = 2 }), WBL_E_INVALID, N, NULL,
      "transaction-mix!" },
    { "two_that_refuse", PG, false, false,
      FACTS(.refusing_count = 2, .refusing = { .refuses = CIC, .line = 4, .column = 2 }), WBL_E_INVALID, N, NULL,
      "transaction-mix!" },
    { "refusing_among_others_but_marked", PG, true, false, FACTS(.refusing_count = 1, .refusing = { .refuses = CIC }),
      0, S, "marked no-transaction", "" },
    { "refusing_between_begin_and_commit",
      PG,
      true,
      false,
      { .statement_count = 3,
        .body_count = 1,
        .shape = WB_SHAPE_OUTER,
        .refusing_count = 1,
        .refusing = { .refuses = CIC, .line = 4, .column = 2 } },
      WBL_E_INVALID,
      N,
      NULL,
      "transaction-mix!" },
    { "self_managed", PG, false, false, FACTS(.shape = WB_SHAPE_SELF_MANAGED, .odd = { .line = 4, .column = 2 }), 0, S,
      "it manages its own transactions", "self-managed" },
    { "self_managed_and_marked", PG, true, false, FACTS(.shape = WB_SHAPE_SELF_MANAGED), 0, S, "marked no-transaction",
      "" },
    { "begin_without_commit", PG, false, false,
      FACTS(.shape = WB_SHAPE_UNBALANCED, .odd = { .txn = WB_TXN_BEGIN, .line = 4, .column = 2 }), WBL_E_INVALID, N,
      NULL, "unbalanced-transaction!" },
    { "commit_without_begin", PG, true, false,
      FACTS(.shape = WB_SHAPE_UNBALANCED, .odd = { .txn = WB_TXN_COMMIT, .line = 4, .column = 2 }), WBL_E_INVALID, N,
      NULL, "unbalanced-transaction!" },
    { "batch", PG, false, false, FACTS(.has_batch = true), 0, S, "it runs in batches", "" },
    { "batch_in_a_transaction", PG, false, false, FACTS(.has_batch = true, .shape = WB_SHAPE_OUTER), WBL_E_INVALID, N,
      NULL, "batch-in-transaction!" },
    { "pooled_and_atomic", PG, false, true, FACTS(.has_ddl = true), 0, A, NULL, "" },
    { "pooled_and_stepwise", PG, true, true, FACTS(.has_ddl = true), WBL_E_INVALID, S, "marked no-transaction",
      "pooled!" },
    { "data_on_mysql", MY, false, false, FACTS(.has_ddl = false), 0, A, NULL, "" },
    { "schema_on_mysql", MY, false, false, FACTS(.has_ddl = true), 0, S, "this database can't roll back schema changes",
      "" },
    { "a_setting_on_mysql_commits_nothing", MY, false, false, FACTS(.may_leak = true), 0, A, NULL, "" },
    { "a_call_on_mysql_may_do_anything", MY, false, false, FACTS(.may_commit = true), 0, S,
      "this database can't roll back schema changes", "" },
    { "refusing_does_not_matter_without_transactions", MY, false, false, FACTS(.has_ddl = true, .refusing_count = 1), 0,
      S, "this database can't roll back schema changes", "" },
    { "no_transactions_at_all", NO, false, false, FACTS(.has_ddl = false), 0, S, "this database has no transactions",
      "" },
};

static int choose(world *w, uint32_t caps, bool is_pooled)
{
    const wb_protocol_rules rules = { .caps = caps, .is_pooled = is_pooled };
    return wb_plan_protocols(&w->cx, &w->mem, &rules, &w->found, &w->plan);
}

static void protocols_are_chosen(void **state)
{
    const struct protocol_row *row = *state;
    world w;
    world_start(&w, "c/1", "");
    world_file(&w, "c", "1")->up.info->facts = row->facts;
    world_file(&w, "c", "1")->up.info->directives.no_transaction = row->is_marked;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_int_equal(choose(&w, row->caps, row->is_pooled), row->rc);
    assert_int_equal(w.plan.steps[0].protocol, row->protocol);
    assert_string_equal(world_codes(&w), row->codes);
    if (row->reason)
        assert_string_equal(w.plan.steps[0].reason, row->reason);
    else
        assert_null(w.plan.steps[0].reason);
    if (row->rc != 0) {
        assert_string_equal(w.err.file, "migrations/c/000001_m1.up.sql");
        assert_int_equal(w.err.line, row->facts.refusing.line + row->facts.odd.line);
        assert_int_equal(w.err.column, row->facts.refusing.column + row->facts.odd.column);
        assert_true(w.err.hint[0] != 0);
    }
    world_done(&w);
}

static void all_that_can_not_run_are_told(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1 c/2 c/3", "");
    world_file(&w, "c", "1")->up.info->facts.shape = WB_SHAPE_UNBALANCED;
    world_file(&w, "c", "3")->up.info->facts =
        (wb_script_facts)FACTS(.refusing_count = 1, .refusing = { .refuses = CIC });
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_int_equal(choose(&w, PG, false), WBL_E_INVALID);
    assert_string_equal(world_codes(&w), "unbalanced-transaction! transaction-mix!");
    assert_string_equal(w.err.message, "2 scripts can't run: c 000001: unbalanced BEGIN: it has no COMMIT");
    assert_string_equal(w.found.items[1].message, "c 000003: " CIC ", and it is not alone in its script");
    assert_int_equal(w.plan.steps[1].protocol, A);
    world_done(&w);
}

static void the_mark_may_stand_in_the_file_name(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1", "");
    world_file(&w, "c", "1")->no_transaction = true;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_int_equal(choose(&w, PG, false), 0);
    assert_int_equal(w.plan.steps[0].protocol, S);
    world_done(&w);
}

static void what_was_begun_stepwise_goes_on_stepwise(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1", "");
    world_rows(&w, SHAPE_NATIVE, "c/1!");
    world_records(&w, "up c/1 failed 1/2");
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_int_equal(choose(&w, PG, false), 0);
    assert_int_equal(w.plan.steps[0].protocol, S);
    assert_string_equal(w.plan.steps[0].reason, "it goes on with statement 2");
    world_again(&w);
    world_records(&w, "up c/1 failed 0/1"); /* the first statement is in doubt: it must be looked at */
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_int_equal(choose(&w, PG, false), 0);
    assert_int_equal(w.plan.steps[0].protocol, S);
    world_again(&w);
    world_records(&w, "up c/1 failed 0/0"); /* nothing is left of it: the script may be another one now */
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_int_equal(choose(&w, PG, false), 0);
    assert_int_equal(w.plan.steps[0].protocol, A);
    world_done(&w);
}

static void code_is_atomic(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1", "");
    world_file(&w, "c", "1")->is_code = true;
    world_file(&w, "c", "1")->up.info = NULL;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_int_equal(choose(&w, PG, true), 0);
    assert_int_equal(w.plan.steps[0].protocol, A);
    world_done(&w);
}

static void a_stored_down_is_judged_by_what_the_engine_gives(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1", "");
    world_rows(&w, SHAPE_NATIVE, "c/2");
    world_records(&w, "up c/2 applied +");
    assert_int_equal(world_plan(&w, WB_GOAL_DOWN), 0);
    assert_string_equal(world_steps(&w), "-c/2s");
    assert_int_equal(choose(&w, PG, false), 0);
    assert_int_equal(w.plan.steps[0].protocol, A);
    wb_script_info info = { .directives = { .no_transaction = true } };
    wb_script stored = { .exists = true, .info = &info };
    w.plan.steps[0].script = &stored;
    assert_int_equal(choose(&w, PG, false), 0);
    assert_int_equal(w.plan.steps[0].protocol, S);
    assert_string_equal(w.plan.steps[0].reason, "marked no-transaction");
    wb_migration made = { .ns = "c", .version = "2", .key = "2", .name = "", .down = stored };
    w.plan.steps[0].script = NULL;
    w.plan.steps[0].item->migration = &made;
    assert_int_equal(choose(&w, PG, false), 0);
    assert_ptr_equal(w.plan.steps[0].script, &made.down);
    assert_int_equal(w.plan.steps[0].protocol, S);
    world_done(&w);
}

int main(void)
{
    struct CMUnitTest tests[64] = {
        cmocka_unit_test(all_that_can_not_run_are_told),
        cmocka_unit_test(the_mark_may_stand_in_the_file_name),
        cmocka_unit_test(what_was_begun_stepwise_goes_on_stepwise),
        cmocka_unit_test(code_is_atomic),
        cmocka_unit_test(a_stored_down_is_judged_by_what_the_engine_gives),
    };
    size_t n = 5;
    ROW_TESTS(protocol_rows, protocols_are_chosen)
    return _cmocka_run_group_tests("plan/protocol", tests, n, NULL, NULL);
}
