/* test_script.c - texts of scripts: what is kept, what is hashed, what is refused; with the real lexer behind it. */
#include "tree.h"

typedef struct fixture {
    wb_arena mem;
    wbl_error err;
    wb_ctx cx;
    wb_findings findings;
    wb_source_set set;
} fixture;

static void open_set(fixture *f, const char *dir)
{
    memset(f, 0, sizeof *f);
    f->cx.err = &f->err;
    f->findings.mem = f->set.mem = &f->mem;
    wb_source_options opt = {
        .dirs = &dir, .dir_count = 1, .base_fd = tree_fd, .canonical = tree_canonical, .database = "sqlite"
    };
    assert_int_equal(wb_source_scan(&f->cx, &opt, &f->findings, &f->set), 0);
    assert_int_equal(wb_source_finish(&f->cx, &f->findings, &f->set), 0);
}

static void close_set(fixture *f)
{
    wb_source_done(&f->set);
    wb_arena_done(&f->mem);
}
#define FIXTURE WB_CLEANUP(close_set) fixture

static void add_bytes(const char *path, const char *text, size_t len)
{
    tree_add(path, "");
    int fd = openat(tree_fd, path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static void hash_of(const char *text, char out[65]) { wb_text_sha256(text, strlen(text), out); }

static void line_ends_and_byte_order_mark_do_not_count(void **state)
{
    (void)state;
    char want[65], got[65];
    hash_of("SELECT 1;\nSELECT 2;\n", want);
    hash_of("SELECT 1;\r\nSELECT 2;\r\n", got);
    assert_string_equal(got, want);
    hash_of("\xEF\xBB\xBFSELECT 1;\r\nSELECT 2;\n", got);
    assert_string_equal(got, want);
    hash_of("SELECT 1;\rSELECT 2;\n", got); /* a lone carriage return is text */
    assert_string_not_equal(got, want);
    hash_of("SELECT 1;\n\nSELECT 2;\n", got);
    assert_string_not_equal(got, want);
    hash_of("SELECT 1;\nSELECT 2;\n\r", got);
    assert_string_not_equal(got, want);
    hash_of("", got);
    assert_string_equal(got, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash_of("a\r\r\nb", want);
    hash_of("a\r\nb", got);
    assert_string_not_equal(got, want);
}

static void text_is_kept_byte_for_byte(void **state)
{
    (void)state;
    static const char text[] = "\xEF\xBB\xBFSELECT 'h\xC3\xA9';\r\n";
    tree_add("m/1_a.up.sql", text);
    FIXTURE f;
    open_set(&f, "m");
    wb_migration *m = &f.set.migrations[0];
    assert_int_equal(wb_script_load(&f.cx, m, &m->up), 0);
    assert_string_equal(m->up.text, text + 3);
    assert_int_equal(m->up.len, sizeof text - 4);
    assert_int_equal(m->up.first_line, 1);
    const char *was = m->up.text;
    assert_int_equal(wb_script_load(&f.cx, m, &m->up), 0); /* loading twice is fine */
    assert_ptr_equal(m->up.text, was);
    char want[65];
    hash_of("SELECT 'h\xC3\xA9';\n", want);
    assert_string_equal(m->up.sha256, want);
    assert_int_equal(wb_script_load(&f.cx, m, &m->down), 0); /* there is none */
    assert_false(m->down.is_loaded);
    wb_script_release(&m->up);
    assert_false(m->up.is_loaded);
    assert_null(m->up.text);
    assert_string_equal(m->up.sha256, want); /* stays */
}

static void hash_alone_keeps_no_text(void **state)
{
    (void)state;
    tree_add("m/1_a.up.sql", "SELECT 1;\n");
    tree_add("m/2_b.up.sql", "");
    FIXTURE f;
    open_set(&f, "m");
    WB_AUTOBUF wb_buf scratch = WB_BUF(WB_FILE_SIZE_MAX);
    wb_migration *m = &f.set.migrations[0];
    char want[65];
    assert_int_equal(wb_script_hash(&f.cx, m, &m->up, &scratch), 0);
    hash_of("SELECT 1;\n", want);
    assert_string_equal(m->up.sha256, want);
    assert_false(m->up.is_loaded);
    assert_null(m->up.text);
    assert_int_equal(wb_script_hash(&f.cx, m + 1, &m[1].up, &scratch), 0); /* no bytes at all */
    hash_of("", want);
    assert_string_equal(m[1].up.sha256, want);
    assert_int_equal(wb_script_load(&f.cx, m + 1, &m[1].up), 0);
    assert_string_equal(m[1].up.text, "");
}

static void parts_are_loaded_and_hashed_alone(void **state)
{
    (void)state;
    tree_add("m/1_a.sql",
             "\xEF\xBB\xBF-- whimbrel: up\r\nCREATE TABLE a (i int);\r\n-- whimbrel: down\r\nDROP TABLE a;\r\n");
    FIXTURE f;
    open_set(&f, "m");
    wb_migration *m = &f.set.migrations[0];
    assert_int_equal(wb_script_load(&f.cx, m, &m->up), 0);
    assert_int_equal(wb_script_load(&f.cx, m, &m->down), 0);
    assert_string_equal(m->up.text, "CREATE TABLE a (i int);\r\n");
    assert_int_equal(m->up.first_line, 2);
    assert_string_equal(m->down.text, "DROP TABLE a;\r\n");
    assert_int_equal(m->down.first_line, 4);
    char want[65];
    hash_of("DROP TABLE a;\n", want);
    assert_string_equal(m->down.sha256, want);
    wb_script_release(&m->up);
    wb_script_release(&m->down);
    /* The file changed since the scan: the marker is looked for again. */
    tree_add("m/1_a.sql", "CREATE TABLE longer_name (i int);\n-- whimbrel: down\nDROP TABLE longer_name;\n");
    assert_int_equal(wb_script_load(&f.cx, m, &m->down), 0);
    assert_string_equal(m->down.text, "DROP TABLE longer_name;\n");
    wb_script_release(&m->down);
    tree_add("m/1_a.sql", "CREATE TABLE a (i int);\n");
    assert_int_equal(wb_script_load(&f.cx, m, &m->down), WBL_E_INVALID);
    assert_string_equal(f.err.message, "the down part of m/1_a.sql is gone");
}

static const struct bad_row {
    const char *name, *text;
    size_t len;
    uint32_t line, column;
    const char *message;
} bad_rows[] = {
    { "nul", "SELECT 1;\nSELECT \0;", 19, 2, 8, "the script holds a NUL byte" },
    { "latin_1", "SELECT 1;\n-- caf\xE9\n", 17, 2, 7, "the script is not UTF-8: byte 0xE9" },
    { "cut_character", "SELECT '\xC3", 9, 1, 9, "the script is not UTF-8: byte 0xC3" },
    { "behind_many_ascii_bytes", "0123456789abcdef\xC3\xA9 0123456789abcdef\xFF", 36, 1, 36,
      "the script is not UTF-8: byte 0xFF" },
    { "utf_16", "\xFF\xFES\0", 4, 1, 1, "the script is not UTF-8: byte 0xFF" },
    { "nul_before_bad_byte", "a\0\xFF", 3, 1, 2, "the script holds a NUL byte" },
};

static void bad_bytes_are_refused_with_their_place(void **state)
{
    const struct bad_row *row = *state;
    add_bytes("m/1_a.up.sql", row->text, row->len);
    FIXTURE f;
    open_set(&f, "m");
    wb_migration *m = &f.set.migrations[0];
    WB_AUTOBUF wb_buf scratch = WB_BUF(WB_FILE_SIZE_MAX);
    for (int i = 0; i < 2; i++) {
        wb_error_clear(&f.err);
        int rc = i ? wb_script_load(&f.cx, m, &m->up) : wb_script_hash(&f.cx, m, &m->up, &scratch);
        assert_int_equal(rc, WBL_E_INVALID);
        assert_string_equal(f.err.message, row->message);
        assert_string_equal(f.err.file, "m/1_a.up.sql");
        assert_int_equal(f.err.line, row->line);
        assert_int_equal(f.err.column, row->column);
        assert_string_equal(m->up.sha256, "");
        assert_false(m->up.is_loaded);
    }
}

static void scripts_of_a_program_are_checked_and_stay_its_own(void **state)
{
    (void)state;
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    wb_migration m = { .dir_fd = -1,
                       .up = { .exists = true, .text = "SELECT 1;", .len = 9 },
                       .down = { .exists = true, .text = "\xFF", .len = 1 } };
    char want[65];
    assert_int_equal(wb_script_load(&cx, &m, &m.up), 0);
    hash_of("SELECT 1;", want);
    assert_string_equal(m.up.sha256, want);
    wb_script_release(&m.up);
    assert_string_equal(m.up.text, "SELECT 1;");
    assert_int_equal(wb_script_load(&cx, &m, &m.down), WBL_E_INVALID);
}

static void a_file_that_is_gone_is_an_input_error(void **state)
{
    (void)state;
    tree_add("m/1_a.up.sql", "SELECT 1;");
    FIXTURE f;
    open_set(&f, "m");
    assert_int_equal(unlinkat(tree_fd, "m/1_a.up.sql", 0), 0);
    assert_int_equal(wb_script_load(&f.cx, &f.set.migrations[0], &f.set.migrations[0].up), WBL_E_IO);
    assert_string_equal(f.err.message, "cannot read m/1_a.up.sql: No such file or directory");
}

static void reading_finds_directives_facts_and_tokens(void **state)
{
    (void)state;
    tree_add("m/1_a.up.sql", "-- whimbrel: requires identity@2\nCREATE TABLE a (i int);\nCREATE TABLE b (i int);\n");
    tree_add("m/2_b.autocommit.up.sql", "CREATE TABLE c (i int);");
    tree_add("m/2_b.down.sql", "DROP TABLE c;");
    tree_add("m/3_c.sql", "SELECT 1;\n-- whimbrel: down\n-- whimbrel: no-transaktion\nSELECT 2;\n");
    FIXTURE f;
    open_set(&f, "m");
    const wb_sql_options opt = { .dialect = WB_SQL_SQLITE };
    wb_migration *m = f.set.migrations;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(wb_script_load(&f.cx, &m[i], &m[i].up), 0);
    for (size_t i = 1; i < 3; i++)
        assert_int_equal(wb_script_load(&f.cx, &m[i], &m[i].down), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(wb_script_read(&f.cx, &f.mem, &opt, &m[i], &m[i].up), 0);
    assert_int_equal(wb_script_read(&f.cx, &f.mem, &opt, &m[1], &m[1].down), 0);
    assert_int_equal(m[0].up.info->facts.statement_count, 2);
    assert_int_equal(m[0].up.info->directives.require_count, 1);
    assert_string_equal(m[0].up.info->directives.requires[0].ns, "identity");
    assert_int_equal(strlen(m[0].up.info->tokens), 64);
    assert_false(m[0].up.info->directives.no_transaction);
    assert_true(m[1].up.info->directives.no_transaction); /* of the file's name; each direction has its own */
    assert_false(m[1].down.info->directives.no_transaction);
    assert_int_equal(wb_script_read(&f.cx, &f.mem, &opt, &m[2], &m[2].down), WBL_E_INVALID);
    assert_string_equal(f.err.file, "m/3_c.sql");
    assert_int_equal(f.err.line, 3); /* in the whole file */
    assert_null(m[2].down.info);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    tree_add("m/1_a.up.sql", "-- whimbrel: requires identity@2, core\nCREATE TABLE a (i int);\n");
    FIXTURE f;
    open_set(&f, "m");
    const wb_sql_options opt = { .dialect = WB_SQL_SQLITE };
    wb_migration *m = f.set.migrations;
    for (long k = 1;; k++) {
        WB_AUTOARENA wb_arena mem = { 0 };
        wb_alloc_fail_at(k);
        int rc = wb_script_load(&f.cx, m, &m->up);
        if (rc == 0)
            rc = wb_script_read(&f.cx, &mem, &opt, m, &m->up);
        long made = wb_alloc_fail_at(0);
        wb_script_release(&m->up);
        if (made < k) {
            assert_int_equal(rc, 0);
            return;
        }
        assert_int_equal(rc, WBL_E_NOMEM);
    }
}

int main(void)
{
    static const struct CMUnitTest single[] = {
        T(line_ends_and_byte_order_mark_do_not_count),
        T(text_is_kept_byte_for_byte),
        T(hash_alone_keeps_no_text),
        T(parts_are_loaded_and_hashed_alone),
        T(scripts_of_a_program_are_checked_and_stay_its_own),
        T(a_file_that_is_gone_is_an_input_error),
        T(reading_finds_directives_facts_and_tokens),
        T(every_allocation_may_fail),
    };
    struct CMUnitTest tests[32];
    size_t n = 0;
    for (size_t i = 0; i < WB_COUNT(bad_rows); i++)
        tests[n++] = (struct CMUnitTest){ bad_rows[i].name, bad_bytes_are_refused_with_their_place, tree_setup,
                                          tree_teardown, (void *)&bad_rows[i] };
    memcpy(&tests[n], single, sizeof single);
    return _cmocka_run_group_tests("source/script", tests, n + WB_COUNT(single), NULL, NULL);
}
