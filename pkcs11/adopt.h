/* adopt: a key that is on the token already, checked from all sides before anybody uses it. */
#ifndef HSMGATE_PKCS11_ADOPT_H
#define HSMGATE_PKCS11_ADOPT_H

#include "pkcs11/worker.h"

/* Finds the key that `request` names (key.cka_id, or input: label), and fills reply->key with its
 * CKA_ID and identity, reply->bytes with its attributes and reply->input with its public half,
 * whose bytes are in `results`. Nothing on the token is changed, whatever happens. The caller has
 * the turn (object.h). FRAME_UNFIT with the reason, FRAME_UNSUPPORTED. */
MUST_USE struct ckr_verdict adopt_key(struct worker *worker, struct session *session,
                                      const struct frame_item *request, struct frame_item *reply,
                                      struct buf *results);

#endif
