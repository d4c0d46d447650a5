/* The parking lot for stalled handshakes: an epoll set of our own with one thread.
 *
 * libmicrohttpd 0.9.75 with epoll calls the handshake again at once when it would block, so three
 * bytes of a ClientHello keep an I/O thread at full speed. Instead the connection is suspended and
 * its descriptor waits here, armed for one event; whatever happens to it, data, end, or the shut
 * down of its absolute deadline, resumes it. A place is in the list exactly while it is suspended:
 * whoever takes it out resumes it. That makes stopping simple, and a place can never go while it
 * is here, because the library does not close a suspended connection. */
#include "gateway/parking.h"

#include <assert.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/sync.h"

#define EVENTS_MAX 64

struct parking {
    pthread_mutex_t mutex; /* guards the list, the places in it and stopped */
    struct parking_place *first;
    bool stopped;
    void (*suspend)(void *who);
    void (*resume)(void *who);
    int epoll;
    int wake; /* eventfd: stopped */
    pthread_t thread;
};

static void link_place(struct parking *parking, struct parking_place *place)
{
    place->previous = NULL;
    place->next = parking->first;
    if (place->next != NULL) {
        place->next->previous = place;
    }
    parking->first = place;
    place->parked = true;
}

static void unlink_place(struct parking *parking, struct parking_place *place)
{
    *(place->previous != NULL ? &place->previous->next : &parking->first) = place->next;
    if (place->next != NULL) {
        place->next->previous = place->previous;
    }
    place->parked = false;
}

/* Takes the place out and gives whom to resume; the place may be gone after that. */
static void *take_out(struct parking *parking, struct parking_place *place)
{
    sync_lock(&parking->mutex);
    assert(place->parked);
    unlink_place(parking, place);
    (void)epoll_ctl(parking->epoll, EPOLL_CTL_DEL, place->fd, NULL);
    void *who = place->who;
    sync_unlock(&parking->mutex);
    return who;
}

static void *run_thread(void *arg)
{
    struct parking *parking = arg;
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(parking->epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == parking) {
                return NULL;
            }
            parking->resume(take_out(parking, events[i].data.ptr));
        }
    }
}

struct parking *parking_open(void (*suspend)(void *who), void (*resume)(void *who))
{
    struct parking *parking = mem_alloc(sizeof(*parking));
    sync_init(&parking->mutex, NULL);
    parking->suspend = suspend;
    parking->resume = resume;
    parking->epoll = epoll_create1(EPOLL_CLOEXEC);
    parking->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert(parking->epoll >= 0 && parking->wake >= 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = parking};
    int added = epoll_ctl(parking->epoll, EPOLL_CTL_ADD, parking->wake, &event);
    assert(added == 0);
    (void)added;
    parking->thread = sync_thread("parking", run_thread, parking);
    return parking;
}

void parking_stop(struct parking *parking)
{
    sync_lock(&parking->mutex);
    bool again = parking->stopped;
    parking->stopped = true;
    sync_unlock(&parking->mutex);
    if (again) {
        return;
    }
    uint64_t one = 1;
    (void)!write(parking->wake, &one, sizeof(one));
    (void)pthread_join(parking->thread, NULL);
    while (parking->first != NULL) { /* nobody parks and the thread is gone: it is ours alone */
        parking->resume(take_out(parking, parking->first));
    }
}

void parking_close(struct parking *parking)
{
    if (parking == NULL) {
        return;
    }
    parking_stop(parking);
    fd_close(&parking->wake);
    fd_close(&parking->epoll);
    sync_destroy(&parking->mutex, NULL);
    mem_free(parking);
}

/* Suspends first: the event, and with it the resuming, may come before this returns. */
static void park(struct parking *parking, struct parking_place *place, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = place};
    sync_lock(&parking->mutex);
    if (!parking->stopped && !place->parked) {
        parking->suspend(place->who);
        link_place(parking, place);
        if (epoll_ctl(parking->epoll, EPOLL_CTL_ADD, place->fd, &event) != 0) {
            unlink_place(parking, place); /* no memory in the kernel: spin rather than hang */
            parking->resume(place->who);
        }
    }
    sync_unlock(&parking->mutex);
}

void parking_wait_readable(struct parking *parking, struct parking_place *place)
{
    park(parking, place, EPOLLIN);
}

void parking_wait_writable(struct parking *parking, struct parking_place *place)
{
    park(parking, place, EPOLLOUT);
}
