/* The threads that run requests: a ring of exchanges under one mutex, and threads that wait on its
 * condition. Request code blocks (token, audit, store), so the number of threads bounds what is
 * under way.
 *
 * A queue that only evens out a burst is short soon; one that stands adds its whole length to every
 * answer and serves nobody more. So what has waited for wait_ms while every thread was busy is
 * refused, without work, and when the ring has not been empty for a while the newest goes first:
 * those who are served are served as fast as ever, and the rest hears so in time. (CoDel, RFC 8289,
 * and adaptive LIFO: Maurer, "Fail at Scale", ACM Queue 2015.) The mutex guards every field but the
 * threads. */
#include "gateway/request_pool.h"

#include <assert.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/mem.h"
#include "base/sync.h"

#define IDLE_WAIT_MS 60000 /* a wait always has a deadline; waking up costs nothing */
#define STANDING_MS  100   /* a ring that has not been empty for so long stands */
#define MS           ((int64_t)1000000)
#define BEGUN_MAX    8 /* exchanges, before a crew looks after those that it has begun */

/* A thread with fibers. */
struct crew {
    struct request_pool *pool;
    struct fibers *fibers;
    /* under the pool's mutex */
    unsigned resting; /* of its fibers */
    bool idle;        /* found nothing to do */
    struct crew *next_idle;
};

struct request_pool {
    struct request_pool_config config;
    pthread_mutex_t mutex;
    pthread_cond_t filled; /* for threads without fibers */
    struct exchange **ring;
    size_t head; /* the oldest */
    size_t waiting;
    unsigned idle; /* threads that wait for an exchange */
    unsigned free; /* those, or fibers that rest */
    struct crew *idle_crews;
    bool waking;      /* one of them has been called, and is not here yet */
    int64_t empty_ns; /* when the ring was last seen empty */
    bool closing;
    pthread_t *threads;
    struct crew *crews; /* NULL without fibers */
};

/* --- the ring; the mutex is held --- */

static struct exchange *take_oldest(struct request_pool *pool)
{
    struct exchange *exchange = pool->ring[pool->head];
    pool->head = (pool->head + 1) % pool->config.queue_max;
    pool->waiting--;
    return exchange;
}

static struct exchange *take_newest(struct request_pool *pool)
{
    pool->waiting--;
    return pool->ring[(pool->head + pool->waiting) % pool->config.queue_max];
}

/* The oldest when its time is over, else NULL. What a thread has only not woken up for yet does not
 * wait; `awake` is 1 in a thread that will run one now
 * and does not count as free any more. */
static struct exchange *take_expired(struct request_pool *pool, unsigned awake, int64_t now_ns)
{
    bool queued = pool->waiting > pool->free + awake;
    if (pool->config.wait_ms == 0 || !queued) {
        return NULL;
    }
    int64_t age_ns = now_ns - pool->ring[pool->head]->request.arrived_ns;
    return age_ns > pool->config.wait_ms * MS ? take_oldest(pool) : NULL;
}

static struct exchange *take_next(struct request_pool *pool, int64_t now_ns)
{
    bool stands = pool->config.wait_ms > 0 && now_ns - pool->empty_ns > STANDING_MS * MS;
    return stands ? take_newest(pool) : take_oldest(pool);
}

/* --- threads --- */

/* What a thread does next: one of the two, or neither when the pool closes. */
struct task {
    struct exchange *run;
    struct exchange *refuse;
};

/* Calls a thread for what waits, unless one is on its way: that one calls the next if it has to. So
 * a thread that is about to be free finds work, and no thread wakes up for nothing. True: the
 * caller must wake one when it has let the mutex go. */
static bool call_thread(struct request_pool *pool, struct crew **out_crew)
{
    bool call = pool->waiting > 0 && pool->idle > 0 && !pool->waking;
    pool->waking = pool->waking || call;
    *out_crew = pool->idle_crews;
    return call;
}

static void wake_thread(struct request_pool *pool, struct crew *crew)
{
    if (crew != NULL) {
        fibers_ring(crew->fibers);
    } else {
        sync_wake_one(&pool->filled);
    }
}

/* With the mutex held; nothing to run while the thread is not free for it. `awake` as for
 * take_expired. */
static struct task take_task(struct request_pool *pool, bool is_free, unsigned awake)
{
    struct task task = {0};
    if (pool->waiting > 0) {
        int64_t now_ns = clock_mono_ns();
        task.refuse = pool->closing ? NULL : take_expired(pool, awake, now_ns);
        task.run = task.refuse == NULL && is_free ? take_next(pool, now_ns) : NULL;
        pool->empty_ns = pool->waiting == 0 ? now_ns : pool->empty_ns;
    }
    return task;
}

/* --- a thread without fibers --- */

static struct task wait_task(struct request_pool *pool)
{
    struct crew *none = NULL;
    sync_lock(&pool->mutex);
    while (pool->waiting == 0 && !pool->closing) {
        pool->idle++;
        pool->free++;
        (void)sync_wait(&pool->filled, &pool->mutex, clock_deadline(IDLE_WAIT_MS));
        pool->idle--;
        pool->free--;
        pool->waking = false;
    }
    struct task task = take_task(pool, true, 1);
    bool call = call_thread(pool, &none);
    sync_unlock(&pool->mutex);
    if (call) {
        wake_thread(pool, none);
    }
    return task;
}

static void *run_thread(void *arg)
{
    struct request_pool *pool = arg;
    for (;;) {
        struct task task = wait_task(pool);
        if (task.refuse != NULL) {
            pool->config.refuse(task.refuse);
        } else if (task.run != NULL) {
            pool->config.handler(pool->config.context, task.run);
        } else {
            return NULL;
        }
    }
}

/* --- a crew --- */

/* With the mutex held. */
static void leave_idle(struct crew *crew)
{
    struct request_pool *pool = crew->pool;
    struct crew **at = &pool->idle_crews;
    if (!crew->idle) {
        return;
    }
    while (*at != crew) {
        at = &(*at)->next_idle;
    }
    *at = crew->next_idle;
    crew->idle = false;
    pool->idle--;
    pool->waking = false;
}

static void become_idle(struct crew *crew)
{
    struct request_pool *pool = crew->pool;
    crew->next_idle = pool->idle_crews;
    pool->idle_crews = crew;
    crew->idle = true;
    pool->idle++;
}

static void count_resting(struct crew *crew, unsigned resting)
{
    crew->pool->free += resting - crew->resting;
    crew->resting = resting;
}

/* What a crew does next; true: the pool closes. */
static bool look(struct crew *crew, struct task *out)
{
    struct request_pool *pool = crew->pool;
    struct crew *other = NULL;
    unsigned resting = fibers_resting(crew->fibers);
    sync_lock(&pool->mutex);
    leave_idle(crew);
    count_resting(crew, resting);
    *out = take_task(pool, resting > 0, 0);
    if (out->run != NULL) {
        count_resting(crew, resting - 1);
    } else if (out->refuse == NULL && resting > 0) {
        become_idle(crew);
    }
    bool closing = pool->closing;
    bool call = call_thread(pool, &other);
    sync_unlock(&pool->mutex);
    if (call) {
        wake_thread(pool, other);
    }
    return closing;
}

static void run_one(void *context, void *item)
{
    struct request_pool *pool = context;
    pool->config.handler(pool->config.context, item);
}

/* Begins what waits, a few at a time: what they wait for they then wait for together. */
static void *run_crew(void *arg)
{
    struct crew *crew = arg;
    struct request_pool *pool = crew->pool;
    for (unsigned begun = 0;;) {
        struct task task = {0};
        bool closing = look(crew, &task);
        bool nothing = task.refuse == NULL && task.run == NULL;
        if (task.refuse != NULL) {
            pool->config.refuse(task.refuse);
        } else if (task.run != NULL) {
            fibers_start(crew->fibers, run_one, pool, task.run);
            begun++;
        } else if (closing && fibers_resting(crew->fibers) == pool->config.fibers) {
            return NULL;
        }
        if (nothing || begun == BEGUN_MAX) {
            fibers_turn(crew->fibers, nothing, clock_deadline(IDLE_WAIT_MS));
            begun = 0;
        }
    }
}

/* --- the pool --- */

static void open_crew(struct request_pool *pool, unsigned i)
{
    struct crew *crew = &pool->crews[i];
    *crew = (struct crew){.pool = pool, .fibers = fibers_open(pool->config.fibers)};
    pool->threads[i] = sync_thread("data", run_crew, crew);
}

struct request_pool *request_pool_open(const struct request_pool_config *config)
{
    assert(config->threads > 0 && config->queue_max > 0);
    assert(config->wait_ms == 0 || config->refuse != NULL);
    struct request_pool *pool = mem_alloc(sizeof(*pool));
    sync_init(&pool->mutex, &pool->filled);
    pool->config = *config;
    pool->empty_ns = clock_mono_ns();
    pool->ring = mem_array(config->queue_max, sizeof(*pool->ring));
    pool->threads = mem_array(config->threads, sizeof(*pool->threads));
    pool->crews = config->fibers > 0 ? mem_array(config->threads, sizeof(*pool->crews)) : NULL;
    for (unsigned i = 0; i < config->threads; i++) {
        if (pool->crews != NULL) {
            open_crew(pool, i);
        } else {
            pool->threads[i] = sync_thread("request", run_thread, pool);
        }
    }
    return pool;
}

/* Adds it when there is room, and takes one out whose time is over. */
static bool add(struct request_pool *pool, struct exchange *exchange, struct crew **out_crew,
                bool *out_call, struct exchange **out_expired)
{
    sync_lock(&pool->mutex);
    if (pool->waiting == 0) {
        pool->empty_ns = exchange->request.arrived_ns;
    } else {
        *out_expired = take_expired(pool, 0, exchange->request.arrived_ns);
    }
    bool room = pool->waiting < pool->config.queue_max && !pool->closing;
    if (room) {
        pool->ring[(pool->head + pool->waiting) % pool->config.queue_max] = exchange;
        pool->waiting++;
    }
    *out_call = call_thread(pool, out_crew);
    sync_unlock(&pool->mutex);
    return room;
}

bool request_pool_submit(struct request_pool *pool, struct exchange *exchange)
{
    struct exchange *expired = NULL;
    struct crew *crew = NULL;
    bool call = false;
    bool room = add(pool, exchange, &crew, &call, &expired);
    if (call) {
        wake_thread(pool, crew);
    }
    if (expired != NULL) { /* even if no thread comes by for a while */
        pool->config.refuse(expired);
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
    for (unsigned i = 0; i < pool->config.threads; i++) {
        if (pool->crews != NULL) {
            fibers_ring(pool->crews[i].fibers);
        }
    }
    for (unsigned i = 0; i < pool->config.threads; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    for (unsigned i = 0; pool->crews != NULL && i < pool->config.threads; i++) {
        fibers_close(pool->crews[i].fibers);
    }
    sync_destroy(&pool->mutex, &pool->filled);
    mem_free(pool->crews);
    mem_free(pool->threads);
    mem_free(pool->ring);
    mem_free(pool);
}
