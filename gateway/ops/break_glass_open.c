/* Carrying out what a quorum has approved, once.
 *
 * In this order, each step durable before the next: an intent record, the request's row says
 * `opening`, the token is touched, the row says what came of it, and the record leaves with the
 * reply. Of two callers one wins the row. A crash in between leaves `opening`, which the next start
 * turns into `indeterminate`; nothing is ever tried again by itself. */
#include "base/failpoint.h"
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/quorum_act.h"
#include "gateway/ops/quorum_view.h"
#include "gateway/quorum_watch.h"

/* For each kind: what must hold right before it is spent, and what is done then. */
static const struct quorum_act *act_of(enum statement_kind kind)
{
    static const struct quorum_act acts[STATEMENT_KIND_COUNT] = {
        [STATEMENT_OPEN] = {quorum_act_check_open, quorum_act_open},
        [STATEMENT_DESTROY] = {quorum_act_check_destroy, quorum_act_destroy},
        [STATEMENT_RULE] = {quorum_act_check_key, quorum_act_rule},
        [STATEMENT_UNFREEZE] = {quorum_act_check_key, quorum_act_unfreeze},
    };
    return acts[kind].run != NULL ? &acts[kind] : NULL;
}

static struct err check_state(const struct quorum_request *request, const struct judged *judged)
{
    ENSURE(request->state != REQUEST_PENDING, ERR_APPROVAL_REQUIRED, "Not approved yet: %.120s",
           judged->decision.reason);
    ENSURE(request->state == REQUEST_APPROVED, ERR_INVALID_STATE,
           "The request is %s: it is used once, and then never again.",
           request_state_name(request->state));
    ENSURE(judged->decision.state == DECISION_MET, ERR_APPROVAL_REQUIRED, "%.150s",
           judged->decision.reason);
    return err_ok();
}

/* What happened, as far as it is known. Where there was no room nothing was spent by the worker:
 * people need not be woken again for that. After the last two nobody knows whether the token did
 * it, and with a result it did. */
static enum request_state state_after(const struct act *act, const struct err *err)
{
    if (err->code == ERR_OK) {
        return REQUEST_OPENED;
    }
    if (err->code == ERR_OVERLOADED && !act->has_result) {
        return REQUEST_APPROVED;
    }
    bool unknown =
        err->code == ERR_TOKEN_UNAVAILABLE || err->code == ERR_DEADLINE || act->has_result;
    return unknown ? REQUEST_INDETERMINATE : REQUEST_FAILED;
}

static struct err settle(struct call *call, const struct act *act, struct err done,
                         enum request_state to)
{
    const struct request_move move = {.from = REQUEST_OPENING,
                                      .to = to,
                                      .outcome = done.code == ERR_OK ? NULL : done.detail,
                                      .result = act->has_result ? span_of(act->result, SHA256_LEN)
                                                                : span_of(NULL, 0)};
    failpoint_hit(FAILPOINT_OPENED_ON_TOKEN);
    struct err err =
        keystore_move_request(call->gateway->store, act->request->id, &move, call->now_ms);
    failpoint_hit(FAILPOINT_OPENED);
    quorum_watch_nudge(call->gateway->quorum_watch); /* one that is approved again expires again */
    return done.code != ERR_OK ? done : err;
}

/* A deny or a freeze may have come between the judgement and the row: from here on no vote is
 * taken, so what is seen now is all, and is what the token is shown. */
static struct err look_again(struct call *call, const struct quorum_act *kind, struct act *act)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    key_release(call->key);
    call->key = keystore_find(call->gateway->store, span_text(act->request->key));
    ENSURE(call->key != NULL, ERR_NOT_FOUND, "There is no key with this name.");
    TRY(keystore_find_request(call->gateway->store, act->request->id, &request));
    TRY(act_judge(call, &request, act));
    ENSURE(act->judged.decision.state == DECISION_MET, ERR_APPROVAL_REQUIRED, "%.150s",
           act->judged.decision.reason);
    return kind->check(call, act);
}

static struct err spend(struct call *call, const struct quorum_act *kind, struct act *act)
{
    struct audit_status log;
    TRY(call_intent(call));
    audit_status(call->gateway->audit, &log);
    const struct request_move move = {
        .from = REQUEST_APPROVED, .to = REQUEST_OPENING, .audit_seq = log.next_seq};
    failpoint_hit(FAILPOINT_OPENING);
    TRY(keystore_move_request(call->gateway->store, act->request->id, &move, call->now_ms));
    failpoint_hit(FAILPOINT_SPENT);
    struct err done = look_again(call, kind, act);
    if (done.code != ERR_OK) {
        return settle(call, act, done, REQUEST_FAILED); /* whatever it was, nothing was done */
    }
    done = kind->run(call, act);
    return settle(call, act, done, state_after(act, &done));
}

static struct err find_key(struct call *call, const struct quorum_request *request)
{
    ENSURE(request->key != NULL, ERR_INVALID_STATE, "The request is about no key.");
    TRY(pipeline_grant(call, call->route->operation, span_text(request->key)));
    call->key = keystore_find(call->gateway->store, span_text(request->key));
    ENSURE(call->key != NULL, ERR_NOT_FOUND, "There is no key with this name.");
    return err_ok();
}

static struct err reply(struct call *call, const struct act *act)
{
    char id[UUID_TEXT_LEN + 1];
    uuid_format(act->request->id, id);
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "id", id);
    json_put_text(&writer, "state", request_state_name(REQUEST_OPENED));
    json_put_text(&writer, "key", act->request->key);
    if (act->request->version != 0) {
        json_put_integer(&writer, "version", act->request->version);
    }
    TRY(act->write(call, act, &writer));
    json_end_object(&writer);
    return json_finish(&writer);
}

static struct err note_result(struct call *call, const struct act *act)
{
    struct quorum_request told = *act->request;
    if (act->has_result) {
        told.result = span_of(act->result, SHA256_LEN);
    }
    const struct quorum_note note = {.roster = act->roster};
    return quorum_view_note(call, &told, &note);
}

static struct err read_body(const struct call *call)
{
    return call->json.root != NULL ? json_read(call->json.root, NULL, 0) : err_ok();
}

static struct err carry_out(struct call *call)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    CLEANUP(act_clear) struct act act = {0};
    struct uuid id;
    TRY(read_body(call));
    TRY(quorum_view_find(call, &id, &request));
    TRY(find_key(call, request));
    TRY(quorum_view_note(call, request, NULL));
    TRY(act_judge(call, &request, &act));
    TRY(quorum_watch_end(call->gateway, id, &act.judged.decision, call->now_ms));
    TRY(check_state(act.request, &act.judged));
    const struct quorum_act *kind = act_of(act.judged.docket.statement.is.kind);
    ENSURE(kind != NULL, ERR_INVALID_STATE, "A roster is published, not opened.");
    TRY(kind->check(call, &act));
    TRY(spend(call, kind, &act));
    TRY(note_result(call, &act));
    quorum_watch_tell(call->gateway, "request.opened", act.request, call->principal, NULL);
    return reply(call, &act);
}

struct err op_break_glass_open(struct call *call)
{
    return quorum_view_refuse(call, carry_out(call));
}
