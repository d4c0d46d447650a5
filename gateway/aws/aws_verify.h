/* aws_verify: a signed request against the access key that it names. */
#ifndef HSMGATE_GATEWAY_AWS_AWS_VERIFY_H
#define HSMGATE_GATEWAY_AWS_AWS_VERIFY_H

#include "gateway/gateway.h"

/* What clients are told, and by which the answer finds the exception's name. */
#define AWS_UNKNOWN "The security token included in the request is invalid."
#define AWS_STALE   "Signature expired: "
#define AWS_EARLY   "Signature not yet current: "
#define AWS_SCOPE   "Credential should be scoped to the service"
#define AWS_MISMATCH \
    "The request signature we calculated does not match the signature you provided."

/* The access key whose secret signed the request, for the service of its dialect, at most 5 minutes
 * from now by the wall clock, or for as long as a presigned request says; request->amz keeps what
 * is needed of it. ERR_UNAUTHENTICATED with one of the texts above or with what is malformed;
 * ERR_TOKEN_UNAVAILABLE when the secret cannot be opened now. `now` is unix ms, for expiry. */
MUST_USE struct err aws_verify(const struct gateway *gateway, struct request *request, int64_t now,
                               struct bearer *out, enum auth_failure *out_kind);
/* Clients that do the same twice within a second sign the same: that is no repetition. */
#define AWS_HONEST_MS 5000
/* Notes that a signed request was answered, for those whose repetition would do harm.
 * ERR_RATE_LIMITED when it was more than `grace_ms` before, on which AWS's clients sign anew.
 * Requests that are not signed have no such note. */
MUST_USE struct err aws_verify_once(const struct gateway *gateway, const struct request *request,
                                    int64_t grace_ms);

#endif
