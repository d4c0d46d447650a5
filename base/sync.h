/* Mutexes that assert, conditions on the monotonic clock. A wait always has a deadline. */
#ifndef HSMGATE_BASE_SYNC_H
#define HSMGATE_BASE_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void sync_init(pthread_mutex_t *mutex, pthread_cond_t *condition_or_null);
void sync_destroy(pthread_mutex_t *mutex, pthread_cond_t *condition_or_null);
/* One more condition for a mutex that has been made. */
void sync_init_condition(pthread_cond_t *condition);
void sync_destroy_condition(pthread_cond_t *condition);
void sync_lock(pthread_mutex_t *mutex);
void sync_unlock(pthread_mutex_t *mutex);
/* How many mutexes the calling thread holds. */
unsigned sync_held(void);
/* False when the monotonic deadline (ns) passed. The condition must come from sync_init. */
bool sync_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline_ns);
void sync_wake_one(pthread_cond_t *condition);
void sync_wake_all(pthread_cond_t *condition);
/* Starts a named, joinable thread with all signals blocked; aborts when the system has none left.
 */
pthread_t sync_thread(const char *name, void *(*run)(void *), void *arg);

#endif
