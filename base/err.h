/* Errors as values: a stable code, one sentence for the caller and the place it started.
 *
 * Whatever can fail returns `struct err`; whatever cannot fail returns void or its value.
 * The detail of an error may reach a client, so it never holds a CK_RV, a path, SQL or key
 * material; such facts belong in a log line at the place that meets them. */
#ifndef HSMGATE_BASE_ERR_H
#define HSMGATE_BASE_ERR_H

#include <stddef.h>

#include "base/banned.h"

/* Stable codes. err_word() gives the word that stands in RFC 9457 `code`. */
enum err_code {
    ERR_OK = 0,
    /* the request is wrong */
    ERR_INVALID_JSON,
    ERR_INVALID_FIELD, /* missing, of the wrong type, or out of its range */
    ERR_UNKNOWN_FIELD,
    ERR_DUPLICATE_FIELD,
    ERR_INVALID_BASE64,
    ERR_INVALID_NAME,
    ERR_INVALID_PATH,
    ERR_INVALID_DIGEST,
    ERR_INVALID_CIPHERTEXT,
    ERR_INVALID_HTTP,
    ERR_UNSUPPORTED_BY_TOKEN,
    ERR_UNSUPPORTED_OPERATION, /* the key's purpose or algorithm does not do this */
    ERR_UNSUPPORTED_MEDIA_TYPE,
    ERR_TOO_LARGE,
    ERR_UNAUTHENTICATED,
    ERR_FORBIDDEN,
    ERR_NOT_FOUND,
    ERR_METHOD_NOT_ALLOWED,
    ERR_CONFLICT,          /* the name or resource is already there */
    ERR_DUAL_ROLE,         /* one principal would both use and manage one key */
    ERR_INVALID_STATE,     /* the version's state forbids this */
    ERR_DRY_RUN,           /* everything would have been good, and nothing was to be done */
    ERR_INVALID_SIGNATURE, /* a signature or MAC that is not valid, where that is an error */
    ERR_KEY_EXHAUSTED,     /* GCM uses at their limit: rotate */
    ERR_APPROVAL_REQUIRED, /* what a quorum decides has not been decided, or against it */
    ERR_RATE_LIMITED,
    /* the gateway cannot serve now */
    ERR_TOKEN_UNAVAILABLE,
    ERR_AUDIT_UNAVAILABLE,
    ERR_STORE_UNAVAILABLE,
    ERR_OVERLOADED,
    ERR_DEADLINE,
    /* start-up and programs */
    ERR_CONFIG,
    ERR_IO,
    ERR_PIN,   /* wrong, locked or latched; never tried again by itself */
    ERR_NEWER, /* written by a newer version of hsmgate */
    ERR_CORRUPT,
    ERR_INTERNAL,
    ERR_COUNT
};

#define ERR_DETAIL_MAX 160

struct err {
    enum err_code code;
    const char *where;           /* function that started it, static */
    char detail[ERR_DETAIL_MAX]; /* one sentence, cut to fit */
};

#define MUST_USE __attribute__((warn_unused_result))

/* No error. Runs at the end of every successful call, so it is inline and writes three words: the
 * rest of the detail, behind its NUL, stays as it is. */
static inline struct err err_ok(void)
{
    __attribute__((uninitialized)) struct err ok;
    ok.code = ERR_OK;
    ok.where = NULL;
    ok.detail[0] = '\0';
    return ok;
}

/* Starts an error; the detail is formatted and cut to ERR_DETAIL_MAX - 1 bytes. */
struct err err_new(enum err_code code, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The stable word of a code, such as `invalid_json`; static. */
const char *err_word(enum err_code code);

/* Returns the error of `call` to our caller. */
#define TRY(call)                      \
    do {                               \
        struct err try_err_ = (call);  \
        if (try_err_.code != ERR_OK) { \
            return try_err_;           \
        }                              \
    } while (0)

/* Starts an error of `code` with a printf detail unless `condition` holds. */
#define ENSURE(condition, code, ...)                       \
    do {                                                   \
        if (!(condition)) {                                \
            return err_new((code), __func__, __VA_ARGS__); \
        }                                                  \
    } while (0)

#endif
