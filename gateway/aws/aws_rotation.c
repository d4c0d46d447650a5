/* EnableKeyRotation and its like. AWS rotates once in so many days, which is our `every`. */
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/ops/core_ops.h"

#define DAY_S        INT64_C(86400)
#define DAYS_DEFAULT 365

static struct err set_every(struct call *call, int64_t days)
{
    CLEANUP(buf_clear) struct buf body = {.max = BUF_MAX_DEFAULT};
    char text[CLOCK_TEXT_MAX] = "0s";
    if (days * DAY_S == call->key->facts.rotation.every) {
        return aws_reply_nothing(call);
    }
    if (days != 0) {
        snprintf(text, sizeof(text), "%lldd", (long long)days);
    }
    struct json_writer writer = json_writer_on(&body);
    json_begin_object(&writer, NULL);
    json_begin_object(&writer, "rotation");
    json_put_text(&writer, "every", text);
    json_end_object(&writer);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    TRY(aws_take_body(call, buf_span(&body)));
    TRY(op_key_update(call));
    return aws_reply_nothing(call);
}

/* Users of AWS keep public halves for ever, so it rotates secret keys alone; the native API
 * publishes key sets, and rotates all. */
static struct err check_rotated(struct call *call)
{
    ENSURE(call->key->purpose == PURPOSE_ENCRYPT, ERR_UNSUPPORTED_BY_TOKEN,
           "Only symmetric encryption keys rotate in this API; operators rotate any key with "
           "`hsmgate key rotate`.");
    return aws_check_usable(call);
}

struct err aws_enable_rotation(struct call *call)
{
    int64_t days = DAYS_DEFAULT;
    const struct loose_field field = {"RotationPeriodInDays", LOOSE_INTEGER, 0, &days, NULL};
    TRY(loose_read(call->json.root, &field, 1));
    TRY(check_rotated(call));
    return set_every(call, days);
}

struct err aws_disable_rotation(struct call *call)
{
    TRY(aws_check_usable(call));
    return set_every(call, 0);
}

struct err aws_rotation_status(struct call *call)
{
    const struct key *key = call->key;
    const struct version *primary = key_primary(key);
    int64_t every = key->facts.rotation.every;
    struct json_writer writer = aws_begin(call);
    json_put_flag(&writer, "KeyRotationEnabled", every != 0);
    aws_put_key_id(call, &writer);
    if (every != 0) {
        json_put_integer(&writer, "RotationPeriodInDays", every / DAY_S);
    }
    if (every != 0 && primary != NULL) {
        aws_put_time(&writer, "NextRotationDate", primary->activated_at + every * 1000);
    }
    return aws_end(&writer);
}

struct err aws_rotate_now(struct call *call)
{
    TRY(check_rotated(call));
    json_clear(&call->json);
    TRY(op_key_rotate(call));
    buf_reset(&call->exchange->reply.body);
    struct json_writer writer = aws_begin(call);
    aws_put_key_id(call, &writer);
    return aws_end(&writer);
}

/* How long before its time a scheduler's rotation may come, or after. */
#define SCHEDULED_WITHIN_S 3600
/* Nobody keeps who asked for a rotation: one that came when the policy has it come was automatic.
 */
static bool was_automatic(const struct key *key, size_t i)
{
    int64_t every = key->facts.rotation.every;
    int64_t lived_s = (key->versions[i].activated_at - key->versions[i - 1].activated_at) / 1000;
    return every != 0 && lived_s >= every - SCHEDULED_WITHIN_S;
}

/* The first version is no rotation. */
struct err aws_list_rotations(struct call *call)
{
    const struct key *key = call->key;
    struct json_writer writer = aws_begin(call);
    json_begin_array(&writer, "Rotations");
    for (size_t i = 1; i < key->version_count; i++) {
        if (key->versions[i].activated_at != 0) {
            json_begin_object(&writer, NULL);
            aws_put_key_id(call, &writer);
            aws_put_time(&writer, "RotationDate", key->versions[i].activated_at);
            json_put_text(&writer, "RotationType",
                          was_automatic(key, i) ? "AUTOMATIC" : "ON_DEMAND");
            json_end_object(&writer);
        }
    }
    json_end_array(&writer);
    json_put_flag(&writer, "Truncated", false);
    return aws_end(&writer);
}
