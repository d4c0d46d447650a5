/* The software half of a key pair, by OpenSSL's EVP: nothing here needs the token, so verifying
 * and encrypting to a key cost no session.
 *
 * Keys arrive as DER that our own token made and the store kept, so one that does not parse is our
 * fault (ERR_INTERNAL). Signatures come from strangers: whatever is wrong with them is `not valid`.
 * OpenSSL's error queue is left empty, because request threads live long. */
#include "base/public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "base/parsed_key.h"

#define RSA_BYTES_MAX 512

static void pkey_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
    ERR_clear_error();
}

static void pkey_ctx_free(EVP_PKEY_CTX **ctx)
{
    EVP_PKEY_CTX_free(*ctx);
}

static void md_ctx_free(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}

static void bn_free(BIGNUM **number)
{
    BN_free(*number);
}

static void bio_free(BIO **bio)
{
    BIO_free(*bio);
}

static const EVP_MD *md_of(enum digest digest)
{
    switch (digest) {
    case DIGEST_SHA256:
        return EVP_sha256();
    case DIGEST_SHA384:
        return EVP_sha384();
    case DIGEST_SHA512:
        return EVP_sha512();
    case DIGEST_SHA1:
        return EVP_sha1();
    case DIGEST_COUNT:
    default:
        return NULL;
    }
}

/* --- verify and encrypt --- */

static bool scheme_is_pss(enum scheme scheme)
{
    return scheme == SCHEME_PS256 || scheme == SCHEME_PS384 || scheme == SCHEME_PS512;
}

/* Whether the key is of the scheme's family and, for ECDSA, on its curve. */
static bool key_fits(EVP_PKEY *key, const struct scheme_info *info)
{
    switch (info->family) {
    case FAMILY_EC:
        return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
               (unsigned)EVP_PKEY_get_bits(key) == algorithm_info(info->only)->bits;
    case FAMILY_ED25519:
        return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
    case FAMILY_RSA:
        return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
    case FAMILY_AES:
    case FAMILY_HMAC:
    default:
        return false;
    }
}

static bool verify_eddsa(EVP_PKEY *key, struct span message, struct span signature)
{
    CLEANUP(md_ctx_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    return ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(ctx, signature.data, signature.len, message.data, message.len) == 1;
}

static bool set_rsa_padding(EVP_PKEY_CTX *ctx, enum scheme scheme)
{
    if (!scheme_is_pss(scheme)) {
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    }
    const EVP_MD *md = md_of(scheme_info(scheme)->digest);
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1;
}

static bool verify_digest(EVP_PKEY *key, enum scheme scheme, struct span digest,
                          struct span signature)
{
    CLEANUP(pkey_ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool is_rsa = scheme_info(scheme)->family == FAMILY_RSA;
    return ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
           (!is_rsa || set_rsa_padding(ctx, scheme)) &&
           EVP_PKEY_CTX_set_signature_md(ctx, md_of(scheme_info(scheme)->digest)) == 1 &&
           EVP_PKEY_verify(ctx, signature.data, signature.len, digest.data, digest.len) == 1;
}

static bool verify_ecdsa(EVP_PKEY *key, enum scheme scheme, struct span digest, struct span raw)
{
    CLEANUP(buf_clear) struct buf der = {0};
    if (raw.len != algorithm_info(scheme_info(scheme)->only)->signature_len ||
        ecdsa_raw_to_der(raw, &der).code != ERR_OK) {
        return false;
    }
    return verify_digest(key, scheme, digest, buf_span(&der));
}

struct err public_key_verify(struct span spki, enum scheme scheme, struct span digest_or_message,
                             struct span signature, bool *out_valid)
{
    const struct scheme_info *info = scheme_info(scheme);
    ENSURE(info->family == FAMILY_ED25519 || digest_or_message.len == digest_len(info->digest),
           ERR_INVALID_DIGEST, "%s takes a digest of %zu bytes", info->name,
           digest_len(info->digest));
    CLEANUP(pkey_free) EVP_PKEY *key = NULL;
    TRY(parsed_key(spki, &key));
    ENSURE(key_fits(key, info), ERR_UNSUPPORTED_OPERATION, "%s does not fit the key", info->name);
    if (info->family == FAMILY_ED25519) {
        *out_valid = verify_eddsa(key, digest_or_message, signature);
    } else if (info->family == FAMILY_EC) {
        *out_valid = verify_ecdsa(key, scheme, digest_or_message, signature);
    } else {
        *out_valid = verify_digest(key, scheme, digest_or_message, signature);
    }
    return err_ok();
}

struct err rsa_digest_info(enum digest hash, struct span digest, struct buf *out)
{
    /* SEQUENCE { SEQUENCE { OID, NULL }, OCTET STRING } up to the digest, RFC 8017 §9.2 note 1 */
    static const uint8_t sha2[] = {0x30, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0x00, 0x05, 0x00, 0x04, 0x00};
    static const uint8_t sha1[] = {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
                                   0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14};
    static const uint8_t oid_end[DIGEST_COUNT] = {
        [DIGEST_SHA256] = 1, [DIGEST_SHA384] = 2, [DIGEST_SHA512] = 3};
    size_t len = digest_len(hash);
    ENSURE(digest.len == len, ERR_INVALID_DIGEST, "the digest must be %zu bytes", len);
    if (hash == DIGEST_SHA1) {
        TRY(buf_append(out, span_of(sha1, sizeof(sha1))));
        return buf_append(out, digest);
    }
    uint8_t prefix[sizeof(sha2)];
    memcpy(prefix, sha2, sizeof(prefix));
    prefix[1] = (uint8_t)(sizeof(sha2) - 2 + len);
    prefix[14] = oid_end[hash];
    prefix[18] = (uint8_t)len;
    TRY(buf_append(out, span_of(prefix, sizeof(prefix))));
    return buf_append(out, digest);
}

struct err public_key_encrypt_oaep(struct span spki, enum digest hash, struct span plaintext,
                                   struct buf *out)
{
    CLEANUP(pkey_free) EVP_PKEY *key = NULL;
    TRY(parsed_key(spki, &key));
    ENSURE(EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA, ERR_UNSUPPORTED_OPERATION,
           "only RSA keys encrypt with their public half");
    size_t modulus = (size_t)EVP_PKEY_get_size(key);
    size_t overhead = 2 * digest_len(hash) + 2;
    ENSURE(modulus <= RSA_BYTES_MAX && modulus > overhead, ERR_INTERNAL,
           "the stored public key has an odd size");
    ENSURE(plaintext.len <= modulus - overhead, ERR_TOO_LARGE,
           "this RSA key takes at most %zu bytes of plaintext", modulus - overhead);
    CLEANUP(pkey_ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t sealed[RSA_BYTES_MAX];
    size_t len = sizeof(sealed);
    const EVP_MD *md = md_of(hash);
    /* OpenSSL wants a pointer for an empty plaintext too */
    static const uint8_t nothing[1];
    const uint8_t *in = plaintext.len == 0 ? nothing : plaintext.data;
    bool done = ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
                EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
                EVP_PKEY_encrypt(ctx, sealed, &len, in, plaintext.len) == 1;
    ENSURE(done, ERR_INTERNAL, "the plaintext could not be encrypted");
    return buf_append(out, span_of(sealed, len));
}

/* --- written down --- */

struct err public_key_pem(struct span spki, struct buf *out)
{
    CLEANUP(bio_free) BIO *bio = BIO_new(BIO_s_mem());
    ENSURE(bio != NULL && PEM_write_bio(bio, PEM_STRING_PUBLIC, "", spki.data, (long)spki.len) > 0,
           ERR_INTERNAL, "the public key cannot be written");
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    return buf_append(out, span_of(text, (size_t)len));
}

/* A number as base64url of `width` bytes, or of as many as it has when width is 0. */
static struct err put_number(EVP_PKEY *key, const char *param, const char *member, size_t width,
                             struct json_writer *writer)
{
    CLEANUP(bn_free) BIGNUM *number = NULL;
    ENSURE(EVP_PKEY_get_bn_param(key, param, &number) == 1, ERR_INTERNAL,
           "the public key has no %s", member);
    uint8_t bytes[RSA_BYTES_MAX];
    size_t len = width != 0 ? width : (size_t)BN_num_bytes(number);
    ENSURE(len <= sizeof(bytes) && BN_bn2binpad(number, bytes, (int)len) == (int)len, ERR_INTERNAL,
           "the public key has an odd size");
    json_put_bytes_url(writer, member, span_of(bytes, len));
    return err_ok();
}

static struct err put_jwk_ec(EVP_PKEY *key, struct json_writer *writer)
{
    static const struct {
        int bits;
        const char *curve;
    } curves[] = {{256, "P-256"}, {384, "P-384"}, {521, "P-521"}};
    int bits = EVP_PKEY_get_bits(key);
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        if (curves[i].bits == bits) {
            size_t width = ((size_t)bits + 7) / 8;
            json_put_text(writer, "kty", "EC");
            json_put_text(writer, "crv", curves[i].curve);
            TRY(put_number(key, OSSL_PKEY_PARAM_EC_PUB_X, "x", width, writer));
            return put_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, "y", width, writer);
        }
    }
    return err_new(ERR_INTERNAL, __func__, "the public key is on an unknown curve");
}

static struct err put_jwk_okp(EVP_PKEY *key, struct json_writer *writer)
{
    uint8_t raw[32];
    size_t len = sizeof(raw);
    ENSURE(EVP_PKEY_get_raw_public_key(key, raw, &len) == 1, ERR_INTERNAL,
           "the public key cannot be written");
    json_put_text(writer, "kty", "OKP");
    json_put_text(writer, "crv", "Ed25519");
    json_put_bytes_url(writer, "x", span_of(raw, len));
    return err_ok();
}

struct err public_key_put_jwk(struct span spki, struct json_writer *writer)
{
    CLEANUP(pkey_free) EVP_PKEY *key = NULL;
    TRY(parsed_key(spki, &key));
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
        return put_jwk_ec(key, writer);
    case EVP_PKEY_ED25519:
        return put_jwk_okp(key, writer);
    case EVP_PKEY_RSA:
        json_put_text(writer, "kty", "RSA");
        TRY(put_number(key, OSSL_PKEY_PARAM_RSA_N, "n", 0, writer));
        return put_number(key, OSSL_PKEY_PARAM_RSA_E, "e", 0, writer);
    default:
        return err_new(ERR_INTERNAL, __func__, "the public key is of an unknown type");
    }
}
