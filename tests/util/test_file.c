/* test_file.c - reading whole files, creating new ones, and what a person is told when it fails. */
#include "../unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/util.h"

static char dir[64];
static int dir_fd = -1;

static int make_dir(void **state)
{
    (void)state;
    strncpy(dir, "/tmp/whimbrel-test-XXXXXX", sizeof dir - 1);
    if (!mkdtemp(dir))
        return -1;
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_fd < 0 ? -1 : 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlinkat(dir_fd, "a.sql", 0);
    close(dir_fd);
    return rmdir(dir);
}

static void what_was_created_is_read_back(void **state)
{
    (void)state;
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    WB_AUTOBUF wb_buf path = WB_BUF(WB_TEXT_MAX);
    WB_AUTOBUF wb_buf text = WB_BUF(WB_FILE_SIZE_MAX);
    wb_buf_addf(&path, "%s/a.sql", dir);
    wb_buf_str(&text, "old content that must go");
    assert_int_equal(wb_file_create(&cx, wb_buf_cstr(&path), "SELECT\0 1;", 10), 0);
    assert_int_equal(wb_file_read(&cx, dir_fd, "a.sql", "migrations/a.sql", &text), 0);
    assert_int_equal(text.len, 10);
    assert_memory_equal(text.p, "SELECT\0 1;", 11);

    assert_int_equal(wb_file_create(&cx, wb_buf_cstr(&path), "x", 1), WBL_E_IO); /* never replaces */
    assert_int_equal(err.native, EEXIST);
    assert_non_null(strstr(err.message, "a.sql: File exists"));
    assert_int_equal(wb_file_read(&cx, dir_fd, "a.sql", "a.sql", &text), 0);
    assert_int_equal(text.len, 10);
}

static void a_file_over_the_limit_is_refused_not_cut(void **state)
{
    (void)state;
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    WB_AUTOBUF wb_buf exact = WB_BUF(10);
    assert_int_equal(wb_file_read(&cx, dir_fd, "a.sql", "a.sql", &exact), 0);
    assert_int_equal(exact.len, 10);
    WB_AUTOBUF wb_buf small = WB_BUF(9);
    assert_int_equal(wb_file_read(&cx, dir_fd, "a.sql", "a.sql", &small), WBL_E_INVALID);
    assert_string_equal(err.message, "a.sql is larger than the limit of 9 bytes");
    assert_int_equal(small.len, 0);
}

static void a_pipe_is_read_to_its_end(void **state)
{
    (void)state;
    wbl_error err = { 0 };
    int ends[2];
    char path[32], block[4096];
    memset(block, 'x', sizeof block);
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(write(ends[1], block, sizeof block), sizeof block);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    WB_AUTOBUF wb_buf text = WB_BUF(WB_FILE_SIZE_MAX);
    assert_int_equal(wb_file_read(&(wb_ctx){ .err = &err }, AT_FDCWD, path, "-", &text), 0);
    assert_int_equal(text.len, 40960);
    close(ends[0]);
}

static void failures_name_path_and_reason(void **state)
{
    (void)state;
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    WB_AUTOBUF wb_buf text = WB_BUF(100);
    assert_int_equal(wb_file_read(&cx, dir_fd, "none.sql", "migrations/none.sql", &text), WBL_E_IO);
    assert_string_equal(err.message, "cannot read migrations/none.sql: No such file or directory");
    assert_string_equal(err.file, "migrations/none.sql");
    assert_int_equal(wb_file_read(&cx, AT_FDCWD, dir, "migrations", &text), WBL_E_IO);
    assert_string_equal(err.message, "cannot read migrations: Is a directory");
    assert_int_equal(wb_file_create(&cx, "/nonexistent/x", "", 0), WBL_E_IO);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        wbl_error err = { 0 };
        WB_AUTOBUF wb_buf text = WB_BUF(WB_FILE_SIZE_MAX);
        wb_alloc_fail_at(k);
        int rc = wb_file_read(&(wb_ctx){ .err = &err }, dir_fd, "a.sql", "a.sql", &text);
        if (wb_alloc_fail_at(0) < k) {
            assert_int_equal(rc, 0);
            return;
        }
        assert_int_equal(rc, WBL_E_NOMEM);
        assert_int_equal(text.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_created_is_read_back), cmocka_unit_test(a_file_over_the_limit_is_refused_not_cut),
        cmocka_unit_test(a_pipe_is_read_to_its_end),     cmocka_unit_test(failures_name_path_and_reason),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("util/file", tests, make_dir, remove_dir);
}
