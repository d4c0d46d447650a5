/* The writer when the disk is well: order, batches, many threads, a full queue, closing. */
#include "audit_fixture.h"

#include "audit/record.h"

#define FILE_MAX ((uint64_t)64 << 20)

static void submit_many(struct audit *audit, struct collector *collector, size_t count)
{
    struct audit_record record = record_with_id("many");
    for (size_t i = 0; i < count; i++) {
        audit_submit(audit, &record, collector_release, collector);
    }
}

static void records_come_out_in_order(void **state)
{
    struct audit *audit = open_log(*state, 5000, FILE_MAX);
    struct collector collector;
    collector_init(&collector);
    submit_many(audit, &collector, 3000);
    collector_await(&collector, 3000);
    assert_int_equal(collector.ok, 3000);
    assert_true(collector.in_order);
    assert_int_equal(collector.last_seq, 3000);
    audit_close(audit);
    collector_clear(&collector);
    CLEANUP(buf_clear) struct buf log;
    read_log(*state, 1, &log);
    assert_int_equal(check_lines(buf_span(&log), 1), 3000);
}

/* While one sync runs the others gather, and share the next one. */
static void what_waits_shares_one_sync(void **state)
{
    struct audit *audit = open_log(*state, 1000, FILE_MAX);
    struct collector collector;
    collector_init(&collector);
    disk_set((struct fake_disk){.held = true});
    submit_many(audit, &collector, 1);
    disk_await_sync();
    submit_many(audit, &collector, 500);
    struct audit_status status;
    audit_status(audit, &status);
    assert_int_equal(status.waiting, 501);
    assert_int_equal(status.durable_seq, 0);
    assert_int_equal(collector.count, 0); /* nothing leaves before its sync */
    disk_let_go();
    collector_await(&collector, 501);
    audit_status(audit, &status);
    assert_int_equal(status.syncs, 2);
    assert_int_equal(status.durable_seq, 501);
    assert_int_equal(status.next_seq, 502);
    assert_true(status.writable);
    audit_close(audit);
    collector_clear(&collector);
}

/* Such a log waits for what is announced until it is there. */
static struct audit *open_patient(const char *folder)
{
    struct audit *audit = open_log(folder, 1000, FILE_MAX);
    audit->gather_ns = INT64_C(3600000000000);
    return audit;
}

static void submit_announced(struct audit *audit, struct collector *collector)
{
    struct audit_record record = record_with_id("announced");
    record.announced = true;
    audit_submit(audit, &record, collector_release, collector);
}

static void what_is_announced_shares_one_sync(void **state)
{
    struct audit *audit = open_patient(*state);
    struct collector collector;
    struct audit_status status;
    collector_init(&collector);
    for (unsigned i = 0; i < 3; i++) {
        audit_announce(audit);
    }
    submit_announced(audit, &collector);
    submit_many(audit, &collector, 1); /* this one was not announced, and waits with it */
    submit_announced(audit, &collector);
    assert_int_equal(collector.count, 0);
    submit_announced(audit, &collector);
    collector_await(&collector, 4);
    audit_status(audit, &status);
    assert_int_equal(status.syncs, 1);
    submit_many(audit, &collector, 1); /* nothing is announced any more */
    collector_await(&collector, 5);
    audit_close(audit);
    collector_clear(&collector);
}

static void nobody_waits_for_what_was_withdrawn(void **state)
{
    struct audit *audit = open_patient(*state);
    struct collector collector;
    collector_init(&collector);
    audit_announce(audit);
    audit_announce(audit);
    submit_announced(audit, &collector);
    assert_int_equal(collector.count, 0);
    audit_withdraw(audit);
    collector_await(&collector, 1);
    audit_announce(audit);
    audit_announce(audit);
    submit_announced(audit, &collector);
    audit_close(audit); /* nor at the end */
    collector_await(&collector, 2);
    collector_clear(&collector);
}

static void a_record_waits_for_others_a_moment_only(void **state)
{
    struct audit *audit = open_log(*state, 1000, FILE_MAX);
    struct collector collector;
    collector_init(&collector);
    audit_announce(audit); /* and never comes */
    submit_many(audit, &collector, 1);
    collector_await(&collector, 1);
    audit_close(audit);
    collector_clear(&collector);
}

static void a_full_queue_refuses_at_once(void **state)
{
    struct audit *audit = open_log(*state, 3, FILE_MAX);
    struct collector collector;
    collector_init(&collector);
    disk_set((struct fake_disk){.held = true});
    submit_many(audit, &collector, 1);
    disk_await_sync();
    submit_many(audit, &collector, 2);
    assert_int_equal(collector.count, 0);
    submit_many(audit, &collector, 2);
    assert_int_equal(collector.count, 2);
    assert_int_equal(collector.last_code, ERR_AUDIT_UNAVAILABLE);
    disk_let_go();
    collector_await(&collector, 5);
    assert_int_equal(collector.ok, 3);
    audit_close(audit);
    collector_clear(&collector);
    CLEANUP(buf_clear) struct buf log;
    read_log(*state, 1, &log);
    assert_int_equal(check_lines(buf_span(&log), 1), 3);
}

static void a_record_that_is_none_is_refused(void **state)
{
    struct audit *audit = open_log(*state, 3, FILE_MAX);
    struct audit_record record = record_with_id("bad");
    record.detail = span_text("{\n}");
    assert_code(audit_write(audit, &record), ERR_AUDIT_UNAVAILABLE);
    record.detail = span_text("{}");
    assert_ok(audit_write(audit, &record));
    audit_close(audit);
    CLEANUP(buf_clear) struct buf log;
    read_log(*state, 1, &log);
    assert_int_equal(check_lines(buf_span(&log), 1), 1);
}

struct load {
    struct audit *audit;
    struct collector *collector;
};

static void *submit_and_write(void *arg)
{
    const struct load *load = arg;
    struct audit_record record = record_with_id("load");
    for (size_t i = 0; i < 50; i++) {
        submit_many(load->audit, load->collector, 20);
        struct err err = audit_write(load->audit, &record);
        collector_release(load->collector, &err, 0);
    }
    return NULL;
}

static void many_threads_leave_a_whole_log(void **state)
{
    struct audit *audit = open_log(*state, 10000, FILE_MAX);
    struct collector collector;
    collector_init(&collector);
    struct load load = {.audit = audit, .collector = &collector};
    pthread_t threads[8];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        threads[i] = sync_thread("load", submit_and_write, &load);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    size_t total = ARRAY_LEN(threads) * 50 * 21;
    collector_await(&collector, total);
    assert_int_equal(collector.ok, total);
    audit_close(audit);
    collector_clear(&collector);
    CLEANUP(buf_clear) struct buf log;
    read_log(*state, 1, &log);
    assert_int_equal(check_lines(buf_span(&log), 1), total);
}

static void *let_go(void *arg)
{
    (void)arg;
    disk_let_go();
    return NULL;
}

static void closing_writes_what_waits(void **state)
{
    struct audit *audit = open_log(*state, 1000, FILE_MAX);
    struct collector collector;
    collector_init(&collector);
    disk_set((struct fake_disk){.held = true});
    submit_many(audit, &collector, 1);
    disk_await_sync();
    submit_many(audit, &collector, 200);
    pthread_t thread = sync_thread("let-go", let_go, NULL);
    audit_close(audit);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(collector.count, 201);
    assert_int_equal(collector.ok, 201);
    collector_clear(&collector);
    CLEANUP(buf_clear) struct buf log;
    read_log(*state, 1, &log);
    assert_int_equal(check_lines(buf_span(&log), 1), 201);
}

/* More waits than one write takes. */
static void a_long_queue_is_written_in_parts(void **state)
{
    struct audit *audit = open_log(*state, 1000, FILE_MAX);
    struct collector collector;
    collector_init(&collector);
    char text[7000];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = 'a';
    }
    text[0] = '"';
    text[sizeof(text) - 1] = '"';
    struct audit_record record = record_with_id("long");
    record.detail = span_of(text, sizeof(text));
    disk_set((struct fake_disk){.held = true});
    submit_many(audit, &collector, 1);
    disk_await_sync();
    for (size_t i = 0; i < 300; i++) {
        audit_submit(audit, &record, collector_release, &collector);
    }
    disk_let_go();
    collector_await(&collector, 301);
    assert_int_equal(collector.ok, 301);
    assert_true(collector.in_order);
    struct audit_status status;
    audit_status(audit, &status);
    assert_true(status.syncs > 2);
    audit_close(audit);
    collector_clear(&collector);
    CLEANUP(buf_clear) struct buf log;
    read_log(*state, 1, &log);
    assert_int_equal(check_lines(buf_span(&log), 1), 301);
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    audit_close(NULL);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(what_is_announced_shares_one_sync),
        WITH_FOLDER(nobody_waits_for_what_was_withdrawn),
        WITH_FOLDER(a_record_waits_for_others_a_moment_only),
        WITH_FOLDER(records_come_out_in_order),
        WITH_FOLDER(what_waits_shares_one_sync),
        WITH_FOLDER(a_full_queue_refuses_at_once),
        WITH_FOLDER(a_record_that_is_none_is_refused),
        WITH_FOLDER(many_threads_leave_a_whole_log),
        WITH_FOLDER(closing_writes_what_waits),
        WITH_FOLDER(a_long_queue_is_written_in_parts),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
