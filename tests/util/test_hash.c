/* test_hash.c - SHA-256 against the vectors of NIST, hex, CRC-32. */
#include "../unit.h"

#include "util/util.h"

/* FIPS 180-2, appendix B, and the empty message of CAVP. */
static const struct sha_row {
    const char *name, *text;
    unsigned times;
    const char *want;
} sha_rows[] = {
    { "sha256_empty", "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "sha256_abc", "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "sha256_two_blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "sha256_a_million_a", "aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

static void sha256_is_right(void **state)
{
    const struct sha_row *row = *state;
    wb_sha256 h;
    uint8_t digest[32];
    char hex[65];
    wb_sha256_start(&h);
    for (unsigned i = 0; i < row->times; i++)
        wb_sha256_add(&h, row->text, strlen(row->text));
    wb_sha256_end(&h, digest);
    wb_hex(digest, sizeof digest, hex);
    assert_string_equal(hex, row->want);
}

static void short_hashes_are_right(void **state)
{
    (void)state;
    assert_true(wb_hash64("abc", 3) == 0xba7816bf8f01cfeaULL);
    assert_true(wb_crc32("123456789", 9) == 0xCBF43926u); /* the check value of CRC-32/ISO-HDLC */
    assert_true(wb_crc32("", 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { sha_rows[0].name, sha256_is_right, NULL, NULL, (void *)&sha_rows[0] },
        { sha_rows[1].name, sha256_is_right, NULL, NULL, (void *)&sha_rows[1] },
        { sha_rows[2].name, sha256_is_right, NULL, NULL, (void *)&sha_rows[2] },
        { sha_rows[3].name, sha256_is_right, NULL, NULL, (void *)&sha_rows[3] },
        cmocka_unit_test(short_hashes_are_right),
    };
    return cmocka_run_group_tests_name("util/hash", tests, NULL, NULL);
}
