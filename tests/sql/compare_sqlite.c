/*
 * compare_sqlite.c - our splitter beside sqlite3_prepare_v2(), which stops behind each statement, on the files of the
 * folders that are given (run in the order of their names, one database for each folder) and on generated text.
 * usage: compare_sqlite [-n COUNT] [-s SEED] [DIR...]
 */
#include "compare.h"

#include <sqlite3.h>

/* ---- generated text ---- */

static void add_expression(wb_buf *b, int depth)
{
    static const char *const simple[] = {
        "1", "1.5e3", "x'3b'", "NULL", "abs(-1)", "?", "?1", ":end", "@x", "$y", "(select max(a) from t)"
    };
    switch (random_below(depth > 2 ? 3 : 5)) {
    case 0: add_quoted(b, "", '\'', false); break;
    case 1: add_quoted(b, "", '"', false); break; /* a name that is none is a text */
    case 2: wb_buf_str(b, RANDOM_OF(simple)); break;
    case 3:
        wb_buf_str(b, "case when 1 then ");
        add_expression(b, depth + 1);
        wb_buf_str(b, " else ");
        add_expression(b, depth + 1);
        wb_buf_str(b, " end");
        break;
    default:
        wb_buf_str(b, "(");
        add_expression(b, depth + 1);
        add_gap(b, false);
        wb_buf_str(b, "- -");
        add_expression(b, depth + 1);
        wb_buf_str(b, ")");
        break;
    }
}

/* Without a parameter: a body of a trigger must not have one. */
static void add_body_statement(wb_buf *b)
{
    static const char *const statements[] = {
        "insert into t(a, end) values (1, case when 1 then 2 end)",
        "delete from t where a = 'x;'",
        "update t set a = case a when 1 then case 1 when 1 then 2 end end",
        "select 'end;', \"end;\", 1 as end",
        "select a, end from t",
        "insert into [t;u] values (1)",
        "select `end` from t",
    };
    wb_buf_str(b, RANDOM_OF(statements));
}

static void add_statement(wb_buf *b)
{
    static unsigned long serial;
    static const char *const others[] = {
        "pragma user_version",
        "create table if not exists [x;y](`a;`, \"b;\")",
        "drop trigger if exists none",
        "explain query plan select 1",
        "analyze",
        "begin; end",
        "select 1 as begin",
        "reindex",
        "explain create trigger q after insert on t begin select 1; end",
    };
    switch (random_below(5)) {
    case 0:
        wb_buf_addf(b, "create%s trigger", random_below(2) ? " temp" : "");
        add_gap(b, false);
        wb_buf_addf(b, "g%lu after insert on t when case 1 when 1 then 0 end", ++serial);
        add_gap(b, false);
        wb_buf_str(b, "begin");
        add_gap(b, false);
        for (uint32_t n = 1 + random_below(3); n > 0; n--) {
            add_body_statement(b);
            wb_buf_str(b, ";");
            add_gap(b, false);
        }
        wb_buf_str(b, "end");
        break;
    case 1: wb_buf_str(b, RANDOM_OF(others)); break;
    case 2:
        wb_buf_str(b, "insert into t(a) values (");
        add_expression(b, 0);
        wb_buf_str(b, ")");
        break;
    default:
        wb_buf_str(b, "select");
        add_gap(b, false);
        add_expression(b, 0);
        wb_buf_str(b, ",");
        add_expression(b, 0);
        break;
    }
}

static void generate(wb_buf *b)
{
    for (uint32_t n = 1 + random_below(5); n > 0; n--) {
        add_gap(b, false);
        add_statement(b);
        add_gap(b, false);
        if (n > 1 || random_below(2))
            wb_buf_str(b, random_below(8) ? ";" : ";;");
    }
    if (random_below(10) == 0)
        wb_buf_str(b, "; /* open");
}

/* ---- comparing ---- */

static spans ours, theirs;

/* What the engine itself takes for a statement. False: it refused one. */
static bool split_by_engine(sqlite3 *db, const char *text, bool runs)
{
    enum { STEPS_MAX = 100000 };
    for (const char *p = text; *p;) {
        sqlite3_stmt *statement = NULL;
        const char *tail = NULL;
        if (sqlite3_prepare_v2(db, p, -1, &statement, &tail) != SQLITE_OK)
            return false;
        if (statement) {
            const char *end = tail;
            if (end > p && end[-1] == ';')
                end--;
            theirs.at[theirs.count++] = (span){ (size_t)(p - text), (size_t)(end - text) };
            for (int i = 0; runs && i < STEPS_MAX && sqlite3_step(statement) == SQLITE_ROW; i++)
                continue;
        }
        sqlite3_finalize(statement);
        if (tail == p)
            break;
        p = tail;
    }
    return true;
}

/* An empty statement of the engine begins the span of the next one: pass over its semicolons too. */
static void trim_starts(const char *text)
{
    for (size_t i = 0; i < theirs.count; i++) {
        span *s = &theirs.at[i];
        for (;;) {
            s->start = behind_gap(text, s->start, s->end, false);
            if (s->start == s->end || text[s->start] != ';')
                break;
            s->start++;
        }
    }
}

static void compare(sqlite3 *db, const char *what, const char *text, size_t len, bool runs, tally *t)
{
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    wb_sql_options options = { .dialect = WB_SQL_SQLITE };
    ours.count = theirs.count = 0;
    int rc = wb_split(&cx, &options, text, len, true, note_span, &ours);
    bool is_taken = split_by_engine(db, text, runs);
    t->texts++;
    if (rc != 0 && !is_taken) {
        t->refused_by_both++;
    } else if (rc != 0) {
        t->refused_by_us++;
        t->different++;
        printf("# %s:%u:%u: %s\n", what, err.line, err.column, err.message);
        if (len < 2000)
            printf("# ---\n%.*s\n# ---\n", (int)len, text);
    } else if (!is_taken) {
        t->refused_by_them++;
        bool agrees = ours.count > theirs.count; /* those before the refused one were cut alike */
        spans before = { .at = ours.at, .count = theirs.count };
        trim_starts(text);
        if (!agrees || !spans_agree(text, &before, &theirs, false)) {
            t->different++;
            show_difference(what, text, len, &ours, &theirs);
        }
    } else {
        t->statements += ours.count;
        trim_starts(text);
        if (spans_agree(text, &ours, &theirs, false)) {
            t->same++;
        } else {
            t->different++;
            show_difference(what, text, len, &ours, &theirs);
        }
    }
}

static sqlite3 *open_database(void)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
        sqlite3_exec(db, "create table t(a, end); create table [t;u](a)", NULL, NULL, NULL) != SQLITE_OK)
        abort();
    return db;
}

static bool has_other_folder(const char *a, const char *b)
{
    const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
    return !x || !y || x - a != y - b || memcmp(a, b, (size_t)(x - a)) != 0;
}

static void compare_files(tally *t)
{
    sqlite3 *db = NULL;
    for (size_t i = 0; i < found_count; i++) {
        if (strstr(found_files[i], ".down.sql"))
            continue; /* it would undo what the next file needs */
        if (!db || has_other_folder(found_files[i - 1], found_files[i])) {
            sqlite3_close(db);
            db = open_database();
        }
        size_t len;
        char *text = read_whole(found_files[i], &len);
        if (text && !memchr(text, 0, len))
            compare(db, found_files[i], text, len, true, t);
        free(text);
    }
    sqlite3_close(db);
}

static void compare_generated(unsigned long count, tally *t, tally *mutated)
{
    char what[64];
    sqlite3 *db = open_database();
    for (unsigned long i = 0; i < count; i++) {
        wb_buf b = WB_BUF(WB_TEXT_MAX);
        generate(&b);
        const char *text = wb_buf_cstr(&b);
        if (!text)
            abort();
        snprintf(what, sizeof what, "generated %lu", i);
        compare(db, what, text, b.len, false, t);
        char *copy = strdup(text);
        size_t len = b.len;
        for (uint32_t n = 1 + random_below(3); n > 0; n--)
            mutate(copy, &len);
        copy[len] = 0;
        snprintf(what, sizeof what, "mutated %lu", i);
        compare(db, what, copy, len, false, mutated);
        free(copy);
        wb_buf_done(&b);
    }
    sqlite3_close(db);
}

int main(int argc, char **argv)
{
    unsigned long count = read_arguments(argc, argv, 2000);
    tally files = { 0 }, generated = { 0 }, mutated = { 0 };
    ours.at = calloc(SPAN_MAX, sizeof(span));
    theirs.at = calloc(SPAN_MAX, sizeof(span));
    if (!ours.at || !theirs.at)
        return 1;
    compare_files(&files);
    compare_generated(count, &generated, &mutated);
    show_tally("files", &files);
    show_tally("generated", &generated);
    show_tally("mutated", &mutated);
    unsigned long bad = files.different + generated.different + mutated.different + generated.refused_by_them;
    printf("1..1\n%s 1 - statements end where SQLite says\n", bad ? "not ok" : "ok");
    return bad != 0;
}
