/* Starts, watches and stops the HTTP library: two daemons (TCP and local socket) with epoll
 * threads of their own, two pools of request threads (what is urgent has its own), one reaper.
 *
 * The audit of header blocks and the way requests are suspended rest on observed behaviour of one
 * version of libmicrohttpd, so any other is refused at start. Stopping has an order that loses no
 * reply: no new connections, then everything under way is answered, then the daemons stop; a
 * daemon that stops with a suspended connection would abort the process. */
#include "gateway/server.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "gateway/listen_socket.h"
#include "gateway/server_inner.h"

#define TESTED_VERSION "0.9.75"
#define POOL_BYTES     ((size_t)12 * 1024) /* per connection: header block, body window, reply head */
#define STOP_NOTICE_MS 5000

__attribute__((format(printf, 2, 0))) static void log_library(void *context, const char *format,
                                                              va_list args)
{
    (void)context;
    char line[256];
    (void)vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\n")] = '\0';
    log_debug("http", "%s", line);
}

static struct err check_version(void)
{
    const char *version = MHD_get_version();
    ENSURE(strcmp(version, TESTED_VERSION) == 0, ERR_CONFIG,
           "libmicrohttpd %s was not tested with hsmgate: install %s", version, TESTED_VERSION);
    return err_ok();
}

static struct err start_daemon(struct listener *listener, const struct server_config *config)
{
    struct MHD_OptionItem threads[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)config->io_threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    bool several = config->io_threads > 1 && !listener->local;
    listener->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        server_answer, listener, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_LISTEN_SOCKET, listener->fd, MHD_OPTION_NOTIFY_CONNECTION,
        server_notify_connection, listener, MHD_OPTION_URI_LOG_CALLBACK, server_begin_request,
        listener, MHD_OPTION_NOTIFY_COMPLETED, server_end_request, listener,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        config->connections_max, MHD_OPTION_ARRAY, several ? threads : &threads[1], MHD_OPTION_END);
    ENSURE(listener->daemon != NULL, ERR_IO,
           "the HTTP library does not start: is the limit of open files too low?");
    return err_ok();
}

static struct err open_listeners(struct server *server, const struct server_config *config)
{
    TRY(listen_tcp(config->host, config->port, &server->tcp.fd, &server->port));
    if (config->socket_path != NULL) {
        TRY(listen_local(config->socket_path, &server->local.fd));
        server->socket_path = mem_text(config->socket_path);
    }
    TRY(start_daemon(&server->tcp, config));
    if (config->socket_path != NULL) {
        TRY(start_daemon(&server->local, config));
    }
    return err_ok();
}

/* For CLEANUP: closes what an unfinished server_open made. */
static void close_at(struct server **server)
{
    server_close(*server, 0);
}

struct err server_open(const struct server_config *config, server_handler *handler, void *context,
                       struct server **out)
{
    TRY(check_version());
    CLEANUP(close_at) struct server *server = mem_alloc(sizeof(*server));
    server->tcp = (struct listener){.server = server, .fd = -1};
    server->local = (struct listener){.server = server, .fd = -1, .local = true};
    server->body_max = config->body_max;
    server->request_ms = config->request_ms;
    sync_init(&server->mutex, &server->calm);
    server->reaper = reaper_open(config->receive_ms);
    server->linger = linger_open();
    server->pool = request_pool_open(config->request_threads, config->queue_max, handler, context);
    server->urgent = config->urgent;
    if (config->urgent != NULL) {
        server->urgent_pool =
            request_pool_open(SERVER_URGENT_THREADS, config->queue_max, handler, context);
    }
    *out = server; /* before the first request, whose handler may look at it */
    struct err err = open_listeners(server, config);
    if (err.code != ERR_OK) {
        *out = NULL;
        return err;
    }
    (void)TAKE(server);
    return err_ok();
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

void server_land(struct server *server)
{
    if (atomic_fetch_sub(&server->in_flight, 1) == 1 && atomic_load(&server->draining)) {
        sync_lock(&server->mutex);
        sync_wake_all(&server->calm);
        sync_unlock(&server->mutex);
    }
}

/* True when nothing is under way. */
static bool wait_calm(struct server *server, int64_t deadline_ns)
{
    sync_lock(&server->mutex);
    bool in_time = true;
    while (atomic_load(&server->in_flight) > 0 && in_time) {
        in_time = sync_wait(&server->calm, &server->mutex, deadline_ns);
    }
    bool calm = atomic_load(&server->in_flight) == 0;
    sync_unlock(&server->mutex);
    return calm;
}

/* After this the library accepts no connection and the descriptor is ours to close. */
static void quiesce(struct listener *listener)
{
    if (listener->daemon != NULL) {
        (void)MHD_quiesce_daemon(listener->daemon);
    }
}

bool server_drain(struct server *server, int64_t drain_ms)
{
    if (!atomic_exchange(&server->draining, true)) {
        quiesce(&server->tcp);
        quiesce(&server->local);
    }
    return wait_calm(server, clock_deadline(drain_ms));
}

static void stop_listener(struct listener *listener)
{
    fd_close(&listener->fd);
    if (listener->daemon != NULL) {
        MHD_stop_daemon(listener->daemon);
    }
}

void server_close(struct server *server, int64_t drain_ms)
{
    if (server == NULL) {
        return;
    }
    bool calm = server_drain(server, drain_ms);
    atomic_store(&server->stopping, true);
    while (!calm || !wait_calm(server, clock_deadline(STOP_NOTICE_MS))) {
        /* A request thread still uses the exchange: there is no safe way to take it away. */
        log_warning("server", "waiting for %llu requests that do not end",
                    (unsigned long long)atomic_load(&server->in_flight));
        calm = wait_calm(server, clock_deadline(STOP_NOTICE_MS));
    }
    request_pool_close(server->pool);
    request_pool_close(server->urgent_pool);
    stop_listener(&server->tcp);
    stop_listener(&server->local);
    reaper_close(server->reaper);
    linger_close(server->linger);
    if (server->socket_path != NULL) {
        (void)unlink(server->socket_path);
    }
    sync_destroy(&server->mutex, &server->calm);
    mem_free(server->socket_path);
    mem_free(server);
}

void server_status(struct server *server, struct server_status *out)
{
    struct request_pool *urgent = server->urgent_pool;
    *out = (struct server_status){
        .connections = atomic_load(&server->connections),
        .requests = atomic_load(&server->requests),
        .refused_shape = atomic_load(&server->refused_shape),
        .refused_size = atomic_load(&server->refused_size),
        .refused_overload = atomic_load(&server->refused_overload),
        .timed_out = reaper_count(server->reaper),
        .queued = request_pool_waiting(server->pool) +
                  (urgent != NULL ? request_pool_waiting(urgent) : 0),
    };
}
