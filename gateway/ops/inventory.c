/* What is on a token, object by object, beside what the store knows of it. */
#include "base/encoding.h"
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/key_view.h"

#define TAIL "/inventory"

static const char *class_name(enum token_object_class class)
{
    static const char *const names[] = {
        [TOKEN_OBJECT_PRIVATE] = "private",
        [TOKEN_OBJECT_PUBLIC] = "public",
        [TOKEN_OBJECT_SECRET] = "secret",
        [TOKEN_OBJECT_OTHER] = "other",
    };
    return names[class];
}

static void put_entry(struct json_writer *writer, const struct inventory_entry *entry)
{
    const struct token_object *object = &entry->object;
    json_begin_object(writer, NULL);
    json_put_hex(writer, "cka_id", span_of(object->cka_id, object->cka_id_len));
    json_put_text(writer, "label", object->label);
    json_put_text(writer, "class", class_name(object->class));
    if (object->has_algorithm) {
        json_put_text(writer, "algorithm", algorithm_info(object->algorithm)->name);
    }
    json_put_text(writer, "status", inventory_status_name(entry->status));
    if (entry->key != NULL) {
        json_put_text(writer, "key", entry->key);
        json_put_integer(writer, "version", entry->version);
    }
    key_view_put_attributes(writer, object->attributes);
    if (entry->why != NULL) {
        json_put_text(writer, "why", entry->why);
    }
    json_end_object(writer);
}

static struct err reply_inventory(struct call *call, const struct token *token,
                                  const struct inventory *inventory)
{
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "token", token_name(token));
    json_begin_array(&writer, "objects");
    for (size_t i = 0; i < inventory->count; i++) {
        put_entry(&writer, &inventory->entries[i]);
    }
    json_end_array(&writer);
    json_begin_array(&writer, "missing");
    for (size_t i = 0; i < inventory->missing_count; i++) {
        json_begin_object(&writer, NULL);
        json_put_text(&writer, "key", inventory->missing[i].key);
        json_put_integer(&writer, "version", inventory->missing[i].version);
        json_end_object(&writer);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err op_inventory(struct call *call)
{
    size_t tail = sizeof(TAIL) - 1;
    struct span name = call->target;
    ENSURE(name.len > tail && memcmp(name.data + name.len - tail, TAIL, tail) == 0, ERR_NOT_FOUND,
           "Nothing is served under this path.");
    name.len -= tail;
    CLEANUP(mem_free_at) char *text = span_to_text(name);
    struct token *token = gateway_token(call->gateway, text);
    ENSURE(token != NULL, ERR_NOT_FOUND, "There is no token with this name.");
    struct moment moment;
    CLEANUP(inventory_clear) struct inventory inventory = {0};
    rotation_moment(&call->gateway->rotation, &moment);
    TRY(rotation_inventory(&call->gateway->rotation, token, &moment, call->deadline_ns,
                           &inventory));
    return reply_inventory(call, token, &inventory);
}
