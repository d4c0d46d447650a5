/* A JWS is taken apart strictly, and verified with the one key and algorithm it was bound to. */
#include "base_test.h"

#include "base/encoding.h"
#include "gateway/jws.h"
#include "jwt_fixture.h"

#define CLAIMS "{\"sub\":\"a\"}"

static struct {
    EVP_PKEY *rsa, *p256, *p384, *p521;
} keys;

static int make_keys(void **state)
{
    (void)state;
    keys.rsa = jwt_rsa_key(2048);
    keys.p256 = jwt_ec_key("P-256");
    keys.p384 = jwt_ec_key("P-384");
    keys.p521 = jwt_ec_key("P-521");
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(keys.rsa);
    EVP_PKEY_free(keys.p256);
    EVP_PKEY_free(keys.p384);
    EVP_PKEY_free(keys.p521);
    return 0;
}

/* --- opening --- */

static void headers_that_change_what_is_verified_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum err_code code;
    } rows[] = {
        {"{\"alg\":\"ES256\",\"kid\":\"1\"}", ERR_OK},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"typ\":\"JWT\"}", ERR_OK},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"typ\":\"jwt\"}", ERR_OK},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"typ\":\"at+jwt\"}", ERR_OK},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"typ\":\"application/at+jwt\"}", ERR_OK},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"x5t\":\"abc\",\"pi.at\":1}", ERR_OK},
        /* alg */
        {"{\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"none\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"None\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"NONE\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"nOnE\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":null,\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":[\"ES256\"],\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"HS256\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"HS384\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"HS512\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"es256\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256 \",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256K\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"EdDSA\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"RS1\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        /* kid */
        {"{\"alg\":\"ES256\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":1}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":null}", ERR_UNAUTHENTICATED},
        /* typ and the rest */
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"typ\":\"JOSE\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"typ\":\"logout+jwt\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"typ\":null}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"typ\":\"\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"cty\":\"JWT\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"crit\":[\"exp\"],\"exp\":1}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"crit\":[]}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"b64\":true}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"zip\":\"DEF\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"jwk\":{\"kty\":\"EC\"}}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"jku\":\"https://a\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"x5u\":\"https://a\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"x5c\":[\"MII\"]}", ERR_UNAUTHENTICATED},
        /* JSON */
        {"{\"alg\":\"ES256\",\"kid\":\"1\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"\\u0061lg\":\"none\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
        {"[\"alg\",\"ES256\"]", ERR_UNAUTHENTICATED},
        {"{\"alg\":\"ES256\",\"kid\":\"1\"}x", ERR_UNAUTHENTICATED},
        {"\xef\xbb\xbf{\"alg\":\"ES256\",\"kid\":\"1\"}", ERR_UNAUTHENTICATED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_clear) struct buf token = {0};
        CLEANUP(jws_clear) struct jws jws = {0};
        jwt_make(keys.p256, span_of(NULL, 0), "ES256", rows[i].header, CLAIMS, &token);
        assert_code_of(rows[i].header, jws_open(buf_span(&token), &jws), rows[i].code);
    }
}

static void a_long_kid_is_refused(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf header = {0}, token = {0};
    CLEANUP(jws_clear) struct jws jws = {0};
    char kid[JWS_KID_MAX + 2] = "";
    memset(kid, 'k', JWS_KID_MAX + 1);
    assert_ok(buf_printf(&header, "{\"alg\":\"ES256\",\"kid\":\"%s\"}%c", kid, 0));
    jwt_make(keys.p256, span_of(NULL, 0), "ES256", (const char *)header.data, CLAIMS, &token);
    assert_code(jws_open(buf_span(&token), &jws), ERR_UNAUTHENTICATED);
}

static void shapes_that_are_no_compact_jws_are_refused(void **state)
{
    (void)state;
    /* {"alg":"ES256","kid":"1"} and {"sub":"a"} */
#define HEADER  "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ"
#define PAYLOAD "eyJzdWIiOiJhIn0"
    static const struct {
        const char *token;
        enum err_code code;
    } rows[] = {
        {HEADER "." PAYLOAD ".AA", ERR_OK},
        {"", ERR_UNAUTHENTICATED},
        {".", ERR_UNAUTHENTICATED},
        {"..", ERR_UNAUTHENTICATED},
        {HEADER "." PAYLOAD, ERR_UNAUTHENTICATED},
        {HEADER "." PAYLOAD ".", ERR_UNAUTHENTICATED},
        {HEADER "..AA", ERR_UNAUTHENTICATED},
        {"." PAYLOAD ".AA", ERR_UNAUTHENTICATED},
        {HEADER "." PAYLOAD ".AA.", ERR_UNAUTHENTICATED},
        {HEADER "." PAYLOAD ".AA.AA.AA", ERR_UNAUTHENTICATED}, /* the five parts of a JWE */
        {HEADER "." PAYLOAD ".A", ERR_UNAUTHENTICATED},
        {HEADER "." PAYLOAD ".AB", ERR_UNAUTHENTICATED},
        {HEADER "." PAYLOAD ".AA==", ERR_UNAUTHENTICATED},
        {HEADER "." PAYLOAD ".A+", ERR_UNAUTHENTICATED},
        {HEADER "=." PAYLOAD ".AA", ERR_UNAUTHENTICATED},
        {HEADER "." PAYLOAD "=.AA", ERR_UNAUTHENTICATED},
        {HEADER " ." PAYLOAD ".AA", ERR_UNAUTHENTICATED},
        {HEADER "." PAYLOAD "\n.AA", ERR_UNAUTHENTICATED},
        {"eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifR." PAYLOAD ".AA", ERR_UNAUTHENTICATED},
        {HEADER ".YQ.AA", ERR_UNAUTHENTICATED},  /* a */
        {HEADER ".W10.AA", ERR_UNAUTHENTICATED}, /* [] */
        {HEADER ".bnVsbA.AA", ERR_UNAUTHENTICATED},
        {HEADER ".eyJhIjoxLCJhIjoyfQ.AA", ERR_UNAUTHENTICATED}, /* {"a":1,"a":2} */
        {HEADER "." HEADER "." PAYLOAD "." PAYLOAD, ERR_UNAUTHENTICATED},
        {"{\"payload\":\"" PAYLOAD "\",\"protected\":\"" HEADER "\",\"signature\":\"AA\"}",
         ERR_UNAUTHENTICATED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(jws_clear) struct jws jws = {0};
        assert_code_of(rows[i].token, jws_open(span_text(rows[i].token), &jws), rows[i].code);
    }
}

static void over_long_tokens_are_refused(void **state)
{
    (void)state;
    static const size_t lengths[] = {JWS_LEN_MAX - 1, JWS_LEN_MAX + 1};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        CLEANUP(buf_clear) struct buf token = {0};
        CLEANUP(jws_clear) struct jws jws = {0};
        assert_ok(buf_append_text(&token, HEADER "." PAYLOAD "."));
        while (token.len < lengths[i]) {
            assert_ok(buf_append_u8(&token, 'A'));
        }
        assert_code(jws_open(buf_span(&token), &jws), i == 0 ? ERR_OK : ERR_UNAUTHENTICATED);
    }
}

static void algorithms_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const bad[] = {"none", "HS256", "hs512", "EdDSA", "Ed25519", "ES256K", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_non_null(jws_algorithm_refusal(bad[i]));
    }
    assert_non_null(strstr(jws_algorithm_refusal("EdDSA"), "libjose"));
    assert_null(jws_algorithm_refusal("PS384"));
}

/* --- verifying --- */

struct scheme_row {
    const char *algorithm;
    EVP_PKEY **key;
};
static const struct scheme_row schemes[] = {
    {"RS256", &keys.rsa},  {"RS384", &keys.rsa},  {"RS512", &keys.rsa},
    {"PS256", &keys.rsa},  {"PS384", &keys.rsa},  {"PS512", &keys.rsa},
    {"ES256", &keys.p256}, {"ES384", &keys.p384}, {"ES512", &keys.p521},
};

/* Makes a token whose header says `said`, signed as `done`, and verifies it with the key. */
static enum err_code verified(const char *said, const char *done, EVP_PKEY *signer,
                              EVP_PKEY *verifier)
{
    CLEANUP(buf_clear) struct buf token = {0}, jwk = {0};
    CLEANUP(jws_clear) struct jws jws = {0};
    CLEANUP(mem_free_at) char *header = mem_format("{\"alg\":\"%s\",\"kid\":\"1\"}", said);
    jwt_make(signer, span_of(NULL, 0), done, header, CLAIMS, &token);
    jwt_put_jwk(verifier, "", &jwk);
    assert_ok(jws_open(buf_span(&token), &jws));
    return jws_verify(&jws, buf_span(&jwk)).code;
}

static void each_algorithm_verifies_its_own_signature_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        EVP_PKEY *key = *schemes[i].key;
        for (size_t j = 0; j < ARRAY_LEN(schemes); j++) {
            if (*schemes[j].key != key && strcmp(schemes[j].algorithm, "RS256") != 0) {
                continue; /* the other curves have no key of this kind to sign with */
            }
            enum err_code expected = i == j ? ERR_OK : ERR_UNAUTHENTICATED;
            enum err_code code =
                verified(schemes[i].algorithm, schemes[j].algorithm, *schemes[j].key, key);
            if (code != expected) {
                fail_msg("%s signed as %s: %s", schemes[i].algorithm, schemes[j].algorithm,
                         err_word(code));
            }
        }
    }
}

static void a_key_of_another_kind_verifies_nothing(void **state)
{
    (void)state;
    assert_int_equal(verified("ES256", "ES256", keys.p256, keys.rsa), ERR_UNAUTHENTICATED);
    assert_int_equal(verified("RS256", "RS256", keys.rsa, keys.p256), ERR_UNAUTHENTICATED);
    assert_int_equal(verified("ES256", "ES384", keys.p384, keys.p384), ERR_UNAUTHENTICATED);
}

static void every_changed_byte_is_found(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf token = {0}, jwk = {0};
    jwt_make(keys.p256, span_of(NULL, 0), "ES256", "{\"alg\":\"ES256\",\"kid\":\"1\"}", CLAIMS,
             &token);
    jwt_put_jwk(keys.p256, "", &jwk);
    for (size_t i = 0; i < token.len; i++) {
        CLEANUP(jws_clear) struct jws jws = {0};
        uint8_t old = token.data[i];
        token.data[i] = old == 'A' ? 'B' : 'A';
        struct err err = jws_open(buf_span(&token), &jws);
        if (err.code == ERR_OK) {
            err = jws_verify(&jws, buf_span(&jwk));
        }
        assert_code_of("a changed byte", err, ERR_UNAUTHENTICATED);
        token.data[i] = old;
    }
}

static void keys_that_are_none_verify_nothing(void **state)
{
    (void)state;
    static const char *const jwks[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"kty\":\"EC\"}",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
    };
    CLEANUP(buf_clear) struct buf token = {0};
    CLEANUP(jws_clear) struct jws jws = {0};
    jwt_make(keys.p256, span_of(NULL, 0), "ES256", "{\"alg\":\"ES256\",\"kid\":\"1\"}", CLAIMS,
             &token);
    assert_ok(jws_open(buf_span(&token), &jws));
    for (size_t i = 0; i < ARRAY_LEN(jwks); i++) {
        assert_code_of(jwks[i], jws_verify(&jws, span_text(jwks[i])), ERR_UNAUTHENTICATED);
    }
}

/* Zero for r and s: OpenSSL refuses them, and so must we (CVE-2022-21449 elsewhere). */
static void a_signature_of_zeros_is_refused(void **state)
{
    (void)state;
    static const uint8_t zeros[64] = {0};
    CLEANUP(buf_clear) struct buf token = {0}, jwk = {0};
    CLEANUP(jws_clear) struct jws jws = {0};
    assert_ok(buf_append_text(&token, HEADER "." PAYLOAD "."));
    assert_ok(base64url_encode(span_of(zeros, sizeof(zeros)), &token));
    jwt_put_jwk(keys.p256, "", &jwk);
    assert_ok(jws_open(buf_span(&token), &jws));
    assert_code(jws_verify(&jws, buf_span(&jwk)), ERR_UNAUTHENTICATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_that_change_what_is_verified_are_refused),
        cmocka_unit_test(a_long_kid_is_refused),
        cmocka_unit_test(shapes_that_are_no_compact_jws_are_refused),
        cmocka_unit_test(over_long_tokens_are_refused),
        cmocka_unit_test(algorithms_are_refused_with_a_reason),
        cmocka_unit_test(each_algorithm_verifies_its_own_signature_alone),
        cmocka_unit_test(a_key_of_another_kind_verifies_nothing),
        cmocka_unit_test(every_changed_byte_is_found),
        cmocka_unit_test(keys_that_are_none_verify_nothing),
        cmocka_unit_test(a_signature_of_zeros_is_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
