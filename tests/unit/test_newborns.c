/* Keys of the last ten minutes, the newest 256 of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pkcs11/newborns.h"

#define S ((int64_t)1000000000)

static void test_remembers_for_a_while(void **state)
{
    (void)state;
    CLEANUP(newborns_clear) struct newborns newborns;
    newborns_init(&newborns);
    assert_false(newborns_has(&newborns, span_text("one"), 0));
    assert_false(newborns_has(&newborns, span_of("", 0), 0));
    newborns_note(&newborns, span_text("one"), 5 * S);
    newborns_note(&newborns, span_text("two"), 6 * S);
    assert_true(newborns_has(&newborns, span_text("one"), 5 * S));
    assert_true(newborns_has(&newborns, span_text("two"), 7 * S));
    assert_false(newborns_has(&newborns, span_text("on"), 7 * S));
    assert_true(newborns_has(&newborns, span_text("one"), (5 + NEWBORNS_TIME_S) * S - 1));
    assert_false(newborns_has(&newborns, span_text("one"), (5 + NEWBORNS_TIME_S) * S));
    assert_true(newborns_has(&newborns, span_text("two"), (5 + NEWBORNS_TIME_S) * S));
}

static void test_forgets_the_oldest(void **state)
{
    (void)state;
    CLEANUP(newborns_clear) struct newborns newborns;
    newborns_init(&newborns);
    newborns_note(&newborns, span_text("first"), 0);
    for (uint32_t i = 1; i < NEWBORNS_MAX; i++) {
        newborns_note(&newborns, span_of(&i, sizeof(i)), 0);
    }
    assert_true(newborns_has(&newborns, span_text("first"), 0));
    newborns_note(&newborns, span_text("one more"), 0);
    assert_false(newborns_has(&newborns, span_text("first"), 0));
    assert_true(newborns_has(&newborns, span_text("one more"), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembers_for_a_while),
        cmocka_unit_test(test_forgets_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
