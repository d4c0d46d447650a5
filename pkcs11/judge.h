/* judge: what this token's worker makes of a bundle that a front shows it: the root that its own
 * configuration pins, what it has seen before, and the rule that stands in a key's CKA_ID. */
#ifndef HSMGATE_PKCS11_JUDGE_H
#define HSMGATE_PKCS11_JUDGE_H

#include "pkcs11/ckr.h"
#include "pkcs11/worker_config.h"
#include "quorum/quorum.h"

/* Not changed after judge_init. What changes is in files, and read again each time. */
struct judge {
    uint32_t floor;
    bool pinned; /* whether there is a root */
    uint8_t root[SHA256_LEN];
    char *newest_path;
    char *spent_path;
    char *lock_path;
};

/* Its files are in the folder `latch_dir`, each with the token's serial in its name. */
void judge_init(struct judge *judge, const struct worker_config *config, const char *serial);
void judge_clear(struct judge *judge);

/* Whether a key's material is opened and destroyed only with a quorum's approval. */
bool judge_demands(const struct judge *judge, struct span cka_id);

/* A bundle that was judged; zero it first, clear it with judged_clear. */
struct judged {
    struct bundle_read bundle;
    struct bundle_verdict verdict;
};
void judged_clear(struct judged *judged);

/* Reads the bundle, judges it under the pinned root and against the newest roster ever seen, which
 * is noted durably. Ok says that it could be judged: look at the decision. ERR_APPROVAL_REQUIRED
 * with the reason; ERR_INVALID_STATE: no root is pinned; ERR_IO and ERR_CORRUPT: the memory fails.
 */
MUST_USE struct err judge_bundle(const struct judge *judge, struct span bundle, int64_t now_ms,
                                 struct judged *out);
/* Likewise for rosters alone. */
MUST_USE struct err judge_rosters(const struct judge *judge, struct span bundle);
/* Whether the statement's rule is at least the key's, the token's and everybody's, and its group
 * the one that the CKA_ID binds; of a key that binds none, the authority over the roster. */
MUST_USE struct err judge_rule(const struct judge *judge, const struct judged *judged,
                               struct span cka_id);
/* Spends the statement, durably. ERR_CONFLICT: it was spent before. */
MUST_USE struct err judge_spend(const struct judge *judge, const struct judged *judged,
                                int64_t now_ms);

/* The verdict that tells the front of an error of these; the bytes of a reason go to `results`,
 * and the span of `reply` points there. */
MUST_USE struct ckr_verdict judge_refusal(struct err err, struct frame_item *reply,
                                          struct buf *results);

#endif
