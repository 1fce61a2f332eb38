/*
 * alloc.c - the one allocator, the arena and the bounded buffer.
 *
 * Every allocation of the library passes wb_alloc, so that a test can fail each one in turn and a host program can
 * bring its own allocator. The counters are the only writable globals besides the allocator itself; they are plain
 * thread-local numbers that only tests read.
 */
#include "util/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *default_alloc(size_t n) { return malloc(n); }
static void default_release(void *p) { free(p); }
static void *(*alloc_hook)(size_t) = default_alloc;
static void (*release_hook)(void *) = default_release;
/* initial-exec: a few bytes that the loader has in store, also for a module that is opened late. Otherwise LeakSanitizer takes
   a wrong guess at where such a module's variables are, and dies of it. */
static _Thread_local long made __attribute__((tls_model("initial-exec")));
static _Thread_local long fail_at __attribute__((tls_model("initial-exec")));
static _Thread_local long live __attribute__((tls_model("initial-exec")));

void wb_alloc_set(void *(*alloc)(size_t), void (*release)(void *))
{
    alloc_hook = alloc;
    release_hook = release;
}

long wb_alloc_fail_at(long k)
{
    long was = made;
    made = 0;
    fail_at = k;
    return was;
}

long wb_alloc_live(void) { return live; }

static void *raw_alloc(size_t n)
{
    if (++made == fail_at)
        return NULL;
    void *p = alloc_hook(n ? n : 1);
    live += p != NULL;
    return p;
}

/* Large fresh memory of the system is zero already: pages that nobody uses then cost nothing. */
void *wb_alloc(size_t n)
{
    if (alloc_hook != default_alloc) {
        void *p = raw_alloc(n);
        return p ? memset(p, 0, n ? n : 1) : NULL;
    }
    if (++made == fail_at)
        return NULL;
    void *p = calloc(1, n ? n : 1);
    live += p != NULL;
    return p;
}

void *wb_realloc(void *p, size_t old_size, size_t n)
{
    if (alloc_hook == default_alloc && p) /* moves large blocks without copying them */
        return ++made == fail_at ? NULL : realloc(p, n ? n : 1);
    void *q = raw_alloc(n);
    if (!q)
        return NULL;
    if (p)
        memcpy(q, p, old_size < n ? old_size : n);
    wb_free(p);
    return q;
}

void wb_free(void *p)
{
    if (!p)
        return;
    live--;
    release_hook(p);
}

/* ---- arena ---- */

struct wb_chunk {
    struct wb_chunk *next;
    size_t used, size;
    max_align_t data[];
};
#ifndef CHUNK_SIZE                     /* tests/oom makes it tiny, so that each piece of an arena can fail by itself */
#define CHUNK_SIZE ((size_t)16384)
#endif

void *wb_arena_get(wb_arena *a, size_t n)
{
    const size_t align = sizeof(max_align_t) / 2;
    if (n > SIZE_MAX - CHUNK_SIZE)
        return NULL;
    n = (n + align - 1) / align * align;
    struct wb_chunk *c = a->head;
    if (!c || c->size - c->used < n) {
        size_t size = n > CHUNK_SIZE / 4 ? n : CHUNK_SIZE;
        struct wb_chunk *fresh = wb_alloc(sizeof *fresh + size);
        if (!fresh)
            return NULL;
        fresh->size = size;
        if (c && size == n) { /* a large block of its own: the current chunk keeps serving small ones */
            fresh->used = n;
            fresh->next = c->next;
            c->next = fresh;
            return fresh->data;
        }
        fresh->next = c;
        a->head = c = fresh;
    }
    void *p = (char *)c->data + c->used;
    c->used += n;
    return p;
}

char *wb_arena_str(wb_arena *a, const char *s, size_t n)
{
    char *p = wb_arena_get(a, n + 1);
    if (p && n)
        memcpy(p, s, n);
    return p;
}

char *wb_arena_dup(wb_arena *a, const char *s) { return s ? wb_arena_str(a, s, strlen(s)) : NULL; }

char *wb_arena_vfmt(wb_arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = n < 0 ? NULL : wb_arena_get(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

char *wb_arena_fmt(wb_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *p = wb_arena_vfmt(a, fmt, ap);
    va_end(ap);
    return p;
}

/* Gives a block that has a chunk of its own back before the arena ends. */
static void release_large(wb_arena *a, const void *block)
{
    for (struct wb_chunk *c = a->head; c && c->next; c = c->next) {
        struct wb_chunk *n = c->next;
        if (n->data == block && n->used == n->size) {
            c->next = n->next;
            wb_free(n);
            return;
        }
    }
}

void *wb_arena_grow(wb_arena *a, void *old, size_t count, size_t *cap, size_t element_size)
{
    if (count < *cap)
        return old;
    size_t want = *cap ? *cap * 2 : 16;
    if (want > SIZE_MAX / 2 / element_size)
        return NULL;
    void *p = wb_arena_get(a, want * element_size);
    if (!p)
        return NULL;
    if (count)
        memcpy(p, old, count * element_size);
    if (*cap * element_size > CHUNK_SIZE / 4)
        release_large(a, old);
    *cap = want;
    return p;
}

void wb_arena_done(wb_arena *a)
{
    while (a->head) {
        struct wb_chunk *c = a->head;
        a->head = c->next;
        wb_free(c);
    }
}

/* ---- bounded buffer ---- */

static bool buf_room(wb_buf *b, size_t n)
{
    if (b->bad || n > b->max || b->len > b->max - n)
        return !(b->bad = true);
    if (b->len + n < b->cap)
        return true;
    size_t cap = b->cap ? b->cap * 2 : 64;
    while (cap <= b->len + n)
        cap *= 2;
    if (cap > b->max + 1 && b->len + n < b->max + 1)
        cap = b->max + 1;
    char *p = wb_realloc(b->p, b->len, cap);
    if (!p)
        return !(b->bad = true);
    b->p = p;
    b->cap = cap;
    return true;
}

char *wb_buf_reserve(wb_buf *b, size_t n) { return buf_room(b, n) ? b->p + b->len : NULL; }

void wb_buf_add(wb_buf *b, const char *s, size_t n)
{
    if (buf_room(b, n)) {
        if (n)
            memcpy(b->p + b->len, s, n);
        b->len += n;
        b->p[b->len] = 0;
    }
}

void wb_buf_str(wb_buf *b, const char *s) { wb_buf_add(b, s, strlen(s)); }
void wb_buf_char(wb_buf *b, char c) { wb_buf_add(b, &c, 1); }

void wb_buf_addf(wb_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !buf_room(b, (size_t)n)) {
        b->bad = true;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

void wb_buf_clear(wb_buf *b)
{
    b->len = 0;
    b->bad = false;
    if (b->p)
        b->p[0] = 0;
}

const char *wb_buf_cstr(wb_buf *b)
{
    if (b->bad || !buf_room(b, 0))
        return NULL;
    b->p[b->len] = 0;
    return b->p;
}

char *wb_buf_take(wb_buf *b)
{
    if (!wb_buf_cstr(b))
        return NULL;
    char *p = b->p;
    *b = WB_BUF(b->max);
    return p;
}

void wb_buf_done(wb_buf *b)
{
    wb_free(b->p);
    *b = WB_BUF(b->max);
}
