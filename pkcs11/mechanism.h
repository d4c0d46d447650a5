/* mechanism: PKCS#11 mechanisms and their parameters for the algorithms and operations of ours. */
#ifndef HSMGATE_PKCS11_MECHANISM_H
#define HSMGATE_PKCS11_MECHANISM_H

#include "pkcs11/ckr.h"

/* Holds its own parameters, so it must not be copied. */
struct mechanism {
    CK_MECHANISM ck;
    union {
        CK_GCM_PARAMS gcm;
        CK_RSA_PKCS_PSS_PARAMS pss;
        CK_RSA_PKCS_OAEP_PARAMS oaep;
    } params;
};

/* Fills everything but GCM's parameters. */
void mechanism_init(struct mechanism *mechanism, enum token_mechanism kind,
                    enum algorithm algorithm);
/* GCM with a 128-bit tag; `iv` has TOKEN_IV_LEN bytes or is NULL; `aad` is not empty. */
void mechanism_init_gcm(struct mechanism *mechanism, uint8_t *iv, struct span aad);

/* Whether the operation, the mechanism and the key belong together. */
bool mechanism_fits(enum token_op op, enum token_mechanism kind, const struct token_key *key);
/* Whether the input has a form that the mechanism may be given: a digest of exactly the right
 * length, a DigestInfo of a known hash, a ciphertext not shorter than its tag. */
bool mechanism_takes(enum token_op op, enum token_mechanism kind, enum algorithm algorithm,
                     struct span input);

/* How a key of the algorithm is made. */
struct mechanism_generation {
    CK_MECHANISM_TYPE mechanism;
    CK_KEY_TYPE key_type;
    CK_ULONG value_len;     /* secret keys: bytes */
    CK_ULONG modulus_bits;  /* RSA */
    struct span parameters; /* EC: DER of the curve's name (RFC 5480 §2.1.1, RFC 8410 §3) */
};
struct mechanism_generation mechanism_generation(enum algorithm algorithm);
/* What a key of the algorithm and purpose may be used with, for CKA_ALLOWED_MECHANISMS. Returns
 * the count, at most MECHANISM_ALLOWED_MAX. */
#define MECHANISM_ALLOWED_MAX 2
size_t mechanism_allowed(enum algorithm algorithm, enum purpose purpose,
                         CK_MECHANISM_TYPE out[MECHANISM_ALLOWED_MAX]);
/* A mechanism that suits a key, for a first proof that it works. */
enum token_mechanism mechanism_default(enum algorithm algorithm, enum purpose purpose);

#endif
