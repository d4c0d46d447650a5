/* sealed_file: where a sealed answer goes before anything else is done with it. It can be had only
 * once, so its room on the disk is taken before it is asked for. */
#ifndef HSMGATE_CLI_SEALED_FILE_H
#define HSMGATE_CLI_SEALED_FILE_H

#include "base/buf.h"

struct sealed_file {
    char *path; /* its last name */
    char *part; /* its name until it is whole; NULL: it has its last name, or is not there */
    int fd;
};
/* Takes the room; ERR_CONFLICT when the file or its part is there, ERR_IO when there is no room. */
MUST_USE struct err sealed_file_open(const char *path, struct sealed_file *out);
/* Writes, syncs and names it. When that fails the part stays where it is. */
MUST_USE struct err sealed_file_keep(struct sealed_file *file, struct span sealed);
/* Removes a part that holds nothing. */
void sealed_file_clear(struct sealed_file *file);

#endif
