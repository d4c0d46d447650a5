/* disk: the four calls that can fail under the log, as a table, so that tests can make them fail.
 */
#ifndef HSMGATE_AUDIT_DISK_H
#define HSMGATE_AUDIT_DISK_H

#include <sys/types.h>

#include "base/buf.h"

/* Each behaves as the system call of its name: -1 with errno. */
struct disk_calls {
    int (*openat)(int folder, const char *name, int flags, mode_t mode);
    ssize_t (*write)(int fd, const void *bytes, size_t len);
    int (*fdatasync)(int fd);
    int (*ftruncate)(int fd, off_t len);
};

/* The kernel's. */
const struct disk_calls *disk_system(void);

#endif
