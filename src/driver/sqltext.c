/*
 * sqltext.c - the SQL text of table and row operations, shared by every driver that speaks SQL.
 *
 * The ledgers and the history ask for a handful of shapes: create a table, read rows, insert, update or delete one row.
 * The databases differ in quoting, type names and a few words, which wb_sqltext holds; so the text is built once, here,
 * and not in each driver with small faults of its own. Pure: no client library, no I/O. Owns nothing; failure stays in
 * the buffer, and the caller checks it once.
 *
 * Facts: PostgreSQL 15, 4.1.1 (identifiers) and 4.1.2.2 (E'' strings); SQLite, lang_keywords.html.
 */
#include "driver/sqltext.h"

#include <string.h>

void wb_sqltext_ident(wb_buf *b, const wb_sqltext *st, const char *name)
{
    wb_buf_char(b, st->ident_quote);
    for (const char *p = name; *p; p++) {
        if (*p == st->ident_quote)
            wb_buf_char(b, *p);
        wb_buf_char(b, *p);
    }
    wb_buf_char(b, st->ident_quote);
}

void wb_sqltext_table(wb_buf *b, const wb_sqltext *st, wb_table_ref ref)
{
    if (ref.schema && *ref.schema) {
        wb_sqltext_ident(b, st, ref.schema);
        wb_buf_char(b, '.');
    }
    wb_sqltext_ident(b, st, ref.name);
}

void wb_sqltext_literal(wb_buf *b, const wb_sqltext *st, const char *p, size_t len)
{
    bool has_backslash = len && memchr(p, '\\', len);
    bool is_doubled = st->backslash_escapes || st->escape_prefix;
    /* The blank keeps E away from a word in front of it. */
    wb_buf_str(b, has_backslash && st->escape_prefix ? " E'" : "'");
    for (size_t i = 0, from = 0; i <= len; i++) {
        bool is_special = i < len && (p[i] == '\'' || (p[i] == '\\' && is_doubled));
        if (!is_special && i < len)
            continue;
        if (i > from)
            wb_buf_add(b, p + from, i - from);
        if (is_special)
            wb_buf_char(b, p[i]); /* and once more at the head of the next stretch */
        from = i;
    }
    wb_buf_char(b, '\'');
}

void wb_sqltext_value(wb_buf *b, const wb_sqltext *st, const wb_value *v)
{
    bool is_constant = v->kind == WB_VALUE_NULL || v->kind == WB_VALUE_NOW;
    if (st->use_parameters && !is_constant) {
        wb_buf_char(b, '?');
        return;
    }
    switch (v->kind) {
    case WB_VALUE_NULL: wb_buf_str(b, "NULL"); break;
    case WB_VALUE_TEXT: wb_sqltext_literal(b, st, v->text.p, v->text.len); break;
    case WB_VALUE_INT: wb_buf_addf(b, "%lld", (long long)v->number); break;
    case WB_VALUE_BOOL: wb_buf_str(b, v->number ? st->true_text : st->false_text); break;
    case WB_VALUE_ELAPSED: wb_buf_str(b, st->elapsed_text ? st->elapsed_text : "NULL"); break;
    case WB_VALUE_NOW: wb_buf_str(b, st->now_text); break;
    }
}

static void column_text(wb_buf *b, const wb_sqltext *st, const wb_column *c)
{
    char scratch[64];
    const char *type = st->type_text(c, scratch, sizeof scratch);
    wb_sqltext_ident(b, st, c->name);
    wb_buf_char(b, ' ');
    wb_buf_str(b, type);
    if (c->type == WB_TYPE_SERIAL) {
        if (!strstr(type, "PRIMARY KEY"))
            wb_buf_str(b, " PRIMARY KEY");
        return;
    }
    if (c->not_null)
        wb_buf_str(b, " NOT NULL");
    if (c->default_text) {
        wb_buf_str(b, " DEFAULT ");
        wb_buf_str(b, c->default_text);
    }
}

void wb_sqltext_create(wb_buf *b, const wb_sqltext *st, const wb_table *t)
{
    wb_buf_str(b, "CREATE TABLE IF NOT EXISTS ");
    wb_sqltext_table(b, st, t->ref);
    wb_buf_str(b, " (");
    for (size_t i = 0; i < t->column_count; i++) {
        wb_buf_str(b, i ? ", " : "");
        column_text(b, st, &t->columns[i]);
    }
    bool has_key = false;
    for (size_t i = 0; i < 2 * t->column_count; i++) { /* twice: the second time for the end of the key */
        const wb_column *c = &t->columns[i % t->column_count];
        if (!c->is_key || c->is_key_end != (i >= t->column_count) || c->type == WB_TYPE_SERIAL)
            continue;
        wb_buf_str(b, has_key ? ", " : ", PRIMARY KEY (");
        wb_sqltext_ident(b, st, c->name);
        has_key = true;
    }
    wb_buf_str(b, has_key ? "))" : ")");
}

/* A missing value needs IS NULL: "= NULL" is never true. */
static void condition(wb_buf *b, const wb_sqltext *st, const wb_field *f)
{
    wb_sqltext_ident(b, st, f->column);
    if (f->value.kind == WB_VALUE_NULL) {
        wb_buf_str(b, " IS NULL");
        return;
    }
    wb_buf_str(b, " = ");
    wb_sqltext_value(b, st, &f->value);
}

void wb_sqltext_where(wb_buf *b, const wb_sqltext *st, const wb_field *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wb_buf_str(b, i ? " AND " : " WHERE ");
        condition(b, st, &f[i]);
    }
}

void wb_sqltext_select(wb_buf *b, const wb_sqltext *st, const wb_select *s)
{
    wb_buf_str(b, "SELECT ");
    for (size_t i = 0; i < s->column_count; i++) {
        bool is_presence = wb_starts(s->columns[i], WB_PRESENT);
        wb_buf_str(b, i ? ", " : "");
        wb_buf_str(b, is_presence ? "CASE WHEN " : "");
        wb_sqltext_ident(b, st, s->columns[i] + (is_presence ? strlen(WB_PRESENT) : 0));
        wb_buf_str(b, is_presence ? " IS NULL THEN 0 ELSE 1 END" : "");
    }
    wb_buf_str(b, " FROM ");
    wb_sqltext_table(b, st, s->table);
    wb_sqltext_where(b, st, s->where, s->where_count);
    if (s->order_by) {
        wb_buf_str(b, " ORDER BY ");
        wb_sqltext_ident(b, st, s->order_by);
        wb_buf_str(b, s->newest_first ? " DESC" : "");
    }
    if (s->limit)
        wb_buf_addf(b, " LIMIT %llu", (unsigned long long)s->limit);
}

static void insert(wb_buf *b, const wb_sqltext *st, const wb_row_op *op, const char *extra)
{
    bool is_select = extra || op->only_if_empty;
    wb_buf_str(b, "INSERT INTO ");
    wb_sqltext_table(b, st, op->table);
    for (size_t i = 0; i < op->set_count; i++) {
        wb_buf_str(b, i ? ", " : " (");
        wb_sqltext_ident(b, st, op->set[i].column);
    }
    wb_buf_str(b, is_select ? ") SELECT " : ") VALUES (");
    for (size_t i = 0; i < op->set_count; i++) {
        wb_buf_str(b, i ? ", " : "");
        wb_sqltext_value(b, st, &op->set[i].value);
    }
    if (is_select && st->from_nothing)
        wb_buf_str(b, st->from_nothing);
    wb_buf_str(b, is_select ? " WHERE " : ")");
    if (op->only_if_empty) {
        wb_buf_str(b, "NOT EXISTS (SELECT 1 FROM ");
        wb_sqltext_table(b, st, op->table);
        wb_buf_str(b, extra ? ") AND " : ")");
    }
    if (extra)
        wb_buf_str(b, extra);
}

/* Reads nothing; but a server that can't find the table or a column says so. */
void wb_sqltext_needs(wb_buf *b, const wb_sqltext *st, const wb_select *needs)
{
    wb_buf_str(b, "NOT EXISTS (SELECT ");
    for (size_t i = 0; i < needs->column_count; i++) {
        wb_buf_str(b,
                   i ? ", n."
                     : "n."); /* SQLite takes an unknown name in quotes for a text, unless a table stands before it */
        wb_sqltext_ident(b, st, needs->columns[i]);
    }
    wb_buf_str(b, " FROM ");
    wb_sqltext_table(b, st, needs->table);
    wb_buf_str(b, " n WHERE 1 = 0)");
}

static bool has_nul(const wb_field *f, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (f[i].value.kind == WB_VALUE_TEXT && f[i].value.text.len &&
            memchr(f[i].value.text.p, 0, f[i].value.text.len))
            return true;
    return false;
}

int wb_sqltext_check(wb_ctx *cx, const wb_row_op *op)
{
    if (has_nul(op->set, op->set_count) || has_nul(op->where, op->where_count))
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "a value for %s holds a NUL byte", op->table.name);
    return 0;
}

void wb_sqltext_row_op(wb_buf *b, const wb_sqltext *st, const wb_row_op *op, const char *extra)
{
    switch (op->op) {
    case WB_OP_INSERT: insert(b, st, op, extra); return;
    case WB_OP_UPDATE:
        wb_buf_str(b, "UPDATE ");
        wb_sqltext_table(b, st, op->table);
        for (size_t i = 0; i < op->set_count; i++) {
            wb_buf_str(b, i ? ", " : " SET ");
            wb_sqltext_ident(b, st, op->set[i].column);
            wb_buf_str(b, " = ");
            wb_sqltext_value(b, st, &op->set[i].value);
        }
        break;
    case WB_OP_DELETE:
        wb_buf_str(b, "DELETE FROM ");
        wb_sqltext_table(b, st, op->table);
        break;
    }
    wb_sqltext_where(b, st, op->where, op->where_count);
    if (extra) {
        wb_buf_str(b, op->where_count ? " AND " : " WHERE ");
        wb_buf_str(b, extra);
    }
}
