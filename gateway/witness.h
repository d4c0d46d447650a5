/* witness: signs the audit log's tree with a key on the token, each minute and each so many
 * records, and copies the checkpoint to the places of the operator's choice. */
#ifndef HSMGATE_GATEWAY_WITNESS_H
#define HSMGATE_GATEWAY_WITNESS_H

#include "gateway/gateway.h"

struct witness;

/* The key that signs checkpoints, on the default token; nobody else may use its namespace. */
#define WITNESS_NAMESPACE "hsmgate/audit"
#define WITNESS_KEY       "hsmgate/audit/checkpoint"

/* Starts the thread: it makes the key when there is none, as soon as the token is ready. */
struct witness *witness_open(struct gateway *gateway);
/* Signs once more when the token answers, stops. Takes NULL. */
void witness_close(struct witness *witness);
/* Signs what is durable now, soon: for SIGHUP and tests. */
void witness_nudge(struct witness *witness);
/* Has a checkpoint made over at least `size` records, and waits for it until the deadline; whether
 * there is one. */
bool witness_await(struct witness *witness, uint64_t size, int64_t deadline_ns);

struct witness_status {
    uint64_t signed_size; /* records under the newest checkpoint */
    int64_t signed_ms;    /* when; 0: never */
    uint64_t sign_failures;
    uint64_t copies;
    uint64_t copy_failures;
    size_t copies_waiting; /* places that do not have the newest one yet */
};
void witness_status(struct witness *witness, struct witness_status *out);

#endif
