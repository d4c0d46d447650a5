/* From times and steps to spans of states.
 *
 * The past is what a version's times tell: it was pending from its making, active from its
 * activation, and on its way out from then on. The future is a simulation of the steps in their
 * order: who is promoted pushes the active one into retiring. When a version was disabled or
 * compromised is not told, so that its past ends in the state before, and the present in that. */
#include <stdlib.h>

#include "base/mem.h"
#include "cli/calendar_inner.h"
#include "cli/output.h"

/* A version as it is while time goes on. */
struct track {
    int64_t version;
    enum calendar_state state;
    int64_t since_ms;
    bool ended;
};

struct tracks {
    struct calendar_key *key;
    struct track *all;
    size_t count;
};

static void add_phase(struct calendar_key *key, const struct calendar_phase *phase)
{
    if (phase->from_ms < phase->to_ms) {
        key->phases = mem_resize(key->phases, key->phase_count + 1, sizeof *key->phases);
        key->phases[key->phase_count++] = *phase;
    }
}

/* A time that is there and has passed. */
static bool passed(int64_t time_ms, int64_t now_ms)
{
    return time_ms > 0 && time_ms <= now_ms;
}

static void add_past(struct calendar_key *key, const struct json_value *version,
                     enum calendar_state state, int64_t now_ms)
{
    const int64_t number = member_integer(version, "version");
    const int64_t published_ms = calendar_time(version, "published_at");
    const int64_t ends_ms[] = {
        published_ms > 0 ? published_ms : calendar_time(version, "created_at"),
        calendar_time(version, "activated_at"), calendar_time(version, "retired_at"),
        state == CALENDAR_DESTROYED ? calendar_time(version, "destroy_at") : 0};
    static const enum calendar_state walk[] = {CALENDAR_PENDING, CALENDAR_ACTIVE, CALENDAR_RETIRED};
    for (size_t i = 0; i < ARRAY_LEN(walk); i++) {
        if (!passed(ends_ms[i], now_ms)) {
            continue;
        }
        size_t next = i + 1; /* the first of the later times that is there */
        while (next < ARRAY_LEN(ends_ms) && !passed(ends_ms[next], now_ms)) {
            next++;
        }
        const bool is_last = walk[i] == CALENDAR_RETIRED && state == CALENDAR_RETIRING;
        add_phase(key, &(struct calendar_phase){.version = number,
                                                .state = is_last ? CALENDAR_RETIRING : walk[i],
                                                .from_ms = ends_ms[i],
                                                .to_ms = next < ARRAY_LEN(ends_ms) ? ends_ms[next]
                                                                                   : now_ms});
    }
}

static struct track *track_of(struct tracks *tracks, int64_t version)
{
    for (size_t i = 0; i < tracks->count; i++) {
        if (tracks->all[i].version == version) {
            return &tracks->all[i];
        }
    }
    return NULL;
}

static struct track *add_track(struct tracks *tracks, const struct track *track)
{
    tracks->all = mem_resize(tracks->all, tracks->count + 1, sizeof *tracks->all);
    tracks->all[tracks->count] = *track;
    return &tracks->all[tracks->count++];
}

static void end_phase(struct tracks *tracks, struct track *track, int64_t at_ms)
{
    if (!track->ended) {
        add_phase(tracks->key, &(struct calendar_phase){.version = track->version,
                                                        .state = track->state,
                                                        .from_ms = track->since_ms,
                                                        .to_ms = at_ms,
                                                        .expected = true});
    }
    track->since_ms = at_ms;
}

static void change(struct tracks *tracks, struct track *track, enum calendar_state state,
                   int64_t at_ms)
{
    end_phase(tracks, track, at_ms);
    track->state = state;
}

static void retire_active(struct tracks *tracks, int64_t at_ms)
{
    for (size_t i = 0; i < tracks->count; i++) {
        if (tracks->all[i].state == CALENDAR_ACTIVE) {
            change(tracks, &tracks->all[i], CALENDAR_RETIRING, at_ms);
        }
    }
}

static void take_step(struct tracks *tracks, const struct calendar_step *step, int64_t at_ms)
{
    struct track *track = track_of(tracks, step->version);
    if (track == NULL) {
        track = add_track(tracks, &(struct track){.version = step->version,
                                                  .state = CALENDAR_PENDING,
                                                  .since_ms = at_ms});
    }
    switch (step->action) {
    case CALENDAR_PROMOTE:
        retire_active(tracks, at_ms);
        change(tracks, track, CALENDAR_ACTIVE, at_ms);
        break;
    case CALENDAR_RETIRE:
        change(tracks, track, CALENDAR_RETIRED, at_ms);
        break;
    case CALENDAR_DESTROY:
        change(tracks, track, CALENDAR_DESTROYED, at_ms);
        track->ended = true;
        break;
    case CALENDAR_MAKE:
    case CALENDAR_ACTION_COUNT:
        break;
    }
}

static int compare_phases(const void *left, const void *right)
{
    const struct calendar_phase *a = left;
    const struct calendar_phase *b = right;
    if (a->version != b->version) {
        return a->version < b->version ? -1 : 1;
    }
    return a->from_ms < b->from_ms ? -1 : a->from_ms > b->from_ms ? 1 : 0;
}

static void add_future(struct tracks *tracks, int64_t now_ms, int64_t to_ms)
{
    const struct calendar_key *key = tracks->key;
    for (size_t i = 0; i < key->step_count && key->steps[i].at_ms < to_ms; i++) {
        const int64_t at_ms = key->steps[i].at_ms;
        take_step(tracks, &key->steps[i], at_ms > now_ms ? at_ms : now_ms);
    }
    for (size_t i = 0; i < tracks->count; i++) {
        end_phase(tracks, &tracks->all[i], to_ms);
    }
}

void calendar_find_phases(struct calendar_key *key, const struct json_value *versions,
                          int64_t now_ms, int64_t to_ms)
{
    struct tracks tracks = {.key = key};
    for (const struct json_value *at = json_first(versions); at != NULL; at = json_next(at)) {
        enum calendar_state state;
        if (!calendar_state_by_name(member_text(at, "state"), &state)) {
            continue;
        }
        add_past(key, at, state, now_ms);
        add_track(&tracks, &(struct track){.version = member_integer(at, "version"),
                                           .state = state,
                                           .since_ms = now_ms,
                                           .ended = state == CALENDAR_DESTROYED});
    }
    add_future(&tracks, now_ms, to_ms);
    if (key->phase_count > 0) {
        qsort(key->phases, key->phase_count, sizeof *key->phases, compare_phases);
    }
    mem_free(tracks.all);
}
