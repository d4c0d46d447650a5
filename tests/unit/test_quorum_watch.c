/* The thread that lives by the clock: what expires although nobody asks, and what workers are shown
 * of the rosters. */
#include "gateway/quorum_watch.h"

#include "base/clock.h"
#include "base/sync.h"
#include "gate.h"

#define WITHIN_MS 30000
#define HOUR_MS   ((int64_t)3600 * 1000)

static struct gate gate;

static int setup(void **state)
{
    (void)state;
    gate_open(&gate);
    return 0;
}

static void close_watch(void)
{
    quorum_watch_close(gate.fixture.gateway.quorum_watch);
    gate.fixture.gateway.quorum_watch = NULL;
}

static int teardown(void **state)
{
    (void)state;
    close_watch();
    fake_token_fail(ERR_OK);
    fake_token_judges(ERR_OK, "");
    gate_close(&gate);
    return 0;
}

static void nudge(void)
{
    quorum_watch_nudge(gate.fixture.gateway.quorum_watch);
}

static bool is_refused(void)
{
    return quorum_watch_is_refused(gate.fixture.gateway.quorum_watch, 0);
}

/* Looks again every 2 ms until it is so. */
static void wait_until(bool (*good)(size_t figure), size_t figure)
{
    pthread_mutex_t mutex;
    pthread_cond_t never;
    int64_t deadline = clock_deadline(WITHIN_MS);
    sync_init(&mutex, &never);
    while (!good(figure)) {
        assert_true(clock_left_ms(deadline) > 0);
        sync_lock(&mutex);
        (void)sync_wait(&never, &mutex, clock_deadline(2));
        sync_unlock(&mutex);
    }
    sync_destroy(&mutex, &never);
}

static bool was_shown(size_t times)
{
    return fake_token_shown().rosters >= times;
}

static bool refuses(size_t times)
{
    return is_refused() == (times > 0);
}

static bool is_expired(size_t unused)
{
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    (void)unused;
    return request->state == REQUEST_EXPIRED;
}

/* Shows the worker everything once more; says whether it was shown. */
static void nudge_until_shown(void)
{
    size_t before = fake_token_shown().rosters;
    nudge();
    wait_until(was_shown, before + 1);
}

/* --- expiry --- */

/* A row that was made an hour too long ago. */
static void put_old(struct span statement, struct uuid id)
{
    int64_t now = clock_wall_ms() / 1000 * 1000;
    const struct quorum_request request = {.id = id,
                                           .kind = "open",
                                           .key = GATE_KEY,
                                           .version = 1,
                                           .requester = "token:admin",
                                           .statement = statement,
                                           .ciphertext = span_text("blob"),
                                           .created_at = now - 2 * HOUR_MS,
                                           .expires_at = now - HOUR_MS};
    assert_ok(keystore_put_request(gate.fixture.gateway.store, &request));
    uuid_format(id, gate.id);
}

static void put_old_statement(void)
{
    int64_t now = clock_wall_ms() / 1000 * 1000;
    struct statement says = people_statement(&gate.people, STATEMENT_OPEN);
    says.key = span_text(GATE_KEY);
    says.version = 1;
    says.requester = span_text("token:admin");
    says.created_at = now - 2 * HOUR_MS;
    says.expires_at = now - HOUR_MS;
    put_old(people_bytes(&gate.people, &says), says.id);
}

static void what_is_due_expires_by_itself(void **state)
{
    (void)state;
    put_old_statement();
    quorum_watch_open(&gate.fixture.gateway);
    wait_until(is_expired, 0);
    put_old_statement();
    nudge();
    wait_until(is_expired, 0);
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    assert_non_null(strstr(request->outcome, "0 of 2 approvals"));
}

/* A row that nobody wrote like this is over all the same, also when it was approved. */
static void what_cannot_be_judged_expires_too(void **state)
{
    (void)state;
    const struct uuid pending = {.bytes = {1}};
    const struct uuid approved = {.bytes = {2}};
    const struct request_move move = {.from = REQUEST_PENDING, .to = REQUEST_APPROVED};
    put_old(span_text("{}"), pending);
    quorum_watch_open(&gate.fixture.gateway);
    wait_until(is_expired, 0);
    close_watch();
    put_old(span_text("{}"), approved);
    assert_ok(keystore_move_request(gate.fixture.gateway.store, approved, &move, 1));
    quorum_watch_open(&gate.fixture.gateway);
    wait_until(is_expired, 0);
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    assert_non_null(strstr(request->outcome, "not what was written"));
}

static void what_is_not_due_stays(void **state)
{
    (void)state;
    gate_request_open(&gate, "");
    size_t before = fake_token_shown().rosters;
    quorum_watch_open(&gate.fixture.gateway);
    wait_until(was_shown, before + 1); /* it has looked at requests before */
    gate_expect(&gate, "pending");
}

/* --- rosters --- */

static void a_worker_sees_each_roster_once(void **state)
{
    (void)state;
    size_t before = fake_token_shown().rosters;
    quorum_watch_open(&gate.fixture.gateway);
    wait_until(was_shown, before + 1);
    put_old_statement();
    nudge();
    wait_until(is_expired, 0); /* another round */
    assert_int_equal(fake_token_shown().rosters, before + 1);
    gate_publish(&gate);
    nudge();
    wait_until(was_shown, before + 2);
    close_watch();
    assert_int_equal(fake_token_shown().rosters, before + 2);
    assert_int_equal(fixture_count_records(&gate.fixture, "roster-refused"), 0);
}

static void a_refusal_is_recorded_once(void **state)
{
    (void)state;
    size_t before = fake_token_shown().rosters;
    fake_token_judges(ERR_APPROVAL_REQUIRED, "roster 1 is older than what was shown");
    quorum_watch_open(&gate.fixture.gateway);
    wait_until(was_shown, before + 1);
    wait_until(refuses, 1);
    nudge_until_shown();
    nudge_until_shown(); /* what came of the one before is known now */
    assert_true(is_refused());
    assert_int_equal(fixture_count_records(&gate.fixture, "\"roster-refused\""), 1);
    assert_int_equal(fixture_count_records(&gate.fixture, "older than what was shown"), 1);
    fake_token_judges(ERR_OK, "");
    nudge();
    wait_until(refuses, 0);
}

static void a_worker_that_is_away_is_shown_later(void **state)
{
    (void)state;
    size_t before = fake_token_shown().rosters;
    fake_token_fail(ERR_TOKEN_UNAVAILABLE);
    quorum_watch_open(&gate.fixture.gateway);
    wait_until(was_shown, before + 1);
    nudge_until_shown();
    assert_false(is_refused());
    fake_token_fail(ERR_OK);
    nudge_until_shown();
    close_watch();
    assert_int_equal(fixture_count_records(&gate.fixture, "roster-refused"), 0);
}

/* It has no pin, and so nothing to remember. */
static void a_worker_without_a_pin_is_left_alone(void **state)
{
    (void)state;
    size_t before = fake_token_shown().rosters;
    fake_token_judges(ERR_INVALID_STATE, "no roster is pinned");
    quorum_watch_open(&gate.fixture.gateway);
    wait_until(was_shown, before + 1);
    put_old_statement();
    nudge();
    wait_until(is_expired, 0);
    put_old_statement();
    nudge();
    wait_until(is_expired, 0);
    assert_int_equal(fake_token_shown().rosters, before + 1);
    assert_false(is_refused());
}

static void without_a_pin_nobody_watches(void **state)
{
    (void)state;
    struct roster_book *book = gate.fixture.gateway.rotation.rosters;
    gate.fixture.gateway.rotation.rosters = NULL;
    quorum_watch_open(&gate.fixture.gateway);
    assert_null(gate.fixture.gateway.quorum_watch);
    gate.fixture.gateway.rotation.rosters = book;
    assert_false(quorum_watch_is_refused(NULL, 0));
    quorum_watch_nudge(NULL);
    quorum_watch_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_due_expires_by_itself),
        TEST(what_cannot_be_judged_expires_too),
        TEST(what_is_not_due_stays),
        TEST(a_worker_sees_each_roster_once),
        TEST(a_refusal_is_recorded_once),
        TEST(a_worker_that_is_away_is_shown_later),
        TEST(a_worker_without_a_pin_is_left_alone),
        TEST(without_a_pin_nobody_watches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
