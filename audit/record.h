/* record: one line of the log, as JSON with fields in a fixed order. */
#ifndef HSMGATE_AUDIT_RECORD_H
#define HSMGATE_AUDIT_RECORD_H

#include "audit/audit.h"

/* No line is longer, sequence and newline included. */
#define RECORD_LINE_MAX ((size_t)32 << 10)
#define RECORD_TAIL_MAX (RECORD_LINE_MAX - 64)

/* Appends the line without its start `{"seq":N,`, which the writer knows first: `"time":…}\n`.
 * Fields too long are cut. ERR_INVALID_FIELD when `detail` is too long or not on one line. */
MUST_USE struct err record_write_tail(const struct audit_record *record, struct buf *out);
/* Appends `{"seq":N,` and the tail. */
MUST_USE struct err record_write_line(uint64_t seq, struct span tail, struct buf *out);
/* Reads N from a line (with or without newline) that starts as a record and ends as one, without
 * zero bytes; false for any other. */
bool record_read_seq(struct span line, uint64_t *out_seq);

#endif
