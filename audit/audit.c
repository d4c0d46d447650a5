/* The callers' side of the log: open, submit, close.
 *
 * Submitting formats the line in the caller's thread and links it into the queue; the writer's
 * thread is woken only when it sleeps. While the log cannot be written, submits are refused at
 * once, but for one now and then that tries again. The lock guards what struct audit says. */
#include "audit/writer.h"

#include "audit/record.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include "base/banned.h"

#define QUEUE_DEFAULT ((size_t)4096)

static struct entry *take_entry(struct audit *audit)
{
    sync_lock(&audit->mutex);
    struct entry *entry = entries_pop(&audit->pool);
    sync_unlock(&audit->mutex);
    if (entry == NULL) {
        entry = mem_alloc(sizeof(*entry));
        buf_init(&entry->tail, RECORD_TAIL_MAX);
    }
    return entry;
}

/* Under the lock: whether one more record may wait. While the log fails, this picks the submit that
 * tries again. */
static bool may_queue(struct audit *audit)
{
    if (audit->waiting >= audit->queue_max || audit->stopping) {
        return false;
    }
    if (audit->writable) {
        return true;
    }
    bool tries = clock_mono_ns() >= audit->retry_ns;
    if (tries) {
        audit->retry_ns = clock_deadline(WRITER_RETRY_MS);
    }
    return tries;
}

static bool enqueue(struct audit *audit, struct entry *entry)
{
    sync_lock(&audit->mutex);
    bool queued = may_queue(audit);
    if (queued) {
        entries_push(&audit->queue, entry);
        audit->waiting++;
        if (audit->sleeping) {
            audit->sleeping = false;
            sync_wake_one(&audit->wake);
        }
    }
    sync_unlock(&audit->mutex);
    return queued;
}

void audit_submit(struct audit *audit, const struct audit_record *record, audit_release *release,
                  void *arg)
{
    struct entry *entry = take_entry(audit);
    entry->release = release;
    entry->arg = arg;
    struct err err = record_write_tail(record, &entry->tail);
    if (err.code != ERR_OK) { /* our own bug; fails closed */
        log_error("audit", "a record was not made: %s", err.detail);
    }
    if (err.code != ERR_OK || !enqueue(audit, entry)) {
        entry_free(entry);
        err = writer_unavailable();
        release(arg, &err, 0);
    }
}

struct waiter {
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t ready;
    bool done;
    struct err err;
};

static void release_waiter(void *arg, const struct err *err, uint64_t seq)
{
    (void)seq;
    struct waiter *waiter = arg;
    sync_lock(&waiter->mutex);
    waiter->err = *err;
    waiter->done = true;
    sync_wake_one(&waiter->ready);
    sync_unlock(&waiter->mutex);
}

struct err audit_write(struct audit *audit, const struct audit_record *record)
{
    struct waiter waiter = {.done = false};
    sync_init(&waiter.mutex, &waiter.ready);
    audit_submit(audit, record, release_waiter, &waiter);
    sync_lock(&waiter.mutex);
    while (!waiter.done) { /* the release always comes */
        (void)sync_wait(&waiter.ready, &waiter.mutex, clock_deadline(WRITER_IDLE_MS));
    }
    sync_unlock(&waiter.mutex);
    sync_destroy(&waiter.mutex, &waiter.ready);
    return waiter.err;
}

void audit_status(struct audit *audit, struct audit_status *out)
{
    sync_lock(&audit->mutex);
    *out = (struct audit_status){
        .next_seq = audit->durable_seq + 1,
        .durable_seq = audit->durable_seq,
        .syncs = audit->syncs,
        .failures = audit->failures,
        .waiting = audit->waiting,
        .writable = audit->writable,
    };
    sync_unlock(&audit->mutex);
}

struct err audit_open_with(const struct audit_config *config, const struct writer_options *options,
                           struct audit **out)
{
    struct audit *audit = mem_alloc(sizeof(*audit));
    struct err err = log_files_open(&audit->files, config->folder, options->disk);
    if (err.code != ERR_OK) {
        mem_free(audit);
        return err;
    }
    audit->files.file_max = options->file_max;
    audit->queue_max = config->queue_max > 0 ? config->queue_max : QUEUE_DEFAULT;
    audit->durable_seq = audit->files.next_seq - 1;
    audit->writable = true;
    buf_init(&audit->bytes, WRITER_BATCH_MAX + 2 * RECORD_LINE_MAX);
    sync_init(&audit->mutex, &audit->wake);
    audit->thread = sync_thread("audit", writer_run, audit);
    *out = audit;
    return err_ok();
}

struct err audit_open(const struct audit_config *config, struct audit **out)
{
    struct writer_options options = {.disk = disk_system(), .file_max = LOG_FILE_MAX_DEFAULT};
    return audit_open_with(config, &options, out);
}

void audit_close(struct audit *audit)
{
    if (audit == NULL) {
        return;
    }
    sync_lock(&audit->mutex);
    audit->stopping = true;
    sync_wake_one(&audit->wake);
    sync_unlock(&audit->mutex);
    (void)pthread_join(audit->thread, NULL);
    sync_destroy(&audit->mutex, &audit->wake);
    entries_clear(&audit->pool);
    buf_clear(&audit->bytes);
    log_files_close(&audit->files);
    mem_free(audit);
}
