/* Parsed keys: what comes out is the key of exactly those bytes, however many there were before. */
#include "base_test.h"

#include <openssl/x509.h>

#include "base/parsed_key.h"

#define KEYS 40

static void spki_of(EVP_PKEY *key, struct buf *out)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    assert_true(len > 0);
    assert_ok(buf_append(out, span_of(der, (size_t)len)));
    OPENSSL_free(der);
}

static void made_key(struct buf *out)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(key);
    spki_of(key, out);
    EVP_PKEY_free(key);
}

static void assert_is(EVP_PKEY *key, struct span spki)
{
    CLEANUP(buf_clear) struct buf back = {0};
    spki_of(key, &back);
    assert_true(span_equal(buf_span(&back), spki));
}

static void a_key_is_parsed_once(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf spki = {0};
    EVP_PKEY *first = NULL, *second = NULL;
    made_key(&spki);
    assert_ok(parsed_key(buf_span(&spki), &first));
    assert_ok(parsed_key(buf_span(&spki), &second));
    assert_ptr_equal(first, second);
    EVP_PKEY_free(first);
    assert_is(second, buf_span(&spki));
    EVP_PKEY_free(second);
}

static void many_keys_take_turns(void **state)
{
    (void)state;
    struct buf spkis[KEYS] = {0};
    EVP_PKEY *held[KEYS] = {0};
    for (size_t i = 0; i < KEYS; i++) {
        made_key(&spkis[i]);
        assert_ok(parsed_key(buf_span(&spkis[i]), &held[i]));
    }
    for (size_t i = 0; i < KEYS; i++) {
        EVP_PKEY *again = NULL;
        assert_ok(parsed_key(buf_span(&spkis[i]), &again));
        assert_is(again, buf_span(&spkis[i]));
        assert_is(held[i], buf_span(&spkis[i])); /* whoever holds one keeps it */
        EVP_PKEY_free(again);
        EVP_PKEY_free(held[i]);
        buf_clear(&spkis[i]);
    }
}

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf spki = {0};
    EVP_PKEY *key = NULL;
    assert_code(parsed_key(span_of(NULL, 0), &key), ERR_INTERNAL);
    assert_code(parsed_key(span_text("no key"), &key), ERR_INTERNAL);
    made_key(&spki);
    assert_ok(buf_append_u8(&spki, 0));
    assert_code(parsed_key(buf_span(&spki), &key), ERR_INTERNAL);
    assert_null(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_parsed_once),
        cmocka_unit_test(many_keys_take_turns),
        cmocka_unit_test(what_is_no_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
