/* test_up.c - which pending migrations run, in which order, and what is refused. */
#include "world.h"

static const struct up_row {
    const char *name, *files, *config, *rows, *ns, *to;
    int steps, rc;
    const char *want, *codes;
} up_rows[] = {
    { "everything_in_order", "core/2 core/1 id/1", "core id", "", NULL, NULL, 0, 0, "+core/1 +core/2 +id/1", "" },
    { "only_what_is_pending", "core/1 core/2", "core", "core/1", NULL, NULL, 0, 0, "+core/2", "" },
    { "nothing_to_do", "core/1", "core", "core/1", NULL, NULL, 0, 0, "", "" },
    { "versions_are_numbers", "c/10 c/9 c/1", "", "", NULL, NULL, 0, 0, "+c/1 +c/9 +c/10", "" },
    { "at_most_n", "core/1 core/2 id/1", "core id", "", NULL, NULL, 2, 0, "+core/1 +core/2", "" },
    { "more_than_there_are", "core/1", "core", "", NULL, NULL, 9, 0, "+core/1", "" },
    { "up_to_a_version", "c/1 c/2 c/3", "", "", NULL, "2", 0, 0, "+c/1 +c/2", "" },
    { "up_to_a_version_as_written", "c/1 c/2 c/3", "", "", NULL, "000002", 0, 0, "+c/1 +c/2", "" },
    { "up_to_one_that_is_applied", "c/1 c/2", "", "c/1", NULL, "1", 0, 0, "", "" },
    { "to_in_a_named_namespace", "c/1 c/2 d/1", "", "", "c", "1", 0, 0, "+c/1", "" },
    { "to_needs_one_namespace", "c/1 d/1", "", "", NULL, "1", 0, WBL_E_INVALID, "", "" },
    { "to_that_does_not_exist", "c/1 c/5", "", "", NULL, "3", 0, WBL_E_INVALID, "", "" },
    { "to_zero_is_no_version_for_up", "c/1", "", "", NULL, "0", 0, WBL_E_INVALID, "", "" },
    { "one_namespace", "core/1 id/1", "core id", "", "id", NULL, 0, 0, "+id/1", "" },
    { "two_namespaces", "a/1 b/1 c/1", "c b a", "", "a c", NULL, 0, 0, "+c/1 +a/1", "" },
    { "unknown_namespace", "core/1", "", "", "cor", NULL, 0, WBL_E_INVALID, "", "" },
    { "disabled_is_not_run", "core/1 cart/1", "core cart-", "", NULL, NULL, 0, 0, "+core/1", "" },
    { "disabled_by_name_is_refused", "core/1 cart/1", "core cart-", "", "cart", NULL, 0, WBL_E_REFUSED, "", "" },

    { "required_namespace_comes_along", "core/1 core/2 id/1", "core id>core", "", "id", NULL, 0, 0,
      "+core/1~ +core/2~ +id/1", "implied" },
    { "only_up_to_the_required_version", "core/1 core/2 core/3 id/1", "core id>core@2", "", "id", NULL, 0, 0,
      "+core/1~ +core/2~ +id/1", "implied" },
    { "required_and_applied_costs_nothing", "core/1 core/2 id/1", "core id>core@1", "core/1", "id", NULL, 0, 0, "+id/1",
      "" },
    { "required_transitively", "a/1 b/1 c/1", "a b>a c>b", "", "c", NULL, 0, 0, "+a/1~ +b/1~ +c/1", "implied implied" },
    { "required_through_one_that_is_complete", "a/1 a/2 b/1 c/1", "a b>a c>b", "a/1 b/1", "c", NULL, 0, 0, "+a/2~ +c/1",
      "implied" },
    { "migration_requires_a_version", "a/1 a/2>b@1 a/3 b/1 b/2", "a b", "", NULL, NULL, 0, 0,
      "+a/1 +b/1 +a/2 +a/3 +b/2", "" },
    { "migration_requires_a_namespace", "a/1>b b/1 b/2", "a b", "", NULL, NULL, 0, 0, "+b/1 +b/2 +a/1", "" },
    { "migration_pulls_a_version_in", "a/1>b@1 b/1 b/2", "a b", "", "a", NULL, 0, 0, "+b/1~ +a/1", "implied" },
    { "requires_of_its_own_past", "a/1 a/2>a@1", "", "", NULL, NULL, 0, 0, "+a/1 +a/2", "" },
    { "requires_its_own_namespace", "a/1>a a/2", "", "", NULL, NULL, 0, 0, "+a/1 +a/2", "" },
    { "limit_keeps_requirements", "a/1>b@2 b/1 b/2", "a b", "", NULL, NULL, 1, 0, "+b/1", "" },
    { "to_stops_the_namespace_not_its_requirements", "a/1 a/2>b@2 a/3 b/1 b/2 b/3", "a b", "", "a", "2", 0, 0,
      "+a/1 +b/1~ +b/2~ +a/2", "implied" },

    { "cycle_of_migrations", "a/2 a/3>b@2 b/2>a@3", "a b", "", NULL, NULL, 0, WBL_E_INVALID, "", "cycle!" },
    { "requires_itself", "a/1>a@1", "", "", NULL, NULL, 0, WBL_E_INVALID, "", "cycle!" },
    { "requires_its_own_future", "a/1>a@2 a/2", "", "", NULL, NULL, 0, WBL_E_INVALID, "", "cycle!" },
    { "cycle_among_applied_ones_is_past", "a/3>b@2 b/2>a@3", "a b", "a/3 b/2", NULL, NULL, 0, 0, "", "" },
    { "no_such_namespace", "a/1>x@1 a/2>y", "", "", NULL, NULL, 0, WBL_E_INVALID, "",
      "missing-requirement! missing-requirement!" },
    { "no_such_version", "a/1>b@9 b/1", "", "", NULL, NULL, 0, WBL_E_INVALID, "", "missing-requirement!" },
    { "required_is_disabled", "a/1>b@1 b/1", "a b-", "", NULL, NULL, 0, WBL_E_INVALID, "", "disabled-requirement!" },
    { "required_is_disabled_and_applied", "a/1>b@1 b/1", "a b-", "b/1", NULL, NULL, 0, 0, "+a/1", "" },
    { "required_namespace_is_disabled", "a/1 b/1", "a>b b-", "", NULL, NULL, 0, WBL_E_INVALID, "",
      "disabled-requirement!" },

    { "late_is_an_error", "c/1 c/2 c/3", "", "c/1 c/3", NULL, NULL, 0, WBL_E_INVALID, "", "late!" },
    { "all_late_ones_are_told", "c/1 c/2 c/3 d/1 d/2", "", "c/3 d/2", NULL, NULL, 0, WBL_E_INVALID, "",
      "late! late! late!" },
    { "late_and_marked_runs", "c/1 c/2* c/3", "", "c/1 c/3", NULL, NULL, 0, 0, "+c/2!", "" },
    { "late_beyond_to_is_not_looked_at", "c/1 c/2 c/3", "", "c/3", NULL, "1", 0, WBL_E_INVALID, "", "late!" },
    { "late_elsewhere_is_not_looked_at", "c/1 c/2 d/1", "", "c/2", "d", NULL, 0, 0, "+d/1", "" },

    { "file_gone_is_a_warning", "c/1 c/3 c/4", "", "c/1 c/2 c/3", NULL, NULL, 0, 0, "+c/4", "missing-file" },
    { "newer_is_a_warning", "c/1", "", "c/1 c/2", NULL, NULL, 0, 0, "", "newer" },
    { "no_file_at_all_is_newer", "", "c", "c/1 c/2", NULL, NULL, 0, 0, "", "no-directory newer" },
    { "somebody_elses_namespace_is_no_news", "c/1", "", "other/1", NULL, NULL, 0, 0, "+c/1", "" },
    { "unknown_blocks", "c/1 c/2", "", "c/1!", NULL, NULL, 0, WBL_E_STATE, "", "unknown!" },
    { "unknown_elsewhere_does_not_block", "c/1 d/1", "", "c/1!", "d", NULL, 0, 0, "+d/1", "" },
    { "unknown_below_a_requirement_blocks", "c/1 d/1", "c d>c", "c/1!", "d", NULL, 0, WBL_E_STATE, "", "unknown!" },
    { "no_up_script_is_passed_over", "c/1 c/2? c/3", "", "", NULL, NULL, 0, 0, "+c/1 +c/3", "" },
};

static const char *const *words(world *w, const char *s, size_t *count)
{
    const char **all = wb_arena_get(&w->input, 16 * sizeof *all);
    char *copy = wb_arena_dup(&w->input, s);
    for (*count = 0; copy; (*count)++) {
        all[*count] = copy;
        copy = strchr(copy, ' ');
        if (copy)
            *copy++ = 0;
    }
    return all;
}

static void up_picks(void **state)
{
    const struct up_row *row = *state;
    world w;
    world_start(&w, row->files, row->config);
    world_rows(&w, SHAPE_NATIVE, row->rows);
    w.request.namespaces = words(&w, row->ns, &w.request.namespace_count);
    w.request.to = row->to;
    w.request.steps = row->steps;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), row->rc);
    assert_string_equal(world_steps(&w), row->want);
    assert_string_equal(world_codes(&w), row->codes);
    assert_int_equal(w.err.code, row->rc);
    assert_int_equal(w.err.effect, WBL_EFFECT_NONE);
    if (row->rc == 0)
        assert_int_equal(strlen(w.plan.hash), 64);
    world_done(&w);
}

static const struct message_row {
    const char *name, *files, *config, *rows, *to;
    const char *message, *hint, *file;
} message_rows[] = {
    { "cycle_is_named", "a/2 a/3>b@2 b/2>a@3", "a b", "", NULL,
      "the requirements form a cycle: a 000003 -> b 000002 -> a 000003",
      "Each one needs the next one first. Take one of these requirements out.", "migrations/a/000003_m3.up.sql" },
    { "cycle_skips_neighbours", "a/1>b@3 a/2 b/1 b/2>a@2 b/3", "a b", "", NULL,
      "the requirements form a cycle: a 000001 -> b 000003 -> b 000002 -> a 000002 -> a 000001", NULL, NULL },
    { "cycle_through_a_namespace", "a/1>b b/1 b/2>a@1", "a b", "", NULL,
      "the requirements form a cycle: a 000001 -> b -> b 000002 -> a 000001", NULL, NULL },
    { "missing_version_names_who", "a/1>b@9 b/1 b/2", "", "", NULL,
      "a 000001 requires b@9, and there is no such version", "The latest version of b is 000002.",
      "migrations/a/000001_m1.up.sql" },
    { "missing_namespace_names_who", "a/1>identty identity/1", "", "", NULL,
      "a 000001 requires identty, and there is no such namespace", "Did you mean identity?",
      "migrations/a/000001_m1.up.sql" },
    { "disabled_names_both", "a/1>b@1 b/1", "a b-", "", NULL, "a 000001 requires b@1, and b is disabled",
      "Enable it in the configuration, or take the requirement out.", "migrations/a/000001_m1.up.sql" },
    { "late_text", "identity/3 identity/5", "", "identity/5", NULL,
      "identity 000003 is older than what is applied (000005) and was not applied",
      "It may have been merged late. Mark it `-- whimbrel: out-of-order` if it may run now, or renumber it: "
      "`whimbrel new --renumber migrations/identity/000003_m3.up.sql`.",
      "migrations/identity/000003_m3.up.sql" },
    { "late_texts", "c/1 c/2 c/3", "", "c/3", NULL,
      "2 migrations are older than what is applied: c 000001 is older than what is applied (000003) and was not "
      "applied",
      NULL, "migrations/c/000001_m1.up.sql" },
    { "flat_directory_has_no_namespace", "default/3 default/5", "", "default/5", NULL,
      "000003 is older than what is applied (000005) and was not applied", NULL, NULL },
    { "nearest_versions", "c/1 c/5", "", "", "3", "there is no version 3 of c",
      "The nearest ones are 000001 and 000005.", NULL },
    { "nearest_version", "default/1", "", "", "3", "there is no version 3", "The nearest one is 000001.", NULL },
    { "to_of_which", "a/1 b/1", "", "", "1", "version 1 of which namespace?",
      "Each namespace has versions of its own: say --namespace NAME.", NULL },
    { "dirty_without_history", "core/1", "", "core/1!", NULL,
      "core 000001 is marked dirty, and the history does not tell how its run ended",
      "look at the database, then say which:\n  whimbrel repair core 000001 --mark-applied\n"
      "  whimbrel repair core 000001 --mark-reverted",
      "migrations/core/000001_m1.up.sql" },
};

static void up_says_why_not(void **state)
{
    const struct message_row *row = *state;
    world w;
    world_start(&w, row->files, row->config);
    world_rows(&w, SHAPE_NATIVE, row->rows);
    w.request.to = row->to;
    assert_true(world_plan(&w, WB_GOAL_UP) < 0);
    assert_string_equal(w.err.message, row->message);
    if (row->hint)
        assert_string_equal(w.err.hint, row->hint);
    if (row->file)
        assert_string_equal(w.err.file, row->file);
    assert_int_equal(w.plan.count, 0);
    world_done(&w);
}

static void unknown_statement_has_two_ways_out(void **state)
{
    (void)state;
    world w;
    world_start(&w, "default/7", "");
    world_rows(&w, SHAPE_NATIVE, "default/7!");
    world_records(&w, "up default/7 unknown 2/3");
    w.request.command_name = "tool";
    assert_int_equal(world_plan(&w, WB_GOAL_UP), WBL_E_STATE);
    assert_string_equal(w.err.message,
                        "000007: statement 3 of 3 was begun, and nobody can tell whether "
                        "it took effect");
    assert_string_equal(w.err.hint, "look at the data, then say which:\n"
                                    "  tool repair 000007 --statement 3 --did-run      nothing is left to do\n"
                                    "  tool repair 000007 --statement 3 --did-not-run  runs it again");
    world_done(&w);
}

static void policies_of_late_ones(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1 c/2 c/3 c/4", "");
    world_rows(&w, SHAPE_NATIVE, "c/1 c/3");
    w.request.out_of_order = WB_POLICY_APPLY;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_steps(&w), "+c/2! +c/4");
    world_again(&w);
    w.request.out_of_order = WB_POLICY_IGNORE;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_steps(&w), "+c/4");
    assert_string_equal(world_codes(&w), "late");
    assert_string_equal(world_items(&w), "c/1=A c/2=S c/3=A c/4=P");
    assert_string_equal(w.st.items[1].reason, "it is older than what is applied");
    /* The same state once more, with another policy: nothing sticks. */
    w.request.out_of_order = WB_POLICY_APPLY;
    assert_int_equal(wb_plan_make(&w.cx, &w.mem, &w.graph, &w.st, &w.request, &w.found, &w.plan), 0);
    assert_string_equal(world_steps(&w), "+c/2! +c/4");
    assert_null(w.st.items[1].reason);
    world_done(&w);
}

static void a_single_row_skips_late_ones_in_any_policy(void **state)
{
    (void)state;
    for (int policy = WB_POLICY_APPLY; policy <= WB_POLICY_IGNORE; policy++) {
        world w;
        world_start(&w, "default/1 default/2 default/3* default/5", "");
        world_rows(&w, SHAPE_GOLANG, "default/5");
        world_records(&w, "up default/1 applied; up default/2 applied; up default/5 applied");
        w.request.out_of_order = policy;
        assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
        assert_string_equal(world_steps(&w), "");
        assert_string_equal(world_codes(&w), "late");
        assert_non_null(strstr(w.found.items[0].message, "000003"));
        world_done(&w);
    }
}

static void a_single_row_moves_over_a_file_with_no_up(void **state)
{
    (void)state;
    world w;
    world_start(&w, "default/5 default/6?", "");
    world_rows(&w, SHAPE_GOLANG, "default/5");
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_steps(&w), "+default/6");
    assert_false(w.plan.steps[0].script->exists);
    world_done(&w);
}

static void a_row_deleted_by_hand_runs_again_although_late(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1 c/2", "");
    world_rows(&w, SHAPE_NATIVE, "c/2");
    world_records(&w, "up c/1 applied; up c/2 applied");
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_steps(&w), "+c/1!");
    world_done(&w);
}

static void half_done_work_thrown_away_by_hand_is_warned_of(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1", "");
    world_records(&w, "up c/1 failed 2/3");
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_steps(&w), "+c/1");
    assert_string_equal(
        world_finding(&w, "starts-over")->message,
        "c 000001 starts over, since its row was deleted by hand, but statements 1-2 of it are recorded as "
        "done");
    world_done(&w);
}

static void failed_ones_are_tried_again(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1 c/2", "");
    world_rows(&w, SHAPE_NATIVE, "c/1!");
    world_records(&w, "up c/1 failed 0/1");
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_steps(&w), "+c/1 +c/2");
    assert_string_equal(world_codes(&w), "retry");
    world_again(&w);
    world_records(&w, "up c/1 failed 2/3");
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_finding(&w, "retry")->message, "c 000001 failed before; it goes on with statement 3");
    world_again(&w);
    w.request.blocks_on_failed = true;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), WBL_E_STATE);
    assert_string_equal(w.err.message, "c 000001 failed before, and failed migrations block");
    assert_string_equal(w.err.hint, "Mend the file and run `whimbrel up --retry-failed`.");
    world_done(&w);
}

static void a_failure_whose_file_is_gone_does_not_block(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/2", "");
    world_rows(&w, SHAPE_NATIVE, "c/1!");
    world_records(&w, "up c/1 failed 0/1");
    w.request.blocks_on_failed = true;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_steps(&w), "+c/2");
    assert_string_equal(world_codes(&w), "failed");
    world_done(&w);
}

static void half_reverted_must_go_down_first(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1", "");
    world_rows(&w, SHAPE_NATIVE, "c/1!");
    world_records(&w, "up c/1 applied; down c/1 failed 1/2");
    assert_int_equal(world_plan(&w, WB_GOAL_UP), WBL_E_STATE);
    assert_string_equal(w.err.message, "c 000001 is half reverted: its down script stopped at statement 2 of 3");
    world_done(&w);
}

static void only_refuses_what_would_come_along(void **state)
{
    (void)state;
    static const char *const id[] = { "id" };
    world w;
    world_start(&w, "core/1 id/1>core@1", "core id");
    w.request.namespaces = id;
    w.request.namespace_count = 1;
    w.request.only = true;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), WBL_E_REFUSED);
    assert_string_equal(w.err.message, "id 000001 requires core@1, which is not applied");
    world_again(&w);
    world_rows(&w, SHAPE_NATIVE, "core/1");
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_steps(&w), "+id/1");
    world_done(&w);
}

static void a_requirement_of_a_skipped_one_is_an_error(void **state)
{
    (void)state;
    world w;
    world_start(&w, "a/1 a/2 b/1>a@1", "");
    world_rows(&w, SHAPE_NATIVE, "a/2");
    w.request.out_of_order = WB_POLICY_IGNORE;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), WBL_E_INVALID);
    assert_string_equal(w.err.message,
                        "b 000001 requires a@1, which can't be applied: it is older than what is applied");
    world_done(&w);
}

static void registered_requirements_count(void **state)
{
    (void)state;
    static const wb_require requires[] = { { "b", "1" } };
    world w;
    world_start(&w, "a/1 b/1", "a b");
    world_file(&w, "a", "1")->requires = requires;
    world_file(&w, "a", "1")->require_count = 1;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_steps(&w), "+b/1 +a/1");
    world_done(&w);
}

static void newer_databases(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1 d/1", "");
    world_rows(&w, SHAPE_NATIVE, "c/1 c/2 c/3");
    w.request.newer = WB_NEWER_OK;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_codes(&w), "");
    world_again(&w);
    w.request.newer = WB_NEWER_ERROR;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), WBL_E_DRIFT);
    assert_string_equal(w.err.message,
                        "c: the database is newer than the files: 3 is applied, the latest file is 000001");
    world_done(&w);
}

static void many_files_that_are_gone_are_one_line(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/9", "");
    world_rows(&w, SHAPE_NATIVE, "c/1 c/2 c/3 c/4 c/5");
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_codes(&w), "missing-file");
    assert_string_equal(w.found.items[0].message,
                        "c: 5 versions are applied and their files are gone: 1, 2, 3 and 2 more");
    world_done(&w);
}

static void edited_files_are_all_told(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1 c/2 c/3 d/1", "");
    world_rows(&w, SHAPE_NATIVE, "c/1 c/2 d/1");
    world_records(&w, "up c/1 applied; up c/2 applied");
    w.records[1].started_at = "2026-11-02 09:30:00";
    w.records[1].who = "deploy";
    w.records[1].host = "ci";
    w.request.goal = WB_GOAL_UP;
    assert_int_equal(world_state(&w), 0);
    w.st.items[0].is_comment_edit = w.st.items[1].is_edited = w.st.items[3].is_edited = true;
    w.st.items[1].edit_detail = "- a\n+ b\n";
    assert_int_equal(wb_plan_make(&w.cx, &w.mem, &w.graph, &w.st, &w.request, &w.found, &w.plan), WBL_E_DRIFT);
    assert_string_equal(world_codes(&w), "edited-comments edited! edited!");
    assert_string_equal(w.found.items[1].message,
                        "c 000002 was changed after it was applied on 2026-11-02 by deploy@ci");
    assert_string_equal(w.found.items[1].detail, "- a\n+ b\n");
    assert_non_null(strstr(w.err.message, "2 applied files were changed afterwards"));
    assert_non_null(strstr(w.err.hint, "`whimbrel repair c 000002 --accept-file`"));
    world_done(&w);
}

static void not_in_plan_is_reported(void **state)
{
    (void)state;
    world w;
    world_start(&w, "core/1 wishlist/1 wishlist/2", "core");
    w.config.discover = WB_DISCOVER_REPORT;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_steps(&w), "+core/1");
    assert_string_equal(world_finding(&w, "not-in-plan")->message,
                        "wishlist is not in plan: its 2 migrations are not run");
    world_done(&w);
}

static void missing_downs_are_told_in_a_preview(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1 c/2!", "");
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_codes(&w), "");
    world_again(&w);
    w.request.is_preview = true;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(world_codes(&w), "missing-down");
    assert_string_equal(w.found.items[0].message, "c 000002 has no down script: it can't be reverted");
    world_done(&w);
}

static void the_hash_is_of_what_will_run(void **state)
{
    (void)state;
    static const char text[] = "up a 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";
    char want[65];
    uint8_t digest[32];
    wb_sha256 h;
    wb_sha256_start(&h);
    wb_sha256_add(&h, text, sizeof text - 1);
    wb_sha256_end(&h, digest);
    wb_hex(digest, 32, want);
    world w;
    world_start(&w, "a/1 a/2", "");
    w.request.steps = 1;
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_equal(w.plan.hash, want);
    char one[65];
    memcpy(one, w.plan.hash, 65);
    world_again(&w);
    world_file(&w, "a", "1")->up.sha256[0] = 'b';
    assert_int_equal(world_plan(&w, WB_GOAL_UP), 0);
    assert_string_not_equal(w.plan.hash, one);
    world_done(&w);
}

int main(void)
{
    struct CMUnitTest tests[160] = {
        cmocka_unit_test(unknown_statement_has_two_ways_out),
        cmocka_unit_test(policies_of_late_ones),
        cmocka_unit_test(a_single_row_skips_late_ones_in_any_policy),
        cmocka_unit_test(a_single_row_moves_over_a_file_with_no_up),
        cmocka_unit_test(a_row_deleted_by_hand_runs_again_although_late),
        cmocka_unit_test(half_done_work_thrown_away_by_hand_is_warned_of),
        cmocka_unit_test(failed_ones_are_tried_again),
        cmocka_unit_test(a_failure_whose_file_is_gone_does_not_block),
        cmocka_unit_test(half_reverted_must_go_down_first),
        cmocka_unit_test(only_refuses_what_would_come_along),
        cmocka_unit_test(a_requirement_of_a_skipped_one_is_an_error),
        cmocka_unit_test(registered_requirements_count),
        cmocka_unit_test(newer_databases),
        cmocka_unit_test(many_files_that_are_gone_are_one_line),
        cmocka_unit_test(edited_files_are_all_told),
        cmocka_unit_test(not_in_plan_is_reported),
        cmocka_unit_test(missing_downs_are_told_in_a_preview),
        cmocka_unit_test(the_hash_is_of_what_will_run),
    };
    size_t n = 18;
    ROW_TESTS(up_rows, up_picks)
    ROW_TESTS(message_rows, up_says_why_not)
    return _cmocka_run_group_tests("plan/up", tests, n, NULL, NULL);
}
