/* The queue before the request threads: its bound, its order, and that closing runs what waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sync.h"
#include "gateway/request_pool.h"

#define COUNT 8

struct log {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    bool open; /* the handler may go on */
    struct exchange *seen[COUNT];
    size_t count;
};

static void note(void *context, struct exchange *exchange)
{
    struct log *log = context;
    sync_lock(&log->mutex);
    log->seen[log->count++] = exchange;
    sync_wake_all(&log->changed);
    while (!log->open) {
        (void)sync_wait(&log->changed, &log->mutex, clock_deadline(1000));
    }
    sync_unlock(&log->mutex);
}

static void wait_count(struct log *log, size_t count)
{
    sync_lock(&log->mutex);
    while (log->count < count) {
        assert_true(sync_wait(&log->changed, &log->mutex, clock_deadline(20000)));
    }
    sync_unlock(&log->mutex);
}

static void let_go(struct log *log)
{
    sync_lock(&log->mutex);
    log->open = true;
    sync_wake_all(&log->changed);
    sync_unlock(&log->mutex);
}

static void test_bound_and_order(void **state)
{
    (void)state;
    struct log log = {0};
    struct exchange exchanges[COUNT] = {0};
    sync_init(&log.mutex, &log.changed);
    struct request_pool *pool = request_pool_open(1, 3, note, &log);
    assert_true(request_pool_submit(pool, &exchanges[0]));
    wait_count(&log, 1);
    for (size_t i = 1; i <= 3; i++) {
        assert_true(request_pool_submit(pool, &exchanges[i]));
    }
    assert_int_equal(request_pool_waiting(pool), 3);
    assert_false(request_pool_submit(pool, &exchanges[4]));
    let_go(&log);
    wait_count(&log, 4);
    assert_true(request_pool_submit(pool, &exchanges[5])); /* around the end of the ring */
    request_pool_close(pool);
    assert_int_equal(log.count, 5);
    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(log.seen[i], &exchanges[i]);
    }
    assert_ptr_equal(log.seen[4], &exchanges[5]);
    sync_destroy(&log.mutex, &log.changed);
}

static void test_threads_run_together(void **state)
{
    (void)state;
    struct log log = {0};
    struct exchange exchanges[COUNT] = {0};
    sync_init(&log.mutex, &log.changed);
    struct request_pool *pool = request_pool_open(COUNT, COUNT, note, &log);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(request_pool_submit(pool, &exchanges[i]));
    }
    wait_count(&log, COUNT); /* all are inside although none may end */
    let_go(&log);
    request_pool_close(pool);
    sync_destroy(&log.mutex, &log.changed);
}

static void test_close_of_nothing(void **state)
{
    (void)state;
    request_pool_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_and_order),
        cmocka_unit_test(test_threads_run_together),
        cmocka_unit_test(test_close_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
