/* Starts, watches and stops the HTTP library: listeners for each TCP address and for the local
 * socket with I/O threads of their own, a pool of threads for each lane of requests (what is urgent
 * has its own), one reaper.
 *
 * The audit of header blocks and the way requests are suspended rest on observed behaviour of one
 * version of libmicrohttpd, so any other is refused at start. Stopping has an order that loses no
 * reply: no new connections, then everything under way is answered, then the daemons stop; a
 * daemon that stops with a suspended connection would abort the process. */
#include "gateway/server.h"

#include <assert.h>
#include <gnutls/abstract.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "gateway/descriptors.h"
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

/* What the library would use if our own credentials were not in the session: none.
 * NOLINTNEXTLINE(readability-function-size): GnuTLS sets the parameters */
static int no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                          gnutls_pcert_st **certificates, unsigned *count,
                          gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count, gnutls_privkey_t *key,
                          unsigned *flags)
{
    (void)session;
    (void)info;
    (void)certificates;
    (void)count;
    (void)ocsp;
    (void)ocsp_count;
    (void)key;
    (void)flags;
    return -1;
}

static struct err start_daemon(struct server_io *io, unsigned connections_max)
{
    const struct listener *listener = io->listener;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (listener->tls != NULL ? MHD_USE_TLS : 0);
    io->daemon = MHD_start_daemon(
        flags, 0, server_accept, io, server_answer, io, MHD_OPTION_EXTERNAL_LOGGER, log_library,
        NULL, MHD_OPTION_LISTEN_SOCKET, listener->fd, MHD_OPTION_NOTIFY_CONNECTION,
        server_notify_connection, io, MHD_OPTION_URI_LOG_CALLBACK, server_begin_request, io,
        MHD_OPTION_NOTIFY_COMPLETED, server_end_request, io, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT, connections_max,
        /* the rest is for TLS */
        listener->tls != NULL ? MHD_OPTION_HTTPS_PRIORITIES : MHD_OPTION_END, TLS_PRIORITIES,
        MHD_OPTION_HTTPS_CERT_CALLBACK2, no_certificate, MHD_OPTION_END);
    ENSURE(io->daemon != NULL, ERR_IO,
           "the HTTP library does not start: is the limit of open files too low?");
    server_io_start(io);
    return err_ok();
}

/* The threads of a listener share its connections. */
static struct err start_threads(struct listener *listener, const struct server_config *config)
{
    unsigned threads = listener->local || config->io_threads < 1 ? 1 : config->io_threads;
    listener->io = mem_array(threads, sizeof(*listener->io));
    for (unsigned i = 0; i < threads; i++) {
        listener->io[i].listener = listener;
        TRY(start_daemon(&listener->io[i], (config->connections_max + threads - 1) / threads));
        listener->io_count++;
    }
    return err_ok();
}

static struct listener *add_listener(struct server *server)
{
    struct listener *listener = &server->listeners[server->listener_count++];
    *listener = (struct listener){.server = server, .fd = -1};
    return listener;
}

static struct err open_listeners(struct server *server, const struct server_config *config)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *wanted = &config->listeners[i];
        struct listener *listener = add_listener(server);
        ENSURE(wanted->tls != NULL || listen_is_loopback(wanted->host), ERR_CONFIG,
               "cannot listen on %s: plain HTTP is served on loopback only (127.0.0.1, ::1)",
               wanted->host);
        if (wanted->tls != NULL) {
            TRY(tls_open(wanted->tls, &listener->tls));
        }
        TRY(listen_tcp(wanted->host, wanted->port, &listener->fd, &listener->port));
    }
    if (config->socket_path != NULL) {
        struct listener *listener = add_listener(server);
        listener->local = true;
        TRY(listen_local(config->socket_path, &listener->fd));
        server->socket_path = mem_text(config->socket_path);
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        TRY(start_threads(&server->listeners[i], config));
    }
    return err_ok();
}

/* Before the first connection, when all the rest is open. */
static struct err keep_descriptors(struct server *server, const struct server_config *config)
{
    server->own_descriptors = descriptors_open() + config->spare_descriptors;
    size_t room = descriptors_room(server->own_descriptors);
    ENSURE(room > 0, ERR_CONFIG, "the limit of open files is too low: raise it over %zu",
           server->own_descriptors);
    if (room < config->connections_max) {
        log_warning("server",
                    "the limit of open files leaves room for %zu connections, `connections` "
                    "says %u: raise LimitNOFILE",
                    room, config->connections_max);
    }
    return err_ok();
}

/* For CLEANUP: closes what an unfinished server_open made. */
static void close_at(struct server **server)
{
    server_close(*server, 0);
}

static unsigned at_most(unsigned count, unsigned limit)
{
    return count < limit ? count : limit;
}

/* One for each lane; without a choice of lanes, only the general one. */
static void open_pools(struct server *server, const struct server_config *config,
                       server_handler *handler, void *context)
{
    unsigned requests = config->request_threads;
    struct request_pool_config pool = {.threads = at_most(requests, SERVER_GENERAL_THREADS),
                                       .queue_max = config->queue_max,
                                       .wait_ms = config->queue_wait_ms,
                                       .handler = handler,
                                       .refuse = server_refuse_overload,
                                       .context = context};
    server->pools[LANE_GENERAL] = request_pool_open(&pool);
    server->lane = config->lane;
    if (config->lane == NULL) {
        return;
    }
    pool.threads = at_most(requests, config->data_threads);
    pool.fibers = (requests + pool.threads - 1) / pool.threads;
    server->pools[LANE_DATA] = request_pool_open(&pool);
    pool.threads = SERVER_URGENT_THREADS;
    pool.fibers = 0;
    pool.wait_ms = 0; /* health is never refused for its age */
    server->pools[LANE_URGENT] = request_pool_open(&pool);
}

struct err server_open(const struct server_config *config, server_handler *handler, void *context,
                       struct server **out)
{
    TRY(check_version());
    CLEANUP(close_at) struct server *server = mem_alloc(sizeof(*server));
    server->listeners = mem_array(config->listener_count + 1, sizeof(*server->listeners));
    server->body_max = config->body_max;
    server->request_ms = config->request_ms;
    sync_init(&server->mutex, &server->calm);
    server->reaper = reaper_open(config->receive_ms);
    server->linger = linger_open();
    server->parking = parking_open(server_suspend, server_resume);
    server->addresses = address_count_open(config->connections_per_address);
    server->refuse = config->refuse;
    server->context = context;
    open_pools(server, config, handler, context);
    TRY(keep_descriptors(server, config));
    *out = server; /* before the first request, whose handler may look at it */
    struct err err = open_listeners(server, config);
    if (err.code != ERR_OK) {
        *out = NULL;
        return err;
    }
    (void)TAKE(server);
    return err_ok();
}

uint16_t server_port(const struct server *server, size_t index)
{
    assert(index < server->listener_count);
    return server->listeners[index].port;
}

void server_reload(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].tls != NULL) {
            tls_reload(server->listeners[i].tls);
        }
    }
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
    for (size_t i = 0; i < listener->io_count; i++) {
        server_io_quiesce(&listener->io[i]);
    }
}

bool server_drain(struct server *server, int64_t drain_ms)
{
    if (!atomic_exchange(&server->draining, true)) {
        for (size_t i = 0; i < server->listener_count; i++) {
            quiesce(&server->listeners[i]);
        }
    }
    return wait_calm(server, clock_deadline(drain_ms));
}

static void stop_listener(struct listener *listener)
{
    for (size_t i = 0; i < listener->io_count; i++) {
        server_io_stop(&listener->io[i]);
    }
    mem_free(listener->io);
    fd_close(&listener->fd);
    tls_close(listener->tls);
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
    for (size_t i = 0; i < ARRAY_LEN(server->pools); i++) {
        request_pool_close(server->pools[i]);
    }
    parking_stop(server->parking); /* the library must not stop with suspended connections */
    for (size_t i = 0; i < server->listener_count; i++) {
        stop_listener(&server->listeners[i]);
    }
    parking_close(server->parking);
    address_count_close(server->addresses);
    reaper_close(server->reaper);
    linger_close(server->linger);
    if (server->socket_path != NULL) {
        (void)unlink(server->socket_path);
    }
    sync_destroy(&server->mutex, &server->calm);
    mem_free(server->socket_path);
    mem_free(server->listeners);
    mem_free(server);
}

void server_status(struct server *server, struct server_status *out)
{
    size_t queued = 0;
    for (size_t i = 0; i < ARRAY_LEN(server->pools); i++) {
        queued += server->pools[i] != NULL ? request_pool_waiting(server->pools[i]) : 0;
    }
    *out = (struct server_status){
        .connections = atomic_load(&server->connections),
        .requests = atomic_load(&server->requests),
        .refused_shape = atomic_load(&server->refused_shape),
        .refused_size = atomic_load(&server->refused_size),
        .refused_overload = atomic_load(&server->refused_overload),
        .refused_address = atomic_load(&server->refused_address),
        .refused_descriptors = atomic_load(&server->refused_descriptors),
        .timed_out = reaper_count(server->reaper),
        .queued = queued,
    };
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].tls != NULL) {
            tls_add_status(server->listeners[i].tls, out);
        }
    }
}
