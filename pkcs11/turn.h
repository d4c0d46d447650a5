/* turn: a lock that is waited for in a line, with a deadline, and may be given back by another
 * thread. */
#ifndef HSMGATE_PKCS11_TURN_H
#define HSMGATE_PKCS11_TURN_H

#include "base/err.h"
#include "pkcs11/line.h"

struct turn {
    pthread_mutex_t mutex; /* guards the rest */
    struct line line;
    bool taken;
};

void turn_init(struct turn *turn);
void turn_clear(struct turn *turn);
/* False when the monotonic deadline (ns) passed first; one that is free, with nobody in line, is
 * taken even then. */
MUST_USE bool turn_take(struct turn *turn, int64_t deadline_ns);
void turn_give(struct turn *turn);

#endif
