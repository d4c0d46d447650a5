/* The rules of key names, namespaces and pinned versions. */
#include "base_test.h"

#include "base/name.h"

#define SEGMENT_63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static void good_names_pass(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a/b",  "0/9",  "payments/prod/card-dek",  "a/b/c/d/e/f", "a.b_c-d/e.f",
        "a/b-", "a/b.", SEGMENT_63 "/" SEGMENT_63,
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_code_of(names[i], name_check(span_text(names[i])), ERR_OK);
    }
}

static void bad_names_fail(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "a",
        "/",
        "a/",
        "/a",
        "a//b",
        "a/b/",
        "/a/b",
        "a/b/c/d/e/f/g",
        "A/b",
        "a/B",
        "a/-b",
        "a/.b",
        "a/_b",
        "a/..",
        "../b",
        "a/b..c",
        "a/b c",
        "a/b%41",
        "a/b:sign",
        "a/b@1",
        "a/b\n",
        "a/\xC3\xA9",
        "a/b\x7F",
        "a\\b/c",
        SEGMENT_63 "g/b",
        "a/" SEGMENT_63 "g",
        SEGMENT_63 "/" SEGMENT_63 "/" SEGMENT_63 "/aaaaaaaaa",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_code_of(names[i], name_check(span_text(names[i])), ERR_INVALID_NAME);
    }
    assert_code(name_check(span_of("a/b\0c", 5)), ERR_INVALID_NAME);
    assert_code(name_check((struct span){0}), ERR_INVALID_NAME);
}

static void two_hundred_characters_are_the_limit(void **state)
{
    (void)state;
    const char *longest = SEGMENT_63 "/" SEGMENT_63 "/" SEGMENT_63 "/aaaaaaaa";
    assert_int_equal(strlen(longest), NAME_MAX_LEN);
    assert_ok(name_check(span_text(longest)));
}

static void namespaces_have_one_to_five_segments(void **state)
{
    (void)state;
    assert_ok(name_check_namespace(span_text("a")));
    assert_ok(name_check_namespace(span_text("a/b/c/d/e")));
    assert_code(name_check_namespace(span_text("a/b/c/d/e/f")), ERR_INVALID_NAME);
    assert_code(name_check_namespace(span_text("")), ERR_INVALID_NAME);
    assert_code(name_check_namespace(span_text("a/")), ERR_INVALID_NAME);
    assert_span_is(name_namespace(span_text("payments/prod/card-dek")), "payments/prod");
    assert_span_is(name_namespace(span_text("a/b")), "a");
}

static void versions_split_off(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t version;
    } good[] = {{"a/b", 0}, {"a/b@1", 1}, {"a/b@30", 30}, {"a/b@2147483647", 2147483647}};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct span name = {0};
        uint32_t version = 99;
        assert_code_of(good[i].text, name_split_version(span_text(good[i].text), &name, &version),
                       ERR_OK);
        assert_span_is(name, "a/b");
        assert_int_equal(version, good[i].version);
    }
    static const char *const bad[] = {
        "a/b@",  "a/b@0",   "a/b@01",         "a/b@-1", "a/b@+1", "a/b@1 ",
        "a/b@x", "a/b@1@2", "a/b@2147483648", "@1",     "a@1",    "a/b@99999999999999999999999999",
        ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct span name = {0};
        uint32_t version = 99;
        assert_code_of(bad[i], name_split_version(span_text(bad[i]), &name, &version),
                       ERR_INVALID_NAME);
        assert_int_equal(version, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names_pass),
        cmocka_unit_test(bad_names_fail),
        cmocka_unit_test(two_hundred_characters_are_the_limit),
        cmocka_unit_test(namespaces_have_one_to_five_segments),
        cmocka_unit_test(versions_split_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
