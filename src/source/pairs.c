/*
 * pairs.c - take a file name of a migration apart: 000001_add_users.postgres.autocommit.up.sql
 *
 * A name alone tells version, direction, database and whether a transaction is wanted, so a directory is understood
 * without opening a file. The description may hold dots and hyphens; what stands before ".up.sql" is looked at from
 * its end. Pure: no disk, no allocation. Facts: golang-migrate, source/parse.go; popx of ory/x, "migration_box.go".
 */
#include "source/parts.h"

/* Takes a suffix off, if it is there. */
static bool drop_end(wb_str *s, const char *suffix)
{
    size_t n = strlen(suffix);
    if (s->len < n || memcmp(s->p + s->len - n, suffix, n) != 0)
        return false;
    s->len -= n;
    return true;
}

static bool has_end_any_case(wb_str s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s.len >= n && wb_str_ieq((wb_str){ s.p + s.len - n, n }, suffix);
}

/* The part behind the last dot; len 0 when there is no dot. A name may be empty, so the dot may be the first byte. */
static wb_str last_part(wb_str s)
{
    for (size_t i = s.len; i > 0; i--)
        if (s.p[i - 1] == '.')
            return (wb_str){ s.p + i, s.len - i };
    return (wb_str){ s.p, 0 };
}

static const char *database_of(wb_str word, wb_canonical_fn canonical)
{
    char text[24];
    if (!canonical || word.len == 0 || word.len >= sizeof text)
        return NULL;
    memcpy(text, word.p, word.len);
    text[word.len] = 0;
    return canonical(text);
}

static void take_suffixes(wb_name *n, wb_canonical_fn canonical)
{
    for (bool has_database = false;;) {
        wb_str part = last_part(n->title);
        const char *database = has_database ? NULL : database_of(part, canonical);
        if (n->is_json && database && strcmp(database, "mongodb") != 0)
            database = NULL; /* no SQL database takes JSON, so the word belongs to the name */
        if (wb_str_eq(part, "autocommit")) {
            n->is_autocommit = true;
        } else if (database) {
            n->database = database;
            has_database = true;
        } else {
            break;
        }
        n->title.len -= part.len + 1;
    }
    /* Anywhere else among the parts the word counts too, and stays in the name. */
    for (wb_str rest = n->title; !n->is_autocommit;) {
        wb_str part = last_part(rest);
        if (part.len == 0)
            break;
        n->is_autocommit = wb_str_eq(part, "autocommit");
        rest.len -= part.len + 1;
    }
}

wb_name wb_name_parse(const char *file_name, wb_canonical_fn canonical)
{
    wb_name n = { .kind = WB_NAME_OTHER };
    wb_str rest = WB_STR(file_name);
    size_t digits = strspn(file_name, "0123456789");
    if (digits == 0)
        return n;
    bool is_like_sql = has_end_any_case(rest, ".sql");
    bool is_sql = drop_end(&rest, ".sql");
    n.is_json = !is_sql && drop_end(&rest, ".json");
    if (rest.len <= digits || rest.p[digits] != '_' || (!is_sql && !n.is_json)) {
        n.kind = is_like_sql ? WB_NAME_NEAR : WB_NAME_OTHER;
        return n;
    }
    n.version = (wb_str){ file_name, digits };
    n.title = (wb_str){ file_name + digits + 1, rest.len - digits - 1 };
    if (drop_end(&n.title, ".up"))
        n.direction = WBL_UP;
    else if (drop_end(&n.title, ".down"))
        n.direction = WBL_DOWN;
    else {
        bool is_miscased = has_end_any_case(n.title, ".up") || has_end_any_case(n.title, ".down");
        n.kind = n.is_json ? WB_NAME_OTHER : is_miscased ? WB_NAME_NEAR : WB_NAME_SINGLE;
        return n;
    }
    n.kind = WB_NAME_PAIR;
    if (n.is_json)
        n.database = "mongodb";
    take_suffixes(&n, canonical);
    return n;
}
