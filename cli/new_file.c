/* O_EXCL for making, RENAME_NOREPLACE for naming: neither can take the place of another file, also
 * when two commands run at once. */
#include "cli/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

struct err new_file_sync(const char *path)
{
    const struct err err = file_sync_folder_of(path);
    ENSURE(err.code == ERR_OK, ERR_IO, "%s: %s", path, err.detail);
    return err_ok();
}

static struct err fill(int fd, const char *path, struct span bytes)
{
    TRY(fd_write_all(fd, bytes));
    ENSURE(fsync(fd) == 0, ERR_IO, "%s: %s", path, strerror(errno));
    return new_file_sync(path);
}

struct err new_file_write(const char *path, struct span bytes)
{
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ENSURE(fd >= 0 || errno != EEXIST, ERR_CONFLICT,
           "%s is there already and is not overwritten: name another file", path);
    ENSURE(fd >= 0, ERR_IO, "%s: %s", path, strerror(errno));
    const struct err err = fill(fd, path, bytes);
    if (err.code != ERR_OK) {
        (void)unlink(path);
    }
    return err;
}

/* Some file systems of memory sticks have no such flag; there a look before must do. */
static int rename_to_free(const char *from, const char *to)
{
    const int failed = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (failed == 0 || errno != EINVAL) {
        return failed;
    }
    if (access(to, F_OK) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

struct err new_file_rename(const char *from, const char *to)
{
    const int failed = rename_to_free(from, to);
    ENSURE(failed == 0 || errno != EEXIST, ERR_CONFLICT, "%s is there already: %s stays as it is",
           to, from);
    ENSURE(failed == 0, ERR_IO, "%s: %s", to, strerror(errno));
    return new_file_sync(to);
}
