/*
 * script.c - open, check and hash the text of a script.
 *
 * The text is kept byte for byte, because that is what the server gets; only a byte-order mark is left out. The
 * checksum is taken over LF line ends, so that a checkout on another system never counts as an edit. A part of a
 * single file is found anew at each load: the file may have changed since the scan.
 * A loaded script owns its text until wb_script_release().
 */
#include "source/parts.h"

static bool is_bom(const char *text, size_t len) { return len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0; }

void wb_text_sha256(const char *text, size_t len, char out[65])
{
    wb_sha256 h;
    uint8_t digest[32];
    wb_sha256_start(&h);
    const char *at = text, *end = text + len;
    if (is_bom(text, len))
        at += 3;
    for (const char *from = at; from < end;) { /* [at, from) is hashed with the next piece */
        const char *cr = memchr(from, '\r', (size_t)(end - from));
        if (!cr)
            break;
        from = cr + 1;
        if (from < end && *from == '\n') {
            wb_sha256_add(&h, at, (size_t)(cr - at));
            at = from;
        }
    }
    wb_sha256_add(&h, at, (size_t)(end - at));
    wb_sha256_end(&h, digest);
    wb_hex(digest, 32, out);
}

/* ---- the checks ---- */

/* The first byte that is no UTF-8, or len. Almost all text is ASCII, so that is passed eight bytes at a time. */
static size_t find_bad_utf8(const char *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint64_t word;
        while (i + 8 <= len && (memcpy(&word, p + i, 8), (word & UINT64_C(0x8080808080808080)) == 0))
            i += 8;
        while (i < len && (p[i] & 0x80) == 0)
            i++;
        size_t end = i, bad;
        while (end < len && (p[end] & 0x80) != 0)
            end++;
        if (end > i && !wb_utf8_valid(p + i, end - i, &bad))
            return i + bad;
        i = end;
    }
    return len;
}

static int fail_byte(wb_ctx *cx, const wb_script *s, size_t at)
{
    uint32_t line, column;
    unsigned char byte = (unsigned char)s->text[at];
    wb_text_place(s->text, s->len, at, s->first_line, &line, &column);
    if (byte == 0)
        wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the script holds a NUL byte");
    else
        wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the script is not UTF-8: byte 0x%02X", byte);
    wb_hint(cx, byte == 0 ? "Save the file as UTF-8; it may be UTF-16." : "Save the file as UTF-8.");
    wb_at(cx, s->shown, line, column);
    return WBL_E_INVALID;
}

static int check_text(wb_ctx *cx, const wb_script *s)
{
    const char *nul = s->len ? memchr(s->text, 0, s->len) : NULL;
    size_t bad = find_bad_utf8(s->text, s->len);
    if (nul && (size_t)(nul - s->text) < bad)
        bad = (size_t)(nul - s->text);
    return bad == s->len ? 0 : fail_byte(cx, s, bad);
}

/* ---- reading ---- */

static uint32_t count_lines(const char *p, size_t len)
{
    uint32_t count = 0;
    for (const char *end = p + len; p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        count++;
    return count;
}

/* Which slice of the file is the script. */
static int find_part(wb_ctx *cx, const char *text, size_t len, wb_script *s, bool is_down)
{
    wb_single parts = wb_single_split(text, len);
    if (parts.fault) {
        wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "%s", parts.fault);
        wb_at(cx, s->shown, parts.fault_line, 1);
        return WBL_E_INVALID;
    }
    if (is_down && !parts.has_down) {
        wb_fail(cx, WBL_E_INVALID, WBL_EFFECT_NONE, "the down part of %s is gone", s->shown);
        wb_at(cx, s->shown, 0, 0);
        return WBL_E_INVALID;
    }
    s->part_offset = is_down ? parts.down_offset : parts.up_offset;
    s->part_len = is_down ? parts.down_len : parts.up_len;
    return 0;
}

/* Reads into the buffer and sets text, len and first_line of *s, which the caller made as a copy. */
static int read_text(wb_ctx *cx, const wb_migration *m, wb_script *s, bool is_down, wb_buf *buf)
{
    int rc = wb_file_read(cx, m->dir_fd, s->path, s->shown, buf);
    if (rc == 0 && s->is_part)
        rc = find_part(cx, buf->p, buf->len, s, is_down);
    if (rc != 0)
        return rc;
    size_t start = is_bom(buf->p, buf->len) ? 3 : 0, end = buf->len;
    if (s->is_part) {
        start = s->part_offset;
        end = s->part_offset + s->part_len;
    }
    s->first_line = 1 + count_lines(buf->p, start);
    s->text = buf->p + start;
    s->len = end - start;
    buf->p[end] = 0; /* the marker line of the other part begins here */
    rc = check_text(cx, s);
    if (rc == 0)
        wb_text_sha256(s->text, s->len, s->sha256);
    return rc;
}

/* Memory: the text is the program's own. Code has none. */
static int check_memory(wb_ctx *cx, wb_script *s)
{
    if (s->text) {
        if (is_bom(s->text, s->len)) {
            s->text += 3;
            s->len -= 3;
        }
        if (s->first_line == 0)
            s->first_line = 1;
        int rc = check_text(cx, s);
        if (rc != 0)
            return rc;
        wb_text_sha256(s->text, s->len, s->sha256);
    }
    s->is_loaded = true;
    return 0;
}

int wb_script_load(wb_ctx *cx, wb_migration *m, wb_script *s)
{
    if (s->is_loaded || !s->exists)
        return 0;
    if (!s->path)
        return check_memory(cx, s);
    WB_AUTOBUF wb_buf buf = WB_BUF(WB_FILE_SIZE_MAX);
    wb_script loaded = *s;
    int rc = read_text(cx, m, &loaded, s == &m->down, &buf);
    if (rc != 0)
        return rc;
    *s = loaded;
    s->owned = WB_STEAL(buf.p);
    s->is_loaded = true;
    return 0;
}

int wb_script_hash(wb_ctx *cx, wb_migration *m, wb_script *s, wb_buf *scratch)
{
    if (s->sha256[0] || !s->exists)
        return 0;
    if (!s->path)
        return check_memory(cx, s);
    wb_script seen = *s;
    int rc = read_text(cx, m, &seen, s == &m->down, scratch);
    if (rc == 0)
        memcpy(s->sha256, seen.sha256, sizeof s->sha256);
    return rc;
}

void wb_script_release(wb_script *s)
{
    if (!s->owned)
        return; /* not loaded, or the text of the program that added it */
    wb_free(s->owned);
    s->owned = NULL;
    s->text = NULL;
    s->len = 0;
    s->is_loaded = false;
    s->info = NULL;
}

/* The names of up and down file may differ in it, so the file's own name is asked, and the migration only in memory. */
static bool is_autocommit(const wb_migration *m, const wb_script *s)
{
    if (!s->path)
        return m->no_transaction;
    const char *slash = strrchr(s->path, '/');
    /* Without the words that are databases ".autocommit." is found all the same, only at another place. */
    return wb_name_parse(slash ? slash + 1 : s->path, NULL).is_autocommit;
}

int wb_script_read(wb_ctx *cx, wb_arena *mem, const wb_sql_options *opt, wb_migration *m, wb_script *s)
{
    if (s->info || !s->text)
        return 0;
    wb_sql_options own = *opt;
    own.first_line = s->first_line;
    wb_script_info *info = wb_arena_get(mem, sizeof *info);
    if (!info)
        return wb_nomem(cx);
    *info = (wb_script_info){ .directives = { .lock_timeout_ms = -1, .statement_timeout_ms = -1 } };
    int rc = wb_directives_read(cx, mem, &own, s->text, s->len, &info->directives);
    if (rc == 0)
        rc = wb_script_scan(cx, &own, s->text, s->len, &info->facts);
    if (rc != 0) {
        if (cx->err && !cx->err->file[0])
            wb_at(cx, s->shown, cx->err->line, cx->err->column);
        return rc;
    }
    info->directives.no_transaction = info->directives.no_transaction || is_autocommit(m, s);
    wb_sql_token_hash(&own, s->text, s->len, info->tokens);
    s->info = info;
    return 0;
}
