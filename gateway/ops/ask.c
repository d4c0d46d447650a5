/* What is asked, read and checked. Whatever can be refused now is refused now, because people will
 * be woken for it; nothing that is checked here is left out later. */
#include "gateway/ops/ask.h"

#include <assert.h>

#include "base/clock.h"
#include "base/envelope.h"
#include "base/mem.h"
#include "gateway/ops/context.h"
#include "gateway/ops/reason.h"

#define WINDOW_MIN_S    60
#define AFTER_DEFAULT_S (INT64_C(30) * 86400)
#define AFTER_MIN_S     INT64_C(86400)

struct err ask_name(const struct call *call, struct span *out_name, uint32_t *out_version)
{
    const struct json_value *member = json_member(call->json.root, "key");
    struct span text = {0};
    ENSURE(member != NULL && json_as_text(member, &text), ERR_INVALID_FIELD,
           "key is required and is text.");
    return name_split_version(text, out_name, out_version);
}

/* What the members of the body are, by kind; NULL: not given. */
struct members {
    struct span kind, key, window, after;
    const struct json_value *context, *recipient, *approval;
    bool has_ciphertext;
};

static struct err read_members(const struct call *call, struct ask *ask, struct members *out)
{
    const struct json_field fields[] = {
        {"kind", JSON_TEXT, JSON_OPTIONAL, 0, &out->kind, NULL},
        {"key", JSON_TEXT, JSON_REQUIRED, 0, &out->key, NULL},
        {"reason", JSON_TEXT, JSON_REQUIRED, 0, &ask->reason, NULL},
        {"ticket", JSON_TEXT, JSON_OPTIONAL, QUORUM_TICKET_MAX, &ask->ticket, NULL},
        {"window", JSON_TEXT, JSON_OPTIONAL, 0, &out->window, NULL},
        {"ciphertext", JSON_BYTES, JSON_OPTIONAL, ENVELOPE_MAX, &ask->ciphertext,
         &out->has_ciphertext},
        {"context", JSON_OBJECT, JSON_OPTIONAL, 0, &out->context, NULL},
        {"recipient", JSON_OBJECT, JSON_OPTIONAL, 0, &out->recipient, NULL},
        {"after", JSON_TEXT, JSON_OPTIONAL, 0, &out->after, NULL},
        {"despite_use", JSON_FLAG, JSON_OPTIONAL, 0, &ask->despite_use, NULL},
        {"approval", JSON_ANY, JSON_OPTIONAL, 0, &out->approval, NULL},
    };
    buf_init(&ask->ciphertext, ENVELOPE_MAX);
    TRY(json_read(call->json.root, fields, ARRAY_LEN(fields)));
    ENSURE(out->kind.data == NULL ||
               (statement_kind_by_name(out->kind, &ask->kind) && ask->kind != STATEMENT_ROSTER),
           ERR_INVALID_FIELD, "kind must be open, destroy, rule or unfreeze.");
    return err_ok();
}

/* Each kind has members of its own, and no other takes them. */
static struct err refuse_foreign(const struct ask *ask, const struct members *members)
{
    bool opens = members->has_ciphertext || members->context != NULL || members->recipient != NULL;
    bool destroys = members->after.data != NULL || ask->despite_use;
    ENSURE(!opens || ask->kind == STATEMENT_OPEN, ERR_INVALID_FIELD,
           "ciphertext, context and recipient are for requests of kind open.");
    ENSURE(!destroys || ask->kind == STATEMENT_DESTROY, ERR_INVALID_FIELD,
           "after and despite_use are for requests of kind destroy.");
    ENSURE(members->approval == NULL || ask->kind == STATEMENT_RULE, ERR_INVALID_FIELD,
           "approval is for requests of kind rule.");
    return err_ok();
}

static struct err read_window(const struct call *call, struct span text, int64_t *out)
{
    int64_t most = call->gateway->config->quorum.window_max_s;
    *out = call->gateway->config->quorum.window_s;
    if (text.data == NULL) {
        return err_ok();
    }
    struct err err = clock_parse_duration(text, out);
    ENSURE(err.code == ERR_OK && *out >= WINDOW_MIN_S && *out <= most, ERR_INVALID_FIELD,
           "window must be a duration from 1m to %lldh.", (long long)(most / 3600));
    return err_ok();
}

static struct err check_version(const struct call *call, const struct ask *ask, uint32_t *out_state)
{
    const struct version *version = key_version(call->key, ask->version);
    ENSURE(version != NULL, ERR_NOT_FOUND, "The key has no version %u.", ask->version);
    *out_state = version->state;
    return err_ok();
}

static struct err read_open(const struct call *call, const struct members *members, struct ask *ask)
{
    struct envelope envelope;
    uint32_t state = 0;
    ENSURE(members->has_ciphertext && members->recipient != NULL, ERR_INVALID_FIELD,
           "ciphertext and recipient are required.");
    ENSURE(ask->ticket.len > 0, ERR_INVALID_FIELD, "ticket is required.");
    ENSURE(call->key->frozen.at == 0, ERR_INVALID_STATE,
           "The key is frozen: nothing of it opens until a quorum unfreezes it.");
    TRY(recipient_read(members->recipient, &ask->recipient));
    TRY(context_canonical(members->context, &ask->context));
    TRY(envelope_decode(buf_span(&ask->ciphertext), &envelope));
    bool ours = uuid_equal(envelope.key, call->key->id) &&
                (ask->version == 0 || ask->version == envelope.version) &&
                key_version(call->key, envelope.version) != NULL;
    ENSURE(ours, ERR_INVALID_CIPHERTEXT, "The ciphertext is not one of this key.");
    ask->version = envelope.version;
    TRY(check_version(call, ask, &state));
    ENSURE(lifecycle_opens(state) || state == VERSION_COMPROMISED, ERR_INVALID_STATE,
           "Version %u is %s.", ask->version, version_state_name(state));
    return err_ok();
}

/* As without a quorum: what is in use goes only when somebody has said that they know it. */
static struct err check_unused(const struct call *call, const struct ask *ask)
{
    const struct version *version = key_version(call->key, ask->version);
    if (ask->despite_use || version == NULL) {
        return err_ok();
    }
    return rotation_check_unused(&call->gateway->rotation, version, call->now_ms);
}

static struct err read_destroy(const struct call *call, const struct members *members,
                               struct ask *ask)
{
    uint32_t state = 0;
    ENSURE(ask->version != 0, ERR_INVALID_NAME, "This destroys one version: write NAME@N.");
    TRY(check_version(call, ask, &state));
    ENSURE(lifecycle_allows(state, VERSION_DESTROY_SCHEDULED), ERR_INVALID_STATE,
           "Version %u is %s, which cannot be scheduled for destruction.", ask->version,
           version_state_name(state));
    TRY(check_unused(call, ask));
    ask->after_s = AFTER_DEFAULT_S;
    if (members->after.data == NULL) {
        return err_ok();
    }
    struct err err = clock_parse_duration(members->after, &ask->after_s);
    ENSURE(err.code == ERR_OK && ask->after_s >= AFTER_MIN_S, ERR_INVALID_FIELD,
           "after must be a duration of at least 24h, such as 30d.");
    return err_ok();
}

/* `approval`: null takes the rule away. */
static struct err read_rule(const struct call *call, const struct members *members, struct ask *ask)
{
    int64_t m = 0;
    const struct json_field fields[] = {
        {"group", JSON_TEXT, JSON_REQUIRED, 0, &ask->wanted.group, NULL},
        {"m", JSON_INTEGER, JSON_REQUIRED, 0, &m, NULL},
    };
    enum purpose purpose = call->key->purpose;
    ENSURE(members->approval != NULL, ERR_INVALID_FIELD,
           "approval is required: {\"group\",\"m\"}, or {} to take the rule away.");
    ENSURE(ask->version == 0, ERR_INVALID_NAME, "A rule is the whole key's: leave @N out.");
    ENSURE(purpose == PURPOSE_ENCRYPT || purpose == PURPOSE_DECRYPT, ERR_UNSUPPORTED_OPERATION,
           "approval is for keys that decrypt.");
    ENSURE(json_is(members->approval, JSON_OBJECT), ERR_INVALID_FIELD,
           "approval must be an object.");
    if (json_first(members->approval) == NULL) {
        return err_ok();
    }
    TRY(json_read(members->approval, fields, ARRAY_LEN(fields)));
    ENSURE(m >= QUORUM_M_MIN && m <= QUORUM_M_MAX, ERR_INVALID_FIELD,
           "approval.m must be from %d to %d.", QUORUM_M_MIN, QUORUM_M_MAX);
    ask->wanted.m = (uint32_t)m;
    return err_ok();
}

static struct err read_unfreeze(const struct call *call, const struct members *members,
                                struct ask *ask)
{
    (void)members;
    ENSURE(ask->version == 0, ERR_INVALID_NAME, "A whole key is frozen: leave @N out.");
    ENSURE(call->key->frozen.at != 0, ERR_INVALID_STATE, "The key is not frozen.");
    return err_ok();
}

struct err ask_read(const struct call *call, struct ask *out)
{
    static struct err (*const reads[STATEMENT_KIND_COUNT])(const struct call *,
                                                           const struct members *, struct ask *) = {
        [STATEMENT_OPEN] = read_open,
        [STATEMENT_DESTROY] = read_destroy,
        [STATEMENT_RULE] = read_rule,
        [STATEMENT_UNFREEZE] = read_unfreeze,
    };
    struct members members = {0};
    struct span name;
    TRY(ask_name(call, &name, &out->version));
    TRY(read_members(call, out, &members));
    TRY(refuse_foreign(out, &members));
    TRY(reason_check(out->reason, REASON_REQUIRED));
    TRY(reason_check(out->ticket, REASON_OPTIONAL));
    TRY(read_window(call, members.window, &out->window_s));
    assert(reads[out->kind] != NULL);
    return reads[out->kind](call, &members, out);
}

void ask_clear(struct ask *ask)
{
    buf_clear(&ask->ciphertext);
    buf_clear(&ask->context);
}
