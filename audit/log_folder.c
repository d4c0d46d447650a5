/* The log's folder: made, opened, locked, and found again when somebody took it away.
 *
 * Readers in other threads use the descriptor while the writer's thread renews it, so its number
 * never changes: dup3 swaps what stands behind it in one step, and the lock goes over with it. */
#include "audit/log_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define FOLDER_MODE 0700

static struct err open_locked(const char *path, int *out_folder)
{
    CLEANUP(fd_close) int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(folder >= 0, ERR_IO, "cannot open the audit folder: %s", strerrordesc_np(errno));
    int locked = flock(folder, LOCK_EX | LOCK_NB);
    ENSURE(locked == 0 || errno != EWOULDBLOCK, ERR_CONFLICT,
           "the audit folder is in use by another process");
    ENSURE(locked == 0, ERR_IO, "cannot lock the audit folder: %s", strerrordesc_np(errno));
    *out_folder = fd_take(&folder);
    return err_ok();
}

struct err log_folder_open(const char *path, int *out_folder)
{
    TRY(file_make_folder(path, FOLDER_MODE));
    return open_locked(path, out_folder);
}

static struct err sync_parent(int folder)
{
    CLEANUP(fd_close) int parent = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(parent >= 0 && fsync(parent) == 0, ERR_IO, "cannot sync the audit folder's parent: %s",
           strerrordesc_np(errno));
    return err_ok();
}

struct err log_folder_renew(const char *path, int folder, bool *out_renewed)
{
    struct stat named;
    struct stat held;
    ENSURE(fstat(folder, &held) == 0, ERR_IO, "cannot read the audit folder");
    bool is_there = stat(path, &named) == 0;
    if (is_there && named.st_dev == held.st_dev && named.st_ino == held.st_ino) {
        *out_renewed = false;
        return err_ok();
    }
    ENSURE(is_there || mkdir(path, FOLDER_MODE) == 0, ERR_IO, "cannot make the audit folder: %s",
           strerrordesc_np(errno));
    CLEANUP(fd_close) int fresh = -1;
    TRY(open_locked(path, &fresh));
    TRY(sync_parent(fresh));
    ENSURE(dup3(fresh, folder, O_CLOEXEC) == folder, ERR_IO, "cannot use the audit folder: %s",
           strerrordesc_np(errno));
    *out_renewed = true;
    return err_ok();
}
