/* test_lease: channels are lent once at a time, and never across workers. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "pkcs11/lease.h"

#define SOON_MS  20
#define LONG_MS  30000
#define CHANNELS 3

struct bench {
    struct lease_desk desk;
    int peers[CHANNELS];
};

static void open_desk(struct bench *bench, unsigned usable, uint64_t generation)
{
    int ours[CHANNELS];
    for (unsigned i = 0; i < CHANNELS; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        ours[i] = pair[0];
        fd_close(&bench->peers[i]);
        bench->peers[i] = pair[1];
    }
    lease_desk_open(&bench->desk, ours, usable, generation, 1);
    assert_int_equal(ours[0], -1);
}

static void init(struct bench *bench)
{
    *bench = (struct bench){.peers = {-1, -1, -1}};
    lease_desk_init(&bench->desk, CHANNELS);
}

static void clear(struct bench *bench)
{
    lease_desk_shut(&bench->desk, LEASE_REFUSE);
    lease_desk_drain(&bench->desk);
    lease_desk_clear(&bench->desk);
    for (unsigned i = 0; i < CHANNELS; i++) {
        fd_close(&bench->peers[i]);
    }
}

static void test_last_in_first_out(void **state)
{
    (void)state;
    CLEANUP(clear) struct bench bench;
    init(&bench);
    open_desk(&bench, CHANNELS, 1);
    struct lease a = {0};
    struct lease b = {0};
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &a).code, ERR_OK);
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &b).code, ERR_OK);
    assert_ptr_not_equal(a.channel, b.channel);
    struct channel *last = b.channel;
    lease_end(&b, 7);
    assert_null(b.desk);
    lease_end(&b, 8); /* a zeroed lease */
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &b).code, ERR_OK);
    assert_ptr_equal(b.channel, last);
    unsigned busy = 0;
    uint32_t epoch = 0;
    lease_desk_look(&bench.desk, &busy, &epoch);
    assert_int_equal(busy, 2);
    assert_int_equal(epoch, 7);
    lease_end(&a, 1);
    lease_end(&b, 1);
}

static void test_none_left(void **state)
{
    (void)state;
    CLEANUP(clear) struct bench bench;
    init(&bench);
    open_desk(&bench, 1, 1); /* the worker got one session only */
    struct lease a = {0};
    struct lease b = {0};
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &a).code, ERR_OK);
    struct err err = lease_begin(&bench.desk, LEASE_USE, clock_deadline(SOON_MS), &b);
    assert_int_equal(err.code, ERR_OVERLOADED);
    assert_null(b.desk);
    lease_end(&a, 1);
}

static void test_gates(void **state)
{
    (void)state;
    CLEANUP(clear) struct bench bench;
    init(&bench);
    struct lease lease = {0};
    lease_desk_shut(&bench.desk, LEASE_REFUSE);
    struct err err = lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &lease);
    assert_int_equal(err.code, ERR_TOKEN_UNAVAILABLE);
    lease_desk_shut(&bench.desk, LEASE_WAIT);
    err = lease_begin(&bench.desk, LEASE_USE, clock_deadline(SOON_MS), &lease);
    assert_int_equal(err.code, ERR_TOKEN_UNAVAILABLE);
    open_desk(&bench, CHANNELS, 1);
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &lease).code,
                     ERR_OK);
    lease_end(&lease, 1);
}

static void test_broken(void **state)
{
    (void)state;
    CLEANUP(clear) struct bench bench;
    init(&bench);
    open_desk(&bench, CHANNELS, 1);
    struct lease a = {0};
    struct lease b = {0};
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &a).code, ERR_OK);
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &b).code, ERR_OK);
    lease_break(&a);
    struct err err = lease_begin(&bench.desk, LEASE_USE, clock_deadline(SOON_MS), &a);
    assert_int_equal(err.code, ERR_TOKEN_UNAVAILABLE);
    lease_end(&b, 1); /* a sound channel of a broken worker is not lent again either */
    err = lease_begin(&bench.desk, LEASE_USE, clock_deadline(SOON_MS), &a);
    assert_int_equal(err.code, ERR_TOKEN_UNAVAILABLE);
    lease_desk_shut(&bench.desk, LEASE_WAIT);
    lease_desk_drain(&bench.desk);
    open_desk(&bench, CHANNELS, 2);
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &a).code, ERR_OK);
    assert_int_equal(a.generation, 2);
    lease_end(&a, 1);
}

struct waiter {
    struct lease_desk *desk;
    struct err err;
};

static void *wait_and_end(void *arg)
{
    struct waiter *waiter = arg;
    struct lease lease = {0};
    waiter->err = lease_begin(waiter->desk, LEASE_USE, clock_deadline(LONG_MS), &lease);
    lease_end(&lease, 1);
    return NULL;
}

static void test_handed_over(void **state)
{
    (void)state;
    CLEANUP(clear) struct bench bench;
    init(&bench);
    open_desk(&bench, 1, 1);
    struct lease lease = {0};
    struct waiter waiters[4];
    pthread_t threads[4];
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &lease).code,
                     ERR_OK);
    for (unsigned i = 0; i < 4; i++) {
        waiters[i] = (struct waiter){.desk = &bench.desk};
        threads[i] = sync_thread("waiter", wait_and_end, &waiters[i]);
    }
    lease_end(&lease, 1);
    for (unsigned i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(waiters[i].err.code, ERR_OK);
    }
}

static void *read_until_end(void *arg)
{
    struct lease *lease = arg;
    uint8_t byte = 0;
    ssize_t got = read(lease->channel->fd, &byte, 1); /* nobody writes: the drain wakes it */
    lease_break(lease);
    return (void *)(intptr_t)got;
}

static void test_drain_wakes_borrowers(void **state)
{
    (void)state;
    CLEANUP(clear) struct bench bench;
    init(&bench);
    open_desk(&bench, CHANNELS, 1);
    struct lease lease = {0};
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &lease).code,
                     ERR_OK);
    pthread_t thread = sync_thread("reader", read_until_end, &lease);
    lease_desk_shut(&bench.desk, LEASE_REFUSE);
    lease_desk_drain(&bench.desk);
    void *got = &bench;
    (void)pthread_join(thread, &got);
    assert_null(got);
    assert_int_equal(bench.desk.channels[0].fd, -1);
}

static void test_too_many_callers(void **state)
{
    (void)state;
    CLEANUP(clear) struct bench bench;
    init(&bench);
    bench.desk.calls_max = 1;
    open_desk(&bench, CHANNELS, 1);
    struct lease a = {0};
    struct lease b = {0};
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &a).code, ERR_OK);
    struct err err = lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &b);
    assert_int_equal(err.code, ERR_OVERLOADED);
    lease_end(&a, 1);
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &a).code, ERR_OK);
    lease_end(&a, 1);
}

/* Until so many stand in line; they need not be asleep yet. */
static void wait_count(struct bench *bench, const unsigned *count, unsigned wanted)
{
    int64_t deadline_ns = clock_deadline(LONG_MS);
    unsigned now = ~wanted;
    while (now != wanted) {
        assert_true(clock_left_ms(deadline_ns) > 0);
        (void)sched_yield();
        sync_lock(&bench->desk.mutex);
        now = *count;
        sync_unlock(&bench->desk.mutex);
    }
}

/* A caller in a thread of its own, who gives back at once. */
struct caller {
    struct lease_desk *desk;
    enum lease_use use;
    atomic_uint *served;
    pthread_t thread;
    struct err err;
    unsigned turn; /* how many were served before */
};

static void *call(void *arg)
{
    struct caller *caller = arg;
    struct lease lease = {0};
    caller->err = lease_begin(caller->desk, caller->use, clock_deadline(LONG_MS), &lease);
    caller->turn = atomic_fetch_add(caller->served, 1);
    lease_end(&lease, 1);
    return NULL;
}

/* Callers one after the other, until all of them stand in line. */
static void start_line(struct bench *bench, struct caller *callers, unsigned count,
                       atomic_uint *served)
{
    for (unsigned i = 0; i < count; i++) {
        callers[i] = (struct caller){.desk = &bench->desk, .use = LEASE_USE, .served = served};
        callers[i].thread = sync_thread("caller", call, &callers[i]);
        wait_count(bench, &bench->desk.line.count, i + 1);
    }
}

static void join_line(struct caller *callers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].err.code, ERR_OK);
    }
}

static void test_full_line(void **state)
{
    (void)state;
    enum { LINE = 3 };
    CLEANUP(clear) struct bench bench;
    init(&bench);
    bench.desk.queue_max = LINE;
    open_desk(&bench, 1, 1);
    struct lease held = {0};
    struct lease none = {0};
    struct caller callers[LINE];
    atomic_uint served = 0;
    int64_t far = clock_deadline(LONG_MS);
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, far, &held).code, ERR_OK);
    start_line(&bench, callers, LINE, &served);
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, far, &none).code, ERR_OVERLOADED);
    assert_true(clock_mono_ns() < far); /* at once */
    assert_null(none.desk);
    lease_end(&held, 1);
    join_line(callers, LINE);
    for (unsigned i = 0; i < LINE; i++) {
        assert_int_equal(callers[i].turn, i); /* first come, first served */
    }
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, far, &held).code, ERR_OK);
    lease_end(&held, 1);
}

static void test_line_while_starting(void **state)
{
    (void)state;
    enum { LINE = 1, ALL = CHANNELS + LINE };
    CLEANUP(clear) struct bench bench;
    init(&bench);
    bench.desk.queue_max = LINE;
    lease_desk_shut(&bench.desk, LEASE_WAIT);
    struct lease none = {0};
    struct caller callers[ALL];
    atomic_uint served = 0;
    start_line(&bench, callers, ALL, &served);
    struct err err = lease_begin(&bench.desk, LEASE_USE, clock_deadline(LONG_MS), &none);
    assert_int_equal(err.code, ERR_OVERLOADED);
    open_desk(&bench, CHANNELS, 1);
    join_line(callers, ALL);
}

/* A line behind one who gives up goes on. */
static void test_first_gives_up(void **state)
{
    (void)state;
    CLEANUP(clear) struct bench bench;
    init(&bench);
    open_desk(&bench, 1, 1);
    struct lease held = {0};
    struct lease none = {0};
    struct caller next[2];
    atomic_uint served = 0;
    int64_t far = clock_deadline(LONG_MS);
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, far, &held).code, ERR_OK);
    struct line_place leaver; /* stands for one whose time is over while the channel comes back */
    sync_lock(&bench.desk.mutex);
    line_join(&bench.desk.line, &leaver);
    sync_unlock(&bench.desk.mutex);
    for (unsigned i = 0; i < 2; i++) {
        next[i] = (struct caller){.desk = &bench.desk, .use = LEASE_USE, .served = &served};
        next[i].thread = sync_thread("caller", call, &next[i]);
        wait_count(&bench, &bench.desk.line.count, i + 2);
    }
    lease_end(&held, 1);
    struct err err = lease_begin(&bench.desk, LEASE_USE, clock_deadline(SOON_MS), &none);
    assert_int_equal(err.code, ERR_OVERLOADED); /* nobody goes past the line */
    assert_int_equal(atomic_load(&served), 0);
    sync_lock(&bench.desk.mutex);
    line_leave(&bench.desk.line, &leaver);
    sync_unlock(&bench.desk.mutex);
    err = lease_begin(&bench.desk, LEASE_USE, clock_deadline(0), &none); /* leaving, it calls */
    assert_int_equal(err.code, ERR_OVERLOADED);
    join_line(next, 2);
    assert_true(clock_mono_ns() < far); /* called, not woken by their own deadlines */
}

static void test_too_many_changes(void **state)
{
    (void)state;
    CLEANUP(clear) struct bench bench;
    init(&bench);
    bench.desk.queue_max = 1;
    open_desk(&bench, CHANNELS, 1);
    struct lease change = {0};
    struct lease other = {0};
    atomic_uint served = 0;
    int64_t far = clock_deadline(LONG_MS);
    assert_int_equal(lease_begin(&bench.desk, LEASE_CHANGE, far, &change).code, ERR_OK);
    struct caller waits = {.desk = &bench.desk, .use = LEASE_CHANGE, .served = &served};
    waits.thread = sync_thread("caller", call, &waits);
    wait_count(&bench, &bench.desk.turn_waits, 1);
    assert_int_equal(lease_begin(&bench.desk, LEASE_CHANGE, far, &other).code, ERR_OVERLOADED);
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, far, &other).code, ERR_OK);
    lease_end(&other, 1);
    lease_end(&change, 1);
    join_line(&waits, 1);
}

static void test_turns(void **state)
{
    (void)state;
    CLEANUP(clear) struct bench bench;
    init(&bench);
    open_desk(&bench, CHANNELS, 1);
    struct lease change = {0};
    struct lease other = {0};
    int64_t far = clock_deadline(LONG_MS);
    assert_int_equal(lease_begin(&bench.desk, LEASE_CHANGE, far, &change).code, ERR_OK);
    struct err err = lease_begin(&bench.desk, LEASE_CHANGE, clock_deadline(SOON_MS), &other);
    assert_int_equal(err.code, ERR_OVERLOADED);
    assert_int_equal(lease_begin(&bench.desk, LEASE_USE, far, &other).code, ERR_OK);
    lease_end(&other, 1);
    lease_end(&change, 1);
    assert_int_equal(lease_begin(&bench.desk, LEASE_CHANGE, far, &change).code, ERR_OK);
    lease_break(&change); /* with the worker its turn goes too */
    err = lease_begin(&bench.desk, LEASE_CHANGE, clock_deadline(SOON_MS), &other);
    assert_int_equal(err.code, ERR_TOKEN_UNAVAILABLE);
    lease_desk_drain(&bench.desk);
    open_desk(&bench, CHANNELS, 2);
    assert_int_equal(lease_begin(&bench.desk, LEASE_CHANGE, far, &change).code, ERR_OK);
    lease_end(&change, 1);
}

static void test_owed(void **state)
{
    (void)state;
    CLEANUP(clear) struct bench bench;
    init(&bench);
    open_desk(&bench, 1, 1);
    struct lease lease = {0};
    struct channel *owed[2] = {NULL, NULL};
    int64_t far = clock_deadline(LONG_MS);
    assert_int_equal(lease_begin(&bench.desk, LEASE_CHANGE, far, &lease).code, ERR_OK);
    lease_owe(&lease, far);
    assert_null(lease.desk);
    assert_int_equal(lease_desk_owed(&bench.desk, owed, 2), 1);
    assert_true(owed[0]->owed_until_ns == far);
    struct err err = lease_begin(&bench.desk, LEASE_USE, clock_deadline(SOON_MS), &lease);
    assert_int_equal(err.code, ERR_OVERLOADED);
    err = lease_begin(&bench.desk, LEASE_CHANGE, clock_deadline(SOON_MS), &lease);
    assert_int_equal(err.code, ERR_OVERLOADED);
    lease_desk_settle(&bench.desk, owed[0], 5);
    assert_int_equal(lease_desk_owed(&bench.desk, owed, 2), 0);
    assert_int_equal(lease_begin(&bench.desk, LEASE_CHANGE, far, &lease).code, ERR_OK);
    struct channel *channel = lease.channel;
    lease_owe(&lease, far);
    lease_desk_shut(&bench.desk, LEASE_WAIT);
    lease_desk_settle(&bench.desk, channel, 6); /* too late: not lent again */
    assert_int_equal(channel->place, CHANNEL_IDLE);
    lease_desk_drain(&bench.desk);
    open_desk(&bench, 1, 2);
    assert_int_equal(lease_begin(&bench.desk, LEASE_CHANGE, far, &lease).code, ERR_OK);
    lease_end(&lease, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_in_first_out),
        cmocka_unit_test(test_none_left),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_too_many_callers),
        cmocka_unit_test(test_full_line),
        cmocka_unit_test(test_line_while_starting),
        cmocka_unit_test(test_first_gives_up),
        cmocka_unit_test(test_too_many_changes),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_owed),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_handed_over),
        cmocka_unit_test(test_drain_wakes_borrowers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
