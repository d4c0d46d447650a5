/* rosters: the chain of rosters as rows. Whether it holds is for the quorum's library to say; here
 * it only grows. */
#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_rosters.h"
#include "keystore/store.h"

static struct err put_locked(struct keystore *store, const struct roster_row *row)
{
    TRY(db_begin(store->db));
    return db_end(store->db, db_rosters_insert(store->db, row));
}

struct err keystore_put_roster(struct keystore *store, const struct roster_row *row)
{
    sync_lock(&store->writer);
    struct err err = put_locked(store, row);
    sync_unlock(&store->writer);
    return err;
}

struct err keystore_rosters(struct keystore *store, struct roster_row **out, size_t *out_count)
{
    sync_lock(&store->writer);
    struct err err = db_rosters_load(store->db, out, out_count);
    sync_unlock(&store->writer);
    return err;
}
