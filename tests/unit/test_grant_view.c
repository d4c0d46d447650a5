/* How grants and their differences look to people, whatever the server says. */
#include "cli/grant_view.h"
#include "cli_test.h"

static void values_stand_on_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"\"a b\"", "a b"},
        {"[]", ""},
        {"[\"sign\",\"verify\"]", "sign,verify"},
        {"{}", ""},
        {"{\"a\":\"1\",\"b\":\"2=3\"}", "a=1 b=2=3"},
        {"true", "true"},
        {"7", "7"},
        {"[1,{\"a\":[2]}]", "1,{\"a\":[2]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_clear) struct buf whole = {0};
        CLEANUP(json_clear) struct json json = {0};
        assert_ok(buf_printf(&whole, "{\"v\":%s}", rows[i].json));
        assert_ok(json_parse(buf_span(&whole), &json));
        CLEANUP(mem_free_at) char *text = grant_value_text(json_member(json.root, "v"));
        assert_string_equal(text, rows[i].text);
    }
    CLEANUP(mem_free_at) char *nothing = grant_value_text(NULL);
    assert_string_equal(nothing, "");
}

static void changes_are_shown_before_they_are_made(void **state)
{
    (void)state;
    static const struct {
        const char *changes, *text;
        bool any;
    } rows[] = {
        {"[]", "0 created, 0 changed, 0 deleted, 0 as they are\n", false},
        {"[{\"id\":\"a\",\"change\":\"none\"}]", "0 created, 0 changed, 0 deleted, 1 as they are\n",
         false},
        {"[{\"id\":\"a\",\"change\":\"create\",\"after\":{\"id\":\"a\",\"keys\":\"x/*\","
         "\"operations\":[\"sign\",\"mac\"],\"allow_dual_role\":false,\"created_at\":\"now\"}},"
         "{\"id\":\"b\",\"change\":\"update\",\"before\":{\"keys\":\"x/"
         "*\",\"expires_at\":\"then\"},"
         "\"after\":{\"keys\":\"x/y\"},\"fields\":[\"keys\",\"expires_at\"]},"
         "{\"id\":\"c\",\"change\":\"delete\",\"before\":{\"keys\":\"z\",\"allow_dual_role\":true}}"
         ","
         "{\"id\":\"d\",\"change\":\"none\"}]",
         "+ a\n    keys: x/*\n    operations: sign,mac\n~ b\n    keys: x/* -> x/y\n"
         "    expires_at: then -> (none)\n- c\n    keys: z\n    allow_dual_role: true\n"
         "1 created, 1 changed, 1 deleted, 1 as they are\n",
         true},
        /* what a terminal would obey is not passed on; what is missing is survived */
        {"[{\"id\":\"a\\u001b[2J\",\"change\":\"delete\"},{\"change\":\"update\"}]",
         "- a?[2J\n~ \n0 created, 1 changed, 1 deleted, 0 as they are\n", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_clear) struct buf shown = {0};
        CLEANUP(json_clear) struct json json = {0};
        assert_ok(json_parse(span_text(rows[i].changes), &json));
        CAPTURE(&shown, grant_print_changes(json.root));
        assert_span_is(buf_span(&shown), rows[i].text);
        assert_int_equal(grant_has_changes(json.root), rows[i].any);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stand_on_one_line),
        cmocka_unit_test(changes_are_shown_before_they_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
