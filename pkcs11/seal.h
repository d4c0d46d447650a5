/* seal: plaintext that only one person can read. */
#ifndef HSMGATE_PKCS11_SEAL_H
#define HSMGATE_PKCS11_SEAL_H

#include "base/digest.h"

/* Whom it is for; quorum.h's `struct recipient` in the words of RFC 7518 §6.2.1. (That header and
 * jansson's both want the word JSON_OBJECT.) */
struct seal_key {
    const char *curve; /* `P-256`, `P-384` */
    struct span x;     /* as long as the curve's coordinates */
    struct span y;
};

/* Appends a JWE in Compact Serialization (RFC 7516 §7.1): ECDH-ES (RFC 7518 §4.6) with A256GCM,
 * `kid` the id. ERR_INTERNAL, also for a point off the curve; then nothing was appended. */
MUST_USE struct err seal_to(const struct seal_key *recipient, struct uuid id, struct span plaintext,
                            struct buf *out);

#endif
