/* The log's folder: lock, newest file, and appending to it so that a batch is there whole or not at
 * all.
 *
 * `durable_len` is the one truth. After any failure the bytes behind it are unknown, and after a
 * failed fdatasync the page cache is, too (the kernel marks the lost pages clean). So the file is
 * closed at once, and before the next write it is opened again, cut to durable_len, synced, and its
 * end read back from the disk. */
#include "audit/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_names.h"
#include "audit/repair.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include "base/banned.h"

#define FOLDER_MODE 0700
#define FILE_MODE   0600

static struct err sync_file(struct log_files *files)
{
    ENSURE(files->disk->fdatasync(files->fd) == 0, ERR_IO, "cannot sync the audit log: %s",
           strerrordesc_np(errno));
    return err_ok();
}

static struct err cut_file(struct log_files *files, uint64_t len)
{
    ENSURE(files->disk->ftruncate(files->fd, (off_t)len) == 0, ERR_IO,
           "cannot cut the audit log: %s", strerrordesc_np(errno));
    return sync_file(files);
}

/* Opens the file that starts with file_first, made when missing. */
static struct err open_newest(struct log_files *files)
{
    char name[LOG_NAME_MAX];
    log_names_format(files->file_first, name);
    int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    files->fd = files->disk->openat(files->folder, name, flags, FILE_MODE);
    ENSURE(files->fd >= 0, ERR_IO, "cannot open the audit log: %s", strerrordesc_np(errno));
    ENSURE(fsync(files->folder) == 0, ERR_IO, "cannot sync the audit folder: %s",
           strerrordesc_np(errno));
    return err_ok();
}

static struct err repair_newest(struct log_files *files)
{
    struct repair end = {0};
    struct stat status;
    TRY(repair_find_end(files->fd, files->file_first, &end));
    ENSURE(fstat(files->fd, &status) == 0, ERR_IO, "cannot read the audit log");
    if ((uint64_t)status.st_size > end.len) {
        log_warning("audit", "cut %llu bytes of a torn record behind record %llu",
                    (unsigned long long)((uint64_t)status.st_size - end.len),
                    (unsigned long long)(end.next_seq - 1));
        TRY(cut_file(files, end.len));
    }
    files->durable_len = end.len;
    files->next_seq = end.next_seq;
    /* whole records may be there that the crashed process did not sync */
    return sync_file(files);
}

static struct err open_folder(struct log_files *files, const char *folder)
{
    TRY(file_make_folder(folder, FOLDER_MODE));
    files->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ENSURE(files->folder >= 0, ERR_IO, "cannot open the audit folder: %s", strerrordesc_np(errno));
    int locked = flock(files->folder, LOCK_EX | LOCK_NB);
    ENSURE(locked == 0 || errno != EWOULDBLOCK, ERR_CONFLICT,
           "the audit folder is in use by another process");
    ENSURE(locked == 0, ERR_IO, "cannot lock the audit folder: %s", strerrordesc_np(errno));
    return err_ok();
}

static struct err open_all(struct log_files *files, const char *folder)
{
    TRY(open_folder(files, folder));
    CLEANUP(log_names_clear) struct log_names names = {0};
    TRY(log_names_list(files->folder, &names));
    files->file_first = names.count == 0 ? 1 : names.firsts[names.count - 1];
    TRY(open_newest(files));
    return repair_newest(files);
}

struct err log_files_open(struct log_files *files, const char *folder,
                          const struct disk_calls *disk)
{
    *files =
        (struct log_files){.disk = disk, .folder = -1, .fd = -1, .file_max = LOG_FILE_MAX_DEFAULT};
    struct err err = open_all(files, folder);
    if (err.code != ERR_OK) {
        log_files_close(files);
    }
    return err;
}

void log_files_close(struct log_files *files)
{
    fd_close(&files->fd);
    fd_close(&files->folder);
}

/* After a failure: see the top of this file. */
static struct err mend(struct log_files *files)
{
    fd_close(&files->fd);
    TRY(open_newest(files));
    TRY(cut_file(files, files->durable_len));
    (void)posix_fadvise(files->fd, 0, 0, POSIX_FADV_DONTNEED);
    TRY(repair_check_end(files->fd, files->durable_len, files->next_seq - 1));
    files->suspect = false;
    return err_ok();
}

static void begin_new_file(struct log_files *files)
{
    fd_close(&files->fd);
    files->file_first = files->next_seq;
    files->durable_len = 0;
    files->suspect = true; /* opened, and made empty, by mend */
}

static struct err write_lines(struct log_files *files, struct span lines)
{
    while (lines.len > 0) {
        ssize_t written = files->disk->write(files->fd, lines.data, lines.len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(written > 0, ERR_IO, "cannot write the audit log: %s", strerrordesc_np(errno));
        lines = span_of(lines.data + written, lines.len - (size_t)written);
    }
    return sync_file(files);
}

static struct err append(struct log_files *files, struct span lines)
{
    if (files->durable_len > 0 && files->durable_len + lines.len > files->file_max) {
        begin_new_file(files);
    }
    if (files->suspect) {
        TRY(mend(files));
    }
    return write_lines(files, lines);
}

struct err log_files_append(struct log_files *files, struct span lines, size_t count)
{
    struct err err = append(files, lines);
    if (err.code == ERR_OK) {
        files->durable_len += lines.len;
        files->next_seq += count;
        return err;
    }
    files->suspect = true;
    if (files->fd >= 0) { /* at once if it can be, so that readers meet no refused records */
        (void)files->disk->ftruncate(files->fd, (off_t)files->durable_len);
    }
    return err;
}
