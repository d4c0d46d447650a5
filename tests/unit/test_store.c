/* Opening, closing, finding and listing through the face. */
#include "base/file.h"
#include "tests/unit/keystore_test.h"

static void finds_only_what_was_ever_active(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    reserve_key(fixture.store, "a/making");
    make_active(fixture.store, "a/made");
    assert_null(keystore_find(fixture.store, span_text("a/making")));
    assert_null(keystore_find(fixture.store, span_text("a/none")));
    assert_int_equal(keystore_count(fixture.store), 1);

    CLEANUP(key_release_at)
    const struct key *making = keystore_find_any(fixture.store, span_text("a/making"));
    CLEANUP(key_release_at)
    const struct key *made = keystore_find(fixture.store, span_text("a/made"));
    CLEANUP(key_release_at) const struct key *by_id = keystore_find_id(fixture.store, made->id);
    assert_non_null(making);
    assert_ptr_equal(by_id, made);
    assert_null(keystore_find_id(fixture.store, making->id));
    assert_null(keystore_find_id(fixture.store, uuid_make()));

    size_t count = 0;
    struct span all = {0};
    const struct key **keys = keystore_list(fixture.store, all, all, 9, LIST_USABLE, &count);
    assert_int_equal(count, 1);
    keystore_list_free(keys, count);
    keys = keystore_list(fixture.store, all, all, 9, LIST_EVERYTHING, &count);
    assert_int_equal(count, 2);
    keystore_list_free(keys, count);
    keystore_list_free(NULL, 0);
}

/* A disabled primary is no primary, but the key is still there. */
static void finds_keys_without_a_primary(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    assert_ok(move(fixture.store, "a/b", 1, VERSION_ACTIVE, VERSION_DISABLED));
    fixture_reopen(&fixture);
    CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, span_text("a/b"));
    assert_non_null(key);
    assert_int_equal(key->primary, 0);
}

static void refuses_a_second_process(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct keystore *second = NULL;
    assert_code(keystore_open(fixture.path, &second), ERR_CONFLICT);
    assert_null(second);
    assert_ok(keystore_check(fixture.store));
}

static void refuses_damage(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    assert_ok(
        file_write(fixture.path, span_text("this is no database, whatever its name says"), 0600));
    assert_code(keystore_open(fixture.path, &fixture.store), ERR_CORRUPT);
    assert_code(keystore_open("/nonexistent/keys.db", &fixture.store), ERR_STORE_UNAVAILABLE);
    keystore_close(NULL);
}

static void lets_one_make_a_key(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    assert_ok(keystore_claim(fixture.store, span_text("a/b")));
    assert_code(keystore_claim(fixture.store, span_text("a/b")), ERR_CONFLICT);
    keystore_unclaim(fixture.store, span_text("a/b"));
    assert_ok(keystore_claim(fixture.store, span_text("a/b")));
}

/* A key that somebody holds stays as it was, whatever happens to the store. */
static void held_keys_never_change(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, span_text("a/b"));
    assert_ok(move(fixture.store, "a/b", 1, VERSION_ACTIVE, VERSION_COMPROMISED));
    keystore_close(fixture.store);
    fixture.store = NULL;
    assert_string_equal(key->name, "a/b");
    assert_int_equal(key_primary(key)->state, VERSION_ACTIVE);
    assert_int_equal(uses_count(&key->versions[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_only_what_was_ever_active),
        cmocka_unit_test(finds_keys_without_a_primary),
        cmocka_unit_test(refuses_a_second_process),
        cmocka_unit_test(refuses_damage),
        cmocka_unit_test(lets_one_make_a_key),
        cmocka_unit_test(held_keys_never_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
