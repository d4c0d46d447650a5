/* issuer_claims: what a verified JWT says, held against what the configuration asks. Pure. */
#ifndef HSMGATE_GATEWAY_ISSUER_CLAIMS_H
#define HSMGATE_GATEWAY_ISSUER_CLAIMS_H

#include "base/json.h"
#include "gateway/config.h"
#include "gateway/pipeline.h"

/* How far an issuer's clock may be ahead of ours, for `nbf` and `iat`. `exp` gets nothing. */
#define ISSUER_LEEWAY_S 30

/* `aud`, `exp`, `nbf`, `iat` (RFC 7519 §4.1) and the demanded claims; writes the principal, whole
 * or not at all. ERR_UNAUTHENTICATED. */
MUST_USE struct err issuer_claims_check(const struct config_issuer *issuer,
                                        const struct json_value *claims, int64_t now_ms,
                                        char out[PRINCIPAL_MAX]);

#endif
