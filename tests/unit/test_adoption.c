/* Versions of material that was on the token before: what is taken, what is refused, and that
 * nothing that failed touches what is somebody's. */
#include "tests/unit/rotation_test.h"

#define BIT(attribute) (1u << TOKEN_ATTRIBUTE_##attribute)

static const uint8_t id[] = {0xa1, 0xa2};

static struct rotation_adoption by_label(const char *label, uint32_t allow)
{
    return (struct rotation_adoption){.label = label, .allow = allow};
}

static struct rotation_adoption by_id(void)
{
    return (struct rotation_adoption){.cka_ids = {span_of(id, sizeof(id))}, .cka_id_count = 1};
}

static struct err adopt(struct bench *bench, const char *name,
                        const struct rotation_adoption *adoption)
{
    struct key_spec spec = spec_of(name);
    struct moment moment = moment_at(NOW);
    spec.algorithm = ALGORITHM_ECDSA_P256;
    spec.purpose = PURPOSE_SIGN;
    return rotation_adopt_key(&bench->rotation, &spec, adoption, &moment, SOON);
}

static void put(struct bench *bench, const char *label, uint32_t more)
{
    fake_token_import(bench->token, span_of(id, sizeof(id)), label, ALGORITHM_ECDSA_P256,
                      BIT(SIGNS) | more);
}

static void check_version(struct bench *bench, uint32_t attributes)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(bench->fixture.store, span_text("a/b"));
    assert_non_null(key);
    const struct version *version = key_primary(key);
    assert_true(version->adopted);
    assert_int_equal(version->attributes, attributes);
    assert_int_equal(version->cka_id_len, sizeof(id));
    assert_memory_equal(version->cka_id, id, sizeof(id));
    assert_int_equal(version->identity_len, SHA256_LEN);
    assert_true(version->public_key.len > 0);
}

static void takes_what_is_there(void **state)
{
    (void)state;
    const struct rotation_adoption ways[] = {by_id(), by_label("theirs", 0)};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        CLEANUP(bench_drop) struct bench bench;
        bench_make(&bench);
        put(&bench, "theirs", BIT(IMPORTED));
        assert_ok(adopt(&bench, "a/b", &ways[i]));
        check_version(&bench, BIT(SIGNS) | BIT(IMPORTED));
        bench_reopen(&bench);
        check_version(&bench, BIT(SIGNS) | BIT(IMPORTED)); /* for ever */
        assert_int_equal(fake_token_calls(bench.token, FAKE_GENERATE), 0);
        assert_int_equal(fake_token_count(bench.token), 1);
    }
}

static void the_next_version_is_made_here(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    put(&bench, "theirs", 0);
    struct rotation_adoption adoption = by_label("theirs", 0);
    assert_ok(adopt(&bench, "a/b", &adoption));
    uint32_t number = 0;
    assert_ok(rotate(&bench, "a/b", &number));
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(bench.fixture.store, span_text("a/b"));
    assert_false(key_primary(key)->adopted);
    assert_true(key->versions[0].adopted);
}

static void a_version_is_adopted_beside_ours(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    assert_ok(create(&bench, "a/b", ALGORITHM_ECDSA_P256));
    put(&bench, "theirs", 0);
    struct rotation_adoption adoption = by_label("theirs", 0);
    struct moment moment = moment_at(NOW + 1);
    uint32_t number = 0;
    assert_ok(rotation_adopt_version(&bench.rotation, span_text("a/b"), ROTATE_BY_POLICY, &adoption,
                                     &moment, SOON, &number));
    assert_int_equal(number, 2);
    check_version(&bench, BIT(SIGNS));
    /* once is enough */
    assert_code(adopt(&bench, "a/c", &adoption), ERR_CONFLICT);
    assert_null(keystore_find_any(bench.fixture.store, span_text("a/c")));
    assert_int_equal(fake_token_count(bench.token), 2);
}

static void what_gets_out_is_refused_unless_allowed(void **state)
{
    (void)state;
    static const struct {
        uint32_t attributes;
        const char *says;
    } rows[] = {
        {BIT(EXTRACTABLE), "[\"extractable\"]"},
        {BIT(NOT_SENSITIVE), "[\"extractable\"]"},
        {BIT(PUBLIC_OBJECT), "[\"extractable\"]"},
        {BIT(MODIFIABLE), "[\"modifiable\"]"},
        {BIT(COPYABLE), "[\"modifiable\"]"},
        {BIT(EXTRACTABLE) | BIT(COPYABLE), "[\"extractable\", \"modifiable\"]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(bench_drop) struct bench bench;
        bench_make(&bench);
        put(&bench, "theirs", rows[i].attributes);
        struct rotation_adoption adoption = by_label("theirs", 0);
        struct err err = adopt(&bench, "a/b", &adoption);
        assert_int_equal(err.code, ERR_UNSUPPORTED_OPERATION);
        if (strstr(err.detail, rows[i].says) == NULL) {
            fail_msg("%s", err.detail);
        }
        expect_nothing(&bench, "a/b", 1);
        adoption.allow = adoption_extractable() | adoption_modifiable();
        assert_ok(adopt(&bench, "a/b", &adoption));
        check_version(&bench, BIT(SIGNS) | rows[i].attributes);
    }
}

static void names_that_do_not_fit(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    struct rotation_adoption adoption = by_label("theirs", 0);
    assert_code(adopt(&bench, "a/b", &adoption), ERR_NOT_FOUND);
    put(&bench, "theirs", 0);
    uint8_t other[] = {0xb1};
    fake_token_import(bench.token, span_of(other, 1), "theirs", ALGORITHM_ECDSA_P256, BIT(SIGNS));
    assert_code(adopt(&bench, "a/b", &adoption), ERR_CONFLICT);
    /* a text that reads as two CKA_IDs, one of which is there, or both */
    uint8_t third[] = {0xc1};
    struct rotation_adoption both = {.cka_ids = {span_of(third, 1), span_of(id, sizeof(id))},
                                     .cka_id_count = 2};
    assert_ok(adopt(&bench, "a/b", &both));
    both.cka_ids[0] = span_of(other, 1);
    assert_code(adopt(&bench, "a/c", &both), ERR_CONFLICT);
    both = (struct rotation_adoption){.cka_ids = {span_of(third, 1)}, .cka_id_count = 1};
    assert_code(adopt(&bench, "a/c", &both), ERR_NOT_FOUND);
}

static void a_key_with_approvals_is_made_here(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    struct key_spec spec = spec_of("a/b");
    struct moment moment = moment_at(NOW);
    struct rotation_adoption adoption = by_label("theirs", 0);
    fake_token_import(bench.token, span_of(id, sizeof(id)), "theirs", ALGORITHM_AES_256_GCM,
                      BIT(ENCRYPTS) | BIT(DECRYPTS));
    spec.facts.approval = (struct approval_rule){"officers", 2};
    assert_code(rotation_adopt_key(&bench.rotation, &spec, &adoption, &moment, SOON),
                ERR_UNSUPPORTED_OPERATION);
    expect_nothing(&bench, "a/b", 1);
}

static void what_fails_leaves_the_material_alone(void **state)
{
    (void)state;
    static const struct fake_fault faults[] = {
        {.call = FAKE_ADOPT, .action = FAKE_REFUSE, .code = ERR_TOKEN_UNAVAILABLE},
        {.call = FAKE_ADOPT, .action = FAKE_REFUSE, .countdown = 1, .code = ERR_DEADLINE},
        {.call = FAKE_ADOPT, .action = FAKE_LOSE, .countdown = 1, .code = ERR_TOKEN_UNAVAILABLE},
        {.call = FAKE_RUN, .action = FAKE_CORRUPT}, /* the first use */
    };
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        CLEANUP(bench_drop) struct bench bench;
        bench_make(&bench);
        put(&bench, "theirs", 0);
        struct rotation_adoption adoption = by_label("theirs", 0);
        fake_token_fault(bench.token, faults[i]);
        struct err err = adopt(&bench, "a/b", &adoption);
        assert_int_not_equal(err.code, ERR_OK);
        heal(&bench);
        expect_nothing(&bench, "a/b", 1);
        assert_int_equal(fake_token_calls(bench.token, FAKE_DESTROY), 0);
        assert_ok(adopt(&bench, "a/b", &adoption));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_there),
        cmocka_unit_test(the_next_version_is_made_here),
        cmocka_unit_test(a_version_is_adopted_beside_ours),
        cmocka_unit_test(what_gets_out_is_refused_unless_allowed),
        cmocka_unit_test(names_that_do_not_fit),
        cmocka_unit_test(a_key_with_approvals_is_made_here),
        cmocka_unit_test(what_fails_leaves_the_material_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
