/* item: one item of a RUN frame, from its check to its result. */
#ifndef HSMGATE_PKCS11_ITEM_H
#define HSMGATE_PKCS11_ITEM_H

#include "pkcs11/worker.h"

/* Whether the item may go to the token at all: form, role, approvals, abilities. Ok is FRAME_OK. */
MUST_USE struct ckr_verdict item_check(const struct worker *worker, enum token_op op,
                                       const struct frame_item *item);
/* The same without approvals, for one that has them. */
MUST_USE struct ckr_verdict item_check_form(const struct worker *worker, enum token_op op,
                                            const struct frame_item *item);
/* The room that the results of a checked item need at most. */
size_t item_room(enum token_op op, const struct frame_item *item);
/* Does a checked item; the results' bytes go to `place`, which has item_room bytes, and the spans
 * of `reply` point there. */
MUST_USE struct ckr_verdict item_run(struct worker *worker, struct session *session,
                                     enum token_op op, const struct frame_item *request,
                                     uint8_t *place, struct frame_item *reply);

#endif
