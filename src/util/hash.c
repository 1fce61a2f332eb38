/*
 * hash.c - SHA-256, CRC-32 and hex digits.
 *
 * A thin cover over nettle and zlib, so that their headers are seen in one file. nettle allocates nothing and starts
 * in a tenth of the time that libcrypto needs. Owns nothing.
 */
#include "util/util.h"

#include <nettle/sha2.h>
#include <zlib.h>

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(wb_sha256), "wb_sha256.opaque must hold the context of nettle");
_Static_assert(_Alignof(struct sha256_ctx) <= _Alignof(wb_sha256), "wb_sha256 must be aligned for nettle");

void wb_sha256_start(wb_sha256 *h) { sha256_init((struct sha256_ctx *)h->opaque); }

void wb_sha256_add(wb_sha256 *h, const void *p, size_t n)
{
    if (n)
        sha256_update((struct sha256_ctx *)h->opaque, n, p);
}

void wb_sha256_end(wb_sha256 *h, uint8_t out[32]) { sha256_digest((struct sha256_ctx *)h->opaque, 32, out); }

void wb_hex(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = 0;
}

uint64_t wb_hash64(const void *p, size_t n)
{
    wb_sha256 h;
    uint8_t digest[32];
    wb_sha256_start(&h);
    wb_sha256_add(&h, p, n);
    wb_sha256_end(&h, digest);
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | digest[i];
    return value;
}

uint32_t wb_crc32(const void *p, size_t n) { return n ? (uint32_t)crc32_z(0, p, n) : 0; }
