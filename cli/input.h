/* input: what a command works on, from a file or standard input; never from an argument. */
#ifndef HSMGATE_CLI_INPUT_H
#define HSMGATE_CLI_INPUT_H

#include "base/algorithm.h"
#include "cli/options.h"

/* The whole of --in FILE or standard input; ERR_TOO_LARGE over `max`. */
MUST_USE struct err input_read(const struct options *options, size_t max, struct buf *out);
/* A whole file; ERR_NOT_FOUND, ERR_TOO_LARGE, ERR_IO, with its path. */
MUST_USE struct err input_read_named(const char *path, size_t max, struct buf *out);
/* Base64 text with white space around it, as the server writes it: the text alone. */
MUST_USE struct err input_read_base64(const struct options *options, struct buf *out);
/* A small file: base64 text, or bytes when `raw`, which come out as base64. */
enum input_form { INPUT_BASE64, INPUT_RAW };
MUST_USE struct err input_read_file_base64(const char *path, enum input_form form, struct buf *out);
/* Says which hash a large input wants; asked once, and only when the input is large. */
typedef struct err input_choose_digest(void *arg, enum digest *out);
/* Reads all of the input: up to `message_max` bytes as they are, more as their digest (then
 * *out_hashed). */
MUST_USE struct err input_read_or_hash(const struct options *options, size_t message_max,
                                       input_choose_digest *choose, void *arg, struct buf *out,
                                       bool *out_hashed);

#endif
