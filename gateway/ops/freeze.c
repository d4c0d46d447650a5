/* One person stops all opening of a key at once. Only a quorum lets it go again. */
#include "base/mem.h"
#include "gateway/events.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/reason.h"

static struct err note_reason(struct call *call, struct span reason)
{
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "reason", reason);
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err op_key_freeze(struct call *call)
{
    struct span reason = {0};
    const struct json_field fields[] = {{"reason", JSON_TEXT, JSON_REQUIRED, 0, &reason, NULL}};
    ENSURE(call->version_asked == 0, ERR_INVALID_NAME, "A whole key is frozen: leave @N out.");
    TRY(json_read(call->json.root, fields, ARRAY_LEN(fields)));
    TRY(reason_check(reason, REASON_REQUIRED));
    TRY(note_reason(call, reason));
    const struct freeze freeze = {
        .at = call->now_ms, .by = call->principal, .reason = (const char *)reason.data};
    TRY(call_intent(call));
    TRY(keystore_freeze(call->gateway->store, call->target, &freeze));
    const struct event event = {.name = "key.frozen",
                                .key = call->key->name,
                                .principal = call->principal,
                                .why = freeze.reason};
    events_put(call->gateway->events, &event);
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "key", call->key->name);
    json_put_time(&writer, "frozen_at", freeze.at);
    json_put_text(&writer, "frozen_by", freeze.by);
    json_put_text(&writer, "reason", freeze.reason);
    json_end_object(&writer);
    return json_finish(&writer);
}
