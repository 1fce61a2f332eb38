/*
 * subjects.c - which objects a schema change is about: one, or the list of a DROP, a RENAME or a GRANT.
 *
 * sql.h reads the statement; here its objects become those that the server can be asked about. An index is seen in its
 * table. What is not recognised has no subjects, and nobody can tell then. A name is also kept as it is written, quotes
 * and schema included, since the server itself knows best what it means.
 * Owns nothing: all of it is in the caller's arena or in the statement's text.
 */
#include "driver/mysql/my.h"

#include <string.h>

/* How the server shows an object. A server of FEDERATED has no SHOW: look.c asks its table. */
static const char *show_words(const char *kind)
{
    static const struct {
        const char *kind, *show;
    } rows[] = { { "table", "SHOW CREATE TABLE " },
                 { "view", "SHOW CREATE VIEW " },
                 { "sequence", "SHOW CREATE SEQUENCE " },
                 { "trigger", "SHOW CREATE TRIGGER " },
                 { "procedure", "SHOW CREATE PROCEDURE " },
                 { "function", "SHOW CREATE FUNCTION " },
                 { "event", "SHOW CREATE EVENT " },
                 { "database", "SHOW CREATE DATABASE " },
                 { "user", "SHOW GRANTS FOR " },
                 { "role", "SHOW GRANTS FOR " },
                 { "grants", "SHOW GRANTS FOR " },
                 { "package", "SHOW CREATE PACKAGE " },
                 { "package body", "SHOW CREATE PACKAGE BODY " },
                 { "server", "mysql.servers of " } };
    for (size_t i = 0; i < WB_COUNT(rows); i++)
        if (strcmp(rows[i].kind, kind) == 0)
            return rows[i].show;
    return NULL;
}

static void add(my_deed *d, const char *kind, wb_str schema, wb_str name)
{
    const char *show = show_words(kind), *from = schema.len ? schema.p : name.p;
    if (!show || !name.len)
        return;
    wb_str written = { from, (size_t)(name.p + name.len - from) };
    d->subjects[d->count++] = (my_subject){ kind, show, schema, name, written };
}

static bool is_word_first(const my_session *s, wb_str text, const char *word)
{
    my_lexer l = my_lexer_of(s, text);
    return my_is_word(my_next(&l), word);
}

static void take_objects(my_deed *d, const wb_sql_object *o, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_renamed_too = i + 1 < count && o[i].action == WB_ACT_ALTER && o[i + 1].action == WB_ACT_RENAME;
        d->if_exists = d->if_exists || o[i].if_exists;
        d->replaces = d->replaces || o[i].replaces;
        d->is_temporary = d->is_temporary || o[i].is_temporary;
        if (strcmp(o[i].kind, "index") == 0) {
            d->index = o[i].name;
            add(d, "table", o[i].table_schema, o[i].table);
        } else if (!is_renamed_too) {
            add(d, o[i].kind, o[i].schema, o[i].name);
            add(d, o[i].kind, o[i].new_schema, o[i].new_name);
        }
    }
}

static wb_sql_options options_of(const my_session *s)
{
    const wb_server *server = &s->base.server;
    return (wb_sql_options){ .dialect = WB_SQL_MYSQL,
                             .server_version = server->version,
                             .is_mariadb = server->is_mariadb,
                             .backslash_quotes = server->has_backslash_quotes,
                             .ansi_quotes = server->has_ansi_quotes };
}

static int read_text(wb_ctx *cx, const my_session *s, wb_arena *mem, const wb_statement *st, my_deed *d)
{
    wb_sql_options options = options_of(s);
    wb_sql_object *objects = NULL;
    size_t count = 0;
    int rc = wb_sql_objects(cx, mem, &options, st->text.p, st->text.len, &objects, &count);
    if (rc == 0)
        rc = wb_sql_clauses(cx, mem, &options, st->text.p, st->text.len, &d->clauses, &d->clause_count);
    if (rc != 0 || count == 0)
        return rc;
    d->subjects = wb_arena_get(mem, 2 * count * sizeof *d->subjects);
    if (!d->subjects)
        return wb_nomem(cx);
    /* RENAME TABLE leaves the table itself alone; ALTER TABLE ... RENAME may make another one. */
    d->action = is_word_first(s, st->text, "alter") ? WB_ACT_ALTER : objects[0].action;
    take_objects(d, objects, count);
    return 0;
}

static int read_facts(wb_ctx *cx, wb_arena *mem, const wb_statement *st, my_deed *d)
{
    d->action = st->action;
    d->if_exists = st->if_exists;
    if (!st->object || st->schema.len)
        return 0;
    d->subjects = wb_arena_get(mem, sizeof *d->subjects);
    if (!d->subjects)
        return wb_nomem(cx);
    add(d, st->object, st->schema, st->name);
    return 0;
}

int my_deed_read(wb_ctx *cx, const my_session *s, wb_arena *mem, const wb_statement *st, my_deed *out)
{
    *out = (my_deed){ 0 };
    if (st->cls == WB_STMT_DML || st->cls == WB_STMT_QUERY || st->cls == WB_STMT_TXN)
        return 0;
    return st->text.len ? read_text(cx, s, mem, st, out) : read_facts(cx, mem, st, out);
}
