/*
 * error.c - fill the error of a call.
 *
 * The error is a plain value that the caller owns, so nothing here allocates and everything works when memory is gone.
 * A field that is too small gets a cut text, cut between characters: a reader must never see half a letter.
 * Owns nothing.
 */
#include "util/util.h"

#include <stdio.h>
#include <string.h>

void wb_copy_text(char *to, size_t size, const char *from, size_t len)
{
    if (size == 0)
        return;
    size_t n = wb_utf8_cut(from, len, size - 1);
    if (n)
        memmove(to, from, n);
    to[n] = 0;
}

void wb_error_clear(wbl_error *err)
{
    if (!err)
        return;
    uint32_t version = err->version; /* belongs to the caller */
    memset(err, 0, sizeof *err);
    err->version = version;
}

/* A message is one line of UTF-8, whatever a server or a file name put into it. */
static void make_one_line(char *s)
{
    size_t len = strlen(s), bad = 0;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7F)
            s[i] = ' ';
    while (len && s[len - 1] == ' ')
        s[--len] = 0;
    while (!wb_utf8_valid(s, len, &bad))
        s[bad] = '?';
}

int wb_fail(wb_ctx *cx, int code, int effect, const char *fmt, ...)
{
    wbl_error *err = cx->err;
    if (!err)
        return code;
    char text[2 * sizeof err->message]; /* an argument may point into err, so the old text stays until it was read */
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof text, fmt, ap) < 0)
        text[0] = 0;
    va_end(ap);
    wb_error_clear(err);
    err->code = code;
    err->effect = (uint8_t)effect;
    wb_copy_text(err->message, sizeof err->message, text, strlen(text));
    make_one_line(err->message);
    return code;
}

/* Effect none is right where memory runs out before anything was sent; a caller in the middle of a run sets it anew. */
int wb_nomem(wb_ctx *cx) { return wb_fail(cx, WBL_E_NOMEM, WBL_EFFECT_NONE, "out of memory"); }

void wb_hint(wb_ctx *cx, const char *fmt, ...)
{
    if (!cx->err)
        return;
    char text[2 * sizeof cx->err->hint];
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof text, fmt, ap) < 0)
        text[0] = 0;
    va_end(ap);
    wb_copy_text(cx->err->hint, sizeof cx->err->hint, text, strlen(text));
}

void wb_at(wb_ctx *cx, const char *file, uint32_t line, uint32_t column)
{
    wbl_error *err = cx->err;
    if (!err)
        return;
    err->line = line;
    err->column = column;
    if (!file)
        return;
    size_t len = strlen(file), room = sizeof err->file - 1;
    if (len <= room) {
        wb_copy_text(err->file, sizeof err->file, file, len);
        return;
    }
    const char *tail = file + (len - (room - 3));
    while (((unsigned char)*tail & 0xC0) == 0x80)
        tail++;
    snprintf(err->file, sizeof err->file, "...%s", tail);
}
