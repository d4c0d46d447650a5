/* channel: the front's end of one socket to the worker, with the buffers of the call that is under
 * way on it. Whoever leases a channel has it alone. */
#ifndef HSMGATE_PKCS11_CHANNEL_H
#define HSMGATE_PKCS11_CHANNEL_H

#include "pkcs11/frame.h"

/* Where a channel is; lease.c alone moves it. */
enum channel_place {
    CHANNEL_IDLE, /* of no use: no worker, or one that must die */
    CHANNEL_FREE, /* in the list of free channels */
    CHANNEL_LENT, /* a caller's */
    CHANNEL_OWED  /* its caller left before the reply, which the supervisor's thread awaits */
};

struct channel {
    int fd; /* -1: no worker */
    enum channel_place place;
    bool has_turn;         /* lent for a change of the token's objects */
    int64_t owed_until_ns; /* when the worker's time for the reply is over */
    struct buf out;
    struct buf in;
    struct frame_item *items; /* the reply's, borrowing from `in` */
    size_t items_cap;
    struct channel *next; /* in the list of free channels */
};

void channel_init(struct channel *channel);
/* Closes the socket and frees; takes a zeroed channel. */
void channel_clear(struct channel *channel);
/* Sends one request and waits for its reply: `channel->items` has head->count items of `out_reply`.
 * ERR_TOO_LARGE: nothing was sent. ERR_DEADLINE: all was sent, nothing of the reply was read.
 * ERR_IO: the worker is gone, or stopped in the middle of a frame. ERR_CORRUPT: the reply is no
 * reply to this request. After the last two the channel is of no more use. */
MUST_USE struct err channel_exchange(struct channel *channel, const struct frame_head *head,
                                     const struct frame_item *items, size_t count,
                                     int64_t deadline_ns, struct frame_head *out_reply);
/* Wipes what the last call left, and gives back memory that a large one took. */
void channel_reset(struct channel *channel);

#endif
