/* Copies that become visible by a rename each, the database last: while it is not there, no gateway
 * goes on with what is half done. */
#include "cli/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/new_file.h"

#define CHUNK 65536

static struct err copy_bytes(int from, int to)
{
    CLEANUP(mem_free_at) uint8_t *chunk = mem_alloc(CHUNK);
    for (;;) {
        const ssize_t got = read(from, chunk, CHUNK);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got >= 0, ERR_IO, "cannot be read: %s", strerror(errno));
        if (got == 0) {
            return err_ok();
        }
        TRY(fd_write_all(to, span_of(chunk, (size_t)got)));
    }
}

/* To a file that is open; synced. */
static struct err copy_file(const char *from, int to)
{
    CLEANUP(fd_close) int fd = open(from, O_RDONLY | O_CLOEXEC);
    ENSURE(fd >= 0, ERR_IO, "%s: %s", from, strerror(errno));
    const struct err err = copy_bytes(fd, to);
    ENSURE(err.code == ERR_OK, ERR_IO, "%s: %s", from, err.detail);
    ENSURE(fchmod(to, 0600) == 0 && fsync(to) == 0, ERR_IO, "%s cannot be copied: %s", from,
           strerror(errno));
    return err_ok();
}

static struct err move(const char *from, const char *to)
{
    ENSURE(rename(from, to) == 0, ERR_IO, "%s: %s", to, strerror(errno));
    return new_file_sync(to);
}

static void remove_log_copy(const struct manifest *manifest, const char *folder)
{
    for (size_t i = MANIFEST_DATABASE + 1; i < manifest->count; i++) {
        const char *name = strrchr(manifest->files[i].path, '/') + 1;
        CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder, name);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

void staged_clear(struct staged *staged)
{
    if (staged->database != NULL) {
        (void)unlink(staged->database);
    }
    if (staged->audit != NULL) {
        remove_log_copy(staged->manifest, staged->audit);
    }
    mem_free(staged->database);
    mem_free(staged->audit);
    *staged = (struct staged){.manifest = staged->manifest};
}

struct err staged_database(struct staged *staged, const char *place)
{
    const struct manifest *manifest = staged->manifest;
    CLEANUP(mem_free_at) char *from = manifest_path(manifest, MANIFEST_DATABASE);
    CLEANUP(mem_free_at) char *path = mem_format("%s.restore-XXXXXX", place);
    CLEANUP(fd_close) int fd = mkostemp(path, O_CLOEXEC);
    ENSURE(fd >= 0, ERR_IO, "%s: %s", place, strerror(errno));
    staged->database = TAKE(path);
    return copy_file(from, fd);
}

struct err staged_log(struct staged *staged, const char *place)
{
    const struct manifest *manifest = staged->manifest;
    CLEANUP(mem_free_at) char *folder = mem_format("%s.restore-XXXXXX", place);
    ENSURE(mkdtemp(folder) != NULL, ERR_IO, "%s: %s", place, strerror(errno));
    staged->audit = TAKE(folder);
    for (size_t i = MANIFEST_DATABASE + 1; i < manifest->count; i++) {
        CLEANUP(mem_free_at) char *from = manifest_path(manifest, i);
        const char *name = strrchr(manifest->files[i].path, '/') + 1;
        CLEANUP(mem_free_at) char *to = mem_format("%s/%s", staged->audit, name);
        CLEANUP(fd_close) int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        ENSURE(fd >= 0, ERR_IO, "%s: %s", to, strerror(errno));
        TRY(copy_file(from, fd));
    }
    const struct err err = file_sync_folder(staged->audit);
    ENSURE(err.code == ERR_OK, ERR_IO, "%s: %s", staged->audit, err.detail);
    return err_ok();
}

struct err staged_commit(struct staged *staged, const char *database, const char *audit)
{
    struct err err = staged->audit != NULL ? move(staged->audit, audit) : err_ok();
    if (err.code == ERR_OK) {
        err = move(staged->database, database);
    }
    const bool log_moved = staged->audit != NULL && access(staged->audit, F_OK) != 0;
    if (err.code != ERR_OK && log_moved) {
        remove_log_copy(staged->manifest, audit);
    }
    return err;
}
