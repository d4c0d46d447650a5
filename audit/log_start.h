/* log_start: the tree of a log that was just opened, checked against what its folder keeps. */
#ifndef HSMGATE_AUDIT_LOG_START_H
#define HSMGATE_AUDIT_LOG_START_H

#include "audit/history.h"
#include "audit/log_files.h"

/* Adds the newest checkpoint and the history that can be compared with it. ERR_CORRUPT when the
 * newest is no checkpoint; ERR_IO. */
MUST_USE struct err log_start_heads(struct log_files *files, struct heads *out);
/* Rebuilds the edge from the leaf files, from the last file that begins within the newest of
 * `heads` on; makes leaves that are missing; compares the newest file with its leaves and the tree
 * with the heads. Leaves are ready to be appended. ERR_CORRUPT says which record is wrong; ERR_IO.
 */
MUST_USE struct err log_start(struct log_files *files, struct heads *heads);
/* After log_start: that the log is as long as the newest of the heads. ERR_CORRUPT. */
MUST_USE struct err log_start_check_end(const struct log_files *files, const struct heads *heads);

#endif
