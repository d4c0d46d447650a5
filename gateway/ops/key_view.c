/* A key as clients see it. What has not happened or is not set is left out rather than null; CKA_ID
 * and identity are the token's business and never shown. */
#include "gateway/ops/key_view.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/public_key.h"
#include "pkcs11/token.h"

void kid_format(const struct key *key, uint32_t version, char out[KID_MAX])
{
    snprintf(out, KID_MAX, "%s@%u", key->name, version);
}

static void put_duration_if(struct json_writer *writer, const char *name, int64_t seconds)
{
    char text[CLOCK_TEXT_MAX];
    if (seconds != 0) {
        clock_format_duration(seconds, text);
        json_put_text(writer, name, text);
    }
}

static void put_labels(struct json_writer *writer, const struct key_facts *facts)
{
    json_begin_object(writer, "labels");
    for (size_t i = 0; i < facts->label_count; i++) {
        json_put_text(writer, facts->labels[i].name, facts->labels[i].value);
    }
    json_end_object(writer);
}

static void put_rotation(struct json_writer *writer, const struct rotation_policy *rotation)
{
    if (rotation->every == 0 && rotation->overlap == 0 && rotation->publish_ahead == 0 &&
        rotation->max_uses == 0 && rotation->mode == ROTATION_MANUAL) {
        return;
    }
    json_begin_object(writer, "rotation");
    put_duration_if(writer, "every", rotation->every);
    put_duration_if(writer, "overlap", rotation->overlap);
    put_duration_if(writer, "publish_ahead", rotation->publish_ahead);
    if (rotation->max_uses != 0) {
        json_put_integer(writer, "max_uses", rotation->max_uses);
    }
    json_put_text(writer, "mode", rotation_mode_name(rotation->mode));
    json_end_object(writer);
}

static void put_jwt(struct json_writer *writer, const struct jwt_policy *jwt)
{
    if (jwt->max_ttl == 0 && jwt->issuer == NULL && jwt->audience_count == 0) {
        return;
    }
    json_begin_object(writer, "jwt");
    put_duration_if(writer, "max_ttl", jwt->max_ttl);
    json_put_text_if(writer, "issuer", jwt->issuer);
    if (jwt->audience_count > 0) {
        json_begin_array(writer, "audiences");
        for (size_t i = 0; i < jwt->audience_count; i++) {
            json_put_text(writer, NULL, jwt->audiences[i]);
        }
        json_end_array(writer);
    }
    json_end_object(writer);
}

static void put_frozen(struct json_writer *writer, const struct freeze *frozen)
{
    if (frozen->at == 0) {
        return;
    }
    json_begin_object(writer, "frozen");
    json_put_time(writer, "at", frozen->at);
    json_put_text_if(writer, "by", frozen->by);
    json_put_text_if(writer, "reason", frozen->reason);
    json_end_object(writer);
}

static void put_facts(struct json_writer *writer, const struct key_facts *facts)
{
    json_put_text(writer, "owner", facts->owner);
    json_put_text_if(writer, "description", facts->description);
    json_put_text(writer, "classification", classification_name(facts->classification));
    json_put_text_if(writer, "contact", facts->contact);
    put_labels(writer, facts);
    put_rotation(writer, &facts->rotation);
    put_jwt(writer, &facts->jwt);
    if (facts->approval.m != 0) {
        json_begin_object(writer, "approval");
        json_put_text_if(writer, "group", facts->approval.group);
        json_put_integer(writer, "m", facts->approval.m);
        json_end_object(writer);
    }
}

void key_view_put_attributes(struct json_writer *writer, uint32_t attributes)
{
    json_begin_array(writer, "attributes");
    for (unsigned bit = 0; bit < TOKEN_ATTRIBUTE_COUNT; bit++) {
        if ((attributes >> bit & 1) != 0) {
            json_put_text(writer, NULL, token_attribute_name((enum token_attribute)bit));
        }
    }
    json_end_array(writer);
}

/* What stays odd about material that was not made here. */
static void put_origin(struct json_writer *writer, const struct version *version)
{
    if (!version->adopted) {
        return;
    }
    json_put_text(writer, "origin", "adopted");
    key_view_put_attributes(writer, version->attributes);
}

static void put_members(struct json_writer *writer, const struct key *key,
                        const struct version *version)
{
    char kid[KID_MAX];
    kid_format(key, version->number, kid);
    json_put_integer(writer, "version", version->number);
    json_put_text(writer, "state", version_state_name(version->state));
    json_put_text(writer, "kid", kid);
    json_put_time_if(writer, "created_at", version->created_at);
    json_put_time_if(writer, "published_at", version->published_at);
    json_put_time_if(writer, "promote_at",
                     version->state == VERSION_PENDING ? version->promote_at : 0);
    json_put_time_if(writer, "activated_at", version->activated_at);
    json_put_time_if(writer, "retired_at", version->retired_at);
    json_put_time_if(writer, "destroy_at", version->destroy_at);
    json_put_integer(writer, "uses", (int64_t)uses_count(version));
    json_put_time_if(writer, "last_used_at", uses_last_at(version));
    json_put_text_if(writer, "reason", version->reason);
    json_put_text_if(writer, "certificates", version->certificates);
    put_origin(writer, version);
}

void key_view_put_history(struct json_writer *writer, const struct key *key,
                          const struct version *version)
{
    json_begin_object(writer, NULL);
    put_members(writer, key, version);
    json_end_object(writer);
}

static struct err put_version(struct json_writer *writer, const struct key *key,
                              const struct version *version)
{
    json_begin_object(writer, NULL);
    put_members(writer, key, version);
    if (version->public_key.len > 0) {
        CLEANUP(buf_clear) struct buf pem = {0};
        TRY(public_key_pem(version->public_key, &pem));
        json_put_span(writer, "public_key", buf_span(&pem));
    }
    json_end_object(writer);
    return err_ok();
}

struct err key_view_put(struct json_writer *writer, const char *member, const struct key *key)
{
    char id[UUID_TEXT_LEN + 1];
    uuid_format(key->id, id);
    json_begin_object(writer, member);
    json_put_text(writer, "id", id);
    json_put_text(writer, "name", key->name);
    json_put_text(writer, "algorithm", algorithm_info(key->algorithm)->name);
    json_put_text(writer, "purpose", purpose_name(key->purpose));
    json_put_text(writer, "token", key->token);
    put_facts(writer, &key->facts);
    put_frozen(writer, &key->frozen);
    json_put_time_if(writer, "created_at", key->created_at);
    if (key->primary != 0) {
        json_put_integer(writer, "primary", key->primary);
    }
    json_begin_array(writer, "versions");
    for (size_t i = 0; i < key->version_count; i++) {
        TRY(put_version(writer, key, &key->versions[i]));
    }
    json_end_array(writer);
    json_end_object(writer);
    return err_ok();
}

struct err key_view_put_jwk(struct json_writer *writer, const struct key *key,
                            const struct version *version)
{
    char kid[KID_MAX];
    bool signs = key->purpose == PURPOSE_SIGN;
    kid_format(key, version->number, kid);
    json_begin_object(writer, NULL);
    TRY(public_key_put_jwk(version->public_key, writer));
    json_put_text(writer, "kid", kid);
    json_put_text(writer, "use", signs ? "sig" : "enc");
    if (signs) {
        json_put_text(writer, "alg", scheme_info(scheme_default(key->algorithm))->name);
    }
    json_end_object(writer);
    return err_ok();
}
