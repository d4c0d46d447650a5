/* proof: what must be shown of a key before anybody hears of it. */
#ifndef HSMGATE_PKCS11_PROOF_H
#define HSMGATE_PKCS11_PROOF_H

#include "pkcs11/worker.h"

/* A mechanism that suits the key, and passed the probe with its algorithm; false: none. */
bool proof_mechanism(const struct worker *worker, const struct token_key *key,
                     enum token_mechanism *out);
/* The identity and one use, of material that exists already: fills reply->key's identity, and
 * reply->input with the public half, whose bytes are in `results`. FRAME_UNSUPPORTED when the use
 * comes out wrong, FRAME_KEY_SWAPPED when the public object is no key of the algorithm. */
MUST_USE struct ckr_verdict proof_make(const struct worker *worker, struct session *session,
                                       const struct material *material, enum token_mechanism kind,
                                       struct frame_item *reply, struct buf *results);

#endif
