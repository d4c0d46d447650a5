/* bulk_state: how far a bulk rewrap is, as a small file that is whole at any time. */
#ifndef HSMGATE_CLI_BULK_STATE_H
#define HSMGATE_CLI_BULK_STATE_H

#include "cli/bulk_batch.h"
#include "cli/bulk_input.h"

struct bulk_state {
    const char *key; /* as it was asked for; borrowed */
    struct span context;
    const char *output;  /* as it was named, NULL for standard output; borrowed */
    const char *rejects; /* likewise */
    struct bulk_mark mark;
    struct bulk_counts counts;
    uint64_t output_len;
    uint64_t rejects_len;
};
/* Durable when it returns. ERR_IO with the path. */
MUST_USE struct err bulk_state_write(const char *path, const struct bulk_state *state);
/* Reads the file of a run with the same key, context and files, which `state` has; the rest comes
 * out. ERR_NOT_FOUND when there is none, ERR_CORRUPT, ERR_CONFLICT for another run. */
MUST_USE struct err bulk_state_read(const char *path, struct bulk_state *state);

#endif
