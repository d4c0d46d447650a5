/* kind: which of our algorithms a key object of a token is made for. Pure. */
#ifndef HSMGATE_PKCS11_KIND_H
#define HSMGATE_PKCS11_KIND_H

#include "pkcs11/cryptoki.h"
#include "pkcs11/token.h"

/* What a token says about a key; what it does not say is 0 or empty. */
struct kind {
    CK_KEY_TYPE key_type;
    CK_ULONG value_len;     /* secret keys: bytes */
    struct span modulus;    /* RSA: big-endian */
    struct span parameters; /* EC: DER of the curve */
};

/* False when the key is of none. No two algorithms have keys that look the same. */
bool kind_algorithm(const struct kind *kind, enum algorithm *out);

#endif
