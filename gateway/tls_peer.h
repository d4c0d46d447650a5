/* tls_peer: whether the other side of a TLS session proved a principal. */
#ifndef HSMGATE_GATEWAY_TLS_PEER_H
#define HSMGATE_GATEWAY_TLS_PEER_H

#include <gnutls/gnutls.h>

#include "gateway/server.h"
#include "gateway/tls_name.h"
#include "gateway/tls_trust.h"

struct tls_peer {
    char name[TLS_NAME_MAX]; /* empty: it sent no certificate */
    int64_t ends_ms;         /* end of its certificate; INT64_MAX without */
};

/* Verifies the session's certificate chain against `trust`, whose credentials it must have: chain,
 * dates, CRL, EKU clientAuth in the leaf itself (RFC 5280 §4.2.1.12; none or `any` is not enough),
 * a name. False: refused, and why; *out is untouched then. */
bool tls_peer_check(gnutls_session_t session, const struct tls_trust *trust,
                    enum client_certificates demand, int64_t now_ms, struct tls_peer *out,
                    enum tls_refusal *out_refusal);

#endif
