/* frame: the one place that writes and reads the bytes between the front and the worker.
 *
 * The wire layout of an item's head, after the frame's head of frame.h, is
 *   cka_id_len u8, identity_len u8, algorithm u8, purpose u8, mechanism u8, reveal u8, class u8, 0
 * u8, bytes u32, input_len u32, aad_len u32, iv_len u32, ckr u64 and then CKA_ID, identity, input,
 * aad and iv, one behind the other. A decoder believes nothing: a number outside its enumeration, a
 * length over its limit and a byte too many are ERR_CORRUPT, and decoded spans always lie within
 * the body. Nothing here allocates but the caller's buf, and nothing is shared, so nothing locks.
 * What HELLO and INVENTORY carry is in frame_payload.c, the transfer in frame_io.c. */
#include "pkcs11/frame.h"

#include <assert.h>
#include <string.h>

#define ITEM_HEAD_LEN 32

static uint8_t *put_u8(uint8_t *place, unsigned value)
{
    *place = (uint8_t)value;
    return place + 1;
}

static uint8_t *put_u32(uint8_t *place, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        place[i] = (uint8_t)(value >> (24 - 8 * i));
    }
    return place + 4;
}

static uint8_t *put_bytes(uint8_t *place, const uint8_t *bytes, size_t len)
{
    if (len > 0) {
        memcpy(place, bytes, len);
    }
    return place + len;
}

static size_t item_len(const struct frame_item *item)
{
    assert(item->key.cka_id_len <= TOKEN_CKA_ID_MAX);
    assert(item->key.identity_len <= TOKEN_IDENTITY_MAX);
    return ITEM_HEAD_LEN + item->key.cka_id_len + item->key.identity_len + item->input.len +
           item->aad.len + item->iv.len;
}

static uint8_t *put_head(uint8_t *place, const struct frame_head *head, size_t count, size_t body)
{
    place = put_u32(place, FRAME_MAGIC);
    place = put_u8(place, head->kind);
    place = put_u8(place, head->op);
    place = put_u8(place, head->class);
    place = put_u8(place, head->share);
    place = put_u32(place, (uint32_t)count);
    place = put_u32(place, (uint32_t)body);
    place = put_u32(place, head->deadline_ms);
    return put_u32(place, head->epoch);
}

static uint8_t *put_item(uint8_t *place, const struct frame_item *item)
{
    const struct token_key *key = &item->key;
    place = put_u8(place, (unsigned)key->cka_id_len);
    place = put_u8(place, (unsigned)key->identity_len);
    place = put_u8(place, key->algorithm);
    place = put_u8(place, key->purpose);
    place = put_u8(place, item->mechanism);
    place = put_u8(place, item->reveal ? 1 : 0);
    place = put_u8(place, item->class);
    place = put_u8(place, 0);
    place = put_u32(place, item->bytes);
    place = put_u32(place, (uint32_t)item->input.len);
    place = put_u32(place, (uint32_t)item->aad.len);
    place = put_u32(place, (uint32_t)item->iv.len);
    place = put_u32(place, (uint32_t)(item->ckr >> 32));
    place = put_u32(place, (uint32_t)item->ckr);
    place = put_bytes(place, key->cka_id, key->cka_id_len);
    place = put_bytes(place, key->identity, key->identity_len);
    place = put_bytes(place, item->input.data, item->input.len);
    place = put_bytes(place, item->aad.data, item->aad.len);
    return put_bytes(place, item->iv.data, item->iv.len);
}

struct err frame_encode(const struct frame_head *head, const struct frame_item *items, size_t count,
                        struct buf *out)
{
    ENSURE(count <= FRAME_ITEMS_MAX, ERR_TOO_LARGE, "more than %d items in one call",
           FRAME_ITEMS_MAX);
    size_t body = 0;
    for (size_t i = 0; i < count; i++) {
        const struct frame_item *item = &items[i];
        bool fits = item->input.len <= FRAME_BODY_MAX && item->aad.len <= FRAME_BODY_MAX &&
                    item->iv.len <= FRAME_BODY_MAX;
        ENSURE(fits && item_len(item) <= FRAME_BODY_MAX - body, ERR_TOO_LARGE,
               "more than %zu bytes in one call", FRAME_BODY_MAX);
        body += item_len(item);
    }
    uint8_t *place = NULL;
    TRY(buf_extend(out, FRAME_HEAD_LEN + body, &place));
    place = put_head(place, head, count, body);
    for (size_t i = 0; i < count; i++) {
        place = put_item(place, &items[i]);
    }
    assert(place == out->data + out->len);
    return err_ok();
}

static uint32_t get_u32(const uint8_t *place)
{
    return (uint32_t)place[0] << 24 | (uint32_t)place[1] << 16 | (uint32_t)place[2] << 8 | place[3];
}

struct err frame_decode_head(struct span bytes, struct frame_head *out)
{
    ENSURE(bytes.len == FRAME_HEAD_LEN, ERR_CORRUPT, "frame head of %zu bytes", bytes.len);
    const uint8_t *head = bytes.data;
    ENSURE(get_u32(head) == FRAME_MAGIC, ERR_CORRUPT, "not a frame");
    ENSURE(head[4] >= FRAME_HELLO && head[4] < FRAME_KIND_END, ERR_CORRUPT, "frame kind %u",
           head[4]);
    ENSURE(head[5] < TOKEN_OP_COUNT, ERR_CORRUPT, "frame operation %u", head[5]);
    ENSURE(head[6] < FRAME_CLASS_END, ERR_CORRUPT, "frame class %u", head[6]);
    uint32_t count = get_u32(head + 8);
    uint32_t body = get_u32(head + 12);
    ENSURE(count <= FRAME_ITEMS_MAX, ERR_CORRUPT, "frame of %u items", count);
    ENSURE(body <= FRAME_BODY_MAX && body >= count * ITEM_HEAD_LEN, ERR_CORRUPT,
           "frame body of %u bytes for %u items", body, count);
    *out = (struct frame_head){
        .kind = (enum frame_kind)head[4],
        .op = (enum token_op)head[5],
        .class = (enum frame_class)head[6],
        .count = count,
        .body_len = body,
        .deadline_ms = get_u32(head + 16),
        .epoch = get_u32(head + 20),
        .share = head[7],
    };
    return err_ok();
}

static struct err get_item_head(const uint8_t *head, struct frame_item *out)
{
    ENSURE(head[0] <= TOKEN_CKA_ID_MAX, ERR_CORRUPT, "CKA_ID of %u bytes", head[0]);
    ENSURE(head[1] <= TOKEN_IDENTITY_MAX, ERR_CORRUPT, "identity of %u bytes", head[1]);
    ENSURE(head[2] < ALGORITHM_COUNT, ERR_CORRUPT, "algorithm %u", head[2]);
    ENSURE(head[3] < PURPOSE_COUNT, ERR_CORRUPT, "purpose %u", head[3]);
    ENSURE(head[4] < TOKEN_MECHANISM_COUNT, ERR_CORRUPT, "mechanism %u", head[4]);
    ENSURE(head[5] <= 1, ERR_CORRUPT, "reveal %u", head[5]);
    ENSURE(head[6] < FRAME_CLASS_END, ERR_CORRUPT, "item class %u", head[6]);
    ENSURE(head[7] == 0, ERR_CORRUPT, "item filler %u", head[7]);
    *out = (struct frame_item){
        .key = {.algorithm = (enum algorithm)head[2],
                .purpose = (enum purpose)head[3],
                .cka_id_len = head[0],
                .identity_len = head[1]},
        .mechanism = (enum token_mechanism)head[4],
        .reveal = head[5] == 1,
        .class = (enum frame_class)head[6],
        .bytes = get_u32(head + 8),
        .input = {.len = get_u32(head + 12)},
        .aad = {.len = get_u32(head + 16)},
        .iv = {.len = get_u32(head + 20)},
        .ckr = (uint64_t)get_u32(head + 24) << 32 | get_u32(head + 28),
    };
    return err_ok();
}

static struct err get_copy(struct cursor *cursor, uint8_t *out, size_t len)
{
    struct span bytes = {0};
    TRY(cursor_bytes(cursor, len, &bytes));
    put_bytes(out, bytes.data, len);
    return err_ok();
}

static struct err get_item(struct cursor *cursor, struct frame_item *out)
{
    struct span head = {0};
    TRY(cursor_bytes(cursor, ITEM_HEAD_LEN, &head));
    TRY(get_item_head(head.data, out));
    TRY(get_copy(cursor, out->key.cka_id, out->key.cka_id_len));
    TRY(get_copy(cursor, out->key.identity, out->key.identity_len));
    TRY(cursor_bytes(cursor, out->input.len, &out->input));
    TRY(cursor_bytes(cursor, out->aad.len, &out->aad));
    return cursor_bytes(cursor, out->iv.len, &out->iv);
}

struct err frame_decode_items(const struct frame_head *head, struct span body,
                              struct frame_item *items)
{
    ENSURE(body.len == head->body_len, ERR_CORRUPT, "frame body is cut");
    struct cursor cursor = cursor_of(body);
    for (uint32_t i = 0; i < head->count; i++) {
        TRY(get_item(&cursor, &items[i]));
    }
    ENSURE(cursor.rest.len == 0, ERR_CORRUPT, "%zu bytes behind the last item", cursor.rest.len);
    return err_ok();
}
