/* store: what is behind the face, shared by the files that implement it. */
#ifndef HSMGATE_KEYSTORE_STORE_H
#define HSMGATE_KEYSTORE_STORE_H

#include "keystore/aliases.h"
#include "keystore/bearers.h"
#include "keystore/changes.h"
#include "keystore/claims.h"
#include "keystore/db.h"
#include "keystore/directory.h"
#include "keystore/grants.h"
#include "keystore/settler.h"
#include "keystore/uses.h"

struct keystore {
    /* Guards db and every change of directory, bearers and grants, so that they change in the order
     * of commits. It is held during SQL: that is what it is for. Readers never take it. */
    pthread_mutex_t writer;
    struct db *db;
    struct directory directory;
    struct bearers bearers;
    struct aliases aliases;
    struct grant_directory grants;
    struct claims claims;
    struct changes changes;
    struct unsettled unsettled;
    struct settler settler;
    int64_t restored_from; /* when the backup was taken that this was made of just now, or 0 */
};

/* Writes back when bearers and grants were last used, and what is recorded of versions; the caller
 * holds the writer mutex. */
MUST_USE struct err store_settle(struct keystore *store, enum settle_how how);

#endif
