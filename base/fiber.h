/* fiber: several pieces of work on one thread, each with a stack of its own. Where one waits, the
 * thread goes on with another, so a wait costs no switch of threads and what wakes many at once
 * wakes one thread. A fiber never moves to another thread. */
#ifndef HSMGATE_BASE_FIBER_H
#define HSMGATE_BASE_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIBER_STACK ((size_t)512 << 10) /* virtual memory; what is used of it is kept */

struct fibers; /* those of one thread */
struct fiber;

typedef void fiber_work(void *context, void *item);

/* --- the thread --- */

/* What is made here belongs to the thread that first starts something, and all but fibers_ring is
 * that thread's alone. Cannot fail: without memory the process ends. */
struct fibers *fibers_open(unsigned count);
/* All must rest. Takes NULL. */
void fibers_close(struct fibers *fibers);
/* How many are free for work. */
unsigned fibers_resting(const struct fibers *fibers);
/* Runs the work in a fiber that rests, until it waits for the first time or is done. */
void fibers_start(struct fibers *fibers, fiber_work *work, void *context, void *item);
/* Goes on with all that need not wait any more. With `sleeps` it first waits until there is one, or
 * somebody rings, or the monotonic deadline (ns). */
void fibers_turn(struct fibers *fibers, bool sleeps, int64_t deadline_ns);
/* From any thread: ends the sleep in fibers_turn, or the next one before it begins. */
void fibers_ring(struct fibers *fibers);

/* --- the work --- */

/* The fiber that runs; NULL in a thread without. */
struct fiber *fiber_current(void);
/* Until it is called; false when the monotonic deadline (ns) passed first. No mutex may be held
 * here: another fiber of this thread could want it. */
bool fiber_wait(int64_t deadline_ns);
/* From any thread: ends the wait of a fiber, or its next one before it begins. Once for each wait
 * that was not ended by its deadline; the fiber must not be done before. */
void fiber_call(struct fiber *fiber);
/* Until the descriptor has one of the events of poll(2) or an error; false when the deadline passed
 * first. In a thread without fibers this is poll. INT64_MAX: no deadline. */
bool fiber_wait_fd(int fd, short events, int64_t deadline_ns);

#endif
