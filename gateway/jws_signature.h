/* jws_signature: the mathematics of a JWS, the one owner of libjose. Apart from jws, because the
 * JSON library in libjose's face and ours share names. */
#ifndef HSMGATE_GATEWAY_JWS_SIGNATURE_H
#define HSMGATE_GATEWAY_JWS_SIGNATURE_H

#include "base/buf.h"

/* Whether the signature over `header.payload` is good (RFC 7515 §5.2). `parts` are header, payload
 * and signature in base64url; `jwk` is a public key that fits the algorithm, in JSON. */
bool jws_signature_is_good(const struct span parts[3], const char *algorithm, struct span jwk);

#endif
