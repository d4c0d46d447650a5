/* The decision in one place: rules are tried one after the other, each can only say yes, and what
 * no rule allows is refused. Grants become the next rule here. No I/O, no clock, no locks. */
#include "gateway/policy.h"

#include "base/mem.h"

bool policy_is_administrator(const struct policy *policy, struct span principal)
{
    if (principal.len == 0) {
        return false;
    }
    for (size_t i = 0; i < policy->administrator_count; i++) {
        if (span_is(principal, policy->administrators[i])) {
            return true;
        }
    }
    return false;
}

bool policy_allows(const struct policy *policy, const struct policy_question *question)
{
    return policy_is_administrator(policy, question->principal);
}

bool policy_needs_approval(const char *operation)
{
    static const char *const revealing[] = {"decrypt", "unwrap", "rewrap"};
    for (size_t i = 0; i < ARRAY_LEN(revealing); i++) {
        if (strcmp(operation, revealing[i]) == 0) {
            return true;
        }
    }
    return false;
}
