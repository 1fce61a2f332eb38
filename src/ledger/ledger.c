/*
 * ledger.c - which documented shape a table has, and what every shape shares: choosing, loading, finding rows.
 *
 * The shapes themselves are in files of their own; this file holds the one table that lists them.
 * Facts: docs/formats/ledgers.md.
 */
#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const wb_shape *const shapes[] = { &wb_shape_native, &wb_shape_axcom, &wb_shape_golang_migrate };

static const wb_shape *shape_by_profile(const char *profile)
{
    if (strcmp(profile, "promenade") == 0) /* the native shape is the one that promenade documents */
        return &wb_shape_native;
    for (size_t i = 0; i < WB_COUNT(shapes); i++)
        if (strcmp(shapes[i]->profile, profile) == 0)
            return shapes[i];
    return NULL;
}

static const wb_column *find_column(const wb_table *t, const char *name)
{
    for (size_t i = 0; i < t->column_count; i++)
        if (strcasecmp(t->columns[i].name, name) == 0)
            return &t->columns[i];
    return NULL;
}

static const wb_shape *shape_of_table(const wb_table *t)
{
    for (size_t i = 0; i < WB_COUNT(shapes); i++) {
        bool fits = true;
        for (size_t k = 0; fits && shapes[i]->needs[k]; k++)
            fits = find_column(t, shapes[i]->needs[k]) != NULL;
        for (size_t k = 0; fits && shapes[i]->lacks[k]; k++)
            fits = find_column(t, shapes[i]->lacks[k]) == NULL;
        if (fits)
            return shapes[i];
    }
    return NULL;
}

static int unknown_shape(wb_ctx *cx, const wb_table *found)
{
    WB_AUTOBUF wb_buf names = WB_BUF(300);
    for (size_t i = 0; i < found->column_count && names.len < 200; i++)
        wb_buf_addf(&names, "%s%s", i ? ", " : "", found->columns[i].name);
    const char *list = wb_buf_cstr(&names);
    int rc = wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the table %s%s%s (%s) is no ledger that whimbrel knows",
                     found->ref.schema ? found->ref.schema : "", found->ref.schema ? "." : "", found->ref.name,
                     list ? list : "...");
    wb_hint(cx, "If it belongs to something else, choose another name: --ledger whimbrel_migrations (ledger: in whimbrel.yaml).");
    return rc;
}

static const char *dot_of(const wb_table *t) { return t->ref.schema && *t->ref.schema ? "." : ""; }
static const char *schema_of(const wb_table *t) { return t->ref.schema ? t->ref.schema : ""; }

static int refuse_view(wb_ctx *cx, const wb_table *t)
{
    int rc = wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s%s%s is no table", schema_of(t), dot_of(t), t->ref.name);
    wb_hint(cx, "A view can't hold records. Rename it, or choose another name: --ledger whimbrel_migrations (ledger: in whimbrel.yaml).");
    return rc;
}

/* Types that can't hold what the column means. What a database calls its types beyond that is its own business. */
static bool can_hold(const wb_column *wanted, const wb_column *found)
{
    switch (found->type) {
    case WB_TYPE_TIMESTAMP:
    case WB_TYPE_TIMESTAMPTZ: return wanted->type == WB_TYPE_TIMESTAMP || wanted->type == WB_TYPE_TIMESTAMPTZ;
    case WB_TYPE_TEXT:
    case WB_TYPE_VARCHAR: return wanted->type != WB_TYPE_BOOL;
    case WB_TYPE_BOOL: return wanted->type == WB_TYPE_BOOL;
    case WB_TYPE_INT:
    case WB_TYPE_BIGINT:
    case WB_TYPE_NUMERIC38:
    case WB_TYPE_SERIAL: return wanted->type != WB_TYPE_TEXT && wanted->type != WB_TYPE_VARCHAR;
    case WB_TYPE_OTHER: return true;
    }
    return true;
}

static int check_types(wb_ctx *cx, const wb_shape *shape, const wb_table *t)
{
    for (size_t i = 0; i < shape->column_count; i++) {
        const wb_column *wanted = &shape->columns[i], *found = find_column(t, wanted->name);
        if (!found || can_hold(wanted, found))
            continue;
        int rc = wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the column %s of %s%s%s has a type that can't hold a %s", found->name,
                         schema_of(t), dot_of(t), t->ref.name,
                         wanted->type == WB_TYPE_BOOL                                        ? "flag"
                         : wanted->type == WB_TYPE_TIMESTAMP || wanted->type == WB_TYPE_TIMESTAMPTZ ? "time"
                         : wanted->type == WB_TYPE_TEXT || wanted->type == WB_TYPE_VARCHAR   ? "name"
                                                                                             : "version");
        wb_hint(cx, "If the table belongs to something else, choose another name: --ledger whimbrel_migrations (ledger: in whimbrel.yaml).");
        return rc;
    }
    return 0;
}

int wb_ledger_own(wb_ctx *cx, const wb_table *found, const wb_table *wanted)
{
    if (!found->exists)
        return 0;
    if (found->is_view)
        return refuse_view(cx, found);
    for (size_t i = 0; i < wanted->column_count; i++)
        if (!find_column(found, wanted->columns[i].name)) {
            int rc = wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the table %s%s%s has no column %s: it is not the one that whimbrel made",
                             schema_of(found), dot_of(found), found->ref.name, wanted->columns[i].name);
            wb_hint(cx, "Rename it if it belongs to something else; restore it if it was changed.");
            return rc;
        }
    return 0;
}

int wb_ledger_choose(wb_ctx *cx, wb_arena *mem, const wb_table *found, const char *profile, bool wants_numeric,
                     wb_ledger *out)
{
    const wb_shape *wanted = profile ? shape_by_profile(profile) : NULL;
    if (profile && !wanted)
        return wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "no profile \"%s\"; this version knows native, promenade, axcom, golang-migrate",
                       profile);
    *out = (wb_ledger){ .mem = mem, .cx = cx };
    if (found->exists) {
        const wb_shape *shape = shape_of_table(found);
        if (found->is_view)
            return refuse_view(cx, found);
        if (!shape)
            return unknown_shape(cx, found);
        if (wanted && wanted != shape) {
            int rc = wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the table %s has the shape of %s, not of %s",
                             found->ref.name, shape->profile, wanted->profile);
            wb_hint(cx, "Leave profile: away, or choose another table with --ledger.");
            return rc;
        }
        out->shape = shape;
        out->table = *found;
        return check_types(cx, shape, found);
    }
    const wb_shape *shape = out->shape = wanted ? wanted : &wb_shape_native;
    wb_column *columns = wb_arena_get(mem, shape->column_count * sizeof *columns);
    if (!columns)
        return wb_nomem(cx);
    memcpy(columns, shape->columns, shape->column_count * sizeof *columns);
    for (size_t i = 0; wants_numeric && shape == &wb_shape_native && i < shape->column_count; i++)
        if (columns[i].type == WB_TYPE_BIGINT)
            columns[i].type = WB_TYPE_NUMERIC38;
    out->table = (wb_table){ .ref = found->ref, .columns = columns, .column_count = shape->column_count };
    return 0;
}

static bool number_above(const char *key, const char *limit)
{
    size_t a = strlen(key), b = strlen(limit);
    return a != b ? a > b : strcmp(key, limit) > 0;
}

bool wb_ledger_fits(const wb_ledger *l, const char *key)
{
    const wb_column *c = find_column(&l->table, "version");
    switch (c ? c->type : WB_TYPE_OTHER) {
    case WB_TYPE_INT:
        return !number_above(key, "2147483647");
    case WB_TYPE_BIGINT:
        return !number_above(key, "9223372036854775807");
    case WB_TYPE_NUMERIC38:
        return strlen(key) <= 38;
    case WB_TYPE_VARCHAR:
        return c->length == 0 || strlen(key) <= c->length;
    case WB_TYPE_OTHER:
    case WB_TYPE_TEXT:
    case WB_TYPE_BOOL:
    case WB_TYPE_TIMESTAMP:
    case WB_TYPE_TIMESTAMPTZ:
    case WB_TYPE_SERIAL:
        return true;
    }
    return true;
}

/* ---- loading ---- */

/* Rows that no tool writes: somebody's hand, or half a restore. To go on would be to guess. */
static int refuse_row(wb_ledger *l, const char *what, wb_str value)
{
    const wb_table *t = &l->table;
    char shown[80];
    wb_copy_text(shown, sizeof shown, value.p ? value.p : "", value.len);
    int rc = wb_fail(l->cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s%s%s has %s%s%s%s", schema_of(t), dot_of(t), t->ref.name, what,
                     value.p ? " \"" : "", shown, value.p ? "\"" : "");
    wb_hint(l->cx, "Correct the table by hand: what it says is what holds.");
    return rc;
}

static bool is_version(wb_str s)
{
    size_t digits = 0;
    while (digits < s.len && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    return (digits == s.len && digits > 0) || wb_str_eq(s, "-1"); /* -1: golang-migrate, before the first */
}

static int check_cells(wb_ledger *l, const wb_str *cells)
{
    for (size_t i = 0; i < l->shape->select_count; i++) {
        const char *name = l->shape->select[i];
        bool is_name = strcmp(name, "namespace") == 0 || strcmp(name, "module") == 0;
        if (is_name && cells[i].len == 0)
            return refuse_row(l, "a row without a namespace", (wb_str){ 0 });
        if (strcmp(name, "version") != 0)
            continue;
        if (!cells[i].p)
            return refuse_row(l, "a row without a version", (wb_str){ 0 });
        if (!is_version(cells[i]))
            return refuse_row(l, "a row whose version is no number:", cells[i]);
    }
    if (l->shape->is_single_row && l->row_count)
        return refuse_row(l, "more than one row; this shape has one, the current version", (wb_str){ 0 });
    return 0;
}

static int add_row(void *user, const wb_str *cells, size_t count)
{
    (void)count;
    wb_ledger *l = user;
    wb_ledger_row row = { 0 };
    int rc = check_cells(l, cells);
    if (rc == 0)
        rc = l->shape->row(l, cells, &row);
    if (rc != 0)
        return rc;
    wb_ledger_row *slot = WB_PUSH(l->mem, l->rows, l->row_count, l->row_cap);
    if (!slot)
        return wb_nomem(l->cx);
    *slot = row;
    return 0;
}

void wb_ledger_select(wb_ledger *l, wb_select *out)
{
    l->rows = NULL;
    l->row_count = l->row_cap = 0;
    *out = (wb_select){ .table = l->table.ref, .columns = l->shape->select, .column_count = l->shape->select_count,
                        .fn = add_row, .user = l };
}

int wb_ledger_change(wb_ctx *cx, wb_session *s, const wb_ledger *l, const wb_change *c, uint32_t tag)
{
    return l->shape->change(cx, s, l, c, tag);
}

/* ---- locks ---- */

const char *wb_ledger_lock_text(wb_arena *mem, const char *table_name)
{
    return wb_arena_fmt(mem, "whimbrel ledger %s", table_name);
}

/* golang-migrate: CRC-32 of "schema NUL table NUL database" times a constant, modulo 2^32. Its program hashes the
   database as "/name", its library as "name", so the two do not exclude each other; we take both. */
static uint32_t golang_migrate_id(const wb_ledger *l, const wb_server *server, const char *slash)
{
    char text[512];
    const char *schema = l->table.ref.schema ? l->table.ref.schema : server->schema;
    int n = snprintf(text, sizeof text, "%s%c%s%c%s%s", schema, 0, l->table.ref.name, 0, slash, server->database);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    return wb_crc32(text, len) * 1486364155u;
}

/* On MySQL and MariaDB: of "database:table", and the number in decimal is the name for GET_LOCK. */
static int golang_migrate_name(wb_arena *mem, const wb_ledger *l, const wb_server *server, wb_lock_key *out)
{
    const char *schema = l->table.ref.schema ? l->table.ref.schema : server->schema;
    char *text = wb_arena_fmt(mem, "%s:%s", schema, l->table.ref.name);
    char *name = text ? wb_arena_fmt(mem, "%u", wb_crc32(text, strlen(text)) * 1486364155u) : NULL;
    if (!name)
        return -1;
    *out = (wb_lock_key){ .text = name, .is_number = true };
    return 1;
}

int wb_ledger_foreign_locks(wb_arena *mem, const wb_ledger *l, const wb_server *server, wb_lock_key out[4])
{
    if (l->shape != &wb_shape_golang_migrate)
        return 0;
    if (strcmp(server->product, "MySQL") == 0 || strcmp(server->product, "MariaDB") == 0)
        return golang_migrate_name(mem, l, server, out);
    if (strcmp(server->product, "PostgreSQL") != 0)
        return 0;
    uint32_t a = golang_migrate_id(l, server, "/"), b = golang_migrate_id(l, server, "");
    for (int i = 0; i < 2; i++) {
        uint32_t id = (i == 0) == (a < b) ? a : b;
        char *text = wb_arena_fmt(mem, "%u", id);
        if (!text)
            return -1;
        out[i] = (wb_lock_key){ .text = text, .is_number = true };
    }
    return a == b ? 1 : 2;
}
