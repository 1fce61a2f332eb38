/* test_text.c - widths, tables, times, "left behind", events and completion: the text that the program prints. */
#include "../unit.h"

#include "cli/cli.h"
#include "cli/width.h"

/* ---- width ---- */

static const struct width_row {
    const char *name, *text;
    uint32_t want;
} width_rows[] = {
    { "empty", "", 0 },
    { "ascii", "users", 5 },
    { "umlaut_is_one_cell", "größe", 5 },
    { "combining_mark_takes_none", "e\xCC\x81", 1 },
    { "chinese_is_two_cells", "用户", 4 },
    { "emoji_is_two_cells", "\xF0\x9F\x90\xA6", 2 },
    { "hangul_is_two_cells", "한", 2 },
    { "zero_width_joiner_takes_none",
      "a\xE2\x80\x8D"
      "b",
      2 },
    { "broken_byte_is_one_sign", "a\xFFz", 3 },
    { "cut_character_is_one_sign_a_byte", "\xE7\x94", 2 },
    { "overlong_form_is_broken", "\xC0\xAF", 2 },
    { "surrogate_is_broken", "\xED\xA0\x80", 3 },
    { "box_drawing_is_one_cell", "\xE2\x96\x88", 1 },
};

static void widths_are_counted(void **state)
{
    const struct width_row *row = *state;
    assert_int_equal(cli_width(row->text, strlen(row->text)), row->want);
}

static void cut_ends_between_characters(void **state)
{
    (void)state;
    static const char text[] = "a用户b";
    assert_int_equal(cli_width_cut(text, strlen(text), 0), 0);
    assert_int_equal(cli_width_cut(text, strlen(text), 2), 1);
    assert_int_equal(cli_width_cut(text, strlen(text), 3), 4);
    assert_int_equal(cli_width_cut(text, strlen(text), 99), strlen(text));
}

/* ---- text on a screen ---- */

struct screen {
    char *text;
    size_t size;
    cli_screen screen;
};

static void screen_start(struct screen *s)
{
    s->screen = (cli_screen){ .file = open_memstream(&s->text, &s->size), .width = 80 };
    assert_non_null(s->screen.file);
}

static void screen_expect(struct screen *s, const char *want)
{
    fclose(s->screen.file);
    assert_string_equal(s->text, want);
    free(s->text);
}

static void control_characters_are_shown_harmlessly(void **state)
{
    (void)state;
    struct screen s;
    screen_start(&s);
    cli_put(&s.screen, CLI_RED,
            "a\033[31mb\r\x07\tc\xC2\x9B"
            "d\xE2\x80\xAE"
            "e\nf\n");
    screen_expect(&s, "a?[31mb?? c?d?e f\n");
}

static void colour_is_kept_apart_from_line_ends(void **state)
{
    (void)state;
    struct screen s;
    screen_start(&s);
    s.screen.has_colour = true;
    cli_put(&s.screen, CLI_RED, "\nx\n");
    cli_put(&s.screen, CLI_RED, "\n");
    screen_expect(&s, "\n\033[31mx\033[0m\n\n");
}

static void table_is_aligned_by_cells(void **state)
{
    (void)state;
    struct screen s;
    WB_AUTOARENA wb_arena mem = { NULL };
    wb_ctx cx = { .err = NULL };
    cli_table t = CLI_TABLE(&mem, 4);
    static const char *const cells[] = {
        "NAME", "N", "HIDDEN", "STATE", "用户", "10", "x", "ok", "größe", "9", "x", ""
    };
    for (size_t i = 0; i < WB_COUNT(cells); i++)
        cli_table_add(&t, CLI_PLAIN, cells[i]);
    t.right = 1u << 1;
    t.hidden = 1u << 2;
    screen_start(&s);
    assert_int_equal(cli_table_print(&cx, &t, &s.screen, 2), 0);
    screen_expect(&s, "  NAME    N  STATE\n"
                      "  用户   10  ok\n"
                      "  größe   9\n");
}

static void table_without_memory_prints_nothing(void **state)
{
    (void)state;
    for (long k = 1; k < 4; k++) {
        struct screen s;
        wb_arena mem = { NULL };
        wbl_error err = { .version = WBL_ERROR_VERSION };
        wb_ctx cx = { .err = &err };
        cli_table t = CLI_TABLE(&mem, 2);
        wb_alloc_fail_at(k);
        for (int i = 0; i < 4000; i++)
            cli_table_add(&t, CLI_PLAIN, "x");
        wb_alloc_fail_at(0);
        screen_start(&s);
        assert_int_equal(cli_table_print(&cx, &t, &s.screen, 0), WBL_E_NOMEM);
        screen_expect(&s, "");
        wb_arena_done(&mem);
        assert_int_equal(wb_alloc_live(), 0);
    }
}

/* ---- times ---- */

static const struct duration_row {
    const char *name;
    int64_t ms;
    const char *want;
} duration_rows[] = {
    { "unknown_duration", -1, "-" },      { "no_time", 0, "0 ms" },          { "milliseconds", 999, "999 ms" },
    { "tenths", 1249, "1.2 s" },          { "tenths_round", 1960, "2.0 s" }, { "seconds", 9950, "10 s" },
    { "almost_a_minute", 59499, "59 s" }, { "minutes", 72000, "1m12s" },     { "hours", 7500000, "2h05m" },
};

static void durations_read_well(void **state)
{
    const struct duration_row *row = *state;
    char text[24];
    assert_string_equal(cli_duration(text, row->ms), row->want);
}

static void ages_read_well(void **state)
{
    (void)state;
    char text[48], time[32];
    static const struct age {
        int64_t seconds;
        const char *want;
    } rows[] = {
        { 0, "just now" }, { 30, "30 s ago" }, { 125, "2 min ago" }, { 7300, "2 h ago" }, { 300000, "3 days ago" }
    };
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        wb_utc_text(wb_wall_ms() - rows[i].seconds * 1000, time);
        assert_string_equal(cli_ago(text, time), rows[i].want);
        time[10] = ' '; /* as a ledger tells it */
        assert_string_equal(cli_ago(text, time), rows[i].want);
    }
    assert_string_equal(cli_ago(text, "yesterday"), "yesterday");
    assert_string_equal(cli_ago(text, "2099-01-01T00:00:00Z"), "2099-01-01T00:00:00Z");
    wb_utc_text(wb_wall_ms() - 125000 + (5 * 60 + 30) * 60000, time); /* a server whose clock shows 5:30 more */
    memcpy(time + 19, "+05:30", 7);
    assert_string_equal(cli_ago(text, time), "2 min ago");
    assert_string_equal(cli_ago(text, "2001-01-01T00:00:00+2"), "2001-01-01T00:00:00+2");
}

static void seconds_are_enough_in_a_table(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { NULL };
    assert_string_equal(cli_second(&mem, "2026-11-02T09:30:00.123Z"), "2026-11-02 09:30:00");
    assert_string_equal(cli_second(&mem, "2026-11-02 09:30:00.895574+00"), "2026-11-02 09:30:00");
    assert_string_equal(cli_second(&mem, "2026-11-02 09:30:00+05"), "2026-11-02 04:30:00");
    assert_string_equal(cli_second(&mem, "2026-01-01 00:30:00.5-03:30"), "2026-01-01 04:00:00");
    assert_string_equal(cli_second(&mem, "02/11/2026 09:30:00 IST"), "02/11/2026 09:30:00 IST");
    assert_null(cli_second(&mem, NULL));
}

/* ---- left behind ---- */

static const struct left_row {
    const char *name;
    int effect;
    uint32_t statement, done, pending;
    int has_step, direction, state, protocol;
    uint32_t statements, statements_done;
    const char *want;
    uint32_t statements_begun;
} left_rows[] = {
    { "nothing_ran", WBL_EFFECT_NONE, 0, 0, 0, 0, 0, 0, 0, 0, 0, "nothing.", 0 },
    { "atomic_was_rolled_back", WBL_EFFECT_NONE, 2, 3, 0, 1, WBL_UP, WBL_STATE_FAILED, WBL_PROTOCOL_ATOMIC, 3, 0,
      "nothing. It was rolled back; the 3 before it stay applied.", 0 },
    { "one_before_it", WBL_EFFECT_NONE, 2, 1, 0, 1, WBL_UP, WBL_STATE_FAILED, WBL_PROTOCOL_ATOMIC, 3, 0,
      "nothing. It was rolled back; the one before it stays applied.", 0 },
    { "some_behind_it", WBL_EFFECT_NONE, 2, 1, 2, 1, WBL_UP, WBL_STATE_FAILED, WBL_PROTOCOL_ATOMIC, 3, 0,
      "nothing. It was rolled back; the one before it stays applied, and the 2 behind it did not run.", 0 },
    { "one_behind_the_first", WBL_EFFECT_NONE, 2, 0, 1, 1, WBL_UP, WBL_STATE_FAILED, WBL_PROTOCOL_ATOMIC, 3, 0,
      "nothing. It was rolled back; the one behind it did not run.", 0 },
    { "stopped_between_two", WBL_EFFECT_NONE, 0, 2, 3, 0, 0, 0, 0, 0, 0, "nothing; the 2 before it stay applied, and 3 did not run.", 0 },
    { "down_was_rolled_back", WBL_EFFECT_NONE, 1, 2, 0, 1, WBL_DOWN, WBL_STATE_FAILED, WBL_PROTOCOL_ATOMIC, 1, 0,
      "nothing. It was rolled back; the 2 before it stay reverted.", 0 },
    { "stepwise_without_effect_claims_no_rollback", WBL_EFFECT_NONE, 1, 0, 0, 1, WBL_UP, WBL_STATE_FAILED,
      WBL_PROTOCOL_STEPWISE, 3, 0, "nothing.", 0 },
    { "stepwise_failed", WBL_EFFECT_SOME, 3, 0, 0, 1, WBL_UP, WBL_STATE_FAILED, WBL_PROTOCOL_STEPWISE, 5, 2,
      "statements 1-2 (recorded). 3 had no effect; 4-5 were not sent.", 0 },
    { "stepwise_failed_at_the_last", WBL_EFFECT_SOME, 3, 0, 0, 1, WBL_UP, WBL_STATE_FAILED, WBL_PROTOCOL_STEPWISE, 3, 2,
      "statements 1-2 (recorded). 3 had no effect.", 0 },
    { "stepwise_failed_before_the_last", WBL_EFFECT_SOME, 2, 0, 0, 1, WBL_UP, WBL_STATE_FAILED, WBL_PROTOCOL_STEPWISE, 3,
      1, "statement 1 (recorded). 2 had no effect; 3 was not sent.", 0 },
    { "nobody_knows", WBL_EFFECT_UNKNOWN, 3, 0, 0, 1, WBL_UP, WBL_STATE_UNKNOWN, WBL_PROTOCOL_STEPWISE, 5, 2,
      "statements 1-2 (recorded); 3 unknown; 4-5 were not sent.", 0 },
    { "nobody_knows_the_first", WBL_EFFECT_UNKNOWN, 1, 0, 0, 1, WBL_UP, WBL_STATE_UNKNOWN, WBL_PROTOCOL_STEPWISE, 2, 0,
      "statement 1 unknown; 2 was not sent.", 0 },
    { "lost_answer", WBL_EFFECT_UNKNOWN, 0, 2, 0, 0, 0, 0, 0, 0, 0,
      "unknown; the next run looks; the 2 before it stay applied.", 0 },
    { "some_without_a_number", WBL_EFFECT_SOME, 0, 2, 0, 0, 0, 0, 0, 0, 0, "the 2 migrations before it.", 0 },
    { "done_and_statement_disagree", WBL_EFFECT_SOME, 5, 0, 0, 1, WBL_UP, WBL_STATE_FAILED, WBL_PROTOCOL_STEPWISE, 5, 2,
      "statements 1-2 (recorded).", 0 },
    { "concurrent_left_something", WBL_EFFECT_SOME, 1, 1, 0, 1, WBL_UP, WBL_STATE_FAILED, WBL_PROTOCOL_STEPWISE, 1, 0,
      "what statement 1 began; the next run settles it first; the one before it stays applied.", 1 },
    { "concurrent_left_something_behind_others", WBL_EFFECT_SOME, 2, 0, 0, 1, WBL_UP, WBL_STATE_FAILED,
      WBL_PROTOCOL_STEPWISE, 3, 1,
      "statement 1 (recorded). What 2 began is settled by the next run; 3 was not sent.", 2 },
};

static void left_behind_says_what_is_proven(void **state)
{
    const struct left_row *row = *state;
    wbl_error err = { .version = WBL_ERROR_VERSION, .effect = (uint8_t)row->effect, .statement = row->statement };
    const wbl_migration step = { .direction = row->direction,
                                 .state = row->state,
                                 .protocol = row->protocol,
                                 .statements = row->statements,
                                 .statements_done = row->statements_done,
                                 .statements_begun = row->statements_begun };
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    bool is_down = row->direction == WBL_DOWN;
    const cli_tally t = { .applied = is_down ? 0 : row->done, .reverted = is_down ? row->done : 0, .pending = row->pending };
    cli_left_behind(&b, &err, row->has_step ? &step : NULL, t);
    assert_string_equal(wb_buf_cstr(&b), row->want);
}

/* ---- events ---- */

static void event_is_one_line_of_json(void **state)
{
    (void)state;
    struct screen s;
    const wbl_migration m = { .ns = "core", .version = "000002", .name = "a \"b\"\n", .protocol = WBL_PROTOCOL_ATOMIC };
    const wbl_event e = {
        .size = sizeof e, .kind = WBL_EVENT_DONE, .migration = &m, .index = 2, .count = 5, .duration_ms = 7
    };
    screen_start(&s);
    cli_events_put(&s.screen, &e);
    fclose(s.screen.file);
    char *rest = strstr(s.text, ",\"namespace\"");
    assert_non_null(rest);
    assert_true(wb_starts(s.text, "{\"event\":\"done\",\"time\":\"20"));
    assert_string_equal(
        rest, ",\"namespace\":\"core\",\"version\":\"000002\",\"name\":\"a \\\"b\\\"\\n\",\"direction\":\"up\","
              "\"protocol\":\"atomic\",\"index\":2,\"count\":5,\"duration_ms\":7}\n");
    free(s.text);
}

static void result_holds_the_document_in_one_line(void **state)
{
    (void)state;
    struct screen s;
    screen_start(&s);
    cli_events_result(&s.screen, "up", 0, "{\n  \"a b\": [ 1,\t2 ],\n  \"c\": \"x \\\" y\"\n}\n");
    fclose(s.screen.file);
    assert_non_null(strstr(s.text, "\"exit_code\":0,\"report\":{\"a b\":[1,2],\"c\":\"x \\\" y\"}}\n"));
    free(s.text);
}

static void unknown_event_is_passed_over(void **state)
{
    (void)state;
    struct screen s;
    const wbl_event e = { .size = sizeof e, .kind = 999 };
    screen_start(&s);
    cli_events_put(&s.screen, &e);
    screen_expect(&s, "");
}

/* ---- completion ---- */

static void completion_names_everything(void **state)
{
    (void)state;
    static const char *const shells[] = { "bash", "zsh", "fish" };
    for (size_t k = 0; k < WB_COUNT(shells); k++) {
        WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
        assert_int_equal(cli_completion(&b, shells[k]), 0);
        const char *text = wb_buf_cstr(&b);
        assert_non_null(text);
        for (uint32_t i = 0; i < cli_native.command_count; i++)
            assert_non_null(strstr(text, cli_native.commands[i].name));
        for (uint32_t i = 0; i < cli_native.global_count; i++)
            assert_non_null(strstr(text, cli_native.globals[i].name));
    }
    WB_AUTOBUF wb_buf none = WB_BUF(WB_TEXT_MAX);
    assert_int_equal(cli_completion(&none, "tcsh"), -1);
}

int main(void)
{
    struct CMUnitTest tests[WB_COUNT(width_rows) + WB_COUNT(duration_rows) + WB_COUNT(left_rows) + 16];
    size_t n = 0;
    memset(tests, 0, sizeof tests);
    ROW_TESTS(width_rows, widths_are_counted)
    ROW_TESTS(duration_rows, durations_read_well)
    ROW_TESTS(left_rows, left_behind_says_what_is_proven)
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(cut_ends_between_characters);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(control_characters_are_shown_harmlessly);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(colour_is_kept_apart_from_line_ends);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(table_is_aligned_by_cells);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(table_without_memory_prints_nothing);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(ages_read_well);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(seconds_are_enough_in_a_table);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(event_is_one_line_of_json);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(result_holds_the_document_in_one_line);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(unknown_event_is_passed_over);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(completion_names_everything);
    return _cmocka_run_group_tests("cli/text", tests, n, NULL, NULL);
}
