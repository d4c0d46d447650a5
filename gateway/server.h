/* server: HTTP in and out, the one owner of libmicrohttpd. It collects whole, capped requests of a
 * sane shape, hands each to a request thread and sends what exchange_send gives back. It never
 * answers from a request's content by itself, except to refuse shapes and sizes. */
#ifndef HSMGATE_GATEWAY_SERVER_H
#define HSMGATE_GATEWAY_SERVER_H

#include "gateway/config.h"
#include "gateway/exchange.h"
#include "gateway/lane.h"

#define SERVER_URGENT_THREADS  4
#define SERVER_GENERAL_THREADS 32

struct server;

/* Runs in a request thread and leads to exactly one exchange_send, here or in another thread. */
typedef void server_handler(void *context, struct exchange *exchange);

/* Makes the reply of a request that no request thread will see a refusal: only its path and headers
 * are looked at. */
typedef void server_refuser(void *context, struct exchange *exchange, const struct err *err);

struct server_config {
    const struct config_listener *listeners; /* plain ones on loopback only; port 0: any free one,
                                                see server_port. Their TLS structs are borrowed
                                                until server_close */
    size_t listener_count;
    const char *socket_path;          /* the local socket, or NULL */
    unsigned connections_per_address; /* 0: no limit; not for the local socket */
    unsigned io_threads;
    unsigned request_threads; /* requests at work at a time: of LANE_DATA, and of LANE_GENERAL up to
                                 SERVER_GENERAL_THREADS */
    unsigned data_threads;    /* share the requests of LANE_DATA; they run as fibers */
    /* Which threads run a request; only method, path and headers are looked at, in an I/O thread.
     * LANE_URGENT has SERVER_URGENT_THREADS of its own. NULL: LANE_GENERAL for all. */
    enum lane (*lane)(const struct request *request);
    server_refuser *refuse; /* NULL: problem_reply; gets the handler's context */
    unsigned connections_max;
    size_t spare_descriptors; /* that connections leave to everything else */
    size_t queue_max;         /* whole requests that may wait for a thread; more: 503 at once */
    int64_t queue_wait_ms;    /* how long they may, when every thread is busy; 0: no limit */
    size_t body_max;
    int64_t
        receive_ms; /* absolute time for a request to become whole, and for an idle connection */
    int64_t request_ms; /* from whole request to reply */
};

/* *out is set before the first request is handled; NULL on failure: ERR_CONFIG, ERR_IO. */
MUST_USE struct err server_open(const struct server_config *config, server_handler *handler,
                                void *context, struct server **out);
/* The port of listener `index`. */
uint16_t server_port(const struct server *server, size_t index);
/* Has certificates, CAs and CRLs read again soon, in another thread; what cannot be used is logged,
 * counted and not taken. Connections go on; old client certificates are checked against the new
 * trust at their next request. */
void server_reload(struct server *server);
/* Stops accepting and waits until nothing is under way; false when something still is after
 * drain_ms: then server_close would wait on, and only ending the process is left. */
MUST_USE bool server_drain(struct server *server, int64_t drain_ms);
/* Stops accepting, lets what is under way finish, stops; warns when that takes longer than
 * drain_ms. Takes NULL. */
void server_close(struct server *server, int64_t drain_ms);

/* Why a TLS handshake, or a request on an older connection, was refused. */
enum tls_refusal {
    TLS_NO_CERTIFICATE, /* required and not sent */
    TLS_UNKNOWN_CA,     /* self-signed, too */
    TLS_EXPIRED,
    TLS_NOT_YET_VALID,
    TLS_REVOKED,
    TLS_WRONG_PURPOSE, /* no EKU clientAuth */
    TLS_NO_NAME,       /* nothing in it that names a principal */
    TLS_OTHER,         /* another reason of the chain */
    TLS_HANDSHAKE,     /* no common version or suite, garbage, time-out */
    TLS_CRL_EXPIRED,   /* a CRL is past its nextUpdate: no client certificate is believed */
    TLS_REFUSAL_COUNT
};

struct server_status {
    uint64_t connections; /* open now */
    uint64_t requests;    /* whole requests handed to the handler */
    uint64_t refused_shape;
    uint64_t refused_size;
    uint64_t refused_overload;
    uint64_t refused_address;     /* over connections_per_address */
    uint64_t refused_descriptors; /* no room under the limit of open files */
    uint64_t timed_out;
    size_t queued;
    uint64_t tls_handshakes; /* finished */
    uint64_t tls_refused[TLS_REFUSAL_COUNT];
    uint64_t tls_reloads;
    uint64_t tls_reload_failures;
    int64_t certificate_ends_ms; /* the earliest end of a server certificate; 0: no TLS */
    int64_t crl_ends_ms;         /* the earliest nextUpdate of a CRL; 0: none */
};
/* `unknown_ca`; static, for metrics. */
const char *tls_refusal_name(enum tls_refusal refusal);
void server_status(struct server *server, struct server_status *out);

#endif
