/* Buckets by name. All memory is taken at the start; a name is a salted hash that chooses its shard
 * and is its mark there.
 *
 * A bucket that has filled up again says nothing that a new one would not, so its slot is free for
 * the next name. One that is not full is never given up: however many names somebody has, they
 * reset nobody's bucket, not even their own. Names that find no slot share their rule's spare, so
 * that a crowd under one rule costs only its like, and nobody goes without a limit. Each shard has
 * a mutex, which callers hold while they look and take. */
#include "gateway/bucket_table.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/sync.h"

struct bucket_table {
    struct uuid salt;
    struct bucket *spares;
    struct bucket_shard shards[BUCKET_SHARDS];
};

struct bucket_table *bucket_table_open(size_t rules)
{
    struct bucket_table *table = mem_alloc(sizeof(*table));
    table->salt = uuid_make();
    table->spares = mem_array(BUCKET_SHARDS * rules, sizeof(*table->spares));
    for (size_t i = 0; i < BUCKET_SHARDS; i++) {
        sync_init(&table->shards[i].mutex, NULL);
        table->shards[i].spare = table->spares + i * rules;
    }
    return table;
}

void bucket_table_close(struct bucket_table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKET_SHARDS; i++) {
        sync_destroy(&table->shards[i].mutex, NULL);
    }
    mem_free(table->spares);
    mem_free(table);
}

struct bucket_id bucket_table_id(const struct bucket_table *table, struct span name)
{
    uint8_t digest[SHA256_LEN];
    struct bucket_id id;
    struct span parts[] = {span_of(table->salt.bytes, UUID_LEN), name};
    digest_sha256_parts(parts, ARRAY_LEN(parts), digest);
    memcpy(&id, digest, sizeof(id));
    return id;
}

struct bucket_shard *bucket_table_shard(struct bucket_table *table, struct bucket_id id)
{
    return &table->shards[id.high % BUCKET_SHARDS];
}

struct bucket *bucket_shard_find(struct bucket_shard *shard, struct bucket_id id, size_t rule,
                                 int64_t now_ns)
{
    struct bucket_slot *room = NULL;
    for (size_t i = 0; i < BUCKET_WAYS; i++) {
        struct bucket_slot *slot = &shard->slots[i];
        if (slot->id.high == id.high && slot->id.low == id.low) {
            return &slot->bucket;
        }
        if (room == NULL && bucket_is_full(&slot->bucket, now_ns)) {
            room = slot;
        }
    }
    if (room == NULL) {
        return &shard->spare[rule];
    }
    *room = (struct bucket_slot){.id = id};
    return &room->bucket;
}
