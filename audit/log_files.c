/* The newest file of the log, and appending to it so that a batch is there whole or not at all.
 *
 * `durable_len` is the one truth. After any failure the bytes behind it are unknown, and after a
 * failed fdatasync the page cache is, too (the kernel marks the lost pages clean). So the file is
 * closed at once, and before the next write it is opened again, cut to durable_len, synced, and its
 * end read back from the disk.
 *
 * A synced file that nobody can find holds no record: after each sync, one stat says whether the
 * path still names our file in its whole length. If not (removed, renamed, replaced, cut, or the
 * folder is gone) the batch failed and the log is `lost`. It is never begun afresh then: a new file
 * goes on with the next sequence, in the folder of that path, made again when its parent is there,
 * and its first record tells what is missing. Across a restart an empty folder is a fresh log.
 *
 * Leaves follow when their lines are synced and the batch counts, see leaf_file. */
#include "audit/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/leaf_reader.h"
#include "audit/log_folder.h"
#include "audit/log_names.h"
#include "audit/repair.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include "base/banned.h"

#define FILE_MODE 0600

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

static bool is_ours(const struct log_files *files, const struct stat *status)
{
    return status->st_dev == files->device && status->st_ino == files->inode;
}

/* After a sync: whether `len` bytes can be found under the file's path; see the top of this
 * file. */
static struct err check_named(struct log_files *files, uint64_t len)
{
    struct stat status;
    bool named = lstat(files->newest, &status) == 0 && is_ours(files, &status);
    files->lost = files->lost || !named || (uint64_t)status.st_size < len;
    ENSURE(named, ERR_IO, "the newest file of the audit log is gone from its folder");
    ENSURE((uint64_t)status.st_size == len, ERR_IO, "somebody else changed the audit log");
    return err_ok();
}

/* What was opened: the file as we know it, or a fresh one; anything else is not ours to cut. */
static struct err know_newest(struct log_files *files)
{
    struct stat status;
    ENSURE(fstat(files->fd, &status) == 0, ERR_IO, "cannot read the audit log");
    bool is_fresh = files->durable_len == 0 && status.st_size == 0;
    if (!is_fresh && !is_ours(files, &status)) {
        fd_close(&files->fd);
        return err_new(ERR_CORRUPT, __func__,
                       "another file has the name of the newest audit log: move it away");
    }
    files->device = status.st_dev;
    files->inode = status.st_ino;
    return err_ok();
}

/* Opens the file that starts with file_first, made when missing. */
static struct err open_newest(struct log_files *files)
{
    char name[LOG_NAME_MAX];
    log_names_format(files->file_first, name);
    mem_free(files->newest);
    files->newest = mem_format("%s/%s", files->path, name);
    int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    files->fd = files->disk->openat(files->folder, name, flags, FILE_MODE);
    ENSURE(files->fd >= 0, ERR_IO, "cannot open the audit log: %s", strerrordesc_np(errno));
    ENSURE(fsync(files->folder) == 0, ERR_IO, "cannot sync the audit folder: %s",
           strerrordesc_np(errno));
    return err_ok();
}

static struct err cut_torn(struct log_files *files, const struct repair *end, uint64_t size)
{
    char name[REPAIR_NAME_MAX];
    TRY(repair_keep_tail(files->folder, files->fd, end, name));
    log_warning("audit", "cut %llu bytes of a torn record behind record %llu; they are kept in %s",
                (unsigned long long)(size - end->len), (unsigned long long)(end->next_seq - 1),
                name);
    return cut_file(files, end->len);
}

/* A torn record has no leaf: leaves are written when lines are synced. */
static struct err check_torn(const struct log_files *files, const struct repair *end)
{
    CLEANUP(leaf_reader_close) struct leaf_reader reader;
    struct tree_hash leaf;
    bool more = false;
    reader.fd = -1;
    TRY(leaf_reader_open(&reader, files->folder, files->file_first));
    reader.next = end->next_seq - files->file_first;
    TRY(leaf_reader_next(&reader, &leaf, &more));
    ENSURE(!more, ERR_CORRUPT,
           "record %llu of the audit log was whole and is damaged: its leaf file has it; restore "
           "the file",
           (unsigned long long)end->next_seq);
    return err_ok();
}

static struct err repair_newest(struct log_files *files)
{
    struct repair end = {0};
    struct stat status;
    TRY(repair_find_end(files->fd, files->file_first, &end));
    ENSURE(fstat(files->fd, &status) == 0, ERR_IO, "cannot read the audit log");
    if ((uint64_t)status.st_size > end.len) {
        TRY(check_torn(files, &end));
        TRY(cut_torn(files, &end, (uint64_t)status.st_size));
    }
    files->device = status.st_dev;
    files->inode = status.st_ino;
    files->durable_len = end.len;
    files->next_seq = end.next_seq;
    /* whole records may be there that the crashed process did not sync */
    return sync_file(files);
}

static struct err open_in_folder(struct log_files *files)
{
    CLEANUP(log_names_clear) struct log_names names = {0};
    TRY(log_names_list(files->folder, &names));
    files->file_first = names.count == 0 ? 1 : names.firsts[names.count - 1];
    TRY(open_newest(files));
    return repair_newest(files);
}

static struct err open_all(struct log_files *files, const char *folder)
{
    files->path = mem_text(folder);
    TRY(log_folder_open(folder, &files->folder));
    files->leaves.folder = files->folder;
    return open_in_folder(files);
}

struct err log_files_open(struct log_files *files, const char *folder,
                          const struct disk_calls *disk)
{
    *files = (struct log_files){
        .disk = disk, .folder = -1, .fd = -1, .leaves = {.disk = disk, .fd = -1}};
    struct err err = open_all(files, folder);
    if (err.code != ERR_OK) {
        log_files_close(files);
    }
    return err;
}

struct err log_files_reload(struct log_files *files)
{
    bool renewed = false;
    fd_close(&files->fd);
    leaf_file_close(&files->leaves);
    TRY(log_folder_renew(files->path, files->folder, &renewed));
    TRY(open_in_folder(files));
    files->suspect = false;
    files->leaves_suspect = false;
    files->lost = false;
    return err_ok();
}

void log_files_close(struct log_files *files)
{
    fd_close(&files->fd);
    leaf_file_close(&files->leaves);
    fd_close(&files->folder);
    mem_free(files->newest);
    mem_free(files->path);
    files->newest = NULL;
    files->path = NULL;
}

/* Opened, and made empty, by mend. */
static void begin_new_file(struct log_files *files)
{
    fd_close(&files->fd);
    leaf_file_close(&files->leaves);
    files->file_first = files->next_seq;
    files->first_edge = files->edge;
    files->durable_len = 0;
    files->inode = 0;
    files->suspect = true;
    files->leaves_suspect = true;
}

struct err log_files_begin_at(struct log_files *files, const struct tree_edge *edge)
{
    char name[LOG_NAME_MAX];
    char leaves[LOG_NAME_MAX];
    log_names_format(files->file_first, name);
    log_names_beside(files->file_first, LOG_LEAVES, leaves);
    bool gone = unlinkat(files->folder, name, 0) == 0 &&
                (unlinkat(files->folder, leaves, 0) == 0 || errno == ENOENT);
    ENSURE(gone, ERR_IO, "cannot remove an empty audit log: %s", strerrordesc_np(errno));
    files->edge = *edge;
    files->next_seq = edge->size + 1;
    begin_new_file(files);
    return err_ok();
}

/* Whether the file still has all that was synced. */
static bool is_kept(const struct log_files *files)
{
    struct stat status;
    return files->durable_len == 0 ||
           (lstat(files->newest, &status) == 0 && is_ours(files, &status) &&
            (uint64_t)status.st_size >= files->durable_len);
}

/* When records are gone, this try fails and the next one goes on in a new file, so that its first
 * record can say so. */
static struct err find_place(struct log_files *files)
{
    bool was_lost = files->lost;
    bool renewed = false;
    TRY(log_folder_renew(files->path, files->folder, &renewed));
    files->lost = was_lost || renewed || !is_kept(files);
    ENSURE(was_lost || !files->lost, ERR_IO, "records of the audit log are gone from its folder");
    if (files->lost && files->durable_len > 0) {
        begin_new_file(files);
    }
    return err_ok();
}

/* The leaf file beside the newest file, with what belongs into it. */
static struct err mend_leaves(struct log_files *files)
{
    if (!files->leaves_suspect) {
        return err_ok();
    }
    if (files->durable_len == 0) {
        TRY(leaf_file_begin(&files->leaves, files->file_first, &files->first_edge));
    } else {
        struct heads none = {0};
        struct tree_edge edge = files->first_edge;
        struct leaf_source lines = {files->fd, files->durable_len};
        TRY(leaf_file_mend(&files->leaves, files->file_first, &lines, &none, &edge));
    }
    files->leaves_suspect = false;
    return err_ok();
}

/* After a failure: see the top of this file. */
static struct err mend(struct log_files *files)
{
    fd_close(&files->fd);
    TRY(find_place(files));
    TRY(open_newest(files));
    TRY(know_newest(files));
    TRY(cut_file(files, files->durable_len));
    (void)posix_fadvise(files->fd, 0, 0, POSIX_FADV_DONTNEED);
    TRY(repair_check_end(files->fd, files->durable_len, files->next_seq - 1));
    TRY(mend_leaves(files));
    files->suspect = false;
    return err_ok();
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

static struct err append(struct log_files *files, const struct log_batch *batch)
{
    if (files->suspect) {
        TRY(mend(files));
    }
    if (files->durable_len > 0 && batch->new_file) {
        TRY(check_named(files, files->durable_len));
        begin_new_file(files);
        TRY(mend(files));
    }
    TRY(write_lines(files, batch->lines));
    return check_named(files, files->durable_len + batch->lines.len);
}

/* Cuts the `len` refused bytes off at once if it can be, so that readers meet no refused records;
 * also when somebody cut the file before them. */
static void take_back(struct log_files *files, uint64_t len)
{
    struct stat status;
    uint64_t keep = files->durable_len;
    if (files->lost && fstat(files->fd, &status) == 0 && (uint64_t)status.st_size < keep + len) {
        keep = (uint64_t)status.st_size > len ? (uint64_t)status.st_size - len : 0;
    }
    (void)files->disk->ftruncate(files->fd, (off_t)keep);
}

void log_files_drop(struct log_files *files, const struct log_batch *batch)
{
    files->suspect = true;
    if (files->fd >= 0) {
        take_back(files, batch->lines.len);
    }
}

struct err log_files_write(struct log_files *files, const struct log_batch *batch)
{
    struct err err = append(files, batch);
    if (err.code != ERR_OK) {
        log_files_drop(files, batch);
    }
    return err;
}

void log_files_keep(struct log_files *files, const struct log_batch *batch)
{
    files->durable_len += batch->lines.len;
    files->next_seq += batch->count;
    files->lost = false;
    for (size_t i = 0; i < batch->count; i++) {
        tree_append(&files->edge, &batch->leaves[i]);
    }
    struct err err = leaf_file_append(&files->leaves, batch->leaves, batch->count);
    if (err.code != ERR_OK) { /* the records stand; the next write makes the leaves from them */
        log_warning("audit", "%s", err.detail);
        files->suspect = true;
        files->leaves_suspect = true;
    }
}
