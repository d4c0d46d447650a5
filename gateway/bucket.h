/* bucket: one token bucket. Pure: `now` is an input, monotonic nanoseconds. */
#ifndef HSMGATE_GATEWAY_BUCKET_H
#define HSMGATE_GATEWAY_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/config.h"

/* A zeroed bucket is full. */
struct bucket {
    int64_t owed;    /* what is missing at at_ns, in billionths of an item */
    int64_t at_ns;   /* of the last taking */
    int64_t full_ns; /* when nothing is missing any more */
};

/* Nanoseconds until `items` may be taken; 0: now. More items than the burst need a full bucket, and
 * leave it in debt. The rate is that of the bucket's whole life, neither part is 0. */
int64_t bucket_wait(const struct bucket *bucket, struct config_rate rate, uint32_t items,
                    int64_t now_ns);
/* What is not there becomes debt, up to 146 years of the slowest rate. */
void bucket_take(struct bucket *bucket, struct config_rate rate, uint32_t items, int64_t now_ns);
/* It may be forgotten: a new one would be the same. */
bool bucket_is_full(const struct bucket *bucket, int64_t now_ns);

#endif
