/* A copy of a store that goes on, and what a store does that was made of one. */
#include <sys/stat.h>

#include "base/clock.h"
#include "tests/unit/keystore_test.h"

struct copy {
    struct fixture fixture;
    char path[100];
    unsigned steps;
    unsigned stop_after;
};

static void make(struct copy *copy)
{
    *copy = (struct copy){0};
    fixture_make(&copy->fixture);
    fixture_open(&copy->fixture);
    (void)snprintf(copy->path, sizeof(copy->path), "%s/copy.db", copy->fixture.folder);
}

static void drop(struct copy *copy)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".lock"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char path[120];
        (void)snprintf(path, sizeof(path), "%s%s", copy->path, ends[i]);
        (void)unlink(path);
    }
    fixture_drop(&copy->fixture);
}

/* Something changes between any two steps. */
static bool go_on(void *arg, uint64_t done, uint64_t total)
{
    struct copy *copy = arg;
    assert_true(done <= total);
    copy->steps++;
    char name[32];
    (void)snprintf(name, sizeof(name), "late/key-%u", copy->steps);
    make_active(copy->fixture.store, name);
    return copy->stop_after == 0 || copy->steps < copy->stop_after;
}

static void fill(struct copy *copy, size_t keys)
{
    for (size_t i = 0; i < keys; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "a/key-%zu", i);
        make_active(copy->fixture.store, name);
    }
}

static void copies_while_it_is_written(void **state)
{
    (void)state;
    CLEANUP(drop) struct copy copy;
    make(&copy);
    fill(&copy, 4000); /* several steps */
    assert_ok(keystore_backup(copy.fixture.store, copy.path, NOW + 9, go_on, &copy));
    assert_true(copy.steps > 1);
    struct stat facts;
    assert_int_equal(stat(copy.path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    keystore_close(copy.fixture.store);
    copy.fixture.store = NULL;
    assert_ok(keystore_open(copy.path, &copy.fixture.store));
    assert_true(keystore_restored_from(copy.fixture.store) == NOW + 9);
    assert_true(keystore_count(copy.fixture.store) >= 4000);
    expect_state(copy.fixture.store, "a/key-3999", 1, VERSION_ACTIVE);
}

static void marks_counters_of_a_restored_copy_once(void **state)
{
    (void)state;
    CLEANUP(drop) struct copy copy;
    make(&copy);
    make_active(copy.fixture.store, "a/aes");
    struct key_spec spec = spec_of("a/ec");
    spec.algorithm = ALGORITHM_ECDSA_P256;
    spec.purpose = PURPOSE_SIGN;
    assert_ok(keystore_reserve_key(copy.fixture.store, &spec,
                                   &(struct version_source){.cka_id = span_text("id")}, NOW));
    record(copy.fixture.store, "a/ec", 1);
    assert_ok(move(copy.fixture.store, "a/ec", 1, VERSION_PENDING, VERSION_ACTIVE));
    assert_ok(keystore_backup(copy.fixture.store, copy.path, NOW, go_on, &copy));
    assert_int_equal(keystore_restored_from(copy.fixture.store), 0);
    keystore_close(copy.fixture.store);
    copy.fixture.store = NULL;
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_ok(keystore_open(copy.path, &copy.fixture.store));
        assert_int_equal(keystore_restored_from(copy.fixture.store) != 0, reopened == 0);
        CLEANUP(key_release_at)
        const struct key *aes = keystore_find(copy.fixture.store, span_text("a/aes"));
        CLEANUP(key_release_at)
        const struct key *ec = keystore_find(copy.fixture.store, span_text("a/ec"));
        assert_true(key_primary(aes)->count_unsure);
        assert_false(key_primary(ec)->count_unsure);
        keystore_close(copy.fixture.store);
        copy.fixture.store = NULL;
    }
}

/* The material of what was being made then may be in use since: nothing shall undo it. */
static void forgets_what_was_being_made(void **state)
{
    (void)state;
    CLEANUP(drop) struct copy copy;
    make(&copy);
    make_active(copy.fixture.store, "a/aes");
    assert_int_equal(reserve_version(copy.fixture.store, "a/aes"), 2);
    reserve_key(copy.fixture.store, "a/new");
    record(copy.fixture.store, "a/new", 1);
    assert_ok(keystore_backup(copy.fixture.store, copy.path, NOW, go_on, &copy));
    fixture_reopen(&copy.fixture); /* an original keeps them, to be undone */
    expect_state(copy.fixture.store, "a/aes", 2, VERSION_PENDING);
    expect_state(copy.fixture.store, "a/new", 1, VERSION_PENDING);
    keystore_close(copy.fixture.store);
    copy.fixture.store = NULL;
    assert_ok(keystore_open(copy.path, &copy.fixture.store));
    CLEANUP(key_release_at)
    const struct key *aes = keystore_find(copy.fixture.store, span_text("a/aes"));
    assert_int_equal(aes->version_count, 1);
    /* numbers of versions that were made since are not given again */
    assert_int_equal(aes->next_version, 103);
    assert_null(keystore_find_any(copy.fixture.store, span_text("a/new")));
}

static void schedule(struct keystore *store, const char *name, int64_t destroy_at)
{
    make_active(store, name);
    assert_ok(move(store, name, 1, VERSION_ACTIVE, VERSION_DISABLED));
    struct version_move one = {.number = 1,
                               .from = VERSION_DISABLED,
                               .to = VERSION_DESTROY_SCHEDULED,
                               .destroy_at = destroy_at};
    assert_ok(keystore_move(store, span_text(name), &one, 1, NOW + 3));
}

static int64_t destroy_at_of(struct keystore *store, const char *name)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find(store, span_text(name));
    return key_version(key, 1)->destroy_at;
}

/* It may have been cancelled since: whoever restores has a day to find that out. */
static void destroys_nothing_within_a_day(void **state)
{
    (void)state;
    CLEANUP(drop) struct copy copy;
    make(&copy);
    int64_t now = clock_wall_ms(), day = INT64_C(86400) * 1000;
    schedule(copy.fixture.store, "a/due", now + 1000);
    schedule(copy.fixture.store, "a/begun", now + 1000);
    schedule(copy.fixture.store, "a/later", now + 9 * day);
    assert_ok(keystore_begin_destroy(copy.fixture.store, span_text("a/begun"), 1, NULL));
    assert_ok(keystore_backup(copy.fixture.store, copy.path, NOW, go_on, &copy));
    keystore_close(copy.fixture.store);
    copy.fixture.store = NULL;
    int64_t first = 0;
    for (int reopened = 0; reopened < 2; reopened++) { /* once only */
        assert_ok(keystore_open(copy.path, &copy.fixture.store));
        int64_t due = destroy_at_of(copy.fixture.store, "a/due");
        assert_true(due >= now + day && (reopened == 0 || due == first));
        assert_true(destroy_at_of(copy.fixture.store, "a/begun") == now + 1000);
        assert_true(destroy_at_of(copy.fixture.store, "a/later") == now + 9 * day);
        first = due;
        keystore_close(copy.fixture.store);
        copy.fixture.store = NULL;
    }
}

static int64_t recorded_since(struct keystore *store, const char *name)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find(store, span_text(name));
    struct use_evidence evidence;
    uses_evidence(key_version(key, 1), &evidence);
    return evidence.recorded_since;
}

/* A version may have been used between the backup and now: whoever asks is not told otherwise. */
static void begins_its_records_anew(void **state)
{
    (void)state;
    CLEANUP(drop) struct copy copy;
    make(&copy);
    make_active(copy.fixture.store, "a/old");
    assert_ok(move(copy.fixture.store, "a/old", 1, VERSION_ACTIVE, VERSION_RETIRING));
    assert_ok(keystore_backup(copy.fixture.store, copy.path, NOW, go_on, &copy));
    fixture_reopen(&copy.fixture);
    assert_true(recorded_since(copy.fixture.store, "a/old") == NOW);
    keystore_close(copy.fixture.store);
    copy.fixture.store = NULL;
    int64_t now = clock_wall_ms(), first = 0;
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_ok(keystore_open(copy.path, &copy.fixture.store));
        int64_t since = recorded_since(copy.fixture.store, "a/old");
        assert_true(since >= now && (reopened == 0 || since == first));
        first = since;
        keystore_close(copy.fixture.store);
        copy.fixture.store = NULL;
    }
}

static void leaves_nothing_of_a_copy_that_ends_early(void **state)
{
    (void)state;
    CLEANUP(drop) struct copy copy;
    make(&copy);
    fill(&copy, 4000);
    copy.stop_after = 2;
    assert_code(keystore_backup(copy.fixture.store, copy.path, NOW, go_on, &copy), ERR_DEADLINE);
    assert_int_not_equal(access(copy.path, F_OK), 0);
    make_active(copy.fixture.store, "after/all");
    assert_code(keystore_backup(copy.fixture.store, "/nonexistent/x", NOW, go_on, &copy), ERR_IO);
    FILE *file = fopen(copy.path, "w");
    (void)fputs("mine", file);
    (void)fclose(file);
    assert_code(keystore_backup(copy.fixture.store, copy.path, NOW, go_on, &copy), ERR_CONFLICT);
    assert_int_equal(access(copy.path, F_OK), 0);
}

static void remembers_the_lived_clock(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    fixture_make(&fixture);
    fixture_open(&fixture);
    struct lived_clock clock = {.lived = 7, .high_water = 7};
    assert_ok(keystore_load_clock(fixture.store, &clock));
    assert_int_equal(clock.lived, 0);
    assert_int_equal(clock.high_water, 0);
    clock = (struct lived_clock){.lived = 12345, .high_water = NOW};
    assert_ok(keystore_save_clock(fixture.store, &clock));
    fixture_reopen(&fixture);
    assert_ok(keystore_load_clock(fixture.store, &clock));
    assert_int_equal(clock.lived, 12345);
    assert_true(clock.high_water == NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_while_it_is_written),
        cmocka_unit_test(marks_counters_of_a_restored_copy_once),
        cmocka_unit_test(forgets_what_was_being_made),
        cmocka_unit_test(destroys_nothing_within_a_day),
        cmocka_unit_test(begins_its_records_anew),
        cmocka_unit_test(leaves_nothing_of_a_copy_that_ends_early),
        cmocka_unit_test(remembers_the_lived_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
