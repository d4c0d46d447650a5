/* Where signed checkpoints are kept: in each folder that has every record they speak of.
 *
 * One thread stores them, the witness; the writer goes on meanwhile. The leaves under a checkpoint
 * are synced first, so that they stand as long as it does. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "audit/history.h"
#include "audit/log_names.h"
#include "audit/writer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define FILE_MODE 0600

struct stored {
    uint64_t size;
    struct span note;
    struct span key;
    bool keep; /* in the history, too */
};

/* The log file that has the checkpoint's last record. */
static struct err find_file(int folder, uint64_t size, uint64_t *out_first)
{
    CLEANUP(log_names_clear) struct log_names names = {0};
    TRY(log_names_list(folder, &names));
    size_t i = log_names_find(&names, size == 0 ? 1 : size);
    ENSURE(i < names.count, ERR_IO, "the audit log is gone from its folder");
    *out_first = names.firsts[i];
    return err_ok();
}

static struct err sync_leaves(int folder, uint64_t first)
{
    char name[LOG_NAME_MAX];
    log_names_beside(first, LOG_LEAVES, name);
    CLEANUP(fd_close) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ENSURE(fd < 0 || fdatasync(fd) == 0, ERR_IO, "cannot sync the leaves of the audit log: %s",
           strerrordesc_np(errno));
    return err_ok();
}

/* Unless it stands there already. */
static struct err put_key(const char *folder, struct span key)
{
    CLEANUP(mem_free_at) char *path = mem_format("%s/" HISTORY_KEY, folder);
    CLEANUP(buf_clear) struct buf stands = {0};
    CLEANUP(buf_clear) struct buf line = {0};
    TRY(buf_append(&line, key));
    TRY(buf_append_text(&line, "\n"));
    if (file_read(path, &stands).code == ERR_OK && span_equal(buf_span(&stands), buf_span(&line))) {
        return err_ok();
    }
    return file_write(path, buf_span(&line), FILE_MODE);
}

static struct err put_in(const struct log_files *files, const struct stored *stored)
{
    uint64_t first = 0;
    TRY(find_file(files->folder, stored->size, &first));
    TRY(sync_leaves(files->folder, first));
    TRY(put_key(files->path, stored->key));
    CLEANUP(mem_free_at) char *path = mem_format("%s/" HISTORY_NEWEST, files->path);
    TRY(file_write(path, stored->note, FILE_MODE));
    return stored->keep ? history_append(files->folder, first, stored->note) : err_ok();
}

static bool has_all(struct audit *audit, size_t folder, uint64_t size)
{
    sync_lock(&audit->mutex);
    bool all = audit->folders[folder].durable_seq >= size;
    sync_unlock(&audit->mutex);
    return all;
}

struct err audit_put_checkpoint(struct audit *audit, struct span note, struct span key)
{
    char origin[CHECKPOINT_ORIGIN_MAX];
    struct tree_head head;
    struct err failed = err_ok();
    TRY(checkpoint_read(note, origin, &head));
    int64_t now = clock_mono_ns();
    struct stored stored = {head.size, note, key, now >= audit->history_ns};
    for (size_t i = 0; i < audit->sinks.count; i++) {
        if (has_all(audit, i, head.size)) {
            struct err err = put_in(&audit->sinks.all[i].files, &stored);
            failed = err.code == ERR_OK ? failed : err;
        }
    }
    if (stored.keep && failed.code == ERR_OK) {
        audit->history_ns = clock_deadline(HISTORY_MINUTES_MS);
    }
    return failed;
}

struct err audit_get_checkpoint(struct audit *audit, struct buf *out)
{
    return history_newest(writer_folder(audit), out);
}
