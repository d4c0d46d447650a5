/* The log whose files are taken away while it is open: nothing is acknowledged then, and it goes on
 * in a new file that says what is missing. */
#include "audit_fixture.h"

#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define FILE_MAX ((uint64_t)64 << 20)

static struct err write_one(struct audit *audit, const char *id)
{
    struct audit_record record = record_with_id(id);
    return audit_write(audit, &record);
}

static void write_until_ok(struct audit *audit, const char *id)
{
    int64_t deadline = clock_deadline(60000);
    while (write_one(audit, id).code != ERR_OK) {
        assert_true(clock_left_ms(deadline) > 0);
        (void)sched_yield();
    }
}

static char *log_file(const char *folder, uint64_t first)
{
    return mem_format("%s/audit-%012llu.jsonl", folder, (unsigned long long)first);
}

static bool holds(const struct buf *log, const char *text)
{
    return memmem(log->data, log->len, text, strlen(text)) != NULL;
}

/* --- ways to lose a file; each gets the folder and the file --- */

static void remove_file(const char *folder, const char *file)
{
    (void)folder;
    assert_int_equal(unlink(file), 0);
}

static void rename_file(const char *folder, const char *file)
{
    CLEANUP(mem_free_at) char *other = mem_format("%s/moved", folder);
    assert_int_equal(rename(file, other), 0);
}

static void replace_file(const char *folder, const char *file)
{
    (void)folder;
    assert_ok(file_write(file, span_text("somebody else's"), 0600));
}

static void copy_over_file(const char *folder, const char *file)
{
    (void)folder;
    CLEANUP(buf_clear) struct buf same = {0};
    assert_ok(file_read(file, &same));
    assert_ok(file_write(file, buf_span(&same), 0600));
}

static void put_link(const char *folder, const char *file)
{
    rename_file(folder, file);
    assert_int_equal(symlink("moved", file), 0);
}

static void empty_file(const char *folder, const char *file)
{
    (void)folder;
    assert_int_equal(truncate(file, 0), 0);
}

static void shorten_file(const char *folder, const char *file)
{
    (void)folder;
    assert_int_equal(truncate(file, 5), 0);
}

static void remove_folder(const char *folder, const char *file)
{
    (void)file;
    folder_empty(folder);
    assert_int_equal(rmdir(folder), 0);
}

static void replace_folder(const char *folder, const char *file)
{
    remove_folder(folder, file);
    assert_int_equal(mkdir(folder, 0700), 0);
}

typedef void lose(const char *folder, const char *file);

/* Two records stand; `take` happens; the next is refused, then it goes on with 3 in a new file. */
static void lose_and_go_on(const char *folder, uint64_t file_max, lose *take)
{
    struct audit *audit = open_log(folder, 0, file_max);
    assert_ok(write_one(audit, "one"));
    assert_ok(write_one(audit, "two"));
    CLEANUP(mem_free_at) char *file = log_file(folder, file_max == FILE_MAX ? 1 : 2);
    CLEANUP(mem_free_at) char *first = log_file(folder, 1);
    if (file_max != FILE_MAX) {
        assert_int_equal(unlink(first), 0); /* an old file; this is no loss of ours */
    }
    take(folder, file);
    assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
    struct audit_status status;
    audit_status(audit, &status);
    assert_int_equal(status.durable_seq, 2);
    write_until_ok(audit, "back");
    audit_close(audit);
    CLEANUP(buf_clear) struct buf log;
    read_log(folder, 3, &log);
    assert_true(check_lines(buf_span(&log), 3) >= 1);
    assert_true(holds(&log, "\"operation\":\"audit-resumed\""));
    assert_true(holds(&log, ",\"records_missing_to\":2}"));
    assert_false(holds(&log, "\"lost\""));
    CLEANUP(buf_clear) struct buf old = {0};
    if (file_read(file, &old).code == ERR_OK) { /* nor in what is left of the old one */
        assert_false(holds(&old, "\"lost\""));
    }
}

static lose *const ways[] = {remove_file, rename_file,  replace_file,  copy_over_file, put_link,
                             empty_file,  shorten_file, remove_folder, replace_folder};

static void whatever_is_lost_refuses_and_goes_on(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        CLEANUP(mem_free_at) char *folder = mem_format("%s/%zu", (char *)*state, i);
        lose_and_go_on(folder, FILE_MAX, ways[i]);
    }
}

/* A new file is due with the very batch that finds the old one gone. */
static void a_loss_is_seen_when_a_new_file_begins(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        CLEANUP(mem_free_at) char *folder = mem_format("%s/%zu", (char *)*state, i);
        lose_and_go_on(folder, 1, ways[i]);
    }
}

static void a_loss_during_the_sync_refuses_its_batch(void **state)
{
    struct audit *audit = open_log(*state, 0, FILE_MAX);
    assert_ok(write_one(audit, "one"));
    struct collector collector;
    collector_init(&collector);
    disk_set((struct fake_disk){.held = true});
    struct audit_record record = record_with_id("lost");
    audit_submit(audit, &record, collector_release, &collector);
    disk_await_sync();
    CLEANUP(mem_free_at) char *file = log_file(*state, 1);
    assert_int_equal(unlink(file), 0);
    disk_let_go();
    collector_await(&collector, 1);
    assert_int_equal(collector.last_code, ERR_AUDIT_UNAVAILABLE);
    audit_close(audit);
    collector_clear(&collector);
}

/* The folder is not made in a parent that is gone, as when its file system was taken off. */
static void without_the_parent_nothing_is_written(void **state)
{
    CLEANUP(mem_free_at) char *parent = mem_format("%s/parent", (char *)*state);
    CLEANUP(mem_free_at) char *moved = mem_format("%s/moved", (char *)*state);
    CLEANUP(mem_free_at) char *folder = mem_format("%s/audit", parent);
    struct audit *audit = open_log(folder, 0, FILE_MAX);
    assert_ok(write_one(audit, "one"));
    assert_int_equal(rename(parent, moved), 0);
    struct audit_status status = {0};
    int64_t deadline = clock_deadline(60000);
    while (status.failures < 4) {
        assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
        assert_true(clock_left_ms(deadline) > 0);
        audit_status(audit, &status);
        (void)sched_yield();
    }
    assert_int_equal(access(parent, F_OK), -1);
    assert_int_equal(rename(moved, parent), 0);
    write_until_ok(audit, "back");
    audit_close(audit);
    audit = open_log(folder, 0, FILE_MAX); /* and it can be opened again */
    assert_ok(write_one(audit, "later"));
    audit_close(audit);
}

/* The name of the next file is taken: it is never overwritten. */
static void a_file_in_the_way_is_left_alone(void **state)
{
    struct audit *audit = open_log(*state, 0, FILE_MAX);
    assert_ok(write_one(audit, "one"));
    CLEANUP(mem_free_at) char *file = log_file(*state, 1);
    CLEANUP(mem_free_at) char *next = log_file(*state, 2);
    assert_ok(file_write(next, span_text("theirs"), 0600));
    assert_int_equal(unlink(file), 0);
    struct audit_status status = {0};
    int64_t deadline = clock_deadline(60000);
    while (status.failures < 4) {
        assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
        assert_true(clock_left_ms(deadline) > 0);
        audit_status(audit, &status);
        (void)sched_yield();
    }
    CLEANUP(buf_clear) struct buf theirs = {0};
    assert_ok(file_read(next, &theirs));
    assert_true(span_is(buf_span(&theirs), "theirs"));
    assert_int_equal(unlink(next), 0);
    write_until_ok(audit, "back");
    audit_close(audit);
}

/* Somebody appended a line: the batch behind it is refused, both are cut, and it goes on. */
static void a_foreign_line_is_no_part_of_the_log(void **state)
{
    struct audit *audit = open_log(*state, 0, FILE_MAX);
    assert_ok(write_one(audit, "one"));
    CLEANUP(buf_clear) struct buf log;
    CLEANUP(mem_free_at) char *file = log_file(*state, 1);
    FILE *foreign = fopen(file, "ae");
    assert_non_null(foreign);
    assert_true(fputs("{\"seq\":2,\"foreign\":1}\n", foreign) >= 0);
    assert_int_equal(fclose(foreign), 0);
    assert_code(write_one(audit, "lost"), ERR_AUDIT_UNAVAILABLE);
    write_until_ok(audit, "back");
    audit_close(audit);
    read_log(*state, 1, &log);
    assert_true(check_lines(buf_span(&log), 1) >= 2);
    assert_false(holds(&log, "foreign"));
    assert_false(holds(&log, "records_missing_to"));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(whatever_is_lost_refuses_and_goes_on),
        WITH_FOLDER(a_loss_is_seen_when_a_new_file_begins),
        WITH_FOLDER(a_loss_during_the_sync_refuses_its_batch),
        WITH_FOLDER(without_the_parent_nothing_is_written),
        WITH_FOLDER(a_file_in_the_way_is_left_alone),
        WITH_FOLDER(a_foreign_line_is_no_part_of_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
