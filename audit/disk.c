/* The kernel's own calls behind the table of disk.h.
 *
 * Only what can fail because of the disk goes through the table: opening, writing, syncing and
 * cutting. Reading does not: what cannot be read is found when the log is opened. */
#include "audit/disk.h"

#include <fcntl.h>
#include <unistd.h>

static int system_openat(int folder, const char *name, int flags, mode_t mode)
{
    return openat(folder, name, flags, mode);
}

const struct disk_calls *disk_system(void)
{
    static const struct disk_calls calls = {
        .openat = system_openat,
        .write = write,
        .fdatasync = fdatasync,
        .ftruncate = ftruncate,
    };
    return &calls;
}
