/*
 * mytest.h - what the tests of the MySQL driver share: a session, a second connection that looks, an empty database.
 *
 * Every test runs on each server that there is: WHIMBREL_TEST_MARIADB_URL and WHIMBREL_TEST_MYSQL_URL. Without one its
 * tests are reported as skipped. Everything happens in a database of the program's own, DATABASE, since programs run
 * beside each other.
 */
#ifndef MYTEST_H
#define MYTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "driver/mysql/my.h"
#include "sql/sql.h"

#ifndef DATABASE
#define DATABASE "wb_test"
#endif
#define RUN_ID "01900000-0000-7000-8000-000000000002"
#define OTHER_RUN_ID "01900000-0000-7000-8000-000000000003"

typedef struct fixture {
    wb_arena mem;
    wbl_error err;
    wb_ctx cx;
    wb_url url;
    wb_session *session;
    MYSQL *looker;                     /* not ours: what another program sees */
    int notices, progress;
    char notice[400];
} fixture;

static const struct test_server {
    const char *name, *variable;
} test_servers[] = { { "MariaDB", "WHIMBREL_TEST_MARIADB_URL" }, { "MySQL", "WHIMBREL_TEST_MYSQL_URL" } };

static inline void count_notice(void *user, const char *severity, const char *text)
{
    fixture *f = user;
    f->notices++;
    snprintf(f->notice, sizeof f->notice, "%s: %s", severity, text);
}

static inline void count_progress(void *user, const char *phase, uint64_t done, uint64_t total)
{
    fixture *f = user;
    (void)phase, (void)done, (void)total;
    f->progress++;
}

/* The first value of the last answer; "" for none, "ERROR" for an error. Valid until the next call. */
static inline const char *ask(MYSQL *conn, const char *sql)
{
    static char value[4000];
    value[0] = 0;
    int rc = mysql_query(conn, sql);
    while (rc == 0) {
        MYSQL_RES *res = mysql_store_result(conn);
        MYSQL_ROW row = res ? mysql_fetch_row(res) : NULL;
        snprintf(value, sizeof value, "%s", row && row[0] ? row[0] : "");
        mysql_free_result(res);
        rc = mysql_next_result(conn);
    }
    if (rc > 0) {
        print_message("# %s: %s\n", sql, mysql_error(conn));
        snprintf(value, sizeof value, "ERROR");
    }
    return value;
}

static inline wb_open_options options_of(fixture *f)
{
    return (wb_open_options){ .url = &f->url,
                              .application = "whimbrel test",
                              .run_id = RUN_ID,
                              .connect_timeout_ms = 5000,
                              .answer_timeout_ms = 10000 };
}

/* The server's URL with another database and more parameters. */
static inline void url_text(char *to, size_t size, const char *variable, const char *tail)
{
    const char *base = getenv(variable), *slash = strrchr(base, '/');
    snprintf(to, size, "%.*s/%s", (int)(slash - base), base, tail);
}

static inline int set_up_server(fixture *f, const char *variable)
{
    char text[500];
    unsigned number;
    char why[300];
    my_target target = { 0 };
    url_text(text, sizeof text, variable, "");
    if (wb_url_parse(&f->cx, &f->mem, text, &f->url) != 0)
        return -1;
    wb_open_options o = options_of(f);
    if (my_target_read(&f->cx, &f->mem, &o, &target) != 0)
        return -1;
    f->looker = my_connect(&target, 5000, &number, why, sizeof why);
    if (!f->looker) {
        print_message("# %s\n", why);
        return -1;
    }
    ask(f->looker, "DROP DATABASE IF EXISTS " DATABASE);
    ask(f->looker, "CREATE DATABASE " DATABASE " CHARACTER SET utf8mb4");
    ask(f->looker, "USE " DATABASE);
    url_text(text, sizeof text, variable, DATABASE);
    if (wb_url_parse(&f->cx, &f->mem, text, &f->url) != 0)
        return -1;
    o = options_of(f);
    if (my_open(&f->cx, &o, &f->session) != 0) {
        print_message("# %s\n", f->err.message);
        return -1;
    }
    return 0;
}

static inline int set_up(void **state)
{
    const struct test_server *server = *state;
    fixture *f = calloc(1, sizeof *f);
    f->cx = (wb_ctx){ .err = &f->err, .notice = count_notice, .progress = count_progress, .user = f };
    *state = f;
    return set_up_server(f, server->variable);
}

static inline int tear_down(void **state)
{
    fixture *f = *state;
    my_close(f->session);
    if (f->looker) {
        ask(f->looker, "DROP DATABASE IF EXISTS " DATABASE);
        mysql_close(f->looker);
    }
    wb_arena_done(&f->mem);
    free(f);
    return 0;
}

static inline bool is_mariadb(const fixture *f) { return f->session->server.is_mariadb; }

#define assert_good(f, call)                                                                                           \
    do {                                                                                                               \
        int good_rc = (call);                                                                                          \
        if (good_rc != 0)                                                                                              \
            print_message("# %s: %d %s (%d)\n", #call, good_rc, (f)->err.message, (int)(f)->err.native);               \
        assert_int_equal(good_rc, 0);                                                                                  \
    } while (0)

static inline void do_nothing(void **state) { (void)state; }

/* cmocka 1.1 calls a test that skips itself "not ok", so what cannot run is replaced before the run, and its name says
   why, in the form that TAP has for it. */
static inline int run_group(const char *group, const struct CMUnitTest *tests, size_t count)
{
    static struct CMUnitTest *all; /* the names in it live until the end of the program */
    size_t n = 0;
    all = calloc(count * WB_COUNT(test_servers), sizeof *all);
    for (size_t i = 0; i < WB_COUNT(test_servers); i++) {
        const char *url = getenv(test_servers[i].variable);
        bool is_there = url && *url;
        for (size_t j = 0; j < count; j++, n++) {
            char *name = malloc(300);
            snprintf(name, 300, "%s_%s%s%s%s", test_servers[i].name, tests[j].name, is_there ? "" : " # SKIP ",
                     is_there ? "" : test_servers[i].variable, is_there ? "" : " is not set");
            all[n] = is_there ? (struct CMUnitTest){ name, tests[j].test_func, set_up, tear_down, (void *)&test_servers[i] }
                              : (struct CMUnitTest){ name, do_nothing, NULL, NULL, NULL };
        }
    }
    return _cmocka_run_group_tests(group, all, n, NULL, NULL);
}

#define TEST(name) { #name, name, NULL, NULL, NULL }

static inline wb_piece piece_of(const char *text)
{
    return (wb_piece){ .text = text, .len = strlen(text), .statement_first = 1 };
}

static inline wb_piece alone(const char *text)
{
    return (wb_piece){ .text = text, .len = strlen(text), .statement_first = 1, .statement_count = 1, .is_alone = true };
}

static inline int run_alone(fixture *f, const char *text)
{
    wb_piece p = alone(text);
    return my_run(&f->cx, f->session, &p);
}

/* The statement as the engine would hand it over. */
static inline int keep_statement(void *user, const wb_statement *st)
{
    *(wb_statement *)user = *st;
    return 0;
}

static inline wb_statement statement_of(const char *text)
{
    wb_statement st = { 0 };
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    const wb_sql_options options = { .dialect = WB_SQL_MYSQL, .backslash_quotes = true };
    int rc = wb_split(&cx, &options, text, strlen(text), true, keep_statement, &st);
    if (rc != 0)
        print_message("# %s: %s\n", text, err.message);
    assert_int_equal(rc, 0);
    assert_true(st.index > 0);
    return st;
}

#endif
