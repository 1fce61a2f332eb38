/* fuzz_url.c - any bytes as a database URL: no crash, and a password that was found is not in what may be shown. */
#include "util/util.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    WB_AUTOARENA wb_arena mem = { 0 };
    wbl_error err = { 0 };
    wb_ctx cx = { .err = &err };
    wb_url url;
    char *text = wb_arena_str(&mem, (const char *)data, size);
    if (!text || wb_url_parse(&cx, &mem, text, &url) != 0)
        return 0;
    if (url.password && strlen(url.password) > 8 && strchr(url.password, '%') == NULL) {
        const char *first = strstr(text, url.password), *again = first ? strstr(first + 1, url.password) : NULL;
        if (first && !again && strstr(url.shown, url.password))
            abort();
    }
    return 0;
}
