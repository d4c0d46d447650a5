#include "jwt_fixture.h"

#include <assert.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "base/public_key.h"

#define must(call) assert((call).code == ERR_OK)

EVP_PKEY *jwt_rsa_key(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);
    assert(key != NULL);
    return key;
}

EVP_PKEY *jwt_ec_key(const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);
    assert(key != NULL);
    return key;
}

void jwt_put_jwk(EVP_PKEY *key, const char *members, struct buf *out)
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    assert(len > 0);
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    must(public_key_put_jwk(span_of(der, (size_t)len), &writer));
    json_end_object(&writer);
    must(json_finish(&writer));
    OPENSSL_free(der);
    buf_truncate(out, out->len - 1);
    must(buf_printf(out, "%s%s}", members[0] != '\0' ? "," : "", members));
}

/* --- signing --- */

static const EVP_MD *hash_of(const char *algorithm)
{
    const char *bits = algorithm + 2;
    if (strcmp(bits, "384") == 0) {
        return EVP_sha384();
    }
    return strcmp(bits, "512") == 0 ? EVP_sha512() : EVP_sha256();
}

static void sign_asymmetric(EVP_PKEY *key, const char *algorithm, struct span input,
                            struct buf *out)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    size_t len = 0;
    uint8_t *place = NULL;
    assert(EVP_DigestSignInit(md, &ctx, hash_of(algorithm), NULL, key) == 1);
    if (algorithm[0] == 'P') {
        assert(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1);
        assert(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    assert(EVP_DigestSign(md, NULL, &len, input.data, input.len) == 1);
    must(buf_extend(out, len, &place));
    assert(EVP_DigestSign(md, place, &len, input.data, input.len) == 1);
    buf_truncate(out, len);
    EVP_MD_CTX_free(md);
}

static void sign_ecdsa(EVP_PKEY *key, const char *algorithm, struct span input, struct buf *out)
{
    CLEANUP(buf_clear) struct buf der = {0};
    size_t bytes = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
    sign_asymmetric(key, algorithm, input, &der);
    must(ecdsa_der_to_raw(buf_span(&der), 2 * bytes, out));
}

static void sign(EVP_PKEY *key, struct span secret, const char *algorithm, struct span input,
                 struct buf *out)
{
    unsigned len = 0;
    uint8_t mac[EVP_MAX_MD_SIZE];
    switch (algorithm[0]) {
    case 'H':
        assert(HMAC(hash_of(algorithm), secret.data, (int)secret.len, input.data, input.len, mac,
                    &len) != NULL);
        must(buf_append(out, span_of(mac, len)));
        break;
    case 'E':
        sign_ecdsa(key, algorithm, input, out);
        break;
    case 'R':
    case 'P':
        sign_asymmetric(key, algorithm, input, out);
        break;
    default: /* none */
        break;
    }
}

void jwt_make(EVP_PKEY *key, struct span secret, const char *algorithm, const char *header,
              const char *claims, struct buf *out)
{
    CLEANUP(buf_clear) struct buf signature = {0};
    must(base64url_encode(span_text(header), out));
    must(buf_append_text(out, "."));
    must(base64url_encode(span_text(claims), out));
    sign(key, secret, algorithm, buf_span(out), &signature);
    must(buf_append_text(out, "."));
    must(base64url_encode(buf_span(&signature), out));
}
