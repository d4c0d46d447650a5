/* Files, whole or not at all.
 *
 * Writing goes to a temporary file beside the target, is synced, renamed, and the folder is synced:
 * a crash leaves the old content or the new one. Details of errors say what failed, never which
 * path: the caller knows the path and logs it. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define READ_CHUNK ((size_t)16 << 10)

static int open_retry(const char *path, int flags)
{
    int fd = -1;
    do {
        fd = open(path, flags | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* Bytes read, 0 at the end of the file, -1 with errno. */
static ssize_t read_retry(int fd, void *out, size_t len)
{
    ssize_t got = -1;
    do {
        got = read(fd, out, len);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Appends one piece to the buf; *out_end is set at the end of the file. */
static struct err read_piece(int fd, struct buf *out, bool *out_end)
{
    size_t max = out->max > 0 ? out->max : BUF_MAX_DEFAULT;
    size_t room = max - out->len;
    size_t want = room < READ_CHUNK ? room : READ_CHUNK;
    uint8_t extra = 0;
    if (want == 0) {
        ssize_t more = read_retry(fd, &extra, 1);
        ENSURE(more >= 0, ERR_IO, "cannot read the file: %s", strerrordesc_np(errno));
        ENSURE(more == 0, ERR_TOO_LARGE, "the file has more than %zu bytes", max);
        *out_end = true;
        return err_ok();
    }
    size_t before = out->len;
    uint8_t *place = NULL;
    TRY(buf_extend(out, want, &place));
    ssize_t got = read_retry(fd, place, want);
    buf_truncate(out, before + (got > 0 ? (size_t)got : 0));
    ENSURE(got >= 0, ERR_IO, "cannot read the file: %s", strerrordesc_np(errno));
    *out_end = got == 0;
    return err_ok();
}

static struct err read_to_end(int fd, struct buf *out)
{
    for (bool end = false; !end;) {
        TRY(read_piece(fd, out, &end));
    }
    return err_ok();
}

struct err file_read(const char *path, struct buf *out)
{
    CLEANUP(fd_close) int fd = open_retry(path, O_RDONLY);
    ENSURE(fd >= 0 || errno != ENOENT, ERR_NOT_FOUND, "there is no such file");
    ENSURE(fd >= 0, ERR_IO, "cannot open the file: %s", strerrordesc_np(errno));
    size_t before = out->len;
    struct err err = read_to_end(fd, out);
    if (err.code != ERR_OK) {
        buf_truncate(out, before);
    }
    return err;
}

struct err file_sync_folder(const char *folder)
{
    CLEANUP(fd_close) int fd = open_retry(folder, O_RDONLY | O_DIRECTORY);
    ENSURE(fd >= 0 && fsync(fd) == 0, ERR_IO, "cannot sync the folder: %s", strerrordesc_np(errno));
    return err_ok();
}

struct err file_sync_folder_of(const char *path)
{
    CLEANUP(mem_free_at) char *copy = mem_text(path);
    return file_sync_folder(dirname(copy));
}

static struct err fill_temporary(int fd, struct span bytes, mode_t mode)
{
    ENSURE(fchmod(fd, mode) == 0, ERR_IO, "cannot set the file's mode: %s", strerrordesc_np(errno));
    TRY(fd_write_all(fd, bytes));
    ENSURE(fsync(fd) == 0, ERR_IO, "cannot sync the file: %s", strerrordesc_np(errno));
    return err_ok();
}

struct err file_write(const char *path, struct span bytes, mode_t mode)
{
    CLEANUP(mem_free_at) char *temporary = mem_format("%s.XXXXXX", path);
    CLEANUP(fd_close) int fd = mkostemp(temporary, O_CLOEXEC);
    ENSURE(fd >= 0, ERR_IO, "cannot create a file: %s", strerrordesc_np(errno));
    struct err err = fill_temporary(fd, bytes, mode);
    if (err.code == ERR_OK && rename(temporary, path) != 0) {
        err = err_new(ERR_IO, __func__, "cannot rename the file: %s", strerrordesc_np(errno));
    }
    if (err.code != ERR_OK) {
        (void)unlink(temporary);
        return err;
    }
    return file_sync_folder_of(path);
}

static struct err make_one_folder(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0) {
        return err_ok();
    }
    int reason = errno;
    struct stat status;
    bool is_there = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    ENSURE(is_there, ERR_IO, "cannot create a folder: %s", strerrordesc_np(reason));
    return err_ok();
}

struct err file_make_folder(const char *path, mode_t mode)
{
    CLEANUP(mem_free_at) char *partial = mem_text(path);
    for (char *at = partial; *at != '\0'; at++) {
        if (*at == '/' && at != partial) {
            *at = '\0';
            TRY(make_one_folder(partial, mode));
            *at = '/';
        }
    }
    return make_one_folder(path, mode);
}

struct err fd_write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t written = write(fd, bytes.data, bytes.len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(written > 0, ERR_IO, "cannot write: %s", strerrordesc_np(errno));
        bytes = span_of(bytes.data + written, bytes.len - (size_t)written);
    }
    return err_ok();
}

struct err fd_read_exact(int fd, void *out, size_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        ssize_t got = read_retry(fd, at, len);
        ENSURE(got >= 0, ERR_IO, "cannot read: %s", strerrordesc_np(errno));
        ENSURE(got > 0, ERR_IO, "the input ended too early");
        at += got;
        len -= (size_t)got;
    }
    return err_ok();
}

int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

void fd_close(int *fd)
{
    if (*fd >= 0) {
        /* Linux frees the number even when close reports EINTR: never again. */
        (void)close(*fd);
        *fd = -1;
    }
}
