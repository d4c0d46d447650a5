/* log_files: the files of the log as one place to append to. Not locked: the writer's thread alone
 * uses it, between open and close. */
#ifndef HSMGATE_AUDIT_LOG_FILES_H
#define HSMGATE_AUDIT_LOG_FILES_H

#include "audit/disk.h"

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
    uint64_t file_max; /* a batch that begins over this size begins a new file */
    bool suspect;      /* something failed: what lies behind durable_len is not known */
    bool lost;         /* records up to next_seq - 1 are no longer all in the folder; the next
                          append goes on in a new file */
};

#define LOG_FILE_MAX_DEFAULT ((uint64_t)256 << 20)

/* Makes the folder when missing, locks it, cuts a torn end off the newest file and keeps it aside.
 * ERR_CONFLICT when another has the lock, ERR_CORRUPT, ERR_IO. Not open on failure. */
MUST_USE struct err log_files_open(struct log_files *files, const char *folder,
                                   const struct disk_calls *disk);
/* Takes a closed one too. */
void log_files_close(struct log_files *files);
/* Writes `count` lines numbered from next_seq and syncs them: all or nothing. On failure nothing
 * was added, and the next call mends the file before it writes. A file that is no longer where
 * readers look for it is a failure, too: `lost` then. ERR_IO, ERR_CORRUPT. */
MUST_USE struct err log_files_append(struct log_files *files, struct span lines, size_t count);

#endif
