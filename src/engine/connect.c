/*
 * connect.c - the connection of a call: open it, take the lock or tell who holds it, find our tables and make them, and the
 * same once more when the connection was lost.
 */
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>

#define LOCK_POLL_FIRST_MS 20
#define LOCK_POLL_MAX_MS 500
#define LOCK_LOOK_MS 5000 /* between two looks at who holds it: it may be another run by now */
#define ANSWER_TIMEOUT_MS 30000
#define RECONNECT_MAX 5   /* of one run before it gives up */

static bool needs_numeric(const wb_source_set *set)
{
    for (size_t i = 0; i < set->migration_count; i++) {
        const char *key = set->migrations[i].key;
        size_t n = strlen(key);
        if (n > 19 || (n == 19 && strcmp(key, "9223372036854775807") > 0))
            return true;
    }
    return false;
}

static int connect_session(wb_run *run, bool writes)
{
    wbl_handle *h = run->h;
    if (h->session && h->session_read_only && writes) { /* an embedded file that did not exist was not created */
        h->driver->close(h->session);
        h->session = NULL;
    }
    if (h->session)
        return 0;
    if (!h->driver) {
        const char *missing = h->config.url_missing;
        int rc = wb_fail(&run->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no database URL%s%s", missing ? ": " : "", missing ? missing : "");
        wb_hint(&run->cx, "Give one with --url, in DATABASE_URL, or as `url:` in whimbrel.yaml (`whimbrel init` writes one).");
        return rc;
    }
    char *application = wb_arena_fmt(&h->mem, "%s " WBL_VERSION, h->config.application);
    if (!application)
        return wb_nomem(&run->cx);
    const wb_open_options o = {
        .url = &h->url,
        .application = application,
        .run_id = h->session_id,
        .password = h->config.password,
        .connect_timeout_ms = h->config.connect_timeout_ms,
        .answer_timeout_ms = ANSWER_TIMEOUT_MS,
        .busy_timeout_ms = h->config.lock_timeout_ms < 0 ? INT64_MAX / 4 : h->config.lock_timeout_ms,
        .read_only = !writes,
    };
    int rc = h->options.connection ? h->driver->attach(&run->cx, h->options.connection, &o, &h->session)
                                   : h->driver->open(&run->cx, &o, &h->session);
    h->session_read_only = !writes;
    h->holds_lock = false;
    return rc;
}

enum { T_LEDGER, T_HISTORY, T_CATALOG, T_COUNT };

/* The statement-by-statement migration that the holder is at, as far as it is recorded: " billing 000003". An atomic one
   shows in no row before it is done. */
struct under_way {
    char text[200];
};

static int read_under_way(void *user, const wb_str *cells, size_t count)
{
    (void)count;
    struct under_way *u = user;
    if (!wb_str_eq(cells[2], "started"))
        return 0;
    if (wb_str_eq(cells[0], WB_DEFAULT_NS))
        snprintf(u->text, sizeof u->text, ", now at %.*s", (int)cells[1].len, cells[1].p);
    else
        snprintf(u->text, sizeof u->text, ", now at %.*s %.*s", (int)cells[0].len, cells[0].p, (int)cells[1].len, cells[1].p);
    return 0;
}

static void look_under_way(wb_run *run, const wb_survey *survey, struct under_way *out)
{
    static const char *const columns[] = { "namespace", "version", "state" };
    out->text[0] = 0;
    if (survey->table_count <= T_HISTORY || !survey->shapes[T_HISTORY].exists)
        return;
    const wb_select sel = { .table = survey->shapes[T_HISTORY].ref, .columns = columns, .column_count = WB_COUNT(columns),
                            .order_by = "seq", .newest_first = true, .limit = 1, .fn = read_under_way, .user = out };
    wbl_error scratch;
    wb_ctx quiet = wb_run_quiet(run, &scratch);
    (void)run->h->driver->rows(&quiet, run->h->session, &sel, 1); /* it only makes the message richer */
}

/* "whimbrel 0.1.0 on deploy-7, process 4121, since 12:03:11 UTC (2 min), now at billing 000003". The age is left out
   while we wait: the same news is told once. */
static void holder_text(const wb_holder *who, bool with_age, const char *under_way, char *out, size_t size)
{
    char since[32], age[32];
    bool is_working = !who->state[0] || strcmp(who->state, "active") == 0;
    wb_utc_text(wb_wall_ms() - who->age_ms, since);
    wb_span_text(who->age_ms, age);
    bool is_long = who->age_ms >= 20ll * 3600000; /* then the time of day alone would mislead */
    since[10] = ' ';
    since[19] = 0;
    int n = snprintf(out, size, "%s%s%s, process %lld", who->application[0] ? who->application : "a session",
                     who->host[0] ? " on " : "", who->host, (long long)who->pid);
    if (n > 0 && (size_t)n < size && who->age_ms)
        n += snprintf(out + n, size - (size_t)n, ", since %s UTC", is_long ? since : since + 11);
    if (n > 0 && (size_t)n < size && who->age_ms && with_age)
        n += snprintf(out + n, size - (size_t)n, " (%s)", age);
    if (n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, "%s%s%s", is_working ? "" : ", ", is_working ? "" : who->state, under_way);
}

static void say_waiting(wb_run *run, const wb_holder *who, const char *under_way)
{
    char holder[400], text[450];
    holder_text(who, false, under_way, holder, sizeof holder);
    snprintf(text, sizeof text, "waiting for the lock, held by %s", holder);
    run->cx.waiting(run, text);
}

static int lock_refused(wb_run *run, int64_t waited_ms, const wb_holder *who, bool known, const char *under_way)
{
    char waited[32], text[400] = "";
    wb_span_text(waited_ms, waited);
    if (known)
        holder_text(who, true, under_way, text, sizeof text);
    int rc = wb_fail(&run->cx, WBL_E_LOCKED, WBL_EFFECT_NONE, "another run holds the lock (waited %s)%s%s", waited,
                     known ? ": " : "", text);
    const char *ending = known ? who->ending : "";
    wb_hint(&run->cx, "Wait for it, or give more time with --lock-timeout 20m.%s%s%s%s",
            known ? " When that process ends, the server frees the lock by itself" : "", *ending ? "; `" : "", ending,
            *ending ? "` ends it." : known ? "." : "");
    run->cx.err->is_retryable = 1;
    return rc;
}

/* One survey after the other until the locks are ours. Polling, never a blocking lock call: a session that blocks in an
   advisory lock and CREATE INDEX CONCURRENTLY wait for each other (PostgreSQL 17 manual, CREATE INDEX). */
static int survey_locked(wb_run *run, wb_survey *survey, int64_t timeout_ms, bool may_end_ghost)
{
    wbl_handle *h = run->h;
    int64_t began = wb_now_ms(), pause = LOCK_POLL_FIRST_MS, looked_ms = 0;
    bool is_known = false;
    wb_holder who = { 0 };
    struct under_way at = { "" };
    for (;;) {
        int rc = h->driver->survey(&run->cx, h->session, run->mem, survey);
        if (rc != 0 || survey->is_locked)
            return rc;
        int64_t now = wb_now_ms(), waited = now - began;
        bool is_over = timeout_ms >= 0 && waited >= timeout_ms;
        bool is_due = is_over || (waited >= LOCK_POLL_FIRST_MS && (!looked_ms || now - looked_ms >= LOCK_LOOK_MS));
        if (is_due || may_end_ghost) {
            rc = h->driver->holder(&run->cx, h->session, survey->locks, survey->lock_count, &who);
            if (rc < 0)
                return rc;
            is_known = rc == 0;
            if (is_known && may_end_ghost && who.is_own_ghost && h->driver->end_ghost &&
                (rc = h->driver->end_ghost(&run->cx, h->session, &who)) != 0)
                return rc;
        }
        if (is_due && is_known) {
            looked_ms = now;
            look_under_way(run, survey, &at);
            if (!is_over)
                say_waiting(run, &who, at.text);
        }
        if (is_over)
            return lock_refused(run, waited, &who, is_known, at.text);
        if (wb_cancelled(&run->cx))
            return wb_fail(&run->cx, WBL_E_CANCELLED, WBL_EFFECT_NONE, "cancelled while waiting for the lock");
        int64_t left = timeout_ms < 0 ? pause : timeout_ms - waited;
        wb_sleep_ms(pause < left ? pause : left);
        pause = pause * 2 < LOCK_POLL_MAX_MS ? pause * 2 : LOCK_POLL_MAX_MS;
    }
}

static void table_refs(const wb_run *run, wb_table_ref refs[T_COUNT])
{
    const wb_config *c = &run->h->config;
    refs[T_LEDGER] = (wb_table_ref){ c->ledger_schema, c->ledger_table };
    refs[T_HISTORY] = (wb_table_ref){ c->ledger_schema, WB_HISTORY_TABLE };
    refs[T_CATALOG] = (wb_table_ref){ c->ledger_schema, WB_CATALOG_TABLE };
}

static int take_shapes(wb_run *run, const wb_survey *survey)
{
    wbl_handle *h = run->h;
    wb_table *t = survey->shapes;
    run->has_ledger = t[T_LEDGER].exists;
    run->has_history = t[T_HISTORY].exists;
    run->has_catalog = t[T_CATALOG].exists;
    int rc = wb_ledger_choose(&run->cx, run->mem, &t[T_LEDGER], h->config.profile, run->has_set && needs_numeric(&run->set),
                              &run->ledger);
    if (rc != 0)
        return rc;
    const char *schema = t[T_LEDGER].ref.schema;
    wb_history_init(&run->history, run->mem, run->has_history ? t[T_HISTORY].ref.schema : schema,
                    run->ledger.table.ref.name);
    run->history.needs = (wb_select){ .table = run->ledger.table.ref, .columns = run->ledger.shape->select,
                                      .column_count = run->ledger.shape->select_count };
    wb_snapshots_init(&run->snapshots, run->mem, run->has_catalog ? t[T_CATALOG].ref.schema : schema,
                      run->ledger.table.ref.name);
    rc = wb_ledger_own(&run->cx, &t[T_HISTORY], &run->history.table);
    if (rc == 0)
        rc = wb_ledger_own(&run->cx, &t[T_CATALOG], &run->snapshots.table);
    if (rc != 0)
        return rc;
    h->report.profile = run->ledger.shape->profile;
    h->report.ledger = schema && *schema ? wb_arena_fmt(run->mem, "%s.%s", schema, t[T_LEDGER].ref.name)
                                         : wb_arena_dup(run->mem, t[T_LEDGER].ref.name);
    h->report.server = wb_arena_fmt(run->mem, "%s %s", h->session->server.product, h->session->server.version_text);
    return h->report.ledger && h->report.server ? 0 : wb_nomem(&run->cx);
}

/* The adopted tool's own locks are known only now, when its table is. Ours is held: nobody of us comes between. */
static int take_foreign_locks(wb_run *run)
{
    wbl_handle *h = run->h;
    int n = wb_ledger_foreign_locks(&h->mem, &run->ledger, &h->session->server, h->locks + 1);
    if (n < 0)
        return wb_nomem(&run->cx);
    if (n == 0)
        return 0;
    wb_survey more = { .locks = h->locks + 1, .lock_count = (size_t)n };
    int rc = survey_locked(run, &more, h->config.lock_timeout_ms, false);
    if (rc == 0)
        h->lock_count = 1 + (size_t)n;
    return rc;
}

static int survey_all(wb_run *run, bool writes, bool may_end_ghost, int64_t timeout_ms)
{
    wbl_handle *h = run->h;
    wb_table_ref refs[T_COUNT];
    table_refs(run, refs);
    wb_survey survey = { .tables = refs, .table_count = T_COUNT };
    if (writes && !h->holds_lock) {
        const char *text = wb_ledger_lock_text(&h->mem, refs[T_LEDGER].name);
        if (!text)
            return wb_nomem(&run->cx);
        h->locks[0] = (wb_lock_key){ .text = text };
        h->lock_count = 1;
        survey.locks = h->locks;
        survey.lock_count = 1;
    }
    int rc = survey_locked(run, &survey, timeout_ms, may_end_ghost);
    if (rc != 0)
        return rc;
    bool is_new = survey.lock_count > 0;
    h->holds_lock = h->holds_lock || is_new;
    rc = take_shapes(run, &survey);
    return rc == 0 && is_new ? take_foreign_locks(run) : rc;
}

int wb_run_open(wb_run *run, bool writes)
{
    wbl_handle *h = run->h;
    run->writes = writes;
    bool is_old = h->session != NULL;
    int rc = connect_session(run, writes);
    if (rc != 0)
        return rc;
    rc = survey_all(run, writes, false, h->config.lock_timeout_ms);
    if (rc == 0 && writes && h->session->server.is_standby) {
        rc = wb_fail(&run->cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE, "this server is a standby, or read-only: nothing can be written there");
        wb_hint(&run->cx, "Connect to the primary. PostgreSQL's target_session_attrs=read-write finds it among several hosts of a URL.");
        return rc;
    }
    if (rc != 0 && is_old && h->session->failure.is_connection_lost) { /* it died between two calls */
        h->holds_lock = false;
        rc = h->driver->reopen(&run->cx, h->session);
        if (rc == 0)
            rc = survey_all(run, writes, true, h->config.lock_timeout_ms);
    }
    if (rc != 0)
        return rc;
    run->sql = (wb_sql_options){ .dialect = wb_dialect_of(h->driver->name),
                                 .server_version = h->session->server.version,
                                 .is_mariadb = h->session->server.is_mariadb,
                                 .backslash_quotes = h->session->server.has_backslash_quotes,
                                 .ansi_quotes = h->session->server.has_ansi_quotes };
    return 0;
}

int wb_run_relock(wb_run *run)
{
    wbl_handle *h = run->h;
    if (++run->reconnects > RECONNECT_MAX)
        return wb_fail(&run->cx, WBL_E_OUTCOME, WBL_EFFECT_UNKNOWN, "the connection was lost %d times in this run",
                       RECONNECT_MAX + 1);
    h->holds_lock = false;
    int rc = 0;
    for (int try = 0; try < 6; try++) {
        wb_sleep_ms(try ? 100 << try : 0);
        rc = h->driver->reopen(&run->cx, h->session);
        if (rc == 0 || wb_cancelled(&run->cx) || h->options.connection) /* the caller alone could open that one anew */
            break;
    }
    if (rc != 0)
        return rc;
    /* A session of ours that the server has not noticed to be dead may still hold the lock: it may be ended. */
    return survey_all(run, true, true, h->config.lock_timeout_ms);
}

static int create_missing(wb_run *run)
{
    wb_table missing[T_COUNT];
    size_t n = 0;
    if (!run->has_ledger)
        missing[n++] = run->ledger.table;
    if (!run->has_history)
        missing[n++] = run->history.table;
    if (!run->has_catalog && run->h->session->caps & WB_CAP_CATALOG)
        missing[n++] = run->snapshots.table;
    return n ? run->h->driver->create(&run->cx, run->h->session, missing, n) : 0;
}

/* What is there is left alone, so this can be said again when the answer was lost; the steps find out by themselves whether
   another run came between. */
int wb_run_tables(wb_run *run)
{
    int rc = create_missing(run);
    while (rc != 0 && (rc == WBL_E_OUTCOME || run->h->session->failure.is_connection_lost) && !run->h->options.connection) {
        rc = wb_run_relock(run);
        if (rc != 0) {
            run->cx.err->effect = WBL_EFFECT_UNKNOWN;
            return rc;
        }
        rc = create_missing(run);
    }
    if (rc == 0)
        run->has_ledger = run->has_history = run->has_catalog = true;
    return rc;
}

int wb_run_reload(wb_run *run)
{
    int rc = survey_all(run, true, false, run->h->config.lock_timeout_ms);
    return rc == 0 ? wb_run_load(run) : rc;
}
