/* Whether a version may go, and how sure that is. */
#include <string.h>

#include "tests/unit/plan_test.h"

#define BACK (BACK_S * SECOND)

struct wanted {
    const char *what;
    enum algorithm algorithm;
    enum version_state state;
    int64_t opened, protected; /* ms from START; 0: never */
    int64_t jwt;
    bool raw;
    uint64_t count;
    int64_t recorded; /* since, ms from START */
    bool adopted;
    int64_t now;
    enum retire_verdict needed;
    enum retire_sure sure;
    int64_t until; /* ms from START; 0: not said */
};

static void judge(const struct wanted *wanted)
{
    CLEANUP(thought_clear) struct thought key;
    think(&key, wanted->algorithm, (struct rotation_policy){0});
    struct version *version = &key.versions[0];
    struct uses *uses = version->uses;
    version->state = wanted->state;
    version->adopted = wanted->adopted;
    uses->recorded_since = START + wanted->recorded;
    atomic_store(&uses->count, wanted->count);
    atomic_store(&uses->kind_at[USE_OPEN], wanted->opened != 0 ? START + wanted->opened : 0);
    atomic_store(&uses->kind_at[USE_PROTECT],
                 wanted->protected != 0 ? START + wanted->protected : 0);
    atomic_store(&uses->jwt_expires_at, wanted->jwt != 0 ? START + wanted->jwt : 0);
    atomic_store(&uses->raw_signature_at, wanted->raw ? START + 1 : 0);
    struct retire_check check;
    retire_check(&key.key, version, &rules, START + wanted->now, &check);
    int64_t until = wanted->until != 0 ? START + wanted->until : check.needed_until;
    if (check.needed != wanted->needed || check.sure != wanted->sure ||
        check.needed_until != until) {
        fail_msg("%s: needed %s, %s, until %lld", wanted->what, retire_needed_name(check.needed),
                 retire_sure_name(check.sure), (long long)(check.needed_until - START));
    }
    for (size_t i = 0; i < check.count; i++) {
        assert_true(strlen(check.findings[i].detail) > 10);
    }
}

static void judges_by_what_was_recorded(void **state)
{
    (void)state;
    static const struct wanted cases[] = {
        {.what = "the primary",
         .algorithm = ALGORITHM_AES_256_GCM,
         .state = VERSION_ACTIVE,
         .now = 90 * DAY,
         .needed = RETIRE_NEEDS,
         .sure = RETIRE_CERTAIN},
        {.what = "never used",
         .algorithm = ALGORITHM_AES_256_GCM,
         .state = VERSION_RETIRED,
         .now = DAY,
         .needed = RETIRE_FREE,
         .sure = RETIRE_CERTAIN},
        {.what = "opened yesterday",
         .algorithm = ALGORITHM_AES_256_GCM,
         .state = VERSION_RETIRED,
         .opened = 89 * DAY,
         .count = 5,
         .now = 90 * DAY,
         .needed = RETIRE_NEEDS,
         .sure = RETIRE_CERTAIN,
         .until = 89 * DAY + BACK},
        {.what = "opened long ago",
         .algorithm = ALGORITHM_AES_256_GCM,
         .state = VERSION_RETIRED,
         .opened = DAY,
         .count = 5,
         .now = 90 * DAY,
         .needed = RETIRE_FREE,
         .sure = RETIRE_RECORDED},
        {.what = "recorded since yesterday only",
         .algorithm = ALGORITHM_AES_256_GCM,
         .state = VERSION_RETIRED,
         .count = 5,
         .recorded = 89 * DAY,
         .now = 90 * DAY,
         .needed = RETIRE_UNKNOWN,
         .sure = RETIRE_UNSURE},
        {.what = "recorded for the look-back, not since it was made",
         .algorithm = ALGORITHM_AES_256_GCM,
         .state = VERSION_RETIRED,
         .count = 5,
         .recorded = 10 * DAY,
         .now = 90 * DAY,
         .needed = RETIRE_FREE,
         .sure = RETIRE_RECORDED},
        {.what = "a JWT is valid, and the skew",
         .algorithm = ALGORITHM_ECDSA_P256,
         .state = VERSION_RETIRED,
         .jwt = 90 * DAY + MINUTE,
         .now = 90 * DAY + MINUTE + SKEW_S * SECOND - 1,
         .needed = RETIRE_NEEDS,
         .sure = RETIRE_CERTAIN,
         .until = 90 * DAY + MINUTE + SKEW_S * SECOND},
        {.what = "all JWTs have expired and nothing else was signed",
         .algorithm = ALGORITHM_ECDSA_P256,
         .state = VERSION_RETIRED,
         .jwt = DAY,
         .protected = DAY,
         .count = 100,
         .now = 90 * DAY,
         .needed = RETIRE_FREE,
         .sure = RETIRE_CERTAIN},
        {.what = "raw signatures may be anywhere",
         .algorithm = ALGORITHM_ECDSA_P256,
         .state = VERSION_RETIRED,
         .raw = true,
         .protected = DAY,
         .count = 1,
         .now = 90 * DAY,
         .needed = RETIRE_FREE,
         .sure = RETIRE_RECORDED},
        {.what = "adopted, so others may have used it",
         .algorithm = ALGORITHM_ECDSA_P256,
         .state = VERSION_RETIRED,
         .adopted = true,
         .now = 90 * DAY,
         .needed = RETIRE_FREE,
         .sure = RETIRE_RECORDED},
        {.what = "verified yesterday",
         .algorithm = ALGORITHM_ECDSA_P256,
         .state = VERSION_RETIRED,
         .opened = 89 * DAY,
         .now = 90 * DAY,
         .needed = RETIRE_NEEDS,
         .sure = RETIRE_CERTAIN,
         .until = 89 * DAY + BACK},
        {.what = "disabled, so nobody can",
         .algorithm = ALGORITHM_HMAC_SHA256,
         .state = VERSION_DISABLED,
         .now = 90 * DAY,
         .needed = RETIRE_FREE,
         .sure = RETIRE_CERTAIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        judge(&cases[i]);
    }
}

static void has_a_name_for_everything(void **state)
{
    (void)state;
    for (enum retire_what what = 0; what < RETIRE_WHAT_COUNT; what++) {
        assert_non_null(retire_what_name(what));
    }
    assert_string_equal(retire_verdict_name(RETIRE_NEEDS), "needs");
    assert_string_equal(retire_needed_name(RETIRE_NEEDS), "yes");
    assert_string_equal(retire_sure_name(RETIRE_UNSURE), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_by_what_was_recorded),
        cmocka_unit_test(has_a_name_for_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
