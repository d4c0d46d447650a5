/* Requests and chains. What is given by callers is parsed by OpenSSL, whose error queue is left
 * empty, because request threads live long. */
#include "base/certificate.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

static void request_free(X509_REQ **request)
{
    X509_REQ_free(*request);
    ERR_clear_error();
}

static void key_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
    ERR_clear_error();
}

static void algorithm_free(X509_ALGOR **algorithm)
{
    X509_ALGOR_free(*algorithm);
}

static void bits_free(ASN1_BIT_STRING **bits)
{
    ASN1_BIT_STRING_free(*bits);
}

static void bio_free(BIO **bio)
{
    BIO_free(*bio);
    ERR_clear_error();
}

static struct err key_load(struct span spki, EVP_PKEY **out)
{
    const unsigned char *at = spki.data;
    *out = d2i_PUBKEY(NULL, &at, (long)spki.len);
    ENSURE(*out != NULL, ERR_INTERNAL, "the stored public key cannot be read");
    return err_ok();
}

static BIO *text_open(struct span text)
{
    return text.len <= INT_MAX ? BIO_new_mem_buf(text.data, (int)text.len) : NULL;
}

static struct err text_take(BIO *bio, struct buf *out)
{
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    ENSURE(len > 0, ERR_INTERNAL, "OpenSSL wrote no PEM");
    return buf_append(out, span_of((const uint8_t *)text, (size_t)len));
}

/* --- requests --- */

static X509_REQ *template_read(struct span template)
{
    CLEANUP(bio_free) BIO *bio = text_open(template);
    return bio != NULL ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
}

/* The same one each time, because DER is. */
static struct err request_make(const struct certificate_request *from, X509_REQ **out)
{
    CLEANUP(key_free) EVP_PKEY *key = NULL;
    TRY(key_load(from->spki, &key));
    *out = from->template.len > 0 ? template_read(from->template) : X509_REQ_new();
    ENSURE(*out != NULL, ERR_INVALID_FIELD,
           "the template is no certificate request in PEM (RFC 7468)");
    ENSURE(X509_REQ_set_version(*out, X509_REQ_VERSION_1) == 1 &&
               X509_REQ_set_pubkey(*out, key) == 1,
           ERR_INTERNAL, "OpenSSL cannot make a certificate request");
    return err_ok();
}

struct err certificate_request_body(const struct certificate_request *request, struct buf *out)
{
    CLEANUP(request_free) X509_REQ *made = NULL;
    unsigned char *der = NULL;
    TRY(request_make(request, &made));
    int len = i2d_re_X509_REQ_tbs(made, &der);
    ENSURE(len > 0, ERR_INTERNAL, "OpenSSL cannot encode a certificate request");
    struct err err = buf_append(out, span_of(der, (size_t)len));
    OPENSSL_free(der);
    return err;
}

/* RFC 5754 §3, RFC 8410 §3; NID_undef for those without one. */
static int scheme_nid(enum scheme scheme)
{
    switch (scheme) {
    case SCHEME_RS256:
        return NID_sha256WithRSAEncryption;
    case SCHEME_RS384:
        return NID_sha384WithRSAEncryption;
    case SCHEME_RS512:
        return NID_sha512WithRSAEncryption;
    case SCHEME_ES256:
        return NID_ecdsa_with_SHA256;
    case SCHEME_ES384:
        return NID_ecdsa_with_SHA384;
    case SCHEME_ES512:
        return NID_ecdsa_with_SHA512;
    case SCHEME_EDDSA:
        return NID_ED25519;
    case SCHEME_PS256:
    case SCHEME_PS384:
    case SCHEME_PS512:
    case SCHEME_COUNT:
    default:
        return NID_undef;
    }
}

/* RSA's has NULL for its parameters (RFC 4055 §5), the others have none. */
static bool set_algorithm(X509_REQ *request, enum scheme scheme)
{
    CLEANUP(algorithm_free) X509_ALGOR *algorithm = X509_ALGOR_new();
    bool rsa = scheme_info(scheme)->family == FAMILY_RSA;
    return algorithm != NULL && scheme_nid(scheme) != NID_undef &&
           X509_ALGOR_set0(algorithm, OBJ_nid2obj(scheme_nid(scheme)),
                           rsa ? V_ASN1_NULL : V_ASN1_UNDEF, NULL) == 1 &&
           X509_REQ_set1_signature_algo(request, algorithm) == 1;
}

static bool set_signature(X509_REQ *request, struct span signature)
{
    CLEANUP(bits_free) ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    if (bits == NULL || ASN1_BIT_STRING_set(bits, (unsigned char *)(uintptr_t)signature.data,
                                            (int)signature.len) != 1) {
        return false;
    }
    bits->flags &= ~(long)(ASN1_STRING_FLAG_BITS_LEFT | 0x07);
    bits->flags |= ASN1_STRING_FLAG_BITS_LEFT; /* whole bytes */
    X509_REQ_set0_signature(request, bits);
    bits = NULL; /* it has them now */
    return true;
}

struct err certificate_request_pem(const struct certificate_request *request, enum scheme scheme,
                                   struct span signature, struct buf *out)
{
    CLEANUP(request_free) X509_REQ *made = NULL;
    CLEANUP(bio_free) BIO *bio = BIO_new(BIO_s_mem());
    TRY(request_make(request, &made));
    ENSURE(bio != NULL && signature.len <= INT_MAX && set_algorithm(made, scheme) &&
               set_signature(made, signature),
           ERR_INTERNAL, "OpenSSL cannot make a certificate request");
    ENSURE(X509_REQ_verify(made, X509_REQ_get0_pubkey(made)) == 1, ERR_INTERNAL,
           "the signature of the certificate request is not valid");
    ENSURE(PEM_write_bio_X509_REQ(bio, made) == 1, ERR_INTERNAL, "OpenSSL wrote no PEM");
    return text_take(bio, out);
}

/* --- chains --- */

struct chain {
    X509 *certificates[CERTIFICATE_CHAIN_MAX];
    size_t count;
};

static void chain_clear(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        X509_free(chain->certificates[i]);
    }
    ERR_clear_error();
}

/* The end is where no more PEM begins. */
static bool at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static struct err chain_parse(struct span text, struct chain *out)
{
    CLEANUP(bio_free) BIO *bio = text_open(text);
    ENSURE(bio != NULL, ERR_INTERNAL, "OpenSSL cannot read a text");
    X509 *next = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    for (; next != NULL; next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) {
        if (out->count == CERTIFICATE_CHAIN_MAX) {
            X509_free(next);
            return err_new(ERR_INVALID_FIELD, __func__, "the chain has more than %d certificates",
                           CERTIFICATE_CHAIN_MAX);
        }
        out->certificates[out->count++] = next;
    }
    ENSURE(at_end(), ERR_INVALID_FIELD, "certificate %zu of the chain cannot be read",
           out->count + 1);
    ENSURE(out->count > 0, ERR_INVALID_FIELD, "the chain has no certificate in PEM (RFC 7468)");
    return err_ok();
}

/* Whether basicConstraints are there and say `wanted` (RFC 5280 §4.2.1.9). */
static bool is_marked(X509 *certificate, bool wanted)
{
    uint32_t flags = X509_get_extension_flags(certificate);
    return (flags & EXFLAG_BCONS) != 0 && ((flags & EXFLAG_CA) != 0) == wanted;
}

static struct err check_leaf(X509 *leaf, struct span spki)
{
    CLEANUP(key_free) EVP_PKEY *key = NULL;
    TRY(key_load(spki, &key));
    EVP_PKEY *certified = X509_get0_pubkey(leaf);
    ENSURE(certified != NULL && EVP_PKEY_eq(certified, key) == 1, ERR_INVALID_FIELD,
           "the first certificate is not of this key version");
    ENSURE(!is_marked(leaf, true), ERR_INVALID_FIELD,
           "the first certificate is a CA's: the key's own comes first");
    return err_ok();
}

static struct err check_link(const struct chain *chain, size_t i)
{
    X509 *issuer = chain->certificates[i + 1];
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    ENSURE(!is_marked(issuer, false), ERR_INVALID_FIELD, "certificate %zu of the chain is no CA's",
           i + 2);
    ENSURE(key != NULL && X509_check_issued(issuer, chain->certificates[i]) == X509_V_OK &&
               X509_verify(chain->certificates[i], key) == 1,
           ERR_INVALID_FIELD, "certificate %zu of the chain did not sign the one before it", i + 2);
    return err_ok();
}

static struct err chain_write(const struct chain *chain, struct buf *out)
{
    CLEANUP(bio_free) BIO *bio = BIO_new(BIO_s_mem());
    for (size_t i = 0; i < chain->count; i++) {
        ENSURE(bio != NULL && PEM_write_bio_X509(bio, chain->certificates[i]) == 1, ERR_INTERNAL,
               "OpenSSL wrote no PEM");
    }
    return text_take(bio, out);
}

struct err certificate_chain_read(struct span chain, struct span spki, struct buf *out)
{
    CLEANUP(chain_clear) struct chain found = {0};
    TRY(chain_parse(chain, &found));
    TRY(check_leaf(found.certificates[0], spki));
    for (size_t i = 0; i + 1 < found.count; i++) {
        TRY(check_link(&found, i));
    }
    return chain_write(&found, out);
}
