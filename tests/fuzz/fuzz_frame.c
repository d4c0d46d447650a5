/* fuzz_frame: whatever bytes the other side sends, decoding them ends well.
 *
 * The input is a frame: head, items, and what HELLO and INVENTORY carry. A frame that decodes must
 * encode to the same bytes again. The seeds in corpus/frame come from make_frame_seeds.c. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "pkcs11/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken says the same when it is written again. */
static void check_again(const struct frame_head *head, const struct frame_item *items,
                        struct span frame)
{
    CLEANUP(buf_clear) struct buf again = {0};
    buf_init(&again, FRAME_HEAD_LEN + FRAME_BODY_MAX);
    struct err err = frame_encode(head, items, head->count, &again);
    assert(err.code == ERR_OK);
    assert(span_equal(buf_span(&again), frame));
}

static void check_objects(const struct token_object *objects, size_t count,
                          const struct frame_head *head, struct span body)
{
    CLEANUP(buf_clear) struct buf again = {0};
    struct frame_item item = {0};
    struct frame_item back = {0};
    struct frame_head back_head = {0};
    buf_init(&again, FRAME_HEAD_LEN + FRAME_BODY_MAX);
    struct err err = frame_decode_items(head, body, &item);
    assert(err.code == ERR_OK);
    err = frame_encode_objects(objects, count, head->epoch, &again);
    assert(err.code == ERR_OK);
    err = frame_decode_head(span_of(again.data, FRAME_HEAD_LEN), &back_head);
    assert(err.code == ERR_OK);
    struct span back_body = span_of(again.data + FRAME_HEAD_LEN, back_head.body_len);
    err = frame_decode_items(&back_head, back_body, &back);
    assert(err.code == ERR_OK && span_equal(item.input, back.input));
}

static void check_payload(const struct frame_head *head, struct span body)
{
    CLEANUP(mem_free_at) struct token_object *objects = NULL;
    size_t count = 0;
    struct frame_hello hello;
    struct err err = frame_decode_hello(head, body, &hello);
    if (err.code == ERR_OK) {
        assert(strlen(hello.label) <= TOKEN_TEXT_MAX && strlen(hello.error) < ERR_DETAIL_MAX);
    }
    err = frame_decode_objects(head, body, &objects, &count);
    if (err.code == ERR_OK) {
        check_objects(objects, count, head, body);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct frame_item items[FRAME_ITEMS_MAX];
    struct frame_head head = {0};
    if (size < FRAME_HEAD_LEN) {
        return 0;
    }
    struct err err = frame_decode_head(span_of(data, FRAME_HEAD_LEN), &head);
    if (err.code != ERR_OK) {
        return 0;
    }
    struct span body = span_of(data + FRAME_HEAD_LEN, size - FRAME_HEAD_LEN);
    err = frame_decode_items(&head, body, items);
    if (err.code == ERR_OK) {
        check_again(&head, items, span_of(data, size));
        check_payload(&head, body);
    }
    return 0;
}
