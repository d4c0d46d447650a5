/* Reads a log file by lines through a window that slides over it.
 *
 * The window holds the longest line at least, so a line is always given in one piece. Records are
 * in order of their sequence, so a place is found by halving the file: no index to keep. */
#include "audit/line_reader.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#include "base/banned.h"

#define WINDOW_MAX (8 * RECORD_LINE_MAX)

void line_reader_init(struct line_reader *reader, int fd, uint64_t offset)
{
    *reader = (struct line_reader){.fd = fd, .offset = offset};
    buf_init(&reader->window, WINDOW_MAX);
}

void line_reader_clear(struct line_reader *reader)
{
    buf_clear(&reader->window);
}

static struct span unread(const struct line_reader *reader)
{
    struct span all = buf_span(&reader->window);
    return reader->used == 0 ? all : span_of(all.data + reader->used, all.len - reader->used);
}

static void drop_used(struct line_reader *reader)
{
    size_t left = reader->window.len - reader->used;
    if (left > 0) {
        memmove(reader->window.data, reader->window.data + reader->used, left);
    }
    buf_truncate(&reader->window, left);
    reader->used = 0;
}

static struct err fill(struct line_reader *reader)
{
    drop_used(reader);
    size_t before = reader->window.len;
    size_t room = WINDOW_MAX - before;
    uint8_t *place = NULL;
    TRY(buf_extend(&reader->window, room, &place));
    ssize_t got = -1;
    do {
        got = pread(reader->fd, place, room, (off_t)(reader->offset + before));
    } while (got < 0 && errno == EINTR);
    buf_truncate(&reader->window, before + (got > 0 ? (size_t)got : 0));
    ENSURE(got >= 0, ERR_IO, "cannot read the audit log: %s", strerrordesc_np(errno));
    reader->at_end = got == 0;
    return err_ok();
}

/* Bytes up to and with the newline, 0 when there is none. */
static size_t line_len(struct span bytes)
{
    size_t len = bytes.len < RECORD_LINE_MAX ? bytes.len : RECORD_LINE_MAX;
    const uint8_t *end = len == 0 ? NULL : memchr(bytes.data, '\n', len);
    return end == NULL ? 0 : (size_t)(end - bytes.data) + 1;
}

struct err line_reader_next(struct line_reader *reader, struct line *out, bool *out_more)
{
    size_t len = line_len(unread(reader));
    while (len == 0 && !reader->at_end && unread(reader).len < RECORD_LINE_MAX) {
        TRY(fill(reader));
        len = line_len(unread(reader));
    }
    struct span rest = unread(reader);
    if (rest.len == 0) {
        *out_more = false;
        return err_ok();
    }
    struct line line = {
        .offset = reader->offset,
        .whole = len > 0,
        .bytes = span_of(rest.data, len > 0 ? len : rest.len),
    };
    line.is_record = line.whole && record_read_seq(line.bytes, &line.seq);
    reader->used += line.bytes.len;
    reader->offset += line.bytes.len;
    *out = line;
    *out_more = line.whole;
    return err_ok();
}

void line_reader_unread(struct line_reader *reader, size_t len)
{
    reader->used -= len;
    reader->offset -= len;
}

/* The first line that starts behind `offset` (at it, when it is 0). */
static struct err line_from(int fd, uint64_t offset, struct line *out, bool *out_more)
{
    CLEANUP(line_reader_clear) struct line_reader reader;
    line_reader_init(&reader, fd, offset);
    struct line line = {0};
    bool more = false;
    TRY(line_reader_next(&reader, &line, &more));
    if (offset > 0 && more) {
        TRY(line_reader_next(&reader, &line, &more));
    }
    ENSURE(!more || line.is_record, ERR_CORRUPT, "the audit log has a damaged line");
    line.bytes = span_of(NULL, 0); /* the window goes away */
    *out = line;
    *out_more = more;
    return err_ok();
}

/* Narrows [low, high) to about one window in which the line starts. */
struct err line_reader_find(int fd, uint64_t after, uint64_t *out_offset)
{
    struct stat status;
    ENSURE(fstat(fd, &status) == 0, ERR_IO, "cannot read the audit log");
    uint64_t low = 0; /* a line with a sequence <= after starts here, or it is 0 */
    uint64_t high = (uint64_t)status.st_size;
    while (high - low > WINDOW_MAX) {
        uint64_t middle = low + (high - low) / 2;
        struct line line = {0};
        bool more = false;
        TRY(line_from(fd, middle, &line, &more));
        if (more && line.seq <= after) {
            low = line.offset;
        } else {
            high = middle;
        }
    }
    CLEANUP(line_reader_clear) struct line_reader reader;
    line_reader_init(&reader, fd, low);
    struct line line = {0};
    bool more = false;
    TRY(line_reader_next(&reader, &line, &more));
    while (more && line.is_record && line.seq <= after) {
        TRY(line_reader_next(&reader, &line, &more));
    }
    *out_offset = more ? line.offset : reader.offset;
    return err_ok();
}
