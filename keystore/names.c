/* names: the words of states and classifications, as the API spells them. */
#include <assert.h>

#include "base/mem.h"
#include "keystore/keystore.h"

static const char *const states[VERSION_STATE_END] = {
    [VERSION_PENDING] = "pending",
    [VERSION_ACTIVE] = "active",
    [VERSION_RETIRING] = "retiring",
    [VERSION_RETIRED] = "retired",
    [VERSION_DISABLED] = "disabled",
    [VERSION_COMPROMISED] = "compromised",
    [VERSION_DESTROY_SCHEDULED] = "destroy-scheduled",
    [VERSION_DESTROYED] = "destroyed",
};

static const char *const classifications[CLASS_COUNT] = {
    [CLASS_PUBLIC] = "public",
    [CLASS_INTERNAL] = "internal",
    [CLASS_CONFIDENTIAL] = "confidential",
    [CLASS_REGULATED] = "regulated",
};

const char *version_state_name(enum version_state state)
{
    assert(state >= VERSION_PENDING && state < VERSION_STATE_END);
    return states[state];
}

const char *classification_name(enum classification classification)
{
    assert(classification < CLASS_COUNT);
    return classifications[classification];
}

bool classification_by_name(struct span name, enum classification *out)
{
    for (size_t i = 0; i < ARRAY_LEN(classifications); i++) {
        if (span_is(name, classifications[i])) {
            *out = (enum classification)i;
            return true;
        }
    }
    return false;
}

const char *rotation_mode_name(enum rotation_mode mode)
{
    return mode == ROTATION_AUTOMATIC ? "automatic" : "manual";
}
