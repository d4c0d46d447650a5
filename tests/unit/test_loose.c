/* Fields as clients of other services send them. */
#include "base_test.h"

#include "gateway/loose.h"
#include "gateway/vault/vault.h"

static struct err read_as(enum loose_kind kind, const char *value, void *out, bool *present)
{
    CLEANUP(buf_clear) struct buf text = {.max = 4096};
    CLEANUP(json_clear) struct json json = {0};
    TRY(buf_printf(&text, "{\"field\":%s,\"other\":[{}]}", value));
    TRY(json_parse(buf_span(&text), &json));
    const struct loose_field field = {"field", kind, 8, out, present};
    return loose_read(json.root, &field, 1);
}

static void numbers_and_words(void **state)
{
    (void)state;
    static const struct {
        enum loose_kind kind;
        const char *value;
        int64_t wanted; /* -1: refused */
    } cases[] = {
        {LOOSE_INTEGER, "7", 7},
        {LOOSE_INTEGER, "\"0\"", 0},
        {LOOSE_INTEGER, "\"12\"", 12},
        {LOOSE_INTEGER, "\"\"", -1},
        {LOOSE_INTEGER, "\"1x\"", -1},
        {LOOSE_INTEGER, "1.5", -1},
        {LOOSE_INTEGER, "[]", -1},
        {LOOSE_INTEGER, "\"99999999999999999999\"", -1},
        {LOOSE_SECONDS, "3600", 3600},
        {LOOSE_SECONDS, "\"60\"", 60},
        {LOOSE_SECONDS, "\"24h\"", 86400},
        {LOOSE_SECONDS, "\"24 h\"", -1},
        {LOOSE_FLAG, "true", 1},
        {LOOSE_FLAG, "false", 0},
        {LOOSE_FLAG, "1", 1},
        {LOOSE_FLAG, "\"0\"", 0},
        {LOOSE_FLAG, "\"true\"", 1},
        {LOOSE_FLAG, "\"\"", 0},
        {LOOSE_FLAG, "2", -1},
        {LOOSE_FLAG, "\"yes\"", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t number = -7;
        bool flag = false, present = false;
        bool is_flag = cases[i].kind == LOOSE_FLAG;
        void *out = is_flag ? (void *)&flag : (void *)&number;
        struct err err = read_as(cases[i].kind, cases[i].value, out, &present);
        print_message("%s\n", cases[i].value);
        assert_true(present);
        assert_int_equal(err.code, cases[i].wanted < 0 ? ERR_INVALID_FIELD : ERR_OK);
        if (err.code == ERR_OK) {
            assert_int_equal(is_flag ? (int64_t)flag : number, cases[i].wanted);
        }
    }
}

static void texts_and_bytes(void **state)
{
    (void)state;
    struct span text = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    bool present = true;
    assert_int_equal(read_as(LOOSE_TEXT, "\"123456789\"", &text, NULL).code, ERR_TOO_LARGE);
    assert_int_equal(read_as(LOOSE_TEXT, "7", &text, NULL).code, ERR_INVALID_FIELD);
    assert_int_equal(read_as(LOOSE_BYTES, "\"%\"", &bytes, NULL).code, ERR_INVALID_BASE64);
    assert_int_equal(read_as(LOOSE_BYTES, "\"MTIzNDU2Nzg5\"", &bytes, NULL).code, ERR_TOO_LARGE);
    assert_ok(read_as(LOOSE_BYTES, "\"eA==\"", &bytes, &present));
    assert_true(present && bytes.len == 1 && bytes.data[0] == 'x');
    assert_ok(read_as(LOOSE_TEXT, "null", &text, &present));
    assert_false(present);
}

static void texts_with_a_version(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t version; /* 0: refused */
        const char *rest;
    } cases[] = {
        {"vault:v1:eA==", 1, "eA=="}, {"vault:v2147483647:", 2147483647, ""},
        {"vault:v12:a:b", 12, "a:b"}, {"vault:v2147483648:x", 0, ""},
        {"vault:v0:x", 0, ""},        {"vault:v01:x", 0, ""},
        {"vault:v:x", 0, ""},         {"vault:v1", 0, ""},
        {"vault:v-1:x", 0, ""},       {"vault:1:x", 0, ""},
        {"Vault:v1:x", 0, ""},        {"", 0, ""},
        {"vault:v1x:y", 0, ""},       {"vault:v99999999999999999999:x", 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t version = 0;
        struct span rest = {0};
        struct err err = vault_text_parse(span_text(cases[i].text), &version, &rest);
        print_message("%s\n", cases[i].text);
        assert_int_equal(err.code, cases[i].version == 0 ? ERR_INVALID_CIPHERTEXT : ERR_OK);
        if (err.code == ERR_OK) {
            assert_int_equal(version, cases[i].version);
            assert_span_is(rest, cases[i].rest);
        }
    }
}

static void names_come_back(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *kept; /* NULL: refused */
    } cases[] = {
        {"card-dek", "card-dek"}, {"x-CA-A", "x--_c-_a--_a"},
        {"aBc", "a-_bc"},         {"a_b-_", "a_b-_"},
        {"Upper", NULL},          {"a-_b", NULL},
        {"a-_B", "a-_-_b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_clear) struct buf kept = {.max = NAME_MAX_LEN};
        char back[NAME_MAX_LEN + 1];
        struct err err = vault_name_encode(span_text(cases[i].name), &kept);
        print_message("%s\n", cases[i].name);
        assert_int_equal(err.code, cases[i].kept == NULL ? ERR_INVALID_NAME : ERR_OK);
        if (err.code == ERR_OK) {
            assert_span_is(buf_span(&kept), cases[i].kept);
            assert_span_is(vault_name_decode(buf_span(&kept), back), cases[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_words),
        cmocka_unit_test(texts_and_bytes),
        cmocka_unit_test(texts_with_a_version),
        cmocka_unit_test(names_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
