/* change: every change of a key but its states, in one shape: find the key under the writer mutex,
 * draft its next form, write the rows in a transaction, and only after the commit show the new key
 * to readers. States are move.c's.
 *
 * The in-memory key gives the clear refusals; the SQL conditions and constraints repeat them. The
 * assertions on pointers tell the static analyzer that what succeeded has set its output. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_keys.h"
#include "keystore/draft.h"
#include "keystore/key.h"

static struct version pending(uint32_t number, const struct version_source *source, int64_t now)
{
    struct version version = {.number = number,
                              .state = VERSION_PENDING,
                              .created_at = now,
                              .adopted = source->adopted,
                              .attributes = source->attributes};
    memcpy(version.cka_id, source->cka_id.data, source->cka_id.len);
    version.cka_id_len = source->cka_id.len;
    return version;
}

static struct err check_source(const struct version_source *source)
{
    ENSURE(source->cka_id.len > 0 && source->cka_id.len <= CKA_ID_MAX, ERR_INTERNAL,
           "a CKA_ID has a wrong length");
    return err_ok();
}

static struct err insert_key(struct db *db, const struct key *key)
{
    TRY(db_keys_insert(db, key));
    return db_versions_insert(db, key->id, &key->versions[0]);
}

static struct err reserve_key_locked(struct keystore *store, const struct key_spec *spec,
                                     const struct version_source *source, int64_t now)
{
    CLEANUP(key_release_at)
    const struct key *taken = directory_find(&store->directory, span_text(spec->name));
    ENSURE(taken == NULL, ERR_CONFLICT, "a key with this name is there already");
    TRY(check_source(source));
    struct version first = pending(1, source, now);
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
    draft_show(store, &key);
    return err_ok();
}

struct err keystore_reserve_key(struct keystore *store, const struct key_spec *spec,
                                const struct version_source *source, int64_t now)
{
    sync_lock(&store->writer);
    struct err err = reserve_key_locked(store, spec, source, now);
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
                                         const struct version_source *source, int64_t now,
                                         uint32_t *out_number)
{
    CLEANUP(draft_clear) struct draft draft = {0};
    TRY(draft_begin(store, name, &draft));
    TRY(check_source(source));
    uint32_t number = draft.key.next_version;
    ENSURE(number < INT32_MAX, ERR_KEY_EXHAUSTED, "the key has no version numbers left");
    assert(draft.versions != NULL);
    struct version *fresh = &draft.versions[draft.key.version_count];
    *fresh = pending(number, source, now);
    draft.key.version_count++;
    draft.key.next_version++;
    TRY(db_begin(store->db));
    TRY(db_end(store->db, insert_version(store->db, &draft.key, fresh)));
    draft_show(store, &draft.key);
    *out_number = number;
    return err_ok();
}

struct err keystore_reserve_version(struct keystore *store, struct span name,
                                    const struct version_source *source, int64_t now,
                                    uint32_t *out_number)
{
    sync_lock(&store->writer);
    struct err err = reserve_version_locked(store, name, source, now, out_number);
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
    draft_show(store, &draft.key);
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

static struct err publish_locked(struct keystore *store, struct span name, uint32_t number,
                                 const struct publication *publication, int64_t now)
{
    CLEANUP(draft_clear) struct draft draft = {0};
    struct version *version = NULL;
    TRY(draft_begin(store, name, &draft));
    TRY(draft_version(&draft, number, &version));
    assert(version != NULL);
    ENSURE(version->state == VERSION_PENDING && version->identity_len > 0 &&
               version->published_at == 0,
           ERR_INVALID_STATE, "version %u is not one that waits to be published", number);
    version->published_at = now;
    version->promote_at = publication->promote_at;
    version->entered_at = now;
    version->entered_lived = publication->lived;
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_versions_write(store->db, draft.key.id, version, VERSION_PENDING)));
    draft_show(store, &draft.key);
    return err_ok();
}

struct err keystore_publish(struct keystore *store, struct span name, uint32_t number,
                            const struct publication *publication, int64_t now)
{
    sync_lock(&store->writer);
    struct err err = publish_locked(store, name, number, publication, now);
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
    ENSURE(version->state == VERSION_PENDING && version->published_at == 0, ERR_INVALID_STATE,
           "version %u is not one that is still being made", number);
    TRY(db_begin(store->db));
    TRY(db_end(store->db, delete_pending(store->db, draft.old, number)));
    if (draft.key.version_count == 1) {
        directory_remove(&store->directory, draft.old);
        changes_note(&store->changes, draft.old->id);
        return err_ok();
    }
    size_t behind = draft.key.version_count - (size_t)(version - draft.versions) - 1;
    memmove(version, version + 1, behind * sizeof(*version));
    draft.key.version_count--;
    draft_show(store, &draft.key);
    return err_ok();
}

struct err keystore_drop_pending(struct keystore *store, struct span name, uint32_t number)
{
    sync_lock(&store->writer);
    struct err err = drop_locked(store, name, number);
    sync_unlock(&store->writer);
    return err;
}

static struct err update_locked(struct keystore *store, const struct key *seen,
                                const struct key_facts *facts, int64_t cached_until)
{
    CLEANUP(draft_clear) struct draft draft = {0};
    TRY(draft_begin(store, span_text(seen->name), &draft));
    ENSURE(draft.old == seen, ERR_CONFLICT, "the key was changed meanwhile");
    draft.key.facts = *facts;
    if (cached_until > draft.key.cached_until) {
        draft.key.cached_until = cached_until;
    }
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_keys_write(store->db, &draft.key)));
    draft_show(store, &draft.key);
    return err_ok();
}

struct err keystore_update(struct keystore *store, const struct key *seen,
                           const struct key_facts *facts, int64_t cached_until)
{
    sync_lock(&store->writer);
    struct err err = update_locked(store, seen, facts, cached_until);
    sync_unlock(&store->writer);
    return err;
}
