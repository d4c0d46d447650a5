/* change: every change of a key, in one shape: find the key under the writer mutex, draft its next
 * form, write the rows in a transaction, and only after the commit show the new key to readers.
 *
 * The in-memory key gives the clear refusals; the SQL conditions and constraints repeat them. The
 * assertions on pointers tell the static analyzer that what succeeded has set its output. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_keys.h"
#include "keystore/key.h"
#include "keystore/store.h"

/* The next form of a key, with versions that may be changed; it borrows from the old one. */
struct draft {
    const struct key *old;
    struct key key;
    struct version *versions;
};

static void draft_clear(struct draft *draft)
{
    mem_free(draft->versions);
    key_release(draft->old);
}

/* Room for one more version is there. */
static struct err draft_begin(struct keystore *store, struct span name, struct draft *out)
{
    const struct key *old = directory_find(&store->directory, name);
    ENSURE(old != NULL, ERR_NOT_FOUND, "there is no such key");
    out->old = old;
    out->key = *old;
    out->versions = mem_array(old->version_count + 1, sizeof(*out->versions));
    memcpy(out->versions, old->versions, old->version_count * sizeof(*out->versions));
    out->key.versions = out->versions;
    return err_ok();
}

static struct err draft_version(struct draft *draft, uint32_t number, struct version **out)
{
    const struct version *version = key_version(&draft->key, number);
    ENSURE(version != NULL, ERR_NOT_FOUND, "the key has no version %u", number);
    *out = &draft->versions[version - draft->versions];
    return err_ok();
}

static void publish(struct keystore *store, const struct key *draft)
{
    directory_put(&store->directory, key_make(draft));
}

static struct version pending(uint32_t number, struct span cka_id, int64_t now)
{
    struct version version = {.number = number, .state = VERSION_PENDING, .created_at = now};
    memcpy(version.cka_id, cka_id.data, cka_id.len);
    version.cka_id_len = cka_id.len;
    return version;
}

static struct err check_cka_id(struct span cka_id)
{
    ENSURE(cka_id.len > 0 && cka_id.len <= CKA_ID_MAX, ERR_INTERNAL, "a CKA_ID has a wrong length");
    return err_ok();
}

static struct err insert_key(struct db *db, const struct key *key)
{
    TRY(db_keys_insert(db, key));
    return db_versions_insert(db, key->id, &key->versions[0]);
}

static struct err reserve_key_locked(struct keystore *store, const struct key_spec *spec,
                                     struct span cka_id, int64_t now)
{
    CLEANUP(key_release_at)
    const struct key *taken = directory_find(&store->directory, span_text(spec->name));
    ENSURE(taken == NULL, ERR_CONFLICT, "a key with this name is there already");
    TRY(check_cka_id(cka_id));
    struct version first = pending(1, cka_id, now);
    struct key key = {.id = uuid_make(),
                      .name = spec->name,
                      .algorithm = spec->algorithm,
                      .purpose = spec->purpose,
                      .token = spec->token,
                      .facts = spec->facts,
                      .created_at = now,
                      .next_version = 2,
                      .versions = &first,
                      .version_count = 1};
    TRY(db_begin(store->db));
    TRY(db_end(store->db, insert_key(store->db, &key)));
    publish(store, &key);
    return err_ok();
}

struct err keystore_reserve_key(struct keystore *store, const struct key_spec *spec,
                                struct span cka_id, int64_t now)
{
    sync_lock(&store->writer);
    struct err err = reserve_key_locked(store, spec, cka_id, now);
    sync_unlock(&store->writer);
    return err;
}

static struct err insert_version(struct db *db, const struct key *key,
                                 const struct version *version)
{
    TRY(db_keys_write(db, key));
    return db_versions_insert(db, key->id, version);
}

static struct err reserve_version_locked(struct keystore *store, struct span name,
                                         struct span cka_id, int64_t now, uint32_t *out_number)
{
    CLEANUP(draft_clear) struct draft draft = {0};
    TRY(draft_begin(store, name, &draft));
    TRY(check_cka_id(cka_id));
    uint32_t number = draft.key.next_version;
    ENSURE(number < INT32_MAX, ERR_KEY_EXHAUSTED, "the key has no version numbers left");
    assert(draft.versions != NULL);
    struct version *fresh = &draft.versions[draft.key.version_count];
    *fresh = pending(number, cka_id, now);
    draft.key.version_count++;
    draft.key.next_version++;
    TRY(db_begin(store->db));
    TRY(db_end(store->db, insert_version(store->db, &draft.key, fresh)));
    publish(store, &draft.key);
    *out_number = number;
    return err_ok();
}

struct err keystore_reserve_version(struct keystore *store, struct span name, struct span cka_id,
                                    int64_t now, uint32_t *out_number)
{
    sync_lock(&store->writer);
    struct err err = reserve_version_locked(store, name, cka_id, now, out_number);
    sync_unlock(&store->writer);
    return err;
}

static struct err record_locked(struct keystore *store, struct span name, uint32_t number,
                                struct span identity, struct span public_key)
{
    CLEANUP(draft_clear) struct draft draft = {0};
    struct version *version = NULL;
    TRY(draft_begin(store, name, &draft));
    TRY(draft_version(&draft, number, &version));
    assert(version != NULL);
    ENSURE(version->state == VERSION_PENDING && version->identity_len == 0, ERR_INVALID_STATE,
           "version %u has its material already", number);
    ENSURE(identity.len > 0 && identity.len <= IDENTITY_MAX, ERR_INTERNAL,
           "an identity has a wrong length");
    memcpy(version->identity, identity.data, identity.len);
    version->identity_len = identity.len;
    version->public_key = public_key;
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_versions_write(store->db, draft.key.id, version, VERSION_PENDING)));
    publish(store, &draft.key);
    return err_ok();
}

struct err keystore_record_material(struct keystore *store, struct span name, uint32_t number,
                                    struct span identity, struct span public_key)
{
    sync_lock(&store->writer);
    struct err err = record_locked(store, name, number, identity, public_key);
    sync_unlock(&store->writer);
    return err;
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
    version->state = move->to;
    if (move->to == VERSION_ACTIVE) {
        version->activated_at = now;
        version->retired_at = 0;
    }
    if ((move->to == VERSION_RETIRING || move->to == VERSION_RETIRED) && version->retired_at == 0) {
        version->retired_at = now;
    }
    if (move->to != VERSION_DESTROYED) {
        version->destroy_at = move->to == VERSION_DESTROY_SCHEDULED ? move->destroy_at : 0;
    }
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
    publish(store, &draft.key);
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

static struct err delete_pending(struct db *db, const struct key *key, uint32_t number)
{
    TRY(db_versions_delete(db, key->id, number));
    return key->version_count == 1 ? db_keys_delete(db, key->id) : err_ok();
}

static struct err drop_locked(struct keystore *store, struct span name, uint32_t number)
{
    CLEANUP(draft_clear) struct draft draft = {0};
    struct version *version = NULL;
    TRY(draft_begin(store, name, &draft));
    TRY(draft_version(&draft, number, &version));
    assert(version != NULL && draft.old != NULL);
    ENSURE(version->state == VERSION_PENDING && version->activated_at == 0, ERR_INVALID_STATE,
           "version %u is not pending", number);
    TRY(db_begin(store->db));
    TRY(db_end(store->db, delete_pending(store->db, draft.old, number)));
    if (draft.key.version_count == 1) {
        directory_remove(&store->directory, draft.old);
        return err_ok();
    }
    size_t behind = draft.key.version_count - (size_t)(version - draft.versions) - 1;
    memmove(version, version + 1, behind * sizeof(*version));
    draft.key.version_count--;
    publish(store, &draft.key);
    return err_ok();
}

struct err keystore_drop_pending(struct keystore *store, struct span name, uint32_t number)
{
    sync_lock(&store->writer);
    struct err err = drop_locked(store, name, number);
    sync_unlock(&store->writer);
    return err;
}

static struct err update_locked(struct keystore *store, struct span name,
                                const struct key_facts *facts)
{
    CLEANUP(draft_clear) struct draft draft = {0};
    TRY(draft_begin(store, name, &draft));
    draft.key.facts = *facts;
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_keys_write(store->db, &draft.key)));
    publish(store, &draft.key);
    return err_ok();
}

struct err keystore_update(struct keystore *store, struct span name, const struct key_facts *facts)
{
    sync_lock(&store->writer);
    struct err err = update_locked(store, name, facts);
    sync_unlock(&store->writer);
    return err;
}
