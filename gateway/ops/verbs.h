/* verbs: what each operation on data checks and does, whatever the dialect; the words say how an
 * item is read and how it is answered. The native ones stand beside each verb. */
#ifndef HSMGATE_GATEWAY_OPS_VERBS_H
#define HSMGATE_GATEWAY_OPS_VERBS_H

#include "gateway/ops/batch.h"

/* Words set item->input and type, and the canonical context. */
MUST_USE struct err verb_encrypt(struct call *call, const struct words *words);
/* Likewise for blobs; words call cipher_read_blob and say which ones they take. */
MUST_USE struct err verb_decrypt(struct call *call, const struct words *words);
MUST_USE struct err verb_rewrap(struct call *call, const struct words *words);
/* Words set item->token.bytes and reveal as data_key_ask does. */
MUST_USE struct err verb_data_key(struct call *call, const struct words *words);
/* Sets what is asked of the token, of as many bytes as the dialect takes, at most DATA_KEY_MAX:
 * ERR_INVALID_FIELD; ERR_APPROVAL_REQUIRED for a plaintext that the key reveals to a quorum only.
 */
MUST_USE struct err data_key_ask(const struct batch *batch, struct item *item, int64_t bytes);
/* Words set item->scheme, and the hash or, for EdDSA, the input. */
MUST_USE struct err verb_sign(struct call *call, const struct words *words);
/* Words set item->proof as tokens have it, or settle the item; `version` and `pinned`. */
MUST_USE struct err verb_verify(struct call *call, const struct words *words);
MUST_USE struct err verb_mac(struct call *call, const struct words *words);
MUST_USE struct err verb_verify_mac(struct call *call, const struct words *words);
/* Words call random_ask. */
MUST_USE struct err verb_random(struct call *call, const struct words *words);
/* ERR_INVALID_FIELD, ERR_TOO_LARGE. */
MUST_USE struct err random_ask(struct item *item, int64_t bytes);

#endif
