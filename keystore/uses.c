/* uses: counts without a lock, and reserves ahead in the database.
 *
 * A use is counted by compare-and-swap while the count stays within what is reserved. Whoever meets
 * the end of the reservation takes the writer mutex and writes a larger one; others that wait
 * there find it done and go on. Blocks grow with the count, so that a crash costs a rarely used
 * version few uses and a busy one few commits. */
#include "keystore/uses.h"

#include <assert.h>

#include "base/mem.h"
#include "base/sync.h"
#include "keystore/db_keys.h"
#include "keystore/store.h"

#define BLOCK_MIN ((uint64_t)1 << 10)
#define BLOCK_MAX ((uint64_t)1 << 16)

struct uses *uses_make(struct uuid key_id, uint32_t number, uint64_t count, int64_t last_at)
{
    struct uses *uses = mem_alloc(sizeof(*uses));
    uses->key_id = key_id;
    uses->number = number;
    atomic_init(&uses->refs, 1);
    atomic_init(&uses->count, count);
    atomic_init(&uses->reserved, count);
    atomic_init(&uses->last_at, last_at);
    atomic_init(&uses->stored_last_at, last_at);
    return uses;
}

struct uses *uses_hold(struct uses *uses)
{
    atomic_fetch_add_explicit(&uses->refs, 1, memory_order_relaxed);
    return uses;
}

void uses_release(struct uses *uses)
{
    unsigned before = atomic_fetch_sub_explicit(&uses->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1) {
        mem_free(uses);
    }
}

static struct err store_uses(struct keystore *store, struct uses *uses, uint64_t reserved,
                             int64_t now)
{
    TRY(db_begin(store->db));
    TRY(db_end(store->db,
               db_versions_write_uses(store->db, uses->key_id, uses->number, reserved, now)));
    atomic_store(&uses->reserved, reserved);
    atomic_store(&uses->stored_last_at, now);
    return err_ok();
}

/* The caller holds the writer mutex. */
static struct err reserve_locked(struct keystore *store, struct uses *uses, uint64_t needed,
                                 uint64_t limit, int64_t now)
{
    if (atomic_load(&uses->reserved) >= needed) {
        return err_ok();
    }
    uint64_t block = needed < BLOCK_MIN ? BLOCK_MIN : needed;
    block = block > BLOCK_MAX ? BLOCK_MAX : block;
    uint64_t reserved = needed + block;
    if (limit != 0 && reserved > limit) {
        reserved = limit;
    }
    return store_uses(store, uses, reserved, now);
}

static struct err reserve(struct keystore *store, struct uses *uses, uint64_t needed,
                          uint64_t limit, int64_t now)
{
    sync_lock(&store->writer);
    struct err err = reserve_locked(store, uses, needed, limit, now);
    sync_unlock(&store->writer);
    return err;
}

struct err keystore_take_uses(struct keystore *store, const struct version *version, uint64_t n,
                              uint64_t limit, int64_t now)
{
    struct uses *uses = version->uses;
    uint64_t count = atomic_load(&uses->count);
    do {
        ENSURE(limit == 0 || (n <= limit && count <= limit - n), ERR_KEY_EXHAUSTED,
               "version %u has reached its limit of uses: rotate the key", version->number);
        while (count + n > atomic_load(&uses->reserved)) {
            TRY(reserve(store, uses, count + n, limit, now));
        }
    } while (!atomic_compare_exchange_weak(&uses->count, &count, count + n));
    atomic_store_explicit(&uses->last_at, now, memory_order_relaxed);
    return err_ok();
}

uint64_t uses_count(const struct version *version)
{
    return atomic_load(&version->uses->count);
}

int64_t uses_last_at(const struct version *version)
{
    return atomic_load(&version->uses->last_at);
}

static struct err settle_key(struct db *db, const struct key *key)
{
    for (size_t i = 0; i < key->version_count; i++) {
        struct uses *uses = key->versions[i].uses;
        uint64_t count = atomic_load(&uses->count);
        int64_t last_at = atomic_load(&uses->last_at);
        if (count != atomic_load(&uses->reserved) ||
            last_at != atomic_load(&uses->stored_last_at)) {
            TRY(db_versions_write_uses(db, key->id, uses->number, count, last_at));
        }
    }
    return err_ok();
}

struct err uses_settle(struct keystore *store)
{
    size_t count = 0;
    struct span all = {0};
    const struct key **keys = keystore_list(store, all, all, SIZE_MAX, LIST_EVERYTHING, &count);
    struct err err = db_begin(store->db);
    if (err.code == ERR_OK) {
        for (size_t i = 0; i < count && err.code == ERR_OK; i++) {
            err = settle_key(store->db, keys[i]);
        }
        err = db_end(store->db, err);
    }
    keystore_list_free(keys, count);
    return err;
}
