/*
 * diff.c - what changed in a file after it was applied, in a few lines.
 *
 * For a finding, not for a patch program: removed and added lines without context. Equal beginnings and ends are
 * taken off first; what is left is compared by longest common subsequence while it is small, else shown as removed
 * and added as a whole. The table of the subsequence is bounded, so a script of 50 MB costs a scan and no more. Owns
 * nothing.
 */
#include "plan/parts.h"

#include <string.h>

enum { LINES_SHOWN = 40, LINE_BYTES_SHOWN = 160, LCS_LINES_MAX = 2000 };

typedef struct text {
    wb_str *lines;
    size_t count, cap;
} text;

typedef struct differ {
    wb_buf out;
    size_t shown, hidden;
} differ;

/* Lines without their ends; CR LF is LF. */
static bool split_lines(wb_arena *mem, wb_str s, text *out)
{
    const char *p = s.p, *end = s.p + s.len;
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        size_t len = (size_t)(stop - p);
        if (len && p[len - 1] == '\r')
            len--;
        wb_str *line = WB_PUSH(mem, out->lines, out->count, out->cap);
        if (!line)
            return false;
        *line = (wb_str){ p, len };
        p = nl ? nl + 1 : end;
    }
    return true;
}

static void show(differ *d, char sign, wb_str line)
{
    if (d->shown == LINES_SHOWN) {
        d->hidden++;
        return;
    }
    d->shown++;
    size_t n = wb_utf8_cut(line.p, line.len, LINE_BYTES_SHOWN);
    wb_buf_char(&d->out, sign);
    wb_buf_char(&d->out, ' ');
    wb_buf_add(&d->out, line.p, n);
    wb_buf_str(&d->out, n < line.len ? "...\n" : "\n");
}

static void show_all(differ *d, const wb_str *a, size_t n, const wb_str *b, size_t m)
{
    for (size_t i = 0; i < n; i++)
        show(d, '-', a[i]);
    for (size_t j = 0; j < m; j++)
        show(d, '+', b[j]);
}

/* length[i * (m + 1) + j]: of the longest common subsequence of a[i..] and b[j..]; at most 2,000 * 2,000 of 2 bytes. */
static bool compare(wb_arena *mem, differ *d, const wb_str *a, size_t n, const wb_str *b, size_t m)
{
    uint16_t *length = wb_arena_get(mem, (n + 1) * (m + 1) * sizeof *length);
    if (!length)
        return false;
    for (size_t i = n; i-- > 0;)
        for (size_t j = m; j-- > 0;) {
            uint16_t *here = &length[i * (m + 1) + j];
            uint16_t below = here[m + 1], right = here[1];
            *here = wb_str_same(a[i], b[j]) ? (uint16_t)(here[m + 2] + 1) : below > right ? below : right;
        }
    size_t i = 0, j = 0;
    while (i < n || j < m) {
        const uint16_t *here = &length[i * (m + 1) + j];
        if (i < n && j < m && wb_str_same(a[i], b[j])) {
            i++;
            j++;
        } else if (j == m || (i < n && here[m + 1] >= here[1])) {
            show(d, '-', a[i++]);
        } else {
            show(d, '+', b[j++]);
        }
    }
    return true;
}

const char *wb_text_diff(wb_arena *mem, wb_str before, wb_str after)
{
    WB_AUTOARENA wb_arena scratch = { NULL };
    text a = { 0 }, b = { 0 };
    if (!split_lines(&scratch, before, &a) || !split_lines(&scratch, after, &b))
        return NULL;
    size_t first = 0, n = a.count, m = b.count;
    while (first < n && first < m && wb_str_same(a.lines[first], b.lines[first]))
        first++;
    while (n > first && m > first && wb_str_same(a.lines[n - 1], b.lines[m - 1])) {
        n--;
        m--;
    }
    n -= first;
    m -= first;
    const wb_str *old = n ? a.lines + first : NULL, *new = m ? b.lines + first : NULL;
    differ d = { .out = WB_BUF(WB_TEXT_MAX) };
    bool is_good = true;
    if (n && m && n <= LCS_LINES_MAX && m <= LCS_LINES_MAX)
        is_good = compare(&scratch, &d, old, n, new, m);
    else
        show_all(&d, old, n, new, m);
    if (d.hidden)
        wb_buf_addf(&d.out, "... and %zu more lines\n", d.hidden);
    const char *shown = is_good ? wb_buf_cstr(&d.out) : NULL, *kept = shown ? wb_arena_dup(mem, shown) : NULL;
    wb_buf_done(&d.out);
    return kept;
}
