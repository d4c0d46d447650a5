/* leaf_file: writing `audit-N.leaves`, see leaf_reader. */
#ifndef HSMGATE_AUDIT_LEAF_FILE_H
#define HSMGATE_AUDIT_LEAF_FILE_H

#include "audit/disk.h"
#include "audit/history.h"

struct leaf_file {
    const struct disk_calls *disk;
    int folder; /* borrowed */
    int fd;     /* -1: not open */
    uint64_t first;
};

/* The lines of the log file beside it, to build from. */
struct leaf_source {
    int fd;
    uint64_t len; /* whole records up to here */
};

/* Makes the file, or makes it empty, and writes the edge before its first record. ERR_IO. */
MUST_USE struct err leaf_file_begin(struct leaf_file *file, uint64_t first,
                                    const struct tree_edge *edge);
/* Opens the file, compares each leaf with its line and writes those that are not there. `edge` is
 * that before the first record, and behind the last afterwards; what it meets of `heads` must fit.
 * ERR_CORRUPT when a line, a leaf, the edge at its start or a head does not fit, or records are
 * missing that have a leaf; ERR_IO. */
MUST_USE struct err leaf_file_mend(struct leaf_file *file, uint64_t first,
                                   const struct leaf_source *lines, struct heads *heads,
                                   struct tree_edge *edge);
/* Not synced: leaves can be made again. ERR_IO, and the file must be mended. */
MUST_USE struct err leaf_file_append(struct leaf_file *file, const struct tree_hash *leaves,
                                     size_t count);
/* Syncs and closes; takes a closed one. */
void leaf_file_close(struct leaf_file *file);

#endif
