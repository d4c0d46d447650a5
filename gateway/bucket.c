/* A token bucket in whole numbers. It keeps what is missing instead of what is there: in billionths
 * of an item a rate of N a second gives back exactly N each nanosecond, so nothing is ever rounded
 * in the bucket, and a zeroed one is full. Only the waiting time is rounded, up.
 *
 * A request with more items than the burst could never pass a bucket that holds no more than the
 * burst. It passes a full one, and what it took beyond is debt that the next ones wait for: the
 * rate holds in the long run whatever the batches. No overflow: half of 2^63 is owed at most, and
 * 2^32 items are less than the other half. */
#include "gateway/bucket.h"

#include <assert.h>

#define ITEM     ((int64_t)1000000000)
#define OWED_MAX (INT64_MAX / 2)

static int64_t owed_at(const struct bucket *bucket, struct config_rate rate, int64_t now_ns)
{
    if (now_ns >= bucket->full_ns) {
        return 0;
    }
    /* another thread may have taken at a later now */
    int64_t elapsed_ns = now_ns > bucket->at_ns ? now_ns - bucket->at_ns : 0;
    return bucket->owed - elapsed_ns * rate.per_second;
}

static int64_t time_for(int64_t amount, struct config_rate rate)
{
    return amount / rate.per_second + (amount % rate.per_second > 0 ? 1 : 0);
}

int64_t bucket_wait(const struct bucket *bucket, struct config_rate rate, uint32_t items,
                    int64_t now_ns)
{
    assert(rate.per_second > 0 && rate.burst > 0);
    int64_t needed = items < rate.burst ? items : rate.burst;
    int64_t missing = owed_at(bucket, rate, now_ns) + (needed - rate.burst) * ITEM;
    return missing > 0 ? time_for(missing, rate) : 0;
}

void bucket_take(struct bucket *bucket, struct config_rate rate, uint32_t items, int64_t now_ns)
{
    int64_t owed = owed_at(bucket, rate, now_ns) + items * ITEM;
    bucket->owed = owed < OWED_MAX ? owed : OWED_MAX;
    bucket->at_ns = now_ns > bucket->at_ns ? now_ns : bucket->at_ns;
    bucket->full_ns = bucket->at_ns + time_for(bucket->owed, rate);
}

bool bucket_is_full(const struct bucket *bucket, int64_t now_ns)
{
    return now_ns >= bucket->full_ns;
}
