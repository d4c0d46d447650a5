/* db_aliases: the SQL of aliases. */
#ifndef HSMGATE_KEYSTORE_DB_ALIASES_H
#define HSMGATE_KEYSTORE_DB_ALIASES_H

#include "keystore/db.h"
#include "keystore/keystore.h"

/* All rows in order of names; mem_free. ERR_CORRUPT. */
MUST_USE struct err db_aliases_read(struct db *db, struct alias **out, size_t *out_count);
MUST_USE struct err db_aliases_put(struct db *db, const struct alias *alias);
MUST_USE struct err db_aliases_move(struct db *db, struct span name, struct uuid key, int64_t now);
MUST_USE struct err db_aliases_delete(struct db *db, struct span name);

#endif
