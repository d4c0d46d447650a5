/* Versions moved by hand: one handler for every verb of the lifecycle.
 *
 * The verb and its reason are in the intent record, which is durable before anything changes. The
 * answer says what is so now, and warns where that may surprise somebody. */
#include <assert.h>
#include <stdarg.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/events.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/moves.h"
#include "gateway/ops/reason.h"

#define AFTER_DEFAULT_S (INT64_C(30) * 86400)
#define AFTER_MIN_S     INT64_C(86400)
#define WARNINGS_MAX    2
#define WARNING_MAX     256

struct warnings {
    char texts[WARNINGS_MAX][WARNING_MAX];
    size_t count;
};

/* What a verb takes besides what all take. */
struct verb_rule {
    const char *verb; /* as in the path */
    enum move_verb move;
    bool wants_reason;
    const char *event; /* for those who are told */
};

static const struct verb_rule rules[] = {
    {"promote", MOVE_PROMOTE, false, "version.promoted"},
    {"retire", MOVE_RETIRE, false, "version.retired"},
    {"disable", MOVE_DISABLE, false, "version.disabled"},
    {"enable", MOVE_ENABLE, false, "version.enabled"},
    {"compromise", MOVE_COMPROMISE, true, "version.compromised"},
    {"schedule-destroy", MOVE_SCHEDULE_DESTROY, true, "version.destroy-scheduled"},
    {"cancel-destroy", MOVE_CANCEL_DESTROY, false, "version.destroy-cancelled"},
    {"confirm-destroy", MOVE_CONFIRM_DESTROY, true, "version.destroyed"},
};

static const struct verb_rule *rule_of(const struct call *call)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (strcmp(call->route->verb, rules[i].verb) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

/* --- reading --- */

static struct err read_after(struct span text, struct move_request *out)
{
    out->after_s = AFTER_DEFAULT_S;
    if (text.data == NULL) {
        return err_ok();
    }
    struct err err = clock_parse_duration(text, &out->after_s);
    ENSURE(err.code == ERR_OK, ERR_INVALID_FIELD, "after must be a duration such as 24h or 30d.");
    ENSURE(out->after_s >= AFTER_MIN_S, ERR_INVALID_FIELD, "after must be at least 24h.");
    return err_ok();
}

static struct err read_request(const struct call *call, const struct verb_rule *rule,
                               struct move_request *out)
{
    struct span reason = {0}, after = {0};
    const struct json_field fields[] = {
        {"reason", JSON_TEXT, JSON_OPTIONAL, 0, &reason, NULL},
        {"after", JSON_TEXT, JSON_OPTIONAL, 0, &after, NULL},
        {"despite_use", JSON_FLAG, JSON_OPTIONAL, 0, &out->despite_use, NULL},
    };
    size_t known = rule->move == MOVE_SCHEDULE_DESTROY ? ARRAY_LEN(fields) : 1;
    out->verb = rule->move;
    if (call->json.root != NULL) {
        TRY(json_read(call->json.root, fields, known));
    }
    TRY(reason_check(reason, rule->wants_reason ? REASON_REQUIRED : REASON_OPTIONAL));
    out->reason = reason.len > 0 ? (const char *)reason.data : NULL;
    return read_after(after, out);
}

static struct err find_version(struct call *call, const struct version **out)
{
    ENSURE(call->version_asked != 0, ERR_INVALID_NAME,
           "This call moves one version: write NAME@N.");
    const struct version *version = key_version(call->key, call->version_asked);
    ENSURE(version != NULL, ERR_NOT_FOUND, "The key has no version %u.", call->version_asked);
    call->version = version->number;
    *out = version;
    return err_ok();
}

static struct err note_detail(struct call *call, const struct move_request *request)
{
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "verb", move_verb_name(request->verb));
    if (request->reason != NULL) {
        json_put_text(&writer, "reason", request->reason);
    }
    if (request->despite_use) {
        json_put_flag(&writer, "despite_use", true);
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

/* --- warnings, from how the version stood before --- */

static void warn(struct warnings *warnings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void warn(struct warnings *warnings, const char *format, ...)
{
    va_list arguments;
    if (warnings->count == WARNINGS_MAX) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(warnings->texts[warnings->count++], WARNING_MAX, format, arguments);
    va_end(arguments);
}

static void warn_promoted(const struct call *call, const struct version *before,
                          const struct moment *moment, struct warnings *out)
{
    int64_t known_for = before->published_at != 0 ? moment->now - before->published_at : 0;
    int64_t age =
        plan_cache_age(&call->key->facts.rotation, call->gateway->rotation.rules.jwks_max_age);
    if (before->state == VERSION_PENDING && call->key->purpose == PURPOSE_SIGN &&
        known_for < age * 1000) {
        warn(out,
             "version %u was published %lld s ago; a verifier may keep a key set without it for "
             "%lld s",
             before->number, (long long)(known_for / 1000), (long long)age);
    }
}

/* Key sets that were sent while it was disabled do not have it. */
static void warn_enabled(const struct call *call, const struct version *before,
                         struct warnings *out)
{
    int64_t age =
        plan_cache_age(&call->key->facts.rotation, call->gateway->rotation.rules.jwks_max_age);
    if (before->state == VERSION_DISABLED && call->key->purpose == PURPOSE_SIGN) {
        warn(out,
             "key sets were without version %u while it was disabled; a verifier may keep such a "
             "one for %lld s and refuse what it signs",
             before->number, (long long)age);
    }
}

static void warn_retired(const struct version *before, const struct moment *moment, int64_t skew_s,
                         struct warnings *out)
{
    struct use_evidence evidence;
    char until[CLOCK_TEXT_MAX];
    uses_evidence(before, &evidence);
    if (evidence.jwt_expires_at + skew_s * 1000 > moment->now && evidence.jwt_expires_at != 0) {
        clock_format(evidence.jwt_expires_at, until);
        warn(out, "JWTs that version %u signed are valid until %s; verifiers will refuse them",
             before->number, until);
    }
}

static void warn_moved(const struct call *call, const struct version *before,
                       const struct key *after, const struct moment *moment, struct warnings *out)
{
    const struct version *now = key_version(after, before->number);
    if (now->state == VERSION_ACTIVE) {
        warn_promoted(call, before, moment, out);
        warn_enabled(call, before, out);
    }
    if (now->state == VERSION_RETIRED || now->state == VERSION_DISABLED) {
        warn_retired(before, moment, call->gateway->rotation.rules.clock_skew, out);
    }
    if (after->primary == 0 && call->key->primary != 0) {
        warn(out, "the key has no primary now: nothing new is protected until it is rotated, or a "
                  "version is enabled or promoted");
    }
    if (before->disabled_from == VERSION_ACTIVE && before->state == VERSION_DISABLED &&
        now->state == VERSION_RETIRING) {
        warn(out, "version %u is the primary now, so version %u only opens and verifies",
             after->primary, now->number);
    }
}

/* --- the answer --- */

static void put_times(struct json_writer *writer, const struct version *version)
{
    if (version->state == VERSION_DESTROY_SCHEDULED) {
        json_put_time(writer, "destroy_at", version->destroy_at);
    }
    if (version->state == VERSION_PENDING) {
        json_put_time(writer, "promote_at", version->promote_at);
    }
}

static struct err reply_moved(struct call *call, const struct key *key,
                              const struct warnings *warnings)
{
    const struct version *version = key_version(key, call->version);
    struct json_writer writer = call_reply_json(call, 200);
    json_begin_object(&writer, NULL);
    json_put_text(&writer, "key", key->name);
    json_put_integer(&writer, "version", version->number);
    json_put_text(&writer, "state", version_state_name(version->state));
    if (key->primary != 0) {
        json_put_integer(&writer, "primary", key->primary);
    }
    put_times(&writer, version);
    json_begin_array(&writer, "warnings");
    for (size_t i = 0; i < warnings->count; i++) {
        json_put_text(&writer, NULL, warnings->texts[i]);
    }
    json_end_array(&writer);
    json_end_object(&writer);
    return json_finish(&writer);
}

static const char *event_of(enum move_verb verb)
{
    size_t i = 0;
    while (rules[i].move != verb) { /* every verb has a rule */
        i++;
    }
    return rules[i].event;
}

struct err move_version(const struct call *call, uint32_t number,
                        const struct move_request *request)
{
    struct moment moment;
    rotation_moment(&call->gateway->rotation, &moment);
    TRY(rotation_move(&call->gateway->rotation, call->target, number, request, &moment,
                      call->deadline_ns));
    const struct event event = {.name = event_of(request->verb),
                                .key = call->key->name,
                                .version = number,
                                .principal = call->principal,
                                .why = request->reason};
    events_put(call->gateway->events, &event);
    return err_ok();
}

struct err op_key_move(struct call *call)
{
    const struct verb_rule *rule = rule_of(call);
    const struct version *before = NULL;
    struct move_request request = {0};
    struct warnings warnings = {0};
    struct moment moment;
    enum version_state to;
    ENSURE(rule != NULL, ERR_INTERNAL, "The route names no verb.");
    TRY(find_version(call, &before));
    assert(before != NULL);
    TRY(read_request(call, rule, &request));
    TRY(note_detail(call, &request));
    TRY(lifecycle_target(call->key, before, request.verb, &to));
    TRY(call_intent(call));
    rotation_moment(&call->gateway->rotation, &moment);
    TRY(move_version(call, before->number, &request));
    CLEANUP(key_release_at)
    const struct key *after = keystore_find(call->gateway->store, call->target);
    ENSURE(after != NULL && key_version(after, call->version) != NULL, ERR_INTERNAL,
           "The version is gone right after it was moved.");
    warn_moved(call, before, after, &moment, &warnings);
    return reply_moved(call, after, &warnings);
}
