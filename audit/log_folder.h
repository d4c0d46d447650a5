/* log_folder: the log's folder, open and locked, as long as its path names it. */
#ifndef HSMGATE_AUDIT_LOG_FOLDER_H
#define HSMGATE_AUDIT_LOG_FOLDER_H

#include "base/buf.h"

/* Makes the folder and its parents when missing, mode 0700, opens it and locks it by flock until
 * the descriptor is closed. ERR_CONFLICT when another has the lock, ERR_IO. */
MUST_USE struct err log_folder_open(const char *path, int *out_folder);
/* When `path` no longer names the open `folder`: makes it when missing (its parent must be there),
 * locks it and puts it under the same descriptor number. ERR_CONFLICT, ERR_IO. */
MUST_USE struct err log_folder_renew(const char *path, int folder, bool *out_renewed);

#endif
