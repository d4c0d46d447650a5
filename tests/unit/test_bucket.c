/* One bucket: what passes when, to the nanosecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/bucket.h"

#define SECOND ((int64_t)1000000000)

static const struct config_rate three = {.per_second = 3, .burst = 5};

static void test_burst_then_rate(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    int64_t now = 77 * SECOND;
    for (unsigned i = 0; i < three.burst; i++) {
        assert_int_equal(bucket_wait(&bucket, three, 1, now), 0);
        bucket_take(&bucket, three, 1, now);
    }
    /* a third of a second, rounded up: never too early */
    assert_int_equal(bucket_wait(&bucket, three, 1, now), 333333334);
    assert_int_equal(bucket_wait(&bucket, three, 1, now + 333333333), 1);
    assert_int_equal(bucket_wait(&bucket, three, 1, now + 333333334), 0);
    assert_int_equal(bucket_wait(&bucket, three, 3, now), SECOND);
}

/* Taking as early as allowed for a long time: not one item more than rate and burst allow. */
static void test_exact_over_time(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    int64_t now = SECOND;
    uint64_t taken = 0;
    while (now <= 1000 * SECOND) {
        int64_t wait = bucket_wait(&bucket, three, 1, now);
        now += wait;
        if (wait == 0) {
            bucket_take(&bucket, three, 1, now);
            taken++;
        }
    }
    assert_int_equal(taken, three.burst + 999 * three.per_second);
}

static void test_more_than_the_burst(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    int64_t now = SECOND;
    assert_int_equal(bucket_wait(&bucket, three, 11, now), 0); /* full: passes, into debt */
    bucket_take(&bucket, three, 11, now);
    assert_int_equal(bucket_wait(&bucket, three, 1, now), 7 * SECOND / 3 + 1);
    now += bucket_wait(&bucket, three, 11, now);
    assert_int_equal(now, SECOND + 11 * SECOND / 3 + 1); /* wants it full again */
    assert_true(bucket_is_full(&bucket, now));
    assert_false(bucket_is_full(&bucket, now - 1));
}

static void test_largest(void **state)
{
    (void)state;
    static const struct config_rate rates[] = {
        {1, 1}, {1, 1000000}, {1000000, 1}, {1000000, 1000000}};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct bucket bucket = {0};
        int64_t now = INT64_MAX / 4; /* 73 years of running */
        assert_int_equal(bucket_wait(&bucket, rates[i], UINT32_MAX, now), 0);
        bucket_take(&bucket, rates[i], UINT32_MAX, now);
        int64_t wait = bucket_wait(&bucket, rates[i], UINT32_MAX, now);
        assert_int_equal(wait, UINT32_MAX * SECOND / rates[i].per_second);
        assert_int_equal(bucket_wait(&bucket, rates[i], 1, now + wait), 0);
    }
}

static void test_debt_is_bounded(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    int64_t now = INT64_MAX / 4;
    for (unsigned i = 0; i < 100; i++) {
        bucket_take(&bucket, three, UINT32_MAX, now);
    }
    int64_t wait = bucket_wait(&bucket, three, three.burst, now);
    assert_true(wait > 0 && wait < INT64_MAX / 2);
    assert_int_equal(bucket_wait(&bucket, three, three.burst, now + wait), 0);
}

static void test_time_goes_back(void **state)
{
    (void)state;
    struct bucket bucket = {0};
    bucket_take(&bucket, three, 5, 10 * SECOND);
    int64_t wait = bucket_wait(&bucket, three, 1, 10 * SECOND);
    assert_int_equal(bucket_wait(&bucket, three, 1, 9 * SECOND), wait); /* gives nothing back */
    bucket_take(&bucket, three, 1, 9 * SECOND);
    assert_int_equal(bucket_wait(&bucket, three, 1, 10 * SECOND), 2 * SECOND / 3 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_then_rate),     cmocka_unit_test(test_exact_over_time),
        cmocka_unit_test(test_more_than_the_burst), cmocka_unit_test(test_largest),
        cmocka_unit_test(test_time_goes_back),      cmocka_unit_test(test_debt_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
