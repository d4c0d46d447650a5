/* changes: which keys somebody should look at again. */
#ifndef HSMGATE_KEYSTORE_CHANGES_H
#define HSMGATE_KEYSTORE_CHANGES_H

#include <pthread.h>

#include "keystore/keystore.h"

struct changes {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t noted;
    bool watched; /* nobody asked yet: nothing is gathered */
    bool woken;
    struct key_changes pending;
    size_t room;
};

void changes_init(struct changes *changes);
void changes_clear(struct changes *changes);
void changes_note(struct changes *changes, struct uuid id);

#endif
