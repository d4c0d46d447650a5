/* visit: one call on its way through the module: checked, hit by a rule or not, made or not. */
#ifndef HSMGATE_TESTS_CHAOS_VISIT_H
#define HSMGATE_TESTS_CHAOS_VISIT_H

#include "tests/chaos/module/rule.h"

struct visit {
    enum function function;
    CK_SESSION_HANDLE session;
    struct board_rule *rule; /* that hits it, or NULL */
    bool makes;              /* the target is to be called */
    CK_RV ckr;
};

struct visit visit_begin(enum function function, CK_SESSION_HANDLE session);
/* The target has been called, or not; `out` and `out_len` may be NULL. The answer for the caller.
 */
CK_RV visit_end(struct visit *visit, CK_BYTE *out, CK_ULONG *out_len);
/* Whether a rule with this action hits. */
bool visit_has(const struct visit *visit, enum board_action action);

#endif
