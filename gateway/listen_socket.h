/* listen_socket: the two doors, TCP on loopback and the local Unix socket. */
#ifndef HSMGATE_GATEWAY_LISTEN_SOCKET_H
#define HSMGATE_GATEWAY_LISTEN_SOCKET_H

#include <sys/socket.h>

#include "base/buf.h"

/* Listens on a loopback address (`127.0.0.0/8`, `::1`, or `localhost` for 127.0.0.1) and port;
 * port 0 takes any free one, the real one comes out. ERR_CONFIG for any other address or a taken
 * port: there is no TLS yet. */
MUST_USE struct err listen_tcp(const char *host, uint16_t port, int *out_fd, uint16_t *out_port);
/* Listens on a path, mode 0660. A dead socket that was left there is replaced; a living one, or
 * anything else at the path, is ERR_CONFIG. */
MUST_USE struct err listen_local(const char *path, int *out_fd);
/* Whether listen_tcp would take the address. */
bool listen_is_loopback(const char *host);
/* Writes the address of a TCP peer, `127.0.0.1` or `::1`, without its port. */
void listen_address_text(const struct sockaddr *address, char *out, size_t out_len);
/* The uid at the other end of a local connection, as the kernel noted it at connect time; false
 * when it did not. */
bool listen_peer_uid(int fd, uid_t *out_uid);

#endif
