/* fuzz_request: a frame as the worker gets it from a front that it does not trust, on a token that
 * can do everything. What may go to the token has its role, its sizes and bounded room, and nothing
 * is opened with a key whose CKA_ID demands approvals. */
#include <assert.h>

#include "base/mem.h"
#include "pkcs11/item.h"
#include "tests/fuzz/fuzz_items.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 16 bytes, then 0x01 and how many approvals. */
static bool demands(const struct token_key *key)
{
    return key->cka_id_len >= 18 && key->cka_id[16] == 0x01 && key->cka_id[17] > 0;
}

static bool has_role(enum token_op op, enum purpose purpose)
{
    switch (op) {
    case TOKEN_SIGN:
        return purpose == PURPOSE_SIGN || purpose == PURPOSE_MAC;
    case TOKEN_DECRYPT:
        return purpose == PURPOSE_ENCRYPT || purpose == PURPOSE_DECRYPT;
    case TOKEN_ENCRYPT:
    case TOKEN_DATA_KEY:
        return purpose == PURPOSE_ENCRYPT;
    case TOKEN_RANDOM:
    case TOKEN_OP_COUNT:
        break;
    }
    return op == TOKEN_RANDOM;
}

static void check_taken(enum token_op op, const struct frame_item *item)
{
    size_t bytes = op == TOKEN_RANDOM || op == TOKEN_DATA_KEY ? item->bytes : 0;
    assert(bytes <= 64 * 1024 && item_room(op, item) <= item->input.len + 2 * bytes + 1024);
    assert(has_role(op, item->key.purpose));
    if (op == TOKEN_RANDOM) {
        assert(bytes > 0);
        return;
    }
    assert(item->key.cka_id_len > 0 && item->key.identity_len > 0);
    assert(item->mechanism != TOKEN_AES_GCM || item->aad.len > 0);
    bool opens = op == TOKEN_DECRYPT || (op == TOKEN_DATA_KEY && item->reveal);
    assert(!opens || !demands(&item->key));
}

static void check_item(const struct worker *worker, enum token_op op, const struct frame_item *item)
{
    static const struct worker unable;
    struct ckr_verdict verdict = item_check(worker, op, item);
    assert(verdict.class == FRAME_OK || verdict.class == FRAME_CALLER_DATA ||
           verdict.class == FRAME_OUR_MISTAKE || verdict.class == FRAME_UNAPPROVED);
    if (verdict.class == FRAME_OK) {
        check_taken(op, item);
    }
    assert(op == TOKEN_RANDOM || item_check(&unable, op, item).class != FRAME_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct frame_item items[FRAME_ITEMS_MAX];
    static const struct worker able = {
        .probe.found = {.algorithms = UINT32_MAX, .mechanisms = UINT32_MAX}};
    struct frame_head head = {0};
    if (!fuzz_items(span_of(data, size), &head, items)) {
        return 0;
    }
    for (uint32_t i = 0; i < head.count; i++) {
        for (int op = 0; op < TOKEN_OP_COUNT; op++) {
            check_item(&able, (enum token_op)op, &items[i]);
        }
    }
    return 0;
}
