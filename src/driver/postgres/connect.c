/*
 * connect.c - open, attach, reopen, cancel and close a session.
 *
 * Connecting is done in libpq's asynchronous form, because only so a time limit and a cancel flag hold while a host
 * does not answer (resolving its name is the exception: libpq waits for that). No query is sent: the first round trip
 * belongs to survey(). What the URL says goes to libpq when libpq knows the word, and to the server as a setting when
 * it does not, as the Go drivers do: `?search_path=s2&lock_timeout=1s`.
 * Owns the session, its connection and its second connection. Facts: PostgreSQL 17, 32.1 and 32.7; for the parameters
 * of Go's drivers the READMEs of lib/pq and pgx.
 */
#include "driver/postgres/pg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words of Go's drivers that configure these drivers, not the server; a URL that holds them must go on working. */
static const char *const foreign_words[] = {
    "binary_parameters",
    "default_query_exec_mode",
    "description_cache_capacity",
    "disable_prepared_binary_result",
    "min_read_buffer_size",
    "pool_health_check_period",
    "pool_max_conn_idle_time",
    "pool_max_conn_lifetime",
    "pool_max_conn_lifetime_jitter",
    "pool_max_conns",
    "pool_min_conns",
    "pool_min_idle_conns",
    "prefer_simple_protocol",
    "statement_cache_capacity",
    "statement_cache_mode",
};

/* ---- parameters ---- */

static bool is_foreign(const char *key)
{
    for (size_t i = 0; i < WB_COUNT(foreign_words); i++)
        if (strcmp(foreign_words[i], key) == 0)
            return true;
    return false;
}

static bool is_libpq_word(const PQconninfoOption *words, const char *key)
{
    for (; words->keyword; words++)
        if (strcmp(words->keyword, key) == 0)
            return true;
    return false;
}

static const char *param_of(const pg_session *s, const char *key)
{
    for (size_t i = s->param_count; i > 0; i--)
        if (strcmp(s->keys[i - 1], key) == 0)
            return s->values[i - 1];
    return NULL;
}

static int add_param(wb_ctx *cx, pg_session *s, const char *key, const char *value)
{
    if (!value)
        return 0;
    size_t count = s->param_count;
    const char *k = wb_arena_dup(&s->mem, key), *v = wb_arena_dup(&s->mem, value);
    const char **key_slot = WB_PUSH(&s->mem, s->keys, count, s->key_cap);
    count = s->param_count;
    const char **value_slot = WB_PUSH(&s->mem, s->values, count, s->value_cap);
    if (!k || !v || !key_slot || !value_slot)
        return wb_nomem(cx);
    *key_slot = k;
    *value_slot = v;
    s->param_count = count;
    return 0;
}

static int add_default(wb_ctx *cx, pg_session *s, const char *key, const char *value)
{
    return param_of(s, key) ? 0 : add_param(cx, s, key, value);
}

/* One more `-c name=value` of the options parameter; blanks and backslashes are escaped (PostgreSQL 17, 32.1.2). */
static void add_setting(wb_buf *options, const char *key, const char *value)
{
    wb_buf_addf(options, "%s-c ", options->len ? " " : "");
    wb_buf_addf(options, "%s=", key);
    for (; *value; value++) {
        if (*value == ' ' || *value == '\\' || *value == '\t')
            wb_buf_char(options, '\\');
        wb_buf_char(options, *value);
    }
}

static int add_url_params(wb_ctx *cx, pg_session *s, const wb_url *url)
{
    WB_AUTOBUF wb_buf options = WB_BUF(WB_TEXT_MAX);
    PQconninfoOption *words = PQconndefaults();
    if (!words)
        return wb_nomem(cx);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < url->param_count; i++) {
        const char *key = url->params[i].key, *value = url->params[i].value;
        if (wb_starts(key, "x-") || is_foreign(key))
            continue;
        if (strcmp(key, "options") == 0)
            wb_buf_addf(&options, "%s%s", options.len ? " " : "", value);
        else if (strcmp(key, "ssl") == 0 && strcmp(value, "true") == 0)
            rc = add_param(cx, s, "sslmode", "require"); /* the spelling of JDBC, which libpq's own URLs accept, too */
        else if (is_libpq_word(words, key))
            rc = add_param(cx, s, key, value);
        else
            add_setting(&options, key, value);
    }
    PQconninfoFree(words);
    if (rc == 0 && options.len) {
        const char *text = wb_buf_cstr(&options);
        rc = text ? add_param(cx, s, "options", text) : wb_nomem(cx);
    }
    return rc;
}

/* "whimbrel 0.1.0 <run id>": holders of locks are named by it, and ghosts of our own run are known by it. */
static int add_application(wb_ctx *cx, pg_session *s, const wb_open_options *o)
{
    const char *name = param_of(s, "application_name");
    if (!name)
        name = o->application ? o->application : "whimbrel";
    /* The server keeps 63 bytes; the run id must be among them. */
    size_t room = 63 - (o->run_id ? strlen(o->run_id) + 1 : 0);
    char text[128];
    wb_copy_text(text, room + 1, name, strlen(name));
    size_t len = strlen(text);
    if (o->run_id)
        snprintf(text + len, sizeof text - len, " %s", o->run_id);
    return add_param(cx, s, "application_name", text);
}

static int add_number(wb_ctx *cx, pg_session *s, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return add_default(cx, s, key, text);
}

static int make_params(wb_ctx *cx, pg_session *s, const wb_open_options *o)
{
    const wb_url *url = o->url;
    int rc = add_param(cx, s, "host", url->host);
    if (rc == 0)
        rc = add_param(cx, s, "port", url->port);
    if (rc == 0)
        rc = add_param(cx, s, "user", url->user);
    if (rc == 0)
        rc = add_param(cx, s, "dbname", url->path && *url->path ? url->path : NULL);
    if (rc == 0)
        rc = add_url_params(cx, s, url);
    if (rc == 0 && (o->password || url->password))
        rc = add_param(cx, s, "password", o->password ? o->password : url->password);
    if (rc == 0)
        rc = add_application(cx, s, o);
    if (rc == 0)
        rc = add_param(cx, s, "client_encoding", "UTF8");
    /* A cut line must not hold a run for two hours, which is what the kernel's own keepalive takes. */
    if (rc == 0)
        rc = add_default(cx, s, "keepalives_idle", "15");
    if (rc == 0)
        rc = add_default(cx, s, "keepalives_interval", "5");
    if (rc == 0)
        rc = add_default(cx, s, "keepalives_count", "3");
    if (rc == 0 && s->answer_timeout_ms > 0)
        rc = add_number(cx, s, "tcp_user_timeout", s->answer_timeout_ms);
    if (rc != 0)
        return rc;
    /* libpq wants a NULL behind the last of each; arena arrays grow by copying, so this comes last. */
    size_t count = s->param_count;
    const char **key_end = WB_PUSH(&s->mem, s->keys, count, s->key_cap);
    count = s->param_count;
    const char **value_end = WB_PUSH(&s->mem, s->values, count, s->value_cap);
    if (!key_end || !value_end)
        return wb_nomem(cx);
    *key_end = *value_end = NULL;
    return 0;
}

/* A limit of the URL counts for each host in libpq; we have one limit for all of them. */
static int64_t connect_limit(const pg_session *s)
{
    const char *text = param_of(s, "connect_timeout"), *hosts = param_of(s, "host");
    long seconds = text ? strtol(text, NULL, 10) : 0;
    if (seconds <= 0)
        return s->connect_timeout_ms > 0 ? s->connect_timeout_ms : 10000;
    int64_t count = 1;
    for (; hosts && *hosts; hosts++)
        count += *hosts == ',';
    return count * seconds * 1000;
}

/* ---- what went wrong ---- */

/* "FATAL:  3D000: database "x" does not exist" -> code and text. The word in front may be in any language. */
static const char *take_sqlstate(const char *text, size_t len, char sqlstate[6])
{
    for (size_t i = 0; i + 10 < len && i < 40; i++) {
        if (memcmp(text + i, ":  ", 3) != 0 || memcmp(text + i + 8, ": ", 2) != 0)
            continue;
        memcpy(sqlstate, text + i + 3, 5);
        sqlstate[5] = 0;
        return text + i + 10;
    }
    return text;
}

/* libpq tells a story of several lines, one stretch for each address that it tried; the last one is the news. False
   when there is no text. */
bool pg_connect_cause(const char *text, char sqlstate[6], char *out, size_t size)
{
    static const char lead[] = " failed: ";
    const char *from = text;
    sqlstate[0] = 0;
    for (const char *p = text; (p = strstr(p, lead)); p += sizeof lead - 1)
        from = p + sizeof lead - 1;
    size_t len = strcspn(from, "\n");
    const char *cause = take_sqlstate(from, len, sqlstate);
    len -= (size_t)(cause - from);
    wb_copy_text(out, size, cause, len);
    if (out[0] >= 'A' && out[0] <= 'Z' && out[1] >= 'a' && out[1] <= 'z')
        out[0] = (char)(out[0] + 32);
    return out[0] != 0;
}

/* Without a code of the server it is the network, which may be better later, unless libpq itself refuses to go on. */
static bool is_hopeless(const char *cause)
{
    static const char *const words[] = { "SSL",     "password", "certificate", "authentication",
                                         "service", "GSS",      "requirepeer" };
    for (size_t i = 0; i < WB_COUNT(words); i++)
        if (strstr(cause, words[i]))
            return true;
    return false;
}

static int fail_connect(wb_ctx *cx, pg_session *s)
{
    char cause[300], state[6];
    if (!pg_connect_cause(PQerrorMessage(s->conn), state, cause, sizeof cause))
        snprintf(cause, sizeof cause, "no reason is known");
    bool is_wrong_word = wb_starts(cause, "invalid ") && !state[0];
    int code = wb_fail(cx, is_wrong_word ? WBL_E_INVALID : WBL_E_CONNECT, WBL_EFFECT_NONE, "can't connect to %s: %s",
                       s->shown, cause);
    if (!cx->err)
        return code;
    snprintf(cx->err->sqlstate, sizeof cx->err->sqlstate, "%s", state);
    cx->err->is_retryable = !is_wrong_word && (state[0] ? pg_error_find(state)->is_retryable : !is_hopeless(cause));
    if (strcmp(state, "3D000") == 0)
        wb_hint(cx, "Create the database, or correct its name in the URL.");
    else if (strncmp(state, "28", 2) == 0)
        wb_hint(cx, "Check user and password; special characters in a password are percent-encoded in a URL.");
    else if (strstr(cause, "onnection refused"))
        wb_hint(cx, "Is the server up there? `whimbrel wait --timeout 60s` waits for it.");
    return code;
}

/* ---- connecting ---- */

static int stop_reason(wb_ctx *cx, pg_session *s, int64_t limit_ms)
{
    int64_t now = wb_now_ms();
    if (wb_cancelled(cx))
        return wb_fail(cx, WBL_E_CANCELLED, WBL_EFFECT_NONE, "cancelled while connecting to %s", s->shown);
    if (cx->deadline_ms && now >= cx->deadline_ms)
        return wb_fail(cx, WBL_E_TIMEOUT, WBL_EFFECT_NONE, "no time was left to connect to %s", s->shown);
    if (now < limit_ms)
        return 0;
    wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "can't connect to %s: no answer", s->shown);
    if (cx->err)
        cx->err->is_retryable = true;
    return WBL_E_CONNECT;
}

static int await_connection(wb_ctx *cx, pg_session *s)
{
    int64_t limit_ms = wb_now_ms() + connect_limit(s);
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
        int rc = stop_reason(cx, s, limit_ms);
        if (rc != 0)
            return rc;
        struct pollfd p = { PQsocket(s->conn), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0 };
        int n = poll(&p, 1, 100);
        if (n > 0)
            state = PQconnectPoll(s->conn);
        else if (n < 0 && errno != EINTR)
            return wb_fail(cx, WBL_E_IO, WBL_EFFECT_NONE, "poll failed with error %d", errno);
    }
    return state == PGRES_POLLING_OK ? 0 : fail_connect(cx, s);
}

static void read_facts(pg_session *s)
{
    wb_server *v = &s->base.server;
    const char *version = PQparameterStatus(s->conn, "server_version"), *database = PQdb(s->conn);
    const char *strings = PQparameterStatus(s->conn, "standard_conforming_strings");
    snprintf(v->product, sizeof v->product, "PostgreSQL");
    v->version = (uint32_t)PQserverVersion(s->conn);
    /* "15.18 (Debian 15.18-0+deb12u1)" */
    wb_copy_text(v->version_text, sizeof v->version_text, version ? version : "", version ? strcspn(version, " ") : 0);
    wb_copy_text(v->database, sizeof v->database, database ? database : "", database ? strlen(database) : 0);
    v->has_backslash_quotes = strings && strcmp(strings, "off") == 0;
}

static int check_version(wb_ctx *cx, const pg_session *s)
{
    if (s->base.server.version >= 110000)
        return 0;
    return wb_fail(cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE,
                   "PostgreSQL %s is older than 11, the oldest that whimbrel knows", s->base.server.version_text);
}

static void set_cancel(pg_session *s, PGcancel *fresh)
{
    pthread_mutex_lock(&s->guard);
    if (s->cancel)
        PQfreeCancel(s->cancel);
    s->cancel = fresh;
    pthread_mutex_unlock(&s->guard);
}

static void disconnect(pg_session *s)
{
    set_cancel(s, NULL);
    if (s->conn && !s->is_borrowed)
        PQfinish(s->conn);
    s->conn = NULL;
}

static int connect_now(wb_ctx *cx, pg_session *s)
{
    s->conn = PQconnectStartParams(s->keys, s->values, 0);
    if (!s->conn)
        return wb_nomem(cx);
    int rc = 0;
    if (PQstatus(s->conn) == CONNECTION_BAD) {
        rc = fail_connect(cx, s);
    } else {
        /* Only so does the text of a refusal show its code. */
        PQsetErrorVerbosity(s->conn, PQERRORS_VERBOSE);
        PQsetNoticeReceiver(s->conn, pg_on_notice, s);
        rc = await_connection(cx, s);
    }
    if (rc == 0) {
        PQsetErrorVerbosity(s->conn, PQERRORS_DEFAULT);
        set_cancel(s, PQgetCancel(s->conn));
        read_facts(s);
        rc = check_version(cx, s);
    }
    if (rc != 0)
        disconnect(s);
    return rc;
}

/* ---- the session ---- */

static void forget_state(pg_session *s)
{
    pg_queue_cut(s, 0);
    s->is_mark_due = s->is_unit_open = s->is_unit_sent = s->has_failed = s->is_flush_due = false;
    s->unit = s->committed = 0;
    s->lock_count = s->remain_count = 0;
    s->fuse[0] = 0;
}

static void side_close(pg_session *s)
{
    if (s->side)
        pg_close(&s->side->base);
    s->side = NULL;
    s->is_side_refused = false;
}

static pg_session *session_new(wb_ctx *cx, const wb_open_options *o)
{
    pg_session *s = wb_alloc(sizeof *s);
    if (!s) {
        wb_nomem(cx);
        return NULL;
    }
    pthread_mutex_init(&s->guard, NULL);
    s->message = WB_BUF(PG_MESSAGE_MAX);
    s->base.driver = &pg_driver;
    s->base.caps = pg_driver.caps;
    s->connect_timeout_ms = o->connect_timeout_ms;
    s->answer_timeout_ms = o->answer_timeout_ms;
    char uuid[37];
    bool has_uuid = wb_uuid7(uuid) == 0;
    /* The end of a UUIDv7 is random; without randomness the address of the session has to do. */
    snprintf(s->nonce, sizeof s->nonce, "%s", has_uuid ? uuid + 24 : "");
    if (!has_uuid)
        snprintf(s->nonce, sizeof s->nonce, "%zx", (size_t)s);
    s->shown = wb_arena_dup(&s->mem, o->url && o->url->shown ? o->url->shown : "the caller's connection");
    s->run_id = o->run_id ? wb_arena_dup(&s->mem, o->run_id) : "";
    if (!s->shown || !s->run_id) {
        wb_nomem(cx);
        pg_close(&s->base);
        return NULL;
    }
    return s;
}

int pg_open(wb_ctx *cx, const wb_open_options *o, wb_session **out)
{
    pg_session *s = session_new(cx, o);
    if (!s)
        return WBL_E_NOMEM;
    int rc = make_params(cx, s, o);
    if (rc == 0)
        rc = connect_now(cx, s);
    if (rc != 0) {
        pg_close(&s->base);
        return rc;
    }
    *out = &s->base;
    return 0;
}

int pg_reopen(wb_ctx *cx, wb_session *base)
{
    pg_session *s = pg_of(base);
    pg_failure_clear(s);
    if (s->is_borrowed)
        return wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "the caller's connection cannot be opened anew from here");
    side_close(s);
    disconnect(s);
    forget_state(s);
    return connect_now(cx, s);
}

/* The caller's connection, without our locks and without a unit of ours that is half done. */
static void give_back(pg_session *s)
{
    pg_queue_cut(s, 0);
    s->has_failed = false;
    if (s->is_unit_open && s->is_unit_sent)
        pg_undo(s);
    if (s->lock_count && PQtransactionStatus(s->conn) == PQTRANS_IDLE) {
        wb_ctx quiet = { 0 };
        pg_unlock(&quiet, &s->base, NULL, 0);
    }
    if (s->has_receiver)
        PQsetNoticeReceiver(s->conn, s->receiver_before, NULL);
}

void pg_close(wb_session *base)
{
    if (!base)
        return;
    pg_session *s = pg_of(base);
    side_close(s);
    if (s->is_borrowed && s->conn)
        give_back(s);
    disconnect(s);
    wb_buf_done(&s->message);
    wb_free(s->items);
    wb_arena_done(&s->mem);
    pthread_mutex_destroy(&s->guard);
    wb_free(s);
}

void pg_cancel(wb_session *base)
{
    pg_session *s = pg_of(base);
    char ignored[256];
    pthread_mutex_lock(&s->guard);
    s->is_cancel_asked = true;
    if (s->cancel)
        PQcancel(s->cancel, ignored, sizeof ignored);
    pthread_mutex_unlock(&s->guard);
}

void *pg_native(wb_session *base) { return pg_of(base)->conn; }

/* ---- the caller's connection ---- */

/* libpq tells the receiver that is in place, but not its argument. So ours goes in only where libpq's own is, whose
   argument is NULL; a caller who has a receiver keeps it, and gets the notices there. */
static void take_receiver(pg_session *s)
{
    static const char *const keys[] = { "port", NULL }, *const values[] = { "none", NULL };
    PGconn *sample = PQconnectStartParams(keys, values, 0); /* a bad port: fails at once, without a socket */
    if (!sample)
        return;
    s->receiver_before = PQsetNoticeReceiver(s->conn, NULL, NULL);
    s->has_receiver = s->receiver_before == PQsetNoticeReceiver(sample, NULL, NULL);
    if (s->has_receiver)
        PQsetNoticeReceiver(s->conn, pg_on_notice, s);
    PQfinish(sample);
}

/* What libpq used for this connection serves for the second one. */
static int copy_params(wb_ctx *cx, pg_session *s)
{
    PQconninfoOption *words = PQconninfo(s->conn);
    if (!words)
        return wb_nomem(cx);
    int rc = 0;
    for (const PQconninfoOption *w = words; rc == 0 && w->keyword; w++)
        rc = add_param(cx, s, w->keyword, w->val && *w->val ? w->val : NULL);
    PQconninfoFree(words);
    if (rc != 0)
        return rc;
    size_t count = s->param_count;
    const char **key_end = WB_PUSH(&s->mem, s->keys, count, s->key_cap);
    count = s->param_count;
    const char **value_end = WB_PUSH(&s->mem, s->values, count, s->value_cap);
    if (!key_end || !value_end)
        return wb_nomem(cx);
    *key_end = *value_end = NULL;
    return 0;
}

static int keep_restore(void *user, size_t index, const PGresult *r)
{
    pg_session *s = user;
    if (index > 0 || PQntuples(r) == 0 || PQgetisnull(r, 0, 0))
        return 0;
    s->restore = wb_arena_dup(&s->mem, PQgetvalue(r, 0, 0));
    return s->restore ? 0 : WBL_E_NOMEM;
}

/* reset() has to bring back what the caller had set, so it must be known. Settings first: some want a superuser. */
static int read_settings(wb_ctx *cx, pg_session *s)
{
    static const char sql[] =
        "SELECT 'SELECT ' || pg_catalog.concat_ws(', ', "
        "(SELECT pg_catalog.string_agg(pg_catalog.format('pg_catalog.set_config(%L, %L, false)', name, "
        "pg_catalog.current_setting(name)), ', ') FROM pg_catalog.pg_settings WHERE source = 'session' AND "
        "context IN ('user', 'superuser') AND name NOT LIKE 'transaction\\_%' AND "
        "name <> 'seed'), "
        "pg_catalog.format('pg_catalog.set_config(''session_authorization'', %L, false)', session_user), "
        "CASE WHEN pg_catalog.current_setting('role') <> 'none' THEN "
        "pg_catalog.format('pg_catalog.set_config(''role'', %L, false)', pg_catalog.current_setting('role')) END)";
    int rc = pg_exec(cx, s, sql, keep_restore, s);
    return rc == WBL_E_NOMEM ? wb_nomem(cx) : rc;
}

int pg_attach(wb_ctx *cx, void *native, const wb_open_options *o, wb_session **out)
{
    PGconn *conn = native;
    if (!conn || PQstatus(conn) != CONNECTION_OK)
        return wb_fail(cx, WBL_E_CONNECT, WBL_EFFECT_NONE, "the caller's connection is not open");
    if (PQtransactionStatus(conn) != PQTRANS_IDLE || PQpipelineStatus(conn) != PQ_PIPELINE_OFF)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE,
                       "the caller's connection is busy, in pipeline mode or in a transaction");
    pg_session *s = session_new(cx, o);
    if (!s)
        return WBL_E_NOMEM;
    s->conn = conn;
    s->is_borrowed = true;
    set_cancel(s, PQgetCancel(conn));
    read_facts(s);
    take_receiver(s);
    int rc = check_version(cx, s);
    if (rc == 0)
        rc = copy_params(cx, s);
    if (rc == 0)
        rc = read_settings(cx, s);
    if (rc != 0) {
        pg_close(&s->base);
        return rc;
    }
    *out = &s->base;
    return 0;
}

/* ---- the second connection ---- */

/* Opened when it is needed for the first time; a server that refuses it costs only what would have been shown. */
PGconn *pg_side(pg_session *s)
{
    if (s->side && PQstatus(s->side->conn) == CONNECTION_OK)
        return s->side->conn;
    if (s->is_side_refused || !s->keys)
        return NULL;
    side_close(s);
    s->is_side_refused = true;
    wb_ctx quiet = { .deadline_ms = wb_now_ms() + 2000 };
    wb_url nowhere = { .shown = s->shown };
    wb_open_options o = { .url = &nowhere, .connect_timeout_ms = 2000 };
    pg_session *side = session_new(&quiet, &o);
    if (!side)
        return NULL;
    side->keys = s->keys; /* in the arena of the first session, which lives longer */
    side->values = s->values;
    side->param_count = s->param_count;
    if (connect_now(&quiet, side) != 0) {
        pg_close(&side->base);
        return NULL;
    }
    s->side = side;
    s->is_side_refused = false;
    return side->conn;
}
