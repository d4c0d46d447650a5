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
    {FRAME_UNFIT, TOKEN_SIGN, ERR_UNSUPPORTED_OPERATION, false, false},
    {FRAME_UNAPPROVED, TOKEN_DECRYPT, ERR_APPROVAL_REQUIRED, false, false},
    {FRAME_SPENT, TOKEN_DECRYPT, ERR_CONFLICT, false, false},
    {FRAME_UNPINNED, TOKEN_DECRYPT, ERR_INVALID_STATE, false, true},
    {FRAME_LYING, TOKEN_SIGN, ERR_TOKEN_UNAVAILABLE, true, true},
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

static void test_reasons(void **state)
{
    (void)state;
    char longest[FRAME_REASON_MAX + 2];
    struct err err = err_ok();
    memset(longest, '~', sizeof(longest));
    assert_true(reply_unapproved(span_of(longest, FRAME_REASON_MAX), &err));
    assert_int_equal(err.code, ERR_APPROVAL_REQUIRED);
    assert_int_equal(strlen(err.detail), FRAME_REASON_MAX);
    assert_true(reply_unapproved(span_text("one %s is missing"), &err));
    assert_string_equal(err.detail, "one %s is missing");
    assert_false(reply_unapproved(span_of(longest, FRAME_REASON_MAX + 1), &err));
    assert_false(reply_unapproved(span_text(""), &err));
    assert_false(reply_unapproved(span_text("one\x1b[0m"), &err));
    assert_false(reply_unapproved(span_text("one\xc3\xa4"), &err));
}

static void test_sealed(void **state)
{
    (void)state;
    static const char *const good[] = {"a..b.c.d", "aA0-_..b..d"};
    static const char *const bad[] = {"",          "a",          "..b.c.d", "a.k.b.c.d",
                                      "a...c.d",   "a..b.c.",    "a..b.c",  "a..b.c.d.",
                                      "a..b.c.d=", "a..b.c d.d", "....",    "a..b.+.d"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(reply_check_sealed(span_text(good[i])).code, ERR_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (reply_check_sealed(span_text(bad[i])).code != ERR_CORRUPT) {
            fail_msg("%s", bad[i]);
        }
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

struct adopted {
    struct token_key asked;
    struct frame_item reply;
};

static struct adopted good_mac(void)
{
    struct adopted adopted = {.asked = {.algorithm = ALGORITHM_HMAC_SHA256,
                                        .purpose = PURPOSE_MAC,
                                        .cka_id = {1, 2},
                                        .cka_id_len = 2}};
    adopted.reply =
        (struct frame_item){.key = adopted.asked, .bytes = (1u << TOKEN_ATTRIBUTE_COUNT) - 1};
    adopted.reply.key.identity_len = 16;
    return adopted;
}

static void by_label(struct adopted *adopted)
{
    memset(adopted->asked.cka_id, 0, sizeof(adopted->asked.cka_id));
    adopted->asked.cka_id_len = 0;
}

static void nameless(struct adopted *adopted)
{
    by_label(adopted);
    adopted->reply.key.cka_id_len = 0;
}

static void longest_id(struct adopted *adopted)
{
    by_label(adopted);
    adopted->reply.key.cka_id_len = TOKEN_CKA_ID_MAX;
}

static void other_id(struct adopted *adopted)
{
    adopted->reply.key.cka_id[1] = 3;
}

static void longer_id(struct adopted *adopted)
{
    adopted->reply.key.cka_id_len++;
}

static void other_algorithm(struct adopted *adopted)
{
    adopted->reply.key.algorithm = ALGORITHM_HMAC_SHA384;
}

static void other_purpose(struct adopted *adopted)
{
    adopted->reply.key.purpose = PURPOSE_SIGN;
}

static void short_identity(struct adopted *adopted)
{
    adopted->reply.key.identity_len--;
}

static void odd_bits(struct adopted *adopted)
{
    adopted->reply.bytes++;
}

static void top_bit(struct adopted *adopted)
{
    adopted->reply.bytes |= 1u << 31;
}

static void public_half(struct adopted *adopted)
{
    adopted->reply.input = of_len(44);
}

static void extra(struct adopted *adopted)
{
    adopted->reply.aad = of_len(1);
}

static void revealed(struct adopted *adopted)
{
    adopted->reply.iv = of_len(32);
}

static void a_pair(struct adopted *adopted)
{
    adopted->asked.algorithm = ALGORITHM_ED25519;
    adopted->asked.purpose = PURPOSE_SIGN;
    adopted->reply.key = adopted->asked;
    adopted->reply.input = of_len(44);
    digest_sha256_parts(&adopted->reply.input, 1, adopted->reply.key.identity);
    adopted->reply.key.identity_len = SHA256_LEN;
}

static void another_pair(struct adopted *adopted)
{
    a_pair(adopted);
    adopted->reply.input.len--;
}

static const struct {
    const char *name;
    void (*change)(struct adopted *adopted);
    enum err_code code;
} adopted_cases[] = {
    {"named by its label", by_label, ERR_OK},
    {"with the longest CKA_ID", longest_id, ERR_OK},
    {"a pair", a_pair, ERR_OK},
    {"without a CKA_ID", nameless, ERR_CORRUPT},
    {"another CKA_ID", other_id, ERR_CORRUPT},
    {"a longer CKA_ID", longer_id, ERR_CORRUPT},
    {"another algorithm", other_algorithm, ERR_CORRUPT},
    {"another purpose", other_purpose, ERR_CORRUPT},
    {"a short identity", short_identity, ERR_CORRUPT},
    {"an attribute that there is not", odd_bits, ERR_CORRUPT},
    {"the last bit of attributes", top_bit, ERR_CORRUPT},
    {"a secret key's public half", public_half, ERR_CORRUPT},
    {"more than was asked for", extra, ERR_CORRUPT},
    {"something revealed", revealed, ERR_CORRUPT},
    {"a public half that its identity does not name", another_pair, ERR_CORRUPT},
};

static void test_adopted(void **state)
{
    (void)state;
    struct adopted good = good_mac();
    assert_int_equal(reply_check_adopted(&good.asked, &good.reply).code, ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(adopted_cases); i++) {
        struct adopted adopted = good_mac();
        adopted_cases[i].change(&adopted);
        struct err err = reply_check_adopted(&adopted.asked, &adopted.reply);
        if (err.code != adopted_cases[i].code) {
            fail_msg("%s: %s %s", adopted_cases[i].name, err_word(err.code), err.detail);
        }
    }
}

/* Every reason has an error and a sentence that a client may read whole. */
static void test_unfit(void **state)
{
    (void)state;
    static const struct {
        enum frame_unfit unfit;
        enum err_code code;
        const char *says;
    } cases[] = {
        {FRAME_UNFIT_MISSING, ERR_NOT_FOUND, "no secret or private key"},
        {FRAME_UNFIT_SEVERAL, ERR_CONFLICT, "name the one by its CKA_ID"},
        {FRAME_UNFIT_SHARED_ID, ERR_CONFLICT, "a CKA_ID of its own"},
        {FRAME_UNFIT_NO_ID, ERR_UNSUPPORTED_OPERATION, "no CKA_ID of 1 to 32 bytes"},
        {FRAME_UNFIT_NO_PUBLIC, ERR_UNSUPPORTED_OPERATION, "public key is not on the token"},
        {FRAME_UNFIT_ALGORITHM, ERR_UNSUPPORTED_OPERATION, "type, size or curve"},
        {FRAME_UNFIT_ROLE, ERR_UNSUPPORTED_OPERATION, "purpose"},
        {FRAME_UNFIT_LEAKY, ERR_UNSUPPORTED_OPERATION, "give those keys away"},
        {FRAME_UNFIT_ASKING, ERR_UNSUPPORTED_OPERATION, "PIN before every use"},
        {FRAME_UNFIT_UNPROVEN, ERR_UNSUPPORTED_OPERATION, "first use"},
    };
    assert_int_equal(ARRAY_LEN(cases), FRAME_UNFIT_END - 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = err_ok();
        assert_int_equal(cases[i].unfit, i + 1);
        assert_true(reply_unfit(cases[i].unfit, &err));
        assert_int_equal(err.code, cases[i].code);
        assert_non_null(strstr(err.detail, cases[i].says));
        assert_true(strlen(err.detail) < ERR_DETAIL_MAX - 1);
        assert_null(strstr(err.detail, "CKR"));
    }
    struct err untouched = err_ok();
    assert_false(reply_unfit(FRAME_FIT, &untouched));
    assert_false(reply_unfit(FRAME_UNFIT_END, &untouched));
    assert_false(reply_unfit(UINT32_MAX, &untouched));
    assert_int_equal(untouched.code, ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),     cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_sealed),      cmocka_unit_test(test_items),
        cmocka_unit_test(test_oaep),        cmocka_unit_test(test_secret_keys),
        cmocka_unit_test(test_public_keys), cmocka_unit_test(test_adopted),
        cmocka_unit_test(test_unfit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
