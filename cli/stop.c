/* Signals by signalfd: no handler, nothing global, and a wait that a signal ends cannot miss it. */
#include "cli/stop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

struct err stop_open(struct stop *out)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    ENSURE(sigprocmask(SIG_BLOCK, &set, &out->before) == 0, ERR_INTERNAL,
           "signals cannot be held back");
    out->asked = false;
    out->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    ENSURE(out->fd >= 0, ERR_INTERNAL, "signals cannot be held back");
    return err_ok();
}

void stop_close(struct stop *stop)
{
    if (stop->fd >= 0) {
        struct signalfd_siginfo seen;
        while (read(stop->fd, &seen, sizeof seen) == (ssize_t)sizeof seen) {
        }
        fd_close(&stop->fd);
        (void)sigprocmask(SIG_SETMASK, &stop->before, NULL);
    }
}

enum stop_event stop_wait(struct stop *stop, int fd, int64_t deadline_ns)
{
    for (;;) {
        if (stop->asked) {
            return STOP_ASKED;
        }
        struct pollfd fds[] = {{.fd = stop->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
        const int64_t left = clock_left_ms(deadline_ns);
        const int ready = poll(fds, 2, left > INT_MAX ? INT_MAX : (int)left);
        stop->asked = ready > 0 && fds[0].revents != 0;
        if (ready > 0 && !stop->asked) {
            return STOP_READABLE;
        }
        if (ready == 0 && clock_left_ms(deadline_ns) == 0) {
            return STOP_LATE;
        }
        if (ready < 0 && errno != EINTR) {
            return STOP_LATE; /* poll(2) has no other error for such arguments */
        }
    }
}

bool stop_asked(struct stop *stop)
{
    return stop_wait(stop, -1, 0) == STOP_ASKED;
}
