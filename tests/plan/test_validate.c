/* test_validate.c - what is odd about files, alone and against the ledger. */
#include "world.h"

static const struct validate_row {
    const char *name, *files, *config, *rows, *records; /* rows NULL: files alone */
    const char *codes, *first;
} validate_rows[] = {
    { "all_is_well", "c/1 c/2", "", NULL, "", "", NULL },
    { "a_gap", "c/1 c/2 c/4", "", NULL, "", "gap", "c: 1 version is missing between 000002 and 000004" },
    { "a_wide_gap", "c/1 c/2 c/7", "", NULL, "", "gap", "c: 4 versions are missing between 000002 and 000007" },
    { "it_may_start_anywhere", "c/5 c/6", "", NULL, "", "", NULL },
    { "tens_are_a_habit", "c/10 c/20 c/30 c/40 c/50 c/60", "", NULL, "", "", NULL },
    { "times_have_no_gaps", "c/20240101000000 c/20240102000000", "", NULL, "", "", NULL },
    { "no_down", "c/1 c/2!", "", NULL, "", "missing-down", "c 000002 has no down script: it can't be reverted" },
    { "no_down_anywhere_is_one_note", "c/1! c/2! c/3!", "", NULL, "", "missing-down",
      "c: none of 3 migrations has a down script: they can't be reverted" },
    { "no_up", "c/1 c/2?", "", NULL, "", "missing-up", NULL },
    { "no_files", "", "", NULL, "", "no-files", "no migration files" },
    { "missing_requirement", "c/1>x", "", NULL, "", "missing-requirement!",
      "c 000001 requires x, and there is no such namespace" },
    { "cycle", "a/1>b@1 b/1>a@1", "a b", NULL, "", "cycle!",
      "the requirements form a cycle: a 000001 -> b 000001 -> a 000001" },
    { "requires_what_is_disabled", "a/1>b@1 b/1", "a b-", NULL, "", "disabled-requirement!", NULL },
    { "requires_what_is_disabled_and_there", "a/1>b@1 b/1", "a b-", "b/1", "", "", NULL },
    { "disabled_ones_may_require_each_other", "a/1>b@1 b/1", "a- b-", NULL, "", "", NULL },

    { "nothing_applied_yet", "c/1", "", "", "", "", NULL },
    { "file_gone", "c/1 c/3", "", "c/1 c/2 c/3", "", "gap missing-file", NULL },
    { "newer", "c/1", "", "c/1 c/2", "", "newer",
      "c: the database is newer than the files: 2 is applied, the latest file is 000001" },
    { "late", "c/1 c/2", "", "c/2", "", "late", "c 000001 is older than what is applied (000002)" },
    { "late_and_marked", "c/1* c/2", "", "c/2", "", "", NULL },
    { "unknown", "c/1", "", "c/1!", "", "unknown!", "c 000001 is unknown: nobody can tell how its run ended" },
    { "failed", "c/1", "", "c/1!", "up c/1 failed 0/1", "failed", "c 000001 failed" },
};

static void validation_finds(void **state)
{
    const struct validate_row *row = *state;
    world w;
    world_start(&w, row->files, row->config);
    world_rows(&w, SHAPE_NATIVE, row->rows ? row->rows : "");
    world_records(&w, row->records);
    assert_int_equal(world_state(&w), 0);
    assert_int_equal(wb_plan_validate(&w.cx, &w.mem, &w.graph, &w.set, row->rows ? &w.st : NULL, &w.found), 0);
    assert_string_equal(world_codes(&w), row->codes);
    if (row->first)
        assert_string_equal(w.found.items[0].message, row->first);
    assert_int_equal(w.err.code, 0); /* findings are no failure of the call */
    assert_int_equal(w.found.errors, wb_tell_errors(&w.found, 0));
    world_done(&w);
}

static const struct name_row {
    const char *name, *migration, *codes;
} name_rows[] = {
    { "name_is_fine", "add_users", "" },
    { "name_with_digits", "2fa_codes_v2", "" },
    { "name_in_another_script", "\xC3\xA4nderung", "" },
    { "name_with_capitals", "AddUsers", "name-not-snake-case" },
    { "name_with_dashes", "add-users", "name-not-snake-case" },
    { "name_with_two_underscores", "add__users", "name-not-snake-case" },
    { "name_with_an_underscore_behind", "add_", "name-not-snake-case" },
    { "vague_name", "changes", "vague-name" },
    { "no_name", "", "" },
};

static void names_are_looked_at(void **state)
{
    const struct name_row *row = *state;
    world w;
    world_start(&w, "c/1", "");
    world_file(&w, "c", "1")->name = row->migration;
    assert_int_equal(world_state(&w), 0);
    assert_int_equal(wb_plan_validate(&w.cx, &w.mem, &w.graph, &w.set, NULL, &w.found), 0);
    assert_string_equal(world_codes(&w), row->codes);
    world_done(&w);
}

static void edits_are_errors_and_comments_are_warnings(void **state)
{
    (void)state;
    world w;
    world_start(&w, "c/1 c/2", "");
    world_rows(&w, SHAPE_NATIVE, "c/1 c/2");
    assert_int_equal(world_state(&w), 0);
    w.st.items[0].is_edited = w.st.items[1].is_comment_edit = true;
    assert_int_equal(wb_plan_validate(&w.cx, &w.mem, &w.graph, &w.set, &w.st, &w.found), 0);
    assert_string_equal(world_codes(&w), "edited! edited-comments");
    assert_string_equal(w.found.items[0].file, "migrations/c/000001_m1.up.sql");
    world_done(&w);
}

static void what_is_not_in_plan(void **state)
{
    (void)state;
    world w;
    world_start(&w, "core/1 wish/1", "core");
    w.config.discover = WB_DISCOVER_REPORT;
    assert_int_equal(world_state(&w), 0);
    assert_int_equal(wb_plan_validate(&w.cx, &w.mem, &w.graph, &w.set, NULL, &w.found), 0);
    assert_string_equal(world_codes(&w), "not-in-plan");
    world_done(&w);
}

/* ---- differences ---- */

static const struct diff_row {
    const char *name, *before, *after, *want;
} diff_rows[] = {
    { "diff_of_equal_texts", "a\nb\n", "a\nb\n", "" },
    { "diff_of_line_ends_only", "a\r\nb\r\n", "a\nb", "" },
    { "diff_of_one_line", "a\nb\nc\n", "a\nx\nc\n", "- b\n+ x\n" },
    { "diff_of_an_added_line", "a\nc\n", "a\nb\nc\n", "+ b\n" },
    { "diff_of_a_removed_line", "a\nb\nc\n", "a\nc\n", "- b\n" },
    { "diff_in_two_places", "a\nb\nc\nd\ne\n", "x\nb\nc\nd\ny\n", "- a\n+ x\n- e\n+ y\n" },
    { "diff_with_nothing", "", "a\n", "+ a\n" },
    { "diff_to_nothing", "a\n", "", "- a\n" },
    { "diff_of_empty_lines", "a\n\nb\n", "a\nb\n", "- \n" },
    { "diff_of_moved_lines", "a\nb\n", "b\na\n", "- a\n+ a\n" },
};

static void differences_are_shown(void **state)
{
    const struct diff_row *row = *state;
    wb_arena mem = { NULL };
    assert_string_equal(wb_text_diff(&mem, WB_STR(row->before), WB_STR(row->after)), row->want);
    wb_arena_done(&mem);
}

static void big_differences_are_cut(void **state)
{
    (void)state;
    static const int sizes[] = { 100, 1900, 3000 };
    for (size_t i = 0; i < WB_COUNT(sizes); i++) {
        wb_buf before = WB_BUF(WB_TEXT_MAX), after = WB_BUF(WB_TEXT_MAX);
        wb_arena mem = { NULL };
        for (int k = 0; k < sizes[i]; k++) {
            wb_buf_addf(&before, "old %d\n", k);
            wb_buf_addf(&after, "new %d\n", k);
        }
        const char *diff = wb_text_diff(&mem, (wb_str){ before.p, before.len }, (wb_str){ after.p, after.len });
        size_t lines = 0;
        for (const char *p = diff; *p; p++)
            lines += *p == '\n';
        assert_int_equal(lines, 41);
        char want[64];
        snprintf(want, sizeof want, "... and %d more lines\n", 2 * sizes[i] - 40);
        assert_true(wb_ends(diff, want));
        wb_arena_done(&mem);
        wb_buf_done(&before);
        wb_buf_done(&after);
    }
}

static void long_lines_are_cut_between_characters(void **state)
{
    (void)state;
    wb_buf line = WB_BUF(WB_TEXT_MAX);
    wb_arena mem = { NULL };
    wb_buf_str(&line, "x");
    for (int i = 0; i < 500; i++)
        wb_buf_str(&line, "\xC3\xA4");
    const char *diff = wb_text_diff(&mem, (wb_str){ NULL, 0 }, (wb_str){ line.p, line.len });
    assert_true(strlen(diff) < 200 && wb_utf8_valid(diff, strlen(diff), NULL));
    assert_true(wb_ends(diff, "...\n"));
    wb_arena_done(&mem);
    wb_buf_done(&line);
}

int main(void)
{
    struct CMUnitTest tests[96] = {
        cmocka_unit_test(edits_are_errors_and_comments_are_warnings),
        cmocka_unit_test(what_is_not_in_plan),
        cmocka_unit_test(big_differences_are_cut),
        cmocka_unit_test(long_lines_are_cut_between_characters),
    };
    size_t n = 4;
    ROW_TESTS(validate_rows, validation_finds)
    ROW_TESTS(name_rows, names_are_looked_at)
    ROW_TESTS(diff_rows, differences_are_shown)
    return _cmocka_run_group_tests("plan/validate", tests, n, NULL, NULL);
}
