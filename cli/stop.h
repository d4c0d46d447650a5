/* stop: SIGINT and SIGTERM as something to look at, so that work ends where it may be taken up
 * again. */
#ifndef HSMGATE_CLI_STOP_H
#define HSMGATE_CLI_STOP_H

#include <signal.h>

#include "base/buf.h"

struct stop {
    int fd; /* a signalfd */
    sigset_t before;
    bool asked; /* a signal has come */
};

/* Holds the two signals back from now on. ERR_INTERNAL. */
MUST_USE struct err stop_open(struct stop *out);
/* Forgets those that came and lets new ones through; takes one that is not open (fd -1). */
void stop_close(struct stop *stop);
/* Whether a signal has come; does not wait. */
bool stop_asked(struct stop *stop);

enum stop_event { STOP_ASKED, STOP_READABLE, STOP_LATE };
/* Waits until a signal comes, `fd` (or -1) has something to read or is at its end, or the
 * monotonic deadline is over. */
enum stop_event stop_wait(struct stop *stop, int fd, int64_t deadline_ns);

#endif
