/* bell: wakes a thread that waits in poll(2), by an eventfd(2). The decision whether to ring is
 * taken under a mutex of the owner's, and the ringing is done after it: under it, the woken thread
 * would run into the mutex at once. */
#ifndef HSMGATE_BASE_BELL_H
#define HSMGATE_BASE_BELL_H

#include <stdatomic.h>

struct bell {
    int fd; /* readable once it was rung */
    _Atomic unsigned ringers;
};

/* Cannot fail: without descriptors the process ends. */
void bell_init(struct bell *bell);
/* Waits for those who still ring. */
void bell_clear(struct bell *bell);
/* With the owner's mutex held, by whoever will ring: keeps the bell there until then. */
void bell_reach(struct bell *bell);
void bell_ring(struct bell *bell);
/* Silences it. */
void bell_hear(struct bell *bell);

#endif
