/* test_fitness: which descriptions may be adopted as what. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pkcs11/fitness.h"

#define BIT(attribute) (1u << TOKEN_ATTRIBUTE_##attribute)
/* How badly a key is protected does not decide here. */
#define UNPROTECTED                                                                 \
    (BIT(EXTRACTABLE) | BIT(MODIFIABLE) | BIT(NOT_SENSITIVE) | BIT(PUBLIC_OBJECT) | \
     BIT(WAS_EXTRACTABLE) | BIT(IMPORTED) | BIT(COPYABLE))

#define AES  TOKEN_OBJECT_SECRET, ALGORITHM_AES_256_GCM, PURPOSE_ENCRYPT
#define MAC  TOKEN_OBJECT_SECRET, ALGORITHM_HMAC_SHA256, PURPOSE_MAC
#define SIGN TOKEN_OBJECT_PRIVATE, ALGORITHM_ECDSA_P256, PURPOSE_SIGN
#define RSA  TOKEN_OBJECT_PRIVATE, ALGORITHM_RSA_2048, PURPOSE_SIGN
#define OPEN TOKEN_OBJECT_PRIVATE, ALGORITHM_RSA_2048, PURPOSE_DECRYPT

static const struct {
    const char *name;
    enum token_object_class class;
    enum algorithm algorithm;
    enum purpose purpose;
    uint32_t attributes;
    enum frame_unfit unfit;
} cases[] = {
    {"AES as ours", AES, BIT(ENCRYPTS) | BIT(DECRYPTS), FRAME_FIT},
    {"AES, unprotected", AES, BIT(ENCRYPTS) | BIT(DECRYPTS) | UNPROTECTED, FRAME_FIT},
    {"AES that only encrypts", AES, BIT(ENCRYPTS), FRAME_UNFIT_ROLE},
    {"AES that only decrypts", AES, BIT(DECRYPTS), FRAME_UNFIT_ROLE},
    {"AES for signatures", AES, BIT(SIGNS) | BIT(VERIFIES), FRAME_UNFIT_ROLE},
    {"AES with all else but wrapping", AES,
     BIT(ENCRYPTS) | BIT(DECRYPTS) | BIT(SIGNS) | BIT(VERIFIES) | BIT(DERIVES), FRAME_FIT},
    {"MAC as ours", MAC, BIT(SIGNS), FRAME_FIT},
    {"MAC that verifies too", MAC, BIT(SIGNS) | BIT(VERIFIES), FRAME_FIT},
    {"MAC that only verifies", MAC, BIT(VERIFIES), FRAME_UNFIT_ROLE},
    {"pair as ours", SIGN, BIT(SIGNS), FRAME_FIT},
    {"pair, unprotected", SIGN, BIT(SIGNS) | UNPROTECTED, FRAME_FIT},
    {"pair that derives", SIGN, BIT(SIGNS) | BIT(DERIVES), FRAME_FIT},
    {"pair that only derives", SIGN, BIT(DERIVES), FRAME_UNFIT_ROLE},
    {"pair that asks", SIGN, BIT(SIGNS) | BIT(ALWAYS_AUTHENTICATE), FRAME_UNFIT_ASKING},
    {"RSA to decrypt", OPEN, BIT(DECRYPTS), FRAME_FIT},
    {"RSA to decrypt that signs", OPEN, BIT(SIGNS), FRAME_UNFIT_ROLE},
    {"RSA to sign that decrypts", RSA, BIT(DECRYPTS), FRAME_UNFIT_ROLE},
    {"RSA for both, as signer", RSA, BIT(SIGNS) | BIT(DECRYPTS), FRAME_FIT},
    {"RSA for both, as opener", OPEN, BIT(SIGNS) | BIT(DECRYPTS), FRAME_FIT},
    /* keys that give others away, whatever they are wanted for */
    {"wrap and decrypt", AES, BIT(ENCRYPTS) | BIT(DECRYPTS) | BIT(WRAPS), FRAME_UNFIT_LEAKY},
    {"wrap and decrypt on a MAC key", MAC, BIT(SIGNS) | BIT(DECRYPTS) | BIT(WRAPS),
     FRAME_UNFIT_LEAKY},
    {"wrap without decrypt", MAC, BIT(SIGNS) | BIT(WRAPS), FRAME_FIT},
    {"wrap and unwrap without decrypt", MAC, BIT(SIGNS) | BIT(WRAPS) | BIT(UNWRAPS) | UNPROTECTED,
     FRAME_FIT},
    {"unwrap and decrypt", AES, BIT(ENCRYPTS) | BIT(DECRYPTS) | BIT(UNWRAPS), FRAME_FIT},
    {"unwrap, decrypt, extract", AES,
     BIT(ENCRYPTS) | BIT(DECRYPTS) | BIT(UNWRAPS) | BIT(EXTRACTABLE), FRAME_UNFIT_LEAKY},
    {"RSA: unwrap and decrypt", OPEN, BIT(DECRYPTS) | BIT(UNWRAPS), FRAME_FIT},
    {"RSA: unwrap and decrypt, once extractable", OPEN,
     BIT(DECRYPTS) | BIT(UNWRAPS) | BIT(WAS_EXTRACTABLE), FRAME_FIT},
    {"RSA: unwrap, decrypt, extract", OPEN, BIT(DECRYPTS) | BIT(UNWRAPS) | BIT(EXTRACTABLE),
     FRAME_UNFIT_LEAKY},
    {"RSA: the same, to sign", RSA, BIT(SIGNS) | BIT(DECRYPTS) | BIT(UNWRAPS) | BIT(EXTRACTABLE),
     FRAME_UNFIT_LEAKY},
    {"RSA: decrypt and extract", OPEN, BIT(DECRYPTS) | BIT(EXTRACTABLE), FRAME_FIT},
    {"RSA: unwrap and extract", RSA, BIT(SIGNS) | BIT(UNWRAPS) | BIT(EXTRACTABLE), FRAME_FIT},
};

static void test_attributes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct token_key key = {.algorithm = cases[i].algorithm, .purpose = cases[i].purpose};
        const struct token_object object = {.class = cases[i].class,
                                            .has_algorithm = true,
                                            .algorithm = cases[i].algorithm,
                                            .attributes = cases[i].attributes,
                                            .cka_id_len = 1};
        enum frame_unfit unfit = fitness_judge(&object, &key);
        if (unfit != cases[i].unfit) {
            fail_msg("%s: %d", cases[i].name, (int)unfit);
        }
    }
}

static void test_what_it_is(void **state)
{
    (void)state;
    const struct token_key key = {.algorithm = ALGORITHM_AES_256_GCM, .purpose = PURPOSE_ENCRYPT};
    const struct token_object good = {.class = TOKEN_OBJECT_SECRET,
                                      .has_algorithm = true,
                                      .algorithm = ALGORITHM_AES_256_GCM,
                                      .attributes = BIT(ENCRYPTS) | BIT(DECRYPTS),
                                      .cka_id_len = TOKEN_CKA_ID_MAX};
    struct token_object object = good;
    assert_int_equal(fitness_judge(&object, &key), FRAME_FIT);
    object.cka_id_len = 0;
    assert_int_equal(fitness_judge(&object, &key), FRAME_UNFIT_NO_ID);
    object = good;
    object.has_algorithm = false;
    assert_int_equal(fitness_judge(&object, &key), FRAME_UNFIT_ALGORITHM);
    object = good;
    object.algorithm = ALGORITHM_HMAC_SHA256;
    assert_int_equal(fitness_judge(&object, &key), FRAME_UNFIT_ALGORITHM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
