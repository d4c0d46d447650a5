/* Counters by labels: open addressing over a table of pointers that only ever go from NULL to a
 * series. A series is made whole before others see it, so finding one is a few loads and counting
 * one relaxed addition. A mutex is taken only to add one: without it, two that make the same one at
 * a time would both take room for it, and a third would find none. Nothing is removed before the
 * table is closed, and the number of series is bounded: what a caller sends cannot make us grow. */
#include "gateway/series.h"

#include <assert.h>

#include "base/mem.h"
#include "base/sync.h"

struct series_table {
    size_t slot_count; /* power of two, at least twice `most` */
    size_t most;
    size_t counters;
    pthread_mutex_t growing; /* held by who adds a series */
    atomic_size_t used;
    _Atomic(struct series *) slots[];
};

struct series_table *series_open(size_t most, size_t counters)
{
    assert(most > 0 && counters > 0);
    size_t slot_count = 2;
    while (slot_count < 2 * most) {
        slot_count *= 2;
    }
    struct series_table *table =
        mem_alloc(sizeof(*table) + slot_count * sizeof(_Atomic(struct series *)));
    table->slot_count = slot_count;
    table->most = most;
    table->counters = counters;
    sync_init(&table->growing, NULL);
    return table;
}

static void series_free(struct series *series)
{
    if (series != NULL) {
        mem_free(series->first);
        mem_free(series->second);
        mem_free(series);
    }
}

void series_close(struct series_table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->slot_count; i++) {
        series_free(atomic_load(&table->slots[i]));
    }
    sync_destroy(&table->growing, NULL);
    mem_free(table);
}

/* FNV-1a, the labels' ends included. */
static size_t hash_label(uint32_t hash, const char *text)
{
    do {
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    } while (*text++ != '\0');
    return hash;
}

static size_t hash_labels(const char *first, const char *second)
{
    size_t hash = hash_label(2166136261u, first);
    return second == NULL ? hash : hash_label((uint32_t)hash, second);
}

static bool is_series_of(const struct series *series, const char *first, const char *second)
{
    bool both = (series->second == NULL) == (second == NULL);
    return both && strcmp(series->first, first) == 0 &&
           (second == NULL || strcmp(series->second, second) == 0);
}

static struct series *series_make(const struct series_table *table, const char *first,
                                  const char *second)
{
    struct series *series =
        mem_alloc(sizeof(*series) + table->counters * sizeof(atomic_uint_fast64_t));
    series->first = mem_text(first);
    series->second = second == NULL ? NULL : mem_text(second);
    return series;
}

/* The labels' series from slot *at on; NULL: *at is the empty slot where it would be. */
static struct series *find(struct series_table *table, const char *first, const char *second,
                           size_t *at)
{
    for (;; (*at)++) {
        *at &= table->slot_count - 1;
        struct series *found = atomic_load_explicit(&table->slots[*at], memory_order_acquire);
        if (found == NULL || is_series_of(found, first, second)) {
            return found;
        }
    }
}

struct series *series_get(struct series_table *table, const char *first, const char *second)
{
    size_t at = hash_labels(first, second);
    struct series *series = find(table, first, second, &at);
    if (series != NULL || atomic_load(&table->used) >= table->most) {
        return series;
    }
    sync_lock(&table->growing);
    series = find(table, first, second, &at); /* somebody else may have been first */
    if (series == NULL && atomic_load(&table->used) < table->most) {
        series = series_make(table, first, second);
        atomic_store_explicit(&table->slots[at], series, memory_order_release);
        atomic_fetch_add(&table->used, 1);
    }
    sync_unlock(&table->growing);
    return series;
}

void series_add(struct series *series, size_t counter, uint64_t n)
{
    atomic_fetch_add_explicit(&series->counters[counter], n, memory_order_relaxed);
}

uint64_t series_value(struct series *series, size_t counter)
{
    return atomic_load_explicit(&series->counters[counter], memory_order_relaxed);
}

struct series *series_next(struct series_table *table, size_t *at)
{
    while (*at < table->slot_count) {
        struct series *series = atomic_load_explicit(&table->slots[(*at)++], memory_order_acquire);
        if (series != NULL) {
            return series;
        }
    }
    return NULL;
}
