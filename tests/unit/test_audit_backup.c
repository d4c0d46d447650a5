/* A copy of the log while it grows: it opens as a log, its head is the one that was told, and it
 * goes on from there. */
#include "audit_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/sync.h"

#define COPY "%s/copy"

static void fill(struct audit *audit, struct collector *collector, size_t records)
{
    struct audit_record record = record_with_id("filler-that-makes-the-line-a-good-deal-longer");
    for (size_t i = 0; i < records; i++) {
        audit_submit(audit, &record, collector_release, collector);
    }
}

static bool go_on(void *arg, uint64_t done, uint64_t total)
{
    uint64_t *most = arg;
    *most = done;
    return total > 0;
}

static void copy(struct audit *audit, const char *folder, struct tree_head *out)
{
    uint64_t most = 0;
    assert_ok(audit_backup(audit, folder, go_on, &most, out));
    assert_true(most > 0 || out->size == 0);
}

static void check_copy(const char *folder, const struct tree_head *expected, uint64_t file_max)
{
    struct tree_head head;
    struct collector collector;
    struct audit *audit = open_log(folder, 0, file_max);
    audit_head(audit, &head);
    assert_int_equal(head.size, expected->size);
    assert_memory_equal(&head.root, &expected->root, sizeof(head.root));
    collector_init(&collector);
    fill(audit, &collector, 1);
    collector_await(&collector, 1);
    assert_int_equal(collector.last_seq, expected->size + 1);
    collector_clear(&collector);
    audit_close(audit);
    folder_empty(folder);
}

static void copies_any_number_of_files(void **state)
{
    static const uint64_t sizes[] = {1 << 30, 30000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(mem_free_at) char *folder = mem_format(COPY, (const char *)*state);
        struct tree_head head, now;
        struct collector collector;
        collector_init(&collector);
        struct audit *audit = open_log(*state, 0, sizes[i]);
        fill(audit, &collector, 2000);
        collector_await(&collector, 2000);
        copy(audit, folder, &head);
        audit_head(audit, &now);
        assert_int_equal(head.size, 2000);
        assert_memory_equal(&head.root, &now.root, sizeof(now.root));
        audit_close(audit);
        collector_clear(&collector);
        check_copy(folder, &head, sizes[i]);
        (void)remove(folder);
        folder_empty(*state);
    }
}

struct growth {
    struct audit *audit;
    struct collector collector;
    _Atomic bool stop;
    size_t submitted;
};

static void *grow(void *arg)
{
    struct growth *growth = arg;
    while (!growth->stop) {
        fill(growth->audit, &growth->collector, 50);
        growth->submitted += 50;
        collector_await(&growth->collector, growth->submitted);
    }
    return NULL;
}

static void copies_while_it_grows(void **state)
{
    CLEANUP(mem_free_at) char *folder = mem_format(COPY, (const char *)*state);
    struct growth growth = {.audit = open_log(*state, 0, 60000)};
    collector_init(&growth.collector);
    pthread_t thread = sync_thread("grow", grow, &growth);
    struct tree_head heads[8];
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        CLEANUP(mem_free_at) char *one = mem_format(COPY "%zu", (const char *)*state, i);
        copy(growth.audit, one, &heads[i]);
        assert_true(i == 0 || heads[i].size >= heads[i - 1].size);
    }
    growth.stop = true;
    (void)pthread_join(thread, NULL);
    audit_close(growth.audit);
    collector_clear(&growth.collector);
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        CLEANUP(mem_free_at) char *one = mem_format(COPY "%zu", (const char *)*state, i);
        check_copy(one, &heads[i], 60000);
        (void)remove(one);
    }
}

static bool stop_now(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    (void)done;
    (void)total;
    return false;
}

static void says_what_went_wrong(void **state)
{
    CLEANUP(mem_free_at) char *folder = mem_format(COPY, (const char *)*state);
    struct tree_head head;
    struct collector collector;
    uint64_t most = 0;
    collector_init(&collector);
    struct audit *audit = open_log(*state, 0, 1 << 30);
    fill(audit, &collector, 10);
    collector_await(&collector, 10);
    assert_code(audit_backup(audit, folder, stop_now, NULL, &head), ERR_DEADLINE);
    /* what is there is not written over */
    assert_code(audit_backup(audit, folder, go_on, &most, &head), ERR_IO);
    assert_code(audit_backup(audit, "/proc/nowhere/copy", go_on, &most, &head), ERR_IO);
    folder_empty(folder);
    (void)remove(folder);
    audit_close(audit);
    collector_clear(&collector);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(copies_any_number_of_files),
        CASE(copies_while_it_grows),
        CASE(says_what_went_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
