/* The log's lines, read back from a pipe in place of standard error. */
#include "base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

/* Runs `act` with standard error in a pipe; what it wrote comes back as text. */
static char *logged_by(void (*act)(void))
{
    int ends[2];
    char text[8192] = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    fd_close(&ends[1]);
    act();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    fd_close(&saved);
    size_t len = 0;
    for (ssize_t got = 1; got > 0 && len < sizeof(text) - 1; len += (size_t)got) {
        got = read(ends[0], text + len, sizeof(text) - 1 - len);
        assert_true(got >= 0);
    }
    fd_close(&ends[0]);
    return mem_text(text);
}

static void one_warning(void)
{
    log_warning("audit", "disk is %d%% full", 93);
}

static void a_line_has_time_level_area(void **state)
{
    (void)state;
    int64_t before = clock_wall_ms();
    CLEANUP(mem_free_at) char *text = logged_by(one_warning);
    int64_t when = 0;
    assert_ok(clock_parse(span_of(text, 24), &when));
    assert_true(when >= before && when <= clock_wall_ms());
    assert_string_equal(text + 24, " warning audit: disk is 93% full\n");
}

static void every_level(void)
{
    log_error("x", "e");
    log_warning("x", "w");
    log_info("x", "i");
    log_debug("x", "d");
}

static unsigned lines_at(enum log_level level)
{
    log_set_level(level);
    CLEANUP(mem_free_at) char *text = logged_by(every_level);
    unsigned lines = 0;
    for (const char *at = text; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    log_set_level(LOG_INFO);
    return lines;
}

static void levels_above_are_dropped(void **state)
{
    (void)state;
    assert_int_equal(lines_at(LOG_ERROR), 1);
    assert_int_equal(lines_at(LOG_WARNING), 2);
    assert_int_equal(lines_at(LOG_INFO), 3);
    assert_int_equal(lines_at(LOG_DEBUG), 4);
}

static void with_controls(void)
{
    log_info("x", "%s", "a\nb\r\x1B[2J\x7F\xC2\x9B\xC3\xA9");
}

static void controls_cannot_forge_a_line(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *text = logged_by(with_controls);
    assert_string_equal(text + 24, " info x: a?b??[2J???\xC3\xA9\n");
}

static void very_long(void)
{
    CLEANUP(mem_free_at) char *text = mem_alloc(5001);
    memset(text, 'x', 5000);
    log_info("x", "%s", text);
}

static void a_long_line_is_cut(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *text = logged_by(very_long);
    assert_int_equal(strlen(text), 2048);
    assert_int_equal(text[2047], '\n');
    assert_int_equal(text[2046], 'x');
}

static void keep_errno(void)
{
    (void)close(STDERR_FILENO); /* so that write(2) fails */
    errno = EBADMSG;
    log_info("x", "hello");
    assert_int_equal(errno, EBADMSG);
}

static void errno_is_kept(void **state)
{
    (void)state;
    CLEANUP(mem_free_at) char *text = logged_by(keep_errno);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_area),
        cmocka_unit_test(levels_above_are_dropped),
        cmocka_unit_test(controls_cannot_forge_a_line),
        cmocka_unit_test(a_long_line_is_cut),
        cmocka_unit_test(errno_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
