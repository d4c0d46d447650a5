/* cipher: protects and opens the items of a batch, as envelopes, by AES-GCM or RSA-OAEP. */
#ifndef HSMGATE_GATEWAY_OPS_CIPHER_H
#define HSMGATE_GATEWAY_OPS_CIPHER_H

#include "gateway/ops/batch.h"

/* Protects what waits under batch->version, which the caller chose with choice_protecting: counts
 * the uses, then one round trip. TOKEN_ENCRYPT: item->input becomes an envelope of item->type in
 * item->output. TOKEN_DATA_KEY: likewise a new key of item->token.bytes, in item->token.plaintext
 * too when `reveal`. */
MUST_USE struct err cipher_protect(struct batch *batch, enum token_op op);

/* Which blobs a verb opens; for RSA keys also bare OAEP blocks, since anyone has the public key. */
enum cipher_blobs { BLOBS_DATA, BLOBS_DATA_KEY, BLOBS_ANY };
/* Reads item->input as a blob of the call's key and prepares item->token; sets version and type.
 * ERR_INVALID_CIPHERTEXT, always the same one; ERR_INVALID_STATE for a version that may not open.
 */
MUST_USE struct err cipher_read_blob(struct batch *batch, struct item *item,
                                     enum cipher_blobs blobs);
/* Opens what waits in one round trip: the plaintext is in item->output. */
MUST_USE struct err cipher_open(struct batch *batch);

#endif
