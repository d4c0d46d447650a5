/* The tables of algorithms, schemes and purposes. */
#include "base_test.h"

#include "base/algorithm.h"

static void names_lead_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ALGORITHM_COUNT; i++) {
        enum algorithm found = ALGORITHM_COUNT;
        assert_true(algorithm_by_name(span_text(algorithm_info((enum algorithm)i)->name), &found));
        assert_int_equal(found, i);
    }
    for (unsigned i = 0; i < SCHEME_COUNT; i++) {
        enum scheme found = SCHEME_COUNT;
        assert_true(scheme_by_name(span_text(scheme_info((enum scheme)i)->name), &found));
        assert_int_equal(found, i);
    }
    for (unsigned i = 0; i < PURPOSE_COUNT; i++) {
        enum purpose found = PURPOSE_COUNT;
        assert_true(purpose_by_name(span_text(purpose_name((enum purpose)i)), &found));
        assert_int_equal(found, i);
    }
}

static void foreign_names_are_unknown(void **state)
{
    (void)state;
    static const char *const names[] = {"",      "AES-256-GCM", "aes-256-gcm ", "aes-256", "es256",
                                        "eddsa", "none",        "HS256",        "Encrypt"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        enum algorithm algorithm = ALGORITHM_COUNT;
        enum scheme scheme = SCHEME_COUNT;
        enum purpose purpose = PURPOSE_COUNT;
        assert_false(algorithm_by_name(span_text(names[i]), &algorithm));
        assert_false(scheme_by_name(span_text(names[i]), &scheme));
        assert_false(purpose_by_name(span_text(names[i]), &purpose));
        assert_int_equal(algorithm, ALGORITHM_COUNT);
    }
}

static void purposes_follow_the_algorithm(void **state)
{
    (void)state;
    static const struct {
        enum algorithm algorithm;
        bool encrypt, mac, sign, decrypt;
    } cases[] = {
        {ALGORITHM_AES_256_GCM, true, false, false, false},
        {ALGORITHM_HMAC_SHA384, false, true, false, false},
        {ALGORITHM_ECDSA_P521, false, false, true, false},
        {ALGORITHM_ED25519, false, false, true, false},
        {ALGORITHM_RSA_3072, false, false, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum algorithm algorithm = cases[i].algorithm;
        assert_int_equal(algorithm_allows(algorithm, PURPOSE_ENCRYPT), cases[i].encrypt);
        assert_int_equal(algorithm_allows(algorithm, PURPOSE_MAC), cases[i].mac);
        assert_int_equal(algorithm_allows(algorithm, PURPOSE_SIGN), cases[i].sign);
        assert_int_equal(algorithm_allows(algorithm, PURPOSE_DECRYPT), cases[i].decrypt);
    }
}

static void schemes_fit_their_keys_only(void **state)
{
    (void)state;
    static const struct {
        enum algorithm algorithm;
        enum scheme preferred;
        unsigned fitting; /* how many schemes */
    } cases[] = {
        {ALGORITHM_AES_256_GCM, SCHEME_COUNT, 0}, {ALGORITHM_HMAC_SHA256, SCHEME_COUNT, 0},
        {ALGORITHM_ECDSA_P256, SCHEME_ES256, 1},  {ALGORITHM_ECDSA_P384, SCHEME_ES384, 1},
        {ALGORITHM_ECDSA_P521, SCHEME_ES512, 1},  {ALGORITHM_ED25519, SCHEME_EDDSA, 1},
        {ALGORITHM_RSA_2048, SCHEME_RS256, 6},    {ALGORITHM_RSA_4096, SCHEME_RS256, 6},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned fitting = 0;
        for (unsigned s = 0; s < SCHEME_COUNT; s++) {
            fitting += scheme_fits((enum scheme)s, cases[i].algorithm);
        }
        assert_int_equal(fitting, cases[i].fitting);
        assert_int_equal(scheme_default(cases[i].algorithm), cases[i].preferred);
    }
    assert_false(scheme_fits(SCHEME_ES256, ALGORITHM_ECDSA_P384));
}

static void sizes_are_those_of_the_standards(void **state)
{
    (void)state;
    assert_int_equal(algorithm_info(ALGORITHM_ECDSA_P521)->signature_len, 132);
    assert_int_equal(algorithm_info(ALGORITHM_RSA_3072)->signature_len, 384);
    assert_int_equal(algorithm_info(ALGORITHM_ED25519)->signature_len, 64);
    for (unsigned i = ALGORITHM_HMAC_SHA256; i <= ALGORITHM_HMAC_SHA512; i++) {
        const struct algorithm_info *info = algorithm_info((enum algorithm)i);
        assert_int_equal(info->signature_len, digest_len(info->digest));
    }
    assert_int_equal(scheme_info(SCHEME_ES512)->digest, DIGEST_SHA512);
    assert_int_equal(scheme_info(SCHEME_PS384)->digest, DIGEST_SHA384);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_back),
        cmocka_unit_test(foreign_names_are_unknown),
        cmocka_unit_test(purposes_follow_the_algorithm),
        cmocka_unit_test(schemes_fit_their_keys_only),
        cmocka_unit_test(sizes_are_those_of_the_standards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
