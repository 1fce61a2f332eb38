/* test_down.c - what is reverted, in which order, and who depends on it; goto and redo. */
#include "world.h"

#define ALL 1000

static const struct down_row {
    const char *name;
    int goal, shape;
    const char *files, *config, *rows, *records, *ns, *to;
    int steps, rc;
    const char *want, *codes;
} down_rows[] = {
    { "the_last_one", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2", "", "c/1 c/2", "", NULL, NULL, 0, 0, "-c/2", "" },
    { "n_of_them", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2 c/3", "", "c/1 c/2 c/3", "", NULL, NULL, 2, 0, "-c/3 -c/2",
      "" },
    { "more_than_there_are", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1", "", "c/1", "", NULL, NULL, 5, 0, "-c/1", "" },
    { "nothing_applied", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1", "", "", "", NULL, NULL, 0, 0, "", "" },
    { "all", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2 d/1", "d c", "c/1 c/2 d/1", "", NULL, NULL, ALL, 0, "-c/2 -c/1 -d/1",
      "" },
    { "to_stays_applied", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2 c/3", "", "c/1 c/2 c/3", "", NULL, "1", 0, 0,
      "-c/3 -c/2", "" },
    { "to_the_current_one", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2", "", "c/1 c/2", "", NULL, "2", 0, 0, "", "" },
    { "to_zero", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2", "", "c/1 c/2", "", NULL, "000", 0, 0, "-c/2 -c/1", "" },
    { "to_version_zero_that_exists", WB_GOAL_DOWN, SHAPE_NATIVE, "c/0 c/1", "", "c/0 c/1", "", NULL, "0", 0, 0, "-c/1",
      "" },
    { "to_one_that_is_not_applied", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2 c/3", "", "c/1 c/3", "", NULL, "2", 0,
      WBL_E_INVALID, "", "" },
    { "to_one_that_does_not_exist", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/3", "", "c/1 c/3", "", NULL, "2", 0,
      WBL_E_INVALID, "", "" },
    { "to_of_which_namespace", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 d/1", "", "c/1 d/1", "", NULL, "1", 0, WBL_E_INVALID,
      "", "" },
    { "one_namespace", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 d/1", "c d", "c/1 d/1", "", "c", NULL, 0, 0, "-c/1", "" },

    { "last_applied_across_namespaces", WB_GOAL_DOWN, SHAPE_NATIVE, "a/1 b/1 c/1", "a b c", "a/1 b/1 c/1",
      "up a/1 applied; up c/1 applied; up b/1 applied", NULL, NULL, 2, 0, "-b/1 -c/1", "" },
    { "out_of_order_goes_back_as_it_came", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2 c/3", "", "c/1 c/2 c/3",
      "up c/1 applied; up c/3 applied; up c/2 applied", NULL, NULL, 3, 0, "-c/2 -c/3 -c/1", "" },
    { "adopted_ones_are_the_oldest", WB_GOAL_DOWN, SHAPE_NATIVE, "a/1 b/1", "a b", "a/1 b/1",
      "up a/1 applied; adopt b/1 applied", NULL, NULL, 0, 0, "-a/1", "" },
    { "an_accepted_file_is_not_the_last_one", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2", "", "c/1 c/2",
      "up c/1 applied; up c/2 applied; repair c/1 applied", NULL, NULL, 0, 0, "-c/2", "" },
    { "a_single_row_goes_by_version", WB_GOAL_DOWN, SHAPE_GOLANG, "default/1 default/2 default/3", "", "default/3",
      "up default/1 applied; up default/3 applied; up default/2 applied", NULL, NULL, 2, 0, "-default/3 -default/2",
      "" },
    { "reverse_of_dependencies_without_history", WB_GOAL_DOWN, SHAPE_NATIVE, "a/1>b@1 b/1", "a b", "a/1 b/1", "", NULL,
      NULL, ALL, 0, "-a/1 -b/1", "" },

    { "no_down_script", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2!", "", "c/1 c/2", "", NULL, NULL, 0, WBL_E_INVALID, "",
      "missing-down!" },
    { "no_down_script_below_is_no_matter", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1! c/2", "", "c/1 c/2", "", NULL, NULL, 1, 0,
      "-c/2", "" },
    { "all_missing_downs_are_told", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1! c/2!", "", "c/1 c/2", "", NULL, NULL, ALL,
      WBL_E_INVALID, "", "missing-down! missing-down!" },
    { "stored_down_when_the_file_is_gone", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1", "", "c/1 c/2",
      "up c/1 applied +; up c/2 applied +", NULL, NULL, 2, 0, "-c/2s -c/1", "" },
    { "file_gone_and_nothing_stored", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1", "", "c/1 c/2", "up c/2 applied", NULL, NULL, 0,
      WBL_E_INVALID, "", "missing-down!" },
    { "a_stored_down_of_an_earlier_life_is_not_used", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1", "", "c/2",
      "up c/2 applied +; down c/2 reverted; up c/2 applied", NULL, NULL, 0, WBL_E_INVALID, "", "missing-down!" },

    { "needed_by_a_version", WB_GOAL_DOWN, SHAPE_NATIVE, "a/1 a/2 b/1>a@2", "a b", "a/1 a/2 b/1", "", "a", NULL, 0,
      WBL_E_REFUSED, "", "needed-by!" },
    { "needed_version_is_not_reverted", WB_GOAL_DOWN, SHAPE_NATIVE, "a/1 a/2 b/1>a@1", "a b", "a/1 a/2 b/1", "", "a",
      NULL, 0, 0, "-a/2", "" },
    { "needed_by_a_namespace_at_a_version", WB_GOAL_DOWN, SHAPE_NATIVE, "a/1 a/2 b/1", "a b>a@2", "a/1 a/2 b/1", "",
      "a", NULL, 0, WBL_E_REFUSED, "", "needed-by!" },
    { "needed_namespace_keeps_something", WB_GOAL_DOWN, SHAPE_NATIVE, "a/1 a/2 b/1", "a b>a", "a/1 a/2 b/1", "", "a",
      NULL, 0, 0, "-a/2", "" },
    { "needed_namespace_would_be_empty", WB_GOAL_DOWN, SHAPE_NATIVE, "a/1 b/1", "a b>a", "a/1 b/1", "", "a", NULL, 0,
      WBL_E_REFUSED, "", "needed-by!" },
    { "who_needs_it_goes_too", WB_GOAL_DOWN, SHAPE_NATIVE, "a/1 b/1", "a b>a", "a/1 b/1", "", NULL, NULL, ALL, 0,
      "-b/1 -a/1", "" },
    { "who_needs_it_is_not_applied", WB_GOAL_DOWN, SHAPE_NATIVE, "a/1 b/1>a@1", "a b", "a/1", "", "a", NULL, 0, 0,
      "-a/1", "" },
    { "needed_by_a_disabled_one_all_the_same", WB_GOAL_DOWN, SHAPE_NATIVE, "a/1 b/1>a@1", "a b-", "a/1 b/1", "", "a",
      NULL, 0, WBL_E_REFUSED, "", "needed-by!" },

    { "half_reverted_goes_on", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2", "", "c/1 c/2!",
      "up c/1 applied; up c/2 applied; down c/2 failed 1/2", NULL, NULL, 0, 0, "-c/2", "retry" },
    { "half_applied_and_nothing_else", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2", "", "c/1!", "up c/1 failed 1/2", NULL, NULL, 0,
      WBL_E_STATE, "", "half-applied!" },
    { "half_applied_stands_on_it", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2", "", "c/1 c/2!",
      "up c/1 applied; up c/2 failed 1/2", NULL, NULL, 0, WBL_E_STATE, "", "half-applied!" },
    { "a_clean_failure_is_no_matter", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2", "", "c/1 c/2!",
      "up c/1 applied; up c/2 failed 0/1", NULL, NULL, 0, 0, "-c/1", "" },
    { "unknown_blocks", WB_GOAL_DOWN, SHAPE_NATIVE, "c/1 c/2", "", "c/1 c/2!", "", NULL, NULL, 0, WBL_E_STATE, "",
      "unknown!" },

    { "goto_up", WB_GOAL_GOTO, SHAPE_NATIVE, "c/1 c/2 c/3", "", "c/1", "", NULL, "2", 0, 0, "+c/2", "" },
    { "goto_down", WB_GOAL_GOTO, SHAPE_NATIVE, "c/1 c/2 c/3", "", "c/1 c/2 c/3", "", NULL, "1", 0, 0, "-c/3 -c/2", "" },
    { "goto_here", WB_GOAL_GOTO, SHAPE_NATIVE, "c/1 c/2", "", "c/1", "", NULL, "1", 0, 0, "", "" },
    { "goto_nothing", WB_GOAL_GOTO, SHAPE_NATIVE, "c/1 c/2", "", "c/1 c/2", "", NULL, "-1", 0, 0, "-c/2 -c/1", "" },
    { "goto_one_that_was_passed_by", WB_GOAL_GOTO, SHAPE_NATIVE, "c/1 c/2 c/3", "", "c/1 c/3", "", NULL, "2", 0, 0,
      "-c/3 +c/2", "" },
    { "goto_keeps_to_the_policy", WB_GOAL_GOTO, SHAPE_NATIVE, "c/1 c/2 c/3", "", "c/2", "", NULL, "3", 0, WBL_E_INVALID,
      "", "late!" },
    { "goto_where", WB_GOAL_GOTO, SHAPE_NATIVE, "c/1", "", "", "", NULL, NULL, 0, WBL_E_INVALID, "", "" },
    { "goto_brings_requirements_along", WB_GOAL_GOTO, SHAPE_NATIVE, "c/1 d/1>c@1", "c d", "", "", "d", "1", 0, 0,
      "+c/1~ +d/1", "implied" },

    { "redo_the_last", WB_GOAL_REDO, SHAPE_NATIVE, "c/1 c/2", "", "c/1 c/2", "", NULL, NULL, 0, 0, "-c/2 +c/2", "" },
    { "redo_two", WB_GOAL_REDO, SHAPE_NATIVE, "c/1 c/2 c/3", "", "c/1 c/2 c/3", "", NULL, NULL, 2, 0,
      "-c/3 -c/2 +c/2 +c/3", "" },
    { "redo_one_below_needs_no_leave", WB_GOAL_REDO, SHAPE_NATIVE, "c/1 c/2 c/3", "", "c/1 c/2 c/3",
      "up c/1 applied; up c/3 applied; up c/2 applied", NULL, NULL, 0, 0, "-c/2 +c/2!", "" },
    { "redo_without_its_file", WB_GOAL_REDO, SHAPE_NATIVE, "c/1", "", "c/1 c/2", "up c/1 applied; up c/2 applied +",
      NULL, NULL, 0, WBL_E_INVALID, "", "missing-file!" },
    { "redo_nothing", WB_GOAL_REDO, SHAPE_NATIVE, "c/1", "", "", "", NULL, NULL, 0, 0, "", "" },
    { "redo_leaves_pending_ones", WB_GOAL_REDO, SHAPE_NATIVE, "c/1 c/2 c/3", "", "c/1 c/2", "", NULL, NULL, 0, 0,
      "-c/2 +c/2", "" },
};

static void down_picks(void **state)
{
    const struct down_row *row = *state;
    world w;
    world_start(&w, row->files, row->config);
    world_rows(&w, row->shape, row->rows);
    world_records(&w, row->records);
    w.request.namespaces = &row->ns;
    w.request.namespace_count = row->ns != NULL;
    w.request.to = row->to;
    w.request.all = row->steps == ALL;
    w.request.steps = row->steps == ALL ? 0 : row->steps;
    assert_int_equal(world_plan(&w, row->goal), row->rc);
    assert_string_equal(world_steps(&w), row->want);
    assert_string_equal(world_codes(&w), row->codes);
    assert_int_equal(w.err.code, row->rc);
    for (size_t i = 0; i < w.plan.count; i++)
        assert_int_equal(w.plan.steps[i].script == NULL, w.plan.steps[i].is_stored_down);
    world_done(&w);
}

static void missing_down_names_the_file(void **state)
{
    (void)state;
    world w;
    world_start(&w, "core/1 core/2!", "");
    world_rows(&w, SHAPE_NATIVE, "core/1 core/2");
    assert_int_equal(world_plan(&w, WB_GOAL_DOWN), WBL_E_INVALID);
    assert_string_equal(w.err.message, "no down migration found for version 2 of core");
    assert_string_equal(w.err.file, "migrations/core/000002_m2.down.sql");
    assert_string_equal(w.err.hint, "Write migrations/core/000002_m2.down.sql, or revert it by hand and say "
                                    "`whimbrel repair core 000002 --mark-reverted`.");
    world_done(&w);
}

static void dependents_are_named_and_force_goes_over_them(void **state)
{
    (void)state;
    static const char *const ns[] = { "identity" };
    world w;
    world_start(&w, "identity/2 billing/2>identity@2 orders/1", "identity billing orders>identity");
    world_rows(&w, SHAPE_NATIVE, "identity/2 billing/2 orders/1");
    w.request.namespaces = ns;
    w.request.namespace_count = 1;
    assert_int_equal(world_plan(&w, WB_GOAL_DOWN), WBL_E_REFUSED);
    assert_string_equal(world_codes(&w), "needed-by! needed-by!");
    assert_string_equal(w.found.items[0].message,
                        "orders requires identity, which would be reverted under it: nothing of it "
                        "would be left");
    assert_string_equal(w.found.items[1].message,
                        "billing 000002 requires identity@2, which would be reverted under it");
    assert_string_equal(w.found.items[1].hint, "Revert billing first, or say --force.");
    world_again(&w);
    w.request.force = true;
    assert_int_equal(world_plan(&w, WB_GOAL_DOWN), 0);
    assert_string_equal(world_steps(&w), "-identity/2");
    assert_string_equal(world_codes(&w), "needed-by needed-by");
    world_done(&w);
}

static void edited_files_only_warn_on_the_way_down(void **state)
{
    (void)state;
    static const struct {
        int goal, rc;
        const char *codes;
    } rows[] = {
        { WB_GOAL_DOWN, 0, "edited edited" },
        { WB_GOAL_REDO, WBL_E_DRIFT, "edited! edited" }, /* the one that is done again may be another one now */
    };
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        world w;
        world_start(&w, "c/1 c/2", "");
        world_rows(&w, SHAPE_NATIVE, "c/1 c/2");
        assert_int_equal(world_state(&w), 0);
        w.st.items[0].is_edited = w.st.items[1].is_edited = true;
        w.request.goal = (enum wb_goal)rows[i].goal;
        assert_int_equal(wb_plan_make(&w.cx, &w.mem, &w.graph, &w.st, &w.request, &w.found, &w.plan), rows[i].rc);
        assert_string_equal(world_codes(&w), rows[i].codes);
        world_done(&w);
    }
}

static void the_hash_knows_the_direction(void **state)
{
    (void)state;
    char up[65];
    world w;
    world_start(&w, "c/1", "");
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    memcpy(up, w.plan.hash, 65);
    world_again(&w);
    world_rows(&w, SHAPE_NATIVE, "c/1");
    memset(world_file(&w, "c", "1")->down.sha256, 'a', 64);
    assert_int_equal(world_plan(&w, WB_GOAL_DOWN), 0);
    assert_string_not_equal(w.plan.hash, up);
    world_done(&w);
}

int main(void)
{
    struct CMUnitTest tests[128] = {
        cmocka_unit_test(missing_down_names_the_file),
        cmocka_unit_test(dependents_are_named_and_force_goes_over_them),
        cmocka_unit_test(edited_files_only_warn_on_the_way_down),
        cmocka_unit_test(the_hash_knows_the_direction),
    };
    size_t n = 4;
    ROW_TESTS(down_rows, down_picks)
    return _cmocka_run_group_tests("plan/down", tests, n, NULL, NULL);
}
