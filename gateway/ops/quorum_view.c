/* Requests shown. What is shown is judged anew each time, so that nobody reads an approval that no
 * longer holds; a row that cannot be judged is shown with the reason instead. */
#include "gateway/ops/quorum_view.h"

#include "base/mem.h"

static void put_vote(struct json_writer *writer, const struct request_vote *vote,
                     const struct judged *judged, size_t index)
{
    json_begin_object(writer, NULL);
    json_put_text(writer, "voter", vote->voter);
    json_put_text(writer, "decision", vote->choice);
    json_put_text(writer, "signed_at", vote->signed_at);
    json_put_text(writer, "format", vote->format);
    json_put_bytes(writer, "signature", vote->signature);
    json_put_time(writer, "received_at", vote->received_at);
    if (judged != NULL) {
        json_put_text(writer, "verdict", vote_verdict_text(judged->verdicts[index]));
    }
    json_end_object(writer);
}

static void put_eligible(struct json_writer *writer, const struct judged *judged)
{
    const struct statement *says = &judged->docket.statement.is;
    const struct roster *roster = judged->view->newest;
    bool eligible[QUORUM_PEOPLE_MAX] = {0};
    (void)roster_eligible(roster, says->rule.group, says->requester, eligible);
    json_begin_array(writer, "eligible");
    for (size_t i = 0; i < roster->person_count; i++) {
        if (eligible[i]) {
            json_put_span(writer, NULL, roster->people[i].id);
        }
    }
    json_end_array(writer);
}

static void put_judged(struct json_writer *writer, const struct judged *judged)
{
    const struct statement *says = &judged->docket.statement.is;
    json_put_span(writer, "reason", says->reason);
    if (says->ticket.len > 0) {
        json_put_span(writer, "ticket", says->ticket);
    }
    json_put_span(writer, "group", says->rule.group);
    json_put_integer(writer, "m", says->rule.m);
    json_put_integer(writer, "needed", judged->decision.needed);
    json_put_integer(writer, "approvals", judged->decision.approvals);
    put_eligible(writer, judged);
    json_begin_object(writer, "roster");
    json_put_integer(writer, "number", (int64_t)says->roster_number);
    json_put_hex(writer, "digest", span_of(says->roster_sha256, SHA256_LEN));
    json_end_object(writer);
    json_put_text(writer, "decision", decision_state_name(judged->decision.state));
    json_put_text(writer, "decision_reason", judged->decision.reason);
    json_put_time_if(writer, "usable_from", judged->decision.usable_from);
    json_put_time_if(writer, "usable_until", judged->decision.usable_until);
}

static void put_head(struct json_writer *writer, const struct quorum_request *request)
{
    char id[UUID_TEXT_LEN + 1];
    uint8_t digest[SHA256_LEN];
    uuid_format(request->id, id);
    statement_digest(request->statement, digest);
    json_put_text(writer, "id", id);
    json_put_text(writer, "kind", request->kind);
    json_put_text(writer, "state", request_state_name(request->state));
    json_put_text_if(writer, "key", request->key);
    if (request->version != 0) {
        json_put_integer(writer, "version", request->version);
    }
    json_put_text(writer, "requester", request->requester);
    json_put_bytes(writer, "statement", request->statement);
    json_put_hex(writer, "digest", span_of(digest, sizeof(digest)));
    json_put_time(writer, "created_at", request->created_at);
    json_put_time(writer, "expires_at", request->expires_at);
    json_put_time(writer, "changed_at", request->changed_at);
    json_put_text_if(writer, "outcome", request->outcome);
}

struct err quorum_view_put(const struct call *call, struct json_writer *writer,
                           const struct quorum_request *request, enum quorum_view_size size)
{
    CLEANUP(key_release_at) const struct key *key = NULL;
    CLEANUP(judged_clear) struct judged judged = {0};
    if (request->key != NULL) {
        key = keystore_find(call->gateway->store, span_text(request->key));
    }
    struct err err = judged_open(call->gateway, request, key, call->now_ms, &judged);
    bool is_judged = err.code == ERR_OK;
    json_begin_object(writer, NULL);
    put_head(writer, request);
    if (is_judged) {
        put_judged(writer, &judged);
    } else {
        json_put_text(writer, "decision", decision_state_name(DECISION_WAITING));
        json_put_text(writer, "decision_reason", err.detail);
    }
    if (size == QUORUM_VIEW_WHOLE && request->ciphertext.len > 0) {
        json_put_bytes(writer, "ciphertext", request->ciphertext);
    }
    json_begin_array(writer, "votes");
    for (size_t i = 0; i < request->vote_count; i++) {
        put_vote(writer, &request->votes[i], is_judged ? &judged : NULL, i);
    }
    json_end_array(writer);
    json_end_object(writer);
    return writer->err;
}

struct err quorum_view_reply(struct call *call, int status, struct uuid id)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    TRY(keystore_find_request(call->gateway->store, id, &request));
    struct json_writer writer = call_reply_json(call, status);
    TRY(quorum_view_put(call, &writer, request, QUORUM_VIEW_WHOLE));
    return json_finish(&writer);
}

bool quorum_view_may_see(struct call *call, const struct quorum_request *request)
{
    static const char *const operations[] = {"request-break-glass", "open-break-glass"};
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    struct span key = request->key != NULL ? span_text(request->key) : span_of(NULL, 0);
    if (strcmp(call->principal, request->requester) == 0 ||
        pipeline_may(call, "read-audit", span_of(NULL, 0))) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if (pipeline_may(call, operations[i], key)) {
            return true;
        }
    }
    return roster_book_view(call->gateway->rotation.rosters, &view).code == ERR_OK &&
           roster_person_of(view->newest, span_text(call->principal)) != NULL;
}

struct err quorum_view_found(struct err err)
{
    ENSURE(err.code != ERR_CORRUPT, ERR_APPROVAL_REQUIRED,
           "The stored request is not what was written: %.100s", err.detail);
    return err;
}

struct err quorum_view_find(struct call *call, struct uuid *out_id,
                            const struct quorum_request **out)
{
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    struct uuid id;
    struct err err = uuid_parse(call->target, &id);
    if (err.code == ERR_OK) {
        err = keystore_find_request(call->gateway->store, id, &request);
    }
    bool is_hidden = err.code == ERR_OK && !quorum_view_may_see(call, request);
    ENSURE(!is_hidden && err.code != ERR_NOT_FOUND && err.code != ERR_INVALID_FIELD, ERR_NOT_FOUND,
           "There is no such request, or it is not for this caller to see.");
    TRY(quorum_view_found(err));
    *out_id = id;
    *out = TAKE(request);
    return err_ok();
}

static void put_note(struct json_writer *writer, const struct quorum_note *note)
{
    if (note->vote != NULL) {
        json_put_span(writer, "voter", note->vote->voter);
        json_put_text(writer, "decision", vote_choice_name(note->vote->choice));
    }
    if (note->roster != NULL) {
        json_put_hex(writer, "roster_sha256", span_of(note->roster, SHA256_LEN));
    }
}

struct err quorum_view_note(struct call *call, const struct quorum_request *request,
                            const struct quorum_note *more)
{
    char id[UUID_TEXT_LEN + 1];
    uint8_t digest[SHA256_LEN];
    struct json_writer writer = json_writer_on(&call->detail);
    uuid_format(request->id, id);
    statement_digest(request->statement, digest);
    buf_reset(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "request", id);
    json_put_text(&writer, "kind", request->kind);
    json_put_hex(&writer, "statement_sha256", span_of(digest, sizeof(digest)));
    if (request->result.len > 0) {
        json_put_hex(&writer, "result_sha256", request->result);
    }
    if (more != NULL) {
        put_note(&writer, more);
    }
    json_end_object(&writer);
    call->version = request->version;
    return json_finish(&writer);
}

struct err quorum_view_note_more(struct call *call, const struct buf *object)
{
    if (call->detail.len == 0) {
        return buf_append(&call->detail, buf_span(object));
    }
    buf_truncate(&call->detail, call->detail.len - 1); /* the closing brace */
    TRY(buf_append_text(&call->detail, ","));
    return buf_append(&call->detail, span_of(object->data + 1, object->len - 1));
}

struct err quorum_view_refuse(struct call *call, struct err refused)
{
    CLEANUP(buf_clear) struct buf why = {0};
    if (refused.code == ERR_OK) {
        return refused;
    }
    struct json_writer writer = json_writer_on(&why);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "why", refused.detail);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(quorum_view_note_more(call, &why));
    return refused;
}
