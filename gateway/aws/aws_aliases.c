/* CreateAlias, UpdateAlias and DeleteAlias. A key's own name is an alias that is always there and
 * cannot be taken; others stand in the store. */
#include "base/mem.h"
#include "gateway/aws/aws.h"

#define ALIAS_PREFIX   "alias/"
#define ALIAS_RESERVED "alias/aws/"

static bool is_alias_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-';
}

/* The name behind `alias/`. */
static struct err read_name(const struct call *call, struct span *out)
{
    struct span text = {0};
    size_t prefix = sizeof(ALIAS_PREFIX) - 1;
    const struct loose_field field = {"AliasName", LOOSE_TEXT, ALIAS_MAX, &text, NULL};
    TRY(loose_read(call->json.root, &field, 1));
    ENSURE(span_starts(text, ALIAS_PREFIX) && text.len > prefix, ERR_INVALID_NAME,
           "Alias must start with the prefix \"alias/\".");
    ENSURE(!span_starts(text, ALIAS_RESERVED), ERR_INVALID_NAME, "alias/aws/ is reserved.");
    *out = span_of(text.data + prefix, text.len - prefix);
    for (size_t i = 0; i < out->len; i++) {
        ENSURE(is_alias_char(out->data[i]), ERR_INVALID_NAME,
               "Alias contains invalid characters: it takes letters, digits, /, _ and -.");
    }
    return err_ok();
}

static struct err note(struct call *call, struct span name)
{
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "alias", name);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return call_intent(call);
}

/* A key has that name itself. */
static bool is_key_name(const struct call *call, struct span name)
{
    CLEANUP(key_release_at) const struct key *key = NULL;
    if (name_check(name).code == ERR_OK) {
        key = keystore_find(call->gateway->store, name);
    }
    return key != NULL;
}

struct err aws_create_alias(struct call *call)
{
    struct span name = {0};
    struct alias alias = {
        .key = call->key->id, .created_at = call->now_ms, .updated_at = call->now_ms};
    TRY(aws_check_not_ending(call));
    TRY(read_name(call, &name));
    ENSURE(!is_key_name(call, name), ERR_CONFLICT, "An alias with this name already exists.");
    memcpy(alias.name, name.data, name.len);
    TRY(note(call, name));
    TRY(keystore_put_alias(call->gateway->store, &alias));
    return aws_reply_nothing(call);
}

/* Takes it from one key and gives it to another: both must be the caller's to change. */
struct err aws_update_alias(struct call *call)
{
    struct span name = {0};
    struct alias alias;
    TRY(aws_check_not_ending(call));
    TRY(read_name(call, &name));
    bool found = keystore_find_alias(call->gateway->store, name, &alias);
    CLEANUP(key_release_at)
    const struct key *old = found ? keystore_find_id(call->gateway->store, alias.key) : NULL;
    TRY(pipeline_grant(call, "update", old != NULL ? span_text(old->name) : call->target));
    ENSURE(found, ERR_NOT_FOUND, "There is no such alias.");
    TRY(note(call, name));
    TRY(keystore_move_alias(call->gateway->store, name, call->key->id, call->now_ms));
    return aws_reply_nothing(call);
}

struct err aws_delete_alias(struct call *call)
{
    struct span name = {0};
    TRY(read_name(call, &name));
    ENSURE(!is_key_name(call, name), ERR_UNSUPPORTED_OPERATION,
           "This alias is the key's own name.");
    TRY(note(call, name));
    TRY(keystore_delete_alias(call->gateway->store, name));
    return aws_reply_nothing(call);
}
