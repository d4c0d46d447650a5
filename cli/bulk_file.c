/* Output and rejects of a bulk rewrap. Their length is what the state records: whatever stands
 * behind it was written by a run that died, and is cut off before the next one goes on. */
#include "cli/bulk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/new_file.h"

static const char *name_of(const struct bulk_file *file)
{
    return file->path != NULL ? file->path : "standard output";
}

void bulk_file_close(struct bulk_file *file)
{
    if (file->path == NULL) {
        file->fd = -1;
    }
    fd_close(&file->fd);
}

static struct err measure(struct bulk_file *file)
{
    struct stat status;
    ENSURE(fstat(file->fd, &status) == 0, ERR_IO, "%s: %s", name_of(file), strerror(errno));
    file->regular = S_ISREG(status.st_mode);
    file->len = file->regular ? (uint64_t)status.st_size : 0;
    return err_ok();
}

static struct err open_locked(const char *path, struct bulk_file *out)
{
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
    ENSURE(fd >= 0, ERR_IO, "%s: %s", path, strerror(errno));
    struct bulk_file file = {.path = path, .fd = fd};
    TRY(measure(&file));
    if (file.regular) {
        ENSURE(flock(fd, LOCK_EX | LOCK_NB) == 0, ERR_CONFLICT, "%s: another run writes to it",
               path);
        TRY(new_file_sync(path));
    }
    *out = file;
    (void)fd_take(&fd);
    return err_ok();
}

static void close_unless_taken(struct bulk_file *file)
{
    fd_close(&file->fd);
}

struct err bulk_file_create(const char *path, struct bulk_file *out)
{
    CLEANUP(close_unless_taken) struct bulk_file file = {.fd = -1};
    TRY(open_locked(path, &file));
    ENSURE(file.len == 0, ERR_CONFLICT, "%s is there already: move it away or name another file",
           path);
    *out = file;
    file.fd = -1;
    return err_ok();
}

/* Cuts off what stands behind `len`. */
static struct err cut(struct bulk_file *file, uint64_t len)
{
    ENSURE(file->len >= len, ERR_CONFLICT,
           "%s has %llu bytes and had %llu: it is not the file that was written", name_of(file),
           (unsigned long long)file->len, (unsigned long long)len);
    if (file->len > len) {
        ENSURE(ftruncate(file->fd, (off_t)len) == 0, ERR_IO, "%s: %s", name_of(file),
               strerror(errno));
    }
    file->len = len;
    return err_ok();
}

struct err bulk_file_resume(const char *path, uint64_t len, struct bulk_file *out)
{
    ENSURE(len == 0 || access(path, F_OK) == 0, ERR_CONFLICT,
           "%s is not there: it has what was done", path);
    CLEANUP(close_unless_taken) struct bulk_file file = {.fd = -1};
    TRY(open_locked(path, &file));
    if (file.regular) {
        TRY(cut(&file, len));
    }
    *out = file;
    file.fd = -1;
    return err_ok();
}

struct err bulk_file_stdout(const uint64_t *len, struct bulk_file *out)
{
    struct bulk_file file = {.fd = STDOUT_FILENO};
    TRY(measure(&file));
    if (file.regular && len != NULL) {
        TRY(cut(&file, *len));
    }
    if (file.regular) {
        ENSURE(lseek(file.fd, (off_t)file.len, SEEK_SET) >= 0, ERR_IO, "standard output: %s",
               strerror(errno));
    }
    *out = file;
    return err_ok();
}

struct err bulk_file_append(struct bulk_file *file, struct span bytes)
{
    const struct err err = fd_write_all(file->fd, bytes);
    ENSURE(err.code == ERR_OK, ERR_IO, "%s: %s", name_of(file), err.detail);
    file->len += bytes.len;
    return err_ok();
}

struct err bulk_file_sync(const struct bulk_file *file)
{
    ENSURE(!file->regular || fdatasync(file->fd) == 0, ERR_IO, "%s: %s", name_of(file),
           strerror(errno));
    return err_ok();
}
