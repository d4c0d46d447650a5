/* generate: is the CKA_ID free → make → read back → identity → use once → answer.
 *
 * Any failure after the making destroys the new objects, so that a CKA_ID is either a whole key or
 * nothing; after a crash in between, the gateway's reconcile finds the orphan by its CKA_ID. */
#include "pkcs11/generate.h"

#include <string.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/mem.h"
#include "pkcs11/proof.h"

static bool is_sound(const struct frame_item *request)
{
    const struct span label = request->input;
    return request->key.cka_id_len > 0 &&
           algorithm_allows(request->key.algorithm, request->key.purpose) &&
           label.len <= TOKEN_TEXT_MAX &&
           (label.len == 0 || memchr(label.data, '\0', label.len) == NULL);
}

struct ckr_verdict generate_key(struct worker *worker, struct session *session,
                                const struct frame_item *request, struct frame_item *reply,
                                struct buf *results)
{
    CLEANUP(mem_free_at) char *label = span_to_text(request->input);
    enum token_mechanism kind = TOKEN_MECHANISM_COUNT;
    struct material material = {0};
    if (!is_sound(request)) {
        return ckr_own(FRAME_OUR_MISTAKE);
    }
    if (!proof_mechanism(worker, &request->key, &kind)) {
        return ckr_own(FRAME_UNSUPPORTED);
    }
    buf_reset(results);
    *reply = (struct frame_item){.key = request->key};
    struct ckr_verdict verdict =
        object_absent(session, span_of(request->key.cka_id, request->key.cka_id_len));
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    newborns_note(&worker->newborns, span_of(request->key.cka_id, request->key.cka_id_len),
                  clock_mono_ns());
    const struct template_subject subject = {
        .key = &request->key, .label = label, .on_token = true};
    verdict = material_generate(session, &subject, &material);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    verdict = proof_make(worker, session, &material, kind, reply, results);
    if (verdict.class != FRAME_OK) {
        material_destroy(session, &material);
        return verdict;
    }
    failpoint_hit(FAILPOINT_TOKEN_PROVED);
    /* the first use need not wait for the turn, which the next new key may have */
    object_learn(&worker->objects, &reply->key, session->epoch, material.key);
    return verdict;
}
