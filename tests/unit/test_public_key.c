/* The software half of key pairs, against OpenSSL's own signing, and ECDSA's two encodings at their
 * edges. */
#include "base_test.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/encoding.h"
#include "base/public_key.h"

/* --- ECDSA encodings --- */

static void der_of(const uint8_t *raw, size_t len, struct buf *out)
{
    assert_ok(ecdsa_raw_to_der(span_of(raw, len), out));
}

static void raw_and_der_round_trip(void **state)
{
    (void)state;
    static const size_t lengths[] = {64, 96, 132};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        size_t len = lengths[i];
        for (unsigned first = 0; first < 256; first += 51) {
            uint8_t raw[132];
            CLEANUP(buf_clear) struct buf der = {0};
            CLEANUP(buf_clear) struct buf back = {0};
            random_bytes(raw, len);
            raw[0] = (uint8_t)first; /* leading zeros, high bit */
            raw[len / 2] = (uint8_t)(255 - first);
            raw[len - 1] |= 1;
            raw[len / 2 - 1] |= 1;
            der_of(raw, len, &der);
            assert_ok(ecdsa_der_to_raw(buf_span(&der), len, &back));
            assert_true(span_equal(buf_span(&back), span_of(raw, len)));
        }
    }
}

static void leading_zeros_and_high_bits_are_der(void **state)
{
    (void)state;
    uint8_t raw[64] = {0};
    raw[31] = 0x01; /* r = 1 */
    raw[63] = 0x80; /* s = 128, needs a zero before it */
    CLEANUP(buf_clear) struct buf der = {0};
    der_of(raw, sizeof(raw), &der);
    static const uint8_t want[] = {0x30, 0x07, 0x02, 0x01, 0x01, 0x02, 0x02, 0x00, 0x80};
    assert_true(span_equal(buf_span(&der), span_of(want, sizeof(want))));
}

static void odd_raw_is_refused(void **state)
{
    (void)state;
    uint8_t raw[133] = {0};
    CLEANUP(buf_clear) struct buf der = {0};
    memset(raw, 1, sizeof(raw));
    static const size_t lengths[] = {0, 1, 63, 65, 95, 128, 131, 133};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        assert_code(ecdsa_raw_to_der(span_of(raw, lengths[i]), &der), ERR_INVALID_FIELD);
    }
    memset(raw, 0, 32); /* r = 0 */
    assert_code(ecdsa_raw_to_der(span_of(raw, 64), &der), ERR_INVALID_FIELD);
    memset(raw, 1, 32);
    memset(raw + 32, 0, 32); /* s = 0 */
    assert_code(ecdsa_raw_to_der(span_of(raw, 64), &der), ERR_INVALID_FIELD);
    assert_int_equal(der.len, 0);
}

static void odd_der_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *hex;
    } cases[] = {
        {"nothing", ""},
        {"no sequence", "020101"},
        {"one number", "3003020101"},
        {"three numbers", "3009020101020101020101"},
        {"left over after", "300602010102010100"},
        {"left over inside", "30080201010201010500"},
        {"truncated", "30060201010201"},
        {"long form of the length", "308106020101020101"},
        {"indefinite length", "30800201010201010000"},
        {"padded r", "3007020200010201 01"},
        {"negative r", "3006020181020101"},
        {"empty r", "30050200020101"},
        {"zero r", "3006020100020101"},
        {"zero s", "3006020101020100"},
        {"not integers", "3006040101040101"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf der = {0};
        CLEANUP(buf_clear) struct buf raw = {0};
        char hex[64] = "";
        size_t len = 0;
        for (const char *at = cases[i].hex; *at != '\0'; at++) {
            if (*at != ' ') {
                hex[len++] = *at;
            }
        }
        assert_ok(hex_decode(span_of(hex, len), &der));
        assert_code_of(cases[i].label, ecdsa_der_to_raw(buf_span(&der), 64, &raw),
                       ERR_INVALID_FIELD);
        assert_int_equal(raw.len, 0);
    }
}

static void numbers_longer_than_the_curve_are_refused(void **state)
{
    (void)state;
    uint8_t raw[96];
    memset(raw, 0x7F, sizeof(raw));
    CLEANUP(buf_clear) struct buf der = {0};
    CLEANUP(buf_clear) struct buf back = {0};
    der_of(raw, sizeof(raw), &der);
    assert_code(ecdsa_der_to_raw(buf_span(&der), 64, &back), ERR_INVALID_FIELD);
    assert_code(ecdsa_der_to_raw(buf_span(&der), 65, &back), ERR_INTERNAL);
    assert_ok(ecdsa_der_to_raw(buf_span(&der), 96, &back));
}

/* --- keys --- */

struct pair {
    EVP_PKEY *key;
    struct buf spki;
};

static void pair_clear(struct pair *pair)
{
    EVP_PKEY_free(pair->key);
    buf_clear(&pair->spki);
}

static EVP_PKEY *generate(enum algorithm algorithm)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521"};
    const struct algorithm_info *info = algorithm_info(algorithm);
    if (info->family == FAMILY_EC) {
        return EVP_EC_gen(curves[algorithm - ALGORITHM_ECDSA_P256]);
    }
    return info->family == FAMILY_RSA ? EVP_RSA_gen(info->bits)
                                      : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static struct pair make_pair(enum algorithm algorithm)
{
    struct pair pair = {.key = generate(algorithm)};
    unsigned char *der = NULL;
    assert_non_null(pair.key);
    int len = i2d_PUBKEY(pair.key, &der);
    assert_true(len > 0);
    assert_ok(buf_append(&pair.spki, span_of(der, (size_t)len)));
    OPENSSL_free(der);
    return pair;
}

static const EVP_MD *md_of(enum scheme scheme)
{
    switch (scheme_info(scheme)->digest) {
    case DIGEST_SHA384:
        return EVP_sha384();
    case DIGEST_SHA512:
        return EVP_sha512();
    case DIGEST_SHA1:
    case DIGEST_SHA256:
    case DIGEST_COUNT:
    default:
        return EVP_sha256();
    }
}

/* OpenSSL's one-shot signature over the message, ECDSA as DER. */
static void sign_message(const struct pair *pair, enum scheme scheme, int salt, struct span message,
                         struct buf *out)
{
    unsigned char signature[512];
    size_t len = sizeof(signature);
    EVP_PKEY_CTX *inner = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = scheme == SCHEME_EDDSA ? NULL : md_of(scheme);
    assert_int_equal(EVP_DigestSignInit(ctx, &inner, md, NULL, pair->key), 1);
    if (scheme >= SCHEME_PS256) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, salt), 1);
    }
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, message.data, message.len), 1);
    EVP_MD_CTX_free(ctx);
    assert_ok(buf_append(out, span_of(signature, len)));
}

static void to_raw(enum scheme scheme, struct buf *signature)
{
    if (scheme_info(scheme)->family == FAMILY_EC) {
        struct buf raw = {0};
        size_t len = algorithm_info(scheme_info(scheme)->only)->signature_len;
        assert_ok(ecdsa_der_to_raw(buf_span(signature), len, &raw));
        buf_move(signature, &raw);
    }
}

static bool verifies(const struct pair *pair, enum scheme scheme, struct span message,
                     struct span signature)
{
    uint8_t hash[DIGEST_MAX];
    bool valid = false;
    struct span subject = message;
    if (scheme != SCHEME_EDDSA) {
        digest_of(scheme_info(scheme)->digest, message, hash);
        subject = span_of(hash, digest_len(scheme_info(scheme)->digest));
    }
    assert_ok(public_key_verify(buf_span(&pair->spki), scheme, subject, signature, &valid));
    return valid;
}

static const struct {
    enum scheme scheme;
    enum algorithm algorithm;
} schemes[] = {
    {SCHEME_ES256, ALGORITHM_ECDSA_P256}, {SCHEME_ES384, ALGORITHM_ECDSA_P384},
    {SCHEME_ES512, ALGORITHM_ECDSA_P521}, {SCHEME_EDDSA, ALGORITHM_ED25519},
    {SCHEME_RS256, ALGORITHM_RSA_2048},   {SCHEME_RS384, ALGORITHM_RSA_2048},
    {SCHEME_RS512, ALGORITHM_RSA_2048},   {SCHEME_PS256, ALGORITHM_RSA_2048},
    {SCHEME_PS384, ALGORITHM_RSA_2048},   {SCHEME_PS512, ALGORITHM_RSA_2048},
};

static void every_scheme_verifies_what_openssl_signed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        enum scheme scheme = schemes[i].scheme;
        CLEANUP(pair_clear) struct pair pair = make_pair(schemes[i].algorithm);
        CLEANUP(buf_clear) struct buf signature = {0};
        struct span message = span_text("a message");
        sign_message(&pair, scheme, RSA_PSS_SALTLEN_DIGEST, message, &signature);
        to_raw(scheme, &signature);
        assert_true(verifies(&pair, scheme, message, buf_span(&signature)));
        assert_false(verifies(&pair, scheme, span_text("a massage"), buf_span(&signature)));
        for (size_t len = 0; len < signature.len; len += 7) {
            assert_false(verifies(&pair, scheme, message, span_of(signature.data, len)));
        }
        for (size_t at = 0; at < signature.len; at += 5) {
            signature.data[at] ^= 0x10;
            assert_false(verifies(&pair, scheme, message, buf_span(&signature)));
            signature.data[at] ^= 0x10;
        }
        assert_ok(buf_append_u8(&signature, 0));
        assert_false(verifies(&pair, scheme, message, buf_span(&signature)));
    }
}

static void empty_messages_verify(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = make_pair(ALGORITHM_ED25519);
    CLEANUP(buf_clear) struct buf signature = {0};
    sign_message(&pair, SCHEME_EDDSA, 0, span_text(""), &signature);
    assert_true(verifies(&pair, SCHEME_EDDSA, (struct span){0}, buf_span(&signature)));
}

/* RFC 7518 §3.5: the salt is as long as the hash. */
static void pss_with_another_salt_is_not_valid(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = make_pair(ALGORITHM_RSA_2048);
    static const int salts[] = {0, 20, 31, 33, RSA_PSS_SALTLEN_MAX};
    for (size_t i = 0; i < ARRAY_LEN(salts); i++) {
        CLEANUP(buf_clear) struct buf signature = {0};
        sign_message(&pair, SCHEME_PS256, salts[i], span_text("m"), &signature);
        assert_false(verifies(&pair, SCHEME_PS256, span_text("m"), buf_span(&signature)));
    }
}

static void misuse_is_an_error(void **state)
{
    (void)state;
    uint8_t digest[DIGEST_MAX] = {1};
    uint8_t signature[64] = {1};
    bool valid = false;
    CLEANUP(pair_clear) struct pair pair = make_pair(ALGORITHM_ECDSA_P256);
    struct span spki = buf_span(&pair.spki);
    struct span sig = span_of(signature, sizeof(signature));
    assert_code(public_key_verify(spki, SCHEME_ES256, span_of(digest, 31), sig, &valid),
                ERR_INVALID_DIGEST);
    assert_code(public_key_verify(spki, SCHEME_ES384, span_of(digest, 48), sig, &valid),
                ERR_UNSUPPORTED_OPERATION);
    assert_code(public_key_verify(spki, SCHEME_RS256, span_of(digest, 32), sig, &valid),
                ERR_UNSUPPORTED_OPERATION);
    assert_code(public_key_verify(spki, SCHEME_EDDSA, span_of(digest, 32), sig, &valid),
                ERR_UNSUPPORTED_OPERATION);
    assert_code(public_key_verify(span_of(spki.data, spki.len - 1), SCHEME_ES256,
                                  span_of(digest, 32), sig, &valid),
                ERR_INTERNAL);
    CLEANUP(buf_clear) struct buf out = {0};
    assert_code(public_key_encrypt_oaep(spki, DIGEST_SHA256, sig, &out), ERR_UNSUPPORTED_OPERATION);
    assert_code(rsa_digest_info(DIGEST_SHA256, span_of(digest, 20), &out), ERR_INVALID_DIGEST);
    assert_int_equal(out.len, 0);
}

/* DigestInfo, padded by OpenSSL without a hash of its own, is what OpenSSL would have made. */
static void digest_info_is_what_rsa_signs(void **state)
{
    (void)state;
    CLEANUP(pair_clear) struct pair pair = make_pair(ALGORITHM_RSA_2048);
    static const enum scheme rs[] = {SCHEME_RS256, SCHEME_RS384, SCHEME_RS512};
    for (size_t i = 0; i < ARRAY_LEN(rs); i++) {
        uint8_t hash[DIGEST_MAX];
        unsigned char signature[256];
        size_t len = sizeof(signature);
        enum digest digest = scheme_info(rs[i])->digest;
        CLEANUP(buf_clear) struct buf info = {0};
        digest_of(digest, span_text("m"), hash);
        assert_ok(rsa_digest_info(digest, span_of(hash, digest_len(digest)), &info));
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair.key, NULL);
        assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
        assert_int_equal(EVP_PKEY_sign(ctx, signature, &len, info.data, info.len), 1);
        EVP_PKEY_CTX_free(ctx);
        assert_true(verifies(&pair, rs[i], span_text("m"), span_of(signature, len)));
    }
    uint8_t hash[DIGEST_MAX];
    CLEANUP(buf_clear) struct buf info = {0};
    digest_of(DIGEST_SHA1, span_text("m"), hash);
    assert_ok(rsa_digest_info(DIGEST_SHA1, span_of(hash, 20), &info));
    assert_int_equal(info.len, 35);
}

static void check_oaep(const struct pair *pair, enum digest hash, struct span plaintext)
{
    CLEANUP(buf_clear) struct buf sealed = {0};
    unsigned char opened[256];
    size_t len = sizeof(opened);
    assert_ok(public_key_encrypt_oaep(buf_span(&pair->spki), hash, plaintext, &sealed));
    assert_int_equal(sealed.len, 256);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair->key, NULL);
    assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
    const EVP_MD *md = hash == DIGEST_SHA1 ? EVP_sha1() : EVP_sha256();
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md), 1);
    assert_int_equal(EVP_PKEY_decrypt(ctx, opened, &len, sealed.data, sealed.len), 1);
    EVP_PKEY_CTX_free(ctx);
    assert_true(span_equal(span_of(opened, len), plaintext));
}

static void oaep_opens_with_the_private_half(void **state)
{
    (void)state;
    uint8_t bytes[256] = {7};
    CLEANUP(pair_clear) struct pair pair = make_pair(ALGORITHM_RSA_2048);
    CLEANUP(buf_clear) struct buf out = {0};
    check_oaep(&pair, DIGEST_SHA1, (struct span){0});
    check_oaep(&pair, DIGEST_SHA1, span_of(bytes, 214));
    check_oaep(&pair, DIGEST_SHA256, span_of(bytes, 190));
    struct span spki = buf_span(&pair.spki);
    assert_code(public_key_encrypt_oaep(spki, DIGEST_SHA1, span_of(bytes, 215), &out),
                ERR_TOO_LARGE);
    assert_code(public_key_encrypt_oaep(spki, DIGEST_SHA256, span_of(bytes, 191), &out),
                ERR_TOO_LARGE);
    assert_int_equal(out.len, 0);
}

/* --- written down --- */

static void pem_reads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        CLEANUP(pair_clear) struct pair pair = make_pair(schemes[i].algorithm);
        CLEANUP(buf_clear) struct buf pem = {0};
        assert_ok(public_key_pem(buf_span(&pair.spki), &pem));
        assert_true(span_starts(buf_span(&pem), "-----BEGIN PUBLIC KEY-----\n"));
        BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
        EVP_PKEY *read = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
        assert_non_null(read);
        assert_int_equal(EVP_PKEY_eq(read, pair.key), 1);
        EVP_PKEY_free(read);
        BIO_free(bio);
    }
}

static void jwk_of(struct span spki, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    assert_ok(public_key_put_jwk(spki, &writer));
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
}

/* RFC 8037 appendix A.2 and RFC 7515 appendix A.3.1. */
static void jwks_of_the_rfcs(void **state)
{
    (void)state;
    static const struct {
        const char *spki;
        const char *jwk;
    } cases[] = {
        {"302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
         "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
         "\"}"},
        {"3059301306072a8648ce3d020106082a8648ce3d030107034200047fcdce2770f6c45d4183cbee6fdb4b7b580"
         "733357be9ef13bacf6e3c7bd15445c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588"
         "e5ad",
         "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
         "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf spki = {0};
        CLEANUP(buf_clear) struct buf jwk = {0};
        assert_ok(hex_decode(span_text(cases[i].spki), &spki));
        jwk_of(buf_span(&spki), &jwk);
        assert_span_is(buf_span(&jwk), cases[i].jwk);
    }
}

static void jwks_have_fixed_widths(void **state)
{
    (void)state;
    static const struct {
        enum algorithm algorithm;
        const char *member;
        size_t len;
    } cases[] = {
        {ALGORITHM_ECDSA_P384, "x", 48}, {ALGORITHM_ECDSA_P521, "y", 66},
        {ALGORITHM_ECDSA_P521, "x", 66}, {ALGORITHM_RSA_2048, "n", 256},
        {ALGORITHM_RSA_2048, "e", 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(pair_clear) struct pair pair = make_pair(cases[i].algorithm);
        CLEANUP(buf_clear) struct buf jwk = {0};
        CLEANUP(buf_clear) struct buf bytes = {0};
        CLEANUP(json_clear) struct json json = {0};
        struct span text;
        jwk_of(buf_span(&pair.spki), &jwk);
        assert_ok(json_parse(buf_span(&jwk), &json));
        assert_true(json_as_text(json_member(json.root, cases[i].member), &text));
        assert_ok(base64url_decode(text, &bytes));
        assert_int_equal(bytes.len, cases[i].len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_and_der_round_trip),
        cmocka_unit_test(leading_zeros_and_high_bits_are_der),
        cmocka_unit_test(odd_raw_is_refused),
        cmocka_unit_test(odd_der_is_refused),
        cmocka_unit_test(numbers_longer_than_the_curve_are_refused),
        cmocka_unit_test(every_scheme_verifies_what_openssl_signed),
        cmocka_unit_test(empty_messages_verify),
        cmocka_unit_test(pss_with_another_salt_is_not_valid),
        cmocka_unit_test(misuse_is_an_error),
        cmocka_unit_test(digest_info_is_what_rsa_signs),
        cmocka_unit_test(oaep_opens_with_the_private_half),
        cmocka_unit_test(pem_reads_back),
        cmocka_unit_test(jwks_of_the_rfcs),
        cmocka_unit_test(jwks_have_fixed_widths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
