/* unseal: opening a JWE (RFC 7516, compact) that the gateway sealed: ECDH-ES and A256GCM alone. */
#ifndef HSMGATE_CLI_UNSEAL_H
#define HSMGATE_CLI_UNSEAL_H

#include "base/secret.h"
#include "cli/recipient_key.h"

#define SEALED_MAX ((size_t)160 << 10)

/* ERR_INVALID_CIPHERTEXT when it is no such JWE, was changed, or is sealed to another key. */
MUST_USE struct err unseal(struct span jwe, const struct recipient_key *key, struct secret *out);

#endif
