/* grant_plan: the difference between the grants of a namespace as they are and as a file has them.
 */
#ifndef HSMGATE_GATEWAY_OPS_GRANT_PLAN_H
#define HSMGATE_GATEWAY_OPS_GRANT_PLAN_H

#include "base/digest.h"
#include "gateway/ops/grant_facts.h"

/* One id; `before` is of the snapshot, `after` of the file, one of them may be NULL. */
struct grant_step {
    const struct grant *before;
    const struct grant *after;
    bool changes;
};

struct grant_plan {
    struct grant_step *steps; /* by id */
    size_t count;
    size_t changes;
};

/* Whether every key that the pattern matches is in the namespace or below it. */
bool grant_plan_inside(const char *keys, struct span namespace);
/* The steps from `now` to `wanted` (by id, no id twice). ERR_CONFLICT when an id of the file stands
 * for keys outside the namespace. Clear with grant_plan_clear. */
MUST_USE struct err grant_plan_make(const struct grants *now, const struct grant *const *wanted,
                                    size_t count, struct span namespace, struct grant_plan *out);
void grant_plan_clear(struct grant_plan *plan);
/* ERR_DUAL_ROLE when a grant that the plan writes without allow_dual_role gives, in `result`, both
 * use and management of a key, unless the other one stands in the file with it. */
MUST_USE struct err grant_plan_check_roles(const struct grant_plan *plan,
                                           const struct grants *result, int64_t now);
/* What has to be put, in `put` (as many as the plan's steps), and the ids to drop, likewise. */
void grant_plan_change(const struct grant_plan *plan, struct grant *put, struct span *drop,
                       size_t *out_put, size_t *out_drop);

#define GRANT_STATE_TEXT_MAX (2 * SHA256_LEN + 1)
/* SHA-256, in hex, over the content of all grants of the namespace in the order of ids. */
MUST_USE struct err grant_plan_state(const struct grants *grants, struct span namespace,
                                     char out[GRANT_STATE_TEXT_MAX]);

#endif
