/* rotation: makes keys and their next versions. Both claim the key first, clean up what an earlier
 * failure left, reserve the row and hand over to making. */
#include "rotation/rotation.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rotation/adopt.h"
#include "rotation/making.h"
#include "rotation/moving.h"
#include "rotation/rotating.h"

struct token *rotation_token(const struct rotation *rotation, const char *name)
{
    for (size_t i = 0; i < rotation->token_count; i++) {
        if (strcmp(token_name(rotation->tokens[i]), name) == 0) {
            return rotation->tokens[i];
        }
    }
    return NULL;
}

void rotation_moment(const struct rotation *rotation, struct moment *out)
{
    if (rotation->timekeeper != NULL) {
        timekeeper_read(rotation->timekeeper, out);
        return;
    }
    int64_t now = clock_wall_ms();
    *out = (struct moment){.now = now, .calm = now};
}

void rotation_token_key(const struct key *key, const struct version *version, struct token_key *out)
{
    _Static_assert(CKA_ID_MAX == TOKEN_CKA_ID_MAX, "both faces agree");
    _Static_assert(IDENTITY_MAX == TOKEN_IDENTITY_MAX, "both faces agree");
    *out = (struct token_key){.cka_id_len = version->cka_id_len,
                              .algorithm = key->algorithm,
                              .purpose = key->purpose,
                              .identity_len = version->identity_len};
    memcpy(out->cka_id, version->cka_id, version->cka_id_len);
    memcpy(out->identity, version->identity, version->identity_len);
}

static struct err supported_token(const struct rotation *rotation, const char *name,
                                  enum algorithm algorithm, enum purpose purpose,
                                  struct token **out)
{
    struct token *token = rotation_token(rotation, name);
    ENSURE(token != NULL, ERR_INVALID_FIELD, "there is no token named %s", name);
    ENSURE(token_supports(token, algorithm, purpose), ERR_UNSUPPORTED_BY_TOKEN,
           "the token %s does not support %s", name, algorithm_info(algorithm)->name);
    *out = token;
    return err_ok();
}

/* A version that an earlier failure left in the making, perhaps on another token, gives way. */
static struct err clear_leftover(const struct rotation *rotation, const struct making *making)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find_any(making->store, making->name);
    if (key == NULL) {
        return err_ok();
    }
    struct making leftover = *making;
    leftover.token = rotation_token(rotation, key->token);
    ENSURE(leftover.token != NULL, ERR_CONFLICT,
           "an unfinished version is on a token that is not configured any more");
    size_t undone = 0;
    return making_undo_unfinished(&leftover, &undone);
}

/* Where the next version's material is to be found: under a fresh CKA_ID, or where it is already.
 */
struct source {
    struct version_source version;
    uint8_t fresh[MAKING_CKA_ID_LEN];
    struct adopted adopted;
};

static struct err choose_source(const struct adopting *adopting, struct source *out)
{
    if (adopting->adoption == NULL) {
        TRY(making_cka_id(adopting->approval, out->fresh));
        out->version = (struct version_source){.cka_id = span_of(out->fresh, sizeof(out->fresh))};
        return err_ok();
    }
    TRY(adopt_find(adopting, &out->adopted));
    const struct token_key *key = &out->adopted.key;
    out->version = (struct version_source){.cka_id = span_of(key->cka_id, key->cka_id_len),
                                           .adopted = true,
                                           .attributes = out->adopted.attributes};
    return err_ok();
}

/* A CKA_ID of ours is never met twice, an adopted one may be. */
static struct err reserved(const struct source *source, struct err err)
{
    ENSURE(err.code != ERR_CONFLICT || !source->version.adopted, ERR_CONFLICT,
           "this material is a version of a key already");
    return err;
}

static struct err create_claimed(const struct rotation *rotation, const struct key_spec *spec,
                                 const struct rotation_adoption *adoption,
                                 const struct making *making)
{
    struct source source = {0};
    struct adopting adopting = {.token = making->token,
                                .adoption = adoption,
                                .algorithm = spec->algorithm,
                                .purpose = spec->purpose,
                                .approval = &spec->facts.approval,
                                .deadline_ns = making->deadline_ns};
    CLEANUP(key_release_at) const struct key *taken = keystore_find(making->store, making->name);
    ENSURE(taken == NULL, ERR_CONFLICT, "a key with this name is there already");
    TRY(clear_leftover(rotation, making));
    TRY(choose_source(&adopting, &source));
    TRY(reserved(&source,
                 keystore_reserve_key(making->store, spec, &source.version, making->moment->now)));
    return making_finish(making);
}

struct err rotation_adopt_key(const struct rotation *rotation, const struct key_spec *spec,
                              const struct rotation_adoption *adoption, const struct moment *moment,
                              int64_t deadline_ns)
{
    struct making making = {.store = rotation->store,
                            .name = span_text(spec->name),
                            .number = 1,
                            .end = MAKING_ACTIVE,
                            .moment = moment,
                            .started_ns = clock_mono_ns(),
                            .deadline_ns = deadline_ns};
    TRY(supported_token(rotation, spec->token, spec->algorithm, spec->purpose, &making.token));
    TRY(keystore_claim(rotation->store, making.name));
    struct err err = create_claimed(rotation, spec, adoption, &making);
    keystore_unclaim(rotation->store, making.name);
    return err;
}

struct err rotation_create_key(const struct rotation *rotation, const struct key_spec *spec,
                               const struct moment *moment, int64_t deadline_ns)
{
    return rotation_adopt_key(rotation, spec, NULL, moment, deadline_ns);
}

/* The published version that waits to be promoted, or NULL. */
static const struct version *waiting_version(const struct key *key)
{
    for (size_t i = 0; i < key->version_count; i++) {
        const struct version *version = &key->versions[i];
        if (version->state == VERSION_PENDING && version->published_at != 0) {
            return version;
        }
    }
    return NULL;
}

static struct err already_pending(const struct version *version)
{
    char at[CLOCK_TEXT_MAX];
    clock_format(version->promote_at, at);
    return err_new(
        ERR_INVALID_STATE, __func__,
        "version %u is pending and becomes the primary at %s; promote it, or rotate with "
        "immediate",
        version->number, at);
}

static struct err make_next(const struct rotation *rotation, const struct key *key,
                            const struct rotation_adoption *adoption, struct making *making)
{
    struct source source = {0};
    TRY(supported_token(rotation, key->token, key->algorithm, key->purpose, &making->token));
    TRY(clear_leftover(rotation, making));
    struct adopting adopting = {.token = making->token,
                                .adoption = adoption,
                                .algorithm = key->algorithm,
                                .purpose = key->purpose,
                                .approval = &key->facts.approval,
                                .deadline_ns = making->deadline_ns};
    TRY(choose_source(&adopting, &source));
    TRY(reserved(&source, keystore_reserve_version(making->store, making->name, &source.version,
                                                   making->moment->now, &making->number)));
    return making_finish(making);
}

/* A version that waits already is the next one: making another would only leave it behind. */
static struct err rotate_claimed(const struct rotation *rotation,
                                 const struct rotation_adoption *adoption, struct making *making)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find(making->store, making->name);
    ENSURE(key != NULL, ERR_NOT_FOUND, "there is no such key");
    const struct version *waiting = waiting_version(key);
    if (waiting == NULL) {
        return make_next(rotation, key, adoption, making);
    }
    if (making->end == MAKING_PENDING || adoption != NULL) {
        return already_pending(waiting);
    }
    making->number = waiting->number;
    return moving_promote(rotation, key, waiting, NULL, making->moment);
}

struct err rotating_make(const struct rotation *rotation, const struct rotating *rotating,
                         const struct moment *moment, int64_t deadline_ns, uint32_t *out_version)
{
    struct making making = {.store = rotation->store,
                            .name = rotating->name,
                            .end = rotating->end,
                            .haste = rotating->haste,
                            .moment = moment,
                            .started_ns = clock_mono_ns(),
                            .deadline_ns = deadline_ns};
    TRY(keystore_claim(rotation->store, rotating->name));
    struct err err = rotate_claimed(rotation, rotating->adoption, &making);
    keystore_unclaim(rotation->store, rotating->name);
    TRY(err);
    *out_version = making.number;
    return err_ok();
}

struct err rotation_rotate(const struct rotation *rotation, struct span name,
                           enum rotation_when when, const struct moment *moment,
                           int64_t deadline_ns, uint32_t *out_version)
{
    return rotation_adopt_version(rotation, name, when, NULL, moment, deadline_ns, out_version);
}

struct err rotation_adopt_version(const struct rotation *rotation, struct span name,
                                  enum rotation_when when, const struct rotation_adoption *adoption,
                                  const struct moment *moment, int64_t deadline_ns,
                                  uint32_t *out_version)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find(rotation->store, name);
    ENSURE(key != NULL, ERR_NOT_FOUND, "there is no such key");
    bool ahead = when == ROTATE_BY_POLICY && key->facts.rotation.publish_ahead > 0;
    struct rotating rotating = {.name = name,
                                .end = ahead ? MAKING_PENDING : MAKING_ACTIVE,
                                .haste = PLAN_SOON,
                                .adoption = adoption};
    return rotating_make(rotation, &rotating, moment, deadline_ns, out_version);
}
