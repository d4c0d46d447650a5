/* fuzz_vault: a text with a version is refused or can be put together again; a field of a body is
 * refused or says what the body says, under every kind; no flag that takes a key out gets through;
 * and associated data becomes a context of the same bytes. */
#include <assert.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/ops/context.h"
#include "gateway/vault/vault.h"

#define TEXT_MAX    100
#define MEMBERS_MAX 24
#define VERSION_MAX 0x7fffffff
#define ASSOCIATED  "associated_data"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- texts --- */

static void check_text(struct span text)
{
    uint32_t version = 0;
    struct span rest = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    struct err err = vault_text_parse(text, &version, &rest);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_CIPHERTEXT && version == 0 && rest.data == NULL);
        return;
    }
    assert(version >= 1 && version <= VERSION_MAX);
    assert(rest.len < text.len && rest.data + rest.len == text.data + text.len);
    err = buf_printf(&again, "vault:v%u:", version);
    assert(err.code == ERR_OK);
    err = buf_append(&again, rest);
    assert(err.code == ERR_OK && span_equal(buf_span(&again), text));
}

/* --- fields --- */

static struct err read_one(const struct json_value *object, const char *name, enum loose_kind kind,
                           void *out)
{
    bool present = false;
    const struct loose_field field = {name, kind, TEXT_MAX, out, &present};
    const struct json_value *value = json_member(object, name);
    struct err err = loose_read(object, &field, 1);
    assert(present == (value != NULL && json_is(value, JSON_ANY)));
    assert(present || err.code == ERR_OK);
    return err;
}

static void check_as_text(const struct json_value *object, const struct json_value *value)
{
    struct span want = {0}, text = {0};
    bool is_text = json_as_text(value, &want);
    struct err err = read_one(object, json_name(value), LOOSE_TEXT, &text);
    if (!json_is(value, JSON_ANY)) {
        assert(err.code == ERR_OK && text.data == NULL);
    } else if (!is_text) {
        assert(err.code == ERR_INVALID_FIELD);
    } else {
        assert(err.code == (want.len <= TEXT_MAX ? ERR_OK : ERR_TOO_LARGE));
        assert(span_equal(text, want));
    }
}

/* The text without its line breaks. */
static void join_lines(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '\n' && text.data[i] != '\r') {
            struct err err = buf_append(out, span_of(&text.data[i], 1));
            assert(err.code == ERR_OK);
        }
    }
}

/* Strict base64 has one form, but for line breaks. */
static void check_as_bytes(const struct json_value *object, const struct json_value *value)
{
    struct span want = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(buf_clear) struct buf again = {0};
    CLEANUP(buf_clear) struct buf joined = {0};
    bool is_text = json_as_text(value, &want);
    struct err err = read_one(object, json_name(value), LOOSE_BYTES, &bytes);
    assert(bytes.len <= TEXT_MAX);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_INVALID_FIELD
                   ? !is_text
                   : is_text && (err.code == ERR_INVALID_BASE64 || err.code == ERR_TOO_LARGE));
        return;
    }
    join_lines(want, &joined);
    err = base64_encode(buf_span(&bytes), &again);
    assert(err.code == ERR_OK && span_equal(buf_span(&again), buf_span(&joined)));
}

static bool all_digits(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.len > 0;
}

static void check_as_number(const struct json_value *object, const struct json_value *value)
{
    struct span text = {0};
    int64_t want = 0, number = 0, seconds = 0;
    bool is_number = json_as_integer(value, &want);
    bool is_text = json_as_text(value, &text);
    struct err err = read_one(object, json_name(value), LOOSE_INTEGER, &number);
    assert(err.code == ERR_OK || err.code == ERR_INVALID_FIELD);
    if (json_is(value, JSON_ANY) && err.code == ERR_OK) {
        assert(is_number ? number == want : is_text && all_digits(text) && number >= 0);
    }
    bool digits = err.code == ERR_OK;
    err = read_one(object, json_name(value), LOOSE_SECONDS, &seconds);
    assert(err.code == ERR_OK || err.code == ERR_INVALID_FIELD);
    assert(seconds >= 0);
    if (err.code == ERR_OK && digits) {
        assert(seconds == number);
    }
}

/* What the body says of a flag: 1, 0, or -1 for neither. */
static int said(const struct json_value *value)
{
    int64_t number = 0;
    bool flag = false;
    struct span text = {0};
    if (value == NULL || !json_is(value, JSON_ANY)) {
        return 0;
    }
    if (json_as_flag(value, &flag)) {
        return flag ? 1 : 0;
    }
    if (json_as_integer(value, &number)) {
        return number == 0 || number == 1 ? (int)number : -1;
    }
    if (!json_as_text(value, &text)) {
        return -1;
    }
    if (all_digits(text)) {
        while (text.len > 1 && text.data[0] == '0') {
            text = span_of(text.data + 1, text.len - 1);
        }
        return span_is(text, "1") ? 1 : span_is(text, "0") ? 0 : -1;
    }
    static const char *const words[][2] = {
        {"f", "t"}, {"F", "T"}, {"false", "true"}, {"False", "True"}, {"FALSE", "TRUE"}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (span_is(text, words[i][0]) || span_is(text, words[i][1])) {
            return span_is(text, words[i][1]) ? 1 : 0;
        }
    }
    return text.len == 0 ? 0 : -1;
}

static void check_as_flag(const struct json_value *object, const struct json_value *value)
{
    bool flag = false;
    struct err err = read_one(object, json_name(value), LOOSE_FLAG, &flag);
    int want = said(value);
    assert(err.code == (want < 0 ? ERR_INVALID_FIELD : ERR_OK));
    assert(err.code != ERR_OK || flag == (want == 1));
}

static void check_fields(const struct json_value *object)
{
    size_t members = 0;
    for (const struct json_value *at = json_first(object); at != NULL && members < MEMBERS_MAX;
         at = json_next(at)) {
        check_as_text(object, at);
        check_as_bytes(object, at);
        check_as_number(object, at);
        check_as_flag(object, at);
        members++;
    }
}

/* --- what a body may ask for --- */

static void check_flags(const struct json_value *object)
{
    static const char *const never[] = {"exportable", "allow_plaintext_backup", "derived",
                                        "convergent_encryption"};
    enum err_code want = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(never) && want == ERR_OK; i++) {
        int flag = said(json_member(object, never[i]));
        want = flag < 0 ? ERR_INVALID_FIELD : flag == 1 ? ERR_UNSUPPORTED_OPERATION : ERR_OK;
    }
    struct err err = vault_refuse_flags(object);
    assert(err.code == want);
}

static void check_context(const struct json_value *object)
{
    CLEANUP(json_clear) struct json made = {0};
    CLEANUP(buf_clear) struct buf canonical = {0};
    CLEANUP(buf_clear) struct buf joined = {0};
    const struct json_value *context = object;
    const struct json_value *value = json_member(object, ASSOCIATED);
    struct span want = {0}, text = {0};
    bool is_text = value != NULL && json_as_text(value, &want);
    join_lines(want, &joined);
    want = buf_span(&joined);
    bool given = is_text && want.len > 0;
    struct err err = vault_context(object, &made, &context);
    if (err.code != ERR_OK || context == NULL) {
        assert(context == NULL && (err.code != ERR_OK || !given));
        assert(err.code == ERR_OK || err.code == ERR_INVALID_FIELD ||
               err.code == ERR_INVALID_BASE64 || err.code == ERR_TOO_LARGE);
        return;
    }
    assert(context == made.root && json_count(context) == 1);
    assert(json_as_text(json_member(context, ASSOCIATED), &text) && span_equal(text, want));
    err = context_canonical(context, &canonical);
    assert(err.code == ERR_OK && canonical.len == 1 + 2 + strlen(ASSOCIATED) + 2 + want.len);
}

static void check_body(struct span body)
{
    CLEANUP(json_clear) struct json json = {0};
    if (json_parse(body, &json).code != ERR_OK) {
        return;
    }
    if (!json_is(json.root, JSON_OBJECT)) {
        assert(vault_refuse_flags(json.root).code == ERR_INVALID_FIELD);
        return;
    }
    check_fields(json.root);
    check_flags(json.root);
    check_context(json.root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_text(span_of(data, size));
    check_body(span_of(data, size));
    return 0;
}
