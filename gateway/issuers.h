/* issuers: whose JWTs name callers. Keys are read from files or fetched in the background and kept;
 * no request ever waits for the network. */
#ifndef HSMGATE_GATEWAY_ISSUERS_H
#define HSMGATE_GATEWAY_ISSUERS_H

#include "gateway/config.h"
#include "gateway/metrics.h"
#include "gateway/pipeline.h"

struct issuers;

/* Starts reading the key sets; a set that cannot be had yet makes its issuer's tokens fail, nothing
 * else. `config` must outlive it. ERR_CONFIG. */
MUST_USE struct err issuers_open(const struct config *config, struct issuers **out);
/* Takes NULL. */
void issuers_close(struct issuers *issuers);
/* Reads every key set again, soon. */
void issuers_reload(struct issuers *issuers);
/* Verifies a JWS compact JWT (RFC 7515, RFC 7519, with the demands of RFC 8725) and writes
 * `oidc:ISSUER#SUB`. ERR_UNAUTHENTICATED with the kind in `out_kind`. */
MUST_USE struct err issuers_verify(struct issuers *issuers, struct span jwt, int64_t now_ms,
                                   enum auth_failure *out_kind, char out[PRINCIPAL_MAX]);

struct issuer_status {
    const char *issuer;
    size_t keys;
    int64_t fetched_ms; /* last success; 0: never */
    uint64_t failures;
};
/* mem_free. */
struct issuer_status *issuers_status(struct issuers *issuers, size_t *out_count);

#endif
