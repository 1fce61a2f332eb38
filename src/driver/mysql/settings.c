/*
 * settings.c - the session's settings: our time limits, and putting back what a script has changed.
 *
 * COM_RESET_CONNECTION would do the latter, but it gives up the locks of GET_LOCK, and with them the run. So before a
 * statement that may change the session all variables are noted, and reset() sets back those that differ. What has no
 * variable stays until the end of the connection: temporary tables, user variables, prepared statements.
 * Owns the note. Facts: MySQL 8.4 manual, 7.1.8 (variables), 15.7.6.1 (SET), 15.3.6 (LOCK TABLES); MariaDB Knowledge
 * Base, "max_statement_time".
 */
#include "driver/mysql/my.h"

#include <stdio.h>
#include <string.h>

typedef struct my_setting {
    const char *name, *value;
} my_setting;

/* They change by themselves, or are ours. */
static const char *const volatile_names[] = {
    "error_count",        "external_user",      "gtid_current_pos", "gtid_next",
    "gtid_owned",         "identity",           "in_transaction",   "innodb_lock_wait_timeout",
    "insert_id",          "last_gtid",          "last_insert_id",   "lock_wait_timeout",
    "max_execution_time", "max_statement_time", "proxy_user",       "pseudo_thread_id",
    "rand_seed1",         "rand_seed2",         "timestamp",        "warning_count",
};

/* ---- limits ---- */

/* Whole seconds, and no 0, which would mean no wait at all. */
static uint32_t seconds_of(int64_t ms)
{
    return ms <= 0 ? 0 : ms > 31536000000 ? 31536000 : (uint32_t)((ms + 999) / 1000);
}

void my_limits_text(my_session *s, wb_buf *b, int64_t lock_ms, int64_t statement_ms)
{
    uint32_t lock_s = seconds_of(lock_ms);
    const char *separator = "SET";
    if (lock_s != s->set_lock_s) {
        wb_buf_addf(b, "SET SESSION lock_wait_timeout = %u, SESSION innodb_lock_wait_timeout = %u",
                    lock_s ? lock_s : s->lock_wait_s, lock_s ? lock_s : s->row_lock_wait_s);
        separator = ",";
    }
    if (statement_ms == s->set_statement_ms)
        return;
    const char *name = my_is_mariadb(s) ? "max_statement_time" : "max_execution_time";
    wb_buf_addf(b, "%s SESSION %s = ", separator, name);
    if (statement_ms <= 0)
        wb_buf_str(b, s->statement_limit);
    else if (my_is_mariadb(s))
        wb_buf_addf(b, "%lld.%03d", (long long)(statement_ms / 1000), (int)(statement_ms % 1000));
    else
        wb_buf_addf(b, "%lld", (long long)statement_ms);
}

void my_limits_noted(my_session *s, int64_t lock_ms, int64_t statement_ms)
{
    s->set_lock_s = seconds_of(lock_ms);
    s->set_statement_ms = statement_ms > 0 ? statement_ms : 0;
}

/* ---- the note ---- */

typedef struct note {
    wb_arena *mem;
    my_setting *items;
    size_t count, cap;
} note;

static bool is_volatile(wb_str name)
{
    for (size_t i = 0; i < WB_COUNT(volatile_names); i++)
        if (wb_str_eq(name, volatile_names[i]))
            return true;
    return false;
}

static int keep_setting(void *user, size_t index, const wb_str *cells, size_t count)
{
    note *n = user;
    if (index == 0 ? count < 2 || is_volatile(cells[0]) : count != 1)
        return 0;
    my_setting *slot = WB_PUSH(n->mem, n->items, n->count, n->cap);
    if (!slot)
        return WBL_E_NOMEM;
    wb_str name = index == 0 ? cells[0] : (wb_str){ "role", 4 }, value = cells[index == 0 ? 1 : 0];
    slot->name = wb_arena_str(n->mem, name.p, name.len);
    slot->value = wb_arena_str(n->mem, value.p ? value.p : "", value.len);
    return slot->name && slot->value ? 0 : WBL_E_NOMEM;
}

static int read_settings(wb_ctx *cx, my_session *s, note *out)
{
    int rc = my_exec(cx, s, "SHOW SESSION VARIABLES;\nSELECT CURRENT_ROLE()", keep_setting, out);
    return rc == WBL_E_NOMEM ? wb_nomem(cx) : rc;
}

int my_snapshot(wb_ctx *cx, my_session *s)
{
    if (s->snapshot)
        return 0;
    note n = { .mem = &s->snapshot_mem };
    int rc = read_settings(cx, s, &n);
    if (rc == 0) {
        s->snapshot = n.items;
        s->snapshot_count = n.count;
    }
    return rc;
}

/* ---- putting back ---- */

static const char *value_before(const my_session *s, const char *name)
{
    for (size_t i = 0; i < s->snapshot_count; i++)
        if (strcmp(s->snapshot[i].name, name) == 0)
            return s->snapshot[i].value;
    return NULL;
}

static void set_text(wb_buf *b, const my_session *s, const char *name, const char *value)
{
    bool is_number = *value && value[strspn(value, "0123456789.")] == 0;
    if (strcmp(name, "role") == 0) {
        wb_buf_addf(b, "SET ROLE %s", *value ? value : "NONE");
        return;
    }
    wb_buf_addf(b, "SET SESSION %s = ", name);
    if (is_number)
        wb_buf_str(b, value);
    else if (!*value && strcmp(name, "character_set_results") == 0)
        wb_buf_str(b, "NULL");
    else
        my_literal(b, s, value);
}

/* One that has no value of its own in a session was changed for all, on purpose, and the server refuses ours. */
static int put_back(wb_ctx *cx, my_session *s, const note *now)
{
    for (size_t i = 0; i < now->count; i++) {
        const char *before = value_before(s, now->items[i].name);
        if (!before || strcmp(before, now->items[i].value) == 0)
            continue;
        WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
        set_text(&sql, s, now->items[i].name, before);
        const char *text = wb_buf_cstr(&sql);
        if (!text)
            return wb_nomem(cx);
        my_exec_quietly(s, text);
        if (s->is_lost)
            return my_fail_lost(cx, s, "it ended while the session was reset", false);
    }
    return 0;
}

int my_reset(wb_ctx *cx, wb_session *base)
{
    my_session *s = my_of(base);
    int rc = my_ready(cx, s);
    if (rc != 0 || !s->snapshot)
        return rc;
    WB_AUTOARENA wb_arena mem = { 0 };
    note now = { .mem = &mem };
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_buf_str(&sql, "UNLOCK TABLES");
    if (s->current[0]) {
        wb_buf_str(&sql, ";\nUSE ");
        wb_sqltext_ident(&sql, my_sqltext(s), s->current);
    }
    const char *text = wb_buf_cstr(&sql);
    rc = text ? my_exec(cx, s, text, NULL, NULL) : wb_nomem(cx);
    if (rc == 0)
        rc = read_settings(cx, s, &now);
    if (rc == 0)
        rc = put_back(cx, s, &now);
    s->set_lock_s = UINT32_MAX; /* a script may have changed ours, too */
    s->set_statement_ms = -1;
    return rc == 0 ? my_locks_check(cx, s) : rc;
}
