/* visit: the order in which things happen to a call.
 *
 * Check the caller → let the rule have its time or its answer → call the target, with the world
 * standing still → let the rule damage the output → note how the operation stands. */
#include "tests/chaos/module/visit.h"

#include <stddef.h>

#include "tests/chaos/module/watch.h"
#include "tests/chaos/module/world.h"

struct visit visit_begin(enum function function, CK_SESSION_HANDLE session)
{
    struct visit visit = {.function = function, .session = session, .makes = true};
    watch_enter(function, session);
    visit.rule = rule_for(function);
    if (visit.rule != NULL) {
        visit.makes = !rule_before(visit.rule, function, &visit.ckr);
    }
    if (visit.makes) {
        world_enter();
    }
    return visit;
}

CK_RV visit_end(struct visit *visit, CK_BYTE *out, CK_ULONG *out_len)
{
    if (visit->makes) {
        world_leave();
    }
    if (visit->makes && visit->rule != NULL) {
        visit->ckr = rule_after(visit->rule, visit->ckr, out, out_len);
    }
    const struct watch_end end = {
        .ckr = visit->ckr, .made = visit->makes, .offered = out_len == NULL || out != NULL};
    watch_leave(visit->function, visit->session, &end);
    return visit->ckr;
}

bool visit_has(const struct visit *visit, enum board_action action)
{
    return visit->rule != NULL && visit->rule->action == (uint32_t)action;
}
