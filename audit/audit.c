/* The callers' side of the log: open, submit, close.
 *
 * Submitting formats the line in the caller's thread and links it into the queue; the writer's
 * thread is woken only when it sleeps. While the log cannot be written, submits are refused at
 * once, but for one now and then that tries again. The lock guards what struct audit says. */
#include "audit/writer.h"

#include "audit/log_read.h"
#include "audit/record.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync_gate.h"

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

/* Under the lock. A thread that gathers has nothing to do before the last announced record is
 * there, or its time is over. True: the caller must wake it when it has let go of the lock. */
static bool must_wake(struct audit *audit)
{
    bool wake = audit->gathering ? writer_has_gathered(audit)
                                 : audit->sleeping && audit->queue.first != NULL;
    if (wake) {
        audit->sleeping = false;
        audit->gathering = false;
    }
    return wake;
}

static void unlock_and_wake(struct audit *audit)
{
    bool wake = must_wake(audit);
    sync_unlock(&audit->mutex);
    if (wake) {
        sync_wake_one(&audit->wake);
    }
}

static bool enqueue(struct audit *audit, struct entry *entry)
{
    sync_lock(&audit->mutex);
    bool queued = may_queue(audit);
    if (queued) {
        entries_push(&audit->queue, entry);
        audit->waiting++;
    }
    unlock_and_wake(audit);
    return queued;
}

void audit_announce(struct audit *audit)
{
    atomic_fetch_add_explicit(&audit->announced, 1, memory_order_relaxed);
}

void audit_withdraw(struct audit *audit)
{
    sync_lock(&audit->mutex);
    atomic_fetch_sub_explicit(&audit->announced, 1, memory_order_relaxed);
    unlock_and_wake(audit);
}

void audit_submit(struct audit *audit, const struct audit_record *record, audit_release *release,
                  void *arg)
{
    struct entry *entry = take_entry(audit);
    entry->time = record->time;
    entry->queued_ns = clock_mono_ns();
    entry->release = release;
    entry->arg = arg;
    struct err err = record_write_tail(record, &entry->tail);
    if (record->announced) {
        atomic_fetch_sub_explicit(&audit->announced, 1, memory_order_relaxed);
    }
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
    struct sync_gate durable;
    struct err err;
};

static void release_waiter(void *arg, const struct err *err, uint64_t seq)
{
    (void)seq;
    struct waiter *waiter = arg;
    waiter->err = *err;
    sync_gate_open(&waiter->durable);
}

struct err audit_write(struct audit *audit, const struct audit_record *record)
{
    struct waiter waiter = {0};
    audit_submit(audit, record, release_waiter, &waiter);
    while (!sync_gate_wait(&waiter.durable, clock_deadline(WRITER_IDLE_MS))) {
        /* the release always comes */
    }
    return waiter.err;
}

/* Under the lock: when the oldest record was queued that is not durable; 0: none. */
static int64_t oldest_ns(const struct audit *audit)
{
    int64_t queued = audit->queue.first == NULL ? 0 : audit->queue.first->queued_ns;
    return audit->batch_ns != 0 ? audit->batch_ns : queued;
}

void audit_status(struct audit *audit, struct audit_status *out)
{
    sync_lock(&audit->mutex);
    const struct sink_status *first = &audit->folders[0];
    const struct sink_status *second = &audit->folders[1];
    int64_t oldest = oldest_ns(audit);
    *out = (struct audit_status){
        .next_seq = audit->durable_seq + 1,
        .durable_seq = audit->durable_seq,
        .syncs = audit->syncs,
        .failures = audit->failures,
        .waiting = audit->waiting,
        .writable = audit->writable,
        .first_writable = first->in_step,
        .first_durable_seq = first->durable_seq,
        .first_failures = first->failures,
        .has_second = audit->sinks.count == SINKS_MAX,
        .second_writable = second->in_step,
        .second_durable_seq = second->durable_seq,
        .second_failures = second->failures,
        .oldest_waiting_ms = oldest == 0 ? 0 : (clock_mono_ns() - oldest) / 1000000,
    };
    sync_unlock(&audit->mutex);
}

void audit_head(struct audit *audit, struct tree_head *out)
{
    sync_lock(&audit->mutex);
    *out = audit->head;
    sync_unlock(&audit->mutex);
}

bool audit_wait_head(struct audit *audit, uint64_t size, int64_t deadline_ns, struct tree_head *out)
{
    sync_lock(&audit->mutex);
    bool in_time = true;
    audit->awaited = size;
    while (audit->head.size < size && !audit->woken && in_time) {
        in_time = sync_wait(&audit->grown, &audit->mutex, deadline_ns);
    }
    audit->woken = false;
    *out = audit->head;
    sync_unlock(&audit->mutex);
    return out->size >= size;
}

void audit_wake(struct audit *audit)
{
    sync_lock(&audit->mutex);
    audit->woken = true;
    sync_wake_all(&audit->grown);
    sync_unlock(&audit->mutex);
}

struct err audit_read(struct audit *audit, uint64_t after, size_t limit, struct buf *out,
                      uint64_t *out_last)
{
    sync_lock(&audit->mutex);
    struct log_range range = {.after = after, .to = audit->durable_seq, .limit = limit};
    sync_unlock(&audit->mutex);
    return log_read(writer_folder(audit), &range, out, out_last);
}

/* The day of the newest file's first record, for files by day. */
static struct err read_day(struct audit *audit)
{
    static const char mark[] = ",\"time\":\"";
    CLEANUP(buf_clear) struct buf line = {0};
    const struct log_files *files = &sinks_lead(&audit->sinks)->files;
    struct log_range range = {
        .after = files->file_first - 1, .to = files->next_seq - 1, .limit = 1};
    uint64_t last = 0;
    TRY(log_read(files->folder, &range, &line, &last));
    const uint8_t *at = line.len == 0 ? NULL : memmem(line.data, line.len, mark, strlen(mark));
    if (at == NULL) {
        return err_ok();
    }
    const uint8_t *text = at + strlen(mark);
    const uint8_t *end = memchr(text, '"', line.len - (size_t)(text - line.data));
    int64_t time = 0;
    if (end != NULL && clock_parse(span_of(text, (size_t)(end - text)), &time).code == ERR_OK) {
        audit->day = time / WRITER_DAY_MS;
    }
    return err_ok();
}

static struct err open_sinks(struct audit *audit, const struct audit_config *config,
                             const struct disk_calls *disk)
{
    TRY(sinks_open(&audit->sinks, config, disk));
    struct err err = read_day(audit);
    if (err.code != ERR_OK) {
        sinks_close(&audit->sinks);
    }
    return err;
}

struct err audit_open_with(const struct audit_config *config, const struct disk_calls *disk,
                           struct audit **out)
{
    struct audit *audit = mem_alloc(sizeof(*audit));
    struct err err = open_sinks(audit, config, disk);
    if (err.code != ERR_OK) {
        mem_free(audit);
        return err;
    }
    audit->file_max = config->file_max > 0 ? config->file_max : LOG_FILE_MAX_DEFAULT;
    audit->daily = config->daily;
    audit->queue_max = config->queue_max > 0 ? config->queue_max : QUEUE_DEFAULT;
    audit->gather_ns = WRITER_GATHER_NS;
    audit->writable = true;
    buf_init(&audit->bytes, WRITER_BATCH_MAX + 2 * RECORD_LINE_MAX);
    sync_init(&audit->mutex, &audit->wake);
    sync_init_condition(&audit->grown);
    writer_publish(audit);
    audit->thread = sync_thread("audit", writer_run, audit);
    *out = audit;
    return err_ok();
}

struct err audit_open(const struct audit_config *config, struct audit **out)
{
    return audit_open_with(config, disk_system(), out);
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
    sync_destroy_condition(&audit->grown);
    entries_clear(&audit->pool);
    buf_clear(&audit->bytes);
    mem_free(audit->leaves);
    sinks_close(&audit->sinks);
    mem_free(audit);
}
