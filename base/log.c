/* The operator's log on standard error.
 *
 * One event is one write(2), so lines of many threads and of the worker processes do not mix.
 * A message is text from anywhere: control characters become `?`, so that nobody can forge a line
 * or drive the terminal that shows it. Longer lines are cut. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_LEN 2048

static atomic_int shown = LOG_INFO; /* set before threads start */

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARNING] = "warning",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&shown, (int)level, memory_order_relaxed);
}

/* C0, DEL, and C1 (U+0080 to U+009F, which terminals obey too). */
static void replace_controls(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        unsigned char next = i + 1 < len ? (unsigned char)text[i + 1] : 0;
        if (c < 0x20 || c == 0x7F) {
            text[i] = '?';
        } else if (c == 0xC2 && next >= 0x80 && next <= 0x9F) {
            text[i] = '?';
            text[i + 1] = '?';
        }
    }
}

static void write_line(const char *line, size_t len)
{
    ssize_t written = -1;
    do {
        written = write(STDERR_FILENO, line, len);
    } while (written < 0 && errno == EINTR);
}

void log_line(enum log_level level, const char *area, const char *format, ...)
{
    if ((int)level > atomic_load_explicit(&shown, memory_order_relaxed)) {
        return;
    }
    int saved_errno = errno;
    char line[LINE_MAX_LEN];
    char now[CLOCK_TEXT_MAX];
    clock_format(clock_wall_ms(), now);
    int head = snprintf(line, sizeof(line), "%s %s %.32s: ", now, level_names[level], area);
    size_t len = head > 0 ? (size_t)head : 0;
    size_t room = sizeof(line) - len;
    va_list args;
    va_start(args, format);
    int body = vsnprintf(line + len, room, format, args);
    va_end(args);
    if (body > 0) {
        len += (size_t)body < room ? (size_t)body : room - 1;
    }
    replace_controls(line, len);
    line[len] = '\n'; /* in the place of the NUL */
    write_line(line, len + 1);
    errno = saved_errno;
}
