/* fuzz_file: the input as a file that is nowhere on a disk, for readers that take a path. */
#ifndef HSMGATE_TESTS_FUZZ_FILE_H
#define HSMGATE_TESTS_FUZZ_FILE_H

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"

/* Its path; the file is the same one for every input. */
static inline const char *fuzz_file(struct span bytes)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("input", MFD_CLOEXEC);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    assert(fd >= 0 && ftruncate(fd, 0) == 0);
    assert(bytes.len == 0 || pwrite(fd, bytes.data, bytes.len, 0) == (ssize_t)bytes.len);
    return path;
}

#endif
