/* db_backup: a copy of the whole database in one file, and what opening such a copy means. */
#ifndef HSMGATE_KEYSTORE_DB_BACKUP_H
#define HSMGATE_KEYSTORE_DB_BACKUP_H

#include "keystore/db.h"

struct db_copy;

/* Starts a copy into a new file, mode 0600. ERR_CONFLICT when it is there, ERR_IO. Every call with
 * the source's db is under the writer mutex. */
MUST_USE struct err db_copy_begin(struct db *db, const char *path, struct db_copy **out);
/* Copies some pages more; changes by this process in between are copied, too. */
MUST_USE struct err db_copy_step(struct db_copy *copy, uint64_t *out_done, uint64_t *out_total,
                                 bool *out_more);
/* Marks the finished copy as one that was taken at `now` and makes it durable; needs no mutex. */
MUST_USE struct err db_copy_finish(struct db_copy *copy, int64_t now);
/* Ends it; a copy that was not finished is removed. Takes NULL. For CLEANUP. Under the mutex. */
void db_copy_end(struct db_copy *copy);

/* When the database is a copy: when that was taken comes out, and it is a database like others from
 * here on; else 0 comes out. What was done since is not in it, so versions that count their uses
 * are marked as unsure, records of use begin at `now`, versions that were being made are forgotten,
 * and no destruction is due within a day. */
MUST_USE struct err db_backup_settle(struct db *db, int64_t now, int64_t *out_taken_at);

#endif
