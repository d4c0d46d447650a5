#include "base/bell.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

#include "base/banned.h"

void bell_init(struct bell *bell)
{
    *bell = (struct bell){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (bell->fd < 0) {
        log_error("bell", "cannot make a bell: %s", strerrordesc_np(errno));
        abort();
    }
}

void bell_clear(struct bell *bell)
{
    while (atomic_load(&bell->ringers) > 0) {
        (void)sched_yield(); /* between two instructions of theirs, as a rule */
    }
    fd_close(&bell->fd);
}

void bell_reach(struct bell *bell)
{
    atomic_fetch_add(&bell->ringers, 1);
}

void bell_ring(struct bell *bell)
{
    static const uint64_t one = 1;
    ssize_t written = write(bell->fd, &one, sizeof(one));
    assert(written == (ssize_t)sizeof(one));
    (void)written;
    atomic_fetch_sub(&bell->ringers, 1);
}

void bell_hear(struct bell *bell)
{
    uint64_t count = 0;
    (void)!read(bell->fd, &count, sizeof(count));
}
