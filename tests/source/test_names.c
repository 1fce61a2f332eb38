/* test_names.c - versions, file names and the markers of single files: all that needs no disk. */
#include "tree.h"

/* ---- versions ---- */

static const struct version_row {
    const char *name;
    wb_order order;
    const char *a, *b;
    int want;
} version_rows[] = {
    { "leading_zeros_do_not_count", WB_ORDER_NUMERIC, "000012", "12", 0 },
    { "ten_is_more_than_nine", WB_ORDER_NUMERIC, "9", "10", -1 },
    { "twenty_digits_are_no_overflow", WB_ORDER_NUMERIC, "20260616000000000001", "20260616000000000002", -1 },
    { "zero_is_the_least", WB_ORDER_NUMERIC, "000", "1", -1 },
    { "dotted_parts_are_numbers", WB_ORDER_DOTTED, "1.9", "1.10", -1 },
    { "dotted_underscore_is_a_dot", WB_ORDER_DOTTED, "1_2", "1.2", 0 },
    { "dotted_missing_part_is_zero", WB_ORDER_DOTTED, "1", "1.0.0", 0 },
    { "bytes_are_bytes", WB_ORDER_BYTES, "10", "9", -1 },
};

static int sign(int n) { return (n > 0) - (n < 0); }

static void versions_compare(void **state)
{
    const struct version_row *row = *state;
    assert_int_equal(sign(wb_version_cmp(row->order, row->a, row->b)), row->want);
    assert_int_equal(sign(wb_version_cmp(row->order, row->b, row->a)), -row->want);
}

static void versions_have_one_canonical_key(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    assert_string_equal(wb_version_key(&mem, WB_ORDER_NUMERIC, "000012", 6), "12");
    assert_string_equal(wb_version_key(&mem, WB_ORDER_NUMERIC, "000", 3), "0");
    assert_string_equal(wb_version_key(&mem, WB_ORDER_BYTES, "0012", 4), "0012");
    assert_true(wb_version_valid(WB_ORDER_NUMERIC, "001"));
    assert_false(wb_version_valid(WB_ORDER_NUMERIC, "1.2"));
    assert_false(wb_version_valid(WB_ORDER_NUMERIC, ""));
    assert_true(wb_version_valid(WB_ORDER_DOTTED, "1.2_3"));
    assert_false(wb_version_valid(WB_ORDER_DOTTED, "1."));
    assert_false(wb_version_valid(WB_ORDER_DOTTED, ".1"));
    assert_false(wb_version_valid(WB_ORDER_BYTES, "a\nb"));
}

/* ---- file names ---- */

#define UP WBL_UP
#define DOWN WBL_DOWN
static const struct name_row {
    const char *file;
    wb_name_kind kind;
    const char *version, *title, *database;
    wbl_direction direction;
    bool is_autocommit;
} name_rows[] = {
    { "000001_init.up.sql", WB_NAME_PAIR, "000001", "init", NULL, UP, false },
    { "000001_init.down.sql", WB_NAME_PAIR, "000001", "init", NULL, DOWN, false },
    { "1_.up.sql", WB_NAME_PAIR, "1", "", NULL, UP, false },
    { "1_a.b-c.d.up.sql", WB_NAME_PAIR, "1", "a.b-c.d", NULL, UP, false },
    { "1_a.up.down.sql", WB_NAME_PAIR, "1", "a.up", NULL, DOWN, false },
    { "20260616000000000001_x.up.sql", WB_NAME_PAIR, "20260616000000000001", "x", NULL, UP, false },
    { "1_x.postgres.up.sql", WB_NAME_PAIR, "1", "x", "postgres", UP, false },
    { "1_x.sqlite3.down.sql", WB_NAME_PAIR, "1", "x", "sqlite", DOWN, false },
    { "1_postgres.up.sql", WB_NAME_PAIR, "1", "postgres", NULL, UP, false },
    { "1_.postgres.up.sql", WB_NAME_PAIR, "1", "", "postgres", UP, false },
    { "1_x.mysql.postgres.up.sql", WB_NAME_PAIR, "1", "x.mysql", "postgres", UP, false },
    { "1_x.autocommit.up.sql", WB_NAME_PAIR, "1", "x", NULL, UP, true },
    { "20260616_x.postgres.autocommit.up.sql", WB_NAME_PAIR, "20260616", "x", "postgres", UP, true },
    { "1_x.autocommit.postgres.up.sql", WB_NAME_PAIR, "1", "x", "postgres", UP, true },
    { "1_x.autocommit.more.up.sql", WB_NAME_PAIR, "1", "x.autocommit.more", NULL, UP, true },
    { "1_autocommit.up.sql", WB_NAME_PAIR, "1", "autocommit", NULL, UP, false },
    { "1_x.up.json", WB_NAME_PAIR, "1", "x", "mongodb", UP, false },
    { "1_x.postgres.up.json", WB_NAME_PAIR, "1", "x.postgres", "mongodb", UP, false },
    { "1_x.sql", WB_NAME_SINGLE, "1", "x", NULL, UP, false },
    { "1_up.sql", WB_NAME_SINGLE, "1", "up", NULL, UP, false },
    { "1_x.Up.sql", WB_NAME_NEAR, NULL, NULL, NULL, UP, false },
    { "1_x.up.SQL", WB_NAME_NEAR, NULL, NULL, NULL, UP, false },
    { "1_x.UP.SQL", WB_NAME_NEAR, NULL, NULL, NULL, UP, false },
    { "1-x.up.sql", WB_NAME_NEAR, NULL, NULL, NULL, UP, false },
    { "001users.sql", WB_NAME_NEAR, NULL, NULL, NULL, UP, false },
    { "1.sql", WB_NAME_NEAR, NULL, NULL, NULL, UP, false },
    { "1_x.up.sql.bak", WB_NAME_OTHER, NULL, NULL, NULL, UP, false },
    { "1_x.up.sql~", WB_NAME_OTHER, NULL, NULL, NULL, UP, false },
    { "V1__x.sql", WB_NAME_OTHER, NULL, NULL, NULL, UP, false },
    { "x_1.up.sql", WB_NAME_OTHER, NULL, NULL, NULL, UP, false },
    { "1_x.json", WB_NAME_OTHER, NULL, NULL, NULL, UP, false },
    { "1", WB_NAME_OTHER, NULL, NULL, NULL, UP, false },
    { "1_", WB_NAME_OTHER, NULL, NULL, NULL, UP, false },
    { ".sql", WB_NAME_OTHER, NULL, NULL, NULL, UP, false },
    { "", WB_NAME_OTHER, NULL, NULL, NULL, UP, false },
};

static void names_are_taken_apart(void **state)
{
    const struct name_row *row = *state;
    wb_name n = wb_name_parse(row->file, tree_canonical);
    assert_int_equal(n.kind, row->kind);
    if (!row->version)
        return;
    assert_true(wb_str_eq(n.version, row->version));
    assert_true(wb_str_eq(n.title, row->title));
    assert_int_equal(wb_strcmp_null(n.database, row->database), 0);
    assert_int_equal(n.direction, row->direction);
    assert_int_equal(n.is_autocommit, row->is_autocommit);
}

/* ---- single files ---- */

static const struct single_row {
    const char *name, *text, *up, *down, *fault, *foreign;
} single_rows[] = {
    { "down_marker_parts_the_file", "A;\n-- whimbrel: down\nB;\n", "A;\n", "B;\n", NULL, NULL },
    { "up_marker_may_stand_first", "-- made by x\n-- whimbrel: up\nA;\n--whimbrel:down\nB;", "A;\n", "B;", NULL, NULL },
    { "no_marker_is_all_up", "A;\n", "A;\n", NULL, NULL, NULL },
    { "marker_on_the_last_line", "A;\n-- whimbrel: down", "A;\n", "", NULL, NULL },
    { "byte_order_mark_is_no_part", "\xEF\xBB\xBF-- whimbrel: up\nA;", "A;", NULL, NULL, NULL },
    { "byte_order_mark_without_marker",
      "\xEF\xBB\xBF"
      "A;\n-- whimbrel: down\nB;",
      "A;\n", "B;", NULL, NULL },
    { "crlf_ends_a_marker", "A;\r\n-- whimbrel: down\r\nB;\r\n", "A;\r\n", "B;\r\n", NULL, NULL },
    { "blanks_before_a_marker", "A;\n  -- whimbrel:  down  \nB;", "A;\n", "B;", NULL, NULL },
    { "other_directives_are_no_markers", "-- whimbrel: no-transaction\nA;\n", "-- whimbrel: no-transaction\nA;\n", NULL,
      NULL, NULL },
    { "second_down", "A;\n-- whimbrel: down\nB;\n-- whimbrel: down\n", NULL, NULL, "a second time", NULL },
    { "second_up", "-- whimbrel: up\nA;\n-- whimbrel: up\n", NULL, NULL, "a second time", NULL },
    { "up_below_down", "-- whimbrel: down\nA;\n-- whimbrel: up\n", NULL, NULL, "above", NULL },
    { "up_below_text", "A;\n-- whimbrel: up\nB;\n", NULL, NULL, "above the statements", NULL },
    { "directive_above_up", "-- whimbrel: no-transaction\n-- whimbrel: up\nB;\n", NULL, NULL, "directives", NULL },
    { "goose", "-- +goose Up\nA;\n", NULL, NULL, NULL, "goose" },
    { "dbmate", "-- migrate:up\nA;\n", NULL, NULL, NULL, "dbmate" },
    { "sql_migrate", "-- +migrate Up\nA;\n", NULL, NULL, NULL, "sql-migrate" },
    { "tern", "A;\n---- create above / drop below ----\nB;", NULL, NULL, NULL, "tern" },
};

static void singles_are_parted(void **state)
{
    const struct single_row *row = *state;
    wb_single s = wb_single_split(row->text, strlen(row->text));
    assert_int_equal(wb_strcmp_null(s.foreign, row->foreign), 0);
    assert_int_equal(s.fault != NULL, row->fault != NULL);
    if (row->fault)
        assert_non_null(strstr(s.fault, row->fault));
    if (!row->up)
        return;
    assert_true(wb_str_eq((wb_str){ row->text + s.up_offset, s.up_len }, row->up));
    assert_int_equal(s.has_down, row->down != NULL);
    if (row->down)
        assert_true(wb_str_eq((wb_str){ row->text + s.down_offset, s.down_len }, row->down));
}

static void fault_of_a_marker_has_its_line(void **state)
{
    (void)state;
    static const char text[] = "A;\n-- whimbrel: down\nB;\n-- whimbrel: down\n";
    assert_int_equal(wb_single_split(text, sizeof text - 1).fault_line, 4);
}

int main(void)
{
    struct CMUnitTest tests[128];
    size_t n = 0;
    memset(tests, 0, sizeof tests);
    for (size_t i = 0; i < WB_COUNT(version_rows); i++)
        tests[n++] =
            (struct CMUnitTest){ version_rows[i].name, versions_compare, NULL, NULL, (void *)&version_rows[i] };
    for (size_t i = 0; i < WB_COUNT(name_rows); i++)
        tests[n++] = (struct CMUnitTest){ name_rows[i].file, names_are_taken_apart, NULL, NULL, (void *)&name_rows[i] };
    for (size_t i = 0; i < WB_COUNT(single_rows); i++)
        tests[n++] =
            (struct CMUnitTest){ single_rows[i].name, singles_are_parted, NULL, NULL, (void *)&single_rows[i] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(versions_have_one_canonical_key);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(fault_of_a_marker_has_its_line);
    return _cmocka_run_group_tests("source/names", tests, n, NULL, NULL);
}
