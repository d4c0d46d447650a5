/* metrics: counters and latency histograms, in Prometheus text format 0.0.4. Lock-free on the hot
 * path. */
#ifndef HSMGATE_GATEWAY_METRICS_H
#define HSMGATE_GATEWAY_METRICS_H

#include "base/buf.h"

struct metrics;
struct gateway;

struct metrics *metrics_open(void);
void metrics_close(struct metrics *metrics);
/* One finished request: `operation` is a route's static operation name, `token` the name of the
 * token that its key lives on, static like the configuration, or NULL. */
void metrics_count(struct metrics *metrics, const char *operation, const char *token, int status,
                   int64_t microseconds);

/* Why a caller was not known. */
enum auth_failure {
    AUTH_MISSING,    /* nothing was presented */
    AUTH_MALFORMED,  /* an Authorization header that is neither of ours nor a JWT */
    AUTH_UNKNOWN,    /* a token of ours that is not known, expired or revoked */
    AUTH_CONFLICT,   /* two identities that are not the same */
    AUTH_JWT_SHAPE,  /* not a JWS of an allowed kind: alg, crit, jwk, jku, missing kid */
    AUTH_JWT_ISSUER, /* no such issuer in the configuration */
    AUTH_JWT_KEY,    /* its key is not in the issuer's set, or the set could not be had */
    AUTH_JWT_SIGNATURE,
    AUTH_JWT_CLAIMS, /* aud, exp, nbf, or a claim that the configuration demands */
    AUTH_FAILURE_COUNT
};
void metrics_auth_failed(struct metrics *metrics, enum auth_failure kind);
/* A known caller without the grant. `operation` is static. */
void metrics_denied(struct metrics *metrics, const char *operation);
/* A caller over its rate, or a token's queue that is full: `limit` is `principal`, `key` or
 * `token`, static. */
void metrics_limited(struct metrics *metrics, const char *limit);
/* What a principal opened or signed; principals beyond a fixed number are counted together. */
void metrics_principal(struct metrics *metrics, const char *principal, const char *operation,
                       uint64_t items);
/* A step of a rotation: `action` as in plans, `outcome` `ok` or `failed`, both static. */
void metrics_rotation(struct metrics *metrics, const char *action, const char *outcome);
/* Everything, with gauges of server, tokens, audit and store read now. */
MUST_USE struct err metrics_write(struct gateway *gateway, struct buf *out);

#endif
