/* What the unit tests of cli/ share: what the code under test writes to standard output, and small
 * files. */
#ifndef HSMGATE_TESTS_UNIT_CLI_TEST_H
#define HSMGATE_TESTS_UNIT_CLI_TEST_H

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base_test.h"

/* Runs `call` with standard output going to a file, whose content comes out in `out`. */
#define CAPTURE(out, call)                                 \
    do {                                                   \
        char captured_[] = "/tmp/hsmgate-cli-test-XXXXXX"; \
        int saved_ = (fflush(stdout), dup(STDOUT_FILENO)); \
        int file_ = mkstemp(captured_);                    \
        assert_true(saved_ >= 0 && file_ >= 0);            \
        assert_true(dup2(file_, STDOUT_FILENO) >= 0);      \
        call;                                              \
        (void)fflush(stdout);                              \
        assert_true(dup2(saved_, STDOUT_FILENO) >= 0);     \
        fd_close(&saved_);                                 \
        fd_close(&file_);                                  \
        assert_ok(file_read(captured_, (out)));            \
        (void)unlink(captured_);                           \
    } while (0)

static inline bool span_has(struct span text, const char *part)
{
    return text.len > 0 && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

#endif
