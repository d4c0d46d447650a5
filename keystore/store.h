/* store: what is behind the face, shared by the files that implement it. */
#ifndef HSMGATE_KEYSTORE_STORE_H
#define HSMGATE_KEYSTORE_STORE_H

#include "keystore/bearers.h"
#include "keystore/claims.h"
#include "keystore/db.h"
#include "keystore/directory.h"

struct keystore {
    /* Guards db and every change of directory and bearers, so that both change in the order of
     * commits. It is held during SQL: that is what it is for. Readers never take it. */
    pthread_mutex_t writer;
    struct db *db;
    struct directory directory;
    struct bearers bearers;
    struct claims claims;
};

#endif
