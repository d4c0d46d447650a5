/* Patterns of key names: what may be written, what they match, which meet and which hold others. */
#include "base_test.h"

#include "gateway/policy.h"

static void what_may_be_written(void **state)
{
    (void)state;
    static const char *const good[] = {"**",       "a/b",          "a/*",   "a/**",   "*/b",
                                       "*/*",      "*/**",         "a/*/c", "a/*/**", "a/b/c/d/e/f",
                                       "a.b/0c-d", "a/b/c/d/e/**", "0/9"};
    static const char *const bad[] = {
        "",     "*",     "a",      "a/",     "/a/b", "a//b",          "a/b*",
        "a/*b", "**/b",  "a/**/b", "a/***",  "A/b",  "a/b/c/d/e/f/g", "a/b/c/d/e/f/**",
        "a/?",  "a/[b]", "a/b ",   "a/../b", "a/.b", "a/b@1",         "a/%2a",
        "***",  "a/-b",  "a\n/b"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_code_of(good[i], policy_check_pattern(span_text(good[i])), ERR_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_code_of(bad[i], policy_check_pattern(span_text(bad[i])), ERR_INVALID_FIELD);
    }
}

static void what_they_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool matches;
    } rows[] = {
        {"**", "a/b", true},         {"**", "a/b/c/d/e/f", true}, {"**", "", false},
        {"a/b", "a/b", true},        {"a/b", "a/bb", false},      {"a/b", "a", false},
        {"a/b", "a/b/c", false},     {"a/*", "a/b", true},        {"a/*", "a/b/c", false},
        {"a/*", "a", false},         {"a/**", "a/b", true},       {"a/**", "a/b/c", true},
        {"a/**", "a", false},        {"a/**", "ab/c", false},     {"*/b", "x/b", true},
        {"*/b", "x/y/b", false},     {"a/*/c", "a/x/c", true},    {"a/*/c", "a/x/y", false},
        {"a/*/**", "a/x/y/z", true}, {"a/*/**", "a/x", false},    {"*/*", "a/b", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (policy_matches(rows[i].pattern, span_text(rows[i].name)) != rows[i].matches) {
            fail_msg("%s and %s", rows[i].pattern, rows[i].name);
        }
    }
}

static void which_meet_and_hold(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool meet;
        bool a_holds_b;
    } rows[] = {
        {"**", "**", true, true},        {"**", "a/*", true, true},
        {"a/*", "**", true, false},      {"a/**", "a/*", true, true},
        {"a/*", "a/**", true, false},    {"a/*", "a/b", true, true},
        {"a/b", "a/*", true, false},     {"a/b", "a/b", true, true},
        {"a/b", "a/c", false, false},    {"a/*", "b/*", false, false},
        {"*/b", "a/*", true, false},     {"*/b", "a/c", false, false},
        {"a/*", "a/b/c", false, false},  {"a/**", "a/b/c", true, true},
        {"a/*/**", "a/b", false, false}, {"a/*/**", "a/b/**", true, true},
        {"*/*", "a/b", true, true},      {"*/*", "a/**", true, false},
        {"a/*", "a/*", true, true},      {"a/**", "ab/c", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool right = policy_patterns_meet(rows[i].a, rows[i].b) == rows[i].meet &&
                     policy_patterns_meet(rows[i].b, rows[i].a) == rows[i].meet &&
                     policy_pattern_holds(rows[i].a, rows[i].b) == rows[i].a_holds_b;
        if (!right) {
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_be_written),
        cmocka_unit_test(what_they_match),
        cmocka_unit_test(which_meet_and_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
