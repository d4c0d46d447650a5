/* Lingering close: a few descriptors of refused clients, polled by one thread that throws away what
 * they send. Everything is bounded, because each client here has already misbehaved: the number of
 * descriptors, the time and the bytes of each. When there is no room the connection just closes. */
#include "gateway/linger.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sync.h"

#define LINGER_MAX       64
#define LINGER_MS        2000
#define LINGER_BYTES_MAX ((size_t)16 << 20)
#define READ_LEN         65536

struct lingering {
    int fd; /* -1: a free place */
    int64_t deadline_ns;
    size_t bytes;
};

struct linger_pool {
    pthread_mutex_t mutex; /* guards places and closing */
    struct lingering places[LINGER_MAX];
    bool closing;
    int wake; /* eventfd: something was added, or closing */
    pthread_t thread;
    uint8_t scratch[READ_LEN]; /* the thread's own */
};

/* True when the descriptor is done with. */
static bool read_away(struct lingering *place, uint8_t *scratch)
{
    for (;;) {
        ssize_t got = recv(place->fd, scratch, READ_LEN, MSG_DONTWAIT);
        if (got <= 0) {
            return got == 0 || (errno != EAGAIN && errno != EINTR);
        }
        mem_wipe(scratch, (size_t)got); /* a body that was too large is plaintext all the same */
        place->bytes += (size_t)got;
        if (place->bytes > LINGER_BYTES_MAX) {
            return true;
        }
    }
}

/* Serves every place once. Gives the descriptors to poll for and the earliest deadline. */
static nfds_t serve_all(struct linger_pool *pool, struct pollfd *polled, int64_t *out_until)
{
    nfds_t count = 0;
    int64_t until = clock_deadline(LINGER_MS);
    sync_lock(&pool->mutex);
    for (size_t i = 0; i < LINGER_MAX; i++) {
        struct lingering *place = &pool->places[i];
        if (place->fd >= 0 &&
            (clock_left_ms(place->deadline_ns) == 0 || read_away(place, pool->scratch))) {
            fd_close(&place->fd);
        }
        if (place->fd >= 0) {
            polled[count++] = (struct pollfd){.fd = place->fd, .events = POLLIN};
            until = place->deadline_ns < until ? place->deadline_ns : until;
        }
    }
    bool closing = pool->closing;
    sync_unlock(&pool->mutex);
    polled[count++] = (struct pollfd){.fd = pool->wake, .events = POLLIN};
    *out_until = until;
    return closing ? 0 : count;
}

static void *run_thread(void *arg)
{
    struct linger_pool *pool = arg;
    struct pollfd polled[LINGER_MAX + 1];
    int64_t until = 0;
    for (nfds_t count = serve_all(pool, polled, &until); count > 0;
         count = serve_all(pool, polled, &until)) {
        bool idle = count == 1;
        (void)poll(polled, count, idle ? -1 : (int)clock_left_ms(until) + 1);
        uint64_t woken = 0;
        (void)!read(pool->wake, &woken, sizeof(woken));
    }
    return NULL;
}

struct linger_pool *linger_open(void)
{
    struct linger_pool *pool = mem_alloc(sizeof(*pool));
    sync_init(&pool->mutex, NULL);
    for (size_t i = 0; i < LINGER_MAX; i++) {
        pool->places[i].fd = -1;
    }
    pool->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert(pool->wake >= 0);
    pool->thread = sync_thread("linger", run_thread, pool);
    return pool;
}

static void wake(struct linger_pool *pool)
{
    uint64_t one = 1;
    (void)!write(pool->wake, &one, sizeof(one));
}

void linger_close(struct linger_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    sync_lock(&pool->mutex);
    pool->closing = true;
    sync_unlock(&pool->mutex);
    wake(pool);
    (void)pthread_join(pool->thread, NULL);
    for (size_t i = 0; i < LINGER_MAX; i++) {
        fd_close(&pool->places[i].fd);
    }
    fd_close(&pool->wake);
    sync_destroy(&pool->mutex, NULL);
    mem_free(pool);
}

void linger_add(struct linger_pool *pool, int fd)
{
    (void)shutdown(fd, SHUT_WR);
    sync_lock(&pool->mutex);
    for (size_t i = 0; i < LINGER_MAX; i++) {
        if (pool->places[i].fd < 0) {
            pool->places[i] = (struct lingering){.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0),
                                                 .deadline_ns = clock_deadline(LINGER_MS)};
            break;
        }
    }
    sync_unlock(&pool->mutex);
    wake(pool);
}
