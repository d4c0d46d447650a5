/* destroying: whether material may go, then that it goes.
 *
 * Losing a key is as final as opening what it protects, so the same people decide, and the time
 * that they want for second thoughts begins with their last needed approval. Their permission is
 * not spent, because destroying twice destroys nothing more. */
#include "pkcs11/destroying.h"

#include "base/banned.h"
#include "base/clock.h"
#include "base/mem.h"
#include "pkcs11/naming.h"
#include "pkcs11/search.h"

static struct err check(const struct judge *judge, const struct judged *judged, struct span cka_id,
                        int64_t now_ms)
{
    const struct statement *says = &judged->verdict.statement.is;
    const struct decision *decision = &judged->verdict.decision;
    ENSURE(says->kind == STATEMENT_DESTROY, ERR_APPROVAL_REQUIRED,
           "the statement does not ask to destroy anything");
    ENSURE(span_equal(says->cka_id, cka_id), ERR_APPROVAL_REQUIRED,
           "the statement names other material on the token");
    TRY(judge_rule(judge, judged, cka_id));
    ENSURE(decision->state == DECISION_MET, ERR_APPROVAL_REQUIRED, "%s", decision->reason);
    int64_t from = decision->met_at + says->after_s * 1000;
    ENSURE(now_ms >= from, ERR_APPROVAL_REQUIRED, "it may be destroyed %lld s from now",
           (long long)((from - now_ms + 999) / 1000));
    return err_ok();
}

static struct err permit(const struct worker *worker, const struct frame_item *request,
                         struct span cka_id, const char *label)
{
    CLEANUP(judged_clear) struct judged judged = {0};
    int64_t now_ms = clock_wall_ms();
    ENSURE(request->input.len > 0, ERR_APPROVAL_REQUIRED,
           "destroying this key's material needs the approval of a quorum");
    TRY(judge_bundle(&worker->judge, request->input, now_ms, &judged));
    TRY(check(&worker->judge, &judged, cka_id, now_ms));
    return label != NULL ? naming_check(&judged.verdict.statement.is, cka_id, label) : err_ok();
}

/* Of one of the objects that bear the CKA_ID, which may be half destroyed; without any there is
 * nothing to be called anything. */
static struct ckr_verdict find_label(struct session *session, struct span cka_id,
                                     char label[TOKEN_TEXT_MAX + 1], bool *out_is_there)
{
    struct search found = {0};
    struct ckr_verdict verdict = search_by_id(session, cka_id, &found);
    *out_is_there = verdict.class == FRAME_OK && found.count > 0;
    return *out_is_there ? naming_label(session, found.handles[0], label) : verdict;
}

static struct ckr_verdict check_permission(const struct worker *worker, struct session *session,
                                           const struct frame_item *request,
                                           struct frame_item *reply, struct buf *results)
{
    struct span cka_id = span_of(request->key.cka_id, request->key.cka_id_len);
    char label[TOKEN_TEXT_MAX + 1];
    bool is_there = false;
    struct ckr_verdict verdict = find_label(session, cka_id, label, &is_there);
    if (verdict.class != FRAME_OK) {
        return verdict;
    }
    struct err err = permit(worker, request, cka_id, is_there ? label : NULL);
    return err.code == ERR_OK ? verdict : judge_refusal(err, reply, results);
}

struct ckr_verdict destroy_key(struct worker *worker, struct session *session,
                               const struct frame_item *request, struct frame_item *reply,
                               struct buf *results)
{
    struct span cka_id = span_of(request->key.cka_id, request->key.cka_id_len);
    if (cka_id.len == 0) {
        return ckr_own(FRAME_OUR_MISTAKE);
    }
    if (judge_demands(&worker->judge, cka_id) &&
        !newborns_has(&worker->newborns, cka_id, clock_mono_ns())) {
        struct ckr_verdict verdict = check_permission(worker, session, request, reply, results);
        if (verdict.class != FRAME_OK) {
            return verdict;
        }
    }
    return object_destroy(&worker->objects, session, cka_id);
}
