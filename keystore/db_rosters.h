/* db_rosters: rows of the chain of rosters. Changes want an open transaction. */
#ifndef HSMGATE_KEYSTORE_DB_ROSTERS_H
#define HSMGATE_KEYSTORE_DB_ROSTERS_H

#include "keystore/db.h"
#include "keystore/keystore.h"

/* ERR_CONFLICT unless it is the next number. */
MUST_USE struct err db_rosters_insert(struct db *db, const struct roster_row *row);
/* All, ascending, in one block for mem_free. */
MUST_USE struct err db_rosters_load(struct db *db, struct roster_row **out, size_t *out_count);

#endif
