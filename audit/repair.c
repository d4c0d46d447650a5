/* Where a log file ends, after a crash.
 *
 * A batch is written by one call and synced after it, so a crash tears the end: a line without a
 * newline, or zeros up to the end where the file grew before its bytes arrived. Both are cut, after
 * a copy went to a file aside. Damage or a hole with whole records behind it is something else, a
 * disk or a person, and those records may have been acknowledged: nothing is cut then. */
#include "audit/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "audit/line_reader.h"
#include "audit/log_names.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

/* Bytes that cannot begin a record: a run of zeros, or up to the next zero or line. */
static size_t skip_len(struct span bytes)
{
    size_t len = 1;
    bool is_hole = bytes.data[0] == 0;
    while (len < bytes.len && (bytes.data[len] == 0) == is_hole && bytes.data[len - 1] != '\n') {
        len++;
    }
    return len;
}

/* Whether a whole record starts in the line just read, or behind it. */
static struct err records_follow(struct line_reader *reader, const struct line *first, bool *out)
{
    struct line line = *first;
    while (line.bytes.len > 0 && !line.is_record) {
        line_reader_unread(reader, line.bytes.len - skip_len(line.bytes));
        bool more = false;
        line = (struct line){0};
        TRY(line_reader_next(reader, &line, &more));
    }
    *out = line.is_record;
    return err_ok();
}

/* A line that is not the next record: torn, or damage? */
static struct err judge_damage(struct line_reader *reader, const struct line *line, uint64_t first)
{
    char name[LOG_NAME_MAX];
    log_names_format(first, name);
    unsigned long long offset = line->offset;
    bool follow = false;
    TRY(records_follow(reader, line, &follow));
    ENSURE(
        !follow, ERR_CORRUPT,
        "%s is damaged at byte %llu and records follow: restore the file, or keep a copy and cut "
        "it there (truncate -s %llu)",
        name, offset, offset);
    return err_ok();
}

struct err repair_find_end(int fd, uint64_t first, struct repair *out)
{
    CLEANUP(line_reader_clear) struct line_reader reader;
    line_reader_init(&reader, fd, 0);
    struct repair end = {.next_seq = first};
    for (;;) {
        struct line line = {0};
        bool more = false;
        TRY(line_reader_next(&reader, &line, &more));
        if (!more || !line.is_record || line.seq != end.next_seq) {
            if (line.bytes.len > 0) {
                TRY(judge_damage(&reader, &line, first));
            }
            *out = end;
            return err_ok();
        }
        end.len = reader.offset;
        end.next_seq++;
    }
}

static struct err copy_from(int fd, uint64_t offset, int to)
{
    uint8_t piece[4096];
    for (;;) {
        ssize_t got = pread(fd, piece, sizeof(piece), (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got >= 0, ERR_IO, "cannot read the audit log: %s", strerrordesc_np(errno));
        if (got == 0) {
            return err_ok();
        }
        TRY(fd_write_all(to, span_of(piece, (size_t)got)));
        offset += (uint64_t)got;
    }
}

struct err repair_keep_tail(int folder, int fd, const struct repair *end,
                            char out_name[REPAIR_NAME_MAX])
{
    (void)snprintf(out_name, REPAIR_NAME_MAX, "torn-%012" PRIu64 ".bin", end->next_seq);
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    CLEANUP(fd_close) int to = openat(folder, out_name, flags, 0600);
    ENSURE(to >= 0, ERR_IO, "cannot keep the torn end of the audit log: %s",
           strerrordesc_np(errno));
    TRY(copy_from(fd, end->len, to));
    ENSURE(fsync(to) == 0 && fsync(folder) == 0, ERR_IO,
           "cannot sync the torn end of the audit log: %s", strerrordesc_np(errno));
    return err_ok();
}

struct err repair_check_end(int fd, uint64_t len, uint64_t seq)
{
    if (len == 0) {
        return err_ok();
    }
    uint64_t start = len > RECORD_LINE_MAX ? len - RECORD_LINE_MAX : 0;
    CLEANUP(line_reader_clear) struct line_reader reader;
    line_reader_init(&reader, fd, start);
    struct line last = {0};
    bool more = true;
    while (more && reader.offset < len) {
        TRY(line_reader_next(&reader, &last, &more));
    }
    ENSURE(reader.offset == len && last.is_record && last.seq == seq, ERR_CORRUPT,
           "the audit log does not end with its last record");
    return err_ok();
}
