/* The words of four dialects by which a use of a key is told: the native verb behind a colon, a
 * segment of Vault's and XKS's paths, the end of AWS's target. */
#include "gateway/lane.h"

#include "base/mem.h"
#include "gateway/config.h"
#include "gateway/dialect.h"
#include "gateway/query.h"

#define ROOT "/v1/"
#define KEYS "/v1/keys/"

static const char *const uses[] = {
    /* native */
    "sign", "encrypt", "decrypt", "unwrap", "data-key", "rewrap", "verify", "mac", "verify-mac",
    "jwt",
    /* Vault transit */
    "hmac", "datakey",
    /* AWS KMS */
    "Sign", "Verify", "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext", "GenerateMac", "VerifyMac"};

static bool is_use(struct span word)
{
    for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
        if (span_is(word, uses[i])) {
            return true;
        }
    }
    return false;
}

/* What stands behind the last `mark`, or all of it. */
static struct span behind(struct span text, char mark)
{
    size_t at = text.len;
    while (at > 0 && text.data[at - 1] != (uint8_t)mark) {
        at--;
    }
    return span_of(text.data + at, text.len - at);
}

/* A mount's path, or a prefix, with a use somewhere behind it. */
static bool has_use(struct span path)
{
    struct span rest = span_of(path.data + 1, path.len - 1);
    if (span_starts(path, ROOT)) {
        (void)query_cut(&rest, '/');
        if (config_is_native(query_cut(&rest, '/'))) {
            return false;
        }
    }
    while (rest.len > 0) {
        if (is_use(query_cut(&rest, '/'))) {
            return true;
        }
    }
    return false;
}

static bool is_data(const struct request *request)
{
    if (request->method != METHOD_POST && request->method != METHOD_PUT) {
        return false;
    }
    if (span_starts(request->path, KEYS)) {
        return is_use(behind(request->path, ':'));
    }
    if (request->amz_target.len > 0) {
        return is_use(behind(request->amz_target, '.'));
    }
    return request->path.len > 0 && has_use(request->path);
}

enum lane lane_of(const struct request *request)
{
    if (dialect_is_urgent(request)) {
        return LANE_URGENT;
    }
    return is_data(request) ? LANE_DATA : LANE_GENERAL;
}
