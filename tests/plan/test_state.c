/* test_state.c - files, ledger and history together. One row for each rule of plan.h. */
#include "world.h"

static const struct state_row {
    const char *name;
    int shape;
    const char *files, *rows, *records, *want;
} state_rows[] = {
    { "nothing_recorded", SHAPE_NATIVE, "c/1 c/2", "", "", "c/1=P c/2=P" },
    { "clean_row_without_history_is_adopted", SHAPE_NATIVE, "c/1 c/2", "c/1", "", "c/1=A c/2=P" },
    { "clean_row_and_record", SHAPE_NATIVE, "c/1", "c/1", "up c/1 applied", "c/1=A" },
    { "rows_in_any_order", SHAPE_NATIVE, "a/1 a/2 b/1", "b/1 a/2 a/1", "", "a/1=A a/2=A b/1=A" },
    { "applied_without_file_is_missing", SHAPE_NATIVE, "c/1 c/3", "c/1 c/2 c/3", "", "c/1=A c/2=M c/3=A" },
    { "namespace_without_files", SHAPE_NATIVE, "c/1", "old/7", "", "c/1=P old/7=M" },
    { "leading_zeros_do_not_count", SHAPE_NATIVE, "c/1", "c/0001", "", "c/1=A" },

    { "failed_row_cleared_by_hand_is_applied", SHAPE_NATIVE, "c/1", "c/1", "up c/1 failed 0/1", "c/1=Ax" },
    { "unknown_row_cleared_by_hand_is_applied", SHAPE_NATIVE, "c/1", "c/1", "up c/1 unknown 0/1", "c/1=Ax" },
    { "row_deleted_by_hand_is_pending", SHAPE_NATIVE, "c/1", "", "up c/1 applied", "c/1=Px" },
    { "dirty_row_deleted_by_hand_starts_over", SHAPE_NATIVE, "c/1", "", "up c/1 failed 2/3", "c/1=Px" },
    { "row_inserted_by_hand", SHAPE_NATIVE, "c/1", "c/1", "up c/1 applied; down c/1 reverted", "c/1=Ax" },
    { "noted_edit_is_no_news", SHAPE_NATIVE, "c/1", "", "up c/1 applied; external c/1 reverted", "c/1=P" },
    { "noted_insert_is_no_news", SHAPE_NATIVE, "c/1", "c/1", "external c/1 applied", "c/1=A" },

    { "dirty_failed_with_nothing_left", SHAPE_NATIVE, "c/1", "c/1!", "up c/1 failed 0/0", "c/1=Fd" },
    { "dirty_failed_half_way_resumes", SHAPE_NATIVE, "c/1", "c/1!", "up c/1 failed 2/3", "c/1=Fd:2/3" },
    { "dirty_and_started_is_unknown", SHAPE_NATIVE, "c/1", "c/1!", "up c/1 started 1/2", "c/1=Ud:1/2" },
    { "dirty_and_started_atomic_is_failed", SHAPE_NATIVE, "c/1", "c/1!", "up c/1 started atomic", "c/1=Fd" },
    { "dirty_and_unknown", SHAPE_NATIVE, "c/1", "c/1!", "up c/1 unknown 1/2", "c/1=Ud:1/2" },
    { "dirty_without_history_is_unknown", SHAPE_NATIVE, "c/1", "c/1!", "", "c/1=Ud" },
    { "applied_and_marked_dirty_by_hand", SHAPE_NATIVE, "c/1", "c/1!", "up c/1 applied", "c/1=Udx" },
    { "reverted_and_dirty_is_another_tool", SHAPE_NATIVE, "c/1", "c/1!", "down c/1 reverted", "c/1=Udx" },

    { "no_row_and_started_is_unknown", SHAPE_AXCOM, "c/1", "", "up c/1 started 0/1", "c/1=U:0/1" },
    { "no_row_and_started_atomic_is_pending", SHAPE_AXCOM, "c/1", "", "up c/1 started atomic", "c/1=P" },
    { "no_row_and_failed", SHAPE_AXCOM, "c/1", "", "up c/1 failed 0/1", "c/1=F:0/1" },
    { "no_row_and_failed_half_way", SHAPE_AXCOM, "c/1", "", "up c/1 failed 1/2", "c/1=F:1/2" },
    { "no_row_and_unknown", SHAPE_AXCOM, "c/1", "", "up c/1 unknown 1/2", "c/1=U:1/2" },
    { "no_row_and_unknown_with_flag_stays_unknown", SHAPE_NATIVE, "c/1", "", "up c/1 unknown 1/2", "c/1=U:1/2" },
    { "row_inserted_over_a_failure", SHAPE_AXCOM, "c/1", "c/1", "up c/1 failed 1/2", "c/1=Ax" },

    { "down_failed_and_rolled_back", SHAPE_NATIVE, "c/1", "c/1", "up c/1 applied; down c/1 failed 0/0", "c/1=A" },
    { "down_failed_in_its_first_statement", SHAPE_NATIVE, "c/1", "c/1!", "up c/1 applied; down c/1 failed 0/1",
      "c/1=Fdr:0/1" },
    { "down_failed_half_way", SHAPE_NATIVE, "c/1", "c/1!", "up c/1 applied; down c/1 failed 1/2", "c/1=Fdr:1/2" },
    { "down_started", SHAPE_NATIVE, "c/1", "c/1!", "up c/1 applied; down c/1 started 1/2", "c/1=Udr:1/2" },
    { "down_cleared_by_hand", SHAPE_NATIVE, "c/1", "c/1", "up c/1 applied; down c/1 unknown 1/2", "c/1=Ax" },
    { "down_without_a_flag_says_nothing", SHAPE_AXCOM, "c/1", "c/1", "up c/1 applied; down c/1 started 1/2",
      "c/1=Ur:1/2" },
    { "down_half_way_without_a_flag", SHAPE_AXCOM, "c/1", "c/1", "up c/1 applied; down c/1 failed 1/2", "c/1=Fr:1/2" },
    { "row_deleted_during_a_down", SHAPE_AXCOM, "c/1", "", "up c/1 applied; down c/1 failed 1/2", "c/1=Px" },
    { "down_atomic_died", SHAPE_AXCOM, "c/1", "c/1", "up c/1 applied; down c/1 started atomic", "c/1=A" },
    { "repair_keeps_the_direction", SHAPE_NATIVE, "c/1", "c/1!",
      "up c/1 applied; down c/1 unknown 1/2; repair c/1 failed 2/2", "c/1=Fdr:2/2" },

    { "failed_then_applied", SHAPE_NATIVE, "c/1", "c/1", "up c/1 failed 0/1; up c/1 applied", "c/1=A" },
    { "noted_records_change_nothing", SHAPE_NATIVE, "c/1", "c/1", "up c/1 applied; external c/1 noted", "c/1=A" },
    { "unknown_actions_change_nothing", SHAPE_NATIVE, "c/1", "c/1", "up c/1 applied; seed c/1 failed", "c/1=A" },
    { "failed_and_renamed_leaves_no_item", SHAPE_AXCOM, "c/2", "", "up c/1 failed 0/1", "c/2=P" },
    { "reverted_and_removed_leaves_no_item", SHAPE_NATIVE, "c/2", "", "up c/1 applied; down c/1 reverted", "c/2=P" },
    { "half_done_and_removed_stays", SHAPE_AXCOM, "c/2", "", "up c/1 failed 1/2", "c/1=F:1/2 c/2=P" },
    { "row_and_file_gone_is_skipped", SHAPE_NATIVE, "c/2", "", "up c/1 applied", "c/1=Sx c/2=P" },
    { "failed_row_without_file_stays", SHAPE_NATIVE, "c/2", "c/1!", "up c/1 failed 0/1", "c/1=Fd:0/1 c/2=P" },
    { "no_up_script_is_skipped", SHAPE_NATIVE, "c/1 c/2?", "", "", "c/1=P c/2=S" },

    { "single_none", SHAPE_GOLANG, "default/1 default/2", "", "", "default/1=P default/2=P" },
    { "single_minus_one", SHAPE_GOLANG, "default/1", "default/-1", "", "default/1=P" },
    { "single_assumes_what_is_below", SHAPE_GOLANG, "default/1 default/2 default/5", "default/2", "",
      "default/1=Aa default/2=Aa default/5=P" },
    { "single_with_history_assumes_nothing", SHAPE_GOLANG, "default/1 default/2", "default/2",
      "up default/1 applied; up default/2 applied", "default/1=A default/2=A" },
    { "single_without_that_file", SHAPE_GOLANG, "default/1 default/5", "default/4", "",
      "default/1=Aa default/4=Ma default/5=P" },
    { "single_dirty_is_unknown", SHAPE_GOLANG, "default/1 default/2", "default/2!", "", "default/1=Aa default/2=Ud" },
    { "single_dirty_that_failed_cleanly", SHAPE_GOLANG, "default/1 default/2", "default/2!",
      "up default/1 applied; up default/2 failed 0/0", "default/1=A default/2=Fd" },
    { "single_dirty_half_way", SHAPE_GOLANG, "default/1", "default/1!", "up default/1 failed 1/2", "default/1=Fd:1/2" },
    { "single_failed_atomic_left_the_row", SHAPE_GOLANG, "default/1 default/2", "default/1",
      "up default/1 applied; up default/2 failed 0/0", "default/1=A default/2=F" },
    { "single_set_back_by_hand", SHAPE_GOLANG, "default/1 default/2", "default/1",
      "up default/1 applied; up default/2 applied", "default/1=A default/2=Px" },
    { "single_row_deleted", SHAPE_GOLANG, "default/1 default/2", "", "up default/1 applied; up default/2 applied",
      "default/1=Px default/2=Px" },
    { "single_moved_on_by_another_tool", SHAPE_GOLANG, "default/1 default/2 default/3", "default/3",
      "up default/1 applied", "default/1=A default/2=Aa default/3=Aa" },
    { "single_forced_over_a_failure", SHAPE_GOLANG, "default/1 default/2", "default/2",
      "up default/1 applied; up default/2 failed 1/2", "default/1=A default/2=Axa" },
    { "single_late_file_is_pending", SHAPE_GOLANG, "default/1 default/2 default/3 default/5", "default/5",
      "up default/1 applied; up default/2 applied; up default/5 applied",
      "default/1=A default/2=A default/3=P default/5=A" },
    { "single_late_after_adoption", SHAPE_GOLANG, "default/1 default/3 default/5", "default/5",
      "adopt default/1 applied; adopt default/5 applied", "default/1=A default/3=P default/5=A" },
    { "single_reverted_and_passed_by", SHAPE_GOLANG, "default/1 default/3 default/5", "default/5",
      "up default/1 applied; up default/3 applied; down default/3 reverted; up default/5 applied",
      "default/1=A default/3=P default/5=A" },
    { "single_reverted_and_applied_by_another_tool", SHAPE_GOLANG, "default/1 default/3", "default/3",
      "up default/1 applied; up default/3 applied; down default/3 reverted", "default/1=A default/3=Axa" },
    { "single_down_in_flight", SHAPE_GOLANG, "default/1 default/2", "default/1!",
      "up default/1 applied; up default/2 applied; down default/2 started 1/2", "default/1=A default/2=Udr:1/2" },
    { "single_first_down_in_flight", SHAPE_GOLANG, "default/1", "default/-1!",
      "up default/1 applied; down default/1 failed 1/2", "default/1=Fdr:1/2" },
    { "single_dirty_nothing", SHAPE_GOLANG, "default/1 default/2", "default/-1!", "", "default/1=Ud default/2=P" },
    { "single_down_only_is_pending", SHAPE_GOLANG, "default/5 default/6?", "default/5", "",
      "default/5=Aa default/6=P" },
};

static void states_follow_the_rules(void **state)
{
    const struct state_row *row = *state;
    world w;
    world_start(&w, row->files, "");
    world_rows(&w, row->shape, row->rows);
    world_records(&w, row->records);
    assert_int_equal(world_state(&w), 0);
    assert_string_equal(world_items(&w), row->want);
    size_t applied = 0;
    for (size_t i = 0; i < w.st.count; i++) {
        const wb_item *it = &w.st.items[i];
        applied += wb_item_is_applied(it);
        assert_int_equal(it->is_external, it->external_note != NULL);
        assert_int_equal(it->state == WBL_STATE_SKIPPED, it->reason != NULL);
        assert_ptr_equal(wb_state_find(&w.st, &w.graph, it->ns, it->key), it);
    }
    assert_int_equal(w.st.applied_total, applied);
    world_done(&w);
}

static void namespaces_that_do_not_run(void **state)
{
    (void)state;
    world w;
    world_start(&w, "cart/1 cart/2 core/1 wish/1", "core cart-");
    w.config.discover = WB_DISCOVER_REPORT;
    world_rows(&w, SHAPE_NATIVE, "cart/1");
    assert_int_equal(world_state(&w), 0);
    assert_string_equal(world_items(&w), "core/1=P cart/1=A cart/2=D wish/1=S");
    world_done(&w);
}

static void current_and_latest(void **state)
{
    (void)state;
    world w;
    world_start(&w, "a/1 a/2 a/3 b/1", "");
    world_rows(&w, SHAPE_NATIVE, "a/1 a/3 a/9");
    assert_int_equal(world_state(&w), 0);
    assert_string_equal(wb_state_current(&w.st, 0)->key, "9");
    assert_string_equal(wb_state_latest(&w.st, 0)->key, "3");
    assert_null(wb_state_current(&w.st, 1));
    assert_null(wb_state_find(&w.st, &w.graph, "a", "4"));
    assert_null(wb_state_find(&w.st, &w.graph, "x", "1"));
    assert_string_equal(wb_state_find(&w.st, &w.graph, "a", "000003")->key, "3");
    world_done(&w);
}

static void origin_and_down_script_are_kept_apart(void **state)
{
    (void)state;
    world w;
    world_start(&w, "a/1 a/2", "");
    world_rows(&w, SHAPE_NATIVE, "a/1 a/2");
    world_records(&w, "up a/1 applied +; adopt a/2 applied +; repair a/1 applied +; down a/1 failed 0/1");
    assert_int_equal(world_state(&w), 0);
    const wb_item *it = wb_state_find(&w.st, &w.graph, "a", "1");
    assert_int_equal(it->origin->seq, 3);      /* the checksums that a person accepted */
    assert_int_equal(it->stored_down->seq, 1); /* the text that can revert it */
    assert_int_equal(it->applied_seq, 1);      /* accepting a file does not make it the last one applied */
    assert_int_equal(it->last->seq, 4);
    assert_int_equal(wb_state_find(&w.st, &w.graph, "a", "2")->applied_seq, 0); /* adopted: nobody knows when */
    assert_null(wb_state_find(&w.st, &w.graph, "a", "2")->stored_down);         /* nor what would revert it */
    world_done(&w);
}

static void a_row_of_a_namespace_that_is_not_in_the_graph(void **state)
{
    (void)state;
    world w;
    world_start(&w, "a/1", "");
    world_rows(&w, SHAPE_NATIVE, "b/1");
    w.recorded_count = 0;
    assert_int_equal(world_state(&w), WBL_E_INTERNAL);
    assert_int_equal(w.st.count, 0);
    world_done(&w);
}

static void dotted_versions_are_the_same_with_and_without_zeros(void **state)
{
    (void)state;
    world w;
    world_start(&w, "default/1.0 default/1.1", "");
    w.set.order = WB_ORDER_DOTTED;
    world_rows(&w, SHAPE_NATIVE, "default/1 default/1.2");
    assert_int_equal(world_state(&w), 0);
    assert_string_equal(world_items(&w), "default/1.0=A default/1.1=P default/1.2=M");
    world_done(&w);
}

static void twenty_digits_are_a_version(void **state)
{
    (void)state;
    world w;
    world_start(&w, "default/20240101000000000001 default/20240101000000000002", "");
    world_rows(&w, SHAPE_NATIVE, "default/20240101000000000001");
    assert_int_equal(world_state(&w), 0);
    assert_string_equal(world_items(&w), "default/20240101000000000001=A default/20240101000000000002=P");
    world_done(&w);
}

int main(void)
{
    struct CMUnitTest tests[128] = {
        cmocka_unit_test(namespaces_that_do_not_run),
        cmocka_unit_test(current_and_latest),
        cmocka_unit_test(origin_and_down_script_are_kept_apart),
        cmocka_unit_test(a_row_of_a_namespace_that_is_not_in_the_graph),
        cmocka_unit_test(dotted_versions_are_the_same_with_and_without_zeros),
        cmocka_unit_test(twenty_digits_are_a_version),
    };
    size_t n = 6;
    ROW_TESTS(state_rows, states_follow_the_rules)
    return _cmocka_run_group_tests("plan/state", tests, n, NULL, NULL);
}
