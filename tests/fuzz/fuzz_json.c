/* fuzz_json: a text is refused, or its tree is written, read again and written as the same bytes.
 * What the scan refuses never reaches the library behind it, and the table reader takes a member
 * only as what it is. */
#include <assert.h>

#include "base/json_inner.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_tree(const struct json_value *root, struct buf *out)
{
    buf_init(out, BUF_MAX_DEFAULT);
    struct json_writer writer = json_writer_on(out);
    json_put_value(&writer, NULL, root);
    assert(json_finish(&writer).code == ERR_OK);
}

static void check_tree(const struct json_value *root)
{
    CLEANUP(buf_clear) struct buf once = {0};
    CLEANUP(buf_clear) struct buf twice = {0};
    CLEANUP(json_clear) struct json again = {0};
    write_tree(root, &once);
    assert(json_scan(buf_span(&once)).code == ERR_OK);
    assert(json_parse(buf_span(&once), &again).code == ERR_OK);
    write_tree(again.root, &twice);
    assert(span_equal(buf_span(&once), buf_span(&twice)));
}

static void check_code(struct err err)
{
    assert(err.code == ERR_OK || err.code == ERR_INVALID_FIELD || err.code == ERR_UNKNOWN_FIELD ||
           err.code == ERR_TOO_LARGE || err.code == ERR_INVALID_BASE64);
}

/* The object by a table of all kinds; what comes out is what one node alone says. */
static void check_read(const struct json_value *object)
{
    CLEANUP(buf_clear) struct buf bytes = {.max = 64};
    CLEANUP(buf_clear) struct buf url = {.max = 64};
    struct span text = {0}, want = {0};
    int64_t integer = 0, number = 0;
    bool flag = false, has_text = false, has_integer = false;
    const struct json_value *inner = NULL, *list = NULL;
    const struct json_field fields[] = {
        {"t", JSON_TEXT, JSON_OPTIONAL, 64, &text, &has_text},
        {"b", JSON_BYTES, JSON_OPTIONAL, 64, &bytes, NULL},
        {"u", JSON_BYTES_URL, JSON_OPTIONAL, 64, &url, NULL},
        {"i", JSON_INTEGER, JSON_OPTIONAL, 0, &integer, &has_integer},
        {"f", JSON_FLAG, JSON_OPTIONAL, 0, &flag, NULL},
        {"o", JSON_OBJECT, JSON_OPTIONAL, 0, &inner, NULL},
        {"a", JSON_ARRAY, JSON_OPTIONAL, 8, &list, NULL},
    };
    struct err err = json_read(object, fields, ARRAY_LEN(fields));
    check_code(err);
    assert(bytes.len <= 64 && url.len <= 64);
    if (err.code != ERR_OK) {
        return;
    }
    assert(json_count(object) <= ARRAY_LEN(fields) && json_count(list) <= 8);
    assert(has_text == (json_member(object, "t") != NULL));
    assert(!has_text || (json_as_text(json_member(object, "t"), &want) && text.len <= 64 &&
                         span_equal(text, want) && text.data[text.len] == '\0'));
    assert(!has_integer || (json_as_integer(json_member(object, "i"), &number) &&
                            number == integer && integer <= INT64_C(1) << 53));
}

/* Any bytes as text: what is written is JSON of one line, and valid UTF-8 comes back as it was. */
static void check_text(struct span text)
{
    CLEANUP(buf_clear) struct buf quoted = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct span back = {0};
    struct json_writer writer = json_writer_on(&quoted);
    json_put_span(&writer, NULL, text);
    assert(json_finish(&writer).code == ERR_OK);
    assert(memchr(quoted.data, '\n', quoted.len) == NULL);
    bool has_zero = text.len > 0 && memchr(text.data, '\0', text.len) != NULL;
    struct err err = json_parse(buf_span(&quoted), &json);
    assert(err.code == (has_zero ? ERR_INVALID_JSON : ERR_OK));
    if (err.code != ERR_OK) {
        return;
    }
    assert(json_as_text(json.root, &back));
    const uint8_t *at = text.data, *end = text.data + text.len;
    size_t step = 1;
    while (at < end && step > 0) {
        step = json_scan_character(at, end);
        at += step;
    }
    assert((step > 0) == span_equal(back, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(json_clear) struct json json = {0};
    struct span text = span_of(data, size);
    struct err scanned = json_scan(text);
    struct err err = json_parse(text, &json);
    assert(scanned.code == ERR_OK || scanned.code == ERR_INVALID_JSON);
    assert(scanned.code == ERR_OK ? err.code == ERR_OK || err.code == ERR_DUPLICATE_FIELD
                                  : err.code == scanned.code);
    if (err.code == ERR_OK) {
        check_tree(json.root);
        check_read(json.root);
    } else {
        assert(json.root == NULL);
    }
    check_text(text);
    return 0;
}
