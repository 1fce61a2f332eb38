/*
 * lock.c - locks of a run (GET_LOCK), who holds them, and who blocks a statement of ours.
 *
 * Names of GET_LOCK are the server's, not the database's, and have at most 64 characters: ours are a hash that the
 * database's name is part of. A second lock, named by the run, tells a session of our own run that the server has not
 * noticed to be dead from a stranger: nothing else of a session is visible to everybody.
 * Owns nothing. Facts: MySQL 8.4 manual, 14.14 (GET_LOCK, IS_USED_LOCK), 28.3.23 (processlist), 29.12.13 (locks of
 * performance_schema); MariaDB Knowledge Base, "INNODB_LOCK_WAITS", "METADATA_LOCK_INFO".
 */
#include "driver/mysql/my.h"

#include <stdio.h>
#include <string.h>

#define SIDE_TIMEOUT_MS 2000

/* ---- names ---- */

static void hashed(char out[MY_LOCK_NAME], const char *lead, const char *a, const char *b)
{
    wb_sha256 h;
    uint8_t digest[32];
    char hex[41];
    wb_sha256_start(&h);
    wb_sha256_add(&h, a, strlen(a) + 1);
    wb_sha256_add(&h, b, strlen(b));
    wb_sha256_end(&h, digest);
    wb_hex(digest, 20, hex);
    snprintf(out, MY_LOCK_NAME, "%.20s %s", lead, hex);
}

/* The number of another tool is the name itself, in decimal. */
void my_lock_name(const my_session *s, const wb_lock_key *key, char out[MY_LOCK_NAME])
{
    bool is_plain = key->is_number && key->text[strspn(key->text, "-0123456789")] == 0;
    if (is_plain && strlen(key->text) < MY_LOCK_NAME)
        snprintf(out, MY_LOCK_NAME, "%s", key->text);
    else
        hashed(out, "whimbrel", s->base.server.database, key->text);
}

void my_run_lock_name(const my_session *s, char out[MY_LOCK_NAME])
{
    hashed(out, "whimbrel run", "", s->target.run_id ? s->target.run_id : "");
}

/* ---- giving back ---- */

static void forget(my_session *s, const char *name)
{
    for (size_t i = 0; i < s->lock_count; i++)
        if (strcmp(s->locks[i], name) == 0) {
            memmove(s->locks[i], s->locks[i + 1], (s->lock_count - i - 1) * sizeof *s->locks);
            s->lock_count--;
            return;
        }
}

/* keys NULL: all that are ours. The run's own lock goes with the last one. */
int my_unlock(wb_ctx *cx, wb_session *base, const wb_lock_key *keys, size_t count)
{
    my_session *s = my_of(base);
    char names[MY_LOCKS_MAX + 1][MY_LOCK_NAME];
    size_t n = 0;
    for (size_t i = 0; i < (keys ? count : s->lock_count) && n < MY_LOCKS_MAX; i++, n++)
        if (keys)
            my_lock_name(s, &keys[i], names[n]);
        else
            snprintf(names[n], MY_LOCK_NAME, "%s", s->locks[i]);
    for (size_t i = 0; i < n; i++)
        forget(s, names[i]);
    if (s->lock_count == 0 && s->has_run_lock) {
        my_run_lock_name(s, names[n++]);
        s->has_run_lock = false;
    }
    if (n == 0)
        return 0;
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    for (size_t i = n; i > 0; i--) /* in reverse order */
        wb_buf_addf(&sql, "%s RELEASE_LOCK('%s')", i == n ? "SELECT" : ",", names[i - 1]);
    const char *text = wb_buf_cstr(&sql);
    int rc = my_ready(cx, s);
    return rc != 0 ? rc : text ? my_exec(cx, s, text, NULL, NULL) : wb_nomem(cx);
}

/* ---- are they still ours? ---- */

static int count_lost(void *user, size_t index, const wb_str *cells, size_t count)
{
    size_t *lost = user;
    (void)index;
    for (size_t i = 0; i < count; i++)
        *lost += my_number(cells[i]) <= 0;
    return 0;
}

/* A script may give them up with RELEASE_ALL_LOCKS(). */
int my_locks_check(wb_ctx *cx, my_session *s)
{
    if (s->lock_count == 0)
        return 0;
    size_t lost = 0;
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    for (size_t i = 0; i < s->lock_count; i++)
        wb_buf_addf(&sql, "%s IF(IS_USED_LOCK('%s') <=> CONNECTION_ID(), 2, GET_LOCK('%s', 0))", i ? "," : "SELECT",
                    s->locks[i], s->locks[i]);
    const char *text = wb_buf_cstr(&sql);
    int rc = text ? my_exec(cx, s, text, count_lost, &lost) : wb_nomem(cx);
    if (rc != 0 || lost == 0)
        return rc;
    wb_fail(cx, WBL_E_LOCKED, WBL_EFFECT_NONE, "the script gave up the lock of this run, and another run has it now");
    wb_hint(cx, "A script may not call RELEASE_ALL_LOCKS().");
    return WBL_E_LOCKED;
}

/* ---- who holds them ---- */

static void copy(char *to, size_t size, wb_str cell) { wb_copy_text(to, size, cell.p ? cell.p : "", cell.len); }

/* Cells: 0 id, 1 is it our run's, 2 user, 3 host, 4 command, 5 since, 6 query */
static int read_holder(void *user, size_t index, const wb_str *cells, size_t count)
{
    wb_holder *h = user;
    (void)index;
    if (count < 7 || !cells[0].p)
        return 0;
    h->pid = my_number(cells[0]);
    h->is_own_ghost = my_number(cells[1]) != 0;
    copy(h->user, sizeof h->user, cells[2]);
    copy(h->host, sizeof h->host, cells[3]);
    copy(h->state, sizeof h->state, wb_str_eq(cells[4], "Sleep") ? (wb_str){ "idle", 4 } : (wb_str){ "active", 6 });
    if (!cells[4].p)
        h->state[0] = 0;
    copy(h->since, sizeof h->since, cells[5]);
    copy(h->query, sizeof h->query, cells[6]);
    char *port = strrchr(h->host, ':'); /* of the client */
    if (port)
        *port = 0;
    return 0;
}

static int read_application(void *user, size_t index, const wb_str *cells, size_t count)
{
    wb_holder *h = user;
    (void)index, (void)count;
    copy(h->application, sizeof h->application, cells[0]);
    return 0;
}

/* Without performance_schema nobody knows; the account's own table needs no privilege. */
static void find_application(my_session *s, wb_holder *h)
{
    char sql[200];
    wbl_error scratch;
    wb_ctx quiet = { .err = &scratch };
    wb_failure before = s->base.failure;
    snprintf(sql, sizeof sql,
             "SELECT attr_value FROM performance_schema.session_account_connect_attrs WHERE processlist_id = %lld AND "
             "attr_name = 'program_name'",
             (long long)h->pid);
    (void)my_exec(&quiet, s, sql, read_application, h);
    s->base.failure = before;
}

static void holder_text(const my_session *s, wb_buf *b, const char *name)
{
    char run[MY_LOCK_NAME];
    my_run_lock_name(s, run);
    wb_buf_addf(b,
                "SELECT h.id, h.id <=> IS_USED_LOCK('%s'), p.user, p.host, p.command, "
                "DATE_FORMAT(NOW() - INTERVAL p.time SECOND, '%%Y-%%m-%%d %%H:%%i:%%s'), LEFT(p.info, 199) "
                "FROM (SELECT IS_USED_LOCK('%s') AS id) h LEFT JOIN information_schema.processlist p ON p.id = h.id",
                run, name);
}

int my_holder(wb_ctx *cx, wb_session *base, const wb_lock_key *keys, size_t count, wb_holder *out)
{
    my_session *s = my_of(base);
    int rc = my_ready(cx, s);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        char name[MY_LOCK_NAME];
        wb_holder h = { 0 };
        WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
        my_lock_name(s, &keys[i], name);
        holder_text(s, &sql, name);
        const char *text = wb_buf_cstr(&sql);
        rc = text ? my_exec(cx, s, text, read_holder, &h) : wb_nomem(cx);
        if (rc != 0 || h.pid == 0 || h.pid == (int64_t)mysql_thread_id(s->conn))
            continue;
        find_application(s, &h);
        snprintf(h.ending, sizeof h.ending, "KILL %lld", (long long)h.pid);
        *out = h;
        return 0;
    }
    return rc != 0 ? rc : WBL_NO_CHANGE;
}

int my_end_ghost(wb_ctx *cx, wb_session *base, const wb_holder *holder)
{
    my_session *s = my_of(base);
    if (!holder->is_own_ghost)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "connection %lld is not of this run",
                       (long long)holder->pid);
    wbl_error own = { 0 };
    wb_ctx inner = *cx;
    inner.err = cx->err ? cx->err : &own;
    char sql[64];
    snprintf(sql, sizeof sql, "KILL CONNECTION %lld", (long long)holder->pid);
    int rc = my_ready(&inner, s);
    if (rc == 0)
        rc = my_exec(&inner, s, sql, NULL, NULL);
    return rc != 0 && inner.err->native == 1094 ? 0 : rc; /* it has gone by itself */
}

/* ---- who blocks us ---- */

/* Each gives at most one row: id, user, host, seconds, query. %1$lu is our connection. */
static const struct blocker_query {
    enum { ANY, MYSQL_ONLY, MARIADB_ONLY } server;
    bool is_guess;
    const char *sql;
} blocker_queries[] = {
    /* rows */
    { MYSQL_ONLY, false,
      "SELECT p.id, p.user, p.host, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), p.info "
      "FROM performance_schema.data_lock_waits w "
      "JOIN performance_schema.threads r ON r.thread_id = w.requesting_thread_id AND r.processlist_id = %1$lu "
      "JOIN performance_schema.threads b ON b.thread_id = w.blocking_thread_id "
      "JOIN information_schema.processlist p ON p.id = b.processlist_id "
      "LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id LIMIT 1" },
    { MARIADB_ONLY, false,
      "SELECT p.id, p.user, p.host, TIMESTAMPDIFF(SECOND, b.trx_started, NOW()), p.info "
      "FROM information_schema.innodb_lock_waits w "
      "JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id AND r.trx_mysql_thread_id = %1$lu "
      "JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id "
      "JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id LIMIT 1" },
    /* whole tables: who has what we wait for */
    { ANY, false,
      "SELECT p.id, p.user, p.host, p.time, p.info FROM performance_schema.metadata_locks w "
      "JOIN performance_schema.threads r ON r.thread_id = w.owner_thread_id AND r.processlist_id = %1$lu "
      "JOIN performance_schema.metadata_locks g ON g.object_type = w.object_type AND "
      "g.object_schema = w.object_schema AND g.object_name = w.object_name AND g.lock_status = 'GRANTED' AND "
      "g.owner_thread_id <> w.owner_thread_id "
      "JOIN performance_schema.threads b ON b.thread_id = g.owner_thread_id "
      "JOIN information_schema.processlist p ON p.id = b.processlist_id "
      "WHERE w.lock_status = 'PENDING' AND w.object_type = 'TABLE' LIMIT 1" },
    { MARIADB_ONLY, false,
      "SELECT p.id, p.user, p.host, p.time, p.info FROM information_schema.metadata_lock_info g "
      "JOIN information_schema.processlist p ON p.id = g.thread_id AND p.id <> %1$lu "
      "JOIN information_schema.processlist me ON me.id = %1$lu AND me.state LIKE '%%metadata lock%%' "
      "WHERE g.lock_type = 'Table metadata lock' AND LOCATE(g.table_name, me.info) > 0 ORDER BY p.time DESC LIMIT 1" },
    /* a guess, and called one: the oldest transaction that is open */
    { ANY, true,
      "SELECT p.id, p.user, p.host, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), p.info "
      "FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
      "WHERE t.trx_mysql_thread_id <> %1$lu AND EXISTS (SELECT 1 FROM information_schema.processlist me WHERE "
      "me.id = %1$lu AND me.state LIKE '%%lock%%') ORDER BY t.trx_started LIMIT 1" },
};

static void blocker_text(wb_buf *b, MYSQL_ROW row, bool is_guess)
{
    size_t host = row[2] ? strcspn(row[2], ":") : 0;
    wb_buf_addf(b, "%sconnection %s", is_guess ? "probably " : "", row[0]);
    if (row[1] && *row[1])
        wb_buf_addf(b, ", user \"%s\"", row[1]);
    if (host)
        wb_buf_addf(b, " from %.*s", (int)host, row[2]);
    wb_buf_str(b, row[4] ? ", running" : ", idle in a transaction");
    if (row[3])
        wb_buf_addf(b, " for %s s", row[3]);
    if (row[4])
        wb_buf_addf(b, ": %.120s", row[4]);
}

static bool ask_blocker(my_session *s, MYSQL *side, const struct blocker_query *q)
{
    if (q->server == MYSQL_ONLY ? my_is_mariadb(s) : q->server == MARIADB_ONLY && !my_is_mariadb(s))
        return false;
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX), said = WB_BUF(WB_TEXT_MAX);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the texts of the table above */
    wb_buf_addf(&sql, q->sql, s->busy_id);
#pragma GCC diagnostic pop
    const char *text = wb_buf_cstr(&sql);
    MYSQL_RES *res = text && mysql_query(side, text) == 0 ? mysql_store_result(side) : NULL;
    MYSQL_ROW row = res ? mysql_fetch_row(res) : NULL;
    if (row && row[0]) {
        blocker_text(&said, row, q->is_guess);
        if (!q->is_guess) /* nobody should end a session on a suspicion */
            snprintf(s->base.failure.blocker_ending, sizeof s->base.failure.blocker_ending, "KILL %s", row[0]);
    }
    mysql_free_result(res);
    if (said.len && wb_buf_cstr(&said))
        wb_copy_text(s->base.failure.blocker, sizeof s->base.failure.blocker, said.p, said.len);
    return said.len > 0;
}

void my_blocker_look(my_session *s)
{
    unsigned number;
    char why[200];
    MYSQL *side = my_connect(&s->target, SIDE_TIMEOUT_MS, &number, why, sizeof why);
    for (size_t i = 0; side && i < WB_COUNT(blocker_queries); i++)
        if (ask_blocker(s, side, &blocker_queries[i]))
            break;
    if (side)
        mysql_close(side);
}
