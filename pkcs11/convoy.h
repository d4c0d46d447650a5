/* convoy: calls of several threads that travel to the worker in one frame. */
#ifndef HSMGATE_PKCS11_CONVOY_H
#define HSMGATE_PKCS11_CONVOY_H

#include "base/sync.h"
#include "base/sync_gate.h"
#include "pkcs11/frame.h"

/* One call of FRAME_RUN, on its caller's stack. */
struct ride {
    enum token_op op;
    struct token_item *items;
    const struct frame_item *requests;
    size_t count;
    int64_t deadline_ns;
    struct err err; /* of the call as a whole, when it is over */
    /* convoy.c's own */
    struct ride *next;
    int64_t patience_ns;
    bool impatient; /* takes nobody along: what it waited for may hang */
    enum ride_place { RIDE_WAITS, RIDE_TRAVELS, RIDE_LEADS } place; /* under the mutex */
    struct sync_gate called;
};

/* How a frame went. */
struct convoy_pace {
    int64_t took_ns; /* from its sending to its reply; 0: it tells nothing */
    uint8_t share;   /* of that time the worker's thread was at work, in 255ths */
    size_t items;
};

/* Takes the rides, a list of the same operation, to the token in one frame and sets each one's
 * err. */
typedef void convoy_driver(void *arg, struct ride *rides, struct convoy_pace *out_pace);

/* One per token. */
struct convoy {
    convoy_driver *drive;
    void *arg;
    int64_t operation_ns;  /* what a call must have left of its time to travel with others */
    int64_t patience_ns;   /* how long one waits for others to take it along, and for what stands
                              before it */
    unsigned frames_max;   /* under way at once, but for those of impatient calls */
    unsigned calls_max;    /* waiting and under way; 0: no limit */
    unsigned waiting_min;  /* so many may wait, however slow the token seems */
    pthread_mutex_t mutex; /* guards the rest */
    struct ride *first;
    struct ride *last;
    unsigned waiting;
    unsigned frames; /* under way */
    int64_t item_ns; /* what an item takes, lately */
    int64_t share_k; /* the worker's share, lately, in 1024ths of 255ths */
};

void convoy_init(struct convoy *convoy, convoy_driver *drive, void *arg);
void convoy_clear(struct convoy *convoy);
/* Takes the ride to the token, alone or with others, and returns its err. ERR_OVERLOADED: too many
 * wait. */
MUST_USE struct err convoy_run(struct convoy *convoy, struct ride *ride);

#endif
