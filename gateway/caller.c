/* Who sent a request. Each way of proving it gives one principal, and a caller that presents two
 * must be the same in both, so that no proxy can lend its own identity to a token that it forwards.
 * The ways stand in a table; a new one is a row.
 *
 * A bearer token of ours never leaves this file: only its SHA-256 meets the store. */
#include "gateway/caller.h"

#include <strings.h>

#include "base/mem.h"
#include "gateway/issuers.h"

#define BEARER_LEN_MAX 256

static struct err unknown(enum auth_failure kind, enum auth_failure *out_kind, const char *detail)
{
    *out_kind = kind;
    return err_new(ERR_UNAUTHENTICATED, __func__, "%s", detail);
}

/* A finding of one way; `out` is untouched when the request does not go it. */
typedef struct err way(const struct gateway *gateway, const struct request *request, int64_t now,
                       enum auth_failure *out_kind, char out[PRINCIPAL_MAX]);

static struct err by_certificate(const struct gateway *gateway, const struct request *request,
                                 int64_t now, enum auth_failure *out_kind, char out[PRINCIPAL_MAX])
{
    (void)gateway;
    (void)now;
    struct span name = request->certificate;
    if (name.len >= PRINCIPAL_MAX ||
        memchr(name.data != NULL ? name.data : (const uint8_t *)"", '\0', name.len) != NULL) {
        return unknown(AUTH_MALFORMED, out_kind, "The certificate's name is too long.");
    }
    snprintf(out, PRINCIPAL_MAX, "%.*s", (int)name.len, (const char *)name.data);
    return err_ok();
}

static struct err by_uid(const struct gateway *gateway, const struct request *request, int64_t now,
                         enum auth_failure *out_kind, char out[PRINCIPAL_MAX])
{
    (void)gateway;
    (void)now;
    (void)out_kind;
    snprintf(out, PRINCIPAL_MAX, "unix:%lu", (unsigned long)request->uid);
    return err_ok();
}

static struct err by_our_token(const struct gateway *gateway, struct span token, int64_t now,
                               enum auth_failure *out_kind, char out[PRINCIPAL_MAX])
{
    uint8_t hash[DIGEST_MAX];
    struct bearer bearer;
    digest_of(DIGEST_SHA256, token, hash);
    if (token.len > BEARER_LEN_MAX || !keystore_find_bearer(gateway->store, hash, now, &bearer)) {
        return unknown(AUTH_UNKNOWN, out_kind, "The bearer token is not known or has expired.");
    }
    snprintf(out, PRINCIPAL_MAX, "token:%s", bearer.name);
    return err_ok();
}

/* RFC 6750 §2.1: the scheme's name is case-insensitive (RFC 9110 §11.1), one blank follows. */
static struct err by_authorization(const struct gateway *gateway, const struct request *request,
                                   int64_t now, enum auth_failure *out_kind,
                                   char out[PRINCIPAL_MAX])
{
    static const char scheme[] = "Bearer ";
    size_t len = sizeof(scheme) - 1;
    struct span header = request->authorization;
    if (header.len <= len || strncasecmp((const char *)header.data, scheme, len) != 0) {
        return unknown(AUTH_MALFORMED, out_kind,
                       "The Authorization header must be `Bearer` and a token.");
    }
    struct span token = span_of(header.data + len, header.len - len);
    if (span_starts(token, BEARER_PREFIX)) {
        return by_our_token(gateway, token, now, out_kind, out);
    }
    if (memchr(token.data, '.', token.len) == NULL) {
        return unknown(AUTH_MALFORMED, out_kind,
                       "The bearer token is neither one of this gateway nor a JWT.");
    }
    if (gateway->issuers == NULL) {
        return unknown(AUTH_JWT_ISSUER, out_kind, "This gateway takes no JWT: it has no issuers.");
    }
    return issuers_verify(gateway->issuers, token, now, out_kind, out);
}

struct err caller_identify(const struct gateway *gateway, const struct request *request,
                           int64_t now, enum auth_failure *out_kind, char out[PRINCIPAL_MAX])
{
    const struct {
        bool presented;
        way *find;
    } ways[] = {
        {request->certificate.len > 0, by_certificate},
        {request->local, by_uid},
        {request->authorization.len > 0, by_authorization},
    };
    char found[PRINCIPAL_MAX] = "";
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        char principal[PRINCIPAL_MAX] = "";
        if (!ways[i].presented) {
            continue;
        }
        TRY(ways[i].find(gateway, request, now, out_kind, principal));
        if (found[0] != '\0' && strcmp(found, principal) != 0) {
            return unknown(AUTH_CONFLICT, out_kind,
                           "The request names two callers that are not the same: present one.");
        }
        memcpy(found, principal, sizeof(found));
    }
    if (found[0] == '\0') {
        return unknown(AUTH_MISSING, out_kind,
                       "The request names no caller: send `Authorization: Bearer` and a token, or "
                       "a client certificate.");
    }
    memcpy(out, found, sizeof(found));
    return err_ok();
}
