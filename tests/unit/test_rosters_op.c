/* The chain of rosters over the API: shown, continued, and what it says of the people in it. */
#include "base/clock.h"
#include "base/encoding.h"
#include "gate.h"

static struct gate gate;

static int setup(void **state)
{
    (void)state;
    gate_open_bare(&gate);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gate_close(&gate);
    return 0;
}

/* The link as the body of POST /v1/roster. Free with mem_free. */
static char *body_of(const struct roster_link *link)
{
    CLEANUP(buf_clear) struct buf body = {0};
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_put_bytes(&writer, "roster", link->roster);
    if (link->statement.len > 0) {
        json_put_bytes(&writer, "statement", link->statement);
        json_begin_array(&writer, "votes");
        for (size_t i = 0; i < link->vote_count; i++) {
            vote_put(&writer, NULL, &link->votes[i]);
        }
        json_end_array(&writer);
    }
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
    return span_to_text(buf_span(&body));
}

static struct answer post(const struct roster_link *link)
{
    CLEANUP(mem_free_at) char *body = body_of(link);
    return fixture_admin(&gate.fixture, METHOD_POST, "/v1/roster", body);
}

static struct answer get(const char *path)
{
    return fixture_admin(&gate.fixture, METHOD_GET, path, NULL);
}

static void expect_hex(struct span seen, const uint8_t digest[SHA256_LEN])
{
    CLEANUP(buf_clear) struct buf hex = {0};
    assert_ok(hex_encode(span_of(digest, SHA256_LEN), &hex));
    assert_true(span_equal(seen, buf_span(&hex)));
}

static void publish(const struct roster_link *link, int64_t number)
{
    CLEANUP(answer_clear) struct answer answer = post(link);
    if (answer.status != 201) {
        fail_msg("not published: %.*s", (int)answer.body.len, (const char *)answer.body.data);
    }
    assert_int_equal(answer_integer(&answer, "number"), number);
    expect_hex(answer_text(&answer, "digest"), people_newest(&gate.people)->digest);
}

static void the_chain_grows_from_its_root(void **state)
{
    (void)state;
    CLEANUP(answer_clear) struct answer nothing = get("/v1/roster");
    assert_problem(&nothing, 409, "invalid_state");
    publish(&gate.people.links[0], 1);
    (void)people_person(&gate.people, "eve");
    publish(gate_next_link(&gate), 2);
    CLEANUP(answer_clear) struct answer answer = get("/v1/roster");
    assert_int_equal(answer.status, 200);
    expect_hex(answer_text(&answer, "root"), gate.people.root);
    assert_int_equal(answer_integer(&answer, "number"), 2);
    expect_hex(answer_text(&answer, "digest"), people_newest(&gate.people)->digest);
    const struct json_value *chain = json_member(answer.json.root, "chain");
    const struct json_value *root = json_first(chain);
    const struct json_value *second = json_next(root);
    assert_int_equal(json_count(chain), 2);
    assert_null(json_member(root, "statement"));
    assert_null(json_member(root, "votes"));
    assert_int_equal(json_count(json_member(second, "votes")), 2);
    struct span text = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    assert_true(json_as_text(json_member(second, "statement"), &text));
    assert_ok(base64_decode(text, &bytes));
    assert_true(span_equal(buf_span(&bytes), gate.people.links[1].statement));
    assert_int_equal(fixture_count_records(&gate.fixture, "\"roster_sha256\""), 4);
}

static void each_refusal_has_its_code(void **state)
{
    (void)state;
    publish(&gate.people.links[0], 1);
    const struct roster_link good = *gate_next_link(&gate);
    struct roster_link unsigned_one = good;
    struct roster_link one_vote = good;
    struct roster_link nonsense = good;
    unsigned_one.statement = span_of(NULL, 0);
    one_vote.vote_count = 1;
    nonsense.roster = span_text("{}");
    const struct {
        const char *name;
        const struct roster_link *link;
        int status;
        const char *code;
    } cases[] = {
        {"root again", &gate.people.links[0], 403, "forbidden"},
        {"no statement", &unsigned_one, 400, "invalid_field"},
        {"one vote", &one_vote, 403, "forbidden"},
        {"no roster", &nonsense, 400, "invalid_field"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(answer_clear) struct answer answer = post(cases[i].link);
        if (answer.status != cases[i].status ||
            !span_is(answer_text(&answer, "code"), cases[i].code)) {
            fail_msg("%s: %.*s", cases[i].name, (int)answer.body.len,
                     (const char *)answer.body.data);
        }
    }
    static const char *const bodies[] = {"{}", "{\"roster\":\"!\"}",
                                         "{\"roster\":\"AAAA\",\"a\":1}",
                                         "{\"roster\":\"AAAA\",\"votes\":[{}]}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        CLEANUP(answer_clear)
        struct answer answer = fixture_admin(&gate.fixture, METHOD_POST, "/v1/roster", bodies[i]);
        assert_int_equal(answer.status, 400);
    }
    CLEANUP(answer_clear) struct answer answer = get("/v1/roster");
    assert_int_equal(answer_integer(&answer, "number"), 1);
    publish(&good, 2);
}

static void without_a_pin_there_is_none(void **state)
{
    (void)state;
    struct roster_book *book = gate.fixture.gateway.rotation.rosters;
    gate.fixture.gateway.rotation.rosters = NULL;
    CLEANUP(answer_clear) struct answer shown = get("/v1/roster");
    CLEANUP(answer_clear) struct answer report = get("/v1/roster:report");
    CLEANUP(answer_clear) struct answer made = post(&gate.people.links[0]);
    gate.fixture.gateway.rotation.rosters = book;
    assert_problem(&shown, 409, "invalid_state");
    assert_problem(&report, 409, "invalid_state");
    assert_problem(&made, 409, "invalid_state");
}

/* --- the report --- */

static const struct json_value *find(const struct answer *answer, const char *list, const char *id)
{
    const struct json_value *all = json_member(answer->json.root, list);
    for (const struct json_value *at = json_first(all); at != NULL; at = json_next(at)) {
        struct span text = {0};
        if (json_as_text(json_member(at, "id"), &text) && span_is(text, id)) {
            return at;
        }
    }
    fail_msg("%s is not in %s", id, list);
    return NULL;
}

static bool flag(const struct json_value *object, const char *name)
{
    bool value = false;
    assert_true(json_as_flag(json_member(object, name), &value));
    return value;
}

static int64_t number(const struct json_value *object, const char *name)
{
    int64_t value = 0;
    assert_true(json_as_integer(json_member(object, name), &value));
    return value;
}

static void put_old_vote(const char *voter, int64_t days)
{
    CLEANUP(request_free_at) const struct quorum_request *request = gate_row(&gate);
    const struct request_vote row = {.voter = voter,
                                     .choice = "approve",
                                     .format = "raw",
                                     .signed_at = "2026-01-02T03:04:05.000Z",
                                     .signature = span_text("signature"),
                                     .received_at = clock_wall_ms() - days * 86400000};
    assert_ok(keystore_put_vote(gate.fixture.gateway.store, request->id, &row));
}

static void the_report_says_who_has_not_voted_for_long(void **state)
{
    (void)state;
    publish(&gate.people.links[0], 1);
    gate_make_key(&gate, GATE_KEY, "ops", 2);
    gate_request_open(&gate, "");
    gate_voted(&gate, "ann", VOTE_APPROVE);
    put_old_vote("bob", 89);
    put_old_vote("cem", 90);
    CLEANUP(answer_clear) struct answer answer = get("/v1/roster:report");
    assert_int_equal(answer.status, 200);
    assert_int_equal(json_count(json_member(answer.json.root, "people")), 4);
    assert_false(flag(find(&answer, "people", "ann"), "stale"));
    assert_int_equal(number(find(&answer, "people", "ann"), "days"), 0);
    assert_non_null(json_member(find(&answer, "people", "ann"), "last_voted_at"));
    assert_false(flag(find(&answer, "people", "bob"), "stale"));
    assert_true(flag(find(&answer, "people", "cem"), "stale"));
    assert_int_equal(number(find(&answer, "people", "cem"), "days"), 90);
    assert_true(flag(find(&answer, "people", "dora"), "stale"));
    assert_null(json_member(find(&answer, "people", "dora"), "last_voted_at"));
}

static void the_report_says_which_groups_are_short(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        int64_t spare;
        bool without_one, without_two;
    } cases[] = {{"ops", 2, true, true}, {"three", 1, true, false}, {"two", 0, false, false}};
    publish(&gate.people.links[0], 1);
    (void)people_group(&gate.people, "three", 2, "ann,bob,cem");
    (void)people_group(&gate.people, "two", 2, "ann,bob");
    publish(gate_next_link(&gate), 2);
    CLEANUP(answer_clear) struct answer answer = get("/v1/roster:report");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct json_value *group = find(&answer, "groups", cases[i].id);
        assert_int_equal(number(group, "m"), 2);
        assert_int_equal(number(group, "people"), 2 + cases[i].spare);
        assert_int_equal(number(group, "spare"), cases[i].spare);
        assert_int_equal(flag(group, "without_one"), cases[i].without_one);
        assert_int_equal(flag(group, "without_two"), cases[i].without_two);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_chain_grows_from_its_root),
        TEST(each_refusal_has_its_code),
        TEST(without_a_pin_there_is_none),
        TEST(the_report_says_who_has_not_voted_for_long),
        TEST(the_report_says_which_groups_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
