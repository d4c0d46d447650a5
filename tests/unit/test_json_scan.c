/* What is JSON and what is not: the strict scan, through json_parse. */
#include "base_test.h"

#include "base/json.h"

static enum err_code parse_code(const char *text, size_t len)
{
    CLEANUP(json_clear) struct json json = {0};
    struct err err = json_parse(span_of(text, len), &json);
    if (err.code == ERR_OK) {
        assert_non_null(json.root);
    } else {
        assert_null(json.root);
    }
    return err.code;
}

static void check_all(const char *const *texts, size_t count, enum err_code expected)
{
    for (size_t i = 0; i < count; i++) {
        enum err_code code = parse_code(texts[i], strlen(texts[i]));
        if (code != expected) {
            fail_msg("%s: %s instead of %s", texts[i], err_word(code), err_word(expected));
        }
    }
}

static void good_texts_pass(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "\"\"",
        "0",
        "-0",
        "1",
        "-1.5",
        "1e3",
        "1E+3",
        "1e-3",
        "0.0",
        "true",
        "false",
        "null",
        " \t\r\n{ \"a\" : [ 1 , 2 ] } \n",
        "{\"\":1}",
        "[[[[]]]]",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\\ud83d\\uDD11\"",
        "\"\xC3\xA9\"",
        "\"\xE2\x82\xAC\"",
        "\"\xF0\x9F\x94\x91\"",
        "\"\xF4\x8F\xBF\xBF\"",
        "\"\xED\x9F\xBF\"",
        "\"\x7F\"",
        "9007199254740992",
        "-9007199254740992",
        "9007199254740994",
        "100000000000000000000",
        "1e300",
        "0.1",
        "123456789012345678.5",
        "\"12345678\\n90123456789\"",
        "{\"a\":1,\"A\":2}",
        "{\"a\":{\"a\":{\"a\":1}}}",
    };
    check_all(texts, ARRAY_LEN(texts), ERR_OK);
}

static void bad_grammar_fails(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{a:1}",
        "{'a':1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{1:2}",
        "[}",
        "{]",
        "{} {}",
        "{}x",
        "[]]",
        "1 2",
        "nul",
        "nulll",
        "True",
        "NULL",
        "tru",
        "+1",
        "01",
        "-01",
        "-",
        ".5",
        "5.",
        "1e",
        "1e+",
        "1.e3",
        "0x10",
        "1_0",
        "NaN",
        "Infinity",
        "-Infinity",
        "--1",
        "1.2.3",
        "// c\n{}",
        "{}/*c*/",
        "\xEF\xBB\xBF{}",
        "\v{}",
        "\f{}",
        "{}\v",
        "\x01{}",
        "\"",
        "\"abc",
        "\"\\\"",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\u12G4\"",
        "\"\\u\"",
        "\"\\",
        "\"\\U0041\"",
        "\"\n\"",
        "\"\t\"",
        "\"\x1F\"",
        "\"12345678\x1F\"",
        "\"abc\x1F|efgh12345678\"",
        "\"abc\ndefgh12345678\"",
        "\"12345678\n901234\"",
        "undefined",
        "[undefined]",
        "{\"a\":1}\"",
        "'a'",
        "[1,,2]",
        "{\"a\"::1}",
        "\"\\u00",
        "\"\\ud83d\\u",
    };
    check_all(texts, ARRAY_LEN(texts), ERR_INVALID_JSON);
}

static void bad_text_fails(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\"\\u0000\"",
        "{\"\\u0000\":1}",
        "\"\\ud83d\"",
        "\"\\udd11\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ud83d\\ud83d\"",
        "\"\\udd11\\ud83d\"",
        "\"\x80\"",
        "\"\xC3\"",
        "\"\xC3(\"",
        "\"\xC0\xAF\"",
        "\"\xC1\xBF\"",
        "\"\xE0\x80\xAF\"",
        "\"\xE0\x9F\xBF\"",
        "\"\xED\xA0\x80\"",
        "\"\xED\xBF\xBF\"",
        "\"\xF0\x80\x80\xAF\"",
        "\"\xF0\x8F\xBF\xBF\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xF5\x80\x80\x80\"",
        "\"\xF8\x88\x80\x80\x80\"",
        "\"\xFF\"",
        "\"\xFE\"",
        "\"\xE2\x82\"",
        "\"\xF0\x9F\x94\"",
        "\"\xE2\x82",
        "\"abcdefgh\x80\"",
    };
    check_all(texts, ARRAY_LEN(texts), ERR_INVALID_JSON);
    assert_int_equal(parse_code("\"a\0b\"", 5), ERR_INVALID_JSON);
    assert_int_equal(parse_code("{}\0", 3), ERR_INVALID_JSON);
    assert_int_equal(parse_code("\0{}", 3), ERR_INVALID_JSON);
}

static void numbers_that_would_change_fail(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "9007199254740993",
        "-9007199254740993",
        "18446744073709551615",
        "1e999",
        "-1e999",
        "[12345678901234567890]",
        "0.1234567890123456789012345678901234567890123456789012345678901234567890",
    };
    check_all(texts, ARRAY_LEN(texts), ERR_INVALID_JSON);
}

static void sixteen_levels_are_the_limit(void **state)
{
    (void)state;
    char text[64];
    memset(text, '[', 16);
    memset(text + 16, ']', 16);
    assert_int_equal(parse_code(text, 32), ERR_OK);
    memset(text, '[', 17);
    memset(text + 17, ']', 17);
    assert_int_equal(parse_code(text, 34), ERR_INVALID_JSON);
    CLEANUP(buf_clear) struct buf deep = {0};
    uint8_t *place = NULL;
    assert_ok(buf_extend(&deep, 1 << 20, &place));
    memset(place, '[', 1 << 20);
    assert_int_equal(parse_code((const char *)place, 1 << 20), ERR_INVALID_JSON);
}

static void errors_name_the_byte(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *detail;
    } cases[] = {
        {"", "not JSON: the text is empty"},
        {"{\"a\":1,}", "not JSON: a name is expected at byte 7"},
        {"[1 2]", "not JSON: ',' is expected at byte 3"},
        {"{} x", "not JSON: something after the value at byte 3"},
        {"\"ab\x01\"", "not JSON: a control character in text at byte 3"},
        {"[1,", "not JSON: the text ends too early at byte 3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json json = {0};
        struct err err = json_parse(span_text(cases[i].text), &json);
        assert_string_equal(err.detail, cases[i].detail);
    }
}

/* Every cut of a document fails, and nothing reads past the end (the copy has no byte more). */
static void every_cut_fails(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1.5e3,true,null,\"\\ud83d\\udd11\xC3\xA9\"],\"b\":{}}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        CLEANUP(mem_free_at) char *cut = mem_copy(text, len);
        assert_int_equal(parse_code(cut, len), ERR_INVALID_JSON);
    }
    assert_int_equal(parse_code(text, sizeof(text) - 1), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_pass),
        cmocka_unit_test(bad_grammar_fails),
        cmocka_unit_test(bad_text_fails),
        cmocka_unit_test(numbers_that_would_change_fail),
        cmocka_unit_test(sixteen_levels_are_the_limit),
        cmocka_unit_test(errors_name_the_byte),
        cmocka_unit_test(every_cut_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
