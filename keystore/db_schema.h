/* db_schema: the tables, built up by numbered migrations that never change once released. */
#ifndef HSMGATE_KEYSTORE_DB_SCHEMA_H
#define HSMGATE_KEYSTORE_DB_SCHEMA_H

#include "keystore/db.h"

/* Runs each missing migration in a transaction of its own. ERR_NEWER when the database has one that
 * this program does not know; then nothing was written. */
MUST_USE struct err db_schema_migrate(struct db *db, int64_t now);

/* Likewise up to this number alone: for tests of what a migration makes of old rows. */
MUST_USE struct err db_schema_migrate_to(struct db *db, int64_t last, int64_t now);

#endif
