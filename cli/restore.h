/* restore: puts a backup where a gateway finds it, whole or not at all. Offline. */
#ifndef HSMGATE_CLI_RESTORE_H
#define HSMGATE_CLI_RESTORE_H

#include "cli/manifest.h"
#include "cli/redo.h"

struct restore {
    const char *backup;   /* its folder */
    const char *database; /* to be made */
    const char *audit;    /* a folder, to be made or with the log that survived */
};

struct restored {
    struct manifest manifest;
    bool log_kept;    /* the log that was there goes on */
    bool log_torn;    /* its last line is not whole; the gateway cuts it off */
    uint64_t later;   /* records in it that are behind the backup */
    struct redo redo; /* what of them must be done again */
};
void restored_clear(struct restored *restored);

/* Checks the backup, that no gateway runs on the place and that nothing is overwritten, then copies
 * (files 0600, folders 0700). An audit log that is there stays, when it begins with the backup's.
 * ERR_CORRUPT for the backup, ERR_CONFLICT for the place, ERR_IO; nothing has changed then. */
MUST_USE struct err restore_run(const struct restore *what, struct restored *out);

#endif
