/*
 * lock.c - advisory locks: their numbers, who holds them, and who blocks us while we wait for something else.
 *
 * Locks are only ever tried, never waited for: a session that waits in pg_advisory_lock() holds a snapshot, and CREATE
 * INDEX CONCURRENTLY of the lock's holder waits for that snapshot, so both would be stuck.
 * Looks at blockers and progress go through the second connection, since the first one is busy.
 * Owns nothing. Facts: PostgreSQL 17, 9.28.10, 52.12 (pg_locks), 27.2.3 (pg_stat_activity), 27.4.4.
 */
#include "driver/postgres/pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t pg_lock_number(const wb_lock_key *key)
{
    return key->is_number ? strtoll(key->text, NULL, 10) : (int64_t)wb_hash64(key->text, strlen(key->text));
}

/* Nested CASE, since only that has an order of evaluation: a lock that is not to be had gives those before it back.
   "IS NULL" is never true and always evaluated; "AND false" would be folded away together with the unlock. */
void pg_lock_text(wb_buf *b, const wb_lock_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wb_buf_addf(b, "CASE WHEN pg_catalog.pg_try_advisory_lock(%lld) THEN ", (long long)pg_lock_number(&keys[i]));
    wb_buf_str(b, "true");
    for (size_t i = count; i > 0; i--) {
        wb_buf_str(b, i > 1 ? " ELSE " : " ELSE false");
        for (size_t j = 0; j + 1 < i; j++)
            wb_buf_addf(b, "%spg_catalog.pg_advisory_unlock(%lld) IS NULL", j ? " OR " : "",
                        (long long)pg_lock_number(&keys[j]));
        wb_buf_str(b, " END");
    }
}

static void forget_lock(pg_session *s, int64_t number)
{
    for (size_t i = 0; i < s->lock_count; i++)
        if (s->locks[i] == number) {
            s->locks[i] = s->locks[--s->lock_count];
            return;
        }
}

/* count 0: everything that survey() took. */
int pg_unlock(wb_ctx *cx, wb_session *base, const wb_lock_key *keys, size_t count)
{
    pg_session *s = pg_of(base);
    int64_t numbers[PG_LOCKS_MAX];
    size_t held = 0;
    for (size_t i = s->lock_count; i > 0; i--) {
        bool is_asked = count == 0;
        for (size_t k = 0; k < count; k++)
            is_asked = is_asked || pg_lock_number(&keys[k]) == s->locks[i - 1];
        if (is_asked)
            numbers[held++] = s->locks[i - 1];
    }
    int rc = held ? pg_ready(cx, s) : 0;
    if (rc != 0 || held == 0)
        return rc;
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    for (size_t i = 0; i < held; i++) {
        wb_buf_addf(&sql, "%s pg_catalog.pg_advisory_unlock(%lld)", i ? "," : "SELECT", (long long)numbers[i]);
        forget_lock(s, numbers[i]);
    }
    const char *text = wb_buf_cstr(&sql);
    return text ? pg_exec(cx, s, text, NULL, NULL) : wb_nomem(cx);
}

/* ---- who holds it ---- */

typedef struct holder_reader {
    wb_holder *out;
    const char *run_id;
    bool is_found;
} holder_reader;

/* Our own sessions have the id of their run behind their name: it is for us, not for people. */
static size_t name_len(const char *application)
{
    enum { ID = 36 };
    size_t len = strlen(application);
    if (len <= ID + 1 || application[len - ID - 1] != ' ' || strspn(application + len - ID, "0123456789abcdef-") != ID)
        return len;
    return len - ID - 1;
}

static void copy_cell(char *to, size_t size, const PGresult *r, int column)
{
    wb_copy_text(to, size, PQgetvalue(r, 0, column), strcspn(PQgetvalue(r, 0, column), "\r\n"));
}

static int read_holder(void *user, size_t index, const PGresult *r)
{
    holder_reader *h = user;
    if (index > 0 || PQntuples(r) == 0)
        return 0;
    wb_holder *out = h->out;
    *out = (wb_holder){ .pid = pg_number(r, 0, 0) };
    copy_cell(out->application, sizeof out->application, r, 1);
    copy_cell(out->host, sizeof out->host, r, 2);
    copy_cell(out->user, sizeof out->user, r, 3);
    copy_cell(out->since, sizeof out->since, r, 4);
    copy_cell(out->state, sizeof out->state, r, 5);
    copy_cell(out->query, sizeof out->query, r, 6);
    out->age_ms = PQgetisnull(r, 0, 7) ? 0 : pg_number(r, 0, 7);
    out->is_own_ghost = h->run_id[0] && strstr(out->application, h->run_id) != NULL;
    out->application[name_len(out->application)] = 0;
    snprintf(out->ending, sizeof out->ending, "SELECT pg_terminate_backend(%lld)", (long long)out->pid);
    h->is_found = true;
    return 0;
}

int pg_holder(wb_ctx *cx, wb_session *base, const wb_lock_key *keys, size_t count, wb_holder *out)
{
    pg_session *s = pg_of(base);
    int rc = pg_ready(cx, s);
    if (rc != 0)
        return rc;
    if (count == 0)
        return WBL_NO_CHANGE;
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_buf_str(
        &sql,
        "SELECT l.pid, a.application_name, coalesce(a.client_hostname, pg_catalog.host(a.client_addr)), a.usename, "
        "a.backend_start, a.state, pg_catalog.btrim(a.query, E' \\t\\r\\n'), (extract(epoch FROM "
        "pg_catalog.clock_timestamp() - a.backend_start) * 1000)::pg_catalog.int8 FROM pg_catalog.pg_locks l "
        "LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted AND "
        "l.objsubid = 1 AND l.pid <> pg_catalog.pg_backend_pid() AND l.database = "
        "(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND "
        "(l.classid::pg_catalog.int8 << 32 | l.objid::pg_catalog.int8) IN (");
    for (size_t i = 0; i < count; i++)
        wb_buf_addf(&sql, "%s%lld", i ? ", " : "", (long long)pg_lock_number(&keys[i]));
    wb_buf_str(&sql, ") LIMIT 1");
    const char *text = wb_buf_cstr(&sql);
    if (!text)
        return wb_nomem(cx);
    holder_reader reader = { out, s->run_id, false };
    rc = pg_exec(cx, s, text, read_holder, &reader);
    return rc != 0 ? rc : reader.is_found ? 0 : WBL_NO_CHANGE;
}

/* The pid may belong to somebody else by now, so the server compares the name once more. */
int pg_end_ghost(wb_ctx *cx, wb_session *base, const wb_holder *holder)
{
    pg_session *s = pg_of(base);
    int rc = pg_ready(cx, s);
    if (rc != 0)
        return rc;
    if (!holder->is_own_ghost || !s->run_id[0])
        return wb_fail(cx, WBL_E_REFUSED, WBL_EFFECT_NONE, "process %lld is no session of this run",
                       (long long)holder->pid);
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_buf_addf(&sql,
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid = %lld AND "
                "pid <> pg_catalog.pg_backend_pid() AND pg_catalog.strpos(application_name, ",
                (long long)holder->pid);
    wb_sqltext_literal(&sql, &pg_sqltext, s->run_id, strlen(s->run_id));
    wb_buf_str(&sql, ") > 0");
    const char *text = wb_buf_cstr(&sql);
    return text ? pg_exec(cx, s, text, NULL, NULL) : wb_nomem(cx);
}

/* ---- looks from beside ---- */

static void blocker_text(wb_buf *b, const PGresult *r)
{
    const char *name = PQgetvalue(r, 0, 1);
    bool is_named = name[0] != 0;
    char span[32];
    wb_span_text(pg_number(r, 0, 3), span);
    wb_buf_addf(b, "process %s, ", PQgetvalue(r, 0, 0));
    if (is_named)
        wb_buf_addf(b, "application \"%.*s\", ", (int)name_len(name), name);
    else
        wb_buf_addf(b, "%s, ", PQgetvalue(r, 0, 5));
    wb_buf_addf(b, "%s for %s", PQgetisnull(r, 0, 2) ? "running" : PQgetvalue(r, 0, 2), span);
    wb_str query = pg_cell(r, 0, 4);
    if (query.len) {
        wb_buf_str(b, ": ");
        wb_buf_add(b, query.p, wb_utf8_cut(query.p, query.len, 160));
    }
}

void pg_blocker_look(pg_session *s)
{
    PGconn *side = pg_side(s);
    if (!side)
        return;
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_buf_addf(&sql,
                "SELECT a.pid, a.application_name, a.state, (extract(epoch FROM pg_catalog.clock_timestamp() - "
                "coalesce(a.state_change, a.backend_start)) * 1000)::pg_catalog.int8, "
                "pg_catalog.regexp_replace(pg_catalog.btrim(a.query, E' \\t\\r\\n;'), '[[:space:]]+', ' ', 'g'), "
                "a.backend_type "
                "FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(%d)) b(pid) "
                "JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid ORDER BY a.xact_start LIMIT 1",
                PQbackendPID(s->conn));
    const char *text = wb_buf_cstr(&sql);
    PGresult *r = text ? PQexec(side, text) : NULL;
    if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1) {
        WB_AUTOBUF wb_buf blocker = WB_BUF(WB_TEXT_MAX);
        blocker_text(&blocker, r);
        if (wb_buf_cstr(&blocker))
            wb_copy_text(s->base.failure.blocker, sizeof s->base.failure.blocker, blocker.p, blocker.len);
        snprintf(s->base.failure.blocker_ending, sizeof s->base.failure.blocker_ending, "SELECT pg_terminate_backend(%s)",
                 PQgetvalue(r, 0, 0));
    }
    PQclear(r);
}

void pg_progress_look(wb_ctx *cx, pg_session *s)
{
    PGconn *side = s->base.server.version >= 120000 ? pg_side(s) : NULL;
    if (!side)
        return;
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_buf_addf(
        &sql,
        "SELECT phase, CASE WHEN blocks_total > 0 THEN blocks_done WHEN tuples_total > 0 THEN tuples_done ELSE "
        "lockers_done END, CASE WHEN blocks_total > 0 THEN blocks_total WHEN tuples_total > 0 THEN tuples_total ELSE "
        "lockers_total END FROM pg_catalog.pg_stat_progress_create_index WHERE pid = %d",
        PQbackendPID(s->conn));
    const char *text = wb_buf_cstr(&sql);
    PGresult *r = text ? PQexec(side, text) : NULL;
    if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1)
        cx->progress(cx->user, PQgetvalue(r, 0, 0), (uint64_t)pg_number(r, 0, 1), (uint64_t)pg_number(r, 0, 2));
    PQclear(r);
}
