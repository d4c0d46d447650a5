/* jwt: what is in the token, what the policy refuses, and that OpenSSL verifies it. */
#include "base/clock.h"
#include "base/encoding.h"
#include "base/public_key.h"
#include "gateway/ops/data_ops.h"
#include "tests/lib/data_fixture.h"

#define NOW_S ((int64_t)1767323045) /* the fixture's */

static struct data_fixture fixture;

static int open_all(void **state)
{
    (void)state;
    static const char *const audiences[] = {"https://api", "https://other"};
    struct key_facts strict = {.jwt = {.max_ttl = 120,
                                       .issuer = "https://issuer",
                                       .audiences = audiences,
                                       .audience_count = ARRAY_LEN(audiences)}};
    data_fixture_open(&fixture);
    data_fixture_key(&fixture, "app/prod/p256", ALGORITHM_ECDSA_P256, PURPOSE_SIGN, NULL);
    data_fixture_key(&fixture, "app/prod/p521", ALGORITHM_ECDSA_P521, PURPOSE_SIGN, NULL);
    data_fixture_key(&fixture, "app/prod/ed", ALGORITHM_ED25519, PURPOSE_SIGN, NULL);
    data_fixture_key(&fixture, "app/prod/rsa", ALGORITHM_RSA_2048, PURPOSE_SIGN, NULL);
    data_fixture_key(&fixture, "app/prod/strict", ALGORITHM_ECDSA_P256, PURPOSE_SIGN, &strict);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    data_fixture_close(&fixture);
    return 0;
}

struct token_parts {
    struct json header;
    struct json payload;
    struct buf signature;
    char *input; /* header.payload */
};

static void parts_clear(struct token_parts *parts)
{
    json_clear(&parts->header);
    json_clear(&parts->payload);
    buf_clear(&parts->signature);
    mem_free(parts->input);
}

static void decode_json(const char *from, const char *to, struct json *out)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    assert_ok(base64url_decode(span_of(from, (size_t)(to - from)), &bytes));
    assert_ok(json_parse(buf_span(&bytes), out));
}

static struct token_parts split(struct span token)
{
    struct token_parts parts = {.input = span_to_text(token)};
    char *first = strchr(parts.input, '.');
    char *second = strrchr(parts.input, '.');
    assert_non_null(first);
    assert_true(second > first);
    decode_json(parts.input, first, &parts.header);
    decode_json(first + 1, second, &parts.payload);
    assert_ok(base64url_decode(span_text(second + 1), &parts.signature));
    *second = '\0';
    return parts;
}

static bool verifies(const char *name, const struct token_parts *parts)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(fixture.gateway.store, span_text(name));
    enum scheme scheme = SCHEME_COUNT;
    uint8_t hash[DIGEST_MAX];
    bool valid = false;
    struct span subject = span_text(parts->input);
    assert_true(scheme_by_name(reply_text(parts->header.root, "alg"), &scheme));
    if (scheme != SCHEME_EDDSA) {
        digest_of(scheme_info(scheme)->digest, subject, hash);
        subject = span_of(hash, digest_len(scheme_info(scheme)->digest));
    }
    assert_ok(public_key_verify(key_primary(key)->public_key, scheme, subject,
                                buf_span(&parts->signature), &valid));
    return valid;
}

static struct token_parts made(const char *name, const char *body)
{
    CLEANUP(reply_clear) struct reply_seen seen = data_fixture_call(&fixture, op_jwt, name, body);
    assert_ok(seen.err);
    return split(reply_text(seen.json.root, "token"));
}

static void tokens_hold_what_they_must(void **state)
{
    (void)state;
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(
        &fixture, op_jwt, "app/prod/p256",
        "{\"claims\":{\"sub\":\"me\",\"n\":1.5,\"list\":[1,{\"a\":null}],\"aud\":\"x\"}}");
    assert_ok(seen.err);
    assert_span_is(reply_text(seen.json.root, "kid"), "app/prod/p256@1");
    assert_span_is(reply_text(seen.json.root, "expires_at"), "2026-01-02T03:09:05Z");
    assert_int_equal(reply_integer(seen.json.root, "version"), 1);
    CLEANUP(parts_clear) struct token_parts parts = split(reply_text(seen.json.root, "token"));
    assert_span_is(reply_text(parts.header.root, "alg"), "ES256");
    assert_span_is(reply_text(parts.header.root, "typ"), "JWT");
    assert_span_is(reply_text(parts.header.root, "kid"), "app/prod/p256@1");
    const struct json_value *claims = parts.payload.root;
    assert_span_is(reply_text(claims, "iss"), "https://keys.example/oidc/app/prod");
    assert_span_is(reply_text(claims, "sub"), "me");
    assert_span_is(reply_text(claims, "aud"), "x");
    assert_int_equal(reply_integer(claims, "iat"), NOW_S);
    assert_int_equal(reply_integer(claims, "nbf"), NOW_S);
    assert_int_equal(reply_integer(claims, "exp"), NOW_S + 300);
    struct uuid id;
    assert_ok(uuid_parse(reply_text(claims, "jti"), &id));
    assert_int_equal(json_count(claims), 9);
    assert_int_equal(parts.signature.len, 64);
    assert_true(verifies("app/prod/p256", &parts));
    uint8_t digest[DIGEST_MAX];
    digest_of(DIGEST_SHA256, span_text(parts.input), digest);
    assert_memory_equal(seen.digest, digest, SHA256_LEN);
}

static void every_key_signs_in_its_scheme(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *body;
        const char *alg;
    } cases[] = {
        {"app/prod/p256", "{\"claims\":{}}", "ES256"},
        {"app/prod/p521", "{\"claims\":{}}", "ES512"},
        {"app/prod/ed", "{\"claims\":{}}", "EdDSA"},
        {"app/prod/rsa", "{\"claims\":{}}", "RS256"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(parts_clear) struct token_parts parts = made(cases[i].name, cases[i].body);
        assert_span_is(reply_text(parts.header.root, "alg"), cases[i].alg);
        assert_true(verifies(cases[i].name, &parts));
        parts.input[strlen(parts.input) - 1] ^= 1;
        assert_false(verifies(cases[i].name, &parts));
    }
}

static void typ_and_ttl_are_the_callers(void **state)
{
    (void)state;
    CLEANUP(parts_clear)
    struct token_parts parts =
        made("app/prod/p256", "{\"claims\":{},\"ttl\":\"1h\",\"header\":{\"typ\":\"at+jwt\"}}");
    assert_span_is(reply_text(parts.header.root, "typ"), "at+jwt");
    assert_int_equal(reply_integer(parts.payload.root, "exp"), NOW_S + 3600);
}

static void strict_keys_hold_their_policy(void **state)
{
    (void)state;
    CLEANUP(parts_clear)
    struct token_parts parts = made(
        "app/prod/strict",
        "{\"claims\":{\"aud\":[\"https://other\",\"https://api\"],\"iss\":\"https://issuer\"}}");
    assert_span_is(reply_text(parts.payload.root, "iss"), "https://issuer");
    assert_int_equal(reply_integer(parts.payload.root, "exp"), NOW_S + 120);
    static const char *const refused[] = {
        "{\"claims\":{}}",
        "{\"claims\":{\"aud\":\"https://elsewhere\"}}",
        "{\"claims\":{\"aud\":[\"https://api\",\"https://elsewhere\"]}}",
        "{\"claims\":{\"aud\":[]}}",
        "{\"claims\":{\"aud\":7}}",
        "{\"claims\":{\"aud\":[7]}}",
        "{\"claims\":{\"aud\":\"https://api\",\"iss\":\"https://keys.example/oidc/app/prod\"}}",
        "{\"claims\":{\"aud\":\"https://api\"},\"ttl\":\"121s\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        data_fixture_refused(&fixture, op_jwt, "app/prod/strict", refused[i], ERR_INVALID_FIELD);
    }
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum err_code code;
    } cases[] = {
        {"{}", ERR_INVALID_FIELD},
        {"{\"claims\":[]}", ERR_INVALID_FIELD},
        {"{\"claims\":\"{}\"}", ERR_INVALID_FIELD},
        {"{\"claims\":{\"iat\":1}}", ERR_INVALID_FIELD},
        {"{\"claims\":{\"nbf\":1}}", ERR_INVALID_FIELD},
        {"{\"claims\":{\"exp\":1}}", ERR_INVALID_FIELD},
        {"{\"claims\":{\"jti\":\"x\"}}", ERR_INVALID_FIELD},
        {"{\"claims\":{\"iss\":\"https://elsewhere\"}}", ERR_INVALID_FIELD},
        {"{\"claims\":{\"iss\":7}}", ERR_INVALID_FIELD},
        {"{\"claims\":{},\"ttl\":\"61m\"}", ERR_INVALID_FIELD},
        {"{\"claims\":{},\"ttl\":\"0s\"}", ERR_INVALID_FIELD},
        {"{\"claims\":{},\"ttl\":\"\"}", ERR_INVALID_FIELD},
        {"{\"claims\":{},\"ttl\":300}", ERR_INVALID_FIELD},
        {"{\"claims\":{},\"header\":{\"alg\":\"none\"}}", ERR_UNKNOWN_FIELD},
        {"{\"claims\":{},\"header\":{\"kid\":\"x\"}}", ERR_UNKNOWN_FIELD},
        {"{\"claims\":{},\"header\":{\"typ\":1}}", ERR_INVALID_FIELD},
        {"{\"claims\":{},\"scheme\":\"ES256\"}", ERR_UNKNOWN_FIELD},
        {"{\"claims\":{},\"alg\":\"none\"}", ERR_UNKNOWN_FIELD},
    };
    struct fake_counts before = fake_token_counts(fixture.token);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        data_fixture_refused(&fixture, op_jwt, "app/prod/p256", cases[i].body, cases[i].code);
    }
    assert_int_equal(fake_token_counts(fixture.token).runs, before.runs);
}

static void long_claims_are_refused(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *text = mem_alloc((48 << 10) + 1);
    memset(text, 'x', 48 << 10);
    CLEANUP(mem_free_at) char *body = mem_format("{\"claims\":{\"a\":\"%s\"}}", text);
    data_fixture_refused(&fixture, op_jwt, "app/prod/p256", body, ERR_TOO_LARGE);
    text[40 << 10] = '\0';
    CLEANUP(mem_free_at) char *shorter = mem_format("{\"claims\":{\"a\":\"%s\"}}", text);
    CLEANUP(parts_clear) struct token_parts parts = made("app/prod/p256", shorter);
    assert_true(verifies("app/prod/p256", &parts));
}

static void batches_are_tokens_of_their_own(void **state)
{
    (void)state;
    CLEANUP(reply_clear)
    struct reply_seen seen =
        data_fixture_call(&fixture, op_jwt, "app/prod/p256",
                          "{\"items\":[{\"claims\":{\"sub\":\"a\"}},{\"claims\":{\"exp\":1}},"
                          "{\"claims\":{\"sub\":\"b\"},\"reference\":\"r\"}]}");
    assert_ok(seen.err);
    CLEANUP(parts_clear)
    struct token_parts first = split(reply_text(reply_result(&seen, 0), "token"));
    CLEANUP(parts_clear)
    struct token_parts third = split(reply_text(reply_result(&seen, 2), "token"));
    assert_true(verifies("app/prod/p256", &first));
    assert_true(verifies("app/prod/p256", &third));
    assert_span_is(reply_text(third.payload.root, "sub"), "b");
    assert_false(
        span_equal(reply_text(first.payload.root, "jti"), reply_text(third.payload.root, "jti")));
    assert_span_is(reply_error(reply_result(&seen, 1)), "invalid_field");
}

static void kids_follow_the_version(void **state)
{
    (void)state;
    data_fixture_key(&fixture, "app/dev/rotated", ALGORITHM_ED25519, PURPOSE_SIGN, NULL);
    data_fixture_rotate(&fixture, "app/dev/rotated");
    CLEANUP(parts_clear) struct token_parts parts = made("app/dev/rotated", "{\"claims\":{}}");
    assert_span_is(reply_text(parts.header.root, "kid"), "app/dev/rotated@2");
    assert_true(verifies("app/dev/rotated", &parts));
    data_fixture_refused(&fixture, op_jwt, "app/dev/rotated@1", "{\"claims\":{}}",
                         ERR_INVALID_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_hold_what_they_must),
        cmocka_unit_test(every_key_signs_in_its_scheme),
        cmocka_unit_test(typ_and_ttl_are_the_callers),
        cmocka_unit_test(strict_keys_hold_their_policy),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(long_claims_are_refused),
        cmocka_unit_test(batches_are_tokens_of_their_own),
        cmocka_unit_test(kids_follow_the_version),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
