/* What comes after what comes next. */
#include "tests/unit/plan_test.h"

#define MAX 64

static const struct rotation_policy weekly = {
    .every = 7 * 86400, .overlap = 86400, .publish_ahead = 3600, .mode = ROTATION_AUTOMATIC};

static void follows_a_key_through_its_rotations(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    struct plan_step steps[MAX];
    struct moment moment = at(0);
    think(&key, ALGORITHM_ECDSA_P256, weekly);
    size_t count = plan_forecast(&key.key, &rules, &moment, 15 * DAY, steps, MAX);
    static const struct {
        enum plan_action action;
        uint32_t version;
        int64_t at;
    } expected[] = {
        {PLAN_MAKE, 2, 7 * DAY - HOUR - MINUTE},
        {PLAN_PROMOTE, 2, 7 * DAY},
        {PLAN_RETIRE, 1, 8 * DAY},
        {PLAN_MAKE, 3, 14 * DAY - HOUR - MINUTE},
        {PLAN_PROMOTE, 3, 14 * DAY},
        {PLAN_RETIRE, 2, 15 * DAY},
    };
    assert_int_equal(count, ARRAY_LEN(expected));
    for (size_t i = 0; i < count; i++) {
        expect_step(steps[i], expected[i].action, expected[i].version, expected[i].at);
        assert_true(steps[i].at == START + expected[i].at);
    }
    /* the key itself is as it was */
    assert_int_equal(key.key.version_count, 1);
    assert_int_equal(key.versions[0].state, VERSION_ACTIVE);
    assert_int_equal(key.key.next_version, 2);
}

static void ends_with_the_horizon_or_the_room(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    struct plan_step steps[MAX];
    struct moment moment = at(0);
    think(&key, ALGORITHM_ECDSA_P256, weekly);
    assert_int_equal(plan_forecast(&key.key, &rules, &moment, 6 * DAY, steps, MAX), 0);
    assert_int_equal(plan_forecast(&key.key, &rules, &moment, 36500 * DAY, steps, 4), 4);
    /* a rotation a second for a century ends, too */
    key.key.facts.rotation = (struct rotation_policy){.every = 1, .mode = ROTATION_AUTOMATIC};
    size_t count = plan_forecast(&key.key, &rules, &moment, 36500 * DAY, steps, MAX);
    assert_int_equal(count, MAX);
}

static void stops_where_a_person_must_decide(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    struct plan_step steps[MAX];
    think(&key, ALGORITHM_AES_256_GCM, (struct rotation_policy){0});
    struct version *doomed = think_version(&key, VERSION_DESTROY_SCHEDULED, 0);
    doomed->destroy_at = START + 30 * DAY;
    struct moment moment = at(DAY);
    assert_int_equal(plan_forecast(&key.key, &rules, &moment, 90 * DAY, steps, MAX), 1);
    moment.calm += 100 * DAY;
    assert_int_equal(plan_forecast(&key.key, &rules, &moment, 90 * DAY, steps, MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_a_key_through_its_rotations),
        cmocka_unit_test(ends_with_the_horizon_or_the_room),
        cmocka_unit_test(stops_where_a_person_must_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
