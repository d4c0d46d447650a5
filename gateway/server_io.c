/* The I/O threads of a listener: each drives a daemon of the library on the listener's socket.
 *
 * libmicrohttpd 0.9.75 has threads of its own, but its loop takes 128 events at a time and, when
 * there were exactly so many, waits without end for the next before it looks at them. So the
 * waiting is done here, on the library's epoll descriptor, and the library is only called when it
 * need not wait. Without threads of its own it has nothing that wakes them either: who resumes a
 * connection wakes its thread here, once for all that are resumed before the thread looks.
 *
 * A thread owns its daemon; others may resume connections, and quiesce. */
#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/sync.h"
#include "gateway/server_inner.h"

/* In milliseconds: 0 when something is left to do, -1 for as long as nothing happens. */
static int patience(struct MHD_Daemon *daemon)
{
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    if (MHD_get_timeout(daemon, &timeout) != MHD_YES) {
        return -1;
    }
    return timeout < INT_MAX ? (int)timeout : INT_MAX;
}

/* Whoever wakes from here on is heard at the next turn. In this order: nobody rings before `woken`
 * is false again. */
static void hear(struct server_io *io)
{
    bell_hear(&io->bell);
    sync_lock(&io->mutex);
    io->woken = false;
    sync_unlock(&io->mutex);
}

void server_io_doubt(struct connection *connection)
{
    connection->next_doubted = connection->io->doubted;
    connection->io->doubted = connection;
}

void server_io_forget(struct connection *connection)
{
    struct connection **at = &connection->io->doubted;
    while (*at != NULL && *at != connection) {
        at = &(*at)->next_doubted;
    }
    if (*at != NULL) {
        *at = connection->next_doubted;
    }
}

/* The library lets go of a connection whose request it gave up only when it hears of it again. */
static void hang_up(struct server_io *io)
{
    for (struct connection *at = io->doubted; at != NULL; at = at->next_doubted) {
        if (at->begun != NULL && !at->begun->headers_seen) {
            atomic_fetch_add(&io->listener->server->refused_shape, 1);
            (void)shutdown(at->deadline.fd, SHUT_RDWR);
        }
    }
    io->doubted = NULL;
}

static void *run_thread(void *arg)
{
    struct server_io *io = arg;
    struct pollfd polled[] = {
        {.fd = MHD_get_daemon_info(io->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
         .events = POLLIN},
        {.fd = io->bell.fd, .events = POLLIN}};
    while (!atomic_load(&io->stopping)) {
        (void)MHD_run(io->daemon);
        hang_up(io);
        (void)poll(polled, ARRAY_LEN(polled), patience(io->daemon));
        if (polled[1].revents != 0) {
            hear(io);
        }
    }
    return NULL;
}

/* Lets the lock go, and wakes the thread unless somebody has. */
static void unlock_and_wake(struct server_io *io)
{
    bool ring = !io->woken;
    io->woken = true;
    if (ring) {
        bell_reach(&io->bell);
    }
    sync_unlock(&io->mutex);
    if (ring) {
        bell_ring(&io->bell);
    }
}

void server_io_start(struct server_io *io)
{
    sync_init(&io->mutex, NULL);
    bell_init(&io->bell);
    io->thread = sync_thread("io", run_thread, io);
}

/* Under the lock, because the answer may be the last one and the server about to close. */
void server_io_resume(struct connection *connection)
{
    struct server_io *io = connection->io;
    sync_lock(&io->mutex);
    MHD_resume_connection(connection->mhd);
    unlock_and_wake(io);
}

void server_io_quiesce(struct server_io *io)
{
    (void)MHD_quiesce_daemon(io->daemon);
}

void server_io_stop(struct server_io *io)
{
    atomic_store(&io->stopping, true);
    sync_lock(&io->mutex); /* whoever still resumes has done so when we have it */
    unlock_and_wake(io);
    (void)pthread_join(io->thread, NULL);
    MHD_stop_daemon(io->daemon);
    bell_clear(&io->bell);
    sync_destroy(&io->mutex, NULL);
}
