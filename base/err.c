/* Errors as values.
 *
 * Success is inline in err.h; err_new() formats once, at the place that meets the failure, and cuts
 * at a character's edge so that the detail stays valid UTF-8. */
#include "base/err.h"

#include <stdarg.h>
#include <stdint.h>

static const char *const words[ERR_COUNT] = {
    [ERR_OK] = "ok",
    [ERR_INVALID_JSON] = "invalid_json",
    [ERR_INVALID_FIELD] = "invalid_field",
    [ERR_UNKNOWN_FIELD] = "unknown_field",
    [ERR_DUPLICATE_FIELD] = "duplicate_field",
    [ERR_INVALID_BASE64] = "invalid_base64",
    [ERR_INVALID_NAME] = "invalid_name",
    [ERR_INVALID_PATH] = "invalid_path",
    [ERR_INVALID_DIGEST] = "invalid_digest",
    [ERR_INVALID_CIPHERTEXT] = "invalid_ciphertext",
    [ERR_INVALID_HTTP] = "invalid_http",
    [ERR_UNSUPPORTED_BY_TOKEN] = "unsupported_by_token",
    [ERR_UNSUPPORTED_OPERATION] = "unsupported_operation",
    [ERR_UNSUPPORTED_MEDIA_TYPE] = "unsupported_media_type",
    [ERR_TOO_LARGE] = "too_large",
    [ERR_UNAUTHENTICATED] = "unauthenticated",
    [ERR_FORBIDDEN] = "forbidden",
    [ERR_NOT_FOUND] = "not_found",
    [ERR_METHOD_NOT_ALLOWED] = "method_not_allowed",
    [ERR_CONFLICT] = "conflict",
    [ERR_DUAL_ROLE] = "dual_role",
    [ERR_INVALID_STATE] = "invalid_state",
    [ERR_DRY_RUN] = "dry_run",
    [ERR_INVALID_SIGNATURE] = "invalid_signature",
    [ERR_KEY_EXHAUSTED] = "key_exhausted",
    [ERR_APPROVAL_REQUIRED] = "approval_required",
    [ERR_RATE_LIMITED] = "rate_limited",
    [ERR_TOKEN_UNAVAILABLE] = "token_unavailable",
    [ERR_AUDIT_UNAVAILABLE] = "audit_unavailable",
    [ERR_STORE_UNAVAILABLE] = "store_unavailable",
    [ERR_OVERLOADED] = "overloaded",
    [ERR_DEADLINE] = "deadline_exceeded",
    [ERR_CONFIG] = "config",
    [ERR_IO] = "io",
    [ERR_PIN] = "pin",
    [ERR_NEWER] = "newer_version",
    [ERR_CORRUPT] = "corrupt",
    [ERR_INTERNAL] = "internal",
};

/* Removes a character whose last bytes were cut off at the end of the text. */
static void trim_cut_character(char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 4 && ((uint8_t)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start == 0) {
        return;
    }
    uint8_t lead = (uint8_t)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (len - start + 1 < want) {
        text[start - 1] = '\0';
    }
}

struct err err_new(enum err_code code, const char *where, const char *format, ...)
{
    struct err err = {.code = code, .where = where};
    va_list args;
    va_start(args, format);
    int written = vsnprintf(err.detail, sizeof(err.detail), format, args);
    va_end(args);
    if (written >= (int)sizeof(err.detail)) {
        trim_cut_character(err.detail, sizeof(err.detail) - 1);
    }
    return err;
}

const char *err_word(enum err_code code)
{
    unsigned index = (unsigned)code;
    return index < ERR_COUNT && words[index] != NULL ? words[index] : "internal";
}
