/* db_grants: the SQL of grants. */
#ifndef HSMGATE_KEYSTORE_DB_GRANTS_H
#define HSMGATE_KEYSTORE_DB_GRANTS_H

#include "keystore/db.h"
#include "keystore/keystore.h"

/* All of them, as a snapshot with one reference. ERR_CORRUPT. */
MUST_USE struct err db_grants_load(struct db *db, const struct grants **out);
/* Inserts or replaces, with its last use. */
MUST_USE struct err db_grants_put(struct db *db, const struct grant *grant);
MUST_USE struct err db_grants_delete(struct db *db, struct span id);
MUST_USE struct err db_grants_touch(struct db *db, const char *id, int64_t last_used_at);

#endif
