/* EnableKey, DisableKey, ScheduleKeyDeletion and CancelKeyDeletion. AWS has these for a key as a
 * whole, so each moves every version that it concerns; the lifecycle decides about each. */
#include "base/mem.h"
#include "gateway/aws/aws.h"
#include "gateway/ops/moves.h"

#define DAY_S      INT64_C(86400)
#define DAYS_MOST  30 /* and the default */
#define REASON_MAX (PRINCIPAL_MAX + 64)

static struct err move(const struct call *call, const struct version *version, enum move_verb verb)
{
    const struct move_request request = {.verb = verb};
    return move_version(call, version->number, &request);
}

static struct err note(struct call *call, enum move_verb verb)
{
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "verb", move_verb_name(verb));
    json_put_flag(&writer, "all_versions", true);
    json_end_object(&writer);
    TRY(json_finish(&writer));
    return call_intent(call);
}

/* --- what a state forbids --- */

struct err aws_check_not_ending(const struct call *call)
{
    char arn[AWS_ARN_MAX];
    int64_t at = 0;
    if (!aws_key_is_ending(call->key, &at)) {
        return err_ok();
    }
    aws_arn(call, call->key, arn);
    return err_new(ERR_INVALID_STATE, __func__, "%s is pending deletion.", arn);
}

struct err aws_check_usable(const struct call *call)
{
    char arn[AWS_ARN_MAX];
    const struct key *key = call->key;
    for (size_t i = 0; i < key->version_count; i++) {
        if (lifecycle_opens(key->versions[i].state)) {
            return err_ok();
        }
    }
    TRY(aws_check_not_ending(call));
    aws_arn(call, key, arn);
    return err_new(ERR_INVALID_STATE, __func__, "%s" AWS_DISABLED, arn);
}

/* --- enable, disable --- */

struct err aws_disable(struct call *call)
{
    const struct key *key = call->key;
    TRY(aws_check_not_ending(call));
    TRY(note(call, MOVE_DISABLE));
    for (size_t i = 0; i < key->version_count; i++) {
        if (lifecycle_opens(key->versions[i].state)) {
            TRY(move(call, &key->versions[i], MOVE_DISABLE));
        }
    }
    return aws_reply_nothing(call);
}

/* Newest first, so that the one that was the primary is so again. */
struct err aws_enable(struct call *call)
{
    const struct key *key = call->key;
    TRY(aws_check_not_ending(call));
    TRY(note(call, MOVE_ENABLE));
    for (size_t i = key->version_count; i > 0; i--) {
        if (key->versions[i - 1].state == VERSION_DISABLED) {
            TRY(move(call, &key->versions[i - 1], MOVE_ENABLE));
        }
    }
    return aws_reply_nothing(call);
}

/* --- deletion --- */

static bool is_ended(const struct version *version)
{
    return version->state == VERSION_DESTROY_SCHEDULED || version->state == VERSION_DESTROYED;
}

/* What still serves is disabled first, as the lifecycle asks. Who schedules a key's deletion in
 * AWS's words means it whole, used or not; it can be cancelled until then. */
static struct err schedule(struct call *call, const struct version *version, int64_t after_s)
{
    char reason[REASON_MAX];
    if (is_ended(version)) {
        return err_ok();
    }
    if (version->state == VERSION_ACTIVE || version->state == VERSION_RETIRING) {
        TRY(move(call, version, MOVE_DISABLE));
    }
    snprintf(reason, sizeof(reason), "deletion of the key scheduled by %s", call->principal);
    const struct move_request request = {
        .verb = MOVE_SCHEDULE_DESTROY, .reason = reason, .after_s = after_s, .despite_use = true};
    return move_version(call, version->number, &request);
}

static struct err reply_deletion(struct call *call, int64_t days)
{
    int64_t at = 0;
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, call->target);
    ENSURE(key != NULL, ERR_INTERNAL, "The key is gone.");
    (void)aws_key_is_ending(key, &at);
    struct json_writer writer = aws_begin(call);
    aws_put_key_id(call, &writer);
    json_put_text(&writer, "KeyState", "PendingDeletion");
    aws_put_time(&writer, "DeletionDate", at);
    json_put_integer(&writer, "PendingWindowInDays", days);
    return aws_end(&writer);
}

/* Before anything is changed. */
static struct err check_unruled(const struct key *key)
{
    for (size_t i = 0; i < key->version_count; i++) {
        if (!is_ended(&key->versions[i])) {
            TRY(rotation_check_unruled(key, &key->versions[i]));
        }
    }
    return err_ok();
}

struct err aws_schedule_deletion(struct call *call)
{
    int64_t days = DAYS_MOST;
    const struct key *key = call->key;
    const struct loose_field field = {"PendingWindowInDays", LOOSE_INTEGER, 0, &days, NULL};
    TRY(loose_read(call->json.root, &field, 1));
    TRY(check_unruled(key));
    TRY(aws_check_not_ending(call));
    TRY(pipeline_grant(call, "disable", call->target));
    TRY(note(call, MOVE_SCHEDULE_DESTROY));
    for (size_t i = 0; i < key->version_count; i++) {
        TRY(schedule(call, &key->versions[i], days * DAY_S));
    }
    return reply_deletion(call, days);
}

struct err aws_cancel_deletion(struct call *call)
{
    int64_t at = 0;
    const struct key *key = call->key;
    ENSURE(aws_key_is_ending(key, &at), ERR_INVALID_STATE, "The key is not pending deletion.");
    TRY(note(call, MOVE_CANCEL_DESTROY));
    for (size_t i = 0; i < key->version_count; i++) {
        if (key->versions[i].state == VERSION_DESTROY_SCHEDULED) {
            TRY(move(call, &key->versions[i], MOVE_CANCEL_DESTROY));
        }
    }
    struct json_writer writer = aws_begin(call);
    aws_put_key_id(call, &writer);
    return aws_end(&writer);
}
