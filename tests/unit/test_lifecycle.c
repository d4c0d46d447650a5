/* All 64 pairs of states, and what each state may still do. */
#include "rotation/rotation.h"
#include "tests/unit/base_test.h"

/* Row: from; column: to; in the order of the enum. */
static const char *const table[] = {
    /* P A R T D C S X */
    ". x . . . x x .", /* pending */
    ". . x . x x . .", /* active */
    ". x . x x x . .", /* retiring */
    ". . . . x x x .", /* retired */
    ". x x x . x x .", /* disabled */
    ". . . . . . x .", /* compromised */
    ". . . x . x . x", /* destroy-scheduled */
    ". . . . . . . .", /* destroyed */
};

static void allows_exactly_the_table(void **state)
{
    (void)state;
    for (size_t from = 0; from < 8; from++) {
        for (size_t to = 0; to < 8; to++) {
            bool expected = table[from][2 * to] == 'x';
            enum version_state a = (enum version_state)(from + 1);
            enum version_state b = (enum version_state)(to + 1);
            if (lifecycle_allows(a, b) != expected) {
                fail_msg("%s -> %s", version_state_name(a), version_state_name(b));
            }
        }
    }
}

static void allows_nothing_outside(void **state)
{
    (void)state;
    assert_false(lifecycle_allows((enum version_state)0, VERSION_ACTIVE));
    assert_false(lifecycle_allows(VERSION_STATE_END, VERSION_ACTIVE));
    assert_false(lifecycle_allows(VERSION_PENDING, (enum version_state)0));
    assert_false(lifecycle_allows(VERSION_PENDING, VERSION_STATE_END));
    assert_false(lifecycle_allows(VERSION_PENDING, (enum version_state)33));
}

static void writes_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        enum version_state from;
        const char *text;
    } cases[] = {
        {VERSION_PENDING, "active, compromised, destroy-scheduled"},
        {VERSION_COMPROMISED, "destroy-scheduled"},
        {VERSION_DESTROYED, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf text = {0};
        lifecycle_allowed(cases[i].from, &text);
        assert_span_is(buf_span(&text), cases[i].text);
    }
}

static void knows_what_a_state_may_do(void **state)
{
    (void)state;
    static const struct {
        enum version_state state;
        bool protects;
        bool opens;
        bool published;
    } cases[] = {
        {VERSION_PENDING, false, false, true},
        {VERSION_ACTIVE, true, true, true},
        {VERSION_RETIRING, false, true, true},
        {VERSION_RETIRED, false, true, false},
        {VERSION_DISABLED, false, false, false},
        {VERSION_COMPROMISED, false, false, false},
        {VERSION_DESTROY_SCHEDULED, false, false, false},
        {VERSION_DESTROYED, false, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(lifecycle_protects(cases[i].state), cases[i].protects);
        assert_int_equal(lifecycle_opens(cases[i].state), cases[i].opens);
        assert_int_equal(lifecycle_published(cases[i].state), cases[i].published);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allows_exactly_the_table),
        cmocka_unit_test(allows_nothing_outside),
        cmocka_unit_test(writes_what_is_allowed),
        cmocka_unit_test(knows_what_a_state_may_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
