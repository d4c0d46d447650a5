/* series: counters by one or two labels, in a table of fixed size; counting takes no lock. */
#ifndef HSMGATE_GATEWAY_SERIES_H
#define HSMGATE_GATEWAY_SERIES_H

#include <stdatomic.h>

#include "base/buf.h"

/* Lives as long as its table. */
struct series {
    char *first;
    char *second; /* or NULL */
    atomic_uint_fast64_t counters[];
};

struct series_table;

/* A table for up to `most` series of `counters` counters each. */
struct series_table *series_open(size_t most, size_t counters);
/* Takes NULL. */
void series_close(struct series_table *table);
/* Finds the labels' series or makes it, with copies of the labels; NULL when it is new and the
 * table is full. `second` or NULL. */
struct series *series_get(struct series_table *table, const char *first, const char *second);
void series_add(struct series *series, size_t counter, uint64_t n);
uint64_t series_value(struct series *series, size_t counter);
/* One after the other, in no order: `*at` starts at 0. NULL at the end. */
struct series *series_next(struct series_table *table, size_t *at);

#endif
