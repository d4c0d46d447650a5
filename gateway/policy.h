/* policy: who may do what. Pure: it decides from what it is given, and the answer is no unless a
 * rule says yes. */
#ifndef HSMGATE_GATEWAY_POLICY_H
#define HSMGATE_GATEWAY_POLICY_H

#include <stdbool.h>

#include "base/buf.h"

/* The rules, borrowed. */
struct policy {
    const char *const *administrators; /* principals that may do everything */
    size_t administrator_count;
};

struct policy_question {
    struct span principal; /* empty: not authenticated */
    const char *operation; /* a grant word, `sign` */
    struct span key;       /* key name; empty: the gateway as a whole */
    int64_t now;           /* unix ms */
};

bool policy_allows(const struct policy *policy, const struct policy_question *question);
bool policy_is_administrator(const struct policy *policy, struct span principal);
/* Whether the operation reveals what a key protects, so that a key with an approval rule does it
 * through break-glass only. */
bool policy_needs_approval(const char *operation);

#endif
