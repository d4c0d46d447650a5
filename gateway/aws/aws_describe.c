/* DescribeKey, GetPublicKey, ListKeys and ListAliases. Each key has one alias, which is its name.
 */
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/ops/key_walk.h"
#include "gateway/policy.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

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

struct err aws_check_usable(const struct call *call)
{
    char arn[AWS_ARN_MAX];
    int64_t at = 0;
    const struct key *key = call->key;
    bool opens = false;
    aws_arn(call, key, arn);
    for (size_t i = 0; i < key->version_count; i++) {
        opens = opens || lifecycle_opens(key->versions[i].state);
    }
    ENSURE(opens || !aws_key_is_ending(key, &at), ERR_INVALID_STATE, "%s is pending deletion.",
           arn);
    ENSURE(opens, ERR_INVALID_STATE, "%s" AWS_DISABLED, arn);
    return err_ok();
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
    aws_put_algorithms(&writer, key);
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
           ERR_UNSUPPORTED_OPERATION, "The key has no public half.");
    ENSURE(version != NULL, ERR_INVALID_STATE, "%s" AWS_DISABLED, key->name);
    call->version = version->number;
    aws_arn(call, key, arn);
    struct json_writer writer = aws_begin(call);
    json_put_text(&writer, "KeyId", arn);
    json_put_bytes(&writer, "PublicKey", version->public_key);
    json_put_text(&writer, "CustomerMasterKeySpec", aws_key_spec(key->algorithm));
    json_put_text(&writer, "KeySpec", aws_key_spec(key->algorithm));
    json_put_text(&writer, "KeyUsage", aws_key_usage(key->purpose));
    aws_put_algorithms(&writer, key);
    return aws_end(&writer);
}

/* --- lists --- */

struct listing {
    struct call *call;
    struct json_writer *writer;
    bool one; /* the aliases of `only` alone, NULL: of none */
    const struct key *only;
    const struct alias *aliases; /* all that were made */
    size_t alias_count;
};

/* The gateway's own keys are nobody's work. */
static bool is_listed(const struct key *key, void *context)
{
    const struct listing *listing = context;
    bool meant = !listing->one || (listing->only != NULL && uuid_equal(listing->only->id, key->id));
    return meant && !span_starts(span_text(key->name), POLICY_RESERVED);
}

static struct err put_key(const struct key *key, void *context)
{
    char id[UUID_TEXT_LEN + 1], arn[AWS_ARN_MAX];
    const struct listing *listing = context;
    uuid_format(key->id, id);
    aws_arn(listing->call, key, arn);
    json_begin_object(listing->writer, NULL);
    json_put_text(listing->writer, "KeyId", id);
    json_put_text(listing->writer, "KeyArn", arn);
    json_end_object(listing->writer);
    return err_ok();
}

static void put_one_alias(const struct listing *listing, const struct key *key,
                          const struct alias *alias)
{
    char id[UUID_TEXT_LEN + 1], arn[AWS_ARN_MAX], name[ALIAS_MAX + 8];
    char alias_arn[AWS_ARN_MAX + ALIAS_MAX];
    uuid_format(key->id, id);
    aws_arn(listing->call, key, arn);
    snprintf(name, sizeof(name), "alias/%s", alias->name);
    const char *resource = strstr(arn, "key/");
    snprintf(alias_arn, sizeof(alias_arn), "%.*s%s", (int)(resource - arn), arn, name);
    json_begin_object(listing->writer, NULL);
    json_put_text(listing->writer, "AliasName", name);
    json_put_text(listing->writer, "AliasArn", alias_arn);
    json_put_text(listing->writer, "TargetKeyId", id);
    aws_put_time(listing->writer, "CreationDate", alias->created_at);
    aws_put_time(listing->writer, "LastUpdatedDate", alias->updated_at);
    json_end_object(listing->writer);
}

/* The key's own name, and those that were made for it. */
static struct err put_alias(const struct key *key, void *context)
{
    const struct listing *listing = context;
    struct alias own = {.created_at = key->created_at, .updated_at = key->created_at};
    snprintf(own.name, sizeof(own.name), "%s", key->name);
    put_one_alias(listing, key, &own);
    for (size_t i = 0; i < listing->alias_count; i++) {
        if (uuid_equal(listing->aliases[i].key, key->id)) {
            put_one_alias(listing, key, &listing->aliases[i]);
        }
    }
    return err_ok();
}

static struct err read_page(const struct call *call, struct key_walk *walk)
{
    int64_t limit = LIMIT_DEFAULT;
    struct span marker = {0};
    CLEANUP(buf_clear) struct buf name = {.max = NAME_MAX_LEN};
    const struct loose_field fields[] = {
        {"Limit", LOOSE_INTEGER, 0, &limit, NULL},
        {"Marker", LOOSE_TEXT, (size_t)2 * NAME_MAX_LEN, &marker, NULL},
    };
    TRY(loose_read(call->json.root, fields, ARRAY_LEN(fields)));
    ENSURE(limit >= 1 && limit <= LIMIT_MAX, ERR_INVALID_FIELD, "Limit is from 1 to %d.",
           LIMIT_MAX);
    struct err err = base64url_decode(marker, &name);
    ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD, "Marker is not one that was given here.");
    walk->most = (size_t)limit;
    memcpy(walk->after, name.len > 0 ? name.data : (const uint8_t *)"", name.len);
    walk->after[name.len] = '\0';
    return err_ok();
}

static struct err list(struct listing *listing, const char *member,
                       struct err (*visit)(const struct key *key, void *context))
{
    struct call *call = listing->call;
    struct json_writer *writer = listing->writer;
    struct key_walk walk = {.listed = is_listed, .visit = visit, .context = listing};
    TRY(read_page(call, &walk));
    json_begin_array(writer, member);
    TRY(key_walk(call, &walk));
    json_end_array(writer);
    json_put_flag(writer, "Truncated", walk.more);
    if (walk.more) {
        json_put_bytes_url(writer, "NextMarker", span_text(walk.after));
    }
    return aws_end(writer);
}

struct err aws_list_keys(struct call *call)
{
    struct json_writer writer = aws_begin(call);
    struct listing listing = {.call = call, .writer = &writer};
    return list(&listing, "Keys", put_key);
}

struct err aws_list_aliases(struct call *call)
{
    struct span id = {0};
    CLEANUP(key_release_at) const struct key *only = NULL;
    const struct loose_field field = {"KeyId", LOOSE_TEXT, 2048, &id, NULL};
    TRY(loose_read(call->json.root, &field, 1));
    if (id.len > 0) {
        only = aws_resolve(call->gateway, id);
    }
    size_t count = 0;
    CLEANUP(mem_free_at)
    struct alias *aliases = keystore_list_aliases(call->gateway->store, &count);
    struct json_writer writer = aws_begin(call);
    struct listing listing = {.call = call,
                              .writer = &writer,
                              .one = id.len > 0,
                              .only = only,
                              .aliases = aliases,
                              .alias_count = count};
    return list(&listing, "Aliases", put_alias);
}
