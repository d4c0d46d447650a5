/* lived: the one row of the lived clock. */
#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_keys.h"
#include "keystore/store.h"

struct err keystore_load_clock(struct keystore *store, struct lived_clock *out)
{
    sync_lock(&store->writer);
    struct err err = db_clock_load(store->db, out);
    sync_unlock(&store->writer);
    return err;
}

static struct err save_locked(struct keystore *store, const struct lived_clock *clock)
{
    TRY(db_begin(store->db));
    return db_end(store->db, db_clock_write(store->db, clock));
}

struct err keystore_save_clock(struct keystore *store, const struct lived_clock *clock)
{
    sync_lock(&store->writer);
    struct err err = save_locked(store, clock);
    sync_unlock(&store->writer);
    return err;
}
