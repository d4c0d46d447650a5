/* The two kinds of doors. Addresses are numbers: a name could lead anywhere tomorrow. The local
 * socket is for callers whom the kernel vouches for by uid. Unlinking is the dangerous
 * part: only a socket that nobody answers on is removed, never a file of another kind. */
#include "gateway/listen_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define BACKLOG 1024

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

/* Length of the address, 0 when it is none. */
static socklen_t parse_address(const char *host, uint16_t port, union address *out)
{
    *out = (union address){0};
    const char *text = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return sizeof(out->v4);
    }
    if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return sizeof(out->v6);
    }
    return 0;
}

bool listen_is_address(const char *host)
{
    union address address;
    return parse_address(host, 0, &address) > 0;
}

bool listen_is_loopback(const char *host)
{
    union address address;
    if (parse_address(host, 0, &address) == 0) {
        return false;
    }
    return address.any.sa_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr)
                                             : ntohl(address.v4.sin_addr.s_addr) >> 24 == 127;
}

static uint16_t bound_port(int fd)
{
    union address bound = {0};
    socklen_t len = sizeof(bound);
    (void)getsockname(fd, &bound.any, &len);
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

struct err listen_tcp(const char *host, uint16_t port, int *out_fd, uint16_t *out_port)
{
    union address address;
    socklen_t len = parse_address(host, port, &address);
    ENSURE(len > 0, ERR_CONFIG, "cannot listen on %s: this is not an IP address", host);
    CLEANUP(fd_close)
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ENSURE(fd >= 0, ERR_IO, "cannot make a socket: %s", strerrordesc_np(errno));
    int yes = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* accepted ones inherit */
    if (address.any.sa_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    }
    ENSURE(bind(fd, &address.any, len) == 0, ERR_CONFIG, "cannot listen on %s port %u: %s", host,
           (unsigned)port, strerrordesc_np(errno));
    ENSURE(listen(fd, BACKLOG) == 0, ERR_CONFIG, "cannot listen on %s port %u: %s", host,
           (unsigned)port, strerrordesc_np(errno));
    *out_port = bound_port(fd);
    *out_fd = fd_take(&fd);
    return err_ok();
}

/* Removes a socket that a dead process left behind. */
static struct err remove_stale(const char *path, const union address *address)
{
    struct stat status;
    if (lstat(path, &status) != 0) {
        return err_ok();
    }
    ENSURE(S_ISSOCK(status.st_mode), ERR_CONFIG, "the local socket's path is taken by a file");
    CLEANUP(fd_close) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool answered = connect(probe, &address->any, sizeof(address->local)) == 0 || errno == EAGAIN;
    ENSURE(!answered, ERR_CONFIG, "another process listens on the local socket: stop it first");
    ENSURE(unlink(path) == 0 || errno == ENOENT, ERR_CONFIG,
           "cannot remove the old local socket: %s", strerrordesc_np(errno));
    return err_ok();
}

struct err listen_local(const char *path, int *out_fd)
{
    union address address = {.local = {.sun_family = AF_UNIX}};
    ENSURE(strlen(path) < sizeof(address.local.sun_path), ERR_CONFIG,
           "the local socket's path has more than %zu characters",
           sizeof(address.local.sun_path) - 1);
    memcpy(address.local.sun_path, path, strlen(path));
    TRY(remove_stale(path, &address));
    CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ENSURE(fd >= 0, ERR_IO, "cannot make a socket: %s", strerrordesc_np(errno));
    mode_t before = umask(0117);
    int bound = bind(fd, &address.any, sizeof(address.local));
    int reason = errno;
    (void)umask(before);
    ENSURE(bound == 0, ERR_CONFIG, "cannot make the local socket: %s", strerrordesc_np(reason));
    ENSURE(listen(fd, BACKLOG) == 0, ERR_CONFIG, "cannot listen on the local socket: %s",
           strerrordesc_np(errno));
    *out_fd = fd_take(&fd);
    return err_ok();
}

void listen_address_text(const struct sockaddr *address, char *out, size_t out_len)
{
    union address peer = {0};
    bool six = address->sa_family == AF_INET6;
    memcpy(&peer, address, six ? sizeof(peer.v6) : sizeof(peer.v4));
    const void *raw = six ? (const void *)&peer.v6.sin6_addr : (const void *)&peer.v4.sin_addr;
    if (six && IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr)) {
        raw = &peer.v6.sin6_addr.s6_addr[12];
        six = false;
    }
    if (inet_ntop(six ? AF_INET6 : AF_INET, raw, out, (socklen_t)out_len) == NULL) {
        out[0] = '\0';
    }
}

bool listen_peer_uid(int fd, uid_t *out_uid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.uid == (uid_t)-1) {
        return false;
    }
    *out_uid = peer.uid;
    return true;
}
