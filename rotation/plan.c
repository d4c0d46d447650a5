/* plan: each thing that may become due is a rule of its own; the earliest wins.
 *
 * What verifiers depend on is waited for on the lived clock: that a pending version was published
 * for `publish_ahead` and every key set from before has gone stale, that a retiring one still
 * verifies for `overlap`. The calendar only says when the next rotation is due, when an expiry of a
 * JWT has passed and when a destruction was asked for. Times of the future, left by a clock that
 * was wrong, are no age: lived time counts then. */
#include "rotation/plan.h"

#include "base/mem.h"

#define MS         ((int64_t)1000)
#define LEAD_S     ((int64_t)60)
#define LEAD_RSA_S ((int64_t)600) /* prime numbers are found by luck */
#define LEAP_MS    ((int64_t)24 * 3600 * 1000)
/* NIST SP 800-38D §8.3 allows 2^32 random IVs under one key; half of that leaves room to rotate. */
#define GCM_USES_MAX ((uint64_t)1 << 31)

uint64_t plan_uses_limit(const struct key *key)
{
    uint64_t limit = algorithm_info(key->algorithm)->family == FAMILY_AES ? GCM_USES_MAX : 0;
    int64_t own = key->facts.rotation.max_uses;
    if (own > 0 && (limit == 0 || (uint64_t)own < limit)) {
        limit = (uint64_t)own;
    }
    return limit;
}

/* An eighth is left to last until the next version may be promoted. */
static uint64_t uses_threshold(const struct key *key)
{
    uint64_t limit = plan_uses_limit(key);
    uint64_t spare = limit / 8 > 0 ? limit / 8 : 1;
    return limit > spare ? limit - spare : limit;
}

static bool is_automatic(const struct key *key)
{
    return key->facts.rotation.mode == ROTATION_AUTOMATIC;
}

uint64_t plan_alarm(const struct key *key)
{
    return is_automatic(key) ? uses_threshold(key) : 0;
}

int64_t plan_cache_age(const struct rotation_policy *policy, int64_t max_age)
{
    int64_t half = policy->publish_ahead / 2;
    return policy->publish_ahead > 0 && half < max_age ? half : max_age;
}

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t positive(int64_t wait)
{
    return wait > 0 ? wait : 0;
}

/* How long before it is due the next version is begun, so that making it is never late. */
static int64_t lead_ms(const struct key *key)
{
    const struct rotation_policy *policy = &key->facts.rotation;
    bool slow = algorithm_info(key->algorithm)->family == FAMILY_RSA;
    int64_t room = (policy->every - policy->publish_ahead) * MS / 2;
    return earlier_of(positive(room), (slow ? LEAD_RSA_S : LEAD_S) * MS);
}

/* Until the primary's time is over by the policy; below 0: since then. A date of the future, which
 * a wrong clock left, is no age: then only lived time counts. */
static int64_t due_wait(const struct key *key, const struct version *primary,
                        const struct moment *moment)
{
    int64_t age =
        later_of(moment->calm - primary->activated_at, moment->lived - primary->entered_lived);
    return key->facts.rotation.every * MS - age;
}

int64_t plan_promote_at(const struct key *key, enum plan_haste haste, const struct moment *moment)
{
    const struct version *primary = key_primary(key);
    int64_t soon = key->facts.rotation.publish_ahead * MS;
    bool by_policy = haste == PLAN_SCHEDULED && primary != NULL && key->facts.rotation.every > 0;
    return moment->calm + (by_policy ? later_of(soon, due_wait(key, primary, moment)) : soon);
}

/* --- rules: a step's wait is at least 0 when the rule applies --- */

struct ask {
    const struct key *key;
    const struct rotation_rules *rules;
    const struct moment *moment;
};

/* Takes the step when it is the earliest so far. */
static void offer(struct plan_step *best, struct plan_step step)
{
    step.wait_ms = positive(step.wait_ms);
    if (best->action == PLAN_NONE || step.wait_ms < best->wait_ms) {
        *best = step;
    }
}

static int64_t lived_in_state(const struct ask *ask, const struct version *version)
{
    return positive(ask->moment->lived - version->entered_lived);
}

static void plan_promotion(const struct ask *ask, const struct version *version,
                           struct plan_step *best)
{
    int64_t ahead = ask->key->facts.rotation.publish_ahead * MS;
    int64_t wait =
        later_of(version->promote_at - ask->moment->calm, ahead - lived_in_state(ask, version));
    wait = later_of(wait, ask->key->cached_until - ask->moment->lived);
    offer(best, (struct plan_step){.action = PLAN_PROMOTE,
                                   .version = version->number,
                                   .wait_ms = wait,
                                   .why = PLAN_WHY_PUBLISHED});
}

static int64_t jwt_wait(const struct ask *ask, const struct version *version)
{
    struct use_evidence evidence = {0};
    if (version->uses != NULL) {
        uses_evidence(version, &evidence);
    }
    return evidence.jwt_expires_at == 0
               ? 0
               : evidence.jwt_expires_at + ask->rules->clock_skew * MS - ask->moment->calm;
}

static void plan_retirement(const struct ask *ask, const struct version *version,
                            struct plan_step *best)
{
    int64_t overlap = ask->key->facts.rotation.overlap * MS;
    if (overlap == 0) {
        return; /* until a person retires it */
    }
    int64_t wait = overlap - lived_in_state(ask, version);
    int64_t jwt = jwt_wait(ask, version);
    offer(best, (struct plan_step){.action = PLAN_RETIRE,
                                   .version = version->number,
                                   .wait_ms = later_of(wait, jwt),
                                   .why = jwt > wait ? PLAN_WHY_JWT : PLAN_WHY_OVERLAP});
}

/* Whether the clock, not time, has brought the day: what it leapt since the destruction was asked
 * for is more than a day, and the time that was asked for was not lived. */
static bool is_held(const struct version *version, int64_t date, int64_t lived)
{
    int64_t asked = version->destroy_at - version->entered_at;
    return lived < asked && date - version->entered_at - lived > LEAP_MS;
}

bool plan_waits(const struct version *version, const struct moment *moment)
{
    int64_t lived = positive(moment->lived - version->entered_lived);
    return version->state == VERSION_DESTROY_SCHEDULED && !version->destroying &&
           version->destroy_at <= moment->now && is_held(version, moment->now, lived);
}

static void plan_destruction(const struct ask *ask, const struct version *version,
                             struct plan_step *best)
{
    int64_t lived = lived_in_state(ask, version);
    int64_t wait = version->destroy_at - ask->moment->calm;
    int64_t by_living = version->destroy_at - version->entered_at - lived;
    bool held = !version->destroying && wait <= 0 && is_held(version, ask->moment->calm, lived);
    offer(best, (struct plan_step){
                    .action = PLAN_DESTROY,
                    .version = version->number,
                    .wait_ms = version->destroying ? 0 : (held ? by_living : wait),
                    .why = version->destroying ? PLAN_WHY_BEGUN : PLAN_WHY_ASKED,
                    .held = held,
                });
}

static void offer_making(const struct ask *ask, int64_t wait, enum plan_why why,
                         struct plan_step *best)
{
    offer(best,
          (struct plan_step){
              .action = PLAN_MAKE, .version = ask->key->next_version, .wait_ms = wait, .why = why});
}

static void plan_making(const struct ask *ask, struct plan_step *best)
{
    const struct key *key = ask->key;
    const struct version *primary = key_primary(key);
    int64_t every = key->facts.rotation.every;
    if (!is_automatic(key) || primary == NULL) {
        return;
    }
    uint64_t threshold = uses_threshold(key);
    if (primary->count_unsure) {
        offer_making(ask, 0, PLAN_WHY_RESTORED, best);
    } else if (threshold > 0 && primary->uses != NULL && uses_count(primary) >= threshold) {
        offer_making(ask, 0, PLAN_WHY_USES, best);
    } else if (every > 0) {
        int64_t begin = key->facts.rotation.publish_ahead * MS + lead_ms(key);
        offer_making(ask, due_wait(key, primary, ask->moment) - begin, PLAN_WHY_EVERY, best);
    }
}

static void plan_version(const struct ask *ask, const struct version *version, bool quick,
                         struct plan_step *best)
{
    if (version->state == VERSION_PENDING && version->published_at != 0 && quick) {
        plan_promotion(ask, version, best);
    }
    if (version->state == VERSION_RETIRING && quick) {
        plan_retirement(ask, version, best);
    }
}

void plan_next(const struct key *key, const struct rotation_rules *rules,
               const struct moment *moment, enum plan_lane lane, struct plan_step *out)
{
    struct ask ask = {.key = key, .rules = rules, .moment = moment};
    struct plan_step best = {.action = PLAN_NONE};
    bool pending = false;
    for (size_t i = 0; i < key->version_count; i++) {
        const struct version *version = &key->versions[i];
        pending = pending || (version->state == VERSION_PENDING && version->published_at != 0);
        plan_version(&ask, version, lane != PLAN_TOKEN, &best);
        if (version->state == VERSION_DESTROY_SCHEDULED && lane != PLAN_QUICK) {
            plan_destruction(&ask, version, &best);
        }
    }
    if (!pending && lane != PLAN_QUICK) {
        plan_making(&ask, &best);
    }
    best.at = moment->calm + best.wait_ms;
    *out = best;
}

const char *plan_action_name(enum plan_action action)
{
    static const char *const names[] = {
        [PLAN_NONE] = "none",     [PLAN_MAKE] = "make",       [PLAN_PROMOTE] = "promote",
        [PLAN_RETIRE] = "retire", [PLAN_DESTROY] = "destroy",
    };
    return names[action];
}

const char *plan_why_text(enum plan_why why)
{
    static const char *const texts[PLAN_WHY_COUNT] = {
        [PLAN_WHY_EVERY] = "the policy's time for a version",
        [PLAN_WHY_USES] = "the primary comes close to its limit of uses",
        [PLAN_WHY_RESTORED] = "uses since the restored backup are not counted",
        [PLAN_WHY_PUBLISHED] = "verifiers have had time to see it",
        [PLAN_WHY_OVERLAP] = "the overlap is over",
        [PLAN_WHY_JWT] = "the last JWT that it signed has expired",
        [PLAN_WHY_ASKED] = "its destruction was scheduled",
        [PLAN_WHY_BEGUN] = "its destruction has begun",
    };
    return texts[why];
}
