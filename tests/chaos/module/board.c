/* board: a file that outlives the worker, mapped by the test and by each worker in turn.
 *
 * No thread and no protocol: rules and counters hold across crashes because they are in the file,
 * and a rule is in force from the moment in which the test sets its word. Violations are lines in a
 * second file, appended with one write each, so that a crash right after it takes none away. */
#include "tests/chaos/module/board.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
    struct board *board;
    int violations;
    uint32_t incarnation;
} here = {.violations = -1};

static int open_violations(const char *path)
{
    char name[4096];
    (void)snprintf(name, sizeof(name), "%s.violations", path);
    return open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

bool board_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    void *mapped = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (mapped == MAP_FAILED) {
        return false;
    }
    here.board = mapped;
    here.board->size = sizeof(struct board);
    here.violations = open_violations(path);
    here.incarnation = atomic_fetch_add(&here.board->incarnations, 1) + 1;
    return here.violations >= 0;
}

struct board *board(void)
{
    return here.board;
}

uint32_t board_incarnation(void)
{
    return here.incarnation;
}

void board_violation(const char *format, ...)
{
    char line[512];
    int len = snprintf(line, sizeof(line), "incarnation %u: ", here.incarnation);
    va_list arguments;
    va_start(arguments, format);
    len += vsnprintf(line + len, sizeof(line) - (size_t)len, format, arguments);
    va_end(arguments);
    len = len < (int)sizeof(line) - 1 ? len : (int)sizeof(line) - 2;
    line[len] = '\n';
    (void)!write(here.violations, line, (size_t)len + 1);
}
