/* writer: what the two sides of the log share, the callers (audit.c) and the thread (writer.c). */
#ifndef HSMGATE_AUDIT_WRITER_H
#define HSMGATE_AUDIT_WRITER_H

#include <stdatomic.h>

#include "audit/entry.h"
#include "audit/sinks.h"
#include "base/sync.h"

#define WRITER_DAY_MS INT64_C(86400000)
/* While not writable: one submit in RETRY_MS tries again, the thread itself after RETRY_IDLE_MS. */
#define WRITER_RETRY_MS      100
#define WRITER_RETRY_IDLE_MS 1000
#define WRITER_IDLE_MS       60000
/* A sync costs the processor as much as a request does, so a record waits a little for others that
 * are under way, unless so many are there. */
#define WRITER_GATHER_MAX 64
#define WRITER_GATHER_NS  INT64_C(500000)
/* A write begins no further line over this size. */
#define WRITER_BATCH_MAX ((size_t)1 << 20)

struct audit {
    /* of the writer's thread alone */
    struct sinks sinks;
    struct buf bytes;
    struct tree_hash *leaves; /* of the lines in `bytes` */
    size_t leaf_count;
    size_t leaf_cap;
    int64_t day;     /* of the newest file's first record, days since 1970 */
    uint64_t outage; /* batches refused since the last one written */

    /* fixed after open */
    size_t queue_max;
    uint64_t file_max; /* a batch that would end over this size begins a new file */
    int64_t gather_ns;
    bool daily;
    pthread_t thread;

    _Atomic int64_t announced; /* records that are soon to come */

    /* of the one thread that stores checkpoints */
    int64_t history_ns; /* not another one into the history before; 0: none yet */

    /* `mutex` guards all that follows */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_cond_t grown; /* for audit_wait_head */
    struct entries queue;
    struct entries pool;
    size_t waiting; /* queued, or in the batch at hand; not those being released */
    bool sleeping;  /* the thread waits on `wake`, for any record */
    bool gathering; /* it waits for those that were announced */
    bool stopping;
    bool writable;
    int64_t retry_ns; /* while not writable: the next submit that may try */
    int64_t batch_ns; /* when the oldest record of the batch at hand was queued; 0: no batch */
    bool woken;       /* audit_wake was called */
    uint64_t awaited; /* by audit_wait_head: it need not be woken for less */
    struct tree_head head;
    struct sink_status {
        bool in_step;
        uint64_t durable_seq;
        uint64_t failures;
    } folders[SINKS_MAX];
    uint64_t durable_seq;
    uint64_t syncs;
    uint64_t failures;
};

/* audit_open with other disk calls, for tests. */
MUST_USE struct err audit_open_with(const struct audit_config *config,
                                    const struct disk_calls *disk, struct audit **out);
/* Before the thread starts, and by it after each step: what callers may see of the folders. */
void writer_publish(struct audit *audit);
/* The thread: `audit` is its argument; ends when it stops and nothing waits. */
void *writer_run(void *audit);
/* A folder that has every durable record, for readers in other threads: its number never changes.
 */
int writer_folder(struct audit *audit);
/* Under the lock: nothing that was announced is still to come, or enough has. */
bool writer_has_gathered(const struct audit *audit);
/* ERR_AUDIT_UNAVAILABLE, as callers get it. */
struct err writer_unavailable(void);

#endif
