/* Counters and histograms of requests, and gauges read when somebody asks.
 *
 * A slot per operation, found by open addressing over the operation's name and claimed once with a
 * compare-and-swap; from then on counting is a few relaxed additions. Statuses are a fixed table,
 * so nothing that a caller sends can make new series. What others count is read in gauges.c. */
#include "gateway/metrics.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "gateway/gateway.h"
#include "gateway/gauges.h"

#define SLOTS 64 /* power of two, twice the routes */

static const int statuses[] = {200, 201, 204, 304, 400, 401, 403, 404,
                               405, 409, 413, 415, 429, 500, 503, 0};
#define STATUS_COUNT ARRAY_LEN(statuses)

/* Upper bounds of the buckets in microseconds. */
static const int64_t bounds[] = {100,   250,   500,    1000,   2500,    5000,    10000,
                                 25000, 50000, 100000, 250000, 1000000, 5000000, 10000000};
#define BUCKET_COUNT (ARRAY_LEN(bounds) + 1)

struct slot {
    _Atomic(const char *) operation;
    atomic_uint_fast64_t by_status[STATUS_COUNT];
    atomic_uint_fast64_t buckets[BUCKET_COUNT]; /* not cumulative */
    atomic_uint_fast64_t microseconds;
};

struct metrics {
    struct slot slots[SLOTS];
};

struct metrics *metrics_open(void)
{
    return mem_alloc(sizeof(struct metrics));
}

void metrics_close(struct metrics *metrics)
{
    mem_free(metrics);
}

/* --- counting --- */

/* FNV-1a. */
static unsigned hash_text(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    }
    return hash;
}

/* NULL when the table is full, which the number of routes rules out. */
static struct slot *slot_of(struct metrics *metrics, const char *operation)
{
    unsigned start = hash_text(operation);
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &metrics->slots[(start + i) % SLOTS];
        const char *holder = atomic_load_explicit(&slot->operation, memory_order_acquire);
        if (holder == NULL &&
            atomic_compare_exchange_strong(&slot->operation, &holder, operation)) {
            return slot;
        }
        if (strcmp(holder, operation) == 0) {
            return slot;
        }
    }
    return NULL;
}

static void add(atomic_uint_fast64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t value_of(atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void metrics_count(struct metrics *metrics, const char *operation, int status, int64_t microseconds)
{
    struct slot *slot = slot_of(metrics, operation);
    if (slot == NULL) {
        return;
    }
    size_t which = 0;
    while (which + 1 < STATUS_COUNT && statuses[which] != status) {
        which++;
    }
    size_t bucket = 0;
    while (bucket < ARRAY_LEN(bounds) && microseconds > bounds[bucket]) {
        bucket++;
    }
    add(&slot->by_status[which], 1);
    add(&slot->buckets[bucket], 1);
    add(&slot->microseconds, microseconds > 0 ? (uint64_t)microseconds : 0);
}

/* --- writing --- */

static struct err write_statuses(struct slot *slot, const char *operation, struct buf *out)
{
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        uint64_t count = value_of(&slot->by_status[i]);
        char status[16] = "other";
        if (statuses[i] != 0) {
            snprintf(status, sizeof(status), "%d", statuses[i]);
        }
        if (count > 0) {
            TRY(buf_printf(out, "hsmgate_requests_total{operation=\"%s\",status=\"%s\"} %llu\n",
                           operation, status, (unsigned long long)count));
        }
    }
    return err_ok();
}

static struct err write_histogram(struct slot *slot, const char *operation, struct buf *out)
{
    static const char name[] = "hsmgate_request_duration_seconds";
    uint64_t total = 0;
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        char bound[32] = "+Inf";
        if (i < ARRAY_LEN(bounds)) {
            snprintf(bound, sizeof(bound), "%g", (double)bounds[i] / 1e6);
        }
        total += value_of(&slot->buckets[i]);
        TRY(buf_printf(out, "%s_bucket{operation=\"%s\",le=\"%s\"} %llu\n", name, operation, bound,
                       (unsigned long long)total));
    }
    TRY(buf_printf(out, "%s_sum{operation=\"%s\"} %.6f\n", name, operation,
                   (double)value_of(&slot->microseconds) / 1e6));
    return buf_printf(out, "%s_count{operation=\"%s\"} %llu\n", name, operation,
                      (unsigned long long)total);
}

typedef struct err slot_writer(struct slot *slot, const char *operation, struct buf *out);

static struct err for_each_slot(struct metrics *metrics, slot_writer *write, struct buf *out)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &metrics->slots[i];
        const char *operation = atomic_load_explicit(&slot->operation, memory_order_acquire);
        if (operation != NULL) {
            TRY(write(slot, operation, out));
        }
    }
    return err_ok();
}

static struct err write_requests(struct metrics *metrics, struct buf *out)
{
    TRY(gauges_head(out, "hsmgate_requests_total", "counter",
                    "Requests answered, by operation and HTTP status."));
    TRY(for_each_slot(metrics, write_statuses, out));
    TRY(gauges_head(out, "hsmgate_request_duration_seconds", "histogram",
                    "From the whole request to its reply, the audit record included."));
    return for_each_slot(metrics, write_histogram, out);
}

struct err metrics_write(struct gateway *gateway, struct buf *out)
{
    TRY(write_requests(gateway->metrics, out));
    return gauges_write(gateway, out);
}
