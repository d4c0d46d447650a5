/* step: does one step of a plan, with a record before and after it. */
#ifndef HSMGATE_ROTATION_STEP_H
#define HSMGATE_ROTATION_STEP_H

#include "audit/audit.h"
#include "rotation/plan.h"

struct stepping {
    const struct rotation *rotation;
    struct audit *audit;
    const struct key *key;
    const struct moment *moment;
    int64_t deadline_ns; /* for steps that need the token */
};
/* Nothing happens when the intent cannot be recorded (ERR_AUDIT_UNAVAILABLE). */
MUST_USE struct err step_run(const struct stepping *stepping, const struct plan_step *step);

#endif
