/* unit.h - what every unit test begins with: cmocka with the headers that it needs, and a test for each row of a table. */
#ifndef WB_TEST_UNIT_H
#define WB_TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROW_TESTS(rows, fn)                                                                                            \
    for (size_t i = 0; i < WB_COUNT(rows); i++)                                                                        \
        tests[n++] = (struct CMUnitTest){ rows[i].name, fn, NULL, NULL, (void *)&rows[i] };

#endif
