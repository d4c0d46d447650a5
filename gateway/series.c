/* Counters by labels: open addressing over a table of pointers that only ever go from NULL to a
 * series. A series is made whole before a compare-and-swap shows it to others, so finding one is a
 * few loads and counting one relaxed addition. Nothing is removed before the table is closed, and
 * the number of series is bounded: what a caller sends cannot make us grow. */
#include "gateway/series.h"

#include <assert.h>

#include "base/mem.h"

struct series_table {
    size_t slot_count; /* power of two, at least twice `most` */
    size_t most;
    size_t counters;
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
    for (size_t i = 0; table != NULL && i < table->slot_count; i++) {
        series_free(atomic_load(&table->slots[i]));
    }
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

/* NULL when the table is full. */
static struct series *series_make(struct series_table *table, const char *first, const char *second)
{
    if (atomic_fetch_add(&table->used, 1) >= table->most) {
        atomic_fetch_sub(&table->used, 1);
        return NULL;
    }
    struct series *series =
        mem_alloc(sizeof(*series) + table->counters * sizeof(atomic_uint_fast64_t));
    series->first = mem_text(first);
    series->second = second == NULL ? NULL : mem_text(second);
    return series;
}

/* Somebody else was first. */
static void series_unmake(struct series_table *table, struct series *series)
{
    atomic_fetch_sub(&table->used, 1);
    series_free(series);
}

struct series *series_get(struct series_table *table, const char *first, const char *second)
{
    size_t at = hash_labels(first, second);
    struct series *made = NULL;
    for (;; at++) {
        _Atomic(struct series *) *slot = &table->slots[at & (table->slot_count - 1)];
        struct series *found = atomic_load_explicit(slot, memory_order_acquire);
        if (found == NULL) {
            made = made != NULL ? made : series_make(table, first, second);
            if (made == NULL || atomic_compare_exchange_strong(slot, &found, made)) {
                return made;
            }
        }
        if (is_series_of(found, first, second)) {
            if (made != NULL) {
                series_unmake(table, made);
            }
            return found;
        }
    }
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
