/* The writer: one thread that makes records durable in batches and only then releases them.
 *
 * It takes the whole queue, numbers the lines, writes them at once, syncs once and releases each.
 * Batches grow by themselves while a sync runs, and wait a moment for records that were announced
 * (as PostgreSQL's commit_delay with its siblings). The lock is never held over the disk or a
 * release.
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

void writer_publish(struct audit *audit)
{
    const struct log_files *lead = &sinks_lead(&audit->sinks)->files;
    struct tree_head head = tree_head_of(&lead->edge);
    sync_lock(&audit->mutex);
    bool grew = head.size > audit->head.size;
    audit->head = head;
    audit->durable_seq = head.size;
    for (size_t i = 0; i < audit->sinks.count; i++) {
        const struct sink *sink = &audit->sinks.all[i];
        audit->folders[i].in_step = !sink->behind && !sink->files.suspect;
        audit->folders[i].durable_seq = sink->files.next_seq - 1;
        audit->folders[i].failures = sink->failures;
    }
    if (grew && head.size >= audit->awaited) {
        sync_wake_all(&audit->grown);
    }
    sync_unlock(&audit->mutex);
}

int writer_folder(struct audit *audit)
{
    sync_lock(&audit->mutex);
    bool second = audit->folders[0].durable_seq < audit->durable_seq;
    sync_unlock(&audit->mutex);
    return audit->sinks.all[second ? 1 : 0].files.folder;
}

/* How long the thread may sleep when nothing comes. */
static int64_t idle_ms(const struct audit *audit, bool fill_on)
{
    if (fill_on) {
        return 0;
    }
    bool trouble = !audit->writable || sinks_lag(&audit->sinks);
    return trouble ? WRITER_RETRY_IDLE_MS : WRITER_IDLE_MS;
}

bool writer_has_gathered(const struct audit *audit)
{
    return atomic_load_explicit(&audit->announced, memory_order_relaxed) <= 0 ||
           audit->queue.count >= WRITER_GATHER_MAX || audit->stopping || !audit->writable;
}

/* Under the lock: lets those come that were announced. */
static void gather_announced(struct audit *audit)
{
    if (audit->queue.first == NULL) {
        return;
    }
    int64_t until = audit->queue.first->queued_ns + audit->gather_ns;
    bool in_time = true;
    while (in_time && !writer_has_gathered(audit)) {
        audit->gathering = true;
        in_time = sync_wait(&audit->wake, &audit->mutex, until);
    }
    audit->gathering = false;
}

/* Waits for records and takes all; an empty batch means: try the disk by yourself. False when the
 * audit stops and nothing waits. */
static bool next_batch(struct audit *audit, bool fill_on, struct entries *out)
{
    sync_lock(&audit->mutex);
    int64_t deadline = clock_deadline(idle_ms(audit, fill_on));
    bool timed_out = false;
    while (audit->queue.first == NULL && !audit->stopping && !timed_out) {
        audit->sleeping = true;
        timed_out = !sync_wait(&audit->wake, &audit->mutex, deadline);
        audit->sleeping = false;
    }
    gather_announced(audit);
    entries_append(out, &audit->queue);
    audit->batch_ns = out->first == NULL ? 0 : out->first->queued_ns;
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

static int64_t day_of(int64_t unix_ms)
{
    return unix_ms / WRITER_DAY_MS;
}

/* A line and its leaf. */
static struct err write_line(struct audit *audit, uint64_t seq, struct span tail)
{
    size_t start = audit->bytes.len;
    TRY(record_write_line(seq, tail, &audit->bytes));
    if (audit->leaf_count == audit->leaf_cap) {
        audit->leaf_cap = audit->leaf_cap == 0 ? 64 : 2 * audit->leaf_cap;
        audit->leaves = mem_resize(audit->leaves, audit->leaf_cap, sizeof(*audit->leaves));
    }
    struct span line = span_of(audit->bytes.data + start, audit->bytes.len - start - 1);
    audit->leaves[audit->leaf_count++] = tree_leaf(line);
    return err_ok();
}

/* The record that tells of an outage, with its number in front. */
static struct err write_resumed(struct audit *audit)
{
    char detail[128];
    char missing[64] = "";
    const struct log_files *files = &sinks_lead(&audit->sinks)->files;
    if (files->lost) {
        (void)snprintf(missing, sizeof(missing), ",\"records_missing_to\":%" PRIu64,
                       files->next_seq - 1);
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
    return write_line(audit, files->next_seq, buf_span(&tail));
}

/* Numbers lines from `seq` into the buffer until it is full enough or a later day begins; entries
 * that are in go over to `taken`. */
static struct err gather(struct audit *audit, struct entries *batch, uint64_t seq, int64_t day,
                         struct entries *taken)
{
    while (batch->first != NULL && audit->bytes.len < WRITER_BATCH_MAX &&
           (!audit->daily || day_of(batch->first->time) <= day)) {
        struct entry *entry = entries_pop(batch);
        entries_push(taken, entry);
        TRY(write_line(audit, seq++, buf_span(&entry->tail)));
    }
    return err_ok();
}

/* Whether what was gathered begins a new file. */
static bool begins_file(const struct audit *audit, const struct log_files *files, int64_t day)
{
    return files->durable_len > 0 && (files->durable_len + audit->bytes.len > audit->file_max ||
                                      (audit->daily && day > audit->day));
}

/* Writes and syncs a part of the batch. */
static struct err make_durable(struct audit *audit, struct entries *batch, struct entries *taken,
                               uint64_t *out_first_seq)
{
    size_t extra = audit->outage > 0 ? 1 : 0;
    const struct log_files *lead = &sinks_lead(&audit->sinks)->files;
    int64_t day = day_of(extra > 0 ? clock_wall_ms() : batch->first->time);
    buf_reset(&audit->bytes);
    audit->leaf_count = 0;
    if (extra > 0) {
        TRY(write_resumed(audit));
    }
    uint64_t first_seq = lead->next_seq + extra;
    TRY(gather(audit, batch, first_seq, day, taken));
    struct log_batch lines = {.lines = buf_span(&audit->bytes),
                              .leaves = audit->leaves,
                              .count = audit->leaf_count,
                              .new_file = begins_file(audit, lead, day)};
    bool first_of_file = lines.new_file || lead->durable_len == 0;
    TRY(sinks_write(&audit->sinks, &lines));
    audit->day = first_of_file ? day : audit->day;
    *out_first_seq = first_seq;
    return err_ok();
}

static void note_success(struct audit *audit, size_t count, const struct entries *batch)
{
    if (audit->outage > 0) {
        log_info("audit", "the audit log can be written again; %" PRIu64 " batches were refused",
                 audit->outage);
        audit->outage = 0;
    }
    writer_publish(audit);
    sync_lock(&audit->mutex);
    audit->writable = true;
    audit->syncs++;
    audit->waiting -= count;
    audit->batch_ns = batch->first == NULL ? 0 : batch->first->queued_ns;
    sync_unlock(&audit->mutex);
}

/* What waits behind a failed batch fails with it, so that nobody waits for a dead disk. */
static void note_failure(struct audit *audit, const struct err *err, struct entries *batch)
{
    if (audit->outage++ == 0) {
        log_error("audit", "requests are refused until the audit log can be written: %s",
                  err->detail);
    }
    writer_publish(audit);
    sync_lock(&audit->mutex);
    audit->batch_ns = 0;
    audit->writable = false;
    audit->retry_ns = clock_deadline(WRITER_RETRY_MS);
    audit->failures++;
    entries_append(batch, &audit->queue);
    audit->waiting = 0;
    sync_unlock(&audit->mutex);
}

static void commit(struct audit *audit, struct entries *batch)
{
    bool tries_alone = batch->first == NULL && audit->outage > 0 && sinks_may_write(&audit->sinks);
    while (batch->first != NULL || tries_alone) {
        struct entries taken = {0};
        uint64_t first_seq = 0;
        struct err err = make_durable(audit, batch, &taken, &first_seq);
        if (err.code == ERR_OK) {
            note_success(audit, taken.count, batch);
        } else {
            note_failure(audit, &err, batch);
            entries_append(&taken, batch);
            err = writer_unavailable();
        }
        release_all(audit, &taken, &err, first_seq);
        tries_alone = false;
    }
}

/* A step of filling up a folder that lags. True when the next may follow at once. */
static bool fill(struct audit *audit)
{
    if (!sinks_lag(&audit->sinks)) {
        return false;
    }
    bool again = sinks_fill(&audit->sinks);
    writer_publish(audit);
    return again;
}

void *writer_run(void *arg)
{
    struct audit *audit = arg;
    struct entries batch = {0};
    bool fill_on = false;
    while (next_batch(audit, fill_on, &batch)) {
        commit(audit, &batch);
        fill_on = fill(audit);
    }
    return NULL;
}
