/* tls_trust: one reading of a listener's TLS files: our certificate and key, whom we trust, what
 * was revoked. It never changes; a reload makes a new one. Shared by connections, counted. */
#ifndef HSMGATE_GATEWAY_TLS_TRUST_H
#define HSMGATE_GATEWAY_TLS_TRUST_H

#include <gnutls/gnutls.h>
#include <stdatomic.h>

#include "gateway/config.h"

struct tls_trust {
    gnutls_certificate_credentials_t credentials;
    uint64_t generation;         /* set by its owner; grows with each reload */
    int64_t certificate_ends_ms; /* the earliest end in the server's chain */
    int64_t crl_ends_ms;         /* the earliest nextUpdate; 0: no CRL */
    _Atomic unsigned references;
};

/* Reads and checks all files, for the time `now_ms`. ERR_CONFIG names the option and what to do:
 * the certificate must be in its time and belong to the key, whose file others may not read; every
 * client CA must be a CA; every CRL must be signed by one of them and be before its nextUpdate. A
 * client CA that one of the CRLs revokes is left out. One reference; give it back with
 * tls_trust_drop. */
MUST_USE struct err tls_trust_load(const struct config_tls *config, int64_t now_ms,
                                   struct tls_trust **out);
struct tls_trust *tls_trust_take(struct tls_trust *trust);
/* Takes NULL. */
void tls_trust_drop(struct tls_trust *trust);

#endif
