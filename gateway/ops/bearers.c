/* Bearer tokens of ours and who the caller is. A token is shown once, when it is made; only its
 * SHA-256 is kept, so nothing that is stored can be used to call. */
#include "base/clock.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/caller.h"
#include "gateway/ops/bearer_facts.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/grant_facts.h"

#define BEARER_RANDOM_BYTES 32

/* A bearer's name is one segment of a key's name. */
struct err bearer_check_name(struct span name)
{
    struct bearer bearer;
    struct err err = name_check_namespace(name);
    bool one_segment = err.code == ERR_OK && memchr(name.data, '/', name.len) == NULL;
    ENSURE(one_segment && name.len < sizeof(bearer.name), ERR_INVALID_NAME,
           "The name of a bearer token must look like [a-z0-9][a-z0-9._-]{0,62}.");
    return err_ok();
}

struct err bearer_refuse_administrators(struct call *call, struct span name)
{
    struct policy policy = pipeline_policy(call);
    char principal[PRINCIPAL_MAX];
    snprintf(principal, sizeof(principal), "token:%.*s", (int)name.len, (const char *)name.data);
    ENSURE(policy_is_administrator(&policy, span_text(call->principal)) ||
               !policy_is_administrator(&policy, span_text(principal)),
           ERR_FORBIDDEN, "Administrators alone make and delete administrators' tokens.");
    return err_ok();
}

/* What the audit record says of it. */
static struct err note_bearer(struct call *call, struct span name)
{
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "bearer", name);
    json_end_object(&writer);
    return json_finish(&writer);
}

static struct err make_token(struct buf *out)
{
    uint8_t bytes[BEARER_RANDOM_BYTES];
    random_bytes(bytes, sizeof(bytes));
    TRY(buf_append_text(out, BEARER_PREFIX));
    struct err err = base64url_encode(span_of(bytes, sizeof(bytes)), out);
    mem_wipe(bytes, sizeof(bytes));
    return err;
}

#define FIELDS_MAX 4

struct err bearer_read(const struct call *call, const struct json_field *fields, size_t count,
                       struct bearer *out)
{
    struct span name, ttl;
    int64_t seconds = 0;
    struct json_field all[FIELDS_MAX] = {
        {"name", JSON_TEXT, JSON_REQUIRED, 0, &name, NULL},
        {"ttl", JSON_TEXT, JSON_REQUIRED, 0, &ttl, NULL},
    };
    ENSURE(count + 2 <= FIELDS_MAX, ERR_INTERNAL, "too many fields");
    for (size_t i = 0; i < count; i++) {
        all[2 + i] = fields[i];
    }
    TRY(json_read(call->json.root, all, 2 + count));
    TRY(bearer_check_name(name));
    struct err err = clock_parse_duration(ttl, &seconds);
    ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD,
           "ttl must be a duration such as 90s, 5m, 12h or 30d.");
    memcpy(out->name, name.data, name.len);
    out->created_at = call->now_ms;
    out->expires_at = call->now_ms + seconds * 1000;
    return err_ok();
}

struct err op_bearer_create(struct call *call)
{
    CLEANUP(buf_clear) struct buf token = {0};
    struct bearer bearer = {0};
    uint8_t hash[DIGEST_MAX];
    TRY(bearer_read(call, NULL, 0, &bearer));
    TRY(note_bearer(call, span_text(bearer.name)));
    TRY(bearer_refuse_administrators(call, span_text(bearer.name)));
    TRY(make_token(&token));
    digest_of(DIGEST_SHA256, buf_span(&token), hash);
    memcpy(bearer.hash, hash, SHA256_LEN);
    TRY(call_intent(call));
    TRY(keystore_put_bearer(call->gateway->store, &bearer, call->now_ms));
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "name", bearer.name);
    json_put_span(&writer, "token", buf_span(&token));
    json_put_time(&writer, "expires_at", bearer.expires_at);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* An access key may be an administrator's under any name. */
static struct err refuse_subject(struct call *call, struct span name)
{
    size_t count = 0;
    CLEANUP(mem_free_at)
    struct bearer *bearers = keystore_list_bearers(call->gateway->store, &count);
    for (size_t i = 0; i < count; i++) {
        if (span_is(name, bearers[i].name) && bearers[i].access_key[0] != '\0') {
            return bearer_refuse_administrators(call, span_text(bearers[i].subject));
        }
    }
    return bearer_refuse_administrators(call, name);
}

struct err op_bearer_delete(struct call *call)
{
    TRY(bearer_check_name(call->target));
    TRY(note_bearer(call, call->target));
    TRY(refuse_subject(call, call->target));
    TRY(call_intent(call));
    TRY(keystore_delete_bearer(call->gateway->store, call->target));
    call->exchange->reply.status = 204;
    return err_ok();
}

static void put_bearer(struct json_writer *writer, const struct bearer *bearer)
{
    json_begin_object(writer, NULL);
    json_put_text(writer, "name", bearer->name);
    json_put_text_if(writer, "access_key_id", bearer->access_key);
    json_put_text_if(writer, "subject", bearer->subject);
    json_put_time(writer, "created_at", bearer->created_at);
    json_put_time_if(writer, "expires_at", bearer->expires_at);
    json_put_time_if(writer, "last_used_at", bearer->last_used_at);
    json_end_object(writer);
}

struct err op_bearer_list(struct call *call)
{
    size_t count = 0;
    CLEANUP(mem_free_at)
    struct bearer *bearers = keystore_list_bearers(call->gateway->store, &count);
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_begin_array(&writer, "tokens");
    for (size_t i = 0; i < count; i++) {
        put_bearer(&writer, &bearers[i]);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err op_whoami(struct call *call)
{
    size_t count = 0;
    struct policy policy = pipeline_policy(call);
    const struct grant *const *grants =
        grants_of(policy.grants, span_text(call->principal), &count);
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "principal", call->principal);
    json_put_flag(&writer, "administrator",
                  policy_is_administrator(&policy, span_text(call->principal)));
    json_begin_array(&writer, "grants");
    for (size_t i = 0; i < count; i++) {
        grant_put_facts(&writer, NULL, grants[i], call->now_ms);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}
