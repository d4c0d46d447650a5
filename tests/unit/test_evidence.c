/* What is recorded of uses: at once in memory, and what a crash must not take on disk. */
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/keystore_test.h"

#define MINUTE ((int64_t)60 * 1000)

static struct err note(struct keystore *store, const struct use *use)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find(store, span_text("a/b"));
    return keystore_note_use(store, key_version(key, 1), use);
}

static struct use_evidence evidence(struct keystore *store)
{
    struct use_evidence out;
    CLEANUP(key_release_at) const struct key *key = keystore_find(store, span_text("a/b"));
    uses_evidence(key_version(key, 1), &out);
    return out;
}

static void open_key(struct fixture *fixture)
{
    fixture_make(fixture);
    fixture_open(fixture);
    make_active(fixture->store, "a/b");
}

static void notes_both_kinds(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_key(&fixture);
    struct use_evidence none = evidence(fixture.store);
    assert_true(none.recorded_since == NOW);
    assert_int_equal(none.last[USE_PROTECT].at, 0);
    assert_string_equal(none.last[USE_OPEN].principal, "");
    assert_ok(note(fixture.store, &(struct use){.kind = USE_PROTECT,
                                                .principal = span_text("token:a"),
                                                .now = NOW + 10,
                                                .jwt_expires_at = NOW + 5 * MINUTE}));
    assert_ok(note(fixture.store, &(struct use){.kind = USE_OPEN,
                                                .principal = span_text("token:b"),
                                                .now = NOW + 20,
                                                .rewrapped = 3}));
    assert_ok(note(fixture.store, &(struct use){.kind = USE_PROTECT,
                                                .principal = span_text("token:c"),
                                                .now = NOW + 30,
                                                .raw_signature = true}));
    for (int reopened = 0; reopened < 2; reopened++) {
        struct use_evidence seen = evidence(fixture.store);
        assert_true(seen.last[USE_PROTECT].at == NOW + 30);
        assert_string_equal(seen.last[USE_PROTECT].principal, "token:c");
        assert_true(seen.last[USE_OPEN].at == NOW + 20);
        assert_string_equal(seen.last[USE_OPEN].principal, "token:b");
        assert_true(seen.jwt_expires_at == NOW + 5 * MINUTE);
        assert_true(seen.raw_signature_at == NOW + 30);
        assert_int_equal(seen.rewrapped, 3);
        assert_true(seen.recorded_since == NOW);
        fixture_reopen(&fixture);
    }
}

static void keeps_the_latest_and_the_largest(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_key(&fixture);
    struct use use = {.kind = USE_PROTECT,
                      .principal = span_text("token:a"),
                      .now = NOW + 100,
                      .jwt_expires_at = NOW + 9 * MINUTE};
    assert_ok(note(fixture.store, &use));
    use.now = NOW + 50;
    use.jwt_expires_at = NOW + MINUTE;
    assert_ok(note(fixture.store, &use));
    struct use_evidence seen = evidence(fixture.store);
    assert_true(seen.last[USE_PROTECT].at == NOW + 100);
    assert_true(seen.jwt_expires_at == NOW + 9 * MINUTE);
}

/* Runs `uses` in a process that is then killed, and opens what it left. */
static void after_a_crash(struct fixture *fixture, const struct use *uses, size_t count)
{
    keystore_close(fixture->store);
    fixture->store = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        fixture_open(fixture);
        for (size_t i = 0; i < count; i++) {
            if (note(fixture->store, &uses[i]).code != ERR_OK) {
                (void)raise(SIGABRT);
            }
        }
        (void)raise(SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    fixture_open(fixture);
}

static void survives_a_crash(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_key(&fixture);
    const struct use uses[] = {
        {.kind = USE_OPEN, .principal = span_text("token:a"), .now = NOW + 1},
        {.kind = USE_OPEN, .principal = span_text("token:b"), .now = NOW + 2},
        {.kind = USE_PROTECT,
         .principal = span_text("token:c"),
         .now = NOW + 3,
         .jwt_expires_at = NOW + 7 * MINUTE},
        {.kind = USE_PROTECT,
         .principal = span_text("token:c"),
         .now = NOW + 4,
         .jwt_expires_at = NOW + 7 * MINUTE + 30000},
    };
    after_a_crash(&fixture, uses, ARRAY_LEN(uses));
    struct use_evidence seen = evidence(fixture.store);
    /* The second use of the hour went with the row that the next kind wrote. */
    assert_true(seen.last[USE_OPEN].at == NOW + 2);
    assert_string_equal(seen.last[USE_OPEN].principal, "token:b");
    assert_true(seen.last[USE_PROTECT].at >= NOW + 3);
    /* Never below the truth, and not far above. */
    assert_true(seen.jwt_expires_at >= NOW + 7 * MINUTE + 30000);
    assert_true(seen.jwt_expires_at <= NOW + 9 * MINUTE);
}

static void is_exact_to_the_hour_after_a_crash(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_key(&fixture);
    const struct use uses[] = {
        {.kind = USE_OPEN, .principal = span_text("token:a"), .now = NOW},
        {.kind = USE_OPEN, .principal = span_text("token:b"), .now = NOW + USE_PRECISION_MS},
    };
    after_a_crash(&fixture, uses, ARRAY_LEN(uses));
    struct use_evidence seen = evidence(fixture.store);
    assert_true(seen.last[USE_OPEN].at == NOW + USE_PRECISION_MS);
    assert_string_equal(seen.last[USE_OPEN].principal, "token:b");
}

static void cuts_a_principal_that_is_too_long(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_key(&fixture);
    char name[USE_PRINCIPAL_MAX + 10];
    memset(name, 'p', sizeof(name));
    assert_ok(note(
        fixture.store,
        &(struct use){.kind = USE_OPEN, .principal = span_of(name, sizeof(name)), .now = NOW}));
    assert_int_equal(strlen(evidence(fixture.store).last[USE_OPEN].principal),
                     USE_PRINCIPAL_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_both_kinds),
        cmocka_unit_test(keeps_the_latest_and_the_largest),
        cmocka_unit_test(survives_a_crash),
        cmocka_unit_test(is_exact_to_the_hour_after_a_crash),
        cmocka_unit_test(cuts_a_principal_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
