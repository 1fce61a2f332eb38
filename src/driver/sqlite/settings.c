/*
 * settings.c - what a URL may set, and what a script may have left changed.
 *
 * Parameters go by the names that the common tools use (mattn's and modernc's drivers), so that a URL can be carried
 * over. An unknown one is an error: a setting that is silently dropped is a trap. Settings that write to the file wait
 * for the first write.
 * Owns nothing: text goes to the arena of the session. Facts: SQLite, pragma.html; go-sqlite3, README, "Connection
 * String".
 */
#include "driver/sqlite/lite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_TIMEOUT_MS 5000 /* when neither URL nor caller says */

typedef enum setting {
    SET_MODE,
    SET_FOREIGN_KEYS,
    SET_BUSY,
    SET_JOURNAL,
    SET_SYNCHRONOUS,
    SET_VFS,
    SET_NOTHING
} setting;

static const struct parameter {
    const char *key;
    setting setting;
} parameters[] = {
    { "mode", SET_MODE },
    { "foreign_keys", SET_FOREIGN_KEYS },
    { "_foreign_keys", SET_FOREIGN_KEYS },
    { "_fk", SET_FOREIGN_KEYS },
    { "busy_timeout", SET_BUSY },
    { "_busy_timeout", SET_BUSY },
    { "_timeout", SET_BUSY },
    { "journal_mode", SET_JOURNAL },
    { "_journal_mode", SET_JOURNAL },
    { "_journal", SET_JOURNAL },
    { "synchronous", SET_SYNCHRONOUS },
    { "_synchronous", SET_SYNCHRONOUS },
    { "_sync", SET_SYNCHRONOUS },
    { "vfs", SET_VFS },
    { "cache", SET_NOTHING },   /* one connection has nothing to share */
    { "_txlock", SET_NOTHING }, /* our transactions are always immediate */
};

static const char *const journal_modes[] = { "delete", "truncate", "persist", "memory", "wal", "off" };
static const char *const synchronous_modes[] = { "off", "normal", "full", "extra", "0", "1", "2", "3" };
static const char *const switch_words[] = { "on", "true", "yes", "1", "off", "false", "no", "0" }; /* first half: on */
static const char *const modes[] = { "ro", "rw", "rwc", "memory" };

static size_t word_index(const char *word, const char *const *words, size_t count)
{
    size_t i = 0;
    while (i < count && !wb_str_ieq(WB_STR(word), words[i]))
        i++;
    return i;
}

static int fail_value(wb_ctx *cx, const char *key, const char *value, const char *const *words, size_t count)
{
    WB_AUTOBUF wb_buf list = WB_BUF(WB_TEXT_MAX);
    for (size_t i = 0; i < count; i++)
        wb_buf_addf(&list, "%s%s", i ? ", " : "", words[i]);
    const char *text = wb_buf_cstr(&list);
    wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the parameter \"%s\" of the database URL cannot be \"%s\"", key,
            value);
    wb_hint(cx, "It takes one of: %s.", text ? text : words[0]);
    return WBL_E_INVALID;
}

static int fail_key(wb_ctx *cx, const char *key)
{
    const char *names[WB_COUNT(parameters)];
    for (size_t i = 0; i < WB_COUNT(parameters); i++)
        names[i] = parameters[i].key;
    const char *nearest = wb_nearest(key, names, WB_COUNT(names));
    wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "unknown parameter \"%s\" in the database URL", key);
    if (nearest)
        wb_hint(cx, "Did you mean \"%s\"?", nearest);
    else
        wb_hint(cx, "SQLite takes mode, foreign_keys, busy_timeout, journal_mode, synchronous and vfs.");
    return WBL_E_INVALID;
}

static int read_busy(wb_ctx *cx, const char *key, const char *value, lite_settings *out)
{
    char *end = NULL;
    long long ms = strtoll(value, &end, 10);
    int64_t duration = 0;
    if (end != value && *end == 0 && ms >= 0 && ms < 1000000000)
        duration = ms;
    else if (wb_parse_duration(value, &duration) != 0)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE,
                       "the parameter \"%s\" of the database URL cannot be \"%s\": it takes milliseconds", key, value);
    out->busy_timeout_ms = duration;
    return 0;
}

static int read_one(wb_ctx *cx, setting what, const char *key, const char *value, lite_settings *out)
{
    size_t i;
    switch (what) {
    case SET_MODE:
        if ((i = word_index(value, modes, WB_COUNT(modes))) == WB_COUNT(modes))
            return fail_value(cx, key, value, modes, WB_COUNT(modes));
        out->may_write = i != 0;
        out->may_create = i >= 2;
        out->is_memory = out->is_memory || i == 3;
        return 0;
    case SET_FOREIGN_KEYS:
        if ((i = word_index(value, switch_words, WB_COUNT(switch_words))) == WB_COUNT(switch_words))
            return fail_value(cx, key, value, switch_words, WB_COUNT(switch_words));
        out->foreign_keys = i < WB_COUNT(switch_words) / 2 ? WB_ON : WB_OFF;
        return 0;
    case SET_BUSY: return read_busy(cx, key, value, out);
    case SET_JOURNAL:
        if ((i = word_index(value, journal_modes, WB_COUNT(journal_modes))) == WB_COUNT(journal_modes))
            return fail_value(cx, key, value, journal_modes, WB_COUNT(journal_modes));
        out->journal_mode = journal_modes[i];
        return 0;
    case SET_SYNCHRONOUS:
        if ((i = word_index(value, synchronous_modes, WB_COUNT(synchronous_modes))) == WB_COUNT(synchronous_modes))
            return fail_value(cx, key, value, synchronous_modes, WB_COUNT(synchronous_modes));
        out->synchronous = synchronous_modes[i];
        return 0;
    case SET_VFS: out->vfs = value; return 0;
    case SET_NOTHING: return 0;
    }
    return 0;
}

static int read_named(wb_ctx *cx, const char *key, const char *value, lite_settings *out)
{
    for (size_t i = 0; i < WB_COUNT(parameters); i++)
        if (strcmp(parameters[i].key, key) == 0)
            return read_one(cx, parameters[i].setting, key, value, out);
    return fail_key(cx, key);
}

/* modernc's form: _pragma=busy_timeout(5000) or busy_timeout=5000. */
static int read_pragma(wb_ctx *cx, wb_arena *mem, const char *text, lite_settings *out)
{
    size_t n = strcspn(text, "(=");
    const char *key = wb_arena_str(mem, text, n), *behind = text + n + (text[n] != 0);
    const char *value = wb_arena_str(mem, behind, strcspn(behind, ")"));
    if (!key || !value)
        return wb_nomem(cx);
    return strcmp(key, "mode") == 0 || strcmp(key, "vfs") == 0 ? fail_key(cx, key) : read_named(cx, key, value, out);
}

int lite_settings_read(wb_ctx *cx, wb_arena *mem, const wb_open_options *opt, lite_settings *out)
{
    lite_settings set = { .may_create = true, .may_write = true };
    set.busy_timeout_ms = opt->busy_timeout_ms < 0 ? BUSY_TIMEOUT_MS : opt->busy_timeout_ms;
    for (size_t i = 0; opt->url && i < opt->url->param_count; i++) {
        const char *key = wb_arena_dup(mem, opt->url->params[i].key);
        const char *value = wb_arena_dup(mem, opt->url->params[i].value ? opt->url->params[i].value : "");
        if (!key || !value)
            return wb_nomem(cx);
        int rc = 0;
        if (strcmp(key, "_pragma") == 0)
            rc = read_pragma(cx, mem, value, &set);
        else if (!wb_starts(key, "x-")) /* those belong to the engine */
            rc = read_named(cx, key, value, &set);
        if (rc != 0)
            return rc;
    }
    const char *path = opt->url && opt->url->path ? opt->url->path : ":memory:";
    set.is_memory = set.is_memory || strcmp(path, ":memory:") == 0;
    set.path = wb_arena_dup(mem, path);
    if (!set.path)
        return wb_nomem(cx);
    *out = set;
    return 0;
}

/* ---- settings that write, before the first write ---- */

static int set_journal_mode(wb_ctx *cx, lite *s)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA journal_mode=%s", s->set.journal_mode);
    /* Changing it needs the file alone; SQLite does not call the busy handler for that. */
    for (int64_t pause_ms = 1;; pause_ms = pause_ms < 25 ? pause_ms * 2 : 50) {
        sqlite3_stmt *stmt = NULL;
        int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
        bool is_set = false;
        if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
            const char *now = (const char *)sqlite3_column_text(stmt, 0);
            is_set = s->set.is_memory || (now && wb_str_ieq(WB_STR(now), s->set.journal_mode));
        }
        int end = sqlite3_finalize(stmt);
        if (is_set)
            return 0;
        if (rc == SQLITE_ROW && end == SQLITE_OK)
            return wb_fail(cx, WBL_E_UNSUPPORTED, WBL_EFFECT_NONE, "%s: journal mode \"%s\" cannot be used here",
                           s->base.server.database, s->set.journal_mode);
        rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? end : rc;
        if ((rc & 0xFF) != SQLITE_BUSY || wb_now_ms() >= s->busy_until_ms || wb_cancelled(cx))
            return lite_fail(cx, s, rc, WBL_EFFECT_NONE);
        wb_sleep_ms(pause_ms);
    }
}

int lite_settings_apply(wb_ctx *cx, lite *s)
{
    if (s->is_set_up)
        return 0;
    int rc = s->set.journal_mode ? set_journal_mode(cx, s) : 0;
    if (rc == 0 && s->set.synchronous) {
        char sql[64];
        snprintf(sql, sizeof sql, "PRAGMA synchronous=%s", s->set.synchronous);
        int native = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
        if (native != SQLITE_OK)
            rc = lite_fail(cx, s, native, WBL_EFFECT_NONE);
    }
    s->is_set_up = rc == 0;
    return rc;
}

/* ---- foreign keys ---- */

bool lite_foreign_keys(const lite *s)
{
    int is_on = 0;
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &is_on);
    return is_on != 0;
}

void lite_foreign_keys_set(lite *s, bool is_on)
{
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_FKEY, (int)is_on, NULL);
}

int lite_foreign_keys_check(wb_ctx *cx, lite *s)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA foreign_key_check", -1, &stmt, NULL), code = 0;
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        const char *table = (const char *)sqlite3_column_text(stmt, 0);
        const char *row = (const char *)sqlite3_column_text(stmt, 1);
        const char *parent = (const char *)sqlite3_column_text(stmt, 2);
        code = wb_fail(cx, WBL_E_STATEMENT, WBL_EFFECT_NONE,
                       "table \"%s\", row %s: a foreign key names a row of \"%s\" that is not there",
                       table ? table : "?", row ? row : "(without rowid)", parent ? parent : "?");
        if (cx->err)
            cx->err->native = SQLITE_CONSTRAINT_FOREIGNKEY;
        wb_hint(cx, "\"PRAGMA foreign_key_check\" lists all of them.");
    }
    sqlite3_finalize(stmt);
    if (code == 0 && rc != SQLITE_DONE)
        code = lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    return code;
}

/* ---- what a script may have left changed ---- */

/* Those that hold for the connection and not for the file. foreign_keys first: it can only change outside a
   transaction, and a script inside one cannot have changed it. */
static const char *const leaking[] = { "foreign_keys",
                                       "recursive_triggers",
                                       "ignore_check_constraints",
                                       "query_only",
                                       "reverse_unordered_selects",
                                       "legacy_alter_table",
                                       "writable_schema",
                                       "trusted_schema",
                                       "automatic_index",
                                       "cell_size_check",
                                       "synchronous",
                                       "cache_spill" };
_Static_assert(WB_COUNT(leaking) <= WB_COUNT(((lite *)0)->snapped), "room for all");

static int pragma_get(lite *s, const char *name, int *out)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA %s", name);
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        *out = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_NOTFOUND : rc;
}

void lite_snap(lite *s)
{
    if (s->is_snapped)
        return;
    for (size_t i = 0; i < WB_COUNT(leaking); i++)
        if (pragma_get(s, leaking[i], &s->snapped[i]) != SQLITE_OK)
            s->snapped[i] = -1; /* this version of SQLite does not know it */
    s->is_snapped = true;
}

static int detach_all(lite *s)
{
    for (int guard = 0; guard < 128; guard++) { /* SQLite's limit of attached databases is 125 */
        char *sql = NULL;
        sqlite3_stmt *stmt = NULL;
        int rc =
            sqlite3_prepare_v2(s->db, "SELECT printf('DETACH \"%w\"', name) FROM pragma_database_list WHERE seq > 1",
                               -1, &stmt, NULL);
        if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
            sql = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
        sqlite3_finalize(stmt);
        if (!sql)
            return rc == SQLITE_DONE ? SQLITE_OK : rc == SQLITE_ROW ? SQLITE_NOMEM : rc;
        rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
        sqlite3_free(sql);
        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}

int lite_reset(wb_ctx *cx, wb_session *session)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    bool is_outside = sqlite3_get_autocommit(s->db) != 0;
    for (size_t i = 0; s->is_snapped && i < WB_COUNT(leaking); i++) {
        int now = 0;
        if (s->snapped[i] < 0 || pragma_get(s, leaking[i], &now) != SQLITE_OK || now == s->snapped[i])
            continue;
        char sql[64];
        snprintf(sql, sizeof sql, "PRAGMA %s=%d", leaking[i], s->snapped[i]);
        int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            return lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    }
    s->is_snapped = s->is_snapped && !is_outside;
    if (s->has_attached && is_outside && !s->is_foreign) {
        int rc = detach_all(s);
        if (rc != SQLITE_OK)
            return lite_fail(cx, s, rc, WBL_EFFECT_NONE);
        s->has_attached = false;
    }
    return 0;
}
