/*
 * catalog.c - list every object of the database, and drop every object.
 *
 * One query gives the stored text of everything; shape.c takes it apart. A virtual table is listed as one object: the
 * tables in which it keeps its data belong to its module, and may differ between versions of SQLite.
 * Owns nothing.
 */
#include "driver/sqlite/lite.h"

#include <stdlib.h>
#include <string.h>

static bool is_skipped(const wb_catalog_options *opt, const char *table)
{
    for (size_t i = 0; opt && i < opt->skip_count; i++)
        if (wb_str_ieq(WB_STR(table), opt->skip[i].name))
            return true;
    return false;
}

static int add_object(wb_ctx *cx, lite_shapes *shapes, const wb_catalog_options *opt, sqlite3_stmt *stmt)
{
    const char *cells[4]; /* type, name, tbl_name, sql */
    for (int i = 0; i < 4; i++) {
        const char *text = (const char *)sqlite3_column_text(stmt, i);
        if (!(cells[i] = wb_arena_dup(shapes->mem, text ? text : "")))
            return wb_nomem(cx);
    }
    if (is_skipped(opt, cells[2]))
        return 0;
    if (strcmp(cells[0], "table") == 0)
        return lite_shape_table(cx, shapes, cells[1], cells[3]);
    return lite_shape_other(cx, shapes, cells[0], cells[1], cells[2], cells[3]);
}

static int compare_objects(const void *x, const void *y)
{
    const wb_object *a = x, *b = y;
    int by_kind = strcmp(a->kind, b->kind), by_name = by_kind ? by_kind : strcmp(a->name, b->name);
    return by_name ? by_name : strcmp(a->definition, b->definition);
}

/* Constraints without a name are called after what they are, so two may be called the same. */
static int number_twins(wb_ctx *cx, lite_shapes *shapes)
{
    for (size_t i = 1, twin = 1; i < shapes->count; i++) {
        wb_object *o = &shapes->objects[i], *first = o - twin;
        bool is_twin = strcmp(o->kind, first->kind) == 0 && strcmp(o->name, first->name) == 0;
        twin = is_twin ? twin + 1 : 1;
        if (is_twin && !(o->name = wb_arena_fmt(shapes->mem, "%s (%zu)", first->name, twin)))
            return wb_nomem(cx);
    }
    return 0;
}

/* Indexes without text are those of constraints. The list of shadow tables makes SQLite load every module and view, so
   it is asked for only where there is a virtual table. */
#define ALL                                                                                                            \
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE " \
    "'\\'"
#define SHADOWS "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'"
#define IS_VIRTUAL "sql LIKE 'CREATE VIRTUAL TABLE%'"

static int has_virtual(wb_ctx *cx, lite *s, bool *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = lite_prepare(s, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND " IS_VIRTUAL " LIMIT 1", &stmt);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    *out = rc == SQLITE_ROW;
    sqlite3_reset(stmt);
    return 0;
}

int lite_catalog(wb_ctx *cx, wb_session *session, const wb_catalog_options *opt, wb_arena *mem, wb_object **out,
                 size_t *count)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    lite_shapes shapes = { .mem = mem };
    bool is_virtual = false;
    int code = has_virtual(cx, s, &is_virtual);
    if (code != 0)
        return code;
    sqlite3_stmt *stmt = NULL;
    int rc = lite_prepare(s, is_virtual ? ALL " AND tbl_name NOT IN (" SHADOWS ")" : ALL, &stmt);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if ((code = add_object(cx, &shapes, opt, stmt)) != 0)
            break;
        rc = SQLITE_OK;
    }
    if (code == 0 && rc != SQLITE_DONE)
        code = lite_fail(cx, s, rc, WBL_EFFECT_NONE);
    sqlite3_reset(stmt);
    if (code != 0)
        return code;
    if (shapes.count)
        qsort(shapes.objects, shapes.count, sizeof *shapes.objects, compare_objects);
    if ((code = number_twins(cx, &shapes)) != 0)
        return code;
    *out = shapes.objects;
    *count = shapes.count;
    return 0;
}

/* ---- drop all ---- */

/* Virtual tables go before other tables, since those in which they keep their data can't be dropped alone. IF EXISTS:
   what a virtual table took with it is gone when its own turn comes. */
#define VICTIMS                                                                                                        \
    "SELECT printf('DROP %s IF EXISTS \"%w\";', upper(type), name) FROM sqlite_schema"                                 \
    " WHERE type IN ('view', 'trigger', 'table') AND name <> 'sqlite_sequence'"                                        \
    " ORDER BY type <> 'view', type <> 'trigger', " IS_VIRTUAL " DESC"

static int list_victims(wb_ctx *cx, lite *s, wb_buf *sql)
{
    sqlite3_stmt *stmt = NULL;
    int rc = lite_prepare(s, VICTIMS, &stmt);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        rc = text ? SQLITE_OK : SQLITE_NOMEM;
        wb_buf_str(sql, text ? text : "");
    }
    sqlite3_reset(stmt);
    /* It exists only where a table counted by itself, and it can't be dropped. */
    if (sqlite3_table_column_metadata(s->db, "main", "sqlite_sequence", NULL, NULL, NULL, NULL, NULL, NULL) ==
        SQLITE_OK)
        wb_buf_str(sql, "DELETE FROM sqlite_sequence;");
    return rc == SQLITE_DONE ? 0 : lite_fail(cx, s, rc, WBL_EFFECT_NONE);
}

static int drop_each(wb_ctx *cx, lite *s)
{
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_FILE_SIZE_MAX);
    int code = list_victims(cx, s, &sql);
    if (code != 0)
        return code;
    if (sql.len == 0 && !sql.bad)
        return 0;
    const char *text = wb_buf_cstr(&sql);
    if (!text)
        return wb_nomem(cx);
    int rc = sqlite3_exec(s->db, text, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : lite_fail(cx, s, rc, WBL_EFFECT_NONE);
}

int lite_drop_all(wb_ctx *cx, wb_session *session)
{
    LITE_CALL lite *s = lite_enter(cx, session);
    if (s->is_unit_open)
        return wb_fail(cx, WBL_E_INTERNAL, WBL_EFFECT_NONE, "drop_all: a unit is open");
    int code = lite_flush(cx, s);
    if (code == 0)
        code = lite_make_writable(cx, s);
    if (code != 0)
        return code;
    bool had_keys = lite_foreign_keys(s);
    lite_foreign_keys_set(s,
                          false); /* else each DROP TABLE deletes its rows first, and fails where one is referred to */
    code = lite_own_begin(cx, s);
    if (code == 0)
        code = lite_own_end(cx, s, drop_each(cx, s));
    lite_foreign_keys_set(s, had_keys);
    return code;
}
