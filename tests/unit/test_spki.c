/* Public keys from what tokens call a point and a modulus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "pkcs11/spki.h"

/* A fresh key pair of OpenSSL's: its SubjectPublicKeyInfo, whose end is the point. */
static struct span fresh(EVP_PKEY *key, uint8_t der[1024])
{
    uint8_t *at = der;
    int len = i2d_PUBKEY(key, &at);
    assert_true(len > 0 && len < 1024);
    return span_of(der, (size_t)len);
}

static enum err_code of_point(enum algorithm algorithm, const uint8_t *value, size_t len,
                              struct span expected)
{
    CLEANUP(buf_clear) struct buf out = {0};
    struct err err = spki_of_point(algorithm, span_of(value, len), &out);
    assert_true(err.code != ERR_OK || span_equal(buf_span(&out), expected));
    return err.code;
}

static void check_curve(enum algorithm algorithm, EVP_PKEY *key, size_t len)
{
    uint8_t der[1024];
    uint8_t value[256];
    struct span expected = fresh(key, der);
    const uint8_t *point = expected.data + expected.len - len;
    size_t head = len < 128 ? 2 : 3;
    value[0] = 0x04;
    value[1] = len < 128 ? (uint8_t)len : 0x81;
    value[head - 1] = (uint8_t)len;
    memcpy(value + head, point, len);
    assert_int_equal(of_point(algorithm, point, len, expected), ERR_OK);
    assert_int_equal(of_point(algorithm, value, head + len, expected), ERR_OK);
    assert_int_equal(of_point(algorithm, value, head + len - 1, expected), ERR_CORRUPT);
    assert_int_equal(of_point(algorithm, point, 0, expected), ERR_CORRUPT);
    value[0] = 0x30;
    assert_int_equal(of_point(algorithm, value, head + len, expected), ERR_CORRUPT);
    value[0] = 0x24; /* the same in BER: one part, without a length of the whole */
    memmove(value + 2 + head, value + head, len);
    memmove(value + 3, value + 1, head - 1);
    value[1] = 0x80;
    value[2] = 0x04;
    memset(value + 2 + head + len, 0, 2);
    assert_int_equal(of_point(algorithm, value, head + len + 4, expected), ERR_CORRUPT);
    EVP_PKEY_free(key);
}

static void test_points(void **state)
{
    (void)state;
    check_curve(ALGORITHM_ECDSA_P256, EVP_EC_gen("P-256"), 65);
    check_curve(ALGORITHM_ECDSA_P384, EVP_EC_gen("P-384"), 97);
    check_curve(ALGORITHM_ECDSA_P521, EVP_EC_gen("P-521"), 133);
    check_curve(ALGORITHM_ED25519, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), 32);
}

static void test_off_the_curve(void **state)
{
    (void)state;
    uint8_t point[65] = {0x04, 1, 2, 3};
    struct span none = {0};
    assert_int_equal(of_point(ALGORITHM_ECDSA_P256, point, sizeof(point), none), ERR_CORRUPT);
    assert_int_equal(of_point(ALGORITHM_AES_256_GCM, point, sizeof(point), none), ERR_CORRUPT);
}

static void test_rsa(void **state)
{
    (void)state;
    uint8_t der[1024];
    uint8_t modulus[256];
    static const uint8_t exponent[] = {1, 0, 1};
    BIGNUM *n = NULL;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    struct span expected = fresh(key, der);
    assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &n), 1);
    assert_int_equal(BN_bn2bin(n, modulus), 256);
    CLEANUP(buf_clear) struct buf out = {0};
    struct err err = spki_of_rsa(ALGORITHM_RSA_2048, span_of(modulus, 256),
                                 span_of(exponent, sizeof(exponent)), &out);
    assert_int_equal(err.code, ERR_OK);
    assert_true(span_equal(buf_span(&out), expected));
    err = spki_of_rsa(ALGORITHM_RSA_3072, span_of(modulus, 256),
                      span_of(exponent, sizeof(exponent)), &out);
    assert_int_equal(err.code, ERR_CORRUPT);
    BN_free(n);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_off_the_curve),
        cmocka_unit_test(test_rsa),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
