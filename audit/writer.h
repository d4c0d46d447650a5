/* writer: what the two sides of the log share, the callers (audit.c) and the thread (writer.c). */
#ifndef HSMGATE_AUDIT_WRITER_H
#define HSMGATE_AUDIT_WRITER_H

#include "audit/entry.h"
#include "audit/log_files.h"
#include "base/sync.h"

/* While not writable: one submit in RETRY_MS tries again, the thread itself after RETRY_IDLE_MS. */
#define WRITER_RETRY_MS      100
#define WRITER_RETRY_IDLE_MS 1000
#define WRITER_IDLE_MS       60000
/* A write begins no further line over this size. */
#define WRITER_BATCH_MAX ((size_t)1 << 20)

struct audit {
    /* of the writer's thread alone */
    struct log_files files;
    struct buf bytes;
    uint64_t outage; /* batches refused since the last one written */

    /* fixed after open */
    size_t queue_max;
    pthread_t thread;

    /* `mutex` guards all that follows */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct entries queue;
    struct entries pool;
    size_t waiting; /* queued, or in the batch at hand; not those being released */
    bool sleeping;  /* the thread waits on `wake` */
    bool stopping;
    bool writable;
    int64_t retry_ns; /* while not writable: the next submit that may try */
    uint64_t durable_seq;
    uint64_t syncs;
    uint64_t failures;
};

struct writer_options {
    const struct disk_calls *disk;
    uint64_t file_max; /* bytes before a new file begins */
};

/* audit_open with other disk calls and file sizes, for tests. */
MUST_USE struct err audit_open_with(const struct audit_config *config,
                                    const struct writer_options *options, struct audit **out);
/* The thread: `audit` is its argument; ends when it stops and nothing waits. */
void *writer_run(void *audit);
/* ERR_AUDIT_UNAVAILABLE, as callers get it. */
struct err writer_unavailable(void);

#endif
