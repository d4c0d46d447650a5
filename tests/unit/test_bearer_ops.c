/* Bearer tokens over the API: made once, used, listed without their secret, revoked at once; and
 * access keys, as far as they are like them. */
#include "gateway_fixture.h"

#include "base/clock.h"

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

/* What GET /v1/auth/tokens says of one token; empty: nothing. */
static void listed(const char *name, const char *member, char out[CLOCK_TEXT_MAX])
{
    CLEANUP(answer_clear)
    struct answer answer = fixture_admin(&fixture, METHOD_GET, "/v1/auth/tokens", NULL);
    assert_int_equal(answer.status, 200);
    out[0] = '\0';
    for (const struct json_value *token = json_first(json_member(answer.json.root, "tokens"));
         token != NULL; token = json_next(token)) {
        struct span text = {0};
        assert_null(json_member(token, "token"));
        assert_null(json_member(token, "hash"));
        if (json_as_text(json_member(token, "name"), &text) && span_is(text, name) &&
            json_as_text(json_member(token, member), &text)) {
            snprintf(out, CLOCK_TEXT_MAX, "%.*s", (int)text.len, (const char *)text.data);
        }
    }
}

static void the_last_use_is_listed_and_kept(void **state)
{
    (void)state;
    char before[CLOCK_TEXT_MAX], used[CLOCK_TEXT_MAX], after[CLOCK_TEXT_MAX];
    listed("other", "last_used_at", before);
    assert_string_equal(before, "");
    assert_int_equal(whoami(OTHER_TOKEN, "token:other"), 200);
    listed("other", "last_used_at", used);
    assert_string_not_equal(used, "");
    keystore_close(fixture.gateway.store);
    assert_ok(keystore_open(fixture.database, &fixture.gateway.store));
    fixture.gateway.rotation.store = fixture.gateway.store;
    listed("other", "last_used_at", after);
    assert_string_equal(after, used);
    /* a refused try is no use */
    assert_int_equal(whoami("hg_nobody", ""), 401);
    listed("other", "last_used_at", after);
    assert_string_equal(after, used);
}

static void a_ttl_has_its_limits(void **state)
{
    (void)state;
    static const struct {
        const char *ttl;
        int status;
    } rows[] = {
        {"1s", 200},     {"36500d", 200},
        {"36501d", 400}, {"0s", 400},
        {"-1h", 400},    {"", 400},
        {"1", 400},      {"1h30m", 400},
        {"1.5h", 400},   {"99999999999999999999d", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(mem_free_at)
        char *body = mem_format("{\"name\":\"t%zu\",\"ttl\":\"%s\"}", i, rows[i].ttl);
        CLEANUP(answer_clear)
        struct answer answer = fixture_admin(&fixture, METHOD_POST, "/v1/auth/tokens", body);
        if (answer.status != rows[i].status) {
            fail_msg("%s: %d", body, answer.status);
        }
    }
}

/* A revoked name is free again, and the old token stays dead. */
static void a_name_can_be_used_again(void **state)
{
    (void)state;
    char old[128];
    CLEANUP(answer_clear)
    struct answer first =
        fixture_admin(&fixture, METHOD_POST, "/v1/auth/tokens", "{\"name\":\"ci\",\"ttl\":\"1h\"}");
    struct span token = answer_text(&first, "token");
    snprintf(old, sizeof(old), "%.*s", (int)token.len, (const char *)token.data);
    CLEANUP(answer_clear)
    struct answer gone = fixture_admin(&fixture, METHOD_DELETE, "/v1/auth/tokens/ci", NULL);
    assert_int_equal(gone.status, 204);
    CLEANUP(answer_clear)
    struct answer second =
        fixture_admin(&fixture, METHOD_POST, "/v1/auth/tokens", "{\"name\":\"ci\",\"ttl\":\"1h\"}");
    assert_int_equal(second.status, 200);
    assert_int_equal(whoami(old, ""), 401);
}

/* --- access keys; what their secrets need is in test_access_keys --- */

/* The hash of `id` finds it, as that of a token would. */
static void store_access_key(const char *name, const char *id, const char *subject)
{
    struct bearer bearer = {.created_at = clock_wall_ms(), .sealed = "sealed", .sealed_len = 6};
    uint8_t hash[DIGEST_MAX];
    bearer.expires_at = bearer.created_at + 60000;
    snprintf(bearer.name, sizeof(bearer.name), "%s", name);
    snprintf(bearer.access_key, sizeof(bearer.access_key), "%s", id);
    snprintf(bearer.subject, sizeof(bearer.subject), "%s", subject);
    digest_of(DIGEST_SHA256, span_text(id), hash);
    memcpy(bearer.hash, hash, SHA256_LEN);
    assert_ok(keystore_put_bearer(fixture.gateway.store, &bearer, bearer.created_at));
}

static void an_access_keys_id_is_no_token(void **state)
{
    (void)state;
    store_access_key("aws", "hg_looks-like-one", "orders");
    store_access_key("aws2", "HGAKABCDEFGH23456789", "orders");
    assert_int_equal(whoami("hg_looks-like-one", ""), 401);
    assert_int_equal(whoami("HGAKABCDEFGH23456789", ""), 401);
}

static void access_keys_are_listed_and_revoked_by_name(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_MAX];
    store_access_key("aws", "HGAKABCDEFGH23456789", "orders");
    listed("aws", "access_key_id", text);
    assert_string_equal(text, "HGAKABCDEFGH23456789");
    listed("aws", "subject", text);
    assert_string_equal(text, "orders");
    listed("aws", "sealed", text);
    assert_string_equal(text, "");
    listed("other", "access_key_id", text); /* a token is told by having none */
    assert_string_equal(text, "");
    listed("other", "subject", text);
    assert_string_equal(text, "");
    CLEANUP(answer_clear)
    struct answer gone = fixture_admin(&fixture, METHOD_DELETE, "/v1/auth/tokens/aws", NULL);
    assert_int_equal(gone.status, 204);
    listed("aws", "name", text);
    assert_string_equal(text, "");
    expect(METHOD_DELETE, "/v1/auth/tokens/aws", NULL, 404, "not_found");
}

static void bad_access_keys_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *code;
    } rows[] = {
        {"{\"ttl\":\"1h\"}", "invalid_field"},
        {"{\"name\":\"aws\"}", "invalid_field"},
        {"{\"name\":\"aws\",\"ttl\":\"long\"}", "invalid_field"},
        {"{\"name\":\"a/b\",\"ttl\":\"1h\"}", "invalid_name"},
        {"{\"name\":\"aws\",\"ttl\":\"1h\",\"subject\":7}", "invalid_field"},
        {"{\"name\":\"aws\",\"ttl\":\"1h\",\"subject\":\"A\"}", "invalid_name"},
        {"{\"name\":\"aws\",\"ttl\":\"1h\",\"subject\":\"a/b\"}", "invalid_name"},
        {"{\"name\":\"aws\",\"ttl\":\"1h\",\"subject\":\"\"}", "invalid_name"},
        {"{\"name\":\"aws\",\"ttl\":\"1h\",\"secret_access_key\":\"x\"}", "unknown_field"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect(METHOD_POST, "/v1/auth/access-keys", rows[i].body, 400, rows[i].code);
    }
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
        TEST(the_last_use_is_listed_and_kept),
        TEST(a_ttl_has_its_limits),
        TEST(a_name_can_be_used_again),
        TEST(an_access_keys_id_is_no_token),
        TEST(access_keys_are_listed_and_revoked_by_name),
        TEST(bad_access_keys_are_refused),
        TEST(whoami_tells_every_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
