/* test_str.c - slices, UTF-8, likeness, durations, JSON, messages, times and identifiers. */
#include "../unit.h"

#include "util/util.h"

/* ---- slices ---- */

static void slices_compare_by_length_and_bytes(void **state)
{
    (void)state;
    assert_true(wb_str_eq(WB_STR("abc"), "abc"));
    assert_false(wb_str_eq(WB_STR("abc"), "ab"));
    assert_false(wb_str_eq((wb_str){ "ab\0c", 4 }, "ab"));
    assert_true(wb_str_eq((wb_str){ NULL, 0 }, ""));
    assert_true(wb_str_ieq(WB_STR("CREATE"), "create"));
    assert_false(wb_str_ieq(WB_STR("CREATE"), "creates"));
    assert_false(wb_str_ieq(WB_STR("[x"), "{x")); /* 32 apart, but no letters */
    assert_true(wb_str_eq(wb_str_trim(WB_STR(" \t\r\n a b \n")), "a b"));
    assert_true(wb_str_eq(wb_str_trim(WB_STR(" \n ")), ""));
    assert_true(wb_starts("000001_x.up.sql", "0000") && !wb_starts("00", "0000"));
    assert_true(wb_ends("x.up.sql", ".sql") && !wb_ends("sql", ".sql"));
    assert_true(wb_strcmp_null(NULL, "a") < 0 && wb_strcmp_null("a", NULL) > 0);
    assert_true(wb_strcmp_null(NULL, NULL) == 0 && wb_strcmp_null("a", "b") < 0);
}

/* ---- UTF-8 ---- */

static const struct utf8_row {
    const char *name, *text;
    int bad_at; /* -1: valid */
} utf8_rows[] = {
    { "utf8_ascii", "abc", -1 },
    { "utf8_two_three_four_bytes", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\xA6", -1 },
    { "utf8_lone_continuation", "a\x80", 1 },
    { "utf8_overlong_slash", "\xC0\xAF", 0 },
    { "utf8_overlong_three", "ab\xE0\x80\xAF", 2 },
    { "utf8_surrogate", "\xED\xA0\x80", 0 },
    { "utf8_above_10ffff", "\xF4\x90\x80\x80", 0 },
    { "utf8_cut_character", "x\xE2\x82", 1 },
};

static void utf8_is_checked(void **state)
{
    const struct utf8_row *row = *state;
    size_t bad_at = 99;
    assert_int_equal(wb_utf8_valid(row->text, strlen(row->text), &bad_at), row->bad_at < 0);
    if (row->bad_at >= 0)
        assert_int_equal(bad_at, row->bad_at);
}

static void cuts_fall_between_characters(void **state)
{
    (void)state;
    const char *euro = "a\xE2\x82\xAC";
    assert_int_equal(wb_utf8_cut(euro, 4, 4), 4);
    assert_int_equal(wb_utf8_cut(euro, 4, 3), 1);
    assert_int_equal(wb_utf8_cut(euro, 4, 2), 1);
    assert_int_equal(wb_utf8_cut(euro, 4, 0), 0);
    assert_int_equal(wb_utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 5); /* not UTF-8: any cut will do */
    char field[4];
    wb_copy_text(field, sizeof field, euro, 4);
    assert_string_equal(field, "a");
    wb_copy_text(field, sizeof field, "", 0);
    assert_string_equal(field, "");
}

/* ---- did you mean ---- */

static void nearest_finds_what_was_meant(void **state)
{
    (void)state;
    const char *names[] = { "status", "up", "down", NULL, "validate", "version" };
    assert_string_equal(wb_nearest("statsu", names, 6), "status");
    assert_string_equal(wb_nearest("Validte", names, 6), "validate");
    assert_string_equal(wb_nearest("donw", names, 6), "down");
    assert_null(wb_nearest("frobnicate", names, 6));
    assert_null(wb_nearest("", names, 6));
    assert_null(wb_nearest("x", names, 6));
    assert_int_equal(wb_edit_distance("ab", "ba"), 1);
    assert_int_equal(wb_edit_distance("", "abc"), 3);
    assert_int_equal(wb_edit_distance("kitten", "sitting"), 3);
    assert_int_equal(wb_edit_distance("abcdefghijabcdefghijabcdefghijabXX", "abcdefghijabcdefghijabcdefghijabYY"), 0);
}

/* ---- durations ---- */

static const struct duration_row {
    const char *name, *text;
    int64_t ms; /* -1: refused */
} duration_rows[] = {
    { "duration_zero", "0", 0 },          { "duration_ms", "250ms", 250 },
    { "duration_s", "2s", 2000 },         { "duration_m", "5m", 300000 },
    { "duration_h", "1h", 3600000 },      { "duration_d", "1d", 86400000 },
    { "duration_sum", "1h30m", 5400000 }, { "duration_decimal", "1.5s", 1500 },
    { "duration_0s", "0s", 0 },           { "duration_no_unit", "5", -1 },
    { "duration_empty", "", -1 },         { "duration_negative", "-5s", -1 },
    { "duration_word", "soon", -1 },      { "duration_blank", "5 s", -1 },
    { "duration_only_unit", "s", -1 },    { "duration_too_many_digits", "99999999999s", -1 },
    { "duration_dot", ".s", -1 },         { "duration_unknown_unit", "5y", -1 },
};

static void durations_are_read(void **state)
{
    const struct duration_row *row = *state;
    int64_t ms = 77;
    assert_int_equal(wb_parse_duration(row->text, &ms), row->ms < 0 ? -1 : 0);
    assert_true(ms == (row->ms < 0 ? 77 : row->ms));
}

/* ---- JSON ---- */

static const struct json_row {
    const char *name, *text;
    size_t len;
    const char *want;
} json_rows[] = {
    { "json_plain", "abc", 3, "\"abc\"" },
    { "json_empty", "", 0, "\"\"" },
    { "json_escapes", "a\"b\\c\n\t", 7, "\"a\\\"b\\\\c\\n\\t\"" },
    { "json_control", "\x01\x7f", 2, "\"\\u0001\\u007f\"" },
    { "json_nul", "a\0b", 3, "\"a\\u0000b\"" },
    { "json_utf8_stays", "\xE2\x82\xAC", 3, "\"\xE2\x82\xAC\"" },
    { "json_bad_utf8", "a\xFFz", 3, "\"a\xEF\xBF\xBDz\"" },
    { "json_cut_utf8", "\xE2\x82", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\"" },
};

static void json_strings_are_escaped(void **state)
{
    const struct json_row *row = *state;
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    wb_buf_json(&b, row->text, row->len);
    assert_string_equal(wb_buf_cstr(&b), row->want);
}

/* ---- errors ---- */

static void a_failure_fills_the_error(void **state)
{
    (void)state;
    wbl_error err = { .version = 1, .line = 9, .hint = "old" };
    wb_ctx cx = { .err = &err };
    assert_int_equal(wb_fail(&cx, WBL_E_DRIFT, WBL_EFFECT_SOME, "version %d:\nsecond line\n", 7), WBL_E_DRIFT);
    assert_string_equal(err.message, "version 7: second line");
    assert_string_equal(err.hint, "");
    assert_int_equal(err.code, WBL_E_DRIFT);
    assert_int_equal(err.effect, WBL_EFFECT_SOME);
    assert_int_equal(err.version, 1);
    assert_int_equal(err.line, 0);
    wb_hint(&cx, "Run \"%s\".", "whimbrel repair");
    wb_at(&cx, "a.sql", 3, 4);
    assert_string_equal(err.hint, "Run \"whimbrel repair\".");
    assert_string_equal(err.file, "a.sql");
    assert_int_equal(err.line, 3);
    assert_int_equal(wb_fail(&cx, WBL_E_IO, WBL_EFFECT_NONE, "again: %s", err.message), WBL_E_IO);
    assert_string_equal(err.message, "again: version 7: second line");
    assert_int_equal(wb_nomem(&(wb_ctx){ 0 }), WBL_E_NOMEM);
}

static void long_texts_are_cut_where_they_hurt_least(void **state)
{
    (void)state;
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    char text[1000];
    memset(text, 'x', sizeof text);
    memcpy(text + 990, "/last.sql", 10);
    wb_fail(&cx, WBL_E_IO, WBL_EFFECT_NONE, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    wb_at(&cx, text, 1, 1);
    assert_int_equal(strlen(err.file), sizeof err.file - 1);
    assert_true(wb_starts(err.file, "...x") && wb_ends(err.file, "/last.sql"));
    wb_fail(&cx, WBL_E_IO, WBL_EFFECT_NONE, "bad \xFF byte");
    assert_string_equal(err.message, "bad ? byte");
}

/* ---- time and identity ---- */

static void times_are_written_in_utc(void **state)
{
    (void)state;
    char text[32];
    wb_utc_text(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    wb_utc_text(1793611800123, text);
    assert_string_equal(text, "2026-11-02T09:30:00.123Z");
    wb_utc_text(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    wb_utc_text(INT64_MAX, text);
    assert_string_equal(text, "");
    int64_t before = wb_now_ms();
    wb_sleep_ms(5);
    wb_sleep_ms(-1);
    assert_true(wb_now_ms() - before >= 4);
    assert_true(wb_wall_ms() > 1700000000000);
}

static void spans_are_written_for_people(void **state)
{
    (void)state;
    static const struct span_row {
        int64_t ms;
        const char *want;
    } rows[] = { { -5, "0 ms" },          { 0, "0 ms" },           { 999, "999 ms" },          { 1000, "1 s" },
                 { 1099, "1 s" },         { 1500, "1.5 s" },       { 9999, "9.9 s" },          { 10000, "10 s" },
                 { 119999, "119 s" },     { 120000, "2 min" },     { 7199999, "119 min" },     { 7200000, "2 h" },
                 { 172799999, "47 h" },   { 172800000, "2 days" }, { INT64_MAX, "106751991167 days" } };
    for (size_t i = 0; i < WB_COUNT(rows); i++) {
        char text[32];
        wb_span_text(rows[i].ms, text);
        assert_string_equal(text, rows[i].want);
    }
}

static void uuids_sort_by_their_making(void **state)
{
    (void)state;
    char last[37] = "", next[37];
    for (int i = 0; i < 20000; i++) { /* more than the 4,096 of one millisecond */
        assert_int_equal(wb_uuid7(next), 0);
        assert_int_equal(strlen(next), 36);
        assert_true(next[8] == '-' && next[13] == '-' && next[14] == '7' && next[18] == '-' && next[23] == '-');
        assert_non_null(strchr("89ab", next[19]));
        assert_true(strcmp(last, next) < 0);
        memcpy(last, next, sizeof last);
    }
}

int main(void)
{
    static struct CMUnitTest tests[100];
    size_t n = 0;
    const struct CMUnitTest single[] = {
        cmocka_unit_test(slices_compare_by_length_and_bytes),
        cmocka_unit_test(cuts_fall_between_characters),
        cmocka_unit_test(nearest_finds_what_was_meant),
        cmocka_unit_test(a_failure_fills_the_error),
        cmocka_unit_test(long_texts_are_cut_where_they_hurt_least),
        cmocka_unit_test(times_are_written_in_utc),
        cmocka_unit_test(spans_are_written_for_people),
        cmocka_unit_test(uuids_sort_by_their_making),
    };
    for (size_t i = 0; i < WB_COUNT(single); i++)
        tests[n++] = single[i];
    ROW_TESTS(utf8_rows, utf8_is_checked)
    ROW_TESTS(duration_rows, durations_are_read)
    ROW_TESTS(json_rows, json_strings_are_escaped)
    return _cmocka_run_group_tests("util/str", tests, n, NULL, NULL);
}
