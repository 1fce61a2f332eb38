/*
 * version.c - versions are text with an order, since 20-digit ones exist and no integer holds them all.
 *
 * A key is the canonical spelling that is compared and stored; the written form stays for display. Pure, owns nothing.
 */
#include "source/parts.h"

static size_t skip_zeros(const char *s, size_t len)
{
    size_t i = 0;
    while (i + 1 < len && s[i] == '0')
        i++;
    return i;
}

static int digits_cmp(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t i = skip_zeros(a, a_len), j = skip_zeros(b, b_len);
    a_len -= i;
    b_len -= j;
    if (a_len != b_len)
        return a_len < b_len ? -1 : 1;
    return memcmp(a + i, b + j, a_len);
}

/* Part by part; a part that is missing counts as 0, so that 1 and 1.0 are the same version. */
static int dotted_cmp(const char *a, const char *b)
{
    while (*a || *b) {
        size_t n = strcspn(a, "._"), m = strcspn(b, "._");
        int order = digits_cmp(n ? a : "0", n ? n : 1, m ? b : "0", m ? m : 1);
        if (order != 0)
            return order;
        a += n + (a[n] != 0);
        b += m + (b[m] != 0);
    }
    return 0;
}

int wb_version_cmp(wb_order order, const char *a, const char *b)
{
    switch (order) {
    case WB_ORDER_NUMERIC: return digits_cmp(a, strlen(a), b, strlen(b));
    case WB_ORDER_DOTTED: return dotted_cmp(a, b);
    case WB_ORDER_BYTES: break;
    }
    return strcmp(a, b);
}

const char *wb_version_key(wb_arena *mem, wb_order order, const char *written, size_t len)
{
    size_t skip = order == WB_ORDER_NUMERIC ? skip_zeros(written, len) : 0;
    return wb_arena_str(mem, written + skip, len - skip);
}

bool wb_version_valid(wb_order order, const char *written)
{
    size_t len = strlen(written);
    if (order == WB_ORDER_BYTES)
        return len > 0 && wb_is_clean(written);
    for (size_t i = 0; i < len; i++) {
        bool is_separator = written[i] == '.' || written[i] == '_';
        bool is_inside = i > 0 && i + 1 < len && wb_is_digit(written[i - 1]);
        if (!wb_is_digit(written[i]) && (order == WB_ORDER_NUMERIC || !is_separator || !is_inside))
            return false;
    }
    return len > 0;
}
