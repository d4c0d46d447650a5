/* Policies that verifiers can follow, and the arithmetic of those that they cannot. */
#include "gateway/ops/key_policy.h"

#include "base_test.h"

#define HOUR INT64_C(3600)
#define DAY  (24 * HOUR)

static const struct rotation_rules rules = {.clock_skew = 60, .jwks_max_age = 300};

static struct err read(const char *text, enum purpose purpose, struct rotation_policy *policy)
{
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(span_text(text), &json));
    return key_policy_read(json.root, purpose, policy);
}

static void reads_what_is_given_over_what_is_there(void **state)
{
    (void)state;
    struct rotation_policy policy = {.every = DAY, .overlap = HOUR, .mode = ROTATION_AUTOMATIC};
    assert_ok(read("{\"overlap\":\"2h\",\"max_uses\":5}", PURPOSE_SIGN, &policy));
    assert_int_equal(policy.every, DAY);
    assert_int_equal(policy.overlap, 2 * HOUR);
    assert_int_equal(policy.max_uses, 5);
    assert_int_equal(policy.mode, ROTATION_AUTOMATIC);
    assert_ok(read("{\"mode\":\"manual\"}", PURPOSE_SIGN, &policy));
    assert_int_equal(policy.mode, ROTATION_MANUAL);
    policy = (struct rotation_policy){0};
    assert_ok(read("{\"max_uses\":5}", PURPOSE_SIGN, &policy));
    assert_int_equal(policy.mode, ROTATION_MANUAL);
    assert_ok(read("{\"every\":\"1d\"}", PURPOSE_SIGN, &policy));
    assert_int_equal(policy.mode, ROTATION_AUTOMATIC);
    /* 0s takes away what is there, and is no duration otherwise */
    assert_ok(read("{\"every\":\"0s\"}", PURPOSE_SIGN, &policy));
    assert_int_equal(policy.every, 0);
    assert_int_equal(policy.mode, ROTATION_MANUAL);
    assert_int_equal(policy.max_uses, 5);
    assert_code(read("{\"every\":\"0s\"}", PURPOSE_SIGN, &policy), ERR_INVALID_FIELD);
    struct rotation_policy before = policy;
    assert_code(read("{\"every\":\"2d\",\"mode\":\"x\"}", PURPOSE_SIGN, &policy),
                ERR_INVALID_FIELD);
    assert_memory_equal(&before, &policy, sizeof(policy)); /* untouched on failure */
}

static void fills_in_what_an_automatic_policy_needs(void **state)
{
    (void)state;
    static const struct {
        enum purpose purpose;
        struct rotation_policy given;
        int64_t jwt;
        int64_t overlap, ahead;
    } cases[] = {
        {PURPOSE_SIGN, {.every = DAY, .mode = ROTATION_AUTOMATIC}, 0, HOUR + 60, 600},
        {PURPOSE_SIGN, {.every = DAY, .mode = ROTATION_AUTOMATIC}, 600, 660, 600},
        {PURPOSE_SIGN, {.every = 600, .mode = ROTATION_AUTOMATIC}, 60, 120, 300},
        {PURPOSE_ENCRYPT, {.every = DAY, .mode = ROTATION_AUTOMATIC}, 0, DAY, 0},
        {PURPOSE_SIGN, {.every = DAY, .mode = ROTATION_MANUAL}, 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct key_facts facts = {.rotation = cases[i].given, .jwt = {.max_ttl = cases[i].jwt}};
        assert_ok(key_policy_settle(&rules, cases[i].purpose, &facts));
        assert_int_equal(facts.rotation.overlap, cases[i].overlap);
        assert_int_equal(facts.rotation.publish_ahead, cases[i].ahead);
    }
}

static void refuses_with_the_arithmetic(void **state)
{
    (void)state;
    static const struct {
        enum purpose purpose;
        struct rotation_policy given;
        int64_t jwt;
        const char *says;
    } cases[] = {
        {PURPOSE_SIGN,
         {.overlap = 3600},
         3600,
         "rotation.overlap 1h (3600 s) must be at least jwt.max_ttl 1h (3600 s) + clock skew (60 "
         "s) "
         "= 3660 s"},
        {PURPOSE_SIGN,
         {.every = 600, .publish_ahead = 600},
         0,
         "rotation.publish_ahead (600 s) must be shorter than rotation.every (600 s)"},
        {PURPOSE_SIGN,
         {.mode = ROTATION_AUTOMATIC},
         0,
         "needs rotation.every or rotation.max_uses"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct key_facts facts = {.rotation = cases[i].given, .jwt = {.max_ttl = cases[i].jwt}};
        struct err err = key_policy_settle(&rules, cases[i].purpose, &facts);
        assert_int_equal(err.code, ERR_INVALID_FIELD);
        if (strstr(err.detail, cases[i].says) == NULL) {
            fail_msg("%s", err.detail);
        }
    }
    /* encryption has a limit of uses by itself */
    struct key_facts facts = {.rotation = {.mode = ROTATION_AUTOMATIC}};
    assert_ok(key_policy_settle(&rules, PURPOSE_ENCRYPT, &facts));
}

/* No key set is kept for longer than a version is published before its use. */
static void publishes_for_longer_than_sets_are_kept(void **state)
{
    (void)state;
    for (int64_t ahead = 1; ahead < 1000; ahead++) {
        struct rotation_policy policy = {.publish_ahead = ahead};
        assert_true(2 * plan_cache_age(&policy, rules.jwks_max_age) <= ahead);
    }
}

static void leaves_jwts_the_time_that_the_overlap_has(void **state)
{
    (void)state;
    static const struct {
        int64_t max_ttl, overlap, ttl;
    } cases[] = {{600, 0, 600}, {0, 0, HOUR}, {0, DAY, HOUR}, {0, 660, 600}, {0, 60, 0}, {0, 5, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct key_facts facts = {.rotation = {.overlap = cases[i].overlap},
                                  .jwt = {.max_ttl = cases[i].max_ttl}};
        assert_int_equal(key_policy_jwt_ttl(&facts, &rules), cases[i].ttl);
    }
}

static void begins_with_the_classs_default(void **state)
{
    (void)state;
    static const struct config_rotation config = {
        .defaults = {[CLASS_REGULATED] = {.every = DAY, .publish_ahead = HOUR}}};
    assert_int_equal(key_policy_default(&config, CLASS_REGULATED, PURPOSE_SIGN).publish_ahead,
                     HOUR);
    struct rotation_policy cipher = key_policy_default(&config, CLASS_REGULATED, PURPOSE_ENCRYPT);
    assert_int_equal(cipher.every, DAY);
    assert_int_equal(cipher.publish_ahead, 0);
    assert_int_equal(key_policy_default(&config, CLASS_PUBLIC, PURPOSE_SIGN).every, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_given_over_what_is_there),
        cmocka_unit_test(fills_in_what_an_automatic_policy_needs),
        cmocka_unit_test(refuses_with_the_arithmetic),
        cmocka_unit_test(publishes_for_longer_than_sets_are_kept),
        cmocka_unit_test(leaves_jwts_the_time_that_the_overlap_has),
        cmocka_unit_test(begins_with_the_classs_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
