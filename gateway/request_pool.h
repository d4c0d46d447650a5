/* request_pool: the threads that run requests, and the bounded queue before them. */
#ifndef HSMGATE_GATEWAY_REQUEST_POOL_H
#define HSMGATE_GATEWAY_REQUEST_POOL_H

#include "gateway/server.h"

struct request_pool;

/* Starts `threads` threads; at most `queue_max` exchanges wait. Cannot fail: without threads the
 * process ends. */
struct request_pool *request_pool_open(unsigned threads, size_t queue_max, server_handler *handler,
                                       void *context);
/* False when the queue is full; else a thread will call the handler with it. Never blocks long. */
bool request_pool_submit(struct request_pool *pool, struct exchange *exchange);
size_t request_pool_waiting(struct request_pool *pool);
/* Runs what is queued, joins the threads, frees. Takes NULL. */
void request_pool_close(struct request_pool *pool);

#endif
