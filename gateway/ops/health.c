/* Whether the process lives, whether it can serve, and its figures. Unauthenticated and unrecorded,
 * so these say which part is ill and never why. */
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/ops/core_ops.h"

#define CANARY_MS 2000

struct err op_healthz(struct call *call)
{
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "status", "ok");
    json_end_object(&writer);
    return json_finish(&writer);
}

static bool token_answers(const struct call *call, struct token *token)
{
    int64_t deadline = clock_deadline(CANARY_MS);
    struct err err =
        token_canary(token, deadline < call->deadline_ns ? deadline : call->deadline_ns);
    return err.code == ERR_OK;
}

static const char *health_word(bool well)
{
    return well ? "ok" : "failing";
}

static void put_tokens(const struct call *call, struct json_writer *writer, bool *ready)
{
    json_begin_object(writer, "tokens");
    for (size_t i = 0; i < call->gateway->token_count; i++) {
        struct token *token = call->gateway->tokens[i];
        bool answers = token_answers(call, token);
        *ready = *ready && answers;
        json_put_text(writer, token_name(token), health_word(answers));
    }
    json_end_object(writer);
}

struct err op_readyz(struct call *call)
{
    struct audit_status audit;
    struct err store = keystore_check(call->gateway->store);
    bool store_well = store.code == ERR_OK;
    audit_status(call->gateway->audit, &audit);
    bool ready = store_well && audit.writable;

    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "store", health_word(store_well));
    json_put_text(&writer, "audit", health_word(audit.writable));
    put_tokens(call, &writer, &ready);
    json_put_text(&writer, "status", ready ? "ready" : "not ready");
    json_end_object(&writer);
    call->exchange->reply.status = ready ? 200 : 503;
    call->exchange->reply.retry_after_s = ready ? 0 : 1;
    return json_finish(&writer);
}

struct err op_metrics(struct call *call)
{
    struct reply *reply = &call->exchange->reply;
    reply->status = 200;
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return metrics_write(call->gateway, &reply->body);
}
