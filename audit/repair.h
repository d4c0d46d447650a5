/* repair: where the whole records of a log file end. */
#ifndef HSMGATE_AUDIT_REPAIR_H
#define HSMGATE_AUDIT_REPAIR_H

#include "base/buf.h"

struct repair {
    uint64_t len;      /* bytes of whole records */
    uint64_t next_seq; /* behind the last of them */
};

#define REPAIR_NAME_MAX 40

/* Reads the file, whose first record is `first`, up to its last whole record; what follows is torn
 * and may be cut. ERR_CORRUPT when damage or a hole has whole records behind it: they may have been
 * acknowledged, a person must look; ERR_IO. */
MUST_USE struct err repair_find_end(int fd, uint64_t first, struct repair *out);
/* Appends what follows `end` in the file to `torn-<seq>.bin` in the folder, 0600, and syncs it;
 * `out_name` is that name. ERR_IO. */
MUST_USE struct err repair_keep_tail(int folder, int fd, const struct repair *end,
                                     char out_name[REPAIR_NAME_MAX]);
/* Checks that the file's last record ends at `len` and is `seq` (none when len is 0); reads no more
 * than the tail. ERR_CORRUPT, ERR_IO. */
MUST_USE struct err repair_check_end(int fd, uint64_t len, uint64_t seq);

#endif
