/*
 * pgtest.h - what the tests of the PostgreSQL driver share: a session, a second connection that looks, a clean schema.
 *
 * The server is WHIMBREL_TEST_PG_URL; without it every test is reported as skipped. Everything happens in a schema that
 * each test finds empty; each program defines SCHEMA as its own, since they run beside each other.
 */
#ifndef PGTEST_H
#define PGTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver/postgres/pg.h"

#ifndef SCHEMA
#define SCHEMA "wb_test"
#endif
#define RUN_ID "01900000-0000-7000-8000-000000000001"

typedef struct fixture {
    wb_arena mem;
    wbl_error err;
    wb_ctx cx;
    wb_url url;
    wb_session *session;
    PGconn *looker;                    /* not ours: what another program sees */
    int notices;
    char notice[200];
    int progress;
} fixture;

static inline void count_notice(void *user, const char *severity, const char *text)
{
    fixture *f = user;
    f->notices++;
    snprintf(f->notice, sizeof f->notice, "%s: %s", severity, text);
}

static inline void count_progress(void *user, const char *phase, uint64_t done, uint64_t total)
{
    fixture *f = user;
    (void)phase;
    (void)done;
    (void)total;
    f->progress++;
}

/* The first value of the answer; "" for none, "ERROR" for an error. Valid until the next call. */
static inline const char *ask(PGconn *conn, const char *sql)
{
    static char value[4000];
    PGresult *r = PQexec(conn, sql);
    bool is_good = PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK;
    if (!is_good)
        print_message("# %s%s\n", sql, PQresultErrorMessage(r));
    snprintf(value, sizeof value, "%s", !is_good ? "ERROR" : PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    return value;
}

static inline void quiet(void *user, const PGresult *r)
{
    (void)user;
    (void)r;
}

static inline wb_open_options options_of(fixture *f)
{
    return (wb_open_options){ .url = &f->url,
                              .application = "whimbrel test",
                              .run_id = RUN_ID,
                              .connect_timeout_ms = 5000,
                              .answer_timeout_ms = 10000 };
}

static inline int set_up(void **state)
{
    const char *base = getenv("WHIMBREL_TEST_PG_URL");
    *state = NULL;
    if (!base || !*base)
        return 0;
    fixture *f = calloc(1, sizeof *f);
    f->cx = (wb_ctx){ .err = &f->err, .notice = count_notice, .progress = count_progress, .user = f };
    f->looker = PQconnectdb(base);
    if (PQstatus(f->looker) != CONNECTION_OK) {
        print_message("# %s", PQerrorMessage(f->looker));
        return -1;
    }
    PQsetNoticeReceiver(f->looker, quiet, NULL);
    ask(f->looker, "DROP SCHEMA IF EXISTS " SCHEMA " CASCADE");
    ask(f->looker, "DROP SCHEMA IF EXISTS " SCHEMA "_other CASCADE");
    ask(f->looker, "CREATE SCHEMA " SCHEMA);
    ask(f->looker, "SET search_path = " SCHEMA);
    char text[1000];
    snprintf(text, sizeof text, "%s%ssearch_path=" SCHEMA, base, strchr(base, '?') ? "&" : "?");
    if (wb_url_parse(&f->cx, &f->mem, text, &f->url) != 0)
        return -1;
    wb_open_options o = options_of(f);
    if (pg_open(&f->cx, &o, &f->session) != 0) {
        print_message("# %s\n", f->err.message);
        return -1;
    }
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    fixture *f = *state;
    if (!f)
        return 0;
    pg_close(f->session);
    ask(f->looker, "DROP SCHEMA IF EXISTS " SCHEMA " CASCADE");
    ask(f->looker, "DROP SCHEMA IF EXISTS " SCHEMA "_other CASCADE");
    PQfinish(f->looker);
    wb_arena_done(&f->mem);
    free(f);
    return 0;
}

/* At the head of each test. */
#define NEEDS_SERVER(f) fixture *f = *state

#define assert_good(f, call)                                                                                           \
    do {                                                                                                               \
        int good_rc = (call);                                                                                          \
        if (good_rc != 0)                                                                                              \
            print_message("# %s: %d %s (%s)\n", #call, good_rc, (f)->err.message, (f)->err.sqlstate);                  \
        assert_int_equal(good_rc, 0);                                                                                  \
    } while (0)

/* cmocka 1.1 calls a test that skips itself "not ok", so what cannot run is replaced before the run, and its name says
   why, in the form that TAP has for it. */
static inline void do_nothing(void **state) { (void)state; }

static inline struct CMUnitTest skipped(const char *name, const char *reason)
{
    size_t size = strlen(name) + strlen(reason) + 16;
    char *text = malloc(size); /* cmocka needs it until the end of the program */
    snprintf(text, size, "%s # SKIP %s", name, reason);
    return (struct CMUnitTest){ text, do_nothing, NULL, NULL, NULL };
}

/* 0 when there is no server to test with. */
static inline uint32_t server_version(void)
{
    const char *url = getenv("WHIMBREL_TEST_PG_URL");
    PGconn *c = url && *url ? PQconnectdb(url) : NULL;
    uint32_t version = c && PQstatus(c) == CONNECTION_OK ? (uint32_t)PQserverVersion(c) : 0;
    if (c && version == 0)
        print_message("# %s", PQerrorMessage(c));
    PQfinish(c);
    return version;
}

#define TEST_SINCE(version, name) { #name, name, set_up, tear_down, (void *)(uintptr_t)(version) }
#define TEST(name) TEST_SINCE(0, name)

static inline int run_group(const char *group, struct CMUnitTest *tests, size_t count)
{
    const char *url = getenv("WHIMBREL_TEST_PG_URL");
    uint32_t version = server_version();
    for (size_t i = 0; i < count; i++) {
        if (!url || !*url)
            tests[i] = skipped(tests[i].name, "WHIMBREL_TEST_PG_URL is not set");
        else if ((uintptr_t)tests[i].initial_state > version)
            tests[i] = skipped(tests[i].name, "not in this version of the server");
    }
    return _cmocka_run_group_tests(group, tests, count, NULL, NULL);
}

static inline wb_piece piece_of(const char *text)
{
    return (wb_piece){ .text = text, .len = strlen(text), .statement_first = 1 };
}

static inline int run_text(fixture *f, const char *text)
{
    wb_piece p = piece_of(text);
    return pg_run(&f->cx, f->session, &p);
}

#endif
