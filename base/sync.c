/* Mutexes, conditions and threads whose misuse is a bug of ours: every return code is asserted.
 *
 * Conditions run on the monotonic clock, so a step of the wall clock neither cuts a wait short
 * nor stretches it. Mutexes are of the error-checking kind: locking twice or unlocking another's
 * mutex stops the process instead of hanging it. */
#include "base/sync.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#include "base/banned.h"

#define NS_PER_S 1000000000

enum gate_state { GATE_CLOSED, GATE_AWAITED, GATE_OPEN };

static void must(int result)
{
    assert(result == 0);
    (void)result;
}

void sync_init(pthread_mutex_t *mutex, pthread_cond_t *condition_or_null)
{
    pthread_mutexattr_t mutex_attr;
    must(pthread_mutexattr_init(&mutex_attr));
    must(pthread_mutexattr_settype(&mutex_attr, PTHREAD_MUTEX_ERRORCHECK));
    must(pthread_mutex_init(mutex, &mutex_attr));
    must(pthread_mutexattr_destroy(&mutex_attr));
    if (condition_or_null != NULL) {
        sync_init_condition(condition_or_null);
    }
}

void sync_init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(condition, &attr));
    must(pthread_condattr_destroy(&attr));
}

void sync_destroy_condition(pthread_cond_t *condition)
{
    must(pthread_cond_destroy(condition));
}

void sync_destroy(pthread_mutex_t *mutex, pthread_cond_t *condition_or_null)
{
    if (condition_or_null != NULL) {
        must(pthread_cond_destroy(condition_or_null));
    }
    must(pthread_mutex_destroy(mutex));
}

void sync_lock(pthread_mutex_t *mutex)
{
    must(pthread_mutex_lock(mutex));
}

void sync_unlock(pthread_mutex_t *mutex)
{
    must(pthread_mutex_unlock(mutex));
}

static struct timespec time_of(int64_t deadline_ns)
{
    int64_t when = deadline_ns > 0 ? deadline_ns : 0;
    return (struct timespec){.tv_sec = when / NS_PER_S, .tv_nsec = when % NS_PER_S};
}

bool sync_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline_ns)
{
    struct timespec until = time_of(deadline_ns);
    int result = pthread_cond_timedwait(condition, mutex, &until);
    assert(result == 0 || result == ETIMEDOUT);
    return result == 0;
}

void sync_wake_one(pthread_cond_t *condition)
{
    must(pthread_cond_signal(condition));
}

void sync_wake_all(pthread_cond_t *condition)
{
    must(pthread_cond_broadcast(condition));
}

/* futex(2): the C library has no function for it. Waking an address that is no gate any more does
 * no harm. */
static long futex(struct sync_gate *gate, int what, uint32_t value, const struct timespec *until)
{
    return syscall(SYS_futex, &gate->state, what, value, until, NULL, FUTEX_BITSET_MATCH_ANY);
}

void sync_gate_open(struct sync_gate *gate)
{
    if (atomic_exchange_explicit(&gate->state, GATE_OPEN, memory_order_acq_rel) == GATE_AWAITED) {
        (void)futex(gate, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL);
    }
}

bool sync_gate_wait(struct sync_gate *gate, int64_t deadline_ns)
{
    struct timespec until = time_of(deadline_ns);
    for (;;) {
        uint32_t state = GATE_CLOSED;
        (void)atomic_compare_exchange_strong(&gate->state, &state, GATE_AWAITED);
        if (state == GATE_OPEN) {
            return true;
        }
        long woken = futex(gate, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, GATE_AWAITED, &until);
        assert(woken == 0 || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT);
        if (woken != 0 && errno == ETIMEDOUT) {
            return atomic_load_explicit(&gate->state, memory_order_acquire) == GATE_OPEN;
        }
    }
}

pthread_t sync_thread(const char *name, void *(*run)(void *), void *arg)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &before));
    pthread_t thread;
    int result = pthread_create(&thread, NULL, run, arg);
    if (result != 0) {
        log_error("sync", "cannot start thread %s: %s", name, strerrordesc_np(result));
        abort();
    }
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    char short_name[16]; /* the kernel keeps 15 characters */
    (void)snprintf(short_name, sizeof(short_name), "%s", name);
    (void)pthread_setname_np(thread, short_name);
    return thread;
}
