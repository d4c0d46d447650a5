/* The words of states and classifications are part of the wire contract. */
#include "keystore/keystore.h"
#include "tests/unit/base_test.h"

static void names_states_as_the_api(void **state)
{
    (void)state;
    static const char *const names[] = {"pending",           "active",   "retiring",
                                        "retired",           "disabled", "compromised",
                                        "destroy-scheduled", "destroyed"};
    assert_int_equal(ARRAY_LEN(names), VERSION_STATE_END - VERSION_PENDING);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_string_equal(version_state_name((enum version_state)(i + 1)), names[i]);
    }
}

static void names_classifications_both_ways(void **state)
{
    (void)state;
    static const char *const names[] = {"public", "internal", "confidential", "regulated"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        enum classification found = CLASS_COUNT;
        assert_string_equal(classification_name((enum classification)i), names[i]);
        assert_true(classification_by_name(span_text(names[i]), &found));
        assert_int_equal(found, i);
    }
}

static void refuses_other_classifications(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "Public", "secret", "publi", "public "};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        enum classification found = CLASS_INTERNAL;
        assert_false(classification_by_name(span_text(bad[i]), &found));
        assert_int_equal(found, CLASS_INTERNAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_states_as_the_api),
        cmocka_unit_test(names_classifications_both_ways),
        cmocka_unit_test(refuses_other_classifications),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
