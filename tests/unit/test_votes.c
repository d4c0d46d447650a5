/* Votes as rows: in the order of arrival, once for each person and choice, and as they were sent.
 */
#include "keystore/request.h"

#include "tests/unit/request_fixture.h"

static void open_fixture(struct fixture *fixture)
{
    fixture_make(fixture);
    fixture_open(fixture);
    put_request(fixture->store, 1);
}

static void expect_votes(struct keystore *store, size_t count)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    assert_ok(keystore_find_request(store, request_id(1), &request));
    assert_int_equal(request->vote_count, count);
}

static void keeps_votes_in_the_order_of_arrival(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    put_request(fixture.store, 2);
    struct request_vote first = vote_of("zoe", "approve");
    struct request_vote second = vote_of("ada", "approve");
    second.format = "sshsig";
    second.signature = span_of((const uint8_t[]){0, 1, 0}, 3);
    second.received_at = NOW - 500; /* the clock was set back */
    assert_ok(keystore_put_vote(fixture.store, request_id(1), &first));
    assert_ok(keystore_put_vote(fixture.store, request_id(1), &second));
    assert_ok(vote(fixture.store, 2, "bob", "deny"));
    fixture_reopen(&fixture);
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    assert_ok(keystore_find_request(fixture.store, request_id(1), &request));
    assert_int_equal(request->vote_count, 2);
    assert_string_equal(request->votes[0].voter, "zoe");
    const struct request_vote *ada = &request->votes[1];
    assert_string_equal(ada->voter, "ada");
    assert_string_equal(ada->choice, "approve");
    assert_string_equal(ada->format, "sshsig");
    assert_string_equal(ada->signed_at, second.signed_at);
    assert_true(span_equal(ada->signature, second.signature));
    assert_true(ada->received_at == NOW - 500);
}

static void takes_each_choice_once(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    assert_code(vote(fixture.store, 9, "ada", "approve"), ERR_NOT_FOUND);
    assert_ok(vote(fixture.store, 1, "ada", "approve"));
    struct err err = vote(fixture.store, 1, "ada", "approve");
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.detail, "ada"));
    assert_ok(vote(fixture.store, 1, "ada", "deny")); /* people may think again */
    assert_code(vote(fixture.store, 1, "ada", "deny"), ERR_CONFLICT);
    expect_votes(fixture.store, 2);
}

static void takes_votes_only_while_it_waits(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    for (enum request_state one = REQUEST_PENDING; one < REQUEST_STATE_END; one++) {
        uint8_t number = (uint8_t)(10 + one);
        put_request(fixture.store, number);
        bring_request(fixture.store, number, one);
        bool waits = one == REQUEST_PENDING || one == REQUEST_APPROVED;
        struct err err = vote(fixture.store, number, "ada", "approve");
        assert_code_of(request_state_name(one), err, waits ? ERR_OK : ERR_INVALID_STATE);
        assert_true(waits || strstr(err.detail, request_state_name(one)) != NULL);
    }
}

static void refuses_what_is_no_vote(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    struct request_vote cases[4];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cases[i] = vote_of("ada", "approve");
    }
    cases[0].choice = "abstain";
    cases[1].format = "pgp";
    cases[2].voter = "";
    cases[3].signature = span_of(NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_code(keystore_put_vote(fixture.store, request_id(1), &cases[i]), ERR_INTERNAL);
    }
    expect_votes(fixture.store, 0);
}

static void remembers_who_voted_when(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    put_request(fixture.store, 2);
    int64_t at = -1;
    assert_ok(keystore_last_vote(fixture.store, "ada", &at));
    assert_int_equal(at, 0);
    struct request_vote late = vote_of("ada", "approve");
    late.received_at = NOW + 70;
    assert_ok(keystore_put_vote(fixture.store, request_id(1), &late));
    assert_ok(vote(fixture.store, 2, "ada", "deny"));
    assert_ok(vote(fixture.store, 2, "bob", "deny"));
    assert_ok(keystore_last_vote(fixture.store, "ada", &at));
    assert_true(at == NOW + 70);
    assert_ok(keystore_last_vote(fixture.store, "bob", &at));
    assert_true(at == NOW + 1);
}

/* As many as can be read again, and no more. */
#define MANY                                                                          \
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1024)" \
    " INSERT INTO votes (request_id, voter, choice, format, signed_at, signature,"    \
    " received_at) SELECT id, 'p' || i, 'approve', 'raw', 't', x'01', i FROM requests, n"
#define ONE_MORE                                                                  \
    "INSERT INTO votes (request_id, voter, choice, format, signed_at, signature," \
    " received_at) SELECT id, 'q', 'approve', 'raw', 't', x'01', 1 FROM requests"

static void takes_so_many_and_no_more(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    tamper(&fixture, MANY);
    expect_votes(fixture.store, REQUEST_VOTES_MAX);
    assert_code(vote(fixture.store, 1, "ada", "approve"), ERR_TOO_LARGE);
    expect_votes(fixture.store, REQUEST_VOTES_MAX);
    tamper(&fixture, ONE_MORE);
    const struct quorum_request *request = NULL;
    assert_code(keystore_find_request(fixture.store, request_id(1), &request), ERR_CORRUPT);
}

static void refuses_rows_that_nobody_wrote(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "UPDATE votes SET choice = 'maybe'",
        "UPDATE votes SET choice = ''",
        "UPDATE votes SET format = 'pgp'",
        "UPDATE votes SET signature = x''",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(fixture_drop) struct fixture fixture;
        open_fixture(&fixture);
        assert_ok(vote(fixture.store, 1, "ada", "approve"));
        tamper(&fixture, cases[i]);
        const struct quorum_request *request = NULL;
        assert_code_of(cases[i], keystore_find_request(fixture.store, request_id(1), &request),
                       ERR_CORRUPT);
        assert_null(request);
    }
}

static bool go_on(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    return done <= total;
}

static void are_in_a_backup(void **state)
{
    (void)state;
    CLEANUP(fixture_drop) struct fixture fixture;
    open_fixture(&fixture);
    assert_ok(vote(fixture.store, 1, "ada", "approve"));
    assert_ok(vote(fixture.store, 1, "bob", "deny"));
    char copy[100];
    (void)snprintf(copy, sizeof(copy), "%s/copy.db", fixture.folder);
    assert_ok(keystore_backup(fixture.store, copy, NOW, go_on, NULL));
    keystore_close(fixture.store);
    fixture.store = NULL;
    assert_int_equal(rename(copy, fixture.path), 0);
    fixture_open(&fixture);
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    assert_ok(keystore_find_request(fixture.store, request_id(1), &request));
    assert_true(span_equal(request->statement, request_of(1).statement));
    assert_int_equal(request->vote_count, 2);
    assert_string_equal(request->votes[0].voter, "ada");
    assert_string_equal(request->votes[1].choice, "deny");
}

/* --- two at once --- */

static struct err vote_alike(struct race *race, unsigned who)
{
    (void)who;
    return vote(race->store, 1, "ada", "approve");
}

static struct err vote_each(struct race *race, unsigned who)
{
    return vote(race->store, 1, who == 0 ? "bob" : "cleo", "approve");
}

static void counts_two_at_once_right(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        CLEANUP(fixture_drop) struct fixture fixture;
        open_fixture(&fixture);
        struct race both = {.store = fixture.store, .run = vote_alike};
        assert_int_equal(race(&both), 1);
        unsigned loser = both.outcomes[0].code == ERR_OK ? 1 : 0;
        assert_int_equal(both.outcomes[loser].code, ERR_CONFLICT);
        expect_votes(fixture.store, 1);
        both.run = vote_each;
        assert_int_equal(race(&both), 2);
        expect_votes(fixture.store, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_votes_in_the_order_of_arrival),
        cmocka_unit_test(takes_each_choice_once),
        cmocka_unit_test(takes_votes_only_while_it_waits),
        cmocka_unit_test(refuses_what_is_no_vote),
        cmocka_unit_test(remembers_who_voted_when),
        cmocka_unit_test(takes_so_many_and_no_more),
        cmocka_unit_test(refuses_rows_that_nobody_wrote),
        cmocka_unit_test(are_in_a_backup),
        cmocka_unit_test(counts_two_at_once_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
