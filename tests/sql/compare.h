/*
 * compare.h - what the two comparison programs share: files of a folder, random text, and the check that two splitters
 * agree. Each program brings the splitter of the database itself.
 */
#ifndef WB_TEST_SQL_COMPARE_H
#define WB_TEST_SQL_COMPARE_H

#include "sql/sql.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPAN_MAX = 200000, FILES_MAX = 20000 };

typedef struct span {
    size_t start, end;
} span;

typedef struct spans {
    span *at;
    size_t count;
    const char *text;
    char *blanked; /* a copy of the text: data of COPY becomes blanks */
} spans;

typedef struct tally {
    unsigned long texts, same, different, refused_by_both, refused_by_us, refused_by_them, statements;
} tally;

/* ---- random text ---- */

static uint64_t random_state = 88172645463325252u;

static inline uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return n ? (uint32_t)(random_state >> 11) % n : 0;
}

static inline const char *random_of(const char *const *choices, size_t count)
{
    return choices[random_below((uint32_t)count)];
}
#define RANDOM_OF(array) random_of(array, WB_COUNT(array))

/* Characters that a splitter could trip over. */
static inline void add_odd_text(wb_buf *b)
{
    static const char *const odd[] = { ";",    "--", "/*", "*/", "$", "$$",   "$a$",   "\"",
                                       "[",    "]",  "`",  "\\", "(", ")",    "end",   "begin",
                                       "case", "e",  "\n", " ",  "x", "END;", "; END", "\xC3\xA4" };
    for (uint32_t n = random_below(6); n > 0; n--)
        wb_buf_str(b, RANDOM_OF(odd));
}

static inline void add_quoted(wb_buf *b, const char *prefix, char quote, bool doubles_backslash)
{
    char text[256];
    wb_buf odd = WB_BUF(sizeof text);
    add_odd_text(&odd);
    wb_buf_str(b, prefix);
    wb_buf_char(b, quote);
    wb_buf_char(b, 'q'); /* never empty: a name must not be */
    for (size_t i = 0; i < odd.len; i++) {
        if (odd.p[i] == quote || (doubles_backslash && odd.p[i] == '\\'))
            wb_buf_char(b, odd.p[i]);
        wb_buf_char(b, odd.p[i]);
    }
    if (doubles_backslash && random_below(3) == 0)
        wb_buf_str(b, "\\'");
    wb_buf_char(b, quote);
    wb_buf_done(&odd);
}

/* White space with comments in it. */
static inline void add_gap(wb_buf *b, bool nests)
{
    static const char *const gaps[] = {
        " ", " ", " ", "\n", "\t ", "\r\n", " -- it's; x\n", " /* ; ' \" */ ", " --\n "
    };
    wb_buf_str(b, RANDOM_OF(gaps));
    if (nests && random_below(12) == 0)
        wb_buf_str(b, "/* a /* ; */ ' */ ");
}

/* Change one byte, so that most texts become wrong in some way; those that stay right must still be cut alike. */
static inline void mutate(char *text, size_t *len)
{
    static const char bytes[] = ";'\"$-/*\\ \n()eE";
    if (*len == 0)
        return;
    size_t at = random_below((uint32_t)*len);
    if (random_below(2) == 0) {
        memmove(text + at, text + at + 1, *len - at - 1);
        (*len)--;
    } else {
        text[at] = bytes[random_below(sizeof bytes - 1)];
    }
}

/* ---- files ---- */

static char *found_files[FILES_MAX];
static size_t found_count;

static inline int note_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    size_t len = strlen(path);
    if (kind == FTW_F && len > 4 && strcmp(path + len - 4, ".sql") == 0 && found_count < FILES_MAX)
        found_files[found_count++] = strdup(path);
    return 0;
}

static inline int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static inline void find_files(const char *dir)
{
    nftw(dir, note_file, 16, FTW_PHYS);
    qsort(found_files, found_count, sizeof *found_files, compare_names);
}

static inline char *read_whole(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    char *text = malloc((size_t)1 << 24);
    *len = text ? fread(text, 1, ((size_t)1 << 24) - 1, f) : 0;
    fclose(f);
    if (text)
        text[*len] = 0;
    return text;
}

/* [-n COUNT] [-s SEED] FOLDER...: finds the files; returns how many random texts to make. */
static inline unsigned long read_arguments(int argc, char **argv, unsigned long count)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
            count = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc)
            random_state = strtoull(argv[++i], NULL, 10) | 1;
        else
            find_files(argv[i]);
    }
    return count;
}

/* ---- our own statements ---- */

static inline int note_span(void *user, const wb_statement *st)
{
    spans *s = user;
    if (s->count == SPAN_MAX)
        abort();
    s->at[s->count++] = (span){ st->offset, st->offset + st->len };
    if (s->blanked && st->has_copy_data) {
        char *p = s->blanked + st->copy_offset;
        for (size_t i = 0; i < st->copy_len + 2; i++)
            p[i] = p[i] == '\n' ? '\n' : ' ';
    }
    return 0;
}

/* Behind the white space and comments at p. Written apart from our lexer on purpose. */
static inline size_t behind_gap(const char *text, size_t p, size_t end, bool nests)
{
    for (;;) {
        if (p < end && strchr(" \t\n\r\f\v", text[p]) && text[p]) {
            p++;
        } else if (p + 3 <= end && memcmp(text + p, "\xEF\xBB\xBF", 3) == 0) {
            p += 3;
        } else if (p + 2 <= end && text[p] == '-' && text[p + 1] == '-') {
            while (p < end && text[p] != '\n')
                p++;
        } else if (p + 2 <= end && text[p] == '/' && text[p + 1] == '*') {
            int depth = 0;
            do {
                if (p + 2 <= end && text[p] == '/' && text[p + 1] == '*' && (nests || depth == 0)) {
                    depth++;
                    p += 2;
                } else if (p + 2 <= end && text[p] == '*' && text[p + 1] == '/') {
                    depth--;
                    p += 2;
                } else {
                    p++;
                }
            } while (depth > 0 && p < end);
        } else {
            return p;
        }
    }
}

/* Theirs may have comments at both ends, ours never. */
static inline bool spans_agree(const char *text, const spans *ours, const spans *theirs, bool nests)
{
    if (ours->count != theirs->count)
        return false;
    for (size_t i = 0; i < ours->count; i++) {
        span a = ours->at[i], b = theirs->at[i];
        if (behind_gap(text, b.start, b.end, nests) != a.start || a.end > b.end)
            return false;
        if (behind_gap(text, a.end, b.end, nests) != b.end)
            return false;
    }
    return true;
}

static inline void show_difference(const char *what, const char *text, size_t len, const spans *ours,
                                   const spans *theirs)
{
    printf("# %s: %zu statements, the database has %zu\n", what, ours->count, theirs->count);
    for (size_t i = 0; i < ours->count && i < theirs->count; i++) {
        if (ours->at[i].end != theirs->at[i].end) {
            printf("#   statement %zu: ours %zu-%zu, theirs %zu-%zu\n", i + 1, ours->at[i].start, ours->at[i].end,
                   theirs->at[i].start, theirs->at[i].end);
            break;
        }
    }
    if (len < 2000)
        printf("# ---\n%.*s\n# ---\n", (int)len, text);
}

static inline void show_tally(const char *what, const tally *t)
{
    printf("# %s: %lu texts, %lu statements: %lu the same, %lu different; refused by both %lu, by us only %lu, by the "
           "database only %lu\n",
           what, t->texts, t->statements, t->same, t->different, t->refused_by_both, t->refused_by_us,
           t->refused_by_them);
}

#endif
