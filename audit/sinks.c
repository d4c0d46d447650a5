/* The folders of the log, kept alike: the same lines under the same names.
 *
 * A batch is first written and synced everywhere, then counted everywhere or taken back everywhere:
 * so folders in step always agree. With `any`, a folder that fails falls behind; it is filled from
 * the other in steps of a megabyte, between batches, and counts again when it has every record.
 * Before it is filled, its tree must be the beginning of the other's: it is never mixed. */
#include "audit/sinks.h"

#include <inttypes.h>

#include "audit/fill.h"
#include "audit/log_start.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include "base/banned.h"

#define FILL_RETRY_MS 1000

/* --- opening --- */

static struct err open_one(struct sink *sink, const char *folder, const struct disk_calls *disk,
                           struct heads *heads)
{
    TRY(log_files_open(&sink->files, folder, disk));
    TRY(log_start_heads(&sink->files, heads));
    return log_start(&sink->files, heads);
}

/* Both have every record then, and each is as long as its own checkpoint says. */
static struct err agree(struct sinks *sinks)
{
    struct log_files *shorter = &sinks->all[0].files;
    struct log_files *longer = &sinks->all[1].files;
    if (shorter->next_seq > longer->next_seq) {
        shorter = &sinks->all[1].files;
        longer = &sinks->all[0].files;
    }
    TRY(fill_prepare(shorter, longer));
    if (shorter->next_seq < longer->next_seq) {
        log_warning("audit", "%s has %" PRIu64 " records and %s %" PRIu64 ": filling it up",
                    shorter->path, shorter->next_seq - 1, longer->path, longer->next_seq - 1);
    }
    while (shorter->next_seq < longer->next_seq) {
        TRY(fill_step(shorter, longer, &sinks->bytes));
    }
    return err_ok();
}

static struct err open_all(struct sinks *sinks, const struct audit_config *config,
                           const struct disk_calls *disk)
{
    const char *folders[SINKS_MAX] = {config->folder, config->second_folder};
    CLEANUP(heads_clear) struct heads first = {0};
    CLEANUP(heads_clear) struct heads second = {0};
    struct heads *heads[SINKS_MAX] = {&first, &second};
    for (size_t i = 0; i < SINKS_MAX && folders[i] != NULL; i++) {
        sinks->count = i + 1;
        TRY(open_one(&sinks->all[i], folders[i], disk, heads[i]));
    }
    if (sinks->count == SINKS_MAX) {
        TRY(agree(sinks));
    }
    for (size_t i = 0; i < SINKS_MAX && i < sinks->count; i++) {
        TRY(log_start_check_end(&sinks->all[i].files, heads[i]));
    }
    return err_ok();
}

struct err sinks_open(struct sinks *sinks, const struct audit_config *config,
                      const struct disk_calls *disk)
{
    *sinks = (struct sinks){.need = config->need};
    buf_init(&sinks->bytes, FILL_MAX);
    struct err err = open_all(sinks, config, disk);
    if (err.code != ERR_OK) {
        sinks_close(sinks);
    }
    return err;
}

void sinks_close(struct sinks *sinks)
{
    for (size_t i = 0; i < sinks->count; i++) {
        log_files_close(&sinks->all[i].files);
    }
    sinks->count = 0;
    buf_clear(&sinks->bytes);
}

/* --- writing --- */

struct sink *sinks_lead(struct sinks *sinks)
{
    bool second = sinks->count == SINKS_MAX && sinks->all[0].behind;
    return &sinks->all[second ? 1 : 0];
}

bool sinks_lag(const struct sinks *sinks)
{
    bool lag = false;
    for (size_t i = 0; i < sinks->count; i++) {
        lag = lag || sinks->all[i].behind;
    }
    return lag;
}

bool sinks_may_write(const struct sinks *sinks)
{
    return sinks->need == AUDIT_NEED_ANY || !sinks_lag(sinks);
}

static void fall_behind(struct sink *sink)
{
    log_error("audit", "%s no longer gets records; it is filled up when it can be written",
              sink->files.path);
    sink->behind = true;
    sink->reload = sink->files.lost;
    sink->retry_ns = clock_deadline(FILL_RETRY_MS);
}

static void keep_all(struct sinks *sinks, const bool *wrote, const struct log_batch *batch)
{
    for (size_t i = 0; i < sinks->count; i++) {
        if (wrote[i]) {
            log_files_keep(&sinks->all[i].files, batch);
        } else if (!sinks->all[i].behind) {
            fall_behind(&sinks->all[i]);
        }
    }
}

/* A folder whose files were taken away is filled from the other, if that has them. */
static void drop_all(struct sinks *sinks, const bool *wrote, const struct log_batch *batch)
{
    size_t lost = 0;
    for (size_t i = 0; i < sinks->count; i++) {
        struct log_files *files = &sinks->all[i].files;
        if (wrote[i]) {
            log_files_drop(files, batch);
        }
        lost += files->lost || sinks->all[i].behind ? 1 : 0;
    }
    for (size_t i = 0; i < sinks->count && lost < sinks->count; i++) {
        if (sinks->all[i].files.lost && !sinks->all[i].behind) {
            fall_behind(&sinks->all[i]);
        }
    }
}

struct err sinks_write(struct sinks *sinks, const struct log_batch *batch)
{
    bool wrote[SINKS_MAX] = {false};
    size_t good = 0;
    struct err failed = err_ok();
    size_t need = sinks->need == AUDIT_NEED_ANY ? 1 : sinks->count;
    ENSURE(sinks_may_write(sinks), ERR_IO,
           "a folder of the audit log does not have all records yet");
    for (size_t i = 0; i < sinks->count; i++) {
        struct sink *sink = &sinks->all[i];
        if (sink->behind) {
            continue;
        }
        struct err err = log_files_write(&sink->files, batch);
        wrote[i] = err.code == ERR_OK;
        good += wrote[i] ? 1 : 0;
        sink->failures += wrote[i] ? 0 : 1;
        failed = wrote[i] ? failed : err;
    }
    if (good >= need) {
        keep_all(sinks, wrote, batch);
        return err_ok();
    }
    drop_all(sinks, wrote, batch);
    return failed;
}

/* --- coming back --- */

static struct err come_back(struct sinks *sinks, struct sink *sink)
{
    struct log_files *from = &sinks_lead(sinks)->files;
    if (sink->reload || sink->files.lost) {
        struct heads none = {0};
        sink->reload = true;
        TRY(log_files_reload(&sink->files));
        TRY(log_start(&sink->files, &none));
        TRY(fill_prepare(&sink->files, from));
        sink->reload = false;
    }
    if (sink->files.next_seq < from->next_seq) {
        TRY(fill_step(&sink->files, from, &sinks->bytes));
    }
    if (sink->files.next_seq == from->next_seq) {
        log_info("audit", "%s has every record again", sink->files.path);
        sink->behind = false;
    }
    return err_ok();
}

bool sinks_fill(struct sinks *sinks)
{
    bool again = false;
    for (size_t i = 0; i < sinks->count; i++) {
        struct sink *sink = &sinks->all[i];
        if (!sink->behind || clock_mono_ns() < sink->retry_ns) {
            continue;
        }
        struct err err = come_back(sinks, sink);
        if (err.code != ERR_OK) {
            sink->failures++;
            sink->retry_ns = clock_deadline(FILL_RETRY_MS);
            log_warning("audit", "%s cannot be filled up yet: %s", sink->files.path, err.detail);
        }
        again = again || (err.code == ERR_OK && sink->behind);
    }
    return again;
}
