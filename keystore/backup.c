/* backup: a copy of the database while the store serves. The writer mutex is held for one step at a
 * time, so that a request waits for some pages at most. */
#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_backup.h"
#include "keystore/store.h"

struct running {
    struct keystore *store;
    struct db_copy *copy;
};

static void end(struct running *running)
{
    sync_lock(&running->store->writer);
    db_copy_end(running->copy);
    sync_unlock(&running->store->writer);
}

static struct err begin(struct running *running, const char *path)
{
    sync_lock(&running->store->writer);
    struct err err = db_copy_begin(running->store->db, path, &running->copy);
    sync_unlock(&running->store->writer);
    return err;
}

static struct err step(const struct running *running, uint64_t *out_done, uint64_t *out_total,
                       bool *out_more)
{
    sync_lock(&running->store->writer);
    struct err err = db_copy_step(running->copy, out_done, out_total, out_more);
    sync_unlock(&running->store->writer);
    return err;
}

struct err keystore_backup(struct keystore *store, const char *path, int64_t now,
                           keystore_progress *progress, void *arg)
{
    CLEANUP(end) struct running running = {.store = store};
    uint64_t done = 0, total = 0;
    bool more = true;
    TRY(begin(&running, path));
    while (more) {
        TRY(step(&running, &done, &total, &more));
        ENSURE(progress(arg, done, total), ERR_DEADLINE, "the backup was stopped");
    }
    return db_copy_finish(running.copy, now);
}
