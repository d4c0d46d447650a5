/* The PIN latch, with time as an input and a new object for every restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "pkcs11/latch.h"

#define NOW ((int64_t)1700000000000)

static char folder[64];
static char *file;

static int make(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/hsmgate-test-XXXXXX", 25);
    assert_non_null(mkdtemp(folder));
    file = mem_format("%s/pin-S-1_2.json", folder);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    (void)unlink(file);
    mem_free(file);
    return rmdir(folder);
}

enum end { ACCEPTED, REFUSED, FAILED, KILLED };

/* A worker's life: one try of the PIN, if the latch allows it. */
static enum err_code try_pin(const char *pin, int64_t now, enum end end)
{
    CLEANUP(latch_clear) struct latch latch = {0};
    struct err err = latch_open(&latch, folder, "S-1/2", span_text(pin));
    if (err.code == ERR_OK) {
        err = latch_begin(&latch, now);
    }
    if (err.code == ERR_OK) {
        assert_int_equal(access(file, F_OK), 0);
        struct err done = end == ACCEPTED  ? latch_accept(&latch)
                          : end == REFUSED ? latch_refuse(&latch)
                          : end == FAILED  ? latch_abandon(&latch)
                                           : err_ok();
        assert_int_equal(done.code, ERR_OK);
    }
    return err.code;
}

static void test_accepted_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(try_pin("right", NOW, ACCEPTED), ERR_OK);
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(try_pin("right", NOW, FAILED), ERR_OK);
    assert_int_equal(access(file, F_OK), -1);
}

static void test_refused_for_ever(void **state)
{
    (void)state;
    assert_int_equal(try_pin("wrong", NOW, REFUSED), ERR_OK);
    assert_int_equal(try_pin("wrong", NOW + 1, ACCEPTED), ERR_PIN);
    assert_int_equal(try_pin("wrong", NOW + 1000 * LATCH_PAUSE_MS, ACCEPTED), ERR_PIN);
    assert_int_equal(try_pin("another", NOW, REFUSED), ERR_OK);
    assert_int_equal(try_pin("third", NOW, FAILED), ERR_OK);
    assert_int_equal(try_pin("wrong", NOW, ACCEPTED), ERR_PIN);
    assert_int_equal(try_pin("another", NOW, ACCEPTED), ERR_PIN);
    assert_int_equal(try_pin("right", NOW, ACCEPTED), ERR_OK);
    assert_int_equal(access(file, F_OK), -1);
}

static void test_killed_is_not_refused(void **state)
{
    (void)state;
    for (int i = 0; i < LATCH_TRIES_MAX; i++) {
        assert_int_equal(try_pin("right", NOW + i, KILLED), ERR_OK);
    }
    assert_int_equal(try_pin("right", NOW + 10, ACCEPTED), ERR_TOKEN_UNAVAILABLE);
    assert_int_equal(try_pin("other", NOW + 10, FAILED), ERR_OK);
    for (int i = 0; i < LATCH_TRIES_MAX; i++) {
        assert_int_equal(try_pin("right", NOW + 20, KILLED), ERR_OK);
    }
    assert_int_equal(try_pin("right", NOW + 20 + LATCH_PAUSE_MS, KILLED), ERR_OK);
    assert_int_equal(try_pin("right", NOW + 21 + LATCH_PAUSE_MS, ACCEPTED), ERR_TOKEN_UNAVAILABLE);
    /* A clock that was set back does not pause for ever. */
    assert_int_equal(try_pin("right", NOW, ACCEPTED), ERR_OK);
}

static void test_success_resets_tries(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(try_pin("right", NOW, KILLED), ERR_OK);
        assert_int_equal(try_pin("right", NOW, ACCEPTED), ERR_OK);
    }
}

static void test_many_refused(void **state)
{
    (void)state;
    for (int i = 0; i <= LATCH_REFUSED_MAX; i++) {
        CLEANUP(mem_free_at) char *pin = mem_format("pin %d", i);
        assert_int_equal(try_pin(pin, NOW, REFUSED), ERR_OK);
        assert_int_equal(try_pin(pin, NOW, ACCEPTED), ERR_PIN);
    }
}

static void test_damaged_is_closed(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{}", "nonsense", "{\"format\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err = file_write(file, span_text(texts[i]), 0600);
        assert_int_equal(err.code, ERR_OK);
        assert_int_equal(try_pin("right", NOW, ACCEPTED), ERR_PIN);
    }
}

static void test_file(void **state)
{
    (void)state;
    struct stat status;
    CLEANUP(buf_clear) struct buf text = {0};
    assert_int_equal(try_pin("a-very-visible-pin", NOW, REFUSED), ERR_OK);
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    struct err err = file_read(file, &text);
    assert_int_equal(err.code, ERR_OK);
    assert_null(memmem(text.data, text.len, "visible", 7));
    CLEANUP(latch_clear) struct latch latch = {0};
    err = latch_open(&latch, "/proc/nowhere", "S", span_text("1"));
    assert_int_equal(err.code, ERR_IO);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, make, drop)
    const struct CMUnitTest tests[] = {
        CASE(test_accepted_leaves_nothing),
        CASE(test_refused_for_ever),
        CASE(test_killed_is_not_refused),
        CASE(test_success_resets_tries),
        CASE(test_many_refused),
        CASE(test_damaged_is_closed),
        CASE(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
