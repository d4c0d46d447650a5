/* The queue before the request threads: its bounds in length and time, its order, and that closing
 * runs what waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sync.h"
#include "base/sync_gate.h"
#include "gateway/request_pool.h"

#define COUNT 8

static const int64_t MS = 1000000;

struct log {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    bool open; /* the handler may go on */
    struct exchange *seen[COUNT];
    size_t count;
    struct exchange *refused[COUNT];
    size_t refused_count;
};

static struct log *the_log; /* a refuser has no context */

static void refuse(struct exchange *exchange)
{
    struct log *log = the_log;
    sync_lock(&log->mutex);
    log->refused[log->refused_count++] = exchange;
    sync_wake_all(&log->changed);
    sync_unlock(&log->mutex);
}

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

static struct request_pool *open_pool(struct log *log, unsigned threads, size_t queue_max,
                                      int64_t wait_ms)
{
    sync_init(&log->mutex, &log->changed);
    the_log = log;
    struct request_pool_config config = {.threads = threads,
                                         .queue_max = queue_max,
                                         .wait_ms = wait_ms,
                                         .handler = note,
                                         .refuse = refuse,
                                         .context = log};
    return request_pool_open(&config);
}

/* An exchange that arrived so long ago. */
static struct exchange aged(int64_t age_ms)
{
    return (struct exchange){.request = {.arrived_ns = clock_mono_ns() - age_ms * MS}};
}

static void test_bound_and_order(void **state)
{
    (void)state;
    struct log log = {0};
    struct exchange exchanges[COUNT] = {0};
    struct request_pool *pool = open_pool(&log, 1, 3, 0);
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
    struct request_pool *pool = open_pool(&log, COUNT, COUNT, 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(request_pool_submit(pool, &exchanges[i]));
    }
    wait_count(&log, COUNT); /* all are inside although none may end */
    let_go(&log);
    request_pool_close(pool);
    sync_destroy(&log.mutex, &log.changed);
}

/* With every thread busy, what is too old is refused when the next one comes, or when a thread is
 * free, before anything else runs. */
static void test_too_old(void **state)
{
    (void)state;
    struct log log = {0};
    struct exchange first = aged(0), old = aged(35000), older = aged(70000), fresh = aged(0);
    struct request_pool *pool = open_pool(&log, 1, COUNT, 30000);
    assert_true(request_pool_submit(pool, &first));
    wait_count(&log, 1);
    assert_true(request_pool_submit(pool, &older));
    assert_int_equal(log.refused_count, 0);
    assert_true(request_pool_submit(pool, &old));
    assert_int_equal(log.refused_count, 1); /* in this thread: the other is busy */
    assert_ptr_equal(log.refused[0], &older);
    assert_true(request_pool_submit(pool, &fresh));
    assert_int_equal(log.refused_count, 2);
    assert_ptr_equal(log.refused[1], &old);
    let_go(&log);
    wait_count(&log, 2);
    assert_ptr_equal(log.seen[1], &fresh);
    request_pool_close(pool);
    sync_destroy(&log.mutex, &log.changed);
}

static void test_a_free_thread_refuses(void **state)
{
    (void)state;
    struct log log = {0};
    struct exchange first = aged(0), a = aged(60000), b = aged(60000);
    struct request_pool *pool = open_pool(&log, 1, COUNT, 30000);
    assert_true(request_pool_submit(pool, &first));
    wait_count(&log, 1);
    a.request.arrived_ns = b.request.arrived_ns = clock_mono_ns();
    assert_true(request_pool_submit(pool, &a));
    assert_true(request_pool_submit(pool, &b));
    assert_int_equal(log.refused_count, 0);
    sync_lock(&log.mutex); /* as if they had waited long */
    a.request.arrived_ns = b.request.arrived_ns = clock_mono_ns() - 60000 * MS;
    sync_unlock(&log.mutex);
    let_go(&log);
    wait_count(&log, 2);
    request_pool_close(pool);
    assert_int_equal(log.refused_count, 1); /* the last one has a thread: it did not wait for one */
    assert_ptr_equal(log.refused[0], &a);
    assert_ptr_equal(log.seen[1], &b);
    sync_destroy(&log.mutex, &log.changed);
}

/* Nobody waits for a thread that is only slow to wake up. */
static void test_old_but_not_queued(void **state)
{
    (void)state;
    struct log log = {0};
    struct exchange old = aged(60000);
    struct request_pool *pool = open_pool(&log, 2, COUNT, 30000);
    assert_true(request_pool_submit(pool, &old));
    wait_count(&log, 1);
    let_go(&log);
    request_pool_close(pool);
    assert_int_equal(log.refused_count, 0);
    sync_destroy(&log.mutex, &log.changed);
}

/* A ring that stands serves the newest first. */
static void test_newest_first(void **state)
{
    (void)state;
    struct log log = {0};
    struct exchange first = aged(0), next[3];
    struct request_pool *pool = open_pool(&log, 1, COUNT, 30000);
    assert_true(request_pool_submit(pool, &first));
    wait_count(&log, 1);
    for (size_t i = 0; i < 3; i++) {
        next[i] = aged(20000 - (int64_t)i);
        assert_true(request_pool_submit(pool, &next[i]));
    }
    let_go(&log);
    wait_count(&log, 4);
    request_pool_close(pool);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(log.seen[1 + i], &next[2 - i]);
    }
    assert_int_equal(log.refused_count, 0);
    sync_destroy(&log.mutex, &log.changed);
}

/* Closing runs what waits, however old. */
static void test_close_runs_all(void **state)
{
    (void)state;
    struct log log = {0};
    struct exchange first = aged(0), next[3] = {aged(0), aged(0), aged(0)};
    struct request_pool *pool = open_pool(&log, 1, COUNT, 30000);
    assert_true(request_pool_submit(pool, &first));
    wait_count(&log, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_true(request_pool_submit(pool, &next[i]));
    }
    let_go(&log);
    request_pool_close(pool);
    assert_int_equal(log.count, 4);
    sync_destroy(&log.mutex, &log.changed);
}

static void test_close_of_nothing(void **state)
{
    (void)state;
    request_pool_close(NULL);
}

/* A handler that waits where fibers may: for the gate of its exchange. */
struct crossing {
    struct exchange exchange;
    struct sync_gate gate;
};

static void cross(void *context, struct exchange *exchange)
{
    struct log *log = context;
    struct crossing *crossing =
        (struct crossing *)((char *)exchange - offsetof(struct crossing, exchange));
    sync_lock(&log->mutex);
    log->count++;
    sync_wake_all(&log->changed);
    sync_unlock(&log->mutex);
    assert_true(sync_gate_wait(&crossing->gate, clock_deadline(60000)));
    sync_lock(&log->mutex);
    log->seen[log->refused_count++] = exchange;
    sync_unlock(&log->mutex);
}

/* One thread has as many at work as it has fibers; the next one waits, and goes on when one of them
 * is done. */
static void test_fibers_share_a_thread(void **state)
{
    (void)state;
    struct log log = {0};
    struct crossing crossings[COUNT] = {0};
    sync_init(&log.mutex, &log.changed);
    the_log = &log;
    struct request_pool_config config = {.threads = 1,
                                         .fibers = COUNT / 2,
                                         .queue_max = COUNT,
                                         .wait_ms = 30000,
                                         .handler = cross,
                                         .refuse = refuse,
                                         .context = &log};
    struct request_pool *pool = request_pool_open(&config);
    for (size_t i = 0; i < COUNT; i++) {
        crossings[i].exchange.request.arrived_ns = clock_mono_ns();
        assert_true(request_pool_submit(pool, &crossings[i].exchange));
    }
    wait_count(&log, COUNT / 2);
    assert_int_equal(request_pool_waiting(pool), COUNT / 2);
    for (size_t i = 0; i < COUNT / 2; i++) {
        sync_gate_open(&crossings[COUNT / 2 - 1 - i].gate);
        wait_count(&log, COUNT / 2 + i + 1);
    }
    for (size_t i = COUNT / 2; i < COUNT; i++) {
        sync_gate_open(&crossings[i].gate);
    }
    request_pool_close(pool);
    assert_int_equal(log.count, COUNT);
    assert_int_equal(log.refused_count, COUNT); /* here: those that are done */
    assert_ptr_equal(log.seen[0], &crossings[COUNT / 2 - 1].exchange);
    sync_destroy(&log.mutex, &log.changed);
}

static void test_several_crews(void **state)
{
    (void)state;
    for (size_t round = 0; round < 50; round++) {
        struct log log = {0};
        struct crossing crossings[COUNT] = {0};
        sync_init(&log.mutex, &log.changed);
        struct request_pool_config config = {
            .threads = 3, .fibers = COUNT, .queue_max = COUNT, .handler = cross, .context = &log};
        struct request_pool *pool = request_pool_open(&config);
        for (size_t i = 0; i < COUNT; i++) {
            assert_true(request_pool_submit(pool, &crossings[i].exchange));
        }
        for (size_t i = 0; i < COUNT; i++) {
            sync_gate_open(&crossings[i].gate); /* from here, begun or not */
        }
        request_pool_close(pool);
        assert_int_equal(log.refused_count, COUNT);
        sync_destroy(&log.mutex, &log.changed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_and_order),
        cmocka_unit_test(test_threads_run_together),
        cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_a_free_thread_refuses),
        cmocka_unit_test(test_old_but_not_queued),
        cmocka_unit_test(test_newest_first),
        cmocka_unit_test(test_close_runs_all),
        cmocka_unit_test(test_close_of_nothing),
        cmocka_unit_test(test_fibers_share_a_thread),
        cmocka_unit_test(test_several_crews),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
