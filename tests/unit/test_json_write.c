/* Writing JSON: shapes, escapes, numbers, times, and errors that stick. */
#include "base_test.h"

#include <math.h>

#include "base/json.h"

static void shapes_and_commas(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    struct json_writer writer = json_writer_on(&out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "a", "x");
    json_begin_array(&writer, "b");
    json_put_integer(&writer, NULL, 1);
    json_begin_object(&writer, NULL);
    json_end_object(&writer);
    json_begin_array(&writer, NULL);
    json_end_array(&writer);
    json_end_array(&writer);
    json_put_flag(&writer, "c", true);
    json_put_flag(&writer, "d", false);
    json_put_null(&writer, "e");
    json_put_raw(&writer, "f", span_text("{\"raw\":1}"));
    json_put_bytes(&writer, "g", span_of("\xFB\xFF", 2));
    json_put_bytes_url(&writer, "h", span_of("\xFB\xFF", 2));
    json_put_hex(&writer, "i", span_of("\xFB\xFF", 2));
    json_put_bytes(&writer, "j", (struct span){0});
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
    assert_span_is(buf_span(&out),
                   "{\"a\":\"x\",\"b\":[1,{},[]],\"c\":true,\"d\":false,\"e\":null,"
                   "\"f\":{\"raw\":1},\"g\":\"+/8=\",\"h\":\"-_8\",\"i\":\"fbff\",\"j\":\"\"}");
}

static void text_is_escaped_and_made_valid(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        const char *out;
    } cases[] = {
        {"", 0, "\"\""},
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\""},
        {"\0\x01\x1F\x7F", 4, "\"\\u0000\\u0001\\u001f\x7F\""},
        {"\xC3\xA9\xF0\x9F\x94\x91", 6, "\"\xC3\xA9\xF0\x9F\x94\x91\""},
        {"a\xFF"
         "b",
         3,
         "\"a\xEF\xBF\xBD"
         "b\""},
        {"\xC3", 1, "\"\xEF\xBF\xBD\""},
        {"\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xC0\x80", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf out = {0};
        struct json_writer writer = json_writer_on(&out);
        json_put_span(&writer, NULL, span_of(cases[i].in, cases[i].len));
        assert_ok(json_finish(&writer));
        assert_span_is(buf_span(&out), cases[i].out);
    }
    CLEANUP(buf_clear) struct buf out = {0};
    struct json_writer writer = json_writer_on(&out);
    json_begin_object(&writer, NULL);
    json_put_null(&writer, "a\"\n");
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
    assert_span_is(buf_span(&out), "{\"a\\\"\\n\":null}");
}

static void integers_are_exact(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    struct json_writer writer = json_writer_on(&out);
    json_begin_array(&writer, NULL);
    json_put_integer(&writer, NULL, INT64_MIN);
    json_put_integer(&writer, NULL, INT64_MAX);
    json_put_integer(&writer, NULL, 0);
    json_put_number(&writer, NULL, 0.1);
    json_put_number(&writer, NULL, 1.0 / 3);
    json_put_number(&writer, NULL, 2);
    json_end_array(&writer);
    assert_ok(json_finish(&writer));
    assert_span_is(buf_span(&out), "[-9223372036854775808,9223372036854775807,0,0.1,"
                                   "0.33333333333333331,2]");
}

static void times_drop_empty_milliseconds(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    struct json_writer writer = json_writer_on(&out);
    json_begin_array(&writer, NULL);
    json_put_time(&writer, NULL, 1767323045000);
    json_put_time(&writer, NULL, 1767323045678);
    json_put_time(&writer, NULL, 1767323045600);
    json_end_array(&writer);
    assert_ok(json_finish(&writer));
    assert_span_is(buf_span(&out), "[\"2026-01-02T03:04:05Z\",\"2026-01-02T03:04:05.678Z\","
                                   "\"2026-01-02T03:04:05.600Z\"]");
}

static void what_is_not_there_is_left_out(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {0};
    struct json_writer writer = json_writer_on(&out);
    json_begin_object(&writer, NULL);
    json_put_text_if(&writer, "a", NULL);
    json_put_text_if(&writer, "b", "");
    json_put_text_if(&writer, "c", " ");
    json_put_time_if(&writer, "d", 0);
    json_put_time_if(&writer, "e", 1);
    json_end_object(&writer);
    assert_ok(json_finish(&writer));
    assert_span_is(buf_span(&out), "{\"c\":\" \",\"e\":\"1970-01-01T00:00:00.001Z\"}");
}

static void values_are_written_as_they_were_read(void **state)
{
    (void)state;
    static const char text[] =
        "{\"s\":\"\xC3\xA9\\n\\\"\",\"n\":-9007199254740992,\"f\":0.1,\"big\":1e+300,\"t\":true,"
        "\"z\":null,\"a\":[1,[],{}],\"o\":{\"x\":{\"y\":[false]}}}";
    CLEANUP(json_clear) struct json json = {0};
    assert_ok(json_parse(span_text(text), &json));
    CLEANUP(buf_clear) struct buf out = {0};
    struct json_writer writer = json_writer_on(&out);
    json_put_value(&writer, NULL, json.root);
    assert_ok(json_finish(&writer));
    assert_span_is(buf_span(&out), text);
}

static void the_first_error_sticks(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf out = {.max = 10};
    struct json_writer writer = json_writer_on(&out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "a", "much too long for this buf");
    json_put_bytes(&writer, "b", span_text("x"));
    json_put_number(&writer, "c", (double)NAN);
    json_end_object(&writer);
    assert_code(json_finish(&writer), ERR_TOO_LARGE);
    assert_true(out.len <= 10);

    CLEANUP(buf_clear) struct buf other = {0};
    struct json_writer numbers = json_writer_on(&other);
    json_put_number(&numbers, NULL, (double)INFINITY);
    assert_code(json_finish(&numbers), ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_and_commas),
        cmocka_unit_test(text_is_escaped_and_made_valid),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(times_drop_empty_milliseconds),
        cmocka_unit_test(what_is_not_there_is_left_out),
        cmocka_unit_test(values_are_written_as_they_were_read),
        cmocka_unit_test(the_first_error_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
