/* Who may do what: no, unless a rule says yes. */
#include "base_test.h"

#include "gateway/policy.h"

static const char *const administrators[] = {"token:admin", "unix:0"};
static const struct policy policy = {.administrators = administrators,
                                     .administrator_count = ARRAY_LEN(administrators)};

static void administrators_alone_may(void **state)
{
    (void)state;
    static const struct {
        const char *principal;
        bool may;
    } rows[] = {
        {"token:admin", true}, {"unix:0", true},        {"", false},
        {"token:admi", false}, {"token:admin2", false}, {"Token:admin", false},
        {"unix:00", false},    {"unix:1000", false},    {"admin", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct policy_question question = {.principal = span_text(rows[i].principal),
                                                 .operation = "sign",
                                                 .key = span_text("a/b")};
        assert_int_equal(policy_allows(&policy, &question), rows[i].may);
        assert_int_equal(policy_is_administrator(&policy, question.principal), rows[i].may);
    }
}

static void without_rules_nobody_may(void **state)
{
    (void)state;
    const struct policy none = {0};
    const struct policy_question question = {.principal = span_text("unix:0"), .operation = "read"};
    assert_false(policy_allows(&none, &question));
}

/* An empty line among the administrators lets nobody in. */
static void an_unknown_caller_is_no_administrator(void **state)
{
    (void)state;
    static const char *const empty[] = {""};
    const struct policy odd = {.administrators = empty, .administrator_count = 1};
    const struct policy_question question = {.principal = span_text(""), .operation = "read"};
    assert_false(policy_allows(&odd, &question));
}

static void what_reveals_needs_approval(void **state)
{
    (void)state;
    static const struct {
        const char *operation;
        bool needs;
    } rows[] = {
        {"decrypt", true},   {"unwrap", true}, {"rewrap", true}, {"encrypt", false},
        {"data-key", false}, {"sign", false},  {"read", false},  {"rotate", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(policy_needs_approval(rows[i].operation), rows[i].needs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(administrators_alone_may),
        cmocka_unit_test(without_rules_nobody_may),
        cmocka_unit_test(an_unknown_caller_is_no_administrator),
        cmocka_unit_test(what_reveals_needs_approval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
