/* What came before is found, what is new is let pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pkcs11/repeats.h"

static struct repeats repeats;

static bool is_new(uint32_t number, size_t len)
{
    uint8_t bytes[32] = {0};
    memcpy(bytes, &number, sizeof(number));
    return repeats_are_new(&repeats, span_of(bytes, len));
}

static int make(void **state)
{
    (void)state;
    repeats_init(&repeats);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    repeats_clear(&repeats);
    return 0;
}

static void test_at_once(void **state)
{
    (void)state;
    assert_true(is_new(0, 12)); /* zeroes are bytes like others, the first time */
    assert_false(is_new(0, 12));
    assert_false(is_new(0, 12));
    assert_true(is_new(0, 13));
    assert_true(is_new(1, 12));
    assert_false(is_new(1, 12));
}

static void test_many_new_ones(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20 * REPEATS_MAX; i++) {
        assert_true(is_new(i, 12));
    }
}

/* A generator that begins again is found within its first round, if that is short enough. */
static void test_a_short_cycle(void **state)
{
    (void)state;
    unsigned found = 0;
    for (uint32_t i = 0; i < REPEATS_MAX / 4; i++) {
        assert_true(is_new(i, 32));
    }
    for (uint32_t i = 0; i < REPEATS_MAX / 4; i++) {
        found += is_new(i, 32) ? 0 : 1;
    }
    assert_true(found > REPEATS_MAX / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_at_once, make, drop),
        cmocka_unit_test_setup_teardown(test_many_new_ones, make, drop),
        cmocka_unit_test_setup_teardown(test_a_short_cycle, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
