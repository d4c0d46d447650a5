/* jws: a JSON Web Signature in compact form (RFC 7515 §3.1). It is opened strictly, before any
 * library sees it: only algorithms of a fixed list, a key named by `kid` and looked for in our own
 * set, never one that the token brings along (RFC 8725). */
#ifndef HSMGATE_GATEWAY_JWS_H
#define HSMGATE_GATEWAY_JWS_H

#include "base/json.h"

#define JWS_LEN_MAX 8192
#define JWS_KID_MAX 256

/* What a JWK must be to verify an algorithm's signatures (RFC 7518 §3.1). */
struct jws_algorithm {
    const char *name;      /* `ES256` */
    const char *key_type;  /* `kty`: RSA or EC */
    const char *curve;     /* `crv`, or NULL */
    size_t coordinate_len; /* of `x` and `y` in bytes, or 0 */
};

/* NULL when no JWS with this `alg` is ever taken: `none`, HMAC, EdDSA, unknown ones. */
const struct jws_algorithm *jws_algorithm_find(struct span name);
/* For a configuration: why the name cannot be in a list of allowed algorithms; static, or NULL when
 * it can. */
const char *jws_algorithm_refusal(const char *name);

/* Header and payload of a JWS whose signature is not verified yet. A zeroed one is empty. */
struct jws {
    const struct jws_algorithm *algorithm;
    struct span kid;
    struct json header;  /* an object */
    struct json claims;  /* the payload, an object */
    struct span part[3]; /* base64url as it came, borrowed from the token */
};

/* Takes the token apart: three parts of strict base64url, a header and a payload of strict JSON
 * without duplicate names, `alg` from the list, a `kid`, `typ` absent, JWT or at+jwt; none of
 * `crit`, `b64`, `zip`, `cty`, `enc`, `jwk`, `jku`, `x5u`, `x5c`. ERR_UNAUTHENTICATED. `token` must
 * outlive `out`. */
MUST_USE struct err jws_open(struct span token, struct jws *out);
/* For CLEANUP too. */
void jws_clear(struct jws *jws);
/* Verifies the signature with a public JWK that has the members of key_set_find, no others.
 * ERR_UNAUTHENTICATED. */
MUST_USE struct err jws_verify(const struct jws *jws, struct span jwk);

#endif
