/* Mutexes, conditions and threads whose misuse is a bug of ours: every return code is asserted.
 *
 * Conditions run on the monotonic clock, so a step of the wall clock neither cuts a wait short
 * nor stretches it. Mutexes are of the error-checking kind: locking twice or unlocking another's
 * mutex stops the process instead of hanging it. */
#include "base/sync.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>

#include "base/log.h"

#include "base/banned.h"

#define NS_PER_S 1000000000

static _Thread_local unsigned held;

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
    held++;
}

void sync_unlock(pthread_mutex_t *mutex)
{
    held--;
    must(pthread_mutex_unlock(mutex));
}

unsigned sync_held(void)
{
    return held;
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
