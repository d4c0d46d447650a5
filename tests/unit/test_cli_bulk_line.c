/* bulk_line and bulk_json: what a line asks of the gateway, and how its result is put in its place
 * without touching another byte. */
#include "cli/bulk_json.h"
#include "cli/bulk_line.h"
#include "cli_test.h"

/* "old" and "new", in base64 */
#define OLD "b2xk"
#define NEW "bmV3"

static void read_line(const char *text, const char *context, struct bulk_line *out)
{
    *out = (struct bulk_line){.number = 7, .taken = strlen(text) + 1};
    assert_ok(buf_append_text(&out->text, text));
    bulk_line_read(out, span_text(context));
}

static struct err answer(struct bulk_line *line, const char *text)
{
    CLEANUP(json_clear) struct json json = {0};
    assert_ok(json_parse(span_text(text), &json));
    return bulk_line_answer(line, json.root);
}

static void test_asks_and_splices(void **state)
{
    (void)state;
    static const struct {
        const char *line, *item, *result;
    } cases[] = {
        {OLD, "{\"ciphertext\":\"" OLD "\"}", NEW "\n"},
        {" \t" OLD " \r", "{\"ciphertext\":\"" OLD "\"}", " \t" NEW " \r\n"},
        {"{\"ciphertext\":\"" OLD "\"}", "{\"ciphertext\":\"" OLD "\"}",
         "{\"ciphertext\":\"" NEW "\"}\n"},
        /* order, blanks, escapes, numbers and what looks like the member stay as they are */
        {" { \"id\" : 12345678901234567890, \"x\":[1.0,1e2,{\"ciphertext\":\"z\"}],"
         "\"k\":\"\\u0041\\\"ciphertext\\\":\", \"ciphertext\" :\"" OLD "\" , \"z\":null}\r",
         "{\"ciphertext\":\"" OLD "\"}",
         " { \"id\" : 12345678901234567890, \"x\":[1.0,1e2,{\"ciphertext\":\"z\"}],"
         "\"k\":\"\\u0041\\\"ciphertext\\\":\", \"ciphertext\" :\"" NEW "\" , \"z\":null}\r\n"},
        {"{\"ciphertext\":\"+\\/8=\",\"a\":-0.123456789012345678e-10}", "{\"ciphertext\":\"+/8=\"}",
         "{\"ciphertext\":\"" NEW "\",\"a\":-0.123456789012345678e-10}\n"},
        {"{\"context\":{\"t\":\"a\\nb\"},\"ciphertext\":\"\"}",
         "{\"ciphertext\":\"\",\"context\":{\"t\":\"a\\nb\"}}",
         "{\"context\":{\"t\":\"a\\nb\"},\"ciphertext\":\"" NEW "\"}\n"},
        {"{\"a\":\"ciphertext\",\"ciphertext\":\"" OLD "\"}", "{\"ciphertext\":\"" OLD "\"}",
         "{\"a\":\"ciphertext\",\"ciphertext\":\"" NEW "\"}\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(bulk_line_clear) struct bulk_line line;
        CLEANUP(buf_clear) struct buf out = {0};
        read_line(cases[i].line, "", &line);
        assert_code_of(cases[i].line, line.err, ERR_OK);
        assert_int_equal(line.fate, BULK_ASKED);
        assert_span_is(buf_span(&line.item), cases[i].item);
        assert_ok(answer(&line, "{\"ciphertext\":\"" NEW "\",\"from_version\":1}"));
        assert_int_equal(line.fate, BULK_GOOD);
        assert_ok(bulk_line_write(&line, &out));
        assert_span_is(buf_span(&out), cases[i].result);
    }
}

static void test_context_for_lines_without_one(void **state)
{
    (void)state;
    static const struct {
        const char *line, *item;
    } cases[] = {
        {OLD, "{\"ciphertext\":\"" OLD "\",\"context\":{\"a\":\"b\"}}"},
        {"{\"ciphertext\":\"" OLD "\"}", "{\"ciphertext\":\"" OLD "\",\"context\":{\"a\":\"b\"}}"},
        {"{\"ciphertext\":\"" OLD "\",\"context\":{}}",
         "{\"ciphertext\":\"" OLD "\",\"context\":{}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(bulk_line_clear) struct bulk_line line;
        read_line(cases[i].line, "{\"a\":\"b\"}", &line);
        assert_span_is(buf_span(&line.item), cases[i].item);
    }
}

static void test_empty_lines_go_through(void **state)
{
    (void)state;
    static const char *const cases[] = {"", " ", "\r", " \t\r"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(bulk_line_clear) struct bulk_line line;
        CLEANUP(buf_clear) struct buf out = {0};
        CLEANUP(mem_free_at) char *wanted = mem_format("%s\n", cases[i]);
        read_line(cases[i], "", &line);
        assert_int_equal(line.fate, BULK_EMPTY);
        assert_ok(bulk_line_write(&line, &out));
        assert_span_is(buf_span(&out), wanted);
    }
}

static void test_bad_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum err_code code;
        const char *reject;
    } cases[] = {
        {"no base64", ERR_INVALID_BASE64, "\"input\":\"no base64\"}"},
        {"bin\xff", ERR_INVALID_BASE64, "\"input_base64\":\"Ymlu/w==\"}"},
        {"[]", ERR_INVALID_BASE64, "\"input\":\"[]\"}"},
        {"{\"a\":", ERR_INVALID_JSON, "\"input\":\"{\\\"a\\\":\"}"},
        {"{}x", ERR_INVALID_JSON, "\"input\":\"{}x\"}"},
        {"{\"a\":01234567890123456}", ERR_INVALID_JSON, "}"},
        {"{\"a\":1234567890123456.}", ERR_INVALID_JSON, "}"},
        {"{\"a\":1,\"a\":2}", ERR_DUPLICATE_FIELD, "}"},
        {"{}", ERR_INVALID_FIELD, "\"input\":\"{}\"}"},
        {"{\"ciphertext\":1}", ERR_INVALID_FIELD, "}"},
        {"{\"ciphertext\":\"!\"}", ERR_INVALID_BASE64, "}"},
        {"{\"ciphertext\":\"" OLD "\",\"context\":null}", ERR_INVALID_FIELD, "}"},
        {"{\"ciphertext\":\"" OLD "\",\"context\":{\"a\":1}}", ERR_INVALID_FIELD, "}"},
        {"{\"c\\u0069phertext\":\"" OLD "\"}", ERR_INVALID_FIELD, "}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(bulk_line_clear) struct bulk_line line;
        CLEANUP(buf_clear) struct buf out = {0};
        CLEANUP(mem_free_at)
        char *start = mem_format("{\"line\":7,\"error\":\"%s\",", err_word(cases[i].code));
        CLEANUP(mem_free_at) char *end = mem_format("%s\n", cases[i].reject);
        read_line(cases[i].line, "", &line);
        assert_int_equal(line.fate, BULK_BAD);
        assert_code_of(cases[i].line, line.err, cases[i].code);
        assert_ok(bulk_line_write_reject(&line, &out));
        assert_true(span_starts(buf_span(&out), start));
        assert_true(span_has(buf_span(&out), end));
        assert_int_equal(memchr(out.data, '\n', out.len) == out.data + out.len - 1, true);
    }
}

static void test_a_line_that_is_too_long(void **state)
{
    (void)state;
    CLEANUP(bulk_line_clear)
    struct bulk_line line = {.number = 1, .taken = BULK_LINE_MAX + 100};
    CLEANUP(buf_clear) struct buf out = {0};
    buf_init(&out, BULK_LINE_MAX * 2);
    uint8_t *place = NULL;
    assert_ok(buf_extend(&line.text, BULK_LINE_MAX, &place));
    memset(place, 'A', BULK_LINE_MAX);
    bulk_line_read(&line, span_text(""));
    assert_int_equal(line.fate, BULK_BAD);
    assert_code(line.err, ERR_TOO_LARGE);
    assert_ok(bulk_line_write_reject(&line, &out));
    assert_true(span_has(buf_span(&out), "\"input_bytes\":4194404}\n"));
}

static void test_answers(void **state)
{
    (void)state;
    CLEANUP(bulk_line_clear) struct bulk_line line;
    read_line(OLD, "", &line);
    assert_ok(answer(&line, "{\"error\":{\"code\":\"invalid_ciphertext\",\"status\":400,"
                            "\"detail\":\"cannot be opened\"}}"));
    assert_int_equal(line.fate, BULK_BAD);
    assert_code(line.err, ERR_INVALID_CIPHERTEXT);
    assert_string_equal(line.err.detail, "cannot be opened");
    static const char *const strange[] = {"{}", "{\"ciphertext\":1}", "{\"ciphertext\":\"\\\"\"}",
                                          "[]"};
    for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
        assert_code_of(strange[i], answer(&line, strange[i]), ERR_CORRUPT);
    }
}

static void test_masks_only_long_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *masked;
    } cases[] = {
        {"123456789012345", "123456789012345"},
        {"1234567890123456", "0               "},
        {"[-12345678901234567.25E+10]", "[0                        ]"},
        {"\"1234567890123456\"", "\"1234567890123456\""},
        {"\"\\\"\":1234567890123456}", "\"\\\"\":0               }"},
        {"1234567890123456.", "1234567890123456."},
        {"1234567890123456e", "1234567890123456e"},
        {"-", "-"},
        {"\"open 1234567890123456", "\"open 1234567890123456"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf text = {0};
        assert_ok(buf_append_text(&text, cases[i].text));
        bulk_json_mask_numbers(&text);
        assert_span_is(buf_span(&text), cases[i].masked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_and_splices),
        cmocka_unit_test(test_context_for_lines_without_one),
        cmocka_unit_test(test_empty_lines_go_through),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_a_line_that_is_too_long),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_masks_only_long_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
