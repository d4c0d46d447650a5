/* caller: who sent a request, as the text of a principal: `token:NAME`, `unix:UID`. */
#ifndef HSMGATE_GATEWAY_CALLER_H
#define HSMGATE_GATEWAY_CALLER_H

#include "gateway/exchange.h"
#include "gateway/pipeline.h"
#include "keystore/keystore.h"

/* What every bearer token of ours starts with. */
#define BEARER_PREFIX "hg_"

/* Writes the principal. ERR_UNAUTHENTICATED when the request proves none, proves it wrongly, or
 * proves two that are not the same. */
MUST_USE struct err caller_identify(struct keystore *store, const struct request *request,
                                    int64_t now, char out[PRINCIPAL_MAX]);

#endif
