/* Which requests are for AWS KMS, what they ask, and the key that their body names.
 *
 * The body is parsed before the grants are asked, because only it says which key is meant; by then
 * the caller is known, and a signature covers the body. */
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/aws/aws_shape.h"
#include "gateway/aws/aws_verify.h"
#include "gateway/query.h"

#define SERVICE "TrentService."

/* clang-format off */
#define KEY_ROUTE(name, operation, handler) \
    {METHOD_POST, name, NULL, operation, ACCESS_GRANT, TARGET_KEY, BODY_JSON, handler}
#define NEVER(name) \
    {METHOD_POST, name, NULL, "unsupported", ACCESS_CALLER, TARGET_NONE, BODY_JSON, aws_never}

const struct route aws_routes[] = {
    KEY_ROUTE("Encrypt", "encrypt", aws_encrypt),
    KEY_ROUTE("Decrypt", "decrypt", aws_decrypt),
    KEY_ROUTE("GenerateDataKey", "data-key", aws_data_key),
    KEY_ROUTE("GenerateDataKeyWithoutPlaintext", "data-key", aws_data_key_wrapped),
    KEY_ROUTE("Sign", "sign", aws_sign),
    KEY_ROUTE("Verify", "verify", aws_verify_signature),
    KEY_ROUTE("GenerateMac", "mac", aws_mac),
    KEY_ROUTE("VerifyMac", "verify", aws_verify_mac),
    KEY_ROUTE("DescribeKey", "read", aws_describe),
    KEY_ROUTE("GetPublicKey", "read", aws_public_key),
    KEY_ROUTE("ReEncrypt", "rewrap", aws_reencrypt),
    KEY_ROUTE("GenerateDataKeyPair", "data-key", aws_data_key_pair),
    KEY_ROUTE("GenerateDataKeyPairWithoutPlaintext", "data-key", aws_data_key_pair_wrapped),
    {METHOD_POST, "CreateKey", NULL, "create", ACCESS_GRANT, TARGET_NEW_KEY, BODY_JSON, aws_create},
    KEY_ROUTE("CreateAlias", "update", aws_create_alias),
    KEY_ROUTE("UpdateAlias", "update", aws_update_alias),
    KEY_ROUTE("DeleteAlias", "update", aws_delete_alias),
    KEY_ROUTE("UpdateKeyDescription", "update", aws_update_description),
    KEY_ROUTE("TagResource", "update", aws_tag),
    KEY_ROUTE("UntagResource", "update", aws_untag),
    KEY_ROUTE("ListResourceTags", "read", aws_list_tags),
    KEY_ROUTE("EnableKey", "disable", aws_enable),
    KEY_ROUTE("DisableKey", "disable", aws_disable),
    KEY_ROUTE("ScheduleKeyDeletion", "destroy", aws_schedule_deletion),
    KEY_ROUTE("CancelKeyDeletion", "destroy", aws_cancel_deletion),
    KEY_ROUTE("EnableKeyRotation", "update", aws_enable_rotation),
    KEY_ROUTE("DisableKeyRotation", "update", aws_disable_rotation),
    KEY_ROUTE("GetKeyRotationStatus", "read", aws_rotation_status),
    KEY_ROUTE("RotateKeyOnDemand", "rotate", aws_rotate_now),
    KEY_ROUTE("ListKeyRotations", "read", aws_list_rotations),
    {METHOD_POST, "GenerateRandom", NULL, "random", ACCESS_GRANT, TARGET_NONE, BODY_JSON, aws_random},
    {METHOD_POST, "ListKeys", NULL, "read", ACCESS_CALLER, TARGET_NONE, BODY_JSON, aws_list_keys},
    {METHOD_POST, "ListAliases", NULL, "read", ACCESS_CALLER, TARGET_NONE, BODY_JSON, aws_list_aliases},

    NEVER("CreateGrant"), NEVER("ListGrants"), NEVER("ListRetirableGrants"), NEVER("RetireGrant"), NEVER("RevokeGrant"),
    NEVER("PutKeyPolicy"), NEVER("GetKeyPolicy"), NEVER("ListKeyPolicies"),
    NEVER("GetParametersForImport"), NEVER("ImportKeyMaterial"), NEVER("DeleteImportedKeyMaterial"),
    NEVER("CreateCustomKeyStore"), NEVER("ConnectCustomKeyStore"), NEVER("DescribeCustomKeyStores"),
    NEVER("DeleteCustomKeyStore"), NEVER("DisconnectCustomKeyStore"), NEVER("UpdateCustomKeyStore"),
    NEVER("ReplicateKey"), NEVER("UpdatePrimaryRegion"), NEVER("DeriveSharedSecret"), NEVER("GetKeyLastUsage"),
};
/* clang-format on */
const size_t aws_route_count = ARRAY_LEN(aws_routes);

/* The header's value, or the parameter that presigners make of it. */
static struct span target_of(const struct request *request)
{
    struct span query = request->query;
    if (request->amz_target.len > 0) {
        return request->amz_target;
    }
    while (query.len > 0) {
        struct span pair = query_cut(&query, '&');
        if (span_is(query_cut(&pair, '='), "X-Amz-Target")) {
            return pair;
        }
    }
    return span_of(NULL, 0);
}

static bool takes(const struct gateway *gateway, const struct request *request)
{
    return gateway->config->aws.account != NULL && request->method == METHOD_POST &&
           span_is(request->path, "/") && span_starts(target_of(request), SERVICE);
}

static const char *also_of(const struct route *route)
{
    if (route->handler == aws_decrypt) {
        return "unwrap";
    }
    return route->handler == aws_reencrypt ? "decrypt" : NULL;
}

static struct err find(struct call *call)
{
    struct request *request = &call->exchange->request;
    size_t prefix = sizeof(SERVICE) - 1;
    struct span target = target_of(request);
    struct span name = span_of(target.data + prefix, target.len - prefix);
    request->amz_service = "kms";
    request->amz_presigned = true;
    for (size_t i = 0; i < aws_route_count; i++) {
        if (span_is(name, aws_routes[i].path)) {
            call->route = &aws_routes[i];
            call->also = also_of(call->route);
            return err_ok();
        }
    }
    return err_new(ERR_NOT_FOUND, __func__, "This operation is not known here.");
}

/* --- the key --- */

/* What would tell or destroy something again, were it answered long after it was signed. */
static struct err check_repetition(const struct call *call)
{
    static const struct {
        route_handler *handler;
        int64_t grace_ms;
    } rows[] = {{aws_decrypt, AWS_HONEST_MS},
                {aws_data_key, AWS_HONEST_MS},
                {aws_data_key_pair, AWS_HONEST_MS},
                {aws_reencrypt, AWS_HONEST_MS},
                {aws_schedule_deletion, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (call->route->handler == rows[i].handler) {
            return aws_verify_once(call->gateway, &call->exchange->request, rows[i].grace_ms);
        }
    }
    return err_ok();
}

/* Decrypt may leave the key to the ciphertext, which names it. */
static struct err key_of_blob(struct call *call, struct span *out)
{
    CLEANUP(buf_clear) struct buf blob = {0};
    struct envelope envelope;
    const struct loose_field field = {"CiphertextBlob", LOOSE_BYTES, ENVELOPE_MAX, &blob, NULL};
    TRY(aws_shape_check_member(call->route, call->json.root, field.name));
    TRY(loose_read(call->json.root, &field, 1));
    TRY(envelope_decode(buf_span(&blob), &envelope));
    uuid_format(envelope.key, call->name);
    *out = span_of(call->name, UUID_TEXT_LEN);
    return err_ok();
}

/* The member that names the key. */
static const char *member_of(route_handler *handler)
{
    if (handler == aws_reencrypt) {
        return "SourceKeyId";
    }
    if (handler == aws_create_alias || handler == aws_update_alias) {
        return "TargetKeyId";
    }
    return handler == aws_delete_alias ? "AliasName" : "KeyId";
}

static struct err key_named(struct call *call, struct span *out)
{
    route_handler *handler = call->route->handler;
    bool opens = handler == aws_reencrypt || handler == aws_decrypt;
    const struct loose_field field = {member_of(handler), LOOSE_TEXT, 0, out, NULL};
    TRY(aws_shape_check_member(call->route, call->json.root, field.name));
    TRY(loose_read(call->json.root, &field, 1));
    return opens && out->len == 0 ? key_of_blob(call, out) : err_ok();
}

static struct err find_key(struct call *call)
{
    const struct request *request = &call->exchange->request;
    TRY(check_repetition(call));
    ENSURE(request->body.len > 0, ERR_INVALID_JSON, "The request needs a JSON body.");
    TRY(json_parse(request->body, &call->json));
    ENSURE(json_is(call->json.root, JSON_OBJECT), ERR_INVALID_JSON,
           "The body must be a JSON object.");
    if (call->route->target != TARGET_KEY) {
        return err_ok();
    }
    struct span id = {0};
    TRY(key_named(call, &id));
    call->key = aws_resolve(call->gateway, id);
    call->target = aws_target(call->gateway, call->key, id);
    return err_ok();
}

/* What the operation opens or protects with, under the name that it has there. */
static struct err context(const struct call *call, const struct json_value *item, struct json *made,
                          const struct json_value **out)
{
    (void)made;
    const char *member = "EncryptionContext";
    if (call->route == &aws_reencrypt_target) {
        member = "DestinationEncryptionContext";
    } else if (call->route->handler == aws_reencrypt) {
        member = "SourceEncryptionContext";
    }
    *out = item != NULL ? json_member(item, member) : NULL;
    return err_ok();
}

static struct err check(const struct call *call)
{
    return aws_shape_check(call->route, call->json.root);
}

/* There is no batch here, and what is not valid is an exception. */
static struct err reply_one(const struct batch *batch, const struct item *item)
{
    ENSURE(batch->verb->use != VERB_CHECKS || item->valid, ERR_INVALID_SIGNATURE,
           "The signature or the MAC is not valid for this message and key.");
    struct json_writer writer = aws_begin(batch->call);
    batch->verb->words->write(batch, item, &writer);
    return aws_end(&writer);
}

static struct err reply_many(const struct batch *batch)
{
    (void)batch;
    return err_new(ERR_INTERNAL, __func__, "AWS has no batches");
}

const struct dialect dialect_aws = {
    .name = "aws",
    .takes = takes,
    .find = find,
    .key = find_key,
    .any_media_type = true,
    .context = context,
    .check = check,
    .reply_one = reply_one,
    .reply_many = reply_many,
    .refuse = aws_refuse,
};
