/*
 * test_api.c - the promises of whimbrel.h: structs of older and newer programs, wrong arguments, errors, reports, events,
 * migrations from memory, and every call once.
 */
#include "host.h"

#include <stdio.h>

#define USERS "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(255) NOT NULL);"
#define ORDERS "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL);"

static void add_two(host *t)
{
    host_add(t, NULL, "000001", "users", USERS, "DROP TABLE users;");
    host_add(t, NULL, "000002", "orders", ORDERS, "DROP TABLE orders;");
}

static void refused(const host *t, int rc, int code)
{
    if (rc != code)
        fail_msg("%d instead of %d: %s", rc, code, t->err.message);
    assert_int_equal(t->err.code, code);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    assert_true(t->err.message[0] != 0);
    assert_null(strchr(t->err.message, '\n'));
}

static void expect(host *t, int rc, int code)
{
    if (rc != code)
        fail_msg("%d instead of %d: %s", rc, code, t->err.message);
}

/* ---- structs ---- */

static void version_is_that_of_the_header(void **state)
{
    char text[40];
    (void)state;
    snprintf(text, sizeof text, "%d.%d.%d", WBL_VERSION_MAJOR, WBL_VERSION_MINOR, WBL_VERSION_PATCH);
    assert_string_equal(wbl_version_text(), text);
    assert_string_equal(WBL_VERSION, text);
}

static void error_has_1024_bytes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(wbl_error), 1024);
}

/* A program with an older header has less room than the library knows members: nothing is written behind it. */
static void init_stays_inside_the_callers_struct(void **state)
{
    (void)state;
#define INIT_SIZED(name)                                                                                               \
    for (uint32_t size = sizeof(uint32_t); size <= sizeof(wbl_##name) + 24; size += 4) {                               \
        union {                                                                                                        \
            wbl_##name it;                                                                                             \
            unsigned char bytes[sizeof(wbl_##name) + 64];                                                              \
        } room;                                                                                                        \
        memset(&room, 0xA5, sizeof room);                                                                              \
        wbl_##name##_init_sized(&room.it, size);                                                                       \
        assert_int_equal(room.it.size, size);                                                                          \
        for (size_t i = size; i < sizeof room; i++)                                                                    \
            assert_int_equal(room.bytes[i], 0xA5);                                                                     \
        for (size_t i = sizeof room.it; i < size; i++)                                                                 \
            assert_int_equal(room.bytes[i], 0);                                                                        \
    }
    INIT_SIZED(options)
    INIT_SIZED(source)
    INIT_SIZED(code_migration)
    INIT_SIZED(request)
    INIT_SIZED(check_options)
    INIT_SIZED(new_options)
}

static void defaults_are_those_of_the_header(void **state)
{
    wbl_options o;
    wbl_check_options c;
    (void)state;
    wbl_options_init(&o);
    wbl_check_options_init(&c);
    assert_int_equal(o.size, sizeof o);
    assert_int_equal(o.lock_timeout_ms, -1);
    assert_int_equal(o.connect_timeout_ms, -1);
    assert_int_equal(o.ddl_lock_timeout_ms, -1);
    assert_int_equal(o.ddl_lock_tries, -1);
    assert_int_equal(o.statement_timeout_ms, -1);
    assert_int_equal(o.group_max, -1);
    assert_null(o.url);
    assert_int_equal(c.wait_ms, -1);
}

static int nothing(void *user, const wbl_session *s, wbl_error *err)
{
    (void)user, (void)s, (void)err;
    return 0;
}

/* Each struct as a newer program would hand it over: longer, first with nothing in what we don't know, then with
   something. And one that nobody set up. */
static void newer_structs_are_taken_when_they_ask_for_nothing_new(void **state)
{
    host *t = host_get(state);
    union {
        wbl_options it;
        char bytes[sizeof(wbl_options) + 16];
    } o;
    union {
        wbl_source it;
        char bytes[sizeof(wbl_source) + 16];
    } s;
    union {
        wbl_code_migration it;
        char bytes[sizeof(wbl_code_migration) + 16];
    } m;
    union {
        wbl_request it;
        char bytes[sizeof(wbl_request) + 16];
    } q;
    union {
        wbl_check_options it;
        char bytes[sizeof(wbl_check_options) + 16];
    } c;
    union {
        wbl_new_options it;
        char bytes[sizeof(wbl_new_options) + 16];
    } n;
    wbl_options_init_sized(&o.it, sizeof o);
    wbl_source_init_sized(&s.it, sizeof s);
    wbl_code_migration_init_sized(&m.it, sizeof m);
    wbl_request_init_sized(&q.it, sizeof q);
    wbl_check_options_init_sized(&c.it, sizeof c);
    wbl_new_options_init_sized(&n.it, sizeof n);
    static const char *const none[] = { NULL };
    o.it.no_environment = 1;
    o.it.config = "";
    o.it.dirs = none;
    o.it.url = t->url;
    o.it.working_dir = t->dir;
    s.it.version = "1";
    s.it.up = USERS;
    m.it.version = "2";
    m.it.up = nothing;
    n.it.name = "more";

    for (size_t is_set = 2; is_set-- > 0;) {
        int wanted = is_set ? WBL_E_UNSUPPORTED : WBL_OK;
        o.bytes[sizeof o - 1] = s.bytes[sizeof s - 1] = m.bytes[sizeof m - 1] = (char)is_set;
        q.bytes[sizeof q - 1] = c.bytes[sizeof c - 1] = n.bytes[sizeof n - 1] = (char)is_set;
        if (is_set) {
            wbl_handle *h = NULL;
            refused(t, wbl_open(&o.it, &h, &t->err), WBL_E_UNSUPPORTED);
            assert_null(h);
            o.bytes[sizeof o - 1] = 0;
        }
        if (!t->h)
            host_ok(t, wbl_open(&o.it, &t->h, &t->err));
        expect(t, wbl_migration_add(t->h, &s.it, &t->err), wanted);
        expect(t, wbl_migration_register(t->h, &m.it, &t->err), wanted);
        expect(t, wbl_up(t->h, &q.it, &t->err), wanted);
        expect(t, wbl_check(t->h, &c.it, &t->err), wanted);
        expect(t, wbl_wait(t->h, &c.it, &t->err), wanted);
        if (is_set)
            expect(t, wbl_new(t->h, &n.it, &t->err), wanted);
    }
    assert_true(host_has_table(t, "users"));
}

static void struct_without_init_is_refused(void **state)
{
    host *t = host_get(state);
    wbl_options o = { 0 };
    wbl_handle *h = NULL;
    o.url = t->url;
    refused(t, wbl_open(&o, &h, &t->err), WBL_E_INVALID);
    assert_non_null(strstr(t->err.message, "wbl_options_init"));
    assert_null(h);
    host_connect(t);
    wbl_request q = { 0 };
    wbl_check_options c = { 0 };
    wbl_new_options n = { 0 };
    wbl_source s = { 0 };
    wbl_code_migration m = { 0 };
    refused(t, wbl_up(t->h, &q, &t->err), WBL_E_INVALID);
    refused(t, wbl_history(t->h, &q, &t->err), WBL_E_INVALID);
    refused(t, wbl_check(t->h, &c, &t->err), WBL_E_INVALID);
    refused(t, wbl_wait(t->h, &c, &t->err), WBL_E_INVALID);
    refused(t, wbl_new(t->h, &n, &t->err), WBL_E_INVALID);
    refused(t, wbl_migration_add(t->h, &s, &t->err), WBL_E_INVALID);
    refused(t, wbl_migration_register(t->h, &m, &t->err), WBL_E_INVALID);
}

/* ---- wrong arguments ---- */

static void every_call_without_a_handle_is_refused(void **state)
{
    host *t = host_get(state);
    wbl_error *err = &t->err;
    char text[10];
    int64_t number;
    wbl_source s;
    wbl_code_migration m;
    wbl_new_options n;
    wbl_source_init(&s);
    wbl_code_migration_init(&m);
    wbl_new_options_init(&n);
    int (*const with_request[])(wbl_handle *, const wbl_request *,
                                wbl_error *) = { wbl_up,     wbl_down,    wbl_goto,     wbl_redo,  wbl_plan,
                                                 wbl_status, wbl_history, wbl_validate, wbl_verify };
    for (size_t i = 0; i < sizeof with_request / sizeof *with_request; i++) {
        memset(err, 0, sizeof *err);
        refused(t, with_request[i](NULL, NULL, err), WBL_E_INVALID);
        assert_int_equal(with_request[i](NULL, NULL, NULL), WBL_E_INVALID);
    }
    refused(t, wbl_version(NULL, NULL, text, sizeof text, err), WBL_E_INVALID);
    refused(t, wbl_version_number(NULL, NULL, &number, err), WBL_E_INVALID);
    refused(t, wbl_check(NULL, NULL, err), WBL_E_INVALID);
    refused(t, wbl_wait(NULL, NULL, err), WBL_E_INVALID);
    refused(t, wbl_baseline(NULL, NULL, "1", err), WBL_E_INVALID);
    refused(t, wbl_force(NULL, NULL, "1", err), WBL_E_INVALID);
    refused(t, wbl_repair(NULL, NULL, "1", WBL_REPAIR_SHOW, 0, err), WBL_E_INVALID);
    refused(t, wbl_drop(NULL, "app.db", err), WBL_E_INVALID);
    refused(t, wbl_config(NULL, err), WBL_E_INVALID);
    refused(t, wbl_new(NULL, &n, err), WBL_E_INVALID);
    refused(t, wbl_migration_add(NULL, &s, err), WBL_E_INVALID);
    refused(t, wbl_migration_register(NULL, &m, err), WBL_E_INVALID);
    refused(t, wbl_run_sql(NULL, "SELECT 1", err), WBL_E_INVALID);
    wbl_close(NULL);
    wbl_cancel(NULL);
    wbl_cancel_clear(NULL);
    wbl_free(NULL);
    assert_int_equal(wbl_report_get(NULL)->migration_count, 0);
}

static void null_where_something_is_needed_is_refused(void **state)
{
    host *t = host_get(state);
    char text[10], *out = NULL;
    int64_t number;
    wbl_options o;
    host_options(t, &o);
    o.url = t->url;
    refused(t, wbl_open(&o, NULL, &t->err), WBL_E_INVALID);
    host_connect(t);
    refused(t, wbl_migration_add(t->h, NULL, &t->err), WBL_E_INVALID);
    refused(t, wbl_migration_register(t->h, NULL, &t->err), WBL_E_INVALID);
    refused(t, wbl_version(t->h, NULL, NULL, sizeof text, &t->err), WBL_E_INVALID);
    refused(t, wbl_version(t->h, NULL, text, 0, &t->err), WBL_E_INVALID);
    refused(t, wbl_version_number(t->h, NULL, NULL, &t->err), WBL_E_INVALID);
    refused(t, wbl_baseline(t->h, NULL, NULL, &t->err), WBL_E_INVALID);
    refused(t, wbl_force(t->h, NULL, NULL, &t->err), WBL_E_INVALID);
    refused(t, wbl_repair(t->h, NULL, NULL, WBL_REPAIR_MARK_APPLIED, 0, &t->err), WBL_E_INVALID);
    refused(t, wbl_drop(t->h, NULL, &t->err), WBL_E_REFUSED);
    refused(t, wbl_new(t->h, NULL, &t->err), WBL_E_INVALID);
    assert_int_equal(wbl_report_json(NULL, "status", NULL, &out), WBL_E_INVALID);
    assert_int_equal(wbl_report_json(wbl_report_get(t->h), "status", NULL, NULL), WBL_E_INVALID);
    assert_null(out);

    add_two(t);
    assert_int_equal(wbl_version_number(t->h, NULL, &number, NULL), 0); /* no place for an error is fine */
    assert_int_equal(wbl_up(t->h, NULL, NULL), WBL_OK);
    assert_int_equal(wbl_status(t->h, NULL, NULL), WBL_OK);
}

static void wrong_values_are_refused(void **state)
{
    static const char *const holey[] = { "default", NULL };
    host *t = host_get(state);
    wbl_options o;
    wbl_handle *h = NULL;
    for (int i = 0; i < 6; i++) {
        host_options(t, &o);
        o.url = i == 0 ? "nosuchdb://x/y" : i == 1 ? "mongodb://localhost/x" : t->url;
        o.default_out_of_order = i == 2 ? 4 : 0;
        o.dir_count = i == 3 ? 1 : 0; /* and dirs[0] is NULL */
        o.connection = i >= 4 ? t->db : NULL;
        o.connection_kind = i == 5 ? "oracle" : NULL;
        refused(t, wbl_open(&o, &h, &t->err), i == 1 ? WBL_E_UNSUPPORTED : WBL_E_INVALID);
        assert_null(h);
    }
    host_connect(t);
    add_two(t);
    for (int i = 0; i < 7; i++) {
        wbl_request q;
        wbl_request_init(&q);
        q.out_of_order = i == 0 ? 4 : i == 1 ? -1 : 0;
        q.newer = i == 2 ? 4 : 0;
        q.steps = i == 3 ? -1 : 0;
        q.namespace_count = i == 4 ? 1 : i == 5 ? 2 : 0;
        q.namespaces = i == 5 ? holey : NULL;
        q.to = i == 6 ? "nonsense" : NULL;
        refused(t, wbl_up(t->h, &q, &t->err), WBL_E_INVALID);
    }
    refused(t, wbl_repair(t->h, NULL, "1", 99, 0, &t->err), WBL_E_INVALID);
    refused(t, wbl_repair(t->h, NULL, "1", -1, 0, &t->err), WBL_E_INVALID);
    for (int i = 0; i < 3; i++) {
        static const char *const nonsense[] = { "default" };
        wbl_check_options c;
        wbl_check_options_init(&c);
        host_ok(t, i == 2 ? host_up(t) : WBL_OK);
        c.minimums = i == 0 ? NULL : i == 1 ? holey + 1 : nonsense;
        c.minimum_count = 1;
        refused(t, wbl_check(t->h, &c, &t->err), WBL_E_INVALID);
    }
}

/* ---- errors ---- */

static void error_is_cleared_by_the_next_call(void **state)
{
    host *t = host_get(state);
    host_connect(t);
    t->err.version = WBL_ERROR_VERSION;
    host_add(t, NULL, "1", "bad", "CREATE TABLE a (id INTEGER);\nCREATE TABLE a (id INTEGER);", NULL);
    assert_int_equal(host_up(t), WBL_E_STATEMENT);
    assert_int_equal(t->err.code, WBL_E_STATEMENT);
    assert_int_equal(t->err.effect, host_is_mysql(t) ? WBL_EFFECT_SOME : WBL_EFFECT_NONE);
    assert_int_equal(t->err.statement, 2);
    assert_int_equal(t->err.line, 2);
    assert_true(t->kind == HOST_POSTGRES || t->err.native != 0);
    assert_string_equal(t->err.sqlstate, t->kind == HOST_SQLITE ? "" : t->kind == HOST_POSTGRES ? "42P07" : "42S01");
    assert_string_equal(t->err.file, "(memory) default/1_bad.up.sql");
    assert_int_equal(host_has_table(t, "a"), host_is_mysql(t));
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    assert_int_equal(t->err.version, WBL_ERROR_VERSION); /* the caller's */
    assert_int_equal(t->err.code, 0);
    assert_string_equal(t->err.message, "");
    assert_int_equal(t->err.line, 0);
}

static void password_is_in_no_error_and_no_report(void **state)
{
    host *t = host_get(state);
    wbl_options o;
    host_options(t, &o);
    o.url = "postgres://app:geheim@127.0.0.1:1/shop";
    o.connect_timeout_ms = 2000;
    host_ok(t, wbl_open(&o, &t->h, &t->err));
    assert_int_equal(wbl_status(t->h, NULL, &t->err), WBL_E_CONNECT);
    assert_true(t->err.is_retryable);
    assert_null(strstr(t->err.message, "geheim"));
    assert_null(strstr(t->err.hint, "geheim"));
    assert_null(strstr(wbl_report_get(t->h)->url, "geheim"));
    host_ok(t, wbl_config(t->h, &t->err));
    const wbl_report *r = wbl_report_get(t->h);
    assert_true(r->setting_count > 0);
    for (uint32_t i = 0; i < r->setting_count; i++)
        assert_null(strstr(r->settings[i].value ? r->settings[i].value : "", "geheim"));
}

/* ---- reports ---- */

static void report_is_there_before_the_first_call_and_after_a_failure(void **state)
{
    host *t = host_get(state);
    host_connect(t);
    const wbl_report *r = wbl_report_get(t->h);
    assert_non_null(r);
    assert_int_equal(r->size, sizeof *r);
    assert_int_equal(r->migration_count, 0);
    add_two(t);
    host_add(t, NULL, "3", "bad", "CREATE TABLE users (id INTEGER);", NULL);
    assert_int_equal(host_up(t), WBL_E_STATEMENT);
    r = wbl_report_get(t->h);
    assert_int_equal(r->done_count, 2);
    assert_int_equal(r->applied_total, 2);
    assert_int_equal(r->namespaces[0].failed, 1);
}

/* Borrowed until the next call: with the address sanitizer, reading freed memory would end the test. */
static void report_lives_until_the_next_call(void **state)
{
    host *t = host_get(state);
    char *json = NULL;
    host_connect(t);
    add_two(t);
    host_ok(t, host_up(t));
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    const wbl_report *r = wbl_report_get(t->h);
    const wbl_migration *m = r->migrations;
    assert_int_equal(r->migration_count, 2);
    wbl_cancel(t->h); /* none of these is a call that ends it */
    wbl_cancel_clear(t->h);
    assert_ptr_equal(wbl_report_get(t->h), r);
    host_ok(t, wbl_report_json(r, "status", NULL, &json));
    host_add(t, NULL, "3", "third", "CREATE TABLE c (id INTEGER);", NULL);
    assert_string_equal(m[0].version, "000001");
    assert_string_equal(m[1].name, "orders");
    assert_string_equal(r->namespaces[0].current, "000002");
    assert_int_equal(r->namespaces[0].pending, 0);
    assert_non_null(strstr(json, "\"schema_version\":1"));
    wbl_free(json);
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    assert_int_equal(wbl_report_get(t->h)->migration_count, 3);
}

static void report_as_json_for_each_command(void **state)
{
    static const char *const names[] = { "status",  "plan",    "up",       "down",   "goto",
                                         "redo",    "history", "validate", "verify", "check",
                                         "version", "config",  "new",      NULL,     "no such command" };
    host *t = host_get(state);
    host_connect(t);
    add_two(t);
    host_ok(t, host_up(t));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *json = NULL;
        host_ok(t, wbl_report_json(wbl_report_get(t->h), names[i], NULL, &json));
        assert_int_equal(json[0], '{');
        assert_int_equal(json[strlen(json) - 1], '\n');
        assert_non_null(strstr(json, "\"ok\":true"));
        wbl_free(json);
        t->err.code = WBL_E_LOCKED;
        host_ok(t, wbl_report_json(wbl_report_get(t->h), names[i], &t->err, &json));
        assert_non_null(strstr(json, "\"ok\":false"));
        assert_non_null(strstr(json, "\"code\":\"locked\""));
        wbl_free(json);
    }
}

/* ---- events ---- */

struct heard {
    int kinds[40];
    int count;
};
static struct heard heard;

static void hear(host *t, const wbl_event *e)
{
    (void)t;
    if (e->kind == WBL_EVENT_FINDING)
        assert_non_null(e->finding);
    if (e->kind == WBL_EVENT_NOTICE || e->kind == WBL_EVENT_PROGRESS || e->kind == WBL_EVENT_FINDING ||
        heard.count == 40)
        return;
    heard.kinds[heard.count++] = e->kind;
    if (e->kind == WBL_EVENT_RUN_STARTED || e->kind == WBL_EVENT_RUN_DONE)
        assert_non_null(e->report);
    if (e->kind == WBL_EVENT_STARTED || e->kind == WBL_EVENT_DONE || e->kind == WBL_EVENT_FAILED) {
        assert_non_null(e->migration);
        assert_in_range(e->index, 1, e->count);
    }
    if (e->kind == WBL_EVENT_FAILED)
        assert_int_equal(e->error->code, WBL_E_STATEMENT);
}

/* Without transactions for schema changes each statement is told, too. */
static void heard_is(const int *wanted, size_t count)
{
    assert_int_equal(heard.count, count);
    assert_memory_equal(heard.kinds, wanted, count * sizeof *wanted);
}

static void events_tell_a_run_in_order(void **state)
{
    static const int good[] = { WBL_EVENT_RUN_STARTED, WBL_EVENT_STARTED, WBL_EVENT_DONE,
                                WBL_EVENT_STARTED,     WBL_EVENT_DONE,    WBL_EVENT_RUN_DONE };
    static const int good_by_step[] = { WBL_EVENT_RUN_STARTED, WBL_EVENT_STARTED, WBL_EVENT_STATEMENT,
                                        WBL_EVENT_DONE,        WBL_EVENT_STARTED, WBL_EVENT_STATEMENT,
                                        WBL_EVENT_DONE,        WBL_EVENT_RUN_DONE };
    static const int bad[] = { WBL_EVENT_RUN_STARTED, WBL_EVENT_STARTED, WBL_EVENT_FAILED };
    static const int bad_by_step[] = { WBL_EVENT_RUN_STARTED, WBL_EVENT_STARTED, WBL_EVENT_STATEMENT,
                                       WBL_EVENT_FAILED };
    host *t = host_get(state);
    wbl_options o;
    host_options(t, &o);
    o.url = t->url;
    o.group_max = 1; /* one by one: started and done alternate */
    t->on_event = hear;
    heard = (struct heard){ .count = 0 };
    host_ok(t, wbl_open(&o, &t->h, &t->err));
    add_two(t);
    host_ok(t, host_up(t));
    if (host_is_mysql(t))
        heard_is(good_by_step, 8);
    else
        heard_is(good, 6);

    host_add(t, NULL, "3", "bad", "CREATE TABLE users (id INTEGER);", NULL);
    heard.count = 0;
    assert_int_equal(host_up(t), WBL_E_STATEMENT);
    if (host_is_mysql(t))
        heard_is(bad_by_step, 4);
    else
        heard_is(bad, 3);
}

/* ---- migrations from memory ---- */

static void memory_is_copied_and_runs_in_the_order_of_versions(void **state)
{
    host *t = host_get(state);
    char version[] = "10", name[] = "second", up[] = "INSERT INTO log VALUES (10);";
    wbl_source s;
    host_connect(t);
    wbl_source_init(&s);
    s.version = version;
    s.name = name;
    s.up = up;
    s.up_size = strlen(up);
    host_ok(t, wbl_migration_add(t->h, &s, &t->err));
    memset(version, 'x', sizeof version - 1);
    memset(name, 'x', sizeof name - 1);
    memset(up, 'x', sizeof up - 1);
    host_add(t, "", "9", NULL, "CREATE TABLE log (n INTEGER); INSERT INTO log VALUES (9);", NULL);
    host_ok(t, host_up(t));
    assert_int_equal(host_ask(t, "SELECT count(*) FROM log"), 2);
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    assert_string_equal(wbl_report_get(t->h)->migrations[1].name, "second");
}

static void size_of_a_script_counts_not_its_end(void **state)
{
    host *t = host_get(state);
    static const char both[] = "CREATE TABLE a (id INTEGER);CREATE TABLE b (id INTEGER);";
    wbl_source s;
    host_connect(t);
    wbl_source_init(&s);
    s.version = "1";
    s.up = both;
    s.up_size = 28;
    s.down = "DROP TABLE a;garbage";
    s.down_size = 13;
    host_ok(t, wbl_migration_add(t->h, &s, &t->err));
    host_ok(t, host_up(t));
    assert_true(host_has_table(t, "a"));
    assert_false(host_has_table(t, "b"));
    host_ok(t, wbl_down(t->h, NULL, &t->err));
    assert_false(host_has_table(t, "a"));
}

static void bad_members_of_a_source_are_refused(void **state)
{
    static const char *const holey[] = { NULL }, *const empty[] = { "" }, *const no_ns[] = { "@2" },
                             *const no_version[] = { "core@" };
    static const struct row {
        const char *ns, *version, *name, *up;
        const char *const *requires;
        uint32_t count;
    } rows[] = {
        { .version = NULL, .up = "SELECT 1" },
        { .version = "", .up = "SELECT 1" },
        { .version = "one", .up = "SELECT 1" },
        { .version = "-1", .up = "SELECT 1" },
        { .version = "1.5", .up = "SELECT 1" },
        { .version = " 1", .up = "SELECT 1" },
        { .version = "1", .up = NULL },
        { .version = "1", .up = "SELECT 1", .ns = "a23456789b23456789c23456789d23456789e23456789f23456" },
        { .version = "1", .up = "SELECT 1", .ns = "a\nb" },
        { .version = "1", .up = "SELECT 1", .ns = "\xff" },
        { .version = "1", .up = "SELECT 1", .name = "a\x01" },
        { .version = "1", .up = "SELECT 1", .name = "\xc3" },
        { .version = "1", .up = "SELECT 1", .requires = NULL, .count = 1 },
        { .version = "1", .up = "SELECT 1", .requires = holey, .count = 1 },
        { .version = "1", .up = "SELECT 1", .requires = empty, .count = 1 },
        { .version = "1", .up = "SELECT 1", .requires = no_ns, .count = 1 },
        { .version = "1", .up = "SELECT 1", .requires = no_version, .count = 1 },
    };
    host *t = host_get(state);
    host_connect(t);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        wbl_source s;
        wbl_code_migration m;
        wbl_source_init(&s);
        s.ns = rows[i].ns;
        s.version = rows[i].version;
        s.name = rows[i].name;
        s.up = rows[i].up;
        s.requires = rows[i].requires;
        s.requires_count = rows[i].count;
        refused(t, wbl_migration_add(t->h, &s, &t->err), WBL_E_INVALID);
        wbl_code_migration_init(&m);
        m.ns = s.ns;
        m.version = s.version;
        m.name = s.name;
        m.up = s.up ? nothing : NULL;
        m.requires = s.requires;
        m.requires_count = s.requires_count;
        refused(t, wbl_migration_register(t->h, &m, &t->err), WBL_E_INVALID);
    }
    add_two(t); /* the handle is as good as before */
    host_ok(t, host_up(t));
    assert_int_equal(wbl_report_get(t->h)->applied_total, 2);
}

/* What only the whole list shows comes with the first call; nothing is touched. */
static void bad_lists_are_refused_before_anything_runs(void **state)
{
    static const char *const later[] = { "default@9" }, *const absent[] = { "nowhere" };
    static const struct row {
        const char *version, *up;
        size_t up_size;
        const char *const *requires;
    } rows[] = {
        { "1", ORDERS, 0, NULL },                                /* the version of another one */
        { "0001", ORDERS, 0, NULL },                             /* the same, with zeros */
        { "2", "BEGIN; CREATE TABLE x (id INTEGER);", 0, NULL }, /* no COMMIT */
        { "2", "CREATE TABLE \"x (id INTEGER);", 0, NULL },      /* no end of the name */
        { "2", "-- whimbrel: no-such-directive\nSELECT 1;", 0, NULL },
        { "2", "SELECT '\xff';", 0, NULL }, /* no UTF-8 */
        { "2", "SELECT 1;\0SELECT 2;", 19, NULL },
        { "2", ORDERS, 0, later },
        { "2", ORDERS, 0, absent },
    };
    host *t = host_get(state);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        host_connect(t);
        host_add(t, NULL, "1", "users", USERS, NULL);
        wbl_source s;
        wbl_source_init(&s);
        s.version = rows[i].version;
        s.up = rows[i].up;
        s.up_size = rows[i].up_size;
        s.requires = rows[i].requires;
        s.requires_count = rows[i].requires ? 1 : 0;
        host_ok(t, wbl_migration_add(t->h, &s, &t->err));
        int rc = host_up(t);
        if (rc >= 0)
            fail_msg("row %zu was applied", i);
        refused(t, rc, rc);
        assert_false(host_has_table(t, "users"));
        assert_false(host_has_table(t, "whimbrel_history"));
        wbl_close(t->h);
        t->h = NULL;
    }
}

static int up_with(host *t, const char *text)
{
    wbl_close(t->h);
    host_connect(t);
    host_add(t, NULL, "1", "users", text, NULL);
    return host_up(t);
}

/* As with files: the checksum is recorded, a comment is a warning, another script an error. */
static void memory_that_was_changed_is_noticed(void **state)
{
    host *t = host_get(state);
    host_ok(t, up_with(t, USERS));
    assert_int_equal(host_ask(t, "SELECT count(*) FROM whimbrel_history WHERE length(checksum) = 64"), 1);
    assert_int_equal(up_with(t, USERS), WBL_NO_CHANGE);
    assert_int_equal(wbl_report_get(t->h)->finding_count, 0);
    assert_int_equal(up_with(t, "-- our users\r\n" USERS), WBL_NO_CHANGE);
    assert_int_equal(wbl_report_get(t->h)->finding_count, 1);
    assert_int_equal(wbl_report_get(t->h)->findings[0].severity, WBL_WARNING);
    refused(t, up_with(t, ORDERS), WBL_E_DRIFT);
    assert_false(host_has_table(t, "orders"));
    host_ok(t, wbl_repair(t->h, NULL, "1", WBL_REPAIR_ACCEPT_FILE, 0, &t->err));
    assert_int_equal(up_with(t, ORDERS), WBL_NO_CHANGE);
}

/* ---- every call once ---- */

static void calls_of_a_life(void **state)
{
    host *t = host_get(state);
    char text[40], path[200];
    int64_t number = -1;
    static const char *const minimum[] = { "default=2" };
    wbl_request q;
    wbl_check_options c;
    wbl_check_options_init(&c);
    host_connect(t);
    add_two(t);

    host_ok(t, wbl_wait(t->h, NULL, &t->err));
    host_ok(t, wbl_version(t->h, NULL, text, sizeof text, &t->err));
    assert_string_equal(text, "");
    host_ok(t, wbl_version_number(t->h, NULL, &number, &t->err));
    assert_int_equal(number, 0);
    assert_int_equal(wbl_check(t->h, NULL, &t->err), WBL_CHECK_FAILED);
    assert_non_null(strstr(t->err.message, "run 'whimbrel up'"));
    assert_false(host_has_table(t, "schema_migrations"));

    wbl_request_init(&q);
    snprintf(path, sizeof path, "%s/plan.json", t->dir);
    q.plan_file = path;
    q.with_sql = 1;
    host_ok(t, wbl_plan(t->h, &q, &t->err));
    assert_int_equal(wbl_report_get(t->h)->step_count, 2);
    assert_string_equal(wbl_report_get(t->h)->steps[0].script, USERS);
    assert_non_null(wbl_report_get(t->h)->plan_hash);
    q.with_sql = 0;
    q.dry_run = 1;
    host_ok(t, wbl_up(t->h, &q, &t->err));
    assert_false(host_has_table(t, "users"));
    q.dry_run = 0;
    host_ok(t, wbl_up(t->h, &q, &t->err));
    assert_int_equal(wbl_report_get(t->h)->done_count, 2);
    assert_int_equal(host_up(t), WBL_NO_CHANGE);

    host_ok(t, wbl_version(t->h, "default", text, sizeof text, &t->err));
    assert_string_equal(text, "000002");
    host_ok(t, wbl_version(t->h, "default", text, 4, &t->err)); /* cut, and terminated */
    assert_string_equal(text, "000");
    host_ok(t, wbl_version_number(t->h, "default", &number, &t->err));
    assert_int_equal(number, 2);
    host_ok(t, wbl_version(t->h, "elsewhere", text, sizeof text, &t->err));
    assert_string_equal(text, "");
    c.minimums = minimum;
    c.minimum_count = 1;
    c.current = 1;
    host_ok(t, wbl_check(t->h, &c, &t->err));
    host_ok(t, wbl_wait(t->h, &c, &t->err));
    host_ok(t, wbl_validate(t->h, NULL, &t->err));
    host_ok(t, wbl_verify(t->h, NULL, &t->err));

    wbl_request_init(&q);
    q.steps = 1;
    host_ok(t, wbl_down(t->h, &q, &t->err));
    assert_false(host_has_table(t, "orders"));
    wbl_request_init(&q);
    q.to = "2";
    host_ok(t, wbl_goto(t->h, &q, &t->err));
    assert_true(host_has_table(t, "orders"));
    host_ok(t, wbl_redo(t->h, NULL, &t->err));
    assert_true(host_has_table(t, "orders"));
    wbl_request_init(&q);
    q.all = 1;
    refused(t, wbl_down(t->h, &q, &t->err), WBL_E_REFUSED);
    q.confirmed = 1;
    host_ok(t, wbl_down(t->h, &q, &t->err));
    assert_false(host_has_table(t, "users"));
    assert_int_equal(wbl_down(t->h, NULL, &t->err), WBL_NO_CHANGE);
    assert_true(host_has_table(t, "schema_migrations"));

    wbl_request_init(&q);
    q.steps = 3;
    host_ok(t, wbl_history(t->h, &q, &t->err));
    assert_int_equal(wbl_report_get(t->h)->attempt_count, 3);
    assert_string_equal(wbl_report_get(t->h)->attempts[0].action, "down");
}

static void ways_out(void **state)
{
    host *t = host_get(state);
    char text[40], name[80];
    host_exec(t, USERS); /* a database that was there before */
    host_connect(t);
    add_two(t);
    host_ok(t, wbl_baseline(t->h, NULL, "1", &t->err));
    host_ok(t, host_up(t));
    assert_true(host_has_table(t, "orders"));
    refused(t, wbl_baseline(t->h, NULL, "1", &t->err), WBL_E_REFUSED);
    host_ok(t, wbl_force(t->h, NULL, "1", &t->err));
    host_ok(t, wbl_version(t->h, NULL, text, sizeof text, &t->err));
    assert_string_equal(text, "000001");
    host_ok(t, wbl_repair(t->h, NULL, "2", WBL_REPAIR_MARK_APPLIED, 0, &t->err));
    assert_int_equal(host_up(t), WBL_NO_CHANGE);
    host_ok(t, wbl_repair(t->h, NULL, "2", WBL_REPAIR_ACCEPT_FILE, 0, &t->err));
    assert_int_equal(wbl_repair(t->h, NULL, NULL, WBL_REPAIR_SHOW, 0, &t->err), WBL_NO_CHANGE);
    host_ok(t, wbl_repair(t->h, NULL, "2", WBL_REPAIR_MARK_REVERTED, 0, &t->err));
    refused(t, wbl_repair(t->h, NULL, "2", WBL_REPAIR_STATEMENT_DID_RUN, 1, &t->err), WBL_E_REFUSED);
    refused(t, wbl_repair(t->h, NULL, "2", WBL_REPAIR_STATEMENT_DID_NOT_RUN, 1, &t->err), WBL_E_REFUSED);
    refused(t, wbl_drop(t->h, "another", &t->err), WBL_E_REFUSED);
    assert_true(host_has_table(t, "users"));
    if (t->kind != HOST_SQLITE)
        host_text(t, host_is_mysql(t) ? "SELECT DATABASE()" : "SELECT current_database()", name, sizeof name);
    else
        snprintf(name, sizeof name, "app.db");
    host_ok(t, wbl_drop(t->h, name, &t->err));
    assert_false(host_has_table(t, "users"));
}

static void files_are_made(void **state)
{
    host *t = host_get(state);
    char *paths = NULL;
    host_ok(t, wbl_init(t->dir, t->url, &paths, &t->err));
    assert_non_null(strstr(paths, "whimbrel.yaml\n"));
    wbl_free(paths);
    refused(t, wbl_init(t->dir, t->url, NULL, &t->err), WBL_E_INVALID); /* nothing is overwritten */
    refused(t, wbl_init("/nonexistent/folder", NULL, NULL, &t->err), WBL_E_IO);

    wbl_options o;
    host_options(t, &o);
    o.dirs = NULL;
    o.config = NULL;
    o.working_dir = t->dir;
    host_ok(t, wbl_open(&o, &t->h, &t->err));
    wbl_new_options n;
    wbl_new_options_init(&n);
    n.name = "add more Users";
    host_ok(t, wbl_new(t->h, &n, &t->err));
    assert_int_equal(wbl_report_get(t->h)->path_count, 2);
    assert_non_null(strstr(wbl_report_get(t->h)->paths[0], "add_more_users.up.sql"));
    host_write(t, "migrations/000009_x.up.sql", USERS);
    host_write(t, "migrations/000009_x.down.sql", "DROP TABLE users;");
    host_add(t, NULL, "10", "memory", ORDERS, NULL); /* beside the files */
    host_ok(t, host_up(t));
    assert_true(host_has_table(t, "users"));
    assert_true(host_has_table(t, "orders"));
}

static void directory_may_be_a_file_url(void **state)
{
    static const char *const dirs[] = { "file://more/../migrations" };
    host *t = host_get(state);
    wbl_options o;
    host_options(t, &o);
    o.dirs = dirs;
    o.dir_count = 1;
    o.working_dir = t->dir;
    o.url = t->url;
    host_write(t, "migrations/1_users.up.sql", USERS);
    host_write(t, "more/x", "");
    host_ok(t, wbl_open(&o, &t->h, &t->err));
    host_ok(t, host_up(t));
    assert_true(host_has_table(t, "users"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_is_that_of_the_header),
        cmocka_unit_test(error_has_1024_bytes),
        cmocka_unit_test(init_stays_inside_the_callers_struct),
        cmocka_unit_test(defaults_are_those_of_the_header),
        ON_SQLITE(newer_structs_are_taken_when_they_ask_for_nothing_new),
        ON_SQLITE(struct_without_init_is_refused),
        ON_SQLITE(every_call_without_a_handle_is_refused),
        ON_SQLITE(null_where_something_is_needed_is_refused),
        ON_SQLITE(wrong_values_are_refused),
        ON_EACH(error_is_cleared_by_the_next_call),
        ON_SQLITE(password_is_in_no_error_and_no_report),
        ON_EACH(report_is_there_before_the_first_call_and_after_a_failure),
        ON_SQLITE(report_lives_until_the_next_call),
        ON_SQLITE(report_as_json_for_each_command),
        ON_EACH(events_tell_a_run_in_order),
        ON_EACH(memory_is_copied_and_runs_in_the_order_of_versions),
        ON_SQLITE(size_of_a_script_counts_not_its_end),
        ON_SQLITE(bad_members_of_a_source_are_refused),
        ON_EACH(bad_lists_are_refused_before_anything_runs),
        ON_EACH(memory_that_was_changed_is_noticed),
        ON_EACH(calls_of_a_life),
        ON_EACH(ways_out),
        ON_EACH(files_are_made),
        ON_SQLITE(directory_may_be_a_file_url),
    };
    return HOST_RUN(tests, "api");
}
