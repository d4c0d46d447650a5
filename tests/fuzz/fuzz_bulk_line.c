/* fuzz_bulk_line: a line of a bulk rewrap, behind the first line, which is a context for those that
 * bring none. A line that asks gets its new ciphertext in the old one's place and no other byte
 * changes, so that it asks the same again; a line that is bad can be read back out of its reject.
 */
#include <assert.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "cli/bulk_line.h"
#include "gateway/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NEW "bmV3"

static void read_line(struct span text, struct span context, struct bulk_line *out)
{
    *out = (struct bulk_line){.taken = text.len + 1, .number = 1};
    assert(buf_append(&out->text, text).code == ERR_OK);
    bulk_line_read(out, context);
}

static struct err answer(struct bulk_line *line, struct span text)
{
    CLEANUP(json_clear) struct json json = {0};
    TRY(json_parse(text, &json));
    return bulk_line_answer(line, json.root);
}

static void check_item(const struct bulk_line *line, struct json *item, struct span *out)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    assert(json_parse(buf_span(&line->item), item).code == ERR_OK);
    assert(json_as_text(json_member(item->root, "ciphertext"), out));
    assert(base64_decode(*out, &bytes).code == ERR_OK);
}

static void check_asked(struct bulk_line *line, struct span text, struct span context)
{
    CLEANUP(buf_clear) struct buf out = {0};
    CLEANUP(bulk_line_clear) struct bulk_line again = {0};
    CLEANUP(json_clear) struct json item = {0};
    CLEANUP(json_clear) struct json next = {0};
    struct span old = {0}, now = {0};
    check_item(line, &item, &old);
    assert(line->at + line->len <= text.len && line->len >= old.len);
    assert(answer(line, span_text("{\"ciphertext\":\"" NEW "\"}")).code == ERR_OK);
    assert(line->fate == BULK_GOOD && bulk_line_write(line, &out).code == ERR_OK);
    assert(out.len == text.len - line->len + strlen(NEW) + 1 && out.data[out.len - 1] == '\n');
    assert(memcmp(out.data, text.data, line->at) == 0);
    assert(memcmp(out.data + line->at, NEW, strlen(NEW)) == 0);
    read_line(span_of(out.data, out.len - 1), context, &again);
    assert(again.fate == BULK_ASKED);
    check_item(&again, &next, &now);
    assert(span_is(now, NEW) && json_count(item.root) == json_count(next.root));
}

static void check_bad(const struct bulk_line *line, struct span text)
{
    CLEANUP(buf_clear) struct buf out = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct span input = {0};
    assert(line->err.code != ERR_OK && bulk_line_write_reject(line, &out).code == ERR_OK);
    assert(out.data[out.len - 1] == '\n' && memchr(out.data, '\n', out.len - 1) == NULL);
    assert(json_parse(span_of(out.data, out.len - 1), &json).code == ERR_OK);
    if (json_as_text(json_member(json.root, "input"), &input)) {
        assert(span_equal(input, text));
        return;
    }
    assert(json_as_text(json_member(json.root, "input_base64"), &input));
    assert(base64_decode(input, &bytes).code == ERR_OK && span_equal(buf_span(&bytes), text));
}

/* The same bytes as what a server answers. */
static void check_answer(struct span text)
{
    CLEANUP(bulk_line_clear) struct bulk_line line = {0};
    CLEANUP(buf_clear) struct buf bytes = {0};
    read_line(span_text("b2xk"), span_text(""), &line);
    if (answer(&line, text).code == ERR_OK && line.fate == BULK_GOOD) {
        assert(base64_decode(buf_span(&line.result), &bytes).code == ERR_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(bulk_line_clear) struct bulk_line line = {0};
    CLEANUP(json_clear) struct json json = {0};
    struct span text = span_of(data, size);
    struct span context = query_cut(&text, '\n');
    if (json_parse(context, &json).code != ERR_OK || !json_is(json.root, JSON_OBJECT)) {
        context = span_of(NULL, 0);
    }
    if (text.len > 0 && memchr(text.data, '\n', text.len) != NULL) {
        return 0;
    }
    read_line(text, context, &line);
    assert(line.fate != BULK_GOOD);
    if (line.fate == BULK_ASKED) {
        check_asked(&line, text, context);
    } else if (line.fate == BULK_BAD) {
        check_bad(&line, text);
    }
    check_answer(text);
    return 0;
}
