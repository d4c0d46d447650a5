/* Absolute deadlines for connections.
 *
 * All have the same length, so the list of armed entries is in order of their deadlines by itself:
 * arming appends, the thread looks only at the first. shutdown() runs under the mutex that disarm
 * takes, therefore a descriptor can not be closed and used anew in between. */
#include "gateway/reaper.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"

#define NS_PER_MS 1000000

struct reaper {
    pthread_mutex_t mutex; /* guards the list, the entries in it, closing and count */
    pthread_cond_t changed;
    struct reaper_entry *first;
    struct reaper_entry *last;
    int64_t timeout_ns;
    uint64_t count;
    bool closing;
    pthread_t thread;
};

static void unlink_entry(struct reaper *reaper, struct reaper_entry *entry)
{
    if (!entry->armed) {
        return;
    }
    *(entry->previous != NULL ? &entry->previous->next : &reaper->first) = entry->next;
    *(entry->next != NULL ? &entry->next->previous : &reaper->last) = entry->previous;
    entry->previous = NULL;
    entry->next = NULL;
    entry->armed = false;
}

static void append_entry(struct reaper *reaper, struct reaper_entry *entry)
{
    entry->previous = reaper->last;
    *(reaper->last != NULL ? &reaper->last->next : &reaper->first) = entry;
    reaper->last = entry;
    entry->armed = true;
}

static void reap_due(struct reaper *reaper, int64_t now)
{
    while (reaper->first != NULL && reaper->first->deadline_ns <= now) {
        struct reaper_entry *entry = reaper->first;
        unlink_entry(reaper, entry);
        entry->reaped = true;
        reaper->count++;
        (void)shutdown(entry->fd, SHUT_RDWR);
    }
}

static void *run_thread(void *arg)
{
    struct reaper *reaper = arg;
    sync_lock(&reaper->mutex);
    while (!reaper->closing) {
        int64_t now = clock_mono_ns();
        reap_due(reaper, now);
        int64_t until =
            reaper->first != NULL ? reaper->first->deadline_ns : now + reaper->timeout_ns;
        (void)sync_wait(&reaper->changed, &reaper->mutex, until);
    }
    sync_unlock(&reaper->mutex);
    return NULL;
}

struct reaper *reaper_open(int64_t timeout_ms)
{
    struct reaper *reaper = mem_alloc(sizeof(*reaper));
    sync_init(&reaper->mutex, &reaper->changed);
    reaper->timeout_ns = timeout_ms * NS_PER_MS;
    reaper->thread = sync_thread("reaper", run_thread, reaper);
    return reaper;
}

void reaper_close(struct reaper *reaper)
{
    if (reaper == NULL) {
        return;
    }
    sync_lock(&reaper->mutex);
    reaper->closing = true;
    sync_unlock(&reaper->mutex);
    sync_wake_all(&reaper->changed);
    (void)pthread_join(reaper->thread, NULL);
    sync_destroy(&reaper->mutex, &reaper->changed);
    mem_free(reaper);
}

void reaper_arm(struct reaper *reaper, struct reaper_entry *entry)
{
    int64_t deadline = clock_mono_ns() + reaper->timeout_ns;
    sync_lock(&reaper->mutex);
    unlink_entry(reaper, entry);
    if (!entry->reaped) {
        entry->deadline_ns = deadline;
        append_entry(reaper, entry);
    }
    sync_unlock(&reaper->mutex);
    /* No wake-up: the thread sleeps at most one timeout_ns from before this deadline was made. */
}

void reaper_disarm(struct reaper *reaper, struct reaper_entry *entry)
{
    sync_lock(&reaper->mutex);
    unlink_entry(reaper, entry);
    sync_unlock(&reaper->mutex);
}

uint64_t reaper_count(struct reaper *reaper)
{
    sync_lock(&reaper->mutex);
    uint64_t count = reaper->count;
    sync_unlock(&reaper->mutex);
    return count;
}
