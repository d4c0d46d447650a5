/* bulk_input: the lines of a file or of standard input, one after the other, with their places. */
#ifndef HSMGATE_CLI_BULK_INPUT_H
#define HSMGATE_CLI_BULK_INPUT_H

#include "base/digest.h"
#include "cli/bulk_line.h"
#include "cli/stop.h"

#define BULK_CHECK_MAX 4096

/* A place behind a line, and what stands before it, to know the input again. */
struct bulk_mark {
    uint64_t lines;
    uint64_t bytes;
    size_t check_len; /* bytes before the place that `check` is the SHA-256 of */
    uint8_t check[SHA256_LEN];
};
/* Moves the mark behind the lines. */
void bulk_mark_pass(struct bulk_mark *mark, const struct bulk_line *lines, size_t count);

struct bulk_input {
    struct stop *stop;
    int fd;
    bool regular;
    uint64_t base; /* of a regular file: where it was when it was opened */
    uint64_t size; /* likewise: bytes behind that; else 0 */
    uint8_t *window;
    size_t start; /* of what was read and not given yet */
    size_t end;
    bool ended;
    struct bulk_line line; /* at hand; its number counts on */
};
/* `path` NULL or `-`: standard input. ERR_IO. */
MUST_USE struct err bulk_input_open(const char *path, struct stop *stop, struct bulk_input *out);
void bulk_input_close(struct bulk_input *input);

enum bulk_got { BULK_GOT_LINE, BULK_GOT_END, BULK_GOT_NOTHING, BULK_GOT_STOP };
/* The next line, which is zeroed before; nothing when none comes within `wait_ms`; stop when a
 * signal came. A last line needs no newline. ERR_IO. */
MUST_USE struct err bulk_input_next(struct bulk_input *input, int64_t wait_ms,
                                    struct bulk_line *out, enum bulk_got *out_got);
/* Goes to a mark that was made in the same input; call it before the first line is read. What
 * cannot be sought is read. ERR_CONFLICT when the input is another one, ERR_IO; *out_stopped when a
 * signal came first. */
MUST_USE struct err bulk_input_go_to(struct bulk_input *input, const struct bulk_mark *mark,
                                     bool *out_stopped);

#endif
