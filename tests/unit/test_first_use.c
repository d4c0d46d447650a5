/* A good key of every algorithm passes its first use; a bad one never does. */
#include "rotation/first_use.h"

#include "tests/unit/rotation_test.h"

struct subject {
    struct bench bench;
    struct token_key key;
    struct buf public_key;
};

static void subject_make(struct subject *subject, enum algorithm algorithm, enum purpose purpose)
{
    *subject = (struct subject){0};
    bench_make(&subject->bench);
    subject->key = (struct token_key){.cka_id_len = 18, .algorithm = algorithm, .purpose = purpose};
    random_bytes(subject->key.cka_id, 18);
    assert_ok(
        token_generate(subject->bench.token, &subject->key, "a/b@1", SOON, &subject->public_key));
}

static void subject_drop(struct subject *subject)
{
    buf_clear(&subject->public_key);
    bench_drop(&subject->bench);
}

static struct err check(struct subject *subject, uint32_t approvals)
{
    struct first_use use = {.token = subject->bench.token,
                            .key = &subject->key,
                            .public_key = buf_span(&subject->public_key),
                            .approvals = approvals,
                            .deadline_ns = SOON};
    return first_use_check(&use);
}

static const struct {
    enum algorithm algorithm;
    enum purpose purpose;
} kinds[] = {
    {ALGORITHM_AES_256_GCM, PURPOSE_ENCRYPT}, {ALGORITHM_HMAC_SHA256, PURPOSE_MAC},
    {ALGORITHM_HMAC_SHA384, PURPOSE_MAC},     {ALGORITHM_HMAC_SHA512, PURPOSE_MAC},
    {ALGORITHM_ECDSA_P256, PURPOSE_SIGN},     {ALGORITHM_ECDSA_P384, PURPOSE_SIGN},
    {ALGORITHM_ECDSA_P521, PURPOSE_SIGN},     {ALGORITHM_ED25519, PURPOSE_SIGN},
    {ALGORITHM_RSA_2048, PURPOSE_SIGN},       {ALGORITHM_RSA_2048, PURPOSE_DECRYPT},
};

static void passes_good_keys_and_no_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const char *name = algorithm_info(kinds[i].algorithm)->name;
        CLEANUP(subject_drop) struct subject subject;
        subject_make(&subject, kinds[i].algorithm, kinds[i].purpose);
        assert_code_of(name, check(&subject, 0), ERR_OK);
        struct fake_fault fault = {.call = FAKE_RUN, .action = FAKE_CORRUPT};
        fault.countdown = kinds[i].purpose == PURPOSE_MAC ? 1 : 0;
        fake_token_fault(subject.bench.token, fault);
        assert_code_of(name, check(&subject, 0), ERR_TOKEN_UNAVAILABLE);
        fault =
            (struct fake_fault){.call = FAKE_RUN, .action = FAKE_REFUSE, .code = ERR_OVERLOADED};
        fake_token_fault(subject.bench.token, fault);
        assert_code_of(name, check(&subject, 0), ERR_OVERLOADED);
        fault = (struct fake_fault){.call = FAKE_RUN, .action = FAKE_BREAK, .code = ERR_INTERNAL};
        fake_token_fault(subject.bench.token, fault);
        assert_code_of(name, check(&subject, 0), ERR_INTERNAL);
    }
}

static void refuses_halves_of_different_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].purpose != PURPOSE_SIGN && kinds[i].purpose != PURPOSE_DECRYPT) {
            continue;
        }
        CLEANUP(subject_drop) struct subject subject;
        CLEANUP(subject_drop) struct subject other;
        subject_make(&subject, kinds[i].algorithm, kinds[i].purpose);
        subject_make(&other, kinds[i].algorithm, kinds[i].purpose);
        subject.key.identity[0] ^= 1;
        assert_code(check(&subject, 0), ERR_TOKEN_UNAVAILABLE);
        subject.key.identity[0] ^= 1;
        assert_ok(check(&subject, 0));
        buf_move(&subject.public_key, &other.public_key);
        assert_code(check(&subject, 0), ERR_TOKEN_UNAVAILABLE); /* not what identity names */
        memcpy(subject.key.identity, other.key.identity, SHA256_LEN);
        assert_code(check(&subject, 0), ERR_TOKEN_UNAVAILABLE); /* it does not verify */
    }
}

static void does_not_decrypt_under_approval(void **state)
{
    (void)state;
    static const size_t which[] = {0, ARRAY_LEN(kinds) - 1}; /* AES, and RSA for decryption */
    for (size_t i = 0; i < ARRAY_LEN(which); i++) {
        CLEANUP(subject_drop) struct subject subject;
        subject_make(&subject, kinds[which[i]].algorithm, kinds[which[i]].purpose);
        assert_ok(check(&subject, 2));
        assert_int_equal(fake_token_decryptions(subject.bench.token), 0);
        assert_ok(check(&subject, 0));
        assert_int_equal(fake_token_decryptions(subject.bench.token), 1);
    }
}

static void uses_the_hash_that_the_probe_found(void **state)
{
    (void)state;
    CLEANUP(subject_drop) struct subject subject;
    subject_make(&subject, ALGORITHM_RSA_2048, PURPOSE_DECRYPT);
    fake_token_offer_oaep_sha256(subject.bench.token);
    assert_ok(check(&subject, 0));
}

static void signs_with_the_padding_that_the_probe_found(void **state)
{
    (void)state;
    CLEANUP(subject_drop) struct subject subject;
    subject_make(&subject, ALGORITHM_RSA_2048, PURPOSE_SIGN);
    fake_token_sign_with_pss_only(subject.bench.token);
    assert_ok(check(&subject, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_good_keys_and_no_others),
        cmocka_unit_test(refuses_halves_of_different_pairs),
        cmocka_unit_test(does_not_decrypt_under_approval),
        cmocka_unit_test(uses_the_hash_that_the_probe_found),
        cmocka_unit_test(signs_with_the_padding_that_the_probe_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
