/* posix_fallocate makes a full disk an error before the request is spent, not behind it. */
#include "cli/sealed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/new_file.h"
#include "cli/unseal.h"

struct err sealed_file_open(const char *path, struct sealed_file *out)
{
    ENSURE(access(path, F_OK) != 0, ERR_CONFLICT,
           "it was opened already, to this file; read it with hsmgate break-glass unseal: %s",
           path);
    CLEANUP(mem_free_at) char *part = mem_format("%s.part", path);
    CLEANUP(fd_close) int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ENSURE(fd >= 0 || errno != EEXIST, ERR_CONFLICT,
           "%s is there: another open runs, or one was stopped; look at it, then remove it", part);
    ENSURE(fd >= 0, ERR_IO, "%s: %s", part, strerror(errno));
    const int failed = posix_fallocate(fd, 0, (off_t)SEALED_MAX);
    if (failed != 0) {
        (void)unlink(part);
    }
    ENSURE(failed == 0, ERR_IO, "no room for the answer (%s), so it was not asked for: %s", part,
           strerror(failed));
    *out = (struct sealed_file){.path = mem_text(path), .part = TAKE(part), .fd = fd_take(&fd)};
    return err_ok();
}

struct err sealed_file_keep(struct sealed_file *file, struct span sealed)
{
    CLEANUP(mem_free_at) char *part = TAKE(file->part); /* from here on it is not removed */
    TRY(fd_write_all(file->fd, sealed));
    ENSURE(ftruncate(file->fd, (off_t)sealed.len) == 0 && fsync(file->fd) == 0, ERR_IO, "%s: %s",
           part, strerror(errno));
    fd_close(&file->fd);
    return new_file_rename(part, file->path);
}

void sealed_file_clear(struct sealed_file *file)
{
    if (file->part != NULL) {
        (void)unlink(file->part);
        mem_free(file->part);
    }
    if (file->path != NULL) {
        fd_close(&file->fd);
        mem_free(file->path);
    }
    *file = (struct sealed_file){.fd = -1};
}
