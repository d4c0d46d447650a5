/* Plans, the calendar and retire-check over the API; the clock. */
#include "gateway_fixture.h"

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture.gateway.rotation.rules =
        (struct rotation_rules){.clock_skew = 60, .look_back = 30 * 86400, .jwks_max_age = 300};
    fixture.config.rotation.rules = fixture.gateway.rotation.rules;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static struct answer get(const char *path, const char *query)
{
    const struct asking asking = {
        .method = METHOD_GET, .path = path, .query = query, .bearer = ADMIN_TOKEN};
    return fixture_ask(&fixture, &asking);
}

static const char *text_of(const struct json_value *object, const char *name)
{
    struct span text;
    assert_true(json_as_text(json_member(object, name), &text));
    return (const char *)text.data;
}

static void a_plan_shows_what_comes(void **state)
{
    (void)state;
    fixture_make_key(
        &fixture, "a/b",
        "\"rotation\":{\"every\":\"30d\",\"overlap\":\"2h\",\"publish_ahead\":\"1h\"}");
    CLEANUP(answer_clear) struct answer answer = get("/v1/keys/a/b:plan", NULL);
    assert_int_equal(answer.status, 200);
    assert_span_is(answer_text(&answer, "mode"), "automatic");
    const struct json_value *step = json_first(json_member(answer.json.root, "steps"));
    static const char *const actions[] = {"make", "promote", "retire", "make", "promote"};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        assert_non_null(step);
        assert_string_equal(text_of(step, "action"), actions[i]);
        assert_true(strlen(text_of(step, "why")) > 5);
        step = json_next(step);
    }
    assert_null(json_first(json_member(answer.json.root, "waiting")));
}

static void a_plan_shows_what_waits_for_people(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "a/b", "");
    CLEANUP(answer_clear)
    struct answer rotated = fixture_admin(&fixture, METHOD_POST, "/v1/keys/a/b:rotate", NULL);
    CLEANUP(answer_clear)
    struct answer disabled = fixture_admin(&fixture, METHOD_POST, "/v1/keys/a/b@2:disable", NULL);
    assert_int_equal(disabled.status, 200);
    CLEANUP(answer_clear) struct answer answer = get("/v1/keys/a/b:plan", NULL);
    assert_int_equal(json_count(json_member(answer.json.root, "steps")), 0);
    /* no overlap, disabled, no primary */
    assert_int_equal(json_count(json_member(answer.json.root, "waiting")), 3);
    CLEANUP(answer_clear) struct answer versioned = get("/v1/keys/a/b@1:plan", NULL);
    assert_problem(&versioned, 400, "invalid_name");
}

static void the_calendar_has_what_the_caller_may_see(void **state)
{
    (void)state;
    static const char policy[] = "\"rotation\":{\"every\":\"10d\",\"publish_ahead\":\"1h\"}";
    fixture_make_key(&fixture, "a/one", policy);
    fixture_make_key(&fixture, "a/quiet", "");
    fixture_make_key(&fixture, "b/two", policy);
    CLEANUP(answer_clear) struct answer all = get("/v1/rotation/calendar", NULL);
    assert_int_equal(json_count(json_member(all.json.root, "keys")), 2);
    CLEANUP(answer_clear) struct answer some = get("/v1/rotation/calendar", "prefix=b/&days=15");
    const struct json_value *key = json_first(json_member(some.json.root, "keys"));
    assert_string_equal(text_of(key, "key"), "b/two");
    assert_null(json_next(key));
    assert_int_equal(json_count(json_member(key, "versions")), 1);
    assert_null(json_member(json_first(json_member(key, "versions")), "public_key"));
    CLEANUP(answer_clear) struct answer cut = get("/v1/rotation/calendar", "limit=1");
    assert_int_equal(json_count(json_member(cut.json.root, "keys")), 1);
    bool more = false;
    assert_true(json_as_flag(json_member(cut.json.root, "more"), &more));
    assert_true(more);
    CLEANUP(answer_clear) struct answer bad = get("/v1/rotation/calendar", "days=0");
    assert_problem(&bad, 400, "invalid_field");
    const struct asking other = {
        .method = METHOD_GET, .path = "/v1/rotation/calendar", .bearer = OTHER_TOKEN};
    CLEANUP(answer_clear) struct answer nothing = fixture_ask(&fixture, &other);
    assert_int_equal(nothing.status, 200);
    assert_int_equal(json_count(json_member(nothing.json.root, "keys")), 0);
}

static void retire_check_says_who_needs_it(void **state)
{
    (void)state;
    fixture_make_key(&fixture, "a/b", "");
    CLEANUP(answer_clear) struct answer answer = get("/v1/keys/a/b@1:retire-check", NULL);
    assert_int_equal(answer.status, 200);
    assert_span_is(answer_text(&answer, "needed"), "yes");
    assert_span_is(answer_text(&answer, "sure"), "certain");
    const struct json_value *finding = json_first(json_member(answer.json.root, "findings"));
    assert_string_equal(text_of(finding, "what"), "state");
    assert_string_equal(text_of(finding, "verdict"), "needs");
    assert_non_null(json_member(json_member(answer.json.root, "evidence"), "recorded_since"));
    CLEANUP(answer_clear) struct answer whole = get("/v1/keys/a/b:retire-check", NULL);
    assert_problem(&whole, 400, "invalid_name");
    CLEANUP(answer_clear) struct answer none = get("/v1/keys/a/b@7:retire-check", NULL);
    assert_problem(&none, 404, "not_found");
}

static void the_clock_is_shown_and_set_right(void **state)
{
    (void)state;
    assert_ok(timekeeper_open(fixture.gateway.store, &fixture.gateway.rotation.timekeeper));
    CLEANUP(answer_clear) struct answer shown = get("/v1/clock", NULL);
    assert_int_equal(shown.status, 200);
    assert_int_equal(answer_integer(&shown, "behind_ms"), 0);
    CLEANUP(answer_clear)
    struct answer bare = fixture_admin(&fixture, METHOD_POST, "/v1/clock:accept", "{}");
    assert_problem(&bare, 400, "invalid_field");
    CLEANUP(answer_clear)
    struct answer accepted = fixture_admin(&fixture, METHOD_POST, "/v1/clock:accept",
                                           "{\"reason\":\"the battery was changed\"}");
    assert_int_equal(accepted.status, 200);
    assert_int_equal(fixture_count_records(&fixture, "the battery was changed"), 2);
    timekeeper_close(fixture.gateway.rotation.timekeeper);
    fixture.gateway.rotation.timekeeper = NULL;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plan_shows_what_comes),
        TEST(a_plan_shows_what_waits_for_people),
        TEST(the_calendar_has_what_the_caller_may_see),
        TEST(retire_check_says_who_needs_it),
        TEST(the_clock_is_shown_and_set_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
