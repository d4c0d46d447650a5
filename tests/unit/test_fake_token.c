/* test_fake_token: the token that rotation is tested on shows and gives foreign keys as a real one
 * does (test_foreign_softhsm.c), else those tests would prove nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/public_key.h"
#include "tests/lib/fake_token_face.h"

#define BIT(attribute) (1u << TOKEN_ATTRIBUTE_##attribute)
#define NO_DEADLINE    0

static const uint8_t pair_id[] = {1};
static const uint8_t aes_id[] = {2, 2};
static const uint8_t twin_id[] = {3};
static const uint8_t leaky_id[] = {4};
static const uint8_t nobody[] = {9};

static char folder[64];
static struct token *token;

static int make(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/hsmgate-test-XXXXXX", 25);
    assert_non_null(mkdtemp(folder));
    token = fake_token_open("fake", folder);
    fake_token_import(token, span_of(pair_id, 1), "pair", ALGORITHM_ECDSA_P256,
                      BIT(SIGNS) | BIT(IMPORTED) | BIT(EXTRACTABLE));
    fake_token_import(token, span_of(aes_id, 2), "twin", ALGORITHM_AES_256_GCM,
                      BIT(ENCRYPTS) | BIT(DECRYPTS));
    fake_token_import(token, span_of(twin_id, 1), "twin", ALGORITHM_HMAC_SHA256, BIT(SIGNS));
    fake_token_import(token, span_of(leaky_id, 1), "leaky", ALGORITHM_AES_256_GCM,
                      BIT(ENCRYPTS) | BIT(DECRYPTS) | BIT(WRAPS));
    return 0;
}

static int drop(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *command = mem_format("rm -rf '%s'", folder);
    fake_token_close(token);
    return system(command);
}

static void test_inventory(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) struct token_object *objects = NULL;
    size_t count = 0;
    unsigned seen = 0;
    assert_int_equal(token_inventory(token, NO_DEADLINE, &objects, &count).code, ERR_OK);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        assert_true(objects[i].has_algorithm);
        if (strcmp(objects[i].label, "pair") == 0) {
            bool public = objects[i].class == TOKEN_OBJECT_PUBLIC;
            assert_int_equal(objects[i].algorithm, ALGORITHM_ECDSA_P256);
            assert_int_equal(objects[i].attributes,
                             public ? BIT(VERIFIES) | BIT(IMPORTED)
                                    : BIT(SIGNS) | BIT(IMPORTED) | BIT(EXTRACTABLE));
            seen++;
        }
    }
    assert_int_equal(seen, 2);
}

static void test_adopt(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct token_selector which;
        enum algorithm algorithm;
        enum err_code code;
    } cases[] = {
        {"by label", {.label = "pair"}, ALGORITHM_ECDSA_P256, ERR_OK},
        {"by CKA_ID", {.cka_id = {aes_id, 2}}, ALGORITHM_AES_256_GCM, ERR_OK},
        {"another label", {.label = "pai"}, ALGORITHM_ECDSA_P256, ERR_NOT_FOUND},
        {"another CKA_ID", {.cka_id = {nobody, 1}}, ALGORITHM_ECDSA_P256, ERR_NOT_FOUND},
        {"two of a label", {.label = "twin"}, ALGORITHM_AES_256_GCM, ERR_CONFLICT},
        {"another algorithm", {.label = "pair"}, ALGORITHM_ECDSA_P384, ERR_UNSUPPORTED_OPERATION},
        {"a leak", {.label = "leaky"}, ALGORITHM_AES_256_GCM, ERR_UNSUPPORTED_OPERATION},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf public_key = {0};
        uint32_t attributes = 0;
        struct token_key key = {.algorithm = cases[i].algorithm,
                                .purpose = algorithm_info(cases[i].algorithm)->purpose};
        struct err err =
            token_adopt(token, &cases[i].which, &key, NO_DEADLINE, &attributes, &public_key);
        if (err.code != cases[i].code) {
            fail_msg("%s: %s", cases[i].name, err_word(err.code));
        }
        assert_int_equal(key.cka_id_len > 0, err.code == ERR_OK);
        assert_int_equal(key.identity_len > 0, err.code == ERR_OK);
    }
    assert_int_equal(fake_token_count(token), 4);
    assert_int_equal(fake_token_calls(token, FAKE_ADOPT), ARRAY_LEN(cases));
}

static void test_use(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf public_key = {0};
    uint32_t attributes = 0;
    uint8_t digest[SHA256_LEN] = {7};
    bool valid = false;
    const struct token_selector which = {.label = "pair"};
    struct token_key key = {.algorithm = ALGORITHM_ECDSA_P256, .purpose = PURPOSE_SIGN};
    struct err err = token_adopt(token, &which, &key, NO_DEADLINE, &attributes, &public_key);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(attributes, BIT(SIGNS) | BIT(IMPORTED) | BIT(EXTRACTABLE));
    struct token_item item = {
        .key = &key, .mechanism = TOKEN_ECDSA, .input = span_of(digest, sizeof(digest))};
    assert_int_equal(token_run(token, TOKEN_SIGN, &item, 1, NO_DEADLINE).code, ERR_OK);
    err = public_key_verify(buf_span(&public_key), SCHEME_ES256, item.input, buf_span(&item.output),
                            &valid);
    assert_true(err.code == ERR_OK && valid);
    buf_clear(&item.output);
}

static void test_fault(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf public_key = {0};
    uint32_t attributes = 0;
    const struct token_selector which = {.label = "pair"};
    struct token_key key = {.algorithm = ALGORITHM_ECDSA_P256, .purpose = PURPOSE_SIGN};
    fake_token_fault(token, (struct fake_fault){.call = FAKE_ADOPT,
                                                .action = FAKE_REFUSE,
                                                .code = ERR_TOKEN_UNAVAILABLE});
    struct err err = token_adopt(token, &which, &key, NO_DEADLINE, &attributes, &public_key);
    assert_int_equal(err.code, ERR_TOKEN_UNAVAILABLE);
    assert_int_equal(public_key.len + key.cka_id_len, 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        CASE(test_inventory),
        CASE(test_adopt),
        CASE(test_use),
        CASE(test_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
