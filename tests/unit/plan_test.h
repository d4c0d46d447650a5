/* Keys that are only thought of, for tests of what is planned. */
#ifndef HSMGATE_TESTS_UNIT_PLAN_TEST_H
#define HSMGATE_TESTS_UNIT_PLAN_TEST_H

#include "keystore/uses.h"
#include "rotation/plan.h"
#include "tests/unit/base_test.h"

#define START   INT64_C(1700000000000) /* unix ms, where lived time is 0 */
#define SECOND  INT64_C(1000)
#define MINUTE  (60 * SECOND)
#define HOUR    (60 * MINUTE)
#define DAY     (24 * HOUR)
#define SKEW_S  60
#define BACK_S  (30 * 86400)
#define CACHE_S 300

static const struct rotation_rules rules = {
    .clock_skew = SKEW_S, .look_back = BACK_S, .jwks_max_age = CACHE_S};

/* `after` ms from START on a good clock. */
static inline struct moment at(int64_t after)
{
    return (struct moment){.now = START + after, .calm = START + after, .lived = after};
}

struct thought {
    struct key key;
    struct version versions[8];
};

static inline void thought_clear(struct thought *thought)
{
    for (size_t i = 0; i < thought->key.version_count; i++) {
        uses_release(thought->versions[i].uses);
    }
}

/* A key whose version 1 became active at START. */
static inline void think(struct thought *thought, enum algorithm algorithm,
                         struct rotation_policy policy)
{
    *thought = (struct thought){0};
    thought->key = (struct key){.name = "a/b",
                                .algorithm = algorithm,
                                .purpose = algorithm_info(algorithm)->purpose,
                                .facts.rotation = policy,
                                .primary = 1,
                                .next_version = 2,
                                .versions = thought->versions,
                                .version_count = 1};
    thought->versions[0] = (struct version){.number = 1,
                                            .state = VERSION_ACTIVE,
                                            .created_at = START,
                                            .published_at = START,
                                            .activated_at = START,
                                            .entered_at = START};
    thought->versions[0].uses = uses_make(thought->key.id, 1, START);
}

/* One more version, which came into its state `after` ms from START. */
static inline struct version *think_version(struct thought *thought, enum version_state state,
                                            int64_t after)
{
    struct version *version = &thought->versions[thought->key.version_count];
    uint32_t number = thought->key.next_version;
    *version = (struct version){.number = number,
                                .state = state,
                                .created_at = START + after,
                                .published_at = START + after,
                                .activated_at = state == VERSION_PENDING ? 0 : START,
                                .entered_at = START + after,
                                .entered_lived = after};
    version->uses = uses_make(thought->key.id, number, START + after);
    thought->key.version_count++;
    thought->key.next_version++;
    return version;
}

static inline struct plan_step next_step(const struct thought *thought, struct moment moment)
{
    struct plan_step step;
    plan_next(&thought->key, &rules, &moment, PLAN_ANY, &step);
    return step;
}

#define expect_step(step, action_, version_, wait)                                                 \
    do {                                                                                           \
        struct plan_step seen_ = (step);                                                           \
        if (seen_.action != (action_) || seen_.version != (version_) || seen_.wait_ms != (wait)) { \
            fail_msg("%s of version %u in %lld ms", plan_action_name(seen_.action), seen_.version, \
                     (long long)seen_.wait_ms);                                                    \
        }                                                                                          \
    } while (0)

#endif
