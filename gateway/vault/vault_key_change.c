/* config, rotate, trim and delete: what Vault says with numbers becomes moves of versions.
 *
 * min_decryption_version disables what is older and enables what is not, trim and delete schedule
 * the destruction of versions, which a person may cancel until then. Each move is asked of the
 * grants under its own operation. */
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/ops/core_ops.h"
#include "gateway/ops/moves.h"
#include "gateway/vault/vault_keys.h"

#define DESTROY_AFTER_S (INT64_C(30) * 86400)
#define REASON_MAX      (PRINCIPAL_MAX + 64)

/* --- moves --- */

static struct err move(struct call *call, uint32_t number, enum move_verb verb, const char *reason,
                       bool despite_use)
{
    const struct move_request request = {
        .verb = verb, .reason = reason, .after_s = DESTROY_AFTER_S, .despite_use = despite_use};
    return move_version(call, number, &request);
}

/* A name that was deleted is no key to a client. */
static struct err check_there(const struct call *call)
{
    ENSURE(!vault_key_is_gone(call->key), ERR_NOT_FOUND, "no key with this name: it was deleted");
    return err_ok();
}

static struct err note(struct call *call, const char *name, int64_t value)
{
    struct json_writer writer = json_writer_on(&call->detail);
    json_begin_object(&writer, NULL);
    json_put_integer(&writer, name, value);
    json_end_object(&writer);
    return json_finish(&writer);
}

/* --- config --- */

struct settings {
    int64_t min_decryption, min_encryption, rotate_s;
    bool deletion_allowed;
    bool has_min_decryption, has_min_encryption, has_rotate, has_deletion;
};

static struct err read_settings(const struct call *call, struct settings *out)
{
    const struct loose_field fields[] = {
        {"min_decryption_version", LOOSE_INTEGER, 0, &out->min_decryption,
         &out->has_min_decryption},
        {"min_encryption_version", LOOSE_INTEGER, 0, &out->min_encryption,
         &out->has_min_encryption},
        {"auto_rotate_period", LOOSE_SECONDS, 0, &out->rotate_s, &out->has_rotate},
        {"deletion_allowed", LOOSE_FLAG, 0, &out->deletion_allowed, &out->has_deletion},
    };
    uint32_t latest = vault_latest(call->key);
    TRY(vault_refuse_flags(call->json.root));
    TRY(loose_read(call->json.root, fields, ARRAY_LEN(fields)));
    ENSURE(out->min_decryption >= 0 && out->min_decryption <= (int64_t)latest, ERR_INVALID_FIELD,
           "cannot set min decryption version of %lld, latest key version is %u",
           (long long)out->min_decryption, latest);
    ENSURE(out->min_encryption == 0 || out->min_encryption == (int64_t)latest, ERR_INVALID_FIELD,
           "min encryption version is 0 or the latest one, %u: only that protects new data",
           latest);
    ENSURE(out->rotate_s == 0 || out->rotate_s >= 3600, ERR_INVALID_FIELD,
           "auto rotate period must be 0 to disable or at least an hour");
    return err_ok();
}

static void put_labels(struct json_writer *writer, const struct key *key, bool deletion_allowed)
{
    json_begin_object(writer, "labels");
    for (size_t i = 0; i < key->facts.label_count; i++) {
        if (strcmp(key->facts.labels[i].name, VAULT_LABEL_DELETION) != 0) {
            json_put_text(writer, key->facts.labels[i].name, key->facts.labels[i].value);
        }
    }
    if (deletion_allowed) {
        json_put_text(writer, VAULT_LABEL_DELETION, "true");
    }
    json_end_object(writer);
}

static struct err update_body(const struct call *call, const struct settings *settings,
                              struct buf *out)
{
    char period[CLOCK_TEXT_MAX] = "0s";
    struct json_writer writer = json_writer_on(out);
    json_begin_object(&writer, NULL);
    if (settings->has_deletion) {
        put_labels(&writer, call->key, settings->deletion_allowed);
    }
    if (settings->has_rotate && settings->rotate_s != call->key->facts.rotation.every) {
        if (settings->rotate_s != 0) {
            clock_format_duration(settings->rotate_s, period);
        }
        json_begin_object(&writer, "rotation");
        json_put_text(&writer, "every", period);
        json_end_object(&writer);
    }
    json_end_object(&writer);
    return json_finish(&writer);
}

/* A higher least version disables what is below it, a lower one enables what is not. */
static bool wants_move(const struct key *key, const struct version *version, int64_t least,
                       enum move_verb *out)
{
    bool raises = least > (int64_t)vault_min_decryption(key);
    bool below = (int64_t)version->number < least;
    *out = raises ? MOVE_DISABLE : MOVE_ENABLE;
    return raises ? below && lifecycle_opens(version->state)
                  : !below && version->state == VERSION_DISABLED;
}

static bool changes_least(const struct call *call, const struct settings *settings)
{
    return settings->has_min_decryption &&
           settings->min_decryption != (int64_t)vault_min_decryption(call->key);
}

/* Before anything is changed. */
static struct err check_least(struct call *call, int64_t least)
{
    const struct key *key = call->key;
    TRY(pipeline_grant(call, "disable", call->target));
    for (size_t i = 0; i < key->version_count; i++) {
        const struct version *version = &key->versions[i];
        ENSURE((int64_t)version->number >= least || version->state != VERSION_ACTIVE,
               ERR_INVALID_STATE, "version %u is the primary, which must be able to decrypt",
               version->number);
    }
    return err_ok();
}

static struct err set_least(struct call *call, int64_t least)
{
    enum move_verb verb;
    const struct key *key = call->key;
    for (size_t i = 0; i < key->version_count; i++) {
        if (wants_move(key, &key->versions[i], least, &verb)) {
            TRY(move(call, key->versions[i].number, verb, NULL, false));
        }
    }
    return err_ok();
}

struct err vault_key_config(struct call *call)
{
    struct settings settings = {0};
    CLEANUP(buf_clear) struct buf body = {.max = BUF_MAX_DEFAULT};
    TRY(check_there(call));
    TRY(read_settings(call, &settings));
    TRY(update_body(call, &settings, &body));
    bool moves = changes_least(call, &settings);
    if (moves) {
        TRY(check_least(call, settings.min_decryption));
        TRY(note(call, "min_decryption_version", settings.min_decryption));
    }
    TRY(vault_take_body(call, buf_span(&body)));
    TRY(op_key_update(call)); /* writes the intent, and refuses before anything is changed */
    if (moves) {
        TRY(set_least(call, settings.min_decryption));
    }
    return vault_reply_key(call, NULL);
}

/* --- rotate --- */

struct err vault_key_rotate(struct call *call)
{
    TRY(check_there(call));
    json_clear(&call->json);
    TRY(op_key_rotate(call));
    CLEANUP(key_release_at)
    const struct key *key = keystore_find(call->gateway->store, call->target);
    bool waits = key != NULL && key->primary != call->version;
    return vault_reply_key(call, waits ? "the new version is published, and becomes the latest "
                                         "when its key's publish_ahead is over"
                                       : NULL);
}

/* --- trim, delete --- */

static bool is_destroyable(const struct version *version)
{
    return version->state != VERSION_DESTROY_SCHEDULED && version->state != VERSION_DESTROYED;
}

/* What still serves is disabled first, as the lifecycle asks. */
static struct err destroy(struct call *call, const struct version *version, const char *reason,
                          bool despite_use)
{
    if (version->state == VERSION_ACTIVE || version->state == VERSION_RETIRING) {
        TRY(move(call, version->number, MOVE_DISABLE, NULL, false));
    }
    return move(call, version->number, MOVE_SCHEDULE_DESTROY, reason, despite_use);
}

/* Before anything is changed: no quorum is asked for what goes, and nobody needs it, or the caller
 * says that it goes all the same. */
static struct err check_below(const struct call *call, int64_t least, bool despite_use)
{
    const struct key *key = call->key;
    for (size_t i = 0; i < key->version_count; i++) {
        const struct version *version = &key->versions[i];
        if ((int64_t)version->number >= least || !is_destroyable(version)) {
            continue;
        }
        TRY(rotation_check_unruled(key, version));
        if (!despite_use) {
            TRY(rotation_check_unused(&call->gateway->rotation, version, call->now_ms));
        }
    }
    return err_ok();
}

struct err vault_key_trim(struct call *call)
{
    int64_t least = 0;
    char reason[REASON_MAX];
    const struct key *key = call->key;
    bool despite_use = false;
    const struct loose_field fields[] = {
        {"min_available_version", LOOSE_INTEGER, 0, &least, NULL},
        {"despite_use", LOOSE_FLAG, 0, &despite_use, NULL}, /* ours: as when a person destroys */
    };
    TRY(loose_read(call->json.root, fields, ARRAY_LEN(fields)));
    ENSURE(least >= 1 && least <= (int64_t)vault_min_decryption(key), ERR_INVALID_FIELD,
           "min_available_version must be from 1 to min_decryption_version, which is %u",
           vault_min_decryption(key));
    TRY(check_below(call, least, despite_use));
    snprintf(reason, sizeof(reason), "trimmed by %s", call->principal);
    TRY(note(call, fields[0].name, least));
    TRY(call_intent(call));
    for (size_t i = 0; i < key->version_count; i++) {
        const struct version *version = &key->versions[i];
        if ((int64_t)version->number < least && is_destroyable(version)) {
            TRY(destroy(call, version, reason, despite_use));
        }
    }
    return vault_reply_key(call, NULL);
}

struct err vault_key_delete(struct call *call)
{
    char reason[REASON_MAX];
    const struct key *key = call->key;
    ENSURE(vault_deletion_allowed(key), ERR_UNSUPPORTED_OPERATION,
           "deletion is not allowed for this key: set deletion_allowed in its config first");
    TRY(check_below(call, INT64_MAX, true));
    TRY(pipeline_grant(call, "disable", call->target));
    snprintf(reason, sizeof(reason), "deleted by %s, as deletion_allowed says", call->principal);
    TRY(note(call, "versions", (int64_t)key->version_count));
    TRY(call_intent(call));
    for (size_t i = 0; i < key->version_count; i++) {
        if (is_destroyable(&key->versions[i])) {
            TRY(destroy(call, &key->versions[i], reason, true));
        }
    }
    return vault_nothing(call);
}
