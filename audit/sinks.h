/* sinks: the one or two folders that the log is written to. Not locked: the writer's thread alone
 * uses it, between open and close. */
#ifndef HSMGATE_AUDIT_SINKS_H
#define HSMGATE_AUDIT_SINKS_H

#include "audit/audit.h"
#include "audit/log_files.h"

#define SINKS_MAX 2

struct sink {
    struct log_files files;
    bool behind;      /* lacks records; it is filled up and does not count meanwhile */
    bool reload;      /* the folder must be looked at again first */
    int64_t retry_ns; /* while behind: not before */
    uint64_t failures;
};

struct sinks {
    struct sink all[SINKS_MAX];
    size_t count;
    enum audit_need need;
    struct buf bytes; /* for filling */
};

/* Opens the folders and brings the shorter one up to the other. ERR_CORRUPT when a folder does not
 * fit its leaves or checkpoint or they do not fit each other; ERR_CONFLICT, ERR_IO. */
MUST_USE struct err sinks_open(struct sinks *sinks, const struct audit_config *config,
                               const struct disk_calls *disk);
void sinks_close(struct sinks *sinks);
/* One that has every record. */
struct sink *sinks_lead(struct sinks *sinks);
/* Writes and syncs the batch in as many folders as are needed, or nowhere. ERR_IO, ERR_CORRUPT. */
MUST_USE struct err sinks_write(struct sinks *sinks, const struct log_batch *batch);
/* Whether a folder lacks records. */
bool sinks_lag(const struct sinks *sinks);
/* Whether as many folders have all records as are needed. */
bool sinks_may_write(const struct sinks *sinks);
/* One bounded step of filling. True when another may follow at once. */
bool sinks_fill(struct sinks *sinks);

#endif
