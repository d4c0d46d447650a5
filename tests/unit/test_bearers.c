/* Bearer tokens: put, find, expire, delete, and again after reopening. */
#include "tests/unit/keystore_test.h"

static struct bearer bearer_of(const char *name, uint8_t seed, int64_t expires_at)
{
    struct bearer bearer = {.created_at = NOW, .expires_at = expires_at};
    (void)snprintf(bearer.name, sizeof(bearer.name), "%s", name);
    memset(bearer.hash, seed, sizeof(bearer.hash));
    return bearer;
}

static bool finds(struct keystore *store, uint8_t seed, int64_t now)
{
    struct bearer wanted = bearer_of("", seed, 0);
    struct bearer found = {0};
    bool ok = keystore_find_bearer(store, wanted.hash, now, &found);
    assert_true(!ok || memcmp(found.hash, wanted.hash, sizeof(found.hash)) == 0);
    return ok;
}

static void finds_by_hash_until_expiry(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct bearer always = bearer_of("always", 1, 0);
    struct bearer brief = bearer_of("brief", 2, NOW + 10);
    assert_ok(keystore_put_bearer(fixture.store, &always, NOW));
    assert_ok(keystore_put_bearer(fixture.store, &brief, NOW));
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_true(finds(fixture.store, 1, NOW));
        assert_true(finds(fixture.store, 1, INT64_MAX));
        assert_true(finds(fixture.store, 2, NOW + 9));
        assert_false(finds(fixture.store, 2, NOW + 10));
        assert_false(finds(fixture.store, 3, NOW));
        fixture_reopen(&fixture);
    }
}

/* Hashes in one bucket that differ in their last byte only. */
static void tells_neighbours_apart(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    for (uint8_t i = 0; i < 20; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "n%u", i);
        struct bearer bearer = bearer_of(name, 9, 0);
        bearer.hash[SHA256_LEN - 1] = i;
        assert_ok(keystore_put_bearer(fixture.store, &bearer, NOW));
    }
    for (uint8_t i = 0; i < 25; i++) {
        struct bearer wanted = bearer_of("", 9, 0);
        struct bearer found = {0};
        char name[8];
        wanted.hash[SHA256_LEN - 1] = i;
        (void)snprintf(name, sizeof(name), "n%u", i);
        bool ok = keystore_find_bearer(fixture.store, wanted.hash, NOW, &found);
        assert_int_equal(ok, i < 20);
        assert_true(!ok || strcmp(found.name, name) == 0);
    }
}

static void gives_a_name_once(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct bearer first = bearer_of("ci", 1, NOW + 10);
    struct bearer second = bearer_of("ci", 2, 0);
    struct bearer same_hash = bearer_of("other", 1, 0);
    assert_ok(keystore_put_bearer(fixture.store, &first, NOW));
    assert_code(keystore_put_bearer(fixture.store, &second, NOW + 9), ERR_CONFLICT);
    assert_code(keystore_put_bearer(fixture.store, &same_hash, NOW + 9), ERR_CONFLICT);
    assert_false(finds(fixture.store, 2, NOW));
    /* An expired one gives way. */
    assert_ok(keystore_put_bearer(fixture.store, &second, NOW + 10));
    assert_true(finds(fixture.store, 2, NOW));
    assert_false(finds(fixture.store, 1, NOW));
    fixture_reopen(&fixture);
    assert_true(finds(fixture.store, 2, NOW));
    assert_false(finds(fixture.store, 1, NOW));
}

static void deletes_at_once(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct bearer bearer = bearer_of("ci", 1, 0);
    assert_code(keystore_delete_bearer(fixture.store, span_text("ci")), ERR_NOT_FOUND);
    assert_ok(keystore_put_bearer(fixture.store, &bearer, NOW));
    assert_code(keystore_delete_bearer(fixture.store, span_text("c")), ERR_NOT_FOUND);
    assert_ok(keystore_delete_bearer(fixture.store, span_text("ci")));
    assert_false(finds(fixture.store, 1, NOW));
    fixture_reopen(&fixture);
    assert_false(finds(fixture.store, 1, NOW));
    assert_ok(keystore_put_bearer(fixture.store, &bearer, NOW));
}

static void remembers_the_last_use(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    static const char *const names[] = {"zeta", "alpha", "mid"};
    for (uint8_t i = 0; i < ARRAY_LEN(names); i++) {
        struct bearer bearer = bearer_of(names[i], i, 0);
        assert_ok(keystore_put_bearer(fixture.store, &bearer, NOW));
    }
    assert_true(finds(fixture.store, 1, NOW + 77));
    for (int reopened = 0; reopened < 2; reopened++) {
        size_t count = 0;
        CLEANUP(mem_free_at)
        struct bearer *list = keystore_list_bearers(fixture.store, &count);
        assert_int_equal(count, 3);
        assert_string_equal(list[0].name, "alpha");
        assert_string_equal(list[1].name, "mid");
        assert_string_equal(list[2].name, "zeta");
        assert_true(list[0].last_used_at == NOW + 77);
        assert_true(list[1].last_used_at == 0);
        fixture_reopen(&fixture);
    }
}

/* As long as each of its texts and bytes may be. */
static struct bearer access_key_of(const char *name, uint8_t seed, size_t sealed_len)
{
    struct bearer bearer = bearer_of(name, seed, NOW + 10);
    memset(bearer.access_key, 'A', sizeof(bearer.access_key) - 1);
    memset(bearer.subject, 's', sizeof(bearer.subject) - 1);
    for (size_t i = 0; i < sealed_len; i++) {
        bearer.sealed[i] = (uint8_t)(i + seed);
    }
    bearer.sealed_len = sealed_len;
    return bearer;
}

static void expect_same(struct keystore *store, const struct bearer *wanted)
{
    struct bearer found = {0};
    assert_true(keystore_find_bearer(store, wanted->hash, NOW, &found));
    assert_string_equal(found.name, wanted->name);
    assert_string_equal(found.access_key, wanted->access_key);
    assert_string_equal(found.subject, wanted->subject);
    assert_int_equal(found.sealed_len, wanted->sealed_len);
    assert_memory_equal(found.sealed, wanted->sealed, sizeof(found.sealed));
    assert_true(found.created_at == NOW && found.expires_at == wanted->expires_at);
}

static void keeps_access_keys_beside_tokens(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    const struct bearer token = bearer_of("token", 1, NOW + 10);
    const struct bearer small = access_key_of("small", 2, 1);
    const struct bearer large = access_key_of("large", 3, ACCESS_KEY_SEALED_MAX);
    assert_ok(keystore_put_bearer(fixture.store, &token, NOW));
    assert_ok(keystore_put_bearer(fixture.store, &small, NOW));
    assert_ok(keystore_put_bearer(fixture.store, &large, NOW));
    for (int reopened = 0; reopened < 3; reopened++) {
        expect_same(fixture.store, &token);
        expect_same(fixture.store, &small);
        expect_same(fixture.store, &large);
        assert_false(finds(fixture.store, 2, NOW + 10));
        fixture_reopen(&fixture);
    }
    /* Names are common to both, and what goes does not come back. */
    struct bearer same_name = access_key_of("token", 4, 1);
    assert_code(keystore_put_bearer(fixture.store, &same_name, NOW), ERR_CONFLICT);
    assert_ok(keystore_delete_bearer(fixture.store, span_text("small")));
    fixture_reopen(&fixture);
    assert_false(finds(fixture.store, 2, NOW));
    expect_same(fixture.store, &large);
}

/* An access key is whole or it is none. */
static void refuses_half_an_access_key(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct bearer halves[3];
    for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
        halves[i] = access_key_of("half", 1, 60);
    }
    halves[0].access_key[0] = '\0';
    halves[1].subject[0] = '\0';
    halves[2].sealed_len = 0;
    for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
        struct err err = keystore_put_bearer(fixture.store, &halves[i], NOW);
        assert_int_not_equal(err.code, ERR_OK);
        assert_false(finds(fixture.store, 1, NOW));
    }
    fixture_reopen(&fixture);
    assert_false(finds(fixture.store, 1, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_hash_until_expiry),
        cmocka_unit_test(tells_neighbours_apart),
        cmocka_unit_test(gives_a_name_once),
        cmocka_unit_test(deletes_at_once),
        cmocka_unit_test(remembers_the_last_use),
        cmocka_unit_test(keeps_access_keys_beside_tokens),
        cmocka_unit_test(refuses_half_an_access_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
