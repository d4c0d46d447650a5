/* jwt: signed tokens (RFC 7519) in compact form (RFC 7515 §7.1) under the key's policy.
 *
 * The gateway alone says when a token was made, until when it holds and who made it: iat, nbf, exp,
 * jti and iss are ours, whatever else the caller claims is signed as it is. */
#include "base/clock.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/ops/choice.h"
#include "gateway/ops/data_ops.h"
#include "gateway/ops/key_policy.h"
#include "gateway/ops/signature.h"

#define TTL_DEFAULT_S ((int64_t)5 * 60)
#define TYP_MAX       64
#define ISSUER_MAX    1024

struct ask {
    const struct json_value *claims;
    const struct json_value *header;
    struct span ttl;
    struct span typ;
    int64_t ttl_s;
};

/* --- policy --- */

static struct err read_ttl(const struct call *call, struct ask *ask)
{
    const struct rotation_rules *rules = &call->gateway->rotation.rules;
    int64_t most = key_policy_jwt_ttl(&call->key->facts, rules);
    ENSURE(most > 0, ERR_INVALID_STATE,
           "the key's rotation.overlap leaves no time for a JWT: make it longer");
    ask->ttl_s = most < TTL_DEFAULT_S ? most : TTL_DEFAULT_S;
    if (ask->ttl.data != NULL) {
        ENSURE(clock_parse_duration(ask->ttl, &ask->ttl_s).code == ERR_OK, ERR_INVALID_FIELD,
               "field 'ttl' is no duration such as 5m");
    }
    char text[CLOCK_TEXT_MAX];
    clock_format_duration(most, text);
    ENSURE(ask->ttl_s <= most, ERR_INVALID_FIELD, "field 'ttl' is over the key's limit of %s",
           text);
    return err_ok();
}

static bool audience_listed(const struct jwt_policy *policy, struct span audience)
{
    for (size_t i = 0; i < policy->audience_count; i++) {
        if (span_is(audience, policy->audiences[i])) {
            return true;
        }
    }
    return policy->audience_count == 0;
}

static struct err check_audience(const struct jwt_policy *policy, const struct json_value *value)
{
    struct span audience;
    ENSURE(json_as_text(value, &audience), ERR_INVALID_FIELD,
           "claim 'aud' is a string or an array of strings");
    ENSURE(audience_listed(policy, audience), ERR_INVALID_FIELD,
           "claim 'aud' is not among the key's audiences");
    return err_ok();
}

static struct err check_audiences(const struct jwt_policy *policy, const struct json_value *claims)
{
    const struct json_value *aud = json_member(claims, "aud");
    if (aud == NULL) {
        ENSURE(policy->audience_count == 0, ERR_INVALID_FIELD,
               "claim 'aud' is missing and the key has a list of audiences");
        return err_ok();
    }
    if (!json_is(aud, JSON_ARRAY)) {
        return check_audience(policy, aud);
    }
    ENSURE(json_first(aud) != NULL, ERR_INVALID_FIELD, "claim 'aud' is empty");
    for (const struct json_value *at = json_first(aud); at != NULL; at = json_next(at)) {
        TRY(check_audience(policy, at));
    }
    return err_ok();
}

static bool is_ours(const char *claim)
{
    static const char *const ours[] = {"iat", "nbf", "exp", "jti"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strcmp(claim, ours[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The key's own issuer, else the namespace's in the discovery documents. */
static struct err put_issuer(const struct call *call, struct buf *out)
{
    if (call->key->facts.jwt.issuer != NULL) {
        return buf_append_text(out, call->key->facts.jwt.issuer);
    }
    TRY(buf_append_text(out, call->gateway->config->public_url));
    TRY(buf_append_text(out, "/oidc/"));
    return buf_append(out, name_namespace(span_text(call->key->name)));
}

static struct err check_claims(const struct call *call, const struct json_value *claims,
                               struct span issuer)
{
    for (const struct json_value *at = json_first(claims); at != NULL; at = json_next(at)) {
        ENSURE(!is_ours(json_name(at)), ERR_INVALID_FIELD, "claim '%s' is set by the gateway",
               json_name(at));
    }
    const struct json_value *given = json_member(claims, "iss");
    struct span text;
    ENSURE(given == NULL || (json_as_text(given, &text) && span_equal(text, issuer)),
           ERR_INVALID_FIELD, "claim 'iss' is not the key's issuer");
    return check_audiences(&call->key->facts.jwt, claims);
}

/* --- the token's parts --- */

static struct err write_header(const struct batch *batch, const struct item *item, struct span typ,
                               struct buf *out)
{
    char kid[KID_MAX];
    signature_kid(batch->call->key, batch->version, kid);
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "alg", scheme_info(item->scheme)->name);
    json_put_text(&writer, "kid", kid);
    json_put_span(&writer, "typ", typ);
    json_end_object(&writer);
    return json_finish(&writer);
}

static struct err write_payload(const struct json_value *claims, struct span issuer, int64_t now_s,
                                int64_t ttl_s, struct buf *out)
{
    char id[UUID_TEXT_LEN + 1];
    uuid_format(uuid_make(), id);
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "iss", issuer);
    json_put_integer(&writer, "iat", now_s);
    json_put_integer(&writer, "nbf", now_s);
    json_put_integer(&writer, "exp", now_s + ttl_s);
    json_put_text(&writer, "jti", id);
    for (const struct json_value *at = json_first(claims); at != NULL; at = json_next(at)) {
        if (strcmp(json_name(at), "iss") != 0) {
            json_put_value(&writer, json_name(at), at);
        }
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

static struct err append_part(struct item *item, const char *before, struct span part)
{
    TRY(buf_append_text(&item->input, before));
    return base64url_encode(part, &item->input);
}

/* The signing input `header.payload` into item->input. */
static struct err build(const struct batch *batch, const struct ask *ask, struct span issuer,
                        struct item *item)
{
    int64_t now_s = batch->call->wall_ms / 1000;
    struct span typ = ask->typ.data != NULL ? ask->typ : span_text("JWT");
    CLEANUP(buf_clear) struct buf header = {0};
    CLEANUP(buf_clear) struct buf payload = {0};
    TRY(write_header(batch, item, typ, &header));
    TRY(write_payload(ask->claims, issuer, now_s, ask->ttl_s, &payload));
    TRY(append_part(item, "", buf_span(&header)));
    TRY(append_part(item, ".", buf_span(&payload)));
    ENSURE(item->input.len <= MESSAGE_MAX, ERR_TOO_LARGE, "the claims are longer than %zu bytes",
           MESSAGE_MAX);
    item->expires_at = (now_s + ask->ttl_s) * 1000;
    return err_ok();
}

/* --- the verb --- */

static struct err read_ask(struct item *item, struct ask *ask)
{
    const struct json_field fields[] = {
        {"claims", JSON_OBJECT, JSON_REQUIRED, 0, &ask->claims, NULL},
        {"ttl", JSON_TEXT, JSON_OPTIONAL, 0, &ask->ttl, NULL},
        {"header", JSON_OBJECT, JSON_OPTIONAL, 0, &ask->header, NULL},
    };
    TRY(item_read(item, fields, ARRAY_LEN(fields)));
    const struct json_field inner[] = {
        {"typ", JSON_TEXT, JSON_OPTIONAL, TYP_MAX, &ask->typ, NULL},
    };
    return ask->header == NULL ? err_ok() : json_read(ask->header, inner, ARRAY_LEN(inner));
}

static struct err jwt_read(struct batch *batch, struct item *item)
{
    struct ask ask = {0};
    TRY(read_ask(item, &ask));
    /* the key set says one `alg` for a key (RFC 7517 §4.4), and verifiers take no other */
    item->scheme = scheme_default(batch->call->key->algorithm);
    TRY(read_ttl(batch->call, &ask));
    CLEANUP(buf_clear) struct buf issuer = {.max = ISSUER_MAX + NAME_MAX_LEN};
    TRY(put_issuer(batch->call, &issuer));
    TRY(check_claims(batch->call, ask.claims, buf_span(&issuer)));
    TRY(build(batch, &ask, buf_span(&issuer), item));
    signature_hash(item);
    item_digest(item, buf_span(&item->input));
    return err_ok();
}

static struct err jwt_run(struct batch *batch)
{
    TRY(signature_make(batch));
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (batch_waits(item)) {
            item->err = append_part(item, ".", buf_span(&item->token.output));
        }
    }
    return err_ok();
}

static void jwt_write(const struct batch *batch, const struct item *item,
                      struct json_writer *writer)
{
    char kid[KID_MAX];
    signature_kid(batch->call->key, item->version, kid);
    json_put_span(writer, "token", buf_span(&item->input));
    json_put_text(writer, "kid", kid);
    json_put_time(writer, "expires_at", item->expires_at);
}

struct err op_jwt(struct call *call)
{
    static const struct words words = {jwt_read, jwt_write};
    static const struct verb verb = {&words, jwt_run, VERB_SIGNS_JWT};
    struct batch batch = {.call = call, .verb = &verb};
    TRY(choice_purpose(call, PURPOSE_SIGN));
    TRY(choice_protecting(call, &batch.version));
    return batch_run(&batch);
}
