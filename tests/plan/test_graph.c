/* test_graph.c - the order of namespaces. */
#include "world.h"

static const struct order_row {
    const char *name, *files, *config, *want;
} order_rows[] = {
    { "listed_order_is_kept", "b/1 a/1 c/1", "c a b", "c a b" },
    { "unlisted_follow_by_bytes", "z/1 b/1 a/1 core/1", "core", "core a b z" },
    { "required_is_pulled_in_front", "a/1 b/1 c/1", "b>a c a", "a b c" },
    { "pulled_in_front_with_what_it_requires", "a/1 b/1 c/1 d/1", "d>c c>b b a", "b c d a" },
    { "unlisted_obey_dependencies", "a/1 b/1 c/1", "(a>c", "c a b" },
    { "listed_requires_unlisted", "a/1 zz/1", "a>zz", "zz a" },
    { "versioned_requirement_orders_too", "a/1 b/1", "a>b@1 b", "b a" },
    { "diamond_is_no_cycle", "a/1 b/1 c/1 d/1", "a>b,c b>d c>d d", "d b c a" },
    { "requirement_named_twice", "a/1 b/1", "a>b,b b", "b a" },
    { "no_files_at_all", "", "", "" },
    { "flat_directory", "default/1 default/2", "", "default" },
};

static void namespaces_are_ordered(void **state)
{
    const struct order_row *row = *state;
    world w;
    world_start(&w, row->files, row->config);
    assert_int_equal(world_graph(&w), 0);
    assert_string_equal(world_order(&w), row->want);
    for (size_t i = 0; i < w.graph.count; i++) {
        size_t index = 99;
        assert_ptr_equal(wb_graph_find(&w.graph, w.graph.namespaces[i].name, &index), &w.graph.namespaces[i]);
        assert_int_equal(index, i);
    }
    assert_null(wb_graph_find(&w.graph, "nobody", NULL));
    world_done(&w);
}

static const struct fault_row {
    const char *name, *files, *config, *code, *message, *hint;
} fault_rows[] = {
    { "cycle_names_itself", "a/1 b/1", "a>b b>a", "cycle", "the namespaces require each other: a -> b -> a", NULL },
    { "cycle_behind_a_tail", "a/1 b/1 c/1", "a>b b>c c>b", "cycle", "the namespaces require each other: b -> c -> b",
      NULL },
    { "namespace_requires_itself", "a/1", "a>a", "cycle", "the namespaces require each other: a -> a", NULL },
    { "unknown_requirement", "a/1 identity/1", "a>identty", "missing-requirement",
      "a requires identty, and there is no such namespace", "Did you mean identity?" },
};

static void faults_of_the_graph(void **state)
{
    const struct fault_row *row = *state;
    world w;
    world_start(&w, row->files, row->config);
    assert_int_equal(world_graph(&w), WBL_E_INVALID);
    assert_string_equal(w.err.message, row->message);
    assert_int_equal(w.err.effect, WBL_EFFECT_NONE);
    assert_string_equal(w.err.file, "whimbrel.yaml");
    assert_int_not_equal(w.err.line, 0);
    assert_string_equal(world_finding(&w, row->code)->message, row->message);
    if (row->hint)
        assert_string_equal(w.err.hint, row->hint);
    assert_int_equal(w.graph.count, 0); /* outputs are untouched */
    world_done(&w);
}

static void all_faults_are_told_at_once(void **state)
{
    (void)state;
    world w;
    world_start(&w, "a/1", "a>x,y");
    assert_int_equal(world_graph(&w), WBL_E_INVALID);
    assert_string_equal(world_codes(&w), "missing-requirement! missing-requirement!");
    assert_string_equal(w.err.message, "2 faults of the configuration: a requires x, and there is no such namespace");
    world_done(&w);
}

static void flags_come_from_the_configuration(void **state)
{
    (void)state;
    static const char *const always[] = { "core" };
    world w;
    world_start(&w, "core/1 a/1 b/1", "core- a- ");
    w.config.always = always;
    w.config.always_count = 1;
    assert_int_equal(world_graph(&w), 0);
    assert_true(wb_graph_find(&w.graph, "core", NULL)->is_enabled); /* whatever the configuration says */
    assert_false(wb_graph_find(&w.graph, "a", NULL)->is_enabled);
    assert_true(wb_graph_find(&w.graph, "b", NULL)->is_enabled);
    assert_true(wb_graph_find(&w.graph, "a", NULL)->is_listed);
    assert_false(wb_graph_find(&w.graph, "b", NULL)->is_listed);
    world_done(&w);
}

static void discover_decides_about_unlisted_ones(void **state)
{
    (void)state;
    world w;
    world_start(&w, "core/1 wishlist/1", "core");
    w.config.discover = WB_DISCOVER_REPORT;
    assert_int_equal(world_graph(&w), 0);
    assert_true(wb_graph_find(&w.graph, "wishlist", NULL)->is_reported_only);
    assert_false(wb_graph_find(&w.graph, "core", NULL)->is_reported_only);
    world_again(&w);
    w.config.discover = WB_DISCOVER_ERROR;
    assert_int_equal(world_graph(&w), WBL_E_INVALID);
    assert_string_equal(world_codes(&w), "not-in-plan!");
    world_done(&w);
    world_start(&w, "core/1 wishlist/1", ""); /* nothing is listed, so nothing is unlisted */
    w.config.discover = WB_DISCOVER_REPORT;
    assert_int_equal(world_graph(&w), 0);
    assert_false(wb_graph_find(&w.graph, "wishlist", NULL)->is_reported_only);
    world_done(&w);
}

static void recorded_and_mentioned_namespaces_exist(void **state)
{
    (void)state;
    static const char *const recorded[] = { "old", "core", "old" };
    world w;
    world_start(&w, "core/1", "core ghost");
    w.recorded = (const char **)recorded;
    w.recorded_count = 3;
    assert_int_equal(world_graph(&w), 0);
    assert_string_equal(world_order(&w), "core ghost old");
    assert_null(wb_graph_find(&w.graph, "ghost", NULL)->source);
    assert_string_equal(world_codes(&w), "no-directory"); /* of ghost; nobody asked for old */
    world_done(&w);
}

static void a_long_chain_needs_no_stack(void **state)
{
    (void)state;
    enum { N = 5000 };
    wb_buf files = WB_BUF(WB_FILE_SIZE_MAX), config = WB_BUF(WB_FILE_SIZE_MAX);
    for (int i = 0; i < N; i++) {
        wb_buf_addf(&files, "n%05d/1 ", i);
        wb_buf_addf(&config, i + 1 < N ? "n%05d>n%05d " : "n%05d", i, i + 1);
    }
    world w;
    world_start(&w, wb_buf_cstr(&files), wb_buf_cstr(&config));
    assert_int_equal(world_graph(&w), 0);
    assert_string_equal(w.graph.namespaces[0].name, "n04999");
    assert_string_equal(w.graph.namespaces[N - 1].name, "n00000");
    world_done(&w);
    wb_buf_done(&files);
    wb_buf_done(&config);
}

int main(void)
{
    struct CMUnitTest tests[64] = {
        cmocka_unit_test(all_faults_are_told_at_once),
        cmocka_unit_test(flags_come_from_the_configuration),
        cmocka_unit_test(discover_decides_about_unlisted_ones),
        cmocka_unit_test(recorded_and_mentioned_namespaces_exist),
        cmocka_unit_test(a_long_chain_needs_no_stack),
    };
    size_t n = 5;
    ROW_TESTS(order_rows, namespaces_are_ordered)
    ROW_TESTS(fault_rows, faults_of_the_graph)
    return _cmocka_run_group_tests("plan/graph", tests, n, NULL, NULL);
}
