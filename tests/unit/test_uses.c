/* Use counters: exact while running and after a clean close, never too low after a crash. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/sync.h"
#include "keystore/uses.h"
#include "tests/unit/keystore_test.h"

#define LIMIT ((uint64_t)1 << 31)

static const struct key *active_key(struct fixture *fixture)
{
    fixture_make(fixture);
    fixture_open(fixture);
    make_active(fixture->store, "a/b");
    return keystore_find(fixture->store, span_text("a/b"));
}

static void counts_and_remembers(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(key_release_at) const struct key *key = active_key(&fixture);
    const struct version *version = key_primary(key);
    assert_int_equal(uses_count(version), 0);
    assert_int_equal(uses_last_at(version), 0);
    for (uint64_t i = 1; i <= 5000; i++) {
        assert_ok(keystore_take_uses(fixture.store, version, 1, LIMIT, NOW + (int64_t)i));
    }
    assert_ok(keystore_take_uses(fixture.store, version, 100000, LIMIT, NOW + 6000));
    assert_int_equal(uses_count(version), 105000);
    fixture_reopen(&fixture);
    CLEANUP(key_release_at)
    const struct key *again = keystore_find(fixture.store, span_text("a/b"));
    assert_int_equal(uses_count(key_primary(again)), 105000);
    assert_true(uses_last_at(key_primary(again)) == NOW + 6000);
}

/* The counter belongs to the version, not to one copy of the key. */
static void counts_on_through_changes(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(key_release_at) const struct key *key = active_key(&fixture);
    assert_ok(keystore_take_uses(fixture.store, key_primary(key), 3, 0, NOW));
    assert_ok(move(fixture.store, "a/b", 1, VERSION_ACTIVE, VERSION_RETIRING));
    assert_ok(keystore_take_uses(fixture.store, key_primary(key), 4, 0, NOW));
    CLEANUP(key_release_at)
    const struct key *moved = keystore_find(fixture.store, span_text("a/b"));
    assert_int_equal(uses_count(key_version(moved, 1)), 7);
}

static void stops_at_the_limit(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(key_release_at) const struct key *key = active_key(&fixture);
    const struct version *version = key_primary(key);
    assert_code(keystore_take_uses(fixture.store, version, LIMIT + 1, LIMIT, NOW),
                ERR_KEY_EXHAUSTED);
    assert_ok(keystore_take_uses(fixture.store, version, LIMIT - 2, LIMIT, NOW));
    assert_code(keystore_take_uses(fixture.store, version, 3, LIMIT, NOW), ERR_KEY_EXHAUSTED);
    assert_int_equal(uses_count(version), LIMIT - 2);
    assert_ok(keystore_take_uses(fixture.store, version, 2, LIMIT, NOW));
    assert_code(keystore_take_uses(fixture.store, version, 1, LIMIT, NOW), ERR_KEY_EXHAUSTED);
    assert_code(keystore_take_uses(fixture.store, version, UINT64_MAX, LIMIT, NOW),
                ERR_KEY_EXHAUSTED);
    /* What is reserved never passes the limit either. */
    assert_true(atomic_load(&version->uses->reserved) == LIMIT);
    fixture_reopen(&fixture);
    CLEANUP(key_release_at)
    const struct key *again = keystore_find(fixture.store, span_text("a/b"));
    assert_code(keystore_take_uses(fixture.store, key_primary(again), 1, LIMIT, NOW),
                ERR_KEY_EXHAUSTED);
}

static void crash_after(const struct fixture *fixture, uint64_t uses)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct keystore *store = NULL;
        assert_ok(keystore_open(fixture->path, &store));
        const struct key *key = keystore_find(store, span_text("a/b"));
        for (uint64_t i = 0; i < uses; i++) {
            assert_ok(keystore_take_uses(store, key_primary(key), 1, LIMIT, NOW));
        }
        (void)raise(SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void never_counts_too_low_after_a_crash(void **state)
{
    (void)state;
    static const uint64_t uses[] = {1, 1024, 1025, 3000, 200000};
    CLEANUP(fixture_drop) struct fixture fixture;
    key_release(active_key(&fixture));
    uint64_t sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
        keystore_close(fixture.store);
        fixture.store = NULL;
        crash_after(&fixture, uses[i]);
        sum += uses[i];
        fixture_open(&fixture);
        CLEANUP(key_release_at)
        const struct key *key = keystore_find(fixture.store, span_text("a/b"));
        uint64_t counted = uses_count(key_primary(key));
        assert_true(counted >= sum);
        assert_true(counted <= 2 * sum + 2 * 65536);
        sum = counted;
    }
}

static void leaves_the_count_when_it_cannot_reserve(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    reserve_key(fixture.store, "a/b");
    CLEANUP(key_release_at)
    const struct key *key = keystore_find_any(fixture.store, span_text("a/b"));
    assert_ok(keystore_drop_pending(fixture.store, span_text("a/b"), 1));
    const struct version *version = key_version(key, 1);
    assert_code(keystore_take_uses(fixture.store, version, 1, LIMIT, NOW), ERR_NOT_FOUND);
    assert_int_equal(uses_count(version), 0);
    assert_int_equal(uses_last_at(version), 0);
}

struct crowd {
    struct keystore *store;
    const struct version *version;
    uint64_t taken;
};

#define CROWD_LIMIT 60000

static void *take_all(void *arg)
{
    struct crowd *crowd = arg;
    struct err err = err_ok();
    while (err.code == ERR_OK) {
        err = keystore_take_uses(crowd->store, crowd->version, 3, CROWD_LIMIT, NOW);
        crowd->taken += err.code == ERR_OK ? 3 : 0;
    }
    assert_int_equal(err.code, ERR_KEY_EXHAUSTED);
    return NULL;
}

static void gives_each_use_to_one_thread(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    CLEANUP(key_release_at) const struct key *key = active_key(&fixture);
    struct crowd crowds[4];
    pthread_t threads[ARRAY_LEN(crowds)];
    for (size_t i = 0; i < ARRAY_LEN(crowds); i++) {
        crowds[i] = (struct crowd){fixture.store, key_primary(key), 0};
        threads[i] = sync_thread("taker", take_all, &crowds[i]);
    }
    uint64_t taken = 0;
    for (size_t i = 0; i < ARRAY_LEN(crowds); i++) {
        pthread_join(threads[i], NULL);
        taken += crowds[i].taken;
    }
    assert_int_equal(taken, CROWD_LIMIT);
    assert_int_equal(uses_count(key_primary(key)), CROWD_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_remembers),
        cmocka_unit_test(counts_on_through_changes),
        cmocka_unit_test(stops_at_the_limit),
        cmocka_unit_test(never_counts_too_low_after_a_crash),
        cmocka_unit_test(leaves_the_count_when_it_cannot_reserve),
        cmocka_unit_test(gives_each_use_to_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
