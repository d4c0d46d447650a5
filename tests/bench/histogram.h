/* histogram: how often each length of time came, to within 1.6 %; fixed size, nothing allocated. */
#ifndef HSMGATE_TESTS_BENCH_HISTOGRAM_H
#define HSMGATE_TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 64 /* to each doubling */
#define HISTOGRAM_SLOTS (40 * HISTOGRAM_STEPS)

struct histogram {
    uint64_t count;
    uint64_t slots[HISTOGRAM_SLOTS];
};

void histogram_add(struct histogram *histogram, int64_t time_ns);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* Microseconds that `part` (0.99) of all times do not exceed; 0 when there are none. */
double histogram_us(const struct histogram *histogram, double part);
/* The fields count, p50_us, p99_us, p999_us and max_us of a JSON object, to standard output. */
void histogram_print(const struct histogram *histogram);

#endif
