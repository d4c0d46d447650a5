/* calendar: what has happened to the versions of keys and what will, as spans of time. Pure. */
#ifndef HSMGATE_CLI_CALENDAR_H
#define HSMGATE_CLI_CALENDAR_H

#include "base/json.h"

enum calendar_state {
    CALENDAR_PENDING,
    CALENDAR_ACTIVE,
    CALENDAR_RETIRING,
    CALENDAR_RETIRED,
    CALENDAR_DISABLED,
    CALENDAR_COMPROMISED,
    CALENDAR_DESTROY_SCHEDULED,
    CALENDAR_DESTROYED,
    CALENDAR_STATE_COUNT
};
/* `pending` and so on; static. */
const char *calendar_state_name(enum calendar_state state);

enum calendar_action {
    CALENDAR_MAKE,
    CALENDAR_PROMOTE,
    CALENDAR_RETIRE,
    CALENDAR_DESTROY,
    CALENDAR_ACTION_COUNT
};
const char *calendar_action_name(enum calendar_action action);

/* A step that is to come, or is due. */
struct calendar_step {
    int64_t at_ms;
    int64_t version;
    enum calendar_action action;
    struct span why; /* borrowed from the answer */
};

/* A version in one state. A destroyed one has no more phases. */
struct calendar_phase {
    int64_t version;
    enum calendar_state state;
    int64_t from_ms;
    int64_t to_ms;
    bool expected; /* not before now */
};

struct calendar_key {
    struct span name;            /* borrowed from the answer */
    struct calendar_step *steps; /* in order of time */
    size_t step_count;
    struct calendar_phase *phases; /* by version, then in order of time */
    size_t phase_count;
};

struct calendar {
    int64_t now_ms;
    int64_t to_ms;
    struct calendar_key *keys;
    size_t key_count;
    bool more; /* there are keys that the gateway left out */
};
/* Reads an answer of /v1/rotation/calendar, which must live as long. Times that do not parse and
 * words that are not known are left out. ERR_CORRUPT when it has no time to stand on. */
MUST_USE struct err calendar_read(const struct json_value *answer, struct calendar *out);
void calendar_clear(struct calendar *calendar);

#endif
