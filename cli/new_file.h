/* new_file: a file that is made and never overwritten: keys, and what can be had only once. */
#ifndef HSMGATE_CLI_NEW_FILE_H
#define HSMGATE_CLI_NEW_FILE_H

#include "base/buf.h"

/* Mode 0600, synced with its folder. ERR_CONFLICT when something is there, ERR_IO; then no file of
 * ours remains. */
MUST_USE struct err new_file_write(const char *path, struct span bytes);
/* Gives a file its last name, which nothing else may have. ERR_CONFLICT, ERR_IO. */
MUST_USE struct err new_file_rename(const char *from, const char *to);
/* Syncs the folder that the file is in, so that it is there, and by this name, after a crash. */
MUST_USE struct err new_file_sync(const char *path);

#endif
