/* Two folders: both needed or any of them, failing in turn or together, filled up again, and never
 * mixed when they differ. */
#include "audit_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_names.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/file.h"

struct pair {
    char *folder;
    char *first;
    char *second;
};

static int pair_setup(void **state)
{
    struct pair *pair = mem_alloc(sizeof(*pair));
    void *folder = NULL;
    assert_int_equal(folder_setup(&folder), 0);
    pair->folder = folder;
    pair->first = mem_format("%s/first", pair->folder);
    pair->second = mem_format("%s/second", pair->folder);
    *state = pair;
    return 0;
}

static int pair_teardown(void **state)
{
    struct pair *pair = *state;
    void *folder = pair->folder;
    mem_free(pair->first);
    mem_free(pair->second);
    mem_free(pair);
    return folder_teardown(&folder);
}

static struct audit_config config_of(const struct pair *pair, enum audit_need need)
{
    return (struct audit_config){
        .folder = pair->first, .second_folder = pair->second, .need = need, .file_max = 3000};
}

static struct audit *open_pair(const struct pair *pair, enum audit_need need)
{
    struct audit_config config = config_of(pair, need);
    struct audit *audit = NULL;
    assert_ok(audit_open_with(&config, disk_fake(), &audit));
    return audit;
}

static struct audit *open_single(const char *folder)
{
    return open_log(folder, 0, 3000);
}

static struct err write_one(struct audit *audit, const char *id)
{
    struct audit_record record = record_with_id(id);
    return audit_write(audit, &record);
}

static void write_some(struct audit *audit, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_ok(write_one(audit, "some"));
    }
}

static void write_until_ok(struct audit *audit)
{
    int64_t deadline = clock_deadline(60000);
    while (write_one(audit, "back").code != ERR_OK) {
        assert_true(clock_left_ms(deadline) > 0);
        (void)sched_yield();
    }
}

/* Waits until both folders have all. */
static void await_step(struct audit *audit)
{
    struct audit_status status = {0};
    int64_t deadline = clock_deadline(60000);
    while (!status.first_writable || !status.second_writable ||
           status.first_durable_seq != status.second_durable_seq) {
        assert_true(clock_left_ms(deadline) > 0);
        (void)sched_yield();
        audit_status(audit, &status);
    }
}

static void assert_intact(const char *folder, uint64_t records)
{
    struct audit_verify what = {.folder = folder};
    struct audit_finding found;
    assert_ok(audit_verify(&what, &found));
    if (found.verdict != AUDIT_INTACT || (records > 0 && found.records != records)) {
        fail_msg("%s: %s, %lu records: %s", folder, audit_verdict_name(found.verdict),
                 (unsigned long)found.records, found.detail);
    }
}

/* The same files with the same bytes. */
static void assert_alike(const struct pair *pair)
{
    CLEANUP(fd_close) int first = open(pair->first, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(fd_close) int second = open(pair->second, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(log_names_clear) struct log_names names = {0};
    CLEANUP(log_names_clear) struct log_names others = {0};
    assert_ok(log_names_list(first, &names));
    assert_ok(log_names_list(second, &others));
    assert_int_equal(names.count, others.count);
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(buf_clear) struct buf ours;
        CLEANUP(buf_clear) struct buf theirs;
        read_log(pair->first, names.firsts[i], &ours);
        read_log(pair->second, names.firsts[i], &theirs);
        assert_true(span_equal(buf_span(&ours), buf_span(&theirs)));
    }
    assert_intact(pair->first, 0);
    assert_intact(pair->second, 0);
}

static void both_get_every_record(void **state)
{
    for (unsigned need = AUDIT_NEED_ALL; need <= AUDIT_NEED_ANY; need++) {
        struct audit *audit = open_pair(*state, (enum audit_need)need);
        write_some(audit, 60);
        struct audit_status status;
        audit_status(audit, &status);
        assert_true(status.has_second && status.second_writable);
        assert_int_equal(status.second_durable_seq, status.durable_seq);
        audit_close(audit);
        assert_alike(*state);
    }
}

/* Faults meet the folders in the order of their calls: write and sync of the first, then the
 * second. */
static void with_all_a_fault_in_one_refuses(void **state)
{
    static const struct fake_disk cases[] = {
        {.write_faults = 1, .write_errno = ENOSPC},      {.sync_faults = 1},
        {.second_write_faults = 1, .write_errno = EIO},  {.second_sync_faults = 1},
        {.second_sync_faults = 2, .truncate_faults = 3},
    };
    struct audit *audit = open_pair(*state, AUDIT_NEED_ALL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_until_ok(audit);
        disk_set(cases[i]);
        assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
        write_until_ok(audit);
        struct audit_status status;
        audit_status(audit, &status);
        assert_int_equal(status.first_durable_seq, status.second_durable_seq);
    }
    audit_close(audit);
    assert_alike(*state);
    const struct pair *pair = *state;
    CLEANUP(buf_clear) struct buf log;
    read_log(pair->second, 1, &log);
    assert_null(memmem(log.data, log.len, "\"lost\"", 6));
}

static void with_any_one_is_enough(void **state)
{
    static const struct fake_disk cases[] = {
        {.write_faults = 1, .write_errno = ENOSPC},
        {.second_write_faults = 1, .write_errno = EIO},
        {.second_sync_faults = 1},
        {.sync_faults = 1},
    };
    struct audit *audit = open_pair(*state, AUDIT_NEED_ANY);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_some(audit, 5);
        disk_set(cases[i]);
        write_some(audit, 30); /* over a file's end */
        struct audit_status status;
        audit_status(audit, &status);
        assert_int_equal(status.failures, 0);
        assert_int_equal(status.durable_seq, (i + 1) * 35);
        assert_true(status.first_failures + status.second_failures > i);
        CLEANUP(buf_clear) struct buf lines = {0};
        uint64_t last = 0;
        assert_ok(audit_read(audit, status.durable_seq - 1, 5, &lines, &last));
        assert_int_equal(last, status.durable_seq);
        await_step(audit);
    }
    disk_set((struct fake_disk){.write_faults = 1, .second_write_faults = 1, .write_errno = EIO});
    assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
    write_until_ok(audit);
    await_step(audit);
    audit_close(audit);
    assert_alike(*state);
}

static void a_folder_that_is_emptied_is_filled_again(void **state)
{
    const struct pair *pair = *state;
    for (unsigned need = AUDIT_NEED_ALL; need <= AUDIT_NEED_ANY; need++) {
        struct audit *audit = open_pair(pair, (enum audit_need)need);
        write_some(audit, 50);
        folder_empty(pair->second);
        assert_int_equal(rmdir(pair->second), 0);
        write_until_ok(audit);
        await_step(audit);
        write_some(audit, 10);
        audit_close(audit);
        assert_alike(pair);
    }
}

static void at_start_the_shorter_one_is_filled(void **state)
{
    const struct pair *pair = *state;
    struct audit *audit = open_pair(pair, AUDIT_NEED_ALL);
    write_some(audit, 20);
    audit_close(audit);
    const char *alone[] = {pair->first, pair->second};
    for (size_t i = 0; i < ARRAY_LEN(alone); i++) {
        audit = open_single(alone[i]);
        write_some(audit, 40);
        audit_close(audit);
        audit_close(open_pair(pair, AUDIT_NEED_ANY));
        assert_alike(pair);
        assert_intact(pair->second, 20 + 40 * (i + 1));
    }
    folder_empty(pair->first); /* a new disk */
    audit_close(open_pair(pair, AUDIT_NEED_ALL));
    assert_alike(pair);
}

/* The second folder is given later, when old files have been moved away. */
static void an_empty_one_begins_where_the_other_does(void **state)
{
    const struct pair *pair = *state;
    struct audit *audit = open_single(pair->first);
    write_some(audit, 60);
    audit_close(audit);
    CLEANUP(mem_free_at) char *lines = mem_format("%s/audit-000000000001.jsonl", pair->first);
    CLEANUP(mem_free_at) char *leaves = mem_format("%s/audit-000000000001.leaves", pair->first);
    assert_int_equal(unlink(lines), 0);
    assert_int_equal(unlink(leaves), 0);
    audit = open_pair(pair, AUDIT_NEED_ALL);
    write_some(audit, 1);
    struct audit_status status;
    audit_status(audit, &status);
    assert_int_equal(status.second_durable_seq, 61);
    audit_close(audit);
    CLEANUP(mem_free_at) char *none = mem_format("%s/audit-000000000001.jsonl", pair->second);
    assert_int_equal(access(none, F_OK), -1);
}

static void folders_that_differ_are_refused(void **state)
{
    const struct pair *pair = *state;
    struct audit *audit = open_single(pair->first);
    write_some(audit, 5);
    audit_close(audit);
    audit = open_single(pair->second);
    assert_ok(write_one(audit, "another"));
    write_some(audit, 7);
    audit_close(audit);
    struct audit_config config = config_of(pair, AUDIT_NEED_ANY);
    struct err err = audit_open(&config, &audit);
    assert_code(err, ERR_CORRUPT);
    assert_non_null(strstr(err.detail, pair->first));
    assert_non_null(strstr(err.detail, pair->second));
    config.second_folder = pair->first;
    assert_code(audit_open(&config, &audit), ERR_CONFLICT);
    config.second_folder = "/proc/none";
    assert_code(audit_open(&config, &audit), ERR_IO);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(both_get_every_record),
        WITH_PAIR(with_all_a_fault_in_one_refuses),
        WITH_PAIR(with_any_one_is_enough),
        WITH_PAIR(a_folder_that_is_emptied_is_filled_again),
        WITH_PAIR(at_start_the_shorter_one_is_filled),
        WITH_PAIR(an_empty_one_begins_where_the_other_does),
        WITH_PAIR(folders_that_differ_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
