/* Reads the gateway's calendar. What a version's document says of times that have passed becomes
 * steps too when the plan does not have them: a destruction that is scheduled, a promotion. */
#include "cli/calendar.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/calendar_inner.h"
#include "cli/output.h"

static const char *const states[CALENDAR_STATE_COUNT] = {
    [CALENDAR_PENDING] = "pending",
    [CALENDAR_ACTIVE] = "active",
    [CALENDAR_RETIRING] = "retiring",
    [CALENDAR_RETIRED] = "retired",
    [CALENDAR_DISABLED] = "disabled",
    [CALENDAR_COMPROMISED] = "compromised",
    [CALENDAR_DESTROY_SCHEDULED] = "destroy-scheduled",
    [CALENDAR_DESTROYED] = "destroyed",
};

static const char *const actions[CALENDAR_ACTION_COUNT] = {
    [CALENDAR_MAKE] = "make",
    [CALENDAR_PROMOTE] = "promote",
    [CALENDAR_RETIRE] = "retire",
    [CALENDAR_DESTROY] = "destroy",
};

const char *calendar_state_name(enum calendar_state state)
{
    return states[state];
}

const char *calendar_action_name(enum calendar_action action)
{
    return actions[action];
}

/* Index of the name; count when it is none of them. */
static size_t find_name(const char *const *names, size_t count, struct span name)
{
    size_t i = 0;
    while (i < count && !span_is(name, names[i])) {
        i++;
    }
    return i;
}

bool calendar_state_by_name(struct span name, enum calendar_state *out)
{
    const size_t found = find_name(states, CALENDAR_STATE_COUNT, name);
    *out = (enum calendar_state)found;
    return found < CALENDAR_STATE_COUNT;
}

int64_t calendar_time(const struct json_value *object, const char *member)
{
    int64_t time_ms = 0;
    return clock_parse(member_text(object, member), &time_ms).code == ERR_OK ? time_ms : 0;
}

static void add_step(struct calendar_key *key, const struct calendar_step *step)
{
    key->steps = mem_resize(key->steps, key->step_count + 1, sizeof *key->steps);
    key->steps[key->step_count++] = *step;
}

static bool has_step(const struct calendar_key *key, int64_t version, enum calendar_action action)
{
    for (size_t i = 0; i < key->step_count; i++) {
        if (key->steps[i].version == version && key->steps[i].action == action) {
            return true;
        }
    }
    return false;
}

static void read_steps(struct calendar_key *key, const struct json_value *array)
{
    for (const struct json_value *at = json_first(array); at != NULL; at = json_next(at)) {
        const size_t action = find_name(actions, CALENDAR_ACTION_COUNT, member_text(at, "action"));
        const struct calendar_step step = {.at_ms = calendar_time(at, "at"),
                                           .version = member_integer(at, "version"),
                                           .action = (enum calendar_action)action,
                                           .why = member_text(at, "why")};
        if (action < CALENDAR_ACTION_COUNT && step.at_ms > 0) {
            add_step(key, &step);
        }
    }
}

static void add_promised(struct calendar_key *key, const struct json_value *versions,
                         int64_t now_ms)
{
    static const struct {
        const char *member;
        enum calendar_action action;
    } promises[] = {{"promote_at", CALENDAR_PROMOTE}, {"destroy_at", CALENDAR_DESTROY}};
    for (const struct json_value *at = json_first(versions); at != NULL; at = json_next(at)) {
        const int64_t version = member_integer(at, "version");
        for (size_t i = 0; i < ARRAY_LEN(promises); i++) {
            const int64_t time_ms = calendar_time(at, promises[i].member);
            const bool done = span_is(member_text(at, "state"), states[CALENDAR_DESTROYED]);
            if (!done && time_ms > now_ms && !has_step(key, version, promises[i].action)) {
                add_step(key, &(struct calendar_step){.at_ms = time_ms,
                                                      .version = version,
                                                      .action = promises[i].action,
                                                      .why = span_text("")});
            }
        }
    }
}

static int compare_steps(const void *left, const void *right)
{
    const struct calendar_step *a = left;
    const struct calendar_step *b = right;
    if (a->at_ms != b->at_ms) {
        return a->at_ms < b->at_ms ? -1 : 1;
    }
    if (a->version != b->version) {
        return a->version < b->version ? -1 : 1;
    }
    return (int)a->action - (int)b->action;
}

static void read_key(const struct json_value *object, int64_t now_ms, int64_t to_ms,
                     struct calendar_key *out)
{
    const struct json_value *versions = json_member(object, "versions");
    out->name = member_text(object, "key");
    read_steps(out, json_member(object, "steps"));
    add_promised(out, versions, now_ms);
    if (out->step_count > 0) {
        qsort(out->steps, out->step_count, sizeof *out->steps, compare_steps);
    }
    calendar_find_phases(out, versions, now_ms, to_ms);
}

struct err calendar_read(const struct json_value *answer, struct calendar *out)
{
    const struct json_value *keys = json_member(answer, "keys");
    struct calendar calendar = {.now_ms = calendar_time(answer, "from"),
                                .to_ms = calendar_time(answer, "to"),
                                .more = member_flag(answer, "more")};
    ENSURE(calendar.now_ms > 0 && calendar.to_ms > calendar.now_ms, ERR_CORRUPT,
           "the server's answer does not say from when to when it is");
    calendar.keys = mem_array(json_count(keys), sizeof *calendar.keys);
    for (const struct json_value *at = json_first(keys); at != NULL; at = json_next(at)) {
        read_key(at, calendar.now_ms, calendar.to_ms, &calendar.keys[calendar.key_count++]);
    }
    *out = calendar;
    return err_ok();
}

void calendar_clear(struct calendar *calendar)
{
    for (size_t i = 0; i < calendar->key_count; i++) {
        mem_free(calendar->keys[i].steps);
        mem_free(calendar->keys[i].phases);
    }
    mem_free(calendar->keys);
    *calendar = (struct calendar){0};
}
