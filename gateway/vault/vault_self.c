/* The caller's own token: looked up, renewed in name, revoked. */
#include "base/mem.h"
#include "gateway/caller.h"
#include "gateway/vault/vault.h"

#define TOKEN_SHOWN "hg_*" /* in place of the caller's secret */

/* False for a caller who came in another way. */
static bool find_bearer(const struct call *call, struct bearer *out)
{
    uint8_t hash[DIGEST_MAX];
    struct span token = caller_bearer(&call->exchange->request);
    digest_of(DIGEST_SHA256, token, hash);
    return token.len > 0 && keystore_find_bearer(call->gateway->store, hash, call->now_ms, out);
}

static int64_t seconds_left(const struct call *call, const struct bearer *bearer)
{
    return bearer->expires_at != 0 ? (bearer->expires_at - call->now_ms) / 1000 : 0;
}

/* The grants say what a caller may do; clients want to see a list of names. */
static void put_policies(const struct call *call, const char *name, struct json_writer *writer)
{
    json_begin_array(writer, name);
    json_put_text(writer, NULL, call->principal);
    json_end_array(writer);
}

struct err vault_lookup_self(struct call *call)
{
    struct bearer bearer = {0};
    (void)find_bearer(call, &bearer);
    struct json_writer writer = vault_begin(call);
    json_put_text(&writer, "id", TOKEN_SHOWN);
    json_put_text(&writer, "accessor", bearer.name);
    json_put_text(&writer, "display_name", call->principal);
    json_put_text(&writer, "entity_id", "");
    json_put_text(&writer, "path", "auth/token");
    json_put_text(&writer, "type", "service");
    put_policies(call, "policies", &writer);
    json_put_integer(&writer, "creation_time", bearer.created_at / 1000);
    json_put_integer(&writer, "creation_ttl",
                     bearer.expires_at != 0 ? (bearer.expires_at - bearer.created_at) / 1000 : 0);
    json_put_integer(&writer, "ttl", seconds_left(call, &bearer));
    json_put_integer(&writer, "explicit_max_ttl", 0);
    json_put_integer(&writer, "num_uses", 0);
    json_put_flag(&writer, "orphan", true);
    json_put_flag(&writer, "renewable", false);
    if (bearer.expires_at != 0) {
        json_put_time(&writer, "expire_time", bearer.expires_at);
    } else {
        json_put_null(&writer, "expire_time");
    }
    json_put_null(&writer, "meta");
    return vault_end(call, &writer, NULL);
}

/* Our tokens end when they were made to end; a client that renews goes on with what it has. */
struct err vault_renew_self(struct call *call)
{
    struct bearer bearer = {0};
    (void)find_bearer(call, &bearer);
    struct json_writer writer = vault_envelope(call);
    json_put_null(&writer, "data");
    json_put_null(&writer, "wrap_info");
    json_begin_array(&writer, "warnings");
    json_put_text(&writer, NULL, "tokens are not renewed here: ask for a new one before it ends");
    json_end_array(&writer);
    json_begin_object(&writer, "auth");
    json_put_span(&writer, "client_token", caller_bearer(&call->exchange->request));
    json_put_text(&writer, "accessor", bearer.name);
    put_policies(call, "policies", &writer);
    put_policies(call, "token_policies", &writer);
    json_put_null(&writer, "metadata");
    json_put_integer(&writer, "lease_duration", seconds_left(call, &bearer));
    json_put_flag(&writer, "renewable", false);
    json_put_text(&writer, "entity_id", "");
    json_put_text(&writer, "token_type", "service");
    json_put_flag(&writer, "orphan", true);
    json_end_object(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* Whoever holds a token may end it. */
struct err vault_revoke_self(struct call *call)
{
    struct bearer bearer = {0};
    ENSURE(find_bearer(call, &bearer), ERR_UNSUPPORTED_OPERATION,
           "only a bearer token of the gateway's own can be revoked");
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "bearer", bearer.name);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(call_intent(call));
    TRY(keystore_delete_bearer(call->gateway->store, span_text(bearer.name)));
    return vault_nothing(call);
}

struct err vault_no_login(struct call *call)
{
    (void)call;
    return err_new(ERR_UNSUPPORTED_OPERATION, __func__,
                   "there is no login here: send a bearer token of the gateway, or a JWT of a "
                   "configured issuer, as the Vault token itself");
}
