/* request_pool: the threads that run requests, and the bounded queue before them. */
#ifndef HSMGATE_GATEWAY_REQUEST_POOL_H
#define HSMGATE_GATEWAY_REQUEST_POOL_H

#include "gateway/server.h"

struct request_pool;

/* Ends an exchange that has waited too long; called in any thread. */
typedef void request_refuser(struct exchange *exchange);

struct request_pool_config {
    unsigned threads;
    unsigned fibers;  /* of each thread; 0: it runs one request at a time */
    size_t queue_max; /* exchanges that may wait */
    int64_t wait_ms;  /* how long, while every thread is busy; 0: as long as it takes */
    server_handler *handler;
    request_refuser *refuse; /* not NULL with wait_ms */
    void *context;           /* the handler's */
};

/* Starts the threads. Cannot fail: without threads the process ends. */
struct request_pool *request_pool_open(const struct request_pool_config *config);
/* False when the queue is full; else a thread will call the handler with it, or it is refused when
 * its time is over. Counts from request.arrived_ns. Never blocks long. */
bool request_pool_submit(struct request_pool *pool, struct exchange *exchange);
size_t request_pool_waiting(struct request_pool *pool);
/* Runs what is queued, joins the threads, frees. Takes NULL. */
void request_pool_close(struct request_pool *pool);

#endif
