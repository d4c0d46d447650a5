/* redo: what an audit log says was changed after a backup, and is undone by restoring it. */
#ifndef HSMGATE_CLI_REDO_H
#define HSMGATE_CLI_REDO_H

#include "base/json.h"

struct redo_entry {
    unsigned rank; /* 0: the most dangerous to forget */
    uint64_t seq;
    char *time;
    char *operation;
    char *key; /* with @VERSION; "" when it is about none */
    char *principal;
};

struct redo {
    struct redo_entry *entries; /* by rank, then as they were done */
    size_t count;
};
/* Reads the log folder's records behind `after`. ERR_IO, ERR_CORRUPT. */
MUST_USE struct err redo_read(const char *log, uint64_t after, struct redo *out);
void redo_clear(struct redo *redo);

#endif
