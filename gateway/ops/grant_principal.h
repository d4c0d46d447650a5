/* grant_principal: the texts that can name a caller. */
#ifndef HSMGATE_GATEWAY_OPS_GRANT_PRINCIPAL_H
#define HSMGATE_GATEWAY_OPS_GRANT_PRINCIPAL_H

#include "base/buf.h"

/* `spiffe://DOMAIN/PATH`, `dns:NAME`, `cn:NAME`, `oidc:ISSUER#SUB`, `token:NAME` or `unix:UID`, of
 * at most 255 bytes; ERR_INVALID_FIELD. */
MUST_USE struct err grant_check_principal(struct span principal);

#endif
