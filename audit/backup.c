/* backup: a copy of the log up to one moment, while it goes on.
 *
 * Durable records never change, so their bytes are copied without a lock. Checkpoints are copied
 * first and the tree's head is taken after them: what the copy says of itself is never more than
 * what it has. The copy opens as a log and goes on where the head was. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/history.h"
#include "audit/leaf_reader.h"
#include "audit/line_reader.h"
#include "audit/log_names.h"
#include "audit/writer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include "base/banned.h"

#define CHUNK ((size_t)256 << 10)

struct copying {
    int from; /* folders */
    int to;
    audit_progress *progress;
    void *arg;
    uint64_t done; /* bytes */
    uint64_t total;
    uint8_t *chunk;
};

static void copying_clear(struct copying *copying)
{
    fd_close(&copying->to);
    mem_free(copying->chunk);
}

static struct err failure(const char *what)
{
    return err_new(ERR_IO, __func__, "%s: %s", what, strerrordesc_np(errno));
}

/* Reads up to `want` bytes; fewer only at the end of the file. */
static struct err read_chunk(int fd, uint8_t *out, size_t want, size_t *out_got)
{
    size_t got = 0;
    while (got < want) {
        ssize_t more = read(fd, out + got, want - got);
        if (more < 0 && errno == EINTR) {
            continue;
        }
        if (more < 0) {
            return failure("the log cannot be read");
        }
        if (more == 0) {
            break;
        }
        got += (size_t)more;
    }
    *out_got = got;
    return err_ok();
}

static struct err copy_bytes(struct copying *copying, int from, int to, uint64_t len)
{
    while (len > 0) {
        size_t got = 0;
        size_t want = len < CHUNK ? (size_t)len : CHUNK;
        TRY(read_chunk(from, copying->chunk, want, &got));
        if (got == 0) {
            break; /* leaves may be behind their lines: they are made again */
        }
        TRY(fd_write_all(to, span_of(copying->chunk, got)));
        len -= got;
        copying->done += got;
        ENSURE(copying->progress(copying->arg, copying->done, copying->total), ERR_DEADLINE,
               "the backup was stopped");
    }
    return fsync(to) == 0 ? err_ok() : failure("the backup cannot be written");
}

/* The first `len` bytes of a file; one that is not there is left out. */
static struct err copy_file(struct copying *copying, const char *name, uint64_t len)
{
    CLEANUP(fd_close) int from = openat(copying->from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0 && errno == ENOENT) {
        return err_ok();
    }
    CLEANUP(fd_close)
    int to = openat(copying->to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (from < 0 || to < 0) {
        return failure("a file of the backup cannot be made");
    }
    return copy_bytes(copying, from, to, len);
}

static struct err copy_checkpoints(struct copying *copying, const struct log_names *names)
{
    TRY(copy_file(copying, HISTORY_NEWEST, UINT64_MAX));
    TRY(copy_file(copying, HISTORY_KEY, UINT64_MAX));
    for (size_t i = 0; i < names->count; i++) {
        char name[LOG_NAME_MAX];
        log_names_beside(names->firsts[i], LOG_CHECKPOINTS, name);
        TRY(copy_file(copying, name, UINT64_MAX));
    }
    return err_ok();
}

/* Bytes of the lines of records up to `last`. */
static struct err lines_len(const struct copying *copying, uint64_t first, uint64_t last,
                            uint64_t *out)
{
    char name[LOG_NAME_MAX];
    log_names_format(first, name);
    CLEANUP(fd_close) int fd = openat(copying->from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return failure("a file of the log cannot be opened");
    }
    return line_reader_find(fd, last, out);
}

static struct err copy_records(struct copying *copying, uint64_t first, uint64_t last)
{
    char name[LOG_NAME_MAX];
    uint64_t len = 0;
    TRY(lines_len(copying, first, last, &len));
    log_names_format(first, name);
    TRY(copy_file(copying, name, len));
    log_names_beside(first, LOG_LEAVES, name);
    return copy_file(copying, name, leaf_edge_len(first) + (last - first + 1) * TREE_HASH_LEN);
}

/* The last record of the file of that index, as far as it is under the head. */
static uint64_t last_of(const struct log_names *names, size_t i, uint64_t size)
{
    uint64_t last = i + 1 < names->count ? names->firsts[i + 1] - 1 : size;
    return last < size ? last : size;
}

static void add_up(struct copying *copying, const struct log_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        static const char *const endings[] = {"jsonl", LOG_LEAVES, LOG_CHECKPOINTS};
        for (size_t e = 0; e < ARRAY_LEN(endings); e++) {
            char name[LOG_NAME_MAX];
            struct stat facts;
            log_names_beside(names->firsts[i], endings[e], name);
            bool there = fstatat(copying->from, name, &facts, AT_SYMLINK_NOFOLLOW) == 0;
            copying->total += there ? (uint64_t)facts.st_size : 0;
        }
    }
}

static struct err copy_all(struct audit *audit, struct copying *copying, struct tree_head *out)
{
    CLEANUP(log_names_clear) struct log_names names = {0};
    TRY(log_names_list(copying->from, &names));
    add_up(copying, &names);
    TRY(copy_checkpoints(copying, &names));
    struct tree_head head;
    audit_head(audit, &head);
    log_names_clear(&names);
    TRY(log_names_list(copying->from, &names)); /* a new file may have begun */
    for (size_t i = 0; i < names.count && names.firsts[i] <= head.size; i++) {
        TRY(copy_records(copying, names.firsts[i], last_of(&names, i, head.size)));
    }
    *out = head;
    return fsync(copying->to) == 0 ? err_ok() : failure("the backup cannot be written");
}

struct err audit_backup(struct audit *audit, const char *folder, audit_progress *progress,
                        void *arg, struct tree_head *out)
{
    CLEANUP(copying_clear)
    struct copying copying = {.from = writer_folder(audit),
                              .to = -1,
                              .progress = progress,
                              .arg = arg,
                              .chunk = mem_alloc(CHUNK)};
    TRY(file_make_folder(folder, 0700));
    copying.to = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (copying.to < 0) {
        return failure("the backup's folder cannot be opened");
    }
    return copy_all(audit, &copying, out);
}
