/* lifecycle: the one table of what may become of a version, after NIST SP 800-57 part 1 §7, and the
 * verbs by which people ask for it.
 *
 * Nothing leads back from `compromised` to use, and what still serves must be retired or disabled
 * before it can be destroyed. Enabling and cancelling lead back to where the version was. Pure. */
#include <assert.h>

#include "base/mem.h"
#include "rotation/rotation.h"

#define BIT(state) (1u << (state))

static const unsigned allowed[VERSION_STATE_END] = {
    [VERSION_PENDING] = BIT(VERSION_ACTIVE) | BIT(VERSION_DISABLED) | BIT(VERSION_COMPROMISED) |
                        BIT(VERSION_DESTROY_SCHEDULED),
    [VERSION_ACTIVE] = BIT(VERSION_RETIRING) | BIT(VERSION_DISABLED) | BIT(VERSION_COMPROMISED),
    [VERSION_RETIRING] = BIT(VERSION_ACTIVE) | BIT(VERSION_RETIRED) | BIT(VERSION_DISABLED) |
                         BIT(VERSION_COMPROMISED),
    [VERSION_RETIRED] =
        BIT(VERSION_DISABLED) | BIT(VERSION_COMPROMISED) | BIT(VERSION_DESTROY_SCHEDULED),
    [VERSION_DISABLED] = BIT(VERSION_PENDING) | BIT(VERSION_ACTIVE) | BIT(VERSION_RETIRING) |
                         BIT(VERSION_RETIRED) | BIT(VERSION_COMPROMISED) |
                         BIT(VERSION_DESTROY_SCHEDULED),
    [VERSION_COMPROMISED] = BIT(VERSION_DESTROY_SCHEDULED),
    [VERSION_DESTROY_SCHEDULED] = BIT(VERSION_PENDING) | BIT(VERSION_RETIRED) |
                                  BIT(VERSION_DISABLED) | BIT(VERSION_COMPROMISED) |
                                  BIT(VERSION_DESTROYED),
    [VERSION_DESTROYED] = 0,
};

/* From which states a verb is a move; the table above has the last word. */
static const struct {
    const char *name;
    unsigned from;
} verbs[MOVE_VERB_COUNT] = {
    [MOVE_PROMOTE] = {"promote", BIT(VERSION_PENDING) | BIT(VERSION_RETIRING)},
    [MOVE_RETIRE] = {"retire", BIT(VERSION_RETIRING) | BIT(VERSION_DISABLED)},
    [MOVE_DISABLE] = {"disable", BIT(VERSION_PENDING) | BIT(VERSION_ACTIVE) |
                                     BIT(VERSION_RETIRING) | BIT(VERSION_RETIRED)},
    [MOVE_ENABLE] = {"enable", BIT(VERSION_DISABLED)},
    [MOVE_COMPROMISE] = {"compromise", BIT(VERSION_PENDING) | BIT(VERSION_ACTIVE) |
                                           BIT(VERSION_RETIRING) | BIT(VERSION_RETIRED) |
                                           BIT(VERSION_DISABLED)},
    [MOVE_SCHEDULE_DESTROY] = {"schedule-destroy", BIT(VERSION_PENDING) | BIT(VERSION_RETIRED) |
                                                       BIT(VERSION_DISABLED) |
                                                       BIT(VERSION_COMPROMISED)},
    [MOVE_CANCEL_DESTROY] = {"cancel-destroy", BIT(VERSION_DESTROY_SCHEDULED)},
    [MOVE_CONFIRM_DESTROY] = {"confirm-destroy", BIT(VERSION_DESTROY_SCHEDULED)},
};

static bool is_state(enum version_state state)
{
    return state >= VERSION_PENDING && state < VERSION_STATE_END;
}

bool lifecycle_allows(enum version_state from, enum version_state to)
{
    return is_state(from) && is_state(to) && (allowed[from] & BIT(to)) != 0;
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

const char *move_verb_name(enum move_verb verb)
{
    return verbs[verb].name;
}

/* --- verbs --- */

/* The verbs that the state allows, as a person would type them; for an active version the way to
 * retire it is a rotation. */
static struct err refuse(const struct version *version, enum move_verb verb)
{
    CLEANUP(buf_clear) struct buf text = {.max = ERR_DETAIL_MAX};
    struct err err = err_ok();
    const char *comma = "";
    if (version->state == VERSION_ACTIVE) {
        err = buf_append_text(&text, "rotate");
        comma = ", ";
    }
    for (enum move_verb at = 0; at < MOVE_VERB_COUNT && err.code == ERR_OK; at++) {
        if ((verbs[at].from & BIT(version->state)) != 0) {
            err = buf_printf(&text, "%s%s", comma, verbs[at].name);
            comma = ", ";
        }
    }
    assert(err.code == ERR_OK); /* all names fit */
    return err_new(ERR_INVALID_STATE, __func__,
                   "version %u is %s, so %s is not allowed; allowed: %.*s", version->number,
                   version_state_name(version->state), verbs[verb].name,
                   text.len > 0 ? (int)text.len : (int)sizeof("nothing") - 1,
                   text.len > 0 ? (const char *)text.data : "nothing");
}

/* What was the primary is so again, unless another one has taken its place. */
static enum version_state enabled_state(const struct key *key, const struct version *version)
{
    enum version_state before = version->disabled_from;
    if (before == VERSION_ACTIVE && key->primary != 0) {
        return VERSION_RETIRING;
    }
    return lifecycle_allows(VERSION_DISABLED, before) ? before : VERSION_RETIRED;
}

static enum version_state kept_state(const struct version *version)
{
    return lifecycle_allows(VERSION_DESTROY_SCHEDULED, version->scheduled_from)
               ? version->scheduled_from
               : VERSION_RETIRED;
}

static enum version_state target_of(const struct key *key, const struct version *version,
                                    enum move_verb verb)
{
    static const enum version_state fixed[MOVE_VERB_COUNT] = {
        [MOVE_PROMOTE] = VERSION_ACTIVE,
        [MOVE_RETIRE] = VERSION_RETIRED,
        [MOVE_DISABLE] = VERSION_DISABLED,
        [MOVE_COMPROMISE] = VERSION_COMPROMISED,
        [MOVE_SCHEDULE_DESTROY] = VERSION_DESTROY_SCHEDULED,
        [MOVE_CONFIRM_DESTROY] = VERSION_DESTROYED,
    };
    if (verb == MOVE_ENABLE) {
        return enabled_state(key, version);
    }
    return verb == MOVE_CANCEL_DESTROY ? kept_state(version) : fixed[verb];
}

struct err lifecycle_target(const struct key *key, const struct version *version,
                            enum move_verb verb, enum version_state *out)
{
    enum version_state to = target_of(key, version, verb);
    bool unmade = version->state == VERSION_PENDING && version->published_at == 0;
    ENSURE(!unmade, ERR_INVALID_STATE, "version %u is still being made", version->number);
    if ((verbs[verb].from & BIT(version->state)) == 0 || !lifecycle_allows(version->state, to)) {
        return refuse(version, verb);
    }
    *out = to;
    return err_ok();
}
