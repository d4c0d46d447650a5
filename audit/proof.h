/* proof: one record and the evidence that it is in the log, as a file that stands alone
 * (C2SP tlog-proof): index, inclusion path, signed checkpoint, and the record itself as `extra`. */
#ifndef HSMGATE_AUDIT_PROOF_H
#define HSMGATE_AUDIT_PROOF_H

#include "audit/checkpoint.h"

/* Writes the proof of record `seq` under the checkpoint's note. ERR_NOT_FOUND when the checkpoint
 * or the log ends before it, ERR_CORRUPT when log and checkpoint do not agree, ERR_IO. */
MUST_USE struct err audit_prove(const char *folder, uint64_t seq, struct span checkpoint,
                                struct buf *out);

struct audit_proved {
    uint64_t seq;
    struct buf record; /* the line, without its newline */
    struct tree_head head;
};
/* Without the log. The verifier must not be NULL. ERR_CORRUPT for a bad shape or a path that does
 * not lead to the root, ERR_FORBIDDEN for the checkpoint's signature. Clear `record`. */
MUST_USE struct err audit_check_proof(struct span proof, const struct checkpoint_verifier *verifier,
                                      struct audit_proved *out);

#endif
