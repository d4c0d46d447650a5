/* What opening does with leaves and checkpoints: makes leaves that are missing, goes on with the
 * same tree over files, days and restarts, stores checkpoints, and refuses a log that does not fit.
 */
#include "audit_fixture.h"
#include "audit_signer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/history.h"
#include "audit/log_names.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/file.h"

#define RECORDS 40

static struct signer signer;

static struct err write_one(struct audit *audit, int64_t time)
{
    struct audit_record record = record_with_id("some");
    record.time = time > 0 ? time : record.time;
    return audit_write(audit, &record);
}

static void write_some(struct audit *audit, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_ok(write_one(audit, 0));
    }
}

static void sign(struct audit *audit)
{
    struct tree_head head;
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(buf_clear) struct buf key = {0};
    audit_head(audit, &head);
    signer_note(&signer, &head, &note);
    assert_ok(checkpoint_key_text(&signer.as, &key));
    assert_ok(audit_put_checkpoint(audit, buf_span(&note), buf_span(&key)));
}

static struct audit_finding look(const char *folder)
{
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    struct audit_finding found;
    signer_verifier(&signer, &verifier);
    struct audit_verify what = {.folder = folder, .verifier = &verifier};
    assert_ok(audit_verify(&what, &found));
    return found;
}

static void assert_intact(const char *folder, uint64_t records)
{
    struct audit_finding found = look(folder);
    if (found.verdict != AUDIT_INTACT || found.records != records) {
        fail_msg("%s, %lu records: %s", audit_verdict_name(found.verdict),
                 (unsigned long)found.records, found.detail);
    }
}

static char *file_in(const char *folder, uint64_t first, const char *ending)
{
    char name[LOG_NAME_MAX];
    log_names_beside(first, ending, name);
    return mem_format("%s/%s", folder, name);
}

static struct err try_open(const char *folder)
{
    struct audit_config config = {.folder = folder};
    struct audit *audit = NULL;
    struct err err = audit_open(&config, &audit);
    audit_close(audit);
    return err;
}

static void the_tree_goes_on_over_files_and_restarts(void **state)
{
    struct tree_head before = {0};
    for (size_t round = 0; round < 4; round++) {
        struct audit *audit = open_log(*state, 0, 1000); /* some records each file */
        struct tree_head head;
        audit_head(audit, &head);
        assert_int_equal(head.size, before.size);
        assert_true(round == 0 || tree_hash_equal(&head.root, &before.root));
        write_some(audit, 10);
        audit_head(audit, &before);
        assert_int_equal(before.size, head.size + 10);
        if (round != 2) {
            sign(audit);
        }
        audit_close(audit);
        assert_intact(*state, before.size);
    }
    struct audit_finding found = look(*state);
    assert_true(found.has_checkpoint && found.checkpoint_signed);
    assert_true(tree_hash_equal(&found.head.root, &before.root));
}

static void leaves_that_are_missing_are_made(void **state)
{
    struct audit *audit = open_log(*state, 0, 1000);
    write_some(audit, RECORDS);
    sign(audit);
    audit_close(audit);
    CLEANUP(log_names_clear) struct log_names names = {0};
    CLEANUP(fd_close) int folder = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(log_names_list(folder, &names));
    assert_true(names.count > 3);
    CLEANUP(mem_free_at) char *newest = file_in(*state, names.firsts[names.count - 1], LOG_LEAVES);
    struct stat whole;
    assert_int_equal(stat(newest, &whole), 0);
    for (off_t len = whole.st_size; len >= 0; len -= 7) { /* torn at odd places */
        assert_int_equal(truncate(newest, len - len % TREE_HASH_LEN), 0);
        assert_int_equal(truncate(newest, whole.st_size), 0); /* zeros, as after a crash */
        assert_ok(try_open(*state));
        assert_int_equal(truncate(newest, len), 0);
        assert_ok(try_open(*state));
        assert_intact(*state, RECORDS);
    }
    for (size_t i = 0; i < names.count; i++) { /* a folder of a version without leaves */
        CLEANUP(mem_free_at) char *leaves = file_in(*state, names.firsts[i], LOG_LEAVES);
        assert_int_equal(unlink(leaves), 0);
    }
    CLEANUP(mem_free_at) char *checkpoint = mem_format("%s/" HISTORY_NEWEST, (char *)*state);
    CLEANUP(mem_free_at) char *aside = mem_format("%s/aside", (char *)*state);
    assert_int_equal(rename(checkpoint, aside), 0);
    assert_ok(try_open(*state));
    assert_int_equal(rename(aside, checkpoint), 0);
    assert_intact(*state, RECORDS);
    struct audit_finding found = look(*state);
    assert_null(strstr(found.detail, "leaf"));
}

static void older_files_may_be_moved_away(void **state)
{
    struct audit *audit = open_log(*state, 0, 1000);
    write_some(audit, RECORDS);
    sign(audit);
    audit_close(audit);
    CLEANUP(mem_free_at) char *lines = file_in(*state, 1, "jsonl");
    CLEANUP(mem_free_at) char *leaves = file_in(*state, 1, LOG_LEAVES);
    assert_int_equal(unlink(lines), 0);
    assert_int_equal(unlink(leaves), 0);
    audit = open_log(*state, 0, 1000);
    write_some(audit, 5);
    sign(audit);
    audit_close(audit);
    struct audit_finding found = look(*state);
    assert_int_equal(found.verdict, AUDIT_CHANGED);
    assert_int_equal(found.seq, 1);
    assert_non_null(strstr(found.detail, "what follows fits the checkpoint"));
}

static void a_file_a_day(void **state)
{
    int64_t noon = INT64_C(1767355200000);
    int64_t day = INT64_C(86400000);
    struct audit_config config = {.folder = *state, .daily = true};
    static const int days[] = {0, 0, 1, 0, 1, 3};
    for (size_t i = 0; i < ARRAY_LEN(days); i++) { /* also over restarts */
        struct audit *audit = NULL;
        assert_ok(audit_open(&config, &audit));
        assert_ok(write_one(audit, noon + days[i] * day));
        audit_close(audit);
    }
    CLEANUP(log_names_clear) struct log_names names = {0};
    CLEANUP(fd_close) int folder = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(log_names_list(folder, &names));
    assert_int_equal(names.count, 3);
    assert_int_equal(names.firsts[1], 3);
    assert_int_equal(names.firsts[2], 6);
    assert_int_equal(look(*state).verdict, AUDIT_INTACT);
}

/* Another letter, so that text stays text. */
static void spoil(const char *path, size_t at)
{
    CLEANUP(buf_clear) struct buf bytes = {0};
    assert_ok(file_read(path, &bytes));
    bytes.data[at] = bytes.data[at] == 'A' ? 'B' : 'A';
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_ok(fd_write_all(fd, buf_span(&bytes)));
}

/* What was done to a log of two files and its checkpoint, and what the refusal says. */
static void what_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *ending; /* of the newest file; or a file by itself */
        size_t at;
        const char *says;
    } cases[] = {
        {"jsonl", 60, "record 2 of the audit log was changed, or its leaf"},
        {LOG_LEAVES, 35, "record 2 of the audit log was changed, or its leaf"},
        {LOG_LEAVES, 5, "contradicts its checkpoint of 3 records"},
        {HISTORY_NEWEST, 20, "contradicts its checkpoint of 3 records"},
        {LOG_LEAVES, 6, "begin with the tree"}, /* without the checkpoint */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_free_at) char *folder = mem_format("%s/%zu", (char *)*state, i);
        struct audit *audit = open_log(folder, 0, 1);
        write_some(audit, 1);
        audit_close(audit);
        audit = open_log(folder, 0, 200); /* record 2 begins a file, 3 another */
        write_some(audit, 1);
        audit_close(audit);
        audit = open_log(folder, 0, 100000);
        write_some(audit, 1);
        if (cases[i].at != 6) {
            sign(audit);
        }
        audit_close(audit);
        CLEANUP(mem_free_at) char *beside = file_in(folder, 2, cases[i].ending);
        CLEANUP(mem_free_at) char *single = mem_format("%s/%s", folder, cases[i].ending);
        spoil(access(single, F_OK) == 0 ? single : beside, cases[i].at);
        struct err err = try_open(folder);
        assert_code_of(cases[i].ending, err, ERR_CORRUPT);
        if (strstr(err.detail, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].ending, err.detail);
        }
    }
}

static void what_is_missing_is_refused(void **state)
{
    struct audit *audit = open_log(*state, 0, 100000);
    write_some(audit, 3);
    sign(audit);
    audit_close(audit);
    CLEANUP(mem_free_at) char *lines = file_in(*state, 1, "jsonl");
    CLEANUP(mem_free_at) char *leaves = file_in(*state, 1, LOG_LEAVES);
    CLEANUP(buf_clear) struct buf bytes = {0};
    assert_ok(file_read(lines, &bytes));
    size_t two =
        (size_t)((uint8_t *)memchr(bytes.data + bytes.len / 2, '\n', bytes.len / 2) - bytes.data) +
        1;
    assert_int_equal(truncate(lines, (off_t)two + 20), 0); /* looks torn, but has a leaf */
    struct err err = try_open(*state);
    assert_code(err, ERR_CORRUPT);
    assert_non_null(strstr(err.detail, "record 3 of the audit log was whole"));
    assert_int_equal(truncate(lines, (off_t)two), 0);
    err = try_open(*state);
    assert_code(err, ERR_CORRUPT);
    assert_non_null(strstr(err.detail, "records from 3 on are missing"));
    assert_int_equal(truncate(leaves, 64), 0);
    err = try_open(*state);
    assert_code(err, ERR_CORRUPT);
    assert_non_null(strstr(err.detail, "ends with record 2, its checkpoint with 3"));
    CLEANUP(mem_free_at) char *checkpoint = mem_format("%s/" HISTORY_NEWEST, (char *)*state);
    assert_int_equal(unlink(checkpoint), 0); /* the way out that it names */
    assert_ok(try_open(*state));
    assert_ok(file_write(checkpoint, span_text("?"), 0600));
    assert_code(try_open(*state), ERR_CORRUPT);
}

static void checkpoints_are_kept_and_given_back(void **state)
{
    struct audit *audit = open_log(*state, 0, 100000);
    CLEANUP(buf_clear) struct buf note = {0};
    CLEANUP(buf_clear) struct buf text = {0};
    struct heads heads = {0};
    assert_code(audit_get_checkpoint(audit, &note), ERR_NOT_FOUND);
    assert_code(audit_put_checkpoint(audit, span_text("?"), span_text("key")), ERR_CORRUPT);
    sign(audit); /* over nothing yet */
    write_some(audit, 2);
    sign(audit); /* within the minute: not into the history */
    assert_ok(audit_get_checkpoint(audit, &note));
    CLEANUP(fd_close) int folder = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(history_read(folder, 1, NULL, &heads));
    assert_int_equal(heads.count, 1);
    assert_int_equal(heads.all[0].size, 0);
    heads_clear(&heads);
    CLEANUP(mem_free_at) char *key = mem_format("%s/" HISTORY_KEY, (char *)*state);
    assert_ok(file_read(key, &text));
    CLEANUP(checkpoint_verifier_clear) struct checkpoint_verifier verifier = {0};
    struct tree_head head;
    assert_ok(checkpoint_verifier_read(buf_span(&text), &verifier));
    assert_ok(checkpoint_open(buf_span(&note), &verifier, &head));
    assert_int_equal(head.size, 2);
    CLEANUP(mem_free_at) char *moved = mem_format("%s.moved", (char *)*state);
    assert_int_equal(rename(*state, moved), 0);
    assert_code(audit_put_checkpoint(audit, buf_span(&note), buf_span(&text)), ERR_IO);
    assert_int_equal(rename(moved, *state), 0);
    audit_close(audit);
}

static void *wake(void *audit)
{
    audit_wake(audit);
    return NULL;
}

static void waiting_for_the_head(void **state)
{
    struct audit *audit = open_log(*state, 0, 100000);
    struct tree_head head;
    write_some(audit, 2);
    assert_true(audit_wait_head(audit, 2, clock_deadline(60000), &head));
    assert_int_equal(head.size, 2);
    assert_false(audit_wait_head(audit, 3, clock_deadline(1), &head));
    pthread_t thread = sync_thread("wake", wake, audit);
    assert_false(audit_wait_head(audit, 3, clock_deadline(60000), &head));
    assert_int_equal(pthread_join(thread, NULL), 0);
    struct collector collector;
    collector_init(&collector);
    disk_set((struct fake_disk){.held = true});
    struct audit_record record = record_with_id("late");
    audit_submit(audit, &record, collector_release, &collector);
    disk_await_sync();
    struct audit_status status = {0};
    int64_t deadline = clock_deadline(60000);
    while (status.oldest_waiting_ms < 3 && clock_left_ms(deadline) > 0) {
        audit_status(audit, &status);
    }
    assert_true(status.oldest_waiting_ms >= 3);
    disk_let_go();
    assert_true(audit_wait_head(audit, 3, clock_deadline(60000), &head));
    collector_await(&collector, 1);
    audit_status(audit, &status);
    assert_int_equal(status.oldest_waiting_ms, 0);
    audit_close(audit);
    collector_clear(&collector);
}

static int make_signer(void **state)
{
    (void)state;
    signer_make(&signer, "example.com/log", "P-256");
    return 0;
}

static int clear_signer(void **state)
{
    (void)state;
    signer_clear(&signer);
    return 0;
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(the_tree_goes_on_over_files_and_restarts),
        WITH_FOLDER(leaves_that_are_missing_are_made),
        WITH_FOLDER(older_files_may_be_moved_away),
        WITH_FOLDER(a_file_a_day),
        WITH_FOLDER(what_does_not_fit_is_refused),
        WITH_FOLDER(what_is_missing_is_refused),
        WITH_FOLDER(checkpoints_are_kept_and_given_back),
        WITH_FOLDER(waiting_for_the_head),
    };
    return cmocka_run_group_tests(tests, make_signer, clear_signer);
}
