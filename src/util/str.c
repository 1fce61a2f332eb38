/*
 * str.c - byte slices, UTF-8, "did you mean", durations and JSON text.
 *
 * Everything here is pure and works on borrowed bytes; only wb_buf_json() writes, into a bounded buffer of alloc.c.
 * Character classes are ASCII on purpose: the locale belongs to the host program.
 * Owns nothing. Facts: RFC 3629 for UTF-8 (no surrogates, no overlong forms), RFC 8259 for JSON strings.
 */
#include "util/util.h"

#include <string.h>

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }
static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

bool wb_str_eq(wb_str a, const char *b)
{
    size_t n = strlen(b);
    return a.len == n && (n == 0 || memcmp(a.p, b, n) == 0);
}

bool wb_str_ieq(wb_str a, const char *b)
{
    if (a.len != strlen(b))
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.p[i]) != lower(b[i]))
            return false;
    return true;
}

bool wb_str_same(wb_str a, wb_str b) { return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0); }

wb_str wb_str_trim(wb_str s)
{
    while (s.len && is_blank(s.p[s.len - 1]))
        s.len--;
    while (s.len && is_blank(*s.p)) {
        s.p++;
        s.len--;
    }
    return s;
}

bool wb_starts(const char *s, const char *prefix) { return strncmp(s, prefix, strlen(prefix)) == 0; }

bool wb_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

int wb_strcmp_null(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

/* ---- UTF-8 ---- */

size_t wb_utf8_step(const char *p, size_t len)
{
    const unsigned char *s = (const unsigned char *)p;
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
               : s[0] >= 0xE0 && s[0] <= 0xEF ? 3
               : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                              : 0;
    if (n == 0 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    bool is_overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool is_surrogate = s[0] == 0xED && s[1] > 0x9F;
    bool is_too_high = s[0] == 0xF4 && s[1] > 0x8F;
    return is_overlong || is_surrogate || is_too_high ? 0 : n;
}

bool wb_utf8_valid(const char *p, size_t len, size_t *bad_at)
{
    for (size_t i = 0; i < len;) {
        size_t n = wb_utf8_step(p + i, len - i);
        if (n == 0) {
            if (bad_at)
                *bad_at = i;
            return false;
        }
        i += n;
    }
    return true;
}

/* The others would break messages, or a database refuses to store them. */
bool wb_is_clean(const char *s)
{
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return false;
    return wb_utf8_valid(s, strlen(s), NULL);
}

size_t wb_utf8_cut(const char *p, size_t len, size_t max)
{
    if (len <= max)
        return len;
    /* At most three bytes back, else the text is not UTF-8 and any cut is as good as another. */
    for (size_t back = 0; back < 4 && back <= max; back++)
        if (((unsigned char)p[max - back] & 0xC0) != 0x80)
            return max - back;
    return max;
}

/* ---- did you mean ---- */

#define WORD_MAX 32

/* Optimal string alignment: a swap of two neighbours counts as one, since that is how people mistype. */
unsigned wb_edit_distance(const char *a, const char *b)
{
    unsigned rows[3][WORD_MAX + 1];
    size_t n = strnlen(a, WORD_MAX), m = strnlen(b, WORD_MAX);
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            bool is_same = lower(a[i - 1]) == lower(b[j - 1]);
            unsigned best = above[j - 1] + !is_same;
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]) &&
                above2[j - 2] + 1 < best)
                best = above2[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *wb_nearest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t len = strnlen(word, WORD_MAX);
    unsigned limit = len < 3 ? 1 : (unsigned)(len + 2) / 3, best_distance = limit + 1;
    for (size_t i = 0; i < count; i++) {
        if (!names[i])
            continue;
        unsigned d = wb_edit_distance(word, names[i]);
        if (d < best_distance && d < len) { /* d == len: nothing of the word is left, that is no likeness */
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}

/* ---- durations ---- */

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };

static int64_t unit_ms(const char **s)
{
    size_t n = 0;
    while ((*s)[n] >= 'a' && (*s)[n] <= 'z')
        n++;
    for (size_t i = 0; i < WB_COUNT(units); i++)
        if (wb_str_eq((wb_str){ *s, n }, units[i].name)) {
            *s += n;
            return units[i].ms;
        }
    return 0;
}

/* One number and its unit, such as 1.5s. Nine digits keep every product far from the end of int64_t. */
static int parse_part(const char **s, int64_t *out_ms)
{
    int64_t whole = 0, fraction = 0, scale = 1;
    int digit_count = 0;
    for (; **s >= '0' && **s <= '9'; (*s)++, digit_count++)
        if ((whole = whole * 10 + (**s - '0')) > 999999999)
            return -1;
    if (**s == '.')
        for ((*s)++; **s >= '0' && **s <= '9'; (*s)++, digit_count++)
            if (scale < 1000000) { /* finer than a microsecond is not kept */
                fraction = fraction * 10 + (**s - '0');
                scale *= 10;
            }
    int64_t ms = digit_count ? unit_ms(s) : 0;
    if (ms == 0)
        return -1;
    *out_ms = whole * ms + fraction * ms / scale;
    return 0;
}

int wb_parse_duration(const char *s, int64_t *out_ms)
{
    if (strcmp(s, "0") == 0) {
        *out_ms = 0;
        return 0;
    }
    if (*s == 0)
        return -1;
    int64_t sum = 0, part;
    for (int parts = 0; *s; parts++) {
        if (parts == (int)WB_COUNT(units) || parse_part(&s, &part) != 0)
            return -1;
        sum += part;
    }
    *out_ms = sum;
    return 0;
}

/* ---- JSON ---- */

static void json_escape(wb_buf *b, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        char two[2] = { '\\', to[at - from] };
        wb_buf_add(b, two, 2);
    } else {
        char six[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };
        wb_buf_add(b, six, 6);
    }
}

void wb_buf_json(wb_buf *b, const char *s, size_t n)
{
    wb_buf_char(b, '"');
    size_t done = 0; /* s[done..i) is fine as it is and not yet copied */
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        size_t step = wb_utf8_step(s + i, n - i);
        if (step != 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) {
            i += step;
            continue;
        }
        wb_buf_add(b, s + done, i - done);
        if (step == 0)
            wb_buf_str(b, "\xEF\xBF\xBD");
        else
            json_escape(b, c);
        done = ++i;
    }
    wb_buf_add(b, s + done, n - done);
    wb_buf_char(b, '"');
}
