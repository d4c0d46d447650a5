/* settler: writes last uses back while the store is open, so that a crash loses a few minutes of
 * them and not all since the start. */
#ifndef HSMGATE_KEYSTORE_SETTLER_H
#define HSMGATE_KEYSTORE_SETTLER_H

#include <pthread.h>
#include <stdbool.h>

struct keystore;

struct settler {
    pthread_mutex_t mutex; /* guards stopping */
    pthread_cond_t wake;
    bool stopping;
    bool running; /* the starting thread's own */
    pthread_t thread;
};

void settler_start(struct settler *settler, struct keystore *store);
/* Returns when its thread has ended; does nothing when it never ran. */
void settler_stop(struct settler *settler);

#endif
