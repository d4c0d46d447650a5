/* line: callers that wait in the order in which they came. Everything here is called with the mutex
 * of the line's owner held. */
#ifndef HSMGATE_PKCS11_LINE_H
#define HSMGATE_PKCS11_LINE_H

#include <pthread.h>

#include "base/sync_gate.h"

/* One caller's place; lies on its stack. */
struct line_place {
    struct sync_gate called;
    struct line_place *next;
};

/* Zeroed: empty. */
struct line {
    struct line_place *first;
    struct line_place *last;
    unsigned count;
};

/* Inits the place, at the end of the line. Its owner waits until it is the first, or for whatever
 * else may have come, and leaves. */
void line_join(struct line *line, struct line_place *place);
/* From anywhere in the line; clears the place. */
void line_leave(struct line *line, struct line_place *place);
/* Lets the mutex go until the place is called or the deadline (ns) has passed. */
void line_wait(struct line_place *place, pthread_mutex_t *mutex, int64_t deadline_ns);
void line_call_first(struct line *line);
void line_call_all(struct line *line);

#endif
