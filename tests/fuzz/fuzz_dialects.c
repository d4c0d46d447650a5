/* fuzz_dialects: what comes in the bodies and texts of other wire formats is read or refused, and
 * what is read is within its bounds. The first byte says which. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/vault/vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct span text)
{
    uint32_t version = 0;
    struct span rest = {0};
    struct err err = vault_text_parse(text, &version, &rest);
    assert(err.code == ERR_OK || err.code == ERR_INVALID_CIPHERTEXT);
    if (err.code == ERR_OK) {
        assert(version >= 1 && rest.len < text.len);
        assert(rest.data + rest.len == text.data + text.len);
    }
}

static void check_name(struct span name)
{
    CLEANUP(buf_clear) struct buf kept = {.max = NAME_MAX_LEN};
    char back[NAME_MAX_LEN + 1];
    if (memchr(name.data, '\0', name.len) != NULL) {
        return;
    }
    struct err err = vault_name_encode(name, &kept);
    assert(err.code == ERR_OK || err.code == ERR_INVALID_NAME || err.code == ERR_TOO_LARGE);
    if (err.code == ERR_OK) {
        assert(span_equal(vault_name_decode(buf_span(&kept), back), name));
    }
}

static void check_fields(const struct json_value *object)
{
    struct span text = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    int64_t number = 0, seconds = 0;
    bool flag = false;
    const struct loose_field fields[] = {
        {"text", LOOSE_TEXT, 100, &text, NULL},        {"bytes", LOOSE_BYTES, 100, &bytes, NULL},
        {"number", LOOSE_INTEGER, 0, &number, NULL},   {"flag", LOOSE_FLAG, 0, &flag, NULL},
        {"seconds", LOOSE_SECONDS, 0, &seconds, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct err err = loose_read(object, &fields[i], 1);
        assert(err.code == ERR_OK || err.code == ERR_INVALID_FIELD ||
               err.code == ERR_INVALID_BASE64 || err.code == ERR_TOO_LARGE);
    }
    assert(bytes.len <= 100 && seconds >= 0);
}

static void check_body(struct span body)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(json_clear) struct json made = {0};
    const struct json_value *context = NULL;
    if (json_parse(body, &json).code != ERR_OK || !json_is(json.root, JSON_OBJECT)) {
        return;
    }
    check_fields(json.root);
    struct err err = vault_refuse_flags(json.root);
    assert(err.code == ERR_OK || err.code == ERR_UNSUPPORTED_OPERATION ||
           err.code == ERR_INVALID_FIELD);
    err = vault_context(json.root, &made, &context);
    assert(err.code != ERR_OK || context == NULL || json_count(context) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct span) = {check_text, check_name, check_body};
    if (size > 1) {
        checks[data[0] % ARRAY_LEN(checks)](span_of(data + 1, size - 1));
    }
    return 0;
}
