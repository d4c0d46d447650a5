/* Fibers: they take turns, wait for calls, descriptors and deadlines, and are called from other
 * threads. */
#include "base_test.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/mem.h"
#include "base/sync.h"
#include "base/sync_gate.h"

#define COUNT 4

struct scene {
    struct fibers *fibers;
    struct sync_gate gates[COUNT];
    size_t order[3 * COUNT];
    size_t noted;
    bool in_time[COUNT];
    int sockets[2];
    int64_t deadline_ns;
};

struct part {
    struct scene *scene;
    size_t number;
};

static void note(struct scene *scene, size_t number)
{
    scene->order[scene->noted++] = number;
}

static void until_rest(struct fibers *fibers, unsigned count)
{
    int64_t late_ns = clock_deadline(60000);
    while (fibers_resting(fibers) < count) {
        assert_true(clock_mono_ns() < late_ns);
        fibers_turn(fibers, true, late_ns);
    }
}

static void wait_at_gate(void *context, void *item)
{
    struct scene *scene = context;
    const struct part *part = item;
    note(scene, part->number);
    scene->in_time[part->number] = sync_gate_wait(&scene->gates[part->number], scene->deadline_ns);
    note(scene, part->number);
}

static void start_all(struct scene *scene, struct part *parts)
{
    scene->fibers = fibers_open(COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        parts[i] = (struct part){scene, i};
        fibers_start(scene->fibers, wait_at_gate, scene, &parts[i]);
        assert_int_equal(fibers_resting(scene->fibers), COUNT - i - 1);
    }
}

static void they_take_turns(void **state)
{
    (void)state;
    static const size_t opened[COUNT] = {2, 0, 3, 1};
    struct scene scene = {.deadline_ns = clock_deadline(60000)};
    struct part parts[COUNT];
    start_all(&scene, parts);
    assert_null(fiber_current());
    for (size_t i = 0; i < COUNT; i++) {
        sync_gate_open(&scene.gates[opened[i]]);
    }
    assert_int_equal(scene.noted, COUNT); /* a call alone runs nobody */
    fibers_turn(scene.fibers, false, 0);
    assert_int_equal(scene.noted, 2 * COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(scene.order[i], i);
        assert_int_equal(scene.order[COUNT + i], opened[i]); /* as they were called */
        assert_true(scene.in_time[i]);
    }
    assert_int_equal(fibers_resting(scene.fibers), COUNT);
    fibers_start(scene.fibers, wait_at_gate, &scene, &parts[0]); /* its gate is open */
    assert_int_equal(fibers_resting(scene.fibers), COUNT);
    fibers_close(scene.fibers);
}

static void a_deadline_ends_a_wait(void **state)
{
    (void)state;
    struct scene scene = {.deadline_ns = clock_deadline(1)};
    struct part parts[COUNT];
    start_all(&scene, parts);
    until_rest(scene.fibers, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_false(scene.in_time[i]);
    }
    fibers_close(scene.fibers);
}

/* The deadline has passed, and so has the call: one of the two is told, and nothing hangs. */
static void a_call_beside_the_deadline(void **state)
{
    (void)state;
    struct scene scene = {.deadline_ns = clock_mono_ns()};
    struct part parts[COUNT];
    start_all(&scene, parts);
    for (size_t i = 0; i < COUNT; i++) {
        sync_gate_open(&scene.gates[i]);
    }
    until_rest(scene.fibers, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(scene.in_time[i]);
    }
    fibers_close(scene.fibers);
}

static void *open_gates(void *arg)
{
    struct scene *scene = arg;
    for (size_t i = 0; i < COUNT; i++) {
        sync_gate_open(&scene->gates[i]);
    }
    return NULL;
}

static void other_threads_call(void **state)
{
    (void)state;
    for (int64_t round = 0; round < 200; round++) {
        /* now and then the time is over while the call comes */
        struct scene scene = {.deadline_ns = round % 2 == 0 ? clock_deadline(60000)
                                                            : clock_mono_ns() + round * 500};
        struct part parts[COUNT];
        start_all(&scene, parts);
        pthread_t thread = sync_thread("caller", open_gates, &scene);
        until_rest(scene.fibers, COUNT);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(scene.noted, 2 * COUNT);
        fibers_close(scene.fibers);
    }
}

static void read_byte(void *context, void *item)
{
    struct scene *scene = context;
    char byte = 0;
    assert_ptr_equal(item, &scene->sockets);
    scene->in_time[0] = fiber_wait_fd(scene->sockets[0], POLLIN, scene->deadline_ns);
    if (scene->in_time[0]) {
        assert_int_equal(read(scene->sockets[0], &byte, 1), 1);
        note(scene, (size_t)byte);
    }
}

static void a_descriptor_ends_a_wait(void **state)
{
    (void)state;
    struct scene scene = {.deadline_ns = clock_deadline(60000)};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, scene.sockets), 0);
    scene.fibers = fibers_open(1);
    fibers_start(scene.fibers, read_byte, &scene, &scene.sockets);
    fibers_turn(scene.fibers, false, 0);
    assert_int_equal(fibers_resting(scene.fibers), 0);
    assert_int_equal(write(scene.sockets[1], "a", 1), 1);
    until_rest(scene.fibers, 1);
    assert_int_equal(scene.order[0], 'a');
    scene.deadline_ns = clock_deadline(1);
    fibers_start(scene.fibers, read_byte, &scene, &scene.sockets);
    until_rest(scene.fibers, 1);
    assert_false(scene.in_time[0]);
    /* and without a fiber */
    assert_false(fiber_wait_fd(scene.sockets[0], POLLIN, clock_deadline(1)));
    assert_int_equal(write(scene.sockets[1], "b", 1), 1);
    assert_true(fiber_wait_fd(scene.sockets[0], POLLIN, INT64_MAX));
    (void)close(scene.sockets[1]);
    fibers_start(scene.fibers, read_byte, &scene, &scene.sockets);
    until_rest(scene.fibers, 1);
    assert_int_equal(scene.order[1], 'b');
    assert_true(fiber_wait_fd(scene.sockets[0], POLLIN, INT64_MAX)); /* a hang-up is news */
    (void)close(scene.sockets[0]);
    fibers_close(scene.fibers);
}

/* With fewer descriptors allowed than fibers wait for, poll(2) takes none. */
static void a_limit_too_low_for_poll(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit low = {.rlim_cur = 1, .rlim_max = before.rlim_max};
    struct scene scene = {.deadline_ns = clock_deadline(60000), .fibers = fibers_open(COUNT)};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, scene.sockets), 0);
    for (size_t i = 0; i < COUNT; i++) {
        fibers_start(scene.fibers, read_byte, &scene, &scene.sockets);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    fibers_turn(scene.fibers, true, clock_deadline(1));
    assert_int_equal(fibers_resting(scene.fibers), 0);
    assert_int_equal(write(scene.sockets[1], "abcd", COUNT), COUNT);
    until_rest(scene.fibers, COUNT);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(scene.noted, COUNT);
    (void)close(scene.sockets[0]);
    (void)close(scene.sockets[1]);
    fibers_close(scene.fibers);
}

static void *ring(void *arg)
{
    fibers_ring(arg);
    return NULL;
}

static void a_ring_ends_the_sleep(void **state)
{
    (void)state;
    struct fibers *fibers = fibers_open(1);
    fibers_ring(fibers);
    fibers_turn(fibers, true, INT64_MAX); /* before it began */
    for (size_t i = 0; i < 200; i++) {
        pthread_t thread = sync_thread("ringer", ring, fibers);
        fibers_turn(fibers, true, INT64_MAX);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    fibers_close(fibers);
}

/* Locals, and what is deep on the stack, are there after a wait. */
static size_t go_down(struct scene *scene, const struct part *part, size_t depth)
{
    volatile uint8_t filled[1024];
    for (size_t i = 0; i < sizeof(filled); i++) {
        filled[i] = (uint8_t)(part->number + depth);
    }
    size_t below = 0;
    if (depth > 0) {
        below = go_down(scene, part, depth - 1);
    } else {
        (void)sync_gate_wait(&scene->gates[part->number], scene->deadline_ns);
    }
    for (size_t i = 0; i < sizeof(filled); i++) {
        below += filled[i] == (uint8_t)(part->number + depth) ? 1 : 0;
    }
    return below;
}

static void dive(void *context, void *item)
{
    const struct part *part = item;
    assert_int_equal(go_down(context, part, 99), 100 * 1024);
}

static void stacks_are_their_own(void **state)
{
    (void)state;
    struct scene scene = {.deadline_ns = clock_deadline(60000), .fibers = fibers_open(COUNT)};
    struct part parts[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        parts[i] = (struct part){&scene, i};
        fibers_start(scene.fibers, dive, &scene, &parts[i]);
    }
    (void)open_gates(&scene);
    until_rest(scene.fibers, COUNT);
    fibers_close(scene.fibers);
}

static void wait_with_mutex(void *context, void *item)
{
    (void)item;
    sync_lock(context);
    (void)fiber_wait(clock_deadline(1));
}

static void nobody_waits_with_a_mutex(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(STDERR_FILENO); /* what assert says */
        pthread_mutex_t mutex;
        sync_init(&mutex, NULL);
        struct fibers *fibers = fibers_open(1);
        fibers_start(fibers, wait_with_mutex, &mutex, NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_take_turns),
        cmocka_unit_test(a_deadline_ends_a_wait),
        cmocka_unit_test(a_call_beside_the_deadline),
        cmocka_unit_test(other_threads_call),
        cmocka_unit_test(a_descriptor_ends_a_wait),
        cmocka_unit_test(a_limit_too_low_for_poll),
        cmocka_unit_test(a_ring_ends_the_sleep),
        cmocka_unit_test(stacks_are_their_own),
        cmocka_unit_test(nobody_waits_with_a_mutex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
