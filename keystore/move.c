/* move: changes of state. What a state's change sets beside the state stands here as two small
 * functions; whether it is allowed is rotation's table to say.
 *
 * The in-memory key gives the clear refusals; the SQL conditions and constraints repeat them. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_keys.h"
#include "keystore/draft.h"
#include "keystore/key.h"

/* When it came, and what the old state leaves behind. */
static void enter(struct version *version, const struct version_move *move, int64_t now)
{
    bool suspends = move->to == VERSION_DISABLED && move->from != VERSION_DESTROY_SCHEDULED;
    version->disabled_from = suspends ? move->from : version->disabled_from;
    version->scheduled_from =
        move->to == VERSION_DESTROY_SCHEDULED ? move->from : version->scheduled_from;
    version->state = move->to;
    version->entered_at = now;
    version->entered_lived = move->lived;
    if (move->reason != NULL) {
        version->reason = move->reason;
    }
}

/* It holds for the destruction that was scheduled with it, and for no later one. */
static void set_permission(struct version *version, const struct version_move *move)
{
    static const struct uuid none;
    if (move->to == VERSION_DESTROYED) {
        return;
    }
    version->has_permission = move->to == VERSION_DESTROY_SCHEDULED && move->permission != NULL;
    version->permission = version->has_permission ? *move->permission : none;
}

static void set_times(struct version *version, const struct version_move *move, int64_t now)
{
    bool back = move->from == VERSION_DISABLED && version->activated_at != 0;
    if (move->to == VERSION_ACTIVE) {
        version->activated_at = back ? version->activated_at : now;
        version->retired_at = 0;
    }
    if ((move->to == VERSION_RETIRING || move->to == VERSION_RETIRED) && version->retired_at == 0) {
        version->retired_at = now;
    }
    if (move->to == VERSION_PENDING || (move->to == VERSION_ACTIVE && version->published_at == 0)) {
        version->published_at = now; /* a pending one that comes back is news to verifiers */
    }
    if (move->to != VERSION_DESTROYED) {
        version->destroy_at = move->to == VERSION_DESTROY_SCHEDULED ? move->destroy_at : 0;
    }
}

static struct err apply_move(struct draft *draft, const struct version_move *move, int64_t now)
{
    struct version *version = NULL;
    TRY(draft_version(draft, move->number, &version));
    assert(version != NULL);
    ENSURE(version->state == move->from, ERR_INVALID_STATE, "version %u is %s, not %s",
           move->number, version_state_name(version->state), version_state_name(move->from));
    ENSURE(version->identity_len > 0, ERR_INVALID_STATE, "version %u is not made yet",
           move->number);
    ENSURE(!version->destroying || move->to == VERSION_DESTROYED, ERR_INVALID_STATE,
           "version %u is being destroyed, its material may be gone", move->number);
    enter(version, move, now);
    set_permission(version, move);
    set_times(version, move, now);
    return err_ok();
}

static struct err check_one_active(const struct draft *draft)
{
    size_t active = 0;
    for (size_t i = 0; i < draft->key.version_count; i++) {
        active += draft->versions[i].state == VERSION_ACTIVE ? 1 : 0;
    }
    ENSURE(active <= 1, ERR_INVALID_STATE, "a key has one active version at most");
    return err_ok();
}

/* Versions that become active come last: the index on one active version sees each statement. */
static struct err write_moved(struct db *db, const struct draft *draft)
{
    for (int activating = 0; activating <= 1; activating++) {
        for (size_t i = 0; i < draft->key.version_count; i++) {
            const struct version *version = &draft->versions[i];
            enum version_state from = draft->old->versions[i].state;
            bool due = (version->state == VERSION_ACTIVE) == (activating == 1);
            if (due && version->state != from) {
                TRY(db_versions_write(db, draft->key.id, version, from));
            }
        }
    }
    return err_ok();
}

static struct err move_locked(struct keystore *store, struct span name,
                              const struct version_move *moves, size_t count, int64_t now)
{
    CLEANUP(draft_clear) struct draft draft = {0};
    TRY(draft_begin(store, name, &draft));
    for (size_t i = 0; i < count; i++) {
        TRY(apply_move(&draft, &moves[i], now));
    }
    TRY(check_one_active(&draft));
    TRY(db_begin(store->db));
    TRY(db_end(store->db, write_moved(store->db, &draft)));
    draft_show(store, &draft.key);
    return err_ok();
}

struct err keystore_move(struct keystore *store, struct span name, const struct version_move *moves,
                         size_t count, int64_t now)
{
    sync_lock(&store->writer);
    struct err err = move_locked(store, name, moves, count, now);
    sync_unlock(&store->writer);
    return err;
}

/* `destroying`: what to write, and then what was written before. */
static struct err mark_locked(struct keystore *store, struct span name, uint32_t number,
                              bool *destroying)
{
    CLEANUP(draft_clear) struct draft draft = {0};
    struct version *version = NULL;
    TRY(draft_begin(store, name, &draft));
    TRY(draft_version(&draft, number, &version));
    assert(version != NULL);
    ENSURE(version->state == VERSION_DESTROY_SCHEDULED, ERR_INVALID_STATE,
           "version %u is %s, not destroy-scheduled", number, version_state_name(version->state));
    bool before = version->destroying;
    version->destroying = *destroying;
    TRY(db_begin(store->db));
    TRY(db_end(store->db,
               db_versions_write(store->db, draft.key.id, version, VERSION_DESTROY_SCHEDULED)));
    draft_show(store, &draft.key);
    *destroying = before;
    return err_ok();
}

static struct err mark(struct keystore *store, struct span name, uint32_t number, bool *destroying)
{
    sync_lock(&store->writer);
    struct err err = mark_locked(store, name, number, destroying);
    sync_unlock(&store->writer);
    return err;
}

struct err keystore_begin_destroy(struct keystore *store, struct span name, uint32_t number,
                                  bool *out_first)
{
    bool destroying = true;
    TRY(mark(store, name, number, &destroying));
    if (out_first != NULL) {
        *out_first = !destroying;
    }
    return err_ok();
}

struct err keystore_spare(struct keystore *store, struct span name, uint32_t number)
{
    bool destroying = false;
    return mark(store, name, number, &destroying);
}
