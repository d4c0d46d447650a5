/* What reconcile undoes, what it only reports, and what it leaves alone. */
#include "tests/unit/rotation_test.h"

static struct reconcile_report reconcile(struct bench *bench)
{
    struct reconcile_report report = {99, 99, 99, 99};
    struct moment moment = moment_at(NOW + 1000);
    assert_ok(rotation_reconcile(&bench->rotation, bench->token, &moment, SOON, &report));
    return report;
}

static void expect_report(struct bench *bench, size_t undone, size_t orphans, size_t missing)
{
    struct reconcile_report report = reconcile(bench);
    assert_int_equal(report.undone, undone);
    assert_int_equal(report.orphans, orphans);
    assert_int_equal(report.missing, missing);
}

/* An object with the CKA_ID of the key's version, as a generation that was cut off leaves it. */
static void put_object(struct bench *bench, const char *name, uint32_t number)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find_any(bench->fixture.store, span_text(name));
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct token_key token_key = {0};
    rotation_token_key(key, key_version(key, number), &token_key);
    assert_ok(token_generate(bench->token, &token_key, name, SOON, &public_key));
}

static void put_orphan(struct bench *bench, enum algorithm algorithm)
{
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct token_key key = {.cka_id_len = 4, .algorithm = algorithm};
    random_bytes(key.cka_id, key.cka_id_len);
    assert_ok(token_generate(bench->token, &key, "stranger", SOON, &public_key));
}

static void finds_nothing_on_a_settled_token(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    uint32_t number = 0;
    expect_report(&bench, 0, 0, 0);
    assert_ok(create(&bench, "a/b", ALGORITHM_ECDSA_P256));
    assert_ok(create(&bench, "a/c", ALGORITHM_AES_256_GCM));
    assert_ok(rotate(&bench, "a/b", &number));
    expect_report(&bench, 0, 0, 0);
}

static void undoes_pending_versions(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    assert_ok(create(&bench, "a/b", ALGORITHM_AES_256_GCM));
    reserve_key(bench.fixture.store, "a/row");
    reserve_key(bench.fixture.store, "a/made");
    put_object(&bench, "a/made", 1);
    (void)reserve_version(bench.fixture.store, "a/b");
    put_object(&bench, "a/b", 2);
    record(bench.fixture.store, "a/b", 2);
    bench_reopen(&bench);
    expect_report(&bench, 3, 0, 0);
    expect_nothing(&bench, "a/row", 1);
    expect_nothing(&bench, "a/made", 1);
    expect_state(bench.fixture.store, "a/b", 1, VERSION_ACTIVE);
    expect_report(&bench, 0, 0, 0);
}

static void reports_orphans_and_leaves_them(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    put_orphan(&bench, ALGORITHM_ECDSA_P256); /* both halves are one */
    for (unsigned i = 0; i < 24; i++) {
        put_orphan(&bench, ALGORITHM_AES_256_GCM);
    }
    expect_report(&bench, 0, 25, 0);
    assert_int_equal(fake_token_count(bench.token), 25);
    assert_int_equal(fake_token_calls(bench.token, FAKE_DESTROY), 0);
}

static void reports_missing_material(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    static const char *const names[] = {"a/active", "a/disabled", "a/destroyed"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        make_active(bench.fixture.store, names[i]);
    }
    assert_ok(move(bench.fixture.store, "a/disabled", 1, VERSION_ACTIVE, VERSION_DISABLED));
    assert_ok(move(bench.fixture.store, "a/destroyed", 1, VERSION_ACTIVE, VERSION_DISABLED));
    assert_ok(
        move(bench.fixture.store, "a/destroyed", 1, VERSION_DISABLED, VERSION_DESTROY_SCHEDULED));
    assert_ok(
        move(bench.fixture.store, "a/destroyed", 1, VERSION_DESTROY_SCHEDULED, VERSION_DESTROYED));
    expect_report(&bench, 0, 0, 2);
    expect_state(bench.fixture.store, "a/active", 1, VERSION_ACTIVE);
}

static void leaves_other_tokens_alone(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    struct key_spec spec = spec_of("a/elsewhere");
    struct cka cka = cka_make();
    spec.token = "other";
    assert_ok(keystore_reserve_key(bench.fixture.store, &spec,
                                   &(struct version_source){.cka_id = cka_span(&cka)}, NOW));
    expect_report(&bench, 0, 0, 0);
    expect_state(bench.fixture.store, "a/elsewhere", 1, VERSION_PENDING);
}

/* The gateway serves already while a token comes up. */
static void leaves_versions_in_the_making_alone(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    reserve_key(bench.fixture.store, "a/b");
    put_object(&bench, "a/b", 1);
    assert_ok(keystore_claim(bench.fixture.store, span_text("a/b")));
    expect_report(&bench, 0, 0, 0);
    expect_state(bench.fixture.store, "a/b", 1, VERSION_PENDING);
    keystore_unclaim(bench.fixture.store, span_text("a/b"));
    expect_report(&bench, 1, 0, 0);
}

static void settles_what_it_can(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    reserve_key(bench.fixture.store, "a/b");
    reserve_key(bench.fixture.store, "a/c");
    struct fake_fault fault = {
        .call = FAKE_DESTROY, .action = FAKE_REFUSE, .countdown = 1, .code = ERR_TOKEN_UNAVAILABLE};
    fake_token_fault(bench.token, fault);
    expect_report(&bench, 1, 0, 0);
    expect_state(bench.fixture.store, "a/c", 1, VERSION_PENDING);
    heal(&bench);
    expect_report(&bench, 1, 0, 0);
    assert_null(keystore_find_any(bench.fixture.store, span_text("a/c")));
}

/* A worker that did not make it itself lets only a quorum destroy it; the start goes on. */
static void leaves_what_only_a_quorum_destroys(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    reserve_key(bench.fixture.store, "a/b");
    put_object(&bench, "a/b", 1);
    struct fake_fault fault = {
        .call = FAKE_DESTROY, .action = FAKE_REFUSE, .code = ERR_APPROVAL_REQUIRED};
    fake_token_fault(bench.token, fault);
    expect_report(&bench, 1, 1, 0);
    assert_null(keystore_find_any(bench.fixture.store, span_text("a/b")));
    assert_int_equal(fake_token_count(bench.token), 1);
    heal(&bench);
    expect_report(&bench, 0, 1, 0);
}

/* What verifiers may have seen is not taken back. */
static void keeps_what_was_published(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    assert_ok(create(&bench, "a/b", ALGORITHM_ECDSA_P256));
    set_policy(&bench, "a/b", &(struct rotation_policy){.publish_ahead = 60});
    uint32_t number = 0;
    assert_ok(rotate(&bench, "a/b", &number));
    expect_state(bench.fixture.store, "a/b", 2, VERSION_PENDING);
    expect_report(&bench, 0, 0, 0);
    expect_state(bench.fixture.store, "a/b", 2, VERSION_PENDING);
    assert_int_equal(fake_token_count(bench.token), 2);
}

/* The token may have destroyed it or not: both end in the row that says destroyed. */
static void finishes_destructions(void **state)
{
    (void)state;
    for (int gone = 0; gone < 2; gone++) {
        CLEANUP(bench_drop) struct bench bench;
        bench_make(&bench);
        struct keystore *store = bench.fixture.store;
        assert_ok(create(&bench, "a/b", ALGORITHM_ECDSA_P256));
        assert_ok(move(store, "a/b", 1, VERSION_ACTIVE, VERSION_COMPROMISED));
        assert_ok(move(store, "a/b", 1, VERSION_COMPROMISED, VERSION_DESTROY_SCHEDULED));
        assert_ok(keystore_begin_destroy(store, span_text("a/b"), 1, NULL));
        CLEANUP(key_release_at) const struct key *key = keystore_find(store, span_text("a/b"));
        const struct version *version = key_version(key, 1);
        if (gone == 1) {
            assert_ok(
                token_destroy(bench.token, span_of(version->cka_id, version->cka_id_len), SOON));
        }
        struct fake_fault fault = {
            .call = FAKE_DESTROY, .action = FAKE_REFUSE, .code = ERR_TOKEN_UNAVAILABLE};
        fake_token_fault(bench.token, fault);
        assert_int_equal(reconcile(&bench).destroyed, 0);
        expect_state(store, "a/b", 1, VERSION_DESTROY_SCHEDULED);
        heal(&bench);
        struct reconcile_report report = reconcile(&bench);
        assert_int_equal(report.destroyed, 1);
        assert_int_equal(report.missing + report.orphans, 0);
        expect_state(store, "a/b", 1, VERSION_DESTROYED);
        assert_int_equal(fake_token_count(bench.token), 0);
    }
}

/* Adopted material was there before us. */
static void leaves_adopted_material_on_the_token(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    assert_ok(create(&bench, "a/b", ALGORITHM_AES_256_GCM));
    struct cka cka = cka_make();
    struct token_key foreign = {.algorithm = ALGORITHM_AES_256_GCM,
                                .purpose = PURPOSE_ENCRYPT,
                                .cka_id_len = sizeof(cka.bytes)};
    CLEANUP(buf_clear) struct buf none = {0};
    memcpy(foreign.cka_id, cka.bytes, sizeof(cka.bytes));
    assert_ok(token_generate(bench.token, &foreign, "theirs", SOON, &none));
    struct version_source source = {.cka_id = cka_span(&cka), .adopted = true};
    uint32_t number = 0;
    assert_ok(
        keystore_reserve_version(bench.fixture.store, span_text("a/b"), &source, NOW, &number));
    expect_report(&bench, 1, 1, 0);
    assert_int_equal(fake_token_count(bench.token), 2);
}

static void gives_the_tokens_error(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    struct reconcile_report report = {99, 99, 99, 99};
    struct moment moment = moment_at(NOW + 1000);
    struct fake_fault fault = {
        .call = FAKE_INVENTORY, .action = FAKE_REFUSE, .code = ERR_TOKEN_UNAVAILABLE};
    fake_token_fault(bench.token, fault);
    assert_code(rotation_reconcile(&bench.rotation, bench.token, &moment, SOON, &report),
                ERR_TOKEN_UNAVAILABLE);
    assert_int_equal(report.orphans, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_nothing_on_a_settled_token),
        cmocka_unit_test(undoes_pending_versions),
        cmocka_unit_test(reports_orphans_and_leaves_them),
        cmocka_unit_test(reports_missing_material),
        cmocka_unit_test(leaves_other_tokens_alone),
        cmocka_unit_test(leaves_versions_in_the_making_alone),
        cmocka_unit_test(settles_what_it_can),
        cmocka_unit_test(leaves_what_only_a_quorum_destroys),
        cmocka_unit_test(keeps_what_was_published),
        cmocka_unit_test(finishes_destructions),
        cmocka_unit_test(leaves_adopted_material_on_the_token),
        cmocka_unit_test(gives_the_tokens_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
