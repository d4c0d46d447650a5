/* grants: the newest snapshot of all grants, and what puts the next one in its place. */
#ifndef HSMGATE_KEYSTORE_GRANTS_H
#define HSMGATE_KEYSTORE_GRANTS_H

#include <pthread.h>

#include "keystore/db.h"
#include "keystore/keystore.h"

struct grant_directory {
    pthread_rwlock_t lock; /* guards newest; it changes only under the writer mutex too */
    const struct grants *newest;
};

/* Empty. */
void grant_directory_init(struct grant_directory *directory);
void grant_directory_clear(struct grant_directory *directory);
/* A new reference. */
const struct grants *grant_directory_newest(struct grant_directory *directory);
/* Takes the reference over. */
void grant_directory_replace(struct grant_directory *directory, const struct grants *next);

/* A snapshot of these, whose references it takes over; the array is the caller's and must be in the
 * order of ids. */
const struct grants *grants_make(const struct grant *const *sorted, size_t count);
/* Writes back when each was last used; the caller holds the writer mutex. */
MUST_USE struct err grants_settle(struct grant_directory *directory, struct db *db);

#endif
