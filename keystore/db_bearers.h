/* db_bearers: rows of our bearer tokens. Changes want an open transaction. */
#ifndef HSMGATE_KEYSTORE_DB_BEARERS_H
#define HSMGATE_KEYSTORE_DB_BEARERS_H

#include "keystore/bearers.h"

MUST_USE struct err db_bearers_load(struct db *db, struct bearers *bearers);
/* Drops the rows that have expired, then adds this one. ERR_CONFLICT. */
MUST_USE struct err db_bearers_put(struct db *db, const struct bearer *bearer, int64_t now);
MUST_USE struct err db_bearers_delete(struct db *db, struct span name);
MUST_USE struct err db_bearers_touch(struct db *db, struct span name, int64_t last_used_at);

#endif
