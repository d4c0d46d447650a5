/* Reading documents: fields by a table, duplicates, walking. */
#include "base_test.h"

#include "base/json.h"

static struct json parsed(const char *text)
{
    struct json json = {0};
    assert_code_of(text, json_parse(span_text(text), &json), ERR_OK);
    return json;
}

static void all_kinds_are_read(void **state)
{
    (void)state;
    CLEANUP(json_clear)
    struct json json = parsed("{\"text\":\"h\\u00e9\",\"bytes\":\"Zm9v\",\"url\":\"-_8\",\"n\":-42,"
                              "\"flag\":true,\"object\":{\"x\":1},\"array\":[1,2],\"any\":0.5}");
    struct span text = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf url = {0};
    int64_t n = 0;
    bool flag = false;
    const struct json_value *object = NULL;
    const struct json_value *array = NULL;
    const struct json_value *any = NULL;
    bool here = false;
    bool gone = true;
    struct span absent = span_text("untouched");
    const struct json_field fields[] = {
        {"text", JSON_TEXT, JSON_REQUIRED, 3, &text, &here},
        {"bytes", JSON_BYTES, JSON_REQUIRED, 3, &bytes, NULL},
        {"url", JSON_BYTES_URL, JSON_REQUIRED, 2, &url, NULL},
        {"n", JSON_INTEGER, JSON_REQUIRED, 0, &n, NULL},
        {"flag", JSON_FLAG, JSON_OPTIONAL, 0, &flag, NULL},
        {"object", JSON_OBJECT, JSON_REQUIRED, 1, &object, NULL},
        {"array", JSON_ARRAY, JSON_REQUIRED, 2, &array, NULL},
        {"any", JSON_ANY, JSON_REQUIRED, 0, &any, NULL},
        {"absent", JSON_TEXT, JSON_OPTIONAL, 0, &absent, &gone},
    };
    assert_ok(json_read(json.root, fields, ARRAY_LEN(fields)));
    assert_span_is(text, "h\xC3\xA9");
    assert_int_equal(text.data[text.len], 0);
    assert_span_is(buf_span(&bytes), "foo");
    assert_memory_equal(url.data, "\xFB\xFF", 2);
    assert_int_equal(n, -42);
    assert_true(flag);
    assert_true(here);
    assert_false(gone);
    assert_span_is(absent, "untouched");
    assert_true(json_as_integer(json_member(object, "x"), &n));
    assert_int_equal(n, 1);
    assert_int_equal(json_count(array), 2);
    assert_false(json_is(any, JSON_INTEGER));
}

/* One field `f` of the kind, with a limit of 4, read from the document. */
static struct err read_one(const char *text, enum json_kind kind)
{
    CLEANUP(json_clear) struct json json = parsed(text);
    CLEANUP(buf_clear) struct buf bytes = {.max = 100};
    struct span span = {0};
    int64_t integer = 0;
    bool flag = false;
    const struct json_value *value = NULL;
    void *const outs[] = {
        [JSON_TEXT] = &span,       [JSON_BYTES] = &bytes, [JSON_BYTES_URL] = &bytes,
        [JSON_INTEGER] = &integer, [JSON_FLAG] = &flag,   [JSON_OBJECT] = &value,
        [JSON_ARRAY] = &value,     [JSON_ANY] = &value,
    };
    const struct json_field field = {"f", kind, JSON_REQUIRED, 4, outs[kind], NULL};
    return json_read(json.root, &field, 1);
}

static void wrong_fields_name_themselves(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_kind kind;
        enum err_code code;
        const char *detail;
    } cases[] = {
        {"{}", JSON_TEXT, ERR_INVALID_FIELD, "field 'f' is missing"},
        {"{\"F\":\"x\"}", JSON_TEXT, ERR_UNKNOWN_FIELD, "field 'F' is not known"},
        {"{\"f\":\"x\",\"g\":1}", JSON_TEXT, ERR_UNKNOWN_FIELD, "field 'g' is not known"},
        /* what does not look like a name may be data, and is not repeated */
        {"{\"abcdefghijklmnopqrstuv-9\":1}", JSON_TEXT, ERR_UNKNOWN_FIELD,
         "field 'abcdefghijklmnopqrstuv-9' is not known"},
        {"{\"abcdefghijklmnopqrstuv-99\":1}", JSON_TEXT, ERR_UNKNOWN_FIELD,
         "field '?' is not known"},
        {"{\"4111\":1}", JSON_TEXT, ERR_UNKNOWN_FIELD, "field '?' is not known"},
        {"{\"pa$$\":1}", JSON_TEXT, ERR_UNKNOWN_FIELD, "field '?' is not known"},
        {"{\"\":1}", JSON_TEXT, ERR_UNKNOWN_FIELD, "field '?' is not known"},
        {"[]", JSON_TEXT, ERR_INVALID_FIELD, "an object is expected"},
        {"\"f\"", JSON_TEXT, ERR_INVALID_FIELD, "an object is expected"},
        {"null", JSON_TEXT, ERR_INVALID_FIELD, "an object is expected"},
        {"{\"f\":1}", JSON_TEXT, ERR_INVALID_FIELD, "field 'f' is not a string"},
        {"{\"f\":null}", JSON_TEXT, ERR_INVALID_FIELD, "field 'f' is not a string"},
        {"{\"f\":\"12345\"}", JSON_TEXT, ERR_TOO_LARGE, "field 'f' has more than 4 bytes"},
        {"{\"f\":\"Zg\"}", JSON_BYTES, ERR_INVALID_BASE64,
         "field 'f' is not strict base64 (RFC 4648)"},
        {"{\"f\":\"Zg==\"}", JSON_BYTES_URL, ERR_INVALID_BASE64,
         "field 'f' is not strict base64url (RFC 4648)"},
        {"{\"f\":\"MTIzNDU=\"}", JSON_BYTES, ERR_TOO_LARGE, "field 'f' has more than 4 bytes"},
        {"{\"f\":[]}", JSON_BYTES, ERR_INVALID_FIELD, "field 'f' is not a base64 string"},
        {"{\"f\":1.5}", JSON_INTEGER, ERR_INVALID_FIELD, "field 'f' is not an integer"},
        {"{\"f\":\"1\"}", JSON_INTEGER, ERR_INVALID_FIELD, "field 'f' is not an integer"},
        {"{\"f\":9007199254740994}", JSON_INTEGER, ERR_INVALID_FIELD,
         "field 'f' is not an integer"},
        {"{\"f\":1e300}", JSON_INTEGER, ERR_INVALID_FIELD, "field 'f' is not an integer"},
        {"{\"f\":1}", JSON_FLAG, ERR_INVALID_FIELD, "field 'f' is not true or false"},
        {"{\"f\":[]}", JSON_OBJECT, ERR_INVALID_FIELD, "field 'f' is not an object"},
        {"{\"f\":{}}", JSON_ARRAY, ERR_INVALID_FIELD, "field 'f' is not an array"},
        {"{\"f\":[1,2,3,4,5]}", JSON_ARRAY, ERR_TOO_LARGE, "field 'f' has more than 4 entries"},
        {"{\"f\":null}", JSON_ANY, ERR_INVALID_FIELD, "field 'f' is not a value other than null"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = read_one(cases[i].text, cases[i].kind);
        assert_int_equal(err.code, cases[i].code);
        assert_string_equal(err.detail, cases[i].detail);
    }
}

static void limits_hold_to_the_byte(void **state)
{
    (void)state;
    assert_ok(read_one("{\"f\":\"1234\"}", JSON_TEXT));
    assert_ok(read_one("{\"f\":\"MTIzNA==\"}", JSON_BYTES));
    assert_ok(read_one("{\"f\":\"MTIzNA\"}", JSON_BYTES_URL));
    assert_code(read_one("{\"f\":\"MTIzNDU\"}", JSON_BYTES_URL), ERR_TOO_LARGE);
    assert_ok(read_one("{\"f\":[1,2,3,4]}", JSON_ARRAY));
    assert_ok(read_one("{\"f\":\"\"}", JSON_BYTES));
    CLEANUP(json_clear) struct json json = parsed("{\"f\":\"MTIzNA==\"}");
    CLEANUP(buf_clear) struct buf small = {.max = 3};
    const struct json_field field = {"f", JSON_BYTES, JSON_REQUIRED, 0, &small, NULL};
    assert_code(json_read(json.root, &field, 1), ERR_TOO_LARGE);
}

static void integers_keep_every_digit(void **state)
{
    (void)state;
    CLEANUP(json_clear)
    struct json json = parsed("[9007199254740992,-9007199254740992,1e3,1.0,-0,0.5,\"1\"]");
    const int64_t expected[] = {9007199254740992, -9007199254740992, 1000, 1, 0};
    const struct json_value *at = json_first(json.root);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++, at = json_next(at)) {
        int64_t value = 7;
        assert_true(json_as_integer(at, &value));
        assert_int_equal(value, expected[i]);
    }
    int64_t value = 7;
    assert_false(json_as_integer(at, &value));
    assert_false(json_as_integer(json_next(at), &value));
    assert_int_equal(value, 7);
}

static void duplicates_fail_at_every_level(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"b\":2,\"\\u0061\":3}",
        "[{\"x\":[{\"a\":1,\"a\":2}]}]",
        "{\"o\":{\"a\":{},\"b\":1,\"a\":[]}}",
        "{\"\":1,\"\":2}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct json json = {0};
        assert_code_of(texts[i], json_parse(span_text(texts[i]), &json), ERR_DUPLICATE_FIELD);
        assert_null(json.root);
    }
    struct json json = {0};
    struct err err = json_parse(span_text("{\"name\":1,\"name\":2}"), &json);
    assert_string_equal(err.detail, "field 'name' appears twice");
}

/* 60 000 members, with the last a copy of the first or not. */
static void big_objects_are_checked_too(void **state)
{
    (void)state;
    CLEANUP(buf_clear) struct buf text = {0};
    assert_ok(buf_append_text(&text, "{\"k0\":0"));
    for (unsigned i = 1; i < 60000; i++) {
        assert_ok(buf_printf(&text, ",\"k%u\":0", i));
    }
    size_t len = text.len;
    assert_ok(buf_append_text(&text, "}"));
    CLEANUP(json_clear) struct json json = {0};
    assert_ok(json_parse(buf_span(&text), &json));
    assert_int_equal(json_count(json.root), 60000);
    buf_truncate(&text, len);
    assert_ok(buf_append_text(&text, ",\"k0\":1}"));
    struct json refused = {0};
    assert_code(json_parse(buf_span(&text), &refused), ERR_DUPLICATE_FIELD);
}

static void a_document_can_be_walked(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json json = parsed("{\"a\":[],\"b\":{},\"Key\":false}");
    const struct json_value *at = json_first(json.root);
    assert_string_equal(json_name(at), "a");
    assert_true(json_is(at, JSON_ARRAY));
    assert_null(json_first(at));
    assert_int_equal(json_count(at), 0);
    at = json_next(at);
    assert_string_equal(json_name(at), "b");
    assert_true(json_is(at, JSON_OBJECT));
    at = json_next(at);
    assert_null(json_next(at));
    assert_null(json_member(json.root, "key"));
    assert_null(json_first(json_member(json.root, "key")));
    assert_int_equal(json_count(json_member(json.root, "key")), 0);
    assert_true(json_member(json.root, "Key") == at);
    bool flag = true;
    struct span text = {0};
    assert_true(json_as_flag(at, &flag));
    assert_false(flag);
    assert_false(json_as_text(at, &text));
    assert_false(json_as_flag(json.root, &flag));
    assert_string_equal(json_name(json.root), "");
}

static void clearing_takes_anything(void **state)
{
    (void)state;
    struct json json = {0};
    json_clear(&json);
    json = parsed("{\"pin\":\"1234\",\"n\":[\"x\",{\"y\":\"z\"}]}");
    json_clear(&json);
    json_clear(&json);
    assert_null(json.root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_are_read),
        cmocka_unit_test(wrong_fields_name_themselves),
        cmocka_unit_test(limits_hold_to_the_byte),
        cmocka_unit_test(integers_keep_every_digit),
        cmocka_unit_test(duplicates_fail_at_every_level),
        cmocka_unit_test(big_objects_are_checked_too),
        cmocka_unit_test(a_document_can_be_walked),
        cmocka_unit_test(clearing_takes_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
