/* What is spent stays spent, and what cannot be read is spent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "pkcs11/spent.h"

#define DAY ((int64_t)24 * 3600 * 1000)
#define NOW ((int64_t)1700000000000)

static char folder[64];
static char *path;

static int make(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/hsmgate-test-XXXXXX", 25);
    assert_non_null(mkdtemp(folder));
    path = mem_format("%s/spent", folder);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    (void)unlink(path);
    mem_free(path);
    return rmdir(folder);
}

static enum err_code note(uint8_t statement, int64_t expires_at, int64_t now)
{
    uint8_t digest[SHA256_LEN];
    memset(digest, statement, sizeof(digest));
    return spent_note(path, digest, expires_at, now).code;
}

static void test_once(void **state)
{
    (void)state;
    assert_int_equal(note(1, NOW + DAY, NOW), ERR_OK);
    assert_int_equal(note(1, NOW + DAY, NOW), ERR_CONFLICT);
    assert_int_equal(note(2, NOW + DAY, NOW), ERR_OK);
    assert_int_equal(note(1, NOW + DAY, NOW), ERR_CONFLICT);
    assert_int_equal(note(2, NOW + DAY, NOW), ERR_CONFLICT);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static size_t length(void)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (size_t)status.st_size;
}

static void test_forgets_late(void **state)
{
    (void)state;
    assert_int_equal(note(1, NOW + DAY, NOW), ERR_OK);
    size_t one = length();
    assert_int_equal(note(2, NOW + 40 * DAY, NOW + 30 * DAY), ERR_OK);
    assert_true(length() > one);
    assert_int_equal(note(1, NOW + DAY, NOW + 30 * DAY), ERR_CONFLICT);
    assert_int_equal(note(3, NOW + 40 * DAY, NOW + 31 * DAY), ERR_OK);
    /* it is expired for 30 days: whoever comes with it now is refused for that */
    assert_int_equal(note(1, NOW + DAY, NOW + 31 * DAY), ERR_OK);
    assert_int_equal(note(2, NOW + 40 * DAY, NOW + 31 * DAY), ERR_CONFLICT);
    assert_int_equal(note(3, NOW + 40 * DAY, NOW + 31 * DAY), ERR_CONFLICT);
}

static void write_text(const char *text)
{
    struct err err = file_write(path, span_text(text), 0600);
    assert_int_equal(err.code, ERR_OK);
}

#define DIGEST "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* Each prefix of a good file, too: a torn one. */
static void test_fails_closed(void **state)
{
    (void)state;
    static const char good[] =
        "{\"format\":1,\"spent\":[{\"statement\":\"" DIGEST "\",\"expires_at\":1}]}";
    write_text(good);
    assert_int_equal(note(0, 1, 0), ERR_CONFLICT);
    for (size_t len = 0; len < strlen(good); len++) {
        CLEANUP(mem_free_at) char *part = span_to_text(span_of(good, len));
        write_text(part);
        assert_int_equal(note(9, 1, 0), ERR_CORRUPT);
    }
    static const char *const bad[] = {
        "{\"format\":2,\"spent\":[]}",
        "{\"format\":1,\"spent\":[1]}",
        "{\"format\":1,\"spent\":[{\"statement\":\"AAAA\",\"expires_at\":1}]}",
        ("{\"format\":1,\"spent\":[{\"statement\":\"" DIGEST "\"}]}"),
        "{\"format\":1,\"spent\":[],\"more\":1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        write_text(bad[i]);
        assert_int_equal(note(9, 1, 0), ERR_CORRUPT);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(note(9, 1, 0), ERR_CORRUPT);
    assert_int_equal(rmdir(path), 0);
}

static void test_cannot_be_kept(void **state)
{
    (void)state;
    uint8_t digest[SHA256_LEN] = {0};
    CLEANUP(mem_free_at) char *nowhere = mem_format("%s/missing/spent", folder);
    struct err err = spent_note(nowhere, digest, 1, 0);
    assert_int_equal(err.code, ERR_IO);
    assert_null(strchr(err.detail, '/'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_once, make, drop),
        cmocka_unit_test_setup_teardown(test_forgets_late, make, drop),
        cmocka_unit_test_setup_teardown(test_fails_closed, make, drop),
        cmocka_unit_test_setup_teardown(test_cannot_be_kept, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
