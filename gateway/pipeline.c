/* The security policy, read from top to bottom in stages[]: a request goes through every stage in
 * this order, and the first one that refuses ends it. Bodies are parsed late: who may not do a
 * thing learns nothing from the parser.
 *
 * There is one way out, departure_start(): it hands the reply to the audit writer together with its
 * record. After it the exchange belongs to another thread. */
#include "gateway/pipeline.h"

#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/caller.h"
#include "gateway/departure.h"
#include "gateway/dialect.h"
#include "gateway/pipeline_inner.h"
#include "gateway/problem.h"

#define REPLY_MAX ((size_t)32 << 20)

/* --- the stages --- */

static struct err identify(struct call *call)
{
    enum auth_failure kind = AUTH_MISSING;
    struct err err = caller_identify(call->gateway, &call->exchange->request, call->now_ms, &kind,
                                     call->principal);
    if (err.code != ERR_OK) {
        metrics_auth_failed(call->gateway->metrics, kind);
    }
    return err;
}

static struct err stage_route(struct call *call)
{
    struct exchange *exchange = call->exchange;
    exchange->dialect = dialect_of(call->gateway, &exchange->request);
    struct err err = exchange->dialect->find(call);
    call->operation = call->route != NULL ? call->route->operation : NULL;
    if (err.code == ERR_INVALID_NAME) {
        /* what is wrong with a name is told to known callers only */
        TRY(identify(call));
    }
    return err;
}

static struct err stage_caller(struct call *call)
{
    enum route_access access = call->route->access;
    if (access == ACCESS_HEALTH || access == ACCESS_PUBLIC) {
        return err_ok();
    }
    return identify(call);
}

static struct err stage_key(struct call *call)
{
    if (call->exchange->dialect->key != NULL) {
        return call->exchange->dialect->key(call);
    }
    if (call->route->target == TARGET_KEY) {
        call->key = keystore_find(call->gateway->store, call->target);
    }
    return err_ok();
}

static struct err stage_grant(struct call *call)
{
    const struct route *route = call->route;
    if (route->access != ACCESS_GRANT || route->target == TARGET_NEW_KEY) {
        return err_ok();
    }
    struct span key_name = route->target == TARGET_KEY ? call->target : span_of(NULL, 0);
    TRY(pipeline_grant_or_context(call, key_name));
    ENSURE(route->target != TARGET_KEY || call->key != NULL || call->context_bound, ERR_NOT_FOUND,
           "There is no key with this name.");
    return err_ok();
}

/* For a caller whose context has yet to fit, a key that is there and one that is not look the same
 * until then. */
static struct err stage_approval(struct call *call)
{
    if (call->context_bound) {
        return err_ok();
    }
    bool ruled = call->key != NULL && call->key->facts.approval.m > 0;
    bool frozen = call->key != NULL && call->key->frozen.at != 0;
    ENSURE(!frozen || !policy_needs_approval(call->route->operation), ERR_INVALID_STATE,
           "The key is frozen: nothing of it opens until a quorum unfreezes it.");
    ENSURE(!ruled || !policy_needs_approval(call->route->operation), ERR_APPROVAL_REQUIRED,
           "This key opens only with the approval of %u people: ask for it through break-glass.",
           call->key->facts.approval.m);
    return err_ok();
}

/* `application/json`, alone or with charset=utf-8 (RFC 9110 §8.3.1); an absent header is taken for
 * it. */
static bool media_type_is_json(struct span type)
{
    static const char json[] = "application/json";
    char text[96] = "";
    size_t len = 0;
    if (type.len == 0) {
        return true;
    }
    for (size_t i = 0; i < type.len; i++) {
        bool blank = type.data[i] == ' ' || type.data[i] == '\t' || type.data[i] == '"';
        if (!blank && len + 1 == sizeof(text)) {
            return false;
        }
        if (!blank) {
            text[len++] = (char)type.data[i];
        }
    }
    text[len] = '\0';
    if (strncasecmp(text, json, sizeof(json) - 1) != 0) {
        return false;
    }
    const char *parameter = text + sizeof(json) - 1;
    return parameter[0] == '\0' || strcasecmp(parameter, ";charset=utf-8") == 0;
}

static struct err stage_limits(struct call *call)
{
    const struct request *request = &call->exchange->request;
    enum route_body body = call->route->body;
    ENSURE(clock_mono_ns() < call->deadline_ns, ERR_DEADLINE, "The request waited too long.");
    TRY(pipeline_take_rate(call, 1));
    if (call->json.root != NULL) { /* the key stage had to look into it */
        return err_ok();
    }
    if (body == BODY_NONE) {
        ENSURE(request->body.len == 0, ERR_INVALID_FIELD, "This request takes no body.");
        return err_ok();
    }
    if (request->body.len == 0) {
        ENSURE(body == BODY_JSON_OPTIONAL, ERR_INVALID_JSON, "The request needs a JSON body.");
        return err_ok();
    }
    ENSURE(call->exchange->dialect->any_media_type || media_type_is_json(request->content_type),
           ERR_UNSUPPORTED_MEDIA_TYPE, "Send the body with `Content-Type: application/json`.");
    TRY(json_parse(request->body, &call->json));
    if (call->exchange->dialect->any_media_type && body == BODY_JSON_OPTIONAL &&
        !json_is(call->json.root, JSON_ANY)) {
        json_clear(&call->json); /* as Go's clients of Vault write nothing */
        return err_ok();
    }
    ENSURE(json_is(call->json.root, JSON_OBJECT), ERR_INVALID_JSON,
           "The body must be a JSON object.");
    return err_ok();
}

static struct err stage_context(struct call *call)
{
    if (!call->context_bound) {
        return err_ok();
    }
    TRY(pipeline_settle_contexts(call));
    return stage_approval(call);
}

static struct err run_handler(struct call *call)
{
    const struct dialect *dialect = call->exchange->dialect;
    if (dialect->check != NULL && call->route->target != TARGET_NEW_KEY) {
        TRY(dialect->check(call));
    }
    return call->route->handler(call);
}

static struct err stage_operation(struct call *call)
{
    struct err err = run_handler(call);
    /* every handler that succeeds has set its status */
    ENSURE(err.code != ERR_OK || call->exchange->reply.status != 0, ERR_INTERNAL, "No reply.");
    if (!call->has_digest && call->exchange->request.body.len > 0) {
        uint8_t digest[DIGEST_MAX];
        digest_of(DIGEST_SHA256, call->exchange->request.body, digest);
        memcpy(call->digest, digest, SHA256_LEN);
        call->has_digest = true;
    }
    return err;
}

typedef struct err stage(struct call *call);
static stage *const stages[] = {
    stage_route,    stage_caller, stage_key,     stage_grant,
    stage_approval, stage_limits, stage_context, stage_operation,
};

/* --- for handlers --- */

struct json_writer call_reply_json(struct call *call, int status)
{
    struct reply *reply = &call->exchange->reply;
    reply->status = status;
    reply->content_type = "application/json";
    if (reply->body.max == 0) {
        buf_init(&reply->body, REPLY_MAX);
    }
    return json_writer_on(&reply->body);
}

/* --- the run --- */

/* Errors about us go to the operator's log; a token that is away says so once, in its own area. */
static void log_failure(const struct call *call, const struct err *err)
{
    if (problem_status(err->code) == 500) {
        log_error("pipeline", "%s failed: %s: %s (%s) request=%s",
                  call->route != NULL ? call->route->operation : DEPARTURE_UNROUTED,
                  err_word(err->code), err->detail, err->where != NULL ? err->where : "",
                  call->exchange->request.id);
    }
}

void pipeline_run(void *gateway, struct exchange *exchange)
{
    struct call call = {.gateway = gateway,
                        .exchange = exchange,
                        .now_ms = gateway_now(gateway),
                        .wall_ms = clock_wall_ms(),
                        .deadline_ns = exchange->request.deadline_ns};
    struct err err = err_ok();
    audit_announce(call.gateway->audit);
    for (size_t i = 0; i < ARRAY_LEN(stages) && err.code == ERR_OK; i++) {
        err = stages[i](&call);
    }
    if (err.code != ERR_OK) {
        log_failure(&call, &err);
        exchange->dialect->refuse(exchange, call.route, &err);
        if (call.retry_after_s > 0) {
            exchange->reply.retry_after_s = call.retry_after_s;
        }
    }
    departure_start(&call, &err);
    grants_release(call.grants);
    key_release(call.key);
    json_clear(&call.json);
    buf_clear(&call.detail);
}
