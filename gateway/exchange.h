/* exchange: one HTTP request and its reply, as the rest of the gateway sees them. Only server.c
 * knows libmicrohttpd. */
#ifndef HSMGATE_GATEWAY_EXCHANGE_H
#define HSMGATE_GATEWAY_EXCHANGE_H

#include <sys/types.h>

#include "base/digest.h"

enum method {
    METHOD_GET,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_LIST,
    METHOD_COUNT
};
const char *method_name(enum method method);

#define REQUEST_ID_MAX 64
#define SOURCE_MAX     64
#define AMZ_REGION_MAX 32

struct http_header {
    struct span name;
    struct span value;
};

/* What is kept of a signature of AWS's form that was found good. */
struct amz_proof {
    char region[AMZ_REGION_MAX + 1]; /* empty: none that is a name */
    uint8_t signature[SHA256_LEN];
    int64_t until_ms; /* good until then by the wall clock, unix ms; 0: there was no signature */
};

/* Spans live as long as the exchange; absent headers are empty. */
struct request {
    enum method method;
    struct span path;          /* raw; the server refused `%`, `..`, control and 8-bit bytes */
    struct span query;         /* raw, without the `?` */
    struct span authorization; /* a secret: wiped with the exchange */
    struct span vault_token;   /* likewise, and it counts only where `vault` is set */
    bool vault;                /* it is in Vault's dialect */
    struct span amz_target;
    const char *amz_service; /* it is in a dialect of AWS, and signatures are for this; else NULL */
    bool amz_presigned;      /* they may be in the query, too */
    struct amz_proof amz;    /* set when the caller is known */
    const struct http_header *headers; /* all of them, where a signature over them is in
                                          authorization or in the query; else NULL */
    size_t header_count;
    struct span vault_namespace;
    struct span vault_wrap_ttl;
    struct span content_type;
    struct span traceparent; /* W3C trace-context shape checked, else empty */
    struct span if_none_match;
    struct span body;            /* whole, at most the limit */
    char id[REQUEST_ID_MAX + 1]; /* the caller's X-Request-Id of safe characters, else made */
    char source[SOURCE_MAX];     /* `127.0.0.1`, `::1`, or `unix` */
    bool local;                  /* came over the local socket: uid is proved by the kernel */
    uid_t uid;
    bool secure; /* came over TLS */
    struct span
        certificate;     /* the principal that the client certificate proves: `spiffe://…`,
                            `dns:NAME` or `cn:NAME`; empty: none. Lives as long as the exchange */
    int64_t arrived_ms;  /* wall clock, unix ms */
    int64_t arrived_ns;  /* monotonic, when the request was whole */
    int64_t deadline_ns; /* monotonic: when an answer must have left */
};

struct reply {
    int status;                /* 0: none yet */
    const char *content_type;  /* static */
    struct buf body;           /* wiped after sending */
    const char *allow;         /* static, 405 */
    char etag[80];             /* with quotes; empty: none */
    unsigned retry_after_s;    /* 0: none */
    unsigned public_max_age_s; /* 0: `Cache-Control: no-store` */
    bool amz_request_id;       /* the request's id also as AWS's clients look for it */
};

struct dialect;

struct exchange {
    struct request request;
    struct reply reply;
    const struct dialect *dialect; /* that the reply is worded in; NULL until a request thread has
                                      it: the native one */
};

/* Sends the reply and ends the exchange, whose memory is gone afterwards; exactly once, from any
 * thread. */
void exchange_send(struct exchange *exchange);

#endif
