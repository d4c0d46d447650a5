/* call: one request to the token, with its lease, its deadline and its one retry. */
#ifndef HSMGATE_PKCS11_CALL_H
#define HSMGATE_PKCS11_CALL_H

#include "pkcs11/supervisor.h"

enum call_retry {
    CALL_NEVER_RETRY, /* key generation: the first try may have made the key */
    CALL_RETRY        /* idempotent: once on a fresh worker; bounded by operation_ms too */
};

/* The caller fills the first part; call_end ends it. */
struct call {
    struct supervisor *supervisor;
    enum frame_kind kind;
    enum token_op op;
    enum call_retry retry;
    const struct frame_item *items;
    size_t count;
    int64_t deadline_ns;
    /* filled by call_run */
    struct frame_head reply;
    const struct frame_item *replies; /* reply.count of them, until call_end */
    struct span body;                 /* likewise */
    int64_t took_ns; /* from the sending of the last request to its reply; 0: none came */
    unsigned attempts;
    struct lease lease;
};

/* Sends and receives. On success the call as a whole is FRAME_OK and every item has its class.
 * Errors as token_run's, or the error of the reply's class. */
MUST_USE struct err call_run(struct call *call);
/* The answer is a lie (reply.h): replaces the worker and gives ERR_INTERNAL. */
struct err call_reject(struct call *call, const struct err *lie);
/* Gives the channel back; `replies` is gone then. Takes a zeroed call; for CLEANUP. */
void call_end(struct call *call);

#endif
