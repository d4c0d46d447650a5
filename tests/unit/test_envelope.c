/* The ciphertext format: what encode writes decode reads, and nothing else. */
#include "base_test.h"

#include "base/envelope.h"

static uint8_t bytes[ENVELOPE_MAX];

static struct envelope sample(enum envelope_type type, enum envelope_algorithm algorithm,
                              size_t body_len)
{
    struct envelope envelope = {
        .type = type,
        .version = 0x01020304,
        .algorithm = algorithm,
        .iv = span_of(bytes, algorithm == ENVELOPE_AES_256_GCM ? ENVELOPE_IV_LEN : 0),
        .body = span_of(bytes, body_len),
    };
    memset(envelope.key.bytes, 0xAB, UUID_LEN);
    return envelope;
}

static void layout_is_stable(void **state)
{
    (void)state;
    static const uint8_t head[] = {'H',  'S',  'G',  1,    2,    0xAB, 0xAB, 0xAB, 0xAB,
                                   0xAB, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB,
                                   0xAB, 0xAB, 0xAB, 1,    2,    3,    4,    1,    12};
    CLEANUP(buf_clear) struct buf blob = {0};
    struct envelope envelope = sample(ENVELOPE_DATA_KEY, ENVELOPE_AES_256_GCM, 32 + 16);
    assert_ok(envelope_encode(&envelope, &blob));
    assert_int_equal(sizeof(head), ENVELOPE_HEAD_LEN);
    assert_int_equal(blob.len, ENVELOPE_HEAD_LEN + 12 + 48);
    assert_memory_equal(blob.data, head, sizeof(head));
}

static const struct {
    enum envelope_type type;
    enum envelope_algorithm algorithm;
    size_t body_len;
} good[] = {
    {ENVELOPE_DATA, ENVELOPE_AES_256_GCM, 16},
    {ENVELOPE_DATA, ENVELOPE_AES_256_GCM, 17},
    {ENVELOPE_DATA, ENVELOPE_AES_256_GCM, PLAINTEXT_MAX + 16},
    {ENVELOPE_DATA_KEY, ENVELOPE_AES_256_GCM, 1 + 16},
    {ENVELOPE_DATA_KEY, ENVELOPE_AES_256_GCM, 16 + 16},
    {ENVELOPE_DATA_KEY, ENVELOPE_AES_256_GCM, DATA_KEY_MAX + 16},
    {ENVELOPE_DATA_KEY, ENVELOPE_AES_256_GCM, 24 + 16},
    {ENVELOPE_DATA_KEY, ENVELOPE_AES_256_GCM, 32 + 16},
    {ENVELOPE_DATA_KEY, ENVELOPE_AES_256_GCM, 64 + 16},
    {ENVELOPE_DATA, ENVELOPE_RSA_OAEP_SHA1, 256},
    {ENVELOPE_DATA, ENVELOPE_RSA_OAEP_SHA256, 384},
    {ENVELOPE_DATA, ENVELOPE_RSA_OAEP_SHA256, 512},
};

static void good_envelopes_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        CLEANUP(buf_clear) struct buf blob = {0};
        struct envelope back = {0};
        struct envelope envelope = sample(good[i].type, good[i].algorithm, good[i].body_len);
        assert_ok(envelope_encode(&envelope, &blob));
        assert_ok(envelope_decode(buf_span(&blob), &back));
        assert_int_equal(back.type, envelope.type);
        assert_int_equal(back.algorithm, envelope.algorithm);
        assert_int_equal(back.version, envelope.version);
        assert_true(uuid_equal(back.key, envelope.key));
        assert_true(span_equal(back.iv, envelope.iv));
        assert_true(span_equal(back.body, envelope.body));
    }
}

static void bad_envelopes_are_not_written(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf blob = {0};
    struct envelope cases[] = {
        sample(ENVELOPE_DATA, ENVELOPE_AES_256_GCM, 15),
        sample(ENVELOPE_DATA, ENVELOPE_AES_256_GCM, PLAINTEXT_MAX + 17),
        sample(ENVELOPE_DATA_KEY, ENVELOPE_AES_256_GCM, 16),
        sample(ENVELOPE_DATA_KEY, ENVELOPE_AES_256_GCM, DATA_KEY_MAX + 17),
        sample(ENVELOPE_DATA_KEY, ENVELOPE_RSA_OAEP_SHA1, 256),
        sample(ENVELOPE_DATA, ENVELOPE_RSA_OAEP_SHA1, 255),
        sample(ENVELOPE_DATA, ENVELOPE_RSA_OAEP_SHA1, 640),
        sample(ENVELOPE_DATA, ENVELOPE_AES_256_GCM, 16),
        sample(ENVELOPE_DATA, ENVELOPE_AES_256_GCM, 16),
        sample(ENVELOPE_DATA, ENVELOPE_AES_256_GCM, 16),
        sample(ENVELOPE_TYPE_END, ENVELOPE_AES_256_GCM, 16),
        sample(ENVELOPE_DATA, ENVELOPE_ALGORITHM_END, 16),
    };
    cases[7].version = 0;
    cases[8].version = 0x80000000u;
    cases[9].iv.len = 11;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_code(envelope_encode(&cases[i], &blob), ERR_INTERNAL);
        assert_int_equal(blob.len, 0);
    }
    assert_code(envelope_aad(&cases[7], (struct span){0}, &blob), ERR_INTERNAL);
}

/* Whatever decode accepts, encode writes back as the same bytes: there is one form only. */
static void flips_are_refused_or_another_envelope(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf blob = {0};
    struct envelope envelope = sample(ENVELOPE_DATA, ENVELOPE_AES_256_GCM, 32 + 16);
    assert_ok(envelope_encode(&envelope, &blob));
    size_t refused = 0;
    for (size_t bit = 0; bit < blob.len * 8; bit++) {
        CLEANUP(buf_clear) struct buf again = {0};
        struct envelope back = {0};
        blob.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct err err = envelope_decode(buf_span(&blob), &back);
        if (err.code == ERR_OK) {
            assert_ok(envelope_encode(&back, &again));
            assert_true(span_equal(buf_span(&again), buf_span(&blob)));
        } else {
            assert_int_equal(err.code, ERR_INVALID_CIPHERTEXT);
            assert_string_equal(err.detail, envelope_refusal().detail);
            refused++;
        }
        blob.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* magic and format 32, IV length 8, most of type and algorithm, the version's top bit */
    assert_in_range(refused, 32 + 8 + 13, 32 + 8 + 17);
}

static void truncations_are_refused(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf blob = {0};
    struct envelope envelope = sample(ENVELOPE_DATA, ENVELOPE_AES_256_GCM, 16);
    struct envelope back = {0};
    assert_ok(envelope_encode(&envelope, &blob));
    for (size_t len = 0; len < blob.len; len++) {
        assert_code(envelope_decode(span_of(blob.data, len), &back), ERR_INVALID_CIPHERTEXT);
    }
    assert_int_equal(back.version, 0); /* untouched */
    assert_ok(envelope_decode(buf_span(&blob), &back));
}

static void aad_binds_every_part_of_the_head(void **state)
{
    (void)state;
    struct envelope base = sample(ENVELOPE_DATA, ENVELOPE_AES_256_GCM, 16);
    struct envelope others[] = {base, base, base, base};
    others[0].type = ENVELOPE_DATA_KEY;
    others[1].key.bytes[15] ^= 1;
    others[2].version++;
    others[3].algorithm = ENVELOPE_RSA_OAEP_SHA1;
    CLEANUP(buf_clear) struct buf aad = {0};
    assert_ok(envelope_aad(&base, span_text("context"), &aad));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        CLEANUP(buf_clear) struct buf other = {0};
        assert_ok(envelope_aad(&others[i], span_text("context"), &other));
        assert_false(span_equal(buf_span(&aad), buf_span(&other)));
    }
    CLEANUP(buf_clear) struct buf other = {0};
    assert_ok(envelope_aad(&base, span_text("contexu"), &other));
    assert_false(span_equal(buf_span(&aad), buf_span(&other)));
    assert_memory_equal(aad.data, "hsmgate/v1/envelope\0HSG", 23);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_stable),
        cmocka_unit_test(good_envelopes_round_trip),
        cmocka_unit_test(bad_envelopes_are_not_written),
        cmocka_unit_test(flips_are_refused_or_another_envelope),
        cmocka_unit_test(truncations_are_refused),
        cmocka_unit_test(aad_binds_every_part_of_the_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
