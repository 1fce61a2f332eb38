/*
 * probe.c - did an interrupted statement take effect?
 *
 * In SQLite a statement that commits by itself is atomic: after a crash it happened wholly or not at all, and nothing
 * broken is left. So it is enough to look whether the object is there, or whether the stored text of the table is
 * another than before. Data changes leave no trace: nobody can tell.
 * Owns nothing.
 */
#include "driver/sqlite/lite.h"

#include <string.h>

/* The name behind its quotes. */
static char *plain_name(wb_arena *mem, wb_str written)
{
    bool is_quoted = written.len >= 2 && strchr("\"`['", written.p[0]);
    if (!is_quoted)
        return wb_arena_str(mem, written.p, written.len);
    char close = written.p[0] == '[' ? ']' : written.p[0];
    char *name = wb_arena_get(mem, written.len);
    for (size_t i = 1, n = 0; name && i + 1 < written.len; i++) {
        name[n++] = written.p[i];
        if (written.p[i] == close && written.p[i + 1] == close)
            i++;
    }
    return name;
}

/* The object's stored text, "" when it is absent. Its kind does not matter: names are shared by all but triggers. */
static int read_object(wb_ctx *cx, lite *s, const wb_statement *st, wb_arena *mem, const char **out)
{
    char *name = plain_name(mem, st->name), *schema = plain_name(mem, st->schema);
    if (!name || !schema)
        return wb_nomem(cx);
    char *sql = sqlite3_mprintf(
        "SELECT sql FROM \"%w\".sqlite_schema WHERE name = %Q COLLATE NOCASE AND (type = 'trigger') = %d",
        *schema ? schema : "main", name, st->object && strcmp(st->object, "trigger") == 0);
    if (!sql)
        return wb_nomem(cx);
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL), code = 0;
    sqlite3_free(sql);
    const char *found = "";
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        found = wb_arena_dup(mem, text ? text : "there");
    }
    if (!found)
        code = wb_nomem(cx);
    else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        code = lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    sqlite3_finalize(stmt);
    if (code == 0)
        *out = found;
    return code;
}

/* "absent", or a hash of the text: ALTER TABLE shows in it, and the history need not hold whole tables. */
static int look(wb_ctx *cx, lite *s, const wb_statement *st, wb_arena *mem, const char **out)
{
    const char *text = NULL;
    int code = read_object(cx, s, st, mem, &text);
    if (code != 0)
        return code;
    if (!*text) {
        *out = "absent";
        return 0;
    }
    uint8_t sum[32];
    char hex[65];
    wb_sha256 h;
    wb_sha256_start(&h);
    wb_sha256_add(&h, text, strlen(text));
    wb_sha256_end(&h, sum);
    wb_hex(sum, sizeof sum, hex);
    *out = wb_arena_dup(mem, hex);
    return *out ? 0 : wb_nomem(cx);
}

static bool can_look(const wb_statement *st)
{
    bool is_temporary = st->schema.len && wb_str_ieq(st->schema, "temp");
    return st->cls == WB_STMT_DDL && st->name.len && !is_temporary;
}

int lite_look(wb_ctx *cx, wb_session *session, const wb_statement *st, wb_arena *mem, const char **out)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    if (can_look(st))
        return look(cx, s, st, mem, out);
    *out = "";
    return 0;
}

static wb_probe judge(const wb_statement *st, const char *looked, const char *now)
{
    bool is_there = strcmp(now, "absent") != 0, was_seen = looked && *looked;
    switch (st->action) {
    case WB_ACT_CREATE: /* IF NOT EXISTS: once more does no harm */
        return is_there && !st->if_exists ? WB_PROBE_PRESENT : WB_PROBE_ABSENT;
    case WB_ACT_DROP: return !is_there && !st->if_exists ? WB_PROBE_PRESENT : WB_PROBE_ABSENT;
    case WB_ACT_ALTER:
    case WB_ACT_RENAME:
        if (!was_seen)
            return WB_PROBE_CANNOT_TELL;
        return strcmp(looked, now) == 0 ? WB_PROBE_ABSENT : WB_PROBE_PRESENT;
    case WB_ACT_REINDEX: return WB_PROBE_ABSENT;
    case WB_ACT_TRUNCATE:
    case WB_ACT_NONE: break;
    }
    return WB_PROBE_CANNOT_TELL;
}

int lite_probe(wb_ctx *cx, wb_session *session, const wb_statement *st, const char *looked, wb_probe *out)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    if (st->is_repeatable || st->cls == WB_STMT_QUERY || st->cls == WB_STMT_SESSION || st->cls == WB_STMT_MAINTENANCE) {
        *out = WB_PROBE_ABSENT;
        return 0;
    }
    *out = WB_PROBE_CANNOT_TELL;
    if (!can_look(st))
        return 0;
    WB_AUTOARENA wb_arena mem = { 0 };
    const char *now = NULL;
    int code = look(cx, s, st, &mem, &now);
    if (code == 0)
        *out = judge(st, looked, now);
    return code;
}

int lite_clean(wb_ctx *cx, wb_session *session, const wb_statement *st)
{
    (void)cx, (void)session, (void)st; /* nothing broken is ever left */
    return 0;
}
