/* One maker per key at a time. */
#include "keystore/claims.h"
#include "tests/unit/base_test.h"

static void gives_a_name_to_one(void **state)
{
    (void)state;
    CLEANUP(claims_clear) struct claims claims;
    claims_init(&claims);
    assert_true(claims_take(&claims, span_text("a/b")));
    assert_false(claims_take(&claims, span_text("a/b")));
    assert_true(claims_take(&claims, span_text("a/bc")));
    assert_true(claims_take(&claims, span_text("a/c")));
    claims_drop(&claims, span_text("a/b"));
    assert_false(claims_take(&claims, span_text("a/bc")));
    assert_false(claims_take(&claims, span_text("a/c")));
    assert_true(claims_take(&claims, span_text("a/b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_a_name_to_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
