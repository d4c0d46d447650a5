/* Who waits for changes learns of every key that should be looked at. */
#include "base/clock.h"
#include "base/sync.h"
#include "tests/unit/keystore_test.h"

#define NOT_YET (clock_deadline(60000))

static size_t look(struct fixture *fixture, struct uuid *out_first)
{
    struct key_changes changes = {0};
    keystore_await_changes(fixture->store, 0, &changes);
    if (changes.count > 0) {
        *out_first = changes.ids[0];
    }
    mem_free(changes.ids);
    return changes.count;
}

static struct uuid id_of(struct fixture *fixture)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find_any(fixture->store, span_text("a/b"));
    return key->id;
}

static void gathers_what_changed(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    struct uuid first = {0};
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    assert_int_equal(look(&fixture, &first), 0); /* nobody had asked */
    assert_ok(move(fixture.store, "a/b", 1, VERSION_ACTIVE, VERSION_DISABLED));
    assert_ok(move(fixture.store, "a/b", 1, VERSION_DISABLED, VERSION_ACTIVE));
    assert_int_equal(look(&fixture, &first), 2);
    assert_true(uuid_equal(first, id_of(&fixture)));
    assert_int_equal(look(&fixture, &first), 0);
    (void)reserve_version(fixture.store, "a/b");
    assert_ok(keystore_drop_pending(fixture.store, span_text("a/b"), 2));
    assert_int_equal(look(&fixture, &first), 2);
}

static void rings_once_near_the_limit_of_uses(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    struct uuid first = {0};
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    (void)look(&fixture, &first);
    CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, span_text("a/b"));
    uses_set_alarm(key_primary(key), 8);
    static const struct {
        uint64_t taken;
        size_t rung;
    } steps[] = {{7, 0}, {3, 1}, {1, 0}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_ok(keystore_take_uses(fixture.store, key_primary(key), steps[i].taken, 0, NOW));
        assert_int_equal(look(&fixture, &first), steps[i].rung);
    }
    assert_true(uuid_equal(first, key->id));
}

static void says_all_when_there_are_too_many(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    struct uuid first = {0};
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    (void)look(&fixture, &first);
    CLEANUP(key_release_at) const struct key *key = keystore_find(fixture.store, span_text("a/b"));
    for (uint64_t i = 1; i <= 70000; i++) { /* each rings */
        uses_set_alarm(key_primary(key), i);
        assert_ok(keystore_take_uses(fixture.store, key_primary(key), 1, 0, NOW));
    }
    struct key_changes changes = {0};
    keystore_await_changes(fixture.store, 0, &changes);
    mem_free(changes.ids);
    assert_true(changes.all);
}

static void *change_it(void *arg)
{
    struct fixture *fixture = arg;
    (void)reserve_version(fixture->store, "a/b");
    return NULL;
}

static void *wake_it(void *arg)
{
    keystore_wake_changes(((struct fixture *)arg)->store);
    return NULL;
}

static void waits_for_a_change_or_a_wake(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    struct uuid first = {0};
    fixture_make(&fixture);
    fixture_open(&fixture);
    make_active(fixture.store, "a/b");
    (void)look(&fixture, &first);
    void *(*const runs[])(void *) = {change_it, wake_it};
    for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
        struct key_changes changes = {0};
        pthread_t thread = sync_thread("other", runs[i], &fixture);
        keystore_await_changes(fixture.store, NOT_YET, &changes);
        pthread_join(thread, NULL);
        assert_int_equal(changes.count, i == 0 ? 1 : 0);
        mem_free(changes.ids);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathers_what_changed),
        cmocka_unit_test(rings_once_near_the_limit_of_uses),
        cmocka_unit_test(says_all_when_there_are_too_many),
        cmocka_unit_test(waits_for_a_change_or_a_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
