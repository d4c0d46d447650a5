/* A chain stays with its version through moves and restarts. */
#include "tests/unit/keystore_test.h"

static void expect_chain(struct keystore *store, const char *chain)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find(store, span_text("a/b"));
    if (chain == NULL) {
        assert_null(key->versions[0].certificates);
    } else {
        assert_string_equal(key->versions[0].certificates, chain);
    }
}

static void make_certifiable(struct keystore *store)
{
    reserve_key(store, "a/b");
    assert_ok(keystore_record_material(store, span_text("a/b"), 1, span_text("identity"),
                                       span_text("a public key")));
    assert_ok(move(store, "a/b", 1, VERSION_PENDING, VERSION_ACTIVE));
}

static void a_chain_is_kept(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_certifiable(fixture.store);
    struct span name = span_text("a/b");
    char text[] = "one";
    expect_chain(fixture.store, NULL);
    assert_code(keystore_certify(fixture.store, span_text("a/c"), 1, text), ERR_NOT_FOUND);
    assert_code(keystore_certify(fixture.store, name, 2, text), ERR_NOT_FOUND);
    assert_ok(keystore_certify(fixture.store, name, 1, text));
    memset(text, 'x', sizeof(text) - 1); /* it was copied */
    expect_chain(fixture.store, "one");
    fixture_reopen(&fixture);
    expect_chain(fixture.store, "one");
    assert_ok(move(fixture.store, "a/b", 1, VERSION_ACTIVE, VERSION_DISABLED));
    assert_ok(keystore_certify(fixture.store, name, 1, "two"));
    fixture_reopen(&fixture);
    expect_chain(fixture.store, "two");
}

static void secret_keys_have_none(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    assert_code(keystore_certify(fixture.store, span_text("a/b"), 1, "one"), ERR_INVALID_STATE);
    expect_chain(fixture.store, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_kept),
        cmocka_unit_test(secret_keys_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
