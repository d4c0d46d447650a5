/* Recipients: points on their curves, and only public halves. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <string.h>

#include "base/encoding.h"
#include "base_test.h"
#include "quorum_fixture.h"

/* RFC 7517 Appendix A.1 */
#define X256 "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define Y256 "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
#define GOOD "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\""

static struct err read_text(const char *text, struct recipient *out)
{
    CLEANUP(json_clear) struct json json = {0};
    assert_ok(json_parse(span_text(text), &json));
    return recipient_read(json.root, out);
}

static void a_key_comes_back_in_order(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{" GOOD "}",
        "{\"y\":\"" Y256 "\",\"x\":\"" X256 "\",\"crv\":\"P-256\",\"kty\":\"EC\"}",
        "{" GOOD ",\"kid\":\"1\",\"use\":\"enc\",\"alg\":\"ECDH-ES\",\"key_ops\":[\"deriveKey\"]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(buf_clear) struct buf out = {0};
        struct recipient recipient;
        assert_code_of(texts[i], read_text(texts[i], &recipient), ERR_OK);
        assert_int_equal(recipient.curve, RECIPIENT_P256);
        struct json_writer writer = json_writer_on(&out);
        recipient_put(&writer, NULL, &recipient);
        assert_ok(json_finish(&writer));
        assert_span_is(buf_span(&out),
                       "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\"}");
    }
}

/* A key that OpenSSL has just made. */
static void jwk_of_new_key(const char *curve, size_t len, struct buf *out)
{
    EVP_PKEY *key = EVP_EC_gen(curve);
    BIGNUM *x = NULL;
    BIGNUM *y = NULL;
    uint8_t bytes[RECIPIENT_COORDINATE_MAX];
    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x), 1);
    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y), 1);
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "crv", curve);
    json_put_text(&writer, "kty", "EC");
    assert_int_equal(BN_bn2binpad(x, bytes, (int)len), len);
    json_put_bytes_url(&writer, "x", span_of(bytes, len));
    assert_int_equal(BN_bn2binpad(y, bytes, (int)len), len);
    json_put_bytes_url(&writer, "y", span_of(bytes, len));
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
    BN_free(x);
    BN_free(y);
    EVP_PKEY_free(key);
}

static void both_curves_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *curve;
        size_t len;
        enum recipient_curve is;
    } cases[] = {{"P-256", 32, RECIPIENT_P256}, {"P-384", 48, RECIPIENT_P384}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf jwk = {0};
        CLEANUP(buf_clear) struct buf out = {0};
        jwk_of_new_key(cases[i].curve, cases[i].len, &jwk);
        char *text = span_to_text(buf_span(&jwk));
        struct recipient recipient;
        assert_ok(read_text(text, &recipient));
        mem_free(text);
        assert_int_equal(recipient.curve, cases[i].is);
        struct json_writer writer = json_writer_on(&out);
        recipient_put(&writer, NULL, &recipient);
        assert_true(span_equal(buf_span(&out), buf_span(&jwk)));
    }
}

static void others_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "7",
        "{" GOOD ",\"d\":\"AAAA\"}",
        "{" GOOD ",\"x5c\":[]}",
        "{" GOOD ",\"use\":\"sig\"}",
        "{" GOOD ",\"alg\":\"ECDH-ES+A256KW\"}",
        "{" GOOD ",\"alg\":7}",
        "{" GOOD ",\"key_ops\":\"deriveKey\"}",
        "{\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\"}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" X256 "\",\"y\":\"" Y256 "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "\"}",
        /* off the curve: y is x, and nothing at all */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "\",\"y\":\"" X256 "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\","
        "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
        "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        /* a coordinate over the field's prime */
        "{\"kty\":\"EC\",\"crv\":\"P-256\","
        "\"x\":\"__________________________________________8\",\"y\":\"" Y256 "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "\",\"y\":\"AAAA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "=\",\"y\":\"" Y256 "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\",\"y\":\"" Y256 "\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct recipient recipient;
        assert_code_of(texts[i], read_text(texts[i], &recipient), ERR_INVALID_FIELD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_comes_back_in_order),
        cmocka_unit_test(both_curves_are_known),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
