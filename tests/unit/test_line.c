/* The order of a line, whoever leaves it and from where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pkcs11/line.h"

#define COUNT 4

static void assert_order(const struct line *line, struct line_place *const *expected,
                         unsigned count)
{
    const struct line_place *place = line->first;
    assert_int_equal(line->count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_ptr_equal(place, expected[i]);
        assert_true(i + 1 < count || line->last == place);
        place = place->next;
    }
    assert_null(place);
}

static void test_leaving(void **state)
{
    (void)state;
    for (unsigned leaver = 0; leaver < COUNT; leaver++) {
        struct line line = {0};
        struct line_place places[COUNT];
        struct line_place *expected[COUNT];
        unsigned left = 0;
        for (unsigned i = 0; i < COUNT; i++) {
            line_join(&line, &places[i]);
            if (i != leaver) {
                expected[left++] = &places[i];
            }
        }
        line_leave(&line, &places[leaver]);
        assert_order(&line, expected, left);
        line_join(&line, &places[leaver]); /* at the end */
        expected[left++] = &places[leaver];
        assert_order(&line, expected, left);
        line_call_first(&line);
        line_call_all(&line);
        for (unsigned i = COUNT; i-- > 0;) {
            line_leave(&line, &places[i]);
        }
        assert_order(&line, NULL, 0);
        line_call_first(&line); /* nobody: nothing */
        line_call_all(&line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_leaving)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
