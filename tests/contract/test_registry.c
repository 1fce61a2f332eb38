/* test_registry.c - names of databases, and what is said when a driver is missing or broken; and the text of row
   operations, which drivers share. */
#include "../unit.h"

#include "driver/driver.h"
#include "driver/sqltext.h"

#include <unistd.h>

static const struct canonical_row {
    const char *suffix, *name;
} canonical_rows[] = {
    { "postgres", "postgres" },
    { "postgresql", "postgres" },
    { "sqlite", "sqlite" },
    { "sqlite3", "sqlite" },
    { "mysql", "mysql" },
    { "mariadb", "mysql" },
    { "cockroach", "cockroach" },
    { "mongodb", "mongodb" },
    { "dynamodb", "dynamodb" },
    { "core", NULL },
    { "", NULL },
};

static void suffixes_have_one_canonical_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < WB_COUNT(canonical_rows); i++) {
        const char *name = wb_driver_canonical(canonical_rows[i].suffix);
        assert_int_equal(wb_strcmp_null(name, canonical_rows[i].name), 0);
    }
}

static void sqlite_is_built_in(void **state)
{
    (void)state;
    static const char *const schemes[] = { "sqlite", "sqlite3", "file" };
    wbl_error err = { 0 };
    for (size_t i = 0; i < WB_COUNT(schemes); i++) {
        const wb_driver *d = NULL;
        assert_int_equal(wb_driver_for_scheme(&(wb_ctx){ .err = &err }, schemes[i], &d), 0);
        assert_string_equal(d->name, "sqlite");
        assert_int_equal(d->abi, WB_DRIVER_ABI);
        assert_int_equal(d->size, sizeof(wb_driver));
    }
    const wb_driver *d = NULL;
    assert_int_equal(wb_driver_by_name(&(wb_ctx){ .err = &err }, "sqlite3", &d), 0);
    assert_string_equal(d->name, "sqlite");
}

static void unknown_scheme_gets_the_nearest_as_a_hint(void **state)
{
    (void)state;
    wbl_error err = { 0 };
    const wb_driver *d = NULL;
    assert_int_equal(wb_driver_for_scheme(&(wb_ctx){ .err = &err }, "postgrse", &d), WBL_E_INVALID);
    assert_non_null(strstr(err.message, "postgrse"));
    assert_non_null(strstr(err.hint, "\"postgres\""));
    assert_int_equal(wb_driver_by_name(&(wb_ctx){ .err = &err }, "oracle", &d), WBL_E_INVALID);
    assert_non_null(strstr(err.hint, "sqlite"));
    assert_null(d);
}

static void database_without_a_driver_is_named(void **state)
{
    (void)state;
    wbl_error err = { 0 };
    const wb_driver *d = NULL;
    assert_int_equal(wb_driver_for_scheme(&(wb_ctx){ .err = &err }, "dynamodb", &d), WBL_E_UNSUPPORTED);
    assert_string_equal(err.message, "this build has no driver for DynamoDB");
    assert_int_equal(wb_driver_for_scheme(&(wb_ctx){ .err = &err }, "mongodb+srv", &d), WBL_E_UNSUPPORTED);
    assert_string_equal(err.message, "this build has no driver for MongoDB");
    assert_int_equal(wb_driver_for_scheme(&(wb_ctx){ .err = &err }, "cockroachdb", &d), WBL_E_UNSUPPORTED);
}

/* A file that is no module stands for one whose client library is missing: both are there and do not load. */
static void module_that_does_not_load_is_told_apart_from_a_missing_one(void **state)
{
    (void)state;
    char dir[] = "/tmp/whimbrel-registry-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/postgres.so", dir);
    setenv("WHIMBREL_DRIVERS", dir, 1);
    wbl_error err = { 0 };
    const wb_driver *d = NULL;
    int missing = wb_driver_for_scheme(&(wb_ctx){ .err = &err }, "pgx5", &d);
    wbl_error missing_err = err;
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("no module\n", f);
    fclose(f);
    int broken = wb_driver_for_scheme(&(wb_ctx){ .err = &err }, "pgx5", &d);
    unlink(path);
    rmdir(dir);
    unsetenv("WHIMBREL_DRIVERS");
    if (missing == 0)
        return; /* compiled in, or installed on this machine: it can't be missing */
    assert_int_equal(missing, WBL_E_UNSUPPORTED);
    assert_string_equal(missing_err.message, "the driver for PostgreSQL is not installed");
    assert_non_null(strstr(missing_err.hint, "whimbrel-postgresql"));
    assert_int_equal(broken, WBL_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "cannot be loaded"));
    assert_non_null(strstr(err.message, "postgres.so"));
    assert_null(d);
}

/* ---- the text of row operations ---- */

static const char *any_type(const wb_column *c, char *scratch, size_t size)
{
    snprintf(scratch, size, c->type == WB_TYPE_SERIAL ? "SERIAL" : "T%u", (unsigned)c->type);
    return scratch;
}

static const wb_sqltext strict = { .ident_quote = '"',
                                   .escape_prefix = true,
                                   .true_text = "TRUE",
                                   .false_text = "FALSE",
                                   .now_text = "now()",
                                   .type_text = any_type };
static const wb_sqltext tick = { .ident_quote = '`',
                                 .backslash_escapes = true,
                                 .true_text = "1",
                                 .false_text = "0",
                                 .now_text = "now()",
                                 .type_text = any_type };

static void assert_text(wb_buf *b, const char *want)
{
    assert_string_equal(wb_buf_cstr(b), want);
    wb_buf_clear(b);
}

static void names_and_literals_are_quoted(void **state)
{
    (void)state;
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    wb_sqltext_table(&b, &strict, (wb_table_ref){ .schema = "a\"b", .name = "Order" });
    assert_text(&b, "\"a\"\"b\".\"Order\"");
    wb_sqltext_ident(&b, &tick, "a`b\"");
    assert_text(&b, "`a``b\"`");
    wb_sqltext_literal(&b, &strict, "it's", 4);
    assert_text(&b, "'it''s'");
    wb_sqltext_literal(&b, &strict, "a\\'b", 4);
    assert_text(&b, " E'a\\\\''b'");
    wb_sqltext_literal(&b, &tick, "\\", 1);
    assert_text(&b, "'\\\\'");
    wb_sqltext_literal(&b, &strict, NULL, 0);
    assert_text(&b, "''");
}

static void row_operations_are_spelled(void **state)
{
    (void)state;
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    const wb_field set[] = { { "v", WB_INT(-5) }, { "d", WB_BOOL(true) }, { "t", WB_NOW() }, { "n", WB_NULL() } };
    const wb_field where[] = { { "k", WB_TEXT("x") }, { "n", WB_NULL() } };
    wb_row_op op = { .table = { .name = "l" }, .set = set, .set_count = 4, .where = where, .where_count = 2 };
    wb_sqltext_row_op(&b, &strict, &op, NULL);
    assert_text(&b, "INSERT INTO \"l\" (\"v\", \"d\", \"t\", \"n\") VALUES (-5, TRUE, now(), NULL)");
    wb_sqltext_row_op(&b, &strict, &op, "fuse()");
    assert_text(&b, "INSERT INTO \"l\" (\"v\", \"d\", \"t\", \"n\") SELECT -5, TRUE, now(), NULL WHERE fuse()");
    op.only_if_empty = true;
    wb_sqltext_row_op(&b, &strict, &op, "fuse()");
    assert_text(&b, "INSERT INTO \"l\" (\"v\", \"d\", \"t\", \"n\") SELECT -5, TRUE, now(), NULL "
                    "WHERE NOT EXISTS (SELECT 1 FROM \"l\") AND fuse()");
    op.op = WB_OP_UPDATE;
    wb_sqltext_row_op(&b, &strict, &op, "fuse()");
    assert_text(&b, "UPDATE \"l\" SET \"v\" = -5, \"d\" = TRUE, \"t\" = now(), \"n\" = NULL "
                    "WHERE \"k\" = 'x' AND \"n\" IS NULL AND fuse()");
    op = (wb_row_op){ .op = WB_OP_DELETE, .table = { .name = "l" } };
    wb_sqltext_row_op(&b, &strict, &op, NULL);
    assert_text(&b, "DELETE FROM \"l\"");
    wb_sqltext_row_op(&b, &strict, &op, "fuse()");
    assert_text(&b, "DELETE FROM \"l\" WHERE fuse()");
}

static void tables_and_selects_are_spelled(void **state)
{
    (void)state;
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    const wb_column columns[] = { { .name = "id", .type = WB_TYPE_SERIAL, .is_key = true, .not_null = true },
                                  { .name = "a", .type = WB_TYPE_TEXT, .not_null = true, .default_text = "'x'" } };
    const wb_column keyed[] = { { .name = "a", .type = WB_TYPE_INT, .is_key = true },
                                { .name = "b", .type = WB_TYPE_INT, .is_key = true } };
    wb_sqltext_create(&b, &strict, &(wb_table){ .ref = { .name = "t" }, .columns = columns, .column_count = 2 });
    assert_text(&b, "CREATE TABLE IF NOT EXISTS \"t\" (\"id\" SERIAL PRIMARY KEY, \"a\" T4 NOT NULL DEFAULT 'x')");
    wb_sqltext_create(&b, &strict, &(wb_table){ .ref = { .name = "t" }, .columns = keyed, .column_count = 2 });
    assert_text(&b, "CREATE TABLE IF NOT EXISTS \"t\" (\"a\" T1, \"b\" T1, PRIMARY KEY (\"a\", \"b\"))");
    static const char *const names[] = { "a", "b" };
    wb_select sel = {
        .table = { .name = "t" }, .columns = names, .column_count = 2, .order_by = "a", .newest_first = true, .limit = 3
    };
    wb_sqltext_select(&b, &strict, &sel);
    assert_text(&b, "SELECT \"a\", \"b\" FROM \"t\" ORDER BY \"a\" DESC LIMIT 3");
}

static void text_that_finds_no_memory_is_no_text(void **state)
{
    (void)state;
    const wb_field set[] = { { "v",
                               WB_TEXT("a long enough text to need more memory than the first piece of the buffer") } };
    wb_row_op op = { .table = { .name = "l" }, .set = set, .set_count = 1 };
    for (long k = 1; k < 3; k++) {
        WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
        wb_alloc_fail_at(k);
        wb_sqltext_row_op(&b, &strict, &op, NULL);
        wb_alloc_fail_at(0);
        assert_null(wb_buf_cstr(&b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suffixes_have_one_canonical_name),
        cmocka_unit_test(sqlite_is_built_in),
        cmocka_unit_test(unknown_scheme_gets_the_nearest_as_a_hint),
        cmocka_unit_test(database_without_a_driver_is_named),
        cmocka_unit_test(module_that_does_not_load_is_told_apart_from_a_missing_one),
        cmocka_unit_test(names_and_literals_are_quoted),
        cmocka_unit_test(row_operations_are_spelled),
        cmocka_unit_test(tables_and_selects_are_spelled),
        cmocka_unit_test(text_that_finds_no_memory_is_no_text),
    };
    return cmocka_run_group_tests_name("contract/registry", tests, NULL, NULL);
}
