/* token_starter: brings every token up beside the others: waits until it is ready, then settles
 * what a crash left. A token that is down holds nothing up and is settled when it comes. */
#ifndef HSMGATE_GATEWAY_TOKEN_STARTER_H
#define HSMGATE_GATEWAY_TOKEN_STARTER_H

#include "rotation/rotation.h"

struct token_starter;

/* One thread for each token of `rotation`, which must outlive the starter. */
struct token_starter *token_starter_open(const struct rotation *rotation);
/* Waits until each token is settled or has failed its first start. True when all are settled. */
bool token_starter_wait(struct token_starter *starter, int64_t deadline_ns);
/* Ends the threads, joins, frees. Takes NULL. */
void token_starter_close(struct token_starter *starter);

#endif
