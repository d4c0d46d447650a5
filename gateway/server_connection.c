/* The caller's side of connections: who is at the other end, for how long it may keep us waiting,
 * and what to let go when it is over. Too many from one address, or for the limit of open files,
 * are closed before anything is made for them; the counts are looked at when a connection is
 * accepted and grow when it has started, so that several I/O threads may together let in a few more
 * than the limit, never fewer. */
#include "gateway/listen_socket.h"

#include "base/mem.h"
#include "gateway/descriptors.h"
#include "gateway/server_inner.h"

enum MHD_Result server_accept(void *context, const struct sockaddr *address, socklen_t len)
{
    (void)len;
    const struct server_io *io = context;
    const struct listener *listener = io->listener;
    struct server *server = listener->server;
    if (listener->local) { /* an operator gets in when nobody else does */
        return MHD_YES;
    }
    if (atomic_load(&server->connections) >= descriptors_room(server->own_descriptors)) {
        atomic_fetch_add(&server->refused_descriptors, 1);
        return MHD_NO;
    }
    if (address_count_fits(server->addresses, address_key_of(address))) {
        return MHD_YES;
    }
    atomic_fetch_add(&server->refused_address, 1);
    return MHD_NO;
}

static void note_source(struct MHD_Connection *mhd, struct connection *connection, bool local)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    connection->deadline.fd = info->connect_fd;
    if (local) {
        connection->unknown = !listen_peer_uid(info->connect_fd, &connection->uid);
        snprintf(connection->source, sizeof(connection->source), "unix");
        return;
    }
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    connection->address = address_key_of(info->client_addr);
    listen_address_text(info->client_addr, connection->source, sizeof(connection->source));
}

static void start_connection(struct server_io *io, struct MHD_Connection *mhd,
                             struct connection *connection)
{
    const struct listener *listener = io->listener;
    struct server *server = listener->server;
    connection->io = io;
    connection->mhd = mhd;
    note_source(mhd, connection, listener->local);
    if (listener->tls != NULL) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        connection->tls = tls_session_open(listener->tls, server->parking, info->tls_session,
                                           connection->deadline.fd, connection);
    }
    address_count_enter(server->addresses, connection->address);
    atomic_fetch_add(&server->connections, 1);
    reaper_arm(server->reaper, &connection->deadline);
}

static void end_connection(struct server *server, struct connection *connection)
{
    reaper_disarm(server->reaper, &connection->deadline);
    if (connection->linger && !connection->deadline.reaped) {
        linger_add(server->linger, connection->deadline.fd);
    }
    server_io_forget(connection);
    address_count_leave(server->addresses, connection->address);
    atomic_fetch_sub(&server->connections, 1);
    mem_free(connection->begun); /* one that the library gave up and tells no end of */
    tls_session_close(connection->tls);
    mem_free(connection);
}

void server_notify_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                              enum MHD_ConnectionNotificationCode code)
{
    struct server_io *io = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct connection *connection = mem_alloc(sizeof(*connection));
        start_connection(io, mhd, connection);
        *socket_context = connection;
        return;
    }
    end_connection(io->listener->server, *socket_context);
}

void server_suspend(void *who)
{
    const struct connection *connection = who;
    MHD_suspend_connection(connection->mhd);
}

void server_resume(void *who)
{
    server_io_resume(who);
}
