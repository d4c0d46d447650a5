/* Times in nanoseconds by their highest seven bits: the first 64 slots are exact, and from there on
 * each doubling has 64 slots of equal width. Longer than about nine minutes counts as nine minutes.
 */
#include "tests/bench/histogram.h"

#include <stdio.h>
#include <string.h>

#define STEP_BITS 6

static unsigned slot_of(uint64_t time)
{
    if (time < HISTOGRAM_STEPS) {
        return (unsigned)time;
    }
    unsigned highest = 63U - (unsigned)__builtin_clzll(time);
    unsigned slot = (highest - STEP_BITS + 1) * HISTOGRAM_STEPS +
                    (unsigned)(time >> (highest - STEP_BITS)) % HISTOGRAM_STEPS;
    return slot < HISTOGRAM_SLOTS ? slot : HISTOGRAM_SLOTS - 1;
}

/* The middle of a slot. */
static double time_of(unsigned slot)
{
    if (slot < HISTOGRAM_STEPS) {
        return slot;
    }
    unsigned shift = slot / HISTOGRAM_STEPS - 1;
    uint64_t width = 1ULL << shift;
    return (double)((HISTOGRAM_STEPS + slot % HISTOGRAM_STEPS) * width) + (double)width / 2;
}

void histogram_add(struct histogram *histogram, int64_t time_ns)
{
    histogram->count++;
    histogram->slots[slot_of(time_ns > 0 ? (uint64_t)time_ns : 0)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++) {
        into->slots[i] += from->slots[i];
    }
}

double histogram_us(const struct histogram *histogram, double part)
{
    uint64_t below = 0, wanted = (uint64_t)(part * (double)histogram->count);
    for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++) {
        below += histogram->slots[i];
        if (histogram->slots[i] > 0 && (below > wanted || below == histogram->count)) {
            return time_of(i) / 1e3;
        }
    }
    return 0;
}

void histogram_print(const struct histogram *histogram)
{
    (void)printf("\"count\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
                 "\"max_us\": %.1f",
                 (unsigned long long)histogram->count, histogram_us(histogram, 0.5),
                 histogram_us(histogram, 0.99), histogram_us(histogram, 0.999),
                 histogram_us(histogram, 1.0));
}
