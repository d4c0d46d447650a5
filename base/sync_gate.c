/* A gate over futex(2), for which the C library has no function, or over the fiber that waits.
 *
 * A fiber whose time is over may find the gate open: then its call is under way, and it must not be
 * through before that has come. */
#include "base/sync_gate.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/banned.h"

#define NS_PER_S 1000000000

enum gate_state { GATE_CLOSED, GATE_AWAITED, GATE_FIBER, GATE_OPEN };

/* Waking an address that is no gate any more does no harm. */
static long futex(struct sync_gate *gate, int what, uint32_t value, const struct timespec *until)
{
    return syscall(SYS_futex, &gate->state, what, value, until, NULL, FUTEX_BITSET_MATCH_ANY);
}

void sync_gate_open(struct sync_gate *gate)
{
    uint32_t before = atomic_exchange_explicit(&gate->state, GATE_OPEN, memory_order_acq_rel);
    if (before == GATE_AWAITED) {
        (void)futex(gate, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL);
    } else if (before == GATE_FIBER) {
        fiber_call(gate->fiber);
    }
}

void sync_gate_shut(struct sync_gate *gate)
{
    atomic_store_explicit(&gate->state, GATE_CLOSED, memory_order_relaxed);
}

/* From one state to another; false: it is open. */
static bool change(struct sync_gate *gate, uint32_t from, uint32_t to)
{
    return atomic_compare_exchange_strong(&gate->state, &from, to) || from == to;
}

static bool wait_in_fiber(struct sync_gate *gate, struct fiber *fiber, int64_t deadline_ns)
{
    gate->fiber = fiber;
    if (!change(gate, GATE_CLOSED, GATE_FIBER) || fiber_wait(deadline_ns)) {
        return true;
    }
    if (change(gate, GATE_FIBER, GATE_CLOSED)) {
        return false;
    }
    while (!fiber_wait(INT64_MAX)) {
        /* until the call has come */
    }
    return true;
}

static bool wait_in_thread(struct sync_gate *gate, int64_t deadline_ns)
{
    int64_t when = deadline_ns > 0 ? deadline_ns : 0;
    struct timespec until = {.tv_sec = when / NS_PER_S, .tv_nsec = when % NS_PER_S};
    for (;;) {
        if (!change(gate, GATE_CLOSED, GATE_AWAITED)) {
            return true;
        }
        long woken = futex(gate, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, GATE_AWAITED, &until);
        assert(woken == 0 || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT);
        if (woken != 0 && errno == ETIMEDOUT) {
            return atomic_load_explicit(&gate->state, memory_order_acquire) == GATE_OPEN;
        }
    }
}

bool sync_gate_wait(struct sync_gate *gate, int64_t deadline_ns)
{
    struct fiber *fiber = fiber_current();
    return fiber != NULL ? wait_in_fiber(gate, fiber, deadline_ns)
                         : wait_in_thread(gate, deadline_ns);
}
