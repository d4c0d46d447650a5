/* What the gateway is made of: its tokens and what they can do, its version, its own description.
 */
#include "base/mem.h"
#include "gateway/ops/core_ops.h"

/* openapi.json, embedded by embed.cmake */
extern const uint8_t openapi_document[];
extern const size_t openapi_document_len;

static void put_algorithms(struct json_writer *writer, uint32_t bits)
{
    json_begin_array(writer, "algorithms");
    for (unsigned i = 0; i < ALGORITHM_COUNT; i++) {
        if ((bits & (1u << i)) != 0) {
            json_put_text(writer, NULL, algorithm_info((enum algorithm)i)->name);
        }
    }
    json_end_array(writer);
}

static void put_mechanisms(struct json_writer *writer, uint32_t bits)
{
    json_begin_array(writer, "mechanisms");
    for (unsigned i = 0; i < TOKEN_MECHANISM_COUNT; i++) {
        if ((bits & (1u << i)) != 0) {
            json_put_text(writer, NULL, token_mechanism_name((enum token_mechanism)i));
        }
    }
    json_end_array(writer);
}

static void put_probe(struct json_writer *writer, const struct token_probe *probe)
{
    json_begin_object(writer, "probe");
    put_algorithms(writer, probe->algorithms);
    put_mechanisms(writer, probe->mechanisms);
    json_put_integer(writer, "sessions", probe->sessions);
    json_put_flag(writer, "gcm_iv_by_caller", probe->gcm_iv_by_caller);
    json_put_flag(writer, "empty_plaintext", probe->empty_plaintext);
    json_put_flag(writer, "copies_extractable", probe->copies_extractable);
    json_end_object(writer);
}

static void put_figures(struct json_writer *writer, const struct token_status *status)
{
    json_put_integer(writer, "epoch", (int64_t)status->epoch);
    json_put_integer(writer, "restarts", (int64_t)status->restarts);
    json_put_integer(writer, "timeouts", (int64_t)status->timeouts);
    json_put_integer(writer, "calls", (int64_t)status->calls);
    json_put_integer(writer, "failures", (int64_t)status->failures);
    json_put_integer(writer, "channels", status->channels);
    json_put_integer(writer, "channels_busy", status->channels_busy);
}

static void put_identity(struct json_writer *writer, const struct token_status *status)
{
    json_put_text(writer, "label", status->label);
    json_put_text(writer, "serial", status->serial);
    json_put_text(writer, "manufacturer", status->manufacturer);
    json_put_text(writer, "model", status->model);
    json_put_text_if(writer, "last_error", status->last_error);
    if (status->worker_pid != 0) {
        json_put_integer(writer, "worker_pid", status->worker_pid);
    }
}

static void put_token(const struct call *call, struct json_writer *writer, struct token *token)
{
    struct token_status status;
    token_status(token, &status);
    json_begin_object(writer, NULL);
    json_put_text(writer, "name", token_name(token));
    json_put_text(writer, "state", token_state_name(status.state));
    json_put_flag(writer, "default",
                  strcmp(token_name(token), call->gateway->config->default_token) == 0);
    put_identity(writer, &status);
    put_figures(writer, &status);
    if (status.epoch > 0) {
        put_probe(writer, &status.probe);
    }
    json_end_object(writer);
}

struct err op_tokens(struct call *call)
{
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "tokens");
    for (size_t i = 0; i < call->gateway->token_count; i++) {
        put_token(call, &writer, call->gateway->tokens[i]);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err op_version(struct call *call)
{
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "name", "hsmgate");
    json_put_text(&writer, "version", HSMGATE_VERSION);
    json_put_text(&writer, "api", "v1");
    json_put_time(&writer, "started_at", call->gateway->started_ms);
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err op_openapi(struct call *call)
{
    struct reply *reply = &call->exchange->reply;
    reply->status = 200;
    reply->content_type = "application/json";
    return buf_append(&reply->body, span_of(openapi_document, openapi_document_len));
}
