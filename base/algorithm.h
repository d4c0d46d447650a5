/* Key algorithms, purposes and signature schemes by their names in the API, with their sizes.
 * Shared by the token side and the store side, which never see each other. */
#ifndef HSMGATE_BASE_ALGORITHM_H
#define HSMGATE_BASE_ALGORITHM_H

#include "base/digest.h"

enum purpose { PURPOSE_ENCRYPT, PURPOSE_MAC, PURPOSE_SIGN, PURPOSE_DECRYPT, PURPOSE_COUNT };

enum algorithm {
    ALGORITHM_AES_256_GCM,
    ALGORITHM_HMAC_SHA256,
    ALGORITHM_HMAC_SHA384,
    ALGORITHM_HMAC_SHA512,
    ALGORITHM_ECDSA_P256,
    ALGORITHM_ECDSA_P384,
    ALGORITHM_ECDSA_P521,
    ALGORITHM_ED25519,
    ALGORITHM_RSA_2048,
    ALGORITHM_RSA_3072,
    ALGORITHM_RSA_4096,
    ALGORITHM_COUNT
};

enum family { FAMILY_AES, FAMILY_HMAC, FAMILY_EC, FAMILY_ED25519, FAMILY_RSA };

/* One row per algorithm. */
struct algorithm_info {
    const char *name; /* `ecdsa-p256` */
    enum family family;
    enum purpose purpose; /* the default one */
    unsigned bits;        /* key or curve size */
    enum digest digest;   /* HMAC hash, default ECDSA hash */
    size_t signature_len; /* raw r‖s, Ed25519, RSA modulus or MAC bytes; 0 for AES */
};

/* RFC 7518 §3.1, RFC 8037 §3.1. */
enum scheme {
    SCHEME_ES256,
    SCHEME_ES384,
    SCHEME_ES512,
    SCHEME_EDDSA,
    SCHEME_RS256,
    SCHEME_RS384,
    SCHEME_RS512,
    SCHEME_PS256,
    SCHEME_PS384,
    SCHEME_PS512,
    SCHEME_COUNT
};

struct scheme_info {
    const char *name; /* `ES256`, `EdDSA` */
    enum family family;
    enum algorithm only; /* EC and Ed25519: the one algorithm; RSA: ALGORITHM_COUNT */
    enum digest digest;  /* not used by EdDSA */
};

const struct algorithm_info *algorithm_info(enum algorithm algorithm);
const struct scheme_info *scheme_info(enum scheme scheme);
const char *purpose_name(enum purpose purpose);
/* False when there is no such name. */
bool algorithm_by_name(struct span name, enum algorithm *out);
bool scheme_by_name(struct span name, enum scheme *out);
bool purpose_by_name(struct span name, enum purpose *out);
/* Whether a key of this algorithm can have the purpose: its default, and `decrypt` for RSA. */
bool algorithm_allows(enum algorithm algorithm, enum purpose purpose);
/* Whether the scheme fits a key of the algorithm; the default is ES256/384/512, EdDSA, RS256. */
bool scheme_fits(enum scheme scheme, enum algorithm algorithm);
enum scheme scheme_default(enum algorithm algorithm);

#endif
