/* Figures of what a quorum decides. */
#include "gateway/gauges_inner.h"

#include "base/clock.h"
#include "base/sync.h"
#include "gate.h"
#include "gateway/quorum_watch.h"

static struct gate gate;

static int setup(void **state)
{
    (void)state;
    gate_open(&gate);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    quorum_watch_close(gate.fixture.gateway.quorum_watch);
    gate.fixture.gateway.quorum_watch = NULL;
    fake_token_judges(ERR_OK, "");
    gate_close(&gate);
    return 0;
}

/* Whether this whole line is among the figures. */
static bool says(const char *line)
{
    CLEANUP(buf_clear) struct buf out = {0};
    CLEANUP(mem_free_at) char *wanted = mem_format("\n%s\n", line);
    assert_ok(gauges_quorum(&gate.fixture.gateway, &out));
    assert_ok(buf_append_u8(&out, 0));
    return strstr((const char *)out.data, wanted) != NULL;
}

static void requests_are_counted_by_state(void **state)
{
    (void)state;
    assert_true(says("hsmgate_quorum_requests{state=\"pending\"} 0"));
    gate_request_open(&gate, "");
    gate_request_open(&gate, "");
    gate_voted(&gate, "ann", VOTE_DENY);
    assert_true(says("hsmgate_quorum_requests{state=\"pending\"} 1"));
    assert_true(says("hsmgate_quorum_requests{state=\"denied\"} 1"));
    assert_true(says("hsmgate_quorum_requests{state=\"indeterminate\"} 0"));
}

static void rosters_are_numbered_and_trusted(void **state)
{
    (void)state;
    struct gateway *gateway = &gate.fixture.gateway;
    const uint8_t other[SHA256_LEN] = {1};
    assert_true(says("hsmgate_quorum_roster_number 1"));
    gate_publish(&gate);
    assert_true(says("hsmgate_quorum_roster_number 2"));
    assert_true(says("hsmgate_quorum_rosters_trusted 1"));
    roster_book_close(gateway->rotation.rosters);
    roster_book_open(gateway->store, other, &gateway->rotation.rosters);
    assert_true(says("hsmgate_quorum_roster_number 0"));
    assert_true(says("hsmgate_quorum_rosters_trusted 0"));
}

static void a_refusing_worker_is_seen(void **state)
{
    (void)state;
    pthread_mutex_t mutex;
    pthread_cond_t never;
    int64_t deadline = clock_deadline(30000);
    assert_true(says("hsmgate_quorum_rosters_refused{token=\"main\"} 0"));
    fake_token_judges(ERR_APPROVAL_REQUIRED, "another root");
    quorum_watch_open(&gate.fixture.gateway);
    sync_init(&mutex, &never);
    while (!says("hsmgate_quorum_rosters_refused{token=\"main\"} 1")) {
        assert_true(clock_left_ms(deadline) > 0);
        sync_lock(&mutex);
        (void)sync_wait(&never, &mutex, clock_deadline(2));
        sync_unlock(&mutex);
    }
    sync_destroy(&mutex, &never);
}

static void without_a_pin_there_are_none(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    struct roster_book *book = gate.fixture.gateway.rotation.rosters;
    gate.fixture.gateway.rotation.rosters = NULL;
    assert_ok(gauges_quorum(&gate.fixture.gateway, &out));
    gate.fixture.gateway.rotation.rosters = book;
    assert_int_equal(out.len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_counted_by_state),
        TEST(rosters_are_numbered_and_trusted),
        TEST(a_refusing_worker_is_seen),
        TEST(without_a_pin_there_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
