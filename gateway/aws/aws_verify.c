/* Who signed: the signature names an access key, the store knows whose it is, and its secret tells
 * whether the signature is good. What the request is answered by later is noted in it then, so that
 * nothing reads the signature twice. */
#include "gateway/aws/aws_verify.h"

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/access_keys.h"
#include "gateway/aws/replay.h"
#include "gateway/aws/sigv4.h"

static struct sigv4_request signed_parts(const struct request *request)
{
    return (struct sigv4_request){.method = method_name(request->method),
                                  .path = request->path,
                                  .query = request->query,
                                  .authorization = request->authorization,
                                  .headers = request->headers,
                                  .header_count = request->header_count,
                                  .body = request->body};
}

static struct err check_age(const struct sigv4 *signature, int64_t wall_ms)
{
    int64_t age = wall_ms - signature->signed_ms;
    ENSURE(age <= signature->lasts_ms, ERR_UNAUTHENTICATED, AWS_STALE "it is from %.*s",
           (int)signature->signed_at.len, (const char *)signature->signed_at.data);
    ENSURE(age >= -SIGV4_SKEW_MS, ERR_UNAUTHENTICATED, AWS_EARLY "it is from %.*s",
           (int)signature->signed_at.len, (const char *)signature->signed_at.data);
    return err_ok();
}

static void note_proof(const struct sigv4 *signature, struct amz_proof *out)
{
    if (signature->region.len <= AMZ_REGION_MAX) {
        memcpy(out->region, signature->region.data, signature->region.len);
        out->region[signature->region.len] = '\0';
    }
    memcpy(out->signature, signature->signature, SHA256_LEN);
    out->until_ms = signature->signed_ms + signature->lasts_ms;
}

struct err aws_verify(const struct gateway *gateway, struct request *request, int64_t now,
                      struct bearer *out, enum auth_failure *out_kind)
{
    const struct sigv4_request parts = signed_parts(request);
    struct sigv4 signature;
    uint8_t key[SHA256_LEN];
    *out_kind = AUTH_MALFORMED;
    TRY(sigv4_parse(&parts, &signature));
    ENSURE(request->amz_presigned || !signature.in_query, ERR_UNAUTHENTICATED,
           "The signature must be in the Authorization header.");
    ENSURE(span_is(signature.service, request->amz_service), ERR_UNAUTHENTICATED,
           AWS_SCOPE " '%s'.", request->amz_service);
    TRY(check_age(&signature, clock_wall_ms()));
    *out_kind = AUTH_UNKNOWN;
    TRY(access_keys_find(gateway, &signature, now, request->deadline_ns, out, key));
    struct err err = sigv4_verify(&parts, &signature, key);
    mem_wipe(key, sizeof(key));
    TRY(err);
    note_proof(&signature, &request->amz);
    return err_ok();
}

struct err aws_verify_once(const struct gateway *gateway, const struct request *request,
                           int64_t grace_ms)
{
    const struct amz_proof *proof = &request->amz;
    bool fresh = proof->until_ms == 0 || replay_note(gateway->replay, proof->signature,
                                                     clock_wall_ms(), proof->until_ms, grace_ms);
    ENSURE(fresh, ERR_RATE_LIMITED,
           "A request with this very signature was answered before: sign it anew.");
    return err_ok();
}
