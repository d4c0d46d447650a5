/* What will happen to keys, and whether a version may go: for people who plan, and for programs
 * that draw. Nothing here changes anything. */
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/key_view.h"
#include "gateway/policy.h"
#include "gateway/query.h"

#define STEPS_MAX      64
#define DAY_MS         (INT64_C(86400) * 1000)
#define PLAN_DAYS      (INT64_C(365) * 10)
#define CALENDAR_DAYS  90
#define CALENDAR_MAX   3650
#define CALENDAR_LIMIT 1000
#define CALENDAR_BYTES ((size_t)8 << 20) /* it ends early above this */
#define CALENDAR_CHUNK 256

static size_t forecast(const struct call *call, const struct key *key, const struct moment *moment,
                       int64_t days, struct plan_step *out)
{
    return plan_forecast(key, &call->gateway->rotation.rules, moment, days * DAY_MS, out,
                         STEPS_MAX);
}

static void put_steps(struct json_writer *writer, const struct plan_step *steps, size_t count)
{
    json_begin_array(writer, "steps");
    for (size_t i = 0; i < count; i++) {
        json_begin_object(writer, NULL);
        json_put_time(writer, "at", steps[i].at);
        json_put_text(writer, "action", plan_action_name(steps[i].action));
        json_put_integer(writer, "version", steps[i].version);
        json_put_text(writer, "why", plan_why_text(steps[i].why));
        json_end_object(writer);
    }
    json_end_array(writer);
}

/* --- one key --- */

static void put_waiting_one(struct json_writer *writer, uint32_t version, const char *why)
{
    json_begin_object(writer, NULL);
    json_put_integer(writer, "version", version);
    json_put_text(writer, "why", why);
    json_end_object(writer);
}

/* What does not happen before a person has decided. */
static void put_waiting(struct json_writer *writer, const struct key *key,
                        const struct moment *moment)
{
    json_begin_array(writer, "waiting");
    for (size_t i = 0; i < key->version_count; i++) {
        const struct version *version = &key->versions[i];
        if (plan_waits(version, moment)) {
            put_waiting_one(writer, version->number,
                            "its destruction is due because a clock leapt: confirm or cancel it");
        }
        if (version->state == VERSION_DISABLED) {
            put_waiting_one(writer, version->number,
                            "it is disabled: enable, retire or destroy it");
        }
        if (version->state == VERSION_RETIRING && key->facts.rotation.overlap == 0) {
            put_waiting_one(writer, version->number, "the key has no overlap: retire it");
        }
    }
    if (key->primary == 0) {
        put_waiting_one(writer, key->next_version,
                        "the key has no primary: rotate it, or enable or promote a version");
    }
    json_end_array(writer);
}

struct err op_key_plan(struct call *call)
{
    const struct key *key = call->key;
    struct plan_step steps[STEPS_MAX];
    struct moment moment;
    ENSURE(call->version_asked == 0, ERR_INVALID_NAME,
           "This call is about the key as a whole: leave @%u out.", call->version_asked);
    rotation_moment(&call->gateway->rotation, &moment);
    size_t count = forecast(call, key, &moment, PLAN_DAYS, steps);
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "key", key->name);
    json_put_time(&writer, "now", moment.now);
    json_put_text(&writer, "mode", rotation_mode_name(key->facts.rotation.mode));
    if (key->primary != 0) {
        json_put_integer(&writer, "primary", key->primary);
    }
    put_steps(&writer, steps, count);
    put_waiting(&writer, key, &moment);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* --- all keys --- */

struct calendar {
    char prefix[NAME_MAX_LEN + 2];
    char after[NAME_MAX_LEN + 1];
    int64_t days;
    int64_t limit;
    struct moment moment;
};

static struct err read_calendar(struct span query, struct calendar *out)
{
    char days[24] = "";
    char limit[24] = "";
    const struct query_field fields[] = {
        {"prefix", out->prefix, sizeof(out->prefix)},
        {"days", days, sizeof(days)},
        {"limit", limit, sizeof(limit)},
    };
    out->days = CALENDAR_DAYS;
    out->limit = CALENDAR_LIMIT;
    TRY(query_read(query, fields, ARRAY_LEN(fields)));
    TRY(query_integer("days", days, 1, CALENDAR_MAX, &out->days));
    return query_integer("limit", limit, 1, CALENDAR_LIMIT, &out->limit);
}

/* A key with nothing ahead and one version behind it has nothing to show. */
static bool put_key(struct call *call, const struct calendar *calendar, const struct key *key,
                    struct json_writer *writer)
{
    struct plan_step steps[STEPS_MAX];
    size_t count = forecast(call, key, &calendar->moment, calendar->days, steps);
    if (count == 0 && key->version_count < 2) {
        return false;
    }
    json_begin_object(writer, NULL);
    json_put_text(writer, "key", key->name);
    json_begin_array(writer, "versions");
    for (size_t i = 0; i < key->version_count; i++) {
        key_view_put_history(writer, key, &key->versions[i]);
    }
    json_end_array(writer);
    put_steps(writer, steps, count);
    json_end_object(writer);
    return true;
}

/* False when there is no more room. */
static bool put_chunk(struct call *call, struct calendar *calendar, const struct key **keys,
                      size_t count, struct json_writer *writer)
{
    for (size_t i = 0; i < count; i++) {
        bool own = span_starts(span_text(keys[i]->name), POLICY_RESERVED);
        bool seen = !own && pipeline_may(call, "read", span_text(keys[i]->name));
        if (seen && (calendar->limit == 0 || writer->out->len > CALENDAR_BYTES)) {
            return false;
        }
        if (seen && put_key(call, calendar, keys[i], writer)) {
            calendar->limit--;
        }
        snprintf(calendar->after, sizeof(calendar->after), "%s", keys[i]->name);
    }
    return true;
}

static bool put_keys(struct call *call, struct calendar *calendar, struct json_writer *writer)
{
    size_t count = CALENDAR_CHUNK;
    bool room = true;
    while (count == CALENDAR_CHUNK && room) {
        const struct key **keys =
            keystore_list(call->gateway->store, span_text(calendar->prefix),
                          span_text(calendar->after), CALENDAR_CHUNK, LIST_USABLE, &count);
        room = put_chunk(call, calendar, keys, count, writer);
        keystore_list_free(keys, count);
    }
    return room;
}

struct err op_calendar(struct call *call)
{
    struct calendar calendar = {0};
    TRY(read_calendar(call->exchange->request.query, &calendar));
    rotation_moment(&call->gateway->rotation, &calendar.moment);
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_time(&writer, "from", calendar.moment.now);
    json_put_time(&writer, "to", calendar.moment.now + calendar.days * DAY_MS);
    json_begin_array(&writer, "keys");
    bool all = put_keys(call, &calendar, &writer);
    json_end_array(&writer);
    json_put_flag(&writer, "more", !all);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* --- whether a version may go --- */

static void put_evidence(struct json_writer *writer, const struct key *key,
                         const struct use_evidence *evidence)
{
    static const struct {
        const char *at, *by;
    } names[USE_KIND_COUNT] = {[USE_PROTECT] = {"last_protect_at", "last_protect_by"},
                               [USE_OPEN] = {"last_open_at", "last_open_by"}};
    uint64_t limit = plan_uses_limit(key);
    json_begin_object(writer, "evidence");
    json_put_integer(writer, "uses", (int64_t)evidence->count);
    if (limit != 0) {
        json_put_integer(writer, "uses_limit", (int64_t)limit);
    }
    for (size_t kind = 0; kind < USE_KIND_COUNT; kind++) {
        json_put_time_if(writer, names[kind].at, evidence->last[kind].at);
        json_put_text_if(writer, names[kind].by, evidence->last[kind].principal);
    }
    json_put_time_if(writer, "largest_jwt_exp", evidence->jwt_expires_at);
    json_put_time_if(writer, "raw_signature_at", evidence->raw_signature_at);
    json_put_integer(writer, "rewrapped", (int64_t)evidence->rewrapped);
    json_put_time(writer, "recorded_since", evidence->recorded_since);
    json_end_object(writer);
}

static void put_findings(struct json_writer *writer, const struct retire_check *check)
{
    json_begin_array(writer, "findings");
    for (size_t i = 0; i < check->count; i++) {
        const struct retire_finding *finding = &check->findings[i];
        json_begin_object(writer, NULL);
        json_put_text(writer, "what", retire_what_name(finding->what));
        json_put_text(writer, "verdict", retire_verdict_name(finding->verdict));
        json_put_text(writer, "detail", finding->detail);
        json_put_time_if(writer, "until", finding->until);
        json_end_object(writer);
    }
    json_end_array(writer);
}

struct err op_key_retire_check(struct call *call)
{
    const struct rotation_rules *rules = &call->gateway->rotation.rules;
    struct retire_check check;
    ENSURE(call->version_asked != 0, ERR_INVALID_NAME,
           "This call is about one version: write NAME@N.");
    const struct version *version = key_version(call->key, call->version_asked);
    ENSURE(version != NULL, ERR_NOT_FOUND, "The key has no version %u.", call->version_asked);
    call->version = version->number;
    retire_check(call->key, version, rules, call->now_ms, &check);
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "key", call->key->name);
    json_put_integer(&writer, "version", version->number);
    json_put_text(&writer, "state", version_state_name(version->state));
    json_put_text(&writer, "needed", retire_needed_name(check.needed));
    if (check.needed_until != 0 && check.needed_until != INT64_MAX) {
        json_put_time(&writer, "needed_until", check.needed_until);
    }
    json_put_text(&writer, "sure", retire_sure_name(check.sure));
    put_findings(&writer, &check);
    put_evidence(&writer, call->key, &check.evidence);
    json_end_object(&writer);
    return json_finish(&writer);
}
