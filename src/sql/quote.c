/*
 * quote.c - put names and texts into quotes, and take names out of them. Everything that we put into SQL text ourselves
 * passes here.
 */
#include "sql/dialect.h"

#include <string.h>

/* ---- writing ---- */

static void add_doubled(wb_buf *b, const char *p, size_t len, char quote)
{
    wb_buf_char(b, quote);
    for (const char *end = p + len; p < end;) {
        const char *q = memchr(p, quote, (size_t)(end - p));
        size_t n = (size_t)((q ? q + 1 : end) - p);
        wb_buf_add(b, p, n);
        if (q)
            wb_buf_char(b, quote);
        p += n;
    }
    wb_buf_char(b, quote);
}

static void add_hex(wb_buf *b, const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        wb_buf_addf(b, "%02x", (uint8_t)p[i]);
}

void wb_sql_ident(wb_buf *b, wb_dialect dialect, const char *name)
{
    add_doubled(b, name, strlen(name), wb_dialect_table_get(dialect)->name_quote);
}

/* E'...' reads the same whatever standard_conforming_strings says. */
static void add_postgres_literal(wb_buf *b, const char *p, size_t len)
{
    wb_buf_str(b, " E'");
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '\\' || p[i] == '\'')
            wb_buf_char(b, p[i]);
        wb_buf_char(b, p[i]);
    }
    wb_buf_char(b, '\'');
}

void wb_sql_literal(wb_buf *b, wb_dialect dialect, const char *p, size_t len)
{
    bool has_backslash = len > 0 && memchr(p, '\\', len), has_zero = len > 0 && memchr(p, 0, len);
    switch (dialect) {
    case WB_SQL_POSTGRES:
        if (has_zero) /* no text of PostgreSQL holds one */
            b->bad = true;
        if (has_backslash) {
            add_postgres_literal(b, p, len);
            return;
        }
        break;
    case WB_SQL_SQLITE:
        if (has_zero) {
            wb_buf_str(b, "CAST(x'");
            add_hex(b, p, len);
            wb_buf_str(b, "' AS TEXT)");
            return;
        }
        break;
    case WB_SQL_MYSQL:
        if (has_backslash || has_zero) { /* reads the same whatever sql_mode says of backslashes */
            wb_buf_str(b, "_utf8mb4 x'");
            add_hex(b, p, len);
            wb_buf_char(b, '\'');
            return;
        }
        break;
    case WB_SQL_NONE: break;
    }
    add_doubled(b, p, len, '\'');
}

/* ---- reading ---- */

static char *copy_undoubled(wb_arena *mem, const char *p, size_t len, char quote)
{
    char *name = wb_arena_get(mem, len + 1);
    if (!name)
        return NULL;
    char *to = name;
    for (size_t i = 0; i < len; i++) {
        *to++ = p[i];
        if (p[i] == quote && i + 1 < len && p[i + 1] == quote)
            i++;
    }
    return name;
}

static char *copy_folded(wb_arena *mem, const wb_dialect_table *d, wb_str written)
{
    char *name = wb_arena_str(mem, written.p, written.len);
    for (char *p = name; name && d->folds_names && *p; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + ('a' - 'A'));
    }
    return name;
}

const char *wb_sql_name(wb_arena *mem, wb_dialect dialect, wb_str written)
{
    const wb_dialect_table *d = wb_dialect_table_get(dialect);
    char *name;
    char first = written.len > 1 ? *written.p : 0;
    if (first == '"' || first == '`' || first == '[' || first == '\'')
        name = copy_undoubled(mem, written.p + 1, written.len - 2, first == '[' ? 0 : first);
    else
        name = copy_folded(mem, d, written);
    if (name && d->name_max > 0) {
        size_t len = strlen(name);
        if (len > d->name_max)
            name[wb_utf8_cut(name, len, d->name_max)] = 0;
    }
    return name;
}
