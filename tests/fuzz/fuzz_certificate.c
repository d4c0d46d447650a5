/* fuzz_certificate: a text as a chain of certificates for a key, and as the template of a request.
 * What is taken of a chain is a chain again, byte for byte, and not one of another key; a request
 * from a template has the key that was asked for, and a signature that nobody made is refused. */
#include <assert.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/certificate.h"
#include "base/encoding.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The example key of RFC 7517, appendix A.1, whose private half nobody who fuzzes has. */
static const char other_hex[] =
    "3059301306072a8648ce3d020106082a8648ce3d0301070342000430a0424cd21c2944838a2d75c92b37e76ea20d9f"
    "00893a3b4eee8a3c0aafec3ee04b65e92456d9888b52b379bdfbd51ee869ef1f0fc65b6659695b6cce081723";

/* The key of the first certificate, when there is one. */
static bool key_of(struct span text, struct buf *out)
{
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    X509 *first = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = first != NULL ? X509_get0_pubkey(first) : NULL;
    int len = key != NULL ? i2d_PUBKEY(key, NULL) : 0;
    uint8_t *place = NULL;
    bool found = len > 0 && buf_extend(out, (size_t)len, &place).code == ERR_OK &&
                 i2d_PUBKEY(key, &place) == len;
    X509_free(first);
    BIO_free(bio);
    return found;
}

static void check_chain(struct span text, struct span other)
{
    CLEANUP(buf_clear) struct buf spki = {0};
    CLEANUP(buf_clear) struct buf chain = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    struct err err = certificate_chain_read(text, other, &chain);
    assert(err.code == ERR_INVALID_FIELD && chain.len == 0);
    if (!key_of(text, &spki)) {
        return;
    }
    err = certificate_chain_read(text, buf_span(&spki), &chain);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD && chain.len == 0);
        return;
    }
    assert(chain.len <= CERTIFICATE_TEXT_MAX);
    assert(certificate_chain_read(buf_span(&chain), buf_span(&spki), &again).code == ERR_OK);
    assert(span_equal(buf_span(&chain), buf_span(&again)));
}

static void check_template(struct span text, struct span other)
{
    CLEANUP(buf_clear) struct buf body = {0};
    CLEANUP(buf_clear) struct buf pem = {0};
    static const uint8_t nobody[8] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};
    const struct certificate_request request = {other, text};
    struct err err = certificate_request_body(&request, &body);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD || err.code == ERR_INTERNAL);
        assert(body.len == 0);
        return;
    }
    assert(memmem(body.data, body.len, other.data, other.len) != NULL);
    err = certificate_request_pem(&request, SCHEME_ES256, span_of(nobody, sizeof(nobody)), &pem);
    assert(err.code == ERR_INTERNAL && pem.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_clear) struct buf other = {0};
    assert(hex_decode(span_text(other_hex), &other).code == ERR_OK);
    if (size > 0 && size <= CERTIFICATE_TEXT_MAX) {
        check_chain(span_of(data, size), buf_span(&other));
        check_template(span_of(data, size), buf_span(&other));
    }
    return 0;
}
