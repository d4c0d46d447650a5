/* bulk_batch: the lines that go to the gateway in one request, and what became of each. Pure. */
#ifndef HSMGATE_CLI_BULK_BATCH_H
#define HSMGATE_CLI_BULK_BATCH_H

#include "cli/bulk_line.h"

#define BULK_ITEMS_MAX 256               /* of one request, as the gateway takes them */
#define BULK_BODY_MAX  ((size_t)1 << 20) /* likewise, bytes */
/* Lines that ask nothing fill a batch too, or a file of empty lines would be held whole. */
#define BULK_LINES_MAX 1024
#define BULK_TEXT_MAX  ((size_t)8 << 20) /* bytes of lines, when there is more than one */

struct bulk_batch {
    struct bulk_line *lines; /* of BULK_LINES_MAX; taken over */
    size_t count;
    size_t items;    /* lines that are BULK_ASKED */
    size_t body_len; /* of the request */
    size_t text_len;
};
void bulk_batch_init(struct bulk_batch *batch);
void bulk_batch_clear(struct bulk_batch *batch);
/* Makes it empty and keeps its memory. */
void bulk_batch_reset(struct bulk_batch *batch);
/* Takes a line that was read, which is then zeroed; false when it must go into the next batch. One
 * that no request has room for becomes BULK_BAD. */
bool bulk_batch_add(struct bulk_batch *batch, struct bulk_line *line);
bool bulk_batch_is_full(const struct bulk_batch *batch);

/* `{"items":[…]}` of the lines that are asked. */
MUST_USE struct err bulk_batch_body(const struct bulk_batch *batch, struct buf *out);
/* Gives each of them its result, in order, unless one says that the gateway cannot serve now: then
 * nothing changes and *out_busy has its error (else it is ok). ERR_CORRUPT when the answer has
 * another shape. */
MUST_USE struct err bulk_batch_answer(struct bulk_batch *batch, const struct json_value *answer,
                                      struct err *out_busy);

struct bulk_counts {
    uint64_t lines;
    uint64_t bytes; /* of the input */
    uint64_t rewrapped;
    uint64_t empty;
    uint64_t bad;
};
/* Adds those of a batch that has its answers. */
void bulk_batch_count(const struct bulk_batch *batch, struct bulk_counts *counts);
/* What goes out: good and empty lines in one, bad ones in the other. */
MUST_USE struct err bulk_batch_write(const struct bulk_batch *batch, struct buf *output,
                                     struct buf *rejects);

#endif
