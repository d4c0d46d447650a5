/* adopt: find the one key → judge what it is → look who else bears its CKA_ID → identity → use once
 * → answer.
 *
 * Afterwards the key is found by its CKA_ID like any other, so the rule is the map's: one secret or
 * private object bears it, and exactly one public object where there is a public half. A public
 * half that is only in the private object (RSA) does not do: there is one rule for both. Nothing
 * here may change the token: the material is somebody's. And it may be a key of ours that is in
 * use, so the map does not learn the identity that was made here: an AES key gets another one each
 * time, and an adoption that comes to nothing must not turn away those who bring the first. */
#include "pkcs11/adopt.h"

#include <string.h>

#include "base/banned.h"
#include "base/log.h"
#include "pkcs11/description.h"
#include "pkcs11/fitness.h"
#include "pkcs11/proof.h"
#include "pkcs11/search.h"

static bool is_sound(const struct frame_item *request)
{
    const struct span label = request->input;
    bool one_name = (request->key.cka_id_len > 0) != (label.len > 0);
    return one_name && algorithm_allows(request->key.algorithm, request->key.purpose) &&
           label.len <= TOKEN_TEXT_MAX;
}

/* The one key of that name, described and judged; *out_key is what was judged. */
static struct ckr_verdict find_fit(struct session *session, const struct frame_item *request,
                                   struct token_object *out, CK_OBJECT_HANDLE *out_key)
{
    struct search_keys found = {0};
    bool by_id = request->key.cka_id_len > 0;
    struct span name =
        by_id ? span_of(request->key.cka_id, request->key.cka_id_len) : request->input;
    struct ckr_verdict verdict = search_keys(session, by_id ? CKA_ID : CKA_LABEL, name, &found);
    if (verdict.class == FRAME_OK && found.count != 1) {
        enum frame_unfit several = by_id ? FRAME_UNFIT_SHARED_ID : FRAME_UNFIT_SEVERAL;
        return ckr_unfit(found.count == 0 ? FRAME_UNFIT_MISSING : several);
    }
    if (verdict.class == FRAME_OK) {
        *out_key = found.handle;
        verdict = description_read(session, found.handle, found.class, out);
    }
    return verdict.class == FRAME_OK ? ckr_unfit(fitness_judge(out, &request->key)) : verdict;
}

/* The public object; nothing else may bear the key's CKA_ID. */
static struct ckr_verdict find_public(struct session *session, const struct token_object *object,
                                      CK_OBJECT_HANDLE *out)
{
    struct bearers bearers = {0};
    unsigned publics = object->class == TOKEN_OBJECT_PRIVATE ? 1 : 0;
    struct ckr_verdict verdict =
        search_bearers(session, span_of(object->cka_id, object->cka_id_len), &bearers);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    if (bearers.keys != 1 || bearers.publics > publics) {
        return ckr_unfit(FRAME_UNFIT_SHARED_ID);
    }
    *out = bearers.material.public;
    return ckr_unfit(bearers.publics == publics ? FRAME_FIT : FRAME_UNFIT_NO_PUBLIC);
}

/* What speaks of the device or the session stands; all else is the fault of the material, which is
 * not of our making. */
static struct ckr_verdict judge_proof(struct ckr_verdict verdict)
{
    static const bool stands[FRAME_CLASS_END] = {
        [FRAME_OK] = true,          [FRAME_STALE_SESSION] = true, [FRAME_STALE_EPOCH] = true,
        [FRAME_DEVICE_LOST] = true, [FRAME_PIN] = true,           [FRAME_CAPACITY] = true,
    };
    if (stands[verdict.class] && !ckr_is_vague(verdict.ckr)) {
        return verdict;
    }
    log_warning("adopt", "a key did not pass its first use: class %d, CKR_%s (0x%lx)",
                (int)verdict.class, ckr_name(verdict.ckr), verdict.ckr);
    return ckr_unfit(FRAME_UNFIT_UNPROVEN);
}

static void name_key(struct frame_item *reply, const struct token_key *asked,
                     const struct token_object *object)
{
    *reply = (struct frame_item){.bytes = object->attributes};
    reply->key = (struct token_key){
        .algorithm = asked->algorithm, .purpose = asked->purpose, .cka_id_len = object->cka_id_len};
    memcpy(reply->key.cka_id, object->cka_id, object->cka_id_len);
}

struct ckr_verdict adopt_key(struct worker *worker, struct session *session,
                             const struct frame_item *request, struct frame_item *reply,
                             struct buf *results)
{
    struct token_object object = {0};
    struct material material = {0};
    enum token_mechanism kind = TOKEN_MECHANISM_COUNT;
    if (!is_sound(request)) {
        return ckr_own(FRAME_OUR_MISTAKE);
    }
    struct ckr_verdict verdict = find_fit(session, request, &object, &material.key);
    if (verdict.class == FRAME_OK) {
        verdict = find_public(session, &object, &material.public);
    }
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    if (!proof_mechanism(worker, &request->key, &kind)) {
        return ckr_own(FRAME_UNSUPPORTED);
    }
    buf_reset(results);
    name_key(reply, &request->key, &object);
    verdict = judge_proof(proof_make(worker, session, &material, kind, reply, results));
    if (verdict.class == FRAME_OK) {
        object_doubt(&worker->objects, &reply->key);
    }
    return verdict;
}
