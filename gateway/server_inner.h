/* The server's own structs, shared by server*.c only. */
#ifndef HSMGATE_GATEWAY_SERVER_INNER_H
#define HSMGATE_GATEWAY_SERVER_INNER_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/bell.h"
#include "gateway/address_count.h"
#include "gateway/linger.h"
#include "gateway/parking.h"
#include "gateway/reaper.h"
#include "gateway/request_pool.h"
#include "gateway/server.h"
#include "gateway/tls_session.h"

/* One door: a TCP address or the local socket, with the threads that serve it. */
struct listener {
    struct server *server;
    struct server_io *io; /* io_count of them */
    size_t io_count;
    struct tls *tls; /* NULL: plain */
    int fd;          /* -1: not open */
    uint16_t port;
    bool local;
};

/* A thread that drives a daemon of the library; server_io.c. */
struct server_io {
    struct listener *listener;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    _Atomic bool stopping;
    pthread_mutex_t mutex; /* guards woken */
    bool woken;
    struct bell bell;
    struct connection *doubted; /* of the thread alone */
};

struct server {
    struct listener *listeners; /* as configured, then the local socket */
    size_t listener_count;
    char *socket_path; /* or NULL */
    size_t body_max;
    int64_t request_ms;
    struct request_pool *pools[LANE_COUNT]; /* NULL: the general one is for all */
    enum lane (*lane)(const struct request *request);
    server_refuser *refuse; /* or NULL */
    void *context;          /* its own, and the handler's */
    struct reaper *reaper;
    struct linger_pool *linger;
    struct parking *parking;         /* of stalled handshakes */
    struct address_count *addresses; /* connections per address */
    size_t own_descriptors;          /* that are no connections, with what is kept free for them */
    _Atomic bool draining;           /* replies end their connections */
    _Atomic bool stopping;           /* no request is handed over any more */
    _Atomic uint64_t in_flight;
    _Atomic uint64_t connections;
    _Atomic uint64_t requests;
    _Atomic uint64_t refused_shape;
    _Atomic uint64_t refused_size;
    _Atomic uint64_t refused_overload;
    _Atomic uint64_t refused_address;
    _Atomic uint64_t refused_descriptors;
    pthread_mutex_t mutex; /* guards nothing but the wait for in_flight to become 0 */
    pthread_cond_t calm;
};

struct inbound;

/* The caller's side of one TCP or local connection; the library's socket_context. */
struct connection {
    struct server_io *io;
    struct MHD_Connection *mhd;
    struct reaper_entry deadline;
    struct tls_session *tls; /* NULL: plain */
    struct address_key address;
    uid_t uid;
    bool unknown;          /* local, but the kernel did not say whose: nothing is answered */
    bool linger;           /* refused with unread bytes */
    struct inbound *begun; /* its end has not come; or NULL */
    struct connection *next_doubted;
    char source[SOURCE_MAX];
};

/* One request; the library's request context. */
struct inbound {
    struct exchange exchange; /* first: exchange_send gets its address */
    struct server *server;
    struct MHD_Connection *mhd;
    struct connection *connection;
    const char *target_at; /* where the library keeps the raw target */
    size_t target_len;     /* may be over HTTP_TARGET_MAX, the copy is not */
    bool headers_seen;
    bool handed_over;            /* to a request thread: counts in in_flight */
    bool last;                   /* the connection ends with this reply */
    struct http_header *headers; /* what request.headers points to, or NULL */
    struct buf body;
    char target[]; /* raw copy: the library decodes its own in place */
};

/* The thread owns the daemon from now on. */
void server_io_start(struct server_io *io);
/* The connection goes on, in its own thread; it may be gone when this returns. Any thread. */
void server_io_resume(struct connection *connection);
/* The connection ends unless its request has come to an answer when the library returns; in its
 * own thread. */
void server_io_doubt(struct connection *connection);
/* It ends. */
void server_io_forget(struct connection *connection);
/* After this it accepts no connection, and the listening descriptor is not the library's. */
void server_io_quiesce(struct server_io *io);
/* After quiescing, with no connection suspended. */
void server_io_stop(struct server_io *io);

/* Makes the reply a refusal. */
void server_refuse(const struct server *server, struct exchange *exchange, const struct err *err);

/* The library's callbacks; the server_io is the context of each. */
enum MHD_Result server_accept(void *io, const struct sockaddr *address, socklen_t len);
void server_notify_connection(void *io, struct MHD_Connection *mhd, void **socket_context,
                              enum MHD_ConnectionNotificationCode code);
void *server_begin_request(void *io, const char *target, struct MHD_Connection *mhd);
enum MHD_Result server_answer(void *io, struct MHD_Connection *mhd, const char *url,
                              const char *method, const char *version, const char *upload_data,
                              size_t *upload_len, void **request_context);
void server_end_request(void *io, struct MHD_Connection *mhd, void **request_context,
                        enum MHD_RequestTerminationCode why);
/* For parking. */
void server_suspend(void *connection);
void server_resume(void *connection);
/* Gives the reply to the library and arms the deadline for sending it. */
enum MHD_Result server_queue_reply(struct inbound *inbound);
/* Makes the reply a problem document and this request the connection's last. */
void server_make_refusal(struct inbound *inbound, const struct err *err);
/* Refuses while the body is still coming; the connection ends. */
enum MHD_Result server_refuse_mid_body(struct inbound *inbound, const struct err *err);
/* Answers a handed-over exchange with 503, without work and without a record. */
void server_refuse_overload(struct exchange *exchange);
/* One exchange less under way. */
void server_land(struct server *server);

#endif
