/*
 * compare_pg.c - our splitter beside the grammar of PostgreSQL (libpg_query), on the files of the folders that are given
 * and on generated text. usage: compare_pg [-n COUNT] [-s SEED] [DIR...]
 */
#include "compare.h"

#ifdef WB_HAVE_PG_QUERY
#include <pg_query.h>

/* ---- generated text ---- */

static void add_dollar_quoted(wb_buf *b)
{
    static const char *const tags[] = { "$$", "$b$", "$_x1$", "$\xC3\xA4$" };
    const char *tag = RANDOM_OF(tags);
    wb_buf inside = WB_BUF(256);
    add_odd_text(&inside);
    size_t len = inside.len;
    wb_buf_str(&inside, tag);
    const char *text = wb_buf_cstr(&inside);
    bool is_fine = text && strstr(text, tag) == text + len; /* not closed before, also not by its own end */
    wb_buf_str(b, tag);
    wb_buf_str(b, is_fine ? text : "begin; end");
    if (!is_fine)
        wb_buf_str(b, tag);
    wb_buf_done(&inside);
}

static void add_expression(wb_buf *b, int depth)
{
    static const char *const simple[] = { "1", "a", "t.end", "$1", "a$b$c", "1.5e3", "a[1:2]", "now()", "NULL", "x$$" };
    switch (random_below(depth > 2 ? 7 : 10)) {
    case 0: add_quoted(b, "", '\'', false); break;
    case 1: add_quoted(b, "E", '\'', true); break;
    case 2: add_quoted(b, "", '"', false); break;
    case 3: add_dollar_quoted(b); break;
    case 4: wb_buf_str(b, "U&'d\\0061t' "); break;
    case 5: wb_buf_str(b, "E'a'\n  'it\\'s;' "); break;
    case 6: wb_buf_str(b, RANDOM_OF(simple)); break;
    case 7:
        wb_buf_str(b, "case when true then ");
        add_expression(b, depth + 1);
        wb_buf_str(b, " else ");
        add_expression(b, depth + 1);
        wb_buf_str(b, " end");
        break;
    case 8:
        wb_buf_str(b, "(");
        add_expression(b, depth + 1);
        add_gap(b, true);
        wb_buf_str(b, "*/* ; */ - -");
        add_expression(b, depth + 1);
        wb_buf_str(b, ")");
        break;
    default:
        wb_buf_str(b, "f(");
        add_expression(b, depth + 1);
        wb_buf_str(b, ")");
        break;
    }
}

static void add_query(wb_buf *b)
{
    switch (random_below(4)) {
    case 0:
        wb_buf_str(b, "insert into t values (");
        add_expression(b, 0);
        wb_buf_str(b, ")");
        break;
    case 1:
        wb_buf_str(b, "delete from t where a =");
        add_gap(b, true);
        add_expression(b, 0);
        break;
    case 2:
        wb_buf_str(b, "select ");
        add_expression(b, 0);
        wb_buf_str(b, random_below(2) ? " as end" : " as case");
        break;
    default:
        wb_buf_str(b, "select");
        add_gap(b, true);
        add_expression(b, 0);
        wb_buf_str(b, ",");
        add_expression(b, 0);
        break;
    }
}

static void add_statement(wb_buf *b)
{
    static const char *const others[] = {
        "begin",
        "commit",
        "end",
        "create table t (a int, \"b;\" text default ';')",
        "drop table if exists t",
        "create index concurrently on t (a)",
        "comment on table t is 'it''s;'",
        "prepare p as select $1",
        "vacuum",
        "create function begin(a int) returns int language sql as 'select 1;'",
        "copy t to stdout",
        "create function f() returns int return case when true then 1 end",
        "alter table t rename to atomic",
        "create view v as select 1 as begin",
        "set a = b",
        "create or replace rule r as on insert to t do nothing",
    };
    uint32_t n;
    switch (random_below(7)) {
    case 0:
        wb_buf_str(b, "create or replace function f() returns int");
        add_gap(b, true);
        wb_buf_str(b, "begin atomic");
        add_gap(b, true);
        for (n = random_below(4); n > 0; n--) {
            add_query(b);
            wb_buf_str(b, ";");
            add_gap(b, true);
        }
        wb_buf_str(b, "end");
        break;
    case 1:
        wb_buf_str(b, "create rule r as on insert to t do also (");
        for (n = 1 + random_below(3); n > 0; n--) {
            add_query(b);
            wb_buf_str(b, n > 1 ? "; " : ")");
        }
        break;
    case 2:
        wb_buf_str(b, "do ");
        add_dollar_quoted(b);
        break;
    case 3: wb_buf_str(b, RANDOM_OF(others)); break;
    default: add_query(b); break;
    }
}

static void generate(wb_buf *b)
{
    for (uint32_t n = 1 + random_below(5); n > 0; n--) {
        add_gap(b, true);
        add_statement(b);
        add_gap(b, true);
        if (n > 1 || random_below(2))
            wb_buf_str(b, random_below(8) ? ";" : ";;");
    }
}

/* ---- comparing ---- */

static spans ours, theirs;

static void compare(const char *what, const char *text, size_t len, tally *t, bool is_quiet)
{
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    wb_sql_options options = { .dialect = WB_SQL_POSTGRES };
    char *blanked = malloc(len + 1);
    if (!blanked)
        abort();
    memcpy(blanked, text, len);
    blanked[len] = 0;
    for (char *p = blanked; (p = strstr(p, "restrict ")); p++) { /* the two lines of pg_dump that we pass over */
        char *start = p;
        while (start > blanked && start[-1] != '\n')
            start--;
        if (*start == '\\')
            memset(start, ' ', strcspn(start, "\n"));
    }
    ours.count = theirs.count = 0;
    ours.blanked = blanked;
    int rc = wb_split(&cx, &options, text, len, true, note_span, &ours);
    PgQuerySplitResult r = pg_query_split_with_parser(blanked);
    t->texts++;
    if (rc != 0 && r.error) {
        t->refused_by_both++;
    } else if (rc != 0) {
        t->refused_by_us++;
        t->different++;
        printf("# %s:%u:%u: %s\n", what, err.line, err.column, err.message);
        if (len < 2000)
            printf("# ---\n%.*s\n# ---\n", (int)len, text);
    } else if (r.error) {
        t->refused_by_them++;
        if (!is_quiet)
            printf("# %s: the parser says: %s\n", what, r.error->message);
    } else {
        for (int i = 0; i < r.n_stmts; i++) {
            size_t start = (size_t)r.stmts[i]->stmt_location;
            theirs.at[theirs.count++] = (span){ start, start + (size_t)r.stmts[i]->stmt_len };
        }
        t->statements += ours.count;
        if (spans_agree(blanked, &ours, &theirs, true)) {
            t->same++;
        } else {
            t->different++;
            show_difference(what, blanked, len, &ours, &theirs);
        }
    }
    pg_query_free_split_result(r);
    free(blanked);
}

static void compare_generated(unsigned long count, tally *t, tally *mutated)
{
    char what[64];
    for (unsigned long i = 0; i < count; i++) {
        wb_buf b = WB_BUF(WB_TEXT_MAX);
        generate(&b);
        const char *text = wb_buf_cstr(&b);
        if (!text)
            abort();
        snprintf(what, sizeof what, "generated %lu", i);
        compare(what, text, b.len, t, false);
        char *copy = strdup(text);
        size_t len = b.len;
        for (uint32_t n = 1 + random_below(3); n > 0; n--)
            mutate(copy, &len);
        copy[len] = 0;
        snprintf(what, sizeof what, "mutated %lu", i);
        compare(what, copy, len, mutated, true);
        free(copy);
        wb_buf_done(&b);
    }
}

int main(int argc, char **argv)
{
    unsigned long count = read_arguments(argc, argv, 2000);
    tally files = { 0 }, generated = { 0 }, mutated = { 0 };
    ours.at = calloc(SPAN_MAX, sizeof(span));
    theirs.at = calloc(SPAN_MAX, sizeof(span));
    if (!ours.at || !theirs.at)
        return 1;
    for (size_t i = 0; i < found_count; i++) {
        size_t len;
        char *text = read_whole(found_files[i], &len);
        if (text && !memchr(text, 0, len))
            compare(found_files[i], text, len, &files, false);
        free(text);
    }
    compare_generated(count, &generated, &mutated);
    show_tally("files", &files);
    show_tally("generated", &generated);
    show_tally("mutated", &mutated);
    unsigned long bad = files.different + generated.different + mutated.different + generated.refused_by_them;
    printf("1..1\n%s 1 - statements end where the grammar of PostgreSQL says\n", bad ? "not ok" : "ok");
    return bad != 0;
}

#else

int main(void)
{
    puts("1..0 # SKIP libpg_query is not installed");
    return 0;
}

#endif
