/* test_alloc.c - arena, bounded buffer, and what they do when memory is gone. */
#include "../unit.h"

#include "util/util.h"

static void arena_gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    for (size_t n = 0; n < 40000; n = n * 2 + 1) { /* small ones, and larger than a chunk */
        unsigned char *p = wb_arena_get(&mem, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xAA, n);
    }
    assert_string_equal(wb_arena_str(&mem, "abcd", 2), "ab");
    assert_string_equal(wb_arena_dup(&mem, "abc"), "abc");
    assert_null(wb_arena_dup(&mem, NULL));
    assert_string_equal(wb_arena_fmt(&mem, "%s-%d", "x", 7), "x-7");
    assert_null(wb_arena_get(&mem, SIZE_MAX));
    assert_null(wb_arena_get(&mem, SIZE_MAX - 100));
}

static void arrays_grow_and_keep_their_elements(void **state)
{
    (void)state;
    WB_AUTOARENA wb_arena mem = { 0 };
    int *array = NULL;
    size_t count = 0, cap = 0;
    for (int i = 0; i < 5000; i++) {
        int *p = WB_PUSH(&mem, array, count, cap);
        assert_non_null(p);
        *p = i;
    }
    for (int i = 0; i < 5000; i++)
        assert_int_equal(array[i], i);
    assert_int_equal(count, 5000);
}

static void buffer_grows_to_its_limit_and_remembers_failure(void **state)
{
    (void)state;
    WB_AUTOBUF wb_buf b = WB_BUF(100);
    for (int i = 0; i < 100; i++)
        wb_buf_char(&b, 'x');
    assert_int_equal(strlen(wb_buf_cstr(&b)), 100);
    wb_buf_char(&b, 'y');
    wb_buf_clear(&b);
    assert_string_equal(wb_buf_cstr(&b), ""); /* a cleared buffer works again */
    wb_buf_add(&b, "0123456789", 10);
    wb_buf_addf(&b, "%0100d", 1);
    wb_buf_str(&b, "z");
    assert_null(wb_buf_cstr(&b));
    assert_null(wb_buf_take(&b));
}

static void a_taken_text_belongs_to_the_caller(void **state)
{
    (void)state;
    wb_buf b = WB_BUF(WB_TEXT_MAX);
    wb_buf_addf(&b, "%d %s", 1, "a");
    char *room = wb_buf_reserve(&b, 3);
    assert_non_null(room);
    memcpy(room, "xyz", 3);
    b.len += 3;
    WB_AUTOFREE char *text = wb_buf_take(&b);
    assert_string_equal(text, "1 axyz");
    assert_true(b.p == NULL && b.len == 0);
    wb_buf_done(&b);
}

static int build(wb_ctx *cx, wb_arena *mem, char **out)
{
    WB_AUTOBUF wb_buf b = WB_BUF(WB_TEXT_MAX);
    int *array = NULL;
    size_t count = 0, cap = 0;
    for (int i = 0; i < 100; i++) {
        int *p = WB_PUSH(mem, array, count, cap);
        if (!p)
            return wb_nomem(cx);
        *p = i;
        wb_buf_addf(&b, "%d,", i);
        wb_buf_json(&b, "a\nb", 3);
    }
    if (!wb_arena_get(mem, 20000) || !wb_arena_fmt(mem, "%05000d", 1))
        return wb_nomem(cx);
    char *text = wb_buf_take(&b);
    if (!text)
        return wb_nomem(cx);
    *out = text;
    return 0;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        wbl_error err = { 0 };
        wb_arena mem = { 0 };
        char *text = NULL;
        wb_alloc_fail_at(k);
        int rc = build(&(wb_ctx){ .err = &err }, &mem, &text);
        bool is_last = wb_alloc_fail_at(0) < k; /* fewer than k allocations: all were tried */
        wb_arena_done(&mem);
        wb_free(text);
        assert_int_equal(wb_alloc_live(), 0);
        assert_int_equal(rc, is_last ? 0 : WBL_E_NOMEM);
        assert_int_equal(err.code, rc);
        if (is_last) {
            assert_true(k > 5);
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(arrays_grow_and_keep_their_elements),
        cmocka_unit_test(buffer_grows_to_its_limit_and_remembers_failure),
        cmocka_unit_test(a_taken_text_belongs_to_the_caller),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("util/alloc", tests, NULL, NULL);
}
