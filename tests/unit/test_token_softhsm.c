/* The front's face over the real worker on SoftHSM: both halves together, and a worker killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "pkcs11/token.h"
#include "tests/lib/softhsm.h"

#define SOON clock_deadline(30000)

static struct softhsm softhsm;
static struct token *token;

static int start(void **state)
{
    (void)state;
    softhsm_make(&softhsm, "");
    const struct token_config config = {.name = "unit",
                                        .worker_path = HSMGATE_TOKEN_PATH,
                                        .worker_config = softhsm.config,
                                        .channels = 2,
                                        .operation_ms = 20000};
    struct err err = token_open(&config, &token);
    assert_int_equal(err.code, ERR_OK);
    err = token_wait_ready(token, SOON);
    assert_string_equal(err.detail, "");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    token_close(token);
    softhsm_remove(&softhsm);
    return 0;
}

static struct token_key new_key(enum algorithm algorithm, struct buf *public_key)
{
    struct token_key key = {
        .algorithm = algorithm, .purpose = algorithm_info(algorithm)->purpose, .cka_id_len = 18};
    struct uuid uuid = uuid_make();
    memcpy(key.cka_id, uuid.bytes, UUID_LEN);
    key.cka_id[16] = 1;
    struct err err = token_generate(token, &key, "face", SOON, public_key);
    assert_string_equal(err.detail, "");
    return key;
}

static void clear(struct token_item *item)
{
    buf_clear(&item->output);
    buf_clear(&item->extra);
    buf_clear(&item->plaintext);
}

static void sign(const struct token_key *key, struct span public_key)
{
    uint8_t digest[DIGEST_MAX];
    bool valid = false;
    digest_of(DIGEST_SHA256, span_text("message"), digest);
    struct token_item item = {
        .key = key, .mechanism = TOKEN_ECDSA, .input = span_of(digest, SHA256_LEN)};
    struct err err = token_run(token, TOKEN_SIGN, &item, 1, SOON);
    assert_string_equal(err.detail, "");
    assert_string_equal(item.result.detail, "");
    err = public_key_verify(public_key, SCHEME_ES256, item.input, buf_span(&item.output), &valid);
    assert_true(err.code == ERR_OK && valid);
    clear(&item);
}

static void test_sign_over_a_kill(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct token_key key = new_key(ALGORITHM_ECDSA_P256, &public_key);
    for (int i = 0; i < 3; i++) {
        struct token_status status;
        sign(&key, buf_span(&public_key));
        token_status(token, &status);
        assert_int_equal(status.state, TOKEN_READY);
        assert_int_equal(kill(status.worker_pid, SIGKILL), 0);
        struct err err = token_wait_ready(token, SOON);
        assert_true(err.code == ERR_OK);
        struct token_item item = {.bytes = 8};
        do {
            err = token_run(token, TOKEN_RANDOM, &item, 1, SOON);
            clear(&item);
        } while (err.code == ERR_TOKEN_UNAVAILABLE);
        assert_int_equal(err.code, ERR_OK);
    }
    sign(&key, buf_span(&public_key));
}

static void test_ciphertext(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf none = {0};
    struct token_key key = new_key(ALGORITHM_AES_256_GCM, &none);
    struct token_item sealed = {
        .key = &key, .mechanism = TOKEN_AES_GCM, .aad = span_text("a"), .bytes = 32};
    struct err err = token_run(token, TOKEN_DATA_KEY, &sealed, 1, SOON);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(sealed.result.code, ERR_OK);
    struct token_item open = {.key = &key,
                              .mechanism = TOKEN_AES_GCM,
                              .aad = span_text("a"),
                              .iv = buf_span(&sealed.extra),
                              .input = buf_span(&sealed.output)};
    err = token_run(token, TOKEN_DECRYPT, &open, 1, SOON);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(open.output.len, 32);
    clear(&open);
    open.aad = span_text("b");
    err = token_run(token, TOKEN_DECRYPT, &open, 1, SOON);
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(open.result.code, ERR_INVALID_CIPHERTEXT);
    clear(&open);
    clear(&sealed);
    struct err gone = token_destroy(token, span_of(key.cka_id, key.cka_id_len), SOON);
    assert_int_equal(gone.code, ERR_OK);
    gone = token_destroy(token, span_of(key.cka_id, key.cka_id_len), SOON);
    assert_int_equal(gone.code, ERR_NOT_FOUND);
}

static void test_inventory(void **state)
{
    (void)state;
    struct token_object *objects = NULL;
    size_t count = 0;
    struct err err = token_inventory(token, SOON, &objects, &count);
    assert_int_equal(err.code, ERR_OK);
    assert_true(count >= 2);
    mem_free(objects);
    assert_true(token_supports(token, ALGORITHM_ED25519, PURPOSE_SIGN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign_over_a_kill),
        cmocka_unit_test(test_ciphertext),
        cmocka_unit_test(test_inventory),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
