/* bulk_line: one line of a bulk rewrap: a ciphertext in base64, or a JSON object that holds one.
 * Pure: no files, no gateway. */
#ifndef HSMGATE_CLI_BULK_LINE_H
#define HSMGATE_CLI_BULK_LINE_H

#include "base/json.h"

#define BULK_LINE_MAX ((size_t)4 << 20) /* bytes, without the newline */

enum bulk_fate {
    BULK_EMPTY, /* nothing but white space: goes through as it is */
    BULK_ASKED, /* `item` is for the gateway */
    BULK_GOOD,  /* `result` is the new ciphertext */
    BULK_BAD,   /* `err` says why */
};

struct bulk_line {
    struct buf text; /* as it came, without its newline; the start of a line over BULK_LINE_MAX */
    uint64_t taken;  /* bytes of the input that it took, newline included */
    uint64_t number; /* in the input, from 1 */
    size_t at;       /* where the ciphertext stands in `text`, without quotes */
    size_t len;
    enum bulk_fate fate;
    struct buf item;   /* JSON */
    struct buf result; /* base64 */
    struct err err;
};
void bulk_line_clear(struct bulk_line *line);

/* Judges `text` and makes the item. `context` is for lines that bring none of their own: the text
 * of a JSON object, or empty. Sets the fate, BULK_BAD with a code of the API's for what the
 * gateway would refuse anyway. */
void bulk_line_read(struct bulk_line *line, struct span context);
/* What the gateway answered for it: an object with `ciphertext`, or `error`, which makes the line
 * bad. ERR_CORRUPT for anything else. */
MUST_USE struct err bulk_line_answer(struct bulk_line *line, const struct json_value *answer);
/* Appends the line with the new ciphertext in the old one's place, or an empty line, and a
 * newline. */
MUST_USE struct err bulk_line_write(const struct bulk_line *line, struct buf *out);
/* Appends `{"line":N,"error":code,"detail":…,"input":…}` and a newline. A line that JSON text
 * cannot hold as it is stands in `input_base64`; of one over BULK_LINE_MAX there is the start, and
 * its length in `input_bytes`. */
MUST_USE struct err bulk_line_write_reject(const struct bulk_line *line, struct buf *out);

#endif
