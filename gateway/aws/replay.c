/* A table of buckets with few places each; a signature is as good as random, so its first bytes
 * choose the bucket and the next ones stand for it. */
#include "gateway/aws/replay.h"

#include <string.h>

#include "base/mem.h"
#include "base/sync.h"

#define WAYS     8
#define BUCKETS  (REPLAY_MAX / WAYS)
#define TAG_LEN  16
#define TAG_FROM 4

struct place {
    uint8_t tag[TAG_LEN];
    int64_t first; /* unix ms, when it was noted */
    int64_t until; /* likewise; 0: free */
};

struct replay {
    pthread_mutex_t lock;
    struct place buckets[BUCKETS][WAYS];
};

struct replay *replay_open(void)
{
    /* written to at once: its pages are taken now, and not one by one for as long as the gateway
     * runs */
    struct replay *replay = mem_room(sizeof(*replay));
    memset(replay, 0, sizeof(*replay));
    sync_init(&replay->lock, NULL);
    return replay;
}

void replay_close(struct replay *replay)
{
    if (replay != NULL) {
        sync_destroy(&replay->lock, NULL);
        mem_free(replay);
    }
}

static struct place *bucket_of(struct replay *replay, const uint8_t signature[SHA256_LEN])
{
    uint32_t number = (uint32_t)signature[0] << 16 | (uint32_t)signature[1] << 8 | signature[2];
    return replay->buckets[number % BUCKETS];
}

static bool note_in(struct place *bucket, const uint8_t *tag, int64_t now, int64_t until,
                    int64_t grace_ms)
{
    struct place *first = &bucket[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (bucket[i].until > now && memcmp(bucket[i].tag, tag, TAG_LEN) == 0) {
            return now - bucket[i].first < grace_ms;
        }
        first = bucket[i].until < first->until ? &bucket[i] : first;
    }
    memcpy(first->tag, tag, TAG_LEN);
    first->first = now;
    first->until = until;
    return true;
}

bool replay_note(struct replay *replay, const uint8_t signature[SHA256_LEN], int64_t now,
                 int64_t until, int64_t grace_ms)
{
    sync_lock(&replay->lock);
    bool fresh = note_in(bucket_of(replay, signature), signature + TAG_FROM, now, until, grace_ms);
    sync_unlock(&replay->lock);
    return fresh;
}
