/* Fields and texts as clients of Vault send them; test_loose.c has the words and numbers in short.
 */
#include "base_test.h"

#include "base/digest.h"
#include "gateway/loose.h"
#include "gateway/vault/vault.h"

#define MAX 8

/* Where one field of any kind goes, and what stands there before. */
struct sink {
    struct span text;
    struct buf bytes;
    int64_t number;
    bool flag;
    bool present;
};
#define UNTOUCHED                                                          \
    {                                                                      \
        .text = {(const uint8_t *)"before", 6}, .number = -7, .flag = true \
    }

static void sink_clear(struct sink *sink)
{
    buf_clear(&sink->bytes);
}

static void *place_of(struct sink *sink, enum loose_kind kind)
{
    switch (kind) {
    case LOOSE_TEXT:
        return &sink->text;
    case LOOSE_BYTES:
        return &sink->bytes;
    case LOOSE_FLAG:
        return &sink->flag;
    case LOOSE_INTEGER:
    case LOOSE_SECONDS:
        break;
    }
    return &sink->number;
}

static void assert_untouched(const struct sink *sink)
{
    const struct sink before = UNTOUCHED;
    assert_true(span_equal(sink->text, before.text));
    assert_int_equal(sink->bytes.len, 0);
    assert_int_equal(sink->number, before.number);
    assert_int_equal(sink->flag, before.flag);
}

/* The document outlives what is read, because texts are borrowed. */
static struct err read_as(enum loose_kind kind, size_t max, const char *document, struct json *json,
                          struct sink *sink)
{
    TRY(json_parse(span_text(document), json));
    const struct loose_field field = {"field", kind, max, place_of(sink, kind), &sink->present};
    return loose_read(json->root, &field, 1);
}

static char *document_of(const char *value)
{
    return mem_format("{\"before\":[{}],\"field\":%s,\"Field\":{\"field\":7}}", value);
}

static const char *const kinds[] = {[LOOSE_TEXT] = "text",
                                    [LOOSE_BYTES] = "bytes",
                                    [LOOSE_INTEGER] = "integer",
                                    [LOOSE_FLAG] = "flag",
                                    [LOOSE_SECONDS] = "seconds"};

/* --- weak types --- */

static void numbers_are_read(void **state)
{
    (void)state;
    static const struct {
        enum loose_kind kind;
        const char *value;
        int64_t wanted;
    } rows[] = {
        {LOOSE_INTEGER, "0", 0},
        {LOOSE_INTEGER, "-5", -5},
        {LOOSE_INTEGER, "1e3", 1000},
        {LOOSE_INTEGER, "9007199254740992", INT64_C(9007199254740992)},
        {LOOSE_INTEGER, "\"256\"", 256},
        {LOOSE_INTEGER, "\"007\"", 7},
        {LOOSE_INTEGER, "\"100000000000000000\"", INT64_C(100000000000000000)},
        {LOOSE_SECONDS, "0", 0},
        {LOOSE_SECONDS, "90", 90},
        {LOOSE_SECONDS, "\"0\"", 0},
        {LOOSE_SECONDS, "\"86400\"", 86400},
        {LOOSE_SECONDS, "\"90s\"", 90},
        {LOOSE_SECONDS, "\"5m\"", 300},
        {LOOSE_SECONDS, "\"24h\"", 86400},
        {LOOSE_SECONDS, "\"30d\"", INT64_C(30) * 86400},
        {LOOSE_SECONDS, "\"\"", 0},
        {LOOSE_SECONDS, "\"0s\"", 0},
        {LOOSE_SECONDS, "\"24h0m0s\"", 86400},
        {LOOSE_SECONDS, "\"1h30m\"", 5400},
        {LOOSE_SECONDS, "\"36500d\"", INT64_C(36500) * 86400},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_clear) struct json json = {0};
        CLEANUP(mem_free_at) char *document = document_of(rows[i].value);
        struct sink sink = UNTOUCHED;
        assert_code_of(document, read_as(rows[i].kind, 0, document, &json, &sink), ERR_OK);
        assert_true(sink.present);
        assert_int_equal(sink.number, rows[i].wanted);
    }
}

static void flags_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool wanted;
    } rows[] = {
        {"true", true},     {"false", false},     {"1", true},      {"0", false},
        {"\"true\"", true}, {"\"false\"", false}, {"\"1\"", true},  {"\"0\"", false},
        {"\"\"", false},    {"\"True\"", true},   {"\"f\"", false}, {"\"T\"", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_clear) struct json json = {0};
        CLEANUP(mem_free_at) char *document = document_of(rows[i].value);
        struct sink sink = {.flag = !rows[i].wanted};
        assert_code_of(document, read_as(LOOSE_FLAG, 0, document, &json, &sink), ERR_OK);
        assert_true(sink.present);
        assert_int_equal(sink.flag, rows[i].wanted);
    }
}

/* At the maximum, and without one. */
static void texts_and_bytes_are_read(void **state)
{
    (void)state;
    static const struct {
        enum loose_kind kind;
        size_t max;
        const char *value;
        const char *wanted;
    } rows[] = {
        {LOOSE_TEXT, MAX, "\"\"", ""},
        {LOOSE_TEXT, MAX, "\"12345678\"", "12345678"},
        {LOOSE_TEXT, 0, "\"123456789\"", "123456789"},
        {LOOSE_TEXT, MAX, "\"a\\n\\u00e9\"", "a\n\xc3\xa9"},
        {LOOSE_BYTES, MAX, "\"\"", ""},
        {LOOSE_BYTES, MAX, "\"eA==\"", "x"},
        {LOOSE_BYTES, MAX, "\"MTIzNDU2Nzg=\"", "12345678"},
        {LOOSE_BYTES, 0, "\"MTIzNDU2Nzg5\"", "123456789"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_clear) struct json json = {0};
        CLEANUP(mem_free_at) char *document = document_of(rows[i].value);
        CLEANUP(sink_clear) struct sink sink = UNTOUCHED;
        assert_code_of(document, read_as(rows[i].kind, rows[i].max, document, &json, &sink),
                       ERR_OK);
        assert_true(sink.present);
        assert_span_is(rows[i].kind == LOOSE_TEXT ? sink.text : buf_span(&sink.bytes),
                       rows[i].wanted);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum loose_kind kind;
        const char *value;
        enum err_code code;
    } rows[] = {
        {LOOSE_TEXT, "\"123456789\"", ERR_TOO_LARGE},
        {LOOSE_BYTES, "\"MTIzNDU2Nzg5\"", ERR_TOO_LARGE},
        {LOOSE_BYTES, "\"%\"", ERR_INVALID_BASE64},
        {LOOSE_BYTES, "\"eA\"", ERR_INVALID_BASE64},
        {LOOSE_BYTES, "\"eB==\"", ERR_INVALID_BASE64},
        {LOOSE_BYTES, "\"eA==\\t\"", ERR_INVALID_BASE64},
        {LOOSE_BYTES, "\"-_-_\"", ERR_INVALID_BASE64},
        {LOOSE_INTEGER, "1.5", ERR_INVALID_FIELD},
        {LOOSE_INTEGER, "9007199254740994", ERR_INVALID_FIELD},
        {LOOSE_INTEGER, "true", ERR_INVALID_FIELD},
        {LOOSE_INTEGER, "\"\"", ERR_INVALID_FIELD},
        {LOOSE_INTEGER, "\"-1\"", ERR_INVALID_FIELD},
        {LOOSE_INTEGER, "\"+1\"", ERR_INVALID_FIELD},
        {LOOSE_INTEGER, "\" 1\"", ERR_INVALID_FIELD},
        {LOOSE_INTEGER, "\"0x10\"", ERR_INVALID_FIELD},
        {LOOSE_INTEGER, "\"9223372036854775808\"", ERR_INVALID_FIELD},
        {LOOSE_INTEGER, "\"18446744073709551617\"", ERR_INVALID_FIELD},
        {LOOSE_SECONDS, "-1", ERR_INVALID_FIELD},
        {LOOSE_SECONDS, "1.5", ERR_INVALID_FIELD},
        {LOOSE_SECONDS, "true", ERR_INVALID_FIELD},
        {LOOSE_SECONDS, "\"h\"", ERR_INVALID_FIELD},
        {LOOSE_SECONDS, "\"-24h\"", ERR_INVALID_FIELD},
        {LOOSE_SECONDS, "\"24 h\"", ERR_INVALID_FIELD},
        {LOOSE_SECONDS, "\"1h30\"", ERR_INVALID_FIELD},
        {LOOSE_SECONDS, "\"1h-30m\"", ERR_INVALID_FIELD},
        {LOOSE_SECONDS, "\"36500d1s\"", ERR_INVALID_FIELD},
        {LOOSE_SECONDS, "\"99999999999h\"", ERR_INVALID_FIELD},
        {LOOSE_FLAG, "2", ERR_INVALID_FIELD},
        {LOOSE_FLAG, "-1", ERR_INVALID_FIELD},
        {LOOSE_FLAG, "0.5", ERR_INVALID_FIELD},
        {LOOSE_FLAG, "\"tRUE\"", ERR_INVALID_FIELD},
        {LOOSE_FLAG, "\"yes\"", ERR_INVALID_FIELD},
        {LOOSE_FLAG, "\" true\"", ERR_INVALID_FIELD},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(json_clear) struct json json = {0};
        CLEANUP(mem_free_at) char *document = document_of(rows[i].value);
        CLEANUP(sink_clear) struct sink sink = UNTOUCHED;
        struct err err = read_as(rows[i].kind, MAX, document, &json, &sink);
        assert_code_of(document, err, rows[i].code);
        assert_non_null(strstr(err.detail, "'field'"));
    }
}

static void wrong_types_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool numeric; /* numbers and flags take it */
    } rows[] = {{"[]", false}, {"{}", false}, {"[\"1\"]", false}, {"1", true}};
    for (unsigned kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        bool texts = kind == LOOSE_TEXT || kind == LOOSE_BYTES;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            CLEANUP(json_clear) struct json json = {0};
            CLEANUP(mem_free_at) char *document = document_of(rows[i].value);
            CLEANUP(sink_clear) struct sink sink = UNTOUCHED;
            bool taken = rows[i].numeric && !texts;
            assert_code_of(kinds[kind], read_as(kind, MAX, document, &json, &sink),
                           taken ? ERR_OK : ERR_INVALID_FIELD);
            assert_true(sink.present);
        }
    }
}

/* --- what is not there --- */

static void null_and_absent_are_the_same(void **state)
{
    (void)state;
    static const char *const documents[] = {"{\"field\":null}", "{}", "{\"other\":7}",
                                            "{\"FIELD\":\"1\",\"fiel\":1,\"\":{\"field\":1}}"};
    for (unsigned kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
            CLEANUP(json_clear) struct json json = {0};
            CLEANUP(sink_clear) struct sink sink = UNTOUCHED;
            sink.present = true;
            assert_code_of(kinds[kind], read_as(kind, MAX, documents[i], &json, &sink), ERR_OK);
            assert_false(sink.present);
            assert_untouched(&sink);
        }
    }
}

static void without_an_object_nothing_is_there(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        CLEANUP(sink_clear) struct sink sink = UNTOUCHED;
        sink.present = true;
        const struct loose_field field = {"field", kind, MAX, place_of(&sink, kind), &sink.present};
        assert_code_of(kinds[kind], loose_read(NULL, &field, 1), ERR_OK);
        assert_false(sink.present);
        assert_untouched(&sink);
    }
}

static void items_are_objects(void **state)
{
    (void)state;
    static const char *const documents[] = {"[]", "[{\"field\":\"1\"}]", "\"field\"", "7", "null"};
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        CLEANUP(json_clear) struct json json = {0};
        struct sink sink = UNTOUCHED;
        assert_code_of(documents[i], read_as(LOOSE_TEXT, 0, documents[i], &json, &sink),
                       ERR_INVALID_FIELD);
        assert_untouched(&sink);
    }
}

static void several_fields_come_from_one_object(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(sink_clear) struct sink sink = {0};
    bool has_text = false, has_none = true;
    int64_t seconds = 0, none = 9;
    const struct loose_field fields[] = {
        {"text", LOOSE_TEXT, 0, &sink.text, &has_text},
        {"bytes", LOOSE_BYTES, 0, &sink.bytes, NULL},
        {"number", LOOSE_INTEGER, 0, &sink.number, NULL},
        {"flag", LOOSE_FLAG, 0, &sink.flag, NULL},
        {"seconds", LOOSE_SECONDS, 0, &seconds, NULL},
        {"none", LOOSE_INTEGER, 0, &none, &has_none},
    };
    assert_ok(json_parse(span_text("{\"seconds\":\"1h\",\"flag\":1,\"number\":\"3\","
                                   "\"bytes\":\"eA==\",\"text\":\"t\",\"unknown\":{}}"),
                         &json));
    assert_ok(loose_read(json.root, fields, ARRAY_LEN(fields)));
    assert_span_is(sink.text, "t");
    assert_span_is(buf_span(&sink.bytes), "x");
    assert_int_equal(sink.number, 3);
    assert_true(sink.flag);
    assert_int_equal(seconds, 3600);
    assert_int_equal(none, 9);
    assert_true(has_text && !has_none);
}

/* --- what Vault's clients never get --- */

static const char *const never[] = {"exportable", "allow_plaintext_backup", "derived",
                                    "convergent_encryption"};

static struct err refuse(const char *name, const char *value)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(mem_free_at) char *document = mem_format("{\"type\":\"hmac\",\"%s\":%s}", name, value);
    TRY(json_parse(span_text(document), &json));
    return vault_refuse_flags(json.root);
}

static void flags_that_take_keys_out_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum err_code code;
    } rows[] = {
        {"true", ERR_UNSUPPORTED_OPERATION},
        {"1", ERR_UNSUPPORTED_OPERATION},
        {"\"true\"", ERR_UNSUPPORTED_OPERATION},
        {"\"1\"", ERR_UNSUPPORTED_OPERATION},
        {"false", ERR_OK},
        {"0", ERR_OK},
        {"\"false\"", ERR_OK},
        {"\"\"", ERR_OK},
        {"null", ERR_OK},
        {"\"True\"", ERR_UNSUPPORTED_OPERATION},
        {"\"yes\"", ERR_INVALID_FIELD}, /* unclear is not taken for no */
        {"2", ERR_INVALID_FIELD},
        {"[]", ERR_INVALID_FIELD},
    };
    for (size_t n = 0; n < ARRAY_LEN(never); n++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            struct err err = refuse(never[n], rows[i].value);
            assert_code_of(rows[i].value, err, rows[i].code);
            if (err.code != ERR_OK) {
                assert_non_null(strstr(err.detail, never[n]));
            }
        }
    }
}

static void other_flags_are_not_looked_at(void **state)
{
    (void)state;
    assert_ok(refuse("deletion_allowed", "true"));
    assert_ok(refuse("Exportable", "true"));
    assert_ok(refuse("parameters", "{\"exportable\":true}"));
    assert_ok(vault_refuse_flags(NULL));
}

/* --- hashes --- */

static void hashes_have_their_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum digest digest;
    } rows[] = {
        {"sha2-256", DIGEST_SHA256}, {"sha2-384", DIGEST_SHA384}, {"sha2-512", DIGEST_SHA512}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum digest digest = i == 0 ? DIGEST_SHA512 : DIGEST_SHA256;
        assert_code_of(rows[i].name, vault_hash_by_name(span_text(rows[i].name), &digest), ERR_OK);
        assert_int_equal(digest, rows[i].digest);
    }
}

static void other_hashes_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"",         "sha2-224", "sha3-256",  "sha1",      "sha256",
                                        "SHA2-256", "sha2-25",  "sha2-2560", " sha2-256", "none"};
    enum digest digest = DIGEST_SHA384;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_code_of(names[i], vault_hash_by_name(span_text(names[i]), &digest),
                       ERR_INVALID_FIELD);
    }
    assert_code(vault_hash_by_name(span_of(NULL, 0), &digest), ERR_INVALID_FIELD);
    assert_int_equal(digest, DIGEST_SHA384);
}

/* --- texts with a version --- */

static void versions_are_cut_off(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t version;
        const char *rest;
    } rows[] = {
        {"vault:v1:eA==", 1, "eA=="},
        {"vault:v10:x", 10, "x"},
        {"vault:v2147483647:x", 2147483647, "x"},
        {"vault:v1:", 1, ""},
        {"vault:v3:a:b::", 3, "a:b::"},
        {"vault:v1::", 1, ":"},
        {"vault:v1:vault:v2:x", 1, "vault:v2:x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span text = span_text(rows[i].text), rest = {0};
        uint32_t version = 0;
        assert_code_of(rows[i].text, vault_text_parse(text, &version, &rest), ERR_OK);
        assert_int_equal(version, rows[i].version);
        assert_span_is(rest, rows[i].rest);
        assert_ptr_equal(rest.data + rest.len, text.data + text.len);
    }
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *told;
    } rows[] = {
        {"", "begin"},
        {"eA==", "begin"},
        {"1:eA==", "begin"},
        {"vault:1:eA==", "begin"},
        {"VAULT:v1:eA==", "begin"},
        {" vault:v1:eA==", "begin"},
        {"vault:", "begin"},
        {"vault:v", "number"},
        {"vault:v:eA==", "number"},
        {"vault:v0:eA==", "number"},
        {"vault:v01:eA==", "number"},
        {"vault:v-1:eA==", "number"},
        {"vault:v+1:eA==", "number"},
        {"vault:vx:eA==", "number"},
        {"vault:v2147483648:eA==", "too large"},
        {"vault:v4294967297:eA==", "too large"},
        {"vault:v18446744073709551617:eA==", "too large"},
        {"vault:v1000000000000000000000000000000000000000:eA==", "too large"},
        {"vault:v1", "colon"},
        {"vault:v1eA==", "colon"},
        {"vault:v1 :eA==", "colon"},
        {"vault:v2147483647", "colon"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span rest = {0};
        uint32_t version = 77;
        struct err err = vault_text_parse(span_text(rows[i].text), &version, &rest);
        assert_code_of(rows[i].text, err, ERR_INVALID_CIPHERTEXT);
        assert_non_null(strstr(err.detail, rows[i].told));
        assert_int_equal(version, 77);
        assert_null(rest.data);
    }
}

/* Nothing behind the span counts, as it would in a text that ends with a NUL. */
static void nothing_behind_the_text_counts(void **state)
{
    (void)state;
    static const char text[] = "vault:v12:x";
    for (size_t len = 0; len < sizeof(text); len++) {
        struct span rest = {0};
        uint32_t version = 0;
        CLEANUP(mem_free_at) uint8_t *exact = mem_copy(text, len);
        struct err err = vault_text_parse(span_of(exact, len), &version, &rest);
        assert_int_equal(err.code, len < 10 ? ERR_INVALID_CIPHERTEXT : ERR_OK);
        assert_int_equal(rest.len, len < 10 ? 0 : len - 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(flags_are_read),
        cmocka_unit_test(texts_and_bytes_are_read),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(wrong_types_are_refused),
        cmocka_unit_test(null_and_absent_are_the_same),
        cmocka_unit_test(without_an_object_nothing_is_there),
        cmocka_unit_test(items_are_objects),
        cmocka_unit_test(several_fields_come_from_one_object),
        cmocka_unit_test(flags_that_take_keys_out_are_refused),
        cmocka_unit_test(other_flags_are_not_looked_at),
        cmocka_unit_test(hashes_have_their_names),
        cmocka_unit_test(other_hashes_are_refused),
        cmocka_unit_test(versions_are_cut_off),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(nothing_behind_the_text_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
