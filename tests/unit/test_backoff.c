/* test_backoff: the pauses between starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pkcs11/backoff.h"

static void test_pauses(void **state)
{
    (void)state;
    static const struct {
        unsigned deaths;
        bool was_ready;
        int64_t pause_ms;
    } cases[] = {
        {1, true, 0},
        {2, true, 50},
        {3, true, 100},
        {4, true, 200},
        {5, true, 400},
        {6, true, 500},
        {999, true, 500},
        {1, false, 50},
        {2, false, 100},
        {3, false, 200},
        {8, false, 6400},
        {9, false, 10000},
        {0xFFFFFFFF, false, 10000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t pause = backoff_ms(cases[i].deaths, cases[i].was_ready);
        assert_int_equal(pause, cases[i].pause_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
