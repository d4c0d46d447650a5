/* db_keys: rows of keys and versions. Every function wants an open transaction. */
#ifndef HSMGATE_KEYSTORE_DB_KEYS_H
#define HSMGATE_KEYSTORE_DB_KEYS_H

#include "keystore/db.h"
#include "keystore/keystore.h"

/* The key's row alone. ERR_CONFLICT. */
MUST_USE struct err db_keys_insert(struct db *db, const struct key *key);
/* Facts, next_version and cached_until. */
MUST_USE struct err db_keys_write(struct db *db, const struct key *key);
MUST_USE struct err db_keys_delete(struct db *db, struct uuid id);
MUST_USE struct err db_versions_insert(struct db *db, struct uuid key_id,
                                       const struct version *version);
/* State, times and material, only while the row is in state `from`; ERR_INVALID_STATE. */
MUST_USE struct err db_versions_write(struct db *db, struct uuid key_id,
                                      const struct version *version, enum version_state from);
/* ERR_NOT_FOUND. */
MUST_USE struct err db_versions_certify(struct db *db, struct uuid key_id, uint32_t number,
                                        const char *chain);
/* Only a pending one; ERR_INVALID_STATE. */
MUST_USE struct err db_versions_delete(struct db *db, struct uuid key_id, uint32_t number);
/* What a version's row holds of its uses. */
struct uses_row {
    uint64_t reserved;
    int64_t last_used_at;
    int64_t kind_at[USE_KIND_COUNT];
    const char *principals[USE_KIND_COUNT];
    int64_t jwt_expires_at;
    int64_t raw_signature_at;
    uint64_t rewrapped;
    int64_t recorded_since; /* written with the row, never after */
};
MUST_USE struct err db_versions_write_uses(struct db *db, struct uuid key_id, uint32_t number,
                                           const struct uses_row *row);
MUST_USE struct err db_clock_load(struct db *db, struct lived_clock *out);
MUST_USE struct err db_clock_write(struct db *db, const struct lived_clock *clock);

#endif
