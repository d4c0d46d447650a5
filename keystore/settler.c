/* settler: one thread that wakes every few minutes. What it writes is a convenience, so a store
 * that cannot be written is no failure of anything: the log says so and the next round tries
 * again. */
#include "keystore/settler.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "keystore/store.h"

#define EVERY_MS ((int64_t)5 * 60 * 1000)

/* False when it is time to end. */
static bool wait_round(struct settler *settler)
{
    int64_t deadline = clock_deadline(EVERY_MS);
    sync_lock(&settler->mutex);
    bool in_time = true;
    while (!settler->stopping && in_time) {
        in_time = sync_wait(&settler->wake, &settler->mutex, deadline);
    }
    bool go_on = !settler->stopping;
    sync_unlock(&settler->mutex);
    return go_on;
}

static void *run(void *arg)
{
    struct keystore *store = arg;
    while (wait_round(&store->settler)) {
        sync_lock(&store->writer);
        struct err err = store_settle(store, SETTLE_RUNNING);
        sync_unlock(&store->writer);
        if (err.code != ERR_OK) {
            log_warning("keystore", "last uses were not written: %s", err.detail);
        }
    }
    return NULL;
}

void settler_start(struct settler *settler, struct keystore *store)
{
    sync_init(&settler->mutex, &settler->wake);
    settler->thread = sync_thread("settler", run, store);
    settler->running = true;
}

void settler_stop(struct settler *settler)
{
    if (!settler->running) {
        return;
    }
    sync_lock(&settler->mutex);
    settler->stopping = true;
    sync_wake_all(&settler->wake);
    sync_unlock(&settler->mutex);
    pthread_join(settler->thread, NULL);
    sync_destroy(&settler->mutex, &settler->wake);
    settler->running = false;
}
