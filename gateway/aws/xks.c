/* Paths of the XKS proxy API, and its errors. The answer is due in 250 ms: later, AWS KMS has given
 * up, so nothing is done for longer. */
#include "gateway/aws/xks.h"

#include <assert.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/aws/aws_verify.h"
#include "gateway/ops/batch.h"
#include "gateway/problem.h"

#define ROOT      "/kms/xks/v1/"
#define KEYS      ROOT "keys/"
#define BUDGET_NS INT64_C(250000000)

/* clang-format off */
static const struct route key_routes[] = {
    {METHOD_POST, "metadata", NULL, "read", ACCESS_GRANT, TARGET_KEY, BODY_JSON, xks_metadata},
    {METHOD_POST, "encrypt", NULL, "encrypt", ACCESS_GRANT, TARGET_KEY, BODY_JSON, xks_encrypt},
    {METHOD_POST, "decrypt", NULL, "decrypt", ACCESS_GRANT, TARGET_KEY, BODY_JSON, xks_decrypt},
};
static const struct route health_route =
    {METHOD_POST, "health", NULL, "health", ACCESS_CALLER, TARGET_NONE, BODY_JSON, xks_health};
/* clang-format on */

/* What follows the configured prefix; a NULL span when the path is none of ours. */
static struct span rest_of(const struct gateway *gateway, const struct request *request)
{
    const char *prefix = gateway->config->xks.prefix;
    size_t len = prefix != NULL ? strlen(prefix) : 0;
    bool ours = prefix != NULL && span_starts(request->path, prefix);
    struct span rest =
        span_of(ours ? request->path.data + len : NULL, ours ? request->path.len - len : 0);
    return span_starts(rest, ROOT) ? rest : span_of(NULL, 0);
}

static bool takes(const struct gateway *gateway, const struct request *request)
{
    return rest_of(gateway, request).len > 0;
}

/* `ID/VERB`; an id is one segment of a key's name. */
static struct err find_key_route(struct call *call, struct span path)
{
    assert(path.data != NULL);
    const uint8_t *slash = memchr(path.data, '/', path.len);
    size_t len = slash != NULL ? (size_t)(slash - path.data) : path.len;
    struct span verb = span_of(path.data + len, path.len - len > 0 ? path.len - len : 0);
    for (size_t i = 0; i < ARRAY_LEN(key_routes) && verb.len > 1; i++) {
        if (span_is(span_of(verb.data + 1, verb.len - 1), key_routes[i].path)) {
            call->route = &key_routes[i];
        }
    }
    ENSURE(call->route != NULL, ERR_INVALID_PATH, "The URI path is not valid.");
    int written = snprintf(call->name, sizeof(call->name), "%s/%.*s",
                           call->gateway->config->xks.namespace, (int)len, (const char *)path.data);
    ENSURE(written > 0 && (size_t)written < sizeof(call->name), ERR_INVALID_NAME,
           "The external key id is too long.");
    call->target = span_of(call->name, (size_t)written);
    return name_check(call->target);
}

static struct err find(struct call *call)
{
    struct request *request = &call->exchange->request;
    struct span rest = rest_of(call->gateway, request);
    int64_t due_ns = request->arrived_ns + BUDGET_NS;
    request->amz_service = "kms-xks-proxy";
    call->deadline_ns = due_ns < call->deadline_ns ? due_ns : call->deadline_ns;
    request->deadline_ns = call->deadline_ns; /* finding out who asks takes its part of it */
    call->exchange->reply.allow = "POST";
    ENSURE(request->method == METHOD_POST, ERR_METHOD_NOT_ALLOWED, "This path takes POST alone.");
    call->exchange->reply.allow = NULL;
    if (span_is(rest, ROOT "health")) {
        call->route = &health_route;
        return err_ok();
    }
    ENSURE(span_starts(rest, KEYS), ERR_INVALID_PATH, "The URI path is not valid.");
    size_t skip = sizeof(KEYS) - 1;
    return find_key_route(call, span_of(rest.data + skip, rest.len - skip));
}

/* --- refusals --- */

static const struct {
    const char *name;
    int status;
} errors[ERR_COUNT] = {
    [ERR_INVALID_CIPHERTEXT] = {"InvalidCiphertextException", 400},
    [ERR_INVALID_STATE] = {"InvalidStateException", 400},
    [ERR_KEY_EXHAUSTED] = {"InvalidStateException", 400},
    [ERR_UNSUPPORTED_OPERATION] = {"InvalidKeyUsageException", 400},
    [ERR_UNSUPPORTED_BY_TOKEN] = {"UnsupportedOperationException", 501},
    [ERR_UNAUTHENTICATED] = {"AuthenticationFailedException", 401},
    [ERR_FORBIDDEN] = {"AccessDeniedException", 403},
    [ERR_APPROVAL_REQUIRED] = {"AccessDeniedException", 403},
    [ERR_NOT_FOUND] = {"KeyNotFoundException", 404},
    [ERR_INVALID_NAME] = {"KeyNotFoundException", 404},
    [ERR_INVALID_PATH] = {"InvalidUriPathException", 404},
    [ERR_METHOD_NOT_ALLOWED] = {"InvalidUriPathException", 405},
    [ERR_RATE_LIMITED] = {"ThrottlingException", 429},
    [ERR_OVERLOADED] = {"ThrottlingException", 429},
    [ERR_DEADLINE] = {"DependencyTimeoutException", 503},
    [ERR_TOKEN_UNAVAILABLE] = {"DependencyTimeoutException", 503},
    [ERR_PIN] = {"DependencyTimeoutException", 503},
    [ERR_INTERNAL] = {"InternalException", 500},
};

void xks_refuse(struct exchange *exchange, const struct route *route, const struct err *err)
{
    struct reply *reply = &exchange->reply;
    size_t code = err->code < ERR_COUNT ? (size_t)err->code : (size_t)ERR_INTERNAL;
    bool theirs = problem_status(err->code) < 500;
    (void)route;
    const char *allow = reply->allow;
    /* sets what all refusals have, and then the body is ours */
    problem_reply(reply, err, exchange->request.id);
    buf_reset(&reply->body);
    reply->allow = allow;
    reply->content_type = "application/json";
    reply->status = errors[code].name != NULL ? errors[code].status : (theirs ? 400 : 500);
    const char *otherwise = theirs ? "ValidationException" : "InternalException";
    struct json_writer writer = json_writer_on(&reply->body);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "errorName", errors[code].name != NULL ? errors[code].name : otherwise);
    json_put_text(&writer, "errorMessage", problem_detail(err));
    json_end_object(&writer);
    struct err written = json_finish(&writer);
    if (written.code != ERR_OK) {
        buf_reset(&reply->body);
    }
}

struct json_writer xks_begin(struct call *call)
{
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    return writer;
}

static struct err no_context(const struct call *call, const struct json_value *item,
                             struct json *made, const struct json_value **out)
{
    (void)call;
    (void)item;
    (void)made;
    *out = NULL;
    return err_ok();
}

/* What was overheard is not opened again. */
static struct err check(const struct call *call)
{
    bool opens = call->route->handler == xks_decrypt;
    return opens ? aws_verify_once(call->gateway, &call->exchange->request, AWS_HONEST_MS)
                 : err_ok();
}

static struct err reply_one(const struct batch *batch, const struct item *item)
{
    struct json_writer writer = xks_begin(batch->call);
    batch->verb->words->write(batch, item, &writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

static struct err reply_many(const struct batch *batch)
{
    (void)batch;
    return err_new(ERR_INTERNAL, __func__, "XKS has no batches");
}

const struct dialect dialect_xks = {
    .name = "xks",
    .takes = takes,
    .find = find,
    .any_media_type = true,
    .context = no_context,
    .check = check,
    .reply_one = reply_one,
    .reply_many = reply_many,
    .refuse = xks_refuse,
};
