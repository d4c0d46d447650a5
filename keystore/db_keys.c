/* db_keys: the SQL that changes keys and versions.
 *
 * Updates of a version carry the state that it must have, and the number of rows touched is
 * checked, so that a stale caller changes nothing. */
#include "keystore/db_keys.h"

#include "base/mem.h"
#include "keystore/facts.h"

struct err db_keys_insert(struct db *db, const struct key *key)
{
    struct db_value values[] = {db_uuid(&key->id),
                                db_text(key->name),
                                db_text(algorithm_info(key->algorithm)->name),
                                db_text(purpose_name(key->purpose)),
                                db_text(key->token),
                                db_text(key->facts.owner),
                                db_text(classification_name(key->facts.classification)),
                                db_integer(key->created_at),
                                db_integer(key->next_version)};
    TRY(db_run(db,
               "INSERT INTO keys (id, name, algorithm, purpose, token, owner, classification,"
               " created_at, next_version, labels, rotation_every, rotation_overlap,"
               " rotation_publish_ahead, rotation_max_uses, jwt_max_ttl, jwt_audiences, approval_m)"
               " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '{}', 0, 0, 0, 0, 0, '[]', 0)",
               values, ARRAY_LEN(values), NULL));
    return db_keys_write(db, key);
}

struct err db_keys_write(struct db *db, const struct key *key)
{
    const struct key_facts *facts = &key->facts;
    CLEANUP(buf_clear) struct buf labels = {0};
    CLEANUP(buf_clear) struct buf audiences = {0};
    TRY(facts_write_labels(facts, &labels));
    TRY(facts_write_audiences(facts, &audiences));
    struct db_value values[] = {db_text(facts->owner),
                                db_text(facts->description),
                                db_text(facts->contact),
                                db_text(classification_name(facts->classification)),
                                db_name(buf_span(&labels)),
                                db_integer(facts->rotation.every),
                                db_integer(facts->rotation.overlap),
                                db_integer(facts->rotation.publish_ahead),
                                db_integer(facts->rotation.max_uses),
                                db_integer(facts->jwt.max_ttl),
                                db_text(facts->jwt.issuer),
                                db_name(buf_span(&audiences)),
                                db_text(facts->approval.group),
                                db_integer(facts->approval.m),
                                db_integer(key->next_version),
                                db_integer(facts->rotation.mode),
                                db_integer(key->cached_until),
                                db_integer(key->frozen.at),
                                db_text(key->frozen.by),
                                db_text(key->frozen.reason),
                                db_uuid(&key->id)};
    size_t changed = 0;
    TRY(db_run(db,
               "UPDATE keys SET owner = $1, description = $2, contact = $3, classification = $4,"
               " labels = $5, rotation_every = $6, rotation_overlap = $7,"
               " rotation_publish_ahead = $8, rotation_max_uses = $9, jwt_max_ttl = $10,"
               " jwt_issuer = $11, jwt_audiences = $12, approval_group = $13, approval_m = $14,"
               " next_version = $15, rotation_mode = $16, cached_until = $17, frozen_at = $18,"
               " frozen_by = $19, frozen_reason = $20 WHERE id = $21",
               values, ARRAY_LEN(values), &changed));
    ENSURE(changed == 1, ERR_NOT_FOUND, "there is no such key");
    return err_ok();
}

struct err db_keys_delete(struct db *db, struct uuid id)
{
    struct db_value values[] = {db_uuid(&id)};
    return db_run(db, "DELETE FROM keys WHERE id = $1", values, ARRAY_LEN(values), NULL);
}

struct err db_versions_insert(struct db *db, struct uuid key_id, const struct version *version)
{
    struct db_value values[] = {db_uuid(&key_id),
                                db_integer(version->number),
                                db_integer(version->state),
                                db_bytes(span_of(version->cka_id, version->cka_id_len)),
                                db_bytes(span_of(version->identity, version->identity_len)),
                                db_bytes(version->public_key),
                                db_integer(version->created_at),
                                db_integer(version->adopted ? 1 : 0),
                                db_integer(version->attributes)};
    return db_run(db,
                  "INSERT INTO versions (key_id, number, state, cka_id, identity, public_key,"
                  " created_at, recorded_since, adopted, attributes)"
                  " VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)",
                  values, ARRAY_LEN(values), NULL);
}

static struct db_value permission_of(const struct version *version)
{
    return version->has_permission ? db_uuid(&version->permission) : db_text(NULL);
}

struct err db_versions_write(struct db *db, struct uuid key_id, const struct version *version,
                             enum version_state from)
{
    struct db_value values[] = {db_integer(version->state),
                                db_bytes(span_of(version->identity, version->identity_len)),
                                db_bytes(version->public_key),
                                db_integer(version->activated_at),
                                db_integer(version->retired_at),
                                db_integer(version->destroy_at),
                                db_integer(version->published_at),
                                db_integer(version->promote_at),
                                db_integer(version->entered_at),
                                db_integer(version->entered_lived),
                                db_integer(version->disabled_from),
                                db_integer(version->scheduled_from),
                                db_integer(version->destroying ? 1 : 0),
                                db_text(version->reason),
                                permission_of(version),
                                db_uuid(&key_id),
                                db_integer(version->number),
                                db_integer(from)};
    size_t changed = 0;
    TRY(db_run(db,
               "UPDATE versions SET state = $1, identity = $2, public_key = $3, activated_at = $4,"
               " retired_at = $5, destroy_at = $6, published_at = $7, promote_at = $8,"
               " entered_at = $9, entered_lived = $10, disabled_from = $11, scheduled_from = $12,"
               " destroying = $13, reason = $14, permission = $15"
               " WHERE key_id = $16 AND number = $17 AND state = $18",
               values, ARRAY_LEN(values), &changed));
    ENSURE(changed == 1, ERR_INVALID_STATE, "version %u is not %s any more", version->number,
           version_state_name(from));
    return err_ok();
}

struct err db_versions_certify(struct db *db, struct uuid key_id, uint32_t number,
                               const char *chain)
{
    struct db_value values[] = {db_text(chain), db_uuid(&key_id), db_integer(number)};
    size_t changed = 0;
    TRY(db_run(db, "UPDATE versions SET certificates = $1 WHERE key_id = $2 AND number = $3",
               values, ARRAY_LEN(values), &changed));
    ENSURE(changed == 1, ERR_NOT_FOUND, "there is no version %u any more", number);
    return err_ok();
}

struct err db_versions_delete(struct db *db, struct uuid key_id, uint32_t number)
{
    struct db_value values[] = {db_uuid(&key_id), db_integer(number), db_integer(VERSION_PENDING)};
    size_t changed = 0;
    TRY(db_run(db, "DELETE FROM versions WHERE key_id = $1 AND number = $2 AND state = $3", values,
               ARRAY_LEN(values), &changed));
    ENSURE(changed == 1, ERR_INVALID_STATE, "version %u is not pending any more", number);
    return err_ok();
}

struct err db_versions_write_uses(struct db *db, struct uuid key_id, uint32_t number,
                                  const struct uses_row *row)
{
    ENSURE(row->reserved <= INT64_MAX && row->rewrapped <= INT64_MAX, ERR_KEY_EXHAUSTED,
           "version %u has no uses left", number);
    struct db_value values[] = {db_integer((int64_t)row->reserved),
                                db_integer(row->last_used_at),
                                db_integer(row->kind_at[USE_PROTECT]),
                                db_text(row->principals[USE_PROTECT]),
                                db_integer(row->kind_at[USE_OPEN]),
                                db_text(row->principals[USE_OPEN]),
                                db_integer(row->jwt_expires_at),
                                db_integer(row->raw_signature_at),
                                db_integer((int64_t)row->rewrapped),
                                db_uuid(&key_id),
                                db_integer(number)};
    size_t changed = 0;
    TRY(db_run(db,
               "UPDATE versions SET uses_reserved = $1, last_used_at = $2, protected_at = $3,"
               " protected_by = $4, opened_at = $5, opened_by = $6, jwt_expires_at = $7,"
               " raw_signature_at = $8, rewrapped = $9 WHERE key_id = $10 AND number = $11",
               values, ARRAY_LEN(values), &changed));
    ENSURE(changed == 1, ERR_NOT_FOUND, "there is no version %u any more", number);
    return err_ok();
}

struct err db_clock_load(struct db *db, struct lived_clock *out)
{
    CLEANUP(db_rows_close_at) struct db_rows *rows = NULL;
    bool more = false;
    TRY(db_query(db, "SELECT lived, high_water FROM clock", NULL, 0, &rows));
    TRY(db_next(rows, &more));
    ENSURE(more, ERR_CORRUPT, "the key store's database has no clock");
    out->lived = db_integer_at(rows, 0);
    out->high_water = db_integer_at(rows, 1);
    return err_ok();
}

struct err db_clock_write(struct db *db, const struct lived_clock *clock)
{
    struct db_value values[] = {db_integer(clock->lived), db_integer(clock->high_water)};
    return db_run(db, "UPDATE clock SET lived = $1, high_water = $2", values, ARRAY_LEN(values),
                  NULL);
}
