/*
 * catalog.c - what is in the database, as comparable text, and dropping all of it.
 *
 * Everything comes from information_schema, in one message. An object that has several columns (index, key, routine)
 * comes in several rows, which are joined here: GROUP_CONCAT would cut a long list without saying so. Only the current
 * database is looked at unless others are named: on one server the others belong to other people.
 * The text leaves out what differs between two databases that were made by the same migrations: counters, definers,
 * times, and the database's own name.
 * Owns nothing. Facts: MySQL 8.4 manual, 28.3; MariaDB Knowledge Base, "Information Schema Tables".
 */
#include "driver/mysql/my.h"

#include <stdlib.h>
#include <string.h>

#define CATALOG_TEXT_MAX ((size_t)64 << 20)

/*
 * Cells: 0 kind, 1 name, 2 parent, 3 head, 4 one part, 5 tail; the parts of rows with the same kind and name are joined.
 * @C(t) is the condition that the object of alias t is wanted, @T(t) the shown name of its table. @S(r) says of
 * the other table of a join that its schema is wanted: else, and in the other order, MariaDB reads all schemas.
 */
typedef enum whose { EVERYBODY, MYSQL_ONLY, MARIADB_ONLY } whose;
static const struct part {
    whose server;
    const char *sql;
} parts[] = {
    { EVERYBODY,
      "SELECT 'table', @T(t), NULL, CONCAT_WS(' ', LOWER(t.engine), t.table_collation, NULLIF(t.create_options, ''), "
      "IF(t.table_comment = '', NULL, CONCAT('comment ', QUOTE(t.table_comment)))), NULL, NULL "
      "FROM information_schema.tables t WHERE @C(t) AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')" },
    { EVERYBODY, "SELECT 'partition', CONCAT(@T(t), '.', COALESCE(CONCAT(t.partition_name, '.', t.subpartition_name), "
                 "t.partition_name)), @T(t), CONCAT_WS(' ', LOWER(t.partition_method), t.partition_expression, "
                 "t.partition_description, LOWER(t.subpartition_method), t.subpartition_expression), NULL, NULL "
                 "FROM information_schema.partitions t WHERE @C(t) AND t.partition_name IS NOT NULL" },
    { EVERYBODY,
      "SELECT 'column', CONCAT(@T(t), '.', t.column_name), @T(t), CONCAT_WS(' ', t.column_type, "
      "CONCAT('collate ', t.collation_name), IF(t.is_nullable = 'NO', 'not null', NULL), "
      "IF(t.column_default = 'NULL', NULL, CONCAT('default ', t.column_default)), LOWER(NULLIF(t.extra, '')), "
      "IF(t.generation_expression = '', NULL, CONCAT('as (', t.generation_expression, ')')), "
      "IF(t.column_comment = '', NULL, CONCAT('comment ', QUOTE(t.column_comment)))), NULL, NULL "
      "FROM information_schema.columns t WHERE @C(t) AND (t.table_schema, t.table_name) IN " /* a join compares all with all */
      "(SELECT t.table_schema, t.table_name FROM information_schema.tables t WHERE @C(t) AND "
      "t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED'))" },
    { MYSQL_ONLY, "SELECT IF(t.non_unique = 0, 'constraint', 'index'), CONCAT(@T(t), '.', t.index_name), @T(t), "
                  "CASE WHEN t.index_name = 'PRIMARY' THEN 'primary key' WHEN t.non_unique = 0 THEN 'unique' "
                  "ELSE LOWER(t.index_type) END, CONCAT(COALESCE(t.column_name, CONCAT('(', t.expression, ')')), "
                  "IF(t.sub_part IS NULL, '', CONCAT('(', t.sub_part, ')')), IF(t.collation = 'D', ' desc', '')), "
                  "CONCAT(IF(t.is_visible = 'NO', ' invisible', ''), IF(t.index_comment = '', '', "
                  "CONCAT(' comment ', QUOTE(t.index_comment)))) FROM information_schema.statistics t WHERE @C(t) "
                  "ORDER BY t.table_schema, t.table_name, t.index_name, t.seq_in_index" },
    { MARIADB_ONLY,
      "SELECT IF(t.non_unique = 0, 'constraint', 'index'), CONCAT(@T(t), '.', t.index_name), @T(t), "
      "CASE WHEN t.index_name = 'PRIMARY' THEN 'primary key' WHEN t.non_unique = 0 THEN 'unique' "
      "ELSE LOWER(t.index_type) END, CONCAT(t.column_name, IF(t.sub_part IS NULL, '', CONCAT('(', t.sub_part, ')')), "
      "IF(t.collation = 'D', ' desc', '')), CONCAT(IF(t.ignored = 'YES', ' ignored', ''), IF(t.index_comment = '', '', "
      "CONCAT(' comment ', QUOTE(t.index_comment)))) FROM information_schema.statistics t WHERE @C(t) "
      "ORDER BY t.table_schema, t.table_name, t.index_name, t.seq_in_index" },
    { EVERYBODY, "SELECT 'constraint', CONCAT(@T(t), '.', t.constraint_name), @T(t), 'foreign key', "
                 "CONCAT(t.column_name, ' -> ', t.referenced_column_name), CONCAT(' references ', "
                 "IF(t.referenced_table_schema = t.table_schema, '', CONCAT(t.referenced_table_schema, '.')), "
                 "t.referenced_table_name, ' on delete ', LOWER(r.delete_rule), ' on update ', LOWER(r.update_rule)) "
                 "FROM information_schema.referential_constraints r STRAIGHT_JOIN information_schema.key_column_usage t "
                 "ON r.constraint_schema = t.constraint_schema AND r.constraint_name = t.constraint_name AND "
                 "r.table_name = t.table_name WHERE @C(t) AND @S(r) AND t.referenced_table_name IS NOT NULL "
                 "ORDER BY t.table_schema, t.table_name, t.constraint_name, t.ordinal_position" },
    { MYSQL_ONLY, "SELECT 'constraint', CONCAT(@T(t), '.', t.constraint_name), @T(t), CONCAT('check ', c.check_clause, "
                  "IF(t.enforced = 'NO', ' not enforced', '')), NULL, NULL FROM information_schema.table_constraints t "
                  "JOIN information_schema.check_constraints c ON c.constraint_schema = t.constraint_schema AND "
                  "c.constraint_name = t.constraint_name WHERE @C(t) AND t.constraint_type = 'CHECK'" },
    { MARIADB_ONLY, "SELECT 'constraint', CONCAT(@T(t), '.', t.constraint_name), @T(t), CONCAT('check (', "
                    "t.check_clause, ')'), NULL, "
                    "NULL FROM (SELECT constraint_schema AS table_schema, table_name, constraint_name, check_clause "
                    "FROM information_schema.check_constraints) t WHERE @C(t)" },
    { EVERYBODY,
      "SELECT 'view', @T(t), NULL, CONCAT_WS(' ', 'security', LOWER(t.security_type), "
      "IF(t.check_option = 'NONE', NULL, CONCAT('check option ', LOWER(t.check_option))), 'as', t.view_definition), "
      "NULL, NULL FROM information_schema.views t WHERE @C(t)" },
    { EVERYBODY,
      "SELECT 'trigger', CONCAT(@T(t), '.', t.trigger_name), @T(t), CONCAT_WS(' ', LOWER(t.action_timing), "
      "LOWER(t.event_manipulation), t.action_order, t.action_statement), NULL, NULL FROM "
      "(SELECT trigger_schema AS table_schema, event_object_table AS table_name, trigger_name, action_timing, "
      "event_manipulation, action_order, action_statement FROM information_schema.triggers) t WHERE @C(t)" },
    { EVERYBODY,
      "SELECT LOWER(t.routine_type), @T(t), NULL, CONCAT_WS(' ', CONCAT('returns ', NULLIF(t.dtd_identifier, '')), "
      "IF(t.is_deterministic = 'YES', 'deterministic', NULL), LOWER(t.sql_data_access), 'security', "
      "LOWER(t.security_type), 'body', COALESCE(SHA2(t.routine_definition, 256), 'hidden'), ''), "
      "CONCAT_WS(' ', p.parameter_mode, p.parameter_name, p.dtd_identifier), NULL "
      "FROM (SELECT routine_schema AS table_schema, routine_name AS table_name, routine_type, dtd_identifier, "
      "is_deterministic, sql_data_access, security_type, routine_definition FROM information_schema.routines) t "
      "LEFT JOIN information_schema.parameters p ON p.specific_schema = t.table_schema AND "
      "p.specific_name = t.table_name AND p.routine_type = t.routine_type AND p.ordinal_position > 0 WHERE @C(t) "
      "ORDER BY t.routine_type, t.table_schema, t.table_name, p.ordinal_position" },
    { EVERYBODY,
      "SELECT 'event', @T(t), NULL, CONCAT_WS(' ', LOWER(t.event_type), t.execute_at, t.interval_value, "
      "LOWER(t.interval_field), LOWER(t.status), LOWER(t.on_completion), t.event_definition), NULL, NULL FROM "
      "(SELECT event_schema AS table_schema, event_name AS table_name, event_type, execute_at, interval_value, "
      "interval_field, status, on_completion, event_definition FROM information_schema.events) t WHERE @C(t)" },
    { MARIADB_ONLY,
      "SELECT 'sequence', @T(t), t.table_schema, t.table_name, NULL, NULL FROM information_schema.tables t "
      "WHERE @C(t) AND t.table_type = 'SEQUENCE'" },
};

/* ---- the message ---- */

static void add_schemas(wb_buf *b, const my_session *s, const wb_catalog_options *o, const char *column)
{
    wb_buf_str(b, column);
    wb_buf_str(b, o->schemas ? " IN (NULL" : " = DATABASE()");
    for (size_t i = 0; i < o->schema_count; i++) {
        wb_buf_str(b, ", ");
        my_literal(b, s, o->schemas[i]);
    }
    wb_buf_str(b, o->schemas ? ")" : "");
}

static void add_condition(wb_buf *b, const my_session *s, const wb_catalog_options *o)
{
    add_schemas(b, s, o, "t.table_schema");
    for (size_t i = 0; i < o->skip_count; i++) {
        wb_buf_str(b, " AND NOT (t.table_name = ");
        my_literal(b, s, o->skip[i].name);
        wb_buf_str(b, " AND t.table_schema = ");
        if (o->skip[i].schema)
            my_literal(b, s, o->skip[i].schema);
        else
            wb_buf_str(b, "DATABASE()");
        wb_buf_char(b, ')');
    }
}

static void expand(wb_buf *b, const my_session *s, const wb_catalog_options *o, const char *sql)
{
    for (const char *mark; (mark = strchr(sql, '@')); sql = mark + 5) {
        wb_buf_add(b, sql, (size_t)(mark - sql));
        if (mark[1] == 'C')
            add_condition(b, s, o);
        else if (mark[1] == 'S')
            add_schemas(b, s, o, "r.constraint_schema");
        else
            wb_buf_str(b, "CONCAT(IF(t.table_schema <=> DATABASE(), '', CONCAT(t.table_schema, '.')), t.table_name)");
    }
    wb_buf_str(b, sql);
}

/* ---- the answers ---- */

typedef struct collector {
    wb_arena *mem;
    wb_object *objects;
    size_t count, cap;
    wb_buf text;      /* of the definition at hand */
    const char *tail; /* of it, when it has parts; NULL */
    wb_str own;       /* "`database`." */
} collector;

static int finish(collector *c)
{
    if (c->count == 0 || c->objects[c->count - 1].definition)
        return 0;
    if (c->tail) {
        wb_buf_char(&c->text, ')');
        wb_buf_str(&c->text, c->tail);
    }
    const char *text = wb_buf_cstr(&c->text);
    c->objects[c->count - 1].definition = text ? wb_arena_dup(c->mem, wb_str_trim(WB_STR(text)).p) : NULL;
    return c->objects[c->count - 1].definition ? 0 : WBL_E_NOMEM;
}

static const char *keep(wb_arena *mem, wb_str cell) { return wb_arena_str(mem, cell.p ? cell.p : "", cell.len); }

/* Without the name of the database, which the server writes in front of every table of a view. */
static void add_plain(collector *c, wb_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool is_own = c->own.len && text.len - i > c->own.len && memcmp(text.p + i, c->own.p, c->own.len) == 0;
        if (is_own)
            i += c->own.len - 1;
        else
            wb_buf_char(&c->text, text.p[i]);
    }
}

static int begin_object(collector *c, const wb_str *cells)
{
    int rc = finish(c);
    wb_object *object = rc == 0 ? WB_PUSH(c->mem, c->objects, c->count, c->cap) : NULL;
    if (!object)
        return WBL_E_NOMEM;
    *object = (wb_object){ .kind = keep(c->mem, cells[0]), .name = keep(c->mem, cells[1]), .is_valid = true };
    object->parent = cells[2].p ? keep(c->mem, cells[2]) : NULL;
    wb_buf_clear(&c->text);
    c->tail = NULL;
    bool is_view = wb_str_eq(cells[0], "view");
    if (is_view)
        add_plain(c, cells[3]);
    else
        wb_buf_add(&c->text, cells[3].p ? cells[3].p : "", cells[3].len);
    if (!cells[4].p)
        return object->kind && object->name && (object->parent || !cells[2].p) ? 0 : WBL_E_NOMEM;
    wb_buf_str(&c->text, " (");
    wb_buf_add(&c->text, cells[4].p, cells[4].len);
    c->tail = keep(c->mem, cells[5]);
    return object->kind && object->name && c->tail ? 0 : WBL_E_NOMEM;
}

static int collect(void *user, size_t index, const wb_str *cells, size_t count)
{
    collector *c = user;
    (void)index;
    if (count != 6)
        return 0;
    const wb_object *last = c->count ? &c->objects[c->count - 1] : NULL;
    bool is_same = last && c->tail && !last->definition && wb_str_eq(cells[0], last->kind) &&
                   wb_str_eq(cells[1], last->name) && cells[4].p;
    if (!is_same)
        return begin_object(c, cells);
    wb_buf_str(&c->text, ", ");
    wb_buf_add(&c->text, cells[4].p, cells[4].len);
    return 0;
}

/* ---- sequences ---- */

typedef struct one_text {
    wb_arena *mem;
    const char *text;
} one_text;

static int take_text(void *user, size_t index, const wb_str *cells, size_t count)
{
    one_text *t = user;
    (void)index, (void)count;
    t->text = keep(t->mem, cells[0]);
    return t->text ? 0 : WBL_E_NOMEM;
}

/* A sequence tells about itself only; its place came as parent and definition. */
static int fill_sequences(wb_ctx *cx, my_session *s, collector *c)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->count; i++) {
        wb_object *o = &c->objects[i];
        if (strcmp(o->kind, "sequence") != 0)
            continue;
        one_text t = { c->mem, "" };
        WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
        wb_buf_str(&sql, "SELECT CONCAT_WS(' ', 'start', start_value, 'increment', increment, 'min', minimum_value, "
                         "'max', maximum_value, 'cache', cache_size, IF(cycle_option, 'cycle', NULL)) FROM ");
        wb_sqltext_table(&sql, my_sqltext(s), (wb_table_ref){ o->parent, o->definition });
        const char *text = wb_buf_cstr(&sql);
        rc = text ? my_exec(cx, s, text, take_text, &t) : wb_nomem(cx);
        o->parent = NULL;
        o->definition = t.text;
    }
    return rc;
}

static int compare(const void *a, const void *b)
{
    const wb_object *x = a, *y = b;
    int by_kind = strcmp(x->kind, y->kind);
    return by_kind ? by_kind : strcmp(x->name, y->name);
}

int my_catalog(wb_ctx *cx, wb_session *base, const wb_catalog_options *o, wb_arena *mem, wb_object **out, size_t *count)
{
    my_session *s = my_of(base);
    int rc = my_ready(cx, s);
    if (rc != 0)
        return rc;
    collector c = { .mem = mem, .text = WB_BUF(CATALOG_TEXT_MAX) };
    WB_AUTOBUF wb_buf sql = WB_BUF(CATALOG_TEXT_MAX);
    WB_AUTOBUF wb_buf own = WB_BUF(WB_TEXT_MAX);
    wb_sqltext_ident(&own, my_sqltext(s), base->server.schema);
    wb_buf_char(&own, '.');
    for (size_t i = 0; i < WB_COUNT(parts); i++) {
        if (parts[i].server == (my_is_mariadb(s) ? MYSQL_ONLY : MARIADB_ONLY))
            continue;
        wb_buf_str(&sql, sql.len ? ";\n" : "");
        expand(&sql, s, o, parts[i].sql);
    }
    const char *text = wb_buf_cstr(&sql), *own_text = wb_buf_cstr(&own);
    if (!text || !own_text)
        return wb_nomem(cx);
    c.own = base->server.schema[0] ? WB_STR(own_text) : (wb_str){ NULL, 0 };
    rc = my_exec(cx, s, text, collect, &c);
    if (rc == 0)
        rc = finish(&c);
    wb_buf_done(&c.text);
    if (rc == 0)
        rc = fill_sequences(cx, s, &c);
    if (rc != 0)
        return rc == WBL_E_NOMEM ? wb_nomem(cx) : rc;
    if (c.count)
        qsort(c.objects, c.count, sizeof *c.objects, compare);
    *out = c.objects;
    *count = c.count;
    return 0;
}

/* ---- drop everything ---- */

/* Triggers go with their tables. */
static const char drop_list[] =
    "SELECT CASE table_type WHEN 'VIEW' THEN 'VIEW' WHEN 'SEQUENCE' THEN 'SEQUENCE' ELSE 'TABLE' END, table_name "
    "FROM information_schema.tables WHERE table_schema = DATABASE() "
    "AND table_type IN ('BASE TABLE', 'VIEW', 'SEQUENCE', 'SYSTEM VERSIONED') "
    "UNION ALL SELECT routine_type, routine_name FROM information_schema.routines "
    "WHERE routine_schema = DATABASE() AND routine_type <> 'PACKAGE BODY' "
    "UNION ALL SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema = DATABASE()";

typedef struct dropper {
    my_session *s;
    wb_buf text;
} dropper;

static int add_drop(void *user, size_t index, const wb_str *cells, size_t count)
{
    dropper *d = user;
    (void)index, (void)count;
    WB_AUTOARENA wb_arena mem = { 0 };
    const char *name = keep(&mem, cells[1]);
    if (!name)
        return WBL_E_NOMEM;
    wb_buf_addf(&d->text, ";\nDROP %.*s IF EXISTS ", (int)cells[0].len, cells[0].p);
    wb_sqltext_ident(&d->text, my_sqltext(d->s), name);
    return 0;
}

int my_drop_all(wb_ctx *cx, wb_session *base)
{
    my_session *s = my_of(base);
    int rc = my_ready(cx, s);
    if (rc != 0)
        return rc;
    dropper d = { s, WB_BUF(CATALOG_TEXT_MAX) };
    wb_buf_str(&d.text, "SET @wb_foreign_key_checks = @@foreign_key_checks, SESSION foreign_key_checks = 0");
    rc = my_exec(cx, s, drop_list, add_drop, &d);
    wb_buf_str(&d.text, ";\nSET SESSION foreign_key_checks = @wb_foreign_key_checks");
    const char *text = wb_buf_cstr(&d.text);
    if (rc == 0)
        rc = text ? my_change(cx, s, text) : wb_nomem(cx);
    wb_buf_done(&d.text);
    if (rc != 0 && !s->is_lost)
        my_exec_quietly(s, "SET SESSION foreign_key_checks = COALESCE(@wb_foreign_key_checks, 1)");
    if (rc != 0 && rc != WBL_E_OUTCOME && cx->err)
        cx->err->effect = WBL_EFFECT_UNKNOWN; /* each of them is dropped by itself */
    return rc == WBL_E_NOMEM ? wb_nomem(cx) : rc;
}
