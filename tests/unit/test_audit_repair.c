/* What opening makes of a log folder: fresh, whole, torn at every byte, damaged, locked. */
#include "audit_fixture.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

#define LINE_1 "{\"seq\":1,\"time\":\"x\"}\n"
#define LINE_2 "{\"seq\":2,\"time\":\"x\"}\n"
#define LINE_3 "{\"seq\":3,\"time\":\"x\"}\n"

/* Opens the folder; ERR_OK, and what it says, when the log then takes a record. */
static enum err_code try_folder(const char *folder, uint64_t *out_durable)
{
    struct audit_config config = {.folder = folder};
    struct audit *audit = NULL;
    struct err err = audit_open(&config, &audit);
    if (err.code != ERR_OK) {
        assert_null(audit);
        return err.code;
    }
    struct audit_status status;
    audit_status(audit, &status);
    *out_durable = status.durable_seq;
    struct audit_record record = record_with_id("next");
    assert_ok(audit_write(audit, &record));
    audit_close(audit);
    return ERR_OK;
}

static void a_fresh_folder_is_made_private(void **state)
{
    CLEANUP(mem_free_at) char *folder = mem_format("%s/a/audit", (char *)*state);
    uint64_t durable = 99;
    assert_int_equal(try_folder(folder, &durable), ERR_OK);
    assert_int_equal(durable, 0);
    struct stat status;
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    CLEANUP(mem_free_at) char *file = mem_format("%s/audit-000000000001.jsonl", folder);
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void a_torn_record_is_cut_at_every_byte(void **state)
{
    static const char whole[] = LINE_1 LINE_2 LINE_3;
    size_t kept = strlen(LINE_1 LINE_2);
    for (size_t len = kept; len <= strlen(whole); len++) {
        write_log(*state, 1, span_of(whole, len));
        uint64_t durable = 0;
        assert_int_equal(try_folder(*state, &durable), ERR_OK);
        uint64_t expected = len == strlen(whole) ? 3 : 2;
        assert_int_equal(durable, expected);
        CLEANUP(buf_clear) struct buf log;
        read_log(*state, 1, &log);
        assert_int_equal(check_lines(buf_span(&log), 1), expected + 1);
    }
}

static void what_a_crash_leaves_and_what_it_does_not(void **state)
{
    static const char hole[] = LINE_1 "\0\0\0\0\0\0\n" LINE_3;
    static const char zeros[] = LINE_1 "\0\0\0\0";
    static const char torn[] = LINE_1 "{\"seq\":2,\"ti\0\0\0\n\0\0";
    static const char swallowed[] = LINE_1 "\0\0\0" LINE_3;
    static const char inside[] = LINE_1 "{\"seq\":2,\"ti\0\0\"}\n" LINE_3;
    static const char joined[] = LINE_1 "{\"seq\":2,\"ti\0\0" LINE_3;
    static const struct {
        const char *label;
        struct span bytes;
        enum err_code code;
        uint64_t durable;
    } cases[] = {
        {"empty", {NULL, 0}, ERR_OK, 0},
        {"zeros at the end", {(const uint8_t *)zeros, sizeof(zeros) - 1}, ERR_OK, 1},
        {"a hole before a line", {(const uint8_t *)hole, sizeof(hole) - 1}, ERR_CORRUPT, 0},
        {"a hole up to a record",
         {(const uint8_t *)swallowed, sizeof(swallowed) - 1},
         ERR_CORRUPT,
         0},
        {"a hole in a line", {(const uint8_t *)inside, sizeof(inside) - 1}, ERR_CORRUPT, 0},
        {"a hole over a line's end", {(const uint8_t *)joined, sizeof(joined) - 1}, ERR_CORRUPT, 0},
        {"torn, then zeros", {(const uint8_t *)torn, sizeof(torn) - 1}, ERR_OK, 1},
        {"only a torn line", {(const uint8_t *)LINE_1, 8}, ERR_OK, 0},
        {"damage at the end", {(const uint8_t *)LINE_1 "xxxx\n", 24}, ERR_OK, 1},
        {"damage in the middle",
         {(const uint8_t *)LINE_1 "xxxx\n" LINE_3, sizeof(LINE_1 LINE_3) + 4},
         ERR_CORRUPT,
         0},
        {"a gap", {(const uint8_t *)LINE_1 LINE_3, sizeof(LINE_1 LINE_3) - 1}, ERR_CORRUPT, 0},
        {"not its first", {(const uint8_t *)LINE_2, sizeof(LINE_2) - 1}, ERR_CORRUPT, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_log(*state, 1, cases[i].bytes);
        uint64_t durable = 0;
        enum err_code code = try_folder(*state, &durable);
        if (code != cases[i].code || durable != cases[i].durable) {
            fail_msg("%s: %s, durable %lu", cases[i].label, err_word(code), (unsigned long)durable);
        }
        if (code != ERR_OK) { /* nothing is cut then */
            CLEANUP(buf_clear) struct buf log;
            read_log(*state, 1, &log);
            assert_true(span_equal(buf_span(&log), cases[i].bytes));
        }
    }
}

/* Longer than the reader's window: the records behind it must be seen all the same. */
static void a_long_hole_before_a_record_is_damage(void **state)
{
    CLEANUP(buf_clear) struct buf log;
    buf_init(&log, (size_t)2 << 20);
    assert_ok(buf_append_text(&log, LINE_1));
    uint8_t *hole = NULL;
    assert_ok(buf_extend(&log, 1000003, &hole));
    memset(hole, 0, 1000003);
    size_t torn_len = log.len;
    assert_ok(buf_append_text(&log, LINE_3));
    write_log(*state, 1, buf_span(&log));
    struct audit_config config = {.folder = *state};
    struct audit *audit = NULL;
    struct err err = audit_open(&config, &audit);
    assert_code(err, ERR_CORRUPT);
    assert_non_null(strstr(err.detail, "audit-000000000001.jsonl is damaged at byte 21 "));
    assert_non_null(strstr(err.detail, "truncate -s 21)"));
    write_log(*state, 1, span_of(log.data, torn_len));
    uint64_t durable = 0;
    assert_int_equal(try_folder(*state, &durable), ERR_OK);
    assert_int_equal(durable, 1);
}

static void what_is_cut_is_kept_aside(void **state)
{
    static const char torn[] = "{\"seq\":3,\"ti\0\0";
    CLEANUP(buf_clear) struct buf log = {0};
    assert_ok(buf_append_text(&log, LINE_1 LINE_2));
    assert_ok(buf_append(&log, span_of(torn, sizeof(torn))));
    CLEANUP(mem_free_at) char *path = mem_format("%s/torn-000000000003.bin", (char *)*state);
    for (size_t round = 1; round <= 2; round++) { /* what was kept before stays */
        write_log(*state, 1, buf_span(&log));
        uint64_t durable = 0;
        assert_int_equal(try_folder(*state, &durable), ERR_OK);
        assert_int_equal(durable, 2);
        CLEANUP(buf_clear) struct buf kept = {0};
        assert_ok(file_read(path, &kept));
        assert_int_equal(kept.len, round * sizeof(torn));
        assert_memory_equal(kept.data + kept.len - sizeof(torn), torn, sizeof(torn));
    }
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void what_cannot_be_kept_is_not_cut(void **state)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/torn-000000000002.bin", (char *)*state);
    assert_ok(file_make_folder(path, 0700));
    write_log(*state, 1, span_text(LINE_1 "{\"seq"));
    uint64_t durable = 0;
    assert_int_equal(try_folder(*state, &durable), ERR_IO);
    CLEANUP(buf_clear) struct buf log;
    read_log(*state, 1, &log);
    assert_true(span_is(buf_span(&log), LINE_1 "{\"seq"));
}

static void the_sequence_goes_on_in_the_newest_file(void **state)
{
    write_log(*state, 1, span_text(LINE_1));
    write_log(*state, 2, span_text(LINE_2 LINE_3));
    CLEANUP(mem_free_at) char *other = mem_format("%s/audit-3.jsonl", (char *)*state);
    assert_ok(file_write(other, span_text("not ours"), 0600));
    uint64_t durable = 0;
    assert_int_equal(try_folder(*state, &durable), ERR_OK);
    assert_int_equal(durable, 3);
    CLEANUP(buf_clear) struct buf log;
    read_log(*state, 2, &log);
    assert_int_equal(check_lines(buf_span(&log), 2), 3);
}

static void a_second_opener_is_refused(void **state)
{
    struct audit *first = open_log(*state, 0, 1 << 20);
    uint64_t durable = 0;
    assert_int_equal(try_folder(*state, &durable), ERR_CONFLICT);
    struct audit_record record = record_with_id("still");
    assert_ok(audit_write(first, &record));
    audit_close(first);
    assert_int_equal(try_folder(*state, &durable), ERR_OK);
    assert_int_equal(durable, 1);
}

static void a_folder_that_is_a_file_is_refused(void **state)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/file", (char *)*state);
    assert_ok(file_write(path, span_text("x"), 0600));
    uint64_t durable = 0;
    assert_int_equal(try_folder(path, &durable), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_fresh_folder_is_made_private, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_torn_record_is_cut_at_every_byte, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(what_a_crash_leaves_and_what_it_does_not, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_long_hole_before_a_record_is_damage, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(what_is_cut_is_kept_aside, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_kept_is_not_cut, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(the_sequence_goes_on_in_the_newest_file, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_second_opener_is_refused, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_a_file_is_refused, folder_setup,
                                        folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
