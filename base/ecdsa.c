/* ECDSA signatures in their two forms: fixed-width r‖s, as tokens and JOSE have it, and DER, as
 * X.509 tools have it.
 *
 * One signature has one text in each form: DER that OpenSSL would write differently is refused,
 * and so are zero halves, which no signer makes. Range against the curve's order is left to
 * verification. */
#include <openssl/ec.h>
#include <openssl/err.h>

#include "base/mem.h"
#include "base/public_key.h"

#define RAW_HALF_MAX 66 /* P-521 */
#define DER_MAX      160

static void sig_free(ECDSA_SIG **sig)
{
    ECDSA_SIG_free(*sig);
    ERR_clear_error();
}

static void ossl_free(unsigned char **bytes)
{
    OPENSSL_free(*bytes);
}

static bool raw_len_known(size_t len)
{
    return len == 64 || len == 96 || len == 132;
}

struct err ecdsa_raw_to_der(struct span raw, struct buf *out)
{
    ENSURE(raw_len_known(raw.len), ERR_INVALID_FIELD, "the ECDSA signature has a wrong length");
    CLEANUP(sig_free) ECDSA_SIG *sig = ECDSA_SIG_new();
    int half = (int)(raw.len / 2);
    BIGNUM *r = BN_bin2bn(raw.data, half, NULL);
    BIGNUM *s = BN_bin2bn(raw.data + half, half, NULL);
    if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return err_new(ERR_INTERNAL, __func__, "the signature cannot be encoded");
    }
    ENSURE(!BN_is_zero(r) && !BN_is_zero(s), ERR_INVALID_FIELD, "r or s of the signature is zero");
    unsigned char der[DER_MAX];
    unsigned char *at = der;
    int len = i2d_ECDSA_SIG(sig, &at);
    ENSURE(len > 0, ERR_INTERNAL, "the signature cannot be encoded");
    return buf_append(out, span_of(der, (size_t)len));
}

/* Whether the signature, written again, gives the same bytes: DER has one form only. */
static bool der_is_canonical(const ECDSA_SIG *sig, struct span der)
{
    CLEANUP(ossl_free) unsigned char *again = NULL;
    int len = i2d_ECDSA_SIG(sig, &again);
    return len > 0 && span_equal(span_of(again, (size_t)len), der);
}

struct err ecdsa_der_to_raw(struct span der, size_t raw_len, struct buf *out)
{
    ENSURE(raw_len_known(raw_len), ERR_INTERNAL, "no curve has signatures of this length");
    ENSURE(der.len > 0 && der.len <= DER_MAX, ERR_INVALID_FIELD,
           "the ECDSA signature is not canonical DER");
    const unsigned char *at = der.data;
    CLEANUP(sig_free) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
    ENSURE(sig != NULL && der_is_canonical(sig, der), ERR_INVALID_FIELD,
           "the ECDSA signature is not canonical DER");
    const BIGNUM *r = ECDSA_SIG_get0_r(sig);
    const BIGNUM *s = ECDSA_SIG_get0_s(sig);
    ENSURE(!BN_is_zero(r) && !BN_is_zero(s) && !BN_is_negative(r) && !BN_is_negative(s),
           ERR_INVALID_FIELD, "r or s of the signature is out of range");
    uint8_t raw[2 * RAW_HALF_MAX];
    int half = (int)(raw_len / 2);
    ENSURE(BN_bn2binpad(r, raw, half) == half && BN_bn2binpad(s, raw + half, half) == half,
           ERR_INVALID_FIELD, "the ECDSA signature is too long for the curve");
    return buf_append(out, span_of(raw, raw_len));
}
