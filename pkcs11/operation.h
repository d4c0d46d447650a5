/* operation: one cryptographic call on one session, and what it leaves the session in. */
#ifndef HSMGATE_PKCS11_OPERATION_H
#define HSMGATE_PKCS11_OPERATION_H

#include "pkcs11/mechanism.h"
#include "pkcs11/session.h"

#define OPERATION_RANDOM_MAX ((size_t)64 * 1024)
/* Room that GCM needs over the plaintext: tag and, where the token appends it, the IV. */
#define OPERATION_GCM_ROOM (TOKEN_TAG_LEN + TOKEN_IV_LEN)

/* Where a GCM IV comes from: never from outside the token. */
enum operation_iv {
    OPERATION_IV_RANDOM,   /* C_GenerateRandom, given to the token */
    OPERATION_IV_WRITTEN,  /* the token writes its own into the parameter */
    OPERATION_IV_APPENDED, /* the token appends its own to the ciphertext */
    OPERATION_IV_COUNT
};

/* Where the result goes: `len` is the room before and the length after. */
struct operation_place {
    uint8_t *data;
    size_t len;
};

/* Each sets session->unfit when the session may have an operation left. */
MUST_USE struct ckr_verdict operation_random(struct session *session, struct operation_place place);
MUST_USE struct ckr_verdict operation_sign(struct session *session, struct mechanism *mechanism,
                                           CK_OBJECT_HANDLE key, struct span input,
                                           struct operation_place *out);
/* `tampered`: what the probe saw C_Decrypt say about a tampered ciphertext. */
MUST_USE struct ckr_verdict operation_decrypt(struct session *session, struct mechanism *mechanism,
                                              CK_OBJECT_HANDLE key, struct span input,
                                              CK_RV tampered, struct operation_place *out);
/* AES-GCM: `out` has room for the plaintext and OPERATION_GCM_ROOM and becomes ciphertext ‖ tag;
 * each call has an IV of its own, which comes out in `iv`. */
MUST_USE struct ckr_verdict operation_seal(struct session *session, enum operation_iv source,
                                           CK_OBJECT_HANDLE key, struct span aad,
                                           struct span plaintext, uint8_t iv[TOKEN_IV_LEN],
                                           struct operation_place *out);
MUST_USE struct ckr_verdict operation_open(struct session *session, CK_OBJECT_HANDLE key,
                                           struct span aad, struct span iv, struct span ciphertext,
                                           CK_RV tampered, struct operation_place *out);

#endif
