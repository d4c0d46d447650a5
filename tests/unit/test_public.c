/* Public documents: key sets, discovery, one public half; what is published and how long it may be
 * cached. */
#include "gateway_fixture.h"

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_make_key(&fixture, "pay/prod/jwt", "");
    fixture_make_key(&fixture, "pay/prod/api", "\"rotation\":{\"publish_ahead\":\"100s\"}");
    fixture_make_key(&fixture, "pay/prod/deep/key", "");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static struct answer get(const char *path)
{
    return fixture_ask(&fixture, &(struct asking){.method = METHOD_GET, .path = path});
}

static void expect(const char *path, int status, const char *code)
{
    CLEANUP(answer_clear) struct answer answer = get(path);
    assert_problem(&answer, status, code);
}

/* The kids of a set, joined by blanks. */
static void assert_kids(const struct answer *answer, const char *expected)
{
    CLEANUP(buf_clear) struct buf kids = {0};
    assert_int_equal(answer->status, 200);
    const struct json_value *jwk = json_first(json_member(answer->json.root, "keys"));
    for (; jwk != NULL; jwk = json_next(jwk)) {
        struct span kid = {0};
        assert_true(json_as_text(json_member(jwk, "kid"), &kid));
        assert_ok(buf_printf(&kids, "%s%.*s", kids.len > 0 ? " " : "", (int)kid.len,
                             (const char *)kid.data));
    }
    assert_span_is(buf_span(&kids), expected);
}

static void move(const char *name, uint32_t number, enum version_state from, enum version_state to)
{
    const struct version_move moves[] = {{.number = number, .from = from, .to = to}};
    assert_ok(keystore_move(fixture.gateway.store, span_text(name), moves, 1, 5));
}

static void one_keys_set_follows_its_versions(void **state)
{
    (void)state;
    CLEANUP(answer_clear) struct answer first = get("/jwks/pay/prod/jwt");
    assert_kids(&first, "pay/prod/jwt@1");
    assert_string_equal(first.content_type, "application/jwk-set+json");
    assert_int_equal(first.public_max_age_s, 300);
    CLEANUP(answer_clear)
    struct answer rotated =
        fixture_admin(&fixture, METHOD_POST, "/v1/keys/pay/prod/jwt:rotate", NULL);
    assert_int_equal(rotated.status, 200);
    CLEANUP(answer_clear) struct answer second = get("/jwks/pay/prod/jwt");
    assert_kids(&second, "pay/prod/jwt@1 pay/prod/jwt@2");
    assert_string_not_equal(first.etag, second.etag);
    move("pay/prod/jwt", 1, VERSION_RETIRING, VERSION_RETIRED);
    CLEANUP(answer_clear) struct answer third = get("/jwks/pay/prod/jwt");
    assert_kids(&third, "pay/prod/jwt@2");
}

/* Keys directly in the namespace; the age is half of the smallest publish_ahead. */
static void a_namespaces_set_has_its_own_keys(void **state)
{
    (void)state;
    CLEANUP(answer_clear) struct answer set = get("/jwks/pay/prod/");
    assert_kids(&set, "pay/prod/api@1 pay/prod/jwt@1");
    assert_int_equal(set.public_max_age_s, 50);
}

static void a_known_tag_gets_304(void **state)
{
    (void)state;
    CLEANUP(answer_clear) struct answer first = get("/jwks/pay/prod/");
    char listed[256];
    snprintf(listed, sizeof(listed), "\"other\", W/%s", first.etag);
    const char *const tags[] = {first.etag, listed, "*"};
    assert_int_equal(first.etag[0], '"');
    assert_int_equal(strlen(first.etag), 34);
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        CLEANUP(answer_clear)
        struct answer again = fixture_ask(&fixture, &(struct asking){.method = METHOD_GET,
                                                                     .path = "/jwks/pay/prod/",
                                                                     .if_none_match = tags[i]});
        assert_int_equal(again.status, 304);
        assert_int_equal(again.body.len, 0);
        assert_string_equal(again.etag, first.etag);
        assert_int_equal(again.public_max_age_s, 50);
    }
    CLEANUP(answer_clear)
    struct answer other = fixture_ask(&fixture, &(struct asking){.method = METHOD_GET,
                                                                 .path = "/jwks/pay/prod/",
                                                                 .if_none_match = "\"other\""});
    assert_int_equal(other.status, 200);
}

/* A key that does not sign has no set, as if it were not there. */
static void what_is_not_published_is_not_found(void **state)
{
    (void)state;
    uint8_t cka_id[17] = {1};
    static const uint8_t spki[] = {0x30, 0x00};
    const struct key_spec spec = {.name = "hid/den/rsa",
                                  .algorithm = ALGORITHM_RSA_2048,
                                  .purpose = PURPOSE_DECRYPT,
                                  .token = "main",
                                  .facts = {.owner = "team"}};
    struct keystore *store = fixture.gateway.store;
    assert_ok(keystore_reserve_key(
        store, &spec, &(struct version_source){.cka_id = span_of(cka_id, sizeof(cka_id))}, 1));
    assert_ok(keystore_record_material(store, span_text(spec.name), 1, span_of(cka_id, 16),
                                       span_of(spki, sizeof(spki))));
    move(spec.name, 1, VERSION_PENDING, VERSION_ACTIVE);
    expect("/jwks/hid/den/rsa", 404, "not_found");
    expect("/jwks/hid/den/", 404, "not_found");
    expect("/oidc/hid/den/.well-known/openid-configuration", 404, "not_found");
    expect("/jwks/pay/prod/none", 404, "not_found");
    expect("/jwks/pay/none/", 404, "not_found");
    expect("/jwks/pay/", 404, "not_found");
    expect("/jwks/PAY/prod", 400, "invalid_name");
    expect("/jwks/PAY/", 400, "invalid_name");
}

static void discovery_points_to_the_set(void **state)
{
    (void)state;
    struct span text = {0};
    CLEANUP(answer_clear)
    struct answer found = get("/oidc/pay/prod/.well-known/openid-configuration");
    assert_int_equal(found.status, 200);
    assert_span_is(answer_text(&found, "issuer"), "https://keys.example/oidc/pay/prod");
    assert_span_is(answer_text(&found, "jwks_uri"), "https://keys.example/jwks/pay/prod/");
    const struct json_value *schemes =
        json_member(found.json.root, "id_token_signing_alg_values_supported");
    assert_int_equal(json_count(schemes), 1);
    assert_true(json_as_text(json_first(schemes), &text));
    assert_span_is(text, "ES256");
    assert_int_equal(found.public_max_age_s, 50);
    expect("/oidc/pay/prod", 404, "not_found");
    expect("/oidc/pay/prod/.well-known/other", 404, "not_found");
    expect("/oidc/.well-known/openid-configuration", 404, "not_found");
    expect("/oidc/PAY/.well-known/openid-configuration", 400, "invalid_name");
}

static struct answer public_half(const char *path, const char *query)
{
    return fixture_ask(
        &fixture, &(struct asking){
                      .method = METHOD_GET, .path = path, .query = query, .bearer = ADMIN_TOKEN});
}

static void a_public_half_comes_in_three_forms(void **state)
{
    (void)state;
    static const char path[] = "/v1/keys/pay/prod/jwt:public-key";
    CLEANUP(answer_clear) struct answer pem = public_half(path, NULL);
    assert_int_equal(pem.status, 200);
    assert_string_equal(pem.content_type, "application/x-pem-file");
    assert_true(span_starts(buf_span(&pem.body), "-----BEGIN PUBLIC KEY-----\n"));
    CLEANUP(answer_clear) struct answer der = public_half(path, "format=der");
    assert_int_equal(der.body.data[0], 0x30);
    assert_string_equal(der.content_type, "application/octet-stream");
    CLEANUP(answer_clear)
    struct answer jwk = public_half("/v1/keys/pay/prod/jwt@1:public-key", "format=jwk");
    assert_span_is(answer_text(&jwk, "kid"), "pay/prod/jwt@1");
    assert_string_equal(jwk.content_type, "application/jwk+json");
    CLEANUP(answer_clear) struct answer odd = public_half(path, "format=ssh");
    assert_problem(&odd, 400, "invalid_field");
    CLEANUP(answer_clear)
    struct answer absent = public_half("/v1/keys/pay/prod/jwt@2:public-key", NULL);
    assert_problem(&absent, 404, "not_found");
}

static void secret_keys_have_no_public_half(void **state)
{
    (void)state;
    uint8_t cka_id[17] = {2};
    const struct key_spec spec = {.name = "a/aes",
                                  .algorithm = ALGORITHM_AES_256_GCM,
                                  .purpose = PURPOSE_ENCRYPT,
                                  .token = "main",
                                  .facts = {.owner = "team"}};
    struct keystore *store = fixture.gateway.store;
    assert_ok(keystore_reserve_key(
        store, &spec, &(struct version_source){.cka_id = span_of(cka_id, sizeof(cka_id))}, 1));
    assert_ok(keystore_record_material(store, span_text(spec.name), 1, span_of(cka_id, 16),
                                       span_of(NULL, 0)));
    move(spec.name, 1, VERSION_PENDING, VERSION_ACTIVE);
    CLEANUP(answer_clear) struct answer answer = public_half("/v1/keys/a/aes:public-key", NULL);
    assert_problem(&answer, 400, "unsupported_operation");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_keys_set_follows_its_versions),
        TEST(a_namespaces_set_has_its_own_keys),
        TEST(a_known_tag_gets_304),
        TEST(what_is_not_published_is_not_found),
        TEST(discovery_points_to_the_set),
        TEST(a_public_half_comes_in_three_forms),
        TEST(secret_keys_have_no_public_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
