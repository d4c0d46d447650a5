/* db_load: every key from its rows into memory, once, at start. */
#ifndef HSMGATE_KEYSTORE_DB_LOAD_H
#define HSMGATE_KEYSTORE_DB_LOAD_H

#include "keystore/db.h"
#include "keystore/directory.h"

/* ERR_CORRUPT for rows that no version of this program writes. */
MUST_USE struct err db_load_keys(struct db *db, struct directory *directory);

#endif
