/* rows.h - what the tests of this room share: cmocka, and one test for each row of a table. */
#ifndef WB_TEST_SQL_ROWS_H
#define WB_TEST_SQL_ROWS_H

#include "../unit.h"

#include "sql/sql.h"

#define PG WB_SQL_POSTGRES
#define LITE WB_SQL_SQLITE
#define MY WB_SQL_MYSQL

#define ASSERT_STR(str, text)                                                                                          \
    do {                                                                                                               \
        wb_str wb_got = (str);                                                                                         \
        char wb_copy[512] = "";                                                                                        \
        assert_true(wb_got.len < sizeof wb_copy);                                                                      \
        if (wb_got.len)                                                                                                \
            memcpy(wb_copy, wb_got.p, wb_got.len);                                                                     \
        assert_string_equal(wb_copy, text);                                                                            \
    } while (0)

/* The text on the heap without a byte behind it, so that a sanitizer sees every look past its end. */
static inline char *exact_copy(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    return copy;
}

#endif
