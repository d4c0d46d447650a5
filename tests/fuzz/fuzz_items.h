/* fuzz_items: the input as a frame, for targets that look at what came out of one. */
#ifndef HSMGATE_TESTS_FUZZ_ITEMS_H
#define HSMGATE_TESTS_FUZZ_ITEMS_H

#include "pkcs11/frame.h"

/* Decodes it into `items`, which has room for FRAME_ITEMS_MAX; false when it is no frame. */
static inline bool fuzz_items(struct span input, struct frame_head *head, struct frame_item *items)
{
    if (input.len < FRAME_HEAD_LEN ||
        frame_decode_head(span_of(input.data, FRAME_HEAD_LEN), head).code != ERR_OK) {
        return false;
    }
    struct span body = span_of(input.data + FRAME_HEAD_LEN, input.len - FRAME_HEAD_LEN);
    return frame_decode_items(head, body, items).code == ERR_OK;
}

#endif
