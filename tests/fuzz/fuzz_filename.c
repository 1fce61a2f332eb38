/* fuzz_filename.c - file names, versions and the markers of single files. */
#include <assert.h>
#include <stdlib.h>

#include "source/parts.h"

static const char *canonical(const char *word)
{
    return strcmp(word, "postgres") == 0 ? "postgres" : strcmp(word, "sqlite3") == 0 ? "sqlite" : NULL;
}

static void check_slice(wb_str s, const char *text, size_t len)
{
    if (s.len && (s.p < text || s.p + s.len > text + len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WB_AUTOFREE char *text = wb_alloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);

    wb_name n = wb_name_parse(text, canonical);
    size_t len = strlen(text);
    check_slice(n.version, text, len);
    check_slice(n.title, text, len);
    if (n.kind == WB_NAME_PAIR || n.kind == WB_NAME_SINGLE) {
        WB_AUTOARENA wb_arena mem = { 0 };
        const char *key = wb_version_key(&mem, WB_ORDER_NUMERIC, n.version.p, n.version.len);
        char *written = wb_arena_str(&mem, n.version.p, n.version.len);
        if (key && written &&
            (!wb_version_valid(WB_ORDER_NUMERIC, key) || wb_version_cmp(WB_ORDER_NUMERIC, key, written) != 0 ||
             (key[0] == '0' && key[1])))
            abort();
    }
    (void)wb_version_valid(WB_ORDER_DOTTED, text);
    if (wb_version_cmp(WB_ORDER_DOTTED, text, text) != 0)
        abort();

    wb_single s = wb_single_split(text, size); /* may hold NUL bytes */
    if (s.up_offset + s.up_len > size || s.down_offset + s.down_len > size)
        abort();
    if (!s.fault && s.has_down && s.up_offset + s.up_len > s.down_offset)
        abort();
    return 0;
}
