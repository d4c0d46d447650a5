/* Versions moved over the API: who is told what, what is refused, what is warned of. */
#include "gateway_fixture.h"

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture.gateway.rotation.rules =
        (struct rotation_rules){.clock_skew = 60, .look_back = 30 * 86400, .jwks_max_age = 300};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static struct answer post(const char *path, const char *body)
{
    return fixture_admin(&fixture, METHOD_POST, path, body);
}

static void expect_problem(const char *path, const char *body, int status, const char *code)
{
    CLEANUP(answer_clear) struct answer answer = post(path, body);
    assert_problem(&answer, status, code);
}

static void expect_state(const char *path, const char *body, const char *state)
{
    CLEANUP(answer_clear) struct answer answer = post(path, body);
    if (answer.status != 200) {
        fail_msg("%s: %.*s", path, (int)answer.body.len, (const char *)answer.body.data);
    }
    assert_span_is(answer_text(&answer, "state"), state);
}

static size_t warnings_with(const struct answer *answer, const char *needle)
{
    size_t found = 0;
    for (const struct json_value *at = json_first(json_member(answer->json.root, "warnings"));
         at != NULL; at = json_next(at)) {
        struct span text;
        assert_true(json_as_text(at, &text));
        found += memmem(text.data, text.len, needle, strlen(needle)) != NULL ? 1 : 0;
    }
    return found;
}

static void make_two(void)
{
    fixture_make_key(&fixture, "a/b", "");
    expect_state("/v1/keys/a/b:rotate", NULL, "active");
}

static void a_version_goes_through_its_life(void **state)
{
    (void)state;
    make_two();
    expect_state("/v1/keys/a/b@1:promote", NULL, "active");
    expect_state("/v1/keys/a/b@2:disable", "{\"reason\":\"odd traffic\"}", "disabled");
    expect_state("/v1/keys/a/b@2:enable", "{}", "retiring");
    expect_state("/v1/keys/a/b@2:retire", NULL, "retired");
    CLEANUP(answer_clear)
    struct answer answer =
        post("/v1/keys/a/b@2:schedule-destroy", "{\"reason\":\"old\",\"after\":\"24h\"}");
    assert_span_is(answer_text(&answer, "state"), "destroy-scheduled");
    assert_int_equal(answer_integer(&answer, "primary"), 1);
    assert_true(answer_text(&answer, "destroy_at").len > 10);
    expect_state("/v1/keys/a/b@2:cancel-destroy", NULL, "retired");
    expect_state("/v1/keys/a/b@2:compromise", "{\"reason\":\"laptop lost\"}", "compromised");
    CLEANUP(json_clear) struct json record = {0};
    fixture_last_record(&fixture, &record);
    struct span text;
    assert_true(json_as_text(json_member(json_member(record.root, "detail"), "reason"), &text));
    assert_span_is(text, "laptop lost");
    assert_true(json_as_text(json_member(json_member(record.root, "detail"), "verb"), &text));
    assert_span_is(text, "compromise");
}

/* What is done is recorded before and after, with its reason in both. */
static void moves_are_recorded_twice(void **state)
{
    (void)state;
    make_two();
    expect_state("/v1/keys/a/b@1:compromise", "{\"reason\":\"because\"}", "compromised");
    assert_int_equal(fixture_count_records(&fixture, "\"reason\":\"because\""), 2);
    assert_int_equal(fixture_count_records(&fixture, "\"kind\":\"intent\""), 3);
}

static void bad_moves_are_refused(void **state)
{
    (void)state;
    make_two();
    static const struct {
        const char *path, *body;
        int status;
        const char *code;
    } rows[] = {
        {"/v1/keys/a/b:promote", NULL, 400, "invalid_name"},
        {"/v1/keys/a/b@9:promote", NULL, 404, "not_found"},
        {"/v1/keys/a/c@1:promote", NULL, 404, "not_found"},
        {"/v1/keys/a/b@2:promote", NULL, 409, "invalid_state"},
        {"/v1/keys/a/b@2:retire", NULL, 409, "invalid_state"},
        {"/v1/keys/a/b@2:enable", NULL, 409, "invalid_state"},
        {"/v1/keys/a/b@2:schedule-destroy", "{\"reason\":\"x\"}", 409, "invalid_state"},
        {"/v1/keys/a/b@1:cancel-destroy", NULL, 409, "invalid_state"},
        {"/v1/keys/a/b@1:confirm-destroy", "{\"reason\":\"x\"}", 409, "invalid_state"},
        {"/v1/keys/a/b@1:compromise", NULL, 400, "invalid_json"},
        {"/v1/keys/a/b@1:compromise", "{}", 400, "invalid_field"},
        {"/v1/keys/a/b@1:compromise", "{\"reason\":\"  \"}", 400, "invalid_field"},
        {"/v1/keys/a/b@1:compromise", "{\"reason\":\"a\\nb\"}", 400, "invalid_field"},
        {"/v1/keys/a/b@1:compromise", "{\"reason\":7}", 400, "invalid_field"},
        {"/v1/keys/a/b@1:retire", "{\"after\":\"24h\"}", 400, "unknown_field"},
        {"/v1/keys/a/b@1:schedule-destroy", "{\"after\":\"30d\"}", 400, "invalid_field"},
        {"/v1/keys/a/b@1:schedule-destroy", "{\"reason\":\"x\",\"after\":\"23h\"}", 400,
         "invalid_field"},
        {"/v1/keys/a/b@1:schedule-destroy", "{\"reason\":\"x\",\"after\":\"soon\"}", 400,
         "invalid_field"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_problem(rows[i].path, rows[i].body, rows[i].status, rows[i].code);
    }
    CLEANUP(answer_clear) struct answer answer = post("/v1/keys/a/b@2:retire", NULL);
    assert_span_is(answer_text(&answer, "detail"),
                   "version 2 is active, so retire is not allowed; allowed: rotate, disable, "
                   "compromise");
}

/* Each verb asks for its own word. */
static void verbs_need_their_grant(void **state)
{
    (void)state;
    make_two();
    static const char *const verbs[] = {"promote",        "retire",         "disable",
                                        "enable",         "compromise",     "schedule-destroy",
                                        "cancel-destroy", "confirm-destroy"};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/v1/keys/a/b@1:%s", verbs[i]);
        const struct asking asking = {.method = METHOD_POST,
                                      .path = path,
                                      .body = "{\"reason\":\"x\"}",
                                      .bearer = OTHER_TOKEN};
        CLEANUP(answer_clear) struct answer answer = fixture_ask(&fixture, &asking);
        assert_problem(&answer, 403, "forbidden");
    }
}

static void use_keeps_a_version_from_destruction(void **state)
{
    (void)state;
    make_two();
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(fixture.gateway.store, span_text("a/b"));
    struct use use = {.kind = USE_OPEN, .principal = span_text("token:a"), .now = 1};
    use.now = gateway_now(&fixture.gateway);
    assert_ok(keystore_note_use(fixture.gateway.store, key_version(key, 1), &use));
    expect_state("/v1/keys/a/b@1:retire", NULL, "retired");
    expect_problem("/v1/keys/a/b@1:schedule-destroy", "{\"reason\":\"x\"}", 409, "invalid_state");
    expect_state("/v1/keys/a/b@1:schedule-destroy", "{\"reason\":\"x\",\"despite_use\":true}",
                 "destroy-scheduled");
    assert_int_equal(fixture_count_records(&fixture, "\"despite_use\":true"), 2);
}

static void surprises_are_warned_of(void **state)
{
    (void)state;
    make_two();
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(fixture.gateway.store, span_text("a/b"));
    int64_t now = gateway_now(&fixture.gateway);
    struct use use = {.kind = USE_PROTECT,
                      .principal = span_text("token:a"),
                      .now = now,
                      .jwt_expires_at = now + 600000};
    assert_ok(keystore_note_use(fixture.gateway.store, key_version(key, 1), &use));
    CLEANUP(answer_clear) struct answer retired = post("/v1/keys/a/b@1:retire", NULL);
    assert_int_equal(warnings_with(&retired, "JWTs that version 1 signed are valid until"), 1);
    CLEANUP(answer_clear) struct answer disabled = post("/v1/keys/a/b@2:disable", NULL);
    assert_int_equal(warnings_with(&disabled, "no primary now"), 1);
    assert_null(json_member(disabled.json.root, "primary"));
    expect_state("/v1/keys/a/b:rotate", NULL, "active");
    CLEANUP(answer_clear) struct answer enabled = post("/v1/keys/a/b@2:enable", NULL);
    assert_int_equal(warnings_with(&enabled, "version 3 is the primary now"), 1);
    CLEANUP(answer_clear)
    struct answer updated = fixture_admin(&fixture, METHOD_PATCH, "/v1/keys/a/b",
                                          "{\"rotation\":{\"publish_ahead\":\"1h\"}}");
    assert_int_equal(updated.status, 200);
    CLEANUP(answer_clear) struct answer off = post("/v1/keys/a/b@3:disable", NULL);
    CLEANUP(answer_clear) struct answer on = post("/v1/keys/a/b@3:enable", NULL);
    assert_int_equal(warnings_with(&on, "key sets were without version 3"), 1);
    expect_state("/v1/keys/a/b:rotate", NULL, "pending");
    CLEANUP(answer_clear) struct answer promoted = post("/v1/keys/a/b@4:promote", NULL);
    assert_int_equal(warnings_with(&promoted, "a verifier may keep a key set without it"), 1);
}

/* A shorter publish_ahead does not make old copies of key sets any younger. */
static void shorter_caching_is_remembered(void **state)
{
    (void)state;
    fixture.config.rotation.rules = fixture.gateway.rotation.rules;
    fixture_make_key(&fixture, "a/b", "\"rotation\":{\"publish_ahead\":\"1h\"}");
    CLEANUP(answer_clear)
    struct answer updated = fixture_admin(&fixture, METHOD_PATCH, "/v1/keys/a/b",
                                          "{\"rotation\":{\"publish_ahead\":\"10s\"}}");
    assert_int_equal(updated.status, 200);
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(fixture.gateway.store, span_text("a/b"));
    assert_int_equal(key->cached_until, 300000);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_version_goes_through_its_life),
        TEST(moves_are_recorded_twice),
        TEST(bad_moves_are_refused),
        TEST(verbs_need_their_grant),
        TEST(use_keeps_a_version_from_destruction),
        TEST(surprises_are_warned_of),
        TEST(shorter_caching_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
