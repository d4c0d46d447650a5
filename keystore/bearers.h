/* bearers: our bearer tokens in memory, found by hash without SQL. */
#ifndef HSMGATE_KEYSTORE_BEARERS_H
#define HSMGATE_KEYSTORE_BEARERS_H

#include <pthread.h>

#include "keystore/db.h"
#include "keystore/keystore.h"

#define BEARER_BUCKETS 1024

struct bearer_entry;

struct bearers {
    pthread_rwlock_t lock; /* guards the rest; entries change only under the writer mutex too */
    struct bearer_entry *buckets[BEARER_BUCKETS];
    size_t count;
};

void bearers_init(struct bearers *bearers);
void bearers_clear(struct bearers *bearers);
void bearers_add(struct bearers *bearers, const struct bearer *bearer);
/* False when there is none with this name. */
bool bearers_by_name(struct bearers *bearers, struct span name, struct bearer *out);
void bearers_remove(struct bearers *bearers, struct span name);
void bearers_remove_expired(struct bearers *bearers, int64_t now);
/* Writes back when each was last used; the caller holds the writer mutex. */
MUST_USE struct err bearers_settle(struct bearers *bearers, struct db *db);

#endif
