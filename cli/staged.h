/* staged: the files of a backup, copied beside their places until all of them are there. */
#ifndef HSMGATE_CLI_STAGED_H
#define HSMGATE_CLI_STAGED_H

#include "cli/manifest.h"

struct staged {
    const struct manifest *manifest;
    char *database; /* NULL: not made, or in its place */
    char *audit;
};
/* Copies beside `place`, files 0600 and folders 0700, synced. ERR_IO. */
MUST_USE struct err staged_database(struct staged *staged, const char *place);
MUST_USE struct err staged_log(struct staged *staged, const char *place);
/* Into their places, where nothing or an empty folder is. ERR_IO, and nothing is there. */
MUST_USE struct err staged_commit(struct staged *staged, const char *database, const char *audit);
/* Removes what is not in its place. */
void staged_clear(struct staged *staged);

#endif
