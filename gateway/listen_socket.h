/* listen_socket: the two kinds of doors, TCP and the local Unix socket. */
#ifndef HSMGATE_GATEWAY_LISTEN_SOCKET_H
#define HSMGATE_GATEWAY_LISTEN_SOCKET_H

#include <sys/socket.h>

#include "base/buf.h"

/* Listens on an address (`10.1.2.3`, `::1`, `0.0.0.0`, or `localhost` for 127.0.0.1) and port; port
 * 0 takes any free one, the real one comes out. `::` is IPv6 only. ERR_CONFIG for names and for a
 * taken port. */
MUST_USE struct err listen_tcp(const char *host, uint16_t port, int *out_fd, uint16_t *out_port);
/* Listens on a path, mode 0660. A dead socket that was left there is replaced; a living one, or
 * anything else at the path, is ERR_CONFIG. */
MUST_USE struct err listen_local(const char *path, int *out_fd);
/* Whether listen_tcp would take it as an address. */
bool listen_is_address(const char *host);
/* An address of this machine alone, `127.0.0.0/8` or `::1`: the only ones for plain HTTP. */
bool listen_is_loopback(const char *host);
/* Writes the address of a TCP peer, `127.0.0.1` or `::1`, without its port; an IPv4 address inside
 * of IPv6 as IPv4. */
void listen_address_text(const struct sockaddr *address, char *out, size_t out_len);
/* The uid at the other end of a local connection, as the kernel noted it at connect time; false
 * when it did not. */
bool listen_peer_uid(int fd, uid_t *out_uid);

#endif
