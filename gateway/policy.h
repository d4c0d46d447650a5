/* policy: who may do what. Pure: it decides from what it is given, and the answer is no unless a
 * rule says yes. */
#ifndef HSMGATE_GATEWAY_POLICY_H
#define HSMGATE_GATEWAY_POLICY_H

#include <stdbool.h>

#include "base/json.h"
#include "keystore/keystore.h"

/* The rules, borrowed. */
struct policy {
    const char *const *administrators; /* principals that may do everything, but use the gateway's
                                          own keys */
    size_t administrator_count;
    const struct grants *grants;
};

/* --- patterns of key names --- */

/* 2 to 6 segments of a key's name, of which any may be `*` (one segment) and the last `**` (one or
 * more); or `**` alone. ERR_INVALID_FIELD says what is wrong: part of a segment cannot be a
 * pattern. */
MUST_USE struct err policy_check_pattern(struct span pattern);
/* `*` is one segment, `**` at the end is one or more. */
bool policy_matches(const char *pattern, struct span name);
/* Whether some name matches both patterns. */
bool policy_patterns_meet(const char *a, const char *b);
/* Whether every name that matches `inner` matches `outer`. */
bool policy_pattern_holds(const char *outer, const char *inner);

/* --- decisions --- */

/* The gateway's own keys stand here: nobody but the gateway uses or changes them. */
#define POLICY_RESERVED "hsmgate/"

struct policy_question {
    struct span principal; /* empty: not authenticated */
    const char *operation; /* a grant word, `sign` */
    struct span key;    /* key name; empty: the gateway as a whole, for which the pattern is `**`;
                           but manage-grants on any pattern may ask for grants */
    struct span source; /* address text; `unix` for the local socket; empty: not known */
    int64_t now;        /* unix ms */
};

enum policy_answer {
    POLICY_NO,
    POLICY_YES,
    POLICY_WITH_CONTEXT /* yes when the caller's context fits, see policy_context_fits */
};
struct policy_decision {
    enum policy_answer answer;
    const struct grant *grant; /* that allows it; NULL for administrators */
};
/* The first grant in order of ids that allows without a context, else the first that asks for one.
 */
struct policy_decision policy_decide(const struct policy *policy,
                                     const struct policy_question *question);
/* The grant that allows it because each of its pairs is in the context (an object of texts, or
 * NULL), or NULL. Only for operations that have a context. */
const struct grant *policy_context_fits(const struct policy *policy,
                                        const struct policy_question *question,
                                        const struct json_value *context);
bool policy_is_administrator(const struct policy *policy, struct span principal);
/* Whether the operation reveals what a key protects, so that a key with an approval rule does it
 * through break-glass only. */
bool policy_needs_approval(const char *operation);
/* Why one grant does not allow what is asked, the farthest first. */
enum policy_miss {
    MISS_OPERATION,
    MISS_KEYS,
    MISS_NO_CONTEXT, /* it asks for a context, which the operation does not have */
    MISS_EXPIRED,
    MISS_SOURCE,
    MISS_NONE /* it allows it, if the caller's context fits */
};
enum policy_miss policy_miss(const struct grant *grant, const struct policy_question *question);

/* --- who may write grants --- */

/* Whether the asker may see and change grants with this pattern: administrators, and those who have
 * manage-grants on a pattern that holds it. */
bool policy_manages(const struct policy *policy, const struct policy_question *asker,
                    const char *pattern);
/* Whether the asker may write this grant: it manages the pattern, and, unless it is an
 * administrator, the grant is not its own and gives neither manage-grants nor manage-tokens. */
MUST_USE struct err policy_may_write(const struct policy *policy,
                                     const struct policy_question *asker,
                                     const struct grant *grant);

/* --- use and management of one key --- */

/* Operations by what they are for; a principal should not have both over one key. */
uint32_t policy_use_operations(void);
uint32_t policy_management_operations(void);
/* Whether the two, of one principal, give both over some key. A grant with itself, too. */
bool policy_is_dual(const struct grant *a, const struct grant *b);
/* The first grant of the same principal, expired ones aside, that makes both use and management of
 * some key together with `grant` (perhaps `grant` itself), or NULL: for refusing and for lint.
 * Grants with allow_dual_role count. */
const struct grant *policy_dual_role(const struct grants *grants, const struct grant *grant,
                                     int64_t now);

#endif
