/* A vote as it comes in. The signature says who votes; the caller only carries it, so that votes
 * from a machine without a network can be carried too. It is checked before it is stored, and all
 * are judged again whenever they count. */
#include <assert.h>

#include "base/failpoint.h"
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/quorum_view.h"
#include "gateway/quorum_watch.h"

static struct err find_request(struct call *call, struct uuid *out_id,
                               const struct quorum_request **out)
{
    struct err err = uuid_parse(call->target, out_id);
    if (err.code == ERR_OK) {
        err = keystore_find_request(call->gateway->store, *out_id, out);
    }
    ENSURE(err.code != ERR_NOT_FOUND && err.code != ERR_INVALID_FIELD, ERR_NOT_FOUND,
           "There is no such request.");
    return quorum_view_found(err);
}

static struct err refuse(const struct vote *vote, enum vote_verdict verdict)
{
    switch (verdict) {
    case VOTE_COUNTS:
        return err_ok();
    case VOTE_TWICE:
        return err_new(ERR_CONFLICT, __func__, "%.*s has voted the same way already.",
                       (int)vote->voter.len, (const char *)vote->voter.data);
    case VOTE_TOO_EARLY:
    case VOTE_TOO_LATE:
    case VOTE_FUTURE:
        return err_new(ERR_INVALID_FIELD, __func__, "The vote's signed_at does not fit: %s.",
                       vote_verdict_text(verdict));
    case VOTE_UNKNOWN_VOTER:
    case VOTE_NOT_ELIGIBLE:
    case VOTE_REQUESTER:
    case VOTE_BAD_SIGNATURE:
    case VOTE_VERDICT_COUNT:
        break;
    }
    return err_new(ERR_FORBIDDEN, __func__, "The vote does not count: %s.",
                   vote_verdict_text(verdict));
}

static struct err check_vote(const struct call *call, const struct quorum_request *request,
                             const struct vote *vote)
{
    CLEANUP(judged_clear) struct judged judged = {0};
    TRY(judged_open(call->gateway, request, call->key, call->now_ms, &judged));
    TRY(quorum_watch_end(call->gateway, request->id, &judged.decision, call->now_ms));
    ENSURE(judged.decision.state != DECISION_EXPIRED, ERR_INVALID_STATE,
           "The request has expired: ask again.");
    return refuse(vote, vote_judge(vote, request->statement, &judged.docket.statement.is,
                                   judged.view->newest, call->now_ms));
}

static struct err store_vote(const struct call *call, struct uuid id, const struct vote *vote)
{
    CLEANUP(mem_free_at) char *voter = span_to_text(vote->voter);
    CLEANUP(mem_free_at) char *signed_at = span_to_text(vote->signed_at);
    const struct request_vote row = {.voter = voter,
                                     .choice = vote_choice_name(vote->choice),
                                     .format = vote_format_name(vote->format),
                                     .signed_at = signed_at,
                                     .signature = vote->signature,
                                     .received_at = call->now_ms};
    failpoint_hit(FAILPOINT_VOTING);
    TRY(keystore_put_vote(call->gateway->store, id, &row));
    failpoint_hit(FAILPOINT_VOTED);
    return err_ok();
}

static struct err take_vote(struct call *call)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    CLEANUP(buf_clear) struct buf signature = {.max = VOTE_SIGNATURE_MAX};
    struct vote vote;
    struct uuid id;
    TRY(find_request(call, &id, &request));
    assert(request != NULL);
    if (request->key != NULL) {
        call->key = keystore_find(call->gateway->store, span_text(request->key));
    }
    TRY(quorum_view_note(call, request, NULL));
    TRY(vote_read(call->json.root, &signature, &vote));
    const struct quorum_note note = {.vote = &vote};
    TRY(quorum_view_note(call, request, &note));
    ENSURE(request->state == REQUEST_PENDING || request->state == REQUEST_APPROVED,
           ERR_INVALID_STATE, "The request is %s and takes no votes.",
           request_state_name(request->state));
    TRY(check_vote(call, request, &vote));
    TRY(store_vote(call, id, &vote));
    quorum_watch_tell(call->gateway, "request.vote", request, call->principal,
                      vote_choice_name(vote.choice));
    TRY(quorum_watch_settle(call->gateway, id, call->now_ms));
    return quorum_view_reply(call, 200, id);
}

struct err op_break_glass_vote(struct call *call)
{
    return quorum_view_refuse(call, take_vote(call));
}
