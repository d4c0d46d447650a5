/* log_files: the files of the log as one place to append to. Not locked: the writer's thread alone
 * uses it, between open and close. */
#ifndef HSMGATE_AUDIT_LOG_FILES_H
#define HSMGATE_AUDIT_LOG_FILES_H

#include "audit/leaf_file.h"

struct log_files {
    const struct disk_calls *disk;
    char *path;           /* of the folder */
    char *newest;         /* path of the newest file */
    int folder;           /* locked by flock as long as it is open; its number never changes */
    int fd;               /* the newest file, -1 when it must be opened again */
    dev_t device;         /* with `inode`: which file `newest` named when it was opened */
    ino_t inode;          /* 0: not opened yet */
    uint64_t file_first;  /* its first sequence */
    uint64_t durable_len; /* its bytes that are whole and synced */
    uint64_t next_seq;
    struct tree_edge first_edge; /* before file_first */
    struct tree_edge edge;       /* before next_seq */
    struct leaf_file leaves;     /* beside the newest file */
    bool suspect;                /* something failed: what lies behind durable_len is not known */
    bool leaves_suspect;         /* likewise for what the leaf file has */
    bool lost; /* records up to next_seq - 1 are no longer all in the folder; the next write goes on
                  in a new file */
};

struct log_batch {
    struct span lines;              /* numbered from next_seq */
    const struct tree_hash *leaves; /* of each */
    size_t count;
    bool new_file; /* the first of a new file, unless the newest is empty */
};

#define LOG_FILE_MAX_DEFAULT ((uint64_t)256 << 20)

/* Makes the folder when missing, locks it, cuts a torn end off the newest file and keeps it aside;
 * log_start comes next. ERR_CONFLICT when another has the lock, ERR_CORRUPT, ERR_IO. Not open on
 * failure. */
MUST_USE struct err log_files_open(struct log_files *files, const char *folder,
                                   const struct disk_calls *disk);
/* Takes a closed one too. */
void log_files_close(struct log_files *files);
/* Looks at the folder again as log_files_open does, under the same descriptor number. ERR_CONFLICT,
 * ERR_CORRUPT, ERR_IO. */
MUST_USE struct err log_files_reload(struct log_files *files);
/* Lets an empty log begin at a later record, behind the edge. ERR_IO. */
MUST_USE struct err log_files_begin_at(struct log_files *files, const struct tree_edge *edge);
/* Writes the lines and syncs them: all or nothing; log_files_keep or log_files_drop must follow a
 * success. On failure nothing was added, and the next call mends the file before it writes. A file
 * that is no longer where readers look for it is a failure, too: `lost` then. ERR_IO,
 * ERR_CORRUPT. */
MUST_USE struct err log_files_write(struct log_files *files, const struct log_batch *batch);
/* What was written counts: leaves, edge and next_seq follow. */
void log_files_keep(struct log_files *files, const struct log_batch *batch);
/* What was written is taken back. */
void log_files_drop(struct log_files *files, const struct log_batch *batch);

#endif
