/* bulk_file: a file that grows batch by batch and may be cut back to a length that was recorded. */
#ifndef HSMGATE_CLI_BULK_FILE_H
#define HSMGATE_CLI_BULK_FILE_H

#include "base/buf.h"

struct bulk_file {
    const char *path; /* NULL: standard output; borrowed */
    int fd;           /* -1: not open */
    bool regular;     /* else it cannot be synced or cut */
    uint64_t len;
};
void bulk_file_close(struct bulk_file *file);
/* Opens a new file, mode 0600, and locks it. ERR_CONFLICT when it has content or another run has
 * it; ERR_IO. */
MUST_USE struct err bulk_file_create(const char *path, struct bulk_file *out);
/* Opens a file, locks it and cuts it back to `len`; with 0 it may be missing. ERR_CONFLICT when it
 * is shorter, or another run has it; ERR_IO. */
MUST_USE struct err bulk_file_resume(const char *path, uint64_t len, struct bulk_file *out);
/* Standard output, from where it is; `len` not NULL: cut back to it when it is a regular file. */
MUST_USE struct err bulk_file_stdout(const uint64_t *len, struct bulk_file *out);
/* Appends, and makes it durable where that is possible. ERR_IO with the path. */
MUST_USE struct err bulk_file_append(struct bulk_file *file, struct span bytes);
MUST_USE struct err bulk_file_sync(const struct bulk_file *file);

#endif
