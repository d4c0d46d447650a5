/* Reads in pieces and cuts lines out of them. A wait for more ends when a signal comes, so that a
 * slow pipe does not hold up a stop. */
#include "cli/bulk_input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"

#define WINDOW ((size_t)64 << 10)

/* The last bytes before the end of the line. */
static void check_line(struct bulk_mark *mark, const struct bulk_line *line)
{
    mark->check_len = 0;
    if (line->taken > line->text.len + 1) {
        return; /* it is not kept whole: there is nothing to check by */
    }
    const size_t newline = line->taken > line->text.len ? 1 : 0;
    const size_t room = BULK_CHECK_MAX - newline;
    const size_t len = line->text.len < room ? line->text.len : room;
    const struct span parts[] = {span_of(line->text.data + line->text.len - len, len),
                                 span_of("\n", newline)};
    mark->check_len = len + newline;
    digest_sha256_parts(parts, ARRAY_LEN(parts), mark->check);
}

void bulk_mark_pass(struct bulk_mark *mark, const struct bulk_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mark->bytes += lines[i].taken;
        mark->lines = lines[i].number;
    }
    if (count > 0) {
        check_line(mark, &lines[count - 1]);
    }
}

static struct err measure(struct bulk_input *input)
{
    struct stat status;
    ENSURE(fstat(input->fd, &status) == 0, ERR_IO, "the input cannot be read: %s", strerror(errno));
    const off_t base = lseek(input->fd, 0, SEEK_CUR);
    input->regular = S_ISREG(status.st_mode) && base >= 0;
    if (input->regular) {
        input->base = (uint64_t)base;
        input->size = status.st_size > base ? (uint64_t)(status.st_size - base) : 0;
    }
    return err_ok();
}

struct err bulk_input_open(const char *path, struct stop *stop, struct bulk_input *out)
{
    CLEANUP(bulk_input_close) struct bulk_input input = {.stop = stop, .fd = -1};
    if (path == NULL || strcmp(path, "-") == 0) {
        input.fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
        ENSURE(input.fd >= 0, ERR_IO, "standard input is closed: name a file with --in FILE");
    } else {
        input.fd = open(path, O_RDONLY | O_CLOEXEC);
        ENSURE(input.fd >= 0, ERR_IO, "%s: %s", path, strerror(errno));
    }
    TRY(measure(&input));
    input.window = mem_alloc(WINDOW);
    *out = input;
    input = (struct bulk_input){.fd = -1};
    return err_ok();
}

void bulk_input_close(struct bulk_input *input)
{
    fd_close(&input->fd);
    bulk_line_clear(&input->line);
    mem_free(input->window);
    input->window = NULL;
}

/* Reads the next piece when the window is empty. *out_got is BULK_GOT_LINE when there are bytes. */
static struct err fill(struct bulk_input *input, int64_t deadline_ns, enum bulk_got *out_got)
{
    if (input->start < input->end) {
        *out_got = BULK_GOT_LINE;
        return err_ok();
    }
    const enum stop_event event = stop_wait(input->stop, input->fd, deadline_ns);
    if (event != STOP_READABLE) {
        *out_got = event == STOP_ASKED ? BULK_GOT_STOP : BULK_GOT_NOTHING;
        return err_ok();
    }
    ssize_t got;
    do {
        got = read(input->fd, input->window, WINDOW);
    } while (got < 0 && errno == EINTR);
    ENSURE(got >= 0, ERR_IO, "the input cannot be read: %s", strerror(errno));
    input->start = 0;
    input->end = (size_t)got;
    *out_got = got > 0 ? BULK_GOT_LINE : BULK_GOT_END;
    return err_ok();
}

/* Moves bytes of the window to the line, up to a newline; true when that was there. */
static struct err take_piece(struct bulk_input *input, bool *out_whole)
{
    struct bulk_line *line = &input->line;
    const uint8_t *from = input->window + input->start;
    const size_t there = input->end - input->start;
    const uint8_t *newline = memchr(from, '\n', there);
    const size_t len = newline != NULL ? (size_t)(newline - from) : there;
    const size_t room = BULK_LINE_MAX - line->text.len;
    TRY(buf_append(&line->text, span_of(from, len < room ? len : room)));
    input->start += len + (newline != NULL ? 1 : 0);
    line->taken += len + (newline != NULL ? 1 : 0);
    *out_whole = newline != NULL;
    return err_ok();
}

static void give_line(struct bulk_input *input, struct bulk_line *out)
{
    const uint64_t number = input->line.number + 1;
    *out = input->line;
    out->number = number;
    input->line = (struct bulk_line){.number = number};
}

struct err bulk_input_next(struct bulk_input *input, int64_t wait_ms, struct bulk_line *out,
                           enum bulk_got *out_got)
{
    const int64_t deadline_ns = clock_deadline(wait_ms);
    bool whole = false;
    while (!whole) {
        TRY(fill(input, deadline_ns, out_got));
        if (*out_got == BULK_GOT_END && input->line.taken > 0) {
            break;
        }
        if (*out_got != BULK_GOT_LINE) {
            return err_ok();
        }
        TRY(take_piece(input, &whole));
    }
    give_line(input, out);
    *out_got = BULK_GOT_LINE;
    return err_ok();
}

/* Reads `len` bytes away. */
static struct err discard(struct bulk_input *input, uint64_t len, bool *out_stopped)
{
    while (len > 0) {
        enum bulk_got got = BULK_GOT_END;
        TRY(fill(input, INT64_MAX, &got));
        *out_stopped = got == BULK_GOT_STOP;
        if (*out_stopped) {
            return err_ok();
        }
        ENSURE(got != BULK_GOT_END, ERR_CONFLICT,
               "the input is shorter than what is done of it: it is not the same");
        const size_t there = input->end - input->start;
        const size_t now = len < there ? (size_t)len : there;
        input->start += now;
        len -= now;
    }
    return err_ok();
}

/* The bytes before the mark, from where the input stands. */
static struct err check_mark(struct bulk_input *input, const struct bulk_mark *mark,
                             bool *out_stopped)
{
    uint8_t bytes[BULK_CHECK_MAX];
    uint8_t digest[DIGEST_MAX];
    for (size_t i = 0; i < mark->check_len; i++) {
        TRY(discard(input, 1, out_stopped));
        if (*out_stopped) {
            return err_ok();
        }
        bytes[i] = input->window[input->start - 1];
    }
    digest_of(DIGEST_SHA256, span_of(bytes, mark->check_len), digest);
    ENSURE(mark->check_len == 0 || memcmp(digest, mark->check, SHA256_LEN) == 0, ERR_CONFLICT,
           "line %llu of the input is not the one that was done: it is not the same input",
           (unsigned long long)mark->lines);
    return err_ok();
}

struct err bulk_input_go_to(struct bulk_input *input, const struct bulk_mark *mark,
                            bool *out_stopped)
{
    const uint64_t before = mark->bytes - mark->check_len;
    *out_stopped = false;
    if (input->regular) {
        ENSURE(mark->bytes <= input->size, ERR_CONFLICT,
               "the input is shorter than what is done of it: it is not the same");
        ENSURE(lseek(input->fd, (off_t)(input->base + before), SEEK_SET) >= 0, ERR_IO,
               "the input cannot be read: %s", strerror(errno));
    } else {
        TRY(discard(input, before, out_stopped));
    }
    if (!*out_stopped) {
        TRY(check_mark(input, mark, out_stopped));
    }
    input->line.number = mark->lines;
    return err_ok();
}
