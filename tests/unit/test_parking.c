/* Parking over socket pairs: who comes back when, and that stopping lets everyone go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sync.h"
#include "gateway/parking.h"

#define MANY 200

/* Stands for the library's connection. */
struct guest {
    struct parking_place place;
    pthread_mutex_t mutex; /* guards the counts */
    pthread_cond_t changed;
    unsigned suspended;
    unsigned resumed;
    int ours;
    int theirs;
};

static void on_suspend(void *who)
{
    struct guest *guest = who;
    sync_lock(&guest->mutex);
    assert_int_equal(guest->suspended, guest->resumed);
    guest->suspended++;
    sync_unlock(&guest->mutex);
}

static void on_resume(void *who)
{
    struct guest *guest = who;
    sync_lock(&guest->mutex);
    guest->resumed++;
    assert_int_equal(guest->suspended, guest->resumed);
    sync_wake_all(&guest->changed);
    sync_unlock(&guest->mutex);
}

static void guest_open(struct guest *guest)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    *guest = (struct guest){.ours = pair[0], .theirs = pair[1]};
    guest->place.fd = pair[0];
    guest->place.who = guest;
    sync_init(&guest->mutex, &guest->changed);
}

static void guest_close(struct guest *guest)
{
    fd_close(&guest->ours);
    fd_close(&guest->theirs);
    sync_destroy(&guest->mutex, &guest->changed);
}

static unsigned resumed(struct guest *guest)
{
    sync_lock(&guest->mutex);
    unsigned count = guest->resumed;
    sync_unlock(&guest->mutex);
    return count;
}

static void wait_resumed(struct guest *guest, unsigned count)
{
    int64_t until = clock_deadline(20000);
    sync_lock(&guest->mutex);
    while (guest->resumed < count) {
        assert_true(sync_wait(&guest->changed, &guest->mutex, until));
    }
    assert_int_equal(guest->resumed, count);
    sync_unlock(&guest->mutex);
}

static void test_data_and_end_resume(void **state)
{
    (void)state;
    struct parking *parking = parking_open(on_suspend, on_resume);
    struct guest guest;
    guest_open(&guest);
    for (unsigned round = 1; round <= 3; round++) {
        parking_wait_readable(parking, &guest.place);
        assert_int_equal(resumed(&guest), round - 1);
        assert_int_equal(write(guest.theirs, "x", 1), 1);
        wait_resumed(&guest, round);
        char byte = 0;
        assert_int_equal(read(guest.ours, &byte, 1), 1);
    }
    parking_wait_readable(parking, &guest.place);
    fd_close(&guest.theirs);
    wait_resumed(&guest, 4);
    parking_close(parking);
    guest_close(&guest);
}

/* What a deadline does: it has no other way to reach a suspended connection. */
static void test_shutdown_resumes(void **state)
{
    (void)state;
    struct parking *parking = parking_open(on_suspend, on_resume);
    struct guest guest;
    guest_open(&guest);
    parking_wait_readable(parking, &guest.place);
    assert_int_equal(shutdown(guest.ours, SHUT_RDWR), 0);
    wait_resumed(&guest, 1);
    parking_close(parking);
    guest_close(&guest);
}

static void test_room_resumes_writers(void **state)
{
    (void)state;
    static const char block[4096];
    struct parking *parking = parking_open(on_suspend, on_resume);
    struct guest guest;
    guest_open(&guest);
    while (write(guest.ours, block, sizeof(block)) > 0) {
    }
    parking_wait_writable(parking, &guest.place);
    char room[4096];
    while (read(guest.theirs, room, sizeof(room)) > 0) {
    }
    wait_resumed(&guest, 1);
    parking_close(parking);
    guest_close(&guest);
}

static void test_stop_lets_everyone_go(void **state)
{
    (void)state;
    struct parking *parking = parking_open(on_suspend, on_resume);
    CLEANUP(mem_free_at) struct guest *guests = mem_array(MANY, sizeof(*guests));
    for (size_t i = 0; i < MANY; i++) {
        guest_open(&guests[i]);
        parking_wait_readable(parking, &guests[i].place);
    }
    assert_int_equal(write(guests[0].theirs, "x", 1), 1);
    parking_stop(parking);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(guests[i].resumed, 1);
        parking_wait_readable(parking, &guests[i].place); /* too late: not suspended any more */
        assert_int_equal(guests[i].suspended, 1);
        guest_close(&guests[i]);
    }
    parking_close(parking);
    parking_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_and_end_resume),
        cmocka_unit_test(test_shutdown_resumes),
        cmocka_unit_test(test_room_resumes_writers),
        cmocka_unit_test(test_stop_lets_everyone_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
