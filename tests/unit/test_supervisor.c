/* test_supervisor: a worker's lives: starts that fail, deaths, the latch. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"
#include "tests/lib/token_fixture.h"

#define SOON_MS 20
#define LONG_MS 30000

static int64_t late(void)
{
    return clock_deadline(LONG_MS);
}

static void open_with(struct token_fixture *fixture, const char *script)
{
    const struct token_wish wish = {.script = script, .channels = 2, .operation_ms = LONG_MS};
    token_fixture_open(fixture, &wish);
}

/* Whatever goes wrong in the first start is told, and the next start serves. */
static void check_failed_start(const char *script, const char *why)
{
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    open_with(&fixture, script);
    struct err err = token_wait_ready(fixture.token, late());
    if (err.code != ERR_OK) { /* else the second start was quicker than we */
        assert_int_equal(err.code, ERR_TOKEN_UNAVAILABLE);
        assert_non_null(strstr(err.detail, why));
    }
    token_fixture_await(&fixture, TOKEN_READY);
    assert_int_equal(token_fixture_sign(&fixture, 1, late()).code, ERR_OK);
    assert_int_equal(token_fixture_starts(&fixture), 2);
}

static void test_failed_starts(void **state)
{
    (void)state;
    check_failed_start("1 0 lost\n", "as the script says");
    check_failed_start("1 0 exit\n", "closed");
    check_failed_start("1 0 garbage\n", "not a frame");
}

/* Down: calls fail at once, although their deadlines are far; closing does not wait either. */
static void test_breaker(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    open_with(&fixture, "0 0 lost\n");
    int64_t before = clock_mono_ns();
    for (int i = 0; i < 1000; i++) {
        struct err err = token_fixture_sign(&fixture, 1, clock_deadline(3600000));
        assert_int_equal(err.code, ERR_TOKEN_UNAVAILABLE);
    }
    assert_true(clock_mono_ns() - before < (int64_t)3600000 * 1000000);
    assert_int_equal(token_wait_ready(fixture.token, late()).code, ERR_TOKEN_UNAVAILABLE);
    token_fixture_await(&fixture, TOKEN_DOWN);
}

static void test_hanging_start(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    open_with(&fixture, "0 0 hang\n");
    struct err err = token_wait_ready(fixture.token, clock_deadline(SOON_MS));
    assert_int_equal(err.code, ERR_DEADLINE);
    err = token_fixture_sign(&fixture, 1, clock_deadline(SOON_MS));
    assert_int_equal(err.code, ERR_TOKEN_UNAVAILABLE);
    assert_true(token_supports(fixture.token, ALGORITHM_ED25519, PURPOSE_SIGN)); /* not probed */
}

static void check_latched(const struct token_fixture *fixture, size_t starts)
{
    token_fixture_await(fixture, TOKEN_LATCHED);
    struct err err = token_wait_ready(fixture->token, late());
    assert_int_equal(err.code, ERR_PIN);
    err = token_fixture_sign(fixture, 1, late());
    assert_int_equal(err.code, ERR_TOKEN_UNAVAILABLE);
    assert_int_equal(token_fixture_starts(fixture), starts);
}

static void test_latched_at_start(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    open_with(&fixture, "0 0 pin\n");
    check_latched(&fixture, 1);
}

static void test_latched_by_reply(void **state)
{
    (void)state;
    static const char *const scripts[] = {"1 1 pin\n", "1 1 item-pin\n"};
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
        open_with(&fixture, scripts[i]);
        assert_int_equal(token_wait_ready(fixture.token, late()).code, ERR_OK);
        struct err err = token_fixture_sign(&fixture, 1, late());
        assert_int_equal(err.code, ERR_TOKEN_UNAVAILABLE);
        check_latched(&fixture, 1);
    }
}

static void test_few_sessions(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    struct token_status status = {0};
    open_with(&fixture, "0 0 few\n");
    assert_int_equal(token_wait_ready(fixture.token, late()).code, ERR_OK);
    token_status(fixture.token, &status);
    assert_int_equal(status.channels, 1);
    assert_int_equal(token_fixture_sign(&fixture, 1, late()).code, ERR_OK);
}

#define SIGNERS     8
#define STORM_KILLS 6

struct signer {
    const struct token_fixture *fixture;
    atomic_bool *stop;
    unsigned good;
    unsigned unavailable;
    unsigned other;
};

static void *sign_on(void *arg)
{
    struct signer *signer = arg;
    while (!atomic_load(signer->stop)) {
        enum err_code code = token_fixture_sign(signer->fixture, 7, late()).code;
        signer->good += code == ERR_OK ? 1 : 0;
        signer->unavailable += code == ERR_TOKEN_UNAVAILABLE ? 1 : 0;
        signer->other += code != ERR_OK && code != ERR_TOKEN_UNAVAILABLE ? 1 : 0;
    }
    return NULL;
}

static void kill_once(const struct token_fixture *fixture)
{
    struct token_status status = {0};
    token_fixture_await(fixture, TOKEN_READY);
    token_status(fixture->token, &status);
    if (status.worker_pid > 0) {
        assert_int_equal(kill(status.worker_pid, SIGKILL), 0);
    }
}

/* A worker killed again and again under load: each call ends well or as unavailable. */
static void test_kills_under_load(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    const struct token_wish wish = {.script = "", .channels = 4, .operation_ms = LONG_MS};
    token_fixture_ready(&fixture, &wish);
    atomic_bool stop = false;
    struct signer signers[SIGNERS];
    pthread_t threads[SIGNERS];
    for (unsigned i = 0; i < SIGNERS; i++) {
        signers[i] = (struct signer){.fixture = &fixture, .stop = &stop};
        threads[i] = sync_thread("signer", sign_on, &signers[i]);
    }
    for (unsigned i = 0; i < STORM_KILLS; i++) {
        kill_once(&fixture);
    }
    token_fixture_await(&fixture, TOKEN_READY);
    atomic_store(&stop, true);
    unsigned good = 0;
    for (unsigned i = 0; i < SIGNERS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(signers[i].other, 0);
        good += signers[i].good;
    }
    assert_true(good > 0);
    token_fixture_await(&fixture, TOKEN_READY);
    assert_int_equal(token_fixture_sign(&fixture, 1, late()).code, ERR_OK);
    assert_true(token_fixture_starts(&fixture) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_starts),    cmocka_unit_test(test_breaker),
        cmocka_unit_test(test_hanging_start),    cmocka_unit_test(test_latched_at_start),
        cmocka_unit_test(test_latched_by_reply), cmocka_unit_test(test_few_sessions),
        cmocka_unit_test(test_kills_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
