/*
 * look.c - did an interrupted statement take effect? Look before it, compare afterwards.
 *
 * Schema changes of MySQL 8 and MariaDB 10.6 are atomic, one by one. So the definition that SHOW CREATE gives says it
 * all: as it was before, nothing happened; another one, and it has. A note of look() is short text that the history
 * keeps: the server's version, our connection, and for each object that the statement names a digest of its definition
 * and the number that InnoDB gave the table. That number lives as long as the table: TRUNCATE and each rebuild give a
 * new one, so it also tells what leaves the definition alone.
 *
 * A statement goes on when its client is gone. So the list of processes is asked first. What nobody can prove is
 * "cannot tell", never a guess.
 * Owns nothing. Facts: MySQL 8.4 manual, 15.1.1 (atomic DDL), 15.7.7 (SHOW), 28.4.23 (INNODB_TABLES); MariaDB Knowledge
 * Base, "Atomic DDL" (DROP TABLE of several is atomic for each of them only; CREATE OR REPLACE TABLE is not).
 */
#include "driver/mysql/my.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_MARK "my1"
#define ABSENT "-"
#define HIDDEN "?" /* we may not see it */
#define SUBJECTS_MAX 64
#define INFO_LENGTH 60 /* of a statement's beginning, which the list of processes shows */

typedef struct state {   /* of one object */
    char definition[24]; /* digest, or ABSENT, or HIDDEN */
    char identity[24];   /* "i" and a digest of InnoDB's numbers, "t" and the time of creation, or "" */
    char rows[4];        /* "1" or "0" when it matters, else "" */
} state;

typedef struct note {
    unsigned version;
    unsigned long connection;
    state states[SUBJECTS_MAX];
    size_t count;
} note;

/* ---- asking, where an error is an answer ---- */

typedef struct digest {
    wb_sha256 hash;
    size_t rows;
    bool keeps_counter; /* AUTO_INCREMENT is what the statement is about */
    bool is_table;
    wb_buf *text; /* keeps the definition, too; NULL */
} digest;

/* AUTO_INCREMENT=77 moves with every row. */
static void add_definition(digest *d, wb_str text)
{
    static const char word[] = " AUTO_INCREMENT=";
    const char *found = NULL;
    for (size_t i = 0; d->is_table && !d->keeps_counter && i + sizeof word < text.len; i++)
        if (memcmp(text.p + i, word, sizeof word - 1) == 0)
            found = text.p + i;
    size_t before = found ? (size_t)(found - text.p) : text.len, after = before;
    if (found)
        for (after += sizeof word - 1; after < text.len && text.p[after] >= '0' && text.p[after] <= '9';)
            after++;
    wb_sha256_add(&d->hash, text.p, before);
    wb_sha256_add(&d->hash, text.p + after, text.len - after);
}

static int add_row(void *user, size_t index, const wb_str *cells, size_t count)
{
    digest *d = user;
    (void)index;
    for (size_t i = 0; i < count; i++) {
        wb_sha256_add(&d->hash, "|", 1);
        if (cells[i].p)
            add_definition(d, cells[i]);
    }
    if (d->text && count > 1 && cells[1].p)
        wb_buf_add(d->text, cells[1].p, cells[1].len);
    d->rows++;
    return 0;
}

static void digest_text(digest *d, char out[24], const char *lead)
{
    uint8_t bytes[32];
    char hex[17];
    wb_sha256_end(&d->hash, bytes);
    wb_hex(bytes, 8, hex);
    snprintf(out, 24, "%.4s%s", lead, hex);
}

/* *native: the server's number when it refused, 0 when it answered. The result is negative for a lost connection only. */
static int ask(wb_ctx *cx, my_session *s, wb_buf *sql, my_row_fn fn, void *user, int32_t *native)
{
    wbl_error scratch = { 0 };
    wb_ctx inner = *cx;
    inner.err = &scratch;
    const char *text = wb_buf_cstr(sql);
    if (!text)
        return wb_nomem(cx);
    int rc = my_exec(&inner, s, text, fn, user);
    *native = rc == 0 ? 0 : scratch.native ? scratch.native : -1;
    bool is_answer = rc == 0 || (rc == WBL_E_STATEMENT && !s->is_lost);
    if (!is_answer && cx->err)
        *cx->err = scratch;
    return is_answer ? 0 : rc;
}

/* ---- the state of an object ---- */

/* How the server says that there is no such thing. */
static bool is_absence(int32_t native)
{
    static const int32_t numbers[] = { MY_ER_BAD_DATABASE,
                                       MY_ER_BAD_TABLE,
                                       MY_ER_NO_SUCH_TABLE,
                                       MY_ER_NO_SUCH_SAVEPOINT,
                                       1133,
                                       1141,
                                       1269,
                                       1347,
                                       1360,
                                       1396,
                                       1539,
                                       3162,
                                       4089 };
    for (size_t i = 0; i < WB_COUNT(numbers); i++)
        if (numbers[i] == native)
            return true;
    return false;
}

static bool is_kind(const my_subject *x, const char *kind) { return strcmp(x->kind, kind) == 0; }

/* AUTO_INCREMENT is what the statement is about. */
static bool sets_counter(const my_deed *d)
{
    for (size_t i = 0; i < d->clause_count; i++)
        if (d->clauses[i].kind && strcmp(d->clauses[i].kind, "auto_increment") == 0)
            return true;
    return false;
}

static int read_definition(wb_ctx *cx, my_session *s, const my_deed *d, const my_subject *x, state *out, wb_buf *text)
{
    digest g = { .is_table = is_kind(x, "table"), .keeps_counter = sets_counter(d), .text = text };
    WB_AUTOARENA wb_arena mem = { 0 };
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_sha256_start(&g.hash);
    if (is_kind(x, "server")) {
        const char *name = wb_sql_name(&mem, WB_SQL_MYSQL, x->name);
        if (!name)
            return wb_nomem(cx);
        wb_buf_str(&sql,
                   "SELECT host, db, username, port, socket, wrapper, owner FROM mysql.servers WHERE server_name = ");
        my_literal(&sql, s, name);
    } else {
        wb_buf_str(&sql, x->show);
        wb_buf_add(&sql, x->written.p, x->written.len);
    }
    int32_t native = 0;
    int rc = ask(cx, s, &sql, add_row, &g, &native);
    if (rc != 0)
        return rc;
    if (native == 0 && g.rows)
        digest_text(&g, out->definition, "");
    else
        snprintf(out->definition, sizeof out->definition, "%s", native == 0 || is_absence(native) ? ABSENT : HIDDEN);
    return 0;
}

/* ---- which table it is ---- */

static bool is_simple(const char *name)
{
    return *name && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == 0;
}

static int add_id(void *user, size_t index, const wb_str *cells, size_t count)
{
    digest *d = user;
    (void)index;
    for (size_t i = 0; i < count; i++) {
        if (!cells[i].p)
            return 0;
        wb_sha256_add(&d->hash, "|", 1);
        wb_sha256_add(&d->hash, cells[i].p, cells[i].len);
    }
    d->rows++;
    return 0;
}

static int ask_identity(wb_ctx *cx, my_session *s, wb_buf *sql, const char *lead, state *out)
{
    digest g = { 0 };
    int32_t native = 0;
    wb_sha256_start(&g.hash);
    int rc = ask(cx, s, sql, add_id, &g, &native);
    if (rc == 0 && native == 0 && g.rows)
        digest_text(&g, out->identity, lead);
    return rc;
}

/* InnoDB's own number needs the privilege PROCESS; without it the time of creation has to do. A name that InnoDB would
   have to encode (tablename_to_filename) is not looked up. */
static int read_identity(wb_ctx *cx, my_session *s, const my_subject *x, state *out)
{
    WB_AUTOARENA wb_arena mem = { 0 };
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    const char *table = wb_sql_name(&mem, WB_SQL_MYSQL, x->name);
    const char *in = x->schema.len ? wb_sql_name(&mem, WB_SQL_MYSQL, x->schema) : s->base.server.schema;
    if (!table || !in)
        return wb_nomem(cx);
    int rc = 0;
    if (is_simple(table) && is_simple(in)) {
        size_t n = strlen(in) + strlen(table) + 4;
        wb_buf_addf(&sql, /* the number stays with the table when its name changes */
                    "SELECT SUBSTRING(name, %zu), table_id FROM information_schema.%s WHERE name = '%s/%s' OR "
                    "LOWER(LEFT(name, %zu)) = LOWER('%s/%s#p#') ORDER BY name",
                    n - 2, my_is_mariadb(s) ? "INNODB_SYS_TABLES" : "INNODB_TABLES", in, table, n, in, table);
        rc = ask_identity(cx, s, &sql, "i", out);
    }
    if (rc != 0 || out->identity[0])
        return rc;
    wb_buf_clear(&sql);
    wb_buf_str(&sql, "SELECT create_time FROM information_schema.tables WHERE table_schema = ");
    my_literal(&sql, s, in);
    wb_buf_str(&sql, " AND table_name = ");
    my_literal(&sql, s, table);
    return ask_identity(cx, s, &sql, "t", out);
}

static int take_cell(void *user, size_t index, const wb_str *cells, size_t count)
{
    char *to = user;
    (void)index, (void)count;
    snprintf(to, 4, "%.*s", cells[0].p ? (int)cells[0].len : 0, cells[0].p ? cells[0].p : "");
    return 0;
}

static int read_rows(wb_ctx *cx, my_session *s, const my_subject *x, state *out)
{
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    int32_t native;
    wb_buf_addf(&sql, "SELECT EXISTS (SELECT 1 FROM %.*s)", (int)x->written.len, x->written.p);
    return ask(cx, s, &sql, take_cell, out->rows, &native);
}

static int read_state(wb_ctx *cx, my_session *s, const my_deed *d, const my_subject *x, state *out, wb_buf *text)
{
    *out = (state){ .definition = HIDDEN };
    int rc = read_definition(cx, s, d, x, out, text);
    bool is_there = strcmp(out->definition, ABSENT) != 0;
    bool wants_identity = is_kind(x, "table") && is_there && d->action != WB_ACT_DROP &&
                          (d->action != WB_ACT_CREATE || d->replaces || d->index.len);
    if (rc == 0 && wants_identity)
        rc = read_identity(cx, s, x, out);
    if (rc == 0 && is_there && d->action == WB_ACT_TRUNCATE)
        rc = read_rows(cx, s, x, out);
    return rc;
}

/* ---- the note ---- */

int my_look(wb_ctx *cx, wb_session *base, const wb_statement *st, wb_arena *mem, const char **out)
{
    my_session *s = my_of(base);
    my_deed d = { 0 };
    state now;
    int rc = my_ready(cx, s);
    if (rc == 0)
        rc = my_deed_read(cx, s, mem, st, &d);
    WB_AUTOBUF wb_buf text = WB_BUF(WB_TEXT_MAX);
    wb_buf_addf(&text, NOTE_MARK " %u %lu", base->server.version, rc == 0 ? mysql_thread_id(s->conn) : 0);
    for (size_t i = 0; rc == 0 && i < d.count && d.count <= SUBJECTS_MAX; i++) {
        rc = read_state(cx, s, &d, &d.subjects[i], &now, NULL);
        wb_buf_addf(&text, " %s/%s/%s", now.definition, now.identity, now.rows);
    }
    if (rc != 0)
        return rc;
    const char *note_text = wb_buf_cstr(&text), *copy = note_text ? wb_arena_dup(mem, note_text) : NULL;
    if (!copy)
        return wb_nomem(cx);
    *out = copy;
    return 0;
}

static void take_part(const char **p, char *to, size_t size, const char *stop)
{
    size_t n = strcspn(*p, stop);
    wb_copy_text(to, size, *p, n);
    *p += n;
    if (**p == '/')
        ++*p;
}

static bool parse_note(const char *text, note *out)
{
    *out = (note){ 0 };
    int used = 0;
    if (!text || sscanf(text, NOTE_MARK " %u %lu%n", &out->version, &out->connection, &used) != 2)
        return false;
    for (const char *p = text + used; *p == ' ' && out->count < SUBJECTS_MAX;) {
        state *x = &out->states[out->count++];
        p++;
        take_part(&p, x->definition, sizeof x->definition, "/ ");
        take_part(&p, x->identity, sizeof x->identity, "/ ");
        take_part(&p, x->rows, sizeof x->rows, "/ ");
    }
    return true;
}

/* ---- is it still at it? ---- */

static int count_row(void *user, size_t index, const wb_str *cells, size_t count)
{
    (void)index, (void)cells, (void)count;
    ++*(int *)user;
    return 0;
}

/* Numbers of connections begin anew when the server does, so the statement has to be the same, too. */
static int find_running(wb_ctx *cx, my_session *s, const wb_statement *st, unsigned long connection, bool *out)
{
    int found = 0;
    int32_t native;
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    wb_buf_addf(&sql,
                "SELECT 1 FROM information_schema.processlist WHERE id = %lu AND id <> CONNECTION_ID() AND "
                "command <> 'Sleep' AND info IS NOT NULL",
                connection);
    if (st->text.len) {
        WB_AUTOBUF wb_buf lead = WB_BUF(WB_TEXT_MAX);
        size_t n = 0; /* the list shows characters beyond the three-byte ones as question marks */
        while (n < st->text.len && n < INFO_LENGTH && !(st->text.p[n] & 0x80))
            n++;
        wb_buf_add(&lead, st->text.p, n);
        const char *text = wb_buf_cstr(&lead);
        wb_buf_str(&sql, " AND LOCATE(");
        my_literal(&sql, s, text ? text : "");
        wb_buf_str(&sql, ", info) = 1");
    }
    int rc = ask(cx, s, &sql, count_row, &found, &native);
    *out = found > 0;
    return rc;
}

/* ---- verdicts ---- */

typedef struct comparison {
    const my_deed *d;
    wb_arena *mem;
    bool is_out_of_memory;
    const note *before; /* NULL: there is none */
    state now[SUBJECTS_MAX];
    const char *definition; /* of the first subject, as it is now; "" none */
    const char *why;        /* nobody can tell, and which subject it is about */
    size_t which;
} comparison;

static const char no_look[] = "there is no note from before it to compare with",
                  looks_the_same[] = "looks the same whether it ran or not",
                  other_change[] = "shows a change, but not the one that it makes";

static wb_probe cannot_tell(comparison *c, const char *why)
{
    c->why = why;
    return WB_PROBE_CANNOT_TELL;
}

static bool is_absent(const state *x) { return strcmp(x->definition, ABSENT) == 0; }
static bool is_hidden(const state *x) { return strcmp(x->definition, HIDDEN) == 0; }

/* 1 it is another table, 0 it is the same, -1 nobody knows. */
static int is_another(const state *a, const state *b)
{
    if (!a->identity[0] || a->identity[0] != b->identity[0])
        return -1;
    bool differs = strcmp(a->identity, b->identity) != 0;
    return differs ? 1 : a->identity[0] == 'i' ? 0 : -1; /* a time has whole seconds */
}

static bool is_changed(const state *a, const state *b)
{
    return strcmp(a->definition, b->definition) != 0 || is_another(a, b) == 1;
}

static wb_probe judge_create(comparison *c)
{
    const my_deed *d = c->d;
    if (is_absent(&c->now[0]))
        return WB_PROBE_ABSENT;
    if (!c->before)
        return cannot_tell(c, no_look);
    const state *was = &c->before->states[0];
    if (is_absent(was) || is_changed(was, &c->now[0]))
        return WB_PROBE_PRESENT;
    if (d->if_exists)
        return WB_PROBE_PRESENT;
    /* OR REPLACE with what was there already; but a table would lose its rows a second time. */
    bool is_told = !is_kind(&d->subjects[0], "table") || !d->replaces || is_another(was, &c->now[0]) == 0;
    return is_told ? WB_PROBE_ABSENT : cannot_tell(c, looks_the_same);
}

static wb_probe judge_drop(comparison *c)
{
    size_t there = 0, gone = 0;
    for (size_t i = 0; i < c->d->count; i++) {
        bool was_there = !c->before || !is_absent(&c->before->states[i]);
        there += !is_absent(&c->now[i]);
        gone += was_there && is_absent(&c->now[i]);
    }
    if (there == c->d->count || gone == 0)
        return WB_PROBE_ABSENT;
    if (!c->before)
        return there == 0 ? cannot_tell(c, no_look) : WB_PROBE_ABSENT;
    if (there == 0)
        return WB_PROBE_PRESENT;
    return c->d->if_exists ? WB_PROBE_ABSENT : WB_PROBE_INVALID; /* MariaDB drops them one by one */
}

/* The same name may stand in several places: a TO x, b TO a, x TO b. */
static void set_all(const my_deed *d, state *states, size_t which, state value)
{
    for (size_t i = 0; i < d->count; i++)
        if (wb_str_same(d->subjects[i].written, d->subjects[which].written))
            states[i] = value;
}

static bool fits(const state *expected, const state *now, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_absent(&expected[i]) != is_absent(&now[i]) ||
            (!is_absent(&now[i]) && is_another(&expected[i], &now[i]) == 1))
            return false;
    return true;
}

/* The renames are played on what was there before; a table keeps its number under another name. */
static wb_probe judge_rename(comparison *c)
{
    state played[SUBJECTS_MAX];
    const my_deed *d = c->d;
    if (!c->before || d->count % 2)
        return cannot_tell(c, no_look);
    memcpy(played, c->before->states, sizeof played);
    for (size_t i = 0; i + 1 < d->count; i += 2) {
        state moved = played[i];
        set_all(d, played, i, (state){ .definition = ABSENT });
        set_all(d, played, i + 1, moved);
    }
    bool is_as_before = fits(c->before->states, c->now, d->count), is_as_played = fits(played, c->now, d->count);
    if (is_as_before == is_as_played)
        return cannot_tell(c, is_as_played ? looks_the_same : other_change);
    return is_as_played ? WB_PROBE_PRESENT : WB_PROBE_ABSENT;
}

static wb_probe judge_truncate(comparison *c)
{
    if (!c->before || is_absent(&c->now[0]))
        return c->before ? WB_PROBE_ABSENT : cannot_tell(c, no_look); /* the server will say that it is gone */
    const state *was = &c->before->states[0], *now = &c->now[0];
    int another = is_another(was, now);
    if (another >= 0)
        return another ? WB_PROBE_PRESENT : WB_PROBE_ABSENT;
    if (now->rows[0] == '0')
        return WB_PROBE_PRESENT; /* it is empty: there is nothing left to do */
    return was->rows[0] == '1' ? WB_PROBE_ABSENT : cannot_tell(c, "was empty before it, and has rows now");
}

/* ---- ALTER: does what it says hold? ---- */

static bool has_line(comparison *c, const char *lead, wb_str name)
{
    WB_AUTOBUF wb_buf want = WB_BUF(WB_TEXT_MAX);
    const char *plain = wb_sql_name(c->mem, WB_SQL_MYSQL, name);
    wb_buf_str(&want, lead);
    wb_sql_ident(&want, WB_SQL_MYSQL, plain ? plain : "");
    const char *needle = wb_buf_cstr(&want);
    c->is_out_of_memory = c->is_out_of_memory || !plain || !needle;
    return plain && needle && strcasestr(c->definition, needle) != NULL;
}

static bool is_text(const char *text, const char *word) { return text && strcmp(text, word) == 0; }

/* DROP n, ADD n BIGINT: it is there, and may be. */
static bool is_made_again(const my_deed *d, const wb_sql_clause *dropped)
{
    for (size_t i = 0; i < d->clause_count; i++) {
        const wb_sql_clause *c = &d->clauses[i];
        wb_str made = c->new_name.len ? c->new_name : c->name;
        if (!is_text(c->verb, "drop") && made.len == dropped->name.len &&
            strncasecmp(made.p, dropped->name.p, made.len) == 0)
            return true;
    }
    return false;
}

/* How SHOW CREATE TABLE begins what a clause is about; NULL: nothing to look for. */
static const char *lead_of(const wb_sql_clause *c)
{
    static const char *const constraints[] = { "constraint", "foreign key", "check" };
    if (is_text(c->kind, "column"))
        return "\n  ";
    if (is_text(c->kind, "index"))
        return "KEY ";
    for (size_t i = 0; i < WB_COUNT(constraints); i++)
        if (is_text(c->kind, constraints[i]))
            return "CONSTRAINT ";
    return NULL;
}

/* False when it says something that does not hold. What is not recognised holds. */
static bool clause_holds(comparison *c, const wb_sql_clause *clause)
{
    const char *lead = lead_of(clause);
    if (!lead || !clause->name.len)
        return true;
    if (is_text(clause->verb, "change") || is_text(clause->verb, "rename"))
        return has_line(c, lead, clause->new_name);
    if (is_text(clause->verb, "add"))
        return has_line(c, lead, clause->name);
    return !is_text(clause->verb, "drop") || !has_line(c, lead, clause->name) || is_made_again(c->d, clause);
}

static bool alter_holds(comparison *c)
{
    bool is_readable = strstr(c->definition, "TABLE `") != NULL, holds = true;
    for (size_t i = 0; is_readable && holds && i < c->d->clause_count; i++)
        holds = clause_holds(c, &c->d->clauses[i]);
    return holds;
}

/* What moves data and leaves no definition behind; ALTER SEQUENCE ... RESTART, too. */
static bool moves_data(const my_session *s, const wb_statement *st, const my_deed *d)
{
    static const char *const verbs[] = { "exchange", "truncate", "import", "discard" };
    for (size_t i = 0; i < d->clause_count; i++)
        for (size_t j = 0; j < WB_COUNT(verbs); j++)
            if (is_text(d->clauses[i].verb, verbs[j]))
                return true;
    return is_kind(&d->subjects[0], "sequence") && my_says(s, st->text, "restart");
}

static wb_probe judge_alter(const my_session *s, const wb_statement *st, comparison *c)
{
    const my_deed *d = c->d;
    if (!c->before)
        return cannot_tell(c, no_look);
    const state *was = &c->before->states[0], *now = &c->now[0];
    if (d->count > 1 && is_absent(now)) /* ALTER TABLE a RENAME b, ALTER EVENT a RENAME TO b */
        return is_absent(was) || is_absent(&c->now[1]) ? cannot_tell(c, other_change) : WB_PROBE_PRESENT;
    if (is_absent(now))
        return WB_PROBE_ABSENT; /* the server will say that it is gone */
    if (is_changed(was, now))
        return alter_holds(c) && d->count == 1 ? WB_PROBE_PRESENT : cannot_tell(c, other_change);
    if (!moves_data(s, st, d))
        return WB_PROBE_ABSENT;
    return is_another(was, now) == 0 ? WB_PROBE_ABSENT : cannot_tell(c, looks_the_same);
}

/* CREATE INDEX and DROP INDEX: the table's definition shows them. */
static wb_probe judge_index(comparison *c)
{
    const my_deed *d = c->d;
    if (is_absent(&c->now[0]) || !*c->definition)
        return WB_PROBE_ABSENT;
    bool is_there = has_line(c, "KEY ", d->index), is_create = d->action == WB_ACT_CREATE;
    if (!c->before)
        return is_there == is_create ? cannot_tell(c, no_look) : WB_PROBE_ABSENT;
    if (is_changed(&c->before->states[0], &c->now[0]))
        return is_there == is_create ? WB_PROBE_PRESENT : cannot_tell(c, other_change);
    return d->if_exists && is_there == is_create ? WB_PROBE_PRESENT : WB_PROBE_ABSENT;
}

/* Several accounts: all must have changed. */
static wb_probe judge_each(comparison *c)
{
    size_t changed = 0;
    if (!c->before)
        return cannot_tell(c, no_look);
    for (size_t i = 0; i < c->d->count; i++)
        changed += is_changed(&c->before->states[i], &c->now[i]);
    if (changed != 0 && changed != c->d->count)
        return cannot_tell(c, "shows a change of some of them only");
    return changed ? WB_PROBE_PRESENT : WB_PROBE_ABSENT;
}

static wb_probe judge(const my_session *s, const wb_statement *st, comparison *c)
{
    const my_deed *d = c->d;
    for (c->which = 0; c->which < d->count; c->which++)
        if (is_hidden(&c->now[c->which]) || (c->before && is_hidden(&c->before->states[c->which])))
            return cannot_tell(c, "is refused to this user");
    c->which = 0;
    if (d->is_temporary) /* it went with its connection */
        return is_absent(&c->now[0]) ? WB_PROBE_ABSENT : cannot_tell(c, other_change);
    if (d->index.len)
        return judge_index(c);
    switch (d->action) {
    case WB_ACT_CREATE: return d->count > 1 ? judge_each(c) : judge_create(c);
    case WB_ACT_DROP: return judge_drop(c);
    case WB_ACT_RENAME: return judge_rename(c);
    case WB_ACT_TRUNCATE: return judge_truncate(c);
    case WB_ACT_ALTER: return is_kind(&d->subjects[0], "grants") ? judge_each(c) : judge_alter(s, st, c);
    case WB_ACT_NONE:
    case WB_ACT_REINDEX: break;
    }
    return WB_PROBE_CANNOT_TELL;
}

/* "SHOW CREATE TABLE t shows ...": what a person would ask first, too. */
static void tell_seen(my_session *s, const comparison *c)
{
    const my_subject *x = &c->d->subjects[c->which];
    int n = x->written.len < 100 ? (int)x->written.len : 100;
    char *to = s->base.failure.seen;
    const size_t size = sizeof s->base.failure.seen;
    if (c->why == no_look)
        snprintf(to, size, "%s what %s%.*s shows", no_look, x->show, n, x->written.p);
    else
        snprintf(to, size, "%s%.*s %s", x->show, n, x->written.p, c->why ? c->why : looks_the_same);
}

static int compare(wb_ctx *cx, my_session *s, const wb_statement *st, const my_deed *d, const note *before,
                   wb_probe *out)
{
    WB_AUTOARENA wb_arena mem = { 0 };
    WB_AUTOBUF wb_buf definition = WB_BUF((size_t)16 << 20);
    comparison *c = wb_arena_get(&mem, sizeof *c);
    if (!c)
        return wb_nomem(cx);
    int rc = 0;
    c->d = d;
    c->mem = &mem;
    c->before = before;
    for (size_t i = 0; rc == 0 && i < d->count; i++)
        rc = read_state(cx, s, d, &d->subjects[i], &c->now[i], i == 0 ? &definition : NULL);
    c->definition = wb_buf_cstr(&definition);
    if (rc == 0 && !c->definition)
        return wb_nomem(cx);
    if (rc == 0) {
        wb_probe found = judge(s, st, c);
        if (c->is_out_of_memory)
            return wb_nomem(cx);
        *out = found;
    }
    if (rc == 0 && *out == WB_PROBE_CANNOT_TELL)
        tell_seen(s, c);
    return rc;
}

int my_probe(wb_ctx *cx, wb_session *base, const wb_statement *st, const char *looked, wb_probe *out)
{
    my_session *s = my_of(base);
    WB_AUTOARENA wb_arena mem = { 0 };
    my_deed d;
    note before;
    bool is_running = false, has_note = parse_note(looked, &before);
    int rc = my_ready(cx, s);
    if (rc == 0)
        rc = my_deed_read(cx, s, &mem, st, &d);
    if (rc == 0 && has_note)
        rc = find_running(cx, s, st, before.connection, &is_running);
    if (rc != 0)
        return rc;
    /* Another version may print the same definition in other words. */
    bool is_usable = has_note && before.count == d.count && before.version == base->server.version;
    if (is_running)
        *out = WB_PROBE_BUILDING;
    else if (st->is_repeatable)
        *out = WB_PROBE_ABSENT;
    else if (d.count == 0 || d.count > SUBJECTS_MAX)
        *out = WB_PROBE_CANNOT_TELL; /* it leaves no trace to look for */
    else
        rc = compare(cx, s, st, &d, is_usable ? &before : NULL, out);
    return rc;
}

/* A DROP of several that came half way: the rest of them goes, and the statement is done. */
int my_clean(wb_ctx *cx, wb_session *base, const wb_statement *st)
{
    my_session *s = my_of(base);
    WB_AUTOARENA wb_arena mem = { 0 };
    WB_AUTOBUF wb_buf sql = WB_BUF(WB_TEXT_MAX);
    my_deed d;
    int rc = my_ready(cx, s);
    if (rc == 0)
        rc = my_deed_read(cx, s, &mem, st, &d);
    if (rc != 0 || d.action != WB_ACT_DROP || d.count < 2)
        return rc;
    wb_buf_addf(&sql, "DROP %s IF EXISTS ", d.subjects[0].kind);
    for (size_t i = 0; i < d.count; i++) {
        wb_buf_str(&sql, i ? ", " : "");
        wb_buf_add(&sql, d.subjects[i].written.p, d.subjects[i].written.len);
    }
    const char *text = wb_buf_cstr(&sql);
    return text ? my_change(cx, s, text) : wb_nomem(cx);
}
