/*
 * findings.c - a list of warnings and errors that are told together, so that a person mends them in one go.
 */
#include "util/util.h"

#include <stdio.h>

wbl_finding *wb_finding_add(wb_ctx *cx, wb_findings *list, int severity, const char *code, const char *fmt, ...)
{
    wbl_finding *f = WB_PUSH(list->mem, list->items, list->count, list->cap);
    va_list ap;
    va_start(ap, fmt);
    int n = f ? vsnprintf(NULL, 0, fmt, ap) : -1;
    va_end(ap);
    char *text = n < 0 ? NULL : wb_arena_get(list->mem, (size_t)n + 1);
    if (!text) {
        list->count -= f != NULL;
        (void)wb_nomem(cx);
        return NULL;
    }
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    *f = (wbl_finding){ .severity = severity, .code = code, .message = text };
    list->errors += severity == WBL_ERROR;
    return f;
}
