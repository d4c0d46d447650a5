/* The threads that run requests: a ring of exchanges under one mutex, and threads that wait on its
 * condition. Request code blocks (token, audit, store), so the number of threads bounds what is
 * under way; a full ring refuses at once instead of letting latency grow. The mutex guards every
 * field but the threads. */
#include "gateway/request_pool.h"

#include <assert.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"

#define IDLE_WAIT_MS 60000 /* a wait always has a deadline; waking up costs nothing */

struct request_pool {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct exchange **ring;
    size_t ring_len;
    size_t head; /* next to take */
    size_t waiting;
    bool closing;
    server_handler *handler;
    void *context;
    pthread_t *threads;
    unsigned thread_count;
};

/* NULL when the pool closes and nothing is left. */
static struct exchange *take_next(struct request_pool *pool)
{
    struct exchange *exchange = NULL;
    sync_lock(&pool->mutex);
    while (pool->waiting == 0 && !pool->closing) {
        (void)sync_wait(&pool->filled, &pool->mutex, clock_deadline(IDLE_WAIT_MS));
    }
    if (pool->waiting > 0) {
        exchange = pool->ring[pool->head];
        pool->head = (pool->head + 1) % pool->ring_len;
        pool->waiting--;
    }
    sync_unlock(&pool->mutex);
    return exchange;
}

static void *run_thread(void *arg)
{
    struct request_pool *pool = arg;
    for (struct exchange *next = take_next(pool); next != NULL; next = take_next(pool)) {
        pool->handler(pool->context, next);
    }
    return NULL;
}

struct request_pool *request_pool_open(unsigned threads, size_t queue_max, server_handler *handler,
                                       void *context)
{
    assert(threads > 0 && queue_max > 0);
    struct request_pool *pool = mem_alloc(sizeof(*pool));
    sync_init(&pool->mutex, &pool->filled);
    pool->ring = mem_array(queue_max, sizeof(*pool->ring));
    pool->ring_len = queue_max;
    pool->handler = handler;
    pool->context = context;
    pool->threads = mem_array(threads, sizeof(*pool->threads));
    pool->thread_count = threads;
    for (unsigned i = 0; i < threads; i++) {
        pool->threads[i] = sync_thread("request", run_thread, pool);
    }
    return pool;
}

bool request_pool_submit(struct request_pool *pool, struct exchange *exchange)
{
    sync_lock(&pool->mutex);
    bool room = pool->waiting < pool->ring_len && !pool->closing;
    if (room) {
        pool->ring[(pool->head + pool->waiting) % pool->ring_len] = exchange;
        pool->waiting++;
    }
    sync_unlock(&pool->mutex);
    if (room) {
        sync_wake_one(&pool->filled);
    }
    return room;
}

size_t request_pool_waiting(struct request_pool *pool)
{
    sync_lock(&pool->mutex);
    size_t waiting = pool->waiting;
    sync_unlock(&pool->mutex);
    return waiting;
}

void request_pool_close(struct request_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    sync_lock(&pool->mutex);
    pool->closing = true;
    sync_unlock(&pool->mutex);
    sync_wake_all(&pool->filled);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    sync_destroy(&pool->mutex, &pool->filled);
    mem_free(pool->threads);
    mem_free(pool->ring);
    mem_free(pool);
}
