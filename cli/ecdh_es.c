/* ECDH on P-256 or P-384, then the Concat KDF of NIST SP 800-56A §5.8.1 with SHA-256, of which one
 * round is enough. */
#include "cli/ecdh_es.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/mem.h"

#define POINT_MAX (1 + 2 * RECIPIENT_COORDINATE_MAX)

size_t ecdh_es_coordinate(enum recipient_curve curve)
{
    return curve == RECIPIENT_P256 ? 32 : 48;
}

static void free_builder(OSSL_PARAM_BLD **builder)
{
    OSSL_PARAM_BLD_free(*builder);
}

static void free_params(OSSL_PARAM **params)
{
    OSSL_PARAM_free(*params);
}

static void free_number(BIGNUM **number)
{
    BN_clear_free(*number);
}

static void free_context(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

/* Uncompressed, SEC 1 §2.3.3. */
static size_t put_point(const struct recipient *recipient, uint8_t out[POINT_MAX])
{
    const size_t len = ecdh_es_coordinate(recipient->curve);
    out[0] = 0x04;
    memcpy(out + 1, recipient->x, len);
    memcpy(out + 1 + len, recipient->y, len);
    return 1 + 2 * len;
}

struct err ecdh_es_key(const struct recipient *recipient, struct span d, EVP_PKEY **out)
{
    uint8_t point[POINT_MAX];
    const size_t point_len = put_point(recipient, point);
    const char *group = recipient->curve == RECIPIENT_P256 ? "P-256" : "P-384";
    EVP_PKEY *key = NULL;
    CLEANUP(free_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    CLEANUP(free_number) BIGNUM *number = BN_secure_new();
    CLEANUP(free_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    ENSURE(builder != NULL && number != NULL && context != NULL &&
               OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
               OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, point_len),
           ERR_INTERNAL, "no memory for a key");
    if (d.len > 0) {
        ENSURE(BN_bin2bn(d.data, (int)d.len, number) != NULL &&
                   OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, number),
               ERR_INTERNAL, "no memory for a key");
    }
    CLEANUP(free_params) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    ENSURE(params != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
               EVP_PKEY_fromdata(context, &key, d.len > 0 ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                                 params) == 1,
           ERR_INVALID_FIELD, "it is no EC key of %s", group);
    *out = key;
    return err_ok();
}

/* Z, as long as a coordinate. */
static struct err shared_secret(EVP_PKEY *own, EVP_PKEY *other, struct secret *out)
{
    uint8_t z[RECIPIENT_COORDINATE_MAX];
    size_t len = sizeof z;
    CLEANUP(free_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
    ENSURE(context != NULL && EVP_PKEY_derive_init(context) == 1 &&
               EVP_PKEY_derive_set_peer(context, other) == 1 &&
               EVP_PKEY_derive(context, z, &len) == 1,
           ERR_INVALID_FIELD, "the keys are not of one curve");
    secret_set(out, span_of(z, len));
    mem_wipe(z, sizeof z);
    return err_ok();
}

static struct err put_counted(struct buf *out, struct span bytes)
{
    TRY(buf_append_u32(out, (uint32_t)bytes.len));
    return buf_append(out, bytes);
}

/* round ‖ Z ‖ OtherInfo, RFC 7518 §4.6.2 */
static struct err put_input(struct span z, const struct agreement *how, struct buf *out)
{
    TRY(buf_append_u32(out, 1));
    TRY(buf_append(out, z));
    TRY(put_counted(out, span_text(how->enc)));
    TRY(put_counted(out, how->apu));
    TRY(put_counted(out, how->apv));
    return buf_append_u32(out, (uint32_t)(how->key_len * 8));
}

struct err ecdh_es_agree(EVP_PKEY *own, EVP_PKEY *other, const struct agreement *how,
                         struct secret *out)
{
    uint8_t digest[DIGEST_MAX];
    CLEANUP(secret_clear) struct secret z = {0};
    CLEANUP(buf_clear) struct buf input = {0};
    ENSURE(how->key_len <= SHA256_LEN, ERR_INTERNAL, "one round gives no such key");
    TRY(shared_secret(own, other, &z));
    TRY(put_input(secret_span(&z), how, &input));
    digest_of(DIGEST_SHA256, buf_span(&input), digest);
    secret_set(out, span_of(digest, how->key_len));
    mem_wipe(digest, sizeof digest);
    return err_ok();
}
