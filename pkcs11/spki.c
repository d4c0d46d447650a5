/* spki: builds public keys with OpenSSL, which also checks that a point lies on its curve.
 *
 * CKA_EC_POINT should be a DER OCTET STRING, but some tokens give the bare point. The two have
 * different lengths for a given curve, so the length decides. */
#include "pkcs11/spki.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "base/banned.h"
#include "base/mem.h"

#define VALUE_MAX 1024

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void free_context(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
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
    BN_free(*number);
}

static struct err append_der(const EVP_PKEY *key, struct buf *out)
{
    int len = i2d_PUBKEY(key, NULL);
    ENSURE(len > 0, ERR_CORRUPT, "the public key cannot be encoded");
    uint8_t *place = NULL;
    TRY(buf_extend(out, (size_t)len, &place));
    ENSURE(i2d_PUBKEY(key, &place) == len, ERR_CORRUPT, "the public key cannot be encoded");
    return err_ok();
}

static struct err append_built(const char *type, OSSL_PARAM_BLD *builder, struct buf *out)
{
    CLEANUP(free_params) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    CLEANUP(free_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    CLEANUP(free_key) EVP_PKEY *key = NULL;
    ENSURE(params != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
               EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) == 1,
           ERR_CORRUPT, "not a public key of the type %s", type);
    return append_der(key, out);
}

static struct err append_ec(const char *group, struct span point, struct buf *out)
{
    CLEANUP(free_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    ENSURE(builder != NULL &&
               OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
               OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data,
                                                point.len),
           ERR_CORRUPT, "the point cannot be taken");
    return append_built("EC", builder, out);
}

/* The bare point of `len` bytes, whether or not it is wrapped in an OCTET STRING. */
static struct err unwrap_point(struct span value, size_t len, struct span *out)
{
    if (value.len == len) {
        *out = value;
        return err_ok();
    }
    const uint8_t *end = value.data;
    ASN1_OCTET_STRING *octets = d2i_ASN1_OCTET_STRING(NULL, &end, (long)value.len);
    size_t inner = octets != NULL ? (size_t)ASN1_STRING_length(octets) : 0;
    ASN1_OCTET_STRING_free(octets);
    /* what is put together of parts (BER) would not end with the whole point */
    ENSURE(inner == len && end == value.data + value.len && value.data[0] == V_ASN1_OCTET_STRING,
           ERR_CORRUPT, "CKA_EC_POINT is malformed");
    *out = span_of(end - len, len);
    return err_ok();
}

struct err spki_of_point(enum algorithm algorithm, struct span value, struct buf *out)
{
    const struct algorithm_info *info = algorithm_info(algorithm);
    struct span point = {0};
    if (info->family == FAMILY_ED25519) {
        TRY(unwrap_point(value, 32, &point));
        CLEANUP(free_key)
        EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point.data, point.len);
        ENSURE(key != NULL, ERR_CORRUPT, "not an Ed25519 key");
        return append_der(key, out);
    }
    static const char *const groups[ALGORITHM_COUNT] = {
        [ALGORITHM_ECDSA_P256] = "P-256",
        [ALGORITHM_ECDSA_P384] = "P-384",
        [ALGORITHM_ECDSA_P521] = "P-521",
    };
    ENSURE(groups[algorithm] != NULL, ERR_CORRUPT, "not a curve");
    TRY(unwrap_point(value, 1 + 2 * ((info->bits + 7) / 8), &point));
    return append_ec(groups[algorithm], point, out);
}

struct err spki_of_rsa(enum algorithm algorithm, struct span modulus, struct span exponent,
                       struct buf *out)
{
    CLEANUP(free_number) BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
    CLEANUP(free_number) BIGNUM *e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
    CLEANUP(free_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    ENSURE(n != NULL && e != NULL && (unsigned)BN_num_bits(n) == algorithm_info(algorithm)->bits,
           ERR_CORRUPT, "not a modulus of %u bits", algorithm_info(algorithm)->bits);
    ENSURE(builder != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
               OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e),
           ERR_CORRUPT, "the modulus cannot be taken");
    return append_built("RSA", builder, out);
}

/* Our own failure to make sense of the object's values. */
static struct ckr_verdict judge(struct err err)
{
    return ckr_own(err.code == ERR_OK ? FRAME_OK : FRAME_KEY_SWAPPED);
}

struct ckr_verdict spki_read(const struct session *session, CK_OBJECT_HANDLE object,
                             enum algorithm algorithm, struct buf *out)
{
    bool rsa = algorithm_info(algorithm)->family == FAMILY_RSA;
    uint8_t first[VALUE_MAX];
    uint8_t second[VALUE_MAX];
    CK_ATTRIBUTE list[] = {
        {.type = rsa ? CKA_MODULUS : CKA_EC_POINT, .pValue = first, .ulValueLen = VALUE_MAX},
        {.type = CKA_PUBLIC_EXPONENT, .pValue = second, .ulValueLen = VALUE_MAX},
    };
    CK_ULONG count = rsa ? 2 : 1;
    CK_RV ckr = session->list->C_GetAttributeValue(session->handle, object, list, count);
    if (ckr == CKR_ATTRIBUTE_TYPE_INVALID || ckr == CKR_BUFFER_TOO_SMALL) {
        return ckr_own(FRAME_KEY_SWAPPED);
    }
    if (ckr != CKR_OK || list[0].ulValueLen > VALUE_MAX) {
        return ckr_verdict(ckr != CKR_OK ? ckr : CKR_GENERAL_ERROR);
    }
    struct span value = span_of(first, list[0].ulValueLen);
    if (!rsa) {
        return judge(spki_of_point(algorithm, value, out));
    }
    struct span exponent = span_of(second, list[1].ulValueLen);
    return judge(spki_of_rsa(algorithm, value, exponent, out));
}
