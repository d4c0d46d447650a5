/* What is planned for a key, at which moment, by which policy. */
#include "tests/unit/plan_test.h"

static const struct rotation_policy monthly = {
    .every = 30 * 86400, .overlap = 86400, .publish_ahead = 3600, .mode = ROTATION_AUTOMATIC};

static void plans_nothing_that_nobody_asked_for(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    struct rotation_policy manual = monthly;
    manual.mode = ROTATION_MANUAL;
    think(&key, ALGORITHM_ECDSA_P256, manual);
    expect_step(next_step(&key, at(365 * DAY)), PLAN_NONE, 0, 0);
    key.key.facts.rotation = (struct rotation_policy){.mode = ROTATION_AUTOMATIC};
    expect_step(next_step(&key, at(365 * DAY)), PLAN_NONE, 0, 0);
}

/* Begun early enough to be published for an hour, and never late because making it took long. */
static void makes_the_next_one_ahead(void **state)
{
    (void)state;
    const struct {
        enum algorithm algorithm;
        struct rotation_policy policy;
        int64_t begins; /* ms after activation */
    } cases[] = {
        {ALGORITHM_ECDSA_P256, monthly, 30 * DAY - HOUR - MINUTE},
        {ALGORITHM_RSA_4096, monthly, 30 * DAY - HOUR - 10 * MINUTE},
        {ALGORITHM_AES_256_GCM, {.every = 86400, .mode = ROTATION_AUTOMATIC}, DAY - MINUTE},
        /* a short life leaves half of what is left for making */
        {ALGORITHM_ECDSA_P256,
         {.every = 6, .publish_ahead = 2, .mode = ROTATION_AUTOMATIC},
         2 * SECOND},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(thought_clear) struct thought key;
        think(&key, cases[i].algorithm, cases[i].policy);
        expect_step(next_step(&key, at(0)), PLAN_MAKE, 2, cases[i].begins);
        expect_step(next_step(&key, at(cases[i].begins)), PLAN_MAKE, 2, 0);
        expect_step(next_step(&key, at(cases[i].begins + 90 * DAY)), PLAN_MAKE, 2, 0);
        assert_int_equal(next_step(&key, at(0)).why, PLAN_WHY_EVERY);
    }
}

static void promotes_after_publication(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    think(&key, ALGORITHM_ECDSA_P256, monthly);
    struct version *next = think_version(&key, VERSION_PENDING, 10 * DAY);
    struct moment published = at(10 * DAY);
    next->promote_at = plan_promote_at(&key.key, PLAN_SOON, &published);
    assert_true(next->promote_at == START + 10 * DAY + HOUR);
    expect_step(next_step(&key, at(10 * DAY)), PLAN_PROMOTE, 2, HOUR);
    expect_step(next_step(&key, at(10 * DAY + HOUR)), PLAN_PROMOTE, 2, 0);
    /* by the policy's time, not before */
    next->promote_at = plan_promote_at(&key.key, PLAN_SCHEDULED, &published);
    assert_true(next->promote_at == START + 30 * DAY);
    expect_step(next_step(&key, at(10 * DAY + HOUR)), PLAN_PROMOTE, 2, 20 * DAY - HOUR);
    /* published late: it waits all the same */
    published = at(30 * DAY);
    assert_true(plan_promote_at(&key.key, PLAN_SCHEDULED, &published) == START + 30 * DAY + HOUR);
}

/* An hour that the clock skipped was not an hour for verifiers. */
static void measures_publication_in_lived_time(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    think(&key, ALGORITHM_ECDSA_P256, monthly);
    struct version *next = think_version(&key, VERSION_PENDING, 10 * DAY);
    next->promote_at = START + 10 * DAY + HOUR;
    struct moment leapt = at(10 * DAY + MINUTE);
    leapt.calm += 5 * HOUR;
    leapt.now = leapt.calm;
    expect_step(next_step(&key, leapt), PLAN_PROMOTE, 2, 59 * MINUTE);
    /* after a crash the lived clock may be behind */
    leapt.lived = 10 * DAY - MINUTE;
    expect_step(next_step(&key, leapt), PLAN_PROMOTE, 2, HOUR);
}

static void waits_for_stale_key_sets(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    think(&key, ALGORITHM_ECDSA_P256, monthly);
    key.key.facts.rotation.publish_ahead = 10;
    key.key.cached_until = 10 * DAY + 5 * MINUTE;
    struct version *next = think_version(&key, VERSION_PENDING, 10 * DAY);
    next->promote_at = START + 10 * DAY + 10 * SECOND;
    expect_step(next_step(&key, at(10 * DAY)), PLAN_PROMOTE, 2, 5 * MINUTE);
}

static void makes_no_second_one_while_one_waits(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    think(&key, ALGORITHM_ECDSA_P256, monthly);
    struct version *next = think_version(&key, VERSION_PENDING, 29 * DAY);
    next->promote_at = START + 90 * DAY;
    expect_step(next_step(&key, at(31 * DAY)), PLAN_PROMOTE, 2, 59 * DAY);
    /* one that was never finished counts for nothing */
    next->published_at = 0;
    expect_step(next_step(&key, at(31 * DAY)), PLAN_MAKE, 3, 0);
}

static void retires_after_the_overlap_and_the_last_jwt(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    struct rotation_policy manual = {.overlap = 3600};
    think(&key, ALGORITHM_ECDSA_P256, manual);
    struct version *old = think_version(&key, VERSION_RETIRING, DAY);
    expect_step(next_step(&key, at(DAY)), PLAN_RETIRE, 2, HOUR);
    assert_int_equal(next_step(&key, at(DAY)).why, PLAN_WHY_OVERLAP);
    atomic_store(&old->uses->jwt_expires_at, START + DAY + 2 * HOUR);
    expect_step(next_step(&key, at(DAY)), PLAN_RETIRE, 2, 2 * HOUR + SKEW_S * SECOND);
    assert_int_equal(next_step(&key, at(DAY)).why, PLAN_WHY_JWT);
    /* skipped time is no overlap */
    struct moment leapt = at(DAY + MINUTE);
    leapt.calm += 20 * HOUR;
    expect_step(next_step(&key, leapt), PLAN_RETIRE, 2, 59 * MINUTE);
    /* without an overlap a person retires it */
    key.key.facts.rotation.overlap = 0;
    expect_step(next_step(&key, at(90 * DAY)), PLAN_NONE, 0, 0);
}

static void makes_the_next_one_before_uses_run_out(void **state)
{
    (void)state;
    static const struct {
        int64_t limit;
        uint64_t threshold;
    } cases[] = {{1, 1}, {2, 1}, {8, 7}, {100, 88}, {0, (UINT64_C(1) << 31) / 8 * 7}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(thought_clear) struct thought key;
        struct rotation_policy policy = {.max_uses = cases[i].limit, .mode = ROTATION_AUTOMATIC};
        think(&key, ALGORITHM_AES_256_GCM, policy);
        assert_true(plan_alarm(&key.key) == cases[i].threshold);
        atomic_store(&key.versions[0].uses->count, cases[i].threshold - 1);
        expect_step(next_step(&key, at(DAY)), PLAN_NONE, 0, 0);
        atomic_store(&key.versions[0].uses->count, cases[i].threshold);
        expect_step(next_step(&key, at(DAY)), PLAN_MAKE, 2, 0);
        assert_int_equal(next_step(&key, at(DAY)).why, PLAN_WHY_USES);
        key.key.facts.rotation.mode = ROTATION_MANUAL;
        assert_int_equal(plan_alarm(&key.key), 0);
        expect_step(next_step(&key, at(DAY)), PLAN_NONE, 0, 0);
    }
}

static void replaces_what_a_backup_brought_back(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    think(&key, ALGORITHM_AES_256_GCM, (struct rotation_policy){.mode = ROTATION_AUTOMATIC});
    key.versions[0].count_unsure = true;
    expect_step(next_step(&key, at(0)), PLAN_MAKE, 2, 0);
    assert_int_equal(next_step(&key, at(0)).why, PLAN_WHY_RESTORED);
}

static struct version *think_destruction(struct thought *key)
{
    think(key, ALGORITHM_AES_256_GCM, (struct rotation_policy){0});
    struct version *version = think_version(key, VERSION_DESTROY_SCHEDULED, 0);
    version->destroy_at = START + 30 * DAY;
    return version;
}

static void destroys_when_the_time_was_lived(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    struct version *version = think_destruction(&key);
    expect_step(next_step(&key, at(0)), PLAN_DESTROY, 2, 30 * DAY);
    expect_step(next_step(&key, at(30 * DAY)), PLAN_DESTROY, 2, 0);
    assert_false(next_step(&key, at(30 * DAY)).held);
    struct moment due = at(30 * DAY);
    assert_false(plan_waits(version, &due));
    version->destroying = true; /* the token was told: at once, whatever the date */
    expect_step(next_step(&key, at(0)), PLAN_DESTROY, 2, 0);
    assert_int_equal(next_step(&key, at(0)).why, PLAN_WHY_BEGUN);
}

static void holds_a_destruction_that_a_leap_brought(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int64_t lived;
        int64_t leap; /* of the calendar, beyond what was lived */
        bool held;
        int64_t wait;
    } cases[] = {
        {"an hour", 30 * DAY - HOUR, HOUR, false, 0},
        {"a day", 29 * DAY, DAY, false, 0},
        {"a day and a second", 29 * DAY, DAY + SECOND, true, DAY},
        {"all of it", SECOND, 3650 * DAY, true, 30 * DAY - SECOND},
        {"a leap long ago, then lived to the end", 30 * DAY, 3650 * DAY, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(thought_clear) struct thought key;
        struct version *version = think_destruction(&key);
        struct moment moment = at(cases[i].lived);
        moment.calm += cases[i].leap;
        moment.now = moment.calm;
        struct plan_step step = next_step(&key, moment);
        if (step.held != cases[i].held || step.wait_ms != cases[i].wait ||
            plan_waits(version, &moment) != cases[i].held) {
            fail_msg("%s: held %d, wait %lld", cases[i].what, step.held, (long long)step.wait_ms);
        }
    }
}

/* The wall clock says it is due, schedules do not believe it: it waits, and that shows. */
static void shows_what_waits_while_the_clock_is_not_believed(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    struct version *version = think_destruction(&key);
    struct moment moment = at(DAY);
    assert_false(plan_waits(version, &moment));
    moment.now += 3650 * DAY;
    assert_true(plan_waits(version, &moment));
    expect_step(next_step(&key, moment), PLAN_DESTROY, 2, 29 * DAY);
}

/* A date of the future, left by a clock that was wrong, does not stop rotation for ten years. */
static void ages_by_lived_time_when_dates_are_wrong(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    think(&key, ALGORITHM_AES_256_GCM,
          (struct rotation_policy){.every = 86400, .mode = ROTATION_AUTOMATIC});
    key.versions[0].activated_at = START + 3650 * DAY;
    expect_step(next_step(&key, at(HOUR)), PLAN_MAKE, 2, 23 * HOUR - MINUTE);
    expect_step(next_step(&key, at(DAY)), PLAN_MAKE, 2, 0);
}

static void takes_the_earliest_of_all(void **state)
{
    (void)state;
    CLEANUP(thought_clear) struct thought key;
    think(&key, ALGORITHM_ECDSA_P256, monthly);
    struct version *pending = think_version(&key, VERSION_PENDING, 0);
    struct version *retiring = think_version(&key, VERSION_RETIRING, 0);
    struct version *doomed = think_version(&key, VERSION_DESTROY_SCHEDULED, 0);
    static const struct {
        int64_t promote, retire_lived, destroy;
        enum plan_action first;
    } cases[] = {
        {3 * HOUR, -22 * HOUR, 4 * HOUR, PLAN_RETIRE},
        {HOUR, 0, 4 * HOUR, PLAN_PROMOTE},
        {3 * HOUR, 0, 2 * HOUR, PLAN_DESTROY},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        pending->promote_at = START + cases[i].promote;
        retiring->entered_lived = cases[i].retire_lived;
        doomed->destroy_at = START + cases[i].destroy;
        struct plan_step step = next_step(&key, at(0));
        assert_string_equal(plan_action_name(step.action), plan_action_name(cases[i].first));
        assert_true(step.at == START + step.wait_ms);
    }
    /* by lanes: what needs the token does not stand before what does not */
    struct plan_step quick, slow;
    struct moment moment = at(0);
    doomed->destroy_at = START;
    plan_next(&key.key, &rules, &moment, PLAN_QUICK, &quick);
    plan_next(&key.key, &rules, &moment, PLAN_TOKEN, &slow);
    assert_int_equal(quick.action, PLAN_PROMOTE);
    assert_int_equal(slow.action, PLAN_DESTROY);
}

static void tells_how_long_key_sets_may_be_kept(void **state)
{
    (void)state;
    static const struct {
        int64_t ahead, age;
    } cases[] = {{0, CACHE_S}, {3600, CACHE_S}, {600, 300}, {10, 5}, {3, 1}, {1, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rotation_policy policy = {.publish_ahead = cases[i].ahead};
        assert_int_equal(plan_cache_age(&policy, CACHE_S), cases[i].age);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_nothing_that_nobody_asked_for),
        cmocka_unit_test(makes_the_next_one_ahead),
        cmocka_unit_test(promotes_after_publication),
        cmocka_unit_test(measures_publication_in_lived_time),
        cmocka_unit_test(waits_for_stale_key_sets),
        cmocka_unit_test(makes_no_second_one_while_one_waits),
        cmocka_unit_test(retires_after_the_overlap_and_the_last_jwt),
        cmocka_unit_test(makes_the_next_one_before_uses_run_out),
        cmocka_unit_test(replaces_what_a_backup_brought_back),
        cmocka_unit_test(destroys_when_the_time_was_lived),
        cmocka_unit_test(holds_a_destruction_that_a_leap_brought),
        cmocka_unit_test(shows_what_waits_while_the_clock_is_not_believed),
        cmocka_unit_test(ages_by_lived_time_when_dates_are_wrong),
        cmocka_unit_test(takes_the_earliest_of_all),
        cmocka_unit_test(tells_how_long_key_sets_may_be_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
