/*
 * subjects.c - which objects a schema change is about: one, or the list of a DROP or a RENAME.
 *
 * Words only, no grammar: what is not recognised has no subjects, and nobody can tell then. A name is kept as it is
 * written, quotes and schema included, since the server itself knows best what it means.
 * Owns nothing. Facts: MySQL 8.4 manual, 15.1; MariaDB Knowledge Base, "Data Definition".
 */
#include "driver/mysql/my.h"

#include <string.h>

typedef struct reader {
    my_lexer lex;
    my_token tok;
    my_deed *deed;
} reader;

static void advance(reader *r) { r->tok = my_next(&r->lex); }

static bool accept(reader *r, const char *word)
{
    if (!my_is_word(r->tok, word))
        return false;
    advance(r);
    return true;
}

static bool accept_sign(reader *r, char sign)
{
    if (!my_is_sign(r->tok, sign))
        return false;
    advance(r);
    return true;
}

static bool is_name(my_token t) { return t.kind == MY_TOK_WORD || t.kind == MY_TOK_NAME || t.kind == MY_TOK_STRING; }

/* schema.name; for an account 'user'@'host'. */
static wb_str take_name(reader *r)
{
    if (!is_name(r->tok))
        return (wb_str){ NULL, 0 };
    const char *from = r->tok.text.p, *to = from + r->tok.text.len;
    advance(r);
    while (my_is_sign(r->tok, '.') || my_is_sign(r->tok, '@')) {
        advance(r);
        if (!is_name(r->tok))
            break;
        to = r->tok.text.p + r->tok.text.len;
        advance(r);
    }
    return (wb_str){ from, (size_t)(to - from) };
}

static bool add(reader *r, my_object object, wb_str written, bool is_target)
{
    my_deed *d = r->deed;
    if (!written.p)
        return false;
    if (d->count == MY_SUBJECTS_MAX) {
        d->has_too_many = true;
        return false;
    }
    d->subjects[d->count++] = (my_subject){ object, written, is_target };
    return true;
}

static void skip_existence(reader *r)
{
    if (!accept(r, "if"))
        return;
    accept(r, "not");
    accept(r, "exists");
    r->deed->if_exists = true;
}

/* ---- after the object's word ---- */

static void skip_wait(reader *r)
{
    if (accept(r, "nowait"))
        return;
    if (accept(r, "wait"))
        advance(r);
}

static void read_list(reader *r, my_object object)
{
    skip_existence(r);
    do
        if (!add(r, object, take_name(r), false))
            return;
    while (accept_sign(r, ','));
}

static void read_one(reader *r, my_object object)
{
    skip_existence(r);
    add(r, object, take_name(r), false);
}

static void read_renames(reader *r, my_object object)
{
    skip_existence(r);
    do {
        if (!add(r, object, take_name(r), false))
            return;
        skip_wait(r);
        if (!accept(r, "to") || !add(r, object, take_name(r), true))
            return;
    } while (accept_sign(r, ','));
}

/* CREATE UNIQUE INDEX i ON t; DROP INDEX i ON t: the table is the subject. */
static void read_index(reader *r)
{
    skip_existence(r);
    r->deed->is_index = true;
    r->deed->index = take_name(r);
    while (r->tok.kind != MY_TOK_END && !my_is_word(r->tok, "on"))
        advance(r);
    if (accept(r, "on"))
        add(r, MY_OBJ_TABLE, take_name(r), false);
}

static void read_altered_table(reader *r)
{
    read_one(r, MY_OBJ_TABLE);
    skip_wait(r);
    r->deed->clauses = (wb_str){ r->tok.text.p, (size_t)(r->lex.end - r->tok.text.p) };
    /* RENAME [TO|AS] other, among the clauses; RENAME COLUMN and RENAME INDEX are none of it. */
    while (r->tok.kind != MY_TOK_END) {
        if (!accept(r, "rename")) {
            advance(r);
            continue;
        }
        bool is_other = my_is_word(r->tok, "column") || my_is_word(r->tok, "index") || my_is_word(r->tok, "key");
        if (is_other)
            continue;
        if (!accept(r, "to"))
            accept(r, "as");
        add(r, MY_OBJ_TABLE, take_name(r), true);
    }
}

static void read_altered_event(reader *r)
{
    read_one(r, MY_OBJ_EVENT);
    r->deed->clauses = (wb_str){ r->tok.text.p, (size_t)(r->lex.end - r->tok.text.p) };
    while (r->tok.kind != MY_TOK_END && !my_is_word(r->tok, "do")) {
        if (accept(r, "rename") && accept(r, "to"))
            add(r, MY_OBJ_EVENT, take_name(r), true);
        else
            advance(r);
    }
}

static void read_altered(reader *r, my_object object)
{
    read_one(r, object);
    r->deed->clauses = (wb_str){ r->tok.text.p, (size_t)(r->lex.end - r->tok.text.p) };
}

/* ---- the object's word ---- */

static const struct object_word {
    const char *word;
    my_object object;
} object_words[] = {
    { "table", MY_OBJ_TABLE },       { "tables", MY_OBJ_TABLE },    { "view", MY_OBJ_VIEW },
    { "sequence", MY_OBJ_SEQUENCE }, { "trigger", MY_OBJ_TRIGGER }, { "procedure", MY_OBJ_PROCEDURE },
    { "function", MY_OBJ_FUNCTION }, { "event", MY_OBJ_EVENT },     { "database", MY_OBJ_DATABASE },
    { "schema", MY_OBJ_DATABASE },   { "user", MY_OBJ_USER },       { "role", MY_OBJ_USER },
    { "package", MY_OBJ_PACKAGE },   { "server", MY_OBJ_SERVER },
};

static const struct object_word *object_of(my_token t)
{
    for (size_t i = 0; i < WB_COUNT(object_words); i++)
        if (my_is_word(t, object_words[i].word))
            return &object_words[i];
    return NULL;
}

static void read_object(reader *r, my_object object)
{
    switch (r->deed->verb) {
    case MY_VERB_DROP: read_list(r, object); break;
    case MY_VERB_RENAME: read_renames(r, object); break;
    case MY_VERB_ALTER:
        if (object == MY_OBJ_TABLE)
            read_altered_table(r);
        else if (object == MY_OBJ_EVENT)
            read_altered_event(r);
        else
            read_altered(r, object);
        break;
    case MY_VERB_CREATE:
        if (object == MY_OBJ_USER)
            read_list(r, object); /* what stands between the names ends it: one is enough to tell */
        else
            read_one(r, object);
        break;
    case MY_VERB_TRUNCATE:
    case MY_VERB_NONE: read_one(r, object); break;
    }
}

/* Between verb and object stand OR REPLACE, UNIQUE, DEFINER = x, ALGORITHM = y and the like. */
static void find_object(reader *r)
{
    while (r->tok.kind != MY_TOK_END && !my_is_sign(r->tok, '(')) {
        const struct object_word *w = object_of(r->tok);
        r->deed->or_replace = r->deed->or_replace || my_is_word(r->tok, "replace");
        r->deed->is_temporary = r->deed->is_temporary || my_is_word(r->tok, "temporary");
        if (my_is_word(r->tok, "definer")) { /* = user, which may be called anything */
            advance(r);
            if (accept_sign(r, '='))
                (void)take_name(r);
            continue;
        }
        if (w || my_is_word(r->tok, "index")) {
            bool is_index = !w;
            advance(r);
            if (is_index)
                read_index(r);
            else
                read_object(r, w->object);
            return;
        }
        advance(r);
    }
}

/* GRANT ... TO a, b; REVOKE ... FROM a, b */
static void read_grant(reader *r, const char *before)
{
    r->deed->verb = MY_VERB_ALTER;
    while (r->tok.kind != MY_TOK_END && !my_is_word(r->tok, before))
        advance(r);
    if (accept(r, before))
        read_list(r, MY_OBJ_GRANTS);
}

static void read_text(reader *r)
{
    static const struct {
        const char *word;
        my_verb verb;
    } verbs[] = { { "create", MY_VERB_CREATE },
                  { "alter", MY_VERB_ALTER },
                  { "drop", MY_VERB_DROP },
                  { "rename", MY_VERB_RENAME },
                  { "truncate", MY_VERB_TRUNCATE } };
    for (size_t i = 0; i < WB_COUNT(verbs); i++)
        if (accept(r, verbs[i].word)) {
            r->deed->verb = verbs[i].verb;
            bool has_word = object_of(r->tok) || verbs[i].verb != MY_VERB_TRUNCATE;
            if (has_word)
                find_object(r);
            else
                add(r, MY_OBJ_TABLE, take_name(r), false);
            return;
        }
    if (accept(r, "grant"))
        read_grant(r, "to");
    else if (accept(r, "revoke"))
        read_grant(r, "from");
}

/* ---- without a text ---- */

static void read_facts(const wb_statement *st, my_deed *d)
{
    static const my_verb verbs[] = {
        [WB_ACT_NONE] = MY_VERB_NONE,   [WB_ACT_CREATE] = MY_VERB_CREATE, [WB_ACT_ALTER] = MY_VERB_ALTER,
        [WB_ACT_DROP] = MY_VERB_DROP,   [WB_ACT_RENAME] = MY_VERB_RENAME, [WB_ACT_TRUNCATE] = MY_VERB_TRUNCATE,
        [WB_ACT_REINDEX] = MY_VERB_NONE
    };
    d->verb = verbs[st->action];
    d->if_exists = st->if_exists;
    for (size_t i = 0; st->object && i < WB_COUNT(object_words); i++)
        if (strcmp(object_words[i].word, st->object) == 0 && st->name.len && !st->schema.len) {
            d->subjects[0] = (my_subject){ object_words[i].object, st->name, false };
            d->count = 1;
            return;
        }
}

void my_deed_read(const my_session *s, const wb_statement *st, my_deed *out)
{
    *out = (my_deed){ 0 };
    if (st->cls == WB_STMT_DML || st->cls == WB_STMT_QUERY || st->cls == WB_STMT_TXN)
        return;
    if (!st->text.len) {
        read_facts(st, out);
        return;
    }
    reader r = { .lex = my_lexer_of(s, st->text), .deed = out };
    advance(&r);
    read_text(&r);
}
