/* signature: what a scheme asks of the token and what the token gives back. */
#ifndef HSMGATE_GATEWAY_OPS_SIGNATURE_H
#define HSMGATE_GATEWAY_OPS_SIGNATURE_H

#include "gateway/ops/batch.h"

/* `NAME@N` */
#define KID_MAX (NAME_MAX_LEN + 12)
void signature_kid(const struct key *key, const struct version *version, char out[KID_MAX]);

/* The scheme by name, or the key's default for an empty one. ERR_INVALID_FIELD for no such scheme,
 * ERR_UNSUPPORTED_OPERATION for one that does not fit the key. */
MUST_USE struct err signature_scheme(const struct call *call, struct span name, enum scheme *out);
/* Hashes item->input for item->scheme into item->hash, unless the scheme signs the message. */
void signature_hash(struct item *item);
/* What is signed or verified: the hash, or the message for EdDSA. */
struct span signature_subject(const struct item *item);

/* RS256 for PS256 and so on, and the other way round; every other scheme itself. */
enum scheme signature_other_padding(enum scheme scheme);

/* Signs what waits (scheme and hash set) with batch->version: counts the uses, one round trip. The
 * signature is in item->token.output, ECDSA as r‖s (RFC 7518 §3.4). */
MUST_USE struct err signature_make(struct batch *batch);

#endif
