/* Who sent a request. Each way of proving it gives one principal, and a caller that presents two
 * must be the same in both, so that no proxy can lend its own identity to a token that it forwards.
 * The ways stand in a table; a new one is a row.
 *
 * A bearer token of ours never leaves this file: only its SHA-256 meets the store. */
#include "gateway/caller.h"

#include <strings.h>

#include "base/mem.h"
#include "gateway/aws/aws_verify.h"
#include "gateway/issuers.h"

#define BEARER_LEN_MAX 256

static struct err unknown(enum auth_failure kind, enum auth_failure *out_kind, const char *detail)
{
    *out_kind = kind;
    return err_new(ERR_UNAUTHENTICATED, __func__, "%s", detail);
}

/* A finding of one way; `out` is untouched when the request does not go it. */
typedef struct err way(const struct gateway *gateway, struct request *request, int64_t now,
                       enum auth_failure *out_kind, char out[PRINCIPAL_MAX]);

static struct err by_certificate(const struct gateway *gateway, struct request *request,
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

static struct err by_uid(const struct gateway *gateway, struct request *request, int64_t now,
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
    if (token.len > BEARER_LEN_MAX || !keystore_find_bearer(gateway->store, hash, now, &bearer) ||
        bearer.sealed_len > 0) {
        return unknown(AUTH_UNKNOWN, out_kind, "The bearer token is not known or has expired.");
    }
    snprintf(out, PRINCIPAL_MAX, "token:%s", bearer.name);
    return err_ok();
}

/* RFC 6750 §2.1: the scheme's name is case-insensitive (RFC 9110 §11.1), one blank follows. */
static struct span bearer_of(struct span header)
{
    static const char scheme[] = "Bearer ";
    size_t len = sizeof(scheme) - 1;
    if (header.len <= len || strncasecmp((const char *)header.data, scheme, len) != 0) {
        return span_of(NULL, 0);
    }
    return span_of(header.data + len, header.len - len);
}

struct span caller_bearer(const struct request *request)
{
    struct span token = bearer_of(request->authorization);
    return token.len > 0 ? token : request->vault_token;
}

static struct err by_token(const struct gateway *gateway, struct span token, int64_t now,
                           enum auth_failure *out_kind, char out[PRINCIPAL_MAX])
{
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

static struct err by_authorization(const struct gateway *gateway, struct request *request,
                                   int64_t now, enum auth_failure *out_kind,
                                   char out[PRINCIPAL_MAX])
{
    struct span token = bearer_of(request->authorization);
    if (token.len == 0) {
        return unknown(AUTH_MALFORMED, out_kind,
                       "The Authorization header must be `Bearer` and a token.");
    }
    return by_token(gateway, token, now, out_kind, out);
}

/* The same tokens, as clients of Vault send them. */
static struct err by_vault_token(const struct gateway *gateway, struct request *request,
                                 int64_t now, enum auth_failure *out_kind, char out[PRINCIPAL_MAX])
{
    return by_token(gateway, request->vault_token, now, out_kind, out);
}

/* AWS's clients sign with the secret of an access key; what they signed must be fresh. */
static struct err by_signature(const struct gateway *gateway, struct request *request, int64_t now,
                               enum auth_failure *out_kind, char out[PRINCIPAL_MAX])
{
    struct bearer bearer;
    TRY(aws_verify(gateway, request, now, &bearer, out_kind));
    snprintf(out, PRINCIPAL_MAX, "token:%s", bearer.subject);
    return err_ok();
}

static bool is_signed(const struct request *request)
{
    return request->amz_service != NULL && request->headers != NULL;
}

struct err caller_identify(const struct gateway *gateway, struct request *request, int64_t now,
                           enum auth_failure *out_kind, char out[PRINCIPAL_MAX])
{
    const struct {
        bool presented;
        way *find;
    } ways[] = {
        {request->certificate.len > 0, by_certificate},
        {request->local, by_uid},
        {request->authorization.len > 0 && !is_signed(request), by_authorization},
        {is_signed(request), by_signature},
        {request->vault && request->vault_token.len > 0, by_vault_token},
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
                       CALLER_MISSING " send `Authorization: Bearer` and a token, or "
                                      "a client certificate.");
    }
    memcpy(out, found, sizeof(found));
    return err_ok();
}
