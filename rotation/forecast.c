/* forecast: plays the plan forward on a copy of the key. Each step is supposed to succeed at once
 * when it is due, so what comes after it is what would come after it. */
#include <string.h>

#include "base/mem.h"
#include "rotation/plan.h"

#define VERSIONS_MORE 64 /* that a forecast may make */

struct forecast {
    struct key key;
    struct version *versions; /* of the key, to be changed */
    size_t room;
    struct moment moment;
};

static void forecast_clear(struct forecast *forecast)
{
    mem_free(forecast->versions);
}

static void begin(struct forecast *forecast, const struct key *key, const struct moment *moment)
{
    forecast->key = *key;
    forecast->room = key->version_count + VERSIONS_MORE;
    forecast->versions = mem_array(forecast->room, sizeof(*forecast->versions));
    memcpy(forecast->versions, key->versions, key->version_count * sizeof(*key->versions));
    forecast->key.versions = forecast->versions;
    forecast->moment = *moment;
}

static struct version *version_of(struct forecast *forecast, uint32_t number)
{
    const struct version *version = key_version(&forecast->key, number);
    return version != NULL ? &forecast->versions[version - forecast->versions] : NULL;
}

static void enter(const struct forecast *forecast, struct version *version,
                  enum version_state state)
{
    version->state = state;
    version->entered_at = forecast->moment.calm;
    version->entered_lived = forecast->moment.lived;
}

static void make(struct forecast *forecast, const struct plan_step *step)
{
    struct version *version = &forecast->versions[forecast->key.version_count++];
    bool scheduled = step->why == PLAN_WHY_EVERY;
    *version = (struct version){.number = forecast->key.next_version++,
                                .published_at = forecast->moment.calm};
    version->promote_at =
        plan_promote_at(&forecast->key, scheduled ? PLAN_SCHEDULED : PLAN_SOON, &forecast->moment);
    enter(forecast, version, VERSION_PENDING);
}

static void promote(struct forecast *forecast, struct version *version)
{
    struct version *old = version_of(forecast, forecast->key.primary);
    if (old != NULL) {
        enter(forecast, old, VERSION_RETIRING);
    }
    enter(forecast, version, VERSION_ACTIVE);
    version->activated_at = forecast->moment.calm;
    forecast->key.primary = version->number;
}

static void play(struct forecast *forecast, const struct plan_step *step)
{
    struct version *version = version_of(forecast, step->version);
    if (step->action == PLAN_MAKE) {
        make(forecast, step);
    } else if (step->action == PLAN_PROMOTE) {
        promote(forecast, version);
    } else {
        enter(forecast, version, step->action == PLAN_RETIRE ? VERSION_RETIRED : VERSION_DESTROYED);
    }
}

size_t plan_forecast(const struct key *key, const struct rotation_rules *rules,
                     const struct moment *moment, int64_t horizon_ms, struct plan_step *out,
                     size_t max)
{
    CLEANUP(forecast_clear) struct forecast forecast = {0};
    begin(&forecast, key, moment);
    int64_t passed = 0;
    size_t count = 0;
    while (count < max && forecast.key.version_count < forecast.room) {
        struct plan_step step;
        plan_next(&forecast.key, rules, &forecast.moment, PLAN_ANY, &step);
        passed += step.wait_ms;
        if (step.action == PLAN_NONE || passed > horizon_ms || step.held) {
            break;
        }
        forecast.moment.calm += step.wait_ms;
        forecast.moment.lived += step.wait_ms;
        play(&forecast, &step);
        step.wait_ms = passed;
        step.at = moment->calm + passed;
        out[count++] = step;
    }
    return count;
}
