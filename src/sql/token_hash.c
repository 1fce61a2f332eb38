/*
 * token_hash.c - a checksum that an edit of comments or white space keeps.
 *
 * The splitter shows what is a statement and what is data of COPY, so that a dash in the data is never taken for a
 * comment. Each token goes into the hash with its length before it: no two streams give the same bytes. Carriage
 * returns before a line end are left out, as everywhere.
 */
#include "sql/lex.h"

#include <string.h>

typedef struct hasher {
    const wb_sql_options *options;
    const char *text;
    wb_sha256 sha;
    size_t done; /* everything before this is hashed */
    bool has_cr;
    wb_token_mark_fn mark; /* NULL: nobody asks for the statements */
    void *user;
    size_t len;
    uint8_t room[4096]; /* many tokens are short; the hash likes blocks */
} hasher;

static void flush(hasher *h)
{
    wb_sha256_add(&h->sha, h->room, h->len);
    h->len = 0;
}

static void add_bytes(hasher *h, const char *p, size_t len)
{
    if (len > sizeof h->room - h->len)
        flush(h);
    if (len > sizeof h->room) {
        wb_sha256_add(&h->sha, p, len);
        return;
    }
    memcpy(h->room + h->len, p, len);
    h->len += len;
}

/* Seven bits a byte, the lowest first: no length is the beginning of another one. */
static void add_length(hasher *h, size_t len)
{
    uint8_t bytes[10];
    size_t n = 0;
    do {
        bytes[n++] = (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
        len >>= 7;
    } while (len > 0);
    add_bytes(h, (const char *)bytes, n);
}

/* The next \r\n in [p, end), or NULL. */
static const char *next_crlf(const char *p, const char *end)
{
    while (p < end && (p = memchr(p, '\r', (size_t)(end - p)))) {
        if (end - p > 1 && p[1] == '\n')
            return p;
        p++;
    }
    return NULL;
}

static void add_token(hasher *h, const char *p, size_t len)
{
    const char *end = p + len, *crlf = NULL;
    size_t dropped = 0;
    if (h->has_cr) {
        for (crlf = next_crlf(p, end); crlf; crlf = next_crlf(crlf + 1, end))
            dropped++;
    }
    add_length(h, len - dropped);
    for (; dropped > 0; dropped--) {
        crlf = next_crlf(p, end);
        add_bytes(h, p, (size_t)(crlf - p));
        p = crlf + 1;
    }
    add_bytes(h, p, (size_t)(end - p));
}

/* The hash as if the text ended here; it goes on afterwards. */
static void tell_mark(hasher *h)
{
    wb_token_mark m = { .end = h->done };
    flush(h);
    wb_sha256 copy = h->sha;
    wb_sha256_end(&copy, m.digest);
    h->mark(h->user, &m);
}

static int add_statement(void *user, const wb_statement *st)
{
    hasher *h = user;
    wb_lexer l;
    wb_lex_start(&l, h->options, h->text + st->offset, st->len);
    for (;;) {
        wb_token t = wb_lex_next(&l);
        if (t.kind == WB_TOK_END)
            break;
        if (t.kind == WB_TOK_FAULT || t.kind == WB_TOK_CLIENT) { /* only where a DELIMITER was in force */
            add_token(h, l.p, (size_t)(l.end - l.p));
            break;
        }
        add_token(h, t.p, t.len);
    }
    add_token(h, ";", 1);
    h->done = st->offset + st->len;
    if (st->has_copy_data) {
        add_token(h, h->text + st->copy_offset, st->copy_len);
        h->done = st->copy_offset + st->copy_len;
    }
    if (h->mark)
        tell_mark(h);
    return 0;
}

static void hash_text(const wb_sql_options *options, hasher *h, size_t len)
{
    wb_ctx cx = { 0 };
    wb_sql_options any_server = *options; /* the same text has the same checksum on every server */
    any_server.server_version = WB_VERSION_NONE;
    any_server.is_mariadb = false;
    h->options = &any_server;
    h->has_cr = len > 0 && memchr(h->text, '\r', len);
    wb_sha256_start(&h->sha);
    if (wb_split(&cx, &any_server, h->text, len, false, add_statement, h) != 0)
        add_token(h, h->text + h->done, len - h->done);
    flush(h);
}

void wb_sql_token_hash(const wb_sql_options *options, const char *text, size_t len, char out[65])
{
    hasher h = { .text = text };
    uint8_t digest[32];
    hash_text(options, &h, len);
    wb_sha256_end(&h.sha, digest);
    wb_hex(digest, sizeof digest, out);
}

void wb_sql_token_marks(const wb_sql_options *options, const char *text, size_t len, wb_token_mark_fn fn, void *user)
{
    hasher h = { .text = text, .mark = fn, .user = user };
    hash_text(options, &h, len);
}

typedef struct wanted {
    size_t end;
    bool is_found;
    char *out;
} wanted;

static void take_mark(void *user, const wb_token_mark *m)
{
    wanted *w = user;
    if (m->end != w->end)
        return;
    wb_hex(m->digest, sizeof m->digest, w->out);
    w->is_found = true;
}

/* Where versioned comments make the statements end elsewhere for another server there is no mark. */
void wb_sql_token_hash_to(const wb_sql_options *options, const char *text, size_t len, size_t end, char out[65])
{
    wanted w = { .end = end, .out = out };
    wb_sql_token_marks(options, text, len, take_mark, &w);
    if (!w.is_found)
        wb_sql_token_hash(options, text, end, out);
}
