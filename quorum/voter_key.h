/* What the files about voter keys share. Inner to quorum/. */
#ifndef HSMGATE_QUORUM_VOTER_KEY_H
#define HSMGATE_QUORUM_VOTER_KEY_H

#include "quorum/quorum.h"

#define VOTER_KEY_POINT_MAX       65
#define VOTER_KEY_APPLICATION_MAX 128

bool voter_key_is_sk(enum voter_key_kind kind);
/* Whether the key has the one form of its kind: SPKI of Ed25519 (RFC 8410 §4) or of P-256 with an
 * uncompressed point (RFC 5480 §2.2); an application `ssh:…` on one line for sk kinds, none for
 * others. The point within the SPKI comes out: 32 bytes, or 65 with 0x04 before x and y. */
bool voter_key_point(const struct voter_key *key, struct span *out);
/* Appends the SPKI of a point. False when it is none: of a wrong length, not on the curve, or of
 * small order (which would let anybody sign). Nothing was appended then. */
bool voter_key_spki(enum voter_key_kind kind, struct span point, struct buf *out);
/* Whether the signature is the key's over the message, in raw form; the kind's curve counts alone.
 */
bool voter_key_verify_raw(const struct voter_key *key, struct span message, struct span signature);

#endif
