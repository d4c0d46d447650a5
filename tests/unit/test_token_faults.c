/* test_token_faults: calls whose worker dies, hangs, lies or refuses. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"
#include "tests/lib/token_fixture.h"

#define SHORT_MS 150
#define LONG_MS  30000

static int64_t late(void)
{
    return clock_deadline(LONG_MS);
}

static void ready_with(struct token_fixture *fixture, const char *script, int64_t operation_ms)
{
    const struct token_wish wish = {.script = script, .channels = 1, .operation_ms = operation_ms};
    token_fixture_ready(fixture, &wish);
}

/* What one signature comes to when the script's worker serves it. */
static const struct {
    const char *script;
    enum err_code code;
    size_t starts; /* of the worker, when the token is ready again */
} sign_cases[] = {
    {"1 1 die\n", ERR_OK, 2},
    {"1 1 lost\n", ERR_OK, 2},
    {"1 1 item-lost\n", ERR_OK, 2},
    {"1 1 item-stale\n", ERR_OK, 2},
    {"1 1 garbage\n", ERR_INTERNAL, 2},
    {"1 1 extra\n", ERR_INTERNAL, 2},
    {"1 1 other\n", ERR_INTERNAL, 2},
    {"1 1 missing\n", ERR_INTERNAL, 2},
    {"1 1 short\n", ERR_INTERNAL, 2},
    {"1 1 reveal\n", ERR_INTERNAL, 2},
    {"1 1 unsupported\n", ERR_UNSUPPORTED_BY_TOKEN, 1},
    {"1 1 capacity\n", ERR_OVERLOADED, 1},
    {"1 1 mistake\n", ERR_INTERNAL, 1},
    {"1 1 exists\n", ERR_CONFLICT, 1},
    {"1 1 swapped\n", ERR_TOKEN_UNAVAILABLE, 1},
    {"1 1 die\n2 1 die\n", ERR_TOKEN_UNAVAILABLE, 3},
    {"1 1 lost\n2 1 lost\n", ERR_TOKEN_UNAVAILABLE, 3},
    {"1 1 lost\n2 1 item-lost\n", ERR_TOKEN_UNAVAILABLE, 3},
};

static void test_signatures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sign_cases); i++) {
        CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
        ready_with(&fixture, sign_cases[i].script, LONG_MS);
        struct err err = token_fixture_sign(&fixture, 1, late());
        if (err.code != sign_cases[i].code) {
            fail_msg("%s: %s %s", sign_cases[i].script, err_word(err.code), err.detail);
        }
        token_fixture_await(&fixture, TOKEN_READY);
        if (sign_cases[i].code != ERR_OK) {
            assert_int_equal(token_fixture_sign(&fixture, 1, late()).code, ERR_OK);
        }
        assert_int_equal(token_fixture_starts(&fixture), sign_cases[i].starts);
    }
}

/* Each class of answer is counted under its name, tries that were repeated too. */
static void test_errors_by_class(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        const char *name;
        uint64_t count;
    } cases[] = {
        {"1 1 lost\n", "device_lost", 1},
        {"1 1 lost\n2 1 lost\n", "device_lost", 2},
        {"1 1 item-lost\n", "device_lost", 1},
        {"1 1 item-stale\n", "stale_login", 1},
        {"1 1 unsupported\n", "unsupported", 1},
        {"1 1 capacity\n", "capacity", 1},
        {"1 1 mistake\n", "our_mistake", 1},
        {"1 1 exists\n", "exists", 1},
        {"1 1 swapped\n", "key_swapped", 1},
        {"1 1 item-unfit\n", "unfit", 1},
        {"1 1 die\n", "none", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
        struct token_status status = {0};
        ready_with(&fixture, cases[i].script, LONG_MS);
        (void)token_fixture_sign(&fixture, 1, late()).code;
        token_status(fixture.token, &status);
        for (size_t k = 0; k < TOKEN_ERROR_COUNT; k++) {
            bool mine = strcmp(token_error_name(k), cases[i].name) == 0;
            if (status.errors[k] != (mine ? cases[i].count : 0)) {
                fail_msg("%s: %s %llu", cases[i].script, token_error_name(k),
                         (unsigned long long)status.errors[k]);
            }
        }
    }
}

/* The client's detail never names a CK_RV; the operator's last_error may. */
static void test_details(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    ready_with(&fixture, "1 1 mistake\n", LONG_MS);
    struct err err = token_fixture_sign(&fixture, 1, late());
    assert_null(strstr(err.detail, "0x"));
    assert_null(strstr(err.detail, "CKR"));
}

static void test_lying_about_ciphertexts(void **state)
{
    (void)state;
    static const char *const scripts[] = {"1 1 no-iv\n", "1 1 short\n", "1 1 reveal\n"};
    static const struct token_key key = {.cka_id_len = 1, .algorithm = ALGORITHM_AES_256_GCM};
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
        ready_with(&fixture, scripts[i], LONG_MS);
        struct token_item item = {.key = &key, .input = span_text("plain")};
        struct err err = token_run(fixture.token, TOKEN_ENCRYPT, &item, 1, late());
        assert_int_equal(err.code, ERR_INTERNAL);
        assert_int_equal(item.output.len + item.extra.len + item.plaintext.len, 0);
        assert_int_equal(token_canary(fixture.token, late()).code, ERR_OK);
        assert_int_equal(token_fixture_starts(&fixture), 2);
    }
}

/* On the second try of a batch, the items that the token did answer stand. */
static void test_batch_with_a_lost_item(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    ready_with(&fixture, "1 1 item-lost\n2 1 item-lost\n", LONG_MS);
    struct token_item items[3] = {{.bytes = 4}, {.bytes = 5}, {.bytes = 6}};
    struct err err = token_run(fixture.token, TOKEN_RANDOM, items, 3, late());
    assert_int_equal(err.code, ERR_OK);
    assert_int_equal(items[0].result.code, ERR_OK);
    assert_int_equal(items[1].output.len, 5);
    assert_int_equal(items[2].result.code, ERR_TOKEN_UNAVAILABLE);
    assert_int_equal(items[2].output.len, 0);
    buf_clear(&items[0].output);
    buf_clear(&items[1].output);
    token_fixture_await(&fixture, TOKEN_READY);
    assert_int_equal(token_fixture_starts(&fixture), 3);
}

/* A hanging operation: the worker is killed; with time left the call is tried again. */
static void test_missed_operation(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    struct token_status status = {0};
    ready_with(&fixture, "1 1 hang\n", SHORT_MS);
    assert_int_equal(token_fixture_sign(&fixture, 1, late()).code, ERR_OK);
    token_status(fixture.token, &status);
    assert_int_equal(status.timeouts, 1);
    assert_int_equal(status.restarts, 1);
    assert_int_equal(status.failures, 0);
    assert_int_equal(status.epoch, 1 + 2); /* the second life's hello says 2 */
}

/* The worker of the fixture now. */
static int worker_of(const struct token_fixture *fixture)
{
    struct token_status status = {0};
    token_status(fixture->token, &status);
    return status.worker_pid;
}

static void await_busy(const struct token_fixture *fixture, unsigned channels)
{
    struct token_status status = {0};
    int64_t bound = late();
    do {
        token_status(fixture->token, &status);
        (void)usleep(1000);
    } while (status.channels_busy != channels && clock_mono_ns() < bound);
    assert_int_equal(status.channels_busy, channels);
}

/* A caller with a short deadline leaves; the worker goes on, and so does its channel. */
static void test_missed_deadline(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    struct token_status status = {0};
    ready_with(&fixture, "1 1 wait\n1 2 wait\n", LONG_MS);
    for (unsigned i = 1; i <= 2; i++) {
        struct err err = i == 1 ? token_fixture_sign(&fixture, 1, clock_deadline(SHORT_MS))
                                : token_canary(fixture.token, clock_deadline(SHORT_MS));
        assert_int_equal(err.code, ERR_DEADLINE);
        await_busy(&fixture, 1); /* the answer is still to come */
        assert_int_equal(token_fixture_sign(&fixture, 2, clock_deadline(SHORT_MS)).code,
                         ERR_OVERLOADED);
        assert_int_equal(kill(worker_of(&fixture), SIGUSR1), 0);
        await_busy(&fixture, 0);
    }
    assert_int_equal(token_fixture_sign(&fixture, 3, late()).code, ERR_OK);
    token_status(fixture.token, &status);
    assert_int_equal(status.timeouts, 0);
    assert_int_equal(token_fixture_starts(&fixture), 1);
}

/* Once the operation has had all of its time the worker dies, caller or not. */
static void test_owed_too_long(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    struct token_status status = {0};
    ready_with(&fixture, "1 1 hang\n", 4 * (int64_t)SHORT_MS);
    struct err err = token_fixture_sign(&fixture, 1, clock_deadline(SHORT_MS));
    assert_int_equal(err.code, ERR_DEADLINE);
    assert_int_equal(token_fixture_sign(&fixture, 1, late()).code, ERR_OK);
    token_status(fixture.token, &status);
    assert_int_equal(status.timeouts, 1);
    assert_int_equal(token_fixture_starts(&fixture), 2);
}

/* What a late answer says of the device still counts. */
static void test_owed_bad_news(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        enum token_state then;
        size_t starts;
    } cases[] = {
        {"1 1 wait-lost\n", TOKEN_READY, 2},
        {"1 1 wait-pin\n", TOKEN_LATCHED, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
        ready_with(&fixture, cases[i].script, LONG_MS);
        struct err err = token_fixture_sign(&fixture, 1, clock_deadline(SHORT_MS));
        assert_int_equal(err.code, ERR_DEADLINE);
        assert_int_equal(kill(worker_of(&fixture), SIGUSR1), 0);
        bool serves = cases[i].then == TOKEN_READY;
        await_busy(&fixture, 0);
        err = token_fixture_sign(&fixture, 1, late());
        assert_int_equal(err.code, serves ? ERR_OK : ERR_TOKEN_UNAVAILABLE);
        token_fixture_await(&fixture, cases[i].then);
        assert_int_equal(token_fixture_starts(&fixture), cases[i].starts);
    }
}

/* A caller that comes too late does not cost a healthy worker its life. */
static void test_too_late_to_send(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    ready_with(&fixture, "1 1 hang\n", LONG_MS);
    assert_int_equal(token_fixture_sign(&fixture, 1, clock_deadline(10)).code, ERR_OVERLOADED);
    assert_int_equal(token_fixture_sign(&fixture, 1, 1).code, ERR_OVERLOADED);
    assert_int_equal(token_fixture_starts(&fixture), 1);
}

struct signer {
    const struct token_fixture *fixture;
    struct err err;
};

static void *sign_once(void *arg)
{
    struct signer *signer = arg;
    signer->err = token_fixture_sign(signer->fixture, 1, late());
    return NULL;
}

/* The only channel hangs: another caller finds no session, and the worker is not killed for that.
 */
static void test_overload(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    struct token_status status = {0};
    ready_with(&fixture, "1 1 hang\n", LONG_MS);
    struct signer signer = {.fixture = &fixture};
    pthread_t thread = sync_thread("signer", sign_once, &signer);
    int64_t bound = late();
    do {
        token_status(fixture.token, &status);
        (void)usleep(1000);
    } while (status.channels_busy == 0 && clock_mono_ns() < bound);
    struct err err = token_fixture_sign(&fixture, 2, clock_deadline(SHORT_MS));
    assert_int_equal(err.code, ERR_OVERLOADED);
    assert_int_equal(token_fixture_starts(&fixture), 1);
    assert_int_equal(kill(status.worker_pid, SIGKILL), 0);
    (void)pthread_join(thread, NULL);
    assert_int_equal(signer.err.code, ERR_OK); /* on the next worker */
    assert_int_equal(token_fixture_starts(&fixture), 2);
}

/* Key generation is never sent twice. */
static void test_generate_faults(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        enum err_code code;
    } cases[] = {
        {"1 1 die\n", ERR_TOKEN_UNAVAILABLE},
        {"1 1 lost\n", ERR_TOKEN_UNAVAILABLE},
        {"1 1 item-lost\n", ERR_TOKEN_UNAVAILABLE},
        {"1 1 short\n", ERR_INTERNAL},
        {"1 1 capacity\n", ERR_TOKEN_UNAVAILABLE},
        {"1 1 exists\n", ERR_CONFLICT},
        {"1 1 unsupported\n", ERR_UNSUPPORTED_BY_TOKEN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
        CLEANUP(buf_clear) struct buf public_key = {0};
        ready_with(&fixture, cases[i].script, LONG_MS);
        struct token_key key = {.cka_id = {1}, .cka_id_len = 1, .algorithm = ALGORITHM_ECDSA_P256};
        struct err err = token_generate(fixture.token, &key, "label", late(), &public_key);
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(public_key.len + key.identity_len, 0);
        token_fixture_await(&fixture, TOKEN_READY);
        err = token_generate(fixture.token, &key, "label", late(), &public_key);
        assert_int_equal(err.code, ERR_OK);
    }
}

/* The operation's limit is not generate's: only the call's own deadline ends it. */
static void test_generate_hangs(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    CLEANUP(buf_clear) struct buf public_key = {0};
    ready_with(&fixture, "1 1 hang\n", 1);
    struct token_key key = {.cka_id = {1}, .cka_id_len = 1, .algorithm = ALGORITHM_ECDSA_P256};
    struct err err =
        token_generate(fixture.token, &key, "label", clock_deadline(SHORT_MS), &public_key);
    assert_int_equal(err.code, ERR_DEADLINE);
}

static struct err generate_until(const struct token_fixture *fixture, int64_t deadline_ns)
{
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct token_key key = {.cka_id = {1}, .cka_id_len = 1, .algorithm = ALGORITHM_ECDSA_P256};
    return token_generate(fixture->token, &key, "label", deadline_ns, &public_key);
}

/* One new key at a time, even when its caller has left; the others hold no channel meanwhile. */
static void test_generate_turns(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    const struct token_wish wish = {"1 1 wait\n", 2, SHORT_MS / 2};
    static const uint8_t id[] = {1};
    token_fixture_ready(&fixture, &wish);
    assert_int_equal(generate_until(&fixture, clock_deadline(SHORT_MS)).code, ERR_DEADLINE);
    await_busy(&fixture, 1);
    assert_int_equal(generate_until(&fixture, clock_deadline(SHORT_MS)).code, ERR_OVERLOADED);
    struct err err = token_destroy(fixture.token, span_of(id, 1), clock_deadline(SHORT_MS));
    assert_int_equal(err.code, ERR_OVERLOADED);
    assert_int_equal(token_fixture_sign(&fixture, 1, late()).code, ERR_OK);
    await_busy(&fixture, 1);
    assert_int_equal(kill(worker_of(&fixture), SIGUSR1), 0);
    assert_int_equal(generate_until(&fixture, late()).code, ERR_OK);
    assert_int_equal(token_fixture_starts(&fixture), 1);
}

/* A new key that has too little time is not begun. */
static void test_generate_too_late(void **state)
{
    (void)state;
    CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
    ready_with(&fixture, "1 1 hang\n", LONG_MS);
    assert_int_equal(generate_until(&fixture, clock_deadline(SHORT_MS)).code, ERR_OVERLOADED);
    await_busy(&fixture, 0);
}

/* An adoption is sent again when the worker died; refusals are the worker's word, and lies cost its
 * life. Nothing reaches the caller but after a success. */
static void test_adopt_faults(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        enum err_code code;
        size_t starts;
    } cases[] = {
        {"1 1 die\n", ERR_OK, 2},
        {"1 1 lost\n", ERR_OK, 2},
        {"1 1 die\n2 1 die\n", ERR_TOKEN_UNAVAILABLE, 3},
        {"1 1 unfit\n", ERR_CONFLICT, 1},
        {"1 1 item-unfit\n", ERR_CONFLICT, 1},
        {"1 1 unfit-mute\n", ERR_INTERNAL, 2},
        {"1 1 unfit-odd\n", ERR_INTERNAL, 2},
        {"1 1 renamed\n", ERR_INTERNAL, 2},
        {"1 1 odd-bits\n", ERR_INTERNAL, 2},
        {"1 1 short\n", ERR_INTERNAL, 2},
        {"1 1 reveal\n", ERR_INTERNAL, 2},
        {"1 1 capacity\n", ERR_OVERLOADED, 1},
        {"1 1 unsupported\n", ERR_UNSUPPORTED_BY_TOKEN, 1},
        {"1 1 mistake\n", ERR_INTERNAL, 1},
    };
    static const uint8_t id[] = {9};
    static const struct token_selector which = {.cka_id = {id, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
        CLEANUP(buf_clear) struct buf public_key = {0};
        uint32_t attributes = 0;
        struct token_key key = {.algorithm = ALGORITHM_ECDSA_P256, .purpose = PURPOSE_SIGN};
        ready_with(&fixture, cases[i].script, LONG_MS);
        struct err err = token_adopt(fixture.token, &which, &key, late(), &attributes, &public_key);
        if (err.code != cases[i].code) {
            fail_msg("%s: %s %s", cases[i].script, err_word(err.code), err.detail);
        }
        assert_int_equal(key.cka_id_len > 0, err.code == ERR_OK);
        assert_int_equal(attributes != 0, err.code == ERR_OK);
        assert_int_equal(public_key.len > 0, err.code == ERR_OK);
        token_fixture_await(&fixture, TOKEN_READY);
        assert_int_equal(token_fixture_starts(&fixture), cases[i].starts);
        assert_int_equal(token_fixture_sign(&fixture, 1, late()).code, ERR_OK);
    }
}

/* A destroy that died may have destroyed: nothing left on the second try is what was wanted. That
 * nothing is left may be said of the item or of the whole call. */
static void test_destroy_twice(void **state)
{
    (void)state;
    static const char *const scripts[] = {"1 1 die\n", "1 1 die\n2 1 gone\n2 2 gone\n"};
    static const uint8_t missing[] = {0xEE};
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
        ready_with(&fixture, scripts[i], LONG_MS);
        assert_int_equal(token_destroy(fixture.token, span_of(missing, 1), late()).code, ERR_OK);
        struct err err = token_destroy(fixture.token, span_of(missing, 1), late());
        assert_int_equal(err.code, ERR_NOT_FOUND);
        assert_int_equal(token_fixture_starts(&fixture), 2);
    }
}

static void test_inventory_faults(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        enum err_code code;
    } cases[] = {
        {"1 1 die\n", ERR_OK},
        {"1 1 short\n", ERR_INTERNAL}, /* a reply without its item */
        {"1 1 capacity\n", ERR_OVERLOADED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(token_fixture_close) struct token_fixture fixture = {0};
        CLEANUP(mem_free_at) struct token_object *objects = NULL;
        size_t count = 0;
        ready_with(&fixture, cases[i].script, LONG_MS);
        struct err err = token_inventory(fixture.token, late(), &objects, &count);
        assert_int_equal(err.code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_errors_by_class),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_lying_about_ciphertexts),
        cmocka_unit_test(test_batch_with_a_lost_item),
        cmocka_unit_test(test_missed_operation),
        cmocka_unit_test(test_missed_deadline),
        cmocka_unit_test(test_owed_too_long),
        cmocka_unit_test(test_owed_bad_news),
        cmocka_unit_test(test_too_late_to_send),
        cmocka_unit_test(test_overload),
        cmocka_unit_test(test_generate_faults),
        cmocka_unit_test(test_generate_hangs),
        cmocka_unit_test(test_generate_turns),
        cmocka_unit_test(test_generate_too_late),
        cmocka_unit_test(test_adopt_faults),
        cmocka_unit_test(test_destroy_twice),
        cmocka_unit_test(test_inventory_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
