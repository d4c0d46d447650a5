/* Encryption context: one canonical form, no two contexts in the same bytes, limits. */
#include "base_test.h"

#include "base/encoding.h"
#include "gateway/ops/context.h"

static struct err canonical(const char *text, struct buf *out)
{
    CLEANUP(json_clear) struct json json = {0};
    assert_ok(json_parse(span_text(text), &json));
    return context_canonical(json.root, out);
}

static void no_context_and_an_empty_one_are_the_same(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    assert_ok(context_canonical(NULL, &out));
    assert_int_equal(out.len, 0);
    assert_ok(canonical("{}", &out));
    assert_int_equal(out.len, 0);
}

static void pairs_are_counted_sorted_and_prefixed(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    CLEANUP(buf_clear) struct buf hex = {0};
    assert_ok(canonical("{\"b\":\"2\",\"a\":\"\"}", &out));
    assert_ok(hex_encode(buf_span(&out), &hex));
    assert_span_is(buf_span(&hex), "02"
                                   "0001610000"
                                   "000162000132");
}

static void spelling_and_order_do_not_matter(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf a = {0};
    CLEANUP(buf_clear) struct buf b = {0};
    assert_ok(canonical("{\"tenant\":\"7\",\"b\":\"x\",\"aa\":\"y\"}", &a));
    assert_ok(canonical(" { \"b\" : \"\\u0078\", \"aa\":\"y\", \"t\\u0065nant\":\"7\" } ", &b));
    assert_true(span_equal(buf_span(&a), buf_span(&b)));
}

static void different_contexts_differ(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{}",
        "{\"a\":\"\"}",
        "{\"a\":\"b\"}",
        "{\"ab\":\"\"}",
        "{\"a\":\"bc\"}",
        "{\"ab\":\"c\"}",
        "{\"a\":\"b\",\"c\":\"d\"}",
        "{\"a\":\"d\",\"c\":\"b\"}",
        "{\"a\":\"bcd\"}",
        "{\"A\":\"b\"}",
        "{\"a\":\"b \"}",
        "{\"a\":\"\\u00e9\"}",
        "{\"a\":\"e\\u0301\"}", /* not normalised: bytes are what counts */
    };
    struct buf out[ARRAY_LEN(cases)] = {{0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_ok(canonical(cases[i], &out[i]));
        for (size_t j = 0; j < i; j++) {
            assert_false(span_equal(buf_span(&out[i]), buf_span(&out[j])));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out[i]);
    }
}

static void bad_contexts_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{\"\":\"x\"}",         "{\"a\":1}",       "{\"a\":null}", "{\"a\":true}",
        "{\"a\":{\"b\":\"\"}}", "{\"a\":[\"b\"]}",
    };
    CLEANUP(buf_clear) struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_code_of(cases[i], canonical(cases[i], &out), ERR_INVALID_FIELD);
    }
}

static void pairs_of(unsigned count, size_t value_len, struct buf *out)
{
    CLEANUP(mem_free_at) char *value = mem_alloc(value_len + 1);
    memset(value, 'v', value_len);
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "%02u", i);
        json_put_text(&writer, name, value);
    }
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
    assert_ok(buf_append_u8(out, 0));
}

static void limits_hold(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        unsigned count;
        size_t value_len;
        enum err_code code;
    } cases[] = {
        {"16 pairs", 16, 1, ERR_OK},
        {"17 pairs", 17, 1, ERR_TOO_LARGE},
        {"8 KiB", 1, 8192 - 2, ERR_OK},
        {"8 KiB and a byte", 1, 8192 - 1, ERR_TOO_LARGE},
        {"8 KiB in 16", 16, 510, ERR_OK},
        {"over 8 KiB in 16", 16, 511, ERR_TOO_LARGE},
        {"past a length's 16 bits", 1, 70000, ERR_TOO_LARGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf text = {0};
        CLEANUP(buf_clear) struct buf out = {0};
        pairs_of(cases[i].count, cases[i].value_len, &text);
        assert_code_of(cases[i].label, canonical((const char *)text.data, &out), cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_context_and_an_empty_one_are_the_same),
        cmocka_unit_test(pairs_are_counted_sorted_and_prefixed),
        cmocka_unit_test(spelling_and_order_do_not_matter),
        cmocka_unit_test(different_contexts_differ),
        cmocka_unit_test(bad_contexts_are_refused),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
