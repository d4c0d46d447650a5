/* ed25519_point: public keys of Ed25519 that only their holder can sign for. Inner to quorum/. */
#ifndef HSMGATE_QUORUM_ED25519_POINT_H
#define HSMGATE_QUORUM_ED25519_POINT_H

#include "base/buf.h"

#define ED25519_POINT_LEN 32

/* Whether the encoded point (RFC 8032 §5.1.2) is written in its one form and not of small order.
 * Whether it is on the curve shows when a signature is verified. */
bool ed25519_point_is_sound(const uint8_t point[ED25519_POINT_LEN]);

#endif
