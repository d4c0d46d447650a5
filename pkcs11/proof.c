/* proof: identity and first use, the same for material that was made here and elsewhere.
 *
 * A key that passed is known by more than its name, and its halves belong together. What fails here
 * must reach nobody; what becomes of the material is the caller's to say. */
#include "pkcs11/proof.h"

#include "base/banned.h"
#include "pkcs11/selftest.h"

bool proof_mechanism(const struct worker *worker, const struct token_key *key,
                     enum token_mechanism *out)
{
    static const enum token_op uses[PURPOSE_COUNT] = {
        [PURPOSE_ENCRYPT] = TOKEN_ENCRYPT,
        [PURPOSE_MAC] = TOKEN_SIGN,
        [PURPOSE_SIGN] = TOKEN_SIGN,
        [PURPOSE_DECRYPT] = TOKEN_DECRYPT,
    };
    for (int kind = 0; kind < TOKEN_MECHANISM_COUNT; kind++) {
        bool passed = (worker->probe.found.mechanisms & 1u << kind) != 0;
        if (passed && mechanism_fits(uses[key->purpose], (enum token_mechanism)kind, key)) {
            *out = (enum token_mechanism)kind;
            return (worker->probe.found.algorithms & 1u << key->algorithm) != 0;
        }
    }
    return false;
}

struct ckr_verdict proof_make(const struct worker *worker, struct session *session,
                              const struct material *material, enum token_mechanism kind,
                              struct frame_item *reply, struct buf *results)
{
    struct ckr_verdict verdict =
        identity_make(session, &worker->probe, material, &reply->key, results);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    reply->input = buf_span(results);
    const struct selftest test = {.key = &reply->key,
                                  .material = material,
                                  .public_key = reply->input,
                                  .iv = worker->probe.iv};
    return selftest_run(session, &test, kind);
}
