/* grants: immutable snapshots. A reader takes the lock for one increment and searches without it;
 * a change builds the next snapshot from the old one, whose grants it shares, and swaps a pointer
 * after its commit. Whoever still holds the old one decides by it to the end of its request.
 *
 * One array in the order of ids, one in the order of principals and then ids: the grants of a
 * principal stand side by side there. */
#include "keystore/grants.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "keystore/db_grants.h"
#include "keystore/grant.h"
#include "keystore/store.h"

struct grants_box {
    struct grants grants; /* first: the box is found from it */
    atomic_uint refs;
    const struct grant **by_id;
    const struct grant **by_principal;
};

static struct grants_box *box_of(const struct grants *grants)
{
    return (struct grants_box *)(uintptr_t)grants;
}

/* Bytes in order, as strcmp has them; the span has no NUL. */
static int compare_text(struct span text, const char *with)
{
    size_t len = strlen(with);
    size_t shorter = text.len < len ? text.len : len;
    int order = shorter == 0 ? 0 : memcmp(text.data, with, shorter);
    if (order != 0 || text.len == len) {
        return order;
    }
    return text.len < len ? -1 : 1;
}

static int compare_principals(const void *a, const void *b)
{
    const struct grant *left = *(const struct grant *const *)a;
    const struct grant *right = *(const struct grant *const *)b;
    int order = strcmp(left->principal, right->principal);
    return order != 0 ? order : strcmp(left->id, right->id);
}

const struct grants *grants_make(const struct grant *const *sorted, size_t count)
{
    struct grants_box *box = mem_alloc(sizeof(*box));
    atomic_init(&box->refs, 1);
    box->by_id = mem_array(count, sizeof(*box->by_id));
    box->by_principal = mem_array(count, sizeof(*box->by_principal));
    for (size_t i = 0; i < count; i++) {
        box->by_id[i] = sorted[i];
        box->by_principal[i] = sorted[i];
    }
    if (count > 0) {
        qsort(box->by_principal, count, sizeof(*box->by_principal), compare_principals);
    }
    box->grants = (struct grants){.all = box->by_id, .count = count};
    return &box->grants;
}

static const struct grants *hold(const struct grants *grants)
{
    atomic_fetch_add_explicit(&box_of(grants)->refs, 1, memory_order_relaxed);
    return grants;
}

void grants_release(const struct grants *grants)
{
    if (grants == NULL ||
        atomic_fetch_sub_explicit(&box_of(grants)->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    struct grants_box *box = box_of(grants);
    for (size_t i = 0; i < grants->count; i++) {
        grant_release(box->by_id[i]);
    }
    mem_free(box->by_id);
    mem_free(box->by_principal);
    mem_free(box);
}

void grants_release_at(const struct grants *const *grants)
{
    grants_release(*grants);
}

/* --- searching --- */

/* The place of the first grant that is not before the id. */
static size_t place_of(const struct grants *grants, struct span id)
{
    size_t low = 0, high = grants->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_text(id, grants->all[middle]->id) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct grant *grants_find(const struct grants *grants, struct span id)
{
    size_t place = place_of(grants, id);
    return place < grants->count && span_is(id, grants->all[place]->id) ? grants->all[place] : NULL;
}

const struct grant *const *grants_of(const struct grants *grants, struct span principal,
                                     size_t *out_count)
{
    const struct grant *const *all = box_of(grants)->by_principal;
    size_t low = 0, high = grants->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_text(principal, all[middle]->principal) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t end = low;
    while (end < grants->count && span_is(principal, all[end]->principal)) {
        end++;
    }
    *out_count = end - low;
    return all + low;
}

/* --- the newest --- */

void grant_directory_init(struct grant_directory *directory)
{
    int code = pthread_rwlock_init(&directory->lock, NULL);
    assert(code == 0);
    directory->newest = grants_make(NULL, 0);
}

void grant_directory_clear(struct grant_directory *directory)
{
    grants_release(directory->newest);
    pthread_rwlock_destroy(&directory->lock);
}

const struct grants *grant_directory_newest(struct grant_directory *directory)
{
    int code = pthread_rwlock_rdlock(&directory->lock);
    assert(code == 0);
    const struct grants *grants = hold(directory->newest);
    code = pthread_rwlock_unlock(&directory->lock);
    assert(code == 0);
    return grants;
}

void grant_directory_replace(struct grant_directory *directory, const struct grants *next)
{
    int code = pthread_rwlock_wrlock(&directory->lock);
    assert(code == 0);
    const struct grants *old = directory->newest;
    directory->newest = next;
    code = pthread_rwlock_unlock(&directory->lock);
    assert(code == 0);
    grants_release(old);
}

const struct grants *keystore_grants(struct keystore *store)
{
    return grant_directory_newest(&store->grants);
}

static struct err touch_all(const struct grants *grants, struct db *db)
{
    for (size_t i = 0; i < grants->count; i++) {
        int64_t last = grant_last_used_at(grants->all[i]);
        if (grant_uses_moved(grants->all[i])) {
            TRY(db_grants_touch(db, grants->all[i]->id, last));
            grant_settled(grants->all[i], last);
        }
    }
    return err_ok();
}

static bool any_moved(const struct grants *grants)
{
    for (size_t i = 0; i < grants->count; i++) {
        if (grant_uses_moved(grants->all[i])) {
            return true;
        }
    }
    return false;
}

struct err grants_settle(struct grant_directory *directory, struct db *db)
{
    CLEANUP(grants_release_at) const struct grants *grants = grant_directory_newest(directory);
    if (!any_moved(grants)) {
        return err_ok();
    }
    TRY(db_begin(db));
    return db_end(db, touch_all(grants, db));
}
