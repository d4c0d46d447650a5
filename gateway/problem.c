/* Errors on the wire: one table gives each code its status, title and, where the detail is about us
 * and not about the request, the one sentence that clients get instead.
 *
 * Codes of start-up and programs never leave as they are: a refused PIN is an unavailable token to
 * a caller, everything else is internal. */
#include "gateway/problem.h"

#include "base/mem.h"

struct problem {
    int status;
    const char *title;
    const char *sentence; /* NULL: the error's own detail */
};

#define TRY_LATER_S 1

static const struct problem problems[ERR_COUNT] = {
    [ERR_INVALID_JSON] = {400, "The body is not valid JSON", NULL},
    [ERR_INVALID_FIELD] = {400, "A field is missing or has a wrong value", NULL},
    [ERR_UNKNOWN_FIELD] = {400, "A field is not known", NULL},
    [ERR_DUPLICATE_FIELD] = {400, "A field is given twice", NULL},
    [ERR_INVALID_BASE64] = {400, "A field is not valid base64", NULL},
    [ERR_INVALID_NAME] = {400, "The name breaks the rules for names", NULL},
    [ERR_INVALID_PATH] = {400, "The path is not allowed", NULL},
    [ERR_INVALID_DIGEST] = {400, "The digest does not fit", NULL},
    [ERR_INVALID_CIPHERTEXT] = {400, "The ciphertext is not valid",
                                "The ciphertext cannot be opened with this key and context."},
    [ERR_INVALID_HTTP] = {400, "The request is not well-formed HTTP", NULL},
    [ERR_UNSUPPORTED_BY_TOKEN] = {400, "The token does not support this", NULL},
    [ERR_UNSUPPORTED_OPERATION] = {400, "The key does not support this", NULL},
    [ERR_UNSUPPORTED_MEDIA_TYPE] = {415, "The content type is not supported", NULL},
    [ERR_TOO_LARGE] = {413, "Something is larger than its limit", NULL},
    [ERR_UNAUTHENTICATED] = {401, "The caller is not known", NULL},
    [ERR_FORBIDDEN] = {403, "The caller may not do this", NULL},
    [ERR_NOT_FOUND] = {404, "There is no such thing", NULL},
    [ERR_METHOD_NOT_ALLOWED] = {405, "The method is not allowed here", NULL},
    [ERR_CONFLICT] = {409, "It is already there", NULL},
    [ERR_DUAL_ROLE] = {409, "One principal would both use and manage a key", NULL},
    [ERR_INVALID_STATE] = {409, "The state forbids this", NULL},
    [ERR_KEY_EXHAUSTED] = {409, "The key version is used up", NULL},
    [ERR_APPROVAL_REQUIRED] = {403, "A quorum has to approve this", NULL},
    [ERR_DRY_RUN] = {400, "Nothing was to be done", NULL},
    [ERR_INVALID_SIGNATURE] = {400, "The signature is not valid", NULL},
    [ERR_RATE_LIMITED] = {429, "Too many requests", NULL},
    [ERR_TOKEN_UNAVAILABLE] = {503, "The token is not available",
                               "The key's token cannot serve now; try again."},
    [ERR_AUDIT_UNAVAILABLE] = {503, "The audit log is not available",
                               "The request cannot be recorded now, so it has no answer."},
    [ERR_STORE_UNAVAILABLE] = {503, "The store is not available",
                               "The keystore cannot serve now; try again."},
    [ERR_OVERLOADED] = {503, "The gateway is overloaded",
                        "Too many requests are waiting; try again."},
    [ERR_DEADLINE] = {503, "The time for the request is over",
                      "The request could not be finished in time; try again."},
    [ERR_INTERNAL] = {500, "The gateway failed",
                      "The gateway could not do this; its log says why."},
};

/* The code that a client may see. */
static enum err_code public_code(enum err_code code)
{
    if (code == ERR_PIN) {
        return ERR_TOKEN_UNAVAILABLE;
    }
    unsigned index = (unsigned)code;
    return index < ERR_COUNT && problems[index].status != 0 ? code : ERR_INTERNAL;
}

const char *problem_detail(const struct err *err)
{
    enum err_code shown = public_code(err->code);
    const char *sentence = problems[shown].sentence;
    if (sentence != NULL) {
        return sentence;
    }
    return err->detail[0] != '\0' ? err->detail : problems[shown].title;
}

int problem_status(enum err_code code)
{
    return problems[public_code(code)].status;
}

static void put_type(struct json_writer *writer, enum err_code shown)
{
    char type[64];
    snprintf(type, sizeof(type), "urn:hsmgate:problem:%s", err_word(shown));
    json_put_text(writer, "type", type);
}

void problem_reply(struct reply *reply, const struct err *err, const char *request_id)
{
    enum err_code shown = public_code(err->code);
    int status = problems[shown].status;
    buf_clear(&reply->body);
    buf_init(&reply->body, BUF_MAX_DEFAULT);
    reply->status = status;
    reply->content_type = "application/problem+json";
    reply->etag[0] = '\0';
    reply->public_max_age_s = 0;
    reply->retry_after_s = status == 429 || status == 503 ? TRY_LATER_S : 0;

    struct json_writer writer = json_writer_on(&reply->body);
    json_begin_object(&writer, NULL);
    put_type(&writer, shown);
    json_put_text(&writer, "title", problems[shown].title);
    json_put_integer(&writer, "status", status);
    json_put_text(&writer, "code", err_word(shown));
    json_put_text(&writer, "detail", problem_detail(err));
    json_put_text(&writer, "request_id", request_id);
    json_end_object(&writer);
    struct err written = json_finish(&writer);
    if (written.code != ERR_OK) {
        buf_reset(&reply->body);
    }
}

void problem_put_item(struct json_writer *writer, const struct err *err)
{
    enum err_code shown = public_code(err->code);
    json_begin_object(writer, "error");
    json_put_text(writer, "code", err_word(shown));
    json_put_integer(writer, "status", problems[shown].status);
    json_put_text(writer, "detail", problem_detail(err));
    json_end_object(writer);
}
