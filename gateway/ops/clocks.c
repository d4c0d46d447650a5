/* The gateway's sense of time, shown, and set right by a person who has looked at the wall clock.
 */
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/reason.h"

static struct err reply_moment(struct call *call, const struct moment *moment)
{
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_time(&writer, "wall", moment->calm + moment->behind);
    json_put_time(&writer, "now", moment->calm);
    json_put_integer(&writer, "behind_ms", moment->behind);
    json_put_integer(&writer, "lived_ms", moment->lived);
    json_put_flag(&writer, "jumped", moment->leapt);
    json_end_object(&writer);
    return json_finish(&writer);
}

struct err op_clock(struct call *call)
{
    struct moment moment;
    rotation_moment(&call->gateway->rotation, &moment);
    return reply_moment(call, &moment);
}

struct err op_clock_accept(struct call *call)
{
    struct timekeeper *keeper = call->gateway->rotation.timekeeper;
    struct span reason = {0};
    struct moment moment;
    const struct json_field fields[] = {
        {"reason", JSON_TEXT, JSON_REQUIRED, 0, &reason, NULL},
    };
    TRY(json_read(call->json.root, fields, ARRAY_LEN(fields)));
    TRY(reason_check(reason, REASON_REQUIRED));
    ENSURE(keeper != NULL, ERR_INTERNAL, "There is no clock to set.");
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_span(&writer, "reason", reason);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(call_intent(call));
    TRY(timekeeper_accept(keeper, &moment));
    if (call->gateway->scheduler != NULL) {
        scheduler_nudge(call->gateway->scheduler);
    }
    return reply_moment(call, &moment);
}
