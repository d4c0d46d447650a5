/* Fibers over ucontext(3).
 *
 * Everything of a fiber belongs to its thread but two things under the mutex: the list of those
 * that were called, and whether the thread sleeps. Descriptors that fibers wait for are looked at
 * in every turn, so that those who are called all the time cannot keep an answer waiting. The
 * sanitizers are told of each switch, or they would take it for a wild stack.
 */
#undef _FORTIFY_SOURCE /* its longjmp takes a jump to another stack for an attack */
#include "base/fiber.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/bell.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#include "base/banned.h"

#define GUARD     ((size_t)64 << 10)
#define MS        INT64_C(1000000)
#define SLEEP_MAX 60000
#define PAUSE_MS  5

/* A stack, and what a sanitizer knows of it. */
struct side {
    ucontext_t context;
    jmp_buf place;
    bool entered; /* place is there, or will be */
    void *stack;
    size_t size;
    void *shadow;
};

struct fiber {
    struct fibers *home;
    struct side side;
    fiber_work *work;
    void *context;
    void *item;
    enum { FIBER_RESTS, FIBER_RUNS, FIBER_WAITS } state;
    int64_t deadline_ns;
    int fd; /* that it waits for, or -1 */
    short events;
    bool in_time;       /* how its wait ended */
    bool called;        /* under the mutex */
    struct fiber *next; /* among those that were called: under the mutex; else among the resting */
};

struct fibers {
    struct side thread;
    struct fiber *current;
    struct fiber *resting;
    unsigned resting_count;
    unsigned count;
    struct pollfd *polled; /* the bell, and a place for each fiber */
    struct fiber **of_polled;
    struct bell bell;
    pthread_mutex_t mutex; /* guards the rest */
    struct fiber *first;   /* called while they waited */
    struct fiber *last;
    bool asleep;
    bool rung;
    struct fiber all[];
};

static _Thread_local struct fibers *at_home;

struct fiber *fiber_current(void)
{
    return at_home != NULL ? at_home->current : NULL;
}

/* --- switches --- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* Not instrumented: its entry and its return are on two sides. */
__attribute__((no_sanitize("thread"))) static void switch_sides(struct side *from, struct side *to)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&from->shadow, to->stack, to->size);
#else
    __tsan_switch_to_fiber(to->shadow, 0);
#endif
    (void)swapcontext(&from->context, &to->context); /* fails for want of nothing that it needs */
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(from->shadow, NULL, NULL);
#endif
}
#else
/* A context is entered once; from then on the jumps of setjmp(3) do, which leave out the system
 * call for the signal mask (as QEMU's coroutines over ucontext do). */
static void switch_sides(struct side *from, struct side *to)
{
    if (_setjmp(from->place) != 0) {
        return;
    }
    if (to->entered) {
        _longjmp(to->place, 1);
    }
    to->entered = true;
    (void)setcontext(&to->context);
}
#endif

/* Where a fiber begins, and comes back to for its next work. */
static void run_fiber(void)
{
    struct fibers *fibers = at_home;
    struct fiber *self = fibers->current;
#ifdef __SANITIZE_ADDRESS__
    struct side *thread = &fibers->thread;
    const void *stack = NULL;
    __sanitizer_finish_switch_fiber(NULL, &stack, &thread->size);
    thread->stack = (void *)(uintptr_t)stack;
#endif
    for (;;) {
        self->work(self->context, self->item);
        self->state = FIBER_RESTS;
        switch_sides(&self->side, &fibers->thread);
    }
}

static void resume(struct fibers *fibers, struct fiber *fiber)
{
    fiber->state = FIBER_RUNS;
    fibers->current = fiber;
    switch_sides(&fibers->thread, &fiber->side);
    fibers->current = NULL;
    if (fiber->state == FIBER_RESTS) {
        fiber->next = fibers->resting;
        fibers->resting = fiber;
        fibers->resting_count++;
    }
}

/* --- made and unmade --- */

static void *map_stack(void)
{
    uint8_t *memory = mmap(NULL, GUARD + FIBER_STACK, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, GUARD, PROT_NONE) != 0) {
        mem_exhausted();
    }
    return memory + GUARD;
}

static void make(struct fibers *fibers, struct fiber *fiber)
{
    struct side *side = &fiber->side;
    fiber->home = fibers;
    fiber->fd = -1;
    side->stack = map_stack();
    side->size = FIBER_STACK;
    int failed = getcontext(&side->context);
    assert(failed == 0);
    (void)failed;
    side->context.uc_stack.ss_sp = side->stack;
    side->context.uc_stack.ss_size = side->size;
    makecontext(&side->context, run_fiber, 0);
#ifdef __SANITIZE_THREAD__
    side->shadow = __tsan_create_fiber(0);
#endif
    fiber->next = fibers->resting;
    fibers->resting = fiber;
}

struct fibers *fibers_open(unsigned count)
{
    assert(count > 0);
    struct fibers *fibers = mem_alloc(sizeof(*fibers) + count * sizeof(fibers->all[0]));
    fibers->count = count;
    fibers->resting_count = count;
    fibers->thread.entered = true;
    fibers->polled = mem_array(count + 1, sizeof(*fibers->polled));
    fibers->of_polled = mem_array(count + 1, sizeof(struct fiber *));
    bell_init(&fibers->bell);
    sync_init(&fibers->mutex, NULL);
    for (unsigned i = count; i-- > 0;) {
        make(fibers, &fibers->all[i]);
    }
    return fibers;
}

void fibers_close(struct fibers *fibers)
{
    if (fibers == NULL) {
        return;
    }
    assert(fibers->resting_count == fibers->count);
    for (unsigned i = 0; i < fibers->count; i++) {
        struct side *side = &fibers->all[i].side;
#ifdef __SANITIZE_THREAD__
        __tsan_destroy_fiber(side->shadow);
#endif
        (void)munmap((uint8_t *)side->stack - GUARD, GUARD + FIBER_STACK);
    }
    at_home = at_home == fibers ? NULL : at_home;
    bell_clear(&fibers->bell);
    sync_destroy(&fibers->mutex, NULL);
    mem_free(fibers->of_polled);
    mem_free(fibers->polled);
    mem_free(fibers);
}

unsigned fibers_resting(const struct fibers *fibers)
{
    return fibers->resting_count;
}

/* --- called and rung --- */

/* Lets the mutex go, and wakes the thread if it sleeps. */
static void unlock_and_wake(struct fibers *fibers)
{
    bool ring = fibers->asleep;
    fibers->asleep = false;
    if (ring) {
        bell_reach(&fibers->bell);
    }
    sync_unlock(&fibers->mutex);
    if (ring) {
        bell_ring(&fibers->bell);
    }
}

void fibers_ring(struct fibers *fibers)
{
    sync_lock(&fibers->mutex);
    fibers->rung = true;
    unlock_and_wake(fibers);
}

void fiber_call(struct fiber *fiber)
{
    struct fibers *fibers = fiber->home;
    sync_lock(&fibers->mutex);
    assert(!fiber->called);
    fiber->called = true;
    fiber->next = NULL;
    if (fibers->first == NULL) {
        fibers->first = fiber;
    } else {
        fibers->last->next = fiber;
    }
    fibers->last = fiber;
    unlock_and_wake(fibers);
}

/* --- waits --- */

/* A call that came before the wait ends it when the thread goes through those that were called. */
static bool wait_here(struct fiber *self, int fd, short events, int64_t deadline_ns)
{
    struct fibers *fibers = self->home;
    assert(sync_held() == 0);
    self->fd = fd;
    self->events = events;
    self->deadline_ns = deadline_ns;
    self->in_time = false;
    self->state = FIBER_WAITS;
    switch_sides(&self->side, &fibers->thread);
    self->fd = -1;
    return self->in_time;
}

bool fiber_wait(int64_t deadline_ns)
{
    return wait_here(fiber_current(), -1, 0, deadline_ns);
}

static int timeout_of(int64_t deadline_ns)
{
    int64_t left_ms = (deadline_ns - clock_mono_ns() + MS - 1) / MS;
    return left_ms < 0 ? 0 : left_ms > SLEEP_MAX ? SLEEP_MAX : (int)left_ms;
}

bool fiber_wait_fd(int fd, short events, int64_t deadline_ns)
{
    struct fiber *self = fiber_current();
    if (self != NULL) {
        return wait_here(self, fd, events, deadline_ns);
    }
    for (;;) {
        struct pollfd entry = {.fd = fd, .events = events};
        int ready = poll(&entry, 1, timeout_of(deadline_ns));
        assert(ready >= 0 || errno == EINTR || errno == ENOMEM);
        /* poll counts in whole milliseconds: only the clock says that the deadline is over */
        if (ready > 0 || clock_mono_ns() >= deadline_ns) {
            return ready > 0;
        }
    }
}

/* --- a turn --- */

void fibers_start(struct fibers *fibers, fiber_work *work, void *context, void *item)
{
    struct fiber *fiber = fibers->resting;
    assert(fiber != NULL && (at_home == NULL || at_home == fibers) && fibers->current == NULL);
#ifdef __SANITIZE_THREAD__
    fibers->thread.shadow = __tsan_get_current_fiber();
#endif
    at_home = fibers;
    fibers->resting = fiber->next;
    fibers->resting_count--;
    fiber->work = work;
    fiber->context = context;
    fiber->item = item;
    resume(fibers, fiber);
}

static struct fiber *take_called(struct fibers *fibers)
{
    sync_lock(&fibers->mutex);
    struct fiber *first = fibers->first;
    for (struct fiber *fiber = first; fiber != NULL; fiber = fiber->next) {
        fiber->called = false;
    }
    fibers->first = NULL;
    fibers->last = NULL;
    sync_unlock(&fibers->mutex);
    return first;
}

static bool run_called(struct fibers *fibers)
{
    struct fiber *fiber = take_called(fibers);
    bool ran = fiber != NULL;
    while (fiber != NULL) {
        struct fiber *next = fiber->next; /* it may be called again */
        assert(fiber->state == FIBER_WAITS && fiber->fd < 0);
        fiber->in_time = true;
        resume(fibers, fiber);
        fiber = next;
    }
    return ran;
}

/* Whom to ask poll(2) about; the earliest deadline of those that wait. */
static nfds_t gather(struct fibers *fibers, int64_t *deadline_ns)
{
    nfds_t count = 1;
    fibers->polled[0] = (struct pollfd){.fd = fibers->bell.fd, .events = POLLIN};
    for (unsigned i = 0; i < fibers->count; i++) {
        struct fiber *fiber = &fibers->all[i];
        if (fiber->state != FIBER_WAITS) {
            continue;
        }
        *deadline_ns = fiber->deadline_ns < *deadline_ns ? fiber->deadline_ns : *deadline_ns;
        if (fiber->fd >= 0) {
            fibers->of_polled[count] = fiber;
            fibers->polled[count++] = (struct pollfd){.fd = fiber->fd, .events = fiber->events};
        }
    }
    return count;
}

/* True: nobody has called or rung, and who does from here on writes to the bell. */
static bool fall_asleep(struct fibers *fibers)
{
    sync_lock(&fibers->mutex);
    fibers->asleep = fibers->first == NULL && !fibers->rung;
    fibers->rung = false;
    bool asleep = fibers->asleep;
    sync_unlock(&fibers->mutex);
    return asleep;
}

static void wake_up(struct fibers *fibers)
{
    sync_lock(&fibers->mutex);
    fibers->asleep = false;
    fibers->rung = false;
    sync_unlock(&fibers->mutex);
    if (fibers->polled[0].revents != 0) {
        bell_hear(&fibers->bell);
    }
}

/* Those whose descriptor is ready, then those whose time is over and whom nobody has called. */
static void run_ready(struct fibers *fibers, nfds_t count)
{
    for (nfds_t i = 1; i < count; i++) {
        if (fibers->polled[i].revents != 0) {
            fibers->of_polled[i]->in_time = true;
            resume(fibers, fibers->of_polled[i]);
        }
    }
}

static bool is_called(struct fibers *fibers, const struct fiber *fiber)
{
    sync_lock(&fibers->mutex);
    bool called = fiber->called;
    sync_unlock(&fibers->mutex);
    return called;
}

static void run_late(struct fibers *fibers)
{
    int64_t now_ns = clock_mono_ns();
    for (unsigned i = 0; i < fibers->count; i++) {
        struct fiber *fiber = &fibers->all[i];
        if (fiber->state == FIBER_WAITS && fiber->deadline_ns <= now_ns &&
            !is_called(fibers, fiber)) {
            resume(fibers, fiber);
        }
    }
}

/* poll(2) refuses more descriptors than the limit of open files has room for, which somebody may
 * have lowered: then each is looked at by itself, now and then. */
static void look(struct pollfd *polled, nfds_t count, int timeout_ms)
{
    if (poll(polled, count, timeout_ms) >= 0) {
        return;
    }
    assert(errno == EINTR || errno == EINVAL || errno == ENOMEM);
    if (timeout_ms > 0 && errno != EINTR) {
        (void)poll(NULL, 0, PAUSE_MS);
    }
    for (nfds_t i = 0; i < count; i++) {
        polled[i].revents = 0;
        (void)poll(&polled[i], 1, 0);
    }
}

void fibers_turn(struct fibers *fibers, bool sleeps, int64_t deadline_ns)
{
    bool ran = run_called(fibers);
    nfds_t count = gather(fibers, &deadline_ns);
    bool asleep = sleeps && !ran && fall_asleep(fibers);
    if (count > 1 || asleep) {
        look(fibers->polled, count, asleep ? timeout_of(deadline_ns) : 0);
        if (asleep) {
            wake_up(fibers);
        }
        run_ready(fibers, count);
    }
    run_late(fibers);
}
