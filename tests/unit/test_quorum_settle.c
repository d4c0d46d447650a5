/* A request's state follows its votes, its rosters and the time, and nothing else. */
#include <pthread.h>

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
    gate_close(&gate);
    return 0;
}

static struct uuid id_now(void)
{
    struct uuid id;
    assert_ok(uuid_parse(span_text(gate.id), &id));
    return id;
}

static void settle_at(int64_t now)
{
    assert_ok(quorum_watch_settle(&gate.fixture.gateway, id_now(), now));
}

static void settle(void)
{
    settle_at(clock_wall_ms());
}

static int64_t expires_at(void)
{
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    return request->expires_at;
}

static void move(enum request_state from, enum request_state to)
{
    const struct request_move wanted = {.from = from, .to = to};
    assert_ok(
        keystore_move_request(gate.fixture.gateway.store, id_now(), &wanted, clock_wall_ms()));
}

static void votes_approve_and_one_denies(void **state)
{
    (void)state;
    gate_request_open(&gate, "");
    settle();
    gate_expect(&gate, "pending");
    gate_put_vote(&gate, "ann", VOTE_APPROVE);
    settle();
    gate_expect(&gate, "pending");
    gate_put_vote(&gate, "bob", VOTE_APPROVE);
    gate_expect(&gate, "pending"); /* until somebody looks */
    settle();
    gate_expect(&gate, "approved");
    settle();
    gate_expect(&gate, "approved");
    gate_put_vote(&gate, "cem", VOTE_DENY);
    settle();
    gate_expect(&gate, "denied");
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    assert_string_equal(request->outcome, "cem denied it");
}

/* Who left, or moved out of the group, no longer approves. */
static void an_approval_is_dropped_with_its_people(void **state)
{
    (void)state;
    gate_request_open(&gate, "");
    gate_put_vote(&gate, "ann", VOTE_APPROVE);
    gate_put_vote(&gate, "bob", VOTE_APPROVE);
    settle();
    gate_expect(&gate, "approved");
    (void)people_group(&gate.people, "ops", 2, "ann,cem,dora");
    gate_publish(&gate);
    settle();
    gate_expect(&gate, "pending");
    gate_put_vote(&gate, "cem", VOTE_APPROVE);
    settle();
    gate_expect(&gate, "approved");
}

static void it_expires_at_its_time_exactly(void **state)
{
    (void)state;
    gate_request_open(&gate, "\"window\":\"1m\"");
    settle_at(expires_at() - 1);
    gate_expect(&gate, "pending");
    settle_at(expires_at());
    gate_expect(&gate, "expired");
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    assert_non_null(strstr(request->outcome, "0 of 2 approvals"));
}

static void an_approved_one_expires_too(void **state)
{
    (void)state;
    gate_request_open(&gate, "\"window\":\"1m\"");
    gate_put_vote(&gate, "ann", VOTE_APPROVE);
    gate_put_vote(&gate, "bob", VOTE_APPROVE);
    settle();
    gate_expect(&gate, "approved");
    settle_at(expires_at() + 1);
    gate_expect(&gate, "expired");
}

/* The worker takes its permission long after; but nobody schedules it any more. */
static void an_approved_destruction_is_scheduled_in_time(void **state)
{
    (void)state;
    const struct version_move disable = {
        .number = 1, .from = VERSION_ACTIVE, .to = VERSION_DISABLED};
    assert_ok(keystore_move(gate.fixture.gateway.store, span_text(GATE_KEY), &disable, 1,
                            clock_wall_ms()));
    gate_request(&gate, "{\"kind\":\"destroy\",\"key\":\"" GATE_KEY "@1\",\"reason\":\"old\"}");
    gate_put_vote(&gate, "ann", VOTE_APPROVE);
    gate_put_vote(&gate, "bob", VOTE_APPROVE);
    settle_at(expires_at());
    gate_expect(&gate, "approved");
    settle_at(expires_at() + 1);
    gate_expect(&gate, "expired");
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    assert_non_null(strstr(request->outcome, "not scheduled before it expired"));
}

/* What is over stays as it is, whatever the votes are. */
static void final_states_stay(void **state)
{
    (void)state;
    static const struct {
        enum request_state way[3];
        const char *end;
    } cases[] = {
        {{REQUEST_CANCELLED}, "cancelled"},
        {{REQUEST_DENIED}, "denied"},
        {{REQUEST_EXPIRED}, "expired"},
        {{REQUEST_APPROVED, REQUEST_OPENING}, "opening"},
        {{REQUEST_APPROVED, REQUEST_OPENING, REQUEST_OPENED}, "opened"},
        {{REQUEST_APPROVED, REQUEST_OPENING, REQUEST_FAILED}, "failed"},
        {{REQUEST_APPROVED, REQUEST_OPENING, REQUEST_INDETERMINATE}, "indeterminate"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum request_state at = REQUEST_PENDING;
        gate_request_open(&gate, "");
        gate_put_vote(&gate, "ann", VOTE_APPROVE);
        gate_put_vote(&gate, "bob", i % 2 == 0 ? VOTE_APPROVE : VOTE_DENY);
        for (size_t j = 0; j < ARRAY_LEN(cases[i].way) && cases[i].way[j] != 0; j++) {
            move(at, cases[i].way[j]);
            at = cases[i].way[j];
        }
        settle();
        settle_at(expires_at() + 1);
        gate_expect(&gate, cases[i].end);
    }
}

static void what_cannot_be_judged_stays_where_it_is(void **state)
{
    (void)state;
    const struct uuid none = {.bytes = {9}};
    struct roster_book *book = gate.fixture.gateway.rotation.rosters;
    gate_request_open(&gate, "");
    assert_code(quorum_watch_settle(&gate.fixture.gateway, none, 1), ERR_NOT_FOUND);
    gate.fixture.gateway.rotation.rosters = NULL;
    assert_code(quorum_watch_settle(&gate.fixture.gateway, id_now(), clock_wall_ms()),
                ERR_INVALID_STATE);
    gate.fixture.gateway.rotation.rosters = book;
    gate_expect(&gate, "pending");
}

/* --- two at once --- */

static pthread_barrier_t start;

static void *settle_too(void *arg)
{
    struct err *out = arg;
    pthread_barrier_wait(&start);
    *out = quorum_watch_settle(&gate.fixture.gateway, id_now(), clock_wall_ms());
    return NULL;
}

static void two_that_look_at_once_move_it_once(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        pthread_t threads[2];
        struct err outcomes[2] = {{0}};
        gate_request_open(&gate, "");
        gate_put_vote(&gate, "ann", VOTE_APPROVE);
        gate_put_vote(&gate, "bob", VOTE_APPROVE);
        assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
            threads[i] = sync_thread("settler", settle_too, &outcomes[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_ok(outcomes[i]);
        }
        pthread_barrier_destroy(&start);
        gate_expect(&gate, "approved");
    }
}

/* Each vote is stored and looked at: whoever comes second sees both. */
struct voter {
    const char *name;
    int status;
    char body[2048];
};

static void *vote_too(void *arg)
{
    struct voter *voter = arg;
    CLEANUP(mem_free_at) char *path = mem_format("/v1/break-glass/%s:vote", gate.id);
    pthread_barrier_wait(&start);
    CLEANUP(answer_clear)
    struct answer answer = fixture_admin(&gate.fixture, METHOD_POST, path, voter->body);
    voter->status = answer.status;
    return NULL;
}

static void write_vote(struct voter *voter)
{
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    CLEANUP(buf_clear) struct buf body = {0};
    struct vote vote =
        people_vote(&gate.people, voter->name, VOTE_APPROVE, request->statement, clock_wall_ms());
    struct json_writer writer = json_writer_on(&body);
    vote_put(&writer, NULL, &vote);
    assert_ok(json_finish(&writer));
    (void)snprintf(voter->body, sizeof(voter->body), "%.*s", (int)body.len,
                   (const char *)body.data);
}

static void two_votes_at_once_approve(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        pthread_t threads[2];
        struct voter voters[2] = {{.name = "ann"}, {.name = "bob"}};
        gate_request_open(&gate, "");
        assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
        for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
            write_vote(&voters[i]);
            threads[i] = sync_thread("voter", vote_too, &voters[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_int_equal(voters[i].status, 200);
        }
        pthread_barrier_destroy(&start);
        gate_expect(&gate, "approved");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(votes_approve_and_one_denies),
        TEST(an_approval_is_dropped_with_its_people),
        TEST(it_expires_at_its_time_exactly),
        TEST(an_approved_one_expires_too),
        TEST(an_approved_destruction_is_scheduled_in_time),
        TEST(final_states_stay),
        TEST(what_cannot_be_judged_stays_where_it_is),
        TEST(two_that_look_at_once_move_it_once),
        TEST(two_votes_at_once_approve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
