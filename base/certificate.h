/* certificate: X.509 about a key pair whose private half is elsewhere, by OpenSSL: requests for a
 * certificate, and the chains that come back. Public keys are DER SubjectPublicKeyInfo (RFC 5280
 * §4.1.2.7), requests and certificates PEM (RFC 7468). */
#ifndef HSMGATE_BASE_CERTIFICATE_H
#define HSMGATE_BASE_CERTIFICATE_H

#include "base/algorithm.h"
#include "base/buf.h"

#define CERTIFICATE_CHAIN_MAX 10
#define CERTIFICATE_TEXT_MAX  ((size_t)32 << 10)

/* A request for a certificate of the public key `spki`: subject and attributes are those of
 * `template`, a request of any other key whose signature does not count, or none when it is empty.
 */
struct certificate_request {
    struct span spki;
    struct span template;
};
/* What is to be signed: CertificationRequestInfo (RFC 2986 §4.1). ERR_INVALID_FIELD for a template
 * that is no request. */
MUST_USE struct err certificate_request_body(const struct certificate_request *request,
                                             struct buf *out);
/* The whole of it with a signature of the scheme over its body, ECDSA as DER; it is checked with
 * the key. ERR_INTERNAL when it is not valid; PSS has no place here. */
MUST_USE struct err certificate_request_pem(const struct certificate_request *request,
                                            enum scheme scheme, struct span signature,
                                            struct buf *out);
/* Reads a chain: the certificate of the key first, each signed by the next one; `out` is the same
 * without what stands around it. ERR_INVALID_FIELD says what is wrong. Dates and trust are for
 * those who use it. */
MUST_USE struct err certificate_chain_read(struct span chain, struct span spki, struct buf *out);

#endif
