/* identity: makes and checks what a key is known by.
 *
 * A CKA_ID is only a name, and after a restore or a swap another key may bear it. Public keys are
 * known by their hash. A secret key is known by what only it can compute over its own CKA_ID: an
 * HMAC, or a GCM tag over no plaintext (over a constant where the token cannot do that), bound by
 * its AAD to this use alone. */
#include "pkcs11/identity.h"

#include <string.h>

#include "base/banned.h"
#include "base/mem.h"
#include "pkcs11/operation.h"

#define PREFIX     "hsmgate/v1/kcv"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define MAC_LEN    16

/* Stands in for the empty plaintext. */
static const uint8_t constant[16] = {0};

struct subject {
    uint8_t bytes[PREFIX_LEN + TOKEN_CKA_ID_MAX];
    size_t len;
};

static struct span subject_of(const struct token_key *key, struct subject *subject)
{
    memcpy(subject->bytes, PREFIX, PREFIX_LEN);
    memcpy(subject->bytes + PREFIX_LEN, key->cka_id, key->cka_id_len);
    subject->len = PREFIX_LEN + key->cka_id_len;
    return span_of(subject->bytes, subject->len);
}

static struct ckr_verdict make_public(struct session *session, const struct material *material,
                                      struct token_key *key, struct buf *public_key)
{
    size_t start = public_key->len;
    struct ckr_verdict verdict = material_public_key(session, material, key->algorithm, public_key);
    if (verdict.class == FRAME_OK) {
        struct span der = span_of(public_key->data + start, public_key->len - start);
        digest_of(DIGEST_SHA256, der, key->identity);
        key->identity_len = SHA256_LEN;
    }
    return verdict;
}

static struct ckr_verdict make_mac(struct session *session, const struct material *material,
                                   struct token_key *key)
{
    struct mechanism mechanism;
    struct subject subject;
    uint8_t mac[DIGEST_MAX];
    struct operation_place place = {mac, sizeof(mac)};
    mechanism_init(&mechanism, TOKEN_HMAC, key->algorithm);
    struct ckr_verdict verdict =
        operation_sign(session, &mechanism, material->key, subject_of(key, &subject), &place);
    if (verdict.class == FRAME_OK && place.len < MAC_LEN) {
        return ckr_own(FRAME_LYING);
    }
    if (verdict.class == FRAME_OK) {
        memcpy(key->identity, mac, MAC_LEN);
        key->identity_len = MAC_LEN;
    }
    return verdict;
}

static struct ckr_verdict make_tag(struct session *session, const struct probe *probe,
                                   const struct material *material, struct token_key *key)
{
    struct subject subject;
    uint8_t sealed[sizeof(constant) + OPERATION_GCM_ROOM];
    struct operation_place place = {sealed, sizeof(sealed)};
    struct span plaintext = span_of(constant, probe->found.empty_plaintext ? 0 : sizeof(constant));
    struct ckr_verdict verdict =
        operation_seal(session, probe->iv, material->key, subject_of(key, &subject), plaintext,
                       key->identity, &place);
    if (verdict.class == FRAME_OK) {
        memcpy(key->identity + TOKEN_IV_LEN, sealed, place.len);
        key->identity_len = TOKEN_IV_LEN + place.len;
    }
    return verdict;
}

struct ckr_verdict identity_make(struct session *session, const struct probe *probe,
                                 const struct material *material, struct token_key *key,
                                 struct buf *public_key)
{
    enum family family = algorithm_info(key->algorithm)->family;
    if (family == FAMILY_AES) {
        return make_tag(session, probe, material, key);
    }
    if (family == FAMILY_HMAC) {
        return make_mac(session, material, key);
    }
    return make_public(session, material, key, public_key);
}

static struct ckr_verdict check_tag(struct session *session, const struct probe *probe,
                                    const struct material *material, const struct token_key *key)
{
    struct subject subject;
    uint8_t opened[sizeof(constant) + OPERATION_GCM_ROOM];
    struct operation_place place = {opened, sizeof(opened)};
    if (key->identity_len < TOKEN_IV_LEN + TOKEN_TAG_LEN) {
        return ckr_own(FRAME_KEY_SWAPPED);
    }
    struct ckr_verdict verdict = operation_open(
        session, material->key, subject_of(key, &subject), span_of(key->identity, TOKEN_IV_LEN),
        span_of(key->identity + TOKEN_IV_LEN, key->identity_len - TOKEN_IV_LEN),
        (CK_RV)probe->found.tamper_ckr, &place);
    if (verdict.class == FRAME_CALLER_DATA) {
        return (struct ckr_verdict){.class = FRAME_KEY_SWAPPED, .ckr = verdict.ckr};
    }
    return verdict;
}

struct ckr_verdict identity_check(struct session *session, const struct probe *probe,
                                  const struct material *material, const struct token_key *key)
{
    if (algorithm_info(key->algorithm)->family == FAMILY_AES) {
        return check_tag(session, probe, material, key);
    }
    CLEANUP(buf_clear) struct buf public_key = {0};
    struct token_key again = *key;
    struct ckr_verdict verdict = identity_make(session, probe, material, &again, &public_key);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    bool same = span_equal(span_of(again.identity, again.identity_len),
                           span_of(key->identity, key->identity_len));
    return ckr_own(same ? FRAME_OK : FRAME_KEY_SWAPPED);
}
