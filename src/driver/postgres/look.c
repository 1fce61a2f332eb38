/*
 * look.c - did an interrupted statement take effect? Look before it, compare afterwards, clear away what it left.
 *
 * Statements that commit by themselves have no record that lives and dies with them, so the catalog must tell. An
 * object that was absent before and is there now has been created; a fingerprint of the catalog rows that has not
 * changed proves that nothing happened. Where others could have done the same in between, the answer is "cannot tell",
 * never a guess. CREATE INDEX CONCURRENTLY gets most of the care, since it leaves broken indexes behind.
 *
 * A note of look() is short text that the history keeps: a letter for its kind, then what was there. Object ids live as
 * long as the object, so a note can be compared days later.
 * Owns nothing. Facts: PostgreSQL 17, CREATE INDEX ("Building Indexes Concurrently"), REINDEX, ALTER TABLE (DETACH
 * PARTITION), 51.26 (pg_index), 51.27 (pg_inherits).
 */
#include "driver/postgres/pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX 4

/* Where objects of a kind are listed. Those in tables are found by their table, others by schema or search_path. */
static const struct kind {
    const char *object, *catalog, *name, *schema, *is_visible, *table;
} kinds[] = {
    { "table", "pg_class", "relname", "relnamespace", "pg_table_is_visible", NULL },
    { "view", "pg_class", "relname", "relnamespace", "pg_table_is_visible", NULL },
    { "materialized view", "pg_class", "relname", "relnamespace", "pg_table_is_visible", NULL },
    { "foreign table", "pg_class", "relname", "relnamespace", "pg_table_is_visible", NULL },
    { "sequence", "pg_class", "relname", "relnamespace", "pg_table_is_visible", NULL },
    { "index", "pg_class", "relname", "relnamespace", "pg_table_is_visible", NULL },
    { "function", "pg_proc", "proname", "pronamespace", "pg_function_is_visible", NULL },
    { "procedure", "pg_proc", "proname", "pronamespace", "pg_function_is_visible", NULL },
    { "aggregate", "pg_proc", "proname", "pronamespace", "pg_function_is_visible", NULL },
    { "type", "pg_type", "typname", "typnamespace", "pg_type_is_visible", NULL },
    { "domain", "pg_type", "typname", "typnamespace", "pg_type_is_visible", NULL },
    { "collation", "pg_collation", "collname", "collnamespace", "pg_collation_is_visible", NULL },
    { "statistics", "pg_statistic_ext", "stxname", "stxnamespace", "pg_statistics_obj_is_visible", NULL },
    { "schema", "pg_namespace", "nspname", NULL, NULL, NULL },
    { "extension", "pg_extension", "extname", NULL, NULL, NULL },
    { "database", "pg_database", "datname", NULL, NULL, NULL },
    { "tablespace", "pg_tablespace", "spcname", NULL, NULL, NULL },
    { "subscription", "pg_subscription", "subname", NULL, NULL, NULL },
    { "publication", "pg_publication", "pubname", NULL, NULL, NULL },
    { "event trigger", "pg_event_trigger", "evtname", NULL, NULL, NULL },
    { "server", "pg_foreign_server", "srvname", NULL, NULL, NULL },
    { "language", "pg_language", "lanname", NULL, NULL, NULL },
    { "role", "pg_roles", "rolname", NULL, NULL, NULL },
    { "trigger", "pg_trigger", "tgname", NULL, NULL, "tgrelid" },
    { "policy", "pg_policy", "polname", NULL, NULL, "polrelid" },
    { "rule", "pg_rewrite", "rulename", NULL, NULL, "ev_class" },
};

static const struct kind *kind_of(const wb_statement *st)
{
    for (size_t i = 0; st->object && i < WB_COUNT(kinds); i++)
        if (strcmp(kinds[i].object, st->object) == 0)
            return &kinds[i];
    return NULL;
}

static bool is_object(const wb_statement *st, const char *object)
{
    return st->object && strcmp(st->object, object) == 0;
}

/* ---- names and questions ---- */

static bool is_escaped(wb_str written) { return written.len > 1 && (written.p[0] | 32) == 'u' && written.p[1] == '&'; }

/* The name behind its quotes, as a literal: unquoted ones are folded to lower case. */
static void name_literal(wb_buf *b, wb_str written)
{
    WB_AUTOBUF wb_buf name = WB_BUF(WB_TEXT_MAX);
    bool is_quoted = written.len >= 2 && written.p[0] == '"';
    for (size_t i = is_quoted; i < written.len - is_quoted; i++) {
        char c = written.p[i];
        wb_buf_char(&name, !is_quoted && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
        if (is_quoted && c == '"')
            i++;
    }
    const char *text = wb_buf_cstr(&name);
    b->bad = b->bad || !text;
    wb_sqltext_literal(b, &pg_sqltext, text ? text : "", text ? strlen(text) : 0);
}

/* to_regclass('as written'): the server itself resolves quotes and search_path; NULL when there is no such relation. */
static void regclass(wb_buf *b, wb_str schema, wb_str name)
{
    WB_AUTOBUF wb_buf written = WB_BUF(WB_TEXT_MAX);
    if (schema.len) {
        wb_buf_add(&written, schema.p, schema.len);
        wb_buf_char(&written, '.');
    }
    wb_buf_add(&written, name.p, name.len);
    const char *text = wb_buf_cstr(&written);
    b->bad = b->bad || !text;
    wb_buf_str(b, "pg_catalog.to_regclass(");
    wb_sqltext_literal(b, &pg_sqltext, text ? text : "", text ? strlen(text) : 0);
    wb_buf_char(b, ')');
}

typedef struct answer { /* the first row; "" for NULL */
    wb_arena *mem;
    const char *cells[CELLS_MAX];
    bool is_found;
} answer;

static int keep_row(void *user, size_t index, const PGresult *r)
{
    answer *a = user;
    if (index > 0 || PQntuples(r) == 0)
        return 0;
    for (int i = 0; i < PQnfields(r) && i < CELLS_MAX; i++)
        if (!(a->cells[i] = wb_arena_dup(a->mem, PQgetvalue(r, 0, i))))
            return WBL_E_NOMEM;
    a->is_found = true;
    return 0;
}

static int ask(wb_ctx *cx, pg_session *s, wb_buf *sql, wb_arena *mem, answer *out)
{
    *out = (answer){ .mem = mem };
    const char *text = wb_buf_cstr(sql);
    if (!text)
        return wb_nomem(cx);
    int rc = pg_exec(cx, s, text, keep_row, out);
    return rc == WBL_E_NOMEM ? wb_nomem(cx) : rc;
}

/* ---- is another session still at it? ---- */

/* A session that runs a CONCURRENTLY statement holds, or waits for, this lock on the table until its end. Its text may
   be hidden from us; then the lock alone counts. */
static void running_text(wb_buf *b, wb_str schema, wb_str table)
{
    wb_buf_str(b,
               "EXISTS (SELECT 1 FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid WHERE "
               "l.locktype = 'relation' AND l.relation = ");
    regclass(b, schema, table);
    wb_buf_str(
        b,
        " AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND "
        "l.mode = 'ShareUpdateExclusiveLock' AND l.pid <> pg_catalog.pg_backend_pid() AND "
        "a.backend_type = 'client backend' AND "
        "(a.query ILIKE '%concurrently%' OR a.query = '<insufficient privilege>'))");
}

/* ---- CREATE INDEX ---- */

typedef struct index_probe {
    pg_session *s;
    const char *looked;
    bool is_named, if_exists;
    bool is_running, is_on_table, has_before; /* has_before: its oid is in the note */
    size_t fresh_valid, fresh_invalid, invalid, present, foreign;
} index_probe;

/* " 16390 16391": is the number one of the words? */
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = text; p && (p = strstr(p, word)); p += n)
        if ((p == text || p[-1] == ' ') && (p[n] == 0 || p[n] == ' '))
            return true;
    return false;
}

/* Columns: 0 oid, 1 is it on the table, 2 valid, 3 is another session at it */
static int read_indexes(void *user, size_t at, const PGresult *r)
{
    index_probe *p = user;
    if (at > 0)
        return 0;
    for (int i = 0; i < PQntuples(r); i++) {
        p->is_running = p->is_running || pg_true(r, i, 3);
        if (PQgetisnull(r, i, 0))
            continue;
        bool is_before = p->looked && has_word(p->looked, PQgetvalue(r, i, 0)), is_valid = pg_true(r, i, 2);
        if (!pg_true(r, i, 1)) {
            p->foreign++;
            continue;
        }
        p->present++;
        p->has_before = p->has_before || is_before;
        p->fresh_valid += is_valid && !is_before;
        p->fresh_invalid += !is_valid && !is_before;
        p->invalid += !is_valid;
        bool is_ours = !is_valid && (p->is_named || !is_before);
        if (is_ours && p->s->remain_count < PG_REMAINS_MAX)
            p->s->remains[p->s->remain_count++] = (uint32_t)pg_number(r, i, 0);
    }
    return 0;
}

/* The named index, wherever it is in the schema of its table; without a name all indexes of the table. One row at
   least, so that the last column arrives. A partitioned index is "invalid" as long as a partition lacks its own. */
static void index_text(wb_buf *b, const wb_statement *st)
{
    wb_buf_str(b, "SELECT c.oid, coalesce(i.indrelid = t.oid, false), coalesce(c.relkind = 'I' OR (i.indisvalid AND "
                  "i.indisready), "
                  "true), t.is_running FROM (SELECT ");
    regclass(b, st->table_schema, st->table);
    wb_buf_str(b, "::pg_catalog.oid, ");
    running_text(b, st->table_schema, st->table);
    wb_buf_str(b, ") t(oid, is_running) LEFT JOIN (pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_index i ON "
                  "i.indexrelid = c.oid) ON ");
    if (st->name.len) {
        wb_buf_str(
            b, "c.relnamespace = (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = t.oid) AND c.relname = ");
        name_literal(b, st->name);
    } else {
        wb_buf_str(b, "i.indrelid = t.oid");
    }
}

static wb_probe index_verdict(const index_probe *p)
{
    if (p->is_named) {
        if (p->invalid)
            return p->is_running ? WB_PROBE_BUILDING : WB_PROBE_INVALID;
        if (p->foreign && !p->present)
            return p->if_exists ? WB_PROBE_PRESENT : WB_PROBE_ABSENT;
        if (!p->present)
            return p->is_running ? WB_PROBE_BUILDING : WB_PROBE_ABSENT;
        return p->has_before && !p->if_exists ? WB_PROBE_ABSENT : WB_PROBE_PRESENT;
    }
    if (p->is_running && p->fresh_valid == 0)
        return WB_PROBE_BUILDING;
    if (p->fresh_invalid)
        return WB_PROBE_INVALID;
    if (!p->looked)
        return WB_PROBE_CANNOT_TELL; /* without a note every index looks fresh */
    return p->fresh_valid == 0 ? WB_PROBE_ABSENT : p->fresh_valid == 1 ? WB_PROBE_PRESENT : WB_PROBE_CANNOT_TELL;
}

static int probe_index(wb_ctx *cx, pg_session *s, const wb_statement *st, const char *looked, wb_probe *out)
{
    index_probe p = { .s = s, .looked = looked, .is_named = st->name.len > 0, .if_exists = st->if_exists };
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    index_text(&sql, st);
    const char *text = wb_buf_cstr(&sql);
    if (!text)
        return wb_nomem(cx);
    int rc = pg_exec(cx, s, text, read_indexes, &p);
    if (rc == 0)
        *out = index_verdict(&p);
    return rc;
}

static void index_note(wb_buf *b, const wb_statement *st)
{
    wb_buf_str(b, "SELECT 'i' || coalesce(pg_catalog.string_agg(' ' || indexrelid, '' ORDER BY indexrelid), '') "
                  "FROM pg_catalog.pg_index WHERE indrelid = ");
    regclass(b, st->table_schema, st->table);
}

/* ---- REINDEX CONCURRENTLY ---- */

static int read_leftovers(void *user, size_t at, const PGresult *r)
{
    index_probe *p = user;
    for (int i = 0; at == 0 && i < PQntuples(r); i++) {
        p->is_running = p->is_running || pg_true(r, i, 1);
        if (!PQgetisnull(r, i, 0) && p->s->remain_count < PG_REMAINS_MAX)
            p->s->remains[p->s->remain_count++] = (uint32_t)pg_number(r, i, 0);
    }
    return 0;
}

/* What it leaves are invalid indexes with these endings; once they are gone it can be run again. */
static int probe_reindex(wb_ctx *cx, pg_session *s, const wb_statement *st, wb_probe *out)
{
    index_probe p = { .s = s };
    bool is_index = is_object(st, "index"), is_table = is_object(st, "table");
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_buf_str(&sql, "SELECT c.oid, EXISTS (SELECT 1 FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND "
                     "pid <> pg_catalog.pg_backend_pid() AND datname = pg_catalog.current_database() AND "
                     "query ILIKE '%reindex%concurrently%') FROM (SELECT 1) one LEFT JOIN (pg_catalog.pg_class c "
                     "JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid AND NOT i.indisvalid AND "
                     "c.relname ~ '_cc(new|old)[0-9]*$' AND c.relkind = 'i' AND c.relnamespace <> "
                     "'pg_toast'::pg_catalog.regnamespace) ON ");
    if (is_index) {
        wb_buf_str(&sql, "i.indrelid = (SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = ");
        regclass(&sql, st->schema, st->name);
        wb_buf_char(&sql, ')');
    } else if (is_table) {
        wb_buf_str(&sql, "i.indrelid = ");
        regclass(&sql, st->schema, st->name);
    } else if (is_object(st, "schema")) {
        wb_buf_str(&sql, "c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ");
        name_literal(&sql, st->name);
        wb_buf_char(&sql, ')');
    } else {
        wb_buf_str(&sql, "true");
    }
    const char *text = wb_buf_cstr(&sql);
    if (!text)
        return wb_nomem(cx);
    int rc = pg_exec(cx, s, text, read_leftovers, &p);
    if (rc == 0)
        *out = p.is_running ? WB_PROBE_BUILDING : s->remain_count ? WB_PROBE_INVALID : WB_PROBE_ABSENT;
    return rc;
}

/* ---- ATTACH and DETACH PARTITION ---- */

typedef struct partition {
    bool is_attach, is_detach;
    wb_str schema, name;
} partition;

static wb_str skip_blanks(wb_str s)
{
    while (s.len) {
        if (strchr(" \t\r\n\f", s.p[0])) {
            s.p++, s.len--;
        } else if (s.len > 1 && s.p[0] == '-' && s.p[1] == '-') {
            size_t n = 0;
            while (n < s.len && s.p[n] != '\n')
                n++;
            s.p += n, s.len -= n;
        } else if (s.len > 1 && s.p[0] == '/' && s.p[1] == '*') {
            size_t n = 2;
            while (n + 1 < s.len && (s.p[n] != '*' || s.p[n + 1] != '/'))
                n++;
            n = n + 2 < s.len ? n + 2 : s.len;
            s.p += n, s.len -= n;
        } else {
            break;
        }
    }
    return s;
}

static wb_str take_word(wb_str *s)
{
    *s = skip_blanks(*s);
    size_t n = 0;
    if (s->len && s->p[0] == '"') {
        for (n = 1; n < s->len && (s->p[n] != '"' || (n + 1 < s->len && s->p[n + 1] == '"')); n++)
            n += s->p[n] == '"';
        n = n < s->len ? n + 1 : n;
    } else {
        while (n < s->len && !strchr(" \t\r\n\f.;,()-/\"", s->p[n]))
            n++;
    }
    wb_str word = { s->p, n };
    s->p += n;
    s->len -= n;
    return word;
}

/* ALTER TABLE name DETACH PARTITION child: what follows the name is in the script, up to the statement's end. */
static partition read_partition(const wb_statement *st)
{
    partition p = { 0 };
    if (st->action != WB_ACT_ALTER || !is_object(st, "table") || st->name.len == 0)
        return p;
    wb_str rest = { st->name.p + st->name.len, 0 };
    rest.len = strcspn(rest.p, ";");
    wb_str verb = take_word(&rest), noun = take_word(&rest);
    if (!wb_str_ieq(noun, "partition"))
        return p;
    p.is_attach = wb_str_ieq(verb, "attach");
    p.is_detach = wb_str_ieq(verb, "detach");
    p.name = take_word(&rest);
    rest = skip_blanks(rest);
    if (rest.len && rest.p[0] == '.') {
        rest.p++, rest.len--;
        p.schema = p.name;
        p.name = take_word(&rest);
    }
    return p;
}

static void partition_text(wb_buf *b, const pg_session *s, const wb_statement *st, const partition *p)
{
    wb_buf_addf(b, "SELECT pg_catalog.count(*), coalesce(pg_catalog.bool_or(%s), false), ",
                s->base.server.version >= 140000 ? "inhdetachpending" : "false");
    running_text(b, st->schema, st->name);
    wb_buf_str(b, " FROM pg_catalog.pg_inherits WHERE inhrelid = ");
    regclass(b, p->schema, p->name);
    wb_buf_str(b, " AND inhparent = ");
    regclass(b, st->schema, st->name);
}

/* A detach that is pending can only go forward, and only like this: the end of the statement that was asked for. */
static int finish_detach(wb_ctx *cx, pg_session *s, const wb_statement *st, const partition *p)
{
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_buf_addf(&sql, "ALTER TABLE %.*s%s%.*s DETACH PARTITION %.*s%s%.*s FINALIZE", (int)st->schema.len,
                st->schema.len ? st->schema.p : "", st->schema.len ? "." : "", (int)st->name.len, st->name.p,
                (int)p->schema.len, p->schema.len ? p->schema.p : "", p->schema.len ? "." : "", (int)p->name.len,
                p->name.p);
    const char *text = wb_buf_cstr(&sql);
    return text ? pg_exec(cx, s, text, NULL, NULL) : wb_nomem(cx);
}

static int probe_partition(wb_ctx *cx, pg_session *s, const wb_statement *st, const partition *p, const char *looked,
                           wb_arena *mem, wb_probe *out)
{
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    answer a;
    partition_text(&sql, s, st, p);
    int rc = ask(cx, s, &sql, mem, &a);
    if (rc != 0)
        return rc;
    bool is_attached = strcmp(a.cells[0], "0") != 0, is_pending = a.cells[1][0] == 't',
         is_running = a.cells[2][0] == 't';
    bool was_attached = looked ? strcmp(looked, "p 0") != 0 : p->is_detach;
    if (p->is_attach)
        *out = is_attached && !was_attached ? WB_PROBE_PRESENT : WB_PROBE_ABSENT;
    else if (is_running && st->is_concurrent && is_attached)
        *out = WB_PROBE_BUILDING;
    else if (is_pending)
        rc = finish_detach(cx, s, st, p), *out = WB_PROBE_PRESENT;
    else
        *out = !is_attached && was_attached ? WB_PROBE_PRESENT : WB_PROBE_ABSENT;
    return rc;
}

/* ---- ALTER TYPE ... ADD VALUE ---- */

/* The label as the literal that it is written as; len 0 when the statement is another one. */
static wb_str read_label(const wb_statement *st)
{
    wb_str none = { NULL, 0 };
    if (st->action != WB_ACT_ALTER || !is_object(st, "type") || st->name.len == 0)
        return none;
    wb_str rest = { st->name.p + st->name.len, 0 };
    rest.len = strcspn(rest.p, ";");
    wb_str verb = take_word(&rest), noun = take_word(&rest), word;
    if (!wb_str_ieq(verb, "add") || !wb_str_ieq(noun, "value"))
        return none;
    for (word = take_word(&rest); wb_str_ieq(word, "if") || wb_str_ieq(word, "not") || wb_str_ieq(word, "exists");)
        word = take_word(&rest);
    size_t n = 1;
    while (word.len && word.p[0] == '\'' && word.p[n] && (word.p[n] != '\'' || word.p[n + 1] == '\''))
        n += word.p[n] == '\'' ? 2 : 1;
    return word.len && word.p[0] == '\'' && word.p[n] ? (wb_str){ word.p, n + 1 } : none;
}

static void label_text(wb_buf *b, const wb_statement *st, wb_str label)
{
    WB_AUTOBUF wb_buf written = WB_BUF(WB_TEXT_MAX);
    if (st->schema.len) {
        wb_buf_add(&written, st->schema.p, st->schema.len);
        wb_buf_char(&written, '.');
    }
    wb_buf_add(&written, st->name.p, st->name.len);
    const char *type = wb_buf_cstr(&written);
    b->bad = b->bad || !type;
    wb_buf_str(b,
               "SELECT 'e ' || pg_catalog.count(*) FROM pg_catalog.pg_enum WHERE enumtypid = pg_catalog.to_regtype(");
    wb_sqltext_literal(b, &pg_sqltext, type ? type : "", type ? strlen(type) : 0);
    wb_buf_str(b, ") AND enumlabel = ");
    wb_buf_add(b, label.p, label.len);
}

/* ---- everything else that has a name ---- */

/* All catalog rows that belong to a relation, so that any ALTER shows. Statistics and VACUUM write in place. */
static void relation_note(wb_buf *b, const wb_statement *st)
{
    static const char *const parts[][3] = {
        { "pg_class", "oid", "oid" },
        { "pg_attribute", "attnum", "attrelid" },
        { "pg_attrdef", "oid", "adrelid" },
        { "pg_constraint", "oid", "conrelid" },
        { "pg_trigger", "oid", "tgrelid" },
        { "pg_rewrite", "oid", "ev_class" },
        { "pg_policy", "oid", "polrelid" },
        { "pg_index", "indexrelid", "indrelid" },
        { "pg_index", "indrelid", "indexrelid" },
        { "pg_inherits", "inhseqno", "inhrelid" },
        { "pg_inherits", "inhrelid", "inhparent" },
    };
    wb_buf_str(b, "SELECT 'o ' || CASE WHEN r.oid IS NULL THEN '0 - -' ELSE '1 ' || r.oid || ' ' || "
                  "(SELECT pg_catalog.md5(pg_catalog.string_agg(p.x, ',' ORDER BY p.x)) FROM (");
    for (size_t i = 0; i < WB_COUNT(parts); i++)
        wb_buf_addf(b, "%sSELECT '%zu ' || %s || ' ' || xmin::pg_catalog.text FROM pg_catalog.%s WHERE %s = r.oid",
                    i ? " UNION ALL " : "", i, parts[i][1], parts[i][0], parts[i][2]);
    wb_buf_str(b, ") p(x)) END FROM (SELECT ");
    regclass(b, st->schema, st->name);
    wb_buf_str(b, "::pg_catalog.oid) r(oid)");
}

/* "o <how many> <hash of ids> <hash of rows>"; a function has as many as it has signatures. */
static void object_note(wb_buf *b, const wb_statement *st, const struct kind *k)
{
    if (strcmp(k->catalog, "pg_class") == 0) {
        relation_note(b, st);
        return;
    }
    wb_buf_addf(b,
                "SELECT 'o ' || pg_catalog.count(*) || ' ' || coalesce(pg_catalog.md5(pg_catalog.string_agg("
                "oid::pg_catalog.text, ',' ORDER BY oid)), '-') || ' -' FROM pg_catalog.%s WHERE %s = ",
                k->catalog, k->name);
    name_literal(b, st->name);
    if (k->table) {
        wb_buf_addf(b, " AND %s = ", k->table);
        regclass(b, st->table_schema, st->table);
    } else if (k->schema && st->schema.len) {
        wb_buf_addf(b, " AND %s = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ", k->schema);
        name_literal(b, st->schema);
        wb_buf_char(b, ')');
    } else if (k->schema) {
        wb_buf_addf(b, " AND pg_catalog.%s(oid)", k->is_visible);
    }
}

/* Word n of a note, from 0; it ends at a blank. */
static wb_str note_word(const char *note, int n)
{
    for (; n > 0 && note; n--) {
        note = strchr(note, ' ');
        note = note ? note + 1 : NULL;
    }
    return note ? (wb_str){ note, strcspn(note, " ") } : (wb_str){ "", 0 };
}

static bool is_same_word(const char *a, const char *b, int n)
{
    wb_str x = note_word(a, n), y = note_word(b, n);
    return x.len == y.len && memcmp(x.p, y.p, x.len) == 0;
}

static wb_probe object_verdict(const wb_statement *st, const char *before, const char *now)
{
    bool is_there = !wb_str_eq(note_word(now, 1), "0");
    bool has_note = before && before[0] == 'o';
    bool is_same_object = has_note && is_same_word(before, now, 2);
    bool is_untouched = is_same_object && is_same_word(before, now, 3) && !wb_str_eq(note_word(now, 3), "-");
    switch (st->action) {
    case WB_ACT_CREATE:
        if (!is_there || (has_note && is_same_object && !st->if_exists))
            return WB_PROBE_ABSENT; /* or OR REPLACE, which may run again */
        return has_note || st->if_exists ? WB_PROBE_PRESENT : WB_PROBE_CANNOT_TELL;
    case WB_ACT_DROP:
        if (has_note && !is_same_object)
            return WB_PROBE_PRESENT;
        if (is_there)
            return WB_PROBE_ABSENT;
        return has_note && !st->if_exists ? WB_PROBE_ABSENT : WB_PROBE_PRESENT; /* it was not there before, either */
    case WB_ACT_RENAME:
        if (has_note && !is_same_object)
            return WB_PROBE_PRESENT;
        return is_untouched ? WB_PROBE_ABSENT : WB_PROBE_CANNOT_TELL;
    case WB_ACT_ALTER:
    case WB_ACT_TRUNCATE:
        /* That nothing changed is proof; that something did may be the work of others. */
        return is_untouched ? WB_PROBE_ABSENT : WB_PROBE_CANNOT_TELL;
    case WB_ACT_NONE:
    case WB_ACT_REINDEX: break;
    }
    return WB_PROBE_CANNOT_TELL;
}

/* ---- which of them ---- */

typedef enum way { WAY_NONE, WAY_INDEX, WAY_REINDEX, WAY_PARTITION, WAY_LABEL, WAY_REPEAT, WAY_OBJECT } way;

static way way_of(const wb_statement *st, partition *p, wb_str *label)
{
    *p = read_partition(st);
    *label = read_label(st);
    if (is_escaped(st->name) || is_escaped(st->schema) || is_escaped(st->table) || is_escaped(st->table_schema))
        return WAY_NONE;
    if (st->action == WB_ACT_CREATE && is_object(st, "index") && st->table.len)
        return WAY_INDEX;
    if (st->action == WB_ACT_REINDEX && st->is_concurrent)
        return WAY_REINDEX;
    if (p->is_attach || p->is_detach)
        return WAY_PARTITION;
    if (label->len)
        return WAY_LABEL;
    if (st->is_repeatable)
        return WAY_REPEAT;
    return st->name.len && st->action != WB_ACT_NONE && kind_of(st) ? WAY_OBJECT : WAY_NONE;
}

/* The question whose answer is the note; nothing for statements that need none. */
static void note_text(wb_buf *b, const pg_session *s, const wb_statement *st, way w, const partition *p, wb_str label)
{
    switch (w) {
    case WAY_INDEX: index_note(b, st); break;
    case WAY_PARTITION:
        wb_buf_str(b, "SELECT 'p ' || count FROM (");
        partition_text(b, s, st, p);
        wb_buf_str(b, ") x");
        break;
    case WAY_LABEL: label_text(b, st, label); break;
    case WAY_OBJECT: object_note(b, st, kind_of(st)); break;
    case WAY_NONE:
    case WAY_REINDEX:
    case WAY_REPEAT: break;
    }
}

int pg_look(wb_ctx *cx, wb_session *base, const wb_statement *st, wb_arena *mem, const char **out)
{
    pg_session *s = pg_of(base);
    int rc = pg_ready(cx, s);
    if (rc != 0)
        return rc;
    partition p;
    wb_str label;
    way w = way_of(st, &p, &label);
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    note_text(&sql, s, st, w, &p, label);
    answer a = { .cells = { "" } };
    if (sql.len)
        rc = ask(cx, s, &sql, mem, &a);
    if (rc == 0)
        *out = a.is_found ? a.cells[0] : "";
    return rc;
}

/* Another session may be about to drop it still. */
static int probe_running(wb_ctx *cx, pg_session *s, const wb_statement *st, wb_arena *mem, wb_probe *out)
{
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    answer a;
    wb_buf_str(&sql, "SELECT ");
    running_text(&sql, st->schema, st->name);
    int rc = ask(cx, s, &sql, mem, &a);
    if (rc == 0 && a.cells[0][0] == 't')
        *out = WB_PROBE_BUILDING;
    return rc;
}

static int probe_note(wb_ctx *cx, pg_session *s, const wb_statement *st, way w, wb_str label, const char *looked,
                      wb_arena *mem, wb_probe *out)
{
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    partition none = { 0 };
    answer a;
    note_text(&sql, s, st, w, &none, label);
    int rc = ask(cx, s, &sql, mem, &a);
    if (rc != 0)
        return rc;
    if (w == WAY_OBJECT) {
        *out = object_verdict(st, looked, a.cells[0]);
        bool is_index_drop = st->action == WB_ACT_DROP && st->is_concurrent;
        return is_index_drop && *out == WB_PROBE_ABSENT ? probe_running(cx, s, st, mem, out) : 0;
    }
    bool is_there = strcmp(a.cells[0], "e 0") != 0, was_there = looked && strcmp(looked, "e 0") != 0;
    *out = is_there && (!was_there || st->if_exists) ? WB_PROBE_PRESENT : WB_PROBE_ABSENT;
    return 0;
}

int pg_probe(wb_ctx *cx, wb_session *base, const wb_statement *st, const char *looked, wb_probe *out)
{
    pg_session *s = pg_of(base);
    int rc = pg_ready(cx, s);
    if (rc != 0)
        return rc;
    WB_AUTOARENA wb_arena mem = { 0 };
    partition p;
    wb_str label;
    looked = looked && *looked ? looked : NULL;
    s->remain_count = 0;
    way w = way_of(st, &p, &label);
    switch (w) {
    case WAY_INDEX: return probe_index(cx, s, st, looked, out);
    case WAY_REINDEX: return probe_reindex(cx, s, st, out);
    case WAY_PARTITION: return probe_partition(cx, s, st, &p, looked, &mem, out);
    case WAY_LABEL:
    case WAY_OBJECT: return probe_note(cx, s, st, w, label, looked, &mem, out);
    case WAY_REPEAT: *out = WB_PROBE_ABSENT; return 0;
    case WAY_NONE: *out = WB_PROBE_CANNOT_TELL; return 0;
    }
    return 0;
}

/* ---- clearing away ---- */

/* Each by itself, since CONCURRENTLY refuses company; only what is still broken: a person may have been faster. */
static int drop_remain(wb_ctx *cx, pg_session *s, uint32_t oid, wb_arena *mem)
{
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    answer a;
    wb_buf_addf(
        &sql,
        "SELECT pg_catalog.format('DROP INDEX CONCURRENTLY IF EXISTS %%I.%%I', n.nspname, c.relname) FROM "
        "pg_catalog.pg_index i "
        "JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE i.indexrelid = %u AND NOT (i.indisvalid AND i.indisready) AND c.relkind = 'i'",
        oid);
    int rc = ask(cx, s, &sql, mem, &a);
    return rc == 0 && a.is_found ? pg_exec(cx, s, a.cells[0], NULL, NULL) : rc;
}

int pg_clean(wb_ctx *cx, wb_session *base, const wb_statement *st)
{
    pg_session *s = pg_of(base);
    wb_probe found = WB_PROBE_INVALID;
    int rc = s->remain_count ? pg_ready(cx, s) : pg_probe(cx, base, st, NULL, &found);
    WB_AUTOARENA wb_arena mem = { 0 };
    for (; rc == 0 && found == WB_PROBE_INVALID && s->remain_count; s->remain_count--)
        rc = drop_remain(cx, s, s->remains[s->remain_count - 1], &mem);
    return rc;
}
