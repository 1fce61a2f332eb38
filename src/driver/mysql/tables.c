/*
 * tables.c - the tables that ledgers live in: how they look, make them, read their rows.
 *
 * survey() is the first thing a run does, so all of it is one message: the locks, where we are, and the columns of the
 * tables that are asked for. Tables of ours are InnoDB with utf8mb4_bin: names and versions are compared byte by byte,
 * and a key stays within the 3,072 bytes that an index takes.
 * Owns nothing. Facts: MySQL 8.4 manual, 28.3.8 (information_schema.columns), 13.2.5 (TIMESTAMP), 17.22 (limits),
 * 17.7.2.3 (consistent reads).
 */
#include "driver/mysql/my.h"

#include <stdio.h>
#include <string.h>

#define KEY_TEXT_LENGTH 255 /* of a text that is part of a key: TEXT itself can't be */

/* ---- spelling ---- */

/* Without the word NULL a server with explicit_defaults_for_timestamp=OFF makes a TIMESTAMP NOT NULL. */
static const char *type_text(const wb_column *c, char *scratch, size_t size)
{
    switch (c->type) {
    case WB_TYPE_INT: return "INT";
    case WB_TYPE_BIGINT: return "BIGINT";
    case WB_TYPE_NUMERIC38: return "DECIMAL(38)";
    case WB_TYPE_OTHER:
    case WB_TYPE_TEXT: snprintf(scratch, size, "VARCHAR(%d)", KEY_TEXT_LENGTH); return c->is_key ? scratch : "LONGTEXT";
    case WB_TYPE_VARCHAR:
        snprintf(scratch, size, "VARCHAR(%u)", c->length ? c->length : KEY_TEXT_LENGTH);
        return scratch;
    case WB_TYPE_BOOL: return "TINYINT(1)";
    case WB_TYPE_TIMESTAMP: return c->not_null ? "TIMESTAMP" : "TIMESTAMP NULL";
    case WB_TYPE_TIMESTAMPTZ: return c->not_null ? "TIMESTAMP(6)" : "TIMESTAMP(6) NULL";
    case WB_TYPE_SERIAL: return c->length == 32 ? "INT NOT NULL AUTO_INCREMENT" : "BIGINT NOT NULL AUTO_INCREMENT";
    }
    return "LONGTEXT";
}

#define SPELLING(backslash)                                                                                            \
    {                                                                                                                  \
        .ident_quote = '`', .backslash_escapes = (backslash), .true_text = "1", .false_text = "0",                     \
        .now_text = "CURRENT_TIMESTAMP(6)", .from_nothing = " FROM DUAL", .type_text = type_text,                      \
    }
static const wb_sqltext with_backslash = SPELLING(true), without_backslash = SPELLING(false);

/* The server says with each answer how it reads a backslash. */
const wb_sqltext *my_sqltext(const my_session *s)
{
    bool is_plain = s->conn && s->conn->server_status & SERVER_STATUS_NO_BACKSLASH_ESCAPES;
    return is_plain ? &without_backslash : &with_backslash;
}

void my_literal(wb_buf *b, const my_session *s, const char *text)
{
    wb_sqltext_literal(b, my_sqltext(s), text, strlen(text));
}

/* ---- survey ---- */

typedef struct survey {
    wb_arena *mem;
    my_session *s;
    const wb_survey *in;
    wb_table *shapes;
    size_t *caps;
    bool is_held[MY_LOCKS_MAX], was_held[MY_LOCKS_MAX], has_run_lock;
} survey;

static int read_place(survey *v, const wb_str *cells, size_t count)
{
    wb_server *server = &v->s->base.server;
    wb_copy_text(server->schema, sizeof server->schema, cells[0].p ? cells[0].p : "", cells[0].len);
    server->is_standby = my_number(cells[1]) != 0;
    if (count < 3)
        return 0;
    v->has_run_lock = my_number(cells[2]) > 0;
    for (size_t i = 0; i < v->in->lock_count && i + 3 < count; i++) {
        v->is_held[i] = my_number(cells[i + 3]) > 0;
        v->was_held[i] = my_number(cells[i + 3]) == 2;
    }
    return 0;
}

static wb_type type_of(wb_str type, wb_str whole, wb_str extra, int64_t precision)
{
    static const struct {
        const char *name;
        wb_type type;
    } types[] = { { "smallint", WB_TYPE_INT },    { "mediumint", WB_TYPE_INT },     { "int", WB_TYPE_INT },
                  { "bigint", WB_TYPE_BIGINT },   { "decimal", WB_TYPE_NUMERIC38 }, { "varchar", WB_TYPE_VARCHAR },
                  { "char", WB_TYPE_VARCHAR },    { "tinytext", WB_TYPE_TEXT },     { "text", WB_TYPE_TEXT },
                  { "mediumtext", WB_TYPE_TEXT }, { "longtext", WB_TYPE_TEXT },     { "datetime", WB_TYPE_TIMESTAMP } };
    if (wb_str_ieq(type, "tinyint"))
        return whole.len >= 10 && memcmp(whole.p, "tinyint(1)", 10) == 0 ? WB_TYPE_BOOL : WB_TYPE_INT;
    if (wb_str_ieq(type, "timestamp"))
        return precision > 0 ? WB_TYPE_TIMESTAMPTZ : WB_TYPE_TIMESTAMP;
    for (size_t i = 0; i < WB_COUNT(types); i++)
        if (wb_str_ieq(type, types[i].name)) {
            bool is_counting = extra.len >= 14 && memcmp(extra.p, "auto_increment", 14) == 0;
            return is_counting ? WB_TYPE_SERIAL : types[i].type;
        }
    return WB_TYPE_OTHER;
}

/* Cells: 0 schema, 1 column, 2 type, 3 whole type, 4 nullable, 5 key, 6 default, 7 length, 8 extra, 9 precision,
   10 what the table is */
static int read_column(survey *v, size_t at, const wb_str *cells)
{
    wb_table *t = &v->shapes[at];
    wb_column *columns = (wb_column *)t->columns;
    if (!t->exists)
        t->ref.schema = wb_arena_str(v->mem, cells[0].p, cells[0].len);
    t->exists = true;
    t->is_view = !wb_str_eq(cells[10], "BASE TABLE") && !wb_str_eq(cells[10], "SYSTEM VERSIONED");
    wb_column *c = WB_PUSH(v->mem, columns, t->column_count, v->caps[at]);
    if (!c || !t->ref.schema)
        return WBL_E_NOMEM;
    t->columns = columns;
    *c = (wb_column){ .type = type_of(cells[2], cells[3], cells[8], my_number(cells[9])),
                      .not_null = wb_str_eq(cells[4], "NO"),
                      .is_key = wb_str_eq(cells[5], "PRI") };
    c->length = c->type == WB_TYPE_VARCHAR ? (uint32_t)my_number(cells[7]) : 0;
    c->name = wb_arena_str(v->mem, cells[1].p, cells[1].len);
    c->default_text = cells[6].p ? wb_arena_str(v->mem, cells[6].p, cells[6].len) : NULL;
    return c->name && (c->default_text || !cells[6].p) ? 0 : WBL_E_NOMEM;
}

static int read_survey(void *user, size_t index, const wb_str *cells, size_t count)
{
    survey *v = user;
    return index == 0 ? read_place(v, cells, count) : read_column(v, index - 1, cells);
}

/* 2: ours already; 1: ours now; 0: somebody else's. GET_LOCK counts, so what is ours is not taken once more. */
static void lock_text(wb_buf *b, const char *name)
{
    wb_buf_addf(b, ", IF(IS_USED_LOCK('%s') <=> CONNECTION_ID(), 2, GET_LOCK('%s', 0))", name, name);
}

static void where_table(const survey *v, wb_buf *b, const wb_table_ref *table)
{
    wb_buf_str(b, " WHERE table_schema = ");
    if (table->schema)
        my_literal(b, v->s, table->schema);
    else
        wb_buf_str(b, "DATABASE()");
    wb_buf_str(b, " AND table_name = ");
    my_literal(b, v->s, table->name);
}

static void survey_text(const survey *v, wb_buf *b)
{
    const wb_survey *in = v->in;
    char name[MY_LOCK_NAME];
    wb_buf_str(b, "SELECT DATABASE(), @@global.read_only");
    if (in->lock_count) { /* the run's own name tells a ghost of ours from a stranger */
        my_run_lock_name(v->s, name);
        lock_text(b, name);
    }
    for (size_t i = 0; i < in->lock_count; i++) {
        my_lock_name(v->s, &in->locks[i], name);
        lock_text(b, name);
    }
    for (size_t i = 0; i < in->table_count; i++) {
        wb_buf_str(b, ";\nSELECT table_schema, column_name, data_type, column_type, is_nullable, column_key, "
                      "column_default, character_maximum_length, extra, datetime_precision, "
                      "(SELECT table_type FROM information_schema.tables");
        where_table(v, b, &in->tables[i]); /* constants and no join: the server then opens this table alone */
        wb_buf_str(b, ") FROM information_schema.columns");
        where_table(v, b, &in->tables[i]);
        wb_buf_str(b, " ORDER BY ordinal_position");
    }
}

/* All or none: what was taken now goes back when one is missing. */
static int settle_locks(wb_ctx *cx, survey *v)
{
    my_session *s = v->s;
    const wb_survey *in = v->in;
    char name[MY_LOCK_NAME];
    bool is_complete = true;
    for (size_t i = 0; i < in->lock_count; i++)
        is_complete = is_complete && v->is_held[i];
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    for (size_t i = 0; i < in->lock_count; i++) {
        my_lock_name(s, &in->locks[i], name);
        if (is_complete && !v->was_held[i] && s->lock_count < MY_LOCKS_MAX)
            snprintf(s->locks[s->lock_count++], MY_LOCK_NAME, "%s", name);
        else if (!is_complete && v->is_held[i] && !v->was_held[i])
            wb_buf_addf(&sql, "%s RELEASE_LOCK('%s')", sql.len ? "," : "SELECT", name);
    }
    s->has_run_lock = s->has_run_lock || v->has_run_lock;
    const char *text = wb_buf_cstr(&sql);
    return !text ? wb_nomem(cx) : *text ? my_exec(cx, s, text, NULL, NULL) : 0;
}

/* A table without a schema would be looked for nowhere, and not be found. */
static int check_schema(wb_ctx *cx, const wb_session *base, const wb_survey *in)
{
    for (size_t i = 0; i < in->table_count; i++)
        if (!in->tables[i].schema && !base->server.schema[0]) {
            wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no database is chosen on the server");
            wb_hint(cx, "Name it in the URL: mysql://host/DATABASE.");
            return WBL_E_INVALID;
        }
    return 0;
}

int my_survey(wb_ctx *cx, wb_session *base, wb_arena *mem, wb_survey *out)
{
    my_session *s = my_of(base);
    int rc = my_ready(cx, s);
    if (rc != 0)
        return rc;
    if ((rc = check_schema(cx, base, out)) != 0)
        return rc;
    if (out->lock_count + s->lock_count > MY_LOCKS_MAX)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "more than %d locks", MY_LOCKS_MAX);
    my_engines_forget(s); /* a run begins */
    wb_survey in = *out;
    in.lock_count = s->target.takes_no_lock ? 0 : out->lock_count;
    survey v = { .mem = mem, .s = s, .in = &in };
    v.shapes = wb_arena_get(mem, (out->table_count + 1) * sizeof *v.shapes);
    v.caps = wb_arena_get(mem, (out->table_count + 1) * sizeof *v.caps);
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    survey_text(&v, &sql);
    const char *text = wb_buf_cstr(&sql);
    if (!v.shapes || !v.caps || !text)
        return wb_nomem(cx);
    rc = my_exec(cx, s, text, read_survey, &v);
    if (rc == 0)
        rc = settle_locks(cx, &v);
    if (rc != 0)
        return rc == WBL_E_NOMEM ? wb_nomem(cx) : rc;
    const char *schema = base->server.schema[0] ? wb_arena_dup(mem, base->server.schema) : NULL;
    for (size_t i = 0; i < out->table_count; i++) {
        wb_table *t = &v.shapes[i];
        t->ref.name = out->tables[i].name;
        if (!t->exists)
            t->ref.schema = out->tables[i].schema ? out->tables[i].schema : schema;
    }
    out->is_locked = true;
    for (size_t i = 0; i < in.lock_count; i++)
        out->is_locked = out->is_locked && v.is_held[i];
    out->shapes = v.shapes;
    return 0;
}

/* ---- create ---- */

/* CURRENT_TIMESTAMP has to have as many digits as its column. */
static int create_text(wb_ctx *cx, my_session *s, wb_arena *mem, wb_buf *b, const wb_table *given)
{
    wb_table t = *given;
    wb_column *columns = wb_arena_get(mem, (t.column_count + 1) * sizeof *columns);
    if (!columns)
        return wb_nomem(cx);
    if (t.column_count)
        memcpy(columns, t.columns, t.column_count * sizeof *columns);
    for (size_t i = 0; i < t.column_count; i++)
        if (columns[i].type == WB_TYPE_TIMESTAMPTZ && columns[i].default_text &&
            strcmp(columns[i].default_text, "CURRENT_TIMESTAMP") == 0)
            columns[i].default_text = "CURRENT_TIMESTAMP(6)";
    t.columns = columns;
    wb_buf_str(b, b->len ? ";\n" : "");
    wb_sqltext_create(b, my_sqltext(s), &t);
    wb_buf_str(b, " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin");
    return 0;
}

int my_create(wb_ctx *cx, wb_session *base, const wb_table *tables, size_t count)
{
    my_session *s = my_of(base);
    WB_AUTOARENA wb_arena mem = { 0 };
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    int rc = my_ready(cx, s);
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (!tables[i].exists) /* it would need a privilege that nobody has to have */
            rc = create_text(cx, s, &mem, &sql, &tables[i]);
    if (rc != 0)
        return rc;
    const char *text = wb_buf_cstr(&sql);
    return !text ? wb_nomem(cx) : *text ? my_change(cx, s, text) : 0;
}

/* ---- rows ---- */

typedef struct row_reader {
    const wb_select *selects;
    size_t count, first; /* first: answers before those of the selects */
} row_reader;

static int read_row(void *user, size_t index, const wb_str *cells, size_t count)
{
    row_reader *r = user;
    if (index < r->first || index - r->first >= r->count)
        return 0;
    const wb_select *select = &r->selects[index - r->first];
    return select->fn(select->user, cells, count);
}

int my_rows(wb_ctx *cx, wb_session *base, const wb_select *selects, size_t count)
{
    my_session *s = my_of(base);
    int rc = my_ready(cx, s);
    if (rc == 0)
        rc = my_flush(cx, s);
    if (rc != 0 || count == 0)
        return rc;
    /* One snapshot for all of them, so that ledger and history agree; inside a unit its own view is wanted. */
    bool is_own = count > 1 && !my_in_transaction(s);
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_buf_str(&sql, is_own ? "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;\n" : "");
    for (size_t i = 0; i < count; i++) {
        wb_buf_str(&sql, i ? ";\n" : "");
        wb_sqltext_select(&sql, my_sqltext(s), &selects[i]);
    }
    wb_buf_str(&sql, is_own ? ";\nCOMMIT" : "");
    const char *text = wb_buf_cstr(&sql);
    if (!text)
        return wb_nomem(cx);
    row_reader reader = { selects, count, is_own };
    rc = my_exec(cx, s, text, read_row, &reader);
    if (rc != 0 && is_own && my_in_transaction(s))
        my_exec_quietly(s, "ROLLBACK");
    return rc;
}
