/* Files and descriptors in a temporary folder. */
#include "base_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char folder[] = "/tmp/hsmgate-test-file-XXXXXX";

static char *path_of(const char *name)
{
    return mem_format("%s/%s", folder, name);
}

static unsigned count_entries(void)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    unsigned count = 0;
    while (readdir(dir) != NULL) {
        count++;
    }
    assert_int_equal(closedir(dir), 0);
    return count - 2;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *path = path_of("whole");
    CLEANUP(buf_clear) struct buf out = {0};
    unsigned before = count_entries();
    assert_ok(file_write(path, span_text("first"), 0600));
    assert_ok(file_write(path, span_of("second\0!", 8), 0640));
    assert_ok(file_read(path, &out));
    assert_true(span_equal(buf_span(&out), span_of("second\0!", 8)));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(count_entries(), before + 1);
    buf_reset(&out);
    assert_ok(file_write(path, (struct span){0}, 0600));
    assert_ok(file_read(path, &out));
    assert_int_equal(out.len, 0);
    assert_int_equal(unlink(path), 0);
}

static void the_maximum_holds_to_the_byte(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *path = path_of("long");
    CLEANUP(mem_free_at) uint8_t *bytes = mem_alloc(100000);
    memset(bytes, 7, 100000);
    assert_ok(file_write(path, span_of(bytes, 100000), 0600));
    CLEANUP(buf_clear) struct buf exact = {.max = 100000};
    assert_ok(file_read(path, &exact));
    assert_true(span_equal(buf_span(&exact), span_of(bytes, 100000)));
    CLEANUP(buf_clear) struct buf small = {.max = 99999};
    assert_ok(buf_append_text(&small, "kept"));
    assert_code(file_read(path, &small), ERR_TOO_LARGE);
    assert_span_is(buf_span(&small), "kept");
    assert_int_equal(unlink(path), 0);
}

static void failures_have_their_codes(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *missing = path_of("missing");
    CLEANUP(mem_free_at) char *inside = path_of("missing/file");
    CLEANUP(buf_clear) struct buf out = {0};
    unsigned before = count_entries();
    assert_code(file_read(missing, &out), ERR_NOT_FOUND);
    assert_code(file_read(folder, &out), ERR_IO);
    assert_code(file_write(inside, span_text("x"), 0600), ERR_IO);
    CLEANUP(mem_free_at) char *taken = path_of("taken");
    assert_int_equal(mkdir(taken, 0700), 0);
    assert_code(file_write(taken, span_text("x"), 0600), ERR_IO); /* rename onto a folder */
    assert_int_equal(rmdir(taken), 0);
    assert_code(file_sync_folder_of(inside), ERR_IO);
    assert_ok(file_sync_folder_of(missing)); /* it was removed: that lasts */
    assert_ok(file_sync_folder(folder));
    assert_int_equal(count_entries(), before);
    struct err err = file_read(missing, &out);
    assert_null(strstr(err.detail, folder));
}

static void folders_are_made_with_parents(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *deep = path_of("a/b/c");
    CLEANUP(mem_free_at) char *slash = path_of("a/b/d/");
    assert_ok(file_make_folder(deep, 0700));
    assert_ok(file_make_folder(deep, 0700));
    assert_ok(file_make_folder(slash, 0700));
    struct stat status;
    assert_int_equal(stat(deep, &status), 0);
    assert_true(S_ISDIR(status.st_mode));
    assert_int_equal(status.st_mode & 07777, 0700);
    CLEANUP(mem_free_at) char *file = path_of("a/file");
    CLEANUP(mem_free_at) char *under = path_of("a/file/x");
    assert_ok(file_write(file, span_text("x"), 0600));
    assert_code(file_make_folder(file, 0700), ERR_IO);
    assert_code(file_make_folder(under, 0700), ERR_IO);
}

static void descriptors_read_and_write_all(void **state)
{
    (void)state;
    int ends[2];
    char bytes[8] = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_ok(fd_write_all(ends[1], span_text("12345678ab")));
    assert_ok(fd_read_exact(ends[0], bytes, 8));
    assert_memory_equal(bytes, "12345678", 8);
    fd_close(&ends[1]);
    assert_int_equal(ends[1], -1);
    fd_close(&ends[1]);
    assert_code(fd_read_exact(ends[0], bytes, 8), ERR_IO); /* two bytes, then the end */
    assert_ok(fd_read_exact(ends[0], bytes, 0));
    fd_close(&ends[0]);
    assert_code(fd_read_exact(-1, bytes, 1), ERR_IO);
    assert_code(fd_write_all(-1, span_text("x")), ERR_IO);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    assert_code(fd_write_all(full, span_text("x")), ERR_IO);
    fd_close(&full);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"a/file", "a/b/c", "a/b/d", "a/b", "a", ""};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(mem_free_at) char *path = path_of(names[i]);
        (void)remove(path);
    }
    return access(folder, F_OK) != 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_maximum_holds_to_the_byte),
        cmocka_unit_test(failures_have_their_codes),
        cmocka_unit_test(folders_are_made_with_parents),
        cmocka_unit_test(descriptors_read_and_write_all),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
