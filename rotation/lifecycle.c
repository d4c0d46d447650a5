/* lifecycle: the one table of what may become of a version, after NIST SP 800-57 part 1 §7.
 *
 * Nothing leads back from `compromised` to use, and only `pending`, `retired`, `disabled` and
 * `compromised` versions can be scheduled for destruction: what still serves must be retired first.
 * A destruction that is cancelled ends in a state that protects nothing new: `retired`, or
 * `compromised` for what was that before. Pure. */
#include <assert.h>

#include "rotation/rotation.h"

#define BIT(state) (1u << (state))

static const unsigned allowed[VERSION_STATE_END] = {
    [VERSION_PENDING] =
        BIT(VERSION_ACTIVE) | BIT(VERSION_COMPROMISED) | BIT(VERSION_DESTROY_SCHEDULED),
    [VERSION_ACTIVE] = BIT(VERSION_RETIRING) | BIT(VERSION_DISABLED) | BIT(VERSION_COMPROMISED),
    [VERSION_RETIRING] = BIT(VERSION_ACTIVE) | BIT(VERSION_RETIRED) | BIT(VERSION_DISABLED) |
                         BIT(VERSION_COMPROMISED),
    [VERSION_RETIRED] =
        BIT(VERSION_DISABLED) | BIT(VERSION_COMPROMISED) | BIT(VERSION_DESTROY_SCHEDULED),
    [VERSION_DISABLED] = BIT(VERSION_ACTIVE) | BIT(VERSION_RETIRING) | BIT(VERSION_RETIRED) |
                         BIT(VERSION_COMPROMISED) | BIT(VERSION_DESTROY_SCHEDULED),
    [VERSION_COMPROMISED] = BIT(VERSION_DESTROY_SCHEDULED),
    [VERSION_DESTROY_SCHEDULED] =
        BIT(VERSION_RETIRED) | BIT(VERSION_COMPROMISED) | BIT(VERSION_DESTROYED),
    [VERSION_DESTROYED] = 0,
};

static bool is_state(enum version_state state)
{
    return state >= VERSION_PENDING && state < VERSION_STATE_END;
}

bool lifecycle_allows(enum version_state from, enum version_state to)
{
    return is_state(from) && is_state(to) && (allowed[from] & BIT(to)) != 0;
}

void lifecycle_allowed(enum version_state from, struct buf *out)
{
    const char *comma = "";
    for (enum version_state to = VERSION_PENDING; to < VERSION_STATE_END; to++) {
        if (lifecycle_allows(from, to)) {
            struct err err = buf_printf(out, "%s%s", comma, version_state_name(to));
            assert(err.code == ERR_OK);
            comma = ", ";
        }
    }
}

bool lifecycle_protects(enum version_state state)
{
    return state == VERSION_ACTIVE;
}

bool lifecycle_opens(enum version_state state)
{
    return state == VERSION_ACTIVE || state == VERSION_RETIRING || state == VERSION_RETIRED;
}

bool lifecycle_published(enum version_state state)
{
    return state == VERSION_PENDING || state == VERSION_ACTIVE || state == VERSION_RETIRING;
}
