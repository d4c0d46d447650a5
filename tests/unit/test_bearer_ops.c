/* Bearer tokens over the API: made once, used, listed without their secret, revoked at once. */
#include "gateway_fixture.h"

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static void expect(enum method method, const char *path, const char *body, int status,
                   const char *code)
{
    CLEANUP(answer_clear) struct answer answer = fixture_admin(&fixture, method, path, body);
    assert_problem(&answer, status, code);
}

static int whoami(const char *bearer, const char *principal)
{
    CLEANUP(answer_clear)
    struct answer answer = fixture_ask(
        &fixture,
        &(struct asking){.method = METHOD_GET, .path = "/v1/auth/whoami", .bearer = bearer});
    if (answer.status == 200) {
        assert_span_is(answer_text(&answer, "principal"), principal);
        assert_non_null(json_member(answer.json.root, "grants"));
    }
    return answer.status;
}

static void a_token_lives_until_it_is_revoked(void **state)
{
    (void)state;
    char bearer[128];
    CLEANUP(answer_clear)
    struct answer made =
        fixture_admin(&fixture, METHOD_POST, "/v1/auth/tokens", "{\"name\":\"ci\",\"ttl\":\"1h\"}");
    assert_int_equal(made.status, 200);
    struct span token = answer_text(&made, "token");
    assert_true(span_starts(token, "hg_"));
    assert_int_equal(token.len, 3 + 43);
    assert_true(answer_text(&made, "expires_at").len > 0);
    snprintf(bearer, sizeof(bearer), "%.*s", (int)token.len, (const char *)token.data);
    assert_int_equal(whoami(bearer, "token:ci"), 200);

    CLEANUP(answer_clear)
    struct answer listed = fixture_admin(&fixture, METHOD_GET, "/v1/auth/tokens", NULL);
    assert_int_equal(listed.status, 200);
    assert_int_equal(json_count(json_member(listed.json.root, "tokens")), 3);
    assert_null(memmem(listed.body.data, listed.body.len, bearer, strlen(bearer)));

    CLEANUP(answer_clear)
    struct answer gone = fixture_admin(&fixture, METHOD_DELETE, "/v1/auth/tokens/ci", NULL);
    assert_int_equal(gone.status, 204);
    assert_int_equal(gone.body.len, 0);
    assert_int_equal(whoami(bearer, ""), 401);
    assert_int_equal(fixture_count_records(&fixture, bearer), 0);
    /* intent and request, of creation and of revocation */
    assert_int_equal(fixture_count_records(&fixture, "\"bearer\":\"ci\""), 4);
}

static void an_expired_token_is_unknown(void **state)
{
    (void)state;
    struct bearer bearer = {.name = "old", .created_at = 1, .expires_at = 2};
    uint8_t hash[DIGEST_MAX];
    digest_of(DIGEST_SHA256, span_text("hg_old"), hash);
    memcpy(bearer.hash, hash, SHA256_LEN);
    assert_ok(keystore_put_bearer(fixture.gateway.store, &bearer, 1));
    assert_int_equal(whoami("hg_old", ""), 401);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *code;
    } rows[] = {
        {"{\"ttl\":\"1h\"}", "invalid_field"},
        {"{\"name\":\"ci\"}", "invalid_field"},
        {"{\"name\":\"ci\",\"ttl\":\"long\"}", "invalid_field"},
        {"{\"name\":\"ci\",\"ttl\":3600}", "invalid_field"},
        {"{\"name\":\"\",\"ttl\":\"1h\"}", "invalid_name"},
        {"{\"name\":\"a/b\",\"ttl\":\"1h\"}", "invalid_name"},
        {"{\"name\":\"CI\",\"ttl\":\"1h\"}", "invalid_name"},
        {"{\"name\":\"ci\",\"ttl\":\"1h\",\"admin\":true}", "unknown_field"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect(METHOD_POST, "/v1/auth/tokens", rows[i].body, 400, rows[i].code);
    }
    expect(METHOD_POST, "/v1/auth/tokens", "{\"name\":\"admin\",\"ttl\":\"1h\"}", 409, "conflict");
    expect(METHOD_DELETE, "/v1/auth/tokens/none", NULL, 404, "not_found");
    expect(METHOD_DELETE, "/v1/auth/tokens/A", NULL, 400, "invalid_name");
}

static void whoami_tells_every_caller(void **state)
{
    (void)state;
    assert_int_equal(whoami(ADMIN_TOKEN, "token:admin"), 200);
    assert_int_equal(whoami(OTHER_TOKEN, "token:other"), 200);
    CLEANUP(answer_clear)
    struct answer local = fixture_ask(
        &fixture, &(struct asking){
                      .method = METHOD_GET, .path = "/v1/auth/whoami", .local = true, .uid = 1000});
    assert_span_is(answer_text(&local, "principal"), "unix:1000");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_token_lives_until_it_is_revoked),
        TEST(an_expired_token_is_unknown),
        TEST(bad_requests_are_refused),
        TEST(whoami_tells_every_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
