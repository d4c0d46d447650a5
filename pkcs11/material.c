/* material: makes keys. The attributes come from template, the proof that they hold does too.
 *
 * Key material that failed its read-back must not survive: somebody could come to use it. Callers
 * hold the lock on changes of the token's objects. */
#include "pkcs11/material.h"

#include "base/banned.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/search.h"
#include "pkcs11/spki.h"

static bool is_secret(enum algorithm algorithm)
{
    enum family family = algorithm_info(algorithm)->family;
    return family == FAMILY_AES || family == FAMILY_HMAC;
}

static CK_RV generate_secret(struct session *session, const struct template_subject *subject,
                             CK_MECHANISM *mechanism, struct material *out)
{
    struct template secret;
    template_init(&secret, TEMPLATE_SECRET, subject);
    return session->list->C_GenerateKey(session->handle, mechanism, secret.list, secret.count,
                                        &out->key);
}

static CK_RV generate_pair(struct session *session, const struct template_subject *subject,
                           CK_MECHANISM *mechanism, struct material *out)
{
    struct template public;
    struct template private;
    template_init(&public, TEMPLATE_PUBLIC, subject);
    template_init(&private, TEMPLATE_PRIVATE, subject);
    return session->list->C_GenerateKeyPair(session->handle, mechanism, public.list, public.count,
                                            private.list, private.count, &out->public, &out->key);
}

static CK_RV generate(struct session *session, const struct template_subject *subject,
                      struct material *out)
{
    enum algorithm algorithm = subject->key->algorithm;
    struct mechanism_generation made = mechanism_generation(algorithm);
    CK_MECHANISM how = {.mechanism = made.mechanism};
    return is_secret(algorithm) ? generate_secret(session, subject, &how, out)
                                : generate_pair(session, subject, &how, out);
}

static bool bears_nothing(struct session *session, const struct token_key *key)
{
    struct search found = {0};
    struct ckr_verdict verdict =
        search_by_id(session, span_of(key->cka_id, key->cka_id_len), &found);
    return verdict.class == FRAME_OK && found.count == 0;
}

/* Whether the token may take the template without what is RELAXED. One that keeps its objects in
 * a table (NSS) says GENERAL_ERROR for an attribute without a column; it may have made something
 * all the same. */
static bool is_about_attributes(struct session *session, const struct template_subject *subject,
                                CK_RV ckr)
{
    if (ckr == CKR_GENERAL_ERROR) {
        return subject->on_token && bears_nothing(session, subject->key);
    }
    return template_is_refused(ckr);
}

static struct ckr_verdict check(const struct session *session, const struct material *material,
                                const struct template_subject *subject)
{
    if (is_secret(subject->key->algorithm)) {
        return template_check(session, material->key, TEMPLATE_SECRET, subject);
    }
    struct ckr_verdict verdict = template_check(session, material->key, TEMPLATE_PRIVATE, subject);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    return template_check(session, material->public, TEMPLATE_PUBLIC, subject);
}

/* The probe's objects, of which nobody hears, are no step of anything. */
static void pass(enum failpoint point, const struct template_subject *subject)
{
    if (subject->on_token) {
        failpoint_hit(point);
    }
}

struct ckr_verdict material_generate(struct session *session,
                                     const struct template_subject *subject, struct material *out)
{
    struct material made = {0};
    struct template_subject asked = *subject;
    CK_RV ckr = generate(session, &asked, &made);
    while (asked.lenience < LENIENCE_ALL && is_about_attributes(session, &asked, ckr)) {
        asked.lenience++;
        ckr = generate(session, &asked, &made);
    }
    if (ckr != CKR_OK) {
        return ckr_verdict(ckr);
    }
    pass(FAILPOINT_TOKEN_GENERATED, subject);
    struct ckr_verdict verdict = check(session, &made, &asked);
    if (verdict.class != FRAME_OK) {
        material_destroy(session, &made);
        return verdict;
    }
    pass(FAILPOINT_TOKEN_READ_BACK, subject);
    *out = made;
    return verdict;
}

static bool destroy(struct session *session, CK_OBJECT_HANDLE object)
{
    CK_RV ckr = session->list->C_DestroyObject(session->handle, object);
    if (ckr != CKR_OK) {
        log_error("material", "C_DestroyObject failed with CKR_%s (0x%lx)", ckr_name(ckr), ckr);
    }
    return ckr == CKR_OK;
}

void material_destroy(struct session *session, const struct material *material)
{
    /* a key that stays, stays whole: tpm2-pkcs11 would give a new object the handle of another */
    if (destroy(session, material->key) && material->public != CK_INVALID_HANDLE) {
        (void)destroy(session, material->public);
    }
}

struct ckr_verdict material_public_key(const struct session *session,
                                       const struct material *material, enum algorithm algorithm,
                                       struct buf *out)
{
    if (is_secret(algorithm)) {
        return ckr_done();
    }
    return spki_read(session, material->public, algorithm, out);
}
