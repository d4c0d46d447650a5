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
#include "keystore/evidence.h"
#include "keystore/store.h"

#define BLOCK_MIN ((uint64_t)1 << 10)
#define BLOCK_MAX ((uint64_t)1 << 16)

struct uses *uses_make(struct uuid key_id, uint32_t number, int64_t recorded_since)
{
    struct uses *uses = mem_alloc(sizeof(*uses)); /* zeroed: all counters are */
    uses->key_id = key_id;
    uses->number = number;
    uses->recorded_since = recorded_since;
    atomic_init(&uses->refs, 1);
    sync_init(&uses->mutex, NULL);
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
    if (before > 1) {
        return;
    }
    for (size_t i = 0; i < USE_KIND_COUNT; i++) {
        mem_free(uses->principals[i]);
    }
    sync_destroy(&uses->mutex, NULL);
    mem_free(uses);
}

struct err uses_store(struct keystore *store, struct uses *uses, uint64_t reserved, int64_t jwt)
{
    struct use_texts texts;
    struct uses_row row = {.reserved = reserved, .jwt_expires_at = jwt};
    evidence_row(uses, &texts, &row);
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_versions_write_uses(store->db, uses->key_id, uses->number, &row)));
    evidence_stored(uses, &row);
    return err_ok();
}

/* --- counting --- */

/* The caller holds the writer mutex. */
static struct err reserve_locked(struct keystore *store, struct uses *uses, uint64_t needed,
                                 uint64_t limit)
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
    return uses_store(store, uses, reserved, atomic_load(&uses->stored_jwt));
}

static struct err reserve(struct keystore *store, struct uses *uses, uint64_t needed,
                          uint64_t limit)
{
    sync_lock(&store->writer);
    struct err err = reserve_locked(store, uses, needed, limit);
    sync_unlock(&store->writer);
    return err;
}

/* Whoever passes the alarm says so, once. */
static void ring(struct keystore *store, const struct uses *uses, uint64_t before, uint64_t after)
{
    uint64_t alarm = atomic_load_explicit(&uses->alarm, memory_order_relaxed);
    if (alarm != 0 && before < alarm && after >= alarm) {
        changes_note(&store->changes, uses->key_id);
    }
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
            TRY(reserve(store, uses, count + n, limit));
        }
    } while (!atomic_compare_exchange_weak(&uses->count, &count, count + n));
    atomic_store_explicit(&uses->last_at, now, memory_order_relaxed);
    unsettled_add(&store->unsettled, uses);
    ring(store, uses, count, count + n);
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

void uses_set_alarm(const struct version *version, uint64_t count)
{
    atomic_store_explicit(&version->uses->alarm, count, memory_order_relaxed);
}

/* --- writing back --- */

void unsettled_init(struct unsettled *unsettled)
{
    *unsettled = (struct unsettled){0};
    sync_init(&unsettled->mutex, NULL);
}

void unsettled_clear(struct unsettled *unsettled)
{
    while (unsettled->first != NULL) {
        struct uses *uses = unsettled->first;
        unsettled->first = uses->next;
        uses_release(uses);
    }
    sync_destroy(&unsettled->mutex, NULL);
}

void unsettled_add(struct unsettled *unsettled, struct uses *uses)
{
    if (atomic_load(&uses->unsettled)) {
        return;
    }
    sync_lock(&unsettled->mutex);
    if (!atomic_exchange(&uses->unsettled, true)) {
        uses->next = unsettled->first;
        unsettled->first = uses_hold(uses);
    }
    sync_unlock(&unsettled->mutex);
}

/* Takes everything off the list; what is used from here on is listed again. The references come
 * with it. */
static struct uses **take_all(struct unsettled *unsettled, size_t *out_count)
{
    struct uses **taken = NULL;
    size_t count = 0;
    sync_lock(&unsettled->mutex);
    for (const struct uses *uses = unsettled->first; uses != NULL; uses = uses->next) {
        count++;
    }
    taken = mem_array(count, sizeof(*taken));
    for (size_t i = 0; i < count; i++) {
        taken[i] = unsettled->first;
        unsettled->first = taken[i]->next;
        atomic_store(&taken[i]->unsettled, false);
    }
    sync_unlock(&unsettled->mutex);
    *out_count = count;
    return taken;
}

static struct err settle_one(struct db *db, struct uses *uses, enum settle_how how)
{
    bool closing = how == SETTLE_CLOSING;
    struct use_texts texts;
    struct uses_row row = {
        .reserved = atomic_load(closing ? &uses->count : &uses->reserved),
        .jwt_expires_at = atomic_load(closing ? &uses->jwt_expires_at : &uses->stored_jwt),
    };
    evidence_row(uses, &texts, &row);
    struct err err = db_versions_write_uses(db, uses->key_id, uses->number, &row);
    if (err.code == ERR_NOT_FOUND) { /* a pending version that was dropped */
        return err_ok();
    }
    TRY(err);
    evidence_stored(uses, &row);
    return err_ok();
}

static struct err settle_all(struct db *db, struct uses *const *taken, size_t count,
                             enum settle_how how)
{
    TRY(db_begin(db));
    struct err err = err_ok();
    for (size_t i = 0; i < count && err.code == ERR_OK; i++) {
        err = settle_one(db, taken[i], how);
    }
    return db_end(db, err);
}

struct err uses_settle(struct keystore *store, enum settle_how how)
{
    size_t count = 0;
    CLEANUP(mem_free_at) struct uses **taken = take_all(&store->unsettled, &count);
    struct err err = count > 0 ? settle_all(store->db, taken, count, how) : err_ok();
    for (size_t i = 0; i < count; i++) {
        if (err.code != ERR_OK) {
            unsettled_add(&store->unsettled, taken[i]);
        }
        uses_release(taken[i]);
    }
    return err;
}
