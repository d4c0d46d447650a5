/* line: threads that wait in the order in which they came. Everything here is called with the mutex
 * of the line's owner held. */
#ifndef HSMGATE_PKCS11_LINE_H
#define HSMGATE_PKCS11_LINE_H

#include "base/sync.h"

/* One thread's place; lies on its stack. */
struct line_place {
    pthread_cond_t called;
    struct line_place *next;
};

/* Zeroed: empty. */
struct line {
    struct line_place *first;
    struct line_place *last;
    unsigned count;
};

/* Inits the place, at the end of the line. Its owner waits for `called` until it is the first, or
 * for whatever else may have come, and leaves. */
void line_join(struct line *line, struct line_place *place);
/* From anywhere in the line; clears the place. */
void line_leave(struct line *line, struct line_place *place);
void line_call_first(struct line *line);
void line_call_all(struct line *line);

#endif
