/* destroying: the end of key material on the token. */
#ifndef HSMGATE_PKCS11_DESTROYING_H
#define HSMGATE_PKCS11_DESTROYING_H

#include "pkcs11/worker.h"

/* Destroys every object with the request's CKA_ID. Where approvals are demanded, the request's
 * input must be the bundle that grants it, unless this process has just made the key. The caller
 * holds the turn. FRAME_UNAPPROVED, FRAME_UNPINNED, FRAME_KEY_MISSING. */
MUST_USE struct ckr_verdict destroy_key(struct worker *worker, struct session *session,
                                        const struct frame_item *request, struct frame_item *reply,
                                        struct buf *results);

#endif
