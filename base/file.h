/* Files and descriptors, whole or not at all. EINTR is handled here. */
#ifndef HSMGATE_BASE_FILE_H
#define HSMGATE_BASE_FILE_H

#include <sys/types.h>

#include "base/buf.h"

/* The whole file; ERR_NOT_FOUND, ERR_TOO_LARGE over buf->max, ERR_IO. */
MUST_USE struct err file_read(const char *path, struct buf *out);
/* Temporary file, fsync, rename, fsync of the folder: after a crash the old or the new content
 * stands. */
MUST_USE struct err file_write(const char *path, struct span bytes, mode_t mode);
/* Creates the folder and its parents when missing. */
MUST_USE struct err file_make_folder(const char *path, mode_t mode);
/* Makes what was created, renamed or removed in the folder last through a crash. */
MUST_USE struct err file_sync_folder(const char *folder);
/* The same for the folder that `path` is in. */
MUST_USE struct err file_sync_folder_of(const char *path);
MUST_USE struct err fd_write_all(int fd, struct span bytes);
/* Exactly `len` bytes; ERR_IO at end of file. */
MUST_USE struct err fd_read_exact(int fd, void *out, size_t len);
/* Gives the descriptor away: *fd becomes -1, so that CLEANUP(fd_close) leaves it open. */
int fd_take(int *fd);
/* Closes *fd unless it is negative and sets it to -1; for CLEANUP. */
void fd_close(int *fd);

#endif
