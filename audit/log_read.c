/* Reading the log back, while it is written.
 *
 * Callers ask for durable records only. These never change again, so the files are read without a
 * lock, through descriptors of our own. */
#include "audit/log_read.h"

#include <errno.h>
#include <fcntl.h>

#include "audit/line_reader.h"
#include "audit/log_names.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

struct reading {
    uint64_t last; /* sequence given out, or where to begin behind */
    uint64_t to;   /* not beyond this */
    size_t left;   /* lines that may still be given */
    struct buf *out;
};

/* Whether the line is given; false too when `out` is full. */
static bool give(struct reading *reading, const struct line *line)
{
    if (line->seq > reading->to || reading->left == 0 ||
        buf_append(reading->out, line->bytes).code != ERR_OK) {
        reading->left = 0;
        return false;
    }
    reading->last = line->seq;
    reading->left--;
    return true;
}

static struct err read_file(int fd, struct reading *reading)
{
    uint64_t offset = 0;
    TRY(line_reader_find(fd, reading->last, &offset));
    CLEANUP(line_reader_clear) struct line_reader reader;
    line_reader_init(&reader, fd, offset);
    while (reading->left > 0) {
        struct line line = {0};
        bool more = false;
        TRY(line_reader_next(&reader, &line, &more));
        if (!more) {
            break;
        }
        ENSURE(line.is_record, ERR_CORRUPT, "the audit log has a damaged line");
        if (!give(reading, &line)) {
            break;
        }
    }
    return err_ok();
}

static struct err read_named(int folder, uint64_t first, struct reading *reading)
{
    char name[LOG_NAME_MAX];
    log_names_format(first, name);
    CLEANUP(fd_close) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) { /* moved away by the operator just now */
        return err_ok();
    }
    ENSURE(fd >= 0, ERR_IO, "cannot open the audit log: %s", strerrordesc_np(errno));
    return read_file(fd, reading);
}

struct err log_read(int folder, const struct log_range *range, struct buf *out, uint64_t *out_last)
{
    struct reading reading = {
        .last = range->after, .to = range->to, .left = range->limit, .out = out};
    if (range->after < range->to) {
        CLEANUP(log_names_clear) struct log_names names = {0};
        TRY(log_names_list(folder, &names));
        size_t i = log_names_find(&names, range->after + 1);
        for (; i < names.count && reading.left > 0; i++) {
            TRY(read_named(folder, names.firsts[i], &reading));
        }
    }
    *out_last = reading.last;
    return err_ok();
}
