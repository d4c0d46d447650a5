/* sign and verify in every scheme and encoding; signatures are checked by OpenSSL through
 * public_key_verify, which has its own tests. */
#include "base/encoding.h"
#include "base/public_key.h"
#include "gateway/ops/data_ops.h"
#include "tests/lib/data_fixture.h"

static struct data_fixture fixture;

static const struct {
    const char *name;
    enum algorithm algorithm;
} keys[] = {
    {"app/p256", ALGORITHM_ECDSA_P256}, {"app/p384", ALGORITHM_ECDSA_P384},
    {"app/p521", ALGORITHM_ECDSA_P521}, {"app/ed", ALGORITHM_ED25519},
    {"app/rsa", ALGORITHM_RSA_2048},
};

static int open_all(void **state)
{
    (void)state;
    data_fixture_open(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        data_fixture_key(&fixture, keys[i].name, keys[i].algorithm, PURPOSE_SIGN, NULL);
    }
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    data_fixture_close(&fixture);
    return 0;
}

static int well_again(void **state)
{
    (void)state;
    fake_token_script(fixture.token, &(struct fake_script){0});
    return 0;
}

static const struct {
    const char *key;
    enum scheme scheme;
} schemes[] = {
    {"app/p256", SCHEME_ES256}, {"app/p384", SCHEME_ES384}, {"app/p521", SCHEME_ES512},
    {"app/ed", SCHEME_EDDSA},   {"app/rsa", SCHEME_RS256},  {"app/rsa", SCHEME_RS384},
    {"app/rsa", SCHEME_RS512},  {"app/rsa", SCHEME_PS256},  {"app/rsa", SCHEME_PS384},
    {"app/rsa", SCHEME_PS512},
};

/* The message `hello` or its digest in the scheme's hash, as a field. */
static char *subject(enum scheme scheme, const char *field)
{
    CLEANUP(buf_clear) struct buf text = {0};
    uint8_t hash[DIGEST_MAX];
    struct span bytes = span_text("hello");
    if (strcmp(field, "digest") == 0) {
        enum digest digest = scheme_info(scheme)->digest;
        digest_of(digest, bytes, hash);
        bytes = span_of(hash, digest_len(digest));
    }
    assert_ok(base64_encode(bytes, &text));
    return mem_format("\"%s\":\"%.*s\",\"scheme\":\"%s\"", field, (int)text.len,
                      (const char *)text.data, scheme_info(scheme)->name);
}

static bool valid_of(const char *target, const char *body)
{
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(&fixture, op_verify, target, body);
    assert_ok(seen.err);
    return reply_flag(seen.json.root, "valid");
}

/* By OpenSSL and the stored public half, without op_verify. */
static bool stranger_verifies(const char *name, enum scheme scheme, struct span signature)
{
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(fixture.gateway.store, span_text(name));
    uint8_t hash[DIGEST_MAX];
    struct span bytes = span_text("hello");
    bool valid = false;
    if (scheme != SCHEME_EDDSA) {
        digest_of(scheme_info(scheme)->digest, bytes, hash);
        bytes = span_of(hash, digest_len(scheme_info(scheme)->digest));
    }
    assert_ok(public_key_verify(key_primary(key)->public_key, scheme, bytes, signature, &valid));
    return valid;
}

static void check_signature(size_t i, const char *field, const char *encoding)
{
    enum scheme scheme = schemes[i].scheme;
    bool jose = strcmp(encoding, "jose") == 0;
    CLEANUP(mem_free_at) char *what = subject(scheme, field);
    CLEANUP(mem_free_at) char *body = mem_format("{%s,\"encoding\":\"%s\"}", what, encoding);
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(&fixture, op_sign, schemes[i].key, body);
    assert_ok(seen.err);
    assert_span_is(reply_text(seen.json.root, "scheme"), scheme_info(scheme)->name);
    assert_span_is(reply_text(seen.json.root, "key"), schemes[i].key);
    CLEANUP(mem_free_at) char *kid = mem_format("%s@1", schemes[i].key);
    assert_span_is(reply_text(seen.json.root, "kid"), kid);

    struct span text = reply_text(seen.json.root, "signature");
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf raw = {0};
    assert_ok(jose ? base64url_decode(text, &bytes) : base64_decode(text, &bytes));
    if (scheme_info(scheme)->family == FAMILY_EC && !jose) {
        size_t len = algorithm_info(scheme_info(scheme)->only)->signature_len;
        assert_ok(ecdsa_der_to_raw(buf_span(&bytes), len, &raw));
    } else {
        assert_ok(buf_append(&raw, buf_span(&bytes)));
    }
    assert_true(stranger_verifies(schemes[i].key, scheme, buf_span(&raw)));

    CLEANUP(mem_free_at)
    char *check = mem_format("{%s,\"encoding\":\"%s\",\"signature\":\"%.*s\"}", what, encoding,
                             (int)text.len, (const char *)text.data);
    assert_true(valid_of(schemes[i].key, check));
    CLEANUP(mem_free_at)
    char *other =
        mem_format("{\"message\":\"aGVsbG8h\",\"scheme\":\"%s\",\"encoding\":\"%s\","
                   "\"signature\":\"%.*s\"}",
                   scheme_info(scheme)->name, encoding, (int)text.len, (const char *)text.data);
    assert_false(valid_of(schemes[i].key, other));
}

static void every_scheme_and_encoding_signs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        check_signature(i, "message", "der");
        check_signature(i, "message", "jose");
        if (schemes[i].scheme != SCHEME_EDDSA) {
            check_signature(i, "digest", "der");
            check_signature(i, "digest", "jose");
        }
    }
}

static void defaults_follow_the_key(void **state)
{
    (void)state;
    static const char *const want[] = {"ES256", "ES384", "ES512", "EdDSA", "RS256"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CLEANUP(reply_clear)
        struct reply_seen seen =
            data_fixture_call(&fixture, op_sign, keys[i].name, "{\"message\":\"\"}");
        assert_ok(seen.err);
        assert_span_is(reply_text(seen.json.root, "scheme"), want[i]);
        uint8_t digest[DIGEST_MAX];
        digest_of(DIGEST_SHA256, span_text(""), digest);
        assert_memory_equal(seen.digest, digest, SHA256_LEN);
    }
}

#define B31 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define B32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void bad_requests_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *body;
        enum err_code code;
    } cases[] = {
        {"app/p256", "{}", ERR_INVALID_FIELD},
        {"app/p256", "{\"message\":\"\",\"digest\":\"" B32 "\"}", ERR_INVALID_FIELD},
        {"app/p256", "{\"digest\":\"\"}", ERR_INVALID_DIGEST},
        {"app/p256", "{\"digest\":\"" B31 "\"}", ERR_INVALID_DIGEST},
        {"app/p384", "{\"digest\":\"" B32 "\"}", ERR_INVALID_DIGEST},
        {"app/rsa", "{\"digest\":\"" B32 "\",\"scheme\":\"PS512\"}", ERR_INVALID_DIGEST},
        {"app/ed", "{\"digest\":\"" B32 "\"}", ERR_INVALID_DIGEST},
        {"app/p256", "{\"message\":\"\",\"scheme\":\"ES384\"}", ERR_UNSUPPORTED_OPERATION},
        {"app/p256", "{\"message\":\"\",\"scheme\":\"RS256\"}", ERR_UNSUPPORTED_OPERATION},
        {"app/rsa", "{\"message\":\"\",\"scheme\":\"ES256\"}", ERR_UNSUPPORTED_OPERATION},
        {"app/ed", "{\"message\":\"\",\"scheme\":\"PS256\"}", ERR_UNSUPPORTED_OPERATION},
        {"app/p256", "{\"message\":\"\",\"scheme\":\"none\"}", ERR_INVALID_FIELD},
        {"app/p256", "{\"message\":\"\",\"scheme\":\"\"}", ERR_INVALID_FIELD},
        {"app/p256", "{\"message\":\"\",\"scheme\":\"es256\"}", ERR_INVALID_FIELD},
        {"app/p256", "{\"message\":\"\",\"encoding\":\"raw\"}", ERR_INVALID_FIELD},
        {"app/p256", "{\"message\":\"\",\"encoding\":\"\"}", ERR_INVALID_FIELD},
        {"app/p256", "{\"message\":\"A\"}", ERR_INVALID_BASE64},
        {"app/p256", "{\"message\":\"\",\"signature\":\"\"}", ERR_UNKNOWN_FIELD},
    };
    struct fake_counts before = fake_token_counts(fixture.token);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        data_fixture_refused(&fixture, op_sign, cases[i].key, cases[i].body, cases[i].code);
    }
    assert_int_equal(fake_token_counts(fixture.token).runs, before.runs);
}

static void long_messages_are_refused(void **state)
{
    (void)state;
    static uint8_t bytes[(64 << 10) + 1];
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(base64_encode(span_of(bytes, sizeof(bytes)), &text));
    CLEANUP(mem_free_at)
    char *body = mem_format("{\"message\":\"%.*s\"}", (int)text.len, (const char *)text.data);
    data_fixture_refused(&fixture, op_sign, "app/p256", body, ERR_TOO_LARGE);
}

static void malformed_signatures_are_not_valid(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"message\":\"\",\"signature\":\"\"}",
        "{\"message\":\"\",\"signature\":\"AAAA\"}",
        "{\"message\":\"\",\"signature\":\"MAYCAQECAQE=\"}", /* DER of r = s = 1 */
        "{\"message\":\"\",\"signature\":\"MAYCAQACAQA=\"}", /* of zeros */
        "{\"message\":\"\",\"signature\":\"\",\"encoding\":\"jose\"}",
        "{\"message\":\"\",\"signature\":\"AAAA\",\"encoding\":\"jose\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        for (size_t j = 0; j < ARRAY_LEN(bodies); j++) {
            assert_false(valid_of(keys[i].name, bodies[j]));
        }
    }
    const char *bad = "{\"message\":\"\",\"signature\":\"A\"}";
    data_fixture_refused(&fixture, op_verify, "app/p256", bad, ERR_INVALID_BASE64);
    const char *url = "{\"message\":\"\",\"signature\":\"AAAA+A==\",\"encoding\":\"jose\"}";
    data_fixture_refused(&fixture, op_verify, "app/p256", url, ERR_INVALID_BASE64);
    data_fixture_refused(&fixture, op_verify, "app/p256", "{\"message\":\"\"}", ERR_INVALID_FIELD);
}

static void verifying_never_touches_the_token(void **state)
{
    (void)state;
    fake_token_script(fixture.token, &(struct fake_script){.fail = ERR_TOKEN_UNAVAILABLE});
    assert_false(valid_of("app/p256", "{\"message\":\"\",\"signature\":\"MAYCAQECAQE=\"}"));
    data_fixture_refused(&fixture, op_sign, "app/p256", "{\"message\":\"\"}",
                         ERR_TOKEN_UNAVAILABLE);
}

static char *sign_hello(const char *target)
{
    CLEANUP(reply_clear)
    struct reply_seen seen =
        data_fixture_call(&fixture, op_sign, target, "{\"message\":\"aGVsbG8=\"}");
    assert_ok(seen.err);
    struct span text = reply_text(seen.json.root, "signature");
    return mem_format("{\"message\":\"aGVsbG8=\",\"signature\":\"%.*s\"}", (int)text.len,
                      (const char *)text.data);
}

static void every_version_that_may_verify_is_tried(void **state)
{
    (void)state;
    const char *name = "app/versions";
    data_fixture_key(&fixture, name, ALGORITHM_ECDSA_P256, PURPOSE_SIGN, NULL);
    CLEANUP(mem_free_at) char *old = sign_hello(name);
    data_fixture_rotate(&fixture, name);
    CLEANUP(mem_free_at) char *new = sign_hello(name);
    CLEANUP(reply_clear) struct reply_seen seen = data_fixture_call(&fixture, op_verify, name, old);
    assert_ok(seen.err);
    assert_true(reply_flag(seen.json.root, "valid"));
    assert_int_equal(reply_integer(seen.json.root, "version"), 1);
    assert_true(valid_of(name, new));
    assert_true(valid_of("app/versions@1", old));
    assert_false(valid_of("app/versions@2", old));
    assert_false(valid_of("app/versions@1", new));
    data_fixture_refused(&fixture, op_sign, "app/versions@1", "{\"message\":\"\"}",
                         ERR_INVALID_STATE);
    data_fixture_refused(&fixture, op_verify, "app/versions@3", old, ERR_NOT_FOUND);

    data_fixture_move(&fixture, name, 1, VERSION_RETIRING, VERSION_DISABLED);
    assert_false(valid_of(name, old));
    data_fixture_refused(&fixture, op_verify, "app/versions@1", old, ERR_INVALID_STATE);
    data_fixture_move(&fixture, name, 2, VERSION_ACTIVE, VERSION_DISABLED);
    data_fixture_refused(&fixture, op_verify, name, old, ERR_INVALID_STATE);
}

static void batches_mix_good_and_bad(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *good = sign_hello("app/p256");
    CLEANUP(mem_free_at)
    char *body = mem_format("{\"items\":[%s,{\"message\":\"\",\"signature\":\"AAAA\"},{}]}", good);
    CLEANUP(reply_clear)
    struct reply_seen seen = data_fixture_call(&fixture, op_verify, "app/p256", body);
    assert_ok(seen.err);
    assert_true(reply_flag(reply_result(&seen, 0), "valid"));
    assert_false(reply_flag(reply_result(&seen, 1), "valid"));
    assert_span_is(reply_error(reply_result(&seen, 2)), "invalid_field");

    struct fake_counts before = fake_token_counts(fixture.token);
    CLEANUP(reply_clear)
    struct reply_seen sign =
        data_fixture_call(&fixture, op_sign, "app/rsa",
                          "{\"items\":[{\"message\":\"\"},{\"message\":\"\",\"scheme\":\"PS256\"},"
                          "{\"message\":\"\",\"scheme\":\"ES256\"}]}");
    assert_ok(sign.err);
    assert_int_equal(fake_token_counts(fixture.token).runs - before.runs, 1);
    assert_span_is(reply_text(reply_result(&sign, 1), "scheme"), "PS256");
    assert_span_is(reply_error(reply_result(&sign, 2)), "unsupported_operation");
}

static void tokens_decide_what_they_can(void **state)
{
    (void)state;
    uint32_t without = 1u << TOKEN_RSA_PSS_SHA384;
    fake_token_script(fixture.token, &(struct fake_script){.without = without});
    const char *body = "{\"message\":\"\",\"scheme\":\"PS384\"}";
    data_fixture_refused(&fixture, op_sign, "app/rsa", body, ERR_UNSUPPORTED_BY_TOKEN);
    fake_token_script(fixture.token, &(struct fake_script){.short_output = true});
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        data_fixture_refused(&fixture, op_sign, keys[i].name, "{\"message\":\"\"}", ERR_INTERNAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scheme_and_encoding_signs),
        cmocka_unit_test(defaults_follow_the_key),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(long_messages_are_refused),
        cmocka_unit_test(malformed_signatures_are_not_valid),
        cmocka_unit_test_teardown(verifying_never_touches_the_token, well_again),
        cmocka_unit_test(every_version_that_may_verify_is_tried),
        cmocka_unit_test(batches_mix_good_and_bad),
        cmocka_unit_test_teardown(tokens_decide_what_they_can, well_again),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
