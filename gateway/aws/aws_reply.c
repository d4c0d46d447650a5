/* Answers in AWS's JSON 1.1, and errors by the exceptions' names, on which its clients decide
 * whether to try again. */
#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/aws/aws_verify.h"
#include "gateway/aws/sigv4.h"
#include "gateway/caller.h"
#include "gateway/ops/context.h"
#include "gateway/problem.h"

#define CONTENT_TYPE "application/x-amz-json-1.1"

struct json_writer aws_begin(struct call *call)
{
    struct json_writer writer = call_reply_json(call, 200);
    call->exchange->reply.content_type = CONTENT_TYPE;
    call->exchange->reply.amz_request_id = true;
    json_begin_object(&writer, NULL);
    return writer;
}

struct err aws_end(struct json_writer *writer)
{
    json_end_object(writer);
    return json_finish(writer);
}

struct err aws_reply_nothing(struct call *call)
{
    buf_reset(&call->exchange->reply.body);
    struct json_writer writer = aws_begin(call);
    return aws_end(&writer);
}

void aws_put_key_id(const struct call *call, struct json_writer *writer)
{
    char arn[AWS_ARN_MAX];
    aws_arn(call, call->key, arn);
    json_put_text(writer, "KeyId", arn);
}

struct err aws_take_body(struct call *call, struct span text)
{
    json_clear(&call->json);
    return json_parse(text, &call->json);
}

struct err aws_read_context(const struct json_value *input, const char *member, struct buf *out)
{
    const struct json_value *context = json_member(input, member);
    bool has = context != NULL && json_is(context, JSON_ANY);
    return context_canonical_wide(has ? context : NULL, out);
}

struct err aws_refuse_dry(const struct json_value *object)
{
    bool dry = false;
    const struct loose_field field = {"DryRun", LOOSE_FLAG, 0, &dry, NULL};
    TRY(loose_read(object, &field, 1));
    ENSURE(!dry, ERR_DRY_RUN, "The request would have succeeded, but the DryRun option is set.");
    return err_ok();
}

/* --- refusals --- */

static const struct {
    const char *exception;
    int status;
} exceptions[ERR_COUNT] = {
    [ERR_INVALID_JSON] = {"SerializationException", 400},
    [ERR_DUPLICATE_FIELD] = {"SerializationException", 400},
    [ERR_INVALID_BASE64] = {"SerializationException", 400},
    [ERR_INVALID_CIPHERTEXT] = {"InvalidCiphertextException", 400},
    [ERR_UNSUPPORTED_BY_TOKEN] = {"UnsupportedOperationException", 400},
    [ERR_UNSUPPORTED_OPERATION] = {"InvalidKeyUsageException", 400},
    [ERR_FORBIDDEN] = {"AccessDeniedException", 400},
    [ERR_APPROVAL_REQUIRED] = {"AccessDeniedException", 400},
    [ERR_NOT_FOUND] = {"NotFoundException", 400},
    [ERR_CONFLICT] = {"AlreadyExistsException", 400},
    [ERR_INVALID_STATE] = {"KMSInvalidStateException", 400},
    [ERR_DRY_RUN] = {"DryRunOperationException", 400},
    [ERR_INVALID_SIGNATURE] = {"KMSInvalidSignatureException", 400},
    [ERR_KEY_EXHAUSTED] = {"LimitExceededException", 400},
    [ERR_RATE_LIMITED] = {"ThrottlingException", 400},
    [ERR_OVERLOADED] = {"ThrottlingException", 400},
    [ERR_TOKEN_UNAVAILABLE] = {"KeyUnavailableException", 500},
    [ERR_PIN] = {"KeyUnavailableException", 500},
    [ERR_DEADLINE] = {"DependencyTimeoutException", 500},
    [ERR_AUDIT_UNAVAILABLE] = {"KMSInternalException", 500},
    [ERR_STORE_UNAVAILABLE] = {"KMSInternalException", 500},
    [ERR_INTERNAL] = {"KMSInternalException", 500},
};

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* What is wrong with a caller's proof, by what it was told. */
static const char *authentication_exception(const char *detail)
{
    static const struct {
        const char *start;
        const char *exception;
    } causes[] = {{CALLER_MISSING, "MissingAuthenticationTokenException"},
                  {AWS_SCOPE, "InvalidSignatureException"},
                  {SIGV4_SCOPE_DATE, "InvalidSignatureException"},
                  {AWS_UNKNOWN, "UnrecognizedClientException"},
                  {AWS_STALE, "InvalidSignatureException"},
                  {AWS_EARLY, "InvalidSignatureException"},
                  {AWS_MISMATCH, "InvalidSignatureException"}};
    for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
        if (starts_with(detail, causes[i].start)) {
            return causes[i].exception;
        }
    }
    return "IncompleteSignatureException";
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Exceptions that AWS has several of for one of our errors; NULL: none of these. */
static const char *special_exception(const struct route *route, const struct err *err)
{
    if (err->code == ERR_INVALID_STATE && ends_with(err->detail, AWS_DISABLED)) {
        return "DisabledException";
    }
    if (err->code == ERR_INVALID_SIGNATURE && route != NULL && route->handler == aws_verify_mac) {
        return "KMSInvalidMacException";
    }
    if (err->code == ERR_INVALID_CIPHERTEXT && starts_with(err->detail, AWS_INCORRECT_KEY)) {
        return "IncorrectKeyException";
    }
    if (err->code == ERR_INVALID_FIELD && starts_with(err->detail, AWS_MARKER)) {
        return "InvalidMarkerException";
    }
    return NULL;
}

static const char *exception_of(const struct route *route, const struct err *err)
{
    size_t code = err->code < ERR_COUNT ? (size_t)err->code : (size_t)ERR_INTERNAL;
    if (err->code == ERR_UNAUTHENTICATED) {
        return authentication_exception(err->detail);
    }
    if (err->code == ERR_NOT_FOUND && route == NULL) {
        return "UnknownOperationException";
    }
    if (route != NULL && route->handler == aws_never) {
        return "UnsupportedOperationException";
    }
    const char *special = special_exception(route, err);
    if (special != NULL) {
        return special;
    }
    if (exceptions[code].exception != NULL) {
        return exceptions[code].exception;
    }
    return problem_status(err->code) < 500 ? "ValidationException" : "KMSInternalException";
}

static int status_of(const struct err *err)
{
    size_t code = err->code < ERR_COUNT ? (size_t)err->code : (size_t)ERR_INTERNAL;
    if (exceptions[code].exception != NULL) {
        return exceptions[code].status;
    }
    return problem_status(err->code) < 500 ? 400 : 500;
}

/* An error's text that says which exception it is goes out as it is. */
static const char *message_of(const struct route *route, const struct err *err)
{
    return special_exception(route, err) != NULL ? err->detail : problem_detail(err);
}

void aws_refuse(struct exchange *exchange, const struct route *route, const struct err *err)
{
    struct reply *reply = &exchange->reply;
    /* sets what all refusals have, and then the body is ours */
    problem_reply(reply, err, exchange->request.id);
    buf_reset(&reply->body);
    reply->status = status_of(err);
    reply->content_type = CONTENT_TYPE;
    reply->amz_request_id = true;
    struct json_writer writer = json_writer_on(&reply->body);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "__type", exception_of(route, err));
    json_put_text(&writer, "message", message_of(route, err));
    json_end_object(&writer);
    struct err written = json_finish(&writer);
    if (written.code != ERR_OK) {
        buf_reset(&reply->body);
    }
}

struct err aws_never(struct call *call)
{
    (void)call;
    return err_new(ERR_UNSUPPORTED_OPERATION, __func__,
                   "hsmgate does not have this: who may use a key is for its own grants to say, "
                   "and key material is made in the token.");
}
