/* repair: where the whole records of a log file end. */
#ifndef HSMGATE_AUDIT_REPAIR_H
#define HSMGATE_AUDIT_REPAIR_H

#include "base/buf.h"

struct repair {
    uint64_t len;      /* bytes of whole records */
    uint64_t next_seq; /* behind the last of them */
};

/* Reads the file, whose first record is `first`, up to its last whole record; what follows is torn
 * and may be cut. ERR_CORRUPT when a damaged line has whole records behind it, for no crash of ours
 * leaves that; ERR_IO. */
MUST_USE struct err repair_find_end(int fd, uint64_t first, struct repair *out);
/* Checks that the file's last record ends at `len` and is `seq` (none when len is 0); reads no more
 * than the tail. ERR_CORRUPT, ERR_IO. */
MUST_USE struct err repair_check_end(int fd, uint64_t len, uint64_t seq);

#endif
