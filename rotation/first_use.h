/* first_use: a new key does its work once on the token, and software checks the result. */
#ifndef HSMGATE_ROTATION_FIRST_USE_H
#define HSMGATE_ROTATION_FIRST_USE_H

#include "pkcs11/token.h"

struct first_use {
    struct token *token;
    const struct token_key *key; /* with its identity */
    struct span public_key;      /* DER SubjectPublicKeyInfo; empty for secret keys */
    uint32_t approvals;          /* above 0 the worker refuses to decrypt */
    int64_t deadline_ns;
};

/* Signs, encrypts, decrypts or computes a MAC with random input. ERR_TOKEN_UNAVAILABLE also when
 * the result is wrong: such a key must not become active. */
MUST_USE struct err first_use_check(const struct first_use *use);

#endif
