/* lease: lends the channels of the worker that runs now, each to one caller at a time. */
#ifndef HSMGATE_PKCS11_LEASE_H
#define HSMGATE_PKCS11_LEASE_H

#include "base/bell.h"
#include "base/sync.h"
#include "pkcs11/channel.h"
#include "pkcs11/line.h"
#include "pkcs11/turn.h"

enum lease_gate {
    LEASE_REFUSE, /* the breaker is open: fail at once */
    LEASE_WAIT,   /* a worker is starting: wait for it, but not for long */
    LEASE_SERVE
};

/* What a channel is borrowed for. */
enum lease_use {
    LEASE_USE,
    LEASE_CHANGE /* the token's objects are changed or listed: one at a time, see lease.c */
};

/* One per token. */
struct lease_desk {
    unsigned count;           /* of channels; fixed */
    unsigned calls_max;       /* callers at once; set after init, like the next; 0: no limit */
    unsigned queue_max;       /* callers in a line; 0: no limit */
    struct channel *channels; /* an item belongs to its borrower, else to the supervisor */
    struct turn changes;      /* goes with the channel of a change */
    struct bell bell;         /* a reply is owed; wakes the supervisor */
    pthread_mutex_t mutex;    /* guards everything below */
    pthread_cond_t returned;  /* a channel came back while the gate is shut */
    struct line line;         /* callers that wait for a channel */
    unsigned turn_waits;      /* callers that wait for their turn */
    struct channel *free;     /* last in, first out: warm sessions stay warm */
    unsigned free_count;
    enum lease_gate gate;
    int64_t patience_ns; /* with LEASE_WAIT: when to give up */
    uint64_t generation; /* of the worker; grows with each */
    uint32_t epoch;      /* the worker's newest */
    unsigned callers;    /* under way and waiting */
    unsigned busy;       /* channels lent */
    unsigned owed;       /* channels whose caller has left */
};

struct lease {
    struct lease_desk *desk;
    struct channel *channel; /* NULL: none */
    uint64_t generation;
};

void lease_desk_init(struct lease_desk *desk, unsigned channels);
void lease_desk_clear(struct lease_desk *desk);
/* Opens the gate with a worker's sockets, which are taken from `fds`; the first `usable` of them
 * are lent. The desk has been drained. */
void lease_desk_open(struct lease_desk *desk, int *fds, unsigned usable, uint64_t generation,
                     uint32_t epoch);
/* LEASE_REFUSE or LEASE_WAIT: no channel is lent until the next open. */
void lease_desk_shut(struct lease_desk *desk, enum lease_gate gate);
/* Wakes the borrowers out of a dead worker's sockets, waits for their channels and closes them. */
void lease_desk_drain(struct lease_desk *desk);

/* ERR_TOKEN_UNAVAILABLE: no worker, or none in time; ERR_OVERLOADED: too many callers, a full line,
 * or no channel or no turn by the deadline. Channels are lent in the order of asking. */
MUST_USE struct err lease_begin(struct lease_desk *desk, enum lease_use use, int64_t deadline_ns,
                                struct lease *out);
/* Gives a sound channel back. Takes a zeroed lease. */
void lease_end(struct lease *lease, uint32_t epoch);
/* Gives back a channel whose worker must die; shuts the gate for its generation. */
void lease_break(struct lease *lease);
/* The caller leaves before its reply. The channel is lent again when the reply has come, which the
 * supervisor sees to (watch.h); the worker has until `until_ns`. */
void lease_owe(struct lease *lease, int64_t until_ns);
/* The channels that owe a reply, at most `max` of them; for the supervisor's thread. */
unsigned lease_desk_owed(struct lease_desk *desk, struct channel **out, unsigned max);
/* An owed reply has been read. */
void lease_desk_settle(struct lease_desk *desk, struct channel *channel, uint32_t epoch);
/* Channels at work now, with or without a caller, and the worker's login epoch. */
void lease_desk_look(struct lease_desk *desk, unsigned *out_busy, uint32_t *out_epoch);

#endif
