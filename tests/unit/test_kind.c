/* test_kind: a key counts as one of ours exactly when ours would look the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pkcs11/kind.h"
#include "pkcs11/mechanism.h"

#define NONE ALGORITHM_COUNT

static const uint8_t p256[] = {0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p384[] = {0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const uint8_t p521[] = {0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x23};
static const uint8_t k256[] = {0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x0a};
static const uint8_t rfc8410[] = {0x06, 3, 0x2b, 0x65, 0x70};
static const uint8_t x25519[] = {0x06, 3, 0x2b, 0x65, 0x6e};
static const uint8_t gnupg[] = {0x06, 9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01};
static const uint8_t printable[] = "\x13\x0c"
                                   "edwards25519";

#define BYTES(array)         \
    {                        \
        array, sizeof(array) \
    }
#define TEXT(array)              \
    {                            \
        array, sizeof(array) - 1 \
    }

static const struct {
    const char *name;
    struct kind kind;
    enum algorithm algorithm;
} cases[] = {
    {"AES-256", {.key_type = CKK_AES, .value_len = 32}, ALGORITHM_AES_256_GCM},
    {"AES-128", {.key_type = CKK_AES, .value_len = 16}, NONE},
    {"AES of no length", {.key_type = CKK_AES}, NONE},
    {"DES", {.key_type = CKK_DES3, .value_len = 32}, NONE},
    {"32 bytes", {.key_type = CKK_GENERIC_SECRET, .value_len = 32}, ALGORITHM_HMAC_SHA256},
    {"48 bytes", {.key_type = CKK_GENERIC_SECRET, .value_len = 48}, ALGORITHM_HMAC_SHA384},
    {"64 bytes", {.key_type = CKK_GENERIC_SECRET, .value_len = 64}, ALGORITHM_HMAC_SHA512},
    {"20 bytes", {.key_type = CKK_GENERIC_SECRET, .value_len = 20}, NONE},
    {"HMAC-SHA-256", {.key_type = CKK_SHA256_HMAC, .value_len = 32}, ALGORITHM_HMAC_SHA256},
    {"HMAC-SHA-384", {.key_type = CKK_SHA384_HMAC, .value_len = 48}, ALGORITHM_HMAC_SHA384},
    {"HMAC-SHA-512", {.key_type = CKK_SHA512_HMAC, .value_len = 64}, ALGORITHM_HMAC_SHA512},
    {"a short HMAC-SHA-512", {.key_type = CKK_SHA512_HMAC, .value_len = 32}, NONE},
    {"HMAC-SHA-1", {.key_type = CKK_SHA_1_HMAC, .value_len = 32}, NONE},
    {"P-256", {.key_type = CKK_EC, .parameters = BYTES(p256)}, ALGORITHM_ECDSA_P256},
    {"P-384", {.key_type = CKK_EC, .parameters = BYTES(p384)}, ALGORITHM_ECDSA_P384},
    {"P-521", {.key_type = CKK_EC, .parameters = BYTES(p521)}, ALGORITHM_ECDSA_P521},
    {"secp256k1", {.key_type = CKK_EC, .parameters = BYTES(k256)}, NONE},
    {"no curve", {.key_type = CKK_EC}, NONE},
    {"half a curve", {.key_type = CKK_EC, .parameters = {p256, 9}}, NONE},
    {"Ed25519's curve on an EC key", {.key_type = CKK_EC, .parameters = BYTES(rfc8410)}, NONE},
    {"Ed25519 by RFC 8410",
     {.key_type = CKK_EC_EDWARDS, .parameters = BYTES(rfc8410)},
     ALGORITHM_ED25519},
    {"Ed25519 by its name",
     {.key_type = CKK_EC_EDWARDS, .parameters = TEXT(printable)},
     ALGORITHM_ED25519},
    {"Ed25519 by GnuPG",
     {.key_type = CKK_EC_EDWARDS, .parameters = BYTES(gnupg)},
     ALGORITHM_ED25519},
    {"X25519", {.key_type = CKK_EC_EDWARDS, .parameters = BYTES(x25519)}, NONE},
    {"nothing said", {.key_type = CK_UNAVAILABLE_INFORMATION}, NONE},
};

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum algorithm algorithm = NONE;
        bool found = kind_algorithm(&cases[i].kind, &algorithm);
        if (algorithm != cases[i].algorithm || found != (cases[i].algorithm != NONE)) {
            fail_msg("%s: %d", cases[i].name, (int)algorithm);
        }
    }
}

/* The size of an RSA key is its modulus in bits, whatever zeros stand before it. */
static void test_moduli(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t zeros;
        size_t len;
        uint8_t first;
        enum algorithm algorithm;
    } moduli[] = {
        {"2048 bits", 0, 256, 0x80, ALGORITHM_RSA_2048},
        {"3072 bits", 0, 384, 0xff, ALGORITHM_RSA_3072},
        {"4096 bits", 0, 512, 0x93, ALGORITHM_RSA_4096},
        {"a sign byte", 1, 257, 0x80, ALGORITHM_RSA_2048},
        {"2047 bits", 0, 256, 0x7f, NONE},
        {"2041 bits", 0, 256, 0x01, NONE},
        {"1024 bits", 0, 128, 0x80, NONE},
        {"all zeros", 256, 256, 0x00, NONE},
        {"none", 0, 0, 0x00, NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(moduli); i++) {
        uint8_t modulus[513] = {0};
        modulus[moduli[i].zeros] = moduli[i].first;
        const struct kind kind = {.key_type = CKK_RSA, .modulus = {modulus, moduli[i].len}};
        enum algorithm algorithm = NONE;
        bool found = kind_algorithm(&kind, &algorithm);
        if (algorithm != moduli[i].algorithm || found != (moduli[i].algorithm != NONE)) {
            fail_msg("%s: %d", moduli[i].name, (int)algorithm);
        }
    }
}

/* Keys of ours are known again, each as its own algorithm and no other. */
static void test_our_own(void **state)
{
    (void)state;
    for (int i = 0; i < ALGORITHM_COUNT; i++) {
        const struct mechanism_generation made = mechanism_generation((enum algorithm)i);
        uint8_t modulus[512] = {0x80};
        const struct kind kind = {.key_type = made.key_type,
                                  .value_len = made.value_len,
                                  .modulus = {modulus, made.modulus_bits / 8},
                                  .parameters = made.parameters};
        enum algorithm algorithm = NONE;
        assert_true(kind_algorithm(&kind, &algorithm));
        assert_int_equal(algorithm, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_moduli),
        cmocka_unit_test(test_our_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
