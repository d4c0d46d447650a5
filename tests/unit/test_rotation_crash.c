/* A process killed between any two steps of making a version, and what the next one finds. */
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/rotation_test.h"

static const struct {
    const char *name;
    struct fake_fault fault;
} points[] = {
    {"row reserved, nothing generated", {FAKE_GENERATE, FAKE_DIE, 0, ERR_OK, NULL, NULL}},
    {"generated, not recorded", {FAKE_GENERATE, FAKE_DIE_DONE, 0, ERR_OK, NULL, NULL}},
    {"recorded, not used", {FAKE_RUN, FAKE_DIE, 0, ERR_OK, NULL, NULL}},
    {"encrypted, not decrypted", {FAKE_RUN, FAKE_DIE, 1, ERR_OK, NULL, NULL}},
    {"used, not activated", {FAKE_RUN, FAKE_DIE_DONE, 1, ERR_OK, NULL, NULL}},
};

static void expect_killed(pid_t pid)
{
    int status = 0;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* The child dies at the fault, or at the end: it never closes the store. */
static void crash(struct bench *bench, struct fake_fault fault, const char *create_name,
                  const char *rotate_name)
{
    keystore_close(bench->fixture.store);
    bench->fixture.store = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        uint32_t number = 0;
        bench_open(bench);
        fake_token_fault(bench->token, fault);
        struct err err = create_name != NULL ? create(bench, create_name, ALGORITHM_AES_256_GCM)
                                             : rotate(bench, rotate_name, &number);
        /* Only an acknowledged change ends in SIGKILL here. */
        (void)raise(err.code == ERR_OK ? SIGKILL : SIGABRT);
    }
    expect_killed(pid);
    bench_open(bench);
}

static void expect_settled(struct bench *bench, size_t undone)
{
    struct reconcile_report report = {0};
    struct moment moment = moment_at(NOW + 1000);
    assert_ok(rotation_reconcile(&bench->rotation, bench->token, &moment, SOON, &report));
    assert_int_equal(report.undone, undone);
    assert_int_equal(report.orphans, 0);
    assert_int_equal(report.missing, 0);
}

static void undoes_a_key_cut_off_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        print_message("%s\n", points[i].name);
        CLEANUP(bench_drop) struct bench bench;
        bench_make(&bench);
        crash(&bench, points[i].fault, "a/b", NULL);
        assert_null(keystore_find(bench.fixture.store, span_text("a/b")));
        expect_settled(&bench, 1);
        expect_nothing(&bench, "a/b", 0);
        assert_ok(create(&bench, "a/b", ALGORITHM_AES_256_GCM));
    }
}

static void keeps_one_primary_through_a_cut_off_rotation(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        print_message("%s\n", points[i].name);
        CLEANUP(bench_drop) struct bench bench;
        bench_make(&bench);
        assert_ok(create(&bench, "a/b", ALGORITHM_AES_256_GCM));
        crash(&bench, points[i].fault, NULL, "a/b");
        /* Before reconcile too: the key serves as before. */
        assert_int_equal(versions_in(&bench, "a/b", VERSION_ACTIVE), 1);
        expect_state(bench.fixture.store, "a/b", 1, VERSION_ACTIVE);
        expect_settled(&bench, 1);
        assert_int_equal(versions_in(&bench, "a/b", VERSION_PENDING), 0);
        assert_int_equal(fake_token_count(bench.token), 1);
        uint32_t number = 0;
        assert_ok(rotate(&bench, "a/b", &number));
        assert_int_equal(number, 3);
    }
}

static void keeps_what_was_acknowledged(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    struct fake_fault none = {.call = FAKE_NONE};
    crash(&bench, none, "a/b", NULL);
    expect_state(bench.fixture.store, "a/b", 1, VERSION_ACTIVE);
    crash(&bench, none, NULL, "a/b");
    expect_state(bench.fixture.store, "a/b", 1, VERSION_RETIRING);
    expect_state(bench.fixture.store, "a/b", 2, VERSION_ACTIVE);
    expect_settled(&bench, 0);
    assert_int_equal(fake_token_count(bench.token), 2);
}

/* Without reconcile, the next try cleans up by itself. */
static void takes_the_name_of_a_key_cut_off(void **state)
{
    (void)state;
    CLEANUP(bench_drop) struct bench bench;
    bench_make(&bench);
    crash(&bench, points[1].fault, "a/b", NULL);
    assert_ok(create(&bench, "a/b", ALGORITHM_ED25519));
    assert_int_equal(fake_token_count(bench.token), 1);
    expect_settled(&bench, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undoes_a_key_cut_off_anywhere),
        cmocka_unit_test(keeps_one_primary_through_a_cut_off_rotation),
        cmocka_unit_test(keeps_what_was_acknowledged),
        cmocka_unit_test(takes_the_name_of_a_key_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
