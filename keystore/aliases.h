/* aliases: other names of keys in memory, in order of names. */
#ifndef HSMGATE_KEYSTORE_ALIASES_H
#define HSMGATE_KEYSTORE_ALIASES_H

#include <pthread.h>

#include "keystore/db.h"
#include "keystore/keystore.h"

struct aliases {
    pthread_rwlock_t lock;
    struct alias *list; /* ascending by name */
    size_t count;
};

void aliases_init(struct aliases *aliases);
void aliases_clear(struct aliases *aliases);
MUST_USE struct err aliases_load(struct aliases *aliases, struct db *db);

#endif
