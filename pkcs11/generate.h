/* generate: a new key on the token, checked from all sides before anybody hears of it. */
#ifndef HSMGATE_PKCS11_GENERATE_H
#define HSMGATE_PKCS11_GENERATE_H

#include "pkcs11/worker.h"

/* Makes the key that `request` describes (key, input: label) and fills reply->key with its identity
 * and reply->input with its public half, whose bytes are in `results`. What fails on the way leaves
 * nothing behind. The caller holds the token mutex. FRAME_EXISTS, FRAME_UNSUPPORTED. */
MUST_USE struct ckr_verdict generate_key(struct worker *worker, struct session *session,
                                         const struct frame_item *request, struct frame_item *reply,
                                         struct buf *results);

#endif
