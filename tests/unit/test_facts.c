/* Labels and audiences through their columns and back. */
#include "keystore/facts.h"
#include "tests/unit/base_test.h"

static void writes_what_it_reads(void **state)
{
    (void)state;
    const struct label labels[] = {{"env", "prod"}, {"quote\"", "line\nbreak"}, {"zeta", ""}};
    const char *const audiences[] = {"https://a.example", "b"};
    struct key_facts facts = {
        .labels = labels, .label_count = 3, .jwt = {.audiences = audiences, .audience_count = 2}};
    CLEANUP(buf_clear) struct buf labels_text = {0};
    CLEANUP(buf_clear) struct buf audiences_text = {0};
    assert_ok(facts_write_labels(&facts, &labels_text));
    assert_ok(facts_write_audiences(&facts, &audiences_text));

    CLEANUP(facts_text_clear) struct facts_text text = {0};
    struct key_facts back = {0};
    assert_ok(facts_read(buf_span(&labels_text), buf_span(&audiences_text), &text, &back));
    assert_int_equal(back.label_count, 3);
    assert_int_equal(back.jwt.audience_count, 2);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(back.labels[i].name, labels[i].name);
        assert_string_equal(back.labels[i].value, labels[i].value);
    }
    assert_string_equal(back.jwt.audiences[0], audiences[0]);
    assert_string_equal(back.jwt.audiences[1], audiences[1]);
}

static void writes_nothing_as_empty(void **state)
{
    (void)state;
    struct key_facts facts = {0};
    CLEANUP(buf_clear) struct buf labels = {0};
    CLEANUP(buf_clear) struct buf audiences = {0};
    assert_ok(facts_write_labels(&facts, &labels));
    assert_ok(facts_write_audiences(&facts, &audiences));
    assert_span_is(buf_span(&labels), "{}");
    assert_span_is(buf_span(&audiences), "[]");
}

static void calls_damage_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *labels;
        const char *audiences;
    } cases[] = {
        {"", "[]"},   {"[]", "[]"},  {"{\"a\":1}", "[]"},
        {"{}", "{}"}, {"{}", "[1]"}, {"{}", "[\"a\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(facts_text_clear) struct facts_text text = {0};
        struct key_facts facts = {0};
        assert_code_of(
            cases[i].labels,
            facts_read(span_text(cases[i].labels), span_text(cases[i].audiences), &text, &facts),
            ERR_CORRUPT);
        assert_int_equal(facts.label_count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(writes_nothing_as_empty),
        cmocka_unit_test(calls_damage_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
