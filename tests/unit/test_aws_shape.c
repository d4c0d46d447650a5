/* Inputs of AWS KMS's operations: what is taken, and which error each kind of fault is. */
#include "base_test.h"

#include "base/mem.h"
#include "gateway/aws/aws_shape.h"

static struct err check(const char *operation, const char *input)
{
    CLEANUP(json_clear) struct json json = {0};
    const struct route route = {.path = operation};
    TRY(json_parse(span_text(input), &json));
    return aws_shape_check(&route, json.root);
}

struct row {
    const char *operation;
    const char *input;
    enum err_code code;
};

static void expect(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_message("%s %s\n", rows[i].operation, rows[i].input);
        assert_code_of(rows[i].input, check(rows[i].operation, rows[i].input), rows[i].code);
    }
}

static void what_is_taken(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":\"eA==\"}", ERR_OK},
        {"Encrypt",
         "{\"KeyId\":\"k\",\"Plaintext\":\"eA==\",\"EncryptionContext\":{\"a\":\"b\"},"
         "\"EncryptionAlgorithm\":\"SYMMETRIC_DEFAULT\",\"GrantTokens\":[\"x\"],\"DryRun\":true}",
         ERR_OK},
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":\"eA==\",\"Unknown\":[{}],\"DryRun\":null}",
         ERR_OK},
        {"Decrypt", "{\"CiphertextBlob\":\"eA==\"}", ERR_OK},
        {"ListKeys", "{}", ERR_OK},
        {"ListKeys", "{\"Limit\":1000,\"Marker\":\"m\"}", ERR_OK},
        {"CreateKey", "{\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"\"}],\"Description\":\"\"}",
         ERR_OK},
        {"UntagResource", "{\"KeyId\":\"k\",\"TagKeys\":[]}", ERR_OK},
        {"CreateGrant", "{\"KeyId\":7}", ERR_OK}, /* is not served, whatever it says */
    };
    expect(rows, ARRAY_LEN(rows));
}

static void what_is_missing_or_out_of_range(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Encrypt", "{}", ERR_INVALID_FIELD},
        {"Encrypt", "{\"KeyId\":\"k\"}", ERR_INVALID_FIELD},
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":null}", ERR_INVALID_FIELD},
        {"Encrypt", "{\"KeyId\":\"\",\"Plaintext\":\"eA==\"}", ERR_INVALID_FIELD},
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":\"\"}", ERR_INVALID_FIELD},
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":\"eA==\",\"EncryptionAlgorithm\":\"ROT13\"}",
         ERR_INVALID_FIELD},
        {"ListKeys", "{\"Limit\":0}", ERR_INVALID_FIELD},
        {"ListKeys", "{\"Limit\":1001}", ERR_INVALID_FIELD},
        {"ListKeys", "{\"Marker\":\"\"}", ERR_INVALID_FIELD},
        {"ScheduleKeyDeletion", "{\"KeyId\":\"k\",\"PendingWindowInDays\":6}", ERR_INVALID_FIELD},
        {"EnableKeyRotation", "{\"KeyId\":\"k\",\"RotationPeriodInDays\":2561}", ERR_INVALID_FIELD},
        {"DescribeKey",
         "{\"KeyId\":\"k\",\"GrantTokens\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\","
         "\"10\",\"11\"]}",
         ERR_INVALID_FIELD},
        {"DescribeKey", "{\"KeyId\":\"k\",\"GrantTokens\":[\"\"]}", ERR_INVALID_FIELD},
        {"TagResource", "{\"KeyId\":\"k\",\"Tags\":[{\"TagKey\":\"a\"}]}", ERR_INVALID_FIELD},
        {"TagResource", "{\"KeyId\":\"k\",\"Tags\":[{\"TagKey\":\"\",\"TagValue\":\"\"}]}",
         ERR_INVALID_FIELD},
    };
    expect(rows, ARRAY_LEN(rows));
}

static void what_is_of_another_type(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Encrypt", "{\"KeyId\":7,\"Plaintext\":\"eA==\"}", ERR_INVALID_JSON},
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":[]}", ERR_INVALID_JSON},
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":\"eA=\"}", ERR_INVALID_BASE64},
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":\"eA==\",\"EncryptionContext\":\"a=b\"}",
         ERR_INVALID_JSON},
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":\"eA==\",\"EncryptionContext\":{\"a\":1}}",
         ERR_INVALID_JSON},
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":\"eA==\",\"DryRun\":\"true\"}",
         ERR_INVALID_JSON},
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":\"eA==\",\"GrantTokens\":{}}",
         ERR_INVALID_JSON},
        {"Encrypt", "{\"KeyId\":\"k\",\"Plaintext\":\"eA==\",\"GrantTokens\":[7]}",
         ERR_INVALID_JSON},
        {"ListKeys", "{\"Limit\":\"5\"}", ERR_INVALID_JSON},
        {"ListKeys", "{\"Limit\":1.5}", ERR_INVALID_JSON},
        {"CreateKey", "{\"Tags\":{}}", ERR_INVALID_JSON},
        {"CreateKey", "{\"Tags\":[\"a\"]}", ERR_INVALID_JSON},
        {"Decrypt", "{\"CiphertextBlob\":\"eA==\",\"Recipient\":{}}", ERR_UNSUPPORTED_BY_TOKEN},
        {"CreateKey", "{\"XksKeyId\":\"x\"}", ERR_UNSUPPORTED_BY_TOKEN},
    };
    expect(rows, ARRAY_LEN(rows));
}

/* Lengths are of characters and of decoded bytes. */
static void lengths(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        enum err_code code;
    } rows[] = {{1, ERR_OK}, {4095, ERR_OK}, {4096, ERR_OK}, {4097, ERR_INVALID_FIELD}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_clear) struct buf input = {0};
        struct json_writer writer = json_writer_on(&input);
        CLEANUP(mem_free_at) uint8_t *bytes = mem_alloc(rows[i].bytes);
        json_begin_object(&writer, NULL);
        json_put_text(&writer, "KeyId", "k");
        json_put_bytes(&writer, "Plaintext", span_of(bytes, rows[i].bytes));
        json_end_object(&writer);
        assert_ok(json_finish(&writer));
        assert_ok(buf_append_u8(&input, 0));
        assert_code(check("Encrypt", (const char *)input.data), rows[i].code);
    }
    char name[2 * 2048 + 3];
    for (size_t count = 2047; count <= 2049; count++) {
        CLEANUP(buf_clear) struct buf input = {0};
        for (size_t i = 0; i < count; i++) {
            memcpy(name + 2 * i, "\xc3\xbc", 2);
        }
        name[2 * count] = '\0';
        assert_ok(buf_printf(&input, "{\"KeyId\":\"%s\"}", name));
        assert_ok(buf_append_u8(&input, 0));
        assert_code(check("DescribeKey", (const char *)input.data),
                    count <= 2048 ? ERR_OK : ERR_INVALID_FIELD);
    }
}

static void one_member(void **state)
{
    (void)state;
    CLEANUP(json_clear) struct json json = {0};
    const struct route route = {.path = "Encrypt"};
    assert_ok(json_parse(span_text("{\"KeyId\":\"k\",\"Plaintext\":7}"), &json));
    assert_ok(aws_shape_check_member(&route, json.root, "KeyId"));
    assert_code(aws_shape_check_member(&route, json.root, "Plaintext"), ERR_INVALID_JSON);
    assert_ok(aws_shape_check_member(&route, json.root, "None"));
    struct err err = check("Encrypt", "{\"KeyId\":\"k\"}");
    assert_string_equal(err.detail, "1 validation error detected: Value at 'plaintext' failed to "
                                    "satisfy constraint: Member must not be null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken),
        cmocka_unit_test(what_is_missing_or_out_of_range),
        cmocka_unit_test(what_is_of_another_type),
        cmocka_unit_test(lengths),
        cmocka_unit_test(one_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
