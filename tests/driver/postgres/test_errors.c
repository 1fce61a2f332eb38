/*
 * test_errors.c - what the codes of PostgreSQL mean, row by row, and what is read out of libpq's text. Needs no server.
 */
#include "pgtest.h"

static const struct error_row {
    const char *sqlstate;
    int code;
    bool is_retryable;
} wanted[] = {
    { "08006", WBL_E_CONNECT, true },    { "08P01", WBL_E_CONNECT, false },   { "25P03", WBL_E_CONNECT, true },
    { "25P04", WBL_E_TIMEOUT, false },   { "28P01", WBL_E_CONNECT, false },   { "3D000", WBL_E_CONNECT, false },
    { "40001", WBL_E_STATEMENT, true },  { "40003", WBL_E_OUTCOME, false },   { "40P01", WBL_E_STATEMENT, true },
    { "53300", WBL_E_CONNECT, true },    { "55P03", WBL_E_LOCK_WAIT, true },  { "57014", WBL_E_TIMEOUT, false },
    { "57P01", WBL_E_CONNECT, true },    { "57P02", WBL_E_CONNECT, true },    { "57P03", WBL_E_CONNECT, true },
    { "57P04", WBL_E_CONNECT, false },   { "57P05", WBL_E_CONNECT, true },    { "42601", WBL_E_STATEMENT, false },
    { "23505", WBL_E_STATEMENT, false }, { "XX000", WBL_E_STATEMENT, false }, { "", WBL_E_STATEMENT, false },
};

static void codes_mean_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < WB_COUNT(wanted); i++) {
        const pg_error_row *row = pg_error_find(wanted[i].sqlstate);
        if (row->code != wanted[i].code || row->is_retryable != wanted[i].is_retryable)
            fail_msg("%s", wanted[i].sqlstate);
    }
    assert_int_equal(pg_error_find(NULL)->code, WBL_E_STATEMENT);
}

static void every_row_is_tested(void **state)
{
    (void)state;
    size_t count;
    const pg_error_row *rows = pg_error_table(&count);
    for (size_t i = 0; i < count; i++) {
        bool is_there = false;
        for (size_t k = 0; k < WB_COUNT(wanted); k++)
            is_there = is_there || pg_error_find(wanted[k].sqlstate) == &rows[i];
        if (!is_there)
            fail_msg("no test for %s", rows[i].sqlstate);
    }
}

static const struct cause_row {
    const char *text, *sqlstate, *cause;
} causes[] = {
    { "connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n\tIs the server running on that "
      "host?\n",
      "", "connection refused" },
    { "connection to server at \"localhost\" (::1), port 1 failed: Connection refused\n\tIs it?\n"
      "connection to server at \"localhost\" (127.0.0.1), port 1 failed: Network is unreachable\n",
      "", "network is unreachable" },
    { "connection to server at \"db\", port 5432 failed: FATAL:  3D000: database \"x\" does not exist\nLOCATION:  "
      "InitPostgres\n",
      "3D000", "database \"x\" does not exist" },
    { "connection to server on socket \"/tmp/.s.PGSQL.1\" failed: FATAL:  57P03: the database system is starting up\n",
      "57P03", "the database system is starting up" },
    { "connection to server at \"db\", port 1 failed: \xE8\x87\xB4\xE5\x91\xBD:  28P01: kennwort\n", "28P01",
      "kennwort" },
    { "could not translate host name \"nope\" to address: Name or service not known\n", "",
      "could not translate host name \"nope\" to address: Name or service not known" },
    { "SSL error\n", "", "SSL error" },
};

static void cause_is_one_short_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < WB_COUNT(causes); i++) {
        char sqlstate[6], cause[200];
        assert_true(pg_connect_cause(causes[i].text, sqlstate, cause, sizeof cause));
        assert_string_equal(sqlstate, causes[i].sqlstate);
        assert_string_equal(cause, causes[i].cause);
    }
    char sqlstate[6], cause[200];
    assert_false(pg_connect_cause("", sqlstate, cause, sizeof cause));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_mean_what_the_table_says),
        cmocka_unit_test(every_row_is_tested),
        cmocka_unit_test(cause_is_one_short_line),
    };
    return cmocka_run_group_tests_name("postgres errors", tests, NULL, NULL);
}
