/* plan: what happens to a key next, and when. Pure. */
#ifndef HSMGATE_ROTATION_PLAN_H
#define HSMGATE_ROTATION_PLAN_H

#include "rotation/rotation.h"

enum plan_lane {
    PLAN_ANY,
    PLAN_QUICK, /* one transaction: promote, retire */
    PLAN_TOKEN, /* needs the token, which may be slow: make, destroy */
    PLAN_LANES
};
/* When, relative to now, on clocks that only go forward: for the scheduler. PLAN_NONE: nothing is
 * to be done by itself. A destruction that waits for a person comes out with `held`; its wait is
 * until enough time has been lived for it to be due by that alone. */
void plan_next(const struct key *key, const struct rotation_rules *rules,
               const struct moment *moment, enum plan_lane lane, struct plan_step *out);
/* The count of uses at which the key is to be looked at again; 0: no count. */
uint64_t plan_alarm(const struct key *key);
/* When a version that is published now is to be promoted. `scheduled`: for the policy's time,
 * else as soon as verifiers can know it. Unix ms. */
enum plan_haste { PLAN_SCHEDULED, PLAN_SOON };
int64_t plan_promote_at(const struct key *key, enum plan_haste haste, const struct moment *moment);

#endif
