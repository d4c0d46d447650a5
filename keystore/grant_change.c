/* Changes of grants: the next snapshot is merged from the one that is there and what is put, both
 * in the order of ids; then the database, and only after its commit the pointer that readers
 * follow. The writer mutex makes "the newest" mean the same from the comparison to the swap. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_grants.h"
#include "keystore/grant.h"
#include "keystore/store.h"

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(const struct grant *const *)a)->id, (*(const struct grant *const *)b)->id);
}

/* Those to put in the order of ids, and those to drop not among them. */
static struct err sort_puts(const struct grants *grants, const struct grant_change *change,
                            const struct grant **out)
{
    for (size_t i = 0; i < change->put_count; i++) {
        out[i] = &change->put[i];
    }
    if (change->put_count > 0) {
        qsort(out, change->put_count, sizeof(*out), compare_ids);
    }
    for (size_t i = 1; i < change->put_count; i++) {
        ENSURE(strcmp(out[i - 1]->id, out[i]->id) != 0, ERR_CONFLICT,
               "the grant %s stands twice in the change", out[i]->id);
    }
    for (size_t i = 0; i < change->drop_count; i++) {
        ENSURE(grants_find(grants, change->drop[i]) != NULL, ERR_NOT_FOUND,
               "there is no grant with this id");
        for (size_t j = 0; j < change->put_count; j++) {
            ENSURE(!span_is(change->drop[i], out[j]->id), ERR_CONFLICT,
                   "the grant %s stands twice in the change", out[j]->id);
        }
    }
    return err_ok();
}

static bool is_dropped(const struct grant *grant, const struct grant_change *change)
{
    for (size_t i = 0; i < change->drop_count; i++) {
        if (span_is(change->drop[i], grant->id)) {
            return true;
        }
    }
    return false;
}

/* A replaced grant goes on with its uses while it is about the same principal. */
static const struct grant *grant_next(const struct grant *old, const struct grant *put)
{
    bool same = old != NULL && strcmp(old->principal, put->principal) == 0;
    return grant_make(put, same ? old->uses : NULL, 0);
}

struct err grants_after(const struct grants *grants, const struct grant_change *change,
                        const struct grants **out)
{
    CLEANUP(mem_free_at)
    const struct grant **puts = mem_array(change->put_count, sizeof(*puts));
    TRY(sort_puts(grants, change, puts));
    CLEANUP(mem_free_at)
    const struct grant **next = mem_array(grants->count + change->put_count, sizeof(*next));
    size_t count = 0, old = 0, put = 0;
    while (old < grants->count || put < change->put_count) {
        const struct grant *kept = old < grants->count ? grants->all[old] : NULL;
        const struct grant *fresh = put < change->put_count ? puts[put] : NULL;
        int order = kept == NULL ? 1 : fresh == NULL ? -1 : strcmp(kept->id, fresh->id);
        if (order >= 0) {
            next[count++] = grant_next(order == 0 ? kept : NULL, fresh);
            put++;
        } else if (!is_dropped(kept, change)) {
            next[count++] = grant_hold(kept);
        }
        old += order <= 0 ? 1 : 0;
    }
    *out = grants_make(next, count);
    return err_ok();
}

static struct err write_change(struct db *db, const struct grant_change *change,
                               const struct grants *next)
{
    for (size_t i = 0; i < change->drop_count; i++) {
        TRY(db_grants_delete(db, change->drop[i]));
    }
    for (size_t i = 0; i < change->put_count; i++) {
        TRY(db_grants_put(db, grants_find(next, span_text(change->put[i].id))));
    }
    return err_ok();
}

static struct err change_locked(struct keystore *store, const struct grant_change *change)
{
    CLEANUP(grants_release_at) const struct grants *now = keystore_grants(store);
    CLEANUP(grants_release_at) const struct grants *next = NULL;
    ENSURE(change->expected == NULL || change->expected == now, ERR_CONFLICT,
           "the grants have changed meanwhile");
    TRY(grants_after(now, change, &next));
    TRY(db_begin(store->db));
    TRY(db_end(store->db, write_change(store->db, change, next)));
    grant_directory_replace(&store->grants, TAKE(next));
    return err_ok();
}

struct err keystore_change_grants(struct keystore *store, const struct grant_change *change)
{
    sync_lock(&store->writer);
    struct err err = change_locked(store, change);
    sync_unlock(&store->writer);
    return err;
}
