/* Everything is looked at before anything is made. A restore that was killed half-way is simply
 * repeated: the log that it put in its place is one that goes on from the backup. */
#include "cli/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/staged.h"

void restored_clear(struct restored *restored)
{
    manifest_clear(&restored->manifest);
    redo_clear(&restored->redo);
}

/* --- looking --- */

static struct err check_absent(const char *path)
{
    struct stat status;
    const bool there = lstat(path, &status) == 0;
    ENSURE(there || errno == ENOENT, ERR_IO, "%s: %s", path, strerror(errno));
    ENSURE(!there, ERR_CONFLICT,
           "%s is there already: move it away first, together with its -wal and -shm", path);
    return err_ok();
}

static struct err check_database(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        CLEANUP(mem_free_at) char *file = mem_format("%s%s", path, endings[i]);
        TRY(check_absent(file));
    }
    return err_ok();
}

/* The lock that the gateway's key store takes; held until the restore is done. With `create` 0 a
 * file that is not there is no lock: *out stays -1. */
static struct err lock_database(const char *path, int create, int *out)
{
    CLEANUP(mem_free_at) char *lock = mem_format("%s.lock", path);
    CLEANUP(fd_close) int fd = open(lock, O_RDWR | O_CLOEXEC | create, 0600);
    if (fd < 0 && create == 0) {
        return err_ok();
    }
    ENSURE(fd >= 0, ERR_IO, "%s: %s", lock, strerror(errno));
    ENSURE(flock(fd, LOCK_EX | LOCK_NB) == 0, ERR_CONFLICT, "a gateway runs on %s: stop it first",
           path);
    *out = fd_take(&fd);
    return err_ok();
}

static void close_folder(DIR **folder)
{
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

/* Whether it is a folder with anything in it. */
static struct err has_content(const char *path, bool *out)
{
    CLEANUP(close_folder) DIR *folder = opendir(path);
    *out = false;
    ENSURE(folder != NULL || errno == ENOENT, ERR_IO, "%s: %s", path, strerror(errno));
    while (folder != NULL && !*out) {
        /* cppcheck-suppress readdirCalled ; the listing is ours alone, readdir is safe then */
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            break;
        }
        *out = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    return err_ok();
}

/* The log that survived is kept only when the backup is how it begins: the database and the log
 * would contradict each other otherwise. */
static struct err check_log(const struct restore *what, struct restored *restored)
{
    const struct manifest *manifest = &restored->manifest;
    struct audit_finding finding = {0};
    CLEANUP(fd_close) int fd = open(what->audit, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(fd >= 0, ERR_IO, "%s: %s", what->audit, strerror(errno));
    ENSURE(flock(fd, LOCK_EX | LOCK_NB) == 0, ERR_CONFLICT, "a gateway writes to %s: stop it first",
           what->audit);
    TRY(manifest_compare_log(manifest, what->audit, &finding));
    restored->log_torn = finding.verdict == AUDIT_TORN;
    ENSURE(finding.verdict == AUDIT_INTACT || restored->log_torn, ERR_CONFLICT,
           "%s: move it away, it does not go on from the backup: %s", what->audit, finding.detail);
    restored->later = finding.head.size - manifest->head.size;
    return redo_read(what->audit, manifest->head.size, &restored->redo);
}

static struct err make_parent(const char *path)
{
    CLEANUP(mem_free_at) char *copy = mem_text(path);
    const char *parent = dirname(copy);
    const struct err err = file_make_folder(parent, 0700);
    ENSURE(err.code == ERR_OK, ERR_IO, "%s: %s", parent, err.detail);
    return err_ok();
}

static struct err copy_all(const struct restore *what, const struct restored *restored)
{
    CLEANUP(staged_clear) struct staged staged = {.manifest = &restored->manifest};
    TRY(staged_database(&staged, what->database));
    if (!restored->log_kept) {
        TRY(staged_log(&staged, what->audit));
    }
    return staged_commit(&staged, what->database, what->audit);
}

static struct err restore_to(const struct restore *what, struct restored *restored)
{
    CLEANUP(fd_close) int lock = -1;
    TRY(manifest_read(what->backup, &restored->manifest));
    TRY(manifest_check(&restored->manifest));
    TRY(lock_database(what->database, 0, &lock)); /* first: nobody shall move what is in use */
    TRY(check_database(what->database));
    TRY(has_content(what->audit, &restored->log_kept));
    TRY(make_parent(what->database));
    TRY(make_parent(what->audit));
    if (lock < 0) {
        TRY(lock_database(what->database, O_CREAT, &lock));
    }
    if (restored->log_kept) {
        TRY(check_log(what, restored));
    }
    return copy_all(what, restored);
}

/* Without slashes at its end: names are made of it. */
static char *trimmed(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    return span_to_text(span_of(path, len));
}

struct err restore_run(const struct restore *what, struct restored *out)
{
    CLEANUP(restored_clear) struct restored restored = {0};
    CLEANUP(mem_free_at) char *audit = trimmed(what->audit);
    const struct restore place = {what->backup, what->database, audit};
    TRY(restore_to(&place, &restored));
    *out = restored;
    restored = (struct restored){0};
    return err_ok();
}
