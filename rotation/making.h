/* making: from a pending row to an active version, or to one that is published ahead, or back to
 * nothing. */
#ifndef HSMGATE_ROTATION_MAKING_H
#define HSMGATE_ROTATION_MAKING_H

#include "rotation/plan.h"

enum making_end {
    MAKING_ACTIVE,  /* it is the primary at once */
    MAKING_PENDING, /* verifiers see it, a later step promotes it */
};
/* One version on its way. */
struct making {
    struct keystore *store;
    struct token *token;
    struct span name;
    uint32_t number;
    enum making_end end;
    enum plan_haste haste;       /* of a pending one */
    const struct moment *moment; /* when it began … */
    int64_t started_ns;          /* … on the monotonic clock */
    int64_t deadline_ns;
};

/* A fresh CKA_ID into which the rule is written (quorum.h). ERR_INVALID_FIELD. */
#define MAKING_CKA_ID_LEN (UUID_LEN + 2)
MUST_USE struct err making_cka_id(const struct approval_rule *approval,
                                  uint8_t out[MAKING_CKA_ID_LEN]);
/* Generates, records, checks and activates or publishes the reserved version; when it becomes
 * active the old primary becomes retiring in the same step. After an error it has undone what it
 * could. */
MUST_USE struct err making_finish(const struct making *making);
/* Destroys what is on the token and drops the pending row, in this order: a row without an object
 * can be settled later, an object without a row cannot. Only what demands a quorum's approval stays
 * there when the worker that made it is gone, and is listed as an orphan. */
MUST_USE struct err making_undo(const struct making *making);
/* Undoes every version of the key that was never finished; how many, also after an error. The
 * caller has claimed the key. */
MUST_USE struct err making_undo_unfinished(const struct making *making, size_t *out_count);
/* Whether the version is one of those. */
bool making_is_unfinished(const struct version *version);

#endif
