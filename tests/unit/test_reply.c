/* test_reply: every class has its error, and no implausible answer passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pkcs11/reply.h"

static const uint8_t bytes[1024];

static const struct {
    enum frame_class class;
    enum token_op op;
    enum err_code code;
    bool lost;
    bool alarm;
} class_cases[] = {
    {FRAME_OK, TOKEN_SIGN, ERR_OK, false, false},
    {FRAME_CALLER_DATA, TOKEN_SIGN, ERR_INVALID_FIELD, false, false},
    {FRAME_CALLER_DATA, TOKEN_DECRYPT, ERR_INVALID_CIPHERTEXT, false, false},
    {FRAME_OUR_MISTAKE, TOKEN_SIGN, ERR_INTERNAL, false, true},
    {FRAME_STALE_SESSION, TOKEN_SIGN, ERR_TOKEN_UNAVAILABLE, true, false},
    {FRAME_STALE_EPOCH, TOKEN_SIGN, ERR_TOKEN_UNAVAILABLE, true, false},
    {FRAME_DEVICE_LOST, TOKEN_DECRYPT, ERR_TOKEN_UNAVAILABLE, true, false},
    {FRAME_PIN, TOKEN_SIGN, ERR_TOKEN_UNAVAILABLE, false, true},
    {FRAME_CAPACITY, TOKEN_SIGN, ERR_OVERLOADED, false, false},
    {FRAME_KEY_MISSING, TOKEN_DECRYPT, ERR_TOKEN_UNAVAILABLE, false, true},
    {FRAME_KEY_SWAPPED, TOKEN_SIGN, ERR_TOKEN_UNAVAILABLE, false, true},
    {FRAME_UNSUPPORTED, TOKEN_DECRYPT, ERR_UNSUPPORTED_BY_TOKEN, false, false},
    {FRAME_EXISTS, TOKEN_SIGN, ERR_CONFLICT, false, false},
};

static void test_classes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(class_cases); i++) {
        enum frame_class class = class_cases[i].class;
        assert_int_equal(reply_error(class, class_cases[i].op).code, class_cases[i].code);
        assert_int_equal(reply_is_lost(class), class_cases[i].lost);
        assert_int_equal(reply_is_alarm(class), class_cases[i].alarm);
        assert_non_null(reply_class_name(class));
    }
}

static struct span of_len(size_t len)
{
    return span_of(bytes, len);
}

/* Lengths that are right; each one shorter or longer by one must be refused. */
static const struct {
    enum token_op op;
    enum token_mechanism mechanism;
    enum algorithm algorithm;
    size_t input;
    uint32_t wanted;
    bool reveal;
    size_t output;
    size_t extra;
    size_t plaintext;
} item_cases[] = {
    {TOKEN_SIGN, TOKEN_ECDSA, ALGORITHM_ECDSA_P256, 32, 0, false, 64, 0, 0},
    {TOKEN_SIGN, TOKEN_ECDSA, ALGORITHM_ECDSA_P384, 48, 0, false, 96, 0, 0},
    {TOKEN_SIGN, TOKEN_ECDSA, ALGORITHM_ECDSA_P521, 64, 0, false, 132, 0, 0},
    {TOKEN_SIGN, TOKEN_EDDSA, ALGORITHM_ED25519, 9, 0, false, 64, 0, 0},
    {TOKEN_SIGN, TOKEN_RSA_PKCS1, ALGORITHM_RSA_3072, 51, 0, false, 384, 0, 0},
    {TOKEN_SIGN, TOKEN_HMAC, ALGORITHM_HMAC_SHA384, 51, 0, false, 48, 0, 0},
    {TOKEN_ENCRYPT, TOKEN_AES_GCM, ALGORITHM_AES_256_GCM, 0, 0, false, 16, 12, 0},
    {TOKEN_ENCRYPT, TOKEN_AES_GCM, ALGORITHM_AES_256_GCM, 100, 0, false, 116, 12, 0},
    {TOKEN_DECRYPT, TOKEN_AES_GCM, ALGORITHM_AES_256_GCM, 116, 0, true, 100, 0, 0},
    {TOKEN_DATA_KEY, TOKEN_AES_GCM, ALGORITHM_AES_256_GCM, 0, 32, false, 48, 12, 0},
    {TOKEN_DATA_KEY, TOKEN_AES_GCM, ALGORITHM_AES_256_GCM, 0, 64, true, 80, 12, 64},
    {TOKEN_RANDOM, TOKEN_AES_GCM, ALGORITHM_AES_256_GCM, 0, 5, true, 5, 0, 0},
};

static enum err_code check(size_t i, size_t output, size_t extra, size_t plaintext)
{
    struct token_key key = {.algorithm = item_cases[i].algorithm};
    struct token_item item = {.key = &key,
                              .mechanism = item_cases[i].mechanism,
                              .input = of_len(item_cases[i].input),
                              .bytes = item_cases[i].wanted,
                              .reveal = item_cases[i].reveal};
    struct frame_item reply = {
        .input = of_len(output), .aad = of_len(extra), .iv = of_len(plaintext)};
    return reply_check_item(item_cases[i].op, &item, &reply).code;
}

static void test_items(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(item_cases); i++) {
        size_t output = item_cases[i].output;
        size_t extra = item_cases[i].extra;
        size_t plain = item_cases[i].plaintext;
        assert_int_equal(check(i, output, extra, plain), ERR_OK);
        assert_int_equal(check(i, output - 1, extra, plain), ERR_CORRUPT);
        assert_int_equal(check(i, output + 1, extra, plain), ERR_CORRUPT);
        assert_int_equal(check(i, output, extra + 1, plain), ERR_CORRUPT);
        assert_int_equal(check(i, output, extra, plain + 1), ERR_CORRUPT);
    }
}

static void test_oaep(void **state)
{
    (void)state;
    struct token_key key = {.algorithm = ALGORITHM_RSA_2048};
    struct token_item item = {.key = &key, .mechanism = TOKEN_RSA_OAEP_SHA1, .input = of_len(256)};
    struct frame_item reply = {.input = of_len(214)};
    assert_int_equal(reply_check_item(TOKEN_DECRYPT, &item, &reply).code, ERR_OK);
    reply.input.len = 0;
    assert_int_equal(reply_check_item(TOKEN_DECRYPT, &item, &reply).code, ERR_OK);
    reply.input.len = 215;
    assert_int_equal(reply_check_item(TOKEN_DECRYPT, &item, &reply).code, ERR_CORRUPT);
}

static void test_secret_keys(void **state)
{
    (void)state;
    struct token_key key = {.cka_id = {1, 2}, .cka_id_len = 2, .algorithm = ALGORITHM_AES_256_GCM};
    struct frame_item reply = {.key = key};
    reply.key.identity_len = 28;
    assert_int_equal(reply_check_key(&key, &reply).code, ERR_OK);
    reply.input = of_len(1);
    assert_int_equal(reply_check_key(&key, &reply).code, ERR_CORRUPT);
    reply.input = of_len(0);
    reply.key.identity_len = 44; /* of a token that cannot seal nothing */
    assert_int_equal(reply_check_key(&key, &reply).code, ERR_OK);
    reply.key.identity_len = 27;
    assert_int_equal(reply_check_key(&key, &reply).code, ERR_CORRUPT);
    reply.key.algorithm = ALGORITHM_HMAC_SHA256;
    assert_int_equal(reply_check_key(&key, &reply).code, ERR_CORRUPT);
    key.algorithm = ALGORITHM_HMAC_SHA256;
    reply.key.identity_len = 16;
    assert_int_equal(reply_check_key(&key, &reply).code, ERR_OK);
    reply.key.cka_id[1] = 3;
    assert_int_equal(reply_check_key(&key, &reply).code, ERR_CORRUPT);
    reply.key.cka_id[1] = 2;
    reply.key.purpose = PURPOSE_SIGN;
    assert_int_equal(reply_check_key(&key, &reply).code, ERR_CORRUPT);
}

static void test_public_keys(void **state)
{
    (void)state;
    struct token_key key = {.cka_id = {1}, .cka_id_len = 1, .algorithm = ALGORITHM_ED25519};
    struct frame_item reply = {.key = key, .input = of_len(44)};
    digest_sha256_parts(&reply.input, 1, reply.key.identity);
    reply.key.identity_len = SHA256_LEN;
    assert_int_equal(reply_check_key(&key, &reply).code, ERR_OK);
    reply.input.len = 43;
    assert_int_equal(reply_check_key(&key, &reply).code, ERR_CORRUPT);
    reply.input.len = 0;
    digest_sha256_parts(&reply.input, 1, reply.key.identity);
    assert_int_equal(reply_check_key(&key, &reply).code, ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),     cmocka_unit_test(test_items),
        cmocka_unit_test(test_oaep),        cmocka_unit_test(test_secret_keys),
        cmocka_unit_test(test_public_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
