/* fuzz_reply: a frame as the worker's answer to each thing that the front may have asked. What the
 * front believes has the lengths that the operation must have, and a public key that its identity
 * names; a reason of the worker's is one printable line. */
#include <assert.h>

#include "base/mem.h"
#include "pkcs11/reply.h"
#include "tests/fuzz/fuzz_items.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct token_key keys[] = {
    {.algorithm = ALGORITHM_ECDSA_P256, .purpose = PURPOSE_SIGN},
    {.algorithm = ALGORITHM_AES_256_GCM, .purpose = PURPOSE_ENCRYPT},
    {.algorithm = ALGORITHM_HMAC_SHA256, .purpose = PURPOSE_MAC},
    {.algorithm = ALGORITHM_RSA_2048, .purpose = PURPOSE_DECRYPT},
};

static void check_lengths(enum token_op op, const struct token_item *asked,
                          const struct frame_item *got)
{
    const struct algorithm_info *info = algorithm_info(asked->key->algorithm);
    bool reveal = op == TOKEN_DATA_KEY && asked->reveal;
    assert(got->iv.len == (reveal ? asked->bytes : 0));
    if (op == TOKEN_SIGN) {
        assert(got->input.len == info->signature_len && got->aad.len == 0);
    } else if (op == TOKEN_RANDOM) {
        assert(got->input.len == asked->bytes && got->aad.len == 0);
    } else if (op == TOKEN_DECRYPT) {
        assert(got->input.len < asked->input.len + info->bits / 8 && got->aad.len == 0);
    } else {
        size_t plain = op == TOKEN_ENCRYPT ? asked->input.len : asked->bytes;
        assert(got->input.len == plain + TOKEN_TAG_LEN && got->aad.len == TOKEN_IV_LEN);
    }
}

static void check_item(enum token_op op, const struct frame_item *got)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        for (unsigned reveal = 0; reveal < 2; reveal++) {
            const struct token_item asked = {.key = &keys[i],
                                             .mechanism =
                                                 i == 3 ? TOKEN_RSA_OAEP_SHA256 : TOKEN_AES_GCM,
                                             .input = span_text("0123456789abcdef01234567"),
                                             .bytes = 32,
                                             .reveal = reveal == 1};
            struct err err = reply_check_item(op, &asked, got);
            assert(err.code == ERR_OK || err.code == ERR_CORRUPT);
            if (err.code == ERR_OK) {
                check_lengths(op, &asked, got);
            }
        }
    }
}

static void check_made(const struct frame_item *got)
{
    struct token_key asked = got->key;
    struct err made = reply_check_key(&asked, got);
    struct err adopted = reply_check_adopted(&asked, got);
    assert(made.code == ERR_OK || made.code == ERR_CORRUPT);
    assert(adopted.code != ERR_OK || (made.code == ERR_OK && got->key.cka_id_len > 0));
    enum family family = algorithm_info(asked.algorithm)->family;
    bool is_secret = family == FAMILY_AES || family == FAMILY_HMAC;
    assert(made.code != ERR_OK || (got->input.len == 0) == is_secret);
    if (made.code == ERR_OK && !is_secret) {
        uint8_t hash[SHA256_LEN];
        digest_sha256_parts(&got->input, 1, hash);
        assert(asked.identity_len == SHA256_LEN && memcmp(hash, asked.identity, SHA256_LEN) == 0);
    }
    asked.cka_id[0] ^= 1;
    assert(asked.cka_id_len == 0 || reply_check_key(&asked, got).code == ERR_CORRUPT);
}

static void check_reasons(const struct frame_head *head, const struct frame_item *got)
{
    struct err err = {0};
    if (reply_unapproved(got->input, &err)) {
        assert(err.code == ERR_APPROVAL_REQUIRED && span_is(got->input, err.detail));
    }
    if (reply_unfit(got->bytes, &err)) {
        assert(err.code != ERR_OK && err.detail[0] != '\0');
    }
    if (reply_check_sealed(got->input).code == ERR_OK) {
        assert(memmem(got->input.data, got->input.len, "..", 2) != NULL);
    }
    err = reply_error(got->class, head->op);
    assert((err.code == ERR_OK) == (got->class == FRAME_OK));
    assert(reply_class_name(got->class) != NULL);
    assert(got->class != FRAME_OK || (!reply_is_lost(FRAME_OK) && !reply_is_alarm(FRAME_OK)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct frame_item items[FRAME_ITEMS_MAX];
    struct frame_head head = {0};
    if (!fuzz_items(span_of(data, size), &head, items)) {
        return 0;
    }
    for (uint32_t i = 0; i < head.count; i++) {
        check_item(head.op, &items[i]);
        check_made(&items[i]);
        check_reasons(&head, &items[i]);
    }
    return 0;
}
