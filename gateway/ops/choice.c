/* What a data call may use, decided before the token is touched: version states by the lifecycle
 * table, mechanisms by the probe, uses by the counter. Nothing here changes but the counter. */
#include "gateway/ops/choice.h"

struct err choice_purpose(const struct call *call, enum purpose purpose)
{
    ENSURE(call->key->purpose == purpose, ERR_UNSUPPORTED_OPERATION,
           "a key of purpose %s does not do this", purpose_name(call->key->purpose));
    return err_ok();
}

static struct err check_protects(struct call *call, const struct version *version)
{
    call->version = version->number;
    ENSURE(lifecycle_protects(version->state), ERR_INVALID_STATE,
           "version %u is %s, only an active one protects new data", version->number,
           version_state_name(version->state));
    return err_ok();
}

struct err choice_primary(struct call *call, const struct version **out)
{
    const struct version *version = key_primary(call->key);
    ENSURE(version != NULL, ERR_INVALID_STATE, "the key has no active version");
    TRY(check_protects(call, version));
    *out = version;
    return err_ok();
}

struct err choice_protecting(struct call *call, const struct version **out)
{
    if (call->version_asked == 0) {
        return choice_primary(call, out);
    }
    const struct version *version = key_version(call->key, call->version_asked);
    ENSURE(version != NULL, ERR_NOT_FOUND, "the key has no version %u", call->version_asked);
    TRY(check_protects(call, version));
    *out = version;
    return err_ok();
}

struct err choice_may_open(const struct version *version)
{
    ENSURE(lifecycle_opens(version->state), ERR_INVALID_STATE, "version %u is %s", version->number,
           version_state_name(version->state));
    return err_ok();
}

struct err choice_pinned(struct call *call, const struct version **out)
{
    if (call->version_asked == 0) {
        *out = NULL;
        return err_ok();
    }
    const struct version *version = key_version(call->key, call->version_asked);
    ENSURE(version != NULL, ERR_NOT_FOUND, "the key has no version %u", call->version_asked);
    call->version = version->number;
    TRY(choice_may_open(version));
    *out = version;
    return err_ok();
}

const struct version *choice_next_opening(const struct key *key, const struct version *before)
{
    size_t i = before != NULL ? (size_t)(before - key->versions) : key->version_count;
    while (i > 0) {
        i--;
        if (lifecycle_opens(key->versions[i].state)) {
            return &key->versions[i];
        }
    }
    return NULL;
}

struct err choice_checking(struct call *call, const struct version **out)
{
    const struct version *version = NULL;
    TRY(choice_pinned(call, &version));
    if (version == NULL) {
        version = key_primary(call->key);
    }
    if (version == NULL || !lifecycle_opens(version->state)) {
        version = choice_next_opening(call->key, NULL);
    }
    ENSURE(version != NULL, ERR_INVALID_STATE, "no version of the key may verify");
    call->version = version->number;
    *out = version;
    return err_ok();
}

struct err choice_token(const struct call *call, struct token **out)
{
    struct token *token = gateway_token(call->gateway, call->key->token);
    ENSURE(token != NULL, ERR_TOKEN_UNAVAILABLE, "the key's token is not configured");
    *out = token;
    return err_ok();
}

struct err choice_mechanism(struct token *token, enum token_mechanism mechanism)
{
    struct token_status status = {0};
    token_status(token, &status);
    /* before the first probe nothing is known: the worker has the last word */
    ENSURE(status.probe.mechanisms == 0 || (status.probe.mechanisms >> mechanism & 1) != 0,
           ERR_UNSUPPORTED_BY_TOKEN, "the key's token does not do %s",
           token_mechanism_name(mechanism));
    return err_ok();
}

struct err choice_oaep(struct token *token, enum token_mechanism *out)
{
    struct token_status status = {0};
    token_status(token, &status);
    uint32_t passed = status.probe.mechanisms;
    ENSURE(passed != 0, ERR_TOKEN_UNAVAILABLE, "the key's token is not ready");
    if ((passed >> TOKEN_RSA_OAEP_SHA256 & 1) != 0) {
        *out = TOKEN_RSA_OAEP_SHA256;
        return err_ok();
    }
    ENSURE((passed >> TOKEN_RSA_OAEP_SHA1 & 1) != 0, ERR_UNSUPPORTED_BY_TOKEN,
           "the key's token does not do OAEP");
    *out = TOKEN_RSA_OAEP_SHA1;
    return err_ok();
}

struct err choice_count_uses(const struct call *call, const struct version *version, size_t n)
{
    struct err err = keystore_take_uses(call->gateway->store, version, n,
                                        plan_uses_limit(call->key), call->now_ms);
    ENSURE(err.code != ERR_KEY_EXHAUSTED, ERR_KEY_EXHAUSTED,
           "version %u has reached its limit of uses; rotate the key: hsmgate key rotate %s",
           version->number, call->key->name);
    return err;
}
