/* caller: who sent a request, as the text of a principal: `spiffe://…`, `dns:NAME`, `cn:NAME`,
 * `oidc:ISSUER#SUB`, `token:NAME`, `unix:UID`. */
#ifndef HSMGATE_GATEWAY_CALLER_H
#define HSMGATE_GATEWAY_CALLER_H

#include "gateway/gateway.h"
#include "gateway/pipeline.h"

/* What every bearer token of ours starts with. */
#define BEARER_PREFIX "hg_"

/* How the refusal of a request without any proof begins. */
#define CALLER_MISSING "The request names no caller:"

/* Writes the principal, and request->amz when a signature proves it. ERR_UNAUTHENTICATED, with the
 * kind in `out_kind`, when the request proves none, proves one wrongly, or proves two that are not
 * the same. `now` is unix ms. */
MUST_USE struct err caller_identify(const struct gateway *gateway, struct request *request,
                                    int64_t now, enum auth_failure *out_kind,
                                    char out[PRINCIPAL_MAX]);

/* The bearer token that the request carries, empty when it has none: a secret. */
struct span caller_bearer(const struct request *request);

#endif
