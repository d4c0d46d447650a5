/* opening: breaks the glass: one ciphertext, opened for a quorum and sealed for one person. */
#ifndef HSMGATE_PKCS11_OPENING_H
#define HSMGATE_PKCS11_OPENING_H

#include "pkcs11/worker.h"

/* Does what FRAME_OPEN asks (key, input: bundle, aad: canonical context, iv: the whole ciphertext);
 * reply->input is the JWE, or why not, with its bytes in `results`. FRAME_UNAPPROVED and
 * FRAME_UNPINNED: nothing was spent; FRAME_SPENT: it was before; FRAME_CALLER_DATA: the ciphertext
 * does not open. */
MUST_USE struct ckr_verdict opening_run(struct worker *worker, int64_t deadline_ns,
                                        const struct frame_item *request, struct frame_item *reply,
                                        struct buf *results);
/* Does what FRAME_ROSTERS asks (input: bundle). */
MUST_USE struct ckr_verdict opening_rosters(struct worker *worker, int64_t deadline_ns,
                                            const struct frame_item *request,
                                            struct frame_item *reply, struct buf *results);

#endif
