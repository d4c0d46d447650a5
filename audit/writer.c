/* The writer: one thread that makes records durable in batches and only then releases them.
 *
 * It takes the whole queue, numbers the lines, writes them at once, syncs once and releases each.
 * Batches grow by themselves while a sync runs; there is no timer. The lock is never held over the
 * disk or a release.
 *
 * When a batch cannot be written, it and all that waits is refused. A later submit tries again, or,
 * with no traffic, the thread does. The first record after an outage says so (`audit-resumed`), and
 * when files of the log were taken away, up to which sequence records may be missing. */
#include "audit/writer.h"

#include <inttypes.h>

#include "audit/record.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include "base/banned.h"

struct err writer_unavailable(void)
{
    return err_new(ERR_AUDIT_UNAVAILABLE, __func__, "The audit log cannot be written now.");
}

/* Waits for records and takes all; an empty batch means: try the disk by yourself. False when the
 * audit stops and nothing waits. */
static bool next_batch(struct audit *audit, struct entries *out)
{
    sync_lock(&audit->mutex);
    int64_t deadline = clock_deadline(audit->writable ? WRITER_IDLE_MS : WRITER_RETRY_IDLE_MS);
    bool timed_out = false;
    while (audit->queue.first == NULL && !audit->stopping && !timed_out) {
        audit->sleeping = true;
        timed_out = !sync_wait(&audit->wake, &audit->mutex, deadline);
        audit->sleeping = false;
    }
    entries_append(out, &audit->queue);
    bool stop = audit->stopping && out->first == NULL;
    sync_unlock(&audit->mutex);
    return !stop;
}

/* Releases the entries, which then go back to the pool; `first_seq` is 0 when they failed. */
static void release_all(struct audit *audit, struct entries *entries, const struct err *err,
                        uint64_t first_seq)
{
    struct entries done = {0};
    uint64_t seq = first_seq;
    for (struct entry *entry = entries_pop(entries); entry != NULL; entry = entries_pop(entries)) {
        entry->release(entry->arg, err, seq);
        seq += first_seq == 0 ? 0 : 1;
        buf_reset(&entry->tail);
        entries_push(&done, entry);
    }
    sync_lock(&audit->mutex);
    entries_append(&audit->pool, &done);
    sync_unlock(&audit->mutex);
}

/* The record that tells of an outage, with its number in front. */
static struct err write_resumed(struct audit *audit)
{
    char detail[128];
    char missing[64] = "";
    if (audit->files.lost) {
        (void)snprintf(missing, sizeof(missing), ",\"records_missing_to\":%" PRIu64,
                       audit->files.next_seq - 1);
    }
    int len = snprintf(detail, sizeof(detail), "{\"batches_refused\":%" PRIu64 "%s}", audit->outage,
                       missing);
    struct audit_record record = {
        .time = clock_wall_ms(),
        .kind = "system",
        .operation = span_text("audit-resumed"),
        .outcome = "ok",
        .detail = span_of(detail, (size_t)len),
    };
    CLEANUP(buf_clear) struct buf tail = {0};
    TRY(record_write_tail(&record, &tail));
    return record_write_line(audit->files.next_seq, buf_span(&tail), &audit->bytes);
}

/* Numbers lines from `seq` into the buffer until it is full enough; entries that are in go over to
 * `taken`. */
static struct err gather(struct audit *audit, struct entries *batch, uint64_t seq,
                         struct entries *taken)
{
    while (batch->first != NULL && audit->bytes.len < WRITER_BATCH_MAX) {
        struct entry *entry = entries_pop(batch);
        entries_push(taken, entry);
        TRY(record_write_line(seq++, buf_span(&entry->tail), &audit->bytes));
    }
    return err_ok();
}

/* Writes and syncs a part of the batch. */
static struct err make_durable(struct audit *audit, struct entries *batch, struct entries *taken,
                               uint64_t *out_first_seq)
{
    size_t extra = audit->outage > 0 ? 1 : 0;
    buf_reset(&audit->bytes);
    if (extra > 0) {
        TRY(write_resumed(audit));
    }
    uint64_t first_seq = audit->files.next_seq + extra;
    TRY(gather(audit, batch, first_seq, taken));
    TRY(log_files_append(&audit->files, buf_span(&audit->bytes), taken->count + extra));
    *out_first_seq = first_seq;
    return err_ok();
}

static void note_success(struct audit *audit, size_t count)
{
    if (audit->outage > 0) {
        log_info("audit", "the audit log can be written again; %" PRIu64 " batches were refused",
                 audit->outage);
        audit->outage = 0;
    }
    sync_lock(&audit->mutex);
    audit->writable = true;
    audit->durable_seq = audit->files.next_seq - 1;
    audit->syncs++;
    audit->waiting -= count;
    sync_unlock(&audit->mutex);
}

/* What waits behind a failed batch fails with it, so that nobody waits for a dead disk. */
static void note_failure(struct audit *audit, const struct err *err, struct entries *batch)
{
    if (audit->outage++ == 0) {
        log_error("audit", "requests are refused until the audit log can be written: %s",
                  err->detail);
    }
    sync_lock(&audit->mutex);
    audit->writable = false;
    audit->retry_ns = clock_deadline(WRITER_RETRY_MS);
    audit->failures++;
    entries_append(batch, &audit->queue);
    audit->waiting = 0;
    sync_unlock(&audit->mutex);
}

static void commit(struct audit *audit, struct entries *batch)
{
    bool tries_alone = batch->first == NULL && audit->outage > 0;
    while (batch->first != NULL || tries_alone) {
        struct entries taken = {0};
        uint64_t first_seq = 0;
        struct err err = make_durable(audit, batch, &taken, &first_seq);
        if (err.code == ERR_OK) {
            note_success(audit, taken.count);
        } else {
            note_failure(audit, &err, batch);
            entries_append(&taken, batch);
            err = writer_unavailable();
        }
        release_all(audit, &taken, &err, first_seq);
        tries_alone = false;
    }
}

void *writer_run(void *arg)
{
    struct audit *audit = arg;
    struct entries batch = {0};
    while (next_batch(audit, &batch)) {
        commit(audit, &batch);
    }
    return NULL;
}
