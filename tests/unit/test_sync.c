/* Mutexes, conditions with deadlines, threads. */
#include "base_test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sync.h"
#include "base/sync_gate.h"

struct shared {
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t changed;
    unsigned count;
    bool go;
    bool signals_blocked;
    char name[16];
};

static void *add_many(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < 10000; i++) {
        sync_lock(&shared->mutex);
        shared->count++;
        sync_unlock(&shared->mutex);
    }
    return NULL;
}

static void a_mutex_excludes(void **state)
{
    (void)state;
    struct shared shared = {0};
    pthread_t threads[4];
    sync_init(&shared.mutex, NULL);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        threads[i] = sync_thread("adder", add_many, &shared);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(shared.count, 40000);
    sync_destroy(&shared.mutex, NULL);
}

static void *wait_for_go(void *arg)
{
    struct shared *shared = arg;
    int64_t deadline = clock_deadline(60000);
    sync_lock(&shared->mutex);
    while (!shared->go && sync_wait(&shared->changed, &shared->mutex, deadline)) {
    }
    shared->count += shared->go;
    sync_unlock(&shared->mutex);
    return NULL;
}

static void waiters_wake(void **state)
{
    (void)state;
    struct shared shared = {0};
    pthread_t threads[3];
    sync_init(&shared.mutex, &shared.changed);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        threads[i] = sync_thread("waiter", wait_for_go, &shared);
    }
    sync_lock(&shared.mutex);
    shared.go = true;
    sync_wake_all(&shared.changed);
    sync_wake_one(&shared.changed);
    sync_unlock(&shared.mutex);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(shared.count, 3);
    sync_destroy(&shared.mutex, &shared.changed);
}

static void a_passed_deadline_ends_the_wait(void **state)
{
    (void)state;
    struct shared shared = {0};
    sync_init(&shared.mutex, &shared.changed);
    sync_lock(&shared.mutex);
    assert_false(sync_wait(&shared.changed, &shared.mutex, 0));
    assert_false(sync_wait(&shared.changed, &shared.mutex, -5));
    assert_false(sync_wait(&shared.changed, &shared.mutex, clock_mono_ns() - 1));
    int64_t deadline = clock_deadline(10);
    while (sync_wait(&shared.changed, &shared.mutex, deadline)) {
    }
    assert_true(clock_mono_ns() >= deadline); /* the monotonic clock it is */
    sync_unlock(&shared.mutex);
    sync_destroy(&shared.mutex, &shared.changed);
}

static void *look_around(void *arg)
{
    struct shared *shared = arg;
    sigset_t blocked;
    sync_lock(&shared->mutex);
    while (!shared->go && sync_wait(&shared->changed, &shared->mutex, clock_deadline(60000))) {
    }
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    shared->signals_blocked =
        sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGHUP) == 1;
    (void)pthread_getname_np(pthread_self(), shared->name, sizeof(shared->name));
    sync_unlock(&shared->mutex);
    return NULL;
}

static void a_thread_has_a_name_and_no_signals(void **state)
{
    (void)state;
    struct shared shared = {0};
    sync_init(&shared.mutex, &shared.changed);
    pthread_t thread = sync_thread("a-name-too-long-for-linux", look_around, &shared);
    sync_lock(&shared.mutex);
    shared.go = true;
    sync_wake_all(&shared.changed);
    sync_unlock(&shared.mutex);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(shared.signals_blocked);
    assert_string_equal(shared.name, "a-name-too-long");
    sigset_t ours;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &ours), 0);
    assert_int_equal(sigismember(&ours, SIGTERM), 0);
    sync_destroy(&shared.mutex, &shared.changed);
}

static void lock_twice_in_a_child(void)
{
    struct rlimit none = {0};
    pthread_mutex_t mutex;
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGABRT, SIG_DFL);
    (void)close(STDERR_FILENO);
    sync_init(&mutex, NULL);
    sync_lock(&mutex);
    sync_lock(&mutex);
    _exit(0);
}

static void misuse_stops_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        lock_twice_in_a_child();
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void *open_gate(void *arg)
{
    sync_gate_open(arg);
    return NULL;
}

static void a_gate_lets_through_once_open(void **state)
{
    (void)state;
    struct sync_gate open = {0};
    sync_gate_open(&open);
    assert_true(sync_gate_wait(&open, 0)); /* even at a deadline that has passed */
    for (size_t i = 0; i < 200; i++) {
        struct sync_gate gate = {0};
        pthread_t thread = sync_thread("opener", open_gate, &gate);
        assert_true(sync_gate_wait(&gate, clock_deadline(60000)));
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

static void a_gate_that_stays_shut(void **state)
{
    (void)state;
    struct sync_gate gate = {0};
    assert_false(sync_gate_wait(&gate, clock_deadline(1)));
    assert_false(sync_gate_wait(&gate, 0));
    sync_gate_open(&gate);
    assert_true(sync_gate_wait(&gate, clock_deadline(1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gate_lets_through_once_open),
        cmocka_unit_test(a_gate_that_stays_shut),
        cmocka_unit_test(a_mutex_excludes),
        cmocka_unit_test(waiters_wake),
        cmocka_unit_test(a_passed_deadline_ends_the_wait),
        cmocka_unit_test(a_thread_has_a_name_and_no_signals),
        cmocka_unit_test(misuse_stops_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
