/* moving: what people and the scheduler do with versions that are made.
 *
 * Every move goes through the lifecycle table and is applied only if the version still is where it
 * was when that was asked. A destruction is marked before the token is told: from there on there is
 * only forward, so a crash at any place is finished by reconcile. */
#include "rotation/moving.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/mem.h"

#define MS ((int64_t)1000)

struct err moving_promote(const struct rotation *rotation, const struct key *key,
                          const struct version *version, const char *reason,
                          const struct moment *moment)
{
    struct version_move moves[2] = {
        {.number = version->number,
         .from = version->state,
         .to = VERSION_ACTIVE,
         .lived = moment->lived,
         .reason = reason},
        {.number = key->primary,
         .from = VERSION_ACTIVE,
         .to = VERSION_RETIRING,
         .lived = moment->lived},
    };
    failpoint_hit(FAILPOINT_PROMOTING);
    TRY(keystore_move(rotation->store, span_text(key->name), moves, key->primary == 0 ? 1 : 2,
                      moment->now));
    failpoint_hit(FAILPOINT_PROMOTED);
    return err_ok();
}

static struct err move_one(const struct rotation *rotation, const struct key *key,
                           const struct version_move *move, int64_t now)
{
    bool retires = move->to == VERSION_RETIRED;
    failpoint_hit(retires ? FAILPOINT_RETIRING : FAILPOINT_MOVING);
    TRY(keystore_move(rotation->store, span_text(key->name), move, 1, now));
    failpoint_hit(retires ? FAILPOINT_RETIRED : FAILPOINT_MOVED);
    return err_ok();
}

struct err moving_retire(const struct rotation *rotation, const struct key *key,
                         const struct version *version, const struct moment *moment)
{
    struct version_move move = {.number = version->number,
                                .from = VERSION_RETIRING,
                                .to = VERSION_RETIRED,
                                .lived = moment->lived};
    return move_one(rotation, key, &move, moment->now);
}

/* A person and the scheduler may finish the same destruction; who comes second has it, too. */
static bool is_destroyed(const struct rotation *rotation, const struct key *key, uint32_t number)
{
    CLEANUP(key_release_at)
    const struct key *now = keystore_find_any(rotation->store, span_text(key->name));
    const struct version *version = now != NULL ? key_version(now, number) : NULL;
    return version != NULL && version->state == VERSION_DESTROYED;
}

/* Without permission for what nobody has to agree to; with it as the worker wants to see it. */
static struct err destroy_on_token(const struct rotation *rotation, struct token *token,
                                   const struct version *version, int64_t deadline_ns)
{
    const struct span cka_id = span_of(version->cka_id, version->cka_id_len);
    if (!version->has_permission) {
        return token_destroy(token, cka_id, deadline_ns);
    }
    CLEANUP(roster_view_release_at) const struct roster_view *view = NULL;
    CLEANUP(request_free_at) const struct quorum_request *request = NULL;
    CLEANUP(buf_clear) struct buf permission = {.max = BUNDLE_MAX};
    struct err err = keystore_find_request(rotation->store, version->permission, &request);
    /* not found would say that the material is gone */
    ENSURE(err.code != ERR_NOT_FOUND, ERR_APPROVAL_REQUIRED,
           "the permission to destroy version %u is not in the key store", version->number);
    TRY(err);
    TRY(roster_book_view(rotation->rosters, &view));
    TRY(docket_bundle(view, request, &permission));
    return token_destroy_approved(token, cka_id, buf_span(&permission), deadline_ns);
}

struct err moving_destroy(const struct rotation *rotation, const struct key *key,
                          const struct version *version, const char *reason,
                          const struct moment *moment, int64_t deadline_ns)
{
    struct token *token = rotation_token(rotation, key->token);
    ENSURE(token != NULL, ERR_TOKEN_UNAVAILABLE, "the key's token is not configured");
    bool first = false;
    struct err err =
        keystore_begin_destroy(rotation->store, span_text(key->name), version->number, &first);
    if (err.code != ERR_OK) {
        return is_destroyed(rotation, key, version->number) ? err_ok() : err;
    }
    failpoint_hit(FAILPOINT_DESTROY_MARKED);
    err = destroy_on_token(rotation, token, version, deadline_ns);
    if (err.code == ERR_APPROVAL_REQUIRED && first) {
        /* the worker refuses before it touches anything: so it can still be cancelled */
        TRY(keystore_spare(rotation->store, span_text(key->name), version->number));
    }
    if (err.code != ERR_OK && err.code != ERR_NOT_FOUND) {
        return err;
    }
    failpoint_hit(FAILPOINT_DESTROY_ON_TOKEN);
    struct version_move move = {.number = version->number,
                                .from = VERSION_DESTROY_SCHEDULED,
                                .to = VERSION_DESTROYED,
                                .lived = moment->lived,
                                .reason = reason};
    err = keystore_move(rotation->store, span_text(key->name), &move, 1, moment->now);
    if (err.code != ERR_OK && !is_destroyed(rotation, key, version->number)) {
        return err;
    }
    failpoint_hit(FAILPOINT_DESTROYED);
    return err_ok();
}

/* --- what people ask for --- */

struct moving {
    const struct rotation *rotation;
    const struct key *key;
    const struct version *version;
    const struct move_request *request;
    const struct moment *moment;
    int64_t deadline_ns;
};

/* The records of a restored copy, and of a store that recorded nothing before, begin later than the
 * version: then nobody knows. */
static struct err check_known(const struct rotation *rotation, const struct version *version,
                              int64_t now)
{
    char look_back[CLOCK_TEXT_MAX];
    struct use_evidence evidence;
    int64_t window = rotation->rules.look_back;
    uses_evidence(version, &evidence);
    clock_format_duration(window, look_back);
    ENSURE(evidence.recorded_since <= version->created_at ||
               evidence.recorded_since + window * MS <= now,
           ERR_INVALID_STATE,
           "nobody knows whether version %u was used within the last %s, its records began later; "
           "see retire-check, and ask with despite_use if it must go",
           version->number, look_back);
    return err_ok();
}

struct err rotation_check_unused(const struct rotation *rotation, const struct version *version,
                                 int64_t now)
{
    char at[CLOCK_TEXT_MAX];
    char look_back[CLOCK_TEXT_MAX];
    int64_t last = uses_last_at(version);
    int64_t window = rotation->rules.look_back;
    if (last == 0 || last + window * MS <= now) {
        return check_known(rotation, version, now);
    }
    clock_format(last, at);
    clock_format_duration(window, look_back);
    return err_new(ERR_INVALID_STATE, __func__,
                   "version %u was used at %s, within the last %s; see retire-check, and ask with "
                   "despite_use if it must go",
                   version->number, at, look_back);
}

/* Its own rule is in the material itself, and the key's may have come later. */
struct err rotation_check_unruled(const struct key *key, const struct version *version)
{
    bool ruled = key->facts.approval.m > 0 ||
                 approval_m_of(span_of(version->cka_id, version->cka_id_len)) > 0;
    ENSURE(!ruled, ERR_APPROVAL_REQUIRED,
           "a quorum has to agree that version %u is destroyed: ask with `hsmgate break-glass "
           "request-destroy`",
           version->number);
    return err_ok();
}

static struct err schedule_destroy(const struct moving *moving, struct version_move *move)
{
    if (moving->request->permission == NULL) {
        TRY(rotation_check_unruled(moving->key, moving->version));
    }
    if (!moving->request->despite_use) {
        TRY(rotation_check_unused(moving->rotation, moving->version, moving->moment->now));
    }
    move->permission = moving->request->permission;
    move->destroy_at = moving->moment->now + moving->request->after_s * MS;
    return err_ok();
}

static struct err confirm_destroy(const struct moving *moving)
{
    ENSURE(moving->version->destroy_at <= moving->moment->now || moving->version->destroying,
           ERR_INVALID_STATE, "version %u is not due yet: it can be cancelled, or waited for",
           moving->version->number);
    return moving_destroy(moving->rotation, moving->key, moving->version, moving->request->reason,
                          moving->moment, moving->deadline_ns);
}

static struct err apply(const struct moving *moving, enum version_state to)
{
    struct version_move move = {.number = moving->version->number,
                                .from = moving->version->state,
                                .to = to,
                                .lived = moving->moment->lived,
                                .reason = moving->request->reason};
    if (moving->request->verb == MOVE_CONFIRM_DESTROY) {
        return confirm_destroy(moving);
    }
    if (to == VERSION_ACTIVE && moving->request->verb == MOVE_PROMOTE) {
        return moving_promote(moving->rotation, moving->key, moving->version,
                              moving->request->reason, moving->moment);
    }
    if (to == VERSION_DESTROY_SCHEDULED) {
        TRY(schedule_destroy(moving, &move));
    }
    return move_one(moving->rotation, moving->key, &move, moving->moment->now);
}

struct err rotation_move(const struct rotation *rotation, struct span name, uint32_t number,
                         const struct move_request *request, const struct moment *moment,
                         int64_t deadline_ns)
{
    CLEANUP(key_release_at) const struct key *key = keystore_find(rotation->store, name);
    ENSURE(key != NULL, ERR_NOT_FOUND, "there is no such key");
    const struct version *version = key_version(key, number);
    ENSURE(version != NULL, ERR_NOT_FOUND, "the key has no version %u", number);
    enum version_state to;
    TRY(lifecycle_target(key, version, request->verb, &to));
    struct moving moving = {.rotation = rotation,
                            .key = key,
                            .version = version,
                            .request = request,
                            .moment = moment,
                            .deadline_ns = deadline_ns};
    return apply(&moving, to);
}
