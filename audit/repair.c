/* Where a log file ends, after a crash.
 *
 * A batch is written by one call and synced after it, so a crash tears the end: a line without a
 * newline, or a hole of zeros where the file grew before its bytes arrived. Both were never
 * acknowledged and are cut. A damaged line with whole records behind it is something else, a disk
 * or a person, and nothing is cut then. */
#include "audit/repair.h"

#include "audit/line_reader.h"
#include "base/mem.h"

#include "base/banned.h"

/* Whether whole records follow the reader's place. */
static struct err records_follow(struct line_reader *reader, bool *out)
{
    struct line line = {0};
    bool more = true;
    while (more && !line.is_record) {
        TRY(line_reader_next(reader, &line, &more));
    }
    *out = more;
    return err_ok();
}

/* A line that is not the next record: torn, or damage? */
static struct err judge_damage(struct line_reader *reader, const struct line *line)
{
    bool is_hole = line->bytes.len > 0 && line->bytes.data[0] == 0;
    bool follow = line->is_record;
    uint64_t offset = line->offset;
    if (line->whole && !follow) {
        TRY(records_follow(reader, &follow));
    }
    ENSURE(!follow || is_hole, ERR_CORRUPT,
           "the audit log is damaged at byte %llu of its last file: look at it before going on",
           (unsigned long long)offset);
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
                TRY(judge_damage(&reader, &line));
            }
            *out = end;
            return err_ok();
        }
        end.len = reader.offset;
        end.next_seq++;
    }
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
