/* making: from a pending row to an active version, or back to nothing. */
#ifndef HSMGATE_ROTATION_MAKING_H
#define HSMGATE_ROTATION_MAKING_H

#include "rotation/rotation.h"

/* One version on its way. */
struct making {
    struct keystore *store;
    struct token *token;
    struct span name;
    uint32_t number;
    int64_t now; /* unix ms */
    int64_t deadline_ns;
};

/* A fresh CKA_ID: 16 bytes UUID ‖ 0x01 ‖ number of approvals that the key demands. */
#define MAKING_CKA_ID_LEN (UUID_LEN + 2)
MUST_USE struct err making_cka_id(uint32_t approvals, uint8_t out[MAKING_CKA_ID_LEN]);
/* Generates, records, checks and activates the reserved version, the old primary becomes
 * retiring in the same step; after an error it has undone what it could. */
MUST_USE struct err making_finish(const struct making *making);
/* Destroys what is on the token and drops the pending row, in this order: a row without an object
 * can be settled later, an object without a row cannot. */
MUST_USE struct err making_undo(const struct making *making);
/* Undoes every pending version of the key; how many, also after an error. The caller has claimed
 * the key. */
MUST_USE struct err making_undo_pending(const struct making *making, size_t *out_count);

#endif
