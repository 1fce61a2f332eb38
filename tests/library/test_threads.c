/*
 * test_threads.c - several handles in several threads at once, and wbl_cancel() from a thread, a callback and a signal
 * handler. tests/library/tsan builds it with the thread sanitizer, too.
 */
#include "host.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define MIGRATIONS 12

/* ---- one handle each ---- */

struct worker {
    pthread_t thread;
    char url[400];
    int rounds, rc, done;
    bool goes_down;
    wbl_error err;
};

static int add_tables(wbl_handle *h, wbl_error *err)
{
    for (int i = 1, rc; i <= MIGRATIONS; i++) {
        char version[8], up[80], down[40];
        wbl_source s;
        snprintf(version, sizeof version, "%d", i);
        snprintf(up, sizeof up, "CREATE TABLE t%d (id INTEGER); INSERT INTO t%d VALUES (1);", i, i);
        snprintf(down, sizeof down, "DROP TABLE t%d;", i);
        wbl_source_init(&s);
        s.version = version;
        s.up = up;
        s.down = down;
        if ((rc = wbl_migration_add(h, &s, err)) != 0)
            return rc;
    }
    return 0;
}

static int one_round(struct worker *w)
{
    static const char *const none[] = { NULL };
    wbl_options o;
    wbl_request q;
    wbl_handle *h = NULL;
    wbl_options_init(&o);
    o.url = w->url;
    o.no_environment = 1;
    o.config = "";
    o.dirs = none;
    int rc = wbl_open(&o, &h, &w->err);
    if (rc == 0)
        rc = add_tables(h, &w->err);
    if (rc == 0)
        rc = wbl_up(h, NULL, &w->err);
    if (rc >= 0)
        w->done += (int)wbl_report_get(h)->done_count;
    if (rc >= 0)
        rc = wbl_status(h, NULL, &w->err);
    wbl_request_init(&q);
    q.all = q.confirmed = 1;
    if (rc == 0 && w->goes_down)
        rc = wbl_down(h, &q, &w->err);
    wbl_close(h);
    return rc;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < w->rounds && w->rc == 0; i++)
        w->rc = one_round(w);
    return NULL;
}

static int run_workers(struct worker *w, size_t count)
{
    int done = 0;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
    for (size_t i = 0; i < count; i++)
        pthread_join(w[i].thread, NULL);
    for (size_t i = 0; i < count; i++) {
        if (w[i].rc != 0)
            fail_msg("thread %zu: %d: %s", i, w[i].rc, w[i].err.message);
        done += w[i].done;
    }
    return done;
}

static void threads_with_a_database_each(void **state)
{
    host *t = host_get(state);
    struct worker w[THREADS] = { 0 };
    for (int i = 0; i < THREADS; i++) {
        snprintf(w[i].url, sizeof w[i].url, "sqlite:%s/own%d.db", t->dir, i);
        w[i].rounds = 3;
        w[i].goes_down = true;
    }
    assert_int_equal(run_workers(w, THREADS), THREADS * 3 * MIGRATIONS);
}

/* As the replicas of a service do it: all start at once, and each migration runs once. */
static void threads_with_one_database(void **state)
{
    host *t = host_get(state);
    struct worker w[THREADS] = { 0 };
    for (int i = 0; i < THREADS; i++) {
        snprintf(w[i].url, sizeof w[i].url, "%s", t->url);
        w[i].rounds = 2;
    }
    assert_int_equal(run_workers(w, THREADS), MIGRATIONS);
    for (int i = 1; i <= MIGRATIONS; i++) {
        char sql[60];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM t%d", i);
        assert_int_equal(host_ask(t, sql), 1);
    }
}

/* Two databases at once, each with its client library. */
static void threads_with_both_databases(void **state)
{
    host *t = host_get(state);
    struct worker w[2] = { 0 };
    for (int i = 0; i < 2; i++) {
        w[i].rounds = 5;
        w[i].goes_down = true;
    }
    snprintf(w[0].url, sizeof w[0].url, "sqlite:%s/own.db", t->dir);
    snprintf(w[1].url, sizeof w[1].url, "%s", t->url);
    assert_int_equal(run_workers(w, 2), 2 * 5 * MIGRATIONS);
}

/* ---- cancel ---- */

static const char *endless(const host *t)
{
    return t->kind == HOST_SQLITE ? "CREATE TABLE b (n INTEGER); INSERT INTO b WITH RECURSIVE n(i) AS (SELECT 1 UNION "
                                    "ALL SELECT i + 1 FROM n) "
                                    "SELECT max(i) FROM n;"
           : t->kind == HOST_POSTGRES
               ? "CREATE TABLE b (n INTEGER); SELECT pg_sleep(60);"
               : "UPDATE a SET id = 2; SELECT id FROM a WHERE SLEEP(60);"; /* data alone: it can be rolled back */
}

static void add_endless(host *t)
{
    host_add(t, NULL, "1", "quick", "CREATE TABLE a (id INTEGER); INSERT INTO a VALUES (1);", NULL);
    host_add(t, NULL, "2", "endless", endless(t), NULL);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* Of the second nothing is left; the first is there, or went with the group that both were in, and the report says which.
   With the flag cleared the next run goes on. */
static void is_stopped_well(host *t, int rc)
{
    if (rc != WBL_E_CANCELLED)
        fail_msg("%d: %s", rc, t->err.message);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    assert_false(host_has_table(t, "b") || host_ask(t, "SELECT count(*) FROM a WHERE id = 2") > 0);
    assert_int_equal(wbl_report_get(t->h)->applied_total, host_has_table(t, "a"));
    assert_int_equal(host_up(t), WBL_E_CANCELLED); /* the wish stays until it is taken back */
    wbl_cancel_clear(t->h);
    host_ok(t, wbl_status(t->h, NULL, &t->err));
    assert_int_equal(wbl_report_get(t->h)->migrations[1].state, WBL_STATE_PENDING);
}

static atomic_int started;

static void note_second(host *t, const wbl_event *e)
{
    if (e->kind == WBL_EVENT_STARTED && strcmp(e->migration->version, "2") == 0)
        atomic_store(&started, 1);
    (void)t;
}

static void *cancel_when_it_runs(void *arg)
{
    for (int i = 0; i < 5000 && !atomic_load(&started); i++)
        pause_ms(1);
    pause_ms(100);
    wbl_cancel(arg);
    return NULL;
}

static void cancel_from(host *t, void (*open)(host *))
{
    pthread_t thread;
    atomic_store(&started, 0);
    t->on_event = note_second;
    open(t);
    add_endless(t);
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_it_runs, t->h), 0);
    int rc = host_up(t);
    pthread_join(thread, NULL);
    is_stopped_well(t, rc);
}

static void cancelled_from_another_thread(void **state) { cancel_from(host_get(state), host_connect); }
static void cancelled_on_the_programs_connection(void **state) { cancel_from(host_get(state), host_attach); }

static void cancel_at_second(host *t, const wbl_event *e)
{
    if (e->kind == WBL_EVENT_STARTED && strcmp(e->migration->version, "2") == 0)
        wbl_cancel(t->h);
}

static void cancelled_from_the_callback(void **state)
{
    host *t = host_get(state);
    t->on_event = cancel_at_second;
    host_connect(t);
    add_endless(t);
    int rc = host_up(t);
    assert_int_equal(rc, WBL_E_CANCELLED);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    assert_false(host_has_table(t, "b"));
}

static wbl_handle *volatile in_handler;

static void on_alarm(int number)
{
    (void)number;
    wbl_cancel(in_handler);
}

static void cancelled_from_a_signal_handler(void **state)
{
    host *t = host_get(state);
    struct sigaction action = { .sa_handler = on_alarm }, before;
    struct itimerval soon = { .it_value = { .tv_usec = 300000 } };
    host_connect(t);
    add_endless(t);
    in_handler = t->h;
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &soon, NULL);
    int rc = host_up(t);
    sigaction(SIGALRM, &before, NULL);
    is_stopped_well(t, rc);
}

static void *cancel_soon(void *arg)
{
    pause_ms(200);
    wbl_cancel(arg);
    return NULL;
}

static void wait_is_cancelled(void **state)
{
    host *t = host_get(state);
    static const char *const minimum[] = { "default=99" };
    wbl_check_options c;
    pthread_t thread;
    host_connect(t);
    host_add(t, NULL, "1", "a", "CREATE TABLE a (id INTEGER);", NULL);
    host_ok(t, host_up(t));
    wbl_check_options_init(&c); /* for ever */
    c.minimums = minimum;
    c.minimum_count = 1;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, t->h), 0);
    assert_int_equal(wbl_wait(t->h, &c, &t->err), WBL_E_CANCELLED);
    pthread_join(thread, NULL);
    wbl_cancel_clear(t->h);
    c.wait_ms = 10;
    assert_int_equal(wbl_wait(t->h, &c, &t->err), WBL_E_TIMEOUT);
}

/* Waiting for another run's lock ends at once, too. */
static void wait_for_the_lock_is_cancelled(void **state)
{
    host *t = host_get(state);
    wbl_options o;
    wbl_handle *first = NULL;
    pthread_t thread;
    host_options(t, &o);
    o.url = t->url;
    o.keep_lock = 1;
    host_ok(t, wbl_open(&o, &first, &t->err));
    wbl_source s;
    wbl_source_init(&s);
    s.version = "1";
    s.up = "CREATE TABLE a (id INTEGER);";
    host_ok(t, wbl_migration_add(first, &s, &t->err));
    host_ok(t, wbl_up(first, NULL, &t->err));
    host_connect(t);
    add_endless(t);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, t->h), 0);
    int rc = host_up(t);
    pthread_join(thread, NULL);
    wbl_close(first);
    assert_int_equal(rc, WBL_E_CANCELLED);
    assert_int_equal(t->err.effect, WBL_EFFECT_NONE);
    assert_false(host_has_table(t, "b"));
}

/* A handle is cancelled again and again while it works; each call ends well or is cancelled, and each migration runs once. */
static atomic_int is_over;

static void *cancel_often(void *arg)
{
    for (int n = 0; !atomic_load(&is_over); n++) {
        wbl_cancel(arg);
        pause_ms(1);
        wbl_cancel_clear(arg);
        pause_ms(3 + n / 50); /* more and more, so that a slow machine ends, too */
    }
    return NULL;
}

static void cancelled_again_and_again(void **state)
{
    host *t = host_get(state);
    pthread_t thread;
    int rc = WBL_E_CANCELLED;
    atomic_store(&is_over, 0);
    host_connect(t);
    host_ok(t, add_tables(t->h, &t->err));
    assert_int_equal(pthread_create(&thread, NULL, cancel_often, t->h), 0);
    for (int i = 0; i < 2000 && rc == WBL_E_CANCELLED; i++) {
        rc = host_up(t);
        assert_int_not_equal(t->err.effect, WBL_EFFECT_UNKNOWN);
    }
    atomic_store(&is_over, 1);
    pthread_join(thread, NULL);
    wbl_cancel_clear(t->h);
    if (rc < 0)
        fail_msg("%d: %s", rc, t->err.message);
    assert_int_equal(host_up(t), WBL_NO_CHANGE);
    for (int i = 1; i <= MIGRATIONS; i++) {
        char sql[60];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM t%d", i);
        assert_int_equal(host_ask(t, sql), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SQLITE(threads_with_a_database_each),       ON_EACH(threads_with_one_database),
        ON_SERVERS(threads_with_both_databases),       ON_EACH(cancelled_from_another_thread),
        ON_EACH(cancelled_on_the_programs_connection), ON_EACH(cancelled_from_the_callback),
        ON_EACH(cancelled_from_a_signal_handler),      ON_SQLITE(wait_is_cancelled),
        ON_SERVERS(wait_for_the_lock_is_cancelled),    ON_EACH(cancelled_again_and_again),
    };
    return HOST_RUN(tests, "threads");
}
