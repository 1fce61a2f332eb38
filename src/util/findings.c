/*
 * findings.c - a list of warnings and errors that are told together, so that a person mends them in one go.
 */
#include "util/util.h"

wbl_finding *wb_finding_add(wb_ctx *cx, wb_findings *list, int severity, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = wb_arena_vfmt(list->mem, fmt, ap);
    va_end(ap);
    wbl_finding *f = text ? WB_PUSH(list->mem, list->items, list->count, list->cap) : NULL;
    if (!f) {
        (void)wb_nomem(cx);
        return NULL;
    }
    *f = (wbl_finding){ .severity = severity, .code = code, .message = text };
    list->errors += severity == WBL_ERROR;
    return f;
}
