/* A key as JSON: what is shown, and what is left out. */
#include "base_test.h"

#include "base/encoding.h"
#include "gateway/ops/key_view.h"

/* P-256, from RFC 6979 §A.2.5 */
static const char spki_hex[] = "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
                               "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                               "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

static struct json shown(const struct key *key)
{
    struct json json = {0};
    CLEANUP(buf_clear) struct buf out = {0};
    struct json_writer writer = json_writer_on(&out);
    assert_ok(key_view_put(&writer, NULL, key));
    assert_ok(json_finish(&writer));
    assert_null(memmem(out.data, out.len, "null", 4));
    assert_ok(json_parse(buf_span(&out), &json));
    return json;
}

static void assert_member(const struct json_value *object, const char *name, const char *expected)
{
    struct span text = {0};
    if (!json_as_text(json_member(object, name), &text)) {
        fail_msg("no text %s", name);
    }
    assert_span_is(text, expected);
}

static void a_small_key_has_no_empty_members(void **state)
{
    (void)state;
    const struct key key = {.name = "a/b",
                            .algorithm = ALGORITHM_AES_256_GCM,
                            .purpose = PURPOSE_ENCRYPT,
                            .token = "main",
                            .facts = {.owner = "o", .classification = CLASS_CONFIDENTIAL},
                            .created_at = 1000};
    CLEANUP(json_clear) struct json json = shown(&key);
    static const char *const absent[] = {"description", "contact", "rotation", "jwt",
                                         "approval",    "primary", "adopt"};
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        assert_null(json_member(json.root, absent[i]));
    }
    assert_member(json.root, "name", "a/b");
    assert_member(json.root, "algorithm", "aes-256-gcm");
    assert_member(json.root, "purpose", "encrypt");
    assert_member(json.root, "classification", "confidential");
    assert_member(json.root, "created_at", "1970-01-01T00:00:01Z");
    assert_int_equal(json_count(json_member(json.root, "versions")), 0);
    assert_true(json_is(json_member(json.root, "labels"), JSON_OBJECT));
}

static void a_full_key_shows_everything(void **state)
{
    (void)state;
    static const struct label labels[] = {{"app", "x"}};
    static const char *const audiences[] = {"api"};
    const struct key key = {
        .name = "a/b",
        .algorithm = ALGORITHM_RSA_2048,
        .purpose = PURPOSE_DECRYPT,
        .token = "main",
        .facts = {.owner = "o",
                  .description = "d",
                  .contact = "c",
                  .labels = labels,
                  .label_count = 1,
                  .rotation = {86400, 3600, 60, 9, ROTATION_MANUAL},
                  .jwt = {300, "iss", audiences, 1},
                  .approval = {"officers", 2}},
    };
    CLEANUP(json_clear) struct json json = shown(&key);
    int64_t number = 0;
    assert_member(json_member(json.root, "labels"), "app", "x");
    assert_member(json_member(json.root, "rotation"), "every", "1d");
    assert_member(json_member(json.root, "rotation"), "overlap", "1h");
    assert_member(json_member(json.root, "rotation"), "publish_ahead", "1m");
    assert_true(
        json_as_integer(json_member(json_member(json.root, "rotation"), "max_uses"), &number));
    assert_int_equal(number, 9);
    assert_member(json_member(json.root, "jwt"), "max_ttl", "5m");
    assert_member(json_member(json.root, "jwt"), "issuer", "iss");
    assert_int_equal(json_count(json_member(json_member(json.root, "jwt"), "audiences")), 1);
    assert_member(json_member(json.root, "approval"), "group", "officers");
    assert_member(json.root, "description", "d");
    assert_member(json.root, "contact", "c");
}

static void jwks_name_their_key(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf spki = {0};
    CLEANUP(buf_clear) struct buf out = {0};
    CLEANUP(json_clear) struct json json = {0};
    assert_ok(hex_decode(span_text(spki_hex), &spki));
    struct version version = {.number = 12, .public_key = buf_span(&spki)};
    const struct key key = {
        .name = "a/b", .algorithm = ALGORITHM_ECDSA_P256, .purpose = PURPOSE_SIGN};
    struct json_writer writer = json_writer_on(&out);
    assert_ok(key_view_put_jwk(&writer, &key, &version));
    assert_ok(json_finish(&writer));
    assert_ok(json_parse(buf_span(&out), &json));
    assert_member(json.root, "kid", "a/b@12");
    assert_member(json.root, "alg", "ES256");
    assert_member(json.root, "use", "sig");
    assert_member(json.root, "kty", "EC");
    assert_member(json.root, "crv", "P-256");
    assert_member(json.root, "x", "YP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Y");
    assert_member(json.root, "y", "eQP-EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk");
}

static void keys_that_decrypt_have_no_alg(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf spki = {0};
    CLEANUP(buf_clear) struct buf out = {0};
    assert_ok(hex_decode(span_text(spki_hex), &spki));
    struct version version = {.number = 1, .public_key = buf_span(&spki)};
    const struct key key = {
        .name = "a/b", .algorithm = ALGORITHM_RSA_2048, .purpose = PURPOSE_DECRYPT};
    struct json_writer writer = json_writer_on(&out);
    assert_ok(key_view_put_jwk(&writer, &key, &version));
    assert_ok(json_finish(&writer));
    assert_non_null(memmem(out.data, out.len, "\"use\":\"enc\"", 11));
    assert_null(memmem(out.data, out.len, "\"alg\"", 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_key_has_no_empty_members),
        cmocka_unit_test(a_full_key_shows_everything),
        cmocka_unit_test(jwks_name_their_key),
        cmocka_unit_test(keys_that_decrypt_have_no_alg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
