/* service: everything that one gateway process runs, opened and closed in the right order. */
#ifndef HSMGATE_GATEWAY_SERVICE_H
#define HSMGATE_GATEWAY_SERVICE_H

#include "gateway/gateway.h"

struct service;

/* Opens store, audit log and tokens; serves nothing yet. `config` must outlive it. Errors are
 * logged with what to do next, and returned. */
MUST_USE struct err service_open(const struct config *config, struct service **out);
struct keystore *service_store(struct service *service);
const struct gateway *service_gateway(const struct service *service);
/* Waits until each token is ready or has failed once: true when all are ready. */
bool service_wait_tokens(struct service *service, int64_t wait_ms);
/* The first token's last error, for people. `out` has ERR_DETAIL_MAX bytes. */
void service_token_error(struct service *service, char out[ERR_DETAIL_MAX]);
/* Listens and answers from now on. */
MUST_USE struct err service_serve(struct service *service);
/* Reads certificates and key sets again, and signs a checkpoint: for SIGHUP. */
void service_reload(struct service *service);
/* Stops accepting and waits for what is under way; false when it does not end in time, and then
 * nothing but the end of the process is safe. */
MUST_USE bool service_drain(struct service *service, int64_t drain_ms);
/* Closes everything. Takes NULL. */
void service_close(struct service *service);

#endif
