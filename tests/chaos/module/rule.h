/* rule: which rule hits a call, and what of it happens before and after the call. */
#ifndef HSMGATE_TESTS_CHAOS_RULE_H
#define HSMGATE_TESTS_CHAOS_RULE_H

#include "tests/chaos/module/board.h"
#include "tests/chaos/module/function.h"

/* Counts the call; the first rule in force that hits it, or NULL. */
struct board_rule *rule_for(enum function function);
/* Takes its time, crashes, or answers: true when *out is the answer and the call is not made. */
bool rule_before(struct board_rule *rule, enum function function, CK_RV *out);
/* Makes of the answer and the output what the rule says; `out` and `len` may be NULL. */
CK_RV rule_after(struct board_rule *rule, CK_RV ckr, CK_BYTE *out, CK_ULONG *len);

#endif
