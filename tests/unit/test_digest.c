/* Hashes against FIPS 180 vectors, UUIDs against RFC 9562. */
#include "base_test.h"

#include "base/digest.h"
#include "base/encoding.h"

static void vectors_of_the_standard(void **state)
{
    (void)state;
    static const struct {
        enum digest digest;
        const char *text;
        const char *hex;
    } cases[] = {
        {DIGEST_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {DIGEST_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {DIGEST_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {DIGEST_SHA384, "abc",
         "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
         "8086072ba1e7cc2358baeca134c825a7"},
        {DIGEST_SHA512, "abc",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t hash[DIGEST_MAX];
        CLEANUP(buf_clear) struct buf hex = {0};
        digest_of(cases[i].digest, span_text(cases[i].text), hash);
        assert_ok(hex_encode(span_of(hash, digest_len(cases[i].digest)), &hex));
        assert_span_is(buf_span(&hex), cases[i].hex);
    }
}

/* RFC 4231 test cases 2 and 6 (a key longer than a block), and an empty key and message. */
static void macs_of_the_standard(void **state)
{
    (void)state;
    uint8_t mac[SHA256_LEN], long_key[131];
    memset(long_key, 0xaa, sizeof(long_key));
    const struct {
        struct span key;
        const char *text;
        const char *hex;
    } cases[] = {
        {span_text("Jefe"), "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {span_of(long_key, sizeof(long_key)),
         "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {span_of(NULL, 0), "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf hex = {0};
        hmac_sha256(cases[i].key, span_text(cases[i].text), mac);
        assert_ok(hex_encode(span_of(mac, sizeof(mac)), &hex));
        assert_span_is(buf_span(&hex), cases[i].hex);
    }
}

static void parts_hash_like_the_whole(void **state)
{
    (void)state;
    const struct span parts[] = {span_text("a"), {0}, span_text("bc")};
    uint8_t whole[DIGEST_MAX];
    uint8_t joined[SHA256_LEN];
    digest_of(DIGEST_SHA256, span_text("abc"), whole);
    digest_sha256_parts(parts, ARRAY_LEN(parts), joined);
    assert_memory_equal(whole, joined, SHA256_LEN);
    digest_of(DIGEST_SHA256, (struct span){0}, whole);
    digest_sha256_parts(NULL, 0, joined);
    assert_memory_equal(whole, joined, SHA256_LEN);
}

static void random_bytes_fill_it_all(void **state)
{
    (void)state;
    uint8_t bytes[1000] = {0};
    bool seen[256] = {0};
    unsigned kinds = 0;
    random_bytes(bytes, sizeof(bytes) - 1);
    for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
        kinds += !seen[bytes[i]];
        seen[bytes[i]] = true;
    }
    assert_true(kinds > 200);
    assert_int_equal(bytes[sizeof(bytes) - 1], 0);
    random_bytes(bytes, 0);
}

static void uuids_have_version_and_variant(void **state)
{
    (void)state;
    struct uuid a = uuid_make();
    struct uuid b = uuid_make();
    char text[UUID_TEXT_LEN + 1];
    assert_false(uuid_equal(a, b));
    assert_true(uuid_equal(a, a));
    uuid_format(a, text);
    assert_int_equal(strlen(text), UUID_TEXT_LEN);
    assert_int_equal(text[14], '4');
    assert_non_null(strchr("89ab", text[19]));
}

static void uuids_parse_back(void **state)
{
    (void)state;
    static const char text[] = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
    char back[UUID_TEXT_LEN + 1];
    struct uuid uuid;
    assert_ok(uuid_parse(span_text(text), &uuid));
    uuid_format(uuid, back);
    assert_string_equal(back, text);
    struct uuid upper;
    assert_ok(uuid_parse(span_text("F81D4FAE-7DEC-41D0-A765-00A0C91E6BF6"), &upper));
    assert_true(uuid_equal(uuid, upper));
    static const char *const bad[] = {"",
                                      "f81d4fae7dec41d0a76500a0c91e6bf6",
                                      "f81d4fae-7dec-41d0-a765-00a0c91e6bf",
                                      "f81d4fae-7dec-41d0-a765-00a0c91e6bf6a",
                                      "f81d4fae-7dec-41d0-a76500-a0c91e6bf6",
                                      "g81d4fae-7dec-41d0-a765-00a0c91e6bf6",
                                      "{f81d4fae-7dec-41d0-a765-00a0c91e6bf}",
                                      "f81d4fae-7dec-41d0-a765-00a0c91e6b--",
                                      "f81d4fae-7dec-41d0-a765 00a0c91e6bf6"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_code_of(bad[i], uuid_parse(span_text(bad[i]), &upper), ERR_INVALID_FIELD);
        assert_true(uuid_equal(uuid, upper));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_standard),
        cmocka_unit_test(macs_of_the_standard),
        cmocka_unit_test(parts_hash_like_the_whole),
        cmocka_unit_test(random_bytes_fill_it_all),
        cmocka_unit_test(uuids_have_version_and_variant),
        cmocka_unit_test(uuids_parse_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
