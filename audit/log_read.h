/* log_read: lines of a log folder by their sequence. */
#ifndef HSMGATE_AUDIT_LOG_READ_H
#define HSMGATE_AUDIT_LOG_READ_H

#include "audit/audit.h"

struct log_range {
    uint64_t after; /* the first line has a sequence over this */
    uint64_t to;    /* the last one has this at most */
    size_t limit;   /* lines at most */
};
/* Appends lines, each with its newline, until `out` is full or the range ends; the last sequence
 * appended, or `after`. ERR_IO, ERR_CORRUPT. */
MUST_USE struct err log_read(int folder, const struct log_range *range, struct buf *out,
                             uint64_t *out_last);

#endif
