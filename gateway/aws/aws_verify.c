/* Who signed: the signature names an access key, the store knows whose it is, and its secret tells
 * whether the signature is good. */
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
                                  .headers = request->headers,
                                  .header_count = request->header_count,
                                  .body = request->body};
}

static struct err check_age(const struct sigv4 *signature, int64_t wall_ms)
{
    int64_t age = wall_ms - signature->signed_ms;
    ENSURE(age <= SIGV4_SKEW_MS, ERR_UNAUTHENTICATED, AWS_STALE "it is from %.*s",
           (int)signature->signed_at.len, (const char *)signature->signed_at.data);
    ENSURE(age >= -SIGV4_SKEW_MS, ERR_UNAUTHENTICATED, AWS_EARLY "it is from %.*s",
           (int)signature->signed_at.len, (const char *)signature->signed_at.data);
    return err_ok();
}

struct err aws_verify(const struct gateway *gateway, const struct request *request, int64_t now,
                      struct bearer *out, enum auth_failure *out_kind)
{
    CLEANUP(secret_clear) struct secret secret = {0};
    const struct sigv4_request parts = signed_parts(request);
    struct sigv4 signature;
    uint8_t key[SHA256_LEN];
    *out_kind = AUTH_MALFORMED;
    TRY(sigv4_parse(&parts, request->authorization, &signature));
    ENSURE(span_is(signature.service, request->amz_service), ERR_UNAUTHENTICATED,
           "Credential should be scoped to the service '%s'.", request->amz_service);
    TRY(check_age(&signature, clock_wall_ms()));
    *out_kind = AUTH_UNKNOWN;
    TRY(access_keys_find(gateway, signature.access_key, now, request->deadline_ns, out, &secret));
    sigv4_signing_key(&signature, secret_span(&secret), key);
    struct err err = sigv4_verify(&parts, &signature, key);
    mem_wipe(key, sizeof(key));
    return err;
}

struct err aws_verify_once(const struct gateway *gateway, const struct request *request)
{
    const struct sigv4_request parts = signed_parts(request);
    struct sigv4 signature = {0};
    if (request->headers == NULL) {
        return err_ok();
    }
    TRY(sigv4_parse(&parts, request->authorization, &signature));
    ENSURE(replay_note(gateway->replay, signature.signature, clock_wall_ms(),
                       signature.signed_ms + SIGV4_SKEW_MS),
           ERR_RATE_LIMITED,
           "A request with this very signature was answered already: sign it anew.");
    return err_ok();
}

struct span aws_region(const struct request *request)
{
    const struct sigv4_request parts = signed_parts(request);
    struct sigv4 signature = {0};
    bool read = request->headers != NULL &&
                sigv4_parse(&parts, request->authorization, &signature).code == ERR_OK;
    return read ? signature.region : span_of(NULL, 0);
}
