/*
 * rows.c - tables and rows: what the ledgers and the history need.
 *
 * Values are bound, never written into the text, so the same few statements serve every migration and stay prepared.
 * A session lock does not exist here: survey() always says "locked", since BEGIN IMMEDIATE keeps writers apart and the
 * fence (a primary key) finds a second run. Integers have 64 bits whatever their declared type says, so they are
 * described as BIGINT; NUMERIC would turn 20 digits into a float (datatype3.html, 3), so NUMERIC38 is created as TEXT.
 * Owns nothing.
 */
#include "driver/sqlite/lite.h"

#include "driver/sqltext.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- types ---- */

static const char *type_text(const wb_column *c, char *scratch, size_t size)
{
    switch (c->type) {
    case WB_TYPE_INT: return "INTEGER";
    case WB_TYPE_BIGINT: return "BIGINT";
    case WB_TYPE_VARCHAR: snprintf(scratch, size, "VARCHAR(%u)", c->length); return scratch;
    case WB_TYPE_BOOL: return "BOOLEAN";
    case WB_TYPE_TIMESTAMP:
    case WB_TYPE_TIMESTAMPTZ: return "TIMESTAMP";
    case WB_TYPE_SERIAL: return "INTEGER PRIMARY KEY AUTOINCREMENT";
    case WB_TYPE_NUMERIC38:
    case WB_TYPE_TEXT:
    case WB_TYPE_OTHER: return "TEXT";
    }
    return "TEXT";
}

static const wb_sqltext spelling = {
    .ident_quote = '"',
    .use_parameters = true,
    .true_text = "1",
    .false_text = "0",
    .now_text = "CURRENT_TIMESTAMP",
    .type_text = type_text,
};

/* A word of the declared type, in upper case, decides; the first row that matches wins. */
static const struct type_row {
    const char *word;
    wb_type type;
} type_rows[] = {
    { "INT", WB_TYPE_BIGINT },          { "BOOL", WB_TYPE_BOOL },          { "TIMESTAMPTZ", WB_TYPE_TIMESTAMPTZ },
    { "TIMESTAMP", WB_TYPE_TIMESTAMP }, { "DATETIME", WB_TYPE_TIMESTAMP }, { "TEXT", WB_TYPE_TEXT },
    { "CLOB", WB_TYPE_TEXT },           { "CHAR", WB_TYPE_VARCHAR },       { "NUMERIC", WB_TYPE_BIGINT },
    { "DECIMAL", WB_TYPE_BIGINT },
};

static wb_type type_of(const char *declared, uint32_t *length)
{
    char upper[128];
    size_t n = 0;
    for (; declared[n] && n < sizeof upper - 1; n++)
        upper[n] = (char)toupper((unsigned char)declared[n]);
    upper[n] = 0;
    for (size_t i = 0; i < WB_COUNT(type_rows); i++) {
        if (!strstr(upper, type_rows[i].word))
            continue;
        const char *bracket = strchr(upper, '(');
        if (type_rows[i].type == WB_TYPE_VARCHAR && bracket)
            *length = (uint32_t)strtoul(bracket + 1, NULL, 10);
        return type_rows[i].type == WB_TYPE_VARCHAR && !*length ? WB_TYPE_TEXT : type_rows[i].type;
    }
    return WB_TYPE_OTHER;
}

/* ---- survey ---- */

static bool is_automatic(lite *s, const wb_table_ref *ref, const char *column)
{
    int is_auto = 0;
    sqlite3_table_column_metadata(s->db, ref->schema, ref->name, column, NULL, NULL, NULL, NULL, &is_auto);
    return is_auto != 0;
}

static const char *keep_column(wb_arena *mem, sqlite3_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    return text ? wb_arena_dup(mem, text) : NULL;
}

/* One row of PRAGMA table_info: cid, name, type, notnull, dflt_value, pk. */
static int describe_column(wb_ctx *cx, lite *s, wb_arena *mem, const wb_table_ref *ref, sqlite3_stmt *stmt,
                           wb_column *out)
{
    const char *declared = (const char *)sqlite3_column_text(stmt, 2);
    *out = (wb_column){ .not_null = sqlite3_column_int(stmt, 3) != 0, .is_key = sqlite3_column_int(stmt, 5) > 0 };
    out->type = type_of(declared ? declared : "", &out->length);
    out->name = keep_column(mem, stmt, 1);
    out->default_text = keep_column(mem, stmt, 4);
    if (!out->name || (!out->default_text && sqlite3_column_type(stmt, 4) != SQLITE_NULL))
        return wb_nomem(cx);
    if (out->is_key && is_automatic(s, ref, out->name))
        out->type = WB_TYPE_SERIAL;
    return 0;
}

static int pragma_of(wb_ctx *cx, lite *s, const char *pragma, const wb_table_ref *ref, const char *name,
                     sqlite3_stmt **out)
{
    wb_buf_clear(&s->sql);
    wb_buf_str(&s->sql, "PRAGMA ");
    if (ref->schema && *ref->schema) {
        wb_sqltext_ident(&s->sql, &spelling, ref->schema);
        wb_buf_char(&s->sql, '.');
    }
    wb_buf_str(&s->sql, pragma);
    wb_buf_char(&s->sql, '(');
    wb_sqltext_ident(&s->sql, &spelling, name);
    wb_buf_char(&s->sql, ')');
    const char *sql = wb_buf_cstr(&s->sql);
    if (!sql)
        return wb_nomem(cx);
    int rc = sqlite3_prepare_v2(s->db, sql, -1, out, NULL);
    return rc == SQLITE_OK ? 0 : lite_fail(cx, s, rc, WBL_EFFECT_NONE);
}

static void finalizep(sqlite3_stmt **stmt) { sqlite3_finalize(*stmt); }

/* A table without a primary key: a unique index is as good for the fence (golang-migrate's ledger has one). */
static int mark_unique(wb_ctx *cx, lite *s, const wb_table_ref *ref, wb_column *columns, size_t count)
{
    char index[256] = "";
    WB_CLEANUP(finalizep) sqlite3_stmt *list = NULL;
    int rc = pragma_of(cx, s, "index_list", ref, ref->name, &list); /* seq, name, unique, origin, partial */
    if (rc != 0)
        return rc;
    while (!*index && sqlite3_step(list) == SQLITE_ROW)
        if (sqlite3_column_int(list, 2) && !sqlite3_column_int(list, 4))
            snprintf(index, sizeof index, "%s", (const char *)sqlite3_column_text(list, 1));
    if (!*index)
        return 0;
    WB_CLEANUP(finalizep) sqlite3_stmt *info = NULL;
    if ((rc = pragma_of(cx, s, "index_info", ref, index, &info)) != 0) /* seqno, cid, name */
        return rc;
    while (sqlite3_step(info) == SQLITE_ROW) {
        int cid = sqlite3_column_int(info, 1);
        if (cid >= 0 && (size_t)cid < count)
            columns[cid].is_key = true;
    }
    return 0;
}

static int look_for_view(wb_ctx *cx, lite *s, const wb_table_ref *ref, bool *out)
{
    WB_CLEANUP(finalizep) sqlite3_stmt *stmt = NULL;
    int rc = pragma_of(cx, s, "table_list", ref, ref->name, &stmt); /* schema, name, type; nothing before SQLite 3.37 */
    while (rc == 0 && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *type = (const char *)sqlite3_column_text(stmt, 2);
        *out = *out || (type && strcmp(type, "view") == 0);
    }
    return rc;
}

static int describe_table(wb_ctx *cx, lite *s, wb_arena *mem, const wb_table_ref *ref, wb_table *out)
{
    WB_CLEANUP(finalizep) sqlite3_stmt *stmt = NULL;
    wb_column *columns = NULL;
    size_t count = 0, cap = 0;
    bool has_key = false;
    int code = pragma_of(cx, s, "table_info", ref, ref->name, &stmt), rc;
    if (code != 0)
        return code;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        wb_column *c = WB_PUSH(mem, columns, count, cap);
        if (!c)
            return wb_nomem(cx);
        if ((code = describe_column(cx, s, mem, ref, stmt, c)) != 0)
            return code;
        has_key = has_key || c->is_key;
    }
    if (rc != SQLITE_DONE)
        return lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    if (count && !has_key && (code = mark_unique(cx, s, ref, columns, count)) != 0)
        return code;
    *out = (wb_table){ .ref = *ref, .exists = count > 0, .columns = columns, .column_count = count };
    return count ? look_for_view(cx, s, ref, &out->is_view) : 0;
}

int lite_survey(wb_ctx *cx, wb_session *session, wb_arena *mem, wb_survey *survey)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    wb_table *shapes = wb_arena_get(mem, (survey->table_count + 1) * sizeof *shapes);
    if (!shapes)
        return wb_nomem(cx);
    for (size_t i = 0; i < survey->table_count; i++) {
        int code = describe_table(cx, s, mem, &survey->tables[i], &shapes[i]);
        if (code != 0)
            return code;
    }
    survey->shapes = shapes;
    survey->is_locked = true;
    return 0;
}

int lite_unlock(wb_ctx *cx, wb_session *session, const wb_lock_key *locks, size_t count)
{
    (void)cx, (void)session, (void)locks, (void)count;
    return 0;
}

int lite_holder(wb_ctx *cx, wb_session *session, const wb_lock_key *locks, size_t count, wb_holder *out)
{
    (void)cx, (void)locks, (void)count;
    return lite_find_holder(lite_of(session), out) ? 0 : WBL_NO_CHANGE;
}

/* ---- statements with values ---- */

static int prepare_text(wb_ctx *cx, lite *s, sqlite3_stmt **out)
{
    const char *sql = wb_buf_cstr(&s->sql);
    if (!sql)
        return wb_nomem(cx);
    int rc = lite_prepare(s, sql, out);
    return rc == SQLITE_OK ? 0 : lite_fail(cx, s, rc, WBL_EFFECT_NONE);
}

/* In the order in which sqltext.c writes the question marks. The bytes stay the caller's until the reset. */
static int bind_fields(const lite *s, sqlite3_stmt *stmt, int *at, const wb_field *fields, size_t count)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
        const wb_value *v = &fields[i].value;
        switch (v->kind) {
        case WB_VALUE_TEXT:
            rc = sqlite3_bind_text64(stmt, ++*at, v->text.p, v->text.len, SQLITE_STATIC, SQLITE_UTF8);
            break;
        case WB_VALUE_INT: rc = sqlite3_bind_int64(stmt, ++*at, v->number); break;
        case WB_VALUE_BOOL: rc = sqlite3_bind_int(stmt, ++*at, v->number != 0); break;
        case WB_VALUE_ELAPSED:
            ++*at; /* unbound is NULL */
            if (s->is_unit_open)
                rc = sqlite3_bind_int64(stmt, *at, wb_now_ms() - s->unit_started_ms);
            break;
        case WB_VALUE_NULL:
        case WB_VALUE_NOW: break;
        }
    }
    return rc;
}

static void release(sqlite3_stmt *stmt)
{
    sqlite3_reset(stmt); /* its code was looked at with step */
    sqlite3_clear_bindings(stmt);
}

/* ---- create ---- */

static int create_tables(wb_ctx *cx, lite *s, const wb_table *tables, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wb_buf_clear(&s->sql);
        wb_sqltext_create(&s->sql, &spelling, &tables[i]);
        const char *sql = wb_buf_cstr(&s->sql);
        if (!sql)
            return wb_nomem(cx);
        int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
        if (rc != SQLITE_OK)
            return lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    }
    return 0;
}

int lite_create(wb_ctx *cx, wb_session *session, const wb_table *tables, size_t count)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    if (s->is_unit_open)
        return create_tables(cx, s, tables, count);
    int code = lite_own_begin(cx, s);
    return code ? code : lite_own_end(cx, s, create_tables(cx, s, tables, count));
}

/* ---- rows ---- */

#define CELLS_MAX 64

static int read_row(const wb_select *sel, sqlite3_stmt *stmt)
{
    wb_str cells[CELLS_MAX];
    for (size_t i = 0; i < sel->column_count; i++) {
        const char *p = (const char *)sqlite3_column_text(stmt, (int)i);
        cells[i] = (wb_str){ p, p ? (size_t)sqlite3_column_bytes(stmt, (int)i) : 0 };
        if (!p && sqlite3_column_type(stmt, (int)i) != SQLITE_NULL)
            return WBL_E_NOMEM;
    }
    return sel->fn(sel->user, cells, sel->column_count);
}

static int select_rows(wb_ctx *cx, lite *s, const wb_select *sel)
{
    if (sel->column_count > CELLS_MAX)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "more than %d columns in a select", CELLS_MAX);
    sqlite3_stmt *stmt = NULL;
    wb_buf_clear(&s->sql);
    wb_sqltext_select(&s->sql, &spelling, sel);
    int code = prepare_text(cx, s, &stmt), at = 0;
    if (code != 0)
        return code;
    int rc = bind_fields(s, stmt, &at, sel->where, sel->where_count);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        code = read_row(sel, stmt);
        if (code == WBL_E_NOMEM)
            code = wb_nomem(cx);
        if (code != 0)
            break;
        rc = SQLITE_OK;
    }
    if (code == 0 && rc != SQLITE_DONE)
        code = lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    release(stmt);
    return code;
}

int lite_rows(wb_ctx *cx, wb_session *session, const wb_select *selects, size_t count)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    /* Several tables are read at one moment: a ledger and its history must not differ because a run was between. */
    bool is_own = count > 1 && sqlite3_get_autocommit(s->db);
    int code = 0;
    if (is_own) {
        int rc = lite_exec(s, "BEGIN");
        if (rc != SQLITE_OK)
            return lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    }
    for (size_t i = 0; i < count && code == 0; i++)
        code = select_rows(cx, s, &selects[i]);
    if (is_own)
        (void)lite_exec(s, "COMMIT"); /* it has read only: nothing can be lost */
    return code;
}

/* ---- put ---- */

static int fail_conflict(wb_ctx *cx, lite *s, const wb_row_op *op, const char *what, int native)
{
    s->base.failure.stage = WB_STAGE_PUT;
    wb_fail(cx, WBL_E_CONFLICT, WBL_EFFECT_NONE, "table \"%s\": %s", op->table.name, what);
    if (cx->err)
        cx->err->native = native;
    return WBL_E_CONFLICT;
}

static bool is_key_clash(int native)
{
    return native == SQLITE_CONSTRAINT_PRIMARYKEY || native == SQLITE_CONSTRAINT_UNIQUE ||
           native == SQLITE_CONSTRAINT_ROWID;
}

static int put_row(wb_ctx *cx, lite *s, const wb_row_op *op)
{
    if (op->check_fuse && s->is_unit_open && sqlite3_get_autocommit(s->db))
        return lite_fail_ended(cx, s);
    sqlite3_stmt *stmt = NULL;
    WB_AUTOBUF wb_buf needs = WB_BUF(WB_TEXT_MAX);
    if (op->needs)
        wb_sqltext_needs(&needs, &spelling, op->needs);
    const char *extra = op->needs ? wb_buf_cstr(&needs) : NULL;
    if (op->needs && !extra)
        return wb_nomem(cx);
    wb_buf_clear(&s->sql);
    wb_sqltext_row_op(&s->sql, &spelling, op, extra);
    int code = prepare_text(cx, s, &stmt), at = 0;
    if (code != 0)
        return code;
    int rc = op->op == WB_OP_DELETE ? SQLITE_OK : bind_fields(s, stmt, &at, op->set, op->set_count);
    if (rc == SQLITE_OK && op->op != WB_OP_INSERT)
        rc = bind_fields(s, stmt, &at, op->where, op->where_count);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    int64_t hits = rc == SQLITE_DONE ? sqlite3_changes64(s->db) : 0;
    if (rc != SQLITE_DONE && op->is_fence && is_key_clash(rc))
        code = fail_conflict(cx, s, op, "the row exists already", rc);
    else if (rc != SQLITE_DONE)
        code = lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    else if (op->only_if_empty && op->op == WB_OP_INSERT && hits == 0)
        code = fail_conflict(cx, s, op, "it is not empty", 0);
    else if (op->must_hit && op->op != WB_OP_INSERT && hits != 1)
        code = fail_conflict(cx, s, op, hits ? "more than one row fits" : "the row is gone, or was changed", 0);
    release(stmt);
    return code;
}

int lite_put(wb_ctx *cx, wb_session *session, const wb_row_op *op)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    if (s->is_unit_open && s->is_unit_failed)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "put: the unit has failed");
    int code = s->is_unit_open ? put_row(cx, s, op) : lite_own_begin(cx, s);
    if (!s->is_unit_open && code == 0)
        code = lite_own_end(cx, s, put_row(cx, s, op));
    if (code == 0)
        return 0;
    s->is_unit_failed = s->is_unit_open;
    s->base.failure.stage = WB_STAGE_PUT;
    s->base.failure.unit = s->is_unit_open ? s->durable_count + s->unit_count : 0;
    s->base.failure.put_tag = op->tag;
    return code;
}
