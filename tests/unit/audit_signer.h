/* A key in software that signs checkpoints, for tests. */
#ifndef HSMGATE_TESTS_UNIT_AUDIT_SIGNER_H
#define HSMGATE_TESTS_UNIT_AUDIT_SIGNER_H

#include <openssl/evp.h>

#include "audit/checkpoint.h"

struct signer {
    EVP_PKEY *key;
    struct buf spki;
    struct checkpoint_key as; /* name and public half */
};
/* `kind` is `ED25519` or a curve such as `P-256`; clear with signer_clear. */
void signer_make(struct signer *signer, const char *name, const char *kind);
void signer_clear(struct signer *signer);
/* The signature over a body; ECDSA as DER. */
void signer_sign(const struct signer *signer, struct span body, struct buf *out);
/* A whole note. */
void signer_note(const struct signer *signer, const struct tree_head *head, struct buf *out);
/* The verifier for it. */
void signer_verifier(const struct signer *signer, struct checkpoint_verifier *out);

#endif
