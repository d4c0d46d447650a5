/* Reading the log back: any place, any limit, over several files, never beyond what is durable. */
#include "audit_fixture.h"

#include <stdio.h>
#include <unistd.h>

#define RECORDS 8000

static void fill(struct audit *audit, size_t count)
{
    struct collector collector;
    collector_init(&collector);
    struct audit_record record = record_with_id("filler-that-makes-the-line-a-good-deal-longer");
    for (size_t i = 0; i < count; i++) {
        audit_submit(audit, &record, collector_release, &collector);
        if (i % 100 == 0) {
            collector_await(&collector, i + 1);
        }
    }
    collector_await(&collector, count);
    assert_int_equal(collector.ok, count);
    collector_clear(&collector);
}

static void check_read(struct audit *audit, uint64_t after, size_t limit, size_t expected)
{
    CLEANUP(buf_clear) struct buf out = {0};
    uint64_t last = 0;
    assert_ok(audit_read(audit, after, limit, &out, &last));
    assert_int_equal(check_lines(buf_span(&out), after + 1), expected);
    assert_int_equal(last, after + expected);
}

static void check_places(struct audit *audit)
{
    for (uint64_t after = 0; after < RECORDS; after += 397) {
        check_read(audit, after, 10, RECORDS - after < 10 ? RECORDS - after : 10);
    }
    for (uint64_t after = RECORDS / 2 - 60; after < RECORDS / 2 + 60; after++) {
        check_read(audit, after, 1, 1); /* around the first halving */
    }
    check_read(audit, 0, SIZE_MAX, RECORDS);
    check_read(audit, RECORDS - 1, 10, 1);
    check_read(audit, RECORDS, 10, 0);
    check_read(audit, 0, 0, 0);
}

static void every_place_of_one_file(void **state)
{
    struct audit *audit = open_log(*state, 0, 1 << 30);
    fill(audit, RECORDS);
    check_places(audit);
    audit_close(audit);
    audit = open_log(*state, 0, 1 << 30);
    check_places(audit);
    audit_close(audit);
}

static void every_place_of_many_files(void **state)
{
    struct audit *audit = open_log(*state, 0, 30000);
    fill(audit, RECORDS);
    check_places(audit);
    audit_close(audit);
    audit = open_log(*state, 0, 30000);
    check_places(audit);
    audit_close(audit);
}

static void far_behind_the_end_is_empty(void **state)
{
    struct audit *audit = open_log(*state, 0, 1 << 20);
    fill(audit, 3);
    CLEANUP(buf_clear) struct buf out = {0};
    uint64_t last = 0;
    assert_ok(audit_read(audit, UINT64_MAX, 10, &out, &last));
    assert_int_equal(out.len, 0);
    assert_int_equal(last, UINT64_MAX);
    audit_close(audit);
}

static void a_full_buffer_ends_the_page(void **state)
{
    struct audit *audit = open_log(*state, 0, 1 << 20);
    fill(audit, 100);
    CLEANUP(buf_clear) struct buf out;
    buf_init(&out, 1000);
    uint64_t last = 0;
    assert_ok(audit_read(audit, 5, 100, &out, &last));
    assert_true(last > 5 && last < 100);
    assert_int_equal(check_lines(buf_span(&out), 6), last - 5);
    audit_close(audit);
}

static void files_moved_away_are_passed_over(void **state)
{
    struct audit *audit = open_log(*state, 0, 1); /* one batch, one file */
    struct audit_record record = record_with_id("a");
    for (int i = 0; i < 4; i++) {
        assert_ok(audit_write(audit, &record));
    }
    CLEANUP(mem_free_at) char *first = mem_format("%s/audit-000000000001.jsonl", (char *)*state);
    assert_int_equal(unlink(first), 0);
    CLEANUP(buf_clear) struct buf out = {0};
    uint64_t last = 0;
    assert_ok(audit_read(audit, 0, 10, &out, &last));
    assert_int_equal(last, 4);
    assert_int_equal(check_lines(buf_span(&out), 2), 3);
    audit_close(audit);
}

static void what_is_not_durable_is_not_given(void **state)
{
    struct audit *audit = open_log(*state, 0, 1 << 20);
    fill(audit, 2);
    struct collector collector;
    collector_init(&collector);
    struct audit_record record = record_with_id("a");
    disk_set((struct fake_disk){.held = true});
    audit_submit(audit, &record, collector_release, &collector);
    disk_await_sync();
    CLEANUP(buf_clear) struct buf log;
    read_log(*state, 1, &log);
    assert_int_equal(check_lines(buf_span(&log), 1), 3); /* it is in the file already */
    check_read(audit, 0, 10, 2);
    disk_let_go();
    collector_await(&collector, 1);
    check_read(audit, 0, 10, 3);
    audit_close(audit);
    collector_clear(&collector);
}

static void a_damaged_line_is_reported(void **state)
{
    struct audit *audit = open_log(*state, 0, 1 << 20);
    fill(audit, 5);
    CLEANUP(mem_free_at) char *path = mem_format("%s/audit-000000000001.jsonl", (char *)*state);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fputc('x', file), 'x');
    assert_int_equal(fclose(file), 0);
    CLEANUP(buf_clear) struct buf out = {0};
    uint64_t last = 0;
    assert_code(audit_read(audit, 0, 10, &out, &last), ERR_CORRUPT);
    audit_close(audit);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(every_place_of_one_file),
        WITH_FOLDER(every_place_of_many_files),
        WITH_FOLDER(far_behind_the_end_is_empty),
        WITH_FOLDER(a_full_buffer_ends_the_page),
        WITH_FOLDER(files_moved_away_are_passed_over),
        WITH_FOLDER(what_is_not_durable_is_not_given),
        WITH_FOLDER(a_damaged_line_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
