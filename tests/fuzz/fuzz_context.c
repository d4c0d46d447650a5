/* fuzz_context: a context of any JSON text is refused or has one canonical form, which can be read
 * back: count, then sorted pairs with their lengths, and nothing after. */
#include <assert.h>

#include "base/mem.h"
#include "gateway/ops/context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span read_text(struct cursor *cursor)
{
    uint16_t len = 0;
    struct span text = {0};
    struct err err = cursor_u16(cursor, &len);
    assert(err.code == ERR_OK);
    err = cursor_bytes(cursor, len, &text);
    assert(err.code == ERR_OK);
    return text;
}

static bool comes_before(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order < 0 || (order == 0 && a.len < b.len);
}

static void check(struct span canonical, const struct json_value *object)
{
    struct cursor cursor = cursor_of(canonical);
    struct span last = {0};
    uint8_t count = 0;
    struct err err = cursor_u8(&cursor, &count);
    assert(err.code == ERR_OK && count == json_count(object) && count <= CONTEXT_PAIRS_MAX);
    for (unsigned i = 0; i < count; i++) {
        struct span name = read_text(&cursor);
        struct span value = read_text(&cursor);
        struct span want = {0};
        CLEANUP(mem_free_at) char *text = span_to_text(name);
        assert(comes_before(last, name));
        assert(json_as_text(json_member(object, text), &want) && span_equal(value, want));
        last = name;
    }
    assert(cursor.rest.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(json_clear) struct json json = {0};
    CLEANUP(buf_clear) struct buf out = {0};
    struct err err = json_parse(span_of(data, size), &json);
    if (err.code != ERR_OK || !json_is(json.root, JSON_OBJECT)) {
        return 0;
    }
    err = context_canonical(json.root, &out);
    assert(err.code == ERR_OK || err.code == ERR_INVALID_FIELD || err.code == ERR_TOO_LARGE);
    if (err.code == ERR_OK && json_count(json.root) > 0) {
        check(buf_span(&out), json.root);
    }
    return 0;
}
