/* frame_payload: what HELLO and INVENTORY carry in the input of their one item.
 *
 * Both are lists of plain fields and texts (u8 length, then bytes without NUL). The front decodes
 * them from a worker that it does not trust: a text over its limit, a flag that is neither 0 nor 1
 * and a byte too many are ERR_CORRUPT, and an output is whole or untouched. */
#include <string.h>

#include "base/mem.h"
#include "pkcs11/frame.h"

#define OBJECT_LEN_MIN 8 /* class, algorithm, attributes, length of CKA_ID, length of label */

static struct err put_text(struct buf *out, const char *text, size_t max)
{
    size_t len = strnlen(text, max);
    TRY(buf_append_u8(out, (uint8_t)len));
    return buf_append(out, span_of(text, len));
}

static struct err get_text(struct cursor *cursor, char *out, size_t max)
{
    uint8_t len = 0;
    struct span text = {0};
    TRY(cursor_u8(cursor, &len));
    ENSURE(len <= max, ERR_CORRUPT, "text of %u bytes", len);
    TRY(cursor_bytes(cursor, len, &text));
    ENSURE(len == 0 || memchr(text.data, 0, len) == NULL, ERR_CORRUPT, "NUL in text");
    if (len > 0) {
        memcpy(out, text.data, len);
    }
    out[len] = '\0';
    return err_ok();
}

/* A frame whose one item carries `payload` as its input. */
static struct err encode_payload(const struct frame_head *head, const struct buf *payload,
                                 struct buf *out)
{
    struct frame_item item = {.class = head->class, .input = buf_span(payload)};
    return frame_encode(head, &item, 1, out);
}

static struct err decode_payload(const struct frame_head *head, struct span body,
                                 enum frame_kind kind, struct span *out)
{
    struct frame_item item = {0};
    ENSURE(head->kind == kind && head->count == 1, ERR_CORRUPT, "frame kind %d with %u items",
           (int)head->kind, head->count);
    TRY(frame_decode_items(head, body, &item));
    *out = item.input;
    return err_ok();
}

static struct err put_hello(struct buf *payload, const struct frame_hello *hello)
{
    TRY(buf_append_u32(payload, hello->probe.algorithms));
    TRY(buf_append_u32(payload, hello->probe.mechanisms));
    TRY(buf_append_u32(payload, hello->probe.sessions));
    TRY(buf_append_u8(payload, hello->probe.gcm_iv_by_caller ? 1 : 0));
    TRY(buf_append_u8(payload, hello->probe.empty_plaintext ? 1 : 0));
    TRY(buf_append_u8(payload, hello->probe.copies_extractable ? 1 : 0));
    TRY(buf_append_u64(payload, hello->probe.tamper_ckr));
    TRY(buf_append_u64(payload, hello->ckr));
    TRY(put_text(payload, hello->label, TOKEN_TEXT_MAX));
    TRY(put_text(payload, hello->serial, TOKEN_TEXT_MAX));
    TRY(put_text(payload, hello->manufacturer, TOKEN_TEXT_MAX));
    TRY(put_text(payload, hello->model, TOKEN_TEXT_MAX));
    return put_text(payload, hello->error, ERR_DETAIL_MAX - 1);
}

struct err frame_encode_hello(enum frame_class class, const struct frame_hello *hello,
                              uint32_t epoch, struct buf *out)
{
    CLEANUP(buf_clear) struct buf payload = {0};
    TRY(put_hello(&payload, hello));
    struct frame_head head = {.kind = FRAME_HELLO, .class = class, .epoch = epoch};
    return encode_payload(&head, &payload, out);
}

static struct err get_flag(struct cursor *cursor, bool *out)
{
    uint8_t value = 0;
    TRY(cursor_u8(cursor, &value));
    ENSURE(value <= 1, ERR_CORRUPT, "flag %u", value);
    *out = value == 1;
    return err_ok();
}

static struct err get_hello(struct cursor *cursor, struct frame_hello *hello)
{
    TRY(cursor_u32(cursor, &hello->probe.algorithms));
    TRY(cursor_u32(cursor, &hello->probe.mechanisms));
    TRY(cursor_u32(cursor, &hello->probe.sessions));
    TRY(get_flag(cursor, &hello->probe.gcm_iv_by_caller));
    TRY(get_flag(cursor, &hello->probe.empty_plaintext));
    TRY(get_flag(cursor, &hello->probe.copies_extractable));
    TRY(cursor_u64(cursor, &hello->probe.tamper_ckr));
    TRY(cursor_u64(cursor, &hello->ckr));
    TRY(get_text(cursor, hello->label, TOKEN_TEXT_MAX));
    TRY(get_text(cursor, hello->serial, TOKEN_TEXT_MAX));
    TRY(get_text(cursor, hello->manufacturer, TOKEN_TEXT_MAX));
    TRY(get_text(cursor, hello->model, TOKEN_TEXT_MAX));
    TRY(get_text(cursor, hello->error, ERR_DETAIL_MAX - 1));
    ENSURE(cursor->rest.len == 0, ERR_CORRUPT, "bytes behind the hello");
    return err_ok();
}

struct err frame_decode_hello(const struct frame_head *head, struct span body,
                              struct frame_hello *out)
{
    struct span payload = {0};
    TRY(decode_payload(head, body, FRAME_HELLO, &payload));
    struct cursor cursor = cursor_of(payload);
    struct frame_hello hello = {0};
    TRY(get_hello(&cursor, &hello));
    *out = hello;
    return err_ok();
}

/* 0: of none of our algorithms, else the algorithm's number and 1. */
static unsigned wire_algorithm(const struct token_object *object)
{
    return object->has_algorithm ? object->algorithm + 1u : 0;
}

static struct err put_object(struct buf *payload, const struct token_object *object)
{
    TRY(buf_append_u8(payload, (uint8_t)object->class));
    TRY(buf_append_u8(payload, (uint8_t)wire_algorithm(object)));
    TRY(buf_append_u32(payload, object->attributes));
    TRY(buf_append_u8(payload, (uint8_t)object->cka_id_len));
    TRY(buf_append(payload, span_of(object->cka_id, object->cka_id_len)));
    return put_text(payload, object->label, TOKEN_TEXT_MAX);
}

struct err frame_encode_objects(const struct token_object *objects, size_t count, uint32_t epoch,
                                struct buf *out)
{
    CLEANUP(buf_clear) struct buf payload = {0};
    for (size_t i = 0; i < count; i++) {
        TRY(put_object(&payload, &objects[i]));
    }
    struct frame_head head = {.kind = FRAME_INVENTORY, .epoch = epoch};
    return encode_payload(&head, &payload, out);
}

static struct err get_kind(struct cursor *cursor, struct token_object *out)
{
    uint8_t class = 0;
    uint8_t algorithm = 0;
    TRY(cursor_u8(cursor, &class));
    ENSURE(class <= TOKEN_OBJECT_OTHER, ERR_CORRUPT, "object class %u", class);
    TRY(cursor_u8(cursor, &algorithm));
    ENSURE(algorithm <= ALGORITHM_COUNT, ERR_CORRUPT, "object algorithm %u", algorithm);
    TRY(cursor_u32(cursor, &out->attributes));
    ENSURE(out->attributes >> TOKEN_ATTRIBUTE_COUNT == 0, ERR_CORRUPT, "object attributes %#x",
           out->attributes);
    out->class = (enum token_object_class) class;
    out->has_algorithm = algorithm > 0;
    out->algorithm = algorithm > 0 ? (enum algorithm)(algorithm - 1) : out->algorithm;
    return err_ok();
}

static struct err get_object(struct cursor *cursor, struct token_object *out)
{
    uint8_t len = 0;
    struct span id = {0};
    *out = (struct token_object){0};
    TRY(get_kind(cursor, out));
    TRY(cursor_u8(cursor, &len));
    ENSURE(len <= TOKEN_CKA_ID_MAX, ERR_CORRUPT, "CKA_ID of %u bytes", len);
    TRY(cursor_bytes(cursor, len, &id));
    out->cka_id_len = len;
    if (len > 0) {
        memcpy(out->cka_id, id.data, len);
    }
    return get_text(cursor, out->label, TOKEN_TEXT_MAX);
}

struct err frame_decode_objects(const struct frame_head *head, struct span body,
                                struct token_object **out, size_t *out_count)
{
    struct span payload = {0};
    TRY(decode_payload(head, body, FRAME_INVENTORY, &payload));
    struct cursor cursor = cursor_of(payload);
    CLEANUP(mem_free_at)
    struct token_object *objects =
        mem_array(payload.len / OBJECT_LEN_MIN + 1, sizeof(struct token_object));
    size_t count = 0;
    while (cursor.rest.len > 0) {
        TRY(get_object(&cursor, &objects[count]));
        count++;
    }
    *out_count = count;
    *out = TAKE(objects);
    return err_ok();
}
