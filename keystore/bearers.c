/* bearers: a table of buckets by the first bytes of the hash. A search compares the whole bucket
 * with secret_equal and never stops early; what its time can tell is the bucket of the SHA-256 of
 * what the caller sent, which helps nobody to find a token.
 *
 * Only hashes are kept here and in the database. Changes go to the database first. */
#include "keystore/bearers.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/sync.h"
#include "keystore/db_bearers.h"
#include "keystore/store.h"

struct bearer_entry {
    struct bearer bearer; /* its last_used_at is what the database holds */
    _Atomic int64_t last_used_at;
    struct bearer_entry *next;
};

static void lock_read(struct bearers *bearers)
{
    int code = pthread_rwlock_rdlock(&bearers->lock);
    assert(code == 0);
}

static void lock_write(struct bearers *bearers)
{
    int code = pthread_rwlock_wrlock(&bearers->lock);
    assert(code == 0);
}

static void unlock(struct bearers *bearers)
{
    int code = pthread_rwlock_unlock(&bearers->lock);
    assert(code == 0);
}

static size_t bucket_of(const uint8_t hash[SHA256_LEN])
{
    return (size_t)((unsigned)hash[0] << 8 | hash[1]) % BEARER_BUCKETS;
}

static bool is_expired(const struct bearer *bearer, int64_t now)
{
    return bearer->expires_at != 0 && bearer->expires_at <= now;
}

static struct bearer copy_of(const struct bearer_entry *entry)
{
    struct bearer bearer = entry->bearer;
    bearer.last_used_at = atomic_load(&entry->last_used_at);
    return bearer;
}

void bearers_init(struct bearers *bearers)
{
    *bearers = (struct bearers){0};
    int code = pthread_rwlock_init(&bearers->lock, NULL);
    assert(code == 0);
}

/* Removes the entries that expired before `now`, or the one with the name; caller has the lock. */
static void remove_where(struct bearers *bearers, struct span name, int64_t now)
{
    for (size_t i = 0; i < BEARER_BUCKETS; i++) {
        struct bearer_entry **link = &bearers->buckets[i];
        while (*link != NULL) {
            struct bearer_entry *entry = *link;
            if (!is_expired(&entry->bearer, now) && !span_is(name, entry->bearer.name)) {
                link = &entry->next;
                continue;
            }
            *link = entry->next;
            mem_free(entry);
            bearers->count--;
        }
    }
}

void bearers_clear(struct bearers *bearers)
{
    for (size_t i = 0; i < BEARER_BUCKETS; i++) {
        while (bearers->buckets[i] != NULL) {
            struct bearer_entry *entry = bearers->buckets[i];
            bearers->buckets[i] = entry->next;
            mem_free(entry);
        }
    }
    pthread_rwlock_destroy(&bearers->lock);
}

void bearers_add(struct bearers *bearers, const struct bearer *bearer)
{
    struct bearer_entry *entry = mem_alloc(sizeof(*entry));
    entry->bearer = *bearer;
    atomic_init(&entry->last_used_at, bearer->last_used_at);
    lock_write(bearers);
    struct bearer_entry **bucket = &bearers->buckets[bucket_of(bearer->hash)];
    entry->next = *bucket;
    *bucket = entry;
    bearers->count++;
    unlock(bearers);
}

bool bearers_by_name(struct bearers *bearers, struct span name, struct bearer *out)
{
    bool found = false;
    lock_read(bearers);
    for (size_t i = 0; i < BEARER_BUCKETS && !found; i++) {
        for (struct bearer_entry *entry = bearers->buckets[i]; entry != NULL; entry = entry->next) {
            if (span_is(name, entry->bearer.name)) {
                *out = copy_of(entry);
                found = true;
            }
        }
    }
    unlock(bearers);
    return found;
}

void bearers_remove(struct bearers *bearers, struct span name)
{
    lock_write(bearers);
    remove_where(bearers, name, INT64_MIN);
    unlock(bearers);
}

void bearers_remove_expired(struct bearers *bearers, int64_t now)
{
    lock_write(bearers);
    remove_where(bearers, span_of(NULL, 0), now);
    unlock(bearers);
}

/* The caller holds the writer mutex, so that no entry goes away meanwhile. */
static struct err settle_all(struct bearers *bearers, struct db *db)
{
    for (size_t i = 0; i < BEARER_BUCKETS; i++) {
        for (struct bearer_entry *entry = bearers->buckets[i]; entry != NULL; entry = entry->next) {
            int64_t last = atomic_load(&entry->last_used_at);
            if (last != entry->bearer.last_used_at) {
                TRY(db_bearers_touch(db, span_text(entry->bearer.name), last));
            }
        }
    }
    return err_ok();
}

struct err bearers_settle(struct bearers *bearers, struct db *db)
{
    TRY(db_begin(db));
    return db_end(db, settle_all(bearers, db));
}

static struct err put_locked(struct keystore *store, const struct bearer *bearer, int64_t now)
{
    struct bearer old = {0};
    bool taken = bearers_by_name(&store->bearers, span_text(bearer->name), &old);
    ENSURE(!taken || is_expired(&old, now), ERR_CONFLICT,
           "a token with this name is there already");
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_bearers_put(store->db, bearer, now)));
    bearers_remove_expired(&store->bearers, now);
    bearers_add(&store->bearers, bearer);
    return err_ok();
}

struct err keystore_put_bearer(struct keystore *store, const struct bearer *bearer, int64_t now)
{
    sync_lock(&store->writer);
    struct err err = put_locked(store, bearer, now);
    sync_unlock(&store->writer);
    return err;
}

static struct err delete_locked(struct keystore *store, struct span name)
{
    struct bearer old = {0};
    ENSURE(bearers_by_name(&store->bearers, name, &old), ERR_NOT_FOUND,
           "there is no token with this name");
    TRY(db_begin(store->db));
    TRY(db_end(store->db, db_bearers_delete(store->db, name)));
    bearers_remove(&store->bearers, name);
    return err_ok();
}

struct err keystore_delete_bearer(struct keystore *store, struct span name)
{
    sync_lock(&store->writer);
    struct err err = delete_locked(store, name);
    sync_unlock(&store->writer);
    return err;
}

bool keystore_find_bearer(struct keystore *store, const uint8_t hash[SHA256_LEN], int64_t now,
                          struct bearer *out)
{
    struct bearers *bearers = &store->bearers;
    struct bearer_entry *found = NULL;
    lock_read(bearers);
    for (struct bearer_entry *entry = bearers->buckets[bucket_of(hash)]; entry != NULL;
         entry = entry->next) {
        bool same =
            secret_equal(span_of(entry->bearer.hash, SHA256_LEN), span_of(hash, SHA256_LEN));
        found = same ? entry : found;
    }
    bool usable = found != NULL && !is_expired(&found->bearer, now);
    if (usable) {
        atomic_store_explicit(&found->last_used_at, now, memory_order_relaxed);
        *out = copy_of(found);
    }
    unlock(bearers);
    return usable;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct bearer *)a)->name, ((const struct bearer *)b)->name);
}

struct bearer *keystore_list_bearers(struct keystore *store, size_t *out_count)
{
    struct bearers *bearers = &store->bearers;
    size_t count = 0;
    lock_read(bearers);
    struct bearer *list = mem_array(bearers->count, sizeof(*list));
    for (size_t i = 0; i < BEARER_BUCKETS; i++) {
        for (struct bearer_entry *entry = bearers->buckets[i]; entry != NULL; entry = entry->next) {
            list[count] = copy_of(entry);
            count++;
        }
    }
    unlock(bearers);
    qsort(list, count, sizeof(*list), by_name);
    *out_count = count;
    return list;
}
