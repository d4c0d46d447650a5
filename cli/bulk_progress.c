/* A status line that stays in its place on a terminal, and a line now and then in a log. */
#include "cli/bulk_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/human.h"

#define NS_PER_S    1e9
#define TERMINAL_MS 200
#define LOG_MS      10000

static void wait_for_next(struct bulk_progress *progress)
{
    progress->next_ns = clock_deadline(progress->terminal ? TERMINAL_MS : LOG_MS);
}

void bulk_progress_start(struct bulk_progress *progress, uint64_t size,
                         const struct bulk_counts *first)
{
    progress->terminal = isatty(STDERR_FILENO) == 1;
    progress->size = size;
    progress->start_ns = clock_mono_ns();
    progress->first = *first;
    wait_for_next(progress);
}

static double seconds_since(int64_t start_ns, int64_t now_ns)
{
    const double seconds = (double)(now_ns - start_ns) / NS_PER_S;
    return seconds > 0.001 ? seconds : 0.001;
}

double bulk_progress_rate(const struct bulk_progress *progress, const struct bulk_counts *counts,
                          int64_t now_ns)
{
    return (double)(counts->lines - progress->first.lines) /
           seconds_since(progress->start_ns, now_ns);
}

/* Percent and the time left, by bytes; empty when the size is not known. */
static void put_rest(const struct bulk_progress *progress, const struct bulk_counts *counts,
                     int64_t now_ns, char out[BULK_STATUS_MAX / 2])
{
    char left[HUMAN_MAX];
    out[0] = '\0';
    if (progress->size == 0 || counts->bytes > progress->size) {
        return;
    }
    const double rate =
        (double)(counts->bytes - progress->first.bytes) / seconds_since(progress->start_ns, now_ns);
    const double rest = (double)(progress->size - counts->bytes);
    const int percent = (int)(100 - rest * 100 / (double)progress->size);
    if (rate < 1 || rest / rate > 1e9) {
        (void)snprintf(out, BULK_STATUS_MAX / 2, ", %d %%", percent);
        return;
    }
    human_span((int64_t)(rest / rate) + 1, left);
    (void)snprintf(out, BULK_STATUS_MAX / 2, ", %d %%, about %s left", percent, left);
}

void bulk_progress_line(const struct bulk_progress *progress, const struct bulk_counts *counts,
                        int64_t now_ns, char out[BULK_STATUS_MAX])
{
    char rest[BULK_STATUS_MAX / 2];
    put_rest(progress, counts, now_ns, rest);
    (void)snprintf(out, BULK_STATUS_MAX, "%" PRIu64 " lines%s, %.0f a second, %" PRIu64 " bad",
                   counts->lines, rest, bulk_progress_rate(progress, counts, now_ns), counts->bad);
}

void bulk_progress_show(struct bulk_progress *progress, const struct bulk_counts *counts)
{
    char line[BULK_STATUS_MAX];
    const int64_t now_ns = clock_mono_ns();
    if (progress->quiet || now_ns < progress->next_ns) {
        return;
    }
    bulk_progress_line(progress, counts, now_ns, line);
    fprintf(stderr, progress->terminal ? "\r%s\033[K" : "%s\n", line);
    progress->shown = progress->terminal;
    wait_for_next(progress);
}

void bulk_progress_clear(struct bulk_progress *progress)
{
    if (progress->shown) {
        fprintf(stderr, "\r\033[K");
        progress->shown = false;
    }
}
