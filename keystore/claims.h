/* claims: the names of keys that somebody is making a version of right now. */
#ifndef HSMGATE_KEYSTORE_CLAIMS_H
#define HSMGATE_KEYSTORE_CLAIMS_H

#include <pthread.h>

#include "base/buf.h"

struct claims {
    pthread_mutex_t mutex; /* guards the rest */
    char **names;
    size_t count;
};

void claims_init(struct claims *claims);
void claims_clear(struct claims *claims);
/* False when the name is claimed already. */
bool claims_take(struct claims *claims, struct span name);
void claims_drop(struct claims *claims, struct span name);

#endif
