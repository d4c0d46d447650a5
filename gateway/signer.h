/* signer: the key under checkpoints, and signing with it. Blocks on the token until its deadline;
 * of the witness's thread, except signer_find_key. */
#ifndef HSMGATE_GATEWAY_SIGNER_H
#define HSMGATE_GATEWAY_SIGNER_H

#include "gateway/gateway.h"

/* The key WITNESS_KEY with an active version; made on the default token when there is none, which
 * is recorded: Ed25519 where the token can, else ecdsa-p256. Let go with key_release. Errors of
 * rotation_create_key; ERR_INVALID_STATE when no version is active. */
MUST_USE struct err signer_key(const struct gateway *gateway, int64_t deadline_ns,
                               const struct key **out);
/* The primary version as verifier key (C2SP signed-note). */
MUST_USE struct err signer_key_text(const struct gateway *gateway, const struct version *version,
                                    struct buf *out);
/* Signs the head with the primary version, and opens the note as an auditor would before it comes
 * out. Errors of token_run; ERR_TOKEN_UNAVAILABLE when the signature is not good. */
MUST_USE struct err signer_sign(const struct gateway *gateway, const struct key *key,
                                const struct tree_head *head, int64_t deadline_ns,
                                struct buf *out_note);
/* The verifier key of the version that signed the note. ERR_NOT_FOUND. */
MUST_USE struct err signer_find_key(const struct gateway *gateway, struct span note,
                                    struct buf *out_text);

#endif
