/* selftest: uses a key once and checks the result in software. */
#ifndef HSMGATE_PKCS11_SELFTEST_H
#define HSMGATE_PKCS11_SELFTEST_H

#include "pkcs11/material.h"
#include "pkcs11/probe.h"

struct selftest {
    const struct token_key *key;
    const struct material *material;
    struct span public_key; /* DER, empty for secret keys */
    enum operation_iv iv;
};

/* Signs or decrypts with the mechanism; FRAME_UNSUPPORTED when the result is wrong. */
MUST_USE struct ckr_verdict selftest_run(struct session *session, const struct selftest *test,
                                         enum token_mechanism kind);
/* Whether an empty plaintext goes through GCM and back. */
bool selftest_empty_plaintext(struct session *session, const struct selftest *test);
/* What C_Decrypt says about a ciphertext of the mechanism with one bit flipped; CKR_OK when it
 * takes it, which no token may. */
MUST_USE struct ckr_verdict selftest_tamper(struct session *session, const struct selftest *test,
                                            enum token_mechanism kind, CK_RV *out);

#endif
