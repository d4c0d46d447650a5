/* CreateKey, UpdateKeyDescription and tags. A key gets a name of its own under the configured
 * namespace, because AWS names keys by ids alone; tags are our labels. */
#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/aws/aws_shape.h"
#include "gateway/ops/core_ops.h"

#define NAME_RANDOM 8

/* --- what is wanted --- */

struct wanted {
    struct span spec, usage, description, origin;
    const struct json_value *tags;
    enum algorithm algorithm;
    enum purpose purpose;
};

static bool algorithm_of(struct span spec, enum algorithm *out)
{
    for (enum algorithm algorithm = 0; algorithm < ALGORITHM_COUNT; algorithm++) {
        if (span_is(spec, aws_key_spec(algorithm))) {
            *out = algorithm;
            return true;
        }
    }
    return false;
}

/* RSA keys sign unless they are wanted for encryption; all others have one usage. */
static struct err read_usage(struct wanted *wanted)
{
    const struct algorithm_info *info = algorithm_info(wanted->algorithm);
    bool encrypts = span_is(wanted->usage, "ENCRYPT_DECRYPT");
    wanted->purpose = info->family == FAMILY_RSA && encrypts ? PURPOSE_DECRYPT : info->purpose;
    ENSURE(
        wanted->usage.len > 0 || info->purpose == PURPOSE_ENCRYPT, ERR_INVALID_FIELD,
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.");
    ENSURE(wanted->usage.len == 0 || span_is(wanted->usage, aws_key_usage(wanted->purpose)),
           ERR_INVALID_FIELD, "KeyUsage is not compatible with KeySpec %s.",
           aws_key_spec(wanted->algorithm));
    return err_ok();
}

static struct err read_wanted(const struct call *call, struct wanted *out)
{
    struct span old_spec = {0};
    bool several = false;
    const struct loose_field fields[] = {
        {"KeySpec", LOOSE_TEXT, 0, &out->spec, NULL},
        {"CustomerMasterKeySpec", LOOSE_TEXT, 0, &old_spec, NULL},
        {"KeyUsage", LOOSE_TEXT, 0, &out->usage, NULL},
        {"Description", LOOSE_TEXT, 8192, &out->description, NULL},
        {"Origin", LOOSE_TEXT, 0, &out->origin, NULL},
        {"MultiRegion", LOOSE_FLAG, 0, &several, NULL},
    };
    TRY(loose_read(call->json.root, fields, ARRAY_LEN(fields)));
    out->spec = out->spec.len > 0 ? out->spec : old_spec;
    if (out->spec.len == 0) {
        out->spec = span_text("SYMMETRIC_DEFAULT");
    }
    ENSURE(algorithm_of(out->spec, &out->algorithm), ERR_UNSUPPORTED_BY_TOKEN,
           "KeySpec is not one that a token here makes.");
    ENSURE(out->origin.len == 0 || span_is(out->origin, "AWS_KMS"), ERR_UNSUPPORTED_BY_TOKEN,
           "Key material is made in the token: Origin is AWS_KMS.");
    ENSURE(!several, ERR_UNSUPPORTED_BY_TOKEN, "There are no other regions here.");
    out->tags = json_member(call->json.root, "Tags");
    return read_usage(out);
}

/* --- tags --- */

static struct err put_tag(const struct json_value *tag, struct json_writer *writer)
{
    struct span name = {0}, value = {0};
    const struct loose_field fields[] = {
        {"TagKey", LOOSE_TEXT, 0, &name, NULL},
        {"TagValue", LOOSE_TEXT, 0, &value, NULL},
    };
    TRY(loose_read(tag, fields, ARRAY_LEN(fields)));
    json_put_span(writer, (const char *)name.data, value);
    return err_ok();
}

static struct err put_tags(const struct json_value *tags, struct json_writer *writer)
{
    for (const struct json_value *tag = json_first(tags); tag != NULL; tag = json_next(tag)) {
        TRY(put_tag(tag, writer));
    }
    return err_ok();
}

/* --- CreateKey --- */

static void make_name(struct call *call)
{
    uint8_t bytes[NAME_RANDOM];
    int len =
        snprintf(call->name, sizeof(call->name), "%s/k-", call->gateway->config->aws.namespace);
    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        len += snprintf(call->name + len, sizeof(call->name) - (size_t)len, "%02x", bytes[i]);
    }
    call->target = span_of(call->name, (size_t)len);
}

static struct err native_body(const struct call *call, const struct wanted *wanted, struct buf *out)
{
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "name", call->target);
    json_put_text(&writer, "algorithm", algorithm_info(wanted->algorithm)->name);
    json_put_text(&writer, "purpose", purpose_name(wanted->purpose));
    json_put_text(&writer, "owner", call->principal);
    if (wanted->description.len > 0) {
        json_put_span(&writer, "description", wanted->description);
    }
    json_begin_object(&writer, "labels");
    TRY(put_tags(wanted->tags, &writer));
    json_end_object(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err aws_create(struct call *call)
{
    struct wanted wanted = {0};
    CLEANUP(buf_clear) struct buf body = {.max = BUF_MAX_DEFAULT};
    make_name(call);
    TRY(pipeline_grant(call, call->route->operation, call->target));
    TRY(aws_shape_check(call->route, call->json.root));
    TRY(read_wanted(call, &wanted));
    TRY(native_body(call, &wanted, &body));
    TRY(aws_take_body(call, buf_span(&body)));
    struct err err = op_key_create(call);
    call->target = span_text(call->name); /* not the one in the body, which goes */
    TRY(err);
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, call->target);
    ENSURE(key != NULL, ERR_INTERNAL, "The key is gone right after it was made.");
    return aws_reply_metadata(call, key);
}

/* --- changes of what is said about a key --- */

static struct err update(struct call *call, struct json_writer *writer, struct buf *body)
{
    TRY(aws_check_not_ending(call));
    TRY(json_finish(writer));
    TRY(aws_take_body(call, buf_span(body)));
    TRY(op_key_update(call));
    return aws_reply_nothing(call);
}

struct err aws_update_description(struct call *call)
{
    struct span description = {0};
    CLEANUP(buf_clear) struct buf body = {.max = BUF_MAX_DEFAULT};
    const struct loose_field field = {"Description", LOOSE_TEXT, 8192, &description, NULL};
    TRY(loose_read(call->json.root, &field, 1));
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "description", description);
    json_end_object(&writer);
    return update(call, &writer, &body);
}

static bool tag_named(const struct json_value *tags, const char *name)
{
    for (const struct json_value *tag = json_first(tags); tag != NULL; tag = json_next(tag)) {
        struct span text = {0};
        const struct json_value *member =
            json_is(tag, JSON_OBJECT) ? json_member(tag, "TagKey") : tag;
        if (member != NULL && json_as_text(member, &text) && span_is(text, name)) {
            return true;
        }
    }
    return false;
}

/* The labels of the key without those that `list` names. */
static void put_other_labels(const struct key *key, const struct json_value *list,
                             struct json_writer *writer)
{
    for (size_t i = 0; i < key->facts.label_count; i++) {
        if (!tag_named(list, key->facts.labels[i].name)) {
            json_put_text(writer, key->facts.labels[i].name, key->facts.labels[i].value);
        }
    }
}

static struct err change_tags(struct call *call, const char *member, bool add)
{
    CLEANUP(buf_clear) struct buf body = {.max = BUF_MAX_DEFAULT};
    const struct json_value *list = json_member(call->json.root, member);
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_begin_object(&writer, "labels");
    put_other_labels(call->key, list, &writer);
    if (add) {
        TRY(put_tags(list, &writer));
    }
    json_end_object(&writer);
    json_end_object(&writer);
    return update(call, &writer, &body);
}

struct err aws_tag(struct call *call)
{
    return change_tags(call, "Tags", true);
}

struct err aws_untag(struct call *call)
{
    return change_tags(call, "TagKeys", false);
}

struct err aws_list_tags(struct call *call)
{
    const struct key_facts *facts = &call->key->facts;
    struct json_writer writer = aws_begin(call);
    json_begin_array(&writer, "Tags");
    for (size_t i = 0; i < facts->label_count; i++) {
        json_begin_object(&writer, NULL);
        json_put_text(&writer, "TagKey", facts->labels[i].name);
        json_put_text(&writer, "TagValue", facts->labels[i].value);
        json_end_object(&writer);
    }
    json_end_array(&writer);
    json_put_flag(&writer, "Truncated", false);
    return aws_end(&writer);
}
