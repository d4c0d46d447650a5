/* Who sent a request. Each way of proving it gives one principal; a caller that presents two must
 * be the same in both, so that no proxy can lend its own identity to a token that it forwards.
 *
 * The bearer token itself never leaves this file: only its SHA-256 meets the store. */
#include "gateway/caller.h"

#include <strings.h>

#define BEARER_LEN_MAX 256

/* RFC 6750 §2.1: the scheme's name is case-insensitive (RFC 9110 §11.1), one blank follows. */
static bool bearer_token(struct span authorization, struct span *out)
{
    static const char scheme[] = "Bearer ";
    size_t len = sizeof(scheme) - 1;
    if (authorization.len <= len || authorization.len - len > BEARER_LEN_MAX ||
        strncasecmp((const char *)authorization.data, scheme, len) != 0) {
        return false;
    }
    *out = span_of(authorization.data + len, authorization.len - len);
    return span_starts(*out, BEARER_PREFIX);
}

static struct err identify_bearer(struct keystore *store, struct span authorization, int64_t now,
                                  char out[PRINCIPAL_MAX])
{
    struct span token;
    ENSURE(bearer_token(authorization, &token), ERR_UNAUTHENTICATED,
           "The Authorization header must be `Bearer` and a token of this gateway.");
    uint8_t hash[DIGEST_MAX];
    digest_of(DIGEST_SHA256, token, hash);
    struct bearer bearer;
    ENSURE(keystore_find_bearer(store, hash, now, &bearer), ERR_UNAUTHENTICATED,
           "The bearer token is not known or has expired.");
    snprintf(out, PRINCIPAL_MAX, "token:%s", bearer.name);
    return err_ok();
}

struct err caller_identify(struct keystore *store, const struct request *request, int64_t now,
                           char out[PRINCIPAL_MAX])
{
    bool has_bearer = request->authorization.len > 0;
    ENSURE(has_bearer || request->local, ERR_UNAUTHENTICATED,
           "The request names no caller: send `Authorization: Bearer` and a token.");
    /* a uid and a bearer token are never the same principal */
    ENSURE(!has_bearer || !request->local, ERR_UNAUTHENTICATED,
           "The request names two callers: use no bearer token on the local socket.");
    if (has_bearer) {
        return identify_bearer(store, request->authorization, now, out);
    }
    snprintf(out, PRINCIPAL_MAX, "unix:%lu", (unsigned long)request->uid);
    return err_ok();
}
