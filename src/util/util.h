/*
 * util.h - the memory, text and error layer that every room stands on.
 *
 * One allocator switch, an arena for data that lives and dies together, a bounded buffer that remembers failure,
 * byte slices, cleanup attributes for resources, and the call context that carries error, deadline and cancel flag.
 * Nothing here knows of migrations or databases.
 */
#ifndef WB_UTIL_H
#define WB_UTIL_H

#include "whimbrel.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__GNUC__)
#error "whimbrel needs gcc or clang: it relies on the cleanup attribute"
#endif

/* ---- memory ------------------------------------------------------------------------------------------------ */

void *wb_alloc(size_t n);              /* zeroed; NULL when memory is gone, never aborts */
void *wb_realloc(void *p, size_t old_size, size_t n); /* new bytes are not zeroed; NULL leaves p as it was */
void wb_free(void *p);
void wb_alloc_set(void *(*alloc)(size_t), void (*release)(void *)); /* once, before the first call */
long wb_alloc_fail_at(long k);         /* test hook: the k-th allocation from now fails (0: none); returns how many were made since the last call */
long wb_alloc_live(void);              /* test hook: allocations not yet freed */

#define WB_CLEANUP(f) __attribute__((cleanup(f)))
static inline void wb_freep(void *p) { wb_free(*(void **)p); }
#define WB_AUTOFREE WB_CLEANUP(wb_freep)
#define WB_STEAL(p) __extension__({ __typeof__(p) wb_stolen = (p); (p) = NULL; wb_stolen; })
#define WB_COUNT(a) (sizeof(a) / sizeof *(a))
#define WB_PRINTF(f, a) __attribute__((format(printf, f, a)))

typedef struct wb_arena {
    struct wb_chunk *head;
} wb_arena;
void *wb_arena_get(wb_arena *, size_t n);                     /* zeroed, aligned for any type */
char *wb_arena_str(wb_arena *, const char *s, size_t n);      /* a copy with a NUL behind it */
char *wb_arena_dup(wb_arena *, const char *s);                /* NULL gives NULL; see wb_arena_dup callers */
char *wb_arena_fmt(wb_arena *, const char *fmt, ...) WB_PRINTF(2, 3);
char *wb_arena_vfmt(wb_arena *, const char *fmt, va_list) WB_PRINTF(2, 0);
void wb_arena_done(wb_arena *);
#define WB_AUTOARENA WB_CLEANUP(wb_arena_done)

/* Grow an array in an arena: makes room for one more element. A large old block is freed: keep no pointers into it. */
void *wb_arena_grow(wb_arena *, void *old, size_t count, size_t *cap, size_t element_size);
#define WB_PUSH(arena, array, count, cap)                                                                              \
    __extension__({                                                                                                    \
        void *wb_grown = wb_arena_grow((arena), (array), (count), &(cap), sizeof *(array));                            \
        if (wb_grown)                                                                                                  \
            (array) = wb_grown;                                                                                        \
        wb_grown ? &(array)[(count)++] : NULL;                                                                         \
    })

/* ---- text -------------------------------------------------------------------------------------------------- */

typedef struct wb_str { /* borrowed bytes; may hold NUL or bad UTF-8 */
    const char *p;
    size_t len;
} wb_str;
#define WB_STR(s) ((wb_str){ (s), strlen(s) })
bool wb_str_eq(wb_str a, const char *b);
bool wb_str_ieq(wb_str a, const char *b);                     /* ASCII case folded */
wb_str wb_str_trim(wb_str);                                   /* blanks, tabs, line ends at both sides */
bool wb_str_same(wb_str a, wb_str b);
bool wb_is_clean(const char *s);                              /* UTF-8 without control characters */
size_t wb_utf8_step(const char *p, size_t len);               /* bytes of the character at p; 0: no valid one */
bool wb_utf8_valid(const char *p, size_t len, size_t *bad_at);
size_t wb_utf8_cut(const char *p, size_t len, size_t max);    /* largest cut <= max between characters */
bool wb_starts(const char *s, const char *prefix);
bool wb_ends(const char *s, const char *suffix);
int wb_strcmp_null(const char *a, const char *b);             /* strcmp in which NULL comes first */
unsigned wb_edit_distance(const char *a, const char *b);      /* for "did you mean"; at most 32 bytes are looked at */
const char *wb_nearest(const char *word, const char *const *names, size_t count); /* NULL when nothing is near */
int wb_parse_duration(const char *s, int64_t *out_ms);        /* 250ms 2s 5m 1h 0; 0 or -1 */

/* Append any number of times, check once: wb_buf_take() and wb_buf_cstr() return NULL if anything failed. */
typedef struct wb_buf {
    char *p;
    size_t len, cap, max;
    bool bad;
} wb_buf;
#define WB_BUF(limit) ((wb_buf){ NULL, 0, 0, (limit), false })
#define WB_AUTOBUF WB_CLEANUP(wb_buf_done)
#define WB_TEXT_MAX ((size_t)1 << 20)       /* messages, names, small documents */
#define WB_FILE_SIZE_MAX ((size_t)1 << 30)  /* one migration file */
void wb_buf_add(wb_buf *, const char *s, size_t n);
void wb_buf_str(wb_buf *, const char *s);
void wb_buf_char(wb_buf *, char c);
void wb_buf_addf(wb_buf *, const char *fmt, ...) WB_PRINTF(2, 3);
void wb_buf_json(wb_buf *, const char *s, size_t n);          /* a JSON string with its quotes; bad UTF-8 becomes U+FFFD */
char *wb_buf_reserve(wb_buf *, size_t n);                     /* room for n bytes at the end, NULL on failure; then add to len */
void wb_buf_clear(wb_buf *);                                  /* keeps the memory */
const char *wb_buf_cstr(wb_buf *);                            /* NUL-terminated, borrowed; NULL if anything failed */
char *wb_buf_take(wb_buf *);                                  /* the caller frees with wb_free */
void wb_buf_done(wb_buf *);

/* ---- the context of a call --------------------------------------------------------------------------------- */

typedef struct wb_ctx {
    wbl_error *err;                    /* may be NULL */
    int64_t deadline_ms;               /* wb_now_ms() clock; 0: none */
    const volatile int *cancel;        /* set atomically from another thread or a signal handler; may be NULL */
    bool is_finishing;                 /* let the running statement end, whatever *cancel says */
    void (*notice)(void *user, const char *severity, const char *text);   /* a message of the server; may be NULL */
    void (*progress)(void *user, const char *phase, uint64_t done, uint64_t total); /* a long statement; may be NULL */
    void (*waiting)(void *user, const char *text); /* for a lock, said about once a second; may be NULL */
    void *user;
} wb_ctx;

int wb_fail(wb_ctx *, int code, int effect, const char *fmt, ...) WB_PRINTF(4, 5); /* fills the error, returns code */
int wb_nomem(wb_ctx *);
void wb_hint(wb_ctx *, const char *fmt, ...) WB_PRINTF(2, 3);
void wb_at(wb_ctx *, const char *file, uint32_t line, uint32_t column); /* place of the error; call after wb_fail */
void wb_error_clear(wbl_error *);
void wb_copy_text(char *to, size_t size, const char *from, size_t len); /* cut between characters, always terminated */
/* Relaxed is enough: the flag carries no data, and it is looked at again and again. */
static inline bool wb_cancelled(const wb_ctx *cx)
{
    return cx->cancel && __atomic_load_n(cx->cancel, __ATOMIC_RELAXED) && !cx->is_finishing;
}

/* ---- findings: several things that a person should know at once -------------------------------------------- */

typedef struct wb_findings {
    wb_arena *mem;                     /* borrowed; holds the items and their text */
    wbl_finding *items;
    size_t count, cap;
    size_t errors;                     /* of severity error */
} wb_findings;

/* Adds one with its message; the caller may fill the other members. NULL (and the error is set) when memory is gone. */
wbl_finding *wb_finding_add(wb_ctx *, wb_findings *, int severity, const char *code, const char *fmt, ...) WB_PRINTF(5, 6);

/* ---- time, identity, hashing ------------------------------------------------------------------------------- */

int64_t wb_now_ms(void);               /* monotonic */
int64_t wb_wall_ms(void);              /* since 1970, UTC; for people only */
void wb_sleep_ms(int64_t ms);
void wb_utc_text(int64_t wall_ms, char out[32]);      /* 2026-11-02T09:30:00.123Z */
void wb_span_text(int64_t ms, char out[32]);          /* in the words of a person: 300 ms, 2 s, 14 min, 3 h, 5 days */
int wb_uuid7(char out[37]);            /* 0 or -1 when the system has no randomness */

typedef struct wb_sha256 {
    uint64_t opaque[16];               /* large enough for nettle's context; checked in hash.c */
} wb_sha256;
void wb_sha256_start(wb_sha256 *);
void wb_sha256_add(wb_sha256 *, const void *p, size_t n);
void wb_sha256_end(wb_sha256 *, uint8_t out[32]);
void wb_hex(const uint8_t *p, size_t n, char *out);   /* 2n digits and a NUL */
uint64_t wb_hash64(const void *p, size_t n);          /* the first 8 bytes of SHA-256, big endian */
uint32_t wb_crc32(const void *p, size_t n);           /* IEEE, as zlib */

/* ---- files ------------------------------------------------------------------------------------------------- */

int wb_file_read(wb_ctx *, int dir_fd, const char *path, const char *shown, wb_buf *out); /* whole file; shown: for messages */
int wb_file_create(wb_ctx *, const char *path, const char *text, size_t len);             /* never replaces a file */

/* ---- URLs -------------------------------------------------------------------------------------------------- */

typedef struct wb_param {
    const char *key, *value;           /* percent-decoded */
} wb_param;
typedef struct wb_url {                /* everything in the arena that it was parsed into; absent parts are NULL */
    const char *scheme;                /* lower case; NULL: keyword/value form, and only params is set */
    const char *user, *password, *host, *port, *path; /* decoded; path without its leading slash for host URLs */
    const char *raw_path;              /* as written, with its leading slash */
    const char *opaque;                /* what follows "scheme:" when no // follows it (sqlite:app.db) */
    const wb_param *params;
    size_t param_count;
    const char *shown;                 /* the URL with the password hidden */
} wb_url;
int wb_url_parse(wb_ctx *, wb_arena *, const char *text, wb_url *out);
const char *wb_url_param(const wb_url *, const char *key); /* NULL when absent */
bool wb_is_secret_key(wb_str key);     /* the name of a parameter whose value is a secret, in any case of letters */

#endif
