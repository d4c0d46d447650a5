/* Bundles: what parses is written again as the same bytes; what is judged good under its own first
 * roster has two approvals at least, and under another root it proves nothing. */
#include <assert.h>

#include "base/mem.h"
#include "quorum/quorum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW ((int64_t)1767323045000 + 60000) /* a minute after the seeds were made */

static void check_judged(const struct bundle *bundle)
{
    static const uint8_t other[SHA256_LEN] = {1};
    uint8_t root[SHA256_LEN] = {0};
    if (bundle->roster_count > 0) {
        roster_digest(bundle->rosters[0].roster, root);
    }
    struct bundle_verdict verdict = {0};
    assert(bundle_judge(bundle, other, NOW, &verdict).code != ERR_OK && verdict.chain == NULL);
    struct err err = bundle_judge(bundle, root, NOW, &verdict);
    if (err.code != ERR_OK) {
        assert(err.code == ERR_FORBIDDEN || err.code == ERR_INVALID_FIELD);
        assert(verdict.chain == NULL && verdict.statement.json.root == NULL);
        return;
    }
    const struct decision *decision = &verdict.decision;
    assert(decision->needed >= QUORUM_M_MIN && decision->reason[0] != '\0');
    assert(decision->state != DECISION_MET || decision->approvals >= decision->needed);
    bundle_verdict_clear(&verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_clear) struct buf again = {0};
    CLEANUP(bundle_clear) struct bundle_read bundle = {0};
    struct err err = bundle_parse(span_of(data, size), &bundle);
    if (err.code != ERR_OK) {
        assert(bundle.json.root == NULL && bundle.bytes == NULL);
        return 0;
    }
    assert(bundle_write(&bundle.is, &again).code == ERR_OK);
    assert(span_equal(buf_span(&again), span_of(data, size)));
    check_judged(&bundle.is);
    return 0;
}
