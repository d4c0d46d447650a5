/* operation: C_SignInit with C_Sign, and their like.
 *
 * A failed Init begins nothing, so the session stays in use unless the code speaks of the session
 * itself. A failed second half may leave the operation active; then only a code that is known to
 * end it keeps the session. Results are never longer than the room that was computed before,
 * because BUFFER_TOO_SMALL would be such a leftover. Random bytes, and the token's own IVs, that
 * came before are not taken. */
#include "pkcs11/operation.h"

#include <string.h>

#include "base/banned.h"
#include "base/mem.h"

static struct ckr_verdict settle_init(struct session *session, CK_RV ckr)
{
    struct ckr_verdict verdict = ckr_verdict(ckr);
    if (verdict.class == FRAME_STALE_SESSION || verdict.class == FRAME_DEVICE_LOST) {
        session->unfit = ckr;
    }
    return verdict;
}

static struct ckr_verdict settle(struct session *session, struct ckr_verdict verdict)
{
    if (verdict.class != FRAME_CALLER_DATA && !ckr_rule(verdict.ckr)->ends) {
        session->unfit = verdict.ckr;
    }
    return verdict;
}

/* A module that says that it wrote more than there was room for: nobody may read that far. */
static struct ckr_verdict take(struct ckr_verdict verdict, CK_ULONG len,
                               struct operation_place *out)
{
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    if (len > out->len) {
        return ckr_own(FRAME_LYING);
    }
    out->len = len;
    return verdict;
}

struct ckr_verdict operation_random(struct session *session, struct operation_place place)
{
    CK_RV ckr = session->list->C_GenerateRandom(session->handle, place.data, place.len);
    struct span bytes = span_of(place.data, place.len);
    if (ckr == CKR_OK && bytes.len >= REPEATS_LEN_MIN &&
        !repeats_are_new(session->repeats, bytes)) {
        return ckr_own(FRAME_LYING);
    }
    return settle_init(session, ckr);
}

struct ckr_verdict operation_sign(struct session *session, struct mechanism *mechanism,
                                  CK_OBJECT_HANDLE key, struct span input,
                                  struct operation_place *out)
{
    CK_RV ckr = session->list->C_SignInit(session->handle, &mechanism->ck, key);
    if (ckr != CKR_OK) {
        return settle_init(session, ckr);
    }
    CK_ULONG len = out->len;
    ckr = session->list->C_Sign(session->handle, cryptoki_bytes(input), input.len, out->data, &len);
    return take(settle(session, ckr_verdict(ckr)), len, out);
}

struct ckr_verdict operation_decrypt(struct session *session, struct mechanism *mechanism,
                                     CK_OBJECT_HANDLE key, struct span input, CK_RV tampered,
                                     struct operation_place *out)
{
    CK_RV ckr = session->list->C_DecryptInit(session->handle, &mechanism->ck, key);
    if (ckr != CKR_OK) {
        return settle_init(session, ckr);
    }
    CK_ULONG len = out->len;
    ckr = session->list->C_Decrypt(session->handle, cryptoki_bytes(input), input.len, out->data,
                                   &len);
    return take(settle(session, ckr_decrypt_verdict(ckr, tampered)), len, out);
}

static struct ckr_verdict encrypt(struct session *session, struct mechanism *mechanism,
                                  CK_OBJECT_HANDLE key, struct span input,
                                  struct operation_place *out)
{
    CK_RV ckr = session->list->C_EncryptInit(session->handle, &mechanism->ck, key);
    if (ckr != CKR_OK) {
        return settle_init(session, ckr);
    }
    CK_ULONG len = out->len;
    ckr = session->list->C_Encrypt(session->handle, cryptoki_bytes(input), input.len, out->data,
                                   &len);
    return take(settle(session, ckr_verdict(ckr)), len, out);
}

struct ckr_verdict operation_seal(struct session *session, enum operation_iv source,
                                  CK_OBJECT_HANDLE key, struct span aad, struct span plaintext,
                                  uint8_t iv[TOKEN_IV_LEN], struct operation_place *out)
{
    struct mechanism mechanism;
    uint8_t used[TOKEN_IV_LEN] = {0};
    bool appended = source == OPERATION_IV_APPENDED;
    if (source == OPERATION_IV_RANDOM) {
        struct operation_place place = {used, sizeof(used)};
        struct ckr_verdict random = operation_random(session, place);
        if (random.class != FRAME_OK) {
            return random;
        }
    }
    mechanism_init_gcm(&mechanism, appended ? NULL : used, aad);
    struct ckr_verdict verdict = encrypt(session, &mechanism, key, plaintext, out);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    size_t sealed = plaintext.len + TOKEN_TAG_LEN;
    if (out->len != sealed + (appended ? TOKEN_IV_LEN : 0)) {
        return ckr_own(FRAME_UNSUPPORTED);
    }
    /* Whatever the token says that it used is what counts. */
    memcpy(iv, appended ? out->data + sealed : used, TOKEN_IV_LEN);
    out->len = sealed;
    if (source != OPERATION_IV_RANDOM &&
        !repeats_are_new(session->repeats, span_of(iv, TOKEN_IV_LEN))) {
        return ckr_own(FRAME_LYING);
    }
    return verdict;
}

struct ckr_verdict operation_open(struct session *session, CK_OBJECT_HANDLE key, struct span aad,
                                  struct span iv, struct span ciphertext, CK_RV tampered,
                                  struct operation_place *out)
{
    struct mechanism mechanism;
    uint8_t copy[TOKEN_IV_LEN];
    if (iv.len != TOKEN_IV_LEN || ciphertext.len < TOKEN_TAG_LEN) {
        return ckr_own(FRAME_CALLER_DATA);
    }
    memcpy(copy, iv.data, TOKEN_IV_LEN);
    mechanism_init_gcm(&mechanism, copy, aad);
    return operation_decrypt(session, &mechanism, key, ciphertext, tampered, out);
}
