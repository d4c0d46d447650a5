/* The writer when the disk fails: nothing is acknowledged that is not there, nothing is there that
 * was refused, and it recovers by itself. */
#include "audit_fixture.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "audit/verify.h"
#include "base/clock.h"

#define FILE_MAX ((uint64_t)64 << 20)

static struct err write_one(struct audit *audit, const char *id)
{
    struct audit_record record = record_with_id(id);
    return audit_write(audit, &record);
}

/* Tries until the log takes a record again. */
static void write_until_ok(struct audit *audit, const char *id)
{
    int64_t deadline = clock_deadline(60000);
    while (write_one(audit, id).code != ERR_OK) {
        assert_true(clock_left_ms(deadline) > 0);
        (void)sched_yield();
    }
}

static bool holds(const struct buf *log, const char *text)
{
    return memmem(log->data, log->len, text, strlen(text)) != NULL;
}

/* `lost` was refused, `back` came after it. */
static void check_recovered(const char *folder, uint64_t first)
{
    CLEANUP(buf_clear) struct buf log;
    read_log(folder, first, &log);
    assert_true(check_lines(buf_span(&log), first) >= 2);
    assert_false(holds(&log, "\"lost\""));
    assert_true(holds(&log, "\"back\""));
    assert_true(holds(&log, "\"operation\":\"audit-resumed\",\"outcome\":\"ok\",\"detail\":"
                            "{\"batches_refused\":"));
}

/* With every leaf. */
static void check_intact(const char *folder)
{
    struct audit_verify what = {.folder = folder};
    struct audit_finding found;
    assert_ok(audit_verify(&what, &found));
    assert_int_equal(found.verdict, AUDIT_INTACT);
    assert_null(strstr(found.detail, "leaf yet"));
    assert_null(strstr(found.detail, "not there"));
}

static void every_fault_refuses_and_heals(void **state)
{
    static const struct fake_disk cases[] = {
        {.write_faults = 1, .write_errno = ENOSPC},
        {.write_faults = 1, .write_errno = EIO},
        {.sync_faults = 1},
        {.sync_faults = 2},                       /* while mending, too */
        {.sync_faults = 1, .truncate_faults = 2}, /* cannot be cut */
        {.sync_faults = 1, .open_faults = 2},     /* nor opened again */
        {.write_faults = 3, .write_errno = EDQUOT, .truncate_faults = 1},
        {.write_faults = 1, .write_errno = ENOSPC, .leaf_write_faults = 2},
    };
    struct audit *audit = open_log(*state, 0, FILE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_until_ok(audit, "before");
        disk_set(cases[i]);
        assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
        struct audit_status status;
        audit_status(audit, &status);
        assert_true(status.failures > i);
        write_until_ok(audit, "back");
        audit_status(audit, &status);
        assert_true(status.writable);
        assert_int_equal(status.waiting, 0);
    }
    disk_set((struct fake_disk){0});
    write_until_ok(audit, "back");
    audit_close(audit);
    check_recovered(*state, 1);
    check_intact(*state);
}

/* The record stands then, and so its reply leaves; the next batch waits for the leaf. */
static void a_leaf_that_cannot_be_written_is_made_again(void **state)
{
    struct audit *audit = open_log(*state, 0, FILE_MAX);
    assert_ok(write_one(audit, "before"));
    disk_set((struct fake_disk){.leaf_write_faults = 2, .write_errno = ENOSPC});
    assert_ok(write_one(audit, "kept"));
    assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
    write_until_ok(audit, "back");
    audit_close(audit);
    check_recovered(*state, 1);
    check_intact(*state);
}

static void while_it_fails_submits_are_refused_at_once(void **state)
{
    struct audit *audit = open_log(*state, 0, FILE_MAX);
    disk_set((struct fake_disk){.write_faults = 1 << 30, .write_errno = ENOSPC});
    assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
    struct audit_status status;
    audit_status(audit, &status);
    assert_false(status.writable);
    for (size_t i = 0; i < 1000; i++) {
        assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
    }
    audit_status(audit, &status);
    assert_true(status.failures < 900); /* far from each of them met the disk */
    disk_set((struct fake_disk){0});
    write_until_ok(audit, "back");
    audit_close(audit);
    check_recovered(*state, 1);
    check_intact(*state);
}

/* No traffic, as when a load balancer has turned away: the thread itself tries. */
static void it_heals_without_traffic(void **state)
{
    struct audit *audit = open_log(*state, 0, FILE_MAX);
    disk_set((struct fake_disk){.write_faults = 1, .write_errno = ENOSPC});
    assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
    struct audit_status status = {0};
    int64_t deadline = clock_deadline(60000);
    while (!status.writable && clock_left_ms(deadline) > 0) {
        (void)sched_yield();
        audit_status(audit, &status);
    }
    assert_true(status.writable);
    assert_int_equal(status.durable_seq, 1);
    assert_ok(write_one(audit, "back"));
    audit_close(audit);
    check_recovered(*state, 1);
    check_intact(*state);
}

/* What gathered behind a batch that fails is refused with it. */
static void what_waits_fails_with_the_batch(void **state)
{
    struct audit *audit = open_log(*state, 0, FILE_MAX);
    struct collector collector;
    collector_init(&collector);
    struct audit_record record = record_with_id("lost");
    disk_set((struct fake_disk){.held = true, .sync_faults = 1 << 30});
    for (size_t i = 0; i < 50; i++) {
        audit_submit(audit, &record, collector_release, &collector);
    }
    disk_await_sync();
    for (size_t i = 0; i < 50; i++) {
        audit_submit(audit, &record, collector_release, &collector);
    }
    disk_let_go();
    collector_await(&collector, 100);
    assert_int_equal(collector.ok, 0);
    assert_int_equal(collector.last_code, ERR_AUDIT_UNAVAILABLE);
    disk_set((struct fake_disk){0});
    write_until_ok(audit, "back");
    audit_close(audit);
    collector_clear(&collector);
    check_recovered(*state, 1);
    check_intact(*state);
}

static void a_new_file_that_cannot_be_made_is_tried_again(void **state)
{
    struct audit *audit = open_log(*state, 0, 1); /* every batch begins a file */
    assert_ok(write_one(audit, "first"));
    disk_set((struct fake_disk){.open_faults = 1});
    assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
    write_until_ok(audit, "back");
    audit_close(audit);
    check_recovered(*state, 2);
}

/* The kernel's own short write: the file may grow by some bytes only. */
static void a_file_size_limit_refuses_and_heals(void **state)
{
    struct audit_config config = {.folder = *state};
    struct audit *audit = NULL;
    assert_ok(audit_open(&config, &audit));
    assert_ok(write_one(audit, "before"));
    struct rlimit old;
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit tight = {.rlim_cur = 170, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    struct err err = write_one(audit, "lost");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_code(err, ERR_AUDIT_UNAVAILABLE);
    write_until_ok(audit, "back");
    audit_close(audit);
    check_recovered(*state, 1);
    check_intact(*state);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(every_fault_refuses_and_heals),
        WITH_FOLDER(a_leaf_that_cannot_be_written_is_made_again),
        WITH_FOLDER(while_it_fails_submits_are_refused_at_once),
        WITH_FOLDER(it_heals_without_traffic),
        WITH_FOLDER(what_waits_fails_with_the_batch),
        WITH_FOLDER(a_new_file_that_cannot_be_made_is_tried_again),
        WITH_FOLDER(a_file_size_limit_refuses_and_heals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
