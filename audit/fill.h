/* fill: brings a folder of the log up to another one. */
#ifndef HSMGATE_AUDIT_FILL_H
#define HSMGATE_AUDIT_FILL_H

#include "audit/log_files.h"

#define FILL_MAX ((size_t)1 << 20) /* of one step */

/* Checks that the shorter one is how the longer one begins; an empty one begins where the other
 * does. ERR_CORRUPT naming both, ERR_IO. */
MUST_USE struct err fill_prepare(struct log_files *shorter, struct log_files *longer);
/* Copies the next lines, FILL_MAX bytes at most, by way of `bytes`. ERR_CORRUPT, ERR_IO. */
MUST_USE struct err fill_step(struct log_files *to, struct log_files *from, struct buf *bytes);

#endif
