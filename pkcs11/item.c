/* item: checks one item and does it.
 *
 * The checks repeat what the gateway has checked, because the worker trusts no front: a key is used
 * only in its role, a signature only over a digest of the right form, and a key whose CKA_ID
 * demands approvals does not decrypt on a front's word. Fails closed. */
#include "pkcs11/item.h"

#include <string.h>

#include "base/banned.h"
#include "base/envelope.h"
#include "base/mem.h"

#define CIPHER_SLACK 16 /* some modules want a whole block more than they write */

static bool is_able(const struct worker *worker, const struct frame_item *item)
{
    const struct token_probe *found = &worker->probe.found;
    return (found->algorithms & 1u << item->key.algorithm) != 0 &&
           (found->mechanisms & 1u << item->mechanism) != 0;
}

/* What only the gateway can have got wrong. */
static bool is_sound(enum token_op op, const struct frame_item *item)
{
    bool cipher = item->mechanism == TOKEN_AES_GCM;
    bool size = op != TOKEN_DATA_KEY || (item->bytes >= 1 && item->bytes <= DATA_KEY_MAX);
    return item->key.cka_id_len > 0 && item->key.identity_len > 0 &&
           mechanism_fits(op, item->mechanism, &item->key) && (!cipher || item->aad.len > 0) &&
           size;
}

struct ckr_verdict item_check_form(const struct worker *worker, enum token_op op,
                                   const struct frame_item *item)
{
    if (op == TOKEN_RANDOM) {
        bool fits = item->bytes >= 1 && item->bytes <= OPERATION_RANDOM_MAX;
        return ckr_own(fits ? FRAME_OK : FRAME_OUR_MISTAKE);
    }
    if (!is_sound(op, item)) {
        return ckr_own(FRAME_OUR_MISTAKE);
    }
    if (!mechanism_takes(op, item->mechanism, item->key.algorithm, item->input)) {
        return ckr_own(op == TOKEN_DECRYPT ? FRAME_CALLER_DATA : FRAME_OUR_MISTAKE);
    }
    return ckr_own(is_able(worker, item) ? FRAME_OK : FRAME_UNSUPPORTED);
}

struct ckr_verdict item_check(const struct worker *worker, enum token_op op,
                              const struct frame_item *item)
{
    struct span cka_id = span_of(item->key.cka_id, item->key.cka_id_len);
    bool opens = op == TOKEN_DECRYPT || (op == TOKEN_DATA_KEY && item->reveal);
    return opens && judge_demands(&worker->judge, cka_id) ? ckr_own(FRAME_UNAPPROVED)
                                                          : item_check_form(worker, op, item);
}

size_t item_room(enum token_op op, const struct frame_item *item)
{
    switch (op) {
    case TOKEN_SIGN:
        return algorithm_info(item->key.algorithm)->signature_len;
    case TOKEN_ENCRYPT:
        return TOKEN_IV_LEN + item->input.len + OPERATION_GCM_ROOM;
    case TOKEN_DECRYPT:
        return item->input.len + CIPHER_SLACK;
    case TOKEN_DATA_KEY:
        return TOKEN_IV_LEN + 2 * (size_t)item->bytes + OPERATION_GCM_ROOM;
    case TOKEN_RANDOM:
        return item->bytes;
    case TOKEN_OP_COUNT:
        break;
    }
    return 0;
}

/* So no signature, MAC or tag comes out of a key, and no 16 bytes or more by chance. */
static bool is_one_byte_again(struct span bytes)
{
    return bytes.len > 1 && memcmp(bytes.data, bytes.data + 1, bytes.len - 1) == 0;
}

static struct ckr_verdict sign(struct session *session, const struct frame_item *request,
                               CK_OBJECT_HANDLE key, struct operation_place out,
                               struct frame_item *reply)
{
    struct mechanism mechanism;
    size_t due = out.len;
    mechanism_init(&mechanism, request->mechanism, request->key.algorithm);
    struct ckr_verdict verdict = operation_sign(session, &mechanism, key, request->input, &out);
    reply->input = span_of(out.data, out.len);
    if (verdict.class == FRAME_OK && (out.len != due || is_one_byte_again(reply->input))) {
        return ckr_own(FRAME_LYING);
    }
    return verdict;
}

/* place: IV ‖ ciphertext ‖ tag. */
static struct ckr_verdict seal(struct worker *worker, struct session *session,
                               const struct frame_item *request, CK_OBJECT_HANDLE key,
                               struct span plaintext, uint8_t *place, struct frame_item *reply)
{
    struct operation_place out = {place + TOKEN_IV_LEN, plaintext.len + OPERATION_GCM_ROOM};
    struct ckr_verdict verdict =
        operation_seal(session, worker->probe.iv, key, request->aad, plaintext, place, &out);
    reply->aad = span_of(place, TOKEN_IV_LEN);
    reply->input = span_of(out.data, out.len);
    bool wrong = verdict.class == FRAME_UNSUPPORTED; /* the probe saw this module seal rightly */
    if (wrong || (verdict.class == FRAME_OK &&
                  is_one_byte_again(span_of(out.data + plaintext.len, TOKEN_TAG_LEN)))) {
        return ckr_own(FRAME_LYING);
    }
    return verdict;
}

static struct ckr_verdict decrypt(struct worker *worker, struct session *session,
                                  const struct frame_item *request, CK_OBJECT_HANDLE key,
                                  struct operation_place out, struct frame_item *reply)
{
    struct ckr_verdict verdict;
    bool gcm = request->mechanism == TOKEN_AES_GCM;
    if (gcm) {
        verdict = operation_open(session, key, request->aad, request->iv, request->input,
                                 (CK_RV)worker->probe.found.tamper_ckr, &out);
    } else {
        struct mechanism mechanism;
        mechanism_init(&mechanism, request->mechanism, request->key.algorithm);
        verdict = operation_decrypt(session, &mechanism, key, request->input,
                                    worker->probe.oaep_tamper_ckr, &out);
    }
    if (verdict.class == FRAME_OK && gcm && out.len + TOKEN_TAG_LEN != request->input.len) {
        return ckr_own(FRAME_LYING);
    }
    reply->input = span_of(out.data, out.len);
    return verdict;
}

/* place: the data key, then as seal. The data key leaves only when it is asked for. */
static struct ckr_verdict data_key(struct worker *worker, struct session *session,
                                   const struct frame_item *request, CK_OBJECT_HANDLE key,
                                   uint8_t *place, struct frame_item *reply)
{
    struct operation_place fresh = {place, request->bytes};
    struct span plaintext = span_of(place, request->bytes);
    struct ckr_verdict verdict = operation_random(session, fresh);
    if (verdict.class == FRAME_OK) {
        verdict = seal(worker, session, request, key, plaintext, place + request->bytes, reply);
    }
    if (verdict.class == FRAME_OK && request->reveal) {
        reply->iv = plaintext;
    } else {
        mem_wipe(place, request->bytes);
    }
    return verdict;
}

struct ckr_verdict item_run(struct worker *worker, struct session *session, enum token_op op,
                            const struct frame_item *request, uint8_t *place,
                            struct frame_item *reply)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    struct operation_place out = {place, item_room(op, request)};
    if (op == TOKEN_RANDOM) {
        reply->input = span_of(place, request->bytes);
        return operation_random(session, out);
    }
    struct ckr_verdict verdict =
        object_get(&worker->objects, session, &worker->probe, &request->key, &key);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    switch (op) {
    case TOKEN_SIGN:
        return sign(session, request, key, out, reply);
    case TOKEN_ENCRYPT:
        return seal(worker, session, request, key, request->input, place, reply);
    case TOKEN_DECRYPT:
        return decrypt(worker, session, request, key, out, reply);
    case TOKEN_DATA_KEY:
        return data_key(worker, session, request, key, place, reply);
    case TOKEN_RANDOM:
    case TOKEN_OP_COUNT:
        break;
    }
    return ckr_own(FRAME_OUR_MISTAKE);
}
