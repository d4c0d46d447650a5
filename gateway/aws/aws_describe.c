/* DescribeKey and GetPublicKey. */
#include "base/mem.h"
#include "gateway/aws/aws.h"

/* --- one key --- */

bool aws_key_is_ending(const struct key *key, int64_t *out_at)
{
    *out_at = 0;
    for (size_t i = 0; i < key->version_count; i++) {
        enum version_state state = key->versions[i].state;
        if (state != VERSION_DESTROY_SCHEDULED && state != VERSION_DESTROYED) {
            return false;
        }
        *out_at = key->versions[i].destroy_at > *out_at ? key->versions[i].destroy_at : *out_at;
    }
    return key->version_count > 0;
}

void aws_put_time(struct json_writer *writer, const char *name, int64_t unix_ms)
{
    json_put_number(writer, name, (double)unix_ms / 1000);
}

static void put_state(struct json_writer *writer, const struct key *key)
{
    int64_t at = 0;
    bool ending = aws_key_is_ending(key, &at);
    bool enabled = key_primary(key) != NULL;
    json_put_flag(writer, "Enabled", enabled);
    if (ending) {
        json_put_text(writer, "KeyState", "PendingDeletion");
        aws_put_time(writer, "DeletionDate", at);
    } else {
        json_put_text(writer, "KeyState", enabled ? "Enabled" : "Disabled");
    }
}

struct err aws_reply_metadata(struct call *call, const struct key *key)
{
    char id[UUID_TEXT_LEN + 1], arn[AWS_ARN_MAX];
    uuid_format(key->id, id);
    aws_arn(call, key, arn);
    buf_reset(&call->exchange->reply.body);
    struct json_writer writer = aws_begin(call);
    json_begin_object(&writer, "KeyMetadata");
    json_put_text(&writer, "AWSAccountId", call->gateway->config->aws.account);
    json_put_text(&writer, "KeyId", id);
    json_put_text(&writer, "Arn", arn);
    aws_put_time(&writer, "CreationDate", key->created_at);
    put_state(&writer, key);
    json_put_text(&writer, "Description",
                  key->facts.description != NULL ? key->facts.description : "");
    json_put_text(&writer, "KeyUsage", aws_key_usage(key->purpose));
    json_put_text(&writer, "Origin", "AWS_KMS");
    json_put_text(&writer, "KeyManager", "CUSTOMER");
    json_put_text(&writer, "CustomerMasterKeySpec", aws_key_spec(key->algorithm));
    json_put_text(&writer, "KeySpec", aws_key_spec(key->algorithm));
    aws_put_algorithms(call->gateway, &writer, key);
    json_put_flag(&writer, "MultiRegion", false);
    json_end_object(&writer);
    return aws_end(&writer);
}

struct err aws_describe(struct call *call)
{
    return aws_reply_metadata(call, call->key);
}

struct err aws_public_key(struct call *call)
{
    char arn[AWS_ARN_MAX];
    const struct key *key = call->key;
    const struct version *version = key_primary(key);
    ENSURE(key->purpose == PURPOSE_SIGN || key->purpose == PURPOSE_DECRYPT,
           ERR_UNSUPPORTED_BY_TOKEN, "The key has no public half.");
    TRY(aws_check_usable(call));
    ENSURE(version != NULL, ERR_INVALID_STATE, "%s" AWS_DISABLED, key->name);
    call->version = version->number;
    aws_arn(call, key, arn);
    struct json_writer writer = aws_begin(call);
    json_put_text(&writer, "KeyId", arn);
    json_put_bytes(&writer, "PublicKey", version->public_key);
    json_put_text(&writer, "CustomerMasterKeySpec", aws_key_spec(key->algorithm));
    json_put_text(&writer, "KeySpec", aws_key_spec(key->algorithm));
    json_put_text(&writer, "KeyUsage", aws_key_usage(key->purpose));
    aws_put_algorithms(call->gateway, &writer, key);
    return aws_end(&writer);
}
