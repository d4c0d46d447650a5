/* bucket_table: the buckets of many names, in memory of a fixed size. */
#ifndef HSMGATE_GATEWAY_BUCKET_TABLE_H
#define HSMGATE_GATEWAY_BUCKET_TABLE_H

#include <pthread.h>

#include "gateway/bucket.h"

#define BUCKET_SHARDS 256 /* power of two */
#define BUCKET_WAYS   64  /* buckets of a shard */

struct bucket_table;

/* What stands for a name; nobody outside can choose names that meet. */
struct bucket_id {
    uint64_t high;
    uint64_t low;
};

struct bucket_slot {
    struct bucket_id id;
    struct bucket bucket;
};

struct bucket_shard {
    pthread_mutex_t mutex; /* guards the buckets */
    struct bucket_slot slots[BUCKET_WAYS];
    struct bucket *spare; /* one for each rule: shared by the names that find no slot */
};

/* `rules`: how many rules there are. */
struct bucket_table *bucket_table_open(size_t rules);
/* Takes NULL. */
void bucket_table_close(struct bucket_table *table);
struct bucket_id bucket_table_id(const struct bucket_table *table, struct span name);
struct bucket_shard *bucket_table_shard(struct bucket_table *table, struct bucket_id id);
/* The name's bucket, perhaps a new one in the place of a full one, or the spare of its rule. The
 * shard's mutex is held, and the bucket valid until it is given back. */
struct bucket *bucket_shard_find(struct bucket_shard *shard, struct bucket_id id, size_t rule,
                                 int64_t now_ns);

#endif
